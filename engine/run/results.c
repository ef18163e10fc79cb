#include "engine/run/results.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"

enum { LONGEST_NAME = 235 }; /* of the 255 bytes that a file system takes: temporary files add to it */

struct publisher {
    struct plan *plan;
    struct facts *facts;
    const struct publishing *how;
    char *directory; /* results/<pipeline> */
    /* Name -> sha256: what Retort wrote; what it is about to write: a run before may have been killed on either side of
       that. */
    cJSON *files, *coming;
    cJSON *named;           /* names published by this run */
    struct buffer manifest; /* files and coming as they are on disk */
    size_t written, published;
    struct error refusal; /* the first; the rest goes on */
};

/* ---- the manifest ---- */

static void manifest_text(struct buffer *out, const struct publisher *p) {
    cJSON *manifest = cJSON_CreateObject();
    cJSON_AddNumberToObject(manifest, "retort_results", 1);
    cJSON_AddItemReferenceToObject(manifest, "files", p->files);
    if (p->coming->child)
        cJSON_AddItemReferenceToObject(manifest, "coming", p->coming);
    json_pretty(out, manifest);
    buffer_putc(out, '\n');
    cJSON_Delete(manifest);
}

static bool is_digests(const cJSON *object) {
    const cJSON *item;
    if (!cJSON_IsObject(object))
        return false;
    cJSON_ArrayForEach(item, object) {
        if (!cJSON_IsString(item))
            return false;
    }
    return true;
}

/* Takes the members of a manifest. False: it is none. */
static bool manifest_take(struct publisher *p, const cJSON *root) {
    const cJSON *files = cJSON_GetObjectItemCaseSensitive(root, "files");
    const cJSON *coming = cJSON_GetObjectItemCaseSensitive(root, "coming");
    if (json_double(root, "retort_results", 0) != 1 || !is_digests(files) || (coming && !is_digests(coming)))
        return false;
    cJSON_Delete(p->files);
    p->files = mem_checked(cJSON_Duplicate(files, true));
    if (coming) {
        cJSON_Delete(p->coming);
        p->coming = mem_checked(cJSON_Duplicate(coming, true));
    }
    return true;
}

static int damaged(const struct publisher *p, const char *what, struct error *err) {
    return error_set(err, ERR_IO,
                     "%s; without it nobody knows which files in %s are the user's own: move that folder away and run "
                     "again, everything that was made is known and is published anew",
                     what, p->directory);
}

static int manifest_read(struct publisher *p, struct error *err) {
    struct json_document *document = NULL;
    char *path = path_join(p->directory, RESULTS_MANIFEST);
    struct error fault = {0};
    int rc = json_read(&document, path, NULL, &fault);
    if (rc == 0 && !manifest_take(p, json_root(document)))
        rc = error_set(&fault, ERR_INVALID, "%s: does not hold what Retort writes there", path);
    if (rc == ERR_NOT_FOUND)
        rc = 0;
    else if (rc < 0)
        rc = rc == ERR_INVALID ? damaged(p, fault.message, err) : error_set(err, rc, "%s", fault.message);
    manifest_text(&p->manifest, p);
    json_free(document);
    free(path);
    return rc;
}

/* Where it is not on disk as it is now. */
static int manifest_write(struct publisher *p, struct error *err) {
    struct buffer text = {0};
    char *path = path_join(p->directory, RESULTS_MANIFEST);
    int rc = 0;
    manifest_text(&text, p);
    if (text.size == p->manifest.size && memcmp(text.data, p->manifest.data, text.size) == 0)
        goto out;
    rc = file_make_directory(p->directory, err);
    if (rc == 0)
        rc = file_replace(path, text.data, text.size, 0666, err);
    if (rc == 0) {
        buffer_clear(&p->manifest);
        buffer_append(&p->manifest, text.data, text.size);
    }
out:
    buffer_close(&text);
    free(path);
    return rc;
}

static void set_digest(cJSON *digests, const char *name, const char *hex) {
    if (strcmp(json_text(digests, name, ""), hex) == 0)
        return;
    cJSON_DeleteItemFromObjectCaseSensitive(digests, name);
    mem_checked(cJSON_AddStringToObject(digests, name, hex));
}

/* ---- one file ---- */

enum standing { STANDING_ABSENT, STANDING_RIGHT, STANDING_OURS, STANDING_FOREIGN };

