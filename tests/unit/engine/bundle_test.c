/* Bundles: their names, their manifest, keys of records, and a file that is written whole or not at all. */
#include "engine/bundle/bundle.h"
#include "engine/plan/action.h"
#include "tests/unit/store/fixture.h"

static void add_text(struct bundle *b, const char *name, const char *text) {
    struct buffer copy = {0};
    struct error err = {0};
    buffer_puts(&copy, text);
    ok(bundle_add_text(b, name, &copy, &err), err);
}

static void fill(struct bundle *b) {
    b->pipeline = mem_strdup("pipeline/p.json");
    add_text(b, "pipeline/p.json", "{}");
    add_text(b, BUNDLE_RECORDS, "");
}

static size_t count_files(const struct place *p) {
    char *command = mem_printf("ls -A %s | wc -l", p->root);
    FILE *f = popen(command, "r");
    unsigned long count = 99;
    assert_int_equal(fscanf(f, "%lu", &count), 1);
    pclose(f);
    free(command);
    return count;
}

static void only_plain_relative_names_may_stand_in_a_bundle(void **state) {
    static const char *const bad[] = {"",          "/a",        "a/",          "a//b", ".",     "..",   "a/..",
                                      "./a",       "a/./",      "a\\b",        "a\nb", "a\x7f", "\xff", "a/.git/config",
                                      ".RETORT/x", "a\xc2\x85", "\xed\xa0\x80"};
    static const char *const good[] = {".gitignore",
                                       ".retortignore",
                                       "a",
                                       "a/b",
                                       "...",
                                       "a..b/.c",
                                       "gr\xc3\xb6\xc3\x9f"
                                       "e/x y"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_non_null(bundle_name_fault(bad[i]));
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_null(bundle_name_fault(good[i]));
}

static void a_manifest_is_read_as_it_was_written(void **state) {
    struct bundle b = {0}, read = {0};
    struct buffer text = {0}, again = {0};
    struct error err = {0};
    (void)state;
    fill(&b);
    b.run = mem_strdup("run");
    b.files[0].executable = true;
    bundle_manifest(&text, &b);
    ok(bundle_manifest_parse(&read, text.data, text.size, &err), err);
    bundle_manifest(&again, &read);
    assert_string_equal(buffer_text(&again), buffer_text(&text));
    assert_true(bundle_find(&read, "pipeline/p.json")->executable);
    assert_null(bundle_find(&read, "pipeline/P.json"));
    bundle_close(&read);
    bundle_close(&b);
    buffer_close(&again);
    buffer_close(&text);
}

static void an_interrupted_bundle_leaves_no_file(void **state) {
    const struct place *p = *state;
    struct bundle b = {0};
    struct error err = {0};
    atomic_bool stop = true;
    char *path = path_join(p->root, "x.zip");
    fill(&b);
    assert_int_equal(bundle_write(&b, path, &(struct bundle_watch){.stop = &stop}, &err), ERR_INTERRUPTED);
    assert_int_equal(count_files(p), 0);
    stop = false;
    ok(bundle_write(&b, path, &(struct bundle_watch){.stop = &stop}, &err), err);
    assert_int_equal(count_files(p), 1);
    bundle_close(&b);
    free(path);
}

static void a_file_that_changed_after_it_was_hashed_leaves_no_bundle(void **state) {
    const struct place *p = *state;
    struct bundle b = {0};
    struct error err = {0};
    char *path = path_join(p->root, "x.tar.zst"), *source = path_join(p->root, "source");
    fill(&b);
    write_text(source, "before", 0644);
    ok(bundle_add_file(&b, "pipeline/a", source, &err), err);
    write_text(source, "behind", 0644);
    assert_int_equal(bundle_write(&b, path, &(struct bundle_watch){0}, &err), ERR_FAILED);
    assert_int_equal(count_files(p), 1);
    bundle_close(&b);
    free(source);
    free(path);
}

/* The digest is computed here by hand: length-framed fields in the order of the names. */
static void the_key_of_components_is_the_digest_of_their_frames(void **state) {
    static const char framed[] = "\x0c\0\0\0\0\0\0\0retort-key-1\x01\0\0\0\0\0\0\0B\x01\0\0\0\0\0\0\0"
                                 "1\x01\0\0\0\0\0\0\0a\x0d\0\0\0\0\0\0\0{\"x\":1,\"y\":2}";
    struct digest expected, found;
    cJSON *components = cJSON_Parse("{\"a\": {\"y\": 2, \"x\": 1}, \"B\": 1}");
    (void)state;
    sha256_bytes(&expected, framed, sizeof framed - 1);
    components_key(&found, components);
    assert_memory_equal(&found, &expected, sizeof found);
    cJSON_Delete(components);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(only_plain_relative_names_may_stand_in_a_bundle),
        TEST(a_manifest_is_read_as_it_was_written),
        TEST(an_interrupted_bundle_leaves_no_file),
        TEST(a_file_that_changed_after_it_was_hashed_leaves_no_bundle),
        TEST(the_key_of_components_is_the_digest_of_their_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
