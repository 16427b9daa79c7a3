/* A week of failovers, at random, in four workspaces such as people have: every line that was ever written is on the remote, in
 * the tree or on a branch at the end. WEEK_ROUNDS and WEEK_SEED are how long, and which one (`make week`). */
#include <string.h>
#include <sys/stat.h>

#include "lib/clock.h"
#include "scratch.h"
#include "sync/workspace.h"

struct world {
        char dir[64], path[100], state_dir[100];
        struct workspace_config config;
        struct sync_result result;
        unsigned lines;
};

/* What the primary's clone begins with. */
static const char *const workspaces[] = {
        /* a repository of its own, without .gitmodules */
        "git init -q inner; git -C inner commit -q --allow-empty -m i; git add inner; mkdir memory; echo m >memory/day.md",
        /* a virtual environment and media */
        ("mkdir memory; echo m >memory/day.md; printf '.venv/\\n' >>.gitignore; mkdir -p .venv/lib; for i in $(seq 200); do echo $i >.venv/lib/$i.py; done\n"
         "ln -s lib .venv/lib64; mkdir ../standby.media; for i in 1 2 3 4 5; do truncate -s 100M ../standby.media/$i.mp4; done"),
        /* a database and odd names */
        "mkdir memory; echo m >memory/day.md; head -c 20000 /dev/urandom >state.sqlite; echo q >\"it's a \\\"name\\\"\"; echo u >'ünïcode ☃'; echo n >\"$(printf 'two\\nlines')\"",
        /* attributes */
        "mkdir memory; echo m >memory/day.md; printf '*.txt text eol=crlf\\n*.enc filter=enc\\n' >>.gitattributes; printf 'a\\r\\n' >a.txt; echo e >e.enc; chmod +x a.txt",
};

/* What the agent, or a person, does here: each writes the line $L. */
static const char *const works[] = {
        "echo $L >>memory/day.md",
        "echo $L >>memory/$(date +%N).md",
        "mkdir -p new/$R; echo $L >>\"new/$R/odd name\"",
        "echo $L >>.env",
        "echo $L >>untracked",
        "echo $L >>memory/day.md; git add memory; git commit -qm w || true",
        "git switch -qc idea$R || true; echo $L >>idea; git add idea; git commit -qm idea || true",
        "git checkout -q --detach || true; echo $L >>detached; git add detached; git commit -qm d || true",
        "echo $L >staged$R; git add staged$R || true; rm staged$R",
        "echo $L >>untracked; mv untracked memory/moved$R.md",
};

static bool yes(void *userdata _unused_) {
        return true;
}

static enum sync_part do_sync(struct world *w) {
        const struct workspace_job job = {
                .config = &w->config, .host = "box", .may_move = yes, .may_push = yes, .state = w->state_dir
        };

        w->result = (struct sync_result){ 0 };
        workspace_sync(&job, &w->result);
        return w->result.workspace;
}

static void make_world(struct world *w, const char *script) {
        *w = (struct world){ 0 };
        scratch_make(w->dir, "test_week");
        (void) snprintf(w->path, sizeof w->path, "%s/standby", w->dir);
        (void) snprintf(w->state_dir, sizeof w->state_dir, "%s/state", w->dir);
        assert_int_equal(mkdir(w->state_dir, 0700), 0);
        w->config = (struct workspace_config){ .path = w->path,
                .remote = (char *) "origin",
                .timeout = 2 * USEC_PER_MINUTE,
                .save = rand() % 2 ? SAVE_PUSH : SAVE_LOCAL };
        run(w,
                "git config --global user.name T; git config --global user.email t@example.org; git config --global init.defaultBranch main\n"
                "git config --global advice.detachedHead false; git init -q --bare origin; git clone -q origin primary; cd primary\n"
                "printf '*.md merge=union\\nuntracked merge=union\\nidea merge=union\\ndetached merge=union\\n' >.gitattributes\n%s\n"
                "git add -A; git commit -qm first; git push -q origin HEAD:main; cd ..; git clone -q origin standby\n"
                "if test -d standby.media; then mv standby.media standby/media; cp -a primary/.venv standby/; fi",
                script);
}

/* A night here, or a day there: then the one takes over what the other did. */
static void live(struct world *w) {
        unsigned r = (unsigned) rand();

        if (r % 3 == 0)
                run(w, "cd primary; echo line-%u-end >>memory/there%u.md; git add -A; git commit -qm there; git push -q origin HEAD:main",
                        w->lines, r % 4);
        else
                run(w, "cd standby; L=line-%u-end R=%u; %s", w->lines, w->lines,
                        works[(size_t) rand() % ELEMENTSOF(works)]);
        w->lines++;
}

static void sync_once(struct world *w) {
        if (do_sync(w) >= SYNC_REFUSED) {
                const char *command = w->result.workspace_why.command;

                if (!*command || !strstr(command, "git"))
                        fail_msg("%s", words(&w->result.workspace_why));
                run(w, "sudo() { shift 2; \"$@\"; }\n%s", command); /* as it is printed: it is safe */
                if (do_sync(w) >= SYNC_REFUSED)
                        fail_msg("%s", words(&w->result.workspace_why));
        }
        if (w->result.n_unmerged > 0 && rand() % 3 == 0)
                run(w, "cd primary; git pull -q --no-rebase --no-edit ../standby '%s' && git push -q origin HEAD:main || git merge --abort || true",
                        w->result.unmerged[0].name);
}

static void assert_nothing_is_lost(struct world *w) {
        run(w,
                "{ cd standby; git log -p -m --format= --branches --remotes; find . -path ./.git -prune -o -type f -size -1M -print0 | xargs -0 cat;\n"
                "git -C ../origin log -p -m --format= --all; } | grep -ao 'line-[0-9]*-end' | sort -u >../found\n"
                "for i in $(seq 0 %u); do grep -qx line-$i-end ../found || { echo lost: line-$i-end; exit 1; }; done",
                w->lines - 1);
}

static void test_week(void **state _unused_) {
        const char *rounds = getenv("WEEK_ROUNDS"), *text = getenv("WEEK_SEED");
        unsigned seed = text ? (unsigned) atoi(text) : (unsigned) now_usec(CLOCK_REALTIME);

        print_message("seed %u\n", seed);
        srand(seed);
        for (size_t i = 0; i < ELEMENTSOF(workspaces); i++) {
                struct world w;

                make_world(&w, workspaces[i]);
                for (int n = rounds ? atoi(rounds) : 7; n > 0; n--) {
                        for (int works_left = 1 + rand() % 3; works_left > 0; works_left--)
                                live(&w);
                        sync_once(&w);
                }
                assert_nothing_is_lost(&w);
                print_message("%u lines, none lost\n", w.lines);
                scratch_remove(w.dir);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_week) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
