/*
 * Joules of a run, no joule twice.
 *
 *   spent   every attempt that the run made, failed ones too (the rows of runs/<id>.json); of a run that was killed,
 *           every record that it and its keepers left
 *   saved   what the records of its known keys say that they cost when they ran, with the attempts that were
 *           interrupted on the way; one key once, however many stages share it
 *
 * Figures of different labels or sources are never added up: a row holds one of each.
 */
#ifndef RETORT_ENGINE_COMMAND_ENERGY_ACCOUNT_H
#define RETORT_ENGINE_COMMAND_ENERGY_ACCOUNT_H

#include "engine/base/bytemap.h"
#include "store/run_file.h"
#include "store/store.h"

enum energy_by { ENERGY_BY_INSTANCE, ENERGY_BY_STAGE, ENERGY_BY_KIND, ENERGY_BY_SOURCE };

/* Joules are NaN where none of what the row adds up is known. */
struct energy_row {
    char *key;                          /* name, label and source: what it is told apart by */
    char *name, *kind, *label, *source; /* kind NULL: several */
    double spent_j, saved_j;
    double uncertainty_j; /* of both; NaN: no bound is known */
    double cpu_s, wall_s;
    size_t count; /* attempts and records */
};

struct energy_account {
    enum energy_by by;
    struct energy_row **rows;
    size_t count, capacity;
    struct bytemap index; /* the rows by their keys */
    struct energy_row **totals;
    size_t total_count, total_capacity; /* one a label */
};

/* Records that are gone count for nothing; ERR_CORRUPT for a damaged one among the
   attempts of a run that was killed. Closed in any case. */
int energy_account_read(struct energy_account *out, struct store *store, const struct run_file *run, enum energy_by by,
                        struct error *err);
void energy_account_close(struct energy_account *a);

#endif
