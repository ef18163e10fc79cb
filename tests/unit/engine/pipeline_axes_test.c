/* Axes that stand as an object: the values that reading makes of them. */
#include <sys/stat.h>

#include "tests/unit/engine/pipeline_fixture.h"

/* A pipeline whose axis x is `axis`; the caller frees it. */
static char *with_axis(const char *axis) {
    return mem_printf("{\"retort\":1,\"name\":\"n\",\"params\":{\"three\":3},\"stages\":{\"s\":{\"matrix\":{\"x\":%s},"
                      "\"cmd\":[\"echo\",\"${matrix.x}\"]}}}",
                      axis);
}

/* Compares the values of the axis x, as canonical JSON, with a list. */
static void expect_values(const char *axis, const char *expected) {
    char *text = with_axis(axis);
    struct pipeline *p = read_good(text);
    const struct value *list = stage(p, "s")->matrix.axes[0].values;
    struct buffer found = {0};
    assert_int_equal(list->type, VALUE_LIST);
    for (size_t i = 0; i < list->as.list.count; i++) {
        buffer_puts(&found, i ? "," : "[");
        json_canonical(&found, list->as.list.items[i]->as.literal);
    }
    buffer_puts(&found, "]");
    assert_string_equal(buffer_text(&found), expected);
    buffer_close(&found);
    pipeline_free(p);
    free(text);
}

static void a_range_includes_its_stop(void **state) {
    (void)state;
    expect_values("{\"range\":{\"start\":1,\"stop\":9,\"step\":2}}", "[1,3,5,7,9]");
    expect_values("{\"range\":{\"start\":5,\"stop\":5,\"step\":1}}", "[5]");
    expect_values("{\"range\":{\"start\":2,\"stop\":-2,\"step\":-2}}", "[2,0,-2]");
}

static void a_range_ends_before_a_stop_that_no_step_reaches(void **state) {
    (void)state;
    expect_values("{\"range\":{\"start\":0,\"stop\":1,\"step\":0.4}}", "[0,0.4,0.8]");
}

/* Sums of doubles would give 0.30000000000000004 here. */
static void the_numbers_of_a_range_are_the_decimals_meant(void **state) {
    (void)state;
    expect_values("{\"range\":{\"start\":0.1,\"stop\":0.8,\"step\":0.1}}", "[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8]");
    expect_values("{\"range\":{\"start\":0,\"stop\":3e-7,\"step\":1e-7}}", "[0,1e-7,2e-7,3e-7]");
    expect_values("{\"range\":{\"start\":1e21,\"stop\":3e21,\"step\":1e21}}", "[1e+21,2e+21,3e+21]");
}

static void a_range_takes_params(void **state) {
    (void)state;
    expect_values("{\"range\":{\"start\":1,\"stop\":\"${params.three}\",\"step\":1}}", "[1,2,3]");
}

static void powers_of_ten_in_a_logspace_are_exact(void **state) {
    (void)state;
    expect_values("{\"logspace\":{\"start\":1e-5,\"stop\":0.1,\"count\":5}}", "[0.00001,0.0001,0.001,0.01,0.1]");
    expect_values("{\"logspace\":{\"start\":1000,\"stop\":1,\"count\":4}}", "[1000,100,10,1]");
    expect_values("{\"logspace\":{\"start\":1e-300,\"stop\":1e300,\"count\":3}}", "[1e-300,1,1e+300]");
}

/* The square root of 10 is 3.16227766016837933; that of 2 is 1.41421356237309505. */
static void other_numbers_of_a_logspace_have_twelve_digits(void **state) {
    (void)state;
    expect_values("{\"logspace\":{\"start\":1,\"stop\":10,\"count\":3}}", "[1,3.16227766017,10]");
    expect_values("{\"logspace\":{\"start\":1,\"stop\":2,\"count\":3}}", "[1,1.41421356237,2]");
}

/* 2^(1/3) is 1.259921049894873 and 2^(2/3) is 1.587401051968199. */
static void the_numbers_of_a_logspace_have_one_ratio(void **state) {
    (void)state;
    expect_values("{\"logspace\":{\"start\":1,\"stop\":2,\"count\":4}}", "[1,1.25992104989,1.58740105197,2]");
}

/* ---- sample ---- */

#define SPACE                                                                                                          \
    "\"sample\":{\"lr\":{\"log_uniform\":[1e-5,0.1]},\"drop\":{\"uniform\":[0,0.5]},\"n\":{\"integer\":[1,8]},"        \
    "\"width\":{\"choice\":[32,64]}}"

/* A program in Python gave the numbers, with hashlib and decimals of 60 digits. u is the first 8 bytes of
   SHA-256("retort-sample-1 1 0 lr") as an integer, shifted right by 11, over 2^53. lr is 1e-5 * (0.1 / 1e-5)^u. */
