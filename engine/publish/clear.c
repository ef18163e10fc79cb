/* What a kill left of files that were being published. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/memory.h"
#include "engine/publish/publish.h"

/* What is cleared, and who says what is Retort's. */
struct clearing {
    const char *directory;
    const cJSON *const *named;
    size_t count;
    bool (*is_ours)(void *context, const char *name, const char *at);
    void *context;
};

static bool is_number(const char *text) {
    return *text && !text[strspn(text, "0123456789")];
}

static bool is_named(const struct clearing *c, const char *name) {
    bool found = false;
    for (size_t i = 0; i < c->count && !found; i++)
        found = cJSON_GetObjectItemCaseSensitive(c->named[i], name) != NULL;
    return found;
}

/* Whether an entry is what an engine was making, or file_replace for the manifest, or had taken out and nobody misses. */
static bool is_left(const struct clearing *c, const char *folder, const char *entry, const char *path) {
    const char *mark = NULL;
    size_t length = path_temporary_base(entry, &mark);
    if (length == 0)
        return false;
    char *base = mem_strndup(entry + 1, length);
    char *name = *folder ? path_join(folder, base) : mem_strdup(base);
    bool out = strncmp(mark, RESULTS_OUT, strlen(RESULTS_OUT)) == 0, left = false;
    if (strcmp(name, RESULTS_MANIFEST) == 0)
        left = strlen(mark) == 6;
    else if (is_named(c, name))
        left = out ? is_number(mark + strlen(RESULTS_OUT)) && c->is_ours(c->context, name, path) : is_number(mark);
    free(name);
    free(base);
    return left;
}

/* `folder` is below the directory; "" for itself. */
static int clear_folder(const struct clearing *c, const char *folder, struct error *err) {
    char *path = *folder ? path_join(c->directory, folder) : mem_strdup(c->directory);
    struct folder names = {0};
    const char *name;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
    if (fd >= 0 || (errno != ENOENT && errno != ENOTDIR))
        rc = folder_open_fd(&names, fd, path, err);
    while (rc >= 0 && (rc = folder_next(&names, &name, err)) > 0) {
        char *entry = path_join(path, name);
        if (is_left(c, folder, name, entry))
            file_remove_tree(entry, NULL);
        free(entry);
    }
    folder_close(&names);
    free(path);
    return rc;
}

int results_clear(const char *directory, const cJSON *const named[], size_t count,
                  bool (*is_ours)(void *context, const char *name, const char *at), void *context, struct error *err) {
    const struct clearing c = {directory, named, count, is_ours, context};
    cJSON *folders = cJSON_CreateObject(); /* each once */
    const cJSON *item;
    int rc = 0;
    cJSON_AddTrueToObject(folders, "");
    for (size_t i = 0; i < count; i++) {
        cJSON_ArrayForEach(item, named[i]) {
            char *folder = path_directory(item->string);
            if (strcmp(folder, ".") != 0 && !cJSON_GetObjectItemCaseSensitive(folders, folder))
                cJSON_AddTrueToObject(folders, folder);
            free(folder);
        }
    }
    for (item = folders->child; rc == 0 && item; item = item->next)
        rc = clear_folder(&c, item->string, err);
    cJSON_Delete(folders);
    return rc;
}
