/* A row of checks of the primary in the journal, while nothing is decided: who acts on a decision reports that. */
#pragma once

#include "core/health.h"

/* CHECK of the primary, which is called NAME, made H of BEFORE, as CHANGE says. */
void report_check(const struct health *before, const struct health *h, const struct health_rules *rules,
        const struct health_change *change, const struct check *check, const char *name);
