/* The pure parts of `doctor`: what it reads from files and sudo, and the commands that it prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "doctor/look.h"
#include "lib/file.h"
#include "lib/program.h"
#include "lib/text.h"
#include "scratch.h"
#include "sync_result.h"

static void test_shebang(void **state _unused_) {
        static const struct {
                const char *text, *command; /* NULL: there is none */
        } cases[] = {
                { "#!/usr/bin/env node\n", "node" },
                { "#! /usr/bin/env node", "node" },
                { "#!/usr/bin/env -S NODE_ENV=production node --title=x\n", "node" },
                { "#!/usr/bin/env /opt/node/bin/node\n", "/opt/node/bin/node" },
                { "#!/bin/bash -e\nexec node\n", "/bin/bash" },
                { "#!\n", NULL },
                { "#!/usr/bin/env\n", NULL },
                { "\177ELF\002", NULL },
                { "", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                json_auto_t *words = parse_shebang(cases[i].text);

                assert_string_equal(find_command(words) ?: "none", cases[i].command ?: "none");
        }
}

/* What a shell makes of the word, in a program's output. */
static void assert_shell_says(const char *text, const char *expected) {
        _cleanup_free_ char *word = shell_quote(text), *output = NULL, *command = NULL;
        const char *argv[] = { "sh", "-c", NULL, NULL };

        assert_non_null(word);
        assert_true(asprintf(&command, "printf %%s %s", word) > 0);
        argv[2] = command;
        assert_int_equal(program_run(argv, USEC_INFINITY, &output, NULL), 0);
        assert_string_equal(output, expected);
}

static void test_quote(void **state _unused_) {
        static const char *const texts[] = { "plain", "", "two words", "it's", "''", "$(reboot)", "`reboot`",
                "a;b", "\\", "\"", "~root", "*", "-n", "a\\nb", "ünï", "#x", "!x" };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert_shell_says(texts[i], texts[i]);
        assert_shell_says("a\nreboot\033[0m", "a?reboot?[0m");
}

static void assert_printed(const struct finding *f, bool colour, const char *expected) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        finding_print(f, "title", colour, out);
        (void) fclose(out);
        assert_string_equal(text, expected);
}

static void test_print(void **state _unused_) {
        struct finding f = { 0 };

        finding_ok(&f, "%d things", 3);
        assert_printed(&f, false, "✓ ok    title              3 things\n");
        assert_printed(&f, true, "\033[32m✓ ok  \033[0m  title              3 things\n");

        finding_fail(&f, "so\033 so\nla la");
        finding_fix(&f, "echo x | sudo tee /etc/x && sudo reboot");
        finding_fix(&f, "sudo -u openclaw git -C /srv switch main");
        finding_fix(&f, "sudo -iu openclaw openclaw config set x off");
        finding_fix(&f, "gpasswd -d openclaw sudo");
        assert_printed(&f, false,
                "✗ FAIL  title              so? so la la\n"
                "                 $ echo x | sudo tee /etc/x && sudo reboot\n"
                "                 $ sudo -u openclaw git -C /srv switch main\n"
                "                 $ sudo -iu openclaw openclaw config set x off\n"
                "                 $ gpasswd -d openclaw sudo\n");
}

static void test_mend_is_whole_or_not_there(void **state _unused_) {
        struct finding f = { 0 };
        char before[sizeof f.fix], path[300];

        (void) memset(path, 'x', sizeof path);
        path[sizeof path - 1] = '\0';
        for (int i = 0; i < 20; i++) {
                (void) strcpy(before, f.fix);
                finding_fix(&f, "rm -r /%s", path);
        }
        assert_string_equal(f.fix, before);
        assert_int_equal((strlen(f.fix) + 1) % (strlen("rm -r /") + strlen(path) + 1), 0);
}

