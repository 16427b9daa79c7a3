/* git and rsync over a real sshd on loopback: keys, known hosts, and the words for what goes wrong. */
#include <errno.h>
#if __has_include(<git2/sys/errors.h>) /* where git_error_set_str() is since libgit2 1.8 */
#include <git2.h>
#include <git2/sys/errors.h>
#endif
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "doctor/look.h"
#include "lib/text.h"
#include "scratch.h"
#include "sync/credentials.h"
#include "sync/secrets.h"
#include "sync/workspace.h"

/* A directory that is HOME too, with origin, standby (a clone), sshd's files, and keys by type. */
struct world {
        char dir[64];
        char path[100], source[100], target[100], ssh[300];
        unsigned port;
        pid_t sshd; /* 0: there is none */
        struct workspace_config workspace;
        struct secrets_config secrets;
        struct sync_result result;
};

static int listen_at(unsigned port, int backlog) {
        struct sockaddr_in a = { .sin_family = AF_INET,
                .sin_port = htons((uint16_t) port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        if (bind(fd, (struct sockaddr *) &a, sizeof a) < 0 || (backlog > 0 && listen(fd, backlog) < 0)) {
                (void) close(fd);
                return -1;
        }
        return fd;
}

static unsigned port_of(int fd) {
        struct sockaddr_in a;
        socklen_t n = sizeof a;

        assert_int_equal(getsockname(fd, (struct sockaddr *) &a, &n), 0);
        return ntohs(a.sin_port);
}

static bool answers(unsigned port) {
        struct sockaddr_in a = { .sin_family = AF_INET,
                .sin_port = htons((uint16_t) port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool ok = connect(fd, (struct sockaddr *) &a, sizeof a) == 0;

        (void) close(fd);
        return ok;
}

/* sshd needs its directory in /run, and as root alone may make it; without sshd the tests are skipped. */
static void start_sshd(struct world *w) {
        int fd = listen_at(0, 0);

        w->port = port_of(fd);
        (void) close(fd);
        if (mkdir("/run/sshd", 0755) < 0 && errno != EEXIST)
                return;
        run(w,
                "ssh-keygen -q -t ed25519 -N '' -f hostkey; touch authorized; cat >sshd_config <<EOT\n"
                "Port %u\nListenAddress 127.0.0.1\nHostKey $PWD/hostkey\nAuthorizedKeysFile $PWD/authorized\n"
                "StrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nLogLevel QUIET\n"
                "SetEnv HOME=$PWD\nEOT\n",
                w->port);
        w->sshd = fork();
        if (w->sshd == 0) {
                char config[100];

                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) snprintf(config, sizeof config, "%s/sshd_config", w->dir);
                (void) execl("/usr/sbin/sshd", "/usr/sbin/sshd", "-D", "-e", "-f", config, NULL);
                _exit(127);
        }
        for (int i = 0; i < 500 && !answers(w->port); i++) {
                if (waitpid(w->sshd, NULL, WNOHANG) == w->sshd) {
                        w->sshd = 0;
                        return;
                }
                (void) usleep(10000);
        }
}

static int new_world(void **state) {
        struct world *w = calloc(1, sizeof *w);

        assert_non_null(w);
        scratch_make(w->dir, "test_login");
        assert_int_equal(unsetenv("SSH_AUTH_SOCK"), 0);
        start_sshd(w);
        (void) snprintf(w->path, sizeof w->path, "%s/standby", w->dir);
        (void) snprintf(w->source, sizeof w->source, "%s/there/", w->dir);
        (void) snprintf(w->target, sizeof w->target, "%s/here/", w->dir);
        (void) snprintf(w->ssh, sizeof w->ssh,
                "ssh -F %s/ssh_config -oBatchMode=yes -oStrictHostKeyChecking=yes", w->dir);
        w->workspace = (struct workspace_config){ .path = w->path,
                .remote = (char *) "origin",
                .timeout = 30 * USEC_PER_SEC,
                .save = SAVE_LOCAL };
        w->secrets = (struct secrets_config){ .host = (char *) "127.0.0.1",
                .source = w->source,
                .target = w->target,
                .timeout = 30 * USEC_PER_SEC };
        run(w,
                "git config --global user.name T; git config --global user.email t@example.org\n"
                "git config --global init.defaultBranch main; git init -q --bare origin; git clone -q origin primary 2>/dev/null\n"
                "cd primary; echo one >notes; git add .; git commit -qm first; git push -q origin main; cd ..\n"
                "git clone -q origin standby; git -C standby remote set-url origin ssh://$(id -un)@127.0.0.1:%u$PWD/origin\n"
                "cd primary; echo two >>notes; git commit -qam second; git push -q; cd ..\n"
                "mkdir -m 700 .ssh there; echo key >there/key\n"
                "printf 'Port %u\\nUserKnownHostsFile %%s/.ssh/known_hosts\\nIdentityFile %%s/.ssh/id_ed25519\\nIdentitiesOnly yes\\n' $PWD $PWD >ssh_config",
                w->port, w->port);
        *state = w;
        return 0;
}

static int end_world(void **state) {
        struct world *w = *state;

        if (w->sshd > 0) {
                (void) kill(w->sshd, SIGKILL);
                (void) waitpid(w->sshd, NULL, 0);
        }
        scratch_remove(w->dir);
        free(w);
        return 0;
}

static void need_sshd(const struct world *w) {
        if (w->sshd == 0) {
                print_message("no sshd can be started here: openssh-server and root are needed\n");
                skip();
        }
}

static void know_host(const struct world *w) {
        run(w, "echo \"[127.0.0.1]:%u $(cut -d' ' -f1,2 hostkey.pub)\" >.ssh/known_hosts", w->port);
}

static void make_key(const struct world *w, const char *type, bool authorized) {
        run(w, "ssh-keygen -q -t %s -N '' -f .ssh/id_%s; if %s; then cat .ssh/id_%s.pub >>authorized; fi",
                type, type, authorized ? "true" : "false", type);
}

static bool yes(void *userdata _unused_) {
        return true;
}

static void assert_git(struct world *w, enum sync_part expected, const char *why) {
        const struct workspace_job job = { &w->workspace, "box", yes, yes, NULL };

        w->result = (struct sync_result){ 0 };
        workspace_sync(&job, &w->result);
        if (w->result.workspace != expected || !strstr(words(&w->result.workspace_why), why))
                fail_msg("%d instead of %d: %s", w->result.workspace, expected, words(&w->result.workspace_why));
}

static void assert_rsync(struct world *w, enum sync_part expected, const char *why) {
        const struct secrets_task task = { &w->secrets, w->ssh };
        struct child c;

        w->result = (struct sync_result){ 0 };
        assert_int_equal(secrets_start(&task, &c, &w->result), 0);
        secrets_finish(&task, &c, &w->result);
        if (w->result.secrets != expected || !strstr(words(&w->result.secrets_why), why))
                fail_msg("%d instead of %d: %s", w->result.secrets, expected, words(&w->result.secrets_why));
}

static void test_usual_keys(void **state) {
        static const char *const types[] = { "ed25519", "ecdsa" };
        struct world *w = *state;

        need_sshd(w);
        know_host(w);
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                make_key(w, types[i], true);
                run(w, "cd primary; echo %s >>notes; git commit -qam %s; git push -q", types[i], types[i]);
                assert_git(w, SYNC_UPDATED, "");
                /* Also without the public half beside it. */
                run(w, "rm .ssh/id_%s.pub; cd primary; echo more >>notes; git commit -qam more; git push -q",
                        types[i]);
                assert_git(w, SYNC_UPDATED, "");
                run(w, "rm .ssh/id_*");
        }
}

static void test_the_second_key_is_tried(void **state) {
        struct world *w = *state;

        need_sshd(w);
        know_host(w);
        make_key(w, "ed25519", false);
        make_key(w, "ecdsa", true);
        assert_git(w, SYNC_UPDATED, "");
}

static void test_configured_key(void **state) {
        struct world *w = *state;
        char key[100];

        need_sshd(w);
        know_host(w);
        make_key(w, "ed25519", true);
        run(w, "mv .ssh/id_ed25519 deploy; mv .ssh/id_ed25519.pub deploy.pub");
        assert_git(w, SYNC_FAILED, "has none");
        w->workspace.ssh_key = (char *) "/nonexistent/key";
        assert_git(w, SYNC_FAILED, "ssh_key /nonexistent/key: No such file");
        (void) snprintf(key, sizeof key, "%s/deploy", w->dir);
        w->workspace.ssh_key = key;
        assert_git(w, SYNC_UPDATED, "");
}

static void test_agent(void **state) {
        struct world *w = *state;
        _cleanup_free_ char *pid = NULL;
        char socket_path[100];

        need_sshd(w);
        know_host(w);
        make_key(w, "ed25519", true);
        (void) snprintf(socket_path, sizeof socket_path, "%s/agent", w->dir);
        pid = sh(w,
                "eval $(ssh-agent -a agent) >/dev/null; ssh-add -q .ssh/id_ed25519; rm .ssh/id_*; echo $SSH_AGENT_PID");
        assert_int_equal(setenv("SSH_AUTH_SOCK", socket_path, true), 0);
        assert_git(w, SYNC_UPDATED, "");
        run(w, "kill %s", pid);
        assert_git(w, SYNC_FAILED, "");
        assert_int_equal(unsetenv("SSH_AUTH_SOCK"), 0);
}

static void test_wrong_key(void **state) {
        struct world *w = *state;

        need_sshd(w);
        know_host(w);
        make_key(w, "ed25519", false);
        assert_git(w, SYNC_FAILED, "takes no key of");
        assert_non_null(strstr(words(&w->result.workspace_why), ".ssh/id_ed25519"));
        assert_rsync(w, SYNC_FAILED, "takes no key of ours");
}

static void test_rsa_key(void **state) {
        struct world *w = *state;
        const struct workspace_job job = { &w->workspace, "box", yes, yes, NULL };

        need_sshd(w);
        know_host(w);
        make_key(w, "rsa", true);
        workspace_sync(&job, &w->result);
        /* libssh2 before 1.11 knows no rsa-sha2, and says something that helps nobody. */
        if (w->result.workspace != SYNC_UPDATED && !strstr(words(&w->result.workspace_why), "RSA keys do not work"))
                fail_msg("%s", words(&w->result.workspace_why));
}

static void test_passphrase(void **state) {
        struct world *w = *state;

        need_sshd(w);
        know_host(w);
        run(w, "ssh-keygen -q -t ed25519 -N secret -f .ssh/id_ed25519; cat .ssh/id_ed25519.pub >>authorized");
        assert_git(w, SYNC_FAILED, "passphrase");
}

static void test_unknown_host(void **state) {
        struct world *w = *state;
        _cleanup_free_ char *why = NULL;
        char *command, *end;

        need_sshd(w);
        make_key(w, "ed25519", true);
        assert_git(w, SYNC_REFUSED, "not in");
        assert_rsync(w, SYNC_REFUSED, "unknown");

        /* The command it tells, without sudo: afterwards all is well. */
        assert_git(w, SYNC_REFUSED, "ssh-keyscan");
        why = strdup(words(&w->result.workspace_why));
        command = strchr(strstr(why, "sh -c '"), '\'') + 1;
        end = strchr(command, '\'');
        assert_non_null(end);
        *end = '\0';
        run(w, "%s", command);
        assert_git(w, SYNC_UPDATED, "");
}

/* rsync and URLs take an address of IPv6 in brackets alone, ssh's programs only without. */
static void test_ipv6_host(void **state _unused_) {
        static const struct {
                const char *url, *command;
        } cases[] = {
                { "ssh://git@[fd7a::1]/x", "ssh-keyscan fd7a::1 " },
                { "ssh://git@[fd7a::1]:2222/x", "ssh-keyscan -p 2222 fd7a::1 " },
                { "ssh://git@example.org:2222/x", "ssh-keyscan -p 2222 example.org " },
        };
        const struct workspace_config config = {};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct sync_result r = {};
                struct credentials l;
                char *c, *to;

                assert_null(credentials_open(&l, &config, cases[i].url, "openclaw"));
                l.unknown_host = true;
                assert_true(credentials_failed(&l, &r));
                free(l.url);
                c = to = strstr(words(&r.workspace_why), "ssh-keyscan");
                assert_non_null(c);
                for (const char *from = c; *from; from++) /* without the quotes of two shells */
                        if (*from != '\'' && *from != '\\')
                                *to++ = *from;
                *to = '\0';
                if (!begins_with(c, cases[i].command))
                        fail_msg("%s instead of %s", c, cases[i].command);
        }
}

static void test_doctor_of_ipv6_host(void **state) {
        struct world *w = *state;
        struct config config = { .secrets = w->secrets };
        struct checkup c = { .config = &config, .sync.user = (char *) "openclaw" };
        struct finding f = {};

        run(w, "mkdir -m 700 here");
        config.secrets.host = (char *) "x@[::1]";
        look_secrets(&c, &f);
        assert_int_equal(f.kind, FINDING_FAIL);
        if (!strstr(f.fix, "::1") || strchr(f.fix, '['))
                fail_msg("%s: %s", f.text, f.fix);
}

static void test_changed_host(void **state) {
        struct world *w = *state;

        need_sshd(w);
        make_key(w, "ed25519", true);
        run(w, "ssh-keygen -q -t ed25519 -N '' -f other; echo \"[127.0.0.1]:%u $(cut -d' ' -f1,2 other.pub)\" >.ssh/known_hosts",
                w->port);
        assert_git(w, SYNC_REFUSED, "has changed");
        assert_rsync(w, SYNC_REFUSED, "has changed");
}

static void test_refused_port(void **state) {
        struct world *w = *state;
        int fd = listen_at(0, 0); /* bound, and nobody listens */

        run(w, "git -C standby remote set-url origin ssh://x@127.0.0.1:%u/x; sed -i 's/Port .*/Port %u/' ssh_config",
                port_of(fd), port_of(fd));
        assert_git(w, SYNC_FAILED, "refused");
        assert_rsync(w, SYNC_FAILED, "refuses the connection");
        (void) close(fd);
}

static void test_silent_server(void **state) {
        struct world *w = *state;
        int fd = listen_at(0, 8); /* accepts by the backlog alone */

        w->workspace.timeout = w->secrets.timeout = 500 * USEC_PER_MSEC;
        run(w, "git -C standby remote set-url origin ssh://x@127.0.0.1:%u/x; sed -i 's/Port .*/Port %u/' ssh_config",
                port_of(fd), port_of(fd));
        assert_git(w, SYNC_FAILED, "no answer");
        assert_rsync(w, SYNC_FAILED, "was not done in 500 ms");
        run(w, "git -C standby remote set-url origin http://127.0.0.1:%u/x", port_of(fd));
        assert_git(w, SYNC_FAILED, "no answer");
        (void) close(fd);
}

static void test_rejected_push(void **state) {
        struct world *w = *state;

        need_sshd(w);
        know_host(w);
        make_key(w, "ed25519", true);
        w->workspace.save = SAVE_PUSH;
        run(w, "printf '#!/bin/sh\\nexit 1\\n' >origin/hooks/pre-receive; chmod +x origin/hooks/pre-receive; echo mine >standby/mine");
        assert_git(w, SYNC_UPDATED, "not pushed");
        assert_false(w->result.pushed);
        run(w, "rm origin/hooks/pre-receive");
        assert_git(w, SYNC_UNCHANGED, "");
        assert_true(w->result.pushed);
        run(w, "git -C origin show %s:mine", w->result.unmerged);
}

static void test_secrets(void **state) {
        struct world *w = *state;

        need_sshd(w);
        know_host(w);
        make_key(w, "ed25519", true);
        assert_rsync(w, SYNC_UPDATED, "");
        assert_int_equal(w->result.files, 1);
        assert_rsync(w, SYNC_UNCHANGED, "");

        if (access("/usr/bin/rrsync", X_OK) < 0)
                return;
        /* The key restricted as the guide recommends. */
        run(w, "sed -i \"s,^,command=\\\"/usr/bin/rrsync -ro $PWD/there\\\" ,\" authorized; echo new >there/new");
        (void) strcpy(w->source, "./");
        assert_rsync(w, SYNC_UPDATED, "");
        assert_int_equal(w->result.files, 1);
        run(w, "cat here/new");
}

/* What a login gives, and to whom, without a network. */
static void test_tokens(void **state) {
        struct world *w = *state;
        char file[100];
        struct credentials l;
        git_credential *c;

        assert_true(git_libgit2_init() > 0);
        (void) snprintf(file, sizeof file, "%s/token", w->dir);
        run(w, "echo ghp_secret >token");
        w->workspace.token_file = file;
        assert_null(credentials_open(&l, &w->workspace, "https://example.org/x.git", "claw"));
        assert_int_equal(credentials_next(&l, &c, "https://evil.example.net/x.git", NULL,
                                 GIT_CREDENTIAL_USERPASS_PLAINTEXT),
                GIT_EAUTH);
        assert_int_equal(credentials_next(&l, &c, "http://example.org/x.git", NULL,
                                 GIT_CREDENTIAL_USERPASS_PLAINTEXT),
                GIT_EAUTH);
        assert_int_equal(credentials_next(&l, &c, "https://example.org/x.git", NULL,
                                 GIT_CREDENTIAL_USERPASS_PLAINTEXT),
                0);
        assert_string_equal(((git_credential_userpass_plaintext *) c)->username, "x-access-token");
        assert_string_equal(((git_credential_userpass_plaintext *) c)->password, "ghp_secret");
        git_credential_free(c);
        assert_int_equal(credentials_next(&l, &c, "https://example.org/x.git", NULL,
                                 GIT_CREDENTIAL_USERPASS_PLAINTEXT),
                GIT_EAUTH);
        free(l.url);
        (void) git_libgit2_shutdown();
}

static void test_addresses(void **state) {
        static const struct {
                const char *url, *host;
        } good[] = {
                { "git@github.com:you/workspace.git", "github.com" },
                { "ssh://git@example.org:2222/x", "example.org:2222" },
                { "https://user:ghp_secret@example.org/x", "example.org" },
                { "https://example.org/x@y", "example.org" },
                { "https://user:p%40ss@example.org:8443/x@y", "example.org:8443" },
                { "http://[::1]:8080/x@y", "[::1]:8080" },
                { "/srv/git/x", "the local remote" },
                { "file:///srv/git/x", "the local remote" },
        };
        static const char *const bad[] = { "ext::sh -c true", "ftp://example.org/x", "foo", "../x", "" };
        const struct workspace_config c = { 0 };
        char host[64];
        struct credentials l;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                assert_null(credentials_open(&l, &c, good[i].url, "claw"));
                assert_string_equal(credentials_host(&l, host, sizeof host), good[i].host);
                free(l.url);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                assert_non_null(credentials_open(&l, &c, bad[i], "claw"));
                free(l.url);
        }
}

