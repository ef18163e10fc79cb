#include "stages/kinds/kind.h"

#include <string.h>

#include "engine/base/memory.h"

char *kind_uses(const struct kind *kind) {
    return kind ? mem_printf("%s@%d", kind->name, kind->version) : mem_strdup("cmd");
}

const struct kind_input *kind_input(const struct kind *kind, const char *name) {
    for (size_t i = 0; i < kind->input_count; i++)
        if (strcmp(kind->inputs[i].name, name) == 0)
            return &kind->inputs[i];
    return NULL;
}

const struct param *param_find(const struct param *members, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(members[i].name, name) == 0)
            return &members[i];
    return NULL;
}
