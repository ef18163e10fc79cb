/* A shell where a stage would run: its directory, its inputs, its environment. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/attempt/attempt.h"
#include "engine/attempt/fetch.h"
#include "engine/base/memory.h"
#include "engine/base/printable.h"
#include "engine/command/states.h"
#include "engine/command/trusted.h"
#include "engine/run/event_loop.h"

enum { NOT_FOUND_STATUS = 127 };

/* ---- the stage ---- */

struct named {
    const struct instance *instance;
    size_t count;
};

static void keep_named(void *context, const struct project *p, const struct instance *i) {
    struct named *n = context;
    (void)p;
    n->instance = i;
    n->count++;
}

/* The one instance that the user names, with all of its inputs there. */
static int find_instance(struct instance **out, const struct project *p, const char *name, struct error *err) {
    struct named n = {0};
    size_t count;
    state_each_named(p, keep_named, &n);
    if (n.count != 1)
        return error_set(err, ERR_USAGE, "shell: %s names %zu instances; name one: retort plan lists them", name,
                         n.count);
    if (n.instance->decl->type == STAGE_SELECT)
        return error_set(err, ERR_USAGE, "shell: %s is a select, which runs nothing", name);
    if (!n.instance->keyed)
        return error_set(err, ERR_NOT_FOUND, "shell: %s waits for results still to come: retort run %s first", name,
                         p->pipeline->path);
    struct instance *const *all = plan_instances(p->plan, &count);
    for (size_t i = 0; i < count; i++)
        if (all[i] == n.instance)
            *out = all[i];
    return 0;
}

/* ---- the shell ---- */

static void introduce(const struct attempt *a) {
    struct buffer text = {0};
    printable_append_line(&text, instance_name(a->instance));
    buffer_printf(&text, " in %s; the directory goes when the shell ends. The stage's command:\n ",
                  a->directory->stage);
    for (char *const *word = a->argv; *word; word++) {
        buffer_putc(&text, ' ');
        printable_append_word(&text, *word);
    }
    fprintf(stderr, "%s\n", buffer_text(&text));
    buffer_close(&text);
}

/* Enters the view that the stage would have. 0, or an errno, and what failed. */
static int isolate(const struct attempt *a, const char **what) {
    const struct isolation_identity identity = isolation_identity();
    if (!a->isolation.covers)
        return 0;
    return unshare(isolation_flags()) < 0 ? errno : isolation_enter(&a->isolation, &identity, what);
}

