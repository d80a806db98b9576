/* SPDX-License-Identifier: MIT
 * Wait sets: members, scans, waits. docs/waiting.md, "Waiting on many". */
#include "waitset/waitset.h"

#include "base/error.h"
#include "base/options.h"
#include "frame/consumer.h"
#include "frame/observer.h"
#include "frame/producer.h"
#include "ring/consumer.h"
#include "ring/observer.h"
#include "ring/producer.h"
#include "segment/wake.h"

#include <inttypes.h>
#include <stdlib.h>

/* --- liveness ------------------------------------------------------------------------------------------------------
 * */

/* The next check of a member whose wait begins now. */
static void restart_checks(struct myl_waitset *set, struct myl_waitset_member *member, int64_t now)
{
    member->interval = *member->source.liveness_ns;
    member->due = myl_deadline_after(now, member->interval);
    set->due = myl_deadline_earlier(set->due, member->due);
}

/* Makes the checks that are due. Each member has a schedule of its own, so that a busy one does not put off the checks
 * of another. Returns true if one of them found something: that member is ready. */
static bool check_liveness(struct myl_waitset *set, int64_t now)
{
    bool found = false;
    if (!myl_deadline_has_passed(set->due, now))
        return false;
    set->due = (struct myl_deadline){MYL_FOREVER};
    for (uint32_t i = 0; i < set->count; i++) {
        struct myl_waitset_member *member = &set->member[i];
        if (myl_deadline_has_passed(member->due, now)) {
            int64_t twice = myl_time_multiply(member->interval, 2), most = *member->source.liveness_most_ns;
            member->interval = twice < most ? twice : most;
            member->due = myl_deadline_after(now, member->interval);
            found = member->source.overdue(member->source.context) || found;
        }
        set->due = myl_deadline_earlier(set->due, member->due);
    }
    return found;
}

/* --- scans ---------------------------------------------------------------------------------------------------------
 * */

static bool any_ready(const struct myl_waitset *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        const struct myl_wait_source *source = &set->member[i].source;
        if (source->ready(source->context))
            return true;
    }
    return false;
}

/* Stores up to `most` ready members. The next scan begins after the last one that was stored, or one member further. So
 * each member that is ready is stored after at most as many scans as there are members. */
static uint32_t collect(struct myl_waitset *set, myl_ready *ready, uint32_t most, int64_t now)
{
    uint32_t found = 0, first = set->turn, next = first + 1;
    for (uint32_t k = 0; k < set->count && found < most; k++) {
        uint32_t i = first + k < set->count ? first + k : first + k - set->count;
        struct myl_waitset_member *member = &set->member[i];
        if (!member->source.ready(member->source.context))
            continue;
        member->ready = true;
        restart_checks(set, member, now);
        ready[found++] = (myl_ready){.handle = member->handle, .user = member->user};
        if (found == most)
            next = i + 1;
    }
    set->turn = next < set->count ? next : 0;
    if (found > 0)
        set->unconfirmed = false;
    return found;
}

/* --- waits ---------------------------------------------------------------------------------------------------------
 * */

static void begin_waits(struct myl_waitset *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        const struct myl_wait_source *source = &set->member[i].source;
        set->member[i].ready = false;
        if (source->begin != NULL)
            source->begin(source->context);
    }
    for (uint32_t i = 0; i <= set->count; i++)
        set->parker[i].overslept = false;
}

static void end_waits(struct myl_waitset *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        const struct myl_wait_source *source = &set->member[i].source;
        if (source->end != NULL)
            source->end(source->context, set->member[i].ready);
    }
}

static int ready(void *context)
{
    return any_ready(context) ? MYL_OK : MYL_EAGAIN;
}

static int overdue(void *context)
{
    return check_liveness(context, myl_os_now()) ? MYL_OK : MYL_EAGAIN;
}

static int64_t next_check(void *context)
{
    return ((const struct myl_waitset *)context)->due.at;
}

static void before_park(void *context)
{
    const struct myl_waitset *set = context;
    for (uint32_t i = 0; i < set->count; i++) {
        const struct myl_wait_source *source = &set->member[i].source;
        if (source->before_park != NULL)
            source->before_park(source->context);
    }
}

