#include "engine/base/buffer.h"
#include "engine/meter/cpu.h"
#include "engine/meter/data.h"
#include "tests/unit/meter/fixture.h"

static struct energy_record record_of(const char *root, const struct meter_usage *usage) {
    struct error err = {0};
    struct meter *m = NULL;
    if (meter_open(&m, root, &err) < 0)
        fail_msg("%s", err.message);
    struct energy_record record;
    meter_end(meter_begin(m, getpid()), usage, &record);
    meter_close(m);
    return record;
}

static void a_known_processor_has_its_model(void **state) {
    put_cpuinfo(*state, "Intel(R) Xeon(R) Gold 5320 CPU @ 2.20GHz", 52, 26);
    const struct meter_usage usage = {.cpu_s = 100, .wall_s = 60, .memory_bytes = 2e9};
    struct energy_record r = record_of(*state, &usage);
    assert_int_equal(r.label, ENERGY_MODELLED);
    assert_near(r.computation_j, 100 * 185.0 / 26 / 2); /* 185 W over 26 cores of two threads */
    assert_near(r.memory_j, 2 * 0.3725 * 60);
    assert_near(r.joules, r.computation_j + r.memory_j);
    assert_string_equal(r.power_source, "Xeon Gold 5320");
    assert_string_equal(r.constants, "model-1");
    assert_true(isnan(r.uncertainty_j)); /* a model has no bound, and none is made up */
    assert_true(strlen(r.uncertainty) > 0);
}

static void a_running_stage_has_modelled_joules_so_far(void **state) {
    struct meter *m = NULL;
    struct energy_record r;
    put_cpuinfo(*state, "Quantum Abacus 3000", 1, 1);
    assert_int_equal(meter_open(&m, *state, NULL), 0);
    struct meter_task *task = meter_begin(m, getpid());
    meter_so_far(task, &(struct meter_usage){.cpu_s = 2, .wall_s = 3, .memory_bytes = 1e9}, &r);
    assert_near(r.joules, 2 * 12 + 3 * 0.3725);
    meter_end(task, &(struct meter_usage){.cpu_s = 5, .wall_s = 6, .memory_bytes = 1e9}, &r);
    assert_near(r.joules, 5 * 12 + 6 * 0.3725);
    meter_close(m);
}

static void full_load_draws_the_design_power(void **state) {
    put_cpuinfo(*state, "Intel(R) Xeon(R) CPU E5-2620 v4 @ 2.10GHz", 16, 8);
    const struct meter_usage usage = {.cpu_s = 16, .wall_s = 1, .memory_bytes = 0}; /* all 16 for a second */
    struct energy_record r = record_of(*state, &usage);
    assert_near(r.joules, 85);
}

static void an_unknown_processor_gets_the_stated_default(void **state) {
    put_cpuinfo(*state, "Quantum Abacus 3000", 1, 1);
    const struct meter_usage usage = {.cpu_s = 10, .wall_s = 20, .memory_bytes = 0};
    struct energy_record r = record_of(*state, &usage);
    assert_int_equal(r.label, ENERGY_MODELLED);
    assert_near(r.joules, 120);
    assert_string_equal(r.power_source, "default");
    assert_string_equal(r.processor, "Quantum Abacus 3000");
    cJSON *json = energy_record_json(&r);
    assert_string_equal(json_text(json, "label", ""), "modelled");
    assert_string_equal(json_text(json, "power_source", ""), "default");
    assert_near(json_double(json, "joules", 0), 120);
    assert_near(json_double(json, "w_per_cpu", 0), 12);
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json, "uncertainty_j")));
    cJSON_Delete(json);
}

static void a_similar_name_is_another_processor(void **state) {
    put_cpuinfo(*state, "Intel(R) Xeon(R) Gold 5320H CPU @ 2.40GHz", 1, 1); /* another processor, 20 cores, 150 W */
    const struct meter_usage usage = {.cpu_s = 1, .wall_s = 1, .memory_bytes = 0};
    struct energy_record r = record_of(*state, &usage);
    assert_string_equal(r.power_source, "default");
}

static void unknown_usage_gives_no_joules(void **state) {
    put_cpuinfo(*state, "x", 1, 1);
    static const struct meter_usage usages[] = {
        {(double)NAN, 1, 1, false}, {1, (double)NAN, 1, false}, {1, 1, (double)NAN, false}, {-1, 1, 1, false},
        {1, -1, 1, false},          {1, 1, -1, false},          {INFINITY, 1, 1, false},
    };
    for (size_t i = 0; i <= sizeof usages / sizeof *usages; i++) {
        struct energy_record r = record_of(*state, i < sizeof usages / sizeof *usages ? &usages[i] : NULL);
        assert_int_equal(r.label, ENERGY_UNAVAILABLE);
        assert_true(isnan(r.joules));
        assert_true(isnan(r.computation_j));
        assert_true(isnan(r.memory_j));
        assert_true(strlen(r.why) > 0);
        cJSON *json = energy_record_json(&r);
        assert_string_equal(json_text(json, "label", ""), "unavailable");
        assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json, "joules")));
        cJSON_Delete(json);
    }
}

