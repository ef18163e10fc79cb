/* An invented repository with one commit, for readers of pipelines. */
#ifndef RETORT_TESTS_UNIT_ENGINE_ORIGIN_FIXTURE_H
#define RETORT_TESTS_UNIT_ENGINE_ORIGIN_FIXTURE_H

#include <stdbool.h>
#include <string.h>

#include "engine/pipeline/origin.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define REPOSITORY "https://git.example.org/plots.git"

struct committed_file {
    const char *path, *text; /* text NULL: a folder */
};

struct repository_double {
    const struct committed_file *files; /* in folders before what they hold; ends with a path NULL */
    size_t opened;
    bool foreign; /* of the last opening */
};

static inline int double_open(void *context, const struct origin *o, bool foreign, struct error *err) {
    struct repository_double *d = context;
    d->opened++;
    d->foreign = foreign;
    if (strcmp(o->url, REPOSITORY) != 0 || strcmp(o->commit, COMMIT) != 0)
        return error_set(err, ERR_NOT_FOUND, "%s: there is no commit %s", o->url, o->commit);
    return 0;
}

static inline const struct committed_file *double_file(const struct repository_double *d, const char *path) {
    const struct committed_file *f = d->files;
    while (f->path && strcmp(f->path, path) != 0)
        f++;
    return f->path ? f : NULL;
}

static inline int double_read(void *context, const struct origin *o, const char *path, size_t limit, struct buffer *out,
                              struct error *err) {
    const struct committed_file *f = double_file(context, path);
    (void)limit;
    if (!f || !f->text)
        return error_set(err, ERR_NOT_FOUND, "%s#%.7s has no file %s", o->url, o->commit, path);
    buffer_puts(out, f->text);
    return 0;
}

static inline int double_find(void *context, const struct origin *o, const char *path, enum origin_type *out,
                              struct error *err) {
    const struct committed_file *f = double_file(context, path);
    (void)o;
    (void)err;
    *out = !f ? ORIGIN_NONE : f->text ? ORIGIN_FILE : ORIGIN_FOLDER;
    return 0;
}

static inline int double_list(void *context, const struct origin *o, const char *folder, origin_visit *visit,
                              void *visitor, struct error *err) {
    const struct repository_double *d = context;
    size_t length = strlen(folder);
    int rc = 0;
    (void)o;
    for (const struct committed_file *f = d->files; rc == 0 && f->path; f++)
        if (strncmp(f->path, folder, length) == 0 && f->path[length] == '/' && !strchr(f->path + length + 1, '/'))
            rc = visit(visitor, f->path + length + 1, err);
    return rc;
}

static inline struct commits double_commits(struct repository_double *d) {
    return (struct commits){d, double_open, double_read, double_find, double_list};
}

#endif
