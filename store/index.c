/*
 * state.db: an index of the segments and files, which can be rebuilt from them. It uses a rollback journal (TRUNCATE),
 * never WAL. SQLite before 3.51.3 can corrupt a WAL when two connections checkpoint at once. WAL does not work on
 * network file systems either.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "store/internal.h"

enum { SCHEMA_VERSION = 3, BUSY_TIMEOUT_MS = 10000 };

static const char schema[] =
    "CREATE TABLE segment(\n"
    "  id      INTEGER PRIMARY KEY,\n"
    "  name    TEXT NOT NULL UNIQUE,  -- file name below actions/\n"
    "  indexed INTEGER NOT NULL,      -- bytes up to the end of the last line that was looked at\n"
    "  seen    INTEGER NOT NULL,      -- the file's size then; another size: there is more to read\n"
    "  newest  INTEGER NOT NULL       -- latest append time of its records, ns since 1970\n"
    ") STRICT;\n"
    "CREATE TABLE record(\n"
    "  id       INTEGER PRIMARY KEY,\n"
    "  segment  INTEGER NOT NULL REFERENCES segment(id),\n"
    "  start    INTEGER NOT NULL,     -- where its line begins in the segment, bytes\n"
    "  length   INTEGER NOT NULL,     -- of the line with its newline, bytes\n"
    "  at       INTEGER NOT NULL,     -- append time, ns since 1970: the earliest of a key counts\n"
    "  key      BLOB NOT NULL,        -- 32 bytes\n"
    "  stage    TEXT NOT NULL,        -- as the engine named it\n"
    "  declared TEXT NOT NULL,        -- the same without the values of its axes\n"
    "  kind     TEXT,                 -- built-in kind with its version; NULL: a command\n"
    "  platform TEXT NOT NULL,        -- where it was computed\n"
    "  wall_s   REAL,                 -- how long it took; NULL: not said\n"
    "  known    BLOB,                 -- outs and metrics (known.c); NULL: too large, the record has them\n"
    "  guard    BLOB                  -- checksum of key, time, platform and `known`: a damaged row is no row\n"
    ") STRICT;\n"
    "CREATE UNIQUE INDEX record_by_place ON record(segment, start);\n"
    "CREATE INDEX record_by_key ON record(key, at);\n"
    "CREATE INDEX record_by_stage ON record(stage, at);\n"
    "CREATE INDEX record_by_declared ON record(declared, at);\n"
    "CREATE INDEX record_by_kind ON record(kind, at) WHERE kind IS NOT NULL;\n"
    "CREATE TABLE IF NOT EXISTS file(\n"
    "  path       BLOB PRIMARY KEY,   -- as the pipeline has it\n"
    "  device     INTEGER NOT NULL,   -- these five as stat gave them when the file was hashed\n"
    "  inode      INTEGER NOT NULL,\n"
    "  size       INTEGER NOT NULL,\n"
    "  mtime      INTEGER NOT NULL,   -- ns since 1970\n"
    "  ctime      INTEGER NOT NULL,   -- ns since 1970\n"
    "  digest     BLOB NOT NULL,      -- SHA-256 of the content, 32 bytes\n"
    "  guard      BLOB NOT NULL       -- SHA-256 of the other columns: a damaged row is no row\n"
    ") STRICT, WITHOUT ROWID;\n";

/* New in schema 3. */
static const char schema_withdrawn[] =
    "CREATE TABLE IF NOT EXISTS withdrawn(\n"
    "  segment  INTEGER NOT NULL REFERENCES segment(id),\n"
    "  start    INTEGER NOT NULL,     -- where the withdrawal's line begins in the segment, bytes\n"
    "  record   BLOB NOT NULL,        -- checksum of the line of the withdrawn record, 32 bytes: it has no row\n"
    "  key      BLOB NOT NULL,        -- of that record, 32 bytes\n"
    "  run      TEXT NOT NULL,        -- id of the run that withdrew it\n"
    "  PRIMARY KEY(segment, start)\n"
    ") STRICT, WITHOUT ROWID;\n"
    "CREATE INDEX IF NOT EXISTS withdrawn_by_record ON withdrawn(record);\n"
    "CREATE INDEX IF NOT EXISTS withdrawn_by_key ON withdrawn(key);\n"
    "PRAGMA user_version = 3;\n";

/* Schema 1 had no `known`: its records are read from the segments again. The digests of files stay. */
static const char from_schema_1[] = "DROP TABLE record; DROP TABLE segment;";

