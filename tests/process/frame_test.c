/* SPDX-License-Identifier: MIT
 * Frames between processes: producers killed with a claim open, consumers killed with leases open, joining and leaving
 * in the middle, observers that are overtaken, on every back end. */
#include "process/frame_party.h"

#define RING_BYTES (128 * 1024)
#define MAX_FRAME  16384

static struct frame_party party_of(const char *name, const char *id)
{
    return (struct frame_party){.name = name,
                                .id = id,
                                .most = MAX_FRAME,
                                .producer = frame_options(RING_BYTES, MAX_FRAME)};
}

/* What was published is there, what was only claimed is not, and the order goes on; whatever the dead one wrote into
 * its claim. */
static void test_takeover(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct frame_party party = party_of(test_name(name, "takeover"), "c");
    uint64_t n = 0;
    test_child producer;
    start_frames(&producer, produce_frames, &party, 0);
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
        start_frames(&producer, produce_frames, &party, n + some);
        for (uint64_t i = n; life % 2 != 0 && i < n + some; i++)
            take_frame(consumer, i, frame_length(i, MAX_FRAME), MYL_TRY);
        n += some;
    }
    finish(&producer, PARTY_CLOSE);
    expect_no_frame(consumer, MYL_ECLOSED);
    myl_frame_consumer_close(consumer);
    assert_false(ring_exists(name));
}

static void test_consumer_killed_and_resumed(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct frame_party party = party_of(test_name(name, "resumed"), "phoenix");
    myl_frame_producer *producer = open_frames(name, &party.producer);
    test_child consumer;
    uint64_t sent = 0, read = 0;
    start_frames(&consumer, consume_frames, &party, 0);
    for (int life = 0; life < 30; life++) {
        for (int i = 0; i < 5; i++, sent++)
            send_frame(producer, sent, frame_length(sent, MAX_FRAME), MYL_SEC(10));
        order(&consumer, 2, read + 2);
        read += 2;
        order(&consumer, PARTY_LEASE, sent); /* sees the rest, acknowledges nothing of it */
        test_kill(&consumer);
        start_frames(&consumer, consume_frames, &party, read);
        order(&consumer, sent - read, sent);
        read = sent;
    }
    finish(&consumer, PARTY_CLOSE);
    myl_frame_producer_close(producer);
    assert_false(ring_exists(name));
}

/* A stream of all lengths from one process to three, by waiting calls, over each back end. */
static void test_broadcast(void **state)
{
    (void)state;
    for (int backend = MYL_BACKEND_SHM; backend <= LAST_BACKEND; backend++) {
        char name[TEST_NAME_SIZE], path[TEST_PATH_SIZE];
        struct frame_party party = party_of(NULL, NULL);
        test_child consumer[3], producer;
        static const char *const ids[] = {"a", "b", "c"};
        int fd = 0;
        myl_frame_producer *made = NULL;
        if (backend != MYL_BACKEND_MEMFD)
            party.name = backend == MYL_BACKEND_SHM ? test_name(name, "broadcast") : test_path(path, "broadcast");
        party.producer.ring.backend = party.consumer.ring.backend = (enum myl_backend)backend;
        if (backend == MYL_BACKEND_MEMFD) {
            made = open_frames(NULL, &party.producer);
            test_ok(myl_producer_fd(myl_frame_producer_ring(made), &fd));
            party.producer.ring.fd = party.consumer.ring.fd = fd;
            myl_frame_producer_leave(made);
        } else {
            start_frames(&producer, produce_frames, &party, 0);
        }
        for (int i = 0; i < 3; i++) {
            party.id = ids[i];
            start_frames(&consumer[i], consume_frames, &party, 0);
        }
        if (backend == MYL_BACKEND_MEMFD)
            start_frames(&producer, produce_frames, &party, 0);
        for (int i = 0; i < 3; i++)
            test_tell(&consumer[i].peer, PARTY_DRAIN);
        order(&producer, 5000, 5000);
        finish(&producer, PARTY_CLOSE);
        for (int i = 0; i < 3; i++) {
            test_hear_value(&consumer[i].peer, (uint64_t)-MYL_ECLOSED);
            test_hear_value(&consumer[i].peer, 5000);
            finish(&consumer[i], PARTY_CLOSE);
        }
        if (fd > 0)
            close(fd);
        assert_int_equal(test_shm_entries(), 0);
    }
}

