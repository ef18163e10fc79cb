#include "engine/lookup/committed.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/bytemap.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/lookup/committed_memory.h"
#include "engine/lookup/committed_object.h"
#include "engine/lookup/members.h"

enum { SMALL_BYTES = 64 << 10 }; /* of a file that is read anew for each plan */

struct committed {
    committed_store *ask;
    bool starts_programs;
    git_progress *progress;
    void *context;
    struct store *store;         /* NULL until it is asked for */
    struct bytemap repositories; /* URL -> struct repository */
    struct bytemap rules;        /* URL#commit -> struct ignore, or the map itself: there are none */
    struct texts names;          /* keys of both */
};

struct committed *committed_create(committed_store *store, bool starts_programs, git_progress *progress,
                                   void *context) {
    struct committed *c = mem_alloc(sizeof *c);
    *c = (struct committed){.ask = store, .starts_programs = starts_programs, .progress = progress, .context = context};
    return c;
}

void committed_free(struct committed *c) {
    if (!c)
        return;
    for (size_t i = 0; i < c->repositories.count; i++)
        repository_close(c->repositories.entries[i].value);
    for (size_t i = 0; i < c->rules.count; i++)
        if (c->rules.entries[i].value != c)
            ignore_close(c->rules.entries[i].value);
    bytemap_close(&c->repositories);
    bytemap_close(&c->rules);
    texts_close(&c->names);
    free(c);
}

static const char *keep_name(struct committed *c, char *name) {
    texts_add(&c->names, name);
    return name;
}

static int find_repository(struct repository **out, struct committed *c, const char *url, struct error *err) {
    *out = bytemap_get(&c->repositories, url, strlen(url));
    int rc = *out || c->store ? 0 : c->ask(c->context, &c->store, err);
    if (rc < 0 || *out)
        return rc;
    rc = repository_open(out, store_directory(c->store), url, err);
    if (rc < 0)
        return rc;
    repository_on_progress(*out, c->progress, c->context);
    bytemap_put(&c->repositories, keep_name(c, mem_strdup(url)), strlen(url), *out);
    return 0;
}

int committed_resolve(struct committed *c, const char *url, const char *rev, char commit[COMMIT_DIGITS + 1],
                      struct error *err) {
    struct repository *r;
    int rc = find_repository(&r, c, url, err);
    return rc == 0 ? repository_resolve(r, rev, commit, err) : rc;
}

/* ---- for readers of pipelines ---- */

/* A foreign file's URL is a host of its author's choice: looking at the file must not lead the user's ssh there. */
static int open_commit(void *context, const struct origin *o, bool foreign, struct error *err) {
    const struct committed *c = context;
    const char *fault = foreign ? git_url_fault(o->url, true) : NULL;
    struct repository *r;
    if (fault)
        return error_set(err, ERR_INVALID, "%s: %s", o->url, fault);
    int rc = find_repository(&r, context, o->url, err);
    if (rc == 0 && foreign && !c->starts_programs && repository_fetch_starts_program(r, o->commit))
        rc = error_set(err, ERR_FAILED,
                       "%s: is fetched by ssh, which only run, trust, lock, verify and shell start for "
                       "another team's file: retort trust --dry-run shows it",
                       o->url);
    return rc == 0 ? repository_fetch(r, o->commit, err) : rc;
}

static int find_entry(struct git_entry *out, struct repository **r, struct committed *c, const struct origin *o,
                      const char *path, struct error *err) {
    int rc = find_repository(r, c, o->url, err);
    return rc == 0 ? repository_find(*r, o->commit, path, out, err) : rc;
}

static int not_a_file(const struct origin *o, const char *path, struct error *err) {
    return error_set(err, ERR_INVALID, "%s#%.*s:%s is a folder, not a file", o->url, COMMIT_SHOWN, o->commit, path);
}

static int read_file(void *context, const struct origin *o, const char *path, size_t limit, struct buffer *out,
                     struct error *err) {
    struct repository *r;
    struct git_entry entry = {0};
    int rc = find_entry(&entry, &r, context, o, path, err);
    if (rc == 0 && entry.type == GIT_FOLDER)
        rc = not_a_file(o, path, err);
    return rc == 0 ? repository_read(r, &entry, limit, out, err) : rc;
}

