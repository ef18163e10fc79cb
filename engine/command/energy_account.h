/*
 * Joules of a run, each counted once.
 *
 *   spent   every attempt of the run, failed ones too (the rows of runs/<id>.json); of a killed run, every record that
 *           it and its keepers left
 *   saved   the cost of its known keys in their records, with the attempts that were interrupted before; each key once,
 *           however many stages share it
 *
 * Figures of different labels or sources are never added up: a row holds one of each.
 */
#ifndef RETORT_ENGINE_COMMAND_ENERGY_ACCOUNT_H
#define RETORT_ENGINE_COMMAND_ENERGY_ACCOUNT_H

#include "engine/base/bytemap.h"
#include "store/run_file.h"
#include "store/store.h"

enum energy_by { ENERGY_BY_INSTANCE, ENERGY_BY_STAGE, ENERGY_BY_KIND, ENERGY_BY_SOURCE };

/* Joules are NaN if no part of the sum is known. */
struct energy_row {
    char *key;                          /* name, label and source, which identify the row */
    char *name, *kind, *label, *source; /* kind NULL: several */
    double spent_j, saved_j;
    double uncertainty_j; /* of both sums; NaN: no bound is known */
    double cpu_s, wall_s; /* NaN: one is not known */
    size_t count;         /* attempts and records */
    size_t saved_count;   /* of them, records of known stages */
};

struct energy_account {
    enum energy_by by;
    struct energy_row **rows;
    size_t count, capacity;
    struct bytemap index; /* the rows by their keys */
    struct energy_row **totals;
    size_t total_count, total_capacity; /* one per label */
};

/* Reads the energy of a run. Missing records count for nothing. ERR_CORRUPT for a damaged one among the attempts of
   a killed run. The caller closes `out` in any case. */
int energy_account_read(struct energy_account *out, struct store *store, const struct run_file *run, enum energy_by by,
                        struct error *err);
void energy_account_close(struct energy_account *a);

#endif
