#include "engine/trust/notes.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"

static const char TAG[] = "retort-trust-1";

static void add(struct notes *n, char *commit, char *text) {
    mem_grow(n->list, &n->capacity, n->count + 1);
    n->list[n->count++] = (struct note){commit, text};
}

void notes_add(struct notes *n, const struct origin *o, const char *what, const char *path, const char *value) {
    struct buffer text = {0};
    buffer_printf(&text, "[\"%s\",", what);
    json_string(&text, path);
    buffer_putc(&text, ',');
    json_string(&text, value);
    buffer_putc(&text, ']');
    add(n, mem_printf("%s#%s", o->url, o->commit), buffer_detach(&text));
}

void notes_add_bytes(struct notes *n, const struct origin *o, const char *what, const char *path, const void *bytes,
                     size_t size) {
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    sha256_bytes(&digest, bytes, size);
    digest_hex(hex, &digest);
    notes_add(n, o, what, path, hex);
}

void notes_add_all(struct notes *n, const struct notes *others) {
    for (size_t i = 0; i < others->count; i++)
        add(n, mem_strdup(others->list[i].commit), mem_strdup(others->list[i].text));
}

static bool is_listed(const cJSON *files, const char *path, const char *digest) {
    const cJSON *file;
    cJSON_ArrayForEach(file, files)
        if (strcmp(json_text(file, "path", ""), path) == 0 && strcmp(json_text(file, "sha256", ""), digest) == 0)
            return true;
    return false;
}

static void add_file(cJSON *files, const cJSON *note) {
    const char *what = cJSON_GetStringValue(cJSON_GetArrayItem(note, 0));
    const char *path = cJSON_GetStringValue(cJSON_GetArrayItem(note, 1));
    const char *value = cJSON_GetStringValue(cJSON_GetArrayItem(note, 2));
    struct digest digest;
    if (!what || !path || !value || strcmp(what, "names") == 0 || !digest_parse(&digest, value) ||
        is_listed(files, path, value))
        return;
    cJSON *file = cJSON_CreateObject();
    cJSON_AddStringToObject(file, "path", path);
    cJSON_AddStringToObject(file, "sha256", value);
    cJSON_AddItemToArray(files, file);
}

void notes_files(cJSON *out, const struct notes *n) {
    for (size_t i = 0; i < n->count; i++) {
        cJSON *note = cJSON_Parse(n->list[i].text);
        add_file(out, note);
        cJSON_Delete(note);
    }
}

static int compare_notes(const void *a, const void *b) {
    const struct note *x = a, *y = b;
    int order = strcmp(x->commit, y->commit);
    return order ? order : strcmp(x->text, y->text);
}

static int compare_digests(const void *a, const void *b) {
    return memcmp(a, b, sizeof(struct digest));
}

/* The digest of the commit whose notes begin at `*i`, which moves behind them. */
static void hash_commit(struct digest *out, const struct notes *n, size_t *i) {
    struct sha256 *hash = sha256_create();
    const struct note *first = &n->list[*i], *last = NULL;
    for (; *i < n->count && strcmp(n->list[*i].commit, first->commit) == 0; last = &n->list[(*i)++])
        if (!last || strcmp(last->text, n->list[*i].text) != 0)
            sha256_field(hash, n->list[*i].text, strlen(n->list[*i].text));
    sha256_finish(hash, out);
}

void notes_digest(struct digest *out, struct notes *n) {
    struct digest *commits = mem_array(n->count + 1, sizeof *commits);
    struct sha256 *hash = sha256_create();
    size_t count = 0;
    if (n->count > 0)
        qsort(n->list, n->count, sizeof *n->list, compare_notes);
    for (size_t i = 0; i < n->count;)
        hash_commit(&commits[count++], n, &i);
    qsort(commits, count, sizeof *commits, compare_digests);
    sha256_field(hash, TAG, sizeof TAG - 1);
    for (size_t i = 0; i < count; i++)
        sha256_field(hash, commits[i].bytes, sizeof commits[i].bytes);
    sha256_finish(hash, out);
    free(commits);
}

void notes_close(struct notes *n) {
    for (size_t i = 0; i < n->count; i++) {
        free(n->list[i].commit);
        free(n->list[i].text);
    }
    free(n->list);
    *n = (struct notes){0};
}
