/* What can happen in the world around the role: events, each of which says whether it can happen. */
#include "model.h"

/* The world. */

bool is_stopped(const struct state *s) {
        return s->unit == UNIT_INACTIVE || s->unit == UNIT_FAILED;
}

static bool has_process(const struct state *s) {
        return s->unit == UNIT_STARTING || s->unit == UNIT_ACTIVE || s->unit == UNIT_STOPPING;
}

bool is_running(const struct state *s) {
        return s->unit == UNIT_STARTING || s->unit == UNIT_ACTIVE || s->unit == UNIT_RESTARTING;
}

static void forget_process(pid_t *pid) {
        if (*pid == THIS_PID)
                *pid = GONE_PID;
}

static void process_begins(struct state *s) {
        s->unit = UNIT_STARTING;
        s->job = JOB_START;
        forget_process(&s->role.answers_pid);
        forget_process(&s->role.silent_pid);
}

/* A start by somebody else after the daemon wrote that it starts it, and before it knows the run, cannot be told from its
 * own: a marker without a run fits any. */
static void run_begins(struct state *s) {
        s->ours = s->job_ours || (s->intent != INTENT_NONE && s->marked == RUN_NULL);
        if (s->marked == RUN_THIS)
                s->marked = RUN_OTHER;
        process_begins(s);
}

static void take_start(struct state *s) {
        s->seen = JOB_START;
        if (s->unit == UNIT_ACTIVE)
                return;
        s->job = JOB_START;
        s->job_ours = true;
}

static void take_stop(struct state *s) {
        s->seen = JOB_STOP;
        s->by_user = false;
        if (has_process(s)) {
                s->unit = UNIT_STOPPING;
                s->job = JOB_STOP;
                return;
        }
        if (s->unit == UNIT_RESTARTING)
                s->unit = UNIT_INACTIVE;
        s->job = JOB_NONE;
}

static void take_kill(struct state *s) {
        if (!has_process(s))
                return;
        if (s->job == JOB_STOP || s->unit != UNIT_STOPPING)
                s->job = JOB_NONE;
        s->unit = UNIT_FAILED;
}

/* Events. Each says whether it can happen; if so it has. */

bool daemon_sees(const struct state *s) {
        return s->alive && s->bus;
}

/* The time that a silent one has is over, or not: no time passes here. */
static void check_primary(struct act *a, enum verdict verdict, bool too_long) {
        struct judge *j = &a->s->judge;
        struct health_rules rules = a->model->health_rules;

        if (too_long)
                rules.silent_timeout = 0;
        bool early = role_is_early(&a->s->role) && j->level == HEALTH_DOWN && a->s->health.called_off == 0;

        a->s->health.early = role_is_early(&a->s->role);
        health_check(&a->s->health, &rules, verdict, NOW);
        if (verdict == VERDICT_UP) {
                j->failures = 0;
                if (++j->goods >= (early ? 1 : a->model->health_rules.recover_threshold))
                        j->level = HEALTH_UP;
        } else {
                j->goods = 0;
                if (verdict == VERDICT_DOWN)
                        j->failures++;
                if (j->failures >= rules.fail_threshold || too_long)
                        j->level = HEALTH_DOWN;
        }
        if (j->level != a->s->health.level)
                a->broken = "the primary is what its checks say, judged by the thresholds";
}

static bool primary_answers(struct act *a) {
        if (a->s->alive)
                check_primary(a, VERDICT_UP, false);
        return a->s->alive;
}

static bool primary_fails(struct act *a) {
        if (a->s->alive)
                check_primary(a, VERDICT_DOWN, false);
        return a->s->alive;
}

static bool primary_is_silent(struct act *a) {
        if (a->s->alive)
                check_primary(a, VERDICT_SILENT, false);
        return a->s->alive;
}

static bool primary_stays_silent(struct act *a) {
        if (a->s->alive)
                check_primary(a, VERDICT_SILENT, true);
        return a->s->alive;
}

static bool time_after_a_start_was_called_off(struct act *a) {
        usec_t *at = &a->s->health.called_off;
        bool waits = a->s->alive && *at > 0;

        *at = 0;
        return waits;
}

