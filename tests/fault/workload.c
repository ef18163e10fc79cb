#include "tests/fault/workload.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"

enum {
    DIRECTORY_KEY = 5,
    EXECUTABLE_KEY = 2,
    SHARING_KEY = 7,
    SHARED_KEY = 3,
    PROJECT_SEED = 99,
    READ_LIMIT = 1 << 24
};
#define AGAIN_S 100.0 /* how much longer a key takes when it is made again */

static const size_t sizes[WORKLOAD_KEYS] = {0, 1, 100, 4096, 5000, 300, 70000, 4096};

static const struct part {
    const char *path;
    unsigned seed;
    size_t size;
} parts[] = {{"one", 51, 10}, {"sub/two", 52, 9000}, {"sub/deep/three", 53, 0}};
enum { PARTS = sizeof parts / sizeof *parts };

/* ---- bytes ---- */

static void fill(struct buffer *out, unsigned seed, size_t size) {
    uint64_t state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    for (size_t i = 0; i < size; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        buffer_putc(out, (char)(state >> 56));
    }
}

static int write_filled(const char *path, unsigned seed, size_t size, mode_t mode, struct error *err) {
    struct buffer bytes = {0};
    char *parent = path_directory(path);
    fill(&bytes, seed, size);
    int rc = file_make_directory(parent, err);
    int fd = rc < 0 ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (rc == 0 && fd < 0)
        rc = error_set(err, ERR_IO, "%s: cannot be made", path);
    if (rc == 0)
        rc = file_write_all(fd, bytes.data, bytes.size, path, err);
    if (fd >= 0)
        close(fd);
    free(parent);
    buffer_close(&bytes);
    return rc;
}

static int compare_filled(const char *path, unsigned seed, size_t size, bool executable, struct error *err) {
    struct buffer right = {0}, found = {0};
    struct stat st;
    fill(&right, seed, size);
    int rc = file_read(&found, path, READ_LIMIT, err);
    if (rc == 0 && (found.size != size || (size > 0 && memcmp(found.data, right.data, size) != 0)))
        rc = error_set(err, ERR_CORRUPT, "%s: holds other bytes than were stored", path);
    if (rc == 0 && (stat(path, &st) < 0 || ((st.st_mode & S_IXUSR) != 0) != executable))
        rc = error_set(err, ERR_CORRUPT, "%s: has another mode than was stored", path);
    buffer_close(&right);
    buffer_close(&found);
    return rc;
}

static unsigned seed_of(unsigned i) {
    return i == SHARING_KEY ? SHARED_KEY : i;
}

/* ---- outs ---- */

static int write_out(const char *path, unsigned i, struct error *err) {
    if (i != DIRECTORY_KEY)
        return write_filled(path, seed_of(i), sizes[i], i == EXECUTABLE_KEY ? 0755 : 0644, err);
    int rc = 0;
    for (size_t k = 0; rc == 0 && k < PARTS; k++) {
        char *part = path_join(path, parts[k].path);
        rc = write_filled(part, parts[k].seed, parts[k].size, 0644, err);
        free(part);
    }
    return rc;
}

static int compare_out(const char *path, unsigned i, struct error *err) {
    if (i != DIRECTORY_KEY)
        return compare_filled(path, seed_of(i), sizes[i], i == EXECUTABLE_KEY, err);
    int rc = 0;
    for (size_t k = 0; rc == 0 && k < PARTS; k++) {
        char *part = path_join(path, parts[k].path);
        rc = compare_filled(part, parts[k].seed, parts[k].size, false, err);
        free(part);
    }
    return rc;
}

/* ---- records ---- */

static struct digest key_of(unsigned i) {
    struct digest key;
    unsigned char byte = (unsigned char)i;
    sha256_bytes(&key, &byte, 1);
    return key;
}

