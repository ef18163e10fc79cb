#include "stages/keeper/leader.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"

enum { STACK_SIZE = 64 * 1024, SIGNALS = 65 };

/* The child's arguments. It runs on the caller's memory until it executes the program, as with vfork. */
struct start {
    const struct attempt_request *request;
    const char *program;
    pid_t keeper;
    const struct leader_options *options;
    struct isolation_view *view;
    int failure;             /* an errno; 0: the program runs */
    const char *not_covered; /* the path at which isolation failed; NULL: it did not */
    const struct sandbox_filter *filter;
    const char *not_held; /* the part of the sandbox that could not be made; NULL: none */
};

static bool ignored[SIGNALS];

/* As the kernel takes it: handler, flags, restorer, mask. */
struct kernel_sigaction {
    unsigned long handler, flags, restorer, mask;
};

/* Uses the system call: the C library refuses the two signals that it keeps for its threads. The program that
   started the engine may have left them ignored. */
void leader_note_signals(void) {
    for (int number = 1; number < SIGNALS; number++) {
        struct kernel_sigaction now = {0};
        long rc = syscall(SYS_rt_sigaction, number, NULL, &now, sizeof now.mask);
        ignored[number] = rc == 0 && now.handler == (unsigned long)SIG_IGN;
    }
}

static void reset_signals(void) {
    static const struct kernel_sigaction standard; /* SIG_DFL, no flags, empty mask */
    for (int number = 1; number < SIGNALS; number++)
        if (ignored[number])
            syscall(SYS_rt_sigaction, number, &standard, NULL, sizeof standard.mask);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The keeper's own descriptors stand above ATTEMPT_EVENTS_FD: none of them is overwritten before it was copied. */
static bool set_descriptors(const struct start *s) {
    return dup2(s->options->null_fd, 0) >= 0 && dup2(s->options->log_fds[0], 1) >= 0 &&
           dup2(s->options->log_fds[1], 2) >= 0 && fcntl(ATTEMPT_EVENTS_FD, F_SETFD, 0) >= 0 &&
           close_range(ATTEMPT_EVENTS_FD + 1, ~0U, 0) == 0;
}

static bool enter_group(int fd) {
    return fd < 0 || write(fd, "0", 1) == 1;
}

/* The logs are open as stdout and stderr. */
static bool restrict_rights(struct start *s) {
    static const int logs[] = {STDOUT_FILENO, STDERR_FILENO};
    const struct sandbox *sandbox = &s->request->sandbox;
    if (!sandbox->read)
        return true;
    s->failure = sandbox->means.namespaces ? 0 : sandbox_drop(&s->not_held);
    if (s->failure == 0)
        s->failure = sandbox_restrict(sandbox, s->filter, logs, &s->not_held);
    if (s->failure == 0)
        s->not_held = NULL;
    errno = s->failure;
    return s->failure == 0;
}

/* Only async-signal-safe calls. The sanitizers' bookkeeping of this stack would outlive the function, which never
   returns. */
__attribute__((no_sanitize("address", "thread", "undefined"))) static int become_leader(void *context) {
    struct start *s = context;
    if (s->request->sandbox.read)
        setsid(); /* no terminal */
    else
        setpgid(0, 0);
    umask(022);
    bool ready = prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == s->keeper;
    reset_signals();
    ready = ready && enter_group(s->options->group_fd);
    if (ready && s->request->isolation.covers) {
        s->failure = isolation_join(s->view, &s->request->isolation, &s->not_covered);
        if (s->failure)
            _exit(127);
        s->not_covered = NULL;
    }
    if (ready && set_descriptors(s) && chdir(s->request->directory) == 0 && restrict_rights(s))
        execve(s->program, s->request->argv, s->request->environment);
    s->failure = errno ? errno : ESRCH;
    _exit(127);
}

/* The PATH that the stage will have. */
static const char *stage_path(const struct attempt_request *r) {
    static const char name[] = "PATH=";
    for (char *const *variable = r->environment; *variable; variable++)
        if (strncmp(*variable, name, sizeof name - 1) == 0)
            return *variable + sizeof name - 1;
    return "";
}

/* The path of the program; a name with a slash is relative to the stage's directory. NULL: there is none. */
static char *find_program(const struct attempt_request *r) {
    if (r->program)
        return mem_strdup(r->program);
    return strchr(r->argv[0], '/') ? mem_strdup(r->argv[0])
                                   : path_find_program(r->argv[0], stage_path(r), r->directory);
}

static pid_t clone_leader(struct start *s) {
    static _Alignas(16) char stack[STACK_SIZE];
    return clone(become_leader, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, s);
}

/* A child that failed is a zombie, which the keeper reaps with the rest. */
static int start_here(pid_t *pid, struct start *s, struct error *err) {
    const struct isolation *isolation = &s->request->isolation;
    const char *what = NULL;
    if (isolation->covers)
        s->failure = isolation_view_for(&s->view, s->options->views, isolation, &what);
    s->not_covered = s->failure ? what : NULL;
    pid_t child = s->failure ? 0 : clone_leader(s);
    if (child < 0)
        return error_errno(err, errno, "%s: cannot be started", s->request->argv[0]);
    if (s->not_covered)
        return error_errno(err, s->failure,
                           "%s: cannot be isolated from the project (\"isolation\": false turns it off)",
                           s->not_covered);
    if (s->not_held)
        return error_errno(err, s->failure, "%s: the sandbox cannot be made", s->not_held);
    if (s->failure)
        return error_errno(err, s->failure, "%s: cannot be executed", s->program);
    *pid = child;
    return 0;
}

static pid_t start_in_init(void *context, const char **what) {
    struct start *s = context;
    s->keeper = getpid();
    pid_t child = clone_leader(s);
    *what = s->not_held ? s->not_held : s->program;
    errno = s->failure ? s->failure : errno;
    return s->failure ? -1 : child;
}

static int start_init(pid_t *pid, struct start *s, struct error *err) {
    const struct init_report *report = s->options->report;
    const struct init_options options = {.sandbox = &s->request->sandbox,
                                         .directory = s->request->directory,
                                         .report = s->options->report,
                                         .start = start_in_init,
                                         .context = s};
    pid_t child;
    int rc = init_start(&child, &options, err);
    if (rc < 0)
        return rc;
    if (report->failure)
        return error_errno(err, report->failure,
                           strcmp(report->what, s->program) == 0 ? "%s: cannot be executed in its sandbox"
                                                                 : "%s: the sandbox cannot be made",
                           report->what);
    *pid = child;
    return 0;
}

int leader_start(pid_t *pid, const struct attempt_request *r, const struct leader_options *options, struct error *err) {
    char *program = find_program(r);
    if (!program)
        return error_set(err, ERR_NOT_FOUND, "%s: no such program on the PATH of the stage (%s)", r->argv[0],
                         stage_path(r));
    struct start s = {.request = r, .program = program, .keeper = getpid(), .options = options};
    int rc = r->sandbox.read ? sandbox_filter(&s.filter, &r->sandbox, err) : 0;
    if (rc == 0)
        rc = r->sandbox.read && r->sandbox.means.namespaces ? start_init(pid, &s, err) : start_here(pid, &s, err);
    free(program);
    return rc;
}
