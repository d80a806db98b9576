/* SPDX-License-Identifier: MIT
 * Joining and leaving: where a consumer starts, what it reports as lost, a full table, eviction; and what a producer
 * does without consumers. */
#include "ring/consumer.h"
#include "ring/producer.h"
#include "unit/rings.h"

#include <pthread.h>

static myl_joined joined_of(const myl_consumer *consumer)
{
    myl_joined joined = {.size = sizeof joined};
    test_ok(myl_consumer_joined(consumer, &joined));
    return joined;
}

static myl_consumer *open_at(const char *name, const char *id, enum myl_start start)
{
    myl_consumer_options options = consumer_options(id);
    options.ring.start = start;
    return open_consumer_with(name, &options);
}

static void expect_full(myl_producer *producer)
{
    void *event;
    test_code(MYL_EAGAIN, myl_producer_claim(producer, &event, MYL_TRY));
    test_code(MYL_ETIMEDOUT, myl_producer_claim(producer, &event, MYL_MSEC(2)));
}

static void full_ring_without_consumers_blocks(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "block"), &o);
    put_many(producer, 0, 8);
    expect_full(producer);
    assert_int_equal(myl_producer_last_consumed(producer), 7); /* no consumer gates */
    myl_consumer *consumer = open_consumer(name, "late");
    assert_int_equal(joined_of(consumer).start, 0);
    assert_int_equal(joined_of(consumer).resumed, 0);
    assert_int_equal(myl_producer_last_consumed(producer), MYL_SEQUENCE_NONE);
    take_many(consumer, 0, 8);
    put_many(producer, 8, 8);
    take_many(consumer, 8, 8);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
    assert_false(ring_exists(name));
}

static void ring_without_consumers_overwrites(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 256; cell += 256) {
        char name[TEST_NAME_SIZE];
        myl_producer_options o = producer_options(16);
        o.ring.no_consumers = MYL_NO_CONSUMERS_OVERWRITE;
        o.config.packed_cell = cell;
        myl_producer *producer = open_producer(test_name(name, "free"), &o);
        put_many(producer, 0, 1000);
        myl_consumer *now = open_at(name, "now", MYL_START_NOW);
        assert_int_equal(joined_of(now).start, 1000);
        myl_consumer *oldest = open_at(name, "oldest", MYL_START_OLDEST);
        uint64_t from = joined_of(oldest).start;
        assert_true(from > 900 && from < 1000);
        take_many(oldest, from, 1000 - from);
        put_many(producer, 1000, 3);
        take_many(now, 1000, 3);
        take_many(oldest, 1000, 3);
        myl_consumer_close(now);
        myl_consumer_close(oldest);
        myl_producer_close(producer);
    }
}

