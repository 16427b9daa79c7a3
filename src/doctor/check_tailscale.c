/* Is this node in the tailnet, for how much longer, and what else fails when the primary does? Asks
 * tailscaled as the daemon does. */
#include <errno.h>
#include <jansson.h>
#include <netdb.h>
#include <string.h>

#include "doctor/look.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/http.h"
#include "lib/network.h"
#include "lib/program.h"
#include "lib/text.h"
#include "probe/tailscale.h"
#include "sync/ssh_transport.h"

/* A user looks once a month, and a key lasts for half a year. */
#define SOON (30 * USEC_PER_DAY)

struct tailnet_facts {
        char address[NI_MAXHOST]; /* of the primary; "": its name does not resolve */
        char over[8];             /* "": the answer has not come yet */
        struct tailscale_self self;
        struct tailscale_peer peer;
        struct tailscale_relay relay; /* this node's home relay */
        bool is_resolver;             /* the primary is a name server of the tailnet */
};

static void on_answer(const struct tailscale_answer *a, void *userdata) {
        struct tailnet_facts *t = userdata;

        if (a->question == TAILSCALE_STATUS)
                tailscale_parse_self(a, &t->self);
        else if (a->question == TAILSCALE_WHOIS)
                tailscale_parse_peer(a, &t->peer);
        else if (a->question == TAILSCALE_DERPMAP)
                (void) tailscale_parse_relay(a, t->self.relay, &t->relay);
        else if (a->question == TAILSCALE_RESOLVERS)
                t->is_resolver = tailscale_is_resolver(a, &t->peer);
        (void) strcpy(t->over, "yes");
}

/* Asks all questions up to LAST, about the primary at HOST. */
static void ask_tailscaled(enum tailscale_question last, const char *host, struct tailnet_facts *ret) {
        _cleanup_(http_freep) struct http *http = NULL;
        _cleanup_(tailscale_freep) struct tailscale *tailscale = NULL;
        int r;

        *ret = (struct tailnet_facts){ 0 };
        (void) resolve_name(host, ret->address, sizeof ret->address);
        r = http_new_with_loop(&http);
        if (r >= 0)
                r = tailscale_new(http, &tailscale);
        for (enum tailscale_question q = TAILSCALE_STATUS; r >= 0 && q <= last; q++) {
                if (q > TAILSCALE_STATUS && (ret->self.state != TAILSCALE_STATE_RUNNING || !*ret->address))
                        return;
                ret->over[0] = '\0';
                r = tailscale_ask(tailscale, q, q == TAILSCALE_WHOIS ? ret->address : NULL, on_answer, ret);
                if (r >= 0)
                        r = http_wait(http, ret->over);
        }
}

int tailnet_name(const char *address, char *buf, size_t size) {
        struct tailnet_facts t;

        ask_tailscaled(TAILSCALE_WHOIS, address, &t);
        (void) snprintf(buf, size, "%s", t.peer.name);
        return *buf ? 0 : -ENOENT;
}

void look_tailscale(const struct checkup *c, struct finding *f) {
        const char *host = c->config->primary.host, *trouble;
        bool installed = unit_is_loaded(&c->tailscaled) || access(TAILSCALE_SOCKET, F_OK) >= 0;
        char address[INET6_ADDRSTRLEN];
        struct tailnet_facts t;

        if (!installed) {
                finding_off(f, "Tailscale is not installed here, and not needed to reach %s", host);
                if (network_is_tailnet(host) && network_tailnet_address(address, sizeof address) < 0) {
                        finding_fail(f, "Tailscale is not installed here, and %s is in a tailnet", host);
                        finding_fix(
                                f, "curl -fsSL https://tailscale.com/install.sh | sh && sudo tailscale up");
                }
                return;
        }
        ask_tailscaled(TAILSCALE_STATUS, c->config->primary.host, &t);
        trouble = tailscale_trouble(t.self.state);
        if (t.self.state == TAILSCALE_STATE_UNKNOWN)
                finding_fail(f, "the answer of tailscaled at " TAILSCALE_SOCKET " is not understood");
        else if (trouble)
                finding_fail(f, "not connected: %s", trouble);
        else if (*t.self.health || !t.self.online)
                finding_warn(
                        f, "connected%s", t.self.online ? "" : ", but the control server does not answer");
        else
                finding_ok(f, "connected as %s", t.self.name);
        if (*t.self.login_url)
                (void) appendf(f->text, sizeof f->text, ". Log in at %s", t.self.login_url);
        if (*t.self.health)
                (void) appendf(f->text, sizeof f->text, ". tailscaled warns: %s", t.self.health);
        if (f->kind != FINDING_OK)
                finding_fix(f,
                        f->kind == FINDING_WARN ? "tailscale status"
                                : trouble && t.self.state < TAILSCALE_STATE_STARTING
                                ? "sudo tailscale up"
                                : "sudo systemctl enable tailscaled && sudo systemctl restart tailscaled");
}

