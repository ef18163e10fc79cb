#include "stages/npy.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are copied to and from the file as they stand");

enum { PREFIX_BYTES = 10, ALIGNMENT = 64, MAX_TEXT = 32 };
static const char magic[8] = "\x93NUMPY\x01"; /* and the 0 of version 1.0 */

static const struct {
    const char *descr, *name;
    size_t bytes;
} types[] = {[NPY_F32] = {"<f4", "f32", 4}, [NPY_U8] = {"|u1", "u8", 1}};

size_t npy_type_bytes(enum npy_type type) {
    return types[type].bytes;
}

void npy_describe(struct buffer *out, const struct npy *a) {
    for (size_t d = 0; d < a->dims; d++)
        buffer_printf(out, "%s%zu", d ? "," : "[", a->shape[d]);
    buffer_printf(out, "%s %s", a->dims ? "]" : "[]", types[a->type].name);
}

int npy_count(size_t *out, const struct npy *a, struct error *err) {
    size_t count = 1, bytes;
    bool empty = false, overflow = false;
    for (size_t d = 0; d < a->dims; d++) {
        empty = empty || a->shape[d] == 0;
        overflow = __builtin_mul_overflow(count, a->shape[d] ? a->shape[d] : 1, &count) || overflow;
    }
    if (overflow || __builtin_mul_overflow(count, types[a->type].bytes, &bytes) || bytes > INT64_MAX)
        return error_set(err, ERR_INVALID, "the shape has more elements than a file can hold");
    *out = empty ? 0 : count;
    return 0;
}

void npy_header_encode(struct buffer *out, const struct npy *a) {
    struct buffer header = {0};
    buffer_printf(&header, "{'descr': '%s', 'fortran_order': False, 'shape': (", types[a->type].descr);
    for (size_t d = 0; d < a->dims; d++)
        buffer_printf(&header, "%s%zu", d ? ", " : "", a->shape[d]);
    buffer_puts(&header, a->dims == 1 ? ",), }" : "), }");
    while ((PREFIX_BYTES + header.size + 1) % ALIGNMENT)
        buffer_putc(&header, ' ');
    buffer_putc(&header, '\n');
    const unsigned char length[2] = {header.size & 0xff, (unsigned char)(header.size >> 8)};
    buffer_append(out, magic, sizeof magic);
    buffer_append(out, length, sizeof length);
    buffer_append(out, header.data, header.size);
    buffer_close(&header);
}

/* The header's text: a Python dictionary of three members. */
struct cursor {
    const char *start, *at, *end;
};

static void skip_spaces(struct cursor *c) {
    while (c->at < c->end && *c->at == ' ')
        c->at++;
}

static bool accept(struct cursor *c, const char *word) {
    size_t length = strlen(word);
    skip_spaces(c);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0)
        return false;
    c->at += length;
    return true;
}

static int fault(const struct cursor *c, const char *wanted, struct error *err) {
    return error_set(err, ERR_INVALID, "header, byte %zu: %s is needed here", (size_t)(c->at - c->start), wanted);
}

/* A short quoted text without escapes. */
static int text_parse(char out[MAX_TEXT], struct cursor *c, const char *wanted, struct error *err) {
    const char *quote = accept(c, "'") ? "'" : accept(c, "\"") ? "\"" : NULL;
    size_t size = 0;
    if (!quote)
        return fault(c, wanted, err);
    for (; c->at < c->end && *c->at != *quote; c->at++) {
        if (size + 1 == MAX_TEXT || *c->at < ' ' || *c->at > '~' || *c->at == '\\')
            return fault(c, wanted, err);
        out[size++] = *c->at;
    }
    out[size] = '\0';
    return accept(c, quote) ? 0 : fault(c, "the end of a text", err);
}

static int size_parse(size_t *out, struct cursor *c, struct error *err) {
    size_t digits = 0;
    skip_spaces(c);
    for (*out = 0; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++, digits++)
        if (__builtin_mul_overflow(*out, (size_t)10, out) || __builtin_add_overflow(*out, (size_t)(*c->at - '0'), out))
            return error_set(err, ERR_INVALID, "header: \"shape\" holds a size that is too large");
    if (digits == 0 || (digits > 1 && c->at[-(ptrdiff_t)digits] == '0'))
        return fault(c, "a whole number without leading zeros", err);
    return 0;
}

