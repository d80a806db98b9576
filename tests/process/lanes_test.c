/* SPDX-License-Identifier: MIT
 * Rings with lanes between processes: producers and consumers that are killed, stopped and restarted, and a park that
 * any lane ends. The rings are numbered, so that each process knows its position. */
#include <sys/mman.h>

#include "process/frame_participant.h"

enum { LANES = 3, MOST = 3000 };

static uint64_t most = MOST; /* longest message; children inherit it */

struct lane_participant {
    const char *name;
    const char *lane;                /* of a producer */
    const char *id;                  /* of a consumer */
};

static myl_frame_producer_options lane_options(const char *lane)
{
    myl_frame_producer_options o = frame_options(65536, 1000);
    o.config.numbers = MYL_FRAMES_NUMBERED;
    o.config.lanes = LANES;
    o.lane = lane;
    o.ring.on_death = MYL_DEATH_WAIT;
    return o;
}

/* A message is named by its lane and number. */
static uint64_t name_of(uint32_t lane, uint64_t number)
{
    return number * 4 + lane;
}

static uint32_t lane_of(const myl_frame_producer *producer)
{
    myl_info info = {.size = sizeof info};
    test_ok(myl_producer_info(myl_frame_producer_ring(producer), &info));
    return info.lane;
}

static void send_next(myl_frame_producer *producer)
{
    uint64_t what = name_of(lane_of(producer), myl_frame_producer_messages(producer));
    send_frame(producer, what, frame_length(what, most), MYL_SEC(15));
}

/* Publishes as many messages as the parent asks for, repeatedly, and sends the number after the last one. 0: without
 * end. */
static int produce(test_peer *parent, void *argument)
{
    const struct lane_participant *participant = argument;
    myl_frame_producer_options o = lane_options(participant->lane);
    myl_frame_producer *producer = open_frames(participant->name, &o);
    test_send(parent, lane_of(producer));
    for (;;) {
        uint64_t order = test_receive(parent);
        if (order == PARTICIPANT_CLOSE)
            break;
        if (order == PARTICIPANT_LEASE) { /* claims and does not commit */
            void *data;
            test_ok(myl_frame_producer_claim(producer, 900, &data, MYL_SEC(15)));
            memset(data, 0xff, 900);
        } else if (order == FRAME_PART) {
            size_t bytes = 1 << 20; /* longer than the ring: publishes as much as there is room for */
            void *message = calloc(1, bytes);
            assert_non_null(message);
            test_send(parent, 0);
            test_ok(myl_frame_producer_publish(producer, message, bytes, 0, MYL_FOREVER));
            free(message);
        }
        for (uint64_t i = 0; (order == 0 || i < order) && order < PARTICIPANT_DRAIN - 1000; i++)
            send_next(producer);
        test_send(parent, myl_frame_producer_messages(producer));
    }
    myl_frame_producer_close(producer);
    return 0;
}

static void start(test_child *child, test_child_function function, struct lane_participant *participant,
                  uint64_t answer)
{
    test_spawn(child, function, participant);
    test_expect_value(&child->peer, answer);
}

struct reader {
    myl_frame_consumer *consumer;
    uint64_t next[LANES];
};

/* Checks that the message is the next one of its lane. */
static void expect_next(struct reader *reader, const myl_message *message)
{
    assert_true(message->lane < LANES);
    uint64_t number = reader->next[message->lane]++;
    assert_int_equal(message->number, number);
    expect_message(message, name_of(message->lane, number), frame_length(name_of(message->lane, number), most));
}

static int read_one(struct reader *reader, int64_t timeout_ns)
{
    myl_message message = {0};
    int rc = myl_frame_consumer_next(reader->consumer, &message, timeout_ns);
    assert_int_not_equal(rc, MYL_EABORTED); /* every message fits in the ring: all of it is published, or nothing */
    if (rc != MYL_OK)
        return rc;
    expect_next(reader, &message);
    test_ok(myl_frame_consumer_release(reader->consumer));
    return MYL_OK;
}

/* --- killed producers -------------------------------------------------------------------------------------------- */

