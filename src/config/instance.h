/* Every path, unit and bus name of one instance.
 *
 * The plain instance ("") is openclaw-failover.service with /etc/openclaw-failover.ini. An instance NAME is
 * openclaw-failover@NAME.service with /etc/openclaw-failover/NAME.ini, and so on. Its directories are beside
 * the plain instance's, not inside: there, NAME could be the name of a file. */
#pragma once

#include <systemd/sd-bus.h>

#include "lib/util.h"

#ifndef DEFAULT_SYSCONFDIR /* the Makefile's SYSCONFDIR */
#define DEFAULT_SYSCONFDIR "/etc"
#endif

struct instance {
        char *name;           /* "" or NAME */
        char *program;        /* what a user types: openclaw-failover, openclaw-failover -i NAME */
        char *config;         /* /etc/openclaw-failover.ini, /etc/openclaw-failover/NAME.ini */
        char *unit;           /* openclaw-failover.service, openclaw-failover@NAME.service */
        char *sync_unit;      /* openclaw-failover-sync.service, openclaw-failover-sync@NAME.service */
        char *alert_unit;     /* openclaw-failover-alert.service, openclaw-failover-alert@NAME.service */
        char *runtime_dir;    /* /run/openclaw-failover, /run/openclaw-failover@NAME */
        char *state_dir;      /* /var/lib/openclaw-failover, /var/lib/openclaw-failover@NAME: the daemon's */
        char *sync_state_dir; /* /var/lib/openclaw-failover-sync, …-sync@NAME: the sync worker's */
        char *bus_name;       /* org.openclaw.Failover1, org.openclaw.Failover1.NAME */
};

/* A name is 1 to 32 of [A-Za-z0-9_] and begins with a letter: it is safe in a path, a unit name and a bus
 * name without escaping. "" and NULL mean the plain instance. $RUNTIME_DIRECTORY and $STATE_DIRECTORY, which
 * systemd sets from the unit, do not count: commands outside the unit need the same answer. 0, -EINVAL for a
 * bad name, -ENOMEM. */
int instance_new(const char *name, struct instance **ret);
struct instance *instance_free(struct instance *n);
DEFINE_CLEANUP(struct instance *, instance_free)

/* All instances, by name; the plain one comes first. An instance exists if it has its name on the bus, or an
 * ini: one that should run and does not counts, too. The plain ini as shipped does not count. BUS may be
 * NULL: then only inis count. *RET ends in NULL. Returns how many, or a negative errno. */
int instances_list(sd_bus *bus, struct instance ***ret);
struct instance **instances_free(struct instance **list);
DEFINE_CLEANUP(struct instance **, instances_free)