static bool machine_slept(struct act *a) {
        health_restart_counting(&a->s->health);
        a->s->judge.failures = a->s->judge.goods = 0;
        return a->s->alive;
}

struct facts facts_of(const struct state *s) {
        return (struct facts){
                .now = NOW,
                .primary = s->health.level,
                .doubted = (s->health.failing_since == 0) != (s->health.level == HEALTH_UP),
                .failing_since = s->health.failing_since,
                .gateway = s->bus ? s->unit : UNIT_UNKNOWN,
                .job = !s->bus                 ? JOB_NONE
                        : s->call != CALL_NONE ? JOB_CALLING
                                               : s->seen,
                .stopped_by = is_stopped(s) && s->by_user ? STOP_BY_USER : STOP_BY_NOBODY,
                .same_run = s->marked != RUN_OTHER,
                .main_pid = has_process(s) ? THIS_PID : 0,
                .sync_running = s->syncing,
        };
}

static bool check_gateway(struct act *a, enum gateway_answer answer) {
        struct facts f = facts_of(a->s);

        if (!daemon_sees(a->s))
                return false;
        role_gateway_checked(&a->s->role, &a->model->role_rules, &f, answer);
        return true;
}

/* At any time, also when no gateway runs: by somebody else's process, or by a check that began before the end. */
static bool gateway_answers(struct act *a) {
        return check_gateway(a, ANSWER_HEALTHY);
}

static bool gateway_says_started(struct act *a) {
        return a->s->unit == UNIT_ACTIVE && check_gateway(a, ANSWER_STARTED);
}

/* Only whether it is promoted matters: what it says of its channels ends a drill. */
static bool gateway_says_ready(struct act *a) {
        struct facts f = facts_of(a->s);

        if (!daemon_sees(a->s) || a->s->unit != UNIT_ACTIVE)
                return false;
        role_gateway_ready(&a->s->role, &f, READY_YES);
        return true;
}

static bool gateway_is_silent(struct act *a) {
        return check_gateway(a, ANSWER_NONE);
}

static bool request_is_taken(struct act *a) {
        struct state *s = a->s;

        if (s->call == CALL_NONE)
                return false;
        if (s->call == CALL_START)
                take_start(s);
        else if (s->call == CALL_STOP)
                take_stop(s);
        else
                take_kill(s);
        s->call = CALL_NONE;
        return true;
}

static bool request_is_refused(struct act *a) {
        if (a->s->call == CALL_NONE)
                return false;
        a->s->call = CALL_NONE;
        a->s->seen = JOB_NONE;
        return true;
}

static bool systemd_starts_it(struct act *a) {
        struct state *s = a->s;

        if (s->unit == UNIT_RESTARTING)
                process_begins(s);
        else if (is_stopped(s) && s->job == JOB_START)
                run_begins(s);
        else
                return false;
        return true;
}

static bool gateway_goes(struct act *a, enum unit_state from, enum unit_state to) {
        struct state *s = a->s;

        if (s->unit != from)
                return false;
        s->unit = to;
        if (from != UNIT_STOPPING || s->job == JOB_STOP)
                s->job = JOB_NONE;
        return true;
}

static bool gateway_is_started(struct act *a) {
        return gateway_goes(a, UNIT_STARTING, UNIT_ACTIVE);
}

static bool gateway_fails_to_start(struct act *a) {
        return gateway_goes(a, UNIT_STARTING, UNIT_FAILED);
}

static bool gateway_fails_to_start_at_first(struct act *a) {
        return gateway_goes(a, UNIT_STARTING, UNIT_RESTARTING);
}

static bool gateway_crashes(struct act *a) {
        return gateway_goes(a, UNIT_ACTIVE, UNIT_RESTARTING);
}

static bool gateway_crashes_for_good(struct act *a) {
        return gateway_goes(a, UNIT_ACTIVE, UNIT_FAILED);
}

static bool gateway_leaves_something_to_clean_up(struct act *a) {
        return gateway_goes(a, UNIT_ACTIVE, UNIT_STOPPING);
}

static bool gateway_exits(struct act *a) {
        return gateway_goes(a, UNIT_ACTIVE, UNIT_INACTIVE);
}

