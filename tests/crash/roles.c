/* SPDX-License-Identifier: MIT
 * A producer, a consumer and an observer that may die anywhere and are restarted. What they find after the restart must
 * lie between what was recorded as begun and what was recorded as done. */
#define _POSIX_C_SOURCE 200809L
#include "crash/kit.h"

#include <sched.h>
#include <stdlib.h>

#include <myelon/atomic.h>

#define ROLE_TIMEOUT MYL_SEC(15)

/* --- events: every word is computed from the number ---------------------------------------------------------- */

static uint64_t word_of(uint64_t n, size_t i)
{
    return (n + 1) * UINT64_C(0x9e3779b97f4a7c15) + i * UINT64_C(0xc2b2ae3d27d4eb4f);
}

static void fill_words(uint64_t *words, uint64_t n, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        words[i] = word_of(n, i);
}

static void write_event(const struct crash_world *world, void *event, uint64_t n)
{
    size_t words = world->producer.config.event_size / sizeof(uint64_t);
    fill_words(event, n, 0, words / 2);
    MYL_STEP("app.write"); /* half of the event is written */
    fill_words(event, n, words / 2, words);
}

static void check_event(const struct crash_world *world, const void *event, uint64_t n)
{
    const uint64_t *words = event;
    for (size_t i = 0; i < world->producer.config.event_size / sizeof(uint64_t); i++) {
        if (words[i] != word_of(n, i))
            test_fail("word %zu of event %llu is %llx", i, (unsigned long long)n, (unsigned long long)words[i]);
    }
}

/* --- producer ------------------------------------------------------------------------------------------------ */

static void claim_batch(const struct crash_world *world, myl_producer *producer, uint64_t n, uint64_t count)
{
    for (uint64_t done = 0; done < count;) {
        myl_span span = {.count = 1, .sequence = n + done};
        int rc;
        if (world->runs)
            rc = myl_producer_claim_span(producer, count - done, &span, ROLE_TIMEOUT);
        else
            rc = myl_producer_claim(producer, &span.event, ROLE_TIMEOUT);
        if (rc == MYL_ECONSUMERDEAD) {
            crash_add(&world->page->producer_reports, 1);
            continue;
        }
        test_ok(rc);
        assert_int_equal(span.sequence, n + done);
        for (uint64_t i = 0; i < span.count; i++)
            write_event(world, (char *)span.event + i * span.stride, n + done + i);
        done += span.count;
    }
}

static myl_producer *open_ring(const struct crash_world *world)
{
    struct crash_page *page = world->page;
    myl_producer_options options = world->producer;
    myl_producer *producer = NULL;
    int renew = world->supersede && page->lives[CRASH_PRODUCER] > 1 && !crash_load(&page->renewed);
    if (renew)
        options.ring.existing = MYL_EXISTING_SUPERSEDE;
    if (renew || crash_load(&page->committed) == 0) {
        options.ring.wait_consumers = world->consumers;
        options.ring.wait_timeout_ns = ROLE_TIMEOUT;
    }
    int rc;
    do {
        rc = myl_producer_open(&producer, world->name, &options);
    } while (rc == MYL_EBUSY); /* the owner of the registry lock is stopped */
    test_ok(rc);
    if (renew) {
        crash_store(&page->committed, 0);
        crash_store(&page->committing, 0);
        crash_store(&page->renewed, 1);
    }
    return producer;
}

/* The producer died while it closed the ring: the end may be stored already, and the ring may be removed. */
static int reopen_ended(const struct crash_world *world)
{
    static const myl_producer_options any_options = {.size = sizeof any_options};
    myl_producer *producer;
    int rc;
    do {
        rc = myl_producer_open(&producer, world->name, &any_options);
    } while (rc == MYL_EBUSY);
    if (rc == MYL_OK)
        myl_producer_close(producer);
    else if (rc != MYL_ENOTFOUND && rc != MYL_EEVENTSIZE && rc != MYL_ENOTDRAINED)
        test_fail("producer reopened an ended stream and got %s: %s", myl_errname(rc), myl_error_detail());
    return 0;
}

