/* Shared by the tests of the store: a store in a directory of its own under $TMPDIR, small files, records. */
#ifndef RETORT_TESTS_STORE_FIXTURE_H
#define RETORT_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/buffer.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "store/store.h"

struct place {
    char *root;      /* removed at the end */
    char *directory; /* root/.retort */
};

static inline int place_setup(void **state) {
    const char *base = getenv("TMPDIR");
    struct place *p = mem_alloc(sizeof *p);
    p->root = mem_printf("%s/retort-store-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(p->root))
        return -1;
    p->directory = path_join(p->root, ".retort");
    *state = p;
    return 0;
}

static inline int place_teardown(void **state) {
    struct place *p = *state;
    int rc = file_remove_tree(p->root, NULL);
    free(p->root);
    free(p->directory);
    free(p);
    return rc;
}

/* Ends the test with the message where a call fails. */
#define ok(call, err)                                                                                                  \
    do {                                                                                                               \
        if ((call) != 0)                                                                                               \
            fail_msg("%s: %s", #call, (err).message);                                                                  \
    } while (0)

static inline struct store *open_store(const struct place *p) {
    struct store *s = NULL;
    struct error err = {0};
    ok(store_open(&s, p->directory, true, &err), err);
    return s;
}

static inline void write_text(const char *path, const char *text, mode_t mode) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, text, strlen(text), path, NULL), 0);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static inline char *read_text(const char *path) {
    struct buffer b = {0};
    struct error err = {0};
    ok(file_read(&b, path, (size_t)1 << 26, &err), err);
    return buffer_detach(&b);
}

/* A file of `text` in a new work directory, put into the store. */
static inline struct object put_text(struct store *s, const char *text) {
    struct object o;
    struct error err = {0};
    char *work = store_work_path(s, "attempt");
    char *path = path_join(work, "out");
    ok(file_make_directory(work, &err), err);
    write_text(path, text, 0644);
    ok(store_object_put(s, AT_FDCWD, path, &o, &err), err);
    free(path);
    free(work);
    return o;
}

static inline struct digest key_of(const char *name) {
    struct digest d;
    sha256_bytes(&d, name, strlen(name));
    return d;
}

static inline cJSON *make_record(const struct digest *key, const char *stage, const struct object *out) {
    char hex[DIGEST_HEX_SIZE];
    cJSON *r = cJSON_CreateObject();
    digest_hex(hex, key);
    cJSON_AddStringToObject(r, "key", hex);
    cJSON_AddStringToObject(r, "stage", stage);
    cJSON_AddStringToObject(r, "kind", "test/kind@1");
    cJSON_AddStringToObject(r, "platform", "here");
    cJSON_AddNumberToObject(r, "wall_s", 1.5);
    cJSON *outs = cJSON_AddObjectToObject(r, "outs");
    if (out) {
        cJSON *o = cJSON_AddObjectToObject(outs, "model");
        digest_hex(hex, &out->digest);
        cJSON_AddStringToObject(o, "sha256", hex);
        cJSON_AddNumberToObject(o, "size", (double)out->size);
        cJSON_AddStringToObject(o, "mode", out->executable ? "0755" : "0644");
        cJSON_AddStringToObject(o, "type", out->directory ? "directory" : "file");
    }
    return r;
}

/* Adds and commits a record of key `name` with an out that holds `text`. */
static inline struct object commit_text(struct store *s, const char *name, const char *text) {
    struct error err = {0};
    struct digest key = key_of(name);
    struct object o = put_text(s, text);
    cJSON *r = make_record(&key, name, &o);
    ok(store_record_add(s, r, &err), err);
    ok(store_commit(s, &err), err);
    cJSON_Delete(r);
    return o;
}

/* The digest of a text, by engine/base (whose tests compare with FIPS 180-4). */
static inline const char *hex_of(const char *text, char hex[DIGEST_HEX_SIZE]) {
    struct digest d = key_of(text);
    digest_hex(hex, &d);
    return hex;
}

static inline void append_text(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, text, strlen(text), path, NULL), 0);
    close(fd);
}

/* A line as an engine writes it that is killed before the index has it. */
static inline char *make_line(struct store *s, const char *name, int64_t at) {
    char hex[DIGEST_HEX_SIZE];
    struct digest key = key_of(name);
    struct object o = put_text(s, name);
    cJSON *r = make_record(&key, name, &o);
    char *json = json_canonical_text(r);
    char *body = mem_printf("%" PRId64 " %s", at, json);
    char *line = mem_printf("%s %s\n", hex_of(body, hex), body);
    free(body);
    free(json);
    cJSON_Delete(r);
    return line;
}

/* The digest of the out of the record of a key, as text; "" when there is no record. */
static inline const char *find_out(struct store *s, const char *name, char hex[DIGEST_HEX_SIZE]) {
    struct digest key = key_of(name);
    struct error err = {0};
    cJSON *r = NULL;
    int rc = store_record_find(s, &key, NULL, &r, &err);
    if (rc != 0 && rc != ERR_NOT_FOUND)
        fail_msg("%s", err.message);
    const cJSON *out = cJSON_GetObjectItem(cJSON_GetObjectItem(r, "outs"), "model");
    snprintf(hex, DIGEST_HEX_SIZE, "%s", json_text(out, "sha256", ""));
    cJSON_Delete(r);
    return hex;
}

/* The same as a row of the index tells it. */
static inline const char *find_known(struct store *s, const char *name, char hex[DIGEST_HEX_SIZE]) {
    struct digest key = key_of(name);
    struct error err = {0};
    struct known_record r = {0};
    int rc = store_known_find(s, &key, NULL, &r, &err);
    if (rc != 0 && rc != ERR_NOT_FOUND)
        fail_msg("%s", err.message);
    hex[0] = '\0';
    for (size_t i = 0; rc == 0 && i < r.out_count; i++)
        if (strcmp(r.outs[i].name, "model") == 0)
            digest_hex(hex, &r.outs[i].object.digest);
    return hex;
}

static inline void keep_line(void *context, const char *line) {
    buffer_puts(context, line);
    buffer_putc(context, '\n');
}

/* The store's notices as lines. The caller frees. */
static inline char *notices(struct store *s) {
    struct buffer b = {0};
    store_notices(s, keep_line, &b);
    return buffer_detach(&b);
}

/* Changes the index behind the store's back. */
#define change_index(p, text)                                                                                          \
    do {                                                                                                               \
        sqlite3 *db;                                                                                                   \
        char *db_path = path_join((p)->directory, "state.db");                                                         \
        assert_int_equal(sqlite3_open(db_path, &db), SQLITE_OK);                                                       \
        assert_int_equal(sqlite3_exec(db, (text), NULL, NULL, NULL), SQLITE_OK);                                       \
        sqlite3_close(db);                                                                                             \
        free(db_path);                                                                                                 \
    } while (0)

/* The only segment of the store. The caller frees. */
static inline char *only_segment(const struct place *p) {
    char *command = mem_printf("ls %s/actions", p->directory);
    FILE *f = popen(command, "r");
    char name[256] = {0};
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%255s", name), 1);
    pclose(f);
    free(command);
    return mem_printf("%s/actions/%s", p->directory, name);
}

static inline void flip_byte(const char *path, off_t offset) {
    char c;
    assert_int_equal(chmod(path, 0644), 0);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &c, 1, offset), 1);
    c ^= 0x10;
    assert_int_equal(pwrite(fd, &c, 1, offset), 1);
    close(fd);
}

#endif
