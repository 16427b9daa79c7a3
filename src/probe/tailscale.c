/* tailscaled's local API; see tailscale.h. */
#include "probe/tailscale.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "lib/json.h"
#include "lib/network.h"
#include "lib/text.h"

#define API "http://local-tailscaled.sock/localapi/v0/"
/* tailscaled answers within 2 ms, except to a ping. */
#define TIMEOUT_MS 1000L
#define PING_TIMEOUT_MS 2000L

struct tailscale {
        struct http_request *request;
        tailscale_done_t done; /* NULL: nothing is under way */
        void *userdata;
        struct tailscale_answer answer;
        struct http_body body;
};

static void on_done(struct http_request *r, CURLcode code, void *userdata) {
        struct tailscale *t = userdata;
        tailscale_done_t done = TAKE(t->done);
        long http = 0;

        (void) curl_easy_getinfo(http_request_easy(r), CURLINFO_RESPONSE_CODE, &http);
        /* A longer answer than is read counts. Other errors: no socket, or tailscaled has just ended. */
        t->answer.how = code == CURLE_OK || code == CURLE_WRITE_ERROR ? TAILSCALE_ANSWERED
                : code == CURLE_OPERATION_TIMEDOUT                    ? TAILSCALE_SILENT
                                                                      : TAILSCALE_GONE;
        t->answer.http = (unsigned) http;
        t->answer.body = t->body.data;
        t->answer.length = t->body.length;
        done(&t->answer, t->userdata);
}

int tailscale_new(struct http *h, struct tailscale **ret) {
        _cleanup_(tailscale_freep) struct tailscale *t = calloc(1, sizeof *t);
        CURL *easy;
        int r;

        if (!t)
                return -ENOMEM;
        r = http_request_new(h, on_done, t, &t->request);
        if (r < 0)
                return r;
        easy = http_request_easy(t->request);
        (void) curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, TAILSCALE_SOCKET);
        (void) curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_body_write);
        (void) curl_easy_setopt(easy, CURLOPT_WRITEDATA, &t->body);
        *ret = TAKE(t);
        return 0;
}

struct tailscale *tailscale_free(struct tailscale *t) {
        if (!t)
                return NULL;
        http_request_free(t->request);
        free(t->body.data);
        free(t);
        return NULL;
}

void tailscale_cancel(struct tailscale *t) {
        http_request_cancel(t->request);
        t->done = NULL;
}

int tailscale_ask(struct tailscale *t, enum tailscale_question question, const char *address,
        tailscale_done_t done, void *userdata) {
        static const char *const words[] = {
                [TAILSCALE_STATUS] = "status?peers=false",
                [TAILSCALE_WHOIS] = "whois?addr=",
                [TAILSCALE_DERPMAP] = "derpmap",
                [TAILSCALE_RESOLVERS] = "dns-query?type=A&name=tailscale.com.",
                [TAILSCALE_PING] = "ping?type=disco&ip=",
        };
        CURL *easy = http_request_easy(t->request);
        bool ping = question == TAILSCALE_PING;
        char url[256];
        int r;

        if (t->done)
                return -EBUSY;
        http_body_clear(&t->body, TAILSCALE_MAX);
        t->answer = (struct tailscale_answer){ .question = question };
        (void) snprintf(url, sizeof url, API "%s%s", words[question], address ?: "");
        (void) curl_easy_setopt(easy, CURLOPT_URL, url);
        (void) curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, ping ? PING_TIMEOUT_MS : TIMEOUT_MS);
        (void) curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
        if (ping)
                (void) curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, "");
        t->done = done;
        t->userdata = userdata;
        r = http_request_start(t->request);
        if (r < 0)
                t->done = NULL;
        return r;
}

/* Parsing. */

static json_t *parse(const struct tailscale_answer *a) {
        bool good = a->how == TAILSCALE_ANSWERED && a->http == 200;

        return good && a->body ? json_loadb(a->body, a->length, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
}

static void copy_text(const json_t *object, const char *key, char *buf, size_t size) {
        const char *text = json_string_value(json_object_get(object, key));
        size_t n;

        (void) safe_text(buf, size, text ?: "");
        n = strlen(buf);
        if (n > 0 && buf[n - 1] == '.')
                buf[n - 1] = '\0';
}

/* A member such as "2026-12-09T17:20:24.037Z", always in UTC, as CLOCK_REALTIME; 0: none, or Go's zero time. */
static usec_t get_time(const json_t *object, const char *key) {
        const char *text = json_string_value(json_object_get(object, key));
        struct tm tm = { 0 };
        time_t t = text && strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) ? timegm(&tm) : 0;

        return t > 0 ? (usec_t) t * USEC_PER_SEC : 0;
}

