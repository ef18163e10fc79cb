#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/provenance/internal.h"

int git_index_walk(git_repository *repo, const char *prefix, struct texts *names, git_submodule_visit *visit,
                   void *context) {
    git_index *index = NULL;
    int rc = libgit.repository_index(&index, repo);
    size_t count = rc == 0 ? libgit.index_entrycount(index) : 0;
    for (size_t i = 0; i < count; i++) {
        const git_index_entry *entry = libgit.index_get_byindex(index, i);
        if (entry->mode == GIT_FILEMODE_COMMIT)
            visit(context, repo, entry->path);
        else if (names)
            texts_add(names, mem_printf("%s%s", prefix, entry->path));
    }
    libgit.index_free(index);
    return rc;
}

/* The index of the first name that is not before `name`. */
static size_t first_from(const struct texts *names, const char *name) {
    size_t low = 0, high = names->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(names->list[middle], name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool holds_first(const struct texts *names, const char *text, size_t compared) {
    size_t i = first_from(names, text);
    return i < names->count && strncmp(names->list[i], text, compared) == 0;
}

static bool holds(const struct git_files *files, const char *path) {
    const char *name = path_below(path, files->folder);
    if (!name)
        return false;
    char *inside = mem_printf("%s/", name);
    bool held = !*name || holds_first(&files->names, name, strlen(name) + 1) ||
                holds_first(&files->names, inside, strlen(inside));
    free(inside);
    return held;
}

bool git_tracks(const struct git_files *files, const char *path) {
    if (!files->folder || holds(files, path))
        return files->folder != NULL;
    char *real = realpath(path, NULL); /* behind a link git tracks other names */
    bool tracked = real && holds(files, real);
    free(real);
    return tracked;
}

void git_files_close(struct git_files *files) {
    buffer_close(&files->diff);
    texts_close(&files->names);
    free(files->folder);
    files->folder = NULL;
}
