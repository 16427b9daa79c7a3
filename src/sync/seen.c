/* Reads the files of the tree as blobs, and remembers between runs which blobs they are; see seen.h. */
#include "sync/seen.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "sync/changes.h"

static int read_link(const char *full, git_buf *ret) {
        char to[PATH_MAX];
        ssize_t n = readlink(full, to, sizeof to);

        return n < 0 ? -1 : git_buf_set(ret, to, (size_t) n);
}

int blob_read(const struct repo *repo, const char *path, git_buf *ret) {
        _cleanup_free_ char *full = NULL;
        git_filter_list *filters = NULL;
        struct stat st;
        int k;

        if (asprintf(&full, "%s/%s", repo->config->path, path) < 0 || lstat(full, &st) < 0)
                return errno == ENOENT ? GIT_ENOTFOUND : -1;
        if (S_ISLNK(st.st_mode))
                return read_link(full, ret);
        if (!S_ISREG(st.st_mode) || st.st_size > CHANGE_SIZE_MAX)
                return -1;
        if (repo->no_index ||
                git_filter_list_load(
                        &filters, repo->git, NULL, path, GIT_FILTER_TO_ODB, GIT_FILTER_DEFAULT) < 0)
                filters = NULL;
        k = git_filter_list_apply_to_file(ret, filters, repo->git, path);
        if (k < 0 && filters)
                k = git_filter_list_apply_to_file(ret, NULL, repo->git, path);
        git_filter_list_free(filters);
        return k;
}

int blob_hash_bytes(const struct repo *repo, const char *path, const struct stat *st, git_oid *ret) {
        return S_ISREG(st->st_mode) ? git_repository_hashfile(ret, repo->git, path, GIT_OBJECT_BLOB, "")
                                    : -1;
}

int blob_hash_stored(const struct repo *repo, const char *path, git_oid *ret) {
        git_buf stored = GIT_BUF_INIT;
        int k = blob_read(repo, path, &stored);

        if (k == 0)
                k = git_odb_hash(ret, stored.ptr ? stored.ptr : "", stored.size, GIT_OBJECT_BLOB);
        git_buf_dispose(&stored);
        return k;
}

int blob_size(const struct repo *repo, const git_oid *id, uint64_t *ret) {
        _cleanup_(git_odb_freep) git_odb *odb = NULL;
        git_object_t type;
        size_t size;

        if (git_repository_odb(&odb, repo->git) < 0 || git_odb_read_header(&size, &type, odb, id) < 0 ||
                type != GIT_OBJECT_BLOB)
                return -ENOENT;
        *ret = size;
        return 0;
}

bool blob_has_size(const struct repo *repo, const git_index_entry *e, const struct stat *st) {
        uint64_t size;

        return e && blob_size(repo, &e->id, &size) == 0 && size == (uint64_t) st->st_size;
}

bool blob_is_same(
        const struct repo *repo, const git_index_entry *e, const char *path, const struct stat *st) {
        git_oid id;

        return e &&
                ((blob_has_size(repo, e, st) && blob_hash_bytes(repo, path, st, &id) == 0 &&
                         git_oid_equal(&id, &e->id)) ||
                        (blob_hash_stored(repo, path, &id) == 0 && git_oid_equal(&id, &e->id)));
}

/* Whether E has the file's stat data. An index keeps the lower 32 bits of a number (gitformat-index(5)). */
static bool has_same_stat(const git_index_entry *e, const struct stat *st) {
        return e && e->mtime.seconds == (int32_t) st->st_mtim.tv_sec &&
                e->mtime.nanoseconds == (uint32_t) st->st_mtim.tv_nsec &&
                e->ctime.seconds == (int32_t) st->st_ctim.tv_sec &&
                e->ctime.nanoseconds == (uint32_t) st->st_ctim.tv_nsec && e->ino == (uint32_t) st->st_ino &&
                e->file_size == (uint32_t) st->st_size && S_ISLNK(e->mode) == S_ISLNK(st->st_mode);
}

static bool is_before(const struct timespec *a, const struct timespec *b) {
        return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* Looks in the repository's index first: only that knows the blob of a filtered file. */
const git_index_entry *seen_recall(const struct seen *s, const char *path, const struct stat *st) {
        const git_index_entry *e = s->index ? find_file(s->index, path) : NULL;

        if (has_same_stat(e, st) && is_before(&st->st_mtim, &s->index_time))
                return e;
        e = find_file(s->files, path);
        return has_same_stat(e, st) ? e : NULL;
}

void seen_add(
        const struct seen *s, const char *path, const struct stat *st, uint16_t mode, const git_oid *id) {
        const struct timespec *changed = &st->st_ctim;
        const git_index_entry e = {
                .ctime = { (int32_t) changed->tv_sec, (uint32_t) changed->tv_nsec },
                .mtime = { (int32_t) st->st_mtim.tv_sec, (uint32_t) st->st_mtim.tv_nsec },
                .ino = (uint32_t) st->st_ino,
                .mode = mode,
                .file_size = (uint32_t) st->st_size,
                .id = *id,
                .path = path,
        };

        if (is_before(changed, &s->begun))
                (void) git_index_add(s->files, &e);
}

int seen_open(const struct repo *repo, git_index *index, struct seen *ret) {
        _cleanup_free_ char *file = NULL, *lock = NULL;
        struct stat st;

        *ret = (struct seen){ .index = index };
        (void) clock_gettime(CLOCK_REALTIME_COARSE, &ret->begun); /* the clock of a file's times */
        if (index && fstatat(repo->dir_fd, "index", &st, 0) == 0)
                ret->index_time = st.st_mtim;
        if (!repo->state)
                return git_index_new(&ret->files);
        if (asprintf(&file, "%s/seen", repo->state) < 0 || asprintf(&lock, "%s.lock", file) < 0)
                return -1;
        (void) unlink(lock); /* a killed run left it, since we hold the repository's lock */
        if (git_index_open(&ret->files, file) < 0)
                return -1;
        return git_index_read(ret->files, true) < 0 ? git_index_clear(ret->files) : 0;
}

void seen_close(struct seen *s) {
        if (s->files)
                (void) git_index_write(s->files); /* fails if it has no file */
        git_index_free(s->files);
}
