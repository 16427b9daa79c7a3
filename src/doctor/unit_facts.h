/* What systemd says of a unit. */
#pragma once

#include <systemd/sd-bus.h>

#include "lib/strv.h"

/* The properties of org.freedesktop.systemd1(5) of the same names. Strings may be NULL
 * where it says nothing. */
struct unit_facts {
        char *name;
        char *id; /* the unit's own name, where .name is an alias */
        char *load_state;
        char *active_state;
        char *type;
        char *restart;
        char *file_state;
        char *fragment;
        char *user;      /* NULL: root */
        int need_reload; /* a boolean */
        usec_t changed; /* StateChangeTimestamp: a start or a reload, also one that failed, is the last one */
        int exec_status;    /* ExecMainStatus */
        char **after;       /* NULL-terminated, as all these lists */
        char **environment; /* "NAME=VALUE" */
        char **search_path; /* ExecSearchPath */
        char **argv;        /* of the first ExecStart */
        char *program;      /* its path; a bare name is looked up when it is started */
        char **writable;    /* ReadWritePaths, with their "-" and "+" */
        char **closed;      /* ReadOnlyPaths, the same */
        usec_t timeout_stop;
        struct paths credentials; /* LoadCredential: "NAME:PATH" */
};

/* Asks for UNIT. 0 or a negative errno. */
int unit_facts_ask(sd_bus *bus, const char *unit, struct unit_facts *ret);
void unit_facts_clear(struct unit_facts *u);
bool unit_is_loaded(const struct unit_facts *u);
/* Whether the unit's ReadWritePaths= cover PATH (systemd.exec(5): "-" and "+" may come before one). */
bool unit_may_write(const struct unit_facts *u, const char *path);
/* The value of the variable NAME in the unit's Environment=; NULL if it has none. Borrowed. */
const char *unit_environment(const struct unit_facts *u, const char *name);