static int timed_out(void *context, int64_t timeout_ns)
{
    char time[MYL_TIME_TEXT];
    return myl_fail(MYL_ETIMEDOUT, "none of the %" PRIu32 " handles of a wait set was ready within %s; wait again",
                    ((const struct myl_waitset *)context)->count, myl_time_text(timeout_ns, time));
}

static struct myl_parkers parkers_of(struct myl_waitset *set)
{
    return (struct myl_parkers){.parker = set->parker, .word = set->word, .count = set->count + 1};
}

static uint32_t wait_for_any(struct myl_waitset *set, myl_ready *found, uint32_t most, int64_t timeout_ns, int *rc)
{
    const struct myl_parkers parkers = parkers_of(set);
    const struct myl_wait_site site = {
        .context = set,
        .ready = ready,
        .overdue = overdue,
        .before_park = before_park,
        .timed_out = timed_out,
        .liveness_ns = MYL_FOREVER, /* next_check has the schedule */
        .liveness_most_ns = MYL_FOREVER,
        .next_check = next_check,
        .park = set->unparked == 0 ? &set->own : NULL, /* a ring without parking has to be checked */
        .parkers = &parkers,
    };
    struct myl_timeout timeout = {.ns = timeout_ns};
    begin_waits(set);
    *rc = myl_wait(&set->waiter, &site, &timeout);
    uint32_t count = *rc == MYL_OK ? collect(set, found, most, myl_os_now()) : 0;
    end_waits(set);
    return count;
}

/* --- the descriptor ------------------------------------------------------------------------------------------------
 * */

/* Invariant: the descriptor is not readable only while the bell is armed. It is armed only after all words were
 * announced and a scan after that found nothing: each later change is announced by a change of a word, which rings it.
 * */
static void disarm(struct myl_waitset *set)
{
    if (!set->armed)
        return;
    myl_bell_disarm(set->bell);
    set->armed = false;
    end_waits(set);
}

/* Announces the sleep that the bell's thread will sleep, with EFF in each word if there is a barrier (L4). *until: when
 * the thread has to ring at the latest. */
static void announce(struct myl_waitset *set, int64_t *until)
{
    const struct myl_parkers parkers = parkers_of(set);
    int64_t most;
    myl_park_announce(&parkers, &most);
    *until = set->due.at;
    if (most == INT64_MAX)
        return;
    for (uint32_t i = 0; i < parkers.count; i++)
        set->parker[i].overslept = true;
    myl_park_announce(&parkers, &most);
    if (myl_park_is_confirmed(&parkers) || set->unconfirmed)
        return;
    int64_t bound = myl_deadline_after(myl_os_now(), MYL_PARK_UNCONFIRMED_NS).at;
    *until = bound < *until ? bound : *until;
    set->unconfirmed = true; /* if nothing is ready after it, the next sleep needs no bound */
}

/* Returns MYL_EAGAIN with an armed bell, or MYL_OK: a member has become ready. */
static int arm(struct myl_waitset *set)
{
    int64_t until;
    begin_waits(set);
    before_park(set);
    announce(set, &until);
    if (set->unparked > 0) { /* a ring without parking has to be checked */
        int64_t soon = myl_deadline_after(myl_os_now(), set->waiter.sleep_ns).at;
        until = soon < until ? soon : until;
    }
    if (any_ready(set)) { /* L5, P6 */
        end_waits(set);
        return MYL_OK;
    }
    set->armed = true;
    myl_bell_arm(set->bell, set->word, set->count + 1, (struct myl_deadline){until});
    return MYL_EAGAIN;
}

/* Nothing is ready, and the call does not wait. */
static int try_again(struct myl_waitset *set)
{
    int rc = myl_wait_interrupted(&set->waiter);
    if (rc != MYL_EAGAIN || set->bell == NULL)
        return rc;
    rc = arm(set);
    if (rc != MYL_EAGAIN)
        return rc;
    /* An interruption after the check above changed the own word, which rings. */
    return MYL_EAGAIN;
}

int myl_waitset_fd(myl_waitset *set, int *fd)
{
    MYL_I_NOT_NULL(set);
    MYL_I_NOT_NULL(fd);
    *fd = -1;
    if (set->forked)
        return myl_fail(MYL_EFORKED, "this wait set was made by the parent, before the fork; make another one");
    int rc = set->bell != NULL ? MYL_OK : myl_bell_make(&set->bell);
    if (rc == MYL_OK)
        *fd = myl_bell_fd(set->bell);
    return rc;
}

