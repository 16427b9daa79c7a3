/* The way to the primary through Tailscale; see tailnet.h. */
#include "daemon/tailnet.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/network.h"
#include "lib/text.h"

#define REFRESH (20 * USEC_PER_MINUTE)
/* A relay that has answered this long ago still is one. */
#define RELAY_GOOD USEC_PER_HOUR
#define RELAY_TIMEOUT (3 * USEC_PER_SEC)

/* Before a key expires, a user is warned this many days ahead; 0: when it has. */
static const unsigned warn_days[] = { 14, 7, 3, 1, 0 };

struct key {
        usec_t expires; /* CLOCK_REALTIME; 0: never */
        unsigned told;  /* how many of the warnings are over */
};

struct tailnet {
        struct http *http;
        struct tailscale *tailscale, *pinger;
        enum tailscale_ping ping; /* what came of the last one */
        char *path;               /* where what is known is kept */
        char host[256];
        bool in;    /* the primary is in the tailnet … */
        bool known; /* … and tailscaled has said so, or not */
        struct tailscale_self self;
        struct tailscale_peer peer;

        struct key here, there; /* this node's and the primary's */
        char notice[320];       /* for a user; "": none */

        usec_t refreshed; /* 0: never */
        struct tailscale_relay relay;
        usec_t relay_answered; /* 0: never */
        struct probe *witness; /* of .relay; NULL: none */

        /* The look under way. */
        char address[46];
        bool all; /* it is a refresh */
        tailnet_done_t done;
        void *userdata;
};

static usec_t now(void) {
        return now_usec(CLOCK_BOOTTIME);
}

/* What is known, over restarts. */

static json_t *pack_key(const struct key *k) {
        return json_pack("{s:I, s:i}", "expires", (json_int_t) k->expires, "told", (int) k->told);
}

static void unpack_key(json_t *j, struct key *ret) {
        json_int_t expires;
        int told;

        if (json_unpack(j, "{s:I, s:i !}", "expires", &expires, "told", &told) == 0 && expires >= 0 &&
                told >= 0 && told <= (int) ELEMENTSOF(warn_days))
                *ret = (struct key){ .expires = (usec_t) expires, .told = (unsigned) told };
}

static void load(struct tailnet *t) {
        _cleanup_free_ char *text = NULL;
        json_t *j = NULL, *here, *there;
        const char *host;
        int in;

        if (read_file(t->path, 4096, &text) >= 0)
                j = json_loads(text, 0, NULL);
        if (j &&
                json_unpack(j, "{s:s, s:b, s:o, s:o !}", "host", &host, "in", &in, "here", &here, "there",
                        &there) == 0 &&
                strcmp(host, t->host) == 0) {
                t->known = true;
                t->in = in;
                unpack_key(here, &t->here);
                unpack_key(there, &t->there);
        }
        json_decref(j);
}

static void save(const struct tailnet *t) {
        json_t *j = json_pack("{s:s, s:b, s:o, s:o}", "host", t->host, "in", t->in, "here",
                pack_key(&t->here), "there", pack_key(&t->there));
        _cleanup_free_ char *text = j ? json_dumps(j, 0) : NULL;
        int r = text ? write_file_quick(t->path, text, 0644) : -ENOMEM;

        json_decref(j);
        if (r < 0)
                log_warning("%s cannot be written: %s.", t->path, strerror(-r));
}

/* Keys. */

/* How many of the days in warn_days have begun, EXPIRES being what is to come. */
static unsigned warnings_due(usec_t expires, usec_t at) {
        usec_t left = expires > at ? expires - at : 0;
        unsigned due = 0;

        while (due < ELEMENTSOF(warn_days) && left <= warn_days[due] * USEC_PER_DAY)
                due++;
        return due;
}

/* Of the warnings that are due the last one alone, once. */
static void look_at_key(struct tailnet *t, struct key *k, usec_t expires, const char *whose) {
        usec_t at = now_usec(CLOCK_REALTIME);
        char span[SPAN_MAX];
        unsigned due = expires > 0 ? warnings_due(expires, at) : 0;

        if (*t->notice || (k->expires == expires && k->told >= due))
                return; /* the next look reports another one */
        if (due > 0 && expires > at)
                (void) snprintf(t->notice, sizeof t->notice,
                        "The Tailscale key of %s expires in %s. Then the standby cannot reach the primary. To renew it "
                        "there: tailscale up --force-reauth",
                        whose, format_span(span, expires - at));
        else if (due > 0)
                (void) snprintf(t->notice, sizeof t->notice,
                        "The Tailscale key of %s has expired. The gateway of the primary may well be alive. To renew the key "
                        "there: tailscale up --force-reauth",
                        whose);
        *k = (struct key){ .expires = expires, .told = due };
        save(t);
}