static void ring_without_consumers_buffers(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(16);
    o.ring.no_consumers = MYL_NO_CONSUMERS_BUFFER;
    o.ring.buffer = 5;
    myl_producer *producer = open_producer(test_name(name, "buffer"), &o);
    put_many(producer, 0, 5);
    expect_full(producer);
    myl_consumer *consumer = open_consumer(name, "c");
    put_many(producer, 5, 11); /* with a consumer the limit is the whole ring */
    expect_full(producer);
    take_many(consumer, 0, 16);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

static void startup_timeout_is_reported(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const char *const ids[] = {"left", "right"};
    myl_producer_options o = producer_options(8);
    test_name(name, "startup");
    int before = test_shm_entries();
    o.ring.wait_consumers = 2;
    o.ring.wait_timeout_ns = MYL_MSEC(15);
    int64_t start = test_now_ns();
    expect_no_producer(MYL_ESTARTUP, "0 of 2", name, &o);
    assert_true(test_now_ns() - start >= MYL_MSEC(15));
    expect_detail("15 ms");
    o.ring.wait_prefix = "blue";
    expect_no_producer(MYL_ESTARTUP, "blue", name, &o);
    o.ring.wait_prefix = NULL;
    o.ring.wait_ids = ids;
    expect_no_producer(MYL_ESTARTUP, "0 of 2", name, &o);
    assert_int_equal(test_shm_entries(), before);
    /* On an existing ring, invalid options have no effect, and the ring stays. */
    myl_producer_options make = producer_options(8);
    myl_producer *producer = open_producer(name, &make);
    myl_consumer *left = open_consumer(name, "left");
    myl_consumer *other = open_consumer(name, "other");
    test_ok(myl_producer_wait_consumers(producer, NULL, 2, MYL_TRY));
    test_ok(myl_producer_wait_consumers(producer, "oth", 1, MYL_TRY));
    test_code(MYL_EAGAIN, myl_producer_wait_consumers(producer, NULL, 3, MYL_TRY));
    test_code(MYL_ETIMEDOUT, myl_producer_wait_consumers(producer, "right", 1, MYL_MSEC(2)));
    myl_producer_leave(producer);
    expect_no_producer(MYL_ESTARTUP, "1 of 2", name, &o);
    assert_true(ring_exists(name));
    const void *event;
    test_code(MYL_EPRODUCERLEFT, myl_consumer_next(left, &event, MYL_SEC(10))); /* the producer has not died */
    myl_consumer *right = open_consumer(name, "right");
    producer = open_producer(name, &o);
    put_many(producer, 0, 2);
    take_many(left, 0, 2);
    take_many(right, 0, 2);
    take_many(other, 0, 2);
    myl_consumer_close(left);
    myl_consumer_close(right);
    myl_consumer_close(other);
    myl_producer_close(producer);
}

/* A quorum larger than the table can never be complete. It is refused at once, also without a time-out, and an existing
 * ring stays as it is. */
static void startup_of_too_many_is_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_name(name, "crowd");
    int before = test_shm_entries();
    myl_producer_options o = producer_options(8);
    o.ring.wait_timeout_ns = MYL_FOREVER;
    o.ring.wait_consumers = 65; /* a new ring has 64 entries */
    expect_no_producer(MYL_EINVAL, "cannot wait for 65 consumers: the ring has entries for 64", name, &o);
    static const char *const twice[] = {"a", "b", "a"};
    o.ring.wait_consumers = 3;
    o.ring.wait_ids = twice;
    expect_no_producer(MYL_EINVAL, "consumer \"a\" is awaited twice", name, &o);
    o.ring.wait_ids = NULL;
    o.config.max_consumers = 2;
    expect_no_producer(MYL_EINVAL, "cannot wait for 3 consumers: the ring has entries for 2", name, &o);
    expect_detail("max_consumers");
    assert_int_equal(test_shm_entries(), before);
#ifndef MYL_OS_POSIX
    o.ring.backend = MYL_BACKEND_MEMFD;
    expect_no_producer(MYL_EINVAL, "entries for 2", NULL, &o);
    o.ring.backend = MYL_BACKEND_SHM;
#endif
    myl_producer_options make = producer_options(8);
    make.config.max_consumers = 2;
    myl_producer *producer = open_producer(name, &make);
    test_code(MYL_EINVAL, myl_producer_wait_consumers(producer, NULL, 3, MYL_FOREVER));
    expect_detail("cannot wait for 3 consumers: the ring has entries for 2");
    test_code(MYL_EAGAIN, myl_producer_wait_consumers(producer, NULL, 2, MYL_TRY));
    put_many(producer, 0, 3);
    myl_producer_leave(producer);
    o.config.max_consumers = 0; /* the value of the existing ring */
    expect_no_producer(MYL_EINVAL, "cannot wait for 3 consumers: the ring has entries for 2", name, &o);
    o.ring.existing = MYL_EXISTING_SUPERSEDE; /* the old ring stays, too */
    o.ring.wait_consumers = 65;
    expect_no_producer(MYL_EINVAL, "cannot wait for 65 consumers: the ring has entries for 64", name, &o);
    myl_consumer *consumer = open_consumer(name, "c");
    take_many(consumer, 0, 3);
    producer = open_producer(name, NULL);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
    assert_false(ring_exists(name));
}

/* A ring with more entries than a new one would have: its own number counts. */
static void startup_of_many_succeeds(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    o.config.max_consumers = 100;
    myl_producer_leave(open_producer(test_name(name, "many"), &o));
    o.config.max_consumers = 0;
    o.ring.wait_consumers = 100;
    o.ring.wait_timeout_ns = MYL_MSEC(2);
    expect_no_producer(MYL_ESTARTUP, "0 of 100", name, &o);
    o.ring.wait_consumers = 0;
    myl_producer_close(open_producer(name, &o));
    assert_false(ring_exists(name));
}

