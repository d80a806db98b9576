/* SPDX-License-Identifier: MIT
 * One producer and its consumers in one thread: what claim, publish, lease and release mean, around the end of the
 * ring, for plain and for packed cells. */
#include <stdlib.h>

#include "unit/rings.h"

struct ring {
    char name[TEST_NAME_SIZE];
    myl_producer *producer;
    myl_consumer *consumer;
    uint64_t capacity;
    uint32_t per_cell;
};

static void open_ring(struct ring *ring, uint64_t capacity, uint32_t packed_cell)
{
    myl_producer_options o = producer_options(capacity);
    o.packed_cell = packed_cell;
    ring->producer = open_producer(test_name(ring->name, "ring"), &o);
    ring->consumer = open_consumer(ring->name, "c");
    myl_info info = {.size = sizeof info};
    test_ok(myl_producer_info(ring->producer, &info));
    ring->capacity = info.capacity;
    ring->per_cell = info.events_per_cell;
}

static void close_ring(struct ring *ring)
{
    myl_consumer_close(ring->consumer);
    myl_producer_close(ring->producer);
    assert_false(ring_exists(ring->name)); /* the last one out removes the name */
}

static void *claim(struct ring *ring)
{
    void *event;
    test_ok(myl_producer_claim(ring->producer, &event, MYL_TRY));
    return event;
}

static void test_order_and_positions(void **state)
{
    (void)state;
    struct ring ring;
    open_ring(&ring, 4, 0);
    assert_int_equal(myl_producer_last(ring.producer), MYL_SEQUENCE_NONE);
    assert_int_equal(myl_producer_gating(ring.producer), MYL_SEQUENCE_NONE);
    assert_int_equal(myl_consumer_position(ring.consumer), MYL_SEQUENCE_NONE);
    assert_int_equal(myl_consumer_acknowledged(ring.consumer), MYL_SEQUENCE_NONE);
    assert_int_equal(myl_consumer_available(ring.consumer), 0);
    assert_int_equal(myl_consumer_end_of_batch(ring.consumer), 1);
    expect_nothing(ring.consumer, MYL_EAGAIN);
    for (uint64_t i = 0; i < 1000; i += 3) {
        const void *event;
        put_many(ring.producer, i, 3);
        assert_int_equal(myl_producer_last(ring.producer), i + 2);
        assert_int_equal(myl_consumer_available(ring.consumer), 3);
        test_ok(myl_consumer_next(ring.consumer, &event, MYL_TRY));
        expect_event(event, i);
        assert_int_equal(myl_consumer_position(ring.consumer), i);
        assert_int_equal(myl_consumer_acknowledged(ring.consumer), (myl_sequence)i - 1);
        assert_int_equal(myl_producer_is_consumed(ring.producer, (myl_sequence)i), 0);
        test_ok(myl_consumer_release(ring.consumer));
        assert_int_equal(myl_producer_is_consumed(ring.producer, (myl_sequence)i), 1);
        assert_int_equal(myl_producer_gating(ring.producer), i);
        take_many(ring.consumer, i + 1, 2);
        assert_int_equal(myl_consumer_acknowledged(ring.consumer), i + 2);
        expect_nothing(ring.consumer, MYL_EAGAIN);
    }
    close_ring(&ring);
}

static void test_full(void **state)
{
    (void)state;
    struct ring ring;
    void *event;
    open_ring(&ring, 8, 0);
    for (uint64_t round = 0; round < 5; round++) {
        put_many(ring.producer, round * 8, 8);
        test_code(MYL_EAGAIN, myl_producer_claim(ring.producer, &event, MYL_TRY));
        take_many(ring.consumer, round * 8, 8);
    }
    /* One free place is one event, not more. */
    put_many(ring.producer, 40, 8);
    for (uint64_t i = 40; i < 60; i++) {
        test_code(MYL_EAGAIN, myl_producer_claim(ring.producer, &event, MYL_TRY));
        take_many(ring.consumer, i, 1);
        put(ring.producer, i + 8, MYL_TRY);
    }
    take_many(ring.consumer, 60, 8);
    close_ring(&ring);
}

