/* Whether the primary's channels are ready, by its /readyz: asked once a minute, and each answer holds until
 * the next. Only a gateway that was ready before counts. The daemon remembers that over its restarts. */
#pragma once

#include "config/config.h"
#include "config/instance.h"
#include "core/verdict.h"
#include "lib/kept_file.h"

struct channels {
        bool matters;
        struct kept_file file; /* has the primary's name; exists if the primary was ready */
        const char *name;
        bool was_ready;
        struct check said; /* the last check with an answer of /readyz */
        usec_t asked;      /* 0: never */
};

/* Fills R, which is all zero. NAME tells one primary from another and must outlive R. 0 or -ENOMEM. */
int channels_set(struct channels *r, const struct instance *instance, const struct peer_config *primary,
        const char *name);
void channels_clear(struct channels *r);

/* Whether the check that begins now should ask /readyz, too. NOW_TOO: even if the last one asked lately. */
bool channels_ask(struct channels *r, bool now_too);
/* Learns from C, a good check. Makes C "not ready" if the primary was ready before and is not any more. */
void channels_judge(struct channels *r, struct check *c);
/* Forgets what the primary said: it is down for another reason. */
void channels_forget(struct channels *r);
