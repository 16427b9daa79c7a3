/* The sync's result line: what is written is read back; nothing else is. */
#include "sync_result.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COMMIT_A "a1b2c3da1b2c3da1b2c3da1b2c3da1b2c3da1b2c"
#define COMMIT_B "e4f5a6be4f5a6be4f5a6be4f5a6be4f5a6be4f5a"

static const struct sync_result full = {
        .workspace = SYNC_UPDATED,
        .from = COMMIT_A,
        .to = COMMIT_B,
        .commits = 5,
        .saved = "failover/standby/20260711T041502Z",
        .unmerged = { { "failover/standby/20260711T041502Z", true }, { "idea", false } },
        .n_unmerged = 2,
        .workspace_why = { REFUSAL_NOT_PUSHED, "not pushed: \"HTTP 403\" … ask", "" },
        .secrets = SYNC_FAILED,
        .files = 3,
        .secrets_why = { REFUSAL_SSH, "no answer in 15 s", "ssh 'a b'" },
};

static void assert_same(const struct sync_result *a, const struct sync_result *b) {
        assert_int_equal(a->workspace, b->workspace);
        assert_string_equal(a->from, b->from);
        assert_string_equal(a->to, b->to);
        assert_int_equal(a->commits, b->commits);
        assert_string_equal(a->saved, b->saved);
        assert_int_equal(a->n_unmerged, b->n_unmerged);
        for (size_t i = 0; i < SYNC_UNMERGED_MAX; i++) {
                assert_string_equal(a->unmerged[i].name, b->unmerged[i].name);
                assert_int_equal(a->unmerged[i].pushed, b->unmerged[i].pushed);
        }
        assert_int_equal(a->workspace_why.code, b->workspace_why.code);
        assert_string_equal(a->workspace_why.text, b->workspace_why.text);
        assert_string_equal(a->workspace_why.command, b->workspace_why.command);
        assert_int_equal(a->secrets, b->secrets);
        assert_int_equal(a->files, b->files);
        assert_int_equal(a->secrets_why.code, b->secrets_why.code);
        assert_string_equal(a->secrets_why.text, b->secrets_why.text);
        assert_string_equal(a->secrets_why.command, b->secrets_why.command);
}

static void test_round_trip(void **state) {
        struct sync_result back = { 0 }, empty = { 0 };
        char line[SYNC_RESULT_MAX];

        (void) state;
        assert_int_equal(sync_result_format(&full, line), 0);
        assert_null(strchr(line, '\n'));
        assert_int_equal(sync_result_parse(line, &back), 0);
        assert_same(&full, &back);

        assert_int_equal(sync_result_format(&empty, line), 0);
        assert_int_equal(sync_result_parse(line, &back), 0);
        assert_same(&empty, &back);
}

/* Quotes double in JSON: the longest reasons must be cut, and what was cut is still a line that is read back. */
static void test_long_reasons_are_cut(void **state) {
        struct sync_result r = full, back;
        char line[SYNC_RESULT_MAX];

        (void) state;
        (void) memset(r.workspace_why.text, '"', sizeof r.workspace_why.text - 1);
        (void) memset(r.secrets_why.text, '\\', sizeof r.secrets_why.text - 1);
        (void) memset(r.saved + 9, 'x', 80);
        r.saved[89] = '\0';
        r.n_unmerged = 7;
        for (size_t i = 0; i < SYNC_UNMERGED_MAX; i++) {
                (void) memset(r.unmerged[i].name, 'y', sizeof r.unmerged[i].name - 1);
                r.unmerged[i].name[sizeof r.unmerged[i].name - 1] = '\0';
        }
        assert_int_equal(sync_result_format(&r, line), 0);
        assert_int_equal(sync_result_parse(line, &back), 0);
        assert_string_equal(back.saved, r.saved);
        assert_int_equal(back.n_unmerged, 7);
        assert_string_equal(back.unmerged[0].name, r.unmerged[0].name);
        assert_non_null(strstr(back.workspace_why.text, "…"));
}

static void test_bad_fields_are_not_written(void **state) {
        char line[SYNC_RESULT_MAX];
        struct sync_result r;

        (void) state;
        r = full, (void) strcpy(r.saved, "main");
        assert_int_equal(sync_result_format(&r, line), -EINVAL);
        r = full, (void) strcpy(r.unmerged[1].name, "$(reboot)");
        assert_int_equal(sync_result_format(&r, line), -EINVAL);
        r = full, (void) strcpy(r.unmerged[1].name, "--upload-pack=x");
        assert_int_equal(sync_result_format(&r, line), -EINVAL);
        r = full, (void) strcpy(r.saved, "failover/$(reboot)");
        assert_int_equal(sync_result_format(&r, line), -EINVAL);
        r = full, (void) strcpy(r.from, "a1b2c3d");
        assert_int_equal(sync_result_format(&r, line), -EINVAL);
        r = full, r.secrets = _SYNC_PART_MAX;
        assert_int_equal(sync_result_format(&r, line), -EINVAL);
}

