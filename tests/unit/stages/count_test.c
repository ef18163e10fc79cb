/* link/baseline and deeprx/profile: against the kernels called one by one, and the figures of publications. */
#include <math.h>

#include "kernels/link.h"
#include "stages/run/link_params.h"
#include "tests/unit/stages/fixture.h"

static const char tiny_link[] = "{\"resource_blocks\":1,\"pilots\":1,\"profiles\":[\"A\"]}";

/* One cell of a CSV whose first column is `curve` and second `sinr_db`. */
static double csv_value(const char *csv, const char *curve, double sinr_db, int column) {
    for (const char *line = csv; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        size_t length = strlen(curve);
        if (strncmp(line, curve, length) != 0 || line[length] != ',' || strtod(line + length + 1, NULL) != sinr_db)
            continue;
        for (int i = 0; i < column; i++)
            line = strchr(line, ',') + 1;
        return strtod(line, NULL);
    }
    fail_msg("no row %s at %g dB", curve, sinr_db);
    return 0;
}

static uint64_t errors_of(const float *llr, const struct link_slot *slot, const struct link_config *c) {
    uint64_t errors = 0;
    size_t row = (size_t)link_subcarriers(c) * (size_t)c->bits;
    for (size_t i = 0; i < SLOT_SYMBOLS * row; i++)
        if (!link_is_pilot_symbol(c, (int)(i / row)))
            errors += (llr[i] > 0) != (slot->bits[i] == 1);
    return errors;
}

/* The genie's errors over `slots` slots of point 1 of 2, by calling the kernels one by one. */
static uint64_t genie_errors(double snr_db, double sir_db, int slots, const char *link) {
    struct link_config c;
    cJSON *tree = cJSON_Parse(link), *with = cJSON_CreateObject();
    const struct kind *kind;
    struct error err = {0};
    assert_int_equal(kind_find(&kind, "link/baseline@1", &err), 0);
    cJSON_AddItemToObject(with, "link", tree);
    cJSON *full = kind_with_complete(kind, with);
    link_config_read(&c, cJSON_GetObjectItemCaseSensitive(full, "link"));
    void *memory = aligned_alloc(64, (link_slot_bytes(&c) + 63) / 64 * 64);
    void *make = aligned_alloc(64, (link_generate_workspace_bytes(&c) + 64) / 64 * 64);
    void *receive = aligned_alloc(64, (link_receive_workspace_bytes(&c, LINK_RECEIVER_GENIE) + 64) / 64 * 64);
    float *llr = calloc(SLOT_SYMBOLS * (size_t)link_subcarriers(&c) * (size_t)c.bits, sizeof *llr);
    struct link_slot slot;
    uint64_t errors = 0;
    link_slot_place(&slot, &c, memory);
    for (int j = 0; j < slots; j++) {
        link_generate(&slot, &c, 5, RNG_VALIDATION, (uint32_t)(j * 2 + 1), snr_db, sir_db, make);
        link_receive(llr, &slot, &c, LINK_RECEIVER_GENIE, LINK_DEMAP_MAXLOG, receive);
        errors += errors_of(llr, &slot, &c);
    }
    free(memory);
    free(make);
    free(receive);
    free(llr);
    cJSON_Delete(with);
    cJSON_Delete(full);
    return errors;
}

static void the_genie_counts_the_errors_of_link_receive(void **state) {
    (void)state;
    char *with = mem_printf("{\"receiver\":\"genie\",\"slots\":5,\"seed\":5,\"sinr_db\":[2,6],\"link\":%s}", tiny_link);
    char *out = fixture_success("link/baseline@1", with, NULL, 1), *csv = fixture_read(out, "curve.csv", NULL);
    uint64_t errors = genie_errors(6, (double)NAN, 5, tiny_link);
    assert_true(errors > 0);
    assert_int_equal((uint64_t)csv_value(csv, "genie", 6, 3), errors);
    assert_int_equal((uint64_t)csv_value(csv, "genie", 6, 2), 5 * 12 * 13 * 4); /* slots, subcarriers, symbols, bits */
    free(csv);
    free(with);
    fixture_remove(out);
}

