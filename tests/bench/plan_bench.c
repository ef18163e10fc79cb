/*
 * The time of the planner alone: every fact and every result is answered at once. Prints CPU time and memory for each
 * instance; asserts nothing.
 *
 *   plan_bench [INSTANCES [STUDY]]        default 100000, every study
 *
 *   matrix     one matrix of two axes, each instance a command
 *   kind       the same, each instance a built-in kind
 *   separate   stages of one instance, each on one of ten others; 10,000 at most
 *   like       three matrix stages, one on the other, and one that collects the last
 *   select     a matrix whose metrics a select reduces, ten to a group; the last column is the select alone
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/plan/plan.h"

static int file_content(void *context, const char *path, struct content *out, struct error *err) {
    (void)context, (void)err;
    sha256_bytes(&out->digest, path, strlen(path));
    return 0;
}

static int program(void *context, const char *name, const char *search, struct digest *out, struct error *err) {
    (void)context, (void)search, (void)err;
    sha256_bytes(out, name, strlen(name));
    return 0;
}

static const cJSON *packages(void *context, const char *name, const char *search) {
    (void)context, (void)name, (void)search;
    return NULL;
}

static const char *stage_path(void *context, const struct stage_decl *stage) {
    (void)context, (void)stage;
    return "";
}

static cJSON *machine(void *context) {
    (void)context;
    return cJSON_CreateObject();
}

static double estimate(void *context, const struct instance *i) {
    (void)context, (void)i;
    return 1;
}

/* ---- studies ---- */

static void put_axis(struct buffer *b, const char *name, int count) {
    buffer_printf(b, "\"%s\":[", name);
    for (int i = 1; i <= count; i++)
        buffer_printf(b, "%s%d", i > 1 ? "," : "", i);
    buffer_puts(b, "]");
}

static void put_matrix(struct buffer *b, int instances, int seeds) {
    int sizes = instances / seeds;
    buffer_puts(b, "\"matrix\":{");
    put_axis(b, "size", sizes ? sizes : 1);
    buffer_puts(b, ",");
    put_axis(b, "seed", seeds);
    buffer_puts(b, "}");
}

static void put_train(struct buffer *b, int instances, int seeds) {
    buffer_puts(
        b, "\"a\":{\"cmd\":[\"train\",\"${in.script}\",\"${matrix.size}\",\"--seed=${matrix.seed}\",\"${outs.m}\"],"
           "\"in\":{\"script\":\"train.py\"},\"outs\":{\"m\":{\"path\":\"m.json\",\"type\":\"metrics\"}},");
    put_matrix(b, instances, seeds);
    buffer_puts(b, "}");
}

static void put_matrix_study(struct buffer *b, int instances) {
    put_train(b, instances, 100);
}

static void put_kind_study(struct buffer *b, int instances) {
    buffer_puts(b, "\"a\":{\"uses\":\"link/baseline@1\",\"with\":{\"receiver\":\"ls\",\"seed\":\"${matrix.seed}\","
                   "\"slots\":\"${matrix.size}\"},");
    put_matrix(b, instances, 100);
    buffer_puts(b, "}");
}

static void put_separate_study(struct buffer *b, int instances) {
    for (int i = 0; i < instances && i < 10000; i++) {
        buffer_printf(b, "%s\"s%d\":{\"cmd\":[\"cp\",\"${in.i}\",\"${outs.o}\"],\"outs\":{\"o\":\"out\"},",
                      i ? "," : "", i);
        if (i < 10)
            buffer_puts(b, "\"in\":{\"i\":\"in.txt\"},");
        else
            buffer_printf(b, "\"in\":{\"i\":\"${stages.s%d.outs.o}\"},", (i - 10) / 10);
        buffer_printf(b, "\"env\":{\"N\":\"%d\"}}", i);
    }
}

static void put_like_study(struct buffer *b, int instances) {
    put_train(b, instances / 3, 100);
    for (int i = 0; i < 2; i++)
        buffer_printf(b,
                      ",\"%c\":{\"cmd\":[\"eval\",\"${in.m}\",\"${outs.m}\"],\"in\":{\"m\":\"${stages.%c.outs.m}\"},"
                      "\"outs\":{\"m\":\"m\"},\"matrix\":{\"like\":\"a\"}}",
                      'b' + i, 'a' + i);
    buffer_puts(b, ",\"all\":{\"cmd\":[\"plot\",\"${in.x}\"],\"in\":{\"x\":\"${stages.c[*].outs.m}\"}}");
}

