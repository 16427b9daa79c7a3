/* The role's input from outside: a user's commands, and the previous daemon's marker; see role.h. */
#include "core/role_facts.h"

enum role_intent role_intent(const struct role *r) {
        if (r->state == ROLE_STARTING && r->promoted_before)
                return INTENT_PROMOTED;
        return r->restart ? INTENT_RESTARTING : (enum role_intent) r->state;
}

/* Returns the state to continue in. Where the marker and the unit disagree, the unit is right: a marker of
 * another run counts for nothing. */
static enum role_state resume_in(enum role_intent intent, const struct facts *f) {
        enum role_state state = intent == INTENT_RESTARTING ? ROLE_PROMOTED : (enum role_state) intent;

        if (state == ROLE_STANDBY)
                return state;
        if (f->gateway == UNIT_STOPPING)
                return ROLE_DEMOTING;
        if (is_running(f))
                return f->same_run ? state : ROLE_STANDBY;
        return state == ROLE_PROMOTED ? ROLE_STARTING : state; /* a start job may be under way */
}

struct role_step role_resume(struct role *r, enum role_intent intent, const struct facts *f) {
        enum role_state state = resume_in(intent, f);
        bool foreign = state == ROLE_STANDBY && is_running(f) && r->held_at == 0;

        role_enter(r, state, foreign ? EVENT_FOREIGN : EVENT_RESUMED, f->now);
        r->promoted_before =
                state != ROLE_STANDBY && (intent == INTENT_PROMOTED || intent == INTENT_RESTARTING);
        if (intent == INTENT_RESTARTING && state == ROLE_DEMOTING) {
                r->restart = true;
                r->silent_pid = f->main_pid;
        }
        /* The daemon does not repeat an interrupted drill: the user may no longer watch it. */
        if (r->mode == MODE_DRILL && (state == ROLE_STANDBY || state == ROLE_DEMOTING))
                r->drill_done = true;
        return (struct role_step){
                .event = foreign                ? EVENT_FOREIGN
                        : state != ROLE_STANDBY ? EVENT_RESUMED
                                                : EVENT_NONE,
                .again = true,
                .look_at = f->now,
        };
}

/* Why COMMAND cannot be carried out now; NULL: it can. */
static const char *refuse(const struct role *r, const struct facts *f, enum role_command command) {
        if (command == COMMAND_DEMOTE && r->state == ROLE_STANDBY && is_running(f))
                return "Another user started the gateway here, and this daemon does not stop it: use systemctl stop.";
        if (command != COMMAND_DRILL)
                return NULL;
        if (r->state != ROLE_STANDBY || r->mode != MODE_AUTO || paused(r))
                return "A drill begins on standby, in mode auto and not paused.";
        if (f->primary != HEALTH_UP || f->failing_since > 0)
                return "The primary is not up, or its last check failed: this is no time for a drill.";
        if (!is_stopped(f))
                return "The gateway here has not stopped: see `status`. If another user started it, stop it first.";
        return NULL;
}

const char *role_command(struct role *r, const struct facts *f, enum role_command command, usec_t until) {
        static const enum mode modes[_COMMAND_MAX] = {
                [COMMAND_PROMOTE] = MODE_PINNED,
                [COMMAND_DEMOTE] = MODE_HELD,
                [COMMAND_AUTO] = MODE_AUTO,
                [COMMAND_DRILL] = MODE_DRILL,
        };
        const char *refusal = refuse(r, f, command);

        if (refusal)
                return refusal;
        r->paused_until = command == COMMAND_PAUSE ? until : 0;
        if (command == COMMAND_PAUSE)
                return NULL;
        if (command != COMMAND_RESUME) {
                r->mode = modes[command];
                r->drill_done = false;
                r->held_at = 0;
        }
        /* A user is here, and may have fixed what was wrong. */
        r->starts = r->stops = 0;
        r->start_again = r->stop_again = r->kill_again = 0;
        r->said &= ~(1U << EVENT_START_FAILED | 1U << EVENT_STOP_FAILED);
        return NULL;
}
