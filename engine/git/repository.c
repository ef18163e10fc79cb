#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/base/sha256.h"
#include "engine/git/internal.h"

enum { NAME_DIGITS = 32 };

static char *folder_of(const char *store_folder, const char *url) {
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    sha256_bytes(&digest, url, strlen(url));
    digest_hex(hex, &digest);
    return mem_printf("%s/git/%.*s.git", store_folder, NAME_DIGITS, hex);
}

/* Gives the repository an empty configuration, in place of the user's. */
static int open_bare(struct repository *r, struct error *err) {
    git_config *config = NULL;
    int failed = libgit.repository_open_bare(&r->bare, r->folder) < 0 || libgit.config_new(&config) < 0 ||
                 libgit.repository_set_config(r->bare, config) < 0 || libgit.repository_odb(&r->objects, r->bare) < 0;
    libgit.config_free(config);
    return failed ? error_set(err, ERR_IO, "%s: %s: %s", r->url, r->folder, libgit_reason()) : 0;
}

int repository_open(struct repository **out, const char *store_folder, const char *url, struct error *err) {
    const char *fault = git_url_fault(url, false);
    *out = NULL;
    if (fault)
        return error_set(err, ERR_INVALID, "%s: %s", url, fault);
    if (libgit_load(err) < 0)
        return ERR_IO;
    if (libgit.libgit2_init() < 0)
        return error_set(err, ERR_IO, "libgit2 cannot be initialised: %s", libgit_reason());
    struct repository *r = mem_alloc(sizeof *r);
    r->url = mem_strdup(url);
    r->folder = folder_of(store_folder, url);
    int rc = file_exists(r->folder) ? open_bare(r, err) : 0;
    if (rc == 0)
        *out = r;
    else
        repository_close(r);
    return rc;
}

void repository_close(struct repository *r) {
    if (!r)
        return;
    libgit.odb_free(r->objects);
    libgit.repository_free(r->bare);
    libgit.libgit2_shutdown();
    free(r->folder);
    free(r->url);
    free(r);
}

/* ---- making ---- */