/* What was done is worth more than the words for it. */
/* Half a command is worse than none. */
static void test_commands_are_whole_or_absent(void **state) {
        struct sync_result r = full, back;
        char line[SYNC_RESULT_MAX];

        (void) state;
        (void) refusal_set_command(&r.workspace_why, "%0*d", (int) sizeof r.workspace_why.command, 1);
        assert_string_equal(r.workspace_why.command, "");
        (void) sync_command(&r, "switch %0*d", (int) sizeof r.workspace_why.command - 8, 1);
        (void) memset(r.secrets_why.text, 'x', sizeof r.secrets_why.text - 1);
        (void) memset(r.secrets_why.command, 'y', sizeof r.secrets_why.command - 1);
        (void) memset(r.saved + 9, 'x', 80);
        r.saved[89] = '\0';
        assert_int_equal(sync_result_format(&r, line), 0);
        assert_int_equal(sync_result_parse(line, &back), 0);
        assert_string_equal(back.workspace_why.command, "");
        assert_string_equal(back.secrets_why.command, "");
        (void) strcpy(r.secrets_why.command, "two\nlines");
        assert_int_equal(sync_result_format(&r, line), 0);
        assert_int_equal(sync_result_parse(line, &back), 0);
        assert_string_equal(back.secrets_why.command, "");
}

static void test_codes_have_names(void **state) {
        (void) state;
        for (int i = 0; i < _REFUSAL_MAX; i++) {
                assert_non_null(refusal_code_name((enum refusal_code) i));
                for (int j = 0; j < i; j++)
                        assert_string_not_equal(refusal_code_name((enum refusal_code) i),
                                refusal_code_name((enum refusal_code) j));
        }
}

static void test_bad_reasons_are_mended(void **state) {
        struct sync_result r = full, back;
        char line[SYNC_RESULT_MAX];

        (void) state;
        (void) strcpy(r.workspace_why.text, "two\nlines");
        (void) strcpy(r.secrets_why.text, "half an \xc3");
        assert_int_equal(sync_result_format(&r, line), 0);
        assert_int_equal(sync_result_parse(line, &back), 0);
        assert_string_equal(back.workspace_why.text, "two lines");
        assert_string_equal(back.secrets_why.text, "half an ?");
}

/* Replaces the first FROM in LINE, which must be there. */
static void replace(char line[static SYNC_RESULT_MAX], const char *from, const char *to) {
        char tail[SYNC_RESULT_MAX], *at = strstr(line, from);

        assert_non_null(at);
        (void) snprintf(tail, sizeof tail, "%s%s", to, at + strlen(from));
        (void) snprintf(at, SYNC_RESULT_MAX - (size_t) (at - line), "%s", tail);
}

static void test_anything_else_is_refused(void **state) {
        static const struct {
                const char *from, *to;
        } changes[] = {
                { "{", " {" },
                { "}", "} " },
                { "}", "}{}" },
                { "}", "," },
                { ",", ", " },
                { "\"commits\":5", "\"commits\":-1" },
                { "\"commits\":5", "\"commits\":4294967296" },
                { "\"commits\":5", "\"commits\":5.0" },
                { "\"commits\":5", "\"commits\":\"5\"" },
                { "\"commits\":5", "\"commits\":05" },
                { "\"commits\":5,", "" },
                { "\"commits\":5,", "\"commits\":5,\"commits\":5," },
                { "\"commits\":5,", "\"commits\":5,\"more\":1," },
                { "\"n_unmerged\":2", "\"n_unmerged\":1" },
                { "\"pushed\":true", "\"pushed\":1" },
                { "\"workspace\":\"updated\"", "\"workspace\":\"conquered\"" },
                { "\"workspace\":\"updated\"", "\"workspace\":null" },
                { "\"code\":\"ssh\"", "\"code\":\"telnet\"" },
                { "\"code\":\"ssh\"", "\"code\":5" },
                { "\"code\":\"ssh\",", "" },
                { "ssh 'a b'", "ssh\\na" },
                { COMMIT_A, "a1b2c3d" },
                { COMMIT_A, "A1B2C3DA1B2C3DA1B2C3DA1B2C3DA1B2C3DA1B2C" },
                { COMMIT_A, COMMIT_A "a" },
                { "failover/standby/", "refs/heads/" },
                { "failover/standby/", "failover/\\u001b[2J/" },
                { "no answer", "no\\nanswer" },
                { "no answer", "no\\u0020answer" },
                { "no answer", "no\\u202eanswer\\u0000" },
                { "no answer", "no  answer" },
        };
        struct sync_result untouched = { .files = 77 };
        char line[SYNC_RESULT_MAX], longer[2 * SYNC_RESULT_MAX];

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(changes); i++) {
                assert_int_equal(sync_result_format(&full, line), 0);
                replace(line, changes[i].from, changes[i].to);
                if (sync_result_parse(line, &untouched) != -EINVAL)
                        fail_msg("accepted: %s", line);
        }
        (void) memset(longer, 'x', sizeof longer - 1);
        longer[sizeof longer - 1] = '\0';
        assert_int_equal(sync_result_parse(longer, &untouched), -EINVAL);
        assert_int_equal(sync_result_parse("", &untouched), -EINVAL);
        assert_int_equal(sync_result_parse("null", &untouched), -EINVAL);
        assert_int_equal(untouched.files, 77);
}

