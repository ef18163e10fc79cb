/* plot/bars on small data: what is drawn, in which order, and labels that try to be more than labels. */
#include "tests/unit/stages/fixture.h"

struct inputs {
    char *directory, *path[4];
    struct given given[5];
};

/* Metrics of two receivers at two sizes; of one there are two seeds. */
static void inputs_write(struct inputs *in) {
    static const char *const files[4][2] = {
        {"{\"gm_ber\":-1.5}", "{\"size\":11,\"receiver\":\"scratch\",\"seed\":1}"},
        {"{\"gm_ber\":-0.5}", "{\"size\":11,\"receiver\":\"scratch\",\"seed\":2}"},
        {"{\"gm_ber\":-2}", "{\"size\":11,\"receiver\":\"distilled\",\"seed\":1}"},
        {"{\"gm_ber\":-0.25}", "{\"size\":7,\"receiver\":\"scratch\",\"seed\":1}"},
    };
    *in = (struct inputs){.directory = fixture_directory()};
    for (int i = 0; i < 4; i++) {
        char *name = mem_printf("%d.json", i);
        in->path[i] = fixture_write(in->directory, name, files[i][0], strlen(files[i][0]));
        in->given[i] = (struct given){"values", in->path[i], files[i][1]};
        free(name);
    }
}

static void inputs_remove(struct inputs *in) {
    for (int i = 0; i < 4; i++)
        free(in->path[i]);
    fixture_remove(in->directory);
}

/* By hand: -1.5 and -0.5 have mean -1 and sample deviation sqrt(1/2). Numbers stand in their order, 7 before 11; a
   published value for a size that nobody ran has a place of its own. */
static void bars_show_means_by_group_and_a_reference(void **state) {
    (void)state;
    struct inputs in;
    inputs_write(&in);
    static const char with[] =
        "{\"x\":\"size\",\"y\":\"gm_ber\",\"average_over\":\"seed\",\"title\":\"Sizes\",\"y_label\":\"gm BER (log10)\","
        "\"reference\":[{\"label\":\"paper\",\"values\":{\"30\":-2.5,\"7\":-0.75}}]}";
    char *out = fixture_success("plot/bars@3", with, in.given, 1),
         *again = fixture_success("plot/bars@3", with, in.given, 2);
    char *data = fixture_read(out, "data.csv", NULL), *svg = fixture_read(out, "plot.svg", NULL);
    assert_string_equal(data, "series,x,y,low,high,count,reference\n"
                              "scratch,7,-0.25,,,1,false\n"
                              "scratch,11,-1,-1.7071067811865475,-0.2928932188134524,2,false\n"
                              "distilled,11,-2,,,1,false\n"
                              "paper,7,-0.75,,,1,true\npaper,30,-2.5,,,1,true\n");
    static const char *const shown[] = {">scratch<", ">distilled<", ">paper<", ">7<",
                                        ">11<",      ">30<",        ">Sizes<", "gm BER (log10)"};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (!strstr(svg, shown[i]))
            fail_msg("the picture lacks %s", shown[i]);
    fixture_same_file(out, again, "plot.svg");
    free(data);
    free(svg);
    fixture_remove(out);
    fixture_remove(again);
    inputs_remove(&in);
}

/* Texts stand as they come, and the series can be named. */
static void texts_keep_the_order_in_which_they_come(void **state) {
    (void)state;
    struct inputs in;
    inputs_write(&in);
    char *out = fixture_success("plot/bars@3",
                                "{\"x\":\"receiver\",\"y\":\"gm_ber\",\"series\":[\"size\"],\"average_over\":\"seed\","
                                "\"spread\":\"range\",\"reference\":[{\"label\":\"p\",\"values\":{\"teacher\":-3}}]}",
                                in.given, 1);
    char *data = fixture_read(out, "data.csv", NULL);
    assert_string_equal(data, "series,x,y,low,high,count,reference\n"
                              "size=11,scratch,-1,-1.5,-0.5,2,false\nsize=11,distilled,-2,,,1,false\n"
                              "size=7,scratch,-0.25,,,1,false\np,teacher,-3,,,1,true\n");
    free(data);
    fixture_remove(out);
    inputs_remove(&in);
}

/* A label that goes with x, as receiver does here, tells nothing apart: one series, not one for each bar. */
static void a_label_that_goes_with_x_is_no_series(void **state) {
    (void)state;
    struct inputs in;
    inputs_write(&in);
    struct given given[] = {in.given[2], in.given[3], {0}}; /* 11, distilled; 7, scratch */
    char *out = fixture_success("plot/bars@3", "{\"x\":\"receiver\",\"y\":\"gm_ber\"}", given, 1);
    char *data = fixture_read(out, "data.csv", NULL);
    assert_string_equal(data, "series,x,y,low,high,count,reference\n"
                              "gm_ber,distilled,-2,,,1,false\ngm_ber,scratch,-0.25,,,1,false\n");
    free(data);
    fixture_remove(out);
    inputs_remove(&in);
}

