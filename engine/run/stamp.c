#include "engine/run/stamp.h"

#include <dirent.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"

struct file {
    char *path;
    int64_t facts[5];
};

/* What the walk has come to. Folders are gone through in this order, with those found on the way behind them. */
struct walk {
    struct file *files;
    size_t file_count, file_capacity;
    char **folders;
    size_t folder_count, folder_capacity;
};

static void add_file(struct walk *w, const char *path, const struct stat *st) {
    mem_grow(w->files, &w->file_capacity, w->file_count + 1);
    w->files[w->file_count++] = (struct file){
        .path = mem_strdup(path),
        .facts = {(int64_t)st->st_ino, (int64_t)st->st_size, (int64_t)st->st_mode, st->st_mtim.tv_sec,
                  st->st_mtim.tv_nsec},
    };
}

static void add_folder(struct walk *w, const char *path) {
    mem_grow(w->folders, &w->folder_capacity, w->folder_count + 1);
    w->folders[w->folder_count++] = mem_strdup(path);
}

static void add(struct walk *w, const char *path) {
    struct stat st;
    if (lstat(path, &st) < 0)
        return;
    if (S_ISDIR(st.st_mode))
        add_folder(w, path);
    else if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode))
        add_file(w, path, &st);
}

static void read_folder(struct walk *w, const char *folder) {
    DIR *entries = opendir(folder);
    for (const struct dirent *e; entries && (e = readdir(entries));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        char *path = path_join(folder, e->d_name);
        add(w, path);
        free(path);
    }
    if (entries)
        closedir(entries);
}

static int by_path(const void *a, const void *b) {
    const struct file *left = a, *right = b;
    return strcmp(left->path, right->path);
}

size_t stamp_take(struct digest *out, const char *path) {
    struct walk w = {0};
    struct sha256 *h = sha256_create();
    const size_t root = strlen(path);
    add(&w, path);
    for (size_t i = 0; i < w.folder_count; i++) {
        read_folder(&w, w.folders[i]);
        free(w.folders[i]);
    }
    if (w.file_count > 0)
        qsort(w.files, w.file_count, sizeof *w.files, by_path);
    for (size_t i = 0; i < w.file_count; i++) {
        sha256_field(h, w.files[i].path + root, strlen(w.files[i].path) - root);
        sha256_update(h, w.files[i].facts, sizeof w.files[i].facts);
        free(w.files[i].path);
    }
    sha256_finish(h, out);
    free(w.folders);
    free(w.files);
    return w.file_count;
}
