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

enum { FOLDERS = 64 * DIRECTORY_WORDS, THREADS = 8 };

struct syncing {
    struct store *s;
    uint8_t folders[FOLDERS];
    unsigned count;
    atomic_uint next;
    pthread_mutex_t lock; /* guards the first error */
    int rc;
    struct error error;
};

void objects_mark(struct store *s, const struct digest *d) {
    unsigned folder = d->bytes[0];
    pthread_mutex_lock(&s->lock);
    s->dirty[folder / 64] |= UINT64_C(1) << folder % 64;
    pthread_mutex_unlock(&s->lock);
}

static int sync_folder(struct store *s, uint8_t folder, struct error *err) {
    char name[3];
    snprintf(name, sizeof name, "%02x", folder);
    char *path = layout_path(s, "objects", name);
    int rc = file_sync(path, err);
    free(path);
    return rc;
}

static void *sync_some(void *context) {
    struct syncing *x = context;
    for (;;) {
        struct error why = {0};
        unsigned i = atomic_fetch_add(&x->next, 1);
        if (i >= x->count)
            return NULL;
        int rc = sync_folder(x->s, x->folders[i], &why);
        pthread_mutex_lock(&x->lock);
        if (rc < 0 && x->rc == 0)
            x->rc = error_set(&x->error, rc, "%s", why.message);
        pthread_mutex_unlock(&x->lock);
    }
}

/* This thread works too, so it also works when no thread can be started. */
static void sync_side_by_side(struct syncing *x) {
    pthread_t threads[THREADS];
    unsigned started = 0;
    while (started < THREADS && started + 1 < x->count && pthread_create(&threads[started], NULL, sync_some, x) == 0)
        started++;
    sync_some(x);
    while (started > 0)
        pthread_join(threads[--started], NULL);
}

static void take_dirty(struct store *s, struct syncing *x) {
    pthread_mutex_lock(&s->lock);
    for (unsigned folder = 0; folder < FOLDERS; folder++)
        if (s->dirty[folder / 64] >> folder % 64 & 1)
            x->folders[x->count++] = (uint8_t)folder;
    memset(s->dirty, 0, sizeof s->dirty);
    pthread_mutex_unlock(&s->lock);
}

static void give_back(struct store *s, const struct syncing *x) {
    struct digest d = {{0}};
    for (unsigned i = 0; i < x->count; i++) {
        d.bytes[0] = x->folders[i];
        objects_mark(s, &d);
    }
}

int objects_sync(struct store *s, struct error *err) {
    struct syncing x = {.s = s};
    take_dirty(s, &x);
    if (x.count == 0)
        return 0;
    pthread_mutex_init(&x.lock, NULL);
    sync_side_by_side(&x);
    pthread_mutex_destroy(&x.lock);
    int rc = x.rc < 0 ? error_set(err, x.rc, "%s", x.error.message) : 0;
    /* The name of a new folder may not be synced in objects/ itself. */
    if (rc == 0 && fsync(s->objects_fd) < 0)
        rc = error_errno(err, errno, "%s/objects: cannot be synced", s->directory);
    if (rc < 0)
        give_back(s, &x); /* the next commit syncs all of them again */
    return rc;
}