static void test_claimed_is_invisible_until_published(void **state)
{
    (void)state;
    struct ring ring;
    open_ring(&ring, 8, 0);
    for (uint64_t i = 0; i < 5; i++)
        event_fill(claim(&ring), i);
    expect_nothing(ring.consumer, MYL_EAGAIN);
    assert_int_equal(myl_producer_last(ring.producer), MYL_SEQUENCE_NONE);
    myl_producer_publish(ring.producer);
    assert_int_equal(myl_producer_last(ring.producer), 4);
    take_many(ring.consumer, 0, 5);
    myl_producer_publish(ring.producer); /* nothing claimed: nothing published */
    expect_nothing(ring.consumer, MYL_EAGAIN);
    close_ring(&ring);
}

static void test_abort(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 256; cell += 256) {
        struct ring ring;
        uint64_t n = 0;
        open_ring(&ring, cell == 0 ? 8 : 40, cell);
        for (uint64_t round = 0; round < 50; round++) {
            for (uint64_t i = 0; i < round % (ring.capacity - ring.per_cell); i++)
                memset(claim(&ring), 0xee, sizeof(struct event));
            myl_producer_abort(ring.producer);
            expect_nothing(ring.consumer, MYL_EAGAIN);
            assert_int_equal(myl_producer_last(ring.producer), (myl_sequence)n - 1);
            put(ring.producer, n, MYL_TRY);
            take_many(ring.consumer, n++, 1);
        }
        close_ring(&ring);
    }
}

static void test_everything_claimed(void **state)
{
    (void)state;
    struct ring ring;
    void *event;
    myl_run run;
    open_ring(&ring, 4, 0);
    for (uint64_t i = 0; i < 4; i++)
        event_fill(claim(&ring), i);
    test_code(MYL_ELEASED, myl_producer_claim(ring.producer, &event, MYL_FOREVER)); /* would wait for itself */
    expect_detail("4 events");
    test_code(MYL_ELEASED, myl_producer_claim_run(ring.producer, 3, &run, MYL_TRY));
    expect_detail("3 more");
    myl_producer_publish(ring.producer);
    test_code(MYL_EAGAIN, myl_producer_claim(ring.producer, &event, MYL_TRY));
    take_many(ring.consumer, 0, 4);
    close_ring(&ring);
}

static void test_everything_leased(void **state)
{
    (void)state;
    struct ring ring;
    const void *event;
    open_ring(&ring, 4, 0);
    put_many(ring.producer, 0, 4);
    for (uint64_t i = 0; i < 4; i++)
        test_ok(myl_consumer_next(ring.consumer, &event, MYL_TRY));
    test_code(MYL_ELEASED, myl_consumer_next(ring.consumer, &event, MYL_FOREVER));
    expect_detail("4 events");
    test_ok(myl_consumer_release(ring.consumer));
    put(ring.producer, 4, MYL_TRY);
    take_many(ring.consumer, 4, 1);
    close_ring(&ring);
}

static void check_run(const struct ring *ring, const myl_run *run, uint64_t from)
{
    assert_int_equal(run->sequence, from);
    assert_true(run->count >= 1 && run->count <= ring->capacity);
    assert_true(run->stride >= sizeof(struct event));
}

static uint64_t fill_runs(struct ring *ring, uint64_t from, uint64_t wanted)
{
    uint64_t done = 0;
    unsigned runs = 0;
    while (done < wanted) {
        myl_run run;
        test_ok(myl_producer_claim_run(ring->producer, wanted - done, &run, MYL_TRY));
        check_run(ring, &run, from + done);
        assert_true(run.count <= wanted - done);
        for (uint64_t i = 0; i < run.count; i++)
            event_fill((char *)run.event + i * run.stride, from + done + i);
        done += run.count;
        runs++;
    }
    assert_true(runs <= 2 || ring->per_cell > 1);
    return done;
}

static uint64_t read_runs(struct ring *ring, uint64_t from, uint64_t most)
{
    uint64_t done = 0;
    while (done < most) {
        myl_run run;
        test_ok(myl_consumer_next_run(ring->consumer, most - done, &run, MYL_TRY));
        check_run(ring, &run, from + done);
        assert_true(run.count <= most - done);
        for (uint64_t i = 0; i < run.count; i++)
            expect_event((char *)run.event + i * run.stride, from + done + i);
        done += run.count;
        assert_int_equal(myl_consumer_position(ring->consumer), from + done - 1);
    }
    return done;
}

