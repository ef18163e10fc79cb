#include "engine/run/results.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"

enum { LONGEST_NAME = 235 }; /* of the 255 bytes that a file system takes: temporary files add to it */

struct publisher {
    struct plan *plan;
    struct facts *facts;
    char *directory; /* results/<pipeline> */
    cJSON *files;    /* name -> sha256: what Retort wrote, as of the manifest and this run */
    cJSON *before;   /* name -> sha256: what a run before was about to write; it may have been killed before or after */
    cJSON *coming;   /* the same of this run, and of those before as far as this one has not come to their names; the
                        manifest holds it before the first file is touched */
    cJSON *named;    /* names published by this run */
    bool announced, manifest_changed;
    size_t written, published;
    int refused; /* the first refusal; the rest goes on */
    struct error refusal;
};

/* ---- the manifest ---- */

static void take_object(cJSON **slot, const cJSON *manifest, const char *name) {
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(manifest, name);
    if (!cJSON_IsObject(found))
        return;
    cJSON_Delete(*slot);
    *slot = cJSON_Duplicate(found, true);
}

static int manifest_read(struct publisher *p, struct error *err) {
    struct json_document *document = NULL;
    char *path = path_join(p->directory, RESULTS_MANIFEST);
    struct error fault = {0};
    int rc = json_read(&document, path, NULL, &fault);
    if (rc == 0) {
        take_object(&p->files, json_root(document), "files");
        take_object(&p->before, json_root(document), "coming");
        take_object(&p->coming, json_root(document), "coming");
    }
    json_free(document);
    free(path);
    return rc < 0 && rc != ERR_NOT_FOUND ? error_set(err, rc, "%s", fault.message) : 0;
}

static int manifest_write(const struct publisher *p, struct error *err) {
    struct buffer text = {0};
    cJSON *manifest = cJSON_CreateObject();
    cJSON_AddNumberToObject(manifest, "retort_results", 1);
    cJSON_AddItemReferenceToObject(manifest, "files", p->files);
    if (p->coming->child)
        cJSON_AddItemReferenceToObject(manifest, "coming", p->coming);
    json_pretty(&text, manifest);
    buffer_putc(&text, '\n');
    char *path = path_join(p->directory, RESULTS_MANIFEST);
    int rc = file_make_directory(p->directory, err);
    if (rc == 0)
        rc = file_replace(path, text.data, text.size, 0666, err);
    free(path);
    buffer_close(&text);
    cJSON_Delete(manifest);
    return rc;
}

static void manifest_set(struct publisher *p, const char *name, const char *hex) {
    if (strcmp(json_text(p->files, name, ""), hex) == 0)
        return;
    cJSON_DeleteItemFromObjectCaseSensitive(p->files, name);
    cJSON_AddStringToObject(p->files, name, hex);
    p->manifest_changed = true;
}

/* ---- one file ---- */

enum standing { STANDING_ABSENT, STANDING_RIGHT, STANDING_OURS, STANDING_FOREIGN };

/* What stands where a result is to go. */
static enum standing look(struct publisher *p, const char *name, const char *path, const struct content *wanted) {
    struct stat st;
    struct content there;
    char hex[DIGEST_HEX_SIZE];
    if (lstat(path, &st) < 0)
        return STANDING_ABSENT;
    if (S_ISLNK(st.st_mode) || facts_file(p->facts, path, &there, NULL) < 0)
        return STANDING_FOREIGN;
    if (there.directory == wanted->directory && digest_equal(&there.digest, &wanted->digest) &&
        there.executable == wanted->executable)
        return STANDING_RIGHT;
    digest_hex(hex, &there.digest);
    if (strcmp(json_text(p->before, name, ""), hex) == 0)
        manifest_set(p, name, hex);
    return strcmp(json_text(p->files, name, ""), hex) == 0 ? STANDING_OURS : STANDING_FOREIGN;
}

/* Takes a directory out of the way: at once, so that a kill leaves no half of it, which would pass for the user's. The
   name is one of a temporary file, whose number no process has. */
static int take_away(const char *path, const char *parent, struct error *err) {
    char *old = mem_printf("%s/.%s.tmp-0%ld", parent, path_base(path), (long)getpid());
    int rc = file_remove_tree(old, err);
    if (rc == 0 && rename(path, old) < 0)
        rc = errno == ENOENT ? 0 : error_errno(err, errno, "%s: cannot be replaced", path);
    if (rc == 0)
        rc = file_remove_tree(old, err);
    free(old);
    return rc;
}

/* Puts the content beside `path` and renames it there; a directory is not replaced by a rename. */
static int put(struct publisher *p, const struct content *content, const char *path, struct error *err) {
    struct object o = {content->digest, content->size, content->directory, content->executable};
    char *parent = path_directory(path);
    char *temporary = mem_printf("%s/.%s.tmp-%ld", parent, path_base(path), (long)getpid());
    int rc = file_make_directory(parent, err);
    if (rc == 0)
        rc = file_remove_tree(temporary, err);
    if (rc == 0)
        rc = store_materialise(p->facts->store, &o, temporary, MATERIALISE_COPY, err);
    if (rc == 0 && (content->directory || file_is_directory(path)))
        rc = take_away(path, parent, err);
    if (rc == 0 && rename(temporary, path) < 0)
        rc = error_errno(err, errno, "%s: cannot be replaced", path);
    if (rc < 0)
        file_remove_tree(temporary, NULL);
    free(temporary);
    free(parent);
    return rc;
}

