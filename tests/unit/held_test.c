/* SPDX-License-Identifier: MIT
 * Messages that a consumer of frames holds and releases in any order: what precedes the oldest one that it holds is
 * acknowledged. */
#include <pthread.h>
#include <sys/wait.h>

#include "frame/spans.h"
#include "ring/state.h"
#include "segment/table.h"
#include "unit/frames.h"

enum { RING = 65536, FRAME = 4096, MOST = 256 };

struct ring {
    char name[TEST_NAME_SIZE];
    myl_frame_producer *producer;
    myl_frame_consumer *consumer;
    myl_message held[MOST];
    unsigned count;
};

static void begin(struct ring *ring)
{
    myl_frame_producer_options o = frame_options(RING, FRAME);
    o.config.numbers = MYL_FRAMES_NUMBERED;
    ring->count = 0;
    ring->producer = open_frames(test_name(ring->name, "held"), &o);
    ring->consumer = open_frame_consumer(ring->name, "c");
}

static void end(struct ring *ring)
{
    myl_frame_consumer_close(ring->consumer);
    myl_frame_producer_close(ring->producer);
    int rc = myl_remove(ring->name, MYL_BACKEND_SHM, 1);
    assert_true(rc == MYL_OK || rc == MYL_ENOTFOUND);
}

static void *send_long(void *producer)
{
    send_frame(producer, 0, 2 * RING, MYL_SEC(10));
    return NULL;
}

static void hold(struct ring *ring, unsigned count)
{
    for (; count > 0; count--)
        test_ok(myl_frame_consumer_next(ring->consumer, &ring->held[ring->count++], MYL_TRY));
}

static void send_many(struct ring *ring, uint64_t from, uint64_t count, uint64_t length)
{
    for (uint64_t i = 0; i < count; i++)
        send_frame(ring->producer, from + i, length, MYL_SEC(10));
}

static uint64_t acknowledged(const struct ring *ring)
{
    return (uint64_t)(myl_consumer_last_acknowledged(myl_frame_consumer_ring(ring->consumer)) + 1);
}

static void release_one(struct ring *ring, unsigned index)
{
    test_ok(myl_frame_consumer_release_message(ring->consumer, &ring->held[index]));
}

static void messages_before_the_oldest_held_are_acknowledged(void **state)
{
    (void)state;
    struct ring ring;
    begin(&ring);
    send_many(&ring, 0, 6, 100);
    hold(&ring, 6);
    const unsigned order[] = {3, 1, 5, 0, 4, 2}, oldest[] = {0, 0, 0, 2, 2, 6};
    for (unsigned i = 0; i < 6; i++) {
        release_one(&ring, order[i]);
        uint64_t expected = oldest[i] < 6 ? ring.held[oldest[i]].position : ring.held[5].position + ring.held[5].cells;
        assert_int_equal(acknowledged(&ring), expected);
    }
    end(&ring);
}

static void a_message_is_released_once(void **state)
{
    (void)state;
    struct ring ring;
    begin(&ring);
    send_many(&ring, 0, 4, 10);
    hold(&ring, 3);
    myl_message never = ring.held[2];
    never.position += never.cells;
    release_one(&ring, 1);
    test_code(MYL_ENOTCLAIMED, myl_frame_consumer_release_message(ring.consumer, &ring.held[1]));
    release_one(&ring, 0);
    test_code(MYL_ENOTCLAIMED, myl_frame_consumer_release_message(ring.consumer, &ring.held[0]));
    test_code(MYL_ENOTCLAIMED, myl_frame_consumer_release_message(ring.consumer, &ring.held[1]));
    test_code(MYL_ENOTCLAIMED, myl_frame_consumer_release_message(ring.consumer, &never));
    test_code(MYL_ENOTCLAIMED, myl_frame_consumer_release_message(ring.consumer, &(myl_message){0}));
    release_one(&ring, 2);
    hold(&ring, 1);
    test_ok(myl_frame_consumer_release(ring.consumer)); /* everything else, at once */
    test_code(MYL_ENOTCLAIMED, myl_frame_consumer_release_message(ring.consumer, &ring.held[3]));
    end(&ring);
}

