#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "stages/kinds/shared.h"
#include "stages/run/count.h"
#include "stages/run/kind_functions.h"
#include "stages/run/link_params.h"

/* A flat channel: one symbol at a time over `branches` antennas, combined by maximum ratio. */
struct flat {
    int bits, branches;
    bool fading; /* Rayleigh; else AWGN */
    uint64_t seed;
    enum link_demapper demapper;
};

enum { FLAT_SYMBOLS = 2016 }; /* of a block: the unit of work */

struct flat_job {
    struct flat flat;
    const double *sinr_db;
    size_t points, blocks; /* blocks of each point */
    size_t point;          /* the one at work */
    uint64_t *errors;      /* [blocks] */
};

/* One branch's share of sum conj(h) y and of sum |h|^2, y = h x + n, for each symbol. */
static void branch_receive(float complex *sum, float *gain, const float complex *x, struct rng *r, const struct flat *f,
                           float deviation) {
    float normal[4 * FLAT_SYMBOLS];
    rng_fill_normal(r, normal, COUNT_OF(normal), (float)M_SQRT1_2);
    for (size_t i = 0; i < FLAT_SYMBOLS; i++) {
        const float *n = normal + 4 * i;
        float complex h = f->fading ? n[0] + n[1] * I : 1.0F;
        float complex y = h * x[i] + (n[2] + n[3] * I) * deviation;
        sum[i] += conjf(h) * y;
        gain[i] += crealf(h) * crealf(h) + cimagf(h) * cimagf(h);
    }
}

/* z = sum conj(h) y / sum |h|^2 = x + noise of variance N0 / sum |h|^2. */
static void flat_receive(float complex *z, float *variance, const float complex *x, const struct flat *f,
                         uint32_t index, double noise_var) {
    float gain[FLAT_SYMBOLS] = {0};
    struct rng r;
    memset(z, 0, FLAT_SYMBOLS * sizeof *z);
    for (int l = 0; l < f->branches; l++) {
        rng_init(&r, f->seed, RNG_BASELINE, index, 1 + (uint32_t)l);
        branch_receive(z, gain, x, &r, f, (float)sqrt(noise_var));
    }
    for (size_t i = 0; i < FLAT_SYMBOLS; i++) {
        z[i] /= gain[i];
        variance[i] = (float)noise_var / gain[i];
    }
}

static uint64_t flat_errors(const struct flat *f, double snr_db, uint32_t index) {
    uint8_t bits[FLAT_SYMBOLS * MAX_BITS];
    float complex x[FLAT_SYMBOLS], z[FLAT_SYMBOLS];
    float variance[FLAT_SYMBOLS], llr[FLAT_SYMBOLS * MAX_BITS];
    struct rng r;
    uint64_t errors = 0;
    size_t count = FLAT_SYMBOLS * (size_t)f->bits;
    rng_init(&r, f->seed, RNG_BASELINE, index, 0);
    for (size_t i = 0; i < count; i++)
        bits[i] = rng_u32(&r) & 1;
    qam_modulate(x, bits, FLAT_SYMBOLS, f->bits);
    flat_receive(z, variance, x, f, index, pow(10, -snr_db / 10));
    qam_demap(llr, z, variance, FLAT_SYMBOLS, f->bits, f->demapper);
    for (size_t i = 0; i < count; i++)
        errors += (llr[i] > 0) != (bits[i] != 0);
    return errors;
}

static void flat_block(void *context, size_t block, int thread) {
    struct flat_job *job = context;
    (void)thread;
    uint32_t index = (uint32_t)(block * job->points + job->point);
    job->errors[block] = flat_errors(&job->flat, job->sinr_db[job->point], index);
}

static bool is_fading(const struct stage *s) {
    return strcmp(stage_text(s, "receiver"), "rayleigh") == 0;
}

static struct curve flat_curve(const struct stage *s, const double *grid, size_t points) {
    struct curve c = {stage_text(s, "receiver"), mem_array(points, sizeof *c.points), points};
    for (size_t i = 0; i < points; i++)
        c.points[i].sinr_db = grid[i];
    return c;
}

static int flat_simulate(struct curve *c, struct flat_job *job, struct parallel *p, struct stage *s) {
    job->errors = mem_array(job->blocks, sizeof *job->errors);
    for (job->point = 0; job->point < job->points && !stage_interrupted(s); job->point++) {
        uint64_t errors = 0;
        parallel_for(p, job->blocks, flat_block, job);
        for (size_t b = 0; b < job->blocks; b++)
            errors += job->errors[b];
        curve_count(&c->points[job->point], errors, (uint64_t)job->blocks * FLAT_SYMBOLS * (uint64_t)job->flat.bits);
        stage_progress(s, (double)(job->point + 1), (double)job->points, "point");
    }
    free(job->errors);
    return job->point < job->points ? STAGE_INTERRUPTED : 0;
}

