#include "store/record_format.h"

#include <math.h>
#include <string.h>

#include "engine/base/json.h"

#define LARGEST_SIZE 9007199254740992.0 /* 2^53: sizes are JSON numbers */
static const char mode_file[] = "0644", mode_executable[] = "0755", type_directory[] = "directory";

static const cJSON *member(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

struct record_source record_source_read(const cJSON *origin) {
    return (struct record_source){json_text(origin, "url", ""), json_text(origin, "commit", ""),
                                  json_text(origin, "path", "")};
}

struct record_view record_read(const cJSON *record) {
    const double unknown = (double)NAN;
    const cJSON *resources = member(record, "resources"), *memory = member(resources, "memory");
    return (struct record_view){
        .key = json_text(record, "key", ""),
        .stage = json_text(record, "stage", ""),
        .kind = json_text(record, "kind", ""),
        .run = json_text(record, "run", ""),
        .attempt = json_text(record, "attempt", ""),
        .state = json_text(record, "state", ""),
        .reason = json_text(record, "reason", ""),
        .end = json_text(member(record, "provenance"), "end", ""),
        .diff = json_text(member(member(record, "provenance"), "git"), "diff_sha256", ""),
        .platform = json_text(record, "platform", ""),
        .wall_s = json_double(record, "wall_s", unknown),
        .user_s = json_double(resources, "user_s", unknown),
        .system_s = json_double(resources, "system_s", unknown),
        .max_rss_bytes = json_double(resources, "max_rss_bytes", unknown),
        .memory_limit_bytes = json_double(memory, "limit_bytes", unknown),
        .memory_peak_bytes = json_double(memory, "peak_bytes", unknown),
        .memory_guard = json_text(memory, "guard", ""),
        .components = member(record, "components"),
        .outs = member(record, "outs"),
        .absent = member(record, "absent"),
        .metrics = member(record, "metrics"),
        .energy = member(record, "energy"),
        .programs = member(member(record, "provenance"), "programs"),
        .gpus = member(member(record, "provenance"), "gpus"),
        .source = record_source_read(member(member(record, "provenance"), "origin")),
        .python = member(member(record, "provenance"), "python"),
    };
}

void record_set_growing(cJSON *record, const char *stdout_log, const char *stderr_log) {
    const char *const names[] = {stdout_log, stderr_log};
    cJSON_DeleteItemFromObjectCaseSensitive(record, "growing");
    cJSON_AddItemToObject(record, "growing", cJSON_CreateStringArray(names, 2));
}

const char *record_growing(const cJSON *record, int stream) {
    return cJSON_GetStringValue(cJSON_GetArrayItem(member(record, "growing"), stream));
}

struct record_attempt record_attempt_read(const cJSON *record) {
    const cJSON *p = member(record, "provenance"), *logs = member(p, "logs");
    return (struct record_attempt){
        .start = json_text(p, "start", ""),
        .end = json_text(p, "end", ""),
        .argv = member(p, "argv"),
        .inputs = member(p, "inputs"),
        .logs = {json_text(member(logs, "stdout"), "path", NULL), json_text(member(logs, "stderr"), "path", NULL)}};
}

struct record_file record_file_read(const cJSON *item) {
    return (struct record_file){json_text(item, "name", ""), json_text(item, "path", NULL),
                                json_text(item, "sha256", ""), json_double(item, "size", 0)};
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

const char *record_input_path(const cJSON *record, const char *input, const char *sha256) {
    const cJSON *item, *items = member(member(member(record, "provenance"), "inputs"), input);
    cJSON_ArrayForEach(item, items) {
        if (strcmp(json_text(item, "sha256", ""), sha256) == 0)
            return json_text(item, "path", NULL);
    }
    return NULL;
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

struct record_origin record_origin_read(const cJSON *record) {
    const cJSON *provenance = member(record, "provenance");
    const cJSON *git = member(provenance, "git"), *host = member(provenance, "host");
    return (struct record_origin){.commit = json_text(git, "commit", ""),
                                  .diff_sha256 = json_text(git, "diff_sha256", ""),
                                  .hostname = json_text(host, "hostname", ""),
                                  .cpu = json_text(host, "cpu", ""),
                                  .engine = json_text(member(provenance, "versions"), "retort", "")};
}

/* ---- writing ---- */

/* Adds a member that is absent where it is not known. */
static void add_known(cJSON *object, const char *name, const char *text) {
    if (text)
        cJSON_AddStringToObject(object, name, text);
}

cJSON *record_create(const struct record_head *head) {
    cJSON *record = cJSON_CreateObject();
    cJSON_AddNumberToObject(record, "retort_record", 1);
    json_add_digest(record, "key", head->key);
    cJSON_AddStringToObject(record, "stage", head->stage);
    cJSON_AddStringToObject(record, "kind", head->kind);
    cJSON_AddStringToObject(record, "pipeline", head->pipeline);
    add_known(record, "run", head->run);
    cJSON_AddStringToObject(record, "attempt", head->attempt);
    cJSON_AddStringToObject(record, "platform", head->platform);
    return record;
}

void record_add_result(cJSON *record, cJSON *components, cJSON *outs, cJSON *absent, cJSON *metrics) {
    cJSON_AddItemToObject(record, "components", components);
    cJSON_AddItemToObject(record, "outs", outs);
    if (absent->child)
        cJSON_AddItemToObject(record, "absent", absent);
    else
        cJSON_Delete(absent);
    cJSON_AddItemToObject(record, "metrics", metrics);
}

void record_set_end(cJSON *record, const char *state, const char *reason) {
    cJSON_AddStringToObject(record, "state", state);
    add_known(record, "reason", reason);
}

cJSON *record_out_json(const struct object *o, const char *type) {
    cJSON *out = cJSON_CreateObject();
    json_add_digest(out, "sha256", &o->digest);
    cJSON_AddNumberToObject(out, "size", (double)o->size);
    cJSON_AddStringToObject(out, "mode", o->executable || o->directory ? mode_executable : mode_file);
    add_known(out, "type", type);
    return out;
}

cJSON *record_program_json(const char *name, const char *path, const struct digest *content) {
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "name", name);
    add_known(out, "path", path);
    if (content)
        json_add_digest(out, "sha256", content);
    return out;
}

cJSON *record_python_json(const struct record_python *python) {
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "prefix", python->prefix);
    cJSON_AddStringToObject(out, "version", python->version);
    cJSON_AddStringToObject(out, "sha256", python->sha256);
    json_add_copy(out, "packages", python->packages);
    json_add_copy(out, "uncovered", python->uncovered);
    return out;
}
