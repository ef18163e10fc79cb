#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/json.h"
#include "stages/kinds/kind.h"

struct fault {
    size_t count;
    char message[512];
};

static void on_fault(void *context, const cJSON *at, bool on_key, const char *message) {
    struct fault *f = context;
    (void)at;
    (void)on_key;
    f->count++;
    snprintf(f->message, sizeof f->message, "%s", message);
}

static const struct kind *kind_of(const char *uses) {
    const struct kind *kind;
    struct error err = {0};
    if (kind_find(&kind, uses, &err) < 0)
        fail_msg("%s", err.message);
    return kind;
}

/* `part` NULL: no fault at all; else exactly one, whose message holds it. */
static void expect(const char *uses, const char *text, const char *part) {
    struct fault f = {.count = 0};
    cJSON *with = cJSON_Parse(text);
    assert_non_null(with);
    kind_check_with(kind_of(uses), with, NULL, on_fault, &f);
    cJSON_Delete(with);
    if (f.count != (part ? 1 : 0) || (part && !strstr(f.message, part)))
        fail_msg("%s: %zu faults, the last \"%s\"", text, f.count, f.message);
}

static void faults_of_energy_estimate_are_named(void **state) {
    (void)state;
    expect("energy/estimate@1", "{}", NULL);
    expect("energy/estimate@1",
           "{\"processors\":[{\"name\":\"Board\",\"cores\":4,\"ghz\":1.5,\"flop_per_clock\":8,\"tdp_w\":7}]}", NULL);
    expect("energy/estimate@1", "{\"processors\":[{\"cores\":4}]}", "needs \"name\"");
    expect("energy/estimate@1", "{\"processors\":[{\"name\":\"Board\",\"tpd_w\":7}]}", "did you mean \"tdp_w\"?");
    expect("energy/estimate@1", "{\"flops\":-1}", "\"flops\" is -1");
    assert_false(kind_of("energy/estimate@1")->measures_machine);
}

static void faults_of_energy_inference_are_named(void **state) {
    (void)state;
    expect("energy/inference@1", "{\"min_rounds\":5,\"max_rounds\":5}", NULL);
    expect("energy/inference@1", "{\"max_rounds\":9}", "\"max_rounds\" is 9, less than \"min_rounds\" 10");
    expect("energy/inference@1", "{\"min_rounds\":200}", "\"max_rounds\" is 120"); /* its default */
    expect("energy/inference@1", "{\"uncertainty\":0}", "\"uncertainty\" is 0");
    assert_true(kind_of("energy/inference@1")->measures_machine);
    assert_true(kind_input(kind_of("energy/inference@1"), "model")->required);
}

static void faults_of_energy_amortize_are_named(void **state) {
    (void)state;
    expect("energy/amortize@1", "{\"training_j\":1e6,\"inference_j\":0.01,\"inferences_per_s\":100}", NULL);
    expect("energy/amortize@1", "{\"inferences_per_s\":0}", "\"inferences_per_s\" is 0");
    expect("energy/amortize@1", "{\"decades\":40}", "from 1 to 15");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_of_energy_estimate_are_named),
        cmocka_unit_test(faults_of_energy_inference_are_named),
        cmocka_unit_test(faults_of_energy_amortize_are_named),
    };
    return cmocka_run_group_tests_name("energy_kinds", tests, NULL, NULL);
}
