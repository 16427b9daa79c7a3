/* The names of verdicts; see verdict.h. */
#include "core/verdict.h"

const char *verdict_name(enum verdict v) {
        static const char *const names[_VERDICT_MAX] = {
                [VERDICT_UP] = "up",
                [VERDICT_NOT_READY] = "not-ready",
                [VERDICT_STARTING] = "starting",
                [VERDICT_DRAINING] = "draining",
                [VERDICT_DOWN] = "down",
                [VERDICT_SILENT] = "silent",
                [VERDICT_CUT_OFF] = "cut-off",
        };

        return names[v];
}
