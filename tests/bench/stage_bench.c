/*
 * The time of a training stage beside the network, and the cost of a neighbour. Runs deeprx/train and times the calls
 * of slots, steps and checkpoints. Then networks train alone and side by side in turn. Prints tables; asserts nothing.
 *
 *   stage_bench [seconds a run]
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "kernels/code_path.h"
#include "kernels/link.h"
#include "stages/run/train.h"
#include "tests/bench/measure.h"
#include "tests/bench/networks.h"

/* Sums over one run of the stage. */
static struct {
    double slots_s, steps_s; /* processor time */
    double checkpoints_s;    /* by the clock: it waits for the disk */
    double since_s;
    size_t slots, steps, checkpoints;
} spent;

void __real_link_generate(struct link_slot *slot, const struct link_config *c, uint64_t seed, enum rng_stream stream,
                          uint32_t index, double snr_db, double sir_db, void *workspace);
void __wrap_link_generate(struct link_slot *slot, const struct link_config *c, uint64_t seed, enum rng_stream stream,
                          uint32_t index, double snr_db, double sir_db, void *workspace);
void __real_link_labels(float *label, const struct link_slot *slot, const struct link_config *c);
void __wrap_link_labels(float *label, const struct link_slot *slot, const struct link_config *c);
void __real_deeprx_train_step(struct deeprx *net, const float *x, const float *label, const float *mask,
                              const float *teacher, const struct loss_config *loss,
                              const struct optimizer_config *optimizer, uint64_t step, double rate_factor,
                              struct loss_value *value);
void __wrap_deeprx_train_step(struct deeprx *net, const float *x, const float *label, const float *mask,
                              const float *teacher, const struct loss_config *loss,
                              const struct optimizer_config *optimizer, uint64_t step, double rate_factor,
                              struct loss_value *value);
int __real_train_checkpoint_save(const struct train *t, const char *identity, struct error *err);
int __wrap_train_checkpoint_save(const struct train *t, const char *identity, struct error *err);

/* A slot of a batch begins with its generation and ends with its labels; those for validation have no labels. */
void __wrap_link_generate(struct link_slot *slot, const struct link_config *c, uint64_t seed, enum rng_stream stream,
                          uint32_t index, double snr_db, double sir_db, void *workspace) {
    spent.since_s = measure_cpu_s();
    __real_link_generate(slot, c, seed, stream, index, snr_db, sir_db, workspace);
}

void __wrap_link_labels(float *label, const struct link_slot *slot, const struct link_config *c) {
    __real_link_labels(label, slot, c);
    spent.slots_s += measure_cpu_s() - spent.since_s;
    spent.slots++;
}

void __wrap_deeprx_train_step(struct deeprx *net, const float *x, const float *label, const float *mask,
                              const float *teacher, const struct loss_config *loss,
                              const struct optimizer_config *optimizer, uint64_t step, double rate_factor,
                              struct loss_value *value) {
    const double begin = measure_cpu_s();
    __real_deeprx_train_step(net, x, label, mask, teacher, loss, optimizer, step, rate_factor, value);
    spent.steps_s += measure_cpu_s() - begin;
    spent.steps++;
}

int __wrap_train_checkpoint_save(const struct train *t, const char *identity, struct error *err) {
    const double begin = measure_wall_s();
    const int rc = __real_train_checkpoint_save(t, identity, err);
    spent.checkpoints_s += measure_wall_s() - begin;
    spent.checkpoints++;
    return rc;
}

static void fail(const char *what, const char *why) {
    fprintf(stderr, "stage_bench: %s: %s\n", what, why);
    exit(3);
}

