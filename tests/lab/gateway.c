/* The gateway of the tests: answers as OpenClaw's does, or misbehaves in any way that its control file says, while it runs.
 *
 *   gateway [WORD]...
 *
 * What it is to do is a few words, taken from the command line first and then from the control file, which is
 * looked at again whenever it changes: `echo hang > /run/gateway.mode` acts on the next connection. Words:
 *
 *   normal         the gateway as it is: /health, /healthz, /startupz, /readyz, HTML for everything else (default)
 *   not-ready      the same, but /readyz says that a channel fails, and which
 *   starting, draining   the same, but /startupz says 503 and that
 *   old            an older OpenClaw: /startupz is the control UI's HTML as well
 *   hang           accepts and stays silent        refuse       closes the listening socket
 *   close          closes without an answer        reset        the same with a RST
 *   half           half an answer, then silence    short        half an answer, then closes
 *   drip           a good answer, a byte a second  flood        a body without an end
 *   garbage        bytes that are no HTTP          headers      headers without an end
 *   slow-headers   a header line a second          html         200 with the control UI for every path
 *   bomb           a small gzip body that unpacks to 1 MiB of spaces
 *   false          200 with {"ok":false}           empty        200 with no body
 *   redirect       302 to the word redirect-to=URL
 *   NUMBER         that status, with a small JSON body: 401, 404, 503 ...
 *
 *   wait=S         answers only after S seconds (fractions allowed)
 *   boot=S         listens only S seconds after the start
 *   ready=S        not-ready for S seconds after it listens
 *   drain=S        stays for S seconds after SIGTERM, answering, with /startupz at draining
 *   exit=N         exit status after SIGTERM (default 0)
 *   fail=N         exits at once with status N when started, before it listens
 *   ignore-term    takes no notice of SIGTERM
 *   log            one line on standard output for each request, with the time of CLOCK_MONOTONIC
 *   bind=ADDRESS   IPv4 address to listen on, may be given more than once (default: all); port=N (default 18789)
 *                  tailnet is the tailnet address there is at the start, else loopback: it is not looked for again
 *   role=PATH      its channels are on while that file holds "enabled":true, as one finds out by GET /channels
 *   control=PATH   the control file (default /run/gateway.mode)
 *
 * A thread for each connection: each may hang, drip or flood for as long as its peer bears it. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <libgen.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BINDS_MAX 4
#define BOMB_SIZE (1u << 20)
#define BOMB_CRC 0x8e235b3c /* of the spaces that it makes */

struct settings {
        char mode[32];
        char redirect_to[512];
        double wait, boot, ready, drain;
        int exit_status, fail;
        bool ignore_term, log;
        char binds[BINDS_MAX][64];
        size_t n_binds;
        unsigned port;
        char control[256], role[256];
};

struct gateway {
        const struct settings *fixed; /* the command line's */
        struct settings now;          /* the same with the control file's words over it */
        int listeners[BINDS_MAX];
        size_t n_listeners;
        bool draining;
        double listens_since;
};

struct bus_connection {
        int fd;
        struct settings settings;
        bool draining, young;
};

static const char page[] = "<!doctype html><html><head><title>OpenClaw Control</title></head>"
                           "<body><openclaw-app></openclaw-app></body></html>\n";

static double monotonic(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

#define nap(seconds) usleep((useconds_t) ((seconds) *1e6))

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        vprintf(format, ap);
        va_end(ap);
        putchar('\n');
        fflush(stdout);
}

/* Settings. */

#define COPY(to, from) snprintf(to, sizeof(to), "%s", from)

static void apply_pair(struct settings *s, const char *key, const char *value) {
        if (!strcmp(key, "wait"))
                s->wait = atof(value);
        else if (!strcmp(key, "boot"))
                s->boot = atof(value);
        else if (!strcmp(key, "ready"))
                s->ready = atof(value);
        else if (!strcmp(key, "drain"))
                s->drain = atof(value);
        else if (!strcmp(key, "exit"))
                s->exit_status = atoi(value);
        else if (!strcmp(key, "fail"))
                s->fail = atoi(value);
        else if (!strcmp(key, "port"))
                s->port = (unsigned) atoi(value);
        else if (!strcmp(key, "redirect-to"))
                COPY(s->redirect_to, value);
        else if (!strcmp(key, "control"))
                COPY(s->control, value);
        else if (!strcmp(key, "role"))
                COPY(s->role, value);
        else if (!strcmp(key, "bind") && s->n_binds < BINDS_MAX) {
                COPY(s->binds[s->n_binds], value);
                s->n_binds++;
        } else
                say("gateway: what is %s=%s?", key, value);
}

