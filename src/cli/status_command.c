/* The commands `status`, `promote`, `demote`, `auto`, `pause` and `resume`; see status_command.h. */
#include "cli/status_command.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "bus_interface.h"
#include "cli/daemon_client.h"
#include "cli/status_json.h"
#include "cli/status_print.h"
#include "cli/status_watch.h"
#include "config/instance.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/terminal.h"
#include "lib/text.h"
#include "status_properties.h"

/* EXIT_NOT_RUNNING, and nothing logged, if the daemon is not there to be asked. BUS may be NULL. */
static int ask_status(sd_bus *bus, const struct instance *n, sd_bus_message **ret_m, struct status *ret) {
        int r = bus ? client_get_all(bus, n, ret_m) : EXIT_NOT_RUNNING;

        if (r == 0 && status_read(*ret_m, ret) < 0)
                r = client_other_version(n);
        if (r == 0)
                ret->program = n->program;
        return r;
}

/* The status of N, printed or, for JSON, added to ARRAY; its exit status. */
static int print_one(sd_bus *bus, const struct instance *n, json_t *array) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        char why[CLIENT_WHY_MAX] = "";
        usec_t now = now_usec(CLOCK_REALTIME);
        struct status s;
        int r = ask_status(bus, n, &m, &s);
        const struct status *known = r == 0 ? &s : NULL;

        if (r == EXIT_NOT_RUNNING)
                (void) client_say_absence(n, why);
        else if (!known)
                return r;
        if (!array)
                show_status(stdout, known, why, now, terminal_has_colour());
        else if (json_array_append_new(array, status_json(known, why, n, now)) < 0)
                return EX_OSERR;
        return known ? status_exit(known) : r;
}

static int print_all(sd_bus *bus, const struct instance *const *instances, size_t n, bool json) {
        json_auto_t *array = json ? json_array() : NULL;
        _cleanup_free_ char *text = NULL;
        int worst = EXIT_WELL;

        for (size_t i = 0; i < n; i++) {
                int r;

                if (!json && n > 1)
                        printf("%s%s\n", i > 0 ? "\n" : "", instances[i]->unit);
                (void) fflush(stdout);
                r = print_one(bus, instances[i], array);
                worst = MAX(worst, r);
        }
        if (json) {
                text = json_dumps(n > 1 ? array : json_array_get(array, 0), JSON_INDENT(2) | JSON_DIGITS);
                if (!text)
                        return EX_OSERR;
                (void) puts(text);
        }
        return fflush(stdout) != 0 ? EX_IOERR : worst;
}

int cmd_status(const struct instance *named, bool all, bool json, bool watch) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(instances_freep) struct instance **list = NULL;
        const struct instance *const *shown = &named;
        int n;

        (void) sd_bus_open_system(&bus); /* without one, client_say_absence() says so */
        n = all ? instances_list(bus, &list) : 0;
        if (n < 0) /* the bus takes no question */
                bus = sd_bus_flush_close_unref(bus);
        if (n > 0)
                shown = (const struct instance *const *) list;
        n = MAX(n, 1);
        return watch ? watch_status(shown, (size_t) n, json) : print_all(bus, shown, (size_t) n, json);
}

/* Sends it, and prints what came of it. */
static int send_command(const struct instance *n, enum role_command command, uint64_t seconds) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        char sentence[SENTENCE_MAX], next[SENTENCE_MAX];
        struct status s;
        int r;

        r = sd_bus_open_system(&bus);
        if (r < 0)
                return client_no_bus(r);
        r = client_command(bus, n, command, seconds);
        if (r != 0)
                return r;
        r = ask_status(bus, n, &m, &s);
        if (r == EXIT_NOT_RUNNING)
                return client_nobody(n);
        if (r == 0)
                printf("%s.\n%s\n", status_sentence(&s, sentence),
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
                        "pause %s: that is not a time. Allowed: a number with s, m or h, such as 30m, at most a year; or "
                        "infinity, until `%s resume`.",
                        safe_text(safe, sizeof safe, time), n->program);
                return EX_USAGE;
        }
        /* The daemon counts in seconds; the last one begun counts. */
        return send_command(n, COMMAND_PAUSE, (span + USEC_PER_SEC - 1) / USEC_PER_SEC);
}
