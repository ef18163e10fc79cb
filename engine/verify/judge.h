/* What an execution gave against what is recorded: the judgement of verify.h. */
#ifndef RETORT_ENGINE_VERIFY_JUDGE_H
#define RETORT_ENGINE_VERIFY_JUDGE_H

#include "engine/run/internal.h"

/* `t` is collected, its files still there. `*out` as verify.h says, of a stage; the caller deletes it. ERR_IO. */
int verify_judge(cJSON **out, struct task *t, struct error *err);

#endif