/* Every size of batch at every place of the ring. */
static void test_runs(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 512; cell += 256) {
        struct ring ring;
        uint64_t n = 0;
        open_ring(&ring, 16, cell);
        uint64_t most = ring.per_cell > 1 ? ring.capacity - ring.per_cell : ring.capacity;
        for (uint64_t round = 0; round < 40; round++) {
            for (uint64_t batch = 1; batch <= most; batch++) {
                fill_runs(&ring, n, batch);
                expect_nothing(ring.consumer, MYL_EAGAIN);
                myl_producer_publish(ring.producer);
                uint64_t half = batch / 2;
                read_runs(&ring, n, half);
                read_runs(&ring, n + half, batch - half);
                assert_int_equal(myl_consumer_end_of_batch(ring.consumer), 1);
                test_ok(myl_consumer_release(ring.consumer));
                n += batch;
            }
        }
        close_ring(&ring);
    }
}

static void test_impossible_runs(void **state)
{
    (void)state;
    struct ring ring;
    myl_run run = {.count = 4711};
    open_ring(&ring, 8, 0);
    put_many(ring.producer, 0, 3);
    take_many(ring.consumer, 0, 3);
    test_code(MYL_ETOOBIG, myl_producer_claim_run(ring.producer, 9, &run, MYL_FOREVER));
    expect_detail("9 events");
    test_code(MYL_ETOOBIG, myl_producer_claim_run(ring.producer, UINT64_MAX, &run, MYL_FOREVER));
    expect_detail("18446744073709551615");
    test_code(MYL_ETOOBIG, myl_producer_claim_run(ring.producer, UINT64_MAX - 2, &run, MYL_TRY));
    test_code(MYL_EINVAL, myl_producer_claim_run(ring.producer, 0, &run, MYL_TRY));
    test_code(MYL_EINVAL, myl_consumer_next_run(ring.consumer, 0, &run, MYL_TRY));
    test_code(MYL_EAGAIN, myl_consumer_next_run(ring.consumer, UINT64_MAX, &run, MYL_TRY));
    assert_int_equal(run.count, 4711);
    put_many(ring.producer, 3, 8);
    read_runs(&ring, 3, 8);
    test_ok(myl_consumer_release(ring.consumer));
    close_ring(&ring);
}

/* All or nothing: a batch is not begun before there is room for all of it. */
static void test_batch_waits_for_all_its_room(void **state)
{
    (void)state;
    struct ring ring;
    myl_run run;
    open_ring(&ring, 8, 0);
    put_many(ring.producer, 0, 8);
    take_many(ring.consumer, 0, 3);
    test_code(MYL_EAGAIN, myl_producer_claim_run(ring.producer, 4, &run, MYL_TRY));
    test_code(MYL_ETIMEDOUT, myl_producer_claim_run(ring.producer, 4, &run, MYL_MSEC(3)));
    put(ring.producer, 8, MYL_TRY); /* nothing was claimed by that */
    take_many(ring.consumer, 3, 2);
    fill_runs(&ring, 9, 4);
    myl_producer_publish(ring.producer);
    take_many(ring.consumer, 5, 8);
    close_ring(&ring);
}

/* A stream through packed cells, published at every place of a cell. */
static void test_packed_in_pieces(void **state)
{
    (void)state;
    struct ring ring;
    open_ring(&ring, 20, 256);
    assert_true(ring.per_cell == 5);
    uint64_t n = 0, read = 0;
    for (unsigned turn = 0; turn < 2000; turn++) {
        uint64_t piece = 1 + (turn * 7) % 11;
        for (uint64_t i = 0; i < piece; i++)
            event_fill(claim(&ring), n++);
        myl_producer_publish(ring.producer);
        assert_int_equal(myl_consumer_available(ring.consumer), n - read);
        uint64_t taken = turn % 3 == 0 ? n - read : (n - read) / 2;
        take_many(ring.consumer, read, taken);
        read += taken;
    }
    take_many(ring.consumer, read, n - read);
    expect_nothing(ring.consumer, MYL_EAGAIN);
    close_ring(&ring);
}

