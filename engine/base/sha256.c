#include "engine/base/sha256.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/memory.h"

enum { EXIT_ENVIRONMENT = 3, READ_SIZE = 256 * 1024 };

struct sha256 {
    EVP_MD_CTX *context;
};

/* Fetched once: a fetch costs more than the hash of a small object. */
static EVP_MD *algorithm;
static pthread_once_t algorithm_once = PTHREAD_ONCE_INIT;

/* libcrypto 3.0 uses memory before it checks that it got any. */
static void *allocate(size_t size, const char *file, int line) {
    (void)file, (void)line;
    return size ? mem_checked(malloc(size)) : NULL;
}

static void give(void *memory, const char *file, int line) {
    (void)file, (void)line;
    free(memory);
}

static void *resize(void *memory, size_t size, const char *file, int line) {
    if (size)
        return mem_checked(realloc(memory, size));
    give(memory, file, line);
    return NULL;
}

static void fetch_algorithm(void) {
    CRYPTO_set_mem_functions(allocate, resize,
                             give); /* fails if another library called it first, which changes nothing */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL); /* none changes SHA-256 */
    algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* Nothing can be stored or found without the hash. libcrypto fails only when it is broken or out of memory. */
static void require(int ok) {
    if (ok)
        return;
    fputs("retort: libcrypto does not provide SHA-256: it is broken, or out of memory\n", stderr);
    _exit(EXIT_ENVIRONMENT);
}

struct sha256 *sha256_create(void) {
    require(pthread_once(&algorithm_once, fetch_algorithm) == 0 && algorithm != NULL);
    struct sha256 *h = mem_alloc(sizeof *h);
    h->context = EVP_MD_CTX_new();
    require(h->context && EVP_DigestInit_ex2(h->context, algorithm, NULL));
    return h;
}

void sha256_update(struct sha256 *h, const void *bytes, size_t size) {
    if (size > 0)
        require(EVP_DigestUpdate(h->context, bytes, size));
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
    if (!h)
        return;
    EVP_MD_CTX_free(h->context);
    free(h);
}

void sha256_finish(struct sha256 *h, struct digest *out) {
    require(EVP_DigestFinal_ex(h->context, out->bytes, NULL));
    sha256_free(h);
}

void sha256_restart(struct sha256 *h, struct digest *out) {
    require(EVP_DigestFinal_ex(h->context, out->bytes, NULL));
    require(EVP_DigestInit_ex2(h->context, NULL, NULL));
}

void sha256_bytes(struct digest *out, const void *bytes, size_t size) {
    struct sha256 *h = sha256_create();
    sha256_update(h, bytes, size);
    sha256_finish(h, out);
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
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

void digest_hex(char hex[DIGEST_HEX_SIZE], const struct digest *d) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof d->bytes; i++) {
        hex[2 * i] = digits[d->bytes[i] >> 4];
        hex[2 * i + 1] = digits[d->bytes[i] & 15];
    }
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
