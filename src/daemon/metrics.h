/* Writes the daemon's metrics for Prometheus: a text file for node_exporter's textfile collector. The
 * numbers are those of struct status, which daemon_status.c makes. */
#pragma once

#include "config/config.h"
#include "config/instance.h"
#include "core/verdict.h"
#include "status.h"

struct metrics;

/* Without [metrics] in C nothing is written. N must outlive *RET, C need not. 0 or a negative errno. */
int metrics_new(const struct instance *n, const struct config *c, struct metrics **ret);
/* Leaves a file that says that the daemon is not up. */
struct metrics *metrics_free(struct metrics *m);
DEFINE_CLEANUP(struct metrics *, metrics_free)

/* Counts one check of the primary. */
void metrics_check(struct metrics *m, const struct check *check);

/* Writes the file, unless the last write is less than 15 s old. Logs a failure once. The caller calls this
 * after each check and change. */
void metrics_write(struct metrics *m, const struct status *s);

/* The file's text at NOW (CLOCK_REALTIME), to free; NULL without memory. S is NULL when the daemon ends. */
char *metrics_text(const struct metrics *m, const struct status *s, usec_t now);
