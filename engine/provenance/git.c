#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/git/irregular.h"
#include "engine/provenance/internal.h"

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
    char *why = mem_strdup(libgit_reason());
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

/* Whether a file of the repository around `path` is none that libgit2 can read; says so. */
static bool is_irregular(cJSON *out, const char *path) {
    char *folder = path_repository(path), *file = git_irregular_file(folder);
    char *why = file ? mem_printf("%s is no regular file", file) : NULL;
    if (why)
        json_add_text(out, "unavailable", why);
    free(why);
    free(file);
    free(folder);
    return why != NULL;
}

cJSON *provenance_git(const char *path, struct git_files *files) {
    cJSON *out = cJSON_CreateObject();
    git_repository *repo = NULL;
    struct error err = {0};
    if (!may_be_in_repository(path)) {
        json_add_text(out, "unavailable", no_repository);
        return out;
    }
    if (is_irregular(out, path))
        return out;
    if (libgit_load(&err) < 0 || libgit.libgit2_init() < 0) {
        json_add_text(out, "unavailable", err.code ? err.message : libgit_reason());
        return out;
    }
    int rc = libgit.repository_open_ext(&repo, path, 0, NULL);
    if (rc == 0)
        git_describe_all(out, repo, files);
    else
        add_unavailable(out, path, rc);
    libgit.repository_free(repo);
    libgit.libgit2_shutdown();
    return out;
}