/* A full packed ring gives way cell by cell; the producer never writes into a cell of which an event is not read. */
static void test_packed_full(void **state)
{
    (void)state;
    struct ring ring;
    void *event;
    open_ring(&ring, 20, 256);
    uint64_t n = 0;
    while (myl_producer_claim(ring.producer, &event, MYL_TRY) == MYL_OK) {
        event_fill(event, n++);
        myl_producer_publish(ring.producer);
    }
    assert_int_equal(n, ring.capacity);
    for (uint64_t read = 0; read < 3 * ring.capacity; read++) {
        take_many(ring.consumer, read, 1);
        int room = myl_producer_claim(ring.producer, &event, MYL_TRY);
        assert_int_equal(room == MYL_OK, (read + 1) % ring.per_cell == 0);
        for (; room == MYL_OK; room = myl_producer_claim(ring.producer, &event, MYL_TRY)) {
            event_fill(event, n++);
            myl_producer_publish(ring.producer);
        }
        assert_int_equal(room, MYL_EAGAIN);
    }
    close_ring(&ring);
}

static void test_rewind(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 256; cell += 256) {
        struct ring ring;
        const void *event;
        open_ring(&ring, 8, cell);
        for (uint64_t base = 0; base < 60; base += 6) {
            put_many(ring.producer, base, 6);
            take_many(ring.consumer, base, 1);
            for (uint64_t lease = 0; lease <= 5; lease++) {
                for (uint64_t i = 0; i < lease; i++) {
                    test_ok(myl_consumer_next(ring.consumer, &event, MYL_TRY));
                    expect_event(event, base + 1 + i);
                }
                myl_consumer_rewind(ring.consumer);
                assert_int_equal(myl_consumer_position(ring.consumer), base);
                assert_int_equal(myl_producer_gating(ring.producer), base);
            }
            take_many(ring.consumer, base + 1, 5);
        }
        close_ring(&ring);
    }
}

static void test_end_of_batch(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 256; cell += 256) {
        struct ring ring;
        const void *event;
        open_ring(&ring, cell == 0 ? 8 : 20, cell);
        for (uint64_t base = 0, batch = 1; base < 200; base += batch, batch = batch % 7 + 1) {
            put_many(ring.producer, base, batch);
            for (uint64_t i = 0; i < batch; i++) {
                assert_int_equal(myl_consumer_end_of_batch(ring.consumer), 0);
                test_ok(myl_consumer_next(ring.consumer, &event, MYL_TRY));
                assert_int_equal(myl_consumer_end_of_batch(ring.consumer), i + 1 == batch);
            }
            test_ok(myl_consumer_release(ring.consumer));
        }
        close_ring(&ring);
    }
}

static void test_copying(void **state)
{
    (void)state;
    struct ring ring;
    struct event event, read = {{0}};
    const void *leased;
    open_ring(&ring, 4, 0);
    event_fill(&event, 0);
    test_ok(myl_producer_put(ring.producer, &event, sizeof event, MYL_TRY));
    test_code(MYL_EEVENTSIZE, myl_producer_put(ring.producer, &event, 47, MYL_TRY));
    expect_detail("47");
    assert_int_equal(myl_producer_last(ring.producer), 0);
    test_ok(myl_consumer_get(ring.consumer, &read, sizeof read, MYL_TRY));
    expect_event(&read, 0);
    assert_int_equal(myl_consumer_acknowledged(ring.consumer), 0);
    test_code(MYL_EAGAIN, myl_consumer_get(ring.consumer, &read, sizeof read, MYL_TRY));
    event_fill(&event, 1);
    test_ok(myl_producer_put(ring.producer, &event, sizeof event, MYL_TRY));
    uint64_t first[2] = {0, 4711};
    test_ok(myl_consumer_get(ring.consumer, first, sizeof first[0], MYL_TRY)); /* the start of it only */
    assert_int_equal(first[0], 7);
    assert_int_equal(first[1], 4711);
    put_many(ring.producer, 2, 2);
    test_ok(myl_consumer_next(ring.consumer, &leased, MYL_TRY));
    test_code(MYL_ENOTCLAIMED, myl_consumer_get(ring.consumer, &read, sizeof read, MYL_TRY));
    expect_detail("1 leased");
    myl_consumer_rewind(ring.consumer);
    test_ok(myl_consumer_get(ring.consumer, &read, 1000, MYL_TRY)); /* a larger place than the event */
    expect_event(&read, 2);
    take_many(ring.consumer, 3, 1);
    close_ring(&ring);
}