static void apply_word(struct settings *s, const char *word) {
        char key[32];
        const char *equals = strchr(word, '=');

        if (equals && (size_t) (equals - word) < sizeof key) {
                snprintf(key, sizeof key, "%.*s", (int) (equals - word), word);
                apply_pair(s, key, equals + 1);
        } else if (!strcmp(word, "ignore-term"))
                s->ignore_term = true;
        else if (!strcmp(word, "log"))
                s->log = true;
        else
                COPY(s->mode, word);
}

/* Of PATH, as far as it fits; "": there is no such file. */
static char *read_text(const char *path, char *buf, size_t size) {
        FILE *f = fopen(path, "re");

        buf[f ? fread(buf, 1, size - 1, f) : 0] = 0;
        if (f)
                fclose(f);
        return buf;
}

/* The command line's settings with the control file's words, if there is one, over them. */
static void reread(struct gateway *g) {
        struct settings fresh = *g->fixed;
        char text[2048], *state = NULL, *w = read_text(fresh.control, text, sizeof text);

        while ((w = strtok_r(w, " \t\r\n", &state))) {
                apply_word(&fresh, w);
                w = NULL;
        }
        if (strcmp(g->now.mode, fresh.mode))
                say("mode: %s", fresh.mode);
        g->now = fresh;
}

/* Answers. */

static bool send_all(int fd, const void *data, size_t size) {
        for (const char *p = data; size > 0;) {
                ssize_t n = send(fd, p, size, MSG_NOSIGNAL);

                if (n <= 0)
                        return false;
                p += n;
                size -= (size_t) n;
        }
        return true;
}

static void answer(int fd, int status, const char *type, const char *body) {
        char text[2048];
        int n;

        n = snprintf(text, sizeof text,
                "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", status,
                status < 400 ? "OK" : "Not OK", type, strlen(body), body);
        send_all(fd, text, (size_t) n);
}

static void answer_json(int fd, int status, const char *body) {
        answer(fd, status, "application/json; charset=utf-8", body);
}

static bool is_path(const char *request, const char *path) {
        size_t n = strlen(path);

        return !strncmp(request, "GET ", 4) && !strncmp(request + 4, path, n) &&
                (request[4 + n] == ' ' || request[4 + n] == '?');
}

static void answer_startup(int fd, const char *state) {
        char body[64];

        snprintf(body, sizeof body, "{\"status\":\"%s\"}", state);
        answer_json(fd, strcmp(state, "started") ? 503 : 200, body);
}

static void answer_channels(int fd, const char *role) {
        char text[4096];

        answer_json(fd, 200,
                strstr(read_text(role, text, sizeof text), "\"enabled\":true") ? "{\"on\":true}"
                                                                               : "{\"on\":false}");
}

static void answer_normally(const struct bus_connection *c, const char *request) {
        const char *mode = c->settings.mode;
        bool not_ready = !strcmp(mode, "not-ready"), ready = !strcmp(mode, "normal") && !c->young;
        struct stat role;

        /* What is applied hot restarts the channels. */
        if (stat(c->settings.role, &role) == 0 && time(NULL) - role.st_mtime < 2)
                ready = false;

        if (is_path(request, "/health") || is_path(request, "/healthz"))
                answer_json(c->fd, 200, "{\"ok\":true,\"status\":\"live\"}");
        else if (*c->settings.role && is_path(request, "/channels"))
                answer_channels(c->fd, c->settings.role);
        else if (is_path(request, "/startupz") && strcmp(mode, "old"))
                answer_startup(c->fd,
                        c->draining                                    ? "draining"
                                : strcmp(mode, "normal") && !not_ready ? mode
                                                                       : "started");
        else if (is_path(request, "/readyz") && strcmp(mode, "old"))
                answer_json(c->fd, ready ? 200 : 503,
                        ready ? "{\"ready\":true}" : "{\"ready\":false,\"failing\":[\"telegram\"]}");
        else
                answer(c->fd, 200, "text/html; charset=utf-8", page);
}

