#include <stdio.h>
#include <string.h>

#include "engine/command/project.h"
#include "engine/report/kind_reference.h"

int kind_named(const struct kind **out, const char *name, struct error *err) {
    size_t count;
    const struct kind *const *all = kinds_all(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all[i]->name, name) == 0) {
            *out = all[i];
            return 0;
        }
    }
    return kind_find(out, name, err) ? error_set(err, ERR_USAGE, "%s", err->message) : 0;
}

static int run(const struct arguments *a, struct error *err) {
    struct buffer out = {0};
    int code = 0;
    const char *name = operand(a, 0);
    bool json = argument_given(a, "json");
    if (argument_given(a, "schema")) {
        kind_schema(&out);
    } else if (argument_given(a, "reference")) {
        kind_reference_page(&out);
    } else if (name) {
        const struct kind *kind = NULL;
        code = kind_named(&kind, name, err);
        if (code == 0 && json)
            kind_json(&out, kind);
        else if (code == 0)
            kind_text(&out, kind);
    } else {
        kind_list(&out, json);
    }
    fputs(buffer_text(&out), stdout);
    buffer_close(&out);
    return code;
}

static const struct option options[] = {
    OPTION_JSON,
    {"schema", 0, NULL, "Print the JSON Schema of pipeline files with all kinds"},
    {"reference", 0, NULL, "Print the reference page of all kinds (Markdown)"},
};

const struct command command_kinds = {
    .name = "kinds",
    .operands = "[KIND]",
    .summary = "the built-in stage kinds, their parameters, inputs and outs",
    .doc = "Lists the built-in kinds, or describes one (deeprx/train@1): its parameters with types, units, ranges and "
           "defaults, its inputs, outs and metrics.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
