/* The workspace against real repositories, made with the git program: what comes in, what is saved, what is refused. */
#include "sync/workspace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/clock.h"
#include "lib/strv.h"
#include "scratch.h"
#include "sync/checkout.h"
#include "sync/incoming.h"
#include "sync/landlock.h"
#include "sync/saved_branches.h"

/* A directory with "origin" (bare), "primary" and "standby" (clones of it), which is also HOME. */
struct world {
        char dir[64];
        char path[100]; /* of the standby's workspace */
        char state_dir[100];
        struct workspace_config config;
        bool gateway_runs;
        const char *gateway_runs_when; /* this file is there */
        bool promoting;
        bool confined;
        usec_t late;
        size_t fetch_max;
        struct sync_result result;
};

static int new_world(void **state) {
        struct world *w = calloc(1, sizeof *w);

        assert_non_null(w);
        scratch_make(w->dir, "test_workspace");
        (void) snprintf(w->path, sizeof w->path, "%s/standby", w->dir);
        (void) snprintf(w->state_dir, sizeof w->state_dir, "%s/state", w->dir);
        assert_int_equal(mkdir(w->state_dir, 0700), 0);
        w->config = (struct workspace_config){ .path = w->path,
                .remote = (char *) "origin",
                .timeout = 2 * USEC_PER_MINUTE, /* with sanitizers, on a busy machine */
                .save = SAVE_LOCAL };
        run(w,
                "git config --global user.name T; git config --global user.email t@example.org\n"
                "git config --global init.defaultBranch main; git config --global advice.detachedHead false\n"
                "git init -q --bare origin; git clone -q origin primary\n"
                "cd primary; echo one >notes; mkdir memory; echo alpha >memory/a; echo beta >memory/b; echo '*.log' >.gitignore\n"
                "printf '#!/bin/sh\\n' >tool; chmod +x tool; ln -s notes link\n"
                "git add .; git commit -qm first; git push -q origin main; cd ..; git clone -q origin standby");
        *state = w;
        return 0;
}

static int end_world(void **state) {
        struct world *w = *state;

        scratch_remove(w->dir);
        free(w);
        return 0;
}

static bool may_move(void *userdata) {
        const struct world *w = userdata;
        char file[128];

        (void) snprintf(
                file, sizeof file, "%s/%s", w->dir, w->gateway_runs_when ? w->gateway_runs_when : "");
        return !w->gateway_runs && !(w->gateway_runs_when && access(file, F_OK) == 0);
}

static bool may_push(void *userdata) {
        const struct world *w = userdata;

        return !w->promoting;
}

/* As the command does, for good. */
static void confine(const struct world *w) {
        const char *const paths[] = { w->path, w->state_dir, "/dev/null" };
        int r = landlock_confine_writes(paths, ELEMENTSOF(paths));

        assert_true(r == 0 || r == -EOPNOTSUPP);
}

static enum sync_part do_sync(struct world *w) {
        struct workspace_job job = { .config = &w->config,
                .host = "box",
                .may_move = may_move,
                .may_push = may_push,
                .userdata = w,
                .late = w->late,
                .state = w->state_dir };
        char line[SYNC_RESULT_MAX];

        cleanup_look_for_git(&w->config, &job.git);
        job.fetch_max = w->fetch_max;
        w->result = (struct sync_result){ 0 };
        if (w->confined)
                confine(w);
        workspace_sync(&job, &w->result);
        if (sync_result_format(&w->result, line) < 0)
                fail_msg("cannot be told: %s", words(&w->result.workspace_why));
        return w->result.workspace;
}

static void assert_sync(struct world *w, enum sync_part expected) {
        if (do_sync(w) != expected)
                fail_msg("%d instead of %d: %s", w->result.workspace, expected,
                        words(&w->result.workspace_why));
}

static void assert_why(const struct world *w, const char *part) {
        if (!strstr(words(&w->result.workspace_why), part))
                fail_msg("not \"%s\" but: %s", part, words(&w->result.workspace_why));
}

/* The tree, index and branch are the remote's, the repository is whole, and nothing of ours lies about. */
static void assert_follows(const struct world *w) {
        run(w,
                "cd standby; test \"$(git rev-parse HEAD)\" = \"$(git -C ../origin rev-parse main)\"\n"
                "git diff --exit-code HEAD; git diff --exit-code --cached; git symbolic-ref HEAD | grep -x refs/heads/main\n"
                "git fsck --strict; test ! -e .git/failover-intent; test -z \"$(find .git -name '*.lock')\"");
}

static void commit(const struct world *w, const char *script) {
        run(w, "cd primary; %s; git add -A; git commit -qm more; git push -qf origin HEAD:main", script);
}

static void test_follows_the_remote(void **state) {
        struct world *w = *state;

        assert_sync(w, SYNC_UNCHANGED);
        commit(w,
                "echo two >>notes; rm memory/a; mkdir new; echo n >new/n; chmod -x tool; ln -sf memory/b link");
        commit(w, "rm -r memory; echo file >memory");
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.commits, 2);
        assert_string_equal(w->result.saved, "");
        assert_int_equal(w->result.n_unmerged, 0);
        assert_follows(w);
        assert_sh(w, "cat standby/memory", "file");
        assert_sync(w, SYNC_UNCHANGED);
        assert_sh(w, "git -C standby branch --list 'failover/*'", "");
}

static void test_index_keeps_what_it_knows(void **state) {
        struct world *w = *state;

        commit(w, "echo two >>notes");
        assert_sync(w, SYNC_UPDATED);
        /* An index without times would make the next git status read every file. */
        assert_sh(w, "cd standby; git ls-files --debug | grep -c 'mtime: 0:' || true", "0");
}

static void test_leaves_a_running_gateway_alone(void **state) {
        struct world *w = *state;

        commit(w, "echo two >>notes");
        run(w, "echo mine >>standby/notes; touch -d '2 hours ago' standby/.git/index.lock");
        w->gateway_runs = true;
        assert_sync(w, SYNC_SKIPPED);
        assert_sh(w, "cat standby/notes; ls standby/.git/index.lock", "one\nmine\nstandby/.git/index.lock");
        run(w, "test $(git -C standby rev-parse origin/main) = $(git -C origin rev-parse main)");
        w->gateway_runs = false;
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
}

/* The name of the branch that the last sync saved to, which must be there. */
static const char *saved(const struct world *w) {
        if (!w->result.saved[0])
                fail_msg("nothing was saved");
        return w->result.saved;
}

static void assert_saved(const struct world *w, const char *path, const char *content) {
        _cleanup_free_ char *out = sh(w, "git -C standby show %s:%s", saved(w), path);

        assert_string_equal(out, content);
}

static void test_saves_all_kinds_of_work(void **state) {
        struct world *w = *state;

        commit(w, "echo two >>notes; echo theirs >in-the-way.log; git add -f in-the-way.log");
        run(w,
                "cd standby; echo changed >>memory/a; rm memory/b; echo staged >tool; git add tool\n"
                "echo new >untracked; mkdir d; echo deep >d/untracked; echo ignored >in-the-way.log; echo i >other.log\n"
                "echo added >added; git add added; chmod +x notes");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_saved(w, "memory/a", "alpha\nchanged");
        assert_saved(w, "tool", "staged");
        assert_saved(w, "untracked", "new");
        assert_saved(w, "d/untracked", "deep");
        assert_saved(w, "in-the-way.log", "ignored");
        assert_saved(w, "added", "added");
        run(w, "cd standby; not git show %s:memory/b; not git show %s:other.log; git ls-tree %s notes | grep 100755",
                saved(w), saved(w), saved(w));
        assert_sh(w, "cd standby; cat untracked d/untracked other.log added in-the-way.log",
                "new\ndeep\ni\nadded\ntheirs");
        assert_string_equal(w->result.unmerged[0].name, w->result.saved);
        assert_false(w->result.unmerged[0].pushed);

        /* What stays untracked is not saved again and again, nor when the remote moves on. */
        assert_sync(w, SYNC_UNCHANGED);
        assert_string_equal(w->result.saved, "");
        commit(w, "echo three >>notes");
        assert_sync(w, SYNC_UPDATED);
        assert_string_equal(w->result.saved, "");
        assert_sh(w, "git -C standby branch --list 'failover/*' | wc -l", "1");
        run(w, "echo more >>standby/untracked");
        assert_sync(w, SYNC_UNCHANGED);
        assert_saved(w, "untracked", "new\nmore");
}

static void test_what_was_only_staged_is_saved(void **state) {
        struct world *w = *state;

        run(w, "cd standby; echo staged >>notes; git add notes; echo later >notes");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_saved(w, "notes", "later");
        assert_sh(w,
                "cd standby; git show \"$(git branch --list 'failover/*-private' --format='%(refname)')^:notes\"",
                "one\nstaged");
}

static void test_saves_unpushed_commits(void **state) {
        struct world *w = *state;

        run(w, "cd standby; echo mine >mine; git add mine; git commit -qm 'by the agent'");
        assert_sync(w, SYNC_UPDATED); /* ahead */
        assert_follows(w);
        assert_saved(w, "mine", "mine");
        assert_sh(w, "ls standby", "link\nmemory\nnotes\ntool");

        commit(w, "echo two >>notes");
        run(w, "cd standby; echo again >mine; git add mine; git commit -qm 'by the agent'; echo dirty >>mine");
        assert_sync(w, SYNC_UPDATED); /* diverged */
        assert_follows(w);
        assert_saved(w, "mine", "again\ndirty");
        run(w, "cd standby; git log --format=%%s %s | grep -x 'by the agent'", saved(w));
}

static void test_a_known_commit_is_no_work(void **state) {
        struct world *w = *state;

        /* The history is rewritten, twice; the second time while the gateway runs, so that only the fetch sees it. */
        run(w, "cd primary; git commit -q --amend -m other; git push -qf origin main");
        assert_sync(w, SYNC_UPDATED);
        run(w, "cd primary; echo x >x; git add x; git commit -q --amend -m another; git push -qf origin main");
        w->gateway_runs = true;
        assert_sync(w, SYNC_SKIPPED);
        w->gateway_runs = false;
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_sh(w, "git -C standby branch --list 'failover/*'", "");

        /* But work on top of what was rewritten is saved. */
        run(w, "cd standby; echo mine >mine; git add mine; git commit -qm mine");
        run(w, "cd primary; git commit -q --amend -m third; git push -qf origin main");
        assert_sync(w, SYNC_UPDATED);
        assert_saved(w, "mine", "mine");
        assert_follows(w);
}

