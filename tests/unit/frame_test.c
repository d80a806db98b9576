/* SPDX-License-Identifier: MIT
 * Messages of one record, one producer and its consumers in one thread: lengths, positions, order, the meaning of
 * claim, commit and abort, across the end of the ring, on every backend. */
#include <fcntl.h>

#include "unit/frames.h"

struct pair {
    char name[TEST_NAME_SIZE];
    char path[TEST_PATH_SIZE];
    myl_frame_producer *producer;
    myl_frame_consumer *consumer;
};

static void open_pair_on(struct pair *pair, myl_frame_producer_options o, enum myl_backend backend)
{
    myl_frame_consumer_options c = frame_reader("c");
    o.ring.backend = c.ring.backend = backend;
    const char *name = NULL;
    if (backend != MYL_BACKEND_MEMFD)
        name = backend == MYL_BACKEND_SHM ? test_name(pair->name, "frames") : test_path(pair->path, "frames");
    pair->producer = open_frames(name, &o);
    if (backend == MYL_BACKEND_MEMFD)
        test_ok(myl_producer_fd(myl_frame_producer_ring(pair->producer), &c.ring.fd));
    test_ok(myl_frame_consumer_open(&pair->consumer, name, &c));
    if (backend == MYL_BACKEND_MEMFD)
        close(c.ring.fd);
}

static void open_pair(struct pair *pair, uint64_t ring_bytes, uint32_t max_frame)
{
    open_pair_on(pair, frame_options(ring_bytes, max_frame), MYL_BACKEND_SHM);
}

static void close_pair(struct pair *pair)
{
    myl_frame_consumer_close(pair->consumer);
    myl_frame_producer_close(pair->producer);
    assert_int_equal(test_shm_entries(), 0);
}

/* Every length up to a limit, several times around the ring. */
static void every_length_arrives(void **state)
{
    (void)state;
    for (int backend = MYL_BACKEND_SHM; backend <= LAST_BACKEND; backend++) {
        for (int numbers = MYL_FRAMES_BARE; numbers <= MYL_FRAMES_TIMED; numbers++) {
            struct pair pair;
            myl_frame_producer_options o = frame_options(65536, 0);
            o.config.numbers = (enum myl_frame_numbers)numbers;
            open_pair_on(&pair, o, (enum myl_backend)backend);
            for (uint64_t i = 0; i < 700; i++) {
                expect_no_frame(pair.consumer, MYL_EAGAIN);
                send_frame(pair.producer, i, i, MYL_TRY);
                assert_int_equal(myl_frame_consumer_end_of_batch(pair.consumer), 0);
                take_frame(pair.consumer, i, i, MYL_TRY);
                assert_int_equal(myl_frame_consumer_end_of_batch(pair.consumer), 1);
            }
            close_pair(&pair);
        }
    }
}

/* Any number of unread messages is read in order. */
static void messages_arrive_in_order(void **state)
{
    (void)state;
    struct pair pair;
    open_pair(&pair, 128 * 1024, 0); /* not only powers of two */
    uint64_t in = 0, out = 0, random = 1;
    while (out < 20000) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407U;
        for (uint64_t n = random >> 60; n > 0; n--) {
            uint64_t length = frame_length(in, 32768);
            void *data;
            int rc = myl_frame_producer_claim(pair.producer, length, &data, MYL_TRY);
            if (rc == MYL_EAGAIN) {
                assert_true(in > out);
                break;
            }
            test_ok(rc);
            myl_frame_producer_abort(pair.producer); /* and the same again, in each way */
            send_frame(pair.producer, in++, length, MYL_TRY);
        }
        for (uint64_t n = random >> 56 & 15; n > 0 && out < in; n--, out++)
            next_frame(pair.consumer, out, frame_length(out, 32768), MYL_TRY);
        if (out == in)
            expect_no_frame(pair.consumer, MYL_EAGAIN);
        test_ok(myl_frame_consumer_release(pair.consumer));
    }
    close_pair(&pair);
}

