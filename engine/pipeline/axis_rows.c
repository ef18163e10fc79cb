/* The form {"rows": "samples.csv", "label": "id", "types": {...}} of an axis. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/pipeline/axes.h"

/* The text of a member, which may refer to params. NULL after a reported fault. */
static const char *read_text(struct part *part, const cJSON *member) {
    const cJSON *text = compile_constant(part, member);
    if (text && cJSON_IsString(text) && text->valuestring[0])
        return text->valuestring;
    if (text)
        report_value(part, member, "\"%s\" is text; found %s", member->string,
                     cJSON_IsString(text) ? "the empty text" : describe(part->reader, text));
    return NULL;
}

static bool read_types(struct part *part, const cJSON *types) {
    if (!need_object(part, types, "\"types\""))
        return false;
    bool good = true;
    const cJSON *type;
    cJSON_ArrayForEach(type, types) {
        if (cJSON_IsString(type) &&
            (strcmp(type->valuestring, "number") == 0 || strcmp(type->valuestring, "boolean") == 0))
            continue;
        report_value(part, type, "a type is \"number\" or \"boolean\", and text without one; found %s",
                     describe(part->reader, type));
        good = false;
    }
    return good;
}

bool axis_rows_form(struct rows_form *out, struct part *part, const cJSON *axis) {
    const cJSON *label = cJSON_GetObjectItemCaseSensitive(axis, "label");
    const cJSON *types = cJSON_GetObjectItemCaseSensitive(axis, "types");
    out->label = label ? read_text(part, label) : "label";
    out->types = types;
    return out->label && (!types || read_types(part, types));
}

/* The name of the file. NULL after a reported fault. */
static const char *read_name(struct part *part, const cJSON *node, const struct rows_form *form) {
    const char *name = read_text(part, node);
    if (!name)
        return NULL;
    const char *fault = path_fault(name);
    if (!fault && !rows_are_in(name))
        fault = "ends in none of .csv, .tsv, .json, .yaml and .yml";
    if (fault)
        report_value(part, node, "\"rows\" %s", fault);
    else if (form->types && !rows_separator(name))
        report_key(part, form->types, "\"types\" is for CSV and TSV; the values of %s have types, so leave it out",
                   name);
    else
        return name;
    return NULL;
}

cJSON *axis_rows(struct part *part, const cJSON *axis) {
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(axis, "rows");
    struct rows_form form;
    struct error err = {0};
    struct buffer text = {0};
    cJSON *list = NULL;
    bool good = axis_rows_form(&form, part, axis);
    const char *name = good ? read_name(part, node, &form) : NULL;
    if (!name)
        return NULL;
    int rc = part_file_read(&text, part, name, ROWS_MAX_BYTES, &err);
    if (rc == ERR_NOT_FOUND)
        report_value(part, node, "there is no file %s below the folder of %s", name, part->file);
    else if (rc < 0)
        report_value(part, node, "\"rows\": %s", err.message);
    else if (rows_parse(&list, &form, name, buffer_text(&text), text.size, &err) < 0)
        report_value(part, node, "%s", err.message);
    buffer_close(&text);
    return list;
}
