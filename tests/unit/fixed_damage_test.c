/* SPDX-License-Identifier: MIT
 * Messages in fixed frames in a damaged ring, and their exact sizes. Each condition of a header is violated alone.
 * Memory is written up to its limit only. Checks when events are acknowledged. */
#include "unit/frames.h"

#define PAYLOAD  96
#define CAPACITY 8
#define ROOM     (CAPACITY * PAYLOAD)
#define GUARD    0xa5

struct fixed {
    char name[TEST_NAME_SIZE];
    myl_producer *producer;
    myl_consumer *consumer;
    myl_reassembly parts;
    unsigned char memory[3 * ROOM];
    unsigned char bytes[3 * ROOM];
};

static void open_fixed_of(struct fixed *f, uint64_t capacity)
{
    memset(f, 0, sizeof *f);
    myl_producer_options o = producer_options(capacity);
    o.config.event_size = MYL_FIXED_FRAME_SIZE(PAYLOAD);
    o.config.event_align = 16;
    f->producer = open_producer(test_name(f->name, "fixed"), &o);
    f->consumer = open_consumer(f->name, "c");
    memset(f->memory, GUARD, sizeof f->memory);
    f->parts = (myl_reassembly){.data = f->memory, .room = ROOM};
}

static void open_fixed(struct fixed *f)
{
    open_fixed_of(f, CAPACITY);
}

/* Checks that no byte after the given memory was written, and closes. */
static void close_fixed(struct fixed *f)
{
    for (size_t i = (size_t)f->parts.room; i < sizeof f->memory; i++)
        assert_int_equal(f->memory[i], GUARD);
    myl_consumer_close(f->consumer);
    myl_producer_close(f->producer);
}

static int receive(struct fixed *f, myl_message *message)
{
    return myl_recv_fixed_frames(f->consumer, &f->parts, message, MYL_TRY);
}

static void expect_none(struct fixed *f, int code)
{
    myl_message message;
    test_code(code, receive(f, &message));
}

static int send(struct fixed *f, uint64_t number, size_t length)
{
    frame_fill(f->bytes, number, length);
    return myl_publish_fixed_frames(f->producer, f->bytes, length, (uint8_t)number, MYL_TRY);
}

static void expect_got(struct fixed *f, uint64_t number, uint64_t length)
{
    myl_message message;
    test_ok(receive(f, &message));
    assert_int_equal(message.length, length);
    assert_int_equal(message.kind, number & 255);
    assert_int_equal(message.fragments, length == 0 ? 1 : (length + PAYLOAD - 1) / PAYLOAD);
    expect_bytes(message.data, number, length);
}

/* Publishes a frame with this header. */
static void put_frame(struct fixed *f, myl_fixed_frame frame)
{
    void *event;
    test_ok(myl_producer_claim(f->producer, &event, MYL_TRY));
    memset(event, 0, MYL_FIXED_FRAME_SIZE(PAYLOAD));
    memcpy(event, &frame, sizeof frame);
    myl_producer_publish(f->producer);
}

/* Number of acknowledged events. */
static uint64_t acknowledged(const struct fixed *f)
{
    return (uint64_t)(myl_consumer_last_acknowledged(f->consumer) + 1);
}

/* --- impossible headers ------------------------------------------------------------------------------------------- */

enum { FIRST = MYL_FRAME_FIRST, LAST = MYL_FRAME_LAST, ABORTED = MYL_FRAME_ABORTED };

/* Each header is at event 1, after a message of one frame, so a message may have begun at event 0. One condition is
 * violated, the others hold. */
