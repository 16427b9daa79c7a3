/* Explores everything that can happen to the role: every state that role.c and health.c can get into together with
 * systemd, the gateway, the primary, the sync, a person's commands, other people's hands on the gateway, and the daemon
 * dying at any instant, under every event in every order. The code explored is the real one; what is modelled is the
 * world around it, and what daemon.c does between the two.
 *
 * Time is not counted: of each time that the role waits for it only matters whether it has come, and it may come at any
 * moment, in any order. That is more than can really happen, so what holds here holds.
 *
 * What must hold is said in words, in judge_step(), judge_request(), judge_resume(), judge_rest() and judge_ways(). When
 * something does not, the shortest way there is told as a story. */
#include <err.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "core/health.h"
#include "core/role.h"
#include "events.h"
#include "lib/text.h"

/* It is always now; what is past is long ago. */
#define NOW (1000000 * USEC_PER_SEC)
#define LONG_AGO (NOW - USEC_PER_DAY)
#define SOON (NOW + 1)

#define SYNC_DEADLINE (10 * USEC_PER_SEC)
#define REFRESH (90 * USEC_PER_SEC)

#define RULES(back, is_warm)                                                                                \
        {                                                                                                   \
                .failback = (back), .warm = (is_warm), .sync = true, .sync_deadline = SYNC_DEADLINE,        \
                .refresh = REFRESH, .start_timeout = USEC_PER_HOUR,                                         \
                .hang_timeout = (is_warm) ? 0 : USEC_PER_HOUR, .drain_timeout = USEC_PER_HOUR,              \
        }
#define HEALTH_RULES                                                                                        \
        {                                                                                                   \
                .interval = USEC_PER_SEC, .fail_threshold = 2, .silent_timeout = USEC_INFINITY,             \
                .recover_threshold = 2,                                                                     \
        }

/* Whoever remembers the gateway's main process remembers the one that runs now, or one that is gone. */
#define THIS_PID 1
#define GONE_PID 2

enum call { CALL_NONE, CALL_START, CALL_STOP, CALL_KILL };

/* The run of the gateway that the marker names. */
enum run { RUN_NULL, RUN_THIS, RUN_OTHER };

/* The judge counts the primary's checks himself, and holds health.c against that. */
struct judge {
        enum health_level level;
        unsigned failures, goods;
};

struct state {
        struct role role;
        struct health health;
        struct judge judge;

        /* The daemon. */
        bool alive;
        bool bus;           /* it is connected to systemd */
        enum unit_job seen; /* what units.c makes of systemd's jobs */
        enum call call;     /* under way to systemd; it outlives the daemon */

        /* What it has written down. */
        enum role_intent intent; /* INTENT_NONE: there is no marker */
        enum run marked;
        enum mode mode;
        bool paused;

        /* systemd. */
        enum unit_state unit;
        enum unit_job job;
        bool job_ours; /* the start under way was asked for by the daemon */
        bool ours;     /* the run was begun, or adopted, by the daemon */
        bool by_user;  /* the last stop was a user's wish */
        bool syncing;
};

struct model {
        const char *name;
        struct role_rules role_rules;
        struct health_rules health_rules;
};

/* One event, while it takes its course. */
struct act {
        const struct model *model;
        struct state *s;
        unsigned crash_at; /* the daemon dies before its first, second … write or request; 0: it does not */
        unsigned writes;   /* those so far */
        const char *broken; /* what should have held and did not */
        FILE *story;        /* NULL: nobody listens */
};

/* The world. */

static bool is_stopped(const struct state *s) {
        return s->unit == UNIT_INACTIVE || s->unit == UNIT_FAILED;
}

static bool has_process(const struct state *s) {
        return s->unit == UNIT_STARTING || s->unit == UNIT_ACTIVE || s->unit == UNIT_STOPPING;
}

