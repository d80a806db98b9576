/* SPDX-License-Identifier: MIT
 * The wait loop and its strategies. */
#define _POSIX_C_SOURCE 200809L
#include "wait/wait.h"

#include "base/error.h"
#include "base/options.h"
#include "segment/wake.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SPIN_NS ((int64_t)3000)
#define ADAPTIVE_MOST_NS ((int64_t)50000)
#define SLEEP_NS ((int64_t)100000)
#define SLEEP_LEAST_NS ((int64_t)1000)
#define LONGEST_NS ((int64_t)1000000000)
#define YIELD_IDLE_NS ((int64_t)2000) /* a yield without another runnable thread takes less */
#define YIELDS 2U
#define YIELDS_MOST 1000000U
/* Checks between two readings of the clock: about a microsecond. */
#define CHECKS_BUSY 512U
#define CHECKS_HINT 32U

static const char *const strategy_names[] = {
    "default", "adaptive", "busy-spin", "spin-hint", "spin-yield", "sleep", "block",
};

const char *myl_wait_strategy_name(enum myl_wait_strategy strategy)
{
    unsigned i = (unsigned)strategy;
    return i < sizeof strategy_names / sizeof strategy_names[0] ? strategy_names[i] : "?";
}

int myl_wait_strategy_parse(const char *name, enum myl_wait_strategy *strategy)
{
    MYL_I_NOT_NULL(strategy);
    for (unsigned i = 0; name != NULL && i < sizeof strategy_names / sizeof strategy_names[0]; i++) {
        if (strcmp(name, strategy_names[i]) == 0) {
            *strategy = (enum myl_wait_strategy)i;
            return MYL_OK;
        }
    }
    return myl_fail(MYL_EINVAL,
                    "\"%s\" is not a wait strategy; pass adaptive, busy-spin, spin-hint, spin-yield, sleep or block",
                    name == NULL ? "" : name);
}

/* Reads a number from the environment. Leaves *value unchanged if the variable is not set. */
static int from_environment(const char *variable, int64_t least, int64_t most, int64_t *value)
{
    const char *text = getenv(variable);
    if (text == NULL || text[0] == '\0')
        return MYL_OK;
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || number < least || number > most)
        return myl_fail(MYL_EINVAL,
                        "environment variable %s is \"%.40s\"; set a whole number from %" PRId64 " to %" PRId64,
                        variable, text, least, most);
    *value = number;
    return MYL_OK;
}

static int check_given(const myl_wait_options *options)
{
    if ((unsigned)options->strategy > MYL_WAIT_BLOCK)
        return myl_fail(MYL_EINVAL, "wait.strategy is %d; pass a value of enum myl_wait_strategy",
                        (int)options->strategy);
    if ((unsigned)options->on_signal > MYL_SIGNAL_INTERRUPT)
        return myl_fail(MYL_EINVAL, "wait.on_signal is %d; pass MYL_SIGNAL_CONTINUE (0) or MYL_SIGNAL_INTERRUPT (1)",
                        (int)options->on_signal);
    if (options->spin_ns < 0 || options->spin_ns > LONGEST_NS)
        return myl_fail(MYL_EINVAL, "wait.spin_ns is %" PRId64 "; pass 0 to 1000000000 (1 s)", options->spin_ns);
    if (options->sleep_ns != 0 && (options->sleep_ns < SLEEP_LEAST_NS || options->sleep_ns > LONGEST_NS))
        return myl_fail(MYL_EINVAL, "wait.sleep_ns is %" PRId64 "; pass 0, or 1000 (1 us) to 1000000000 (1 s)",
                        options->sleep_ns);
    if (options->yields > YIELDS_MOST && options->yields != MYL_YIELDS_NONE)
        return myl_fail(MYL_EINVAL, "wait.yields is %" PRIu32 "; pass at most %u", options->yields, YIELDS_MOST);
    return myl_reserved_check(options->reserved, sizeof options->reserved, "myl_wait_options");
}

