#include "store/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "store/internal.h"

enum { NOTE_SIZE = DIGEST_HEX_SIZE }; /* the digits and a newline */

struct digest lease_name(const char *text, size_t length) {
    struct digest d;
    sha256_bytes(&d, text, length);
    return d;
}

/* Waits without limit: gc holds these locks only for a few files at a time. */
static int lock_file(int fd, int how, const char *path, struct error *err) {
    while (flock(fd, how) < 0) {
        if (errno == EWOULDBLOCK)
            return ERR_BUSY;
        if (errno != EINTR)
            return error_errno(err, errno, "%s: cannot be locked", path);
    }
    return 0;
}

static int open_locked(int *out, const struct store *s, const char *name, int how, struct error *err) {
    char *path = path_join(s->directory, name);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 && (how & LOCK_SH) && (errno == EROFS || errno == EACCES))
        fd = open(path, O_RDONLY | O_CLOEXEC); /* enough for a reader's lock */
    int rc = fd < 0 ? error_errno(err, errno, "%s: cannot be opened", path) : lock_file(fd, how, path, err);
    if (rc < 0 && fd >= 0)
        close(fd);
    *out = rc < 0 ? -1 : fd;
    free(path);
    return rc;
}

int lease_lock_gc(int *out, struct store *s, bool exclusive, struct error *err) {
    enum { TRIES = 100, WAIT_NS = 10000000 }; /* an ending engine holds it for a moment, a gc for longer */
    int rc = ERR_BUSY;
    for (int i = 0; rc == ERR_BUSY && i < TRIES; i++) {
        if (i > 0)
            nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
        rc = open_locked(out, s, "leases/.gc", (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB, err);
    }
    if (rc == ERR_BUSY)
        return error_set(err, rc, "%s: another gc or fsck is running; try again when it has ended", s->directory);
    return rc;
}

/* ---- our own ---- */

/* A sweep may remove the file before it is locked, as one of a dead engine: then try once more. */
static int begin(struct store *s, struct error *err) {
    struct lease *l = &s->lease;
    struct stat st = {0};
    int rc = 0;
    char *path = mem_printf("%s/leases/%s", s->directory, s->owner_text);
    while (rc == 0 && st.st_nlink == 0) {
        l->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (l->fd < 0) {
            rc = error_errno(err, errno, "%s: cannot be made", path);
            break;
        }
        rc = lock_file(l->fd, LOCK_EX, path, err);
        if (rc == 0 && fstat(l->fd, &st) < 0)
            rc = error_errno(err, errno, "%s: cannot be examined", path);
        if (rc < 0 || st.st_nlink == 0)
            close(l->fd);
    }
    if (rc == 0)
        l->path = path;
    else
        free(path);
    return rc;
}

static void format_note(char note[NOTE_SIZE + 1], const struct digest *d) {
    digest_hex(note, d);
    note[NOTE_SIZE - 1] = '\n';
}

/* Written at its place, so that the next note overwrites a partly written one. */
static int write_notes(struct lease *l, const char *notes, size_t size, struct error *err) {
    size_t done = 0;
    while (done < size) {
        ssize_t n = pwrite(l->fd, notes + done, size - done, (off_t)(l->size + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_errno(err, n < 0 ? errno : ENOSPC, "%s: cannot be written", l->path);
        done += (size_t)n;
    }
    l->size += size;
    return 0;
}

/* `lease` stays open for many notes. The store's lock keeps threads apart. */
static int lock_lease(struct store *s, struct error *err) {
    struct lease *l = &s->lease;
    int rc = l->path ? 0 : begin(s, err);
    if (rc < 0)
        return rc;
    return l->lock_fd < 0 ? open_locked(&l->lock_fd, s, "lease", LOCK_SH, err)
                          : lock_file(l->lock_fd, LOCK_SH, s->directory, err);
}

static void unlock_lease(struct lease *l) {
    if (l->lock_fd >= 0 && flock(l->lock_fd, LOCK_UN) < 0) {
        close(l->lock_fd); /* closing unlocks it */
        l->lock_fd = -1;
    }
}

static int note(struct store *s, const struct digest *d, struct error *err) {
    struct lease *l = &s->lease;
    char text[NOTE_SIZE + 1];
    int rc = 0;
    pthread_mutex_lock(&s->lock);
    if (!digest_set_has(&l->noted, d)) {
        format_note(text, d);
        if (!l->batched)
            rc = lock_lease(s, err);
        if (rc == 0)
            rc = write_notes(l, text, NOTE_SIZE, err);
        if (rc == 0)
            digest_set_add(&l->noted, d);
        if (!l->batched)
            unlock_lease(l);
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

/* ---- many keys ---- */

int lease_batch_begin(struct store *s, struct error *err) {
    if (!s->lease.holds || s->read_only)
        return 0;
    pthread_mutex_lock(&s->lock);
    int rc = lock_lease(s, err);
    s->lease.batched = rc == 0;
    pthread_mutex_unlock(&s->lock);
    return read_only_since(s, rc) ? 0 : rc;
}

int lease_batch_end(struct store *s, struct error *err) {
    struct lease *l = &s->lease;
    if (!l->batched)
        return 0;
    pthread_mutex_lock(&s->lock);
    int rc = write_notes(l, buffer_text(&l->pending), l->pending.size, err);
    if (rc < 0)
        digest_set_close(&l->noted); /* these keys are not noted */
    buffer_clear(&l->pending);
    unlock_lease(l);
    l->batched = false;
    pthread_mutex_unlock(&s->lock);
    return read_only_since(s, rc) ? 0 : rc;
}

/* Only this thread begins and ends batches. */
static void note_later(struct store *s, const struct digest *key) {
    char text[NOTE_SIZE + 1];
    pthread_mutex_lock(&s->lock);
    if (digest_set_add(&s->lease.noted, key)) {
        format_note(text, key);
        buffer_append(&s->lease.pending, text, NOTE_SIZE);
    }
    pthread_mutex_unlock(&s->lock);
}

int lease_object(struct store *s, const struct digest *d, struct error *err) {
    return note(s, d, err);
}

int lease_key(struct store *s, const struct digest *key, struct error *err) {
    if (s->lease.batched)
        note_later(s, key);
    if (!s->lease.holds || s->lease.batched || s->read_only)
        return 0;
    int rc = note(s, key, err);
    return read_only_since(s, rc) ? 0 : rc;
}

int lease_run(struct store *s, const char *run_id, struct error *err) {
    struct digest d = lease_name(run_id, strlen(run_id));
    int rc = s->read_only ? 0 : note(s, &d, err);
    return read_only_since(s, rc) ? 0 : rc;
}

void store_hold(struct store *s) {
    s->lease.holds = true;
}

void lease_close(struct store *s) {
    struct lease *l = &s->lease;
    int gc = -1;
    if (l->path && open_locked(&gc, s, "leases/.gc", LOCK_SH | LOCK_NB, NULL) == 0)
        unlink(l->path);
    lease_leave(gc);
    if (l->path)
        close(l->fd);
    lease_leave(l->lock_fd);
    free(l->path);
    buffer_close(&l->pending);
    digest_set_close(&l->noted);
    *l = (struct lease){.fd = -1, .lock_fd = -1};
}

/* ---- those of others ---- */

bool lease_is_held(const struct store *s, const char *owner_text) {
    char *path = mem_printf("%s/leases/%s", s->directory, owner_text);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool held = fd < 0 ? errno != ENOENT : flock(fd, LOCK_SH | LOCK_NB) < 0;
    lease_leave(fd);
    free(path);
    return held;
}

static int remove_if_dead(void *context, const char *path, const char *name, struct error *err) {
    const struct store *s = context;
    if (name[0] == '.')
        return 0;
    int fd = strcmp(name, s->owner_text) == 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
    int rc = 0;
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && unlink(path) < 0 && errno != ENOENT)
        rc = error_errno(err, errno, "%s: cannot be removed", path);
    lease_leave(fd);
    return rc;
}

int lease_remove_dead(struct store *s, struct error *err) {
    return layout_each(s, "leases", remove_if_dead, s, err);
}

/* Tries once: gc, which sweeps too, would wait for itself. */
int lease_sweep(struct store *s, struct error *err) {
    int gc = -1;
    int rc = open_locked(&gc, s, "leases/.gc", LOCK_SH | LOCK_NB, err);
    if (rc == 0)
        rc = lease_remove_dead(s, err);
    lease_leave(gc);
    return rc == ERR_BUSY ? 0 : rc;
}

static struct lease_page *page_of(struct lease_book *book, const char *name) {
    for (size_t i = 0; i < book->count; i++)
        if (strcmp(book->pages[i].name, name) == 0)
            return &book->pages[i];
    mem_grow(book->pages, &book->capacity, book->count + 1);
    book->pages[book->count] = (struct lease_page){.name = mem_strdup(name)};
    return &book->pages[book->count++];
}

/* A partly written note is skipped: its engine died while writing it, and used nothing by it. */
static int read_notes(void *context, const char *path, const char *name, struct error *err) {
    struct lease_book *book = context;
    if (name[0] == '.')
        return 0;
    struct lease_page *page = page_of(book, name);
    char text[NOTE_SIZE + 1] = {0};
    ssize_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 && errno != ENOENT ? error_errno(err, errno, "%s: cannot be opened", path) : 0;
    while (fd >= 0 && (got = pread(fd, text, NOTE_SIZE, (off_t)page->size)) == NOTE_SIZE) {
        struct digest d;
        text[NOTE_SIZE - 1] = '\0';
        if (digest_parse(&d, text))
            digest_set_add(&book->notes, &d);
        page->size += NOTE_SIZE;
    }
    if (got < 0)
        rc = error_errno(err, errno, "%s: cannot be read", path);
    lease_leave(fd);
    return rc;
}

int lease_read(struct lease_book *book, struct store *s, struct error *err) {
    return layout_each(s, "leases", read_notes, book, err);
}

int lease_enter(int *out, struct lease_book *book, struct store *s, struct error *err) {
    int rc = open_locked(out, s, "lease", LOCK_EX, err);
    if (rc == 0)
        rc = lease_read(book, s, err);
    if (rc < 0) {
        lease_leave(*out);
        *out = -1;
    }
    return rc;
}

void lease_leave(int lock) {
    if (lock >= 0)
        close(lock);
}

void lease_book_close(struct lease_book *book) {
    for (size_t i = 0; i < book->count; i++)
        free(book->pages[i].name);
    free(book->pages);
    digest_set_close(&book->notes);
    *book = (struct lease_book){0};
}
