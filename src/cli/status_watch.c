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

/* ECMA-48: erase to the end of the line, and of the screen. DEC: do not wrap long lines, do. */
#define ERASE_LINE "\033[K"
#define ERASE_BELOW "\033[J"
#define NO_WRAP "\033[?7l"
#define WRAP "\033[?7h"

/* One instance. */
struct watched {
        struct screen *screen;
        const struct instance *instance;
        struct follow *follow;
        struct status status; /* owns its texts */
        bool running;         /* .status is what is now … */
        bool gone;            /* … or .why says why there is none; neither: no answer yet */
        char why[CLIENT_WHY_MAX];
        int exit;
};

struct screen {
        sd_event *event;
        sd_event_source *tick;
        struct watched *watched;
        size_t n;
        bool json;
        bool in_place;
        unsigned lines; /* drawn last */
        int error;      /* why it ended by itself */
};

static void print_one(const struct screen *s, const struct watched *w, FILE *out) {
        const char *end = s->in_place ? ERASE_LINE : "";

        if (s->n > 1)
                (void) fprintf(out, "%s%s%s\n", w > s->watched ? "\n" : "", w->instance->unit, end);
        if (w->running || w->gone)
                show_status(out, w->running ? &w->status : NULL, w->why, now_usec(CLOCK_REALTIME),
                        terminal_has_colour(), end);
}

static void print_json_line(const struct watched *w) {
        json_auto_t *j =
                status_json(w->running ? &w->status : NULL, w->why, w->instance, now_usec(CLOCK_REALTIME));
        _cleanup_free_ char *text = j ? json_dumps(j, JSON_COMPACT | JSON_DIGITS) : NULL;

        if (text)
                (void) puts(text);
        (void) fflush(stdout);
}

static unsigned count_lines(const char *text) {
        unsigned n = 0;

        for (; (text = strchr(text, '\n')); text++)
                n++;
        return n;
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
        for (size_t i = 0; i < s->n; i++)
                if (s->in_place || &s->watched[i] == changed)
                        print_one(s, &s->watched[i], out);
        if (fclose(out) != 0)
                return;
        if (s->in_place && s->lines > 0)
                printf("\033[%uA\r", s->lines);
        if (s->in_place)
                printf(NO_WRAP "%s" ERASE_BELOW WRAP, text);
        else
                printf("%s%s", s->lines > 0 && s->n == 1 ? "\n" : "", text);
        s->lines = count_lines(text);
        (void) fflush(stdout);
}

static void on_changed(const struct status *now, void *userdata) {
        const char *changed[PROPERTIES_MAX + 1];
        struct watched *w = userdata;

        (void) status_update(&w->status, now, changed);
        if (w->running && !changed[0])
                return;
        w->running = true;
        w->exit = status_exit(now);
        draw(w->screen, w);
}

static void on_event(const char *event _unused_, const char *message _unused_, void *userdata _unused_) {
}

static void on_gone(void *userdata) {
        struct watched *w = userdata;
        bool shown = !w->running && w->gone;

        w->running = false;
        w->gone = true;
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
        return sd_event_source_set_time_relative(source, USEC_PER_SEC);
}

/* SIGINT and SIGTERM end it. */
static int add_sources(struct screen *s) {
        int r = sd_event_set_signal_exit(s->event, true);

        if (r < 0 || !s->in_place)
                return r;
        r = sd_event_add_time_relative(s->event, &s->tick, CLOCK_MONOTONIC, USEC_PER_SEC, 0, on_tick, s);
        return r < 0 ? r : sd_event_source_set_enabled(s->tick, SD_EVENT_ON);
}

static int follow_until_interrupted(struct screen *s) {
        static const struct follow_calls calls = { on_changed, on_event, on_gone, on_failed };
        int r;

        r = sd_event_default(&s->event);
        if (r >= 0)
                r = add_sources(s);
        for (size_t i = 0; r >= 0 && i < s->n; i++)
                r = follow_new(
                        s->event, s->watched[i].instance, &calls, &s->watched[i], &s->watched[i].follow);
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
                watched[i] = (struct watched){
                        .screen = &s, .instance = instances[i], .status.program = instances[i]->program
                };
        r = follow_until_interrupted(&s);
        for (size_t i = 0; i < n; i++) {
                follow_free(watched[i].follow);
                status_clear(&watched[i].status);
                r = MAX(r, watched[i].exit);
        }
        sd_event_source_disable_unref(s.tick);
        sd_event_unref(s.event);
        return r;
}