int myl_waiter_set_up(struct myl_waiter *waiter, const myl_wait_options *options)
{
    int64_t spin = 0, sleep = SLEEP_NS, yields = YIELDS;
    enum myl_wait_strategy strategy = options->strategy;
    int rc = check_given(options);
    const char *named = getenv("MYELON_WAIT");
    if (rc == MYL_OK && strategy == MYL_WAIT_DEFAULT && named != NULL && named[0] != '\0')
        rc = myl_wait_strategy_parse(named, &strategy);
    if (rc == MYL_OK)
        rc = from_environment("MYELON_SPIN_NS", 1, LONGEST_NS, &spin);
    if (rc == MYL_OK)
        rc = from_environment("MYELON_SLEEP_NS", SLEEP_LEAST_NS, LONGEST_NS, &sleep);
    if (rc == MYL_OK)
        rc = from_environment("MYELON_YIELDS", 0, YIELDS_MOST, &yields);
    if (rc != MYL_OK)
        return rc;
    if (strategy == MYL_WAIT_DEFAULT)
        strategy = MYL_WAIT_ADAPTIVE;
    if (options->spin_ns != 0)
        spin = options->spin_ns;
    if (spin == 0)
        spin = strategy == MYL_WAIT_ADAPTIVE ? ADAPTIVE_MOST_NS : SPIN_NS;
    waiter->strategy = strategy;
    waiter->spin_ns = spin;
    waiter->budget_ns = spin < SPIN_NS ? spin : SPIN_NS;
    waiter->sleep_ns = options->sleep_ns != 0 ? options->sleep_ns : sleep;
    waiter->ends_at_signal = options->on_signal == MYL_SIGNAL_INTERRUPT;
    if (options->yields != 0)
        yields = options->yields == MYL_YIELDS_NONE ? 0 : options->yields;
    waiter->yields = (uint32_t)yields;
    return MYL_OK;
}

/* --- one wait --------------------------------------------------------------------------------------------- */

struct wait {
    struct myl_waiter *waiter;
    const struct myl_wait_site *site;
    int64_t now, start;
    struct myl_deadline deadline, next_question;
    int64_t interval;
};

int myl_wait_interrupted(struct myl_waiter *waiter)
{
    /* A21 interrupted [acq]. Pairs: A22. */
    if (MYL_LIKELY(myl_load32_acq(&waiter->interrupted) == 0))
        return MYL_EAGAIN;
    myl_store32_rlx(&waiter->interrupted, 0); /* A22 */
    return myl_fail(MYL_EINTERRUPTED, "an interrupt call ended the wait; call again to continue it");
}

int myl_wait_signalled(void)
{
    return myl_fail(MYL_EINTERRUPTED, "a signal handler ran during the wait; call again to continue it");
}

/* Called after a sleep that returned `ended`, if the condition does not hold yet. */
static int check_signalled(const struct myl_waiter *waiter, int ended)
{
    return ended == EINTR && waiter->ends_at_signal ? myl_wait_signalled() : MYL_EAGAIN;
}

/* The checks that need the clock: interruption, liveness, timeout. MYL_EAGAIN: wait on. */
static int clock_checks(struct wait *wait)
{
    wait->now = myl_os_now();
    int interrupted = myl_wait_interrupted(wait->waiter);
    if (interrupted != MYL_EAGAIN)
        return interrupted;
    if (myl_deadline_has_passed(wait->next_question, wait->now)) {
        /* The interval doubles while nothing happens, so an idle participant uses almost no processor time. */
        int64_t twice = myl_time_multiply(wait->interval, 2);
        wait->interval = twice < wait->site->liveness_most_ns ? twice : wait->site->liveness_most_ns;
        wait->next_question = myl_deadline_after(wait->now, wait->interval);
        int rc = wait->site->overdue(wait->site->context);
        if (rc != MYL_EAGAIN)
            return rc;
        if (wait->site->next_check != NULL)
            wait->next_question.at = wait->site->next_check(wait->site->context);
    }
    return myl_deadline_has_passed(wait->deadline, wait->now) ? MYL_ETIMEDOUT : MYL_EAGAIN;
}

/* Spins until ready, until time `until`, or until a clock check ends the wait. MYL_EAGAIN: `until` has passed. */
static int spin(struct wait *wait, int64_t until)
{
    int hint = wait->waiter->strategy != MYL_WAIT_BUSY_SPIN;
    unsigned checks = hint ? CHECKS_HINT : CHECKS_BUSY;
    for (;;) {
        for (unsigned i = 0; i < checks; i++) {
            int rc = wait->site->ready(wait->site->context);
            if (rc != MYL_EAGAIN)
                return rc;
            if (hint)
                myl_os_pause();
        }
        int rc = clock_checks(wait);
        if (rc != MYL_EAGAIN)
            return rc;
        if (wait->now >= until)
            return MYL_EAGAIN;
    }
}

