/* systemd's units over sd-bus; see units.h. */
#include "daemon/units.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include "lib/log.h"
#include "lib/text.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define MANAGER SYSTEMD ".Manager"
#define PROPERTIES "org.freedesktop.DBus.Properties"

#define ASK_AGAIN_AFTER USEC_PER_SEC
/* systemd gives polkit 25 s (sd_bus_set_method_call_timeout(3), its default) and then refuses. Who hangs up before that
 * would have a unit started or stopped behind his back as soon as polkit wakes up. */
#define REQUEST_TIMEOUT USEC_PER_MINUTE
#define REQUEST_IS_SLOW_AFTER (2 * USEC_PER_SEC)

struct unit {
        struct units *units;
        struct unit *next;
        char *name;
        char *path;
        unit_changed_t changed;
        void *userdata;
        struct unit_info info;
        enum unit_job wanted; /* what the call under way asks for */
        sd_bus_slot *signals;
        sd_bus_slot *call;     /* a request under way */
        sd_event_source *slow; /* goes off if it stays so */
        sd_bus_slot *look;     /* a question under way */
        bool look_again;       /* something changed since that question was asked */
        sd_id128_t run;        /* the last one seen, also of a unit that is forgotten since */
};

struct units {
        struct bus_connection *connection;
        struct unit *first;
        sd_event_source *ask_again; /* after no answer, or one that will not last */
        bool shutting_down;
        sd_bus_slot *slots[4]; /* signals of the manager and of its owner, and the subscription */
};

/* Reading what a unit is. */

static enum unit_state to_state(const char *active, const char *sub) {
        static const struct {
                const char *active;
                enum unit_state state;
        } table[] = {
                { "active", UNIT_ACTIVE },
                { "reloading", UNIT_ACTIVE },
                { "inactive", UNIT_INACTIVE },
                { "failed", UNIT_FAILED },
                { "activating", UNIT_STARTING },
                { "deactivating", UNIT_STOPPING },
                { "maintenance", UNIT_INACTIVE },
                { "refreshing", UNIT_ACTIVE },
        };

        if (strncmp(sub, "auto-restart", strlen("auto-restart")) == 0)
                return UNIT_RESTARTING;
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (strcmp(active, table[i].active) == 0)
                        return table[i].state;
        return UNIT_UNKNOWN;
}

/* The properties that matter, of all that a{sv} holds. Pointers are good as long as the message is. */
struct properties {
        const char *active, *sub, *result, *user, *status, *job;
        const void *invocation;
        size_t invocation_size;
        uint32_t main_pid, restarts;
};

static int read_property(sd_bus_message *m, const char *name, struct properties *p) {
        uint32_t job_id;

        if (strcmp(name, "ActiveState") == 0)
                return sd_bus_message_read(m, "v", "s", &p->active);
        if (strcmp(name, "SubState") == 0)
                return sd_bus_message_read(m, "v", "s", &p->sub);
        if (strcmp(name, "Result") == 0)
                return sd_bus_message_read(m, "v", "s", &p->result);
        if (strcmp(name, "User") == 0)
                return sd_bus_message_read(m, "v", "s", &p->user);
        if (strcmp(name, "StatusText") == 0)
                return sd_bus_message_read(m, "v", "s", &p->status);
        if (strcmp(name, "Job") == 0)
                return sd_bus_message_read(m, "v", "(uo)", &job_id, &p->job);
        if (strcmp(name, "MainPID") == 0)
                return sd_bus_message_read(m, "v", "u", &p->main_pid);
        if (strcmp(name, "NRestarts") == 0)
                return sd_bus_message_read(m, "v", "u", &p->restarts);
        if (strcmp(name, "InvocationID") != 0)
                return sd_bus_message_skip(m, "v");

        int r = sd_bus_message_enter_container(m, 'v', "ay");
        if (r < 0)
                return r;
        r = sd_bus_message_read_array(m, 'y', &p->invocation, &p->invocation_size);
        if (r < 0)
                return r;
        return sd_bus_message_exit_container(m);
}

