/* .npy: a header that is taken is of the file's size, and is written the same way. */
#include <string.h>

#include "engine/base/buffer.h"
#include "stages/npy.h"
#include "tests/fuzz/fuzz.h"

static void hold_parsed(const struct npy *a, size_t data_offset, size_t size) {
    struct npy again = {0};
    struct buffer header = {0};
    struct error err = {0};
    size_t count = 0;
    size_t offset = 0;
    HOLDS(npy_count(&count, a, &err) == 0);
    HOLDS(a->dims <= NPY_MAX_DIMS && data_offset + count * npy_type_bytes(a->type) == size);
    npy_header_encode(&header, a);
    HOLDS(npy_header_parse(&again, &offset, header.data, header.size, header.size + (size - data_offset), &err) == 0);
    HOLDS(again.type == a->type && again.dims == a->dims && offset == header.size);
    HOLDS(memcmp(again.shape, a->shape, a->dims * sizeof *a->shape) == 0);
    buffer_close(&header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct npy a = {0};
    struct error err = {0};
    size_t data_offset = 0;
    if (npy_header_parse(&a, &data_offset, data, size, size, &err) == 0)
        hold_parsed(&a, data_offset, size);
    else
        HOLDS(err.code == ERR_INVALID && *err.message);
    return 0;
}
