/* The platform of retort-stage, which equal bytes depend on. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/lookup/facts.h"

enum { PLATFORM_LIMIT = 256 };

static int read_all(int fd, struct buffer *out) {
    char bytes[PLATFORM_LIMIT];
    ssize_t got;
    while ((got = read(fd, bytes, sizeof bytes)) != 0) {
        if (got < 0 && errno != EINTR)
            return -1;
        if (got > 0)
            buffer_append(out, bytes, (size_t)got);
    }
    return 0;
}

/* Starts the program. `*answer`: the pipe that it prints to. */
static int start_program(const char *program, pid_t *pid, int *answer, struct error *err) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return error_errno(err, errno, "%s cannot be started", program);
    /* The empty environment of a stage, so that the program chooses as a stage does. */
    char *argv[] = {mem_strdup(program), mem_strdup("platform"), NULL}, *environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
    int failed = posix_spawn(pid, program, &actions, NULL, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    close(fds[1]);
    *answer = fds[0];
    if (failed)
        close(fds[0]);
    free(argv[0]);
    free(argv[1]);
    return failed ? error_errno(err, failed, "%s cannot be started", program) : 0;
}

static int end_program(pid_t pid, int answer) {
    int status = 0;
    close(answer);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}

/* Reads the one line that the program prints. */
static int read_line(struct facts *f, struct error *err) {
    struct buffer answer = {0};
    int failed = read_all(f->platform_fd, &answer) < 0 ? errno : 0;
    int status = end_program(f->platform_pid, f->platform_fd);
    size_t length = strcspn(buffer_text(&answer), "\n");
    int rc = 0;
    f->platform_pid = 0;
    if (failed)
        rc = error_errno(err, failed, "%s platform: cannot be read", f->stage_program);
    else if (status != 0 || length == 0 || length > PLATFORM_LIMIT || answer.size != length + 1)
        rc = error_set(err, ERR_IO, "%s platform: does not tell its platform in one line", f->stage_program);
    else
        f->platform = mem_strndup(buffer_text(&answer), length);
    buffer_close(&answer);
    return rc;
}

/* Each engine asks anew. Another C library or BLAS may replace the last one without a change to the program. Two
   containers may share a boot and a store. */
int facts_ask_platform(struct facts *f, struct error *err) {
    return f->platform || f->platform_pid > 0 ? 0
                                              : start_program(f->stage_program, &f->platform_pid, &f->platform_fd, err);
}

int facts_platform(struct facts *f, char **out, struct error *err) {
    int rc = facts_ask_platform(f, err);
    if (rc == 0 && !f->platform)
        rc = read_line(f, err);
    if (rc == 0)
        *out = mem_strdup(f->platform);
    return rc;
}

void facts_drop_platform(struct facts *f) {
    if (f->platform_pid > 0)
        end_program(f->platform_pid, f->platform_fd);
    free(f->platform);
}
