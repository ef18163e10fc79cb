#include "engine/attempt/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/transfer/transfer.h"

enum { WAIT_NS = 50000000 };
static const char file_name[] = "fetched"; /* beside the stage's directory */

/* The fetches under way: stages that start together often need the same file. and one of them fetches it. */
struct fetching {
    const struct digest *digest;
    struct fetching *next;
};
static struct fetching *all;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static bool begin(struct fetching *f) {
    pthread_mutex_lock(&mutex);
    bool other = false;
    for (const struct fetching *o = all; o; o = o->next)
        other |= digest_equal(o->digest, f->digest);
    if (!other) {
        f->next = all;
        all = f;
    }
    pthread_mutex_unlock(&mutex);
    return !other;
}

static void end(const struct fetching *f) {
    pthread_mutex_lock(&mutex);
    struct fetching **at = &all;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    pthread_mutex_unlock(&mutex);
}

/* 1: the store has it. */
static int find(struct object *out, const struct attempt *a, const struct action_item *item, struct error *err) {
    struct stat st;
    char *path = store_object_path(a->all->options.store, &item->content.digest);
    int there = file_stat(&st, path, err);
    free(path);
    if (there <= 0)
        return there;
    *out = (struct object){.digest = item->content.digest, .size = (uint64_t)st.st_size};
    int rc = store_object_check(a->all->options.store, out, err);
    return rc == 0 ? 1 : rc == ERR_NOT_FOUND || rc == ERR_CORRUPT ? 0 : rc;
}

static int fetch(struct object *out, struct attempt *a, const struct action_item *item, struct error *err) {
    int fd = openat(a->directory->root_fd, file_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return error_errno(err, errno, "%s: no file can be made beside it", a->directory->stage);
    int rc = transfer_fetch(&(struct transfer){item->url, fd, item->content.digest, &a->cancelled}, err);
    close(fd);
    if (rc == 0)
        rc = store_object_put(a->all->options.store, a->directory->root_fd, file_name, out, err);
    else
        unlinkat(a->directory->root_fd, file_name, 0);
    return rc;
}

int fetch_object(struct object *out, struct attempt *a, const struct action_item *item, struct error *err) {
    const struct timespec pause = {.tv_nsec = WAIT_NS};
    struct fetching f = {&item->content.digest, NULL};
    int rc;
    while ((rc = find(out, a, item, err)) == 0 && !begin(&f)) {
        if (a->cancelled)
            return error_set(err, ERR_INTERRUPTED, "%s: cancelled", item->url);
        nanosleep(&pause, NULL);
    }
    if (rc != 0)
        return rc < 0 ? rc : 0;
    rc = find(out, a, item, err); /* the one before may have ended just now */
    if (rc == 0)
        rc = fetch(out, a, item, err);
    end(&f);
    return rc < 0 ? rc : 0;
}