/* One producer is killed at any moment, repeatedly, and resumes. The others are not affected. In no lane is a message
 * lost, torn or out of order. */
static void killed_producers_resume_without_loss(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    static const char *const ids[LANES] = {"a", "b", "c"};
    struct lane_participant participant[LANES];
    test_child child[LANES];
    struct reader reader = {0};
    test_name(name, "killed");
    for (uint32_t i = 0; i < LANES; i++) {
        participant[i] = (struct lane_participant){.name = name, .lane = ids[i]};
        start(&child[i], produce, &participant[i], i);
    }
    reader.consumer = open_frame_consumer(name, "r");
    for (uint32_t i = 0; i < LANES; i++)
        test_send(&child[i].peer, 0);
    for (unsigned round = 0; round < 60; round++) {
        uint32_t victim = round % LANES;
        for (unsigned i = 0; i < 20 + round * 7 % 50; i++) {
            int rc = read_one(&reader, MYL_SEC(15));
            if (rc != MYL_EPRODUCERDEAD)
                test_ok(rc);
        }
        test_kill(&child[victim]);
        uint64_t before = reader.next[victim];
        for (unsigned i = 0; i < 100; i++) { /* the others continue */
            int rc = read_one(&reader, MYL_SEC(15));
            if (rc != MYL_EPRODUCERDEAD)
                test_ok(rc);
        }
        assert_true(reader.next[victim] - before <= 1024);
        start(&child[victim], produce, &participant[victim], victim);
        test_send(&child[victim].peer, 0);
    }
    for (uint32_t i = 0; i < LANES; i++)
        test_kill(&child[i]);
    int rc;
    while ((rc = read_one(&reader, MYL_SEC(15))) == MYL_OK)
        ;
    test_code(MYL_EPRODUCERDEAD, rc);
    for (uint32_t i = 0; i < LANES; i++) {
        start(&child[i], produce, &participant[i], i);
        test_send(&child[i].peer, 5);
    }
    for (uint64_t want = 5 * LANES; want > 0; want--)
        while ((rc = read_one(&reader, MYL_SEC(15))) != MYL_OK)
            test_code(MYL_EPRODUCERDEAD, rc);
    for (uint32_t i = 0; i < LANES; i++) {
        test_expect_value(&child[i].peer, reader.next[i]);
        test_send(&child[i].peer, PARTICIPANT_CLOSE);
        test_expect_exit(&child[i], 0);
    }
    test_code(MYL_ECLOSED, read_one(&reader, MYL_SEC(15)));
    myl_frame_consumer_close(reader.consumer);
    assert_int_equal(ring_exists(name), 0);
}

static int lane_1_is_full(void *name)
{
    myl_snapshot *s;
    test_ok(myl_snapshot_take_lane(name, MYL_BACKEND_SHM, 1, &s));
    int full = s->next > s->info.capacity * 3 / 4;
    myl_snapshot_free(s);
    return full;
}

/* A producer dies within a message. The loss is reported once for its lane, then the death once. Another lane is read
 * in between. */