static int yield(struct wait *wait)
{
    for (uint32_t i = 0; i < wait->waiter->yields; i++) {
        myl_os_yield();
        int rc = wait->site->ready(wait->site->context);
        if (rc != MYL_EAGAIN)
            return rc;
    }
    return MYL_EAGAIN;
}

static int64_t slice(const struct wait *wait)
{
    int64_t left = myl_deadline_left(myl_deadline_earlier(wait->deadline, wait->next_question), wait->now);
    return left > 0 ? left : 1;
}

static int sleep_in_turns(struct wait *wait)
{
    for (;;) {
        int64_t most = slice(wait);
        int ended = myl_os_sleep(wait->waiter->sleep_ns < most ? wait->waiter->sleep_ns : most);
        int rc = wait->site->ready(wait->site->context);
        if (rc == MYL_EAGAIN)
            rc = check_signalled(wait->waiter, ended);
        if (rc != MYL_EAGAIN)
            return rc;
        rc = clock_checks(wait);
        if (rc != MYL_EAGAIN)
            return rc;
    }
}

static int yield_in_turns(struct wait *wait)
{
    for (unsigned turn = 1;; turn++) {
        int rc = wait->site->ready(wait->site->context);
        if (rc != MYL_EAGAIN)
            return rc;
        rc = turn % 8 == 0 ? clock_checks(wait) : MYL_EAGAIN;
        if (rc != MYL_EAGAIN)
            return rc;
        myl_os_yield();
    }
}

static int park_on(struct wait *wait, const struct myl_parkers *parkers)
{
    if (wait->site->before_park != NULL)
        wait->site->before_park(wait->site->context);
    for (;;) {
        int64_t most;
        myl_park_announce(parkers, &most);
        MYL_STEP("P6");
        int rc = wait->site->ready(wait->site->context); /* P6, L5 */
        if (rc == MYL_EAGAIN)
            rc = clock_checks(wait); /* also checks for an interruption after the announcement */
        if (rc != MYL_EAGAIN)
            return rc;
        int ended = myl_park_sleep(parkers, slice(wait), most); /* P7, L6 */
        rc = wait->site->ready(wait->site->context); /* P8, L7 */
        if (rc == MYL_EAGAIN)
            rc = check_signalled(wait->waiter, ended);
        if (rc != MYL_EAGAIN)
            return rc;
    }
}

static int park(struct wait *wait)
{
    struct myl_parker parker = {.park = wait->site->park, .mode = wait->site->mode};
    struct myl_os_park_word word;
    struct myl_parkers one = {.parker = &parker, .word = &word, .count = 1};
    return park_on(wait, wait->site->parkers != NULL ? wait->site->parkers : &one);
}

/* Adaptive: the next spin lasts twice as long as this wait took. It is halved if this wait was longer than the longest
 * spin. It is also halved if a yield ran another thread: spinning would only keep that thread from its core. */
static void adapt(struct wait *wait, int contended)
{
    struct myl_waiter *waiter = wait->waiter;
    int64_t least = waiter->spin_ns < SPIN_NS ? waiter->spin_ns : SPIN_NS;
    int64_t took = wait->now - wait->start;
    int64_t budget = contended || took > waiter->spin_ns ? waiter->budget_ns / 2 : 2 * took;
    waiter->budget_ns = budget < least ? least : budget > waiter->spin_ns ? waiter->spin_ns : budget;
}

static int yield_then_sleep(struct wait *wait, int *contended)
{
    int64_t before = wait->now;
    int rc = yield(wait);
    wait->now = myl_os_now();
    /* Without a yield, contention is unknown. */
    *contended = wait->waiter->yields > 0 && wait->now - before > (int64_t)wait->waiter->yields * YIELD_IDLE_NS;
    if (rc != MYL_EAGAIN)
        return rc;
    if (wait->waiter->strategy == MYL_WAIT_SLEEP || wait->site->park == NULL)
        return sleep_in_turns(wait);
    return park(wait);
}

