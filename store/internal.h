/*
 * What the files of this folder share; nobody else includes it. A file calls only those above it:
 *
 *   layout.c      names of files and folders         notice.c       lines for people
 *   copy.c        bytes from file to file            owner.c        who is alive
 *   listing.c     directories as text                lock.c         whether locks hold at all
 *   object.c      one file below objects/            lease.c        what living engines use
 *   whole.c       an object with its files           remove.c       what several engines remove at once
 *   tree.c        a folder into a listing            document.c     the files of runs/ and attempts/
 *   sync.c        the names below objects/           record_row.c, known_row.c   from a record's tree
 *   index.c       state.db                           segment.c      lines of records on disk
 *   tail.c        segments into the index            rebuild.c      an index that was damaged
 *   put.c         content into objects/              materialise.c  objects out to a path
 *   file_memory.c digests of the project's files     claim.c        who works on a key
 *   session.c     many look-ups in a row             find.c, known.c  records found
 *   record.c      add, commit                        run.c, attempts.c
 *   sweep.c       what the dead left                 open.c         the store as a whole
 *   gc*.c         what nothing needs any more        fsck.c         all of it checked
 */
#ifndef RETORT_STORE_INTERNAL_H
#define RETORT_STORE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "engine/base/buffer.h"
#include "engine/base/clock.h"
#include "store/digest_set.h"
#include "store/lease.h"
#include "store/owner.h"
#include "store/store.h"

/* ---- the store ---- */

enum { STORE_FORMAT = 1, DIRECTORY_WORDS = 4, SEGMENT_CACHE = 32 };

/* One prepared statement each; their SQL stands in index.c. */
enum statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_SEGMENTS,
    SQL_SEGMENT_GET,
    SQL_SEGMENT_ADD,
    SQL_SEGMENT_SET,
    SQL_SEGMENT_DROP,
    SQL_SEGMENT_ROWS_DROP,
    SQL_NEWEST,
    SQL_RECORD_ADD,
    SQL_RECORD_AT,
    SQL_RECORD_COUNT,
    SQL_RECORD_FIND,
    SQL_RECORD_KNOWN,
    SQL_RECORD_BY_STAGE,
    SQL_RECORD_BY_DECLARED,
    SQL_RECORD_BY_KIND,
    SQL_FILE_GET,
    SQL_FILE_SET,
    STATEMENT_COUNT
};

struct index {
    char *path;
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    bool broken; /* the last failure says that the database itself is damaged or was replaced: see index_retry */
};

/* The segment that this store appends to. */
struct writer {
    int fd; /* -1: the next commit begins a segment */
    char *name;
    unsigned serial; /* segments of this run so far */
    int64_t newest;  /* append time of the last record */
};

/* Where what was last found by store_known_find stands. */
struct known_memory {
    struct buffer text;
    struct known_out *outs;
    size_t capacity;
};

/* Between store_read_begin and store_read_end. */
struct session {
    bool open;
    bool held; /* `lease` and the index are locked, since: */
    uint64_t since_ns;
    unsigned count;            /* look-ups since then */
    unsigned repaired;         /* rows of the index */
    struct digest_set present; /* objects that were found to be there */
    int rc;                    /* of the first pause that failed */
    struct error error;
};

struct remembered_file; /* file_memory.c */
struct foreign_claim;   /* claim.c */

struct store {
    char *directory;
    struct owner owner;
    char owner_text[OWNER_TEXT_SIZE];
    char host_name[65];
    int objects_fd;
    int actions_fd;
    struct index index;
    struct session session;
    struct known_memory known;
    struct sha256 *hash; /* for rows of the index, one after the other */

    struct writer writer;
    char **queue; /* canonical JSON of records not yet durable */
    size_t queue_count, queue_capacity;

    struct segment_file {
        char *name;
        int fd;
    } segments[SEGMENT_CACHE]; /* open for reading */
    unsigned next_segment;

