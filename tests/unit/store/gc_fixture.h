/* Runs to be collected, collections, and what stands behind them; shared by the tests of gc. */
#ifndef RETORT_TESTS_UNIT_STORE_GC_FIXTURE_H
#define RETORT_TESTS_UNIT_STORE_GC_FIXTURE_H

#include "tests/unit/store/fixture.h"

enum { NAMES = 4 };

static inline char *make_run(const struct place *p, const char *pipeline, double status, const char *const names[NAMES],
                             bool commit) {
    struct store *s = open_store(p);
    struct error err = {0};
    cJSON *run = cJSON_CreateObject();
    ok(store_run_begin(s, pipeline, NULL, &err), err);
    char *id = mem_strdup(store_run_id(s));
    cJSON *stages = cJSON_AddArrayToObject(run, "stages");
    for (size_t i = 0; i < NAMES && names[i]; i++) {
        char hex[DIGEST_HEX_SIZE];
        cJSON *stage = cJSON_CreateObject();
        if (commit)
            commit_text(s, names[i], names[i]);
        cJSON_AddStringToObject(stage, "stage", names[i]);
        cJSON_AddStringToObject(stage, "key", hex_of(names[i], hex));
        cJSON_AddItemToArray(stages, stage);
    }
    cJSON_AddNumberToObject(run, "exit", status);
    ok(store_run_write(s, run, &err), err);
    cJSON_Delete(run);
    store_close(s);
    return id;
}

#define RUN(p, pipeline, ...) free(make_run((p), (pipeline), 0, (const char *const[NAMES]){__VA_ARGS__}, true))
#define RUN_AGAIN(p, pipeline, ...) free(make_run((p), (pipeline), 0, (const char *const[NAMES]){__VA_ARGS__}, false))

static inline struct gc_report collect_with(const struct place *p, const struct gc_options *options) {
    struct gc_report r;
    struct error err = {0};
    struct store *s = open_store(p);
    ok(store_gc(s, options, &r, &err), err);
    char *said = notices(s);
    assert_string_equal(said, "");
    free(said);
    store_close(s);
    return r;
}

static inline struct gc_report collect(const struct place *p, long keep_runs) {
    return collect_with(p, &(struct gc_options){.keep_runs = keep_runs});
}

static inline bool stands(const struct place *p, const char *text) {
    char hex[DIGEST_HEX_SIZE];
    hex_of(text, hex);
    char *path = mem_printf("%s/objects/%.2s/%s", p->directory, hex, hex + 2);
    bool there = file_exists(path);
    free(path);
    return there;
}

/* As a newly opened store sees it. */
static inline bool is_known(const struct place *p, const char *name) {
    char hex[DIGEST_HEX_SIZE];
    struct store *s = open_store(p);
    bool known = *find_out(s, name, hex);
    store_close(s);
    return known;
}

static inline void check_whole(const struct place *p) {
    struct fsck_report r;
    struct error err = {0};
    struct buffer said = {0};
    ok(store_fsck(p->directory, &r, keep_line, &said, &err), err);
    assert_string_equal(buffer_text(&said), "");
    assert_int_equal(r.damaged + r.bad_lines + r.orphaned + r.missing, 0);
    buffer_close(&said);
}

static inline size_t count_in(const struct place *p, const char *folder) {
    char *command = mem_printf("find %s/%s -type f ! -name '.*' | wc -l", p->directory, folder);
    FILE *f = popen(command, "r");
    unsigned long count = 0;
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu", &count), 1);
    pclose(f);
    free(command);
    return count;
}

#endif
