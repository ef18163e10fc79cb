/* Quantities against the definitions of their units. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/pipeline/quantity.h"

static void bytes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {{"0B", 0},
                {"512MiB", 512ULL * 1024 * 1024},
                {"2GiB", 2ULL * 1024 * 1024 * 1024},
                {"1.5KiB", 1536},
                {"1kB", 1000},
                {"3TB", 3000000000000},
                {"1TiB", 1ULL << 40},
                {"0.0001kB", 0}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint64_t value = 77;
        assert_true(quantity_bytes(&value, good[i].text));
        assert_int_equal(value, good[i].value);
    }
    static const char *const bad[] = {"",      "2",    "GiB",  "2 GiB", "-1B",        "2gib",
                                      "2GiB ", "1e3B", ".5kB", "1.kB",  "9000000TiB", "0x1B"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t value = 0;
        assert_false(quantity_bytes(&value, bad[i]));
    }
}

static void durations(void **state) {
    (void)state;
    uint64_t ms = 0;
    assert_true(quantity_duration(&ms, "250ms"));
    assert_int_equal(ms, 250);
    assert_true(quantity_duration(&ms, "10s"));
    assert_int_equal(ms, 10000);
    assert_true(quantity_duration(&ms, "30m"));
    assert_int_equal(ms, 1800000);
    assert_true(quantity_duration(&ms, "1.5h"));
    assert_int_equal(ms, 5400000);
    assert_false(quantity_duration(&ms, "1h30m"));
    assert_false(quantity_duration(&ms, "2d"));
    assert_false(quantity_duration(&ms, "inf"));
}

static void energies(void **state) {
    (void)state;
    double j = 0;
    assert_true(quantity_energy(&j, "3J"));
    assert_true(j == 3);
    assert_true(quantity_energy(&j, "500kJ"));
    assert_true(j == 500000);
    assert_true(quantity_energy(&j, "2MJ"));
    assert_true(j == 2000000);
    assert_true(quantity_energy(&j, "1Wh"));
    assert_true(j == 3600);
    assert_true(quantity_energy(&j, "1kWh"));
    assert_true(j == 3600000);
    assert_false(quantity_energy(&j, "2mJ"));
    assert_false(quantity_energy(&j, "2"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(bytes), cmocka_unit_test(durations),
                                       cmocka_unit_test(energies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
