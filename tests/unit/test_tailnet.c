/* tailnet.c against a tailscaled of our own: who is in the tailnet, when the way does not work, keys, and the relay as a witness.
 * It needs root, for a /run and a network of its own. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "daemon/tailnet.h"
#include "lib/clock.h"
#include "lib/file.h"

#define HOST "100.64.0.1"
#define DAY USEC_PER_DAY

/* What tailscaled says; NULL: an HTTP 404. */
static struct answers { const char *status, *whois, *derpmap; } says;

static sd_event *event;
static struct http *http;
static char state_dir[] = "/run/state";
static struct instance instance;
static pid_t tailscaled;

#define RUNNING "{\"BackendState\":\"Running\",\"Self\":{\"Relay\":\"lab\",\"Online\":true}}"
#define PRIMARY "{\"Node\":{\"Name\":\"primary.t1.ts.net.\",\"Endpoints\":[\"192.0.2.7:41641\"]}}"

static void answer(int fd) {
        char request[2048] = "", *text = NULL;
        const char *body;

        if (read(fd, request, sizeof request - 1) <= 0)
                return;
        body = strstr(request, "/status")   ? says.status
                : strstr(request, "/whois") ? says.whois
                                            : says.derpmap;
        if (asprintf(&text, "HTTP/1.1 %s\r\nConnection: close\r\n\r\n%s", body ? "200 OK" : "404 Not Found",
                    body ?: "no match") > 0)
                (void) !write(fd, text, strlen(text));
        free(text);
}

static void end_tailscaled(void) {
        if (tailscaled > 0) {
                (void) kill(tailscaled, SIGKILL);
                (void) waitpid(tailscaled, NULL, 0);
        }
        tailscaled = 0;
        (void) unlink(TAILSCALE_SOCKET);
}

/* From now on tailscaled says A. */
static void begin_tailscaled(struct answers a) {
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = TAILSCALE_SOCKET };
        int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (!http)
                skip(); /* not root */
        end_tailscaled();
        says = a;
        assert_int_equal(bind(listener, (struct sockaddr *) &address, sizeof address), 0);
        assert_int_equal(listen(listener, 8), 0);
        tailscaled = fork();
        assert_true(tailscaled >= 0);
        if (tailscaled == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) signal(SIGPIPE, SIG_IGN);
                for (;;) {
                        int fd = accept(listener, NULL, NULL);

                        answer(fd);
                        (void) close(fd);
                }
        }
        (void) close(listener);
}

static struct tailnet *new_tailnet(const char *host) {
        struct tailnet *t;

        assert_int_equal(tailnet_new(http, &instance, "tailnet.json", host, &t), 0);
        return t;
}

static void forget(void) {
        char path[PATH_MAX];

        (void) snprintf(path, sizeof path, "%s/tailnet.json", instance.state_dir);
        (void) unlink(path);
}

static void on_looked(void *userdata) {
        *(bool *) userdata = true;
}

/* The result of tailnet_look(), when it is over. */
static int look(struct tailnet *t, const char *address) {
        bool over = false;
        int r = tailnet_look(t, address, on_looked, &over);

        while (r >= 0 && !over)
                assert_true(sd_event_run(event, USEC_INFINITY) >= 0);
        return r;
}

/* Who is in the tailnet is what whois says, and that is kept for this host. */
static void membership(void **state _unused_) {
        struct tailnet *t;

        begin_tailscaled((struct answers){ RUNNING, PRIMARY, NULL });
        t = new_tailnet("203.0.113.5"); /* a prefix of its own, as Headscale's may be */
        assert_true(tailnet_looks_first(t));
        assert_int_equal(look(t, "203.0.113.5"), 0);
        assert_false(tailnet_looks_first(t));
        tailnet_free(t);

        begin_tailscaled((struct answers){ "{\"BackendState\":\"Stopped\"}", NULL, NULL });
        t = new_tailnet("203.0.113.5");
        assert_int_equal(look(t, "203.0.113.5"), 0);
        assert_non_null(tailnet_trouble(t));
        tailnet_free(t);
        t = new_tailnet("203.0.113.6"); /* another host: forgotten */
        assert_int_equal(look(t, "203.0.113.6"), 0);
        assert_false(tailnet_looks_first(t));
        assert_null(tailnet_trouble(t));
        tailnet_free(t);
        forget();
}

/* An address of the range that no node has: a provider's, or one behind a subnet route. Its checks are always sent. */
static void outside(void **state _unused_) {
        struct tailnet *t;

        begin_tailscaled((struct answers){ RUNNING, NULL, NULL });
        t = new_tailnet(HOST);
        assert_int_equal(look(t, HOST), 0);
        end_tailscaled();
        (void) close(open(TAILSCALE_SOCKET, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)); /* it is installed */
        assert_int_equal(look(t, HOST), -ENOENT);
        assert_null(tailnet_trouble(t));
        tailnet_free(t);
        forget();
}

