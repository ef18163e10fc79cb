#include "engine/base/process.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/buffer.h"
#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/memory.h"

enum { ENVIRONMENT_LIMIT = 8 << 20 };

/* Field 4 of /proc/<pid>/stat. The name before it may hold spaces and brackets, so the search starts after its last
   bracket. */
static pid_t parent_of(const char *pid) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    if (size <= 0)
        return -1;
    text[size] = '\0';
    const char *after = strrchr(text, ')'); /* ") S 1234 ..." */
    return after && strlen(after) > 4 ? (pid_t)strtol(after + 4, NULL, 10) : -1;
}

/* Selects the processes for which `is_wanted` returns true. */
static size_t select_processes(pid_t **out, bool (*is_wanted)(const char *pid, const void *context),
                               const void *context) {
    size_t count = 0, capacity = 0;
    struct folder proc;
    const char *name;
    *out = NULL;
    folder_open(&proc, "/proc", NULL);
    while (folder_next(&proc, &name, NULL) > 0) {
        if (!isdigit((unsigned char)name[0]) || !is_wanted(name, context))
            continue;
        mem_grow(*out, &capacity, count + 1);
        (*out)[count++] = (pid_t)strtol(name, NULL, 10);
    }
    folder_close(&proc);
    return count;
}

static bool is_child(const char *pid, const void *parent) {
    return parent_of(pid) == *(const pid_t *)parent;
}

/* The kernel says so without a search. */
static bool has_no_child(void) {
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 && errno == ECHILD;
}

size_t process_children(pid_t **out, pid_t parent) {
    *out = NULL;
    if (parent == getpid() && has_no_child())
        return 0;
    return select_processes(out, is_child, &parent);
}

struct variable {
    const char *name, *part;
};

static bool has_variable(const char *pid, const void *context) {
    const struct variable *v = context;
    char path[64];
    struct buffer environment = {0};
    bool found = false;
    snprintf(path, sizeof path, "/proc/%.20s/environ", pid);
    if (file_read(&environment, path, ENVIRONMENT_LIMIT, NULL) == 0) {
        const char *end = buffer_text(&environment) + environment.size;
        size_t length = strlen(v->name);
        for (const char *entry = environment.data; entry && entry < end && !found; entry += strlen(entry) + 1)
            found = strncmp(entry, v->name, length) == 0 && entry[length] == '=' && strstr(entry + length, v->part);
    }
    buffer_close(&environment);
    return found;
}

size_t process_with_variable(pid_t **out, const char *name, const char *part) {
    return select_processes(out, has_variable, &(const struct variable){name, part});
}
