/* curve/gain on curves that are straight lines in dB and log10, so that every crossing is known by hand. */
#include <math.h>

#include "tests/unit/stages/fixture.h"

enum { MAX_FILES = 8 };

struct files {
    char *directory;
    struct given given[MAX_FILES + 1];
    size_t count;
};

static void files_open(struct files *f) {
    *f = (struct files){.directory = fixture_directory()};
}

static void file_add(struct files *f, const char *labels, const char *text) {
    char *name = mem_printf("%zu.csv", f->count);
    assert_true(f->count < MAX_FILES);
    f->given[f->count++] = (struct given){"curves", fixture_write(f->directory, name, text, strlen(text)), labels};
    free(name);
}

/* From 1e-2 to 1e-4 within 4 dB: 1e-3 is 2 dB behind the start. */
static void line_add(struct files *f, const char *labels, double start_db) {
    char *text =
        mem_printf("curve,sinr_db,bits,errors,ber\nnetwork,%g,,,0.01\nnetwork,%g,,,0.0001\n", start_db, start_db + 4);
    file_add(f, labels, text);
    free(text);
}

static void files_close(struct files *f) {
    for (size_t i = 0; i < f->count; i++) {
        char *path = NULL;
        memcpy(&path, &f->given[i].path, sizeof path);
        free(path);
    }
    fixture_remove(f->directory);
}

static cJSON *json_of(const char *out, const char *name) {
    char *text = fixture_read(out, name, NULL);
    cJSON *tree = cJSON_Parse(text);
    assert_non_null(tree);
    free(text);
    return tree;
}

static void expect_file(const char *out, const char *name, const char *expected) {
    char *text = fixture_read(out, name, NULL);
    assert_string_equal(text, expected);
    free(text);
}

/* Baselines cross at 15 and 16 dB, the others at 12 and 15: gains 3 and 1, mean 2, sample deviation sqrt 2. */
static void gains_have_mean_and_spread_over_seeds(void **state) {
    (void)state;
    struct files f;
    files_open(&f);
    line_add(&f, "{\"receiver\":\"scratch\",\"seed\":1}", 13);
    line_add(&f, "{\"receiver\":\"scratch\",\"seed\":2}", 14);
    line_add(&f, "{\"receiver\":\"distilled\",\"seed\":1}", 10);
    line_add(&f, "{\"receiver\":\"distilled\",\"seed\":2}", 13);
    char *out = fixture_success("curve/gain@1", "{\"baseline\":{\"receiver\":\"scratch\"},\"average_over\":\"seed\"}",
                                f.given, 1);
    cJSON *tree = json_of(out, "gain.json"), *rows = cJSON_GetObjectItemCaseSensitive(tree, "rows");
    const cJSON *row = cJSON_GetArrayItem(rows, 0), *pairs = cJSON_GetObjectItemCaseSensitive(row, "pairs");
    assert_int_equal(cJSON_GetArraySize(rows), 1);
    assert_true(fabs(json_double(row, "gain_db", NAN) - 2) < 1e-9);
    assert_true(fabs(json_double(row, "gain_db_std", NAN) - sqrt(2)) < 1e-9);
    assert_true(fabs(json_double(row, "sinr_db", NAN) - 13.5) < 1e-9);
    assert_true(fabs(json_double(row, "baseline_sinr_db", NAN) - 15.5) < 1e-9);
    assert_string_equal(json_text(row, "word", ""), "reached");
    assert_int_equal(cJSON_GetArraySize(pairs), 2);
    assert_true(fabs(json_double(cJSON_GetArrayItem(pairs, 1), "gain_db", NAN) - 1) < 1e-9);
    assert_true(json_double(cJSON_GetArrayItem(pairs, 1), "seed", 0) == 2);
    cJSON_Delete(tree);
    expect_file(out, "gain.md",
                "**Gain at a bit error rate of 0.001 over receiver=scratch**\n\n"
                "| receiver | gain, dB | SINR, dB | baseline's, dB | reached |\n"
                "|---|---:|---:|---:|---:|\n"
                "| distilled | +2.00 ± 1.41 | 13.50 | 15.50 | 2 of 2 |\n");
    assert_true(fabs(fixture_metric(out, "gain_db") - 2) < 1e-9);
    assert_true(fixture_metric(out, "comparisons") == 1);
    assert_true(fixture_metric(out, "reached") == 1);
    fixture_remove(out);
    out = fixture_success("curve/gain@1",
                          "{\"baseline\":{\"receiver\":\"scratch\"},\"average_over\":\"seed\",\"spread\":\"range\","
                          "\"ber\":0.01}",
                          f.given, 1); /* the first points lie on the rate itself: crossings at 13, 14, 10, 13 */
    expect_file(out, "gain.csv",
                "receiver,gain_db,gain_db_min,gain_db_max,reached,pairs,sinr_db,baseline_sinr_db,word,note\n"
                "distilled,2,1,3,2,2,11.5,13.5,reached,\n");
    fixture_remove(out);
    files_close(&f);
}

