/* The grants of a user are kept for that user alone. */
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
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/trust/grants.h"

static int make_home(void **state) {
    *state = mem_strdup("/tmp/retort-grants-XXXXXX");
    if (!mkdtemp(*state))
        return -1;
    return setenv("HOME", *state, 1) | unsetenv("XDG_STATE_HOME");
}

static int remove_home(void **state) {
    int rc = file_remove_tree(*state, NULL);
    free(*state);
    return rc;
}

static struct digest digest_of(const char *text) {
    struct digest d;
    sha256_bytes(&d, text, strlen(text));
    return d;
}

static void allow(const char *text) {
    struct error err = {0};
    struct digest d = digest_of(text);
    cJSON *about = cJSON_CreateObject();
    cJSON_AddStringToObject(about, "pipeline", text);
    if (grant_add(&d, about, &err) < 0)
        fail_msg("%s", err.message);
    cJSON_Delete(about);
}

static bool is_allowed(const char *text) {
    struct error err = {0};
    struct digest d = digest_of(text);
    bool found = false;
    if (grant_find(&found, &d, &err) < 0)
        fail_msg("%s", err.message);
    return found;
}

static void expect_refused(const char *word) {
    struct error err = {0};
    struct digest d = digest_of("a");
    bool found = true;
    assert_int_equal(grant_find(&found, &d, &err), ERR_IO);
    assert_false(found);
    if (!strstr(err.message, word))
        fail_msg("no \"%s\" in: %s", word, err.message);
}

static char *below(void **state, const char *name) {
    return path_join(*state, name);
}

static void test_what_was_allowed_is_found(void **state) {
    (void)state;
    assert_false(is_allowed("a"));
    allow("a");
    assert_true(is_allowed("a"));
    assert_false(is_allowed("b"));
}

static void test_the_folder_is_the_users_alone(void **state) {
    struct stat st;
    char *folder = below(state, ".local/state/retort/trust");
    allow("a");
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    free(folder);
}

static void test_the_variable_names_the_folder(void **state) {
    char *folder = below(state, "elsewhere"), *trust = below(state, "elsewhere/retort/trust");
    setenv("XDG_STATE_HOME", folder, 1);
    allow("a");
    assert_true(file_is_directory(trust));
    unsetenv("XDG_STATE_HOME");
    assert_false(is_allowed("a"));
    free(folder);
    free(trust);
}

static void test_a_relative_variable_is_ignored(void **state) {
    char *trust = below(state, ".local/state/retort/trust");
    setenv("XDG_STATE_HOME", "state", 1);
    allow("a");
    assert_true(file_is_directory(trust));
    assert_false(file_exists("state"));
    free(trust);
}

static void test_a_folder_that_others_can_write_to_is_refused(void **state) {
    static const char *const names[] = {".local/state/retort/trust", ".local/state/retort", ".local/state"};
    allow("a");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *folder = below(state, names[i]);
        assert_int_equal(chmod(folder, 0777), 0);
        expect_refused("chmod go-w");
        assert_int_equal(chmod(folder, 0755), 0);
        assert_true(is_allowed("a"));
        free(folder);
    }
}

static void test_a_folder_of_another_user_is_refused(void **state) {
    char *folder = below(state, ".local/state/retort/trust");
    if (geteuid() != 0)
        skip(); /* only root can give a folder away */
    allow("a");
    assert_int_equal(chown(folder, 65534, 65534), 0);
    expect_refused("belongs to another user");
    free(folder);
}

static void test_a_link_in_the_place_of_the_folder_is_refused(void **state) {
    char *folder = below(state, ".local/state/retort/trust"), *moved = below(state, "moved");
    allow("a");
    assert_int_equal(rename(folder, moved), 0);
    assert_int_equal(symlink(moved, folder), 0);
    expect_refused("is a symbolic link");
    free(folder);
    free(moved);
}

static void test_a_file_that_others_can_write_to_is_no_grant(void **state) {
    char hex[DIGEST_HEX_SIZE];
    struct digest d = digest_of("a");
    digest_hex(hex, &d);
    char *folder = below(state, ".local/state/retort/trust"), *path = path_join(folder, hex);
    allow("a");
    assert_int_equal(chmod(path, 0666), 0);
    assert_false(is_allowed("a"));
    free(path);
    free(folder);
}

static void test_grants_are_listed(void **state) {
    struct error err = {0};
    cJSON *list = NULL;
    (void)state;
    assert_int_equal(grant_list(&list, &err), 0);
    assert_int_equal(cJSON_GetArraySize(list), 0);
    cJSON_Delete(list);
    allow("a");
    allow("b");
    assert_int_equal(grant_list(&list, &err), 0);
    assert_int_equal(cJSON_GetArraySize(list), 2);
    const cJSON *first = cJSON_GetArrayItem(list, 0);
    assert_int_equal(strlen(json_text(first, "closure", "")), 64);
    assert_int_equal(strlen(json_text(first, "pipeline", "")), 1);
    assert_true(strlen(json_text(first, "allowed", "")) > 0);
    cJSON_Delete(list);
}

static void test_a_grant_is_revoked_by_its_first_digits(void **state) {
    struct error err = {0};
    char hex[DIGEST_HEX_SIZE];
    struct digest d = digest_of("a");
    (void)state;
    digest_hex(hex, &d);
    allow("a");
    allow("b");
    hex[7] = '\0';
    assert_int_equal(grant_remove(hex, &err), ERR_USAGE);
    digest_hex(hex, &d);
    hex[8] = '\0';
    assert_int_equal(grant_remove(hex, &err), 0);
    assert_false(is_allowed("a"));
    assert_true(is_allowed("b"));
    assert_int_equal(grant_remove(hex, &err), ERR_NOT_FOUND);
}

static void test_without_a_home_nothing_is_allowed(void **state) {
    (void)state;
    unsetenv("HOME");
    expect_refused("HOME is not set");
}

#define at_home(test) cmocka_unit_test_setup_teardown(test, make_home, remove_home)

int main(void) {
    const struct CMUnitTest tests[] = {
        at_home(test_what_was_allowed_is_found),
        at_home(test_the_folder_is_the_users_alone),
        at_home(test_the_variable_names_the_folder),
        at_home(test_a_relative_variable_is_ignored),
        at_home(test_a_folder_that_others_can_write_to_is_refused),
        at_home(test_a_folder_of_another_user_is_refused),
        at_home(test_a_link_in_the_place_of_the_folder_is_refused),
        at_home(test_a_file_that_others_can_write_to_is_no_grant),
        at_home(test_grants_are_listed),
        at_home(test_a_grant_is_revoked_by_its_first_digits),
        at_home(test_without_a_home_nothing_is_allowed),
    };
    return cmocka_run_group_tests_name("engine/grants", tests, NULL, NULL);
}
