/* git and rsync over a real sshd on loopback. */
#pragma once

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "scratch.h"
#include "sync/secrets.h"
#include "sync/workspace.h"

/* A directory that is HOME too, with origin, standby (a clone), sshd's files, and keys by type. */
struct world {
        char dir[64];
        char path[100], source[100], target[100];
        unsigned port;
        pid_t sshd; /* 0: there is none */
        struct workspace_config workspace;
        struct secrets_config secrets;
        struct sync_result result;
};

static inline int listen_at(unsigned port, int backlog) {
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

static inline unsigned port_of(int fd) {
        struct sockaddr_in a;
        socklen_t n = sizeof a;

        assert_int_equal(getsockname(fd, (struct sockaddr *) &a, &n), 0);
        return ntohs(a.sin_port);
}

static inline bool answers(unsigned port) {
        struct sockaddr_in a = { .sin_family = AF_INET,
                .sin_port = htons((uint16_t) port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool ok = connect(fd, (struct sockaddr *) &a, sizeof a) == 0;

        (void) close(fd);
        return ok;
}

static inline void spawn_sshd(struct world *w) {
        w->sshd = fork();
        if (w->sshd == 0) {
                /* With a file "shadow", nobody needs a password there. */
                static const char script[] =
                        "cd \"$0\"; sshd=\"exec /usr/sbin/sshd -D -e -f $PWD/sshd_config\"\n"
                        "test -e shadow || $sshd; exec unshare -m sh -c \"mount --bind shadow /etc/shadow && $sshd\"";

                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) execl("/bin/sh", "sh", "-c", script, w->dir, NULL);
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
static inline void start_sshd(struct world *w) {
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

static inline void restart_sshd(struct world *w) {
        (void) kill(w->sshd, SIGKILL);
        (void) waitpid(w->sshd, NULL, 0);
        spawn_sshd(w);
}

static inline int new_world(void **state) {
        struct world *w = calloc(1, sizeof *w);
        char path[200];

        assert_non_null(w);
        scratch_make(w->dir, "test_ssh");
        assert_int_equal(unsetenv("SSH_AUTH_SOCK"), 0);
        start_sshd(w);
        (void) snprintf(w->path, sizeof w->path, "%s/standby", w->dir);
        (void) snprintf(w->source, sizeof w->source, "%s/there/", w->dir);
        (void) snprintf(w->target, sizeof w->target, "%s/here/", w->dir);
        run(w, "mkdir bin; printf '#!/bin/sh\\nexec /usr/bin/ssh -F %%s/ssh_config \"$@\"\\n' $PWD >bin/ssh; chmod +x bin/ssh");
        (void) snprintf(path, sizeof path, "%s/bin:/usr/sbin:/usr/bin:/sbin:/bin", w->dir);
        assert_int_equal(setenv("PATH", path, true), 0);
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
                "mkdir -m 700 .ssh there here; echo key >there/key\n"
                "printf 'Port %u\\nUserKnownHostsFile %%s/.ssh/known_hosts\\nIdentityFile %%s/.ssh/id_ed25519\\nIdentitiesOnly yes\\n' $PWD $PWD >ssh_config",
                w->port, w->port);
        *state = w;
        return 0;
}

static inline int end_world(void **state) {
        struct world *w = *state;

        if (w->sshd > 0) {
                (void) kill(w->sshd, SIGKILL);
                (void) waitpid(w->sshd, NULL, 0);
        }
        scratch_remove(w->dir);
        free(w);
        return 0;
}

static inline void need_sshd(const struct world *w) {
        if (w->sshd == 0) {
                print_message("no sshd can be started here: openssh-server and root are needed\n");
                skip();
        }
}

static inline void know_host(const struct world *w) {
        run(w, "echo \"[127.0.0.1]:%u $(cut -d' ' -f1,2 hostkey.pub)\" >.ssh/known_hosts", w->port);
}

static inline void make_key(const struct world *w, const char *type, bool authorized) {
        run(w, "ssh-keygen -q -t %s -N '' -f .ssh/id_%s; if %s; then cat .ssh/id_%s.pub >>authorized; fi",
                type, type, authorized ? "true" : "false", type);
}

static inline bool yes(void *userdata _unused_) {
        return true;
}

static inline void sync_git(struct world *w) {
        const struct workspace_job job = {
                .config = &w->workspace, .host = "box", .may_move = yes, .may_push = yes
        };

        w->result = (struct sync_result){ 0 };
        workspace_sync(&job, &w->result);
}

static inline void assert_git(struct world *w, enum sync_part expected, const char *why) {
        sync_git(w);
        if (w->result.workspace != expected || !strstr(words(&w->result.workspace_why), why))
                fail_msg("%d instead of %d: %s", w->result.workspace, expected,
                        words(&w->result.workspace_why));
}

static inline void assert_rsync(struct world *w, enum sync_part expected, const char *why) {
        const struct secrets_task task = { &w->secrets, NULL };
        struct child c;

        w->result = (struct sync_result){ 0 };
        assert_int_equal(secrets_start(&task, &c, &w->result), 0);
        secrets_finish(&task, &c, &w->result);
        if (w->result.secrets != expected || !strstr(words(&w->result.secrets_why), why))
                fail_msg("%d instead of %d: %s", w->result.secrets, expected, words(&w->result.secrets_why));
}

/* What the scripts of the cases are made of. */
static inline void run_case(struct world *w, const char *script) {
        run(w,
                "me=$(id -un) port=%u; url() { git -C standby remote set-url origin \"$1\"; }\n"
                "key() { ssh-keygen -q -t $1 -N '' -f .ssh/id_$1; cat .ssh/id_$1.pub >>authorized; }\n"
                "host() { echo \"[$1]:$port $(cut -d' ' -f1,2 hostkey.pub)\" >>.ssh/known_hosts; }\n"
                "know() { host 127.0.0.1; }\n"
                "none() { sed 's/^\\([^:]*\\):[^:]*:/\\1::/' /etc/shadow >shadow; sed -i s/PasswordAuth.*/PasswordAuthentication\\ yes/ sshd_config; echo PermitEmptyPasswords yes >>sshd_config; restart; }\n"
                "force() { { echo '#!/bin/sh'; cat; } >forced; chmod +x forced; echo ForceCommand $PWD/forced >>sshd_config; restart; }\n"
                "restart() { touch restart; }\n%s",
                w->port, script);
        if (scratch_has(w->dir, "restart"))
                restart_sshd(w);
        need_sshd(w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_world, end_world)
