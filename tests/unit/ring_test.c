/* SPDX-License-Identifier: MIT
 * One producer and its consumers in one thread: the meaning of claim, publish, lease and release, across the end of the
 * ring, for plain and packed cells. */
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
    o.config.packed_cell = packed_cell;
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
    assert_false(ring_exists(ring->name)); /* the last participant removes the name */
}

static void *claim(struct ring *ring)
{
    void *event;
    test_ok(myl_producer_claim(ring->producer, &event, MYL_TRY));
    return event;
}

static void events_arrive_in_order(void **state)
{
    (void)state;
    struct ring ring;
    open_ring(&ring, 4, 0);
    assert_int_equal(myl_producer_last_published(ring.producer), MYL_SEQUENCE_NONE);
    assert_int_equal(myl_producer_last_consumed(ring.producer), MYL_SEQUENCE_NONE);
    assert_int_equal(myl_consumer_last_leased(ring.consumer), MYL_SEQUENCE_NONE);
    assert_int_equal(myl_consumer_last_acknowledged(ring.consumer), MYL_SEQUENCE_NONE);
    assert_int_equal(myl_consumer_available(ring.consumer), 0);
    assert_int_equal(myl_consumer_end_of_batch(ring.consumer), 1);
    expect_nothing(ring.consumer, MYL_EAGAIN);
    for (uint64_t i = 0; i < 1000; i += 3) {
        const void *event;
        put_many(ring.producer, i, 3);
        assert_int_equal(myl_producer_last_published(ring.producer), i + 2);
        assert_int_equal(myl_consumer_available(ring.consumer), 3);
        test_ok(myl_consumer_next(ring.consumer, &event, MYL_TRY));
        expect_event(event, i);
        assert_int_equal(myl_consumer_last_leased(ring.consumer), i);
        assert_int_equal(myl_consumer_last_acknowledged(ring.consumer), (myl_sequence)i - 1);
        assert_int_equal(myl_producer_is_consumed(ring.producer, (myl_sequence)i), 0);
        test_ok(myl_consumer_release(ring.consumer));
        assert_int_equal(myl_producer_is_consumed(ring.producer, (myl_sequence)i), 1);
        assert_int_equal(myl_producer_last_consumed(ring.producer), i);
        take_many(ring.consumer, i + 1, 2);
        assert_int_equal(myl_consumer_last_acknowledged(ring.consumer), i + 2);
        expect_nothing(ring.consumer, MYL_EAGAIN);
    }
    close_ring(&ring);
}

static void full_ring_takes_no_event(void **state)
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
    /* One free cell is one event, not more. */
    put_many(ring.producer, 40, 8);
    for (uint64_t i = 40; i < 60; i++) {
        test_code(MYL_EAGAIN, myl_producer_claim(ring.producer, &event, MYL_TRY));
        take_many(ring.consumer, i, 1);
        put(ring.producer, i + 8, MYL_TRY);
    }
    take_many(ring.consumer, 60, 8);
    close_ring(&ring);
}

static void claims_are_invisible_until_published(void **state)
{
    (void)state;
    struct ring ring;
    open_ring(&ring, 8, 0);
    for (uint64_t i = 0; i < 5; i++)
        event_fill(claim(&ring), i);
    expect_nothing(ring.consumer, MYL_EAGAIN);
    assert_int_equal(myl_producer_last_published(ring.producer), MYL_SEQUENCE_NONE);
    myl_producer_publish(ring.producer);
    assert_int_equal(myl_producer_last_published(ring.producer), 4);
    take_many(ring.consumer, 0, 5);
    myl_producer_publish(ring.producer); /* nothing claimed: nothing published */
    expect_nothing(ring.consumer, MYL_EAGAIN);
    close_ring(&ring);
}

static void aborted_claims_are_not_published(void **state)
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
            assert_int_equal(myl_producer_last_published(ring.producer), (myl_sequence)n - 1);
            put(ring.producer, n, MYL_TRY);
            take_many(ring.consumer, n++, 1);
        }
        close_ring(&ring);
    }
}

static void claim_beyond_all_claimed_is_leased(void **state)
{
    (void)state;
    struct ring ring;
    void *event;
    myl_span span;
    open_ring(&ring, 4, 0);
    for (uint64_t i = 0; i < 4; i++)
        event_fill(claim(&ring), i);
    test_code(MYL_ELEASED, myl_producer_claim(ring.producer, &event, MYL_FOREVER)); /* it would wait for itself */
    expect_detail("4 events");
    test_code(MYL_ELEASED, myl_producer_claim_span(ring.producer, 3, &span, MYL_TRY));
    expect_detail("3 more");
    myl_producer_publish(ring.producer);
    test_code(MYL_EAGAIN, myl_producer_claim(ring.producer, &event, MYL_TRY));
    take_many(ring.consumer, 0, 4);
    close_ring(&ring);
}

