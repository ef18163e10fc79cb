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

/* Whether a stage, or one that it needs, runs foreign content. `seen`: stages that were looked at. */
static bool is_foreign(const struct stage_decl *stage, bool *seen) {
    bool foreign = closure_concerns(stage);
    if (seen[stage->index])
        return false;
    seen[stage->index] = true;
    for (size_t i = 0; !foreign && i < stage->need_count; i++)
        foreign = is_foreign(stage->needs[i], seen);
    return foreign;
}

static bool is_target(const struct project *p, const struct stage_decl *stage) {
    for (size_t i = 0; i < p->target_count; i++) {
        size_t length = strcspn(p->targets[i], "[");
        if (strncmp(p->targets[i], stage->full_name, length) == 0 && !stage->full_name[length])
            return true;
    }
    return p->target_count == 0;
}

static bool wants_foreign(const struct project *p, bool all_targets) {
    bool *seen = mem_array(p->pipeline->stage_count + 1, sizeof *seen), foreign = false;
    for (size_t i = 0; !foreign && i < p->pipeline->stage_count; i++)
        foreign = (all_targets || is_target(p, p->pipeline->stages[i])) && is_foreign(p->pipeline->stages[i], seen);
    free(seen);
    return foreign;
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

static int ask(const struct project *p, const struct digest *closure, struct error *err) {
    cJSON *description = description_of(p->pipeline);
    bool asked = trusted_can_ask();
    int rc = 0;
    if (asked && trusted_ask(description)) {
        rc = grant_add(closure, description, err);
    } else {
        char *command = trust_command(p);
        rc =
            error_set(err, ERR_USAGE, "%s: another team's content runs only if you allow it, and you have not; %s: %s",
                      p->pipeline->path, asked ? "to allow it later" : "to see what it does, and to allow it", command);
        free(command);
    }
    cJSON_Delete(description);
    return rc;
}

int trusted_require(const struct project *p, bool all_targets, struct error *err) {
    struct digest closure;
    bool allowed = false;
    if (!wants_foreign(p, all_targets))
        return 0;
    int rc = closure_digest(&closure, p->pipeline, &p->reads, p->committed, err);
    if (rc == 0)
        rc = grant_find(&allowed, &closure, err);
    return rc == 0 && !allowed ? ask(p, &closure, err) : rc;
}
