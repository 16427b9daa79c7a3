/* Decides when to sync, start, stop and kill; see role.h. The table rules[] below makes every decision. */
#include "core/role.h"

#include "core/role_facts.h"

#define REPORT_DRAINING_AFTER (30 * USEC_PER_SEC)
/* A gateway that still answers then has ignored SIGTERM. OpenClaw does so while it restarts itself. */
#define REPORT_IGNORES_STOP_AFTER USEC_PER_MINUTE
/* Under load, a warm gateway took 10 s to notice its new configuration. */
#define WARM_RELOADS_WITHIN (15 * USEC_PER_SEC)
/* A replaced plugin needs up to 60 s to be ready, a channel that npm installs 90 s. */
#define REPORT_NOT_READY_AFTER (2 * USEC_PER_MINUTE)
/* Applies without a refresh interval; otherwise a third of that interval applies. */
#define EARLY_SYNC_AGAIN_AFTER (5 * USEC_PER_MINUTE)
/* A sync that takes longer to stop hangs on a disk. The start no longer waits for it. */
#define SYNC_STOPS_WITHIN (5 * USEC_PER_SEC)
/* A user who stops the gateway for an update starts it again within this time. */
#define UPDATE_TAKES (10 * USEC_PER_MINUTE)
/* The daemon reports a slow start after this, or after start_timeout if that is shorter. */
#define REPORT_SLOW_AFTER USEC_PER_MINUTE

/* The guards of the table, in bits: what the gateway here should do, and what it does. STARTS may be another
 * user's start job: systemd merges the daemon's start with it. */
enum { RUN = 1, KEEP = 2, STOP = 4, NO_RUN = KEEP | STOP };
enum { STOPPED = 1, RUNS = 2, STARTS = 4, ENDING = 8, BEGUN = RUNS | STARTS };

/* One look at the table: its conditions read the facts, and due() sets .look_at. */
struct look {
        const struct role *r;
        const struct role_rules *rules;
        const struct facts *f;
        unsigned wanted;
        unsigned gateway; /* 0: systemd is about to stop it, or has not answered a request yet */
        usec_t look_at;   /* the earliest time at which a due() in the conditions becomes true */
};

/* Whether WHEN has come. If not, the daemon looks at the table again at WHEN. One look too many does
 * nothing, so due() may stand anywhere in a condition. */
static bool due(struct look *l, usec_t when) {
        if (l->f->now >= when)
                return true;
        l->look_at = MIN(l->look_at, when);
        return false;
}

static bool was_reported(const struct role *r, enum role_event event) {
        return r->said & (1U << event);
}

/* What the gateway here should do, and what it does. */

static unsigned find_wanted(const struct look *l) {
        const struct role *r = l->r;
        bool is_back = r->mode == MODE_AUTO && l->f->primary == HEALTH_UP && !l->f->doubted &&
                (l->rules->failback == ROLE_FAILBACK_AUTO || has_not_started(r));

        if (calls_for_run(r, l->f))
                return RUN;
        if (!paused(r) && (is_back || r->mode == MODE_HELD || r->mode == MODE_DRILL))
                return STOP;
        /* The daemon stopped a hung gateway to restart it, and nothing since asks for it to stay stopped. */
        return r->restart && r->mode != MODE_HELD ? RUN : KEEP;
}

static unsigned find_gateway(const struct facts *f) {
        if (f->gateway == UNIT_STOPPING)
                return ENDING;
        if (f->job != JOB_NONE)
                return f->job == JOB_START ? STARTS : 0;
        return is_running(f) ? RUNS : STOPPED;
}

/* The sync. */

static bool synced_lately(const struct look *l) {
        usec_t refresh = l->rules->refresh;
        usec_t lately = refresh > 0 ? refresh / 3 : EARLY_SYNC_AGAIN_AFTER;

        return l->r->early_sync > 0 && l->f->now - l->r->early_sync < lately;
}

static bool may_sync(const struct look *l) {
        return l->rules->sync && !l->f->sync_running;
}

static bool sync_needed(struct look *l) {
        return may_sync(l) && !l->r->synced;
}

/* The gateway is stopped and is to run. */
static bool starts_next(const struct look *l) {
        return l->gateway == STOPPED && (l->r->state == ROLE_STARTING ? !paused(l->r) : l->wanted == RUN);
}