/* Judges the key of WHO, "this node" or "the primary". WHERE is added to the command. */
static void judge_key(usec_t expires, const char *who, const char *where, struct finding *f) {
        time_t then = (time_t) (expires / USEC_PER_SEC);
        usec_t now = now_usec(CLOCK_REALTIME);
        char date[32];

        if (expires == 0 || expires >= now + SOON)
                return;
        (void) strftime(date, sizeof date, "%Y-%m-%d", gmtime(&then));
        finding_fail(f,
                "the key of %s %s on %s, which cuts it off from the tailnet (or disable key expiry for it at "
                "https://login.tailscale.com/admin/machines)",
                who, expires <= now ? "has expired" : "expires", date);
        finding_fix(f, "sudo tailscale up --force-reauth%s", where);
}

void look_keys(const struct checkup *c, struct finding *f) {
        const char *host = c->config->primary.host;
        struct tailnet_facts t;

        ask_tailscaled(TAILSCALE_WHOIS, host, &t);
        finding_ok(f, "none expires within a month");
        judge_key(t.peer.expires, "the primary", " # on the primary", f);
        judge_key(t.self.expires, "this node", "", f);
        if (t.peer.in != TAILSCALE_PEER_IN && network_is_tailnet(host)) {
                finding_fail(f, "%s is no node of this tailnet, or none that this one may see", host);
                finding_fix(f, "tailscale status # its address, for host in %s", c->instance->config);
        }
}

/* Looks at the home relay, which is the witness unless the ini has a url. */
void look_relay(const struct checkup *c, struct finding *f) {
        struct tailnet_facts t;
        const char *why;

        ask_tailscaled(TAILSCALE_DERPMAP, c->config->primary.host, &t);
        why = *t.self.exit_node                             ? "this node uses an exit node"
                : !*t.relay.address                         ? "this node has no home relay"
                : tailscale_is_at(&t.peer, t.relay.address) ? "its home relay is on the primary's machine"
                                                            : NULL;
        if (t.peer.in != TAILSCALE_PEER_IN)
                finding_off(f, "none is configured, and no tailnet with a relay leads to the primary");
        else if (!why)
                finding_ok(f, "the home relay of this node, %s port %u", t.relay.address, t.relay.port);
        else {
                finding_warn(f, "none: %s", why);
                finding_fix(f, "sudoedit %s # in [witness], url = https://www.gstatic.com/generate_204",
                        c->instance->config);
        }
}

/* What would fail with the primary. */

#define DEFAULT_ROUTES "{ ip -4 route show default; ip -6 route show default; } 2>/dev/null"
#define NAME_SERVERS                                                                                        \
        "cat /etc/resolv.conf /run/systemd/resolve/resolv.conf 2>/dev/null | sed -n 's/^nameserver//p'"
/* The hosts through which ssh(1) is configured to reach $0: each word of its ProxyJump or ProxyCommand that
 * ssh takes for a host. */
#define SSH_HOPS                                                                                            \
        "{ ssh -G -- \"$0\" | sed -n 's/^proxycommand //p; s/^proxyjump //p' | tr ', ' '\\n\\n' | "         \
        "while read -r hop; do ssh -G -- \"ssh://$hop\" | sed -n 's/^hostname //p'; done; } 2>/dev/null"

static bool is_primary(const struct checkup *c, const struct tailnet_facts *t, const char *word) {
        size_t label = strcspn(t->peer.name, ".");

        return tailscale_is_at(&t->peer, word) || strcmp(word, t->address) == 0 ||
                strcmp(word, c->config->primary.host) == 0 || strcmp(word, t->peer.name) == 0 ||
                (strlen(word) == label && strncmp(word, t->peer.name, label) == 0);
}

/* Whether a word that COMMAND prints names the primary. A shell runs it, with ARGUMENT as $0. */
static bool names_primary(
        const struct checkup *c, const struct tailnet_facts *t, const char *command, const char *argument) {
        const char *const argv[] = { "sh", "-c", command, argument, NULL };
        _cleanup_free_ char *text = NULL;
        char *save = NULL;

        (void) program_run(argv, USEC_INFINITY, &text, NULL);
        for (char *word = text ? strtok_r(text, " \n", &save) : NULL; word;
                word = strtok_r(NULL, " \n", &save))
                if (is_primary(c, t, word))
                        return true;
        return false;
}