static void wait_with_everything_leased_is_refused(void **state)
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

static void check_run(const struct ring *ring, const myl_span *span, uint64_t from)
{
    assert_int_equal(span->sequence, from);
    assert_true(span->count >= 1 && span->count <= ring->capacity);
    assert_true(span->stride >= sizeof(struct event));
}

static uint64_t fill_spans(struct ring *ring, uint64_t from, uint64_t wanted)
{
    uint64_t done = 0;
    unsigned runs = 0;
    while (done < wanted) {
        myl_span span;
        test_ok(myl_producer_claim_span(ring->producer, wanted - done, &span, MYL_TRY));
        check_run(ring, &span, from + done);
        assert_true(span.count <= wanted - done);
        for (uint64_t i = 0; i < span.count; i++)
            event_fill((char *)span.event + i * span.stride, from + done + i);
        done += span.count;
        runs++;
    }
    assert_true(runs <= 2 || ring->per_cell > 1);
    return done;
}

static uint64_t read_spans(struct ring *ring, uint64_t from, uint64_t most)
{
    uint64_t done = 0;
    while (done < most) {
        myl_span span;
        test_ok(myl_consumer_next_span(ring->consumer, most - done, &span, MYL_TRY));
        check_run(ring, &span, from + done);
        assert_true(span.count <= most - done);
        for (uint64_t i = 0; i < span.count; i++)
            expect_event((char *)span.event + i * span.stride, from + done + i);
        done += span.count;
        assert_int_equal(myl_consumer_last_leased(ring->consumer), from + done - 1);
    }
    return done;
}

/* Every batch size at every position of the ring. */
static void spans_of_every_size_at_every_place(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 512; cell += 256) {
        struct ring ring;
        uint64_t n = 0;
        open_ring(&ring, 16, cell);
        uint64_t most = ring.per_cell > 1 ? ring.capacity - ring.per_cell : ring.capacity;
        for (uint64_t round = 0; round < 40; round++) {
            for (uint64_t batch = 1; batch <= most; batch++) {
                fill_spans(&ring, n, batch);
                expect_nothing(ring.consumer, MYL_EAGAIN);
                myl_producer_publish(ring.producer);
                uint64_t half = batch / 2;
                read_spans(&ring, n, half);
                read_spans(&ring, n + half, batch - half);
                assert_int_equal(myl_consumer_end_of_batch(ring.consumer), 1);
                test_ok(myl_consumer_release(ring.consumer));
                n += batch;
            }
        }
        close_ring(&ring);
    }
}

static void impossible_spans_are_refused(void **state)
{
    (void)state;
    struct ring ring;
    myl_span span = {.count = 4711};
    open_ring(&ring, 8, 0);
    put_many(ring.producer, 0, 3);
    take_many(ring.consumer, 0, 3);
    test_code(MYL_ETOOBIG, myl_producer_claim_span(ring.producer, 9, &span, MYL_FOREVER));
    expect_detail("9 events");
    test_code(MYL_ETOOBIG, myl_producer_claim_span(ring.producer, UINT64_MAX, &span, MYL_FOREVER));
    expect_detail("18446744073709551615");
    test_code(MYL_ETOOBIG, myl_producer_claim_span(ring.producer, UINT64_MAX - 2, &span, MYL_TRY));
    test_code(MYL_EINVAL, myl_producer_claim_span(ring.producer, 0, &span, MYL_TRY));
    test_code(MYL_EINVAL, myl_consumer_next_span(ring.consumer, 0, &span, MYL_TRY));
    test_code(MYL_EAGAIN, myl_consumer_next_span(ring.consumer, UINT64_MAX, &span, MYL_TRY));
    assert_int_equal(span.count, 4711);
    put_many(ring.producer, 3, 8);
    read_spans(&ring, 3, 8);
    test_ok(myl_consumer_release(ring.consumer));
    close_ring(&ring);
}

/* A batch is not claimed before there is room for all of it. */
static void batch_waits_for_all_its_room(void **state)
{
    (void)state;
    struct ring ring;
    myl_span span;
    open_ring(&ring, 8, 0);
    put_many(ring.producer, 0, 8);
    take_many(ring.consumer, 0, 3);
    test_code(MYL_EAGAIN, myl_producer_claim_span(ring.producer, 4, &span, MYL_TRY));
    test_code(MYL_ETIMEDOUT, myl_producer_claim_span(ring.producer, 4, &span, MYL_MSEC(3)));
    put(ring.producer, 8, MYL_TRY); /* the failed call has claimed nothing */
    take_many(ring.consumer, 3, 2);
    fill_spans(&ring, 9, 4);
    myl_producer_publish(ring.producer);
    take_many(ring.consumer, 5, 8);
    close_ring(&ring);
}

