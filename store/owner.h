/*
 * Who is alive: an engine is named by its host, the host's boot, its process namespace, its pid, and the time at
 * which that process started. A pid used again has another start time; a boot id changes when the machine restarts.
 */
#ifndef RETORT_STORE_OWNER_H
#define RETORT_STORE_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

struct owner {
    uint32_t host;  /* of the host's name and machine id */
    uint32_t boot;  /* of the boot id */
    uint64_t space; /* inode of the pid namespace */
    int64_t pid;
    uint64_t start;  /* clock ticks since boot: /proc/<pid>/stat, field 22 */
    uint32_t serial; /* of the stores that this process opened */
};

enum owner_state {
    OWNER_ALIVE,
    OWNER_DEAD,
    OWNER_ELSEWHERE /* another host or process namespace: cannot be seen from here */
};

enum { OWNER_TEXT_SIZE = 96 };

/* This process, with a new serial. ERR_IO when /proc does not say. */
int owner_self(struct owner *out, struct error *err);

/* "<host>-<boot>-<space>-<pid>-<start>-<serial>"; host and boot are 8 hex digits, the others decimal. */
void owner_format(char text[OWNER_TEXT_SIZE], const struct owner *o);

/* Reads owner_format's text; `*length` bytes were used. */
bool owner_parse(struct owner *out, const char *text, size_t *length);

enum owner_state owner_state(const struct owner *o, const struct owner *self);

bool owner_equal(const struct owner *a, const struct owner *b);

#endif
