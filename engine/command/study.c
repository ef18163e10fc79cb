#include "engine/command/study.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/command/project.h"

static int refuse_form(const char *operand, struct error *err) {
    char *path = mem_strndup(operand, strcspn(operand, "#")), *folder = realpath(path, NULL);
    int rc =
        folder
            ? error_set(err, ERR_USAGE, "%s: write it as a URL: file://%s%s", operand, folder, operand + strlen(path))
            : error_set(err, ERR_USAGE, "%s: write it as a URL, with the path behind the host: ssh://git@host/path#REV",
                        operand);
    free(folder);
    free(path);
    return rc;
}

/* Splits "URL#REV[:PATH]"; no name of a branch or tag holds a colon. */
static int split(struct study *s, const char *operand, struct error *err) {
    const char *hash = strchr(operand, '#');
    const char *colon = hash ? strchr(hash, ':') : NULL;
    if (!strstr(operand, "://"))
        return refuse_form(operand, err);
    if (!hash || hash[1] == '\0' || colon == hash + 1)
        return error_set(err, ERR_USAGE, "%s: say which commit, branch or tag: %.*s#REV or #REV:PATH", operand,
                         (int)strcspn(operand, "#"), operand);
    if (colon && colon[1] == '\0')
        return error_set(err, ERR_USAGE, "%s: no path follows the colon", operand);
    s->url = mem_strndup(operand, (size_t)(hash - operand));
    s->rev = colon ? mem_strndup(hash + 1, (size_t)(colon - hash - 1)) : mem_strdup(hash + 1);
    s->path = colon ? mem_strdup(colon + 1) : NULL;
    return 0;
}

/* The pipeline files at the top of a commit. */
struct search {
    const struct commits *commits;
    struct origin origin;
    struct texts found;
};

static int meet_name(void *context, const char *name, struct error *err) {
    struct search *s = context;
    struct buffer text = {0};
    size_t length = strlen(name);
    enum origin_type type;
    if (length < 6 || strcmp(name + length - 5, ".json") != 0)
        return 0;
    int rc = s->commits->find(s->commits->context, &s->origin, name, &type, err);
    if (rc == 0 && type == ORIGIN_FILE)
        rc = s->commits->read(s->commits->context, &s->origin, name, JSON_MAX_BYTES, &text, err);
    if (rc == 0 && text.size > 0 && project_judge(buffer_text(&text), text.size) == FILE_PIPELINE)
        texts_add(&s->found, mem_strdup(name));
    buffer_close(&text);
    return rc;
}

static int find_path(struct study *s, const struct commits *commits, struct error *err) {
    struct search search = {.commits = commits, .origin = {s->url, s->commit, ""}};
    struct buffer names = {0};
    int rc = commits->list(commits->context, &search.origin, "", meet_name, &search, err);
    texts_sort(&search.found);
    for (size_t i = 0; i < search.found.count; i++)
        buffer_printf(&names, "%s%s", i ? ", " : "", search.found.list[i]);
    if (rc == 0 && search.found.count == 0)
        rc = error_set(err, ERR_USAGE, "%s#%s holds no pipeline file at its top; name one: %s#%s:PATH", s->url, s->rev,
                       s->url, s->rev);
    else if (rc == 0 && search.found.count > 1)
        rc = error_set(err, ERR_USAGE, "%s#%s holds several pipeline files; name one of %s: %s#%s:PATH", s->url, s->rev,
                       buffer_text(&names), s->url, s->rev);
    else if (rc == 0)
        s->path = mem_strdup(search.found.list[0]);
    buffer_close(&names);
    texts_close(&search.found);
    return rc;
}

/* The remote is asked for a branch or tag each time, but not for a commit that was fetched. */
static int say_offline(const struct study *s, struct error *err) {
    char *why = mem_strdup(err->message);
    int rc = error_set(err, ERR_FAILED,
                       "%s; a commit that was fetched once needs no network: %s#ID, with an ID from retort runs", why,
                       s->url);
    free(why);
    return rc;
}

int study_open(struct study *out, struct committed *c, const char *operand, struct error *err) {
    const struct commits commits = committed_reader(c);
    *out = (struct study){0};
    int rc = split(out, operand, err);
    if (rc == 0)
        rc = committed_resolve(c, out->url, out->rev, out->commit, err);
    if (rc == ERR_FAILED)
        rc = say_offline(out, err);
    if (rc == 0)
        rc = commits.open(commits.context, &(struct origin){out->url, out->commit, ""}, false, err);
    if (rc == 0 && !out->path)
        rc = find_path(out, &commits, err);
    if (rc == ERR_NOT_FOUND)
        rc = err->code = ERR_USAGE;
    else if (rc == ERR_FAILED)
        rc = err->code = ERR_IO; /* no stage failed */
    return rc;
}

void study_close(struct study *s) {
    free(s->url);
    free(s->rev);
    free(s->path);
    *s = (struct study){0};
}
