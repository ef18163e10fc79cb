#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/provenance/internal.h"

char *provenance_public_url(const char *url) {
    const char *scheme_end = strstr(url, "://");
    if (!scheme_end)
        return mem_strdup(url);
    const char *host = scheme_end + 3;
    const char *host_end = host + strcspn(host, "/?#");
    const char *at = memrchr(host, '@', (size_t)(host_end - host));
    const char *colon = memchr(host, ':', (size_t)(host_end - host));
    /* A password with a bare "/" would end the host too early: then the text after the colon is no port. */
    if (!at && colon && host[0] != '[' && strspn(colon + 1, "0123456789") != (size_t)(host_end - colon - 1))
        at = strrchr(host, '@');
    if (at)
        host = at + 1;
    return mem_printf("%.*s%.*s", (int)(scheme_end + 3 - url), url, (int)strcspn(host, "?#"), host);
}

/* The branch of HEAD, also before its first commit; NULL when detached. The caller frees. */
static char *branch_name(git_repository *repo) {
    git_reference *head = NULL;
    char *name = NULL;
    if (libgit.reference_lookup(&head, repo, "HEAD") == 0 && libgit.reference_type(head) == GIT_REFERENCE_SYMBOLIC) {
        const char *target = libgit.reference_symbolic_target(head);
        const char prefix[] = "refs/heads/";
        size_t skip = strncmp(target, prefix, sizeof prefix - 1) == 0 ? sizeof prefix - 1 : 0;
        name = mem_strdup(target + skip);
    }
    libgit.reference_free(head);
    return name;
}

/* Reads the configuration's entries, because git_remote_list leaks 20 KB for every entry that is no remote (libgit2
   1.5, git_regexp_match). */
static void add_remote(cJSON *out, git_repository *repo) {
    git_config *config = NULL;
    git_config_iterator *entries = NULL;
    git_config_entry *entry = NULL;
    char *url = NULL;
    if (libgit.repository_config_snapshot(&config, repo) == 0 && libgit.config_iterator_new(&entries, config) == 0) {
        while (libgit.config_next(&entry, entries) == 0) {
            bool origin = strcmp(entry->name, "remote.origin.url") == 0;
            const char *dot = strrchr(entry->name, '.');
            bool other = strncmp(entry->name, "remote.", 7) == 0 && strcmp(dot, ".url") == 0;
            if (entry->value && (origin || (other && !url))) {
                free(url);
                url = provenance_public_url(entry->value);
            }
            if (origin && url)
                break;
        }
    }
    json_add_text(out, "remote", url);
    free(url);
    libgit.config_iterator_free(entries);
    libgit.config_free(config);
}

/* Why no tag was found. A shallow clone lacks the commits on the way to it. */
static const char *why_no_tag(git_repository *repo, int rc) {
    const git_error *e = libgit.error_last();
    if (rc != GIT_ENOTFOUND && !(e && e->klass == GIT_ERROR_DESCRIBE))
        return libgit_reason();
    return libgit.repository_is_shallow(repo) > 0 ? "no tag is within this shallow clone"
                                                  : "no tag leads to this commit";
}

/* The nearest tag of the commit's history, as `git describe --tags` says it. */
static void add_description(cJSON *out, git_repository *repo, git_object *commit) {
    git_describe_options options;
    git_describe_format_options format;
    git_describe_result *result = NULL;
    git_buf text = GIT_BUF_INIT;
    libgit.describe_options_init(&options, GIT_DESCRIBE_OPTIONS_VERSION);
    libgit.describe_format_options_init(&format, GIT_DESCRIBE_FORMAT_OPTIONS_VERSION);
    options.describe_strategy = GIT_DESCRIBE_TAGS;
    int rc = commit ? libgit.describe_commit(&result, commit, &options) : 0;
    if (result)
        rc = libgit.describe_format(&text, result, &format);
    json_add_text(out, "describe", rc == 0 ? text.ptr : NULL);
    if (rc < 0)
        json_add_text(out, "describe_unavailable", why_no_tag(repo, rc));
    libgit.buf_dispose(&text);
    libgit.describe_result_free(result);
}

/* ---- a repository and its submodules ---- */

/* The findings of a walk through them. */
struct gathering {
    struct patch patch;
    struct texts *names; /* NULL: nobody wants them */
    const char *prefix;  /* of the present repository: "" or "lib/fft/" */
    cJSON *submodules;   /* NULL: none yet */
    bool dirty;          /* one of the repositories is */
    char *fault;         /* the first one; NULL: none */
};

static int describe(cJSON *out, git_repository *repo, struct gathering *g);

