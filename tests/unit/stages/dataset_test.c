/* link/dataset against the kernels called one by one. */
#include <math.h>

#include "kernels/link.h"
#include "stages/run/link_params.h"
#include "tests/unit/stages/npy_fixture.h"

static const char *const files[] = {"x.npy", "label.npy", "mask.npy", "snr_db.npy", "sir_db.npy", "metrics.json"};

static void link_of(struct link_config *c, const char *text) {
    const struct kind *kind;
    struct error err = {0};
    cJSON *with = cJSON_CreateObject();
    assert_int_equal(kind_find(&kind, "link/dataset@1", &err), 0);
    cJSON_AddItemToObject(with, "link", cJSON_Parse(text));
    cJSON *full = kind_with_complete(kind, with);
    link_config_read(c, cJSON_GetObjectItemCaseSensitive(full, "link"));
    cJSON_Delete(with);
    cJSON_Delete(full);
}

static void *aligned(size_t bytes) {
    void *memory = aligned_alloc(64, (bytes + 64) / 64 * 64);
    assert_non_null(memory);
    return memory;
}

/* Slot `row` of the data set is slot `index` of the stream, made by the kernels. */
static void expect_slot(const char *out, size_t row, const char *link, enum link_features features,
                        enum rng_stream stream, uint32_t index, double snr_db, double sir_db) {
    struct link_config c;
    struct link_slot slot;
    struct npy a;
    link_of(&c, link);
    size_t elements = SLOT_SYMBOLS * (size_t)link_subcarriers(&c), labels = elements * (size_t)c.bits;
    size_t inputs = elements * (size_t)link_feature_channels(&c, features);
    void *memory = aligned(link_slot_bytes(&c)), *make = aligned(link_generate_workspace_bytes(&c));
    void *featuring = aligned(link_features_workspace_bytes(&c));
    float *expected = aligned(inputs * sizeof *expected);
    link_slot_place(&slot, &c, memory);
    link_generate(&slot, &c, 7, stream, index, snr_db, sir_db, make);
    link_features(expected, &slot, &c, features, featuring);
    float *x = npy_fixture(out, "x.npy", &a);
    assert_memory_equal(x + row * inputs, expected, inputs * sizeof *x);
    uint8_t *label = npy_fixture(out, "label.npy", &a);
    assert_memory_equal(label + row * labels, slot.bits, labels);
    float *snr = npy_fixture(out, "snr_db.npy", &a), *sir = npy_fixture(out, "sir_db.npy", &a);
    assert_true(snr[row] == (float)slot.draw.snr_db);
    assert_true(sir[row] == (float)slot.draw.sir_db);
    free(memory), free(make), free(featuring), free(expected), free(x), free(label), free(snr), free(sir);
}

#define LINK_ONE "{\"resource_blocks\":1,\"pilots\":1,\"antennas\":2,\"qam\":64}"
#define LINK_INTERFERED "{\"resource_blocks\":2,\"interference\":true,\"profiles\":[\"D\",\"E\"]}"

static void a_dataset_holds_the_slots_of_training(void **state) {
    (void)state;
    char *out = fixture_success("link/dataset@1",
                                "{\"slots\":19,\"seed\":7,\"features\":\"mrc\",\"link\":" LINK_ONE "}", NULL, 1);
    struct npy a;
    uint8_t *mask = npy_fixture(out, "mask.npy", &a);
    assert_shape(&a, NPY_U8, 2, (size_t[]){14, 12});
    for (size_t i = 0; i < 14 * (size_t)12; i++)
        assert_int_equal(mask[i], i / 12 != 2); /* one pilot symbol, the third */
    free(mask);
    free(npy_fixture(out, "x.npy", &a));
    assert_shape(&a, NPY_F32, 4, (size_t[]){19, 14, 12, 13}); /* 4R + 5 */
    free(npy_fixture(out, "label.npy", &a));
    assert_shape(&a, NPY_U8, 4, (size_t[]){19, 14, 12, 6});
    float *sir = npy_fixture(out, "sir_db.npy", &a), *snr = npy_fixture(out, "snr_db.npy", &a);
    assert_shape(&a, NPY_F32, 1, (size_t[]){19});
    for (size_t i = 0; i < 19; i++)
        assert_true(isinf(sir[i]) && sir[i] > 0 && snr[i] >= -4 && snr[i] <= 32);
    assert_true(snr[0] != snr[1]);
    free(snr);
    free(sir);
    for (size_t row = 0; row < 19; row += 6)
        expect_slot(out, row, LINK_ONE, LINK_FEATURES_MRC, RNG_TRAINING, (uint32_t)row, (double)NAN, (double)NAN);
    assert_true(fixture_metric(out, "slots") == 19);
    assert_true(fixture_metric(out, "channels") == 13);
    assert_true(fixture_metric(out, "labels") == 19.0 * 13 * 12 * 6);
    fixture_remove(out);
}

/* Point after point; slot j of point i is slot j * points + i of the stream, as deeprx/evaluate has it. */
static void a_grid_of_sinr_holds_interference(void **state) {
    (void)state;
    char *out = fixture_success("link/dataset@1",
                                "{\"slots\":3,\"seed\":7,\"sinr_db\":[0,10],\"link\":" LINK_INTERFERED "}", NULL, 1);
    double up = 10 * log10(2);
    struct npy a;
    float *snr = npy_fixture(out, "snr_db.npy", &a);
    assert_shape(&a, NPY_F32, 1, (size_t[]){6});
    for (size_t i = 0; i < 6; i++)
        assert_true(fabs((double)snr[i] - ((i < 3 ? 0 : 10) + up)) < 1e-5);
    free(snr);
    for (size_t row = 0; row < 6; row++)
        expect_slot(out, row, LINK_INTERFERED, LINK_FEATURES_RAW, RNG_VALIDATION, (uint32_t)(row % 3 * 2 + row / 3),
                    (row < 3 ? 0 : 10) + up, (row < 3 ? 0 : 10) + up);
    fixture_remove(out);
}

static void threads_change_no_byte(void **state) {
    (void)state;
    static const char with[] = "{\"slots\":35,\"features\":\"ls\",\"link\":" LINK_INTERFERED "}";
    char *one = fixture_success("link/dataset@1", with, NULL, 1),
         *two = fixture_success("link/dataset@1", with, NULL, 2);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        fixture_same_file(one, two, files[i]);
    fixture_remove(one);
    fixture_remove(two);
}

static void more_slots_than_a_stream_has_are_refused(void **state) {
    (void)state;
    fixture_failure("link/dataset@1", "{\"slots\":3000000000,\"sinr_db\":[0,10]}", NULL,
                    "2 points of 3000000000 slots are more slots than a stream has");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dataset_holds_the_slots_of_training),
        cmocka_unit_test(a_grid_of_sinr_holds_interference),
        cmocka_unit_test(threads_change_no_byte),
        cmocka_unit_test(more_slots_than_a_stream_has_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
