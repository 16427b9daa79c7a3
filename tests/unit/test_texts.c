/* Every sentence for a person, compared with texts.txt, the one place that repeats them. After a change of words:
 * TEXTS=write build/tests/test_texts, and look at the difference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "alert/conditions.h"
#include "cli/alert_command.h"
#include "cli/history_print.h"
#include "cli/status_print.h"
#include "doctor/look.h"
#include "events.h"
#include "lib/file.h"
#include "scenes.h"

#define TEXTS "tests/unit/texts.txt"

static void put_status(FILE *f) {
        char text[SENTENCE_MAX];

        for (size_t i = 0; i < ELEMENTSOF(scenes); i++) {
                struct status s = scene_status(&scenes[i]);

                (void) fprintf(f, "status, %s:\n  %s\n", scenes[i].name, status_sentence(&s, text));
                (void) fprintf(f, "  %s\n", status_next(&s, SCENE_NOW, text));
        }
}

static void put_block(FILE *f, const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(scenes); i++)
                if (strcmp(scenes[i].name, name) == 0) {
                        struct status s = scene_status(&scenes[i]);

                        (void) fprintf(f, "block, %s:\n", name);
                        show_status(f, &s, "", SCENE_NOW, false);
                }
}

static void put_event(FILE *f, enum role_event event, const char *variant, const struct story *s) {
        char message[MESSAGE_MAX];

        (void) fprintf(f, "%s%s:\n  %s\n", event_name(event), variant, event_message(event, s, message));
}

/* Each event as it is most of the time, and what else it may say. */
static void put_events(FILE *f) {
        struct story s = plain_story();

        for (int e = EVENT_NONE + 1; e < _EVENT_MAX; e++)
                put_event(f, (enum role_event) e, "", &s);
        s.senior = "first";
        put_event(f, EVENT_DEMOTING, ", a senior", &s);
        put_event(f, EVENT_HOLD_OVER, ", a senior", &s);
        put_event(f, EVENT_CALLED_OFF, ", a senior", &s);
        s.up = true;
        put_event(f, EVENT_START_FAILED, ", a senior", &s);
        s.senior = "";
        put_event(f, EVENT_START_FAILED, ", the primary is up", &s);
        put_event(f, EVENT_START_SLOW, ", the primary is up", &s);
        s = plain_story();
        s.again = true;
        put_event(f, EVENT_PROMOTING, ", again", &s);
        put_event(f, EVENT_PROMOTED, ", again", &s);
        put_event(f, EVENT_ADOPTED, ", again", &s);
        s = plain_story();
        s.outage = USEC_INFINITY;
        for (s.mode = 0; s.mode < _MODE_MAX; s.mode++) {
                char variant[32];

                (void) snprintf(variant, sizeof variant, ", %s", role_mode_name(s.mode));
                put_event(f, EVENT_PROMOTING, variant, &s);
                put_event(f, EVENT_DEMOTING, variant, &s);
        }
        put_event(f, EVENT_PROMOTED, ", unknown", &s);
        s = plain_story();
        s.detecting = USEC_INFINITY;
        put_event(f, EVENT_PROMOTED, ", partly known", &s);
        s.syncing = s.starting = USEC_INFINITY;
        put_event(f, EVENT_PROMOTED, ", no part known", &s);
        s.ended_well = s.other = s.paused = true;
        put_event(f, EVENT_START_FAILED, ", by a user", &s);
        put_event(f, EVENT_STOP_FAILED, ", paused", &s);
        put_event(f, EVENT_DRILL_FAILED, ", another gateway", &s);
        s = plain_story();
        s.from = ROLE_PROMOTED;
        s.unsaid = s.ignores_stop = true;
        s.syncing = USEC_PER_MSEC;
        put_event(f, EVENT_PROMOTED, ", without a sync", &s);
        put_event(f, EVENT_DRILL_ANSWERED, ", an older gateway", &s);
        put_event(f, EVENT_DRILL_FAILED, ", not ready", &s);
        put_event(f, EVENT_STOP_FAILED, ", ignored", &s);
}

/* Whatever lasts for a day in each scene, and is over then. */
static void put_conditions(FILE *f) {
        for (size_t i = 0; i < ELEMENTSOF(scenes); i++) {
                struct status s = scene_status(&scenes[i]), good = scene_status(&scenes[0]);
                struct conditions c = {};
                struct alert_message m;

                (void) conditions_look(&c, &s, SCENE_NOW, S, &m);
                while (conditions_look(&c, &s, SCENE_NOW + USEC_PER_DAY, USEC_PER_DAY + S, &m))
                        (void) fprintf(f, "%s, %s:\n  %s\n  %s\n", m.event, scenes[i].name, m.title, m.text);
                while (conditions_look(&c, &good, SCENE_NOW + 2 * USEC_PER_DAY, 2 * USEC_PER_DAY + S, &m))
                        (void) fprintf(f, "%s, %s:\n  %s\n  %s\n", m.event, scenes[i].name, m.title, m.text);
        }
}

