#include "stages/attempt_leader.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/buffer.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "kernels/blas_coretype.h"

struct strings {
    char **items;
    size_t count, capacity;
};

static void strings_add(struct strings *s, char *text) {
    mem_grow(s->items, &s->capacity, s->count + 1);
    s->items[s->count++] = text;
}

void leader_strings_free(char **strings) {
    if (!strings)
        return;
    for (size_t i = 0; strings[i]; i++)
        free(strings[i]);
    free(strings);
}

/* Sets a variable; a later value replaces an earlier one, so that no name stands twice. */
static void environment_set(struct strings *s, const char *name, const char *value) {
    size_t length = strlen(name);
    char *entry = mem_printf("%s=%s", name, value);
    for (size_t i = 0; i < s->count; i++) {
        if (strncmp(s->items[i], name, length) == 0 && s->items[i][length] == '=') {
            free(s->items[i]);
            s->items[i] = entry;
            return;
        }
    }
    strings_add(s, entry);
}

static void set_base(struct strings *s, const cJSON *attempt) {
    const char *directory = json_text(attempt, "directory", "");
    char *temporary = mem_printf("%s/.tmp", directory);
    char *home = mem_printf("%s/.home", directory);
    environment_set(s, "PATH", json_text(attempt, "path", ""));
    environment_set(s, "HOME", home);
    environment_set(s, "TMPDIR", temporary);
    environment_set(s, "LC_ALL", "C.UTF-8");
    environment_set(s, "TZ", "UTC");
    free(temporary);
    free(home);
}

/* A command's libraries get as many threads as it has cpus. A kind uses BLAS with one thread and threads of its own. */
static void set_threads(struct strings *s, const cJSON *attempt) {
    static const char *const limits[] = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
                                         "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS"};
    if (cJSON_HasObjectItem(attempt, "kind")) {
        const char *core = kernels_blas_coretype();
        environment_set(s, "OPENBLAS_NUM_THREADS", "1");
        if (core)
            environment_set(s, "OPENBLAS_CORETYPE", core);
        return;
    }
    char cpus[32];
    snprintf(cpus, sizeof cpus, "%d", (int)json_double(attempt, "cpus", 1));
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        environment_set(s, limits[i], cpus);
}

static void set_declared(struct strings *s, const cJSON *attempt) {
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(attempt, "env")) {
        if (cJSON_IsString(item))
            environment_set(s, item->string, item->valuestring);
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(attempt, "pass_env")) {
        const char *value = cJSON_IsString(item) ? getenv(item->valuestring) : NULL;
        if (value)
            environment_set(s, item->valuestring, value);
    }
}

static void set_protocol(struct strings *s, const cJSON *attempt) {
    const char *checkpoint = json_text(attempt, "checkpoint", NULL);
    const char *spec = json_text(attempt, "spec", NULL);
    int events = (int)json_double(attempt, "events_fd", -1);
    if (spec)
        environment_set(s, "RETORT_SPEC", spec);
    if (checkpoint)
        environment_set(s, "RETORT_CHECKPOINT", checkpoint);
    if (events >= 0) {
        char number[16];
        snprintf(number, sizeof number, "%d", events);
        environment_set(s, "RETORT_EVENTS_FD", number);
    }
}

char **leader_environment(const cJSON *attempt) {
    struct strings s = {0};
    set_base(&s, attempt);
    set_threads(&s, attempt);
    set_declared(&s, attempt);
    set_protocol(&s, attempt);
    strings_add(&s, NULL);
    return s.items;
}

char **leader_arguments(const cJSON *attempt) {
    struct strings s = {0};
    if (cJSON_HasObjectItem(attempt, "kind")) {
        strings_add(&s, mem_strdup("retort-stage"));
        strings_add(&s, mem_strdup("kind"));
        strings_add(&s, mem_strdup(json_text(attempt, "spec", "")));
    } else {
        const cJSON *item;
        cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(attempt, "argv")) {
            strings_add(&s, mem_strdup(cJSON_IsString(item) ? item->valuestring : ""));
        }
    }
    strings_add(&s, NULL);
    return s.items;
}

/* Where the program stands: itself when it holds a slash (below the working directory), else the first executable of
   that name on `path`. NULL when there is none. The caller frees. */
