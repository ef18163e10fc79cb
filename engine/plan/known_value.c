/* Whether a value depends on params and coordinates alone. */
#include "engine/plan/internal.h"

struct readiness {
    struct scope *scope;
    bool ready;
};

static void look_at_reference(void *context, const struct reference *r, const struct location *at) {
    struct readiness *x = context;
    struct matrix_member member;
    bool coordinate = r->root == REFERENCE_MATRIX && resolve_matrix(&member, x->scope, r, at) == 0;
    x->ready &= coordinate;
    if (coordinate && member.value)
        value_references(member.value, look_at_reference, x);
}

bool value_is_known(struct scope *s, const struct value *v) {
    struct readiness x = {s, true};
    if (v)
        value_references(v, look_at_reference, &x);
    return x.ready;
}
