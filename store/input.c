/* The files and folders of a project that stages read. Links are followed; one that leaves the project is told. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "store/internal.h"

/* ---- links ---- */

static void tell(const struct input_rules *rules, const char *path, const char *real) {
    char *line = mem_printf("%s: is reached by a link that leads out of the project, to %s; a stage gets what is there",
                            path, real);
    rules->say(rules->context, line);
    free(line);
}

/* Tells of a path of the project that leads out of it. */
static bool leaves(const struct input_rules *rules, const char *path) {
    char *real = realpath(path, NULL);
    bool outside = real && !folder_holds(rules->project, real);
    if (outside)
        tell(rules, path, real);
    free(real);
    return outside;
}

/* Whether a path names an entry of the folder. */
static bool is_in(const char *folder, const char *path) {
    size_t length = (size_t)(strrchr(path, '/') - path);
    return strncmp(folder, path, length) == 0 && folder[length] == '\0';
}

/* Of the files in a folder that is elsewhere the folder is told, once for all of them. */
static void check_way(struct input_way *way, const struct input_rules *rules, const char *path, bool link) {
    if (!rules->project || !folder_holds(rules->project, path))
        return;
    if (!way->folder || !is_in(way->folder, path)) {
        free(way->folder);
        way->folder = path_directory(path);
        way->outside = strcmp(way->folder, rules->project) != 0 && leaves(rules, way->folder);
    }
    if (link && !way->outside)
        leaves(rules, path);
}

/* The way to a file of the project begins at its folder: the kernel takes a third less time for it. */
static int look_at(struct stat *st, const char *path, const struct input_rules *rules, const struct input_way *way,
                   int flags) {
    size_t skip = rules->project ? strlen(rules->project) + 1 : 0;
    bool below = way->project_fd >= 0 && skip > 0 && folder_holds(rules->project, path) && path[skip - 1] == '/' &&
                 path[skip] != '/' && path[skip] != '\0';
    return fstatat(below ? way->project_fd : AT_FDCWD, below ? path + skip : path, st, flags);
}

int input_examine(struct stat *st, const char *path, const struct input_rules *rules, struct input_way *way,
                  struct error *err) {
    int failed = look_at(st, path, rules, way, AT_SYMLINK_NOFOLLOW);
    bool link = !failed && S_ISLNK(st->st_mode);
    if (link)
        failed = look_at(st, path, rules, way, 0);
    if (failed)
        return tree_fault(errno, path, err);
    if (!S_ISDIR(st->st_mode) && !S_ISREG(st->st_mode))
        return error_set(err, ERR_INVALID, "%s: is %s; an input is a file or a folder", path,
                         file_type_name(st->st_mode));
    check_way(way, rules, path, link);
    return 0;
}

/* ---- folders ---- */

struct visit {
    const struct input_rules *rules;
    bool told;
};

static int check_folder(const struct input_rules *rules, const char *folder, struct error *err) {
    if (rules->store && folder_holds(folder, rules->store))
        return error_set(err, ERR_INVALID,
                         "%s: holds the store (%s), which changes with every run: name the needed files and folders in "
                         "it, or put the store elsewhere (--store)",
                         folder, rules->store);
    if (rules->results && folder_holds(folder, rules->results))
        return error_set(err, ERR_INVALID,
                         "%s: holds the pipeline's own results (%s), so that a run would change its inputs: name the "
                         "needed files and folders in it",
                         folder, rules->results);
    return 0;
}

static int visit_link(void *context, const char *path, bool directory, struct error *err) {
    struct visit *v = context;
    if (v->rules->project && !v->told && folder_holds(v->rules->project, path))
        v->told = leaves(v->rules, path);
    char *real = directory ? realpath(path, NULL) : NULL;
    int rc = real ? check_folder(v->rules, real, err) : 0;
    free(real);
    return rc;
}

int input_folder(struct object *out, const char *path, const struct input_rules *rules, tree_file *file, void *context,
                 struct error *err) {
    struct visit v = {.rules = rules};
    const struct tree_options options = {.filter = &rules->filter, .follow = visit_link, .follow_context = &v};
    char *real = realpath(path, NULL);
    int rc = real ? check_folder(rules, real, err) : tree_fault(errno, path, err);
    if (rc == 0)
        rc = tree_object(out, real, &options, file, context, err);
    free(real);
    return rc;
}

/* ---- without a store ---- */

static int examine_file(void *context, const char *path, const struct stat *st, struct object *out, struct error *err) {
    (void)context;
    if (access(path, R_OK) < 0)
        return tree_fault(errno, path, err);
    *out = (struct object){.size = (uint64_t)st->st_size, .executable = st->st_mode & S_IXUSR};
    return 0;
}

int store_input_examine(struct object *out, const char *path, const struct input_rules *rules, struct error *err) {
    struct stat st;
    struct input_way way = {.project_fd = -1};
    int rc = input_examine(&st, path, rules, &way, err);
    free(way.folder);
    if (rc < 0)
        return rc;
    return S_ISDIR(st.st_mode) ? input_folder(out, path, rules, examine_file, NULL, err)
                               : examine_file(NULL, path, &st, out, err);
}