#define RECORD_PLACE "SELECT s.name, r.start, r.length FROM record r JOIN segment s ON s.id = r.segment "
#define EARLIEST_FIRST "ORDER BY r.at, s.name, r.start"
/* The records of this store, newest first, then the foreign ones. Both halves are ranges of the column's index. */
#define FOREIGN_TIMES "4611686018427387904"
_Static_assert(SEGMENT_FOREIGN == INT64_C(4611686018427387904), "the queries hold the number as text");
#define NEWEST_HALF(column, side)                                                                                      \
    "SELECT * FROM (SELECT s.name, r.start, r.length, r.at FROM record r JOIN segment s ON s.id = r.segment WHERE "    \
    "r." column " = ?1 AND r.at " side " " FOREIGN_TIMES " ORDER BY r.at DESC, s.name DESC, r.start DESC LIMIT ?2)"
#define NEWEST_FIRST(column)                                                                                           \
    "SELECT name, start, length FROM (" NEWEST_HALF(column, "<") " UNION ALL " NEWEST_HALF(                            \
        column, ">=") ") ORDER BY "                                                                                    \
                      "at >= " FOREIGN_TIMES ", at DESC, name DESC, start DESC LIMIT ?2"

static const char *const texts[STATEMENT_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_SEGMENTS] = "SELECT name, seen FROM segment ORDER BY name",
    [SQL_SEGMENT_GET] = "SELECT id, indexed, newest FROM segment WHERE name = ?1",
    [SQL_SEGMENT_ADD] = "INSERT INTO segment(name, indexed, seen, newest) VALUES(?1, 0, 0, 0)",
    [SQL_SEGMENT_SET] = "UPDATE segment SET indexed = ?2, seen = ?3, newest = ?4 WHERE id = ?1",
    [SQL_SEGMENT_DROP] = "DELETE FROM segment WHERE id = ?1",
    [SQL_SEGMENT_ROWS_DROP] = "DELETE FROM record WHERE segment = ?1",
    [SQL_NEWEST] = "SELECT ifnull(max(newest), 0) FROM segment",
    [SQL_RECORD_ADD] = "INSERT OR REPLACE INTO record(segment, start, length, at, key, stage, declared, kind, "
                       "platform, wall_s, known, guard) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    [SQL_RECORD_AT] =
        "SELECT 1 FROM record WHERE segment = ?1 AND start = ?2 AND length = ?3 AND at = ?4 AND key = ?5 AND stage = "
        "?6 AND declared = ?7 AND kind IS ?8 AND platform = ?9 AND wall_s IS ?10 AND known IS ?11 AND guard IS ?12",
    [SQL_RECORD_COUNT] = "SELECT (SELECT count(*) FROM record WHERE segment = ?1) + (SELECT count(*) FROM withdrawn "
                         "WHERE segment = ?1)",
    [SQL_RECORD_FIND] = RECORD_PLACE "WHERE r.key = ?1 AND (?2 IS NULL OR r.platform = ?2) " EARLIEST_FIRST,
    [SQL_RECORD_KNOWN] = "SELECT at, platform, known, guard FROM record WHERE key = ?1 ORDER BY at",
    [SQL_RECORD_SCAN] = "SELECT at, platform, known, guard, key, id FROM record WHERE id > ?1 ORDER BY id LIMIT ?2",
    [SQL_RECORD_LAST] = "SELECT ifnull(max(id), 0) FROM record",
    [SQL_RECORD_BY_STAGE] = NEWEST_FIRST("stage"),
    [SQL_RECORD_BY_DECLARED] = NEWEST_FIRST("declared"),
    [SQL_RECORD_BY_KIND] = NEWEST_FIRST("kind"),
    [SQL_RECORD_OF_STAGE] = "SELECT 1 FROM record WHERE stage = ?1 LIMIT 1",
    [SQL_RECORD_OF_DECLARED] = "SELECT 1 FROM record WHERE declared = ?1 LIMIT 1",
    [SQL_RECORD_OF_KIND] = "SELECT 1 FROM record WHERE kind = ?1 LIMIT 1",
    [SQL_RECORD_ROWS] =
        "SELECT s.name, r.start, r.id FROM record r JOIN segment s ON s.id = r.segment WHERE r.key = ?1",
    [SQL_RECORD_DROP] = "DELETE FROM record WHERE id = ?1",
    [SQL_WITHDRAWN_ADD] =
        "INSERT OR REPLACE INTO withdrawn(segment, start, record, key, run) VALUES(?1, ?2, ?3, ?4, ?5)",
    [SQL_WITHDRAWN_AT] =
        "SELECT 1 FROM withdrawn WHERE segment = ?1 AND start = ?2 AND record = ?3 AND key = ?4 AND run = ?5",
    [SQL_WITHDRAWN_FIND] = "SELECT 1 FROM withdrawn WHERE record = ?1",
    [SQL_WITHDRAWN_RUNS] = "SELECT DISTINCT run FROM withdrawn WHERE key = ?1 ORDER BY run",
    [SQL_WITHDRAWN_ALONE] = "SELECT 1 FROM withdrawn a WHERE a.segment = ?1 AND NOT EXISTS(SELECT 1 FROM withdrawn b "
                            "WHERE b.record = a.record AND b.segment <> ?1)",
    [SQL_WITHDRAWN_DROP] = "DELETE FROM withdrawn WHERE segment = ?1",
    [SQL_SEGMENTS_REREAD] = "UPDATE segment SET indexed = 0, seen = -1",
    [SQL_FILE_GET] = "SELECT device, inode, size, mtime, ctime, digest, guard FROM file WHERE path = ?1",
    [SQL_FILE_SCAN] = "SELECT device, inode, size, mtime, ctime, digest, guard, path FROM file WHERE path > ?1 "
                      "ORDER BY path LIMIT ?2",
    [SQL_FILE_SET] = "INSERT OR REPLACE INTO file(path, device, inode, size, mtime, ctime, digest, guard) VALUES(?1, "
                     "?2, ?3, ?4, ?5, ?6, ?7, ?8)",
};

