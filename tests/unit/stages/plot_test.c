/* plot/lines and plot/table on small data, with labels that try to be more than labels. */
#include <errno.h>
#include <math.h>
#include <sys/syscall.h>

#include "stages/run/figure.h"
#include "tests/unit/stages/fixture.h"

static const char curve_a[] =
    "curve,sinr_db,bits,errors,ber\nnetwork,0,10,5,0.5\nnetwork,10,10,1,0.1\nnetwork,20,10,0,0\n";
static const char curve_b[] =
    "curve,sinr_db,bits,errors,ber\nnetwork,0,10,3,0.3\nnetwork,10,10,3,0.3\nnetwork,20,10,1,0.1\n";

/* The stage's own reads of gnuplot's picture come here. -1: they go through. */
static off_t unreadable_from = -1;

ssize_t pread(int fd, void *bytes, size_t size, off_t at) {
    if (unreadable_from >= 0 && at >= unreadable_from) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_pread64, fd, bytes, size, at);
}

struct inputs {
    char *directory, *a, *b;
};

static struct inputs inputs_write(void) {
    struct inputs in;
    in.directory = fixture_directory();
    in.a = fixture_write(in.directory, "a.csv", curve_a, sizeof curve_a - 1);
    in.b = fixture_write(in.directory, "b.csv", curve_b, sizeof curve_b - 1);
    return in;
}

static void inputs_remove(struct inputs *in) {
    free(in->a);
    free(in->b);
    fixture_remove(in->directory);
}

/* Means and deviations by hand: .5 and .3 have mean .4 and sample deviation .2/sqrt 2 = .1414. */
static void lines_show_means_with_spread_and_a_reference(void **state) {
    (void)state;
    struct inputs in = inputs_write();
    struct given given[] = {
        {"curves", in.a, "{\"seed\":1,\"size\":7}"}, {"curves", in.b, "{\"seed\":2,\"size\":7}"}, {0}};
    const char *with = "{\"x\":\"sinr_db\",\"y\":\"ber\",\"average_over\":\"seed\",\"y_log\":true,\"spread\":\"range\","
                       "\"reference\":[{\"label\":\"paper\",\"points\":[[0,0.35],[10,0.2]]}]}";
    char *one = fixture_success("plot/lines@2", with, given, 1), *two = fixture_success("plot/lines@2", with, given, 2);
    char *data = fixture_read(one, "data.csv", NULL), *svg = fixture_read(one, "plot.svg", NULL);
    assert_string_equal(data, "series,x,y,low,high,count,reference\n"
                              "ber,0,0.4,0.3,0.5,2,false\nber,10,0.2,0.1,0.3,2,false\nber,20,0.05,0,0.1,2,false\n"
                              "paper,0,0.35,,,1,true\npaper,10,0.2,,,1,true\n");
    assert_non_null(strstr(svg, "<svg"));
    assert_non_null(strstr(svg, ">paper<"));
    fixture_same_file(one, two, "plot.svg");
    fixture_same_file(one, two, "data.csv");
    free(data);
    free(svg);
    fixture_remove(one);
    fixture_remove(two);
    inputs_remove(&in);
}

/* Between the shell of a script's data block and its end. The caller frees. */
static char *block_of(const struct buffer *script, const char *name) {
    char *head = mem_printf("%s << RETORT_END_OF_DATA\n", name);
    const char *begin = strstr(buffer_text(script), head);
    assert_non_null(begin);
    begin += strlen(head);
    const char *end = strstr(begin, "RETORT_END_OF_DATA");
    free(head);
    return mem_strndup(begin, (size_t)(end - begin));
}

/* 0.3 with a deviation of 0.5 reaches from -0.2 to 0.8. Half of the smallest value, 0.1, is 0.05. */
static void a_bar_that_reaches_below_zero_is_open_on_a_log_axis(void **state) {
    (void)state;
    for (int style = FIGURE_LINES; style <= FIGURE_BARS; style++) {
        struct buffer script = {0};
        struct figure f = {.title = "",
                           .legend = "none",
                           .style = (enum figure_style)style,
                           .y = {.log = true, .label = ""},
                           .x.label = ""};
        struct figure_series *s = figure_add(&f, "a", "a", false);
        figure_point_add(s, (struct figure_point){1, 0.3, -0.2, 0.8, 2});
        figure_point_add(s, (struct figure_point){2, 0.1, 0.05, 0.15, 2});
        assert_int_equal(figure_script(&script, &f, "svg", NULL), 0);
        char *closed = block_of(&script, "$series0"), *open = block_of(&script, "$open0");
        assert_string_equal(closed, "1 0.3 0.3 0.3\n2 0.1 0.05 0.15\n");
        assert_string_equal(open, "1 0.3 0.05 0.8\n");
        assert_non_null(strstr(buffer_text(&script), "$open0 using 1:3:(0):($4-$3) with vectors head size"));
        free(closed);
        free(open);
        buffer_clear(&script);
        f.y.log = false; /* there it ends where it ends */
        assert_int_equal(figure_script(&script, &f, "svg", NULL), 0);
        assert_null(strstr(buffer_text(&script), "$open0"));
        assert_non_null(strstr(buffer_text(&script), "1 0.3 -0.2 0.8\n"));
        buffer_close(&script);
        figure_close(&f);
    }
}

