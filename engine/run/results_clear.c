/* What a kill left of files that were being published. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/memory.h"
#include "engine/run/results.h"

/* The name of the file that the engine with this number, or file_replace for the manifest, was making; NULL for all else.
   The caller frees. */
static char *base_of_temporary(const char *entry) {
    const char *mark;
    size_t length = path_temporary_base(entry, &mark);
    if (length == 0)
        return NULL;
    char *base = mem_strndup(entry + 1, length);
    bool ours = strcmp(base, RESULTS_MANIFEST) == 0 ? strlen(mark) == 6 : *mark && !mark[strspn(mark, "0123456789")];
    if (ours)
        return base;
    free(base);
    return NULL;
}

static bool is_named(const cJSON *const named[], size_t count, const char *folder, const char *base) {
    char *name = *folder ? path_join(folder, base) : mem_strdup(base);
    bool found = strcmp(name, RESULTS_MANIFEST) == 0;
    for (size_t i = 0; i < count && !found; i++)
        found = cJSON_GetObjectItemCaseSensitive(named[i], name) != NULL;
    free(name);
    return found;
}

/* `folder` is below `directory`; "" for itself. */
static int clear_folder(const char *directory, const char *folder, const cJSON *const named[], size_t count,
                        struct error *err) {
    char *path = *folder ? path_join(directory, folder) : mem_strdup(directory);
    struct folder names = {0};
    const char *name;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
    if (fd >= 0 || (errno != ENOENT && errno != ENOTDIR))
        rc = folder_open_fd(&names, fd, path, err);
    while (rc >= 0 && (rc = folder_next(&names, &name, err)) > 0) {
        char *base = base_of_temporary(name);
        char *entry = path_join(path, name);
        if (base && is_named(named, count, folder, base))
            file_remove_tree(entry, NULL);
        free(entry);
        free(base);
    }
    folder_close(&names);
    free(path);
    return rc;
}

int results_clear(const char *directory, const cJSON *const named[], size_t count, struct error *err) {
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
        rc = clear_folder(directory, item->string, named, count, err);
    cJSON_Delete(folders);
    return rc;
}
