/* SPDX-License-Identifier: MIT
 * Exact sizes: the largest value that fits is accepted, and one more is refused. */
#include <fcntl.h>
#include <sys/mman.h>

#include "os/os.h"
#include "segment/layout.h"
#include "unit/lanes.h"

/* Publishes until there is no room. Returns the number of events that fitted. */
static uint64_t fill(myl_producer *producer, uint64_t from, uint64_t most)
{
    uint64_t count = 0;
    void *event;
    int rc;
    while ((rc = myl_producer_claim(producer, &event, MYL_TRY)) == MYL_OK && count < most) {
        event_fill(event, from + count);
        myl_producer_publish(producer);
        count++;
    }
    assert_int_equal(rc, MYL_EAGAIN);
    return count;
}

static void ring_without_consumers_takes_exactly_its_capacity(void **state)
{
    (void)state;
    for (uint64_t capacity = 2; capacity <= 64; capacity *= 2) {
        char name[TEST_NAME_SIZE];
        myl_producer_options o = producer_options(capacity);
        myl_producer *producer = open_producer(test_name(name, "capacity"), &o);
        assert_int_equal(fill(producer, 0, 2 * capacity), capacity);
        myl_consumer *consumer = open_consumer(name, "c");
        take_many(consumer, 0, 1);
        assert_int_equal(fill(producer, capacity, 2), 1);
        take_many(consumer, 1, capacity);
        myl_producer_close(producer);
        myl_consumer_close(consumer);
    }
}

static void buffer_without_consumers_takes_exactly_its_size(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1, 3, 4, 7, 8};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char name[TEST_NAME_SIZE];
        myl_producer_options o = producer_options(8);
        o.ring.no_consumers = MYL_NO_CONSUMERS_BUFFER;
        o.ring.buffer = sizes[i];
        myl_producer *producer = open_producer(test_name(name, "buffer"), &o);
        assert_int_equal(fill(producer, 0, 16), sizes[i]);
        myl_consumer *consumer = open_consumer(name, "c"); /* with a consumer the limit is the capacity */
        assert_int_equal(fill(producer, sizes[i], 16), 8 - sizes[i]);
        take_many(consumer, 0, 8);
        myl_producer_close(producer);
        myl_consumer_close(consumer);
    }
}

/* The sequence of the oldest event that a late joiner gets. */
static uint64_t oldest(const char *name)
{
    myl_consumer_options o = {.size = sizeof o, .ring = {.id = "late", .start = MYL_START_OLDEST}};
    myl_consumer *consumer = open_consumer_with(name, &o);
    myl_joined joined = {.size = sizeof joined};
    test_ok(myl_consumer_joined(consumer, &joined));
    const void *event;
    test_ok(myl_consumer_next(consumer, &event, MYL_TRY));
    expect_event(event, (uint64_t)myl_consumer_last_leased(consumer));
    uint64_t first = (uint64_t)myl_consumer_last_leased(consumer);
    test_ok(myl_consumer_release(consumer));
    myl_consumer_close(consumer);
    return first;
}

/* Overwriting frees an eighth of the ring at a time: seven eighths stay readable. */
static void overwriting_frees_an_eighth_at_a_time(void **state)
{
    (void)state;
    for (uint64_t capacity = 4; capacity <= 64; capacity *= 4) {
        uint64_t eighth = capacity / 8 > 0 ? capacity / 8 : 1;
        for (uint64_t published = capacity; published <= capacity + 2 * eighth + 2; published++) {
            char name[TEST_NAME_SIZE];
            myl_producer_options o = producer_options(capacity);
            o.ring.no_consumers = MYL_NO_CONSUMERS_OVERWRITE;
            myl_producer *producer = open_producer(test_name(name, "eighth"), &o);
            put_many(producer, 0, published);
            uint64_t least = published - capacity;
            uint64_t steps = (least + eighth) / (eighth + 1);
            assert_int_equal(oldest(name), steps * (eighth + 1));
            myl_producer_close(producer);
        }
    }
}

/* Claims `count` events as spans, and publishes them together. */
static int put_batch(myl_producer *producer, uint64_t from, uint64_t count)
{
    for (uint64_t done = 0; done < count;) {
        myl_span span;
        int rc = myl_producer_claim_span(producer, count - done, &span, MYL_TRY);
        if (rc != MYL_OK)
            return rc;
        assert_int_equal(span.sequence, from + done);
        for (uint64_t i = 0; i < span.count; i++)
            event_fill((char *)span.event + i * span.stride, from + done + i);
        done += span.count;
    }
    myl_producer_publish(producer);
    return MYL_OK;
}

