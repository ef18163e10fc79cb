/*
 * The columns of the index that hold a record's outs and metrics, so that a key is looked up without the record:
 *
 *   known   count of outs (4 bytes), then for each: name and a zero byte, digest (32), size (8), flags (1);
 *           then the metrics as canonical JSON, and where the stage ran on a Python a zero byte and the digest of that
 *           (32). Numbers are little-endian.
 *   guard   the first 16 bytes of the SHA-256 of key, append time, platform and `known`
 *
 * A row that does not match its guard is not used: the record is read, and its segment is indexed anew.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "store/internal.h"
#include "store/record_format.h"

enum { FLAG_DIRECTORY = 1, FLAG_EXECUTABLE = 2 };

static void put_number(struct buffer *out, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        buffer_putc(out, (char)(value >> (8 * i) & 0xFF));
}

static uint64_t get_number(const unsigned char *from, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;)
        value = value << 8 | from[i];
    return value;
}

struct out_list {
    struct known_out *outs;
    size_t count, capacity;
};

static int add_out(void *context, const char *name, const struct object *o, struct error *err) {
    struct out_list *list = context;
    (void)err;
    mem_grow(list->outs, &list->capacity, list->count + 1);
    list->outs[list->count++] = (struct known_out){name, *o};
    return 0;
}

static int compare_outs(const void *a, const void *b) {
    const struct known_out *x = a, *y = b;
    return json_compare_names(x->name, y->name);
}

static void put_out(struct buffer *out, const char *name, const struct object *o) {
    buffer_append(out, name, strlen(name) + 1);
    buffer_append(out, (const char *)o->digest.bytes, sizeof o->digest.bytes);
    put_number(out, o->size, 8);
    buffer_putc(out, (char)((o->directory ? FLAG_DIRECTORY : 0) | (o->executable ? FLAG_EXECUTABLE : 0)));
}

static void put_python(struct buffer *out, const char *hex) {
    struct digest d;
    if (!digest_parse(&d, hex))
        return;
    buffer_putc(out, '\0');
    buffer_append(out, (const char *)d.bytes, sizeof d.bytes);
}

/* A new record has its outs in the stage's order, its line in that of their names. */
int known_write(struct buffer *out, const cJSON *record, struct error *err) {
    struct record_view r = record_read(record);
    struct out_list list = {0};
    int rc = record_outs(record, add_out, &list, err);
    if (list.count > 1)
        qsort(list.outs, list.count, sizeof *list.outs, compare_outs);
    buffer_clear(out);
    put_number(out, list.count, 4);
    for (size_t i = 0; i < list.count; i++)
        put_out(out, list.outs[i].name, &list.outs[i].object);
    free(list.outs);
    if (cJSON_IsObject(r.metrics))
        json_canonical(out, r.metrics);
    else
        buffer_puts(out, "{}");
    put_python(out, record_python_read(r.python).sha256);
    return rc;
}

void known_guard(struct known_guard *out, struct sha256 *h, const struct digest *key, int64_t at, const char *platform,
                 const void *known, size_t size) {
    struct digest d;
    sha256_field(h, key->bytes, sizeof key->bytes);
    sha256_field(h, &at, sizeof at);
    sha256_field(h, platform, strlen(platform));
    sha256_field(h, known, size);
    sha256_restart(h, &d);
    memcpy(out->bytes, d.bytes, sizeof out->bytes);
}

/* Reads one out. NULL: the bytes end within it. */
static const unsigned char *get_out(struct known_out *out, const unsigned char *at, const unsigned char *end) {
    enum { FIXED = 32 + 8 + 1 };
    const unsigned char *zero = memchr(at, '\0', (size_t)(end - at));
    if (!zero || end - zero - 1 < FIXED)
        return NULL;
    *out = (struct known_out){.name = (const char *)at};
    memcpy(out->object.digest.bytes, zero + 1, 32);
    out->object.size = get_number(zero + 33, 8);
    out->object.directory = zero[41] & FLAG_DIRECTORY;
    out->object.executable = zero[41] & FLAG_EXECUTABLE;
    return zero + 1 + FIXED;
}

/* The digest behind the metrics. */
static const struct digest *get_python(const unsigned char *metrics, const unsigned char *end) {
    const unsigned char *zero = memchr(metrics, '\0', (size_t)(end - metrics));
    return zero && (size_t)(end - zero - 1) == sizeof(struct digest) ? (const struct digest *)(zero + 1) : NULL;
}

bool known_read(struct known_record *out, struct known_memory *m, const void *known, size_t size) {
    if (size < 4)
        return false;
    buffer_clear(&m->text);
    buffer_append(&m->text, known, size);
    const unsigned char *at = (const unsigned char *)m->text.data + 4, *end = at - 4 + size;
    size_t count = get_number(at - 4, 4);
    if (count > size)
        return false;
    mem_grow(m->outs, &m->capacity, count + 1);
    for (size_t i = 0; at && i < count; i++)
        at = get_out(&m->outs[i], at, end);
    *out = (struct known_record){m->outs, count, (const char *)at, at ? get_python(at, end) : NULL};
    return at != NULL;
}

void known_memory_close(struct known_memory *m) {
    buffer_close(&m->text);
    free(m->outs);
    *m = (struct known_memory){0};
}
