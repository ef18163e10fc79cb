#include "stages/keeper/log_limit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_ROOM = 128, PIECE = 64 * 1024 };

/* False where the log is not too long. */
static bool find_middle(off_t *from, off_t *to, int fd, double limit_bytes) {
    struct stat st;
    if (limit_bytes <= 0 || fstat(fd, &st) < 0 || (double)st.st_size <= limit_bytes + LINE_ROOM)
        return false;
    *from = (off_t)(limit_bytes / 2);
    *to = st.st_size - *from;
    return true;
}

void log_free_middle(int fd, double limit_bytes) {
    off_t from, to;
    if (find_middle(&from, &to, fd, limit_bytes))
        fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, to - from);
}

/* Moves the end of the file to `to`, and cuts off what is behind it. */
static void move_end(int fd, off_t from, off_t to) {
    char bytes[PIECE];
    for (ssize_t got; (got = pread(fd, bytes, sizeof bytes, from)) > 0; from += got) {
        if (pwrite(fd, bytes, (size_t)got, to) != got)
            return;
        to += got;
    }
    (void)!ftruncate(fd, to);
}

void log_shorten(int fd, double limit_bytes) {
    off_t from, to;
    char path[32], line[LINE_ROOM];
    if (!find_middle(&from, &to, fd, limit_bytes))
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, O_RDWR | O_CLOEXEC); /* `fd` appends, and cannot be read */
    int length = snprintf(line, sizeof line,
                          "\n[retort: %" PRIdMAX " bytes are left out here; run --max-log sets how many stay]\n",
                          (intmax_t)(to - from));
    if (own >= 0 && pwrite(own, line, (size_t)length, from) == length)
        move_end(own, to, from + length);
    if (own >= 0)
        close(own);
}
