#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/memory.h"
#include "engine/base/texts.h"
#include "engine/git/internal.h"

static void add(struct texts *arguments, const char *const *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        texts_add(arguments, mem_strdup(list[i]));
}

static void add_isolation(struct texts *arguments) {
    static const char *const list[] = {
        "git",
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "protocol.allow=never",
        "-c",
        "protocol.ssh.allow=always",
        "-c",
        "gc.auto=0",
        "-c",
        "maintenance.auto=false",
        "-c",
        "fetch.unpackLimit=1",
    };
    add(arguments, list, sizeof list / sizeof *list);
}

/* Lines of an id, a tab and a name. */
static void read_list(char *text, ref_visit *visit, void *context) {
    for (char *next, *line = text; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        char *name = strchr(line, '\t');
        if (name)
            *name++ = '\0';
        if (name && git_is_commit(line))
            visit(context, name, line);
    }
}

int ssh_list(struct repository *r, ref_visit *visit, void *context, struct error *err) {
    const char *const list[] = {"ls-remote", "--", r->url};
    struct texts arguments = {0};
    struct buffer text = {0};
    bool refused;
    add_isolation(&arguments);
    add(&arguments, list, sizeof list / sizeof *list);
    int rc = git_run(&text, r, &arguments, NULL, &refused, err);
    if (rc == 0 && text.size)
        read_list(text.data, visit, context);
    buffer_close(&text);
    texts_close(&arguments);
    return rc;
}

/* So that only what is newer than the commits that are there comes. */
static int add_tips(struct texts *arguments, const struct repository *r, struct error *err) {
    char *folder = path_join(r->folder, "refs/retort");
    struct folder marks;
    const char *name;
    int rc = folder_open_if_there(&marks, folder, err);
    while (rc >= 0 && (rc = folder_next(&marks, &name, err)) > 0) {
        git_oid id;
        if (git_is_commit(name) && libgit.oid_fromstr(&id, name) == 0 && libgit.odb_exists(r->objects, &id))
            texts_add(arguments, mem_printf("--negotiation-tip=%s", name));
    }
    folder_close(&marks);
    free(folder);
    return rc;
}

/* The objects go to the store, and all else to a new repository: somebody else may own the store and its configuration.
   The commits are asked for by id, so that no reference is written. */
static int fetch_ids(struct repository *r, const char *folder, const struct texts *ids, bool *refused,
                     struct error *err) {
    const char *const list[] = {"fetch", "--progress", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"};
    const char *const end[] = {"--", r->url};
    struct texts arguments = {0};
    struct buffer text = {0};
    char *objects = path_join(r->folder, "objects");
    add_isolation(&arguments);
    texts_add(&arguments, mem_printf("--git-dir=%s", folder));
    add(&arguments, list, sizeof list / sizeof *list);
    *refused = false;
    int rc = add_tips(&arguments, r, err);
    add(&arguments, end, sizeof end / sizeof *end);
    add(&arguments, (const char *const *)ids->list, ids->count);
    if (rc == 0)
        rc = git_run(&text, r, &arguments, objects, refused, err);
    free(objects);
    buffer_close(&text);
    texts_close(&arguments);
    return rc;
}

static void add_id(void *context, const char *name, const char *oid) {
    bool wanted = strncmp(name, "refs/heads/", 11) == 0 || strncmp(name, "refs/tags/", 10) == 0;
    if (wanted && !strstr(name, "^{}"))
        texts_add(context, mem_strdup(oid));
}

/* Many servers refuse a commit by its id: then all branches and tags are fetched. */
int ssh_download(struct repository *r, const char *commit, struct error *err) {
    char *folder = NULL;
    struct texts id = {0}, all = {0};
    bool refused = false;
    texts_add(&id, mem_strdup(commit));
    int rc = repository_make_temporary(&folder, r, err);
    if (rc == 0)
        rc = fetch_ids(r, folder, &id, &refused, err);
    if (refused && ssh_list(r, add_id, &all, NULL) == 0 && all.count)
        rc = fetch_ids(r, folder, &all, &refused, err);
    if (folder)
        file_remove_tree(folder, NULL);
    free(folder);
    texts_close(&id);
    texts_close(&all);
    return rc;
}
