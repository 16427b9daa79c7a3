/* A transition becomes one journal entry, with the words and fields of events.h. */
#pragma once

#include "config/instance.h"
#include "events.h"

/* Sends it to the journal, or to standard error where there is none. */
void journal_send_event(
        const struct instance *n, enum role_event event, const struct story *s, const char *message);
