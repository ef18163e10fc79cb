#include "engine/attempt/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"

struct fetch {
    struct attempts *all;
    struct fetch *next;
    struct digest digest;
    char *url, *path; /* below work/ */
    int fd;           /* -1: closed */
    bool under_way;
    struct error error; /* code 0: it is in the store, or under way */
    uv_work_t work;
};

static struct fetch *find(const struct attempts *all, const struct digest *digest) {
    struct fetch *f = all->fetches;
    while (f && !digest_equal(&f->digest, digest))
        f = f->next;
    return f;
}

static bool is_stored(const struct attempts *all, const struct digest *digest) {
    char *path = store_object_path(all->options.store, digest);
    bool stored = file_exists(path);
    free(path);
    return stored;
}

/* ---- one fetch ---- */

static void end(struct fetch *f) {
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
    if (f->error.code)
        unlinkat(f->all->work_fd, path_base(f->path), 0);
    f->under_way = false;
    f->all->fetching--;
}

static void store(uv_work_t *work) {
    struct fetch *f = work->data;
    struct object o;
    store_object_put(f->all->options.store, f->all->work_fd, path_base(f->path), &o, &f->error);
}

static void on_stored(uv_work_t *work, int status) {
    (void)status;
    end(work->data);
}

static void on_fetched(void *context, const struct error *err) {
    struct fetch *f = context;
    f->error = *err;
    f->work.data = f;
    if (f->error.code)
        end(f);
    else
        uv_queue_work(f->all->options.loop, &f->work, store, on_stored);
}

static int open_transfer(struct fetch *f, struct error *err) {
    struct attempts *all = f->all;
    int rc = all->transfers ? 0 : transfers_open(&all->transfers, all->options.loop, err);
    if (rc < 0)
        return rc;
    f->fd = openat(all->work_fd, path_base(f->path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return f->fd < 0 ? error_errno(err, errno, "%s: cannot be made", f->path) : 0;
}

static struct fetch *start(struct attempts *all, const struct action_item *item) {
    char *name = mem_printf("%s-fetch%zu", all->name, all->fetch_count++);
    struct fetch *f = mem_alloc(sizeof *f);
    *f = (struct fetch){.all = all,
                        .next = all->fetches,
                        .digest = item->content.digest,
                        .url = mem_strdup(item->url),
                        .path = store_work_path(all->options.store, name),
                        .fd = -1,
                        .under_way = true};
    free(name);
    all->fetches = f;
    all->fetching++;
    if (open_transfer(f, &f->error) < 0)
        end(f);
    else
        transfers_start(all->transfers, &(struct transfer){f->url, f->fd, f->digest, f, on_fetched});
    return f;
}

/* ---- those of an instance ---- */

static bool has_url(const struct input_decl *inputs, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (inputs[i].type == INPUT_URL || has_url(inputs[i].items, inputs[i].item_count))
            return true;
    return false;
}

static bool fetch_item(struct attempts *all, const struct action_item *item) {
    struct fetch *f = item->url ? find(all, &item->content.digest) : NULL;
    if (item->url && !f && !is_stored(all, &item->content.digest))
        f = start(all, item);
    return f && f->under_way;
}

bool attempts_fetch(struct attempts *all, struct instance *i) {
    bool waits = false;
    if (!has_url(i->decl->in, i->decl->in_count))
        return false;
    instance_hold_action(i);
    for (size_t k = 0; k < i->action->input_count; k++)
        for (size_t n = 0; n < i->action->inputs[k].count; n++)
            waits |= fetch_item(all, &i->action->inputs[k].items[n]);
    instance_release_action(i);
    return waits;
}

bool attempts_are_fetching(const struct attempts *all) {
    return all->fetching > 0;
}

void attempts_end_fetches(struct attempts *all) {
    if (all->transfers)
        transfers_cancel(all->transfers);
}

int fetch_check(const struct attempt *a, struct error *err) {
    const struct action *action = a->instance->action;
    for (size_t i = 0; i < action->input_count; i++)
        for (size_t k = 0; k < action->inputs[i].count; k++) {
            const struct action_item *item = &action->inputs[i].items[k];
            const struct fetch *f = item->url ? find(a->all, &item->content.digest) : NULL;
            if (f && f->error.code)
                return error_set(err, f->error.code, "%s", f->error.message);
        }
    return 0;
}

void fetches_free(struct attempts *all) {
    for (struct fetch *f = all->fetches, *next; f; f = next) {
        next = f->next;
        free(f->url);
        free(f->path);
        free(f);
    }
}
