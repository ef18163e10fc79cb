#include "store/side_by_side.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { THREADS = 8 };

struct sharing {
    side_work *work;
    void *context;
    size_t count;
    atomic_size_t next;
    atomic_bool failed;
    pthread_mutex_t lock; /* guards the first error */
    int rc;
    struct error error;
};

static void fail(struct sharing *x, int rc, const struct error *why) {
    pthread_mutex_lock(&x->lock);
    if (x->rc == 0)
        x->rc = error_set(&x->error, rc, "%s", why->message);
    pthread_mutex_unlock(&x->lock);
    atomic_store(&x->failed, true);
}

static void *work_on_some(void *context) {
    struct sharing *x = context;
    while (!atomic_load(&x->failed)) {
        struct error why = {0};
        size_t i = atomic_fetch_add(&x->next, 1);
        int rc = i < x->count ? x->work(x->context, i, &why) : 0;
        if (rc < 0)
            fail(x, rc, &why);
        if (i >= x->count)
            break;
    }
    return NULL;
}

/* This thread works too, so it also works when no thread can be started. */
int side_by_side(size_t count, size_t share, side_work *work, void *context, struct error *err) {
    struct sharing x = {.work = work, .context = context, .count = count};
    pthread_t threads[THREADS];
    unsigned started = 0;
    pthread_mutex_init(&x.lock, NULL);
    while (started < THREADS && (started + 1) * share < count &&
           pthread_create(&threads[started], NULL, work_on_some, &x) == 0)
        started++;
    work_on_some(&x);
    while (started > 0)
        pthread_join(threads[--started], NULL);
    pthread_mutex_destroy(&x.lock);
    return x.rc < 0 ? error_set(err, x.rc, "%s", x.error.message) : 0;
}
