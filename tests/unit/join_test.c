/* SPDX-License-Identifier: MIT
 * Joining and leaving: where a consumer starts, what it is told to have lost, a full table, eviction; and what a
 * producer does while it is alone. */
#include "ring/consumer.h"
#include "ring/producer.h"
#include "unit/rings.h"

static myl_joined joined_of(const myl_consumer *consumer)
{
    myl_joined joined;
    test_ok(myl_consumer_joined(consumer, &joined));
    return joined;
}

static myl_consumer *open_at(const char *name, const char *id, enum myl_start start)
{
    myl_consumer_options options = consumer_options(id);
    options.start = start;
    return open_consumer_with(name, &options);
}

static void expect_full(myl_producer *producer)
{
    void *event;
    test_code(MYL_EAGAIN, myl_producer_claim(producer, &event, MYL_TRY));
    test_code(MYL_ETIMEDOUT, myl_producer_claim(producer, &event, MYL_MSEC(2)));
}

static void test_alone_block(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "block"), &o);
    put_many(producer, 0, 8);
    expect_full(producer);
    assert_int_equal(myl_producer_gating(producer), 7); /* nobody gates */
    myl_consumer *consumer = open_consumer(name, "late");
    assert_int_equal(joined_of(consumer).start, 0);
    assert_int_equal(joined_of(consumer).resumed, 0);
    assert_int_equal(myl_producer_gating(producer), MYL_SEQUENCE_NONE);
    take_many(consumer, 0, 8);
    put_many(producer, 8, 8);
    take_many(consumer, 8, 8);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
    assert_false(ring_exists(name));
}

