#include "engine/command/trusted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/base/printable.h"
#include "engine/trust/closure.h"
#include "engine/trust/description.h"
#include "engine/trust/grants.h"

/* ---- the stages that are wanted ---- */

static const struct stage_decl *find_stage(const struct project *p, const char *target) {
    char *name = mem_strndup(target, strcspn(target, "["));
    const struct stage_decl *stage = pipeline_stage(p->pipeline, name);
    free(name);
    return stage;
}

/* By their index: those that the targets name, and all that these need. A target that names no stage stands for all of
   them. The caller frees. */
static bool *wanted_stages(const struct project *p, bool all_targets) {
    bool *wanted = mem_array(p->pipeline->stage_count + 1, sizeof *wanted), all = all_targets || p->target_count == 0;
    for (size_t i = 0; !all && i < p->target_count; i++) {
        const struct stage_decl *stage = find_stage(p, p->targets[i]);
        all = !stage;
        if (stage)
            wanted[stage->index] = true;
    }
    for (size_t i = p->pipeline->stage_count; i-- > 0;) { /* stages follow those that they need */
        const struct stage_decl *stage = p->pipeline->stages[i];
        wanted[i] |= all;
        for (size_t k = 0; wanted[i] && k < stage->need_count; k++)
            wanted[stage->needs[k]->index] = true;
    }
    return wanted;
}

/* ---- the question ---- */

/* "retort trust study.json --set params.n=3": the command that allows what was asked for. The caller frees. */
static char *trust_command(const struct project *p) {
    static const char *const names[] = {"set", "set-json", "params", "store", NULL};
    const struct origin *o = p->pipeline->origin;
    struct buffer text = {0};
    const char *which, *value;
    char *from = o ? mem_printf("%s#%s:%s", o->url, o->commit, o->path) : mem_strdup(p->pipeline->path);
    buffer_puts(&text, "retort trust ");
    printable_append_word(&text, from);
    for (size_t i = 0; (value = argument_each(p->arguments, names, i, &which)); i++) {
        buffer_printf(&text, " --%s ", which);
        printable_append_word(&text, value);
    }
    free(from);
    return buffer_detach(&text);
}

static bool is_yes(const char *answer) {
    return strcmp(answer, "y\n") == 0 || strcmp(answer, "Y\n") == 0 || strcmp(answer, "yes\n") == 0;
}

bool trusted_ask(const cJSON *description) {
    struct buffer text = {0};
    char answer[16] = "";
    description_words(&text, description);
    fprintf(stderr, "%sAllow exactly this to run, now and later? [y/N] ", buffer_text(&text));
    fflush(stderr);
    buffer_close(&text);
    return fgets(answer, sizeof answer, stdin) && is_yes(answer);
}

bool trusted_can_ask(void) {
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

int trusted_describe(cJSON **out, struct digest *closure, const struct project *p, struct error *err) {
    cJSON *files = cJSON_CreateArray(), *grants = NULL;
    int rc = closure_digest(closure, files, p->pipeline, &p->reads, p->committed, err);
    if (rc == 0)
        rc = grant_list(&grants, err);
    *out = description_of(p->pipeline, files, grants);
    cJSON_Delete(grants);
    return rc;
}

static int ask(const struct project *p, const struct digest *closure, const cJSON *description, struct error *err) {
    bool asked = trusted_can_ask();
    int rc = 0;
    if (asked && trusted_ask(description)) {
        rc = grant_add(closure, description, err);
    } else {
        char *command = trust_command(p);
        rc =
            error_set(err, ERR_USAGE,
                      "%s: another team's content runs only if you allow it, and you have not; to see what it does: %s "
                      "--dry-run; to allow it: %s",
                      p->pipeline->path, command, command);
        free(command);
    }
    return rc;
}

/* Whether a wanted stage concerns foreign content. ERR_USAGE: one declines its sandbox, and the user does not. */
static int check_stages(const struct project *p, bool all_targets, struct error *err) {
    bool *wanted = wanted_stages(p, all_targets), declines = argument_given(p->arguments, "no-sandbox");
    int rc = 0;
    for (size_t i = 0; rc >= 0 && i < p->pipeline->stage_count; i++) {
        const struct stage_decl *stage = p->pipeline->stages[i];
        if (!wanted[stage->index] || !closure_concerns(p->pipeline, stage))
            continue;
        rc = 1;
        if (stage->scope->origin && stage->sandbox.choice == SANDBOX_OFF && !declines)
            rc = error_set(err, ERR_USAGE,
                           "%s of %s asks to run without a sandbox, and could then read and change all that you can; "
                           "only --no-sandbox grants this",
                           stage->full_name, stage->scope->path);
    }
    free(wanted);
    return rc;
}

int trusted_require(const struct project *p, bool all_targets, struct error *err) {
    struct digest closure;
    cJSON *description = NULL;
    bool allowed = false;
    int rc = check_stages(p, all_targets, err);
    if (rc <= 0)
        return rc;
    rc = closure_digest(&closure, NULL, p->pipeline, &p->reads, p->committed, err);
    if (rc == 0)
        rc = grant_find(&allowed, &closure, err);
    if (rc < 0 || allowed)
        return rc;
    rc = trusted_describe(&description, &closure, p, err);
    if (rc == 0)
        rc = ask(p, &closure, description, err);
    cJSON_Delete(description);
    return rc;
}
