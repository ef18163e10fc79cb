/* The metadata of a bundle for other programs. */
#include "engine/bundle/crate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/bundle/crate_graph.h"
#include "engine/meter/meter.h"
#include "engine/version.h"
#include "store/record_format.h"

#define COMPLETED "http://schema.org/CompletedActionStatus"
#define ENGINE_ID "#retort"
#define LANGUAGE_ID "#retort-pipeline"
#define RUN_ID "#workflow-run"
#define GETRUSAGE "https://man7.org/linux/man-pages/man2/getrusage.2.html#"

static const char *const profiles[][3] = {
    {"https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"},
    {"https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"},
    {"https://w3id.org/ro/wfrun/provenance/0.5", "Provenance Run Crate", "0.5"},
    {"https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0"},
};
enum { PROFILE_COUNT = sizeof profiles / sizeof *profiles };

struct making {
    const struct crate *crate;
    struct crate_graph graph;
    cJSON *root, *workflow;
};

/* ---- files ---- */

static const char *encoding_of(const char *name) {
    static const char *const types[][2] = {{".json", "application/json"}, {".jsonl", "application/jsonl"},
                                           {".md", "text/markdown"},      {".csv", "text/csv"},
                                           {".py", "text/x-python"},      {".txt", "text/plain"},
                                           {".yaml", "text/yaml"},        {".patch", "text/x-diff"}};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

/* An object is found by its digest, and named after the first stage that made it. */
static void add_file(struct making *m, const struct bundle_file *f) {
    char *id = crate_file_id(f->name);
    bool main = strcmp(f->name, m->crate->bundle->pipeline) == 0;
    cJSON *file = main ? m->workflow : crate_add(&m->graph, id, "File");
    if (!main)
        json_add_text(file, "name", strrchr(f->name, '/') ? strrchr(f->name, '/') + 1 : f->name);
    json_add_text(file, "encodingFormat", encoding_of(f->name));
    json_add_digest(file, "sha256", &f->digest);
    json_add_number(file, "contentSize", (double)f->size);
    crate_refer(m->root, "hasPart", id);
    free(id);
}

/* The entity of some content, in the bundle or only known by its digest. The caller frees. */
static char *content_id(struct making *m, const char *hex, const char *name) {
    char *object = mem_printf(BUNDLE_OBJECTS "%.2s/%s", hex, strlen(hex) > 2 ? hex + 2 : ""), *id;
    if (bundle_find(m->crate->bundle, object)) {
        id = crate_file_id(object);
    } else {
        id = mem_printf("#sha256-%s", hex);
        if (!crate_find(&m->graph, id)) {
            cJSON *known = crate_add(&m->graph, id, "CreativeWork");
            json_add_text(known, "name", name);
            json_add_text(known, "description", "not in this crate");
            json_add_text(known, "sha256", hex);
        }
    }
    free(object);
    return id;
}

/* ---- usage ---- */

static void add_usage(struct making *m, cJSON *action, const char *key, const char *name, const char *property,
                      const char *unit, double value, const char *description) {
    if (!isfinite(value))
        return;
    char *id = mem_printf("#usage/%s/%s", key, name);
    cJSON *usage = crate_add(&m->graph, id, "PropertyValue");
    json_add_text(usage, "name", name);
    json_add_text(usage, "propertyID", property);
    json_add_text(usage, "unitCode", unit);
    json_add_number(usage, "value", value);
    if (description)
        json_add_text(usage, "description", description);
    crate_refer(action, "resourceUsage", id);
    free(id);
}

static void add_energy(struct making *m, cJSON *action, const struct record_view *r) {
    const struct energy_view e = energy_view_all(r->energy);
    char *label = mem_printf("%s by %s%s%s", e.label, e.source, *e.constants ? ", constants " : "", e.constants);
    if (strcmp(e.label, "measured") == 0 || strcmp(e.label, "modelled") == 0)
        add_usage(m, action, r->key, "energy", "http://qudt.org/vocab/quantitykind/Energy",
                  "http://qudt.org/vocab/unit/J", e.joules, label);
    free(label);
}

static void add_resources(struct making *m, cJSON *action, const struct record_view *r) {
    static const char seconds[] = "http://qudt.org/vocab/unit/SEC";
    add_energy(m, action, r);
    add_usage(m, action, r->key, "wall-time", "http://qudt.org/vocab/quantitykind/Time", seconds, r->wall_s, NULL);
    add_usage(m, action, r->key, "user-time", GETRUSAGE "ru_utime", seconds, r->user_s, NULL);
    add_usage(m, action, r->key, "system-time", GETRUSAGE "ru_stime", seconds, r->system_s, NULL);
    add_usage(m, action, r->key, "peak-memory", GETRUSAGE "ru_maxrss", "http://qudt.org/vocab/unit/BYTE",
              r->max_rss_bytes, NULL);
}

/* ---- tools and steps ---- */

static char *tool_id(const struct stage_decl *decl) {
    return decl->kind ? mem_printf("#kind/%s@%d", decl->kind->name, decl->kind->version)
                      : mem_printf("#command/%s", decl->full_name);
}

static void add_tool(struct making *m, const struct stage_decl *decl, const char *id) {
    if (crate_find(&m->graph, id))
        return;
    cJSON *tool = crate_add(&m->graph, id, "SoftwareApplication");
    if (decl->kind) {
        char *version = mem_printf("%d", decl->kind->version);
        json_add_text(tool, "name", decl->kind->name);
        json_add_text(tool, "softwareVersion", version);
        free(version);
    } else {
        char *name = mem_printf("the command of %s", decl->full_name);
        json_add_text(tool, "name", name);
        free(name);
    }
    crate_refer(m->workflow, "hasPart", id);
}

/* The caller frees the step's id. */
static char *add_step(struct making *m, const struct stage_decl *decl) {
    char *step = mem_printf("#step/%s", decl->full_name), *tool = tool_id(decl);
    if (!crate_find(&m->graph, step)) {
        char *position = mem_printf("%zu", decl->index);
        cJSON *entity = crate_add(&m->graph, step, "HowToStep");
        json_add_text(entity, "name", decl->full_name);
        if (decl->description)
            json_add_text(entity, "description", decl->description);
        json_add_text(entity, "position", position);
        crate_refer(entity, "workExample", tool);
        crate_refer(m->workflow, "step", step);
        add_tool(m, decl, tool);
        free(position);
    }
    free(tool);
    return step;
}

/* ---- actions ---- */

static void add_times(cJSON *action, const char *start, const char *end) {
    char *first = crate_time(start), *last = crate_time(end);
    if (*first)
        json_add_text(action, "startTime", first);
    if (*last)
        json_add_text(action, "endTime", last);
    free(last);
    free(first);
}

/* An input of the project stands below pipeline/ where it travels, and everything else by its digest. */
static char *input_id(struct making *m, const struct record_file *f) {
    const char *path = f->path;
    size_t root = strlen(m->crate->root);
    if (path && strncmp(path, m->crate->root, root) == 0 && path[root] == '/')
        path += root + 1;
    char *name = mem_printf(BUNDLE_PIPELINE "%s", path ? path : "");
    const struct bundle_file *there = path ? bundle_find(m->crate->bundle, name) : NULL;
    struct digest d;
    char *id = there && digest_parse(&d, f->sha256) && digest_equal(&d, &there->digest)
                   ? crate_file_id(name)
                   : content_id(m, f->sha256, f->name);
    free(name);
    return id;
}

static void add_inputs(struct making *m, cJSON *action, const cJSON *record) {
    const cJSON *list, *item;
    cJSON_ArrayForEach(list, record_attempt_read(record).inputs) {
        cJSON_ArrayForEach(item, list) {
            const struct record_file f = record_file_read(item);
            char *id = input_id(m, &f);
            crate_refer_once(action, "object", id);
            free(id);
        }
    }
}

static void add_outs(struct making *m, cJSON *action, const struct crate_result *r) {
    const cJSON *item;
    cJSON_ArrayForEach(item, record_read(r->record).outs) {
        char *name = mem_printf("%s of %s", item->string, instance_name(r->instance));
        char *id = content_id(m, record_file_read(item).sha256, name);
        cJSON *entity = crate_find(&m->graph, id);
        if (entity && !cJSON_GetObjectItemCaseSensitive(entity, "alternateName"))
            json_add_text(entity, "alternateName", name);
        crate_refer_once(action, "result", id);
        free(id);
        free(name);
    }
}

static char *add_action(struct making *m, const struct crate_result *r) {
    const struct record_view view = record_read(r->record);
    const struct record_attempt attempt = record_attempt_read(r->record);
    char *id = mem_printf("#action/%s", view.key), *tool = tool_id(r->instance->decl);
    cJSON *action = crate_add(&m->graph, id, "CreateAction");
    json_add_text(action, "name", instance_name(r->instance));
    crate_refer(action, "instrument", tool);
    json_add_text(action, "actionStatus", COMPLETED);
    add_times(action, attempt.start, attempt.end);
    add_inputs(m, action, r->record);
    add_outs(m, action, r);
    add_resources(m, action, &view);
    crate_refer(m->root, "mentions", id);
    free(tool);
    return id;
}

static void add_result(struct making *m, const struct crate_result *r, cJSON *organize) {
    char *step = add_step(m, r->instance->decl), *action = add_action(m, r);
    char *control = mem_printf("#control/%s", record_read(r->record).key);
    cJSON *entity = crate_add(&m->graph, control, "ControlAction");
    char *name = mem_printf("orchestrate %s", instance_name(r->instance));
    json_add_text(entity, "name", name);
    crate_refer(entity, "instrument", step);
    crate_refer(entity, "object", action);
    crate_refer(organize, "object", control);
    free(name);
    free(control);
    free(action);
    free(step);
}

/* From the first beginning to the last end. Texts belong to the records. */
static void find_span(const char **start, const char **end, const struct crate *c) {
    *start = *end = "";
    for (size_t i = 0; i < c->count; i++) {
        const struct record_attempt a = record_attempt_read(c->results[i].record);
        if (*a.start && (!**start || strcmp(a.start, *start) < 0))
            *start = a.start;
        if (strcmp(a.end, *end) > 0)
            *end = a.end;
    }
}

/* ---- the whole ---- */

static void add_people(struct making *m) {
    const struct pipeline *p = m->crate->pipeline;
    for (size_t i = 0; i < p->author_count; i++) {
        const struct author *a = &p->authors[i];
        char *id = a->orcid ? mem_strdup(a->orcid) : mem_printf("#author-%zu", i + 1);
        char *organization = mem_printf("#affiliation-%zu", i + 1);
        cJSON *person = crate_find(&m->graph, id) ? NULL : crate_add(&m->graph, id, "Person");
        if (person)
            json_add_text(person, "name", a->name);
        if (person && a->affiliation) {
            json_add_text(crate_add(&m->graph, organization, "Organization"), "name", a->affiliation);
            crate_refer(person, "affiliation", organization);
        }
        crate_refer_once(m->root, "author", id);
        free(organization);
        free(id);
    }
}

static void add_license(struct making *m) {
    const char *license = m->crate->pipeline->license;
    char *id = !license                 ? mem_strdup("#no-license")
               : strstr(license, "://") ? mem_strdup(license)
                                        : mem_printf("https://spdx.org/licenses/%s", license);
    cJSON *entity = crate_add(&m->graph, id, "CreativeWork");
    json_add_text(entity, "name", license ? license : "no licence is stated");
    json_add_text(entity, "description",
                  license ? "the licence of the pipeline" : "The pipeline states no licence: ask its authors.");
    crate_refer(m->root, "license", id);
    free(id);
}

static void begin(struct making *m, const char *end) {
    const struct pipeline *p = m->crate->pipeline;
    char *workflow = crate_file_id(m->crate->bundle->pipeline), *day = mem_strndup(end, 10);
    cJSON *descriptor = crate_add(&m->graph, BUNDLE_CRATE, "CreativeWork");
    crate_refer(descriptor, "about", "./");
    crate_refer(descriptor, "conformsTo", "https://w3id.org/ro/crate/1.1");
    crate_refer(descriptor, "conformsTo", profiles[PROFILE_COUNT - 1][0]);
    m->root = crate_add(&m->graph, "./", "Dataset");
    json_add_text(m->root, "name", p->name);
    json_add_text(m->root, "description", p->description ? p->description : "results of a Retort pipeline");
    json_add_text(m->root, "datePublished", *day ? day : "1970-01-01");
    crate_refer(m->root, "mainEntity", workflow);
    m->workflow = crate_add(&m->graph, workflow, "File");
    static const char *const types[] = {"File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"};
    cJSON_ReplaceItemInObjectCaseSensitive(m->workflow, "@type", cJSON_CreateStringArray(types, 4));
    json_add_text(m->workflow, "name", p->name);
    crate_refer(m->workflow, "programmingLanguage", LANGUAGE_ID);
    for (size_t i = 0; i < PROFILE_COUNT; i++) {
        cJSON *profile = crate_add(&m->graph, profiles[i][0], "CreativeWork");
        json_add_text(profile, "name", profiles[i][1]);
        json_add_text(profile, "version", profiles[i][2]);
        crate_refer(m->root, "conformsTo", profiles[i][0]);
    }
    cJSON *language = crate_add(&m->graph, LANGUAGE_ID, "ComputerLanguage");
    json_add_text(language, "name", "Retort pipeline");
    json_add_text(language, "version", "1");
    cJSON *engine = crate_add(&m->graph, ENGINE_ID, "SoftwareApplication");
    json_add_text(engine, "name", "retort");
    json_add_text(engine, "softwareVersion", RETORT_VERSION);
    free(day);
    free(workflow);
}

/* The action of the whole workflow has the outs of all its stages. */
static void add_run(struct making *m, const char *start, const char *end) {
    char *workflow = crate_file_id(m->crate->bundle->pipeline);
    cJSON *run = crate_add(&m->graph, RUN_ID, "CreateAction");
    json_add_text(run, "name", m->crate->bundle->run ? m->crate->bundle->run : m->crate->pipeline->name);
    crate_refer(run, "instrument", workflow);
    json_add_text(run, "actionStatus", COMPLETED);
    add_times(run, start, end);
    for (size_t i = 0; i < m->crate->count; i++)
        add_outs(m, run, &m->crate->results[i]);
    crate_refer(m->root, "mentions", RUN_ID);
    cJSON *organize = crate_add(&m->graph, "#organize", "OrganizeAction");
    json_add_text(organize, "name", "run by the engine");
    crate_refer(organize, "instrument", ENGINE_ID);
    crate_refer(organize, "result", RUN_ID);
    add_times(organize, start, end);
    for (size_t i = 0; i < m->crate->count; i++)
        add_result(m, &m->crate->results[i], organize);
    free(workflow);
}

void crate_write(struct buffer *out, const struct crate *c) {
    struct making m = {.crate = c};
    const char *start, *end;
    find_span(&start, &end, c);
    crate_graph_open(&m.graph);
    begin(&m, end);
    add_license(&m);
    add_people(&m);
    for (size_t i = 0; i < c->bundle->count; i++)
        add_file(&m, &c->bundle->files[i]);
    add_run(&m, start, end);
    crate_graph_close(&m.graph, out);
}