/* A login that is not percent-encoded makes an address that nobody reads as it was meant: none of it is repeated. */
static void test_logins_are_not_told(void **state) {
        static const char *const urls[] = { "https://user:p@ssword@127.0.0.1:1/x",
                "https://user:pa/ssword@127.0.0.1:1/x", "http://pa ssword@127.0.0.1:1/x",
                "https://user:pa?ssword@127.0.0.1:1/x", "https://user:pa#ssword@127.0.0.1:1/x" };
        static const char *const errors[] = { "malformed URL 'https://user:p@ssword@example.org/x'",
                "malformed URL 'https://user:p/ssword@example.org/x'", "at http://p ssword@example.org/x",
                "malformed URL 'https://user:p'ssword@example.org/x'" };
        struct world *w = *state;
        char buf[256], small[32];

        for (size_t i = 0; i < ELEMENTSOF(urls); i++) {
                run(w, "git -C standby config remote.origin.url '%s'", urls[i]);
                assert_git(w, SYNC_REFUSED, "percent-encoded");
                assert_null(strstr(words(&w->result.workspace_why), "ssword"));
                assert_null(strstr(words(&w->result.workspace_why), "user:"));
                assert_non_null(strstr(words(&w->result.workspace_why), "git remote set-url"));
        }
        assert_true(git_libgit2_init() > 0);
        for (size_t i = 0; i < ELEMENTSOF(errors); i++) {
                git_error_set_str(GIT_ERROR_NET, errors[i]);
                assert_null(strstr(git_words(buf, sizeof buf), "ssword"));
                assert_non_null(strstr(buf, "@example.org/x"));
                assert_null(strstr(git_words(small, sizeof small), "user"));
        }
        (void) git_libgit2_shutdown();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_world, end_world)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_usual_keys),
                TEST(test_the_second_key_is_tried),
                TEST(test_configured_key),
                TEST(test_agent),
                TEST(test_wrong_key),
                TEST(test_rsa_key),
                TEST(test_passphrase),
                TEST(test_unknown_host),
                cmocka_unit_test(test_ipv6_host),
                TEST(test_doctor_of_ipv6_host),
                TEST(test_changed_host),
                TEST(test_refused_port),
                TEST(test_silent_server),
                TEST(test_rejected_push),
                TEST(test_secrets),
                TEST(test_tokens),
                cmocka_unit_test(test_addresses),
                TEST(test_logins_are_not_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
