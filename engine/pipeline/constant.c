/* Reads values that may refer to params. */
#include <math.h>

#include "engine/pipeline/quantity.h"
#include "engine/pipeline/reader.h"

/* The value of a member after references to params are resolved; NULL after a reported fault. */
static const cJSON *constant(struct part *part, const cJSON *node) {
    return cJSON_IsString(node) ? compile_constant(part, node) : node;
}

static bool wrong_value(struct part *part, const cJSON *node, const cJSON *found, const char *allowed) {
    report_value(part, node, "\"%s\" is %s; found %s", node->string, allowed, describe(part->reader, found));
    return false;
}

bool read_bool(struct part *part, const cJSON *node, bool *out) {
    const cJSON *value = constant(part, node);
    if (!value)
        return false;
    if (!cJSON_IsBool(value))
        return wrong_value(part, node, value, "true or false");
    *out = cJSON_IsTrue(value);
    return true;
}

/* Gives "a number from 0 to 1" or "an integer of at least 0". */
static const char *range_text(struct reader *r, const char *type, double min, double max) {
    struct buffer text = {0};
    buffer_puts(&text, type);
    buffer_puts(&text, isfinite(max) ? " from " : isfinite(min) ? " of at least " : "");
    if (isfinite(min))
        json_number(&text, min);
    if (isfinite(max)) {
        buffer_puts(&text, " to ");
        json_number(&text, max);
    }
    const char *kept = arena_strdup(r->arena, buffer_text(&text));
    buffer_close(&text);
    return kept;
}

bool read_number(struct part *part, const cJSON *node, double min, double max, double *out) {
    const cJSON *value = constant(part, node);
    if (!value)
        return false;
    if (!cJSON_IsNumber(value) || !(value->valuedouble >= min && value->valuedouble <= max))
        return wrong_value(part, node, value, range_text(part->reader, "a number", min, max));
    *out = value->valuedouble;
    return true;
}

bool read_integer(struct part *part, const cJSON *node, int min, int max, int *out) {
    const cJSON *value = constant(part, node);
    if (!value)
        return false;
    double number = value->valuedouble;
    if (!cJSON_IsNumber(value) || !(number >= min && number <= max) || number != trunc(number))
        return wrong_value(part, node, value, range_text(part->reader, "an integer", min, max));
    *out = (int)number;
    return true;
}

bool read_duration(struct part *part, const cJSON *node, uint64_t *out_ms) {
    const cJSON *value = constant(part, node);
    if (!value)
        return false;
    if (!cJSON_IsString(value) || !quantity_duration(out_ms, value->valuestring))
        return wrong_value(part, node, value, QUANTITY_DURATION_ALLOWED);
    if (*out_ms == 0)
        return wrong_value(part, node, value, "more than zero (leave it out for no limit)");
    return true;
}

bool read_bytes(struct part *part, const cJSON *node, uint64_t *out) {
    const cJSON *value = constant(part, node);
    if (!value)
        return false;
    if (cJSON_IsNumber(value) && value->valuedouble >= 1 && value->valuedouble <= 0x1p53 &&
        value->valuedouble == trunc(value->valuedouble)) {
        *out = (uint64_t)value->valuedouble;
        return true;
    }
    if (!cJSON_IsString(value) || !quantity_bytes(out, value->valuestring) || *out == 0)
        return wrong_value(part, node, value, QUANTITY_BYTES_ALLOWED);
    return true;
}

bool read_energy(struct part *part, const cJSON *node, double *out_j) {
    const cJSON *value = constant(part, node);
    if (!value)
        return false;
    if (!cJSON_IsString(value) || !quantity_energy(out_j, value->valuestring) || !(*out_j > 0))
        return wrong_value(part, node, value, QUANTITY_ENERGY_ALLOWED);
    return true;
}
