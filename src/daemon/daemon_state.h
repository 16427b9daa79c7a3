/* The daemon's state, for its own files: daemon.c has the loop and the configuration, daemon_steps.c does
 * what role.c decides, daemon_status.c shows the status. */
#pragma once

#include <systemd/sd-event.h>

#include "alert/alert.h"
#include "alert/heartbeat.h"
#include "config/config.h"
#include "core/restart_loop.h"
#include "core/timeline.h"
#include "daemon/bus_connection.h"
#include "daemon/bus_service.h"
#include "daemon/metrics.h"
#include "daemon/peers.h"
#include "daemon/state_file.h"
#include "daemon/sync_unit.h"
#include "daemon/units.h"
#include "lib/clock.h"
#include "lib/http.h"
#include "probe/local_gateway.h"

struct daemon {
        const struct instance *instance;
        struct config *config;
        sd_event *event;
        struct bus_connection *connection;
        struct units *units;
        struct unit *gateway;
        struct sync_unit *sync_unit;
        struct http *http;
        struct peers *peers;
        struct local_gateway *local_gateway;
        struct bus_service *bus;
        struct alert *alert;
        struct heartbeat *heartbeat;
        struct metrics *metrics;

        struct role role;
        struct role_rules rules;
        bool resumed; /* role_resume() has looked at the unit */
        struct state_file state_file;

        usec_t last_check;       /* of the primary */
        enum health_level level; /* from the last daemon_read_level() */
        usec_t level_since;
        usec_t kept_back; /* when a mode or a pause last kept the role from following .level */
        struct timeline timeline;
        struct restart_loop loop; /* systemd's restarts of the gateway here */
        unsigned restarts;        /* unit_info.restarts of the gateway here, as last seen */
        struct check answer;      /* the last check of the gateway here */
        struct check channels;    /* the last one with an answer about channels; .channels "": none */
        struct sync_story sync_story;

        sd_event_source *look_timer;
        usec_t status_lasts; /* while all stays well, the last STATUS= is good until then; 0: something is not */
        bool reload_on_standby; /* a change of the configuration waits until then */
};

/* Puts all that the daemon knows now into F, for role.c. */
void daemon_gather(const struct daemon *d, struct facts *f);

/* Reads the primary's level again. After a standstill the level is old, and counts as unknown. */
void daemon_read_level(struct daemon *d);

/* Decides, acts and reports until there is nothing more to do. */
void daemon_step(struct daemon *d);

/* Shows the status to systemd, D-Bus, alerts, heartbeat and metrics. */
void daemon_show(struct daemon *d);
