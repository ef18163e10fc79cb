/*
 * Remembers digests of the project's files, so that a large input is hashed once. A file counts as unchanged while its
 * device, inode, size, mtime and ctime are the same; programs cannot set the ctime. A file that changed just before it
 * was hashed is not remembered: a later change could carry the same times.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "store/internal.h"

enum { FLUSH_AT = 256, HASH_TRIES = 3, QUEUE_WAIT_MS = 200, LARGE_BYTES = 1 << 16 };

/* A file that was hashed on another thread. */
struct file_hash {
    char *path;
    struct stamp stamp;
    struct digest digest;
    bool at_rest; /* it may be remembered */
    bool used;    /* its question came */
    int rc;
    struct error error;
};

struct remembered_file {
    char *path;
    struct stamp stamp;
    struct digest digest;
};

static int64_t nanoseconds(struct timespec t) {
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct stamp stamp_of(const struct stat *st) {
    return (struct stamp){.device = (int64_t)st->st_dev,
                          .inode = (int64_t)st->st_ino,
                          .size = st->st_size,
                          .mtime = nanoseconds(st->st_mtim),
                          .ctime = nanoseconds(st->st_ctim)};
}

static bool stamp_equal(const struct stamp *a, const struct stamp *b) {
    return a->device == b->device && a->inode == b->inode && a->size == b->size && a->mtime == b->mtime &&
           a->ctime == b->ctime;
}

static struct digest guard_of(struct sha256 *h, const char *path, const struct stamp *t, const struct digest *d) {
    struct digest guard;
    sha256_field(h, path, strlen(path));
    sha256_field(h, t, sizeof *t);
    sha256_field(h, d->bytes, sizeof d->bytes);
    sha256_restart(h, &guard);
    return guard;
}

/* ---- remembering ---- */

struct lookup {
    const char *path;
    struct stamp stamp;
    struct digest digest;
    bool found;
};

static void judge_row(struct store *s, struct lookup *l, const struct file_row *row) {
    if (!stamp_equal(&row->stamp, &l->stamp))
        return;
    struct digest expected = guard_of(s->hash, l->path, &row->stamp, &row->digest);
    l->found = digest_equal(&row->guard, &expected);
    l->digest = row->digest;
}

static int look_up(struct store *s, void *context, struct error *err) {
    struct lookup *l = context;
    struct file_row row;
    sqlite3_stmt *q;
    int rc = index_statement(&q, s, SQL_FILE_GET, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_blob(q, 1, l->path, (int)strlen(l->path), SQLITE_STATIC);
    int code = sqlite3_step(q);
    if (code == SQLITE_ROW && file_row_read(&row, q))
        judge_row(s, l, &row);
    else if (code != SQLITE_ROW && code != SQLITE_DONE)
        rc = index_error(s, err);
    sqlite3_reset(q);
    return rc;
}

/* Whether the file has just been hashed on another thread. Its fault is returned. */
static int use_hashed(struct store *s, const char *path, const struct stamp *stamp, struct digest *out, bool *found,
                      struct error *err) {
    struct file_hash *h = bytemap_get(&s->hashed, path, strlen(path));
    if (!h || h->used)
        return 0;
    h->used = true;
    if (h->rc < 0)
        return error_set(err, h->rc, "%s", h->error.message);
    *found = stamp_equal(&h->stamp, stamp);
    *out = h->digest;
    return 0;
}

static int recall(struct store *s, const char *path, const struct stamp *stamp, struct digest *out, bool *found,
                  struct error *err) {
    int hashed = use_hashed(s, path, stamp, out, found, err);
    if (hashed < 0 || *found)
        return hashed;
    for (size_t i = s->file_count; i-- > 0;) {
        const struct remembered_file *f = &s->files[i];
        if (!stamp_equal(&f->stamp, stamp) || strcmp(f->path, path) != 0)
            continue;
        *out = f->digest;
        *found = true;
        return 0;
    }
    struct lookup l = {.path = path, .stamp = *stamp};
    file_rows_prepare(s);
    int rc = session_enter(s, err);
    const struct file_row *row = file_rows_find(&s->session.files, path);
    if (row)
        judge_row(s, &l, row);
    if (rc == 0 && !l.found)
        rc = index_retry(s, look_up, &l, err);
    *found = l.found;
    *out = l.digest;
    return rc;
}

static int write_one(struct store *s, const struct remembered_file *f, struct error *err) {
    struct digest guard = guard_of(s->hash, f->path, &f->stamp, &f->digest);
    sqlite3_stmt *q;
    int rc = index_statement(&q, s, SQL_FILE_SET, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_blob(q, 1, f->path, (int)strlen(f->path), SQLITE_STATIC);
    sqlite3_bind_int64(q, 2, f->stamp.device);
    sqlite3_bind_int64(q, 3, f->stamp.inode);
    sqlite3_bind_int64(q, 4, f->stamp.size);
    sqlite3_bind_int64(q, 5, f->stamp.mtime);
    sqlite3_bind_int64(q, 6, f->stamp.ctime);
    sqlite3_bind_blob(q, 7, f->digest.bytes, sizeof f->digest.bytes, SQLITE_STATIC);
    sqlite3_bind_blob(q, 8, guard.bytes, sizeof guard.bytes, SQLITE_STATIC);
    return index_step(s, q, err);
}

/* Writes new digests to the index. Failing is harmless: the files are hashed again. */
static void file_memory_flush(struct store *s) {
    if (s->file_count == 0 || !s->index.db)
        return;
    int rc = index_begin(s, NULL);
    for (size_t i = 0; rc == 0 && i < s->file_count; i++)
        rc = write_one(s, &s->files[i], NULL);
    if (rc == 0)
        index_commit(s, NULL);
    else
        index_rollback(s);
    for (size_t i = 0; i < s->file_count; i++)
        free(s->files[i].path);
    s->file_count = 0;
}

static void remember(struct store *s, const char *path, const struct stamp *stamp, const struct digest *d) {
    mem_grow(s->files, &s->file_capacity, s->file_count + 1);
    s->files[s->file_count++] = (struct remembered_file){.path = mem_strdup(path), .stamp = *stamp, .digest = *d};
    if (s->file_count >= FLUSH_AT)
        file_memory_flush(s);
}

static void file_hash_free(struct file_hash *h) {
    free(h->path);
    free(h);
}

void file_memory_close(struct store *s) {
    if (s->index.db)
        sqlite3_busy_timeout(s->index.db, QUEUE_WAIT_MS); /* not worth waiting for another engine */
    file_memory_flush(s);
    for (size_t i = 0; i < s->file_count; i++)
        free(s->files[i].path);
    free(s->files);
    for (size_t i = 0; i < s->hashed.count; i++)
        file_hash_free(s->hashed.entries[i].value);
    bytemap_close(&s->hashed);
    for (size_t i = 0; i < s->told.count; i++)
        free(s->told.entries[i].value);
    bytemap_close(&s->told);
    free(s->way.folder);
}

/* ---- content ---- */

/* Whether any later change will have another ctime. */
static bool is_at_rest(const struct stat *st, int64_t now) {
    return nanoseconds(st->st_ctim) + FILE_TIME_STEP_NS < now;
}

/* A process that has the file mapped can write to a dirty page without a new time. Once the kernel has written the
   page out, the next write sets a new time. tmpfs never writes out; overlayfs, below containers, passes on only a
   whole sync. */
static void write_back_pages(int fd) {
    struct statfs fs;
    if (fstatfs(fd, &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC)
        fdatasync(fd);
    else
        sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE);
}

static int hash_stable(int fd, const char *path, const atomic_bool *stop, struct stat *st, struct digest *out,
                       int64_t *began, struct error *err) {
    for (int tries = 0; tries < HASH_TRIES; tries++) {
        struct timespec now;
        struct stat after;
        uint64_t size;
        clock_gettime(CLOCK_REALTIME, &now);
        *began = nanoseconds(now);
        if (is_at_rest(st, *began))
            write_back_pages(fd);
        if (tries > 0 && lseek(fd, 0, SEEK_SET) < 0)
            return error_errno(err, errno, "%s: cannot be read", path);
        int rc = object_hash(out, &size, fd, false, stop, path, err);
        if (rc < 0)
            return rc;
        if (fstat(fd, &after) < 0)
            return error_errno(err, errno, "%s: cannot be examined", path);
        struct stamp a = stamp_of(st);
        struct stamp b = stamp_of(&after);
        if (stamp_equal(&a, &b) && size == (uint64_t)st->st_size)
            return 0;
        *st = after;
    }
    return error_set(err, ERR_FAILED, "%s: is being written to; start again when it is finished", path);
}

/* Hashes a file without the store. `*at_rest`: it may be remembered. */
static int hash_path(const char *path, const atomic_bool *stop, struct stat *st, struct digest *out, bool *at_rest,
                     struct error *err) {
    int64_t began = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return tree_fault(errno, path, err);
    int rc = fstat(fd, st) < 0 ? error_errno(err, errno, "%s: cannot be examined", path)
                               : hash_stable(fd, path, stop, st, out, &began, err);
    close(fd);
    *at_rest = rc == 0 && is_at_rest(st, began);
    return rc;
}

static int hash_file(struct store *s, const char *path, struct stat *st, struct digest *out, struct error *err) {
    bool at_rest = false;
    if (st->st_size > LARGE_BYTES)
        session_pause(s); /* others would wait for it */
    int rc = hash_path(path, NULL, st, out, &at_rest, err);
    session_pause_if_long(s);
    if (rc == 0 && at_rest) {
        struct stamp stamp = stamp_of(st);
        remember(s, path, &stamp, out);
    }
    return rc;
}

struct file_hash *store_file_hash(const char *path, const atomic_bool *stop) {
    struct file_hash *h = mem_alloc(sizeof *h);
    struct stat st = {0};
    *h = (struct file_hash){.path = mem_strdup(path)};
    h->rc = hash_path(path, stop, &st, &h->digest, &h->at_rest, &h->error);
    if (h->rc == 0)
        h->stamp = stamp_of(&st);
    return h;
}

void store_file_hashed(struct store *s, struct file_hash *h) {
    struct file_hash *same = bytemap_get(&s->hashed, h->path, strlen(h->path));
    if (h->at_rest)
        remember(s, h->path, &h->stamp, &h->digest);
    if (!same) {
        bytemap_put(&s->hashed, h->path, strlen(h->path), h);
        return;
    }
    char *path = same->path; /* the key of the map */
    free(h->path);
    *same = *h;
    same->path = path;
    free(h);
}

/* One question about a file or directory. */
struct question {
    struct store *s;
    uint64_t room; /* bytes that may still be hashed */
    store_unhashed *unhashed;
    void *context;
    bool open; /* some file is not hashed */
};

static int leave_unhashed(struct question *q, const char *path, struct error *err) {
    q->open = true;
    if (access(path, R_OK) < 0)
        return tree_fault(errno, path, err);
    if (q->unhashed)
        q->unhashed(q->context, path);
    return 0;
}

/* A regular file whose stat matches the remembered one is not opened. */
static int file_content(void *context, const char *path, const struct stat *seen, struct object *out,
                        struct error *err) {
    struct question *q = context;
    struct stat st = *seen;
    struct stamp stamp = stamp_of(seen);
    struct digest d = {{0}};
    bool found = false;
    int rc = recall(q->s, path, &stamp, &d, &found, err);
    if (rc == 0 && !found && (uint64_t)st.st_size > q->room) {
        rc = leave_unhashed(q, path, err);
    } else if (rc == 0 && !found) {
        q->room -= (uint64_t)st.st_size;
        rc = hash_file(q->s, path, &st, &d, err);
    }
    if (rc == 0)
        *out = (struct object){.digest = d, .size = (uint64_t)st.st_size, .executable = st.st_mode & S_IXUSR};
    return rc;
}

static int answer(struct question *q, const char *path, struct object *out, struct error *err) {
    struct stat st;
    int rc = input_examine(&st, path, &q->s->rules, &q->s->way, err);
    if (rc < 0 || S_ISREG(st.st_mode))
        return rc < 0 ? rc : file_content(q, path, &st, out, err);
    session_pause(q->s); /* opening a folder may take long */
    return input_folder(out, path, &q->s->rules, file_content, q, err);
}

int store_file_recall(struct store *s, const char *path, uint64_t most, store_unhashed *unhashed, void *context,
                      struct object *out, struct error *err) {
    struct question q = {.s = s, .room = most, .unhashed = unhashed, .context = context};
    struct error why = {0};
    int rc = answer(&q, path, out, &why);
    if (rc == 0 && q.open)
        return error_set(err, ERR_BUSY, "%s: is not hashed yet", path);
    return rc < 0 ? error_set(err, rc == ERR_BUSY ? ERR_IO : rc, "%s", why.message) : 0; /* a busy index is a fault */
}

int store_file_content(struct store *s, const char *path, struct object *out, struct error *err) {
    return store_file_recall(s, path, UINT64_MAX, NULL, NULL, out, err);
}

int store_made_content(struct store *s, const char *path, struct object *out, struct error *err) {
    struct question q = {.s = s, .room = UINT64_MAX};
    const struct tree_options options = {.keep = true};
    struct stat st;
    if (lstat(path, &st) < 0)
        return tree_fault(errno, path, err);
    if (!S_ISDIR(st.st_mode))
        return file_content(&q, path, &st, out, err);
    session_pause(s); /* opening a folder may take long */
    return tree_object(out, path, &options, file_content, &q, err);
}

/* Each once: a run asks for the same folder many times. */
static void note_link(void *context, const char *line) {
    struct store *s = context;
    if (bytemap_get(&s->told, line, strlen(line)))
        return;
    char *kept = mem_strdup(line);
    bytemap_put(&s->told, kept, strlen(kept), kept);
    notice(s, "%s", line);
}

void store_set_input_rules(struct store *s, const struct input_rules *rules) {
    s->rules = *rules;
    s->rules.store = s->directory;
    s->rules.say = note_link;
    s->rules.context = s;
    s->way.project_fd = rules->project ? open(rules->project, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
}

const struct folder_filter *store_input_filter(const struct store *s) {
    return &s->rules.filter;
}
