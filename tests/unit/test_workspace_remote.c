/* A remote that is silent or hostile, that rejects, or has several addresses. */
#include "workspace_fixture.h"

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
        w->late = USEC_PER_HOUR - 2 * USEC_PER_SEC; /* emulated, a look at the tree takes one */
        assert_sync(w, SYNC_FAILED);
        assert_why(w, "no answer from the remote origin in ");
        assert_saved(w, "notes", "one\nmine");
        /* By SIGTERM it is stopped, whatever time it had. */
        w->gateway_runs = true;
        child_stop = 1;
        assert_sync(w, SYNC_FAILED);
        child_stop = 0;
        assert_why(w, "no answer from the remote origin in time");
        run(w, "kill $(cat pid)");
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
        assert_why(w, "no answer from the remote origin in ");
        assert_unharmed(w);
}

static void test_an_endless_pack_against_the_bound(void **state) {
        struct world *w = *state;

        hostile_remote(w, ENDLESS_PACK);
        remote_fetch_max = 8 << 20;
        assert_sync(w, SYNC_REFUSED);
        remote_fetch_max = (size_t) 1 << 30;
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

/* What asks for a login over http, and what leads elsewhere. A server writes what it was sent to "asked", and to "token" if that
 * had a login in it. */
static void test_a_token_goes_nowhere_else(void **state) {
        static const struct {
                const char *answer;
                bool has_token;
                enum refusal_code code;
        } cases[] = {
                { "401 Unauthorized\\r\\nWWW-Authenticate: Basic realm=x", true, REFUSAL_LOGIN },
                { "401 Unauthorized\\r\\nWWW-Authenticate: Basic realm=x", false, REFUSAL_LOGIN },
                { "302 Found\\r\\nLocation: http://localhost:%d/y", true, REFUSAL_REMOTE },
        };
        struct world *w = *state;
        char file[100];

        (void) snprintf(file, sizeof file, "%s/secret", w->dir);
        run(w, "echo ghp_secret >secret");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *port = sh(w,
                        "rm -f asked token; cat >http.py <<'EOT'\n"
                        "import os, socket\n"
                        "s = socket.create_server(('127.0.0.1', 0)); port = s.getsockname()[1]; print(port, flush=True)\n"
                        "if os.fork(): os._exit(0)\n"
                        "null = os.open(os.devnull, os.O_RDWR); os.dup2(null, 1); os.dup2(null, 2); s.settimeout(60)\n"
                        "open('server', 'w').write(str(os.getpid()))\n"
                        "while True:\n"
                        "    c = s.accept()[0]; sent = c.recv(65536); open('asked', 'ab').write(sent)\n"
                        "    if b'authorization' in sent.lower(): open('token', 'w')\n"
                        "    c.sendall(('HTTP/1.1 %s\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n'.replace('%%d', str(port))).encode())\n"
                        "    c.close()\nEOT\npython3 http.py; until test -s server; do sleep 0.01; done",
                        cases[i].answer);

                w->config.token_file = cases[i].has_token ? file : NULL;
                run(w, "git -C standby remote set-url origin http://127.0.0.1:%s/x", port);
                assert_sync(w, SYNC_FAILED);
                run(w, "kill $(cat server); rm server; test -e asked; not grep -q 'GET /y' asked; not test -e token");
                if (w->result.workspace_why.code != cases[i].code)
                        fail_msg("%zu: %s", i, words(&w->result.workspace_why));
        }
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

/* The forge renamed a branch and git fetch --prune was here, or a crash took an object. */
static void test_tracking_refs_that_lead_nowhere(void **state) {
        static const char *const scripts[] = {
                "git symbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/none",
                "echo 1111111111111111111111111111111111111111 >.git/refs/remotes/origin/lost",
                "echo 1111111111111111111111111111111111111111 >.git/refs/heads/lost; git checkout -q --detach",
        };

        for (size_t i = 0; i < 2 * ELEMENTSOF(scripts); i++) {
                struct world *w = *state;

                w->config.branch = i % 2 ? (char *) "main" : NULL;
                commit(w, "echo two >>memory/a");
                run(w, "cd standby; %s; echo mine >mine; git add mine; git commit -qm mine", scripts[i / 2]);
                assert_sync(w, i / 2 == 2 ? SYNC_REFUSED : SYNC_UPDATED);
                assert_saved(w, "mine", "mine");
                assert_int_equal(w->result.n_unmerged, 1 + i / 4); /* the lost one counts */
                assert_int_equal(end_world(state), 0);
                assert_int_equal(new_world(state), 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_a_silent_remote),
                TEST(test_an_endless_pack_against_the_deadline),
                TEST(test_an_endless_pack_against_the_bound),
                TEST(test_a_delta_against_the_bound_of_memory),
                TEST(test_a_token_goes_nowhere_else),
                TEST(test_each_branch_is_pushed_by_itself),
                TEST(test_the_first_of_several_addresses),
                TEST(test_tracking_refs_that_lead_nowhere),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
