/*
 * What living engines use, so that gc takes nothing from under them.
 *
 *   leases/<owner>   of an engine that holds (store_hold), or has put an object: 64 hex digits and a newline for each
 *                    key it looked up, each object it took in, and its run; flock(LOCK_EX) for as long as it lives
 *   lease            taken shared for as long as it takes to note one, exclusively by gc while it takes a few away
 *   leases/.gc       held exclusively by gc, shared by fsck, and by an engine while it removes its lease
 *
 * An engine notes a key before it looks it up, or locks `lease` before it looks up many and notes them before it unlocks
 * it; it notes an object before it looks whether the store has it. gc reads the
 * notes each time it has the lease, before it takes anything away. So either the note came first and gc leaves alone
 * what it names, or gc came first and the engine does not find it. Liveness is the kernel's lock, which ends with its
 * process: no clock, no pid. While gc works no lease is removed: what an engine noted counts even when the engine ends
 * meanwhile, since its records may be younger than what gc has read.
 */
#ifndef RETORT_STORE_LEASE_H
#define RETORT_STORE_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/base/error.h"
#include "engine/base/sha256.h"
#include "store/digest_set.h"

struct store;

/* An engine's own; part of struct store, guarded by its lock. */
struct lease {
    char *path; /* NULL: nothing was noted yet */
    int fd;
    int lock_fd;   /* of `lease`; -1: not open yet */
    uint64_t size; /* bytes of whole notes */
    struct digest_set noted;
    bool holds;            /* keys that are looked up are noted too */
    bool batched;          /* `lease` is locked, and keys are written before that ends */
    struct buffer pending; /* notes of these keys */
};

/* Notes an object that is about to be taken in; any thread. ERR_IO. */
int lease_object(struct store *s, const struct digest *d, struct error *err);

/* Notes a key that is about to be looked up, when this store holds. */
int lease_key(struct store *s, const struct digest *key, struct error *err);

/* Locks `lease` for many look-ups: their keys are noted all at once, before it is unlocked. Nothing when this store does
   not hold. ERR_IO: none of them is noted, and what was found may go. */
int lease_batch_begin(struct store *s, struct error *err);
int lease_batch_end(struct store *s, struct error *err);

/* Notes the run that this store began. */
int lease_run(struct store *s, const char *run_id, struct error *err);

/* SHA-256 of a text, as runs and attempts are named in sets. */
struct digest lease_name(const char *text, size_t length);

/* Removes the lease, unless gc is at work. */
void lease_close(struct store *s);

/* Removes the leases of the dead, unless gc is at work. */
int lease_sweep(struct store *s, struct error *err);

/* ---- for gc and fsck ---- */

/* Whether the engine of this owner (owner_format) has a lease, on whatever host; true where that cannot be told. */
bool lease_is_held(const struct store *s, const char *owner_text);

/* leases/.gc: -1 in `*out` and ERR_BUSY when it is held otherwise. The caller closes it. */
int lease_lock_gc(int *out, struct store *s, bool exclusive, struct error *err);

/* What all leases say, as far as they were read. `{0}` is nothing. */
struct lease_book {
    struct digest_set notes;
    struct lease_page {
        char *name;
        uint64_t size; /* bytes read */
    } * pages;
    size_t count, capacity;
};

/* Removes the leases of the dead; to be called when leases/.gc is held, before the records are read. */
int lease_remove_dead(struct store *s, struct error *err);

/* Takes `lease` exclusively and reads what was noted since the last time: until lease_leave nobody notes anything. */
int lease_enter(int *out, struct lease_book *book, struct store *s, struct error *err);
void lease_leave(int lock);

/* Reads without keeping anybody waiting: for a dry run. */
int lease_read(struct lease_book *book, struct store *s, struct error *err);
void lease_book_close(struct lease_book *book);

#endif