static void death_is_reported_once(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct lane_participant a = {.name = test_name(name, "told"), .lane = "a"}, b = {.name = name, .lane = "b"};
    test_child alive, dies;
    struct reader reader = {0};
    myl_message message;
    start(&alive, produce, &a, 0);
    start(&dies, produce, &b, 1);
    reader.consumer = open_frame_consumer(name, "r");
    order(&dies, FRAME_PART, 0);
    test_until(lane_1_is_full, name, "the message fills lane 1");
    order(&alive, 2, 2);
    test_kill(&dies);
    test_ok(read_one(&reader, MYL_SEC(15)));
    test_ok(read_one(&reader, MYL_SEC(15)));
    test_code(MYL_EABORTED, myl_frame_consumer_next(reader.consumer, &message, MYL_SEC(15)));
    assert_int_equal(message.lane, 1);
    expect_detail("lane 1 (b)");
    test_code(MYL_EPRODUCERDEAD, myl_frame_consumer_next(reader.consumer, &message, MYL_SEC(15)));
    assert_int_equal(message.lane, 1);
    expect_detail("lane 1 (b)");
    test_code(MYL_ETIMEDOUT, myl_frame_consumer_next(reader.consumer, &message, MYL_MSEC(300)));
    order(&alive, 1, 3);
    test_ok(read_one(&reader, MYL_SEC(15)));
    test_kill(&alive);
    test_code(MYL_EPRODUCERDEAD, read_one(&reader, MYL_SEC(15)));
    test_code(MYL_EPRODUCERDEAD, read_one(&reader, MYL_SEC(15))); /* no producer is alive, so no call blocks */
    myl_frame_consumer_close(reader.consumer);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

/* --- a stopped producer ------------------------------------------------------------------------------------------ */

/* A producer is stopped with an open claim. It blocks neither the other producers, nor joiners, nor a new lane. */
static void stopped_producer_blocks_no_other_lane(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct lane_participant a = {.name = test_name(name, "stopped"), .lane = "a"}, b = {.name = name, .lane = "b"},
                            c = {.name = name, .lane = "c"};
    test_child first, stopped, late;
    struct reader reader = {0};
    start(&first, produce, &a, 0);
    start(&stopped, produce, &b, 1);
    reader.consumer = open_frame_consumer(name, "r");
    order(&stopped, 3, 3);
    order(&stopped, PARTICIPANT_LEASE, 3);
    test_stop(&stopped);
    test_send(&first.peer, 2000);
    for (int i = 0; i < 2000 + 3; i++)
        test_ok(read_one(&reader, MYL_SEC(15)));
    test_expect_value(&first.peer, 2000);
    struct reader other = {.next = {2000, 3, 0}};
    myl_frame_consumer_options now = frame_reader("other");
    now.ring.start = MYL_START_NOW;
    test_ok(myl_frame_consumer_open(&other.consumer, name, &now));
    start(&late, produce, &c, 2);
    order(&late, 10, 10);
    for (int i = 0; i < 10; i++) {
        test_ok(read_one(&reader, MYL_SEC(15)));
        test_ok(read_one(&other, MYL_SEC(15)));
    }
    test_code(MYL_ETIMEDOUT, read_one(&reader, MYL_MSEC(50))); /* it is stopped, not dead */
    test_continue(&stopped);
    test_send(&stopped.peer, PARTICIPANT_CLOSE);
    test_send(&first.peer, PARTICIPANT_CLOSE);
    test_send(&late.peer, PARTICIPANT_CLOSE);
    test_code(MYL_ECLOSED, read_one(&reader, MYL_SEC(15)));
    test_code(MYL_ECLOSED, read_one(&other, MYL_SEC(15)));
    test_expect_exit(&stopped, 0);
    test_expect_exit(&first, 0);
    test_expect_exit(&late, 0);
    myl_frame_consumer_close(reader.consumer);
    myl_frame_consumer_close(other.consumer);
    assert_int_equal(ring_exists(name), 0);
}

/* --- killed consumers -------------------------------------------------------------------------------------------- */

/* Reads the requested number of messages and sends the position of each lane. Then leases some more and waits to be
 * killed. */
static int consume(test_peer *parent, void *argument)
{
    const struct lane_participant *participant = argument;
    struct reader reader = {.consumer = open_frame_consumer(participant->name, participant->id)};
    for (uint32_t i = 0; i < LANES; i++)
        reader.next[i] = test_receive(parent);
    uint64_t count = test_receive(parent);
    for (uint64_t i = 0; i < count; i++)
        test_ok(read_one(&reader, MYL_SEC(15)));
    for (uint32_t i = 0; i < LANES; i++)
        test_send(parent, reader.next[i]);
    for (int i = 0; i < 4; i++) {
        myl_message message;
        int rc = myl_frame_consumer_next(reader.consumer, &message, MYL_SEC(15));
        if (rc == MYL_ELEASED) /* only messages of one lane in fragments are leased */
            break;
        test_ok(rc);
        expect_next(&reader, &message);
    }
    test_send(parent, 4);
    return (int)test_receive(parent);
}

/* A consumer is killed repeatedly. In every lane it gets the messages that it had not acknowledged, and no message
 * twice. */
static void killed_consumer_resumes_in_every_lane(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct lane_participant participant = {.name = test_name(name, "phoenix"), .id = "phoenix"};
    myl_frame_producer *producer[LANES];
    uint64_t next[LANES] = {0}, sent = 0;
    for (uint32_t i = 0; i < LANES; i++) {
        myl_frame_producer_options o = lane_options(NULL);
        o.config.ring_bytes = 1 << 20;
        producer[i] = open_frames(name, &o);
    }
    for (int round = 0; round < 12; round++) {
        test_child child;
        for (uint32_t i = 0; i < LANES; i++) {
            for (uint32_t k = 0; k < 6 + i; k++, sent++)
                send_next(producer[i]);
        }
        test_spawn(&child, consume, &participant);
        for (uint32_t i = 0; i < LANES; i++)
            test_send(&child.peer, next[i]);
        uint64_t count = 15, total = 0;
        test_send(&child.peer, count);
        for (uint32_t i = 0; i < LANES; i++)
            total += (next[i] = test_receive(&child.peer));
        assert_int_equal(total, (uint64_t)(round + 1) * count);
        test_expect_value(&child.peer, 4);
        test_kill(&child);
    }
    struct reader reader = {.consumer = open_frame_consumer(name, "phoenix")};
    memcpy(reader.next, next, sizeof next);
    for (uint64_t left = sent - 12 * 15; left > 0; left--)
        test_ok(read_one(&reader, MYL_SEC(15)));
    test_code(MYL_EAGAIN, read_one(&reader, MYL_TRY));
    for (uint32_t i = 0; i < LANES; i++) {
        test_ok(myl_frame_producer_wait_consumed(producer[i], MYL_TRY));
        myl_frame_producer_close(producer[i]);
    }
    myl_frame_consumer_close(reader.consumer);
    assert_int_equal(ring_exists(name), 0);
}

/* A dead consumer blocks all lanes. Its eviction frees all of them. */
static void eviction_frees_all_lanes(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct lane_participant participant = {.name = test_name(name, "evicted"), .id = "dead"};
    myl_frame_producer *producer[LANES];
    test_child child;
    void *data;
    for (uint32_t i = 0; i < LANES; i++) {
        myl_frame_producer_options o = lane_options(NULL);
        o.ring.on_death = MYL_DEATH_REPORT;
        producer[i] = open_frames(name, &o);
        for (int k = 0; k < 4; k++)
            send_next(producer[i]);
    }
    test_spawn(&child, consume, &participant);
    for (uint32_t i = 0; i < LANES; i++)
        test_send(&child.peer, 0);
    test_send(&child.peer, 0);
    for (uint32_t i = 0; i < LANES; i++)
        test_expect_value(&child.peer, 0);
    test_expect_value(&child.peer, 4);
    test_code(MYL_EINUSE, myl_evict(name, MYL_BACKEND_SHM, "dead"));
    test_kill(&child);
    for (uint32_t i = 0; i < LANES; i++) {
        int rc;
        while ((rc = myl_frame_producer_claim(producer[i], 1000, &data, MYL_SEC(15))) == MYL_OK)
            test_ok(myl_frame_producer_commit(producer[i], 1000, 0));
        test_code(MYL_ECONSUMERDEAD, rc);
    }
    test_ok(myl_evict(name, MYL_BACKEND_SHM, "dead"));
    struct reader reader = {.consumer = open_frame_consumer(name, "r")};
    for (uint32_t i = 0; i < LANES; i++)
        test_code(MYL_EAGAIN, myl_frame_producer_claim(producer[i], 1000, &data, MYL_TRY));
    myl_frame_consumer_close(reader.consumer);
    for (uint32_t i = 0; i < LANES; i++)
        myl_frame_producer_leave(producer[i]);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

/* --- parking ----------------------------------------------------------------------------------------------------- */

enum { ROUNDS = 1500 };

/* Parks whenever it can. Only a publisher wakes it. */
static int consume_parked(test_peer *parent, void *argument)
{
    const struct lane_participant *participant = argument;
    myl_frame_consumer_options o = frame_reader(participant->id);
    o.ring.wait.strategy = MYL_WAIT_BLOCK;
    o.ring.liveness_ns = MYL_SEC(60);
    struct reader reader = {0};
    test_ok(myl_frame_consumer_open(&reader.consumer, participant->name, &o));
    test_send(parent, 0);
    int rc;
    while ((rc = read_one(&reader, MYL_FOREVER)) == MYL_OK || rc == MYL_EPRODUCERLEFT)
        ; /* the first producers leave, and the next ones continue */
    assert_int_equal(rc, MYL_ECLOSED);
    for (uint32_t i = 0; i < LANES; i++)
        test_send(parent, reader.next[i]);
    myl_frame_consumer_close(reader.consumer);
    return 0;
}

/* Publishes one message at a time, and waits until it is read. */
static int produce_one_by_one(test_peer *parent, void *argument)
{
    const struct lane_participant *participant = argument;
    myl_frame_producer_options o = lane_options(participant->lane);
    o.ring.liveness_ns = MYL_SEC(60);
    myl_frame_producer *producer = open_frames(participant->name, &o);
    test_send(parent, lane_of(producer));
    (void)test_receive(parent);
    for (int i = 0; i < ROUNDS; i++) {
        send_next(producer);
        test_ok(myl_frame_producer_wait_consumed(producer, MYL_SEC(15)));
    }
    myl_frame_producer_close(producer);
    return 0;
}

static void any_lane_wakes_the_consumer(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct lane_participant participant[LANES], eater = {.name = test_name(name, "wakes"), .id = "r"};
    static const char *const ids[LANES] = {"a", "b", "c"};
    myl_frame_producer *producer[LANES];
    test_child child[LANES], consumer;
    for (uint32_t i = 0; i < LANES; i++) {
        myl_frame_producer_options o = lane_options(ids[i]);
        producer[i] = open_frames(name, &o);
    }
    start(&consumer, consume_parked, &eater, 0);
    for (uint64_t i = 0; i < 200; i++) { /* it sleeps in the kernel, and each lane in turn wakes it */
        if (i % 10 == 0)
            test_until(test_is_asleep, &consumer.pid, "the consumer sleeps");
        send_next(producer[i % LANES]);
        test_ok(myl_frame_producer_wait_consumed(producer[i % LANES], MYL_SEC(15)));
    }
    for (uint32_t i = 0; i < LANES; i++)
        myl_frame_producer_leave(producer[i]);
    for (uint32_t i = 0; i < LANES; i++) { /* all lanes at once: a lost wake blocks one of them for good */
        participant[i] = (struct lane_participant){.name = name, .lane = ids[i]};
        start(&child[i], produce_one_by_one, &participant[i], i);
    }
    for (uint32_t i = 0; i < LANES; i++)
        test_send(&child[i].peer, 1);
    for (uint32_t i = 0; i < LANES; i++)
        test_expect_exit(&child[i], 0);
    uint64_t total = 0;
    for (uint32_t i = 0; i < LANES; i++)
        total += test_receive(&consumer.peer);
    assert_int_equal(total, 200 + LANES * ROUNDS);
    test_expect_exit(&consumer, 0);
    assert_int_equal(ring_exists(name), 0);
}

/* --- all participants killed ------------------------------------------------------------------------------------ */

static uint64_t *handled; /* shared: number of messages of each lane that the consumer has handled */

/* Reads for ever. Records each message in shared memory before acknowledging it. So after a kill one message of a lane
 * may be delivered again, and none is missing. */
static int consume_and_record(test_peer *parent, void *argument)
{
    const struct lane_participant *participant = argument;
    struct reader reader = {.consumer = open_frame_consumer(participant->name, participant->id)};
    int again[LANES] = {1, 1, 1};
    test_send(parent, 0);
    for (;;) {
        myl_message message;
        int rc = myl_frame_consumer_next(reader.consumer, &message, MYL_FOREVER);
        if (rc == MYL_EPRODUCERDEAD)
            continue;
        test_ok(rc);
        uint64_t want = __atomic_load_n(&handled[message.lane], __ATOMIC_RELAXED);
        reader.next[message.lane] = again[message.lane] && message.number + 1 == want ? want - 1 : want;
        again[message.lane] = 0;
        expect_next(&reader, &message);
        __atomic_store_n(&handled[message.lane], message.number + 1, __ATOMIC_RELAXED);
        test_ok(myl_frame_consumer_release(reader.consumer));
    }
}

static uint64_t sum_handled(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < LANES; i++)
        sum += __atomic_load_n(&handled[i], __ATOMIC_RELAXED);
    return sum;
}

static int has_handled(void *sum)
{
    return sum_handled() >= *(uint64_t *)sum;
}

static int has_read_all(void *name)
{
    int all = 1;
    for (uint32_t i = 0; i < LANES; i++) {
        myl_snapshot *s;
        test_ok(myl_snapshot_take_lane(name, MYL_BACKEND_SHM, i, &s));
        all &= s->entry[0].lag == 0;
        myl_snapshot_free(s);
    }
    return all;
}

static void lanes_survive_kills_of_all_participants(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    static const char *const ids[LANES] = {"a", "b", "c"};
    struct lane_participant participant[LANES], eater = {.name = test_name(name, "everybody"), .id = "r"};
    test_child child[LANES], consumer;
    handled = mmap(NULL, LANES * sizeof *handled, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(handled != MAP_FAILED);
    most = 900; /* without fragments no number is skipped */
    for (uint32_t i = 0; i < LANES; i++) {
        participant[i] = (struct lane_participant){.name = name, .lane = ids[i]};
        start(&child[i], produce, &participant[i], i);
        test_send(&child[i].peer, 0);
    }
    start(&consumer, consume_and_record, &eater, 0);
    for (unsigned round = 0; round < 80; round++) {
        uint64_t goal = sum_handled() + 50 + round * 37 % 400;
        test_until(has_handled, &goal, "messages");
        if (round % 2 == 0) {
            test_kill(&consumer);
            start(&consumer, consume_and_record, &eater, 0);
        } else {
            uint32_t victim = round / 2 % LANES;
            test_kill(&child[victim]);
            start(&child[victim], produce, &participant[victim], victim);
            test_send(&child[victim].peer, 0);
        }
    }
    for (uint32_t i = 0; i < LANES; i++)
        test_kill(&child[i]);
    test_until(has_read_all, name, "all messages are read");
    test_kill(&consumer);
    for (uint32_t i = 0; i < LANES; i++) {
        myl_frame_producer_options o = lane_options(ids[i]);
        myl_frame_producer *producer = open_frames(name, &o);
        assert_int_equal(myl_frame_producer_messages(producer), handled[i]);
        myl_frame_producer_close(producer);
    }
    most = MOST;
    assert_int_equal(munmap(handled, LANES * sizeof *handled), 0);
    assert_int_equal(ring_exists(name), 0); /* every lane has ended, and the dead consumer had read all of it */
}

/* --- fork -------------------------------------------------------------------------------------------------------- */

/* Uses the parent's handle in a forked child: every call is refused, and closing it has no effect on the parent. */
static int use_parents_handle(test_peer *parent, void *argument)
{
    struct reader *reader = argument;
    myl_message message;
    char id[MYL_ID_MAX + 1], byte;
    myl_peer peer = {.size = sizeof peer};
    test_code(MYL_EFORKED, myl_frame_consumer_next(reader->consumer, &message, MYL_FOREVER));
    test_code(MYL_EFORKED, myl_frame_consumer_get(reader->consumer, &byte, 1, &message, MYL_TRY));
    test_code(MYL_EFORKED, myl_frame_consumer_peek(reader->consumer, &message, MYL_TRY));
    test_code(MYL_EFORKED, myl_frame_consumer_release(reader->consumer));
    test_code(MYL_EFORKED, myl_frame_consumer_lane(reader->consumer, 0, id));
    test_code(MYL_EFORKED, myl_frame_consumer_peer(reader->consumer, &peer));
    assert_int_equal(myl_frame_consumer_end_of_batch(reader->consumer), 1);
    myl_frame_consumer_rewind(reader->consumer);
    myl_frame_consumer_interrupt(reader->consumer);
    myl_frame_consumer_set_activity(reader->consumer, "nothing", 0);
    myl_frame_consumer_close(reader->consumer);
    test_send(parent, 1);
    return 0;
}

static void handle_fails_in_a_fork_child(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer *producer[LANES];
    test_child child;
    test_name(name, "fork");
    for (uint32_t i = 0; i < LANES; i++) {
        myl_frame_producer_options o = lane_options(NULL);
        producer[i] = open_frames(name, &o);
    }
    struct reader reader = {.consumer = open_frame_consumer(name, "r")};
    for (uint32_t i = 0; i < LANES; i++)
        send_next(producer[i]);
    test_spawn(&child, use_parents_handle, &reader);
    test_expect_value(&child.peer, 1);
    test_expect_exit(&child, 0);
    for (uint32_t i = 0; i < LANES; i++) {
        myl_snapshot *s;
        test_ok(myl_snapshot_take_lane(name, MYL_BACKEND_SHM, i, &s));
        assert_int_equal(s->live_consumers, 1);
        assert_int_equal(s->live_producers, LANES - i);
        myl_snapshot_free(s);
        test_ok(read_one(&reader, MYL_TRY));
        myl_frame_producer_close(producer[i]);
    }
    test_code(MYL_ECLOSED, read_one(&reader, MYL_TRY));
    myl_frame_consumer_close(reader.consumer);
    assert_int_equal(ring_exists(name), 0);
}

/* --- many producers at once -------------------------------------------------------------------------------------- */

static int open_and_report(test_peer *parent, void *argument)
{
    const struct lane_participant *participant = argument;
    (void)test_receive(parent);
    myl_frame_producer_options o = lane_options(participant->lane);
    myl_frame_producer *producer = NULL;
    int rc = myl_frame_producer_open(&producer, participant->name, &o);
    test_send(parent, rc == MYL_OK ? lane_of(producer) : (uint64_t)-rc);
    (void)test_receive(parent);
    myl_frame_producer_close(producer);
    return 0;
}

/* Many processes create or open the ring at the same moment. As many as there are lanes get one, each a different
 * one. */
static void simultaneous_openers_get_different_lanes(void **state)
{
    (void)state;
    enum { MANY = LANES + 2 };
    for (int round = 0; round < 30; round++) {
        char name[TEST_NAME_SIZE];
        struct lane_participant participant = {.name = test_name(name, "rush")};
        test_child child[MANY];
        unsigned taken[LANES] = {0}, refused = 0;
        for (int i = 0; i < MANY; i++)
            test_spawn(&child[i], open_and_report, &participant);
        for (int i = 0; i < MANY; i++)
            test_send(&child[i].peer, 1);
        for (int i = 0; i < MANY; i++) {
            uint64_t answer = test_receive(&child[i].peer);
            if (answer < LANES)
                taken[answer]++;
            else
                refused += answer == (uint64_t)-MYL_ELANES;
        }
        for (int i = 0; i < LANES; i++)
            assert_int_equal(taken[i], 1);
        assert_int_equal(refused, MANY - LANES);
        for (int i = 0; i < MANY; i++)
            test_send(&child[i].peer, 1);
        for (int i = 0; i < MANY; i++)
            test_expect_exit(&child[i], 0);
        assert_int_equal(ring_exists(name), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_producers_resume_without_loss),
        cmocka_unit_test(death_is_reported_once),
        cmocka_unit_test(stopped_producer_blocks_no_other_lane),
        cmocka_unit_test(killed_consumer_resumes_in_every_lane),
        cmocka_unit_test(eviction_frees_all_lanes),
        cmocka_unit_test(lanes_survive_kills_of_all_participants),
        cmocka_unit_test(any_lane_wakes_the_consumer),
        cmocka_unit_test(handle_fails_in_a_fork_child),
        cmocka_unit_test(simultaneous_openers_get_different_lanes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
