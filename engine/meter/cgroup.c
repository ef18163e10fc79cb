#include "engine/meter/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/memory.h"

enum { SMALL_FILE = 4096 };
static const char prefix[] = "retort-";

struct cpu_group {
    pid_t process; /* the group was made for it */
    char *directory;
};

/* The line "0::/path" of <root>/proc/self/cgroup, without its newline; NULL: there is none. The caller frees. */
static char *own_path(const char *root) {
    static const char unified[] = "0::/";
    char *file = path_join(root, "proc/self/cgroup"), *found = NULL, *rest = NULL;
    struct buffer text = {0};
    file_read(&text, file, SMALL_FILE, NULL);
    char *lines = buffer_detach(&text);
    for (char *line = strtok_r(lines, "\n", &rest); line && !found; line = strtok_r(NULL, "\n", &rest))
        if (strncmp(line, unified, strlen(unified)) == 0)
            found = mem_strdup(line + strlen(unified));
    free(lines);
    free(file);
    return found;
}

/* The folder of this process's own group; NULL where version 2 is not mounted. The caller frees. */
static char *own_group(const char *root) {
    static const char *const mounts[] = {"sys/fs/cgroup", "sys/fs/cgroup/unified"};
    char *path = own_path(root), *found = NULL;
    for (size_t i = 0; path && i < sizeof mounts / sizeof *mounts && !found; i++) {
        char *group = *path ? mem_printf("%s/%s/%s", root, mounts[i], path) : mem_printf("%s/%s", root, mounts[i]);
        char *mark = path_join(group, "cgroup.controllers"); /* only groups of version 2 have it */
        if (file_exists(mark))
            found = mem_strdup(group);
        free(mark);
        free(group);
    }
    free(path);
    return found;
}

/* Writes once, as the kernel requires; never creates the file. */
static bool move_in(const char *directory, pid_t process) {
    char text[32], *path = path_join(directory, "cgroup.procs");
    int length = snprintf(text, sizeof text, "%d\n", (int)process);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool moved = fd >= 0 && write(fd, text, (size_t)length) == length;
    if (fd >= 0)
        close(fd);
    free(path);
    return moved;
}

/* Moves children too: those that the process started before it was moved are outside the group. Their own children
   are outside until they are moved in turn. */
static void move_children(const char *root, const char *directory, pid_t process) {
    char *path = mem_printf("%s/proc/%d/task/%d/children", root, (int)process, (int)process);
    struct buffer text = {0};
    file_read(&text, path, SMALL_FILE, NULL);
    char *list = buffer_detach(&text), *at = list;
    for (long child; (child = strtol(at, &at, 10)) > 0;) {
        move_in(directory, (pid_t)child);
        move_children(root, directory, (pid_t)child);
    }
    free(list);
    free(path);
}

/* The folder of a group that this process makes next. The caller frees. */
static char *next_group(const char *own) {
    static atomic_uint number;
    return mem_printf("%s/%s%d-%u", own, prefix, (int)getpid(), atomic_fetch_add(&number, 1));
}

struct cpu_group *cpu_group_create(const char *root, pid_t process) {
    char *own = own_group(root);
    struct cpu_group *g = NULL;
    if (!own)
        return NULL;
    char *directory = next_group(own);
    bool made = mkdir(directory, 0755) == 0 || errno == EEXIST;
    g = mem_alloc(sizeof *g);
    g->directory = directory;
    g->process = process;
    if (!made || !move_in(directory, process) || isnan(cpu_group_seconds(g))) {
        if (made)
            rmdir(directory);
        free(directory);
        free(g);
        g = NULL;
    } else {
        move_children(root, g->directory, process);
    }
    free(own);
    return g;
}

double cpu_group_seconds(const struct cpu_group *g) {
    static const char name[] = "usage_usec ";
    struct buffer text = {0};
    char *path = path_join(g->directory, "cpu.stat");
    double seconds = (double)NAN;
    if (file_read(&text, path, SMALL_FILE, NULL) == 0 && strncmp(buffer_text(&text), name, strlen(name)) == 0)
        seconds = strtod(buffer_text(&text) + strlen(name), NULL) / 1e6;
    buffer_close(&text);
    free(path);
    return seconds;
}

