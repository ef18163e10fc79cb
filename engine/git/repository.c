#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/memory.h"
#include "engine/base/sha256.h"
#include "engine/git/internal.h"

enum { NAME_DIGITS = 32, LEFTOVER_S = 24 * 60 * 60 };

static char *folder_of(const char *store_folder, const char *url) {
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    sha256_bytes(&digest, url, strlen(url));
    digest_hex(hex, &digest);
    return mem_printf("%s/git/%.*s.git", store_folder, NAME_DIGITS, hex);
}

/* Somebody else may own the store. Alternates would make its repository a view of another one. */
static int check_alternates(const struct repository *r, struct error *err) {
    char *path = path_join(r->folder, "objects/info/alternates");
    int rc = file_exists(path) ? error_set(err, ERR_INVALID, "%s: borrows objects; remove it and try again", path) : 0;
    free(path);
    return rc;
}

static int open_bare(struct repository *r, struct error *err) {
    int rc = check_alternates(r, err);
    if (rc == 0 && (libgit.repository_open_bare(&r->bare, r->folder) < 0 || repository_isolate(r->bare) < 0 ||
                    libgit.repository_odb(&r->objects, r->bare) < 0))
        rc = error_set(err, ERR_IO, "%s: %s: %s", r->url, r->folder, libgit_reason());
    return rc;
}

int repository_open(struct repository **out, const char *store_folder, const char *url, struct error *err) {
    const char *fault = git_url_fault(url, false);
    *out = NULL;
    if (fault)
        return error_set(err, ERR_INVALID, "%s: %s", url, fault);
    if (libgit_load(err) < 0)
        return ERR_NOT_FOUND;
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

/* Makes the repository under another name first: a kill leaves no half of one, and of two engines one is first. */
static int make(struct repository *r, struct error *err) {
    char *temporary = NULL;
    int rc = repository_make_temporary(&temporary, r, err);
    if (rc == 0 && rename(temporary, r->folder) < 0 && !file_exists(r->folder))
        rc = error_errno(err, errno, "%s: cannot be made", r->folder);
    if (temporary)
        file_remove_tree(temporary, NULL); /* there after an error, and where another engine was first */
    free(temporary);
    return rc;
}

/* ---- fetching ---- */

/* A killed fetch leaves its unfinished pack or temporary repository. It belongs to nobody once it is a day old. */
static int remove_old(const char *folder, const char *prefix, struct error *err) {
    struct folder entries;
    const char *name;
    int rc = folder_open_if_there(&entries, folder, err);
    while (rc >= 0 && (rc = folder_next(&entries, &name, err)) > 0) {
        char *path = path_join(folder, name);
        struct stat st;
        if (strncmp(name, prefix, strlen(prefix)) == 0 && lstat(path, &st) == 0 &&
            clock_wall_s() - (double)st.st_mtime > LEFTOVER_S)
            file_remove_tree(path, NULL);
        free(path);
    }
    folder_close(&entries);
    return rc;
}

static int remove_leftovers(const struct repository *r, struct error *err) {
    char *packs = path_join(r->folder, "objects/pack"), *folder = path_directory(r->folder);
    char *temporary = mem_printf(".%s.tmp-", path_base(r->folder));
    int rc = remove_old(packs, "pack_", err); /* of libgit2; packs are "pack-..." */
    if (rc == 0)
        rc = remove_old(packs, "tmp_", err); /* of git */
    if (rc == 0)
        rc = remove_old(folder, temporary, err);
    free(temporary);
    free(folder);
    free(packs);
    return rc;
}

static char *mark_path(const struct repository *r, const char *commit) {
    return mem_printf("%s/refs/retort/%s", r->folder, commit);
}

bool repository_has(const struct repository *r, const char *commit) {
    char *path = mark_path(r, commit);
    bool has = r->bare && file_exists(path);
    free(path);
    return has;
}

bool repository_fetch_starts_program(const struct repository *r, const char *commit) {
    return url_scheme(r->url) == URL_SSH && !repository_has(r, commit);
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

static int download(struct repository *r, const char *commit, struct error *err) {
    return url_scheme(r->url) == URL_SSH ? ssh_download(r, commit, err) : remote_download(r, commit, err);
}

int repository_fetch(struct repository *r, const char *commit, struct error *err) {
    if (repository_has(r, commit))
        return 0;
    r->told_ns = clock_awake_ns(); /* a short fetch shows nothing */
    int rc = file_exists(r->folder) ? 0 : make(r, err);
    if (rc == 0 && !r->bare)
        rc = open_bare(r, err);
    if (rc == 0)
        rc = remove_leftovers(r, err);
    if (rc == 0)
        rc = download(r, commit, err);
    if (rc == 0)
        rc = commit_require(r, commit, err);
    if (rc == ERR_NOT_FOUND)
        error_set(err, rc, "%s: did not send the commit %s; it may have none, or no branch or tag leads to it", r->url,
                  commit);
    return rc == 0 ? mark(r, commit, err) : rc;
}