static void largest_batch_is_the_capacity(void **state)
{
    (void)state;
    for (uint32_t cell = 0; cell <= 256; cell += 256) {
        char name[TEST_NAME_SIZE];
        uint64_t next = 0, step = cell == 0 ? 1 : 5; /* a batch begins at a cell */
        myl_producer_options o = producer_options(cell == 0 ? 8 : 20);
        o.config.packed_cell = cell;
        myl_producer *producer = open_producer(test_name(name, "batch"), &o);
        myl_consumer *consumer = open_consumer(name, "c");
        for (uint64_t offset = 0; offset < o.config.capacity; offset += step) {
            test_code(MYL_ETOOBIG, put_batch(producer, next, o.config.capacity + 1));
            test_ok(put_batch(producer, next, o.config.capacity));
            test_code(MYL_EAGAIN, put_batch(producer, next + o.config.capacity, 1));
            take_many(consumer, next, o.config.capacity);
            next += o.config.capacity;
            put_many(producer, next, step); /* the next batch begins at another position of the ring */
            take_many(consumer, next, step);
            next += step;
        }
        myl_producer_close(producer);
        myl_consumer_close(consumer);
    }
}

/* --- observers ------------------------------------------------------------------------------------------------- */

static void observer_writes_nothing_beyond_the_buffer(void **state)
{
    (void)state;
    static const size_t sizes[] =
        {0, 1, 7, 8, 13, sizeof(struct event) - 1, sizeof(struct event), sizeof(struct event) + 5};
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(16);
    o.ring.no_consumers = MYL_NO_CONSUMERS_OVERWRITE;
    myl_producer *producer = open_producer(test_name(name, "guard"), &o);
    myl_consumer_options from = {.size = sizeof from, .ring.start = MYL_START_OLDEST};
    myl_observer *observer = NULL;
    test_ok(myl_observer_open(&observer, name, &from));
    for (uint64_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct event wanted;
        unsigned char got[2 * sizeof wanted];
        uint64_t lost;
        size_t copied = sizes[i] < sizeof wanted ? sizes[i] : sizeof wanted;
        put(producer, i, MYL_TRY);
        event_fill(&wanted, i);
        memset(got, 0xa5, sizeof got);
        test_ok(myl_observer_get(observer, got, sizes[i], &lost, MYL_TRY));
        assert_memory_equal(got, &wanted, copied);
        for (size_t k = copied; k < sizeof got; k++)
            assert_int_equal(got[k], 0xa5);
    }
    myl_observer_close(observer);
    myl_producer_close(producer);
}

/* --- readers of messages ------------------------------------------------------------------------------------ */

struct received {
    uint64_t count, most;
};

static int take_some(const myl_message *message, void *user)
{
    struct received *received = user;
    expect_message(message, received->count, message->length);
    return ++received->count > received->most;
}

/* Messages that the handler has read make room for the next one: a drain of more than the ring holds ends with the last
 * message. */
static void drain_takes_messages_that_fill_the_ring(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(65536, 0);
    myl_frame_producer *producer = open_frames(test_name(name, "drain"), &o);
    myl_frame_consumer *consumer = open_frame_consumer(name, "c");
    struct received received = {.most = UINT64_MAX};
    uint64_t sent = 0, handled = 0, total = 0;
    for (int round = 0; round < 10; round++) {
        unsigned char data[20000];
        for (;; sent++) {
            frame_fill(data, sent, sizeof data);
            int rc = myl_frame_producer_publish(producer, data, sizeof data, (uint8_t)sent, MYL_TRY);
            if (rc == MYL_EAGAIN)
                break;
            test_ok(rc);
        }
        test_ok(myl_frame_consumer_drain(consumer, 0, take_some, &received, &handled, MYL_TRY));
        total += handled;
        assert_int_equal(total, sent);
    }
    assert_int_equal(received.count, sent);
    myl_frame_producer_close(producer);
    myl_frame_consumer_close(consumer);
}

struct quarters {
    myl_frame_consumer *consumer;
    uint64_t count, quarter, wrong;
};

static int check_quarter(const myl_message *message, void *user)
{
    struct quarters *quarters = user;
    (void)message;
    myl_sequence begin = (myl_sequence)(quarters->count++ / quarters->quarter * quarters->quarter);
    quarters->wrong += myl_consumer_last_acknowledged(myl_frame_consumer_ring(quarters->consumer)) != begin - 1;
    return 0;
}