static void start_options_choose_the_first_event(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(16);
    myl_producer *producer = open_producer(test_name(name, "starts"), &o);
    myl_consumer *gating = open_consumer(name, "gating");
    put_many(producer, 0, 10);
    take_many(gating, 0, 6);
    myl_consumer *now = open_at(name, "now", MYL_START_NOW);
    myl_consumer *oldest = open_at(name, "oldest", MYL_START_OLDEST);
    myl_consumer *unknown = open_at(name, "unknown", MYL_START_RESUME);
    assert_int_equal(joined_of(now).start, 10);
    assert_int_equal(joined_of(oldest).start, joined_of(unknown).start);
    assert_true(joined_of(oldest).start <= 6);
    assert_int_equal(joined_of(oldest).lost, 0);
    expect_nothing(now, MYL_EAGAIN);
    put_many(producer, 10, 1);
    take_many(now, 10, 1);
    take_many(oldest, joined_of(oldest).start, 11 - joined_of(oldest).start);
    assert_int_equal(joined_of(gating).entry, 0);
    assert_int_equal(joined_of(now).entry, 1);
    myl_consumer_close(unknown);
    myl_consumer_close(oldest);
    myl_consumer_close(now);
    myl_consumer_close(gating);
    myl_producer_close(producer);
}

static void resumed_consumer_counts_lost_events(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const void *event;
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "resume"), &o);
    myl_consumer *keeper = open_consumer(name, "keeper");
    myl_consumer *guest = open_consumer(name, "guest");
    put_many(producer, 0, 8);
    take_many(guest, 0, 3);
    test_ok(myl_consumer_next(guest, &event, MYL_TRY)); /* leased, not released: not acknowledged */
    myl_consumer_close(guest);
    guest = open_consumer(name, "guest");
    assert_int_equal(joined_of(guest).resumed, 1);
    assert_int_equal(joined_of(guest).start, 3);
    assert_int_equal(joined_of(guest).lost, 0);
    take_many(guest, 3, 1);
    myl_consumer_close(guest); /* stopped at 4 */
    for (uint64_t i = 0; i < 20; i++) {
        take_many(keeper, i, 1);
        put(producer, 8 + i, MYL_TRY);
    }
    guest = open_consumer(name, "guest");
    myl_joined joined = joined_of(guest);
    assert_int_equal(joined.resumed, 1);
    assert_true(joined.start > 4 && joined.start <= 20);
    assert_int_equal(joined.lost, joined.start - 4);
    take_many(guest, joined.start, 28 - joined.start);
    take_many(keeper, 20, 8);
    myl_consumer_close(guest);
    guest = open_at(name, "guest", MYL_START_NOW); /* known, but not resumed */
    assert_int_equal(joined_of(guest).resumed, 0);
    assert_int_equal(joined_of(guest).start, 28);
    assert_int_equal(joined_of(guest).lost, 0);
    myl_consumer_close(guest);
    guest = open_at(name, "guest", MYL_START_OLDEST);
    assert_int_equal(joined_of(guest).resumed, 0);
    assert_int_equal(joined_of(guest).lost, 0);
    myl_consumer_close(guest);
    myl_consumer_close(keeper);
    myl_producer_close(producer);
}

static void full_table_refuses_a_join(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], id[16];
    myl_producer_options o = producer_options(8);
    o.config.max_consumers = 5;
    myl_producer *producer = open_producer(test_name(name, "full"), &o);
    myl_consumer *consumer[5];
    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof id, "id%d", i);
        consumer[i] = open_consumer(name, id);
    }
    myl_consumer_options one_more = consumer_options("sixth");
    expect_no_consumer(MYL_ETABLEFULL, "all 5", name, &one_more);
    expect_no_consumer(MYL_ETABLEFULL, name, name, NULL); /* automatic id */
    put_many(producer, 0, 2);
    for (int i = 0; i < 5; i++)
        take_many(consumer[i], 0, 2);
    myl_consumer_close(consumer[3]);
    myl_consumer_close(consumer[2]);
    consumer[2] = open_consumer(name, "id2"); /* a later join ... */
    myl_consumer_close(consumer[1]);
    consumer[3] = open_consumer_with(name, &one_more); /* reuses the entry that was left first */
    assert_int_equal(joined_of(consumer[3]).entry, 3);
    consumer[1] = open_consumer(name, "id1"); /* still known */
    assert_int_equal(joined_of(consumer[1]).resumed, 1);
    assert_int_equal(joined_of(consumer[1]).entry, 1);
    myl_consumer_close(consumer[0]);
    consumer[0] = open_consumer(name, "id3"); /* no longer known */
    assert_int_equal(joined_of(consumer[0]).resumed, 0);
    for (int i = 0; i < 5; i++)
        myl_consumer_close(consumer[i]);
    myl_producer_close(producer);
}

