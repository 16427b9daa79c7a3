/* The way to a gateway through Tailscale; see tailnet.h. */
#include "daemon/tailnet.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/kept_file.h"
#include "lib/log.h"
#include "lib/network.h"
#include "lib/text.h"

#define REFRESH (20 * USEC_PER_MINUTE)
/* A relay that answered no longer than this before the last good check may be the witness. */
#define RELAY_GOOD USEC_PER_HOUR
#define RELAY_TIMEOUT (3 * USEC_PER_SEC)

/* The daemon warns a user this many days before a key expires; 0: when the key has expired. */
static const unsigned warn_days[] = { 14, 7, 3, 1, 0 };

struct key {
        usec_t expires; /* CLOCK_REALTIME; 0: never */
        unsigned told;  /* how many of warn_days are done */
};

struct tailnet {
        struct http *http;
        struct tailscale *tailscale, *pinger;
        struct probe *witness; /* of .known.relay; NULL: none */
        struct kept_file file; /* what the daemon keeps over restarts */
        char host[256];
        char notice[320]; /* for a user; "": none */
        usec_t refreshed; /* 0: never */

        struct known {
                bool in;                /* the gateway is in the tailnet … */
                bool certain;           /* … and tailscaled has said whether it is */
                bool asked;             /* tailscaled has answered, or need not be asked */
                struct key here, there; /* this node's and the gateway's */
                struct tailscale_self self;
                struct tailscale_peer peer;
                enum tailscale_ping ping; /* the last ping's result */
                usec_t blind_since;       /* 0: Tailscale works */
                struct tailscale_relay relay;
                usec_t relay_answered; /* 0: never */
                usec_t good;           /* the last good check of the gateway */
        } known;

        /* The look under way. */
        char address[46];
        bool all; /* the look may change .in, and asks for the relay */
        tailnet_done_t done;
        void *userdata;
};

static usec_t now(void) {
        return now_usec(CLOCK_BOOTTIME);
}

/* What the daemon keeps over restarts. */

#define FORMAT "{s:s, s:b, s:[I, I], s:[I, I]}"

static void load(struct tailnet *t) {
        json_int_t here = 0, told_here = 0, there = 0, told_there = 0;
        _cleanup_free_ char *text = NULL;
        json_auto_t *j = NULL;
        const char *host;
        int in;

        if (read_file(t->file.path, 4096, &text) >= 0)
                j = json_loads(text, 0, NULL);
        if (!j ||
                json_unpack(j, FORMAT, "host", &host, "in", &in, "here", &here, &told_here, "there", &there,
                        &told_there) < 0 ||
                strcmp(host, t->host) != 0)
                return;
        t->known.certain = true;
        t->known.in = in;
        t->known.here = (struct key){ (usec_t) here, (unsigned) told_here };
        t->known.there = (struct key){ (usec_t) there, (unsigned) told_there };
}

static void save(struct tailnet *t) {
        const struct key *here = &t->known.here, *there = &t->known.there;

        kept_file_write_json(&t->file,
                json_pack(FORMAT, "host", t->host, "in", t->known.in, "here", (json_int_t) here->expires,
                        (json_int_t) here->told, "there", (json_int_t) there->expires,
                        (json_int_t) there->told));
}

/* Keys. */

/* How many of the days in warn_days have begun. */
static unsigned warnings_due(usec_t expires, usec_t at) {
        usec_t left = expires > at ? expires - at : 0;
        unsigned due = 0;

        while (expires > 0 && due < ELEMENTSOF(warn_days) && left <= warn_days[due] * USEC_PER_DAY)
                due++;
        return due;
}

/* Reports only the latest of the warnings that are due, and only once. */
static void look_at_key(struct tailnet *t, struct key *k, usec_t expires, const char *whose) {
        usec_t at = now_usec(CLOCK_REALTIME);
        unsigned due = warnings_due(expires, at);
        char span[SPAN_MAX], when[64] = "has expired";

        if (*t->notice || (k->expires == expires && k->told >= due))
                return; /* the next look reports another one */
        if (expires > at)
                (void) snprintf(when, sizeof when, "expires in %s", format_span(span, expires - at));
        if (due > 0)
                (void) snprintf(t->notice, sizeof t->notice,
                        "The Tailscale key of %s %s. Without it the standby cannot reach the primary, whose gateway may "
                        "well be alive. To renew the key there: tailscale up --force-reauth",
                        whose, when);
        *k = (struct key){ .expires = expires, .told = due };
        save(t);
}

static void look_at_keys(struct tailnet *t) {
        struct known *k = &t->known;

        if (k->peer.in != TAILSCALE_PEER_IN)
                return;
        look_at_key(t, &k->here, k->self.expires, "this standby");
        look_at_key(t, &k->there, k->peer.expires, "the primary");
}

