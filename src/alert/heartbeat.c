/* Pings a service while all is well; see heartbeat.h. */
#include "alert/heartbeat.h"

#include <errno.h>
#include <string.h>

#include "alert/endpoint.h"
#include "alert/webhook.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/text.h"

/* One lost ping must raise no alarm: the daemon retries before the next is due. */
#define RETRY_AFTER (30 * USEC_PER_SEC)

struct heartbeat {
        const struct heartbeat_config *config;
        struct webhook *webhook;
        bool well;
        char error[512]; /* why the last ping failed, as the journal has it; "": it did not */
};

static void ping_in(struct heartbeat *b, usec_t wait) {
        webhook_wake_at(b->webhook, now_usec(CLOCK_BOOTTIME) + wait);
}

static void failed(struct heartbeat *b, const char *words, usec_t retry_after) {
        if (!*b->error)
                log_warning("The heartbeat fails: %s. Retrying.", words);
        (void) safe_text(b->error, sizeof b->error, words);
        ping_in(b, MIN(b->config->interval, MAX(RETRY_AFTER, retry_after)));
}

static int on_timer(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        struct heartbeat *b = userdata;
        _cleanup_secret_ char *url = NULL;
        char why[768];
        int r;

        r = endpoint_load(b->config->url, b->config->url_file, ADDRESS_HEARTBEAT, &url, why, sizeof why);
        ping_in(b, b->config->interval);
        if (r >= 0)
                r = webhook_send(b->webhook, url, NULL, NULL);
        if (r < 0 && r != -EBUSY)
                failed(b, *why ? why : webhook_error(r), 0);
        return 0;
}

static void on_answer(_unused_ struct webhook *c, const struct webhook_answer *answer, void *userdata) {
        struct heartbeat *b = userdata;

        if (answer->outcome != WEBHOOK_TAKEN) {
                failed(b, answer->words, answer->retry_after);
                return;
        }
        if (*b->error)
                log_notice("The heartbeat works again.");
        *b->error = '\0';
}

const char *heartbeat_error(const struct heartbeat *b) {
        return b->error;
}

void heartbeat_set(struct heartbeat *b, bool well) {
        bool before = b->well;

        b->well = well;
        if (well == before || (!b->config->url && !b->config->url_file))
                return;
        if (well)
                ping_in(b, 0);
        else {
                webhook_cancel(b->webhook);
                webhook_wake_at(b->webhook, USEC_INFINITY);
        }
}

void heartbeat_configure(struct heartbeat *b, const struct config *c) {
        bool well = b->well;

        heartbeat_set(b, false);
        b->config = &c->heartbeat;
        *b->error = '\0';
        heartbeat_set(b, well);
}

int heartbeat_new(struct http *h, const struct config *c, struct heartbeat **ret) {
        _cleanup_(heartbeat_freep) struct heartbeat *b = calloc(1, sizeof *b);
        int r;

        if (!b)
                return -ENOMEM;
        r = webhook_new(h, on_timer, on_answer, b, &b->webhook);
        if (r < 0)
                return r;
        heartbeat_configure(b, c);
        *ret = TAKE(b);
        return 0;
}

struct heartbeat *heartbeat_free(struct heartbeat *b) {
        if (!b)
                return NULL;
        webhook_free(b->webhook);
        free(b);
        return NULL;
}
