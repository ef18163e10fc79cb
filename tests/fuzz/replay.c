/* Gives files, and those of folders, to a fuzz target: replay PATH... If the target has a mutator, it also gives
   them changed by that. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "tests/fuzz/fuzz.h"

enum { MOST_BYTES = 64 << 20, CHANGES = 32, MOST_CHANGED_BYTES = 16 << 10 };

#pragma weak LLVMFuzzerCustomMutator

static size_t given, changed;

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) {
    (void)data;
    (void)max_size;
    return size;
}

/* In a block of its own size, so that a sanitizer sees a read behind its end; NULL for no bytes, as libFuzzer does. */
static void give(const void *bytes, size_t size) {
    uint8_t *exact = size ? mem_alloc(size) : NULL;
    if (exact)
        memcpy(exact, bytes, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static void give_changed(const struct buffer *bytes, const char *path) {
    uint8_t *copy = mem_alloc(MOST_CHANGED_BYTES);
    for (unsigned seed = 0; seed < CHANGES && bytes->size <= MOST_CHANGED_BYTES; seed++) {
        if (bytes->size)
            memcpy(copy, bytes->data, bytes->size);
        size_t size = LLVMFuzzerCustomMutator(copy, bytes->size, MOST_CHANGED_BYTES, seed);
        fprintf(stderr, "%s, change %u\n", path, seed);
        give(copy, size);
        changed++;
    }
    free(copy);
}

static int give_file(const char *path) {
    struct buffer bytes = {0};
    struct error err = {0};
    if (file_read(&bytes, path, MOST_BYTES, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    fprintf(stderr, "%s\n", path); /* the last one said is the one that broke it */
    give(bytes.data, bytes.size);
    given++;
    if (LLVMFuzzerCustomMutator)
        give_changed(&bytes, path);
    buffer_close(&bytes);
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
    printf("%zu inputs, %zu changed ones\n", given, changed);
    return failed || given == 0;
}
