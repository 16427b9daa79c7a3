/* Watches the primary: checks it on a timer, judges what it finds, and keeps the level.
 *
 * On a third node it also checks the standbys that go first, the seniors, for as long as the primary is in trouble; and
 * with a witness it asks, when a check fails, whether this machine itself is cut off. */
#pragma once

#include "config/config.h"
#include "config/instance.h"
#include "core/health.h"
#include "lib/http.h"
#include "status.h"

struct peers;

/* A check ended. */
typedef void (*peers_changed_t)(struct peers *w, void *userdata);

/* Begins to check at once. C must outlive the watch. BEFORE is the watch that this one replaces, or NULL: its level is
 * kept if it is the same primary. 0 or a negative errno. */
int peers_new(struct http *h, const struct instance *instance, const struct config *c,
        const struct peers *before, peers_changed_t changed, void *userdata, struct peers **ret);
struct peers *peers_free(struct peers *w);
DEFINE_CLEANUP(struct peers *, peers_free)

/* Up if any of primary and seniors is. Down if the primary is, the seniors had their head start and were not found up, and a
 * failed check of the primary has said so since: never on a good check, nor after a standstill before the next one.
 * Unknown otherwise. */
enum health_level peers_level(const struct peers *w);

/* The gateway here has STARTED, or has not: while it has, the primary is checked every check_interval, else every
 * retry_interval as long as it is in trouble. */
void peers_set_started(struct peers *w, bool started);
/* EARLY: nobody could be reached here yet, so one good check of the primary ends the outage (health.h). */
void peers_set_early(struct peers *w, bool early);

/* When the row of checks began that were not good and go on now; 0: the last check was good. */
usec_t peers_failing_since(const struct peers *w);

/* The last check of the primary was good, of its channels too if they count, or that of a senior that is up. */
bool peers_answer(const struct peers *w);

/* A failback begins: whoever is up, primary or senior, has to prove itself for longer from now on. */
void peers_failback(struct peers *w);

/* What a user should know, once, of the way to the primary: true, and it is in BUF. */
bool peers_take_notice(struct peers *w, char *buf, size_t size);

/* For reports. Pointers are good until the next check ends. */
struct peers_view {
        const struct health *health; /* the primary's; .why says what made it down */
        const struct check *check;   /* the last one; .reason is "" before the first */
        const char *down_reason;     /* the words of the last check that was not good; "" before the first */
        usec_t last_good; /* the last good check of the primary, or of a senior that served since; 0: never */
        const char *senior; /* the name of a senior that is up; "": none */
};
struct peers_view peers_view(const struct peers *w);
/* Sets what S has of the primary but for its level, and of the seniors and Tailscale. */
void peers_show(const struct peers *w, struct status *s);

/* "100.64.0.1:18789". */
const char *peers_primary_name(const struct peers *w);