/* The caller becomes the first process of the namespaces; another one waits for it. */
static int divide(int flags) {
    int status = 0;
    pid_t first = unshare(flags) == 0 ? fork() : -1;
    if (first > 0) {
        while (waitpid(first, &status, 0) < 0 && errno == EINTR)
            ;
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
    return first < 0 ? errno : 0;
}

/* Gives the sandbox's root. 0, or an errno, and what failed. */
static int confine(const struct attempt *a, const char **what) {
    const struct isolation_identity identity = isolation_identity();
    if (!a->sandbox.means.namespaces)
        return sandbox_drop(what);
    int failure = divide(sandbox_flags(&a->sandbox));
    return failure ? failure : sandbox_enter(&a->sandbox, &identity, a->directory->stage, what);
}

static bool restrict_rights(const struct attempt *a, const struct sandbox_filter *filter, const char **what) {
    static const int terminals[] = {STDOUT_FILENO, STDERR_FILENO};
    errno = a->sandboxed ? sandbox_restrict(&a->sandbox, filter, terminals, what) : 0;
    return errno == 0;
}

static _Noreturn void become_shell(const struct attempt *a, const char *shell, const struct sandbox_filter *filter) {
    int events = open("/dev/null", O_WRONLY | O_CLOEXEC);
    umask(022);
    char *const words[] = {mem_strdup(shell), NULL};
    const char *what = shell;
    errno = a->sandboxed ? confine(a, &what) : isolate(a, &what);
    if (errno == 0 && events >= 0 && dup2(events, ATTEMPT_EVENTS_FD) >= 0 && chdir(what = a->directory->stage) == 0 &&
        restrict_rights(a, filter, &what))
        execve(what = shell, words, a->environment);
    fprintf(stderr, "retort: %s: the shell cannot be started: %s\n", what, strerror(errno));
    _exit(NOT_FOUND_STATUS);
}

/* The user's signals are the shell's; this program waits. */
static int run_shell(const struct attempt *a, const struct sandbox_filter *filter, struct error *err) {
    const char *asked = getenv("SHELL");
    const char *shell = asked && *asked == '/' ? asked : "/bin/sh";
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child < 0)
        return error_errno(err, errno, "%s: cannot be started", shell);
    if (child == 0)
        become_shell(a, shell, filter);
    struct sigaction ignore = {.sa_handler = SIG_IGN}, interrupt, quit;
    sigaction(SIGINT, &ignore, &interrupt);
    sigaction(SIGQUIT, &ignore, &quit);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGQUIT, &quit, NULL);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return error_set(err, ERR_FAILED, "the shell ended with %s %d", WIFEXITED(status) ? "exit status" : "signal",
                     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

/* Ctrl-C ends it. */
static int fetch_inputs(struct attempts *attempts, struct instance *i, struct event_loop *loop, struct error *err) {
    while (attempts_fetch(attempts, i) && loop->signals_seen == 0)
        event_loop_wait(loop, UINT64_MAX);
    return loop->signals_seen > 0 ? error_set(err, ERR_INTERRUPTED, "interrupted before its inputs were fetched") : 0;
}

static int enter(struct attempts *attempts, struct instance *i, struct error *err) {
    char *id = mem_printf("%s-shell", attempts->name);
    struct attempt *a =
        attempt_create(attempts, &(struct attempt_options){.instance = i, .id = id, .number = 1, .only_look = true});
    const struct sandbox_filter *filter = NULL;
    int rc = attempt_enter(a, err);
    if (rc == 0 && a->sandboxed)
        rc = sandbox_filter(&filter, &a->sandbox, err);
    if (rc == 0) {
        introduce(a);
        rc = run_shell(a, filter, err);
    }
    attempt_remove(a);
    attempt_free(a);
    free(id);
    return rc;
}

static int open_shell(struct project *p, const struct arguments *a, struct gpus *gpus, struct error *err) {
    struct event_loop loop = {0};
    struct attempts attempts = {.work_fd = -1};
    struct instance *i = NULL;
    char *id = mem_printf("shell-%ld", (long)getpid());
    const struct attempts_options options = {.loop = &loop.uv,
                                             .store = p->store,
                                             .facts = p->facts,
                                             .gpus = gpus,
                                             .pipeline = p->pipeline,
                                             .platform = "",
                                             .name = id,
                                             .covers = project_covers(p, a),
                                             .no_sandbox = argument_given(a, "no-sandbox")};
    int rc = find_instance(&i, p, operand(a, 1), err);
    if (rc == 0)
        rc = event_loop_open(&loop, err);
    if (rc == 0) {
        rc = attempts_open(&attempts, &options, err);
        if (rc == 0)
            rc = fetch_inputs(&attempts, i, &loop, err);
        if (rc == 0)
            rc = enter(&attempts, i, err);
        attempts_close(&attempts);
        event_loop_close(&loop);
        attempts_free(&attempts);
        event_loop_free(&loop);
    }
    free(id);
    return rc;
}

static int run(const struct arguments *a, struct error *err) {
    struct project p;
    struct gpus *gpus = NULL;
    struct scheduler_limits limits;
    int code = project_open(&p, a, PROJECT_STORE_CREATE, err);
    if (code == 0)
        code = trusted_require(&p, false, err);
    if (code == 0) {
        store_hold(p.store);
        code = project_plan(&p, err);
    }
    if (code == 0)
        code = project_gpus(&gpus, &limits, &p, a, err);
    if (code == 0)
        code = open_shell(&p, a, gpus, err);
    gpus_free(gpus);
    project_close(&p);
    return code;
}

static const struct option options[] = {OPTION_GPUS, OPTION_NO_ISOLATION, OPTION_NO_SANDBOX, OPTIONS_PARAMS,
                                        OPTION_STORE};

const struct command command_shell = {
    .name = "shell",
    .operands = "[PIPELINE] STAGE",
    .summary = "open a shell where a stage would run",
    .doc = "Prepares the directory of one instance, with its inputs, as a run would, and opens a shell in it. The "
           "shell has exactly the stage's environment. It is the one that SHELL names, else /bin/sh.\n"
           "The shell sees what the stage would see. Its inputs are copies if stages are not isolated.\n"
           "The stage's command is printed; typed there, it does what the stage would do. Nothing is recorded, and the "
           "directory is removed when the shell ends.",
    .options = options,
    .option_count = COUNT(options),
    .starts_programs = true,
    .run = run,
};
