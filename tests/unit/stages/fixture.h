/* Runs one kind in a scratch directory, as retort-stage would; shared by the tests of this folder. */
#ifndef RETORT_TESTS_UNIT_STAGES_FIXTURE_H
#define RETORT_TESTS_UNIT_STAGES_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/buffer.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/sha256.h"
#include "stages/kinds/kind.h"
#include "stages/stage.h"

struct given {
    const char *input, *path, *labels; /* labels: JSON text or NULL */
};

/* A scratch directory; the caller frees the path and removes the tree. */
static inline char *fixture_directory(void) {
    const char *base = getenv("TMPDIR");
    char *path = mem_printf("%s/retort-stages-XXXXXX", base && *base ? base : "/tmp");
    assert_non_null(mkdtemp(path));
    return path;
}

static inline void fixture_remove(char *directory) {
    struct error err = {0};
    assert_int_equal(file_remove_tree(directory, &err), 0);
    free(directory);
}

static inline char *fixture_write(const char *directory, const char *name, const void *bytes, size_t size) {
    struct error err = {0};
    char *path = path_join(directory, name);
    assert_int_equal(file_replace(path, bytes, size, 0644, &err), 0);
    return path;
}

static inline char *fixture_read(const char *directory, const char *name, size_t *size) {
    struct buffer text = {0};
    struct error err = {0};
    char *path = path_join(directory, name);
    int rc = file_read(&text, path, (size_t)1 << 30, &err);
    if (rc)
        fail_msg("%s", err.message);
    if (size)
        *size = text.size;
    free(path);
    return buffer_detach(&text);
}

/* One item of an input, as the spec shows it. */
static inline void fixture_item(struct buffer *spec, const struct given *g) {
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    struct error err = {0};
    if (sha256_file(&digest, NULL, g->path, &err))
        fail_msg("%s", err.message);
    digest_hex(hex, &digest);
    buffer_puts(spec, "{\"path\":");
    json_string(spec, g->path);
    buffer_puts(spec, ",\"name\":");
    json_string(spec, path_base(g->path));
    buffer_printf(spec, ",\"sha256\":\"%s\",\"executable\":false,\"labels\":%s}", hex, g->labels ? g->labels : "{}");
}

/* Writes spec.json; outs go into the directory. `given` ends with an entry whose input is NULL; items of one input
   follow one another. The caller frees the path. */
static inline char *fixture_spec(const char *directory, const char *uses, const char *with, const struct given *given,
                                 int cpus) {
    const struct kind *kind;
    struct error err = {0};
    struct buffer spec = {0};
    assert_int_equal(kind_find(&kind, uses, &err), 0);
    buffer_printf(&spec, "{\"retort_spec\":1,\"kind\":\"%s\",\"with\":%s,\"cpus\":%d,\"in\":{", uses, with, cpus);
    for (size_t i = 0; given && given[i].input; i++) {
        bool list = kind_input(kind, given[i].input)->list;
        bool first = i == 0 || strcmp(given[i - 1].input, given[i].input) != 0;
        bool last = !given[i + 1].input || strcmp(given[i + 1].input, given[i].input) != 0;
        if (i)
            buffer_putc(&spec, ',');
        if (first)
            buffer_printf(&spec, "\"%s\":%s", given[i].input, list ? "[" : "");
        fixture_item(&spec, &given[i]);
        if (last && list)
            buffer_putc(&spec, ']');
    }
    buffer_puts(&spec, "},\"outs\":{");
    for (size_t i = 0; i < kind->out_count; i++) {
        char *path = path_join(directory, kind->outs[i].path);
        buffer_printf(&spec, "%s\"%s\":{\"type\":\"%s\",\"path\":", i ? "," : "", kind->outs[i].name,
                      kind->outs[i].type);
        json_string(&spec, path);
        buffer_putc(&spec, '}');
        free(path);
    }
    buffer_puts(&spec, "}}");
    char *path = fixture_write(directory, "spec.json", spec.data, spec.size);
    buffer_close(&spec);
    return path;
}

/* Runs a spec; what retort-stage does. */
static inline int fixture_run_spec(const char *spec, struct error *err) {
    struct stage *s = NULL;
    int rc = stage_open(&s, spec, err);
    if (!rc)
        rc = stage_find(stage_kind(s))(s, err);
    if (!rc)
        rc = stage_finish(s, err);
    stage_close(s);
    return rc;
}

static inline int fixture_run(const char *directory, const char *uses, const char *with, const struct given *given,
                              int cpus, struct error *err) {
    char *spec = fixture_spec(directory, uses, with, given, cpus);
    int rc = fixture_run_spec(spec, err);
    free(spec);
    return rc;
}

/* Runs it in a new directory, which the caller removes, and expects it to succeed. */
static inline char *fixture_success(const char *uses, const char *with, const struct given *given, int cpus) {
    struct error err = {0};
    char *directory = fixture_directory();
    if (fixture_run(directory, uses, with, given, cpus, &err))
        fail_msg("%s", err.message);
    return directory;
}

/* Runs it and expects an error whose message holds `part`. */
static inline void fixture_failure(const char *uses, const char *with, const struct given *given, const char *part) {
    struct error err = {0};
    char *directory = fixture_directory();
    assert_true(fixture_run(directory, uses, with, given, 1, &err) < 0);
    if (!strstr(err.message, part))
        fail_msg("\"%s\" does not hold \"%s\"", err.message, part);
    fixture_remove(directory);
}

static inline double fixture_metric(const char *directory, const char *name) {
    struct json_document *doc = NULL;
    struct error err = {0};
    char *path = path_join(directory, "metrics.json");
    assert_int_equal(json_read(&doc, path, NULL, &err), 0);
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(json_root(doc), name);
    if (!value)
        fail_msg("no metric %s", name);
    double number = value->valuedouble;
    json_free(doc);
    free(path);
    return number;
}

static inline void fixture_same_file(const char *a, const char *b, const char *name) {
    size_t size_a, size_b;
    char *x = fixture_read(a, name, &size_a), *y = fixture_read(b, name, &size_b);
    assert_int_equal(size_a, size_b);
    assert_memory_equal(x, y, size_a);
    free(x);
    free(y);
}

#endif