/* Among 64 messages any order is possible; among more, an order that needs more than 64 spans is refused. */
static void more_places_than_the_limit_are_refused(void **state)
{
    (void)state;
    struct ring ring;
    begin(&ring);
    send_many(&ring, 0, 2 * MYL_HELD_MAX + 4, 10);
    hold(&ring, 2 * MYL_HELD_MAX + 4);
    for (unsigned i = 0; i < MYL_HELD_MAX; i++)
        release_one(&ring, 2 * i + 1);
    test_code(MYL_ELIMIT, myl_frame_consumer_release_message(ring.consumer, &ring.held[2 * MYL_HELD_MAX + 1]));
    assert_int_equal(acknowledged(&ring), 0);
    release_one(&ring, 2 * MYL_HELD_MAX); /* extends a span */
    release_one(&ring, 2);                /* joins two spans */
    release_one(&ring, 2 * MYL_HELD_MAX + 2);
    release_one(&ring, 0);
    assert_int_equal(acknowledged(&ring), ring.held[4].position);
    end(&ring);
}

static void rewind_and_reopen_give_back_all_after_the_oldest(void **state)
{
    (void)state;
    struct ring ring;
    begin(&ring);
    send_many(&ring, 0, 6, 100);
    hold(&ring, 6);
    release_one(&ring, 0);
    release_one(&ring, 2);
    release_one(&ring, 3);
    myl_frame_consumer_rewind(ring.consumer);
    ring.count = 1;
    hold(&ring, 5);
    assert_int_equal(ring.held[1].number, 1);
    release_one(&ring, 3);
    myl_frame_consumer_close(ring.consumer);
    ring.consumer = open_frame_consumer(ring.name, "c");
    ring.count = 0;
    hold(&ring, 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(ring.held[i].number, i + 1);
    end(&ring);
}

/* A message in fragments among others. Once it is released its buffer can take the next one. */
static void a_message_in_fragments_is_held_like_any(void **state)
{
    (void)state;
    struct ring ring;
    begin(&ring);
    send_many(&ring, 0, 1, 100);
    send_many(&ring, 1, 1, 3 * FRAME);
    send_many(&ring, 2, 1, 100);
    send_many(&ring, 3, 1, 2 * FRAME);
    hold(&ring, 4);
    expect_message(&ring.held[3], 3, 2 * FRAME);
    release_one(&ring, 1);
    release_one(&ring, 3);
    assert_int_equal(acknowledged(&ring), 0);
    release_one(&ring, 0);
    assert_int_equal(acknowledged(&ring), ring.held[2].position);
    release_one(&ring, 2);
    assert_int_equal(acknowledged(&ring), ring.held[3].position + ring.held[3].cells);
    end(&ring);
}

static void lanes_are_released_each_by_itself(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(RING, FRAME);
    o.config.lanes = 2;
    myl_frame_producer *producer[2];
    test_name(name, "lanes");
    for (unsigned i = 0; i < 2; i++)
        producer[i] = open_frames(name, &o);
    myl_frame_consumer *consumer = open_frame_consumer(name, "c");
    myl_message held[8];
    for (unsigned i = 0; i < 8; i++) {
        send_frame(producer[i % 2], i, i == 5 ? 2 * FRAME : 60, MYL_SEC(10));
        test_ok(myl_frame_consumer_next(consumer, &held[i], MYL_SEC(10)));
        assert_int_equal(held[i].lane, i % 2);
    }
    test_code(MYL_EINVAL, myl_frame_consumer_release_message(consumer, &(myl_message){.lane = 2, .cells = 1}));
    for (unsigned i = 8; i-- > 2;)
        test_ok(myl_frame_consumer_release_message(consumer, &held[i]));
    myl_frame_consumer_rewind(consumer);
    for (unsigned i = 0; i < 8; i++)
        test_ok(myl_frame_consumer_next(consumer, &held[i], MYL_SEC(10)));
    for (unsigned i = 0; i < 8; i++)
        test_ok(myl_frame_consumer_release_message(consumer, &held[i]));
    for (unsigned i = 0; i < 2; i++) {
        test_ok(myl_frame_producer_wait_consumed(producer[i], MYL_TRY));
        myl_frame_producer_close(producer[i]);
    }
    myl_frame_consumer_close(consumer);
}

/* A reader with a smaller limit: a longer message between two that it holds belongs to no message of its own. */
static void begin_with_limit(struct ring *ring)
{
    begin(ring);
    myl_frame_consumer_close(ring->consumer);
    myl_frame_consumer_options o = frame_reader("c");
    o.max_message = 2 * FRAME;
    test_ok(myl_frame_consumer_open(&ring->consumer, ring->name, &o));
}

static uint64_t end_of(const myl_message *message)
{
    return message->position + message->cells;
}

static void records_of_no_message_go_with_the_message_after_them(void **state)
{
    (void)state;
    for (int peeks = 0; peeks < 2; peeks++) {
        for (int backwards = 0; backwards < 2; backwards++) {
            struct ring ring;
            myl_message described;
            begin_with_limit(&ring);
            send_many(&ring, 0, 1, 100);
            send_many(&ring, 1, 1, 3 * FRAME);
            send_many(&ring, 2, 1, 100);
            hold(&ring, 1);
            if (peeks) {
                test_code(MYL_ETOOBIG, myl_frame_consumer_peek(ring.consumer, &described, MYL_TRY));
                test_ok(myl_frame_consumer_peek(ring.consumer, &described, MYL_TRY));
                assert_int_equal(described.number, 2);
            } else {
                expect_no_frame(ring.consumer, MYL_ETOOBIG);
            }
            assert_int_equal(myl_frame_consumer_end_of_batch(ring.consumer), 0);
            hold(&ring, 1);
            assert_int_equal(ring.held[1].number, 2);
            assert_int_equal(ring.held[1].position, end_of(&ring.held[0]));
            release_one(&ring, backwards ? 1 : 0);
            assert_int_equal(acknowledged(&ring), backwards ? 0 : ring.held[1].position);
            release_one(&ring, backwards ? 0 : 1);
            assert_int_equal(acknowledged(&ring), end_of(&ring.held[1]));
            test_ok(myl_frame_producer_wait_consumed(ring.producer, MYL_TRY));
            end(&ring);
        }
    }
}

static void records_of_no_message_go_with_the_last_message(void **state)
{
    (void)state;
    struct ring ring;
    begin_with_limit(&ring);
    send_many(&ring, 0, 2, 100);
    send_many(&ring, 2, 1, 3 * FRAME);
    hold(&ring, 2);
    expect_no_frame(ring.consumer, MYL_ETOOBIG);
    expect_no_frame(ring.consumer, MYL_EAGAIN); /* its other fragments */
    assert_int_equal(myl_frame_consumer_end_of_batch(ring.consumer), 1);
    release_one(&ring, 1);
    assert_int_equal(acknowledged(&ring), 0);
    release_one(&ring, 0);
    test_ok(myl_frame_producer_wait_consumed(ring.producer, MYL_TRY));
    send_many(&ring, 3, 1, 100);
    hold(&ring, 1);
    release_one(&ring, 2);
    test_ok(myl_frame_producer_wait_consumed(ring.producer, MYL_TRY));
    end(&ring);
}

static void a_held_message_keeps_its_room(void **state)
{
    (void)state;
    struct ring ring;
    void *data;
    begin(&ring);
    uint64_t count = 0;
    for (; myl_frame_producer_claim(ring.producer, FRAME, &data, MYL_TRY) == MYL_OK; count++)
        test_ok(myl_frame_producer_commit(ring.producer, FRAME, 1));
    hold(&ring, (unsigned)count);
    for (unsigned i = 1; i < count; i++)
        release_one(&ring, i);
    test_code(MYL_EAGAIN, myl_frame_producer_claim(ring.producer, FRAME, &data, MYL_TRY));
    myl_message message;
    test_code(MYL_ELEASED, myl_frame_consumer_next(ring.consumer, &message, MYL_SEC(10)));
    release_one(&ring, 0);
    test_ok(myl_frame_producer_claim(ring.producer, FRAME, &data, MYL_TRY));
    myl_frame_producer_abort(ring.producer);
    end(&ring);
}

/* A message longer than the ring is acknowledged up to its last fragment while it is read: its release covers that. */
static void a_message_longer_than_the_ring_is_released(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_name(name, "long");
    myl_frame_producer_options o = frame_options(RING, FRAME);
    myl_frame_producer *producer = open_frames(name, &o);
    myl_frame_consumer *consumer = open_frame_consumer(name, "c");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, send_long, producer), 0);
    myl_message message, next;
    test_ok(myl_frame_consumer_next(consumer, &message, MYL_SEC(10)));
    expect_message(&message, 0, 2 * RING);
    assert_int_equal(pthread_join(thread, NULL), 0);
    send_frame(producer, 1, 100, MYL_SEC(10));
    test_ok(myl_frame_consumer_next(consumer, &next, MYL_TRY));
    test_ok(myl_frame_consumer_release_message(consumer, &next));
    test_ok(myl_frame_consumer_release_message(consumer, &message));
    test_ok(myl_frame_producer_wait_consumed(producer, MYL_TRY));
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

