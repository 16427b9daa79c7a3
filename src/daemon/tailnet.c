/* The way to a gateway through Tailscale, and the warnings before a key expires; see tailnet.h. */
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

struct tailnet {
        struct http *http;
        struct tailscale *tailscale, *pinger;
        struct kept_file file; /* what the daemon keeps over restarts */
        char host[256];
        char *notice; /* for a user; NULL: none */

        bool in;                        /* the gateway is in the tailnet … */
        bool certain;                   /* … and tailscaled has said whether it is */
        unsigned told_here, told_there; /* how many of warn_days are reported */
        struct tailscale_self self;
        struct tailscale_peer peer;
        enum tailscale_ping ping; /* the last ping's result */
        usec_t blind_since;       /* when Tailscale was first seen not to work */

        struct tailscale_relay relay;
        struct probe *witness; /* of .relay; NULL: none */
        usec_t relay_answered; /* 0: never */
        usec_t good;           /* the last good check of the gateway */
        usec_t refreshed;      /* 0: never */

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

#define FORMAT "{s:s, s:b}"

static void load(struct tailnet *t) {
        _cleanup_free_ char *text = NULL;
        json_auto_t *j = NULL;
        const char *host;
        int in;

        if (read_file(t->file.path, 4096, &text) >= 0)
                j = json_loads(text, 0, NULL);
        if (!j || json_unpack(j, FORMAT, "host", &host, "in", &in) < 0 || strcmp(host, t->host) != 0)
                return;
        t->certain = true;
        t->in = in;
}

static void save(struct tailnet *t) {
        kept_file_write_json(&t->file, json_pack(FORMAT, "host", t->host, "in", t->in));
}

/* Keys. */

/* Reports only the latest of the warnings that are due, and once. A renewed key has none. */
static void look_at_key(struct tailnet *t, unsigned *told, usec_t expires, const char *whose) {
        usec_t at = now_usec(CLOCK_REALTIME), left = expires > at ? expires - at : 0;
        char span[SPAN_MAX], when[64] = "has expired";
        unsigned due = 0;

        while (expires > 0 && due < ELEMENTSOF(warn_days) && left <= warn_days[due] * USEC_PER_DAY)
                due++;
        if (t->notice)
                return; /* the next look reports another one */
        if (left > 0)
                (void) snprintf(when, sizeof when, "expires in %s", format_span(span, left));
        if (due > *told &&
                asprintf(&t->notice,
                        "The Tailscale key of %s %s. Without it the standby cannot reach the primary, whose gateway may "
                        "well be alive. To renew the key there: tailscale up --force-reauth",
                        whose, when) < 0)
                t->notice = NULL;
        *told = due;
}

static void look_at_keys(struct tailnet *t) {
        if (t->peer.in != TAILSCALE_PEER_IN)
                return;
        look_at_key(t, &t->told_here, t->self.expires, "this standby");
        look_at_key(t, &t->told_there, t->peer.expires, "the primary");
}

void tailnet_keys(const struct tailnet *t, usec_t *ret_here, usec_t *ret_there) {
        *ret_here = t->in ? t->self.expires : 0;
        *ret_there = t->in ? t->peer.expires : 0;
}

char *tailnet_take_notice(struct tailnet *t) {
        return TAKE(t->notice);
}

/* Which hosts are in the tailnet. */

static bool is_installed(void) {
        return access(TAILSCALE_SOCKET, F_OK) >= 0 || access("/var/lib/tailscale", F_OK) >= 0;
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
        struct tailscale_peer p;
        bool in;

        tailscale_parse_peer(a, &p);
        if (p.in == TAILSCALE_PEER_UNKNOWN)
                return;
        t->peer = p;
        in = p.in == TAILSCALE_PEER_IN;
        /* A change counts only after a good check: in an outage, the node may be gone for a while. */
        if (t->certain && (t->in == in || !t->all))
                return;
        if (t->certain && t->in)
                log_warning("No node of the tailnet has the address %s any more.", t->address);
        t->certain = true;
        t->in = in;
        save(t);
}

/* The relay. */

static void on_relay(struct probe *p _unused_, const struct check *check, void *userdata) {
        struct tailnet *t = userdata;

        if (check->verdict == VERDICT_UP)
                t->relay_answered = now();
}

static void use_relay(struct tailnet *t, const struct tailscale_relay *relay) {
        if (t->witness && probe_is_running(t->witness))
                return;
        if (!t->witness || strcmp(relay->address, t->relay.address) != 0 || relay->port != t->relay.port) {
                _cleanup_free_ char *url = probe_url(SCHEME_TCP, relay->address, relay->port, "");
                struct probe_target target = { .url = url, .scheme = SCHEME_TCP, .timeout = RELAY_TIMEOUT };

                t->relay = *relay;
                t->relay_answered = 0;
                t->witness = probe_free(t->witness);
                if (url)
                        (void) probe_new(t->http, &target, &t->witness);
        }
        if (t->witness)
                (void) probe_start(t->witness, on_relay, t);
}

struct probe *tailnet_witness(struct tailnet *t) {
        bool fresh = t->relay_answered > 0 && t->relay_answered + RELAY_GOOD > t->good;

