/* Sends an event to the journal, with the words and fields of events.h. */
#pragma once

#include "config/instance.h"
#include "events.h"

/* Sends the entry to the journal. If the journal does not take it, writes MESSAGE to standard error. */
void journal_send_event(
        const struct instance *n, enum role_event event, const struct story *s, const char *message);
