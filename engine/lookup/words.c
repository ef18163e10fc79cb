#include "engine/lookup/words.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/environment/toolchain.h"

const char *words_program(const struct stage_decl *stage) {
    const struct value *cmd = stage->cmd;
    return cmd && cmd->type == VALUE_LIST && cmd->as.list.count > 0 ? value_text(cmd->as.list.items[0]) : NULL;
}

/* ---- programs ---- */

bool words_program_found(const struct stage_decl *stage) {
    const char *program = words_program(stage);
    if (program && *program == '/')
        return access(program, X_OK) == 0;
    if (!program || strchr(program, '/') || stage_sets(stage, "PATH"))
        return true;
    char *search = toolchain_path(&stage->toolchain);
    char *found = path_find_program(program, search, NULL);
    bool there = found != NULL;
    free(found);
    free(search);
    return there;
}

/* ---- files of the project ---- */

/* Whether the input may stand at `path` in the stage's directory: true where the plan alone knows its place. */
static bool may_stand_at(const struct input_decl *in, const char *path) {
    bool varies =
        in->place ? !value_text(in->place) : in->at_own_path && in->type != INPUT_LIST && !value_text(in->value);
    const char *place = in->place ? value_text(in->place) : in->at_own_path ? value_text(in->value) : NULL;
    char *normal = place ? path_normal(place) : NULL;
    bool may = varies || (normal && path_below(path, normal));
    free(normal);
    for (size_t i = 0; !may && i < in->item_count; i++)
        may = may_stand_at(&in->items[i], path);
    return may;
}

static bool is_given(const struct stage_decl *stage, const char *path) {
    for (size_t i = 0; i < stage->in_count; i++)
        if (may_stand_at(&stage->in[i], path))
            return true;
    for (size_t i = 0; i < stage->out_count; i++)
        if (stage->outs[i].template || path_below(path, stage->outs[i].path))
            return true;
    return false;
}

/* A word with a dot or a slash, relative, that is a file beside the pipeline. */
static bool names_project_file(const struct stage_decl *stage, const char *word) {
    struct stat st;
    if (stage->scope->origin || *word == '/' || *word == '-' || !strpbrk(word, "./"))
        return false;
    char *path = path_join(stage->scope->directory, word);
    bool is = stat(path, &st) == 0 && S_ISREG(st.st_mode);
    free(path);
    return is;
}

/* ---- scripts that search upward ---- */

enum { SCRIPT_BYTES = 1 << 20 };

/* A way of a text file to search for the root of a project; NULL: it has none, or is no short text. */
static const char *upward_search(const char *path) {
    static const char *const ways[] = {"rootutils",   "pyprojroot", "here::here",
                                       "find_dotenv", "dvc.api",    "git rev-parse --show-toplevel"};
    struct buffer text = {0};
    const char *way = NULL;
    if (file_read(&text, path, SCRIPT_BYTES, NULL) == 0 && strlen(buffer_text(&text)) == text.size)
        for (size_t i = 0; i < sizeof ways / sizeof *ways && !way; i++)
            way = strstr(buffer_text(&text), ways[i]) ? ways[i] : NULL;
    buffer_close(&text);
    return way;
}

/* The declared file that a word names, by its path or as ${in.NAME}; NULL: none that the file shows. */
static const char *declared_file(const struct stage_decl *stage, const struct value *v) {
    const struct reference *r = v->type == VALUE_REFERENCE ? v->as.reference : NULL;
    const char *word = value_text(v);
    for (size_t i = 0; r && r->root == REFERENCE_IN && i < stage->in_count; i++)
        if (stage->in[i].type == INPUT_FILE && strcmp(stage->in[i].name, r->steps[0].name) == 0)
            word = value_text(stage->in[i].value);
    return word && names_project_file(stage, word) && (r || is_given(stage, word)) ? word : NULL;
}

static void warn_search(const struct stage_decl *stage, const struct value *v, struct diagnostics *diagnostics) {
    const char *word = declared_file(stage, v);
    char *path = word ? path_join(stage->scope->directory, word) : NULL;
    const char *way = path ? upward_search(path) : NULL;
    if (way)
        diagnostics_add(diagnostics, SEVERITY_WARNING, &v->at,
                        "\"%s\" searches upward for the project (%s), and the stage is not isolated: it finds the live "
                        "one; give it what it reads by \"in\"",
                        word, way);
    free(path);
}

static void warn_file(const struct stage_decl *stage, const struct value *v, struct diagnostics *diagnostics) {
    const char *word = value_text(v);
    if (!word || !names_project_file(stage, word))
        return;
    char *normal = path_normal(word);
    if (!is_given(stage, normal))
        diagnostics_add(
            diagnostics, SEVERITY_WARNING, &v->at,
            "the file \"%s\" will not stand in the stage's directory; declare it: \"in\": [\"%s\"], or name "
            "a declared one as ${in.NAME}",
            word, normal);
    free(normal);
}

/* A program that "pin" names. */
static void warn_pin(const struct stage_decl *stage, const char *program, struct diagnostics *diagnostics) {
    char *search = toolchain_path(&stage->toolchain), *found = path_find_program(program, search, NULL);
    bool there = *program == '/' ? access(program, X_OK) == 0 : found != NULL || stage_sets(stage, "PATH");
    if (!there)
        diagnostics_add(diagnostics, SEVERITY_WARNING, &stage->at,
                        "there is no program \"%s\" on the PATH of the stage, which \"pin\" names; install it",
                        program);
    free(found);
    free(search);
}

void words_warn(const struct pipeline *p, bool isolated, struct diagnostics *diagnostics) {
    for (size_t i = 0; i < p->stage_count; i++) {
        const struct stage_decl *stage = p->stages[i];
        if (!words_program_found(stage))
            diagnostics_add(
                diagnostics, SEVERITY_WARNING, &stage->cmd->at,
                "there is no program \"%s\" on the PATH of the stage; install it, or name its \"toolchain\"",
                words_program(stage));
        for (size_t k = 0; k < stage->pin_count; k++)
            warn_pin(stage, stage->pin[k], diagnostics);
        for (size_t k = 0; stage->cmd && stage->cmd->type == VALUE_LIST && k < stage->cmd->as.list.count; k++) {
            warn_file(stage, stage->cmd->as.list.items[k], diagnostics);
            if (!isolated || !stage->isolation)
                warn_search(stage, stage->cmd->as.list.items[k], diagnostics);
        }
    }
}