/* The producer gets room in quarters of the ring, not at the end of the drain. */
static void drain_releases_each_quarter_of_the_ring(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(65536, 0);
    myl_frame_producer *producer = open_frames(test_name(name, "quarter"), &o);
    myl_frame_consumer *consumer = open_frame_consumer(name, "c");
    myl_info info = {.size = sizeof info};
    test_ok(myl_producer_info(myl_frame_producer_ring(producer), &info));
    struct quarters quarters = {.consumer = consumer, .quarter = info.capacity / 4};
    uint64_t handled;
    for (uint64_t i = 0; i + 1 < info.capacity; i++) /* of one cell each */
        test_ok(myl_frame_producer_publish(producer, &i, sizeof i, 0, MYL_TRY));
    test_ok(myl_frame_consumer_drain(consumer, 0, check_quarter, &quarters, &handled, MYL_TRY));
    assert_int_equal(handled, info.capacity - 1);
    assert_int_equal(quarters.wrong, 0);
    myl_frame_producer_close(producer);
    myl_frame_consumer_close(consumer);
}

/* Expects the next `count` messages from this lane, and releases them. */
static void expect_turn(myl_frame_consumer *consumer, uint32_t lane, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        myl_message message;
        test_ok(myl_frame_consumer_next(consumer, &message, MYL_TRY));
        if (message.lane != lane)
            test_fail("message %u of %u is of lane %u, expected %u", i, count, (unsigned)message.lane, (unsigned)lane);
    }
    test_ok(myl_frame_consumer_release(consumer));
}

/* A lane's turn ends after 16 messages, or 64 KiB if that comes first. Then the next lane with messages has its
 * turn. */
static void lanes_take_turns_of_exact_length(void **state)
{
    (void)state;
    static unsigned char data[127 * 64];
    static const struct {
        size_t bytes;
        unsigned turn;
    } cases[] = {{8, 16}, {63 * 64, 16}, {67 * 64, 16}, {68 * 64, 15}, {126 * 64, 9}, {127 * 64, 8}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[TEST_NAME_SIZE];
        myl_frame_producer *lane[2];
        myl_frame_producer_options o = lane_options(2, "a");
        o.config.ring_bytes = 1 << 20;
        test_name(name, "turns");
        lane[0] = open_frames(name, &o);
        o.lane = "b";
        lane[1] = open_frames(name, &o);
        myl_frame_consumer *consumer = open_frame_consumer(name, "c");
        for (unsigned k = 0; k < 80; k++)
            test_ok(myl_frame_producer_publish(lane[k % 2], data, cases[i].bytes, 0, MYL_TRY));
        expect_turn(consumer, 0, cases[i].turn);
        expect_turn(consumer, 1, cases[i].turn);
        expect_turn(consumer, 0, cases[i].turn);
        for (unsigned k = 0; k < 2; k++)
            myl_frame_producer_close(lane[k]);
        myl_frame_consumer_close(consumer);
    }
}

static unsigned char *map_all(const char *name, struct myl_header *head)
{
    char path[TEST_NAME_SIZE + 16];
    snprintf(path, sizeof path, "/dev/shm/%s", name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, head, sizeof *head, 0), sizeof *head);
    unsigned char *all = mmap(NULL, head->segment_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(all != MAP_FAILED);
    close(fd);
    return all;
}