static void test_saves_though_the_remote_is_gone(void **state) {
        struct world *w = *state;

        run(w, "mv origin gone; echo mine >>standby/notes");
        assert_sync(w, SYNC_FAILED);
        assert_saved(w, "notes", "one\nmine");
        assert_sh(w, "cat standby/notes", "one\nmine"); /* a failed sync leaves the tree as it is */
        assert_string_equal(w->result.unmerged[0].name, w->result.saved);
        assert_sync(w, SYNC_FAILED);
        assert_string_equal(w->result.saved, "");
}

static void test_secrets_and_big_files_stay(void **state) {
        struct world *w = *state;

        w->config.save = SAVE_PUSH;
        run(w,
                "cd standby; echo KEY=1 >.env.local; mkdir keys; echo k >keys/id_ed25519; echo p >server.PEM\n"
                "truncate -s 6M big; echo fine >fine");
        assert_sync(w, SYNC_UNCHANGED);
        assert_saved(w, "fine", "fine");
        run(w,
                "cd standby; test \"$(git ls-tree -r --name-only %s | sort | tr '\\n' ' ')\" = "
                "'.gitignore fine link memory/a memory/b notes tool '",
                saved(w));
        run(w, "cd standby; for f in .env.local keys/id_ed25519 server.PEM big; do git cat-file -e %s-private:$f; done",
                saved(w));
        /* And neither their branch nor their blobs are at the remote. */
        assert_true(w->result.unmerged[0].pushed);
        run(w,
                "cd origin; git branch --list 'failover/*' | wc -l | grep -x 1\n"
                "not git cat-file -e $(git hash-object ../standby/.env.local); not git cat-file -e $(git hash-object ../standby/big)");

        run(w, "cd standby; rm fine .env.local keys/id_ed25519; truncate -s 7M big");
        assert_sync(w, SYNC_UNCHANGED);
        assert_non_null(strstr(saved(w), "-private"));
}

static void test_a_secret_in_a_commit_is_not_pushed(void **state) {
        struct world *w = *state;

        w->config.save = SAVE_PUSH;
        run(w,
                "cd standby; echo KEY=1 >.env; git add .env; git commit -qm oops; git rm -q .env\n"
                "echo better >better; git add better; git commit -qm better");
        assert_sync(w, SYNC_UPDATED);
        assert_why(w, "not pushed: its commit");
        assert_why(w, ".env");
        assert_false(w->result.unmerged[0].pushed);
        assert_string_equal(w->result.unmerged[0].name, saved(w));
        assert_sh(w, "git -C origin branch --list 'failover/*'", "");
}

static void test_pushes_what_was_saved(void **state) {
        struct world *w = *state;

        w->config.save = SAVE_PUSH;
        w->promoting = true;
        run(w, "cd standby; echo mine >mine");
        assert_sync(w, SYNC_UNCHANGED);
        assert_false(w->result.unmerged[0].pushed); /* nobody has time for it now */
        assert_sh(w, "git -C origin branch --list 'failover/*'", "");

        w->promoting = false;
        run(w, "git -C standby remote set-url --push origin $PWD/nowhere");
        assert_sync(w, SYNC_UNCHANGED);
        assert_why(w, "not pushed: ");
        assert_false(w->result.unmerged[0].pushed);
        for (int cut = 0; cut < 2; cut++) { /* of a reason with letters of two bytes, even and odd ones */
                run(w,
                        "name=$PWD/%.*s$(printf 'é%%.0s' $(seq 120)); mkdir $name\n"
                        "git -C standby remote set-url --push origin $name",
                        cut, "x");
                assert_sync(w, SYNC_UNCHANGED);
                assert_why(w, "é…");
        }

        run(w, "git -C standby config --unset remote.origin.pushurl");
        assert_sync(w, SYNC_UNCHANGED);
        assert_string_equal(words(&w->result.workspace_why), "");
        assert_true(w->result.unmerged[0].pushed);
        run(w, "git -C origin show %s:mine | grep -x mine", w->result.unmerged[0].name);
}

static void test_unmerged_until_merged(void **state) {
        struct world *w = *state;
        char branch[128], help[512];

        run(w, "cd standby; echo learned >>notes");
        assert_sync(w, SYNC_UPDATED);
        (void) strcpy(branch, saved(w));
        commit(w, "echo meanwhile >elsewhere");
        assert_sync(w, SYNC_UPDATED);
        assert_string_equal(w->result.unmerged[0].name, branch);

        /* The printed command, on the primary; only the host is another here. */
        (void) sync_result_merge_commands(
                &w->result, w->config.path, w->config.remote, "openclaw", "standby", help, sizeof help);
        run(w, "cat >help <<'EOT'\n%s\nEOT\nsed -i \"s,openclaw@[^:]*:,,;s,-C '[^']*',-C '$PWD/primary',g\" help; sh -e help",
                help);
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.n_unmerged, 0);
        assert_follows(w);
        assert_sh(w, "cat standby/notes", "one\nlearned");

        /* By another way than a merge. */
        run(w, "cd standby; echo more >>memory/a");
        assert_sync(w, SYNC_UPDATED);
        assert_string_equal(w->result.unmerged[0].name, saved(w));
        commit(w, "echo more >>memory/a; echo x >>elsewhere");
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.n_unmerged, 0);
}

static void test_unmerged_work_is_never_pruned(void **state) {
        struct world *w = *state;
        char branch[128];

        run(w, "cd standby; echo learned >>notes");
        assert_sync(w, SYNC_UPDATED);
        (void) strcpy(branch, saved(w));
        for (int i = 0; i < 25; i++) {
                run(w, "echo %d >>standby/counter", i);
                assert_sync(w, SYNC_UNCHANGED);
                assert_true(*saved(w));
        }
        /* One that is written again and again takes one branch more, which has each version. */
        assert_int_equal(w->result.n_unmerged, 2);
        run(w,
                "cd standby; test $(git show %s:notes | tail -1) = learned\n"
                "for i in $(seq 1 25); do git log -p --format= -m %s -- counter | grep -q \"^+$((i-1))$\"; done",
                branch, w->result.unmerged[0].name);
        /* Merged, it goes. */
        run(w, "cd primary; git pull -q --no-rebase --no-edit ../standby %s; git push -q", branch);
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.n_unmerged, 1);
        run(w, "not git -C standby rev-parse -q --verify %s", branch);
}

/* The agent's own branches, a detached HEAD's commits, those of a host of another name, and names that no message repeats. */
static void test_every_branch_counts(void **state) {
        struct world *w = *state;

        run(w,
                "cd standby; git switch -qc idea; echo i >i; git add i; git commit -qm i; git switch -q main\n"
                "git branch failover/other/20200101T000010Z idea; git branch same main; git branch failover/box/mine main");
        assert_sync(w, SYNC_UNCHANGED);
        assert_int_equal(w->result.n_unmerged, 2);
        assert_string_equal(w->result.unmerged[0].name, "failover/other/20200101T000010Z");
        assert_string_equal(w->result.unmerged[1].name, "idea");
        commit(w, "echo i >i"); /* squashed */
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.n_unmerged, 0);
        commit(w, "echo else >i"); /* and gone on since */
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.n_unmerged, 0);
        run(w, "cd standby; git rev-parse idea; not git rev-parse -q --verify failover/other/20200101T000010Z");

        run(w, "cd standby; git checkout -q --detach; echo d >d; git add d; git commit -qm d");
        assert_sync(w, SYNC_REFUSED);
        assert_int_equal(w->result.n_unmerged, 1);
        assert_saved(w, "d", "d");
        run(w, "cd standby; git switch -q main");
        assert_sync(w, SYNC_UNCHANGED);
        assert_int_equal(w->result.n_unmerged, 1);

        run(w, "cd standby; git switch -qc 'x;touch${IFS}ran' main; echo x >x; git add x; git commit -qm x; git switch -q main");
        assert_sync(w, SYNC_UNCHANGED);
        assert_int_equal(w->result.n_unmerged, 2);
        run(w, "cd standby; git show %s:x", w->result.unmerged[0].name);
}

static void test_work_that_was_undone_is_work_again(void **state) {
        struct world *w = *state;

        run(w, "echo mine >>standby/notes");
        assert_sync(w, SYNC_UPDATED);
        run(w, "cd primary; git pull -q --no-rebase --no-edit ../standby %s; git push -q", saved(w));
        assert_sync(w, SYNC_UPDATED);
        run(w, "cd primary; git revert --no-edit HEAD; git push -q");
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.n_unmerged, 0);
        assert_sh(w, "cat standby/notes", "one");
        run(w, "echo mine >>standby/notes");
        assert_sync(w, SYNC_UPDATED);
        assert_saved(w, "notes", "one\nmine");
        assert_int_equal(w->result.n_unmerged, 1);
}

/* As other tools write it; git takes it for 0100644. */
static void test_a_mode_of_other_tools_is_no_work(void **state) {
        struct world *w = *state;

        run(w,
                "cd primary; t=$(git cat-file tree HEAD | LC_ALL=C sed 's/100644 notes/100664 notes/' | git hash-object -t tree -w --stdin --literally)\n"
                "git push -q origin $(git commit-tree -p HEAD -m mode $t):main");
        assert_sync(w, SYNC_UPDATED);
        run(w, "cd standby; git cat-file tree HEAD | grep -a 100664");
        assert_sync(w, SYNC_UNCHANGED);
        assert_string_equal(w->result.saved, "");
}

