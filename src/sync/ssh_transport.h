/* ssh(1) as libgit2's way to a remote: ~/.ssh/config, jumps, certificates, agents and known hosts are as the user knows them.
 *
 * libgit2's smart protocol runs over the pipes of one ssh process (git2/sys/transport.h). ssh never asks anything: what it
 * says on its standard error is kept, to be shown. */
#pragma once

#include <git2.h>

#include "lib/util.h"

struct ssh_transport {
        const char *key; /* the only key to offer; NULL: as ssh chooses */
        bool ran;
        int status;       /* as waitpid(2) has it, once the connection is closed */
        char words[1024]; /* of ssh, or of git at the other end */
        size_t words_n;
};

/* Has libgit2, which is initialised, run ssh for ssh:// and host:path. T outlives every connection; there is one at a time. 0 or
 * libgit2's error. */
int ssh_transport_register(struct ssh_transport *t);
/* Ends the connection that failed, so that .status and .words are there. Whether it was ssh that failed, and not git. */
bool ssh_transport_failed(struct ssh_transport *t);
/* The last line of WORDS that is before any of rsync's, safe to print. Returns BUF. */
char *ssh_last_words(const char *words, char *buf, size_t size);
/* "ssh -oBatchMode=yes …", for rsync's -e. */
extern const char ssh_command[];

/* A remote's address, as git reads it. */
struct ssh_address {
        char login[300]; /* "user@host", without brackets */
        char port[8];    /* "": the usual one */
        char path[1024];
};
/* 0, or -EINVAL if URL is no address of ssh's, or holds what a program would take for an option. */
int ssh_address_parse(const char *url, struct ssh_address *ret);
