/* The people who made a pipeline, and its licence. */
#include <string.h>

#include "engine/pipeline/reader.h"

static const char orcid_place[] = "https://orcid.org/";

/* A member of an author that may be missing. */
static const char *read_text(struct part *part, const cJSON *author, const char *name, const char *what) {
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(author, name);
    return node && need_text(part, node, what) ? node->valuestring : NULL;
}

static void read_author(struct part *part, const cJSON *node, struct author *out) {
    static const char *const keys[] = {"name", "orcid", "affiliation"};
    if (!need_object(part, node, "an author"))
        return;
    CHECK_KEYS(part, node, keys);
    out->name = read_text(part, node, "name", "the \"name\" of an author");
    out->orcid = read_text(part, node, "orcid", "\"orcid\"");
    out->affiliation = read_text(part, node, "affiliation", "\"affiliation\"");
    if (!cJSON_GetObjectItemCaseSensitive(node, "name"))
        report_value(part, node, "an author needs a \"name\"");
    if (out->orcid && strncmp(out->orcid, orcid_place, sizeof orcid_place - 1) != 0)
        report_value(part, cJSON_GetObjectItemCaseSensitive(node, "orcid"),
                     "\"orcid\" is a URL as \"https://orcid.org/0000-0002-1825-0097\"; found \"%s\"", out->orcid);
}

void read_credits(struct part *part) {
    struct pipeline *p = part->pipeline;
    const cJSON *item, *license = cJSON_GetObjectItemCaseSensitive(part->root, "license");
    const cJSON *authors = cJSON_GetObjectItemCaseSensitive(part->root, "authors");
    if (license && need_text(part, license, "\"license\""))
        p->license = license->valuestring;
    if (!authors)
        return;
    if (!cJSON_IsArray(authors)) {
        report_value(part, authors, "\"authors\" is a list of {\"name\", \"orcid\", \"affiliation\"}; found %s",
                     describe(part->reader, authors));
        return;
    }
    struct author *list = arena_array(part->reader->arena, (size_t)cJSON_GetArraySize(authors), sizeof *list);
    cJSON_ArrayForEach(item, authors) {
        read_author(part, item, &list[p->author_count++]);
    }
    p->authors = list;
}
