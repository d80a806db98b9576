/* SPDX-License-Identifier: MIT
 * Rings with lanes between processes: producers and consumers that are killed, stopped and started again, and a sleep
 * that any lane ends. Numbered rings, so that everybody knows where it is. */
/* ctest: timeout=120 */
#include <sys/mman.h>

#include "process/frame_party.h"

enum { LANES = 3, MOST = 3000 };

static uint64_t most = MOST; /* longest message; children have their parent's */

struct lane_party {
    const char *name;
    const char *lane;                /* a producer's */
    const char *id;                  /* a consumer's */
};

static myl_frame_producer_options lane_options(const char *lane)
{
    myl_frame_producer_options o = frame_options(65536, 1000);
    o.numbers = MYL_FRAMES_NUMBERED;
    o.lanes = LANES;
    o.lane = lane;
    o.ring.on_death = MYL_DEATH_WAIT;
    return o;
}

/* Lane and number make a message. */
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

/* Publishes as many messages as it is told, again and again; tells the number behind the last one. 0: without end. */
static int produce(test_peer *parent, void *argument)
{
    const struct lane_party *party = argument;
    myl_frame_producer_options o = lane_options(party->lane);
    myl_frame_producer *producer = open_frames(party->name, &o);
    test_tell(parent, lane_of(producer));
    for (;;) {
        uint64_t order = test_hear(parent);
        if (order == PARTY_CLOSE)
            break;
        if (order == PARTY_LEASE) { /* claims, and leaves it at that */
            void *data;
            test_ok(myl_frame_producer_claim(producer, 900, &data, MYL_SEC(15)));
            memset(data, 0xff, 900);
        } else if (order == FRAME_PART) {
            size_t bytes = 1 << 20; /* beyond the ring: goes as far as there is room */
            void *message = calloc(1, bytes);
            assert_non_null(message);
            test_tell(parent, 0);
            test_ok(myl_frame_producer_publish(producer, message, bytes, 0, MYL_FOREVER));
            free(message);
        }
        for (uint64_t i = 0; (order == 0 || i < order) && order < PARTY_DRAIN - 1000; i++)
            send_next(producer);
        test_tell(parent, myl_frame_producer_messages(producer));
    }
    myl_frame_producer_close(producer);
    return 0;
}

static void start(test_child *child, test_child_function function, struct lane_party *party, uint64_t answer)
{
    test_spawn(child, function, party);
    test_hear_value(&child->peer, answer);
}

struct reader {
    myl_frame_consumer *consumer;
    uint64_t next[LANES];
};

/* A message that is the next one of its lane. */
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
    if (rc == MYL_EABORTED) /* killed between two fragments: that number is used up */
        reader->next[message.lane]++;
    if (rc != MYL_OK)
        return rc;
    expect_next(reader, &message);
    test_ok(myl_frame_consumer_release(reader->consumer));
    return MYL_OK;
}

/* --- killed producers -------------------------------------------------------------------------------------------- */

/* One producer is killed at any moment, again and again, and goes on where it was; the others never notice, and nothing
 * is lost, torn or out of order in any lane. */
