/* Rows that belong together, and the mean of a value over them. */
#ifndef RETORT_STAGES_RUN_GROUP_H
#define RETORT_STAGES_RUN_GROUP_H

#include <cJSON.h>
#include <stddef.h>

#include "stages/run/rows.h"

struct group {
    char *key;    /* the values of the names, one after another */
    size_t *rows; /* indices into the rows */
    size_t count, capacity;
};

struct groups {
    struct group *group;
    size_t count, capacity;
};

/* Groups the rows of `within` (NULL: all) by their values of `names`, an array of texts. Groups and their rows keep the
   order of the rows. */
void groups_make(struct groups *out, const struct rows *rows, const struct group *within, const cJSON *names);
void groups_close(struct groups *g);

enum spread { SPREAD_STD, SPREAD_RANGE, SPREAD_NONE };
enum spread spread_read(const char *name);

struct mean {
    double value;
    double low, high; /* as the spread says; the value itself where there is none */
    size_t count;     /* 0: no row has the value */
    bool has_spread;  /* it is asked for, and there are two values */
    size_t left_out;  /* rows whose value is NaN or infinite */
    double other;     /* the first of those */
};

/* The mean of `name` over a group's rows. ERR_INVALID when two of them are alike in `average_over` ("" : when there are
   two): then it would hide a difference that nobody named. */
int group_mean(struct mean *out, const struct rows *rows, const struct group *g, const char *name,
               const char *average_over, enum spread spread, struct error *err);

/* Appends the name of a group: "scratch, pilots=1". `names`: an array of texts. */
void group_name(struct buffer *out, const struct rows *rows, const struct group *g, const cJSON *names);

#endif