static int read_properties(sd_bus_message *m, struct properties *p) {
        const char *name;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read(m, "s", &name);
                if (r >= 0)
                        r = read_property(m, name, p);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

static void copy(char *to, size_t size, const char *from) {
        to[0] = '\0';
        (void) appendf(to, size, "%s", from);
}

static sd_id128_t run_of(const struct properties *p) {
        sd_id128_t run = SD_ID128_NULL;

        if (p->invocation_size == sizeof run)
                memcpy(&run, p->invocation, sizeof run);
        return run;
}

/* Somebody else has it run since a request of ours came to nothing: that is mended. */
static void note_run(struct unit *u, sd_id128_t run) {
        if (sd_id128_is_null(run) || sd_id128_equal(run, u->run))
                return;
        u->run = run;
        if (!u->call)
                u->info.trouble[0] = '\0';
}

static void tell(struct unit *u) {
        u->changed(u, &u->info, u->userdata);
}

static void ask_again_later(struct units *us) {
        (void) sd_event_source_set_time_relative(us->ask_again, ASK_AGAIN_AFTER);
        (void) sd_event_source_set_enabled(us->ask_again, SD_EVENT_ONESHOT);
}

/* A signal that is lost on the way out of such a state would leave us waiting for ever. */
static bool will_not_last(const struct unit_info *i) {
        return i->job != JOB_NONE || i->state == UNIT_STARTING || i->state == UNIT_RESTARTING ||
                i->state == UNIT_STOPPING;
}

static void look(struct unit *u);

static int on_system_state(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct unit *u = userdata;
        const char *state;

        u->look = sd_bus_slot_unref(u->look);
        if (!sd_bus_message_is_method_error(m, NULL) && sd_bus_message_read(m, "v", "s", &state) >= 0)
                u->units->shutting_down = strcmp(state, "stopping") == 0;
        if (u->look_again)
                look(u);
        else
                tell(u);
        return 0;
}

/* Units stop when the system does, and nobody means anything by it. */
static int ask_system_state(struct unit *u) {
        return sd_bus_call_method_async(bus_connection_bus(u->units->connection), &u->look, SYSTEMD,
                SYSTEMD_PATH, PROPERTIES, "Get", on_system_state, u, "ss", MANAGER, "SystemState");
}

static int on_look(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct unit *u = userdata;
        struct properties p = { .active = "", .sub = "", .result = "", .user = "", .job = "/" };

        u->look = sd_bus_slot_unref(u->look);
        if (u->look_again) {
                look(u);
                return 0;
        }
        if (sd_bus_message_is_method_error(m, NULL) || read_properties(m, &p) < 0) {
                u->info.state = UNIT_UNKNOWN;
                ask_again_later(u->units);
                tell(u);
                return 0;
        }

        u->info.state = to_state(p.active, p.sub);
        u->info.clean = strcmp(p.result, "success") == 0;
        u->info.main_pid = (pid_t) p.main_pid;
        u->info.restarts = p.restarts;
        copy(u->info.result, sizeof u->info.result, p.result);
        copy(u->info.user, sizeof u->info.user, p.user);
        u->info.invocation = run_of(&p);
        note_run(u, u->info.invocation);
        if (!u->call)
                u->info.job = strcmp(p.job, "/") == 0 ? JOB_NONE
                        : u->info.job == JOB_NONE     ? JOB_START
                                                      : u->info.job;
        if (will_not_last(&u->info))
                ask_again_later(u->units);

        if (u->info.state == UNIT_ACTIVE || ask_system_state(u) < 0)
                tell(u);
        return 0;
}

/* One question at a time; what changed meanwhile is asked for afterwards. */
static void look(struct unit *u) {
        sd_bus *bus = bus_connection_bus(u->units->connection);
        int r;

        u->look_again = u->look;
        if (u->look || !bus)
                return;
        /* "": the properties of all interfaces, Unit's and Service's, in one answer. */
        r = sd_bus_call_method_async(
                bus, &u->look, SYSTEMD, u->path, PROPERTIES, "GetAll", on_look, u, "s", "");
        if (r < 0)
                log_error("Cannot ask systemd about %s: %s.", u->name, strerror(-r));
}

static int on_properties_changed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct unit *u = userdata;
        struct properties p = {};
        const char *interface;

        /* A unit that ran once is forgotten by systemd as soon as it is over, and with it what it said: the signal is
         * the only place to learn that. It is empty from the start of a run until that run says something. */
        if (sd_bus_message_read(m, "s", &interface) >= 0 && read_properties(m, &p) >= 0) {
                note_run(u, run_of(&p));
                if (p.status)
                        copy(u->info.status, sizeof u->info.status, p.status);
        }
        look(u);
        return 0;
}

