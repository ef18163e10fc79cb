#include <math.h>
#include <signal.h>

#include "engine/base/clock.h"
#include "stages/run/energy_inference.h"
#include "stages/run/energy_processors.h"
#include "stages/run/rows.h"
#include "tests/unit/stages/fixture.h"

static void assert_close(double actual, double expected, double share) {
    if (!(fabs(actual - expected) <= share * fabs(expected)))
        fail_msg("%.17g where %.17g was expected", actual, expected);
}

/* ---- rows of a file ---- */

struct table {
    struct rows rows;
    char *text;
};

static struct table table_of(const char *directory, const char *name) {
    struct table t = {.text = NULL};
    struct error err = {0};
    size_t size;
    t.text = fixture_read(directory, name, &size);
    if (rows_parse(&t.rows, t.text, size, name, NULL, &err))
        fail_msg("%s", err.message);
    return t;
}

static void table_close(struct table *t) {
    rows_close(&t->rows);
    free(t->text);
}

/* The row whose columns a and b are these; b may be NULL. */
static const struct row *row_of(const struct table *t, const char *a, const char *a_value, const char *b,
                                const char *b_value) {
    for (size_t i = 0; i < t->rows.count; i++) {
        const cJSON *values = t->rows.row[i].values;
        if (strcmp(json_text(values, a, ""), a_value) == 0 && (!b || strcmp(json_text(values, b, ""), b_value) == 0))
            return &t->rows.row[i];
    }
    fail_msg("no row %s %s", a_value, b ? b_value : "");
    abort();
}

static double value_of(const struct row *row, const char *name) {
    double value = (double)NAN;
    row_number(&value, row, name);
    return value;
}

static void assert_note(const struct row *row, const char *part) {
    const char *note = json_text(row->values, "note", "");
    if (!strstr(note, part))
        fail_msg("\"%s\" does not hold \"%s\"", note, part);
}

static char *text_write(const char *directory, const char *name, const char *text) {
    return fixture_write(directory, name, text, strlen(text));
}

/* ---- energy/estimate ---- */

/* GFLOP a joule by the study's table (three digits); 1e9 FLOP are a third of that many millijoules. */
static void the_six_processors_have_their_estimates(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double gflop_per_j;
    } expected[] = {{"Xeon Gold 5320", 19.8}, {"Xeon Gold 5220", 10.1}, {"Xeon E5-2620 v4", 6.32},
                    {"Core i7-8650U", 16.2},  {"RTX 2080 Ti", 53.8},    {"Coral Edge TPU", 2000}};
    char *directory = fixture_success("energy/estimate@1", "{\"flops\":1e9}", NULL, 1);
    struct table t = table_of(directory, "estimate.csv");
    assert_int_equal(t.rows.count, 18);
    for (size_t i = 0; i < 6; i++) {
        const struct row *row = row_of(&t, "processor", expected[i].name, "curve", "metric (0)");
        assert_close(value_of(row, "computation_j"), 1 / expected[i].gflop_per_j, 0.005);
        assert_close(value_of(row, "joules"), value_of(row, "computation_j"), 1e-12);
        assert_true(isnan(value_of(row, "memory_j"))); /* nobody has said what a byte costs */
        assert_string_equal(json_text(row->values, "covers", ""), "computation");
    }
    const struct row *one = row_of(&t, "processor", "Xeon Gold 5320", "curve", "metric (1)");
    assert_close(value_of(one, "computation_j"), 185 / (26 * 2.2e9 * 64) * 1e9, 1e-12);
    assert_note(one, "equals metric (0)");
    assert_true(isnan(value_of(row_of(&t, "processor", "Coral Edge TPU", "curve", "metric (1)"), "joules")));
    const struct row *two = row_of(&t, "processor", "Xeon Gold 5320", "curve", "metric (2)");
    assert_true(isnan(value_of(two, "joules")));
    assert_note(two, "the paper gives none");
    assert_close(fixture_metric(directory, "breakdown_j"), 5e-4, 1e-12);
    table_close(&t);
    fixture_remove(directory);
}

