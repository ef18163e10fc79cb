/* SHA-256 over libcrypto. Source: FIPS 180-4. */
#ifndef RETORT_BASE_SHA256_H
#define RETORT_BASE_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

struct digest {
    uint8_t bytes[32];
};

enum { DIGEST_HEX_SIZE = 65 }; /* 64 lower-case digits and a NUL */

struct sha256; /* one running hash */

/* Begins a hash; sha256_finish or sha256_free frees it. */
struct sha256 *sha256_create(void);
void sha256_update(struct sha256 *h, const void *bytes, size_t size);

/* Hashes the length as eight little-endian bytes, then the bytes. So two different lists of fields have different
   input. */
void sha256_field(struct sha256 *h, const void *bytes, size_t size);

/* Ends the hash, writes the digest and frees `h`. */
void sha256_finish(struct sha256 *h, struct digest *out);

/* Ends the hash, writes the digest and begins a new hash: many hashes need only one context. */
void sha256_restart(struct sha256 *h, struct digest *out);
void sha256_free(struct sha256 *h); /* NULL is harmless */

/* The digest of `size` bytes. */
void sha256_bytes(struct digest *out, const void *bytes, size_t size);

/* Hashes a regular file; `size` may be NULL. ERR_NOT_FOUND; ERR_INVALID for any other kind of file; ERR_IO. Messages
   start with the path. */
int sha256_file(struct digest *out, uint64_t *size, const char *path, struct error *err);

/* The same for an open regular file, from its present offset. */
int sha256_open_file(struct digest *out, uint64_t *size, int fd, const char *path, struct error *err);

/* The version of libcrypto that runs: "3.0.15". */
const char *sha256_library(void);

/* Writes 64 lower-case digits and a NUL. */
void digest_hex(char hex[DIGEST_HEX_SIZE], const struct digest *d);
bool digest_parse(struct digest *out, const char *hex); /* exactly 64 lower-case hex digits */
bool digest_equal(const struct digest *a, const struct digest *b);
bool digest_is_zero(const struct digest *d); /* the digest of nothing: it was never computed */

#endif