static uint64_t produce_some(const struct crash_world *world, myl_producer *producer, uint64_t n)
{
    struct crash_page *page = world->page;
    while (n < crash_load(&page->target)) {
        uint64_t count = 1 + n % world->batch;
        if (world->producer_leave_at != 0 && n >= world->producer_leave_at && !crash_load(&page->producer_left))
            break;
        if (world->before_publish != NULL)
            world->before_publish(world, n);
        claim_batch(world, producer, n, count);
        crash_store(&page->committing, n + count);
        myl_producer_publish(producer);
        n += count;
        crash_store(&page->committed, n);
        assert_int_equal(myl_producer_last_published(producer), n - 1);
    }
    return n;
}

/* A consumer that left must be able to join again before the stream ends: after the end the ring may be gone. */
static int all_joined(void *argument)
{
    const struct crash_world *world = argument;
    for (uint32_t i = 0; i < world->consumers; i++) {
        if (crash_load(&world->page->consumer[i].absent))
            return 0;
    }
    return 1;
}

int crash_produce(const struct crash_world *world)
{
    struct crash_page *page = world->page;
    struct crash_world copy = *world;
    if (crash_load(&page->closing))
        return reopen_ended(world);
    for (;;) {
        myl_producer *producer = open_ring(world);
        uint64_t n = (uint64_t)(myl_producer_last_published(producer) + 1);
        /* A batch is published completely or not at all. */
        if (n != crash_load(&page->committed) && n != crash_load(&page->committing))
            test_fail("the producer resumed at event %llu; expected %llu (published) or %llu (begun)",
                      (unsigned long long)n, (unsigned long long)page->committed, (unsigned long long)page->committing);
        if (n > 0)
            crash_add(&page->takeovers, 1);
        crash_store(&page->committed, n);
        crash_store(&page->producing, 1);
        n = produce_some(world, producer, n);
        if (n >= crash_load(&page->target)) {
            test_until(all_joined, &copy, "all consumers have joined");
            crash_store(&page->producing, 0);
            crash_store(&page->closing, 1);
            myl_producer_close(producer);
            return 0;
        }
        crash_store(&page->producing, 0);
        crash_store(&page->producer_left, 1);
        myl_producer_leave(producer);
    }
}

/* --- consumer ------------------------------------------------------------------------------------------------ */

static void record_start(struct crash_consumer_notes *notes, uint64_t start)
{
    crash_store(&notes->releasing, start);
    crash_store(&notes->released, start);
}

/* The consumer had left, or was evicted, so the ring may have continued. `lost` then counts the events in between.
 * Exceptions: the consumer has died while it joined again, or its id is no longer known. Then it starts at the oldest
 * available event. */
static void check_return(const struct crash_world *world, struct crash_consumer_notes *notes, const myl_joined *joined)
{
    uint64_t stopped = joined->start - joined->lost;
    int reported = joined->resumed && world->page->lives[CRASH_CONSUMER + atoi(joined->id + 1)] == 1;
    if (joined->resumed && (stopped < notes->released || (reported && stopped > notes->releasing)))
        test_fail("consumer %s joined at event %llu, %llu lost; it had left at event %llu", joined->id,
                  (unsigned long long)joined->start, (unsigned long long)joined->lost,
                  (unsigned long long)notes->released);
    crash_store(&notes->seen, joined->start);
    record_start(notes, joined->start);
    crash_store(&notes->absent, 0);
}

/* After an open, in the same life or a later one: the cursor is after all acknowledged events and nothing else. */
static void check_start(const struct crash_world *world, struct crash_consumer_notes *notes,
                        const myl_consumer *consumer)
{
    myl_joined joined = {.size = sizeof joined};
    myl_info info = {.size = sizeof info};
    test_ok(myl_consumer_joined(consumer, &joined));
    test_ok(myl_consumer_info(consumer, &info));
    if (world->supersede && memcmp(info.session, notes->session, sizeof notes->session) != 0) {
        crash_store(&notes->seen, 0);
        record_start(notes, 0);
        memcpy(notes->session, info.session, sizeof notes->session);
    }
    if (crash_load(&notes->absent)) {
        check_return(world, notes, &joined);
        return;
    }
    uint64_t start = joined.start;
    if ((start != notes->released && start != notes->releasing) || joined.lost != 0)
        test_fail("consumer %s resumed at event %llu, %llu lost; it had acknowledged %llu, was acknowledging %llu, "
                  "and had handled %llu",
                  joined.id, (unsigned long long)start, (unsigned long long)joined.lost,
                  (unsigned long long)notes->released, (unsigned long long)notes->releasing,
                  (unsigned long long)notes->seen);
    if (notes->seen > start + world->lease)
        crash_add(&notes->beyond, notes->seen - start - world->lease);
    record_start(notes, start);
}

