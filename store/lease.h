/*
 * Leases: lists of keys and objects that living engines use, so that gc keeps them.
 *
 *   leases/<owner>   the lease of an engine that holds (store_hold) or has put an object, locked by it with flock:
 *                    64 hex digits and a newline for each key it looked up, each object it put, and its run
 *   lease            locked shared while a note is written, exclusively while gc removes a few files
 *   leases/.gc       locked exclusively by gc; shared by fsck, and by an engine while it removes its lease
 *
 * An engine notes a key before it looks it up. For many look-ups it locks `lease` first and notes all keys before it
 * unlocks. It notes an object before it checks whether the store has it. gc reads the notes each time it has locked
 * `lease`, before it removes anything. So either the note came first and gc keeps the file, or gc came first and the
 * engine does not find it.
 *
 * An engine lives while the kernel holds its lock; no clock or pid is compared. While gc works no lease is removed: the
 * records of an engine that ends meanwhile may be younger than those that gc has read.
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

/* An engine's own lease; part of struct store, guarded by its lock. */
struct lease {
    char *path; /* NULL: nothing was noted yet */
    int fd;
    int lock_fd;   /* of `lease`; -1: not open yet */
    uint64_t size; /* bytes of whole notes */
    struct digest_set noted;
    bool holds;            /* notes keys that are looked up, too */
    bool batched;          /* `lease` is locked; keys are written before it is unlocked */
    struct buffer pending; /* notes of these keys */
};

/* Notes an object that is about to be put. Any thread. ERR_IO. */
int lease_object(struct store *s, const struct digest *d, struct error *err);

/* Notes a key that is about to be looked up, if this store holds. */
int lease_key(struct store *s, const struct digest *key, struct error *err);

/* Locks `lease` for many look-ups, and notes their keys together before it unlocks. Does nothing when this store
   does not hold. ERR_IO: no key is noted, and gc may remove what was found. */
int lease_batch_begin(struct store *s, struct error *err);
int lease_batch_end(struct store *s, struct error *err);

/* Notes the run that this store began. */
int lease_run(struct store *s, const char *run_id, struct error *err);

/* SHA-256 of a text: the name of a run or attempt in digest sets. */
struct digest lease_name(const char *text, size_t length);

/* Removes this engine's lease, unless gc works. */
void lease_close(struct store *s);

/* Removes leases of dead engines, unless gc works. */
int lease_sweep(struct store *s, struct error *err);

/* ---- for gc and fsck ---- */

/* Whether the engine of this owner (owner_format), on whatever host, has a lease; true where unknown. */
bool lease_is_held(const struct store *s, const char *owner_text);

/* Locks leases/.gc. ERR_BUSY, and -1 in `*out`, when another process holds it. The caller closes it. */
int lease_lock_gc(int *out, struct store *s, bool exclusive, struct error *err);

/* The notes of all leases, as far as they were read. `{0}` is empty. */
struct lease_book {
    struct digest_set notes;
    struct lease_page {
        char *name;
        uint64_t size; /* bytes read */
    } * pages;
    size_t count, capacity;
};

/* Removes leases of dead engines. Call with leases/.gc locked, before the records are read. */
int lease_remove_dead(struct store *s, struct error *err);

/* Locks `lease` exclusively and reads new notes. No engine can note anything until lease_leave. */
int lease_enter(int *out, struct lease_book *book, struct store *s, struct error *err);
void lease_leave(int lock);

/* Reads the notes without the lock: for a dry run. */
int lease_read(struct lease_book *book, struct store *s, struct error *err);
void lease_book_close(struct lease_book *book);

#endif
