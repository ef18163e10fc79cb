/* Removes attempts, logs, checkpoints, and files of dead engines. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "store/gc.h"

enum { TEMPORARY_S = 3600 };

/* ---- files to remove ---- */

struct entry {
    const char *name; /* below its folder */
    const char *path;
    bool walked; /* the next two are known */
    uint64_t bytes;
    double newest_s;
};

typedef bool judge(const struct gc *g, struct entry *e);

/* Walks a folder only where its name is not enough: the store's own folders are among possible temporary files. */
static double newest(struct entry *e) {
    if (!e->walked)
        e->bytes = gc_size(e->path, &e->newest_s);
    e->walked = true;
    return e->newest_s;
}

struct kind {
    const char *folder;
    judge *goes;
    bool stays; /* could not be removed: it holds another user's files (a container's root) */
};

struct removal {
    struct gc *g;
    const struct kind *kind;
    uint64_t *count;
};

/* Its name does not say which engine wrote it. Writing one takes only a moment. */
static bool is_temporary(const struct gc *g, struct entry *e) {
    return path_temporary_base(e->name, NULL) > 0 && !gc_is_young(g, newest(e)) && newest(e) < g->now_s - TEMPORARY_S;
}

/* Whether the file is "<id>.json.damaged" of a run that is not kept. */
static bool run_goes(const struct gc *g, struct entry *e) {
    const char *aside = strstr(e->name, ".json" DOCUMENT_ASIDE);
    if (e->name[0] == '.' || !aside)
        return is_temporary(g, e);
    struct digest run = lease_name(e->name, (size_t)(aside - e->name));
    return !digest_set_has(&g->runs, &run);
}

/* Whether the file is "<attempt><suffix>" or "<attempt>.json.damaged" of an attempt that nobody needs. */
static bool attempt_goes(const struct gc *g, struct entry *e) {
    const char *suffix = strrchr(e->name, '.');
    if (e->name[0] == '.' || !suffix)
        return is_temporary(g, e);
    char *attempt = mem_strndup(e->name, (size_t)(suffix - e->name));
    bool goes = !gc_needs_attempt(g, attempt) && !gc_needs_run_of(g, attempt) && !gc_is_young(g, newest(e));
    free(attempt);
    return goes;
}

/* Whether an engine has claimed the key since the oldest kept run: work on it has begun. */
static bool is_claimed(const struct gc *g, const char *hex) {
    char began[CLOCK_TEXT_SIZE];
    char *path = layout_path(g->s, "claims", hex);
    struct stat st;
    int failed = stat(path, &st) < 0 ? errno : 0;
    free(path);
    if (failed || !g->oldest)
        return failed && failed != ENOENT; /* an unknown claim keeps the checkpoint */
    layout_time(began, (double)st.st_mtim.tv_sec + 1);
    return strcmp(began, g->oldest) >= 0;
}

/* store_sweep removes checkpoints of known keys. A checkpoint of another key is unfinished work. */
static bool checkpoint_goes(const struct gc *g, struct entry *e) {
    char hex[DIGEST_HEX_SIZE];
    struct digest key;
    snprintf(hex, sizeof hex, "%.*s", DIGEST_HEX_SIZE - 1, e->name);
    return digest_parse(&key, hex) && !gc_needs_key(g, &key) && !claim_is_held(g->s, &key) && !is_claimed(g, hex) &&
           !gc_is_young(g, newest(e));
}

/* Whether the entry belongs to an engine that cannot be seen from here and has no lease, for example of a container
   that is gone. No other engine would sweep it. `end`: the character after the owner. */
static bool is_left(const struct gc *g, struct entry *e, const char *owner_text, char end) {
    struct owner o;
    size_t length;
    if (gc_is_young(g, newest(e)) || newest(e) >= g->now_s - TEMPORARY_S || !owner_parse(&o, owner_text, &length) ||
        owner_text[length] != end)
        return false;
    char *name = mem_strndup(owner_text, length);
    bool left = owner_state(&o, &g->s->owner) == OWNER_ELSEWHERE && !lease_is_held(g->s, name);
    free(name);
    return left;
}

