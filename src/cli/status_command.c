/* The commands `status`, `promote`, `demote`, `auto`, `pause` and `resume`; see status_command.h.
 *
 * `status --watch` asks the daemon again when the daemon signals a change. On a terminal it clears the
 * screen, and asks once a second, too, for the time of the last check. Elsewhere it prints what is new. */
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

/* ECMA-48: go to the first line, and erase the screen below. */
#define CLEAR "\033[H\033[J"

/* While watching, a daemon that hangs is shown after this. */
#define CALL_TIMEOUT (2 * USEC_PER_SEC)

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

static void print_blocks(const struct view *v) {
        if (v->in_place)
                printf(CLEAR);
        for (const struct shown *s = v->shown; s < v->shown + v->n; s++) {
                if (v->n > 1)
                        printf("%s%s\n", s > v->shown ? "\n" : "", s->instance->unit);
                if (s->exit <= EXIT_NOT_RUNNING)
                        show_status(stdout, status_of(s), s->why, now_usec(CLOCK_REALTIME),
                                terminal_has_colour());
        }
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
                print_blocks(v);
        else if (v->n > 1 || json_array_size(all) > 0)
                r = print_json(v->n > 1 ? all : json_array_get(all, 0), JSON_INDENT(2));
        return MAX(r, worst(v));
}

/* Asks each instance that has signalled a change, or ALL, and prints what is new. */
static void show_news(struct view *v, bool all) {
        bool news = all && v->in_place; /* the time */

        for (struct shown *s = v->shown; s < v->shown + v->n; s++) {
                if ((!s->changed && !all) || !ask(v, s))
                        continue;
                news = true;
                if (v->json) {
                        json_auto_t *j = to_json(s);

                        (void) print_json(j, JSON_COMPACT);
                }
        }
        if (news && !v->json) {
                print_blocks(v);
                printf("\n");
        }
        (void) fflush(stdout);
}

static int watch(struct view *v) {
        int r = v->bus ? sd_bus_set_method_call_timeout(v->bus, CALL_TIMEOUT) : -ENOTCONN;

        for (size_t i = 0; r >= 0 && i < v->n; i++)
                r = client_follow(v->bus, v->shown[i].instance, &v->shown[i].changed, NULL, NULL);
        for (bool all = true; r >= 0 && worst(v) != EX_PROTOCOL; all = r == 0) {
                show_news(v, all);
                r = client_wait(v->bus, v->in_place ? 1000 : -1);
        }
        return r < 0 ? client_no_bus(r) : worst(v);
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

int cmd_command(const struct instance *n, const char *method, uint64_t seconds) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        char sentence[SENTENCE_MAX], next[SENTENCE_MAX];
        struct status s;
        int r;

        r = sd_bus_open_system(&bus);
        if (r < 0)
                return client_no_bus(r);
        r = client_command(bus, n, method, seconds);
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
                return cmd_command(n, "Pause", UINT64_MAX);
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
        return cmd_command(n, "Pause", (span + USEC_PER_SEC - 1) / USEC_PER_SEC);
}
