#include "engine/meter/cputime.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/meter/tree.h"

enum { STAT_FILE = 8192, PATH_SIZE = 4096 };

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
    if (!proc_text(text, sizeof text, path) || strncmp(text, "cpu ", 4) != 0 || !fields_read(t, 1, FIELDS, text))
        return (double)NAN;
    return (double)(t[USER] + t[NICE] + t[SYSTEM] + t[INTERRUPTS] + t[SOFT]) * cputime_tick_s();
}

/* utime, stime and those of the reaped children: fields 14 to 17. The name may hold spaces and brackets; the third
   field follows it. */
static unsigned long long process_ticks(const char *root, pid_t pid) {
    char path[PATH_SIZE], text[STAT_FILE];
    unsigned long long t[4];
    snprintf(path, sizeof path, "%s/proc/%d/stat", root, (int)pid);
    if (!proc_text(text, sizeof text, path))
        return 0;
    const char *after = strrchr(text, ')');
    return after && fields_read(t, 14 - 3, 4, after + 1) ? t[0] + t[1] + t[2] + t[3] : 0;
}

double cputime_tree(const char *root, pid_t leader) {
    struct process_list all = process_tree(root, leader);
    unsigned long long ticks = 0;
    for (size_t i = 0; i < all.count; i++)
        ticks += process_ticks(root, all.list[i]);
    free(all.list);
    return (double)ticks * cputime_tick_s();
}

static double process_peak(const char *root, pid_t pid) {
    static const char name[] = "\nVmHWM:";
    char path[PATH_SIZE], text[STAT_FILE];
    snprintf(path, sizeof path, "%s/proc/%d/status", root, (int)pid);
    const char *line = proc_text(text, sizeof text, path) ? strstr(text, name) : NULL;
    return line ? strtod(line + strlen(name), NULL) * 1024 : 0;
}

double cputime_tree_peak(const char *root, pid_t leader) {
    struct process_list all = process_tree(root, leader);
    double peak = 0;
    for (size_t i = 0; i < all.count; i++)
        peak = fmax(peak, process_peak(root, all.list[i]));
    free(all.list);
    return peak;
}
