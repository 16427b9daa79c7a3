/* Checks the primary on a timer, judges the result, and keeps the level.
 *
 * On a third node it also checks the seniors, the standbys that go first, while the primary is in trouble.
 * If the primary does not answer, it asks a witness whether this machine itself is cut off. */
#pragma once

#include "config/config.h"
#include "config/instance.h"
#include "core/health.h"
#include "lib/http.h"
#include "status.h"

struct peers;

/* Called from the loop when a check has ended. */
typedef void (*peers_changed_t)(struct peers *w, void *userdata);

/* Begins to check at once. C must outlive *RET. 0 or a negative errno. */
int peers_new(struct http *h, const struct instance *instance, const struct config *c,
        peers_changed_t changed, void *userdata, struct peers **ret);
struct peers *peers_free(struct peers *w);
DEFINE_CLEANUP(struct peers *, peers_free)
/* Takes over what BEFORE, which W replaces, has counted, if the primary is the same. BEFORE may be NULL. */
void peers_carry_over(struct peers *w, struct peers *before);

/* Sets what the role means for checks. EARLY: no gateway here has started yet, and one good check ends the outage
 * (health.h). STARTED: it has, and a primary in trouble is checked every check_interval, else every retry_interval. */
void peers_set_role(struct peers *w, bool early, bool started);

/* Remembers that a failback begins: the primary and the seniors that are up will need more good checks. */
void peers_failback(struct peers *w);

/* Returns a notice for a user about the way to the primary, once; the caller frees it. NULL: there is none. */
char *peers_take_notice(struct peers *w);

/* What is known now. Pointers are valid until the next check ends. */
struct peers_view {
        const char *name; /* the primary's host and port: "100.64.0.1:18789" */
        /* Up if the primary or a senior is up. Down if the primary is down, no senior was found up in its head
         * start, and a check of the primary has failed since. Never down on a good check, nor between a
         * standstill and the next check. Unknown otherwise. */
        enum health_level level;
        /* Whether the last check was good: the primary's (its channels too, if they count) or an up senior's. */
        bool answers;
        usec_t failing_since;        /* when the row of checks that were not good began; 0: there is none */
        const struct health *health; /* the primary's; .why is the verdict that made it down */
        const struct check *check;   /* the primary's last check; .reason is "" before the first */
        const char *down_reason; /* the reason of its last check that was not good; "" before the first */
        usec_t last_good;        /* the last good check of the primary or of a senior; 0: never */
        const char *senior;      /* the name of a senior that is up; "": none */
};
struct peers_view peers_view(const struct peers *w);
/* Fills in the part of S about the primary (except its level), the seniors and Tailscale. */
void peers_show(const struct peers *w, struct status *s);
