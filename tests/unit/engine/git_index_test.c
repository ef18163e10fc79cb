/* The index of a repository, read without libgit2: indexes that git writes, and damaged ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/buffer.h"
#include "engine/git/index.h"

static void put_number(struct buffer *b, unsigned value) {
    for (int shift = 24; shift >= 0; shift -= 8)
        buffer_putc(b, (char)(value >> shift));
}

static void begin(struct buffer *b, unsigned version, unsigned count) {
    buffer_puts(b, "DIRC");
    put_number(b, version);
    put_number(b, count);
}

/* Times, modes and the id of a blob; the flags. */
static void put_fixed(struct buffer *b, bool extended) {
    for (int i = 0; i < 60; i++)
        buffer_putc(b, '\x55');
    buffer_putc(b, extended ? 0x40 : 0);
    buffer_putc(b, 7);
    if (extended)
        buffer_append(b, "\x20\0", 2);
}

static void put_entry(struct buffer *b, const char *name, bool extended) {
    size_t start = b->size;
    put_fixed(b, extended);
    buffer_puts(b, name);
    do
        buffer_putc(b, '\0');
    while ((b->size - start) % 8);
}

/* Version 4: so many bytes of the last name go, and the rest follows. */
static void put_compressed(struct buffer *b, const char *cut, size_t cut_size, const char *rest) {
    put_fixed(b, false);
    buffer_append(b, cut, cut_size);
    buffer_append(b, rest, strlen(rest) + 1);
}

static void expect(bool tracks, const struct buffer *b, const char *folder) {
    assert_int_equal(index_text_tracks_below(b->data, b->size, folder), tracks);
}

static void names_of_version_2_and_3_are_found(void **state) {
    (void)state;
    for (unsigned version = 2; version <= 3; version++) {
        struct buffer b = {0};
        begin(&b, version, 4);
        put_entry(&b, ".gitignore", version == 3);
        put_entry(&b, ".retort/runs/a.json", false);
        put_entry(&b, ".retortignore", version == 3);
        put_entry(&b, "data/x", false);
        expect(true, &b, ".retort/");
        expect(true, &b, "data/");
        expect(false, &b, ".git/");
        expect(false, &b, "dat/");
        expect(false, &b, "zz/");
        buffer_close(&b);
    }
}

static void compressed_names_are_found(void **state) {
    struct buffer b = {0};
    (void)state;
    begin(&b, 4, 4);
    put_compressed(&b, "", 1, ".gitignore"); /* the cut is 0 */
    put_compressed(&b, "\x09", 1, "retort/x");
    put_compressed(&b, "\x01", 1, "y");
    put_compressed(&b, "\x08", 1, "z");
    expect(true, &b, ".retort/");
    expect(true, &b, ".z/");
    expect(false, &b, "retort/");
    buffer_close(&b);
}

static void a_long_cut_takes_two_bytes(void **state) {
    struct buffer b = {0};
    char name[302] = "";
    (void)state;
    memset(name, 'a', 301);
    begin(&b, 4, 2);
    put_compressed(&b, "", 1, name);
    put_compressed(&b, "\x81\x2d", 2, "b/c"); /* (1 + 1) * 128 + 45 = 301 */
    expect(true, &b, "b/");
    buffer_close(&b);
}

static void a_damaged_index_tracks_nothing(void **state) {
    struct buffer b = {0};
    (void)state;
    begin(&b, 2, 2);
    put_entry(&b, "a", false);
    put_entry(&b, "b/c", false);
    for (size_t size = 0; size < b.size - 8; size++) {
        char *part = malloc(size + 1); /* so that a sanitizer sees a read behind the end */
        assert_non_null(part);
        memcpy(part, b.data, size);
        assert_false(index_text_tracks_below(part, size, "b/"));
        free(part);
    }
    b.data[7] = 5; /* an unknown version */
    expect(false, &b, "b/");
    buffer_close(&b);
    begin(&b, 4, 1);
    put_compressed(&b, "\x7f", 1, "b/c"); /* more than the last name has */
    expect(false, &b, "b/");
    buffer_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_version_2_and_3_are_found),
        cmocka_unit_test(compressed_names_are_found),
        cmocka_unit_test(a_long_cut_takes_two_bytes),
        cmocka_unit_test(a_damaged_index_tracks_nothing),
    };
    return cmocka_run_group_tests_name("engine/git_index", tests, NULL, NULL);
}
