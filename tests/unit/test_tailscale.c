/* tailscale.c: what a real tailscaled answered, and what none would. The answers are the fuzzer's seeds as well: a digit
 * for the question, one for what became of it, and the body. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "core/verdict.h"
#include "lib/file.h"
#include "probe/tailscale.h"

#define SEEDS "tests/fuzz/corpus/tailscale/"

static char *text;

static struct tailscale_answer recorded(const char *name) {
        char path[128];

        (void) snprintf(path, sizeof path, SEEDS "%s", name);
        free(text);
        assert_int_equal(read_file(path, TAILSCALE_MAX, &text), 0);
        return (struct tailscale_answer){
                .question = (enum tailscale_question)(text[0] - '0'),
                .how = text[1] == '2' ? TAILSCALE_SILENT : TAILSCALE_ANSWERED,
                .http = text[1] == '0' ? 200 : 404,
                .body = text + 2,
                .length = strlen(text + 2),
        };
}

static struct tailscale_answer invented(const char *body) {
        return (struct tailscale_answer){
                .how = TAILSCALE_ANSWERED, .http = 200, .body = body, .length = strlen(body)
        };
}

#define EXPIRY (1796836824 * USEC_PER_SEC) /* 2026-12-09T17:20:24Z */

static void self(void **state _unused_) {
        static const struct {
                const char *name;
                struct tailscale_self self;
        } rows[] = {
                { "running",
                        { TAILSCALE_STATE_RUNNING, .online = true, .relay = "test",
                                .name = "standby.tail1234.ts.net" } },
                { "running-expiring",
                        { TAILSCALE_STATE_RUNNING, .online = true, .expires = EXPIRY, .relay = "test",
                                .name = "standby.tail1234.ts.net" } },
                { "stopped",
                        { TAILSCALE_STATE_STOPPED, .expires = EXPIRY, .relay = "test",
                                .name = "standby.tail1234.ts.net", .health = "Tailscale is stopped." } },
                { "expired-here",
                        { TAILSCALE_STATE_NEEDS_LOGIN,
                                .login_url = "http://192.0.2.1:9911/auth/3c273e264b38650d4623" } },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct tailscale_answer a = recorded(rows[i].name);
                const struct tailscale_self *want = &rows[i].self;
                struct tailscale_self s;

                tailscale_parse_self(&a, &s);
                assert_int_equal(s.state, want->state);
                assert_int_equal(s.online, want->online);
                assert_true(s.expires == want->expires);
                assert_string_equal(s.relay, want->relay);
                assert_string_equal(s.name, want->name);
                assert_string_equal(s.login_url, want->login_url);
                assert_string_equal(s.health, want->health);
                assert_string_equal(s.exit_node, "");
        }
}

static void self_without_an_answer(void **state _unused_) {
        struct tailscale_answer a = { .how = TAILSCALE_GONE };
        struct tailscale_self s;

        tailscale_parse_self(&a, &s);
        assert_int_equal(s.state, TAILSCALE_STATE_GONE);
        a.how = TAILSCALE_SILENT;
        tailscale_parse_self(&a, &s);
        assert_int_equal(s.state, TAILSCALE_STATE_SILENT);
        a = invented("{\"BackendState\":\"Dreaming\",\"Self\":[],\"Health\":7}");
        tailscale_parse_self(&a, &s);
        assert_int_equal(s.state, TAILSCALE_STATE_UNKNOWN);
        a = invented("{\"BackendState\":\"NoState\",\"ExitNodeStatus\":{\"ID\":\"n7\",\"Online\":true}}");
        tailscale_parse_self(&a, &s);
        assert_int_equal(s.state, TAILSCALE_STATE_STARTING);
        assert_true(*s.exit_node);
        assert_string_equal(s.exit_node, "n7");
        a.http = 403;
        tailscale_parse_self(&a, &s);
        assert_int_equal(s.state, TAILSCALE_STATE_UNKNOWN);
}