static void test_wait_consumed(void **state)
{
    (void)state;
    struct ring ring;
    open_ring(&ring, 4, 0);
    test_code(MYL_EINVAL, myl_producer_wait_consumed(ring.producer, 0, MYL_FOREVER));
    test_ok(myl_producer_wait_consumed(ring.producer, MYL_SEQUENCE_NONE, MYL_TRY));
    put_many(ring.producer, 0, 2);
    test_code(MYL_EINVAL, myl_producer_wait_consumed(ring.producer, 2, MYL_FOREVER));
    expect_detail("event 2");
    test_code(MYL_EAGAIN, myl_producer_wait_consumed(ring.producer, 0, MYL_TRY));
    take_many(ring.consumer, 0, 1);
    test_ok(myl_producer_wait_consumed(ring.producer, 0, MYL_TRY));
    test_code(MYL_EAGAIN, myl_producer_wait_consumed(ring.producer, 1, MYL_TRY));
    myl_consumer_close(ring.consumer); /* nobody gates: that is not "consumed" */
    test_code(MYL_ETIMEDOUT, myl_producer_wait_consumed(ring.producer, 1, MYL_MSEC(2)));
    ring.consumer = open_consumer(ring.name, "c");
    take_many(ring.consumer, 1, 1);
    test_ok(myl_producer_wait_consumed(ring.producer, 1, MYL_TRY));
    close_ring(&ring);
}

static void test_slowest_gates(void **state)
{
    (void)state;
    struct ring ring;
    void *event;
    open_ring(&ring, 4, 0);
    myl_consumer *second = open_consumer(ring.name, "second");
    put_many(ring.producer, 0, 4);
    take_many(ring.consumer, 0, 4);
    test_code(MYL_EAGAIN, myl_producer_claim(ring.producer, &event, MYL_TRY));
    take_many(second, 0, 1);
    assert_int_equal(myl_producer_gating(ring.producer), 0);
    put(ring.producer, 4, MYL_TRY);
    test_code(MYL_EAGAIN, myl_producer_claim(ring.producer, &event, MYL_TRY));
    myl_consumer_close(second); /* who leaves does not gate */
    put_many(ring.producer, 5, 3);
    take_many(ring.consumer, 4, 4);
    close_ring(&ring);
}

static void test_close_drains(void **state)
{
    (void)state;
    struct ring ring;
    const void *event;
    open_ring(&ring, 8, 0);
    put_many(ring.producer, 0, 3);
    (void)claim(&ring); /* forgotten */
    myl_producer_close(ring.producer);
    assert_true(ring_exists(ring.name));
    take_many(ring.consumer, 0, 3);
    for (int i = 0; i < 3; i++) {
        test_code(MYL_ECLOSED, myl_consumer_next(ring.consumer, &event, MYL_FOREVER));
        expect_detail(ring.name);
        expect_detail("event 2");
    }
    ring.producer = NULL;
    close_ring(&ring);
    myl_producer_close(NULL);
    myl_producer_leave(NULL);
    myl_consumer_close(NULL);
    myl_observer_close(NULL);
    myl_snapshot_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_positions),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_claimed_is_invisible_until_published),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_everything_claimed),
        cmocka_unit_test(test_everything_leased),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_impossible_runs),
        cmocka_unit_test(test_batch_waits_for_all_its_room),
        cmocka_unit_test(test_packed_in_pieces),
        cmocka_unit_test(test_packed_full),
        cmocka_unit_test(test_rewind),
        cmocka_unit_test(test_end_of_batch),
        cmocka_unit_test(test_copying),
        cmocka_unit_test(test_wait_consumed),
        cmocka_unit_test(test_slowest_gates),
        cmocka_unit_test(test_close_drains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