static void a_value_that_cannot_be_drawn_leaves_a_gap(void **state) {
    (void)state;
    struct buffer script = {0};
    struct figure f = {.title = "", .legend = "none", .y = {.log = true, .label = ""}, .x.label = "", .left_out = 1};
    struct figure_series *s = figure_add(&f, "a", "a", false);
    const double y[] = {0.5, NAN, 0.3, 0, 0.1};
    for (size_t i = 0; i < sizeof y / sizeof *y; i++)
        figure_point_add(s, (struct figure_point){(double)i, y[i], NAN, NAN, 1});
    assert_int_equal(figure_script(&script, &f, "svg", NULL), 0);
    char *block = block_of(&script, "$series0");
    assert_string_equal(block, "0 0.5 0.5 0.5\n\n2 0.3 0.3 0.3\n\n4 0.1 0.1 0.1\n");
    free(block);
    buffer_close(&script);
    figure_close(&f);
}

/* A NaN in a column of numbers leaves the column numbers, and the rows that are drawn in their places. */
static void rows_that_are_not_finite_are_counted(void **state) {
    (void)state;
    static const char csv[] = "x,y\n1,5\n2,nan\n3,6\n4,inf\nnan,7\n5,\n6,8\n";
    char *work = fixture_directory(), *path = fixture_write(work, "c.csv", csv, sizeof csv - 1);
    struct given given[] = {{"curves", path, NULL}, {0}};
    char *out = fixture_success("plot/lines@2", "{\"x\":\"x\",\"y\":\"y\"}", given, 1);
    char *data = fixture_read(out, "data.csv", NULL), *svg = fixture_read(out, "plot.svg", NULL);
    assert_string_equal(
        data, "series,x,y,low,high,count,reference\n"
              "y,1,5,,,1,false\ny,2,NaN,,,0,false\ny,3,6,,,1,false\ny,4,Infinity,,,0,false\ny,6,8,,,1,false\n");
    assert_non_null(strstr(svg, "left out: 3 not finite"));
    free(data);
    free(svg);
    free(path);
    fixture_remove(out);
    fixture_remove(work);
}

/* Three equal values have a spread of zero; one value, and a mean without a spread, have none. */
static void no_spread_is_an_empty_cell(void **state) {
    (void)state;
    static const char csv[] = "x,y\n1,5\n";
    char *work = fixture_directory(), *path = fixture_write(work, "c.csv", csv, sizeof csv - 1);
    struct given given[] = {
        {"curves", path, "{\"seed\":1}"}, {"curves", path, "{\"seed\":2}"}, {"curves", path, "{\"seed\":3}"}, {0}};
    static const char *const spreads[][2] = {
        {"std", "y,1,5,5,5,3,false\n"}, {"range", "y,1,5,5,5,3,false\n"}, {"none", "y,1,5,,,3,false\n"}};
    for (size_t i = 0; i < 3; i++) {
        char *with = mem_printf("{\"x\":\"x\",\"y\":\"y\",\"average_over\":\"seed\",\"spread\":\"%s\"}", spreads[i][0]);
        char *out = fixture_success("plot/lines@2", with, given, 1), *data = fixture_read(out, "data.csv", NULL);
        assert_non_null(strstr(data, spreads[i][1]));
        free(with);
        free(data);
        fixture_remove(out);
    }
    free(path);
    fixture_remove(work);
}

static void half_a_picture_is_not_kept(void **state) {
    (void)state;
    struct inputs in = inputs_write();
    struct given given[] = {{"curves", in.a, NULL}, {0}};
    const char *with = "{\"x\":\"sinr_db\",\"y\":\"ber\"}";
    unreadable_from = 1;
    fixture_failure("plot/lines@2", with, given, "gnuplot's picture cannot be read: Input/output error");
    unreadable_from = -1;
    inputs_remove(&in);
}

static void a_plot_can_be_interrupted_while_it_draws(void **state) {
    (void)state;
    struct buffer script = {0}, svg = {0};
    struct error err = {0};
    buffer_puts(&script, "system('kill -TERM $PPID')\npause 1000\n");
    assert_int_equal(figure_draw(&svg, &script, &err), STAGE_INTERRUPTED);
    buffer_close(&script);
    buffer_close(&svg);
}

