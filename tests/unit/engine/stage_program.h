/* What the unit programs of this room run their stages with. */
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

/* retort-stage stands three folders above the unit programs of a room. The caller frees. */
static inline char *stage_program(void) {
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(length > 0);
    self[length] = '\0';
    char *directory = path_directory(self);
    char *beside = path_join(directory, "../../../retort-stage"), *program = path_normal(beside);
    free(directory);
    free(beside);
    return program;
}

#endif
