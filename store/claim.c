/*
 * Claims: claims/<key> holds "<owner> <host name>\n" of the engine that works on the key. Claims are read and changed
 * under a short exclusive lock on claims/.lock, which the kernel releases when its holder dies. They are files, not
 * rows: they need no sync, since a claim never outlives its boot, and they survive a rebuild of the index.
 *
 * All claims of an engine have the same content. So a key that has no claim gets a hard link to one that the engine
 * holds. That needs no lock, as a link never replaces a file, and no new inode.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "store/internal.h"

enum { LOCK_TRIES = 10000, LOCK_WAIT_US = 1000, CLAIM_LIMIT = 4096 };
#define HEARTBEAT_NS UINT64_C(10000000000)
#define ELSEWHERE_DEAD_NS UINT64_C(60000000000)

static int lock_claims(int *out, const struct store *s, struct error *err) {
    char *path = layout_path(s, "claims", ".lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    int rc = fd < 0 ? error_errno(err, errno, "%s: cannot be opened", path) : 0;
    for (int tries = 0; rc == 0 && flock(fd, LOCK_EX | LOCK_NB) < 0; tries++) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            rc = error_errno(err, errno, "%s: cannot be locked", path);
        else if (tries == LOCK_TRIES)
            rc = error_set(err, ERR_BUSY, "%s: another engine held it for %d seconds", path,
                           LOCK_TRIES / (1000000 / LOCK_WAIT_US));
        else
            usleep(LOCK_WAIT_US);
    }
    free(path);
    if (rc < 0 && fd >= 0)
        close(fd);
    else
        *out = fd;
    return rc;
}

static char *claim_path(const struct store *s, const struct digest *key) {
    char hex[DIGEST_HEX_SIZE];
    digest_hex(hex, key);
    return layout_path(s, "claims", hex);
}

/* ---- the content of a claim ---- */

enum holder { HOLDER_NONE, HOLDER_US, HOLDER_DEAD, HOLDER_OTHER };

/* A claim of an engine on another host, as it was last read. */
struct foreign_claim {
    struct digest key;
    struct timespec touched;
    uint64_t since_ns; /* first seen with this time */
};

/* An engine on another host renews the time of its claims. This engine compares that time only with its earlier
   value, because the clocks of two machines differ. It measures here how long the time has not changed, without the
   time that this machine slept. */
static bool elsewhere_lives(struct store *s, const struct digest *key, const char *path) {
    struct stat st;
    struct foreign_claim *f = NULL;
    if (stat(path, &st) < 0)
        return errno != ENOENT; /* an unknown claim is not taken over */
    for (size_t i = 0; i < s->foreign_count && !f; i++)
        if (digest_equal(&s->foreign[i].key, key))
            f = &s->foreign[i];
    if (!f) {
        mem_grow(s->foreign, &s->foreign_capacity, s->foreign_count + 1);
        f = &s->foreign[s->foreign_count++];
        *f = (struct foreign_claim){.key = *key};
    }
    if (f->since_ns == 0 || memcmp(&f->touched, &st.st_mtim, sizeof f->touched) != 0) {
        f->touched = st.st_mtim;
        f->since_ns = clock_awake_ns();
    }
    return clock_awake_ns() - f->since_ns < ELSEWHERE_DEAD_NS;
}

/* Only another owner is looked up below /proc. */
static enum holder judge_owner(struct store *s, const struct owner *o, const struct digest *key, const char *path) {
    if (owner_equal(o, &s->owner))
        return HOLDER_US;
    enum owner_state state = owner_state(o, &s->owner);
    bool lives = state == OWNER_ALIVE || (state == OWNER_ELSEWHERE && elsewhere_lives(s, key, path));
    return lives ? HOLDER_OTHER : HOLDER_DEAD;
}

/* Reads the claim at `path`: the holder of its key. */
static int read_claim(enum holder *out, struct error *who, struct store *s, const struct digest *key, const char *path,
                      struct error *err) {
    struct buffer text = {0};
    struct error why = {0};
    struct owner o;
    size_t used = 0;
    int rc = file_read(&text, path, CLAIM_LIMIT, &why);
    if (rc == ERR_NOT_FOUND) {
        *out = HOLDER_NONE;
        rc = 0;
    } else if (rc < 0 && rc != ERR_INVALID) {
        rc = error_set(err, rc, "%s", why.message);
    } else if (rc < 0 || !owner_parse(&o, buffer_text(&text), &used) || text.data[used] != ' ' ||
               text.data[text.size - 1] != '\n') {
        *out = HOLDER_DEAD; /* cut off: its writer died */
        rc = 0;
    } else {
        text.data[text.size - 1] = '\0';
        error_set(who, ERR_BUSY, "process %lld on %s works on this", (long long)o.pid, text.data + used + 1);
        *out = judge_owner(s, &o, key, path);
    }
    buffer_close(&text);
    return rc;
}

/* 1: another engine has linked its claim there meanwhile. */
static int write_claim(struct store *s, const char *path, struct error *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return errno == EEXIST ? 1 : error_errno(err, errno, "%s: cannot be made", path);
    char *text = mem_printf("%s %s\n", s->owner_text, s->host_name);
    int rc = file_write_all(fd, text, strlen(text), path, err);
    free(text);
    if (rc < 0)
        unlink(path);
    if (s->claim_fd >= 0)
        close(s->claim_fd);
    s->claim_fd = fd;
    return rc;
}

