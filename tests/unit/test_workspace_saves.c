/* The workspace follows its remote, and saves what the standby had first. */
#include "workspace_fixture.h"

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
                "cd standby; git show \"$(git branch --list 'failover/*-private' --format='%(refname)'):notes.staged\"",
                "one\nstaged");
        assert_int_equal(w->result.n_unmerged, 2);
        assert_true(sync_branch_is_private(w->result.unmerged[1].name));
}

static void test_what_was_staged_and_put_back_is_saved(void **state) {
        struct world *w = *state;

        run(w, "cd standby; echo staged >notes; git add notes; git restore --source=HEAD --worktree notes");
        commit(w, "echo two >notes");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_saved(w, "notes.staged", "staged");
        assert_int_equal(w->result.n_unmerged, 1);
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

/* The primary never had it: it is in no history but ours. */
static void test_a_commit_that_we_pushed_and_the_primary_overwrote_is_saved(void **state) {
        struct world *w = *state;

        run(w, "cd standby; echo mine >mine; git add mine; git commit -qm mine; git push -q origin main");
        commit(w, "echo two >>notes");
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
        /* And neither their branch, which is named like any other, nor their blobs are at the remote. */
        assert_true(w->result.unmerged[0].pushed);
        assert_int_equal(w->result.n_unmerged, 2);
        assert_false(w->result.unmerged[1].pushed);
        assert_true(sync_branch_is_private(w->result.unmerged[1].name));
        run(w,
                "cd origin; git branch --list 'failover/*' | wc -l | grep -x 1\n"
                "not git cat-file -e $(git hash-object ../standby/.env.local); not git cat-file -e $(git hash-object ../standby/big)");

        /* Until git is told to ignore it, and the branch is removed. */
        run(w, "cd standby; git branch -qD %s; printf '%%s\\n' .env.local keys server.PEM big >.git/info/exclude",
                w->result.unmerged[1].name);
        assert_sync(w, SYNC_UNCHANGED);
        assert_int_equal(w->result.n_unmerged, 1);
        run(w, "cd standby; rm .git/info/exclude");

        run(w, "cd standby; rm fine .env.local keys/id_ed25519; truncate -s 7M big");
        assert_sync(w, SYNC_UNCHANGED);
        assert_non_null(strstr(saved(w), "-private"));
}

/* What was read once, and is ignored since, is in no branch for that. */
static void test_what_is_ignored_by_now_is_saved_if_in_the_way(void **state) {
        struct world *w = *state;

        run(w, "echo mine >standby/notes.db; sleep 0.1"); /* what is new to the clock is not remembered */
        assert_sync(w, SYNC_UNCHANGED);
        run(w, "cd standby; git branch -qD %s; echo notes.db >.git/info/exclude", saved(w));
        assert_sync(w, SYNC_UNCHANGED);
        assert_string_equal(w->result.saved, "");
        commit(w, "echo theirs >notes.db");
        assert_sync(w, SYNC_UPDATED);
        assert_saved(w, "notes.db", "mine");
        assert_follows(w);
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

/* However often it is written, it takes one name at the remote, with each version, unless that is checked out somewhere. */
static void test_a_file_that_is_written_again_takes_one_branch(void **state) {
        struct world *w = *state;
        char branch[128];

        w->config.save = SAVE_PUSH;
        for (int i = 0; i < 3; i++) {
                run(w, "echo %d >standby/counter", i);
                assert_sync(w, SYNC_UNCHANGED);
                assert_int_equal(w->result.n_unmerged, 1);
                assert_true(w->result.unmerged[0].pushed);
                if (i > 0)
                        assert_string_equal(saved(w), branch);
                (void) snprintf(branch, sizeof branch, "%s", saved(w));
        }
        run(w,
                "cd origin; test $(git branch --list 'failover/*' | wc -l) = 1; test $(git show %s:counter) = 2\n"
                "git rev-list --objects %s >../objects; for i in 0 1 2; do grep -q $(echo $i | git hash-object --stdin) ../objects; done\n"
                "cd ../standby; git worktree add -q ../tree %s; echo 3 >counter",
                branch, branch, branch);
        assert_sync(w, SYNC_UNCHANGED);
        assert_string_not_equal(saved(w), branch);
        assert_int_equal(w->result.n_unmerged, 2);
        run(w, "cd tree; test -z \"$(git status --porcelain)\"; test $(cat counter) = 2");
}

/* A branch that a person touched there takes no push: the next version gets a name of its own. */
static void test_a_branch_that_was_touched_at_the_remote_is_left(void **state) {
        struct world *w = *state;

        w->config.save = SAVE_PUSH;
        run(w, "echo 1 >standby/counter");
        assert_sync(w, SYNC_UNCHANGED);
        run(w, "cd origin; git update-ref refs/heads/%s $(git commit-tree -p %s -m touched %s^{tree}); echo 2 >../standby/counter",
                saved(w), saved(w), saved(w));
        assert_sync(w, SYNC_UNCHANGED); /* which finds that out */
        run(w, "echo 3 >standby/counter");
        assert_sync(w, SYNC_UNCHANGED);
        assert_int_equal(w->result.n_unmerged, 1);
        assert_true(w->result.unmerged[0].pushed);
        run(w, "test $(git -C origin show %s:counter) = 3", saved(w));
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
                { "git sparse-checkout set --no-cone tool; echo s >new", "new", "s" },
                { "git sparse-checkout set --cone --sparse-index memory; echo s >new", "new", "s" },
                { "git config remote.origin.promisor true; git config extensions.partialClone origin\n"
                  "git config core.repositoryformatversion 1; echo s >>notes",
                        "notes", "one\ns" },
                { "cd ..; rm -rf standby; git -C origin config uploadpack.allowFilter true\n"
                  "git clone -q --no-local --filter=blob:none --sparse origin standby; cd standby\n"
                  "mkdir -p memory; echo s >memory/new",
                        "memory/new", "s" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct world *w = *state;

                run(w, "cd standby; %s", cases[i].script);
                assert_sync(w, SYNC_REFUSED);
                assert_saved(w, cases[i].path, cases[i].content);
                run(w, "cd standby; d=$(git diff --name-only --diff-filter=D origin/main %s); test -z \"$d\"",
                        saved(w));
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
                "home/.kube/config", "gcloud/x", "agent/auth-profiles.json", "auth.json", "host.keytab",
                "old.kdb", "AuthKey_1.p8", ".dockercfg", "rclone.conf", ".bash_history", ".psql_history",
                "secret.txt", "secrets/x", "db.secret", "passwords.txt", "prod.tfvars",
                ".config/gh/hosts.yml", "keys/github_ed25519", "deploy_rsa", "openai_api_key.txt", "APIKEY",
                "api-key.json", "private_key", "aws_credentials", "my-secrets.yaml", "prod.secrets",
                "secrets-old/x", "htpasswd", "kubeconfig", "cookies.json" };
        static const char *const ordinary[] = { "notes.md", "MEMORY.md", "IDENTITY.md",
                "memory/2026-07-11.md", "keys.md", "monkey.txt", "environment.md", "idea.md",
                "docker/config.json", ".docker/readme", "keyboard.key.md", "skills/aws/SKILL.md", "pem.txt",
                "USER.md", ".gitignore", "service.json", "authors.json", "history.md", "hosts.yml",
                "secretary.md", "skills/1password/SKILL.md", "recipes/cookies.md" };

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

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_follows_the_remote),
                TEST(test_index_keeps_what_it_knows),
                TEST(test_leaves_a_running_gateway_alone),
                TEST(test_saves_all_kinds_of_work),
                TEST(test_what_was_only_staged_is_saved),
                TEST(test_what_was_staged_and_put_back_is_saved),
                TEST(test_saves_unpushed_commits),
                TEST(test_a_known_commit_is_no_work),
                TEST(test_a_commit_that_we_pushed_and_the_primary_overwrote_is_saved),
                TEST(test_saves_though_the_remote_is_gone),
                TEST(test_secrets_and_big_files_stay),
                TEST(test_what_is_ignored_by_now_is_saved_if_in_the_way),
                TEST(test_a_secret_in_a_commit_is_not_pushed),
                TEST(test_pushes_what_was_saved),
                TEST(test_a_file_that_is_written_again_takes_one_branch),
                TEST(test_a_branch_that_was_touched_at_the_remote_is_left),
                TEST(test_a_mode_of_other_tools_is_no_work),
                TEST(test_saves_before_it_refuses),
                TEST(test_what_cannot_be_followed_is_left_alone),
                TEST(test_what_is_too_much_is_left_out),
                TEST(test_names_of_secrets),
                TEST(test_what_a_filter_would_change_is_not_pushed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
