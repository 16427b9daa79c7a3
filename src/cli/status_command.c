/* The commands `status`, `promote`, `demote`, `auto`, `pause` and `resume`; see status_command.h. */
#include "cli/status_command.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "bus_interface.h"
#include "cli/daemon_client.h"
#include "cli/status_print.h"
#include "cli/status_watch.h"
#include "config/instance.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/strv.h"
#include "lib/terminal.h"
#include "lib/text.h"
#include "status_properties.h"

static int get_status(sd_bus *bus, const struct instance *n, sd_bus_message **ret_m, struct status *ret) {
        int r;

        r = client_get_all(bus, n, ret_m);
        if (r == 0 && status_read(*ret_m, ret) < 0)
                r = client_other_version(n);
        if (r == 0)
                ret->program = n->program;
        return r;
}

int status_exit(const struct status *s) {
        return status_is_well(s) ? EXIT_WELL : EXIT_NOT_WELL;
}

static json_t *status_object(const struct status *s, const struct instance *n, usec_t now) {
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
        return TAKE(j);
}

char *status_json(const struct status *s, const struct instance *n, usec_t now, size_t flags) {
        json_auto_t *j = status_object(s, n, now);

        return j ? json_dumps(j, flags | JSON_DIGITS) : NULL;
}

static int print_text(const char *text) {
        if (!text) {
                log_error("Cannot print that: %s.", strerror(ENOMEM));
                return EX_OSERR;
        }
        return puts(text) < 0 || fflush(stdout) != 0 ? EX_IOERR : 0;
}

static int print_json(const struct status *s, const struct instance *n) {
        _cleanup_free_ char *text = status_json(s, n, now_usec(CLOCK_REALTIME), JSON_INDENT(2));

        return print_text(text);
}

static int print_once(const struct instance *n, bool json) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct status s;
        int r, written;

        r = client_open(&bus);
        if (r == 0)
                r = get_status(bus, n, &m, &s);
        if (r != 0) {
                written = json && r == EXIT_NOT_RUNNING ? print_json(NULL, n) : 0;
                return written ? written : r;
        }
        if (json)
                written = print_json(&s, n);
        else {
                show_status(stdout, &s, now_usec(CLOCK_REALTIME), terminal_has_colour(), "");
                written = fflush(stdout) != 0 ? EX_IOERR : 0;
        }
        return written ? written : status_exit(&s);
}

int cmd_status(const struct instance *n, bool json, bool watch) {
        return watch ? watch_status(n, json) : print_once(n, json);
}

/* One of several: below its unit's name, or with ARRAY added to that. Its exit status. */
static int print_one(sd_bus *bus, const char *instance, json_t *array) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(instance_freep) struct instance *n = NULL;
        usec_t now = now_usec(CLOCK_REALTIME);
        struct status s;
        int r;

        if (instance_new(instance, &n) < 0)
                return EX_OSERR;
        if (!array) {
                printf("%s\n", n->unit);
                (void) fflush(stdout);
        }
        r = get_status(bus, n, &m, &s);
        if (array && (r == 0 || r == EXIT_NOT_RUNNING) &&
                json_array_append_new(array, status_object(r == 0 ? &s : NULL, n, now)) < 0)
                return EX_OSERR;
        if (r != 0)
                return r;
        if (!array)
                show_status(stdout, &s, now, terminal_has_colour(), "");
        return status_exit(&s);
}

static int print_several(sd_bus *bus, char **instances, bool json) {
        json_auto_t *array = json ? json_array() : NULL;
        _cleanup_free_ char *text = NULL;
        int worst = EXIT_WELL, written;

        if (json && !array)
                return print_text(NULL);
        for (char **i = instances; *i; i++) {
                int r;

                if (!json && i > instances)
                        printf("\n");
                r = print_one(bus, *i, array);
                worst = MAX(worst, r);
        }
        if (json)
                text = json_dumps(array, JSON_INDENT(2) | JSON_DIGITS);
        written = json ? print_text(text) : fflush(stdout) != 0 ? EX_IOERR : 0;
        return written ? written : worst;
}

int cmd_status_all(const struct instance *plain, bool json, bool watch) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_strv_ char **instances = NULL;
        int n;

        if (sd_bus_open_system(&bus) < 0)
                return cmd_status(plain, json, watch); /* it says why not */
        n = instances_list(bus, &instances);
        if (n == 0 || (n == 1 && !*instances[0]))
                return cmd_status(plain, json, watch);
        if (n < 0 && n != -ENOMEM)
                return client_no_bus(n);
        if (n < 0) {
                log_error("Cannot find out which instances there are: %s.", strerror(-n));
                return EX_OSERR;
        }
        if (watch) {
                log_error(
                        "There are several instances here, and one can be watched: `openclaw-failover -i %s status --watch`.",
                        instances[n - 1]);
                return EX_USAGE;
        }
        return print_several(bus, instances, json);
}

/* Sends it, and says what that led to. */
static int send_command(const struct instance *n, enum role_command command, uint64_t seconds) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        char sentence[SENTENCE_MAX], next[SENTENCE_MAX];
        struct status s;
        int r;

        r = client_open(&bus);
        if (r == 0)
                r = client_command(bus, n, command, seconds);
        if (r == 0)
                r = get_status(bus, n, &m, &s);
        if (r == 0)
                printf("Now %s.\n%s\n", status_sentence(&s, sentence),
                        status_next(&s, now_usec(CLOCK_REALTIME), next));
        return r;
}

int cmd_command(const struct instance *n, enum role_command command) {
        return send_command(n, command, 0);
}

int cmd_pause(const struct instance *n, const char *time) {
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
                        "infinity, until `%s resume`.",
                        safe_text(safe, sizeof safe, time), n->program);
                return EX_USAGE;
        }
        /* The daemon counts in seconds; the last one begun counts. */
        return send_command(n, COMMAND_PAUSE, (span + USEC_PER_SEC - 1) / USEC_PER_SEC);
}
