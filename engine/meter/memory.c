#include "engine/meter/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/meter/tree.h"

enum { PATH_SIZE = 4096, TEXT_SIZE = 4096 };

static double resident(const char *root, pid_t pid) {
    char path[PATH_SIZE], text[TEXT_SIZE];
    snprintf(path, sizeof path, "%s/proc/%d/statm", root, (int)pid);
    const char *second = proc_text(text, sizeof text, path) ? strchr(text, ' ') : NULL;
    return second ? strtod(second, NULL) * (double)sysconf(_SC_PAGESIZE) : 0;
}

static double proportional(const char *root, pid_t pid) {
    static const char name[] = "\nPss:";
    char path[PATH_SIZE], text[TEXT_SIZE];
    snprintf(path, sizeof path, "%s/proc/%d/smaps_rollup", root, (int)pid);
    const char *line = proc_text(text, sizeof text, path) ? strstr(text, name) : NULL;
    return line ? strtod(line + strlen(name), NULL) * 1024 : resident(root, pid);
}

static double sum(double (*of)(const char *root, pid_t pid), const char *root, const struct process_list *all) {
    double bytes = 0;
    for (size_t i = 1; i < all->count; i++)
        bytes += of(root, all->list[i]);
    return bytes;
}

struct tree_memory memory_below(const char *root, pid_t process, double above) {
    struct process_list all = process_tree(root, process);
    struct tree_memory found = {.resident = sum(resident, root, &all), .proportional = (double)NAN};
    if (found.resident > above)
        found.proportional = sum(proportional, root, &all);
    free(all.list);
    return found;
}
