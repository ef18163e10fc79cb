#include "engine/attempt/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/transfer/transfer.h"

static const char file_name[] = "fetched"; /* beside the stage's directory */

/* One at a time: stages that start together often need the same file. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

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
    pthread_mutex_lock(&one_at_a_time);
    int rc = find(out, a, item, err);
    if (rc == 0)
        rc = fetch(out, a, item, err);
    pthread_mutex_unlock(&one_at_a_time);
    return rc < 0 ? rc : 0;
}