/* docs/frames.md: epoch << 40 | number, total, offset, after the record's header. */
static void fragment_headers_match_the_format(void **state)
{
    (void)state;
    static unsigned char data[3000];
    char name[TEST_NAME_SIZE];
    struct myl_header head;
    myl_frame_producer_options o = frame_options(65536, 1024);
    myl_frame_producer_leave(open_frames(test_name(name, "format"), &o));
    myl_frame_producer *producer = open_frames(name, &o); /* the second: epoch 2 */
    for (int i = 0; i < 2; i++)
        test_ok(myl_frame_producer_publish(producer, data, sizeof data, 7, MYL_TRY));
    unsigned char *all = map_all(name, &head);
    const unsigned char *at = all + head.data_offset;
    for (uint64_t message = 1; message <= 2; message++) {
        for (uint64_t offset = 0; offset < sizeof data;) {
            struct {
                uint64_t stamp, head_word, id, total, offset;
            } record;
            memcpy(&record, at, sizeof record);
            uint64_t length = record.head_word & UINT32_MAX;
            uint64_t flags = offset == 0 ? MYL_RECORD_FIRST : offset + length == sizeof data ? MYL_RECORD_LAST : 0;
            assert_int_equal(record.stamp, ((uint64_t)(at - all) - head.data_offset) / 64 + 1);
            assert_int_equal(record.head_word >> 32, (flags | MYL_RECORD_FAR) << 8 | 7);
            assert_int_equal(record.id, UINT64_C(2) << 40 | message);
            assert_int_equal(record.total, sizeof data);
            assert_int_equal(record.offset, offset);
            assert_true(length > 0);
            offset += length;
            at += 64 * (1 + (length + 63) / 64);
        }
    }
    munmap(all, head.segment_bytes);
    myl_frame_producer_leave(producer);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

struct evicted {
    struct myl_participant *entry;
};

static int evict_meanwhile(const myl_message *message, void *user)
{
    (void)message;
    ((struct evicted *)user)->entry->generation.v++; /* as an eviction does */
    return 0;
}

static void drain_reports_that_its_release_failed(void **state)
{
    (void)state;
    for (uint64_t most = 0; most < 2; most++) {
        char name[TEST_NAME_SIZE];
        struct myl_header head;
        uint64_t handled = 99;
        myl_frame_producer_options o = frame_options(65536, 0);
        myl_frame_producer *producer = open_frames(test_name(name, "evicted"), &o);
        myl_frame_consumer *consumer = open_frame_consumer(name, "c");
        send_text(producer, "text");
        unsigned char *all = map_all(name, &head);
        struct myl_control *control = (struct myl_control *)(void *)(all + head.control_offset);
        struct evicted evicted = {.entry = (struct myl_participant *)(void *)(control + 1) + 1};
        test_code(MYL_EEVICTED, myl_frame_consumer_drain(consumer, most, evict_meanwhile, &evicted, &handled, MYL_TRY));
        assert_int_equal(handled, 0);
        munmap(all, head.segment_bytes);
        myl_frame_consumer_close(consumer);
        myl_frame_producer_close(producer);
        test_ok(myl_remove(name, MYL_BACKEND_SHM, 1));
    }
}

static void ring_of_messages_is_half_the_cache_by_default(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(0, 0);
    myl_frame_producer *producer = open_frames(test_name(name, "cache"), &o);
    myl_info info = {.size = sizeof info};
    test_ok(myl_producer_info(myl_frame_producer_ring(producer), &info));
    uint64_t half = myl_os_cache_bytes() / 2, least = (uint64_t)1 << 20;
    uint64_t wanted = half > least ? half : least;
    assert_int_equal(info.capacity * 64, (wanted + 65535) / 65536 * 65536);
    myl_frame_producer_close(producer);
}

/* An activity notice of a consumer of all lanes is stored in every lane; one of an observer of one lane only in
 * that. */
static void activity_reaches_every_lane(void **state)
{
    (void)state;
    for (uint32_t lanes = 1; lanes <= 3; lanes += 2) {
        char name[TEST_NAME_SIZE];
        myl_frame_producer *producer = open_lane(test_name(name, "activity"), lanes, lanes == 1 ? NULL : "a");
        myl_frame_consumer *consumer = open_frame_consumer(name, "c");
        for (int on = 1; on >= 0; on--) {
            myl_frame_consumer_set_activity(consumer, on ? "indexing" : NULL, MYL_SEC(100));
            for (uint32_t lane = 0; lane < lanes; lane++) {
                myl_diagnosis *diagnosis;
                test_ok(myl_diagnose_lane(name, MYL_BACKEND_SHM, lane, 0, &diagnosis));
                assert_int_equal(diagnosis->participants, 2);
                assert_string_equal(diagnosis->participant[1].activity, on ? "indexing" : "");
                assert_int_equal(diagnosis->participant[1].activity_left_ns > MYL_SEC(50), on);
                myl_diagnosis_free(diagnosis);
            }
        }
        myl_frame_producer_close(producer);
        myl_frame_consumer_close(consumer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_without_consumers_takes_exactly_its_capacity),
        cmocka_unit_test(buffer_without_consumers_takes_exactly_its_size),
        cmocka_unit_test(overwriting_frees_an_eighth_at_a_time),
        cmocka_unit_test(largest_batch_is_the_capacity),
        cmocka_unit_test(observer_writes_nothing_beyond_the_buffer),
        cmocka_unit_test(drain_takes_messages_that_fill_the_ring),
        cmocka_unit_test(drain_releases_each_quarter_of_the_ring),
        cmocka_unit_test(lanes_take_turns_of_exact_length),
        cmocka_unit_test(fragment_headers_match_the_format),
        cmocka_unit_test(drain_reports_that_its_release_failed),
        cmocka_unit_test(ring_of_messages_is_half_the_cache_by_default),
        cmocka_unit_test(activity_reaches_every_lane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
