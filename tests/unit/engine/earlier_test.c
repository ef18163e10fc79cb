/* The earlier records that a plan reads, for predictions and for the reasons why stages have to run. */
#include <math.h>
#include <sys/syscall.h>

#include "engine/command/states.h"
#include "engine/energy/forecast.h"
#include "tests/unit/engine/plan_fixture.h"

static size_t records_read;

static bool is_segment(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    return length > 6 && memcmp(path + length - 6, ".jsonl", 6) == 0;
}

ssize_t pread(int fd, void *bytes, size_t size, off_t at) {
    records_read += is_segment(fd);
    return syscall(SYS_pread64, fd, bytes, size, at);
}

/* Queues a record; `components` with ' for quotes. */
static void add(struct store *s, const char *stage, const char *kind, const char *components, double wall_s) {
    static int number;
    struct digest key;
    char hex[DIGEST_HEX_SIZE];
    struct error err = {0};
    sha256_bytes(&key, &number, sizeof number);
    digest_hex(hex, &key);
    char *text = mem_printf("{'key':'%s','stage':'%s','kind':'%s','platform':'p','attempt':'a-%d','outs':{},"
                            "'wall_s':%g,'metrics':{},'components':%s,"
                            "'energy':{'label':'modelled','joules':%g}}",
                            hex, stage, kind, number++, wall_s, components, 10 * wall_s);
    for (char *c = text; *c; c++)
        if (*c == '\'')
            *c = '"';
    cJSON *record = cJSON_Parse(text);
    assert_non_null(record);
    if (store_record_add(s, record, &err) < 0)
        fail_msg("%s", err.message);
    cJSON_Delete(record);
    free(text);
}

static void add_echo(struct store *s, const char *stage, int argument, double wall_s) {
    char *components = mem_printf("{'argv.0':'echo','argv.1':'%d'}", argument);
    add(s, stage, "cmd", components, wall_s);
    free(components);
}

/* `count` records of the instances of a sweep. */
static void add_sweep(struct store *s, int count) {
    for (int n = 0; n < count; n++) {
        char *stage = mem_printf("burn[n=%d]", n);
        add_echo(s, stage, n, 1);
        free(stage);
    }
}

/* A sweep over so many arguments of echo, which begin at `first`. */
static char *sweep(int first, int count) {
    struct buffer text = {0};
    buffer_puts(&text, "{'retort':1,'name':'t','stages':{'burn':{'cmd':['echo','${matrix.n}'],'matrix':{'n':[");
    for (int n = 0; n < count; n++)
        buffer_printf(&text, "%s%d", n ? "," : "", first + n);
    buffer_puts(&text, "]}}}}");
    return buffer_detach(&text);
}

struct bench {
    struct world world;
    struct store *store;
};

/* Plans a text, with an empty store beside it. */
static void bench_open(struct bench *b, const char *text) {
    struct error err = {0};
    *b = (struct bench){0};
    world_open(&b->world, text);
    world_advance(&b->world);
    char *path = path_join(b->world.directory, "store");
    if (store_open(&b->store, path, true, &err) < 0)
        fail_msg("%s", err.message);
    free(path);
}

static void bench_close(struct bench *b) {
    store_close(b->store);
    world_close(&b->world);
}

static struct forecast *forecast(struct bench *b) {
    struct error err = {0};
    if (store_commit(b->store, &err) < 0)
        fail_msg("%s", err.message);
    records_read = 0;
    return forecast_create(b->world.pipeline, b->world.plan, b->store);
}

static struct prediction predicted(const struct bench *b, const struct forecast *f, const char *instance) {
    const struct prediction *p = forecast_of(f, world_instance(&b->world, instance));
    assert_non_null(p);
    return *p;
}

static size_t reads_of_a_forecast(int instances) {
    struct bench b;
    char *text = sweep(1000, instances);
    bench_open(&b, text);
    add_sweep(b.store, 200);
    struct forecast *f = forecast(&b);
    assert_int_equal(forecast_sum(f)->stages, instances);
    forecast_free(f);
    bench_close(&b);
    free(text);
    return records_read;
}

static void a_hundred_times_the_instances_read_no_more_records(void **state) {
    (void)state;
    assert_int_equal(reads_of_a_forecast(3), HISTORY_MOST);
    assert_int_equal(reads_of_a_forecast(300), HISTORY_MOST);
}

static void a_command_reads_no_record_of_other_stages(void **state) {
    struct bench b;
    (void)state;
    bench_open(&b, "{'retort':1,'name':'t','stages':{'bur':{'cmd':['echo','1']},'burning':{'cmd':['echo','2']}}}");
    add_sweep(b.store, 200);
    struct forecast *f = forecast(&b);
    assert_int_equal(forecast_sum(f)->without, 2);
    assert_int_equal(records_read, 0);
    forecast_free(f);
    bench_close(&b);
}

#define DATASET(name, seed) "'" name "':{'uses':'link/dataset@1','with':{'slots':8,'seed':" seed "}}"

static void stages_of_one_kind_share_its_records(void **state) {
    struct bench b;
    (void)state;
    bench_open(&b,
               "{'retort':1,'name':'t','stages':{" DATASET("a", "1") "," DATASET("b", "2") "," DATASET("c", "3") "}}");
    for (int i = 0; i < 100; i++)
        add(b.store, "other", "link/dataset@1", "{'kind':'link/dataset@1','with.slots':8}", 2);
    struct forecast *f = forecast(&b);
    assert_int_equal(forecast_sum(f)->stages, 3);
    assert_int_equal(records_read, HISTORY_MOST);
    forecast_free(f);
    bench_close(&b);
}

