/* The workspace's remote over a real sshd: keys, known hosts, addresses, and the words for what goes wrong. */
#include "ssh_fixture.h"

#if __has_include(<git2/sys/errors.h>) /* where git_error_set_str() is since libgit2 1.8 */
#include <git2/sys/errors.h>
#endif

#include "sync/ssh_transport.h"

/* What ssh can do, git here can: each of these is the server's, the client's, or known_hosts' affair. */
static void test_ssh_is_ssh(void **state) {
        static const struct {
                const char *what, *script;
                enum sync_part expected;
                enum refusal_code code;
        } cases[] = {
                { "a key", "key ed25519; know", SYNC_UPDATED, REFUSAL_NONE },
                { "another key", "key ecdsa; know; sed -i s/id_ed25519/id_ecdsa/ ssh_config", SYNC_UPDATED,
                        REFUSAL_NONE },
                { "an RSA key", "key rsa; know; sed -i s/id_ed25519/id_rsa/ ssh_config", SYNC_UPDATED,
                        REFUSAL_NONE },
                { "scp's form", "key ed25519; know; url $me@127.0.0.1:$PWD/origin", SYNC_UPDATED,
                        REFUSAL_NONE },
                { "a name of the user's own",
                        "key ed25519; know; printf 'Host forge\\nHostName 127.0.0.1\\nHostKeyAlias [127.0.0.1]:%s\\n' $port >>ssh_config; url forge:$PWD/origin",
                        SYNC_UPDATED, REFUSAL_NONE },
                { "IPv6 in a URL", "key ed25519; host ::1; url ssh://$me@[::1]:$port$PWD/origin",
                        SYNC_UPDATED, REFUSAL_NONE },
                { "IPv6 in scp's form", "key ed25519; host ::1; url $me@[::1]:$PWD/origin", SYNC_UPDATED,
                        REFUSAL_NONE },
                { "a jump",
                        "key ed25519; know; printf 'Host inner\\nHostName 127.0.0.1\\nProxyCommand /usr/bin/ssh -F %s/ssh_config -W %%h:%%p 127.0.0.1\\n' $PWD >>ssh_config; url $me@inner:$PWD/origin",
                        SYNC_UPDATED, REFUSAL_NONE },
                { "ProxyJump",
                        "key ed25519; know; printf 'Host inner\\nHostName 127.0.0.1\\nProxyJump 127.0.0.1\\n' >>ssh_config; url $me@inner:$PWD/origin",
                        SYNC_UPDATED, REFUSAL_NONE },
                { "no login at all", "know; none", SYNC_UPDATED, REFUSAL_NONE },
                { "a banner, and a shell that prints to its errors",
                        "key ed25519; know; echo Welcome >banner; echo Banner $PWD/banner >>sshd_config; echo 'echo Hello >&2; exec sh -c \"$SSH_ORIGINAL_COMMAND\"' | force",
                        SYNC_UPDATED, REFUSAL_NONE },
                { "a certificate authority",
                        "key ed25519; ssh-keygen -q -t ed25519 -N '' -f ca; ssh-keygen -q -s ca -I host -h -n 127.0.0.1 hostkey.pub; echo HostCertificate $PWD/hostkey-cert.pub >>sshd_config; restart\n"
                        "echo \"@cert-authority * $(cut -d' ' -f1,2 ca.pub)\" >.ssh/known_hosts",
                        SYNC_UPDATED, REFUSAL_NONE },
                { "a revoked key", "key ed25519; know; sed -i 's/^/@revoked /' .ssh/known_hosts; know",
                        SYNC_FAILED, REFUSAL_SSH },
                { "a line of garbage", "key ed25519; know; sed -i '1i garbage' .ssh/known_hosts",
                        SYNC_UPDATED, REFUSAL_NONE },
                { "a server with an RSA key only",
                        "key ed25519; rm hostkey*; ssh-keygen -q -t rsa -N '' -f hostkey; restart; know",
                        SYNC_UPDATED, REFUSAL_NONE },
                { "an unknown host", "key ed25519", SYNC_FAILED, REFUSAL_SSH },
                { "another host's key",
                        "key ed25519; know; ssh-keygen -q -t ed25519 -N '' -f other; sed -i \"s, .*, $(cut -d' ' -f1,2 other.pub),\" .ssh/known_hosts",
                        SYNC_FAILED, REFUSAL_SSH },
                { "no key", "know", SYNC_FAILED, REFUSAL_SSH },
                { "a key that nobody let in", "key ed25519; know; : >authorized", SYNC_FAILED, REFUSAL_SSH },
                { "a passphrase",
                        "know; ssh-keygen -q -t ed25519 -N secret -f .ssh/id_ed25519; cat .ssh/id_ed25519.pub >>authorized",
                        SYNC_FAILED, REFUSAL_SSH },
                { "no such repository", "key ed25519; know; url ssh://$me@127.0.0.1:$port$PWD/nowhere",
                        SYNC_FAILED, REFUSAL_REMOTE },
                { "a remote's HEAD that leads nowhere",
                        "key ed25519; know; git -C standby symbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/none",
                        SYNC_UPDATED, REFUSAL_NONE },
                { "an option in the address", "key ed25519; know; url ssh://-oProxyCommand=touch%20ran/x",
                        SYNC_FAILED, REFUSAL_REMOTE },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct world *w = *state;

                need_sshd(w);
                run_case(w, cases[i].script);
                sync_git(w);
                if (w->result.workspace != cases[i].expected ||
                        w->result.workspace_why.code != cases[i].code)
                        fail_msg("%s: %d %s", cases[i].what, w->result.workspace,
                                words(&w->result.workspace_why));
                assert_false(scratch_has(w->dir, "standby/ran"));
                assert_int_equal(end_world(state), 0);
                assert_int_equal(new_world(state), 0);
        }
}

