#include "stages/keeper/log_limit.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"

enum { PIECE = 64 * 1024 };

/* False where the log is not too long. */
static bool find_middle(off_t *from, off_t *to, const struct stat *st, double limit_bytes) {
    if (limit_bytes <= 0 || (double)st->st_size <= limit_bytes + ATTEMPT_LOG_GAP_SIZE)
        return false;
    *from = (off_t)(limit_bytes / 2);
    *to = st->st_size - *from;
    return true;
}

/* Whole blocks only: parts of a block would be filled with NULs, which a reader cannot tell from the stage's. */
void log_free_middle(int fd, const struct attempt_log *log, double limit_bytes) {
    off_t from, to;
    struct stat st;
    (void)log;
    if (fstat(fd, &st) < 0 || !find_middle(&from, &to, &st, limit_bytes))
        return;
    off_t block = st.st_blksize > 0 ? st.st_blksize : 1;
    from = (from + block - 1) / block * block;
    to = to / block * block;
    if (from < to)
        fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, to - from);
}

static bool copy_bytes(int out, int in, off_t from, off_t to) {
    char bytes[PIECE];
    while (from < to) {
        size_t wanted = to - from < PIECE ? (size_t)(to - from) : PIECE;
        ssize_t got = pread(in, bytes, wanted, from);
        if (got <= 0 || file_write_all(out, bytes, (size_t)got, "", NULL) < 0)
            return false;
        from += got;
    }
    return true;
}

static bool copy_ends(int out, int in, off_t from, off_t to, off_t end) {
    char gap[ATTEMPT_LOG_GAP_SIZE];
    size_t length = attempt_log_gap(gap, (uintmax_t)(to - from));
    return copy_bytes(out, in, 0, from) && file_write_all(out, gap, length, "", NULL) == 0 &&
           copy_bytes(out, in, to, end);
}

/* Opens the log to read it: `fd` appends only. */
static int open_again(int fd) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

void log_shorten(int fd, const struct attempt_log *log, double limit_bytes) {
    off_t from, to;
    struct stat st;
    if (fstat(fd, &st) < 0 || !find_middle(&from, &to, &st, limit_bytes))
        return;
    char *path = path_temporary(log->path, "short");
    unlink(path);
    int in = open_again(fd), out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    bool copied = in >= 0 && out >= 0 && copy_ends(out, in, from, to, st.st_size);
    if (!copied || rename(path, log->path) < 0)
        unlink(path);
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    free(path);
}