static void each_clause_of_a_header_counts_alone(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        myl_fixed_frame frame;
    } wrong[] = {
        {"longer than an event", {.len = 97, .flags = FIRST | LAST, .msg_id = 1, .total = 97}},
        {"much longer", {.len = UINT32_MAX, .flags = FIRST | LAST, .msg_id = 1, .total = UINT32_MAX}},
        {"longer, in the middle", {.len = 97, .msg_id = 0, .total = 400, .offset = 96}},
        {"of a later message", {.len = 96, .msg_id = 2, .total = 300, .offset = 96}},
        {"of a message far ahead", {.len = 96, .msg_id = UINT64_MAX - 1, .total = 300, .offset = 96}},
        {"after the end", {.len = 10, .msg_id = 0, .total = 50, .offset = 51}},
        {"far after the end", {.len = 10, .msg_id = 0, .total = 50, .offset = UINT64_MAX - 96}},
        {"beyond the end", {.len = 20, .msg_id = 0, .total = 50, .offset = 40}},
        {"a byte beyond the end", {.len = 11, .msg_id = 0, .total = 50, .offset = 40}},
        {"a word that is not 0", {.len = 10, .flags = FIRST | LAST, .msg_id = 1, .total = 10, .reserved = 1}},
        {"another word", {.len = 10, .flags = FIRST | LAST, .msg_id = 1, .total = 10, .reserved = 0x8000}},
        {"aborted, with bytes", {.len = 1, .flags = ABORTED, .msg_id = 0, .total = 50}},
        {"aborted, and first", {.len = 10, .flags = ABORTED | FIRST, .msg_id = 1, .total = 50}},
        {"aborted, and last", {.len = 10, .flags = ABORTED | LAST, .msg_id = 0, .total = 50, .offset = 40}},
        {"an unknown flag", {.len = 10, .flags = FIRST | LAST | 4, .msg_id = 1, .total = 10}},
        {"only an unknown flag", {.len = 10, .flags = 4, .msg_id = 0, .total = 50, .offset = 10}},
        {"the highest flag", {.len = 10, .flags = 128 | FIRST | LAST, .msg_id = 1, .total = 10}},
        {"first, of another message", {.len = 10, .flags = FIRST | LAST, .msg_id = 0, .total = 10}},
        {"not first, of its own message", {.len = 10, .flags = LAST, .msg_id = 1, .total = 20, .offset = 10}},
        {"first, not at 0", {.len = 10, .flags = FIRST, .msg_id = 1, .total = 50, .offset = 10}},
        {"at 0, not first", {.len = 10, .msg_id = 0, .total = 50}},
        {"last, and incomplete", {.len = 10, .flags = FIRST | LAST, .msg_id = 1, .total = 11}},
        {"last in the middle", {.len = 10, .flags = LAST, .msg_id = 0, .total = 50, .offset = 10}},
        {"complete, and not last", {.len = 10, .flags = FIRST, .msg_id = 1, .total = 10}},
        {"the end, and not last", {.len = 10, .msg_id = 0, .total = 50, .offset = 40}},
        {"empty, with a length", {.flags = FIRST, .msg_id = 1, .total = 50}},
        {"empty in the middle", {.msg_id = 0, .total = 50, .offset = 10}},
        {"empty at the end", {.flags = LAST, .msg_id = 0, .total = 50, .offset = 50}},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct fixed f;
        myl_message message;
        char text[96];
        const myl_fixed_frame *frame = &wrong[i].frame;
        open_fixed(&f);
        test_ok(send(&f, 1, 10));
        expect_got(&f, 1, 10);
        test_ok(myl_consumer_release(f.consumer));
        put_frame(&f, *frame);
        int rc = receive(&f, &message);
        if (rc != MYL_ECORRUPT)
            test_fail("%s: %s", wrong[i].what, rc == MYL_OK ? "success" : myl_errname(rc));
        snprintf(text, sizeof text, "event 1 is not a frame: %u bytes, flags %u, message %llu", (unsigned)frame->len,
                 (unsigned)frame->flags, (unsigned long long)frame->msg_id);
        expect_detail(text);
        assert_int_equal(acknowledged(&f), 1);
        assert_int_equal(f.parts.skipped, 0);
        close_fixed(&f);
    }
}

/* The same headers within their limits. */
static void headers_at_their_limits_are_accepted(void **state)
{
    (void)state;
    static const struct {
        myl_fixed_frame frame;
        int code;
    } right[] = {
        {{.len = 96, .flags = FIRST | LAST, .msg_id = 1, .total = 96}, MYL_OK},
        {{.len = 0, .flags = FIRST | LAST, .msg_id = 1}, MYL_OK},
        {{.len = 1, .flags = FIRST | LAST, .msg_id = 1, .total = 1}, MYL_OK},
        {{.len = 96, .flags = FIRST, .msg_id = 1, .total = 97}, MYL_EAGAIN},
        {{.len = 10, .flags = LAST, .msg_id = 0, .total = 50, .offset = 40}, MYL_EAGAIN},
        {{.len = 9, .flags = 0, .msg_id = 0, .total = 50, .offset = 40}, MYL_EAGAIN},
        {{.len = 0, .flags = ABORTED, .msg_id = 0, .total = 50, .offset = 50}, MYL_EAGAIN},
        {{.len = 0, .flags = ABORTED, .msg_id = 1, .total = 50}, MYL_EAGAIN},
    };
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        struct fixed f;
        myl_message message;
        open_fixed(&f);
        test_ok(send(&f, 1, 10));
        expect_got(&f, 1, 10);
        test_ok(myl_consumer_release(f.consumer));
        put_frame(&f, right[i].frame);
        test_code(right[i].code, receive(&f, &message));
        int counts = right[i].code == MYL_EAGAIN && (right[i].frame.flags & (FIRST | ABORTED)) == 0;
        assert_int_equal(f.parts.skipped, counts); /* the rest of a message whose first frame was not read */
        close_fixed(&f);
    }
}