/* Pairs are made within each number of pilots, and without average_over within each seed. */
static void other_labels_pair_the_curves(void **state) {
    (void)state;
    struct files f;
    files_open(&f);
    line_add(&f, "{\"receiver\":{\"label\":\"scratch\",\"model\":\"a\"},\"pilots\":1}", 16);
    line_add(&f, "{\"receiver\":{\"label\":\"scratch\",\"model\":\"a\"},\"pilots\":2}", 12);
    line_add(&f, "{\"receiver\":{\"label\":\"distilled\",\"model\":\"b\"},\"pilots\":2}", 12.5);
    line_add(&f, "{\"receiver\":{\"label\":\"distilled\",\"model\":\"b\"},\"pilots\":1}", 12);
    char *out = fixture_success("curve/gain@1", "{\"baseline\":{\"receiver\":\"scratch\"},\"ber\":0.0001}", f.given, 1);
    expect_file(out, "gain.csv",
                "receiver,pilots,gain_db,reached,pairs,sinr_db,baseline_sinr_db,word,note\n"
                "distilled,2,-0.5,1,1,16.5,16,reached,\n"
                "distilled,1,4,1,1,16,20,reached,\n");
    assert_true(fixture_metric(out, "gain_db_min") == -0.5);
    assert_true(fixture_metric(out, "gain_db_max") == 4);
    char *metrics = fixture_read(out, "metrics.json", NULL);
    assert_null(strstr(metrics, "\"gain_db\"")); /* which of the two? */
    free(metrics);
    fixture_remove(out);
    files_close(&f);
}

/* A receiver without seed or pilots is compared with every baseline; one file may hold several curves. */
static void a_missing_label_is_no_difference(void **state) {
    (void)state;
    struct files f;
    files_open(&f);
    line_add(&f, "{\"pilots\":1,\"seed\":1}", 15);
    line_add(&f, "{\"pilots\":1,\"seed\":2}", 17);
    line_add(&f, "{\"pilots\":2,\"seed\":1}", 12);
    file_add(&f, "{}", "curve,sinr_db,ber\ngenie,8,0.01\ngenie,12,0.0001\n");
    char *out =
        fixture_success("curve/gain@1", "{\"baseline\":{\"curve\":\"network\"},\"average_over\":\"seed\"}", f.given, 1);
    cJSON *tree = json_of(out, "gain.json"), *rows = cJSON_GetObjectItemCaseSensitive(tree, "rows");
    assert_int_equal(cJSON_GetArraySize(rows), 2);
    const cJSON *one = cJSON_GetArrayItem(rows, 0), *two = cJSON_GetArrayItem(rows, 1);
    assert_true(json_double(one, "pilots", 0) == 1 && json_double(two, "pilots", 0) == 2);
    assert_true(fabs(json_double(one, "gain_db", NAN) - 8) < 1e-9); /* 17 - 10 and 19 - 10 */
    assert_true(fabs(json_double(two, "gain_db", NAN) - 4) < 1e-9);
    assert_string_equal(json_text(one, "curve", ""), "genie");
    cJSON_Delete(tree);
    fixture_remove(out);
    files_close(&f);
}

static void a_curve_that_does_not_cross_has_no_gain(void **state) {
    (void)state;
    struct files f;
    files_open(&f);
    line_add(&f, "{\"receiver\":\"scratch\",\"seed\":1}", 10);
    line_add(&f, "{\"receiver\":\"scratch\",\"seed\":2}", 10);
    line_add(&f, "{\"receiver\":\"flooring\",\"seed\":1}", 8);
    file_add(&f, "{\"receiver\":\"flooring\",\"seed\":2}", "sinr_db,ber\n20,0.004\n0,0.1\n10,0.002\n");
    file_add(&f, "{\"receiver\":\"low\",\"seed\":1}", "sinr_db,ber\n5,0.0005\n10,0.0001\n");
    char *out = fixture_success("curve/gain@1", "{\"baseline\":{\"receiver\":\"scratch\"},\"average_over\":\"seed\"}",
                                f.given, 1);
    expect_file(out, "gain.csv",
                "receiver,gain_db,gain_db_std,reached,pairs,sinr_db,baseline_sinr_db,word,note\n"
                "flooring,,,1,2,10,12,partly reached,"
                "seed=2: the curve never falls to 0.001: its lowest is 0.002 at 10 dB\n"
                "low,,,0,1,,12,not reached,seed=1: the curve lies below 0.001 from its first point at 5 dB on\n");
    expect_file(out, "gain.md",
                "**Gain at a bit error rate of 0.001 over receiver=scratch**\n\n"
                "| receiver | gain, dB | SINR, dB | baseline's, dB | reached |\n"
                "|---|---:|---:|---:|---:|\n"
                "| flooring | partly reached | 10.00 | 12.00 | 1 of 2 |\n"
                "| low | not reached |  | 12.00 | 0 of 1 |\n"
                "\n"
                "- flooring: seed=2: the curve never falls to 0.001: its lowest is 0.002 at 10 dB\n"
                "- low: seed=1: the curve lies below 0.001 from its first point at 5 dB on\n");
    expect_file(out, "metrics.json", "{\n  \"comparisons\": 2,\n  \"reached\": 0\n}\n");
    fixture_remove(out);
    files_close(&f);
}