/* Without "outs". */
static cJSON *record_head(unsigned i, bool again) {
    char text[DIGEST_HEX_SIZE];
    struct digest key = key_of(i);
    cJSON *record = cJSON_CreateObject();
    digest_hex(text, &key);
    cJSON_AddStringToObject(record, "key", text);
    snprintf(text, sizeof text, "stage[n=%u]", i);
    cJSON_AddStringToObject(record, "stage", text);
    cJSON_AddStringToObject(record, "kind", "test/kind@1");
    cJSON_AddStringToObject(record, "platform", "here");
    cJSON_AddNumberToObject(record, "wall_s", i + 0.5 + (again ? AGAIN_S : 0));
    cJSON_AddNumberToObject(cJSON_AddObjectToObject(record, "metrics"), "n", i);
    return record;
}

static void add_out(cJSON *record, const struct object *o) {
    char hex[DIGEST_HEX_SIZE];
    cJSON *out = cJSON_AddObjectToObject(cJSON_AddObjectToObject(record, "outs"), "out");
    digest_hex(hex, &o->digest);
    cJSON_AddStringToObject(out, "sha256", hex);
    cJSON_AddNumberToObject(out, "size", (double)o->size);
    cJSON_AddStringToObject(out, "mode", o->executable ? "0755" : "0644");
    cJSON_AddStringToObject(out, "type", o->directory ? "directory" : "file");
}

static int read_out(struct object *o, const cJSON *record) {
    const cJSON *out = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(record, "outs"), "out");
    *o = (struct object){.size = (uint64_t)json_double(out, "size", 0)};
    o->directory = strcmp(json_text(out, "type", ""), "directory") == 0;
    o->executable = strcmp(json_text(out, "mode", ""), "0755") == 0;
    return digest_parse(&o->digest, json_text(out, "sha256", "")) ? 0 : ERR_CORRUPT;
}

static int produce(struct store *s, unsigned i, bool again, struct error *err) {
    struct object o;
    char *attempt = mem_printf("attempt-%u", i);
    char *work = store_work_path(s, attempt);
    char *path = path_join(work, "out");
    int rc = write_out(path, i, err);
    if (rc == 0)
        rc = store_object_put(s, AT_FDCWD, path, &o, err);
    if (rc == 0) {
        cJSON *record = record_head(i, again);
        add_out(record, &o);
        rc = store_record_add(s, record, err);
        cJSON_Delete(record);
    }
    file_remove_tree(work, NULL);
    free(path);
    free(work);
    free(attempt);
    return rc;
}

int workload_produce(struct store *s, unsigned i, struct error *err) {
    return produce(s, i, false, err);
}

int workload_make_again(struct store *s, unsigned i, struct error *err) {
    const struct digest key = key_of(i);
    int rc = produce(s, i, true, err);
    return rc < 0 ? rc : store_withdraw(s, &key, err);
}

static bool was_made_again(const cJSON *record) {
    return json_double(record, "wall_s", 0) > AGAIN_S;
}

bool workload_is_made_again(struct store *s, unsigned i) {
    const struct digest key = key_of(i);
    cJSON *record = NULL;
    bool again = store_record_find(s, &key, NULL, &record, NULL) == 0 && was_made_again(record);
    cJSON_Delete(record);
    return again;
}

int workload_run_write(struct store *s, unsigned from, unsigned to, struct error *err) {
    cJSON *run = cJSON_CreateObject(), *stages = cJSON_AddArrayToObject(run, "stages");
    cJSON_AddNumberToObject(run, "exit", 0);
    for (unsigned i = from; i < to; i++) {
        char hex[DIGEST_HEX_SIZE];
        const struct digest key = key_of(i);
        cJSON *stage = cJSON_CreateObject();
        digest_hex(hex, &key);
        cJSON_AddStringToObject(stage, "key", hex);
        cJSON_AddItemToArray(stages, stage);
    }
    int rc = store_run_write(s, run, err);
    cJSON_Delete(run);
    return rc;
}

