/* SPDX-License-Identifier: MIT
 * The memory that an arena holds. The allocation functions are replaced to count its blocks. */
#include <stdlib.h>

#include <myelon/codec.h>

#include "support/test.h"

#define LIMIT ((size_t)1 << 20)

void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void __real_free(void *memory);
void __wrap_free(void *memory);

/* The allocated blocks. */
static struct {
    void *at;
    size_t size;
} blocks[4096];
static size_t held, held_most;

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    void *made = __real_aligned_alloc(align, size);
    size_t i = 0;
    while (blocks[i].at != NULL)
        i++;
    assert_true(i + 1 < sizeof blocks / sizeof blocks[0]);
    blocks[i].at = made;
    blocks[i].size = size;
    held += size;
    held_most = held > held_most ? held : held_most;
    return made;
}

void __wrap_free(void *memory)
{
    for (size_t i = 0; memory != NULL && i + 1 < sizeof blocks / sizeof blocks[0]; i++) {
        if (blocks[i].at == memory) {
            held -= blocks[i].size;
            blocks[i].at = NULL;
        }
    }
    __real_free(memory);
}

static void take(myl_arena *arena, size_t bytes)
{
    void *memory;
    test_ok(myl_arena_take(arena, bytes, 8, &memory));
}

/* Checks that the blocks hold at most three times the limit and the largest block allocated in advance. */
static void held_memory_is_bounded(void)
{
    if (held_most > 3 * LIMIT + ((size_t)1 << 20) + 65536)
        test_fail("an arena of limit %zu held %zu bytes", LIMIT, held_most);
}

static void begin(myl_arena **arena)
{
    held_most = held;
    test_ok(myl_arena_open(arena, LIMIT));
}

static void end(myl_arena *arena)
{
    myl_arena_close(arena);
    assert_int_equal(held, 0);
    held_memory_is_bounded();
}

static void growing_first_objects_are_bounded(void **state)
{
    (void)state;
    myl_arena *arena;
    begin(&arena);
    for (size_t i = 0; i < 200; i++) {
        take(arena, 65536 + 4096 * i);
        myl_arena_reset(arena);
    }
    end(arena);
}

static void alternating_sizes_are_bounded(void **state)
{
    (void)state;
    myl_arena *arena;
    begin(&arena);
    for (size_t i = 0; i < 1000; i++) {
        for (size_t k = 0; k < i % 5; k++)
            take(arena, 1000 * k);
        take(arena, i % 2 ? 16 : 512 * i);
        take(arena, i % 3 ? 100000 + 64 * i : 64);
        myl_arena_reset(arena);
    }
    end(arena);
}

static void small_objects_up_to_the_limit_are_bounded(void **state)
{
    (void)state;
    myl_arena *arena;
    begin(&arena);
    for (size_t round = 0; round < 5; round++) {
        for (size_t i = 0; i < LIMIT / 64; i++)
            take(arena, 64);
        myl_arena_reset(arena);
    }
    end(arena);
}

static void same_values_allocate_nothing_again(void **state)
{
    (void)state;
    myl_arena *arena;
    begin(&arena);
    for (size_t round = 0; round < 10; round++) {
        size_t before = held;
        for (size_t i = 0; i < 100; i++)
            take(arena, i % 10 == 9 ? 50000 : 100);
        assert_true(round == 0 || held == before);
        myl_arena_reset(arena);
    }
    end(arena);
}

/* Memory in use stays unchanged while later blocks are freed and allocated. */
static void memory_in_use_is_never_freed(void **state)
{
    (void)state;
    myl_arena *arena;
    unsigned char *given[64];
    begin(&arena);
    for (size_t round = 0; round < 50; round++) {
        for (size_t i = 0; i < 20; i++) {
            size_t bytes = 1 + (round * 7919 + i * 104729) % 30000;
            void *memory;
            test_ok(myl_arena_take(arena, bytes, 1, &memory));
            given[i] = memory;
            *given[i] = (unsigned char)(i + 1);
        }
        for (size_t i = 0; i < 20; i++)
            assert_int_equal(*given[i], i + 1);
        myl_arena_reset(arena);
    }
    end(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growing_first_objects_are_bounded),
        cmocka_unit_test(alternating_sizes_are_bounded),
        cmocka_unit_test(small_objects_up_to_the_limit_are_bounded),
        cmocka_unit_test(same_values_allocate_nothing_again),
        cmocka_unit_test(memory_in_use_is_never_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
