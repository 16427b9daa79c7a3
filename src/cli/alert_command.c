/* The commands about alerts; see alert_command.h. */
#include "cli/alert_command.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "alert/alert.h"
#include "config/config.h"
#include "lib/clock.h"
#include "lib/log.h"

#define FAILED_TRIED_FOR USEC_PER_HOUR

static void on_answer(struct webhook *c _unused_, const struct webhook_answer *answer, void *userdata) {
        *(struct webhook_answer *) userdata = *answer;
}

/* Tries once. Returns the outcome or a negative errno; in both cases WORDS say what happened. */
static int deliver(const struct instance *instance, const struct alert_config *a,
        const struct alert_message *m, char words[static ALERT_WHY_MAX]) {
        struct webhook_answer answer = {};
        _cleanup_(http_freep) struct http *h = NULL;
        _cleanup_(webhook_freep) struct webhook *w = NULL;
        int r;

        *words = '\0';
        r = http_new_with_loop(&h);
        if (r >= 0)
                r = webhook_new(h, NULL, on_answer, &answer, &w);
        if (r >= 0)
                r = alert_send(w, instance, a, m, 0, words);
        if (r >= 0)
                r = http_wait(h, answer.words);
        if (!*words)
                (void) snprintf(words, ALERT_WHY_MAX, "%s", r < 0 ? strerror(-r) : answer.words);
        return r < 0 ? r : (int) answer.outcome;
}

int cmd_alert_test(const struct instance *instance) {
        _cleanup_(config_freep) struct config *c = NULL;
        struct alert_message m = {
                .event = "test",
                .level = LOG_NOTICE,
                .title = "Test alert: nothing happened",
                .text = "A user asked for this test with `openclaw-failover alert-test`.",
                .time = now_usec(CLOCK_REALTIME),
        };
        char words[ALERT_WHY_MAX];
        int r;

        r = config_load(instance->config, config_log_error, NULL, &c);
        if (r < 0)
                return EX_CONFIG;
        if (!alert_is_on(&c->alert)) {
                log_error("No alert is configured: set url_file or url under [alert] in %s.",
                        instance->config);
                return EX_CONFIG;
        }
        m.primary = c->primary.host;
        r = deliver(instance, &c->alert, &m, words);
        if (r == WEBHOOK_TAKEN) {
                (void) printf("Delivered: %s\n", words);
                return EX_OK;
        }
        (void) fprintf(stderr, "Not delivered: %s.\n%s", words,
                r == WEBHOOK_LATER ? "The daemon would keep a real alert, and retry for a day.\n" : "");
        return EXIT_FAILURE;
}

/* --- the daemon itself failed -------------------------------------------------------------------------- */

/* systemd passes how the failed unit ended (systemd.exec(5), $MONITOR_SERVICE_RESULT): since 251, and only
 * if a single unit started this one. */
static void describe_failure(const struct instance *instance, char *buf, size_t size) {
        const char *result = getenv("MONITOR_SERVICE_RESULT"), *status = getenv("MONITOR_EXIT_STATUS");

        (void) snprintf(buf, size,
                "%s failed (%s, status %s). Nothing checks the primary now, and nothing takes over if it dies. Fix the "
                "error, then `systemctl restart %s`. See `journalctl -u %s`, and `%s config` for an error in %s.",
                instance->unit, result ?: "unknown", status ?: "unknown", instance->unit, instance->unit,
                instance->program, instance->config);
}

static int deliver_in_time(
        const struct instance *instance, const struct alert_config *a, const struct alert_message *m) {
        usec_t until = now_usec(CLOCK_BOOTTIME) + FAILED_TRIED_FOR;
        char words[ALERT_WHY_MAX];

        for (unsigned attempt = 1;; attempt++) {
                int r = deliver(instance, a, m, words);
                usec_t wait = alert_back_off(attempt);

                if (r == WEBHOOK_TAKEN)
                        return EX_OK;
                if (r == WEBHOOK_REFUSED || r < 0 || now_usec(CLOCK_BOOTTIME) + wait > until)
                        break;
                if (attempt == 1)
                        log_warning("The alert cannot be delivered: %s. Retrying for an hour.", words);
                (void) sleep((unsigned) (wait / USEC_PER_SEC));
        }
        log_error("The alert could not be delivered: %s. It was: %s", words, m->text);
        return EXIT_FAILURE;
}

int cmd_alert_failed(const struct instance *instance) {
        _cleanup_(config_freep) struct config *c = NULL;
        char text[ALERT_TEXT_MAX];
        struct alert_message m = {
                .event = "unit-failed",
                .level = LOG_ERR,
                .title = "Nothing checks the primary: the daemon failed",
                .text = text,
                .time = now_usec(CLOCK_REALTIME),
        };
        int r;

        describe_failure(instance, text, sizeof text);
        r = config_load_alert(instance->config, &c);
        if (r < 0)
                log_error("No alert can be sent, since %s cannot be read: %s. It was: %s", instance->config,
                        strerror(-r), text);
        else if (alert_is_on(&c->alert))
                r = deliver_in_time(instance, &c->alert, &m);
        else
                log_notice("No alert is configured, so none was sent: %s", text);
        return r < 0 ? EXIT_FAILURE : r;
}
