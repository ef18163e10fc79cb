/*
 * Fuzz targets: one file a parser, <target>.c, which gives any bytes to it and holds what must be true of the answer.
 * Linked with libFuzzer it looks for bytes that break the parser (make fuzz). Linked with replay.c it reads the files
 * of corpus/<target>/ again, as every test run does.
 */
#ifndef RETORT_TESTS_FUZZ_H
#define RETORT_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The entry that libFuzzer knows; returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A target's own mutator. If there is one, libFuzzer makes new inputs only by it: `data` has room for `max_size`
   bytes; returns the new size. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* libFuzzer's own changes to bytes; none where a corpus is replayed. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* Aborts, naming the place, when a property does not hold: the bytes are kept by libFuzzer. */
#define HOLDS(condition) fuzz_holds(condition, #condition, __FILE__, __LINE__)
void fuzz_holds(int condition, const char *text, const char *file, int line);

/* A folder in memory for the files that a parser reads; the same each time, removed at the end. */
const char *fuzz_folder(void);

/* Writes a file there and returns its path, which the caller frees. */
char *fuzz_file(const char *name, const void *bytes, size_t size);

#endif