static void test_alone_run_free(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 256; cell += 256) {
        char name[TEST_NAME_SIZE];
        myl_producer_options o = producer_options(16);
        o.alone = MYL_ALONE_RUN_FREE;
        o.packed_cell = cell;
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

static void test_alone_buffer(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(16);
    o.alone = MYL_ALONE_BUFFER;
    o.buffer = 5;
    myl_producer *producer = open_producer(test_name(name, "buffer"), &o);
    put_many(producer, 0, 5);
    expect_full(producer);
    myl_consumer *consumer = open_consumer(name, "c");
    put_many(producer, 5, 11); /* with a consumer it is the whole ring */
    expect_full(producer);
    take_many(consumer, 0, 16);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

static void test_startup_timeout(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const char *const ids[] = {"left", "right"};
    myl_producer_options o = producer_options(8);
    test_name(name, "startup");
    int before = test_shm_entries();
    o.wait_consumers = 2;
    o.wait_timeout_ns = MYL_MSEC(15);
    int64_t start = test_now_ns();
    expect_no_producer(MYL_ESTARTUP, "0 of 2", name, &o);
    assert_true(test_now_ns() - start >= MYL_MSEC(15));
    expect_detail("15 ms");
    o.wait_prefix = "blue";
    expect_no_producer(MYL_ESTARTUP, "blue", name, &o);
    o.wait_prefix = NULL;
    o.wait_ids = ids;
    expect_no_producer(MYL_ESTARTUP, "0 of 2", name, &o);
    assert_int_equal(test_shm_entries(), before);
    /* On a ring that exists, the ones that do not count are not counted, and the ring stays. */
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
    test_code(MYL_EUNSEATED, myl_consumer_next(left, &event, MYL_SEC(10))); /* nobody has died */
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

/* More than there is room for could never come: that is said at once, also to who would wait for ever, and whatever is
 * there stays as it is. */
static void test_startup_of_too_many(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_name(name, "crowd");
    int before = test_shm_entries();
    myl_producer_options o = producer_options(8);
    o.wait_timeout_ns = MYL_FOREVER;
    o.wait_consumers = 65; /* a new ring has room for 64 */
    expect_no_producer(MYL_EINVAL, "65 consumers cannot be waited for: the ring has room for 64", name, &o);
    o.max_consumers = 2;
    o.wait_consumers = 3;
    expect_no_producer(MYL_EINVAL, "3 consumers cannot be waited for: the ring has room for 2", name, &o);
    expect_detail("max_consumers");
    assert_int_equal(test_shm_entries(), before);
#ifndef MYL_OS_POSIX
    o.backend = MYL_BACKEND_MEMFD;
    expect_no_producer(MYL_EINVAL, "room for 2", NULL, &o);
    o.backend = MYL_BACKEND_SHM;
#endif
    myl_producer_options make = producer_options(8);
    make.max_consumers = 2;
    myl_producer *producer = open_producer(name, &make);
    test_code(MYL_EINVAL, myl_producer_wait_consumers(producer, NULL, 3, MYL_FOREVER));
    expect_detail("3 consumers cannot be waited for: the ring has room for 2");
    test_code(MYL_EAGAIN, myl_producer_wait_consumers(producer, NULL, 2, MYL_TRY));
    put_many(producer, 0, 3);
    myl_producer_leave(producer);
    o.max_consumers = 0; /* as the ring has it */
    expect_no_producer(MYL_EINVAL, "3 consumers cannot be waited for: the ring has room for 2", name, &o);
    o.existing = MYL_EXISTING_SUPERSEDE; /* not even the old ring is gone */
    o.wait_consumers = 65;
    expect_no_producer(MYL_EINVAL, "65 consumers cannot be waited for: the ring has room for 64", name, &o);
    myl_consumer *consumer = open_consumer(name, "c");
    take_many(consumer, 0, 3);
    producer = open_producer(name, NULL);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
    assert_false(ring_exists(name));
}

/* A ring that has room for more than a new one would have is waited for as it is. */
static void test_startup_of_many(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    o.max_consumers = 100;
    myl_producer_leave(open_producer(test_name(name, "many"), &o));
    o.max_consumers = 0;
    o.wait_consumers = 100;
    o.wait_timeout_ns = MYL_MSEC(2);
    expect_no_producer(MYL_ESTARTUP, "0 of 100", name, &o);
    o.wait_consumers = 0;
    myl_producer_close(open_producer(name, &o));
    assert_false(ring_exists(name));
}

static void test_starts(void **state)
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

static void test_resume_and_lost(void **state)
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
    guest = open_at(name, "guest", MYL_START_NOW); /* not resumed, though known */
    assert_int_equal(joined_of(guest).start, 28);
    assert_int_equal(joined_of(guest).lost, 0);
    myl_consumer_close(guest);
    myl_consumer_close(keeper);
    myl_producer_close(producer);
}

static void test_table_full(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], id[16];
    myl_producer_options o = producer_options(8);
    o.max_consumers = 5;
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
    consumer[2] = open_consumer(name, "id2"); /* a join later ... */
    myl_consumer_close(consumer[1]);
    consumer[3] = open_consumer_with(name, &one_more); /* takes the place that was left first */
    assert_int_equal(joined_of(consumer[3]).entry, 3);
    consumer[1] = open_consumer(name, "id1"); /* still known */
    assert_int_equal(joined_of(consumer[1]).resumed, 1);
    assert_int_equal(joined_of(consumer[1]).entry, 1);
    myl_consumer_close(consumer[0]);
    consumer[0] = open_consumer(name, "id3"); /* forgotten */
    assert_int_equal(joined_of(consumer[0]).resumed, 0);
    for (int i = 0; i < 5; i++)
        myl_consumer_close(consumer[i]);
    myl_producer_close(producer);
}

static void test_most_consumers(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], id[16];
    enum { MOST = 200 };
    static myl_consumer *consumer[MOST];
    myl_producer_options o = producer_options(8);
    o.max_consumers = MYL_CONSUMERS_MAX;
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

static void test_duplicate(void **state)
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
    again.start = MYL_START_NOW;
    expect_no_consumer(MYL_EDUPLICATE, "only-one", name, &again);
    again.prefix = "x";
    expect_no_consumer(MYL_EID, "only-one", name, &again); /* both */
    expect_no_producer(MYL_EPRODUCERALIVE, name, name, &o);
    expect_no_producer(MYL_EPRODUCERALIVE, name, name, NULL);
    assert_int_equal(myl_producer_gating(producer), 0); /* nothing moved */
    take_many(consumer, 1, 2);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

/* Its process still runs, but its seat is gone: what a closed descriptor does. */
static void lose_seat(myl_consumer *consumer)
{
    myl_os_seat_drop(consumer->handle.segment.fd, myl_entry_seat(consumer->joined.entry));
}

static void test_eviction(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const void *event;
    void *room;
    myl_run run;
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
    lose_seat(consumer);
    test_code(MYL_ECONSUMERDEAD, myl_producer_claim(producer, &room, MYL_FOREVER));
    expect_detail("slow");
    expect_detail("4 events");
    test_code(MYL_ECONSUMERDEAD, myl_producer_claim(producer, &room, MYL_FOREVER)); /* asked again, told again */
    test_ok(myl_evict(name, MYL_BACKEND_SHM, "slow"));
    test_code(MYL_ENOTFOUND, myl_evict(name, MYL_BACKEND_SHM, "slow"));
    test_code(MYL_EEVICTED, myl_consumer_release(consumer));
    expect_detail("slow");
    expect_full(producer); /* alone again, and what nobody has read is kept */
    myl_consumer *next = open_consumer(name, "slow"); /* nothing known of it any more */
    assert_int_equal(joined_of(next).resumed, 0);
    take_many(next, 0, 4);
    put(producer, 4, MYL_TRY);
    while (myl_consumer_next(consumer, &event, MYL_TRY) == MYL_OK) /* what it can still see */
        ;
    test_code(MYL_EEVICTED, myl_consumer_next(consumer, &event, MYL_FOREVER));
    test_code(MYL_EEVICTED, myl_consumer_next_run(consumer, 4, &run, MYL_FOREVER));
    take_many(next, 4, 1);
    myl_consumer_close(consumer); /* does not touch the place of its successor */
    put_many(producer, 5, 4);
    expect_full(producer);
    take_many(next, 5, 4);
    myl_consumer_close(next);
    myl_producer_close(producer);
}

/* Evicted between the store of its cursor and the second look: then nothing was acknowledged. Here the store itself
 * changes what is looked at next. */
static void test_evicted_while_releasing(void **state)
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
    assert_int_equal(place.cursor.v, 4); /* it came that far */
    assert_int_equal(myl_consumer_acknowledged(consumer), 0);
    consumer->hot.cursor = own.cursor;
    consumer->hot.generation = own.generation;
    myl_consumer_rewind(consumer);
    take_many(consumer, 1, 3);
    assert_int_equal(myl_consumer_acknowledged(consumer), 3);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

/* A producer made a new ring of a closed one, whose reader lived, and died before the old name was gone; then the
 * reader died too. It cannot come back, so the next producer finishes what its predecessor began. */
static void test_retired_by_half(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(4);
    myl_consumer_options again = consumer_options("reader");
    myl_producer *producer = open_producer(test_name(name, "half"), &o);
    myl_consumer *consumer = open_consumer(name, "reader");
    put_many(producer, 0, 4);
    myl_producer_close(producer);
    lose_seat(consumer);
    expect_no_producer(MYL_EUNREAD, "4 events", name, &o); /* it can still come back */
    consumer->handle.segment.control->superseded.v = 1;    /* C6, and no C7 */
    expect_no_consumer(MYL_ESUPERSEDED, "ended by force", name, &again);
    producer = open_producer(name, &o);
    assert_int_equal(myl_producer_last(producer), MYL_SEQUENCE_NONE);
    myl_consumer_close(consumer);
    assert_true(ring_exists(name));
    myl_producer_close(producer);
    assert_false(ring_exists(name));
}

static void test_death_wait_goes_on(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    void *room;
    myl_producer_options o = producer_options(2);
    o.on_death = MYL_DEATH_WAIT;
    o.liveness_ns = MYL_USEC(200);
    myl_producer *producer = open_producer(test_name(name, "patient"), &o);
    myl_consumer *consumer = open_consumer(name, "gone");
    put_many(producer, 0, 2);
    lose_seat(consumer);
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

/* As when another producer was let into a lost seat: who was there before may use the room that it knew of, and then
 * learns of it at the gate. */
static void test_seat_lost(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    void *room;
    myl_run run;
    myl_producer_options o = producer_options(4);
    myl_producer *producer = open_producer(test_name(name, "seatless"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    put_many(producer, 0, 2);
    producer->handle.segment.control->epoch.v++;
    put_many(producer, 2, 2);
    take_many(consumer, 0, 4);
    test_code(MYL_ESEATLOST, myl_producer_claim(producer, &room, MYL_TRY));
    expect_detail(name);
    expect_detail("close this handle");
    test_code(MYL_ESEATLOST, myl_producer_claim(producer, &room, MYL_SEC(10)));
    test_code(MYL_ESEATLOST, myl_producer_claim_run(producer, 2, &run, MYL_TRY));
    assert_int_equal(myl_errclass(MYL_ESEATLOST), MYL_CLASS_END);
    assert_int_equal(myl_producer_last(producer), 3);
    myl_producer_close(producer); /* the stream is the other one's to end */
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
        cmocka_unit_test(test_alone_block),
        cmocka_unit_test(test_alone_run_free),
        cmocka_unit_test(test_alone_buffer),
        cmocka_unit_test(test_startup_timeout),
        cmocka_unit_test(test_startup_of_too_many),
        cmocka_unit_test(test_startup_of_many),
        cmocka_unit_test(test_starts),
        cmocka_unit_test(test_resume_and_lost),
        cmocka_unit_test(test_table_full),
        cmocka_unit_test(test_most_consumers),
        cmocka_unit_test(test_duplicate),
        cmocka_unit_test(test_eviction),
        cmocka_unit_test(test_evicted_while_releasing),
        cmocka_unit_test(test_retired_by_half),
        cmocka_unit_test(test_death_wait_goes_on),
        cmocka_unit_test(test_seat_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
