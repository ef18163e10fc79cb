/* Pipelines read from texts; files are written to a folder of the program's own. */
#ifndef RETORT_TESTS_UNIT_ENGINE_PIPELINE_FIXTURE_H
#define RETORT_TESTS_UNIT_ENGINE_PIPELINE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/pipeline/pipeline.h"

static char folder[64];
static char old_folder[4096];

static inline int setup(void **state) {
    (void)state;
    strcpy(folder, "/tmp/retort-pipeline-XXXXXX");
    return getcwd(old_folder, sizeof old_folder) && mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static inline int teardown(void **state) {
    (void)state;
    return chdir(old_folder) == 0 && file_remove_tree(folder, NULL) == 0 ? 0 : -1;
}

static inline void write_file(const char *name, const char *text) {
    FILE *f = fopen(name, "w"); /* no sync: some tests write thousands */
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* Reads `text` as p.json with `--set` arguments; what is printed goes to `messages`. */
static inline struct pipeline *read_with(const char *text, const char *const *sets, size_t count,
                                         struct buffer *messages) {
    struct override *overrides = mem_array(count, sizeof *overrides);
    struct diagnostics diagnostics = {0};
    struct error err = {0};
    struct pipeline *p = NULL;
    write_file("p.json", text);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(override_parse(&overrides[i], sets[i], &err), 0);
    const struct pipeline_source source = {.path = "p.json", .overrides = overrides, .override_count = count};
    int rc = pipeline_read(&p, &source, &diagnostics, &err);
    diagnostics_print(messages, &diagnostics);
    assert_true((rc == 0) == (diagnostics.errors == 0));
    assert_true((rc == 0) == (p != NULL));
    diagnostics_close(&diagnostics);
    for (size_t i = 0; i < count; i++)
        override_close(&overrides[i]);
    free(overrides);
    return p;
}

static inline struct pipeline *read_good(const char *text) {
    struct buffer messages = {0};
    struct pipeline *p = read_with(text, NULL, 0, &messages);
    if (!p)
        fail_msg("%s", buffer_text(&messages));
    assert_string_equal(buffer_text(&messages), "");
    buffer_close(&messages);
    return p;
}

static inline void expect_fault(const char *text, const char *const *sets, size_t count, const char *message) {
    struct buffer messages = {0};
    struct pipeline *p = read_with(text, sets, count, &messages);
    assert_null(p);
    if (!strstr(buffer_text(&messages), message))
        fail_msg("no \"%s\" in:\n%s", message, buffer_text(&messages));
    buffer_close(&messages);
}

static inline void assert_json(const cJSON *json, const char *canonical) {
    char *text = json_canonical_text(json);
    assert_string_equal(text, canonical);
    free(text);
}

static inline const struct stage_decl *stage(const struct pipeline *p, const char *name) {
    const struct stage_decl *s = pipeline_stage(p, name);
    if (!s)
        fail_msg("no stage %s", name);
    return s;
}

#endif
