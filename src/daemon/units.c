/* systemd's units over sd-bus; see units.h. */
#include <errno.h>
#include <string.h>

#include "daemon/unit_internal.h"
#include "daemon/unit_properties.h"
#include "lib/clock.h"
#include "lib/log.h"

/* Signals. */

static int on_properties_changed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        _cleanup_properties_ struct unit_properties p = {};
        struct unit *u = userdata;
        const char *interface;

        /* A unit that ran once is forgotten by systemd as soon as it is over, and with it what it said: the signal is
         * the only place to learn that, and whether its conditions were met. It is empty from the start of a run until that run says something. */
        if (sd_bus_message_read(m, "s", &interface) >= 0 && unit_properties_read(m, &p) >= 0) {
                unit_note_run(u, p.invocation);
                if (p.conditions > 0 && p.condition_checked > 0)
                        u->unmet = p.conditions == UNMET;
                if (p.status)
                        (void) snprintf(u->info.status, sizeof u->info.status, "%s", p.status);
        }
        unit_look(u);
        return 0;
}

static int look_at_all(struct units *us) {
        for (struct unit *u = us->first; u; u = u->next)
                unit_look(u);
        return 0;
}

static int on_systemd_changed(sd_bus_message *m _unused_, void *userdata, sd_bus_error *error _unused_) {
        return look_at_all(userdata);
}

static int on_ask_again(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata) {
        return look_at_all(userdata);
}

static struct unit *find(struct units *us, const char *id) {
        struct unit *u = us->first;

        while (u && strcmp(u->id, id) != 0)
                u = u->next;
        return u;
}

static int on_job_type(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct unit *u = userdata;
        const char *type;

        u->ask_type = sd_bus_slot_unref(u->ask_type);
        if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "v", "s", &type) < 0)
                return 0;
        u->type = strcmp(type, "stop") == 0       ? TYPE_STOP
                : strstr(type, "restart") != NULL ? TYPE_RESTART
                                                  : TYPE_START;
        unit_look(u);
        return 0;
}

static int on_job_new(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct units *us = userdata;
        const char *job, *name;
        struct unit *u;
        uint32_t id;

        if (sd_bus_message_read(m, "uos", &id, &job, &name) < 0)
                return 0;
        unit_jobs_add(&us->jobs, id, name, now_usec(CLOCK_MONOTONIC));
        u = find(us, name);
        if (!u)
                return 0;
        u->job = id;
        u->type = TYPE_UNKNOWN;
        u->pending = true;
        u->unmet = false;
        u->stops = unit_state_runs(u->info.state) || u->info.state == UNIT_STOPPING;
        u->before = u->run;
        u->info.end.job = JOB_RESULT_NONE;
        u->ask_type = sd_bus_slot_unref(u->ask_type);
        (void) sd_bus_call_method_async(sd_bus_message_get_bus(m), &u->ask_type, SYSTEMD, job, PROPERTIES,
                "Get", on_job_type, u, "ss", SYSTEMD ".Job", "JobType");
        return 0;
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct units *us = userdata;
        const char *job, *name, *word;
        enum job_result result;
        struct unit *u;
        uint32_t id;

        if (sd_bus_message_read(m, "uoss", &id, &job, &name, &word) < 0)
                return 0;
        result = unit_jobs_remove(&us->jobs, id, name, word);
        u = find(us, name);
        if (!u)
                return 0;
        if (u->job == id) {
                u->pending = false;
                u->info.end.job = result;
        }
        unit_look(u);
        return 0;
}

static int subscribe(struct units *us, sd_bus *bus) {
        us->slots[3] = sd_bus_slot_unref(us->slots[3]);
        return sd_bus_call_method_async(bus, &us->slots[3], SYSTEMD, SYSTEMD_PATH, MANAGER, "Subscribe",
                on_systemd_changed, us, NULL);
}

/* systemd executed itself anew: whether it still knows its subscribers depends on its version. */
static int on_systemd_owner(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        (void) subscribe(userdata, sd_bus_message_get_bus(m));
        return 0;
}

static int follow_signals(struct unit *u, sd_bus *bus) {
        return sd_bus_match_signal_async(bus, &u->signals, SYSTEMD, u->path, PROPERTIES, "PropertiesChanged",
                on_properties_changed, NULL, u);
}

static int set_id(struct unit *u, const char *id) {
        _cleanup_free_ char *copied = strdup(id), *path = NULL;
        int r;

        r = copied ? sd_bus_path_encode(SYSTEMD_PATH "/unit", id, &path) : -ENOMEM;
        if (r < 0)
                return r;
        free(u->id);
        free(u->path);
        u->id = TAKE(copied);
        u->path = TAKE(path);
        return 0;
}

/* It is an alias: signals bear the unit's own name. */
void unit_follow_id(struct unit *u, const char *id) {
        int r;

        r = set_id(u, id);
        u->signals = sd_bus_slot_unref(u->signals);
        if (r >= 0)
                r = follow_signals(u, bus_connection_bus(u->units->connection));
        if (r < 0)
                log_error("Cannot follow %s: %s.", id, strerror(-r));
}

