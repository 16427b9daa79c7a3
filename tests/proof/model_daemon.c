/* What daemon.c does between the role and the world, and what must hold of every step. */
#include "model.h"

/* The daemon, its connection, and the machine. */

static void die(struct state *s) {
        s->alive = false;
        s->role = (struct role){};
        s->health = (struct health){};
        s->judge = (struct judge){};
}

bool daemon_dies(struct act *a) {
        bool alive = a->s->alive;

        die(a->s);
        return alive;
}

bool bus_is_lost(struct act *a) {
        bool sees = daemon_sees(a->s);

        a->s->bus = false;
        a->s->seen = JOB_NONE;
        return sees;
}

/* A request of a connection that is gone is taken or dropped before there is another connection: systemd asks polkit about
 * the sender, who is no more. */
bool bus_is_back(struct act *a) {
        if (!a->s->alive || a->s->bus || a->s->call != CALL_NONE)
                return false;
        a->s->bus = true;
        return true;
}

bool machine_reboots(struct act *a) {
        *a->s = (struct state){
                .mode = a->s->mode, .paused = a->s->paused, .held = a->s->held, .unit = UNIT_INACTIVE
        };
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

bool daemon_starts(struct act *a) {
        struct state *s = a->s;
        struct facts f;

        if (s->alive || s->call != CALL_NONE)
                return false;
        s->alive = s->bus = true;
        s->seen = JOB_NONE;
        learn(s);
        s->role = (struct role){ .mode = s->mode, .paused_until = s->paused ? SOON : 0 };
        if (s->held > 0) {
                s->role.held_at = NOW;
                s->role.held_from = (enum mode)(s->held - 1);
        }
        f = facts_of(s);
        role_resume(&s->role, s->intent, &f);
        judge_resume(a);
        return true;
}

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
        if (begins && before->state == ROLE_STANDBY && s->judge.goods > 0 && !told_to_run(before) &&
                before->held_at == 0)
                return "never promoted on a good check, unless told to";
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
        if (enters(before, &s->role, ROLE_DEMOTING) && s->judge.failures > 0 && s->role.mode == MODE_AUTO &&
                step->action == ACTION_STOP && !restart)
                return "never demoted on a failed check, unless told to";
        if (enters(before, &s->role, ROLE_STANDBY) && down && s->role.mode != MODE_HELD &&
                before->paused_until == 0)
                return "never back on standby while the primary is known to be down, unless told to";
        if (step->action == ACTION_STOP && before->mode == MODE_PINNED && !restart)
                return "never demoted while pinned";
        if (step->action == ACTION_STOP && before->paused_until > 0 && s->role.paused_until > 0)
                return "never stopped while paused";
        if (step->action == ACTION_KILL && !down && !told_to_run(&s->role) && !before->restart)
                return "never killed but to be started again";
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

static unsigned held_from(const struct role *r) {
        return r->held_at > 0 ? 1U + r->held_from : 0;
}

void save_mode(struct state *s) {
        s->mode = s->role.mode;
        s->paused = s->role.paused_until > 0;
        s->held = held_from(&s->role);
}

/* The mode, then the marker: before anything is done about them. False: the daemon died. */
static bool write_down(struct act *a, enum role_action action) {
        struct state *s = a->s;
        enum role_intent intent = role_intent(&s->role);
        enum run run = intent == INTENT_NONE ? RUN_NULL : run_to_mark(s, action);

        if (s->mode != s->role.mode || s->paused != (s->role.paused_until > 0) ||
                s->held != held_from(&s->role)) {
                if (dies_here(a, "saved the mode"))
                        return false;
                save_mode(s);
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
void look(struct act *a) {
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