/* What is refused is saved before, so that each command that is printed is safe. */
static void test_saves_before_it_refuses(void **state) {
        static const struct {
                const char *script, *path, *content;
        } cases[] = {
                { "git switch -qc side; echo s >>notes", "notes", "one\ns" },
                { "git checkout -q --detach; echo s >>notes", "notes", "one\ns" },
                { "git switch -qc b; echo b >notes; git commit -qam b; git switch -q main; echo c >notes; git commit -qam c\n"
                  "not git merge -q b; echo resolved >notes; echo s >new",
                        "notes", "resolved" },
                { "git switch -qc b; echo b >notes; git commit -qam b; git switch -q main; echo c >notes; git commit -qam c\n"
                  "not git rebase -q b; echo resolved >notes",
                        "notes", "resolved" },
                { "git update-ref -d refs/heads/main; echo mine >>notes", "notes", "one\nmine" },
                { "git update-index --split-index; echo s >>notes", "notes", "one\ns" },
                { "git update-index --assume-unchanged notes; echo s >>notes", "notes", "one\ns" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct world *w = *state;

                run(w, "cd standby; %s", cases[i].script);
                assert_sync(w, SYNC_REFUSED);
                assert_saved(w, cases[i].path, cases[i].content);
                if (*w->result.workspace_why.command)
                        run(w, "sudo() { shift 2; \"$@\"; }\n%s", w->result.workspace_why.command);
                (void) do_sync(w);
                assert_true(w->result.n_unmerged > 0);
                assert_int_equal(end_world(state), 0);
                assert_int_equal(new_world(state), 0);
        }
}

/* A repository of its own that moved, a filter from any attributes file, what lies too deep: the rest follows. */
static void test_what_cannot_be_followed_is_left_alone(void **state) {
        static const struct {
                const char *before, *script, *path;
        } cases[] = {
                { "git init -q sub; git -C sub commit -q --allow-empty -m s; git add sub; git commit -qm sub; git push -q; git -C ../standby pull -q",
                        "git -C sub commit -q --allow-empty -m t", "sub" },
                { ":", "echo '*.bin filter=lfs' >.gitattributes; echo x >a.bin", "a.bin" },
                { "echo '*.bin filter=enc' >../standby/.git/info/attributes; echo x >a.bin; git add .; git commit -qm a; git push -q; git -C ../standby pull -q",
                        "echo y >a.bin", "a.bin" },
                { "mkdir -p ../.config/git; echo '*.bin filter=enc' >../.config/git/attributes",
                        "echo x >a.bin", "a.bin" },
                { ":", "echo '*.bin working-tree-encoding=UTF-16LE' >.gitattributes; printf 'a\\0b\\0' >a.bin",
                        "a.bin" },
                { ":", "mkdir -p $(seq 1 102 | tr '\\n' /); echo x >$(seq 1 102 | tr '\\n' /)x", "1/2/3" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct world *w = *state;

                run(w, "cd primary; %s", cases[i].before);
                commit(w, "echo two >>notes");
                commit(w, cases[i].script);
                run(w, "echo mine >standby/mine");
                assert_sync(w, SYNC_UPDATED);
                assert_int_equal(w->result.workspace_why.code, REFUSAL_LEFT_OUT);
                assert_why(w, cases[i].path);
                assert_saved(w, "mine", "mine");
                assert_sh(w,
                        "cat standby/notes; test $(git -C standby rev-parse HEAD) = $(git -C origin rev-parse main)",
                        "one\ntwo");
                assert_sync(w, SYNC_UNCHANGED); /* and it is no work then */
                assert_string_equal(w->result.saved, "");
                assert_int_equal(end_world(state), 0);
                assert_int_equal(new_world(state), 0);
        }
}

static void test_what_is_too_much_is_left_out(void **state) {
        struct world *w = *state;

        run(w, "cd standby; truncate -s 51M large; mkdir -p $(seq 1 102 | tr '\\n' /); echo x >$(seq 1 102 | tr '\\n' /)x; echo mine >mine");
        assert_sync(w, SYNC_UNCHANGED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_LEFT_OUT);
        assert_why(w, "large is over 50 MB");
        assert_why(w, "is too deep");
        assert_saved(w, "mine", "mine");
        run(w, "cd standby; not git cat-file -e %s:large; not git cat-file -e %s-private:large", saved(w),
                saved(w));
        /* In the way of what comes, it stays. */
        run(w, "cd primary; echo theirs >large; git add -f large; git commit -qm large; git push -q");
        assert_sync(w, SYNC_REFUSED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_IN_THE_WAY);
        assert_sh(w, "stat -c %s standby/large", "53477376");
}

/* Each pattern with a name that it is for, and names that people give to notes. */
static void test_names_of_secrets(void **state) {
        static const char *const secret[] = { ".env", ".env.local", "prod.env", "server.pem", "SERVER.PEM",
                "server.key", "a.p12", "a.pfx", "a.jks", "a.keystore", "pass.kdbx", "a.ppk", "a.ovpn",
                "id_rsa", "keys/id_ed25519", ".netrc", "_netrc", ".pgpass", ".my.cnf", ".npmrc",
                "sub/.pypirc", ".htpasswd", ".git-credentials", ".s3cfg", ".boto", "credentials",
                "credentials.json", "client_secret_1.json", "secrets.yaml", "a.tfstate",
                "service-account-prod.json", "service_account.json", "token", "bot_token.txt", ".aws/config",
                ".ssh/config", ".gnupg/x", ".azure/x", ".secrets/x", ".docker/config.json",
                "home/.kube/config", "gcloud/x" };
        static const char *const ordinary[] = { "notes.md", "MEMORY.md", "IDENTITY.md",
                "memory/2026-07-11.md", "keys.md", "monkey.txt", "environment.md", "idea.md",
                "docker/config.json", ".docker/readme", "secretary.md", "keyboard.key.md",
                "skills/aws/SKILL.md", "pem.txt", "USER.md", ".gitignore", "service.json" };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(secret); i++)
                if (changes_is_public(secret[i], 1))
                        fail_msg("%s may be pushed", secret[i]);
        for (size_t i = 0; i < ELEMENTSOF(ordinary); i++)
                if (!changes_is_public(ordinary[i], 1))
                        fail_msg("%s may not be pushed", ordinary[i]);
        assert_false(changes_is_public("notes.md", 5000001));
}

static void test_what_a_filter_would_change_is_not_pushed(void **state) {
        struct world *w = *state;

        w->config.save = SAVE_PUSH;
        run(w, "cd standby; echo '*.txt filter=enc' >.git/info/attributes; echo clear >a.txt; echo fine >fine");
        assert_sync(w, SYNC_UNCHANGED);
        assert_true(w->result.unmerged[0].pushed);
        run(w, "cd standby; git cat-file -e %s-private:a.txt; cd ../origin; git show %s:fine; not git cat-file -e $(echo clear | git hash-object --stdin)",
                saved(w), saved(w));
        run(w, "cd standby; git add a.txt; git commit -qm a");
        assert_sync(w, SYNC_UPDATED);
        assert_false(w->result.unmerged[0].pushed);
        run(w, "cd origin; not git cat-file -e $(echo clear | git hash-object --stdin)");
}

static void test_each_branch_is_pushed_by_itself(void **state) {
        struct world *w = *state;

        w->config.save = SAVE_PUSH;
        run(w,
                "cd standby; for i in 1 2 3; do git switch -qc failover/box/2020010${i}T000000Z main; echo $i >f$i; git add f$i; git commit -qm $i; done; git switch -q main\n"
                "cd ../primary; git push -q origin $(git commit-tree -m other HEAD^{tree}):refs/heads/failover/box/20200102T000000Z");
        assert_sync(w, SYNC_UNCHANGED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_NOT_PUSHED);
        assert_sh(w, "git -C origin branch --list 'failover/*' --format='%(refname:short)'",
                "failover/box/20200101T000000Z\nfailover/box/20200102T000000Z\nfailover/box/20200103T000000Z");
        assert_true(w->result.unmerged[0].pushed && w->result.unmerged[2].pushed &&
                !w->result.unmerged[1].pushed);
        /* Deleted at the forge, it is not pushed any more: it is pushed again. */
        run(w, "git -C origin branch -D failover/box/20200101T000000Z");
        w->promoting = true;
        assert_sync(w, SYNC_UNCHANGED);
        assert_int_equal(w->result.n_unmerged, 3);
        assert_false(w->result.unmerged[2].pushed);
        w->promoting = false;
        assert_sync(w, SYNC_UNCHANGED);
        assert_true(w->result.unmerged[2].pushed);
}

static void test_the_first_of_several_addresses(void **state) {
        struct world *w = *state;

        commit(w, "echo two >>notes");
        run(w, "git -C standby config --add remote.origin.url $PWD/nowhere");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
}

/* The clock was ahead once, and the agent has a branch whose name only looks like ours. */
static void test_names_that_sort_after_ours(void **state) {
        struct world *w = *state;
        char branch[128];

        run(w,
                "cd standby; for b in 20300101T000000Z 20309999T000000Z my.notes.of.2026; do\n"
                "git switch -qc failover/box/$b main; git commit -q --allow-empty -m $b; done; git switch -q main; echo mine >mine");
        assert_sync(w, SYNC_UNCHANGED);
        assert_saved(w, "mine", "mine");
        (void) strcpy(branch, saved(w));
        assert_string_equal(w->result.unmerged[0].name, branch);
        assert_string_equal(branch, "failover/box/20300101T000001Z");
        assert_sync(w, SYNC_UNCHANGED);
        assert_string_equal(w->result.saved, "");
}

/* Everything in the standby but what fetching changes. */
static char *fingerprint(const struct world *w) {
        return sh(w,
                "cd standby; find . -path ./.git -prune -o -printf '%%p %%y %%l %%m\\n' | sort\n"
                "find . -path ./.git -prune -o -type f -exec sha1sum {} + | sort\n"
                "{ git for-each-ref refs/heads | grep -v failover/; cat .git/HEAD; git ls-files --stage; } 2>/dev/null || true");
}

static void test_refuses(void **state) {
        static const struct {
                const char *script, *why;
        } cases[] = {
                { "cd standby; git switch -qc b; echo b >notes; git commit -qam b; git switch -q main; echo c >notes\n"
                  "git commit -qam c; not git merge -q b",
                        "merge --abort" },
                { "cd standby; git switch -qc b; echo b >notes; git commit -qam b; git switch -q main; echo c >notes\n"
                  "git commit -qam c; not git rebase -q b",
                        "rebase --abort" },
                { "cd standby; git switch -qc b; echo b >notes; git commit -qam b; git switch -q main; echo c >notes\n"
                  "git commit -qam c; not git cherry-pick b",
                        "cherry-pick --abort" },
                { "cd standby; git switch -qc b; echo b >notes; git commit -qam b; git switch -q main; echo c >notes\n"
                  "git commit -qam c; not git revert HEAD~; not git revert --no-edit HEAD~",
                        "revert --abort" },
                { "cd standby; git commit -q --allow-empty -m x; git bisect start >/dev/null",
                        "bisect reset" },
                { "cd standby; echo x >notes; git stash -q; echo y >notes; git commit -qam y; not git stash pop -q",
                        "conflicts" },
                { "cd standby; git checkout -q HEAD~0", "switch main" },
                { "cd standby; git switch -q --orphan empty", "has no commit" },
                { "cd standby; git switch -qc side", "switch main" },
                { "git clone -q --depth 1 file://$PWD/origin shallow; cd primary; rm -rf ../standby; mv ../shallow ../standby",
                        "--unshallow" },
                { "cd standby; git sparse-checkout set memory", "sparse-checkout disable" },
                { "cd standby; git config core.repositoryformatversion 1; git config extensions.worktreeConfig true",
                        "--unset extensions.worktreeConfig" },
                { "cd standby; git config core.repositoryformatversion 2", "repository format 2" },
                { "cd standby; git config remote.origin.promisor true", "promisor" },
                { "cd standby; git update-index --split-index", "update-index --no-split-index" },
                { "cd standby; git config core.splitIndex true; git update-index --split-index",
                        "config core.splitIndex false" },
                { "cd standby; git branch failover", "branch -m failover failover-old" },
                { "cd standby; git branch failover/box", "branch -m failover/box failover-of-old" },
                { "mkdir standby/.git/rebase-merge", "rebase --quit" }, /* of a crash */
                { "mkdir standby/.git/rebase-apply", "rebase --quit" },
                { "cd standby; git update-ref -d refs/remotes/origin/main; git update-ref refs/remotes/origin/main/x HEAD",
                        "remote prune origin" },
                { "cd standby; git config core.ignorecase true", "config core.ignorecase false" },
                { "rm -rf standby; git clone -q --bare origin standby", "bare" },
                { "cd standby; git config core.bare true", "bare" },
                { "rm -rf standby", "git clone" },
                { "rm -rf standby/.git", "no git repository" },
                { "rm -rf standby; echo x >standby", "not a directory" },
                { "cd primary; git branch side; rm -rf ../standby; git worktree add -q ../standby side",
                        "worktree" },
                { "cd standby; git update-index --assume-unchanged notes; echo x >>notes",
                        "--no-assume-unchanged" },
                { "cd standby; git update-index --skip-worktree notes; echo x >>notes",
                        "--no-skip-worktree" },
                { "cd standby; git remote rename origin upstream", "remote add" },
                { "cd standby; git remote set-url origin 'ext::sh -c true'", "remote helper" },
                { "cd standby; git remote set-url origin ftp://example.org/x", "neither ssh" },
                { "cd primary; echo x >d; git add d; git commit -qm d; git push -q; cd ../standby; mkdir d; git init -q d/inner",
                        "of its own" },
                { "cd primary; echo x >d; git add d; git commit -qm d; git push -q; mkfifo ../standby/d",
                        "neither a file" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct world *w = *state;
                _cleanup_free_ char *before = NULL, *after = NULL;
                bool there;

                run(w, "%s", cases[i].script);
                there = access(w->path, X_OK) == 0;
                before = there ? fingerprint(w) : NULL;
                if (do_sync(w) != SYNC_REFUSED || !strstr(words(&w->result.workspace_why), cases[i].why))
                        fail_msg("%s\n→ %d %s, not \"%s\"", cases[i].script, w->result.workspace,
                                words(&w->result.workspace_why), cases[i].why);
                after = there ? fingerprint(w) : NULL;
                if (there)
                        assert_string_equal(before, after);
                assert_int_equal(end_world(state), 0);
                assert_int_equal(new_world(state), 0);
        }
}

/* The mending command of the last sync, as a shell reads it: "git" and "sudo" only say what they are given. */
static char *mending_words(const struct world *w) {
        assert_true(*w->result.workspace_why.command);
        return sh(w, "sudo() { printf '<%%s>' \"$@\"; }; cd standby\n%s", w->result.workspace_why.command);
}

/* Gives the mending command of the last sync, as its user. */
static void mend(const struct world *w) {
        assert_true(*w->result.workspace_why.command);
        run(w, "sudo() { shift 2; \"$@\"; }\n%s", w->result.workspace_why.command);
}

static void test_a_branch_without_a_commit(void **state) {
        struct world *w = *state;

        run(w, "cd standby; git update-ref -d refs/heads/main; echo mine >>notes");
        assert_sync(w, SYNC_REFUSED);
        assert_saved(w, "notes", "one\nmine");
        mend(w);
        assert_sh(w, "cat standby/notes", "one\nmine");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);

        run(w, "rm -rf standby; git init -q standby; cd standby; git remote add origin $PWD/../origin; echo mine >notes");
        assert_sync(w, SYNC_REFUSED);
        mend(w);
        assert_sync(w, SYNC_UPDATED);
        assert_saved(w, "notes", "mine");
        assert_follows(w);
}

/* As git writes it with index.skipHash, or feature.manyFiles, since 2.40. Libgit2 takes it since 1.8. */
static void test_an_index_without_a_checksum(void **state) {
        struct world *w = *state;
        int major, minor, patch;

        (void) git_libgit2_version(&major, &minor, &patch);
        run(w, "cd standby; truncate -s -20 .git/index; head -c 20 /dev/zero >>.git/index; git config index.skipHash true");
        if (major > 1 || minor >= 8) {
                assert_sync(w, SYNC_UNCHANGED);
                return;
        }
        assert_sync(w, SYNC_REFUSED);
        assert_why(w, "has no checksum");
        mend(w);
        assert_sh(w, "git -C standby config index.skipHash", "false");
        assert_sync(w, SYNC_UNCHANGED);
}

static void test_names_are_no_commands(void **state) {
        struct world *w = *state;
        _cleanup_free_ char *hidden = NULL, *branch = NULL;

        run(w, "cd standby; f='x;touch ran;#'; echo x >\"$f\"; git add \"$f\"; git commit -qm x; git update-index --assume-unchanged \"$f\"");
        assert_sync(w, SYNC_REFUSED);
        hidden = mending_words(w);
        assert_non_null(strstr(hidden, "<--no-assume-unchanged><--><x;touch ran;#>"));
        run(w,
                "cd standby; git update-index --no-assume-unchanged -- 'x;touch ran;#'; cd ../primary\n"
                "git push -q origin 'main:x;touch${IFS}ran'; git -C ../origin symbolic-ref HEAD 'refs/heads/x;touch${IFS}ran'");
        assert_sync(w, SYNC_REFUSED);
        branch = mending_words(w);
        assert_non_null(strstr(branch, "<switch><x;touch${IFS}ran>"));
}

static void test_lfs_that_no_file_has_is_fine(void **state) {
        struct world *w = *state;

        commit(w, "echo '*.bin filter=lfs' >.gitattributes");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
}

static void test_refuses_what_belongs_to_others(void **state) {
        struct world *w = *state;

        if (geteuid() != 0)
                skip(); /* only root gives files away */
        run(w, "chown nobody standby");
        assert_sync(w, SYNC_REFUSED);
        assert_why(w, "belongs to nobody");
        run(w, "chown root standby; chown nobody standby/.git");
        assert_sync(w, SYNC_REFUSED);
        assert_why(w, "chown -hR root: /");
        assert_true(*w->result.workspace_why.command);
        run(w, "mv standby there; ln -s there standby");
        assert_sync(w, SYNC_REFUSED);
        assert_why(w, "standby is a symbolic link to there");
        assert_string_equal(w->result.workspace_why.command, "");
}

static void test_submodule_that_stays_is_left_alone(void **state) {
        struct world *w = *state;

        run(w,
                "git init -q sub; git -C sub commit -q --allow-empty -m s; cd primary\n"
                "git -c protocol.file.allow=always submodule --quiet add ../sub sub; git commit -qm sub; git push -q\n"
                "cd ../standby; git -c protocol.file.allow=always pull -q --recurse-submodules; git -c protocol.file.allow=always submodule --quiet update --init\n"
                "cd sub; echo mine >mine; git add mine; git commit -qm mine");
        commit(w, "echo two >>notes");
        assert_sync(w, SYNC_UPDATED);
        assert_sh(w, "cat standby/notes standby/sub/mine", "one\ntwo\nmine");
}

static void test_stale_locks(void **state) {
        struct world *w = *state;
        pid_t pid, confined;
        int status;

        commit(w, "echo two >>notes");
        run(w,
                "cd standby/.git; touch -d '2 hours ago' index.lock HEAD.lock refs/heads/main.lock packed-refs.lock\n"
                "touch objects/pack/pack_git2_a1b2c3; cp $(command -v sleep) ../../git");
        pid = fork();
        if (pid == 0) { /* stands for a git program at work */
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (chdir(w->path) < 0)
                        _exit(1);
                (void) execl("../git", "git", "60", NULL);
                _exit(1);
        }
        for (char name[32] = ""; strcmp(name, "git\n") != 0;) {
                char path[64];
                FILE *f;

                (void) snprintf(path, sizeof path, "/proc/%d/comm", (int) pid);
                f = fopen(path, "re");
                assert_non_null(f);
                assert_non_null(fgets(name, sizeof name, f));
                (void) fclose(f);
        }
        w->config.timeout = 2 * USEC_PER_SEC;
        assert_sync(w, SYNC_REFUSED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_LOCKED);
        /* Nor is it overlooked by one that is confined, where the ini names the workspace by a link. */
        run(w, "ln -s standby link");
        confined = fork();
        if (confined == 0) {
                w->confined = true;
                (void) strcat(strcpy(w->path, w->dir), "/link");
                _exit(do_sync(w) == SYNC_REFUSED && w->result.workspace_why.code == REFUSAL_LOCKED ? 0 : 1);
        }
        assert_int_equal(waitpid(confined, &status, 0), confined);
        assert_int_equal(status, 0);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);

        /* A young lock may be of a git that nobody here sees, as root's; what is new is saved all the same. */
        run(w, "touch standby/.git/index.lock; echo mine >standby/mine");
        assert_sync(w, SYNC_REFUSED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_LOCKED);
        assert_saved(w, "mine", "mine");
        run(w, "rm standby/.git/index.lock; not ls standby/.git/HEAD.lock");
        w->config.timeout = 2 * USEC_PER_MINUTE;
        /* One that a sync of ours left when it was killed is known to be. */
        run(w, "touch standby/.git/failover-busy standby/.git/index.lock standby/.git/refs/remotes/origin/main.lock; sleep 0.02");
        assert_sync(w, SYNC_UPDATED);
        run(w, "not ls standby/.git/failover-busy");
        assert_follows(w);
        assert_sh(w, "ls standby/.git/objects/pack | grep -c _git2_ || true", "0");
}

