/* Is this text a host, a path, a unit name …? Pure functions, for values that a user wrote.
 *
 * Each returns NULL if the text is good, or what is wrong with it, as the words after "KEY: ". None
 * repeats the text: it may be a secret in the wrong place. Empty text is never good. */
#pragma once

#include <stdbool.h>

/* An IPv4 address, an IPv6 address, the same in [ ], or a DNS name. */
const char *validate_host(const char *text);
/* "user@host" or "host" for ssh and rsync: nothing they could take for an option, a path or a module. */
const char *validate_ssh_host(const char *text);
/* A path on a remote host for rsync: absolute, relative to the login's home, or beginning with "~/"; nothing
 * that a shell there would expand. */
const char *validate_remote_path(const char *text);
/* An absolute path without ".." that is not "/". */
const char *validate_path(const char *text);
/* At most 120 bytes of any words. */
const char *validate_reach(const char *text);
/* A path as for validate_path() that ends in ".prom": node_exporter's textfile collector reads no other. */
const char *validate_prom_path(const char *text);
/* What follows the host and port in a URL. It begins with '/'. */
const char *validate_url_path(const char *text);
/* An http or https URL without user and password. */
const char *validate_url(const char *text);
/* A URL, or a word. */
#define WITNESS_TAILSCALE "tailscale" /* this node's home relay, where there is a tailnet */
#define WITNESS_NONE "none"
const char *validate_witness(const char *text);
/* A URL as for validate_url() that is no secret itself: a post to a webhook needs nothing but its URL. */
const char *validate_public_url(const char *text);
/* The name of a service that can be started (systemd.unit(5)). */
const char *validate_service(const char *text);
/* A git remote or branch (git-check-ref-format(1)) that git cannot take for an option. */
const char *validate_git_name(const char *text);
/* The NAME of [senior NAME]. */
const char *validate_senior_name(const char *text);

/* Whether the directory INNER is OUTER, or below it. Both are absolute, and without "..". */
bool path_is_within(const char *inner, const char *outer);
