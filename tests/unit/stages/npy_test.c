#include "stages/npy.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "tests/unit/stages/fixture.h"

static const float ramp[6] = {0.5F, -1.25F, 3.0F, 1e-30F, 7.0F, 8.0F};

/* The format's description, by hand: 10 bytes, the dictionary, spaces and a line break up to a multiple of 64. */
static void expect_header(const struct npy *a, const char *dictionary, size_t total) {
    struct buffer file = {0};
    npy_header_encode(&file, a);
    assert_int_equal(file.size, total);
    assert_memory_equal(file.data, "\x93NUMPY\x01\x00", 8);
    assert_int_equal((unsigned char)file.data[8] + 256 * (unsigned char)file.data[9], total - 10);
    assert_memory_equal(file.data + 10, dictionary, strlen(dictionary));
    for (size_t i = 10 + strlen(dictionary); i + 1 < total; i++)
        assert_int_equal(file.data[i], ' ');
    assert_int_equal(file.data[total - 1], '\n');
    buffer_close(&file);
}

static void bytes_follow_the_format(void **state) {
    (void)state;
    expect_header(&(struct npy){NPY_F32, 2, {2, 3}}, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
                  128);
    expect_header(&(struct npy){NPY_U8, 1, {7}}, "{'descr': '|u1', 'fortran_order': False, 'shape': (7,), }", 128);
    expect_header(&(struct npy){NPY_F32, 0, {0}}, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }", 128);
    expect_header(&(struct npy){NPY_U8, 8, {1000000, 1000000, 1, 1, 1, 10000000, 10000000, 1000000}},
                  "{'descr': '|u1', 'fortran_order': False, "
                  "'shape': (1000000, 1000000, 1, 1, 1, 10000000, 10000000, 1000000), }",
                  128);
}

static char *write_ramp(const char *directory) {
    const struct npy a = {NPY_F32, 2, {2, 3}};
    struct npy_writer *w;
    struct error err = {0};
    char *path = path_join(directory, "a.npy");
    assert_int_equal(npy_writer_create(&w, path, &a, &err), 0);
    assert_int_equal(npy_write(w, ramp, 4, &err), 0);
    assert_false(file_exists(path)); /* not before it is whole */
    assert_int_equal(npy_write(w, ramp + 4, 2, &err), 0);
    assert_int_equal(npy_writer_finish(w, &err), 0);
    npy_writer_free(w);
    return path;
}

static void an_array_may_be_written_and_read_in_parts(void **state) {
    (void)state;
    struct npy_reader *r;
    struct error err = {0};
    struct stat st;
    char *directory = fixture_directory(), *path = write_ramp(directory);
    float values[6] = {0};
    assert_int_equal(npy_open(&r, path, &err), 0);
    assert_int_equal(npy_array(r)->type, NPY_F32);
    assert_int_equal(npy_array(r)->dims, 2);
    assert_int_equal(npy_array(r)->shape[0], 2);
    assert_int_equal(npy_array(r)->shape[1], 3);
    assert_int_equal(npy_read(r, values + 3, 3, 3, &err), 0);
    assert_int_equal(npy_read(r, values, 0, 3, &err), 0);
    assert_memory_equal(values, ramp, sizeof ramp);
    npy_close(r);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 128 + 24);
    assert_int_equal(st.st_mode & 0777, 0644);
    free(path);
    fixture_remove(directory);
}

static void an_unfinished_array_leaves_no_file(void **state) {
    (void)state;
    const struct npy a = {NPY_U8, 1, {4}};
    struct npy_writer *w;
    struct error err = {0};
    char *directory = fixture_directory(), *path = fixture_write(directory, "a.npy", "old", 3);
    assert_int_equal(npy_writer_create(&w, path, &a, &err), 0);
    assert_int_equal(npy_write(w, "abc", 3, &err), 0);
    npy_writer_free(w);
    size_t size;
    char *old = fixture_read(directory, "a.npy", &size);
    assert_string_equal(old, "old");
    free(old);
    free(path);
    assert_int_equal(unlink((path = path_join(directory, "a.npy"))), 0);
    assert_int_equal(rmdir(directory), 0); /* it is empty */
    free(path);
    free(directory);
}