/* A frame that continues a message must have the expected offset and the same length. */
static void next_frame_must_follow_the_last(void **state)
{
    (void)state;
    static const struct {
        uint64_t total, offset;
    } wrong[] = {{299, 96}, {301, 96}, {300, 95}, {300, 97}, {300, 192}, {300, 1}, {UINT64_MAX, 96}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct fixed f;
        char text[96];
        open_fixed(&f);
        put_frame(&f, (myl_fixed_frame){.len = 96, .flags = FIRST, .total = 300});
        expect_none(&f, MYL_EAGAIN);
        put_frame(&f, (myl_fixed_frame){.len = 50, .total = wrong[i].total, .offset = wrong[i].offset});
        expect_none(&f, MYL_ECORRUPT);
        snprintf(text, sizeof text, "a frame says byte %llu of %llu, and 96 of 300 are there",
                 (unsigned long long)wrong[i].offset, (unsigned long long)wrong[i].total);
        expect_detail(text);
        for (size_t k = 96; k < sizeof f.memory; k++)
            assert_int_equal(f.memory[k], GUARD);
        close_fixed(&f);
    }
}

/* --- exact sizes -----------------------------------------------------------------------------------------------------
 * */

static void message_up_to_the_size_of_the_memory_is_accepted(void **state)
{
    (void)state;
    for (uint64_t room = 97; room <= 300; room += 29) {
        struct fixed f;
        char text[96];
        open_fixed(&f);
        f.parts.room = room;
        for (uint64_t round = 0; round < 3; round++) {
            test_ok(send(&f, round, room + 1));
            expect_none(&f, MYL_ETOOBIG);
            snprintf(text, sizeof text, "a message of %d bytes is longer than the reassembly memory, %d", (int)room + 1,
                     (int)room);
            expect_detail(text);
            test_ok(send(&f, round, room));
            expect_got(&f, round, room);
            test_ok(myl_consumer_release(f.consumer));
            test_ok(send(&f, round, 1)); /* the next round begins at another position */
            expect_got(&f, round, 1);
            test_ok(myl_consumer_release(f.consumer));
        }
        assert_int_equal(f.parts.skipped, 0);
        close_fixed(&f);
    }
}

static void message_takes_no_more_events_than_it_needs(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 95, 96, 97, 191, 192, 193, 288, 289, ROOM - 1, ROOM};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct fixed f;
        open_fixed(&f);
        uint64_t frames = lengths[i] == 0 ? 1 : (lengths[i] + PAYLOAD - 1) / PAYLOAD;
        for (uint64_t k = frames; k < CAPACITY; k++)
            test_ok(send(&f, k, 5));
        test_ok(send(&f, 4, lengths[i])); /* into exactly the room that it needs */
        assert_int_equal(myl_producer_last_published(f.producer) + 1, CAPACITY);
        test_code(MYL_EAGAIN, send(&f, 4, 0));
        for (uint64_t k = frames; k < CAPACITY; k++)
            expect_got(&f, k, 5);
        test_ok(myl_consumer_release(f.consumer));
        expect_got(&f, 4, lengths[i]);
        assert_int_equal(acknowledged(&f), CAPACITY - frames); /* acknowledged only by its release */
        myl_consumer_rewind(f.consumer);
        expect_got(&f, 4, lengths[i]);
        test_ok(myl_consumer_release(f.consumer));
        assert_int_equal(acknowledged(&f), CAPACITY);
        test_code(MYL_ETOOBIG, send(&f, 4, ROOM + 1));
        expect_detail("769 bytes are 9 frames");
        close_fixed(&f);
    }
}

/* With one frame of room less than it needs, no part of a message is published. */
static void message_without_all_its_room_is_not_begun(void **state)
{
    (void)state;
    struct fixed f;
    open_fixed(&f);
    for (uint64_t k = 0; k < 5; k++)
        test_ok(send(&f, k, 5));
    test_code(MYL_EAGAIN, send(&f, 9, 4 * PAYLOAD));
    test_code(MYL_ETIMEDOUT, myl_publish_fixed_frames(f.producer, f.bytes, 4 * PAYLOAD, 0, MYL_MSEC(1)));
    assert_int_equal(myl_producer_last_published(f.producer) + 1, 5);
    test_ok(send(&f, 9, 3 * PAYLOAD));
    close_fixed(&f);
}