static void commit_publishes_the_claimed_bytes(void **state)
{
    (void)state;
    struct pair pair;
    void *data, *again;
    open_pair(&pair, 65536, 4096);
    test_code(MYL_ENOTCLAIMED, myl_frame_producer_commit(pair.producer, 0, 0));
    test_ok(myl_frame_producer_claim(pair.producer, 100, &data, MYL_TRY));
    test_code(MYL_ELEASED, myl_frame_producer_claim(pair.producer, 1, &again, MYL_TRY));
    expect_detail("100 bytes");
    test_code(MYL_ELEASED, myl_frame_producer_publish(pair.producer, "x", 1, 0, MYL_TRY));
    test_code(MYL_ETOOBIG, myl_frame_producer_commit(pair.producer, 101, 0));
    expect_detail("101");
    expect_no_frame(pair.consumer, MYL_EAGAIN);
    frame_fill(data, 5, 100);
    test_ok(myl_frame_producer_commit(pair.producer, 100, 5));
    test_code(MYL_ENOTCLAIMED, myl_frame_producer_commit(pair.producer, 0, 0));
    take_frame(pair.consumer, 5, 100, MYL_TRY);
    test_code(MYL_ETOOBIG, myl_frame_producer_claim(pair.producer, 4097, &data, MYL_TRY));
    expect_detail("4096");
    test_code(MYL_ETOOBIG, myl_frame_producer_claim(pair.producer, SIZE_MAX, &data, MYL_TRY));
    close_pair(&pair);
}

/* Bytes that were claimed and written, and then aborted or not committed, have no effect: they are neither a message
 * nor taken for a header. */
static void aborted_claims_have_no_effect(void **state)
{
    (void)state;
    struct pair pair;
    open_pair(&pair, 65536, 8192);
    for (uint64_t i = 0; i < 5000; i++) {
        uint64_t most = frame_length(i * 7 + 1, 8192), used = most == 0 ? 0 : i * 13 % (most + 1);
        void *data;
        test_ok(myl_frame_producer_claim(pair.producer, most, &data, MYL_TRY));
        frame_fill(data, i, most);
        if (i % 3 == 0) {
            myl_frame_producer_abort(pair.producer);
            expect_no_frame(pair.consumer, MYL_EAGAIN);
        } else {
            test_ok(myl_frame_producer_commit(pair.producer, used, (uint8_t)i));
            take_frame(pair.consumer, i, used, MYL_TRY);
            expect_no_frame(pair.consumer, MYL_EAGAIN);
        }
    }
    close_pair(&pair);
}

/* The documented capacity: a header's cell and the payload's cells for each message, and one word more. */
static void full_ring_has_its_documented_capacity(void **state)
{
    (void)state;
    struct pair pair;
    void *data;
    open_pair(&pair, 65536, 0);
    for (uint64_t round = 0; round < 4; round++) {
        for (uint64_t i = 0; i < 511; i++)
            send_frame(pair.producer, round * 1000 + i, 64, MYL_TRY);
        test_code(MYL_EAGAIN, myl_frame_producer_claim(pair.producer, 64, &data, MYL_TRY));
        send_frame(pair.producer, round * 1000 + 511, 48, MYL_TRY); /* 1023 cells; the last one stays free */
        test_code(MYL_EAGAIN, myl_frame_producer_claim(pair.producer, 0, &data, MYL_TRY));
        test_code(MYL_ETIMEDOUT, myl_frame_producer_claim(pair.producer, 0, &data, MYL_MSEC(2)));
        for (uint64_t i = 0; i < 511; i++)
            take_frame(pair.consumer, round * 1000 + i, 64, MYL_TRY);
        take_frame(pair.consumer, round * 1000 + 511, 48, MYL_TRY);
        send_frame(pair.producer, round, 200, MYL_TRY); /* so that every round begins at another position */
        take_frame(pair.consumer, round, 200, MYL_TRY);
    }
    close_pair(&pair);
}