static int check_stage(const char *run, const cJSON *stage, const bool known[WORKLOAD_KEYS], struct error *err) {
    char hex[DIGEST_HEX_SIZE];
    for (unsigned i = 0; i < WORKLOAD_KEYS; i++) {
        const struct digest key = key_of(i);
        digest_hex(hex, &key);
        if (strcmp(hex, json_text(stage, "key", "")) == 0 && !known[i])
            return error_set(err, ERR_FAILED, "run %s is there, and key %u, which it used, is not known", run, i);
    }
    return 0;
}

int workload_runs_check(struct store *s, size_t at_least, const bool known[WORKLOAD_KEYS], struct error *err) {
    struct texts ids = {0};
    int rc = store_run_list(s, &ids, err);
    if (rc == 0 && ids.count < at_least)
        rc = error_set(err, ERR_FAILED, "%zu runs are there of at least %zu", ids.count, at_least);
    for (size_t i = 0; i < ids.count; i++) {
        cJSON *run = NULL;
        const cJSON *stage;
        if (rc == 0)
            rc = store_run_read(s, ids.list[i], &run, err);
        cJSON_ArrayForEach(stage, cJSON_GetObjectItemCaseSensitive(run, "stages")) {
            if (rc == 0)
                rc = check_stage(ids.list[i], stage, known, err);
        }
        cJSON_Delete(run);
    }
    texts_close(&ids);
    return rc;
}

/* ---- served results ---- */

static bool is_damage(int rc) {
    return rc == ERR_NOT_FOUND || rc == ERR_CORRUPT;
}

/* Everything but "outs", whose digests are held by the bytes. */
static bool head_is_right(const cJSON *record, unsigned i) {
    cJSON *found = cJSON_Duplicate(record, true);
    cJSON *right = record_head(i, was_made_again(record));
    cJSON_DeleteItemFromObjectCaseSensitive(found, "outs");
    bool same = json_equal(found, right);
    cJSON_Delete(found);
    cJSON_Delete(right);
    return same;
}

enum workload_state workload_check(struct store *s, unsigned i, const char *scratch, struct error *err) {
    struct digest key = key_of(i);
    struct object o;
    cJSON *record = NULL;
    int rc = store_record_find(s, &key, NULL, &record, err);
    if (rc < 0)
        return rc == ERR_NOT_FOUND ? WORKLOAD_UNKNOWN : WORKLOAD_REFUSED;
    char *path = path_join(scratch, "out");
    enum workload_state state = WORKLOAD_RIGHT;
    if (!head_is_right(record, i) || read_out(&o, record) < 0) {
        error_set(err, ERR_CORRUPT, "the record of key %u is not what was stored", i);
        state = WORKLOAD_WRONG;
    } else if ((rc = store_materialise(s, &o, path, MATERIALISE_COPY, err)) < 0) {
        state = is_damage(rc) ? WORKLOAD_UNKNOWN : WORKLOAD_REFUSED;
    } else if (compare_out(path, i, err) < 0) {
        state = WORKLOAD_WRONG;
    }
    file_remove_tree(scratch, NULL);
    free(path);
    cJSON_Delete(record);
    return state;
}

/* ---- a file of the project ---- */

int workload_project_write(const char *path, struct error *err) {
    return write_filled(path, PROJECT_SEED, 2000, 0644, err);
}

enum workload_state workload_project_check(struct store *s, const char *path, struct error *err) {
    struct buffer right = {0};
    struct digest d;
    struct object o;
    fill(&right, PROJECT_SEED, 2000);
    sha256_bytes(&d, right.data, right.size);
    buffer_close(&right);
    if (store_file_content(s, path, &o, err) < 0)
        return WORKLOAD_REFUSED;
    if (digest_equal(&o.digest, &d) && o.size == 2000)
        return WORKLOAD_RIGHT;
    error_set(err, ERR_CORRUPT, "%s: its digest is not that of its content", path);
    return WORKLOAD_WRONG;
}
