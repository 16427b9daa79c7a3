/* Explores everything that can happen to the role: every state that role.c and health.c can get into together with
 * systemd, the gateway, the primary, the sync, a person's commands, other people's hands on the gateway, and the daemon
 * dying at any instant, under every event in every order. The code explored is the real one; what is modelled is the
 * world around it, and what daemon.c does between the two.
 *
 * Time is not counted: of each time that the role waits for it only matters whether it has come, and it may come at any
 * moment, in any order. That is more than can really happen, so what holds here holds.
 *
 * What must hold is said in words, in judge_step(), judge_request(), judge_resume(), judge_rest() and judge_ways(). When
 * something does not, the shortest way there is printed as a story. */
#pragma once

#include <err.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "core/health.h"
#include "core/role.h"
#include "events.h"
#include "lib/text.h"

/* It is always now; what is past is long ago. */
#define NOW (1000000 * USEC_PER_SEC)
#define LONG_AGO (NOW - USEC_PER_DAY)
#define SOON (NOW + 1)
#define SYNC_DEADLINE (10 * USEC_PER_SEC)
#define REFRESH (90 * USEC_PER_SEC)
#define RULES(back, is_warm)                                                                                \
        {                                                                                                   \
                .failback = (back), .warm = (is_warm), .sync = true, .sync_deadline = SYNC_DEADLINE,        \
                .refresh = REFRESH, .start_timeout = USEC_PER_HOUR,                                         \
                .hang_timeout = (is_warm) ? 0 : USEC_PER_HOUR, .drain_timeout = USEC_PER_HOUR,              \
        }
#define HEALTH_RULES                                                                                        \
        {                                                                                                   \
                .interval = USEC_PER_SEC, .fail_threshold = 2, .silent_timeout = USEC_INFINITY,             \
                .recover_threshold = 2,                                                                     \
        }

/* Whoever remembers the gateway's main process remembers the one that runs now, or one that is gone. */
#define THIS_PID 1
#define GONE_PID 2

enum call { CALL_NONE, CALL_START, CALL_STOP, CALL_KILL };

/* The run of the gateway that the marker names. */
enum run { RUN_NULL, RUN_THIS, RUN_OTHER };

/* The judge counts the primary's checks himself, and holds health.c against that. */
struct judge {
        enum health_level level;
        unsigned failures, goods;
};

struct state {
        struct role role;
        struct health health;
        struct judge judge;

        /* The daemon. */
        bool alive;
        bool bus;           /* it is connected to systemd */
        enum unit_job seen; /* what units.c makes of systemd's jobs */
        enum call call;     /* under way to systemd; it outlives the daemon */

        /* What it has written down. */
        enum role_intent intent; /* INTENT_NONE: there is no marker */
        enum run marked;
        enum mode mode;
        bool paused;
        unsigned
                held; /* a user has just stopped the promoted gateway: 1 + the mode before that; 0: no user has */

        /* systemd. */
        enum unit_state unit;
        enum unit_job job;
        bool job_ours; /* the start under way was asked for by the daemon */
        bool ours;     /* the run was begun, or adopted, by the daemon */
        bool by_user;  /* the last stop was a user's wish */
        bool syncing;
};

struct model {
        const char *name;
        struct role_rules role_rules;
        struct health_rules health_rules;
};

/* One event, while it takes its course. */
struct act {
        const struct model *model;
        struct state *s;
        unsigned crash_at; /* the daemon dies before its first, second … write or request; 0: it does not */
        unsigned writes;   /* those so far */
        const char *broken; /* what should have held and did not */
        FILE *story;        /* NULL: nobody listens */
};

/* Whether an event also happens to a gateway that can start, with nobody's hand on it, and a primary that is … */
enum kind {
        MISHAP,
        GOOD,
        GOOD_IF_UP,     /* … up for ever, */
        GOOD_IF_DOWN,   /* or down for ever; */
        GOOD_IF_ACTIVE, /* a gateway answers if it runs, */
        GOOD_IF_NOT,    /* and nobody does if it does not. */
};

struct event {
        bool (*happens)(struct act *a);
        const char *words;
        enum kind kind;
};

/* A state in 128 bits, and back. */

struct key {
        uint64_t half[2];
};

/* model_world.c */
bool is_stopped(const struct state *s);
bool is_running(const struct state *s);
bool daemon_sees(const struct state *s);
struct facts facts_of(const struct state *s);
extern const struct event events[];
extern const unsigned n_events;

/* model_daemon.c */
bool daemon_dies(struct act *a);
bool bus_is_lost(struct act *a);
bool bus_is_back(struct act *a);
bool machine_reboots(struct act *a);
bool daemon_starts(struct act *a);
void look(struct act *a);
void save_mode(struct state *s);

/* model_state.c */
void simplify(struct state *s);
struct key pack(struct state *s);
struct state unpack(struct key key);