static void ways(void **state _unused_) {
        static const struct {
                const char *status;
                bool blind, first, restarts;
                const char *word;
        } rows[] = {
                { RUNNING, false, false, false, "" },
                { "{\"BackendState\":\"Stopped\"}", true, true, false, "tailscale up" },
                { "{\"BackendState\":\"NeedsLogin\"}", true, true, false, "logged out" },
                { "{\"BackendState\":\"NeedsMachineAuth\"}", true, true, false, "approval" },
                { "{\"BackendState\":\"NoState\"}", true, true, true, "starting" },
                { "{\"BackendState\":\"Starting\"}", true, true, true, "starting" },
                { "{\"BackendState\":\"Dreaming\"}", false, true, false, "" },
                { "nonsense", false, true, false, "" },
        };
        struct tailnet *t;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                begin_tailscaled((struct answers){ rows[i].status, PRIMARY, NULL });
                t = new_tailnet(HOST);
                assert_int_equal(look(t, HOST), 0);
                assert_int_equal(tailnet_blind_since(t) > 0, rows[i].blind);
                assert_int_equal(tailnet_restarts(t), rows[i].restarts);
                assert_int_equal(tailnet_looks_first(t), rows[i].first);
                assert_non_null(strstr(tailnet_trouble(t) ?: "", rows[i].word));
                tailnet_free(t);
        }
        end_tailscaled();
        t = new_tailnet(HOST); /* in by its looks, if Tailscale is installed at all */
        assert_int_equal(look(t, HOST), access("/var/lib/tailscale", F_OK) < 0 ? -ENOENT : 0);
        tailnet_free(t);
        forget();
}

/* Either side's answer, with a date for %s. */
static const struct side {
        const char *status, *whois, *whose;
} sides[] = {
        { "{\"BackendState\":\"Running\",\"Self\":{\"KeyExpiry\":\"%s\"}}", PRIMARY, "this standby" },
        { RUNNING, "{\"Node\":{\"KeyExpiry\":\"%s\"}}", "the primary" },
};

static void fill_in(const char *format, time_t then, char *buf, size_t size) {
        const char *place = strstr(format, "%s");
        char date[32];

        assert_true(strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime(&then)) > 0);
        (void) snprintf(buf, size, "%.*s%s%s", (int) strcspn(format, "%"), format, place ? date : "",
                place ? place + 2 : "");
}

/* From now on tailscaled says that a key of SIDE expires in LEFT. Looks at it thrice. The notice that is due, once: "" if
 * there is none. */
static void look_at_key(
        struct tailnet *t, const struct side *side, int64_t left, char *notice, size_t size) {
        time_t then = (time_t) ((int64_t) now_usec(CLOCK_REALTIME) + left) / (time_t) USEC_PER_SEC;
        char status[160], whois[160];

        fill_in(side->status, then, status, sizeof status);
        fill_in(side->whois, then, whois, sizeof whois);
        begin_tailscaled((struct answers){ status, whois, NULL });
        notice[0] = '\0';
        for (unsigned i = 0; i < 3; i++) {
                char *text;

                assert_int_equal(look(t, HOST), 0);
                text = tailnet_take_notice(t);
                if (i == 0)
                        (void) snprintf(notice, size, "%s", text ?: "");
                else
                        assert_null(text);
                free(text);
        }
}

/* 14, 7, 3 and 1 days before, and when it has: once each; of those passed at the first look the nearest. */
static void keys(void **state _unused_) {
        static const struct {
                bool is_new; /* it is the first look */
                int64_t left;
                const char *word; /* of the notice; "": there is none */
        } rows[] = {
                { true, 15 * (int64_t) DAY, "" },
                { false, 14 * (int64_t) DAY - 1, "expires in 13 d" },
                { false, 8 * (int64_t) DAY, "" },
                { false, 7 * (int64_t) DAY - 1, "expires in 6 d" },
                { false, 3 * (int64_t) DAY - 1, "expires in 2 d" },
                { false, 2 * (int64_t) DAY, "" },
                { false, (int64_t) DAY - 1, "expires in 23 h" },
                { false, (int64_t) USEC_PER_HOUR, "" },
                { false, -(int64_t) USEC_PER_HOUR, "has expired" },
                { false, -10 * (int64_t) DAY, "" },
                { false, 180 * (int64_t) DAY, "" }, /* it was renewed */
                { false, 13 * (int64_t) DAY, "expires in 12 d" },
                { true, 8 * (int64_t) DAY, "expires in 7 d" },
                { true, -10 * (int64_t) DAY, "has expired" },
        };
        char notice[320];

        for (size_t side = 0; side < ELEMENTSOF(sides); side++) {
                struct tailnet *t = NULL;

                for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                        if (rows[i].is_new) {
                                tailnet_free(t);
                                t = new_tailnet(HOST);
                        }
                        look_at_key(t, &sides[side], rows[i].left, notice, sizeof notice);
                        assert_int_equal(!*notice, !*rows[i].word);
                        assert_non_null(strstr(notice, rows[i].word));
                        if (*notice)
                                assert_non_null(strstr(notice, sides[side].whose));
                }
                tailnet_free(t);
        }
        forget();
}