/* What stands where a result is to go; `why` it is not written over. */
static enum standing look(struct publisher *p, const char *name, const char *path, const struct content *wanted,
                          struct error *why) {
    struct stat st;
    struct content there;
    struct error fault = {0};
    char hex[DIGEST_HEX_SIZE];
    if (lstat(path, &st) < 0) {
        if (errno == ENOENT)
            return STANDING_ABSENT;
        error_errno(why, errno, "%s: cannot be examined%s", path,
                    errno == ENOTDIR ? "; move away what stands where its folder is to be, and run again" : "");
        return STANDING_FOREIGN;
    }
    if (S_ISLNK(st.st_mode))
        goto foreign;
    if (facts_file(p->facts, path, &there, &fault) < 0) {
        if (fault.code == ERR_INVALID) /* nothing that Retort writes */
            goto foreign;
        error_set(why, ERR_IO, "%s", fault.message);
        return STANDING_FOREIGN;
    }
    if (there.directory == wanted->directory && digest_equal(&there.digest, &wanted->digest) &&
        there.executable == wanted->executable)
        return STANDING_RIGHT;
    digest_hex(hex, &there.digest);
    if (strcmp(json_text(p->coming, name, ""), hex) == 0)
        set_digest(p->files, name, hex);
    if (strcmp(json_text(p->files, name, ""), hex) == 0)
        return STANDING_OURS;
foreign:
    error_set(why, ERR_IO, "%s: Retort did not write this file, or it was changed since; move it away and run again",
              path);
    return STANDING_FOREIGN;
}

/* A temporary path with this engine's number, as results_clear knows it, behind a prefix. The caller frees. */
static char *numbered(const char *path, const char *prefix) {
    char *mark = mem_printf("%s%ld", prefix, (long)getpid());
    char *temporary = path_temporary(path, mark);
    free(mark);
    return temporary;
}

/* Takes a directory out of the way: at once, so that a kill leaves no half of it, which would pass for the user's. The
   prefix makes a number that no process has. */
static int take_away(const char *path, struct error *err) {
    char *old = numbered(path, "0");
    int rc = file_remove_tree(old, err);
    if (rc == 0 && rename(path, old) < 0)
        rc = errno == ENOENT ? 0 : error_errno(err, errno, "%s: cannot be replaced", path);
    if (rc == 0)
        rc = file_remove_tree(old, err);
    free(old);
    return rc;
}

/* Renames to a name that is free, or Retort's own; a directory is not replaced by a rename. */
static int take_name(const char *temporary, const char *path, bool directory, struct error *err) {
    int rc = directory || file_is_directory(path) ? take_away(path, err) : 0;
    if (rc == 0 && rename(temporary, path) < 0)
        rc = error_errno(err, errno, "%s: cannot be replaced", path);
    return rc;
}

/* Puts the content beside `path`, looks again at what stands there, since a copy takes its time, and renames: 1, and 0 where
   it may not; then `why`. Durable before the manifest says so: else, after a power cut, it would be taken for a file that
   the user has changed. */
static int put(struct publisher *p, const char *name, const char *path, const struct content *content,
               struct error *why, struct error *err) {
    struct object o = {content->digest, content->size, content->directory, content->executable};
    char *parent = path_directory(path);
    char *temporary = numbered(path, "");
    bool free_to = false;
    int rc = file_make_directory(parent, err);
    if (rc == 0)
        rc = file_remove_tree(temporary, err);
    if (rc == 0)
        rc = store_materialise(p->facts->store, &o, temporary, MATERIALISE_COPY, err);
    if (rc == 0)
        free_to = look(p, name, path, content, why) != STANDING_FOREIGN;
    if (rc == 0 && free_to)
        rc = take_name(temporary, path, content->directory, err);
    if (rc < 0 || !free_to)
        file_remove_tree(temporary, NULL);
    else
        rc = file_sync(parent, err);
    free(temporary);
    free(parent);
    return rc < 0 ? rc : free_to;
}

/* A run that is killed between a file and the manifest must not leave what the next one takes for the user's. */
static int announce(void *context, const char *name, const struct result_item *item, struct error *err) {
    struct publisher *p = context;
    char hex[DIGEST_HEX_SIZE];
    char *path = path_join(p->directory, name);
    enum standing standing = look(p, name, path, item->content, NULL);
    (void)err;
    digest_hex(hex, &item->content->digest);
    if (standing == STANDING_ABSENT || standing == STANDING_OURS)
        set_digest(p->coming, name, hex);
    free(path);
    return 0;
}

static int ask_to_go_on(const struct publisher *p, struct error *err) {
    if (!p->how->is_interrupted(p->how->context))
        return 0;
    return error_set(
        err, ERR_INTERRUPTED,
        "interrupted while results are published into %s: everything finished so far is kept, run again to "
        "publish the rest",
        p->directory);
}

