/* A flat graph of JSON-LD, as RO-Crate wants it: entities by their "@id", which refer to each other by it. */
#ifndef RETORT_ENGINE_BUNDLE_CRATE_GRAPH_H
#define RETORT_ENGINE_BUNDLE_CRATE_GRAPH_H

#include <cJSON.h>

#include "engine/base/buffer.h"
#include "engine/base/bytemap.h"

struct crate_graph {
    cJSON *document, *entities;
    struct bytemap by_id; /* keys belong to the entities */
};

void crate_graph_open(struct crate_graph *g);
/* Appends the document and frees it. */
void crate_graph_close(struct crate_graph *g, struct buffer *out);

/* A new entity, whose id none has yet. The graph owns it. */
cJSON *crate_add(struct crate_graph *g, const char *id, const char *type);
cJSON *crate_find(const struct crate_graph *g, const char *id); /* NULL: there is none */

/* Adds a reference to an entity: one stands alone, several in a list. `_once`: unless it is there. */
void crate_refer(cJSON *entity, const char *property, const char *id);
void crate_refer_once(cJSON *entity, const char *property, const char *id);

/* The id of a file of the crate: its name as a relative URI. The caller frees. */
char *crate_file_id(const char *name);

/* A time of a record with its zone as digits: "2026-11-21T20:07:29.123+00:00". The caller frees. */
char *crate_time(const char *utc);

#endif
