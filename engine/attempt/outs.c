/* The outs of a stage: found through the descriptor of its directory, checked, and taken into the store. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/attempt/attempt.h"
#include "engine/attempt/linked.h"
#include "engine/base/data.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"

/* ---- metrics ---- */

/* Reports all faults of the names together: `faults` has one a line. */
static int fail_names(const struct buffer *faults, struct error *err) {
    struct buffer text = {0};
    for (const char *at = buffer_text(faults); *at; at++)
        if (*at != '\n')
            buffer_putc(&text, *at);
        else if (at[1])
            buffer_puts(&text, "; ");
    int rc = error_set(err, ERR_FAILED, "%s", buffer_text(&text));
    buffer_close(&text);
    return rc;
}

static int add_names(cJSON *all, const cJSON *tree, struct error *err) {
    struct buffer faults = {0};
    if (!cJSON_IsObject(tree) || data_nonfinite(tree) || data_integer(tree))
        return error_set(err, ERR_FAILED, "metrics are an object, as in {\"loss\": 0.1}");
    data_flatten(all, tree, &faults);
    int rc = faults.size ? fail_names(&faults, err) : 0;
    buffer_close(&faults);
    return rc;
}

static int add_metrics(const struct attempt *a, cJSON *all, int folder, const struct out_decl *out, struct error *err) {
    cJSON *tree = NULL;
    struct buffer text = {0};
    int fd = file_open_beneath(folder, path_base(out->path), O_RDONLY | O_NONBLOCK);
    int rc = fd < 0 ? error_errno(err, errno, "%s: cannot be opened", a->directory->stage)
                    : file_read_open(&text, fd, out->path, JSON_MAX_BYTES, err);
    if (rc == 0)
        rc = data_parse(&tree, out->path, buffer_text(&text), text.size, err);
    if (rc == 0)
        rc = add_names(all, tree, err);
    if (rc < 0)
        error_prefix(err, "out \"%s\": %s", out->name, out->path);
    if (fd >= 0)
        close(fd);
    cJSON_Delete(tree);
    buffer_close(&text);
    return rc < 0 ? ERR_FAILED : 0;
}

/* ---- repositories ---- */

/* A folder .git, or one that is a repository without that name. */
static int is_repository(const char *path, const struct stat *st, int type, struct FTW *level) {
    const char *name = path + level->base;
    (void)st;
    (void)type;
    if (strcasecmp(name, ".git") == 0)
        return 1;
    if (strcmp(name, "HEAD") != 0)
        return 0;
    char *folder = path_directory(path), *objects = path_join(folder, "objects"), *refs = path_join(folder, "refs");
    bool is = file_exists(objects) && file_exists(refs);
    free(folder);
    free(objects);
    free(refs);
    return is;
}

bool attempt_leaves_repository(const struct attempt *a, int folder, const char *name) {
    if (!a->instance->decl->scope->origin)
        return false;
    char *path = mem_printf("/proc/self/fd/%d/%s", folder, name);
    bool leaves = nftw(path, is_repository, 16, FTW_PHYS) > 0;
    free(path);
    return leaves;
}

/* ---- one out ---- */