/* "()", "(3,)", "(2, 3)": one size alone has a comma behind it, or it would be no tuple. */
static int shape_parse(struct npy *out, struct cursor *c, struct error *err) {
    if (!accept(c, "("))
        return fault(c, "\"(\"", err);
    bool comma = true;
    out->dims = 0;
    while (!accept(c, ")")) {
        if (!comma)
            return fault(c, "\",\" or \")\"", err);
        if (out->dims == NPY_MAX_DIMS)
            return error_set(err, ERR_INVALID, "header: \"shape\" has more than %d sizes", NPY_MAX_DIMS);
        int rc = size_parse(&out->shape[out->dims++], c, err);
        if (rc)
            return rc;
        comma = accept(c, ",");
    }
    return out->dims == 1 && !comma ? fault(c, "\",\" behind a single size", err) : 0;
}

static int type_parse(struct npy *out, struct cursor *c, struct error *err) {
    char descr[MAX_TEXT];
    int rc = text_parse(descr, c, "the type as a text", err);
    if (rc)
        return rc;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].descr, descr) == 0) {
            out->type = (enum npy_type)i;
            return 0;
        }
    return error_set(err, ERR_INVALID,
                     "header: the type is '%s'; only '<f4' and '|u1' are read: numpy's astype(\"<f4\") makes the first",
                     descr);
}

static int order_parse(struct cursor *c, struct error *err) {
    if (accept(c, "False"))
        return 0;
    if (accept(c, "True"))
        return error_set(err, ERR_INVALID,
                         "header: the array is in Fortran order; numpy's ascontiguousarray puts it in C order");
    return fault(c, "True or False", err);
}

enum { DESCR = 1, ORDER = 2, SHAPE = 4, ALL = 7 };

static int member_parse(struct npy *out, unsigned *seen, struct cursor *c, struct error *err) {
    char name[MAX_TEXT];
    int rc = text_parse(name, c, "the name of a member", err);
    if (rc)
        return rc;
    unsigned member = strcmp(name, "descr") == 0           ? DESCR
                      : strcmp(name, "fortran_order") == 0 ? ORDER
                      : strcmp(name, "shape") == 0         ? SHAPE
                                                           : 0;
    if (!member || (*seen & member))
        return error_set(err, ERR_INVALID, "header: \"%s\" %s", name, member ? "stands twice" : "is no member of it");
    *seen |= member;
    if (!accept(c, ":"))
        return fault(c, "\":\"", err);
    return member == DESCR ? type_parse(out, c, err) : member == ORDER ? order_parse(c, err) : shape_parse(out, c, err);
}

static int dictionary_parse(struct npy *out, struct cursor *c, struct error *err) {
    unsigned seen = 0;
    bool comma = true;
    if (!accept(c, "{"))
        return fault(c, "\"{\"", err);
    while (!accept(c, "}")) {
        if (!comma)
            return fault(c, "\",\" or \"}\"", err);
        int rc = member_parse(out, &seen, c, err);
        if (rc)
            return rc;
        comma = accept(c, ",");
    }
    if (seen != ALL)
        return error_set(err, ERR_INVALID, "header: \"%s\" is missing",
                         !(seen & DESCR)   ? "descr"
                         : !(seen & ORDER) ? "fortran_order"
                                           : "shape");
    skip_spaces(c);
    return c->end - c->at == 1 && *c->at == '\n' ? 0 : fault(c, "nothing but spaces and a line break", err);
}

int npy_header_parse(struct npy *out, size_t *data_offset, const void *bytes, size_t size, uint64_t file_size,
                     struct error *err) {
    const unsigned char *b = bytes;
    size_t count;
    *out = (struct npy){0};
    if (size < PREFIX_BYTES || memcmp(b, magic, 6) != 0)
        return error_set(err, ERR_INVALID, "not a .npy file: it does not start with \\x93NUMPY");
    if (memcmp(b, magic, sizeof magic) != 0)
        return error_set(err, ERR_INVALID, "a .npy file of format %d.%d; only 1.0 is read", b[6], b[7]);
    size_t length = (size_t)b[8] | (size_t)b[9] << 8;
    if (length > size - PREFIX_BYTES)
        return error_set(err, ERR_INVALID, "a header of %zu bytes does not fit a file of %llu", length,
                         (unsigned long long)file_size);
    const char *text = (const char *)b + PREFIX_BYTES;
    struct cursor c = {text, text, text + length};
    int rc = dictionary_parse(out, &c, err);
    if (rc || (rc = npy_count(&count, out, err)))
        return rc;
    *data_offset = PREFIX_BYTES + length;
    if (file_size - *data_offset == count * types[out->type].bytes)
        return 0;
    struct buffer shape = {0};
    npy_describe(&shape, out);
    rc = error_set(err, ERR_INVALID, "%llu bytes of data are not those of %s, which are %zu",
                   (unsigned long long)(file_size - *data_offset), buffer_text(&shape), count * types[out->type].bytes);
    buffer_close(&shape);
    return rc;
}

