/* Every path, unit and bus name of one instance, made in this one place.
 *
 * The plain instance ("") is openclaw-failover.service with /etc/openclaw-failover.ini; an instance NAME is
 * openclaw-failover@NAME.service with /etc/openclaw-failover/NAME.ini, and so on throughout. Directories are beside those of
 * the plain one, not within: what an instance is called cannot be what a file there is called. */
#pragma once

#include <systemd/sd-bus.h>

#include "lib/util.h"

#ifndef DEFAULT_SYSCONFDIR /* the Makefile's SYSCONFDIR */
#define DEFAULT_SYSCONFDIR "/etc"
#endif

struct instance {
        char *name;        /* "" or NAME */
        char *program;     /* what a person types: openclaw-failover, openclaw-failover -i NAME */
        char *config;      /* /etc/openclaw-failover.ini, /etc/openclaw-failover/NAME.ini */
        char *unit;        /* openclaw-failover.service, openclaw-failover@NAME.service */
        char *sync_unit;   /* openclaw-failover-sync.service, openclaw-failover-sync@NAME.service */
        char *alert_unit;  /* openclaw-failover-alert.service, openclaw-failover-alert@NAME.service */
        char *runtime_dir; /* /run/openclaw-failover, /run/openclaw-failover@NAME */
        char *state_dir;   /* /var/lib/openclaw-failover, /var/lib/openclaw-failover@NAME: the daemon's */
        char *sync_state_dir; /* /var/lib/openclaw-failover-sync, …-sync@NAME: the sync worker's, as its own user */
        char *bus_name; /* org.openclaw.Failover1, org.openclaw.Failover1.NAME */
};

/* Whether S may name an instance. */
bool instance_name_is_valid(const char *s);

/* An instance name is 1 to 32 of [A-Za-z0-9_], beginning with a letter: it is safe in a path, a unit name and a bus
 * name alike without escaping. "" and NULL mean the plain instance. $RUNTIME_DIRECTORY and $STATE_DIRECTORY, which
 * systemd sets from the unit, are not consulted: commands outside the unit need the same answer.
 * 0, -EINVAL on a bad name, -ENOMEM. */
int instance_new(const char *name, struct instance **ret);
struct instance *instance_free(struct instance *n);
DEFINE_CLEANUP(struct instance *, instance_free)

/* All instances, by name; the plain one comes first. One is there if it has its name on the bus,
 * or an ini: one that should run and does not is there as well. The plain ini as it is shipped is none. BUS may be NULL: then
 * inis alone count. *RET ends in NULL, or is NULL if there is
 * none. How many, or a negative errno. */
int instances_list(sd_bus *bus, struct instance ***ret);
struct instance **instances_free(struct instance **list);
DEFINE_CLEANUP(struct instance **, instances_free)
