/* Reads an array that a stage has written; shared by the tests of link/dataset and deeprx/infer. */
#ifndef RETORT_TESTS_UNIT_STAGES_NPY_FIXTURE_H
#define RETORT_TESTS_UNIT_STAGES_NPY_FIXTURE_H

#include "stages/npy.h"
#include "tests/unit/stages/fixture.h"

/* All elements of a file of the directory; the caller frees. */
static inline void *npy_fixture(const char *directory, const char *name, struct npy *array) {
    struct npy_reader *r;
    struct error err = {0};
    size_t count;
    char *path = path_join(directory, name);
    if (npy_open(&r, path, &err))
        fail_msg("%s", err.message);
    *array = *npy_array(r);
    assert_int_equal(npy_count(&count, array, &err), 0);
    void *elements = mem_array(count, npy_type_bytes(array->type));
    assert_int_equal(npy_read(r, elements, 0, count, &err), 0);
    npy_close(r);
    free(path);
    return elements;
}

static inline void assert_shape(const struct npy *a, enum npy_type type, size_t dims, const size_t *shape) {
    assert_int_equal(a->type, type);
    assert_int_equal(a->dims, dims);
    for (size_t d = 0; d < dims; d++)
        assert_int_equal(a->shape[d], shape[d]);
}

#endif
