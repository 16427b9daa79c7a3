/* `status --watch`; see status_watch.h.
 *
 * The daemon tells what changes. On a terminal the lines are drawn over the old ones, and once a second anew from what is
 * known already, for how long ago that was. Elsewhere each change comes as lines, or one line of JSON, of its own. */
#include "cli/status_watch.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>

#include "cli/daemon_client.h"
#include "cli/daemon_follow.h"
#include "cli/status_command.h"
#include "cli/status_print.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/terminal.h"
#include "status_properties.h"

/* ECMA-48: erase to the end of the line, and of the screen. DEC: do not wrap long lines, do. */
#define ERASE_LINE "\033[K"
#define ERASE_BELOW "\033[J"
#define NO_WRAP "\033[?7l"
#define WRAP "\033[?7h"

struct screen {
        const struct instance *names;
        sd_event *event;
        sd_event_source *tick;
        struct status status; /* owns its texts */
        bool known;           /* .status is what is now; else nobody is there */
        bool json;
        bool in_place;
        unsigned lines; /* drawn last */
        int exit;
};

static void print_lines(const struct screen *s, FILE *out) {
        const char *end = s->in_place ? ERASE_LINE : "";

        if (s->known)
                show_status(out, &s->status, now_usec(CLOCK_REALTIME), terminal_has_colour(), end);
        else
                (void) fprintf(out, "It does not run (%s). Waiting for it.%s\n", s->names->unit, end);
}

static void print_json_line(const struct screen *s) {
        _cleanup_free_ char *text = NULL;

        text = status_json(s->known ? &s->status : NULL, s->names, now_usec(CLOCK_REALTIME), JSON_COMPACT);
        if (text)
                (void) puts(text);
}

static unsigned count_lines(const char *text) {
        unsigned n = 0;

        for (; (text = strchr(text, '\n')); text++)
                n++;
        return n;
}

static void draw(struct screen *s) {
        _cleanup_free_ char *text = NULL;
        FILE *out;
        size_t size;

        if (s->json) {
                print_json_line(s);
                s->lines = 1;
                (void) fflush(stdout);
                return;
        }
        out = open_memstream(&text, &size);
        if (!out)
                return;
        print_lines(s, out);
        if (fclose(out) != 0)
                return;
        if (s->in_place && s->lines > 0)
                printf("\033[%uA\r", s->lines);
        if (s->in_place)
                printf(NO_WRAP "%s" ERASE_BELOW WRAP, text);
        else
                printf("%s%s", s->lines > 0 ? "\n" : "", text);
        s->lines = count_lines(text);
        (void) fflush(stdout);
}

static void on_changed(const struct status *now, void *userdata) {
        const char *changed[PROPERTIES_MAX + 1];
        struct screen *s = userdata;

        (void) status_update(&s->status, now, changed);
        if (s->known && !changed[0])
                return;
        s->known = true;
        s->exit = status_exit(now);
        draw(s);
}

static void on_event(const char *event _unused_, const char *message _unused_, void *userdata _unused_) {
}

static void on_gone(void *userdata) {
        struct screen *s = userdata;
        bool told = !s->known && s->lines > 0;

        s->known = false;
        s->exit = EXIT_NOT_RUNNING;
        if (!told)
                draw(s);
}

static void on_failed(int error, void *userdata) {
        struct screen *s = userdata;

        if (error == -EBADMSG)
                s->exit = client_other_version(s->names);
        else {
                log_error("Lost the system bus.");
                s->exit = EXIT_NOT_RUNNING;
        }
        (void) sd_event_exit(s->event, 0);
}

static int on_tick(sd_event_source *source, uint64_t usec _unused_, void *userdata) {
        struct screen *s = userdata;

        if (s->known)
                draw(s);
        return sd_event_source_set_time_relative(source, USEC_PER_SEC);
}

static int on_signal(
        sd_event_source *source, const struct signalfd_siginfo *si _unused_, void *userdata _unused_) {
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int add_sources(struct screen *s) {
        sigset_t set;
        int r;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGINT);
        (void) sigaddset(&set, SIGTERM);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        r = sd_event_add_signal(s->event, NULL, SIGINT, on_signal, s);
        if (r >= 0)
                r = sd_event_add_signal(s->event, NULL, SIGTERM, on_signal, s);
        if (r < 0 || !s->in_place)
                return r;
        r = sd_event_add_time_relative(s->event, &s->tick, CLOCK_MONOTONIC, USEC_PER_SEC, 0, on_tick, s);
        return r < 0 ? r : sd_event_source_set_enabled(s->tick, SD_EVENT_ON);
}

static int follow_until_interrupted(struct screen *s) {
        static const struct follow_calls calls = { on_changed, on_event, on_gone, on_failed };
        _cleanup_(follow_freep) struct follow *f = NULL;
        int r;

        r = sd_event_default(&s->event);
        if (r >= 0)
                r = add_sources(s);
        if (r >= 0)
                r = follow_new(s->event, s->names, &calls, s, &f);
        if (r < 0) {
                log_error(
                        "The system bus cannot be reached (%s), so nothing can be watched. See `systemctl status dbus`.",
                        strerror(-r));
                return EXIT_NOT_RUNNING;
        }
        (void) sd_event_loop(s->event);
        return s->exit;
}

int watch_status(const struct instance *n, bool json) {
        struct screen s = { .names = n,
                .status.program = n->program,
                .json = json,
                .in_place = !json && isatty(STDOUT_FILENO) };
        int r;

        r = follow_until_interrupted(&s);
        sd_event_source_disable_unref(s.tick);
        sd_event_unref(s.event);
        status_clear(&s.status);
        return r;
}
