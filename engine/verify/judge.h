/* What an execution gave against what is recorded: the judgement of verify.h. */
#ifndef RETORT_ENGINE_VERIFY_JUDGE_H
#define RETORT_ENGINE_VERIFY_JUDGE_H

#include "engine/attempt/attempt.h"

/* The attempt has ended, and its files are still there. `*out`: a stage as verify.h says; the caller deletes it. ERR_IO. */
int verify_judge(cJSON **out, struct attempt *a, bool timed_out, struct error *err);

#endif
