/* Do the primary, the seniors, the witness and the gateway here answer? The looks use the daemon's own
 * probe, so that they see what the daemon would see. */
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <strings.h>

#include "config/validate.h"
#include "doctor/look.h"
#include "lib/clock.h"
#include "lib/http.h"
#include "lib/network.h"
#include "lib/text.h"
#include "probe/local_gateway.h"
#include "probe/probe.h"

static void on_checked(struct probe *p _unused_, const struct check *check, void *userdata) {
        *(struct check *) userdata = *check;
}

/* Runs one check. If it cannot be started, the result says so. */
static struct check check_url(const struct probe_target *target) {
        _cleanup_(http_freep) struct http *http = NULL;
        _cleanup_(probe_freep) struct probe *probe = NULL;
        struct check c = { .verdict = VERDICT_SILENT };
        int r;

        r = http_new_with_loop(&http);
        if (r >= 0)
                r = probe_new(http, target, &probe);
        if (r >= 0)
                r = probe_start(probe, on_checked, &c);
        if (r >= 0)
                r = http_wait(http, c.reason);
        if (r < 0)
                (void) snprintf(c.reason, sizeof c.reason, "cannot be checked: %s", strerror(-r));
        return c;
}

static struct check check_peer(const struct peer_config *p) {
        _cleanup_free_ char *url = probe_url(p->scheme, p->host, p->port, p->path);

        return check_url(&(struct probe_target){
                .url = url ?: "",
                .scheme = p->scheme,
                .expect = p->expect,
                .timeout = p->timeout,
                .any_certificate = p->tls_verify == TLS_VERIFY_NO,
        });
}

static bool is_refused(const struct check *c) {
        return c->verdict == VERDICT_DOWN && !c->connected && !c->unanswered;
}

/* The service that OpenClaw installs: the system's, or the user's own. */
#define RESTART "sudo systemctl restart openclaw-gateway || systemctl --user restart openclaw-gateway"

static void fix_host(const struct checkup *c, struct finding *f) {
        finding_fix(f, "tailscale ip -4 # on the primary: its address, for host in %s", c->instance->config);
}

/* After a refusal or an answer, a user finds the reason on the primary. An address needs no name server. */
static void fix_primary(const struct checkup *c, const struct check *check, struct finding *f) {
        const struct peer_config *p = &c->config->primary;
        char address[NI_MAXHOST], name[256];

        if (is_refused(check) || check->connected) {
                finding_fix(f, RESTART " # on the primary");
                if (is_refused(check))
                        finding_fix(f,
                                "openclaw config set gateway.bind tailnet # on the primary, if it runs there: "
                                "it restarts by itself, so wait");
        } else if (resolve_name(p->host, address, sizeof address) < 0)
                fix_host(c, f);
        else
                finding_fix(f,
                        tailnet_name(address, name, sizeof name) < 0
                                ? "ping -c 3 %s"
                                : "tailscale ping -c 3 %s # a pong: the tailnet's policy or a firewall there drops the check",
                        p->host);
}

/* Whether P is the gateway that the daemon starts here. At another port it is not: several gateways may run
 * on one machine, and a tunnel may end on loopback. */
static bool is_this_machine(const struct config *c, const struct peer_config *p) {
        _cleanup_(freeaddrinfop) struct addrinfo *found = NULL;

        if (p->port != local_gateway_port(c))
                return false;
        found = resolve(p->host);
        for (const struct addrinfo *a = found; a; a = a->ai_next)
                if (network_is_own(a))
                        return true;
        return false;
}

/* Whether P answers by its MagicDNS name, the only one that `tailscale serve` knows. */
static bool answers_by_name(const struct peer_config *p, char *name, size_t size) {
        struct peer_config by_name = *p;

        if (!network_is_address(p->host) || tailnet_name(p->host, name, size) < 0)
                return false;
        by_name.host = name;
        return check_peer(&by_name).verdict == VERDICT_UP;
}

#define REFUSED ". The gateway there is stopped, or it listens on loopback only (its bind)"

