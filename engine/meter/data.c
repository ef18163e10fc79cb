#include "engine/meter/data.h"

#include "engine/base/embed.h"
#include "engine/base/json.h"

EMBED_FILE(model_1_json, "engine/meter/data/model-1.json");
EMBED_FILE(processors_json, "engine/meter/data/processors.json");
EMBED_FILE(carbon_1_json, "engine/meter/data/carbon-1.json");
EMBED_FILE(published_1_json, "engine/meter/data/published-1.json");

static int parse(cJSON **out, const char *text, const char *end, const char *name, struct error *err) {
    struct json_document *doc = NULL;
    int rc = json_parse(&doc, text, (size_t)(end - text), NULL, err);
    if (rc < 0) {
        error_prefix(err, "%s", name);
        return rc;
    }
    *out = json_detach(doc);
    return 0;
}

int meter_model_constants(cJSON **out, struct error *err) {
    return parse(out, model_1_json, model_1_json_end, "model-1.json", err);
}

int meter_processors(cJSON **out, struct error *err) {
    return parse(out, processors_json, processors_json_end, "processors.json", err);
}

int meter_carbon(cJSON **out, struct error *err) {
    return parse(out, carbon_1_json, carbon_1_json_end, "carbon-1.json", err);
}

int meter_published(cJSON **out, struct error *err) {
    return parse(out, published_1_json, published_1_json_end, "published-1.json", err);
}
