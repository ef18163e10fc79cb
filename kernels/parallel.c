#include "kernels/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

struct worker {
    struct parallel *pool;
    int thread;
    pthread_t id;
};

struct parallel {
    int threads;
    int started; /* workers[0..started-1] run */
    struct worker *workers;

    pthread_mutex_t lock;
    pthread_cond_t work_ready, work_done;
    unsigned long generation; /* counts the calls of parallel_for */
    int busy;                 /* workers that have not finished this generation */
    bool stop;

    void (*body)(void *context, size_t block, int thread);
    void *context;
    size_t blocks;
    atomic_size_t next_block;
};

static void run_blocks(struct parallel *p, int thread) {
    for (;;) {
        size_t block = atomic_fetch_add_explicit(&p->next_block, 1, memory_order_relaxed);
        if (block >= p->blocks)
            return;
        p->body(p->context, block, thread);
    }
}

static void *worker_main(void *argument) {
    struct worker *worker = argument;
    struct parallel *p = worker->pool;
    unsigned long seen = 0;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->stop && p->generation == seen)
            pthread_cond_wait(&p->work_ready, &p->lock);
        if (p->stop)
            break;
        seen = p->generation;
        pthread_mutex_unlock(&p->lock);
        run_blocks(p, worker->thread);
        pthread_mutex_lock(&p->lock);
        if (--p->busy == 0)
            pthread_cond_signal(&p->work_done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct parallel *parallel_create(int threads) {
    struct parallel *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->threads = threads < 1 ? 1 : threads;
    p->workers = calloc((size_t)p->threads, sizeof *p->workers);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work_ready, NULL);
    pthread_cond_init(&p->work_done, NULL);
    for (int i = 0; p->workers != NULL && i < p->threads - 1; i++) {
        struct worker *worker = &p->workers[i];
        worker->pool = p;
        worker->thread = i + 1; /* the caller is thread 0 */
        if (pthread_create(&worker->id, NULL, worker_main, worker) != 0)
            break;
        p->started++;
    }
    if (p->started < p->threads - 1) {
        parallel_free(p);
        return NULL;
    }
    return p;
}

void parallel_free(struct parallel *p) {
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->work_ready);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->started; i++)
        pthread_join(p->workers[i].id, NULL);
    pthread_cond_destroy(&p->work_done);
    pthread_cond_destroy(&p->work_ready);
    pthread_mutex_destroy(&p->lock);
    free(p->workers);
    free(p);
}

int parallel_threads(const struct parallel *p) {
    return p == NULL ? 1 : p->threads;
}

void parallel_for(struct parallel *p, size_t blocks, void (*body)(void *context, size_t block, int thread),
                  void *context) {
    if (p == NULL || p->started == 0 || blocks < 2) {
        for (size_t block = 0; block < blocks; block++)
            body(context, block, 0);
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->body = body;
    p->context = context;
    p->blocks = blocks;
    atomic_store_explicit(&p->next_block, 0, memory_order_relaxed);
    p->busy = p->started;
    p->generation++;
    pthread_cond_broadcast(&p->work_ready);
    pthread_mutex_unlock(&p->lock);
    run_blocks(p, 0);
    pthread_mutex_lock(&p->lock);
    while (p->busy > 0)
        pthread_cond_wait(&p->work_done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}
