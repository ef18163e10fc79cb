#include "store/record_format.h"

#include <math.h>
#include <string.h>

#include "engine/base/json.h"

#define LARGEST_SIZE 9007199254740992.0 /* 2^53: sizes are JSON numbers */
static const char mode_file[] = "0644", mode_executable[] = "0755", type_directory[] = "directory";

static const cJSON *member(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

struct record_view record_read(const cJSON *record) {
    const double unknown = (double)NAN;
    const cJSON *resources = member(record, "resources");
    return (struct record_view){
        .key = json_text(record, "key", ""),
        .stage = json_text(record, "stage", ""),
        .kind = json_text(record, "kind", ""),
        .run = json_text(record, "run", ""),
        .attempt = json_text(record, "attempt", ""),
        .state = json_text(record, "state", ""),
        .reason = json_text(record, "reason", ""),
        .end = json_text(member(record, "provenance"), "end", ""),
        .platform = json_text(record, "platform", ""),
        .wall_s = json_double(record, "wall_s", unknown),
        .user_s = json_double(resources, "user_s", unknown),
        .system_s = json_double(resources, "system_s", unknown),
        .max_rss_bytes = json_double(resources, "max_rss_bytes", unknown),
        .components = member(record, "components"),
        .outs = member(record, "outs"),
        .metrics = member(record, "metrics"),
        .energy = member(record, "energy"),
        .programs = member(member(record, "provenance"), "programs"),
        .gpus = member(member(record, "provenance"), "gpus"),
        .python = member(member(record, "provenance"), "python"),
    };
}

bool record_key(struct digest *out, const cJSON *record) {
    return digest_parse(out, json_text(record, "key", ""));
}

int record_out_read(struct object *out, const cJSON *item, struct error *err) {
    double size = json_double(item, "size", -1);
    *out = (struct object){.directory = strcmp(json_text(item, "type", ""), type_directory) == 0};
    out->executable = !out->directory && strcmp(json_text(item, "mode", ""), mode_executable) == 0;
    if (!digest_parse(&out->digest, json_text(item, "sha256", "")))
        return error_set(err, ERR_INVALID, "record: outs/%s: \"sha256\" must be 64 lower-case hex digits",
                         item ? item->string : "?");
    if (!(size >= 0 && size <= LARGEST_SIZE && size == floor(size)))
        return error_set(err, ERR_INVALID, "record: outs/%s: \"size\" must be a number of bytes", item->string);
    out->size = (uint64_t)size;
    return 0;
}

cJSON *record_out_json(const struct object *o, const char *type) {
    char hex[DIGEST_HEX_SIZE];
    cJSON *out = cJSON_CreateObject();
    digest_hex(hex, &o->digest);
    cJSON_AddStringToObject(out, "sha256", hex);
    cJSON_AddNumberToObject(out, "size", (double)o->size);
    cJSON_AddStringToObject(out, "mode", o->executable || o->directory ? mode_executable : mode_file);
    cJSON_AddStringToObject(out, "type", type);
    return out;
}

struct record_program record_program_read(const cJSON *item) {
    return (struct record_program){json_text(item, "name", ""), json_text(item, "path", NULL),
                                   json_text(item, "sha256", NULL)};
}

struct record_python record_python_read(const cJSON *python) {
    return (struct record_python){.prefix = json_text(python, "prefix", ""),
                                  .version = json_text(python, "version", ""),
                                  .sha256 = json_text(python, "sha256", ""),
                                  .packages = member(python, "packages"),
                                  .uncovered = member(python, "uncovered")};
}
