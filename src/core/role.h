/* The promote and demote machine: given all that is known now, what is to be done next?
 *
 * Pure: no I/O, no clock, no allocation. The role is a function of levels, not of edges: it is looked at again on
 * every event, with everything that is known at that moment, so no event can be missed. One table, rules[] in role.c,
 * holds all its decisions in the order of the README's picture.
 *
 * Split channels make two gateways at once harmless, so: promote readily, demote reluctantly.
 * All times are CLOCK_BOOTTIME in microseconds. */
#pragma once

#include <sys/types.h>

#include "core/health.h"
#include "core/unit_state.h"
#include "core/verdict.h"
#include "lib/util.h"
#include "roles.h"

/* All that is known now. */
struct facts {
        usec_t now;
        enum health_level primary;
        bool doubted; /* the last check says otherwise: good while .primary is down, failed while it is up */
        usec_t failing_since; /* the row of failed checks that goes on now; 0: there is none */
        enum unit_state gateway;
        enum unit_job job;          /* for the gateway's unit */
        enum stop_cause stopped_by; /* the gateway's last run; STOP_UNKNOWN while it runs */
        bool same_run; /* the gateway's run is ours: no other than the marker's, or systemd's restart of that. In
                               STARTING and PROMOTED a new run is ours at once and goes into the marker, in DEMOTING
                               not: then another user started it. A marker without a run (null) fits any */
        pid_t main_pid;     /* of the gateway; 0: none */
        bool sync_running;  /* its job is not over yet */
        bool shutting_down; /* the system is; units stop without meaning anything by it */
};

struct role_rules {
        enum { ROLE_FAILBACK_AUTO, ROLE_FAILBACK_MANUAL } failback;
        bool warm;            /* a gateway runs here all the time; the unit only switches its channels */
        bool sync;            /* there is a workspace or secrets to sync */
        usec_t sync_deadline; /* how long a sync may delay a promotion */
        usec_t refresh;       /* sync this often on standby; 0: only at failover */
        usec_t start_timeout;
        usec_t hang_timeout; /* 0: never */
        usec_t drain_timeout;
};

/* What the daemon is to do now. Its outcome comes back as facts. */
enum role_action {
        ACTION_NONE,
        ACTION_SYNC,
        ACTION_STOP_SYNC,
        ACTION_START, /* reset-failed first if need be */
        ACTION_STOP,
        ACTION_KILL,
        _ACTION_MAX,
};

/* What is remembered, and the rules of role.c that need it. */
struct role {
        enum role_state state;
        usec_t since; /* of this state: start_is_slow, is_silent, drill_is_not_ready, drains_long, ignores_stop */

        enum mode mode;
        usec_t paused_until; /* pause_ends. 0: not paused; USEC_INFINITY: until resumed */
        bool drill_done;     /* drill_is_over: in MODE_DRILL, on the way back */
        usec_t held_at;      /* held_runs_again: when a user stopped the promoted gateway; 0: no user did */
        enum mode held_from; /* the same: the mode before that */

        usec_t sync_begun; /* refresh_is_due, sync_is_late: the last one; 0: none since this daemon started */
        usec_t sync_stop;  /* may_start: when the one that runs was asked to stop; 0: it was not */
        usec_t early_sync; /* trouble_begins: the last one that trouble called for */
        bool synced;       /* wanted_and_unsynced: since the gateway here may be needed, or that goes on */
        bool unsaved;      /* work_is_unsaved: the gateway ran here and what it wrote is not saved yet */

