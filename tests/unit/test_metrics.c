/* The metrics' text, and the file. promtool (package prometheus), where there is one, has the last word on names. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "daemon/metrics.h"
#include "lib/file.h"

#define NOW (1763694765 * USEC_PER_SEC)

static const struct instance plain = { .name = (char *) "", .unit = (char *) "openclaw-failover.service" };
static const struct instance second = { .name = (char *) "two",
        .unit = (char *) "openclaw-failover@two.service" };

static struct status promoted(void) {
        return (struct status){
                .state = ROLE_PROMOTED,
                .mode = MODE_AUTO,
                .since = NOW - 90 * USEC_PER_SEC,
                .health = HEALTH_DOWN,
                .promoted_at = NOW - 90 * USEC_PER_SEC,
                .promotions = 2,
                .outage = 41200 * USEC_PER_MSEC,
                .sync_succeeded = NOW - 500 * USEC_PER_MSEC,
                .key_expires = NOW + USEC_PER_DAY,
                .primary_key_expires = NOW + 2 * USEC_PER_DAY,
        };
}

static struct metrics *make(const struct instance *n, const char *path) {
        struct config c = { .metrics_textfile = (char *) path };
        struct metrics *m;

        assert_int_equal(metrics_new(n, &c, &m), 0);
        return m;
}

static void count(struct metrics *m, enum verdict verdict, usec_t took) {
        struct check c = { .verdict = verdict, .took = took };

        metrics_check(m, &c);
}

/* TEXT holds LINE as a whole line. */
static void assert_line(const char *text, const char *line) {
        size_t n = strlen(line);

        for (const char *s = text; (s = strstr(s, line)); s++)
                if ((s == text || s[-1] == '\n') && s[n] == '\n')
                        return;
        fail_msg("no line \"%s\" in:\n%s", line, text);
}

static void test_text(_unused_ void **state) {
        _cleanup_(metrics_freep) struct metrics *m = make(&plain, NULL);
        struct status s = promoted();
        _cleanup_free_ char *text = NULL;

        count(m, VERDICT_UP, 800);
        count(m, VERDICT_UP, 1000);
        count(m, VERDICT_DOWN, 3 * USEC_PER_MSEC);
        count(m, VERDICT_SILENT, 7 * USEC_PER_SEC);
        text = metrics_text(m, &s, NOW);
        assert_line(text, "# HELP openclaw_failover_up Whether the daemon runs: 0 after it was stopped.");
        assert_line(text, "# TYPE openclaw_failover_up gauge");
        assert_line(text, "openclaw_failover_up 1");
        assert_line(text, "openclaw_failover_written_timestamp_seconds 1763694765");
        assert_line(text, "openclaw_failover_primary_up 0");
        assert_line(text, "openclaw_failover_role{role=\"promoted\"} 1");
        assert_line(text, "openclaw_failover_role{role=\"standby\"} 0");
        assert_line(text, "openclaw_failover_mode{mode=\"auto\"} 1");
        assert_line(text, "openclaw_failover_mode{mode=\"paused\"} 0");
        assert_line(text, "openclaw_failover_role_seconds 90");
        assert_line(text, "# TYPE openclaw_failover_failovers_total counter");
        assert_line(text, "openclaw_failover_failovers_total 2");
        assert_line(text, "openclaw_failover_last_outage_seconds 41.2");
        assert_line(text, "openclaw_failover_last_sync_success_timestamp_seconds 1763694764.5");
        assert_line(text,
                "openclaw_failover_tailscale_key_expiry_timestamp_seconds{node=\"standby\"} 1763781165");
        assert_line(text,
                "openclaw_failover_tailscale_key_expiry_timestamp_seconds{node=\"primary\"} 1763867565");
        assert_line(text, "openclaw_failover_checks_total{verdict=\"up\"} 2");
        assert_line(text, "openclaw_failover_checks_total{verdict=\"down\"} 1");
        assert_line(text, "openclaw_failover_checks_total{verdict=\"silent\"} 1");
        assert_line(text, "openclaw_failover_checks_total{verdict=\"cut-off\"} 0");
        assert_line(text, "# TYPE openclaw_failover_check_duration_seconds summary");
        assert_line(text, "openclaw_failover_check_duration_seconds_count 4");
        assert_line(text, "openclaw_failover_check_duration_seconds_sum 7.0048");
}

/* What is not known is not there: a 0 would be a lie. */
static void test_unknown(_unused_ void **state) {
        _cleanup_(metrics_freep) struct metrics *m = make(&plain, NULL);
        struct status s = { .state = ROLE_STANDBY,
                .health = HEALTH_UP,
                .since = NOW,
                .outage = USEC_INFINITY,
                .paused_until = USEC_INFINITY };
        _cleanup_free_ char *text = metrics_text(m, &s, NOW);

        assert_line(text, "openclaw_failover_primary_up 1");
        assert_line(text, "openclaw_failover_mode{mode=\"paused\"} 1");
        assert_line(text, "openclaw_failover_mode{mode=\"auto\"} 0");
        assert_null(strstr(text, "last_"));
}

static void test_instance(_unused_ void **state) {
        _cleanup_(metrics_freep) struct metrics *m = make(&second, NULL);
        struct status s = promoted();
        _cleanup_free_ char *text = metrics_text(m, &s, NOW);

        assert_line(text, "openclaw_failover_up{name=\"two\"} 1");
        assert_line(text, "openclaw_failover_role{name=\"two\",role=\"promoted\"} 1");
}

static void test_promtool(_unused_ void **state) {
        _cleanup_(metrics_freep) struct metrics *m = make(&second, NULL);
        struct status s = promoted();
        _cleanup_free_ char *text = metrics_text(m, &s, NOW);
        FILE *f;

        if (system("command -v promtool >/dev/null") != 0) {
                print_message("promtool is not installed (package prometheus): not asked\n");
                skip();
        }
        f = popen("promtool check metrics 2>&1", "w");
        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(pclose(f), 0);
}

struct place {
        char dir[64], file[96];
        char *text;
};

static int set_up(void **state) {
        struct place *p = calloc(1, sizeof *p);

        *state = p;
        (void) strcpy(p->dir, "/tmp/test-metrics.XXXXXX");
        assert_non_null(mkdtemp(p->dir));
        (void) snprintf(p->file, sizeof p->file, "%s/openclaw.prom", p->dir);
        return 0;
}

static int tear_down(void **state) {
        struct place *p = *state;

        (void) unlink(p->file);
        assert_int_equal(rmdir(p->dir), 0); /* nothing else was left there */
        free(p->text);
        free(p);
        return 0;
}

static const char *content(struct place *p) {
        free(TAKE(p->text));
        assert_int_equal(read_file(p->file, 65536, &p->text), 0);
        return p->text;
}

static void test_file(void **state) {
        struct place *p = *state;
        struct metrics *m = make(&plain, p->file);
        struct status s = promoted();
        struct stat st;

        metrics_write(m, &s);
        assert_line(content(p), "openclaw_failover_role{role=\"promoted\"} 1");
        assert_int_equal(stat(p->file, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0644); /* another user reads it */

        /* Not for every check. */
        count(m, VERDICT_UP, 1000);
        metrics_write(m, &s);
        assert_line(content(p), "openclaw_failover_checks_total{verdict=\"up\"} 0");

        metrics_free(m);
        assert_line(content(p), "openclaw_failover_up 0");
        assert_null(strstr(p->text, "openclaw_failover_role"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_unknown),
                cmocka_unit_test(test_instance),
                cmocka_unit_test(test_promtool),
                cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
