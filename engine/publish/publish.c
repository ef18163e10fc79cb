#include "engine/publish/publish.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/publish/internal.h"

enum { SMALL_BYTES = 1 << 20, POLL_NS = 50 * 1000 * 1000 };

/* One folder: results/<name>, or results/<name>@partial. */
struct publisher {
    const struct publishing *how;
    struct items *items; /* to publish, in the order of the coming files; NULL: their temporaries are written */
    bool differs;        /* the items are not what is published */
    char *folder, *staging;
    struct manifest manifest;
};

/* ---- files of a generation ---- */

typedef int file_visit(struct publisher *p, const cJSON *file, size_t number, struct error *err);

static int each_file(struct publisher *p, const struct generation *g, file_visit *visit, struct error *err) {
    const cJSON *file;
    size_t number = 0;
    int rc = 0;
    generation_each(file, g) {
        if (rc == 0)
            rc = visit(p, file, number++, err);
    }
    return rc;
}

/* The temporary of the coming file of this number. The caller frees. */
static char *temporary_path(const struct publisher *p, size_t number) {
    return mem_printf("%s/%zu", p->staging, number);
}

static bool has_temporary(const struct publisher *p, size_t number) {
    char *path = temporary_path(p, number);
    bool there = file_exists(path);
    free(path);
    return there;
}

/* Finds out whether an item stands in its place already, or which file its temporary will replace. ERR_IO: that file is
   the user's; or it is of the generation before, and the temporary is gone. */
static int examine(struct publisher *p, const cJSON *file, size_t number, struct error *err) {
    struct item *item = p->items ? &p->items->items[number] : NULL;
    struct object found = {0};
    int rc = item ? publish_check_interrupt(p->how, err) : 0;
    if (rc == 0)
        rc = target_read(&found, p->how->store, p->folder, file->string, err);
    bool right = rc > 0 && generation_has(&p->manifest.coming, file->string, &found.digest);
    if (item) {
        item->current = right && found.executable == item->content->executable;
        p->differs |= !item->current || !generation_has(&p->manifest.published, file->string, &item->content->digest);
    }
    if (rc <= 0 || right)
        return rc < 0 ? rc : 0;
    bool ours = generation_has(&p->manifest.published, file->string, &found.digest) ||
                generation_has(&p->manifest.announced, file->string, &found.digest);
    bool replaces = item || has_temporary(p, number);
    if (replaces && !ours)
        return error_set(err, ERR_IO,
                         "%s/%s: Retort did not write this file, or it was changed since; move it away and run again",
                         p->folder, file->string);
    if (!replaces && ours)
        return error_set(err, ERR_IO, "%s/%s: its replacement is missing from %s; " MANIFEST_MEND, p->folder,
                         file->string, p->staging, p->folder);
    return 0;
}

static int examine_coming(struct publisher *p, struct error *err) {
    struct error fault = {0};
    char *temporary = temporary_path(p, 0);
    int rc = target_folder(temporary, err);
    free(temporary);
    if (rc < 0)
        return rc;
    store_read_begin(p->how->store);
    rc = each_file(p, &p->manifest.coming, examine, err);
    int ended = store_read_end(p->how->store, &fault);
    return rc == 0 && ended < 0 ? error_set(err, ended, "%s", fault.message) : rc;
}

/* ---- steps 4 to 6 of publish.h; each does nothing where it was done before a kill ---- */

/* A file that the user has changed or replaced stays. */
static int remove_unnamed(struct publisher *p, const cJSON *file, size_t number, struct error *err) {
    struct object found;
    (void)number;
    if (generation_find(&p->manifest.coming, file->string))
        return 0;
    int rc = target_read(&found, p->how->store, p->folder, file->string, err);
    if (rc > 0 && generation_has(&p->manifest.published, file->string, &found.digest))
        return target_remove(p->folder, file->string, p->staging, err);
    return rc < 0 && rc != ERR_INVALID ? rc : 0;
}

static int rename_temporary(struct publisher *p, const cJSON *file, size_t number, struct error *err) {
    char *temporary = temporary_path(p, number);
    int rc = file_exists(temporary) ? target_replace(temporary, p->folder, file->string, p->staging, err) : 0;
    free(temporary);
    return rc;
}