/* Two convolutions and a norm. The first: 2 to 3 channels, 3x3, at 10 elements; the second: 3 to 4, 1x1. */
static const char small_profile[] =
    "{\"rows\":[{\"layer\":\"stem\",\"block\":\"stem\",\"parameters\":57,\"macs_element\":54,\"flops_slot\":1080,"
    "\"weight_bytes\":228,\"activation_bytes_slot\":200},"
    "{\"layer\":\"block1.norm1\",\"block\":\"block1\",\"parameters\":6,\"macs_element\":0,\"flops_slot\":0,"
    "\"weight_bytes\":48,\"activation_bytes_slot\":240},"
    "{\"layer\":\"block1.pointwise1\",\"block\":\"block1\",\"parameters\":16,\"macs_element\":12,"
    "\"flops_slot\":240,\"weight_bytes\":64,\"activation_bytes_slot\":280}]}";

static char *estimate(const char *with, const char *profile) {
    char *inputs = fixture_directory();
    char *path = text_write(inputs, "profile.json", profile);
    const struct given given[] = {{"profile", path, NULL}, {NULL, NULL, NULL}};
    char *directory = fixture_success("energy/estimate@1", with, given, 1);
    free(path);
    fixture_remove(inputs);
    return directory;
}

static void the_estimate_of_a_profile_is_the_one_by_hand(void **state) {
    (void)state;
    char *directory =
        estimate("{\"processors\":[{\"name\":\"Board\",\"cores\":2,\"ghz\":1,\"flop_per_clock\":4,\"tdp_w\":16,"
                 "\"kappa_f\":1e-27,\"convolution_a_j\":6e-12,\"convolution_b_j\":5e-12,"
                 "\"memory_j_per_byte\":1e-10}],\"only\":[\"Board\"],\"breakdown\":\"Board\"}",
                 small_profile);
    struct table t = table_of(directory, "estimate.json"), layers = table_of(directory, "layers.csv"),
                 blocks = table_of(directory, "blocks.csv");
    const double memory_j = (228 + 200 + 48 + 240 + 64 + 280) * 1e-10;
    assert_int_equal(t.rows.count, 3);
    const struct row *zero = row_of(&t, "curve", "metric (0)", NULL, NULL);
    assert_close(value_of(zero, "computation_j"), 1320 * 2e-9, 1e-12);
    assert_close(value_of(zero, "memory_j"), memory_j, 1e-12);
    assert_close(value_of(zero, "joules"), 1320 * 2e-9 + memory_j, 1e-12);
    assert_string_equal(json_text(zero->values, "covers", ""), "computation and memory");
    assert_close(value_of(row_of(&t, "curve", "metric (1)", NULL, NULL), "computation_j"), 1e-27 * 1e18 * 1320 / 4,
                 1e-12);
    assert_close(value_of(row_of(&t, "curve", "metric (2)", NULL, NULL), "computation_j"),
                 (540 * (6.0 / 2 + 5) + 120 * (6.0 / 3 + 5)) * 1e-12, 1e-12);
    const struct row *stem = row_of(&layers, "layer", "stem", NULL, NULL);
    assert_close(value_of(stem, "computation_j"), 1080 * 2e-9, 1e-12);
    assert_close(value_of(stem, "memory_j"), 428e-10, 1e-12);
    assert_close(value_of(stem, "share"), 1080.0 / 1320, 1e-12);
    const struct row *block = row_of(&blocks, "block", "block1", NULL, NULL);
    assert_int_equal(blocks.rows.count, 2);
    assert_close(value_of(block, "flops"), 240, 1e-12);
    assert_close(value_of(block, "memory_j"), 632e-10, 1e-12);
    assert_close(fixture_metric(directory, "bytes_per_inference"), 1060, 1e-12);
    table_close(&blocks);
    table_close(&layers);
    table_close(&t);
    fixture_remove(directory);
}

