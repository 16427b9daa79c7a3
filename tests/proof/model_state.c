/* A state in 128 bits, and back. States that differ in nothing that matters are one. */
#include "model.h"

/* States that differ in nothing that matters are one. */

static usec_t whether_it_has_come(usec_t at) {
        return at > NOW ? SOON : 0;
}

static void simplify_times(struct role *r, bool syncing) {
        bool starts = r->state == ROLE_STARTING || r->state == ROLE_DEMOTING;

        /* Its age only matters where it may be needed; it can get old there again. */
        if (r->sync_begun == 0)
                r->sync_begun = NOW - REFRESH;
        if (r->state != ROLE_STANDBY || r->sync_begun > NOW - (syncing ? SYNC_DEADLINE : REFRESH))
                r->sync_begun = NOW;
        else if (syncing)
                r->sync_begun = NOW - SYNC_DEADLINE;

        if (r->state != ROLE_STANDBY)
                r->early_sync = NOW;
        else if (r->early_sync == LONG_AGO)
                r->early_sync = 0;
        if ((r->state != ROLE_STARTING && r->state != ROLE_PROMOTED) || r->mode != MODE_DRILL)
                r->since = NOW;
        if (r->answers == 0 || r->other != OTHER_ANSWERS)
                r->answers_since = 0;
        r->start_again = starts ? whether_it_has_come(r->start_again) : 0;
        if (r->mode != MODE_DRILL)
                r->drill_done = false;
        r->ready = READY_UNKNOWN; /* changes nothing but what is said, once a drill has seen it */
        r->unready_since = 0;
        if (!syncing)
                r->sync_stop = 0;
        if (r->held_at != NOW)
                r->held_at = 0;
        if (r->held_at == 0)
                r->held_from = MODE_AUTO;
        r->stop_again = whether_it_has_come(r->stop_again);
        r->kill_again = whether_it_has_come(r->kill_again);
        r->paused_until = r->paused_until > 0 ? SOON : 0;
}

static void simplify_role(struct role *r, bool syncing) {
        /* How often only says how long to wait; whether ever ends a drill, and a failover that is not needed any more. */
        if (r->state != ROLE_STARTING || (r->mode != MODE_DRILL && r->promoted_before))
                r->starts = 0;
        r->starts = MIN(r->starts, 1U);
        r->stops = 0;
        if (r->state != ROLE_STARTING) /* which begins with none */
                r->answers = 0;
        if (r->answers == 0)
                r->answers_pid = 0;
        if (r->state == ROLE_PROMOTED &&
                r->mode == MODE_DRILL) /* which silence does not end; afterwards counting starts again */
                r->silent_since = 0;
        if (r->silent_since == 0 && !r->restart)
                r->silent_pid = 0;
        /* What a person has heard changes nothing but what he hears; except that what was killed is killed again. */
        r->said &= 1U << EVENT_KILLED;
        simplify_times(r, syncing);
}

static void simplify_health(struct health *h, struct judge *j) {
        *h = (struct health){
                .level = h->level,
                .failures = h->failing_since > 0,
                .clear = h->level == HEALTH_DOWN ? 0 : MIN(h->clear, 3U),
                .goods = h->level == HEALTH_UP ? 0 : MIN(h->goods, 2U),
                .failing_since = h->failing_since > 0 ? NOW : 0,
                .silent_since = h->failing_since > 0 ? NOW : 0,
                .last_check = NOW,
                .called_off = h->called_off,
        };
        j->failures = j->level == HEALTH_DOWN ? 0 : MIN(j->failures, 3U);
        j->goods = j->level == HEALTH_UP ? 0 : MIN(j->goods, 2U);
}

void simplify(struct state *s) {
        if (s->alive) {
                simplify_role(&s->role, s->syncing);
                simplify_health(&s->health, &s->judge);
        } else {
                s->bus = true;
                s->seen = JOB_NONE;
        }
        /* Whose stop it was matters to a daemon that is promoted alone. */
        if (!s->alive || s->role.state != ROLE_PROMOTED || is_running(s))
                s->by_user = false;
        if (is_stopped(s)) {
                s->ours = false;
                if (s->marked == RUN_THIS) /* the next is another */
                        s->marked = RUN_OTHER;
        }
        if (s->job != JOB_START || s->unit == UNIT_STARTING)
                s->job_ours = false;
}

struct packer {
        uint64_t bits;
        unsigned at;
        bool unpacks;
};