/* Its folder, unless the file before is in the same one. */
static int sync_folder(struct publisher *p, const cJSON *file, size_t number, struct error *err) {
    return target_sync(p->folder, file->string, number > 0 ? file->prev->string : NULL, err);
}

/* A folder without results has no manifest, and goes if it is empty. After a power cut it may be there again:
   incomplete, and so removed again. */
static int close_manifest(struct publisher *p, struct error *err) {
    struct manifest *m = &p->manifest;
    generation_close(&m->published);
    m->published = m->coming;
    m->coming = (struct generation){0};
    if (m->published.by_name.count > 0)
        return manifest_write(m, p->folder, p->staging, err);
    char *path = manifest_path(p->folder);
    int rc = unlink(path) < 0 && errno != ENOENT ? error_errno(err, errno, "%s: cannot be removed", path) : 0;
    rmdir(p->folder);
    free(path);
    return rc;
}

static int commit(struct publisher *p, struct error *err) {
    const struct manifest *m = &p->manifest;
    int rc = file_make_directory(p->staging, err);
    if (rc == 0)
        rc = each_file(p, &m->published, remove_unnamed, err);
    if (rc == 0)
        rc = each_file(p, &m->coming, rename_temporary, err);
    if (rc == 0)
        rc = each_file(p, &m->published, sync_folder, err);
    if (rc == 0)
        rc = each_file(p, &m->coming, sync_folder, err);
    if (rc == 0)
        rc = close_manifest(p, err);
    return rc < 0 ? rc : file_remove_tree(p->staging, err);
}

/* ---- steps 2 and 3 ---- */

static int add_coming(struct publisher *p, struct items *items, struct error *err) {
    int rc = 0;
    p->items = items;
    p->differs = items->count != p->manifest.published.by_name.count;
    generation_open(&p->manifest.coming);
    for (size_t i = 0; rc == 0 && i < items->count; i++)
        rc = generation_add(&p->manifest.coming, items->items[i].name, &items->items[i].content->digest, err);
    return rc;
}

/* A copy on another thread. */
struct copying {
    struct store *store;
    const struct object *object;
    const char *path;
    atomic_bool stop;
    int rc;
    struct error error;
};

static void *copy(void *context) {
    struct copying *c = context;
    c->rc = store_copy(c->store, c->object, c->path, &c->stop, &c->error);
    return NULL;
}

/* Waits a moment for a thread. */
static bool has_ended(pthread_t thread) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += POLL_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) == 0;
}

/* A large copy takes place on another thread, while this one hears signals. */
static int copy_large(const struct publisher *p, const struct object *o, const char *path, struct error *err) {
    struct copying c = {.store = p->how->store, .object = o, .path = path};
    pthread_t thread;
    if (pthread_create(&thread, NULL, copy, &c) != 0)
        return store_materialise(c.store, o, path, MATERIALISE_COPY, err);
    while (!has_ended(thread))
        if (p->how->is_interrupted(p->how->context))
            atomic_store(&c.stop, true);
    if (c.rc == ERR_INTERRUPTED)
        return publish_check_interrupt(p->how, err);
    return c.rc < 0 ? error_set(err, c.rc, "%s", c.error.message) : 0;
}

static int write_temporary(const struct publisher *p, const struct content *c, const char *path, struct error *err) {
    const struct object o = {c->digest, c->size, c->directory, c->executable};
    return c->directory || c->size > SMALL_BYTES ? copy_large(p, &o, path, err)
                                                 : store_materialise(p->how->store, &o, path, MATERIALISE_COPY, err);
}

static int write_temporaries(const struct publisher *p, struct error *err) {
    int rc = file_remove_tree(p->staging, err);
    if (rc == 0)
        rc = file_make_directory(p->staging, err);
    for (size_t i = 0; rc == 0 && i < p->items->count; i++) {
        char *temporary = temporary_path(p, i);
        rc = publish_check_interrupt(p->how, err);
        if (rc == 0 && !p->items->items[i].current)
            rc = write_temporary(p, p->items->items[i].content, temporary, err);
        free(temporary);
    }
    if (rc == 0)
        rc = file_make_directory(p->folder, err);
    return rc < 0 ? rc : file_sync(p->how->directory, err);
}

