/*
 * Identity of engines, and whether they live. An engine is named by its host, the host's boot, its process namespace,
 * its pid, and the start time of that process. A reused pid has another start time; a boot id changes when the machine
 * restarts.
 */
#ifndef RETORT_STORE_OWNER_H
#define RETORT_STORE_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

struct owner {
    uint32_t host;  /* from the host's name and machine id */
    uint32_t boot;  /* from the boot id */
    uint64_t space; /* inode of the pid namespace */
    int64_t pid;
    uint64_t start;  /* clock ticks since boot: /proc/<pid>/stat, field 22 */
    uint32_t serial; /* number of the store among those of this process */
};

enum owner_state {
    OWNER_ALIVE,
    OWNER_DEAD,
    OWNER_ELSEWHERE /* another host or process namespace: cannot be seen from here */
};

enum { OWNER_TEXT_SIZE = 96 };

/* This process, with a new serial. ERR_IO when /proc cannot be read. */
int owner_self(struct owner *out, struct error *err);

/* "<host>-<boot>-<space>-<pid>-<start>-<serial>"; host and boot are 8 hex digits, the others decimal. */
void owner_format(char text[OWNER_TEXT_SIZE], const struct owner *o);

/* Reads owner_format's text; `*length` bytes were used. */
bool owner_parse(struct owner *out, const char *text, size_t *length);

enum owner_state owner_state(const struct owner *o, const struct owner *self);

/* Whether all members are equal, also the serial. */
bool owner_equal(const struct owner *a, const struct owner *b);

#endif