static void test_two_at_once(void **state) {
        struct world *w = *state;

        _cleanup_close_ int fd = -1;
        usec_t begin, waited;
        char git[120];

        (void) snprintf(git, sizeof git, "%s/.git", w->path);
        fd = open(git, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(flock(fd, LOCK_EX), 0);
        w->config.timeout = 300 * USEC_PER_MSEC;
        begin = now_usec(CLOCK_BOOTTIME);
        assert_sync(w, SYNC_FAILED);
        assert_why(w, "another sync");
        waited = now_usec(CLOCK_BOOTTIME) - begin;
        assert_true(waited >= w->config.timeout && waited < w->config.timeout + 5 * USEC_PER_SEC);
        assert_int_equal(flock(fd, LOCK_UN), 0);

        /* One that ends soon is waited for, and then the gateway is asked about again. */
        w->config.timeout = 2 * USEC_PER_MINUTE;
        commit(w, "echo two >>notes");
        run(w, "flock standby/.git sh -c '>locked; sleep 0.5; >released' >/dev/null 2>&1 & until test -e locked; do sleep 0.01; done");
        w->gateway_runs_when = "released";
        assert_sync(w, SYNC_SKIPPED);
        w->gateway_runs_when = NULL;
        run(w, "rm locked; flock standby/.git sh -c '>locked; sleep 0.5' >/dev/null 2>&1 & until test -e locked; do sleep 0.01; done");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
}

static void test_things_in_the_way(void **state) {
        struct world *w = *state;

        commit(w, "mkdir -p x.log/deep; echo t >x.log/deep/f; echo t >y.log; echo t >z; git add -f .");
        run(w, "cd standby; echo file >x.log; mkdir -p y.log/sub z; echo i >y.log/sub/a.log; echo u >z/u; ln -s /nowhere z/l");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_saved(w, "x.log", "file");
        assert_saved(w, "y.log/sub/a.log", "i");
        assert_saved(w, "z/u", "u");
        assert_saved(w, "z/l", "/nowhere");

        /* A tracked file that the agent made a directory; and one, of ignored files even, and the remote did not touch. */
        run(w, "cd standby; rm notes; mkdir notes; echo x >notes/x");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_saved(w, "notes/x", "x");
        assert_sync(w, SYNC_UNCHANGED);
        assert_string_equal(w->result.saved, "");
        run(w, "cd standby; rm notes; mkdir notes; echo i >notes/a.log; rm -r memory; ln -s /tmp memory");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_saved(w, "notes/a.log", "i");
        assert_saved(w, "memory", "/tmp");
}

static void test_never_writes_through_links(void **state) {
        struct world *w = *state;

        run(w, "mkdir outside; echo precious >outside/a; echo precious >outside/hard; echo precious >outside/soft");
        commit(w,
                "echo t >notes; echo t >tool; echo t >memory/a; mkdir -p deep/memory; echo t >deep/memory/a");
        run(w,
                "cd standby; ln -f ../outside/hard notes; ln -sf ../outside/soft tool; rm -r memory; ln -s ../outside memory\n"
                "ln -s ../outside deep");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_sh(w, "cd outside; cat *; ls", "precious\nprecious\nprecious\na\nhard\nsoft");
        assert_saved(w, "memory", "../outside");

        /* Nor through one that the remote sent first. */
        commit(w, "ln -s ../outside trap");
        assert_sync(w, SYNC_UPDATED);
        commit(w, "rm trap; mkdir trap; echo evil >trap/a");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_sh(w, "cd outside; cat *", "precious\nprecious\nprecious");
}

/* Trees that git's own commands would not make, from "MODE PATH" of a single blob. */
static void commit_raw(const struct world *w, const char *entries) {
        run(w,
                "cd origin; blob=$(echo evil | git hash-object -w --stdin)\n"
                "raw() { printf \"$1 $2\\0\"; echo \"$3\" | xxd -r -p; }\n"
                "tree() { git hash-object -t tree -w --stdin --literally; }\n"
                "inner=$(raw 100644 config $blob | tree)\n"
                "top=$({ %s; } | tree)\n"
                "git update-ref refs/heads/main $(git commit-tree -p main -m evil $top)",
                entries);
}

static void test_hostile_trees(void **state) {
        static const struct {
                const char *entries, *why;
        } cases[] = {
                { "raw 40000 .git $inner", "no git would write" },
                { "raw 40000 .GIT $inner", "no git would write" },
                { "raw 40000 .. $inner", "no git would write" },
                { "raw 100644 .. $blob", "no git would write" },
                { "raw 40000 . $inner", "no git would write" },
                { "raw 100644 ../evil $blob", "no git would write" },
                { "raw 100644 notes 1234567812345678123456781234567812345678", "lacks" },
        };
        struct world *w = *state;
        _cleanup_free_ char *before = fingerprint(w);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *after = NULL;

                commit_raw(w, cases[i].entries);
                /* Some does not even pass libgit2's checks of a pack; either way nothing of it may come through. */
                if (do_sync(w) < SYNC_REFUSED)
                        fail_msg("%s: %d", cases[i].entries, w->result.workspace);
                after = fingerprint(w);
                assert_string_equal(before, after);
        }
        run(w, "not test -e evil; not grep -r evil standby/.git/config");
}

