#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/git/internal.h"
#include "engine/git/irregular.h"

static int remote_error(struct error *err, const struct repository *r, int code) {
    const char *broken = stream_fault(), *reason = broken ? broken : libgit_reason();
    const char *hint = code == GIT_ECERTIFICATE ? "; SSL_CERT_FILE may name the certificate of another authority"
                       : code == GIT_EAUTH      ? "; ssh reaches a private repository"
                                                : "";
    return error_set(err, ERR_FAILED, "%s: cannot be fetched: %s%s", r->url, reason, hint);
}

/* As OpenSSL reads them, for a libgit2 that was built without it. */
static int use_certificates(void) {
    const char *file = getenv("SSL_CERT_FILE"), *folder = getenv("SSL_CERT_DIR");
    return file || folder ? libgit.libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, file, folder) : 0;
}

static int on_transfer(const git_indexer_progress *p, void *context) {
    char line[128];
    snprintf(line, sizeof line, "%u of %u objects, %.1f MiB", p->received_objects, p->total_objects,
             (double)p->received_bytes / (1 << 20));
    repository_tell(context, line);
    return 0;
}

/* A redirect may lead to another path of the same host. */
static int connect_remote(git_remote **out, git_repository *repo, struct repository *r) {
    git_remote_connect_options options;
    libgit.remote_connect_options_init(&options, GIT_REMOTE_CONNECT_OPTIONS_VERSION);
    options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
    options.proxy_opts.type = GIT_PROXY_AUTO;
    int rc = stream_register();
    if (rc == 0)
        rc = use_certificates();
    if (rc == 0)
        rc = libgit.libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
    if (rc == 0)
        rc = libgit.remote_create_anonymous(out, repo, r->url);
    return rc == 0 ? libgit.remote_connect_ext(*out, GIT_DIRECTION_FETCH, &options) : rc;
}

static int check_files(const struct repository *r, struct error *err) {
    static const char scheme[] = "file://";
    bool local = strncmp(r->url, scheme, strlen(scheme)) == 0;
    char *file = local ? git_irregular_file(r->url + strlen(scheme)) : NULL;
    int rc = file ? error_set(err, ERR_FAILED, "%s: cannot be fetched: %s is no regular file", r->url, file) : 0;
    free(file);
    return rc;
}

/* Needs no repository in the store: a name may be asked for before anything is fetched. */
int remote_list(struct repository *r, ref_visit *visit, void *context, struct error *err) {
    git_repository *none = NULL;
    git_remote *remote = NULL;
    const git_remote_head **heads = NULL;
    size_t count = 0;
    if (check_files(r, err) < 0)
        return ERR_FAILED;
    int rc = libgit.repository_new(&none);
    if (rc == 0)
        rc = repository_isolate(none);
    if (rc == 0)
        rc = connect_remote(&remote, none, r);
    if (rc == 0)
        rc = libgit.remote_ls(&heads, &count, remote);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        char oid[COMMIT_HEX_SIZE];
        visit(context, heads[i]->name, libgit.oid_tostr(oid, sizeof oid, &heads[i]->oid));
    }
    rc = rc < 0 ? remote_error(err, r, rc) : 0;
    libgit.remote_free(remote);
    libgit.repository_free(none);
    return rc;
}

/* `refused`: the server answered, so other references may be asked for. */
static int download(struct repository *r, char **refspecs, size_t count, bool *refused, struct error *err) {
    git_remote *remote = NULL;
    git_fetch_options options;
    libgit.fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
    options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
    options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
    options.proxy_opts.type = GIT_PROXY_AUTO;
    options.callbacks.transfer_progress = on_transfer;
    options.callbacks.payload = r;
    int rc = connect_remote(&remote, r->bare, r);
    *refused = rc == 0;
    if (rc == 0)
        rc = libgit.remote_download(remote, &(git_strarray){refspecs, count}, &options);
    *refused = *refused && rc < 0 && !stream_fault();
    if (rc < 0)
        rc = remote_error(err, r, rc);
    libgit.remote_free(remote);
    return rc;
}

/* Many servers refuse a commit by its id: then all branches and tags are fetched. Their names are not kept. */
int remote_download(struct repository *r, const char *commit, struct error *err) {
    char *id = mem_strdup(commit), heads[] = "refs/heads/*:refs/heads/*", tags[] = "refs/tags/*:refs/tags/*";
    bool refused = false;
    int rc = check_files(r, err);
    if (rc == 0)
        rc = download(r, &id, 1, &refused, err);
    if (refused)
        rc = download(r, (char *[]){heads, tags}, 2, &refused, err);
    free(id);
    return rc;
}
