/* Links in outs: those that stay inside are entries of the listing, all others are refused. */
#include "store/listing.h"
#include "tests/unit/store/fixture.h"

/* The caller frees. */
static char *below(const struct place *p, const char *name) {
    return path_join(p->root, name);
}

static void make_folder(const struct place *p, const char *name) {
    char *path = below(p, name);
    assert_int_equal(file_make_directory(path, NULL), 0);
    free(path);
}

static void make_file(const struct place *p, const char *name) {
    char *path = below(p, name);
    write_text(path, "abc", 0644);
    free(path);
}

static void make_link(const struct place *p, const char *target, const char *name) {
    char *path = below(p, name);
    assert_int_equal(symlink(target, path), 0);
    free(path);
}

static void expect_link(const char *folder, const char *name, const char *target) {
    char text[100] = {0};
    char *path = path_join(folder, name);
    assert_int_equal(readlink(path, text, sizeof text - 1), strlen(target));
    assert_string_equal(text, target);
    free(path);
}

/* Written by hand from the format in store/README.md. */
static const char linked_listing[] = "retort directory 2\n"
                                     "f ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 3 \"a\"\n"
                                     "f ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 3 \"b/c\"\n"
                                     "l \"../a\" \"b/up\"\n"
                                     "l \"b\" \"folder\"\n"
                                     "l \"a\" \"q\\\"\"\n";

static char *make_linked(const struct place *p, const char *name) {
    char *root = below(p, name), *deep = mem_printf("%s/b", name), *a = mem_printf("%s/a", name),
         *c = mem_printf("%s/b/c", name), *up = mem_printf("%s/b/up", name), *folder = mem_printf("%s/folder", name),
         *quoted = mem_printf("%s/q\"", name);
    make_folder(p, deep);
    make_file(p, a);
    make_file(p, c);
    make_link(p, "../a", up);
    make_link(p, "b", folder);
    make_link(p, "a", quoted);
    free(deep);
    free(a);
    free(c);
    free(up);
    free(folder);
    free(quoted);
    return root;
}

static void links_that_stay_inside_are_kept(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct error err = {0};
    struct object o, hashed, made;
    char *root = make_linked(p, "tree"), *to = below(p, "to");
    ok(store_object_hash(AT_FDCWD, root, &hashed, &err), err);
    ok(store_object_put(s, AT_FDCWD, root, &o, &err), err);
    assert_true(digest_equal(&o.digest, &hashed.digest));
    assert_int_equal(o.size, 6);
    char *path = store_object_path(s, &o.digest), *text = read_text(path);
    assert_string_equal(text, linked_listing);
    ok(store_object_require(s, &o, &err), err);
    ok(store_object_verify(s, &o, &err), err);
    ok(store_materialise(s, &o, to, MATERIALISE_COPY, &err), err);
    expect_link(to, "b/up", "../a");
    expect_link(to, "folder", "b");
    ok(store_made_content(s, to, &made, &err), err);
    assert_true(digest_equal(&o.digest, &made.digest));
    free(text);
    free(path);
    free(to);
    free(root);
    store_close(s);
}

static void a_part_is_found_over_links(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct error err = {0};
    struct object o, part, same;
    char *root = make_linked(p, "tree");
    ok(store_object_put(s, AT_FDCWD, root, &o, &err), err);
    ok(store_object_part(s, &o, "folder/c", &part, &err), err);
    ok(store_object_part(s, &o, "b/c", &same, &err), err);
    assert_true(digest_equal(&part.digest, &same.digest) && !part.directory);
    assert_int_equal(store_object_part(s, &o, "folder", &part, &err), ERR_INVALID); /* its link leaves it */
    assert_non_null(strstr(err.message, "folder/up: is a link to ../a"));
    free(root);
    store_close(s);
}

/* One folder for each: `target` of the link "d/l", beside "d/x", a file, and "d/deep/back", a link to "..". */
static void links_that_leave_are_refused(void **state) {
    static const char *const targets[] = {
        "/etc/passwd",  "../outside", "..",       "x/../../outside",     "l", "missing", "x/y",
        "deep/back/..", "deep/../..", "./../d/x", "deep/back/../outside"};
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct object o;
    make_file(p, "outside");
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        struct error err = {0};
        char *root = below(p, "d");
        make_folder(p, "d/deep");
        make_file(p, "d/x");
        make_link(p, "..", "d/deep/back");
        make_link(p, targets[i], "d/l");
        assert_int_equal(store_object_put(s, AT_FDCWD, root, &o, &err), ERR_INVALID);
        assert_non_null(strstr(err.message, "/d/l: is a link to "));
        assert_int_equal(file_remove_tree(root, NULL), 0);
        free(root);
    }
    char *outside = below(p, "outside"), *text = read_text(outside);
    assert_string_equal(text, "abc");
    free(text);
    free(outside);
    store_close(s);
}

/* Listings that another hand wrote. */
static void a_listing_with_a_bad_link_is_damaged(void **state) {
    static const char *const bad[] = {
        "retort directory 2\nl \"/etc/passwd\" \"a\"\n",
        "retort directory 2\nl \"../x\" \"a\"\n",
        "retort directory 2\nl \"a\" \"a\"\n",
        "retort directory 2\nd \"b\"\nl \"b/../..\" \"c\"\n",
        "retort directory 2\nl \"b\" \"a\"\nd \"a/x\"\nd \"b\"\n", /* an entry behind a link */
        "retort directory 1\nl \"b\" \"a\"\nd \"b\"\n",            /* version 1 has no links */
        "retort directory 2\nd \"b\"\n",
        "retort directory 2\nl \"b \"a\"\nd \"b\"\n",
        "retort directory 2\nl \"b\"\n",
        "retort directory 2\nl \"\" \"a\"\n",
    };
    static const char good[] = "retort directory 2\nl \"b\" \"a\"\nd \"b\"\n";
    struct listing l = {0};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(listing_parse(&l, bad[i], strlen(bad[i]), NULL), ERR_CORRUPT);
    assert_int_equal(listing_parse(&l, good, strlen(good), NULL), 0);
    assert_string_equal(l.entries[0].link, "b");
    listing_close(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
        TEST(links_that_stay_inside_are_kept),
        TEST(a_part_is_found_over_links),
        TEST(links_that_leave_are_refused),
        TEST(a_listing_with_a_bad_link_is_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
