#include "kernels/energy_metric.h"

double energy_metric_0(double flops, double flops_per_s, double power_w) {
    return flops * power_w / flops_per_s;
}

double energy_metric_1(double flops, double flops_per_clock, double cores, double clock_hz, double kappa_f) {
    double duration_s = flops / (flops_per_clock * cores * clock_hz);
    return kappa_f * cores * clock_hz * clock_hz * clock_hz * duration_s;
}

double energy_metric_1_kappa(double power_w, double cores, double clock_hz) {
    return power_w / (cores * clock_hz * clock_hz * clock_hz);
}

double energy_metric_2(const struct energy_layer *layers, size_t count, const struct energy_coefficients *c) {
    double joules = 0;
    for (size_t i = 0; i < count; i++) {
        const struct energy_layer *l = &layers[i];
        if (l->is_convolution)
            joules += l->macs * (c->convolution_a_j / l->inputs + c->convolution_b_j);
        else
            joules += l->macs * c->connected_a_j;
    }
    return joules;
}

double energy_memory(double bytes, double j_per_byte) {
    return bytes * j_per_byte;
}