/* The study's training stage at the laptop scale, as its spec. */
static char *spec_write(const char *folder, const char *size, int steps) {
    struct error err = {0};
    char *path = path_join(folder, "spec.json");
    char *text = mem_printf(
        "{\"retort_spec\":1,\"kind\":\"deeprx/train@1\",\"cpus\":1,\"with\":{\"architecture\":\"laptop\",\"size\":%s,"
        "\"features\":\"mrc\",\"steps\":%d,\"batch\":8,\"validation\":{\"slots\":1,\"sinr_db\":[10]},"
        "\"link\":{\"qam\":16,\"resource_blocks\":4,\"antennas\":2,\"pilots\":2,\"profiles\":[\"B\",\"C\",\"D\"],"
        "\"delay_spread_s\":[1e-8,3e-7],\"doppler_hz\":[0,500],\"snr_db\":[-4,32],\"interference\":false}},"
        "\"in\":{},\"outs\":{\"model\":{\"path\":\"%s/model\"},\"history\":{\"path\":\"%s/history\"},"
        "\"metrics\":{\"path\":\"%s/metrics\"}}}\n",
        size, steps, folder, folder, folder);
    if (file_replace(path, text, strlen(text), 0644, &err))
        fail(path, err.message);
    free(text);
    return path;
}

static double stage_time(const char *folder, const char *size, int steps) {
    struct error err = {0};
    struct stage *s = NULL;
    char *spec = spec_write(folder, size, steps);
    char *checkpoints = path_join(folder, "checkpoint");
    memset(&spent, 0, sizeof spent);
    file_remove_tree(checkpoints, NULL);
    if (file_make_directory(checkpoints, &err))
        fail(checkpoints, err.message);
    setenv("RETORT_CHECKPOINT", checkpoints, 1);
    if (stage_open(&s, spec, &err))
        fail("spec", err.message);
    const double begin = measure_wall_s();
    if (stage_find(stage_kind(s))(s, &err))
        fail("deeprx/train", err.message);
    const double wall_s = measure_wall_s() - begin;
    stage_close(s);
    free(checkpoints);
    free(spec);
    return wall_s;
}

static void bench_shares(const char *folder, double seconds) {
    static const char *const sizes[] = {"7", "11", "19", "30", "125", "164"};
    printf("Training at the laptop scale, batch 8, one thread: what a run spends beside its steps\n");
    printf("%-6s %6s %12s %12s %12s %14s %14s %12s\n", "size", "steps", "step ms", "us a slot", "slots ms", "of a step",
           "checkpoint ms", "of the run");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        enum { FIRST = 10 };
        stage_time(folder, sizes[i], FIRST);
        const double each_s = (spent.steps_s + spent.slots_s) / FIRST;
        const int steps = (int)(seconds / each_s) + 1;
        const double wall_s = stage_time(folder, sizes[i], steps), step_s = spent.steps_s / (double)spent.steps;
        const double batch_s = spent.slots_s / (double)spent.steps;
        printf("%-6s %6d %12.2f %12.1f %12.2f %13.1f%%", sizes[i], steps, 1e3 * step_s,
               1e6 * spent.slots_s / (double)spent.slots, 1e3 * batch_s, 100 * batch_s / step_s);
        if (spent.checkpoints > 0)
            printf(" %14.2f", 1e3 * spent.checkpoints_s / (double)spent.checkpoints);
        else
            printf(" %14s", "none was due");
        printf(" %11.2f%%\n", 100 * spent.checkpoints_s / wall_s);
        fflush(stdout);
    }
}

/* A process that works for a window of time when it is told to, and says how much processor time one piece took. */
struct worker {
    pid_t pid;
    int to, from;
};

/* One piece of work: a training step of the network, or a burst at the core's peak where there is none. */
static double piece_s(struct bench_work *w) {
    if (w == NULL)
        return 1 / measure_peak();
    const double begin = measure_cpu_s();
    bench_train(w);
    return measure_cpu_s() - begin;
}