static void repeat(int fd, const char *head, const char *unit, double pause) {
        bool good = send_all(fd, head, strlen(head));
        while (good) {
                if (pause > 0)
                        nap(pause);
                good = send_all(fd, unit, strlen(unit));
        }
}

static void drip(int fd) {
        static const char text[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                   "Content-Length: 27\r\n\r\n{\"ok\":true,\"status\":\"live\"}";

        for (const char *p = text; *p && send_all(fd, p, 1); p++)
                nap(1);
}

static void flood(int fd) {
        char line[4096];

        memset(line, 'x', sizeof line - 1);
        line[sizeof line - 1] = 0;
        repeat(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", line, 0);
}

/* RFC 1951 by hand: one block of fixed codes; a literal space, then matches of length 258 at distance 1. Each match
 * is 13 bits (code 285: 11000101, distance code 0: 00000), so that 1 MiB takes 7 KB. */
static void bomb(int fd) {
        static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                   "Content-Encoding: gzip\r\nConnection: close\r\n\r\n";
        static const uint8_t gzip[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255 };
        size_t matches = BOMB_SIZE / 258, size = 0, bits = 0;
        uint8_t *out = calloc(1, matches * 13 / 8 + 64);
        uint32_t trailer[2] = { BOMB_CRC, (uint32_t) (1 + matches * 258) };

        if (!out)
                return;
                /* Most significant bit first, as Huffman codes are packed. */
#define PUT(code, n)                                                                                        \
        for (int i_ = (n) -1; i_ >= 0; i_--, bits++)                                                        \
        out[bits / 8] |= (uint8_t) (((code) >> i_ & 1) << bits % 8)
        PUT(6, 3); /* final block (1), fixed codes (01, least significant bit first: 10) */
        PUT(0x30 + ' ', 8);
        for (size_t i = 0; i < matches; i++)
                PUT(0xc5 << 5, 13);
        PUT(0, 7); /* end of block */
#undef PUT
        size = (bits + 7) / 8;
        if (send_all(fd, head, strlen(head)) && send_all(fd, gzip, sizeof gzip) && send_all(fd, out, size))
                send_all(fd, trailer, sizeof trailer); /* little endian, as every machine this runs on */
        free(out);
}

/* Blocks until the peer has closed. */
static void await_close(int fd) {
        char sink[4096];

        while (recv(fd, sink, sizeof sink, 0) > 0)
                ;
}

/* True if the mode was one that misbehaves and was carried out. */
static bool misbehave(const struct bus_connection *c) {
        static const char half[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                   "Content-Length: 27\r\n\r\n{\"ok\":tr";
        const char *mode = c->settings.mode;
        int fd = c->fd;

        if (!strcmp(mode, "close"))
                return true;
        if (!strcmp(mode, "hang"))
                await_close(fd);
        else if (!strcmp(mode, "half") || !strcmp(mode, "short")) {
                send_all(fd, half, strlen(half));
                if (*mode == 'h')
                        await_close(fd);
        } else if (!strcmp(mode, "drip"))
                drip(fd);
        else if (!strcmp(mode, "flood"))
                flood(fd);
        else if (!strcmp(mode, "garbage"))
                send_all(fd, "\x16\x03\x01\x7f\xff\x1b[31m\x07 not HTTP\n", 21);
        else if (!strcmp(mode, "headers"))
                repeat(fd, "HTTP/1.1 200 OK\r\n", "X-Padding: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n",
                        0);
        else if (!strcmp(mode, "slow-headers"))
                repeat(fd, "HTTP/1.1 200 OK\r\n", "X-Slow: yes\r\n", 1);
        else if (!strcmp(mode, "bomb"))
                bomb(fd);
        else if (!strcmp(mode, "html"))
                answer(fd, 200, "text/html; charset=utf-8", page);
        else if (!strcmp(mode, "false"))
                answer_json(fd, 200, "{\"ok\":false,\"status\":\"failing\"}");
        else if (!strcmp(mode, "empty"))
                answer_json(fd, 200, "");
        else if (!strcmp(mode, "redirect"))
                dprintf(fd, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
                        c->settings.redirect_to);
        else if (atoi(mode) >= 100)
                answer_json(fd, atoi(mode), "{\"error\":\"as asked\"}");
        else
                return false;
        return true;
}

static bool read_request(int fd, char *buf, size_t size) {
        size_t n = 0;

        while (n < size - 1) {
                ssize_t k = recv(fd, buf + n, size - 1 - n, 0);

                if (k <= 0)
                        return false;
                n += (size_t) k;
                buf[n] = 0;
                if (strstr(buf, "\r\n\r\n"))
                        return true;
        }
        return false;
}

/* Whether the connection stays for another request. */
static bool serve_request(const struct bus_connection *c, const char *request) {
        if (c->settings.log)
                say("request at %.6f: %.*s", monotonic(), (int) strcspn(request, "\r"), request);
        if (c->settings.wait > 0)
                nap(c->settings.wait);
        if (misbehave(c))
                return false;
        answer_normally(c, request);
        return true;
}

static void *serve(void *userdata) {
        struct timeval kept = { .tv_sec = 5 }; /* as Node's server.keepAliveTimeout */
        struct bus_connection *c = userdata;
        char request[8192];

        if (!strcmp(c->settings.mode, "reset")) {
                struct linger abort_it = { .l_onoff = 1, .l_linger = 0 };

                setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &abort_it, sizeof abort_it);
        } else {
                while (read_request(c->fd, request, sizeof request) && serve_request(c, request))
                        setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &kept, sizeof kept);
                /* A close with unread bytes would turn into a RST and could overtake the answer. */
                shutdown(c->fd, SHUT_WR);
        }
        close(c->fd);
        free(c);
        return NULL;
}

/* Listening. */

static int listen_on(const char *address, unsigned port) {
        struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t) port) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0 || inet_pton(AF_INET, address, &sa.sin_addr) != 1)
                return -1;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
        /* As OpenClaw does not, but a test may start it before its address is there. */
        setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &(int){ 1 }, sizeof(int));
        if (bind(fd, (struct sockaddr *) &sa, sizeof sa) < 0 || listen(fd, 128) < 0) {
                close(fd);
                return -1;
        }
        return fd;
}