/* Each would run a command, end a string or a line, or be typeset, if it were anything but data. */
static const char *const hostile[] = {
    "`touch HERE`",
    "''",
    "'`touch HERE`'",
    "' ; system('touch HERE') ; '",
    "\\\" ; system(\\\"touch HERE\\\") ; \\\"",
    "$(touch HERE)",
    "a\\nset output 'HERE'\\n",
    "RETORT_END_OF_DATA",
    "@macro ^{up}_{down} {/Symbol a} \\\\n %s",
    "<script>alert(1)</script> & \\\"x\\\"",
    "!touch HERE",
    "x\\u0007\\u001f\\u007f",
};

static void labels_are_data_never_commands(void **state) {
    (void)state;
    struct inputs in = inputs_write();
    char *work = fixture_directory(), *before = getcwd(NULL, 0);
    assert_int_equal(chdir(work), 0);
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        char *labels = mem_printf("{\"who\":\"%s\"}", hostile[i]);
        char *with =
            mem_printf("{\"x\":\"sinr_db\",\"y\":\"ber\",\"title\":\"%s\",\"x_label\":\"%s\",\"y_label\":\"%s\","
                       "\"reference\":[{\"label\":\"%s\",\"points\":[[1,0.5]]}]}",
                       hostile[i], hostile[i], hostile[i], hostile[i]);
        struct given given[] = {{"curves", in.a, labels}, {"curves", in.b, "{\"who\":\"plain\"}"}, {0}};
        char *lines = fixture_success("plot/lines@2", with, given, 1);
        char *categories = fixture_success(
            "plot/lines@2", "{\"x\":\"who\",\"y\":\"ber\",\"style\":\"points\",\"average_over\":\"sinr_db\"}", given,
            1);
        assert_false(file_exists("HERE"));
        char *svg = fixture_read(lines, "plot.svg", NULL);
        assert_null(strstr(svg, "<script>"));
        assert_non_null(strstr(svg, "plain"));
        free(svg);
        free(labels);
        free(with);
        fixture_remove(lines);
        fixture_remove(categories);
    }
    assert_int_equal(chdir(before), 0);
    free(before);
    fixture_remove(work);
    inputs_remove(&in);
}

static void a_label_is_shown_as_it_stands(void **state) {
    (void)state;
    struct inputs in = inputs_write();
    struct given given[] = {
        {"curves", in.a, "{\"who\":\"it's a_b^{2} 5%d x=12 7-7 <&>\"}"}, {"curves", in.b, "{\"who\":\"plain\"}"}, {0}};
    char *out = fixture_success("plot/lines@2", "{\"x\":\"sinr_db\",\"y\":\"ber\"}", given, 1);
    char *svg = fixture_read(out, "plot.svg", NULL);
    assert_non_null(strstr(svg, "it's a_b^{2} 5%d x=12 7-7 &lt;&amp;>"));
    free(svg);
    fixture_remove(out);
    out = fixture_success("plot/lines@2",
                          "{\"x\":\"who\",\"y\":\"ber\",\"style\":\"points\",\"average_over\":\"sinr_db\"}", given, 1);
    svg = fixture_read(out, "plot.svg", NULL);
    assert_non_null(strstr(svg, "it's a_b^{2} 5%d x=12 7-7 &lt;&amp;>"));
    free(svg);
    fixture_remove(out);
    inputs_remove(&in);
}

static void faults_of_lines_say_how_to_mend_them(void **state) {
    (void)state;
    struct inputs in = inputs_write();
    struct given given[] = {{"curves", in.a, "{\"seed\":1}"}, {"curves", in.b, "{\"seed\":2}"}, {0}};
    fixture_failure("plot/lines@2", "{\"x\":\"sinr\",\"y\":\"ber\"}", given,
                    "there are seed, curve, sinr_db, bits, errors, ber");
    fixture_failure("plot/lines@2", "{\"x\":\"sinr_db\",\"y\":\"berr\"}", given, "did you mean \"ber\"?");
    fixture_failure("plot/lines@2", "{\"x\":\"sinr_db\",\"y\":\"ber\",\"average_over\":\"sead\"}", given,
                    "did you mean \"seed\"?");
    fixture_failure("plot/lines@2", "{\"x\":\"sinr_db\",\"y\":\"ber\",\"series\":[\"curve\"]}", given,
                    "fall on one place (seed=1, curve=network; seed=2, curve=network)");
    fixture_failure("plot/lines@2",
                    "{\"x\":\"sinr_db\",\"y\":\"sinr_db\",\"y_log\":true,\"x_log\":true,\"x_range\":[1,2]}", given + 2,
                    "needs the input \"curves\"");
    fixture_failure("plot/lines@2",
                    "{\"x\":\"curve\",\"y\":\"ber\",\"average_over\":\"sinr_db\",\"reference\":[{\"label\":\"p\","
                    "\"points\":[[1,2]]}]}",
                    given, "needs an x that is a number");
    inputs_remove(&in);
}

