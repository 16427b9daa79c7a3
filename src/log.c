/* Plain log lines; see log.h. */
#include "log.h"

#include <stdarg.h>
#include <sys/stat.h>

/* systemd sets $JOURNAL_STREAM to the device and inode of the journal's socket (systemd.exec(5)): only if standard
 * error is still that very socket does anybody understand the "<N>" prefix. */
bool log_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        struct stat st;
        uintmax_t dev, ino;

        return stream && sscanf(stream, "%ju:%ju", &dev, &ino) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
                st.st_dev == dev && st.st_ino == ino;
}

void log_line(int level, const char *format, ...) {
        char raw[2048], line[2048];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(raw, sizeof raw, format, ap);
        va_end(ap);
        safe_text(line, sizeof line, raw);

        if (log_is_journal())
                (void) fprintf(stderr, "<%d>%s\n", level, line);
        else if (level < LOG_DEBUG)
                (void) fprintf(stderr, "openclaw-failover: %s\n", line);
}
