/*
 * Directories as listings: what is stored, and hashed, for a directory. The text is
 *
 *   retort directory 1
 *   f <sha256> <size> "path"      a file
 *   x <sha256> <size> "path"      an executable file
 *   d "path"                      an empty directory
 *
 * with paths as canonical JSON strings, sorted by their bytes. It is hashed under a tag of its own, so that a file
 * with the same bytes is another object.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "store/internal.h"

enum { MAX_DEPTH = 128 };
#define LISTING_MAX_BYTES ((size_t)1 << 30)

static const char header[] = "retort directory 1\n";
static const char tag[] = "retort-directory-1";

void listing_close(struct listing *l) {
    for (size_t i = 0; i < l->count; i++)
        free(l->entries[i].path);
    free(l->entries);
    *l = (struct listing){0};
}

void listing_digest(struct digest *out, const void *text, size_t size) {
    struct sha256 *h = sha256_create();
    sha256_field(h, tag, sizeof tag - 1);
    sha256_field(h, text, size);
    sha256_finish(h, out);
}

bool listing_begins(const char *text, size_t size) {
    return size >= sizeof header - 1 && memcmp(text, header, sizeof header - 1) == 0;
}

/* ---- text ---- */

static int compare_entries(const void *a, const void *b) {
    const struct listing_entry *left = a;
    const struct listing_entry *right = b;
    return strcmp(left->path, right->path);
}

void listing_write(struct buffer *out, struct listing *l) {
    if (l->count > 0)
        qsort(l->entries, l->count, sizeof *l->entries, compare_entries);
    buffer_puts(out, header);
    for (size_t i = 0; i < l->count; i++) {
        const struct listing_entry *e = &l->entries[i];
        char hex[DIGEST_HEX_SIZE];
        digest_hex(hex, &e->digest);
        if (e->directory)
            buffer_puts(out, "d ");
        else
            buffer_printf(out, "%c %s %" PRIu64 " ", e->executable ? 'x' : 'f', hex, e->size);
        json_string(out, e->path);
        buffer_putc(out, '\n');
    }
}

static struct listing_entry *add_entry(struct listing *l) {
    mem_grow(l->entries, &l->capacity, l->count + 1);
    l->entries[l->count] = (struct listing_entry){0};
    return &l->entries[l->count++];
}