static void test_producers_killed(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    static const char *const ids[LANES] = {"a", "b", "c"};
    struct lane_party party[LANES];
    test_child child[LANES];
    struct reader reader = {0};
    test_name(name, "killed");
    for (uint32_t i = 0; i < LANES; i++) {
        party[i] = (struct lane_party){.name = name, .lane = ids[i]};
        start(&child[i], produce, &party[i], i);
    }
    reader.consumer = open_frame_consumer(name, "r");
    for (uint32_t i = 0; i < LANES; i++)
        test_tell(&child[i].peer, 0);
    for (unsigned round = 0; round < 60; round++) {
        uint32_t victim = round % LANES;
        for (unsigned i = 0; i < 20 + round * 7 % 50; i++) {
            int rc = read_one(&reader, MYL_SEC(15));
            if (rc != MYL_EPRODUCERDEAD && rc != MYL_EABORTED)
                test_ok(rc);
        }
        test_kill(&child[victim]);
        uint64_t before = reader.next[victim];
        for (unsigned i = 0; i < 100; i++) { /* the others go on */
            int rc = read_one(&reader, MYL_SEC(15));
            if (rc != MYL_EPRODUCERDEAD && rc != MYL_EABORTED)
                test_ok(rc);
        }
        assert_true(reader.next[victim] - before <= 1024);
        start(&child[victim], produce, &party[victim], victim);
        test_tell(&child[victim].peer, 0);
    }
    for (uint32_t i = 0; i < LANES; i++)
        test_kill(&child[i]);
    int rc;
    while ((rc = read_one(&reader, MYL_SEC(15))) == MYL_OK || rc == MYL_EABORTED)
        ;
    test_code(MYL_EPRODUCERDEAD, rc);
    for (uint32_t i = 0; i < LANES; i++) {
        start(&child[i], produce, &party[i], i);
        test_tell(&child[i].peer, 5);
    }
    for (uint64_t want = 5 * LANES; want > 0; want--)
        while ((rc = read_one(&reader, MYL_SEC(15))) != MYL_OK)
            assert_true(rc == MYL_EPRODUCERDEAD || rc == MYL_EABORTED);
    for (uint32_t i = 0; i < LANES; i++) {
        test_hear_value(&child[i].peer, reader.next[i]);
        test_tell(&child[i].peer, PARTY_CLOSE);
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

/* A producer dies within a message: told for its lane, once, then its death, once; another lane is read in between. */
static void test_death_is_told_once(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct lane_party a = {.name = test_name(name, "told"), .lane = "a"}, b = {.name = name, .lane = "b"};
    test_child alive, dies;
    struct reader reader = {0};
    myl_message message;
    start(&alive, produce, &a, 0);
    start(&dies, produce, &b, 1);
    reader.consumer = open_frame_consumer(name, "r");
    order(&dies, FRAME_PART, 0);
    test_until(lane_1_is_full, name, "a ring full of the message");
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
    test_code(MYL_EPRODUCERDEAD, read_one(&reader, MYL_SEC(15))); /* nobody lives: nobody waits for ever */
    myl_frame_consumer_close(reader.consumer);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

/* --- a stopped producer ------------------------------------------------------------------------------------------ */

/* A producer that stands still with an open claim holds nobody up: not the others, nor who joins, nor a new lane. */
static void test_stopped_within_a_claim(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct lane_party a = {.name = test_name(name, "stopped"), .lane = "a"}, b = {.name = name, .lane = "b"},
                      c = {.name = name, .lane = "c"};
    test_child first, stopped, late;
    struct reader reader = {0};
    start(&first, produce, &a, 0);
    start(&stopped, produce, &b, 1);
    reader.consumer = open_frame_consumer(name, "r");
    order(&stopped, 3, 3);
    order(&stopped, PARTY_LEASE, 3);
    test_stop(&stopped);
    test_tell(&first.peer, 2000);
    for (int i = 0; i < 2000 + 3; i++)
        test_ok(read_one(&reader, MYL_SEC(15)));
    test_hear_value(&first.peer, 2000);
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
    test_code(MYL_ETIMEDOUT, read_one(&reader, MYL_MSEC(50))); /* it stands still, it is not dead */
    test_continue(&stopped);
    test_tell(&stopped.peer, PARTY_CLOSE);
    test_tell(&first.peer, PARTY_CLOSE);
    test_tell(&late.peer, PARTY_CLOSE);
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

/* Reads so many, tells where each lane is, then leases some more and waits to be killed. */
static int consume(test_peer *parent, void *argument)
{
    const struct lane_party *party = argument;
    struct reader reader = {.consumer = open_frame_consumer(party->name, party->id)};
    for (uint32_t i = 0; i < LANES; i++)
        reader.next[i] = test_hear(parent);
    uint64_t count = test_hear(parent);
    for (uint64_t i = 0; i < count; i++)
        test_ok(read_one(&reader, MYL_SEC(15)));
    for (uint32_t i = 0; i < LANES; i++)
        test_tell(parent, reader.next[i]);
    for (int i = 0; i < 4; i++) {
        myl_message message;
        int rc = myl_frame_consumer_next(reader.consumer, &message, MYL_SEC(15));
        if (rc == MYL_ELEASED) /* one lane's second message in fragments, and nothing else */
            break;
        test_ok(rc);
        expect_next(&reader, &message);
    }
    test_tell(parent, 4);
    return (int)test_hear(parent);
}

/* A consumer that is killed over and over gets in every lane what it had not acknowledged, and nothing twice. */
static void test_consumers_killed(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct lane_party party = {.name = test_name(name, "phoenix"), .id = "phoenix"};
    myl_frame_producer *producer[LANES];
    uint64_t next[LANES] = {0}, sent = 0;
    for (uint32_t i = 0; i < LANES; i++) {
        myl_frame_producer_options o = lane_options(NULL);
        o.ring_bytes = 1 << 20;
        producer[i] = open_frames(name, &o);
    }
    for (int round = 0; round < 12; round++) {
        test_child child;
        for (uint32_t i = 0; i < LANES; i++) {
            for (uint32_t k = 0; k < 6 + i; k++, sent++)
                send_next(producer[i]);
        }
        test_spawn(&child, consume, &party);
        for (uint32_t i = 0; i < LANES; i++)
            test_tell(&child.peer, next[i]);
        uint64_t count = 15, total = 0;
        test_tell(&child.peer, count);
        for (uint32_t i = 0; i < LANES; i++)
            total += (next[i] = test_hear(&child.peer));
        assert_int_equal(total, (uint64_t)(round + 1) * count);
        test_hear_value(&child.peer, 4);
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

/* A dead consumer holds all lanes up, and is given up in all of them. */
static void test_evicted_from_all_lanes(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct lane_party party = {.name = test_name(name, "evicted"), .id = "dead"};
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
    test_spawn(&child, consume, &party);
    for (uint32_t i = 0; i < LANES; i++)
        test_tell(&child.peer, 0);
    test_tell(&child.peer, 0);
    for (uint32_t i = 0; i < LANES; i++)
        test_hear_value(&child.peer, 0);
    test_hear_value(&child.peer, 4);
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

/* --- sleeping ---------------------------------------------------------------------------------------------------- */

enum { ROUNDS = 1500 };

/* Sleeps whenever it can; nobody but a publisher wakes it. */
static int consume_asleep(test_peer *parent, void *argument)
{
    const struct lane_party *party = argument;
    myl_frame_consumer_options o = frame_reader(party->id);
    o.ring.wait.strategy = MYL_WAIT_BLOCK;
    o.ring.liveness_ns = MYL_SEC(60);
    struct reader reader = {0};
    test_ok(myl_frame_consumer_open(&reader.consumer, party->name, &o));
    test_tell(parent, 0);
    int rc;
    while ((rc = read_one(&reader, MYL_FOREVER)) == MYL_OK)
        ;
    assert_int_equal(rc, MYL_ECLOSED);
    for (uint32_t i = 0; i < LANES; i++)
        test_tell(parent, reader.next[i]);
    myl_frame_consumer_close(reader.consumer);
    return 0;
}

/* Publishes one at a time, and waits until it is read. */
static int produce_in_step(test_peer *parent, void *argument)
{
    const struct lane_party *party = argument;
    myl_frame_producer_options o = lane_options(party->lane);
    o.ring.liveness_ns = MYL_SEC(60);
    myl_frame_producer *producer = open_frames(party->name, &o);
    test_tell(parent, lane_of(producer));
    (void)test_hear(parent);
    for (int i = 0; i < ROUNDS; i++) {
        send_next(producer);
        test_ok(myl_frame_producer_wait_consumed(producer, MYL_SEC(15)));
    }
    myl_frame_producer_close(producer);
    return 0;
}

static void test_any_lane_wakes(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct lane_party party[LANES], eater = {.name = test_name(name, "wakes"), .id = "r"};
    static const char *const ids[LANES] = {"a", "b", "c"};
    myl_frame_producer *producer[LANES];
    test_child child[LANES], consumer;
    for (uint32_t i = 0; i < LANES; i++) {
        myl_frame_producer_options o = lane_options(ids[i]);
        producer[i] = open_frames(name, &o);
    }
    start(&consumer, consume_asleep, &eater, 0);
    for (uint64_t i = 0; i < 200; i++) { /* asleep in the kernel, and woken by one lane or another */
        if (i % 10 == 0)
            test_until(test_is_asleep, &consumer.pid, "the consumer sleeps");
        send_next(producer[i % LANES]);
        test_ok(myl_frame_producer_wait_consumed(producer[i % LANES], MYL_SEC(15)));
    }
    for (uint32_t i = 0; i < LANES; i++)
        myl_frame_producer_leave(producer[i]);
    for (uint32_t i = 0; i < LANES; i++) { /* all at once: a wake-up that is lost stops one of them for good */
        party[i] = (struct lane_party){.name = name, .lane = ids[i]};
        start(&child[i], produce_in_step, &party[i], i);
    }
    for (uint32_t i = 0; i < LANES; i++)
        test_tell(&child[i].peer, 1);
    for (uint32_t i = 0; i < LANES; i++)
        test_expect_exit(&child[i], 0);
    uint64_t total = 0;
    for (uint32_t i = 0; i < LANES; i++)
        total += test_hear(&consumer.peer);
    assert_int_equal(total, 200 + LANES * ROUNDS);
    test_expect_exit(&consumer, 0);
    assert_int_equal(ring_exists(name), 0);
}

/* --- everybody killed ------------------------------------------------------------------------------------------- */

static uint64_t *handled; /* shared: how many messages of each lane the consumer has handled */

/* Reads for ever, and notes in shared memory what it handles before it acknowledges it: so one message of a lane may
 * come again to who is started after a kill, and none is missing. */
static int consume_and_note(test_peer *parent, void *argument)
{
    const struct lane_party *party = argument;
    struct reader reader = {.consumer = open_frame_consumer(party->name, party->id)};
    int again[LANES] = {1, 1, 1};
    test_tell(parent, 0);
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

static void test_everybody_killed(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    static const char *const ids[LANES] = {"a", "b", "c"};
    struct lane_party party[LANES], eater = {.name = test_name(name, "everybody"), .id = "r"};
    test_child child[LANES], consumer;
    handled = mmap(NULL, LANES * sizeof *handled, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(handled != MAP_FAILED);
    most = 900; /* without fragments no number is given up */
    for (uint32_t i = 0; i < LANES; i++) {
        party[i] = (struct lane_party){.name = name, .lane = ids[i]};
        start(&child[i], produce, &party[i], i);
        test_tell(&child[i].peer, 0);
    }
    start(&consumer, consume_and_note, &eater, 0);
    for (unsigned round = 0; round < 80; round++) {
        uint64_t goal = sum_handled() + 50 + round * 37 % 400;
        test_until(has_handled, &goal, "messages");
        if (round % 2 == 0) {
            test_kill(&consumer);
            start(&consumer, consume_and_note, &eater, 0);
        } else {
            uint32_t victim = round / 2 % LANES;
            test_kill(&child[victim]);
            start(&child[victim], produce, &party[victim], victim);
            test_tell(&child[victim].peer, 0);
        }
    }
    for (uint32_t i = 0; i < LANES; i++)
        test_kill(&child[i]);
    test_until(has_read_all, name, "all is read");
    test_kill(&consumer);
    for (uint32_t i = 0; i < LANES; i++) {
        myl_frame_producer_options o = lane_options(ids[i]);
        myl_frame_producer *producer = open_frames(name, &o);
        assert_int_equal(myl_frame_producer_messages(producer), handled[i]);
        myl_frame_producer_close(producer);
    }
    most = MOST;
    assert_int_equal(munmap(handled, LANES * sizeof *handled), 0);
    assert_int_equal(ring_exists(name), 0); /* every lane ended, and the dead one had read all */
}

/* --- fork -------------------------------------------------------------------------------------------------------- */

/* The parent's handle in a fork child: every call is refused, and its end is nobody else's. */
static int use_the_parents(test_peer *parent, void *argument)
{
    struct reader *reader = argument;
    myl_message message;
    char id[MYL_ID_MAX + 1], byte;
    myl_peer peer;
    test_code(MYL_EFORKED, myl_frame_consumer_next(reader->consumer, &message, MYL_FOREVER));
    test_code(MYL_EFORKED, myl_frame_consumer_get(reader->consumer, &byte, 1, &message, MYL_TRY));
    test_code(MYL_EFORKED, myl_frame_consumer_release(reader->consumer));
    test_code(MYL_EFORKED, myl_frame_consumer_lane(reader->consumer, 0, id));
    test_code(MYL_EFORKED, myl_frame_consumer_peer(reader->consumer, &peer));
    assert_int_equal(myl_frame_consumer_end_of_batch(reader->consumer), 1);
    myl_frame_consumer_rewind(reader->consumer);
    myl_frame_consumer_interrupt(reader->consumer);
    myl_frame_consumer_busy(reader->consumer, "nothing", 0);
    myl_frame_consumer_close(reader->consumer);
    test_tell(parent, 1);
    return 0;
}

static void test_fork(void **state)
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
    test_spawn(&child, use_the_parents, &reader);
    test_hear_value(&child.peer, 1);
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

/* --- many at once ------------------------------------------------------------------------------------------------ */

static int open_and_tell(test_peer *parent, void *argument)
{
    const struct lane_party *party = argument;
    (void)test_hear(parent);
    myl_frame_producer_options o = lane_options(party->lane);
    myl_frame_producer *producer = NULL;
    int rc = myl_frame_producer_open(&producer, party->name, &o);
    test_tell(parent, rc == MYL_OK ? lane_of(producer) : (uint64_t)-rc);
    (void)test_hear(parent);
    myl_frame_producer_close(producer);
    return 0;
}

/* Everybody makes the ring, or finds it, at the same moment: as many as there are lanes get one, each another. */
static void test_a_rush(void **state)
{
    (void)state;
    enum { MANY = LANES + 2 };
    for (int round = 0; round < 30; round++) {
        char name[TEST_NAME_SIZE];
        struct lane_party party = {.name = test_name(name, "rush")};
        test_child child[MANY];
        unsigned taken[LANES] = {0}, refused = 0;
        for (int i = 0; i < MANY; i++)
            test_spawn(&child[i], open_and_tell, &party);
        for (int i = 0; i < MANY; i++)
            test_tell(&child[i].peer, 1);
        for (int i = 0; i < MANY; i++) {
            uint64_t answer = test_hear(&child[i].peer);
            if (answer < LANES)
                taken[answer]++;
            else
                refused += answer == (uint64_t)-MYL_ELANES;
        }
        for (int i = 0; i < LANES; i++)
            assert_int_equal(taken[i], 1);
        assert_int_equal(refused, MANY - LANES);
        for (int i = 0; i < MANY; i++)
            test_tell(&child[i].peer, 1);
        for (int i = 0; i < MANY; i++)
            test_expect_exit(&child[i], 0);
        assert_int_equal(ring_exists(name), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_producers_killed),
        cmocka_unit_test(test_death_is_told_once),
        cmocka_unit_test(test_stopped_within_a_claim),
        cmocka_unit_test(test_consumers_killed),
        cmocka_unit_test(test_evicted_from_all_lanes),
        cmocka_unit_test(test_everybody_killed),
        cmocka_unit_test(test_any_lane_wakes),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_a_rush),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
