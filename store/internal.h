/*
 * Types and functions that the files of this folder share. No other folder includes it. A file calls only those above
 * it:
 *
 *   layout.c      names of files and folders         notice.c       lines for people
 *   format.c      the number of the format
 *   copy.c        bytes from file to file            owner.c        which engines live
 *   read_only.c   stores that cannot be written     failed.c       directories of failed attempts
 *   side_by_side.c  work on several threads
 *   listing.c, listing_links.c  directories as text  lock.c         whether locks of the file system hold
 *   object.c      one file below objects/            lease.c        what living engines use
 *   whole.c       an object with its files           remove.c       removal by several engines at once
 *   tree.c        a folder into a listing            document.c     the files of runs/ and attempts/
 *   input.c       files and folders of the project
 *   sync.c        the names below objects/           record_row.c, known_row.c   from a record's tree
 *   index.c       state.db                           segment.c      lines of records on disk
 *   withdrawal.c  records that count no longer
 *   tail.c        segments into the index            rebuild.c      repair of a damaged index
 *   put.c         content into objects/              materialise.c  objects out to a path
 *   file_memory.c, file_rows.c  digests of files     claim.c        the engine that works on a key
 *   session.c, read.c  many look-ups in a row           find.c, known.c, known_rows.c  look-ups of records
 *   record.c      add                                commit.c       groups of records
 *   run_documents.c, attempts.c
 *   sweep.c       files of dead engines              open.c         the store as a whole
 *   gc*.c         removal of garbage                 fsck.c         checks of everything
 */
#ifndef RETORT_STORE_INTERNAL_H
#define RETORT_STORE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "engine/base/buffer.h"
#include "engine/base/bytemap.h"
#include "engine/base/clock.h"
#include "store/digest_set.h"
#include "store/file_rows.h"
#include "store/known_rows.h"
#include "store/lease.h"
#include "store/listing.h"
#include "store/owner.h"
#include "store/record_row.h"
#include "store/segment.h"
#include "store/store.h"
#include "store/withdrawal.h"

/* ---- the store ---- */

enum { DIRECTORY_WORDS = 4, SEGMENT_CACHE = 32 };

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
    SQL_RECORD_SCAN,
    SQL_RECORD_LAST,
    SQL_RECORD_BY_STAGE,
    SQL_RECORD_BY_DECLARED,
    SQL_RECORD_BY_KIND,
    SQL_RECORD_OF_STAGE,
    SQL_RECORD_OF_DECLARED,
    SQL_RECORD_OF_KIND,
    SQL_RECORD_ROWS,
    SQL_RECORD_DROP,
    SQL_WITHDRAWN_ADD,
    SQL_WITHDRAWN_AT,
    SQL_WITHDRAWN_FIND,
    SQL_WITHDRAWN_RUNS,
    SQL_WITHDRAWN_ALONE,
    SQL_WITHDRAWN_DROP,
    SQL_SEGMENTS_REREAD,
    SQL_FILE_GET,
    SQL_FILE_SCAN,
    SQL_FILE_SET,
    STATEMENT_COUNT
};

struct index {
    char *path;
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    bool in_memory; /* filled from the segments at each start, because the file cannot be written */
    bool broken;    /* the last failure means that the database is damaged or was replaced: see index_retry */
};

/* The segment that this store appends to. */
struct writer {
    int fd; /* -1: the next commit begins a segment */
    char *name;
    bool named;      /* its name is durable */
    bool busy;       /* a group is being written: only store_group_write uses the segment */
    unsigned serial; /* segments of this run so far */
    int64_t newest;  /* append time of the last record */
};

/* A record, or a withdrawal, that waits for its group, or for its row in the index. */
struct coming_record {
    char *json;            /* canonical; NULL once it is durable */
    bool readable;         /* the strict reader takes it */
    struct record_row row; /* its texts stand in `texts` */
    char *texts;
    struct buffer known; /* as of known_write */
    bool foreign;        /* a record from elsewhere */
    bool withdraws;      /* it is this withdrawal, and has no row of a record */
    struct withdrawal withdrawal;
    int64_t at, offset, length;
};