static void test_tree_bomb(void **state) {
        struct world *w = *state;

        run(w,
                "cd origin; t=$(printf '100644 blob %%s\\tf' $(echo x | git hash-object -w --stdin) | git mktree)\n"
                "for i in $(seq 12); do t=$(for j in 0 1 2 3 4 5 6 7 8 9; do printf '040000 tree %%s\\t%%s\\n' $t $j; done | git mktree); done\n"
                "git update-ref refs/heads/main $(git commit-tree -p main -m bomb $t)");
        assert_sync(w, SYNC_REFUSED);
        assert_why(w, "changes more than");
}

static void test_huge_blob(void **state) {
        struct world *w = *state;

        commit(w, "truncate -s 300M zeros");
        commit(w, "echo two >>notes");
        assert_sync(w, SYNC_UPDATED); /* it is left alone, and the rest follows */
        assert_int_equal(w->result.workspace_why.code, REFUSAL_LEFT_OUT);
        assert_sh(w, "ls standby; cat standby/notes", "link\nmemory\nnotes\ntool\none\ntwo");
        assert_sync(w, SYNC_UNCHANGED);
        assert_string_equal(w->result.saved, "");
}

static void test_runs_nothing(void **state) {
        struct world *w = *state;

        run(w,
                "cd standby/.git; for h in post-checkout post-merge pre-commit post-commit reference-transaction post-index-change; do\n"
                "printf '#!/bin/sh\ntouch %%s/ran\n' \"$PWD/../..\" >hooks/$h; chmod +x hooks/$h; done\n"
                "cd ..; git config core.fsmonitor \"touch $PWD/../ran\"; git config core.sshCommand \"touch $PWD/../ran\"\n"
                "git config filter.evil.clean \"touch $PWD/../ran\"; git config filter.evil.smudge \"touch $PWD/../ran\"\n"
                "echo mine >mine; rm -f ../ran");
        commit(w, "echo two >>notes");
        assert_sync(w, SYNC_UPDATED);
        run(w, "not test -e ran");
}

static void test_a_mirror_refspec_moves_no_branch(void **state) {
        struct world *w = *state;

        run(w, "cd standby; git config remote.origin.fetch '+refs/*:refs/*'; git branch precious");
        commit(w, "echo two >>notes");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        run(w, "git -C standby rev-parse precious");
}

static void test_line_endings_are_no_work(void **state) {
        struct world *w = *state;

        commit(w,
                "printf 'a\\r\\nb\\r\\n' >dos; printf '*.txt text eol=crlf\n' >.gitattributes; printf 'x\\ny\\n' >unix.txt");
        commit(w,
                "printf '* text=auto\n*.txt text eol=crlf\n' >.gitattributes; git update-index --assume-unchanged dos");
        assert_sync(w, SYNC_UPDATED);
        assert_string_equal(w->result.saved, "");
        assert_sync(w, SYNC_UNCHANGED);
        assert_string_equal(w->result.saved, "");
        assert_sh(w, "cd standby; od -c unix.txt | head -1", "0000000   x  \\r  \\n   y  \\r  \\n");
}

/* How many bytes this process has read until now (proc(5)). */
static long long bytes_read(void) {
        FILE *f = fopen("/proc/self/io", "re");
        long long n = -1;

        if (f && fscanf(f, "rchar: %lld", &n) != 1)
                n = -1;
        if (f)
                (void) fclose(f);
        return n;
}

static void test_what_is_untracked_is_read_once(void **state) {
        struct world *w = *state;
        long long before;

        run(w, "truncate -s 20M standby/video");
        assert_sync(w, SYNC_UNCHANGED);
        before = bytes_read();
        if (before < 0)
                skip(); /* not every kernel counts */
        assert_sync(w, SYNC_UNCHANGED);
        assert_in_range(bytes_read() - before, 0, 1 << 20);
}

/* What core.safecrlf does not let in is saved as it is. */
static void test_line_endings_that_git_refuses(void **state) {
        struct world *w = *state;

#ifdef __SANITIZE_ADDRESS__
        skip(); /* libgit2 1.5 loses eight bytes when it refuses a file, from where no suppression knows it */
#endif
        run(w, "cd standby; git config core.autocrlf input; git config core.safecrlf true; printf 'a\\r\\nb\\r\\n' >dos");
        assert_sync(w, SYNC_UNCHANGED);
        run(w, "cd standby; git cat-file blob %s:dos | cmp - dos", saved(w));
        assert_sync(w, SYNC_UNCHANGED);
        assert_string_equal(w->result.saved, "");
}