static int refuse(struct publisher *p, const char *path, const char *why) {
    if (!p->refused)
        p->refused = error_set(&p->refusal, ERR_IO, "%s: %s", path, why);
    return 0;
}

/* A run that is killed between a file and the manifest must not leave what the next one takes for the user's. */
static int announce(void *context, const char *name, const struct result_item *item, struct error *err) {
    struct publisher *p = context;
    const struct content *content = item->content;
    char hex[DIGEST_HEX_SIZE];
    char *path = path_join(p->directory, name);
    enum standing standing = look(p, name, path, content);
    (void)err;
    digest_hex(hex, &content->digest);
    if (standing == STANDING_ABSENT || standing == STANDING_OURS) {
        cJSON_DeleteItemFromObjectCaseSensitive(p->coming, name);
        cJSON_AddStringToObject(p->coming, name, hex);
        p->announced = true;
    }
    free(path);
    return 0;
}

static int publish(void *context, const char *name, const struct result_item *item, struct error *err) {
    struct publisher *p = context;
    const struct content *content = item->content;
    char hex[DIGEST_HEX_SIZE];
    char *path = path_join(p->directory, name);
    int rc = 0;
    digest_hex(hex, &content->digest);
    p->published++;
    if (cJSON_GetObjectItemCaseSensitive(p->named, name)) {
        rc = refuse(p, path, "two results have this name");
        goto out;
    }
    cJSON_AddTrueToObject(p->named, name);
    if (strlen(path_base(path)) > LONGEST_NAME) {
        rc = refuse(p, path, "too long for the name of a file; give the axes shorter values, or objects with a label");
        goto out;
    }
    switch (look(p, name, path, content)) {
    case STANDING_FOREIGN:
        rc = refuse(p, path, "Retort did not write this file, or it was changed since; move it away and run again");
        break;
    case STANDING_RIGHT:
        manifest_set(p, name, hex);
        break;
    case STANDING_ABSENT:
    case STANDING_OURS:
        rc = put(p, content, path, err);
        p->written += rc == 0;
        if (rc == 0)
            manifest_set(p, name, hex);
        break;
    }
out:
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

/* Publishers share the folder's lock; who has it alone knows that every temporary file there is of the dead, and removes
   them. -1 where the file system has no locks: then they stay. */
static int enter_directory(const struct publisher *p) {
    const cJSON *const named[] = {p->files, p->before, p->coming};
    bool there = file_make_directory(p->directory, NULL) == 0; /* else what comes next says so */
    int fd = there ? open(p->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        results_clear(p->directory, named, sizeof named / sizeof *named);
    while (fd >= 0 && flock(fd, LOCK_SH) < 0 && errno == EINTR)
        ;
    return fd;
}

/* What was coming is there now. A name that this run has no result for is for the next one that has. */
static void settle(struct publisher *p) {
    const cJSON *name;
    cJSON_ArrayForEach(name, p->named)
        cJSON_DeleteItemFromObjectCaseSensitive(p->coming, name->string);
}

/* Says what will be written, writes it, says that it was. */
static int publish_all(struct publisher *p, const struct pipeline *pipeline, struct error *err) {
    int rc = results_each(p->plan, pipeline, announce, p, err);
    bool announced = rc == 0 && p->announced;
    int lock = announced || p->before->child ? enter_directory(p) : -1;
    if (announced)
        rc = manifest_write(p, err);
    if (rc == 0)
        rc = results_each(p->plan, pipeline, publish, p, err);
    if (rc == 0)
        settle(p);
    int wrote = 0;
    if (announced || p->manifest_changed || p->before->child)
        wrote = manifest_write(p, rc == 0 ? err : NULL);
    if (lock >= 0)
        close(lock);
    return rc == 0 ? wrote : rc;
}

int results_publish(char **path, size_t *written, struct plan *plan, const struct pipeline *pipeline,
                    struct facts *facts, const char *directory, struct error *err) {
    struct publisher p = {.plan = plan, .facts = facts, .directory = path_join(directory, pipeline->name)};
    p.files = cJSON_CreateObject();
    p.before = cJSON_CreateObject();
    p.coming = cJSON_CreateObject();
    p.named = cJSON_CreateObject();
    int rc = pipeline->result_count ? manifest_read(&p, err) : 0;
    if (rc == 0 && pipeline->result_count)
        rc = publish_all(&p, pipeline, err);
    *written = p.written;
    *path = p.published > 0 ? mem_strdup(p.directory) : NULL;
    if (rc == 0 && p.refused)
        rc = error_set(err, p.refused, "%s", p.refusal.message);
    cJSON_Delete(p.files);
    cJSON_Delete(p.before);
    cJSON_Delete(p.coming);
    cJSON_Delete(p.named);
    free(p.directory);
    return rc;
}
