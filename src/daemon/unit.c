/* Follows the state of one unit; see unit.h. */
#include "daemon/unit.h"

#include <errno.h>
#include <string.h>

#include "daemon/unit_properties.h"
#include "lib/log.h"
#include "lib/text.h"
#include "lib/timer.h"

#define ASK_AGAIN_AFTER USEC_PER_SEC

/* A new run shows that the cause of the last failed request is gone. */
static void note_run(struct unit *u, sd_id128_t run) {
        if (sd_id128_is_null(run) || sd_id128_equal(run, u->run))
                return;
        u->run = run;
        if (!u->call)
                u->info.trouble[0] = '\0';
}

void unit_report(struct unit *u) {
        u->changed(u, &u->info, u->userdata);
}

static void ask_again_later(struct units *us) {
        (void) timer_in(us->ask_again, ASK_AGAIN_AFTER);
}

/* If the signal that ends such a state is lost, only another question shows the end. */
static bool will_not_last(const struct unit *u) {
        return u->info.job != JOB_NONE || u->seen == UNIT_STARTING || u->seen == UNIT_RESTARTING ||
                u->seen == UNIT_STOPPING;
}

/* All questions of a look are answered. */
static void report_look(struct unit *u) {
        u->info.state = u->seen;
        unit_report(u);
}

/* Ends a question. Returns whether there is an answer to read: it may be stale or an error. */
static bool end_look(struct unit *u, sd_bus_message *m) {
        bool answered = !sd_bus_message_is_method_error(m, NULL);

        if (answered)
                bus_connection_believe(u->units->connection, sd_bus_message_get_sender(m));
        u->look = sd_bus_slot_unref(u->look);
        if (u->look_again)
                unit_look(u);
        return answered && !u->look;
}

/* If a unit that BindsTo= names ends by itself, systemd's stop job for this unit looks like a user's. */
static int on_bound_units(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct unit *u = userdata;
        const char *name, *active;

        /* This question is asked once a stop: what has changed meanwhile does not make its answer stale. */
        if (sd_bus_message_enter_container(m, 'a', "(ssssssouso)") > 0)
                while (sd_bus_message_read(m, "(ssssssouso)", &name, NULL, NULL, &active, NULL, NULL, NULL,
                               NULL, NULL, NULL) > 0)
                        if (strcmp(active, "active") != 0) {
                                u->info.end.cause = STOP_BY_UNIT;
                                safe_text(u->info.end.unit, sizeof u->info.end.unit, name);
                        }
        (void) end_look(u, m);
        if (!u->look)
                report_look(u);
        return 0;
}

static int ask_bound_units(struct unit *u, char **names) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        sd_bus *bus = bus_connection_bus(u->units->connection);
        int r;

        r = sd_bus_message_new_method_call(bus, &m, SYSTEMD, SYSTEMD_PATH, MANAGER, "ListUnitsByNames");
        if (r >= 0)
                r = sd_bus_message_append_strv(m, names);
        return r < 0 ? r : sd_bus_call_async(bus, &u->look, m, on_bound_units, u, 0);
}

/* Reads the unit whose job goes first. The daemon asks once a second, and warns at the third equal answer:
 * boots are full of shorter waits. */
static int on_waits_for(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct unit *u = userdata;
        const char *name = "";

        if (end_look(u, m) && sd_bus_message_enter_container(m, 'a', "(usssoo)") > 0 &&
                sd_bus_message_enter_container(m, 'r', "usssoo") > 0)
                (void) sd_bus_message_read(m, "us", NULL, &name);
        u->waits = *name && strcmp(name, u->info.waits_for) == 0 ? u->waits + 1 : 0;
        if (u->waits == 2)
                log_warning(
                        "systemd waits for %s before it starts %s. See `systemctl list-jobs`.", name, u->id);
        safe_text(u->info.waits_for, sizeof u->info.waits_for, name);
        if (!u->look)
                report_look(u);
        return 0;
}

static void read_job(struct unit *u, const struct unit_properties *p) {
        if (u->call)
                return;
        if (!p->job || strcmp(p->job, "/") == 0)
                u->info.job = JOB_NONE;
        else if (u->type == TYPE_STOP)
                u->info.job = JOB_STOP;
        else if (u->type != TYPE_UNKNOWN || u->info.job == JOB_NONE)
                u->info.job = JOB_START;
}