/* DeepRx itself: 5.3 mJ on the Coral, of which blocks 5, 6 and 7 take 64.0 %. */
static void the_estimate_of_deeprx_is_that_of_the_paper(void **state) {
    (void)state;
    char *profile = fixture_success(
        "deeprx/profile@1", "{\"architecture\":\"deeprx\",\"size\":30,\"link\":{\"resource_blocks\":26,\"qam\":256}}",
        NULL, 1);
    char *text = fixture_read(profile, "profile.json", NULL);
    char *directory = estimate("{}", text);
    struct table blocks = table_of(directory, "blocks.csv"), layers = table_of(directory, "layers.csv");
    double share = 0, flops = 0;
    for (int b = 5; b <= 7; b++) {
        char name[32];
        snprintf(name, sizeof name, "block%d", b);
        share += value_of(row_of(&blocks, "block", name, NULL, NULL), "share");
    }
    for (size_t i = 0; i < layers.rows.count; i++)
        flops += value_of(&layers.rows.row[i], "flops");
    assert_close(share, 0.640, 0.001);
    assert_close(flops, 10628567040.0, 1e-12);
    assert_close(fixture_metric(directory, "breakdown_j"), 10628567040.0 / 2e12, 1e-12);
    table_close(&layers);
    table_close(&blocks);
    fixture_remove(directory);
    free(text);
    fixture_remove(profile);
}

static void figures_of_the_table_can_be_replaced(void **state) {
    (void)state;
    struct processor *list;
    const struct processor *p;
    size_t count;
    struct error err = {0};
    cJSON *own = cJSON_Parse(
        "[{\"name\":\"Core i7-8650U\",\"tdp_w\":25},{\"name\":\"Coral Edge TPU\",\"memory_j_per_byte\":1e-10}]");
    assert_int_equal(processors_read(&list, &count, own, NULL, &err), 0);
    assert_int_equal(count, 6);
    assert_int_equal(processor_find(&p, list, count, "Core i7-8650U", &err), 0);
    assert_close(p->power_w, 25, 1e-12);
    assert_close(p->flops_per_s, 4 * 1.9e9 * 32, 1e-12);
    assert_int_equal(processor_find(&p, list, count, "Coral Edge TPU", &err), 0);
    assert_close(p->flops_per_s, 4e12, 1e-12);
    assert_close(p->memory_j_per_byte, 1e-10, 1e-12);
    cJSON_Delete(own);
    free(list);
}

static void faulty_estimates_are_refused(void **state) {
    (void)state;
    fixture_failure("energy/estimate@1", "{}", NULL, "give the input \"profile\" or \"flops\"");
    fixture_failure("energy/estimate@1", "{\"flops\":1,\"breakdown\":\"Coral Edge TPUs\"}", NULL,
                    "did you mean \"Coral Edge TPU\"?");
    fixture_failure("energy/estimate@1", "{\"flops\":1,\"only\":[\"Abacus\"]}", NULL, "there are Xeon Gold 5320");
    char *inputs = fixture_directory();
    char *path = text_write(inputs, "curve.json", "{\"rows\":[{\"ber\":1}]}");
    const struct given given[] = {{"profile", path, NULL}, {NULL, NULL, NULL}};
    fixture_failure("energy/estimate@1", "{}", given, "a row lacks flops_slot");
    free(path);
    fixture_remove(inputs);
}

/* ---- energy/amortize ---- */

