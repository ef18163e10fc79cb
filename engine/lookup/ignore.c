#include "engine/lookup/ignore.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/git/libgit.h"

/* libgit2 applies rules only through a repository. This one lies in memory and has no files, so that no .gitignore
   counts. */
struct ignore {
    git_repository *rules;
    char *root;
    size_t root_length;
    pthread_mutex_t lock; /* workers copy folders at the same time */
};

static int add_rules(struct ignore *x, const char *text, const char *path, struct error *err) {
    /* The first rule keeps everything: without it the user's own file of git's rules would have the last word. */
    char *all = mem_printf("!*\n%s", text);
    int failed =
        libgit.libgit2_init() < 0 || libgit.repository_new(&x->rules) < 0 || libgit.ignore_add_rule(x->rules, all) < 0;
    const git_error *why = failed ? libgit.error_last() : NULL;
    free(all);
    return failed ? error_set(err, ERR_INVALID, "%s: %s", path, why && why->message ? why->message : "cannot be used")
                  : 0;
}

int ignore_parse(struct ignore **out, const char *text, const char *root, const char *name, struct error *err) {
    *out = NULL;
    int rc = libgit_load(err);
    if (rc < 0)
        return rc;
    struct ignore *x = mem_alloc(sizeof *x);
    *x = (struct ignore){.root = mem_strdup(root), .root_length = strlen(root)};
    pthread_mutex_init(&x->lock, NULL);
    rc = add_rules(x, text, name, err);
    if (rc < 0)
        ignore_close(x);
    else
        *out = x;
    return rc;
}

int ignore_open(struct ignore **out, const char *root, struct error *err) {
    struct buffer text = {0};
    char *path = path_join(root, IGNORE_FILE);
    *out = NULL;
    int rc = file_exists(path) ? file_read(&text, path, IGNORE_MAX_BYTES, err) : 1;
    if (rc == 0)
        rc = ignore_parse(out, buffer_text(&text), root, path, err);
    free(path);
    buffer_close(&text);
    return rc < 0 ? rc : 0;
}

void ignore_close(struct ignore *x) {
    if (!x)
        return;
    libgit.repository_free(x->rules);
    libgit.libgit2_shutdown();
    pthread_mutex_destroy(&x->lock);
    free(x->root);
    free(x);
}

/* Files outside the root have no rules. */
static bool skips(void *context, const char *path, bool directory) {
    struct ignore *x = context;
    int ignored = 0;
    if (strncmp(path, x->root, x->root_length) != 0 || path[x->root_length] != '/')
        return false;
    char *below = mem_printf("%s%s", path + x->root_length + 1, directory ? "/" : "");
    pthread_mutex_lock(&x->lock);
    int failed = libgit.ignore_path_is_ignored(&ignored, x->rules, below);
    pthread_mutex_unlock(&x->lock);
    free(below);
    return !failed && ignored;
}

struct folder_filter ignore_filter(struct ignore *x) {
    return (struct folder_filter){x ? skips : NULL, x};
}
