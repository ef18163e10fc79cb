/*
 * Counts bit errors over a grid of SINR: of a network, and of classical receivers on the very same slots. Slot j of
 * point i is slot j * points + i of (seed, stream). So the points are independent, and more slots keep the first ones.
 * The counts do not depend on the number of threads: slots are made and judged one by one, the network sees fixed
 * batches.
 */
#ifndef RETORT_STAGES_RUN_COUNT_H
#define RETORT_STAGES_RUN_COUNT_H

#include "kernels/deeprx.h"
#include "kernels/link.h"
#include "stages/curve.h"
#include "stages/run/network_model.h"
#include "stages/stage.h"

enum { COUNT_MAX_RECEIVERS = 3 };

struct count_job {
    struct link_config link;
    uint64_t seed;
    const double *sinr_db;
    size_t points, slots;              /* slots of each point */
    const struct network_model *model; /* NULL: classical receivers only */
    enum link_receiver receivers[COUNT_MAX_RECEIVERS];
    size_t receiver_count;
    enum link_demapper demapper;
};

/* Of a classical receiver's name: "ls", "lmmse", "genie". */
enum link_receiver receiver_read(const char *name);

/* Reads a list of numbers; the caller frees. */
double *grid_read(size_t *count, const cJSON *list);

/* Fills curves[0] with the network's (when there is a model) and one more for each receiver, with memory of their own.
   Progress goes to `s`. 0, STAGE_INTERRUPTED, or an error. */
int count_run(struct curve *curves, const struct count_job *job, struct parallel *p, struct stage *s,
              struct error *err);
void curves_free(struct curve *curves, size_t count);

/* The results of a curve under a prefix ("ls_"): gm_ber, floored, and sinr_db_at_1e-3 where it is reached. */
int curve_results(struct stage *s, const char *prefix, const struct curve *c, struct error *err);

/* Writes the out `csv` and the out "json". */
int curves_write(const struct stage *s, const char *csv, const struct curve *curves, size_t count, struct error *err);

#endif
