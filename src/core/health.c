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

/* The gateway lives, ready or not. */
static void end_failures(struct health *h) {
        h->failures = h->clear = 0;
        h->failing_since = h->silent_since = h->cut_off_since = h->restarting_since = 0;
}

static void count_good(struct health *h, usec_t now) {
        end_failures(h);
        h->goods++;
        h->last_good = now;
        h->not_ready_since = 0;
}

/* "Not ready" does not bring back a gateway that is down, but proves that the gateway lives. */
static void count_not_ready(struct health *h, usec_t now) {
        end_failures(h);
        h->goods = h->level == HEALTH_DOWN ? 0 : h->goods + 1;
        if (h->not_ready_since == 0)
                h->not_ready_since = now;
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

usec_t health_waits_until(const struct health *h, const struct health_rules *rules, enum verdict *why) {
        usec_t at = down_at(h, rules, why), grace = grace_until(h, rules);

        if (h->level == HEALTH_DOWN || (h->failing_since == 0 && h->not_ready_since == 0) || at == 0 ||
                (*why == VERDICT_SILENT && h->clear > 0 && grace == 0)) {
                *why = VERDICT_UP;
                return 0;
        }
        if (grace > 0 && (*why != VERDICT_CUT_OFF || at == grace))
                *why = VERDICT_STARTING;
        return *why == VERDICT_STARTING ? grace : at;
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

struct health_change health_check(
        struct health *h, const struct health_rules *rules, enum verdict verdict, usec_t now) {
        struct health_change change = {};
        enum health_level before = h->level;

        if (health_is_old(h, rules, now)) {
                change.standstill = true;
                change.gap = now - h->last_check;
                health_restart_counting(h);
        }
        h->last_check = now;

        if (verdict == VERDICT_UP)
                count_good(h, now);
        else if (verdict == VERDICT_NOT_READY)
                count_not_ready(h, now);
        else
                count_failure(h, verdict, now);
        set_level(h, rules, verdict, now);

        change.level = h->level != before;
        if (change.level)
                h->since = now;
        return change;
}