static void test_configured_key(void **state) {
        struct world *w = *state;
        char key[100];

        need_sshd(w);
        know_host(w);
        make_key(w, "ed25519", true);
        run(w, "mv .ssh/id_ed25519 deploy; mv .ssh/id_ed25519.pub deploy.pub; sed -i /IdentityFile/d ssh_config");
        assert_git(w, SYNC_FAILED, "ssh to the remote origin");
        w->workspace.ssh_key = (char *) "/nonexistent/key";
        assert_git(w, SYNC_FAILED, " -c 'core.sshCommand=ssh -i /nonexistent/key' fetch origin");
        w->workspace.ssh_key = (char *) "/the gateway's key;touch ran";
        assert_git(w, SYNC_FAILED, " -c ");
        run(w, "sudo() { shift 2; \"$@\"; }; export GIT_SSH_VARIANT=ssh; %s >words 2>&1 || true; grep -F \"file /the gateway's key;touch ran not\" words; not test -e ran -o -e standby/ran",
                w->result.workspace_why.command);
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
                "eval $(ssh-agent -a agent) >/dev/null; ssh-add -q .ssh/id_ed25519; rm .ssh/id_*; sed -i /Identit/d ssh_config; echo $SSH_AGENT_PID");
        assert_int_equal(setenv("SSH_AUTH_SOCK", socket_path, true), 0);
        assert_git(w, SYNC_UPDATED, "");
        run(w, "kill %s", pid);
        assert_git(w, SYNC_FAILED, "");
        assert_int_equal(unsetenv("SSH_AUTH_SOCK"), 0);
}

