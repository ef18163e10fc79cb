#include "stages/safetensors.h"

#include "tests/unit/stages/fixture.h"

static const float ramp[] = {0.5F, -1.25F, 3.0F, 1e-30F, 7.0F, 8.0F};

static void encode(struct buffer *out) {
    const struct safetensor tensors[] = {
        {"b.weight", 2, {2, 2}, 4, ramp},
        {"a.bias", 1, {2}, 2, ramp + 4},
    };
    cJSON *metadata = cJSON_Parse("{\"what\":\"a \\\"test\\\"\",\"format\":\"x\"}");
    safetensors_encode(out, tensors, 2, metadata);
    cJSON_Delete(metadata);
}

static void the_bytes_follow_the_format(void **state) {
    (void)state;
    struct buffer file = {0};
    encode(&file);
    /* The format's own layout, written by hand: sorted names, offsets from the end of the header, spaces to 8 bytes. */
    static const char header[] = "{\"__metadata__\":{\"format\":\"x\",\"what\":\"a \\\"test\\\"\"},"
                                 "\"a.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                                 "\"b.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[8,24]}}";
    uint64_t length;
    memcpy(&length, file.data, 8);
    assert_int_equal(length % 8, 0);
    assert_int_equal(length, (sizeof header - 1 + 7) / 8 * 8);
    assert_memory_equal(file.data + 8, header, sizeof header - 1);
    for (size_t i = sizeof header - 1; i < length; i++)
        assert_int_equal(file.data[8 + i], ' ');
    assert_int_equal(file.size, 8 + length + 24);
    assert_memory_equal(file.data + 8 + length, ramp + 4, 8);
    assert_memory_equal(file.data + 8 + length + 8, ramp, 16);
    buffer_close(&file);
}

static void tensors_read_back_as_they_were_written(void **state) {
    (void)state;
    struct buffer file = {0};
    struct safetensors *f;
    struct error err = {0};
    encode(&file);
    assert_int_equal(safetensors_parse(&f, file.data, file.size, &err), 0);
    assert_int_equal(safetensors_count(f), 2);
    assert_string_equal(safetensors_metadata(f, "what"), "a \"test\"");
    assert_null(safetensors_metadata(f, "nothing"));
    const struct safetensor *t = safetensors_find(f, "b.weight");
    assert_non_null(t);
    assert_int_equal(t->dims, 2);
    assert_int_equal(t->shape[0], 2);
    assert_int_equal(t->size, 4);
    assert_memory_equal(t->data, ramp, 16);
    assert_memory_equal(safetensors_find(f, "a.bias")->data, ramp + 4, 8);
    assert_null(safetensors_find(f, "c"));
    safetensors_close(f);
    buffer_close(&file);
}

static void expect_refused(const char *header, size_t data_bytes, const char *part) {
    struct buffer file = {0};
    struct safetensors *f;
    struct error err = {0};
    uint64_t length = strlen(header);
    static const char zeros[64];
    buffer_append(&file, &length, 8);
    buffer_puts(&file, header);
    buffer_append(&file, zeros, data_bytes);
    int rc = safetensors_parse(&f, file.data, file.size, &err);
    assert_true(rc < 0);
    assert_null(f);
    if (!strstr(err.message, part))
        fail_msg("\"%s\" does not hold \"%s\"", err.message, part);
    buffer_close(&file);
}

#define T(shape, from, to) "{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" #from "," #to "]}"

static void hostile_headers_are_refused(void **state) {
    (void)state;
    expect_refused("[]", 0, "the header is not an object");
    expect_refused("{", 0, "header: 1:2");
    expect_refused("{\"a\":1}", 0, "\"a\" is not described by an object");
    expect_refused("{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "the dtype is F16");
    expect_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}}", 8,
                   "unknown member \"x\"");
    expect_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", 8, "\"shape\" must be a list");
    expect_refused("{\"a\":" T("[-2]", 0, 8) "}", 8, "what is no size");
    expect_refused("{\"a\":" T("[1.5]", 0, 8) "}", 8, "what is no size");
    expect_refused("{\"a\":" T("[9007199254740991,9007199254740991]", 0, 8) "}", 8, "what is no size");
    expect_refused("{\"a\":" T("[4611686018427387905]", 0, 4) "}", 4, "header");
    expect_refused("{\"a\":" T("[2]", 0, 12) "}", 12, "12 bytes do not hold its shape of 2");
    expect_refused("{\"a\":" T("[2]", 4, 12) "}", 8, "do not lie in the data of 8 bytes");
    expect_refused("{\"a\":" T("[2]", 8, 0) "}", 8, "do not lie in the data");
    expect_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, "must be [begin, end]");
    expect_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "must be [begin, end]");
    expect_refused("{\"a\":" T("[2]", 0, 8) ",\"b\":" T("[2]", 4, 12) "}", 12, "\"b\" overlaps");
    expect_refused("{\"a\":" T("[1]", 0, 4) ",\"b\":" T("[1]", 8, 12) "}", 12,
                   "bytes 4 to 8 of the data belong to no tensor");
    expect_refused("{\"a\":" T("[1]", 0, 4) "}", 8, "bytes 4 to 8 of the data belong to no tensor");
    expect_refused("{\"a\":" T("[1]", 0, 4) ",\"a\":" T("[1]", 0, 4) "}", 4, "header");
    expect_refused("{\"__metadata__\":{\"n\":1}}", 0, "\"n\" is not a text");
    expect_refused("{\"__metadata__\":[]}", 0, "\"__metadata__\" is not an object");
}

static void every_cut_of_a_file_is_refused(void **state) {
    (void)state;
    struct buffer file = {0};
    encode(&file);
    for (size_t size = 0; size < file.size; size++) {
        struct safetensors *f;
        struct error err = {0};
        char *copy = mem_alloc(size + 1); /* of exactly this size, so that a read behind it is seen */
        memcpy(copy, file.data, size);
        copy = mem_resize(copy, size ? size : 1, 1);
        assert_true(safetensors_parse(&f, copy, size, &err) < 0);
        free(copy);
    }
    buffer_close(&file);
}

static void a_length_beyond_the_file_is_refused(void **state) {
    (void)state;
    static const uint64_t lengths[] = {1, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct safetensors *f;
        struct error err = {0};
        assert_true(safetensors_parse(&f, &lengths[i], 8, &err) < 0);
        assert_non_null(strstr(err.message, "does not fit a file of 8"));
    }
}

static void an_error_names_the_file(void **state) {
    (void)state;
    struct safetensors *f;
    struct error err = {0};
    char *directory = fixture_directory(), *path = fixture_write(directory, "bad.safetensors", "1234", 4);
    assert_int_equal(safetensors_open(&f, path, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "bad.safetensors: 4 bytes are too few"));
    assert_int_equal(safetensors_open(&f, "/nonexistent/x", &err), ERR_NOT_FOUND);
    free(path);
    fixture_remove(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_follow_the_format),         cmocka_unit_test(tensors_read_back_as_they_were_written),
        cmocka_unit_test(hostile_headers_are_refused),         cmocka_unit_test(every_cut_of_a_file_is_refused),
        cmocka_unit_test(a_length_beyond_the_file_is_refused), cmocka_unit_test(an_error_names_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
