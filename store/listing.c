/*
 * Directories as listings: the text that is stored and hashed for a directory. It is
 *
 *   retort directory 1
 *   f <sha256> <size> "path"      a file
 *   x <sha256> <size> "path"      an executable file
 *   d "path"                      an empty directory
 *   l "target" "path"             a link, as it was written; a listing with one begins with "retort directory 2"
 *
 * with paths as canonical JSON strings, sorted by their bytes. It is hashed under a tag of its own, so that a file with
 * the same bytes is another object.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "store/internal.h"

/* The version rises only where an older engine could not read the text. */
static const char header[] = "retort directory 1\n", header_of_links[] = "retort directory 2\n";
static const char tag[] = "retort-directory-1";

void listing_close(struct listing *l) {
    for (size_t i = 0; i < l->count; i++) {
        free(l->entries[i].path);
        free(l->entries[i].link);
    }
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
    return size >= sizeof header - 1 &&
           (memcmp(text, header, sizeof header - 1) == 0 || memcmp(text, header_of_links, sizeof header - 1) == 0);
}

/* ---- text ---- */

static void write_entry(struct buffer *out, const struct listing_entry *e) {
    char hex[DIGEST_HEX_SIZE];
    digest_hex(hex, &e->digest);
    if (e->directory) {
        buffer_puts(out, "d ");
    } else if (e->link) {
        buffer_puts(out, "l ");
        json_string(out, e->link);
        buffer_putc(out, ' ');
    } else {
        buffer_printf(out, "%c %s %" PRIu64 " ", e->executable ? 'x' : 'f', hex, e->size);
    }
    json_string(out, e->path);
    buffer_putc(out, '\n');
}

void listing_write(struct buffer *out, struct listing *l) {
    listing_sort(l);
    buffer_puts(out, listing_has_links(l) ? header_of_links : header);
    for (size_t i = 0; i < l->count; i++)
        write_entry(out, &l->entries[i]);
}

/* Whether a path is relative and has no empty part, "." or "..": it stays below the directory. */
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

/* A JSON string; NULL when it is none. The caller frees. */
static char *parse_text(const char *text, size_t size) {
    struct json_document *doc = NULL;
    char *path = NULL;
    if (json_parse(&doc, text, size, NULL, NULL) == 0 && cJSON_IsString(json_root(doc)))
        path = mem_strdup(json_root(doc)->valuestring);
    json_free(doc);
    return path;
}

/* The scanner of engine/base refuses a string that is not UTF-8. */
bool listing_takes(const char *name) {
    struct buffer quoted = {0};
    json_string(&quoted, name);
    char *again = parse_text(quoted.data, quoted.size);
    buffer_close(&quoted);
    free(again);
    return again != NULL;
}

/* The length of the JSON string at the beginning, with its quotes; 0: there is none. */
static size_t quoted_length(const char *text, size_t size) {
    for (size_t i = 1; i < size && *text == '"'; i++) {
        if (text[i] == '"')
            return i + 1;
        i += text[i] == '\\';
    }
    return 0;
}

/* The parts of a line before its path; returns where that begins. */
static size_t parse_file(struct listing_entry *e, const char *line, size_t length) {
    enum { DIGEST_AT = 2, SIZE_AT = DIGEST_AT + DIGEST_HEX_SIZE };
    char hex[DIGEST_HEX_SIZE] = {0};
    size_t at = SIZE_AT;
    if (length < SIZE_AT + 4)
        return length;
    memcpy(hex, line + DIGEST_AT, DIGEST_HEX_SIZE - 1);
    if (!digest_parse(&e->digest, hex))
        return length;
    for (; at < length && line[at] >= '0' && line[at] <= '9'; at++)
        e->size = e->size * 10 + (uint64_t)(line[at] - '0');
    return at + 1;
}

static size_t parse_link(struct listing_entry *e, const char *line, size_t length) {
    enum { TARGET_AT = 2 };
    size_t target = quoted_length(line + TARGET_AT, length - TARGET_AT);
    e->link = target ? parse_text(line + TARGET_AT, target) : NULL;
    return e->link ? TARGET_AT + target + 1 : length;
}

/* Parses one line without its newline. listing_parse compares the whole text and finds all other faults. */
static bool parse_line(struct listing *l, const char *line, size_t length) {
    enum { FOLDER_AT = 2 };
    if (length <= FOLDER_AT)
        return false;
    struct listing_entry e = {.directory = line[0] == 'd', .executable = line[0] == 'x'};
    size_t at = e.directory ? FOLDER_AT : line[0] == 'l' ? parse_link(&e, line, length) : parse_file(&e, line, length);
    e.path = at < length ? parse_text(line + at, length - at) : NULL;
    if (!e.path || !safe_path(e.path)) {
        free(e.path);
        free(e.link);
        return false;
    }
    *listing_add(l) = e;
    l->size += e.size;
    return true;
}

int listing_parse(struct listing *out, const char *text, size_t size, struct error *err) {
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
    good = good && again.size == size && memcmp(again.data, text, size) == 0 && listing_check_links(&l, "", NULL) == 0;
    buffer_close(&again);
    if (!good) {
        listing_close(&l);
        return error_set(err, ERR_CORRUPT, "is not the listing of a directory");
    }
    *out = l;
    return 0;
}