static bool gateway_has_stopped(struct act *a) {
        return gateway_goes(a, UNIT_STOPPING, UNIT_INACTIVE);
}

static bool gateway_stops_badly(struct act *a) {
        return gateway_goes(a, UNIT_STOPPING, UNIT_FAILED);
}

static bool gateway_is_cleaned_up_to_restart(struct act *a) {
        return a->s->job == JOB_NONE && gateway_goes(a, UNIT_STOPPING, UNIT_RESTARTING);
}

static bool somebody_starts_it(struct act *a) {
        struct state *s = a->s;

        if ((!is_stopped(s) && s->unit != UNIT_STOPPING) || s->job == JOB_START)
                return false;
        s->job = JOB_START;
        s->job_ours = false;
        return true;
}

/* A job of somebody else's. */
static bool stop_job(struct act *a, bool by_user) {
        enum unit_job seen = a->s->seen;

        if (is_stopped(a->s) && a->s->job == JOB_NONE)
                return false;
        take_stop(a->s);
        a->s->by_user = by_user;
        a->s->seen = seen;
        return true;
}

static bool user_stops_it(struct act *a) {
        return stop_job(a, true);
}

static bool dependency_stops_it(struct act *a) {
        return stop_job(a, false);
}

static bool somebody_restarts_it(struct act *a) {
        struct state *s = a->s;

        if (s->unit != UNIT_STARTING && s->unit != UNIT_ACTIVE)
                return false;
        s->unit = UNIT_STOPPING;
        s->job = JOB_START;
        s->job_ours = false;
        return true;
}

static bool sync_ends(struct act *a) {
        bool running = a->s->syncing;

        a->s->syncing = false;
        return running;
}

/* Times that come. */

static bool passes(usec_t *since) {
        if (*since != NOW)
                return false;
        *since = LONG_AGO;
        return true;
}

static bool comes(usec_t *at) {
        if (*at != SOON)
                return false;
        *at = NOW;
        return true;
}

static bool time_to_start_again(struct act *a) {
        return comes(&a->s->role.start_again);
}

static bool time_to_stop_again(struct act *a) {
        return comes(&a->s->role.stop_again);
}

static bool time_to_kill_again(struct act *a) {
        return comes(&a->s->role.kill_again);
}

static bool end_of_pause(struct act *a) {
        return comes(&a->s->role.paused_until);
}

static bool start_timeout(struct act *a) {
        bool waits = a->s->role.state == ROLE_STARTING || a->s->role.state == ROLE_PROMOTED;

        return waits && passes(&a->s->role.since);
}

static bool start_timeout_where_another_answered(struct act *a) {
        return passes(&a->s->role.answers_since);
}

static bool hang_timeout(struct act *a) {
        return passes(&a->s->role.silent_since);
}

static bool drain_timeout(struct act *a) {
        return passes(&a->s->role.wanted_since);
}

static bool sync_deadline(struct act *a) {
        struct state *s = a->s;

        if (!s->alive || !s->syncing || s->role.sync_begun != NOW)
                return false;
        s->role.sync_begun = NOW - SYNC_DEADLINE;
        return true;
}

static bool sync_does_not_stop(struct act *a) {
        return passes(&a->s->role.sync_stop);
}

static bool time_after_a_users_stop(struct act *a) {
        return passes(&a->s->role.held_at);
}

static bool time_for_another_early_sync(struct act *a) {
        return a->s->role.state == ROLE_STANDBY && passes(&a->s->role.early_sync);
}

static bool sync_gets_old(struct act *a) {
        struct state *s = a->s;

        if (!s->alive || s->syncing || s->role.state != ROLE_STANDBY || s->role.sync_begun == NOW - REFRESH)
                return false;
        s->role.sync_begun = NOW - REFRESH;
        return true;
}

/* A person. What is commanded is written down before it is carried out. */

static bool command(struct act *a, enum role_command c) {
        struct state *s = a->s;
        struct facts f = facts_of(s);

        if (!s->alive || role_command(&s->role, &f, c, SOON))
                return false;
        save_mode(s);
        return true;
}

static bool person_promotes(struct act *a) {
        return command(a, COMMAND_PROMOTE);
}

static bool person_demotes(struct act *a) {
        return command(a, COMMAND_DEMOTE);
}

