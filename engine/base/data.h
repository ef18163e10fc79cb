/*
 * Data files of other programs, in JSON or YAML, as those programs write them.
 *
 * JSON may hold NaN, Infinity, -Infinity and integers of any size, as Python's json module writes them. YAML is read by
 * the core schema of YAML 1.2. A number that strict JSON cannot hold becomes an object with one member:
 *
 *   {"nonfinite": "NaN"}              also "Infinity" and "-Infinity"
 *   {"integer": "12345678901234567890"}   a whole number that a double would round
 */
#ifndef RETORT_BASE_DATA_H
#define RETORT_BASE_DATA_H

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/base/buffer.h"
#include "engine/base/error.h"

/* Whether the name ends in .yaml or .yml. */
bool data_is_yaml(const char *name);

/* Parses `size` bytes, as YAML if the file's name says so. A name may be given twice in an object. ERR_INVALID:
   the message begins with "line:column: ". The caller deletes the tree. */
int data_parse(cJSON **out, const char *name, const char *text, size_t size, struct error *err);

/* Adds the members of an object to `flat`; members of objects inside get names joined by ".". Appends to `faults`, one
   a line, names that are given twice, also if `flat` had them before. */
void data_flatten(cJSON *flat, const cJSON *object, struct buffer *faults);

/* False: it is no finite number. An integer that a double rounds is its nearest double. */
bool data_number(double *out, const cJSON *value);

/* "NaN", "Infinity" or "-Infinity"; NULL for any other value. */
const char *data_nonfinite(const cJSON *value);

/* {"nonfinite": ...} of a number that is not finite. The caller deletes it. */
cJSON *data_nonfinite_create(double number);

/* The digits of an integer that a double would round; NULL for any other value. */
const char *data_integer(const cJSON *value);

/* Appends a value for people: a text as it is, a number with all its digits, also in an array, anything else as canonical
   JSON. */
void data_put(struct buffer *out, const cJSON *value);

#endif
