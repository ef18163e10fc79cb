/*
 * How long planning takes: a matrix of instances expanded, discovered and keyed, with every fact answered at once.
 * Prints figures, asserts nothing.
 *
 *   plan_bench [INSTANCES]        default 100000
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/plan/plan.h"

static int file_content(void *context, const char *path, struct content *out, struct error *err) {
    (void)context;
    (void)err;
    sha256_bytes(&out->digest, path, strlen(path));
    return 0;
}

static int program_digest(void *context, const char *program, struct digest *out, struct error *err) {
    (void)context;
    (void)err;
    sha256_bytes(out, program, strlen(program));
    return 0;
}

static cJSON *machine(void *context) {
    (void)context;
    return cJSON_CreateObject();
}

static double estimate(void *context, const struct instance *i) {
    (void)context;
    (void)i;
    return 1;
}

/* A quarter each: a source, one stage on it by equal axes, one with a pin, one of a kind; and one that collects all. */
static void write_study(const char *path, int instances) {
    struct buffer b = {0};
    int seeds = instances / 4 / 100 + 1;
    buffer_puts(
        &b, "{\"retort\":1,\"name\":\"bench\",\"stages\":{"
            "\"a\":{\"cmd\":[\"train\",\"${in.script}\",\"${matrix.size}\",\"--seed=${matrix.seed}\",\"${outs.o}\"],"
            "\"in\":{\"script\":\"train.py\"},\"outs\":{\"o\":\"o.bin\"},\"matrix\":{\"size\":[");
    for (int i = 0; i < 100; i++)
        buffer_printf(&b, "%s%d", i ? "," : "", i);
    buffer_puts(&b, "],\"seed\":[");
    for (int i = 0; i < seeds; i++)
        buffer_printf(&b, "%s%d", i ? "," : "", i);
    buffer_puts(&b,
                "]}},\"b\":{\"cmd\":[\"eval\",\"${in.m}\",\"${outs.o}\"],\"in\":{\"m\":\"${stages.a.outs.o}\"},"
                "\"outs\":{\"o\":\"o.bin\"},\"matrix\":{\"like\":\"a\"}},"
                "\"c\":{\"cmd\":[\"eval\",\"${in.m}\",\"${matrix.size}\",\"${outs.o}\"],"
                "\"in\":{\"m\":\"${stages.b[size=7].outs.o}\"},\"outs\":{\"o\":\"o.bin\"},\"matrix\":{\"like\":\"a\"}},"
                "\"d\":{\"uses\":\"link/baseline@1\",\"with\":{\"receiver\":\"ls\",\"seed\":\"${matrix.seed}\","
                "\"slots\":\"${matrix.size}\"},\"matrix\":{\"size\":[");
    for (int i = 1; i <= 100; i++)
        buffer_printf(&b, "%s%d", i > 1 ? "," : "", i);
    buffer_puts(&b, "],\"seed\":[");
    for (int i = 0; i < seeds; i++)
        buffer_printf(&b, "%s%d", i ? "," : "", i);
    buffer_puts(&b, "]}},\"all\":{\"cmd\":[\"plot\",\"${in.x}\"],\"in\":{\"x\":\"${stages.c[*].outs.o}\"},"
                    "\"outs\":{\"o\":\"o.svg\"}}}}");
    file_replace(path, b.data, b.size, 0644, NULL);
    buffer_close(&b);
}

static double lap_ms(uint64_t *since_ns) {
    uint64_t now = clock_monotonic_ns();
    double ms = (double)(now - *since_ns) / 1e6;
    *since_ns = now;
    return ms;
}

/* One wave after another until nothing is left; returns how many were keyed. */
static size_t answer_all(struct plan *p, size_t *waves) {
    struct content outs[8] = {0};
    struct diagnostics faults = {0};
    struct instance *i;
    size_t keyed = 0, before;
    do {
        before = keyed;
        if (plan_advance(p, &faults, NULL))
            break;
        for (; (i = plan_next(p)); keyed++) {
            for (size_t k = 0; k < i->decl->out_count && k < 8; k++)
                outs[k].digest = i->key;
            plan_finish(p, i, outs, NULL);
        }
        ++*waves;
    } while (keyed > before);
    diagnostics_close(&faults);
    return keyed;
}

int main(int argc, char **argv) {
    char path[64];
    int instances = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 100000;
    snprintf(path, sizeof path, "/tmp/retort-plan-bench-%d.json", (int)getpid());
    write_study(path, instances < 4 ? 4 : instances);

    struct pipeline *pipeline = NULL;
    struct plan *p = NULL;
    struct diagnostics d = {0};
    struct error err = {0};
    const struct plan_facts facts = {NULL, file_content, program_digest, machine};
    uint64_t since = clock_monotonic_ns();
    int rc = pipeline_read(&pipeline, path, NULL, 0, &d, &err);
    double read_ms = lap_ms(&since);
    if (rc == 0)
        rc = plan_create(&p, pipeline, &facts, NULL, 0, &err);
    if (rc) {
        fprintf(stderr, "plan_bench: %s\n", err.message);
        goto out;
    }
    double create_ms = lap_ms(&since);
    size_t waves = 0, keyed = answer_all(p, &waves);
    double key_ms = lap_ms(&since);
    plan_order(p, estimate, NULL);
    double order_ms = lap_ms(&since);
    printf("%zu instances keyed in %zu waves: read %.1f ms, expand %.1f ms, discover and key %.1f ms, order %.1f ms\n",
           keyed, waves, read_ms, create_ms, key_ms, order_ms);
out:
    unlink(path);
    plan_free(p);
    pipeline_free(pipeline);
    diagnostics_close(&d);
    return rc ? 1 : 0;
}
