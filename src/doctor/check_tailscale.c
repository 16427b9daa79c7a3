/* Is this node in the tailnet, for how long yet, and what would be lost with the primary? The looks ask tailscaled as the
 * daemon does. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "config/validate.h"
#include "doctor/look.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/http.h"
#include "lib/network.h"
#include "lib/text.h"
#include "probe/tailscale.h"

/* People look once a month (and a key lives for half a year). */
#define SOON (30 * USEC_PER_DAY)

struct tailnet_facts {
        struct tailscale *tailscale;
        char address[NI_MAXHOST]; /* of the primary; "": its name does not resolve */
        bool over;
        struct tailscale_self self;
        struct tailscale_peer peer;
        struct tailscale_relay relay; /* its home relay */
};

static void on_answer(const struct tailscale_answer *a, void *userdata) {
        struct tailnet_facts *t = userdata;
        int r = -ENOENT;

        if (a->question == TAILSCALE_STATUS) {
                tailscale_parse_self(a, &t->self);
                if (t->self.state == TAILSCALE_STATE_RUNNING && *t->address)
                        r = tailscale_ask(t->tailscale, TAILSCALE_WHOIS, t->address, on_answer, t);
        } else if (a->question == TAILSCALE_WHOIS) {
                tailscale_parse_peer(a, &t->peer);
                r = tailscale_ask(t->tailscale, TAILSCALE_DERPMAP, NULL, on_answer, t);
        } else
                (void) tailscale_parse_relay(a, t->self.relay, &t->relay);
        t->over = r < 0;
}

static void ask_tailscaled(const char *host, struct tailnet_facts *ret) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(http_freep) struct http *http = NULL;
        _cleanup_(tailscale_freep) struct tailscale *tailscale = NULL;
        int r;

        *ret = (struct tailnet_facts){ 0 };
        (void) resolve_name(host, ret->address, sizeof ret->address);
        r = sd_event_new(&event);
        if (r >= 0)
                r = http_new(event, &http);
        if (r >= 0)
                r = tailscale_new(http, &tailscale);
        ret->tailscale = tailscale;
        if (r >= 0)
                r = tailscale_ask(tailscale, TAILSCALE_STATUS, NULL, on_answer, ret);
        while (r >= 0 && !ret->over)
                r = sd_event_run(event, USEC_INFINITY);
}

int tailnet_name(const char *address, char *buf, size_t size) {
        struct tailnet_facts t;

        ask_tailscaled(address, &t);
        (void) snprintf(buf, size, "%s", t.peer.name);
        return *buf ? 0 : -ENOENT;
}

static bool is_installed(const struct checkup *c) {
        return unit_is_loaded(&c->tailscaled) || access(TAILSCALE_SOCKET, F_OK) >= 0;
}

static void judge_running(const struct tailscale_self *self, struct finding *f) {
        const char *as = *self->name ? " as " : "";

        if (*self->health || !self->online) {
                finding_warn(f, "connected%s%s, but %s%s%s", as, self->name,
                        self->online ? "" : "the control server does not answer",
                        self->online            ? "tailscaled warns: "
                                : *self->health ? ". tailscaled warns: "
                                                : "",
                        self->health);
                finding_fix(f, "tailscale status");
        } else
                finding_ok(f, "connected%s%s", as, self->name);
}

static void judge_state(const struct tailscale_self *self, struct finding *f) {
        static const char *const words[] = {
                [TAILSCALE_STATE_UNKNOWN] = "tailscaled's answer at " TAILSCALE_SOCKET " is not understood",
                [TAILSCALE_STATE_RUNNING] = "",
                [TAILSCALE_STATE_STOPPED] = "not connected to the tailnet (Stopped)",
                [TAILSCALE_STATE_NEEDS_LOGIN] = "logged out of the tailnet (NeedsLogin)",
                [TAILSCALE_STATE_NEEDS_MACHINE_AUTH] =
                        "this node waits for an admin's approval (NeedsMachineAuth)",
                [TAILSCALE_STATE_STARTING] = "not connected to the tailnet (Starting)",
                [TAILSCALE_STATE_GONE] = "tailscaled does not answer at " TAILSCALE_SOCKET,
                [TAILSCALE_STATE_SILENT] = "tailscaled does not answer at " TAILSCALE_SOCKET,
        };

        if (self->state == TAILSCALE_STATE_RUNNING) {
                judge_running(self, f);
                return;
        }
        finding_fail(f, "%s%s%s%s%s", words[self->state], *self->login_url ? ". Log in at " : "",
                self->login_url, *self->health ? ". tailscaled warns: " : "", self->health);
        if (self->state == TAILSCALE_STATE_UNKNOWN || self->state >= TAILSCALE_STATE_GONE)
                finding_fix(f, "sudo systemctl enable tailscaled && sudo systemctl restart tailscaled");
        else
                finding_fix(f, "sudo tailscale up");
}

