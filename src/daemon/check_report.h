/* Logs the checks of the primary. The events of events.h report what the daemon decides by them. */
#pragma once

#include "core/health.h"

/* Logs CHECK of the primary NAME, which changed BEFORE to H; GAP is health_check()'s. */
void report_check(const struct health *before, const struct health *h, const struct health_rules *rules,
        usec_t gap, const struct check *check, const char *name);
