/* git_read STORE URL REV PATH: resolves a name, fetches the commit and prints its id and the file. */
#include <stdio.h>

#include "engine/git/repository.h"

static int read_file(struct buffer *out, struct repository *r, const char *rev, const char *path, struct error *err) {
    char commit[COMMIT_HEX_SIZE];
    struct git_entry entry;
    int rc = repository_resolve(r, rev, commit, err);
    if (rc == 0)
        rc = repository_fetch(r, commit, err);
    if (rc == 0)
        rc = repository_find(r, commit, path, &entry, err);
    if (rc == 0)
        rc = repository_read(r, &entry, 1 << 20, out, err);
    if (rc == 0)
        printf("%s\n%s", commit, buffer_text(out));
    return rc;
}

int main(int argc, char **argv) {
    struct repository *r = NULL;
    struct buffer text = {0};
    struct error err = {0};
    if (argc != 5)
        return 2;
    int rc = repository_open(&r, argv[1], argv[2], &err);
    if (rc == 0)
        rc = read_file(&text, r, argv[3], argv[4], &err);
    if (rc < 0)
        fprintf(stderr, "%s\n", err.message);
    buffer_close(&text);
    repository_close(r);
    return error_exit_status(rc);
}