static void draws_are_those_of_their_definition(void **state) {
    (void)state;
    expect_values("{" SPACE ",\"count\":3,\"seed\":1}",
                  "[{\"drop\":0.338394502095,\"label\":\"draw-1\",\"lr\":0.000155266514028,\"n\":6,\"width\":32},"
                  "{\"drop\":0.327584540498,\"label\":\"draw-2\",\"lr\":0.00265387286819,\"n\":4,\"width\":64},"
                  "{\"drop\":0.334904546272,\"label\":\"draw-3\",\"lr\":0.000456164526397,\"n\":2,\"width\":32}]");
}

static struct pipeline *read_axis(const char *axis) {
    char *text = with_axis(axis);
    struct pipeline *p = read_good(text);
    free(text);
    return p;
}

static const cJSON *value_at(const struct pipeline *p, size_t i) {
    return stage(p, "s")->matrix.axes[0].values->as.list.items[i]->as.literal;
}

static void more_draws_and_members_change_no_draw(void **state) {
    (void)state;
    struct pipeline *few = read_axis("{\"sample\":{\"lr\":{\"log_uniform\":[1e-5,0.1]}},\"count\":50,\"seed\":7}");
    struct pipeline *many = read_axis("{" SPACE ",\"count\":100,\"seed\":7}");
    for (size_t i = 0; i < 50; i++)
        assert_true(json_double(value_at(few, i), "lr", 0) == json_double(value_at(many, i), "lr", 1));
    pipeline_free(few);
    pipeline_free(many);
}

/* The mean of 10,000 draws from 0 to 1 has a standard deviation of 0.0029. Each of 4 choices comes 2,500 times, give or
   take 43. */
static void draws_fill_their_ranges(void **state) {
    (void)state;
    struct pipeline *p = read_axis("{\"sample\":{\"u\":{\"uniform\":[0,1]},\"l\":{\"log_uniform\":[1,100]},"
                                   "\"n\":{\"integer\":[-1,2]}},\"count\":10000,\"seed\":1}");
    double sum = 0, above_ten = 0, counts[4] = {0};
    for (size_t i = 0; i < 10000; i++) {
        const cJSON *value = value_at(p, i);
        double l = json_double(value, "l", 0), n = json_double(value, "n", 9);
        assert_true(l >= 1 && l <= 100);
        assert_true(n >= -1 && n <= 2);
        sum += json_double(value, "u", 0);
        above_ten += l > 10;
        counts[(int)n + 1]++;
    }
    assert_true(sum / 10000 > 0.485 && sum / 10000 < 0.515);
    assert_true(above_ten > 4750 && above_ten < 5250);
    for (size_t i = 0; i < 4; i++)
        assert_true(counts[i] > 2280 && counts[i] < 2720);
    pipeline_free(p);
}

/* ---- glob ---- */

static void make_files(const char *const *paths, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char *directory = path_directory(paths[i]);
        assert_int_equal(file_make_directory(directory, NULL), 0);
        write_file(paths[i], "");
        free(directory);
    }
}

static void a_glob_finds_its_files_in_order(void **state) {
    (void)state;
    static const char *const paths[] = {"raw/b_R1.fastq.gz", "raw/a_R1.fastq.gz", "raw/a_R2.fastq.gz", "raw/c_R1.txt"};
    make_files(paths, 4);
    expect_values("{\"glob\":\"raw/{sample}_R1.fastq.gz\"}",
                  "[{\"label\":\"a\",\"name\":\"a_R1.fastq.gz\",\"path\":\"raw/a_R1.fastq.gz\",\"sample\":\"a\","
                  "\"stem\":\"a_R1.fastq\"},"
                  "{\"label\":\"b\",\"name\":\"b_R1.fastq.gz\",\"path\":\"raw/b_R1.fastq.gz\",\"sample\":\"b\","
                  "\"stem\":\"b_R1.fastq\"}]");
}

static void a_glob_without_captures_labels_by_path(void **state) {
    (void)state;
    static const char *const paths[] = {"plain/x.csv"};
    make_files(paths, 1);
    expect_values("{\"glob\":\"plain/*.csv\"}",
                  "[{\"label\":\"plain/x.csv\",\"name\":\"x.csv\",\"path\":\"plain/x.csv\",\"stem\":\"x\"}]");
}

static void a_capture_takes_as_much_as_it_can(void **state) {
    (void)state;
    static const char *const paths[] = {"lanes/S1_L001_R1.fq"};
    make_files(paths, 1);
    expect_values("{\"glob\":\"lanes/{sample}_{read}.fq\"}",
                  "[{\"label\":\"S1_L001/R1\",\"name\":\"S1_L001_R1.fq\",\"path\":\"lanes/S1_L001_R1.fq\","
                  "\"read\":\"R1\",\"sample\":\"S1_L001\",\"stem\":\"S1_L001_R1\"}]");
}

