#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/arena.h"
#include "engine/base/buffer.h"
#include "engine/base/memory.h"

static void memory_is_zeroed(void **state) {
    (void)state;
    unsigned char *bytes = mem_array(100, 3);
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(bytes[i], 0);
    free(bytes);
    void *nothing = mem_alloc(0);
    assert_non_null(nothing);
    free(nothing);
}

/* Runs `action` in a child whose stderr is closed; its exit status. */
static int exit_status_of(void (*action)(void)) {
    pid_t pid = fork();
    if (pid == 0) {
        close(STDERR_FILENO);
        action();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static volatile size_t half = SIZE_MAX / 2 + 1; /* volatile: the compiler may not see through the product */

static void overflow_array(void) {
    free(mem_array(half, 2));
}

static void overflow_resize(void) {
    free(mem_resize(NULL, half, 2));
}

static void checked_null(void) {
    mem_checked(NULL);
}

static void overflow_arena(void) {
    arena_array(arena_create(), half, 2);
}

static void an_overflow_ends_the_program(void **state) {
    (void)state;
    assert_int_equal(exit_status_of(overflow_array), 3);
    assert_int_equal(exit_status_of(overflow_resize), 3);
    assert_int_equal(exit_status_of(checked_null), 3);
    assert_int_equal(exit_status_of(overflow_arena), 3);
}

static void strings_are_copied_and_printed(void **state) {
    (void)state;
    char *whole = mem_strdup("abc");
    char *part = mem_strndup("abcdef", 2);
    char *shorter = mem_strndup("ab", 10);
    char *printed = mem_printf("%s-%d", "x", 42);
    assert_string_equal(whole, "abc");
    assert_string_equal(part, "ab");
    assert_string_equal(shorter, "ab");
    assert_string_equal(printed, "x-42");
    free(whole);
    free(part);
    free(shorter);
    free(printed);
}

static void growing_keeps_the_content(void **state) {
    (void)state;
    int *numbers = NULL;
    size_t capacity = 0;
    for (size_t i = 0; i < 1000; i++) {
        mem_grow(numbers, &capacity, i + 1);
        assert_true(capacity > i);
        numbers[i] = (int)i;
    }
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(numbers[i], i);
    assert_true(capacity < 2048); /* doubling, not more */
    free(numbers);
}

static void a_buffer_appends_and_detaches(void **state) {
    (void)state;
    struct buffer b = {0};
    assert_string_equal(buffer_text(&b), "");
    assert_null(b.data);
    buffer_append(&b, "a\0b", 3);
    buffer_putc(&b, 'c');
    buffer_puts(&b, "de");
    assert_int_equal(b.size, 6);
    assert_memory_equal(b.data, "a\0bcde", 7);
    buffer_clear(&b);
    assert_string_equal(buffer_text(&b), "");
    for (int i = 0; i < 500; i++)
        buffer_printf(&b, "%03d,", i);
    assert_int_equal(b.size, 2000);
    assert_memory_equal(b.data + 1284, "321,", 4); /* four bytes a number */
    char *text = buffer_detach(&b);
    assert_int_equal(strlen(text), 2000);
    assert_null(b.data);
    free(text);
    text = buffer_detach(&b);
    assert_string_equal(text, "");
    free(text);
    buffer_close(&b);
}

static int destroyed[3];
static int destroyed_count;

static void note_destroyed(void *object) {
    destroyed[destroyed_count++] = *(int *)object;
}

static void an_arena_aligns_and_keeps_its_blocks(void **state) {
    (void)state;
    struct arena *a = arena_create();
    static int names[] = {1, 2, 3};
    char *texts[2000];
    for (int i = 0; i < 2000; i++) {
        texts[i] = arena_printf(a, "text %d", i);
        size_t size = (size_t)i * 11; /* small ones and ones that get a block of their own */
        unsigned char *bytes = arena_alloc(a, size);
        assert_int_equal((uintptr_t)bytes % _Alignof(void *), 0);
        for (size_t k = 0; k < size; k++)
            assert_int_equal(bytes[k], 0);
        memset(bytes, 0xFF, size);
    }
    for (int i = 0; i < 2000; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "text %d", i);
        assert_string_equal(texts[i], expected);
    }
    assert_string_equal(arena_strdup(a, "abc"), "abc");
    assert_string_equal(arena_strndup(a, "abc", 2), "ab");
    for (int i = 0; i < 3; i++)
        arena_own(a, &names[i], note_destroyed);
    arena_free(a);
    assert_int_equal(destroyed_count, 3);
    assert_int_equal(destroyed[0], 3);
    assert_int_equal(destroyed[2], 1);
    arena_free(NULL);
}

static void count_destroyed(void *object) {
    ++*(int *)object;
}

static void an_arena_aligns_behind_a_large_allocation(void **state) {
    (void)state;
    struct arena *a = arena_create();
    char *large = arena_alloc(a, (1 << 20) + 1);
    large[1 << 20] = 1;
    assert_int_equal((uintptr_t)arena_alloc(a, 8) % _Alignof(void *), 0);
    arena_free(a);
}

static void a_reset_arena_gives_zeroed_memory_again(void **state) {
    (void)state;
    struct arena *a = arena_create();
    int count = 0;
    arena_own(a, &count, count_destroyed);
    for (size_t size = 1; size < 100000; size *= 3)
        memset(arena_alloc(a, size), 0xff, size);
    arena_reset(a);
    assert_int_equal(count, 1);
    for (size_t size = 1; size < 100000; size *= 3) {
        const unsigned char *bytes = arena_alloc(a, size);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(bytes[i], 0);
    }
    arena_free(a);
    assert_int_equal(count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed),
        cmocka_unit_test(an_overflow_ends_the_program),
        cmocka_unit_test(strings_are_copied_and_printed),
        cmocka_unit_test(growing_keeps_the_content),
        cmocka_unit_test(a_buffer_appends_and_detaches),
        cmocka_unit_test(an_arena_aligns_and_keeps_its_blocks),
        cmocka_unit_test(an_arena_aligns_behind_a_large_allocation),
        cmocka_unit_test(a_reset_arena_gives_zeroed_memory_again),
    };
    return cmocka_run_group_tests_name("base/memory", tests, NULL, NULL);
}