        unsigned starts;      /* start_failed: tried since the gateway last worked for a while */
        usec_t start_again;   /* may_start: not before this */
        unsigned stops;       /* stop_failed: tried in this DEMOTING */
        usec_t stop_again;    /* stop_again: not before this */
        usec_t kill_again;    /* kill_again: not before this */
        unsigned answers;     /* answers: good ones in a row of one main process */
        pid_t answers_pid;    /* the same: that process */
        usec_t answers_since; /* the same: the first of them */
        usec_t silent_since; /* is_silent, hangs: the promoted gateway's process is, since then; 0: it answers */
        usec_t silent_last; /* hangs: when it last was */
        pid_t silent_pid;   /* hangs, wanted_and_runs_on: that process */
        enum gateway_ready
                ready; /* channels_are_ready, in_drill: what the promoted gateway says of its channels */
        bool reloaded; /* the same: it has said that they are not since it is promoted */
        usec_t unready_since; /* channels_fail: since when it says that they are not; 0: it does not */
        enum {
                OTHER_UNKNOWN,
                OTHER_SILENT,
                OTHER_ANSWERS
        } other;              /* answers, may_start: does another gateway answer at this one's address? */
        bool promoted_before; /* starts_for_nothing: it has answered since this failover began */
        bool called_off;      /* stopped: in DEMOTING: the start was not needed any more */
        bool restart; /* wanted_and_runs_on: in DEMOTING: it hung, and is stopped to be started again */
        usec_t wanted_since; /* patience_is_over: in DEMOTING: when it was wanted again; 0: it is not */

        unsigned said; /* a bit for each event that is said once per state */
};

struct role_step {
        enum role_action action;
        enum role_event event;
        bool again;     /* look again after this */
        usec_t look_at; /* and in any case at this time; USEC_INFINITY: only when something happens */
};

/* Looks once: applies the first rule of the table that fits, if one does. Call until .again is false; carry out .action
 * before the next call, so that its first effects (.job, .sync_running) are in FACTS. */
struct role_step role_step(struct role *r, const struct role_rules *rules, const struct facts *f);

/* The gateway's own address was checked. FACTS are those of now, when the check is over; the gateway may have stopped while it
 * ran, so that a single answer decides nothing, unless it comes from a gateway that says that it has started. */
enum gateway_answer {
        ANSWER_NONE,
        ANSWER_HEALTHY, /* an older gateway does not say more */
        ANSWER_STARTED,
};
void role_gateway_checked(
        struct role *r, const struct role_rules *rules, const struct facts *f, enum gateway_answer answer);

/* The promoted gateway has said whether its channels are ready. */
void role_gateway_said(struct role *r, const struct facts *f, enum gateway_ready ready);

/* Nobody can have been reached here in this failover. */
bool role_is_early(const struct role *r);

/* The gateway's own address needs to be checked now, and how urgently. */
enum role_watch {
        WATCH_NOT,    /* nobody needs to know */
        WATCH_STEADY, /* as often as the primary, and every third of hang_timeout at least */
        WATCH_FOLLOW, /* it is promoted: the same, and it says whether its channels are ready, twice a second at first and
                         until they are, then once a minute */
        WATCH_EAGER, /* the sooner its answer is seen, the shorter the outage */
};
enum role_watch role_watch(const struct role *r, const struct facts *f);

/* What the marker (state_file.h) says was under way when the daemon stopped. */
enum role_intent {
        INTENT_NONE,
        INTENT_STARTING,
        INTENT_PROMOTED,
        INTENT_DEMOTING,
        INTENT_RESTARTING, /* it hung: it is stopped to be started again */
        _INTENT_MAX,
};
enum role_intent role_intent(const struct role *r);

/* The first look after the daemon's start: what the marker says, against what the unit really is. FACTS must know the
 * unit. Returns what is to be done and said, like role_step(). */
struct role_step role_resume(struct role *r, enum role_intent intent, const struct facts *f);

/* A person's words. */
enum role_command {
        COMMAND_PROMOTE,
        COMMAND_DEMOTE,
        COMMAND_AUTO,
        COMMAND_PAUSE,
        COMMAND_RESUME,
        COMMAND_DRILL,
        _COMMAND_MAX,
};
/* Carries out COMMAND; UNTIL is for COMMAND_PAUSE. Returns NULL, or why it is refused, in words; then nothing changed. */
const char *role_command(struct role *r, const struct facts *f, enum role_command command, usec_t until);

/* Wait before attempt N + 1 when attempt N (from 1) did not work: 5 s, 10 s … 5 min. */
usec_t role_back_off(unsigned attempts);

extern const char *const role_intent_names[_INTENT_MAX];
static inline const char *role_intent_name(enum role_intent i) {
        return role_intent_names[i];
}
