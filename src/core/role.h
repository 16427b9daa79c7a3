/* Decides when to sync, start, stop and kill: given all that the daemon knows now, what should it do next?
 *
 * Pure: no I/O, no clock, no allocation. The role is a function of levels, not of edges: on every event the
 * daemon looks again at all that it knows, so it cannot miss an event. One table, rules[] in role.c, makes
 * all decisions, state by state.
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

/* All that the daemon knows now. "The gateway" is the one here. */
struct facts {
        usec_t now;
        enum health_level primary;
        bool doubted; /* the last check disagrees: it was good while .primary is down, or failed while up */
        usec_t failing_since; /* when the current row of failed checks began; 0: there is none */
        enum unit_state gateway;
        enum unit_job job;          /* of the gateway's unit */
        enum stop_cause stopped_by; /* who stopped the gateway's last run; STOP_BY_NOBODY while it runs */
        /* The gateway's run is the marker's or systemd's restart of it; a marker without a run (null) fits
         * all. In STARTING and PROMOTED each new run goes into the marker, in DEMOTING not: it is another
         * user's. */
        bool same_run;
        pid_t main_pid;     /* of the gateway; 0: none */
        bool sync_running;  /* the sync has not ended yet */
        bool shutting_down; /* the system shuts down: a unit's stop means nothing */
};

struct role_rules {
        enum { ROLE_FAILBACK_AUTO, ROLE_FAILBACK_MANUAL } failback;
        bool warm;            /* a gateway runs here all the time, and the unit only switches its channels */
        bool sync;            /* a workspace or secrets are configured */
        usec_t sync_deadline; /* how long a sync may delay a promotion */
        usec_t refresh;       /* the interval of syncs on standby; 0: only at failover */
        usec_t start_timeout;
        usec_t hang_timeout; /* 0: never */
        usec_t drain_timeout;
};

/* What the daemon should do now. The outcome comes back as facts. */
enum role_action {
        ACTION_NONE,
        ACTION_SYNC,
        ACTION_STOP_SYNC,
        ACTION_START, /* after a reset-failed if the unit has failed */
        ACTION_STOP,
        ACTION_KILL,
        _ACTION_MAX,
};

/* What the role remembers, with the rules of role.c that need it. "The gateway" is the one here. */
struct role {
        enum role_state state;
        usec_t since; /* when .state began */

        enum mode mode;
        usec_t paused_until; /* pause_ends. 0: not paused; USEC_INFINITY: until resumed */
        bool drill_done;     /* drill_is_over: the drill has a result or was cut short, and demotes */
        usec_t held_at;      /* held_runs_again: when a user stopped the promoted gateway; 0: not lately */
        enum mode held_from; /* held_runs_again: the mode before that stop */

        usec_t sync_begun; /* refresh_is_due, sync_is_late: when the last sync began; 0: no sync yet */
        usec_t sync_stop;  /* may_start: when the daemon stopped the running sync; 0: it did not */
        usec_t early_sync; /* trouble_begins, refresh_is_due: when trouble last caused a sync; 0: never */
        bool synced;       /* sync_needed: this trouble needs no sync any more */
        bool unsaved;      /* work_is_unsaved: the gateway ran here, and no sync has saved its work yet */

        unsigned starts;      /* start_failed: attempts since the gateway last worked for a while */
        usec_t start_again;   /* may_start: no start before this */
        unsigned stops;       /* stop_failed: attempts in this DEMOTING */
        usec_t stop_again;    /* stop_again: no stop before this */
        usec_t kill_again;    /* kill_again: no kill before this */
        unsigned answers;     /* answers: good checks of the gateway in a row, of one main process */
        pid_t answers_pid;    /* answers: the main process of .answers */
        usec_t answers_since; /* answers: the first check of .answers */
        usec_t silent_since; /* is_silent, hangs: when the promoted gateway's silence began; 0: it answers */
        usec_t silent_last;  /* hangs: the last silent check */
        pid_t silent_pid;    /* hangs, not_the_hung_one: the silent main process */
        enum gateway_ready ready; /* channels_are_ready, drill_is_ready: what the promoted gateway says */
        bool reloaded;        /* channels_are_ready: since its promotion the gateway has said "not ready" */
        usec_t unready_since; /* channels_fail: when it first said "not ready" in a row; 0: it is ready */
        enum {
                OTHER_UNKNOWN,
                OTHER_SILENT,
                OTHER_ANSWERS
        } other;              /* answers, may_start: does another gateway answer at the same address? */
        bool promoted_before; /* starts_for_nothing: this failover has promoted already */
        bool restart;         /* find_wanted: in DEMOTING, the gateway hung and must start again */
        usec_t wanted_since;  /* drain_is_too_long: in DEMOTING, when it was wanted again; 0: it is not */