static bool sync_jumps(const struct checkup *c, const struct tailnet_facts *t) {
        const struct workspace_config *w = &c->config->workspace;
        const char *const argv[] = { "git", "-C", w->path, "remote", "get-url", w->remote, NULL };
        _cleanup_free_ char *url = NULL;
        struct ssh_address address;

        if (c->config->secrets.host && names_primary(c, t, SSH_HOPS, c->config->secrets.host))
                return true;
        if (!*w->path || program_run(argv, USEC_INFINITY, &url, NULL) != 0)
                return false;
        url[strcspn(url, "\n")] = '\0';
        return ssh_address_parse(url, &address) >= 0 && names_primary(c, t, SSH_HOPS, address.login);
}

void look_lost_with_primary(const struct checkup *c, struct finding *f) {
        struct tailnet_facts t;
        char subnets[160];

        ask_tailscaled(TAILSCALE_RESOLVERS, c->config->primary.host, &t);
        if (t.peer.in != TAILSCALE_PEER_IN) {
                finding_off(f, "the primary is not in the tailnet");
                return;
        }
        (void) snprintf(subnets, sizeof subnets, "the way to %s", t.peer.routes);
        const struct {
                bool is_so;
                const char *what, *fix;
        } losses[] = {
                { *t.peer.id && strcmp(t.self.exit_node, t.peer.id) == 0, "the exit node of this node",
                        "sudo tailscale set --exit-node=" },
                { names_primary(c, &t, DEFAULT_ROUTES, ""), "the default route of this machine", NULL },
                { names_primary(c, &t, NAME_SERVERS, ""), "a name server of this machine", NULL },
                { t.is_resolver, "a name server of the tailnet", NULL },
                { *t.peer.routes, subnets, NULL },
                { sync_jumps(c, &t), "the way of the sync (ProxyJump, ProxyCommand)", NULL },
                { tailscale_is_at(&t.peer, t.relay.address), "the home relay of this node", NULL },
        };
        for (size_t i = 0; i < ELEMENTSOF(losses); i++) {
                if (!losses[i].is_so)
                        continue;
                if (!*f->text)
                        finding_warn(f, "when the primary dies, so does %s", losses[i].what);
                else
                        (void) appendf(f->text, sizeof f->text, ", %s", losses[i].what);
                if (i < 2)
                        f->kind = FINDING_FAIL; /* this machine reaches nobody then */
                if (losses[i].fix)
                        finding_fix(f, "%s", losses[i].fix);
        }
        if (!*f->text)
                finding_ok(f, "neither exit node, route, name server, jump host nor home relay");
}

/* A gateway with a tailscale.mode does not start while Tailscale does not work ("startup fails closed"). */
void look_gateway_serve(const struct checkup *c, struct finding *f) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        const char *home = getenv("HOME"), *mode = "off", *option = NULL;
        const json_t *word, *words = unit_words(&c->gateway);
        json_auto_t *j = NULL;
        int r = -ENOMEM;
        size_t i;

        if (asprintf(&path, "%s/.openclaw/openclaw.json", home ?: "") > 0)
                r = read_file(path, (size_t) 1024 * 1024, &text);
        if (r >= 0)
                j = json_loads(text, 0, NULL);
        (void) json_unpack(j, "{s:{s:{s:s}}}", "gateway", "tailscale", "mode", &mode);
        json_array_foreach (words, i, word)
                if (strcmp(json_string_value(word), "--tailscale") == 0)
                        mode = option = json_string_value(json_array_get(words, i + 1)) ?: mode;
                else if (begins_with(json_string_value(word), "--tailscale="))
                        mode = option = strchr(json_string_value(word), '=') + 1;
        if (strcmp(mode, "off") != 0) {
                finding_warn(f, "the gateway's %s is %s: it does not start here while Tailscale is broken",
                        option ? "--tailscale" : "tailscale.mode", mode);
                if (option)
                        finding_fix(f, "sudo systemctl edit --full %s # in ExecStart=, without --tailscale",
                                c->gateway.name);
                else
                        finding_fix(f, "sudo -iu %s openclaw config set gateway.tailscale.mode off",
                                checkup_gateway_user(c));
        } else if (!option && !j &&
                (text ? strstr(text, "tailscale") != NULL : r != -ENOENT)) /* perhaps JSON5 */
                finding_skip(f, "%s cannot be read", path);
        else
                finding_ok(f, "the gateway here uses no tailscale serve");
}