/* Relative, without empty parts, "." and "..": nothing that leaves the directory. */
static bool safe_path(const char *path) {
    for (const char *part = path;;) {
        size_t length = strcspn(part, "/");
        if (length == 0 || (length == 1 && part[0] == '.') || (length == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        if (part[length] == '\0')
            return true;
        part += length + 1;
    }
}

/* The JSON string that ends a line. The caller frees; NULL when it is none. */
static char *parse_path(const char *text, size_t size) {
    struct json_document *doc = NULL;
    char *path = NULL;
    if (json_parse(&doc, text, size, NULL, NULL) == 0 && cJSON_IsString(json_root(doc)))
        path = mem_strdup(json_root(doc)->valuestring);
    json_free(doc);
    return path;
}

/* One line without its newline: only what listing_parse's comparison cannot find is looked at here. */
static bool parse_line(struct listing *l, const char *line, size_t length) {
    enum { DIGEST_AT = 2, SIZE_AT = DIGEST_AT + DIGEST_HEX_SIZE };
    struct listing_entry e = {.directory = length > 2 && line[0] == 'd', .executable = length > 2 && line[0] == 'x'};
    size_t at = DIGEST_AT;
    if (!e.directory) {
        char hex[DIGEST_HEX_SIZE] = {0};
        if (length < SIZE_AT + 4)
            return false;
        memcpy(hex, line + DIGEST_AT, DIGEST_HEX_SIZE - 1);
        if (!digest_parse(&e.digest, hex))
            return false;
        for (at = SIZE_AT; at < length && line[at] >= '0' && line[at] <= '9'; at++)
            e.size = e.size * 10 + (uint64_t)(line[at] - '0');
        at++;
    }
    e.path = at < length ? parse_path(line + at, length - at) : NULL;
    if (!e.path || !safe_path(e.path)) {
        free(e.path);
        return false;
    }
    *add_entry(l) = e;
    l->size += e.size;
    return true;
}

/* ERR_CORRUPT for anything listing_write would not have written, or a path that leaves the directory. */
static int listing_parse(struct listing *out, const char *text, size_t size, struct error *err) {
    struct listing l = {0};
    struct buffer again = {0};
    bool good = listing_begins(text, size);
    const char *end;
    for (size_t at = sizeof header - 1; good && at < size; at = (size_t)(end - text) + 1) {
        end = memchr(text + at, '\n', size - at);
        good = end && parse_line(&l, text + at, (size_t)(end - text) - at);
        if (good && l.count > 1)
            good = strcmp(l.entries[l.count - 2].path, l.entries[l.count - 1].path) < 0;
    }
    if (good)
        listing_write(&again, &l);
    good = good && again.size == size && memcmp(again.data, text, size) == 0;
    buffer_close(&again);
    if (!good) {
        listing_close(&l);
        return error_set(err, ERR_CORRUPT, "is not the listing of a directory");
    }
    *out = l;
    return 0;
}

int listing_load(struct listing *out, struct store *s, const struct digest *d, struct error *err) {
    struct buffer text = {0};
    struct digest found;
    char *path = store_object_path(s, d);
    int rc = file_read(&text, path, LISTING_MAX_BYTES, err);
    if (rc < 0)
        goto out;
    listing_digest(&found, text.data, text.size);
    if (!digest_equal(&found, d)) {
        rc = object_set_aside(s, d, err);
        if (rc == 0)
            rc = error_set(err, ERR_CORRUPT, "%s: is damaged; it was set aside in objects/damaged", path);
        goto out;
    }
    rc = listing_parse(out, buffer_text(&text), text.size, err);
    if (rc < 0 && err)
        error_prefix(err, "%s", path);
out:
    buffer_close(&text);
    free(path);
    return rc;
}

/* ---- walking ---- */

struct walk {
    struct listing *out;
    struct buffer path; /* of the directory or entry that is looked at */
    size_t root;        /* length of the part above the listing, with its "/" */
    int depth;
    bool follow; /* a link at the top */
    tree_file *file;
    void *context;
};

static const char *type_name(mode_t mode) {
    return S_ISLNK(mode)    ? "a symbolic link"
           : S_ISFIFO(mode) ? "a named pipe"
           : S_ISSOCK(mode) ? "a socket"
                            : "a device";
}

/* A string in canonical JSON is UTF-8, and the base's scanner knows what that is. */
static bool is_utf8(const char *name) {
    struct buffer quoted = {0};
    json_string(&quoted, name);
    char *again = parse_path(quoted.data, quoted.size);
    buffer_close(&quoted);
    free(again);
    return again != NULL;
}

static int walk_directory(struct walk *w, struct error *err);

static int walk_file(struct walk *w, struct error *err) {
    struct object o;
    int rc = w->file(w->context, w->path.data, &o, err);
    if (rc < 0)
        return rc;
    *add_entry(w->out) = (struct listing_entry){
        .path = mem_strdup(w->path.data + w->root), .digest = o.digest, .size = o.size, .executable = o.executable};
    w->out->size += o.size;
    return 0;
}

/* What was there a moment ago is somebody's who works in the folder; everything else is the system's. */
static int walk_lost(const struct walk *w, int errnum, struct error *err) {
    if (errnum == ENOENT)
        return error_set(err, ERR_FAILED,
                         "%s: was removed while its folder was read; start again when that is finished", w->path.data);
    return error_errno(err, errnum, "%s: cannot be examined", w->path.data);
}

static int walk_entry(struct walk *w, const char *name, struct error *err) {
    struct stat st;
    size_t length = w->path.size;
    buffer_putc(&w->path, '/');
    buffer_puts(&w->path, name);
    int rc = 0;
    if (!is_utf8(name))
        rc = error_set(err, ERR_INVALID, "%s: its name is not UTF-8: rename it", w->path.data);
    else if (lstat(w->path.data, &st) < 0)
        rc = walk_lost(w, errno, err);
    else if (S_ISDIR(st.st_mode))
        rc = walk_directory(w, err);
    else if (S_ISREG(st.st_mode))
        rc = walk_file(w, err);
    else
        rc = error_set(err, ERR_INVALID, "%s: is %s; only files and directories can be stored", w->path.data,
                       type_name(st.st_mode));
    w->path.size = length;
    w->path.data[length] = '\0';
    return rc;
}

static int walk_entries(struct walk *w, struct folder *entries, struct error *err) {
    size_t count = 0;
    const char *name;
    int rc = 0;
    while (rc >= 0 && (rc = folder_next(entries, &name, err)) > 0) {
        count++;
        rc = walk_entry(w, name, err);
    }
    if (rc == 0 && count == 0 && w->path.size > w->root)
        *add_entry(w->out) = (struct listing_entry){.path = mem_strdup(w->path.data + w->root), .directory = true};
    return rc;
}

static int walk_directory(struct walk *w, struct error *err) {
    if (w->depth == MAX_DEPTH)
        return error_set(err, ERR_INVALID, "%s: directories nest deeper than %d", w->path.data, MAX_DEPTH);
    int fd = open(w->path.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (w->follow && w->depth == 0 ? 0 : O_NOFOLLOW));
    struct folder entries;
    int rc = folder_open_fd(&entries, fd, w->path.data, err);
    w->depth++;
    if (rc == 0)
        rc = walk_entries(w, &entries, err);
    w->depth--;
    folder_close(&entries);
    return rc;
}

int tree_walk(struct listing *out, const char *directory, bool follow, tree_file *file, void *context,
              struct error *err) {
    struct walk w = {.out = out, .follow = follow, .file = file, .context = context};
    buffer_puts(&w.path, directory);
    while (w.path.size > 1 && w.path.data[w.path.size - 1] == '/')
        w.path.data[--w.path.size] = '\0';
    w.root = w.path.size + 1;
    int rc = walk_directory(&w, err);
    buffer_close(&w.path);
    return rc;
}
