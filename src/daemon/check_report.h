/* A row of checks of the primary in the journal, while nothing is decided: who acts on a decision reports that. */
#pragma once

#include "core/health.h"

/* CHECK failed: the level was BEFORE, and H is what is counted now. */
void report_failed_check(enum health_level before, const struct health *h, const struct health_rules *rules,
        const struct check *check);
/* A good check of the primary, which is called NAME, made H of BEFORE. */
void report_good_check(const struct health *before, const struct health *h, const struct health_rules *rules,
        const char *name);
