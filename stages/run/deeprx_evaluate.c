#include <stdio.h>
#include <stdlib.h>

#include "engine/base/json.h"
#include "stages/run/count.h"
#include "stages/run/kind_functions.h"
#include "stages/run/link_params.h"

static void job_read(struct count_job *job, const struct stage *s) {
    const cJSON *with = stage_with(s);
    int pilots = (int)stage_integer(s, "pilots");
    *job = (struct count_job){
        .seed = (uint64_t)stage_integer(s, "seed"),
        .slots = (size_t)stage_integer(s, "slots"),
        .demapper = link_demapper_read(stage_text(s, "demapper")),
    };
    link_config_read(&job->link, cJSON_GetObjectItemCaseSensitive(with, "link"));
    if (pilots)
        job->link.pilots = pilots;
    const cJSON *name;
    cJSON_ArrayForEach(name, cJSON_GetObjectItemCaseSensitive(with, "receivers")) {
        enum link_receiver receiver = receiver_read(name->valuestring);
        bool known = false;
        for (size_t i = 0; i < job->receiver_count; i++)
            known = known || job->receivers[i] == receiver;
        if (!known)
            job->receivers[job->receiver_count++] = receiver;
    }
}

static int results_write(struct stage *s, const struct curve *curves, size_t count, struct error *err) {
    int rc = curves_write(s, "ber", curves, count, err);
    for (size_t i = 0; i < count && !rc; i++) {
        char prefix[32] = "";
        if (i > 0)
            snprintf(prefix, sizeof prefix, "%s_", curves[i].name);
        rc = curve_results(s, prefix, &curves[i], err);
    }
    return rc;
}

int run_deeprx_evaluate(struct stage *s, struct error *err) {
    struct count_job job;
    struct network_model model = {0};
    struct curve curves[1 + COUNT_MAX_RECEIVERS] = {0};
    size_t given;
    struct parallel *p = NULL;
    job_read(&job, s);
    double *grid = grid_read(&job.points, cJSON_GetObjectItemCaseSensitive(stage_with(s), "sinr_db"));
    job.sinr_db = grid;
    int rc = network_model_open(&model, stage_input(s, "model", &given)->path, err);
    if (rc || (rc = network_model_fits(&model, &job.link, err)))
        goto out;
    job.model = &model;
    p = parallel_create(stage_cpus(s));
    if (!p)
        rc = error_set(err, ERR_FAILED, "no threads can be had");
    else if (!(rc = count_run(curves, &job, p, s, err)))
        rc = results_write(s, curves, 1 + job.receiver_count, err);
out:
    curves_free(curves, 1 + COUNT_MAX_RECEIVERS);
    parallel_free(p);
    network_model_close(&model);
    free(grid);
    return rc;
}