struct npy_reader {
    struct npy array;
    size_t data_offset, count;
    char *path;
    int fd;
};

/* Fewer bytes than asked for only where the file ends. */
static int read_at(size_t *got, int fd, void *out, size_t size, size_t offset, struct error *err) {
    for (*got = 0; *got < size;) {
        ssize_t n = pread(fd, (char *)out + *got, size - *got, (off_t)(offset + *got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(err, errno, "read");
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return 0;
}

static int reader_start(struct npy_reader *r, struct error *err) {
    struct stat st;
    size_t got;
    r->fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (r->fd < 0 && errno == ENOENT)
        return error_set(err, ERR_NOT_FOUND, "there is no such file");
    if (r->fd < 0 || fstat(r->fd, &st))
        return error_errno(err, errno, "open");
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERR_INVALID, "not a regular file");
    char *head = mem_alloc(NPY_MAX_HEADER_BYTES);
    int rc = read_at(&got, r->fd, head, NPY_MAX_HEADER_BYTES, 0, err);
    if (!rc)
        rc = npy_header_parse(&r->array, &r->data_offset, head, got, (uint64_t)st.st_size, err);
    free(head);
    return rc ? rc : npy_count(&r->count, &r->array, err);
}

int npy_open(struct npy_reader **out, const char *path, struct error *err) {
    struct npy_reader *r = mem_alloc(sizeof *r);
    r->path = mem_strdup(path);
    int rc = reader_start(r, err);
    if (rc) {
        error_prefix(err, "%s", path);
        npy_close(r);
    }
    *out = rc ? NULL : r;
    return rc;
}

const struct npy *npy_array(const struct npy_reader *r) {
    return &r->array;
}

int npy_read(struct npy_reader *r, void *out, size_t first, size_t count, struct error *err) {
    size_t bytes = types[r->array.type].bytes, got;
    assert(first <= r->count && count <= r->count - first);
    int rc = read_at(&got, r->fd, out, count * bytes, r->data_offset + first * bytes, err);
    if (!rc && got < count * bytes)
        rc = error_set(err, ERR_IO, "it has become shorter while it was read");
    if (rc)
        error_prefix(err, "%s", r->path);
    return rc;
}

void npy_close(struct npy_reader *r) {
    if (!r)
        return;
    if (r->fd >= 0)
        close(r->fd);
    free(r->path);
    free(r);
}

struct npy_writer {
    char *path, *partial;
    size_t element_bytes, left; /* elements not written yet */
    int fd;                     /* -1: finished */
};

static char *partial_path(const char *path) {
    char *directory = path_directory(path), *name = mem_printf(".%s.partial", path_base(path));
    char *partial = path_join(directory, name);
    free(directory);
    free(name);
    return partial;
}

int npy_writer_create(struct npy_writer **out, const char *path, const struct npy *a, struct error *err) {
    struct npy_writer *w = mem_alloc(sizeof *w);
    struct buffer header = {0};
    w->path = mem_strdup(path);
    w->partial = partial_path(path);
    w->element_bytes = types[a->type].bytes;
    w->fd = -1;
    int rc = npy_count(&w->left, a, err);
    if (rc) {
        error_prefix(err, "%s", path);
        goto out;
    }
    w->fd = open(w->partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (w->fd < 0) {
        rc = error_errno(err, errno, "%s", w->partial);
        goto out;
    }
    npy_header_encode(&header, a);
    rc = fchmod(w->fd, 0644) ? error_errno(err, errno, "%s", w->partial)
                             : file_write_all(w->fd, header.data, header.size, w->partial, err);
out:
    buffer_close(&header);
    if (rc)
        npy_writer_free(w);
    *out = rc ? NULL : w;
    return rc;
}

int npy_write(struct npy_writer *w, const void *elements, size_t count, struct error *err) {
    assert(count <= w->left);
    w->left -= count;
    return file_write_all(w->fd, elements, count * w->element_bytes, w->partial, err);
}

int npy_writer_finish(struct npy_writer *w, struct error *err) {
    assert(w->left == 0);
    if (fsync(w->fd) || rename(w->partial, w->path))
        return error_errno(err, errno, "%s", w->path);
    close(w->fd);
    w->fd = -1;
    return 0;
}

void npy_writer_free(struct npy_writer *w) {
    if (!w)
        return;
    if (w->fd >= 0) {
        close(w->fd);
        unlink(w->partial);
    }
    free(w->path);
    free(w->partial);
    free(w);
}