/* A stream through packed cells, published at every position within a cell. */
static void packed_cells_are_published_in_pieces(void **state)
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

/* A full packed ring is freed cell by cell. The producer never writes to a cell with an unread event. */
static void full_packed_ring_is_freed_by_cells(void **state)
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

static void rewind_delivers_again(void **state)
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
                assert_int_equal(myl_consumer_last_leased(ring.consumer), base);
                assert_int_equal(myl_producer_last_consumed(ring.producer), base);
            }
            take_many(ring.consumer, base + 1, 5);
        }
        close_ring(&ring);
    }
}

static void end_of_batch_is_reported(void **state)
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

static void get_and_put_copy_events(void **state)
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
    assert_int_equal(myl_producer_last_published(ring.producer), 0);
    test_ok(myl_consumer_get(ring.consumer, &read, sizeof read, MYL_TRY));
    expect_event(&read, 0);
    assert_int_equal(myl_consumer_last_acknowledged(ring.consumer), 0);
    test_code(MYL_EAGAIN, myl_consumer_get(ring.consumer, &read, sizeof read, MYL_TRY));
    event_fill(&event, 1);
    test_ok(myl_producer_put(ring.producer, &event, sizeof event, MYL_TRY));
    uint64_t first[2] = {0, 4711};
    test_ok(myl_consumer_get(ring.consumer, first, sizeof first[0], MYL_TRY)); /* only its first bytes */
    assert_int_equal(first[0], 7);
    assert_int_equal(first[1], 4711);
    put_many(ring.producer, 2, 2);
    test_ok(myl_consumer_next(ring.consumer, &leased, MYL_TRY));
    test_code(MYL_ENOTCLAIMED, myl_consumer_get(ring.consumer, &read, sizeof read, MYL_TRY));
    expect_detail("1 events are leased");
    myl_consumer_rewind(ring.consumer);
    test_ok(myl_consumer_get(ring.consumer, &read, 1000, MYL_TRY)); /* a buffer larger than the event */
    expect_event(&read, 2);
    take_many(ring.consumer, 3, 1);
    close_ring(&ring);
}

static void wait_consumed_waits_for_all_consumers(void **state)
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
    myl_consumer_close(ring.consumer); /* no consumer gates: that is not "consumed" */
    test_code(MYL_ETIMEDOUT, myl_producer_wait_consumed(ring.producer, 1, MYL_MSEC(2)));
    ring.consumer = open_consumer(ring.name, "c");
    take_many(ring.consumer, 1, 1);
    test_ok(myl_producer_wait_consumed(ring.producer, 1, MYL_TRY));
    close_ring(&ring);
}

static void slowest_consumer_gates(void **state)
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
    assert_int_equal(myl_producer_last_consumed(ring.producer), 0);
    put(ring.producer, 4, MYL_TRY);
    test_code(MYL_EAGAIN, myl_producer_claim(ring.producer, &event, MYL_TRY));
    myl_consumer_close(second); /* a consumer that left does not gate */
    put_many(ring.producer, 5, 3);
    take_many(ring.consumer, 4, 4);
    close_ring(&ring);
}

static void close_ends_after_the_last_event(void **state)
{
    (void)state;
    struct ring ring;
    const void *event;
    open_ring(&ring, 8, 0);
    put_many(ring.producer, 0, 3);
    (void)claim(&ring); /* dropped by the close */
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
        cmocka_unit_test(events_arrive_in_order),
        cmocka_unit_test(full_ring_takes_no_event),
        cmocka_unit_test(claims_are_invisible_until_published),
        cmocka_unit_test(aborted_claims_are_not_published),
        cmocka_unit_test(claim_beyond_all_claimed_is_leased),
        cmocka_unit_test(wait_with_everything_leased_is_refused),
        cmocka_unit_test(spans_of_every_size_at_every_place),
        cmocka_unit_test(impossible_spans_are_refused),
        cmocka_unit_test(batch_waits_for_all_its_room),
        cmocka_unit_test(packed_cells_are_published_in_pieces),
        cmocka_unit_test(full_packed_ring_is_freed_by_cells),
        cmocka_unit_test(rewind_delivers_again),
        cmocka_unit_test(end_of_batch_is_reported),
        cmocka_unit_test(get_and_put_copy_events),
        cmocka_unit_test(wait_consumed_waits_for_all_consumers),
        cmocka_unit_test(slowest_consumer_gates),
        cmocka_unit_test(close_ends_after_the_last_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
