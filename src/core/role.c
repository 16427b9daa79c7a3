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

/* One look at the table: its conditions read the facts, and due() sets .look_at. */
struct look {
        const struct role *r;
        const struct role_rules *rules;
        const struct facts *f;
        usec_t look_at; /* the earliest time at which a due() in the conditions becomes true */
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

/* What the unit is. */

/* systemd lets a stop job replace a start job. A request that polkit has not answered yet must not be
 * overtaken: polkit may answer the two in either order. */
static bool may_stop(const struct facts *f) {
        return f->job == JOB_NONE || f->job == JOB_START;
}

/* What the gateway here should be. */

enum want { KEEP, RUN, STOP };

static bool calls_for_stop(const struct look *l) {
        const struct role *r = l->r;

        if (paused(r))
                return false;
        if (r->mode == MODE_HELD || (r->mode == MODE_DRILL && r->drill_done))
                return true;
        return r->mode == MODE_AUTO && l->f->primary == HEALTH_UP && !l->f->doubted &&
                (l->rules->failback == ROLE_FAILBACK_AUTO || has_not_started(r));
}

static enum want want(const struct look *l) {
        if (calls_for_run(l->r, l->f))
                return RUN;
        return calls_for_stop(l) ? STOP : KEEP;
}

/* The daemon stopped a hung gateway to restart it, and nothing since asks for it to stay stopped. */
static bool wanted_again(const struct look *l) {
        return l->r->restart && l->r->mode != MODE_HELD && want(l) == KEEP;
}

static bool wanted(const struct look *l) {
        return want(l) == RUN || wanted_again(l);
}

static bool unwanted(const struct look *l) {
        return want(l) == STOP;
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

static bool sync_needed(const struct look *l) {
        return may_sync(l) && !l->r->synced;
}

/* The gateway is stopped and is to run. */
static bool starts_next(const struct look *l) {
        return is_stopped(l->f) && (l->r->state == ROLE_STARTING ? !paused(l->r) : wanted(l));
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

/* Another user started the gateway, and the end of the drill would stop it. */
static bool drill_finds_a_gateway(struct look *l) {
        return in_drill(l) &&
                (l->f->gateway == UNIT_STOPPING || l->f->job == JOB_START ||
                        (is_running(l->f) && l->f->job == JOB_NONE));
}

static bool wanted_while_stopping(struct look *l) {
        return wanted(l) && l->f->gateway == UNIT_STOPPING;
}

static bool wanted_and_running(struct look *l) {
        return wanted(l) && is_running(l->f) && l->f->job == JOB_NONE;
}

/* Another user's start job may be under way: systemd merges the daemon's start with it. */
static bool wanted_and_run(struct look *l) {
        return wanted_and_running(l) || (wanted(l) && l->f->job == JOB_START);
}

static bool held_runs_again(struct look *l) {
        return l->r->held_at > 0 && !paused(l->r) && is_running(l->f) && l->f->job == JOB_NONE;
}

static bool needed_in_pause(struct look *l) {
        return paused(l->r) && l->r->mode == MODE_AUTO && l->f->primary == HEALTH_DOWN && !l->f->doubted;
}

static bool wanted_and_unsynced(struct look *l) {
        return wanted(l) && is_stopped(l->f) && sync_needed(l);
}

static bool work_is_unsaved(struct look *l) {
        return !wanted(l) && may_sync(l) && l->r->unsaved;
}

static bool trouble_begins(struct look *l) {
        return l->f->failing_since > 0 && sync_needed(l);
}

/* An early sync may have failed for the same reason as the check: it is repeated before the next refresh. Its
 * result does not decide that, since the agent's user can write it. */
static bool refresh_is_due(struct look *l) {
        bool was_early = l->r->sync_begun == l->r->early_sync && !in_trouble(l->r, l->f);
        usec_t refresh = was_early ? l->rules->refresh / 3 : l->rules->refresh;

        return !wanted(l) && may_sync(l) && refresh > 0 &&
                (l->r->sync_begun == 0 || due(l, l->r->sync_begun + refresh));
}

static bool somebody_started_it(struct look *l) {
        return !wanted(l) && is_running(l->f) && l->f->job == JOB_NONE;
}

static bool no_longer_wanted(struct look *l) {
        return unwanted(l) && may_stop(l->f);
}

/* The primary is back before the gateway here has started: this was no failover. */
static bool starts_for_nothing(struct look *l) {
        return no_longer_wanted(l) && l->r->mode == MODE_AUTO && has_not_started(l->r);
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
        return !paused(l->r) && is_stopped(l->f) && l->r->starts > 0;
}

static bool drill_start_failed(struct look *l) {
        return in_drill(l) &&
                (l->r->other == OTHER_ANSWERS || start_failed(l) ||
                        due(l, l->r->since + l->rules->start_timeout));
}

static bool start_is_slow(struct look *l) {
        return !in_drill(l) && due(l, l->r->since + MIN(l->rules->start_timeout, REPORT_SLOW_AFTER));
}

/* A dependency or a conflict may stop the gateway too. That does not mean that a user wants it stopped. */
static bool stopped_by_user(struct look *l) {
        return !paused(l->r) && is_stopped(l->f) && l->f->stopped_by == STOP_BY_USER;
}

static bool fell_over(struct look *l) {
        return !paused(l->r) && is_stopped(l->f);
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

/* A user who stops the gateway ends the drill, but does not keep this standby from promoting. */
static bool drill_is_not_ready(struct look *l) {
        return in_drill(l) && (is_stopped(l->f) || due(l, l->r->since + l->rules->start_timeout));
}

static bool answers_again(struct look *l) {
        return l->r->silent_since == 0 && was_reported(l->r, EVENT_SILENT);
}

static bool hangs(struct look *l) {
        return !paused(l->r) && !in_drill(l) && l->rules->hang_timeout > 0 && l->r->silent_since > 0 &&
                l->f->gateway == UNIT_ACTIVE && l->f->job == JOB_NONE &&
                l->f->main_pid == l->r->silent_pid && !silence_is_old(l->r, l->rules, l->f) &&
                due(l, l->r->silent_since + l->rules->hang_timeout);
}

static bool stopped(struct look *l) {
        return !wanted(l) && is_stopped(l->f);
}

static bool stopped_for_nothing(struct look *l) {
        return l->r->called_off && stopped(l);
}

static bool runs_by_another_hand(struct look *l) {
        return !wanted(l) && is_running(l->f) && l->f->job == JOB_NONE && !l->f->same_run;
}

static bool hung_one_runs(const struct look *l) {
        return l->r->restart && is_running(l->f) && l->f->main_pid == l->r->silent_pid;
}

static bool wanted_and_runs_on(struct look *l) {
        return wanted_and_running(l) && !hung_one_runs(l);
}

static bool may_kill(const struct look *l) {
        return wanted(l) && !paused(l->r) && l->f->gateway == UNIT_STOPPING && l->f->job != JOB_CALLING;
}

static bool drain_is_too_long(struct look *l) {
        return may_kill(l) && due(l, l->r->wanted_since + l->rules->drain_timeout);
}

static bool kill_again(struct look *l) {
        return may_kill(l) && was_reported(l->r, EVENT_KILLED) && due(l, l->r->kill_again);
}

static bool stop_failed(struct look *l) {
        return l->r->stops > 0 && is_running(l->f) && l->f->job == JOB_NONE;
}

static bool stop_again(struct look *l) {
        return !paused(l->r) && is_running(l->f) && l->f->job == JOB_NONE && due(l, l->r->stop_again);
}

static bool drains_long(struct look *l) {
        return !wanted(l) && l->f->gateway == UNIT_STOPPING && l->r->answers == 0 &&
                due(l, l->r->since + REPORT_DRAINING_AFTER);
}

static bool ignores_stop(struct look *l) {
        return l->f->gateway == UNIT_STOPPING && l->r->answers > 0 &&
                due(l, l->r->since + REPORT_IGNORES_STOP_AFTER);
}

/* The machine applies the first rule of its state whose condition holds, and looks again until none does. A
 * rule marked ONCE applies once in a state, or again after role_note_event() clears its event. */

enum { ONCE = 1 };

#define ANY _ROLE_MAX
#define SAME _ROLE_MAX
#define AS_IT_IS _MODE_MAX

struct rule {
        enum role_state in;
        bool (*when)(struct look *l);
        enum role_action then;
        enum role_state to;
        enum role_event event;
        enum mode mode;
        int once;
};

/* clang-format off */
static const struct rule rules[] = {
        /* in            when                       then          to             event                mode           */
        { ANY,           pause_ends,                ACTION_NONE,  SAME,          EVENT_PAUSE_OVER,     AS_IT_IS        },
        { ANY,           drill_becomes_real,        ACTION_NONE,  SAME,          EVENT_DRILL_REAL,     MODE_AUTO       },
        { ANY,           sync_is_late,              ACTION_STOP_SYNC, SAME,      EVENT_NONE,           AS_IT_IS        },

        { ROLE_STANDBY,  hold_is_over,              ACTION_NONE,  SAME,          EVENT_HOLD_OVER,      MODE_AUTO       },
        { ROLE_STANDBY,  drill_is_over,             ACTION_NONE,  SAME,          EVENT_DRILL_OVER,     MODE_AUTO       },
        { ROLE_STANDBY,  drill_finds_a_gateway,     ACTION_NONE,  SAME,          EVENT_DRILL_FAILED,   AS_IT_IS        },
        { ROLE_STANDBY,  held_runs_again,           ACTION_START, ROLE_STARTING, EVENT_ADOPTED,        AS_IT_IS        },
        { ROLE_STANDBY,  wanted_while_stopping,     ACTION_NONE,  ROLE_DEMOTING, EVENT_PROMOTING,      AS_IT_IS        },
        { ROLE_STANDBY,  wanted_and_run,            ACTION_START, ROLE_STARTING, EVENT_ADOPTED,        AS_IT_IS        },
        { ROLE_STANDBY,  wanted_and_unsynced,       ACTION_SYNC,  SAME,          EVENT_NONE,           AS_IT_IS        },
        { ROLE_STANDBY,  may_start,                 ACTION_START, ROLE_STARTING, EVENT_PROMOTING,      AS_IT_IS        },
        { ROLE_STANDBY,  needed_in_pause,           ACTION_NONE,  SAME,          EVENT_KEPT_BACK,      AS_IT_IS,  ONCE },
        { ROLE_STANDBY,  somebody_started_it,       ACTION_NONE,  SAME,          EVENT_FOREIGN,        AS_IT_IS,  ONCE },
        { ROLE_STANDBY,  work_is_unsaved,           ACTION_SYNC,  SAME,          EVENT_NONE,           AS_IT_IS        },
        { ROLE_STANDBY,  trouble_begins,            ACTION_SYNC,  SAME,          EVENT_NONE,           AS_IT_IS        },
        { ROLE_STANDBY,  refresh_is_due,            ACTION_SYNC,  SAME,          EVENT_NONE,           AS_IT_IS        },

        { ROLE_STARTING, starts_for_nothing,        ACTION_STOP,  ROLE_DEMOTING, EVENT_CALLED_OFF,     AS_IT_IS        },
        { ROLE_STARTING, no_longer_wanted,          ACTION_STOP,  ROLE_DEMOTING, EVENT_DEMOTING,       AS_IT_IS        },
        { ROLE_STARTING, answers,                   ACTION_NONE,  ROLE_PROMOTED, EVENT_PROMOTED,       AS_IT_IS        },
        { ROLE_STARTING, drill_start_failed,        ACTION_NONE,  SAME,          EVENT_DRILL_FAILED,   AS_IT_IS        },
        { ROLE_STARTING, start_failed,              ACTION_NONE,  SAME,          EVENT_START_FAILED,   AS_IT_IS,  ONCE },
        { ROLE_STARTING, may_start,                 ACTION_START, SAME,          EVENT_NONE,           AS_IT_IS        },
        { ROLE_STARTING, start_is_slow,             ACTION_NONE,  SAME,          EVENT_START_SLOW,     AS_IT_IS,  ONCE },

        { ROLE_PROMOTED, channels_are_ready,        ACTION_NONE,  SAME,          EVENT_CHANNELS_READY, AS_IT_IS,  ONCE },
        { ROLE_PROMOTED, drill_is_ready,            ACTION_NONE,  SAME,          EVENT_DRILL_ANSWERED, AS_IT_IS        },
        { ROLE_PROMOTED, drill_is_not_ready,        ACTION_NONE,  SAME,          EVENT_DRILL_FAILED,   AS_IT_IS        },
        { ROLE_PROMOTED, no_longer_wanted,          ACTION_STOP,  ROLE_DEMOTING, EVENT_DEMOTING,       AS_IT_IS        },
        { ROLE_PROMOTED, stopped_by_user,           ACTION_NONE,  ROLE_STANDBY,  EVENT_HELD,           MODE_HELD       },
        { ROLE_PROMOTED, fell_over,                 ACTION_NONE,  ROLE_STARTING, EVENT_LOST,           AS_IT_IS        },
        { ROLE_PROMOTED, channels_fail,             ACTION_NONE,  SAME,          EVENT_CHANNELS_FAIL,  AS_IT_IS,  ONCE },
        { ROLE_PROMOTED, is_silent,                 ACTION_NONE,  SAME,          EVENT_SILENT,         AS_IT_IS,  ONCE },
        { ROLE_PROMOTED, answers_again,             ACTION_NONE,  SAME,          EVENT_ANSWERS,        AS_IT_IS        },
        { ROLE_PROMOTED, hangs,                     ACTION_STOP,  ROLE_DEMOTING, EVENT_HUNG,           AS_IT_IS        },

        { ROLE_DEMOTING, stopped_for_nothing,       ACTION_NONE,  ROLE_STANDBY,  EVENT_NONE,           AS_IT_IS        },
        { ROLE_DEMOTING, stopped,                   ACTION_NONE,  ROLE_STANDBY,  EVENT_DEMOTED,        AS_IT_IS        },
        { ROLE_DEMOTING, runs_by_another_hand,      ACTION_NONE,  ROLE_STANDBY,  EVENT_FOREIGN,        AS_IT_IS        },
        { ROLE_DEMOTING, may_start,                 ACTION_START, ROLE_STARTING, EVENT_PROMOTING,      AS_IT_IS        },
        { ROLE_DEMOTING, wanted_and_runs_on,        ACTION_START, ROLE_STARTING, EVENT_PROMOTING,      AS_IT_IS        },
        { ROLE_DEMOTING, drain_is_too_long,         ACTION_KILL,  SAME,          EVENT_KILLED,         AS_IT_IS,  ONCE },
        { ROLE_DEMOTING, kill_again,                ACTION_KILL,  SAME,          EVENT_NONE,           AS_IT_IS        },
        { ROLE_DEMOTING, stop_failed,               ACTION_NONE,  SAME,          EVENT_STOP_FAILED,    AS_IT_IS,  ONCE },
        { ROLE_DEMOTING, stop_again,                ACTION_STOP,  SAME,          EVENT_NONE,           AS_IT_IS        },
        { ROLE_DEMOTING, ignores_stop,              ACTION_NONE,  SAME,          EVENT_STOP_FAILED,    AS_IT_IS,  ONCE },
        { ROLE_DEMOTING, drains_long,               ACTION_NONE,  SAME,          EVENT_DRAINING,       AS_IT_IS,  ONCE },
};
/* clang-format on */

static bool applies(const struct rule *rule, struct look *l) {
        if (rule->in != ANY && rule->in != l->r->state)
                return false;
        if (rule->once && was_reported(l->r, rule->event))
                return false;
        return rule->when(l);
}

static struct role_step apply(struct role *r, const struct rule *rule, const struct facts *f) {
        usec_t now = f->now;

        if (rule->then == ACTION_SYNC && in_trouble(r, f))
                r->early_sync = now;
        role_note_event(r, rule->event, now);
        if (rule->mode != AS_IT_IS)
                r->mode = rule->mode;
        if (rule->to != SAME)
                role_enter(r, rule->to, rule->event, now);
        role_note_action(r, rule->then, f);
        return (struct role_step){
                .action = rule->then, .event = rule->event, .again = true, .look_at = now
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
                if (in_trouble(r, f))
                        r->synced = r->synced || f->sync_running || synced_lately(l);
                else
                        r->synced = false;
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
                r->wanted_since = !wanted(l) ? 0 : r->wanted_since > 0 ? r->wanted_since : f->now;
                break;
        default:
                break;
        }
}

struct role_step role_step(struct role *r, const struct role_rules *role_rules, const struct facts *f) {
        struct look l = { .r = r, .rules = role_rules, .f = f, .look_at = USEC_INFINITY };

        if (f->shutting_down || f->gateway == UNIT_UNKNOWN)
                return (struct role_step){ .look_at = USEC_INFINITY };

        keep_up(r, &l);
        for (size_t i = 0; i < ELEMENTSOF(rules); i++)
                if (applies(&rules[i], &l))
                        return apply(r, &rules[i], f);
        return (struct role_step){ .look_at = l.look_at };
}
