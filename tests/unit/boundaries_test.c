/* SPDX-License-Identifier: MIT
 * Values at a boundary: characters of names, ids of a prefix, participants that still use a ring, sleepers that a
 * publish and a release wake, the figures in error details, and words of the segment that lag by one step. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "ring/consumer.h"
#include "ring/producer.h"
#include "segment/table.h"
#include "unit/rings.h"
#include "wait/park.h"

/* --- names and ids
 * ------------------------------------------------------------------------------------------------------ */

/* In UTF-8, the characters next to those that are refused; and bytes that are no UTF-8. */
static void characters_next_to_controls_are_accepted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int refused;
    } cases[] = {
        {"\x1f", 1},
        {" ", 0},
        {"~", 0},
        {"\x7f", 1},
        {"\x80", 1},
        {"\x9f", 1},
        {"\xa0", 0},
        {"\xc2\x80", 1},
        {"\xc2\x9f", 1},
        {"\xc2\xa0", 0},
        {"\xc2\xac", 0},
        {"\xc2\xad", 1},
        {"\xc2\xae", 0},
        {"\xc3\x80", 0},
        {"\xc1\xb0", 0},
        {"\xc1\x90", 1},
        {"\xd8\x9b", 0},
        {"\xd8\x9c", 1},
        {"\xd8\x9d", 0},
        {"\xd7\x9c", 0},
        {"\xd9\x9c", 0},
        {"\xe1\xa0\x8d", 0},
        {"\xe1\xa0\x8e", 1},
        {"\xe1\xa0\x8f", 0},
        {"\xe2\x80\x8a", 0},
        {"\xe2\x80\x8b", 1},
        {"\xe2\x80\x8f", 1},
        {"\xe2\x80\x90", 0},
        {"\xe2\x80\xa7", 0},
        {"\xe2\x80\xa8", 1},
        {"\xe2\x80\xae", 1},
        {"\xe2\x80\xaf", 0},
        {"\xe2\x81\x9f", 0},
        {"\xe2\x81\xa0", 1},
        {"\xe2\x81\xaf", 1},
        {"\xe2\x81\xb0", 0},
        {"\xe2\x82\xa8", 0},
        {"\xe1\x80\x8e", 0},
        {"\xe3\x80\x8e", 0},
        {"\xe2\x82\xa6", 0},
        {"\xe2\x81\x8e", 0},
        {"\xe2\x80\xa6", 0},
        {"\xef\xbb\xbe", 0},
        {"\xef\xbb\xbf", 1},
        {"\xef\xbc\x80", 0},
        {"\xef\xbf\xb8", 0},
        {"\xef\xbf\xb9", 1},
        {"\xef\xbf\xbb", 1},
        {"\xef\xbf\xbc", 0},
        {"\xf3\x9f\xbf\xbf", 0},
        {"\xf3\xa0\x80\x80", 1},
        {"\xf3\xa0\x81\xbf", 1},
        {"\xf3\xa0\x82\x80", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char start[TEST_NAME_SIZE], name[TEST_NAME_SIZE + 8];
        myl_producer_options o = producer_options(8);
        myl_producer *producer = NULL;
        snprintf(name, sizeof name, "%s%sx", test_name(start, "character"), cases[i].text);
        int rc = myl_producer_open(&producer, name, &o);
        if (rc != (cases[i].refused ? MYL_ENAME : MYL_OK))
            test_fail("case %d: %s", (int)i, rc == MYL_OK ? "success" : myl_errname(rc));
        if (cases[i].refused)
            expect_detail("control character");
        myl_producer_close(producer);
    }
}

