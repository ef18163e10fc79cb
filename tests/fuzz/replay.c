/* Gives files, and those of folders, to a fuzz target: replay PATH... */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "tests/fuzz/fuzz.h"

enum { MOST_BYTES = 64 << 20 };

static size_t given;

static int give_file(const char *path) {
    struct buffer bytes = {0};
    struct error err = {0};
    if (file_read(&bytes, path, MOST_BYTES, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    fprintf(stderr, "%s\n", path); /* the last one said is the one that broke it */
    /* In a block of its own size, so that a sanitizer sees a read behind its end; NULL for no bytes, as libFuzzer does. */
    uint8_t *exact = bytes.size ? mem_alloc(bytes.size) : NULL;
    if (exact)
        memcpy(exact, bytes.data, bytes.size);
    LLVMFuzzerTestOneInput(exact, bytes.size);
    free(exact);
    buffer_close(&bytes);
    given++;
    return 0;
}

static int give_folder(const char *path) {
    struct dirent **entries = NULL;
    int failed = 0;
    int count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char *entry = path_join(path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            failed |= give_file(entry);
        free(entry);
        free(entries[i]);
    }
    free(entries);
    return failed;
}

int main(int argc, char **argv) {
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= file_is_directory(argv[i]) ? give_folder(argv[i]) : give_file(argv[i]);
    printf("%zu inputs\n", given);
    return failed || given == 0;
}
