/* SPDX-License-Identifier: MIT
 * Copies into the ring: the bytes arrive and no other bytes change, at any offset and length, with each copy method. */
#include "frame/copy.h"

#include <string.h>

#include "support/test.h"

enum { ROOM = 4096 + 256, GUARD = 0xa5 };

typedef void copy_function(struct myl_copier *copier, void *to, const void *from, size_t bytes);

static unsigned char from[ROOM];
static _Alignas(64) unsigned char to[ROOM];

static void streaming(struct myl_copier *copier, void *target, const void *source, size_t bytes)
{
    (void)copier;
    myl_copy_streaming(target, source, bytes);
}

static void check_copy(copy_function *copy, struct myl_copier *copier, size_t at, size_t source, size_t bytes)
{
    memset(to, GUARD, sizeof to);
    copy(copier, to + at, from + source, bytes);
    assert_memory_equal(to + at, from + source, bytes);
    for (size_t i = 0; i < at; i++)
        assert_int_equal(to[i], GUARD);
    for (size_t i = at + bytes; i < at + bytes + 80 && i < sizeof to; i++)
        assert_int_equal(to[i], GUARD);
}

static void setup_bytes(void)
{
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (unsigned char)(i * 7 + i / 256);
}

static void bytes_arrive_past_the_caches(void **state)
{
    (void)state;
    setup_bytes();
    static const size_t length[] = {0, 1, 15, 16, 63, 64, 65, 127, 128, 1000, 1023, 1024, 4096};
    for (size_t at = 0; at < 80; at++) {
        for (size_t i = 0; i < sizeof length / sizeof length[0]; i++)
            check_copy(streaming, NULL, at, (at * 5) % 70, length[i]);
    }
}

/* Long enough to pass the trials of both methods and use the chosen one. */
static void bytes_arrive_during_and_after_the_trials(void **state)
{
    (void)state;
    setup_bytes();
    struct myl_copier copier;
    memset(&copier, 0, sizeof copier);
    for (size_t turn = 0; turn < 1300; turn++)
        check_copy(myl_copy_in, &copier, turn % 70, turn % 33, 1024 + turn % 2000);
    assert_true(copier.streams == 0 || copier.streams == 1);
    uint32_t before = copier.turn;
    check_copy(myl_copy_in, &copier, 3, 4, 1023); /* too short for a choice of the method */
    assert_int_equal(copier.turn, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive_past_the_caches),
        cmocka_unit_test(bytes_arrive_during_and_after_the_trials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
