/* The code of the kinds: one function each, found by stage_find. */
#ifndef RETORT_STAGES_RUN_RUN_H
#define RETORT_STAGES_RUN_RUN_H

#include "stages/stage.h"

stage_run run_link_baseline, run_deeprx_train, run_deeprx_evaluate, run_deeprx_profile, run_plot_lines, run_plot_table;
stage_run run_energy_amortize, run_energy_estimate, run_energy_inference;
stage_run run_curve_gain, run_deeprx_infer, run_deeprx_logits, run_link_dataset, run_plot_bars;

#endif
