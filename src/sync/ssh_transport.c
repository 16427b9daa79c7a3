/* ssh(1) as libgit2's way to a remote; see ssh_transport.h. */
#include "sync/ssh_transport.h"

#include <errno.h>
#if __has_include(<git2/sys/errors.h>)
#include <git2/sys/errors.h> /* since libgit2 1.8; before, git2.h has it all */
#endif
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/program.h"
#include "lib/text.h"

/* For git, rsync and doctor. No ControlPath: a shared connection would outlive the deadline, or be a dead one. */
const char ssh_command[] =
        "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=5 -oServerAliveInterval=3 "
        "-oServerAliveCountMax=3 -oControlPath=none -oClearAllForwardings=yes -oForwardAgent=no -oPermitLocalCommand=no -oUpdateHostKeys=no";

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

int ssh_address_parse(const char *url, struct ssh_address *ret) {
        const char *scheme = strstr(url, "://"), *login = scheme ? scheme + 3 : url, *host, *end, *path,
                   *port;
        int bracket, n;

        host = memrchr(login, '@', strcspn(login, scheme ? "/" : ":/"));
        host = host ? host + 1 : login;
        bracket = *host == '[';
        end = host + strcspn(host, bracket ? "]" : ":/");
        port = path = end + (*end == ']');
        if (scheme && *path == ':')
                path += 1 + strspn(path + 1, "0123456789");
        n = snprintf(ret->port, sizeof ret->port, "%.*s", (int) (path - port), port);
        if (!scheme && *path == ':' &&
                path[1] == ':') /* gitremote-helpers(7): "ext::" would run any command */
                return -EINVAL;
        if (host + bracket >= end || *login == '-' || *host == '-' || *path != (scheme ? '/' : ':') ||
                n >= (int) sizeof ret->port)
                return -EINVAL;
        if (!scheme || path[1] == '~') /* the home of a user */
                path++;
        if (*path == '\0' || *path == '-' ||
                snprintf(ret->login, sizeof ret->login, "%.*s%.*s", (int) (host - login), login,
                        (int) (end - host - bracket), host + bracket) >= (int) sizeof ret->login ||
                snprintf(ret->path, sizeof ret->path, "%s", path) >= (int) sizeof ret->path)
                return -EINVAL;
        if (scheme)
                decode(ret->path);
        return 0;
}

/* A shell splits ssh_command into options. */
static pid_t run_ssh(const struct ssh_transport *t, const char *url, const char *service, int fd) {
        static const char script[] =
                "exec $0 ${1:+-oIdentitiesOnly=yes -i \"$1\"} ${2:+-p \"${2#:}\"} -- \"$3\" \"$4\"";
        _cleanup_free_ char *path = NULL, *command = NULL;
        struct ssh_address a;

        if (ssh_address_parse(url, &a) < 0)
                return git_error_set_str(GIT_ERROR_NET, "ssh would misread the address"), -EINVAL;
        path = shell_quote(a.path);
        if (!path || asprintf(&command, "%s %s", service, path) < 0)
                return -ENOMEM;
        return program_start((const char *const[]){ "sh", "-c", script, ssh_command, t->key ? t->key : "",
                                     a.port, a.login, command, NULL },
                fd, fd, t->words);
}

