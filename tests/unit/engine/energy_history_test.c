/* Predictions from samples. The training has steps x batch x 3 x (size to the power 1.5) operations, and the machine
   does one operation per second. So the predicted time must be the operations of the stage. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/memory.h"
#include "engine/energy/history.h"

struct study {
    struct scale *scale;
    struct history *history;
    struct sample *samples[HISTORY_MOST + 1];
    size_t count;
};

static struct study study_of(const char *uses) {
    const struct kind *kind = NULL;
    struct study s = {0};
    if (uses)
        assert_int_equal(kind_find(&kind, uses, NULL), 0);
    s.scale = scale_create(kind);
    s.history = history_create(s.scale);
    return s;
}

static void study_close(struct study *s) {
    for (size_t i = 0; i < s->count; i++)
        sample_free(s->samples[i]);
    history_free(s->history);
    scale_free(s->scale);
}

static cJSON *parse(const char *text) {
    cJSON *tree = cJSON_Parse(text);
    assert_non_null(tree);
    return tree;
}

static void add_record(struct study *s, char *text) {
    cJSON *tree = parse(text);
    const struct record_view record = record_read(tree);
    s->samples[s->count] = sample_create(s->scale, &record);
    history_add(s->history, s->samples[s->count++]);
    cJSON_Delete(tree);
    free(text);
}

static double operations(double size, double steps) {
    return 3e6 * steps * 32 * pow(size, 1.5); /* 32: the batch's default */
}

/* A training that took a second an operation. `more` are further components. */
static void add(struct study *s, double size, double steps, double seed, const char *more, double took) {
    add_record(s, mem_printf("{\"stage\":\"x\",\"wall_s\":%.17g,\"metrics\":{\"training_flops\":%.17g},\"components\":"
                             "{\"kind\":\"x\",\"with.size\":%g,\"with.steps\":%g,\"with.seed\":%g%s}}",
                             took, took, size, steps, seed, more));
}

static struct prediction predict(struct study *s, const char *stage, const char *components) {
    cJSON *c = components ? parse(components) : NULL;
    struct prediction p = history_predict(s->history, stage, c);
    cJSON_Delete(c);
    return p;
}

static void assert_near(double found, double wanted) {
    if (!(fabs(found - wanted) <= 1e-9 * wanted))
        fail_msg("%.17g where %.17g was expected", found, wanted);
}

static void assert_seconds(struct study *s, const char *components, double low_s, double high_s) {
    struct prediction p = predict(s, "x", components);
    assert_near(p.low_s, low_s);
    assert_near(p.high_s, high_s);
}

static void a_size_that_never_ran_takes_its_operations(void **state) {
    struct study s = study_of("deeprx/train@1");
    (void)state;
    add(&s, 7, 300, 1, "", operations(7, 300));
    add(&s, 11, 300, 1, "", operations(11, 300));
    assert_seconds(&s, "{\"kind\":\"x\",\"with.size\":30,\"with.steps\":300,\"with.seed\":4}", operations(30, 300),
                   operations(30, 300));
    assert_seconds(&s, "{\"kind\":\"x\",\"with.size\":11,\"with.steps\":300,\"with.seed\":1}", operations(11, 300),
                   operations(11, 300));
    study_close(&s);
}

/* With one record only, also where a parameter is left at its default. */
static void proportional_parameters_count_in_full(void **state) {
    struct study s = study_of("deeprx/train@1");
    (void)state;
    add(&s, 7, 300, 1, "", operations(7, 300));
    double wanted = operations(7, 3000) * 8 / 32; /* 3000 steps */
    assert_seconds(&s, "{\"kind\":\"x\",\"with.size\":7,\"with.seed\":1,\"with.batch\":8}", wanted, wanted);
    study_close(&s);
}

static void a_seed_and_an_untried_parameter_change_nothing(void **state) {
    struct study s = study_of("deeprx/train@1");
    (void)state;
    add(&s, 7, 300, 1, "", operations(7, 300));
    add(&s, 7, 300, 9, "", operations(7, 300));
    assert_seconds(&s, "{\"kind\":\"x\",\"with.size\":7,\"with.steps\":300,\"with.seed\":3,\"with.alpha\":9}",
                   operations(7, 300), operations(7, 300));
    study_close(&s);
}

/* Two that differ in a teacher, too, say nothing of the size; steps are known to be proportional. */
static void an_exponent_comes_from_two_that_differ_in_one_parameter(void **state) {
    struct study s = study_of("deeprx/train@1");
    const char *asked = "{\"kind\":\"x\",\"with.size\":14,\"with.steps\":300,\"with.seed\":1}";
    (void)state;
    add(&s, 7, 300, 1, "", operations(7, 300));
    add(&s, 11, 300, 1, ",\"in.teacher\":\"abc\"", 5 * operations(11, 300));
    assert_seconds(&s, asked, operations(7, 300), 5 * operations(11, 300));
    add(&s, 28, 600, 1, "", operations(28, 600));
    assert_seconds(&s, asked, operations(14, 300), 5 * operations(14, 300));
    study_close(&s);
}

static void no_exponent_comes_from_two_that_differ_in_two_parameters(void **state) {
    struct study s = study_of("deeprx/train@1");
    (void)state;
    add(&s, 7, 300, 1, "", operations(7, 300));
    add(&s, 11, 300, 1, ",\"with.temperature\":5", 5 * operations(11, 300));
    assert_seconds(&s, "{\"kind\":\"x\",\"with.size\":14,\"with.steps\":300,\"with.seed\":1}", operations(7, 300),
                   5 * operations(11, 300));
    study_close(&s);
}

