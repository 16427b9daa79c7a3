/* The command `config`: what is in force, or everything that is wrong with the file. */
#pragma once

#include "config/instance.h"

enum config_view {
        CONFIG_EFFECTIVE, /* the effective configuration, as an ini */
        CONFIG_CHECK,     /* nothing, if all is well: for ExecReload= */
        /* Every key there is, whatever the file says: section, key, default ("required" and "none" are such),
         * allowed values and help, between tabs. */
        CONFIG_KEYS,
};

/* Prints VIEW to standard output, errors as "FILE:LINE: …" to standard error. Returns the exit code: EX_OK,
 * EX_CONFIG if the file cannot be read or is wrong, EX_IOERR if standard output cannot be written. */
int cmd_config(const struct instance *instance, enum config_view view);
