/*
 * Arrays that other programs read and write: NumPy's .npy files, format 1.0, of 32-bit floats or bytes in C order.
 *
 *   \x93 N U M P Y | 1 0 | length of the header, 2 bytes, little endian | header | data
 *   header: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 14, 12, 10), } padded with spaces, "\n" at its end
 *
 * The writer pads so that the data start at a multiple of 64 bytes. The reader is strict. It wants each of the three
 * members of the header once, little-endian or single-byte types, and C order. The file must have the size that the
 * shape gives. Files are read and written a part at a time, for they can be larger than memory. Source:
 * numpy.lib.format, "Format Version 1.0".
 */
#ifndef RETORT_STAGES_NPY_H
#define RETORT_STAGES_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/base/error.h"

enum npy_type { NPY_F32, NPY_U8 };
enum { NPY_MAX_DIMS = 8, NPY_MAX_HEADER_BYTES = 10 + 65535 };

struct npy {
    enum npy_type type;
    size_t dims;
    size_t shape[NPY_MAX_DIMS];
};

/* Bytes of an element. */
size_t npy_type_bytes(enum npy_type type);

/* "[2,14,12,10] f32", for messages. */
void npy_describe(struct buffer *out, const struct npy *a);

/* Elements of the array; ERR_INVALID when they, or their bytes, are more than a size holds. */
int npy_count(size_t *out, const struct npy *a, struct error *err);

/* Appends everything that stands before the data. */
void npy_header_encode(struct buffer *out, const struct npy *a);

/* Reads what stands before the data: `bytes` is the start of a file of `file_size` bytes, NPY_MAX_HEADER_BYTES of it
   or all of it. `data_offset`: where the data start. ERR_INVALID. */
int npy_header_parse(struct npy *out, size_t *data_offset, const void *bytes, size_t size, uint64_t file_size,
                     struct error *err);

/* A file being read. Messages start with the path. */
struct npy_reader;

/* ERR_INVALID, ERR_NOT_FOUND, ERR_IO. */
int npy_open(struct npy_reader **out, const char *path, struct error *err);
const struct npy *npy_array(const struct npy_reader *r);

/* `count` elements from element `first` on; they must lie in the array. ERR_IO when the file has become shorter. */
int npy_read(struct npy_reader *r, void *out, size_t first, size_t count, struct error *err);
void npy_close(struct npy_reader *r);

/* A file being written, under another name beside `path` until npy_writer_finish; so `path` is whole or as it was. */
struct npy_writer;

/* Begins the file and writes its header. ERR_INVALID as npy_count; ERR_IO. */
int npy_writer_create(struct npy_writer **out, const char *path, const struct npy *a, struct error *err);

/* The next `count` elements. */
int npy_write(struct npy_writer *w, const void *elements, size_t count, struct error *err);

/* Syncs and renames; every element has been written. */
int npy_writer_finish(struct npy_writer *w, struct error *err);

/* Frees; what was not finished is removed. */
void npy_writer_free(struct npy_writer *w);

#endif