static void test_drop_in(void **state _unused_) {
        struct finding f = { 0 };

        finding_fix_drop_in(&f, "openclaw.service", "stop", "ExecStart=\nTimeoutStopSec=%d", 330);
        assert_string_equal(f.fix,
                "printf '%s\\n' '[Service]' ExecStart= TimeoutStopSec=330 | sudo install -D -m 0644 /dev/stdin "
                "/etc/systemd/system/openclaw.service.d/zz-stop.conf\n"
                "sudo systemctl daemon-reload");
}

static void test_unit_environment(void **state _unused_) {
        struct unit_facts u = { .properties = json_pack("{s:[s,s,s]}", "Environment", "PATHS=/no",
                                        "PATH=/first", "PATH=/second") };
        const struct unit_facts none = { 0 };

        assert_string_equal(unit_environment(&u, "PATH"), "/second");
        assert_null(unit_environment(&u, "PAT"));
        assert_null(unit_environment(&none, "PATH"));
        unit_facts_clear(&u);
}

/* What is printed for a unit that switches a warm gateway leaves the key once in the ini, and nothing else changed. */
static void test_warm_is_set_once(void **state _unused_) {
        char dir[64], path[80];
        struct instance instance = { .config = path };
        struct config config = {};
        const struct checkup c = { .instance = &instance,
                .config = &config,
                .gateway = { (char *) "warm.service",
                        json_pack("{s:s, s:s}", "LoadState", "loaded", "Type", "oneshot") } };
        _cleanup_free_ char *text = NULL;
        struct finding f = { 0 };

        scratch_make(dir, "test_doctor");
        (void) snprintf(path, sizeof path, "%s/x.ini", dir);
        assert_int_equal(
                write_file_atomic(path, "[gateway]\nwarm = no\nunit = warm.service\nport = 1\n", 0600), 0);
        look_gateway_unit(&c, &f);
        assert_int_equal(f.kind, FINDING_FAIL);
        *strchr(f.fix, '\n') = '\0';
        assert_int_equal(system(f.fix + strlen("sudo ")), 0);
        assert_int_equal(read_file(path, 1024, &text), 0);
        assert_string_equal(text, "[gateway]\nwarm = yes\nunit = warm.service\nport = 1\n");
        scratch_remove(dir);
        json_decref(c.gateway.properties);
}

/* The gateway's user reads the files, and no command names them: so a link on the way to them hides nothing. */
static void test_warm_behind_a_link(void **state _unused_) {
        struct config config = { .gateway = { .warm = true, .unit = (char *) "openclaw-active.service" } };
        const struct checkup c = { .config = &config, .gateway.name = (char *) "openclaw.service" };
        struct finding f = { .kind = FINDING_OFF };
        char dir[64];

        scratch_make(dir, "test_doctor");
        free(scratch_sh(dir,
                "mkdir -p data/failover; ln -s data .openclaw; echo nonsense >data/failover/idle.json"));
        look_warm(&c, &f);
        assert_int_equal(f.kind, FINDING_FAIL);
        scratch_remove(dir);
}

/* A word of the unit is one, whatever is in it. */
static void test_interpreter_behind_env(void **state _unused_) {
        const struct checkup c = { .gateway = { (char *) "openclaw.service",
                                           json_pack("{s:[[s,[s,s,s,s,s]]]}", "ExecStart", "/usr/bin/env",
                                                   "/usr/bin/env", "-S", "NODE_OPTIONS=--a b", "sh",
                                                   "x") } };
        struct finding f = { 0 };

        look_program(&c, &f);
        assert_int_equal(f.kind, FINDING_OK);
        json_decref(c.gateway.properties);
}

