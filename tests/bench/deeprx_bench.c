/*
 * Training step and inference of every network on one thread, beside PyTorch's on one thread in the same run: ours,
 * PyTorch's, ours, PyTorch's. Prints tables; asserts nothing but that both compute the same loss.
 *
 *   deeprx_bench [pairs]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "kernels/code_path.h"
#include "tests/bench/measure.h"
#include "tests/bench/peer.h"

static const double burst_s = 0.05; /* steps shorter than this are repeated for one measurement */

/* One network's measurements; each pair also holds the core's peak as it was then. */
struct row {
    struct samples ours_s, theirs_s, ratio, peak;
};

struct rows {
    struct row train, infer;
};

static double ours(struct bench_work *w, void (*step)(struct bench_work *w), int times) {
    const double begin = measure_cpu_s();
    for (int i = 0; i < times; i++)
        step(w);
    return (measure_cpu_s() - begin) / times;
}

static int times_of(double seconds) {
    return seconds < burst_s ? (int)ceil(burst_s / seconds) : 1;
}

static void take_pair(struct row *r, double ours_s, double theirs_s) {
    samples_add(&r->peak, measure_peak());
    samples_add(&r->ours_s, ours_s);
    if (theirs_s > 0) {
        samples_add(&r->theirs_s, theirs_s);
        samples_add(&r->ratio, theirs_s / ours_s);
    }
}

/* The first step of both, from the same parameters on the same batch. */
static void first_step(struct bench_work *w, struct peer *p) {
    double loss;
    bench_train(w);
    if (p == NULL)
        return;
    peer_train(p, 1, &loss);
    if (fabs(loss - w->loss) <= 1e-4 * w->loss)
        return;
    fprintf(stderr, "deeprx_bench: %s: the loss is %.6f, PyTorch's %.6f: not the same network\n", w->of->name, w->loss,
            loss);
    exit(1);
}

static void measure(struct rows *out, const struct bench_network *of, struct peer *p, int pairs) {
    struct bench_work w;
    double loss;
    bench_work_open(&w, of);
    if (p != NULL)
        peer_load(p, &w);
    first_step(&w, p);
    const int train = times_of(ours(&w, bench_train, 1)), infer = times_of(ours(&w, bench_infer, 1));
    if (p != NULL)
        peer_infer(p, 1);
    for (int i = 0; i < pairs; i++) {
        const double step = ours(&w, bench_train, train);
        take_pair(&out->train, step, p == NULL ? 0 : peer_train(p, train, &loss) / train);
        const double inference = ours(&w, bench_infer, infer);
        take_pair(&out->infer, inference, p == NULL ? 0 : peer_infer(p, infer) / infer);
    }
    bench_work_close(&w);
}

static void print_head(const char *what, const char *peer) {
    printf("\n%s, one thread, ms of processor time: median (quartiles)\n", what);
    printf("%-14s %9s | %26s %8s %6s", "", "MFLOP a", "Retort", "", "of the");
    if (peer != NULL)
        printf(" | %26s %8s | %22s | %5s %9s", peer, "", "times PyTorch", "goal", "needs of");
    printf("\n%-14s %9s | %26s %8s %6s", "network", "batch", "ms", "GFLOP/s", "peak");
    if (peer != NULL)
        printf(" | %26s %8s | %22s | %5s %9s", "ms", "GFLOP/s", "", "", "the peak");
    printf("\n");
}

static void print_ms(const struct samples *s) {
    printf(" | %8.2f (%7.2f %7.2f)", 1e3 * samples_median(s), 1e3 * samples_quantile(s, 0.25),
           1e3 * samples_quantile(s, 0.75));
}

/* "needs of the peak": where this core would have to compute to be `goal` times as fast as PyTorch is here. */
static void print_row(const struct bench_network *of, const struct row *r, double flop) {
    const double peak = samples_median(&r->peak), rate = flop / samples_median(&r->ours_s);
    printf("%-14s %9.1f", of->name, 1e-6 * flop);
    print_ms(&r->ours_s);
    printf(" %8.1f %5.0f%%", 1e-9 * rate, 100 * rate / peak);
    if (r->theirs_s.count > 0) {
        const double theirs = flop / samples_median(&r->theirs_s);
        print_ms(&r->theirs_s);
        printf(" %8.1f | %6.2f (%6.2f %6.2f) | %5.1f %8.0f%%", 1e-9 * theirs, samples_median(&r->ratio),
               samples_quantile(&r->ratio, 0.25), samples_quantile(&r->ratio, 0.75), of->goal,
               100 * of->goal * theirs / peak);
    }
    printf("\n");
}

int main(int argc, char **argv) {
    const int pairs = argc > 1 ? atoi(argv[1]) : 9;
    struct bench_network list[BENCH_NETWORKS];
    struct rows rows[BENCH_NETWORKS] = {0};
    struct samples peak = {0};
    if (pairs < 1 || pairs > SAMPLES_MAX) {
        fprintf(stderr, "usage: deeprx_bench [pairs, 1 to %d]\n", SAMPLES_MAX);
        return 2;
    }
    bench_networks(list);
    struct peer *p = peer_open();
    char *peer = p == NULL ? NULL : mem_strdup(peer_version(p));
    if (p == NULL)
        printf("PyTorch is not here, so nothing is compared with it: `make bench PEERS=1` installs it (Debian's "
               "python3-torch).\n");
    for (size_t i = 0; i < BENCH_NETWORKS; i++) {
        measure(&rows[i], &list[i], p, pairs);
        for (size_t k = 0; k < rows[i].train.peak.count; k++)
            samples_add(&peak, rows[i].train.peak.value[k]);
    }
    peer_close(p);
    printf("%s; fused multiply-adds on registers: %.0f GFLOP/s (quartiles %.0f to %.0f over the run)\n",
           kernels_platform(), 1e-9 * samples_median(&peak), 1e-9 * samples_quantile(&peak, 0.25),
           1e-9 * samples_quantile(&peak, 0.75));
    for (int train = 1; train >= 0; train--) {
        print_head(train ? "Training step (3 forward passes' FLOP)" : "Inference", peer);
        for (size_t i = 0; i < BENCH_NETWORKS; i++) {
            const double flop = (double)deeprx_flops_slot(&list[i].model.config) * list[i].batch;
            print_row(&list[i], train ? &rows[i].train : &rows[i].infer, (train ? 3 : 1) * flop);
        }
    }
    free(peer);
    return 0;
}