static bool person_goes_to_auto(struct act *a) {
        return command(a, COMMAND_AUTO);
}

static bool person_pauses(struct act *a) {
        return command(a, COMMAND_PAUSE);
}

static bool person_resumes(struct act *a) {
        return command(a, COMMAND_RESUME);
}

static bool person_drills(struct act *a) {
        return command(a, COMMAND_DRILL);
}

const struct event events[] = {
        { daemon_starts, "the daemon starts", GOOD },
        { bus_is_back, "the daemon is connected to systemd again", GOOD },
        { request_is_taken, "systemd takes the request", GOOD },
        { systemd_starts_it, "systemd starts the gateway", GOOD },
        { gateway_is_started, "the gateway is active", GOOD },
        { gateway_has_stopped, "the gateway has stopped", GOOD },
        { sync_ends, "the sync ends", GOOD },
        { gateway_answers, "the gateway's address answers", GOOD_IF_ACTIVE },
        { gateway_is_silent, "the gateway's address does not answer", GOOD_IF_NOT },
        { gateway_says_started, "the gateway says that it has started", MISHAP },
        { gateway_says_ready, "the gateway says that its channels are ready", MISHAP },
        { primary_answers, "the primary answers", GOOD_IF_UP },
        { primary_fails, "a check of the primary fails", GOOD_IF_DOWN },
        { time_to_start_again, "it is time to start again", GOOD },
        { time_to_stop_again, "it is time to stop again", GOOD },
        { time_to_kill_again, "it is time to kill again", GOOD },
        { end_of_pause, "the pause is over", GOOD },
        { start_timeout, "start_timeout is over", GOOD },
        { start_timeout_where_another_answered, "it answers for start_timeout where another did", GOOD },
        { hang_timeout, "hang_timeout is over", GOOD },
        { drain_timeout, "drain_timeout is over", GOOD },
        { sync_deadline, "the sync's deadline is over", GOOD },
        { sync_does_not_stop, "the sync does not stop", GOOD },
        { time_after_a_users_stop, "a user's stop is long ago", GOOD },
        { time_after_a_start_was_called_off, "the last start that was called off is long ago", GOOD },

        { time_for_another_early_sync, "it is time for another early sync", MISHAP },
        { sync_gets_old, "the last sync gets old", MISHAP },
        { primary_is_silent, "the primary is silent", MISHAP },
        { primary_stays_silent, "the primary is silent for too long", MISHAP },
        { machine_slept, "the machine slept", MISHAP },
        { request_is_refused, "the request comes to nothing", MISHAP },
        { gateway_fails_to_start, "the gateway fails to start", MISHAP },
        { gateway_fails_to_start_at_first, "the gateway fails to start, systemd tries again", MISHAP },
        { gateway_crashes, "the gateway crashes, systemd restarts it", MISHAP },
        { gateway_crashes_for_good, "the gateway crashes, systemd gives up", MISHAP },
        { gateway_leaves_something_to_clean_up, "the gateway crashes and is cleaned up after", MISHAP },
        { gateway_exits, "the gateway exits", MISHAP },
        { gateway_stops_badly, "the gateway has stopped, badly", MISHAP },
        { gateway_is_cleaned_up_to_restart, "the gateway is cleaned up after, and restarted", MISHAP },
        { somebody_starts_it, "somebody starts the gateway", MISHAP },
        { user_stops_it, "a user stops the gateway", MISHAP },
        { dependency_stops_it, "a unit that the gateway depends on stops, and the gateway with it", MISHAP },
        { somebody_restarts_it, "somebody restarts the gateway", MISHAP },
        { person_promotes, "a person says promote", MISHAP },
        { person_demotes, "a person says demote", MISHAP },
        { person_goes_to_auto, "a person says auto", MISHAP },
        { person_pauses, "a person says pause", MISHAP },
        { person_resumes, "a person says resume", MISHAP },
        { person_drills, "a person says drill", MISHAP },
        { daemon_dies, "the daemon dies", MISHAP },
        { bus_is_lost, "the daemon loses its connection to systemd", MISHAP },
        { machine_reboots, "the machine reboots", MISHAP },
};

const unsigned n_events = ELEMENTSOF(events);
