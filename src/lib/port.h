/* Who listens on a TCP port of this machine, as far as a process without privilege can see. */
#pragma once

#include "lib/util.h"

/* Writes "user openclaw" (or "uid 1234", or "somebody") to BUF. The process itself is root's to see. Returns BUF. */
char *network_port_holder(unsigned port, char *buf, size_t size);
