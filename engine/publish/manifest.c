#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/publish/internal.h"

enum { FORMAT = 2 };

/* ---- generations ---- */

void generation_open(struct generation *g) {
    *g = (struct generation){.json = cJSON_CreateObject()};
    cJSON_AddObjectToObject(g->json, "files");
}

void generation_describe(struct generation *g, const char *run, const struct pipeline *p, const cJSON *git) {
    const char *commit = json_text(git, "commit", NULL);
    cJSON *files = cJSON_DetachItemFromObjectCaseSensitive(g->json, "files"); /* the last member, as it may be long */
    cJSON_AddStringToObject(g->json, "run", run);
    cJSON_AddItemToObject(g->json, "overrides",
                          p->overrides ? cJSON_Duplicate(p->overrides, true) : cJSON_CreateObject());
    cJSON_AddItemToObject(g->json, "commit", commit ? cJSON_CreateString(commit) : cJSON_CreateNull());
    if (json_bool(git, "dirty", false))
        cJSON_AddTrueToObject(g->json, "dirty");
    if (p->origin)
        cJSON_AddItemToObject(g->json, "origin", origin_json(p->origin));
    cJSON_AddItemToObject(g->json, "files", files);
}

void generation_close(struct generation *g) {
    bytemap_close(&g->by_name);
    cJSON_Delete(g->json);
    *g = (struct generation){0};
}

const cJSON *generation_find(const struct generation *g, const char *name) {
    return bytemap_get(&g->by_name, name, strlen(name));
}

bool generation_has(const struct generation *g, const char *name, const struct digest *digest) {
    char hex[DIGEST_HEX_SIZE];
    const cJSON *file = generation_find(g, name);
    digest_hex(hex, digest);
    return file && strcmp(file->valuestring, hex) == 0;
}

int generation_add(struct generation *g, const char *name, const struct digest *digest, struct error *err) {
    char hex[DIGEST_HEX_SIZE];
    if (generation_find(g, name))
        return error_set(err, ERR_IO, "two results have the name %s", name);
    digest_hex(hex, digest);
    cJSON *file = cJSON_AddStringToObject(cJSON_GetObjectItemCaseSensitive(g->json, "files"), name, hex);
    bytemap_put(&g->by_name, file->string, strlen(name), file);
    return 0;
}

/* ---- reading ---- */

/* A manifest may come from anywhere: no name in it may lead out of its folder. */
static bool is_below(const char *name) {
    char *normal = path_normal(name);
    bool below = strcmp(normal, name) == 0 && *name != '/' && strcmp(name, ".") != 0 && strncmp(name, "..", 2) != 0;
    free(normal);
    return below;
}

/* Takes the tree over. False: it is no generation. */
static bool read_generation(struct generation *out, cJSON *json) {
    struct digest digest;
    cJSON *file;
    out->json = json;
    if (!cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(json, "files")))
        return false;
    generation_each(file, out) {
        if (!cJSON_IsString(file) || !digest_parse(&digest, file->valuestring) || !is_below(file->string))
            return false;
        bytemap_put(&out->by_name, file->string, strlen(file->string), file);
    }
    return true;
}

static bool read_manifest(struct manifest *out, cJSON *root) {
    double format = json_double(root, "retort_results", 0);
    cJSON *coming = cJSON_DetachItemFromObjectCaseSensitive(root, "coming"), *announced = NULL;
    cJSON_DeleteItemFromObjectCaseSensitive(root, "retort_results");
    bool valid = read_generation(&out->published, root) && (format == 1 || format == FORMAT);
    if (coming && format == 1)
        cJSON_AddItemToObject(announced = cJSON_CreateObject(), "files", coming);
    if (announced)
        return read_generation(&out->announced, announced) && valid;
    return (!coming || read_generation(&out->coming, coming)) && valid;
}

char *manifest_path(const char *folder) {
    return path_join(folder, ".retort-results.json");
}

int manifest_read(struct manifest *out, const char *folder, struct error *err) {
    struct json_document *document = NULL;
    struct error fault = {0};
    struct stat st;
    char *path = manifest_path(folder);
    *out = (struct manifest){0};
    int rc = target_folder(path, err);
    if (rc <= 0)
        goto out;
    if (lstat(path, &st) < 0)
        rc = errno == ENOENT ? 0 : error_errno(&fault, errno, "%s: cannot be examined", path);
    if (rc > 0)
        rc = S_ISREG(st.st_mode) ? json_read(&document, path, NULL, &fault)
                                 : error_set(&fault, ERR_INVALID, "%s: is no regular file", path);
    if (document && !read_manifest(out, json_detach(document)))
        rc = error_set(&fault, ERR_INVALID, "%s: does not hold what Retort writes there", path);
    if (rc == ERR_INVALID)
        rc = error_set(err, ERR_INVALID, "%s; " MANIFEST_MEND, fault.message, folder);
    else if (rc < 0)
        rc = error_set(err, rc, "%s", fault.message);
out:
    free(path);
    return rc;
}

/* ---- writing ---- */

int manifest_write(const struct manifest *m, const char *folder, const char *staging, struct error *err) {
    struct buffer text = {0};
    char *path = manifest_path(folder);
    cJSON *root = cJSON_CreateObject(), *member;
    cJSON_AddNumberToObject(root, "retort_results", FORMAT);
    cJSON_ArrayForEach(member, m->published.json)
        cJSON_AddItemReferenceToObject(root, member->string, member);
    if (!m->published.json)
        cJSON_AddObjectToObject(root, "files");
    if (m->coming.json)
        cJSON_AddItemReferenceToObject(root, "coming", m->coming.json);
    json_pretty(&text, root);
    buffer_putc(&text, '\n');
    int rc = target_write(path, staging, &text, err);
    cJSON_Delete(root);
    buffer_close(&text);
    free(path);
    return rc;
}

/* Another commit of the same file is the same study. */
static int check_origin(const struct generation *g, const char *folder, const struct pipeline *p, struct error *err) {
    const cJSON *origin = cJSON_GetObjectItemCaseSensitive(g->json, "origin");
    const char *url = json_text(origin, "url", ""), *path = json_text(origin, "path", "");
    if (!g->json || (!origin && !p->origin) ||
        (origin && p->origin && strcmp(url, p->origin->url) == 0 && strcmp(path, p->origin->path) == 0))
        return 0;
    return error_set(err, ERR_USAGE,
                     "%s holds results of %s%s%s, not of %s; publish elsewhere with --results DIR, or move that folder "
                     "away",
                     folder, origin ? url : "a file of this project", origin ? ":" : "", origin ? path : "", p->path);
}

int manifest_check_origin(const struct manifest *m, const char *folder, const struct pipeline *p, struct error *err) {
    int rc = check_origin(&m->published, folder, p, err);
    return rc == 0 ? check_origin(&m->coming, folder, p, err) : rc;
}

void manifest_close(struct manifest *m) {
    generation_close(&m->published);
    generation_close(&m->coming);
    generation_close(&m->announced);
}
