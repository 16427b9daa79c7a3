/* A gateway that is watched; see peer.h. */
#include "daemon/peer.h"

#include <errno.h>
#include <string.h>

#include "lib/clock.h"

int peer_set(struct peer *p, struct http *h, const struct instance *instance, const char *file,
        const struct peer_config *pc, const struct config *c) {
        _cleanup_free_ char *url = probe_url(pc->scheme, pc->host, pc->port, pc->path);
        int r;

        if (!url)
                return -ENOMEM;
        p->config = pc;
        p->rules = (struct health_rules){
                .interval = c->primary.check_interval,
                .fail_threshold = pc->fail_threshold,
                .silent_timeout = pc->silent_timeout,
                .recover_threshold = pc->recover_threshold,
                .restart_grace = pc->restart_grace,
                .cut_off_wait = c->witness.cut_off_wait,
                .ready_timeout = pc->not_ready == NOT_READY_PROMOTE ? pc->ready_timeout : USEC_INFINITY,
        };
        r = probe_new(h,
                &(struct probe_target){
                        .url = url,
                        .startup = pc->restart_grace > 0 && pc->scheme != SCHEME_TCP,
                        .scheme = pc->scheme,
                        .expect = pc->expect,
                        .timeout = pc->timeout,
                        .any_certificate = pc->tls_verify == TLS_VERIFY_NO,
                },
                &p->probe);
        return r < 0 ? r : tailnet_new(h, instance, file, pc->host, &p->tailnet);
}

void peer_clear(struct peer *p) {
        probe_free(p->probe);
        tailnet_free(p->tailnet);
}

/* After a reload, the time since the last check is no standstill. */
void peer_carry_over(struct peer *p, struct peer *before) {
        p->health = before->health;
        p->health.last_check = 0;
        p->last = before->last;
        p->failed = before->failed;
        p->served = before->served;
        p->unanswered = before->unanswered;
        tailnet_free(p->tailnet);
        p->tailnet = TAKE(before->tailnet);
        tailnet_cancel(p->tailnet);
}

bool peer_is_same(const struct peer *a, const struct peer *b) {
        const struct peer_config *c = a->config, *d = b->config;

        return strcmp(c->name, d->name) == 0 && strcmp(c->host, d->host) == 0 && c->port == d->port;
}

bool peer_is_passed_over(struct peer *p) {
        struct check *c = &p->found;
        const char *trouble = tailnet_trouble(p->tailnet);

        if (!trouble)
                return false;
        c->verdict = VERDICT_CUT_OFF;
        (void) snprintf(c->reason, sizeof c->reason, "%s", trouble);
        if (tailnet_restarts(p->tailnet)) {
                if (p->health.last_check > 0)
                        p->health.last_check = now_usec(CLOCK_BOOTTIME); /* this wait is no standstill */
                return true;
        }
        p->health.cut_off_since = p->health.cut_off_since ?: tailnet_blind_since(p->tailnet);
        return false;
}

usec_t peer_count(struct peer *p) {
        p->last = p->found;
        if (p->last.verdict != VERDICT_UP)
                p->failed = p->last;
        return health_check(&p->health, &p->rules, p->last.verdict, now_usec(CLOCK_BOOTTIME));
}
