#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "stages/run/figure.h"
#include "stages/stage.h"

/* A fixed path: a pipeline names no program that draws. */
static const char program[] = "/usr/bin/gnuplot";

enum { SCRIPT, PICTURE, MESSAGES, FILES };

static int read_back(struct buffer *out, int fd, const char *name, struct error *err) {
    char bytes[16384];
    off_t at = 0;
    ssize_t n;
    while ((n = pread(fd, bytes, sizeof bytes, at)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(err, errno, "gnuplot's %s cannot be read", name);
        buffer_append(out, bytes, (size_t)n);
        at += n;
    }
    return 0;
}

/* gnuplot does not ask whether its writes succeed, and ends with status 0 all the same. */
static int whole_check(const struct buffer *svg, struct error *err) {
    static const char end[] = "</svg>";
    size_t size = svg->size, length = sizeof end - 1;
    while (size > 0 && svg->data[size - 1] == '\n')
        size--;
    if (size >= length && memcmp(svg->data + size - length, end, length) == 0)
        return 0;
    return error_set(err, ERR_IO, "%s wrote %zu bytes of a picture that does not end: is there no memory?", program,
                     svg->size);
}

/* gnuplot with the three files as its standard streams; nothing of this process's environment or open files. */
static int gnuplot_spawn(pid_t *pid, const int fd[FILES], struct error *err) {
    char name[] = "gnuplot", flag[] = "--default-settings", locale[] = "LC_ALL=C.UTF-8", home[] = "HOME=/nonexistent";
    char *argv[] = {name, flag, NULL}, *envp[] = {locale, home, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigaddset(&defaults, SIGTERM);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    for (int i = 0; i < FILES; i++)
        posix_spawn_file_actions_adddup2(&actions, fd[i], i);
    posix_spawn_file_actions_addclosefrom_np(&actions, FILES);
    int errnum = posix_spawn(pid, program, &actions, &attributes, argv, envp);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (errnum == ENOENT)
        return error_set(err, ERR_NOT_FOUND, "%s is not there: install gnuplot (Debian: gnuplot-nox)", program);
    return errnum ? error_errno(err, errnum, "%s", program) : 0;
}

static int gnuplot_wait(pid_t pid, int messages, struct error *err) {
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return error_errno(err, errno, "wait for %s", program);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) /* it goes to all processes of a stage */
        return STAGE_INTERRUPTED;
    struct buffer text = {0};
    read_back(&text, messages, "messages", NULL);
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] == '\n')
            text.data[i] = ' ';
    int rc = error_set(err, ERR_FAILED, "%s failed: %s", program, buffer_text(&text));
    buffer_close(&text);
    return rc;
}

int figure_draw(struct buffer *out, const struct buffer *script, struct error *err) {
    static const char *const names[FILES] = {"script", "picture", "messages"};
    int fd[FILES] = {-1, -1, -1}, rc = 0;
    pid_t pid;
    for (int i = 0; i < FILES && !rc; i++) { /* files, not pipes: nobody waits for anybody */
        fd[i] = memfd_create(names[i], MFD_CLOEXEC);
        if (fd[i] < 0)
            rc = error_errno(err, errno, "no file in memory for gnuplot's %s", names[i]);
    }
    if (!rc)
        rc = file_write_all(fd[SCRIPT], script->data, script->size, names[SCRIPT], err);
    if (!rc && lseek(fd[SCRIPT], 0, SEEK_SET) < 0)
        rc = error_errno(err, errno, "rewind gnuplot's script");
    if (!rc && !(rc = gnuplot_spawn(&pid, fd, err)) && !(rc = gnuplot_wait(pid, fd[MESSAGES], err)) &&
        !(rc = read_back(out, fd[PICTURE], names[PICTURE], err)))
        rc = whole_check(out, err);
    for (int i = 0; i < FILES; i++)
        if (fd[i] >= 0)
            close(fd[i]);
    return rc;
}
