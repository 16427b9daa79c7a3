/* Logs the checks of the primary; see check_report.h. */
#include "daemon/check_report.h"

#include "lib/log.h"
#include "lib/text.h"

static void report_failed(const struct health *before, const struct health *h,
        const struct health_rules *rules, const struct check *check) {
        bool lives = check->verdict == VERDICT_NOT_READY, down = h->level == HEALTH_DOWN;
        bool counts = check->verdict == VERDICT_DOWN && h->clear <= rules->fail_threshold;
        bool rare = lives ? before->not_ready_since == 0 : h->failures <= 3 || h->failures % 10 == 0;
        char text[512] = "Failed check", span[SPAN_MAX] = "as long as that lasts";
        const char *what;
        usec_t until = health_waits_until(h, rules, &what);

        /* A line for each check of a long outage would hide other entries. */
        if (before->level == HEALTH_DOWN || !(down || counts || rare))
                return;
        if (until != USEC_INFINITY)
                (void) format_span(span, until - MIN(until, h->last_check));
        if (counts)
                (void) appendf(text, sizeof text, " %u of %u", h->clear, rules->fail_threshold);
        else if (!lives)
                (void) appendf(text, sizeof text, " %u", h->failures);
        (void) appendf(text, sizeof text, ": %s.", check->reason);
        if (down)
                (void) appendf(text, sizeof text, " The primary counts as down.");
        else if (until > 0 && !lives)
                (void) appendf(text, sizeof text, " Waiting for %s, %s%s.", what,
                        until == USEC_INFINITY ? "" : "at most ", span);
        log_notice("%s", text);
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
        usec_t gap, const struct check *check, const char *name) {
        char span[SPAN_MAX];

        if (gap > 0)
                log_notice("This machine stood still for %s (suspended or frozen?). Counting starts again.",
                        format_span(span, gap));
        if (check->verdict == VERDICT_UP)
                report_good(before, h, rules, name);
        else
                report_failed(before, h, rules, check);
}
