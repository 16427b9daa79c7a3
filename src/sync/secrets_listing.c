/* What rsync --list-only says; see secrets_listing.h. */
#include "sync/secrets_listing.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/text.h"

/* "\#012" is how rsync writes a byte that a terminal would not show. */
static void decode(char *name) {
        char *to = name;
        unsigned byte;

        for (const char *c = name; *c;)
                if (c[0] == '\\' && c[1] == '#' && sscanf(c + 2, "%3o", &byte) == 1 && byte < 256) {
                        *to++ = (char) byte;
                        c += 5;
                } else
                        *to++ = *c++;
        *to = '\0';
}

static int add(struct listing *l, const struct listed *item) {
        if (l->n == l->room) {
                size_t room = l->room ? 2 * l->room : 64;
                struct listed *items = reallocarray(l->items, room, sizeof *items);

                if (!items)
                        return -ENOMEM;
                l->items = items;
                l->room = room;
        }
        l->items[l->n++] = *item;
        return 0;
}

/* "-rw------- 12 2026/07/11 04:15:02 name", and of a link "name -> target". */
int listing_add(struct listing *l, const char *line) {
        static const char *const home[] = { ".ssh", ".bashrc", ".profile", ".bash_logout", ".bash_history" };
        struct listed item = { .type = line[0] };
        unsigned long long size;
        char *arrow;
        int at = 0;

        if (sscanf(line, "%*s %llu %*u/%*u/%*u %*u:%*u:%*u%n", &size, &at) != 1 || line[at] != ' ')
                return 0;
        l->is_too_long = l->n >= LISTING_MAX;
        if (l->is_too_long)
                return -E2BIG;
        item.size = size;
        item.name = strdup(line + at + 1);
        if (!item.name)
                return -ENOMEM;
        arrow = item.type == 'l' ? strstr(item.name, " -> ") : NULL;
        if (arrow)
                *arrow = '\0';
        decode(item.name);
        for (size_t i = 0; i < ELEMENTSOF(home); i++)
                l->is_home = l->is_home || strcmp(item.name, home[i]) == 0;
        if (item.type == '-' && size <= LISTING_FILE_MAX)
                l->bytes += size;
        return add(l, &item);
}

void listing_free(struct listing *l) {
        for (size_t i = 0; i < l->n; i++)
                free(l->items[i].name);
        free(l->items);
        *l = (struct listing){ 0 };
}

static bool has(const struct listing *l, const char *name) {
        for (size_t i = 0; i < l->n; i++)
                if (strcmp(l->items[i].name, name) == 0)
                        return true;
        return false;
}

uint64_t listing_size_of_others(const struct listing *l, int fd) {
        char path[40], *const roots[] = { path, NULL };
        uint64_t bytes = 0;
        FTSENT *e;
        FTS *fts;

        (void) snprintf(path, sizeof path, "/proc/self/fd/%d/.", fd);
        fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
        while (fts && (e = fts_read(fts)))
                if (e->fts_info == FTS_F && !has(l, e->fts_path + strlen(path) + 1))
                        bytes += (uint64_t) e->fts_statp->st_size;
        if (fts)
                (void) fts_close(fts);
        return bytes;
}

static bool is_there(const struct listed *item, int fd) {
        struct stat st;

        if (fstatat(fd, item->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return false;
        return item->type == '-' ? S_ISREG(st.st_mode) && (uint64_t) st.st_size == item->size
                                 : item->type == 'l' && S_ISLNK(st.st_mode);
}

unsigned listing_name_missing(const struct listing *l, int fd, char *buf, size_t size) {
        unsigned n = 0;
        char name[40];

        buf[0] = '\0';
        for (size_t i = 0; i < l->n; i++)
                if (l->items[i].type != 'd' && !is_there(&l->items[i], fd) && n++ < 3)
                        (void) appendf(buf, size, "%s%s", n > 1 ? ", " : "",
                                safe_text(name, sizeof name, l->items[i].name));
        if (n > 3)
                (void) appendf(buf, size, " and %u more", n - 3);
        return n;
}
