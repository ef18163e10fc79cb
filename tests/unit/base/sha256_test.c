#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/file.h"
#include "engine/base/sha256.h"

/* NIST's examples for FIPS 180-4 ("SHA256.pdf"), and the empty message of the SHA-2 validation suite. */
static const struct {
    const char *message;
    const char *hex;
} vectors[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};
static const char million_a[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

static void assert_digest(const struct digest *d, const char *hex) {
    char text[DIGEST_HEX_SIZE];
    digest_hex(text, d);
    assert_string_equal(text, hex);
}

static void digests_match_the_vectors_of_nist(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct digest d;
        sha256_bytes(&d, vectors[i].message, strlen(vectors[i].message));
        assert_digest(&d, vectors[i].hex);
    }
}

static void a_restarted_hash_gives_what_a_new_one_gives(void **state) {
    (void)state;
    struct sha256 *h = sha256_create();
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct digest d;
        sha256_update(h, vectors[i].message, strlen(vectors[i].message));
        sha256_restart(h, &d);
        assert_digest(&d, vectors[i].hex);
    }
    sha256_free(h);
}

static void a_message_may_come_in_pieces(void **state) {
    (void)state;
    char piece[1000];
    memset(piece, 'a', sizeof piece);
    struct sha256 *h = sha256_create();
    for (int i = 0; i < 1000; i++) {
        sha256_update(h, piece, 333);
        sha256_update(h, piece, 0);
        sha256_update(h, piece, 667);
    }
    struct digest d;
    sha256_finish(h, &d);
    assert_digest(&d, million_a);
}

static void a_field_is_its_length_then_its_bytes(void **state) {
    (void)state;
    struct digest framed;
    struct digest plain;
    struct sha256 *h = sha256_create();
    sha256_field(h, "abc", 3);
    sha256_field(h, "", 0);
    sha256_finish(h, &framed);
    sha256_bytes(&plain, "\3\0\0\0\0\0\0\0abc\0\0\0\0\0\0\0\0", 19);
    assert_true(digest_equal(&framed, &plain));
}

static void the_digest_of_a_file_is_that_of_its_bytes(void **state) {
    (void)state;
    char directory[] = "/tmp/retort-sha256-XXXXXX";
    assert_non_null(mkdtemp(directory));
    char *path = path_join(directory, "million");
    struct error err = {0};
    char *bytes = malloc(1000000);
    assert_non_null(bytes);
    memset(bytes, 'a', 1000000);
    assert_int_equal(file_replace(path, bytes, 1000000, 0444, &err), 0);
    free(bytes);
    struct digest d;
    uint64_t size = 0;
    assert_int_equal(sha256_file(&d, &size, path, &err), 0);
    assert_int_equal(size, 1000000);
    assert_digest(&d, million_a);
    assert_int_equal(sha256_file(&d, NULL, directory, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, directory));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(sha256_file(&d, NULL, path, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(sha256_file(&d, NULL, path, &err), ERR_INVALID); /* and does not wait for a writer */
    assert_int_equal(file_remove_tree(directory, &err), 0);
    free(path);
}

static void a_digest_is_read_from_its_hex(void **state) {
    (void)state;
    struct digest d;
    struct digest again;
    sha256_bytes(&d, "abc", 3);
    assert_true(digest_parse(&again, vectors[1].hex));
    assert_true(digest_equal(&d, &again));
    again.bytes[31] ^= 1;
    assert_false(digest_equal(&d, &again));
    assert_false(digest_parse(&d, ""));
    assert_false(digest_parse(&d, "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"));
    assert_false(digest_parse(&d, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a"));
    assert_false(digest_parse(&d, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0"));
    assert_false(digest_parse(&d, "ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_match_the_vectors_of_nist),
        cmocka_unit_test(a_restarted_hash_gives_what_a_new_one_gives),
        cmocka_unit_test(a_message_may_come_in_pieces),
        cmocka_unit_test(a_field_is_its_length_then_its_bytes),
        cmocka_unit_test(the_digest_of_a_file_is_that_of_its_bytes),
        cmocka_unit_test(a_digest_is_read_from_its_hex),
    };
    return cmocka_run_group_tests_name("base/sha256", tests, NULL, NULL);
}