static int wait_by_strategy(struct wait *wait)
{
    struct myl_waiter *waiter = wait->waiter;
    enum myl_wait_strategy strategy = waiter->strategy;
    if (strategy == MYL_WAIT_BUSY_SPIN || strategy == MYL_WAIT_SPIN_HINT)
        return spin(wait, INT64_MAX);
    int adaptive = strategy == MYL_WAIT_ADAPTIVE;
    int rc = spin(wait, wait->start + (adaptive ? waiter->budget_ns : waiter->spin_ns)); /* 1 s at most */
    if (rc != MYL_EAGAIN)
        return rc;
    if (strategy == MYL_WAIT_SPIN_YIELD)
        return yield_in_turns(wait);
    int contended;
    rc = yield_then_sleep(wait, &contended);
    if (adaptive && rc == MYL_OK) {
        wait->now = myl_os_now();
        adapt(wait, contended);
    }
    return rc;
}

/* Is this a result after which callers usually wait again? Consecutive waits with such results share one schedule of
 * liveness checks. Otherwise a caller that waits for a dead producer's successor would get the report every few
 * milliseconds. A caller whose waits end at a signal every millisecond would never check. */
static bool is_retryable(int rc)
{
    return rc == MYL_ETIMEDOUT || rc == MYL_EINTERRUPTED || rc == MYL_EPRODUCERDEAD || rc == MYL_EPRODUCERLEFT;
}

bool myl_timeout_is_over(const struct myl_timeout *timeout)
{
    return timeout->started && myl_deadline_has_passed(timeout->until, myl_os_now());
}

/* Sets the time of the next liveness check and the interval after it. The schedule of the last wait is continued within
 * the limits of this wait, whose intervals may be shorter. */
static void set_questions(struct wait *wait)
{
    const struct myl_wait_site *site = wait->site;
    wait->interval = site->liveness_ns;
    wait->next_question = myl_deadline_after(wait->now, wait->interval);
    if (site->next_check != NULL)
        wait->next_question.at = site->next_check(site->context);
    if (site->next_check != NULL || wait->waiter->due == 0)
        return;
    struct myl_deadline latest = myl_deadline_after(wait->now, site->liveness_most_ns);
    wait->next_question = myl_deadline_earlier((struct myl_deadline){wait->waiter->due}, latest);
    if (wait->waiter->due_interval > wait->interval)
        wait->interval = wait->waiter->due_interval;
    if (wait->interval > site->liveness_most_ns)
        wait->interval = site->liveness_most_ns;
}

int myl_wait(struct myl_waiter *waiter, const struct myl_wait_site *site, struct myl_timeout *timeout)
{
    if (timeout->ns == MYL_TRY)
        return MYL_EAGAIN;
    if (myl_timeout_is_over(timeout)) { /* an earlier wait of this call used it up; it may not have checked this */
        int rc = myl_wait_interrupted(waiter);
        return rc != MYL_EAGAIN ? rc : site->timed_out(site->context, timeout->ns);
    }
    /* The first checks run before the clock is read: most waits on a busy ring end here. */
    for (unsigned i = 0; i < CHECKS_HINT; i++) {
        int rc = site->ready(site->context);
        if (rc != MYL_EAGAIN)
            return rc;
        if (waiter->strategy != MYL_WAIT_BUSY_SPIN)
            myl_os_pause();
    }
    struct wait wait = {.waiter = waiter, .site = site};
    wait.now = wait.start = myl_os_now();
    myl_timeout_start(timeout, wait.now);
    wait.deadline = timeout->until;
    set_questions(&wait);
    int rc = wait_by_strategy(&wait);
    waiter->due = is_retryable(rc) ? wait.next_question.at : 0;
    waiter->due_interval = wait.interval;
    return rc == MYL_ETIMEDOUT ? site->timed_out(site->context, timeout->ns) : rc;
}

void myl_waiter_interrupt(struct myl_waiter *waiter, struct myl_park_word *park)
{
    /* A22 interrupted [rel]. Pairs: A21. Stored before the bump: a waiter that goes to sleep later sees it, and a
     * sleeping one is woken. */
    myl_store32_rel(&waiter->interrupted, 1);
    if (park != NULL)
        myl_park_bump(park);
}