static void largest_table_can_be_filled(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], id[16];
    enum { MOST = 200 };
    static myl_consumer *consumer[MOST];
    myl_producer_options o = producer_options(8);
    o.config.max_consumers = MYL_CONSUMERS_MAX;
    myl_producer *producer = open_producer(test_name(name, "many"), &o);
    for (int i = 0; i < MOST; i++) {
        snprintf(id, sizeof id, "id%d", i);
        consumer[i] = open_consumer(name, id);
        assert_int_equal(joined_of(consumer[i]).entry, i);
    }
    put_many(producer, 0, 8);
    for (int i = 0; i < MOST; i++) {
        expect_full(producer);
        take_many(consumer[i], 0, 8);
    }
    put_many(producer, 8, 8);
    for (int i = 0; i < MOST; i++)
        myl_consumer_close(consumer[i]);
    myl_producer_close(producer);
}

struct joiners {
    const char *name, *prefix;
    pthread_barrier_t barrier;
};

static void *join_at_once(void *argument)
{
    struct joiners *joiners = argument;
    myl_consumer_options o = {.size = sizeof o, .ring.prefix = joiners->prefix};
    myl_consumer *consumer = NULL;
    (void)pthread_barrier_wait(&joiners->barrier);
    if (myl_consumer_open(&consumer, joiners->name, &o) != MYL_OK)
        fprintf(stderr, "%s\n", myl_error_detail());
    return consumer;
}

/* Hundreds of consumers that join at once succeed, however their ids are chosen. */
static void hundreds_join_at_once(void **state)
{
    (void)state;
    enum { JOINERS = 256 };
    static pthread_t thread[JOINERS];
    static myl_consumer *consumer[JOINERS];
    static const char *const prefix[] = {"w", NULL};
    for (size_t k = 0; k < 2; k++) {
        char name[TEST_NAME_SIZE];
        struct joiners joiners = {.name = test_name(name, "crowd"), .prefix = prefix[k]};
        uint8_t seen[JOINERS] = {0};
        myl_producer_options o = producer_options(8);
        o.config.max_consumers = JOINERS;
        myl_producer *producer = open_producer(name, &o);
        assert_int_equal(pthread_barrier_init(&joiners.barrier, NULL, JOINERS), 0);
        for (int i = 0; i < JOINERS; i++)
            assert_int_equal(pthread_create(&thread[i], NULL, join_at_once, &joiners), 0);
        for (int i = 0; i < JOINERS; i++)
            assert_int_equal(pthread_join(thread[i], (void **)&consumer[i]), 0);
        for (int i = 0; i < JOINERS; i++) {
            assert_non_null(consumer[i]);
            unsigned number = JOINERS;
            assert_int_equal(sscanf(joined_of(consumer[i]).id, k == 0 ? "w_%u" : "auto+%u", &number), 1);
            assert_true(number < JOINERS && !seen[number]);
            seen[number] = 1;
        }
        expect_no_consumer(MYL_ETABLEFULL, "256", name, NULL);
        myl_consumer_options again = {.size = sizeof again, .ring.prefix = "w"};
        expect_no_consumer(MYL_ETABLEFULL, "256", name, &again);
        for (int i = 0; i < JOINERS; i++)
            myl_consumer_close(consumer[i]);
        (void)pthread_barrier_destroy(&joiners.barrier);
        myl_producer_close(producer);
    }
}

/* A consumer with an automatic id leaves an entry that tools can read and the next consumer reuses. */
static void automatic_entry_is_reused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "again"), &o);
    put_many(producer, 0, 3);
    for (int i = 0; i < 3; i++) {
        myl_consumer *consumer = open_consumer_with(name, NULL);
        assert_int_equal(joined_of(consumer).entry, 0);
        assert_int_equal(joined_of(consumer).start, 0);
        take_many(consumer, 0, 2);
        myl_consumer_close(consumer);
        myl_snapshot *snapshot;
        test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
        assert_int_equal(snapshot->entry[0].state, MYL_PARTICIPANT_LEFT);
        assert_int_equal(snapshot->entry[0].cursor, 2);
        myl_snapshot_free(snapshot);
    }
    myl_producer_close(producer);
}

