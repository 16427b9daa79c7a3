/* A file that is kept up to date; see kept_file.h. */
#include "lib/kept_file.h"

#include <errno.h>

#include "lib/file.h"
#include "lib/file_writer.h"
#include "lib/log.h"

static int write_or_remove(const char *path, const char *text) {
        if (text)
                return write_file_quick(path, text, 0644);
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

void kept_file_write(struct kept_file *f, const char *text) {
        int r = f->in_memory
                ? write_or_remove(f->path, text)
                : write_file_aside(&f->writer, f->path, text, f->secret ? 0600 : 0644, f->durable);
        const char *more = r == -EROFS || r == -EACCES || r == -EPERM ? f->advice : NULL;

        if (r < 0 && !f->unwritten)
                log_error("%s cannot be written: %s.%s%s%s%s", f->path, writer_error(r), more ? " " : "",
                        more ? more : "", f->meaning ? " " : "", f->meaning ? f->meaning : "");
        else if (r >= 0 && f->unwritten)
                log_notice("%s can be written again.", f->path);
        f->unwritten = r < 0;
}
