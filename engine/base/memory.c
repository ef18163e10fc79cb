#include "engine/base/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_ENVIRONMENT = 3, FIRST_CAPACITY = 8 };

/* _exit, not exit: handlers and buffers need memory too. */
static _Noreturn void out_of_memory(size_t size) {
    char text[96];
    int length = snprintf(text, sizeof text, "retort: out of memory (%zu bytes wanted)\n", size);
    if (size == 0) /* size unknown */
        length = snprintf(text, sizeof text, "retort: out of memory\n");
    ssize_t written = write(STDERR_FILENO, text, (size_t)length);
    (void)written;
    _exit(EXIT_ENVIRONMENT);
}

static size_t checked_product(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX)
        out_of_memory(SIZE_MAX);
    return bytes ? bytes : 1; /* so that NULL always means failure */
}

void *mem_alloc(size_t size) {
    return mem_array(1, size);
}

void *mem_array(size_t count, size_t size) {
    size_t bytes = checked_product(count, size);
    void *memory = calloc(1, bytes);
    if (!memory)
        out_of_memory(bytes);
    return memory;
}

void *mem_scratch(size_t size) {
    return mem_resize(NULL, size, 1);
}

void *mem_resize(void *memory, size_t count, size_t size) {
    size_t bytes = checked_product(count, size);
    void *resized = realloc(memory, bytes);
    if (!resized)
        out_of_memory(bytes);
    return resized;
}

char *mem_strdup(const char *text) {
    return mem_strndup(text, strlen(text));
}

char *mem_strndup(const char *text, size_t length) {
    size_t used = strnlen(text, length);
    char *copy = mem_scratch(used + 1);
    memcpy(copy, text, used);
    copy[used] = '\0';
    return copy;
}

char *mem_printf(const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0)
        out_of_memory(strlen(format));
    return text;
}

void *mem_checked(void *memory) {
    if (!memory)
        out_of_memory(0);
    return memory;
}

void *mem_grow_bytes(void *array, size_t *capacity, size_t needed, size_t size) {
    if (array && needed <= *capacity)
        return array;
    size_t wanted = *capacity ? *capacity : FIRST_CAPACITY;
    while (wanted < needed)
        wanted = wanted > SIZE_MAX / 2 ? needed : wanted * 2;
    array = mem_resize(array, wanted, size);
    *capacity = wanted;
    return array;
}
