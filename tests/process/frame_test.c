/* SPDX-License-Identifier: MIT
 * Frames between processes: producers killed with an open claim, consumers killed with open leases, joining and leaving
 * within a stream, observers that are overrun. On every backend. */
#include "process/frame_participant.h"

#define RING_BYTES (128 * 1024)
#define MAX_FRAME  16384

static struct frame_participant participant_of(const char *name, const char *id)
{
    return (struct frame_participant){.name = name,
                                      .id = id,
                                      .most = MAX_FRAME,
                                      .producer = frame_options(RING_BYTES, MAX_FRAME)};
}

/* After a takeover the published messages are there and the claimed one is not, and the order continues. The bytes that
 * the dead producer wrote into its claim have no effect. */
static void takeover_keeps_published_messages(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct frame_participant participant = participant_of(test_name(name, "takeover"), "c");
    uint64_t n = 0;
    test_child producer;
    start_frames(&producer, produce_frames, &participant, 0);
    myl_frame_consumer *consumer = open_frame_consumer(name, "c");
    for (int life = 0; life < 30; life++) {
        uint64_t some = 1 + (uint64_t)life % 7;
        order(&producer, some, n + some);
        order(&producer, FRAME_CLAIM, n + some);
        test_kill(&producer);
        if (life % 2 == 0) {
            for (uint64_t i = n; i < n + some; i++)
                take_frame(consumer, i, frame_length(i, MAX_FRAME), MYL_TRY);
            expect_no_frame(consumer, MYL_EAGAIN);
        }
        start_frames(&producer, produce_frames, &participant, n + some);
        for (uint64_t i = n; life % 2 != 0 && i < n + some; i++)
            take_frame(consumer, i, frame_length(i, MAX_FRAME), MYL_TRY);
        n += some;
    }
    finish(&producer, PARTICIPANT_CLOSE);
    expect_no_frame(consumer, MYL_ECLOSED);
    myl_frame_consumer_close(consumer);
    assert_false(ring_exists(name));
}

static void resumed_consumer_gets_unacknowledged_messages(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct frame_participant participant = participant_of(test_name(name, "resumed"), "phoenix");
    myl_frame_producer *producer = open_frames(name, &participant.producer);
    test_child consumer;
    uint64_t sent = 0, read = 0;
    start_frames(&consumer, consume_frames, &participant, 0);
    for (int life = 0; life < 30; life++) {
        for (int i = 0; i < 5; i++, sent++)
            send_frame(producer, sent, frame_length(sent, MAX_FRAME), MYL_SEC(10));
        order(&consumer, 2, read + 2);
        read += 2;
        order(&consumer, PARTICIPANT_LEASE, sent); /* leases the rest and acknowledges nothing of it */
        test_kill(&consumer);
        start_frames(&consumer, consume_frames, &participant, read);
        order(&consumer, sent - read, sent);
        read = sent;
    }
    finish(&consumer, PARTICIPANT_CLOSE);
    myl_frame_producer_close(producer);
    assert_false(ring_exists(name));
}

/* A stream of all lengths from one process to three, by waiting calls, over each backend. */
static void broadcast_is_complete(void **state)
{
    (void)state;
    for (int backend = MYL_BACKEND_SHM; backend <= LAST_BACKEND; backend++) {
        char name[TEST_NAME_SIZE], path[TEST_PATH_SIZE];
        struct frame_participant participant = participant_of(NULL, NULL);
        test_child consumer[3], producer;
        static const char *const ids[] = {"a", "b", "c"};
        int fd = 0;
        myl_frame_producer *made = NULL;
        if (backend != MYL_BACKEND_MEMFD)
            participant.name = backend == MYL_BACKEND_SHM ? test_name(name, "broadcast") : test_path(path, "broadcast");
        participant.producer.ring.backend = participant.consumer.ring.backend = (enum myl_backend)backend;
        if (backend == MYL_BACKEND_MEMFD) {
            made = open_frames(NULL, &participant.producer);
            test_ok(myl_producer_fd(myl_frame_producer_ring(made), &fd));
            participant.producer.ring.use_fd = 1;
            participant.producer.ring.fd = participant.consumer.ring.fd = fd;
            myl_frame_producer_leave(made);
        } else {
            start_frames(&producer, produce_frames, &participant, 0);
        }
        for (int i = 0; i < 3; i++) {
            participant.id = ids[i];
            start_frames(&consumer[i], consume_frames, &participant, 0);
        }
        if (backend == MYL_BACKEND_MEMFD)
            start_frames(&producer, produce_frames, &participant, 0);
        for (int i = 0; i < 3; i++)
            test_send(&consumer[i].peer, PARTICIPANT_DRAIN);
        order(&producer, 5000, 5000);
        finish(&producer, PARTICIPANT_CLOSE);
        for (int i = 0; i < 3; i++) {
            test_expect_value(&consumer[i].peer, (uint64_t)-MYL_ECLOSED);
            test_expect_value(&consumer[i].peer, 5000);
            finish(&consumer[i], PARTICIPANT_CLOSE);
        }
        if (fd > 0)
            close(fd);
        assert_int_equal(test_shm_entries(), 0);
    }
}

