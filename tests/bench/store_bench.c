/*
 * The cost of the store: ./store_bench [records]. It writes records of about 2 kB, each with one small out, in groups
 * of 256, into a directory of its own under $TMPDIR. Then it opens the store and finds all. Prints one line a step.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "store/store.h"

enum { GROUP = 256, PADDING = 1500 };

static void require(int rc, const struct error *err) {
    if (rc == 0)
        return;
    fprintf(stderr, "store_bench: %s\n", err->message);
    exit(3);
}

static void report(const char *what, uint64_t began_ns, int count) {
    double ms = (double)(clock_monotonic_ns() - began_ns) * 1e-6;
    printf("%-28s %10.1f ms  %8.4f ms each\n", what, ms, ms / count);
}

static struct digest key_of(int i) {
    struct digest d;
    sha256_bytes(&d, &i, sizeof i);
    return d;
}

static cJSON *make_record(int i, const struct object *o) {
    static char padding[PADDING + 1];
    char hex[DIGEST_HEX_SIZE];
    struct digest key = key_of(i);
    memset(padding, 'x', PADDING);
    cJSON *r = cJSON_CreateObject();
    digest_hex(hex, &key);
    cJSON_AddStringToObject(r, "key", hex);
    cJSON_AddStringToObject(r, "stage", "bench");
    cJSON_AddStringToObject(r, "platform", "here");
    cJSON_AddNumberToObject(r, "wall_s", 1);
    cJSON_AddStringToObject(r, "provenance", padding);
    cJSON *metrics = cJSON_AddObjectToObject(r, "metrics");
    for (char name[2] = "a"; *name < 'u'; ++*name)
        cJSON_AddNumberToObject(metrics, name, i + *name / 7.0);
    cJSON *out = cJSON_AddObjectToObject(cJSON_AddObjectToObject(r, "outs"), "model");
    digest_hex(hex, &o->digest);
    cJSON_AddStringToObject(out, "sha256", hex);
    cJSON_AddNumberToObject(out, "size", (double)o->size);
    cJSON_AddStringToObject(out, "type", "file");
    return r;
}

static void add(struct store *s, const char *path, int i, uint64_t *put_ns) {
    struct error err = {0};
    struct object o;
    char text[32];
    snprintf(text, sizeof text, "%d", i);
    FILE *f = fopen(path, "w");
    require(f ? 0 : error_set(&err, ERR_IO, "%s: cannot be made", path), &err);
    fputs(text, f);
    fclose(f);
    uint64_t began = clock_monotonic_ns();
    require(store_object_put(s, AT_FDCWD, path, &o, &err), &err);
    *put_ns += clock_monotonic_ns() - began;
    cJSON *r = make_record(i, &o);
    require(store_record_add(s, r, &err), &err);
    cJSON_Delete(r);
}

static struct store *open_timed(const char *directory, bool create, const char *what) {
    struct error err = {0};
    struct store *s;
    uint64_t began = clock_monotonic_ns();
    require(store_open(&s, directory, create, &err), &err);
    report(what, began, 1);
    return s;
}

static void fill(struct store *s, int count) {
    struct error err = {0};
    char *work = store_work_path(s, "bench");
    char *path = path_join(work, "out");
    uint64_t put_ns = 0;
    uint64_t began = clock_monotonic_ns();
    require(file_make_directory(work, &err), &err);
    for (int i = 0; i < count; i++) {
        add(s, path, i, &put_ns);
        if (store_queued(s) == GROUP)
            require(store_commit(s, &err), &err);
    }
    require(store_commit(s, &err), &err);
    report("put, add and commit", began, count);
    printf("%-28s %10.1f ms  %8.4f ms each\n", "  of which put", (double)put_ns * 1e-6, (double)put_ns * 1e-6 / count);
    free(path);
    free(work);
}

static void find_all(struct store *s, int count, bool together) {
    struct error err = {0};
    uint64_t began = clock_monotonic_ns();
    if (together)
        store_read_begin(s);
    for (int i = 0; i < count; i++) {
        struct digest key = key_of(i);
        cJSON *r;
        require(store_record_find(s, &key, NULL, &r, &err), &err);
        cJSON_Delete(r);
    }
    require(store_read_end(s, &err), &err);
    report(together ? "find, together" : "find", began, count);
}

static void claim_all(struct store *s, int count) {
    struct error err = {0};
    uint64_t began = clock_monotonic_ns();
    for (int i = 0; i < count; i++) {
        struct digest key = key_of(i);
        require(store_claim(s, &key, &err), &err);
        require(store_release(s, &key, &err), &err);
    }
    report("claim and release", began, count);
}

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 10000;
    const char *base = getenv("TMPDIR");
    char *root = mem_printf("%s/store-bench-XXXXXX", base && *base ? base : "/tmp");
    if (count < 1 || !mkdtemp(root)) {
        fprintf(stderr, "usage: store_bench [records]; it needs a writable $TMPDIR\n");
        return 2;
    }
    char *directory = path_join(root, ".retort");
    struct store *s = open_timed(directory, true, "create");
    fill(s, count);
    store_close(s);
    s = open_timed(directory, false, "open");
    find_all(s, count, false);
    find_all(s, count, true);
    claim_all(s, count);
    store_close(s);
    char *db = path_join(directory, "state.db");
    unlink(db);
    s = open_timed(directory, false, "open and rebuild the index");
    store_close(s);
    file_remove_tree(root, NULL);
    free(db);
    free(directory);
    free(root);
    return 0;
}
