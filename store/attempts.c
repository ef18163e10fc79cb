#include "store/attempts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "store/internal.h"
#include "store/record_format.h"

enum { LIST_BYTES = 1 << 20 };
static const char record_suffix[] = ".json", failure_prefix[] = "failed-";

/* ---- records among the attempts ---- */

char *store_attempt_path(const struct store *s, const char *attempt) {
    char *name = layout_encode(attempt);
    char *path = mem_printf("%s/attempts/%s%s", s->directory, name, record_suffix);
    free(name);
    return path;
}

int store_attempt_read(struct store *s, const char *attempt, cJSON **out, struct error *err) {
    char *path = store_attempt_path(s, attempt);
    int rc = document_read(out, path, "attempt", err);
    free(path);
    return rc;
}

void store_attempt_remove(struct store *s, const char *attempt) {
    char *path = store_attempt_path(s, attempt);
    unlink(path);
    free(path);
}

char *store_failure_id(const struct digest *key) {
    char hex[DIGEST_HEX_SIZE];
    digest_hex(hex, key);
    return mem_printf("%s%s", failure_prefix, hex);
}

/* ---- attempts at a key ---- */

struct search {
    bool (*wanted)(void *context, const struct digest *key);
    void (*visit)(void *context, const struct digest *key, const cJSON *record);
    void *context;
};

/* Searches the text, which is cheaper than reading its tree. Accounts have no blank behind the colon. */
static bool may_be_wanted(const struct search *x, const char *text) {
    static const char member[] = "\"key\":";
    while ((text = strstr(text, member))) {
        char hex[DIGEST_HEX_SIZE];
        struct digest key;
        text += strlen(member);
        text += strspn(text, " \"");
        snprintf(hex, sizeof hex, "%s", text);
        if (digest_parse(&key, hex) && x->wanted(x->context, &key))
            return true;
    }
    return false;
}

static void search_file(const struct search *x, const char *path) {
    struct buffer text = {0};
    struct digest key;
    cJSON *record = NULL;
    if (file_read(&text, path, JSON_MAX_BYTES, NULL) == 0 && may_be_wanted(x, buffer_text(&text)) &&
        document_read(&record, path, "attempt", NULL) == 0 && record_key(&key, record) && x->wanted(x->context, &key))
        x->visit(x->context, &key, record);
    cJSON_Delete(record);
    buffer_close(&text);
}

static int is_own_record(const struct dirent *e) {
    return document_is(e->d_name) && strncmp(e->d_name, failure_prefix, strlen(failure_prefix)) != 0;
}

int store_attempt_search(struct store *s, bool (*wanted)(void *context, const struct digest *key),
                         void (*visit)(void *context, const struct digest *key, const cJSON *record), void *context,
                         struct error *err) {
    const struct search x = {wanted, visit, context};
    struct dirent **entries = NULL;
    char *folder = layout_path(s, "attempts", "");
    int count = scandir(folder, &entries, is_own_record, versionsort); /* ids begin with the time of their run */
    int rc = count < 0 && errno != ENOENT ? error_errno(err, errno, "%s: cannot be read", folder) : 0;
    for (int i = count; i-- > 0;) {
        char *path = path_join(folder, entries[i]->d_name);
        search_file(&x, path);
        free(path);
        free(entries[i]);
    }
    free(entries);
    free(folder);
    return rc;
}

/* ---- attempts that worked on a checkpoint ---- */

int store_checkpoint_join(struct store *s, const struct digest *key, const char *platform, const char *attempt,
                          struct error *err) {
    char *path = store_checkpoint_attempts_path(s, key, platform);
    char *line = mem_printf("\n%s\n", attempt); /* the line before may be cut off: the disk was full */
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
    int rc = fd < 0 ? error_errno(err, errno, "%s: cannot be opened", path)
                    : file_write_all(fd, line, strlen(line), path, err);
    if (rc == 0 && fsync(fd) < 0)
        rc = error_errno(err, errno, "%s: cannot be synced", path);
    if (fd >= 0)
        close(fd);
    free(line);
    free(path);
    return rc;
}

static bool is_listed(const struct texts *names, const char *name) {
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->list[i], name) == 0)
            return true;
    return false;
}

