/* Compares an execution with its record: the verdict of verify.h. */
#ifndef RETORT_ENGINE_VERIFY_JUDGE_H
#define RETORT_ENGINE_VERIFY_JUDGE_H

#include "engine/attempt/attempt.h"

/* Judges an attempt that has ended, while its files exist. `*out`: a stage as in verify.h; the caller deletes it.
   ERR_IO. */
int verify_judge(cJSON **out, struct attempt *a, bool timed_out, struct error *err);

#endif