/* A message longer than the ring: each frame is acknowledged when it is read. The frames of one that fits are not. */
static void frames_are_acknowledged_singly_if_longer_than_the_ring(void **state)
{
    (void)state;
    for (uint64_t frames = CAPACITY; frames <= CAPACITY + 1; frames++) {
        struct fixed f;
        open_fixed(&f);
        f.parts.room = 3 * ROOM;
        myl_fixed_frame frame = {.len = PAYLOAD, .total = (frames - 1) * PAYLOAD + 1, .kind = 3};
        for (uint64_t i = 0; i < frames; i++) {
            frame.flags = i == 0 ? FIRST : i + 1 == frames ? LAST : 0;
            frame.len = i + 1 == frames ? 1 : PAYLOAD;
            put_frame(&f, frame);
            frame.offset += frame.len;
            if (i + 1 < frames) {
                expect_none(&f, MYL_EAGAIN);
                assert_int_equal(acknowledged(&f), frames > CAPACITY ? i + 1 : 0);
            }
        }
        myl_message message;
        test_ok(receive(&f, &message));
        assert_int_equal(message.length, frame.total);
        assert_int_equal(message.fragments, frames);
        assert_int_equal(acknowledged(&f), frames > CAPACITY ? frames - 1 : 0);
        test_ok(myl_consumer_release(f.consumer));
        assert_int_equal(acknowledged(&f), frames);
        close_fixed(&f);
    }
}

/* A message longer than the ring is published a quarter of the ring at a time. Its abort is published as a frame of its
 * own if there is room. */
static void long_message_is_published_in_quarters_of_the_ring(void **state)
{
    (void)state;
    static const struct {
        uint64_t capacity, before, published;
        int notice;
    } cases[] = {{8, 0, 8, 0}, {8, 1, 8, 1}, {8, 4, 8, 0}, {8, 5, 8, 1}, {8, 6, 8, 0},  {8, 7, 7, 0},
                 {4, 0, 4, 0}, {4, 1, 4, 0}, {2, 0, 2, 0}, {2, 1, 2, 0}, {16, 1, 14, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixed f;
        open_fixed_of(&f, cases[i].capacity);
        f.parts.room = 3 * ROOM;
        for (uint64_t k = 0; k < cases[i].before; k++)
            test_ok(send(&f, k, 5));
        test_code(MYL_ETIMEDOUT, myl_publish_fixed_frames(f.producer, f.bytes, 20 * PAYLOAD, 0, MYL_MSEC(1)));
        if ((uint64_t)myl_producer_last_published(f.producer) + 1 != cases[i].published)
            test_fail("case %u: %u events", (unsigned)i, (unsigned)myl_producer_last_published(f.producer) + 1);
        for (uint64_t k = 0; k < cases[i].before; k++) {
            expect_got(&f, k, 5);
            test_ok(myl_consumer_release(f.consumer));
        }
        expect_none(&f, cases[i].notice ? MYL_EABORTED : MYL_EAGAIN);
        close_fixed(&f);
    }
}

/* --- aborted and skipped messages --------------------------------------------------------------------------------- */

static void aborted_message_reports_its_received_bytes(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) { /* reported by the abort frame, or by the next message */
        for (uint64_t frames = 1; frames <= 3; frames++) {
            struct fixed f;
            char text[48];
            open_fixed(&f);
            for (uint64_t i = 0; i < frames; i++) {
                put_frame(&f, (myl_fixed_frame){.len = PAYLOAD,
                                                .flags = i == 0 ? FIRST : 0,
                                                .total = 500,
                                                .offset = i * PAYLOAD});
            }
            if (how == 0)
                put_frame(&f, (myl_fixed_frame){.flags = ABORTED, .total = 500});
            test_ok(send(&f, 4, 20));
            expect_none(&f, MYL_EABORTED);
            snprintf(text, sizeof text, "after %d bytes", (int)frames * PAYLOAD);
            expect_detail(text);
            assert_int_equal(acknowledged(&f), frames + (how == 0));
            expect_got(&f, 4, 20);
            assert_int_equal(f.parts.skipped, 0);
            close_fixed(&f);
        }
    }
}