/* BUF gets this machine's address in 100.64.0.0/10, or loopback's if it has none. */
static const char *tailnet_address(char buf[INET_ADDRSTRLEN]) {
        struct ifaddrs *all = NULL;

        snprintf(buf, INET_ADDRSTRLEN, "127.0.0.1");
        (void) getifaddrs(&all);
        for (struct ifaddrs *i = all; i; i = i->ifa_next) {
                const struct sockaddr_in *sa = (const void *) i->ifa_addr;

                if (sa && sa->sin_family == AF_INET && ntohl(sa->sin_addr.s_addr) >> 22 == 0x64400000u >> 22)
                        inet_ntop(AF_INET, &sa->sin_addr, buf, INET_ADDRSTRLEN);
        }
        freeifaddrs(all);
        return buf;
}

static bool open_listeners(struct gateway *g) {
        const struct settings *s = &g->now;
        size_t n = s->n_binds ? s->n_binds : 1;
        char buf[INET_ADDRSTRLEN];

        for (size_t i = 0; i < n; i++) {
                const char *address = s->n_binds ? s->binds[i] : "0.0.0.0";
                int fd = listen_on(strcmp(address, "tailnet") ? address : tailnet_address(buf), s->port);

                if (fd < 0) {
                        say("gateway: cannot listen on %s:%u: %s", address, s->port, strerror(errno));
                        return false;
                }
                g->listeners[g->n_listeners++] = fd;
        }
        g->listens_since = monotonic();
        say("listening on port %u at %.6f", s->port, g->listens_since);
        return true;
}

static void close_listeners(struct gateway *g) {
        while (g->n_listeners > 0)
                close(g->listeners[--g->n_listeners]);
}

static void accept_one(struct gateway *g, int listener) {
        pthread_t thread;
        pthread_attr_t attr;
        struct bus_connection *c = calloc(1, sizeof *c);
        bool started = false;

        if (c)
                c->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (!c || c->fd < 0) {
                free(c);
                return;
        }
        c->settings = g->now;
        c->draining = g->draining;
        c->young = monotonic() < g->listens_since + g->now.ready;
        pthread_attr_init(&attr);
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        pthread_attr_setstacksize(&attr, 128 * 1024);
        started = pthread_create(&thread, &attr, serve, c) == 0;
        pthread_attr_destroy(&attr);
        if (!started) {
                close(c->fd);
                free(c);
        }
}