/* --- calls ---------------------------------------------------------------------------------------------------------
 * */

static int forked(const struct myl_waitset *set)
{
    return set->forked
               ? myl_fail(MYL_EFORKED, "this wait set was made by the parent, before the fork; make another one")
               : MYL_OK;
}

int myl_waitset_wait(myl_waitset *set, myl_ready *ready_members, uint32_t most, uint32_t *count, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(set);
    MYL_I_NOT_NULL(ready_members);
    MYL_I_NOT_NULL(count);
    *count = 0;
    int rc = forked(set);
    if (rc != MYL_OK)
        return rc;
    if (most == 0)
        return myl_fail(MYL_EINVAL, "a wait for 0 ready handles reports none; pass at least 1");
    disarm(set);
    int64_t now = myl_os_now();
    (void)check_liveness(set, now);
    *count = collect(set, ready_members, most, now);
    if (*count == 0 && timeout_ns == MYL_TRY) {
        rc = try_again(set);
        if (rc == MYL_OK)
            *count = collect(set, ready_members, most, now);
    } else if (*count == 0) {
        *count = wait_for_any(set, ready_members, most, timeout_ns, &rc);
    }
    if (rc == MYL_OK)
        myl_error_clear(); /* of what the checks found: the handle's call has it */
    return rc;
}

void myl_waitset_interrupt(myl_waitset *set)
{
    MYL_I_NOT_NULL(set);
    if (!set->forked)
        myl_waiter_interrupt(&set->waiter, &set->own);
}

static struct myl_waitset_member *find(struct myl_waitset *set, const void *handle)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->member[i].handle == handle)
            return &set->member[i];
    }
    return NULL;
}

/* Can `handle` be added? Then returns MYL_OK, and the place of the new member. */
static int new_member(struct myl_waitset *set, void *handle, void *user, struct myl_waitset_member **member)
{
    int rc = forked(set);
    if (rc != MYL_OK)
        return rc;
    if (find(set, handle) != NULL)
        return myl_fail(MYL_EINVAL, "this handle is in the wait set already; add it once");
    if (set->count == MYL_WAITSET_MAX)
        return myl_fail(MYL_ELIMIT, "the wait set has %d handles, the most that it can have; make a second one",
                        MYL_WAITSET_MAX);
    disarm(set);
    *member = &set->member[set->count];
    **member = (struct myl_waitset_member){.handle = handle, .user = user};
    return MYL_OK;
}

/* The new member, whose source is filled, becomes one of the set. */
static int enter(struct myl_waitset *set, struct myl_waitset_member *member)
{
    const struct myl_wait_source *source = &member->source;
    set->parker[++set->count] = (struct myl_parker){.park = source->park, .mode = source->mode};
    if (source->park == NULL) {
        set->unparked++;
        set->parker[set->count] = set->parker[0]; /* twice the same word does no harm */
    }
    restart_checks(set, member, myl_os_now());
    myl_error_clear();
    return MYL_OK;
}

int myl_waitset_add_consumer(myl_waitset *set, myl_consumer *consumer, void *user)
{
    MYL_I_NOT_NULL(set);
    MYL_I_NOT_NULL(consumer);
    struct myl_waitset_member *member = NULL;
    int rc = new_member(set, consumer, user, &member);
    if (member == NULL)
        return rc;
    myl_consumer_source(consumer, &member->source);
    return enter(set, member);
}

int myl_waitset_add_frame_consumer(myl_waitset *set, myl_frame_consumer *consumer, void *user)
{
    MYL_I_NOT_NULL(set);
    MYL_I_NOT_NULL(consumer);
    struct myl_waitset_member *member = NULL;
    int rc = new_member(set, consumer, user, &member);
    if (member == NULL)
        return rc;
    myl_frame_consumer_source(consumer, &member->source);
    return enter(set, member);
}

int myl_waitset_add_observer(myl_waitset *set, myl_observer *observer, void *user)
{
    MYL_I_NOT_NULL(set);
    MYL_I_NOT_NULL(observer);
    struct myl_waitset_member *member = NULL;
    int rc = new_member(set, observer, user, &member);
    if (member == NULL)
        return rc;
    myl_observer_source(observer, &member->source);
    return enter(set, member);
}