#define MAP(node) "{\"Regions\":{\"1\":{\"RegionCode\":\"lab\",\"Nodes\":[" node "]}}}"

/* By how much CLOCK_BOOTTIME is ahead. */
static time_t ahead;

int clock_gettime(clockid_t clock, struct timespec *ret) {
        int r = (int) syscall(SYS_clock_gettime, clock, ret);

        if (clock == CLOCK_BOOTTIME)
                ret->tv_sec += ahead;
        return r;
}

/* A relay that answers is a witness, unless it is the primary's, or an exit node is in use. */
static void witness(void **state _unused_) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        socklen_t size = sizeof a;
        char good[160], stun[160];
        const struct {
                const char *status, *whois, *derpmap;
                bool expected;
        } rows[] = {
                { RUNNING, PRIMARY, good, true },
                { RUNNING, PRIMARY, stun, false },
                { RUNNING, PRIMARY, MAP("{\"IPv4\":\"none\"}"), false },
                { RUNNING, PRIMARY, MAP("{\"IPv4\":\"127.0.0.1\"}"), false }, /* nobody listens at 443 */
                { RUNNING, PRIMARY, NULL, false },
                { RUNNING, NULL, good, false },
                { RUNNING, "{\"Node\":{\"Endpoints\":[\"192.0.2.7:1\",\"127.0.0.1:41641\"]}}", good, false },
                { "{\"BackendState\":\"Running\",\"ExitNodeStatus\":{\"ID\":\"n1\"},\"Self\":{\"Relay\":\"lab\"}}",
                        PRIMARY, good, false },
                { "{\"BackendState\":\"Running\",\"Self\":{\"Relay\":\"fra\"}}", PRIMARY, good, false },
                { "{\"BackendState\":\"Running\"}", PRIMARY, good, false },
        };

        assert_int_equal(bind(listener, (struct sockaddr *) &a, sizeof a), 0);
        assert_int_equal(listen(listener, 8), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *) &a, &size), 0);
        (void) snprintf(
                good, sizeof good, MAP("{\"DERPPort\":%u,\"IPv4\":\"127.0.0.1\"}"), ntohs(a.sin_port));
        (void) snprintf(stun, sizeof stun, MAP("{\"STUNOnly\":true,\"DERPPort\":%u,\"IPv4\":\"127.0.0.1\"}"),
                ntohs(a.sin_port));
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct tailnet *t;

                begin_tailscaled((struct answers){ rows[i].status, rows[i].whois, rows[i].derpmap });
                t = new_tailnet(HOST);
                assert_null(tailnet_witness(t)); /* not before it has answered */
                tailnet_refresh(t, HOST);
                for (unsigned n = 0; n < 20 && !(rows[i].expected && tailnet_witness(t)); n++)
                        (void) sd_event_run(event, 10 * USEC_PER_MSEC);
                assert_int_equal(tailnet_witness(t) != NULL, rows[i].expected);
                ahead = 7200; /* in trouble all the while */
                assert_int_equal(tailnet_witness(t) != NULL, rows[i].expected);
                tailnet_refresh(t, HOST);
                assert_null(tailnet_witness(t));
                ahead = 0;
                tailnet_free(t);
                forget();
        }
        (void) close(listener);
}

static int set_up(void **state _unused_) {
        /* A network of its own, too: on a developer's machine Tailscale may run. */
        if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0 || system("ip link set lo up") != 0 ||
                mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
                mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0)
                return 0;
        assert_int_equal(mkdir("/run/tailscale", 0755), 0);
        assert_int_equal(mkdir("/run/state", 0755), 0);
        instance.state_dir = state_dir;
        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(http_new(event, &http), 0);
        return 0;
}

static int tear_down(void **state _unused_) {
        end_tailscaled();
        if (http)
                http_free(http);
        sd_event_unref(event);
        return 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(membership),
                cmocka_unit_test(outside),
                cmocka_unit_test(ways),
                cmocka_unit_test(keys),
                cmocka_unit_test(witness),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
