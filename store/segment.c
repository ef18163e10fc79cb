#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "store/internal.h"

enum { HEX = DIGEST_HEX_SIZE - 1, AT_DIGITS = 19, CHUNK = 1 << 20 };
#define LINE_MAX_BYTES ((int64_t)(2 * JSON_MAX_BYTES))
static const char suffix[] = ".jsonl";

/* ---- the line ---- */

void segment_line(struct buffer *out, int64_t at, const char *json) {
    char hex[DIGEST_HEX_SIZE];
    struct digest d;
    struct buffer body = {0};
    buffer_printf(&body, "%" PRId64 " ", at);
    buffer_puts(&body, json);
    sha256_bytes(&d, body.data, body.size);
    digest_hex(hex, &d);
    buffer_puts(out, hex);
    buffer_putc(out, ' ');
    buffer_append(out, body.data, body.size);
    buffer_putc(out, '\n');
    buffer_close(&body);
}

/* Reads a line without its newline. False for a wrong checksum. `json` points into the line. */
static bool segment_parse(struct segment_span *out, const char *line, size_t length) {
    char hex[DIGEST_HEX_SIZE];
    struct digest d;
    if (length < HEX + 4 || line[HEX] != ' ')
        return false;
    memcpy(hex, line, HEX);
    hex[HEX] = '\0';
    const char *body = line + HEX + 1;
    size_t body_length = length - HEX - 1;
    if (!digest_parse(&out->checksum, hex))
        return false;
    sha256_bytes(&d, body, body_length);
    if (!digest_equal(&d, &out->checksum))
        return false;
    size_t digits = 0;
    uint64_t time = 0;
    while (digits < body_length && digits < AT_DIGITS && body[digits] >= '0' && body[digits] <= '9')
        time = time * 10 + (uint64_t)(body[digits++] - '0');
    if (digits == 0 || digits == body_length || body[digits] != ' ' || time > INT64_MAX)
        return false;
    out->at = (int64_t)time;
    out->json = body + digits + 1;
    out->json_length = body_length - digits - 1;
    return true;
}

/* ---- writing ---- */

void segment_leave(struct store *s) {
    struct writer *w = &s->writer;
    if (w->fd >= 0)
        close(w->fd);
    free(w->name);
    w->fd = -1;
    w->name = NULL;
    w->named = false;
}

/* Locks the segment while this store writes to it, so that gc leaves it alone. gc may have removed it before that,
   as an empty file: then there is none. */
static int writer_keep(struct store *s, struct error *err) {
    struct writer *w = &s->writer;
    struct stat st;
    while (flock(w->fd, LOCK_SH) < 0)
        if (errno != EINTR)
            return error_errno(err, errno, "%s/actions/%s: cannot be locked", s->directory, w->name);
    if (fstat(w->fd, &st) < 0)
        return error_errno(err, errno, "%s/actions/%s: cannot be examined", s->directory, w->name);
    if (st.st_nlink == 0)
        segment_leave(s);
    return 0;
}

