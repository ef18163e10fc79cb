/* deeprx/train and deeprx/evaluate end to end on a net of a few hundred parameters. */
#include <math.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "stages/run/network_model.h"
#include "tests/unit/stages/fixture.h"

#define TINY                                                                                                           \
    "\"ladder\":{\"1\":4,\"2\":6},\"blocks\":[{\"width\":4},{\"scale\":1,\"dilation\":[2,3]}],\"features\":\"mrc\","   \
    "\"batch\":4,\"link\":{\"resource_blocks\":1,\"pilots\":1,\"profiles\":[\"A\"]},"                                  \
    "\"validation\":{\"slots\":2,\"sinr_db\":[0,20],\"profiles\":[\"A\"]}"

static char *train(const char *more, const struct given *given, int cpus) {
    char *with = mem_printf("{%s%s%s}", TINY, strstr(more, "\"size\"") ? "" : ",\"size\":1", more);
    char *out = fixture_success("deeprx/train@1", with, given, cpus);
    free(with);
    return out;
}

static void same_outs(const char *a, const char *b) {
    fixture_same_file(a, b, "model.safetensors");
    fixture_same_file(a, b, "history.csv");
    fixture_same_file(a, b, "metrics.json");
}

static void remove_both(char *a, char *b) {
    fixture_remove(a);
    fixture_remove(b);
}

static void training_learns(void **state) {
    (void)state;
    char *short_run = train(",\"steps\":1", NULL, 1), *long_run = train(",\"steps\":150", NULL, 1);
    assert_true(fixture_metric(long_run, "bce") < 0.9 * fixture_metric(short_run, "bce"));
    assert_true(fixture_metric(long_run, "gm_ber") < fixture_metric(short_run, "gm_ber"));
    assert_true(fixture_metric(long_run, "training_flops") == 150 * 4 * 3 * fixture_metric(long_run, "flops"));
    assert_true(fixture_metric(long_run, "kd") == 0);
    char *history = fixture_read(long_run, "history.csv", NULL);
    size_t lines = 0;
    for (const char *c = history; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 1 + 75); /* a header, and a line every second step */
    free(history);
    remove_both(short_run, long_run);
}

static void threads_change_no_byte(void **state) {
    (void)state;
    char *one = train(",\"steps\":12", NULL, 1), *two = train(",\"steps\":12", NULL, 2);
    same_outs(one, two);
    remove_both(one, two);
}

static void seed_and_slots_change_the_model(void **state) {
    (void)state;
    static const char *const others[] = {",\"steps\":6,\"seed\":2", ",\"steps\":6,\"train_slots\":8",
                                         ",\"steps\":6,\"optimizer\":\"adamw\""};
    char *one = train(",\"steps\":6", NULL, 1);
    char *a = fixture_read(one, "model.safetensors", NULL);
    for (size_t i = 0; i < 3; i++) {
        size_t size;
        char *other = train(others[i], NULL, 1), *b = fixture_read(other, "model.safetensors", &size);
        assert_memory_not_equal(a, b, size);
        free(b);
        fixture_remove(other);
    }
    /* 24 slots are those of six steps of four, taken once: a set of 24 is no different from fresh slots. */
    char *once = train(",\"steps\":6,\"train_slots\":24", NULL, 1);
    fixture_same_file(one, once, "model.safetensors");
    free(a);
    remove_both(one, once);
}

static void every_form_of_distillation_trains(void **state) {
    (void)state;
    char *teacher = train(",\"steps\":20,\"size\":2", NULL, 1), *path = path_join(teacher, "model.safetensors");
    struct given given[] = {{"teacher", path, "{}"}, {0}};
    static const char *const kd[] = {"bernoulli", "softmax"}, *const reduction[] = {"sum", "mean"};
    for (int i = 0; i < 8; i++) {
        char *more = mem_printf(
            ",\"steps\":5,\"kd\":\"%s\",\"kd_reduction\":\"%s\",\"t_squared\":%s,\"alpha\":1000,\"temperature\":2",
            kd[i & 1], reduction[i >> 1 & 1], i & 4 ? "true" : "false");
        char *out = train(more, given, 1);
        double n = i & 1 ? 4 * 12 * 13 : 4 * 12 * 13 * 4; /* elements of the batch, or labels */
        double lambda = fixture_metric(out, "lambda");
        assert_true(fixture_metric(out, "kd") > 0);
        if (!(fabs(lambda - (i & 2 ? 1000 : 1000 / n)) < 1e-9 * lambda))
            fail_msg("form %d: lambda is %.17g", i, lambda);
        double total = 1000 * fixture_metric(out, "bce") + fixture_metric(out, "kd");
        assert_true(fabs(fixture_metric(out, "loss") - total) < 1e-6 * total);
        free(more);
        fixture_remove(out);
    }
    free(path);
    fixture_remove(teacher);
}

