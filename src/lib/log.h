/* Plain log lines for a person: to the journal under systemd, to the terminal otherwise.
 *
 * Levels are syslog's. What has fields or a MESSAGE_ID goes through events.h instead. */
#pragma once

#include <syslog.h>

#include "lib/util.h"

/* One line. Control characters in the result are replaced, the line is cut at 2 KiB. */
void log_line(int level, const char *format, ...) _printf_(2, 3);

/* From here on lines keep their order with the entries that have fields. For a process that stays: journald looks up a
 * line's process in /proc, and if that has ended by then, `journalctl -u` misses the line. */
void log_keep_order(void);

/* Whether standard error is the journal. */
bool log_is_journal(void);

/* Whether sd_journal_send(3) would wait now: for a journald that hangs, as on a disk that does, it waits without an end. */
bool log_is_stuck(void);

#define log_error(...) log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
