/* What tailscaled says of this machine, and of the way to another, through its local API.
 *
 * A question is one HTTP request over tailscaled's socket, which any user may ask, within a time limit, and at most
 * TAILSCALE_MAX of the answer are read. The list of peers is never fetched: a tailnet of 10,000 nodes costs what one of two
 * does. Parsing is pure; anything may be in an answer. */
#pragma once

#include "core/verdict.h"
#include "lib/http.h"

/* paths.DefaultTailscaledSocket() of Tailscale on Linux. */
#define TAILSCALE_SOCKET "/run/tailscale/tailscaled.sock"
#define TAILSCALE_MAX (256 * 1024)

enum tailscale_question {
        TAILSCALE_STATUS,    /* of this machine */
        TAILSCALE_WHOIS,     /* who has an address */
        TAILSCALE_DERPMAP,   /* the relays */
        TAILSCALE_SERVE,     /* what `tailscale serve` here leads to */
        TAILSCALE_RESOLVERS, /* who answers for a name outside the tailnet: it is asked, over the network */
        TAILSCALE_PING,      /* a disco ping to an address, which the other tailscaled answers */
};

/* What became of a question. */
struct tailscale_answer {
        enum tailscale_question question;
        enum {
                TAILSCALE_ANSWERED,
                TAILSCALE_GONE,   /* there is no socket, or nobody listens at it */
                TAILSCALE_SILENT, /* no answer within the time */
        } how;
        unsigned http;    /* its status, if answered */
        const char *body; /* without a NUL; NULL: none */
        size_t length;
};

struct tailscale;

/* Called once for each question, unless it is cancelled first, from the loop and never from inside tailscale_ask(). */
typedef void (*tailscale_done_t)(const struct tailscale_answer *answer, void *userdata);

/* 0 or a negative errno. H must outlive it. */
int tailscale_new(struct http *h, struct tailscale **ret);
struct tailscale *tailscale_free(struct tailscale *t);
DEFINE_CLEANUP(struct tailscale *, tailscale_free)
/* ADDRESS is for WHOIS and PING. 0, -EBUSY while another question is under way, another negative errno. */
int tailscale_ask(struct tailscale *t, enum tailscale_question question, const char *address,
        tailscale_done_t done, void *userdata);
void tailscale_cancel(struct tailscale *t);

/* ipn.State (https://pkg.go.dev/tailscale.com/ipn#State), and what stands for it without an answer. */
enum tailscale_state {
        TAILSCALE_STATE_UNKNOWN, /* never asked, or an answer that is not understood */
        TAILSCALE_STATE_RUNNING,
        TAILSCALE_STATE_STOPPED,
        TAILSCALE_STATE_NEEDS_LOGIN,
        TAILSCALE_STATE_NEEDS_MACHINE_AUTH,
        TAILSCALE_STATE_STARTING, /* and NoState */
        TAILSCALE_STATE_GONE,
        TAILSCALE_STATE_SILENT,
};

struct tailscale_self {
        enum tailscale_state state;
        bool online;         /* the control server has it connected */
        bool has_exit_node;  /* it uses one … */
        char exit_node[64];  /* … whose id is this */
        usec_t expires;      /* its key, CLOCK_REALTIME; 0: never, or not known */
        char relay[32];      /* the code of its home relay's region; "": none */
        char name[256];      /* in MagicDNS, without the dot at the end; "": none */
        char login_url[128]; /* where a login is waited for; "": none */
        char health[256];    /* what tailscaled complains of, "; " between; "": nothing */
};
/* Also of an answer that did not come. */
void tailscale_parse_self(const struct tailscale_answer *a, struct tailscale_self *ret);
/* Why nothing is reached through Tailscale, with the command that fixes it; NULL: it works, or that is not known. */
const char *tailscale_trouble(enum tailscale_state state);

#define TAILSCALE_ENDPOINTS_MAX 16

struct tailscale_peer {
        enum { TAILSCALE_PEER_UNKNOWN, TAILSCALE_PEER_IN, TAILSCALE_PEER_OUT } in; /* the tailnet */
        usec_t expires;                                                            /* its key, as above */
        char name[256];                                                            /* in MagicDNS */
        char id[64];
        bool knows_online; /* the control server says whether it is */
        bool online;
        usec_t last_seen;                            /* CLOCK_REALTIME; 0: not known */
        char endpoints[TAILSCALE_ENDPOINTS_MAX][46]; /* its addresses, in the tailnet and outside */
        size_t n_endpoints;
        char routes[128]; /* the subnets that are reached through it, ", " between; "": none */
};
void tailscale_parse_peer(const struct tailscale_answer *a, struct tailscale_peer *ret);
/* Whether ADDRESS is one of its own. */
bool tailscale_is_at(const struct tailscale_peer *p, const char *address);

/* The relay of the region with CODE: the first node that has an address and relays. 0, or -ENOENT. */
struct tailscale_relay {
        char address[46];
        unsigned port;
};
int tailscale_parse_relay(const struct tailscale_answer *a, const char *code, struct tailscale_relay *ret);

/* Whether `tailscale serve` leads to PORT here, or listens at it. */
bool tailscale_serves(const struct tailscale_answer *a, unsigned port);
/* Whether P is one of the name servers. */
bool tailscale_is_resolver(const struct tailscale_answer *a, const struct tailscale_peer *p);

enum tailscale_ping {
        TAILSCALE_PING_UNKNOWN,
        TAILSCALE_PING_DIRECT,
        TAILSCALE_PING_RELAYED,
        TAILSCALE_PING_SILENT,
};
enum tailscale_ping tailscale_parse_ping(const struct tailscale_answer *a);

/* What Tailscale knows at NOW of a gateway at HOST for which C failed, to be read after what the check found: "its machine
 * answers …"; "" if it is nothing. Returns BUF. */
#define TAILSCALE_REMARK_MAX 128
char *tailscale_remark(const struct tailscale_peer *p, enum tailscale_ping ping, const struct check *c,
        const char *host, usec_t now, char buf[static TAILSCALE_REMARK_MAX]);

/* "2026-12-09T17:20:24.037Z" as CLOCK_REALTIME; 0 if it is none, or Go's zero time. */
usec_t tailscale_parse_time(const char *text);
