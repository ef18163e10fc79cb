/*
 * One publisher at a time: a lock on results/.<pipeline>.lock. It is a file, because a lock on a folder does not reach
 * the other machines of a network file system. It stands beside the folder, because a user may move the folder away.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/publish/internal.h"

enum { RETRY_MS = 50 };

int publish_check_interrupt(const struct publishing *how, struct error *err) {
    if (!how->is_interrupted(how->context))
        return 0;
    return error_set(err, ERR_INTERRUPTED,
                     "interrupted before results are published into %s/%s: everything finished so far is kept, run "
                     "again to publish it",
                     how->directory, how->pipeline->name);
}

static bool has_no_locks(int refusal) {
    return refusal == ENOLCK || refusal == EOPNOTSUPP || refusal == ENOSYS || refusal == EINVAL;
}

/* Another engine has the lock. */
static int wait_for_it(const struct publishing *how, bool *told, struct error *err) {
    if (!*told) {
        char *note = mem_printf("another engine publishes into %s/%s: this one waits until that has ended",
                                how->directory, how->pipeline->name);
        how->note(how->context, note);
        free(note);
    }
    *told = true;
    nanosleep(&(struct timespec){.tv_nsec = RETRY_MS * 1000000L}, NULL);
    return publish_check_interrupt(how, err);
}

static int lock_file(int fd, const struct publishing *how, const char *path, struct error *err) {
    bool told = false;
    int rc = 0;
    while (rc == 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (has_no_locks(errno))
            return 0;
        if (errno == EWOULDBLOCK)
            rc = wait_for_it(how, &told, err);
        else if (errno != EINTR)
            rc = error_errno(err, errno, "%s: cannot be locked", path);
    }
    return rc;
}

int publish_lock(int *lock, const struct publishing *how, struct error *err) {
    char *path = mem_printf("%s/.%s.lock", how->directory, how->pipeline->name);
    int rc = target_folder(path, err);
    *lock = -1;
    if (rc == 0)
        rc = file_make_directory(how->directory, err);
    if (rc < 0)
        goto out;
    rc = 0;
    *lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    if (*lock >= 0)
        rc = lock_file(*lock, how, path, err);
    else if (errno != EACCES && errno != EPERM && errno != EROFS)
        rc = error_errno(err, errno, "%s: cannot be opened", path);
out:
    free(path);
    return rc;
}