static void look_at_keys(struct tailnet *t) {
        if (t->in && t->self.state == TAILSCALE_STATE_RUNNING)
                look_at_key(t, &t->here, t->self.expires, "this standby");
        if (t->peer.in == TAILSCALE_PEER_IN)
                look_at_key(t, &t->there, t->peer.expires, "the primary");
}

void tailnet_keys(const struct tailnet *t, usec_t *ret_here, usec_t *ret_there) {
        *ret_here = t->in ? t->here.expires : 0;
        *ret_there = t->in ? t->there.expires : 0;
}

bool tailnet_take_notice(struct tailnet *t, char *buf, size_t size) {
        bool there = *t->notice;

        (void) snprintf(buf, size, "%s", t->notice);
        t->notice[0] = '\0';
        return there;
}

static bool is_installed(void) {
        static const char *const paths[] = { TAILSCALE_SOCKET, "/etc/systemd/system/tailscaled.service",
                "/usr/lib/systemd/system/tailscaled.service", "/run/systemd/system/tailscaled.service" };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                if (access(paths[i], F_OK) >= 0)
                        return true;
        return false;
}

static bool ends_with(const char *text, const char *end) {
        size_t n = strlen(text), m = strlen(end);

        return n >= m && strcasecmp(text + n - m, end) == 0;
}

/* Before tailscaled has ever said so. */
static bool looks_in(const char *host) {
        return network_is_tailnet(host) || ends_with(host, ".ts.net") || ends_with(host, ".ts.net.");
}

static void learn(struct tailnet *t, const struct tailscale_answer *a) {
        struct tailscale_peer p;
        bool in;

        tailscale_parse_peer(a, &p);
        /* That it has left the tailnet is no news for the middle of an outage. */
        if (p.in == TAILSCALE_PEER_UNKNOWN || (p.in == TAILSCALE_PEER_OUT && t->known && !t->all))
                return;
        in = p.in == TAILSCALE_PEER_IN;
        if (t->known && t->in && !in)
                log_warning("No node of the tailnet has the address %s any more.", t->address);
        if (t->known && t->in == in && in == (t->peer.in == TAILSCALE_PEER_IN)) {
                t->peer = p;
                return;
        }
        t->peer = p;
        t->known = true;
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
        _cleanup_free_ char *url = NULL;

        if (!t->witness || strcmp(relay->address, t->relay.address) != 0 || relay->port != t->relay.port) {
                t->relay = *relay;
                t->relay_answered = 0;
                t->witness = probe_free(t->witness);
                url = probe_url(SCHEME_TCP, relay->address, relay->port, "");
                if (!url ||
                        probe_new(t->http,
                                &(struct probe_target){
                                        .url = url,
                                        .scheme = SCHEME_TCP,
                                        .timeout = RELAY_TIMEOUT,
                                },
                                &t->witness) < 0)
                        return;
        }
        (void) probe_start(t->witness, on_relay, t);
}

struct probe *tailnet_witness(struct tailnet *t) {
        bool fresh = t->relay_answered > 0 && now() - t->relay_answered < RELAY_GOOD;

        return t->in && fresh && !t->self.has_exit_node && !tailscale_is_at(&t->peer, t->relay.address)
                ? t->witness
                : NULL;
}

/* A look. */

static void end_look(struct tailnet *t) {
        tailnet_done_t done = TAKE(t->done);

        if (done)
                done(t->userdata);
}

static void on_answer(const struct tailscale_answer *a, void *userdata) {
        struct tailnet *t = userdata;
        struct tailscale_relay relay;
        int r = -ENOENT;

        switch (a->question) {
        case TAILSCALE_STATUS:
                tailscale_parse_self(a, &t->self);
                /* A node that is logged out would say of everybody that it does not know him. */
                if (t->self.state == TAILSCALE_STATE_RUNNING && *t->address)
                        r = tailscale_ask(t->tailscale, TAILSCALE_WHOIS, t->address, on_answer, t);
                break;
        case TAILSCALE_WHOIS:
                learn(t, a);
                look_at_keys(t);
                if (t->all && t->in && *t->self.relay)
                        r = tailscale_ask(t->tailscale, TAILSCALE_DERPMAP, NULL, on_answer, t);
                break;
        case TAILSCALE_DERPMAP:
                if (tailscale_parse_relay(a, t->self.relay, &relay) >= 0)
                        use_relay(t, &relay);
                break;
        default:
                break;
        }
        if (r < 0)
                end_look(t);
}

