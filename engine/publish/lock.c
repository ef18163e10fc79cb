/*
 * One publisher at a time: results/.<pipeline>.lock, beside the folder, which may be moved away, and a file, because a lock
 * on a directory says nothing to the other machines of a network file system. The kernel drops it with its holder.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/publish/publish.h"
#include "engine/run/internal.h"

enum { ASK_AGAIN_MS = 50 };

static int count(void *context, const char *name, const struct result_item *item, struct error *err) {
    size_t *done = context;
    (void)name, (void)item, (void)err;
    ++*done;
    return 0;
}

static bool may_not_write(int refusal) {
    return refusal == EACCES || refusal == EPERM || refusal == EROFS;
}

static bool has_no_locks(int refusal) {
    return refusal == ENOLCK || refusal == EOPNOTSUPP || refusal == ENOSYS || refusal == EINVAL;
}

/* Another engine has it. */
static int wait_for(struct run *r, bool *told, struct error *err) {
    const char *results = r->options->results, *name = r->pipeline->name;
    if (!*told) {
        char *note =
            mem_printf("another engine publishes into %s/%s: this one waits until that has ended", results, name);
        run_note(r, NULL, note);
        free(note);
    }
    *told = true;
    nanosleep(&(struct timespec){.tv_nsec = ASK_AGAIN_MS * 1000000L}, NULL);
    if (!run_is_interrupted(r))
        return 0;
    return error_set(err, ERR_INTERRUPTED,
                     "interrupted while another engine publishes into %s/%s: everything finished so far is kept, run "
                     "again to publish it",
                     results, name);
}

/* 1: the file system has no locks. */
static int lock_file(int fd, struct run *r, const char *path, struct error *err) {
    int rc = 0;
    bool told = false;
    while (rc == 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (has_no_locks(errno))
            return 1;
        if (errno == EWOULDBLOCK)
            rc = wait_for(r, &told, err);
        else if (errno != EINTR)
            rc = error_errno(err, errno, "%s: cannot be locked", path);
    }
    return rc;
}

int run_lock_results(int *lock, struct run *r, struct error *err) {
    size_t done = 0;
    *lock = -1;
    int rc = results_each(r->plan, r->pipeline, count, &done, err);
    if (rc == 0 && done > 0)
        rc = file_make_directory(r->options->results, err);
    if (rc < 0 || done == 0)
        return rc;
    char *path = mem_printf("%s/.%s.lock", r->options->results, r->pipeline->name);
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd >= 0)
        rc = lock_file(fd, r, path, err);
    else if (!may_not_write(errno))
        rc = error_errno(err, errno, "%s: cannot be opened", path);
    if (fd >= 0 && rc != 0)
        close(fd);
    else
        *lock = fd;
    free(path);
    return rc < 0 ? rc : 0;
}