/* Requests. */

/* systemd's and D-Bus's errors in words; %s is the unit. */
static const struct {
        const char *error;
        const char *words;
        const char *command; /* with the unit's name behind it */
} explanations[] = {
        { SYSTEMD ".NoSuchUnit", "there is no such unit", "systemctl cat" },
        { SYSTEMD ".UnitMasked", "the unit is masked", "systemctl unmask" },
        { SYSTEMD ".BadUnitSetting", "its file is wrong", "systemd-analyze verify" },
        { SYSTEMD ".LoadFailed", "its file cannot be read", "systemctl status" },
        { SD_BUS_ERROR_ACCESS_DENIED, "polkit refused", "openclaw-failover doctor; its rule must name" },
        { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, "polkit refused",
                "openclaw-failover doctor; its rule must name" },
        { SD_BUS_ERROR_TIMEOUT, "polkit does not answer", "systemctl status polkit" },
        { SD_BUS_ERROR_NO_REPLY, "polkit does not answer", "systemctl status polkit" },
};

static void explain(struct unit *u, const char *verb, const sd_bus_error *e) {
        char *why = u->info.trouble;
        size_t size = sizeof u->info.trouble;

        (void) snprintf(why, size, "systemd did not %s %s: ", verb, u->name);
        for (size_t i = 0; i < ELEMENTSOF(explanations); i++)
                if (sd_bus_error_has_name(e, explanations[i].error)) {
                        appendf(why, size, "%s (%s %s)", explanations[i].words, explanations[i].command,
                                u->name);
                        return;
                }
        appendf(why, size, "%s", e && e->message ? e->message : "no reason given");
}

static const char *verb_of(const struct unit *u) {
        return u->info.job == JOB_STOP || u->wanted == JOB_STOP ? "stop"
                : u->wanted == JOB_START                        ? "start"
                                                                : "kill";
}

static void hang_up(struct unit *u) {
        u->call = sd_bus_slot_unref(u->call);
        (void) sd_event_source_set_enabled(u->slow, SD_EVENT_OFF);
}

/* The request is answered, or came to nothing. Either way the unit is looked at before anybody is told: what was asked
 * before the answer is stale. */
static void answered(struct unit *u, const sd_bus_error *e) {
        hang_up(u);
        u->info.trouble[0] = '\0';
        if (e)
                explain(u, verb_of(u), e);
        u->info.job = e ? JOB_NONE : u->wanted;
        look(u);
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        answered(userdata, sd_bus_message_get_error(m));
        return 0;
}

static int on_slow(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata) {
        struct unit *u = userdata;

        (void) snprintf(u->info.trouble, sizeof u->info.trouble,
                "systemd did not %s %s yet: no answer in 2 s, so polkit may hang (systemctl status polkit)",
                verb_of(u), u->name);
        log_warning("%s. Waiting for it.", u->info.trouble);
        tell(u);
        return 0;
}

/* Asks the manager. 0 or a negative errno; then DONE is not called. */
static int call(struct unit *u, sd_bus_message_handler_t done, const char *method, const char *types, ...) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        sd_bus *bus = bus_connection_bus(u->units->connection);
        va_list ap;
        int r;

        if (!bus)
                return -ENOTCONN;
        r = sd_bus_message_new_method_call(bus, &m, SYSTEMD, SYSTEMD_PATH, MANAGER, method);
        if (r < 0)
                return r;
        va_start(ap, types);
        r = sd_bus_message_appendv(m, types, ap);
        va_end(ap);
        return r < 0 ? r : sd_bus_call_async(bus, &u->call, m, done, u, REQUEST_TIMEOUT);
}

