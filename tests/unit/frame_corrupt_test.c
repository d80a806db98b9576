/* SPDX-License-Identifier: MIT
 * Frames in damaged segments. An impossible length, flag, offset or id is an error at once. Whatever the bytes are, no
 * reader accesses memory outside of the ring, blocks for events that cannot come, or delivers more bytes than were
 * published. */
#include <fcntl.h>
#include <sys/mman.h>

#include "segment/layout.h"
#include "unit/frames.h"

#define RING_BYTES 65536
#define MAX_FRAME  4096
#define BUFFER     100000

struct damaged {
    char name[TEST_NAME_SIZE];
    myl_frame_producer *producer;
    myl_frame_consumer *consumer;
    myl_frame_observer *observer;
    size_t bytes;
    unsigned char *segment;          /* all of it, writable */
    unsigned char *data;
    struct myl_control *control;
    unsigned char *buffer;
};

static void open_damaged(struct damaged *d, enum myl_frame_numbers numbers)
{
    myl_frame_producer_options o = frame_options(RING_BYTES, MAX_FRAME);
    myl_frame_consumer_options reader = frame_reader(NULL);
    myl_info info = {.size = sizeof info};
    char path[TEST_NAME_SIZE + 16];
    o.config.numbers = numbers;
    o.config.max_message = BUFFER;
    d->producer = open_frames(test_name(d->name, "damaged"), &o);
    d->consumer = open_frame_consumer(d->name, "c");
    test_ok(myl_frame_observer_open(&d->observer, d->name, &reader));
    test_ok(myl_consumer_info(myl_frame_consumer_ring(d->consumer), &info));
    d->bytes = info.segment_bytes;
    snprintf(path, sizeof path, "/dev/shm/%s", d->name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    d->segment = mmap(NULL, d->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(d->segment != MAP_FAILED);
    close(fd);
    const struct myl_header *head = (const void *)d->segment;
    d->data = d->segment + head->data_offset;
    d->control = (void *)(d->segment + head->control_offset);
    d->buffer = malloc(BUFFER);
    assert_non_null(d->buffer);
}

static void close_damaged(struct damaged *d)
{
    free(d->buffer);
    munmap(d->segment, d->bytes);
    myl_frame_observer_close(d->observer);
    myl_frame_consumer_close(d->consumer);
    myl_frame_producer_close(d->producer);
    (void)!myl_remove(d->name, MYL_BACKEND_SHM, 1);
}

static uint64_t *word(struct damaged *d, uint64_t cell, unsigned index)
{
    return (uint64_t *)(void *)(d->data + cell * 64) + index;
}

/* Writes a wrong value at `index` of the first cell of message 1, which is cell `at`. It must be reported at once, and
 * at each further call. */
static void expect_refused(struct damaged *d, uint64_t at, unsigned index, uint64_t value)
{
    uint64_t *place = word(d, at, index), before = *place;
    myl_message message;
    myl_frame_lost lost;
    *place = value;
    for (int i = 0; i < 6; i++) { /* repeated calls switch to reading the stream */
        test_code(MYL_ECORRUPT, myl_frame_consumer_next(d->consumer, &message, MYL_FOREVER));
        test_code(MYL_ECORRUPT, myl_frame_observer_get(d->observer, d->buffer, BUFFER, &message, &lost, MYL_FOREVER));
    }
    *place = before;
}

static uint64_t about(uint64_t length, unsigned flags)
{
    return length | UINT64_C(7) << 32 | (uint64_t)flags << 40;
}

static void damaged_records_are_refused(void **state)
{
    (void)state;
    struct damaged d;
    myl_message message;
    myl_frame_lost lost;
    open_damaged(&d, MYL_FRAMES_BARE);
    send_frame(d.producer, 0, 40, MYL_TRY);
    send_frame(d.producer, 1, 200, MYL_TRY); /* at cell 1 */
    take_frame(d.consumer, 0, 40, MYL_TRY);
    test_ok(myl_frame_observer_get(d.observer, d.buffer, BUFFER, &message, &lost, MYL_TRY));
    const unsigned first = MYL_RECORD_FIRST, last = MYL_RECORD_LAST, far = MYL_RECORD_FAR;
    const unsigned aborted = MYL_RECORD_ABORTED;
    expect_refused(&d, 1, 1, about(MAX_FRAME + 1, first | last | far));
    expect_refused(&d, 1, 1, about(UINT32_MAX, first | last | far));
    expect_refused(&d, 1, 1, about(49, first | last));
    expect_refused(&d, 1, 1, about(UINT32_MAX, first | last));
    expect_refused(&d, 1, 1, about(10, first | last | far | 16));
    expect_refused(&d, 1, 1, about(10, 128));
    expect_refused(&d, 1, 1, about(10, first | last) | UINT64_C(1) << 48);
    expect_refused(&d, 1, 1, UINT64_MAX);
    expect_refused(&d, 1, 1, about(10, first));
    expect_refused(&d, 1, 1, about(10, 0));
    expect_refused(&d, 1, 1, about(1, aborted));
    expect_refused(&d, 1, 1, about(0, aborted | last));
    expect_refused(&d, 1, 1, about(200, first | far)); /* a fragment; the words after its header are not valid */
    expect_refused(&d, 1, 0, 3);                       /* the stamp of another position */
    expect_refused(&d, 1, 0, UINT64_MAX);
    /* A possible but wrong length: there is no record where this one ends. */
    *word(&d, 1, 1) = about(300, first | last | far);
    *word(&d, 7, 0) = 0;
    test_ok(myl_frame_consumer_next(d.consumer, &message, MYL_TRY));
    assert_int_equal(message.length, 300);
    send_frame(d.producer, 2, 2000, MYL_TRY);
    test_code(MYL_ECORRUPT, myl_frame_consumer_next(d.consumer, &message, TEST_DEADLINE_NS));
    close_damaged(&d);
}

static void damaged_fragments_are_refused(void **state)
{
    (void)state;
    struct damaged d;
    myl_message message;
    open_damaged(&d, MYL_FRAMES_BARE);
    send_frame(d.producer, 0, 10000, MYL_TRY); /* 4096 twice, 1808: cells 0, 65, 130 */
    static const struct {
        unsigned cell, index;
        uint64_t value;
    } wrong[] = {
        {0, 3, 0},         /* a fragmented message of 0 bytes */
        {0, 3, 4096},      /* as long as its first fragment, but that is not its last */
        {0, 3, 100001},    /* longer than the maximum */
        {0, 3, UINT64_MAX},
        {0, 4, 1},         /* the first one does not begin at 0 */
        {0, 4, UINT64_MAX},
        {65, 2, 99},       /* of another message */
        {65, 2, 0},
        {65, 3, 10001},    /* with another length */
        {65, 4, 0},        /* begins at 0 again, without the flag */
        {65, 4, 4095},
        {65, 4, 8192},
        {65, 4, UINT64_MAX - 4096},
        {65, 1, (uint64_t)MYL_RECORD_FAR << 40}, /* empty */
        {130, 4, 4096},
        {130, 3, 9999},
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint64_t *place = word(&d, wrong[i].cell, wrong[i].index), before = *place;
        myl_frame_consumer_options again = frame_reader("other");
        myl_frame_consumer *other = NULL;
        test_ok(myl_frame_consumer_open(&other, d.name, &again));
        *place = wrong[i].value;
        int rc = myl_frame_consumer_next(other, &message, MYL_FOREVER);
        if (rc != MYL_ECORRUPT)
            test_fail("case %u: %s", i, myl_errname(rc));
        *place = before;
        myl_frame_consumer_rewind(other);
        next_frame(other, 0, 10000, MYL_TRY); /* no damage is left */
        myl_frame_consumer_close(other);
        test_ok(myl_evict(d.name, MYL_BACKEND_SHM, "other"));
    }
    close_damaged(&d);
}

static void takeover_refuses_damaged_records(void **state)
{
    (void)state;
    struct damaged d;
    myl_frame_producer *next = NULL;
    open_damaged(&d, MYL_FRAMES_NUMBERED);
    for (uint64_t i = 0; i < 5; i++)
        send_frame(d.producer, i, 100, MYL_TRY); /* 3 cells each */
    myl_frame_producer_leave(d.producer);
    *word(&d, 15, 0) = 17; /* ahead of the published position */
    test_code(MYL_ECORRUPT, myl_frame_producer_open(&next, d.name, NULL));
    *word(&d, 15, 0) = 16; /* as if published, but without a valid length */
    *word(&d, 15, 1) = UINT64_MAX;
    test_code(MYL_ECORRUPT, myl_frame_producer_open(&next, d.name, NULL));
    *word(&d, 15, 0) = 0;
    uint64_t at[2] = {d.control->count[0].at.v, d.control->count[1].at.v};
    d.control->count[0].at.v = d.control->count[1].at.v = 3;
    test_code(MYL_ECORRUPT, myl_frame_producer_open(&next, d.name, NULL));
    expect_detail("how many messages");
    d.control->count[0].at.v = at[0];
    d.control->count[1].at.v = at[1];
    d.control->gate.v = 16; /* beyond the published position */
    test_code(MYL_ECORRUPT, myl_frame_producer_open(&next, d.name, NULL));
    d.control->gate.v = 0;
    *word(&d, 3, 1) = UINT64_MAX; /* an unread record, between gate and next */
    test_code(MYL_ECORRUPT, myl_frame_producer_open(&next, d.name, NULL));
    *word(&d, 3, 1) = about(100, MYL_RECORD_FIRST | MYL_RECORD_LAST | MYL_RECORD_FAR);
    test_ok(myl_frame_producer_open(&next, d.name, NULL));
    assert_int_equal(myl_frame_producer_messages(next), 5);
    d.producer = next;
    close_damaged(&d);
}

/* Reads all available messages, and every byte of them. */
static void read_whatever(struct damaged *d)
{
    myl_message message;
    myl_frame_lost lost;
    unsigned sum = 0;
    int rc = MYL_OK;
    for (int i = 0; i < 3000 && (rc == MYL_OK || rc == MYL_EABORTED || rc == MYL_ETOOBIG); i++) {
        rc = myl_frame_consumer_next(d->consumer, &message, MYL_TRY);
        if (rc != MYL_OK)
            continue;
        assert_true(message.length <= (message.fragments == 1 ? MAX_FRAME : BUFFER));
        for (uint64_t k = 0; k < message.length; k++)
            sum += ((const unsigned char *)message.data)[k];
        if (i % 3 == 0 && myl_frame_consumer_release(d->consumer) != MYL_OK)
            break;
    }
    assert_true(rc <= MYL_OK);
    rc = MYL_OK;
    for (int i = 0; i < 3000 && (rc == MYL_OK || rc == MYL_EABORTED || rc == MYL_ETOOBIG); i++)
        rc = myl_frame_observer_get(d->observer, d->buffer, BUFFER, &message, &lost, MYL_TRY);
    assert_true(rc <= MYL_OK && sum != 1);
}

/* Writes random words at random places of control and data, or copies cells to wrong places. */
static void random_damage_is_contained(void **state)
{
    (void)state;
    uint64_t random = 20;
    for (int round = 0; round < 300; round++) {
        struct damaged d;
        open_damaged(&d, (enum myl_frame_numbers)(round % 3));
        for (uint64_t i = 0; i < 12; i++) {
            void *data;
            send_frame(d.producer, i, i % 4 == 3 ? 9000 + i : frame_length(i + (uint64_t)round, MAX_FRAME), MYL_TRY);
            if (i == 5)
                read_whatever(&d);
            (void)!myl_frame_producer_claim(d.producer, 1, &data, MYL_TRY);
            myl_frame_producer_abort(d.producer);
        }
        for (int n = 0; n < 1 + round % 40; n++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407U;
            uint64_t cell = random >> 40 & 1023, other = random >> 24 & 1023;
            uint64_t value = random % 5 == 0 ? random : random % 5 == 1 ? cell + 1 : random >> 50;
            if (random % 7 == 0)
                memmove(word(&d, cell, 0), word(&d, other, 0), 64);
            else if (random % 7 == 1)
                ((uint64_t *)(void *)d.control)[random >> 30 & 15] = value;
            else
                *word(&d, cell, (unsigned)(random >> 60) % 5) = value;
            if (n % 4 == 3)
                read_whatever(&d);
        }
        read_whatever(&d);
        void *data;
        for (int n = 0; n < 300 && myl_frame_producer_claim(d.producer, 3000, &data, MYL_TRY) == MYL_OK; n++) {
            memset(data, n, 3000);
            test_ok(myl_frame_producer_commit(d.producer, 3000, 0));
        }
        read_whatever(&d);
        myl_frame_producer_leave(d.producer);
        d.producer = NULL;
        (void)!myl_frame_producer_open(&d.producer, d.name, NULL);
        close_damaged(&d);
    }
}

/* A reader that reads a stream follows `next`. It must not follow it to a position without a record, or to old
 * records. */
static void stream_reader_refuses_damage(void **state)
{
    (void)state;
    enum { BEFORE = 1280 }; /* more than a lap */
    struct damaged d;
    myl_message message;
    open_damaged(&d, MYL_FRAMES_BARE);
    myl_frame_observer_close(d.observer); /* tested separately, and would be overrun here */
    d.observer = NULL;
    for (uint64_t n = 0; n < BEFORE; n++) {
        send_frame(d.producer, n, 1, MYL_TRY);
        take_frame(d.consumer, n, 1, MYL_TRY);
    }
    expect_no_frame(d.consumer, MYL_EAGAIN);
    uint64_t next = __atomic_load_n(&d.control->next.v, __ATOMIC_RELAXED);
    __atomic_store_n(&d.control->next.v, next + 5, __ATOMIC_RELAXED);
    for (int i = 0; i < 6; i++)
        expect_no_frame(d.consumer, MYL_EAGAIN);
    __atomic_store_n(&d.control->next.v, next, __ATOMIC_RELAXED);

    send_frame(d.producer, 0, 200, MYL_TRY);
    send_frame(d.producer, 1, 10, MYL_TRY);
    uint64_t at = BEFORE % (RING_BYTES / 64);
    *word(&d, at + 1, 0) = 0xeeeeeeeeeeeeeeee; /* payload that looks like a record's header, except for the stamp */
    *word(&d, at + 1, 1) = about(5, MYL_RECORD_FIRST | MYL_RECORD_LAST);
    *word(&d, at, 1) = about(10, MYL_RECORD_FIRST | MYL_RECORD_LAST);
    test_ok(myl_frame_consumer_next(d.consumer, &message, MYL_TRY)); /* a possible length */
    for (int i = 0; i < 6; i++)
        test_code(MYL_ECORRUPT, myl_frame_consumer_next(d.consumer, &message, MYL_SEC(10)));
    close_damaged(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_records_are_refused),      cmocka_unit_test(damaged_fragments_are_refused),
        cmocka_unit_test(takeover_refuses_damaged_records), cmocka_unit_test(stream_reader_refuses_damage),
        cmocka_unit_test(random_damage_is_contained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
