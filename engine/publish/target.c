#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/publish/internal.h"

/* ---- reading ---- */

int target_folder(const char *path, struct error *err) {
    struct stat st;
    char *folder = mem_strdup(path);
    int rc = 1;
    for (char *slash = strchr(folder + 1, '/'); rc > 0 && slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (lstat(folder, &st) < 0)
            rc = errno == ENOENT ? 0 : error_errno(err, errno, "%s: cannot be examined", folder);
        else if (!S_ISDIR(st.st_mode))
            rc = error_set(err, ERR_INVALID, "%s: is %s and no folder; move it away and run again", folder,
                           S_ISLNK(st.st_mode) ? "a link" : "a file");
        *slash = '/';
    }
    free(folder);
    return rc;
}

int target_read(struct object *out, struct store *store, const char *folder, const char *name, struct error *err) {
    struct stat st;
    struct error fault = {0};
    char *path = mem_printf("%s/%s", folder, name);
    int rc = target_folder(path, err);
    if (rc > 0 && lstat(path, &st) < 0)
        rc = errno == ENOENT ? 0 : error_errno(err, errno, "%s: cannot be examined", path);
    else if (rc > 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        rc = error_set(err, ERR_INVALID, "%s: is a link, a device or a pipe; move it away and run again", path);
    else if (rc > 0 && store_made_content(store, path, out, &fault) < 0)
        rc = error_set(err, fault.code == ERR_IO ? ERR_IO : ERR_INVALID, "%s", fault.message);
    free(path);
    return rc;
}

/* ---- moves ---- */

static int move_away(const char *path, const char *staging, struct error *err) {
    char *old = path_join(staging, "old");
    int rc = file_remove_tree(old, err);
    if (rc == 0 && rename(path, old) < 0)
        rc = errno == ENOENT ? 0 : error_errno(err, errno, "%s: cannot be moved away", path);
    if (rc == 0)
        rc = file_remove_tree(old, err);
    free(old);
    return rc;
}

int target_replace(const char *temporary, const char *folder, const char *name, const char *staging,
                   struct error *err) {
    char *path = path_join(folder, name);
    char *parent = path_directory(path);
    int rc = file_make_directory(parent, err);
    if (rc == 0 && (file_is_directory(path) || file_is_directory(temporary)))
        rc = move_away(path, staging, err);
    if (rc == 0 && rename(temporary, path) < 0)
        rc = error_errno(err, errno, "%s: cannot be replaced", path);
    free(parent);
    free(path);
    return rc;
}

int target_remove(const char *folder, const char *name, const char *staging, struct error *err) {
    char *path = path_join(folder, name), *slash;
    int rc = move_away(path, staging, err);
    while (rc == 0 && (slash = strrchr(path, '/')) > path + strlen(folder)) {
        *slash = '\0';
        if (rmdir(path) < 0)
            break;
    }
    free(path);
    return rc;
}

/* ---- syncs ---- */

static size_t folder_length(const char *name) {
    return (size_t)(path_base(name) - name);
}

int target_sync(const char *folder, const char *name, const char *before, struct error *err) {
    size_t length = folder_length(name);
    if (before && length == folder_length(before) && strncmp(name, before, length) == 0)
        return 0;
    char *path = path_join(folder, name), *slash;
    int rc = 0;
    while (rc == 0 && (slash = strrchr(path, '/')) >= path + strlen(folder)) {
        struct stat st;
        *slash = '\0';
        rc = file_stat(&st, path, err);
        if (rc > 0)
            rc = S_ISDIR(st.st_mode) ? file_sync(path, err) : 0;
    }
    free(path);
    return rc;
}

int target_write(const char *path, const char *staging, const struct buffer *text, struct error *err) {
    char *temporary = path_join(staging, "text");
    char *parent = path_directory(path);
    int rc = file_replace(temporary, text->data, text->size, 0666, err);
    if (rc == 0 && rename(temporary, path) < 0)
        rc = error_errno(err, errno, "%s: cannot be replaced", path);
    if (rc == 0)
        rc = file_sync(parent, err);
    free(parent);
    free(temporary);
    return rc;
}