static void interference_takes_its_part_of_the_sinr(void **state) {
    (void)state;
    static const char link[] = "{\"resource_blocks\":1,\"pilots\":1,\"profiles\":[\"A\"],\"interference\":true}";
    char *with = mem_printf("{\"receiver\":\"genie\",\"slots\":5,\"seed\":5,\"sinr_db\":[2,6],\"link\":%s}", link);
    char *out = fixture_success("link/baseline@1", with, NULL, 1), *csv = fixture_read(out, "curve.csv", NULL);
    assert_int_equal((uint64_t)csv_value(csv, "genie", 6, 3),
                     genie_errors(6 + 10 * log10(2), 6 + 10 * log10(2), 5, link));
    free(csv);
    free(with);
    fixture_remove(out);
}

/* Published closed forms of 16- and 256-QAM at 10, 20, 30 dB; the simulation within four deviations of the same. */
static void flat_channels_give_the_closed_forms(void **state) {
    (void)state;
    static const struct {
        const char *receiver;
        int qam, branches;
        double sinr_db, ber, tolerance; /* of the printed digits */
    } table[] = {
        {"awgn", 16, 1, 10, 5.899e-2, 5e-6},      {"awgn", 16, 1, 20, 2.90e-6, 5e-9},
        {"rayleigh", 16, 1, 10, .12024, 5e-6},    {"rayleigh", 16, 1, 30, 1.975e-3, 5e-7},
        {"rayleigh", 16, 2, 10, 4.444e-2, 5e-6},  {"rayleigh", 16, 2, 20, 1.210e-3, 5e-7},
        {"awgn", 256, 1, 20, 6.542e-2, 5e-6},     {"rayleigh", 256, 1, 20, .11022, 5e-6},
        {"rayleigh", 256, 2, 20, 4.902e-2, 5e-6}, {"rayleigh", 256, 2, 30, 1.982e-3, 5e-7},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        double ber[2], bits = 0;
        for (int simulate = 0; simulate < 2; simulate++) {
            char *with = mem_printf(
                "{\"receiver\":\"%s\",\"simulate\":%s,\"branches\":%d,\"slots\":200,\"sinr_db\":[%g],"
                "\"link\":{\"qam\":%d}}",
                table[i].receiver, simulate ? "true" : "false", table[i].branches, table[i].sinr_db, table[i].qam);
            char *out = fixture_success("link/baseline@1", with, NULL, 1), *csv = fixture_read(out, "curve.csv", NULL);
            ber[simulate] = csv_value(csv, table[i].receiver, table[i].sinr_db, 4);
            if (simulate)
                bits = csv_value(csv, table[i].receiver, table[i].sinr_db, 2);
            free(csv);
            free(with);
            fixture_remove(out);
        }
        if (!(fabs(ber[0] - table[i].ber) <= table[i].tolerance))
            fail_msg("%s %d-QAM at %g dB: %.6g, published %.6g", table[i].receiver, table[i].qam, table[i].sinr_db,
                     ber[0], table[i].ber);
        /* The bits of one symbol share its channel: at most log2(M) errors come together. */
        double deviation = sqrt(table[i].ber * log2(table[i].qam) / bits);
        if (!(fabs(ber[1] - table[i].ber) <= 4 * deviation + 1 / bits))
            fail_msg("%s %d-QAM at %g dB: simulated %.6g, published %.6g, deviation %.2g", table[i].receiver,
                     table[i].qam, table[i].sinr_db, ber[1], table[i].ber, deviation);
    }
}

static void the_closed_form_crosses_1e_3_at_the_stated_sinr(void **state) {
    (void)state;
    char *out = fixture_success("link/baseline@1", "{\"receiver\":\"awgn\"}", NULL, 1);
    assert_true(fabs(fixture_metric(out, "sinr_db_at_1e-3") - 16.54) < 0.005);
    fixture_remove(out);
    out =
        fixture_success("link/baseline@1", "{\"receiver\":\"awgn\",\"branches\":2}", NULL, 1); /* array gain: 3.01 dB */
    assert_true(fabs(fixture_metric(out, "sinr_db_at_1e-3") - (16.54 - 3.01)) < 0.01);
    fixture_remove(out);
}

static void threads_change_no_byte(void **state) {
    (void)state;
    static const char *const withs[] = {
        "{\"receiver\":\"lmmse\",\"slots\":9,\"sinr_db\":[0,10],\"link\":{\"resource_blocks\":2}}",
        "{\"receiver\":\"rayleigh\",\"simulate\":true,\"branches\":2,\"slots\":20}"};
    for (size_t i = 0; i < 2; i++) {
        char *one = fixture_success("link/baseline@1", withs[i], NULL, 1);
        char *two = fixture_success("link/baseline@1", withs[i], NULL, 2);
        fixture_same_file(one, two, "curve.csv");
        fixture_same_file(one, two, "curve.json");
        fixture_same_file(one, two, "metrics.json");
        fixture_remove(one);
        fixture_remove(two);
    }
}

