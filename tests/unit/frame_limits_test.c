/* SPDX-License-Identifier: MIT
 * Exact limits of messages, in bytes and cells: what a reader accepts, what fits in the ring without waiting, pieces
 * whose lengths overflow, what is skipped and counted, and the values in error details. */
#include <fcntl.h>
#include <sys/mman.h>

#include "segment/layout.h"
#include "unit/lanes.h"

#define RING_BYTES 65536
#define CELLS      (RING_BYTES / 64)

/* --- a reader's own limit ---------------------------------------------------------------------------------------- */

static myl_frame_consumer *open_limited(const char *name, uint64_t max_message)
{
    myl_frame_consumer_options o = frame_reader("c");
    myl_frame_consumer *consumer = NULL;
    o.max_message = max_message;
    test_ok(myl_frame_consumer_open(&consumer, name, &o));
    return consumer;
}

/* The limit is the requested one, not the rounded size of the memory. */
static void reader_refuses_one_byte_more_than_its_limit(void **state)
{
    (void)state;
    static const uint64_t limits[] = {65, 100, 127, 128, 129, 300};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        char name[TEST_NAME_SIZE], text[64];
        myl_message message;
        myl_frame_producer_options o = frame_options(RING_BYTES, 64);
        myl_frame_producer *producer = open_frames(test_name(name, "limit"), &o);
        myl_frame_consumer *consumer = open_limited(name, limits[i]);
        for (uint64_t more = 0; more <= 12; more += 2) {
            send_frame(producer, 4, limits[i] + more, MYL_TRY);
            send_frame(producer, 4, 10, MYL_TRY);
            if (more == 0) {
                take_frame(consumer, 4, limits[i], MYL_TRY);
            } else {
                test_code(MYL_ETOOBIG, myl_frame_consumer_next(consumer, &message, MYL_TRY));
                snprintf(text, sizeof text, "a message of %d bytes", (int)(limits[i] + more));
                expect_detail(text);
                snprintf(text, sizeof text, "limit, %d;", (int)limits[i]);
                expect_detail(text);
            }
            take_frame(consumer, 4, 10, MYL_TRY);
        }
        assert_int_equal(myl_frame_consumer_skipped(consumer), 0); /* a refused message does not count as skipped */
        myl_frame_consumer_close(consumer);
        myl_frame_producer_close(producer);
    }
}

/* A limit of 0, or above the ring's limit, means the ring's limit. */
static void limit_of_zero_is_the_rings_limit(void **state)
{
    (void)state;
    static const uint64_t limits[] = {0, 999, 1000, 1001, UINT64_MAX};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        char name[TEST_NAME_SIZE];
        myl_message message;
        myl_frame_producer_options o = frame_options(RING_BYTES, 64);
        o.config.max_message = 1000;
        myl_frame_producer *producer = open_frames(test_name(name, "none"), &o);
        myl_frame_consumer *consumer = open_limited(name, limits[i]);
        unsigned char bytes[1001] = {0};
        test_code(MYL_ETOOBIG, myl_frame_producer_publish(producer, bytes, 1001, 0, MYL_TRY));
        expect_detail("1001 bytes");
        expect_detail("1000;");
        send_frame(producer, 4, 1000, MYL_TRY);
        if (limits[i] == 999) {
            test_code(MYL_ETOOBIG, myl_frame_consumer_next(consumer, &message, MYL_TRY));
            expect_detail("limit, 999;");
        } else {
            take_frame(consumer, 4, 1000, MYL_TRY);
        }
        myl_frame_consumer_close(consumer);
        myl_frame_producer_close(producer);
    }
}

/* --- what fits in the ring ---------------------------------------------------------------------------------------- */

