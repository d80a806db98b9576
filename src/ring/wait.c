/* SPDX-License-Identifier: MIT
 * The waiting loop and its strategies. */
#define _POSIX_C_SOURCE 200809L
#include "ring/wait.h"

#include "base/error.h"
#include "os/os.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SPIN_NS          ((int64_t)3000)
#define ADAPTIVE_MOST_NS ((int64_t)50000)
#define SLEEP_NS         ((int64_t)100000)
#define SLEEP_LEAST_NS   ((int64_t)1000)
#define LONGEST_NS       ((int64_t)1000000000)
#define YIELD_ALONE_NS   ((int64_t)2000) /* a yield that finds nobody waiting is over by then */
#define YIELDS           2U
#define YIELDS_MOST      1000000U
/* Looks between two looks at the clock: about a microsecond each. */
#define LOOKS_BUSY 512U
#define LOOKS_HINT 32U

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
    for (unsigned i = 0; name != NULL && i < sizeof strategy_names / sizeof strategy_names[0]; i++) {
        if (strcmp(name, strategy_names[i]) == 0) {
            *strategy = (enum myl_wait_strategy)i;
            return MYL_OK;
        }
    }
    return myl_fail(MYL_EINVAL,
                    "\"%s\" is not a wait strategy; there are adaptive, busy-spin, spin-hint, spin-yield, sleep "
                    "and block",
                    name == NULL ? "" : name);
}

/* A number from the environment; `value` stays what it is when the variable is not set. */
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
                        "the environment says %s=%.40s; it takes a whole number from %" PRId64 " to %" PRId64, variable,
                        text, least, most);
    *value = number;
    return MYL_OK;
}

static int check_given(const myl_wait_options *options)
{
    if ((unsigned)options->strategy > MYL_WAIT_BLOCK)
        return myl_fail(MYL_EINVAL, "wait strategy %d is none of the known ones", (int)options->strategy);
    if (options->spin_ns < 0 || options->spin_ns > LONGEST_NS)
        return myl_fail(MYL_EINVAL, "spin_ns %" PRId64 " is not 0 to 1 s", options->spin_ns);
    if (options->sleep_ns != 0 && (options->sleep_ns < SLEEP_LEAST_NS || options->sleep_ns > LONGEST_NS))
        return myl_fail(MYL_EINVAL, "sleep_ns %" PRId64 " is not 1 us to 1 s", options->sleep_ns);
    if (options->yields > YIELDS_MOST)
        return myl_fail(MYL_EINVAL, "%" PRIu32 " yields are more than %u", options->yields, YIELDS_MOST);
    return MYL_OK;
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
    waiter->yields = options->yields != 0 ? options->yields : (uint32_t)yields;
    return MYL_OK;
}

/* --- one wait --------------------------------------------------------------------------------------------- */

struct wait {
    struct myl_waiter *waiter;
    const struct myl_wait_site *site;
    int64_t now, start;
    int64_t deadline;  /* INT64_MAX: none */
    int64_t next_question, interval;
};

/* Between looks, by the clock: interruption, time-out, liveness. MYL_EAGAIN: go on. */
static int clock_checks(struct wait *wait)
{
    wait->now = myl_os_now();
    /* A21 interrupted [acq]. Pairs: A22. */
    if (MYL_UNLIKELY(myl_load32_acq(&wait->waiter->interrupted) != 0)) {
        myl_store32_rlx(&wait->waiter->interrupted, 0); /* A22 */
        return myl_fail(MYL_EINTERRUPTED, "the wait was interrupted on request; call again to go on waiting");
    }
    if (wait->now >= wait->next_question) {
        /* The longer nothing happens, the less often we ask: an idle party costs nothing that can be seen. */
        wait->interval =
            wait->interval * 2 < wait->site->liveness_most_ns ? wait->interval * 2 : wait->site->liveness_most_ns;
        wait->next_question = wait->now + wait->interval;
        int rc = wait->site->overdue(wait->site->context);
        if (rc != MYL_EAGAIN)
            return rc;
    }
    return wait->now >= wait->deadline ? MYL_ETIMEDOUT : MYL_EAGAIN;
}

