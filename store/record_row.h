/* Reads from the tree of a record what the index holds of it. */
#ifndef RETORT_STORE_RECORD_ROW_H
#define RETORT_STORE_RECORD_ROW_H

#include "store/store.h"

/* The columns of a record in the index. The texts point into its tree. */
struct record_row {
    const cJSON *record;
    struct digest key;
    const char *stage, *kind, *platform; /* kind NULL: a command */
    double wall_s;                       /* NAN: not said */
};

/* Reads the columns. ERR_INVALID when the tree is no record. */
int record_row_read(struct record_row *row, const cJSON *tree, struct error *err);

/* The same from text; the caller deletes the tree. */
int record_row_parse(struct record_row *row, cJSON **tree, const char *json, size_t length, struct error *err);

/* Bytes of an instance's name that are its stage's: 7 of "scratch[size=7]". */
int record_declared_length(const char *stage);

/* Calls `visit` (NULL: only checks) for each out of a record until it returns an error. ERR_INVALID for members that
   are no outs. */
typedef int record_visit(void *context, const char *name, const struct object *o, struct error *err);
int record_outs(const cJSON *record, record_visit *visit, void *context, struct error *err);

/* store_object_require for each out. */
int record_require(struct store *s, const cJSON *record, struct error *err);

#endif