static int start(struct ssh_transport *t, const char *url, const char *service) {
        int fds[2];

        if (t->words > 0)
                (void) close(t->words);
        t->words = program_memory();
        t->hung_up = false;
        if (t->words < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
                return git_error_set_str(GIT_ERROR_NET, "ssh cannot be started"), -1;
        t->pid = run_ssh(t, url, service, fds[1]);
        t->fd = fds[0];
        (void) close(fds[1]);
        return t->pid < 0 ? -1 : 0;
}

/* ssh ends when its socket is closed. One that does not is killed. */
static int stop(git_smart_subtransport *base) {
        struct ssh_transport *t = (struct ssh_transport *) base;

        if (t->pid > 0) {
                (void) close(t->fd);
                t->status = program_end(t->pid, now_usec(CLOCK_BOOTTIME) + USEC_PER_SEC, NULL);
        }
        t->pid = 0;
        return 0;
}

static int stream_read(git_smart_subtransport_stream *s, char *buffer, size_t size, size_t *bytes_read) {
        struct ssh_transport *t = (struct ssh_transport *) s->subtransport;
        ssize_t n = TEMP_FAILURE_RETRY(read(t->fd, buffer, size));

        t->hung_up |= n <= 0;
        *bytes_read = n < 0 ? 0 : (size_t) n;
        return n < 0 ? git_error_set_str(GIT_ERROR_NET, "the connection failed"), -1 : 0;
}

static int stream_write(git_smart_subtransport_stream *s, const char *buffer, size_t n) {
        struct ssh_transport *t = (struct ssh_transport *) s->subtransport;

        t->hung_up |= write_all(t->fd, buffer, n) < 0;
        if (t->hung_up)
                return git_error_set_str(GIT_ERROR_NET, "the connection was closed"), -1;
        return 0;
}

static void free_stream(git_smart_subtransport_stream *s _unused_) {
}

/* The first action of a service starts ssh. The second uses the same stream (git2/sys/transport.h). */
static int action(git_smart_subtransport_stream **ret, git_smart_subtransport *base, const char *url,
        git_smart_service_t service) {
        struct ssh_transport *t = (struct ssh_transport *) base;

        *ret = &t->stream;
        if (service != GIT_SERVICE_UPLOADPACK_LS && service != GIT_SERVICE_RECEIVEPACK_LS)
                return t->pid > 0 ? 0 : -1;
        (void) stop(base);
        return start(t, url, service == GIT_SERVICE_UPLOADPACK_LS ? "git-upload-pack" : "git-receive-pack");
}

static void free_transport(git_smart_subtransport *base) {
        (void) stop(base);
}

static int make_transport(git_smart_subtransport **ret, git_transport *owner _unused_, void *transport) {
        struct ssh_transport *t = transport;

        t->base = (git_smart_subtransport){ action, stop, free_transport };
        t->stream = (git_smart_subtransport_stream){ &t->base, stream_read, stream_write, free_stream };
        *ret = &t->base;
        return 0;
}

int ssh_transport_register(struct ssh_transport *t) {
        static const char *const schemes[] = { "ssh", "ssh+git", "git+ssh" };
        static git_smart_subtransport_definition definition = { .callback = make_transport };
        int k = 0;

        definition.param = t;
        (void) signal(SIGPIPE, SIG_IGN);
        for (size_t i = 0; k >= 0 && i < ELEMENTSOF(schemes); i++)
                k = git_transport_register(schemes[i], git_transport_smart, &definition);
        return k;
}

bool ssh_transport_failed(struct ssh_transport *t, char *buf, size_t size) {
        _cleanup_free_ char *words = NULL;

        (void) stop(&t->base);
        words = t->hung_up ? program_text(t->words) : NULL;
        (void) ssh_last_words(words ? words : "", buf, size);
        return t->hung_up && t->status == 255;
}

const char *find_rsync_lines(const char *words) {
        while (*words && !begins_with(words, "rsync")) {
                words += strcspn(words, "\n");
                words += *words == '\n';
        }
        return words;
}

char *ssh_last_words(const char *words, char *buf, size_t size) {
        const char *end = find_rsync_lines(words), *last = words;
        size_t n = 0;

        for (const char *line = words; line < end; line += strcspn(line, "\n"), line += *line == '\n')
                if (line[strspn(line, " \t\r\n")]) {
                        last = line;
                        n = strcspn(line, "\r\n");
                        n -= n > 0 && line[n - 1] == '.'; /* our message may continue */
                }
        (void) snprintf(buf, size, "%.*s", (int) MIN(n, size - 1), last);
        return buf;
}