/* The first part of an out's path that is a symbolic link. NULL: none is. The caller frees. */
static char *find_link(const struct attempt *a, const struct out_decl *out) {
    for (const char *slash = strchr(out->path, '/'); slash; slash = strchr(slash + 1, '/')) {
        struct stat st;
        char *part = mem_strndup(out->path, (size_t)(slash - out->path));
        if (fstatat(a->directory->stage_fd, part, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
            return part;
        free(part);
    }
    return NULL;
}

static int missing_out(int errnum, const struct attempt *a, const struct out_decl *out, struct error *err) {
    if (errnum == EACCES)
        return error_set(err, ERR_FAILED, "its out \"%s\" (%s) cannot be reached; leave its folders readable",
                         out->name, out->path);
    if (errnum == ENOENT || errnum == ENOTDIR)
        return error_set(err, ERR_FAILED, "it did not write its out \"%s\" (%s)", out->name, out->path);
    return error_errno(err, errnum, "its out \"%s\" (%s/%s) cannot be examined", out->name, a->directory->stage,
                       out->path);
}

/* Opens the folder that an out lies in. A file behind a link is somebody else's. */
static int open_folder(int *fd, const struct attempt *a, const struct out_decl *out, struct error *err) {
    char *folder = path_directory(out->path);
    *fd = file_open_beneath(a->directory->stage_fd, folder, O_RDONLY | O_DIRECTORY);
    int errnum = errno;
    free(folder);
    if (*fd >= 0)
        return 0;
    char *link = errnum == ELOOP || errnum == ENOTDIR ? find_link(a, out) : NULL;
    int rc =
        link ? error_set(err, ERR_FAILED,
                         "its out \"%s\" (%s) lies behind a symbolic link, %s: write it into the stage's own directory",
                         out->name, out->path, link)
             : missing_out(errnum, a, out, err);
    free(link);
    return rc;
}

static int check_out(const struct attempt *a, cJSON *metrics, int folder, const struct out_decl *out,
                     struct error *err) {
    struct stat st;
    if (fstatat(folder, path_base(out->path), &st, AT_SYMLINK_NOFOLLOW) < 0)
        return missing_out(errno, a, out, err);
    bool directory = out->type == OUT_DIRECTORY, any = out->type == OUT_ANY;
    if (!((directory || any) && S_ISDIR(st.st_mode)) && !(!directory && S_ISREG(st.st_mode)))
        return error_set(err, ERR_FAILED, "its out \"%s\" (%s) is no %s", out->name, out->path,
                         any         ? "file or directory"
                         : directory ? "directory"
                                     : "regular file");
    if (S_ISDIR(st.st_mode) && attempt_leaves_repository(a, folder, path_base(out->path)))
        return error_set(err, ERR_FAILED,
                         "its out \"%s\" (%s) holds a git repository, which another team's stage cannot give: git "
                         "could run programs that it names",
                         out->name, out->path);
    return out->type == OUT_METRICS ? add_metrics(a, metrics, folder, out, err) : 0;
}

/* A link's target is not examined: the stage may not have the right to read it. */
static int is_unreadable(const char *path, const struct stat *st, int type, struct FTW *level) {
    (void)st;
    (void)level;
    return type != FTW_SL && access(path, type == FTW_F ? R_OK : R_OK | X_OK) < 0 && errno == EACCES;
}

/* A file that the stage left unreadable is its own fault, not the store's. */
static int put_out(struct object *object, struct attempt *a, int folder, const struct out_decl *out,
                   struct error *err) {
    const char *name = path_base(out->path);
    int rc = a->only_look ? store_object_hash(folder, name, object, err)
                          : store_object_put(a->all->options.store, folder, name, object, err);
    if (rc < 0 && rc != ERR_IO)
        error_prefix(err, "out \"%s\"", out->name);
    if (rc != ERR_IO)
        return rc;
    error_prefix(err, "out \"%s\" in %s", out->name, a->directory->stage);
    char *path = mem_printf("/proc/self/fd/%d/%s", folder, name);
    if (nftw(path, is_unreadable, 16, FTW_PHYS) > 0)
        rc = error_set(err, ERR_FAILED, "its out \"%s\" (%s) cannot be read; leave it readable for its owner",
                       out->name, out->path);
    free(path);
    return rc;
}

bool attempt_out_is_inside(const struct action *action, const struct out_decl *out) {
    for (size_t i = 0; out->type == OUT_METRICS && i < action->out_count; i++) {
        const struct out_decl *folder = &action->outs[i];
        if (folder->type == OUT_DIRECTORY && path_below(out->path, folder->path))
            return true;
    }
    return false;
}

/* ---- all ---- */

/* An optional out that the stage did not write. Its object stays zero. */
static bool is_absent(const struct attempt *a, const struct out_decl *out) {
    struct stat st;
    return out->optional && fstatat(a->directory->stage_fd, out->path, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
           (errno == ENOENT || errno == ENOTDIR);
}

static int check_one(struct attempt *a, size_t index, int *folder, struct error *err) {
    const struct action *action = a->instance->action;
    const struct out_decl *out = &action->outs[index];
    struct outcome *o = &a->outcome;
    int rc = open_folder(folder, a, out, err);
    if (rc < 0)
        return rc;
    rc = check_out(a, o->metrics, *folder, out, err);
    if (rc == 0 && attempt_out_is_inside(action, out))
        rc = store_object_hash(*folder, path_base(out->path), &o->outs[index], err);
    return rc;
}

/* Every out is checked before the first is taken. */
int attempt_store_outs(struct attempt *a, struct error *err) {
    const struct action *action = a->instance->action;
    struct outcome *o = &a->outcome;
    o->metrics = cJSON_CreateObject();
    o->outs = mem_array(action->out_count + 1, sizeof *o->outs);
    int *folders = mem_array(action->out_count + 1, sizeof *folders);
    for (size_t i = 0; i < action->out_count; i++)
        folders[i] = -1;
    int rc = directory_check(a->directory, err);
    if (rc == 0)
        rc = linked_replace(a, err);
    for (size_t i = 0; rc == 0 && i < action->out_count; i++)
        if (!is_absent(a, &action->outs[i]))
            rc = check_one(a, i, &folders[i], err);
    for (size_t i = 0; rc == 0 && i < action->out_count; i++)
        if (folders[i] >= 0 && !attempt_out_is_inside(action, &action->outs[i]))
            rc = put_out(&o->outs[i], a, folders[i], &action->outs[i], err);
    for (size_t i = 0; i < action->out_count; i++)
        if (folders[i] >= 0)
            close(folders[i]);
    free(folders);
    return rc;
}