/* 4096 pending messages of 64 bytes in a segment below 1 MiB. */
static void small_segment_holds_4096_messages(void **state)
{
    (void)state;
    struct pair pair;
    myl_info info = {.size = sizeof info};
    open_pair(&pair, 4096 * 128 + 64, 0);
    for (uint64_t i = 0; i < 4096; i++)
        send_frame(pair.producer, i, 64, MYL_TRY);
    test_ok(myl_consumer_info(myl_frame_consumer_ring(pair.consumer), &info));
    assert_true(info.segment_bytes < (1U << 20));
    assert_int_equal(info.kind, MYL_RING_OF_FRAMES);
    for (uint64_t i = 0; i < 4096; i++)
        take_frame(pair.consumer, i, 64, MYL_TRY);
    close_pair(&pair);
}

/* max_frame may be the whole ring but its last two cells. */
static void one_message_may_fill_the_ring(void **state)
{
    (void)state;
    struct pair pair;
    open_pair(&pair, 65536, 65536 - 128);
    for (uint64_t i = 0; i < 20; i++) {
        send_frame(pair.producer, i, 65536 - 128 - i % 2, MYL_TRY);
        next_frame(pair.consumer, i, 65536 - 128 - i % 2, MYL_TRY);
        myl_message message;
        test_code(MYL_ELEASED, myl_frame_consumer_next(pair.consumer, &message, MYL_FOREVER));
        expect_no_frame(pair.consumer, MYL_EAGAIN);
        test_ok(myl_frame_consumer_release(pair.consumer));
        send_frame(pair.producer, i + 100, i * 100, MYL_TRY);
        take_frame(pair.consumer, i + 100, i * 100, MYL_TRY);
    }
    close_pair(&pair);
}

static void rewind_delivers_again(void **state)
{
    (void)state;
    struct pair pair;
    open_pair(&pair, 65536, 0);
    for (uint64_t i = 0; i < 60; i++)
        send_frame(pair.producer, i, i * 10, MYL_TRY);
    for (uint64_t i = 0; i < 20; i++)
        take_frame(pair.consumer, i, i * 10, MYL_TRY);
    for (int twice = 0; twice < 2; twice++) {
        for (uint64_t i = 20; i < 60; i++)
            next_frame(pair.consumer, i, i * 10, MYL_TRY);
        myl_frame_consumer_rewind(pair.consumer);
    }
    next_frame(pair.consumer, 20, 200, MYL_TRY);
    close_pair(&pair);
}

static void get_copies_a_message(void **state)
{
    (void)state;
    struct pair pair;
    unsigned char buffer[1000] __attribute__((aligned(64)));
    myl_message message;
    open_pair(&pair, 65536, 0);
    for (uint64_t i = 0; i < 10; i++)
        send_frame(pair.producer, i, i * 100, MYL_TRY);
    for (uint64_t i = 0; i < 10; i++) {
        if (i > 0) {
            test_code(MYL_EBUFFER, myl_frame_consumer_get(pair.consumer, buffer, i * 100 - 1, &message, MYL_TRY));
            assert_int_equal(message.length, i * 100);
        }
        test_ok(myl_frame_consumer_get(pair.consumer, buffer, i * 100, &message, MYL_TRY));
        expect_message(&message, i, i * 100);
        assert_ptr_equal(message.data, buffer);
    }
    test_code(MYL_EAGAIN, myl_frame_consumer_get(pair.consumer, buffer, 1, &message, MYL_TRY));
    send_frame(pair.producer, 0, 1, MYL_TRY);
    next_frame(pair.consumer, 0, 1, MYL_TRY);
    test_code(MYL_ENOTCLAIMED, myl_frame_consumer_get(pair.consumer, buffer, 1, &message, MYL_TRY));
    close_pair(&pair);
}

struct draining {
    uint64_t next, stop_at;
};

static int drained(const myl_message *message, void *user)
{
    struct draining *d = user;
    if (d->next == d->stop_at)
        return 7;
    expect_message(message, d->next, d->next % 700);
    d->next++;
    return 0;
}