static bool sync_is_late(struct look *l) {
        return starts_next(l) && l->f->sync_running && l->r->sync_stop == 0 &&
                due(l, l->r->sync_begun + l->rules->sync_deadline);
}

/* Every start of a stopped gateway needs this: a check has shown whether another gateway answers here (a
 * warm one may), and no sync runs, except one that does not stop in time. */
static bool may_start(struct look *l) {
        const struct role *r = l->r;

        if (!starts_next(l) || (r->other == OTHER_UNKNOWN && !l->rules->warm) || !due(l, r->start_again))
                return false;
        return !l->f->sync_running || (r->sync_stop > 0 && due(l, r->sync_stop + SYNC_STOPS_WITHIN));
}

/* The conditions of the table, by state. */

static bool not_paused(struct look *l) {
        return !paused(l->r);
}

static bool pause_ends(struct look *l) {
        return paused(l->r) && l->r->paused_until != USEC_INFINITY && due(l, l->r->paused_until);
}

static bool drill_becomes_real(struct look *l) {
        return l->r->mode == MODE_DRILL && l->f->primary == HEALTH_DOWN;
}

static bool hold_is_over(struct look *l) {
        return l->r->mode == MODE_HELD && l->f->primary == HEALTH_UP;
}

static bool in_drill(struct look *l) {
        return l->r->mode == MODE_DRILL && !l->r->drill_done;
}

static bool drill_is_over(struct look *l) {
        return l->r->mode == MODE_DRILL && l->r->drill_done;
}

static bool held_runs_again(struct look *l) {
        return l->r->held_at > 0 && !paused(l->r);
}

static bool needed_in_pause(struct look *l) {
        return paused(l->r) && l->r->mode == MODE_AUTO && l->f->primary == HEALTH_DOWN && !l->f->doubted;
}

static bool work_is_unsaved(struct look *l) {
        return may_sync(l) && l->r->unsaved;
}

static bool trouble_begins(struct look *l) {
        return l->f->failing_since > 0 && sync_needed(l);
}

/* An early sync may have failed for the same reason as the check: it is repeated before the next refresh. Its
 * result does not decide that, since the agent's user can write it. */
static bool refresh_is_due(struct look *l) {
        bool was_early = l->r->sync_begun == l->r->early_sync && !in_trouble(l->r, l->f);
        usec_t refresh = was_early ? l->rules->refresh / 3 : l->rules->refresh;

        return may_sync(l) && refresh > 0 && (l->r->sync_begun == 0 || due(l, l->r->sync_begun + refresh));
}

/* systemd lets a stop job replace a start job. A request that polkit has not answered yet must not be
 * overtaken: polkit may answer the two in either order. */
static bool may_stop(struct look *l) {
        return l->f->job == JOB_NONE || l->f->job == JOB_START;
}

/* The primary is back before the gateway here has started: this was no failover. */
static bool starts_for_nothing(struct look *l) {
        return may_stop(l) && l->r->mode == MODE_AUTO && has_not_started(l->r);
}

/* While another gateway holds the port, the unit's process cannot listen and exits. A process that still
 * runs start_timeout after the first answer gives the answers itself. */
static bool answers(struct look *l) {
        const struct role *r = l->r;

        return has_begun(l->rules, l->f) && l->f->main_pid == r->answers_pid &&
                r->answers >= ANSWERS_NEEDED &&
                (r->other != OTHER_ANSWERS || due(l, r->answers_since + l->rules->start_timeout));
}

static bool start_failed(struct look *l) {
        return l->gateway == STOPPED && !paused(l->r) && l->r->starts > 0;
}

/* On standby, another user started the gateway, and the end of the drill would stop it. A user who stops the
 * gateway ends the drill, but does not keep this standby from promoting. */
static bool drill_fails(struct look *l) {
        const struct role *r = l->r;

        if (!in_drill(l))
                return false;
        if (r->state == ROLE_STANDBY)
                return l->gateway & (BEGUN | ENDING);
        return (r->state == ROLE_STARTING ? r->other == OTHER_ANSWERS || start_failed(l)
                                          : l->gateway == STOPPED) ||
                due(l, r->since + l->rules->start_timeout);
}

static bool start_is_slow(struct look *l) {
        return !in_drill(l) && due(l, l->r->since + MIN(l->rules->start_timeout, REPORT_SLOW_AFTER));
}

