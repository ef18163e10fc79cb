#include "engine/publish/publish.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
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
    bool changed;           /* by this run, or by one before that did not come to its end */
    size_t published;
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
    p->changed = p->coming->child;
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

struct target {
    const char *name;
    char *path;
    const struct content *content;
};

enum standing { STANDING_ABSENT, STANDING_RIGHT, STANDING_OURS, STANDING_FOREIGN };

/* What stands `at` a path, which is that of the target or has come out of it; `why` it is not written over. */
static enum standing look(struct publisher *p, const struct target *t, const char *at, struct error *why) {
    const struct content *wanted = t->content;
    struct stat st;
    struct content there;
    struct error fault = {0};
    char hex[DIGEST_HEX_SIZE];
    if (lstat(at, &st) < 0) {
        if (errno == ENOENT)
            return STANDING_ABSENT;
        error_errno(why, errno, "%s: cannot be examined%s", at,
                    errno == ENOTDIR ? "; move away what stands where its folder is to be, and run again" : "");
        return STANDING_FOREIGN;
    }
    if (S_ISLNK(st.st_mode))
        goto foreign;
    if (facts_file(p->facts, at, &there, &fault) < 0) {
        if (fault.code == ERR_INVALID) /* nothing that Retort writes */
            goto foreign;
        error_set(why, ERR_IO, "%s", fault.message);
        return STANDING_FOREIGN;
    }
    if (there.directory == wanted->directory && digest_equal(&there.digest, &wanted->digest) &&
        there.executable == wanted->executable)
        return STANDING_RIGHT;
    digest_hex(hex, &there.digest);
    if (strcmp(json_text(p->coming, t->name, ""), hex) == 0)
        set_digest(p->files, t->name, hex);
    if (strcmp(json_text(p->files, t->name, ""), hex) == 0)
        return STANDING_OURS;
foreign:
    error_set(why, ERR_IO, "%s: Retort did not write this file, or it was changed since; move it away and run again",
              t->path);
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

/* By plain renames, of which none replaces a directory. */
static int replace(const struct target *t, const char *temporary, struct error *err) {
    int rc = t->content->directory || file_is_directory(t->path) ? take_away(t->path, err) : 0;
    if (rc == 0 && rename(temporary, t->path) < 0)
        rc = error_errno(err, errno, "%s: cannot be replaced", t->path);
    return rc;
}

static int exchange(const char *one, const char *other) {
    return renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
}

/* What has the target's name comes out in the place of the copy and is looked at there: if it is the user's after all, it
   goes back. What is the user's is not removed, whatever happens: results_clear looks at what has this name, too, and what is
   to go has the copy's. Some file systems know no exchange, each by its own errno. */
static int exchange_names(struct publisher *p, const struct target *t, const char *copy, struct error *why,
                          struct error *err) {
    char *out = numbered(t->path, RESULTS_OUT);
    int rc = rename(copy, out) < 0 ? error_errno(err, errno, "%s: cannot be renamed", copy) : 1;
    bool removable = true;
    if (rc > 0 && exchange(out, t->path) < 0) {
        rc = replace(t, out, err);
        rc = rc < 0 ? rc : 1;
    } else if (rc > 0 && look(p, t, out, why) == STANDING_FOREIGN) {
        removable = exchange(out, t->path) == 0 && look(p, t, out, NULL) == STANDING_RIGHT;
        rc = 0;
    }
    if (!removable)
        error_set(why, ERR_IO, "%s: was changed by others while it was published; what they wrote last is %s now",
                  t->path, out);
    else if (rename(out, copy) < 0 && errno != ENOENT)
        error_errno(why, errno, "%s: cannot be renamed", out);
    free(out);
    return rc;
}

/* Gives the copy its name: 1, or 0 and `why`. */
static int take_name(struct publisher *p, const struct target *t, const char *copy, struct error *why,
                     struct error *err) {
    if (renameat2(AT_FDCWD, copy, AT_FDCWD, t->path, RENAME_NOREPLACE) == 0)
        return 1;
    return exchange_names(p, t, copy, why, err);
}

/* Puts the content beside its path, looks again at what stands there, since a copy takes its time, and gives it its name:
   1, or 0 and `why`. Durable before the manifest says so: else, after a power cut, it would be taken for a file that the user
   has changed. */
static int put(struct publisher *p, const struct target *t, struct error *why, struct error *err) {
    const struct content *content = t->content;
    struct object o = {content->digest, content->size, content->directory, content->executable};
    char *parent = path_directory(t->path);
    char *copy = numbered(t->path, "");
    int rc = file_make_directory(parent, err);
    if (rc == 0)
        rc = file_remove_tree(copy, err);
    if (rc == 0)
        rc = store_materialise(p->facts->store, &o, copy, MATERIALISE_COPY, err);
    if (rc == 0 && look(p, t, t->path, why) != STANDING_FOREIGN)
        rc = take_name(p, t, copy, why, err);
    file_remove_tree(copy, rc > 0 ? why : NULL);
    if (rc > 0 && file_sync(parent, err) < 0)
        rc = ERR_IO;
    free(copy);
    free(parent);
    return rc;
}

/* Of what a kill left while it had come out of a name. */
static bool is_ours(void *context, const char *name, const char *at) {
    struct publisher *p = context;
    struct content there;
    char hex[DIGEST_HEX_SIZE];
    if (facts_file(p->facts, at, &there, NULL) < 0)
        return false;
    digest_hex(hex, &there.digest);
    return strcmp(json_text(p->files, name, ""), hex) == 0 || strcmp(json_text(p->coming, name, ""), hex) == 0;
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

/* A run that is killed between a file and the manifest must not leave what the next one takes for the user's. */
static int announce(void *context, const char *name, const struct result_item *item, struct error *err) {
    struct publisher *p = context;
    char hex[DIGEST_HEX_SIZE];
    const struct target t = {name, path_join(p->directory, name), item->content};
    int rc = ask_to_go_on(p, err);
    enum standing standing = rc < 0 ? STANDING_FOREIGN : look(p, &t, t.path, NULL);
    digest_hex(hex, &item->content->digest);
    if (standing == STANDING_ABSENT || standing == STANDING_OURS)
        set_digest(p->coming, name, hex);
    free(t.path);
    return rc;
}

/* Whether the run may have a file there at all; `why` not. */
static bool takes_name(struct publisher *p, const struct target *t, struct error *why) {
    if (cJSON_GetObjectItemCaseSensitive(p->named, t->name)) {
        error_set(why, ERR_IO, "%s: two results have this name", t->path);
        return false;
    }
    cJSON_AddTrueToObject(p->named, t->name);
    if (strlen(path_base(t->path)) <= LONGEST_NAME)
        return true;
    error_set(why, ERR_IO, "%s: too long for the name of a file; give the axes shorter values, or objects with a label",
              t->path);
    return false;
}

/* 1 where the target has its content now; 0 and `why` not. */
static int bring(struct publisher *p, const struct target *t, struct error *why, struct error *err) {
    if (!takes_name(p, t, why))
        return 0;
    enum standing standing = look(p, t, t->path, why);
    if (standing == STANDING_FOREIGN || standing == STANDING_RIGHT)
        return standing == STANDING_RIGHT;
    int rc = put(p, t, why, err);
    p->changed |= rc > 0;
    return rc;
}

static int publish(void *context, const char *name, const struct result_item *item, struct error *err) {
    struct publisher *p = context;
    struct error why = {0};
    char hex[DIGEST_HEX_SIZE];
    int rc = ask_to_go_on(p, err);
    if (rc < 0)
        return rc;
    const struct target t = {name, path_join(p->directory, name), item->content};
    p->published++;
    rc = bring(p, &t, &why, err);
    digest_hex(hex, &t.content->digest);
    if (rc > 0)
        set_digest(p->files, name, hex);
    if (why.code && !p->refusal.code)
        p->refusal = why;
    free(t.path);
    return rc < 0 ? rc : 0;
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
        rc = results_clear(p->directory, named, sizeof named / sizeof *named, is_ours, p, err);
    if (rc == 0)
        rc = manifest_write(p, err);
    if (rc == 0)
        rc = results_each(p->plan, pipeline, publish, p, err);
    if (rc == 0)
        settle(p);
    int wrote = manifest_write(p, rc == 0 ? err : NULL);
    return rc == 0 ? wrote : rc;
}

int results_publish(char **path, bool *changed, struct plan *plan, const struct pipeline *pipeline, struct facts *facts,
                    const struct publishing *how, struct error *err) {
    struct publisher p = {
        .plan = plan, .facts = facts, .how = how, .directory = path_join(how->directory, pipeline->name)};
    p.files = cJSON_CreateObject();
    p.coming = cJSON_CreateObject();
    p.named = cJSON_CreateObject();
    int rc = pipeline->result_count ? manifest_read(&p, err) : 0;
    if (rc == 0 && pipeline->result_count)
        rc = publish_all(&p, pipeline, err);
    *changed = p.changed;
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
