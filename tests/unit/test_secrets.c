/* The secrets by the real rsync, over a shell that runs the far side here. Over a real sshd: see test_login.c. */
#include "sync/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/clock.h"
#include "scratch.h"
#include "sync/landlock.h"

/* A directory with the far side's "there", our "here", and "ssh", a script. */
struct world {
        char dir[64];
        char source[100], target[100], ssh[100];
        struct secrets_config config;
        usec_t late;
        struct sync_result result;
};

static int new_world(void **state) {
        struct world *w = calloc(1, sizeof *w);

        assert_non_null(w);
        scratch_make(w->dir, "test_secrets");
        (void) snprintf(w->source, sizeof w->source, "%s/there/", w->dir);
        (void) snprintf(w->target, sizeof w->target, "%s/here/", w->dir);
        (void) snprintf(w->ssh, sizeof w->ssh, "%s/ssh", w->dir);
        w->config = (struct secrets_config){ .host = (char *) "claw@far",
                .source = w->source,
                .target = w->target,
                .timeout = 20 * USEC_PER_SEC };
        run(w,
                "mkdir -m 700 here; mkdir -p there/sub; echo key >there/key; echo deep >there/sub/deep; chmod -R a+rX there\n"
                "mkdir .ssh; printf '#!/bin/sh\\ncd $(dirname $0)\\nwhile [ \"$1\" != far ]; do shift; done; shift; exec sh -c \"$*\"\\n' >ssh; chmod +x ssh");
        *state = w;
        return 0;
}

static int end_world(void **state) {
        struct world *w = *state;

        scratch_remove(w->dir);
        free(w);
        return 0;
}

static void set_ssh(const struct world *w, const char *script) {
        run(w, "cat >ssh <<'EOT'\n#!/bin/sh\n%s\nEOT\n", script);
}

static void assert_sync(struct world *w, enum sync_part expected, const char *why) {
        const struct secrets_task task = { &w->config, w->ssh, w->late };
        char line[SYNC_RESULT_MAX];
        struct child c;

        w->result = (struct sync_result){ 0 };
        assert_int_equal(secrets_start(&task, &c, &w->result), 0);
        secrets_finish(&task, &c, &w->result);
        assert_int_equal(sync_result_format(&w->result, line), 0);
        if (w->result.secrets != expected || !strstr(words(&w->result.secrets_why), why))
                fail_msg("%d instead of %d: %s", w->result.secrets, expected, words(&w->result.secrets_why));
}

static void test_copies(void **state) {
        struct world *w = *state;

        run(w, "chmod 666 there/key; chmod -R go+w there");
        assert_sync(w, SYNC_UPDATED, "");
        assert_int_equal(w->result.files, 2);
        assert_sh(w, "cd here; find . -printf '%p %m\\n' | sort",
                ". 700\n./key 600\n./sub 700\n./sub/deep 600");
        assert_sync(w, SYNC_UNCHANGED, "");
        assert_int_equal(w->result.files, 0);
}

static void test_takes_no_devices(void **state) {
        struct world *w = *state;

        if (geteuid() != 0)
                skip(); /* only root makes them */
        run(w, "mknod there/null c 1 3; mknod there/disk b 7 0; mknod there/sub/null c 1 3");
        assert_sync(w, SYNC_INCOMPLETE, "");
        assert_int_equal(w->result.files, 2);
        assert_sh(w, "find here ! -type d | sort", "here/key\nhere/sub/deep");
}

/* A sender that does not do what it was told. It is rsync itself that stops it: since 3.2.5 (Debian 12 began with 3.2.7) the
 * receiver takes no name that leads out of the target, and none that was not asked for. Links and devices are in none of our
 * options, so that it does not even expect what follows their names: that breaks the protocol, or it waits until the deadline.
 * Behind it are Landlock (the next test) and the unit. Below a directory that we asked for, names are the sender's to choose. */
