/* struct status as named values: one table that the D-Bus service writes from, the client reads back with, and JSON is
 * made by. What is added to struct status is shown everywhere by one row here. */
#pragma once

#include <jansson.h>
#include <systemd/sd-bus.h>

#include "status.h"

enum property_type {
        PROPERTY_STATE,      /* s: role_state_name() */
        PROPERTY_MODE,       /* s: role_mode_name() */
        PROPERTY_HEALTH,     /* s: health_level_name() */
        PROPERTY_UNIT_STATE, /* s: unit_state_name() */
        PROPERTY_TEXT,       /* s; "" is none, null in JSON */
        PROPERTY_LINES,      /* s, one item a line; an array in JSON */
        PROPERTY_FLAG,       /* b */
        PROPERTY_COUNT,      /* u */
        PROPERTY_NUMBER,     /* t */
        PROPERTY_TIME,       /* t: CLOCK_REALTIME in µs; JSON: RFC 3339 in UTC, null for 0, "infinity" */
        PROPERTY_SPAN,       /* t: µs; JSON: seconds, null for USEC_INFINITY */
        _PROPERTY_TYPE_MAX,
};

struct property {
        const char *name; /* on D-Bus */
        const char *key;  /* in JSON; "a.b" is b within the object a */
        enum property_type type;
        size_t offset; /* in struct status */
        /* New with every check, so it is not signalled: that would cost a fifth of the check, and the bus as much. */
        bool ticks;
};

#define PROPERTIES_MAX 64

const struct property *properties(size_t *ret_n);
/* NULL: there is none of that name. */
const struct property *property_find(const char *name);
const char *property_signature(const struct property *p);

/* Appends the value to M. 0 or a negative errno. */
int property_append(const struct property *p, const struct status *s, sd_bus_message *m);
/* A new reference, or NULL without memory. */
json_t *property_json(const struct property *p, const struct status *s);

/* Takes over into KEPT, which owns its texts and is {} at first, what is new in S, and puts the names of that into
 * CHANGED but for those that tick, ended by NULL. 0, or -ENOMEM, after which the rest is new the next time. */
int status_update(
        struct status *kept, const struct status *s, const char *changed[static PROPERTIES_MAX + 1]);
/* Frees the texts of KEPT. */
void status_clear(struct status *kept);

/* Reads an a{sv}, as org.freedesktop.DBus.Properties.GetAll answers it. What it does not name is 0 or "", what is not
 * in the table is skipped. Texts are borrowed from M. 0, or -EBADMSG if a value is not what the table says. */
int status_read(sd_bus_message *m, struct status *ret);
