#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "store/internal.h"
#include "store/run_file.h"

static const char suffix[] = ".json";
#define ID_STEP_S 0.001 /* resolution of the time in an id */

static int write_document(const struct store *s, const char *folder, const char *name, const cJSON *document,
                          struct error *err) {
    struct buffer text = {0};
    char *path = mem_printf("%s/%s/%s%s", s->directory, folder, name, suffix);
    json_pretty(&text, document);
    buffer_putc(&text, '\n');
    int rc;
    if (text.size > JSON_MAX_BYTES)
        rc = error_set(err, ERR_INVALID,
                       "%s: would have %zu bytes, more than the %zu that can be read back: run the pipeline in parts "
                       "(name stages on the command line)",
                       path, text.size, JSON_MAX_BYTES);
    else
        rc = file_replace(path, text.data, text.size, 0666, err);
    free(path);
    buffer_close(&text);
    return rc;
}

int store_attempt_write(struct store *s, const char *attempt, const cJSON *record, struct error *err) {
    char *name = layout_encode(attempt);
    int rc = write_document(s, "attempts", name, record, err);
    free(name);
    return rc;
}

/* ---- the run of this store ---- */

static int newest_run(struct store *s, char **out, struct error *err);

/* Reads digits; -1 when there are none. */
static int digits(const char *text, int count) {
    int number = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

/* The time at the beginning of an id, "20261121T200729123Z", in seconds since 1970; 0 for a malformed one. */
static double id_time(const char *id) {
    enum { YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, MS, FIELDS, LENGTH = 19 };
    static const int at[FIELDS] = {0, 4, 6, 9, 11, 13, 15};
    static const int count[FIELDS] = {4, 2, 2, 2, 2, 2, 3};
    int n[FIELDS];
    if (strlen(id) < LENGTH)
        return 0;
    for (int i = 0; i < FIELDS; i++)
        if ((n[i] = digits(id + at[i], count[i])) < 0)
            return 0;
    struct tm utc = {.tm_year = n[YEAR] - 1900,
                     .tm_mon = n[MONTH] - 1,
                     .tm_mday = n[DAY],
                     .tm_hour = n[HOUR],
                     .tm_min = n[MINUTE],
                     .tm_sec = n[SECOND]};
    return (double)timegm(&utc) + n[MS] / 1000.0;
}

/* Ids sort in the order of the runs, also when the clock was set back between two. */
static char *next_id(struct store *s) {
    char *newest = NULL;
    double wall_s = s->run_began_s;
    if (newest_run(s, &newest, NULL) == 0 && id_time(newest) >= wall_s - ID_STEP_S)
        wall_s = id_time(newest) + ID_STEP_S;
    free(newest);
    return layout_new_id(wall_s);
}

static int write_run(struct store *s, const cJSON *run, struct error *err) {
    int rc = s->read_only ? 0 : write_document(s, "runs", s->run_id, run, err);
    return read_only_since(s, rc) ? 0 : rc;
}

int store_run_begin(struct store *s, const char *pipeline, const cJSON *overrides, struct error *err) {
    s->run_began_s = clock_wall_s();
    free(s->run_id);
    cJSON_Delete(s->run_head);
    s->run_id = next_id(s);
    s->run_head = run_file_head(s->run_id, pipeline, overrides, s->run_began_s);
    segment_leave(s);
    return lease_run(s, s->run_id, err);
}

const char *store_run_id(const struct store *s) {
    return s->run_id;
}

double store_run_began_s(const struct store *s) {
    return s->run_began_s;
}

int store_run_write(struct store *s, cJSON *run, struct error *err) {
    if (!s->run_head)
        return error_set(err, ERR_USAGE, "%s: no run was begun", s->directory);
    cJSON *document = cJSON_Duplicate(s->run_head, true);
    for (cJSON *item = run ? run->child : NULL; item; item = item->next) {
        cJSON_DeleteItemFromObjectCaseSensitive(document, item->string);
        cJSON_AddItemReferenceToObject(document, item->string, item);
    }
    int rc = write_run(s, document, err);
    cJSON_Delete(document);
    return rc;
}

/* ---- past runs ---- */

/* Names in runs/ that end with `ending`, without it. */
static int list(struct store *s, const char *ending, struct texts *ids, struct error *err) {
    struct texts names = {0};
    int rc = layout_list(&names, s, "runs", ending, err);
    for (size_t i = names.count; i-- > 0;)
        texts_add(ids, mem_strndup(names.list[i], strlen(names.list[i]) - strlen(ending)));
    texts_close(&names);
    return rc;
}

int store_run_list(struct store *s, struct texts *ids, struct error *err) {
    *ids = (struct texts){0};
    return list(s, suffix, ids, err);
}

int run_list_damaged(struct store *s, struct texts *ids, struct error *err) {
    return list(s, ".json" DOCUMENT_ASIDE, ids, err);
}

static int newest_run(struct store *s, char **out, struct error *err) {
    struct texts ids = {0};
    int rc = store_run_list(s, &ids, err);
    *out = NULL;
    if (rc == 0 && ids.count > 0)
        *out = mem_strdup(ids.list[0]);
    texts_close(&ids);
    if (rc < 0 || *out)
        return rc;
    error_set(err, ERR_NOT_FOUND, "%s/runs: there is no run yet", s->directory);
    return ERR_NOT_FOUND;
}

/* Of an encoded name. The caller frees. */
static char *run_path(const struct store *s, const char *name) {
    return mem_printf("%s/runs/%s%s", s->directory, name, suffix);
}

int store_run_read(struct store *s, const char *id, cJSON **out, struct error *err) {
    char *name = NULL;
    int rc = 0;
    if (*id == '\0' || strcmp(id, "latest") == 0)
        rc = newest_run(s, &name, err);
    else
        name = layout_encode(id);
    if (rc < 0)
        return rc;
    char *path = run_path(s, name);
    rc = document_read(out, path, "id", err);
    if (rc == ERR_NOT_FOUND)
        error_set(err, rc, "%s: there is no such run; `retort runs` lists them", path);
    free(path);
    free(name);
    return rc;
}

bool store_run_may_tell_attempt(struct store *s, const char *id, const char *name) {
    struct buffer text = {0};
    char *encoded = layout_encode(id), *path = run_path(s, encoded);
    bool may = file_read(&text, path, JSON_MAX_BYTES, NULL) < 0 || run_file_may_tell_attempt(buffer_text(&text), name);
    buffer_close(&text);
    free(path);
    free(encoded);
    return may;
}