/* A dependency or a conflict may stop the gateway too. That does not mean that a user wants it stopped. */
static bool stopped_by_user(struct look *l) {
        return !paused(l->r) && l->f->stopped_by == STOP_BY_USER;
}

/* A gateway that has just started is busy with its channels, and at times does not answer. */
static bool is_silent(struct look *l) {
        return !in_drill(l) && l->r->silent_since > 0 && due(l, l->r->since + l->rules->start_timeout);
}

/* A warm gateway takes seconds to notice its new configuration. Until then it still says "ready", which
 * means without its channels. While it applies the configuration it says "not ready". */
static bool channels_are_ready(struct look *l) {
        return l->r->ready == READY_YES &&
                (!l->rules->warm || l->r->reloaded || due(l, l->r->since + WARM_RELOADS_WITHIN));
}

static bool channels_fail(struct look *l) {
        return !in_drill(l) && l->r->unready_since > 0 &&
                due(l, l->r->unready_since + REPORT_NOT_READY_AFTER);
}

static bool drill_is_ready(struct look *l) {
        return in_drill(l) && (l->r->ready == READY_UNSAID || channels_are_ready(l));
}

static bool answers_again(struct look *l) {
        return l->r->silent_since == 0 && was_reported(l->r, EVENT_SILENT);
}

static bool hangs(struct look *l) {
        return !paused(l->r) && !in_drill(l) && l->rules->hang_timeout > 0 && l->r->silent_since > 0 &&
                l->f->gateway == UNIT_ACTIVE && l->f->main_pid == l->r->silent_pid &&
                !silence_is_old(l->r, l->rules, l->f) && due(l, l->r->silent_since + l->rules->hang_timeout);
}

static bool was_called_off(struct look *l) {
        return was_reported(l->r, EVENT_CALLED_OFF);
}

static bool is_another_run(struct look *l) {
        return !l->f->same_run;
}

static bool not_the_hung_one(struct look *l) {
        return !l->r->restart || l->f->main_pid != l->r->silent_pid;
}

static bool may_kill(const struct look *l) {
        return !paused(l->r) && l->f->job != JOB_CALLING;
}

static bool drain_is_too_long(struct look *l) {
        return may_kill(l) && due(l, l->r->wanted_since + l->rules->drain_timeout);
}

static bool kill_again(struct look *l) {
        return may_kill(l) && was_reported(l->r, EVENT_KILLED) && due(l, l->r->kill_again);
}

static bool stop_failed(struct look *l) {
        return l->r->stops > 0;
}

static bool stop_again(struct look *l) {
        return !paused(l->r) && due(l, l->r->stop_again);
}

static bool ignores_stop(struct look *l) {
        return l->r->answers > 0 && due(l, l->r->since + REPORT_IGNORES_STOP_AFTER);
}

static bool drains_long(struct look *l) {
        return l->r->answers == 0 && due(l, l->r->since + REPORT_DRAINING_AFTER);
}

/* The machine applies the first rule of its state whose guards and condition hold, and looks again until none
 * does. A rule marked ONCE applies once in a state, or again after role_note_event() clears its event: that
 * has what an event changes besides, the mode above all. */

enum { ONCE = 1 };

#define ANY _ROLE_MAX
#define SAME _ROLE_MAX

struct rule {
        enum role_state in;
        unsigned wanted, gateway;     /* bits of struct look; 0: any */
        bool (*when)(struct look *l); /* NULL: always */
        enum role_action then;
        enum role_state to;
        enum role_event event;
        int once;
};

