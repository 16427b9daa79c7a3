/* tailscaled's local API; see tailscale.h. */
#include "probe/tailscale.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "lib/text.h"

#define API "http://local-tailscaled.sock/localapi/v0/"
/* It answers within 2 ms, but for a ping. */
#define TIMEOUT_MS 1000L
#define PING_TIMEOUT_MS 2000L

struct tailscale {
        struct http_request *request;
        tailscale_done_t done; /* NULL: nothing is under way */
        void *userdata;
        struct tailscale_answer answer;
        char *body;
};

static void forget_answer(struct tailscale *t) {
        free(TAKE(t->body));
        t->answer = (struct tailscale_answer){ 0 };
}

static unsigned how_it_ended(CURLcode code) {
        switch (code) {
        case CURLE_OK:
        case CURLE_WRITE_ERROR: /* with more than is read */
                return TAILSCALE_ANSWERED;
        case CURLE_OPERATION_TIMEDOUT:
                return TAILSCALE_SILENT;
        default: /* there is no socket, or tailscaled has just ended */
                return TAILSCALE_GONE;
        }
}

static void on_done(struct http_request *r, CURLcode code, void *userdata) {
        struct tailscale *t = userdata;
        tailscale_done_t done = TAKE(t->done);
        long http = 0;

        (void) curl_easy_getinfo(http_request_easy(r), CURLINFO_RESPONSE_CODE, &http);
        t->answer.how = how_it_ended(code);
        t->answer.http = (unsigned) http;
        t->answer.body = t->body;
        done(&t->answer, t->userdata);
}

static size_t on_body(char *data, _unused_ size_t size, size_t n, void *userdata) {
        struct tailscale *t = userdata;
        char *longer;

        if (t->answer.length + n > TAILSCALE_MAX)
                return CURL_WRITEFUNC_ERROR;
        longer = realloc(t->body, t->answer.length + n + 1);
        if (!longer)
                return CURL_WRITEFUNC_ERROR;
        (void) memcpy(longer + t->answer.length, data, n);
        t->body = longer;
        t->answer.length += n;
        return n;
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
        (void) curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        (void) curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
        *ret = TAKE(t);
        return 0;
}

struct tailscale *tailscale_free(struct tailscale *t) {
        if (!t)
                return NULL;
        http_request_free(t->request);
        free(t->body);
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
                [TAILSCALE_PING] = "ping?type=disco&ip=",
        };
        CURL *easy = http_request_easy(t->request);
        bool ping = question == TAILSCALE_PING;
        char url[256];
        int r;

        if (t->done)
                return -EBUSY;
        forget_answer(t);
        t->answer.question = question;
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