/* Removes a dead owner's claim. It is not written over, since other claims may be links to it. */
static int remove_claim(const char *path, struct error *err) {
    return unlink(path) < 0 && errno != ENOENT ? error_errno(err, errno, "%s: cannot be removed", path) : 0;
}

/* Whether nobody had the key, and a link to the last claim that was written is its claim now. */
static bool link_claim(const struct store *s, const char *path) {
    char own[32];
    if (s->claim_fd < 0)
        return false;
    snprintf(own, sizeof own, "/proc/self/fd/%d", s->claim_fd);
    return linkat(AT_FDCWD, own, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0;
}

/* ---- ours ---- */

static void hold(struct store *s, const struct digest *key) {
    mem_grow(s->claims, &s->claim_capacity, s->claim_count + 1);
    s->claims[s->claim_count++] = *key;
}

static void drop(struct store *s, const struct digest *key) {
    for (size_t i = s->claim_count; i-- > 0;)
        if (digest_equal(&s->claims[i], key))
            s->claims[i] = s->claims[--s->claim_count];
}

void claim_heartbeat(struct store *s) {
    uint64_t now = clock_monotonic_ns();
    if (s->claim_count == 0 || now - s->heartbeat_ns < HEARTBEAT_NS)
        return;
    s->heartbeat_ns = now;
    for (size_t i = 0; i < s->claim_count; i++) {
        char *path = claim_path(s, &s->claims[i]);
        utimensat(AT_FDCWD, path, NULL, 0); /* a missing claim is noticed when it is released */
        free(path);
    }
}

static int refresh(struct store *s, void *context, struct error *err) {
    (void)context;
    return tail_refresh(s, err);
}

/* Takes a free key, or that of a dead owner. `*holder`: the owner before. 1: it was taken at the same moment. */
static int take_key(struct store *s, const struct digest *key, const char *path, enum holder *holder,
                    struct error *err) {
    struct error who = {0};
    int rc = read_claim(holder, &who, s, key, path, err);
    if (rc == 0 && *holder == HOLDER_OTHER)
        return error_set(err, ERR_BUSY, "%s", who.message);
    if (rc == 0 && *holder == HOLDER_DEAD)
        rc = remove_claim(path, err);
    return rc < 0 || *holder == HOLDER_US ? rc : write_claim(s, path, err);
}

/* For a key that has a claim, and for an engine that has none to link to. */
static int claim_locked(struct store *s, const struct digest *key, const char *path, enum holder *holder,
                        struct error *err) {
    int lock = -1;
    bool was_dead = false;
    int rc = lock_claims(&lock, s, err);
    if (rc < 0)
        return rc;
    do {
        rc = take_key(s, key, path, holder, err);
        was_dead |= *holder == HOLDER_DEAD;
    } while (rc > 0);
    close(lock);
    if (was_dead)
        *holder = HOLDER_DEAD;
    return rc;
}

int store_claim(struct store *s, const struct digest *key, struct error *err) {
    enum holder holder = HOLDER_NONE;
    claim_heartbeat(s);
    int rc = read_only_refuse(s, err);
    if (rc < 0)
        return rc;
    char *path = claim_path(s, key);
    rc = link_claim(s, path) ? 0 : claim_locked(s, key, path, &holder, err);
    free(path);
    if (rc < 0)
        return rc;
    if (holder != HOLDER_US)
        hold(s, key);
    /* The dead owner may have finished the key and died before the index had it. */
    return holder == HOLDER_DEAD ? index_retry(s, refresh, NULL, err) : 0;
}

/* Removes a claim if this is its holder. */
static int remove_claim_of(struct store *s, const struct digest *key, enum holder wanted, struct error *err) {
    enum holder holder = HOLDER_NONE;
    struct error who;
    int lock = -1;
    int rc = lock_claims(&lock, s, err);
    if (rc < 0)
        return rc;
    char *path = claim_path(s, key);
    rc = read_claim(&holder, &who, s, key, path, err);
    if (rc == 0 && holder == wanted)
        rc = remove_claim(path, err);
    close(lock);
    free(path);
    return rc;
}

int store_release(struct store *s, const struct digest *key, struct error *err) {
    int rc = remove_claim_of(s, key, HOLDER_US, err);
    if (rc == 0)
        drop(s, key);
    return rc;
}

bool claim_is_held(struct store *s, const struct digest *key) {
    enum holder holder = HOLDER_OTHER;
    struct error who;
    char *path = claim_path(s, key);
    int rc = read_claim(&holder, &who, s, key, path, NULL);
    free(path);
    return rc < 0 || holder == HOLDER_US || holder == HOLDER_OTHER;
}

int claim_remove_dead(struct store *s, const struct digest *key, struct error *err) {
    return remove_claim_of(s, key, HOLDER_DEAD, err);
}

void claim_release_all(struct store *s) {
    while (s->claim_count > 0) {
        struct digest key = s->claims[s->claim_count - 1];
        store_release(s, &key, NULL);
        drop(s, &key);
    }
    free(s->claims);
    free(s->foreign);
    if (s->claim_fd >= 0)
        close(s->claim_fd);
    s->claim_fd = -1;
    s->claims = NULL;
    s->foreign = NULL;
}
