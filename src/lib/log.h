/* Plain log lines for a user: to the journal under systemd, else to standard error.
 *
 * Levels are syslog's. An entry with fields or a MESSAGE_ID goes through events.h instead. */
#pragma once

#include <syslog.h>

#include "lib/util.h"

/* Logs one line, made safe to print and cut at 2 KiB. */
void log_line(int level, const char *format, ...) _printf_(2, 3);

/* Keeps later lines in order with the entries that have fields. Only for a process that goes on: journald
 * looks up each line's process in /proc, and if that has ended, `journalctl -u` lacks the line. */
void log_keep_order(void);

/* Whether standard error is the journal. */
bool log_is_journal(void);

/* Whether sd_journal_send(3) would block now: if journald hangs, as on a disk, it blocks for ever. */
bool log_is_stuck(void);

#define log_error(...) log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