static char *logits_of(const char *model, const char *with) {
    struct given given[] = {{"model", model, "{}"}, {0}};
    return fixture_success("deeprx/logits@1", with, given, 2);
}

/* Five steps of four slots: the logits of all, of the first three steps, of a set of six that comes round, of none. */
static void known_logits_change_no_byte(void **state) {
    (void)state;
    static const char link[] = "\"link\":{\"resource_blocks\":1,\"pilots\":1,\"profiles\":[\"A\"]}";
    static const struct {
        const char *more;
        int known, run;
    } cases[] = {{"", 20, 0}, {"", 14, 8}, {",\"train_slots\":6", 6, 0}, {",\"train_slots\":6", 5, 12}, {"", 0, 20}};
    char *teacher = train(",\"steps\":20,\"size\":2", NULL, 1), *path = path_join(teacher, "model.safetensors");
    double flops = fixture_metric(teacher, "flops");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *more = mem_printf(",\"steps\":5,\"alpha\":1000%s", cases[i].more);
        char *with = mem_printf("{\"slots\":%d,%s}", cases[i].known, link);
        char *lesson = logits_of(path, with), *logits = path_join(lesson, "logits.npy");
        struct given alone[] = {{"teacher", path, "{}"}, {0}};
        struct given both[] = {{"teacher", path, "{}"}, {"logits", logits, "{}"}, {0}};
        char *a = train(more, alone, 1), *b = train(more, both, 2);
        fixture_same_file(a, b, "model.safetensors");
        fixture_same_file(a, b, "history.csv");
        double own = 20 * 3 * fixture_metric(a, "flops");
        assert_true(fixture_metric(a, "training_flops") == own + 20 * flops);
        assert_true(fixture_metric(b, "training_flops") == own + cases[i].run * flops);
        free(more);
        free(with);
        free(logits);
        fixture_remove(lesson);
        remove_both(a, b);
    }
    free(path);
    fixture_remove(teacher);
}

/* The right logits but for their last number. */
static void refuse_changed_end(const char *model, const char *lesson_with, const char *with) {
    char *lesson = logits_of(model, lesson_with), *logits = path_join(lesson, "logits.npy");
    struct given given[] = {{"teacher", model, "{}"}, {"logits", logits, "{}"}, {0}};
    struct buffer bytes = {0};
    const float other = 1000;
    assert_int_equal(file_read(&bytes, logits, SIZE_MAX, NULL), 0);
    memcpy((char *)bytes.data + bytes.size - sizeof other, &other, sizeof other);
    assert_int_equal(file_replace(logits, bytes.data, bytes.size, 0644, NULL), 0);
    fixture_failure("deeprx/train@1", with, given, "is not what the teacher says to slot 7");
    buffer_close(&bytes);
    free(logits);
    fixture_remove(lesson);
}

