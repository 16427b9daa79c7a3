/* What the role remembers of actions and events, and how long it waits before a retry; see role_facts.h. */
#include "core/role_facts.h"
#include "lib/backoff.h"

#define BACK_OFF_MIN (5 * USEC_PER_SEC)
#define BACK_OFF_MAX (5 * USEC_PER_MINUTE)
/* A gateway that was promoted for this long works. Its next failure counts as the first. */
#define WORKED_AFTER (5 * USEC_PER_MINUTE)
#define KILL_AGAIN_AFTER (5 * USEC_PER_SEC)

usec_t role_back_off(unsigned attempts) {
        return back_off(attempts, BACK_OFF_MIN, BACK_OFF_MAX);
}

void role_note_action(struct role *r, enum role_action action, const struct facts *f) {
        usec_t now = f->now;

        switch (action) {
        case ACTION_SYNC:
                if (in_trouble(r, f))
                        r->early_sync = now;
                r->sync_begun = now;
                r->synced = true;
                r->unsaved = false;
                break;
        case ACTION_STOP_SYNC:
                r->sync_stop = now;
                break;
        case ACTION_START:
                if (f->sync_running && r->sync_stop == 0)
                        r->sync_stop = now;
                r->start_again = now + role_back_off(++r->starts);
                r->answers = 0;
                break;
        case ACTION_STOP:
                r->stop_again = now + role_back_off(++r->stops);
                break;
        case ACTION_KILL:
                r->kill_again = now + KILL_AGAIN_AFTER;
                break;
        default:
                break;
        }
}

void role_note_event(struct role *r, enum role_event event, usec_t now) {
        static const enum role_event undone[_EVENT_MAX] = {
                [EVENT_ANSWERS] = EVENT_SILENT,
                [EVENT_CHANNELS_READY] = EVENT_CHANNELS_FAIL,
                [EVENT_CHANNELS_FAIL] = EVENT_CHANNELS_READY,
        };

        r->said = (r->said | 1U << event) & ~(1U << undone[event]);

        switch (event) {
        case EVENT_LOST:
                r->starts = now - r->since >= WORKED_AFTER ? 1 : MAX(r->starts, 1U);
                r->start_again = now + role_back_off(r->starts);
                break;
        case EVENT_HUNG: /* which took hang_timeout: no attempt comes too soon after the last */
        case EVENT_DEMOTING:
                r->starts = 0;
                r->start_again = 0;
                break;
        case EVENT_PAUSE_OVER:
                r->paused_until = 0;
                break;
        case EVENT_START_FAILED: /* a slow start is no news then */
                r->said |= 1U << EVENT_START_SLOW;
                break;
        case EVENT_HELD:
                r->held_at = now;
                r->held_from = r->mode;
                r->mode = MODE_HELD;
                break;
        case EVENT_DRILL_ANSWERED:
        case EVENT_DRILL_FAILED:
                r->drill_done = true;
                break;
        case EVENT_DRILL_REAL:
        case EVENT_DRILL_OVER:
        case EVENT_HOLD_OVER:
                r->mode = MODE_AUTO;
                r->drill_done = false;
                break;
        default:
                break;
        }
}

void role_enter(struct role *r, enum role_state to, enum role_event why, usec_t now) {
        r->state = to;
        r->since = now;
        r->said = 1U << why;
        r->stops = 0;
        r->stop_again = r->kill_again = 0;
        r->wanted_since = 0;
        r->silent_since = r->unready_since = 0;
        r->ready = READY_UNKNOWN;
        r->reloaded = false;
        r->answers = 0;
        r->restart = why == EVENT_HUNG;
        r->synced = false;
        r->unsaved = to == ROLE_STANDBY && why != EVENT_FOREIGN && why != EVENT_RESUMED;

        switch (to) {
        case ROLE_STANDBY:
                r->starts = 0;
                r->start_again = 0;
                r->promoted_before = false;
                r->other = OTHER_UNKNOWN;
                break;
        case ROLE_STARTING:
                if (why == EVENT_ADOPTED && r->held_at > 0) { /* the stopped failover goes on */
                        r->promoted_before = true;
                        r->mode = r->held_from;
                }
                r->held_at = 0;
                /* EVENT_LOST has reported that the gateway does not run. */
                if (why == EVENT_LOST)
                        r->said |= 1U << EVENT_START_FAILED;
                break;
        case ROLE_PROMOTED:
                r->promoted_before = true;
                r->other = OTHER_UNKNOWN;
                if (why == EVENT_RESUMED) /* the previous daemon has reported it */
                        r->said |= 1U << EVENT_CHANNELS_READY;
                break;
        default:
                break;
        }
}
