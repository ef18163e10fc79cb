/* Stores that cannot be written: archives, other people's, and those on a full disk. */
#include <errno.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <stdlib.h>
#include <string.h>

#include "store/internal.h"

/* 0: it can be written; else an errno that says why not. */
static int refusal(const struct store *s) {
    struct statvfs fs;
    char *folder = layout_path(s, "leases", "");
    int errnum = access(folder, W_OK | X_OK) < 0 ? errno : 0;
    if (errnum == 0 && statvfs(folder, &fs) == 0 && fs.f_bavail == 0)
        errnum = ENOSPC;
    free(folder);
    return errnum;
}

bool read_only_since(struct store *s, int rc) {
    int errnum = s->read_only || rc == 0 ? 0 : refusal(s);
    if (errnum) {
        s->read_only = true;
        notice(s, "%s: cannot be written (%s); known results are used, and this run leaves no trace in it",
               s->directory, strerror(errnum));
    }
    return s->read_only;
}

int read_only_refuse(const struct store *s, struct error *err) {
    if (!s->read_only)
        return 0;
    return error_set(err, ERR_IO, "%s: cannot be written, so nothing new can be kept; --store names another store",
                     s->directory);
}
