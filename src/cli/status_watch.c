/* `status --watch`; see status_watch.h.
 *
 * The daemon signals what changes. On a terminal the lines are drawn over the old ones, and the daemon is asked once a
 * second for the time of its last check. Elsewhere each change comes as lines, or one line of JSON. */
#include "cli/status_watch.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "cli/daemon_client.h"
#include "cli/daemon_follow.h"
#include "cli/status_json.h"
#include "cli/status_print.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/terminal.h"
#include "status_properties.h"

/* ECMA-48: up to the first line, erase the screen below. DEC: do not wrap long lines, do. */
#define UP "\033[%uA\r"
#define ERASE_BELOW "\033[J"
#define NO_WRAP "\033[?7l"
#define WRAP "\033[?7h"

/* One instance. */
struct watched {
        struct screen *screen;
        const struct instance *instance;
        struct follow *follow;
        struct status status; /* owns its texts */
        char why[CLIENT_WHY_MAX];
        int exit; /* EXIT_NOT_RUNNING: .why says why there is no .status; NO_ANSWER: nothing is known yet */
};
#define NO_ANSWER (-1)

struct screen {
        sd_event *event;
        struct watched *watched;
        size_t n;
        bool json;
        bool in_place;
        unsigned lines; /* drawn last */
        int error;      /* why it ended by itself */
};

static const struct status *status_of(const struct watched *w) {
        return w->exit == EXIT_NOT_RUNNING ? NULL : &w->status;
}

static void print_json_line(const struct watched *w) {
        json_auto_t *j = status_json(status_of(w), w->why, w->instance, now_usec(CLOCK_REALTIME));
        _cleanup_free_ char *text = j ? json_dumps(j, JSON_COMPACT | JSON_DIGITS) : NULL;

        if (text)
                (void) puts(text);
        (void) fflush(stdout);
}

/* In place everything, elsewhere what CHANGED. */
static void draw(struct screen *s, const struct watched *changed) {
        _cleanup_free_ char *text = NULL;
        FILE *out;
        size_t size;

        if (s->json) {
                print_json_line(changed);
                return;
        }
        out = open_memstream(&text, &size);
        if (!out)
                return;
        for (const struct watched *w = s->watched; w < s->watched + s->n; w++) {
                if (!s->in_place && w != changed)
                        continue;
                if (s->n > 1)
                        (void) fprintf(out, "%s%s\n", w > s->watched ? "\n" : "", w->instance->unit);
                if (w->exit != NO_ANSWER)
                        show_status(
                                out, status_of(w), w->why, now_usec(CLOCK_REALTIME), terminal_has_colour());
        }
        if (fclose(out) != 0)
                return;
        if (s->in_place && s->lines > 0)
                printf(UP, s->lines);
        if (s->in_place)
                printf(NO_WRAP ERASE_BELOW "%s" WRAP, text);
        else
                printf("%s%s", s->lines > 0 && s->n == 1 ? "\n" : "", text);
        (void) fflush(stdout);
        s->lines = 0;
        for (const char *c = text; (c = strchr(c, '\n')); c++)
                s->lines++;
}

static void on_changed(const struct status *now, void *userdata) {
        const char *changed[PROPERTIES_MAX + 1];
        struct watched *w = userdata;
        bool known = w->exit != NO_ANSWER && w->exit != EXIT_NOT_RUNNING;

        (void) status_update(&w->status, now, changed);
        w->exit = status_exit(now);
        if (!known || changed[0])
                draw(w->screen, w);
}

static void on_gone(void *userdata) {
        struct watched *w = userdata;
        bool shown = w->exit == EXIT_NOT_RUNNING;

        w->exit = EXIT_NOT_RUNNING;
        (void) client_say_absence(w->instance, w->why);
        if (!shown)
                draw(w->screen, w);
}

static void on_failed(int error, void *userdata) {
        struct watched *w = userdata;

        if (error == -EBADMSG)
                w->screen->error = client_other_version(w->instance);
        else {
                log_error("The connection to the system bus is lost.");
                w->screen->error = EXIT_NOT_RUNNING;
        }
        (void) sd_event_exit(w->screen->event, 0);
}

static int on_tick(sd_event_source *source, uint64_t usec _unused_, void *userdata) {
        struct screen *s = userdata;

        draw(s, s->watched);
        for (size_t i = 0; i < s->n; i++)
                follow_refresh(s->watched[i].follow);
        (void) sd_event_source_set_time_relative(source, USEC_PER_SEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int follow_until_interrupted(struct screen *s) {
        static const struct follow_calls calls = {
                .changed = on_changed, .gone = on_gone, .failed = on_failed
        };
        int r;

        r = sd_event_default(&s->event);
        if (r >= 0)
                r = sd_event_set_signal_exit(s->event, true);
        if (r >= 0 && s->in_place)
                r = sd_event_add_time_relative(s->event, NULL, CLOCK_MONOTONIC, USEC_PER_SEC, 0, on_tick, s);
        for (struct watched *w = s->watched; r >= 0 && w < s->watched + s->n; w++)
                r = follow_new(s->event, w->instance, &calls, w, &w->follow);
        if (r < 0)
                return client_no_bus(r);
        (void) sd_event_loop(s->event);
        return s->error;
}

int watch_status(const struct instance *const *instances, size_t n, bool json) {
        _cleanup_free_ struct watched *watched = calloc(n, sizeof *watched);
        struct screen s = {
                .watched = watched, .n = n, .json = json, .in_place = !json && isatty(STDOUT_FILENO)
        };
        int r;

        if (!watched)
                return EX_OSERR;
        for (size_t i = 0; i < n; i++)
                watched[i] = (struct watched){ .screen = &s,
                        .instance = instances[i],
                        .status.program = instances[i]->program,
                        .exit = NO_ANSWER };
        r = follow_until_interrupted(&s);
        for (size_t i = 0; i < n; i++) {
                follow_free(watched[i].follow);
                status_clear(&watched[i].status);
                r = MAX(r, watched[i].exit);
        }
        sd_event_unref(s.event);
        return r;
}