static void peer(void **state _unused_) {
        struct tailscale_answer a = recorded("whois");
        struct tailscale_peer p;

        tailscale_parse_peer(&a, &p);
        assert_int_equal(p.in, TAILSCALE_PEER_IN);
        assert_string_equal(p.name, "primary.tail1234.ts.net");
        assert_true(p.expires == 0);
        assert_true(tailscale_is_at(&p, "192.0.2.10"));
        assert_true(tailscale_is_at(&p, "100.64.0.1"));
        assert_string_equal(p.routes, "");

        a = recorded("whois-expiring");
        tailscale_parse_peer(&a, &p);
        assert_true(p.expires == EXPIRY);

        a = recorded("whois-unknown");
        tailscale_parse_peer(&a, &p);
        assert_int_equal(p.in, TAILSCALE_PEER_OUT);

        a = invented(
                "{\"Node\":{\"StableID\":\"n7\",\"Online\":false,\"LastSeen\":\"2026-12-09T17:20:24Z\","
                "\"PrimaryRoutes\":[\"10.0.0.0/24\",\"10.1.0.0/16\"],\"Endpoints\":[\"[2001:db8::1]:1\",\"nobody:1\",\"[\",\"\",7]}}");
        tailscale_parse_peer(&a, &p);
        assert_true(p.in == TAILSCALE_PEER_IN && !p.online && p.last_seen == EXPIRY);
        assert_int_equal(p.n_endpoints, 1);
        assert_string_equal(p.endpoints[0], "2001:db8::1");
        assert_string_equal(p.id, "n7");
        assert_string_equal(p.routes, "10.0.0.0/24, 10.1.0.0/16");
        assert_true(tailscale_is_at(&p, "2001:db8::1"));
        assert_false(tailscale_is_at(&p, "2001:db8::2"));

        a.how = TAILSCALE_GONE;
        tailscale_parse_peer(&a, &p);
        assert_int_equal(p.in, TAILSCALE_PEER_UNKNOWN);
}

static void relay(void **state _unused_) {
        struct tailscale_answer a = recorded("derpmap");
        struct tailscale_relay r;

        assert_int_equal(tailscale_parse_relay(&a, "test", &r), 0);
        assert_string_equal(r.address, "192.0.2.1");
        assert_int_equal(r.port, 34681);
        assert_int_equal(tailscale_parse_relay(&a, "fra", &r), -ENOENT);
        a = invented(
                "{\"Regions\":{\"9\":{\"RegionCode\":\"fra\",\"Nodes\":[{\"STUNOnly\":true,\"IPv4\":\"192.0.2.9\"},"
                "{\"IPv4\":\"none\",\"IPv6\":\"none\"},{\"IPv4\":\"none\",\"IPv6\":\"2001:db8::9\"}]}}}");
        assert_int_equal(tailscale_parse_relay(&a, "fra", &r), 0);
        assert_string_equal(r.address, "2001:db8::9");
        assert_int_equal(r.port, 443);
        a = invented("{\"Regions\":{\"9\":{\"RegionCode\":\"fra\",\"Nodes\":[{\"IPv6\":\"none\"}]}}}");
        r = (struct tailscale_relay){ 0 };
        assert_int_equal(tailscale_parse_relay(&a, "fra", &r), -ENOENT);
        assert_string_equal(r.address, "");
}

static void resolvers(void **state _unused_) {
        struct tailscale_answer a = invented("{}");
        struct tailscale_peer p = { .endpoints = { "100.64.0.1" }, .n_endpoints = 1 };

        assert_false(tailscale_is_resolver(&a, &p));
        a = invented("{\"Resolvers\":[{\"Addr\":\"192.0.2.53\"},7,{\"Addr\":\"100.64.0.1\"}]}");
        assert_true(tailscale_is_resolver(&a, &p));
        p.n_endpoints = 0;
        assert_false(tailscale_is_resolver(&a, &p));
}