static void logits_of_another_dataset_are_refused(void **state) {
    (void)state;
    static const char with[] = "{" TINY ",\"size\":1,\"steps\":5}", said[] = "is not what the teacher says to slot 0",
                      link[] = "\"link\":{\"resource_blocks\":1,\"pilots\":1,\"profiles\":[\"A\"]}";
    char *teacher = train(",\"steps\":20,\"size\":2", NULL, 1), *path = path_join(teacher, "model.safetensors");
    char *other = train(",\"steps\":20,\"size\":2,\"seed\":4", NULL, 1),
         *other_path = path_join(other, "model.safetensors");
    char *seed = mem_printf("{\"slots\":8,\"seed\":2,%s}", link), *same = mem_printf("{\"slots\":8,%s}", link);
    char *lessons[] = {logits_of(path, seed), logits_of(other_path, same),
                       logits_of(path, "{\"slots\":8,\"link\":{\"resource_blocks\":1,\"pilots\":2}}")};
    for (size_t i = 0; i < sizeof lessons / sizeof *lessons; i++) {
        char *logits = path_join(lessons[i], "logits.npy");
        struct given given[] = {{"teacher", path, "{}"}, {"logits", logits, "{}"}, {0}};
        fixture_failure("deeprx/train@1", with, given, said);
        fixture_failure("deeprx/train@1", with, given + 1, "give \"teacher\" too");
        free(logits);
        fixture_remove(lessons[i]);
    }
    struct given shape[] = {{"teacher", path, "{}"}, {"logits", path, "{}"}, {0}};
    fixture_failure("deeprx/train@1", with, shape, "model.safetensors");
    refuse_changed_end(path, same, with);
    free(seed);
    free(same);
    free(path);
    free(other_path);
    remove_both(teacher, other);
}

/* In the child that is to be interrupted: where it tells its events, and at which step. */
static struct { int fd, step; } interrupted = {-1, 0};

/* Stands before the C library's: SIGTERM comes at that very step, however slowly anybody reads. */
ssize_t write(int fd, const void *bytes, size_t size) {
    const char *step = fd >= 0 && fd == interrupted.fd ? memmem(bytes, size, "\"step\":", 7) : NULL;
    if (step && atoi(step + 7) >= interrupted.step) {
        interrupted.fd = -1;
        raise(SIGTERM);
    }
    return syscall(SYS_write, fd, bytes, size);
}

