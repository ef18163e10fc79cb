/* store/RECORD.md lists the members of an attempt's energy, also those that only a machine with counters has. */
#include <math.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/meter/meter.h"
#include "tests/unit/meter/fixture.h"

static char *read_page(void) {
    struct buffer page = {0};
    struct error err = {0};
    assert_int_equal(file_read(&page, "store/RECORD.md", 1 << 20, &err), 0);
    return buffer_detach(&page);
}

/* The place of a member of a record's energy on the page; NULL: none. */
static const char *row_of(const char *page, const char *path) {
    char *row = mem_printf("\n| `energy%s` |", path);
    const char *found = strstr(page, row);
    free(row);
    return found;
}

static void expect_listed(const char *page, const cJSON *value, const char *path, size_t *met) {
    for (const cJSON *item = value->child; item; item = item->next) {
        char *inner = item->string ? mem_printf("%s.%s", path, item->string) : mem_printf("%s[]", path);
        if (item->string && !row_of(page, inner))
            fail_msg("the page does not list energy%s", inner);
        *met += item->string != NULL;
        expect_listed(page, item, inner, met);
        free(inner);
    }
}

/* Everything is known, and has a reason besides. */
static cJSON *full_record(void) {
    const struct base_power power = {.windows = 3};
    struct energy_record r = {.label = ENERGY_MEASURED, .gpu_j = 1, .base = {power, power, power}, .domain_count = 1};
    char *const texts[] = {r.source,          r.constants,     r.why,        r.uncertainty,
                           r.processor,       r.power_source,  r.share_rule, r.domains[0].source,
                           r.domains[0].name, r.domains[0].why};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        texts[i][0] = 'x';
    return energy_record_json(&r);
}

static void test_members_with_counters(void **state) {
    (void)state;
    char *page = read_page();
    cJSON *record = full_record();
    size_t met = 0, listed = 0;
    expect_listed(page, record, "", &met);
    const char *begin = strstr(page, "### Energy\n"), *end = strstr(page, "| `energy.beside` |");
    assert_true(begin && end);
    for (const char *at = begin; (at = strstr(at, "\n| `energy.")) && at + 1 < end; at++)
        listed++;
    assert_int_equal(listed, met); /* and nothing else */
    cJSON_Delete(record);
    free(page);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_members_with_counters)};
    return cmocka_run_group_tests_name("record_page", tests, NULL, NULL);
}
