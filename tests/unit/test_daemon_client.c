/* What a command makes of a daemon that does not answer: over a socket pair, with nobody's bus in between. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/daemon_client.h"

static int answer(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        const char *name = userdata;

        if (name && sd_bus_message_is_method_call(m, NULL, NULL))
                (void) sd_bus_reply_method_errorf(m, name, "words");
        return 1;
}

/* The daemon: it takes every call and answers with the error NAME; NULL: with nothing. */
static void serve(int fd, const char *name) {
        sd_bus *bus = NULL;
        sd_id128_t id = { .bytes = { 1 } };
        int r;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_fd(bus, fd, fd);
        if (r >= 0)
                r = sd_bus_set_server(bus, true, id);
        if (r >= 0)
                r = sd_bus_add_filter(bus, NULL, answer, (void *) (uintptr_t) name);
        if (r >= 0)
                r = sd_bus_start(bus);
        while (r >= 0 && (r = sd_bus_process(bus, NULL)) >= 0)
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
        _exit(0);
}

/* The exit status of a command that asks it. */
static int ask(const char *name) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(instance_freep) struct instance *n = NULL;
        struct status s;
        int fds[2], r;
        pid_t pid;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                (void) close(fds[0]);
                serve(fds[1], name);
        }
        (void) close(fds[1]);
        assert_int_equal(instance_new("", &n), 0);
        assert_true(sd_bus_new(&bus) >= 0);
        assert_true(sd_bus_set_fd(bus, fds[0], fds[0]) >= 0);
        assert_true(
                sd_bus_set_method_call_timeout(bus, name ? 10 * USEC_PER_SEC : 200 * USEC_PER_MSEC) >= 0);
        assert_true(sd_bus_start(bus) >= 0);
        r = client_get_status(bus, n, &m, &s);
        (void) kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        return r;
}

static void test_errors(void **state _unused_) {
        assert_int_equal(ask(SD_BUS_ERROR_ACCESS_DENIED), EX_NOPERM);
        assert_int_equal(ask(SD_BUS_ERROR_NO_REPLY), EXIT_NOT_RUNNING);
}

/* Then sd-bus itself says that time is over. */
static void test_a_daemon_that_hangs(void **state _unused_) {
        assert_int_equal(ask(NULL), EXIT_NOT_RUNNING);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_errors),
                cmocka_unit_test(test_a_daemon_that_hangs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
