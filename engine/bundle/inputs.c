#include "engine/bundle/inputs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/provenance/provenance.h"

#define IGNORE_RULES ".retortignore"

/* The name in the bundle of a file of the project; NULL: it lies elsewhere. The caller frees. */
static char *name_of(const struct export_source *s, const char *path) {
    const char *below = path_below(path, s->root);
    return below && *below ? mem_printf(BUNDLE_PIPELINE "%s", below) : NULL;
}

/* ---- the pipeline ---- */

static int add_file_of_pipeline(struct export *out, const struct export_source *s, const char *path,
                                struct error *err) {
    char *real = realpath(path, NULL), *name = real ? name_of(s, real) : NULL;
    int rc = 0;
    if (real && !name)
        rc = error_set(err, ERR_INVALID, "%s: lies outside the project %s; a bundle takes along only what lies in it",
                       path, s->root);
    else if (name)
        rc = bundle_add_file(&out->bundle, name, real, err);
    if (rc == 0 && strcmp(path, s->pipeline->path) == 0) {
        free(out->bundle.pipeline);
        out->bundle.pipeline = mem_strdup(name ? name : "");
    }
    free(name);
    free(real);
    return rc;
}

int inputs_add_pipeline(struct export *out, const struct export_source *s, struct error *err) {
    char *rules = path_join(s->root, IGNORE_RULES);
    int rc = add_file_of_pipeline(out, s, s->pipeline->path, err);
    if (rc == 0 && !*out->bundle.pipeline)
        rc = error_set(err, ERR_INVALID, "%s: is no file of this machine, and cannot be exported", s->pipeline->path);
    for (size_t i = 0; rc == 0 && i < s->pipeline->file_count; i++)
        rc = add_file_of_pipeline(out, s, s->pipeline->files[i], err); /* parts of commits have no file here */
    if (rc == 0 && file_exists(rules))
        rc = add_file_of_pipeline(out, s, rules, err);
    free(rules);
    return rc;
}

/* ---- inputs ---- */

struct taking {
    struct export *out;
    const struct export_source *source;
    struct git_files git;
    bool tracked; /* the project has a repository */
};

static int add_input(struct taking *t, const char *path, struct error *err) {
    char *name = name_of(t->source, path);
    int rc = 0;
    if (!name)
        texts_add(&t->out->left, mem_printf("%s: lies outside the project", path));
    else if (t->tracked && !t->source->untracked && !git_tracks(&t->git, path))
        texts_add(&t->out->left, mem_printf("%s: git does not track it", path));
    else
        rc = bundle_add_file(&t->out->bundle, name, path, err);
    free(name);
    return rc;
}

static int add_path(struct taking *t, const char *path, bool top, const struct followed *way, struct error *err);

static int add_folder(struct taking *t, const char *path, const struct followed *way, struct error *err) {
    struct folder folder;
    const char *name;
    int rc = folder_open(&folder, path, err);
    while (rc >= 0 && (rc = folder_next(&folder, &name, err)) > 0) {
        char *inner = path_join(path, name);
        if (!folder_skips_name(name))
            rc = add_path(t, inner, false, way, err);
        free(inner);
        if (rc < 0)
            break;
    }
    folder_close(&folder);
    return rc;
}

static int add_path(struct taking *t, const char *path, bool top, const struct followed *way, struct error *err) {
    const struct folder_filter *filter = &t->source->filter;
    struct followed here = {0};
    struct stat st, link;
    int rc = file_stat(&st, path, err);
    if (rc <= 0)
        return rc;
    bool folder = S_ISDIR(st.st_mode), is_link = lstat(path, &link) == 0 && S_ISLNK(link.st_mode);
    if (!top && filter->skips && filter->skips(filter->context, path, folder))
        return 0;
    if (!folder)
        return add_input(t, path, err);
    rc = is_link ? followed_enter(&here, way, path, err) : 0;
    if (rc == 0)
        rc = add_folder(t, path, is_link ? &here : way, err);
    if (is_link)
        followed_leave(&here);
    return rc;
}

static int add_inputs(struct taking *t, struct instance *i, struct error *err) {
    int rc = 0;
    instance_hold_action(i);
    for (size_t k = 0; rc == 0 && i->action && k < i->action->input_count; k++) {
        const struct action_input *in = &i->action->inputs[k];
        for (size_t n = 0; rc == 0 && n < in->count; n++)
            if (in->items[n].path)
                rc = add_path(t, in->items[n].path, true, NULL, err);
    }
    instance_release_action(i);
    return rc;
}

int inputs_add_files(struct export *out, const struct export_source *s, struct error *err) {
    struct taking t = {.out = out, .source = s};
    size_t count;
    struct instance *const *all = plan_instances(s->plan, &count);
    cJSON_Delete(provenance_git(s->root, &t.git));
    t.tracked = t.git.folder != NULL;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        if (all[i]->wanted && all[i]->keyed)
            rc = add_inputs(&t, all[i], err);
    git_files_close(&t.git);
    return rc;
}
