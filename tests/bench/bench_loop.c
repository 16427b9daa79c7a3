/* What `make bench` takes for the limit: a check that is nothing but the system calls it cannot do without.
 *
 *   bench_loop ADDRESS PORT INTERVAL COUNT
 *
 * Waits for INTERVAL seconds, checks, and so on, COUNT times. Then it says what that cost in microseconds of processor time
 * and in context switches, all and those to sleep: how a program begins and ends is not part of a check. The status is 0 if
 * all were good. */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static bool check(const struct sockaddr_in *to, const char *request) {
        char answer[4096];
        size_t n = 0;
        ssize_t k = 0;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd >= 0 && connect(fd, (const struct sockaddr *) to, sizeof *to) == 0 &&
                send(fd, request, strlen(request), MSG_NOSIGNAL) > 0)
                while ((k = read(fd, answer + n, sizeof answer - 1 - n)) > 0)
                        n += (size_t) k;
        if (fd >= 0)
                close(fd);
        answer[n] = 0;
        return strstr(answer, "\"ok\":true");
}

static long long usec(struct timeval t) {
        return t.tv_sec * 1000000LL + t.tv_usec;
}

int main(int argc, char **argv) {
        struct sockaddr_in to = { .sin_family = AF_INET };
        struct rusage before, after;
        struct timespec interval;
        char request[128];
        bool good = true;

        if (argc != 5 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
                fputs("bench_loop ADDRESS PORT INTERVAL COUNT\n", stderr);
                return 64;
        }
        to.sin_port = htons((uint16_t) atoi(argv[2]));
        interval.tv_sec = (time_t) atof(argv[3]);
        interval.tv_nsec = (long) ((atof(argv[3]) - (double) interval.tv_sec) * 1e9);
        snprintf(request, sizeof request, "GET /health HTTP/1.1\r\nHost: %s\r\n\r\n", argv[1]);

        getrusage(RUSAGE_SELF, &before);
        for (int i = atoi(argv[4]); i > 0; i--) {
                nanosleep(&interval, NULL);
                good = check(&to, request) && good;
        }
        getrusage(RUSAGE_SELF, &after);
        printf("%lld %ld %ld\n",
                usec(after.ru_utime) + usec(after.ru_stime) - usec(before.ru_utime) - usec(before.ru_stime),
                after.ru_nvcsw + after.ru_nivcsw - before.ru_nvcsw - before.ru_nivcsw,
                after.ru_nvcsw - before.ru_nvcsw);
        return good ? 0 : 1;
}
