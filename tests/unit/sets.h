/* SPDX-License-Identifier: MIT
 * Wait sets for tests. */
#ifndef MYL_TESTS_UNIT_SETS_H
#define MYL_TESTS_UNIT_SETS_H

#include "unit/lanes.h"

RINGS_UNUSED static myl_waitset *open_set(enum myl_wait_strategy strategy)
{
    myl_waitset_options o = {.size = sizeof o, .wait.strategy = strategy};
    myl_waitset *set = NULL;
    test_ok(myl_waitset_open(&set, &o));
    assert_non_null(set);
    return set;
}

/* Exactly these handles are ready, in any order. */
RINGS_UNUSED static void expect_ready(myl_waitset *set, int64_t timeout_ns, uint32_t count, void *const *handles)
{
    myl_ready ready[8];
    uint32_t found = 99;
    assert_true(count <= 8);
    if (count == 0) {
        test_code(timeout_ns == MYL_TRY ? MYL_EAGAIN : MYL_ETIMEDOUT,
                  myl_waitset_wait(set, ready, 8, &found, timeout_ns));
        assert_int_equal(found, 0);
        return;
    }
    test_ok(myl_waitset_wait(set, ready, 8, &found, timeout_ns));
    assert_string_equal(myl_error_detail(), "");
    assert_int_equal(found, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t k = 0;
        while (k < count && ready[i].handle != handles[k])
            k++;
        assert_true(k < count);
    }
}

RINGS_UNUSED static void expect_one(myl_waitset *set, int64_t timeout_ns, void *handle)
{
    expect_ready(set, timeout_ns, 1, &handle);
}

RINGS_UNUSED static void expect_none(myl_waitset *set)
{
    expect_ready(set, MYL_TRY, 0, NULL);
}

#endif