/* Who joins "now" sees exactly what is published from then on, wherever in the ring that is. */
static void test_join_in_the_middle(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct frame_party party = party_of(test_name(name, "middle"), "late");
    myl_frame_producer *producer = open_frames(name, &party.producer);
    myl_frame_consumer *first = open_frame_consumer(name, "first");
    party.consumer.ring.start = MYL_START_NOW;
    uint64_t n = 0;
    for (int life = 0; life < 20; life++) {
        test_child late;
        for (int i = 0; i < 3 + life % 3; i++, n++) {
            send_frame(producer, n, frame_length(n, MAX_FRAME), MYL_TRY);
            take_frame(first, n, frame_length(n, MAX_FRAME), MYL_TRY);
        }
        start_frames(&late, consume_frames, &party, n);
        for (int i = 0; i < 4; i++, n++) {
            send_frame(producer, n, frame_length(n, MAX_FRAME), MYL_SEC(10));
            take_frame(first, n, frame_length(n, MAX_FRAME), MYL_TRY);
        }
        order(&late, 4, n);
        finish(&late, PARTY_CLOSE);
    }
    myl_frame_consumer_close(first);
    myl_frame_producer_close(producer);
}

/* Nobody gates: the producer runs in circles. An observer of another process sees only whole messages in ascending
 * order and accounts for every single one. */
static int observe(test_peer *parent, void *argument)
{
    const struct frame_party *party = argument;
    myl_frame_consumer_options options = frame_reader(NULL);
    myl_frame_observer *observer = NULL;
    unsigned char *buffer = aligned_alloc(64, MAX_FRAME);
    uint64_t next = 0, seen = 0, lost_bytes = 0;
    myl_message message;
    myl_frame_lost lost;
    int rc;
    assert_non_null(buffer);
    test_ok(myl_frame_observer_open(&observer, party->name, &options));
    test_tell(parent, 0);
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
            test_tell(parent, 1);
    }
    test_code(MYL_ECLOSED, rc);
    test_tell(parent, next);
    test_tell(parent, seen);
    test_tell(parent, lost_bytes);
    free(buffer);
    myl_frame_observer_close(observer);
    return 0;
}

static void test_observer(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct frame_party party = party_of(test_name(name, "observed"), NULL);
    party.producer.numbers = MYL_FRAMES_NUMBERED;
    party.producer.ring.alone = MYL_ALONE_RUN_FREE;
    myl_frame_producer *producer = open_frames(name, &party.producer);
    test_child child;
    test_spawn(&child, observe, &party);
    test_hear_value(&child.peer, 0);
    uint64_t n = 0;
    for (; n < 1000; n++)
        send_frame(producer, n, frame_length(n, MAX_FRAME), MYL_TRY);
    test_hear_value(&child.peer, 1);
    test_stop(&child); /* in the middle of whatever it copies */
    for (; n < 3000; n++)
        send_frame(producer, n, frame_length(n, MAX_FRAME), MYL_TRY);
    test_continue(&child);
    for (; n < 30000; n++)
        send_frame(producer, n, frame_length(n, MAX_FRAME), MYL_TRY);
    myl_frame_producer_close(producer);
    test_hear_value(&child.peer, n); /* the last one is there when the stream has ended */
    assert_true(test_hear(&child.peer) > 0);
    assert_true(test_hear(&child.peer) > 0);
    test_expect_exit(&child, 0);
}

struct parents {
    myl_frame_producer *producer;
    myl_frame_consumer *consumer;
    myl_frame_observer *observer;
};

/* The parent's handles, in the child: no call touches the ring, not even the end of an open claim. */
static int use_parents(test_peer *parent, void *argument)
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
    test_code(MYL_EFORKED, myl_frame_consumer_release(p->consumer));
    myl_frame_consumer_rewind(p->consumer);
    test_code(MYL_EFORKED, myl_frame_observer_get(p->observer, buffer, 1, &message, &lost, MYL_FOREVER));
    myl_frame_producer_close(p->producer);
    myl_frame_consumer_close(p->consumer);
    myl_frame_observer_close(p->observer);
    return 0;
}

static void test_fork(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct frame_party party = party_of(test_name(name, "fork"), NULL);
    struct parents p = {.producer = open_frames(name, &party.producer)};
    myl_frame_consumer_options look = frame_reader(NULL);
    test_child child;
    void *data;
    p.consumer = open_frame_consumer(name, "c");
    test_ok(myl_frame_observer_open(&p.observer, name, &look));
    send_frame(p.producer, 0, 100, MYL_TRY);
    test_ok(myl_frame_producer_claim(p.producer, 100, &data, MYL_TRY));
    test_spawn(&child, use_parents, &p);
    test_expect_exit(&child, 0);
    frame_fill(data, 1, 100);
    test_ok(myl_frame_producer_commit(p.producer, 100, 1)); /* nothing of that is the parent's business */
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
        cmocka_unit_test(test_takeover),  cmocka_unit_test(test_consumer_killed_and_resumed),
        cmocka_unit_test(test_broadcast), cmocka_unit_test(test_join_in_the_middle),
        cmocka_unit_test(test_observer),  cmocka_unit_test(test_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