static void drain_handles_all_messages(void **state)
{
    (void)state;
    struct pair pair;
    struct draining d = {.stop_at = UINT64_MAX};
    uint64_t handled = 99;
    open_pair(&pair, 65536, 0);
    test_code(MYL_EAGAIN, myl_frame_consumer_drain(pair.consumer, 0, drained, &d, &handled, MYL_TRY));
    assert_int_equal(handled, 0);
    for (uint64_t i = 0; i < 100; i++)
        send_frame(pair.producer, i, i % 700, MYL_TRY);
    test_ok(myl_frame_consumer_drain(pair.consumer, 10, drained, &d, &handled, MYL_TRY));
    assert_int_equal(handled, 10);
    d.stop_at = 30;
    test_code(MYL_EHANDLER, myl_frame_consumer_drain(pair.consumer, 0, drained, &d, &handled, MYL_TRY));
    assert_int_equal(handled, 20);
    expect_detail("returned 7");
    d.stop_at = UINT64_MAX;
    test_ok(myl_frame_consumer_drain(pair.consumer, 0, drained, &d, NULL, MYL_FOREVER));
    assert_int_equal(d.next, 100);
    assert_int_equal(myl_consumer_last_acknowledged(myl_frame_consumer_ring(pair.consumer)),
                     myl_producer_last_published(myl_frame_producer_ring(pair.producer)));
    myl_frame_producer_close(pair.producer);
    test_code(MYL_ECLOSED, myl_frame_consumer_drain(pair.consumer, 0, drained, &d, &handled, MYL_FOREVER));
    myl_frame_consumer_close(pair.consumer);
}

static void numbers_and_times_are_recorded(void **state)
{
    (void)state;
    struct pair pair;
    myl_message message;
    myl_frame_producer_options o = frame_options(65536, 0);
    o.config.numbers = MYL_FRAMES_TIMED;
    open_pair_on(&pair, o, MYL_BACKEND_SHM);
    for (uint64_t i = 0; i < 300; i++) {
        if (i % 50 == 49) { /* the next producer continues the count, whether all is read or not */
            myl_frame_producer_leave(pair.producer);
            o.config.numbers = i == 99 ? MYL_FRAMES_DEFAULT : MYL_FRAMES_TIMED;
            pair.producer = open_frames(pair.name, &o);
        }
        int64_t before = test_now_ns();
        send_frame(pair.producer, i, i, MYL_TRY);
        if (i % 100 < 60)
            continue;
        for (uint64_t k = i % 100 == 60 ? i - 60 : i; k <= i; k++) {
            test_ok(myl_frame_consumer_next(pair.consumer, &message, MYL_TRY));
            expect_message(&message, k, k);
            assert_int_equal(message.number, k);
            assert_true(message.sent_ns > 0 && myl_message_latency(&message) >= 0);
        }
        assert_true(message.sent_ns >= before);
        test_ok(myl_frame_consumer_release(pair.consumer));
    }
    close_pair(&pair);
    open_pair(&pair, 65536, 0);
    send_frame(pair.producer, 0, 5, MYL_TRY);
    test_ok(myl_frame_consumer_next(pair.consumer, &message, MYL_TRY));
    assert_int_equal(message.number, 0);
    assert_int_equal(message.sent_ns, 0);
    assert_int_equal(myl_message_latency(&message), -1);
    close_pair(&pair);
}

static void refuse(int code, myl_frame_producer_options o)
{
    char name[TEST_NAME_SIZE];
    myl_frame_producer *producer;
    o.size = sizeof o;
    test_code(code, myl_frame_producer_open(&producer, test_name(name, "refused"), &o));
    assert_null(producer);
    assert_int_equal(test_shm_entries(), 0);
}

static void invalid_shapes_are_refused(void **state)
{
    (void)state;
    refuse(MYL_ECAPACITY, (myl_frame_producer_options){.config.ring_bytes = 65535});
    refuse(MYL_ECAPACITY, (myl_frame_producer_options){.config.ring_bytes = ((uint64_t)1 << 38) + 1});
    refuse(MYL_EEVENTSIZE, (myl_frame_producer_options){.config = {.ring_bytes = 65536, .max_frame = 63}});
    refuse(MYL_EEVENTSIZE, (myl_frame_producer_options){.config = {.ring_bytes = 65536, .max_frame = 65536 - 127}});
    refuse(MYL_EINVAL, (myl_frame_producer_options){.config = {.max_frame = 1000, .max_message = 999}});
    refuse(MYL_EINVAL, (myl_frame_producer_options){.config.max_message = ((uint64_t)1 << 46) + 1});
    refuse(MYL_EINVAL, (myl_frame_producer_options){.config.numbers = (enum myl_frame_numbers)4});
    refuse(MYL_EINVAL,
           (myl_frame_producer_options){.config.ring_bytes = 65536,
                                        .ring = {.no_consumers = MYL_NO_CONSUMERS_BUFFER, .buffer = 65537}});
}

