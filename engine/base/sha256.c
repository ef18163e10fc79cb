/* libcrypto's SHA256_* functions: its newer interface hashes with the same code, but takes a millisecond to start and
   allocates for each digest. */
#define OPENSSL_API_COMPAT 10101 /* else they warn */
#include "engine/base/sha256.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/opensslv.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/memory.h"

enum { READ_SIZE = 256 * 1024 };

struct sha256 {
    SHA256_CTX context;
};

struct sha256 *sha256_create(void) {
    struct sha256 *h = mem_alloc(sizeof *h);
    SHA256_Init(&h->context);
    return h;
}

void sha256_update(struct sha256 *h, const void *bytes, size_t size) {
    if (size > 0)
        SHA256_Update(&h->context, bytes, size);
}

void sha256_field(struct sha256 *h, const void *bytes, size_t size) {
    uint8_t field[128]; /* a short field in one update: each costs as much as hashing it */
    const uint64_t length = htole64(size);
    size_t copied = size <= sizeof field - sizeof length ? size : 0;
    memcpy(field, &length, sizeof length);
    if (copied)
        memcpy(field + sizeof length, bytes, copied);
    sha256_update(h, field, sizeof length + copied);
    if (copied < size)
        sha256_update(h, bytes, size);
}

void sha256_free(struct sha256 *h) {
    free(h);
}

void sha256_finish(struct sha256 *h, struct digest *out) {
    SHA256_Final(out->bytes, &h->context);
    sha256_free(h);
}

void sha256_restart(struct sha256 *h, struct digest *out) {
    SHA256_Final(out->bytes, &h->context);
    SHA256_Init(&h->context);
}

/* libcrypto's own SHA256() would start its newer interface. */
void sha256_bytes(struct digest *out, const void *bytes, size_t size) {
    struct sha256 h;
    SHA256_Init(&h.context);
    sha256_update(&h, bytes, size);
    SHA256_Final(out->bytes, &h.context);
}

static int open_regular(const char *path, struct error *err) {
    /* O_NONBLOCK: opening a named pipe would wait for a writer, before fstat can refuse it. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT)
        return error_set(err, ERR_NOT_FOUND, "%s: does not exist", path);
    if (fd < 0)
        return error_errno(err, errno, "%s: cannot be opened", path);
    struct stat st;
    int rc = 0;
    if (fstat(fd, &st) < 0)
        rc = error_errno(err, errno, "%s: cannot be examined", path);
    else if (!S_ISREG(st.st_mode))
        rc = error_set(err, ERR_INVALID, "%s: is not a regular file", path);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    return fd;
}

int sha256_open_file(struct digest *out, uint64_t *size, int fd, const char *path, struct error *err) {
    struct sha256 *h = sha256_create();
    char *chunk = mem_scratch(READ_SIZE);
    uint64_t total = 0;
    int rc = 0;
    for (;;) {
        ssize_t got = read(fd, chunk, READ_SIZE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            rc = error_errno(err, errno, "%s: cannot be read", path);
        if (got <= 0)
            break;
        sha256_update(h, chunk, (size_t)got);
        total += (uint64_t)got;
    }
    struct digest d;
    sha256_finish(h, &d);
    if (rc == 0) {
        *out = d;
        if (size)
            *size = total;
    }
    free(chunk);
    return rc;
}

int sha256_file(struct digest *out, uint64_t *size, const char *path, struct error *err) {
    int fd = open_regular(path, err);
    if (fd < 0)
        return fd;
    int rc = sha256_open_file(out, size, fd, path, err);
    close(fd);
    return rc;
}

const char *sha256_library(void) {
    return OPENSSL_VERSION_STR; /* linked statically: that of the headers */
}

/* The two digits of each byte. */
#define SIXTEEN(d) d "0" d "1" d "2" d "3" d "4" d "5" d "6" d "7" d "8" d "9" d "a" d "b" d "c" d "d" d "e" d "f"
static const char digits[] =
    SIXTEEN("0") SIXTEEN("1") SIXTEEN("2") SIXTEEN("3") SIXTEEN("4") SIXTEEN("5") SIXTEEN("6") SIXTEEN("7") SIXTEEN("8")
        SIXTEEN("9") SIXTEEN("a") SIXTEEN("b") SIXTEEN("c") SIXTEEN("d") SIXTEEN("e") SIXTEEN("f");

void digest_hex(char hex[DIGEST_HEX_SIZE], const struct digest *d) {
    for (size_t i = 0; i < sizeof d->bytes; i++)
        memcpy(hex + 2 * i, digits + (size_t)2 * d->bytes[i], 2);
    hex[DIGEST_HEX_SIZE - 1] = '\0';
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool digest_parse(struct digest *out, const char *hex) {
    if (strnlen(hex, DIGEST_HEX_SIZE) != DIGEST_HEX_SIZE - 1)
        return false;
    struct digest d;
    for (size_t i = 0; i < sizeof d.bytes; i++) {
        int high = hex_value(hex[2 * i]);
        int low = hex_value(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        d.bytes[i] = (uint8_t)(high * 16 + low);
    }
    *out = d;
    return true;
}

bool digest_equal(const struct digest *a, const struct digest *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool digest_is_zero(const struct digest *d) {
    static const struct digest zero;
    return digest_equal(d, &zero);
}
