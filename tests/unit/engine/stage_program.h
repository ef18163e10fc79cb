/* The programs of ours that the unit programs of this room run. */
#ifndef RETORT_TESTS_ENGINE_STAGE_PROGRAM_H
#define RETORT_TESTS_ENGINE_STAGE_PROGRAM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include "engine/base/file.h"

/* They stand three folders above the unit programs of a room. The caller frees. */
static inline char *program_beside(const char *name) {
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(length > 0);
    self[length] = '\0';
    char *directory = path_directory(self);
    char *folder = path_join(directory, "../../.."), *beside = path_join(folder, name), *program = path_normal(beside);
    free(directory);
    free(folder);
    free(beside);
    return program;
}

static inline char *stage_program(void) {
    return program_beside("retort-stage");
}

static inline char *keeper_program(void) {
    return program_beside("retort-keeper");
}

#endif