static void test_ssh_addresses(void **state _unused_) {
        static const struct {
                const char *url, *login, *port, *path;
        } cases[] = {
                { "ssh://git@example.org/x.git", "git@example.org", "", "/x.git" },
                { "ssh://git@example.org:2222/x", "git@example.org", ":2222", "/x" },
                { "ssh://example.org/~user/x", "example.org", "", "~user/x" },
                { "ssh://git@[fd7a::1]:2222/a%20b", "git@fd7a::1", ":2222", "/a b" },
                { "git+ssh://[fd7a::1]/x", "fd7a::1", "", "/x" },
                { "git@example.org:x/y.git", "git@example.org", "", "x/y.git" },
                { "git@[fd7a::1]:x", "git@fd7a::1", "", "x" },
                { "[fd7a::1]:/x", "fd7a::1", "", "/x" },
                { "host:x@y:z", "host", "", "x@y:z" },
                { "host:[x]:y", "host", "", "[x]:y" },
                { "ssh://-oProxyCommand=x/y" },
                { "ssh://git@-x/y" },
                { "-x:y" },
                { "git@host:-x" },
                { "ssh://host:2x/y" },
                { "ssh://host" },
                { "ssh://[fd7a::1" },
                { "ssh:///x" },
                { "host:" },
                { "ext::sh -c true" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct ssh_address a;
                int k = ssh_address_parse(cases[i].url, &a);

                if ((k == 0) != (cases[i].login != NULL))
                        fail_msg("%s: %d", cases[i].url, k);
                if (k == 0 &&
                        (strcmp(a.login, cases[i].login) != 0 || strcmp(a.port, cases[i].port) != 0 ||
                                strcmp(a.path, cases[i].path) != 0))
                        fail_msg("%s: %s %s %s", cases[i].url, a.login, a.port, a.path);
        }
}

static void test_refused_port(void **state) {
        struct world *w = *state;
        int fd = listen_at(0, 0); /* bound, and nobody listens */

        run(w, "git -C standby remote set-url origin ssh://x@127.0.0.1:%u/x; sed -i 's/Port .*/Port %u/' ssh_config",
                port_of(fd), port_of(fd));
        assert_git(w, SYNC_FAILED, "Connection refused");
        assert_rsync(w, SYNC_FAILED, "");
        (void) close(fd);
}

static void test_silent_server(void **state) {
        struct world *w = *state;
        int fd = listen_at(0, 8); /* accepts by the backlog alone */

        w->workspace.timeout = w->secrets.timeout = 500 * USEC_PER_MSEC;
        run(w, "git -C standby remote set-url origin ssh://x@127.0.0.1:%u/x; sed -i 's/Port .*/Port %u/' ssh_config",
                port_of(fd), port_of(fd));
        assert_git(w, SYNC_FAILED, "no answer");
        assert_rsync(w, SYNC_FAILED, "did not finish in time");
        run(w, "git -C standby remote set-url origin http://127.0.0.1:%u/x", port_of(fd));
        assert_git(w, SYNC_FAILED, "no answer");
        (void) close(fd);
}

/* The connection is given up here, which ends ssh with 255: neither it nor a banner that it printed is the reason. */
static void test_nowhere_to_write(void **state) {
        struct world *w = *state;

        need_sshd(w);
        if (geteuid() != 0)
                skip(); /* only root mounts */
        run_case(w,
                "key ed25519; know; echo Welcome >banner; echo Banner $PWD/banner >>sshd_config; restart");
        run(w, "mount -t tmpfs -o nr_inodes=1 none standby/.git/objects/pack");
        sync_git(w);
        run(w, "umount standby/.git/objects/pack");
        assert_int_equal(w->result.workspace, SYNC_FAILED);
        assert_non_null(strstr(words(&w->result.workspace_why), "No space left on device"));
        assert_int_equal(w->result.workspace_why.code, REFUSAL_REMOTE);
}

static void test_rejected_push(void **state) {
        struct world *w = *state;

        need_sshd(w);
        know_host(w);
        make_key(w, "ed25519", true);
        w->workspace.save = SAVE_PUSH;
        run(w, "printf '#!/bin/sh\\nexit 1\\n' >origin/hooks/pre-receive; chmod +x origin/hooks/pre-receive; echo mine >standby/mine");
        assert_git(w, SYNC_UPDATED, "not pushed");
        assert_false(w->result.unmerged[0].pushed);
        run(w, "rm origin/hooks/pre-receive");
        assert_git(w, SYNC_UNCHANGED, "");
        assert_true(w->result.unmerged[0].pushed);
        run(w, "git -C origin show %s:mine", w->result.unmerged[0].name);
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
                assert_git(w, SYNC_FAILED, "the remote origin");
                assert_null(strstr(words(&w->result.workspace_why), "ssword"));
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

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_ssh_is_ssh),
                TEST(test_configured_key),
                TEST(test_agent),
                TEST(test_refused_port),
                TEST(test_silent_server),
                TEST(test_nowhere_to_write),
                TEST(test_rejected_push),
                cmocka_unit_test(test_ssh_addresses),
                TEST(test_logins_are_not_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