static void test_a_hostile_host(void **state) {
        static const struct {
                const char *name;   /* sent in the place of another of its length; or */
                const char *option; /* to the sender besides what we ask for, and */
                const char *source; /* what it is to send in the place of */
                const char *asked;  /* below "there/" */
                enum sync_part part;
                const char *why;
        } cases[] = {
                { "../evil", NULL, NULL, "", SYNC_REFUSED, "" },
                { "$PWD/evil", NULL, NULL, "", SYNC_REFUSED, "" },
                { "sub/../../evil", NULL, NULL, "", SYNC_REFUSED, "" },
                { NULL, "R", "$PWD/far/evil", "key", SYNC_REFUSED, "" },
                { NULL, "R", "../far/evil", "key", SYNC_REFUSED, "" },
                { NULL, "", "evil", "key", SYNC_REFUSED, "" },
                { NULL, "l", "../there/", "", SYNC_INCOMPLETE, "" },
                { NULL, "D", "../there/", "", SYNC_INCOMPLETE, "" },
        };
        struct world *w = *state;

        run(w,
                "mkdir far; ln -s ../evil there/link; mknod there/null c 1 3 || true\n"
                "cat >relay.py <<'EOT'\nimport os, subprocess, sys\n"
                "old, new = open('names', 'rb').read().split()\n"
                "rsync = subprocess.Popen(sys.argv[1:], stdin=0, stdout=subprocess.PIPE)\n"
                "while data := os.read(rsync.stdout.fileno(), 65536): os.write(1, data.replace(old, new))\nEOT\n");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const char *name = cases[i].name;

                if (!name && *cases[i].option == 'D' && geteuid() != 0)
                        continue; /* only root makes a device */
                (void) snprintf(w->source, sizeof w->source, "%s/there/%s", w->dir, cases[i].asked);
                w->late = name || *cases[i].asked ? 0 : w->config.timeout - 2 * USEC_PER_SEC;
                if (name) {
                        run(w, "rm -f there/Q*; name=%s; other=$(echo $name | sed s/./Q/g); echo evil >there/$other; echo $other $name >names",
                                name);
                        set_ssh(w,
                                "cd; while [ $1 != far ]; do shift; done; shift; exec python3 relay.py \"$@\"");
                } else
                        run(w,
                                "rm -f there/Q*; echo evil >far/evil; cat >ssh <<EOT\n#!/bin/sh\n"
                                "cd $PWD/far; while [ \\$1 != far ]; do shift; done; shift\n"
                                "exec \\$(echo \\$* | sed 's,-tpr,-tpr%s,; s, [.] .*, . %s,')\nEOT",
                                cases[i].option, cases[i].source);
                assert_sync(w, cases[i].part, cases[i].why);
                run(w, "not test -e evil; not test -e here/evil; test -z \"$(find here ! -type d ! -type f)\"");
        }
}

