/* Counts checks until a gateway is up or down; see health.h. */
#include "core/health.h"

/* A flapping primary needs good checks for longer, but never for longer than this. */
#define RECOVER_MAX (10 * USEC_PER_MINUTE)
#define CALL_OFF_AGAIN_AFTER (10 * USEC_PER_MINUTE)

/* A check that runs into its timeout, or a busy loop, delays the next one by less than this. A machine that
 * was suspended or frozen stood still for far longer. */
bool health_is_old(const struct health *h, const struct health_rules *rules, usec_t now) {
        return h->last_check > 0 &&
                now - h->last_check > MAX(3 * rules->interval, rules->interval + 5 * USEC_PER_SEC);
}

static usec_t add(usec_t a, usec_t b) {
        return a > USEC_INFINITY - b ? USEC_INFINITY : a + b;
}

void health_restart_counting(struct health *h) {
        h->failures = h->clear = h->goods = 0;
        h->last_check = h->failing_since = h->silent_since = 0;
        h->cut_off_since = h->restarting_since = h->not_ready_since = 0;
}

void health_failback(struct health *h, usec_t now) {
        h->failbacks[h->next_failback++ % FAILBACKS_MAX] = now;
}

/* One good check is enough once in ten minutes. A gateway that comes and goes needs more. */
static bool may_be_early(const struct health *h, usec_t now) {
        return h->early && h->level == HEALTH_DOWN && h->why != VERDICT_NOT_READY &&
                (h->called_off == 0 || now - h->called_off >= CALL_OFF_AGAIN_AFTER);
}

unsigned health_recover_needed(const struct health *h, const struct health_rules *rules, usec_t now) {
        unsigned needed = rules->recover_threshold;

        if (may_be_early(h, now))
                return 1;
        for (size_t i = 0; i < FAILBACKS_MAX; i++)
                if (h->failbacks[i] > 0 && now - h->failbacks[i] < USEC_PER_HOUR &&
                        2 * needed * rules->interval <= RECOVER_MAX)
                        needed *= 2;
        return needed;
}

/* "Not ready" does not bring back a gateway that is down, but proves that the gateway lives. */
static void count_life(struct health *h, bool ready, usec_t now) {
        h->failures = h->clear = 0;
        h->failing_since = h->silent_since = h->cut_off_since = h->restarting_since = 0;
        h->goods = ready || h->level != HEALTH_DOWN ? h->goods + 1 : 0;
        if (ready)
                h->last_good = now;
        h->not_ready_since = ready ? 0 : h->not_ready_since ?: now;
}

static void count_failure(struct health *h, enum verdict verdict, usec_t now) {
        bool restarting = verdict == VERDICT_STARTING || verdict == VERDICT_DRAINING;

        h->failures++;
        h->goods = 0;
        if (h->failing_since == 0)
                h->failing_since = h->silent_since = h->cut_off_since ?: now;
        if (restarting && h->restarting_since == 0)
                h->restarting_since = now;
        if (verdict == VERDICT_DOWN || restarting)
                h->clear++;
        if (verdict == VERDICT_CUT_OFF) {
                h->cut_off_since = h->cut_off_since ?: now;
        } else if (h->cut_off_since > 0) {
                h->silent_since += now - h->cut_off_since;
                h->cut_off_since = 0;
        }
}

static usec_t grace_until(const struct health *h, const struct health_rules *rules) {
        return h->restarting_since > 0 ? add(h->restarting_since, rules->restart_grace) : 0;
}

/* Returns the time from which another check like the last makes the level down, and in *WHY the reason. */
static usec_t down_at(const struct health *h, const struct health_rules *rules, enum verdict *why) {
        usec_t at = 0;

        if (h->failing_since == 0) {
                *why = VERDICT_NOT_READY;
                return h->not_ready_since > 0 ? add(h->not_ready_since, rules->ready_timeout)
                                              : USEC_INFINITY;
        }
        if (h->cut_off_since > 0) {
                *why = VERDICT_CUT_OFF;
                at = add(h->cut_off_since, rules->cut_off_wait);
        } else if (h->clear >= rules->fail_threshold)
                *why = VERDICT_DOWN;
        else {
                *why = VERDICT_SILENT;
                at = add(h->silent_since, rules->silent_timeout);
        }
        return MAX(at, grace_until(h, rules));
}

usec_t health_waits_until(const struct health *h, const struct health_rules *rules, const char **ret_for) {
        static const char *const words[_VERDICT_MAX] = {
                [VERDICT_CUT_OFF] = "the network here",
                [VERDICT_STARTING] = "the primary, which said that it restarts",
                [VERDICT_SILENT] = "the primary, which is silent",
                [VERDICT_NOT_READY] = "the primary, whose channels are not ready",
        };
        enum verdict why;
        usec_t at = down_at(h, rules, &why), grace = grace_until(h, rules);

        if (grace > 0 && (why != VERDICT_CUT_OFF || at == grace)) {
                why = VERDICT_STARTING;
                at = grace;
        } else if (why == VERDICT_SILENT && h->clear > 0)
                at = 0; /* fail_threshold may come first */
        if (h->level == HEALTH_DOWN || (h->failing_since == 0 && h->not_ready_since == 0))
                at = 0;
        *ret_for = at > 0 ? words[why] : "";
        return at;
}

/* A good check never makes the level down. A failed check never makes it up. */
static void set_level(struct health *h, const struct health_rules *rules, enum verdict verdict, usec_t now) {
        bool lives = verdict == VERDICT_UP || (verdict == VERDICT_NOT_READY && h->level == HEALTH_UNKNOWN);
        enum verdict why;

        if (lives && h->goods >= health_recover_needed(h, rules, now)) {
                if (may_be_early(h, now))
                        h->called_off = now;
                h->level = HEALTH_UP;
        } else if (verdict != VERDICT_UP && h->level != HEALTH_DOWN && now >= down_at(h, rules, &why)) {
                h->level = HEALTH_DOWN;
                h->why = why;
                h->goods = 0;
        }
}

usec_t health_check(struct health *h, const struct health_rules *rules, enum verdict verdict, usec_t now) {
        enum health_level before = h->level;
        usec_t gap = 0;

        if (health_is_old(h, rules, now)) {
                gap = now - h->last_check;
                health_restart_counting(h);
        }
        h->last_check = now;

        if (verdict == VERDICT_UP || verdict == VERDICT_NOT_READY)
                count_life(h, verdict == VERDICT_UP, now);
        else
                count_failure(h, verdict, now);
        set_level(h, rules, verdict, now);

        if (h->level != before)
                h->since = now;
        return gap;
}
