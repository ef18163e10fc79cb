/* deeprx/infer on what link/dataset writes, against what deeprx/evaluate counts; and input that is not the model's. */
#include <math.h>

#include "tests/unit/stages/npy_fixture.h"

#define LINK "\"link\":{\"resource_blocks\":1,\"pilots\":1}"
#define GRID "\"sinr_db\":[0,12]"

struct study {
    char *model, *data;           /* folders */
    char *model_path, *data_path; /* files */
};

static struct study study_make(void) {
    struct study s;
    s.model = fixture_success("deeprx/train@1",
                              "{\"size\":1,\"ladder\":{\"1\":4},\"features\":\"mrc\",\"steps\":40,\"batch\":4," LINK
                              ",\"validation\":{\"slots\":1}}",
                              NULL, 1);
    s.data =
        fixture_success("link/dataset@1", "{\"features\":\"mrc\",\"slots\":11,\"seed\":2," GRID "," LINK "}", NULL, 1);
    s.model_path = path_join(s.model, "model.safetensors");
    s.data_path = path_join(s.data, "x.npy");
    return s;
}

static void study_remove(struct study *s) {
    fixture_remove(s->model);
    fixture_remove(s->data);
    free(s->model_path);
    free(s->data_path);
}

/* Errors of the network's curve, point after point. */
static void evaluate(size_t errors[2], const struct study *s) {
    struct given given[] = {{"model", s->model_path, NULL}, {0}};
    char *out = fixture_success("deeprx/evaluate@1", "{\"slots\":11,\"seed\":2," GRID "," LINK "}", given, 1);
    char *json = fixture_read(out, "ber.json", NULL);
    cJSON *tree = cJSON_Parse(json), *rows = cJSON_GetObjectItemCaseSensitive(tree, "rows");
    for (int i = 0; i < 2; i++)
        errors[i] = (size_t)json_double(cJSON_GetArrayItem(rows, i), "errors", -1);
    cJSON_Delete(tree);
    free(json);
    fixture_remove(out);
}

static void llrs_have_the_errors_that_evaluate_counts(void **state) {
    (void)state;
    struct study s = study_make();
    struct given given[] = {{"model", s.model_path, NULL}, {"x", s.data_path, NULL}, {0}};
    char *out = fixture_success("deeprx/infer@1", "{}", given, 1);
    struct npy a;
    float *llr = npy_fixture(out, "llr.npy", &a);
    assert_shape(&a, NPY_F32, 4, (size_t[]){22, 14, 12, 4});
    uint8_t *label = npy_fixture(s.data, "label.npy", &a), *mask = npy_fixture(s.data, "mask.npy", &a);
    size_t errors[2] = {0}, expected[2], elements = 14 * (size_t)12, labels = elements * 4;
    for (size_t i = 0; i < 22 * labels; i++)
        errors[i / (11 * labels)] += mask[i / 4 % elements] && (llr[i] > 0) != label[i];
    evaluate(expected, &s);
    assert_true(expected[0] > expected[1] && expected[1] > 0);
    assert_int_equal(errors[0], expected[0]);
    assert_int_equal(errors[1], expected[1]);
    assert_true(fixture_metric(out, "slots") == 22);
    free(llr), free(label), free(mask);
    fixture_remove(out);
    study_remove(&s);
}

/* The first `slots` slots of the data set as a file of their own. */
static char *head_write(const struct study *s, size_t slots, const char *name) {
    struct npy a;
    struct npy_writer *w;
    struct error err = {0};
    float *x = npy_fixture(s->data, "x.npy", &a);
    char *path = path_join(s->data, name);
    a.shape[0] = slots;
    assert_int_equal(npy_writer_create(&w, path, &a, &err), 0);
    assert_int_equal(npy_write(w, x, slots * a.shape[1] * a.shape[2] * a.shape[3], &err), 0);
    assert_int_equal(npy_writer_finish(w, &err), 0);
    npy_writer_free(w);
    free(x);
    return path;
}

static void a_slot_depends_on_no_other_and_on_no_thread(void **state) {
    (void)state;
    struct study s = study_make();
    struct npy a;
    char *few = head_write(&s, 3, "few.npy"), *none = head_write(&s, 0, "none.npy");
    struct given whole[] = {{"model", s.model_path, NULL}, {"x", s.data_path, NULL}, {0}};
    struct given head[] = {{"model", s.model_path, NULL}, {"x", few, NULL}, {0}};
    struct given empty[] = {{"model", s.model_path, NULL}, {"x", none, NULL}, {0}};
    char *one = fixture_success("deeprx/infer@1", "{}", whole, 1),
         *two = fixture_success("deeprx/infer@1", "{}", whole, 2);
    char *three = fixture_success("deeprx/infer@1", "{}", head, 1),
         *zero = fixture_success("deeprx/infer@1", "{}", empty, 1);
    fixture_same_file(one, two, "llr.npy");
    float *all = npy_fixture(one, "llr.npy", &a), *first = npy_fixture(three, "llr.npy", &a);
    assert_shape(&a, NPY_F32, 4, (size_t[]){3, 14, 12, 4});
    assert_memory_equal(all, first, 3 * 14 * 12 * 4 * sizeof *all);
    free(npy_fixture(zero, "llr.npy", &a));
    assert_int_equal(a.shape[0], 0);
    free(all), free(first), free(few), free(none);
    fixture_remove(one);
    fixture_remove(two);
    fixture_remove(three);
    fixture_remove(zero);
    study_remove(&s);
}

static void expect_refused(const struct study *s, const struct npy *a, const void *elements, size_t bytes,
                           const char *part) {
    struct buffer file = {0};
    npy_header_encode(&file, a);
    buffer_append(&file, elements, bytes);
    char *path = fixture_write(s->data, "other.npy", file.data, file.size);
    struct given given[] = {{"model", s->model_path, NULL}, {"x", path, NULL}, {0}};
    fixture_failure("deeprx/infer@1", "{}", given, part);
    buffer_close(&file);
    free(path);
}

static void an_input_of_another_shape_is_refused(void **state) {
    (void)state;
    struct study s = study_make();
    float *x = mem_array(14 * 12 * 13 * 2, sizeof *x);
    size_t values = 14 * (size_t)12 * 13;
    expect_refused(&s, &(struct npy){NPY_F32, 4, {1, 14, 12, 10}}, x, 14 * 12 * 10 * sizeof *x,
                   "is [1,14,12,10] f32; the model reads [slots,14,12,13] f32");
    expect_refused(&s, &(struct npy){NPY_F32, 3, {14, 12, 13}}, x, values * sizeof *x, "is [14,12,13] f32");
    expect_refused(&s, &(struct npy){NPY_U8, 4, {1, 14, 12, 13}}, x, values, "is [1,14,12,13] u8");
    expect_refused(&s, &(struct npy){NPY_F32, 4, {2, 14, 12, 13}}, x, values * sizeof *x,
                   "bytes of data are not those");
    x[values + 5] = NAN;
    expect_refused(&s, &(struct npy){NPY_F32, 4, {2, 14, 12, 13}}, x, 2 * values * sizeof *x,
                   "not finite in slot 1, value 5 of it");
    struct given given[] = {{"model", s.data_path, NULL}, {"x", s.data_path, NULL}, {0}};
    fixture_failure("deeprx/infer@1", "{}", given, "x.npy");
    free(x);
    study_remove(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(llrs_have_the_errors_that_evaluate_counts),
        cmocka_unit_test(a_slot_depends_on_no_other_and_on_no_thread),
        cmocka_unit_test(an_input_of_another_shape_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