static void an_evicted_consumer_releases_nothing(void **state)
{
    (void)state;
    struct ring ring;
    begin(&ring);
    send_many(&ring, 0, 2, 100);
    hold(&ring, 2);
    release_one(&ring, 1);
    const myl_consumer *below = myl_frame_consumer_ring(ring.consumer);
    myl_os_lock_release(below->handle.segment.fd, myl_entry_lock_index(below->joined.entry)); /* as if it had died */
    test_ok(myl_evict(ring.name, MYL_BACKEND_SHM, "c"));
    test_code(MYL_EEVICTED, myl_frame_consumer_release_message(ring.consumer, &ring.held[0]));
    end(&ring);
}

static void a_fork_childs_copy_releases_nothing(void **state)
{
    (void)state;
    struct ring ring;
    begin(&ring);
    send_many(&ring, 0, 1, 100);
    hold(&ring, 1);
    pid_t child = fork();
    if (child == 0)
        _exit(myl_frame_consumer_release_message(ring.consumer, &ring.held[0]) == MYL_EFORKED ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    release_one(&ring, 0);
    end(&ring);
}

/* --- the list of spans, compared with a plain one ----------------------------------------------------------------- */

static void spans_agree_with_a_plain_list(void **state)
{
    (void)state;
    enum { CELLS = 300 };
    unsigned char plain[CELLS] = {0};
    struct myl_spans spans = {0};
    uint64_t random = 1, below = 0;
    for (unsigned turn = 0; turn < 200000; turn++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint64_t from = (random >> 33) % (CELLS - 8), to = from + 1 + (random >> 20) % 7;
        int taken = 0;
        for (uint64_t i = from; i < to; i++)
            taken |= plain[i];
        assert_int_equal(myl_spans_has(&spans, from, to), taken);
        int rc = myl_spans_add(&spans, from, to);
        assert_int_equal(rc == MYL_ENOTCLAIMED, taken);
        assert_true(rc != MYL_ELIMIT || spans.count == MYL_HELD_MAX);
        for (uint64_t i = from; i < to && rc == MYL_OK; i++)
            plain[i] = 1;
        uint64_t end = myl_spans_end(&spans, from), run = from;
        while (plain[run] && (from == 0 || !plain[from - 1]))
            run++;
        assert_int_equal(end, run);
        if (turn % 50 == 49) {
            below = (random >> 40) % CELLS;
            while (below > 0 && plain[below] && plain[below - 1])
                below--;
            if (turn % 100 == 99) {
                myl_spans_forget_below(&spans, below);
                memset(plain, 0, below);
            } else {
                myl_spans_forget_from(&spans, below);
                memset(plain + below, 0, CELLS - below);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_before_the_oldest_held_are_acknowledged),
        cmocka_unit_test(a_message_is_released_once),
        cmocka_unit_test(more_places_than_the_limit_are_refused),
        cmocka_unit_test(rewind_and_reopen_give_back_all_after_the_oldest),
        cmocka_unit_test(a_message_in_fragments_is_held_like_any),
        cmocka_unit_test(lanes_are_released_each_by_itself),
        cmocka_unit_test(records_of_no_message_go_with_the_message_after_them),
        cmocka_unit_test(records_of_no_message_go_with_the_last_message),
        cmocka_unit_test(a_held_message_keeps_its_room),
        cmocka_unit_test(a_message_longer_than_the_ring_is_released),
        cmocka_unit_test(an_evicted_consumer_releases_nothing),
        cmocka_unit_test(a_fork_childs_copy_releases_nothing),
        cmocka_unit_test(spans_agree_with_a_plain_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