static void the_paper_breaks_even_where_it_says(void **state) {
    (void)state;
    char *directory = fixture_success("energy/amortize@1", "{}", NULL, 1);
    struct table t = table_of(directory, "amortize.csv"), curves = table_of(directory, "curves.csv");
    const struct row *row = row_of(&t, "case", "paper: its step energy, steps and energy an inference", NULL, NULL);
    assert_close(value_of(row, "training_j"), 5e6, 1e-12);
    assert_close(value_of(row, "break_even_inferences"), 2.5e9, 1e-12);
    assert_close(value_of(row, "break_even_s") / 86400, 72.3, 0.001);
    row = row_of(&t, "case", "paper: its printed number of inferences", NULL, NULL);
    assert_close(value_of(row, "inference_j"), 50, 1e-12);
    assert_close(value_of(row, "break_even_s"), 250, 1e-12);
    row = row_of(&t, "case", "paper: its printed time", NULL, NULL);
    assert_close(value_of(row, "inference_j"), 20.8, 0.002);
    assert_close(value_of(row, "break_even_s"), 600, 1e-12);
    assert_note(row, "480 J, 24 training steps");
    row = row_of(&t, "case", "paper: its printed size on its processor", NULL, NULL);
    assert_close(value_of(row, "inference_j"), 15, 1e-12);
    assert_close(value_of(row, "break_even_inferences"), 333333, 1e-5);
    assert_close(value_of(row, "break_even_s") / 60, 13.9, 0.002);
    assert_note(row, "7500 times the printed energy");
    row = row_of(&t, "case", "counted: DeepRx's FLOP a slot on that processor", NULL, NULL);
    assert_close(value_of(row, "inference_j"), 5.3e-3, 0.003);
    assert_note(row, "4e+09 FLOP");
    row = row_of(&t, "case", "this study", NULL, NULL);
    assert_true(isnan(value_of(row, "break_even_inferences")));
    assert_note(row, "energy of our training is not known");
    assert_close(fixture_metric(directory, "paper_break_even_inferences"), 2.5e9, 1e-12);
    assert_int_equal(curves.rows.count, 2 * (12 * 4 + 1));
    table_close(&curves);
    table_close(&t);
    fixture_remove(directory);
}

static void a_measured_training_is_amortized(void **state) {
    (void)state;
    char *inputs = fixture_directory();
    char *a = text_write(inputs, "a.json", "{\"joules\":300,\"gm_ber\":-1}");
    char *b = text_write(inputs, "b.csv", "joules\n100\n200\n");
    char *c = text_write(inputs, "c.json",
                         "{\"rows\":[{\"joules_per_inference\":0.01},{\"joules_per_inference\":0.03},{\"x\":1}]}");
    const struct given given[] = {
        {"training", a, NULL}, {"training", b, NULL}, {"inference", c, NULL}, {NULL, NULL, NULL}};
    char *directory =
        fixture_success("energy/amortize@1",
                        "{\"paper\":false,\"inferences_per_s\":10,\"basis\":\"all made up\",\"decades\":2}", given, 1);
    struct table t = table_of(directory, "amortize.json"), curves = table_of(directory, "curves.csv");
    assert_int_equal(t.rows.count, 1);
    assert_close(value_of(&t.rows.row[0], "training_j"), 600, 1e-12);
    assert_close(value_of(&t.rows.row[0], "inference_j"), 0.02, 1e-12);
    assert_note(&t.rows.row[0], "all made up");
    assert_close(fixture_metric(directory, "break_even_inferences"), 30000, 1e-12);
    assert_close(fixture_metric(directory, "break_even_s"), 3000, 1e-12);
    const struct row *last = &curves.rows.row[curves.rows.count - 2];
    assert_close(value_of(last, "inferences"), 100, 1e-12);
    assert_close(value_of(last, "joules"), 6, 1e-12);
    fixture_failure("energy/amortize@1", "{\"training_column\":\"joule\"}", given, "did you mean \"joules\"?");
    table_close(&curves);
    table_close(&t);
    fixture_remove(directory);
    free(a);
    free(b);
    free(c);
    fixture_remove(inputs);
}