static void put_select_study(struct buffer *b, int instances) {
    put_train(b, instances, 10);
    buffer_puts(b, ",\"best\":{\"select\":{\"from\":\"a\",\"group_by\":[\"size\"],\"minimize\":\"metrics.loss\"}}");
}

static const struct study {
    const char *name;
    void (*put)(struct buffer *b, int instances);
} studies[] = {{"matrix", put_matrix_study},
               {"kind", put_kind_study},
               {"separate", put_separate_study},
               {"like", put_like_study},
               {"select", put_select_study}};

/* ---- measuring ---- */

static double cpu_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double peak_bytes(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss * 1024;
}

static double lap_ms(double *since) {
    double now = cpu_ms(), ms = now - *since;
    *since = now;
    return ms;
}

/* Answers one wave after another until nothing is left. Returns the milliseconds of the last call of plan_advance,
   which decides a select. */
static double answer_all(struct plan *p, size_t *keyed) {
    struct content outs[8] = {0};
    struct diagnostics faults = {0};
    double last = 0;
    cJSON *metrics = cJSON_CreateObject(), *loss = cJSON_AddNumberToObject(metrics, "loss", 0);
    cJSON_AddNumberToObject(metrics, "accuracy", 1);
    for (size_t before = (size_t)-1; *keyed != before;) {
        double since = cpu_ms();
        before = *keyed;
        if (plan_advance(p, &faults, NULL))
            break;
        last = lap_ms(&since);
        for (struct instance *i; (i = plan_next(p)); ++*keyed) {
            cJSON_SetNumberValue(loss, (double)((i->index * 7919) % 1000));
            for (size_t k = 0; k < i->decl->out_count && k < 8; k++)
                outs[k].digest = i->key;
            plan_finish(p, i, outs, metrics);
        }
    }
    diagnostics_close(&faults);
    cJSON_Delete(metrics);
    return last;
}

static int measure(const struct study *study, const char *path) {
    struct pipeline *pipeline = NULL;
    struct plan *p = NULL;
    struct diagnostics d = {0};
    struct error err = {0};
    const struct plan_facts facts = {.file_content = file_content,
                                     .program = program,
                                     .packages = packages,
                                     .stage_path = stage_path,
                                     .machine = machine};
    double since = cpu_ms();
    int rc = pipeline_read(&pipeline, &(struct pipeline_source){.path = path}, &d, &err);
    double read_ms = lap_ms(&since), before = peak_bytes();
    if (rc == 0)
        rc = plan_create(&p, pipeline, &facts, NULL, 0, &err);
    if (rc) {
        fprintf(stderr, "plan_bench: %s: %s\n", study->name, err.message);
        goto out;
    }
    double expand_ms = lap_ms(&since);
    size_t count = 0;
    double last_ms = answer_all(p, &count);
    double key_ms = lap_ms(&since);
    plan_order(p, estimate, NULL);
    double order_ms = lap_ms(&since), n = (double)count;
    printf("%-9s %8zu instances: read %7.1f ms, expand %5.2f us, key and finish %5.2f us, order %5.2f us, %5.0f bytes "
           "each",
           study->name, count, read_ms, expand_ms * 1e3 / n, key_ms * 1e3 / n, order_ms * 1e3 / n,
           (peak_bytes() - before) / n);
    if (study->put == put_select_study)
        printf(", select %.1f ms", last_ms);
    printf("\n");
out:
    plan_free(p);
    pipeline_free(pipeline);
    diagnostics_close(&d);
    return rc ? 1 : 0;
}

/* In a process of its own, so that the peak of memory is its own. */
static int measure_apart(const struct study *study, int instances) {
    char path[64];
    struct buffer b = {0};
    int status = 1;
    buffer_puts(&b, "{\"retort\":1,\"name\":\"bench\",\"stages\":{");
    study->put(&b, instances);
    buffer_puts(&b, "}}");
    snprintf(path, sizeof path, "/tmp/retort-plan-bench-%d.json", (int)getpid());
    if (file_replace(path, b.data, b.size, 0644, NULL) == 0) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0)
            exit(measure(study, path));
        waitpid(child, &status, 0);
    }
    unlink(path);
    buffer_close(&b);
    return status;
}

int main(int argc, char **argv) {
    int instances = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 100000, failed = 0;
    for (size_t i = 0; i < sizeof studies / sizeof *studies; i++)
        if (argc < 3 || strcmp(argv[2], studies[i].name) == 0)
            failed |= measure_apart(&studies[i], instances < 1000 ? 1000 : instances);
    return failed ? 1 : 0;
}
