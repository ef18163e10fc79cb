/* For a kind's own check of rules between its parameters, which reports faults like all others. */
#ifndef RETORT_STAGES_KINDS_KIND_CHECK_H
#define RETORT_STAGES_KINDS_KIND_CHECK_H

#include "stages/kinds/kind.h"

struct kind_checker {
    kind_is_open *is_open; /* may be NULL */
    kind_fault *report;    /* may be NULL */
    void *context;
    size_t faults;
};

/* Whether the value of `node` (may be NULL) is not known yet: then it is not checked. */
bool checker_open(const struct kind_checker *c, const cJSON *node);
/* Reports a fault at a node: `on_key` where the name of the member is wrong, else its value. */
void checker_fault(struct kind_checker *c, const cJSON *at, bool on_key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
