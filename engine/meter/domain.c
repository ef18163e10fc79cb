#include "engine/meter/domain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"

/* A counter moves in steps: a reading just after a step may show the joules of one step in almost no time. */
#define STEP_S 0.2

struct domain *domains_add(struct domains *domains, const char *source, enum domain_class class,
                           int (*read)(struct domain *d, uint64_t *raw, struct error *err)) {
    mem_grow(domains->list, &domains->capacity, domains->count + 1);
    struct domain *d = &domains->list[domains->count++];
    *d = (struct domain){.source = source, .class = class, .read = read, .fd = -1};
    return d;
}

void domains_close(struct domains *domains) {
    for (size_t i = 0; i < domains->count; i++) {
        if (domains->list[i].fd >= 0)
            close(domains->list[i].fd);
        free(domains->list[i].path);
    }
    free(domains->list);
    *domains = (struct domains){0};
}

void domain_fail(struct domain *d, const char *format, ...) {
    char why[sizeof d->why];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    memcpy(d->why, why, sizeof why);
    d->failed = true;
}

static const struct domain *failed_sibling(const struct domains *domains, const struct domain *d) {
    for (size_t i = 0; i < domains->count; i++) {
        const struct domain *other = &domains->list[i];
        if (other->failed && other->class == d->class && strcmp(other->source, d->source) == 0)
            return other;
    }
    return NULL;
}

void domains_agree(struct domains *domains, const char *source) {
    for (size_t i = 0; i < domains->count; i++) {
        struct domain *d = &domains->list[i];
        const struct domain *other = failed_sibling(domains, d);
        if (!d->failed && other && strcmp(d->source, source) == 0)
            domain_fail(d, "%s cannot be read, and a part is not the whole", other->name);
    }
}

/* A domain of the same class from a preferred source; NULL: there is none. */
static const struct domain *better_way(const struct domains *domains, const struct domain *d) {
    for (const struct domain *other = domains->list; other < d; other++)
        if (!other->failed && other->class == d->class && strcmp(other->source, d->source) != 0)
            return other;
    return NULL;
}

static bool has(const struct domains *domains, enum domain_class class) {
    for (size_t i = 0; i < domains->count; i++)
        if (!domains->list[i].failed && domains->list[i].class == class)
            return true;
    return false;
}

/* Why a domain of the class is left out of the sum; NULL: it is part of the sum. */
static const char *left_out(const struct domains *domains, enum domain_class class, bool gpus) {
    bool packages = has(domains, DOMAIN_PACKAGE);
    switch (class) {
    case DOMAIN_PACKAGE:
        return NULL;
    case DOMAIN_PLATFORM:
        return packages ? "contains the packages, which are counted" : NULL;
    case DOMAIN_CORES:
    case DOMAIN_UNCORE:
        return packages ? "part of the package, which is counted"
                        : "a part is not the whole: the package has no counter";
    case DOMAIN_DRAM:
        return packages                        ? NULL
               : has(domains, DOMAIN_PLATFORM) ? "part of the platform, which is counted"
                                               : "a part is not the whole: the package has no counter";
    case DOMAIN_GPU:
        return gpus ? NULL : "the stage holds no GPU";
    default:
        return "not known what it measures";
    }
}

void domains_choose(struct domains *domains, bool gpus) {
    for (size_t i = 0; i < domains->count; i++) {
        struct domain *d = &domains->list[i];
        const struct domain *other = better_way(domains, d);
        const char *why = left_out(domains, d->class, gpus);
        d->counted = false;
        d->used = !d->failed && !other;
        if (d->failed)
            continue;
        if (other)
            snprintf(d->why, sizeof d->why, "the same counter as %s %s", other->source, other->name);
        else if (why)
            snprintf(d->why, sizeof d->why, "%s", why);
        else
            d->counted = true;
    }
}

void domain_start(struct domain *d, uint64_t now_ns) {
    struct error err = {0};
    uint64_t raw;
    if (d->failed)
        d->why[0] = '\0';
    d->failed = false;
    if (d->read(d, &raw, &err) < 0) {
        domain_fail(d, "%s", err.message);
        return;
    }
    d->raw = raw;
    d->read_ns = now_ns;
}

/* Counts a reading. A fall is a wrap if the counter wraps and its joules fit the time since the last reading. Any
   other fall is a reset, and the domain fails. The domain also fails after a time long enough to hide a whole round. */
static void domain_advance(struct domain *d, uint64_t raw, uint64_t now_ns) {
    double since_s = (double)(now_ns - d->read_ns) / 1e9;
    double possible_j = DOMAIN_MAX_W * (since_s + STEP_S);
    bool fell = raw < d->raw;
    if (raw > d->range && d->range) {
        domain_fail(d, "it shows %llu, more than its range of %llu", (unsigned long long)raw,
                    (unsigned long long)d->range);
        return;
    }
    if (d->range && DOMAIN_MAX_W * since_s > (double)d->range * d->unit_j) {
        domain_fail(d, "it was not read for %.0f s, in which it may have wrapped unseen", since_s);
        return;
    }
    uint64_t counts = fell ? d->range - d->raw + raw : raw - d->raw;
    if (fell && (!d->range || (double)counts * d->unit_j > possible_j)) {
        domain_fail(d, "it fell from %llu to %llu: it was reset", (unsigned long long)d->raw, (unsigned long long)raw);
        return;
    }
    if ((double)counts * d->unit_j > possible_j) {
        domain_fail(d, "it rose by %.3g J in %.3g s, which no machine draws", (double)counts * d->unit_j, since_s);
        return;
    }
    d->counts += counts;
    d->wraps += fell;
    d->raw = raw;
    d->read_ns = now_ns;
}

void domain_update(struct domain *d, uint64_t now_ns) {
    struct error err = {0};
    uint64_t raw;
    if (d->failed)
        return;
    if (d->read(d, &raw, &err) < 0)
        domain_fail(d, "%s", err.message);
    else
        domain_advance(d, raw, now_ns);
}

size_t domains_gpu_count(const struct domains *domains) {
    size_t count = 0;
    for (size_t i = 0; i < domains->count; i++)
        count += domains->list[i].class == DOMAIN_GPU && domains->list[i].counted;
    return count;
}
