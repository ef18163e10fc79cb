/* Segments that are read while their owner appends to them. */
#include "tests/unit/store/fixture.h"

#include <sys/syscall.h>

/* Runs while a store syncs a segment that it is about to read. */
static struct {
    struct store *owner; /* appends and indexes; NULL: nothing happens */
    ino_t segment;
} meanwhile;

/* Stands before the C library's. */
int fdatasync(int fd) {
    struct stat st;
    if (meanwhile.owner && fstat(fd, &st) == 0 && st.st_ino == meanwhile.segment) {
        struct store *owner = meanwhile.owner;
        meanwhile.owner = NULL;
        commit_text(owner, "third", "third");
    }
    return (int)syscall(SYS_fdatasync, fd);
}

static void expect(struct store *s, const char *name) {
    char hex[DIGEST_HEX_SIZE];
    char expected[DIGEST_HEX_SIZE];
    assert_string_equal(find_out(s, name, hex), hex_of(name, expected));
}

/* The reader has looked at the segment's size; before it locks the database, the owner appends and indexes. The
   segment is longer then than the reader saw it, and no shorter than the index says: nothing is to be dropped. */
static void a_segment_that_grows_while_it_is_read_keeps_its_rows(void **state) {
    const struct place *p = *state;
    struct stat st;
    struct store *reader = NULL;
    struct error err = {0};
    struct store *owner = open_store(p);
    commit_text(owner, "first", "first");
    char *segment = only_segment(p);
    char *line = make_line(owner, "second", 1700000000000000000);
    append_text(segment, line); /* the owner, between its append and its transaction */
    assert_int_equal(stat(segment, &st), 0);
    meanwhile.segment = st.st_ino;
    meanwhile.owner = owner;
    ok(store_open(&reader, p->directory, false, &err), err);
    assert_null(meanwhile.owner); /* it did happen */
    char *said = notices(reader);
    assert_string_equal(said, "");
    expect(reader, "first");
    expect(reader, "second");
    expect(reader, "third");
    free(said);
    free(line);
    free(segment);
    store_close(reader);
    store_close(owner);
}

/* An index that is right is not called wrong because somebody adds to it. */
static void fsck_beside_a_writer_finds_nothing(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    commit_text(s, "first", "first");
    store_close(s);
    pid_t child = fork();
    if (child == 0) {
        s = open_store(p);
        for (int i = 0; i < 150; i++) {
            char *name = mem_printf("more %d", i);
            commit_text(s, name, name);
            free(name);
        }
        store_close(s);
        _exit(0);
    }
    int status;
    struct buffer said = {0};
    do {
        struct fsck_report report;
        struct error err = {0};
        ok(store_fsck(p->directory, &report, keep_line, &said, &err), err);
        assert_string_equal(buffer_text(&said), "");
        assert_int_equal(report.rebuilt + report.bad_lines + report.orphaned + report.damaged, 0);
    } while (waitpid(child, &status, WNOHANG) == 0);
    assert_int_equal(status, 0);
    buffer_close(&said);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_segment_that_grows_while_it_is_read_keeps_its_rows, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(fsck_beside_a_writer_finds_nothing, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