static void a_command_has_no_work(void **state) {
    struct study s = study_of(NULL);
    (void)state;
    add(&s, 7, 300, 1, "", 2);
    assert_seconds(&s, "{\"with.size\":30}", 2, 2);
    study_close(&s);
}

/* A command of one word, and its joules. */
static void add_command(struct study *s, const char *stage, const char *word, double joules, const char *label) {
    add_record(s, mem_printf("{\"stage\":\"%s\",\"wall_s\":1,\"energy\":{\"joules\":%g,\"label\":\"%s\"},"
                             "\"components\":{\"argv.0\":\"%s\"}}",
                             stage, joules, label, word));
}

static void assert_joules(struct study *s, const char *stage, const char *components, double low_j, double high_j) {
    struct prediction p = predict(s, stage, components);
    assert_near(p.low_j, low_j);
    assert_near(p.high_j, high_j);
}

static void the_five_nearest_words_count(void **state) {
    struct study s = study_of(NULL);
    static const char *const words[] = {"9", "1", "8", "7", "5", "x", "6"};
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        add_command(&s, "x", words[i], 10 + (double)i, "modelled");
    assert_joules(&s, "x", "{\"argv.0\":\"10\"}", 10, 16); /* 9, 8, 7, 6, 5 */
    struct prediction p = predict(&s, "x", "{\"argv.0\":\"10\"}");
    assert_near(p.joules, 13); /* of 10, 12, 13, 14, 16 */
    assert_int_equal(p.records, 5);
    study_close(&s);
}

static void among_equals_the_newer_counts(void **state) {
    struct study s = study_of(NULL);
    (void)state;
    for (int i = 1; i <= 7; i++)
        add_command(&s, "x", "same", i, "modelled");
    assert_joules(&s, "x", "{\"argv.0\":\"same\"}", 3, 7);
    study_close(&s);
}

/* Of 65 samples the first is gone. */
static void the_oldest_gives_way(void **state) {
    struct study s = study_of(NULL);
    (void)state;
    add_command(&s, "x", "near", 1000, "modelled");
    for (int i = 0; i < HISTORY_MOST; i++)
        add_command(&s, "x", "far", 1, "modelled");
    assert_joules(&s, "x", "{\"argv.0\":\"near\"}", 1, 1);
    study_close(&s);
}

static void a_stage_without_a_key_is_predicted_by_its_name(void **state) {
    struct study s = study_of(NULL);
    (void)state;
    for (int i = 0; i < 5; i++)
        add_command(&s, "x[n=1]", "a", 1, "modelled");
    for (int i = 0; i < 5; i++)
        add_command(&s, "x[n=2]", "a", 2, "modelled");
    for (int i = 0; i < 5; i++)
        add_command(&s, "xy", "a", 3, "modelled");
    assert_joules(&s, "x[n=1]", NULL, 1, 1);
    assert_joules(&s, "x[n=3]", NULL, 2, 2);
    assert_joules(&s, "xy[n=1]", NULL, 3, 3);
    study_close(&s);
}

static void joules_of_another_label_are_left_out(void **state) {
    struct study s = study_of(NULL);
    (void)state;
    add_command(&s, "x", "8", 500, "modelled");
    add_command(&s, "x", "9", 20, "measured");
    struct prediction p = predict(&s, "x", "{\"argv.0\":\"10\"}");
    assert_string_equal(p.label, "measured");
    assert_near(p.joules, 20);
    assert_int_equal(p.records, 2);
    study_close(&s);
}

/* The sums over all its attempts. */
static void a_resumed_stage_counts_with_its_earlier_attempts(void **state) {
    struct study s = study_of(NULL);
    (void)state;
    add_record(
        &s, mem_strdup("{\"stage\":\"x\",\"wall_s\":1,\"components\":{},\"energy\":{\"joules\":10,\"label\":"
                       "\"modelled\",\"attempts\":{\"count\":2,\"label\":\"modelled\",\"joules\":70,\"wall_s\":7}}}"));
    assert_joules(&s, "x", "{}", 70, 70);
    assert_seconds(&s, "{}", 7, 7);
    study_close(&s);
}

static void without_samples_nothing_is_predicted(void **state) {
    struct study s = study_of(NULL);
    (void)state;
    assert_int_equal(predict(&s, "x", "{}").records, 0);
    study_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_size_that_never_ran_takes_its_operations),
        cmocka_unit_test(proportional_parameters_count_in_full),
        cmocka_unit_test(a_seed_and_an_untried_parameter_change_nothing),
        cmocka_unit_test(an_exponent_comes_from_two_that_differ_in_one_parameter),
        cmocka_unit_test(no_exponent_comes_from_two_that_differ_in_two_parameters),
        cmocka_unit_test(a_command_has_no_work),
        cmocka_unit_test(the_five_nearest_words_count),
        cmocka_unit_test(among_equals_the_newer_counts),
        cmocka_unit_test(the_oldest_gives_way),
        cmocka_unit_test(a_stage_without_a_key_is_predicted_by_its_name),
        cmocka_unit_test(joules_of_another_label_are_left_out),
        cmocka_unit_test(a_resumed_stage_counts_with_its_earlier_attempts),
        cmocka_unit_test(without_samples_nothing_is_predicted),
    };
    return cmocka_run_group_tests_name("energy_history", tests, NULL, NULL);
}
