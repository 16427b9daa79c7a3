/* The secrets over a real sshd: how one gets in, what the other end may be, and what doctor makes of it. */
#include "ssh_fixture.h"

#include "doctor/look.h"
#include "lib/text.h"

/* "forced" stands between sshd and every command there; "here" is empty, and stays so unless the secrets are synced. */
static void test_what_the_host_may_be(void **state) {
        static const struct {
                const char *what, *script, *host, *source;
                enum sync_part expected;
                enum refusal_code code;
        } cases[] = {
                { "a key", "key ed25519; know", NULL, NULL, SYNC_UPDATED, REFUSAL_NONE },
                { "IPv6", "key ed25519; host ::1", "[::1]", NULL, SYNC_UPDATED, REFUSAL_NONE },
                { "no login at all", "know; none", NULL, NULL, SYNC_UPDATED, REFUSAL_NONE },
                { "an unknown host", "key ed25519", NULL, NULL, SYNC_FAILED, REFUSAL_SSH },
                { "a revoked key", "key ed25519; know; sed -i 's/^/@revoked /' .ssh/known_hosts; know", NULL,
                        NULL, SYNC_FAILED, REFUSAL_SSH },
                { "a banner",
                        "key ed25519; know; echo Welcome >banner; echo Banner $PWD/banner >>sshd_config; restart",
                        NULL, NULL, SYNC_UPDATED, REFUSAL_NONE },
                { "a banner, and no login",
                        "know; echo Welcome >banner; echo Banner $PWD/banner >>sshd_config; restart", NULL,
                        NULL, SYNC_FAILED, REFUSAL_SSH },
                { "a noisy shell",
                        "key ed25519; know; echo 'echo Welcome; exec sh -c \"$SSH_ORIGINAL_COMMAND\"' | force",
                        NULL, NULL, SYNC_FAILED, REFUSAL_NOISY },
                { "another protocol",
                        "key ed25519; know; echo 'case $SSH_ORIGINAL_COMMAND in rsync*) echo garbage; sleep 0.2;; esac' | force",
                        NULL, NULL, SYNC_FAILED, REFUSAL_NO_RSYNC },
                { "no rsync", "key ed25519; know; echo 'exec /nonexistent/rsync' | force", NULL, NULL,
                        SYNC_FAILED, REFUSAL_NO_RSYNC },
                { "a shell that lets nobody in", "key ed25519; know; echo 'exit 1' | force", NULL, NULL,
                        SYNC_FAILED, REFUSAL_ERROR },
                { "no such directory", "key ed25519; know; rm -r there", NULL, NULL, SYNC_FAILED,
                        REFUSAL_NO_SOURCE },
                { "an unrestricted key",
                        "key ed25519; know; echo x >.bashrc; echo 'cd $(dirname $0); exec sh -c \"$SSH_ORIGINAL_COMMAND\"' | force",
                        NULL, "./", SYNC_REFUSED, REFUSAL_UNRESTRICTED },
                { "a restricted key",
                        "key ed25519; know; sed -i \"s,^,command=\\\"/usr/bin/rrsync -ro $PWD/there\\\" ,\" authorized",
                        NULL, "./", SYNC_UPDATED, REFUSAL_NONE },
                { "a key for a directory that is not there",
                        "key ed25519; know; sed -i \"s,^,command=\\\"/usr/bin/rrsync -ro $PWD/other\\\" ,\" authorized",
                        NULL, "./", SYNC_FAILED, REFUSAL_ERROR },
                { "a restricted key, and the usual source",
                        "key ed25519; know; sed -i \"s,^,command=\\\"/usr/bin/rrsync -ro $PWD/there\\\" ,\" authorized",
                        NULL, "~/.secrets/", SYNC_FAILED, REFUSAL_ERROR },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct world *w = *state;

                need_sshd(w);
                run_case(w, cases[i].script);
                if (cases[i].host)
                        w->secrets.host = (char *) cases[i].host;
                if (cases[i].source)
                        (void) strcpy(w->source, cases[i].source);
                assert_rsync(w, cases[i].expected, "");
                if (w->result.secrets_why.code != cases[i].code)
                        fail_msg("%s: %s", cases[i].what, words(&w->result.secrets_why));
                if (cases[i].expected == SYNC_UPDATED)
                        run(w, "cat here/key");
                else
                        run(w, "test -z \"$(ls -A here)\"");
                assert_int_equal(end_world(state), 0);
                assert_int_equal(new_world(state), 0);
        }
}

/* The words are ssh's; the command is what shows more of them, and nothing is guessed from either. */
static void test_doctor_shows_ssh(void **state) {
        static const char *const scripts[] = {
                "key ed25519",                      /* an unknown host */
                "key ed25519; know; : >authorized", /* a key that nobody let in */
                "key ed25519; know; ssh-keygen -q -t ed25519 -N '' -f other; sed -i \"s, .*, $(cut -d' ' -f1,2 other.pub),\" .ssh/known_hosts",
        };

        for (size_t i = 0; i < ELEMENTSOF(scripts); i++) {
                struct world *w = *state;
                struct config config = { 0 };
                const struct instance instance = { .config = (char *) "/etc/x.ini",
                        .unit = (char *) "x.service" };
                struct checkup c = { .instance = &instance, .config = &config };
                struct finding f = { 0 }, remote = { 0 };

                need_sshd(w);
                run_case(w, scripts[i]);
                config.secrets = w->secrets;
                config.workspace = w->workspace;
                look_secrets(&c, &f);
                assert_int_equal(f.kind, FINDING_FAIL);
                assert_sh(w, "echo sudo -u $(id -un) ssh 127.0.0.1 true", f.fix);
                look_remote(&c, &remote);
                assert_int_equal(remote.kind, FINDING_FAIL);
                run(w, "test '%s' = \"sudo -u $(id -un) git -C $PWD/standby fetch origin\"", remote.fix);
                assert_int_equal(end_world(state), 0);
                assert_int_equal(new_world(state), 0);
        }
}

static void test_doctor_of_ipv6_host(void **state) {
        struct world *w = *state;
        struct config config = { .secrets = w->secrets };
        struct checkup c = { .config = &config };
        struct finding f = {};

        config.secrets.host = (char *) "x@[::1]";
        look_secrets(&c, &f);
        assert_int_equal(f.kind, FINDING_FAIL);
        if (!strstr(f.fix, "::1") || strchr(f.fix, '['))
                fail_msg("%s: %s", f.text, f.fix);
}

static void test_silent_server(void **state) {
        struct world *w = *state;
        int fd = listen_at(0, 8); /* accepts by the backlog alone */

        w->secrets.timeout = 500 * USEC_PER_MSEC;
        run(w, "sed -i 's/Port .*/Port %u/' ssh_config", port_of(fd));
        assert_rsync(w, SYNC_FAILED, "did not finish in time");
        assert_int_equal(w->result.secrets_why.code, REFUSAL_TIMEOUT);
        (void) close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_what_the_host_may_be),
                TEST(test_doctor_shows_ssh),
                TEST(test_doctor_of_ipv6_host),
                TEST(test_silent_server),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