static void the_record_says_why_no_counter_was_used(void **state) {
    put_cpuinfo(*state, "x", 1, 1);
    const struct meter_usage usage = {1, 1, 1, false};
    struct energy_record r = record_of(*state, &usage);
    assert_holds(r.why, "no counter of the processor's energy can be read");
    assert_holds(r.why, "perf_event: no power PMU");
    assert_holds(r.why, "powercap: no zone");
    assert_int_equal(r.domain_count, 0);
}

static void a_broken_root_is_an_error(void **state) {
    struct error err = {0};
    struct meter *m = NULL;
    assert_int_equal(meter_open(&m, *state, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "proc/cpuinfo"));
    assert_null(m);
    meter_close(NULL);
}

static void the_meter_names_the_facts_that_enter_keys(void **state) {
    put_cpuinfo(*state, "AMD EPYC", 2, 2);
    struct meter *m = NULL;
    assert_int_equal(meter_open(&m, *state, NULL), 0);
    assert_string_equal(meter_name(m), "model/model-1");
    assert_string_equal(meter_processor(m), "AMD EPYC");
    meter_close(m);
}

static void the_processor_is_read_from_cpuinfo(void **state) {
    struct cpu_info cpu;
    put_cpuinfo(*state, "Some CPU", 8, 4);
    assert_int_equal(cpu_info_read(&cpu, *state, NULL), 0);
    assert_string_equal(cpu.model, "Some CPU");
    assert_string_equal(cpu.microcode, "0xd0003a5");
    assert_int_equal(cpu.logical, 8);
    assert_int_equal(cpu_threads_per_core(&cpu), 2);
    put(*state, "proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 50.00\n\nprocessor\t: 1\n"); /* as on 64-bit Arm */
    assert_int_equal(cpu_info_read(&cpu, *state, NULL), 0);
    assert_string_equal(cpu.model, "unknown");
    assert_string_equal(cpu.microcode, "");
    assert_int_equal(cpu.logical, 2);
    assert_int_equal(cpu_threads_per_core(&cpu), 1);
    put(*state, "proc/cpuinfo", "model name\t: x\nsiblings\t: many\ncpu cores\t: -3\nmodel name"); /* damaged */
    assert_int_equal(cpu_info_read(&cpu, *state, NULL), 0);
    assert_int_equal(cpu_threads_per_core(&cpu), 1);
}

/* The six processors of the study, GFLOP a joule as its table gives them (three digits). */
static void the_processor_table_holds_its_figures(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double gflop_per_j;
    } expected[] = {{"Xeon Gold 5320", 19.8}, {"Xeon Gold 5220", 10.1}, {"Xeon E5-2620 v4", 6.32},
                    {"Core i7-8650U", 16.2},  {"RTX 2080 Ti", 53.8},    {"Coral Edge TPU", 2000}};
    cJSON *table = NULL;
    assert_int_equal(meter_processors(&table, NULL), 0);
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(table, "processors");
    assert_int_equal(cJSON_GetArraySize(rows), sizeof expected / sizeof *expected);
    for (int i = 0; i < cJSON_GetArraySize(rows); i++) {
        const cJSON *row = cJSON_GetArrayItem(rows, i);
        assert_string_equal(json_text(row, "name", ""), expected[i].name);
        double gflops = json_double(row, "int8_tops", NAN) * 1e3;
        if (isnan(gflops))
            gflops =
                json_double(row, "cores", NAN) * json_double(row, "ghz", NAN) * json_double(row, "flop_per_clock", NAN);
        double ratio = gflops / json_double(row, "tdp_w", NAN) / expected[i].gflop_per_j;
        assert_true(ratio > 0.995 && ratio < 1.005);
        assert_true(strlen(json_text(row, "source", "")) > 0);
    }
    cJSON_Delete(table);
}

static void a_figure_is_printed_with_its_label(void **state) {
    (void)state;
    static const struct {
        double joules;
        const char *label;
        const char *text;
    } figures[] = {
        {12.34, "modelled", "12.3 J modelled"}, {4560, "measured", "4.56 kJ measured"},
        {0, "modelled", "0 J modelled"},        {0.0021, "measured", "2.1 mJ measured"},
        {999.7, "modelled", "1 kJ modelled"},   {-3, "measured", "-3 J measured"},
        {5e6, "modelled", "5 MJ modelled"},     {NAN, "modelled", "unavailable"},
        {NAN, "unresolved", "unresolved"},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        struct buffer b = {0};
        energy_figure(&b, figures[i].joules, figures[i].label);
        assert_string_equal(buffer_text(&b), figures[i].text);
        buffer_close(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_root(a_known_processor_has_its_model),
        with_root(a_running_stage_has_modelled_joules_so_far),
        with_root(full_load_draws_the_design_power),
        with_root(an_unknown_processor_gets_the_stated_default),
        with_root(a_similar_name_is_another_processor),
        with_root(unknown_usage_gives_no_joules),
        with_root(the_record_says_why_no_counter_was_used),
        with_root(a_broken_root_is_an_error),
        with_root(the_meter_names_the_facts_that_enter_keys),
        with_root(the_processor_is_read_from_cpuinfo),
        cmocka_unit_test(the_processor_table_holds_its_figures),
        cmocka_unit_test(a_figure_is_printed_with_its_label),
    };
    return cmocka_run_group_tests_name("meter", tests, NULL, NULL);
}