/* Looks until ready, until `until`, or until the clock says otherwise. MYL_EAGAIN: the spin is used up. */
static int spin(struct wait *wait, int64_t until)
{
    int hint = wait->waiter->strategy != MYL_WAIT_BUSY_SPIN;
    unsigned looks = hint ? LOOKS_HINT : LOOKS_BUSY;
    for (;;) {
        for (unsigned i = 0; i < looks; i++) {
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
    int64_t until = wait->deadline < wait->next_question ? wait->deadline : wait->next_question;
    return until > wait->now ? until - wait->now : 1;
}

static int sleep_in_turns(struct wait *wait)
{
    for (;;) {
        int64_t most = slice(wait);
        myl_os_sleep(wait->waiter->sleep_ns < most ? wait->waiter->sleep_ns : most);
        int rc = wait->site->ready(wait->site->context);
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

static int park(struct wait *wait)
{
    struct myl_parker parker = {.park = wait->site->park, .mode = wait->site->mode};
    if (wait->site->before_park != NULL)
        wait->site->before_park(wait->site->context);
    for (;;) {
        uint32_t value;
        int64_t most;
        myl_park_announce(&parker, &value, &most);
        MYL_STEP("P6");
        int rc = wait->site->ready(wait->site->context); /* P6, L5 */
        if (rc == MYL_EAGAIN) {
            rc = clock_checks(wait); /* the interruption too is re-checked behind the announcement */
            if (rc == MYL_EAGAIN) {
                myl_park_sleep(&parker, value, slice(wait), most); /* P7, L6 */
                rc = wait->site->ready(wait->site->context);       /* P8, L7 */
                if (rc == MYL_EAGAIN)
                    continue;
            }
        }
        return rc;
    }
}

/* Adaptive: the next spin is as long as would have done this time, twice over. It shrinks when even the longest would
 * not have done, and when a yield showed that somebody else wants this core: then spinning only keeps them from
 * working. */
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
    *contended = wait->now - before > (int64_t)wait->waiter->yields * YIELD_ALONE_NS;
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
    int rc = spin(wait, wait->start + (adaptive ? waiter->budget_ns : waiter->spin_ns));
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

/* Results after which whoever still wants something just waits again: such waits in a row are one long wait, and ask as
 * rarely. Else who is told of a death, and waits for the successor, would be told every few milliseconds. */
static int is_told_again(int rc)
{
    return rc == MYL_ETIMEDOUT || rc == MYL_EPRODUCERDEAD || rc == MYL_EUNSEATED;
}

int myl_wait(struct myl_waiter *waiter, const struct myl_wait_site *site, int64_t timeout_ns)
{
    if (timeout_ns == MYL_TRY)
        return MYL_EAGAIN;
    /* The first looks come before the first question for the time: most waits of a busy ring end here. */
    for (unsigned i = 0; i < LOOKS_HINT; i++) {
        int rc = site->ready(site->context);
        if (rc != MYL_EAGAIN)
            return rc;
        if (waiter->strategy != MYL_WAIT_BUSY_SPIN)
            myl_os_pause();
    }
    struct wait wait = {.waiter = waiter, .site = site};
    wait.now = wait.start = myl_os_now();
    wait.deadline = myl_deadline(wait.now, timeout_ns);
    wait.interval = site->liveness_ns;
    wait.next_question = wait.now + wait.interval;
    if (waiter->due != 0) {
        wait.interval = waiter->due_interval;
        wait.next_question = waiter->due;
    }
    int rc = wait_by_strategy(&wait);
    waiter->due = is_told_again(rc) ? wait.next_question : 0;
    waiter->due_interval = wait.interval;
    return rc;
}

void myl_waiter_interrupt(struct myl_waiter *waiter, struct myl_park_word *park)
{
    /* A22 interrupted [rel]. Pairs: A21. Before the bump: whoever falls asleep later sees it, whoever sleeps is
     * woken. */
    myl_store32_rel(&waiter->interrupted, 1);
    if (park != NULL)
        myl_park_bump(park);
}
