/* Verdicts and time become a level; see health.h. */
#include "core/health.h"

/* A flapping primary has to prove itself for longer, but never for more than this. */
#define RECOVER_MAX (10 * USEC_PER_MINUTE)

/* A check may end up to half an interval late and the loop may be busy; a machine that was suspended or frozen is
 * away for far longer than either. */
static usec_t standstill_after(const struct health_rules *rules) {
        return MAX(3 * rules->interval, rules->interval + 5 * USEC_PER_SEC);
}

void health_restart_counting(struct health *h) {
        h->failures = h->goods = h->cut_offs = 0;
        h->last_check = h->failing_since = h->cut_off_since = h->restarting_since = 0;
}

void health_failback(struct health *h, usec_t now) {
        h->failbacks[h->next_failback++ % FAILBACKS_MAX] = now;
}

unsigned health_fail_needed(const struct health_rules *rules, enum verdict verdict) {
        return verdict == VERDICT_UNCLEAR ? rules->unclear_threshold : rules->fail_threshold;
}

unsigned health_recover_needed(const struct health *h, const struct health_rules *rules, usec_t now) {
        unsigned needed = rules->recover_threshold;

        for (size_t i = 0; i < FAILBACKS_MAX; i++)
                if (h->failbacks[i] > 0 && now - h->failbacks[i] < USEC_PER_HOUR &&
                        2 * needed * rules->interval <= RECOVER_MAX)
                        needed *= 2;
        return needed;
}

static void count_good(struct health *h, usec_t now) {
        h->goods++;
        h->failures = h->cut_offs = 0;
        h->last_good = now;
        h->failing_since = h->cut_off_since = h->restarting_since = 0;
}

/* Once the network is back, what was counted without it proves nothing; what was counted before does. */
static void count_cut_off(struct health *h, bool cut_off, usec_t now) {
        if (!cut_off) {
                h->failures -= h->cut_offs;
                h->cut_offs = 0;
                h->cut_off_since = 0;
                return;
        }
        h->cut_offs++;
        if (h->cut_off_since == 0)
                h->cut_off_since = now;
}

static void count_failure(struct health *h, enum verdict verdict, usec_t now) {
        count_cut_off(h, verdict == VERDICT_CUT_OFF, now);
        h->failures++;
        h->goods = 0;
        if (h->failing_since == 0)
                h->failing_since = now;
        if ((verdict == VERDICT_STARTING || verdict == VERDICT_DRAINING) && h->restarting_since == 0)
                h->restarting_since = now;
}

usec_t health_doubt_until(const struct health *h, const struct health_rules *rules) {
        usec_t hold = h->cut_off_since > 0 ? h->cut_off_since + rules->hold : 0;
        usec_t grace = h->restarting_since > 0 ? h->restarting_since + rules->restart_grace : 0;

        return MAX(hold, grace);
}

struct health_change health_check(
        struct health *h, const struct health_rules *rules, enum verdict verdict, usec_t now) {
        struct health_change change = {};
        enum health_level before = h->level;

        if (h->last_check > 0 && now - h->last_check > standstill_after(rules)) {
                change.standstill = true;
                change.gap = now - h->last_check;
                health_restart_counting(h);
        }
        h->last_check = now;

        if (verdict == VERDICT_UP) {
                count_good(h, now);
                if (h->goods >= health_recover_needed(h, rules, now))
                        h->level = HEALTH_UP;
        } else {
                count_failure(h, verdict, now);
                if (h->failures >= health_fail_needed(rules, verdict) && now >= health_doubt_until(h, rules))
                        h->level = HEALTH_DOWN;
        }

        change.level = h->level != before;
        if (change.level)
                h->since = now;
        return change;
}

const char *health_level_name(enum health_level level) {
        static const char *const names[_HEALTH_MAX] = {
                [HEALTH_UNKNOWN] = "unknown",
                [HEALTH_UP] = "up",
                [HEALTH_DOWN] = "down",
        };

        return names[level];
}