static inline void pack_bits(struct packer *p, unsigned *value, unsigned bits) {
        unsigned at = p->at;

        p->at += bits;
        if (p->unpacks)
                *value = (unsigned) (p->bits >> at & ((1ULL << bits) - 1));
        else if (*value >> bits || p->at > 64)
                errx(EXIT_FAILURE, "A state does not fit: this is a mistake in model.c.");
        else
                p->bits |= (uint64_t) *value << at;
}

#define PACK(p, field, bits)                                                                                \
        ({                                                                                                  \
                unsigned _value = (unsigned) (field);                                                       \
                pack_bits(p, &_value, bits);                                                                \
                (field) = (__typeof__(field)) _value;                                                       \
        })

static void pack_class(struct packer *p, usec_t *t, const usec_t classes[static 4]) {
        unsigned i = 0;

        while (!p->unpacks && i < 4 && classes[i] != *t)
                i++;
        pack_bits(p, &i, 2);
        *t = classes[i];
}

static void pack_time(struct packer *p, usec_t *t) {
        static const usec_t classes[4] = { 0, NOW, LONG_AGO, SOON };

        pack_class(p, t, classes);
}

static void pack_sync_time(struct packer *p, usec_t *t) {
        static const usec_t classes[4] = { NOW, NOW - SYNC_DEADLINE, NOW - REFRESH, 0 };

        pack_class(p, t, classes);
}

static void pack_role(struct packer *p, struct role *r) {
        bool killed = r->said & 1U << EVENT_KILLED;

        PACK(p, r->state, 2);
        pack_sync_time(p, &r->sync_begun);
        pack_time(p, &r->early_sync);
        pack_time(p, &r->since);
        pack_time(p, &r->paused_until);
        pack_time(p, &r->start_again);
        pack_time(p, &r->stop_again);
        pack_time(p, &r->kill_again);
        pack_time(p, &r->answers_since);
        pack_time(p, &r->silent_since);
        pack_time(p, &r->wanted_since);
        PACK(p, r->synced, 1);
        PACK(p, r->unsaved, 1);
        PACK(p, r->starts, 1);
        PACK(p, r->stops, 1);
        PACK(p, r->answers, 2);
        PACK(p, r->answers_pid, 2);
        PACK(p, r->silent_pid, 2);
        PACK(p, r->other, 2);
        pack_time(p, &r->sync_stop);
        pack_time(p, &r->held_at);
        PACK(p, r->held_from, 2);
        PACK(p, r->drill_done, 1);
        PACK(p, r->promoted_before, 1);
        PACK(p, r->restart, 1);
        PACK(p, killed, 1);
        r->said = killed ? 1U << EVENT_KILLED : 0;
        r->silent_last = r->silent_since > 0 ? NOW : 0; /* it is asked often enough */
}

static void pack_health(struct packer *p, struct health *h, struct judge *j) {
        PACK(p, h->level, 2);
        PACK(p, h->clear, 2);
        PACK(p, h->goods, 2);
        pack_time(p, &h->failing_since);
        h->silent_since = h->failing_since;
        h->failures = h->failing_since > 0;
        PACK(p, j->level, 2);
        PACK(p, j->failures, 2);
        PACK(p, j->goods, 2);
        pack_time(p, &h->called_off);
        h->last_check = NOW;
}

static void pack_world(struct packer *p, struct state *s) {
        PACK(p, s->alive, 1);
        PACK(p, s->bus, 1);
        PACK(p, s->seen, 2);
        PACK(p, s->call, 2);
        PACK(p, s->intent, 3);
        PACK(p, s->marked, 2);
        PACK(p, s->mode, 2);
        PACK(p, s->by_user, 1);
        PACK(p, s->paused, 1);
        PACK(p, s->held, 3);
        PACK(p, s->unit, 3);
        PACK(p, s->job, 2);
        PACK(p, s->job_ours, 1);
        PACK(p, s->ours, 1);
        PACK(p, s->syncing, 1);
}

/* One half for the world and what is known of the primary, one for the role. */
static void pack_state(struct packer halves[static 2], struct state *s) {
        pack_world(&halves[0], s);
        if (!s->alive)
                return;
        pack_health(&halves[0], &s->health, &s->judge);
        pack_role(&halves[1], &s->role);
        s->role.mode = s->mode; /* at rest what is on disk is what is */
}

struct key pack(struct state *s) {
        struct packer halves[2] = {};

        pack_state(halves, s);
        return (struct key){ { halves[0].bits, halves[1].bits } };
}

struct state unpack(struct key key) {
        struct packer halves[2] = {
                { .bits = key.half[0], .unpacks = true },
                { .bits = key.half[1], .unpacks = true },
        };
        struct state s = {};

        pack_state(halves, &s);
        return s;
}
