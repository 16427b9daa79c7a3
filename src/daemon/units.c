/* The list of the units that the daemon follows, and systemd's signals about them; see units.h. */
#include "daemon/units.h"

#include <errno.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/timer.h"

/* Signals. */

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

static int on_job_new(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct units *us = userdata;
        const char *path, *name;
        struct unit *u;
        uint32_t id;

        if (sd_bus_message_read(m, "uos", &id, &path, &name) < 0)
                return 0;
        unit_jobs_add(&us->jobs, id, name, now_usec(CLOCK_MONOTONIC));
        u = find(us, name);
        if (u)
                unit_job_begins(u, id, path);
        return 0;
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct units *us = userdata;
        const char *path, *name, *word;
        enum job_result result;
        struct unit *u;
        uint32_t id;

        if (sd_bus_message_read(m, "uoss", &id, &path, &name, &word) < 0)
                return 0;
        result = unit_jobs_remove(&us->jobs, id, name, word);
        u = find(us, name);
        if (u)
                unit_job_ends(u, id, result);
        return 0;
}

/* systemd answers in order: the looks show what was signaled before it knew this subscriber. */
static int subscribe(struct units *us, sd_bus *bus) {
        int r = sd_bus_call_method_async(
                bus, NULL, SYSTEMD, SYSTEMD_PATH, MANAGER, "Subscribe", NULL, NULL, NULL);

        look_at_all(us);
        return r;
}

/* systemd has executed itself again. Whether it still knows its subscribers depends on its version. If it
 * does, it signals what has ended meanwhile before it answers. */
static int on_systemd_owner(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct units *us = userdata;
        const char *owner;

        if (sd_bus_message_read(m, "sss", NULL, NULL, &owner) > 0 && *owner)
                bus_connection_believe(us->connection, owner);
        (void) subscribe(us, sd_bus_message_get_bus(m));
        return 0;
}

/* The connection owns these slots and frees them with itself. */
static void on_up(sd_bus *bus, void *userdata) {
        static const struct {
                const char *name;
                sd_bus_message_handler_t handler;
        } signals[] = {
                { "JobNew", on_job_new },
                { "JobRemoved", on_job_removed },
                { "Reloading", on_systemd_changed },
        };
        struct units *us = userdata;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(signals) && r >= 0; i++)
                r = sd_bus_match_signal_async(bus, NULL, SYSTEMD, SYSTEMD_PATH, MANAGER, signals[i].name,
                        signals[i].handler, NULL, us);
        if (r >= 0)
                r = sd_bus_add_match_async(bus, NULL,
                        "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                        "member='NameOwnerChanged',arg0='" SYSTEMD "'",
                        on_systemd_owner, NULL, us);
        for (struct unit *u = us->first; u && r >= 0; u = u->next)
                r = unit_follow(u, u->id);
        if (r >= 0)
                r = subscribe(us, bus);
        if (r < 0)
                log_error("Cannot follow systemd's units: %s.", strerror(-r));
}

static void on_down(void *userdata) {
        struct units *us = userdata;

        for (struct unit *u = us->first; u; u = u->next)
                unit_forget(u);
}

int units_new(struct bus_connection *c, struct units **ret) {
        _cleanup_(units_freep) struct units *us = calloc(1, sizeof *us);
        int r;

        if (!us)
                return -ENOMEM;
        us->connection = c;
        r = timer_new(bus_connection_event(c), &us->ask_again, 0, on_ask_again, us);
        if (r < 0)
                return r;
        bus_connection_add_user(
                c, &(struct bus_connection_user){ .up = on_up, .down = on_down, .userdata = us });
        *ret = TAKE(us);
        return 0;
}

struct units *units_free(struct units *us) {
        if (!us)
                return NULL;
        while (us->first)
                units_unfollow(us, us->first);
        sd_event_source_disable_unref(us->ask_again);
        free(us);
        return NULL;
}

int units_follow(
        struct units *us, const char *name, unit_changed_t changed, void *userdata, struct unit **ret) {
        struct unit *u;
        int r;

        r = unit_new(us, name, changed, userdata, &u);
        if (r < 0)
                return r;
        u->next = us->first;
        us->first = u;
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