/* clang-format off */
static const struct rule rules[] = {
        /* in            wanted  gateway  when                then          to             event */
        { ANY,           0,      0,       pause_ends,         ACTION_NONE,  SAME,          EVENT_PAUSE_OVER },
        { ANY,           0,      0,       drill_becomes_real, ACTION_NONE,  SAME,          EVENT_DRILL_REAL },
        { ANY,           0,      0,       sync_is_late,       ACTION_STOP_SYNC, SAME,      EVENT_NONE },

        { ROLE_STANDBY,  0,      0,       hold_is_over,       ACTION_NONE,  SAME,          EVENT_HOLD_OVER },
        { ROLE_STANDBY,  0,      0,       drill_is_over,      ACTION_NONE,  SAME,          EVENT_DRILL_OVER },
        { ROLE_STANDBY,  0,      0,       drill_fails,        ACTION_NONE,  SAME,          EVENT_DRILL_FAILED },
        { ROLE_STANDBY,  0,      RUNS,    held_runs_again,    ACTION_START, ROLE_STARTING, EVENT_ADOPTED },
        { ROLE_STANDBY,  RUN,    ENDING,  NULL,               ACTION_NONE,  ROLE_DEMOTING, EVENT_PROMOTING },
        { ROLE_STANDBY,  RUN,    BEGUN,   NULL,               ACTION_START, ROLE_STARTING, EVENT_ADOPTED },
        { ROLE_STANDBY,  RUN,    STOPPED, sync_needed,        ACTION_SYNC,  SAME,          EVENT_NONE },
        { ROLE_STANDBY,  0,      0,       may_start,          ACTION_START, ROLE_STARTING, EVENT_PROMOTING },
        { ROLE_STANDBY,  0,      0,       needed_in_pause,    ACTION_NONE,  SAME,          EVENT_KEPT_BACK, ONCE },
        { ROLE_STANDBY,  NO_RUN, RUNS,    NULL,               ACTION_NONE,  SAME,          EVENT_FOREIGN, ONCE },
        { ROLE_STANDBY,  NO_RUN, 0,       work_is_unsaved,    ACTION_SYNC,  SAME,          EVENT_NONE },
        { ROLE_STANDBY,  0,      0,       trouble_begins,     ACTION_SYNC,  SAME,          EVENT_NONE },
        { ROLE_STANDBY,  NO_RUN, 0,       refresh_is_due,     ACTION_SYNC,  SAME,          EVENT_NONE },

        { ROLE_STARTING, STOP,   0,       starts_for_nothing, ACTION_STOP,  ROLE_DEMOTING, EVENT_CALLED_OFF },
        { ROLE_STARTING, STOP,   0,       may_stop,           ACTION_STOP,  ROLE_DEMOTING, EVENT_DEMOTING },
        { ROLE_STARTING, 0,      0,       answers,            ACTION_NONE,  ROLE_PROMOTED, EVENT_PROMOTED },
        { ROLE_STARTING, 0,      0,       drill_fails,        ACTION_NONE,  SAME,          EVENT_DRILL_FAILED },
        { ROLE_STARTING, 0,      0,       start_failed,       ACTION_NONE,  SAME,          EVENT_START_FAILED, ONCE },
        { ROLE_STARTING, 0,      0,       may_start,          ACTION_START, SAME,          EVENT_NONE },
        { ROLE_STARTING, 0,      0,       start_is_slow,      ACTION_NONE,  SAME,          EVENT_START_SLOW, ONCE },

        { ROLE_PROMOTED, 0,      0,       channels_are_ready, ACTION_NONE,  SAME,          EVENT_CHANNELS_READY, ONCE },
        { ROLE_PROMOTED, 0,      0,       drill_is_ready,     ACTION_NONE,  SAME,          EVENT_DRILL_ANSWERED },
        { ROLE_PROMOTED, 0,      0,       drill_fails,        ACTION_NONE,  SAME,          EVENT_DRILL_FAILED },
        { ROLE_PROMOTED, STOP,   0,       may_stop,           ACTION_STOP,  ROLE_DEMOTING, EVENT_DEMOTING },
        { ROLE_PROMOTED, 0,      STOPPED, stopped_by_user,    ACTION_NONE,  ROLE_STANDBY,  EVENT_HELD },
        { ROLE_PROMOTED, 0,      STOPPED, not_paused,         ACTION_NONE,  ROLE_STARTING, EVENT_LOST },
        { ROLE_PROMOTED, 0,      0,       channels_fail,      ACTION_NONE,  SAME,          EVENT_CHANNELS_FAIL, ONCE },
        { ROLE_PROMOTED, 0,      0,       is_silent,          ACTION_NONE,  SAME,          EVENT_SILENT, ONCE },
        { ROLE_PROMOTED, 0,      0,       answers_again,      ACTION_NONE,  SAME,          EVENT_ANSWERS },
        { ROLE_PROMOTED, 0,      RUNS,    hangs,              ACTION_STOP,  ROLE_DEMOTING, EVENT_HUNG },

        { ROLE_DEMOTING, NO_RUN, STOPPED, was_called_off,     ACTION_NONE,  ROLE_STANDBY,  EVENT_NONE },
        { ROLE_DEMOTING, NO_RUN, STOPPED, NULL,               ACTION_NONE,  ROLE_STANDBY,  EVENT_DEMOTED },
        { ROLE_DEMOTING, NO_RUN, RUNS,    is_another_run,     ACTION_NONE,  ROLE_STANDBY,  EVENT_FOREIGN },
        { ROLE_DEMOTING, 0,      0,       may_start,          ACTION_START, ROLE_STARTING, EVENT_PROMOTING },
        { ROLE_DEMOTING, RUN,    RUNS,    not_the_hung_one,   ACTION_START, ROLE_STARTING, EVENT_PROMOTING },
        { ROLE_DEMOTING, RUN,    ENDING,  drain_is_too_long,  ACTION_KILL,  SAME,          EVENT_KILLED, ONCE },
        { ROLE_DEMOTING, RUN,    ENDING,  kill_again,         ACTION_KILL,  SAME,          EVENT_NONE },
        { ROLE_DEMOTING, 0,      RUNS,    stop_failed,        ACTION_NONE,  SAME,          EVENT_STOP_FAILED, ONCE },
        { ROLE_DEMOTING, 0,      RUNS,    stop_again,         ACTION_STOP,  SAME,          EVENT_NONE },
        { ROLE_DEMOTING, 0,      ENDING,  ignores_stop,       ACTION_NONE,  SAME,          EVENT_STOP_FAILED, ONCE },
        { ROLE_DEMOTING, NO_RUN, ENDING,  drains_long,        ACTION_NONE,  SAME,          EVENT_DRAINING, ONCE },
};
/* clang-format on */

