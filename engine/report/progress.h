/* Shows a run while it goes on: lines for people, or JSON lines for programs. Both are run_observers. */
#ifndef RETORT_ENGINE_REPORT_PROGRESS_H
#define RETORT_ENGINE_REPORT_PROGRESS_H

#include <stdio.h>

#include "engine/run/run.h"

struct progress; /* one display */

enum progress_style { PROGRESS_PLAIN, PROGRESS_JSON, PROGRESS_NONE };

/* `stream` stays the caller's. Plain lines show stages that start, end and fail, and every ten seconds the progress
   of long ones. NONE shows failures alone. */
struct progress *progress_create(enum progress_style style, FILE *stream);
void progress_free(struct progress *p);
struct run_observer progress_observer(struct progress *p);

/* Prints the closing line: counts, time, and the place of the results. */
void progress_end(struct progress *p, const struct run_summary *summary);

#endif