static int begin_look(struct tailnet *t, const char *address) {
        tailscale_cancel(t->tailscale);
        (void) snprintf(t->address, sizeof t->address, "%s", address);
        return tailscale_ask(t->tailscale, TAILSCALE_STATUS, NULL, on_answer, t);
}

int tailnet_look(struct tailnet *t, const char *address, tailnet_done_t done, void *userdata) {
        int r;

        if (!is_installed()) {
                t->in = t->known = false;
                return -ENOENT;
        }
        if (!t->known)
                t->in = looks_in(t->host);
        if (t->known && !t->in)
                return -ENOENT;
        t->all = !t->known;
        r = begin_look(t, address);
        if (r >= 0) {
                t->done = done;
                t->userdata = userdata;
        }
        return r;
}

void tailnet_refresh(struct tailnet *t, const char *address) {
        t->ping = TAILSCALE_PING_UNKNOWN;
        if (t->done || (t->refreshed > 0 && now() - t->refreshed < REFRESH))
                return;
        t->refreshed = now();
        if (!is_installed())
                return;
        t->all = true;
        (void) begin_look(t, address);
}

static void on_ping(const struct tailscale_answer *a, void *userdata) {
        struct tailnet *t = userdata;

        t->ping = tailscale_parse_ping(a);
}

void tailnet_ping(struct tailnet *t, const char *address) {
        tailscale_cancel(t->pinger);
        t->ping = TAILSCALE_PING_UNKNOWN;
        if (t->in && t->self.state == TAILSCALE_STATE_RUNNING && *address)
                (void) tailscale_ask(t->pinger, TAILSCALE_PING, address, on_ping, t);
}

void tailnet_remark(const struct tailnet *t, struct check *c) {
        bool refused = c->verdict == VERDICT_DOWN && !c->connected && !c->unanswered;
        char remark[TAILSCALE_REMARK_MAX];

        if (!t->in || c->verdict == VERDICT_CUT_OFF || (!refused && !c->unanswered))
                return;
        (void) tailscale_remark(&t->peer, t->ping, refused, now_usec(CLOCK_REALTIME), remark);
        if (*remark)
                (void) appendf(c->reason, sizeof c->reason, "; %s", remark);
}

bool tailnet_is_blind(const struct tailnet *t, char *why, size_t size) {
        static const char *const words[] = {
                [TAILSCALE_STATE_UNKNOWN] = NULL,
                [TAILSCALE_STATE_RUNNING] = NULL,
                [TAILSCALE_STATE_STOPPED] = "Tailscale is stopped here (tailscale up)",
                [TAILSCALE_STATE_NEEDS_LOGIN] = "this node is logged out of Tailscale (tailscale up)",
                [TAILSCALE_STATE_NEEDS_MACHINE_AUTH] = "this node waits to be approved in the tailnet",
                [TAILSCALE_STATE_STARTING] = "Tailscale is starting here",
                [TAILSCALE_STATE_GONE] = "tailscaled is not running here (systemctl start tailscaled)",
                [TAILSCALE_STATE_SILENT] = "tailscaled does not answer here (systemctl restart tailscaled)",
        };
        const char *word = words[t->self.state];

        if (!t->in || !word)
                return false;
        if (why)
                (void) snprintf(why, size, "this machine is cut off: %s", word);
        return true;
}

void tailnet_carry_over(struct tailnet *t, const struct tailnet *before) {
        t->in = before->in;
        t->known = before->known;
        t->self = before->self;
        t->here = before->here;
        t->there = before->there;
        t->peer = before->peer;
}

int tailnet_new(struct http *h, const struct instance *instance, const char *host, struct tailnet **ret) {
        _cleanup_(tailnet_freep) struct tailnet *t = calloc(1, sizeof *t);
        int r;

        if (!t || asprintf(&t->path, "%s/tailnet.json", instance->state_dir) < 0)
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
        free(t->path);
        free(t);
        return NULL;
}