/* The record of `a` stands for both: `a` finds it by its name, `b` by its kind. */
static void a_record_found_in_two_ways_is_counted_once(void **state) {
    struct bench b;
    (void)state;
    bench_open(&b, "{'retort':1,'name':'t','stages':{" DATASET("a", "1") "," DATASET("b", "2") "}}");
    add(b.store, "a", "link/dataset@1", "{'kind':'link/dataset@1','with.slots':8}", 2);
    struct forecast *f = forecast(&b);
    assert_int_equal(forecast_sum(f)->stages, 2);
    assert_int_equal(forecast_sum(f)->records, 1);
    forecast_free(f);
    bench_close(&b);
}

static void a_sweep_that_is_extended_is_predicted_by_its_nearest_instances(void **state) {
    struct bench b;
    char *text = sweep(20, 1);
    (void)state;
    bench_open(&b, text);
    for (int n = 1; n <= 10; n++)
        add_echo(b.store, "burn[n=1]", n, n);
    struct forecast *f = forecast(&b);
    struct prediction p = predicted(&b, f, "burn[n=20]");
    assert_int_equal(p.records, 5);
    assert_true(p.wall_s == 8 && p.low_s == 6 && p.high_s == 10 && p.joules == 80);
    forecast_free(f);
    bench_close(&b);
    free(text);
}

static void stages_that_finished_meanwhile_count(void **state) {
    struct bench b;
    char *text = sweep(20, 2);
    (void)state;
    bench_open(&b, text);
    struct forecast *f = forecast(&b);
    const struct instance *first = world_instance(&b.world, "burn[n=20]");
    const struct instance *second = world_instance(&b.world, "burn[n=21]");
    struct prediction p;
    assert_false(forecast_ask(f, second, &p));
    cJSON *energy = cJSON_Parse("{\"label\":\"measured\",\"joules\":30}");
    forecast_learn(f, first, NULL, energy, 3);
    assert_true(forecast_ask(f, second, &p));
    assert_true(p.records == 1 && p.wall_s == 3 && p.joules == 30);
    assert_string_equal(p.label, "measured");
    assert_null(forecast_of(f, second)); /* the forecast stays what it was */
    cJSON_Delete(energy);
    forecast_free(f);
    bench_close(&b);
    free(text);
}

/* ---- reasons ---- */

/* The reasons of all instances, which are the same for each. */
static void assert_reasons(struct bench *b, const char *reason) {
    struct earlier_records earlier = {.store = b->store};
    struct error err = {0};
    size_t count;
    struct instance *const *all = plan_instances(b->world.plan, &count);
    assert_int_equal(store_commit(b->store, &err), 0);
    records_read = 0;
    for (size_t k = 0; k < count; k++) {
        struct buffer text = {0};
        state_reason(&text, &earlier, b->world.plan, all[k]);
        assert_string_equal(buffer_text(&text), reason);
        buffer_close(&text);
    }
    earlier_close(&earlier);
}

static void reasons_read_the_instances_own_record_and_some_of_the_stage(void **state) {
    struct bench b;
    (void)state;
    bench_open(&b, "{'retort':1,'name':'t','stages':{'burn':{'cmd':['print','${matrix.n}'],"
                   "'matrix':{'n':[0,1,2,3,4,5,6,7,8,9]}}}}");
    add_sweep(b.store, 200);
    assert_reasons(&b, "argv.0: \"echo\" -> \"print\"");
    assert_int_equal(records_read, 10 + SIMILAR_RECORDS);
    bench_close(&b);
}

static void reasons_of_commands_read_no_record_of_other_stages(void **state) {
    struct bench b;
    (void)state;
    bench_open(&b, "{'retort':1,'name':'t','stages':{'bur':{'cmd':['echo','1']},'burning':{'cmd':['echo','2']}}}");
    add_sweep(b.store, 200);
    assert_reasons(&b, "never run");
    assert_int_equal(records_read, 0);
    bench_close(&b);
}

/* An instance that is new is compared with the others of its stage. */
static void a_new_instance_is_compared_with_the_others(void **state) {
    struct bench b;
    char *text = sweep(500, 1);
    (void)state;
    bench_open(&b, text);
    add_echo(b.store, "burn[n=4]", 4, 1);
    assert_reasons(&b, "argv.1: \"4\" -> \"500\"");
    bench_close(&b);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_times_the_instances_read_no_more_records),
        cmocka_unit_test(a_command_reads_no_record_of_other_stages),
        cmocka_unit_test(stages_of_one_kind_share_its_records),
        cmocka_unit_test(a_record_found_in_two_ways_is_counted_once),
        cmocka_unit_test(a_sweep_that_is_extended_is_predicted_by_its_nearest_instances),
        cmocka_unit_test(stages_that_finished_meanwhile_count),
        cmocka_unit_test(reasons_read_the_instances_own_record_and_some_of_the_stage),
        cmocka_unit_test(reasons_of_commands_read_no_record_of_other_stages),
        cmocka_unit_test(a_new_instance_is_compared_with_the_others),
    };
    return cmocka_run_group_tests_name("earlier", tests, NULL, NULL);
}
