/* The commands `status`, `promote`, `demote`, `auto`, `pause` and `resume`; see client.h. */
#include "client.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "bus.h"
#include "call.h"
#include "log.h"
#include "properties.h"
#include "show.h"
#include "watch_status.h"

static int get_status(sd_bus *bus, const struct names *n, sd_bus_message **ret_m, struct status *ret) {
        int r;

        r = call_get_all(bus, n, ret_m);
        if (r == 0 && status_read(*ret_m, ret) < 0)
                r = call_other_version(n);
        return r;
}

int status_exit(const struct status *s) {
        return status_is_well(s) ? EXIT_WELL : EXIT_NOT_WELL;
}

char *status_json(const struct status *s, const struct names *n, usec_t now, size_t flags) {
        char sentence[SENTENCE_MAX], next[SENTENCE_MAX];
        const struct property *p;
        json_auto_t *j = NULL;
        size_t n_properties;

        if (!s)
                j = json_pack(
                        "{s:i, s:s, s:b}", "schema", STATUS_SCHEMA, "instance", n->instance, "running", 0);
        else
                j = json_pack("{s:i, s:s, s:b, s:b, s:s, s:s}", "schema", STATUS_SCHEMA, "instance",
                        n->instance, "running", 1, "well", status_exit(s) == EXIT_WELL, "summary",
                        status_sentence(s, sentence), "next", status_next(s, now, next));
        p = properties(&n_properties);
        for (size_t i = 0; j && s && i < n_properties; i++)
                if (json_object_set_new(j, p[i].key, property_json(&p[i], s)) < 0)
                        return NULL;
        return j ? json_dumps(j, flags | JSON_REAL_PRECISION(REAL_DIGITS)) : NULL;
}

static int print_json(const struct status *s, const struct names *n) {
        _cleanup_free_ char *text = status_json(s, n, now_usec(CLOCK_REALTIME), JSON_INDENT(2));

        if (!text) {
                log_error("Cannot print that: %s.", strerror(ENOMEM));
                return EX_OSERR;
        }
        return puts(text) < 0 || fflush(stdout) != 0 ? EX_IOERR : 0;
}

static int print_once(const struct names *n, bool json) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct status s;
        int r, written;

        r = call_open(&bus);
        if (r == 0)
                r = get_status(bus, n, &m, &s);
        if (r != 0) {
                written = json && r == EXIT_NOT_RUNNING ? print_json(NULL, n) : 0;
                return written ? written : r;
        }
        if (json)
                written = print_json(&s, n);
        else {
                show_status(stdout, &s, now_usec(CLOCK_REALTIME), show_colour(), "");
                written = fflush(stdout) != 0 ? EX_IOERR : 0;
        }
        return written ? written : status_exit(&s);
}

int cmd_status(const struct names *n, bool json, bool watch) {
        return watch ? watch_status(n, json) : print_once(n, json);
}

/* Sends it, and says what that led to. */
static int send_command(const struct names *n, enum role_command command, uint64_t seconds) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        char sentence[SENTENCE_MAX], next[SENTENCE_MAX];
        struct status s;
        int r;

        r = call_open(&bus);
        if (r == 0)
                r = call_command(bus, n, command, seconds);
        if (r == 0)
                r = get_status(bus, n, &m, &s);
        if (r == 0)
                printf("Now %s.\n%s\n", status_sentence(&s, sentence),
                        status_next(&s, now_usec(CLOCK_REALTIME), next));
        return r;
}

int cmd_command(const struct names *n, enum role_command command) {
        return send_command(n, command, 0);
}

int cmd_pause(const struct names *n, const char *time) {
        usec_t span = PAUSE_DEFAULT;
        char safe[64];
        int r = 0;

        if (time && strcmp(time, "infinity") == 0)
                return send_command(n, COMMAND_PAUSE, UINT64_MAX);
        if (time)
                r = parse_span(time, &span);
        if (r < 0 || span == 0 || span > PAUSE_MAX) {
                log_error(
                        "'%s' is no time to pause for: a number with s, m or h behind it such as 30m, at most a year; or "
                        "infinity, until `openclaw-failover resume`.",
                        safe_text(safe, sizeof safe, time));
                return EX_USAGE;
        }
        /* The daemon counts in seconds; the last one begun counts. */
        return send_command(n, COMMAND_PAUSE, (span + USEC_PER_SEC - 1) / USEC_PER_SEC);
}