struct coming_records {
    struct coming_record *items;
    size_t count, capacity;
};

/* Durable records that the index does not have yet. */
struct unindexed {
    char *segment;
    struct coming_records records;
    bool reread; /* not all of them are in `records`: the segments are read */
};

/* Between store_read_begin and store_read_end. */
struct session {
    bool open;
    bool held; /* `lease` and the index are locked: */
    uint64_t since_ns;
    unsigned count;            /* look-ups since then */
    unsigned repaired;         /* rows of the index */
    struct digest_set present; /* objects that are known to be there */
    struct known_rows rows;
    struct file_rows files;
    int rc; /* of the first pause that failed */
    struct error error;
};

struct remembered_file; /* file_memory.c */
struct foreign_claim;   /* claim.c */

/* The folder of the last input that was examined, without a final "/". Its owner frees the name and closes the fd. */
struct input_way {
    char *folder;   /* NULL: none was */
    bool outside;   /* a link leads it out of the project */
    int project_fd; /* the project's folder; -1: paths are looked up in full */
};

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
    struct coming_records queue; /* not yet durable, nor in a group */
    struct unindexed unindexed;

    struct segment_file {
        char *name;
        int fd;
    } segments[SEGMENT_CACHE]; /* open for reading */
    unsigned next_segment;

    char *run_id; /* NULL until a run, or a commit without one, began */
    double run_began_s;
    cJSON *run_head;

    int claim_fd; /* the last claim that was written; -1: none */
    struct digest *claims;
    size_t claim_count, claim_capacity;
    uint64_t heartbeat_ns;
    struct foreign_claim *foreign; /* of engines that cannot be seen from here: claim.c */
    size_t foreign_count, foreign_capacity;

    uint64_t lost_segments; /* that the index knew, and that were gone or had lost their ends */

    struct remembered_file *files; /* hashed, and not yet written to the index */
    size_t file_count, file_capacity;
    struct bytemap hashed; /* path -> struct file_hash, for one question each */

    pthread_mutex_t lock; /* guards the members below: worker threads put, check and materialise */
    struct lease lease;
    uint64_t dirty[DIRECTORY_WORDS]; /* bit 0xab: objects/ab has names that are not synced */
    struct digest_set checked;       /* objects that this process has hashed, or stored itself */
    char **notices;
    size_t notice_count, notice_capacity;
    atomic_uint temporaries;
    struct input_rules rules;
    struct input_way way;
    struct bytemap told; /* lines about links, each noted once; owns them */
    atomic_bool no_reflink;
    atomic_bool read_only; /* read_only.c */
};

/* ---- notice.c ---- */