int index_error(struct store *s, struct error *err) {
    int code = sqlite3_extended_errcode(s->index.db);
    const char *text = sqlite3_errmsg(s->index.db);
    switch (code & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:    /* our SQL is fixed: a table has changed */
    case SQLITE_MISMATCH: /* a value of a wrong type */
    case SQLITE_TOOBIG:   /* a value longer than any that we wrote */
    case SQLITE_CONSTRAINT:
        s->index.broken = true;
        return error_set(err, ERR_CORRUPT, "%s: %s; `retort fsck` rebuilds it", s->index.path, text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return error_set(err, ERR_BUSY, "%s: another engine held it for %d seconds", s->index.path,
                         BUSY_TIMEOUT_MS / 1000);
    default:
        s->index.broken = code == SQLITE_READONLY_DBMOVED || code == SQLITE_IOERR_SHORT_READ;
        return error_set(err, ERR_IO, "%s: %s", s->index.path, text);
    }
}

static int execute(struct store *s, const char *sql, struct error *err) {
    return sqlite3_exec(s->index.db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : index_error(s, err);
}

int index_statement(sqlite3_stmt **out, struct store *s, enum statement which, struct error *err) {
    sqlite3_stmt **slot = &s->index.statements[which];
    *out = NULL;
    if (!*slot && sqlite3_prepare_v3(s->index.db, texts[which], -1, SQLITE_PREPARE_PERSISTENT, slot, NULL) != SQLITE_OK)
        return index_error(s, err);
    sqlite3_reset(*slot);
    sqlite3_clear_bindings(*slot);
    *out = *slot;
    return 0;
}

int index_step(struct store *s, sqlite3_stmt *statement, struct error *err) {
    int code = sqlite3_step(statement);
    int rc = code == SQLITE_DONE || code == SQLITE_ROW ? 0 : index_error(s, err);
    sqlite3_reset(statement);
    return rc;
}

bool index_digest(struct digest *out, sqlite3_stmt *q, int column) {
    if (sqlite3_column_bytes(q, column) != sizeof out->bytes)
        return false;
    memcpy(out->bytes, sqlite3_column_blob(q, column), sizeof out->bytes);
    return true;
}

void index_rollback(struct store *s) {
    if (!sqlite3_get_autocommit(s->index.db))
        sqlite3_exec(s->index.db, "ROLLBACK", NULL, NULL, NULL);
}

void index_read_begin(struct store *s) {
    if (sqlite3_get_autocommit(s->index.db))
        sqlite3_exec(s->index.db, "BEGIN", NULL, NULL, NULL); /* only saves time: reads also work without it */
}

void index_read_end(struct store *s) {
    index_rollback(s); /* nothing was written */
}

int index_begin(struct store *s, struct error *err) {
    index_read_end(s);
    sqlite3_stmt *statement;
    int rc = index_statement(&statement, s, SQL_BEGIN, err);
    return rc < 0 ? rc : index_step(s, statement, err);
}

int index_commit(struct store *s, struct error *err) {
    sqlite3_stmt *statement;
    int rc = index_statement(&statement, s, SQL_COMMIT, err);
    if (rc == 0)
        rc = index_step(s, statement, err);
    if (rc < 0)
        index_rollback(s);
    return rc;
}

static void finalize_all(struct index *index) {
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(index->statements[i]);
        index->statements[i] = NULL;
    }
}

void index_close(struct index *index) {
    finalize_all(index);
    sqlite3_close(index->db);
    index->db = NULL;
    free(index->path);
    index->path = NULL;
}

/* SQLite would create it with mode 0644, and its journal copies the mode. An existing file is not opened: closing it
   would drop this process's locks on it. SQLite reports errors. */
static void make_file(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0)
        close(fd);
}

