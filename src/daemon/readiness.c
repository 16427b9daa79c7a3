/* Whether the primary's channels are ready; see readiness.h. */
#include "daemon/readiness.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/file_writer.h"
#include "lib/log.h"
#include "lib/text.h"

#define INTERVAL USEC_PER_MINUTE

struct readiness {
        pid_t writer; /* of .path */
        struct probe *probe;
        char *path; /* a file with the primary's name, there if it was ready */
        const char *name;
        bool was_ready;
        bool unwritten; /* .path says otherwise, and the journal has that */
        bool not_ready; /* its last answer */
        char reason[128];
        usec_t asked; /* 0: never */
        readiness_done_t done;
        void *userdata;
};

static void remember(struct readiness *r, bool was_ready) {
        int e;

        if (was_ready == r->was_ready && !r->unwritten)
                return;
        r->was_ready = was_ready;
        e = write_file_aside(&r->writer, r->path, was_ready ? r->name : NULL, 0644);
        if (e < 0 && !r->unwritten)
                log_warning("%s cannot be written: %s.", r->path, writer_error(e));
        r->unwritten = e < 0;
}

static void on_checked(struct probe *p _unused_, const struct check *check, void *userdata) {
        struct readiness *r = userdata;
        bool answered = check->connected && check->verdict != VERDICT_SILENT;

        if (answered)
                r->not_ready = check->verdict == VERDICT_NOT_READY;
        if (check->verdict == VERDICT_UP)
                remember(r, true);
        (void) snprintf(r->reason, sizeof r->reason, "%s", check->reason);
        r->done(r->userdata);
}

bool readiness_ask(struct readiness *r, bool now_too, readiness_done_t done, void *userdata) {
        usec_t now = now_usec(CLOCK_BOOTTIME);

        if (!r || (!now_too && r->asked > 0 && now - r->asked < INTERVAL))
                return false;
        r->asked = now;
        r->done = done;
        r->userdata = userdata;
        return probe_start(r->probe, on_checked, r) >= 0;
}

void readiness_judge(const struct readiness *r, struct check *check) {
        if (!r || !r->was_ready || !r->not_ready)
                return;
        check->verdict = VERDICT_NOT_READY;
        (void) snprintf(check->reason, sizeof check->reason, "%s", r->reason);
}

void readiness_forget(struct readiness *r) {
        if (!r)
                return;
        remember(r, false);
        r->not_ready = false;
        r->asked = 0;
}

int readiness_new(struct http *h, const struct instance *instance, const struct peer_config *primary,
        const char *name, struct readiness **ret) {
        _cleanup_(readiness_freep) struct readiness *r = NULL;
        _cleanup_free_ char *url = NULL, *known = NULL;
        int e;

        if (primary->not_ready == NOT_READY_IGNORE || primary->scheme == SCHEME_TCP)
                return 0;
        r = calloc(1, sizeof *r);
        url = probe_url(primary->scheme, primary->host, primary->port, "/readyz");
        if (!r || !url || asprintf(&r->path, "%s/ready", instance->state_dir) < 0)
                return -ENOMEM;
        r->name = name;
        e = probe_new(h,
                &(struct probe_target){
                        .url = url,
                        .scheme = primary->scheme,
                        .expect = EXPECT_READY,
                        .timeout = primary->timeout,
                        .any_certificate = primary->tls_verify == TLS_VERIFY_NO,
                },
                &r->probe);
        if (e < 0)
                return e;
        r->was_ready = read_file(r->path, 512, &known) >= 0 && strcmp(known, name) == 0;
        *ret = TAKE(r);
        return 0;
}

struct readiness *readiness_free(struct readiness *r) {
        if (!r)
                return NULL;
        probe_free(r->probe);
        free(r->path);
        free(r);
        return NULL;
}
