/* ssh(1) as libgit2's way to a remote: the user's config, jumps, certificates, agents and known hosts apply.
 *
 * libgit2's smart protocol runs over a socket to one ssh process (git2/sys/transport.h). ssh never asks a
 * question. Its standard error is kept for a message. */
#pragma once

#include <git2.h>
#include <git2/sys/transport.h>

#include "lib/util.h"

struct ssh_transport {
        git_smart_subtransport base;
        git_smart_subtransport_stream stream;
        const char *key; /* the only key to offer; NULL: ssh chooses */
        pid_t pid;       /* of ssh; 0: it does not run */
        int fd;          /* ssh's standard input and output */
        int words;       /* the last ssh's standard error (lib/program.h); 0: none ran */
        int status;      /* the last ssh's exit status */
        bool hung_up;    /* ssh closed the socket, so what it wrote says why; otherwise we gave up */
};

/* Makes libgit2, which is initialised, run ssh for ssh:// and host:path. T is zeroed except .key and
 * outlives every connection. There is one connection at a time. 0 or a libgit2 error. */
int ssh_transport_register(struct ssh_transport *t);
/* Ends the connection that failed. BUF gets the last line of what ssh, or the remote's git, wrote before it
 * hung up. Returns whether ssh failed, not git. */
bool ssh_transport_failed(struct ssh_transport *t, char *buf, size_t size);
/* Where rsync's own lines begin in WORDS: those of ssh, a banner among them, come first. The end if none do. */
const char *find_rsync_lines(const char *words);
/* The last line of WORDS before rsync's own lines. Returns BUF. */
char *ssh_last_words(const char *words, char *buf, size_t size);
/* "ssh -oBatchMode=yes …", for git, for rsync's -e and for doctor. */
extern const char ssh_command[];

/* A remote's address, as git reads it. */
struct ssh_address {
        char login[300]; /* "user@host", without brackets */
        char port[8];    /* ":2222"; "": the usual one */
        char path[1024];
};
/* Reads URL. 0, or -EINVAL if it is no address for ssh, or a part looks like an option. */
int ssh_address_parse(const char *url, struct ssh_address *ret);