/* Opens the submodule at a path. A link there, or on the way, leads to no submodule. */
static int open_submodule(git_repository **out, git_repository *repo, const char *path) {
    const char *workdir = libgit.repository_workdir(repo);
    char *folder = workdir ? realpath(workdir, NULL) : NULL, *wanted = folder ? path_join(folder, path) : NULL;
    char *real = wanted ? realpath(wanted, NULL) : NULL;
    int rc = GIT_ENOTFOUND;
    if (real && strcmp(real, wanted) == 0)
        rc = libgit.repository_open_ext(out, wanted, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL);
    free(real);
    free(wanted);
    free(folder);
    return rc;
}

static void add_submodule(cJSON *item, git_repository *outer, const char *path, struct gathering *g) {
    git_repository *repo = NULL;
    int rc = open_submodule(&repo, outer, path);
    if (rc < 0)
        json_add_text(item, "unavailable", rc == GIT_ENOTFOUND ? "it is not checked out" : libgit_reason());
    else if ((rc = describe(item, repo, g)) < 0)
        json_add_text(item, "dirty", NULL);
    else
        cJSON_AddBoolToObject(item, "dirty", rc);
    libgit.repository_free(repo);
}

static void visit_submodule(void *context, git_repository *outer, const char *path) {
    struct gathering *g = context;
    const char *prefix = g->prefix;
    char *name = mem_printf("%s%s", prefix, path), *inside = mem_printf("%s/", name);
    cJSON *item = cJSON_CreateObject();
    if (!g->submodules)
        g->submodules = cJSON_CreateArray();
    cJSON_AddItemToArray(g->submodules, item);
    cJSON_AddStringToObject(item, "path", name);
    g->prefix = inside;
    add_submodule(item, outer, path, g);
    g->prefix = prefix;
    free(inside);
    free(name);
}

static void note_fault(struct gathering *g) {
    if (!g->fault)
        g->fault = mem_strdup(libgit_reason());
}

/* 1: the repository is dirty; 0: it is clean; -1: unknown. */
static int describe(cJSON *out, git_repository *repo, struct gathering *g) {
    git_object *commit = NULL;
    git_object *tree = NULL;
    char hex[GIT_OID_HEXSZ + 1];
    bool born = libgit.revparse_single(&commit, repo, "HEAD^{commit}") == 0 &&
                libgit.object_peel(&tree, commit, GIT_OBJECT_TREE) == 0;
    json_add_text(out, "commit", born ? libgit.oid_tostr(hex, sizeof hex, libgit.object_id(commit)) : NULL);
    char *branch = branch_name(repo);
    json_add_text(out, "branch", branch);
    free(branch);
    add_description(out, repo, born ? commit : NULL);
    add_remote(out, repo);
    int dirty = git_diff_append(&g->patch, repo, (git_tree *)tree, g->prefix);
    if (dirty < 0)
        note_fault(g);
    g->dirty |= dirty > 0;
    if (git_index_walk(repo, g->prefix, g->names, visit_submodule, g) < 0)
        note_fault(g);
    libgit.object_free(tree);
    libgit.object_free(commit);
    return dirty < 0 ? -1 : dirty;
}

/* The patch of the repository and its submodules. */
static void add_diff(cJSON *out, struct gathering *g) {
    struct digest digest;
    sha256_finish(g->patch.hash, &digest);
    if (g->fault) {
        json_add_text(out, "dirty", NULL);
        json_add_text(out, "dirty_unavailable", g->fault);
    } else {
        cJSON_AddBoolToObject(out, "dirty", g->dirty);
    }
    if (g->dirty && !g->fault) {
        json_add_digest(out, "diff_sha256", &digest);
        cJSON_AddNumberToObject(out, "diff_bytes", (double)g->patch.size);
    } else {
        json_add_text(out, "diff_sha256", NULL);
    }
}

void git_describe_all(cJSON *out, git_repository *repo, struct git_files *files) {
    const char *workdir = libgit.repository_workdir(repo);
    struct gathering g = {.patch = {.hash = sha256_create(), .kept = files ? &files->diff : NULL},
                          .names = files ? &files->names : NULL,
                          .prefix = ""};
    describe(out, repo, &g);
    add_diff(out, &g);
    if (g.submodules)
        cJSON_AddItemToObject(out, "submodules", g.submodules);
    if (files && g.fault) {
        git_files_close(files);
    } else if (files) {
        texts_sort(&files->names);
        files->folder = workdir ? realpath(workdir, NULL) : NULL;
    }
    free(g.fault);
}