static void path_of_a_file_has_its_limits(void **state)
{
    (void)state;
    static char longest[4097];
    myl_producer_options o = producer_options(8);
    o.ring.backend = MYL_BACKEND_FILE;
    expect_no_producer(MYL_ENAME, "1 to 4095 bytes", "", &o);
    expect_no_producer(MYL_ENAME, "1 to 4095 bytes", NULL, &o);
    memset(longest, 'x', sizeof longest - 1);
    expect_no_producer(MYL_ENAME, "1 to 4095 bytes", longest, &o);
    longest[4095] = '\0'; /* the longest possible path; the system has no such file */
    myl_consumer *none;
    myl_consumer_options c = consumer_options("c");
    c.ring.backend = MYL_BACKEND_FILE;
    assert_true(myl_consumer_open(&none, longest, &c) < 0);
    assert_null(strstr(myl_error_detail(), "1 to 4095 bytes"));
}

/* A joiner with a prefix resumes the number that its prefix gave out, and not an id that only looks like one. */
static void only_numbers_of_a_prefix_are_resumed(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        int belongs;
    } cases[] = {{"w_0", 1},  {"w_00", 0}, {"w_01", 0}, {"w_8", 0},   {"w_7", 0}, {"w_", 0},  {"w__0", 0},
                 {"w0", 0},   {"w-0", 0},  {"w_1a", 0}, {"w_a", 0},   {"w", 0},   {"x_0", 0}, {"ww_0", 0},
                 {"w_10", 0}, {"w_-1", 0}, {"w_.1", 0}, {"w_0_0", 0}, {"w.0", 0}, {"W_0", 0}, {"w_4294967296", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[TEST_NAME_SIZE];
        myl_joined joined = {.size = sizeof joined};
        myl_producer_options o = producer_options(8);
        o.config.max_consumers = 8;
        myl_producer *producer = open_producer(test_name(name, "belongs"), &o);
        put_many(producer, 0, 2);
        myl_consumer *consumer = open_consumer(name, cases[i].id);
        take_many(consumer, 0, 1);
        myl_consumer_close(consumer);
        myl_consumer_options c = {.size = sizeof c, .ring.prefix = "w"};
        consumer = open_consumer_with(name, &c);
        test_ok(myl_consumer_joined(consumer, &joined));
        if (joined.resumed != cases[i].belongs || strcmp(joined.id, "w_0") != 0)
            test_fail("after \"%s\": \"%s\", resumed %d", cases[i].id, joined.id, joined.resumed);
        myl_consumer_close(consumer);
        myl_producer_close(producer);
        (void)!myl_remove(name, MYL_BACKEND_SHM, 1);
    }
}

/* --- participants that use a ring --------------------------------------------------------------------------------- */

/* A live consumer is found at any position of the table. */
static void living_consumer_is_seen_among_those_that_left(void **state)
{
    (void)state;
    static const char *const ids[] = {"a", "b", "c"};
    for (unsigned lives = 0; lives < 3; lives++) {
        char name[TEST_NAME_SIZE];
        myl_snapshot *snapshot;
        myl_consumer *consumer[3];
        myl_producer_options o = producer_options(8);
        myl_producer *producer = open_producer(test_name(name, "lives"), &o);
        for (unsigned i = 0; i < 3; i++)
            consumer[i] = open_consumer(name, ids[i]);
        put_many(producer, 0, 1);
        for (unsigned i = 0; i < 3; i++) {
            take_many(consumer[i], 0, 1);
            if (i != lives)
                myl_consumer_close(consumer[i]);
        }
        test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
        assert_int_equal(snapshot->live_consumers, 1);
        myl_snapshot_free(snapshot);
        myl_producer_leave(producer);
        test_code(MYL_EINUSE, myl_remove(name, MYL_BACKEND_SHM, 0));
        assert_true(ring_exists(name));
        producer = open_producer(name, &o);
        myl_producer_close(producer); /* the last participant removes the name */
        assert_true(ring_exists(name));
        myl_consumer_close(consumer[lives]);
        assert_false(ring_exists(name));
    }
}

static int use_a_copy(test_peer *parent, void *argument)
{
    myl_consumer *consumer = argument;
    myl_diagnosis *diagnosis = (myl_diagnosis *)(void *)&consumer;
    (void)parent;
    assert_int_equal(myl_consumer_available(consumer), 0);
    test_code(MYL_EFORKED, myl_consumer_diagnose(consumer, 0, &diagnosis));
    assert_null(diagnosis);
    return 0;
}