static void nothing_to_draw_is_an_error(void **state) {
    (void)state;
    struct inputs in = inputs_write();
    char *path = fixture_write(in.directory, "zero.csv", "x,y\n1,0\n2,0\n", 12);
    struct given given[] = {{"curves", path, NULL}, {0}};
    fixture_failure("plot/lines@2", "{\"x\":\"x\",\"y\":\"y\",\"y_log\":true}", given,
                    "nothing on the logarithmic axis is positive");
    free(path);
    inputs_remove(&in);
}

static void a_table_has_its_reference(void **state) {
    (void)state;
    char *directory = fixture_directory();
    char *m1 = fixture_write(directory, "1.json", "{\"gm_ber\":-1,\"flops\":2000000}", 29);
    char *m2 = fixture_write(directory, "2.json", "{\"gm_ber\":-2,\"flops\":2000000}", 29);
    char *m3 = fixture_write(directory, "3.json", "{\"gm_ber\":-1.25}", 16);
    struct given given[] = {{"metrics", m1, "{\"alpha\":0.1,\"seed\":1}"},
                            {"metrics", m2, "{\"alpha\":0.1,\"seed\":2}"},
                            {"metrics", m3, "{\"alpha\":500000,\"seed\":1}"},
                            {0}};
    char *out =
        fixture_success("plot/table@2",
                        "{\"columns\":[\"gm_ber\",\"flops\"],\"average_over\":\"seed\",\"title\":\"Table | III\","
                        "\"reference\":[{\"row\":{\"alpha\":0.1},\"values\":{\"gm_ber\":-0.445}},"
                        "{\"row\":{\"alpha\":1e6},\"values\":{\"gm_ber\":-1.976}}]}",
                        given, 1);
    char *csv = fixture_read(out, "table.csv", NULL), *markdown = fixture_read(out, "table.md", NULL);
    assert_string_equal(csv, "alpha,gm_ber,gm_ber_std,gm_ber_n,gm_ber_paper,flops,flops_std,flops_n\n"
                             "0.1,-1.5,0.7071067811865476,2,-0.445,2000000,0,2\n"
                             "500000,-1.25,,1,,,,0\n"
                             "1000000,,,0,-1.976,,,0\n");
    assert_string_equal(markdown, "**Table \\| III**\n\n"
                                  "| alpha | gm\\_ber | gm\\_ber, paper | flops |\n|---|---:|---:|---:|\n"
                                  "| 0.1 | -1.5 ± 0.71 | -0.445 | 2000000 |\n"
                                  "| 500000 | -1.25 |  |  |\n"
                                  "| 1000000 |  | -1.976 |  |\n");
    char *json = fixture_read(out, "table.json", NULL);
    cJSON *tree = cJSON_Parse(json);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(tree, "table")), 3);
    cJSON_Delete(tree);
    fixture_failure("plot/table@2", "{\"columns\":[\"gm\"],\"average_over\":\"seed\"}", given,
                    "there are alpha, seed, gm_ber, flops");
    fixture_failure("plot/table@2",
                    "{\"columns\":[\"flops\"],\"average_over\":\"seed\",\"reference\":[{\"row\":{\"beta\":1},"
                    "\"values\":{\"flops\":1}}]}",
                    given, "names \"beta\", which is no row label");
    free(json);
    free(csv);
    free(markdown);
    free(m1);
    free(m2);
    free(m3);
    fixture_remove(out);
    fixture_remove(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_a_picture_is_not_kept),
        cmocka_unit_test(a_plot_can_be_interrupted_while_it_draws),
        cmocka_unit_test(lines_show_means_with_spread_and_a_reference),
        cmocka_unit_test(a_bar_that_reaches_below_zero_is_open_on_a_log_axis),
        cmocka_unit_test(a_value_that_cannot_be_drawn_leaves_a_gap),
        cmocka_unit_test(rows_that_are_not_finite_are_counted),
        cmocka_unit_test(no_spread_is_an_empty_cell),
        cmocka_unit_test(labels_are_data_never_commands),
        cmocka_unit_test(a_label_is_shown_as_it_stands),
        cmocka_unit_test(faults_of_lines_say_how_to_mend_them),
        cmocka_unit_test(nothing_to_draw_is_an_error),
        cmocka_unit_test(a_table_has_its_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