        unsigned said; /* a bit for each event that is reported once per state */
};

struct role_step {
        enum role_action action;
        enum role_event event;
        bool again;     /* call role_step() again after .action */
        usec_t look_at; /* call role_step() at this time at the latest; USEC_INFINITY: at the next event */
};

/* Looks once: applies the first rule of the table that fits, if any. The caller carries out .action, so that
 * FACTS have its first effects (.job, .sync_running), and calls again until .again is false. */
struct role_step role_step(struct role *r, const struct role_rules *rules, const struct facts *f);

/* Counts a check of the gateway here. FACTS are those of the check's end. The gateway may have stopped
 * during the check, so a single answer decides nothing, unless a gateway says that it has started. */
enum gateway_answer {
        ANSWER_NONE,
        ANSWER_HEALTHY, /* an older gateway does not say more */
        ANSWER_STARTED,
};
void role_gateway_checked(
        struct role *r, const struct role_rules *rules, const struct facts *f, enum gateway_answer answer);

/* Counts what the promoted gateway says of its channels. */
void role_gateway_ready(struct role *r, const struct facts *f, enum gateway_ready ready);

/* Whether the role follows the primary and no gateway here has started yet in this failover. */
bool role_is_early(const struct role *r);

/* How often the daemon must check the gateway here now. */
enum role_watch {
        WATCH_NOT,    /* never */
        WATCH_STEADY, /* as often as the primary, and at least every third of hang_timeout */
        WATCH_FOLLOW, /* promoted: the channels, too; at first twice a second */
        WATCH_EAGER,  /* as often as possible: a late answer makes the outage longer */
};
enum role_watch role_watch(const struct role *r, const struct facts *f);

/* What the daemon was doing when it stopped, by the marker (state_file.h). All but the last are the values of
 * the state that they mean. */
enum role_intent {
        INTENT_NONE = ROLE_STANDBY,
        INTENT_STARTING = ROLE_STARTING,
        INTENT_PROMOTED = ROLE_PROMOTED,
        INTENT_DEMOTING = ROLE_DEMOTING,
        INTENT_RESTARTING = _ROLE_MAX, /* stopping a gateway that hung, to start it again */
        _INTENT_MAX,
};
enum role_intent role_intent(const struct role *r);

/* Looks for the first time after the daemon's start: compares the marker with the unit, which FACTS must
 * know. Returns what the daemon should do and report, like role_step(). */
struct role_step role_resume(struct role *r, enum role_intent intent, const struct facts *f);

/* A user's command. */
enum role_command {
        COMMAND_PROMOTE,
        COMMAND_DEMOTE,
        COMMAND_AUTO,
        COMMAND_PAUSE,
        COMMAND_RESUME,
        COMMAND_DRILL,
        _COMMAND_MAX,
};
/* Carries out COMMAND. UNTIL is for COMMAND_PAUSE. Returns NULL, or why it is refused: nothing changed. */
const char *role_command(struct role *r, const struct facts *f, enum role_command command, usec_t until);

/* How long to wait after that many failed attempts (from 1): 5 s, 10 s … 5 min. */
usec_t role_back_off(unsigned attempts);

extern const char *const role_intent_names[_INTENT_MAX];
static inline const char *role_intent_name(enum role_intent i) {
        return role_intent_names[i];
}
