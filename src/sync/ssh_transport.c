/* ssh(1) as libgit2's way to a remote; see ssh_transport.h. */
#include "sync/ssh_transport.h"

#include <errno.h>
#include <fcntl.h>
#include <git2/sys/transport.h>
#if __has_include(<git2/sys/errors.h>)
#include <git2/sys/errors.h> /* since libgit2 1.8; before, git2.h has it all */
#endif
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "lib/text.h"

/* No ControlPath: a shared connection would outlive the deadline, or be a dead one. */
const char ssh_command[] =
        "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=5 -oServerAliveInterval=3 "
        "-oServerAliveCountMax=3 -oControlPath=none -oClearAllForwardings=yes -oForwardAgent=no -oPermitLocalCommand=no -oUpdateHostKeys=no";

struct connection {
        git_smart_subtransport base;
        git_smart_subtransport_stream stream;
        struct ssh_transport *transport;
        pid_t pid; /* 0: none */
        int in, out, err;
};

static bool copy(char *to, size_t size, const char *from, size_t n) {
        if (n >= size)
                return false;
        (void) memcpy(to, from, n);
        to[n] = '\0';
        return true;
}

/* "%20" is a blank, as in every URL. */
static void decode(char *text) {
        char *to = text;
        unsigned byte;

        for (const char *c = text; *c; c++)
                if (*c == '%' && c[1] && c[2] && sscanf(c + 1, "%2x", &byte) == 1 && byte) {
                        *to++ = (char) byte;
                        c += 2;
                } else
                        *to++ = *c;
        *to = '\0';
}

/* "host", "host:port", "[address]", "[address]:port" or, in the brackets of scp's form, "host:port", of N bytes. */
static bool parse_host(const char *host, size_t n, struct ssh_address *ret) {
        const char *end = host + n, *close = *host == '[' ? memchr(host, ']', n) : NULL, *colon;
        size_t used = strlen(ret->login);

        if (close) {
                colon = close + 1 < end ? close + 1 : NULL;
                host++;
                if (colon && *colon != ':')
                        return false;
                n = (size_t) (close - host);
                if (!colon && memchr(host, ':', n) &&
                        !memchr((char *) memchr(host, ':', n) + 1, ':',
                                (size_t) (close - (char *) memchr(host, ':', n) - 1)))
                        return parse_host(host, n, ret);
        } else {
                colon = memchr(host, ':', n);
                n = colon ? (size_t) (colon - host) : n;
        }
        if (n == 0 || *host == '-' || !copy(ret->login + used, sizeof ret->login - used, host, n))
                return false;
        return !colon ||
                (copy(ret->port, sizeof ret->port, colon + 1, (size_t) (end - colon - 1)) &&
                        strspn(ret->port, "0123456789") == strlen(ret->port));
}

int ssh_address_parse(const char *url, struct ssh_address *ret) {
        const char *scheme = strstr(url, "://"), *begin = scheme ? scheme + 3 : url, *end, *at = begin,
                   *path;

        *ret = (struct ssh_address){ 0 };
        if (scheme)
                end = path = begin + strcspn(begin, "/");
        else {
                const char *open = begin + strcspn(begin, "[:");

                end = *open == '[' && strchr(open, ']') ? strchr(open, ']') + 1
                                                        : begin + strcspn(begin, ":");
                path = *end == ':' ? end + 1 : "";
        }
        for (const char *c = begin; c < end; c++)
                if (*c == '@')
                        at = c + 1;
        if (*begin == '-' || !copy(ret->login, sizeof ret->login, begin, (size_t) (at - begin)) ||
                !parse_host(at, (size_t) (end - at), ret))
                return -EINVAL;
        if (scheme && path[0] == '/' && path[1] == '~') /* the home of a user */
                path++;
        if (*path == '\0' || *path == '-' || !copy(ret->path, sizeof ret->path, path, strlen(path)))
                return -EINVAL;
        if (scheme)
                decode(ret->path);
        return 0;
}

static void exec_ssh(const struct ssh_address *a, const char *service, const char *key) {
        char options[sizeof ssh_command], *argv[40], *save = NULL;
        _cleanup_free_ char *word = shell_quote(a->path), *command = NULL;
        size_t n = 0;

        (void) strcpy(options, ssh_command);
        for (char *o = strtok_r(options, " ", &save); o; o = strtok_r(NULL, " ", &save))
                argv[n++] = o;
        if (a->port[0]) {
                argv[n++] = (char *) "-p";
                argv[n++] = (char *) a->port;
        }
        if (key) {
                argv[n++] = (char *) "-oIdentitiesOnly=yes";
                argv[n++] = (char *) "-i";
                argv[n++] = (char *) key;
        }
        if (!word || asprintf(&command, "%s %s", service, word) < 0)
                _exit(EXIT_FAILURE);
        argv[n++] = (char *) "--";
        argv[n++] = (char *) a->login;
        argv[n++] = command;
        argv[n] = NULL;
        (void) unsetenv("SSH_ASKPASS");
        (void) execvp(argv[0], argv);
        (void) fprintf(stderr, "ssh: %s\n", strerror(errno));
        _exit(255); /* as ssh, when it fails itself */
}

static int start(struct connection *c, const char *url, const char *service) {
        int in[2], out[2], err[2];
        struct ssh_address a;
        pid_t parent = getpid();

        if (ssh_address_parse(url, &a) < 0 || pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 ||
                pipe2(err, O_CLOEXEC | O_NONBLOCK) < 0)
                return git_error_set_str(GIT_ERROR_NET, "ssh cannot be started"), -1;
        c->transport->ran = true;
        c->transport->words_n = 0;
        c->pid = fork();
        if (c->pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (getppid() != parent || dup2(in[0], STDIN_FILENO) < 0 ||
                        dup2(out[1], STDOUT_FILENO) < 0 || dup2(err[1], STDERR_FILENO) < 0)
                        _exit(EXIT_FAILURE);
                exec_ssh(&a, service, c->transport->key);
        }
        (void) close(in[0]);
        (void) close(out[1]);
        (void) close(err[1]);
        c->in = in[1];
        c->out = out[0];
        c->err = err[0];
        return c->pid < 0 ? -1 : 0;
}