static void copied_handle_is_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_child child;
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "copy"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    put_many(producer, 0, 3);
    assert_int_equal(myl_consumer_available(consumer), 3);
    test_spawn(&child, use_a_copy, consumer);
    test_expect_exit(&child, 0);
    assert_int_equal(myl_consumer_available(consumer), 3);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

/* --- wakes by a publish and a release ----------------------------------------------------------------------------- */

static uint64_t wakes_of(const myl_producer *producer)
{
    return myl_segment_producer(&producer->handle.segment)->counters[MYL_COUNTER_WAKES].v;
}

/* A publish that finds a sleeper wakes it and counts the wake. A publish without sleepers does neither. */
static void publish_counts_its_wakes(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "wakes"), &o);
    struct myl_park_word *park = producer->handle.segment.data_park;
    uint64_t wakes = wakes_of(producer);
    for (uint64_t i = 0; i < 6; i++) {
        int asleep = i % 2;
        if (asleep)
            park->word.v |= MYL_PARK_SLEEP | MYL_PARK_FENCE;
        uint32_t before = park->word.v;
        put(producer, i, MYL_TRY);
        assert_int_equal(wakes_of(producer), wakes + (uint64_t)asleep);
        assert_int_equal(park->word.v & MYL_PARK_SLEEP, 0);
        assert_int_equal((park->word.v & ~7U) != (before & ~7U), asleep);
        wakes += (uint64_t)asleep;
    }
    myl_producer_close(producer);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0)); /* no consumer has read it */
}

