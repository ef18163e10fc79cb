#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"

void fuzz_holds(int condition, const char *text, const char *file, int line) {
    if (condition)
        return;
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
    abort();
}

static char *folder;

static void remove_folder(void) {
    file_remove_tree(folder, NULL);
    free(folder);
}

const char *fuzz_folder(void) {
    if (!folder) {
        folder = mem_printf("%s/retort-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        HOLDS(mkdtemp(folder) != NULL);
        atexit(remove_folder);
    }
    return folder;
}

char *fuzz_file(const char *name, const void *bytes, size_t size) {
    char *path = path_join(fuzz_folder(), name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    HOLDS(fd >= 0 && file_write_all(fd, bytes, size, path, NULL) == 0);
    close(fd);
    return path;
}
