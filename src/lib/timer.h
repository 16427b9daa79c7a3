/* Timers of an sd-event loop that go off once each time they are set. All use CLOCK_BOOTTIME, which
 * counts on while the machine sleeps. */
#pragma once

#include <systemd/sd-event.h>

#include "lib/util.h"

/* Makes a timer, not set yet, that calls HANDLER up to ACCURACY late. 0 or a negative errno, as all here. */
static inline int timer_new(sd_event *event, sd_event_source **ret, usec_t accuracy,
        sd_event_time_handler_t handler, void *userdata) {
        return sd_event_add_time(event, ret, CLOCK_BOOTTIME, USEC_INFINITY, accuracy, handler, userdata);
}

/* Sets TIMER to TIME, in place of its last time. USEC_INFINITY: never. */
static inline int timer_at(sd_event_source *timer, usec_t time) {
        int r = sd_event_source_set_time(timer, time);

        return r < 0 ? r : sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static inline int timer_in(sd_event_source *timer, usec_t span) {
        int r = sd_event_source_set_time_relative(timer, span);

        return r < 0 ? r : sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}