static int init_bare(const char *folder, const char *url, struct error *err) {
    git_repository *made = NULL;
    git_repository_init_options options;
    libgit.repository_init_options_init(&options, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
    options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKPATH | GIT_REPOSITORY_INIT_NO_REINIT;
    options.initial_head = "none"; /* else the user's configuration would name it */
    int failed = libgit.repository_init_ext(&made, folder, &options) < 0;
    libgit.repository_free(made);
    return failed ? error_set(err, ERR_IO, "%s: %s: %s", url, folder, libgit_reason()) : 0;
}

/* Makes the repository under another name first: a kill leaves no half of one, and of two engines one is first. */
static int make(struct repository *r, struct error *err) {
    uint64_t random = 0;
    char mark[17];
    if (getrandom(&random, sizeof random, 0) < 0)
        return error_set(err, ERR_IO, "no random number can be had");
    snprintf(mark, sizeof mark, "%016llx", (unsigned long long)random);
    char *temporary = path_temporary(r->folder, mark);
    int rc = init_bare(temporary, r->url, err);
    if (rc == 0 && rename(temporary, r->folder) < 0 && !file_exists(r->folder))
        rc = error_errno(err, errno, "%s: cannot be made", r->folder);
    file_remove_tree(temporary, NULL); /* there after an error, and where another engine was first */
    free(temporary);
    return rc;
}

/* ---- fetching ---- */

static char *mark_path(const struct repository *r, const char *commit) {
    return mem_printf("%s/refs/retort/%s", r->folder, commit);
}

bool repository_has(const struct repository *r, const char *commit) {
    char *path = mark_path(r, commit);
    bool has = r->bare && file_exists(path);
    free(path);
    return has;
}

/* A reference of git. Not written by libgit2: a killed engine would leave a lock that keeps all others away. */
static int mark(struct repository *r, const char *commit, struct error *err) {
    char *path = mark_path(r, commit), *folder = path_directory(path), *line = mem_printf("%s\n", commit);
    int rc = file_make_directory(folder, err);
    if (rc == 0)
        rc = file_replace(path, line, strlen(line), 0666, err);
    free(line);
    free(folder);
    free(path);
    return rc;
}

static int fetch(struct repository *r, const char *commit, struct error *err) {
    git_remote *remote = NULL;
    git_fetch_options options;
    char *refspec = mem_strdup(commit);
    libgit.fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
    options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
    int failed = libgit.remote_create_anonymous(&remote, r->bare, r->url) < 0 ||
                 libgit.remote_download(remote, &(git_strarray){&refspec, 1}, &options) < 0;
    int rc = failed ? error_set(err, ERR_FAILED, "%s: cannot be fetched: %s", r->url, libgit_reason()) : 0;
    libgit.remote_free(remote);
    free(refspec);
    return rc;
}

int repository_fetch(struct repository *r, const char *commit, struct error *err) {
    if (repository_has(r, commit))
        return 0;
    int rc = file_exists(r->folder) ? 0 : make(r, err);
    if (rc == 0 && !r->bare)
        rc = open_bare(r, err);
    if (rc == 0)
        rc = fetch(r, commit, err);
    if (rc == 0)
        rc = commit_require(r, commit, err);
    return rc == 0 ? mark(r, commit, err) : rc;
}

/* ---- names ---- */

/* Commits that the remote gives a name to. */
struct found {
    char branch[COMMIT_HEX_SIZE], tag[COMMIT_HEX_SIZE], exact[COMMIT_HEX_SIZE];
};

/* `name` of a reference: "refs/tags/v1^{}" is what the tag object of "refs/tags/v1" points to, and follows it. */
static void consider(struct found *f, const char *rev, const char *name, const char *oid) {
    size_t length = strlen(name);
    bool peeled = length > 3 && strcmp(name + length - 3, "^{}") == 0;
    size_t bare = peeled ? length - 3 : length;
    const char *const prefixes[] = {"refs/heads/", "refs/tags/", ""};
    char *const places[] = {f->branch, f->tag, f->exact};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        size_t prefix = strlen(prefixes[i]);
        if (bare == prefix + strlen(rev) && strncmp(name, prefixes[i], prefix) == 0 &&
            strncmp(name + prefix, rev, bare - prefix) == 0)
            memcpy(places[i], oid, COMMIT_HEX_SIZE);
    }
}

static int ask(struct repository *r, const char *rev, struct found *f, struct error *err) {
    git_remote *remote = NULL;
    const git_remote_head **heads = NULL;
    size_t count = 0;
    int failed = libgit.remote_create_detached(&remote, r->url) < 0 ||
                 libgit.remote_connect(remote, GIT_DIRECTION_FETCH, NULL, NULL, NULL) < 0 ||
                 libgit.remote_ls(&heads, &count, remote) < 0;
    for (size_t i = 0; i < count; i++) {
        char oid[COMMIT_HEX_SIZE];
        consider(f, rev, heads[i]->name, libgit.oid_tostr(oid, sizeof oid, &heads[i]->oid));
    }
    int rc = failed ? error_set(err, ERR_FAILED, "%s: cannot be asked: %s", r->url, libgit_reason()) : 0;
    libgit.remote_free(remote);
    return rc;
}

int repository_resolve(struct repository *r, const char *rev, char commit[COMMIT_HEX_SIZE], struct error *err) {
    struct found f = {0};
    memcpy(f.exact, git_is_commit(rev) ? rev : "", git_is_commit(rev) ? COMMIT_HEX_SIZE : 1);
    int rc = *f.exact ? 0 : ask(r, rev, &f, err);
    if (rc < 0)
        return rc;
    if (*f.branch && *f.tag)
        return error_set(err, ERR_NOT_FOUND, "%s: %s is a branch and a tag: write refs/heads/%s or refs/tags/%s",
                         r->url, rev, rev, rev);
    const char *found = *f.exact ? f.exact : *f.tag ? f.tag : f.branch;
    if (!*found)
        return error_set(err, ERR_NOT_FOUND,
                         "%s: has no branch and no tag \"%s\"; a commit id has 40 lower-case digits", r->url, rev);
    memcpy(commit, found, COMMIT_HEX_SIZE);
    return 0;
}
