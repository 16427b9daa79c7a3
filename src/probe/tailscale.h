/* What tailscaled says of this machine, and of the way to another, through its local API.
 *
 * A question is one HTTP request over tailscaled's socket, which any user may send. It has a time limit, and
 * at most TAILSCALE_MAX bytes of the answer are read. No question fetches the list of peers, so a large
 * tailnet costs no more than a small one. Parsing is pure; an answer may contain anything. */
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
        TAILSCALE_RESOLVERS, /* who answers for a name outside the tailnet; tailscaled asks them now */
        TAILSCALE_PING,      /* a disco ping to an address, which the other tailscaled answers */
};

/* The outcome of a question. */
struct tailscale_answer {
        enum tailscale_question question;
        enum {
                TAILSCALE_ANSWERED,
                TAILSCALE_GONE,   /* there is no socket, or no process listens at it */
                TAILSCALE_SILENT, /* no answer within the time */
        } how;
        unsigned http;    /* the HTTP status, if answered */
        const char *body; /* without a NUL; NULL: none */
        size_t length;
};

struct tailscale;

/* Called once for each question from the loop, never from tailscale_ask(), unless it is cancelled first. */
typedef void (*tailscale_done_t)(const struct tailscale_answer *answer, void *userdata);

/* H must outlive *RET. 0 or a negative errno. */
int tailscale_new(struct http *h, struct tailscale **ret);
struct tailscale *tailscale_free(struct tailscale *t);
DEFINE_CLEANUP(struct tailscale *, tailscale_free)
/* ADDRESS is for WHOIS and PING. 0, -EBUSY while another question is under way, another negative errno. */
int tailscale_ask(struct tailscale *t, enum tailscale_question question, const char *address,
        tailscale_done_t done, void *userdata);
void tailscale_cancel(struct tailscale *t);

/* ipn.State (https://pkg.go.dev/tailscale.com/ipn#State), and the values for no answer. */
enum tailscale_state {
        TAILSCALE_STATE_UNKNOWN, /* never asked, or the answer is not understood */
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
        bool online;         /* this node is connected to the control server */
        char exit_node[64];  /* the id of the exit node that this node uses; "": none */
        usec_t expires;      /* this node's key, CLOCK_REALTIME; 0: never, or not known */
        char relay[32];      /* the code of the home relay's region; "": none */
        char name[256];      /* in MagicDNS, without the dot at the end; "": none */
        char login_url[128]; /* where a user must log in; "": nowhere */
        char health[256];    /* tailscaled's warnings, "; " between; "": none */
};
/* Parses the answer to TAILSCALE_STATUS, or its absence. */
void tailscale_parse_self(const struct tailscale_answer *a, struct tailscale_self *ret);
/* Why Tailscale does not work, with the command that fixes it; NULL: it works, or that is not known. */
const char *tailscale_trouble(enum tailscale_state state);

#define TAILSCALE_ENDPOINTS_MAX 16

struct tailscale_peer {
        enum { TAILSCALE_PEER_UNKNOWN, TAILSCALE_PEER_IN, TAILSCALE_PEER_OUT } in; /* the tailnet */
        usec_t expires;                                                            /* the key, as above */
        char name[256];                                                            /* in MagicDNS */
        char id[64];
        bool online;                                 /* so says the control server */
        usec_t last_seen;                            /* CLOCK_REALTIME; 0: not known */
        char endpoints[TAILSCALE_ENDPOINTS_MAX][46]; /* the peer's addresses, in the tailnet and outside */
        size_t n_endpoints;
        char routes[128]; /* the subnets behind the peer, ", " between; "": none */
};
void tailscale_parse_peer(const struct tailscale_answer *a, struct tailscale_peer *ret);
/* Whether ADDRESS is one of P's. */
bool tailscale_is_at(const struct tailscale_peer *p, const char *address);

/* Finds the relay of the region CODE: the first node that has an address and relays. 0, or -ENOENT. */
struct tailscale_relay {
        char address[46];
        unsigned port;
};
int tailscale_parse_relay(const struct tailscale_answer *a, const char *code, struct tailscale_relay *ret);

/* Whether P is one of the name servers. */
bool tailscale_is_resolver(const struct tailscale_answer *a, const struct tailscale_peer *p);

enum tailscale_ping {
        TAILSCALE_PING_UNKNOWN,
        TAILSCALE_PING_DIRECT,
        TAILSCALE_PING_RELAYED,
        TAILSCALE_PING_SILENT,
};
enum tailscale_ping tailscale_parse_ping(const struct tailscale_answer *a);

/* What Tailscale knows at NOW about a gateway at HOST whose check C failed: "its machine answers …"; "" if
 * nothing. The text follows C's reason. Returns BUF. */
#define TAILSCALE_REMARK_MAX 128
char *tailscale_remark(const struct tailscale_peer *p, enum tailscale_ping ping, const struct check *c,
        const char *host, usec_t now, char buf[static TAILSCALE_REMARK_MAX]);
