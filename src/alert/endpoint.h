/* An address to post to or to ping, which may be a secret: a webhook's URL is all that posting takes.
 *
 * It stands in the ini (url), or in a file that only root can read (url_file). The daemon is not root: systemd hands it
 * the file as a credential (systemd.exec(5), LoadCredential=). */
#pragma once

#include "lib/util.h"

/* The credentials' names. */
#define ADDRESS_ALERT "alert-url"
#define ADDRESS_HEARTBEAT "heartbeat-url"

/* The address in URL, or else in FILE, or, if that cannot be read, in the credential of that name; the caller frees *RET. URL and FILE may be
 * NULL. 0, -ENOENT if neither is configured, -ENOMEM, or another negative errno. WHY is then what is wrong and how to fix
 * it, in words that do not repeat the address. */
int endpoint_load(
        const char *url, const char *file, const char *credential, char **ret, char *why, size_t size);

#define ADDRESS_SHOWN_MAX 300
/* What may be shown of it: "https://discord.com". Returns BUF. */
char *endpoint_show(const char *url, char buf[static ADDRESS_SHOWN_MAX]);

/* Blocks while it asks URL for its headers, or only connects if STATUS is NULL. NULL, or why no answer came. */
const char *endpoint_ask(const char *url, long *status);

/* Whether TEXT, which a service wrote, repeats a part of URL: any may be secret but its scheme. */
bool endpoint_leaks(const char *url, const char *text);