static void test_refuse(void **state _unused_) {
        struct finding f = { 0 };
        struct refusal why;

        (void) refusal_set(&why, REFUSAL_DETACHED, "no branch is checked out in %s", "/w");
        (void) refusal_set_command(&why, "sudo -u u git -C /w switch %s", "main");
        finding_refuse(&f, &why);
        assert_int_equal(f.kind, FINDING_FAIL);
        assert_string_equal(f.text, why.text);
        assert_string_equal(f.fix, why.command);

        f = (struct finding){ 0 };
        (void) refusal_set(&why, REFUSAL_NO_BRANCH, "the remote names no branch");
        finding_refuse(&f, &why);
        assert_string_equal(f.fix, "");
}

/* What LOOK finds as somebody who is not root: of a directory with "w", a workspace, which is HOME too. */
static struct finding look_as_agent(const char *dir, look_t *look, const struct checkup *c) {
        struct finding *shared =
                mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        struct finding f;
        int status;
        pid_t pid;

        assert_ptr_not_equal(shared, MAP_FAILED);
        free(scratch_sh(dir, "test $(id -u) != 0 || { chmod 711 . ..; chown -hR nobody .; }"));
        pid = fork();
        if (pid == 0) {
                if (geteuid() == 0 && setuid(65534) < 0)
                        _exit(1);
                look(c, shared);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        f = *shared;
        (void) munmap(shared, sizeof *shared);
        return f;
}

/* What the services take that take one format only; who posts is nobody, so nothing is asked. */
static void test_alert_format(void **state _unused_) {
        static const struct {
                const char *address;
                enum alert_format format;
                const char *should; /* NULL: it is right */
        } cases[] = {
                { "https://discord.com/api/webhooks/1/x", ALERT_JSON, "discord" },
                { "https://discordapp.com/api/webhooks/1/x", ALERT_SLACK, "discord" },
                { "https://canary.discord.com/api/webhooks/1/x", ALERT_JSON, "discord" },
                { "https://discord.com/api/webhooks/1/x?wait=true", ALERT_DISCORD, NULL },
                { "https://discord.com/api/webhooks/1/x/slack", ALERT_SLACK, NULL },
                { "https://discord.com/api/webhooks/1/x/github", ALERT_JSON, NULL },
                { "https://hooks.slack.com/services/T/B/x", ALERT_JSON, "slack" },
                { "https://hooks.slack.com/triggers/T/1/x", ALERT_JSON, NULL },
                { "https://api.telegram.org/bot1:x/sendMessage?chat_id=1", ALERT_JSON, "telegram" },
                { "https://api.telegram.org/bot1:x/sendMessage?chat_id=1", ALERT_TELEGRAM, NULL },
                { "https://alerts.example.org/?to=https://discord.com/", ALERT_JSON, NULL },
        };
        struct instance instance = {
                .program = (char *) "x", .config = (char *) "/x.ini", .unit = (char *) "x"
        };
        struct config config = {};
        const struct checkup c = { .instance = &instance,
                .config = &config,
                .daemon.properties = json_pack("{s:s}", "User", "no-such-user") };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct finding f = { 0 };
                char fix[40] = "alert-test";

                config.alert.url = (char *) (uintptr_t) cases[i].address;
                config.alert.format = cases[i].format;
                look_alert(&c, &f);
                if (cases[i].should)
                        (void) snprintf(fix, sizeof fix, "a format = %s' ", cases[i].should);
                assert_non_null(strstr(f.fix, fix));
        }
        json_decref(c.daemon.properties);
}

/* The user whose file it is may have made a link of its directory: root follows none. */
static void test_user_service(void **state _unused_) {
        char dir[64], command[256];
        const struct checkup c = { .gateway.name = (char *) (uintptr_t) "openclaw.service" };
        struct finding f;

        scratch_make(dir, "test_doctor");
        assert_int_equal(setenv("HOME", dir, 1), 0);
        free(scratch_sh(dir,
                "mkdir -p .config/systemd/user/a.wants; echo >'.config/systemd/user/a.wants/openclaw-gateway;x.service'"));
        f = look_as_agent(dir, look_user_service, &c);
        assert_int_equal(f.kind, FINDING_FAIL);
        (void) snprintf(command, sizeof command,
                "sudo -u openclaw rm '%s/.config/systemd/user/a.wants/openclaw-gateway;x.service'", dir);
        assert_string_equal(f.fix, command);
        scratch_remove(dir);
}

