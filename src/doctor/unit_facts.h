/* A unit's properties, for the looks of doctor. */
#pragma once

#include <jansson.h>

#include "lib/util.h"

struct unit_facts {
        char *name;
        json_t *properties; /* those of org.freedesktop.systemd1(5); NULL: systemd was not asked */
};

/* Asks systemd about UNIT. 0, or a negative errno and the reason in *RET_ERROR, which the caller frees. */
int unit_facts_ask(const char *unit, struct unit_facts *ret, char **ret_error);
/* Asks for all properties of the object PATH of BUS_NAME. NAME becomes RET's name. Returns likewise. */
int properties_ask(
        const char *name, const char *bus_name, const char *path, struct unit_facts *ret, char **ret_error);
void unit_facts_clear(struct unit_facts *u);

/* A property, borrowed. If a unit is not loaded, its service's properties have systemd's defaults. */
const char *unit_text(const struct unit_facts *u, const char *property); /* NULL: empty, or none */
bool unit_is(const struct unit_facts *u, const char *property, const char *text);
usec_t unit_number(const struct unit_facts *u, const char *property); /* of booleans, too; 0: none */
json_t *unit_list(const struct unit_facts *u, const char *property);  /* an array, or NULL */

bool unit_is_loaded(const struct unit_facts *u);
/* The first ExecStart=: its path, or a bare name that systemd looks up at the start, NULL if there is none;
 * and all its words. */
const char *unit_program(const struct unit_facts *u);
json_t *unit_words(const struct unit_facts *u);
/* Whether the unit's ReadWritePaths= cover PATH (systemd.exec(5): "-" and "+" may precede a path). */
bool unit_may_write(const struct unit_facts *u, const char *path);
/* The value of the variable NAME in the unit's Environment=, borrowed; NULL: none. */
const char *unit_environment(const struct unit_facts *u, const char *name);
