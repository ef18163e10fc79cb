#include "engine/git/irregular.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "engine/base/file.h"

static char *find_in(const char *git) {
    static const char *const names[] = {"HEAD", "config", "index", "packed-refs", "shallow", "objects/info/alternates"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct stat st;
        char *path = path_join(git, names[i]);
        if (stat(path, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
            return path;
        free(path);
    }
    return NULL;
}

char *git_irregular_file(const char *folder) {
    char *git = path_join(folder, ".git"), *found = find_in(git);
    free(git);
    return found ? found : find_in(folder);
}