static const struct {
        const char *name, *trouble;
} states[] = {
        [TAILSCALE_STATE_UNKNOWN] = { "", NULL },
        [TAILSCALE_STATE_RUNNING] = { "Running", NULL },
        [TAILSCALE_STATE_STOPPED] = { "Stopped", "Tailscale is stopped here (tailscale up)" },
        [TAILSCALE_STATE_NEEDS_LOGIN] = { "NeedsLogin",
                "this node is logged out of Tailscale, or its key has expired (tailscale up --force-reauth)" },
        [TAILSCALE_STATE_NEEDS_MACHINE_AUTH] = { "NeedsMachineAuth",
                "this node waits for an admin's approval in the tailnet" },
        [TAILSCALE_STATE_STARTING] = { "Starting",
                "Tailscale is starting here, and waits for its control server" },
        [TAILSCALE_STATE_GONE] = { "", "tailscaled is not running here (systemctl start tailscaled)" },
        [TAILSCALE_STATE_SILENT] = { "", "tailscaled does not answer here (systemctl restart tailscaled)" },
};

const char *tailscale_trouble(enum tailscale_state state) {
        return states[state].trouble;
}

static enum tailscale_state parse_state(const struct tailscale_answer *a, const json_t *root) {
        const char *word = json_string_value(json_object_get(root, "BackendState")) ?: "";

        if (a->how != TAILSCALE_ANSWERED)
                return a->how == TAILSCALE_GONE ? TAILSCALE_STATE_GONE : TAILSCALE_STATE_SILENT;
        for (enum tailscale_state s = TAILSCALE_STATE_RUNNING; s < TAILSCALE_STATE_GONE; s++)
                if (strcmp(states[s].name, word) == 0)
                        return s;
        return strcmp(word, "NoState") == 0 ? TAILSCALE_STATE_STARTING : TAILSCALE_STATE_UNKNOWN;
}

void tailscale_parse_self(const struct tailscale_answer *a, struct tailscale_self *ret) {
        json_auto_t *root = parse(a);
        json_t *self = json_object_get(root, "Self");

        *ret = (struct tailscale_self){
                .state = parse_state(a, root),
                .online = json_is_true(json_object_get(self, "Online")),
                .expires = get_time(self, "KeyExpiry"),
        };
        copy_text(self, "Relay", ret->relay, sizeof ret->relay);
        copy_text(self, "DNSName", ret->name, sizeof ret->name);
        copy_text(json_object_get(root, "ExitNodeStatus"), "ID", ret->exit_node, sizeof ret->exit_node);
        copy_text(root, "AuthURL", ret->login_url, sizeof ret->login_url);
        json_join(json_object_get(root, "Health"), "; ", ret->health, sizeof ret->health);
}

/* "192.0.2.10:41641", "[2001:db8::1]:41641", "100.64.0.1/32", "fd7a:115c:a1e0::1/128". */
static void add_endpoints(struct tailscale_peer *p, const json_t *list) {
        const json_t *item;
        size_t i;

        json_array_foreach (list, i, item) {
                const char *text = json_string_value(item) ?: "", *begin = text + (*text == '[');
                size_t n = strcspn(begin, *text == '[' ? "]" : strchr(text, '/') ? "/" : ":");
                char *address = p->endpoints[p->n_endpoints];

                if (p->n_endpoints == TAILSCALE_ENDPOINTS_MAX - 1)
                        return;
                (void) snprintf(address, sizeof p->endpoints[0], "%.*s", (int) n, begin);
                p->n_endpoints += network_is_address(address);
        }
}

void tailscale_parse_peer(const struct tailscale_answer *a, struct tailscale_peer *ret) {
        json_auto_t *root = parse(a);
        json_t *node = json_object_get(root, "Node");
        bool answered = a->how == TAILSCALE_ANSWERED;

        *ret = (struct tailscale_peer){
                .in = json_is_object(node)           ? TAILSCALE_PEER_IN
                        : answered && a->http == 404 ? TAILSCALE_PEER_OUT
                                                     : TAILSCALE_PEER_UNKNOWN,
                .expires = get_time(node, "KeyExpiry"),
                .online = json_is_true(json_object_get(node, "Online")),
                .last_seen = get_time(node, "LastSeen"),
        };
        copy_text(node, "Name", ret->name, sizeof ret->name);
        copy_text(node, "StableID", ret->id, sizeof ret->id);
        add_endpoints(ret, json_object_get(node, "Addresses"));
        add_endpoints(ret, json_object_get(node, "Endpoints"));
        json_join(json_object_get(node, "PrimaryRoutes"), ", ", ret->routes, sizeof ret->routes);
}

