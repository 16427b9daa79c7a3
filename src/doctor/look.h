/* The looks of `doctor`, by subject, and what they are given. Private to src/doctor and its tests.
 *
 * A look is a function that looks at one thing and says one finding. Each runs in a child process of its own, as the
 * user that its row in doctor.c names, within a deadline: it may block, and it leaves nothing behind. */
#pragma once

#include <pwd.h>

#include "config/config.h"
#include "config/instance.h"
#include "doctor/finding.h"
#include "doctor/unit_facts.h"

struct checkup {
        const struct instance *instance;
        struct config *config; /* NULL: there is no valid one */
        char *config_error;    /* the first error, if there is no valid one */
        char *bus_error;       /* why systemd could not be asked; NULL: it was */
        bool root;
        struct unit_facts daemon, sync, alert, gateway, tailscaled, old_monitor;
};

/* Asks systemd for everything above, or sets C->bus_error; C->config must be set already. */
void checkup_ask_systemd(struct checkup *c);
/* Whether the gateway runs, or is on its way, by what systemd says now: the daemon may have started or stopped it since
 * doctor began. If it does not say: no. */
bool checkup_gateway_runs(const struct checkup *c);

/* The users that a row may be looked at as: names, never NULL; "root" where a unit has no User=. */
const char *checkup_gateway_user(const struct checkup *c);
const char *checkup_sync_user(const struct checkup *c);
const char *checkup_daemon_user(const struct checkup *c);

/* This process becomes USER for good, as a service of systemd's would be: groups, HOME and PATH, nothing else. 0 or a negative
 * errno. */
int become(const struct passwd *user);
/* Makes this process's ssh agent the sync unit's, which has none unless a drop-in gave it one: the caller's own, forwarded
 * perhaps, is not there at night. */
void checkup_take_agent(const struct checkup *c);

/* "100.64.0.7" for what NAME resolves to now; an address of the tailnet is preferred. 0, or -ENOENT. */
int resolve_name(const char *name, char *buf, size_t size);

typedef void look_t(const struct checkup *c, struct finding *f);

/* check_config.c */
look_t look_config, look_config_readable, look_config_in_force, look_instances;
/* check_units.c */
look_t look_reload, look_daemon, look_mode, look_old_monitor, look_sync_unit, look_sync_places,
        look_gateway_unit, look_gateway_stop, look_user_service;
/* False, with a finding, if systemd would refuse the daemon to start or stop the unit, whatever its service does. */
bool unit_may_be_started(const struct unit_facts *u, struct finding *f);
/* check_warm.c */
look_t look_warm;
/* check_program.c */
look_t look_program, look_interpreter;
/* Adds the drop-in that runs PROGRAM with the unit's own words, but for the option WITHOUT and its value, which may be NULL;
 * nothing if a word needs quotes. */
void finding_fix_program(
        struct finding *f, const struct unit_facts *u, const char *program, const char *without);
/* check_drill.c */
look_t look_drill;
/* check_polkit.c */
look_t look_polkit;
/* check_system.c */
look_t look_clock, look_journal, look_powers;
/* check_tailscale.c */
look_t look_tailscale, look_own_key, look_primary_key, look_relay, look_lost_with_primary,
        look_gateway_serve;
/* Whether this node's `tailscale serve` is on for the port of the gateway here. */
bool tailnet_is_served(const struct checkup *c);
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

/* A refusal of the sync worker's becomes a finding. */
struct refusal;
void finding_refuse(struct finding *f, const struct refusal *why);

/* Adds the commands that set KEY of [SECTION], which the ini has, to VALUE, and reload. */
void checkup_fix_key(
        const struct checkup *c, const char *section, const char *key, const char *value, struct finding *f);

/* The pure parts, for the tests as well. */

/* The program that a script's first line names (execve(2)), or with "env" in between the word that env looks up: then *RET_ENV
 * is true. BUF receives it. 0, or -ENOENT if TEXT does not begin with such a line. */
int parse_shebang(const char *text, char *buf, size_t size, bool *ret_env);

/* What `sudo -l -U USER` says: may USER run anything without a password? The first such line goes to BUF. */
bool sudo_without_password(const char *output, char *buf, size_t size);
