/* What each look is given; see look.h. */
#include "doctor/look.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "lib/network.h"
#include "lib/systemd.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"
#define CALL_TIMEOUT (5 * USEC_PER_SEC)

/* Where the gateway is warm, [gateway] unit only switches it: openclaw-active@x.service is that of openclaw@x.service. */
static const char *gateway_unit(const struct config *c, char *buf, size_t size) {
        const char *unit = c ? c->gateway.unit : "openclaw.service";

        if (!c || !c->gateway.warm || strncmp(unit, "openclaw-active", strlen("openclaw-active")) != 0)
                return unit;
        (void) snprintf(buf, size, "openclaw%s", unit + strlen("openclaw-active"));
        return buf;
}

int checkup_ask_systemd(struct checkup *c) {
        char buf[256];
        const struct {
                const char *name;
                struct unit_facts *facts;
        } units[] = {
                { c->instance->unit, &c->daemon },
                { c->instance->sync_unit, &c->sync },
                { gateway_unit(c->config, buf, sizeof buf), &c->gateway },
                { "tailscaled.service", &c->tailscaled },
                { "openclaw-health-monitor.service", &c->old_monitor },
        };
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        int r;

        r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(bus, CALL_TIMEOUT);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(units); i++)
                r = unit_facts_ask(bus, units[i].name, units[i].facts);
        if (r >= 0)
                r = sd_bus_get_property_string(bus, SYSTEMD, MANAGER_PATH, MANAGER_INTERFACE,
                        "Virtualization", NULL, &c->virtualization);
        if (r < 0 && asprintf(&c->bus_error, "systemd cannot be asked over D-Bus: %s", strerror(-r)) < 0)
                c->bus_error = NULL;
        return r < 0 ? r : 0;
}

bool checkup_gateway_runs(const struct checkup *c) {
        return unit_is_stopped(c->config->gateway.unit) == 0;
}

const char *checkup_gateway_user(const struct checkup *c) {
        return c->gateway.user                ? c->gateway.user
                : unit_is_loaded(&c->gateway) ? "root"
                                              : checkup_sync_user(c);
}

const char *checkup_sync_user(const struct checkup *c) {
        return c->sync.user ? c->sync.user : "openclaw";
}

const char *checkup_daemon_user(const struct checkup *c) {
        return c->daemon.user ? c->daemon.user : "openclaw-failover";
}

void checkup_take_agent(const struct checkup *c) {
        const char *agent = unit_environment(&c->sync, "SSH_AUTH_SOCK");

        if (agent)
                (void) setenv("SSH_AUTH_SOCK", agent, 1);
        else
                (void) unsetenv("SSH_AUTH_SOCK");
}

DEFINE_CLEANUP(struct addrinfo *, freeaddrinfo)

int resolve_name(const char *name, char *buf, size_t size) {
        _cleanup_(freeaddrinfop) struct addrinfo *found = NULL;
        const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
        int r = -ENOENT;

        if (getaddrinfo(name, NULL, &hints, &found) != 0)
                return -ENOENT;
        for (const struct addrinfo *a = found; a; a = a->ai_next) {
                if (getnameinfo(a->ai_addr, a->ai_addrlen, buf, (socklen_t) size, NULL, 0, NI_NUMERICHOST) !=
                        0)
                        continue;
                r = 0;
                if (network_is_tailnet(buf))
                        break;
        }
        return r;
}