void look_primary(const struct checkup *c, struct finding *f) {
        const struct peer_config *p = &c->config->primary;
        char span[SPAN_MAX], limit[SPAN_MAX], name[256];
        struct check check;

        if (is_this_machine(c->config, p)) {
                finding_fail(
                        f, "%s is this machine itself: [primary] host is the other one's address", p->host);
                fix_host(c, f);
                return;
        }
        check = check_peer(p);
        if (check.verdict == VERDICT_UP && check.took > p->timeout / 2)
                finding_warn(f,
                        "%s port %u answers in %s, and a check may take %s: a busy moment looks like a death",
                        p->host, p->port, format_span(span, check.took), format_span(limit, p->timeout));
        else if (check.verdict == VERDICT_UP)
                finding_ok(f, "%s port %u answers in %s", p->host, p->port, format_span(span, check.took));
        else if (check.connected && answers_by_name(p, name, sizeof name)) {
                finding_fail(f, "%s port %u: %s. `tailscale serve` answers there, to the name %s only",
                        p->host, p->port, check.reason, name);
                finding_fix(f, "sudoedit %s # in [primary]: host = %s", c->instance->config, name);
        } else {
                finding_fail(f, "%s port %u: %s%s", p->host, p->port, check.reason,
                        is_refused(&check) ? REFUSED : "");
                fix_primary(c, &check, f);
        }
}

void look_seniors(const struct checkup *c, struct finding *f) {
        if (c->config->n_seniors == 0) {
                finding_off(f, "no other standby goes first");
                return;
        }
        for (size_t i = 0; i < c->config->n_seniors; i++) {
                const struct peer_config *p = &c->config->seniors[i];
                struct check check;
                const char *whose = is_this_machine(c->config, p) ? "this machine"
                        : p->port == c->config->primary.port &&
                                strcasecmp(p->host, c->config->primary.host) == 0
                        ? "the primary"
                        : NULL;

                if (whose) {
                        finding_fail(f,
                                "%s, %s port %u, is %s itself, and ends a failover as soon as it answers",
                                p->name, p->host, p->port, whose);
                        finding_fix(f, "sudoedit %s # [senior %s]: host is the address of another standby",
                                c->instance->config, p->name);
                        return;
                }
                check = check_peer(p);
                /* A standby's gateway does not run, so a refusal is its normal answer. */
                if (check.verdict == VERDICT_UP || is_refused(&check))
                        continue;
                finding_fail(f, "%s, %s port %u: %s", p->name, p->host, p->port, check.reason);
                finding_fix(f, "ping -c 3 %s", p->host);
                return;
        }
        finding_ok(f, "the standbys that go first can be reached");
}

void look_witness(const struct checkup *c, struct finding *f) {
        const struct witness_config *w = &c->config->witness;
        char span[SPAN_MAX];
        struct check check;

        if (strcmp(w->url, WITNESS_TAILSCALE) == 0) {
                look_relay(c, f);
                return;
        }
        if (strcmp(w->url, WITNESS_NONE) == 0) {
                finding_off(f, "none is configured");
                return;
        }
        check = check_url(&(struct probe_target){ .url = w->url,
                .scheme = SCHEME_HTTP,
                .expect = EXPECT_2XX,
                .timeout = c->config->primary.timeout });
        if (check.verdict == VERDICT_UP || check.connected) {
                finding_ok(f, "%s answers", w->url);
                return;
        }
        finding_fail(f, "%s: %s. With a dead witness every failover is held up for %s", w->url, check.reason,
                w->cut_off_wait == USEC_INFINITY ? "ever" : format_span(span, w->cut_off_wait));
        finding_fix_path(f, "curl -sS -o /dev/null", w->url, "");
}

/* Looks for another program at the port: the gateway itself, while that runs, is checked by the daemon. */
void look_own_gateway(const struct checkup *c, struct finding *f) {
        const struct gateway_config *g = &c->config->gateway;
        unsigned port = local_gateway_port(c->config);
        _cleanup_free_ char *loopback = probe_url(SCHEME_HTTP, "127.0.0.1", port, "/health");
        bool runs = g->warm || checkup_gateway_runs(c);
        struct check check = { 0 };

        if (!runs) {
                check = check_url(&(struct probe_target){ .url = g->url ?: loopback,
                        .scheme = SCHEME_HTTP,
                        .expect = c->config->primary.expect,
                        .timeout = c->config->primary.timeout,
                        .any_certificate = g->tls_verify == TLS_VERIFY_NO });
                runs = checkup_gateway_runs(c); /* the daemon may have started it meanwhile */
        }
        if (runs)
                finding_off(f, "%s runs, and the daemon checks it", c->gateway.name);
        else if (check.connected && (!g->url || check.verdict == VERDICT_UP)) {
                finding_fail(f, "another program listens at port %u here, so %s could not start", port,
                        c->gateway.name);
                finding_fix(f, "sudo ss -ltnp 'sport = :%u' # which is it?", port);
        } else
                finding_ok(f, "free for the gateway: no other one answers at port %u here", port);
}