/* A file that cannot be saved is named, and holds up nothing, unless it is in the way. */
static void test_what_cannot_be_saved(void **state) {
        struct world *w = *state, *child;
        int status;
        pid_t pid;

        commit(w, "echo two >>notes");
        run(w, "cd standby; echo mine >mine; mkdir d.log; echo x >'d.log/git~1'; echo x >'git~1'");
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_LEFT_OUT);
        assert_saved(w, "mine", "mine");
        assert_follows(w);
        commit(w, "echo theirs >d.log; git add -f d.log");
        assert_sync(w, SYNC_FAILED);
        run(w, "ls 'standby/d.log/git~1'; rm -r standby/d.log 'standby/git~1'");

        if (geteuid() != 0)
                skip(); /* only root is somebody else */
        child = mmap(NULL, sizeof *child, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(child, MAP_FAILED);
        run(w, "chmod 755 .. .; chown -R nobody .; echo x >standby/closed; chmod 600 standby/closed; echo 2 >standby/mine; chown nobody standby/mine");
        pid = fork();
        if (pid == 0) {
                if (setresuid(65534, 65534, 65534) < 0)
                        _exit(1);
                (void) do_sync(w);
                child->result = w->result;
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        w->result = child->result;
        (void) munmap(child, sizeof *child);
        assert_int_equal(w->result.workspace, SYNC_UPDATED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_UNREADABLE);
        assert_why(w, "sudo chown -hR nobody: /");
        assert_true(*w->result.workspace_why.command);
        run(w, "chown -R root standby origin; cat standby/d.log | grep theirs; test \"$(git -C standby show %s:mine)\" = 2",
                saved(w));
}

static void test_the_configured_branch(void **state) {
        struct world *w = *state;

        w->config.branch = (char *) "live";
        assert_sync(w, SYNC_REFUSED);
        assert_why(w, "no branch live");
        run(w, "cd primary; git switch -qc live; echo l >l; git add l; git commit -qm l; git push -q origin live");
        assert_sync(w, SYNC_REFUSED);
        assert_why(w, "switch live");
        run(w, "cd standby; git switch -qc live");
        assert_sync(w, SYNC_UPDATED);
        assert_sh(w, "cat standby/l", "l");
}

static void test_disk_full(void **state) {
        struct world *w = *state;

        if (geteuid() != 0)
                skip(); /* only root mounts */
        run(w, "mkdir small; unshare -m true");
        run(w, "mount -t tmpfs -o size=40m none small; cp -a standby small/");
        w->config.path = (char *) w->dir;
        (void) snprintf(w->path, sizeof w->path, "%s/small/standby", w->dir);
        w->config.path = w->path;
        commit(w, "head -c 20000000 /dev/urandom >big");
        (void) do_sync(w);
        run(w, "umount small");
        assert_int_equal(w->result.workspace, SYNC_REFUSED);
        assert_why(w, "is full");
}

/* A file that cannot be removed, found only half-way: all is put back, and no intent stays. */
static void test_rolls_back(void **state) {
        struct world *w = *state;
        _cleanup_free_ char *before = NULL, *after = NULL;

        if (geteuid() != 0)
                skip(); /* only root mounts */
        commit(w,
                "echo t >.first; echo t >notes; echo t >tool; echo t >zz; ln -sf tool link; rm -r memory; echo m >memory");
        run(w, "cd standby; echo mine >>notes; echo u >untracked; mount --bind tool tool");
        before = fingerprint(w);
        (void) do_sync(w);
        run(w, "umount standby/tool");
        assert_int_equal(w->result.workspace, SYNC_FAILED);
        assert_why(w, "tool");
        run(w, "cd standby; git branch -D %s", saved(w));
        after = fingerprint(w);
        assert_string_equal(before, after);
        run(w, "not test -e standby/.git/failover-intent");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
}

/* What cannot be put back either does not keep the rest from it. */
static void test_rolls_back_around_what_stays(void **state) {
        struct world *w = *state;
        _cleanup_free_ char *before = NULL, *after = NULL;

        if (geteuid() != 0)
                skip(); /* only root mounts */
        commit(w, "echo t >build.log; git add -f build.log; echo t >notes; rm tool");
        run(w,
                "cd standby; mkdir -p build.log/sub; echo a >build.log/a; echo z >build.log/z; echo s >build.log/sub/s\n"
                "mount --bind build.log/sub/s build.log/sub/s");
        before = fingerprint(w);
        (void) do_sync(w);
        run(w, "umount standby/build.log/sub/s");
        assert_int_equal(w->result.workspace, SYNC_FAILED);
        assert_why(w, "build.log");
        run(w, "cd standby; git branch -D %s; not test -e .git/failover-intent", saved(w));
        after = fingerprint(w);
        assert_string_equal(before, after);
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_saved(w, "build.log/sub/s", "s");
}

/* A directory in the way that cannot be emptied: that is seen before anything moves. Root can empty all. */
static void test_refuses_a_directory_that_stays(void **state) {
        struct world *w = *state;
        int status;
        pid_t pid;

        commit(w, "echo t >build.log; git add -f build.log; echo t >notes");
        run(w,
                "mkdir -p standby/build.log/sub; echo s >standby/build.log/sub/s; chmod 555 standby/build.log/sub\n"
                "test $(id -u) != 0 || { chmod 711 ..; chown -R nobody .; }");
        pid = fork();
        if (pid == 0) {
                if (geteuid() == 0 && setuid(65534) < 0)
                        _exit(2);
                _exit(do_sync(w) != SYNC_REFUSED ||
                        !strstr(words(&w->result.workspace_why), "build.log/sub"));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        run(w, "test $(id -u) != 0 || chown -R root .; chmod 755 standby/build.log/sub");
        assert_sh(w, "cd standby; cat notes build.log/sub/s; not test -e .git/failover-intent", "one\ns");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
}

/* A sync by somebody who is not root, to whom all belongs but what CLOSE, a script, takes away. */
static void sync_as_nobody(struct world *w, const char *close) {
        struct world *child =
                mmap(NULL, sizeof *child, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        int status;
        pid_t pid;

        assert_ptr_not_equal(child, MAP_FAILED);
        run(w, "test $(id -u) != 0 || { chmod 711 . ..; chown -hR nobody .; }; cd standby; %s", close);
        pid = fork();
        if (pid == 0) {
                if (geteuid() == 0 && setuid(65534) < 0)
                        _exit(1);
                (void) do_sync(w);
                child->result = w->result;
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        w->result = child->result;
        (void) munmap(child, sizeof *child);
        run(w, "test $(id -u) != 0 || chown -hR root .");
}

/* Ours or not: that makes another command. */
static void test_what_is_closed_to_us(void **state) {
        struct world *w = *state;

        sync_as_nobody(w, "chmod a-w .git/objects");
        assert_int_equal(w->result.workspace, SYNC_REFUSED);
        assert_why(w, " chmod -R u+rwX /");
        mend(w);
        run(w, "test $(stat -c %%A standby/.git/objects | cut -c3) = w");
        sync_as_nobody(w, "echo x >>notes; chmod 0 notes; echo new >new");
        assert_int_equal(w->result.workspace, SYNC_UNCHANGED); /* it stays as it is, and the rest is saved */
        assert_int_equal(w->result.workspace_why.code, REFUSAL_UNREADABLE);
        assert_saved(w, "new", "new");
        assert_why(w, "sudo -u ");
        mend(w);
        commit(w, "echo two >>notes");
        if (geteuid() != 0)
                skip(); /* only root gives files away */
        sync_as_nobody(w, "chown root notes; chmod 600 notes");
        assert_int_equal(w->result.workspace, SYNC_REFUSED); /* it is in the way of what comes */
        assert_int_equal(w->result.workspace_why.code, REFUSAL_UNREADABLE);
        assert_why(w, "sudo chown -hR nobody: /");
        sync_as_nobody(w, "chown root .git/objects");
        assert_why(w, "sudo chown -hR nobody: /");
        sync_as_nobody(w, "true");
        assert_int_equal(w->result.workspace, SYNC_UPDATED);
        assert_saved(w, "notes", "one\nx");
}

/* A sync in two halves, with the shell script MEANWHILE in between: after the look, before the move. BEFORE: the fingerprint
 * then. */
static int sync_around(struct world *w, const char *meanwhile, char **before) {
        _cleanup_(git_commit_freep) git_commit *target = NULL;
        _cleanup_(git_tree_freep) git_tree *full = NULL;
        _cleanup_work_ struct changes work = { 0 };
        struct incoming in = { 0 };
        struct repo repo;
        git_oid id;
        int k;

        run(w, "git -C standby fetch -q");
        w->result = (struct sync_result){ 0 };
        assert_true(git_libgit2_init() > 0);
        assert_int_equal(repo_open(&repo, &w->config, &w->result), 0);
        repo_find_head(&repo);
        assert_int_equal(repo_check(&repo, &w->result), 0);
        assert_int_equal(git_reference_name_to_id(&id, repo.git, "refs/remotes/origin/main"), 0);
        assert_int_equal(git_commit_lookup(&target, repo.git, &id), 0);
        assert_int_equal(incoming_check(&repo, target, &in, &w->result), 0);
        assert_int_equal(changes_find(&repo, target, NULL, NULL, &in.paths, &work, &w->result), 0);
        assert_int_equal(saved_add(&repo, &work, "box", w->result.saved, &full, &w->result), 0);
        run(w, "cd standby; %s", meanwhile);
        *before = fingerprint(w);
        k = checkout_to(&repo, target, &in.paths, full, work.looked, &w->result);
        paths_free(&in.paths);
        repo_close(&repo);
        (void) git_libgit2_shutdown();
        return k;
}

static void test_a_change_after_the_look_stays(void **state) {
        static const struct {
                const char *change, *path;
        } cases[] = {
                { "echo late >>notes", "notes" },
                { "echo late >later; touch -d 2001-01-01 later; mv later notes", "notes" },
                { "ln -sf late link", "link" },
                { "echo late >>untracked", "untracked" },
                { "echo late >appeared", "appeared" },
                { "echo late >d.log/late", "d.log" },
                { "mkdir ../old; echo late >../old/late; sleep 0.05; mv ../old d.log/", "d.log" },
                { "rm -r memory; ln -s late memory", "memory" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct world *w = *state;
                _cleanup_free_ char *before = NULL, *after = NULL;

                commit(w,
                        "echo t >notes; ln -sf t link; echo t >untracked; echo t >d.log; echo t >memory/a; echo t >appeared; git add -f .");
                run(w, "cd standby; echo mine >>notes; echo u >untracked; mkdir d.log; echo i >d.log/i");
                if (sync_around(w, cases[i].change, &before) != -ECANCELED)
                        fail_msg("%s: it moved", cases[i].change);
                assert_why(w, cases[i].path);
                after = fingerprint(w);
                assert_string_equal(before, after);
                run(w, "not test -e standby/.git/failover-intent");

                assert_sync(w, SYNC_UPDATED);
                assert_follows(w);
                run(w, "cd standby; git grep -q late %s || git ls-tree -r %s | grep -q $(printf late | git hash-object --stdin)",
                        saved(w), saved(w));
                assert_int_equal(end_world(state), 0);
                assert_int_equal(new_world(state), 0);
        }
}

/* A file that is as it was saved, or as it is to be, may go, whatever its time: that of a hard link is late as soon as we
 * remove the other. */
static void test_a_late_time_is_no_change(void **state) {
        struct world *w = *state;
        _cleanup_free_ char *before = NULL;

        commit(w, "echo t >notes; echo t >tool; echo t >new; rm memory/a");
        run(w, "cd standby; ln notes same; ln -f notes tool; echo mine >>notes");
        assert_int_equal(sync_around(w, "touch notes tool; chmod 600 memory/a; echo t >new", &before), 0);
        assert_follows(w);
        assert_sh(w, "cat standby/same", "one\nmine");
}

/* Nor does the way back take what appeared. */
static void test_rolls_back_around_a_change(void **state) {
        struct world *w = *state;
        _cleanup_free_ char *before = NULL;

        if (geteuid() != 0)
                skip(); /* only root mounts */
        commit(w, "echo t >notes; echo t >tool; echo t >zz");
        assert_int_equal(sync_around(w, "mount --bind tool tool; echo late >zz", &before), -ECANCELED);
        run(w, "umount standby/tool; not test -e standby/.git/failover-intent");
        assert_why(w, "tool");
        assert_sh(w, "cd standby; cat notes zz", "one\nlate");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_saved(w, "zz", "late");
}

/* Starts a sync in a child; SIGKILL after a while of at most SPAN. */
static void kill_one(struct world *w, useconds_t span) {
        pid_t pid = fork();

        if (pid == 0) {
                (void) do_sync(w);
                _exit(0);
        }
        (void) usleep((useconds_t) rand() % span);
        (void) kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        /* The lock goes with the last of its children. What is as old as a tick of the clock is not stale. */
        run(w, "flock -w 20 standby/.git true; sleep 0.01");
}

/* How long one takes here and now, so that kills fall into all of it. */
static useconds_t measure(struct world *w) {
        usec_t begin = now_usec(CLOCK_BOOTTIME);

        assert_sync(w, SYNC_UPDATED);
        return (useconds_t) (now_usec(CLOCK_BOOTTIME) - begin);
}

static void many_files(const struct world *w, int round) {
        run(w,
                "cd primary; mkdir -p many$((%d %% 2)); rm -rf many$(( (%d + 1) %% 2))\n"
                "for i in $(seq 1000); do echo \"$i %d\" >many$((%d %% 2))/$i; done; seq %d 20000 >large\n"
                "git add -A; git commit -qm %d; git push -q origin main",
                round, round, round, round, round, round);
}

/* What was written last was not on disk yet. */
static void test_after_a_power_cut(void **state) {
        struct world *w = *state;

        run(w, "cd standby; touch ../stamp; sleep 0.02; echo mine >mine");
        commit(w, "echo two >>notes");
        assert_sync(w, SYNC_UPDATED);
        run(w,
                "cd standby/.git; find objects/?? refs/remotes refs/heads/failover refs/failover -type f -newer ../../stamp >../../cut\n"
                "grep -q objects ../../cut; grep -q refs/heads/failover ../../cut; grep -q refs/remotes ../../cut\n"
                "for f in $(cat ../../cut); do chmod u+w $f; : >$f; done; rm -r logs/refs/heads/failover\n"
                "mkdir -p objects/00; : >objects/00/tmp_obj_a; : >refs/heads/empty");
        commit(w, "echo three >>notes");
        assert_sync(w, SYNC_UPDATED);
        assert_saved(w, "mine", "mine");
        run(w, "cd standby/.git; ls objects/00/tmp_obj_a refs/heads/empty; rm objects/00/tmp_obj_a refs/heads/empty");
        assert_follows(w);
        assert_sync(w, SYNC_UNCHANGED);
}

/* Of the index git does not wait for the disk. */
static void test_after_a_power_cut_without_an_index(void **state) {
        struct world *w = *state;
        const char *const left[] = { "", "head -c 300 /dev/zero >.git/index;" };

        for (size_t i = 0; i < ELEMENTSOF(left); i++) {
                run(w, "cd standby; : >.git/index; %s echo mine >>memory/a; echo new >new%zu", left[i], i);
                commit(w, "echo two >>notes");
                assert_sync(w, SYNC_UPDATED);
                assert_saved(w, "memory/a", "alpha\nmine");
                assert_follows(w);
                assert_sh(w,
                        "git -C standby status --porcelain -uno; find standby/.git -name index-failover",
                        "");
        }
        /* One that was not ours to mend. */
        run(w, "cd standby; git ls-files >/dev/null; truncate -s -30 .git/index");
        assert_sync(w, SYNC_REFUSED);
        assert_why(w, "git -C");
        run(w, "cd standby; git read-tree HEAD");
        assert_sync(w, SYNC_UNCHANGED);
}

static void test_killed_in_a_checkout(void **state) {
        struct world *w = *state;
        unsigned seed = (unsigned) now_usec(CLOCK_REALTIME);
        useconds_t span;

        print_message("seed %u\n", seed);
        srand(seed);
        many_files(w, 0);
        span = measure(w);
        for (int round = 1; round <= 6; round++) {
                many_files(w, round);
                for (int i = 0; i < 4; i++)
                        kill_one(w, span);
                if (do_sync(w) > SYNC_UPDATED)
                        fail_msg("%s", words(&w->result.workspace_why));
                assert_follows(w);
                /* Half a checkout is nobody's work. */
                assert_sh(w, "git -C standby branch --list 'failover/*'; git -C standby status --porcelain",
                        "");
        }
}

static void test_killed_while_saving(void **state) {
        struct world *w = *state;
        unsigned seed = (unsigned) now_usec(CLOCK_REALTIME);
        useconds_t span;

        print_message("seed %u\n", seed);
        srand(seed);
        many_files(w, 0);
        span = measure(w) * 2;
        for (int round = 1; round <= 4; round++) {
                many_files(w, round);
                run(w,
                        "cd standby; for f in many*/*7; do echo mine %d >>$f; done; echo mine %d >own%d.log; echo KEY=%d >.env\n"
                        "echo s%d >notes; git add notes; echo t%d >notes",
                        round, round, round, round, round, round);
                run(w, "cd primary; echo theirs >own%d.log; git add -f .; git commit -qm own; git push -q origin HEAD:main",
                        round);
                for (int i = 0; i < 4; i++)
                        kill_one(w, span);
                if (do_sync(w) > SYNC_UPDATED)
                        fail_msg("%s", words(&w->result.workspace_why));
                assert_follows(w);
                /* Every version that the standby had is in some saved branch. */
                run(w,
                        "cd standby; all=$(git branch --list 'failover/*' --format='%%(refname)')\n"
                        "git rev-list --objects $all >../objects; for content in 's%d' 't%d' 'KEY=%d'; do\n"
                        "grep -q $(echo $content | git hash-object --stdin) ../objects; done\n"
                        "f=$(ls -d many*/997); grep -q $( { echo \"997 %d\"; echo mine %d; } | git hash-object --stdin) ../objects",
                        round, round, round, round - 1, round);
        }
}

/* The gateway ran on a half tree, and its agent worked there. */
static void test_work_on_half_a_tree(void **state) {
        struct world *w = *state;

        commit(w, "echo two >>notes; echo new >new; rm memory/b; echo A >memory/a");
        run(w,
                "cd standby; git fetch -q; printf 'from %%s\\nto %%s\\n' $(git rev-parse HEAD origin/main) >.git/failover-intent\n"
                "printf 'one\\ntw' >notes; echo new >new; rm memory/b; rm tool; echo mine >>memory/a; echo own >own");
        w->gateway_runs = true;
        assert_sync(w, SYNC_SKIPPED);
        run(w, "test -e standby/.git/failover-intent");
        w->gateway_runs = false;
        commit(w, "echo three >>notes");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_saved(w, "memory/a", "alpha\nmine");
        assert_saved(w, "own", "own");
        run(w, "cd standby; test \"$(git diff --name-only %s^ %s | tr '\\n' ' ')\" = 'memory/a own '",
                saved(w), saved(w));
}

/* A move was cut short on main, and somebody went on elsewhere. */
static void test_an_intent_is_for_its_branch(void **state) {
        struct world *w = *state;
        _cleanup_free_ char *before = NULL, *after = NULL, *between = NULL;

        commit(w, "echo two >>notes; echo new >new");
        assert_int_equal(
                sync_around(w, "touch .git/index.lock", &between), -ECANCELED); /* neither there nor back */
        assert_why(w, "half old, half new");
        run(w,
                "cd standby; rm .git/index.lock; grep -x 'branch main' .git/failover-intent\n"
                "git switch -qc side; echo own >own; git add -A; git commit -qm own");
        before = fingerprint(w);
        assert_sync(w, SYNC_REFUSED);
        assert_why(w, "a sync of main was cut short");
        assert_why(w, "switch main");
        after = fingerprint(w);
        assert_string_equal(before, after);
        run(w, "cd standby; test -e .git/failover-intent; git switch -q main");
        assert_sync(w, SYNC_UNCHANGED);
        assert_follows(w);
        assert_sh(w, "git -C standby show side:own", "own");
}

/* Leaves the work tree and the intent of a sync that was cut short between A, what is checked out, and B, the remote's. */
static void cut_short(const struct world *w) {
        run(w,
                "cd standby; git fetch -q; printf 'from %%s\\nto %%s\\nbranch main\\n' $(git rev-parse HEAD origin/main) >.git/failover-intent\n"
                "git show origin/main:notes >notes");
}

/* Somebody went on by hand after a sync was cut short, and the remote is gone: what is newer is not taken back. */
static void test_an_intent_that_was_overtaken(void **state) {
        struct world *w = *state;
        _cleanup_free_ char *before = NULL, *after = NULL;

        commit(w, "echo two >>notes; echo new >new");
        cut_short(w);
        commit(w, "echo three >>notes; echo newer >new");
        run(w, "cd standby; git fetch -q; git reset -q --hard origin/main");
        before = fingerprint(w);
        run(w, "mv origin gone");
        assert_sync(w, SYNC_FAILED);
        after = fingerprint(w);
        assert_string_equal(before, after);
        assert_string_equal(w->result.saved, "");
        run(w, "mv gone origin");
        assert_sync(w, SYNC_UNCHANGED);
        assert_follows(w);
}

/* The same by a commit of one's own, on half a tree. */
static void test_an_intent_that_was_committed_over(void **state) {
        struct world *w = *state;

        commit(w, "echo two >>notes; echo new >new");
        cut_short(w);
        run(w, "cd standby; git reset -q origin/main; echo own >own; git add own; git commit -qm own; echo mine >>memory/a");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_saved(w, "own", "own");
        assert_saved(w, "memory/a", "alpha\nmine");
        assert_saved(w, "new", "new"); /* which was only not written yet */
}

/* Nor does a commit that was pruned stand in the way for ever. */
static void test_an_intent_to_nowhere(void **state) {
        struct world *w = *state;

        run(w,
                "cd standby; printf 'from %%s\\nto 1111111111111111111111111111111111111111\\nbranch main\\n' $(git rev-parse HEAD) >.git/failover-intent\n"
                "echo theirs >notes; rm tool");
        assert_sync(w, SYNC_UNCHANGED);
        assert_follows(w);
        assert_saved(w, "notes", "theirs");
        assert_sync(w, SYNC_UNCHANGED);
        run(w,
                "cd standby; "
                "printf 'from 1111111111111111111111111111111111111111\\nto 2111111111111111111111111111111111111111\\nbranch main\\n' >.git/failover-intent\n"
                "mv ../origin ../gone; echo own >own; git add own; git commit -qm own; echo mine >>notes");
        assert_sync(w, SYNC_FAILED);
        assert_saved(w, "notes", "one\nmine");
        assert_sh(w, "cd standby; cat notes own; not test -e .git/failover-intent", "one\nown");
        run(w, "mv gone origin");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        run(w, "cd standby; test \"$(git show %s:own)\" = own", w->result.unmerged[0].name);
}

static void test_a_silent_remote(void **state) {
        struct world *w = *state;
        _cleanup_free_ char *port = NULL;

        /* Accepts, and says nothing; -k so that it lives until the test ends it. */
        port = sh(w,
                "python3 -c 'import socket,os,sys,time\n"
                "s=socket.create_server((\"127.0.0.1\",0)); print(s.getsockname()[1],flush=True)\n"
                "if os.fork(): os._exit(0)\n"
                "d=os.open(os.devnull,2); os.dup2(d,1); os.dup2(d,2); open(\"pid\",\"w\").write(str(os.getpid()))\n"
                "time.sleep(60)'; until test -s pid; do sleep 0.01; done");
        run(w, "cd standby; git remote set-url origin git://127.0.0.1:%s/x; echo mine >>notes", port);
        /* The test would outlast all patience if what is over of the timeout were not taken off. */
        w->config.timeout = USEC_PER_HOUR;
        w->late = USEC_PER_HOUR - 300 * USEC_PER_MSEC;
        assert_sync(w, SYNC_FAILED);
        run(w, "kill $(cat pid)");
        assert_why(w, "no answer from the remote origin in 1 h");
        assert_saved(w, "notes", "one\nmine");
}

/* A remote that says what it likes: PACK is Python that sends a pack by c.sendall(), object(TYPE, SIZE) being the head of one
 * in it (gitformat-pack(5), gitprotocol-pack(5)). It ends when nobody listens any more. */
static void hostile_remote(const struct world *w, const char *pack) {
        _cleanup_free_ char *port = NULL;

        run(w,
                "cat >remote.py <<'EOT'\n"
                "import hashlib, os, socket, struct, time, zlib\n"
                "def line(text): return b'%%04x' %% (len(text) + 4) + text\n"
                "def object(type, size):\n"
                "    head = [type << 4 | size & 15]; size >>= 4\n"
                "    while size: head[-1] |= 128; head.append(size & 127); size >>= 7\n"
                "    return bytes(head)\n"
                "s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)\n"
                "if os.fork(): os._exit(0)\n"
                "null = os.open(os.devnull, os.O_RDWR); os.dup2(null, 1); os.dup2(null, 2)\n"
                "c = s.accept()[0]; c.recv(4096); tip = b'1' * 40\n"
                "c.sendall(line(tip + b' HEAD\\0ofs-delta symref=HEAD:refs/heads/main\\n') +\n"
                "          line(tip + b' refs/heads/main\\n') + b'0000')\n"
                "while b'done' not in c.recv(4096): pass\n"
                "c.sendall(line(b'NAK\\n')); open('asked', 'w')\n"
                "%s\nEOT\n",
                pack);
        port = sh(w, "python3 remote.py");
        run(w, "cd standby; git remote set-url origin git://127.0.0.1:%s/x; echo mine >>notes", port);
}

#define ENDLESS_PACK                                                                                        \
        "z = zlib.compressobj(0); c.sendall(b'PACK' + struct.pack('>II', 2, 1) + object(3, 1 << 40))\n"     \
        "while True: c.sendall(z.compress(os.urandom(1 << 16)))"

/* It was asked, and has left nothing: no file of a pack, and what the standby has is there, and saved. */
static void assert_unharmed(const struct world *w) {
        run(w, "test -e asked; test -z \"$(find standby/.git -name '*_git2_*')\"; test $(du -sm standby | cut -f1) -lt 2");
        assert_sh(w,
                "cat standby/notes; git -C standby fsck --strict 2>&1; git -C standby rev-list --count HEAD",
                "one\nmine\n1");
        assert_saved(w, "notes", "one\nmine");
}

static void test_an_endless_pack_against_the_deadline(void **state) {
        struct world *w = *state;

        hostile_remote(w, ENDLESS_PACK "; time.sleep(0.02)");
        w->config.timeout = USEC_PER_HOUR;
        w->late = USEC_PER_HOUR - USEC_PER_SEC;
        assert_sync(w, SYNC_FAILED);
        assert_why(w, "no answer from the remote origin in 1 h");
        assert_unharmed(w);
}

static void test_an_endless_pack_against_the_bound(void **state) {
        struct world *w = *state;

        hostile_remote(w, ENDLESS_PACK);
        w->fetch_max = 8 << 20;
        assert_sync(w, SYNC_REFUSED);
        assert_why(w, "the remote sent more than 8 MiB at once");
        assert_unharmed(w);
}

/* Some kilobytes that say how to make one and a half gigabytes. */
static void test_a_delta_against_the_bound_of_memory(void **state) {
        struct world *w = *state;

#ifdef __SANITIZE_ADDRESS__
        skip(); /* no such bound */
#endif
        hostile_remote(w,
                "def varint(n): return (bytes([n & 127 | 128]) + varint(n >> 7)) if n > 127 else bytes([n])\n"
                "base = bytes(0xffffff); delta = varint(len(base)) + varint(96 * len(base)) + 96 * b'\\xf0\\xff\\xff\\xff'\n"
                "base = object(3, len(base)) + zlib.compress(base); back = len(base)\n"
                "offset = [back & 127]; back >>= 7\n"
                "while back: back -= 1; offset.insert(0, back & 127 | 128); back >>= 7\n"
                "pack = b'PACK' + struct.pack('>II', 2, 2) + base + object(6, len(delta)) + bytes(offset) + zlib.compress(delta)\n"
                "c.sendall(pack + hashlib.sha1(pack).digest())");
        assert_sync(w, SYNC_FAILED);
        assert_why(w, "Out of memory");
        assert_unharmed(w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_world, end_world)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_follows_the_remote),
                TEST(test_index_keeps_what_it_knows),
                TEST(test_leaves_a_running_gateway_alone),
                TEST(test_saves_all_kinds_of_work),
                TEST(test_what_was_only_staged_is_saved),
                TEST(test_saves_unpushed_commits),
                TEST(test_a_known_commit_is_no_work),
                TEST(test_saves_though_the_remote_is_gone),
                TEST(test_secrets_and_big_files_stay),
                TEST(test_a_secret_in_a_commit_is_not_pushed),
                TEST(test_pushes_what_was_saved),
                TEST(test_unmerged_until_merged),
                TEST(test_unmerged_work_is_never_pruned),
                TEST(test_every_branch_counts),
                TEST(test_work_that_was_undone_is_work_again),
                TEST(test_a_mode_of_other_tools_is_no_work),
                TEST(test_saves_before_it_refuses),
                TEST(test_what_cannot_be_followed_is_left_alone),
                TEST(test_what_is_too_much_is_left_out),
                TEST(test_names_of_secrets),
                TEST(test_what_a_filter_would_change_is_not_pushed),
                TEST(test_each_branch_is_pushed_by_itself),
                TEST(test_the_first_of_several_addresses),
                TEST(test_names_that_sort_after_ours),
                TEST(test_refuses),
                TEST(test_a_branch_without_a_commit),
                TEST(test_an_index_without_a_checksum),
                TEST(test_names_are_no_commands),
                TEST(test_lfs_that_no_file_has_is_fine),
                TEST(test_refuses_what_belongs_to_others),
                TEST(test_submodule_that_stays_is_left_alone),
                TEST(test_stale_locks),
                TEST(test_two_at_once),
                TEST(test_things_in_the_way),
                TEST(test_never_writes_through_links),
                TEST(test_hostile_trees),
                TEST(test_tree_bomb),
                TEST(test_huge_blob),
                TEST(test_runs_nothing),
                TEST(test_a_mirror_refspec_moves_no_branch),
                TEST(test_line_endings_are_no_work),
                TEST(test_what_is_untracked_is_read_once),
                TEST(test_line_endings_that_git_refuses),
                TEST(test_what_cannot_be_saved),
                TEST(test_the_configured_branch),
                TEST(test_disk_full),
                TEST(test_what_is_closed_to_us),
                TEST(test_rolls_back),
                TEST(test_rolls_back_around_what_stays),
                TEST(test_refuses_a_directory_that_stays),
                TEST(test_a_change_after_the_look_stays),
                TEST(test_a_late_time_is_no_change),
                TEST(test_rolls_back_around_a_change),
                TEST(test_after_a_power_cut),
                TEST(test_after_a_power_cut_without_an_index),
                TEST(test_killed_in_a_checkout),
                TEST(test_killed_while_saving),
                TEST(test_work_on_half_a_tree),
                TEST(test_an_intent_is_for_its_branch),
                TEST(test_an_intent_that_was_overtaken),
                TEST(test_an_intent_that_was_committed_over),
                TEST(test_an_intent_to_nowhere),
                TEST(test_a_silent_remote),
                TEST(test_an_endless_pack_against_the_deadline),
                TEST(test_an_endless_pack_against_the_bound),
                TEST(test_a_delta_against_the_bound_of_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