static int parse(struct npy *a, const char *header, size_t data_bytes, struct error *err) {
    struct buffer file = {0};
    size_t offset, length = strlen(header);
    buffer_append(&file, "\x93NUMPY\x01\x00", 8);
    buffer_putc(&file, (char)(length & 0xff));
    buffer_putc(&file, (char)(length >> 8));
    buffer_puts(&file, header);
    int rc = npy_header_parse(a, &offset, file.data, file.size, file.size + data_bytes, err);
    if (!rc)
        assert_int_equal(offset, file.size);
    buffer_close(&file);
    return rc;
}

static void expect_refused(const char *header, size_t data_bytes, const char *part) {
    struct npy a;
    struct error err = {0};
    int rc = parse(&a, header, data_bytes, &err);
    if (rc != ERR_INVALID)
        fail_msg("%s is read", header);
    if (!strstr(err.message, part))
        fail_msg("\"%s\" does not hold \"%s\"", err.message, part);
}

#define F4 "{'descr': '<f4', "
#define C_ORDER "'fortran_order': False, "

static void arrays_of_other_writers_are_read(void **state) {
    (void)state;
    struct npy a;
    struct error err = {0};
    assert_int_equal(parse(&a, "{\"shape\":(2,3,),\"fortran_order\":False,\"descr\":\"|u1\"}\n", 6, &err), 0);
    assert_int_equal(a.type, NPY_U8);
    assert_int_equal(a.dims, 2);
    assert_int_equal(a.shape[1], 3);
    assert_int_equal(parse(&a, F4 C_ORDER "'shape': (0, 4), }   \n", 0, &err), 0);
    assert_int_equal(parse(&a, F4 C_ORDER "'shape': (), }\n", 4, &err), 0);
    assert_int_equal(a.dims, 0);
}

static void hostile_headers_are_refused(void **state) {
    (void)state;
    expect_refused("", 0, "\"{\" is needed");
    expect_refused("{}\n", 0, "\"descr\" is missing");
    expect_refused(F4 "'shape': (1,), }\n", 4, "\"fortran_order\" is missing");
    expect_refused(F4 C_ORDER "}\n", 4, "\"shape\" is missing");
    expect_refused(F4 C_ORDER "'shape': (1,), 'shape': (1,), }\n", 4, "\"shape\" stands twice");
    expect_refused(F4 C_ORDER "'shape': (1,), 'x': 1, }\n", 4, "\"x\" is no member");
    expect_refused("{'descr': '>f4', " C_ORDER "'shape': (1,), }\n", 4, "'>f4'; only '<f4' and '|u1'");
    expect_refused("{'descr': '<f8', " C_ORDER "'shape': (1,), }\n", 8, "'<f8'");
    expect_refused("{'descr': '|O', " C_ORDER "'shape': (1,), }\n", 8, "'|O'");
    expect_refused("{'descr': [('a', '<f4')], " C_ORDER "'shape': (1,), }\n", 4, "the type as a text");
    expect_refused("{'descr': '"
                   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                   "', " C_ORDER "'shape': (1,), }\n",
                   4, "the type as a text");
    expect_refused(F4 "'fortran_order': True, 'shape': (1,), }\n", 4, "Fortran order");
    expect_refused(F4 "'fortran_order': 0, 'shape': (1,), }\n", 4, "True or False");
    expect_refused(F4 C_ORDER "'shape': 1, }\n", 4, "\"(\" is needed");
    expect_refused(F4 C_ORDER "'shape': (1), }\n", 4, "behind a single size");
    expect_refused(F4 C_ORDER "'shape': (,), }\n", 4, "a whole number");
    expect_refused(F4 C_ORDER "'shape': (-1,), }\n", 4, "a whole number");
    expect_refused(F4 C_ORDER "'shape': (01,), }\n", 4, "without leading zeros");
    expect_refused(F4 C_ORDER "'shape': (1.0,), }\n", 4, "\",\" or \")\"");
    expect_refused(F4 C_ORDER "'shape': (1 1), }\n", 4, "\",\" or \")\"");
    expect_refused(F4 C_ORDER "'shape': (18446744073709551616,), }\n", 4, "too large");
    /* 2^62 floats are 2^64 bytes, which is 0 in 64 bits; 2^32 * 2^32 elements likewise. */
    expect_refused(F4 C_ORDER "'shape': (4611686018427387904,), }\n", 0, "more elements than a file can hold");
    expect_refused(F4 C_ORDER "'shape': (4294967296, 4294967296), }\n", 0, "more elements than a file can hold");
    expect_refused(F4 C_ORDER "'shape': (4294967296, 4294967296, 0), }\n", 0, "more elements than a file can hold");
    expect_refused(F4 C_ORDER "'shape': (1, 1, 1, 1, 1, 1, 1, 1, 1), }\n", 4, "more than 8 sizes");
    expect_refused(F4 C_ORDER "'shape': (2,), }\n", 4, "4 bytes of data are not those of [2] f32, which are 8");
    expect_refused(F4 C_ORDER "'shape': (2,), }\n", 9, "9 bytes of data");
    expect_refused(F4 C_ORDER "'shape': (1,), }", 4, "a line break");
    expect_refused(F4 C_ORDER "'shape': (1,), } x\n", 4, "nothing but spaces");
    expect_refused(F4 C_ORDER "'shape': (1,), }\n\n", 4, "nothing but spaces");
}

