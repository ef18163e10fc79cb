#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/git/internal.h"

#define TELL_NS UINT64_C(1000000000)

int repository_isolate(git_repository *repo) {
    git_config *config = NULL;
    int rc = libgit.config_new(&config);
    if (rc == 0)
        rc = libgit.repository_set_config(repo, config);
    libgit.config_free(config);
    return rc;
}

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

int repository_make_temporary(char **out, const struct repository *r, struct error *err) {
    uint64_t random = 0;
    char mark[17];
    if (getrandom(&random, sizeof random, 0) < 0)
        return error_set(err, ERR_IO, "no random number can be had");
    snprintf(mark, sizeof mark, "%016llx", (unsigned long long)random);
    *out = path_temporary(r->folder, mark);
    return init_bare(*out, r->url, err);
}

void repository_on_progress(struct repository *r, git_progress *progress, void *context) {
    r->progress = progress;
    r->progress_context = context;
}

void repository_tell(struct repository *r, const char *line) {
    uint64_t now = clock_awake_ns();
    if (!r->progress || now - r->told_ns < TELL_NS)
        return;
    char *text = mem_printf("fetching %s: %s", r->url, line);
    r->told_ns = now;
    r->progress(r->progress_context, text);
    free(text);
}
