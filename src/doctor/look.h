/* The looks of `doctor`, by subject, and their input. Private to src/doctor and its tests.
 *
 * A look is a function that looks at one thing and returns one finding. Each runs in a child process of its
 * own, as the user in its row in doctor.c, with a deadline: it may block, and leaves nothing behind. */
#pragma once

#include <netdb.h>
#include <pwd.h>

#include "config/config.h"
#include "config/instance.h"
#include "doctor/finding.h"
#include "doctor/unit_facts.h"

struct checkup {
        const struct instance *instance;
        struct config *config; /* NULL: the configuration is not valid */
        char *config_error;    /* the first error, if .config is NULL */
        char *bus_error;       /* why systemd did not answer; NULL: it did */
        bool root;
        union {
                struct {
                        struct unit_facts daemon, sync, alert, gateway, tailscaled, old_monitor;
                };
                struct unit_facts units[6];
        };
};

/* Asks systemd for all units above, or sets C->bus_error. The caller sets C->config before. */
void checkup_ask_systemd(struct checkup *c);
/* Asks systemd again whether the gateway runs or is starting: the daemon may have started or stopped it
 * since. False without an answer. */
bool checkup_gateway_runs(const struct checkup *c);

/* Whether PATH has changed since the time that PROPERTY of the daemon's unit has. The time of the last change
 * decides, not that of the last modification, which a file keeps when it is moved. */
bool checkup_changed_since(const struct checkup *c, const char *property, const char *path);

/* The users as which a look may run, never NULL: User= of the unit, or what the unit has without it. */
const char *checkup_gateway_user(const struct checkup *c);
const char *checkup_sync_user(const struct checkup *c);
const char *checkup_daemon_user(const struct checkup *c);

/* Makes this process USER's for good, like a service of systemd: groups, HOME and PATH, nothing else. 0 or a
 * negative errno. */
int become(const struct passwd *user);
/* Gives this process the sync unit's ssh agent, if a drop-in gives that one. The caller's own agent, perhaps
 * forwarded, does not exist at night. */
void checkup_take_agent(const struct checkup *c);

/* The addresses of NAME. NULL: it does not resolve. */
struct addrinfo *resolve(const char *name);
DEFINE_CLEANUP(struct addrinfo *, freeaddrinfo)
/* The address to which NAME resolves now, "100.64.0.7"; prefers one of the tailnet. 0, or -ENOENT. */
int resolve_name(const char *name, char *buf, size_t size);

typedef void look_t(const struct checkup *c, struct finding *f);

/* check_config.c */
look_t look_config, look_config_readable, look_config_in_force, look_instances;
/* check_units.c */
look_t look_reload, look_daemon, look_mode, look_old_monitor, look_sync_unit, look_sync_places,
        look_gateway_unit, look_gateway_stop, look_user_service;
/* Whether the unit is missing or masked, with a finding: no other look at it makes sense then. */
bool unit_is_missing(const struct unit_facts *u, struct finding *f);
/* check_warm.c */
look_t look_warm;
/* check_program.c */
look_t look_program;
/* check_drill.c */
look_t look_drill;
/* check_polkit.c */
look_t look_polkit;
/* check_system.c */
look_t look_clock, look_journal, look_powers;
/* check_tailscale.c */
look_t look_tailscale, look_keys, look_relay, look_lost_with_primary, look_gateway_serve;
/* The MagicDNS name of the node that has ADDRESS. 0, or -ENOENT. */
int tailnet_name(const char *address, char *buf, size_t size);
/* check_primary.c */
look_t look_primary, look_seniors, look_witness, look_own_gateway;
/* check_workspace.c */
look_t look_workspace, look_remote, look_saved_work;
/* check_secrets.c */
look_t look_secrets;
/* check_alert.c */
look_t look_alert, look_heartbeat;

/* Sets F to the sync worker's refusal WHY. */
struct refusal;
void finding_refuse(struct finding *f, const struct refusal *why);

/* Adds the commands that set KEY of [SECTION], which the ini has, to VALUE, and reload the daemon. */
void checkup_fix_key(
        const struct checkup *c, const char *section, const char *key, const char *value, struct finding *f);

/* The pure parts, for the tests as well. */

/* The words of a script's first line (execve(2)), a new array; empty if TEXT has no such line. */
json_t *parse_shebang(const char *text);
/* The first of WORDS, or the command in "/usr/bin/env -S A=b node". Borrowed; NULL: none. */
const char *find_command(const json_t *words);