/* Queues a line for store_notices. */
void notice(struct store *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- read_only.c ---- */

/* Whether this store cannot be written. `rc` is the result of a write: when it failed, the reason is looked for, and
   a notice names it. From then on nothing is noted and no run is recorded. Not with the store's lock held. */
bool read_only_since(struct store *s, int rc);

/* ERR_IO, with the mend, where read_only_since said so. */
int read_only_refuse(const struct store *s, struct error *err);

/* ---- format.c ---- */

/* The number that a new store has, those of the first ones with withdrawals and with foreign records, and the newest that
   this engine reads. */
enum { FORMAT_FIRST = 1, FORMAT_WITHDRAWALS = 2, FORMAT_FOREIGN = 3, FORMAT_NEWEST = 3 };

/* ERR_NOT_FOUND when there is no format file. */
int format_check(const char *directory, struct error *err);
int format_create(const char *directory, struct error *err);

/* Raises the number, unless it is as high; durable on return. Older engines then refuse the store. */
int format_raise(const char *directory, int number, struct error *err);

/* ---- layout.c ---- */

/* "<store>/<folder>/<name>". The caller frees. */
char *layout_path(const struct store *s, const char *folder, const char *name);

/* The path of state.db. The caller frees. */
char *layout_database(const char *directory);

/* An attempt's name as a file name: '/', '%', control characters and a leading '.' become %XX. The caller frees. */
char *layout_encode(const char *name);

/* A path for a temporary file of this process, below objects/tmp/. The caller frees. */
char *layout_temporary(struct store *s);

/* Visits the entries of "<store>/<folder>", with their paths. A missing folder has none. */
typedef int layout_visit(void *context, const char *path, const char *name, struct error *err);
int layout_each(const struct store *s, const char *folder, layout_visit *visit, void *context, struct error *err);

/* Lists the names in a folder that end with `ending` and do not begin with a dot, sorted. */
int layout_list(struct texts *out, const struct store *s, const char *folder, const char *ending, struct error *err);

/* A UTC time as at the beginning of ids: "20261121T200729123Z". */
void layout_time(char text[CLOCK_TEXT_SIZE], double wall_s);

/* A UTC time, given in seconds since 1970, and a random tail. The caller frees. */
char *layout_new_id(double wall_s);

/* ---- object.c ---- */

/* The modification time of every object in seconds since 1970: 2000-01-01T00:00:00Z. An object with another time was
   written to or copied, and is hashed again. It is not 0 because zip archives know no time before 1980. */
enum { OBJECT_MTIME = 946684800, OBJECT_NAME_SIZE = 66 };

/* "ab/cdef...", below objects/. */
void object_name(char name[OBJECT_NAME_SIZE], const struct digest *d);

/* Visits all objects and the other entries of their folders. `d` is NULL for a name that no object has. */
typedef int object_visit(void *context, const struct digest *d, const char *path, struct error *err);
int object_each(const struct store *s, object_visit *visit, void *context, struct error *err);

/* Hashes an open file; `listing`: as a directory's listing. ERR_INTERRUPTED once `*stop` is true; NULL: never. */
int object_hash(struct digest *out, uint64_t *size, int fd, bool listing, const atomic_bool *stop, const char *path,
                struct error *err);

/* Sets mode and modification time of an open file, and syncs it. */
int object_seal(int fd, bool executable, const char *path, struct error *err);

/* Moves objects/ab/cdef... to objects/damaged/abcdef... */
int object_set_aside(struct store *s, const struct digest *d, struct error *err);

/* The stat of a stored file. ERR_NOT_FOUND: there is none, or it is no file. ERR_IO: unknown. */
int object_stat(const struct store *s, const struct digest *d, struct stat *st, struct error *err);

/* Notes that this process has hashed the stored file. */
void object_set_checked(struct store *s, const struct digest *d);

/* Hashes one stored file: ERR_NOT_FOUND; ERR_CORRUPT after it was set aside. */
int object_examine(struct store *s, const struct digest *d, bool listing, struct error *err);

/* Checks that a stored file is there, has the right size (unless `any_size`) and was not written to. One that was
   written to is hashed, then mended or set aside. ERR_NOT_FOUND; ERR_CORRUPT after it was set aside; ERR_IO. */
int object_present(struct store *s, const struct digest *d, uint64_t size, bool any_size, bool listing,
                   struct error *err);

/* Hashes a stored file, unless its stat is sound and this process has hashed it before. `always`: hashes it in any
   case. ERR_NOT_FOUND; ERR_CORRUPT after it was set aside. */
int object_check_file(struct store *s, const struct digest *d, bool listing, bool always, struct error *err);

/* ---- whole.c ---- */

/* Reads, hashes and parses the listing of a directory object. ERR_NOT_FOUND; ERR_CORRUPT. */
int listing_load(struct listing *out, struct store *s, const struct digest *d, struct error *err);

/* The listing of a folder in a stored folder. `*found`: the object of a file, else only that it is a directory.
   ERR_INVALID: there is none. */
int listing_load_part(struct listing *out, struct store *s, const struct digest *whole, const char *part,
                      struct object *found, struct error *err);

/* ---- input.c ---- */

/* Examines an input, links followed. ERR_NOT_FOUND; ERR_INVALID: it is neither file nor folder; ERR_IO. */
int input_examine(struct stat *st, const char *path, const struct input_rules *rules, struct input_way *way,
                  struct error *err);

/* Lists a folder. `file` as for tree_walk. */
int input_folder(struct object *out, const char *path, const struct input_rules *rules, tree_file *file, void *context,
                 struct error *err);

/* ---- copy.c ---- */

/* Copies all bytes, hashing them on the way unless `h` is NULL. ERR_INTERRUPTED once `*stop` is set (NULL: never). */
int copy_bytes(int to, int from, struct sha256 *h, uint64_t *size, const atomic_bool *stop, const char *to_path,
               const char *from_path, struct error *err);

/* Renames, but never replaces: -1 and EEXIST when the name exists. */
int rename_new(int to_fd, const char *to, int from_fd, const char *from);

/* Shares the blocks of another file; false where the file system cannot. */
bool clone_file(struct store *s, int to, int from);

/* ---- sync.c ---- */

/* Notes that the object's name may not be synced yet. */
void objects_mark(struct store *s, const struct digest *d);

/* Makes the names under objects/ durable. */
int objects_sync(struct store *s, struct error *err);

/* ---- index.c ---- */

/* Opens the database file, and makes it where there is none. */
int index_connect(struct store *s, struct error *err);
void index_close(struct index *index);

/* Makes the schema where there is none. ERR_CORRUPT for a foreign schema. */
int index_check_schema(struct store *s, struct error *err);

/* Copies the database to state.db.damaged, empties it in place and makes the schema anew. SQLite's own locks keep
   other engines safe. */
int index_reset(struct store *s, struct error *err);

/* A prepared statement, reset and without bindings. The store owns it. */
int index_statement(sqlite3_stmt **out, struct store *s, enum statement which, struct error *err);

/* Steps a statement that gives no rows, and resets it. */
int index_step(struct store *s, sqlite3_stmt *statement, struct error *err);

/* Reads a column that holds a digest. False: it holds something else. */
bool index_digest(struct digest *out, sqlite3_stmt *q, int column);

/* The error of the last SQLite call; notes whether the database is broken. */
int index_error(struct store *s, struct error *err);

/* Brackets several reads, which lock the database once. A write ends the bracket too. */
void index_read_begin(struct store *s);
void index_read_end(struct store *s);

int index_begin(struct store *s, struct error *err);  /* BEGIN IMMEDIATE */
int index_commit(struct store *s, struct error *err); /* rolls back when it fails */
void index_rollback(struct store *s);                 /* harmless without a transaction */

/* `PRAGMA integrity_check`, and whether the schema is ours: ERR_CORRUPT with the first finding. */
int index_check(struct store *s, struct error *err);

/* ---- rebuild.c ---- */

/* Connects, indexes new lines of the segments, and rebuilds a damaged index. */
int index_open(struct store *s, struct error *err);

/* Runs `operation`. When the database proves damaged or replaced, rebuilds it from the records and runs `operation`
   again. */
int index_retry(struct store *s, int (*operation)(struct store *s, void *context, struct error *err), void *context,
                struct error *err);

/* Resets the index and fills it from the records. `why` goes into the notice. */
int index_rebuild(struct store *s, const char *why, struct error *err);

/* ---- session.c ---- */

/* Call before each look-up. Takes the session's locks, and takes them anew when they were held for long. */
int session_enter(struct store *s, struct error *err);

/* Returns the locks until the next look-up. Call before anything that takes long. */
void session_pause(struct store *s);
void session_pause_if_long(struct store *s); /* if it has held them for long */

/* One session examines each object once: whether it was examined, and a note that it was. */
bool session_has_seen(const struct store *s, const struct digest *d);
void session_see(struct store *s, const struct digest *d);

/* ---- find.c ---- */

struct place {
    char *segment;
    int64_t offset, length;
};

/* Like store_record_find; also says where the record is. `where` may be NULL; the caller frees its segment. */
int record_find(struct store *s, const struct digest *key, const char *platform, cJSON **out, struct place *where,
                struct error *err);

/* ---- tail.c ---- */

/* The index's columns for a segment; zeros when it has none. */
int tail_known(struct store *s, const char *name, int64_t *id, int64_t *indexed, uint64_t *rows, struct error *err);

/* Indexes all lines that are not indexed yet, whichever engine appended them. */
int tail_refresh(struct store *s, struct error *err);

/* The same for one segment. */
int tail_index(struct store *s, const char *name, struct error *err);

/* Removes a segment's rows. `*known`: there were some, or may have been. */
int tail_forget(struct store *s, const char *name, bool *known, struct error *err);

/* Removes a segment's rows and reads them anew. */
int tail_reindex(struct store *s, const char *name, struct error *err);

/* Adds the rows of lines that this store has appended, without reading them. `*done` false: nothing was added, as the
   index or the segment is not as expected, and the lines have to be read. */
int tail_add(struct store *s, const char *name, const struct coming_records *records, bool *done, struct error *err);

/* Writes the row of one record anew. */
int tail_repair(struct store *s, const char *name, int64_t offset, int64_t length, struct error *err);

/* Whether the index has exactly this row. */
int tail_has_row(struct store *s, int64_t segment, const struct segment_span *span, const struct record_row *row,
                 bool *has, struct error *err);

/* ---- record.c, commit.c ---- */

/* The next record of the list, all zero. */
struct coming_record *coming_add(struct coming_records *list);
void coming_close(struct coming_records *list);
void unindexed_close(struct unindexed *u);

/* ---- document.c, run_documents.c: the files of runs/ (whose `member` is "id") and attempts/ ("attempt") ---- */

/* The suffix of files that fsck found damaged. */
#define DOCUMENT_ASIDE ".damaged"

/* Whether a name in one of these folders is that of a document. */
bool document_is(const char *name);

/* Reads a document. ERR_NOT_FOUND; ERR_CORRUPT with a way to mend it; ERR_IO. The caller deletes. */
int document_read(cJSON **out, const char *path, const char *member, struct error *err);

/* Checks a document. Sets a damaged one aside, says so in the message and returns ERR_CORRUPT. ERR_NOT_FOUND;
   ERR_IO. */
int document_examine(const char *path, const char *member, struct error *err);

/* Ids of runs whose files were set aside. The caller frees each and the array, also after an error. */
int run_list_damaged(struct store *s, struct texts *ids, struct error *err);

/* ---- sweep.c ---- */

/* Whether a name below work/ or objects/tmp/ belongs to a dead engine. Engines that cannot be seen from here do not
   count: their own host sweeps. */
bool sweep_work_is_dead(const struct store *s, const char *name);
bool sweep_temporary_is_dead(const struct store *s, const char *name);

/* ---- remove.c ---- */

/* Removes a file or tree that several engines may want to remove at once. First moves it to work/ under our name,
   which only one engine can do. A notice names files that remain there because another user owns their folder. */
int remove_once(struct store *s, const char *path, struct error *err);

/* The same for files of dead engines in work/ and objects/tmp/. Files that cannot be removed (a container wrote them
   as another user) are no error: a notice names them. */
void remove_left(struct store *s, const char *path);

/* ---- claim.c, file_memory.c ---- */

/* Tells engines on other hosts that this one lives. Does nothing within ten seconds of the last time. */
void claim_heartbeat(struct store *s);
void claim_release_all(struct store *s);

/* Removes a claim whose owner is dead. Only for known keys: for another key, taking over the claim first looks for a
   record of the dead owner. */
int claim_remove_dead(struct store *s, const struct digest *key, struct error *err);

/* Writes digests that are not in the index yet, and frees all. */
void file_memory_close(struct store *s);

#endif
