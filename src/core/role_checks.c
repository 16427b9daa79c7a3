/* What checks of the gateway here mean for the role, and at which times it wants them; see role.h. */
#include "core/role_facts.h"

static void count_answer(struct role *r, const struct facts *f, enum gateway_answer answer) {
        if (r->answers == 0 || r->answers_pid != f->main_pid) {
                r->answers = 0;
                r->answers_pid = f->main_pid;
                r->answers_since = f->now;
        }
        r->answers = answer == ANSWER_STARTED ? ANSWERS_NEEDED : MIN(r->answers + 1, ANSWERS_NEEDED);
        r->silent_since = 0;
}

static void count_silence(struct role *r, const struct role_rules *role_rules, const struct facts *f) {
        r->answers = 0;
        r->other = OTHER_SILENT;
        if (r->state != ROLE_PROMOTED)
                return;
        if (r->silent_since == 0 || r->silent_pid != f->main_pid || silence_is_old(r, role_rules, f)) {
                r->silent_since = f->now;
                r->silent_pid = f->main_pid;
        }
        r->silent_last = f->now;
}

void role_gateway_checked(struct role *r, const struct role_rules *role_rules, const struct facts *f,
        enum gateway_answer answer) {
        if (answer == ANSWER_NONE)
                count_silence(r, role_rules, f);
        else if (has_begun(role_rules, f) || (r->state == ROLE_DEMOTING && f->gateway == UNIT_STOPPING))
                count_answer(r, f, answer);
        else if (is_stopped(f) && !role_rules->warm)
                r->other = OTHER_ANSWERS;
}

void role_gateway_ready(struct role *r, const struct facts *f, enum gateway_ready ready) {
        if (r->state != ROLE_PROMOTED)
                return;
        r->ready = ready;
        r->reloaded = r->reloaded || ready == READY_NO;
        r->unready_since = ready != READY_NO ? 0 : r->unready_since > 0 ? r->unready_since : f->now;
}

bool role_is_early(const struct role *r) {
        return r->mode == MODE_AUTO && !paused(r) && (r->state == ROLE_STANDBY || has_not_started(r));
}

enum role_watch role_watch(const struct role *r, const struct facts *f) {
        bool stopped = is_stopped(f), wanted = calls_for_run(r, f) || r->restart;

        if (r->state == ROLE_PROMOTED)
                return WATCH_FOLLOW;
        if (r->state == ROLE_STARTING) {
                bool another = r->other == OTHER_ANSWERS && f->gateway == UNIT_ACTIVE;

                return (stopped ? r->other != OTHER_UNKNOWN : another) ? WATCH_STEADY : WATCH_EAGER;
        }
        if (wanted && stopped && r->other == OTHER_UNKNOWN) /* the start waits for this check */
                return WATCH_EAGER;
        if (r->state == ROLE_STANDBY ? in_trouble(r, f) : f->gateway == UNIT_STOPPING)
                return WATCH_STEADY;
        return WATCH_NOT;
}
