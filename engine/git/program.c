/* Runs the program git, isolated but for ssh: it reads the user's configuration of ssh, agents and known hosts, and of
   git's configuration only core.sshCommand. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/base/process.h"
#include "engine/base/texts.h"
#include "engine/git/internal.h"

enum { MOST_BYTES = 64 << 20, MOST_REASONS = 4, LONGEST_LINE = 1000, READ_BYTES = 16384 };

/* ---- environment ---- */

/* The user's own command for ssh; NULL: none. The caller frees. */
static char *configured_command(void) {
    git_config *config = NULL, *snapshot = NULL;
    const char *value = NULL;
    char *command = NULL;
    if (libgit.config_open_default(&config) == 0 && libgit.config_snapshot(&snapshot, config) == 0 &&
        libgit.config_get_string(&value, snapshot, "core.sshcommand") == 0)
        command = mem_strdup(value);
    libgit.config_free(snapshot);
    libgit.config_free(config);
    return command;
}

/* Without a terminal nobody could answer a question of ssh. */
static char *ssh_command(void) {
    char *command = configured_command();
    return command ? command
                   : mem_printf("ssh -o ConnectTimeout=%d -o ServerAliveInterval=20%s", silence_s(),
                                isatty(STDIN_FILENO) ? "" : " -o BatchMode=yes");
}

static bool begins(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* This process's environment; of git's variables only those about ssh. */
static void make_environment(struct texts *out, const char *objects) {
    static const char *const fixed[] = {"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
                                        "LC_ALL=C.UTF-8"};
    for (char **variable = environ; *variable; variable++)
        if (begins(*variable, "GIT_SSH") || !(begins(*variable, "GIT_") || begins(*variable, "LC_ALL=")))
            texts_add(out, mem_strdup(*variable));
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        texts_add(out, mem_strdup(fixed[i]));
    if (objects)
        texts_add(out, mem_printf("GIT_OBJECT_DIRECTORY=%s", objects));
    if (!getenv("GIT_SSH_COMMAND") && !getenv("GIT_SSH")) {
        char *command = ssh_command();
        texts_add(out, mem_printf("GIT_SSH_COMMAND=%s", command));
        free(command);
    }
    texts_add(out, NULL);
}

/* ---- the program ---- */

struct program {
    struct repository *r;
    pid_t pid;
    int out, err;        /* our ends of its standard streams; -1: closed */
    struct buffer *text; /* that it printed */
    struct buffer line;  /* of its messages, unfinished */
    struct texts reasons;
};

static int spawn(struct program *p, char *const arguments[], char *const environment[], struct error *err) {
    int out[2], messages[2];
    posix_spawn_file_actions_t actions;
    if (pipe2(out, O_CLOEXEC) < 0)
        return error_errno(err, errno, "git cannot be started");
    p->out = out[0];
    int failed = pipe2(messages, O_CLOEXEC) < 0 ? errno : 0;
    if (!failed) {
        p->err = messages[0];
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&actions, messages[1], STDERR_FILENO);
        posix_spawn_file_actions_addchdir_np(&actions, "/"); /* no repository of the user is found from there */
        failed = posix_spawnp(&p->pid, "git", &actions, NULL, arguments, environment);
        posix_spawn_file_actions_destroy(&actions);
        close(messages[1]);
    }
    close(out[1]);
    if (failed)
        p->pid = 0;
    return failed ? error_errno(err, failed, "the program git, which fetches by ssh, cannot be started") : 0;
}

static void read_line(struct program *p) {
    const char *line = buffer_text(&p->line);
    if (strstr(line, "objects: ") || strstr(line, "deltas: "))
        repository_tell(p->r, line);
    else if (*line && p->reasons.count < MOST_REASONS)
        texts_add(&p->reasons, mem_strdup(line));
    buffer_clear(&p->line);
}

/* A line of progress ends with a carriage return, so that the next one is written over it. */
static int read_messages(struct program *p, const char *bytes, size_t size, struct error *err) {
    (void)err;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\r' || bytes[i] == '\n')
            read_line(p);
        else if (bytes[i] && p->line.size < LONGEST_LINE)
            buffer_putc(&p->line, bytes[i]);
    }
    return 0;
}

static int read_text(struct program *p, const char *bytes, size_t size, struct error *err) {
    buffer_append(p->text, bytes, size);
    return p->text->size <= MOST_BYTES ? 0
                                       : error_set(err, ERR_FAILED, "%s: the list of its names is too long", p->r->url);
}

/* Reads one of the two streams, and closes it at its end. */
static int read_stream(struct program *p, int *fd, int (*take)(struct program *, const char *, size_t, struct error *),
                       struct error *err) {
    char bytes[READ_BYTES];
    ssize_t got = read(*fd, bytes, sizeof bytes);
    if (got > 0)
        return take(p, bytes, (size_t)got, err);
    if (got < 0 && errno == EINTR)
        return 0;
    close(*fd);
    *fd = -1;
    return 0;
}

static int read_all(struct program *p, struct error *err) {
    int rc = 0;
    while (rc == 0 && (p->out >= 0 || p->err >= 0)) {
        struct pollfd ready[] = {{p->out, POLLIN, 0}, {p->err, POLLIN, 0}};
        int count = poll(ready, 2, silence_s() * 1000);
        if (count == 0)
            return error_set(err, ERR_FAILED, "%s: cannot be fetched: the server was silent for %d s", p->r->url,
                             silence_s());
        if (count > 0 && ready[0].revents)
            rc = read_stream(p, &p->out, read_text, err);
        if (count > 0 && ready[1].revents && rc == 0)
            rc = read_stream(p, &p->err, read_messages, err);
    }
    return rc;
}

/* git would leave its ssh behind, and the shell that starts it. */
static void kill_tree(pid_t pid) {
    pid_t *children = NULL;
    size_t count = process_children(&children, pid);
    kill(pid, SIGTERM);
    for (size_t i = 0; i < count; i++)
        kill_tree(children[i]);
    free(children);
}

static int wait_end(struct program *p, int rc, bool *refused, struct error *err) {
    int status = 0;
    if (rc < 0)
        kill_tree(p->pid);
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        ;
    read_line(p);
    if (rc < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
        return rc;
    *refused = true;
    struct buffer why = {0};
    for (size_t i = 0; i < p->reasons.count; i++)
        buffer_printf(&why, "%s%s", i ? "; " : "", p->reasons.list[i]);
    rc = error_set(err, ERR_FAILED, "%s: cannot be fetched: %s", p->r->url, why.size ? why.data : "git failed");
    buffer_close(&why);
    return rc;
}

int git_run(struct buffer *out, struct repository *r, struct texts *arguments, const char *objects, bool *refused,
            struct error *err) {
    struct program p = {.r = r, .out = -1, .err = -1, .text = out};
    struct texts environment = {0};
    make_environment(&environment, objects);
    texts_add(arguments, NULL);
    *refused = false;
    int rc = spawn(&p, arguments->list, environment.list, err);
    if (rc == 0)
        rc = read_all(&p, err);
    if (p.pid)
        rc = wait_end(&p, rc, refused, err);
    if (p.out >= 0)
        close(p.out);
    if (p.err >= 0)
        close(p.err);
    buffer_close(&p.line);
    texts_close(&p.reasons);
    texts_close(&environment);
    return rc;
}