void tailnet_keys(const struct tailnet *t, usec_t *ret_here, usec_t *ret_there) {
        *ret_here = t->known.in ? t->known.here.expires : 0;
        *ret_there = t->known.in ? t->known.there.expires : 0;
}

bool tailnet_take_notice(struct tailnet *t, char *buf, size_t size) {
        bool there = *t->notice;

        (void) snprintf(buf, size, "%s", t->notice);
        t->notice[0] = '\0';
        return there;
}

/* Which hosts are in the tailnet. */

static bool is_installed(void) {
        static const char *const paths[] = { TAILSCALE_SOCKET, "/etc/systemd/system/tailscaled.service",
                "/usr/lib/systemd/system/tailscaled.service", "/run/systemd/system/tailscaled.service" };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                if (access(paths[i], F_OK) >= 0)
                        return true;
        return false;
}

/* A guess by the name or address, for as long as tailscaled has never answered. It gives this machine an address while it works:
 * one that is there is another VPN's, or tailscaled has its socket elsewhere. */
static bool looks_in(const char *host) {
        const char *end = strcasestr(host, ".ts.net");
        char address[INET6_ADDRSTRLEN];

        return network_tailnet_address(address, sizeof address) < 0 &&
                (network_is_tailnet(host) ||
                        (end && end[strlen(".ts.net") + (end[strlen(".ts.net")] == '.')] == '\0'));
}

static void learn(struct tailnet *t, const struct tailscale_answer *a) {
        struct known *k = &t->known;
        struct tailscale_peer p;
        bool in;

        tailscale_parse_peer(a, &p);
        if (p.in == TAILSCALE_PEER_UNKNOWN)
                return;
        k->peer = p;
        in = p.in == TAILSCALE_PEER_IN;
        /* A change counts only after a good check: in an outage, the node may be gone for a while. */
        if (k->certain && (k->in == in || !t->all))
                return;
        if (k->certain && k->in)
                log_warning("No node of the tailnet has the address %s any more.", t->address);
        k->certain = true;
        k->in = in;
        save(t);
}

/* The relay. */

static void on_relay(struct probe *p _unused_, const struct check *check, void *userdata) {
        struct tailnet *t = userdata;

        if (check->verdict == VERDICT_UP)
                t->known.relay_answered = now();
}

static void make_witness(struct tailnet *t) {
        const struct tailscale_relay *relay = &t->known.relay;
        _cleanup_free_ char *url = probe_url(SCHEME_TCP, relay->address, relay->port, "");

        t->witness = probe_free(t->witness);
        if (url)
                (void) probe_new(t->http,
                        &(struct probe_target){ .url = url, .scheme = SCHEME_TCP, .timeout = RELAY_TIMEOUT },
                        &t->witness);
}

static void use_relay(struct tailnet *t, const struct tailscale_relay *relay) {
        struct known *k = &t->known;

        if (t->witness && probe_is_running(t->witness))
                return;
        if (!t->witness || strcmp(relay->address, k->relay.address) != 0 || relay->port != k->relay.port) {
                k->relay = *relay;
                k->relay_answered = 0;
                make_witness(t);
        }
        if (t->witness)
                (void) probe_start(t->witness, on_relay, t);
}

struct probe *tailnet_witness(struct tailnet *t) {
        const struct known *k = &t->known;
        bool fresh = k->relay_answered > 0 && k->relay_answered + RELAY_GOOD > k->good;

        return k->in && fresh && !*k->self.exit_node && !tailscale_is_at(&k->peer, k->relay.address)
                ? t->witness
                : NULL;
}

/* A look. */

static void on_answer(const struct tailscale_answer *a, void *userdata) {
        struct tailnet *t = userdata;
        struct known *k = &t->known;
        struct tailscale_relay relay;
        tailnet_done_t done;
        int r = -ENOENT;

        switch (a->question) {
        case TAILSCALE_STATUS:
                tailscale_parse_self(a, &k->self);
                k->asked = true;
                k->blind_since = !tailscale_trouble(k->self.state) ? 0 : k->blind_since ?: now();
                /* A node that is logged out would answer that it knows no address. */
                if (k->self.state == TAILSCALE_STATE_RUNNING && *t->address)
                        r = tailscale_ask(t->tailscale, TAILSCALE_WHOIS, t->address, on_answer, t);
                break;
        case TAILSCALE_WHOIS:
                learn(t, a);
                look_at_keys(t);
                if (t->file.unwritten)
                        save(t);
                if (t->all && k->in && *k->self.relay)
                        r = tailscale_ask(t->tailscale, TAILSCALE_DERPMAP, NULL, on_answer, t);
                break;
        case TAILSCALE_DERPMAP:
                if (tailscale_parse_relay(a, k->self.relay, &relay) >= 0)
                        use_relay(t, &relay);
                break;
        case TAILSCALE_PING:
                k->ping = tailscale_parse_ping(a);
                return;
        default: /* questions of doctor */
                break;
        }
        done = r < 0 ? TAKE(t->done) : NULL;
        if (done)
                done(t->userdata);
}