static void handle_event(const struct crash_world *world, struct crash_consumer_notes *notes, const void *event,
                         uint64_t n)
{
    check_event(world, event, n);
    MYL_STEP("app.handle");
    check_event(world, event, n); /* a leased event is not overwritten */
    if (n < notes->seen)
        crash_add(&notes->repeated, 1);
    else if (n == notes->seen)
        crash_store(&notes->seen, n + 1);
    else
        test_fail("got event %llu, expected %llu", (unsigned long long)n, (unsigned long long)notes->seen);
}

/* Leases and handles up to world->lease events. Waits for the first one only. */
static int lease_some(const struct crash_world *world, struct crash_consumer_notes *notes, myl_consumer *consumer,
                      uint64_t *n)
{
    uint64_t end = notes->released + world->lease;
    int64_t role_timeout = ROLE_TIMEOUT;
    while (*n < end) {
        myl_span run = {.count = 1, .sequence = *n};
        const void *event = NULL;
        int rc;
        if (world->runs)
            rc = myl_consumer_next_span(consumer, end - *n, &run, role_timeout);
        else
            rc = myl_consumer_next(consumer, &event, role_timeout);
        if (rc != MYL_OK)
            return role_timeout == MYL_TRY ? MYL_OK : rc; /* the next wait reports the end of the stream again */
        assert_int_equal(run.sequence, *n);
        for (uint64_t i = 0; i < run.count; i++)
            handle_event(world, notes, world->runs ? (char *)run.event + i * run.stride : event, *n + i);
        *n += run.count;
        role_timeout = MYL_TRY;
    }
    return MYL_OK;
}

/* Everything before event `n` is leased or released. Acknowledges it, or half of what is leased. */
static void release_some(const struct crash_world *world, struct crash_consumer_notes *notes, myl_consumer *consumer,
                         uint64_t n)
{
    uint64_t to = world->partial ? n - (n - notes->released) / 2 : n;
    crash_store(&notes->releasing, to);
    test_ok(world->partial ? myl_consumer_release_to(consumer, (myl_sequence)to - 1) : myl_consumer_release(consumer));
    crash_store(&notes->released, to);
}

/* Reads until the end of the stream or session, or until this consumer has to leave (MYL_OK). */
static int consume_some(const struct crash_world *world, uint32_t index, myl_consumer *consumer)
{
    struct crash_consumer_notes *notes = &world->page->consumer[index];
    uint64_t n = notes->released;
    for (;;) {
        if (world->leave_at != 0 && index == 0 && n >= world->leave_at && !crash_load(&notes->left))
            return MYL_OK;
        if (world->before_read != NULL)
            world->before_read(world, index, n);
        int rc = lease_some(world, notes, consumer, &n);
        if (rc == MYL_EPRODUCERDEAD || rc == MYL_EPRODUCERLEFT) {
            crash_add(&notes->reports, rc == MYL_EPRODUCERDEAD);
            continue;
        }
        if (notes->released < n && (rc == MYL_ELEASED || rc == MYL_ECLOSED)) {
            release_some(world, notes, consumer, n);
            continue;
        }
        if (rc != MYL_OK)
            return rc;
        release_some(world, notes, consumer, n);
    }
}

/* The last participant to leave removes the ring. A dead consumer that has read all events does not prevent that. */
static int may_be_gone(const struct crash_page *page, const struct crash_consumer_notes *notes)
{
    return crash_load(&notes->leaving) ||
           (crash_load(&page->closing) && crash_load(&notes->releasing) >= crash_load(&page->committed));
}