/* A write of the manifest that failed may have replaced it: from then on the temporaries stay. */
static int publish_coming(struct publisher *p, struct error *err) {
    int rc = write_temporaries(p, err);
    p->items = NULL;
    if (rc == 0)
        rc = examine_coming(p, err);
    if (rc < 0) {
        file_remove_tree(p->staging, NULL);
        return rc;
    }
    cJSON *git = p->how->git(p->how->context);
    generation_describe(&p->manifest.coming, store_run_id(p->how->store), p->how->pipeline, git);
    cJSON_Delete(git);
    rc = manifest_write(&p->manifest, p->folder, p->staging, err);
    return rc < 0 ? rc : commit(p, err);
}

/* ---- both folders ---- */

/* Joules are no result: a fault here is only noted. */
static void write_page(const struct publisher *p, const struct items *items) {
    struct error fault = {0};
    if (!energy_page_is_due(p->how, p->folder))
        return;
    int rc = file_make_directory(p->staging, &fault);
    if (rc == 0)
        rc = energy_page_write(p->how, items, p->folder, p->staging, &fault);
    if (rc < 0)
        p->how->note(p->how->context, fault.message);
}

static char *folder_path(const char *directory, const struct pipeline *p, bool whole) {
    return mem_printf("%s/%s%s", directory, p->name, whole ? "" : "@partial");
}

/* Finishes a publishing that was cut off, then publishes the items, unless they are NULL. */
static int publish_folder(const struct publishing *how, bool whole, struct items *items, struct error *err) {
    struct publisher p = {.how = how, .folder = folder_path(how->directory, how->pipeline, whole)};
    p.staging = mem_printf("%s/.%s.staging", how->directory, path_base(p.folder));
    int rc = manifest_read(&p.manifest, p.folder, err);
    if (rc == 0)
        rc = manifest_check_origin(&p.manifest, p.folder, how->pipeline, err);
    if (rc == 0 && p.manifest.coming.json)
        rc = examine_coming(&p, err);
    if (rc == 0 && p.manifest.coming.json)
        rc = commit(&p, err);
    if (rc == 0 && items)
        rc = add_coming(&p, items, err);
    if (rc == 0 && items)
        rc = examine_coming(&p, err);
    if (rc == 0 && p.differs)
        rc = publish_coming(&p, err);
    if (rc == 0 && items && items->count > 0 && whole)
        write_page(&p, items);
    if (rc == 0)
        file_remove_tree(p.staging, NULL);
    manifest_close(&p.manifest);
    free(p.staging);
    free(p.folder);
    return rc;
}

static int publish_items(const struct publishing *how, struct items *items, struct error *err) {
    struct items none = {0};
    bool whole = items->known == items->total;
    int lock, rc = publish_lock(&lock, how, err);
    if (rc == 0)
        rc = publish_folder(how, true, whole ? items : NULL, err);
    if (rc == 0 && (whole || items->count > 0))
        rc = publish_folder(how, false, whole ? &none : items, err);
    if (lock >= 0)
        close(lock);
    if (rc == ERR_INVALID) /* said of a file in results/, and not of the pipeline */
        err->code = rc = ERR_IO;
    return rc;
}

static void note_absent(const struct publishing *how, const char *name) {
    char *text = mem_printf("the result \"%s\" is left out: there is no out to publish", name);
    how->note(how->context, text);
    free(text);
}

int publish_results(struct published *out, const struct publishing *how, struct error *err) {
    struct items items;
    int rc = items_collect(&items, how->plan, how->pipeline, err);
    char *folder = folder_path(how->directory, how->pipeline, true);
    *out = (struct published){.known = items.known, .total = items.total};
    for (size_t i = 0; rc == 0 && i < items.absent.count; i++)
        note_absent(how, items.absent.list[i]);
    if (rc == 0 && items.total > 0 && (items.count > 0 || file_exists(folder)))
        rc = publish_items(how, &items, err);
    if (rc == 0 && items.count > 0)
        out->path = folder_path(how->directory, how->pipeline, items.known == items.total);
    free(folder);
    items_close(&items);
    return rc;
}

int publish_check_origin(const char *directory, const struct pipeline *p, struct error *err) {
    int rc = 0;
    for (int whole = 0; rc == 0 && whole < 2; whole++) {
        struct manifest manifest;
        char *folder = folder_path(directory, p, whole);
        if (manifest_read(&manifest, folder, NULL) == 0)
            rc = manifest_check_origin(&manifest, folder, p, err);
        manifest_close(&manifest);
        free(folder);
    }
    return rc;
}
