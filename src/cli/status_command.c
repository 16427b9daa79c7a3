/* The commands `status`, `promote`, `demote`, `auto`, `pause` and `resume`; see status_command.h.
 *
 * `status --watch` asks the daemon again when the daemon signals a change. On a terminal it draws over the
 * old lines, and asks once a second, too, for the time of the last check. Elsewhere it prints changes. */
#include "cli/status_command.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "bus_interface.h"
#include "cli/daemon_client.h"
#include "cli/status_print.h"
#include "config/instance.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/terminal.h"
#include "lib/text.h"
#include "status_properties.h"

/* ECMA-48: go up to the first line; erase the screen below. DEC: do not wrap long lines; wrap them. */
#define UP "\033[%uA\r"
#define ERASE_BELOW "\033[J"
#define NO_WRAP "\033[?7l"
#define WRAP "\033[?7h"

/* One instance, as its daemon answered last. */
struct shown {
        const struct instance *instance;
        struct status status; /* owns its texts */
        char why[CLIENT_WHY_MAX];
        int exit;     /* EXIT_NOT_RUNNING: .why replaces .status; above: neither, and the error was logged */
        bool changed; /* since the last question */
};

struct view {
        sd_bus *bus; /* NULL: there is none */
        struct shown *shown;
        size_t n;
        bool json;
        bool in_place;
        unsigned lines; /* drawn last */
};

/* Asks the daemon. Returns whether there is something new to show. */
static bool ask(struct view *v, struct shown *s) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *changed[PROPERTIES_MAX + 1] = {};
        int before = s->exit;
        struct status now;

        s->changed = false;
        s->exit = client_get_status(v->bus, s->instance, &m, &now);
        if (s->exit == EXIT_NOT_RUNNING)
                (void) client_describe_absence(s->instance, s->why);
        if (s->exit == 0) {
                (void) status_update(&s->status, &now, changed);
                s->status.program = s->instance->program;
                s->exit = (int) status_level(&now);
        }
        return changed[0] || s->exit != before;
}

/* NULL: .why says why there is none. */
static const struct status *status_of(const struct shown *s) {
        return s->exit == EXIT_NOT_RUNNING ? NULL : &s->status;
}

/* A new reference; NULL if there is neither a status nor a reason. */
static json_t *to_json(const struct shown *s) {
        return s->exit > EXIT_NOT_RUNNING
                ? NULL
                : status_json(status_of(s), s->why, s->instance, now_usec(CLOCK_REALTIME));
}

static int print_json(json_t *j, size_t flags) {
        _cleanup_free_ char *text = json_dumps(j, flags | JSON_DIGITS);

        if (text)
                (void) puts(text);
        return text ? 0 : EX_OSERR;
}

/* Prints a block of each instance, or of ONLY one; in place, over those drawn before. */
static int print_blocks(struct view *v, const struct shown *only) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        if (!out)
                return EX_OSERR;
        for (const struct shown *s = v->shown; s < v->shown + v->n; s++) {
                if (only && s != only)
                        continue;
                if (v->n > 1)
                        (void) fprintf(out, "%s%s\n", s > v->shown ? "\n" : "", s->instance->unit);
                if (s->exit <= EXIT_NOT_RUNNING)
                        show_status(
                                out, status_of(s), s->why, now_usec(CLOCK_REALTIME), terminal_has_colour());
        }
        if (fclose(out) != 0)
                return EX_OSERR;
        if (v->in_place && v->lines > 0)
                printf(UP, v->lines);
        if (v->in_place)
                printf(NO_WRAP ERASE_BELOW "%s" WRAP, text);
        else
                printf("%s%s", v->lines > 0 && v->n == 1 ? "\n" : "", text);
        v->lines = 0;
        for (const char *c = text; (c = strchr(c, '\n')); c++)
                v->lines++;
        return 0;
}

static int worst(const struct view *v) {
        int worst = EXIT_WELL;

        for (size_t i = 0; i < v->n; i++)
                worst = MAX(worst, v->shown[i].exit);
        return worst;
}

