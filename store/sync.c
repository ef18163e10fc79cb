/*
 * Makes the names under objects/ durable. A commit of 256 stages touches most of the 256 folders. Synced one after the
 * other, each waits for the disk; in parallel the kernel merges the flushes. Measured on ext4 for a hundred folders: 9
 * to 90 ms with four threads, 270 to 360 ms with one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "store/internal.h"
#include "store/side_by_side.h"

enum { FOLDERS = 64 * DIRECTORY_WORDS };

struct syncing {
    struct store *s;
    uint8_t folders[FOLDERS];
    unsigned count;
};

void objects_mark(struct store *s, const struct digest *d) {
    unsigned folder = d->bytes[0];
    pthread_mutex_lock(&s->lock);
    s->dirty[folder / 64] |= UINT64_C(1) << folder % 64;
    pthread_mutex_unlock(&s->lock);
}

static int sync_folder(void *context, size_t index, struct error *err) {
    const struct syncing *x = context;
    char name[3];
    snprintf(name, sizeof name, "%02x", x->folders[index]);
    char *path = layout_path(x->s, "objects", name);
    int rc = file_sync(path, err);
    free(path);
    return rc;
}

static void collect_dirty(struct store *s, struct syncing *x) {
    pthread_mutex_lock(&s->lock);
    for (unsigned folder = 0; folder < FOLDERS; folder++)
        if (s->dirty[folder / 64] >> folder % 64 & 1)
            x->folders[x->count++] = (uint8_t)folder;
    memset(s->dirty, 0, sizeof s->dirty);
    pthread_mutex_unlock(&s->lock);
}

static void return_dirty(struct store *s, const struct syncing *x) {
    struct digest d = {{0}};
    for (unsigned i = 0; i < x->count; i++) {
        d.bytes[0] = x->folders[i];
        objects_mark(s, &d);
    }
}

int objects_sync(struct store *s, struct error *err) {
    struct syncing x = {.s = s};
    collect_dirty(s, &x);
    if (x.count == 0)
        return 0;
    int rc = side_by_side(x.count, 1, sync_folder, &x, err);
    /* The name of a new folder may not be synced in objects/ itself. */
    if (rc == 0 && fsync(s->objects_fd) < 0)
        rc = error_errno(err, errno, "%s/objects: cannot be synced", s->directory);
    if (rc < 0)
        return_dirty(s, &x); /* the next commit syncs all of them again */
    return rc;
}
