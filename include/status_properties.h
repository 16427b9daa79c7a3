/* struct status as named values. The D-Bus service, its client and the JSON of `status` use the same table:
 * one row shows a new member everywhere. */
#pragma once

#include <jansson.h>
#include <systemd/sd-bus.h>

#include "status.h"

enum property_type {
        PROPERTY_STATE,      /* s: role_state_name() */
        PROPERTY_MODE,       /* s: role_mode_name() */
        PROPERTY_HEALTH,     /* s: health_level_name() */
        PROPERTY_UNIT_STATE, /* s: unit_state_name() */
        PROPERTY_TEXT,       /* s; "": none; JSON: null for "" */
        PROPERTY_LINES,      /* s: one item a line; JSON: an array */
        PROPERTY_FLAG,       /* b */
        PROPERTY_COUNT,      /* u */
        PROPERTY_TIME,       /* t: CLOCK_REALTIME in µs; JSON: RFC 3339 in UTC, null for 0, or "infinity" */
        PROPERTY_SPAN,       /* t: µs; JSON: seconds, null for USEC_INFINITY */
        _PROPERTY_TYPE_MAX,
};

struct property {
        const char *name; /* on D-Bus */
        const char *key;  /* in JSON; "a.b" is b within the object a */
        enum property_type type;
        size_t offset; /* in struct status */
        /* Every check changes this value. It is not signalled: a signal costs a fifth of a check. */
        bool ticks;
};

#define PROPERTIES_MAX 64

const struct property *properties(size_t *ret_n);
/* The property of that name, or NULL. */
const struct property *property_find(const char *name);
const char *property_signature(const struct property *p);

/* Appends the value of P in S to M. 0 or a negative errno. */
int property_append(const struct property *p, const struct status *s, sd_bus_message *m);
/* The value of P in S. A new reference, or NULL without memory. */
json_t *property_json(const struct property *p, const struct status *s);

/* Copies into KEPT what is new in S. KEPT owns its texts and is {} at first. CHANGED gets the names of the
 * new values that do not tick, and a NULL. 0, or -ENOMEM: then the next call copies the rest. */
int status_update(
        struct status *kept, const struct status *s, const char *changed[static PROPERTIES_MAX + 1]);
/* Frees the texts of KEPT. */
void status_clear(struct status *kept);

/* Reads an a{sv}, as org.freedesktop.DBus.Properties.GetAll answers. A missing property becomes 0 or "", an
 * unknown one is skipped. Texts are borrowed from M. 0, or -EBADMSG if a type or a word is wrong. */
int status_read(sd_bus_message *m, struct status *ret);