static void other_formats_are_named(void **state) {
    (void)state;
    struct npy a;
    size_t offset;
    struct error err = {0};
    assert_int_equal(npy_header_parse(&a, &offset, "PK\x03\x04 a zip file", 15, 15, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "not a .npy file"));
    assert_int_equal(npy_header_parse(&a, &offset, "\x93NUMPY\x02\x00\x76\x00\x00\x00", 12, 12, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "format 2.0"));
    assert_int_equal(npy_header_parse(&a, &offset, "\x93NUMPY\x01\x00\xff\xff{}", 12, 12, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "a header of 65535 bytes does not fit a file of 12"));
}

/* A file cut anywhere is refused; a header with any byte changed is refused, or still says how many bytes there are. */
static void cut_and_changed_files_are_refused(void **state) {
    (void)state;
    struct buffer file = {0};
    struct npy a, wanted = {NPY_F32, 2, {2, 3}};
    struct error err = {0};
    size_t offset, count;
    npy_header_encode(&file, &wanted);
    for (size_t size = 0; size < file.size; size++) {
        char *copy = mem_resize(NULL, size ? size : 1, 1); /* of exactly this size, so that a read behind it is seen */
        memcpy(copy, file.data, size);
        assert_int_equal(npy_header_parse(&a, &offset, copy, size, size, &err), ERR_INVALID);
        free(copy);
    }
    for (size_t at = 0; at < file.size; at++)
        for (int value = 0; value < 256; value++) {
            char old = file.data[at];
            file.data[at] = (char)value;
            if (npy_header_parse(&a, &offset, file.data, file.size, file.size + 24, &err) == 0) {
                assert_int_equal(npy_count(&count, &a, &err), 0);
                assert_int_equal(offset + count * npy_type_bytes(a.type), file.size + 24);
            }
            file.data[at] = old;
        }
    buffer_close(&file);
}

static void a_path_that_is_no_file_is_refused(void **state) {
    (void)state;
    struct npy_reader *r;
    struct error err = {0};
    char *directory = fixture_directory(), *missing = path_join(directory, "none.npy"), *pipe;
    assert_int_equal(npy_open(&r, missing, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "none.npy: there is no such file"));
    assert_int_equal(npy_open(&r, directory, &err), ERR_INVALID);
    pipe = path_join(directory, "pipe");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(npy_open(&r, pipe, &err), ERR_INVALID); /* and does not wait for a writer */
    free(missing);
    free(pipe);
    fixture_remove(directory);
}

static void a_file_that_shrinks_is_noticed(void **state) {
    (void)state;
    struct npy_reader *r;
    struct error err = {0};
    float values[6];
    char *directory = fixture_directory(), *path = write_ramp(directory);
    assert_int_equal(npy_open(&r, path, &err), 0);
    assert_int_equal(truncate(path, 128 + 20), 0);
    assert_int_equal(npy_read(r, values, 0, 6, &err), ERR_IO);
    npy_close(r);
    free(path);
    fixture_remove(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_follow_the_format),
        cmocka_unit_test(an_array_may_be_written_and_read_in_parts),
        cmocka_unit_test(an_unfinished_array_leaves_no_file),
        cmocka_unit_test(arrays_of_other_writers_are_read),
        cmocka_unit_test(hostile_headers_are_refused),
        cmocka_unit_test(other_formats_are_named),
        cmocka_unit_test(cut_and_changed_files_are_refused),
        cmocka_unit_test(a_path_that_is_no_file_is_refused),
        cmocka_unit_test(a_file_that_shrinks_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
