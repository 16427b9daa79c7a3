/* ssh(1) as libgit2's way to a remote: ~/.ssh/config, jumps, certificates, agents and known hosts are as the user knows them.
 *
 * libgit2's smart protocol runs over the pipes of one ssh process (git2/sys/transport.h). ssh never asks anything: what it
 * says on its standard error is kept, to be shown. */
#pragma once

#include <git2.h>
#include <git2/sys/transport.h>

#include "lib/util.h"

struct ssh_transport {
        git_smart_subtransport base;
        git_smart_subtransport_stream stream;
        const char *key; /* the only key to offer; NULL: as ssh chooses */
        pid_t pid;       /* 0: none runs */
        int in, out;     /* of ssh */
        int words;       /* its errors, of the last that ran (lib/program.h); 0: none ran */
        int status;      /* its exit status */
};

/* Has libgit2, which is initialised, run ssh for ssh:// and host:path. T, zeroed but for .key, outlives every connection; there is
 * one at a time. 0 or libgit2's error. */
int ssh_transport_register(struct ssh_transport *t);
/* Ends the connection that failed. BUF gets the last line of what ssh, or git at the other end, said of it. Whether it was ssh that
 * failed, and not git. */
bool ssh_transport_failed(struct ssh_transport *t, char *buf, size_t size);
/* The last line of WORDS that is before any of rsync's, safe to print. Returns BUF. */
char *ssh_last_words(const char *words, char *buf, size_t size);
/* "ssh -oBatchMode=yes …", for rsync's -e. */
extern const char ssh_command[];

/* A remote's address, as git reads it. */
struct ssh_address {
        char login[300]; /* "user@host", without brackets */
        char port[8];    /* ":2222"; "": the usual one */
        char path[1024];
};
/* 0, or -EINVAL if URL is no address of ssh's, or holds what a program would take for an option. */
int ssh_address_parse(const char *url, struct ssh_address *ret);