int myl_waitset_add_frame_observer(myl_waitset *set, myl_frame_observer *observer, void *user)
{
    MYL_I_NOT_NULL(set);
    MYL_I_NOT_NULL(observer);
    struct myl_waitset_member *member = NULL;
    int rc = new_member(set, observer, user, &member);
    if (member == NULL)
        return rc;
    myl_frame_observer_source(observer, &member->source);
    return enter(set, member);
}

/* A request belongs to its member, so a member that moves has to take its source along. */
static int enter_producer(struct myl_waitset *set, struct myl_waitset_member *member, struct myl_producer *producer,
                          uint64_t events)
{
    member->request = (struct myl_room_request){.producer = producer, .events = events};
    int rc = myl_producer_source(&member->request, &member->source);
    return rc == MYL_OK ? enter(set, member) : rc;
}

int myl_waitset_add_producer(myl_waitset *set, myl_producer *producer, uint64_t events, void *user)
{
    MYL_I_NOT_NULL(set);
    MYL_I_NOT_NULL(producer);
    struct myl_waitset_member *member = NULL;
    int rc = new_member(set, producer, user, &member);
    if (member == NULL)
        return rc;
    if (events == 0)
        return myl_fail(MYL_EINVAL, "a producer that waits for room for 0 events is always ready; pass at least 1");
    return enter_producer(set, member, producer, events);
}

int myl_waitset_add_frame_producer(myl_waitset *set, myl_frame_producer *producer, uint64_t bytes, void *user)
{
    MYL_I_NOT_NULL(set);
    MYL_I_NOT_NULL(producer);
    struct myl_waitset_member *member = NULL;
    uint64_t cells = 0;
    int rc = new_member(set, producer, user, &member);
    if (member == NULL)
        return rc;
    rc = myl_frame_need(producer, bytes, &cells);
    return rc == MYL_OK ? enter_producer(set, member, &producer->ring, cells) : rc;
}

int myl_waitset_remove(myl_waitset *set, const void *handle)
{
    MYL_I_NOT_NULL(set);
    int rc = forked(set);
    if (rc != MYL_OK)
        return rc;
    struct myl_waitset_member *member = find(set, handle);
    if (member == NULL)
        return myl_fail(MYL_ENOTFOUND, "this handle is not in the wait set; add it first");
    disarm(set);
    set->unparked -= member->source.park == NULL;
    struct myl_waitset_member *last = &set->member[set->count - 1];
    set->parker[member - set->member + 1] = set->parker[set->count];
    set->count--;
    if (member == last)
        return MYL_OK;
    *member = *last;
    if (member->request.producer != NULL)
        member->source.context = &member->request;
    return MYL_OK;
}

uint32_t myl_waitset_count(const myl_waitset *set)
{
    MYL_I_NOT_NULL(set);
    return set->count;
}

static void in_child(struct myl_os_fork_node *node)
{
    struct myl_waitset *set = (struct myl_waitset *)(void *)((char *)node - offsetof(struct myl_waitset, fork_node));
    set->forked = true;
    if (set->bell != NULL)
        myl_bell_forked(set->bell);
}

int myl_waitset_open(myl_waitset **set, const myl_waitset_options *options)
{
    MYL_I_NOT_NULL(set);
    myl_waitset_options o;
    *set = NULL;
    int rc = myl_options_take(&o, options, MYL_OPTIONS_TYPE(myl_waitset_options, wait));
    if (rc != MYL_OK)
        return rc;
    struct myl_waitset *made = calloc(1, sizeof *made);
    if (made == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for a wait set");
    made->parker[0] = (struct myl_parker){.park = &made->own, .mode = MYL_PARK_FENCED};
    made->due = (struct myl_deadline){MYL_FOREVER};
    made->fork_node.in_child = in_child;
    rc = myl_waiter_set_up(&made->waiter, &o.wait);
    int err = rc == MYL_OK ? myl_os_fork_watch(&made->fork_node) : 0;
    if (err != 0)
        rc = myl_fail_errno(err, "cannot install a fork handler");
    if (rc != MYL_OK) {
        free(made);
        return rc;
    }
    *set = made;
    myl_error_clear();
    return MYL_OK;
}

void myl_waitset_close(myl_waitset *set)
{
    if (set == NULL)
        return;
    if (!set->forked) {
        disarm(set);
        myl_os_fork_forget(&set->fork_node);
    }
    if (set->bell != NULL)
        myl_bell_end(set->bell);
    free(set);
}