static int begin_look(struct tailnet *t, bool all, const char *address) {
        tailscale_cancel(t->tailscale);
        t->all = all;
        (void) snprintf(t->address, sizeof t->address, "%s", address);
        return tailscale_ask(t->tailscale, TAILSCALE_STATUS, NULL, on_answer, t);
}

int tailnet_look(struct tailnet *t, const char *address, tailnet_done_t done, void *userdata) {
        struct known *k = &t->known;
        bool installed = is_installed();
        int r;

        if (!installed)
                k->in = k->certain = false;
        else if (!k->certain)
                k->in = looks_in(t->host);
        if (!installed || (k->certain && !k->in)) {
                k->asked = true; /* and not again before the next failed check */
                k->blind_since = 0;
                return -ENOENT;
        }
        r = begin_look(t, !k->certain, address);
        if (r >= 0) {
                t->done = done;
                t->userdata = userdata;
        }
        return r;
}

void tailnet_refresh(struct tailnet *t, const char *address) {
        t->known.ping = TAILSCALE_PING_UNKNOWN;
        t->known.good = now();
        if (t->done || (t->refreshed > 0 && now() - t->refreshed < REFRESH))
                return;
        t->refreshed = now();
        if (is_installed())
                (void) begin_look(t, true, address);
}

void tailnet_ping(struct tailnet *t, const char *address) {
        tailscale_cancel(t->pinger);
        t->known.ping = TAILSCALE_PING_UNKNOWN;
        if (t->known.in && t->known.self.state == TAILSCALE_STATE_RUNNING && *address)
                (void) tailscale_ask(t->pinger, TAILSCALE_PING, address, on_answer, t);
}

void tailnet_remark(const struct tailnet *t, struct check *c) {
        char remark[TAILSCALE_REMARK_MAX];

        if (!t->known.in || c->verdict == VERDICT_CUT_OFF)
                return;
        (void) tailscale_remark(&t->known.peer, t->known.ping, c, t->host, now_usec(CLOCK_REALTIME), remark);
        if (*remark)
                (void) appendf(c->reason, sizeof c->reason, "; %s", remark);
}

bool tailnet_looks_first(const struct tailnet *t) {
        return tailnet_blind_since(t, NULL, 0) > 0 || !t->known.asked;
}

usec_t tailnet_blind_since(const struct tailnet *t, char *why, size_t size) {
        time_t expired = (time_t) (t->known.here.expires / USEC_PER_SEC);
        struct tm tm;

        if (!t->known.in || t->known.blind_since == 0)
                return 0;
        if (!why)
                return t->known.blind_since;
        (void) snprintf(why, size, "%s", tailscale_trouble(t->known.self.state));
        /* tailscaled no longer knows when the key expired. It says only that a login is needed. */
        if (t->known.self.state == TAILSCALE_STATE_NEEDS_LOGIN && expired > 0 && expired <= time(NULL) &&
                gmtime_r(&expired, &tm))
                (void) strftime(why, size,
                        "the Tailscale key of this node expired on %Y-%m-%d (tailscale up --force-reauth)",
                        &tm);
        return t->known.blind_since;
}

bool tailnet_restarts(const struct tailnet *t) {
        enum tailscale_state state = t->known.self.state;

        return tailnet_blind_since(t, NULL, 0) > 0 &&
                (state == TAILSCALE_STATE_STARTING || state == TAILSCALE_STATE_GONE) &&
                now() - t->known.blind_since < TAILNET_RESTART_MAX;
}

void tailnet_carry_over(struct tailnet *t, const struct tailnet *before) {
        t->known = before->known;
        if (before->witness)
                make_witness(t);
}

int tailnet_new(struct http *h, const struct instance *instance, const char *file, const char *host,
        struct tailnet **ret) {
        _cleanup_(tailnet_freep) struct tailnet *t = calloc(1, sizeof *t);
        int r;

        if (!t || asprintf(&t->file.path, "%s/%s", instance->state_dir, file) < 0)
                return -ENOMEM;
        t->http = h;
        (void) snprintf(t->host, sizeof t->host, "%s", host);
        r = tailscale_new(h, &t->tailscale);
        if (r >= 0)
                r = tailscale_new(h, &t->pinger);
        if (r < 0)
                return r;
        load(t);
        *ret = TAKE(t);
        return 0;
}

struct tailnet *tailnet_free(struct tailnet *t) {
        if (!t)
                return NULL;
        tailscale_free(t->tailscale);
        tailscale_free(t->pinger);
        probe_free(t->witness);
        free(t->file.path);
        free(t);
        return NULL;
}
