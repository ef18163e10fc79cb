/* What a source of joules implements; only meter.c calls it. */
#ifndef RETORT_METER_SOURCE_H
#define RETORT_METER_SOURCE_H

#include "engine/meter/cpu.h"
#include "engine/meter/meter.h"

struct meter_source {
    const char *name;

    /* 0 and a state, or a negative code and the reason why this machine does not offer the source. */
    int (*open)(void **state, const char *root, const struct cpu_info *cpu, struct error *err);
    void (*close)(void *state);

    /* Begins to account for a process group; returns what `end` needs and frees. NULL: the source needs nothing
       from the start, and `end` gets NULL. */
    void *(*begin)(void *state, pid_t group);

    /* Fills label, joules, why and everything else that is the source's own. `usage` is whole and not negative, or
       NULL where it is not known: a source that needs it leaves the record unavailable and says why. */
    void (*end)(void *state, void *task, const struct meter_usage *usage, struct energy_record *out);

    /* The version of its constants; "" for a counter. */
    const char *(*constants)(const void *state);
};

extern const struct meter_source meter_source_model;

#endif
