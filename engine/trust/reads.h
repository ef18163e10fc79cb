/*
 * Notes the answers of commits while a pipeline is read. These are the bytes of pipeline files, params and rows, and the
 * names in folders that a glob looks into. The same notes mean the same pipeline.
 */
#ifndef RETORT_ENGINE_TRUST_READS_H
#define RETORT_ENGINE_TRUST_READS_H

#include "engine/trust/notes.h"

struct reads {
    const struct commits *inner;
    struct commits commits; /* give these to pipeline_read; they ask `inner` */
    struct notes notes;
};

/* `inner` outlives the notes. */
void reads_open(struct reads *out, const struct commits *inner);
void reads_close(struct reads *r);

#endif
