#include "engine/lookup/programs.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/bytemap.h"
#include "engine/environment/toolchain.h"
#include "engine/lookup/facts.h"
#include "engine/lookup/words.h"

int programs_require(const struct plan *plan, struct error *err) {
    size_t count;
    struct instance *const *all = plan_instances(plan, &count);
    const struct toolchain *last = NULL; /* instances of a stage stand together */
    for (size_t i = 0; i < count; i++) {
        const struct toolchain *t = &all[i]->decl->toolchain;
        if (t == last || !instance_is_open(all[i]))
            continue;
        int rc = toolchain_check(t, err);
        if (rc == 0 && !words_program_found(all[i]->decl))
            rc = error_set(err, ERR_NOT_FOUND,
                           "there is no program \"%s\" on its PATH; install it, or name its "
                           "\"toolchain\"",
                           words_program(all[i]->decl));
        if (rc < 0)
            return error_prefix(err, "stage %s", instance_name(all[i]));
        last = t;
    }
    return 0;
}

/* ---- another program than the caller's ---- */

/* The first word of a command whose programs come from the fixed PATH, unasked; NULL: of any other. */
static const char *default_program(const struct stage_decl *stage) {
    const char *name = stage->toolchain.is_declared ? NULL : words_program(stage);
    return name && !strchr(name, '/') && !stage_sets(stage, "PATH") ? name : NULL;
}

/* The places of a program for stages and for the caller. The caller frees. False: they are the same file. */
static bool find_both(char **ours, char **theirs, const char *name) {
    const char *path = getenv("PATH");
    *ours = facts_find_program(name, TOOLCHAIN_SYSTEM_PATH);
    *theirs = path ? facts_find_program(name, path) : NULL;
    char *a = *ours ? realpath(*ours, NULL) : NULL, *b = *theirs ? realpath(*theirs, NULL) : NULL;
    bool differ = b && (!a || strcmp(a, b) != 0);
    free(a);
    free(b);
    return differ;
}

/* Appends what to say of a program; nothing where both find the same. */
static void compare_program(struct buffer *out, const char *name) {
    char *ours, *theirs;
    if (find_both(&ours, &theirs, name))
        buffer_printf(
            out,
            "%s is %s for stages, and %s for your shell; \"toolchain\": \"caller\" or {\"prefix\": ...} takes "
            "another than the system's",
            name, ours ? ours : "missing", theirs);
    free(ours);
    free(theirs);
}

/* Appends the line the first time that the program is met. */
static void meet_program(struct buffer *out, struct bytemap *seen, const struct stage_decl *stage) {
    const char *name = default_program(stage);
    buffer_clear(out);
    if (!name || bytemap_get(seen, name, strlen(name)))
        return;
    bytemap_put(seen, name, strlen(name), seen);
    compare_program(out, name);
}

void programs_compare(const struct plan *plan, void (*say)(void *context, const char *line), void *context) {
    size_t count;
    struct instance *const *all = plan_instances(plan, &count);
    const struct stage_decl *last = NULL; /* instances of a stage stand together */
    struct bytemap seen = {0};
    struct buffer line = {0};
    for (size_t i = 0; i < count; i++) {
        if (all[i]->decl == last || !instance_is_open(all[i]))
            continue;
        last = all[i]->decl;
        meet_program(&line, &seen, last);
        if (line.size > 0)
            say(context, buffer_text(&line));
    }
    buffer_close(&line);
    bytemap_close(&seen);
}

/* ---- warnings ---- */

static void warn_of_prefix(struct diagnostics *diagnostics, struct bytemap *seen, const struct stage_decl *stage) {
    const char *prefix = stage->toolchain.prefix;
    struct error err = {0};
    if (!prefix || bytemap_get(seen, prefix, strlen(prefix)))
        return;
    bytemap_put(seen, prefix, strlen(prefix), seen);
    if (toolchain_check(&stage->toolchain, &err) < 0)
        diagnostics_add(diagnostics, SEVERITY_WARNING, &stage->at, "%s", err.message);
}

void programs_warn(const struct pipeline *p, struct diagnostics *diagnostics) {
    struct bytemap prefixes = {0}, programs = {0};
    struct buffer line = {0};
    for (size_t i = 0; i < p->stage_count; i++) {
        warn_of_prefix(diagnostics, &prefixes, p->stages[i]);
        meet_program(&line, &programs, p->stages[i]);
        if (line.size > 0)
            diagnostics_add(diagnostics, SEVERITY_WARNING, &p->stages[i]->at, "%s", buffer_text(&line));
    }
    buffer_close(&line);
    bytemap_close(&prefixes);
    bytemap_close(&programs);
}
