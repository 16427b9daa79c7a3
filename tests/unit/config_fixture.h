/* An ini is parsed, and its complaints are kept. */
#pragma once

#include "config/config_keys.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SHIPPED "etc/openclaw-failover.ini"
#define HOST "[primary]\nhost = 100.64.0.1\n"

/* What was complained of: "LINE: WHAT\n" for each. */
struct complaints {
        char text[8192];
        unsigned n;
};

static inline void note(const char *path _unused_, unsigned line, const char *what, void *userdata) {
        struct complaints *c = userdata;

        (void) appendf(c->text, sizeof c->text, "%u: %s\n", line, what);
        c->n++;
}

static inline struct config *parse(const char *text, struct complaints *c) {
        struct config *config = NULL;
        int r;

        *c = (struct complaints){};
        r = config_parse("test.ini", text, note, c, &config);
        if (r != (c->n > 0 ? -EINVAL : 0) || !config != (c->n > 0))
                fail_msg("config_parse() returned %d with %u errors:\n%s", r, c->n, c->text);
        return config;
}

static inline struct config *parse_good(const char *text) {
        struct complaints c;
        struct config *config = parse(text, &c);

        if (!config)
                fail_msg("refused:\n%s\nsaying:\n%s", text, c.text);
        return config;
}

static inline char *printed(const struct config *c) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        assert_non_null(f);
        config_print(c, f);
        assert_int_equal(fclose(f), 0);
        return text;
}

/* Nothing at its default. */
static const char everything[] = "[primary]\n"
                                 "host = [fd7a:115c:a1e0::1]\n"
                                 "port = 1\n"
                                 "scheme = https\n"
                                 "path = /up?a=b\n"
                                 "expect = 2xx\n"
                                 "check_interval = 500ms\n"
                                 "timeout = 250ms\n"
                                 "fail_threshold = 4\n"
                                 "silent_timeout = 5s\n"
                                 "recover_threshold = 6\n"
                                 "failback = manual\n"
                                 "restart_grace = 90\n"
                                 "[senior one]\n"
                                 "host = one.example\n"
                                 "[senior two]\n"
                                 "host = two.example\n"
                                 "scheme = tcp\n"
                                 "port = 2\n"
                                 "path = /two\n"
                                 "head_start = 1h\n"
                                 "[witness]\n"
                                 "url = https://www.example.org/#top\n"
                                 "cut_off_wait = never\n"
                                 "[gateway]\n"
                                 "unit = other@x.service\n"
                                 "url = http://127.0.0.1:1/\n"
                                 "start_timeout = 1s\n"
                                 "hang_timeout = 0\n"
                                 "drain_timeout = 0\n"
                                 "[workspace]\n"
                                 "path =\n"
                                 "remote = upstream\n"
                                 "branch = a/b\n"
                                 "ssh_key = /k\n"
                                 "token_file = /t\n"
                                 "timeout = 2s\n"
                                 "refresh = 0\n"
                                 "save = push\n"
                                 "[secrets]\n"
                                 "host = u@h\n"
                                 "source = ./\n"
                                 "target = /x/\n"
                                 "timeout = 3s\n"
                                 "[alert]\n"
                                 "url_file = /a\n"
                                 "format = ntfy\n"
                                 "[heartbeat]\n"
                                 "url = https://hc-ping.com/x\n"
                                 "interval = 1m\n"
                                 "[metrics]\n"
                                 "textfile = /x.prom\n";

static inline void load(const char *path, int result, const char *words) {
        _cleanup_(config_freep) struct config *config = NULL;
        struct complaints c = {};

        assert_int_equal(config_load(path, note, &c, &config), result);
        assert_int_equal(!config, result < 0);
        assert_int_equal(c.n, result < 0);
        if (words && !strstr(c.text, words))
                fail_msg("'%s' instead of '%s'", c.text, words);
}
