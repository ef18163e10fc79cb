#include "engine/attempt/stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/bytemap.h"
#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/memory.h"

enum { LINKS_LIMIT = 40 }; /* the kernel's own, on the way to one file */

struct file {
    char *path;
    int64_t facts[7];
};

struct folder_id {
    uint64_t device, inode;
};

/* The state of the walk. Folders are read in this order; folders found on the way are added at the end. */
struct walk {
    struct file *files;
    size_t file_count, file_capacity;
    char **folders;
    size_t folder_count, folder_capacity;
    struct bytemap seen; /* ids of the folders; owns them */
    bool strict;         /* with devices and change times, without the names of folder_skips_name */
    bool all;            /* with folders, whatever else is no file, and the targets of links */
    int links;
    int64_t youngest_ns; /* change time */
    int fault;           /* an errno: not all was seen */
};

static int64_t nanoseconds(struct timespec t) {
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void add_file(struct walk *w, const char *path, const struct stat *st) {
    mem_grow(w->files, &w->file_capacity, w->file_count + 1);
    w->files[w->file_count++] = (struct file){
        .path = mem_strdup(path),
        .facts = {(int64_t)st->st_ino, (int64_t)st->st_size, (int64_t)st->st_mode, st->st_mtim.tv_sec,
                  st->st_mtim.tv_nsec, w->strict ? (int64_t)st->st_dev : 0, w->strict ? nanoseconds(st->st_ctim) : 0},
    };
    if (nanoseconds(st->st_ctim) > w->youngest_ns)
        w->youngest_ns = nanoseconds(st->st_ctim);
}

/* Each once, whatever links lead to it: a circle of links ends. */
static void add_folder(struct walk *w, const char *path, const struct stat *st) {
    struct folder_id id = {.device = st->st_dev, .inode = st->st_ino};
    if (bytemap_get(&w->seen, &id, sizeof id))
        return;
    struct folder_id *kept = mem_alloc(sizeof *kept);
    *kept = id;
    bytemap_put(&w->seen, kept, sizeof *kept, kept);
    mem_grow(w->folders, &w->folder_capacity, w->folder_count + 1);
    w->folders[w->folder_count++] = mem_strdup(path);
}

static void add_status(struct walk *w, const char *path, const struct stat *st) {
    if (S_ISDIR(st->st_mode))
        add_folder(w, path, st);
    if (S_ISREG(st->st_mode) || S_ISLNK(st->st_mode) || w->all)
        add_file(w, path, st);
}

static void add(struct walk *w, const char *path) {
    struct stat st;
    if (lstat(path, &st) == 0)
        add_status(w, path, &st);
    else if (errno != ENOENT)
        w->fault = errno;
}

static void add_links(struct walk *w, const char *path);

static void add_link(struct walk *w, const char *path, const struct stat *st) {
    char text[PATH_MAX];
    ssize_t length = readlink(path, text, sizeof text - 1);
    add_file(w, path, st);
    if (length < 0 || w->links++ >= LINKS_LIMIT)
        return;
    text[length] = '\0';
    char *folder = path_directory(path), *target = path_join(folder, text);
    add_links(w, target);
    free(target);
    free(folder);
}

/* Adds the links on the way to a file, with those that they lead over. Turning a link aside and back again makes a
   new link, which has another stamp. */
static void add_links(struct walk *w, const char *path) {
    for (size_t length = 1; path[length - 1]; length++) {
        struct stat st;
        if (path[length] != '/' && path[length] != '\0')
            continue;
        char *part = mem_strndup(path, length);
        if (lstat(part, &st) == 0 && S_ISLNK(st.st_mode))
            add_link(w, part, &st);
        free(part);
    }
}

/* Adds the file at the path and, if it is a link, its target. One that leads nowhere is seen as the link alone. */
static void add_target(struct walk *w, const char *path) {
    struct stat st;
    int fault = lstat(path, &st) < 0 ? errno : 0;
    bool link = !fault && S_ISLNK(st.st_mode);
    w->links = 0;
    if (link)
        add_link(w, path, &st);
    if (link && stat(path, &st) < 0)
        fault = errno;
    if (!fault)
        add_status(w, path, &st);
    else if (!link || fault != ENOENT)
        w->fault = fault;
}

static void read_folder(struct walk *w, const char *path) {
    struct folder folder;
    const char *name;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        w->fault = errno;
    int rc = folder_open_fd(&folder, fd, path, NULL);
    while (rc >= 0 && (rc = folder_next(&folder, &name, NULL)) > 0) {
        if (w->strict && folder_skips_name(name))
            continue;
        char *entry = path_join(path, name);
        if (w->all)
            add_target(w, entry);
        else
            add(w, entry);
        free(entry);
    }
    if (rc < 0 && fd >= 0)
        w->fault = EIO;
    folder_close(&folder);
}

static int by_path(const void *a, const void *b) {
    const struct file *left = a, *right = b;
    return strcmp(left->path, right->path);
}

/* Hashes the files found, with names from the root's on, and frees them. */
static void finish(struct walk *w, size_t root, struct digest *out) {
    struct sha256 *h = sha256_create();
    for (size_t i = 0; i < w->folder_count; i++) {
        read_folder(w, w->folders[i]);
        free(w->folders[i]);
    }
    if (w->file_count > 0)
        qsort(w->files, w->file_count, sizeof *w->files, by_path);
    for (size_t i = 0; i < w->file_count; i++) {
        sha256_field(h, w->files[i].path + root, strlen(w->files[i].path) - root);
        sha256_update(h, w->files[i].facts, sizeof w->files[i].facts);
        free(w->files[i].path);
    }
    if (w->fault)
        sha256_update(h, &w->fault, sizeof w->fault);
    sha256_finish(h, out);
    for (size_t i = 0; i < w->seen.count; i++)
        free(w->seen.entries[i].value);
    bytemap_close(&w->seen);
    free(w->folders);
    free(w->files);
}

size_t stamp_read(struct digest *out, const char *path) {
    struct walk w = {0};
    add(&w, path);
    finish(&w, strlen(path), out);
    return w.file_count;
}

void stamp_copy(struct digest *out, const char *path) {
    struct walk w = {.strict = true};
    add(&w, path);
    finish(&w, strlen(path), out);
}

void way_close(struct way *w) {
    free(w->folder);
    *w = (struct way){0};
}

/* A change from `now` on has other times than what was found. */
static bool is_at_rest(const struct walk *w, struct timespec now) {
    return !w->fault && w->youngest_ns + FILE_TIME_STEP_NS < nanoseconds(now);
}

/* Comes to a folder, unless it stands there already. */
static void way_examine(struct way *way, const char *path) {
    struct walk w = {.strict = true, .all = true};
    struct timespec now;
    char *folder = path_directory(path);
    if (way->folder && strcmp(way->folder, folder) == 0) {
        free(folder);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    add_links(&w, folder);
    finish(&w, 0, &way->stamp);
    way->at_rest = is_at_rest(&w, now);
    free(way->folder);
    way->folder = folder;
}

void sight_read(struct sight *out, const char *path, struct way *way) {
    struct walk w = {.strict = true, .all = true};
    struct timespec now;
    struct digest found;
    way_examine(way, path);
    clock_gettime(CLOCK_REALTIME, &now);
    add_target(&w, path);
    finish(&w, 0, &found);
    out->at_rest = way->at_rest && is_at_rest(&w, now);
    struct sha256 *h = sha256_create();
    sha256_update(h, way->stamp.bytes, sizeof way->stamp.bytes);
    sha256_update(h, found.bytes, sizeof found.bytes);
    sha256_finish(h, &out->stamp);
}