/* The picture is that of the others alone, with each bar in its place in the middle of its group. A bar that a
   logarithmic axis cannot show is counted, and has no place in the legend. */
static void a_series_without_a_bar_takes_no_place(void **state) {
    (void)state;
    static const char with[] = "{\"x\":\"size\",\"y\":\"v\",\"y_log\":true,\"series\":[\"by\"],"
                               "\"reference\":[{\"label\":\"published\",\"values\":{\"7\":4}}]}";
    char *work = fixture_directory();
    char *three = fixture_write(work, "3.json", "{\"v\":3}", 7), *five = fixture_write(work, "5.json", "{\"v\":5}", 7);
    char *below = fixture_write(work, "-1.json", "{\"v\":-1}", 8),
         *none = fixture_write(work, "w.json", "{\"w\":1}", 7);
    struct given all[] = {{"values", three, "{\"size\":7,\"by\":\"a\"}"},
                          {"values", five, "{\"size\":11,\"by\":\"a\"}"},
                          {"values", none, "{\"size\":7,\"by\":\"c\"}"},
                          {0}};
    struct given drawn[] = {all[0], all[1], {0}};
    struct given counted[] = {all[0], all[1], {"values", below, "{\"size\":7,\"by\":\"b\"}"}, {0}};
    char *out = fixture_success("plot/bars@3", with, all, 1), *again = fixture_success("plot/bars@3", with, drawn, 1);
    fixture_same_file(out, again, "plot.svg");
    fixture_remove(again);
    again = fixture_success("plot/bars@3", with, counted, 1);
    char *svg = fixture_read(again, "plot.svg", NULL);
    assert_non_null(strstr(svg, "left out: 1 not above zero"));
    assert_null(strstr(svg, ">b<"));
    free(svg);
    free(three), free(five), free(below), free(none);
    fixture_remove(out), fixture_remove(again), fixture_remove(work);
}

static void labels_are_data_never_commands(void **state) {
    (void)state;
    static const char hostile[] = "' ; system('touch HERE') ; '`touch HERE` \\n$(touch HERE) <script>";
    char *work = fixture_directory(), *before = getcwd(NULL, 0), *labels = mem_printf("{\"who\":\"%s\"}", hostile);
    char *with =
        mem_printf("{\"x\":\"who\",\"y\":\"v\",\"title\":\"%s\",\"x_label\":\"%s\",\"reference\":[{\"label\":\"%s\","
                   "\"values\":{\"%s\":1,\"plain\":2}}]}",
                   hostile, hostile, hostile, hostile);
    char *path = fixture_write(work, "v.json", "{\"v\":3}", 7);
    struct given given[] = {{"values", path, labels}, {0}};
    assert_int_equal(chdir(work), 0);
    char *out = fixture_success("plot/bars@3", with, given, 1), *svg = fixture_read(out, "plot.svg", NULL);
    assert_false(file_exists("HERE"));
    assert_null(strstr(svg, "<script>"));
    assert_non_null(strstr(svg, "&lt;script>"));
    assert_int_equal(chdir(before), 0);
    free(before), free(labels), free(with), free(path), free(svg);
    fixture_remove(out);
    fixture_remove(work);
}

static void faults_say_how_to_mend(void **state) {
    (void)state;
    struct inputs in;
    inputs_write(&in);
    fixture_failure("plot/bars@3", "{\"x\":\"sise\",\"y\":\"gm_ber\"}", in.given, "did you mean \"size\"?");
    fixture_failure("plot/bars@3", "{\"x\":\"size\",\"y\":\"flops\"}", in.given, "no input has a value \"flops\"");
    fixture_failure("plot/bars@3", "{\"x\":\"size\",\"y\":\"gm_ber\",\"series\":[\"receiver\"]}", in.given,
                    "fall on one place (size=11, receiver=scratch, seed=1; size=11, receiver=scratch, seed=2)");
    fixture_failure("plot/bars@3", "{\"x\":\"size\",\"y\":\"gm_ber\",\"average_over\":\"seed\",\"y_log\":true}",
                    in.given, "nothing on the logarithmic axis is positive");
    fixture_failure("plot/bars@3", "{\"x\":\"size\",\"y\":\"gm_ber\",\"y_range\":[1]}", in.given,
                    "\"y_range\" has one number");
    fixture_failure("plot/bars@3", "{\"x\":\"size\",\"y\":\"gm_ber\",\"y_log\":true,\"y_range\":[0,1]}", in.given,
                    "must start above 0");
    inputs_remove(&in);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bars_show_means_by_group_and_a_reference),
        cmocka_unit_test(texts_keep_the_order_in_which_they_come),
        cmocka_unit_test(a_label_that_goes_with_x_is_no_series),
        cmocka_unit_test(a_series_without_a_bar_takes_no_place),
        cmocka_unit_test(labels_are_data_never_commands),
        cmocka_unit_test(faults_say_how_to_mend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