void look_tailscale(const struct checkup *c, struct finding *f) {
        const char *host = c->config->primary.host;
        struct tailnet_facts t;

        if (is_installed(c)) {
                ask_tailscaled(host, &t);
                judge_state(&t.self, f);
        } else if (!network_is_tailnet(host) || network_has_tailnet_address())
                finding_off(f, "Tailscale is not installed here, and not needed to reach %s", host);
        else {
                finding_fail(f, "Tailscale is not installed here, and %s is in a tailnet", host);
                finding_fix(f, "curl -fsSL https://tailscale.com/install.sh | sh && sudo tailscale up");
        }
}

/* Whose key it is, WHO, is "this node" or "the primary"; WHERE is added to the command. */
static void judge_key(usec_t expires, const char *who, const char *where, struct finding *f) {
        time_t then = (time_t) (expires / USEC_PER_SEC);
        usec_t now = now_usec(CLOCK_REALTIME);
        char date[32] = "";
        struct tm tm;

        if (gmtime_r(&then, &tm))
                (void) strftime(date, sizeof date, "%Y-%m-%d", &tm);
        if (expires == 0 || expires >= now + SOON) {
                finding_ok(
                        f, "%s%s", expires == 0 ? "never expires" : "expires on ", expires == 0 ? "" : date);
                return;
        }
        if (expires <= now)
                finding_fail(
                        f, "the key of %s has expired on %s: it is cut off from the tailnet", who, date);
        else
                finding_fail(f,
                        "the key of %s expires on %s, and then it is cut off (or disable key expiry for it "
                        "at https://login.tailscale.com/admin/machines)",
                        who, date);
        finding_fix(f, "sudo tailscale up --force-reauth%s", where);
}

void look_own_key(const struct checkup *c, struct finding *f) {
        struct tailnet_facts t;

        ask_tailscaled(c->config->primary.host, &t);
        judge_key(t.self.expires, "this node", "", f);
}

void look_primary_key(const struct checkup *c, struct finding *f) {
        const char *host = c->config->primary.host;
        struct tailnet_facts t;

        ask_tailscaled(host, &t);
        if (t.peer.in == TAILSCALE_PEER_IN)
                judge_key(t.peer.expires, "the primary", " # on the primary", f);
        else if (network_is_tailnet(host)) {
                finding_fail(f, "%s is no node of this tailnet, or none that this one may see", host);
                finding_fix(f, "tailscale status # its address, for host in %s", c->instance->config);
        } else
                finding_off(f, "%s is no name or address of the tailnet's", host);
}

/* What would be lost with the primary. */

bool names_server(const char *text, const char *address) {
        static const char word[] = "nameserver";

        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                const char *rest = line + strlen(word);

                if (!begins_with(line, word))
                        continue;
                rest += strspn(rest, " \t");
                if (begins_with(rest, address) && strchr(" \t\n", rest[strlen(address)]))
                        return true;
        }
        return false;
}

bool routes_by(const char *text, const char *address) {
        struct in_addr a;
        char begin[32];

        if (inet_pton(AF_INET, address, &a) != 1)
                return false;
        (void) snprintf(begin, sizeof begin, "\t00000000\t%08X\t", a.s_addr);
        return strstr(text, begin) != NULL;
}

static bool file_has(
        const char *path, bool (*has)(const char *, const char *), const struct tailnet_facts *t) {
        _cleanup_free_ char *text = NULL;

        if (read_file(path, (size_t) 64 * 1024, &text) < 0)
                return false;
        for (size_t i = 0; i < t->peer.n_endpoints; i++)
                if (has(text, t->peer.endpoints[i]))
                        return true;
        return has(text, t->address);
}

void look_lost_with_primary(const struct checkup *c, struct finding *f) {
        struct tailnet_facts t;

        ask_tailscaled(c->config->primary.host, &t);
        if (t.peer.in != TAILSCALE_PEER_IN)
                finding_off(f, "the primary is not in the tailnet");
        else if (*t.peer.id && strcmp(t.self.exit_node, t.peer.id) == 0) {
                finding_fail(f,
                        "the primary is this node's exit node: when it dies, nobody is reached from here");
                finding_fix(f, "sudo tailscale set --exit-node=");
        } else if (file_has("/proc/net/route", routes_by, &t))
                finding_fail(f, "the default route here leads through the primary");
        else if (file_has("/etc/resolv.conf", names_server, &t) ||
                file_has("/run/systemd/resolve/resolv.conf", names_server, &t))
                finding_warn(f, "the primary is a name server of this machine");
        else if (tailscale_is_at(&t.peer, t.relay.address) &&
                strcmp(c->config->witness.url, WITNESS_TAILSCALE) == 0) {
                finding_warn(
                        f, "the home relay of this node is on the primary's machine, so it is no witness");
                finding_fix(f, "sudoedit %s # in [witness], url = https://www.gstatic.com/generate_204",
                        c->instance->config);
        } else
                finding_ok(f, "neither exit node, default route, name server nor home relay");
}