static void test_say(void **state) {
        struct sync_result r = { .workspace = SYNC_UPDATED,
                .from = COMMIT_A,
                .to = COMMIT_B,
                .commits = 5,
                .secrets = SYNC_UPDATED,
                .files = 3 };
        char text[512], tiny[8];

        (void) state;
        assert_string_equal(sync_result_describe(&r, text, sizeof text),
                "workspace a1b2c3d..e4f5a6b (5 commits), secrets synced (3 files)");
        r.commits = 1, r.secrets = SYNC_UNCHANGED;
        assert_string_equal(sync_result_describe(&r, text, sizeof text),
                "workspace a1b2c3d..e4f5a6b (1 commit), secrets unchanged");
        assert_string_equal(sync_result_describe(&full, text, sizeof text),
                "workspace a1b2c3d..e4f5a6b (5 commits), own work saved to "
                "failover/standby/20260711T041502Z: not pushed: \"HTTP 403\" … ask, "
                "secrets failed: no answer in 15 s: ssh 'a b'");
        r.secrets = SYNC_NONE, r.workspace = SYNC_NONE;
        assert_string_equal(sync_result_describe(&r, text, sizeof text), "nothing to sync");
        assert_int_equal(strlen(sync_result_describe(&full, tiny, sizeof tiny)), sizeof tiny - 1);
}

static void test_merge_commands(void **state _unused_) {
        struct sync_result r = {
                .unmerged = { { "failover/box/20260711T041502Z", true }, { "idea", false } }, .n_unmerged = 2
        };
        char commands[512];

        assert_string_equal(
                sync_result_merge_commands(&r, "/w", "origin", "openclaw", "box", commands, sizeof commands),
                "git -C /w pull --no-rebase --no-edit origin failover/box/20260711T041502Z\n"
                "git -C /w pull --no-rebase --no-edit openclaw@box:/w idea\n"
                "git -C /w push");
        r.n_unmerged = 5; /* more than are named */
        sync_result_merge_commands(&r, "/w", "origin", "openclaw", "box", commands, sizeof commands);
        assert_non_null(strstr(commands, "\n# 3 more "));
        (void) strcpy(r.unmerged[0].name, "failover/box/20260711T041502Z-private");
        r.unmerged[0].pushed = false, r.n_unmerged = 1;
        assert_string_equal(
                sync_result_merge_commands(&r, "/w", "origin", "openclaw", "box", commands, sizeof commands),
                "git -C /w fetch openclaw@box:/w failover/box/20260711T041502Z-private:failover/box/20260711T041502Z-private");
        (void) strcpy(r.unmerged[0].name, "idea");
        assert_string_equal(sync_result_merge_commands(
                                    &r, "/bo's ws", "origin", "openclaw", "box", commands, sizeof commands),
                "git -C '/bo'\\''s ws' pull --no-rebase --no-edit 'openclaw@box:/bo'\\''s ws' idea\n"
                "git -C '/bo'\\''s ws' push");
        r.n_unmerged = 0;
        assert_string_equal(
                sync_result_merge_commands(&r, "/w", "origin", "openclaw", "box", commands, sizeof commands),
                "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_merge_commands),
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_long_reasons_are_cut),
                cmocka_unit_test(test_bad_fields_are_not_written),
                cmocka_unit_test(test_commands_are_whole_or_absent),
                cmocka_unit_test(test_codes_have_names),
                cmocka_unit_test(test_bad_reasons_are_mended),
                cmocka_unit_test(test_anything_else_is_refused),
                cmocka_unit_test(test_say),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