/* What the journal may hold, at its time after SCENE_NOW. */
static void put_history(FILE *f) {
        static const struct {
                unsigned at;
                enum role_event event;
                const char *mode, *from;
                usec_t outage;
        } entries[] = {
                { 0, EVENT_PROMOTING, "auto", "standby", USEC_INFINITY },
                { 11, EVENT_PROMOTED, "auto", "starting", 41 * S },
                { 100, EVENT_DEMOTING, "auto", "promoted", USEC_INFINITY },
                { 111, EVENT_DEMOTED, "auto", "demoting", USEC_INFINITY },
                { 1000, EVENT_PROMOTING, "drill", "standby", USEC_INFINITY },
                { 1001, EVENT_DRILL_FAILED, "drill", "starting", USEC_INFINITY },
                { 1002, EVENT_DEMOTED, "auto", "demoting", USEC_INFINITY },
                { 2000, EVENT_PROMOTING, "pinned", "standby", USEC_INFINITY },
                { 2011, EVENT_PROMOTED, "pinned", "starting", USEC_INFINITY },
                { 2020, EVENT_HELD, "pinned", "promoted", USEC_INFINITY },
                { 3000, EVENT_PROMOTING, "auto", "standby", USEC_INFINITY },
        };
        static const sd_id128_t boot = { .bytes = { 1 } }, next = { .bytes = { 2 } };
        struct history c = {};

        (void) fprintf(f, "history, of an empty journal:\n");
        history_table(f, &c, 0, SCENE_NOW);
        for (size_t i = 0; i < ELEMENTSOF(entries); i++) {
                struct record r = { .time = SCENE_NOW + entries[i].at * S, .boot = boot };

                r.event = entries[i].event;
                r.mode = entries[i].mode;
                r.from = entries[i].from;
                r.reason = "connection refused";
                r.outage = entries[i].outage;
                r.detecting = r.syncing = r.starting = r.outage == USEC_INFINITY ? USEC_INFINITY : 9 * S;
                r.promoted = USEC_INFINITY;
                assert_int_equal(history_add(&c, &r), 0);
        }
        c.first_entry = SCENE_NOW;
        (void) fprintf(f, "history:\n");
        history_table(f, &c, SCENE_NOW - USEC_PER_HOUR, SCENE_NOW + 3010 * S);
        history_close(&c, next);
        history_select(&c, 0, 1);
        (void) fprintf(f, "history, after a reboot:\n");
        history_table(f, &c, 0, SCENE_NOW + 3010 * S);
        history_done(&c);
}

/* Facts own their texts, and nobody changes these. */
static char *own(const char *text) {
        const union {
                const char *theirs;
                char *ours;
        } both = { text };

        return both.ours;
}

/* A machine on which doctor finds nothing. */
static struct checkup well_checkup(const struct instance *instance) {
        return (struct checkup){
                .instance = instance,
                .daemon = { own("openclaw-failover.service"),
                        json_pack("{s:s, s:s, s:s}", "LoadState", "loaded", "ActiveState", "active",
                                "UnitFileState", "enabled") },
                .sync = { own("openclaw-failover-sync.service"),
                        json_pack("{s:s, s:s}", "LoadState", "loaded", "User", "openclaw") },
                .gateway = { own("openclaw.service"),
                        json_pack("{s:s, s:s, s:s, s:s, s:s, s:f}", "Id", "openclaw.service", "LoadState",
                                "loaded", "UnitFileState", "disabled", "User", "openclaw", "Restart",
                                "always", "TimeoutStopUSec", (double) (330 * S)) },
                .old_monitor = { own("openclaw-health-monitor.service"),
                        json_pack("{s:s}", "LoadState", "not-found") },
        };
}

static void set_text(struct unit_facts *u, const char *property, const char *text) {
        (void) json_object_set_new(u->properties, property, json_string(text));
}

static void set_number(struct unit_facts *u, const char *property, usec_t number) {
        (void) json_object_set_new(u->properties, property, json_real((double) number));
}

