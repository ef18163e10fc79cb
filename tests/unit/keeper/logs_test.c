/* The keeper: where the output of a stage goes. The logs under their first names are used again by the next attempt. */
#include "tests/unit/keeper/fixture.h"

static ino_t inode(const struct trial *t, const char *name) {
    struct stat st;
    char *path = place(t, name);
    assert_int_equal(lstat(path, &st), 0);
    free(path);
    return st.st_ino;
}

static void output_is_kept_under_the_attempt_s_name(void **state) {
    struct trial *t = *state;
    run(t, "echo one; echo three >&2");
    assert_content(t, "stdout", "one\n");
    assert_content(t, "stderr", "three\n");
    assert_true(t->result.stdout_bytes == 4);
    assert_true(t->result.stderr_bytes == 6);
    assert_false(is_there(t, "stdout.log"));
    assert_false(is_there(t, "stderr.log"));
}

static void an_empty_log_is_not_kept(void **state) {
    struct trial *t = *state;
    run(t, "exit 0");
    assert_true(t->result.stdout_bytes == 0);
    assert_true(t->result.stderr_bytes == 0);
    assert_false(is_there(t, "stdout"));
    assert_false(is_there(t, "stderr"));
    ino_t before = inode(t, "stdout.log");
    run(t, "exit 0");
    assert_int_equal(inode(t, "stdout.log"), before); /* the next attempt takes it */
}

static void output_of_a_killed_stage_is_kept(void **state) {
    struct trial *t = *state;
    use_script(t, "echo so far; touch ../ready; sleep 1000");
    submit(t);
    await_file(t, "ready");
    send_frame(t, FRAME_KILL);
    await_result(t);
    assert_content(t, "stdout", "so far\n");
}

static void output_is_kept_when_the_engine_dies(void **state) {
    struct trial *t = *state;
    use_script(t, "echo so far; touch ../ready; sleep 1000");
    submit(t);
    await_file(t, "ready");
    finish(t);
    assert_content(t, "stdout", "so far\n");
    assert_false(is_there(t, "stderr"));
    assert_false(is_there(t, "stderr.log")); /* nobody takes it any more */
}

static void a_log_in_a_missing_folder_is_a_result(void **state) {
    struct trial *t = *state;
    const char *before = t->request.logs[0].path;
    t->request.logs[0].path = "/no/such/folder/log";
    use_script(t, "touch ../ran");
    submit(t);
    await_result(t);
    assert_error(t, "/no/such/folder/log: cannot be opened: No such file or directory");
    assert_false(is_there(t, "ran"));
    t->request.logs[0].path = before;
    assert_still_serves(t);
}

/* ---- changes by an earlier stage ---- */

static void check_log(struct trial *t, const char *fault) {
    char *expected = mem_printf("%s: cannot be opened: %s", t->request.logs[1].path, fault);
    use_script(t, "echo mine >&2; touch ../ran");
    submit(t);
    await_result(t);
    assert_error(t, expected);
    assert_false(is_there(t, "ran"));
    free(expected);
}

static void a_log_that_is_a_link_is_a_result(void **state) {
    struct trial *t = *state;
    make_file(t, "user", "theirs", 0644);
    assert_int_equal(symlink("user", t->request.logs[1].path), 0);
    check_log(t, "Too many levels of symbolic links");
    assert_content(t, "user", "theirs");
}

static void a_log_that_is_a_second_name_of_a_file_is_a_result(void **state) {
    struct trial *t = *state;
    make_file(t, "user", "theirs", 0644);
    char *user = place(t, "user");
    assert_int_equal(link(user, t->request.logs[1].path), 0);
    check_log(t, "it is no regular file of its own");
    assert_content(t, "user", "theirs");
    free(user);
}

static void a_log_that_is_a_pipe_is_a_result(void **state) {
    struct trial *t = *state;
    assert_int_equal(mkfifo(t->request.logs[1].path, 0600), 0);
    check_log(t, "No such device or address");
    int reader = open(t->request.logs[1].path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    check_log(t, "it is no regular file of its own");
    close(reader);
}

static void a_log_that_got_a_second_name_is_not_used_again(void **state) {
    struct trial *t = *state;
    run(t, "ln ../stdout.log ../second");
    run(t, "echo later");
    assert_content(t, "second", "");
    assert_content(t, "stdout", "later\n");
}

static void a_log_that_was_closed_to_its_owner_is_not_used_again(void **state) {
    struct trial *t = *state;
    struct stat st;
    run(t, "chmod 0 ../stdout.log");
    run(t, "echo later");
    char *path = place(t, "stdout");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0600, 0600);
    free(path);
}

static void a_log_that_cannot_be_kept_does_not_show_in_the_next(void **state) {
    struct trial *t = *state;
    run(t, "mkdir ../stdout; touch ../stdout/theirs; echo early");
    assert_true(t->result.stdout_bytes == 6);
    assert_true(is_there(t, "stdout/theirs"));
    t->request.logs[0].kept = keep_place(t, 2, "stdout-2");
    run(t, "echo later");
    assert_content(t, "stdout-2", "later\n");
    assert_true(t->result.stdout_bytes == 6);
}

/* Something else has their place by then. */
static void a_replaced_log_is_not_used_again(void **state) {
    static const char *const ways[] = {"ln -s user", "ln user", "mkfifo", "mkdir"};
    struct trial *t = *state;
    make_file(t, "user", "theirs", 0644);
    for (size_t i = 0; i < 2 * sizeof ways / sizeof *ways; i++) {
        char *script =
            mem_printf("%scd ..; mv stdout.log moved; %s stdout.log", i % 2 ? "echo early; " : "", ways[i / 2]);
        run(t, script);
        assert_int_equal(t->result.exit, 0);
        char *kept = place(t, "stdout");
        file_remove_tree(kept, NULL);
        run(t, "echo later");
        assert_null(t->result.error);
        assert_content(t, "stdout", "later\n");
        assert_content(t, "user", "theirs");
        file_remove_tree(kept, NULL);
        free(kept);
        free(script);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(output_is_kept_under_the_attempt_s_name),
        TEST(an_empty_log_is_not_kept),
        TEST(output_of_a_killed_stage_is_kept),
        TEST(output_is_kept_when_the_engine_dies),
        TEST(a_log_in_a_missing_folder_is_a_result),
        TEST(a_log_that_is_a_link_is_a_result),
        TEST(a_log_that_is_a_second_name_of_a_file_is_a_result),
        TEST(a_log_that_is_a_pipe_is_a_result),
        TEST(a_log_that_got_a_second_name_is_not_used_again),
        TEST(a_log_that_was_closed_to_its_owner_is_not_used_again),
        TEST(a_log_that_cannot_be_kept_does_not_show_in_the_next),
        TEST(a_replaced_log_is_not_used_again),
    };
    return cmocka_run_group_tests_name("logs", tests, NULL, NULL);
}