/* 5 of 500 bits at 10 dB; none of 50,000, so 1e-5, at 13: 1e-3 is a third of the way. Then it rises again. */
static void the_first_crossing_counts_above_a_floor(void **state) {
    (void)state;
    struct files f;
    files_open(&f);
    file_add(&f, "{\"receiver\":\"a\"}",
             "curve,sinr_db,bits,errors,ber\nn,10,500,5,0.01\nn,13,50000,0,0\nn,14,500,5,0.01\nn,18,50000,5,0.0001\n");
    file_add(&f, "{\"receiver\":\"b\"}", "curve,sinr_db,bits,errors,ber\nn,11,500,5,0.01\nn,14,50000,5,0.0001\n");
    char *out = fixture_success("curve/gain@1", "{\"baseline\":{\"receiver\":\"a\"},\"spread\":\"none\"}", f.given, 1);
    cJSON *tree = json_of(out, "gain.json");
    const cJSON *row = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(tree, "rows"), 0);
    assert_true(fabs(json_double(row, "baseline_sinr_db", NAN) - 11) < 1e-9);
    assert_true(fabs(json_double(row, "gain_db", NAN) + 1.5) < 1e-9);
    assert_string_equal(json_text(row, "note", ""),
                        "the baseline falls to 0.001 beside a point without an error, which is taken as half an error; "
                        "the baseline rises above 0.001 again behind its first crossing");
    cJSON_Delete(tree);
    fixture_remove(out);
    files_close(&f);
}

static void faults_say_how_to_mend(void **state) {
    (void)state;
    struct files f;
    files_open(&f);
    line_add(&f, "{\"receiver\":\"scratch\",\"pilots\":1}", 10);
    line_add(&f, "{\"receiver\":\"distilled\",\"pilots\":2}", 10);
    fixture_failure("curve/gain@1", "{\"baseline\":{\"receiver\":\"scratch\"}}", f.given,
                    "a curve (receiver=distilled, pilots=2, curve=network) has no baseline");
    fixture_failure("curve/gain@1", "{\"baseline\":{\"receiver\":\"scratched\"}}", f.given,
                    "no curve is labelled as \"baseline\" says: {\"receiver\":\"scratched\"}");
    fixture_failure("curve/gain@1", "{\"baseline\":{\"curve\":\"network\"}}", f.given, "nothing to compare");
    fixture_failure("curve/gain@1", "{\"baseline\":{\"reciever\":\"scratch\"}}", f.given, "did you mean \"receiver\"?");
    fixture_failure("curve/gain@1", "{\"baseline\":{\"receiver\":[1]}}", f.given, "must be a text, a number");
    fixture_failure("curve/gain@1", "{\"baseline\":{\"receiver\":\"scratch\"},\"average_over\":\"sead\"}", f.given,
                    "no input has a value \"sead\"");
    line_add(&f, "{\"receiver\":\"distilled\",\"pilots\":2}", 10);
    fixture_failure("curve/gain@1", "{\"baseline\":{\"receiver\":\"scratch\"}}", f.given,
                    "two points at one SINR: two files have the same labels");
    files_close(&f);
    files_open(&f);
    line_add(&f, "{\"r\":1}", 10);
    file_add(&f, "{\"r\":2}", "curve,sinr_db,ber\nnetwork,1,0.1\nnetwork,2,0\n");
    fixture_failure("curve/gain@1", "{\"baseline\":{\"r\":1}}", f.given,
                    "(r=2, curve=network) has a bit error rate of 0");
    files_close(&f);
    files_open(&f);
    line_add(&f, "{\"r\":1}", 10);
    file_add(&f, "{\"r\":2}", "curve,sinr_db,ber\nnetwork,1,1.5\n");
    fixture_failure("curve/gain@1", "{\"baseline\":{\"r\":1}}", f.given, "bit error rate is none");
    files_close(&f);
    files_open(&f);
    line_add(&f, "{\"r\":1}", 10);
    file_add(&f, "{\"r\":2}", "{\"gm_ber\": -1}");
    fixture_failure("curve/gain@1", "{\"baseline\":{\"r\":1}}", f.given, "without \"sinr_db\" or \"ber\"");
    files_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gains_have_mean_and_spread_over_seeds),
        cmocka_unit_test(other_labels_pair_the_curves),
        cmocka_unit_test(a_missing_label_is_no_difference),
        cmocka_unit_test(a_curve_that_does_not_cross_has_no_gain),
        cmocka_unit_test(the_first_crossing_counts_above_a_floor),
        cmocka_unit_test(faults_say_how_to_mend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