static char *find_program(const char *name, const char *path) {
    return strchr(name, '/') ? mem_strdup(name) : path_find_program(name, path);
}

/* Behind fork: only async-signal-safe calls. The system call itself, because the C library refuses to touch the two
   signals that it keeps for its threads, and whoever started the engine may have left them ignored. */
static void reset_signals(void) {
    const unsigned long standard[4] = {0}; /* the kernel's sigaction: SIG_DFL, no flags, no restorer, empty mask */
    for (int number = 1; number < NSIG; number++)
        syscall(SYS_rt_sigaction, number, standard, NULL, sizeof(unsigned long));
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool set_descriptors(const struct leader *l, int null_fd, int *report_fd) {
    /* All that matters is moved out of the way first: any of them may stand on 0, 1 or 2. */
    int high = l->events_fd > 2 ? l->events_fd + 1 : 3;
    int in = fcntl(null_fd, F_DUPFD, high), out = fcntl(l->stdout_fd, F_DUPFD, high);
    int error = fcntl(l->stderr_fd, F_DUPFD, high), report = fcntl(*report_fd, F_DUPFD_CLOEXEC, high);
    if (in < 0 || out < 0 || error < 0 || report < 0)
        return false;
    *report_fd = report;
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(error, 2) < 0)
        return false;
    if (l->events_fd >= 0 && fcntl(l->events_fd, F_SETFD, 0) < 0)
        return false;
    for (int fd = 3; fd < high; fd++)
        if (fd != l->events_fd)
            close(fd);
    /* `report` closes itself when the exec succeeds. */
    if (report > high)
        close_range((unsigned)high, (unsigned)report - 1, 0);
    return close_range((unsigned)report + 1, ~0U, 0) == 0;
}

static void become_leader(const struct leader *l, const char *program, pid_t keeper, int null_fd, int report_fd) {
    setpgid(0, 0);
    umask(022);
    int rc = prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != keeper)
        _exit(127);
    reset_signals();
    if (rc == 0 && set_descriptors(l, null_fd, &report_fd) && chdir(l->directory) == 0)
        execve(program, l->argv, l->environment);
    int errnum = errno;
    ssize_t written = write(report_fd, &errnum, sizeof errnum);
    (void)written;
    _exit(127);
}

/* Waits for the exec: the pipe closes without a byte when it succeeded. */
static int exec_result(int report_fd) {
    int errnum = 0;
    ssize_t got;
    do
        got = read(report_fd, &errnum, sizeof errnum);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof errnum ? errnum : 0;
}

int leader_start(pid_t *pid, const struct leader *l, struct error *err) {
    int pipe_fds[2] = {-1, -1};
    int null_fd = -1;
    int rc = 0;
    if (!l->argv[0])
        return error_set(err, ERR_INVALID, "there is no program to start");
    char *program = l->program ? mem_strdup(l->program) : find_program(l->argv[0], l->path);
    if (!program) {
        rc = error_set(err, ERR_NOT_FOUND, "%s: no such program on the PATH of stages (%s)", l->argv[0], l->path);
        goto out;
    }
    null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null_fd < 0 || pipe2(pipe_fds, O_CLOEXEC) < 0) {
        rc = error_errno(err, errno, "%s: cannot be started", l->argv[0]);
        goto out;
    }
    pid_t keeper = getpid();
    pid_t child = fork();
    if (child == 0)
        become_leader(l, program, keeper, null_fd, pipe_fds[1]);
    if (child < 0) {
        rc = error_errno(err, errno, "%s: cannot be started", l->argv[0]);
        goto out;
    }
    setpgid(child, child); /* both sides set it: whoever comes first */
    close(pipe_fds[1]);
    pipe_fds[1] = -1;
    int errnum = exec_result(pipe_fds[0]);
    if (errnum) {
        waitpid(child, NULL, 0);
        rc = error_errno(err, errnum, "%s: cannot be executed", program);
    } else {
        *pid = child;
    }
out:
    for (int i = 0; i < 2; i++)
        if (pipe_fds[i] >= 0)
            close(pipe_fds[i]);
    if (null_fd >= 0)
        close(null_fd);
    free(program);
    return rc;
}