static void begin(struct unit *u, enum unit_job wanted) {
        hang_up(u);
        u->wanted = wanted;
        u->info.job = JOB_CALLING;
        u->info.trouble[0] = '\0';
        (void) sd_event_source_set_time_relative(u->slow, REQUEST_IS_SLOW_AFTER);
        (void) sd_event_source_set_enabled(u->slow, SD_EVENT_ONESHOT);
}

static void could_not_ask(struct unit *u, int r) {
        _cleanup_(sd_bus_error_free) sd_bus_error e = SD_BUS_ERROR_NULL;

        (void) sd_bus_error_set_errno(&e, r);
        answered(u, &e);
}

static void request(struct unit *u, const char *method) {
        int r = call(u, on_answer, method, "ss", u->name, "replace");

        if (r < 0)
                could_not_ask(u, r);
}

static int on_reset(sd_bus_message *m _unused_, void *userdata, sd_bus_error *error _unused_) {
        struct unit *u = userdata;

        /* If that was refused, so will be the start, which then says it. */
        u->call = sd_bus_slot_unref(u->call);
        request(u, "StartUnit");
        return 0;
}

void unit_start(struct unit *u) {
        begin(u, JOB_START);
        u->info.status[0] = '\0';
        /* After a start limit was hit, StartUnit fails until the unit's failures are forgotten. */
        if (u->info.state != UNIT_FAILED || call(u, on_reset, "ResetFailedUnit", "s", u->name) < 0)
                request(u, "StartUnit");
}

void unit_stop(struct unit *u) {
        begin(u, JOB_STOP);
        request(u, "StopUnit");
}

void unit_kill(struct unit *u) {
        int r;

        begin(u, u->info.job);
        r = call(u, on_answer, "KillUnit", "ssi", u->name, "all", SIGKILL);
        if (r < 0)
                could_not_ask(u, r);
}

/* The connection. */

static int look_at_all(struct units *us) {
        for (struct unit *u = us->first; u; u = u->next)
                look(u);
        return 0;
}

static int on_systemd_changed(sd_bus_message *m _unused_, void *userdata, sd_bus_error *error _unused_) {
        return look_at_all(userdata);
}

static int on_ask_again(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata) {
        return look_at_all(userdata);
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct units *us = userdata;
        const char *job, *name;
        uint32_t id;

        if (sd_bus_message_read(m, "uos", &id, &job, &name) < 0)
                return 0;
        for (struct unit *u = us->first; u; u = u->next)
                if (strcmp(u->name, name) == 0)
                        look(u);
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
        for (struct unit *u = us->first; u && r >= 0; u = u->next)
                r = follow_signals(u, bus);
        if (r >= 0)
                r = subscribe(us, bus);
        if (r < 0)
                log_error("Cannot follow systemd's units: %s.", strerror(-r));
}

static void drop_slots(struct unit *u) {
        u->signals = sd_bus_slot_unref(u->signals);
        hang_up(u);
        u->look = sd_bus_slot_unref(u->look);
        u->look_again = false;
}

static void on_down(void *userdata) {
        struct units *us = userdata;

        for (size_t i = 0; i < ELEMENTSOF(us->slots); i++)
                us->slots[i] = sd_bus_slot_unref(us->slots[i]);
        for (struct unit *u = us->first; u; u = u->next) {
                drop_slots(u);
                u->info.state = UNIT_UNKNOWN;
                u->info.job = JOB_NONE;
                tell(u);
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
        r = u->name ? sd_bus_path_encode(SYSTEMD_PATH "/unit", name, &u->path) : -ENOMEM;
        if (r >= 0)
                r = sd_event_add_time_relative(
                        bus_connection_event(us->connection), &u->slow, CLOCK_MONOTONIC, 0, 0, on_slow, u);
        if (r >= 0)
                r = sd_event_source_set_enabled(u->slow, SD_EVENT_OFF);
        if (r >= 0 && bus_connection_bus(us->connection))
                r = follow_signals(u, bus_connection_bus(us->connection));
        if (r < 0) {
                units_unfollow(us, u);
                return r;
        }
        look(u);
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
        return u->name;
}