bool tailscale_is_at(const struct tailscale_peer *p, const char *address) {
        for (size_t i = 0; i < p->n_endpoints; i++)
                if (strcmp(p->endpoints[i], address) == 0)
                        return true;
        return false;
}

/* Whether NODE (tailcfg.DERPNode) relays and has an address. */
static bool is_relay(json_t *node, struct tailscale_relay *ret) {
        const char *v4 = "", *v6 = "", *address;
        int stun_only = false, port = 0;

        if (json_unpack(node, "{s?b, s?i, s?s, s?s}", "STUNOnly", &stun_only, "DERPPort", &port, "IPv4", &v4,
                    "IPv6", &v6) < 0 ||
                stun_only || port < 0 || port > 65535)
                return false;
        address = network_is_address(v4) ? v4 : v6;
        if (!network_is_address(address))
                return false;
        ret->port = port > 0 ? (unsigned) port : 443;
        (void) snprintf(ret->address, sizeof ret->address, "%s", address);
        return true;
}

int tailscale_parse_relay(const struct tailscale_answer *a, const char *code, struct tailscale_relay *ret) {
        json_auto_t *root = parse(a);
        json_t *region, *node;
        const char *key;
        int r = -ENOENT;
        size_t i;

        json_object_foreach (json_object_get(root, "Regions"), key, region) {
                const char *its = json_string_value(json_object_get(region, "RegionCode"));

                if (its && strcmp(its, code) == 0)
                        json_array_foreach (json_object_get(region, "Nodes"), i, node)
                                if (r < 0 && is_relay(node, ret))
                                        r = 0;
        }
        return r;
}

bool tailscale_is_resolver(const struct tailscale_answer *a, const struct tailscale_peer *p) {
        json_auto_t *root = parse(a);
        json_t *resolver;
        size_t i;

        json_array_foreach (json_object_get(root, "Resolvers"), i, resolver)
                if (tailscale_is_at(p, json_string_value(json_object_get(resolver, "Addr")) ?: ""))
                        return true;
        return false;
}

enum tailscale_ping tailscale_parse_ping(const struct tailscale_answer *a) {
        json_auto_t *root = parse(a);
        const char *error = json_string_value(json_object_get(root, "Err"));
        const char *direct = json_string_value(json_object_get(root, "Endpoint"));

        if (a->how == TAILSCALE_SILENT)
                return TAILSCALE_PING_SILENT;
        if (!error || *error)
                return TAILSCALE_PING_UNKNOWN;
        return direct && *direct ? TAILSCALE_PING_DIRECT : TAILSCALE_PING_RELAYED;
}

static void describe_machine(
        const struct tailscale_peer *p, enum tailscale_ping ping, usec_t now, char *buf) {
        static const char *const words[] = {
                [TAILSCALE_PING_UNKNOWN] = "",
                [TAILSCALE_PING_DIRECT] = "its machine answers a Tailscale ping, directly",
                [TAILSCALE_PING_RELAYED] = "its machine answers a Tailscale ping, by a relay",
                [TAILSCALE_PING_SILENT] = "its machine answers no Tailscale ping either",
        };
        char span[SPAN_MAX];

        (void) snprintf(buf, TAILSCALE_REMARK_MAX, "%s", words[ping]);
        if (ping != TAILSCALE_PING_SILENT)
                return;
        if (p->online)
                (void) appendf(buf, TAILSCALE_REMARK_MAX, ", though the control server sees it online");
        else if (p->last_seen > 0 && p->last_seen < now)
                (void) appendf(buf, TAILSCALE_REMARK_MAX, ", last seen %s ago",
                        format_span(span, now - p->last_seen));
}

char *tailscale_remark(const struct tailscale_peer *p, enum tailscale_ping ping, const struct check *c,
        const char *host, usec_t now, char buf[static TAILSCALE_REMARK_MAX]) {
        bool refused = c->verdict == VERDICT_DOWN && !c->connected && !c->unanswered;

        *buf = '\0';
        if (c->by_name && *p->name && network_is_address(host))
                (void) appendf(buf, TAILSCALE_REMARK_MAX, "if that is tailscale serve: host = %s", p->name);
        if (!refused && !c->unanswered)
                return buf;
        if (p->in == TAILSCALE_PEER_OUT)
                (void) snprintf(
                        buf, TAILSCALE_REMARK_MAX, "no node of the tailnet has its address any more");
        else if (p->expires > 0 && p->expires <= now)
                (void) snprintf(
                        buf, TAILSCALE_REMARK_MAX, "its Tailscale key has expired, so it may well be alive");
        else if (refused)
                (void) snprintf(buf, TAILSCALE_REMARK_MAX,
                        "its machine is up: the gateway is stopped, or it started before Tailscale and listens on "
                        "loopback only");
        else
                describe_machine(p, ping, now, buf);
        return buf;
}
