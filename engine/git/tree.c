#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/memory.h"
#include "engine/git/internal.h"

enum { MOST_LINKS = 40, LONGEST_PATH = 4095 };

/* ---- names ---- */

/* Could harm whoever writes it to a disk. */
static bool is_harmful(const char *name) {
    return !*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcasecmp(name, ".git") == 0 ||
           strcasecmp(name, "git~1") == 0 || strpbrk(name, "/\\");
}

int name_check(const struct place *p, const char *name, struct error *err) {
    return is_harmful(name) ? place_error(err, ERR_INVALID, p, "the name \"%s\" is refused", name) : 0;
}

int submodule_error(const struct place *p, const char *name, struct error *err) {
    return place_error(err, ERR_INVALID, p, "\"%s\" is a submodule, and submodules are not fetched", name);
}

int place_error(struct error *err, int code, const struct place *p, const char *format, ...) {
    struct buffer text = {0};
    va_list args;
    va_start(args, format);
    buffer_vprintf(&text, format, args);
    va_end(args);
    error_set(err, code, "%s#%.7s:%s: %s", p->r->url, p->commit, p->path, buffer_text(&text));
    buffer_close(&text);
    return code;
}

/* ---- a walk along a path ---- */

struct walk {
    struct place place; /* of the whole path */
    git_tree **folders; /* from the root of the tree down to the present one */
    size_t depth, capacity;
    char *path;       /* targets of links, and the rest of the path behind them */
    const char *rest; /* of `path`, from here on */
    int links;
    const git_tree_entry *file; /* that the path ended at; of the present folder */
};

static int enter(struct walk *w, const git_oid *tree, struct error *err) {
    mem_grow(w->folders, &w->capacity, w->depth + 1);
    int rc = tree_open(&w->folders[w->depth], w->place.r, tree, err);
    w->depth += rc == 0;
    return rc;
}

static int leave(struct walk *w, struct error *err) {
    if (w->depth == 1)
        return place_error(err, ERR_INVALID, &w->place, "leads out of the repository");
    libgit.tree_free(w->folders[--w->depth]);
    return 0;
}

static int check_target(struct walk *w, const char *target, size_t size, struct error *err) {
    if (++w->links > MOST_LINKS)
        return place_error(err, ERR_INVALID, &w->place, "too many symbolic links");
    if (size == 0 || size > LONGEST_PATH || memchr(target, '\0', size))
        return place_error(err, ERR_INVALID, &w->place, "a symbolic link is damaged");
    if (target[0] == '/')
        return place_error(err, ERR_INVALID, &w->place, "a symbolic link leads out of the repository, to %.*s",
                           (int)size, target);
    return 0;
}

static int follow(struct walk *w, const git_oid *link, struct error *err) {
    git_blob *blob = NULL;
    if (libgit.blob_lookup(&blob, w->place.r->bare, link) < 0)
        return place_error(err, ERR_CORRUPT, &w->place, "%s", libgit_reason());
    size_t size = (size_t)libgit.blob_rawsize(blob);
    const char *target = libgit.blob_rawcontent(blob);
    int rc = check_target(w, target, size, err);
    if (rc == 0) {
        char *path = mem_printf("%.*s%s", (int)size, target, w->rest);
        free(w->path);
        w->rest = w->path = path;
    }
    libgit.blob_free(blob);
    return rc;
}

static int step(struct walk *w, const char *name, struct error *err) {
    if (strcmp(name, ".") == 0)
        return 0;
    if (strcmp(name, "..") == 0)
        return leave(w, err);
    int rc = name_check(&w->place, name, err);
    if (rc < 0)
        return rc;
    const git_tree_entry *entry = libgit.tree_entry_byname(w->folders[w->depth - 1], name);
    if (!entry)
        return place_error(err, ERR_NOT_FOUND, &w->place, "does not exist");
    git_filemode_t mode = libgit.tree_entry_filemode(entry);
    if (mode == GIT_FILEMODE_TREE)
        return enter(w, libgit.tree_entry_id(entry), err);
    if (mode == GIT_FILEMODE_LINK)
        return follow(w, libgit.tree_entry_id(entry), err);
    if (mode == GIT_FILEMODE_COMMIT)
        return submodule_error(&w->place, name, err);
    if (w->rest[strspn(w->rest, "/")])
        return place_error(err, ERR_NOT_FOUND, &w->place, "\"%s\" is a file, not a folder", name);
    w->file = entry;
    return 0;
}

static int walk(struct walk *w, struct error *err) {
    git_oid root;
    int rc = commit_tree(&root, w->place.r, w->place.commit, err);
    if (rc == 0)
        rc = enter(w, &root, err);
    for (size_t length; rc == 0;) {
        w->rest += strspn(w->rest, "/");
        if ((length = strcspn(w->rest, "/")) == 0)
            break;
        char *name = mem_strndup(w->rest, length);
        w->rest += length;
        rc = step(w, name, err);
        free(name);
    }
    return rc;
}

/* ---- entries ---- */

void folder_entry(struct git_entry *out, const git_oid *tree) {
    *out = (struct git_entry){.type = GIT_FOLDER};
    libgit.oid_tostr(out->oid, sizeof out->oid, tree);
}

int file_entry(struct git_entry *out, const struct place *p, const git_tree_entry *entry, struct error *err) {
    git_filemode_t mode = libgit.tree_entry_filemode(entry);
    size_t size = 0;
    git_object_t type;
    if (libgit.odb_read_header(&size, &type, p->r->objects, libgit.tree_entry_id(entry)) < 0)
        return place_error(err, ERR_CORRUPT, p, "%s", libgit_reason());
    if (type != GIT_OBJECT_BLOB)
        return place_error(err, ERR_INVALID, p, "is no file");
    *out = (struct git_entry){.type = mode == GIT_FILEMODE_BLOB_EXECUTABLE ? GIT_EXECUTABLE : GIT_FILE, .size = size};
    libgit.oid_tostr(out->oid, sizeof out->oid, libgit.tree_entry_id(entry));
    return 0;
}

int repository_find(struct repository *r, const char *commit, const char *path, struct git_entry *out,
                    struct error *err) {
    char *text = mem_strdup(path);
    struct walk w = {.place = {r, commit, path}, .path = text, .rest = text};
    *out = (struct git_entry){0};
    int rc = *path == '/' ? place_error(err, ERR_INVALID, &w.place, "must be relative") : walk(&w, err);
    if (rc == 0 && w.file)
        rc = file_entry(out, &w.place, w.file, err);
    else if (rc == 0 && w.depth)
        folder_entry(out, libgit.tree_id(w.folders[w.depth - 1]));
    while (w.depth)
        libgit.tree_free(w.folders[--w.depth]);
    free(w.folders);
    free(w.path);
    return rc;
}

int repository_read(struct repository *r, const struct git_entry *file, size_t limit, struct buffer *out,
                    struct error *err) {
    git_oid id;
    git_blob *blob = NULL;
    if (file->size > limit)
        return error_set(err, ERR_INVALID, "%s: a file of %llu bytes is larger than %zu", r->url,
                         (unsigned long long)file->size, limit);
    if (libgit.oid_fromstr(&id, file->oid) < 0 || libgit.blob_lookup(&blob, r->bare, &id) < 0)
        return error_set(err, ERR_CORRUPT, "%s: %s", r->url, libgit_reason());
    buffer_append(out, libgit.blob_rawcontent(blob), (size_t)libgit.blob_rawsize(blob));
    libgit.blob_free(blob);
    return 0;
}
