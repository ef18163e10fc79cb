/* The directories of failed attempts: failed/<pipeline>/<stage>, the last of each stage. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

int store_failed_open(const struct store *s, const char *pipeline, bool make) {
    int store = open(s->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    char *folder = path_join("failed", pipeline);
    if (store >= 0 && make)
        mkdirat(store, folder, 0777); /* through a link it makes a folder, which is then refused */
    int fd = store < 0 ? -1 : file_open_beneath(store, folder, O_RDONLY | O_DIRECTORY);
    if (store >= 0)
        close(store);
    free(folder);
    return fd;
}

struct kept {
    char *name;
    struct timespec changed; /* when it was moved here */
};

static int newest_first(const void *a, const void *b) {
    const struct timespec *x = &((const struct kept *)a)->changed, *y = &((const struct kept *)b)->changed;
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? 1 : -1;
    return (x->tv_nsec < y->tv_nsec) - (x->tv_nsec > y->tv_nsec);
}

void store_failed_prune(int failed, size_t most) {
    struct kept *kept = NULL;
    size_t count = 0, capacity = 0;
    struct folder entries;
    const char *name;
    int rc = folder_open_fd(&entries, openat(failed, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "failed", NULL);
    while (rc >= 0 && (rc = folder_next(&entries, &name, NULL)) > 0) {
        struct stat st;
        mem_grow(kept, &capacity, count + 1);
        kept[count++] = (struct kept){
            mem_strdup(name), fstatat(failed, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ctim : (struct timespec){0}};
    }
    folder_close(&entries);
    if (count > 0)
        qsort(kept, count, sizeof *kept, newest_first);
    for (size_t i = 0; i < count; i++) {
        if (i >= most)
            file_remove_tree_at(failed, kept[i].name, NULL);
        free(kept[i].name);
    }
    free(kept);
}
