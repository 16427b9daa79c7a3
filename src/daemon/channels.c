/* Whether the primary's channels are ready; see channels.h. */
#include "daemon/channels.h"

#include <errno.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/file.h"

#define INTERVAL USEC_PER_MINUTE

static void remember(struct channels *r, bool was_ready) {
        if (was_ready == r->was_ready && !r->file.unwritten)
                return;
        r->was_ready = was_ready;
        kept_file_write(&r->file, was_ready ? r->name : NULL);
}

bool channels_ask(struct channels *r, bool now_too) {
        usec_t now = now_usec(CLOCK_BOOTTIME);

        if (!r->matters || (!now_too && r->asked > 0 && now - r->asked < INTERVAL))
                return false;
        r->asked = now;
        return true;
}

void channels_judge(struct channels *r, struct check *c) {
        if (c->ready != READY_UNKNOWN)
                r->said = *c;
        if (c->ready == READY_YES)
                remember(r, true);
        if (!r->was_ready || r->said.ready != READY_NO)
                return;
        c->verdict = VERDICT_NOT_READY;
        memcpy(c->reason, r->said.channels, sizeof c->reason);
}

void channels_forget(struct channels *r) {
        if (!r->matters)
                return;
        remember(r, false);
        r->said.ready = READY_UNKNOWN;
        r->asked = 0;
}

int channels_set(struct channels *r, const struct instance *instance, const struct peer_config *primary,
        const char *name) {
        _cleanup_free_ char *known = NULL;

        r->matters = primary->not_ready != NOT_READY_IGNORE && primary->scheme != SCHEME_TCP;
        if (!r->matters)
                return 0;
        if (asprintf(&r->file.path, "%s/ready", instance->state_dir) < 0)
                return -ENOMEM;
        r->name = name;
        r->was_ready = read_file(r->file.path, 512, &known) >= 0 && strcmp(known, name) == 0;
        return 0;
}

void channels_clear(struct channels *r) {
        free(r->file.path);
}
