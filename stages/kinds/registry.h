/*
 * The built-in kinds, one row each, sorted by name. A row ID is the kind of that name, with / for _.
 * `const struct kind kind_ID` in stages/kinds/ID.c describes it. The function `run_ID` in stages/run/ID.c runs it.
 */
#ifndef RETORT_STAGES_KINDS_REGISTRY_H
#define RETORT_STAGES_KINDS_REGISTRY_H

#include "stages/kinds/kind.h"

/* clang-format off */
#define KINDS(ROW)                                                                                                     \
    ROW(curve_gain)                                                                                                    \
    ROW(deeprx_evaluate)                                                                                               \
    ROW(deeprx_infer)                                                                                                  \
    ROW(deeprx_logits)                                                                                                 \
    ROW(deeprx_profile)                                                                                                \
    ROW(deeprx_train)                                                                                                  \
    ROW(energy_amortize)                                                                                               \
    ROW(energy_estimate)                                                                                               \
    ROW(energy_inference)                                                                                              \
    ROW(link_baseline)                                                                                                 \
    ROW(link_dataset)                                                                                                  \
    ROW(plot_bars)                                                                                                     \
    ROW(plot_lines)                                                                                                    \
    ROW(plot_table)
/* clang-format on */

#define DECLARE_KIND(id) extern const struct kind kind_##id;
KINDS(DECLARE_KIND)
#undef DECLARE_KIND

#endif
