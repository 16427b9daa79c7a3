/* The units of the daemon, the worker and the gateway, and the units that conflict with them. */
#include <errno.h>
#include <glob.h>
#include <string.h>

#include "bus_interface.h"
#include "core/role.h"
#include "doctor/look.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/text.h"

/* OpenClaw drains for up to 315 s, and advises this for system units. */
#define DRAIN_TIME (330 * USEC_PER_SEC)

static bool no_systemd(const struct checkup *c, struct finding *f) {
        if (!c->bus_error)
                return false;
        finding_skip(f, "%s", c->bus_error);
        return true;
}

void look_reload(const struct checkup *c, struct finding *f) {
        const struct unit_facts *units[] = { &c->daemon, &c->sync, &c->gateway };

        if (c->bus_error) {
                finding_fail(f, "%s", c->bus_error);
                finding_fix(f, "sudo systemctl restart dbus.socket dbus.service");
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (unit_number(units[i], "NeedDaemonReload")) {
                        finding_fail(
                                f, "the files of %s have changed since systemd read them", units[i]->name);
                        finding_fix(f, "sudo systemctl daemon-reload");
                        return;
                }
        finding_ok(f, "systemd has read their files as they are");
}

bool unit_is_missing(const struct unit_facts *u, struct finding *f) {
        if (unit_is_loaded(u))
                return false;
        if (unit_is(u, "LoadState", "not-found"))
                /* Only the user knows how: from the sources or as a package. */
                finding_fail(f,
                        "there is no %s: install openclaw-failover again, in the way it was installed",
                        u->name);
        else {
                finding_fail(
                        f, "%s cannot be loaded (%s)", u->name, unit_text(u, "LoadState") ?: "no state");
                finding_fix(f, "sudo %s %s",
                        !unit_is(u, "LoadState", "masked") ? "systemd-analyze verify"
                                : unit_is(u, "UnitFileState", "masked-runtime")
                                ? "systemctl unmask --runtime"
                                : "systemctl unmask",
                        u->name);
        }
        return true;
}

void look_daemon(const struct checkup *c, struct finding *f) {
        const struct unit_facts *u = &c->daemon;

        if (no_systemd(c, f) || unit_is_missing(u, f))
                return;
        if (*c->instance->name && access(c->instance->config, F_OK) < 0 && errno == ENOENT)
                finding_skip(f, "there is no %s", c->instance->config);
        else if (!unit_is(u, "UnitFileState", "enabled")) {
                finding_fail(f, "%s is not enabled: after a reboot nothing checks the primary", u->name);
                finding_fix(f, "sudo systemctl enable --now %s", u->name);
        } else if (unit_is(u, "ActiveState", "active") || unit_is(u, "ActiveState", "reloading"))
                finding_ok(f, "%s is enabled and running", u->name);
        else {
                finding_fail(f, "%s is not running (%s): nothing checks the primary", u->name,
                        unit_text(u, "ActiveState") ?: "no state");
                finding_fix(f, "sudo systemctl restart %s", u->name);
        }
}

void look_mode(const struct checkup *c, struct finding *f) {
        _cleanup_(unit_facts_clear) struct unit_facts status;
        _cleanup_free_ char *error = NULL;
        const char *mode;
        bool paused;

        (void) properties_ask(c->instance->unit, c->instance->bus_name, BUS_PATH, &status, &error);
        mode = unit_text(&status, "Mode");
        paused = unit_number(&status, "PausedUntilTimestamp") > 0;
        if (!mode) {
                finding_fail(f, "the daemon cannot be asked over D-Bus: %s", error ?: "no mode");
                finding_fix(f, "sudo systemctl restart %s", c->instance->unit);
        } else if (paused || strcmp(mode, role_mode_name(MODE_HELD)) == 0 ||
                strcmp(mode, role_mode_name(MODE_PINNED)) == 0) {
                finding_fail(f, "%s by hand: the gateway here does not follow the primary",
                        paused ? "paused" : mode);
                finding_fix(f, "sudo %s %s", c->instance->program, paused ? "resume" : "auto");
        } else
                finding_ok(f, "%s", mode);
}

void look_old_monitor(const struct checkup *c, struct finding *f) {
        const struct unit_facts *u = &c->old_monitor;
        if (no_systemd(c, f))
                return;
        if (!unit_is_loaded(u)) {
                finding_ok(f, "no %s of the shell script is left", u->name);
                return;
        }
        finding_fail(
                f, "%s, the shell script's, is still here: both would start and stop the gateway", u->name);
        finding_fix(f, "sudo systemctl disable --now %s", u->name);
        if (unit_text(u, "FragmentPath"))
                finding_fix_path(
                        f, "sudo rm", unit_text(u, "FragmentPath"), " && sudo systemctl daemon-reload");
}

void look_sync_unit(const struct checkup *c, struct finding *f) {
        const struct unit_facts *u = &c->sync, *gateway = &c->gateway;
        const char *user = checkup_gateway_user(c);

        if (no_systemd(c, f) || unit_is_missing(u, f))
                return;
        /* Another row fails a gateway that runs as root. */
        if (strcmp(user, "root") == 0 || strcmp(checkup_sync_user(c), user) == 0) {
                finding_ok(f, "%s runs as user %s", u->name, checkup_sync_user(c));
                return;
        }
        finding_fail(f, "%s runs as user %s, but %s as %s: the workspace belongs to one of them", u->name,
                checkup_sync_user(c), gateway->name, user);
        finding_fix_drop_in(f, u->name, "gateway", "User=%s", user);
}

/* False with a finding if the sandboxed worker could not write to the directory PATH. */
static bool is_open_to_sync(const struct checkup *c, const char *path, struct finding *f) {
        bool secrets = path == c->config->secrets.target, is_open = unit_may_write(&c->sync, path), is_made;
        _cleanup_free_ char *parent = without_slash(path);
        const char *user = checkup_sync_user(c);
        char install[160];

        if (!parent)
                return true;
        *strrchr(parent, '/') = '\0';
        /* The sync makes the secrets' directory itself, where it may. */
        is_made = !secrets || unit_may_write(&c->sync, parent) || access(path, F_OK) >= 0 || errno != ENOENT;
        if (is_open && is_made)
                return true;
        finding_fail(f, "%s may not %s %s, which the ini names", c->sync.name, is_open ? "make" : "write to",
                path);
        if (!is_open)
                finding_fix_drop_in(
                        f, c->sync.name, secrets ? "secrets" : "workspace", "ReadWritePaths=\"%s\"", path);
        if (!is_made) {
                (void) snprintf(install, sizeof install, "sudo install -d -m 0700 -o %s -g %s", user, user);
                finding_fix_as(f, install, user, "mkdir -p -m 700", path);
        }
        return false;
}

void look_sync_places(const struct checkup *c, struct finding *f) {
        const struct config *config = c->config;

        if (!*config->workspace.path && !config->secrets.host)
                finding_off(f, "nothing is synced");
        else if ((!*config->workspace.path || is_open_to_sync(c, config->workspace.path, f)) &&
                (!config->secrets.host || is_open_to_sync(c, config->secrets.target, f)))
                finding_ok(f, "the sync may write where the ini says");
}

/* A start that waits for the network is late in the very night that needs it. */
static bool waits_for_network(const struct unit_facts *u, struct finding *f) {
        const char *file = unit_text(u, "FragmentPath");
        const json_t *item;
        bool waits = false;
        size_t i;

        json_array_foreach (unit_list(u, "After"), i, item)
                waits = waits || strcmp(json_string_value(item), "network-online.target") == 0;
        if (!waits)
                return false;
        finding_warn(
                f, "%s starts after network-online.target, which may hang when the network does", u->name);
        if (file)
                finding_fix_path(f, "sudo sed -i 's/network-online\\.target//'", file,
                        " && sudo systemctl daemon-reload");
        return true;
}

void look_gateway_unit(const struct checkup *c, struct finding *f) {
        const struct unit_facts *u = &c->gateway;

        if (no_systemd(c, f))
                return;
        if (unit_is(u, "LoadState", "not-found") && strcmp(u->name, "openclaw.service") != 0) {
                finding_fail(f, "there is no %s; [gateway] unit is to name the gateway's unit", u->name);
                checkup_fix_key(c, "gateway", "unit", "openclaw.service", f);
        } else if (unit_is_missing(u, f))
                return;
        else if (unit_is(u, "Type", "oneshot") && !c->config->gateway.warm) {
                finding_fail(
                        f, "%s only switches a gateway that runs, and [gateway] has no warm = yes", u->name);
                checkup_fix_key(c, "gateway", "warm", "yes", f);
        } else if (unit_is(u, "UnitFileState", "enabled") ||
                unit_is(u, "UnitFileState", "enabled-runtime")) {
                finding_fail(f, "%s is enabled: it starts at every boot, whether the primary is up or not",
                        u->name);
                finding_fix(f, "sudo systemctl disable %s", u->name);
        } else if (!unit_is(u, "Id", u->name))
                finding_warn(f, "%s is an alias of %s: the ini should name the unit itself", u->name,
                        unit_text(u, "Id"));
        else if (!waits_for_network(u, f))
                finding_ok(f, "%s is there, and only the daemon starts it", u->name);
}

void look_gateway_stop(const struct checkup *c, struct finding *f) {
        const struct unit_facts *u = &c->gateway;
        usec_t stop = unit_number(u, "TimeoutStopUSec");
        char span[SPAN_MAX];

        /* Without a restart after a clean exit, the daemon takes that for a user's stop. */
        if (unit_text(u, "Restart") && !unit_is(u, "Restart", "always") &&
                !unit_is(u, "Restart", "on-success")) {
                finding_fail(f,
                        "Restart of %s is %s: systemd leaves a gateway that ends without an error stopped, "
                        "and a user's stop looks the same",
                        u->name, unit_text(u, "Restart"));
                finding_fix_drop_in(f, u->name, "restart", "Restart=always");
        } else if (stop >= DRAIN_TIME)
                finding_ok(f, "%s may take the time that it needs to drain", u->name);
        else {
                finding_fail(f,
                        "TimeoutStopSec of %s is %s: a gateway that drains takes up to 315 s, and is killed",
                        u->name, format_span(span, stop));
                finding_fix_drop_in(f, u->name, "stop", "TimeoutStopSec=330");
        }
}

/* OpenClaw's installer makes a service of the user's own systemd, which starts at login or, with lingering,
 * at boot. The user can move the file and its directories, so the command runs as the user. */
void look_user_service(const struct checkup *c, struct finding *f) {
        const char *home = getenv("HOME"), *user = checkup_gateway_user(c);
        _cleanup_free_ char *pattern = NULL;
        char bus[64], command[160];
        glob_t found = { 0 };

        if (asprintf(&pattern, "%s/.config/systemd/user/*.wants/openclaw-gateway*.service", home ?: "") < 0)
                return;
        if (glob(pattern, 0, NULL, &found) != 0) {
                finding_ok(f, "user %s has no openclaw-gateway.service of their own beside %s", user,
                        c->gateway.name);
                return;
        }
        finding_fail(f,
                "user %s has an openclaw-gateway.service of their own enabled: it and %s fight for the port",
                user, c->gateway.name);
        (void) snprintf(bus, sizeof bus, "/run/user/%u/bus", geteuid());
        (void) snprintf(command, sizeof command, "sudo -u %s rm", user);
        finding_fix_path(f, command, found.gl_pathv[0], "");
        (void) snprintf(command, sizeof command,
                "sudo -u %s env XDG_RUNTIME_DIR=/run/user/%u systemctl --user stop", user, geteuid());
        if (access(bus, F_OK) >= 0)
                finding_fix_path(f, command, strrchr(found.gl_pathv[0], '/') + 1, "");
        globfree(&found);
}
