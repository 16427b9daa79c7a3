/* Who we are to a git remote, and who it is to us: ssh keys, a token, known hosts.
 *
 * libgit2 asks for a credential again for as long as it is given one, so each is offered once; and it reads no
 * ~/.ssh/config. A host that known_hosts does not hold is refused, never asked about. */
#pragma once

#include <git2.h>

#include "config/config.h"
#include "sync_result.h"

struct credentials {
        const struct workspace_config *config;
        const char *user; /* of this machine, for the mending commands */
        char *url;
        unsigned next;    /* of the ssh keys to offer */
        bool token_given; /* it was offered, and asked for again */
        bool unknown_host;
        bool no_credential; /* all were offered, or there is none */
        bool wants_token;
        char keys[192];       /* what was offered, in words */
        bool rsa, passphrase; /* one of them was such */
        int key_error;        /* negative errno, of ssh_key */
        int token_error;      /* negative errno, of token_file */
};

/* L lives as long as the process: it is a child with one connection. URL is the remote's address; it is copied. NULL, or
 * what is wrong with the address as words after "the remote origin ". */
const char *credentials_open(
        struct credentials *l, const struct workspace_config *c, const char *url, const char *user);
/* For git_remote_callbacks: the next credential; 0, or GIT_EAUTH when there is none left. */
int credentials_next(
        struct credentials *l, git_credential **ret, const char *url, const char *user, unsigned allowed);
/* For git_remote_callbacks: 0 if the host is known or its certificate good, else GIT_ECERTIFICATE. */
int credentials_check_host(struct credentials *l, const git_cert *cert, int valid);
/* After an error: refused or failed in R, if the login was it. */
bool credentials_failed(const struct credentials *l, struct sync_result *r);
/* The remote's host without user, password and path; a local path is said to be "the local remote". Returns BUF. */
char *credentials_host(const struct credentials *l, char *buf, size_t size);