/* A release wakes the producer only if it reaches the needed cursor. */
static void release_wakes_only_at_the_needed_cursor(void **state)
{
    (void)state;
    static const struct {
        uint64_t before, after, need;
        int wakes;
    } cases[] = {{0, 3, 3, 1}, {0, 2, 3, 0}, {0, 4, 3, 1}, {3, 5, 3, 0}, {2, 3, 3, 1},
                 {4, 5, 3, 0}, {0, 1, 1, 1}, {5, 8, 8, 1}, {5, 7, 8, 0}, {0, 8, 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[TEST_NAME_SIZE];
        myl_producer_options o = producer_options(8);
        myl_producer *producer = open_producer(test_name(name, "needs"), &o);
        myl_consumer *consumer = open_consumer(name, "c");
        struct myl_park_word *room = &producer->handle.segment.control->room;
        put_many(producer, 0, 8);
        if (cases[i].before > 0)
            take_many(consumer, 0, cases[i].before);
        room->need.v = cases[i].need;
        room->word.v |= MYL_PARK_SLEEP;
        uint32_t before = room->word.v;
        take_many(consumer, cases[i].before, cases[i].after - cases[i].before);
        if ((room->word.v != before) != cases[i].wakes)
            test_fail("case %d: %x, then %x", (int)i, (unsigned)before, (unsigned)room->word.v);
        assert_int_equal((room->word.v & MYL_PARK_SLEEP) != 0, !cases[i].wakes);
        myl_consumer_close(consumer);
        myl_producer_close(producer);
    }
}

/* --- error details ------------------------------------------------------------------------------------------------ */

/* After a half-filled cell there is less room. */
static void largest_claim_after_a_half_filled_cell_is_named(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_span span;
    myl_producer_options o = producer_options(20);
    o.config.packed_cell = 256; /* five events */
    myl_producer *producer = open_producer(test_name(name, "half"), &o);
    put_many(producer, 0, 1);
    test_code(MYL_ETOOBIG, myl_producer_claim_span(producer, 20, &span, MYL_TRY));
    expect_detail("20 events");
    expect_detail("at most 15");
    test_code(MYL_ETOOBIG, myl_producer_claim_span(producer, 21, &span, MYL_TRY));
    expect_detail(", 20; claim fewer");
    test_ok(myl_producer_claim_span(producer, 4, &span, MYL_TRY)); /* the rest of the cell */
    uint64_t claimed = span.count;
    test_ok(myl_producer_claim_span(producer, 11, &span, MYL_TRY));
    claimed += span.count;
    test_code(MYL_ELEASED, myl_producer_claim_span(producer, 20, &span, MYL_TRY));
    char text[64];
    snprintf(text, sizeof text, "%d events are claimed", (int)claimed);
    expect_detail(text);
    myl_producer_abort(producer);
    myl_producer_close(producer);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

/* The consumer with the lowest cursor is named, at any position of the table; the first one of two equals; none that
 * left. */
static void slowest_consumer_is_named(void **state)
{
    (void)state;
    static const struct {
        uint64_t read[3];
        unsigned left, slowest; /* left: one bit per consumer */
        const char *lag;
    } cases[] = {{{1, 3, 2}, 0, 0, "acknowledged 7 events"}, {{3, 1, 2}, 0, 1, "acknowledged 7 events"},
                 {{3, 2, 1}, 0, 2, "acknowledged 7 events"}, {{2, 2, 3}, 0, 0, "acknowledged 6 events"},
                 {{0, 3, 2}, 1, 2, "acknowledged 6 events"}, {{5, 0, 0}, 6, 0, "acknowledged 3 events"},
                 {{8, 3, 8}, 0, 1, "acknowledged 5 events"}};
    static const char *const ids[] = {"a", "b", "c"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[TEST_NAME_SIZE], text[32];
        myl_consumer *consumer[3];
        myl_producer_options o = producer_options(8);
        myl_producer *producer = open_producer(test_name(name, "slowest"), &o);
        for (unsigned k = 0; k < 3; k++)
            consumer[k] = open_consumer(name, ids[k]);
        put_many(producer, 0, 8);
        for (unsigned k = 0; k < 3; k++) {
            if (cases[i].read[k] > 0)
                take_many(consumer[k], 0, cases[i].read[k]);
            if ((cases[i].left >> k & 1) != 0)
                myl_consumer_close(consumer[k]);
        }
        test_code(MYL_ETIMEDOUT, myl_producer_wait_consumed(producer, 7, MYL_USEC(10)));
        snprintf(text, sizeof text, "consumer \"%s\" (process %d)", ids[cases[i].slowest], (int)getpid());
        expect_detail(text);
        expect_detail(cases[i].lag);
        for (unsigned k = 0; k < 3; k++)
            myl_consumer_close((cases[i].left >> k & 1) != 0 ? NULL : consumer[k]);
        myl_producer_close(producer);
    }
}

/* The detail has the time waited for a ring only if the call waited. */
static void ring_without_a_wait_has_no_time_in_its_detail(void **state)
{
    (void)state;
    myl_consumer_options c = consumer_options("c");
    expect_no_consumer(MYL_ENOTFOUND, "there is no ring", "myl-test-nothing", &c);
    assert_null(strstr(myl_error_detail(), "waited"));
    c.ring.attach_timeout_ns = 1;
    expect_no_consumer(MYL_ENOTFOUND, "waited 1 ns for it", "myl-test-nothing", &c);
}

/* A managed producer with a lost descriptor reports that, whether it waits or not. */
static void lost_descriptor_is_reported_before_the_startup_wait(void **state)
{
    (void)state;
    static const char *const ids[] = {"w"};
    char name[TEST_NAME_SIZE];
    void *event;
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "lost"), &o);
    myl_liveness_options policy = {.size = sizeof policy,
                                   .required = ids,
                                   .required_count = 1,
                                   .startup_wait_ns = MYL_SEC(1000)};
    test_ok(myl_producer_set_liveness(producer, &policy));
    test_code(MYL_EAGAIN, myl_producer_claim(producer, &event, MYL_TRY));
    int kept = fcntl(producer->handle.segment.fd, F_DUPFD_CLOEXEC, 0), other = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_int_equal(dup2(other, producer->handle.segment.fd), producer->handle.segment.fd);
    test_code(MYL_ELOCKLOST, myl_producer_claim(producer, &event, MYL_TRY));
    test_code(MYL_ELOCKLOST, myl_producer_claim(producer, &event, MYL_SEC(100)));
    assert_int_equal(dup2(kept, producer->handle.segment.fd), producer->handle.segment.fd);
    close(kept);
    close(other);
    test_code(MYL_EAGAIN, myl_producer_claim(producer, &event, MYL_TRY));
    myl_producer_close(producer);
}