/* Finds out why U has stopped or was not started. Returns true if the units in BindsTo= must be asked. */
static bool read_end(struct unit *u, const struct unit_properties *p) {
        struct unit_end *end = &u->info.end;
        const char *cause;

        if (end->job == JOB_RESULT_DONE && u->type != TYPE_STOP && u->unmet)
                end->job = JOB_RESULT_CONDITION;
        if (end->job == JOB_RESULT_DEPENDENCY) {
                end->cause = STOP_BY_UNIT;
                safe_text(end->unit, sizeof end->unit, u->units->jobs.failed);
                return false;
        }
        if (u->type != TYPE_STOP) {
                end->cause = STOP_BY_NOBODY;
                return false;
        }
        if (u->job == u->explained)
                return false;
        u->explained = u->job;
        cause = unit_jobs_cause(&u->units->jobs, u->job, p);
        safe_text(end->unit, sizeof end->unit, cause ? cause : "");
        end->cause = u->job == u->own ? STOP_BY_DAEMON : cause ? STOP_BY_UNIT : STOP_BY_USER;
        return end->cause == STOP_BY_USER && p->related[BOUND_TO] && *p->related[BOUND_TO];
}

static int on_properties_changed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        _cleanup_properties_ struct unit_properties p = {};
        struct unit *u = userdata;
        const char *interface;

        /* systemd may forget a unit as soon as its run has ended. Then only this signal has its status and
         * whether its conditions were met. A new run's status is empty until the run sets it. */
        if (sd_bus_message_read(m, "s", &interface) >= 0 && unit_properties_read(m, &p) >= 0) {
                note_run(u, p.invocation);
                if (p.active)
                        u->seen = unit_properties_state(&p);
                if (p.condition_checked > 0)
                        u->unmet = !p.conditions_met || !p.asserts_met;
                if (p.status)
                        (void) snprintf(u->info.status, sizeof u->info.status, "%s", p.status);
        }
        unit_look(u);
        return 0;
}

int unit_follow(struct unit *u, const char *id) {
        _cleanup_free_ char *copied = strdup(id), *path = NULL;
        sd_bus *bus = bus_connection_bus(u->units->connection);
        int r;

        r = copied ? sd_bus_path_encode(SYSTEMD_PATH "/unit", id, &path) : -ENOMEM;
        if (r < 0)
                return r;
        free(u->id);
        free(u->path);
        u->id = TAKE(copied);
        u->path = TAKE(path);
        u->signals = sd_bus_slot_unref(u->signals);
        return !bus ? 0
                    : sd_bus_match_signal_async(bus, &u->signals, SYSTEMD, u->path, PROPERTIES,
                              "PropertiesChanged", on_properties_changed, NULL, u);
}

static void read_unit(struct unit *u, const struct unit_properties *p) {
        struct unit_info *i = &u->info;

        u->seen = unit_properties_state(p);
        if (unit_state_runs(u->seen)) /* an end is shown once its cause is known */
                i->state = u->seen;
        i->clean = p->result && strcmp(p->result, "success") == 0;
        i->main_pid = (pid_t) p->main_pid;
        i->restarts = p->restarts;
        safe_text(i->result, sizeof i->result, p->result ? p->result : "");
        safe_text(i->user, sizeof i->user, p->user ? p->user : "");
        i->invocation = p->invocation;
        note_run(u, i->invocation);
        read_job(u, p);
        if (p->id && strcmp(p->id, u->id) != 0) { /* the name is an alias, of which no signal came so far */
                (void) unit_follow(u, p->id);
                ask_again_later(u->units);
        }
}

static int on_look(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        _cleanup_properties_ struct unit_properties p = {};
        struct unit *u = userdata;
        bool answered = end_look(u, m) && unit_properties_read(m, &p) >= 0, bound = false, waits;
        int r = -1;

        if (u->look)
                return 0;
        if (!answered) {
                u->seen = UNIT_UNKNOWN;
                ask_again_later(u->units);
                report_look(u);
                return 0;
        }
        read_unit(u, &p);
        if (will_not_last(u))
                ask_again_later(u->units);

        if (u->seen == UNIT_ACTIVE || u->seen == UNIT_STARTING) {
                u->info.end.cause = STOP_BY_NOBODY;
                u->info.end.unit[0] = '\0';
        } else
                bound = read_end(u, &p);

        waits = !bound && u->info.job == JOB_START && !unit_state_runs(u->seen);
        if (!waits)
                u->info.waits_for[0] = '\0';
        if (bound)
                r = ask_bound_units(u, p.related[BOUND_TO]);
        else if (waits)
                r = sd_bus_call_method_async(bus_connection_bus(u->units->connection), &u->look, SYSTEMD,
                        p.job, SYSTEMD ".Job", "GetBefore", on_waits_for, u, NULL);
        if (r < 0)
                report_look(u);
        return 0;
}