static int find_type(void *context, const struct origin *o, const char *path, enum origin_type *out,
                     struct error *err) {
    struct repository *r;
    struct git_entry entry = {0};
    int rc = find_entry(&entry, &r, context, o, path, err);
    *out = rc < 0 ? ORIGIN_NONE : entry.type == GIT_FOLDER ? ORIGIN_FOLDER : ORIGIN_FILE;
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

struct names {
    origin_visit *visit;
    void *context;
    int rc; /* of the last visit */
};

static int visit_name(void *context, const char *path, const struct git_entry *entry, struct error *err) {
    struct names *n = context;
    n->rc = n->visit(n->context, path, err);
    return n->rc > 0 ? ERR_INTERRUPTED : n->rc < 0 ? n->rc : entry->type == GIT_FOLDER;
}

static int list_names(void *context, const struct origin *o, const char *folder, origin_visit *visit, void *visitor,
                      struct error *err) {
    struct repository *r;
    struct names n = {visit, visitor, 0};
    int rc = find_repository(&r, context, o->url, err);
    if (rc == 0)
        rc = repository_list(r, o->commit, folder, visit_name, &n, err);
    return n.rc ? n.rc : rc;
}

struct commits committed_reader(struct committed *c) {
    return (struct commits){c, open_commit, read_file, find_type, list_names};
}

/* ---- for plans ---- */

/* The rules of the commit's own .retortignore; NULL: it has none. */
static int find_rules(struct ignore **out, struct committed *c, const struct origin *o, struct error *err) {
    char *name = mem_printf("%s#%s", o->url, o->commit);
    void *known = bytemap_get(&c->rules, name, strlen(name));
    struct buffer text = {0};
    *out = known && known != c ? known : NULL;
    if (known) {
        free(name);
        return 0;
    }
    int rc = read_file(c, o, IGNORE_FILE, IGNORE_MAX_BYTES, &text, err);
    if (rc == 0)
        rc = ignore_parse(out, buffer_text(&text), "", name, err);
    if (rc == 0 || rc == ERR_NOT_FOUND) {
        keep_name(c, name);
        bytemap_put(&c->rules, name, strlen(name), *out ? (void *)*out : c);
        rc = 0;
    } else {
        free(name);
    }
    buffer_close(&text);
    return rc;
}

static int read_members(struct buffer *out, struct committed *c, const struct origin *o, const char *path,
                        const char *const *only, size_t only_count, struct error *err) {
    struct buffer text = {0};
    char *name = mem_printf("%s#%.*s:%s", o->url, COMMIT_SHOWN, o->commit, path);
    int rc = read_file(c, o, path, JSON_MAX_BYTES, &text, err);
    if (rc == 0)
        rc = members_of_text(out, name, &text, only, only_count, err);
    free(name);
    buffer_close(&text);
    return rc;
}

static int member_content(struct committed *c, const struct origin *o, const char *path, const char *const *only,
                          size_t only_count, struct content *out, struct error *err) {
    struct buffer text = {0};
    int rc = read_members(&text, c, o, path, only, only_count, err);
    if (rc == 0)
        rc = committed_put_bytes(out, c->store, &text, false, err);
    buffer_close(&text);
    return rc;
}

static int put_folder(struct content *out, struct committed *c, struct repository *r, const struct origin *o,
                      const char *path, struct error *err) {
    struct ignore *rules = NULL;
    int rc = find_rules(&rules, c, o, err);
    const struct folder_filter filter = ignore_filter(rules);
    return rc == 0 ? committed_put_folder(out, c->store, r, &(struct committed_folder){o->commit, path, &filter}, err)
                   : rc;
}

int committed_content(struct committed *c, const struct origin *o, const char *path, const char *const *only,
                      size_t only_count, struct content *out, struct error *err) {
    struct repository *r;
    struct git_entry entry = {0};
    if (only)
        return member_content(c, o, path, only, only_count, out, err);
    int rc = find_entry(&entry, &r, c, o, path, err);
    if (rc == 0 && entry.type != GIT_FOLDER && entry.size <= SMALL_BYTES)
        return committed_put_file(out, c->store, r, &entry, err);
    if (rc < 0 || committed_recall(out, c->store, o, path))
        return rc;
    rc = entry.type == GIT_FOLDER ? put_folder(out, c, r, o, path, err)
                                  : committed_put_file(out, c->store, r, &entry, err);
    if (rc == 0)
        committed_remember(c->store, o, path, out);
    return rc;
}

int committed_tree(struct committed *c, const struct origin *o, char tree[COMMIT_DIGITS + 1], struct error *err) {
    struct repository *r;
    struct git_entry entry;
    int rc = find_entry(&entry, &r, c, o, "", err);
    if (rc == 0)
        memcpy(tree, entry.oid, COMMIT_DIGITS + 1);
    return rc;
}

int committed_examine(struct committed *c, const struct origin *o, const char *path, const char *const *only,
                      size_t only_count, struct content *out, struct error *err) {
    struct repository *r;
    struct git_entry entry = {0};
    struct buffer text = {0};
    if (only) {
        int rc = read_members(&text, c, o, path, only, only_count, err);
        *out = (struct content){.size = text.size};
        buffer_close(&text);
        return rc;
    }
    int rc = find_entry(&entry, &r, c, o, path, err);
    if (rc == 0)
        *out = (struct content){
            .size = entry.size, .directory = entry.type == GIT_FOLDER, .executable = entry.type == GIT_EXECUTABLE};
    return rc;
}