/* Other control messages are not taken for descriptors. */
static void credentials_are_not_taken_for_descriptors(void **state)
{
    (void)state;
#ifdef SO_PASSCRED
    int pair[2], one = 1, got = -1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one), 0);
    test_ok(myl_send_fd(pair[0], pair[0]));
    test_ok(myl_recv_fd(pair[1], &got));
    assert_true(got > STDERR_FILENO);
    assert_int_equal(fcntl(got, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_not_equal(fcntl(0, F_GETFD), -1); /* a user id of 0 is not descriptor 0 */
    char byte = 'm';
    assert_int_equal(write(pair[0], &byte, 1), 1);
    int none = 77;
    test_code(MYL_ESYSTEM, myl_recv_fd(pair[1], &none));
    expect_detail("sent 0 descriptors");
    assert_int_equal(none, -1);
    assert_int_not_equal(fcntl(0, F_GETFD), -1);
    close(got);
    close(pair[0]);
    close(pair[1]);
#endif
}

/* --- state at the start ------------------------------------------------------------------------------------------- */

static void new_consumer_has_no_past(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_snapshot *snapshot;
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "new"), &o);
    for (int round = 0; round < 2; round++) { /* the second one reuses the entry of the first */
        myl_consumer *consumer = open_consumer(name, round == 0 ? "a" : "b");
        struct myl_participant *entry = myl_segment_entry(&producer->handle.segment, 0);
        test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
        const myl_consumer_status *status = &snapshot->entry[round];
        assert_int_equal(status->stalled_ns, -1);
        assert_int_equal(status->waiting_ns, -1);
        assert_int_equal(status->waited_ns, 0);
        assert_int_equal(status->parks, 0);
        assert_int_equal(status->activity_left_ns, 0);
        assert_int_equal(status->died_ns, 0);
        assert_string_equal(status->activity, "");
        myl_snapshot_free(snapshot);
        entry->stalled_since.v = entry->waiting.v = entry->died_ns.v = 77;
        myl_consumer_close(consumer);
    }
    assert_int_equal(myl_has_feature("events"), 1);
    assert_int_equal(myl_has_feature("event"), 0);
    assert_int_equal(myl_os_any_lock_held(-1, 0, 1), -EBADF);
    assert_int_equal(myl_os_lock_held(-1, 0), -EBADF);
    myl_producer_close(producer);
}

/* A path longer than its field is shown by its end. */
static void long_path_is_shown_by_its_end(void **state)
{
    (void)state;
    char path[TEST_PATH_SIZE], end[TEST_PATH_SIZE];
    myl_info info = {.size = sizeof info};
    for (size_t more = 120; more <= 180; more += 60) {
        size_t length = strlen(test_path(path, "long-"));
        memset(path + length, 'x', more);
        path[length + more] = '\0';
        for (size_t i = 0; i < more; i++)
            path[length + i] = (char)('a' + i % 26);
        length += more;
        myl_producer_options o = producer_options(8);
        o.ring.backend = MYL_BACKEND_FILE;
        myl_producer *producer = open_producer(path, &o);
        test_ok(myl_producer_info(producer, &info));
        size_t shown = length < sizeof info.name ? length : sizeof info.name - 1;
        snprintf(end, sizeof end, "%s", path + length - shown);
        assert_string_equal(info.name, end);
        myl_producer_close(producer);
    }
}

/* --- words that lag by one step
 * ---------------------------------------------------------------------------------------------- */

static int die_with_a_cursor(test_peer *parent, void *name)
{
    myl_consumer *consumer = open_consumer(name, "d");
    test_send(parent, 1);
    take_many(consumer, 0, 5);
    _exit(0);
}

