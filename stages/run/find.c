#include "stages/run/kind_functions.h"

#define CODE(id) {&kind_##id, run_##id},
static const struct {
    const struct kind *kind;
    stage_run *run;
} code[] = {KINDS(CODE)};
#undef CODE

stage_run *stage_find(const struct kind *kind) {
    size_t i = 0;
    while (code[i].kind != kind)
        i++;
    return code[i].run;
}
