/* Journal entries become failovers; see history.h. */
#include "cli/history.h"

#include <errno.h>
#include <string.h>

#include "lib/text.h"

static struct failover *last(struct history *c) {
        return c->n > 0 ? &c->failovers[c->n - 1] : NULL;
}

static struct failover *open_one(struct history *c) {
        struct failover *f = last(c);

        return f && f->end == END_OPEN ? f : NULL;
}

static enum failover_kind kind_of(const struct record *r) {
        if (strcmp(r->mode, role_mode_name(MODE_PINNED)) == 0)
                return KIND_BY_HAND;
        if (strcmp(r->mode, role_mode_name(MODE_DRILL)) == 0)
                return KIND_DRILL;
        return KIND_FAILOVER;
}

static struct failover *begin(struct history *c, const struct record *r) {
        struct failover *f;

        if ((c->n & (c->n - 1)) == 0) { /* full, at every power of two */
                f = reallocarray(c->failovers, c->n ? c->n * 2 : 1, sizeof *f);
                if (!f)
                        return NULL;
                c->failovers = f;
        }
        f = &c->failovers[c->n++];
        *f = (struct failover){
                .kind = kind_of(r),
                .boot = r->boot,
                .lasted = USEC_INFINITY,
                .outage = USEC_INFINITY,
                .detecting = USEC_INFINITY,
                .syncing = USEC_INFINITY,
                .starting = USEC_INFINITY,
        };
        safe_text(f->reason, sizeof f->reason, r->reason);
        return f;
}

static void end(struct failover *f, enum failover_end how, usec_t when) {
        f->end = how;
        f->ended = when;
        if (when > 0 && f->promoted > 0 && when >= f->promoted)
                f->lasted = when - f->promoted;
}

static int on_promoting(struct history *c, const struct record *r) {
        struct failover *f = open_one(c);

        if (f && strcmp(r->from, role_state_name(ROLE_DEMOTING)) == 0) {
                /* The daemon stops a gateway that hangs: the failover goes on. */
                if (!f->handing_back)
                        return 0;
                /* The daemon needs the gateway again while it stops. */
                end(f, END_FAILBACK, r->time);
        } else if (f)
                end(f, END_UNKNOWN, 0);
        f = begin(c, r);
        if (f)
                f->begun = r->time;
        return f ? 0 : -ENOMEM;
}

static void on_promoted(struct failover *f, const struct record *r) {
        /* The first start counts. Later ones follow trouble in the same failover. */
        if (f->promoted > 0)
                return;
        f->promoted = r->time;
        f->outage = r->outage;
        f->detecting = r->detecting;
        f->syncing = r->syncing;
        f->starting = r->starting;
}

static void on_demoted(struct failover *f, const struct record *r) {
        end(f, END_FAILBACK, r->time);
        if (r->promoted != USEC_INFINITY)
                f->lasted = r->promoted;
        if (f->promoted == 0 && f->begun == 0 && r->promoted < r->time)
                f->promoted = r->time - r->promoted;
}

/* Applies an event that only says more about the failover that goes on. */
static void on_other(struct failover *f, const struct record *r) {
        switch (r->event) {
        case EVENT_START_FAILED:
        case EVENT_DRILL_FAILED:
        case EVENT_CHANNELS_FAIL:
        case EVENT_LOST:
        case EVENT_HUNG:
                f->trouble = true;
                break;
        case EVENT_DRILL_REAL:
                f->kind = KIND_FAILOVER;
                safe_text(f->reason, sizeof f->reason, r->reason);
                break;
        case EVENT_DEMOTING:
                f->handing_back = true;
                break;
        case EVENT_HELD:
                end(f, END_STOPPED, r->time);
                break;
        case EVENT_FOREIGN: /* comes only on standby, so the failover is over */
                end(f, END_FAILBACK, r->time);
                break;
        default:
                break;
        }
}

/* Whether a user stopped the gateway, perhaps for an update, and started it again: the daemon adopts it. */
static bool goes_on(const struct failover *f, const struct record *r) {
        return f && f->end == END_STOPPED && sd_id128_equal(f->boot, r->boot) &&
                r->time - f->ended < 10 * USEC_PER_MINUTE;
}

int history_add(struct history *c, const struct record *r) {
        struct failover *f;

        history_close(c, r->boot);
        f = open_one(c);
        switch (r->event) {
        case EVENT_ADOPTED:
                if (!goes_on(last(c), r))
                        return on_promoting(c, r);
                last(c)->end = END_OPEN;
                break;
        case EVENT_PROMOTING:
                return on_promoting(c, r);
        case EVENT_PROMOTED:
        case EVENT_DEMOTED:
                /* The journal may no longer have the failover's beginning. */
                if (!f)
                        f = begin(c, r);
                if (!f)
                        return -ENOMEM;
                (r->event == EVENT_PROMOTED ? on_promoted : on_demoted)(f, r);
                break;
        case EVENT_CALLED_OFF: /* no failover */
                if (f && f->promoted == 0)
                        c->n--;
                break;
        default:
                if (f)
                        on_other(f, r);
        }
        return 0;
}

void history_close(struct history *c, sd_id128_t boot) {
        struct failover *f = open_one(c);

        if (f && !sd_id128_equal(f->boot, boot))
                end(f, END_REBOOT, 0);
}

void history_select(struct history *c, usec_t since, size_t count) {
        size_t n = 0;

        for (size_t i = 0; i < c->n; i++) {
                const struct failover *f = &c->failovers[i];

                if (f->end == END_OPEN || MAX(f->begun, MAX(f->promoted, f->ended)) >= since)
                        c->failovers[n++] = *f;
        }
        c->n = MIN(n, count);
        if (n > count)
                (void) memmove(c->failovers, c->failovers + (n - count), count * sizeof *c->failovers);
}

void history_done(struct history *c) {
        free(c->failovers);
        *c = (struct history){};
}

const char *const failover_kind_names[_FAILOVER_KIND_MAX] = {
        [KIND_FAILOVER] = "failover",
        [KIND_BY_HAND] = "by hand",
        [KIND_DRILL] = "drill",
};

const char *const failover_end_names[_FAILOVER_END_MAX] = {
        [END_OPEN] = "open",
        [END_FAILBACK] = "failback",
        [END_STOPPED] = "stopped",
        [END_REBOOT] = "reboot",
        [END_UNKNOWN] = "unknown",
};
