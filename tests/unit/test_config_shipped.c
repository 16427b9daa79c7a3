/* The ini that is shipped, and the examples of the manual. */
#include "config_fixture.h"

/* --- examples -------------------------------------------------------------------------------------- */

/* Parses what stands in TEXT from a line "[section]" to the next ".Ed". How many there were. */
static unsigned parse_examples(const char *text) {
        unsigned n = 0;

        for (const char *s = text, *next; *s; s = next) {
                _cleanup_free_ char *ini = NULL;
                size_t size;
                FILE *f;

                next = strchrnul(s, '\n') + 1;
                if (s[0] != '[' || !islower((unsigned char) s[1])) /* systemd's are [Unit], [Service] */
                        continue;
                f = open_memstream(&ini, &size);
                assert_non_null(f);
                if (!begins_with(s, "[primary]"))
                        (void) fputs(HOST, f);
                for (; !begins_with(s, ".Ed"); s = next) {
                        next = strchrnul(s, '\n') + 1;
                        (void) fprintf(f, "%.*s", (int) (next - s), s);
                }
                assert_int_equal(fclose(f), 0);
                config_free(parse_good(ini));
                n++;
                next = s;
        }
        return n;
}

/* What a person may paste is not refused. */
static void examples(void **state _unused_) {
        static const struct {
                const char *path;
                unsigned n;
        } rows[] = {
                { "src/man/openclaw-failover.ini.5", 2 },
                { "src/man/openclaw-failover-guide.7", 5 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *text = NULL;

                assert_int_equal(read_file(rows[i].path, (size_t) 128 * 1024, &text), 0);
                assert_int_equal(parse_examples(text), rows[i].n);
        }
}

/* --- the shipped file ------------------------------------------------------------------------------ */

/* The text of SECTION in the shipped file: from its header, which may be commented out, to the next. */
static char *shipped_section(const char *ini, const char *section) {
        char header[32];
        const char *start = NULL, *end;

        (void) snprintf(header, sizeof header, "[%s", section);
        for (const char *s = ini; (s = strstr(s, header)); s++)
                if ((s[strlen(header)] == ']' || s[strlen(header)] == ' ') &&
                        (s[-1] == '\n' || (s[-1] == '#' && s[-2] == '\n'))) {
                        assert_null(start);
                        start = s;
                }
        if (!start)
                fail_msg("[%s] is not in " SHIPPED, section);
        end = start;
        do
                end = strchr(end, '\n') + 1;
        while (*end && *end != '[' && !(end[0] == '#' && end[1] == '['));
        return strndup(start, (size_t) (end - start));
}

/* Comment text as one line: "# a\n# b" becomes " a b". */
static void flatten(char *text) {
        char *to = text;

        for (const char *s = text; *s; s++)
                if (s[0] == '\n' && s[1] == '#' && s[2] == ' ')
                        s++;
                else
                        *to++ = *s;
        *to = '\0';
}

static void shipped_file_holds_every_key(void **state _unused_) {
        _cleanup_free_ char *ini = NULL;

        assert_int_equal(read_file(SHIPPED, (size_t) 64 * 1024, &ini), 0);
        for (size_t i = 0; i < n_config_keys; i++) {
                const struct config_key *k = &config_keys[i];
                _cleanup_free_ char *section = shipped_section(ini, k->section);
                char line[128];
                bool inherits = strcmp(k->section, "senior") == 0 && strcmp(k->name, "head_start") != 0;

                if (!k->fallback)
                        (void) snprintf(line, sizeof line, "\n%s%s =", inherits ? "#" : "", k->name);
                else
                        (void) snprintf(line, sizeof line, "\n#%s =%s%s\n", k->name, *k->fallback ? " " : "",
                                k->fallback);
                if (!strstr(section, line))
                        fail_msg("[%s] lacks '%s'", k->section, line + 1);
                flatten(section);
                if (!inherits && !strstr(section, k->allowed))
                        fail_msg("[%s] does not say what %s allows: %s", k->section, k->name, k->allowed);
        }
}

/* Works once host is set, and with every line uncommented it says the same: nothing in it but defaults. */
static void shipped_file_works(void **state _unused_) {
        _cleanup_free_ char *ini = NULL, *set = NULL, *open = NULL, *effective = NULL, *opened = NULL;
        _cleanup_(config_freep) struct config *minimal = parse_good(HOST), *all = NULL;
        char *to;

        assert_int_equal(read_file(SHIPPED, (size_t) 64 * 1024, &ini), 0);
        load(SHIPPED, -EINVAL, "host: is empty");

        to = strstr(ini, "\nhost =\n");
        assert_non_null(to);
        *to = '\0';
        assert_true(asprintf(&set, "%s\nhost = 100.64.0.1\n%s", ini, to + strlen("\nhost =\n")) > 0);
        {
                _cleanup_(config_freep) struct config *shipped = parse_good(set);

                effective = printed(shipped);
        }
        opened = printed(minimal);
        assert_string_equal(effective, opened);

        open = strdup(set);
        to = open;
        for (const char *s = open; *s; s++)
                if (s[0] != '#' || (s != open && s[-1] != '\n') || strchr("# -\n", s[1]))
                        *to++ = *s;
        *to = '\0';
        all = parse_good(open);
        assert_int_equal(all->n_seniors, 1);
        config_free(minimal);
        minimal = parse_good(HOST "[senior standby1]\nhost = 100.64.0.2\n");
        free(effective);
        free(opened);
        effective = printed(all);
        opened = printed(minimal);
        assert_string_equal(effective, opened);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(examples),
                cmocka_unit_test(shipped_file_holds_every_key),
                cmocka_unit_test(shipped_file_works),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