static void a_glob_finds_folders_and_goes_through_them(void **state) {
    (void)state;
    static const char *const paths[] = {"study/p1/run/data", "study/p2/run/data", "study/p3/other"};
    make_files(paths, 3);
    expect_values("{\"glob\":\"study/{who}/run\"}",
                  "[{\"label\":\"p1\",\"name\":\"run\",\"path\":\"study/p1/run\",\"stem\":\"run\",\"who\":\"p1\"},"
                  "{\"label\":\"p2\",\"name\":\"run\",\"path\":\"study/p2/run\",\"stem\":\"run\",\"who\":\"p2\"}]");
}

static void a_glob_leaves_out_hidden_files_and_pipes(void **state) {
    (void)state;
    static const char *const paths[] = {"some/.hidden", "some/__pycache__/x", "some/seen"};
    make_files(paths, 3);
    assert_int_equal(mkfifo("some/pipe", 0600), 0);
    expect_values("{\"glob\":\"some/{f}\"}",
                  "[{\"f\":\"seen\",\"label\":\"seen\",\"name\":\"seen\",\"path\":\"some/seen\","
                  "\"stem\":\"seen\"}]");
}

static void expect_axis_fault(const char *axis, const char *message) {
    char *text = with_axis(axis);
    expect_fault(text, NULL, 0, message);
    free(text);
}

static void files_that_no_capture_tells_apart_are_a_fault(void **state) {
    (void)state;
    static const char *const paths[] = {"twice/b/x.csv", "twice/a/x.csv"};
    make_files(paths, 2);
    expect_axis_fault("{\"glob\":\"twice/*/{f}.csv\"}",
                      "\"glob\" finds twice/a/x.csv and twice/b/x.csv, which differ in no capture");
}

static void a_name_that_is_no_utf_8_is_a_fault(void **state) {
    (void)state;
    static const char *const paths[] = {"odd/x\xff.csv"};
    make_files(paths, 1);
    expect_axis_fault("{\"glob\":\"odd/*.csv\"}", "\"glob\" finds odd/x\\xff.csv; rename it");
}

/* Without a memory of what failed, this takes longer than anyone waits. */
static void many_wildcards_take_no_exponential_time(void **state) {
    (void)state;
    char name[250] = "deep/";
    memset(name + 5, 'a', 200);
    const char *const paths[] = {name};
    make_files(paths, 1);
    expect_axis_fault("{\"glob\":\"deep/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b\"}", "\"glob\" finds nothing");
}

/* ---- rows ---- */

static void the_rows_of_a_csv_are_objects_of_texts(void **state) {
    (void)state;
    write_file("s.csv", "id,age,note\r\n01,34,\"a, b\"\r\n02,7,${x}\r\n");
    expect_values("{\"rows\":\"s.csv\",\"label\":\"id\"}",
                  "[{\"age\":\"34\",\"id\":\"01\",\"label\":\"01\",\"note\":\"a, b\"},"
                  "{\"age\":\"7\",\"id\":\"02\",\"label\":\"02\",\"note\":\"${x}\"}]");
}

static void types_make_cells_numbers_and_booleans(void **state) {
    (void)state;
    write_file("t.tsv", "\xEF\xBB\xBFlabel\tage\told\na\t34.50\ttrue\nb\t7\tfalse\n");
    expect_values("{\"rows\":\"t.tsv\",\"types\":{\"age\":\"number\",\"old\":\"boolean\"}}",
                  "[{\"age\":34.5,\"label\":\"a\",\"old\":true},{\"age\":7,\"label\":\"b\",\"old\":false}]");
}

static void rows_of_json_and_yaml_keep_their_types(void **state) {
    (void)state;
    static const char *const expected = "[{\"id\":1,\"label\":\"1\",\"lr\":0.1,\"on\":\"yes\"}]";
    write_file("r.json", "[{\"id\":1,\"lr\":0.1,\"on\":\"yes\"}]");
    write_file("r.yaml", "- id: 1\n  lr: 0.1\n  on: yes\n");
    expect_values("{\"rows\":\"r.json\",\"label\":\"id\"}", expected);
    expect_values("{\"rows\":\"r.yaml\",\"label\":\"id\"}", expected);
}

