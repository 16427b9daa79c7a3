/* A bus that leads nowhere: messages need one to be made. */
#pragma once

#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include "fuzz.h"

static inline sd_bus *nowhere(void) {
        static sd_bus *bus;
        int fds[2];

        if (bus)
                return bus;
        demand(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
        demand(sd_bus_new(&bus) >= 0 && sd_bus_set_fd(bus, fds[0], fds[0]) >= 0 && sd_bus_start(bus) >= 0);
        return bus;
}