/* A stamp publishes an event before `next` is stored. The highest possible cursor follows from the stamps, however many
 * there are. */
static void cursor_is_checked_against_the_stamps(void **state)
{
    (void)state;
    for (uint64_t lag = 0; lag <= 5; lag++) {
        char name[TEST_NAME_SIZE];
        test_child child;
        myl_joined joined = {.size = sizeof joined};
        myl_producer_options o = producer_options(8);
        myl_producer *producer = open_producer(test_name(name, "stamps"), &o);
        test_spawn(&child, die_with_a_cursor, name);
        test_expect_value(&child.peer, 1); /* it has joined */
        put_many(producer, 0, 5);
        test_expect_exit(&child, 0);
        producer->handle.segment.control->next.v = 5 - lag;
        myl_consumer *consumer = open_consumer(name, "d");
        test_ok(myl_consumer_joined(consumer, &joined));
        assert_int_equal(joined.resumed, 1);
        assert_int_equal(joined.start, 5);
        producer->handle.segment.control->next.v = 5;
        myl_consumer_close(consumer);
        myl_producer_close(producer);
    }
}

/* A joiner may see the gate before the `next` that it followed, by at most the size of the ring. */
static void gate_may_be_one_ring_ahead_of_next(void **state)
{
    (void)state;
    for (uint64_t ahead = 7; ahead <= 9; ahead++) {
        char name[TEST_NAME_SIZE];
        myl_joined joined = {.size = sizeof joined};
        myl_consumer *consumer = NULL;
        myl_producer_options o = producer_options(8);
        myl_producer *producer = open_producer(test_name(name, "ahead"), &o);
        struct myl_control *control = producer->handle.segment.control;
        control->gate.v = ahead;
        myl_consumer_options c = consumer_options("c");
        test_code(ahead <= 8 ? MYL_OK : MYL_ECORRUPT, myl_consumer_open(&consumer, name, &c));
        if (consumer != NULL) {
            test_ok(myl_consumer_joined(consumer, &joined));
            assert_int_equal(joined.start, ahead);
        }
        control->gate.v = 0;
        myl_consumer_close(consumer);
        myl_producer_close(producer);
        (void)!myl_remove(name, MYL_BACKEND_SHM, 1);
    }
}

/* Observers rely on the gate: events below an earlier gate may be overwritten. */
static void gate_is_never_lowered(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "gate"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    struct myl_control *control = producer->handle.segment.control;
    put_many(producer, 0, 8);
    take_many(consumer, 0, 2);
    control->gate.v = 5;
    put_many(producer, 8, 1);
    assert_int_equal(control->gate.v, 5);
    take_many(consumer, 2, 5);
    put_many(producer, 9, 6); /* reaches the gate again */
    assert_int_equal(control->gate.v, 7);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_next_to_controls_are_accepted),
        cmocka_unit_test(path_of_a_file_has_its_limits),
        cmocka_unit_test(only_numbers_of_a_prefix_are_resumed),
        cmocka_unit_test(living_consumer_is_seen_among_those_that_left),
        cmocka_unit_test(copied_handle_is_refused),
        cmocka_unit_test(publish_counts_its_wakes),
        cmocka_unit_test(release_wakes_only_at_the_needed_cursor),
        cmocka_unit_test(largest_claim_after_a_half_filled_cell_is_named),
        cmocka_unit_test(slowest_consumer_is_named),
        cmocka_unit_test(ring_without_a_wait_has_no_time_in_its_detail),
        cmocka_unit_test(lost_descriptor_is_reported_before_the_startup_wait),
        cmocka_unit_test(credentials_are_not_taken_for_descriptors),
        cmocka_unit_test(new_consumer_has_no_past),
        cmocka_unit_test(long_path_is_shown_by_its_end),
        cmocka_unit_test(gate_may_be_one_ring_ahead_of_next),
        cmocka_unit_test(cursor_is_checked_against_the_stamps),
        cmocka_unit_test(gate_is_never_lowered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