/* Skipped frames are acknowledged at once, unless a message before them is leased. */
static void skipped_frames_are_acknowledged_unless_something_is_leased(void **state)
{
    (void)state;
    for (int leased = 0; leased < 2; leased++) {
        struct fixed f;
        open_fixed(&f);
        test_ok(send(&f, 1, 10));
        expect_got(&f, 1, 10);
        if (!leased)
            test_ok(myl_consumer_release(f.consumer));
        put_frame(&f, (myl_fixed_frame){.len = 96, .total = 300, .offset = 96}); /* of message 0, not its first frame */
        expect_none(&f, MYL_EAGAIN);
        assert_int_equal(acknowledged(&f), leased ? 0 : 2);
        put_frame(&f, (myl_fixed_frame){.len = 96, .total = 300, .offset = 192});
        expect_none(&f, MYL_EAGAIN);
        assert_int_equal(acknowledged(&f), leased ? 0 : 3);
        assert_int_equal(f.parts.skipped, 1); /* one message, whatever its number of frames */
        put_frame(&f, (myl_fixed_frame){.len = 12, .total = 300, .offset = 288, .msg_id = 2, .flags = LAST});
        expect_none(&f, MYL_EAGAIN);
        assert_int_equal(f.parts.skipped, 2);
        test_ok(send(&f, 2, 11));
        expect_got(&f, 2, 11);
        assert_int_equal(acknowledged(&f), leased ? 0 : 4);
        test_ok(myl_consumer_release(f.consumer));
        assert_int_equal(acknowledged(&f), 5);
        close_fixed(&f);
    }
}

/* A message of several frames waits until the leases before it are released. No frame of it is lost. */
static void several_frames_beside_a_lease_are_refused_until_it_is_released(void **state)
{
    (void)state;
    struct fixed f;
    open_fixed(&f);
    for (uint64_t i = 0; i < 3; i++)
        test_ok(send(&f, i, 10 + i));
    test_ok(send(&f, 5, 200));
    for (uint64_t i = 0; i < 3; i++)
        expect_got(&f, i, 10 + i);
    for (int i = 0; i < 2; i++) {
        expect_none(&f, MYL_ELEASED);
        assert_int_equal(acknowledged(&f), 0);
        assert_int_equal(myl_consumer_last_leased(f.consumer), 2); /* the three are still leased */
    }
    test_ok(myl_consumer_release(f.consumer));
    assert_int_equal(acknowledged(&f), 3);
    expect_got(&f, 5, 200);
    test_ok(myl_consumer_release(f.consumer));
    assert_int_equal(acknowledged(&f), 6);
    close_fixed(&f);
}

/* The producer ends within a message: the abort is reported first, then the end. */
static void end_within_a_message_is_reported_after_the_abort(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) { /* closed, left, superseded */
        struct fixed f;
        myl_message message;
        open_fixed(&f);
        put_frame(&f, (myl_fixed_frame){.len = PAYLOAD, .flags = FIRST, .total = 500});
        expect_none(&f, MYL_EAGAIN);
        if (how == 2)
            test_ok(myl_remove(f.name, MYL_BACKEND_SHM, 1));
        else if (how == 1)
            myl_producer_leave(f.producer);
        else
            myl_producer_close(f.producer);
        f.producer = how == 2 ? f.producer : NULL;
        test_code(MYL_EABORTED, myl_recv_fixed_frames(f.consumer, &f.parts, &message, MYL_SEC(20)));
        expect_detail("after 96 bytes");
        test_code(how == 0   ? MYL_ECLOSED
                  : how == 1 ? MYL_EPRODUCERLEFT
                             : MYL_ESUPERSEDED,
                  myl_recv_fixed_frames(f.consumer, &f.parts, &message, MYL_SEC(20)));
        assert_int_equal(acknowledged(&f), 1);
        close_fixed(&f);
        if (how == 1)
            test_ok(myl_remove(f.name, MYL_BACKEND_SHM, 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_clause_of_a_header_counts_alone),
        cmocka_unit_test(headers_at_their_limits_are_accepted),
        cmocka_unit_test(next_frame_must_follow_the_last),
        cmocka_unit_test(message_up_to_the_size_of_the_memory_is_accepted),
        cmocka_unit_test(message_takes_no_more_events_than_it_needs),
        cmocka_unit_test(message_without_all_its_room_is_not_begun),
        cmocka_unit_test(frames_are_acknowledged_singly_if_longer_than_the_ring),
        cmocka_unit_test(long_message_is_published_in_quarters_of_the_ring),
        cmocka_unit_test(aborted_message_reports_its_received_bytes),
        cmocka_unit_test(skipped_frames_are_acknowledged_unless_something_is_leased),
        cmocka_unit_test(several_frames_beside_a_lease_are_refused_until_it_is_released),
        cmocka_unit_test(end_within_a_message_is_reported_after_the_abort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