static void faulty_rows_name_the_row(void **state) {
    (void)state;
    write_file("f.csv", "id,age\na,1\nb,old\n");
    expect_axis_fault("{\"rows\":\"f.csv\",\"label\":\"id\",\"types\":{\"age\":\"number\"}}",
                      "f.csv: row 2 has \"old\" as \"age\", which is no number");
    expect_axis_fault("{\"rows\":\"f.csv\",\"label\":\"id\",\"types\":{\"agee\":\"number\"}}",
                      "f.csv has no column \"agee\"; did you mean \"age\"?");
    expect_axis_fault("{\"rows\":\"f.csv\"}", "f.csv: row 1 has no \"label\"");
    write_file("f.csv", "id,age\na,1\nb\n");
    expect_axis_fault("{\"rows\":\"f.csv\",\"label\":\"id\"}", "f.csv: row 2 has 1 cells, and the header 2");
    write_file("f.csv", "id,id\na,1\n");
    expect_axis_fault("{\"rows\":\"f.csv\",\"label\":\"id\"}", "f.csv: two columns are named \"id\"");
    write_file("f.csv", "id,label\na,1\n");
    expect_axis_fault("{\"rows\":\"f.csv\",\"label\":\"id\"}", "f.csv: row 1 has a \"label\" already");
    write_file("f.csv", "id\na\xff\n");
    expect_axis_fault("{\"rows\":\"f.csv\",\"label\":\"id\"}", "f.csv: it is not UTF-8");
    write_file("f.csv", "id,age\na,1\na,2\n");
    expect_axis_fault("{\"rows\":\"f.csv\",\"label\":\"id\"}",
                      "two values of the axis \"x\" have the label \"a\"; rename one");
}

static void files_without_rows_are_a_fault(void **state) {
    (void)state;
    write_file("e.csv", "");
    expect_axis_fault("{\"rows\":\"e.csv\"}", "e.csv: it has no rows");
    write_file("e.csv", "label\n");
    expect_axis_fault("{\"rows\":\"e.csv\"}", "e.csv: it has no rows");
    write_file("e.json", "[]");
    expect_axis_fault("{\"rows\":\"e.json\"}", "e.json: it has no rows");
    write_file("e.json", "{\"a\":1}");
    expect_axis_fault("{\"rows\":\"e.json\"}", "e.json: it is a list of objects; found an object");
    write_file("e.json", "[7, {}]");
    expect_axis_fault("{\"rows\":\"e.json\"}", "e.json: row 1 is no object");
    write_file("e.json", "[{\"label\":1,\"a\":1,\"a\":2}]");
    expect_axis_fault("{\"rows\":\"e.json\"}", "e.json: row 1 has a name twice");
}

static void a_list_of_plain_values_is_taken_as_it_is(void **state) {
    (void)state;
    write_file("v.json", "[7, \"two\", true]");
    expect_values("{\"rows\":\"v.json\"}", "[7,\"two\",true]");
}

static void rows_of_a_pipe_are_refused(void **state) {
    (void)state;
    assert_int_equal(mkfifo("pipe.csv", 0600), 0);
    expect_axis_fault("{\"rows\":\"pipe.csv\"}", "pipe.csv");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_includes_its_stop),
        cmocka_unit_test(a_range_ends_before_a_stop_that_no_step_reaches),
        cmocka_unit_test(the_numbers_of_a_range_are_the_decimals_meant),
        cmocka_unit_test(a_range_takes_params),
        cmocka_unit_test(powers_of_ten_in_a_logspace_are_exact),
        cmocka_unit_test(other_numbers_of_a_logspace_have_twelve_digits),
        cmocka_unit_test(the_numbers_of_a_logspace_have_one_ratio),
        cmocka_unit_test(draws_are_those_of_their_definition),
        cmocka_unit_test(more_draws_and_members_change_no_draw),
        cmocka_unit_test(draws_fill_their_ranges),
        cmocka_unit_test(a_glob_finds_its_files_in_order),
        cmocka_unit_test(a_glob_without_captures_labels_by_path),
        cmocka_unit_test(a_capture_takes_as_much_as_it_can),
        cmocka_unit_test(a_glob_finds_folders_and_goes_through_them),
        cmocka_unit_test(a_glob_leaves_out_hidden_files_and_pipes),
        cmocka_unit_test(files_that_no_capture_tells_apart_are_a_fault),
        cmocka_unit_test(a_name_that_is_no_utf_8_is_a_fault),
        cmocka_unit_test(many_wildcards_take_no_exponential_time),
        cmocka_unit_test(the_rows_of_a_csv_are_objects_of_texts),
        cmocka_unit_test(types_make_cells_numbers_and_booleans),
        cmocka_unit_test(rows_of_json_and_yaml_keep_their_types),
        cmocka_unit_test(faulty_rows_name_the_row),
        cmocka_unit_test(files_without_rows_are_a_fault),
        cmocka_unit_test(a_list_of_plain_values_is_taken_as_it_is),
        cmocka_unit_test(rows_of_a_pipe_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