static int open_consumer_of(const struct crash_world *world, uint32_t index, myl_consumer **consumer)
{
    const struct crash_consumer_notes *notes = &world->page->consumer[index];
    int64_t until = test_now_ns() + ROLE_TIMEOUT;
    char id[16];
    snprintf(id, sizeof id, "c%u", index);
    myl_consumer_options options = consumer_options(id);
    options.ring.on_death = world->on_death;
    options.ring.liveness_ns = world->liveness_ns;
    options.ring.wait = world->producer.ring.wait;
    for (;;) {
        int rc = myl_consumer_open(consumer, world->name, &options);
        /* Between the end of a session and the start of the next one, the name still refers to the ended session. */
        int again = rc == MYL_EBUSY || (rc == MYL_ESUPERSEDED && world->supersede) ||
                    (rc == MYL_ENOTFOUND && !may_be_gone(world->page, notes));
        if (!again || test_now_ns() > until)
            return rc;
        sched_yield();
    }
}

int crash_consume(const struct crash_world *world, uint32_t index)
{
    struct crash_consumer_notes *notes = &world->page->consumer[index];
    for (;;) {
        myl_consumer *consumer = NULL;
        int rc = open_consumer_of(world, index, &consumer);
        if (rc == MYL_ENOTFOUND && may_be_gone(world->page, notes)) {
            record_start(notes, notes->releasing); /* otherwise its entry would have prevented the removal */
            return 0;
        }
        test_ok(rc);
        check_start(world, notes, consumer);
        crash_store(&notes->joined, 1);
        rc = consume_some(world, index, consumer);
        crash_store(&notes->joined, 0);
        if (rc == MYL_OK) {
            crash_store(&notes->absent, 1);
            crash_store(&notes->left, 1);
        } else if (rc != MYL_ECLOSED && !(rc == MYL_ESUPERSEDED && world->supersede)) {
            test_fail("consumer %u at event %llu: %s: %s", index, (unsigned long long)notes->seen, myl_errname(rc),
                      myl_error_detail());
        }
        if (rc == MYL_ECLOSED)
            crash_store(&notes->leaving, 1);
        myl_consumer_close(consumer);
        if (rc == MYL_ECLOSED)
            return 0;
    }
}

/* --- observer ------------------------------------------------------------------------------------------------ */

static int open_observer_of(const struct crash_world *world, myl_observer **observer)
{
    int64_t until = test_now_ns() + ROLE_TIMEOUT;
    myl_consumer_options options = consumer_options(NULL);
    options.ring.on_death = world->on_death;
    options.ring.liveness_ns = world->liveness_ns;
    options.ring.wait = world->producer.ring.wait;
    int rc;
    do {
        rc = myl_observer_open(observer, world->name, &options);
    } while (rc == MYL_ENOTFOUND && !crash_load(&world->page->closing) && test_now_ns() < until);
    return rc;
}

static int observe_some(const struct crash_world *world, myl_observer *observer)
{
    struct crash_page *page = world->page;
    uint64_t n = (uint64_t)(myl_observer_last_read(observer) + 1);
    for (;;) {
        uint64_t event[CRASH_EVENT_MAX / sizeof(uint64_t)];
        uint64_t lost;
        int rc = myl_observer_get(observer, event, sizeof event, &lost, ROLE_TIMEOUT);
        if (rc == MYL_EPRODUCERDEAD || rc == MYL_EPRODUCERLEFT) {
            crash_add(&page->observer_reports, rc == MYL_EPRODUCERDEAD);
            continue;
        }
        if (rc != MYL_OK)
            return rc;
        n += lost;
        check_event(world, event, n);
        assert_int_equal(myl_observer_last_read(observer), n);
        n++;
        crash_add(&page->observed, 1);
        crash_add(&page->missed, lost);
    }
}

int crash_observe(const struct crash_world *world)
{
    for (;;) {
        myl_observer *observer = NULL;
        int rc = open_observer_of(world, &observer);
        if (rc == MYL_ENOTFOUND && crash_load(&world->page->closing))
            return 0;
        test_ok(rc);
        rc = observe_some(world, observer);
        myl_observer_close(observer);
        if (rc == MYL_ECLOSED)
            return 0;
        if (rc != MYL_ESUPERSEDED || !world->supersede)
            test_fail("the observer: %s: %s", myl_errname(rc), myl_error_detail());
    }
}