static int on_system_state(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct units *us = userdata;
        const char *state;

        if (sd_bus_message_read(m, "v", "s", &state) >= 0)
                us->shutting_down = strcmp(state, "stopping") == 0;
        return 0;
}

void unit_look(struct unit *u) {
        sd_bus *bus = bus_connection_bus(u->units->connection);

        u->look_again = u->look;
        if (u->look || !bus)
                return;
        /* systemd answers in order: whether the system shuts down is known when the unit's end is. */
        (void) sd_bus_call_method_async(bus, NULL, SYSTEMD, SYSTEMD_PATH, PROPERTIES, "Get", on_system_state,
                u->units, "ss", MANAGER, "SystemState");
        /* "": the properties of all interfaces, Unit's and Service's, in one answer. */
        if (sd_bus_call_method_async(
                    bus, &u->look, SYSTEMD, u->path, PROPERTIES, "GetAll", on_look, u, "s", "") < 0)
                ask_again_later(u->units);
}

/* The unit's jobs. */

static int on_job_type(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct unit *u = userdata;
        const char *type;

        u->ask_type = sd_bus_slot_unref(u->ask_type);
        if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "v", "s", &type) < 0)
                return 0;
        u->type = strcmp(type, "stop") == 0 ? TYPE_STOP : TYPE_START;
        unit_look(u);
        return 0;
}

void unit_job_begins(struct unit *u, uint32_t id, const char *path) {
        u->job = id;
        u->type = TYPE_UNKNOWN;
        u->unmet = false;
        u->ran_before = unit_state_runs(u->seen) || u->seen == UNIT_STOPPING;
        u->before = u->run;
        u->info.end.job = JOB_RESULT_NONE;
        u->ask_type = sd_bus_slot_unref(u->ask_type);
        (void) sd_bus_call_method_async(bus_connection_bus(u->units->connection), &u->ask_type, SYSTEMD,
                path, PROPERTIES, "Get", on_job_type, u, "ss", SYSTEMD ".Job", "JobType");
}

/* Whether the job that ends with RESULT stopped U, if systemd forgot the job before it gave the type.
 * systemd signals a unit's state before it signals a job's begin or end, so .ran_before and .seen are of
 * these moments. A start leaves a running unit alone, fails, checks conditions or begins a run. If a busy
 * systemd signals late, both states are the same: then the job counts as a start. */
static bool job_has_stopped(const struct unit *u, enum job_result result) {
        return result == JOB_RESULT_DONE && u->ran_before && !unit_state_runs(u->seen) && !u->unmet &&
                sd_id128_equal(u->before, u->run);
}

void unit_job_ends(struct unit *u, uint32_t id, enum job_result result) {
        if (u->job == id) {
                u->info.end.job = result;
                if (u->type == TYPE_UNKNOWN)
                        u->type = job_has_stopped(u, result) ? TYPE_STOP : TYPE_START;
        }
        unit_look(u);
}

static void drop_slots(struct unit *u) {
        u->signals = sd_bus_slot_unref(u->signals);
        u->call = sd_bus_slot_unref(u->call);
        u->look = sd_bus_slot_unref(u->look);
        u->ask_type = sd_bus_slot_unref(u->ask_type);
        u->slow = sd_event_source_disable_unref(u->slow);
}

void unit_forget(struct unit *u) {
        drop_slots(u);
        u->look_again = false;
        u->job = u->explained = 0;
        u->type = TYPE_UNKNOWN;
        u->info.state = u->seen = UNIT_UNKNOWN;
        u->info.job = JOB_NONE;
        unit_report(u);
}

struct unit *unit_free(struct unit *u) {
        if (!u)
                return NULL;
        drop_slots(u);
        free(u->name);
        free(u->id);
        free(u->path);
        free(u);
        return NULL;
}

int unit_new(struct units *us, const char *name, unit_changed_t changed, void *userdata, struct unit **ret) {
        _cleanup_(unit_freep) struct unit *u = calloc(1, sizeof *u);
        int r;

        if (!u)
                return -ENOMEM;
        *u = (struct unit){ .units = us, .changed = changed, .userdata = userdata, .name = strdup(name) };
        r = u->name ? unit_follow(u, name) : -ENOMEM;
        if (r < 0)
                return r;
        *ret = TAKE(u);
        return 0;
}
