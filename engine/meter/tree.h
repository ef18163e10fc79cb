/* The processes of a stage, as /proc shows them. */
#ifndef RETORT_METER_TREE_H
#define RETORT_METER_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct process_list {
    pid_t *list; /* the leader first */
    size_t count, capacity;
};

/* A process and its living descendants, by task/<tid>/children: on kernels without that file the process alone. The
   caller frees `list`. */
struct process_list process_tree(const char *root, pid_t leader);

/* Reads the start of a small file as text; false when unreadable. */
bool proc_text(char *out, size_t size, const char *path);

#endif
