/* Logs the checks of the primary; see check_report.h. */
#include "daemon/check_report.h"

#include "lib/log.h"
#include "lib/text.h"

/* A line for each check of a long outage would hide other entries. */
static bool is_reported(unsigned failures) {
        return failures <= 3 || failures % 10 == 0;
}

static void report_wait(
        const struct health *h, const struct health_rules *rules, const struct check *check) {
        static const char *const because[_VERDICT_MAX] = {
                [VERDICT_STARTING] = "the gateway said that it restarts",
                [VERDICT_SILENT] = "silence proves no death",
                [VERDICT_CUT_OFF] = "this machine is cut off",
        };
        char span[SPAN_MAX] = "as long as that lasts";
        enum verdict why;
        usec_t until = health_waits_until(h, rules, &why);
        bool ends = until != USEC_INFINITY;

        if (!because[why]) {
                log_notice("Failed check %u: %s.", h->failures, check->reason);
                return;
        }
        if (ends)
                format_span(span, until - MIN(until, h->last_check));
        log_notice("Failed check %u: %s. Waiting for %s%s: %s.", h->failures, check->reason,
                ends ? "at most " : "", span, because[why]);
}

static void report_failed(const struct health *before, const struct health *h,
        const struct health_rules *rules, const struct check *check) {
        unsigned needed = rules->fail_threshold;

        if (before->level == HEALTH_DOWN)
                return;
        if (check->verdict == VERDICT_NOT_READY) {
                if (before->not_ready_since == 0 || h->level == HEALTH_DOWN)
                        log_notice("Failed check: %s.%s", check->reason,
                                h->level == HEALTH_DOWN ? " The primary counts as down." : "");
        } else if (h->level == HEALTH_DOWN && h->clear == needed)
                log_notice("Failed check %u of %u: %s. The primary counts as down.", needed, needed,
                        check->reason);
        else if (h->level == HEALTH_DOWN)
                log_notice("Failed check %u: %s. The primary counts as down.", h->failures, check->reason);
        else if (check->verdict == VERDICT_DOWN && h->clear < needed)
                log_notice("Failed check %u of %u: %s.", h->clear, needed, check->reason);
        else if (is_reported(h->failures))
                report_wait(h, rules, check);
}

static void report_good(const struct health *before, const struct health *h,
        const struct health_rules *rules, const char *name) {
        unsigned needed = health_recover_needed(h, rules, h->last_good);

        if (before->level == HEALTH_UNKNOWN && h->level == HEALTH_UP)
                log_info("The primary %s is up.", name);
        else if (before->level == HEALTH_UP && before->failures > 0)
                log_notice("The primary answers again after %u failed check%s.", before->failures,
                        before->failures == 1 ? "" : "s");
        else if (before->level == HEALTH_DOWN)
                log_notice("Good check %u of %u: the primary %s.", h->goods, needed,
                        h->level == HEALTH_UP ? "counts as up" : "answers again");
}

void report_check(const struct health *before, const struct health *h, const struct health_rules *rules,
        const struct health_change *change, const struct check *check, const char *name) {
        char span[SPAN_MAX];

        if (change->standstill)
                log_notice("This machine stood still for %s (suspended or frozen?). Counting starts again.",
                        format_span(span, change->gap));
        if (check->verdict == VERDICT_UP)
                report_good(before, h, rules, name);
        else
                report_failed(before, h, rules, check);
}
