/* Reads and checks "results", the files to publish. */
#include <string.h>
#include <strings.h>

#include "engine/pipeline/reader.h"

/* Whether git could take the folder of the name for a repository, and run programs that its configuration names. */
static bool is_of_repository(const char *name) {
    for (const char *part = name; *part; part += strspn(part, "/")) {
        size_t length = strcspn(part, "/");
        if ((length == 4 && strncasecmp(part, ".git", length) == 0) || (length == 4 && strcmp(part, "HEAD") == 0))
            return true;
        part += length;
    }
    return false;
}

static bool check_name(struct part *part, const cJSON *node) {
    const char *fault = path_fault(node->string);
    if (!fault && strcmp(node->string, ".retort-results.json") == 0)
        fault = "is where Retort lists what it has published: choose another";
    if (!fault && part->pipeline->origin && is_of_repository(node->string))
        fault = "is one of a git repository, which another team's study cannot give: choose another";
    if (fault)
        report_key(part, node, "the name \"%s\" of a result %s", node->string, fault);
    return !fault;
}

/* A result lies in a folder that has the name of another result. */
static void report_overlap(void *context, const struct placed_path *folder, const struct placed_path *inside) {
    const struct part *part = context;
    report_key(part, inside->node, "the result \"%s\" would lie in the result \"%s\"", inside->name, folder->name);
}

void read_results(struct part *part, const cJSON *node) {
    if (!need_object(part, node, "\"results\""))
        return;
    struct result_decl *results = arena_array(part->reader->arena, (size_t)cJSON_GetArraySize(node), sizeof *results);
    struct scope scope = {.part = part, .place = &place_result, .uses = &part->uses};
    struct path_list paths = {0};
    size_t count = 0;
    const cJSON *member;
    cJSON_ArrayForEach(member, node) {
        if (!check_name(part, member))
            continue;
        paths_add(&paths, member->string, member->string, member);
        if (!cJSON_IsString(member)) {
            report_value(part, member, "a result is a reference to an out, as in \"${stages.plot.outs.svg}\"; found %s",
                         describe(part->reader, member));
            continue;
        }
        const struct value *v = value_compile(&scope, member);
        if (value_is_broken(v))
            continue;
        if (v->type != VALUE_REFERENCE) {
            report_value(part, member,
                         "a result is one reference to an out, as in \"${stages.plot.outs.svg}\"; found %s",
                         describe(part->reader, member));
            continue;
        }
        results[count++] = (struct result_decl){member->string, v, locate_key(part, member)};
    }
    paths_check(&paths, report_overlap, part);
    part->pipeline->results = results;
    part->pipeline->result_count = count;
}

void check_results(struct part *part) {
    struct reader *r = part->reader;
    check_uses(part, NULL, &part->uses);
    for (size_t i = 0; i < part->pipeline->result_count; i++) {
        const struct result_decl *result = &part->pipeline->results[i];
        const struct reference *reference = result->value->as.reference;
        if (use_is_list(reference) && result->name[strlen(result->name) - 1] != '/')
            report(r, &result->at,
                   "%s is a list of files: a result that takes a list has a name that ends in \"/\", as in \"%s/\"",
                   reference->text, result->name);
    }
    for (size_t i = 0; i < part->include_count; i++)
        if (part->includes[i].part)
            check_results(part->includes[i].part);
}