static bool is_running(const struct state *s) {
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

static bool daemon_sees(const struct state *s) {
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

static struct facts facts_of(const struct state *s) {
        return (struct facts){
                .now = NOW,
                .primary = s->health.level,
                .failing_since = s->health.failing_since,
                .gateway = s->bus ? s->unit : UNIT_UNKNOWN,
                .job = !s->bus                 ? JOB_NONE
                        : s->call != CALL_NONE ? JOB_CALLING
                                               : s->seen,
                .stopped_by = is_stopped(s) && s->by_user ? STOP_BY_USER : STOP_UNKNOWN,
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
        return a->s->role.state == ROLE_STARTING && passes(&a->s->role.since);
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
        s->mode = s->role.mode;
        s->paused = s->role.paused_until > 0;
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

/* The daemon, its connection, and the machine. */

static void die(struct state *s) {
        s->alive = false;
        s->role = (struct role){};
        s->health = (struct health){};
        s->judge = (struct judge){};
}

static bool daemon_dies(struct act *a) {
        bool alive = a->s->alive;

        die(a->s);
        return alive;
}

static bool bus_is_lost(struct act *a) {
        bool sees = daemon_sees(a->s);

        a->s->bus = false;
        a->s->seen = JOB_NONE;
        return sees;
}

/* A request of a connection that is gone is taken or dropped before there is another connection: systemd asks polkit about
 * the sender, who is no more. */
static bool bus_is_back(struct act *a) {
        if (!a->s->alive || a->s->bus || a->s->call != CALL_NONE)
                return false;
        a->s->bus = true;
        return true;
}

static bool machine_reboots(struct act *a) {
        *a->s = (struct state){ .mode = a->s->mode, .paused = a->s->paused, .unit = UNIT_INACTIVE };
        return true;
}

/* A marker is never believed against the unit. */
static void judge_resume(struct act *a) {
        const struct state *s = a->s;

        if (s->role.state == ROLE_STANDBY)
                return;
        if (s->intent == INTENT_NONE)
                a->broken = "without a marker nothing was under way";
        else if (s->role.state == ROLE_PROMOTED && !is_running(s))
                a->broken = "no gateway that does not run is promoted";
        else if (is_running(s) && s->marked == RUN_OTHER)
                a->broken = "a run that is not the marker's is somebody else's";
        else if (s->role.state == ROLE_STARTING && s->intent == INTENT_DEMOTING)
                a->broken = "what was to be stopped is not started";
}

static void learn(struct state *s) {
        if (!s->bus)
                return;
        if (s->job == JOB_NONE && s->call == CALL_NONE)
                s->seen = JOB_NONE;
        else if (s->seen == JOB_NONE && s->job != JOB_NONE)
                s->seen = JOB_START;
}

static bool daemon_starts(struct act *a) {
        struct state *s = a->s;
        struct facts f;

        if (s->alive || s->call != CALL_NONE)
                return false;
        s->alive = s->bus = true;
        s->seen = JOB_NONE;
        learn(s);
        s->role = (struct role){ .mode = s->mode, .paused_until = s->paused ? SOON : 0 };
        f = facts_of(s);
        role_resume(&s->role, s->intent, &f);
        judge_resume(a);
        return true;
}

/* Whether an event also happens to a gateway that can start, with nobody's hand on it, and a primary that is … */
enum kind {
        MISHAP,
        GOOD,
        GOOD_IF_UP,     /* … up for ever, */
        GOOD_IF_DOWN,   /* or down for ever; */
        GOOD_IF_ACTIVE, /* a gateway answers if it runs, */
        GOOD_IF_NOT,    /* and nobody does if it does not. */
};

static const struct event {
        bool (*happens)(struct act *a);
        const char *words;
        enum kind kind;
} events[] = {
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

/* What must hold of every step, from BEFORE to the state now. */

static bool told_to_run(const struct role *r) {
        return r->mode == MODE_PINNED || r->mode == MODE_DRILL;
}

static bool enters(const struct role *before, const struct role *after, enum role_state state) {
        return before->state != state && after->state == state;
}

static const char *judge_start(
        const struct state *s, const struct role *before, const struct role_step *step) {
        bool begins = enters(before, &s->role, ROLE_STARTING) && before->state != ROLE_PROMOTED &&
                !before->restart;

        if (begins && s->judge.level != HEALTH_DOWN && !told_to_run(before) && before->held_at == 0)
                return "never promoted before the threshold, unless told to";
        if (begins && before->mode == MODE_DRILL && is_running(s) && !s->ours)
                return "somebody else's gateway is no drill's";
        if (step->action == ACTION_START && before->paused_until > 0 && s->role.paused_until > 0 &&
                !before->restart)
                return "never started while paused";
        if (step->action == ACTION_START &&
                (before->mode == MODE_HELD || (before->mode == MODE_DRILL && before->drill_done)) &&
                before->held_at == 0)
                return "never started while held, or after a drill";
        return NULL;
}

static const char *judge_stop(
        const struct state *s, const struct role *before, const struct role_step *step) {
        bool restart = step->event == EVENT_HUNG || before->restart;
        bool down = s->judge.level == HEALTH_DOWN;

        if (step->action == ACTION_STOP && down && s->role.mode != MODE_HELD && !restart)
                return "never demoted while the primary is known to be down, unless told to";
        if (enters(before, &s->role, ROLE_STANDBY) && down && s->role.mode != MODE_HELD &&
                before->paused_until == 0)
                return "never back on standby while the primary is known to be down, unless told to";
        if (step->action == ACTION_STOP && before->mode == MODE_PINNED && !restart)
                return "never demoted while pinned";
        if (step->action == ACTION_STOP && before->paused_until > 0 && s->role.paused_until > 0)
                return "never stopped while paused";
        if (step->action == ACTION_KILL && !down && !told_to_run(&s->role) && !before->restart)
                return "never killed but to be started anew";
        return NULL;
}

static bool mode_may_become(const struct state *s, const struct role *before) {
        if (before->held_at > 0 && s->role.state == ROLE_STARTING)
                return s->role.mode == before->held_from;
        switch (s->role.mode) {
        case MODE_AUTO:
                if (before->mode == MODE_HELD)
                        return s->judge.level == HEALTH_UP;
                return s->judge.level == HEALTH_DOWN ||
                        (before->mode == MODE_DRILL && before->drill_done && before->state == ROLE_STANDBY);
        case MODE_HELD:
                return before->state == ROLE_PROMOTED && is_stopped(s) && s->job == JOB_NONE && s->by_user;
        default:
                return false;
        }
}

static void judge_step(struct act *a, const struct role *before, const struct role_step *step) {
        const struct state *s = a->s;

        a->broken = judge_start(s, before, step);
        if (!a->broken)
                a->broken = judge_stop(s, before, step);
        if (!a->broken && s->role.mode != before->mode && !mode_may_become(s, before))
                a->broken = "every mode is left only when it should be";
}

/* What must hold of everything that is asked of systemd. */
static void judge_request(struct act *a, enum role_action action) {
        const struct state *s = a->s;

        if (action == ACTION_SYNC && s->syncing)
                a->broken = "one sync at a time";
        if (action == ACTION_START && is_stopped(s) && s->job == JOB_NONE && s->syncing &&
                s->role.sync_stop != LONG_AGO)
                a->broken = "no start while a sync may move the tree";
        if (action != ACTION_START && action != ACTION_STOP && action != ACTION_KILL)
                return;
        if (s->call != CALL_NONE || !daemon_sees(s))
                a->broken = "one request at a time, to a systemd that can be asked";
        else if (action == ACTION_START && s->job == JOB_STOP)
                a->broken = "never a start and a stop under way together";
        else if (action == ACTION_STOP && !is_stopped(s) && !s->ours)
                a->broken = "somebody else's gateway is never stopped";
        else if (action == ACTION_KILL && s->unit != UNIT_STOPPING)
                a->broken = "only what stops already is killed";
}

/* What must hold once the daemon has done all it wants to. */
static void judge_rest(struct act *a) {
        const struct state *s = a->s;

        if (daemon_sees(s) && s->call == CALL_NONE && s->role.state == ROLE_STANDBY && is_running(s) &&
                s->ours)
                a->broken = "no gateway that the daemon started runs on without it";
}

/* What daemon.c does. */

static void tell(const struct act *a, const struct role *before, const struct role_step *step) {
        static const char *const actions[_ACTION_MAX] = { "", "sync", "end of the sync", "start", "stop",
                "kill" };

        if (!a->story)
                return;
        fprintf(a->story, "      %s", role_state_name(before->state));
        if (before->state != a->s->role.state)
                fprintf(a->story, " -> %s", role_state_name(a->s->role.state));
        if (before->mode != a->s->role.mode)
                fprintf(a->story, ", mode %s", role_mode_name(a->s->role.mode));
        if (step->event != EVENT_NONE)
                fprintf(a->story, ", says \"%s\"", event_name(step->event));
        if (step->action != ACTION_NONE)
                fprintf(a->story, ", asks for %s", actions[step->action]);
        fprintf(a->story, "\n");
}

static bool dies_here(struct act *a, const char *before_what) {
        if (++a->writes != a->crash_at)
                return false;
        if (a->story)
                fprintf(a->story, "      and dies before it has %s\n", before_what);
        die(a->s);
        return true;
}

/* A run is named once it is known to be the one; until then the marker fits any. Whoever is to be stopped stays named. */
static enum run run_to_mark(const struct state *s, enum role_action action) {
        bool ours = s->role.state == ROLE_STARTING || s->role.state == ROLE_PROMOTED;

        if (ours && (is_stopped(s) || s->call != CALL_NONE || action == ACTION_START))
                return RUN_NULL;
        if ((ours && is_running(s)) || (s->intent == INTENT_NONE && !is_stopped(s)))
                return RUN_THIS;
        return s->intent == INTENT_NONE ? RUN_NULL : s->marked;
}

/* The mode, then the marker: before anything is done about them. False: the daemon died. */
static bool write_down(struct act *a, enum role_action action) {
        struct state *s = a->s;
        enum role_intent intent = role_intent(&s->role);
        enum run run = intent == INTENT_NONE ? RUN_NULL : run_to_mark(s, action);
        bool paused = s->role.paused_until > 0;

        if (s->mode != s->role.mode || s->paused != paused) {
                if (dies_here(a, "saved the mode"))
                        return false;
                s->mode = s->role.mode;
                s->paused = paused;
        }
        if (s->intent != intent || s->marked != run) {
                if (dies_here(a, "written the marker"))
                        return false;
                s->intent = intent;
                s->marked = run;
        }
        if (s->role.state == ROLE_STARTING || s->role.state == ROLE_PROMOTED || run == RUN_THIS)
                s->ours = true; /* if not before, it is adopted now */
        return true;
}

static bool carry_out(struct act *a, enum role_action action) {
        static const enum call calls[_ACTION_MAX] = {
                [ACTION_START] = CALL_START,
                [ACTION_STOP] = CALL_STOP,
                [ACTION_KILL] = CALL_KILL,
        };
        struct state *s = a->s;

        if (action == ACTION_NONE)
                return true;
        judge_request(a, action);
        if (dies_here(a, "asked for it"))
                return false;
        if (action == ACTION_SYNC)
                s->syncing = true;
        else if (action != ACTION_STOP_SYNC)
                s->call = calls[action];
        return true;
}

/* Looks until there is nothing more to do. */
static void look(struct act *a) {
        struct state *s = a->s;
        unsigned looks = 0;

        while (s->alive && !a->broken) {
                struct role before = s->role;
                struct role_step step;
                struct facts f;

                learn(s);
                f = facts_of(s);
                step = role_step(&s->role, &a->model->role_rules, &f);
                if (!step.again)
                        break;
                tell(a, &before, &step);
                judge_step(a, &before, &step);
                if (++looks > 10)
                        a->broken = "it comes to rest";
                if (!write_down(a, step.action) || !carry_out(a, step.action))
                        return;
        }
        if (s->alive && !a->broken && write_down(a, ACTION_NONE))
                judge_rest(a);
}

/* States that differ in nothing that matters are one. */

static usec_t whether_it_has_come(usec_t at) {
        return at > NOW ? SOON : 0;
}

static void simplify_times(struct role *r, bool syncing) {
        bool starts = r->state == ROLE_STARTING || r->state == ROLE_DEMOTING;

        /* Its age only matters where it may be needed; it can get old there again. */
        if (r->sync_begun == 0)
                r->sync_begun = NOW - REFRESH;
        if (r->state != ROLE_STANDBY || r->sync_begun > NOW - (syncing ? SYNC_DEADLINE : REFRESH))
                r->sync_begun = NOW;
        else if (syncing)
                r->sync_begun = NOW - SYNC_DEADLINE;

        if (r->state != ROLE_STANDBY)
                r->early_sync = NOW;
        else if (r->early_sync == LONG_AGO)
                r->early_sync = 0;
        if (r->state != ROLE_STARTING || r->mode != MODE_DRILL)
                r->since = NOW;
        if (r->answers == 0 || r->other != OTHER_ANSWERS)
                r->answers_since = 0;
        r->start_again = starts ? whether_it_has_come(r->start_again) : 0;
        if (r->mode != MODE_DRILL)
                r->drill_done = false;
        r->called_off = false; /* changes nothing but what is said */
        if (!syncing)
                r->sync_stop = 0;
        if (r->held_at != NOW)
                r->held_at = 0;
        if (r->held_at == 0)
                r->held_from = MODE_AUTO;
        r->stop_again = whether_it_has_come(r->stop_again);
        r->kill_again = whether_it_has_come(r->kill_again);
        r->paused_until = r->paused_until > 0 ? SOON : 0;
}

static void simplify_role(struct role *r, bool syncing) {
        /* How often only says how long to wait; whether ever ends a drill, and a failover that is not needed any more. */
        if (r->state != ROLE_STARTING || (r->mode != MODE_DRILL && r->promoted_before))
                r->starts = 0;
        r->starts = MIN(r->starts, 1U);
        r->stops = 0;
        if (r->state != ROLE_STARTING) /* which begins with none */
                r->answers = 0;
        if (r->answers == 0)
                r->answers_pid = 0;
        if (r->silent_since == 0 && !r->restart)
                r->silent_pid = 0;
        /* What a person has heard changes nothing but what he hears; except that what was killed is killed again. */
        r->said &= 1U << EVENT_KILLED;
        simplify_times(r, syncing);
}

static void simplify_health(struct health *h, struct judge *j) {
        *h = (struct health){
                .level = h->level,
                .failures = h->failing_since > 0,
                .clear = h->level == HEALTH_DOWN ? 0 : MIN(h->clear, 3U),
                .goods = h->level == HEALTH_UP ? 0 : MIN(h->goods, 2U),
                .failing_since = h->failing_since > 0 ? NOW : 0,
                .silent_since = h->failing_since > 0 ? NOW : 0,
                .last_check = NOW,
                .called_off = h->called_off,
        };
        j->failures = j->level == HEALTH_DOWN ? 0 : MIN(j->failures, 3U);
        j->goods = j->level == HEALTH_UP ? 0 : MIN(j->goods, 2U);
}

static void simplify(struct state *s) {
        if (s->alive) {
                simplify_role(&s->role, s->syncing);
                simplify_health(&s->health, &s->judge);
        } else {
                s->bus = true;
                s->seen = JOB_NONE;
        }
        /* Whose stop it was matters to a daemon that is promoted alone. */
        if (!s->alive || s->role.state != ROLE_PROMOTED || is_running(s))
                s->by_user = false;
        if (is_stopped(s)) {
                s->ours = false;
                if (s->marked == RUN_THIS) /* the next is another */
                        s->marked = RUN_OTHER;
        }
        if (s->job != JOB_START || s->unit == UNIT_STARTING)
                s->job_ours = false;
}

/* What became of FROM; .writes says at how many points the daemon could have died. */
static bool happen(struct act *a, const struct state *from, unsigned event) {
        *a->s = *from;
        a->writes = 0;
        a->broken = NULL;
        if (!events[event].happens(a))
                return false;
        if (!a->broken)
                look(a);
        simplify(a->s);
        return true;
}

/* A state in 128 bits, and back. */

struct key {
        uint64_t half[2];
};

struct packer {
        uint64_t bits;
        unsigned at;
        bool unpacks;
};

static inline void pack_bits(struct packer *p, unsigned *value, unsigned bits) {
        unsigned at = p->at;

        p->at += bits;
        if (p->unpacks)
                *value = (unsigned) (p->bits >> at & ((1ULL << bits) - 1));
        else if (*value >> bits || p->at > 64)
                errx(EXIT_FAILURE, "A state does not fit: this is a mistake in model.c.");
        else
                p->bits |= (uint64_t) *value << at;
}

#define PACK(p, field, bits)                                                                                \
        ({                                                                                                  \
                unsigned _value = (unsigned) (field);                                                       \
                pack_bits(p, &_value, bits);                                                                \
                (field) = (__typeof__(field)) _value;                                                       \
        })

static void pack_class(struct packer *p, usec_t *t, const usec_t classes[static 4]) {
        unsigned i = 0;

        while (!p->unpacks && i < 4 && classes[i] != *t)
                i++;
        pack_bits(p, &i, 2);
        *t = classes[i];
}

static void pack_time(struct packer *p, usec_t *t) {
        static const usec_t classes[4] = { 0, NOW, LONG_AGO, SOON };

        pack_class(p, t, classes);
}

static void pack_sync_time(struct packer *p, usec_t *t) {
        static const usec_t classes[4] = { NOW, NOW - SYNC_DEADLINE, NOW - REFRESH, 0 };

        pack_class(p, t, classes);
}

static void pack_role(struct packer *p, struct role *r) {
        bool killed = r->said & 1U << EVENT_KILLED;

        PACK(p, r->state, 2);
        pack_sync_time(p, &r->sync_begun);
        pack_time(p, &r->early_sync);
        pack_time(p, &r->since);
        pack_time(p, &r->paused_until);
        pack_time(p, &r->start_again);
        pack_time(p, &r->stop_again);
        pack_time(p, &r->kill_again);
        pack_time(p, &r->answers_since);
        pack_time(p, &r->silent_since);
        pack_time(p, &r->wanted_since);
        PACK(p, r->synced, 1);
        PACK(p, r->unsaved, 1);
        PACK(p, r->starts, 1);
        PACK(p, r->stops, 1);
        PACK(p, r->answers, 2);
        PACK(p, r->answers_pid, 2);
        PACK(p, r->silent_pid, 2);
        PACK(p, r->other, 2);
        pack_time(p, &r->sync_stop);
        pack_time(p, &r->held_at);
        PACK(p, r->held_from, 2);
        PACK(p, r->drill_done, 1);
        PACK(p, r->promoted_before, 1);
        PACK(p, r->restart, 1);
        PACK(p, killed, 1);
        r->said = killed ? 1U << EVENT_KILLED : 0;
        r->silent_last = r->silent_since > 0 ? NOW : 0; /* it is asked often enough */
}

static void pack_health(struct packer *p, struct health *h, struct judge *j) {
        PACK(p, h->level, 2);
        PACK(p, h->clear, 2);
        PACK(p, h->goods, 2);
        pack_time(p, &h->failing_since);
        h->silent_since = h->failing_since;
        h->failures = h->failing_since > 0;
        PACK(p, j->level, 2);
        PACK(p, j->failures, 2);
        PACK(p, j->goods, 2);
        pack_time(p, &h->called_off);
        h->last_check = NOW;
}

static void pack_world(struct packer *p, struct state *s) {
        PACK(p, s->alive, 1);
        PACK(p, s->bus, 1);
        PACK(p, s->seen, 2);
        PACK(p, s->call, 2);
        PACK(p, s->intent, 3);
        PACK(p, s->marked, 2);
        PACK(p, s->mode, 2);
        PACK(p, s->by_user, 1);
        PACK(p, s->paused, 1);
        PACK(p, s->unit, 3);
        PACK(p, s->job, 2);
        PACK(p, s->job_ours, 1);
        PACK(p, s->ours, 1);
        PACK(p, s->syncing, 1);
}

/* One half for the world and what is known of the primary, one for the role. */
static void pack_state(struct packer halves[static 2], struct state *s) {
        pack_world(&halves[0], s);
        if (!s->alive)
                return;
        pack_health(&halves[0], &s->health, &s->judge);
        pack_role(&halves[1], &s->role);
        s->role.mode = s->mode; /* at rest what is on disk is what is */
}

static struct key pack(struct state *s) {
        struct packer halves[2] = {};

        pack_state(halves, s);
        return (struct key){ { halves[0].bits, halves[1].bits } };
}

static struct state unpack(struct key key) {
        struct packer halves[2] = {
                { .bits = key.half[0], .unpacks = true },
                { .bits = key.half[1], .unpacks = true },
        };
        struct state s = {};

        pack_state(halves, &s);
        return s;
}

/* All states seen so far, in the order in which they were, each with how it came about. */

#define NOWHERE UINT32_MAX

struct place {
        struct key key;
        uint32_t from;
        uint8_t event, crash_at;
};

struct atlas {
        struct place *places;
        uint32_t n, room;
        uint32_t *index; /* by hash: a place + 1, or 0 */
        uint32_t index_size;
};

static uint32_t hash(struct key key) {
        uint64_t h = (key.half[0] ^ key.half[1] * 0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd;

        return (uint32_t) ((h ^ h >> 32) * 0xc4ceb9fe1a85ec53 >> 32);
}

/* Where KEY is in the index, or would be. */
static uint32_t *slot_of(const struct atlas *at, struct key key) {
        uint32_t i = hash(key) & (at->index_size - 1);

        while (at->index[i] > 0 && memcmp(&at->places[at->index[i] - 1].key, &key, sizeof key) != 0)
                i = (i + 1) & (at->index_size - 1);
        return &at->index[i];
}

static void *must(void *p) {
        if (!p)
                err(EXIT_FAILURE, "No memory for so many states");
        return p;
}

static void grow(struct atlas *at) {
        at->room = at->room > 0 ? 2 * at->room : 1U << 16;
        at->places = must(realloc(at->places, at->room * sizeof at->places[0]));
        free(at->index);
        at->index_size = 2 * at->room;
        at->index = must(calloc(at->index_size, sizeof at->index[0]));
        for (uint32_t i = 0; i < at->n; i++)
                *slot_of(at, at->places[i].key) = i + 1;
}

static void add(struct atlas *at, struct state *s, uint32_t from, unsigned event, unsigned crash_at) {
        struct key key = pack(s);
        uint32_t *slot;

        if (at->n == at->room)
                grow(at);
        slot = slot_of(at, key);
        if (*slot > 0)
                return;
        at->places[at->n++] = (struct place){ key, from, (uint8_t) event, (uint8_t) crash_at };
        *slot = at->n;
}

/* Telling how it came to pass. */

static void tell_state(const struct state *s) {
        static const char *const calls[] = { "", ", start requested", ", stop requested",
                ", kill requested" };
        static const char *const jobs[_UNIT_JOB_MAX] = { "", "", ", start under way", ", stop under way" };

        printf("      now: %s%s, mode %s%s, primary %s; gateway %s%s%s%s%s; marker: %s%s\n",
                s->alive ? role_state_name(s->role.state) : "dead", s->alive && !s->bus ? " and deaf" : "",
                role_mode_name(s->mode), s->paused ? " but paused" : "", health_level_name(s->judge.level),
                unit_state_name(s->unit),
                is_stopped(s)     ? ""
                        : s->ours ? ", ours"
                                  : ", somebody else's",
                jobs[s->job], calls[s->call], s->syncing ? ", syncing" : "", role_intent_name(s->intent),
                s->intent == INTENT_NONE        ? ""
                        : s->marked == RUN_THIS ? " of this run"
                        : s->marked == RUN_NULL ? " of no run yet"
                                                : " of another run");
}

static void tell_event(const struct model *m, const struct state *from, unsigned event, unsigned crash_at) {
        struct state s;
        struct act a = { .model = m, .s = &s, .crash_at = crash_at, .story = stdout };

        printf("  - %s\n", events[event].words);
        (void) happen(&a, from, event);
        tell_state(&s);
}

static void tell_way(const struct model *m, const struct atlas *at, uint32_t to) {
        struct state from;

        if (at->places[to].from == NOWHERE)
                return;
        tell_way(m, at, at->places[to].from);
        from = unpack(at->places[at->places[to].from].key);
        tell_event(m, &from, at->places[to].event, at->places[to].crash_at);
}

/* Exploring: breadth first, so that the first way found is a shortest one. False: something did not hold. */

static bool explore_event(
        const struct model *m, struct atlas *at, uint32_t from, const struct state *before, unsigned event) {
        struct state s;
        struct act a = { .model = m, .s = &s };
        unsigned points;

        if (!happen(&a, before, event))
                return true;
        if (a.broken) {
                printf("%s: this does not hold: %s.\n", m->name, a.broken);
                tell_way(m, at, from);
                tell_event(m, before, event, 0);
                return false;
        }
        add(at, &s, from, event, 0);
        points = a.writes;
        for (a.crash_at = 1; a.crash_at <= points; a.crash_at++) {
                (void) happen(&a, before, event);
                add(at, &s, from, event, a.crash_at);
        }
        return true;
}

static bool explore(const struct model *m, struct atlas *at) {
        struct state boot = { .unit = UNIT_INACTIVE };

        simplify(&boot);
        add(at, &boot, NOWHERE, 0, 0);
        for (uint32_t i = 0; i < at->n; i++) {
                struct state s = unpack(at->places[i].key);

                for (unsigned e = 0; e < ELEMENTSOF(events); e++)
                        if (!explore_event(m, at, i, &s, e))
                                return false;
        }
        return true;
}

/* Ways: with a gateway that can start, nobody's hand on it, and a primary that stays as it is, everything comes to its right
 * end by itself. Whatever of what then still happens comes first, in several orders. */

struct ways {
        const struct model *model;
        const struct atlas *atlas;
        enum health_level primary;
        unsigned first;   /* the event with the highest priority */
        bool backwards;   /* the next one is the one before it */
        uint16_t *length; /* of the way from each place; 0: not known yet */
};

static bool is_good(const struct ways *w, const struct state *s, unsigned event) {
        switch (events[event].kind) {
        case GOOD:
                return true;
        case GOOD_IF_UP:
                return w->primary == HEALTH_UP;
        case GOOD_IF_DOWN:
                return w->primary == HEALTH_DOWN;
        case GOOD_IF_ACTIVE:
                return s->unit == UNIT_ACTIVE;
        case GOOD_IF_NOT:
                return s->unit != UNIT_ACTIVE;
        default:
                return false;
        }
}

static bool is_right_end(const struct ways *w, const struct state *s) {
        bool stopped = s->role.state == ROLE_STANDBY && (is_stopped(s) || !s->ours);
        bool promoted = s->role.state == ROLE_PROMOTED && s->unit == UNIT_ACTIVE;

        if (!daemon_sees(s) || s->call != CALL_NONE || s->paused || s->judge.level != w->primary)
                return false;
        switch (s->mode) {
        case MODE_AUTO:
                if (w->primary == HEALTH_DOWN)
                        return promoted;
                return stopped || (promoted && w->model->role_rules.failback == ROLE_FAILBACK_MANUAL);
        case MODE_PINNED:
                return promoted;
        case MODE_HELD:
                return stopped && w->primary == HEALTH_DOWN;
        default:
                return false;
        }
}

/* The next good event that changes anything, and what it leads to; or the number of events. */
static unsigned next_event(const struct ways *w, const struct state *from, struct state *to) {
        unsigned n = ELEMENTSOF(events);
        struct act a = { .model = w->model, .s = to };
        struct state copy = *from;
        struct key key, before = pack(&copy);

        for (unsigned i = 0; i < n; i++) {
                unsigned e = (w->first + (w->backwards ? n - i : i)) % n;

                if (!is_good(w, from, e) || !happen(&a, from, e))
                        continue;
                key = pack(to);
                if (memcmp(&key, &before, sizeof key) != 0)
                        return e;
        }
        return n;
}

/* Everything good that can still happen at the right end leaves it there. */
static bool stays(const struct ways *w, const struct state *end) {
        struct state s;
        struct act a = { .model = w->model, .s = &s };

        for (unsigned e = 0; e < ELEMENTSOF(events); e++)
                if (is_good(w, end, e) && happen(&a, end, e) && s.call == CALL_NONE && !is_right_end(w, &s))
                        return false;
        return true;
}

static uint32_t place_of(const struct atlas *at, struct state *s) {
        uint32_t found = *slot_of(at, pack(s));

        if (found == 0)
                errx(EXIT_FAILURE, "A state is reached that was not: this is a mistake in model.c.");
        return found - 1;
}

#define WAY_MAX 100
#define STORY_MAX (1U << 16)

static bool tell_lost_way(const struct ways *w, uint32_t start, const char *what) {
        struct state from = unpack(w->atlas->places[start].key), to;

        printf("%s: this does not hold: %s.\n", w->model->name, what);
        tell_way(w->model, w->atlas, start);
        printf("  From here on nothing goes wrong, and the primary stays %s:\n",
                health_level_name(w->primary));
        for (unsigned i = 0; i < 30; i++) {
                unsigned event = next_event(w, &from, &to);

                if (event == ELEMENTSOF(events))
                        break;
                tell_event(w->model, &from, event, 0);
                from = to;
        }
        return false;
}

/* Goes from START until the way is known from there, and notes its length for all places on it. */
static bool find_way(const struct ways *w, uint32_t start) {
        uint32_t passed[WAY_MAX], here = start;
        unsigned n = 0;

        while (w->length[here] == 0) {
                struct state to, s = unpack(w->atlas->places[here].key);

                if (is_right_end(w, &s)) {
                        if (!stays(w, &s))
                                return tell_lost_way(w, here, "what has come to its right end stays there");
                        w->length[here] = 1;
                        break;
                }
                if (n == WAY_MAX || next_event(w, &s, &to) == ELEMENTSOF(events))
                        return tell_lost_way(w, start,
                                "a primary that stays up ends in standby, one that stays down ends promoted");
                passed[n++] = here;
                here = place_of(w->atlas, &to);
        }
        for (unsigned length = w->length[here]; n-- > 0;)
                w->length[passed[n]] = (uint16_t) ++length;
        return true;
}

/* The longest way in LONGEST. */
static bool judge_ways(struct ways *w, unsigned *longest) {
        memset(w->length, 0, w->atlas->n * sizeof w->length[0]);
        for (uint32_t i = 0; i < w->atlas->n; i++) {
                if (!find_way(w, i))
                        return false;
                *longest = MAX(*longest, w->length[i] - 1U);
        }
        return true;
}

static bool judge_all_ways(const struct model *m, const struct atlas *at, unsigned *longest) {
        static const struct {
                unsigned first;
                bool backwards;
        } orders[] = { { 0, false }, { 20, true } };
        _cleanup_free_ uint16_t *length = must(calloc(at->n, sizeof *length));

        for (unsigned i = 0; i < ELEMENTSOF(orders); i++)
                for (enum health_level level = HEALTH_UP; level <= HEALTH_DOWN; level++) {
                        struct ways w = {
                                .model = m,
                                .atlas = at,
                                .primary = level,
                                .first = orders[i].first,
                                .backwards = orders[i].backwards,
                                .length = length,
                        };

                        if (!judge_ways(&w, longest))
                                return false;
                }
        return true;
}

/* What an exploration has come to. */
struct result {
        bool good;
        uint32_t states;
        unsigned longest;
};

static void run(const struct model *m, struct result *ret) {
        struct atlas at = {};

        ret->good = explore(m, &at) && judge_all_ways(m, &at, &ret->longest);
        ret->states = at.n;
        free(at.places);
        free(at.index);
}

/* In a process of its own, so that they run side by side. */
static void begin(const struct model *m, struct result *ret) {
        pid_t pid = fork();

        if (pid < 0)
                err(EXIT_FAILURE, "fork");
        if (pid > 0)
                return;
        /* A story is told in one piece. */
        setvbuf(stdout, must(malloc(STORY_MAX)), _IOFBF, STORY_MAX);
        run(m, ret);
        exit(EXIT_SUCCESS);
}

int main(void) {
        static const struct model models[] = {
                { "failback = auto", RULES(ROLE_FAILBACK_AUTO, false), HEALTH_RULES },
                { "failback = manual", RULES(ROLE_FAILBACK_MANUAL, false), HEALTH_RULES },
                { "warm = yes", RULES(ROLE_FAILBACK_AUTO, true), HEALTH_RULES },
        };
        char parts[256] = "";
        uint32_t states = 0;
        unsigned longest = 0;
        struct result *results = mmap(NULL, ELEMENTSOF(models) * sizeof *results, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (results == MAP_FAILED)
                err(EXIT_FAILURE, "mmap");
        for (size_t i = 0; i < ELEMENTSOF(models); i++)
                begin(&models[i], &results[i]);
        while (wait(NULL) > 0)
                ;
        for (size_t i = 0; i < ELEMENTSOF(models); i++) {
                if (!results[i].good)
                        return EXIT_FAILURE;
                states += results[i].states;
                longest = MAX(longest, results[i].longest);
                appendf(parts, sizeof parts, "%s%" PRIu32 " with %s", i == 0 ? "" : ", ", results[i].states,
                        models[i].name);
        }
        printf("%" PRIu32 " states explored (%s); from each, its right end is at most %u events away\n",
                states, parts, longest);
        return EXIT_SUCCESS;
}
