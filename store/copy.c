#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "store/internal.h"

enum { COPY_SIZE = 256 * 1024 };

int copy_bytes(int to, int from, struct sha256 *h, uint64_t *size, const atomic_bool *stop, const char *to_path,
               const char *from_path, struct error *err) {
    char *chunk = mem_scratch(COPY_SIZE);
    uint64_t total = 0;
    ssize_t got = 0;
    int rc = 0;
    while (rc == 0 && (got = read(from, chunk, COPY_SIZE)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            rc = error_errno(err, errno, "%s: cannot be read", from_path);
            break;
        }
        if (stop && atomic_load(stop)) {
            rc = error_set(err, ERR_INTERRUPTED, "%s: interrupted while it was copied", from_path);
            break;
        }
        if (h)
            sha256_update(h, chunk, (size_t)got);
        total += (uint64_t)got;
        rc = file_write_all(to, chunk, (size_t)got, to_path, err);
    }
    if (size)
        *size = total;
    free(chunk);
    return rc;
}

bool clone_file(struct store *s, int to, int from) {
    if (atomic_load(&s->no_reflink))
        return false;
    if (ioctl(to, FICLONE, from) == 0)
        return true;
    if (errno == EOPNOTSUPP || errno == ENOTTY || errno == ENOSYS)
        atomic_store(&s->no_reflink, true);
    return false;
}

/* Not every file system can rename without replacing. A hard link never replaces. */
int rename_new(int to_fd, const char *to, int from_fd, const char *from) {
    if (renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    return linkat(from_fd, from, to_fd, to, 0) < 0 ? -1 : unlinkat(from_fd, from, 0);
}