/* A child trains in `directory` with a checkpoint; SIGTERM comes when it tells of step `until`. Its exit status. */
static int train_and_interrupt(const char *directory, const char *checkpoint, const char *with, int until) {
    int events[2];
    char *spec = fixture_spec(directory, "deeprx/train@1", with, NULL, 1);
    assert_int_equal(pipe(events), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char fd[16];
        struct error err = {0};
        snprintf(fd, sizeof fd, "%d", events[1]);
        setenv("RETORT_EVENTS_FD", fd, 1);
        setenv("RETORT_CHECKPOINT", checkpoint, 1);
        close(events[0]);
        if (until)
            interrupted.fd = events[1], interrupted.step = until;
        int rc = fixture_run_spec(spec, &err);
        _exit(rc < 0 ? 1 : rc);
    }
    close(events[1]);
    FILE *lines = fdopen(events[0], "r");
    char line[512];
    while (fgets(line, sizeof line, lines)) /* else it would wait for room */
        continue;
    fclose(lines);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    free(spec);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static char *checkpoint_directory(const char *directory) {
    struct error err = {0};
    char *path = path_join(directory, "checkpoint");
    assert_int_equal(file_make_directory(path, &err), 0);
    return path;
}

static void an_interrupted_training_ends_with_the_same_bytes(void **state) {
    (void)state;
    static const char with[] = "{" TINY ",\"size\":1,\"steps\":400}";
    char *whole = train(",\"steps\":400", NULL, 1), *parts = fixture_directory(),
         *checkpoint = checkpoint_directory(parts);
    assert_int_equal(train_and_interrupt(parts, checkpoint, with, 40), STAGE_INTERRUPTED);
    char *model = path_join(parts, "model.safetensors");
    assert_false(file_exists(model));
    assert_int_equal(train_and_interrupt(parts, checkpoint, with, 200), STAGE_INTERRUPTED);
    assert_int_equal(train_and_interrupt(parts, checkpoint, with, 0), 0);
    same_outs(whole, parts);
    free(model);
    free(checkpoint);
    remove_both(whole, parts);
}

static void a_foreign_or_damaged_checkpoint_is_not_used(void **state) {
    (void)state;
    static const char with[] = "{" TINY ",\"size\":1,\"steps\":400}",
                      other[] = "{" TINY ",\"size\":1,\"steps\":400,\"seed\":9}";
    char *whole = train(",\"steps\":400", NULL, 1), *parts = fixture_directory(),
         *checkpoint = checkpoint_directory(parts);
    assert_int_equal(train_and_interrupt(parts, checkpoint, other, 40), STAGE_INTERRUPTED);
    assert_int_equal(train_and_interrupt(parts, checkpoint, with, 0), 0);
    same_outs(whole, parts);
    size_t size;
    assert_int_equal(train_and_interrupt(parts, checkpoint, with, 40), STAGE_INTERRUPTED);
    char *bytes = fixture_read(checkpoint, "training", &size);
    bytes[size / 2] ^= 1;
    free(fixture_write(checkpoint, "training", bytes, size));
    assert_int_equal(train_and_interrupt(parts, checkpoint, with, 0), 0);
    same_outs(whole, parts);
    for (size_t cut = 0; cut < size; cut += size / 7) {
        free(fixture_write(checkpoint, "training", bytes, cut));
        assert_int_equal(train_and_interrupt(parts, checkpoint, "{" TINY ",\"size\":1,\"steps\":2}", 0), 0);
    }
    free(bytes);
    free(checkpoint);
    remove_both(whole, parts);
}

/* The checkpoint is a directory here. Any error but a missing file counts. */
static void a_checkpoint_that_cannot_be_read_is_not_written_over(void **state) {
    (void)state;
    static const char with[] = "{" TINY ",\"size\":1,\"steps\":2}";
    char *parts = fixture_directory(), *checkpoint = checkpoint_directory(parts),
         *kept = path_join(checkpoint, "training");
    struct error err = {0};
    assert_int_equal(file_make_directory(kept, &err), 0);
    assert_int_equal(train_and_interrupt(parts, checkpoint, with, 0), 1);
    char *model = path_join(parts, "model.safetensors");
    assert_false(file_exists(model));
    assert_int_equal(rmdir(kept), 0);
    assert_int_equal(train_and_interrupt(parts, checkpoint, with, 0), 0);
    free(model);
    free(kept);
    free(checkpoint);
    fixture_remove(parts);
}

static void half_a_checkpoint_of_a_killed_training_is_removed(void **state) {
    (void)state;
    static const char with[] = "{" TINY ",\"size\":1,\"steps\":2}";
    char *parts = fixture_directory(), *checkpoint = checkpoint_directory(parts);
    char *left = fixture_write(checkpoint, ".training.tmp-aB3_-x", "half", 4);
    char *other = fixture_write(checkpoint, "other", "kept", 4);
    assert_int_equal(train_and_interrupt(parts, checkpoint, with, 0), 0);
    assert_false(file_exists(left));
    assert_true(file_exists(other));
    free(left);
    free(other);
    free(checkpoint);
    fixture_remove(parts);
}

static void a_loss_that_leaves_the_numbers_is_an_error(void **state) {
    (void)state;
    fixture_failure("deeprx/train@1",
                    "{" TINY
                    ",\"size\":1,\"steps\":200,\"learning_rate\":10,\"optimizer\":\"adamw\",\"weight_decay\":10}",
                    NULL, "is not finite");
}

static void evaluate_sees_the_slots_of_the_baseline(void **state) {
    (void)state;
    static const char link[] = "{\"resource_blocks\":1,\"pilots\":2,\"profiles\":[\"B\"]}";
    char *model = train(",\"steps\":3", NULL, 1), *path = path_join(model, "model.safetensors");
    struct given given[] = {{"model", path, "{}"}, {0}};
    char *with = mem_printf(
        "{\"slots\":20,\"seed\":3,\"sinr_db\":[0,10],\"receivers\":[\"ls\",\"lmmse\",\"genie\"],\"link\":%s}", link);
    char *one = fixture_success("deeprx/evaluate@1", with, given, 1),
         *two = fixture_success("deeprx/evaluate@1", with, given, 2);
    fixture_same_file(one, two, "ber.csv");
    fixture_same_file(one, two, "metrics.json");
    static const char *const receivers[] = {"ls", "lmmse", "genie"};
    for (size_t i = 0; i < 3; i++) {
        char *alone = mem_printf("{\"receiver\":\"%s\",\"slots\":20,\"seed\":3,\"sinr_db\":[0,10],\"link\":%s}",
                                 receivers[i], link);
        char *baseline = fixture_success("link/baseline@1", alone, NULL, 1),
             *metric = mem_printf("%s_gm_ber", receivers[i]);
        assert_true(fixture_metric(one, metric) == fixture_metric(baseline, "gm_ber"));
        free(alone);
        free(metric);
        fixture_remove(baseline);
    }
    free(with);
    free(path);
    fixture_remove(model);
    remove_both(one, two);
}

static void pilots_may_replace_those_of_the_link(void **state) {
    (void)state;
    char *model = train(",\"steps\":3", NULL, 1), *path = path_join(model, "model.safetensors");
    struct given given[] = {{"model", path, "{}"}, {0}};
    char *by_link =
        fixture_success("deeprx/evaluate@1", "{\"slots\":2,\"link\":{\"resource_blocks\":1,\"pilots\":1}}", given, 1);
    char *by_name = fixture_success(
        "deeprx/evaluate@1", "{\"slots\":2,\"pilots\":1,\"link\":{\"resource_blocks\":1,\"pilots\":2}}", given, 1);
    fixture_same_file(by_link, by_name, "ber.csv");
    fixture_failure("deeprx/evaluate@1", "{\"link\":{\"resource_blocks\":1,\"qam\":64}}", given,
                    "reads 16-QAM, the link sends 64-QAM");
    fixture_failure("deeprx/evaluate@1", "{\"link\":{\"resource_blocks\":2}}", given, "12 subcarriers, the link 24");
    fixture_failure("deeprx/evaluate@1", "{\"link\":{\"resource_blocks\":1,\"antennas\":1}}", given,
                    "2 antennas, the link 1");
    free(path);
    fixture_remove(model);
    remove_both(by_link, by_name);
}

/* Replaces text of the same length in a model's header, and expects the file to be refused. */
static void expect_model_refused(const char *bytes, size_t size, const char *from, const char *to, const char *part) {
    char *copy = mem_alloc(size), *directory = fixture_directory();
    struct network_model model;
    struct error err = {0};
    memcpy(copy, bytes, size);
    char *at = memmem(copy, size, from, strlen(from));
    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
    char *path = fixture_write(directory, "m.safetensors", copy, size);
    assert_int_equal(network_model_open(&model, path, &err), ERR_INVALID);
    if (!strstr(err.message, part))
        fail_msg("\"%s\" does not hold \"%s\"", err.message, part);
    free(copy);
    free(path);
    fixture_remove(directory);
}

static void models_that_lie_are_refused(void **state) {
    (void)state;
    size_t size;
    char *out = train(",\"steps\":1", NULL, 1), *bytes = fixture_read(out, "model.safetensors", &size);
    expect_model_refused(bytes, size, "retort-deeprx-1", "retort-deeprx-9", "not a network of deeprx/train");
    expect_model_refused(bytes, size, "\\\"bits\\\":4", "\\\"bits\\\":6", "has another shape");
    expect_model_refused(bytes, size, "\\\"width\\\":4", "\\\"width\\\":8", "40 tensors, but the architecture has 42");
    expect_model_refused(bytes, size, "\\\"width\\\":4", "\\\"width\\\":0", "\"width\" must be a whole number from 1");
    expect_model_refused(bytes, size, "\\\"antennas\\\":2", "\\\"antennas\\\":3",
                         "13 input channels are not those of \"mrc\"");
    expect_model_refused(bytes, size, "\\\"mrc\\\"", "\\\"mrx\\\"", "must be raw, ls or mrc");
    expect_model_refused(bytes, size, "stem.weight", "stem.wxight", "no tensor \"stem.weight\"");
    free(bytes);
    fixture_remove(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_learns),
        cmocka_unit_test(threads_change_no_byte),
        cmocka_unit_test(seed_and_slots_change_the_model),
        cmocka_unit_test(every_form_of_distillation_trains),
        cmocka_unit_test(known_logits_change_no_byte),
        cmocka_unit_test(logits_of_another_dataset_are_refused),
        cmocka_unit_test(an_interrupted_training_ends_with_the_same_bytes),
        cmocka_unit_test(a_foreign_or_damaged_checkpoint_is_not_used),
        cmocka_unit_test(a_checkpoint_that_cannot_be_read_is_not_written_over),
        cmocka_unit_test(half_a_checkpoint_of_a_killed_training_is_removed),
        cmocka_unit_test(a_loss_that_leaves_the_numbers_is_an_error),
        cmocka_unit_test(evaluate_sees_the_slots_of_the_baseline),
        cmocka_unit_test(pilots_may_replace_those_of_the_link),
        cmocka_unit_test(models_that_lie_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
