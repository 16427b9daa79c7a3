/* The command `config`: what is in force, or everything that is wrong with the file. */
#pragma once

#include "config/instance.h"

/* Prints the effective configuration as an ini to standard output, or with CHECK (for ExecReload=) nothing; errors as "FILE:LINE: …"
 * to standard error. Returns the exit code: EX_OK, EX_CONFIG if the file cannot be read or is wrong. */
int cmd_config(const struct instance *instance, bool check);
