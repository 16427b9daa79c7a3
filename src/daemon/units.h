/* The units that the daemon follows over sd-bus. Never blocks. */
#pragma once

#include "daemon/bus_connection.h"
#include "daemon/unit.h"
#include "daemon/unit_request.h"

/* Adds itself as a user to C, which must outlive *RET and must not be open yet. 0 or a negative errno. */
int units_new(struct bus_connection *c, struct units **ret);
struct units *units_free(struct units *us); /* and all units of US */
DEFINE_CLEANUP(struct units *, units_free)

/* Follows the unit NAME, which need not exist. 0 or a negative errno. *RET belongs to US. */
int units_follow(
        struct units *us, const char *name, unit_changed_t changed, void *userdata, struct unit **ret);
void units_unfollow(struct units *us, struct unit *u);
