/* A Prometheus text file, replaced atomically, for node_exporter's textfile collector. */
#pragma once

#include "config/config.h"
#include "config/instance.h"
#include "core/verdict.h"
#include "status.h"

struct metrics;

/* Without [metrics] in C everything here does nothing. N must outlive it, C need not. 0 or a negative errno. */
int metrics_new(const struct instance *n, const struct config *c, struct metrics **ret);
/* The file stays, and says that the daemon is not up. */
struct metrics *metrics_free(struct metrics *m);
DEFINE_CLEANUP(struct metrics *, metrics_free)

/* The configuration was read again. Counters go on. */
void metrics_configure(struct metrics *m, const struct config *c);

/* Counts one check of the primary. */
void metrics_check(struct metrics *m, const struct check *check);

/* Writes the file, unless that was done less than 15 s ago and role, health and mode are the same. That it cannot be written
 * is said in the journal, once. Call it after each check and change. */
void metrics_write(struct metrics *m, const struct status *s);

/* The file's text at NOW (CLOCK_REALTIME), which the caller frees. S is NULL when the daemon ends. NULL without memory. */
char *metrics_text(const struct metrics *m, const struct status *s, usec_t now);