static int print_once(struct view *v) {
        json_auto_t *all = json_array();
        int r = 0;

        for (size_t i = 0; i < v->n; i++) {
                (void) ask(v, &v->shown[i]);
                (void) json_array_append_new(all, to_json(&v->shown[i]));
        }
        if (!v->json)
                r = print_blocks(v, NULL);
        else if (v->n > 1 || json_array_size(all) > 0)
                r = print_json(v->n > 1 ? all : json_array_get(all, 0), JSON_INDENT(2));
        return MAX(r, worst(v));
}

/* Asks each instance that has signalled a change, or ALL. In place it draws all, elsewhere the changes. */
static void show_news(struct view *v, bool all) {
        bool draw = all;

        for (struct shown *s = v->shown; s < v->shown + v->n; s++) {
                if ((!s->changed && !all) || !ask(v, s))
                        continue;
                draw = true;
                if (v->json) {
                        json_auto_t *j = to_json(s);

                        (void) print_json(j, JSON_COMPACT);
                } else if (!v->in_place)
                        (void) print_blocks(v, s);
        }
        if (draw && v->in_place)
                (void) print_blocks(v, NULL);
        (void) fflush(stdout);
}

static int watch(struct view *v) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        int r = v->bus ? client_open_loop(v->bus, &event) : -ENOTCONN, lost = 0;

        for (size_t i = 0; r >= 0 && i < v->n; i++)
                r = client_follow(v->bus, v->shown[i].instance, &v->shown[i].changed, NULL, NULL);
        if (r < 0)
                return client_no_bus(r);
        for (bool all = true; r >= 0 && sd_event_get_state(event) != SD_EVENT_FINISHED; all = r == 0) {
                show_news(v, all);
                if (worst(v) == EX_PROTOCOL)
                        break;
                r = sd_event_run(event, v->in_place ? USEC_PER_SEC : UINT64_MAX);
        }
        (void) sd_event_get_exit_code(event, &lost);
        if (r >= 0 && !lost)
                return worst(v);
        log_error("The connection to the system bus is lost.");
        return EXIT_NOT_RUNNING;
}

int cmd_status(const struct instance *named, bool all, bool json, bool watched) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(instances_freep) struct instance **list = NULL;
        _cleanup_free_ struct shown *shown = NULL;
        struct view v;
        int n, r;

        (void) sd_bus_open_system(&bus); /* without a bus, client_describe_absence() says so */
        n = all ? instances_list(bus, &list) : 0;
        if (n < 0) /* the bus answers no call */
                bus = sd_bus_flush_close_unref(bus);
        v = (struct view){ .bus = bus, .n = (size_t) MAX(n, 1), .json = json };
        v.in_place = watched && !json && terminal_can_draw();
        v.shown = shown = calloc(v.n, sizeof *shown);
        if (!shown)
                return EX_OSERR;
        for (size_t i = 0; i < v.n; i++)
                shown[i].instance = n > 0 ? list[i] : named;
        r = watched ? watch(&v) : print_once(&v);
        for (size_t i = 0; i < v.n; i++)
                status_clear(&shown[i].status);
        return r;
}

int cmd_command(const struct instance *n, enum role_command command, uint64_t seconds) {
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
        r = client_get_status(bus, n, &m, &s);
        if (r == EXIT_NOT_RUNNING)
                return client_nobody(n);
        if (r == 0)
                printf("%s.\n%s\n", status_sentence(&s, sentence),
                        status_next(&s, now_usec(CLOCK_REALTIME), next));
        return r;
}

int cmd_pause(const struct instance *n, const char *time) {
        usec_t span = PAUSE_DEFAULT;
        char safe[64];
        int r = 0;

        if (time && strcmp(time, "infinity") == 0)
                return cmd_command(n, COMMAND_PAUSE, UINT64_MAX);
        if (time)
                r = parse_span(time, &span);
        if (r < 0 || span == 0 || span > PAUSE_MAX) {
                log_error(
                        "pause %s: that is not a time. Allowed: a number with s, m or h, such as 30m, at most a year; or "
                        "infinity, until `%s resume`.",
                        safe_text(safe, sizeof safe, time), n->program);
                return EX_USAGE;
        }
        /* The daemon counts in seconds: rounds up. */
        return cmd_command(n, COMMAND_PAUSE, (span + USEC_PER_SEC - 1) / USEC_PER_SEC);
}