/* 4e12 FLOP of training, 2e9 an inference: 2,000 of them whatever a FLOP costs; 4 cores x 1.9 GHz x 32 FLOP at 15 W. */
static void counted_flops_are_amortized(void **state) {
    (void)state;
    char *inputs = fixture_directory();
    char *a = text_write(inputs, "a.json", "{\"training_flops\":3e12,\"flops\":2e9}");
    char *b = text_write(inputs, "b.json", "{\"training_flops\":1e12,\"flops\":7e9}");
    const struct given given[] = {
        {"training", a, NULL}, {"training", b, NULL}, {"inference", a, NULL}, {NULL, NULL, NULL}};
    char *directory = fixture_success("energy/amortize@1",
                                      "{\"paper\":false,\"processor\":\"Core i7-8650U\",\"training_column\":"
                                      "\"training_flops\",\"inference_column\":\"flops\"}",
                                      given, 1);
    struct table t = table_of(directory, "amortize.csv");
    assert_close(fixture_metric(directory, "break_even_inferences"), 2000, 1e-12);
    assert_close(fixture_metric(directory, "training_j"), 4e12 * 15 / (4 * 1.9e9 * 32), 1e-12);
    assert_note(&t.rows.row[0], "FLOP counted, at 1.621e+10 FLOP/J of metric (0) (Core i7-8650U)");
    fixture_failure("energy/amortize@1", "{\"processor\":\"Core i7-8650\"}", given, "Core i7-8650U");
    table_close(&t);
    fixture_remove(directory);
    free(a);
    free(b);
    fixture_remove(inputs);
}

/* Relative power may be negative; then nothing ever breaks even, and no number says it does. */
static void a_negative_inference_never_breaks_even(void **state) {
    (void)state;
    char *inputs = fixture_directory();
    char *c = text_write(inputs, "c.json", "{\"joules_per_inference\":-0.5}");
    const struct given given[] = {{"inference", c, NULL}, {NULL, NULL, NULL}};
    char *directory = fixture_success("energy/amortize@1", "{\"paper\":false,\"training_j\":7}", given, 1);
    struct table t = table_of(directory, "amortize.csv");
    assert_close(value_of(&t.rows.row[0], "inference_j"), -0.5, 1e-12);
    assert_true(isnan(value_of(&t.rows.row[0], "break_even_inferences")));
    assert_note(&t.rows.row[0], "never breaks even");
    table_close(&t);
    fixture_remove(directory);
    free(c);
    fixture_remove(inputs);
}

/* ---- energy/inference ---- */

static void the_mean_has_the_uncertainty_by_hand(void **state) {
    (void)state;
    double share;
    assert_close(energy_mean(&share, (const double[]){1, 2, 3, 4}, 4), 2.5, 1e-12);
    assert_close(share, 2 * sqrt(5.0 / 3 / 4) / 2.5, 1e-12);
    energy_mean(&share, (const double[]){1}, 1);
    assert_true(isnan(share));
    energy_mean(&share, (const double[]){-1, -3}, 2); /* 2 standard errors are 2, the mean is 2 */
    assert_close(share, 1, 1e-12);
}

static const char quick[] =
    "{\"round_s\":0.01,\"min_rounds\":3,\"max_rounds\":4,\"base_windows\":15,\"uncertainty\":1}";

struct model_file {
    char *directory, *path;
};

/* A network of the smallest size, trained for a step. */
static struct model_file make_model(void) {
    struct model_file m;
    m.directory =
        fixture_success("deeprx/train@1",
                        "{\"size\":7,\"steps\":1,\"batch\":1,\"features\":\"mrc\",\"validation\":{\"slots\":1},"
                        "\"link\":{\"resource_blocks\":1}}",
                        NULL, 1);
    m.path = path_join(m.directory, "model.safetensors");
    return m;
}

/* The kind on a made-up machine; the caller removes the directory. */
static char *measure(const struct meter_options *options, const char *model) {
    const struct given given[] = {{"model", model, NULL}, {NULL, NULL, NULL}};
    struct error err = {0};
    struct stage *s = NULL;
    char *directory = fixture_directory();
    char *spec = fixture_spec(directory, "energy/inference@1", quick, given, 1);
    if (stage_open(&s, spec, &err) || energy_inference_measure(s, options, 0.01, &err) || stage_finish(s, &err))
        fail_msg("%s", err.message);
    stage_close(s);
    free(spec);
    return directory;
}

static void put(const char *root, const char *name, const char *text) {
    char *path = path_join(root, name), *parent = path_directory(path);
    struct error err = {0};
    assert_int_equal(file_make_directory(parent, &err), 0);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    free(parent);
    free(path);
}

