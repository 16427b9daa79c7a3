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
#include "sync/ssh_transport.h"
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

static void spawn_sshd(struct world *w) {
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

/* sshd needs its directory in /run, and as root alone may make it; without sshd the tests are skipped. */
static void start_sshd(struct world *w) {
        int fd = listen_at(0, 0);

        w->port = port_of(fd);
        (void) close(fd);
        if (mkdir("/run/sshd", 0755) < 0 && errno != EEXIST)
                return;
        run(w,
                "ssh-keygen -q -t ed25519 -N '' -f hostkey; touch authorized; cat >sshd_config <<EOT\n"
                "Port %u\nListenAddress 127.0.0.1\nListenAddress ::1\nPermitRootLogin yes\nHostKey $PWD/hostkey\nAuthorizedKeysFile $PWD/authorized\n"
                "StrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nLogLevel QUIET\n"
                "SetEnv HOME=$PWD\nEOT\n",
                w->port);
        spawn_sshd(w);
}

static void restart_sshd(struct world *w) {
        (void) kill(w->sshd, SIGKILL);
        (void) waitpid(w->sshd, NULL, 0);
        spawn_sshd(w);
}

static int new_world(void **state) {
        struct world *w = calloc(1, sizeof *w);
        char path[200];

        assert_non_null(w);
        scratch_make(w->dir, "test_login");
        assert_int_equal(unsetenv("SSH_AUTH_SOCK"), 0);
        start_sshd(w);
        (void) snprintf(w->path, sizeof w->path, "%s/standby", w->dir);
        (void) snprintf(w->source, sizeof w->source, "%s/there/", w->dir);
        (void) snprintf(w->target, sizeof w->target, "%s/here/", w->dir);
        run(w, "mkdir bin; printf '#!/bin/sh\\nexec /usr/bin/ssh -F %%s/ssh_config \"$@\"\\n' $PWD >bin/ssh; chmod +x bin/ssh");
        (void) snprintf(path, sizeof path, "%s/bin:/usr/sbin:/usr/bin:/sbin:/bin", w->dir);
        assert_int_equal(setenv("PATH", path, true), 0);
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

static void sync_git(struct world *w) {
        const struct workspace_job job = {
                .config = &w->workspace, .host = "box", .may_move = yes, .may_push = yes
        };

        w->result = (struct sync_result){ 0 };
        workspace_sync(&job, &w->result);
}

static void assert_git(struct world *w, enum sync_part expected, const char *why) {
        sync_git(w);
        if (w->result.workspace != expected || !strstr(words(&w->result.workspace_why), why))
                fail_msg("%d instead of %d: %s", w->result.workspace, expected,
                        words(&w->result.workspace_why));
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
                { "IPv6 in a URL", "key ed25519; know6; url ssh://$me@[::1]:$port$PWD/origin", SYNC_UPDATED,
                        REFUSAL_NONE },
                { "IPv6 in scp's form", "key ed25519; know6; url $me@[::1]:$PWD/origin", SYNC_UPDATED,
                        REFUSAL_NONE },
                { "a jump",
                        "key ed25519; know; printf 'Host inner\\nHostName 127.0.0.1\\nProxyCommand /usr/bin/ssh -F %s/ssh_config -W %%h:%%p 127.0.0.1\\n' $PWD >>ssh_config; url $me@inner:$PWD/origin",
                        SYNC_UPDATED, REFUSAL_NONE },
                { "a certificate authority",
                        "key ed25519; ssh-keygen -q -t ed25519 -N '' -f ca; ssh-keygen -q -s ca -I host -h -n 127.0.0.1 hostkey.pub; echo HostCertificate $PWD/hostkey-cert.pub >>sshd_config; restart\n"
                        "echo \"@cert-authority * $(cut -d' ' -f1,2 ca.pub)\" >.ssh/known_hosts",
                        SYNC_UPDATED, REFUSAL_NONE },
                { "a revoked key", "key ed25519; know; sed -i 's/^/@revoked /' .ssh/known_hosts; know2",
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
                { "an option in the address", "key ed25519; know; url ssh://-oProxyCommand=touch%20ran/x",
                        SYNC_REFUSED, REFUSAL_ADDRESS },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct world *w = *state;

                need_sshd(w);
                run(w,
                        "me=$(id -un) port=%u; url() { git -C standby remote set-url origin \"$1\"; }\n"
                        "key() { ssh-keygen -q -t $1 -N '' -f .ssh/id_$1; cat .ssh/id_$1.pub >>authorized; }\n"
                        "know() { echo \"[127.0.0.1]:$port $(cut -d' ' -f1,2 hostkey.pub)\" >.ssh/known_hosts; }\n"
                        "know2() { echo \"[127.0.0.1]:$port $(cut -d' ' -f1,2 hostkey.pub)\" >>.ssh/known_hosts; }\n"
                        "know6() { echo \"[::1]:$port $(cut -d' ' -f1,2 hostkey.pub)\" >.ssh/known_hosts; }\n"
                        "restart() { touch restart; }\n%s",
                        w->port, cases[i].script);
                if (scratch_has(w->dir, "restart"))
                        restart_sshd(w);
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
        assert_git(w, SYNC_FAILED, "ssh to 127.0.0.1");
        w->workspace.ssh_key = (char *) "/nonexistent/key";
        assert_git(w, SYNC_FAILED, "ssh to 127.0.0.1");
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
                { "ssh://git@example.org:2222/x", "git@example.org", "2222", "/x" },
                { "ssh://example.org/~user/x", "example.org", "", "~user/x" },
                { "ssh://git@[fd7a::1]:2222/a%20b", "git@fd7a::1", "2222", "/a b" },
                { "git+ssh://[fd7a::1]/x", "fd7a::1", "", "/x" },
                { "git@example.org:x/y.git", "git@example.org", "", "x/y.git" },
                { "git@[fd7a::1]:x", "git@fd7a::1", "", "x" },
                { "[fd7a::1]:/x", "fd7a::1", "", "/x" },
                { "[example.org:2222]:x", "example.org", "2222", "x" },
                { "host:x@y:z", "host", "", "x@y:z" },
                { "ssh://-oProxyCommand=x/y", NULL, NULL, NULL },
                { "ssh://git@-x/y", NULL, NULL, NULL },
                { "-x:y", NULL, NULL, NULL },
                { "git@host:-x", NULL, NULL, NULL },
                { "ssh://host:2x/y", NULL, NULL, NULL },
                { "ssh://host", NULL, NULL, NULL },
                { "ssh:///x", NULL, NULL, NULL },
                { "host:", NULL, NULL, NULL },
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
        assert_rsync(w, SYNC_FAILED, "did not finish in 500 ms");
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
        assert_false(w->result.unmerged[0].pushed);
        run(w, "rm origin/hooks/pre-receive");
        assert_git(w, SYNC_UNCHANGED, "");
        assert_true(w->result.unmerged[0].pushed);
        run(w, "git -C origin show %s:mine", w->result.unmerged[0].name);
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
        assert_null(credentials_open(&l, &w->workspace, "https://example.org/x.git"));
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
                assert_null(credentials_open(&l, &c, good[i].url));
                assert_string_equal(credentials_host(&l, host, sizeof host), good[i].host);
                free(l.url);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                assert_non_null(credentials_open(&l, &c, bad[i]));
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
                TEST(test_ssh_is_ssh),
                TEST(test_configured_key),
                TEST(test_agent),
                TEST(test_doctor_of_ipv6_host),
                TEST(test_refused_port),
                TEST(test_silent_server),
                TEST(test_rejected_push),
                TEST(test_secrets),
                TEST(test_tokens),
                cmocka_unit_test(test_addresses),
                cmocka_unit_test(test_ssh_addresses),
                TEST(test_logins_are_not_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
