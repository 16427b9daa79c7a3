/* What the looks of `doctor` have in common; see look.h. */
#include "doctor/look.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/network.h"
#include "lib/systemd.h"
#include "lib/text.h"

/* The gateway's own unit. If the gateway is warm, [gateway] unit only switches it: openclaw-active@x.service
 * switches openclaw@x.service. */
static const char *gateway_unit(const struct config *c, char *buf, size_t size) {
        const char *unit = c ? c->gateway.unit : "openclaw.service";

        if (!c || !c->gateway.warm || strncmp(unit, "openclaw-active", strlen("openclaw-active")) != 0)
                return unit;
        (void) snprintf(buf, size, "openclaw%s", unit + strlen("openclaw-active"));
        return buf;
}

void checkup_ask_systemd(struct checkup *c) {
        char buf[256];
        const char *const names[] = { c->instance->unit, c->instance->sync_unit, c->instance->alert_unit,
                gateway_unit(c->config, buf, sizeof buf), "tailscaled.service",
                "openclaw-health-monitor.service" };
        _cleanup_free_ char *error = NULL;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(names); i++)
                r = unit_facts_ask(names[i], &c->units[i], &error);
        if (r < 0 &&
                asprintf(&c->bus_error, "systemd cannot be asked over D-Bus: %s", error ?: strerror(-r)) < 0)
                c->bus_error = NULL;
}

bool checkup_gateway_runs(const struct checkup *c) {
        return unit_is_stopped(c->config->gateway.unit) == 0;
}

bool checkup_changed_since(const struct checkup *c, const char *property, const char *path) {
        usec_t since = unit_number(&c->daemon, property);
        struct stat st;

        return since > 0 && stat(path, &st) >= 0 &&
                (usec_t) st.st_ctim.tv_sec * USEC_PER_SEC + (usec_t) st.st_ctim.tv_nsec / 1000 > since;
}

const char *checkup_gateway_user(const struct checkup *c) {
        return unit_text(&c->gateway, "User")
                ?: (unit_is_loaded(&c->gateway) ? "root" : checkup_sync_user(c));
}

const char *checkup_sync_user(const struct checkup *c) {
        return unit_text(&c->sync, "User") ?: "openclaw";
}

const char *checkup_daemon_user(const struct checkup *c) {
        return unit_text(&c->daemon, "User") ?: "openclaw-failover";
}

void checkup_take_agent(const struct checkup *c) {
        const char *agent = unit_environment(&c->sync, "SSH_AUTH_SOCK");

        if (agent)
                (void) setenv("SSH_AUTH_SOCK", agent, 1);
        else
                (void) unsetenv("SSH_AUTH_SOCK");
}

void checkup_fix_key(const struct checkup *c, const char *section, const char *key, const char *value,
        struct finding *f) {
        _cleanup_free_ char *config = shell_quote(c->instance->config);

        if (!config)
                return;
        finding_fix(f,
                "sudo sed -i -e '/^\\s*\\[\\s*%s\\b/,/^\\s*\\[/{/^\\s*%s\\s*[=:]/d}' -e '/^\\s*\\[\\s*%s\\b/a %s = %s' %s",
                section, key, section, key, value, config);
        finding_fix(f, "sudo systemctl try-reload-or-restart %s", c->instance->unit);
}

int become(const struct passwd *user) {
        if (initgroups(user->pw_name, user->pw_gid) < 0 ||
                setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
                setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
                return -errno;
        /* What systemd sets for User= (systemd.exec(5)). */
        if (clearenv() != 0 || setenv("HOME", user->pw_dir, 1) < 0 || setenv("USER", user->pw_name, 1) < 0 ||
                setenv("LOGNAME", user->pw_name, 1) < 0 || setenv("SHELL", user->pw_shell, 1) < 0 ||
                setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1) < 0)
                return -ENOMEM;
        return chdir("/") < 0 ? -errno : 0;
}

struct addrinfo *resolve(const char *name) {
        const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
        struct addrinfo *found;

        return getaddrinfo(name, NULL, &hints, &found) == 0 ? found : NULL;
}

int resolve_name(const char *name, char *buf, size_t size) {
        _cleanup_(freeaddrinfop) struct addrinfo *found = resolve(name);
        int r = -ENOENT;

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
