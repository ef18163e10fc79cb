#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/bytemap.h"
#include "engine/base/memory.h"
#include "engine/base/texts.h"
#include "engine/git/internal.h"

/* A few hostile trees that hold one another ten times each have more entries than a disk has bytes. */
enum { MOST_ENTRIES = 1000000, LONGEST_PATH = 4095 };

struct listing {
    struct place root; /* the listed folder */
    git_visit *visit;
    void *context;
    size_t entries;
};

/* A folder on the way from the listed one. */
struct level {
    const struct level *outer;
    const char *path; /* relative to the listed folder */
    const git_oid *tree;
};

/* Two names that differ in case alone are one file on some disks. */
static int check_cases(const struct place *p, const git_tree *tree, struct error *err) {
    struct bytemap seen = {0};
    struct texts lower = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < libgit.tree_entrycount(tree); i++) {
        const char *name = libgit.tree_entry_name(libgit.tree_entry_byindex(tree, i));
        char *text = mem_strdup(name);
        for (char *c = text; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        texts_add(&lower, text);
        if (bytemap_get(&seen, text, strlen(text)))
            rc = place_error(err, ERR_INVALID, p, "\"%s\" and another name in its folder differ in case alone", name);
        else
            bytemap_put(&seen, text, strlen(text), text);
    }
    bytemap_close(&seen);
    texts_close(&lower);
    return rc;
}

static int resolve_entry(struct git_entry *out, const struct place *p, const git_tree_entry *entry, struct error *err) {
    const char *name = libgit.tree_entry_name(entry);
    switch ((int)libgit.tree_entry_filemode(entry)) {
    case GIT_FILEMODE_TREE:
        folder_entry(out, libgit.tree_entry_id(entry));
        return 0;
    case GIT_FILEMODE_LINK:
        return repository_find(p->r, p->commit, p->path, out, err);
    case GIT_FILEMODE_COMMIT:
        return submodule_error(p, name, err);
    default:
        return file_entry(out, p, entry, err);
    }
}

static int list_tree(struct listing *l, const struct level *level, struct error *err);

/* No tree can hold itself, so only a link leads back to a folder on the way. */
static int list_folder(struct listing *l, const struct level *outer, const char *path, const struct git_entry *folder,
                       struct error *err) {
    git_oid id;
    libgit.oid_fromstr(&id, folder->oid);
    for (const struct level *on = outer; on; on = on->outer)
        if (memcmp(on->tree->id, id.id, sizeof id.id) == 0)
            return place_error(err, ERR_INVALID, &l->root, "\"%s\" is a link to a folder that holds it", path);
    return list_tree(l, &(struct level){outer, path, &id}, err);
}

static int list_entry(struct listing *l, const struct level *level, const git_tree_entry *entry, struct error *err) {
    const char *name = libgit.tree_entry_name(entry);
    char *path = mem_printf("%s%s%s", level->path, *level->path ? "/" : "", name);
    char *whole = mem_printf("%s/%s", l->root.path, path);
    struct place place = {l->root.r, l->root.commit, whole};
    struct git_entry found = {0};
    int rc = name_check(&place, name, err);
    if (rc == 0 && (strlen(path) > LONGEST_PATH || ++l->entries > MOST_ENTRIES))
        rc = place_error(err, ERR_INVALID, &l->root, "the folder is too large");
    if (rc == 0)
        rc = resolve_entry(&found, &place, entry, err);
    if (rc == 0)
        rc = l->visit(l->context, path, &found, err);
    if (rc == 0 && found.type == GIT_FOLDER)
        rc = list_folder(l, level, path, &found, err);
    free(whole);
    free(path);
    return rc < 0 ? rc : 0;
}

static int list_tree(struct listing *l, const struct level *level, struct error *err) {
    git_tree *tree = NULL;
    int rc = tree_open(&tree, l->root.r, level->tree, err);
    size_t count = rc == 0 ? libgit.tree_entrycount(tree) : 0;
    if (rc == 0)
        rc = check_cases(&l->root, tree, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = list_entry(l, level, libgit.tree_entry_byindex(tree, i), err);
    libgit.tree_free(tree);
    return rc;
}

int repository_list(struct repository *r, const char *commit, const char *folder, git_visit *visit, void *context,
                    struct error *err) {
    struct listing l = {.root = {r, commit, folder}, .visit = visit, .context = context};
    struct git_entry found;
    int rc = repository_find(r, commit, folder, &found, err);
    if (rc < 0)
        return rc;
    if (found.type != GIT_FOLDER)
        return place_error(err, ERR_INVALID, &l.root, "is a file, not a folder");
    return list_folder(&l, NULL, "", &found, err);
}