/* Makes a new file, never an existing one: two engines never share a segment, and a torn last line stays the last. */
int segment_begin(struct store *s, struct error *err) {
    struct writer *w = &s->writer;
    int rc = 0;
    while (rc == 0 && w->fd < 0) {
        w->name = w->serial == 0 ? mem_printf("%s%s", s->run_id, suffix)
                                 : mem_printf("%s.%u%s", s->run_id, w->serial, suffix);
        w->serial++;
        w->fd = openat(s->actions_fd, w->name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
        if (w->fd >= 0) {
            rc = writer_keep(s, err);
            continue;
        }
        if (errno != EEXIST)
            rc = error_errno(err, errno, "%s/actions/%s: cannot be made", s->directory, w->name);
        free(w->name);
        w->name = NULL;
    }
    if (rc < 0)
        segment_leave(s);
    return rc;
}

int segment_append(const struct store *s, const struct buffer *lines, int64_t *start, struct error *err) {
    const struct writer *w = &s->writer;
    char *path = layout_path(s, "actions", w->name);
    int rc = file_write_all(w->fd, lines->data, lines->size, path, err);
    *start = lseek(w->fd, 0, SEEK_CUR) - (int64_t)lines->size;
    if (rc == 0 && fsync(w->fd) < 0)
        rc = error_errno(err, errno, "%s: cannot be synced", path);
    if (rc == 0 && !w->named && fsync(s->actions_fd) < 0)
        rc = error_errno(err, errno, "%s/actions: cannot be synced", s->directory);
    free(path);
    return rc;
}

/* ---- reading ---- */

/* gc may have removed the file and given its name to another. */
static bool is_still_there(const struct segment_file *file) {
    struct stat st;
    return fstat(file->fd, &st) < 0 || st.st_nlink > 0; /* its next use reports why it cannot be examined */
}

static void segment_close(struct segment_file *file) {
    if (file->name)
        close(file->fd);
    free(file->name);
    *file = (struct segment_file){0};
}

static int open_for_reading(const struct store *s, const char *name, struct error *err) {
    size_t length = strlen(name);
    if (strchr(name, '/') || length < sizeof suffix || strcmp(name + length - (sizeof suffix - 1), suffix) != 0)
        return error_set(err, ERR_CORRUPT, "%s: names a file that is no segment (%s)", s->index.path, name);
    int fd = openat(s->actions_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return error_set(err, ERR_NOT_FOUND, "%s/actions/%s: does not exist", s->directory, name);
    return fd < 0 ? error_errno(err, errno, "%s/actions/%s: cannot be opened", s->directory, name) : fd;
}

/* Opens the file for itself: a scan may be using one of the cache. */
bool segment_checksum(struct digest *out, const struct store *s, const char *name, int64_t offset) {
    char hex[DIGEST_HEX_SIZE] = "";
    int fd = open_for_reading(s, name, NULL);
    bool good = fd >= 0 && pread(fd, hex, HEX, offset) == HEX && digest_parse(out, hex);
    if (fd >= 0)
        close(fd);
    return good;
}

int segment_open(struct store *s, const char *name, struct error *err) {
    for (size_t i = 0; i < SEGMENT_CACHE; i++) {
        if (!s->segments[i].name || strcmp(s->segments[i].name, name) != 0)
            continue;
        if (is_still_there(&s->segments[i]))
            return s->segments[i].fd;
        segment_close(&s->segments[i]);
    }
    int fd = open_for_reading(s, name, err);
    if (fd < 0)
        return fd;
    struct segment_file *slot = &s->segments[s->next_segment++ % SEGMENT_CACHE];
    segment_close(slot);
    *slot = (struct segment_file){.name = mem_strdup(name), .fd = fd};
    return fd;
}

static int read_at(int fd, void *to, size_t size, int64_t offset, size_t *got, const char *path, struct error *err) {
    *got = 0;
    while (*got < size) {
        ssize_t n = pread(fd, (char *)to + *got, size - *got, offset + (int64_t)*got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(err, errno, "%s: cannot be read", path);
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return 0;
}

int segment_read(struct store *s, const char *name, int64_t offset, int64_t length, cJSON **out, struct error *err) {
    char *line = NULL, *path = layout_path(s, "actions", name);
    size_t got = 0;
    struct segment_span span = {0};
    int fd = segment_open(s, name, err);
    int rc = fd < 0 ? fd : 0;
    if (rc == 0 && (offset < 0 || length < 1 || length > LINE_MAX_BYTES))
        rc = error_set(err, ERR_CORRUPT, "%s: places a record at byte %" PRId64 ", %" PRId64 " bytes long",
                       s->index.path, offset, length);
    if (rc < 0)
        goto out;
    line = mem_scratch((size_t)length);
    rc = read_at(fd, line, (size_t)length, offset, &got, path, err);
    if (rc == 0 && (got != (size_t)length || line[got - 1] != '\n' || !segment_parse(&span, line, got - 1)))
        rc = error_set(err, ERR_CORRUPT, "%s: the record at byte %" PRId64 " is damaged", path, offset);
    /* The checksum fits, and the strict reader checked the line when it was indexed: the fast one is enough. */
    if (rc == 0 && !(*out = cJSON_ParseWithLength(span.json, span.json_length)))
        rc = error_set(err, ERR_CORRUPT, "%s: the record at byte %" PRId64 " is no JSON", path, offset);
out:
    free(path);
    free(line);
    return rc;
}

int segment_names(const struct store *s, struct texts *out, struct error *err) {
    return layout_list(out, s, "actions", suffix, err);
}

static bool looks_like_record(const char *text, size_t length) {
    char hex[DIGEST_HEX_SIZE];
    struct digest d;
    size_t digits = HEX + 1;
    if (length < HEX + 4 || text[HEX] != ' ' || text[digits] < '0' || text[digits] > '9')
        return false;
    while (digits < length && text[digits] >= '0' && text[digits] <= '9')
        digits++;
    memcpy(hex, text, HEX);
    hex[HEX] = '\0';
    return length - digits > 2 && memcmp(text + digits, " {\"", 3) == 0 && digest_parse(&d, hex);
}

/* Length of the damaged part of a line: up to its last record, if that lost only the newline before it; else all. */
static size_t damaged_length(const char *line, size_t length) {
    struct segment_span span;
    size_t start = length;
    while (start > 0 && !looks_like_record(line + start, length - start))
        start--;
    return start > 0 && segment_parse(&span, line + start, length - start) ? start : length;
}

/* Visits the complete lines of `text`; returns the bytes used. */
static int give_lines(const char *text, size_t size, int64_t offset, size_t *used, segment_visit *visit, void *context,
                      struct error *err) {
    int rc = 0;
    *used = 0;
    for (const char *end; rc == 0 && (end = memchr(text + *used, '\n', size - *used));) {
        const char *line = text + *used;
        size_t length = (size_t)(end - line), span_length = length + 1;
        struct segment_span span = {.offset = offset + (int64_t)*used};
        if (!segment_parse(&span, line, length)) {
            size_t damaged = damaged_length(line, length);
            span.json = NULL;
            span_length = damaged < length ? damaged : length + 1;
        }
        span.length = (int64_t)span_length;
        rc = visit(context, &span, err);
        *used += span_length;
    }
    return rc;
}

int segment_scan_fd(int fd, const char *path, int64_t offset, int64_t size, int64_t limit, int64_t *end,
                    segment_visit *visit, void *context, struct error *err) {
    size_t capacity = size - offset < CHUNK ? (size_t)(size > offset ? size - offset : 1) : CHUNK;
    char *text = mem_scratch(capacity);
    size_t kept = 0; /* bytes of an unfinished line at the start of `text` */
    int64_t start = offset;
    int rc = 0;
    *end = offset;
    while (rc == 0 && *end - start < limit) {
        size_t got = 0;
        size_t used = 0;
        int64_t next = *end + (int64_t)kept;
        size_t room = capacity - kept;
        if (size - next < (int64_t)room)
            room = size > next ? (size_t)(size - next) : 0;
        rc = read_at(fd, text + kept, room, next, &got, path, err);
        if (rc < 0 || got == 0)
            break;
        rc = give_lines(text, kept + got, *end, &used, visit, context, err);
        *end += (int64_t)used;
        kept += got - used;
        memmove(text, text + used, kept);
        if (kept == capacity && kept > (size_t)LINE_MAX_BYTES)
            break; /* no engine writes such a line: treated as unfinished */
        if (kept == capacity)
            text = mem_resize(text, capacity *= 2, 1);
    }
    free(text);
    return rc;
}

int segment_scan(struct store *s, const char *name, int64_t offset, int64_t size, int64_t limit, int64_t *end,
                 segment_visit *visit, void *context, struct error *err) {
    int fd = segment_open(s, name, err);
    if (fd < 0)
        return fd;
    char *path = layout_path(s, "actions", name);
    int rc = segment_scan_fd(fd, path, offset, size, limit, end, visit, context, err);
    free(path);
    return rc;
}
