/* Chooses the runs to keep, and handles pins. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "store/gc.h"
#include "store/run_file.h"

/* ---- pins: empty files named after a run or a pipeline ---- */

static char *pin_path(const struct store *s, const char *name) {
    char *encoded = layout_encode(name);
    char *path = layout_path(s, "pins", encoded);
    free(encoded);
    return path;
}

static bool is_pinned(const struct store *s, const char *name) {
    char *path = pin_path(s, name);
    struct stat st;
    bool pinned = *name && (lstat(path, &st) == 0 || errno != ENOENT);
    free(path);
    return pinned;
}

/* The run or pipeline that `name` means. The caller frees. */
static int find_pinnable(struct store *s, const char *name, char **out, struct error *err) {
    struct texts ids = {0};
    int rc = store_run_list(s, &ids, err);
    *out = NULL;
    for (size_t i = 0; rc == 0 && i < ids.count && !*out; i++) {
        cJSON *run = NULL;
        if (strcmp(name, "latest") == 0 || strcmp(name, ids.list[i]) == 0)
            *out = mem_strdup(ids.list[i]);
        else if (store_run_read(s, ids.list[i], &run, NULL) == 0 && strcmp(run_file_read(run).pipeline, name) == 0)
            *out = mem_strdup(name);
        cJSON_Delete(run);
    }
    texts_close(&ids);
    if (rc == 0 && !*out)
        rc = error_set(err, ERR_NOT_FOUND,
                       "%s: is neither a run of this store nor a pipeline that ran here; `retort runs` lists them",
                       name);
    return rc;
}

int store_pin(struct store *s, const char *name, struct error *err) {
    char *found = NULL;
    int rc = find_pinnable(s, name, &found, err);
    char *path = rc == 0 ? pin_path(s, found) : NULL;
    if (rc == 0)
        rc = file_replace(path, "", 0, 0666, err);
    free(path);
    free(found);
    return rc;
}

int store_unpin(struct store *s, const char *name, struct error *err) {
    char *path = pin_path(s, name);
    int rc = 0;
    if (unlink(path) < 0)
        rc = errno == ENOENT ? error_set(err, ERR_NOT_FOUND, "%s: is not pinned", name)
                             : error_errno(err, errno, "%s: cannot be removed", path);
    free(path);
    return rc;
}

/* ---- runs ---- */

/* Runs of one pipeline that ended well, so far. */
struct ended {
    char *pipeline;
    long count;
};

struct choice {
    struct gc *g;
    struct ended *pipelines;
    size_t count, capacity;
};

static struct ended *pipeline_of(struct choice *c, const char *name) {
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->pipelines[i].pipeline, name) == 0)
            return &c->pipelines[i];
    mem_grow(c->pipelines, &c->capacity, c->count + 1);
    c->pipelines[c->count] = (struct ended){.pipeline = mem_strdup(name)};
    return &c->pipelines[c->count++];
}

/* A run that did not end well names too few keys to replace one that did. */
static bool ended_well(const cJSON *run) {
    return run_file_read(run).exit == 0;
}

/* Judged by the time at which the run file was last written. */
static bool is_young_run(const struct gc *g, const char *id) {
    char *path = mem_printf("%s/runs/%s.json", g->s->directory, id);
    struct stat st;
    bool young = stat(path, &st) < 0 || gc_is_young(g, (double)st.st_mtim.tv_sec);
    free(path);
    return young;
}

/* Called newest first. A run is kept while fewer than `keep_runs` newer ones of its pipeline ended well. */
static bool is_kept(struct choice *c, const char *id, const cJSON *run) {
    struct gc *g = c->g;
    const char *pipeline = run_file_read(run).pipeline;
    struct ended *ended = pipeline_of(c, pipeline);
    struct digest name = lease_name(id, strlen(id));
    bool counted = g->options->keep_runs == 0 || ended->count < g->options->keep_runs;
    bool pinned = is_pinned(g->s, id) || is_pinned(g->s, pipeline);
    ended->count += ended_well(run);
    g->report->pinned_runs += pinned;
    return counted || pinned || is_young_run(g, id) || digest_set_has(&g->book.notes, &name);
}

static void keep_run(struct gc *g, const char *id, const cJSON *run) {
    const cJSON *item;
    struct digest d = lease_name(id, strlen(id));
    g->report->kept_runs += digest_set_add(&g->runs, &d);
    if (!g->oldest || strcmp(id, g->oldest) < 0) {
        free(g->oldest);
        g->oldest = mem_strdup(id);
    }
    cJSON_ArrayForEach(item, run_file_read(run).stages) {
        struct run_file_stage stage = run_file_stage_read(item);
        if (digest_parse(&d, stage.key))
            digest_set_add(&g->keys, &d);
        if (stage.attempt)
            gc_keep_attempt(g, stage.attempt);
    }
}

/* An unreadable run is kept, with the records of its own segment: nobody knows what else it needs. */
static int decide(struct choice *c, const char *id, struct error *err) {
    struct gc *g = c->g;
    struct error why = {0};
    cJSON *run = NULL;
    int rc = store_run_read(g->s, id, &run, &why);
    if (rc == ERR_IO)
        return error_set(err, rc, "%s", why.message);
    if (rc < 0)
        notice(g->s, "%s; it is kept, with the records that it made", why.message);
    if (rc < 0 || is_kept(c, id, run)) {
        keep_run(g, id, run);
    } else {
        texts_add(&g->dropped, mem_strdup(id));
    }
    cJSON_Delete(run);
    return 0;
}

/* fsck has set its file aside; the file's ctime says when. */
static bool keeps_damaged(const struct gc *g, const char *id) {
    char *path = mem_printf("%s/runs/%s.json" DOCUMENT_ASIDE, g->s->directory, id);
    struct digest name = lease_name(id, strlen(id));
    struct stat st;
    bool young = stat(path, &st) < 0 || gc_is_young(g, (double)st.st_ctim.tv_sec);
    free(path);
    return young || is_pinned(g->s, id) || digest_set_has(&g->book.notes, &name);
}

static int mark_damaged(struct gc *g, struct error *err) {
    struct texts ids = {0};
    int rc = run_list_damaged(g->s, &ids, err);
    for (size_t i = 0; rc == 0 && i < ids.count; i++)
        if (keeps_damaged(g, ids.list[i]))
            keep_run(g, ids.list[i], NULL);
    texts_close(&ids);
    return rc;
}

int gc_mark_runs(struct gc *g, struct error *err) {
    struct choice c = {.g = g};
    struct texts ids = {0};
    int rc = store_run_list(g->s, &ids, err);
    for (size_t i = 0; rc == 0 && i < ids.count; i++)
        rc = decide(&c, ids.list[i], err);
    texts_close(&ids);
    if (rc == 0)
        rc = mark_damaged(g, err);
    for (size_t i = 0; i < c.count; i++)
        free(c.pipelines[i].pipeline);
    free(c.pipelines);
    return rc;
}

int gc_remove_runs(struct gc *g, struct error *err) {
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < g->dropped.count; i++) {
        char *path = mem_printf("%s/runs/%s.json", g->s->directory, g->dropped.list[i]);
        g->report->runs++;
        g->report->bytes += gc_size(path, NULL);
        if (!g->options->dry_run && unlink(path) < 0 && errno != ENOENT)
            rc = error_errno(err, errno, "%s: cannot be removed", path);
        free(path);
    }
    if (rc == 0 && g->dropped.count > 0 && !g->options->dry_run) {
        char *folder = layout_path(g->s, "runs", "");
        rc = file_sync(folder, err);
        free(folder);
    }
    return rc;
}
