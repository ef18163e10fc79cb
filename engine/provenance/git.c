#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/sha256.h"
#include "engine/provenance/libgit.h"
#include "engine/provenance/provenance.h"

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

static const char *last_error(void) {
    const git_error *e = libgit.error_last();
    return e && e->message ? e->message : "git gives no reason";
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

static int hash_line(const git_diff_delta *delta, const git_diff_hunk *hunk, const git_diff_line *line, void *hash) {
    (void)delta;
    (void)hunk;
    if (line->origin == GIT_DIFF_LINE_CONTEXT || line->origin == GIT_DIFF_LINE_ADDITION ||
        line->origin == GIT_DIFF_LINE_DELETION)
        sha256_update(hash, &line->origin, 1);
    sha256_update(hash, line->content, line->content_len);
    return 0;
}

/* Compares the tree (NULL before the first commit) with the index and the working tree. Untracked files are left
   out: libgit2 would walk a store beside the sources in vain. */
static int diff_open(git_diff **out, git_repository *repo, git_tree *tree) {
    git_diff_options options;
    libgit.diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
    options.flags = GIT_DIFF_SHOW_BINARY | GIT_DIFF_INCLUDE_TYPECHANGE;
    options.id_abbrev = GIT_OID_HEXSZ;
    options.old_prefix = "a"; /* independent of diff.noprefix */
    options.new_prefix = "b";
    return libgit.diff_tree_to_workdir_with_index(out, repo, tree, &options);
}

static void add_dirty(cJSON *out, git_repository *repo, git_tree *tree) {
    git_diff *diff = NULL;
    struct sha256 *hash = sha256_create();
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    int rc = libgit.repository_is_bare(repo) ? 0 : diff_open(&diff, repo, tree);
    bool dirty = rc == 0 && diff && libgit.diff_num_deltas(diff) > 0;
    if (dirty)
        rc = libgit.diff_print(diff, GIT_DIFF_FORMAT_PATCH, hash_line, hash);
    sha256_finish(hash, &digest);
    digest_hex(hex, &digest);
    if (rc < 0) {
        json_add_text(out, "dirty", NULL);
        json_add_text(out, "dirty_unavailable", last_error());
    } else {
        cJSON_AddBoolToObject(out, "dirty", dirty);
    }
    json_add_text(out, "diff_sha256", dirty && rc == 0 ? hex : NULL);
    libgit.diff_free(diff);
}

static void describe(cJSON *out, git_repository *repo) {
    git_object *commit = NULL;
    git_object *tree = NULL;
    char hex[GIT_OID_HEXSZ + 1];
    bool born = libgit.revparse_single(&commit, repo, "HEAD^{commit}") == 0 &&
                libgit.object_peel(&tree, commit, GIT_OBJECT_TREE) == 0;
    json_add_text(out, "commit", born ? libgit.oid_tostr(hex, sizeof hex, libgit.object_id(commit)) : NULL);
    char *branch = branch_name(repo);
    json_add_text(out, "branch", branch);
    free(branch);
    add_remote(out, repo);
    add_dirty(out, repo, (git_tree *)tree);
    libgit.object_free(tree);
    libgit.object_free(commit);
}

/* Whether the repository was refused since somebody else owns it. libgit2 1.5 says GIT_ENOTFOUND when no safe.directory
   is configured. */
static bool is_foreign(int rc, const char *why) {
    return rc == GIT_ENOTFOUND || rc == GIT_EOWNER || strstr(why, "not owned by") != NULL;
}

/* The folder that holds ".git/". The caller frees. */
static char *folder_of(const char *git) {
    size_t length = strlen(git);
    while (length > 1 && git[length - 1] == '/')
        length--;
    if (length > 5 && strncmp(git + length - 5, "/.git", 5) == 0)
        length -= 5;
    return mem_strndup(git, length);
}

static const char no_repository[] = "not in a git repository";

/* Says why no repository could be opened, and how to allow it. */
static void add_unavailable(cJSON *out, const char *path, int rc) {
    git_buf found = GIT_BUF_INIT;
    bool config = libgit.error_last() && libgit.error_last()->klass == GIT_ERROR_CONFIG;
    char *why = mem_strdup(last_error());
    bool there = libgit.repository_discover(&found, path, 0, NULL) == 0;
    char *folder = there ? folder_of(found.ptr) : NULL, *text = NULL;
    if (there && is_foreign(rc, why))
        text = mem_printf(
            "the repository %s belongs to another user; git config --global --add safe.directory %s allows it", folder,
            folder);
    else if (there && config)
        text = mem_printf("git's configuration cannot be read: %s; set HOME to a folder that you can read", why);
    json_add_text(out, "unavailable", text ? text : rc == GIT_ENOTFOUND ? no_repository : why);
    free(text);
    free(folder);
    free(why);
    libgit.buf_dispose(&found);
}

/* Whether a folder holds a repository, or looks like a bare one. */
static bool may_be_repository(const char *folder) {
    char *git = path_join(folder, ".git"), *head = path_join(folder, "HEAD");
    bool may = file_exists(git) || file_exists(head);
    free(git);
    free(head);
    return may;
}

/* libgit2 reads all certificates of this machine when it is initialised, which takes longer than a short stage. */
static bool may_be_in_repository(const char *path) {
    char *folder = realpath(path, NULL);
    bool may = !folder || may_be_repository(folder);
    while (!may && strcmp(folder, "/") != 0) {
        char *above = path_directory(folder);
        free(folder);
        folder = above;
        may = may_be_repository(folder);
    }
    free(folder);
    return may;
}

cJSON *provenance_git(const char *path) {
    cJSON *out = cJSON_CreateObject();
    git_repository *repo = NULL;
    struct error err = {0};
    if (!may_be_in_repository(path)) {
        json_add_text(out, "unavailable", no_repository);
        return out;
    }
    if (libgit_load(&err) < 0 || libgit.libgit2_init() < 0) {
        json_add_text(out, "unavailable", err.code ? err.message : last_error());
        return out;
    }
    int rc = libgit.repository_open_ext(&repo, path, 0, NULL);
    if (rc == 0)
        describe(out, repo);
    else
        add_unavailable(out, path, rc);
    libgit.repository_free(repo);
    libgit.libgit2_shutdown();
    return out;
}
