/*
 * Computation energy of a network from counts and a processor's figures. Source: metrics (0), (1) and (2) of Table I in
 * Labriji and Lbath, "Energy Efficiency in AI for 5G and Beyond: A DeepRx Case Study". None of them holds what memory
 * takes; Eq. 1 adds that. All arguments are positive; units are SI.
 */
#ifndef RETORT_KERNELS_ENERGY_METRIC_H
#define RETORT_KERNELS_ENERGY_METRIC_H

#include <stddef.h>

/* (0): operations * power / (operations a second), in J. Source: Desislavov et al., "Trends in AI inference energy
   consumption", 2023. */
double energy_metric_0(double flops, double flops_per_s, double power_w);

/* (1): kappa * N * f^3 * D with D = W / (S N f), in J. kappa: effective switched capacitance in F; cores N; clock_hz f;
   flops W; flops_per_clock S of one core. N cancels: kappa f^2 W / S. Source: Benini, de Micheli, "System-level power
   optimization", 2000. */
double energy_metric_1(double flops, double flops_per_clock, double cores, double clock_hz, double kappa_f);

/* The kappa for which kappa N f^3 is a given power. With it metric (1) is metric (0) at the peak N S f. */
double energy_metric_1_kappa(double power_w, double cores, double clock_hz);

/* One layer of (2): M (a / d0 + b) of a convolution, M a of a fully connected one (is_convolution 0, b unused), in J.
   macs M; inputs d0: input features. a_j, b_j: hardware coefficients in J a MAC. Source: Lahmer et al., "Energy
   consumption of neural networks on NVIDIA edge boards: an empirical model", 2022. */
struct energy_layer {
    double macs, inputs;
    int is_convolution;
};
struct energy_coefficients {
    double convolution_a_j, convolution_b_j, connected_a_j;
};
double energy_metric_2(const struct energy_layer *layers, size_t count, const struct energy_coefficients *c);

/* The memory term of Eq. 1: bytes moved times J a byte. */
double energy_memory(double bytes, double j_per_byte);

#endif