/* What ssh said so far. The first words say why; what a hostile host adds is dropped. */
static void take_words(struct connection *c) {
        struct ssh_transport *t = c->transport;
        char buf[512];
        ssize_t n;

        while ((n = read(c->err, buf, sizeof buf)) > 0) {
                size_t take = MIN((size_t) n, sizeof t->words - 1 - t->words_n);

                (void) memcpy(t->words + t->words_n, buf, take);
                t->words_n += take;
        }
        t->words[t->words_n] = '\0';
}

/* ssh ends by itself, since nobody reads or writes any more; one that does not is killed. */
static int stop(struct connection *c) {
        struct ssh_transport *t = c->transport;

        if (c->pid <= 0)
                return 0;
        (void) close(c->in);
        (void) close(c->out);
        for (int i = 0; i < 100 && waitpid(c->pid, &t->status, WNOHANG) == 0; i++) {
                take_words(c);
                (void) usleep(10000);
                if (i == 99) {
                        (void) kill(c->pid, SIGKILL);
                        while (waitpid(c->pid, &t->status, 0) < 0 && errno == EINTR)
                                ;
                }
        }
        take_words(c);
        (void) close(c->err);
        c->pid = 0;
        return 0;
}

static int stream_read(git_smart_subtransport_stream *s, char *buffer, size_t size, size_t *bytes_read) {
        struct connection *c = (struct connection *) s->subtransport;
        struct pollfd fds[] = { { .fd = c->out, .events = POLLIN }, { .fd = c->err, .events = POLLIN } };
        ssize_t n = -1;

        *bytes_read = 0;
        for (;;) {
                if (poll(fds, ELEMENTSOF(fds), -1) < 0 && errno != EINTR)
                        break;
                if (fds[1].revents) {
                        take_words(c); /* or a pipe that is full would stop ssh */
                        if (fds[1].revents & POLLHUP)
                                fds[1].fd = -1;
                }
                if (!fds[0].revents)
                        continue;
                n = read(c->out, buffer, size);
                if (n >= 0 || errno != EINTR)
                        break;
        }
        if (n < 0)
                return git_error_set_str(GIT_ERROR_NET, "the connection failed"), -1;
        *bytes_read = (size_t) n;
        return 0;
}

static int stream_write(git_smart_subtransport_stream *s, const char *buffer, size_t n) {
        struct connection *c = (struct connection *) s->subtransport;

        while (n > 0) {
                ssize_t written = write(c->in, buffer, n);

                if (written < 0 && errno == EINTR)
                        continue;
                if (written < 0)
                        return git_error_set_str(GIT_ERROR_NET, "the connection was closed"), -1;
                buffer += written;
                n -= (size_t) written;
        }
        return 0;
}

static void stream_free(git_smart_subtransport_stream *s _unused_) {
}

/* The first action of a service starts ssh; the second goes on with the same stream (git2/sys/transport.h). */
static int action(git_smart_subtransport_stream **ret, git_smart_subtransport *base, const char *url,
        git_smart_service_t service) {
        struct connection *c = (struct connection *) base;
        int k = 0;

        if (service == GIT_SERVICE_UPLOADPACK_LS || service == GIT_SERVICE_RECEIVEPACK_LS) {
                (void) stop(c);
                k = start(c, url,
                        service == GIT_SERVICE_UPLOADPACK_LS ? "git-upload-pack" : "git-receive-pack");
        }
        *ret = &c->stream;
        return c->pid > 0 ? k : -1;
}

static int close_connection(git_smart_subtransport *base) {
        return stop((struct connection *) base);
}

static void free_connection(git_smart_subtransport *base) {
        (void) stop((struct connection *) base);
}

static struct connection connection; /* there is one at a time */

static int make_connection(git_smart_subtransport **ret, git_transport *owner _unused_, void *transport) {
        connection = (struct connection){
                .base = { action, close_connection, free_connection },
                .stream = { &connection.base, stream_read, stream_write, stream_free },
                .transport = transport,
        };
        *ret = &connection.base;
        return 0;
}

int ssh_transport_register(struct ssh_transport *t) {
        static const char *const schemes[] = { "ssh", "ssh+git", "git+ssh" };
        static git_smart_subtransport_definition definition = { .callback = make_connection };

        definition.param = t;
        (void) signal(SIGPIPE, SIG_IGN);
        for (size_t i = 0; i < ELEMENTSOF(schemes); i++) {
                int k = git_transport_register(schemes[i], git_transport_smart, &definition);

                if (k < 0)
                        return k;
        }
        return 0;
}

bool ssh_transport_failed(struct ssh_transport *t) {
        if (connection.transport == t)
                (void) stop(&connection);
        return t->ran && WIFEXITED(t->status) && WEXITSTATUS(t->status) == 255;
}

char *ssh_last_words(const char *words, char *buf, size_t size) {
        const char *line = words, *last = words;
        size_t n = 0;

        for (; *line && !begins_with(line, "rsync"); line += strcspn(line, "\n"), line += *line == '\n')
                if (line[strspn(line, " \t\r\n")]) {
                        last = line;
                        n = strcspn(line, "\r\n");
                }
        (void) snprintf(buf, size, "%.*s", (int) MIN(n, size - 1), last);
        return buf;
}
