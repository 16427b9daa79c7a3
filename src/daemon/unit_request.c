/* Requests to systemd; see unit_request.h. */
#include "daemon/unit_request.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include "lib/log.h"
#include "lib/text.h"

#define JOB_PATH SYSTEMD_PATH "/job/"

/* systemd gives polkit 25 s (sd_bus_set_method_call_timeout(3), its default), then refuses. If the daemon
 * gave up earlier, a late answer of polkit could still start or stop the unit. */
#define REQUEST_TIMEOUT USEC_PER_MINUTE
#define REQUEST_IS_SLOW_AFTER (2 * USEC_PER_SEC)

static void explain(struct unit *u, const sd_bus_error *e) {
        char *why = u->info.trouble;
        size_t size = sizeof u->info.trouble;

        (void) snprintf(why, size, "systemd did not %s %s: ", u->verb, u->name);
        if (sd_bus_error_has_names(
                    e, SD_BUS_ERROR_ACCESS_DENIED, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED))
                appendf(why, size, "polkit refused (openclaw-failover doctor; its rule must name %s)",
                        u->id);
        else if (sd_bus_error_has_names(e, SD_BUS_ERROR_TIMEOUT, SD_BUS_ERROR_NO_REPLY))
                appendf(why, size, "polkit does not answer (systemctl status polkit)");
        else
                appendf(why, size, "%s", e->message ?: e->name);
}

static void hang_up(struct unit *u) {
        u->call = sd_bus_slot_unref(u->call);
        u->slow = sd_event_source_disable_unref(u->slow);
}

/* The request is answered or has failed. Either way the daemon asks systemd for the unit before it calls
 * .changed(): what systemd said before is stale. */
static void answered(struct unit *u, const sd_bus_error *e) {
        hang_up(u);
        u->info.trouble[0] = '\0';
        if (e)
                explain(u, e);
        u->info.job = e ? JOB_NONE : u->wanted;
        unit_look(u);
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct unit *u = userdata;
        const char *job;

        if (sd_bus_message_read(m, "o", &job) > 0 && begins_with(job, JOB_PATH)) {
                u->own = (uint32_t) strtoul(job + strlen(JOB_PATH), NULL, 10);
                /* systemd announces a job, answers, and then starts it: the requested type is certain. */
                if (u->job == u->own)
                        u->type = u->wanted == JOB_STOP ? TYPE_STOP : TYPE_START;
        }
        answered(u, sd_bus_message_get_error(m));
        return 0;
}

static int on_slow(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata) {
        struct unit *u = userdata;

        (void) snprintf(u->info.trouble, sizeof u->info.trouble,
                "systemd did not %s %s yet: no answer in 2 s, so polkit may hang (systemctl status polkit)",
                u->verb, u->name);
        log_warning("%s. Waiting for it.", u->info.trouble);
        unit_report(u);
        return 0;
}

bool unit_is_unanswered(const struct unit *u) {
        return u->call && *u->info.trouble;
}

/* Calls systemd's manager. If the call cannot be sent, the request has failed. */
static void call(struct unit *u, sd_bus_message_handler_t done, const char *method, const char *types, ...) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error e = SD_BUS_ERROR_NULL;
        sd_bus *bus = bus_connection_bus(u->units->connection);
        va_list ap;
        int r;

        r = bus ? sd_bus_message_new_method_call(bus, &m, SYSTEMD, SYSTEMD_PATH, MANAGER, method)
                : -ENOTCONN;
        va_start(ap, types);
        if (r >= 0)
                r = sd_bus_message_appendv(m, types, ap);
        va_end(ap);
        if (r >= 0)
                r = sd_bus_call_async(bus, &u->call, m, done, u, REQUEST_TIMEOUT);
        if (r < 0) {
                (void) sd_bus_error_set_errno(&e, r);
                answered(u, &e);
        }
}

static void begin(struct unit *u, enum unit_job wanted, const char *verb) {
        hang_up(u);
        u->wanted = wanted;
        u->verb = verb;
        u->info.job = JOB_CALLING;
        u->info.trouble[0] = '\0';
        (void) sd_event_add_time_relative(bus_connection_event(u->units->connection), &u->slow,
                CLOCK_MONOTONIC, REQUEST_IS_SLOW_AFTER, 0, on_slow, u);
}

static void request(struct unit *u, const char *method) {
        call(u, on_answer, method, "ss", u->name, "replace");
}

static int on_reset(sd_bus_message *m _unused_, void *userdata, sd_bus_error *error _unused_) {
        struct unit *u = userdata;

        /* If polkit refused this, it refuses the start too, whose answer then says so. */
        u->call = sd_bus_slot_unref(u->call);
        request(u, "StartUnit");
        return 0;
}

void unit_start(struct unit *u) {
        begin(u, JOB_START, "start");
        u->info.status[0] = '\0';
        /* After a start limit is hit, StartUnit fails until ResetFailedUnit. */
        if (u->info.state == UNIT_FAILED)
                call(u, on_reset, "ResetFailedUnit", "s", u->name);
        else
                request(u, "StartUnit");
}

void unit_stop(struct unit *u) {
        begin(u, JOB_STOP, "stop");
        request(u, "StopUnit");
}

void unit_kill(struct unit *u) {
        begin(u, u->info.job, "kill");
        call(u, on_answer, "KillUnit", "ssi", u->name, "all", SIGKILL);
}