static cJSON *read_json(const char *directory, const char *name) {
    struct json_document *doc = NULL;
    struct error err = {0};
    char *path = path_join(directory, name);
    assert_int_equal(json_read(&doc, path, NULL, &err), 0);
    free(path);
    return json_detach(doc);
}

static void inference_without_a_counter_has_no_joules(void **state) {
    (void)state;
    char *root = fixture_directory();
    struct model_file model = make_model();
    put(root, "proc/cpuinfo", "processor\t: 0\nmodel name\t: Quantum Abacus 3000\n");
    char *directory = measure(&(struct meter_options){.root = root}, model.path);
    struct table t = table_of(directory, "inference.csv");
    const struct row *measured = row_of(&t, "curve", "measured", NULL, NULL);
    assert_true(isnan(value_of(measured, "joules")));
    assert_string_equal(json_text(measured->values, "label", ""), "unavailable");
    assert_note(measured, "powercap: no zone");
    assert_true(value_of(measured, "flops_per_s") > 0);
    const struct row *estimated = row_of(&t, "curve", "metric (0)", NULL, NULL);
    double flops = fixture_metric(directory, "flops_per_inference"),
           peak = fixture_metric(directory, "peak_flops_per_s");
    assert_close(value_of(estimated, "joules"), flops * 12 / peak, 1e-9); /* the stated default of 12 W a core */
    assert_note(estimated, "default");
    assert_true(fixture_metric(directory, "seconds_per_inference") > 0);
    assert_in_range((uintmax_t)fixture_metric(directory, "rounds"), 3, 4);
    assert_true(fixture_metric(directory, "cpu_s_per_inference") > 0);
    cJSON *metrics = read_json(directory, "metrics.json"), *energy = read_json(directory, "energy.json");
    assert_null(cJSON_GetObjectItemCaseSensitive(metrics, "joules_per_inference")); /* never modelled in its place */
    assert_null(cJSON_GetObjectItemCaseSensitive(metrics, "base_w"));
    assert_string_equal(json_text(energy, "label", ""), "unavailable");
    assert_null(cJSON_GetObjectItemCaseSensitive(energy, "joules_per_inference"));
    cJSON_Delete(energy);
    cJSON_Delete(metrics);
    table_close(&t);
    fixture_remove(directory);
    fixture_remove(model.directory);
    free(model.path);
    fixture_remove(root);
}

/* A package that draws 50 W, whatever is run on it. The test moves the meter's clock by 5 ms at each look. So no
   round is too short for the counter, however busy this machine is. */
static char *package_path;
static unsigned package_looks, asked_at; /* SIGTERM comes at this look; 0: never */

static uint64_t package_now_ns(void) {
    static uint64_t us;
    us += 5000;
    if (++package_looks == asked_at)
        raise(SIGTERM);
    FILE *file = fopen(package_path, "w");
    assert_non_null(file);
    fprintf(file, "%llu\n", (unsigned long long)us * 50);
    fclose(file);
    return us * 1000;
}

static char *make_package(void) {
    char *root = fixture_directory();
    put(root, "proc/cpuinfo", "processor\t: 0\nmodel name\t: Quantum Abacus 3000\n");
    put(root, "proc/stat", "cpu  100 0 0 0 0 0 0 0 0 0\n");
    put(root, "sys/class/powercap/intel-rapl:0/name", "package-0\n");
    put(root, "sys/class/powercap/intel-rapl:0/max_energy_range_uj", "262143328850\n");
    put(root, "sys/class/powercap/intel-rapl:0/energy_uj", "1000000\n");
    package_path = path_join(root, "sys/class/powercap/intel-rapl:0/energy_uj");
    return root;
}

