/*
 * Large files of the project are hashed on workers, while stages start and end:
 *
 *   plan asks --ERR_BUSY, run_defer_file--> waiting --run_hash_files--> hashing --> the store takes the digest --> plan asks again
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/run/internal.h"

enum { HASHED_AT_ONCE = 2 }; /* of the workers of libuv; the others serve the stages */

struct file_job {
    struct run *run;
    char *path;
    bool asked; /* waiting, or being hashed */
    uv_work_t work;
    struct file_hash *result;
    struct file_job *next; /* that waits */
};

void run_defer_file(void *context, const char *path) {
    struct run *r = context;
    struct run_files *f = &r->files;
    struct file_job *j = bytemap_get(&f->jobs, path, strlen(path));
    if (!j) {
        j = mem_alloc(sizeof *j);
        *j = (struct file_job){.run = r, .path = mem_strdup(path)};
        bytemap_put(&f->jobs, j->path, strlen(j->path), j);
    }
    if (j->asked)
        return;
    j->asked = true;
    j->next = NULL;
    *(f->first ? f->last : &f->first) = j;
    f->last = &j->next;
}

static void hash(uv_work_t *work) {
    struct file_job *j = work->data;
    j->result = store_file_hash(j->path, &j->run->files.stop);
}

static void on_hashed(uv_work_t *work, int status) {
    struct file_job *j = work->data;
    struct run_files *f = &j->run->files;
    (void)status;
    store_file_hashed(j->run->store, j->result);
    j->asked = false;
    f->hashing--;
    f->came = true;
}

void run_hash_files(struct run *r) {
    struct run_files *f = &r->files;
    if (scheduler_stopped(r->scheduler)) {
        atomic_store(&f->stop, true);
        f->first = NULL;
    }
    while (f->first && f->hashing < HASHED_AT_ONCE) {
        struct file_job *j = f->first;
        f->first = j->next;
        j->work.data = j;
        f->hashing++;
        uv_queue_work(&r->loop.uv, &j->work, hash, on_hashed);
    }
}

bool run_is_hashing(const struct run *r) {
    return r->files.first || r->files.hashing > 0;
}

void run_take_hashed(struct run *r) {
    struct run_files *f = &r->files;
    if (!f->came || f->first) /* all files of a folder are asked for together */
        return;
    f->came = false;
    if (!scheduler_stopped(r->scheduler))
        plan_ask_again(r->plan);
}

void run_files_close(struct run_files *f) {
    for (size_t i = 0; i < f->jobs.count; i++) {
        struct file_job *j = f->jobs.entries[i].value;
        free(j->path);
        free(j);
    }
    bytemap_close(&f->jobs);
}