static void on_up(sd_bus *bus, void *userdata) {
        struct units *us = userdata;
        int r;

        r = sd_bus_match_signal_async(
                bus, &us->slots[0], SYSTEMD, SYSTEMD_PATH, MANAGER, "JobRemoved", on_job_removed, NULL, us);
        if (r >= 0)
                r = sd_bus_match_signal_async(bus, &us->slots[1], SYSTEMD, SYSTEMD_PATH, MANAGER,
                        "Reloading", on_systemd_changed, NULL, us);
        if (r >= 0)
                r = sd_bus_add_match_async(bus, &us->slots[2],
                        "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                        "member='NameOwnerChanged',arg0='" SYSTEMD "'",
                        on_systemd_owner, NULL, us);
        if (r >= 0)
                r = sd_bus_match_signal_async(
                        bus, &us->slots[4], SYSTEMD, SYSTEMD_PATH, MANAGER, "JobNew", on_job_new, NULL, us);
        for (struct unit *u = us->first; u && r >= 0; u = u->next)
                r = follow_signals(u, bus);
        if (r >= 0)
                r = subscribe(us, bus);
        if (r < 0)
                log_error("Cannot follow systemd's units: %s.", strerror(-r));
}

static void drop_slots(struct unit *u) {
        u->signals = sd_bus_slot_unref(u->signals);
        unit_hang_up(u);
        u->look = sd_bus_slot_unref(u->look);
        u->look_again = false;
        u->ask_type = sd_bus_slot_unref(u->ask_type);
}

static void on_down(void *userdata) {
        struct units *us = userdata;

        for (size_t i = 0; i < ELEMENTSOF(us->slots); i++)
                us->slots[i] = sd_bus_slot_unref(us->slots[i]);
        for (struct unit *u = us->first; u; u = u->next) {
                drop_slots(u);
                u->info.state = UNIT_UNKNOWN;
                u->info.job = JOB_NONE;
                /* Jobs may come and go unseen now. */
                u->job = u->explained = 0;
                u->type = TYPE_UNKNOWN;
                u->ran = u->pending = false;
                unit_report(u);
        }
}

int units_new(struct bus_connection *c, struct units **ret) {
        _cleanup_(units_freep) struct units *us = NULL;
        int r;

        us = calloc(1, sizeof *us);
        if (!us)
                return -ENOMEM;
        us->connection = c;
        r = sd_event_add_time_relative(
                bus_connection_event(c), &us->ask_again, CLOCK_MONOTONIC, 0, 0, on_ask_again, us);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(us->ask_again, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = bus_connection_add_user(
                c, &(struct bus_connection_user){ .up = on_up, .down = on_down, .userdata = us });
        if (r < 0)
                return r;
        *ret = TAKE(us);
        return 0;
}

static struct unit *unit_free(struct unit *u) {
        drop_slots(u);
        (void) sd_event_source_disable_unref(u->slow);
        free(u->name);
        free(u->id);
        free(u->path);
        free(u);
        return NULL;
}

struct units *units_free(struct units *us) {
        if (!us)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(us->slots); i++)
                sd_bus_slot_unref(us->slots[i]);
        while (us->first)
                units_unfollow(us, us->first);
        sd_event_source_disable_unref(us->ask_again);
        free(us);
        return NULL;
}

bool units_shutting_down(const struct units *us) {
        return us->shutting_down;
}

int units_follow(
        struct units *us, const char *name, unit_changed_t changed, void *userdata, struct unit **ret) {
        struct unit *u;
        int r;

        u = calloc(1, sizeof *u);
        if (!u)
                return -ENOMEM;
        u->units = us;
        u->changed = changed;
        u->userdata = userdata;
        u->next = us->first;
        us->first = u;

        u->name = strdup(name);
        r = u->name ? set_id(u, name) : -ENOMEM;
        if (r >= 0)
                r = sd_event_add_time_relative(bus_connection_event(us->connection), &u->slow,
                        CLOCK_MONOTONIC, 0, 0, unit_on_slow, u);
        if (r >= 0)
                r = sd_event_source_set_enabled(u->slow, SD_EVENT_OFF);
        if (r >= 0 && bus_connection_bus(us->connection))
                r = follow_signals(u, bus_connection_bus(us->connection));
        if (r < 0) {
                units_unfollow(us, u);
                return r;
        }
        unit_look(u);
        *ret = u;
        return 0;
}

void units_unfollow(struct units *us, struct unit *u) {
        for (struct unit **p = &us->first; *p; p = &(*p)->next)
                if (*p == u) {
                        *p = u->next;
                        unit_free(u);
                        return;
                }
}

const struct unit_info *unit_info(const struct unit *u) {
        return &u->info;
}

const char *unit_name(const struct unit *u) {
        return u->name;
}

const char *unit_id(const struct unit *u) {
        return u->id;
}