        return t->in && fresh && !*t->self.exit_node && !tailscale_is_at(&t->peer, t->relay.address)
                ? t->witness
                : NULL;
}

/* A look. */

static void on_answer(const struct tailscale_answer *a, void *userdata) {
        struct tailnet *t = userdata;
        struct tailscale_relay relay;
        tailnet_done_t done;
        int r = -ENOENT;

        switch (a->question) {
        case TAILSCALE_STATUS:
                tailscale_parse_self(a, &t->self);
                t->blind_since = !tailscale_trouble(t->self.state) ? 0 : t->blind_since ?: now();
                /* A node that is logged out would answer that it knows no address. */
                if (t->self.state == TAILSCALE_STATE_RUNNING && *t->address)
                        r = tailscale_ask(t->tailscale, TAILSCALE_WHOIS, t->address, on_answer, t);
                break;
        case TAILSCALE_WHOIS:
                learn(t, a);
                look_at_keys(t);
                if (t->file.unwritten)
                        save(t);
                if (t->all && t->in && *t->self.relay)
                        r = tailscale_ask(t->tailscale, TAILSCALE_DERPMAP, NULL, on_answer, t);
                break;
        case TAILSCALE_DERPMAP:
                if (tailscale_parse_relay(a, t->self.relay, &relay) >= 0)
                        use_relay(t, &relay);
                break;
        case TAILSCALE_PING:
                t->ping = tailscale_parse_ping(a);
                return;
        default: /* questions of doctor */
                break;
        }
        done = r < 0 ? TAKE(t->done) : NULL;
        if (done)
                done(t->userdata);
}

static int begin_look(
        struct tailnet *t, bool all, const char *address, tailnet_done_t done, void *userdata) {
        int r;

        tailscale_cancel(t->tailscale);
        t->all = all;
        (void) snprintf(t->address, sizeof t->address, "%s", address);
        r = tailscale_ask(t->tailscale, TAILSCALE_STATUS, NULL, on_answer, t);
        t->done = r >= 0 ? done : NULL;
        t->userdata = userdata;
        return r;
}

int tailnet_look(struct tailnet *t, const char *address, tailnet_done_t done, void *userdata) {
        bool installed = is_installed();

        if (!installed)
                t->in = t->certain = false;
        else if (!t->certain)
                t->in = looks_in(t->host);
        if (installed && (t->in || !t->certain))
                return begin_look(t, !t->certain, address, done, userdata);
        t->blind_since = 0;
        return -ENOENT;
}

void tailnet_refresh(struct tailnet *t, const char *address) {
        t->ping = TAILSCALE_PING_UNKNOWN;
        t->good = now();
        if (t->done || (t->refreshed > 0 && now() - t->refreshed < REFRESH))
                return;
        t->refreshed = now();
        if (is_installed())
                (void) begin_look(t, true, address, NULL, NULL);
}

void tailnet_ping(struct tailnet *t, const char *address) {
        tailscale_cancel(t->pinger);
        t->ping = TAILSCALE_PING_UNKNOWN;
        if (t->in && t->self.state == TAILSCALE_STATE_RUNNING && *address)
                (void) tailscale_ask(t->pinger, TAILSCALE_PING, address, on_answer, t);
}

void tailnet_remark(const struct tailnet *t, struct check *c) {
        char remark[TAILSCALE_REMARK_MAX];

        if (!t->in || c->verdict == VERDICT_CUT_OFF)
                return;
        (void) tailscale_remark(&t->peer, t->ping, c, t->host, now_usec(CLOCK_REALTIME), remark);
        if (*remark)
                (void) appendf(c->reason, sizeof c->reason, "; %s", remark);
}

bool tailnet_looks_first(const struct tailnet *t) {
        return tailnet_trouble(t) || t->self.state == TAILSCALE_STATE_UNKNOWN;
}

const char *tailnet_trouble(const struct tailnet *t) {
        return t->in ? tailscale_trouble(t->self.state) : NULL;
}

usec_t tailnet_blind_since(const struct tailnet *t) {
        return t->blind_since;
}

bool tailnet_restarts(const struct tailnet *t) {
        return (t->self.state == TAILSCALE_STATE_STARTING || t->self.state == TAILSCALE_STATE_GONE) &&
                now() - t->blind_since < TAILNET_RESTART_MAX;
}

void tailnet_cancel(struct tailnet *t) {
        tailscale_cancel(t->tailscale);
        t->done = NULL;
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
        free(t->notice);
        free(t);
        return NULL;
}