/* Requested values must match those of the existing ring. */
static void other_shapes_of_an_existing_ring_are_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(131072, 1000);
    myl_frame_producer *producer = open_frames(test_name(name, "shape"), &o);
    myl_frame_consumer *consumer = open_frame_consumer(name, "c");
    myl_frame_producer_leave(producer);
    for (int i = 0; i < 4; i++) {
        myl_frame_producer_options other = {.size = sizeof other};
        other.config.ring_bytes = i == 0 ? 65536 : 0;
        other.config.max_frame = i == 1 ? 2000 : 0;
        other.config.max_message = i == 2 ? 1 << 20 : 0;
        other.config.numbers = i == 3 ? MYL_FRAMES_NUMBERED : MYL_FRAMES_DEFAULT;
        test_code(MYL_ESHAPE, myl_frame_producer_open(&producer, name, &other));
    }
    producer = open_frames(name, NULL);
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

/* An observer's limit and its buffer are separate from the ring's. */
static void observer_has_its_own_limits(void **state)
{
    (void)state;
    struct pair pair;
    char buffer[100] __attribute__((aligned(64)));
    myl_frame_consumer_options o = {.size = sizeof o, .max_message = 2000};
    myl_frame_observer *observer;
    myl_message message;
    myl_frame_lost lost;
    open_pair(&pair, 65536, 1000);
    test_ok(myl_frame_observer_open(&observer, pair.name, &o));
    send_frame(pair.producer, 0, 5000, MYL_TRY);
    send_frame(pair.producer, 1, 90, MYL_TRY);
    send_frame(pair.producer, 2, 1500, MYL_TRY);
    test_code(MYL_ETOOBIG, myl_frame_observer_get(observer, buffer, sizeof buffer, &message, &lost, MYL_TRY));
    assert_int_equal(message.length, 5000);
    test_code(MYL_EBUFFER, myl_frame_observer_get(observer, buffer, 89, &message, &lost, MYL_TRY));
    assert_int_equal(message.length, 90);
    test_ok(myl_frame_observer_get(observer, buffer, sizeof buffer, &message, &lost, MYL_TRY));
    expect_message(&message, 1, 90);
    assert_int_equal(lost.bytes, 0);
    test_code(MYL_EBUFFER, myl_frame_observer_get(observer, buffer, sizeof buffer, &message, &lost, MYL_TRY));
    assert_int_equal(message.length, 1500);
    test_code(MYL_EBUFFER, myl_frame_observer_get(observer, buffer, sizeof buffer, &message, &lost, MYL_TRY));
    char room[1500] __attribute__((aligned(64)));
    test_ok(myl_frame_observer_get(observer, room, sizeof room, &message, &lost, MYL_TRY));
    myl_frame_observer_interrupt(observer);
    test_code(MYL_EINTERRUPTED, myl_frame_observer_get(observer, room, sizeof room, &message, &lost, MYL_FOREVER));
    myl_info info = {.size = sizeof info};
    test_ok(myl_observer_info(myl_frame_observer_ring(observer), &info));
    assert_int_equal(info.kind, MYL_RING_OF_FRAMES);
    myl_frame_observer_close(observer);
    close_pair(&pair);
}

