/*
 * One energy counter and its account: takes raw readings, gives whole counts. A domain fails, with the reason, when its
 * counter does something that no counter can do; no joule is counted until it is started again.
 *
 *   psys  contains  package  contains  cores, uncore          dram and gpu are separate
 *
 * No domain is ever added to one that contains it, nor to the same counter from another source.
 */
#ifndef RETORT_METER_DOMAIN_H
#define RETORT_METER_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

enum domain_class {
    DOMAIN_OTHER,
    DOMAIN_PLATFORM,
    DOMAIN_PACKAGE,
    DOMAIN_CORES,
    DOMAIN_UNCORE,
    DOMAIN_DRAM,
    DOMAIN_GPU
};

struct domain {
    enum domain_class class;
    const char *source; /* "perf_event", "powercap", "powercap-mmio", "nvml" */
    char name[48];      /* "energy-pkg cpu 0", "package-0/dram", "gpu 0" */
    bool used;          /* it is read: it did not fail when it was found, and no preferred source has it */
    bool counted;       /* its joules are part of the sum */
    bool failed;        /* it cannot be read, or did something that no counter does */
    char why[192];      /* why it failed, else why it is not counted */
    double unit_j;      /* joules of one count */
    double tick_s;      /* seconds between the counter's own updates */
    uint64_t range;     /* the highest value, after which it starts from 0; 0: it does not wrap */

    int (*read)(struct domain *d, uint64_t *raw, struct error *err);
    int fd;       /* perf_event; -1 */
    char *path;   /* powercap; owned */
    void *device; /* NVML */
    void *library;

    uint64_t raw;     /* the last reading */
    uint64_t read_ns; /* when */
    uint64_t counts;  /* counts since the first start */
    unsigned wraps;
};

struct domains {
    struct domain *list;
    size_t count, capacity;
};

/* A new domain that has not failed yet; valid until the next one is added. */
struct domain *domains_add(struct domains *domains, const char *source, enum domain_class class,
                           int (*read)(struct domain *d, uint64_t *raw, struct error *err));
void domains_close(struct domains *domains);

/* Fails a domain, with the reason. */
void domain_fail(struct domain *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* If one domain of a class failed, fails the source's others of that class: a part is not the whole. */
void domains_agree(struct domains *domains, const char *source);

/* Decides which domains are read, and which are summed: packages (else the platform) and dram, and GPUs where
   `gpus`. The source that was added first is preferred. */
void domains_choose(struct domains *domains, bool gpus);

/* Begins an account: reads without counting, and clears an earlier failure. */
void domain_start(struct domain *d, uint64_t now_ns);

/* Reads the counter and counts the difference from the last reading. */
void domain_update(struct domain *d, uint64_t now_ns);

/* W: more than any package, board or bank of memory draws. Distinguishes a wrap from a reset. */
#define DOMAIN_MAX_W 5000.0

/* How many GPUs are counted. */
size_t domains_gpu_count(const struct domains *domains);

#endif