/* Else each allocation of SQLite locks a mutex to count its bytes. Runs before main: it must come before any use. */
__attribute__((constructor)) static void count_no_memory(void) {
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int index_connect(struct store *s, struct error *err) {
    struct index *index = &s->index;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    finalize_all(index);
    sqlite3_close(index->db);
    index->db = NULL;
    if (!index->in_memory)
        make_file(index->path);
    if (sqlite3_open_v2(index->in_memory ? ":memory:" : index->path, &index->db, flags, NULL) != SQLITE_OK)
        return index->db ? index_error(s, err) : error_set(err, ERR_IO, "%s: out of memory", index->path);
    sqlite3_extended_result_codes(index->db, 1);
    sqlite3_busy_timeout(index->db, BUSY_TIMEOUT_MS);
    return execute(s, "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384;", err);
}

static int read_version(struct store *s, int *version, struct error *err) {
    sqlite3_stmt *statement = NULL;
    int rc = 0;
    if (sqlite3_prepare_v2(s->index.db, "PRAGMA user_version", -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        rc = index_error(s, err);
    else
        *version = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return rc;
}

/* Two engines may make the schema at once: the version is read again with the database locked. */
static int make_schema(struct store *s, struct error *err) {
    int version = 0;
    int rc = execute(s, "BEGIN IMMEDIATE", err);
    if (rc == 0)
        rc = read_version(s, &version, err);
    if (rc == 0 && version == 1)
        rc = execute(s, from_schema_1, err);
    if (rc == 0 && version < 2)
        rc = execute(s, schema, err);
    if (rc == 0 && version < SCHEMA_VERSION)
        rc = execute(s, schema_withdrawn, err);
    if (rc == 0)
        rc = execute(s, "COMMIT", err);
    if (rc < 0)
        index_rollback(s);
    return rc;
}

/* Does not wait for the disk: what a power cut leaves of an empty index is damaged, or made again. */
static int make_new(struct store *s, struct error *err) {
    int rc = execute(s, "PRAGMA synchronous = OFF", err);
    if (rc == 0)
        rc = make_schema(s, err);
    int restored = execute(s, "PRAGMA synchronous = FULL", rc < 0 ? NULL : err);
    return rc < 0 ? rc : restored;
}

int index_check_schema(struct store *s, struct error *err) {
    int version = 0;
    int rc = read_version(s, &version, err);
    if (rc < 0)
        return rc;
    if (version == SCHEMA_VERSION)
        return 0;
    if (version == 0)
        return make_new(s, err);
    if (version > 0 && version < SCHEMA_VERSION)
        return make_schema(s, err);
    /* The store's format was checked, and a newer schema would have a newer format: this one is damaged. */
    s->index.broken = true;
    return error_set(err, ERR_CORRUPT, "%s: has schema %d instead of %d", s->index.path, version, SCHEMA_VERSION);
}

/* Keeps a copy for a later look. A failed copy does not stop the repair. */
static void keep_damaged(const struct store *s) {
    char *aside = mem_printf("%s.damaged", s->index.path);
    int from = open(s->index.path, O_RDONLY | O_CLOEXEC);
    int to = from < 0 ? -1 : open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (to >= 0)
        copy_bytes(to, from, NULL, NULL, NULL, aside, s->index.path, NULL);
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    free(aside);
}

int index_reset(struct store *s, struct error *err) {
    keep_damaged(s);
    if (index_connect(s, NULL) < 0 && !s->index.db) /* its errors are expected here, but the connection must exist */
        return error_set(err, ERR_IO, "%s: out of memory", s->index.path);
    sqlite3_db_config(s->index.db, SQLITE_DBCONFIG_RESET_DATABASE, 1, 0);
    int rc = execute(s, "VACUUM", err);
    sqlite3_db_config(s->index.db, SQLITE_DBCONFIG_RESET_DATABASE, 0, 0);
    if (rc == 0)
        rc = index_connect(s, err);
    if (rc == 0)
        rc = index_check_schema(s, err);
    s->index.broken = rc < 0;
    return rc;
}

int index_check(struct store *s, struct error *err) {
    sqlite3_stmt *statement = NULL;
    int rc = 0;
    if (sqlite3_prepare_v2(s->index.db, "PRAGMA integrity_check(1)", -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW) {
        rc = index_error(s, err);
    } else {
        const unsigned char *said = sqlite3_column_text(statement, 0);
        if (!said || strcmp((const char *)said, "ok") != 0)
            rc = error_set(err, ERR_CORRUPT, "%s: %s", s->index.path, said ? (const char *)said : "cannot be checked");
    }
    sqlite3_finalize(statement);
    /* A damaged schema may still be valid SQL without a name that we use. */
    for (int i = 0; rc == 0 && i < STATEMENT_COUNT; i++)
        rc = index_statement(&statement, s, (enum statement)i, err);
    return rc;
}