/* A consumer that joins at "now" gets exactly the messages published from then on, at any position of the ring. */
static void join_at_now_gets_later_messages(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct frame_participant participant = participant_of(test_name(name, "middle"), "late");
    myl_frame_producer *producer = open_frames(name, &participant.producer);
    myl_frame_consumer *first = open_frame_consumer(name, "first");
    participant.consumer.ring.start = MYL_START_NOW;
    uint64_t n = 0;
    for (int life = 0; life < 20; life++) {
        test_child late;
        for (int i = 0; i < 3 + life % 3; i++, n++) {
            send_frame(producer, n, frame_length(n, MAX_FRAME), MYL_TRY);
            take_frame(first, n, frame_length(n, MAX_FRAME), MYL_TRY);
        }
        start_frames(&late, consume_frames, &participant, n);
        for (int i = 0; i < 4; i++, n++) {
            send_frame(producer, n, frame_length(n, MAX_FRAME), MYL_SEC(10));
            take_frame(first, n, frame_length(n, MAX_FRAME), MYL_TRY);
        }
        order(&late, 4, n);
        finish(&late, PARTICIPANT_CLOSE);
    }
    myl_frame_consumer_close(first);
    myl_frame_producer_close(producer);
}

/* No consumer gates, so the producer overwrites. An observer in another process gets only complete messages in
 * ascending order, and counts every lost one. */
static int run_observer(test_peer *parent, void *argument)
{
    const struct frame_participant *participant = argument;
    myl_frame_consumer_options options = frame_reader(NULL);
    myl_frame_observer *observer = NULL;
    unsigned char *buffer = aligned_alloc(64, MAX_FRAME);
    uint64_t next = 0, seen = 0, lost_bytes = 0;
    myl_message message;
    myl_frame_lost lost;
    int rc;
    assert_non_null(buffer);
    test_ok(myl_frame_observer_open(&observer, participant->name, &options));
    test_send(parent, 0);
    while ((rc = myl_frame_observer_get(observer, buffer, MAX_FRAME, &message, &lost, MYL_SEC(15))) == MYL_OK) {
        if (seen > 0)
            assert_int_equal(message.number, next + lost.messages);
        if (lost.messages > 0)
            assert_true(lost.bytes >= lost.messages * 64);
        next = message.number + 1;
        lost_bytes += lost.bytes;
        expect_message(&message, message.number, frame_length(message.number, MAX_FRAME));
        seen++;
        if (seen == 1)
            test_send(parent, 1);
    }
    test_code(MYL_ECLOSED, rc);
    test_send(parent, next);
    test_send(parent, seen);
    test_send(parent, lost_bytes);
    free(buffer);
    myl_frame_observer_close(observer);
    return 0;
}