static bool applies(const struct rule *rule, struct look *l) {
        if (rule->in != ANY && rule->in != l->r->state)
                return false;
        if (rule->once && was_reported(l->r, rule->event))
                return false;
        return (!rule->wanted || rule->wanted & l->wanted) &&
                (!rule->gateway || rule->gateway & l->gateway) && (!rule->when || rule->when(l));
}

static struct role_step apply(struct role *r, const struct rule *rule, const struct facts *f) {
        role_note_event(r, rule->event, f->now);
        if (rule->to != SAME)
                role_enter(r, rule->to, rule->event, f->now);
        role_note_action(r, rule->then, f);
        return (struct role_step){
                .action = rule->then, .event = rule->event, .again = true, .look_at = f->now
        };
}

/* Updates the memory that follows from the facts without a decision. */
static void keep_up(struct role *r, const struct look *l) {
        const struct facts *f = l->f;

        /* This daemon did not start the sync. Its deadline counts from now. */
        if (f->sync_running && r->sync_begun == 0)
                r->sync_begun = f->now;
        if (!f->sync_running)
                r->sync_stop = 0;
        if (f->now - r->held_at >= UPDATE_TAKES)
                r->held_at = 0;

        switch (r->state) {
        case ROLE_STANDBY:
                r->synced = in_trouble(r, f) && (r->synced || f->sync_running || synced_lately(l));
                if (!in_trouble(r, f))
                        r->other = OTHER_UNKNOWN;
                if (is_stopped(f))
                        r->said &= ~(1U << EVENT_FOREIGN);
                if (f->primary != HEALTH_DOWN)
                        r->said &= ~(1U << EVENT_KEPT_BACK);
                break;
        case ROLE_STARTING:
                if (!is_stopped(f) && r->other == OTHER_SILENT)
                        r->other = OTHER_UNKNOWN;
                break;
        case ROLE_DEMOTING:
                if (!is_stopped(f))
                        r->other = OTHER_UNKNOWN;
                r->wanted_since = l->wanted != RUN ? 0 : r->wanted_since ?: f->now;
                break;
        default:
                break;
        }
}

struct role_step role_step(struct role *r, const struct role_rules *role_rules, const struct facts *f) {
        struct look l = { .r = r, .rules = role_rules, .f = f, .look_at = USEC_INFINITY };

        if (f->shutting_down || f->gateway == UNIT_UNKNOWN)
                return (struct role_step){ .look_at = USEC_INFINITY };

        l.wanted = find_wanted(&l);
        l.gateway = find_gateway(f);
        keep_up(r, &l);
        for (size_t i = 0; i < ELEMENTSOF(rules); i++)
                if (applies(&rules[i], &l))
                        return apply(r, &rules[i], f);
        return (struct role_step){ .look_at = l.look_at };
}