static void worker_run(const struct bench_network *of, int in, int out) {
    struct bench_work work;
    double window_s;
    if (of != NULL) {
        bench_work_open(&work, of);
        bench_train(&work);
    }
    while (read(in, &window_s, sizeof window_s) == (ssize_t)sizeof window_s) {
        struct samples pieces = {0};
        const double begin = measure_wall_s();
        do
            samples_add(&pieces, piece_s(of == NULL ? NULL : &work));
        while (measure_wall_s() - begin < window_s);
        const double median = samples_median(&pieces);
        if (write(out, &median, sizeof median) < 0)
            break;
    }
    _exit(0);
}

static struct worker worker_start(const struct bench_network *of) {
    int to[2], from[2];
    struct worker w;
    if (pipe(to) < 0 || pipe(from) < 0 || (w.pid = fork()) < 0)
        fail("worker", "cannot be started");
    if (w.pid == 0) {
        close(to[1]);
        close(from[0]);
        worker_run(of, to[0], from[1]);
    }
    close(to[0]);
    close(from[1]);
    w.to = to[1];
    w.from = from[0];
    return w;
}

static void worker_begin(const struct worker *w, double window_s) {
    if (write(w->to, &window_s, sizeof window_s) < 0)
        fail("worker", "has ended");
}

static double worker_end(const struct worker *w) {
    double seconds = 0;
    if (read(w->from, &seconds, sizeof seconds) != (ssize_t)sizeof seconds)
        fail("worker", "has ended");
    return seconds;
}

static void worker_stop(const struct worker *w) {
    close(w->to);
    close(w->from);
    kill(w->pid, SIGKILL); /* its handlers are those of the stage that was run before */
    waitpid(w->pid, NULL, 0);
}

static void bench_neighbours(const char *name, const struct bench_network *of, double window_s) {
    enum { ROUNDS = 5 };
    struct worker one = worker_start(of), two = worker_start(of);
    struct samples alone = {0}, both = {0}, loss = {0};
    for (int i = 0; i < ROUNDS; i++) {
        worker_begin(&one, window_s);
        const double by_itself = worker_end(&one);
        worker_begin(&one, window_s);
        worker_begin(&two, window_s);
        const double together = (worker_end(&one) + worker_end(&two)) / 2;
        samples_add(&alone, by_itself);
        samples_add(&both, together);
        samples_add(&loss, 100 * (1 - by_itself / together));
    }
    worker_stop(&one);
    worker_stop(&two);
    if (of == NULL)
        printf("%-26s %9.1f GFLOP/s %9.1f GFLOP/s", name, 1e-9 / samples_median(&alone), 1e-9 / samples_median(&both));
    else
        printf("%-26s %12.2f ms %14.2f ms", name, 1e3 * samples_median(&alone), 1e3 * samples_median(&both));
    printf(" %8.1f%% (%5.1f %5.1f)\n", samples_median(&loss), samples_quantile(&loss, 0.25),
           samples_quantile(&loss, 0.75));
    fflush(stdout);
}

int main(int argc, char **argv) {
    const double seconds = argc > 1 ? strtod(argv[1], NULL) : 4;
    static const int chosen[] = {BENCH_SMALL, BENCH_LARGE, BENCH_DEEPRX};
    struct bench_network list[BENCH_NETWORKS];
    const char *base = getenv("TMPDIR");
    char *folder = mem_printf("%s/retort-bench-XXXXXX", base && *base ? base : "/tmp");
    if (!(seconds > 0) || mkdtemp(folder) == NULL) {
        fprintf(stderr, "usage: stage_bench [seconds a run]; it needs a writable $TMPDIR\n");
        return 2;
    }
    bench_shares(folder, seconds);
    printf("\nTwo processes side by side against one alone, one thread each, processor time of a training step\n");
    printf("%-26s %15s %17s %9s %s\n", "", "alone", "side by side", "loss", "(quartiles)");
    bench_networks(list);
    bench_neighbours("multiply-adds, registers", NULL, seconds / 8);
    for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++)
        bench_neighbours(list[chosen[i]].name, &list[chosen[i]], seconds / 4);
    file_remove_tree(folder, NULL);
    free(folder);
    return 0;
}