    char *run_id; /* NULL until a run, or a commit without one, began */
    double run_began_s;
    cJSON *run_head;

    struct digest *claims;
    size_t claim_count, claim_capacity;
    uint64_t heartbeat_ns;
    struct foreign_claim *foreign; /* of engines that cannot be seen from here: claim.c */
    size_t foreign_count, foreign_capacity;

    uint64_t lost_segments; /* that the index knew, and that were gone or had lost their ends */

    struct remembered_file *files; /* seen since they were last written to the index */
    size_t file_count, file_capacity;

    pthread_mutex_t lock; /* guards what follows: worker threads put, check and materialise */
    struct lease lease;
    uint64_t dirty[DIRECTORY_WORDS]; /* bit 0xab: objects/ab has names that are not synced */
    struct digest_set checked;       /* objects that this process has hashed, or stored itself */
    char **notices;
    size_t notice_count, notice_capacity;
    atomic_uint temporaries;
    atomic_bool no_reflink;
};

/* ---- notice.c ---- */

/* Queues a line for store_notices. */
void notice(struct store *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- layout.c ---- */

char *layout_path(const struct store *s, const char *folder, const char *name);

/* The one place that knows where the index lives. */
char *layout_database(const char *directory);

/* A name that may be a file name: '/', '%' and control characters, and a leading '.', become %XX. The caller frees. */
char *layout_encode(const char *name);

/* A path for a temporary file of this process, below objects/tmp/. The caller frees. */
char *layout_temporary(struct store *s);

/* A UTC time as ids begin with it: "20261121T200729123Z". */
void layout_time(char text[CLOCK_TEXT_SIZE], double wall_s);

/* A UTC time, given in seconds since 1970, and a random tail. The caller frees. */
char *layout_new_id(double wall_s);

/* ---- object.c ---- */

/* Seconds since 1970 that every object carries as its modification time, 2000-01-01T00:00:00Z: one that shows another
   time was written to, or copied, and is hashed again. Not 0: zip archives know no time before 1980. */
enum { OBJECT_MTIME = 946684800, OBJECT_NAME_SIZE = 66 };

/* "ab/cdef...", below objects/. */
void object_name(char name[OBJECT_NAME_SIZE], const struct digest *d);

/* Hashes an open file; `listing`: as a directory's listing. */
int object_hash(struct digest *out, uint64_t *size, int fd, bool listing, const char *path, struct error *err);

/* Sets read-only mode, executable bit and modification time of an open file and syncs it. */
int object_seal(int fd, bool executable, const char *path, struct error *err);

/* Moves objects/ab/cdef... to objects/damaged/abcdef... */
int object_set_aside(struct store *s, const struct digest *d, struct error *err);

/* The stored file's stat. ERR_NOT_FOUND: there is none, or something that is no file; ERR_IO: it cannot be told. */
int object_stat(const struct store *s, const struct digest *d, struct stat *st, struct error *err);

/* Notes that this process has hashed the stored file. */
void object_set_checked(struct store *s, const struct digest *d);

/* Hashes one stored file: ERR_NOT_FOUND; ERR_CORRUPT after it was set aside. */
int object_examine(struct store *s, const struct digest *d, bool listing, struct error *err);

/* One stored file: there, of the right size (unless `any_size`), and not written to. One that was is hashed, and
   mended or set aside. ERR_NOT_FOUND, ERR_CORRUPT after it was set aside, ERR_IO. */
int object_present(struct store *s, const struct digest *d, uint64_t size, bool any_size, bool listing,
                   struct error *err);

/* One stored file: hashed, unless it is sound by its stat and was hashed by this process before; `always`: in any case.
   ERR_NOT_FOUND; ERR_CORRUPT after it was set aside. */
int object_check_file(struct store *s, const struct digest *d, bool listing, bool always, struct error *err);

/* ---- whole.c ---- */

struct listing;

/* Reads, hashes and parses the listing of a directory object. ERR_NOT_FOUND; ERR_CORRUPT. */
int listing_load(struct listing *out, struct store *s, const struct digest *d, struct error *err);

/* ---- listing.c, tree.c ---- */

struct listing_entry {
    char *path; /* below the directory, with "/" */
    struct digest digest;
    uint64_t size;
    bool directory; /* an empty one: others follow from the paths */
    bool executable;
};

struct listing {
    struct listing_entry *entries;
    size_t count, capacity;
    uint64_t size; /* sum of the files */
};

void listing_close(struct listing *l);

/* Sorts by path and appends the text that is stored. */
void listing_write(struct buffer *out, struct listing *l);

/* ERR_CORRUPT for anything that listing_write would not have written, or a path that leaves the directory. */
int listing_parse(struct listing *out, const char *text, size_t size, struct error *err);

/* A new entry, all zero; stays the listing's until the next is added. */
struct listing_entry *listing_add(struct listing *l);

/* Whether a name can stand in a listing: it is UTF-8. */
bool listing_takes(const char *name);

void listing_digest(struct digest *out, const void *text, size_t size);

/* Whether stored bytes can be a listing at all. */
bool listing_begins(const char *text, size_t size);

/* Lists a directory; `file` says what each regular file is, whose stat is given. Links, devices, sockets and names that are not UTF-8 are
   refused. `follow`: the directory itself may be reached through a link. */
typedef int tree_file(void *context, const char *path, const struct stat *st, struct object *out, struct error *err);
int tree_walk(struct listing *out, int at, const char *directory, bool follow, tree_file *file, void *context,
              struct error *err);

/* ---- copy.c ---- */

/* Copies all bytes, hashing them on the way unless `h` is NULL. */
int copy_bytes(int to, int from, struct sha256 *h, uint64_t *size, const char *to_path, const char *from_path,
               struct error *err);

/* Renames to a name that is not there yet: -1 and EEXIST when it is. */
int rename_new(int to_fd, const char *to, int from_fd, const char *from);

/* Shares the blocks of another file; false where the file system cannot. */
bool clone_file(struct store *s, int to, int from);

/* ---- sync.c ---- */

/* Notes that the object's name may not be synced yet. */
void objects_mark(struct store *s, const struct digest *d);

/* Makes the names under objects/ durable. */
int objects_sync(struct store *s, struct error *err);

/* ---- index.c ---- */

/* Opens the database file, as it is; makes one where there is none. */
int index_connect(struct store *s, struct error *err);
void index_close(struct index *index);

/* Makes the schema where there is none. ERR_CORRUPT for another one than ours. */
int index_check_schema(struct store *s, struct error *err);

/* Empties the database in place (under SQLite's own locks, so that other engines are safe) after copying it to
   state.db.damaged, and makes the schema anew. */
int index_reset(struct store *s, struct error *err);

/* Prepared once, reset, unbound; stays the store's. */
int index_statement(sqlite3_stmt **out, struct store *s, enum statement which, struct error *err);

/* Steps a statement that gives no rows, and resets it. */
int index_step(struct store *s, sqlite3_stmt *statement, struct error *err);

/* The error of the last SQLite call; notes whether the database is broken. */
int index_error(struct store *s, struct error *err);

/* Around several reads: the database is locked for reading once. A write ends it too. */
void index_read_begin(struct store *s);
void index_read_end(struct store *s);

int index_begin(struct store *s, struct error *err);  /* BEGIN IMMEDIATE */
int index_commit(struct store *s, struct error *err); /* rolls back when it fails */
void index_rollback(struct store *s);

/* `PRAGMA integrity_check`, and whether the schema is ours: ERR_CORRUPT with the first finding. */
int index_check(struct store *s, struct error *err);

/* ---- rebuild.c ---- */

/* Connects, and indexes what is new in the segments; rebuilds a damaged index. */
int index_open(struct store *s, struct error *err);

/* Runs `operation`; when the database turns out damaged or replaced, rebuilds it from the records and runs it again. */
int index_retry(struct store *s, int (*operation)(struct store *s, void *context, struct error *err), void *context,
                struct error *err);

/* Everything from the records, after `index_reset`. */
int index_rebuild(struct store *s, const char *why, struct error *err);

/* ---- segment.c ---- */

/* Appends "<sha256> <time> <json>\n". */
void segment_line(struct buffer *out, int64_t at, const char *json);

/* Appends lines to this store's segment and syncs it; after a failure the segment is left behind for a new one. */
int segment_append(struct store *s, const struct buffer *lines, struct error *err);

/* Appends nothing more to the present segment: the next record begins a new one. */
void segment_leave(struct store *s);

/* Opens for reading, from a small cache; the descriptor stays the store's. */
int segment_open(struct store *s, const char *name, struct error *err);

/* The record at a place. ERR_CORRUPT when the line is damaged. The caller deletes it. */
int segment_read(struct store *s, const char *name, int64_t offset, int64_t length, cJSON **out, struct error *err);

/* Names of all segments, sorted. The caller frees each and the array. */
int segment_names(const struct store *s, char ***out, size_t *count, struct error *err);

/* Calls `visit` for each complete line from `offset` up to the file's `size`, in file order, until about `limit` bytes
   are done; `*end` is where the next unread line begins. A last line without its newline is not given. A record that has
   lost but the newline before it is given as a line of its own, after the damaged bytes that run into it. */
struct segment_span {
    int64_t offset;
    int64_t length; /* with the newline, where it has one */
    int64_t at;
    const char *json; /* NULL: the line is damaged */
    size_t json_length;
};
typedef int segment_visit(void *context, const struct segment_span *span, struct error *err);
int segment_scan(struct store *s, const char *name, int64_t offset, int64_t size, int64_t limit, int64_t *end,
                 segment_visit *visit, void *context, struct error *err);

/* The same of an open file. */
int segment_scan_fd(int fd, const char *path, int64_t offset, int64_t size, int64_t limit, int64_t *end,
                    segment_visit *visit, void *context, struct error *err);

/* ---- record_row.c ---- */

/* What the index holds of a record; the texts point into its tree. */
struct record_row {
    const cJSON *record;
    struct digest key;
    const char *stage, *kind, *platform; /* kind NULL: a command */
    double wall_s;                       /* NAN: not said */
};

/* ERR_INVALID when it is no record. */
int record_row_read(struct record_row *row, const cJSON *tree, struct error *err);

/* The same from text; the caller deletes the tree. */
int record_row_parse(struct record_row *row, cJSON **tree, const char *json, size_t length, struct error *err);

/* How much of an instance's name is that of its stage: "scratch[size=7]". */
int record_declared_length(const char *stage);

/* Calls `visit` (may be NULL: only checks) for each out of a record until one says no. ERR_INVALID when they are not
   outs. */
typedef int record_visit(void *context, const char *name, const struct object *o, struct error *err);
int record_outs(const cJSON *record, record_visit *visit, void *context, struct error *err);

/* store_object_require for each out. */
int record_require(struct store *s, const cJSON *record, struct error *err);

/* ---- known_row.c ---- */

enum { MOST_KNOWN_BYTES = 1 << 16 }; /* in the index */

struct known_guard {
    unsigned char bytes[16];
};

/* Replaces `out` by what the index holds of a record's outs and metrics. ERR_INVALID when they are none. */
int known_write(struct buffer *out, const cJSON *record, struct error *err);

/* Reads that into `m`, which the record points into. False: it is not what known_write wrote. */
bool known_read(struct known_record *out, struct known_memory *m, const void *known, size_t size);

/* What tells that a row is damaged. `h` is as it was made, before and after. */
void known_guard(struct known_guard *out, struct sha256 *h, const struct digest *key, int64_t at, const char *platform,
                 const void *known, size_t size);

void known_memory_close(struct known_memory *m);

/* ---- session.c ---- */

/* Before each look-up: takes the locks of a session that has none, and takes them anew when they were held for long. */
int session_enter(struct store *s, struct error *err);

/* Gives the locks back until the next look-up: before anything that takes long. */
void session_pause(struct store *s);

/* Objects that were found to be there are not looked at again in one session. */
bool session_has_seen(const struct store *s, const struct digest *d);
void session_see(struct store *s, const struct digest *d);

/* ---- find.c ---- */

struct place {
    char *segment;
    int64_t offset, length;
};

/* store_record_find; `where` (may be NULL): the caller frees its segment. */
int record_find(struct store *s, const struct digest *key, const char *platform, cJSON **out, struct place *where,
                struct error *err);

/* ERR_NOT_FOUND */
int record_missing(const struct digest *key, struct error *err);

/* ---- tail.c ---- */

/* What the index knows of a segment; zeros when nothing. */
int tail_known(struct store *s, const char *name, int64_t *id, int64_t *indexed, uint64_t *rows, struct error *err);

/* Indexes what other engines, or this one before it was killed, appended and did not index. */
int tail_refresh(struct store *s, struct error *err);

/* The same for one segment. */
int tail_index(struct store *s, const char *name, struct error *err);

/* Forgets a segment's rows; `*known`: there were some, or could have been. */
int tail_forget(struct store *s, const char *name, bool *known, struct error *err);

/* Forgets a segment's rows and reads them anew. */
int tail_reindex(struct store *s, const char *name, struct error *err);

/* Writes the row of one record anew. */
int tail_repair(struct store *s, const char *name, int64_t offset, int64_t length, struct error *err);

/* Whether the index has exactly this row. */
int tail_has_row(struct store *s, int64_t segment, const struct segment_span *span, const struct record_row *row,
                 bool *has, struct error *err);

/* ---- document.c, run.c: the files of runs/ (whose `member` is "id") and attempts/ ("attempt") ---- */

/* Stands behind the name of one that fsck found damaged. */
#define DOCUMENT_ASIDE ".damaged"

/* Whether a name in one of these folders is that of such a file. */
bool document_is(const char *name);

/* ERR_NOT_FOUND; ERR_CORRUPT with the mend; ERR_IO. The caller deletes. */
int document_read(cJSON **out, const char *path, const char *member, struct error *err);

/* Reads it, and sets a damaged one aside: ERR_CORRUPT then, and the message says so. ERR_NOT_FOUND; ERR_IO. */
int document_examine(const char *path, const char *member, struct error *err);

/* Ids of runs whose files were set aside. The caller frees each and the array, also when this fails. */
int run_list_damaged(struct store *s, char ***ids, size_t *count, struct error *err);

/* ---- sweep.c ---- */

/* Whether a name below work/ or objects/tmp/ is that of an engine that died; one that cannot be seen from here is left
   alone: its own host sweeps. */
bool sweep_work_is_dead(const struct store *s, const char *name);
bool sweep_temporary_is_dead(const struct store *s, const char *name);

/* ---- remove.c ---- */

/* Removes a file or tree that several engines may want to remove at once: it is first moved to work/ under our name, which
   only one of them can do. What stays of it there, since another user's folders hold it, a notice names. */
int remove_once(struct store *s, const char *path, struct error *err);

/* The same for what the dead left in work/ and objects/tmp/. What cannot be removed (a container wrote it as another user)
   keeps nobody from working: a notice names it. */
void remove_left(struct store *s, const char *path);

/* ---- claim.c, file_memory.c ---- */

/* Shows engines on other hosts that this one lives; costs nothing within ten seconds of the last time. */
void claim_heartbeat(struct store *s);
void claim_release_all(struct store *s);

/* Whether an engine that lives, this one included, works on a key. */
bool claim_is_held(struct store *s, const struct digest *key);

/* Removes a claim whose owner is dead. Only for keys that are known: taking over one of another key says to look for what
   its owner may have finished. */
int claim_remove_dead(struct store *s, const struct digest *key, struct error *err);

void file_memory_close(struct store *s);

#endif
