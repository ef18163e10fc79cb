/* How an attempt ended: the keeper's result, the logs, and why it failed. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/attempt/attempt.h"
#include "engine/attempt/missing.h"
#include "engine/attempt/stamp.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/base/printable.h"

enum { TAIL_LINES = 10, TAIL_BYTES = 8192, LITTLE_SPACE = 1 << 20 };

void outcome_close(struct outcome *o) {
    free(o->reason);
    free(o->detail);
    free(o->outs);
    attempt_result_close(&o->result);
    cJSON_Delete(o->metrics);
    *o = (struct outcome){0};
}

/* ---- how it ended ---- */

/* A stage that ran out of space may be unable to say so, since its logs are on the same file system. Another stage may
   have freed space meanwhile. So the message of a failure also says when little is left. */
static int check_space(struct attempt *a, struct buffer *why, struct error *err) {
    struct statvfs fs;
    if (fstatvfs(a->directory->root_fd, &fs) < 0)
        return 0;
    if (fs.f_bavail == 0 || (fs.f_favail == 0 && fs.f_files > 0))
        return error_set(err, ERR_IO, "%s: no space left on its file system (%s)", a->directory->root,
                         buffer_text(why));
    uint64_t left = (uint64_t)fs.f_bavail * fs.f_frsize;
    a->outcome.short_of_space = left < LITTLE_SPACE;
    if (a->outcome.short_of_space)
        buffer_printf(why, "; %" PRIu64 " KiB are left on its file system", left / 1024);
    return 0;
}

static void describe_memory(struct buffer *text, const struct attempt_memory *m) {
    const double mib = 1 << 20;
    buffer_printf(text, "killed for its memory: peak %.0f MiB of %.0f MiB declared", m->peak_bytes / mib,
                  m->limit_bytes / mib);
    if (m->in_cgroup)
        buffer_puts(text, " (held by a cgroup)");
    else
        buffer_printf(text, ", %.0f MiB over (watched)", (m->peak_bytes - m->limit_bytes) / mib);
}

/* Says why it did not end with exit 0; nothing when it did. */
static void describe_end(struct buffer *text, const struct outcome *o) {
    const struct attempt_result *r = &o->result;
    if (!o->has_result && WIFSIGNALED(o->keeper_status))
        buffer_printf(text, "its keeper was killed by signal %d (%s)", WTERMSIG(o->keeper_status),
                      strsignal(WTERMSIG(o->keeper_status)));
    else if (!o->has_result)
        buffer_printf(text, "its keeper left no result (exit status %d)", WEXITSTATUS(o->keeper_status));
    else if (r->error)
        buffer_puts(text, r->error);
    else if (r->memory.exceeded)
        describe_memory(text, &r->memory);
    else if (r->signal)
        buffer_printf(text, "killed by signal %d (%s)", r->signal, strsignal(r->signal));
    else if (r->exit != 0)
        buffer_printf(text, "exit status %d", r->exit);
}

/* ---- logs ---- */

/* A stage may have put something else in the place of its log: a pipe would block, a link lead elsewhere. */
static int open_log(const char *path, struct stat *st) {
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, st) < 0 || !S_ISREG(st->st_mode))) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    return fd;
}

/* The keeper keeps no empty log. */
static void read_log(struct log *log, const char *path, double size) {
    struct stat st;
    int fd = open_log(path, &st);
    if (fd >= 0) {
        log->known = sha256_open_file(&log->digest, &log->size, fd, path, NULL) == 0;
        close(fd);
    } else if (size == 0) {
        sha256_bytes(&log->digest, "", 0);
        log->known = true;
    }
}

/* Does the work of a keeper that was killed. */
static void keep_log(const char *path, const char *kept) {
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
        rename(path, kept);
}

/* Returns the place at which the last lines of a text begin. */
static size_t last_lines(const char *text, size_t length) {
    size_t start = length;
    for (int lines = 0; start > 0; start--)
        if (text[start - 1] == '\n' && ++lines == TAIL_LINES)
            break;
    return start;
}

/* The last lines of a log, each indented. */
static void append_tail(struct buffer *text, const char *path) {
    char bytes[TAIL_BYTES];
    struct stat st;
    int fd = open_log(path, &st);
    if (fd < 0)
        return;
    ssize_t got = pread(fd, bytes, sizeof bytes, st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0);
    close(fd);
    size_t length = got > 0 ? (size_t)got : 0;
    while (length > 0 && bytes[length - 1] == '\n')
        length--;
    size_t start = last_lines(bytes, length);
    while (start < length) {
        const char *line = bytes + start, *newline = memchr(line, '\n', length - start);
        size_t size = newline ? (size_t)(newline - line) : length - start;
        buffer_puts(text, "\n  ");
        printable_append(text, line, size);
        start += size + 1;
    }
}

static void describe_failure(struct attempt *a, const char *why) {
    struct outcome *o = &a->outcome;
    struct buffer text = {0}, tail = {0};
    const char *log = o->stderr_log.size > 0 ? a->stderr_log : a->stdout_log;
    bool spoke = o->stderr_log.size > 0 || o->stdout_log.size > 0;
    buffer_puts(&text, why);
    if (spoke)
        buffer_printf(&text, " (log: %s)", log);
    append_tail(&tail, log);
    if (spoke && !a->instance->action->kind)
        missing_explain(&text, a, buffer_text(&tail));
    o->reason = mem_strdup(buffer_text(&text));
    buffer_append(&text, tail.data, tail.size);
    o->detail = buffer_detach(&text);
    buffer_close(&tail);
}

/* ---- all ---- */

/* 0: the outs are taken, or `why` says how the stage failed. */
static int collect(struct attempt *a, struct buffer *why, struct error *err) {
    describe_end(why, &a->outcome);
    int rc = inputs_check_watched(a, err);
    if (why->size > 0) /* damage is set aside even when the stage failed; the failure is what is told */
        return check_space(a, why, err);
    return rc == 0 ? attempt_store_outs(a, err) : rc;
}

int attempt_collect(struct attempt *a, struct error *err) {
    struct buffer why = {0};
    struct digest stamp;
    struct error fault = {0};
    struct outcome *o = &a->outcome;
    if (!o->has_result) {
        keep_log(a->directory->stdout_log, a->stdout_log);
        keep_log(a->directory->stderr_log, a->stderr_log);
    }
    read_log(&o->stdout_log, a->stdout_log, o->result.stdout_bytes);
    read_log(&o->stderr_log, a->stderr_log, o->result.stderr_bytes);
    int rc = collect(a, &why, &fault);
    if (rc < 0) {
        buffer_clear(&why);
        buffer_puts(&why, fault.message);
    }
    o->finished = rc == 0 && why.size == 0;
    if (!o->finished)
        describe_failure(a, buffer_text(&why));
    if (a->checkpoint && stamp_read(&stamp, a->checkpoint) > 0)
        o->checkpoint_stuck = digest_equal(&stamp, &a->checkpoint_stamp);
    buffer_close(&why);
    return rc == ERR_IO ? error_set(err, ERR_IO, "%s", fault.message) : 0;
}
