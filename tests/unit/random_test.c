/* SPDX-License-Identifier: MIT
 * Random bytes from a system call that returns fewer bytes than requested or none, is interrupted, or fails: the result
 * is all bytes, or an error. This program's getrandom replaces the C library's. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/types.h>

#include "os/os.h"
#include "support/test.h"

#ifdef MYL_OS_POSIX

int main(void)
{
    return 0; /* getentropy gives all or nothing */
}

#else

ssize_t getrandom(void *bytes, size_t count, unsigned flags);

static unsigned calls, fail_from;

ssize_t getrandom(void *bytes, size_t count, unsigned flags)
{
    (void)flags;
    calls++;
    errno = calls >= fail_from ? ENOSYS : EINTR;
    if (calls >= fail_from || calls % 2 == 0)
        return -1;
    size_t some = calls % 3 == 0 ? 0 : count < 3 ? count : 3;
    memset(bytes, 0xa5, some);
    errno = EIO; /* means nothing after a success */
    return (ssize_t)some;
}

static void all_bytes_come_in_pieces(void **state)
{
    (void)state;
    unsigned char bytes[17] = {0}, want[17];
    memset(want, 0xa5, 16);
    want[16] = 0;
    calls = 0;
    fail_from = 1000;
    assert_int_equal(myl_os_random(bytes, 16), 0);
    assert_memory_equal(bytes, want, sizeof want);
    assert_true(calls > 6);
}

static void a_failure_after_some_bytes_is_an_error(void **state)
{
    (void)state;
    unsigned char bytes[16];
    calls = 0;
    fail_from = 3;
    assert_int_equal(myl_os_random(bytes, sizeof bytes), ENOSYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_bytes_come_in_pieces),
        cmocka_unit_test(a_failure_after_some_bytes_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
