/* Sizes and ages of files. */
#include <ftw.h>
#include <math.h>

#include "store/gc.h"

static _Thread_local struct {
    uint64_t bytes;
    double newest_s;
} tree;

static int add_file(const char *path, const struct stat *st, int type, struct FTW *level) {
    (void)path;
    (void)level;
    if (type == FTW_F)
        tree.bytes += (uint64_t)st->st_size;
    if (type == FTW_NS || type == FTW_DNR) /* an unknown age counts as young */
        tree.newest_s = (double)INFINITY;
    else
        tree.newest_s = fmax(tree.newest_s, (double)st->st_mtim.tv_sec);
    return 0;
}

uint64_t gc_size(const char *path, double *newest_s) {
    tree.bytes = 0;
    tree.newest_s = 0;
    if (nftw(path, add_file, 16, FTW_PHYS) != 0)
        tree.newest_s = (double)INFINITY;
    if (newest_s)
        *newest_s = tree.newest_s;
    return tree.bytes;
}

void gc_progress(const struct gc *g, const char *what, uint64_t done) {
    if (g->options->progress)
        g->options->progress(g->options->context, what, done);
}

bool gc_is_young(const struct gc *g, double at_s) {
    return at_s > g->now_s - g->options->grace_s;
}
