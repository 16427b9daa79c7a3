/* Plain log lines; see log.h. */
#include "lib/log.h"

#define SD_JOURNAL_SUPPRESS_LOCATION /* a user asks what happened, not in which line of C */
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-journal.h>

#include "lib/text.h"

/* One for the process, as standard error is. */
static bool ordered;

/* systemd sets $JOURNAL_STREAM to the device and inode of the journal's socket (systemd.exec(5)). Standard
 * error may be another file by now. */
bool log_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        struct stat st;
        uintmax_t dev, ino;

        return stream && sscanf(stream, "%ju:%ju", &dev, &ino) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
                st.st_dev == dev && st.st_ino == ino;
}

static bool is_writable(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLOUT };

        return poll(&p, 1, 0) > 0;
}

/* libsystemd hides its socket, but any socket that is connected to journald is writable as long as that one
 * is (unix(7)). Without journald, nothing waits. */
bool log_is_stuck(void) {
        static const struct sockaddr_un journal = {
                .sun_family = AF_UNIX,
                .sun_path = "/run/systemd/journal/socket",
        };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        return fd >= 0 && connect(fd, (const struct sockaddr *) &journal, sizeof journal) == 0 &&
                !is_writable(fd);
}

void log_keep_order(void) {
        ordered = true;
}

void log_line(int level, const char *format, ...) {
        char raw[2048], line[2048];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(raw, sizeof raw, format, ap);
        va_end(ap);
        safe_text(line, sizeof line, raw);

        if (!log_is_journal())
                (void) fprintf(stderr, "openclaw-failover: %s\n", line);
        else if (ordered && !log_is_stuck() &&
                /* Standard error would not keep the order with entries that have fields (events.h). */
                sd_journal_send("MESSAGE=%s", line, "PRIORITY=%d", level,
                        "SYSLOG_IDENTIFIER=openclaw-failover", NULL) >= 0)
                return;
        else if (is_writable(STDERR_FILENO)) /* or the line is lost: a failover must not wait */
                (void) fprintf(stderr, "<%d>%s\n", level, line); /* sd-daemon(3) */
}
