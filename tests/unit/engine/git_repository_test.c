#include <git2.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/git/repository.h"

/* A repository to fetch from, and an empty store. Trees are written as bytes, so that they may hold any name. Their rows
   are sorted, since libgit2 looks names up in halves. */
static char *root, *source_path, *store, *url;
static git_repository *source;
static git_odb *objects;

static void require_git(int rc) {
    if (rc < 0)
        fail_msg("libgit2: %s", git_error_last() ? git_error_last()->message : "?");
}

static void require(int rc, const struct error *err) {
    if (rc < 0)
        fail_msg("%s", err->message);
}

static int make_source(void **state) {
    (void)state;
    root = mkdtemp(mem_strdup("/tmp/retort-git-XXXXXX"));
    source_path = path_join(root, "source.git");
    store = path_join(root, "store");
    url = mem_printf("file://%s", source_path);
    git_libgit2_init();
    git_repository_init_options options;
    git_repository_init_options_init(&options, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
    options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKPATH;
    options.initial_head = "trunk";
    require_git(git_repository_init_ext(&source, source_path, &options));
    require_git(git_repository_odb(&objects, source));
    return mkdir(store, 0777);
}

static int remove_source(void **state) {
    (void)state;
    git_odb_free(objects);
    git_repository_free(source);
    git_libgit2_shutdown();
    int rc = file_remove_tree(root, NULL);
    free(root);
    free(source_path);
    free(store);
    free(url);
    return rc;
}

static git_oid blob(const char *text) {
    git_oid id;
    require_git(git_odb_write(&id, objects, text, strlen(text), GIT_OBJECT_BLOB));
    return id;
}

static git_oid elsewhere(void) {
    git_oid id;
    git_oid_fromstr(&id, "1111111111111111111111111111111111111111");
    return id;
}

struct row {
    const char *mode, *name;
    git_oid id;
};

static git_oid tree(const struct row *rows, size_t count) {
    struct buffer bytes = {0};
    git_oid id;
    for (size_t i = 0; i < count; i++) {
        buffer_printf(&bytes, "%s %s", rows[i].mode, rows[i].name);
        buffer_putc(&bytes, '\0');
        buffer_append(&bytes, rows[i].id.id, sizeof rows[i].id.id);
    }
    require_git(git_odb_write(&id, objects, buffer_text(&bytes), bytes.size, GIT_OBJECT_TREE));
    buffer_close(&bytes);
    return id;
}
#define TREE(...)                                                                                                      \
    tree((const struct row[]){__VA_ARGS__}, sizeof((const struct row[]){__VA_ARGS__}) / sizeof(struct row))

/* Commits a tree to refs/heads/trunk; the id as hex. */
static const char *commit(git_oid tree_id) {
    static char hex[GIT_OID_HEXSZ + 1];
    git_oid id;
    git_tree *looked_up = NULL;
    git_signature *author = NULL;
    require_git(git_tree_lookup(&looked_up, source, &tree_id));
    require_git(git_signature_new(&author, "A", "a@example.org", 1700000000, 0));
    require_git(git_commit_create(&id, source, NULL, author, author, NULL, "study", looked_up, 0, NULL));
    git_reference *ref = NULL;
    require_git(git_reference_create(&ref, source, "refs/heads/trunk", &id, 1, NULL));
    git_reference_free(ref);
    git_signature_free(author);
    git_tree_free(looked_up);
    return git_oid_tostr(hex, sizeof hex, &id);
}

static struct repository *open_repository(void) {
    struct repository *r = NULL;
    struct error err = {0};
    require(repository_open(&r, store, url, &err), &err);
    return r;
}

static struct repository *fetched(const char *id) {
    struct error err = {0};
    struct repository *r = open_repository();
    require(repository_fetch(r, id, &err), &err);
    return r;
}

static void expect_text(struct repository *r, const char *id, const char *path, const char *text) {
    struct error err = {0};
    struct git_entry e;
    struct buffer bytes = {0};
    require(repository_find(r, id, path, &e, &err), &err);
    require(repository_read(r, &e, 1000, &bytes, &err), &err);
    assert_string_equal(buffer_text(&bytes), text);
    buffer_close(&bytes);
}

static void expect_error(struct repository *r, const char *id, const char *path, int code, const char *part) {
    struct error err = {0};
    struct git_entry e;
    assert_int_equal(repository_find(r, id, path, &e, &err), code);
    if (!strstr(err.message, part))
        fail_msg("\"%s\" does not hold \"%s\"", err.message, part);
}

/* ---- URLs ---- */

static void expect_fault(const char *text, bool foreign, const char *part) {
    const char *fault = git_url_fault(text, foreign);
    if (!fault || !strstr(fault, part))
        fail_msg("%s: \"%s\" does not hold \"%s\"", text, fault ? fault : "(no fault)", part);
}

static void test_the_urls_of_repositories_are_taken(void **state) {
    (void)state;
    assert_null(git_url_fault("https://git.example.org/radio/plots.git", true));
    assert_null(git_url_fault("https://git.example.org:8443/~me/plots", true));
    assert_null(git_url_fault("ssh://git@git.example.org:2222/radio/plots.git", true));
    assert_null(git_url_fault("ssh://git-1.b_c@[::1]:2222/radio/plots.git", true));
    assert_null(git_url_fault("file:///srv/plots.git", false));
}

static void test_other_schemes_are_refused(void **state) {
    (void)state;
    expect_fault("http://h/x.git", false, "https://");
    expect_fault("git://h/x.git", false, "https://");
    expect_fault("ext::sh -c true", false, "https://");
    expect_fault("git@h:x.git", false, "ssh://");
    expect_fault("/srv/x.git", false, "file://");
}

static void test_a_foreign_file_may_not_name_a_file_of_this_machine(void **state) {
    (void)state;
    expect_fault("file:///srv/x.git", true, "came from elsewhere");
}

static void test_a_host_that_looks_like_an_option_is_refused(void **state) {
    (void)state;
    expect_fault("ssh://-oProxyCommand=x/x.git", true, "begins with \"-\"");
    expect_fault("ssh://git@-oProxyCommand=x/x.git", true, "begins with \"-\"");
    expect_fault("ssh://-l@h/x.git", true, "begins with \"-\"");
    expect_fault("ssh://%2doProxyCommand=x/x.git", true, "begins with \"-\"");
    expect_fault("ssh://h%0ax/x.git", true, "no host has");
    expect_fault("ssh://h;true/x.git", true, "no host has");
    expect_fault("ssh://$(true)@h/x.git", false, "no host has");
    expect_fault("ssh://h'h/x.git", true, "no host has");
    expect_fault("https://h&h/x.git", true, "no host has");
}

static void test_a_path_that_looks_like_an_option_is_refused(void **state) {
    (void)state;
    expect_fault("ssh://h/-x", true, "path begins");
    expect_fault("ssh://h//%2Dx", true, "path begins");
}

static void test_a_password_in_a_url_is_refused(void **state) {
    (void)state;
    expect_fault("https://me:secret@h/x.git", false, "password");
    expect_fault("https://token@h/x.git", false, "password");
    expect_fault("ssh://me:secret@h/x.git", false, "password");
}

static void test_malformed_urls_are_refused(void **state) {
    (void)state;
    expect_fault("https:///x.git", false, "no host");
    expect_fault("https://:80/x.git", false, "no host");
    expect_fault("https://h", false, "no repository");
    expect_fault("https://h//", false, "no repository");
    expect_fault("https://h/a b", false, "character");
    expect_fault("https://h/a\nb", false, "character");
    expect_fault("https://h/a?b", false, "character");
    expect_fault("file://host/x", false, "absolute path");
}

/* ---- fetching ---- */

static void test_a_fetched_file_has_the_bytes_of_the_commit(void **state) {
    (void)state;
    const char *id = commit(TREE({"100644", "study.json", blob("{}\n")}));
    struct repository *r = fetched(id);
    expect_text(r, id, "study.json", "{}\n");
    repository_close(r);
}

static void test_opening_writes_nothing(void **state) {
    (void)state;
    repository_close(open_repository());
    char *folder = path_join(store, "git");
    assert_false(file_exists(folder));
    free(folder);
}

static void test_a_commit_is_read_without_its_remote_after_the_fetch(void **state) {
    (void)state;
    const char *id = commit(TREE({"100644", "study.json", blob("{}\n")}));
    repository_close(fetched(id));
    assert_int_equal(file_remove_tree(source_path, NULL), 0);
    struct repository *r = fetched(id);
    expect_text(r, id, "study.json", "{}\n");
    repository_close(r);
}

static void test_a_second_commit_is_fetched_into_the_same_repository(void **state) {
    (void)state;
    char first[COMMIT_HEX_SIZE];
    memcpy(first, commit(TREE({"100644", "a", blob("one")})), sizeof first);
    struct repository *r = fetched(first);
    const char *second = commit(TREE({"100644", "a", blob("two")}));
    struct error err = {0};
    require(repository_fetch(r, second, &err), &err);
    expect_text(r, first, "a", "one");
    expect_text(r, second, "a", "two");
    repository_close(r);
}

static void test_a_commit_that_the_remote_lacks_is_not_found(void **state) {
    (void)state;
    commit(TREE({"100644", "a", blob("one")}));
    struct repository *r = open_repository();
    struct error err = {0};
    assert_int_equal(repository_fetch(r, "0123456789012345678901234567890123456789", &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "did not send the commit"));
    repository_close(r);
}

static void test_a_missing_remote_is_named(void **state) {
    (void)state;
    file_remove_tree(source_path, NULL);
    struct repository *r = open_repository();
    struct error err = {0};
    assert_int_equal(repository_fetch(r, "0123456789012345678901234567890123456789", &err), ERR_FAILED);
    assert_ptr_equal(strstr(err.message, url), err.message);
    repository_close(r);
}

/* The pack of a fetch is there, and the mark is not: so a kill leaves it. */
static void test_a_fetch_without_its_mark_is_completed(void **state) {
    (void)state;
    const char *id = commit(TREE({"100644", "a", blob("one")}));
    struct repository *r = fetched(id);
    char *command = mem_printf("rm -r %s/git/*/refs/retort", store);
    assert_int_equal(system(command), 0);
    free(command);
    struct error err = {0};
    require(repository_fetch(r, id, &err), &err);
    expect_text(r, id, "a", "one");
    repository_close(r);
}

/* Writes a commit into the repository of the store, whose folder d names a file that is not there. */
static const char *plant_incomplete(void) {
    glob_t found;
    char *pattern = mem_printf("%s/git/*.git", store);
    git_repository *planted = NULL, *kept = source;
    git_odb *planted_objects = NULL, *kept_objects = objects;
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    require_git(git_repository_open_bare(&planted, found.gl_pathv[0]));
    require_git(git_repository_odb(&planted_objects, planted));
    source = planted;
    objects = planted_objects;
    const char *id = commit(TREE({"40000", "d", TREE({"100644", "gone", elsewhere()})}));
    source = kept;
    objects = kept_objects;
    git_odb_free(planted_objects);
    git_repository_free(planted);
    globfree(&found);
    free(pattern);
    return id;
}

static void test_a_commit_that_lacks_a_file_is_not_taken(void **state) {
    (void)state;
    struct repository *r = fetched(commit(TREE({"100644", "a", blob("one")})));
    const char *id = plant_incomplete();
    struct error err = {0};
    assert_int_equal(repository_fetch(r, id, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.message, "did not send the whole commit"));
    repository_close(r);
}

/* ---- names of commits ---- */

static void tag(const char *name, const char *id, bool annotated) {
    git_object *target = NULL;
    git_oid made;
    git_signature *author = NULL;
    require_git(git_revparse_single(&target, source, id));
    require_git(git_signature_new(&author, "A", "a@example.org", 1700000000, 0));
    require_git(annotated ? git_tag_create(&made, source, name, target, author, "text", 0)
                          : git_tag_create_lightweight(&made, source, name, target, 0));
    git_signature_free(author);
    git_object_free(target);
}

static void expect_resolved(const char *rev, const char *id) {
    struct repository *r = open_repository();
    char found[COMMIT_HEX_SIZE];
    struct error err = {0};
    require(repository_resolve(r, rev, found, &err), &err);
    assert_string_equal(found, id);
    repository_close(r);
}

static void test_branches_and_tags_are_resolved(void **state) {
    (void)state;
    const char *id = commit(TREE({"100644", "a", blob("one")}));
    tag("v1", id, false);
    tag("v2", id, true);
    expect_resolved("trunk", id);
    expect_resolved("v1", id);
    expect_resolved("v2", id);
    expect_resolved("refs/tags/v2", id);
    expect_resolved("HEAD", id);
}

static void test_a_full_id_needs_no_remote(void **state) {
    (void)state;
    file_remove_tree(source_path, NULL);
    expect_resolved("0123456789012345678901234567890123456789", "0123456789012345678901234567890123456789");
}

static void test_an_unknown_name_is_not_found(void **state) {
    (void)state;
    commit(TREE({"100644", "a", blob("one")}));
    struct repository *r = open_repository();
    char found[COMMIT_HEX_SIZE];
    struct error err = {0};
    assert_int_equal(repository_resolve(r, "v9", found, &err), ERR_NOT_FOUND);
    repository_close(r);
}

static void test_a_name_of_a_branch_and_a_tag_is_refused(void **state) {
    (void)state;
    tag("trunk", commit(TREE({"100644", "a", blob("one")})), false);
    struct repository *r = open_repository();
    char found[COMMIT_HEX_SIZE];
    struct error err = {0};
    assert_int_equal(repository_resolve(r, "trunk", found, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "refs/tags/trunk"));
    repository_close(r);
}

/* ---- entries ---- */

static void test_entries_have_types_and_sizes(void **state) {
    (void)state;
    const char *id = commit(TREE({"40000", "d", TREE({"100755", "x", blob("run")})}, {"100644", "f", blob("four")}));
    struct repository *r = fetched(id);
    struct git_entry e;
    struct error err = {0};
    require(repository_find(r, id, "f", &e, &err), &err);
    assert_int_equal(e.type, GIT_FILE);
    assert_int_equal(e.size, 4);
    require(repository_find(r, id, "d/x", &e, &err), &err);
    assert_int_equal(e.type, GIT_EXECUTABLE);
    require(repository_find(r, id, "d", &e, &err), &err);
    assert_int_equal(e.type, GIT_FOLDER);
    require(repository_find(r, id, ".", &e, &err), &err);
    assert_int_equal(e.type, GIT_FOLDER);
    repository_close(r);
}

static void test_a_missing_path_is_not_found(void **state) {
    (void)state;
    const char *id = commit(TREE({"100644", "f", blob("four")}));
    struct repository *r = fetched(id);
    expect_error(r, id, "g", ERR_NOT_FOUND, ":g: does not exist");
    expect_error(r, id, "f/g", ERR_NOT_FOUND, "is a file");
    repository_close(r);
}

static void test_more_bytes_than_the_limit_are_refused(void **state) {
    (void)state;
    const char *id = commit(TREE({"100644", "f", blob("four")}));
    struct repository *r = fetched(id);
    struct git_entry e;
    struct buffer bytes = {0};
    struct error err = {0};
    require(repository_find(r, id, "f", &e, &err), &err);
    assert_int_equal(repository_read(r, &e, 3, &bytes, &err), ERR_INVALID);
    assert_int_equal(bytes.size, 0);
    repository_close(r);
}

static void test_links_are_followed_inside_the_tree(void **state) {
    (void)state;
    git_oid inner = TREE({"100644", "data", blob("bytes")}, {"120000", "up", blob("../top")});
    const char *id = commit(TREE({"40000", "d", inner}, {"120000", "far", blob("here/../d/up")},
                                 {"120000", "here", blob("d")}, {"100644", "top", blob("top bytes")}));
    struct repository *r = fetched(id);
    expect_text(r, id, "here/data", "bytes");
    expect_text(r, id, "d/up", "top bytes");
    expect_text(r, id, "far", "top bytes");
    repository_close(r);
}

static void test_links_that_leave_the_tree_are_refused(void **state) {
    (void)state;
    const char *id = commit(TREE({"120000", "abs", blob("/etc/passwd")}, {"120000", "empty", blob("")},
                                 {"120000", "loop", blob("loop")}, {"120000", "up", blob("../../etc/passwd")}));
    struct repository *r = fetched(id);
    expect_error(r, id, "abs", ERR_INVALID, "leads out of the repository");
    expect_error(r, id, "up", ERR_INVALID, "leads out of the repository");
    expect_error(r, id, "loop", ERR_INVALID, "too many symbolic links");
    expect_error(r, id, "empty", ERR_INVALID, "damaged");
    expect_error(r, id, "..", ERR_INVALID, "leads out of the repository");
    expect_error(r, id, "/abs", ERR_INVALID, "must be relative");
    repository_close(r);
}

static void test_a_submodule_is_named(void **state) {
    (void)state;
    const char *id = commit(TREE({"160000", "sub", elsewhere()}));
    struct repository *r = fetched(id);
    expect_error(r, id, "sub/x", ERR_INVALID, "\"sub\" is a submodule");
    repository_close(r);
}

static void test_harmful_names_are_refused(void **state) {
    (void)state;
    git_oid b = blob("x");
    const char *id = commit(TREE({"100644", ".GIT", b}, {"100644", "a\\b", b}, {"100644", "git~1", b}));
    struct repository *r = fetched(id);
    expect_error(r, id, ".GIT", ERR_INVALID, "refused");
    expect_error(r, id, "a\\b", ERR_INVALID, "refused");
    expect_error(r, id, "git~1", ERR_INVALID, "refused");
    repository_close(r);
}

/* ---- lists ---- */

static int note(void *context, const char *path, const struct git_entry *entry, struct error *err) {
    (void)err;
    buffer_printf(context, "%c %s\n", "fxd"[entry->type], path);
    return strcmp(path, "left") == 0;
}

static void expect_list(struct repository *r, const char *id, const char *folder, const char *text) {
    struct buffer lines = {0};
    struct error err = {0};
    require(repository_list(r, id, folder, note, &lines, &err), &err);
    assert_string_equal(buffer_text(&lines), text);
    buffer_close(&lines);
}

static void expect_no_list(struct repository *r, const char *id, const char *folder, const char *part) {
    struct buffer lines = {0};
    struct error err = {0};
    assert_int_equal(repository_list(r, id, folder, note, &lines, &err), ERR_INVALID);
    if (!strstr(err.message, part))
        fail_msg("\"%s\" does not hold \"%s\"", err.message, part);
    buffer_close(&lines);
}

static void test_a_folder_is_listed_with_all_below(void **state) {
    (void)state;
    git_oid inner = TREE({"100755", "x", blob("run")});
    git_oid all = TREE({"100644", "a", blob("a")}, {"40000", "d", inner}, {"40000", "left", inner},
                       {"120000", "link", blob("d")});
    const char *id = commit(TREE({"40000", "all", all}));
    struct repository *r = fetched(id);
    expect_list(r, id, "all", "f a\nd d\nx d/x\nd left\nd link\nx link/x\n");
    expect_list(r, id, "all/d", "x x\n");
    repository_close(r);
}

static void test_a_folder_that_holds_something_hostile_is_not_listed(void **state) {
    (void)state;
    git_oid b = blob("x");
    git_oid cases = TREE({"100644", "A", b}, {"100644", "a", b}), twice = TREE({"100644", "a", b}, {"100644", "a", b});
    git_oid outside = TREE({"120000", "l", blob("../../x")}), slash = TREE({"100644", "../x", b});
    git_oid dot = TREE({"40000", ".git", TREE({"100644", "config", b})}), loop = TREE({"120000", "l", blob(".")});
    const char *id = commit(TREE({"40000", "case", cases}, {"40000", "dot", dot}, {"40000", "loop", loop},
                                 {"40000", "outside", outside}, {"40000", "slash", slash},
                                 {"40000", "sub", TREE({"160000", "module", elsewhere()})}, {"40000", "twice", twice}));
    struct repository *r = fetched(id);
    expect_no_list(r, id, "case", "differ in case alone");
    expect_no_list(r, id, "twice", "differ in case alone");
    expect_no_list(r, id, "dot", "\".git\" is refused");
    expect_no_list(r, id, "loop", "folder that holds it");
    expect_no_list(r, id, "outside", "leads out of the repository");
    expect_no_list(r, id, "slash", "\"../x\" is refused");
    expect_no_list(r, id, "sub", "\"module\" is a submodule");
    repository_close(r);
}

/* Ten entries of ten entries, eight times: a hundred million names out of nine small trees. */
static void test_a_tree_of_too_many_names_is_refused(void **state) {
    (void)state;
    git_oid below = TREE({"100644", "a", blob("x")});
    for (int i = 0; i < 8; i++)
        below = TREE({"40000", "0", below}, {"40000", "1", below}, {"40000", "2", below}, {"40000", "3", below},
                     {"40000", "4", below}, {"40000", "5", below}, {"40000", "6", below}, {"40000", "7", below},
                     {"40000", "8", below}, {"40000", "9", below});
    const char *id = commit(below);
    struct repository *r = fetched(id);
    expect_no_list(r, id, "", "too large");
    repository_close(r);
}

static void test_a_path_of_too_many_bytes_is_refused(void **state) {
    (void)state;
    char name[201];
    memset(name, 'd', 200);
    name[200] = '\0';
    git_oid below = TREE({"100644", "a", blob("x")});
    for (int i = 0; i < 21; i++)
        below = TREE({"40000", name, below});
    const char *id = commit(below);
    struct repository *r = fetched(id);
    expect_no_list(r, id, "", "too large");
    repository_close(r);
}

#define WITH_SOURCE(test) cmocka_unit_test_setup_teardown(test, make_source, remove_source)
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_urls_of_repositories_are_taken),
        cmocka_unit_test(test_other_schemes_are_refused),
        cmocka_unit_test(test_a_foreign_file_may_not_name_a_file_of_this_machine),
        cmocka_unit_test(test_a_host_that_looks_like_an_option_is_refused),
        cmocka_unit_test(test_a_path_that_looks_like_an_option_is_refused),
        cmocka_unit_test(test_a_password_in_a_url_is_refused),
        cmocka_unit_test(test_malformed_urls_are_refused),
        WITH_SOURCE(test_a_fetched_file_has_the_bytes_of_the_commit),
        WITH_SOURCE(test_opening_writes_nothing),
        WITH_SOURCE(test_a_commit_is_read_without_its_remote_after_the_fetch),
        WITH_SOURCE(test_a_second_commit_is_fetched_into_the_same_repository),
        WITH_SOURCE(test_a_commit_that_the_remote_lacks_is_not_found),
        WITH_SOURCE(test_a_missing_remote_is_named),
        WITH_SOURCE(test_a_fetch_without_its_mark_is_completed),
        WITH_SOURCE(test_a_commit_that_lacks_a_file_is_not_taken),
        WITH_SOURCE(test_branches_and_tags_are_resolved),
        WITH_SOURCE(test_a_full_id_needs_no_remote),
        WITH_SOURCE(test_an_unknown_name_is_not_found),
        WITH_SOURCE(test_a_name_of_a_branch_and_a_tag_is_refused),
        WITH_SOURCE(test_entries_have_types_and_sizes),
        WITH_SOURCE(test_a_missing_path_is_not_found),
        WITH_SOURCE(test_more_bytes_than_the_limit_are_refused),
        WITH_SOURCE(test_links_are_followed_inside_the_tree),
        WITH_SOURCE(test_links_that_leave_the_tree_are_refused),
        WITH_SOURCE(test_a_submodule_is_named),
        WITH_SOURCE(test_harmful_names_are_refused),
        WITH_SOURCE(test_a_folder_is_listed_with_all_below),
        WITH_SOURCE(test_a_folder_that_holds_something_hostile_is_not_listed),
        WITH_SOURCE(test_a_tree_of_too_many_names_is_refused),
        WITH_SOURCE(test_a_path_of_too_many_bytes_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
