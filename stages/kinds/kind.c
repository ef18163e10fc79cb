#include "stages/kinds/kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/suggest.h"
#include "stages/kinds/shared.h"

static const struct kind *const kinds[] = {
    &kind_deeprx_evaluate, &kind_deeprx_profile, &kind_deeprx_train,
    &kind_link_baseline,   &kind_plot_lines,     &kind_plot_table,
};

const struct kind *const *kinds_all(size_t *count) {
    *count = COUNT_OF(kinds);
    return kinds;
}

static int kind_missing(const char *uses, struct error *err) {
    char *names[COUNT_OF(kinds)];
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        names[i] = mem_printf("%s@%d", kinds[i]->name, kinds[i]->version);
    const char *nearest = suggest_nearest(uses, (const char *const *)names, COUNT_OF(kinds));
    int rc;
    if (nearest)
        rc = error_set(err, ERR_NOT_FOUND, "no kind \"%s\"; did you mean \"%s\"?", uses, nearest);
    else
        rc = error_set(err, ERR_NOT_FOUND, "no kind \"%s\"; there are %s, %s, %s, %s, %s, %s", uses, names[0], names[1],
                       names[2], names[3], names[4], names[5]);
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        free(names[i]);
    return rc;
}

int kind_find(const struct kind **out, const char *uses, struct error *err) {
    const char *at = strchr(uses, '@');
    size_t length = at ? (size_t)(at - uses) : strlen(uses);
    *out = NULL;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const struct kind *kind = kinds[i];
        if (strlen(kind->name) != length || memcmp(kind->name, uses, length) != 0)
            continue;
        char version[16];
        snprintf(version, sizeof version, "%d", kind->version);
        if (!at)
            return error_set(err, ERR_NOT_FOUND, "the kind \"%s\" lacks its version; write \"%s@%d\"", uses, kind->name,
                             kind->version);
        if (strcmp(at + 1, version) != 0)
            return error_set(err, ERR_NOT_FOUND, "no kind \"%s\": %s has version %d", uses, kind->name, kind->version);
        *out = kind;
        return 0;
    }
    return kind_missing(uses, err);
}

const struct kind_input *kind_input(const struct kind *kind, const char *name) {
    for (size_t i = 0; i < kind->input_count; i++)
        if (strcmp(kind->inputs[i].name, name) == 0)
            return &kind->inputs[i];
    return NULL;
}

const struct kind_out *kind_out(const struct kind *kind, const char *name) {
    for (size_t i = 0; i < kind->out_count; i++)
        if (strcmp(kind->outs[i].name, name) == 0)
            return &kind->outs[i];
    return NULL;
}
