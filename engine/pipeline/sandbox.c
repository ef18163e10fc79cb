/* The "sandbox" of a command. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/pipeline/reader.h"

/* The whole system would leave nothing to hold off. Devices, other processes and sockets are no files to read. */
static void check_root(struct part *part, const cJSON *item) {
    char *normal = path_normal(item->valuestring);
    if (path_below(normal, "/proc") || path_below(normal, "/dev") || strcmp(normal, "/run") == 0)
        report_value(part, item, "\"%s\" cannot be read: it holds processes, devices or sockets of this machine",
                     item->valuestring);
    else if (*normal != '/' || strcmp(normal, "/") == 0)
        report_value(part, item,
                     "\"%s\" cannot be read: name the absolute path of a file or folder, such as \"/opt/cuda\"",
                     item->valuestring);
    free(normal);
}

static void read_form(struct draft *d, const cJSON *node) {
    static const char *const keys[] = {"network", "read"};
    struct sandbox_decl *out = &d->decl.sandbox;
    CHECK_KEYS(d->part, node, keys);
    const cJSON *network = cJSON_GetObjectItemCaseSensitive(node, "network");
    const cJSON *roots = cJSON_GetObjectItemCaseSensitive(node, "read");
    out->choice = SANDBOX_ON;
    if (network)
        read_bool(d->part, network, &out->network);
    if (roots)
        out->read = read_texts(d->part, roots, &out->read_count, check_root);
}

void read_sandbox(struct draft *d, const cJSON *node) {
    bool wanted = false;
    if (cJSON_IsObject(node))
        read_form(d, node);
    else if (!cJSON_IsBool(node) && !cJSON_IsString(node))
        report_value(d->part, node,
                     "\"sandbox\" is true, false or {\"network\": true, \"read\": [\"/opt/cuda\"]}; found %s",
                     describe(d->part->reader, node));
    else if (read_bool(d->part, node, &wanted))
        d->decl.sandbox.choice = wanted ? SANDBOX_ON : SANDBOX_OFF;
}

bool stage_is_sandboxed(const struct stage_decl *stage, bool user_declines) {
    enum sandbox_choice choice = stage->sandbox.choice;
    if (stage->type != STAGE_COMMAND)
        return false;
    if (stage->scope->origin)
        return choice != SANDBOX_OFF || !user_declines;
    return choice == SANDBOX_ON && !user_declines;
}