static void observer_counts_every_lost_message(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct frame_participant participant = participant_of(test_name(name, "observed"), NULL);
    participant.producer.config.numbers = MYL_FRAMES_NUMBERED;
    participant.producer.ring.no_consumers = MYL_NO_CONSUMERS_OVERWRITE;
    myl_frame_producer *producer = open_frames(name, &participant.producer);
    test_child child;
    test_spawn(&child, run_observer, &participant);
    test_expect_value(&child.peer, 0);
    uint64_t n = 0;
    for (; n < 1000; n++)
        send_frame(producer, n, frame_length(n, MAX_FRAME), MYL_TRY);
    test_expect_value(&child.peer, 1);
    test_stop(&child); /* stopped while it copies */
    for (; n < 3000; n++)
        send_frame(producer, n, frame_length(n, MAX_FRAME), MYL_TRY);
    test_continue(&child);
    for (; n < 30000; n++)
        send_frame(producer, n, frame_length(n, MAX_FRAME), MYL_TRY);
    myl_frame_producer_close(producer);
    test_expect_value(&child.peer, n); /* the last message is there when the stream has ended */
    assert_true(test_receive(&child.peer) > 0);
    assert_true(test_receive(&child.peer) > 0);
    test_expect_exit(&child, 0);
}

struct parents {
    myl_frame_producer *producer;
    myl_frame_consumer *consumer;
    myl_frame_observer *observer;
};

/* Uses the parent's handles in the child: no call touches the ring, not even the end of an open claim. */
static int use_parents_handles(test_peer *parent, void *argument)
{
    struct parents *p = argument;
    unsigned char buffer[100];
    myl_message message;
    myl_frame_lost lost;
    void *data;
    (void)parent;
    test_code(MYL_EFORKED, myl_frame_producer_commit(p->producer, 10, 0));
    myl_frame_producer_abort(p->producer);
    test_code(MYL_EFORKED, myl_frame_producer_claim(p->producer, 10, &data, MYL_FOREVER));
    test_code(MYL_EFORKED, myl_frame_producer_publish(p->producer, buffer, 1, 0, MYL_FOREVER));
    test_code(MYL_EFORKED, myl_frame_producer_publish(p->producer, buffer, 1 << 20, 0, MYL_FOREVER));
    test_code(MYL_EFORKED, myl_frame_producer_wait_consumed(p->producer, MYL_FOREVER));
    test_code(MYL_EFORKED, myl_frame_consumer_next(p->consumer, &message, MYL_FOREVER));
    test_code(MYL_EFORKED, myl_frame_consumer_get(p->consumer, buffer, sizeof buffer, &message, MYL_FOREVER));
    test_code(MYL_EFORKED, myl_frame_consumer_peek(p->consumer, &message, MYL_FOREVER));
    test_code(MYL_EFORKED, myl_frame_consumer_release(p->consumer));
    myl_frame_consumer_rewind(p->consumer);
    test_code(MYL_EFORKED, myl_frame_observer_get(p->observer, buffer, 1, &message, &lost, MYL_FOREVER));
    myl_frame_producer_close(p->producer);
    myl_frame_consumer_close(p->consumer);
    myl_frame_observer_close(p->observer);
    return 0;
}

static void handles_fail_in_a_fork_child(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct frame_participant participant = participant_of(test_name(name, "fork"), NULL);
    struct parents p = {.producer = open_frames(name, &participant.producer)};
    myl_frame_consumer_options reader = frame_reader(NULL);
    test_child child;
    void *data;
    p.consumer = open_frame_consumer(name, "c");
    test_ok(myl_frame_observer_open(&p.observer, name, &reader));
    send_frame(p.producer, 0, 100, MYL_TRY);
    test_ok(myl_frame_producer_claim(p.producer, 100, &data, MYL_TRY));
    test_spawn(&child, use_parents_handles, &p);
    test_expect_exit(&child, 0);
    frame_fill(data, 1, 100);
    test_ok(myl_frame_producer_commit(p.producer, 100, 1)); /* the child's calls have no effect in the parent */
    take_frame(p.consumer, 0, 100, MYL_TRY);
    take_frame(p.consumer, 1, 100, MYL_TRY);
    myl_frame_observer_close(p.observer);
    myl_frame_consumer_close(p.consumer);
    myl_frame_producer_close(p.producer);
    assert_false(ring_exists(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takeover_keeps_published_messages),
        cmocka_unit_test(resumed_consumer_gets_unacknowledged_messages),
        cmocka_unit_test(broadcast_is_complete),
        cmocka_unit_test(join_at_now_gets_later_messages),
        cmocka_unit_test(observer_counts_every_lost_message),
        cmocka_unit_test(handles_fail_in_a_fork_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