static void test_closed_file(void **state _unused_) {
        char dir[64], path[100], command[200];
        struct instance instance = { .name = (char *) "", .config = path };
        const struct checkup c = { .instance = &instance };
        struct finding f;

        scratch_make(dir, "test_doctor");
        (void) snprintf(path, sizeof path, "%s/web.ini", dir);
        free(scratch_sh(dir, "echo x >web.ini; chmod 666 web.ini"));
        f = look_as_agent(dir, look_config_readable, &c);
        assert_int_equal(f.kind, FINDING_WARN);
        free(scratch_sh(dir, "chmod 0 web.ini"));
        f = look_as_agent(dir, look_config_readable, &c);
        (void) snprintf(command, sizeof command, "sudo chmod a+rX %s", path);
        assert_string_equal(f.fix, command);

        instance.name = (char *) "web";
        f = look_as_agent(dir, look_config_readable, &c);
        (void) snprintf(command, sizeof command, "sudo chmod a+rX /etc/openclaw-failover %s", path);
        assert_string_equal(f.fix, command);
        scratch_remove(dir);
}

/* Where the agent may put a link in the way, root changes nothing. */
static void test_no_root_in_the_agents_directories(void **state _unused_) {
        const char *user = geteuid() == 0 ? "nobody" : getpwuid(geteuid())->pw_name;
        char dir[64], path[80], command[160];
        struct config config = { .workspace.path = (char *) "",
                .secrets = { .host = (char *) "primary", .target = path } };
        struct checkup c = { .config = &config, .sync.name = (char *) "openclaw-failover-sync.service" };
        struct finding f;

        scratch_make(dir, "test_doctor");
        (void) snprintf(path, sizeof path, "%s/bin/x", dir);
        free(scratch_sh(dir, "mkdir bin; echo x >bin/x; chmod 600 bin/x"));
        c.gateway.properties = json_pack("{s:[[s,[s]]]}", "ExecStart", path, path);
        json_object_set_new(c.gateway.properties, "User", json_string(user));
        f = look_as_agent(dir, look_program, &c);
        (void) snprintf(command, sizeof command, "sudo -u %s chmod u+rx %s", user, path);
        assert_int_equal(f.kind, FINDING_FAIL);
        assert_string_equal(f.fix, command);

        free(scratch_sh(dir, "mv bin/x bin/y; ln -s y bin/x"));
        assert_string_equal(look_as_agent(dir, look_program, &c).fix, command);
        json_decref(c.gateway.properties);

        (void) snprintf(path, sizeof path, "%s/secrets", dir);
        c.sync.properties = json_pack("{s:s}", "User", user);
        f = look_as_agent(dir, look_sync_places, &c);
        (void) snprintf(command, sizeof command, "sudo -u %s mkdir -p -m 700 %s", user, path);
        assert_int_equal(f.kind, FINDING_FAIL);
        assert_non_null(strstr(f.fix, command));
        json_decref(c.sync.properties);
        scratch_remove(dir);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_shebang),
                cmocka_unit_test(test_quote),
                cmocka_unit_test(test_print),
                cmocka_unit_test(test_mend_is_whole_or_not_there),
                cmocka_unit_test(test_drop_in),
                cmocka_unit_test(test_unit_environment),
                cmocka_unit_test(test_warm_is_set_once),
                cmocka_unit_test(test_warm_behind_a_link),
                cmocka_unit_test(test_interpreter_behind_env),
                cmocka_unit_test(test_refuse),
                cmocka_unit_test(test_alert_format),
                cmocka_unit_test(test_user_service),
                cmocka_unit_test(test_closed_file),
                cmocka_unit_test(test_no_root_in_the_agents_directories),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
