#include "stages/kinds/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "engine/base/suggest.h"
#include "stages/kinds/shared.h"

#define ADDRESS(id) &kind_##id,
static const struct kind *const kinds[] = {KINDS(ADDRESS)};
#undef ADDRESS

const struct kind *const *kinds_all(size_t *count) {
    *count = COUNT_OF(kinds);
    return kinds;
}

static int kind_missing(const char *uses, struct error *err) {
    char *names[COUNT_OF(kinds)];
    struct buffer all = {0};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        names[i] = kind_uses(kinds[i]);
        buffer_printf(&all, "%s%s", i ? ", " : "; there are ", names[i]);
    }
    char *suggestion = suggest_text(uses, (const char *const *)names, COUNT_OF(kinds), buffer_text(&all));
    int rc = error_set(err, ERR_NOT_FOUND, "no kind \"%s\"%s", uses, suggestion);
    free(suggestion);
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        free(names[i]);
    buffer_close(&all);
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
