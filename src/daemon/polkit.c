/* Which users may send commands; see polkit.h. */
#include "daemon/polkit.h"

#include <errno.h>

#define POLKIT "org.freedesktop.PolicyKit1"

/* More questions than this that wait for polkit are an attack. Root's commands never wait for polkit. */
#define POLKIT_MAX 16

struct question {
        struct polkit *authority;
        struct question *next;
        sd_bus_message *message;
        sd_bus_slot *slot;
        uid_t uid; /* 0: the bus has not said it yet */
};

static void question_free(struct question *q) {
        for (struct question **p = &q->authority->first; *p; p = &(*p)->next)
                if (*p == q) {
                        *p = q->next;
                        break;
                }
        q->authority->waiting -= q->uid != 0;
        sd_bus_slot_unref(q->slot);
        sd_bus_message_unref(q->message);
        free(q);
}

static void decide(struct question *q, const sd_bus_error *refusal) {
        q->authority->decided(q->message, q->uid, refusal, q->authority->userdata);
        question_free(q);
}

static void refuse(struct question *q, const char *error, const char *words) {
        decide(q, &SD_BUS_ERROR_MAKE_CONST(error, words));
}

/* There is nothing to read if polkit hangs, is not installed, or does not let the daemon ask. */
static int on_polkit(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct question *q = userdata;
        int authorized;

        if (sd_bus_message_enter_container(m, 'r', "bba{ss}") < 0 ||
                sd_bus_message_read(m, "b", &authorized) < 0)
                refuse(q, SD_BUS_ERROR_ACCESS_DENIED, /* a timeout error would blame the daemon */
                        "polkit does not answer, so only root may do that now. See `systemctl status polkit`.");
        else if (authorized)
                decide(q, NULL);
        else
                refuse(q, SD_BUS_ERROR_ACCESS_DENIED,
                        "Only root may do that, and users that polkit allows org.openclaw.failover1.control.");
        return 0;
}

static int ask_polkit(struct question *q) {
        q->slot = sd_bus_slot_unref(q->slot);
        return sd_bus_call_method_async(sd_bus_message_get_bus(q->message), &q->slot, POLKIT,
                "/org/freedesktop/PolicyKit1/Authority", POLKIT ".Authority", "CheckAuthorization",
                on_polkit, q, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                sd_bus_message_get_sender(q->message), q->authority->action, 0, 0, "");
}

static int on_user(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct question *q = userdata;
        uint32_t uid;

        if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "u", &uid) < 0) {
                refuse(q, SD_BUS_ERROR_ACCESS_DENIED, "The bus does not say who is asking.");
                return 0;
        }
        q->uid = (uid_t) uid;
        q->authority->waiting += q->uid != 0;
        if (q->uid == 0)
                decide(q, NULL);
        else if (q->authority->waiting > POLKIT_MAX || ask_polkit(q) < 0)
                refuse(q, SD_BUS_ERROR_LIMITS_EXCEEDED, "Too many requests are waiting for polkit already.");
        return 0;
}

int polkit_ask(struct polkit *a, sd_bus_message *m) {
        struct question *q;
        int r;

        q = calloc(1, sizeof *q);
        if (!q)
                return -ENOMEM;
        *q = (struct question){ .authority = a, .next = a->first, .message = sd_bus_message_ref(m) };
        a->first = q;
        /* sd_bus_query_sender_creds(3) asks the same, but blocks until the answer. */
        r = sd_bus_call_method_async(sd_bus_message_get_bus(m), &q->slot, "org.freedesktop.DBus",
                "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetConnectionUnixUser", on_user, q, "s",
                sd_bus_message_get_sender(m));
        if (r < 0)
                question_free(q);
        return MIN(r, 0);
}

void polkit_drop(struct polkit *a) {
        while (a->first)
                question_free(a->first);
}