/* Nor can an rsync that its sender has taken over write anywhere else. */
static void test_a_taken_over_rsync(void **state) {
        struct world *w = *state;
        const char *const paths[] = { "/dev/null", w->target };
        char path[200];
        pid_t pid;
        int status;

        run(w,
                "mkdir -p here bin; cat >bin/rsync <<EOT\n#!/bin/sh\n"
                "echo evil >$PWD/here/evil; echo evil >$PWD/evil; mkdir $PWD/dir; rm -rf $PWD/there; ln -s / $PWD/link\nEOT\n"
                "chmod +x bin/rsync");
        (void) snprintf(path, sizeof path, "%s/bin:%s", w->dir, getenv("PATH"));
        pid = fork();
        if (pid == 0) {
                int r = landlock_confine_writes(paths, ELEMENTSOF(paths));
                const struct secrets_task task = { &w->config, w->ssh, 0 };
                struct child c;

                if (r < 0)
                        _exit(r == -EOPNOTSUPP ? 77 : 1);
                (void) setenv("PATH", path, true);
                if (secrets_start(&task, &c, &w->result) == 0)
                        secrets_finish(&task, &c, &w->result);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
                skip(); /* no Landlock here */
        assert_int_equal(status, 0);
        run(w, "test -e here/evil; not test -e evil; not test -e dir; not test -L link; test -e there/key");
}

static void test_rotated_and_never_deleted(void **state) {
        struct world *w = *state;

        run(w, "chmod 755 here; echo old >here/key; touch -d 2001-01-01 here/key; echo own >here/own; chmod 644 here/key");
        assert_sync(w, SYNC_UPDATED, "");
        assert_sh(w, "cat here/key here/own; stat -c %a here here/key", "key\nown\n700\n600");
        run(w, "rm there/sub/deep; echo new >there/key; touch -d 2031-01-01 there/key; chmod 640 here/key");
        assert_sync(w, SYNC_UPDATED, "");
        assert_int_equal(w->result.files, 1);
        assert_sh(w, "cat here/key here/own here/sub/deep; stat -c %a here/key", "new\nown\ndeep\n600");
}

/* A name like that of rsync's directories in the path of the target says nothing about what is in it. */
static void test_target_below_such_a_name(void **state) {
        struct world *w = *state;

        run(w, "mkdir -p .openclaw-failover/here; echo own >.openclaw-failover/here/own");
        (void) snprintf(w->target, sizeof w->target, "%s/.openclaw-failover/here", w->dir);
        assert_sync(w, SYNC_UPDATED, "");
        assert_sh(w, "cat .openclaw-failover/here/own", "own");
}

static void test_leftovers_go(void **state) {
        struct world *w = *state;

        run(w, "mkdir -p here/.openclaw-failover; echo half >here/.openclaw-failover/key.Ab3dEf");
        assert_sync(w, SYNC_UPDATED, "");
        assert_sh(w, "cd here; find . | sort", ".\n./key\n./sub\n./sub/deep");
}

/* A secret whose name only begins like that of rsync's directories. */
static void test_such_names_are_copied(void **state) {
        struct world *w = *state;

        run(w, "cd there; echo t >.openclaw-failover-token; mkdir .~tmp~s sub/.openclaw-failover.d; echo a >.~tmp~s/a; echo b >sub/.openclaw-failover.d/b; echo c >'Schlüssel'");
        assert_sync(w, SYNC_UPDATED, "");
        assert_sh(
                w, "cd here; cat .openclaw-failover-token .~tmp~s/a sub/.openclaw-failover.d/b", "t\na\nb");
        assert_sync(w, SYNC_UNCHANGED, "");
}

static void test_bad_targets(void **state) {
        struct world *w = *state;

        run(w, "rmdir here; echo file >here");
        assert_sync(w, SYNC_REFUSED, "Not a directory");
        assert_sh(w, "cat here", "file");
        run(w, "rm here; ln -s nowhere here");
        assert_sync(w, SYNC_REFUSED, "here");
        run(w, "rm here");
        (void) strcpy(w->target, "/nonexistent/here");
        assert_sync(w, SYNC_REFUSED, "No such file");
        if (geteuid() != 0)
                return; /* only root gives directories away */
        (void) snprintf(w->target, sizeof w->target, "%s/here", w->dir);
        run(w, "mkdir here; chown nobody here");
        assert_sync(w, SYNC_REFUSED, "belongs to another user: sudo chown -hR root: /");
        assert_non_null(strstr(words(&w->result.secrets_why), w->target));
        (void) strcat(w->target, "/"); /* with which chown(1) would follow a link */
        assert_sync(w, SYNC_REFUSED, "belongs to another user");
        assert_null(strstr(words(&w->result.secrets_why), "/here/"));
        run(w, "mv here there; ln -s there/here here");
        assert_sync(w, SYNC_REFUSED, "here is a symbolic link to there/here");
        assert_null(strstr(words(&w->result.secrets_why), "chown"));
}

/* One that leads to a directory of ours is as good as that. */
static void test_target_by_a_link(void **state) {
        struct world *w = *state;

        run(w, "rmdir here; mkdir real; ln -s real here");
        (void) snprintf(w->target, sizeof w->target, "%s/here", w->dir);
        assert_sync(w, SYNC_UPDATED, "");
        assert_sync(w, SYNC_UNCHANGED, "");
        run(w, "mkdir real/.openclaw-failover; echo new >there/new");
        assert_sync(w, SYNC_UPDATED, "");
        assert_sh(w, "cd real; find . -type f | sort; test -L ../here", "./key\n./new\n./sub/deep");
        run(w, "not test -e real/.openclaw-failover");
}

static void test_two_at_once(void **state) {
        struct world *w = *state;
        _cleanup_close_ int fd = -1;

        fd = open(w->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(flock(fd, LOCK_EX), 0);
        w->config.timeout = 300 * USEC_PER_MSEC;
        assert_sync(w, SYNC_FAILED, "another sync");
        assert_int_equal(flock(fd, LOCK_UN), 0);

        /* One that ends soon is waited for. */
        w->config.timeout = USEC_PER_MINUTE;
        run(w, "echo x >there/s; flock here sh -c '>locked; sleep 0.5' >/dev/null 2>&1 & until test -e locked; do sleep 0.01; done");
        assert_sync(w, SYNC_UPDATED, "");
}

static void assert_code(struct world *w, enum sync_part part, enum refusal_code code) {
        assert_sync(w, part, "");
        if (w->result.secrets_why.code != code)
                fail_msg("%s instead of %s: %s", refusal_code_name(w->result.secrets_why.code),
                        refusal_code_name(code), words(&w->result.secrets_why));
}

/* Exit codes decide; what ssh says is only repeated. */
static void test_codes(void **state) {
        static const struct {
                const char *script;
                enum refusal_code code;
        } cases[] = {
                { "echo 'claw@far: Permission denied (publickey).' >&2; exit 255", REFUSAL_SSH },
                { "echo 'anything else' >&2; exit 255", REFUSAL_SSH },
                { "echo 'bash: rsync: command not found' >&2; exit 127", REFUSAL_NO_RSYNC },
                { "exit 3", REFUSAL_ERROR },
                { "echo Welcome; while [ \"$1\" != far ]; do shift; done; shift; exec sh -c \"$*\"",
                        REFUSAL_NOISY },
                { "echo garbage; sleep 0.1", REFUSAL_NOISY },
                { "head -c 10000000 /dev/zero; head -c 10000000 /dev/zero >&2", REFUSAL_NOISY },
                { "kill -9 $PPID", REFUSAL_ERROR },
        };
        struct world *w = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                set_ssh(w, cases[i].script);
                assert_code(w, SYNC_FAILED, cases[i].code);
        }
        set_ssh(w, cases[0].script);
        assert_sync(w, SYNC_FAILED, "Permission denied (publickey)");
        /* Rsync wants brackets, ssh takes none. */
        w->config.host = (char *) "claw@[::1]";
        assert_sync(w, SYNC_FAILED, " claw@::1 true");
}

static void test_a_full_disk(void **state) {
        struct world *w = *state;

        if (geteuid() != 0)
                skip(); /* only root mounts */
        run(w, "head -c 3M /dev/urandom >there/large; mount -t tmpfs -o size=1m none here");
        assert_code(w, SYNC_FAILED, REFUSAL_DISK);
        run(w, "umount here");
        assert_string_equal(w->result.secrets_why.command, "");
}

/* A key that rrsync(1) restricts, and one that it should. */
static void test_keys(void **state) {
        static const char *const homes[] = { "./", ".", "././", "~/", "../home/" };
        struct world *w = *state;

        run(w, "mkdir home; echo x >home/.bashrc; mkdir home/.ssh; echo private >home/.ssh/id_ed25519");
        set_ssh(w,
                "while [ \"$1\" != far ]; do shift; done; shift; cd $(dirname $0)/home; export HOME=$PWD; exec sh -c \"$*\"");
        for (size_t i = 0; i < ELEMENTSOF(homes); i++) {
                w->config.source = (char *) homes[i];
                assert_code(w, SYNC_REFUSED, REFUSAL_UNRESTRICTED);
                run(w, "test -z \"$(ls -A here)\"");
        }
        run(w, "rm -r home/.ssh; mv home/.bashrc home/.npm"); /* as a login without a key may find it */
        w->config.source = (char *) "./";
        assert_code(w, SYNC_REFUSED, REFUSAL_UNRESTRICTED);

        if (access("/usr/bin/rrsync", X_OK) < 0)
                skip();
        set_ssh(w,
                "while [ \"$1\" != far ]; do shift; done; shift; cd /; SSH_ORIGINAL_COMMAND=\"$*\" exec /usr/bin/rrsync -ro $(dirname $0)/there");
        assert_code(w, SYNC_UPDATED, REFUSAL_NONE);
        assert_sh(w, "cat here/key", "key");
        w->config.source = (char *) "~/.secrets/";
        assert_code(w, SYNC_FAILED, REFUSAL_ERROR);
        assert_non_null(strstr(w->result.secrets_why.text, "rrsync error"));
}

static void test_source_missing(void **state) {
        struct world *w = *state;

        (void) strcat(w->source, "missing/");
        assert_code(w, SYNC_FAILED, REFUSAL_NO_SOURCE);
}

/* What arrives is what was there. */
static void test_kept_as_it_was(void **state) {
        struct world *w = *state;

        run(w,
                "cd there; echo '#!/bin/sh' >helper; chmod 700 helper; ln -s key link; ln -s sub dirlink; chmod 755 key\n"
                "mkdir d; echo x >d/x; echo f >f");
        assert_code(w, SYNC_UPDATED, REFUSAL_NONE);
        assert_sh(w, "cd here; stat -c %a helper key; readlink link dirlink", "700\n700\nkey\nsub");
        assert_code(w, SYNC_UNCHANGED, REFUSAL_NONE);
        /* Other bytes of the same size and time; a directory becomes a file, and the reverse. */
        run(w, "cd there; touch -r key t; printf 'KEY\\n' >key; touch -r t key; rm t; rm -r d f; echo d >d; mkdir f; echo y >f/y");
        assert_code(w, SYNC_UPDATED, REFUSAL_NONE);
        assert_sh(w, "cd here; cat key d f/y", "KEY\nd\ny");
}

static void test_one_bad_file_costs_itself(void **state) {
        struct world *w = *state;

        run(w, "truncate -s 65M there/big; ln -s /etc/passwd there/out; mkfifo there/fifo");
        assert_code(w, SYNC_INCOMPLETE, REFUSAL_INCOMPLETE);
        assert_int_equal(w->result.files, 2);
        for (const char *const *name = (const char *const[]){ "big", "out", "fifo", NULL }; *name; name++)
                assert_non_null(strstr(w->result.secrets_why.text, *name));
        assert_sh(w, "cd here; find . -type f | sort", "./key\n./sub/deep");
        assert_code(w, SYNC_INCOMPLETE, REFUSAL_INCOMPLETE);
        run(w, "rm there/big there/out there/fifo");
        assert_code(w, SYNC_UNCHANGED, REFUSAL_NONE);
        if (geteuid() != 0)
                skip(); /* only root reads as somebody else */
        set_ssh(w,
                "echo Welcome >&2; while [ \"$1\" != far ]; do shift; done; shift; exec setpriv --reuid=65534 --clear-groups sh -c \"$*\"");
        run(w, "chmod 711 . ..; chmod -R a+rX there; echo s >there/shut; chmod 600 there/shut; echo new >there/new");
        assert_code(w, SYNC_INCOMPLETE, REFUSAL_INCOMPLETE);
        assert_non_null(strstr(w->result.secrets_why.text, "shut"));
        assert_sh(w, "cat here/new", "new");
        /* One of the same size is here from before. */
        run(w, "echo o >here/shut");
        assert_code(w, SYNC_INCOMPLETE, REFUSAL_INCOMPLETE);
        assert_non_null(strstr(w->result.secrets_why.text, "shut"));
        /* Nor is one named alone if two fail. */
        run(w, "echo older >here/shut2; echo s >there/shut2; chmod 600 there/shut2");
        assert_code(w, SYNC_INCOMPLETE, REFUSAL_INCOMPLETE);
        assert_non_null(strstr(w->result.secrets_why.text, "/shut\""));
        assert_non_null(strstr(w->result.secrets_why.text, "/shut2\""));
        run(w, "rm there/shut2");
        run(w, "truncate -s 65M there/big; chmod a+r there/big");
        assert_code(w, SYNC_INCOMPLETE, REFUSAL_INCOMPLETE);
        assert_non_null(strstr(w->result.secrets_why.text, "big"));
        assert_non_null(strstr(w->result.secrets_why.text, "shut"));
}

/* Each connection adds to a file: it is longer when it is copied than when it was listed. */
static void test_grows_while_it_is_copied(void **state) {
        struct world *w = *state;

        set_ssh(w,
                "while [ \"$1\" != far ]; do shift; done; shift; echo more >>$(dirname $0)/there/log; exec sh -c \"$*\"");
        assert_code(w, SYNC_UPDATED, REFUSAL_NONE);
        assert_code(w, SYNC_UPDATED, REFUSAL_NONE);
        assert_sh(w, "cmp here/log there/log", "");
}

/* A file system that is not mounted, perhaps. */
static void test_an_empty_source_removes_nothing(void **state) {
        struct world *w = *state;

        assert_code(w, SYNC_UPDATED, REFUSAL_NONE);
        run(w, "rm -r there/*");
        assert_code(w, SYNC_UNCHANGED, REFUSAL_NONE);
        w->config.delete = true;
        assert_code(w, SYNC_REFUSED, REFUSAL_NO_SOURCE);
        assert_sh(w, "cat here/key", "key");
        run(w, "rm -r here/*");
        assert_code(w, SYNC_UNCHANGED, REFUSAL_NONE);
}

static void test_the_total_is_bounded(void **state) {
        struct world *w = *state;

        run(w, "for i in 1 2 3 4; do truncate -s 60M there/$i; done");
        assert_code(w, SYNC_UPDATED, REFUSAL_NONE);
        run(w, "rm there/[1-4]; truncate -s 60M there/5");
        assert_code(w, SYNC_REFUSED, REFUSAL_TOO_LARGE); /* with what is here of yesterday */
        w->config.delete = true;
        assert_code(w, SYNC_UPDATED, REFUSAL_NONE);
        assert_sh(w, "cd here; ls", "5\nkey\nsub");
        run(w, "for i in 1 2 3 4; do truncate -s 60M there/$i; done");
        assert_code(w, SYNC_REFUSED, REFUSAL_TOO_LARGE);
}

/* Of more files than a listing has room for none is copied, and it is said why. */
static void test_the_number_is_bounded(void **state) {
        struct world *w = *state;

        run(w, "mkdir there/many; cd there/many; p=$(head -c 150 /dev/zero | tr '\\0' x); seq -f \"$p%%g\" 25000 | xargs touch");
        assert_code(w, SYNC_REFUSED, REFUSAL_TOO_LARGE);
        run(w, "test -z \"$(ls -A here)\"");
}

static void test_a_silent_host(void **state) {
        struct world *w = *state;

        set_ssh(w, "echo $$ >pid.new; mv pid.new pid; exec sleep 60");
        run(w, "sed -i \"2icd $PWD\" ssh");
        /* The test would outlast all patience if what is over of the timeout were not taken off. */
        w->config.timeout = USEC_PER_HOUR;
        w->late = USEC_PER_HOUR - 500 * USEC_PER_MSEC;
        assert_sync(w, SYNC_FAILED, "did not finish in time");
        run(w, "not kill -0 $(cat pid)"); /* ssh went with it */
        run(w, "not test -e here/.openclaw-failover");
}

/* rsync's own environment, as RSYNC_RSH, must not count. */
static void test_environment(void **state) {
        struct world *w = *state;

        assert_int_equal(setenv("RSYNC_RSH", "/bin/false", true), 0);
        assert_int_equal(setenv("RSYNC_PROXY", "127.0.0.1:1", true), 0);
        assert_sync(w, SYNC_UPDATED, "");
        assert_int_equal(unsetenv("RSYNC_RSH"), 0);
        assert_int_equal(unsetenv("RSYNC_PROXY"), 0);
}

/* The killed one may have been done already. */
static void finish(struct world *w) {
        const struct secrets_task task = { &w->config, w->ssh, w->late };
        struct child c;

        w->result = (struct sync_result){ 0 };
        assert_int_equal(secrets_start(&task, &c, &w->result), 0);
        secrets_finish(&task, &c, &w->result);
        if (w->result.secrets != SYNC_UPDATED && w->result.secrets != SYNC_UNCHANGED)
                fail_msg("%s", words(&w->result.secrets_why));
}

/* Whenever the worker is killed, each secret is the old or the new one, and the next run brings the new. */
static void test_killed(void **state) {
        struct world *w = *state;
        unsigned seed = (unsigned) now_usec(CLOCK_REALTIME);

        print_message("seed %u\n", seed);
        srand(seed);
        run(w, "for i in 1 2 3 4; do head -c 200000 /dev/zero | tr '\\0' 0 >there/s$i; done");
        assert_sync(w, SYNC_UPDATED, "");
        for (int round = 1; round <= 8; round++) {
                pid_t pid;

                run(w, "for i in 1 2 3 4; do head -c 200000 /dev/zero | tr '\\0' %d >there/s$i; touch -d 2031-01-0%d there/s$i; done",
                        round, round);
                pid = fork();
                if (pid == 0) {
                        assert_sync(w, SYNC_UPDATED, "");
                        _exit(0);
                }
                (void) usleep((useconds_t) rand() % 150000);
                (void) kill(pid, SIGKILL);
                assert_int_equal(waitpid(pid, NULL, 0), pid);
                run(w, "for f in here/s[1-4]; do test $(stat -c %%s $f) = 200000; test $(fold -w1 $f | sort -u | wc -l) = 1; done");
                /* The lock goes with the last of those that were killed. */
                run(w, "flock -w 20 here true");
                finish(w);
                run(w, "cmp there/s1 here/s1; cmp there/s4 here/s4; test -z \"$(ls -A here | grep '^\\.')\"");
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_world, end_world)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_copies),
                TEST(test_takes_no_devices),
                TEST(test_a_hostile_host),
                TEST(test_a_taken_over_rsync),
                TEST(test_rotated_and_never_deleted),
                TEST(test_target_below_such_a_name),
                TEST(test_leftovers_go),
                TEST(test_such_names_are_copied),
                TEST(test_bad_targets),
                TEST(test_target_by_a_link),
                TEST(test_two_at_once),
                TEST(test_codes),
                TEST(test_a_full_disk),
                TEST(test_keys),
                TEST(test_source_missing),
                TEST(test_kept_as_it_was),
                TEST(test_one_bad_file_costs_itself),
                TEST(test_grows_while_it_is_copied),
                TEST(test_an_empty_source_removes_nothing),
                TEST(test_the_total_is_bounded),
                TEST(test_the_number_is_bounded),
                TEST(test_a_silent_host),
                TEST(test_environment),
                TEST(test_killed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