static void ping(void **state _unused_) {
        static const struct {
                const char *name;
                enum tailscale_ping ping;
        } rows[] = {
                { "ping-direct", TAILSCALE_PING_DIRECT },
                { "ping-relay", TAILSCALE_PING_RELAYED },
                { "ping-silent", TAILSCALE_PING_SILENT },
                { "ping-unknown", TAILSCALE_PING_UNKNOWN },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct tailscale_answer a = recorded(rows[i].name);

                assert_int_equal(tailscale_parse_ping(&a), rows[i].ping);
        }
}

static void remark(void **state _unused_) {
        static const struct check unanswered = { .verdict = VERDICT_DOWN, .unanswered = true };
        static const struct check refused = { .verdict = VERDICT_DOWN };
        static const struct check silent = { .verdict = VERDICT_SILENT, .connected = true };
        static const struct check by_name = { .verdict = VERDICT_DOWN, .connected = true, .by_name = true };
        static const struct {
                struct tailscale_peer peer;
                enum tailscale_ping ping;
                const struct check *check;
                const char *word; /* in it; "": it is empty */
                const char *host;
        } rows[] = {
                { {}, TAILSCALE_PING_UNKNOWN, &unanswered, "" },
                { {}, TAILSCALE_PING_DIRECT, &unanswered, "directly" },
                { {}, TAILSCALE_PING_RELAYED, &unanswered, "by a relay" },
                { {}, TAILSCALE_PING_DIRECT, &silent, "" },
                { {}, TAILSCALE_PING_SILENT, &unanswered, "no Tailscale ping" },
                { { .last_seen = EXPIRY - USEC_PER_MINUTE }, TAILSCALE_PING_SILENT, &unanswered,
                        "no Tailscale ping either, last seen 1 min 0 s ago" },
                { { .online = true, .last_seen = EXPIRY - USEC_PER_MINUTE }, TAILSCALE_PING_SILENT,
                        &unanswered, "sees it online" },
                { { .last_seen = EXPIRY + USEC_PER_MINUTE }, TAILSCALE_PING_SILENT, &unanswered,
                        "no Tailscale ping either" },
                { {}, TAILSCALE_PING_UNKNOWN, &refused, "listens on loopback only" },
                { { .last_seen = 1 }, TAILSCALE_PING_SILENT, &refused, "listens on loopback only" },
                { { .expires = EXPIRY }, TAILSCALE_PING_SILENT, &unanswered, "has expired" },
                { { .expires = EXPIRY + 1 }, TAILSCALE_PING_SILENT, &unanswered, "no Tailscale ping" },
                { { .in = TAILSCALE_PEER_OUT }, TAILSCALE_PING_SILENT, &unanswered, "no node" },
                { { .name = "p.t1.ts.net" }, TAILSCALE_PING_UNKNOWN, &by_name, "host = p.t1.ts.net" },
                { { .name = "p.t1.ts.net" }, TAILSCALE_PING_UNKNOWN, &by_name, "", "p.t1.ts.net" },
                { {}, TAILSCALE_PING_UNKNOWN, &by_name, "" },
        };
        char buf[TAILSCALE_REMARK_MAX], reason[sizeof((struct check *) 0)->reason];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                (void) tailscale_remark(&rows[i].peer, rows[i].ping, rows[i].check,
                        rows[i].host ?: "100.64.0.1", EXPIRY, buf);
                assert_int_equal(!*buf, !*rows[i].word);
                assert_non_null(strstr(buf, rows[i].word));
                assert_true((size_t) snprintf(reason, sizeof reason, "connection refused; %s", buf) <
                        sizeof reason); /* with room for it all */
        }
}

/* Asking, over a socket of our own: this needs root, for a /run of our own. */

static bool has_own_run(void) {
        return unshare(CLONE_NEWNS) >= 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) >= 0 &&
                mount("tmpfs", "/run", "tmpfs", 0, NULL) >= 0 && mkdir("/run/tailscale", 0755) >= 0;
}