static void id_of_a_live_consumer_is_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "duplicate"), &o);
    myl_consumer *consumer = open_consumer(name, "only-one");
    put_many(producer, 0, 3);
    take_many(consumer, 0, 1);
    myl_consumer_options again = consumer_options("only-one");
    expect_no_consumer(MYL_EDUPLICATE, "only-one", name, &again);
    again.ring.start = MYL_START_NOW;
    expect_no_consumer(MYL_EDUPLICATE, "only-one", name, &again);
    again.ring.prefix = "x";
    expect_no_consumer(MYL_EID, "only-one", name, &again); /* both are set */
    expect_no_producer(MYL_EPRODUCERALIVE, name, name, &o);
    expect_no_producer(MYL_EPRODUCERALIVE, name, name, NULL);
    assert_int_equal(myl_producer_last_consumed(producer), 0); /* nothing has changed */
    take_many(consumer, 1, 2);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

/* Releases the lock of a live process, as closing the descriptor does. */
static void lose_lock(myl_consumer *consumer)
{
    myl_os_lock_release(consumer->handle.segment.fd, myl_entry_lock_index(consumer->joined.entry));
}

static void dead_consumer_can_be_evicted(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const void *event;
    void *room;
    myl_span span;
    myl_producer_options o = producer_options(4);
    myl_producer *producer = open_producer(test_name(name, "evict"), &o);
    myl_consumer *consumer = open_consumer(name, "slow");
    put_many(producer, 0, 4);
    test_ok(myl_consumer_next(consumer, &event, MYL_TRY));
    test_code(MYL_ENOTFOUND, myl_evict(name, MYL_BACKEND_SHM, "somebody"));
    expect_detail("somebody");
    test_code(MYL_EINUSE, myl_evict(name, MYL_BACKEND_SHM, "slow"));
    expect_detail("slow");
    expect_full(producer);
    lose_lock(consumer);
    test_code(MYL_ECONSUMERDEAD, myl_producer_claim(producer, &room, MYL_FOREVER));
    expect_detail("slow");
    expect_detail("4 events");
    test_code(MYL_ECONSUMERDEAD, myl_producer_claim(producer, &room, MYL_FOREVER)); /* reported again */
    test_ok(myl_evict(name, MYL_BACKEND_SHM, "slow"));
    test_code(MYL_ENOTFOUND, myl_evict(name, MYL_BACKEND_SHM, "slow"));
    test_code(MYL_EEVICTED, myl_consumer_release_to(consumer, 0));
    test_code(MYL_EEVICTED, myl_consumer_release(consumer));
    expect_detail("slow");
    expect_full(producer); /* without consumers again; the unread events stay */
    myl_consumer *next = open_consumer(name, "slow"); /* it is no longer known */
    assert_int_equal(joined_of(next).resumed, 0);
    take_many(next, 0, 4);
    put(producer, 4, MYL_TRY);
    while (myl_consumer_next(consumer, &event, MYL_TRY) == MYL_OK) /* events that are still available */
        ;
    test_code(MYL_EEVICTED, myl_consumer_next(consumer, &event, MYL_FOREVER));
    test_code(MYL_EEVICTED, myl_consumer_next_span(consumer, 4, &span, MYL_FOREVER));
    take_many(next, 4, 1);
    myl_consumer_close(consumer); /* does not touch its successor's entry */
    put_many(producer, 5, 4);
    expect_full(producer);
    take_many(next, 5, 4);
    myl_consumer_close(next);
    myl_producer_close(producer);
}

/* Evicted between the store of its cursor and the second check: then nothing is acknowledged. In this test the store
 * itself changes the word that is checked next. */