static void a_profile_gives_the_figures_of_the_paper(void **state) {
    (void)state;
    static const struct {
        int qam, size;
        double parameters, macs, flops; /* 0: not published */
    } table[] = {
        {16, 30, 1232516, 1216384, 10626330624.0},
        {256, 30, 1232776, 1216640, 10628567040.0},
        {256, 7, 0, 284576, 0},
        {256, 11, 0, 458176, 0},
        {256, 19, 0, 787232, 0},
        {256, 125, 0, 5010176, 0},
        {256, 164, 0, 6698720, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *with =
            mem_printf("{\"architecture\":\"deeprx\",\"size\":%d,\"link\":{\"qam\":%d,\"resource_blocks\":26}}",
                       table[i].size, table[i].qam);
        char *out = fixture_success("deeprx/profile@1", with, NULL, 1);
        assert_true(fixture_metric(out, "macs_per_element") == table[i].macs);
        if (table[i].parameters > 0) {
            assert_true(fixture_metric(out, "parameters") == table[i].parameters);
            assert_true(fixture_metric(out, "flops_per_slot") == table[i].flops);
        }
        free(with);
        fixture_remove(out);
    }
}

/* Blocks 5 to 7 of DeepRx have 64.0 % of the multiply-accumulates; all shares together are 1. */
static void the_shares_of_a_profile_add_up(void **state) {
    (void)state;
    char *out = fixture_success("deeprx/profile@1",
                                "{\"architecture\":\"deeprx\",\"link\":{\"qam\":256,\"resource_blocks\":26}}", NULL, 1);
    char *text = fixture_read(out, "profile.json", NULL);
    cJSON *tree = cJSON_Parse(text);
    double middle = 0, blocks = 0, layers = 0;
    const cJSON *line;
    cJSON_ArrayForEach(line, cJSON_GetObjectItemCaseSensitive(tree, "blocks")) {
        const char *block = json_text(line, "block", "");
        double share = json_double(line, "share", -1);
        blocks += share;
        if (strcmp(block, "block5") == 0 || strcmp(block, "block6") == 0 || strcmp(block, "block7") == 0)
            middle += share;
    }
    cJSON_ArrayForEach(line, cJSON_GetObjectItemCaseSensitive(tree, "rows"))
        layers += json_double(line, "share", -1);
    assert_true(fabs(middle - 0.640) < 5e-4);
    assert_true(fabs(blocks - 1) < 1e-9);
    assert_true(fabs(layers - 1) < 1e-9);
    cJSON_Delete(tree);
    free(text);
    fixture_remove(out);
}

static void a_profile_of_free_blocks_is_the_one_by_hand(void **state) {
    (void)state;
    char *out = fixture_success("deeprx/profile@1",
                                "{\"size\":5,\"ladder\":{\"5\":3},\"depth_multiplier\":1,\"blocks\":[{\"width\":4},"
                                "{\"width\":1,\"scale\":2,\"dilation\":[2,3]}],\"link\":{\"resource_blocks\":1}}",
                                NULL, 1);
    /* By hand, with 10 inputs, 4 outputs, and widths 4 and 1 + 2*3 = 7. The stem has 10*9*4, block 1 9*4 + 4*4 twice.
       Block 2 has 9*4 + 4*7, 9*7 + 7*7 and the skip 4*7, and the head 7*4. */
    double macs = 360 + 2 * (36 + 16) + (36 + 28) + (63 + 49) + 28 + 28;
    assert_true(fixture_metric(out, "macs_per_element") == macs);
    assert_true(fixture_metric(out, "flops_per_slot") == 2 * macs * 14 * 12);
    fixture_remove(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_genie_counts_the_errors_of_link_receive),
        cmocka_unit_test(interference_takes_its_part_of_the_sinr),
        cmocka_unit_test(flat_channels_give_the_closed_forms),
        cmocka_unit_test(the_closed_form_crosses_1e_3_at_the_stated_sinr),
        cmocka_unit_test(threads_change_no_byte),
        cmocka_unit_test(a_profile_gives_the_figures_of_the_paper),
        cmocka_unit_test(the_shares_of_a_profile_add_up),
        cmocka_unit_test(a_profile_of_free_blocks_is_the_one_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