/* Readable whenever something in the control file's directory changes. -1 if it has none: then the file is only
 * read for each connection. */
static int watch_control(const char *control) {
        char directory[256];
        int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

        COPY(directory, control);
        if (fd >= 0)
                inotify_add_watch(fd, dirname(directory), IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE);
        return fd;
}

static bool drained(int fd) {
        char sink[4096];

        return read(fd, sink, sizeof sink) > 0;
}

/* Waits until something happens or UNTIL, and handles it. True on SIGTERM. */
static bool turn(struct gateway *g, int signals, int control, double until) {
        struct pollfd fds[BINDS_MAX + 2] = { { .fd = signals, .events = POLLIN },
                { .fd = control, .events = POLLIN } };
        size_t n = g->n_listeners;
        double left = until - monotonic();

        for (size_t i = 0; i < n; i++)
                fds[i + 2] = (struct pollfd){ .fd = g->listeners[i], .events = POLLIN };
        poll(fds, n + 2, until == 0 ? -1 : left > 0 ? (int) (left * 1000) + 1 : 0);
        if (fds[1].revents & POLLIN)
                drained(control);
        reread(g);
        if (!strcmp(g->now.mode, "refuse"))
                close_listeners(g);
        else if (g->n_listeners == 0)
                open_listeners(g);
        else
                for (size_t i = 0; i < n; i++)
                        if (fds[i + 2].revents & POLLIN)
                                accept_one(g, g->listeners[i]);
        return (fds[0].revents & POLLIN) && drained(signals) && !g->now.ignore_term;
}

/* False if SIGTERM came first. */
static bool boot(const struct gateway *g, int signals) {
        double until = monotonic() + g->now.boot, left;

        while ((left = until - monotonic()) > 0) {
                struct pollfd fd = { .fd = signals, .events = POLLIN };

                if (poll(&fd, 1, (int) (left * 1000) + 1) > 0 && drained(signals) && !g->now.ignore_term)
                        return false;
        }
        return true;
}

static int run(struct gateway *g, int signals) {
        double until = 0;
        int control = watch_control(g->fixed->control);

        reread(g);
        if (g->now.fail) {
                say("fail=N: exiting with status %d", g->now.fail);
                return g->now.fail;
        }
        if (!boot(g, signals))
                return g->now.exit_status;
        if (strcmp(g->now.mode, "refuse") && !open_listeners(g))
                return 1;
        while (!g->draining || monotonic() < until)
                if (turn(g, signals, control, until) && !g->draining) {
                        g->draining = true;
                        until = monotonic() + g->now.drain;
                        if (g->now.drain > 0)
                                say("SIGTERM: draining for %g s", g->now.drain);
                }
        return g->now.exit_status;
}

int main(int argc, char **argv) {
        struct settings fixed = { .mode = "normal", .port = 18789, .control = "/run/gateway.mode" };
        struct gateway g = { .fixed = &fixed };
        sigset_t mask;
        int signals;

        for (int i = 1; i < argc; i++)
                /* "openclaw gateway --port 18789" or "openclaw --profile NAME gateway", as the real one is started. The port of
                 * a profile is in its configuration: here, in its control file. */
                if (!strcmp(argv[i], "--port") && i + 1 < argc)
                        apply_pair(&fixed, "port", argv[++i]);
                else if (!strcmp(argv[i], "--profile") && i + 1 < argc)
                        (void) snprintf(
                                fixed.control, sizeof fixed.control, "/run/gateway.%s.mode", argv[++i]);
                else if (strcmp(argv[i], "gateway"))
                        apply_word(&fixed, argv[i]);
        g.now = fixed;
        signal(SIGPIPE, SIG_IGN);
        sigemptyset(&mask);
        sigaddset(&mask, SIGTERM);
        sigaddset(&mask, SIGINT);
        sigprocmask(SIG_BLOCK, &mask, NULL);
        signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
        if (signals < 0) {
                perror("signalfd");
                return 1;
        }
        return run(&g, signals);
}