/* An observer has lost nothing before its first message, whatever that message's number. */
static void observer_loses_nothing_before_its_first_message(void **state)
{
    (void)state;
    enum { CELLS = 1024 };
    struct pair pair;
    char buffer[100] __attribute__((aligned(64)));
    uint64_t sent = 0;
    myl_frame_producer_options o = frame_options(CELLS * 64, 0);
    o.config.numbers = MYL_FRAMES_NUMBERED;
    o.ring.no_consumers = MYL_NO_CONSUMERS_OVERWRITE;
    myl_frame_observer *observer;
    myl_message message;
    myl_frame_lost lost;
    pair.producer = open_frames(test_name(pair.name, "first"), &o);
    for (; sent < 3 * CELLS; sent++)
        send_frame(pair.producer, sent, 8, MYL_TRY);
    test_ok(myl_frame_observer_open(&observer, pair.name, NULL));
    test_ok(myl_frame_observer_get(observer, buffer, sizeof buffer, &message, &lost, MYL_TRY));
    assert_true(message.number >= 2 * CELLS);
    for (uint64_t i = message.number; i < sent; i++) {
        assert_int_equal(message.number, i);
        assert_int_equal(lost.bytes, 0);
        assert_int_equal(lost.messages, 0);
        if (i + 1 < sent)
            test_ok(myl_frame_observer_get(observer, buffer, sizeof buffer, &message, &lost, MYL_TRY));
    }
    /* Two rounds of the ring: what was overwritten is lost, in bytes and messages. */
    uint64_t read = sent;
    for (; sent < 5 * CELLS; sent++)
        send_frame(pair.producer, sent, 8, MYL_TRY);
    test_ok(myl_frame_observer_get(observer, buffer, sizeof buffer, &message, &lost, MYL_TRY));
    assert_true(lost.messages >= CELLS);
    assert_int_equal(message.number, read + lost.messages);
    assert_int_equal(lost.bytes, 64 * lost.messages);
    myl_frame_observer_close(observer);
    myl_frame_producer_close(pair.producer);
}

/* As in a ring of events: waiting for more consumers than there are entries is refused. */
static void waiting_for_too_many_consumers_is_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer *none = NULL;
    myl_frame_producer_options o = frame_options(65536, 0);
    o.config.lanes = 2;
    o.config.max_consumers = 2;
    o.ring.wait_consumers = 3;
    o.ring.wait_timeout_ns = MYL_FOREVER;
    test_code(MYL_EINVAL, myl_frame_producer_open(&none, test_name(name, "crowd"), &o));
    expect_detail("cannot wait for 3 consumers: the ring has entries for 2");
    assert_null(none);
    assert_false(ring_exists(name));
    o.ring.wait_consumers = 0;
    myl_frame_producer *producer = open_frames(name, &o);
    test_code(MYL_EINVAL, myl_frame_producer_wait_consumers(producer, NULL, 3, MYL_FOREVER));
    expect_detail("cannot wait for 3 consumers: the ring has entries for 2");
    o.config.max_consumers = 0;
    o.ring.wait_consumers = 3; /* in the other lane, which stays free */
    test_code(MYL_EINVAL, myl_frame_producer_open(&none, name, &o));
    expect_detail("the ring has entries for 2");
    o.ring.wait_consumers = 0;
    myl_frame_producer_close(open_frames(name, &o));
    myl_frame_producer_close(producer);
    assert_false(ring_exists(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_arrives),
        cmocka_unit_test(messages_arrive_in_order),
        cmocka_unit_test(commit_publishes_the_claimed_bytes),
        cmocka_unit_test(aborted_claims_have_no_effect),
        cmocka_unit_test(full_ring_has_its_documented_capacity),
        cmocka_unit_test(small_segment_holds_4096_messages),
        cmocka_unit_test(one_message_may_fill_the_ring),
        cmocka_unit_test(rewind_delivers_again),
        cmocka_unit_test(get_copies_a_message),
        cmocka_unit_test(drain_handles_all_messages),
        cmocka_unit_test(numbers_and_times_are_recorded),
        cmocka_unit_test(invalid_shapes_are_refused),
        cmocka_unit_test(other_shapes_of_an_existing_ring_are_refused),
        cmocka_unit_test(observer_has_its_own_limits),
        cmocka_unit_test(observer_loses_nothing_before_its_first_message),
        cmocka_unit_test(waiting_for_too_many_consumers_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
