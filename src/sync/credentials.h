/* Who we are to a git remote over https: a token. To one over ssh, ssh itself knows.
 *
 * libgit2 asks for a credential again for as long as it is given one, so it is offered once. */
#pragma once

#include <git2.h>

#include "config/config.h"
#include "sync_result.h"

struct credentials {
        const struct workspace_config *config;
        char *url;
        bool token_given;   /* it was offered, and asked for again */
        bool no_credential; /* it was offered, or there is none */
        bool wants_token;
        int token_error; /* negative errno, of token_file */
};

/* L lives as long as the process: it is a child with one connection. URL is the remote's address; it is copied. NULL, or
 * what is wrong with the address as words after "the remote origin ". */
const char *credentials_open(struct credentials *l, const struct workspace_config *c, const char *url);
/* For git_remote_callbacks: the next credential; 0, or GIT_EAUTH when there is none left. */
int credentials_next(
        struct credentials *l, git_credential **ret, const char *url, const char *user, unsigned allowed);
/* After an error: failed in R, if the login was it. */
bool credentials_failed(const struct credentials *l, struct sync_result *r);
/* The remote's host without user, password and path; a local path is said to be "the local remote". Returns BUF. */
char *credentials_host(const struct credentials *l, char *buf, size_t size);
