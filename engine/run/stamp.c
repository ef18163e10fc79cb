#include "engine/run/stamp.h"

#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/memory.h"

static int by_name(const FTSENT **a, const FTSENT **b) {
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void add_entry(struct sha256 *h, const FTSENT *entry, size_t root_length) {
    const struct stat *st = entry->fts_statp;
    const int64_t facts[] = {(int64_t)st->st_ino, (int64_t)st->st_size, (int64_t)st->st_mode, st->st_mtim.tv_sec,
                             st->st_mtim.tv_nsec};
    sha256_field(h, entry->fts_path + root_length, entry->fts_pathlen - root_length);
    sha256_update(h, facts, sizeof facts);
}

size_t stamp_take(struct digest *out, const char *path) {
    char *root = mem_strdup(path);
    char *roots[] = {root, NULL};
    struct sha256 *h = sha256_create();
    size_t files = 0;
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    for (FTSENT *entry; tree && (entry = fts_read(tree));) {
        if (entry->fts_info != FTS_F && entry->fts_info != FTS_SL)
            continue;
        add_entry(h, entry, strlen(path));
        files++;
    }
    if (tree)
        fts_close(tree);
    sha256_finish(h, out);
    free(root);
    return files;
}