usec_t tailscale_parse_time(const char *text) {
        struct tm tm = { 0 };
        const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
        int hours = 0, minutes = 0;
        char sign = '+';
        time_t t;

        if (!rest)
                return 0;
        if (*rest == '.')
                rest += 1 + strspn(rest + 1, "0123456789");
        if (strcmp(rest, "Z") != 0 &&
                (sscanf(rest, "%c%2d:%2d", &sign, &hours, &minutes) != 3 || !strchr("+-", sign)))
                return 0;
        t = timegm(&tm) - (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
        return t > 0 ? (usec_t) t * USEC_PER_SEC : 0;
}

static usec_t get_time(const json_t *object, const char *key) {
        return tailscale_parse_time(json_string_value(json_object_get(object, key)));
}

static enum tailscale_state parse_state(const char *word) {
        static const struct {
                const char *word;
                enum tailscale_state state;
        } states[] = {
                { "Running", TAILSCALE_STATE_RUNNING },
                { "Stopped", TAILSCALE_STATE_STOPPED },
                { "NeedsLogin", TAILSCALE_STATE_NEEDS_LOGIN },
                { "NeedsMachineAuth", TAILSCALE_STATE_NEEDS_MACHINE_AUTH },
                { "Starting", TAILSCALE_STATE_STARTING },
                { "NoState", TAILSCALE_STATE_STARTING },
        };

        for (size_t i = 0; word && i < ELEMENTSOF(states); i++)
                if (strcmp(states[i].word, word) == 0)
                        return states[i].state;
        return TAILSCALE_STATE_UNKNOWN;
}

void tailscale_parse_self(const struct tailscale_answer *a, struct tailscale_self *ret) {
        json_t *root = parse(a), *self = json_object_get(root, "Self"), *line;
        char health[sizeof ret->health] = "";
        size_t i;

        *ret = (struct tailscale_self){
                .state = a->how == TAILSCALE_GONE ? TAILSCALE_STATE_GONE
                        : a->how == TAILSCALE_SILENT
                        ? TAILSCALE_STATE_SILENT
                        : parse_state(json_string_value(json_object_get(root, "BackendState"))),
                .online = json_is_true(json_object_get(self, "Online")),
                .has_exit_node = json_is_object(json_object_get(root, "ExitNodeStatus")),
                .expires = get_time(self, "KeyExpiry"),
        };
        copy_text(self, "Relay", ret->relay, sizeof ret->relay);
        copy_text(self, "DNSName", ret->name, sizeof ret->name);
        copy_text(json_object_get(root, "ExitNodeStatus"), "ID", ret->exit_node, sizeof ret->exit_node);
        copy_text(root, "AuthURL", ret->login_url, sizeof ret->login_url);
        json_array_foreach (json_object_get(root, "Health"), i, line)
                (void) appendf(
                        health, sizeof health, "%s%s", i > 0 ? "; " : "", json_string_value(line) ?: "");
        (void) safe_text(ret->health, sizeof ret->health, health);
        json_decref(root);
}

static bool is_address(const char *text) {
        struct in6_addr a;

        return inet_pton(AF_INET, text, &a) == 1 || inet_pton(AF_INET6, text, &a) == 1;
}

/* "192.0.2.10:41641", "[2001:db8::1]:41641". */
static void add_endpoint(struct tailscale_peer *p, const char *text) {
        const char *begin = *text == '[' ? text + 1 : text;
        size_t n = *text == '[' ? strcspn(begin, "]") : strcspn(begin, ":");
        char *address = p->endpoints[p->n_endpoints];

        if (n >= sizeof p->endpoints[0])
                return;
        (void) memcpy(address, begin, n);
        address[n] = '\0';
        p->n_endpoints += is_address(address);
}

void tailscale_parse_peer(const struct tailscale_answer *a, struct tailscale_peer *ret) {
        json_t *root = parse(a), *node = json_object_get(root, "Node"), *online, *endpoint;
        bool answered = a->how == TAILSCALE_ANSWERED;
        size_t i;

        online = json_object_get(node, "Online");
        *ret = (struct tailscale_peer){
                .in = json_is_object(node)           ? TAILSCALE_PEER_IN
                        : answered && a->http == 404 ? TAILSCALE_PEER_OUT
                                                     : TAILSCALE_PEER_UNKNOWN,
                .expires = get_time(node, "KeyExpiry"),
                .knows_online = json_is_boolean(online),
                .online = json_is_true(online),
                .last_seen = get_time(node, "LastSeen"),
        };
        copy_text(node, "Name", ret->name, sizeof ret->name);
        copy_text(node, "StableID", ret->id, sizeof ret->id);
        json_array_foreach (json_object_get(node, "Endpoints"), i, endpoint)
                if (json_is_string(endpoint) && ret->n_endpoints < TAILSCALE_ENDPOINTS_MAX)
                        add_endpoint(ret, json_string_value(endpoint));
        json_decref(root);
}

bool tailscale_is_at(const struct tailscale_peer *p, const char *address) {
        for (size_t i = 0; i < p->n_endpoints; i++)
                if (strcmp(p->endpoints[i], address) == 0)
                        return true;
        return false;
}

/* A node of a region (tailcfg.DERPNode). */
static bool is_relay(const json_t *node, struct tailscale_relay *ret) {
        static const char *const families[] = { "IPv4", "IPv6" };
        json_int_t port = json_integer_value(json_object_get(node, "DERPPort"));

        if (json_is_true(json_object_get(node, "STUNOnly")) || port < 0 || port > 65535)
                return false;
        ret->port = port > 0 ? (unsigned) port : 443;
        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                const char *address = json_string_value(json_object_get(node, families[i]));

                if (address && strlen(address) < sizeof ret->address && is_address(address)) {
                        (void) snprintf(ret->address, sizeof ret->address, "%s", address);
                        return true;
                }
        }
        return false;
}

int tailscale_parse_relay(const struct tailscale_answer *a, const char *code, struct tailscale_relay *ret) {
        json_t *root = parse(a), *region, *node;
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
        json_decref(root);
        return r;
}

enum tailscale_ping tailscale_parse_ping(const struct tailscale_answer *a) {
        json_t *root = parse(a);
        const char *error = json_string_value(json_object_get(root, "Err"));
        const char *direct = json_string_value(json_object_get(root, "Endpoint"));
        enum tailscale_ping ping = TAILSCALE_PING_UNKNOWN;

        if (a->how == TAILSCALE_SILENT)
                ping = TAILSCALE_PING_SILENT;
        else if (error && !*error)
                ping = direct && *direct ? TAILSCALE_PING_DIRECT : TAILSCALE_PING_RELAYED;
        json_decref(root);
        return ping;
}

char *tailscale_remark(const struct tailscale_peer *p, enum tailscale_ping ping, bool refused, usec_t now,
        char buf[static TAILSCALE_REMARK_MAX]) {
        static const char *const words[] = {
                [TAILSCALE_PING_UNKNOWN] = "",
                [TAILSCALE_PING_DIRECT] = "its machine answers a Tailscale ping, directly",
                [TAILSCALE_PING_RELAYED] = "its machine answers a Tailscale ping, by a relay",
                [TAILSCALE_PING_SILENT] = "its machine answers no Tailscale ping either",
        };
        char span[SPAN_MAX];

        (void) snprintf(buf, TAILSCALE_REMARK_MAX, "%s",
                p->expires > 0 && p->expires <= now
                        ? "its Tailscale key has expired, so it may well be alive"
                        : refused
                        ? "its machine is up: the gateway is stopped, or it started before Tailscale and "
                          "listens on loopback only"
                        : words[ping]);
        if (ping == TAILSCALE_PING_SILENT && !refused && p->knows_online && !p->online && p->last_seen > 0 &&
                p->last_seen < now)
                (void) appendf(buf, TAILSCALE_REMARK_MAX, ", last seen %s ago",
                        format_span(span, now - p->last_seen));
        return buf;
}
