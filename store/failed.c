/* The directories of failed attempts: failed/<pipeline>/<stage>, the last of each stage. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/memory.h"
#include "store/internal.h"

enum { NAME_BYTES = 150, DIGITS = 12 }; /* names in a folder have at most 255 bytes */

char *store_failed_path(const struct store *s, const char *pipeline, const char *stage) {
    char *name = layout_encode(stage);
    if (strlen(name) > NAME_BYTES) {
        struct digest d;
        char hex[DIGEST_HEX_SIZE];
        sha256_bytes(&d, stage, strlen(stage));
        digest_hex(hex, &d);
        char *whole = name;
        name = mem_printf("%.*s~%.*s", NAME_BYTES, whole, DIGITS, hex);
        free(whole);
    }
    char *path = mem_printf("%s/failed/%s/%s", s->directory, pipeline, name);
    free(name);
    return path;
}

bool store_failed_any(const struct store *s, const char *pipeline) {
    char *path = layout_path(s, "failed", pipeline);
    bool any = file_is_directory(path);
    free(path);
    return any;
}

struct kept {
    char *path;
    struct timespec changed; /* when it was moved here */
};

static int newest_first(const void *a, const void *b) {
    const struct timespec *x = &((const struct kept *)a)->changed, *y = &((const struct kept *)b)->changed;
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? 1 : -1;
    return (x->tv_nsec < y->tv_nsec) - (x->tv_nsec > y->tv_nsec);
}

int store_failed_prune(const struct store *s, const char *pipeline, size_t most, struct error *err) {
    char *folder = layout_path(s, "failed", pipeline);
    struct kept *kept = NULL;
    size_t count = 0, capacity = 0;
    struct folder entries;
    const char *name;
    int rc = folder_open_if_there(&entries, folder, err);
    while (rc >= 0 && (rc = folder_next(&entries, &name, err)) > 0) {
        struct stat st;
        char *path = path_join(folder, name);
        mem_grow(kept, &capacity, count + 1);
        kept[count++] = (struct kept){path, lstat(path, &st) == 0 ? st.st_ctim : (struct timespec){0}};
    }
    folder_close(&entries);
    if (count > 0)
        qsort(kept, count, sizeof *kept, newest_first);
    for (size_t i = 0; i < count; i++) {
        if (rc == 0 && i >= most)
            rc = file_remove_tree(kept[i].path, err);
        free(kept[i].path);
    }
    free(kept);
    free(folder);
    return rc;
}
