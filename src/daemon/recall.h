/* Keeps what the daemon must remember (memory.h) in step with what it does: mode first, then the marker, then the deed. In
 * this order a crash between any two of them is understood afterwards from marker and unit. */
#pragma once

#include "core/role.h"
#include "core/timeline.h"
#include "daemon/state_file.h"
#include "daemon/units.h"

struct state_file {
        const struct instance *names;
        struct marker marker; /* as it was kept last */
        enum mode mode;       /* likewise */
        usec_t paused_until;  /* likewise, CLOCK_BOOTTIME */
        bool marker_unwritten, mode_unwritten;
};

/* Reads what an earlier daemon left, and puts R and E where it was; UNIT is the gateway's now. N must outlive M. The
 * marker's intent is for role_resume(), once the unit is known. */
void state_recall(struct state_file *m, const struct instance *n, const char *unit, struct role *r,
        struct timeline *e);

/* After a step of R, and before its ACTION is carried out on UNIT, which GATEWAY describes. What cannot be written is
 * logged, keeps nobody from acting, and is tried again after the next step. */
void state_keep(struct state_file *m, const struct role *r, const struct timeline *e, const char *unit,
        const struct unit_info *gateway, enum role_action action);

/* Whether RUN, which systemd itself has restarted RESTARTS times, is the one that the marker names. */
bool state_is_same_run(const struct state_file *m, sd_id128_t run, unsigned restarts);
