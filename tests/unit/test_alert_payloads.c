/* Every alert in every format, as the service gets it: within the service's limits, and no markup in it is of others' making.
 * PAYLOADS=DIRECTORY keeps them as FORMAT-NUMBER, for tests/docs/alert_pictures. */
#include "alert_fixture.h"

#include "alert/conditions.h"
#include "scenes.h"

static const char *const format_names[] = { "json", "discord", "slack", "telegram", "ntfy" };

static void keep(const struct fixture *f, enum alert_format format, unsigned i) {
        const char *directory = getenv("PAYLOADS");
        char path[256];

        if (!directory)
                return;
        (void) snprintf(path, sizeof path, "%s/%s-%02u", directory, format_names[format], i);
        assert_int_equal(replace_file(path, f->receiver.requests[i], 0644, false), 0);
}

/* Characters are never fewer UTF-16 units than services count, and never more bytes. */
static void assert_short(const char *text, size_t limit) {
        assert_non_null(text);
        assert_in_range(strlen(text), 1, limit);
}

static const char *text_at(json_t *j, const char *a, size_t i, const char *b) {
        return json_string_value(json_object_get(json_array_get(json_object_get(j, a), i), b));
}

static const char *block_text(json_t *j, size_t i) {
        return json_string_value(json_object_get(
                json_object_get(json_array_get(json_object_get(j, "blocks"), i), "text"), "text"));
}

/* https://discord.com/developers/docs/resources/message#embed-object-embed-limits, https://docs.slack.dev/reference/block-kit/blocks,
 * https://core.telegram.org/bots/api#sendmessage, https://docs.ntfy.sh/publish/#limitations */
static void assert_limits(const struct fixture *f, enum alert_format format, unsigned i) {
        const char *body = receiver_body(&f->receiver, i), *title;
        json_auto_t *j = *body == '{' ? json_loads(body, 0, NULL) : NULL;

        switch (format) {
        case ALERT_JSON:
                assert_int_equal(json_integer_value(json_object_get(j, "version")), 1);
                break;
        case ALERT_DISCORD:
                assert_short(text_at(j, "embeds", 0, "title"), 256);
                assert_short(text_at(j, "embeds", 0, "description"), 4096);
                break;
        case ALERT_SLACK:
                assert_short(block_text(j, 0), 150);
                assert_short(block_text(j, 1), 3000);
                break;
        case ALERT_TELEGRAM:
                assert_short(json_string_value(json_object_get(j, "text")), 4096);
                break;
        case ALERT_NTFY:
                assert_short(body, 4096);
                title = strstr(f->receiver.requests[i], "\r\nTitle: ");
                assert_non_null(title);
                assert_true(strcspn(title + 2, "\r") < 200);
                break;
        }
}

static void post_events(struct fixture *f) {
        struct story story = plain_story();
        char message[MESSAGE_MAX];
        struct status s;

        for (int e = EVENT_NONE + 1; e < _EVENT_MAX; e++) {
                enum role_event event = (enum role_event) e;

                story.mode = event == EVENT_DRILL_FAILED ? MODE_DRILL : MODE_AUTO;
                story.down = 50 * S; /* or it would be held */
                alert_event(f->alert, event, &story, event_message(event, &story, message));
        }
        alert_event(f->alert, EVENT_PROMOTED, &story, event_message(EVENT_PROMOTED, &story, message));
        alert_event(f->alert, EVENT_DEMOTED, &story, event_message(EVENT_DEMOTED, &story, message));
        scene_well(&s);
        s.synced = now_usec(CLOCK_REALTIME) + S;
        s.unmerged = "failover/vps2/20261121-130307\nidea";
        s.merge = "git -C /home/openclaw/.openclaw/workspace pull --no-rebase --no-edit "
                  "openclaw@vps2:/home/openclaw/.openclaw/workspace failover/vps2/20261121-130307\n"
                  "git -C /home/openclaw/.openclaw/workspace push";
        alert_look(f->alert, &s);
}

/* What lasts for a day in each scene, and is over then. */
static void post_conditions(struct fixture *f) {
        static const char *const names[] = { "cut off", "foreign", "sync fails", "promoted and silent",
                "promoted" };
        struct status good = scene_status(&scenes[0]);

        for (size_t i = 0; i < ELEMENTSOF(scenes); i++) {
                struct status s = scene_status(&scenes[i]);
                struct conditions c = {};
                struct alert_message m;

                for (size_t k = 0; k < ELEMENTSOF(names); k++)
                        if (strcmp(scenes[i].name, names[k]) == 0) {
                                (void) conditions_look(&c, &s, SCENE_NOW, S, &m);
                                while (conditions_look(
                                        &c, &s, SCENE_NOW + USEC_PER_DAY, USEC_PER_DAY + S, &m)) {
                                        m.time = now_usec(CLOCK_REALTIME);
                                        alert_post(f->alert, &m);
                                }
                                while (conditions_look(
                                        &c, &good, SCENE_NOW + USEC_PER_DAY, USEC_PER_DAY + S, &m)) {
                                        m.time = now_usec(CLOCK_REALTIME);
                                        alert_post(f->alert, &m);
                                }
                        }
        }
}

static void test_payloads(void **state) {
        struct fixture *f = *state;
        char telegram[160];

        (void) snprintf(telegram, sizeof telegram, "http://127.0.0.1:%u/" SECRET "/sendMessage?chat_id=1",
                f->receiver.port);
        f->config.alert.reach = (char *) "Telegram @my_standby_bot";
        f->config.workspace.path = (char *) "/home/openclaw/.openclaw/workspace";
        begin(f);
        for (enum alert_format format = ALERT_JSON; format <= ALERT_NTFY; format++) {
                f->config.alert.url = format == ALERT_TELEGRAM ? telegram : f->url;
                f->config.alert.format = format;
                alert_configure(f->alert, &f->config);
                post_events(f);
                post_conditions(f);
                TURN_UNTIL(f->event, f->receiver.n > 0 && !on_disk(f));
                assert_in_range(f->receiver.n, 20, REQUESTS_MAX - 1);
                for (unsigned i = 0; i < f->receiver.n; i++) {
                        assert_limits(f, format, i);
                        keep(f, format, i);
                }
                receiver_forget(&f->receiver);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { T(test_payloads) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
