/*
 * The machine's power at rest, before a run and after it: the median over windows of a second, of which there are as many
 * as make a base power worth the name. Nothing of the run may be running meanwhile.
 */
#ifndef RETORT_ENGINE_ENERGY_BASE_H
#define RETORT_ENGINE_ENERGY_BASE_H

#include "engine/base/error.h"
#include "engine/meter/meter.h"

struct energy_base;

/* `window_s`: 1 but for tests. */
struct energy_base *energy_base_create(const char *root, double window_s);
void energy_base_free(struct energy_base *b);

/* Measures one half, the first time before and the second time after; blocks for half a minute. `stop` ends it early:
   ERR_INTERRUPTED. ERR_NOT_FOUND where nothing is counted, ERR_IO where a counter failed: that half is not known. */
int energy_base_measure(struct energy_base *b, bool (*stop)(void *context), void *context, struct error *err);

/* From the halves known by now, with the drift between them; NULL: none is. Lives as long as `b`, until the next half. */
const struct meter_base *energy_base_power(const struct energy_base *b);

#endif
