/* SPDX-License-Identifier: MIT
 * Times and deadlines. Times are added only here, and every sum saturates at MYL_FOREVER (292 years), which means
 * "never". The command uses this header too. */
#ifndef MYL_BASE_DEADLINE_H
#define MYL_BASE_DEADLINE_H

#include <myelon/base.h>

/* Returns a + b, saturated to the range of int64_t. */
static inline int64_t myl_time_add(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return b > 0 ? INT64_MAX : INT64_MIN;
    return sum;
}

/* Returns times * ns, at most INT64_MAX. Both must be 0 or more. */
static inline int64_t myl_time_multiply(int64_t ns, int64_t times)
{
    int64_t product;
    return __builtin_mul_overflow(ns, times, &product) ? INT64_MAX : product;
}

/* A point in time, on the clock that the caller reads `now` from. */
struct myl_deadline {
    int64_t at; /* MYL_FOREVER: never */
};

/* A timeout of 0 or less gives a deadline that has passed. */
static inline struct myl_deadline myl_deadline_after(int64_t now, int64_t timeout_ns)
{
    return (struct myl_deadline){timeout_ns > 0 ? myl_time_add(now, timeout_ns) : now};
}

static inline int myl_deadline_has_passed(struct myl_deadline deadline, int64_t now)
{
    return deadline.at != MYL_FOREVER && now >= deadline.at;
}

/* Returns the nanoseconds left: MYL_FOREVER if the deadline never comes, 0 if it has passed. */
static inline int64_t myl_deadline_left(struct myl_deadline deadline, int64_t now)
{
    if (deadline.at == MYL_FOREVER)
        return MYL_FOREVER;
    return deadline.at > now ? deadline.at - now : 0;
}

static inline struct myl_deadline myl_deadline_earlier(struct myl_deadline a, struct myl_deadline b)
{
    return a.at < b.at ? a : b;
}

/* The timeout of one call, which may wait several times. The clock starts once, with the first wait. */
struct myl_timeout {
    int64_t ns; /* as the caller gave it */
    int started;
    struct myl_deadline until; /* valid once started */
};

static inline void myl_timeout_start(struct myl_timeout *timeout, int64_t now)
{
    if (!timeout->started)
        timeout->until = myl_deadline_after(now, timeout->ns);
    timeout->started = 1;
}

#endif
