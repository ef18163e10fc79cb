/*
 * Axes that stand as an object of one form, as {"range": {"start": 1, "stop": 9, "step": 2}} does. Each form gives the
 * list of values that could stand there instead. Numbers depend on the pipeline file alone, not on a mathematics library.
 */
#ifndef RETORT_ENGINE_PIPELINE_AXES_H
#define RETORT_ENGINE_PIPELINE_AXES_H

#include "engine/pipeline/reader.h"
#include "engine/pipeline/rows.h"

enum { MAX_AXIS_VALUES = ROWS_MAX };

/* The values of an axis that is an object: a list that lives in the arena. NULL after a reported fault. */
const cJSON *axis_expand(struct part *part, const cJSON *axis);

/* Whether a param is such an object, and nothing else stands in it: else it is one value of the axis. */
bool axis_is_form(const cJSON *value);

/* Reads the members beside "rows". False after a reported fault. */
bool axis_rows_form(struct rows_form *out, struct part *part, const cJSON *axis);

/* One form each. The caller deletes the list; NULL after a reported fault. */
typedef cJSON *axis_form(struct part *part, const cJSON *axis);
axis_form axis_range, axis_logspace, axis_sample;
axis_form axis_glob, axis_rows; /* read folders and files */

/* Rounds to 12 significant digits, so that the last bits of a sum or product do not matter. */
double axis_round(double number);

/* low * (high / low)^share, rounded: equal on every machine. Low and high are from AXIS_LEAST to AXIS_MOST, whose square
   roots have a quotient that is a double; `share` is from 0 to 1. */
#define AXIS_LEAST 1e-300
#define AXIS_MOST 1e300
double axis_geometric(double low, double high, double share);

#endif
