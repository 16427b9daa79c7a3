/* An address to post to or to ping. It may be a secret: a post to a webhook needs nothing else.
 *
 * The address is in the ini (url), or in a file that only root can read (url_file). The daemon is not root:
 * systemd passes the file as a credential (systemd.exec(5), LoadCredential=). */
#pragma once

#include "lib/util.h"

/* The credentials' names. */
#define ADDRESS_ALERT "alert-url"
#define ADDRESS_HEARTBEAT "heartbeat-url"

/* Sets *RET, which the caller frees, to URL, else to the content of FILE or, if that cannot be read, of the
 * CREDENTIAL. URL and FILE may be NULL. 0, -ENOENT if neither is configured, -ENOMEM, or another negative
 * errno. WHY then says what is wrong and how to fix it, but not the address. */
int endpoint_load(
        const char *url, const char *file, const char *credential, char **ret, char *why, size_t size);

#define ADDRESS_SHOWN_MAX 300
/* The part of URL that messages may show: "https://discord.com". Returns BUF. */
char *endpoint_show(const char *url, char buf[static ADDRESS_SHOWN_MAX]);

/* Asks URL for its headers, or only connects if STATUS is NULL. Blocks. NULL, or why no answer came. */
const char *endpoint_ask(const char *url, long *status);

/* Whether TEXT, which a service wrote, repeats a part of URL. Each part may be secret, but for what
 * endpoint_show() shows and the names of parameters. */
bool endpoint_leaks(const char *url, const char *text);