static void flat_closed_form(struct curve *c, const struct flat *f) {
    for (size_t i = 0; i < c->count; i++) {
        double es_n0 = pow(10, c->points[i].sinr_db / 10);
        c->points[i].ber =
            f->fading ? ber_rayleigh(f->bits, es_n0, f->branches) : ber_awgn(f->bits, f->branches * es_n0);
    }
}

/* A closed form knows where it reaches 1e-3 better than the line between two points does. */
static int closed_form_results(struct stage *s, const struct curve *c, const struct link_config *link,
                               struct error *err) {
    int branches = (int)stage_integer(s, "branches");
    bool fading = is_fading(s);
    size_t floored;
    double at_db = ber_inverse_db(link->bits, fading ? branches : 0, 1e-3) - (fading ? 0 : 10 * log10(branches));
    int rc = stage_result(s, "gm_ber", curve_gm_ber(c, &floored), err);
    if (!rc)
        rc = stage_result(s, "floored", (double)floored, err);
    if (!rc && at_db > c->points[0].sinr_db && at_db <= c->points[c->count - 1].sinr_db)
        rc = stage_result(s, "sinr_db_at_1e-3", at_db, err);
    return rc;
}

static int flat_run(struct curve *c, struct stage *s, const struct link_config *link, struct parallel *p,
                    struct error *err) {
    struct flat_job job = {.flat = {link->bits, (int)stage_integer(s, "branches"), is_fading(s),
                                    (uint64_t)stage_integer(s, "seed"), link_demapper_read(stage_text(s, "demapper"))}};
    double *grid = grid_read(&job.points, cJSON_GetObjectItemCaseSensitive(stage_with(s), "sinr_db"));
    size_t symbols = (size_t)stage_integer(s, "slots") * link_data_elements(link); /* as many as slots would have */
    int rc = 0;
    job.sinr_db = grid;
    job.blocks = (symbols + FLAT_SYMBOLS - 1) / FLAT_SYMBOLS;
    *c = flat_curve(s, grid, job.points);
    if (job.points * job.blocks > UINT32_MAX)
        rc = error_set(err, ERR_INVALID, "%zu points of %zu blocks are more than a stream has", job.points, job.blocks);
    else if (stage_boolean(s, "simulate"))
        rc = flat_simulate(c, &job, p, s);
    else
        flat_closed_form(c, &job.flat);
    free(grid);
    return rc;
}

static int link_run(struct curve *c, struct stage *s, const struct link_config *link, struct parallel *p,
                    struct error *err) {
    struct count_job job = {
        .link = *link,
        .seed = (uint64_t)stage_integer(s, "seed"),
        .slots = (size_t)stage_integer(s, "slots"),
        .receivers = {receiver_read(stage_text(s, "receiver"))},
        .receiver_count = 1,
        .demapper = link_demapper_read(stage_text(s, "demapper")),
    };
    double *grid = grid_read(&job.points, cJSON_GetObjectItemCaseSensitive(stage_with(s), "sinr_db"));
    job.sinr_db = grid;
    int rc = count_run(c, &job, p, s, err);
    free(grid);
    return rc;
}

int run_link_baseline(struct stage *s, struct error *err) {
    struct link_config link;
    struct curve curve = {0};
    const char *receiver = stage_text(s, "receiver");
    bool flat = strcmp(receiver, "awgn") == 0 || strcmp(receiver, "rayleigh") == 0;
    link_config_read(&link, cJSON_GetObjectItemCaseSensitive(stage_with(s), "link"));
    struct parallel *p = parallel_create(stage_cpus(s));
    if (!p)
        return error_set(err, ERR_FAILED, "no threads can be had");
    int rc = flat ? flat_run(&curve, s, &link, p, err) : link_run(&curve, s, &link, p, err);
    if (!rc && !(rc = curves_write(s, "curve", &curve, 1, err)))
        rc = flat && !stage_boolean(s, "simulate") ? closed_form_results(s, &curve, &link, err)
                                                   : curve_results(s, "", &curve, err);
    curves_free(&curve, 1);
    parallel_free(p);
    return rc;
}