/* Answers each request with TEXT, and as often as MORE says with a kilobyte; or not at all. */
static pid_t serve(const char *answer, unsigned more) {
        struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = TAILSCALE_SOCKET };
        int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char block[1024];
        pid_t pid;

        (void) memset(block, ' ', sizeof block);
        (void) unlink(TAILSCALE_SOCKET);
        assert_int_equal(bind(listener, (struct sockaddr *) &a, sizeof a), 0);
        assert_int_equal(listen(listener, 8), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) signal(SIGPIPE, SIG_IGN);
                for (;;) {
                        int fd = accept(listener, NULL, NULL);
                        char request[2048];

                        if (read(fd, request, sizeof request) <= 0 || !answer)
                                continue;
                        (void) !write(fd, answer, strlen(answer));
                        for (unsigned i = 0; i < more; i++)
                                (void) !write(fd, block, sizeof block);
                        (void) close(fd);
                }
        }
        (void) close(listener);
        return pid;
}

struct asked {
        sd_event *event;
        struct tailscale_self self;
        enum tailscale_ping ping;
        unsigned n;
};

static void on_answer(const struct tailscale_answer *a, void *userdata) {
        struct asked *asked = userdata;

        if (a->question == TAILSCALE_PING)
                asked->ping = tailscale_parse_ping(a);
        else
                tailscale_parse_self(a, &asked->self);
        asked->n++;
        (void) sd_event_exit(asked->event, 0);
}

#define HEAD "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"

static void ask(struct asked *asked, enum tailscale_question question) {
        struct http *http;
        struct tailscale *t;

        *asked = (struct asked){ 0 };
        assert_int_equal(sd_event_new(&asked->event), 0);
        assert_int_equal(http_new(asked->event, &http), 0);
        assert_int_equal(tailscale_new(http, &t), 0);
        assert_int_equal(tailscale_ask(t, question, "100.64.0.1", on_answer, asked), 0);
        assert_int_equal(tailscale_ask(t, question, NULL, on_answer, asked), -EBUSY);
        assert_int_equal(asked->n, 0);
        assert_int_equal(sd_event_loop(asked->event), 0);
        assert_int_equal(asked->n, 1);
        tailscale_free(t);
        http_free(http);
        sd_event_unref(asked->event);
}

static void asking(void **state _unused_) {
        static const struct {
                const char *answer;
                unsigned more;
                enum tailscale_state state;
        } rows[] = {
                { HEAD "{\"BackendState\":\"Running\"}", 0, TAILSCALE_STATE_RUNNING },
                { HEAD "{\"BackendState\":\"Stopped\"}", 0, TAILSCALE_STATE_STOPPED },
                { "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\nno", 0, TAILSCALE_STATE_UNKNOWN },
                { HEAD "{\"BackendState\":\"Running\"", 300,
                        TAILSCALE_STATE_UNKNOWN }, /* more than is read */
                { NULL, 0, TAILSCALE_STATE_SILENT },
        };
        struct asked asked;
        pid_t pid;

        if (geteuid() != 0 || !has_own_run())
                skip();
        ask(&asked, TAILSCALE_STATUS);
        assert_int_equal(asked.self.state, TAILSCALE_STATE_GONE);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                pid = serve(rows[i].answer, rows[i].more);
                ask(&asked, TAILSCALE_STATUS);
                assert_int_equal(asked.self.state, rows[i].state);
                (void) kill(pid, SIGKILL);
                (void) waitpid(pid, NULL, 0);
        }
        pid = serve(HEAD "{\"Err\":\"\",\"Endpoint\":\"192.0.2.1:41641\"}", 0);
        ask(&asked, TAILSCALE_PING);
        assert_int_equal(asked.ping, TAILSCALE_PING_DIRECT);
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
        ask(&asked, TAILSCALE_STATUS); /* the socket is there, and nobody listens */
        assert_int_equal(asked.self.state, TAILSCALE_STATE_GONE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(self),
                cmocka_unit_test(self_without_an_answer),
                cmocka_unit_test(peer),
                cmocka_unit_test(relay),
                cmocka_unit_test(resolvers),
                cmocka_unit_test(ping),
                cmocka_unit_test(remark),
                cmocka_unit_test(asking),
        };
        int failed = cmocka_run_group_tests(tests, NULL, NULL);

        free(text);
        return failed;
}