static bool work_goes(const struct gc *g, struct entry *e) {
    const char *at = strrchr(e->name, '@');
    return at && (sweep_work_is_dead(g->s, e->name) || is_left(g, e, at + 1, '\0'));
}

static bool temporary_goes(const struct gc *g, struct entry *e) {
    return sweep_temporary_is_dead(g->s, e->name) || is_left(g, e, e->name, '.');
}

/* A damaged object was old already when it was set aside. The folder's time says when that last happened. */
static bool damaged_goes(const struct gc *g, struct entry *e) {
    struct stat st;
    return e->name[0] != '.' && stat(e->path, &st) == 0 && !gc_is_young(g, (double)st.st_ctim.tv_sec);
}

/* ---- removing ---- */

static int remove_entry(void *context, const char *path, const char *name, struct error *err) {
    const struct removal *t = context;
    struct gc *g = t->g;
    struct entry e = {.name = name, .path = path};
    if (!t->kind->goes(g, &e))
        return 0;
    newest(&e);
    ++*t->count;
    g->report->bytes += e.bytes;
    if (g->options->dry_run)
        return 0;
    if (!t->kind->stays)
        return remove_once(g->s, path, err);
    remove_left(g->s, path);
    return 0;
}

static int remove_entries(struct gc *g, const struct kind *kind, uint64_t *count, struct error *err) {
    return layout_each(g->s, kind->folder, remove_entry, &(struct removal){g, kind, count}, err);
}

/* Holds the claims' lock, so that no engine begins to work on a key meanwhile. */
static int remove_checkpoints(struct gc *g, struct error *err) {
    static const struct kind checkpoints = {"checkpoints", checkpoint_goes, false};
    int lock = -1;
    int rc = g->options->dry_run ? 0 : lease_enter(&lock, &g->book, g->s, err);
    if (rc == 0)
        rc = remove_entries(g, &checkpoints, &g->report->checkpoints, err);
    lease_leave(lock);
    return rc;
}

static bool failed_goes(const struct gc *g, struct entry *e) {
    (void)g, (void)e;
    return true;
}

/* A folder for each pipeline, which stays. A link is not followed: it leads to something that is not the store's. */
static int remove_failed(struct gc *g, struct error *err) {
    char *path = layout_path(g->s, "failed", "");
    struct folder pipelines;
    const char *name;
    int rc = folder_open_if_there(&pipelines, path, err);
    while (rc >= 0 && (rc = folder_next(&pipelines, &name, err)) > 0) {
        int failed = store_failed_open(g->s, name, false);
        if (failed < 0)
            continue;
        close(failed);
        char *folder = path_join("failed", name);
        const struct kind kind = {folder, failed_goes, true};
        rc = remove_entries(g, &kind, &g->report->leftovers, err);
        free(folder);
    }
    folder_close(&pipelines);
    free(path);
    return rc;
}

int gc_remove_files(struct gc *g, struct error *err) {
    struct gc_report *r = g->report;
    static const struct kind attempts = {"attempts", attempt_goes, false}, logs = {"logs", attempt_goes, false};
    static const struct kind leftovers[] = {
        {"work", work_goes, true}, {"objects/tmp", temporary_goes, true}, {"objects/damaged", damaged_goes, false},
        {"runs", run_goes, false}, {"actions", is_temporary, false},      {"pins", is_temporary, false},
        {"", is_temporary, false},
    };
    int rc = remove_entries(g, &attempts, &r->attempts, err);
    if (rc == 0)
        rc = remove_entries(g, &logs, &r->logs, err);
    if (rc == 0)
        rc = remove_checkpoints(g, err);
    if (rc == 0)
        rc = remove_failed(g, err);
    for (size_t i = 0; rc == 0 && i < sizeof leftovers / sizeof *leftovers; i++)
        rc = remove_entries(g, &leftovers[i], &r->leftovers, err);
    return rc < 0 || g->options->dry_run ? rc : store_sweep(g->s, err);
}