void store_checkpoint_attempts(struct texts *out, struct store *s, const struct digest *key, const char *platform) {
    struct buffer text = {0};
    char *path = store_checkpoint_attempts_path(s, key, platform), *rest = NULL;
    if (file_read(&text, path, LIST_BYTES, NULL) == 0) {
        char *lines = buffer_detach(&text);
        for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
            if (!is_listed(out, line))
                texts_add(out, mem_strdup(line));
        free(lines);
    }
    buffer_close(&text);
    free(path);
}

/* The list of attempts goes first: attempts of a removed checkpoint must never be counted with those of the next
   one. */
int store_checkpoint_remove(struct store *s, const struct digest *key, const char *platform, struct error *err) {
    char *path = store_checkpoint_path(s, key, platform), *attempts = store_checkpoint_attempts_path(s, key, platform);
    int rc = 0;
    if (unlink(attempts) < 0 && errno != ENOENT)
        rc = error_errno(err, errno, "%s: cannot be removed", attempts);
    if (rc == 0)
        rc = remove_once(s, path, err);
    free(attempts);
    free(path);
    return rc;
}

/* ---- records of a run ---- */

struct visitor {
    void (*visit)(void *context, const cJSON *record);
    void *context;
    struct texts attempts; /* of the records in the run's segments */
};

static int give_line(void *context, const struct segment_span *span, struct error *err) {
    struct visitor *v = context;
    struct withdrawal w;
    cJSON *record = NULL;
    (void)err;
    if (withdrawal_parse(&w, &record, span)) {
        cJSON_Delete(record);
        return 0;
    }
    record = span->json ? cJSON_ParseWithLength(span->json, span->json_length) : NULL;
    if (!record)
        return 0;
    texts_add(&v->attempts, mem_strdup(record_read(record).attempt));
    v->visit(v->context, record);
    cJSON_Delete(record);
    return 0;
}

/* "<run>.jsonl", "<run>.1.jsonl". */
static bool is_segment_of(const char *name, const char *id) {
    size_t length = strlen(id);
    return strncmp(name, id, length) == 0 && name[length] == '.';
}

static int give_segments(struct visitor *v, struct store *s, const char *id, struct error *err) {
    struct texts names = {0};
    int rc = segment_names(s, &names, err);
    for (size_t i = 0; i < names.count; i++) {
        struct stat st;
        int64_t end;
        int fd = rc == 0 && is_segment_of(names.list[i], id) ? segment_open(s, names.list[i], err) : -1;
        if (fd >= 0 && fstat(fd, &st) == 0)
            rc = segment_scan(s, names.list[i], 0, st.st_size, st.st_size + 1, &end, give_line, v, err);
    }
    texts_close(&names);
    return rc;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_record(const struct dirent *e) {
    return document_is(e->d_name);
}

static int give_attempts(struct visitor *v, struct store *s, const char *id, struct error *err) {
    struct dirent **entries = NULL;
    char *folder = layout_path(s, "attempts", ""), *prefix = mem_printf("%s-", id);
    int count = scandir(folder, &entries, is_record, by_name);
    int rc = count < 0 ? error_errno(err, errno, "%s: cannot be read", folder) : 0;
    for (int i = 0; i < count; i++) {
        cJSON *record = NULL;
        char *path = path_join(folder, entries[i]->d_name);
        if (rc == 0 && strncmp(entries[i]->d_name, prefix, strlen(prefix)) == 0)
            rc = document_read(&record, path, "attempt", err);
        if (rc == ERR_NOT_FOUND)
            rc = 0; /* its stage has finished meanwhile */
        if (record && !is_listed(&v->attempts, record_read(record).attempt))
            v->visit(v->context, record);
        cJSON_Delete(record);
        free(path);
        free(entries[i]);
    }
    free(entries);
    free(prefix);
    free(folder);
    return rc;
}

int store_run_records(struct store *s, const char *id, void (*visit)(void *context, const cJSON *record), void *context,
                      struct error *err) {
    struct visitor v = {.visit = visit, .context = context};
    char *name = layout_encode(id); /* ids are file names; a user may have typed any text */
    int rc = give_segments(&v, s, name, err);
    if (rc == 0)
        rc = give_attempts(&v, s, name, err);
    texts_close(&v.attempts);
    free(name);
    return rc;
}
