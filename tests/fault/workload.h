/*
 * The workload of the store's own tests: eight keys with outs of every sort. Outs are empty, small, larger than a page,
 * executable, directories, or shared by two keys. The number of a key gives its outs, so the tests can check everything
 * that a store serves.
 */
#ifndef RETORT_TESTS_FAULT_WORKLOAD_H
#define RETORT_TESTS_FAULT_WORKLOAD_H

#include "store/store.h"

enum { WORKLOAD_KEYS = 8 };

/* Puts the outs of key `i` into the store and queues its record. */
int workload_produce(struct store *s, unsigned i, struct error *err);

/* Makes key `i` once more: its record says that it took longer, and the earlier ones are withdrawn. And whether such a
   record counts. */
int workload_make_again(struct store *s, unsigned i, struct error *err);
bool workload_is_made_again(struct store *s, unsigned i);

/* Writes the run of `s` as one that ended well and used the keys from..to-1. */
int workload_run_write(struct store *s, unsigned from, unsigned to, struct error *err);

enum workload_state {
    WORKLOAD_UNKNOWN, /* the store has no record, or noticed that it does not count */
    WORKLOAD_RIGHT,   /* record and every byte of its outs are as produced */
    WORKLOAD_REFUSED, /* an error; `err` says which */
    WORKLOAD_WRONG    /* something else was served; `err` says what */
};

/* Asks for the record of key `i` and takes its outs out, to below `scratch` (made and removed). */
enum workload_state workload_check(struct store *s, unsigned i, const char *scratch, struct error *err);

/* Whether the store has at least so many runs, and every key of theirs is among those that are known. */
int workload_runs_check(struct store *s, size_t at_least, const bool known[WORKLOAD_KEYS], struct error *err);

/* A file of the project beside the store, written anew; and whether the store gives its digest. */
int workload_project_write(const char *path, struct error *err);
enum workload_state workload_project_check(struct store *s, const char *path, struct error *err);

#endif
