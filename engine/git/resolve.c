#include <string.h>

#include "engine/git/internal.h"

/* Commits that the remote gives a name to. */
struct found {
    const char *rev;
    char branch[COMMIT_HEX_SIZE], tag[COMMIT_HEX_SIZE], exact[COMMIT_HEX_SIZE];
};

/* `name` of a reference: "refs/tags/v1^{}" is what the tag object of "refs/tags/v1" points to, and follows it. */
static void consider(void *context, const char *name, const char *oid) {
    struct found *f = context;
    const char *rev = f->rev;
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

int repository_resolve(struct repository *r, const char *rev, char commit[COMMIT_HEX_SIZE], struct error *err) {
    struct found f = {.rev = rev};
    memcpy(f.exact, git_is_commit(rev) ? rev : "", git_is_commit(rev) ? COMMIT_HEX_SIZE : 1);
    int rc = 0;
    if (!*f.exact)
        rc = url_scheme(r->url) == URL_SSH ? ssh_list(r, consider, &f, err) : remote_list(r, consider, &f, err);
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
