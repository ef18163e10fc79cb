#include "kernels/deeprx.h"

double schedule_factor(uint64_t step, uint64_t steps) {
    const double at = (double)step / (double)steps, warm_up = 800.0 / 30000.0, constant_until = 0.3;
    if (at < warm_up)
        return at / warm_up;
    if (at <= constant_until)
        return 1.0;
    return at >= 1.0 ? 0.0 : (1.0 - at) / (1.0 - constant_until);
}
