/* Functions that the readers of JSON and YAML data share. */
#ifndef RETORT_BASE_DATA_INTERNAL_H
#define RETORT_BASE_DATA_INTERNAL_H

#include "engine/base/data.h"

/* A number from its digits, with a sign or without; `whole`: an integer. */
cJSON *data_from_number(const char *text, size_t length, bool whole);
cJSON *data_from_nonfinite(const char *name);

/* data_yaml.c: `*out` is NULL for a text without a document. */
int data_parse_yaml(cJSON **out, const char *text, size_t size, struct error *err);

#endif