static void inference_with_a_counter_has_measured_joules(void **state) {
    (void)state;
    char *root = make_package();
    struct model_file model = make_model();
    const struct meter_options options = {.root = root, .no_thread = true, .now_ns = package_now_ns};
    char *directory = measure(&options, model.path);
    free(package_path);
    double base = fixture_metric(directory, "base_w"), absolute = fixture_metric(directory, "absolute_w");
    double relative = fixture_metric(directory, "relative_w"),
           joules = fixture_metric(directory, "joules_per_inference");
    cJSON *energy = read_json(directory, "energy.json");
    const cJSON *last = cJSON_GetObjectItemCaseSensitive(energy, "last_round");
    const cJSON *steps = cJSON_GetObjectItemCaseSensitive(last, "steps");
    assert_string_equal(json_text(energy, "label", ""), "measured");
    assert_close(base, 50, 1e-6);
    assert_close(absolute, 50, 1e-6);
    assert_true(fabs(relative) < 1e-3); /* the network adds nothing to what this machine draws */
    assert_close(relative + base, absolute, 1e-9);
    assert_true(fabs(joules - json_double(steps, "relative_j", 0) / fixture_metric(directory, "inferences")) < 1e-9);
    assert_true(fixture_metric(directory, "joules_uncertainty_j") > 0);
    assert_close(json_double(cJSON_GetObjectItemCaseSensitive(last, "baseline"), "windows", 0), 30, 1e-12);
    struct table series = table_of(directory, "inference.csv");
    assert_string_equal(json_text(row_of(&series, "curve", "measured", NULL, NULL)->values, "label", ""), "measured");
    table_close(&series);
    cJSON_Delete(energy);
    fixture_remove(directory);
    fixture_remove(model.directory);
    free(model.path);
    fixture_remove(root);
}

/* The return value of a measurement of three rounds that SIGTERM asks to stop at a look at the counter. */
static int measure_until(unsigned look, const struct meter_options *options, const char *model) {
    static const char with[] = "{\"round_s\":0.01,\"min_rounds\":3,\"max_rounds\":3,\"base_windows\":15}";
    const struct given given[] = {{"model", model, NULL}, {NULL, NULL, NULL}};
    struct error err = {0};
    struct stage *s = NULL;
    char *directory = fixture_directory();
    char *spec = fixture_spec(directory, "energy/inference@1", with, given, 1);
    assert_int_equal(stage_open(&s, spec, &err), 0);
    package_looks = 0;
    asked_at = look;
    int rc = energy_inference_measure(s, options, 0.01, &err);
    asked_at = 0;
    stage_close(s);
    free(spec);
    fixture_remove(directory);
    return rc;
}

static void a_measurement_of_base_power_stops(void **state) {
    (void)state;
    char *root = make_package();
    struct model_file model = make_model();
    const struct meter_options options = {.root = root, .no_thread = true, .now_ns = package_now_ns};
    assert_int_equal(measure_until(0, &options, model.path), 0);
    unsigned whole = package_looks; /* the last of them are of the base power after the rounds */
    assert_int_equal(measure_until(whole - 2, &options, model.path), STAGE_INTERRUPTED);
    assert_int_equal(measure_until(3, &options, model.path), STAGE_INTERRUPTED); /* before the rounds */
    assert_true(package_looks < 10);
    free(package_path);
    fixture_remove(model.directory);
    free(model.path);
    fixture_remove(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_six_processors_have_their_estimates),
        cmocka_unit_test(the_estimate_of_a_profile_is_the_one_by_hand),
        cmocka_unit_test(the_estimate_of_deeprx_is_that_of_the_paper),
        cmocka_unit_test(figures_of_the_table_can_be_replaced),
        cmocka_unit_test(faulty_estimates_are_refused),
        cmocka_unit_test(the_paper_breaks_even_where_it_says),
        cmocka_unit_test(a_measured_training_is_amortized),
        cmocka_unit_test(counted_flops_are_amortized),
        cmocka_unit_test(a_negative_inference_never_breaks_even),
        cmocka_unit_test(the_mean_has_the_uncertainty_by_hand),
        cmocka_unit_test(inference_without_a_counter_has_no_joules),
        cmocka_unit_test(inference_with_a_counter_has_measured_joules),
        cmocka_unit_test(a_measurement_of_base_power_stops),
    };
    return cmocka_run_group_tests_name("energy_kinds", tests, NULL, NULL);
}
