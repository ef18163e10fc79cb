#include <ctype.h>
#include <git2.h>
#include <git2/sys/alloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/sha256.h"
#include "engine/provenance/provenance.h"

/* ---- memory ---- */

/* libgit2 1.5 dereferences a NULL of a failed small allocation, also when it reports an error. So a failed small
   allocation ends the program, with a message and status 3, as elsewhere. Larger failures are left to libgit2: a
   damaged repository may hold any size, and that must not end the program. */
enum { SMALL_BYTES = 1 << 20 };

static void *checked_if_small(void *memory, size_t size) {
    if (!memory && size > SMALL_BYTES)
        git_error_set_oom();
    return size > SMALL_BYTES ? memory : mem_checked(memory);
}

/* The product, or SIZE_MAX, which no allocation satisfies, after an overflow. */
static size_t product(size_t count, size_t size) {
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes;
}

static void *resize(void *memory, size_t size, const char *file, int line) {
    (void)file;
    (void)line;
    return checked_if_small(size > PTRDIFF_MAX ? NULL : realloc(memory, size ? size : 1), size);
}

static void *allocate(size_t size, const char *file, int line) {
    return resize(NULL, size, file, line);
}

static void *resize_array(void *memory, size_t count, size_t size, const char *file, int line) {
    return resize(memory, product(count, size), file, line);
}

static void *allocate_array(size_t count, size_t size, const char *file, int line) {
    return resize(NULL, product(count, size), file, line);
}

static void *allocate_zeroed(size_t count, size_t size, const char *file, int line) {
    (void)file;
    (void)line;
    return checked_if_small(calloc(count ? count : 1, size ? size : 1), product(count, size));
}

static char *copy_part(const char *text, size_t size, const char *file, int line) {
    char *copy = allocate(size + 1, file, line); /* a copy of an existing string: smaller than memory */
    if (copy) {
        memcpy(copy, text, size);
        copy[size] = '\0';
    }
    return copy;
}

static char *copy_most(const char *text, size_t most, const char *file, int line) {
    return copy_part(text, strnlen(text, most), file, line);
}

static char *copy_text(const char *text, const char *file, int line) {
    return copy_part(text, strlen(text), file, line);
}

/* Runs before main, so that it covers every allocation. */
__attribute__((constructor)) static void check_allocations(void) {
    git_allocator a = {
        .gmalloc = allocate,
        .gcalloc = allocate_zeroed,
        .gstrdup = copy_text,
        .gstrndup = copy_most,
        .gsubstrdup = copy_part,
        .grealloc = resize,
        .greallocarray = resize_array,
        .gmallocarray = allocate_array,
        .gfree = free,
    };
    git_libgit2_opts(GIT_OPT_SET_ALLOCATOR, &a);
}

/* ---- the members of a repository ---- */

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
    const git_error *e = git_error_last();
    return e && e->message ? e->message : "git gives no reason";
}

/* The branch of HEAD, also before its first commit; NULL when detached. The caller frees. */
static char *branch_name(git_repository *repo) {
    git_reference *head = NULL;
    char *name = NULL;
    if (git_reference_lookup(&head, repo, "HEAD") == 0 && git_reference_type(head) == GIT_REFERENCE_SYMBOLIC) {
        const char *target = git_reference_symbolic_target(head);
        const char prefix[] = "refs/heads/";
        size_t skip = strncmp(target, prefix, sizeof prefix - 1) == 0 ? sizeof prefix - 1 : 0;
        name = mem_strdup(target + skip);
    }
    git_reference_free(head);
    return name;
}

/* Reads the configuration's entries, because git_remote_list leaks 20 KB for every entry that is no remote (libgit2
   1.5, git_regexp_match). */
static void add_remote(cJSON *out, git_repository *repo) {
    git_config *config = NULL;
    git_config_iterator *entries = NULL;
    git_config_entry *entry = NULL;
    char *url = NULL;
    if (git_repository_config_snapshot(&config, repo) == 0 && git_config_iterator_new(&entries, config) == 0) {
        while (git_config_next(&entry, entries) == 0) {
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
    git_config_iterator_free(entries);
    git_config_free(config);
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
    git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
    options.flags = GIT_DIFF_SHOW_BINARY | GIT_DIFF_INCLUDE_TYPECHANGE;
    options.id_abbrev = GIT_OID_HEXSZ;
    options.old_prefix = "a"; /* independent of diff.noprefix */
    options.new_prefix = "b";
    return git_diff_tree_to_workdir_with_index(out, repo, tree, &options);
}

static void add_dirty(cJSON *out, git_repository *repo, git_tree *tree) {
    git_diff *diff = NULL;
    struct sha256 *hash = sha256_create();
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    int rc = git_repository_is_bare(repo) ? 0 : diff_open(&diff, repo, tree);
    bool dirty = rc == 0 && diff && git_diff_num_deltas(diff) > 0;
    if (dirty)
        rc = git_diff_print(diff, GIT_DIFF_FORMAT_PATCH, hash_line, hash);
    sha256_finish(hash, &digest);
    digest_hex(hex, &digest);
    if (rc < 0) {
        json_add_text(out, "dirty", NULL);
        json_add_text(out, "dirty_unavailable", last_error());
    } else {
        cJSON_AddBoolToObject(out, "dirty", dirty);
    }
    json_add_text(out, "diff_sha256", dirty && rc == 0 ? hex : NULL);
    git_diff_free(diff);
}

static void describe(cJSON *out, git_repository *repo) {
    git_object *commit = NULL;
    git_object *tree = NULL;
    char hex[GIT_OID_HEXSZ + 1];
    bool born = git_revparse_single(&commit, repo, "HEAD^{commit}") == 0 &&
                git_object_peel(&tree, commit, GIT_OBJECT_TREE) == 0;
    json_add_text(out, "commit", born ? git_oid_tostr(hex, sizeof hex, git_object_id(commit)) : NULL);
    char *branch = branch_name(repo);
    json_add_text(out, "branch", branch);
    free(branch);
    add_remote(out, repo);
    add_dirty(out, repo, (git_tree *)tree);
    git_object_free(tree);
    git_object_free(commit);
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

/* Says why no repository could be opened, and how to allow it. */
static void add_unavailable(cJSON *out, const char *path, int rc) {
    git_buf found = GIT_BUF_INIT;
    bool config = git_error_last() && git_error_last()->klass == GIT_ERROR_CONFIG;
    char *why = mem_strdup(last_error());
    bool there = git_repository_discover(&found, path, 0, NULL) == 0;
    char *folder = there ? folder_of(found.ptr) : NULL, *text = NULL;
    if (there && is_foreign(rc, why))
        text = mem_printf(
            "the repository %s belongs to another user; git config --global --add safe.directory %s allows it", folder,
            folder);
    else if (there && config)
        text = mem_printf("git's configuration cannot be read: %s; set HOME to a folder that you can read", why);
    json_add_text(out, "unavailable", text ? text : rc == GIT_ENOTFOUND ? "not in a git repository" : why);
    free(text);
    free(folder);
    free(why);
    git_buf_dispose(&found);
}

cJSON *provenance_git(const char *path) {
    cJSON *out = cJSON_CreateObject();
    git_repository *repo = NULL;
    if (git_libgit2_init() < 0) {
        json_add_text(out, "unavailable", last_error());
        return out;
    }
    int rc = git_repository_open_ext(&repo, path, 0, NULL);
    if (rc == 0)
        describe(out, repo);
    else
        add_unavailable(out, path, rc);
    git_repository_free(repo);
    git_libgit2_shutdown();
    return out;
}