static void eviction_during_a_release_is_reported(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const void *event;
    union {
        myl_au64 cursor;
        myl_au32 generation;
    } place = {.cursor = {0}};
    myl_producer_options o = producer_options(4);
    myl_producer *producer = open_producer(test_name(name, "evict"), &o);
    myl_consumer *consumer = open_consumer(name, "slow");
    struct myl_i_consumer_hot own = consumer->hot;
    put_many(producer, 0, 4);
    take_many(consumer, 0, 1);
    for (unsigned i = 0; i < 3; i++)
        test_ok(myl_consumer_next(consumer, &event, MYL_TRY));
    place.generation.v = own.own_generation;
    consumer->hot.cursor = &place.cursor;
    consumer->hot.generation = &place.generation;
    test_code(MYL_EEVICTED, myl_consumer_release(consumer));
    expect_detail("at event 1");
    expect_detail("3 leased events");
    assert_int_equal(place.cursor.v, 4); /* its cursor was stored */
    assert_int_equal(myl_consumer_last_acknowledged(consumer), 0);
    consumer->hot.cursor = own.cursor;
    consumer->hot.generation = own.generation;
    myl_consumer_rewind(consumer);
    take_many(consumer, 1, 3);
    assert_int_equal(myl_consumer_last_acknowledged(consumer), 3);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

/* A producer replaced a closed ring with a live consumer, and died before the old name was removed. Then the consumer
 * died, too. It cannot resume, so the next producer completes the replacement. */
static void successor_finishes_a_half_done_replacement(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(4);
    myl_consumer_options again = consumer_options("reader");
    myl_producer *producer = open_producer(test_name(name, "half"), &o);
    myl_consumer *consumer = open_consumer(name, "reader");
    put_many(producer, 0, 4);
    myl_producer_close(producer);
    lose_lock(consumer);
    expect_no_producer(MYL_ENOTDRAINED, "4 events", name, &o); /* it can still resume */
    consumer->handle.segment.control->superseded.v = 1;    /* C6, and no C7 */
    expect_no_consumer(MYL_ESUPERSEDED, "ended by force", name, &again);
    producer = open_producer(name, &o);
    assert_int_equal(myl_producer_last_published(producer), MYL_SEQUENCE_NONE);
    myl_consumer_close(consumer);
    assert_true(ring_exists(name));
    myl_producer_close(producer);
    assert_false(ring_exists(name));
}

static void death_wait_keeps_waiting(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    void *room;
    myl_producer_options o = producer_options(2);
    o.ring.on_death = MYL_DEATH_WAIT;
    o.ring.liveness_ns = MYL_USEC(200);
    myl_producer *producer = open_producer(test_name(name, "patient"), &o);
    myl_consumer *consumer = open_consumer(name, "gone");
    put_many(producer, 0, 2);
    lose_lock(consumer);
    test_code(MYL_ETIMEDOUT, myl_producer_claim(producer, &room, MYL_MSEC(5)));
    myl_consumer *again = open_consumer(name, "gone");
    assert_int_equal(joined_of(again).resumed, 1);
    take_many(again, 0, 2);
    put(producer, 2, MYL_TRY);
    take_many(again, 2, 1);
    myl_consumer_close(again);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

/* Another producer acquired a lost lock. The former producer may use the room that it knows of, and then fails at the
 * gate check. */
static void lost_lock_ends_claims_at_the_gate(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    void *room;
    myl_span span;
    myl_producer_options o = producer_options(4);
    myl_producer *producer = open_producer(test_name(name, "seatless"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    put_many(producer, 0, 2);
    producer->handle.segment.control->epoch.v++;
    put_many(producer, 2, 2);
    take_many(consumer, 0, 4);
    test_code(MYL_ELOCKLOST, myl_producer_claim(producer, &room, MYL_TRY));
    expect_detail(name);
    expect_detail("close this handle");
    test_code(MYL_ELOCKLOST, myl_producer_claim(producer, &room, MYL_SEC(10)));
    test_code(MYL_ELOCKLOST, myl_producer_claim_span(producer, 2, &span, MYL_TRY));
    assert_int_equal(myl_errclass(MYL_ELOCKLOST), MYL_CLASS_END);
    assert_int_equal(myl_producer_last_published(producer), 3);
    myl_producer_close(producer); /* the other producer ends the stream */
    expect_nothing(consumer, MYL_EAGAIN);
    producer = open_producer(name, &o);
    put(producer, 4, MYL_TRY);
    take_many(consumer, 4, 1);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
    assert_false(ring_exists(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_ring_without_consumers_blocks),
        cmocka_unit_test(ring_without_consumers_overwrites),
        cmocka_unit_test(ring_without_consumers_buffers),
        cmocka_unit_test(startup_timeout_is_reported),
        cmocka_unit_test(startup_of_too_many_is_refused),
        cmocka_unit_test(startup_of_many_succeeds),
        cmocka_unit_test(start_options_choose_the_first_event),
        cmocka_unit_test(resumed_consumer_counts_lost_events),
        cmocka_unit_test(full_table_refuses_a_join),
        cmocka_unit_test(largest_table_can_be_filled),
        cmocka_unit_test(hundreds_join_at_once),
        cmocka_unit_test(automatic_entry_is_reused),
        cmocka_unit_test(id_of_a_live_consumer_is_refused),
        cmocka_unit_test(dead_consumer_can_be_evicted),
        cmocka_unit_test(eviction_during_a_release_is_reported),
        cmocka_unit_test(successor_finishes_a_half_done_replacement),
        cmocka_unit_test(death_wait_keeps_waiting),
        cmocka_unit_test(lost_lock_ends_claims_at_the_gate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
