#include <string.h>

#include "stages/run/run.h"

static const struct {
    const char *kind;
    stage_run *run;
} code[] = {
    {"curve/gain@1", run_curve_gain},
    {"deeprx/evaluate@1", run_deeprx_evaluate},
    {"deeprx/infer@1", run_deeprx_infer},
    {"deeprx/logits@1", run_deeprx_logits},
    {"deeprx/profile@1", run_deeprx_profile},
    {"deeprx/train@1", run_deeprx_train},
    {"energy/amortize@1", run_energy_amortize},
    {"energy/estimate@1", run_energy_estimate},
    {"energy/inference@1", run_energy_inference},
    {"link/baseline@1", run_link_baseline},
    {"link/dataset@1", run_link_dataset},
    {"plot/bars@2", run_plot_bars},
    {"plot/lines@1", run_plot_lines},
    {"plot/table@2", run_plot_table},
};

stage_run *stage_find(const char *kind) {
    for (size_t i = 0; i < sizeof code / sizeof *code; i++)
        if (strcmp(code[i].kind, kind) == 0)
            return code[i].run;
    return NULL;
}
