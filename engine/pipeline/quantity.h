/*
 * Quantities as people write them: a decimal number and a unit, "2GiB", "1.5h", "500kJ". No sign, no space, no
 * exponent. Each function returns false when the text is none, or is too large for the result.
 */
#ifndef RETORT_ENGINE_PIPELINE_QUANTITY_H
#define RETORT_ENGINE_PIPELINE_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

/* B, kB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (powers of 1024). A fraction of a byte is cut off. */
bool quantity_bytes(uint64_t *out, const char *text);

/* ms, s, m, h; result in milliseconds, a fraction of one cut off. */
bool quantity_duration(uint64_t *out_ms, const char *text);

/* J, kJ, MJ, GJ, Wh (3600 J), kWh; result in joules. */
bool quantity_energy(double *out_j, const char *text);

#define QUANTITY_BYTES_ALLOWED "a number of bytes, or text such as \"512MiB\" or \"2GiB\""
#define QUANTITY_DURATION_ALLOWED "text such as \"250ms\", \"10s\", \"30m\" or \"2h\""
#define QUANTITY_ENERGY_ALLOWED "text such as \"3J\", \"500kJ\", \"2MJ\" or \"1Wh\""

#endif