void cpu_group_free(struct cpu_group *g) {
    if (!g)
        return;
    char *own = path_directory(g->directory);
    move_in(own, g->process); /* the keeper outlives the group */
    rmdir(g->directory);
    free(own);
    free(g->directory);
    free(g);
}

/* Whether the name is "retort-<pid>-<number>" of a process that is gone. A group with living processes cannot be
   removed in any case. */
static bool is_left(const char *root, const char *name) {
    if (strncmp(name, prefix, strlen(prefix)) != 0)
        return false;
    char *process = mem_printf("%s/proc/%ld", root, strtol(name + strlen(prefix), NULL, 10));
    bool gone = !file_exists(process);
    free(process);
    return gone;
}

void cpu_group_sweep(const char *root) {
    char *own = own_group(root);
    struct folder groups = {0};
    const char *name;
    if (own)
        folder_open(&groups, own, NULL);
    while (folder_next(&groups, &name, NULL) > 0) { /* the next run sweeps groups that cannot be read now */
        if (!is_left(root, name))
            continue;
        char *path = path_join(own, name);
        rmdir(path);
        free(path);
    }
    folder_close(&groups);
    free(own);
}

/* ---- memory ---- */

struct memory_group {
    char *directory;
    int entry_fd;
};

/* Writes an existing file of a group: only the kernel makes them. */
static bool set_member(const char *directory, const char *name, const char *value) {
    char *path = path_join(directory, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool set = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);
    if (fd >= 0)
        close(fd);
    free(path);
    return set;
}

/* The number in a file of a group, behind `name` on its line; NaN: unknown. */
static double member(const char *directory, const char *file, const char *name) {
    struct buffer text = {0};
    char *path = path_join(directory, file);
    file_read(&text, path, SMALL_FILE, NULL);
    const char *at = strstr(buffer_text(&text), name);
    double value = at && text.size > 0 ? strtod(at + strlen(name), NULL) : (double)NAN;
    buffer_close(&text);
    free(path);
    return value;
}

/* The limit holds all the same on machines without swap, and on old kernels that kill one process at a time. */
static bool set_limit(const char *directory, double bytes) {
    char text[32];
    snprintf(text, sizeof text, "%.0f", bytes);
    set_member(directory, "memory.swap.max", "0");
    set_member(directory, "memory.oom.group", "1");
    return set_member(directory, "memory.max", text);
}

struct memory_group *memory_group_create(const char *root, double bytes) {
    char *own = own_group(root);
    if (!own)
        return NULL;
    struct memory_group *g = mem_alloc(sizeof *g);
    char *leave = path_join(own, "cgroup.procs"); /* a process that leaves this group needs it */
    g->directory = next_group(own);
    set_member(own, "cgroup.subtree_control", "+memory"); /* refused where this very group holds processes */
    bool made = mkdir(g->directory, 0755) == 0 || errno == EEXIST;
    char *entry = path_join(g->directory, "cgroup.procs");
    bool held = made && access(leave, W_OK) == 0 && set_limit(g->directory, bytes);
    g->entry_fd = held ? open(entry, O_WRONLY | O_CLOEXEC) : -1;
    free(leave);
    free(entry);
    free(own);
    if (g->entry_fd >= 0)
        return g;
    memory_group_free(g);
    return NULL;
}

int memory_group_entry(const struct memory_group *g) {
    return g->entry_fd;
}

bool memory_group_exceeded(const struct memory_group *g) {
    return member(g->directory, "memory.events", "oom_kill ") > 0;
}

double memory_group_peak(const struct memory_group *g) {
    return member(g->directory, "memory.peak", "");
}

void memory_group_free(struct memory_group *g) {
    if (!g)
        return;
    if (g->entry_fd >= 0)
        close(g->entry_fd);
    rmdir(g->directory);
    free(g->directory);
    free(g);
}