/* Fragments of 93 cells: 11 of them take all cells but one, which the next header's word needs. */
static void longest_message_that_fits_needs_no_wait(void **state)
{
    (void)state;
    enum { FRAME = 92 * 64, FITS = 11 * FRAME };
    char name[TEST_NAME_SIZE];
    static unsigned char bytes[FITS + 1];
    myl_frame_producer_options o = frame_options(RING_BYTES, FRAME);
    myl_frame_producer *producer = open_frames(test_name(name, "fits"), &o);
    myl_frame_consumer *consumer = open_frame_consumer(name, "c");
    for (uint64_t i = 0; i < 3; i++) {
        test_code(MYL_ETOOBIG, myl_frame_producer_publish(producer, bytes, FITS + 1, 0, MYL_TRY));
        expect_detail("64769 bytes");
        send_frame(producer, i, FITS, MYL_TRY);
        test_code(MYL_EAGAIN, myl_frame_producer_publish(producer, bytes, 0, 0, MYL_TRY));
        myl_sequence before = myl_consumer_last_acknowledged(myl_frame_consumer_ring(consumer));
        next_frame(consumer, i, FITS, MYL_TRY);
        assert_int_equal(myl_consumer_last_acknowledged(myl_frame_consumer_ring(consumer)), before);
        myl_frame_consumer_rewind(consumer); /* all of it is kept until the release */
        take_frame(consumer, i, FITS, MYL_TRY);
        for (uint64_t k = 0; k < 7; k++) { /* the next one begins at another position of the ring */
            send_frame(producer, k, 100 * k, MYL_TRY);
            take_frame(consumer, k, 100 * k, MYL_TRY);
        }
    }
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

/* Payload that fits next to a header of 16 or 32 bytes takes no further cell; one byte more does. */
static void payload_beside_the_header_takes_no_cell(void **state)
{
    (void)state;
    for (int numbers = MYL_FRAMES_BARE; numbers <= MYL_FRAMES_TIMED; numbers++) {
        char name[TEST_NAME_SIZE];
        unsigned char bytes[128];
        void *data;
        uint64_t beside = numbers == MYL_FRAMES_BARE ? 48 : 32;
        myl_frame_producer_options o = frame_options(RING_BYTES, 1024);
        o.config.numbers = (enum myl_frame_numbers)numbers;
        myl_frame_producer *producer = open_frames(test_name(name, "beside"), &o);
        myl_frame_consumer *consumer = open_frame_consumer(name, "c");
        myl_sequence last = -1;
        for (uint64_t length = 0; length <= 128; length++) {
            uint64_t cells = length <= beside ? 1 : 1 + (length + 63) / 64;
            for (int how = 0; how < 2; how++) { /* by a publish, and by a claim longer than its commit */
                frame_fill(bytes, 4, length);
                if (how == 0) {
                    test_ok(myl_frame_producer_publish(producer, bytes, length, 4, MYL_TRY));
                } else {
                    test_ok(myl_frame_producer_claim(producer, length + 70, &data, MYL_TRY));
                    memcpy(data, bytes, length);
                    test_code(MYL_ETOOBIG, myl_frame_producer_commit(producer, length + 71, 4));
                    test_ok(myl_frame_producer_commit(producer, length, 4));
                }
                last += (myl_sequence)cells;
                assert_int_equal(myl_producer_last_published(myl_frame_producer_ring(producer)), last);
                take_frame(consumer, 4, length, MYL_TRY);
            }
        }
        myl_frame_consumer_close(consumer);
        myl_frame_producer_close(producer);
    }
}

/* The exact room of a message in cells: its records, and the word of the next header. */
static void room_is_granted_to_the_cell(void **state)
{
    (void)state;
    static const struct {
        uint64_t length, cells;
    } cases[] = {{0, 1},         {48, 1},    {49, 2},        {64, 2},        {65, 3},        {1024, 17},
                 {1025, 17 + 2}, {2048, 34}, {2049, 34 + 2}, {2112, 34 + 2}, {2113, 34 + 3}, {10240, 170}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (uint64_t room = cases[i].cells; room <= cases[i].cells + 1; room++) {
            char name[TEST_NAME_SIZE];
            static unsigned char bytes[10240];
            myl_frame_producer_options o = frame_options(RING_BYTES, 1024);
            myl_frame_producer *producer = open_frames(test_name(name, "room"), &o);
            myl_frame_consumer *consumer = open_frame_consumer(name, "c");
            for (uint64_t k = room; k < CELLS; k++)
                test_ok(myl_frame_producer_publish(producer, bytes, 1, 0, MYL_TRY));
            int rc = myl_frame_producer_publish(producer, bytes, cases[i].length, 0, MYL_TRY);
            if (rc != (room > cases[i].cells ? MYL_OK : MYL_EAGAIN))
                test_fail("%d bytes into %d cells: %s", (int)cases[i].length, (int)room,
                          rc == MYL_OK ? "success" : myl_errname(rc));
            assert_int_equal(myl_producer_last_published(myl_frame_producer_ring(producer)) + 1,
                             CELLS - room + (rc == MYL_OK ? cases[i].cells : 0));
            myl_frame_consumer_close(consumer);
            myl_frame_producer_close(producer);
        }
    }
}

/* --- pieces --------------------------------------------------------------------------------------------------------
 * */

static void pieces_whose_lengths_overflow_are_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    unsigned char bytes[64] = {0};
    myl_frame_producer_options o = frame_options(RING_BYTES, 1024);
    myl_frame_producer *producer = open_frames(test_name(name, "overflow"), &o);
    myl_frame_consumer *consumer = open_frame_consumer(name, "c");
    static const struct {
        uint64_t length[3];
        const char *text;
    } cases[] = {
        {{UINT64_MAX - 3, 20, 0}, "3 pieces together have more bytes than 64 bits can count"},
        {{UINT64_MAX - 3, 4, 0}, "3 pieces together"},
        {{1, UINT64_MAX, 0}, "3 pieces together"},
        {{20, 0, UINT64_MAX - 19}, "3 pieces together"},
        {{UINT64_MAX, UINT64_MAX, 2}, "3 pieces together"},
        {{UINT64_MAX - 3, 3, 0}, "18446744073709551615 bytes"},
        {{20, UINT64_MAX - 20, 0}, "18446744073709551615 bytes"},
        {{UINT64_MAX, 0, 0}, "18446744073709551615 bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct iovec pieces[3];
        for (int k = 0; k < 3; k++)
            pieces[k] = (struct iovec){bytes, (size_t)cases[i].length[k]};
        test_code(MYL_ETOOBIG, myl_frame_producer_publishv(producer, pieces, 3, 0, MYL_FOREVER));
        expect_detail(cases[i].text);
        expect_no_frame(consumer, MYL_EAGAIN);
    }
    send_frame(producer, 1, 500, MYL_TRY);
    take_frame(consumer, 1, 500, MYL_TRY);
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

/* In one record or several. Pieces end within fragments, at their ends, or are empty. */
static void pieces_arrive_in_order_however_they_are_cut(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 128, 200};
    enum { SIZES = sizeof sizes / sizeof sizes[0] };
    static unsigned char bytes[3 * 200];
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(RING_BYTES, 64);
    myl_frame_producer *producer = open_frames(test_name(name, "pieces"), &o);
    myl_frame_consumer *consumer = open_frame_consumer(name, "c");
    for (size_t i = 0; i < SIZES * SIZES * SIZES; i++) {
        size_t a = sizes[i % SIZES], b = sizes[i / SIZES % SIZES], c = sizes[i / SIZES / SIZES];
        frame_fill(bytes, i, a + b + c);
        struct iovec pieces[] = {{bytes, a}, {NULL, 0}, {bytes + a, b}, {bytes + a + b, c}, {NULL, 0}};
        test_ok(myl_frame_producer_publishv(producer, pieces, 5, (uint8_t)i, MYL_TRY));
        take_frame(consumer, i, a + b + c, MYL_TRY);
    }
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

/* --- skipped messages --------------------------------------------------------------------------------------------- */

struct open_segment {
    char name[TEST_NAME_SIZE];
    myl_frame_producer *producer;
    struct myl_header *head;
    unsigned char *data;
    struct myl_participant *entry;  /* of the first consumer */
};

static void open_segment(struct open_segment *s, const char *what, uint32_t max_frame)
{
    char path[TEST_NAME_SIZE + 16];
    myl_frame_producer_options o = frame_options(RING_BYTES, max_frame);
    s->producer = open_frames(test_name(s->name, what), &o);
    myl_info info = {.size = sizeof info};
    test_ok(myl_producer_info(myl_frame_producer_ring(s->producer), &info));
    snprintf(path, sizeof path, "/dev/shm/%s", s->name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    s->head = mmap(NULL, info.segment_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(s->head != MAP_FAILED);
    close(fd);
    s->data = (unsigned char *)s->head + s->head->data_offset;
    struct myl_control *control = (void *)((unsigned char *)s->head + s->head->control_offset);
    s->entry = (struct myl_participant *)(void *)(control + 1) + s->head->max_producers;
}

static void close_segment(struct open_segment *s)
{
    munmap(s->head, s->head->segment_bytes);
    myl_frame_producer_close(s->producer);
}

static uint64_t *word_at(struct open_segment *s, uint64_t cell, unsigned index)
{
    return (uint64_t *)(void *)(s->data + cell * 64) + index;
}

/* Opens a consumer whose cursor is within a message, as after a restart. */
static myl_frame_consumer *open_at(struct open_segment *s, uint64_t cell)
{
    myl_frame_consumer_close(open_frame_consumer(s->name, "c"));
    s->entry->cursor.v = cell;
    return open_frame_consumer(s->name, "c");
}

static void skipped_messages_count_once_each(void **state)
{
    (void)state;
    static const uint64_t ids[][2] = {{0, 0}, {1, 7}, {7, 1}, {UINT64_C(2) << 40, 5}};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct open_segment s;
        open_segment(&s, "skipped", 64);
        send_frame(s.producer, 4, 300, MYL_TRY); /* cells 0, 2, 4, 6, 8 */
        send_frame(s.producer, 4, 300, MYL_TRY); /* cells 10, 12, ... */
        send_frame(s.producer, 8, 20, MYL_TRY);
        /* Turns the first fragment of the second message into a message of its own. */
        *word_at(&s, 10, 1) = 64 | (uint64_t)(MYL_RECORD_FIRST | MYL_RECORD_LAST | MYL_RECORD_FAR) << 40;
        for (uint64_t cell = 0; ids[i][0] != 0 && cell < 20; cell += 2)
            *word_at(&s, cell, 2) = ids[i][cell / 10];
        myl_frame_consumer *consumer = open_at(&s, 2);
        myl_message message;
        assert_int_equal(myl_frame_consumer_skipped(consumer), 0);
        test_ok(myl_frame_consumer_next(consumer, &message, MYL_TRY));
        assert_int_equal(message.length, 64);
        assert_int_equal(myl_frame_consumer_skipped(consumer), 1);
        assert_int_equal(s.entry->cursor.v, 10); /* skipped records are acknowledged at once */
        next_frame(consumer, 8, 20, MYL_TRY);
        assert_int_equal(myl_frame_consumer_skipped(consumer), 2);
        assert_int_equal(s.entry->cursor.v, 10); /* but not before the leases */
        test_ok(myl_frame_consumer_release(consumer));
        assert_int_equal(s.entry->cursor.v, 21);
        myl_frame_consumer_close(consumer);
        close_segment(&s);
    }
}

/* The error detail has the words of the record, in their order. */
static void damaged_record_is_reported_with_its_words(void **state)
{
    (void)state;
    struct open_segment s;
    myl_message message;
    open_segment(&s, "shown", 64);
    myl_frame_consumer *consumer = open_frame_consumer(s.name, "c");
    send_frame(s.producer, 0, 10, MYL_TRY);
    send_frame(s.producer, 4, 300, MYL_TRY);
    take_frame(consumer, 0, 10, MYL_TRY);
    *word_at(&s, 1, 2) = 0x1234;
    *word_at(&s, 1, 3) = 298;
    *word_at(&s, 1, 4) = 77;
    test_code(MYL_ECORRUPT, myl_frame_consumer_next(consumer, &message, MYL_TRY));
    expect_detail("record at position 1 says 0000050400000040 of itself (fragment 0000000000001234, byte 77 of 298)");
    myl_frame_consumer_close(consumer);
    close_segment(&s);
}

/* An abort record between messages is skipped without a report. */
static void abort_records_between_messages_are_skipped(void **state)
{
    (void)state;
    for (int leased = 0; leased < 2; leased++) {
        struct open_segment s;
        myl_message message;
        open_segment(&s, "given-up", 64);
        myl_frame_consumer *consumer = open_frame_consumer(s.name, "c");
        for (uint64_t i = 0; i < 3; i++)
            send_frame(s.producer, i, 10, MYL_TRY);
        *word_at(&s, 1, 1) = (uint64_t)MYL_RECORD_ABORTED << 40;
        next_frame(consumer, 0, 10, MYL_TRY);
        if (!leased)
            test_ok(myl_frame_consumer_release(consumer));
        next_frame(consumer, 2, 10, MYL_TRY);
        assert_int_equal(s.entry->cursor.v, leased ? 0 : 2);
        assert_int_equal(myl_frame_consumer_skipped(consumer), 0);
        test_ok(myl_frame_consumer_release(consumer));
        assert_int_equal(s.entry->cursor.v, 3);
        test_code(MYL_EAGAIN, myl_frame_consumer_next(consumer, &message, MYL_TRY));
        myl_frame_consumer_close(consumer);
        close_segment(&s);
    }
}

/* A message ends incomplete: the error detail has the number of bytes received. Leases before it stay valid. */
static void aborted_message_reports_its_received_bytes(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) { /* reported by the abort record, or by a new message */
        for (int leased = 0; leased < 2; leased++) {
            struct open_segment s;
            myl_message message;
            open_segment(&s, "short", 64);
            myl_frame_consumer *consumer = open_frame_consumer(s.name, "c");
            send_frame(s.producer, 0, 10, MYL_TRY);
            send_frame(s.producer, 4, 300, MYL_TRY); /* cells 1, 3, 5, 7, 9 */
            send_frame(s.producer, 8, 20, MYL_TRY);
            if (how == 0) {
                *word_at(&s, 7, 1) = (uint64_t)MYL_RECORD_ABORTED << 40;
                *word_at(&s, 8, 0) = 9; /* it has one cell; then another message begins */
                *word_at(&s, 8, 1) = 64 | (uint64_t)(MYL_RECORD_FIRST | MYL_RECORD_LAST | MYL_RECORD_FAR) << 40;
                *word_at(&s, 10, 0) = 11;
                *word_at(&s, 10, 1) = 5 | (uint64_t)(MYL_RECORD_FIRST | MYL_RECORD_LAST) << 40;
            } else {
                *word_at(&s, 7, 1) = 64 | (uint64_t)(MYL_RECORD_FIRST | MYL_RECORD_LAST | MYL_RECORD_FAR) << 40;
                *word_at(&s, 9, 1) = 44 | (uint64_t)(MYL_RECORD_FIRST | MYL_RECORD_LAST | MYL_RECORD_FAR) << 40;
            }
            next_frame(consumer, 0, 10, MYL_TRY);
            if (!leased)
                test_ok(myl_frame_consumer_release(consumer));
            test_code(MYL_EABORTED, myl_frame_consumer_next(consumer, &message, MYL_TRY));
            expect_detail("a message of 300 bytes");
            expect_detail("after 192 of them");
            assert_int_equal(s.entry->cursor.v, leased ? 0 : how == 0 ? 8 : 7);
            test_ok(myl_frame_consumer_next(consumer, &message, MYL_TRY));
            assert_int_equal(message.length, 64);
            test_ok(myl_frame_consumer_next(consumer, &message, MYL_TRY));
            assert_int_equal(message.length, how == 0 ? 5 : 44);
            next_frame(consumer, 8, 20, MYL_TRY);
            test_ok(myl_frame_consumer_release(consumer));
            assert_int_equal(s.entry->cursor.v, 12);
            assert_int_equal(myl_frame_consumer_skipped(consumer), 0);
            myl_frame_consumer_close(consumer);
            close_segment(&s);
        }
    }
}

/* --- leases ----------------------------------------------------------------------------------------------------------
 * */

/* A fragmented message has to fit next to the leases, to the cell. */
static void fragments_need_room_beside_the_leases(void **state)
{
    (void)state;
    enum { LENGTH = 4 * 64 * 64, IN_CELLS = 4 * 65 };
    for (uint64_t leases = CELLS - 1 - IN_CELLS - 1; leases <= CELLS - 1 - IN_CELLS; leases++) {
        struct open_segment s;
        myl_message message;
        open_segment(&s, "beside", 64 * 64);
        myl_frame_consumer *consumer = open_frame_consumer(s.name, "c");
        for (uint64_t i = 0; i < leases; i++)
            send_frame(s.producer, i, 10, MYL_TRY);
        send_frame(s.producer, 4, LENGTH, MYL_TRY);
        for (uint64_t i = 0; i < leases; i++)
            next_frame(consumer, i, 10, MYL_TRY);
        next_frame(consumer, 4, LENGTH, MYL_TRY);
        myl_frame_consumer_rewind(consumer);
        for (uint64_t i = 0; i < leases; i++)
            next_frame(consumer, i, 10, MYL_TRY);
        next_frame(consumer, 4, LENGTH, MYL_TRY); /* delivered again after the release */
        test_ok(myl_frame_consumer_release(consumer));
        test_code(MYL_EAGAIN, myl_frame_consumer_next(consumer, &message, MYL_TRY));
        myl_frame_consumer_close(consumer);
        close_segment(&s);
    }
}

/* With one cell leased, 15 fragments of 65 cells and one of 47 fit together with the next header's word. With one of 48
 * they do not. */
static void message_too_long_for_the_ring_beside_a_lease_is_refused(void **state)
{
    (void)state;
    enum { FRAME = 64 * 64, FITS = 15 * FRAME + 46 * 64 };
    for (uint64_t more = 0; more < 2; more++) {
        struct open_segment s;
        myl_message message;
        open_segment(&s, "too-long", FRAME);
        myl_frame_consumer *consumer = open_frame_consumer(s.name, "c");
        send_frame(s.producer, 0, 10, MYL_TRY);
        send_frame(s.producer, 4, 4 * FRAME, MYL_TRY);
        for (uint64_t cell = 1; cell < 261; cell += 65)
            *word_at(&s, cell, 3) = FITS + more; /* the rest is not published yet */
        *word_at(&s, 196, 0) = 0;
        next_frame(consumer, 0, 10, MYL_TRY);
        if (more == 0) {
            test_code(MYL_EAGAIN, myl_frame_consumer_next(consumer, &message, MYL_TRY));
        } else {
            test_code(MYL_ELEASED, myl_frame_consumer_next(consumer, &message, MYL_TRY));
            expect_detail("a message of 64385 bytes has no room beside the 64 bytes leased");
        }
        myl_frame_consumer_close(consumer);
        close_segment(&s);
    }
}

struct list {
    uint64_t count, most;
    uint64_t length[64];
    int64_t acknowledged[64];
    const myl_frame_consumer *consumer;
};

static int list_it(const myl_message *message, void *user)
{
    struct list *list = user;
    list->acknowledged[list->count] = myl_consumer_last_acknowledged(myl_frame_consumer_ring(list->consumer));
    list->length[list->count++] = message->length;
    return list->count > list->most ? 7 : 0;
}

/* The claimed length exceeds the ring, so there is no room next to a lease of a single cell. */
static void drain_makes_room_by_releasing_what_it_has_handled(void **state)
{
    (void)state;
    for (int lanes = 1; lanes <= 2; lanes++) {
        char name[TEST_NAME_SIZE];
        static unsigned char bytes[3000];
        uint64_t handled = 99;
        myl_message message;
        myl_frame_producer_options o = frame_options(RING_BYTES, 1024);
        o.config.lanes = (uint32_t)lanes;
        myl_frame_producer *producer = open_frames(test_name(name, "makes-room"), &o);
        myl_frame_consumer *consumer = open_frame_consumer(name, "c");
        struct list list = {.consumer = consumer, .most = 64};
        for (int i = 0; i < 3; i++)
            test_ok(myl_frame_producer_publish(producer, bytes, 10, 0, MYL_TRY));
        for (int i = 0; i < 2; i++)
            test_ok(myl_frame_producer_publish(producer, bytes, sizeof bytes, 0, MYL_TRY));
        test_ok(myl_frame_producer_publish(producer, bytes, 20, 0, MYL_TRY));
        test_ok(myl_frame_consumer_drain(consumer, 0, list_it, &list, &handled, MYL_TRY));
        assert_int_equal(handled, 6);
        assert_int_equal(list.count, 6);
        for (int i = 0; i < 6; i++)
            assert_int_equal(list.length[i], i < 3 ? 10 : i < 5 ? 3000 : 20);
        assert_int_equal(myl_consumer_last_acknowledged(myl_frame_consumer_ring(consumer)),
                         3 + 2 * (17 + 17 + 1 + (3000 - 2048 + 63) / 64));
        test_code(MYL_EAGAIN, myl_frame_consumer_next(consumer, &message, MYL_TRY));
        myl_frame_consumer_close(consumer);
        myl_frame_producer_close(producer);
    }
}

/* A drain does not release leases of the caller. */
static void drain_cannot_make_room_beside_a_lease_of_the_caller(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    static unsigned char bytes[20000];
    uint64_t handled = 99;
    myl_message message;
    myl_frame_producer_options o = frame_options(RING_BYTES, 1024);
    o.config.lanes = 2; /* with lanes, the memory of a fragmented message is not reused while it is leased */
    myl_frame_producer *producer = open_frames(test_name(name, "caller"), &o);
    myl_frame_consumer *consumer = open_frame_consumer(name, "c");
    struct list list = {.consumer = consumer, .most = 64};
    for (int i = 0; i < 2; i++)
        test_ok(myl_frame_producer_publish(producer, bytes, sizeof bytes, 0, MYL_TRY));
    test_ok(myl_frame_consumer_next(consumer, &message, MYL_TRY));
    test_code(MYL_ELEASED, myl_frame_consumer_drain(consumer, 0, list_it, &list, &handled, MYL_TRY));
    expect_detail("21312 bytes are leased"); /* 19 fragments of 17 cells, and one of 10 */
    assert_int_equal(handled, 0);
    assert_int_equal(list.count, 0);
    test_ok(myl_frame_consumer_release(consumer));
    test_ok(myl_frame_consumer_drain(consumer, 0, list_it, &list, &handled, MYL_TRY));
    assert_int_equal(handled, 1);
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

/* Handles exactly `most` messages, and acknowledges those that were handled. */
static void drain_ends_at_its_count_and_at_a_failing_handler(void **state)
{
    (void)state;
    for (uint64_t most = 1; most <= 4; most++) {
        char name[TEST_NAME_SIZE];
        uint64_t handled;
        myl_frame_producer_options o = frame_options(RING_BYTES, 1024);
        myl_frame_producer *producer = open_frames(test_name(name, "count"), &o);
        myl_frame_consumer *consumer = open_frame_consumer(name, "c");
        struct list list = {.consumer = consumer, .most = 64};
        for (uint64_t i = 0; i < 10; i++)
            send_frame(producer, i, i, MYL_TRY);
        test_ok(myl_frame_consumer_drain(consumer, most, list_it, &list, &handled, MYL_TRY));
        assert_int_equal(handled, most);
        assert_int_equal(list.count, most);
        assert_int_equal(myl_consumer_last_acknowledged(myl_frame_consumer_ring(consumer)) + 1, most);
        list.most = most + 2; /* the third one from here fails */
        test_code(MYL_EHANDLER, myl_frame_consumer_drain(consumer, 0, list_it, &list, &handled, MYL_TRY));
        expect_detail("returned 7 for a message of");
        assert_int_equal(handled, 2);
        assert_int_equal(myl_consumer_last_acknowledged(myl_frame_consumer_ring(consumer)) + 1, most + 2);
        next_frame(consumer, most + 2, most + 2, MYL_TRY);
        test_ok(myl_frame_consumer_release(consumer));
        list.most = 64;
        test_ok(myl_frame_consumer_drain(consumer, 0, list_it, &list, NULL, MYL_TRY));
        test_code(MYL_EAGAIN, myl_frame_consumer_drain(consumer, 0, list_it, &list, &handled, MYL_TRY));
        assert_int_equal(handled, 0);
        myl_frame_consumer_close(consumer);
        myl_frame_producer_close(producer);
    }
}

/* A buffer that is too small: the message stays, and the error detail and the result have its length. */
static void message_longer_than_the_buffer_stays(void **state)
{
    (void)state;
    for (uint64_t length = 100; length <= 1000; length += 900) { /* one record; several fragments */
        char name[TEST_NAME_SIZE], text[64];
        unsigned char buffer[1001];
        myl_message message;
        myl_frame_producer_options o = frame_options(RING_BYTES, 256);
        myl_frame_producer *producer = open_frames(test_name(name, "buffer"), &o);
        myl_frame_consumer *consumer = open_frame_consumer(name, "c");
        send_frame(producer, 4, length, MYL_TRY);
        for (uint64_t less = 1; less <= length; less += length - 1) {
            memset(buffer, 0xa5, sizeof buffer);
            test_code(MYL_EBUFFER, myl_frame_consumer_get(consumer, buffer, length - less, &message, MYL_TRY));
            snprintf(text, sizeof text, "%d bytes, the buffer %d;", (int)length, (int)(length - less));
            expect_detail(text);
            assert_int_equal(message.length, length);
            for (size_t i = 0; i < sizeof buffer; i++)
                assert_int_equal(buffer[i], 0xa5);
        }
        test_ok(myl_frame_consumer_get(consumer, buffer, length, &message, MYL_TRY));
        expect_message(&(myl_message){.data = buffer, .length = 0, .kind = 4}, 4, 0);
        expect_bytes(buffer, 4, length);
        assert_int_equal(buffer[length], 0xa5);
        assert_ptr_equal(message.data, buffer);
        test_code(MYL_EAGAIN, myl_frame_consumer_get(consumer, buffer, sizeof buffer, &message, MYL_TRY));
        send_frame(producer, 4, length, MYL_TRY);
        next_frame(consumer, 4, length, MYL_TRY);
        test_code(MYL_ENOTCLAIMED, myl_frame_consumer_get(consumer, buffer, sizeof buffer, &message, MYL_TRY));
        expect_detail(length == 100 ? "192 bytes are leased" : "1280 bytes are leased");
        myl_frame_consumer_close(consumer);
        myl_frame_producer_close(producer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_refuses_one_byte_more_than_its_limit),
        cmocka_unit_test(limit_of_zero_is_the_rings_limit),
        cmocka_unit_test(longest_message_that_fits_needs_no_wait),
        cmocka_unit_test(payload_beside_the_header_takes_no_cell),
        cmocka_unit_test(room_is_granted_to_the_cell),
        cmocka_unit_test(pieces_whose_lengths_overflow_are_refused),
        cmocka_unit_test(pieces_arrive_in_order_however_they_are_cut),
        cmocka_unit_test(skipped_messages_count_once_each),
        cmocka_unit_test(damaged_record_is_reported_with_its_words),
        cmocka_unit_test(abort_records_between_messages_are_skipped),
        cmocka_unit_test(aborted_message_reports_its_received_bytes),
        cmocka_unit_test(fragments_need_room_beside_the_leases),
        cmocka_unit_test(message_too_long_for_the_ring_beside_a_lease_is_refused),
        cmocka_unit_test(drain_makes_room_by_releasing_what_it_has_handled),
        cmocka_unit_test(drain_cannot_make_room_beside_a_lease_of_the_caller),
        cmocka_unit_test(drain_ends_at_its_count_and_at_a_failing_handler),
        cmocka_unit_test(message_longer_than_the_buffer_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
