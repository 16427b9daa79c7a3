/* Checks the standby's own gateway; see local_gateway.h. */
#include "probe/local_gateway.h"

#include <errno.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/network.h"
#include "lib/timer.h"
#include "lib/url.h"
#include "probe/probe.h"

#define DEFAULT_PORT 18789
#define DEFAULT_PATH "/health"
/* A refused connection costs a tenth of a millisecond: checks this often cost little and delay little. */
#define EAGER_INTERVAL (40 * USEC_PER_MSEC)
/* A real gateway takes longer to start. After this, rarer checks leave it the processor. */
#define EAGER_FOR (10 * USEC_PER_SEC)
#define LATER_INTERVAL USEC_PER_SEC
/* The gateway is on this machine: a silence this long is no answer. */
#define TIMEOUT_MAX (2 * USEC_PER_SEC)
/* For this long after the start, channels come and go, and /readyz is asked this often. */
#define FOLLOW_INTERVAL (500 * USEC_PER_MSEC)
#define FOLLOW_FOR (15 * USEC_PER_SEC)

struct local_gateway {
        struct http *http;
        const struct config *config;
        local_gateway_done_t done;
        void *userdata;
        sd_event_source *timer;
        enum role_watch pace;
        usec_t paced_since;
        struct probe *probe; /* at the address being checked */
        bool on_tailnet;     /* that is the second address */
};

/* As often as the primary is checked, and so that no single check decides that a gateway hangs. */
static usec_t steady_interval(const struct local_gateway *s) {
        usec_t interval = s->config->primary.check_interval, hang = s->config->gateway.hang_timeout;

        return hang > 0 ? MIN(interval, hang / 3) : interval;
}

static usec_t interval_after(const struct local_gateway *s, const struct check *check) {
        usec_t paced = now_usec(CLOCK_BOOTTIME) - s->paced_since;

        if (s->pace == WATCH_EAGER) /* an older gateway has to answer twice */
                return paced > EAGER_FOR && check->verdict != VERDICT_UP ? LATER_INTERVAL : EAGER_INTERVAL;
        return s->pace == WATCH_FOLLOW && paced < FOLLOW_FOR ? FOLLOW_INTERVAL : steady_interval(s);
}

unsigned local_gateway_port(const struct config *c) {
        _cleanup_(curl_url_cleanupp) CURLU *u = curl_url();
        _cleanup_part_ char *port = NULL;

        if (u && c->gateway.url && curl_url_set(u, CURLUPART_URL, c->gateway.url, 0) == CURLUE_OK)
                (void) curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
        return port ? (unsigned) strtoul(port, NULL, 10) : DEFAULT_PORT;
}

static void on_checked(struct probe *p, const struct check *check, void *userdata);

/* Checks the gateway at its url, or else at ADDRESS. */
static int start(struct local_gateway *s, const char *address) {
        _cleanup_(probe_freep) struct probe *probe = NULL;
        _cleanup_free_ char *made =
                probe_url(SCHEME_HTTP, address, local_gateway_port(s->config), DEFAULT_PATH);
        int r;

        if (!made)
                return -ENOMEM;
        r = probe_new(s->http,
                &(struct probe_target){
                        .url = s->config->gateway.url ?: made,
                        .startup = true,
                        .scheme = SCHEME_HTTP,
                        .expect = s->config->primary.expect,
                        .any_certificate = s->config->gateway.tls_verify == TLS_VERIFY_NO,
                        .timeout = MIN(s->config->primary.timeout, TIMEOUT_MAX),
                },
                &probe);
        if (r < 0)
                return r;
        if (s->pace == WATCH_FOLLOW)
                probe_ask_ready(probe);
        r = probe_start(probe, on_checked, s);
        if (r < 0)
                return r;
        probe_free(s->probe);
        s->probe = TAKE(probe);
        return 0;
}

/* With bind: tailnet, an older OpenClaw does not listen on loopback; a newer one does. */
static bool try_tailnet(struct local_gateway *s) {
        char address[64];

        if (s->config->gateway.url || s->on_tailnet || network_tailnet_address(address, sizeof address) < 0)
                return false;
        s->on_tailnet = true;
        return start(s, address) >= 0;
}

static void on_checked(struct probe *p _unused_, const struct check *check, void *userdata) {
        struct local_gateway *s = userdata;

        if (!check->connected && try_tailnet(s))
                return;
        (void) timer_in(s->timer, interval_after(s, check));
        s->done(s, check, s->userdata);
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        struct local_gateway *s = userdata;
        int r;

        s->on_tailnet = false;
        r = start(s, "127.0.0.1");
        if (r < 0) {
                log_error("Cannot check the gateway here: %s.", strerror(-r));
                (void) timer_in(s->timer, s->config->primary.check_interval);
        }
        return 0;
}

void local_gateway_pace(struct local_gateway *s, enum role_watch pace) {
        enum role_watch before = s->pace;

        s->pace = pace;
        if (pace != before)
                s->paced_since = now_usec(CLOCK_BOOTTIME);
        if (pace == WATCH_NOT) {
                s->probe = probe_free(s->probe);
                (void) sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
        } else if (pace > before && (!s->probe || !probe_is_running(s->probe)))
                (void) timer_in(s->timer, 0);
}

int local_gateway_new(struct http *h, const struct config *c, local_gateway_done_t done, void *userdata,
        struct local_gateway **ret) {
        _cleanup_(local_gateway_freep) struct local_gateway *s = calloc(1, sizeof *s);
        int r;

        if (!s)
                return -ENOMEM;
        s->http = h;
        s->config = c;
        s->done = done;
        s->userdata = userdata;
        r = timer_new(http_event(h), &s->timer, 1, on_timer, s);
        if (r < 0)
                return r;
        *ret = TAKE(s);
        return 0;
}

struct local_gateway *local_gateway_free(struct local_gateway *s) {
        if (!s)
                return NULL;
        sd_event_source_disable_unref(s->timer);
        probe_free(s->probe);
        free(s);
        return NULL;
}
