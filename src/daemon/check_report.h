/* Logs the checks of the primary. The events of events.h report what the daemon decides by them. */
#pragma once

#include "core/health.h"

/* Logs CHECK of the primary NAME, which changed BEFORE to H; CHANGE is health_check()'s. */
void report_check(const struct health *before, const struct health *h, const struct health_rules *rules,
        const struct health_change *change, const struct check *check, const char *name);
