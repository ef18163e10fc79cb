#include "engine/meter/cputime.h"

#include <ctype.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/folder.h"
#include "engine/base/memory.h"

enum { STAT_FILE = 8192, PATH_SIZE = 4096, MAX_PROCESSES = 65536 };

/* Reads the start of a file as text; false when unreadable. */
static bool text_read(char *out, size_t size, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, out, size - 1);
    close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

double cputime_tick_s(void) {
    return 1.0 / (double)sysconf(_SC_CLK_TCK);
}

/* Reads numbers `first` to `first + count - 1` of a line, separated by blanks, counted from 0. A sign or a letter
   before them is a field too. False when the line has fewer. */
static bool fields_read(unsigned long long *out, size_t first, size_t count, const char *text) {
    for (size_t i = 0; i < first + count; i++) {
        text += strspn(text, " ");
        size_t length = strcspn(text, " \n");
        if (length == 0)
            return false;
        if (i >= first && !isdigit((unsigned char)*text))
            return false;
        if (i >= first)
            out[i - first] = strtoull(text, NULL, 10);
        text += length;
    }
    return true;
}

double cputime_busy(const char *root) {
    enum { USER, NICE, SYSTEM, IDLE, WAITING, INTERRUPTS, SOFT, FIELDS };
    char path[PATH_SIZE], text[STAT_FILE];
    unsigned long long t[FIELDS];
    snprintf(path, sizeof path, "%s/proc/stat", root);
    if (!text_read(text, sizeof text, path) || strncmp(text, "cpu ", 4) != 0 || !fields_read(t, 1, FIELDS, text))
        return (double)NAN;
    return (double)(t[USER] + t[NICE] + t[SYSTEM] + t[INTERRUPTS] + t[SOFT]) * cputime_tick_s();
}

/* utime, stime and those of the reaped children: fields 14 to 17. The name may hold spaces and brackets; the third
   field follows it. */
static unsigned long long process_ticks(const char *root, pid_t pid) {
    char path[PATH_SIZE], text[STAT_FILE];
    unsigned long long t[4];
    snprintf(path, sizeof path, "%s/proc/%d/stat", root, (int)pid);
    if (!text_read(text, sizeof text, path))
        return 0;
    const char *after = strrchr(text, ')');
    return after && fields_read(t, 14 - 3, 4, after + 1) ? t[0] + t[1] + t[2] + t[3] : 0;
}

struct pids {
    pid_t *list;
    size_t count, capacity;
};

static void children_add(struct pids *pids, const char *root, pid_t pid, const char *task) {
    char path[PATH_SIZE], text[STAT_FILE];
    snprintf(path, sizeof path, "%s/proc/%d/task/%s/children", root, (int)pid, task);
    if (!text_read(text, sizeof text, path))
        return;
    for (char *at = text; isdigit((unsigned char)*at) && pids->count < MAX_PROCESSES; at += *at == ' ') {
        mem_grow(pids->list, &pids->capacity, pids->count + 1);
        pids->list[pids->count++] = (pid_t)strtol(at, &at, 10);
    }
}

static void threads_add(struct pids *pids, const char *root, pid_t pid) {
    char path[PATH_SIZE];
    struct folder tasks;
    const char *name;
    snprintf(path, sizeof path, "%s/proc/%d/task", root, (int)pid);
    folder_open(&tasks, path, NULL); /* the process may have ended, and then has no threads */
    while (folder_next(&tasks, &name, NULL) > 0)
        if (isdigit((unsigned char)name[0]))
            children_add(pids, root, pid, name);
    folder_close(&tasks);
}

/* The process and its living descendants. The caller frees `list`. */
static struct pids tree(const char *root, pid_t leader) {
    struct pids pids = {0};
    mem_grow(pids.list, &pids.capacity, 1);
    pids.list[pids.count++] = leader;
    for (size_t i = 0; i < pids.count; i++) /* the list grows by the children of its members */
        threads_add(&pids, root, pids.list[i]);
    return pids;
}

double cputime_tree(const char *root, pid_t leader) {
    struct pids pids = tree(root, leader);
    unsigned long long ticks = 0;
    for (size_t i = 0; i < pids.count; i++)
        ticks += process_ticks(root, pids.list[i]);
    free(pids.list);
    return (double)ticks * cputime_tick_s();
}

static double process_peak(const char *root, pid_t pid) {
    static const char name[] = "\nVmHWM:";
    char path[PATH_SIZE], text[STAT_FILE];
    snprintf(path, sizeof path, "%s/proc/%d/status", root, (int)pid);
    const char *line = text_read(text, sizeof text, path) ? strstr(text, name) : NULL;
    return line ? strtod(line + strlen(name), NULL) * 1024 : 0;
}

double cputime_tree_peak(const char *root, pid_t leader) {
    struct pids pids = tree(root, leader);
    double peak = 0;
    for (size_t i = 0; i < pids.count; i++)
        peak = fmax(peak, process_peak(root, pids.list[i]));
    free(pids.list);
    return peak;
}
