#include "engine/meter/tree.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/folder.h"
#include "engine/base/memory.h"

enum { CHILDREN_FILE = 8192, PATH_SIZE = 4096, MAX_PROCESSES = 65536 };

bool proc_text(char *out, size_t size, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, out, size - 1);
    close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static void children_add(struct process_list *all, const char *root, pid_t pid, const char *task) {
    char path[PATH_SIZE], text[CHILDREN_FILE];
    snprintf(path, sizeof path, "%s/proc/%d/task/%s/children", root, (int)pid, task);
    if (!proc_text(text, sizeof text, path))
        return;
    for (char *at = text; isdigit((unsigned char)*at) && all->count < MAX_PROCESSES; at += *at == ' ') {
        mem_grow(all->list, &all->capacity, all->count + 1);
        all->list[all->count++] = (pid_t)strtol(at, &at, 10);
    }
}

static void threads_add(struct process_list *all, const char *root, pid_t pid) {
    char path[PATH_SIZE];
    struct folder tasks;
    const char *name;
    snprintf(path, sizeof path, "%s/proc/%d/task", root, (int)pid);
    folder_open(&tasks, path, NULL); /* the process may have ended, and then has no threads */
    while (folder_next(&tasks, &name, NULL) > 0)
        if (isdigit((unsigned char)name[0]))
            children_add(all, root, pid, name);
    folder_close(&tasks);
}

struct process_list process_tree(const char *root, pid_t leader) {
    struct process_list all = {0};
    mem_grow(all.list, &all.capacity, 1);
    all.list[all.count++] = leader;
    for (size_t i = 0; i < all.count; i++) /* the list grows by the children of its members */
        threads_add(&all, root, all.list[i]);
    return all;
}