static void put_finding(FILE *f, const char *name, look_t *look, const struct checkup *c) {
        struct finding found = { .kind = FINDING_OFF };

        look(c, &found);
        finding_print(&found, name, false, f);
        json_decref(c->daemon.properties);
        json_decref(c->sync.properties);
        json_decref(c->gateway.properties);
        json_decref(c->old_monitor.properties);
}

#define PUT(look, ...)                                                                                      \
        c = well_checkup(instance);                                                                         \
        __VA_ARGS__;                                                                                        \
        put_finding(f, &#look[strlen("look_")], look, &c)

/* What it makes of the ini, and of a machine that has none of what the ini names. */
static void put_doctor_configured(FILE *f, const struct instance *instance) {
        static char secrets[] = "openclaw@primary", gone[] = "/nonexistent/workspace/",
                    url[] = "http://127.0.0.1:9/", elsewhere[] = "http://127.0.0.1:10/";
        struct peer_config senior = { .name = own("first"),
                .host = own("127.0.0.1"),
                .port = 9,
                .path = own("/health"),
                .timeout = S };
        struct config config = { .primary = senior, .gateway.url = url };
        struct checkup c;

        config.workspace.path = own("");
        config.witness.url = own("none");
        config.secrets.target = config.secrets.source = gone;
        (void) setenv("HOME", "/nonexistent", 1);
        PUT(look_primary, c.config = &config, config.gateway.url = elsewhere);
        PUT(look_primary, c.config = &config, config.gateway.url = url);
        PUT(look_seniors, c.config = &config);
        PUT(look_seniors, c.config = &config, config.seniors[0] = senior, config.n_seniors = 1);
        PUT(look_seniors, c.config = &config, config.gateway.url = elsewhere);
        PUT(look_seniors, c.config = &config, config.primary.port = 10);
        config.primary.port = 9;
        config.gateway.url = url;
        PUT(look_witness, c.config = &config);
        PUT(look_witness, c.config = &config, config.witness.url = url,
                config.witness.cut_off_wait = 300 * S);
        PUT(look_witness, c.config = &config, config.witness.cut_off_wait = USEC_INFINITY);
        PUT(look_own_gateway, c.config = &config);
        PUT(look_workspace, c.config = &config);
        PUT(look_secrets, c.config = &config);
        PUT(look_sync_places, c.config = &config);
        config.secrets.host = secrets;
        PUT(look_sync_places, c.config = &config);
        PUT(look_alert, c.config = &config);
        PUT(look_heartbeat, c.config = &config);
        PUT(look_user_service, c.config = &config);
        PUT(look_warm, c.config = &config);
        PUT(look_warm, c.config = &config, config.gateway.warm = true);
        PUT(look_program, c.config = &config,
                (void) json_object_set_new(c.gateway.properties, "ExecStart",
                        json_pack("[[s,[s]]]", "/nonexistent/openclaw", "openclaw")));
        PUT(look_powers, c.config = &config, set_text(&c.gateway, "User", ""));
}

/* What doctor makes of systemd's words. */
static void put_doctor(FILE *f) {
        _cleanup_(instance_freep) struct instance *instance = NULL;
        struct config cold = {};
        struct checkup c;

        assert_int_equal(instance_new("", &instance), 0);
        (void) fprintf(f, "doctor:\n");
        PUT(look_reload, );
        PUT(look_reload, set_number(&c.sync, "NeedDaemonReload", 1));
        PUT(look_reload, c.bus_error = own("systemd cannot be asked over D-Bus: Connection refused"));
        PUT(look_daemon, );
        PUT(look_daemon, set_text(&c.daemon, "LoadState", "not-found"));
        PUT(look_daemon, set_text(&c.daemon, "LoadState", "masked"));
        PUT(look_daemon, set_text(&c.daemon, "LoadState", "bad-setting"));
        PUT(look_daemon, set_text(&c.daemon, "UnitFileState", "disabled"));
        PUT(look_daemon, set_text(&c.daemon, "ActiveState", "failed"));
        PUT(look_old_monitor, );
        PUT(look_old_monitor, set_text(&c.old_monitor, "LoadState", "loaded"),
                set_text(&c.old_monitor, "FragmentPath", "/etc/old.service"));
        PUT(look_sync_unit, );
        PUT(look_sync_unit, set_text(&c.gateway, "User", "claw"));
        PUT(look_gateway_unit, );
        PUT(look_gateway_unit, c.gateway.name = own("assistant.service"),
                set_text(&c.gateway, "LoadState", "not-found"));
        PUT(look_gateway_unit, set_text(&c.gateway, "Type", "oneshot"), c.config = &cold);
        PUT(look_gateway_unit, set_text(&c.gateway, "UnitFileState", "enabled"));
        PUT(look_gateway_unit, set_text(&c.gateway, "Id", "openclaw@default.service"));
        PUT(look_gateway_unit,
                (void) json_object_set_new(
                        c.gateway.properties, "After", json_pack("[s]", "network-online.target")),
                set_text(&c.gateway, "FragmentPath", "/etc/openclaw.service"));
        PUT(look_gateway_stop, );
        PUT(look_gateway_stop, set_text(&c.gateway, "Restart", "on-failure"));
        PUT(look_gateway_stop, set_number(&c.gateway, "TimeoutStopUSec", 90 * S));
        PUT(look_config,
                c.config_error = own(
                        "/etc/openclaw-failover.ini:3: port: '70000' is out of bounds; allowed: 1 to 65535"));
        put_doctor_configured(f, instance);
}

/* What the alert commands print, with INI as the configuration. */
static void put_alert_command(
        FILE *f, const char *name, const char *ini, int (*command)(const struct instance *)) {
        char path[] = "/tmp/test_texts.XXXXXX", printed[] = "/tmp/test_texts.XXXXXX";
        struct instance n = { .name = own(""),
                .program = own("openclaw-failover"),
                .unit = own("openclaw-failover.service") };
        int out = mkstemp(printed), saved[] = { dup(STDOUT_FILENO), dup(STDERR_FILENO) };
        _cleanup_free_ char *text = NULL;

        (void) close(mkstemp(path));
        assert_int_equal(replace_file(path, ini, 0600, false), 0);
        n.config = path;
        (void) fflush(NULL);
        (void) dup2(out, STDOUT_FILENO);
        (void) dup2(out, STDERR_FILENO);
        (void) command(&n);
        (void) fflush(NULL);
        (void) dup2(saved[0], STDOUT_FILENO);
        (void) dup2(saved[1], STDERR_FILENO);
        assert_int_equal(read_file(printed, 1 << 16, &text), 0);
        for (char *in; (in = strstr(text, path));) /* its name is another one each time */
                (void) memcpy(in, "/etc/openclaw-failover", strlen(path));
        (void) fprintf(f, "%s:\n%s", name, text);
        (void) close(out);
        (void) close(saved[0]);
        (void) close(saved[1]);
        (void) unlink(path);
        (void) unlink(printed);
}

static void put_alert_commands(FILE *f) {
        const char *nothing_there = "[primary]\nhost = 100.64.0.1\n[alert]\nurl = http://127.0.0.1:9/\n";
        const char *none = "[primary]\nhost = 100.64.0.1\n";

        put_alert_command(f, "alert-test, none configured", none, cmd_alert_test);
        put_alert_command(f, "alert-test, nothing listens", nothing_there, cmd_alert_test);
        (void) setenv("MONITOR_SERVICE_RESULT", "exit-code", 1);
        (void) setenv("MONITOR_EXIT_CODE", "exited", 1);
        (void) setenv("MONITOR_EXIT_STATUS", "1", 1);
        put_alert_command(f, "alert-failed", none, cmd_alert_failed);
        (void) setenv("MONITOR_EXIT_STATUS", "78", 1);
        put_alert_command(f, "alert-failed, the ini", none, cmd_alert_failed);
}

static void compare(const char *now, const char *before) {
        while (*now && *before) {
                size_t n = strcspn(now, "\n"), k = strcspn(before, "\n");

                if (n != k || strncmp(now, before, n) != 0)
                        fail_msg("now:    %.*s\nbefore: %.*s", (int) n, now, (int) k, before);
                now += n + (now[n] == '\n');
                before += k + (before[k] == '\n');
        }
        if (*now || *before)
                fail_msg("now:    %.80s\nbefore: %.80s", now, before);
}

static void texts(void **state _unused_) {
        _cleanup_free_ char *now = NULL, *before = NULL;
        size_t size;
        FILE *f = open_memstream(&now, &size);

        assert_non_null(f);
        put_status(f);
        put_events(f);
        put_conditions(f);
        put_block(f, "well");
        put_block(f, "promoted and alerts");
        put_block(f, "not ready");
        put_block(f, "unmerged");
        put_block(f, "sync fails");
        put_block(f, "warm");
        put_history(f);
        put_doctor(f);
        put_alert_commands(f);
        assert_int_equal(fclose(f), 0);
        if (getenv("TEXTS"))
                assert_int_equal(write_file_atomic(TEXTS, now, 0644), 0);
        assert_int_equal(read_file(TEXTS, 1 << 20, &before), 0);
        compare(now, before);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(texts),
        };

        (void) setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
