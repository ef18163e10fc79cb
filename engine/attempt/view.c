#include "engine/attempt/view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/attempt/attempt.h"
#include "engine/attempt/copy.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"

enum {
    BOUND_BYTES = 1 << 20,        /* a smaller input is copied as fast as it is bound */
    LINKED_BYTES = (64 << 20) + 1 /* code is smaller: a link to it would make the live project its place */
};

/* A sandbox covers everything. */
static char root[] = "/", *everything[] = {root, NULL};

void view_choose(struct attempt *a) {
    struct attempts *all = a->all;
    if (a->sandboxed) {
        a->isolation.covers = a->sandbox.means.namespaces ? everything : NULL;
        return;
    }
    if (a->instance->action->kind || !a->instance->decl->isolation || !all->options.covers)
        return;
    if (!all->probed && isolation_probe(all->options.covers))
        all->covers = all->options.covers;
    all->probed = true;
    a->isolation.covers = all->covers;
}

static bool is_wanted(const struct attempt *a, const struct action_item *item) {
    uint64_t least = a->isolation.covers ? BOUND_BYTES : LINKED_BYTES;
    return item->access == ACCESS_BY_SIZE ? item->content.size >= least : item->access == ACCESS_IN_PLACE;
}

bool view_is_in_place(const struct attempt *a, const struct action_item *item) {
    return !a->instance->action->kind && is_wanted(a, item) && a->bound_count < ISOLATION_MOST / 2 && !item->only &&
           (!item->content.directory || copy_is_whole(item->path, store_input_filter(a->all->options.store)));
}

/* NULL: the place itself. */
static void add_bind(struct attempt *a, const char *source, const char *place) {
    mem_grow(a->isolation.binds, &a->bind_capacity, a->isolation.bind_count + 1);
    mem_grow(a->places, &a->place_capacity, a->isolation.bind_count + 1);
    char *target = a->places[a->isolation.bind_count] = mem_strdup(place);
    a->isolation.binds[a->isolation.bind_count++] = (struct isolation_bind){source ? source : target, target};
}

void view_seal(struct attempt *a, const char *place) {
    if (a->isolation.covers)
        add_bind(a, NULL, place);
}

int view_give(struct attempt *a, const struct action_item *item, const char *place, struct error *err) {
    int fd = -1, rc = 0;
    if (!a->isolation.covers)
        rc = symlink(item->path, place) < 0 ? error_errno(err, errno, "%s: cannot be made", place) : 0;
    else if (item->content.directory)
        rc = mkdir(place, 0777) < 0 ? error_errno(err, errno, "%s: cannot be made", place) : 0;
    else if ((fd = open(place, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) < 0)
        rc = error_errno(err, errno, "%s: cannot be made", place);
    if (fd >= 0)
        close(fd);
    add_bind(a, item->path, place);
    a->bound_count++;
    return rc;
}

/* ---- kept paths ---- */

static bool is_covered(const struct attempt *a, const char *path) {
    for (char *const *cover = a->isolation.covers; *cover; cover++) {
        const char *below = path_below(path, *cover);
        if (below && *below)
            return true;
    }
    return false;
}

/* A cover hides the path itself, or the one that its links lead to. */
static void keep(struct attempt *a, const char *path) {
    char *real = is_covered(a, path) ? NULL : realpath(path, NULL);
    const char *place = real ? real : path;
    if (is_covered(a, place) && file_exists(place)) {
        mem_grow(a->isolation.keep, &a->keep_capacity, a->keep_count + 2);
        a->isolation.keep[a->keep_count++] = mem_strdup(place);
        a->isolation.keep[a->keep_count] = NULL;
    }
    free(real);
}

/* A folder of programs with what belongs to it: of .venv/bin all of .venv. */
static void keep_programs(struct attempt *a, const char *folder) {
    char *prefix = path_directory(folder);
    bool whole = strcmp(path_base(folder), "bin") == 0 && is_covered(a, prefix);
    keep(a, whole ? prefix : folder);
    free(prefix);
}

static void keep_path(struct attempt *a, const char *search) {
    while (*search) {
        size_t length = strcspn(search, ":");
        char *folder = mem_strndup(search, length);
        if (*folder == '/')
            keep_programs(a, folder);
        free(folder);
        search += length + (search[length] == ':');
    }
}

/* A program that argv names by its absolute path: in a "bin" with its prefix, else the file alone. */
static void keep_program(struct attempt *a, const char *program) {
    char *folder = path_directory(program);
    if (*program == '/' && strcmp(path_base(folder), "bin") == 0)
        keep_programs(a, folder);
    else if (*program == '/')
        keep(a, program);
    free(folder);
}

void view_keep(struct attempt *a) {
    static const char path[] = "PATH=";
    if (!a->isolation.covers || a->sandboxed)
        return;
    a->isolation.keep = mem_array(1, sizeof *a->isolation.keep);
    a->keep_capacity = 1;
    for (char **variable = a->environment; *variable; variable++)
        if (strncmp(*variable, path, sizeof path - 1) == 0)
            keep_path(a, *variable + sizeof path - 1);
    if (a->argc > 0)
        keep_program(a, a->argv[0]);
    keep(a, a->directory->root);
    if (a->checkpoint)
        keep(a, a->checkpoint);
}

void view_close(struct attempt *a) {
    for (size_t i = 0; i < a->keep_count; i++)
        free(a->isolation.keep[i]);
    free(a->isolation.keep);
    for (size_t i = 0; i < a->isolation.bind_count; i++)
        free(a->places[i]);
    free(a->places);
    free(a->isolation.binds);
}
