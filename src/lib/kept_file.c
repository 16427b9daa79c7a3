/* A file that is kept up to date; see kept_file.h. */
#include "lib/kept_file.h"

#include <errno.h>

#include "lib/file.h"
#include "lib/file_writer.h"
#include "lib/log.h"

void kept_file_write(struct kept_file *f, const char *text) {
        mode_t mode = f->secret ? 0600 : 0644;
        int r = f->in_memory ? replace_file(f->path, text, mode, f->durable)
                             : write_file_aside(&f->writer, f->path, text, mode, f->durable);
        const char *more = r == -EROFS || r == -EACCES || r == -EPERM ? f->advice : NULL;

        if (r < 0 && !f->unwritten)
                log_error("%s cannot be written: %s.%s%s%s%s", f->path, writer_error(r), more ? " " : "",
                        more ? more : "", f->meaning ? " " : "", f->meaning ? f->meaning : "");
        else if (r >= 0 && f->unwritten)
                log_notice("%s can be written again.", f->path);
        f->unwritten = r < 0;
}