static int publish(void *context, const char *name, const struct result_item *item, struct error *err) {
    struct publisher *p = context;
    const struct content *content = item->content;
    struct error why = {0};
    char hex[DIGEST_HEX_SIZE];
    char *path = path_join(p->directory, name);
    int rc = ask_to_go_on(p, err);
    if (rc < 0)
        goto out;
    digest_hex(hex, &content->digest);
    p->published++;
    if (cJSON_GetObjectItemCaseSensitive(p->named, name)) {
        error_set(&why, ERR_IO, "%s: two results have this name", path);
        goto out;
    }
    cJSON_AddTrueToObject(p->named, name);
    if (strlen(path_base(path)) > LONGEST_NAME) {
        error_set(&why, ERR_IO,
                  "%s: too long for the name of a file; give the axes shorter values, or objects with a label", path);
        goto out;
    }
    switch (look(p, name, path, content, &why)) {
    case STANDING_FOREIGN:
        break;
    case STANDING_RIGHT:
        set_digest(p->files, name, hex);
        break;
    case STANDING_ABSENT:
    case STANDING_OURS:
        rc = put(p, name, path, content, &why, err);
        if (rc > 0) {
            p->written++;
            set_digest(p->files, name, hex);
            rc = 0;
        }
        break;
    }
out:
    if (why.code && !p->refusal.code)
        p->refusal = why;
    free(path);
    return rc;
}

/* ---- lists ---- */

static void append_safe(struct buffer *out, const char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        buffer_putc(out, isalnum(c) || c >= 128 || strchr("-_+.", c) ? (char)c : '_');
    }
}

static void append_label(struct buffer *out, const cJSON *label) {
    const char *named = json_text(label, "label", NULL);
    char *text = cJSON_IsString(label) ? mem_strdup(label->valuestring)
                 : named               ? mem_strdup(named)
                                       : json_canonical_text(label);
    append_safe(out, label->string);
    buffer_putc(out, '=');
    append_safe(out, text);
    free(text);
}

/* "alpha=5,seed=1.csv"; the out's own file name for an item without labels. */
static char *list_name(const char *folder, const struct result_item *item) {
    struct buffer name = {0};
    const char *file = path_base(item->out->path);
    const char *extension = strrchr(file, '.');
    const cJSON *label;
    buffer_puts(&name, folder);
    cJSON_ArrayForEach(label, item->labels) {
        if (label != item->labels->child)
            buffer_putc(&name, ',');
        append_label(&name, label);
    }
    if (!item->labels || !item->labels->child)
        buffer_puts(&name, file);
    else if (extension && extension != file)
        buffer_puts(&name, extension);
    return buffer_detach(&name);
}

static int each_item(struct plan *plan, const struct result_decl *result, result_visit *visit, void *context,
                     struct error *err) {
    const struct result_item *items;
    size_t count = 0, length = strlen(result->name);
    bool waiting = false, list = length > 0 && result->name[length - 1] == '/';
    int rc = plan_result(plan, result, &items, &count, &waiting, err);
    if (rc < 0)
        return error_prefix(err, "result \"%s\"", result->name);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        char *name = list ? list_name(result->name, &items[i]) : mem_strdup(result->name);
        rc = visit(context, name, &items[i], err);
        free(name);
    }
    return rc;
}

int results_each(struct plan *plan, const struct pipeline *pipeline, result_visit *visit, void *context,
                 struct error *err) {
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < pipeline->result_count; i++)
        rc = each_item(plan, &pipeline->results[i], visit, context, err);
    return rc;
}

/* What was coming is there now. A name that this run has no result for is for the next one that has. */
static void settle(struct publisher *p) {
    const cJSON *name;
    cJSON_ArrayForEach(name, p->named)
        cJSON_DeleteItemFromObjectCaseSensitive(p->coming, name->string);
}

/* Says what will be written, writes it, says that it was. */
static int publish_all(struct publisher *p, const struct pipeline *pipeline, struct error *err) {
    const cJSON *const named[] = {p->files, p->coming};
    int rc = results_each(p->plan, pipeline, announce, p, err);
    if (rc == 0 && p->how->alone && p->coming->child)
        rc = results_clear(p->directory, named, sizeof named / sizeof *named, err);
    if (rc == 0)
        rc = manifest_write(p, err);
    if (rc == 0)
        rc = results_each(p->plan, pipeline, publish, p, err);
    if (rc == 0)
        settle(p);
    int wrote = manifest_write(p, rc == 0 ? err : NULL);
    return rc == 0 ? wrote : rc;
}

int results_publish(char **path, size_t *written, struct plan *plan, const struct pipeline *pipeline,
                    struct facts *facts, const struct publishing *how, struct error *err) {
    struct publisher p = {
        .plan = plan, .facts = facts, .how = how, .directory = path_join(how->directory, pipeline->name)};
    p.files = cJSON_CreateObject();
    p.coming = cJSON_CreateObject();
    p.named = cJSON_CreateObject();
    int rc = pipeline->result_count ? manifest_read(&p, err) : 0;
    if (rc == 0 && pipeline->result_count)
        rc = publish_all(&p, pipeline, err);
    *written = p.written;
    *path = p.published > 0 ? mem_strdup(p.directory) : NULL;
    if (rc == 0 && p.refusal.code)
        rc = error_set(err, p.refusal.code, "%s", p.refusal.message);
    cJSON_Delete(p.files);
    cJSON_Delete(p.coming);
    cJSON_Delete(p.named);
    buffer_close(&p.manifest);
    free(p.directory);
    return rc;
}
