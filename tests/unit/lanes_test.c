/* SPDX-License-Identifier: MIT
 * Rings with lanes: several producers and consumers of all lanes, in one thread. Assignment of lanes, turns, ends and
 * restarts, leases across lanes, fragments, names, snapshots. */
#include <fcntl.h>

#include "segment/header.h"
#include "segment/segment.h"
#include "unit/lanes.h"

#define expect_no_lane(code, text, name, lanes, lane)                                                                  \
    do {                                                                                                               \
        myl_frame_producer_options no_options = lane_options((lanes), (lane));                                         \
        myl_frame_producer *nobody = (myl_frame_producer *)(void *)&no_options;                                        \
        test_code((code), myl_frame_producer_open(&nobody, (name), &no_options));                                      \
        expect_detail(text);                                                                                           \
        assert_null(nobody);                                                                                           \
    } while (0)

/* --- assignment of lanes ----------------------------------------------------------------------------------------- */

static void lane_is_chosen_by_id(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], id[MYL_ID_MAX + 1];
    test_name(name, "which");
    myl_frame_producer *a = open_lane(name, 3, "a"), *b = open_lane(name, 0, "b"), *any = open_lane(name, 3, NULL);
    myl_frame_consumer *c = open_frame_consumer(name, "c");
    assert_int_equal(lane_of(a), 0);
    assert_int_equal(lane_of(b), 1);
    assert_int_equal(lane_of(any), 2);
    expect_no_lane(MYL_EPRODUCERALIVE, "lane \"b\"", name, 0, "b");
    expect_no_lane(MYL_ELANES, "all 3 lanes", name, 0, "d");
    expect_no_lane(MYL_ELANES, "all 3 lanes", name, 0, NULL);
    test_ok(myl_frame_consumer_lane(c, 1, id));
    assert_string_equal(id, "b");
    test_ok(myl_frame_consumer_lane(c, 2, id));
    assert_string_equal(id, "");
    test_code(MYL_EINVAL, myl_frame_consumer_lane(c, 3, id));
    myl_frame_producer_leave(b); /* a lane with an id is kept for it; one without may be used by any producer */
    myl_frame_producer_leave(any);
    any = open_lane(name, 0, NULL);
    assert_int_equal(lane_of(any), 2);
    expect_no_lane(MYL_ELANES, "all 3 lanes", name, 0, NULL);
    b = open_lane(name, 0, "b");
    assert_int_equal(lane_of(b), 1);
    myl_frame_producer_close(a); /* any producer may use an ended lane */
    a = open_lane(name, 0, "z");
    assert_int_equal(lane_of(a), 0);
    myl_frame_producer_close(a);
    myl_frame_producer_close(b);
    myl_frame_producer_close(any);
    myl_frame_consumer_close(c);
    assert_int_equal(test_shm_entries(), 0);
}

static void lane_options_are_checked(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_name(name, "options");
    expect_no_lane(MYL_EINVAL, "65 lanes", name, 65, NULL);
    expect_no_lane(MYL_EID, "no good", name, 2, "no good");
    expect_no_lane(MYL_EINVAL, "set `lanes`", name, 0, "a");
    expect_no_lane(MYL_EINVAL, "set `lanes`", name, 1, "a");
    assert_int_equal(test_shm_entries(), 0);
    myl_frame_producer *one = open_lane(name, 1, NULL);
    expect_no_lane(MYL_EPRODUCERALIVE, "living producer", name, 2, "b");
    myl_frame_producer_leave(one);
    expect_no_lane(MYL_ESHAPE, "one producer", name, 0, "b");
    expect_no_lane(MYL_ESHAPE, "lanes 1", name, 2, NULL);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
    one = open_lane(name, 2, "a");
    expect_no_lane(MYL_ESHAPE, "lanes 2", name, 3, "b");
    myl_frame_producer_options o = lane_options(2, "b");
    o.config.ring_bytes *= 2;
    myl_frame_producer *two = NULL;
    test_code(MYL_ESHAPE, myl_frame_producer_open(&two, name, &o)); /* and no lane was acquired */
    two = open_lane(name, 2, "c");
    assert_int_equal(lane_of(two), 1);
    o = lane_options(2, "b");
    o.ring.existing = MYL_EXISTING_FAIL;
    myl_frame_producer *three = NULL;
    test_code(MYL_EEXISTS, myl_frame_producer_open(&three, name, &o));
    o.ring.existing = MYL_EXISTING_REPLACE;
    test_code(MYL_EPRODUCERALIVE, myl_frame_producer_open(&three, name, &o));
    myl_frame_producer_close(one);
    test_code(MYL_EPRODUCERALIVE, myl_frame_producer_open(&three, name, &o));
    myl_frame_producer_close(two);
    assert_int_equal(test_shm_entries(), 0);
}

/* --- turns ------------------------------------------------------------------------------------------------------- */

/* Whatever one lane sends, another lane waits at most one turn: 16 messages, or 64 KiB and one message. */
static void lanes_get_turns_of_bounded_length(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    enum { LANES = 4, FEW = 20 };
    myl_frame_producer *p[LANES];
    test_name(name, "turns");
    for (int i = 0; i < LANES; i++)
        p[i] = open_lane(name, LANES, NULL);
    myl_frame_consumer *c = open_frame_consumer(name, "c");
    for (int i = 0; i < 500; i++)
        send_text(p[0], "many");
    for (int i = 0; i < FEW; i++) {
        send_text(p[1], "few");
        send_text(p[3], "few");
    }
    unsigned seen[LANES] = {0}, since[LANES] = {0};
    myl_message message;
    while (myl_frame_consumer_next(c, &message, MYL_TRY) == MYL_OK) {
        seen[message.lane]++;
        since[message.lane] = 0;
        for (int i = 1; i < LANES; i += 2)
            assert_true(seen[i] == FEW || ++since[i] <= 2 * 16 + 1);
        test_ok(myl_frame_consumer_release(c));
    }
    assert_int_equal(seen[0], 500);
    assert_int_equal(seen[2], 0);
    /* Large messages count by their size. */
    void *data;
    for (int i = 0; i < 3; i++) {
        test_ok(myl_frame_producer_claim(p[0], 16000, &data, MYL_TRY));
        test_ok(myl_frame_producer_commit(p[0], 16000, 0));
    }
    send_text(p[1], "small");
    unsigned before = 0;
    while (myl_frame_consumer_next(c, &message, MYL_TRY) == MYL_OK && message.length != 5)
        before++;
    assert_true(before <= 3);
    test_ok(myl_frame_consumer_release(c));
    for (int i = 0; i < LANES; i++)
        myl_frame_producer_close(p[i]);
    myl_frame_consumer_close(c);
    assert_int_equal(test_shm_entries(), 0);
}

/* --- ends and restarts ------------------------------------------------------------------------------------------- */

static void lanes_end_and_begin_again(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_message message;
    test_name(name, "ends");
    myl_frame_producer *a = open_lane(name, 4, "a");
    myl_frame_consumer *c = open_frame_consumer(name, "c");
    send_text(a, "one");
    myl_frame_producer *b = open_lane(name, 0, "b");
    send_text(b, "two");
    myl_frame_producer_close(a);
    expect_text(c, 0, "one");
    expect_text(c, 1, "two");
    expect_no_frame(c, MYL_EAGAIN); /* lanes 2 and 3 were never used, 0 has ended, 1 is open */
    test_code(MYL_ETIMEDOUT, myl_frame_consumer_next(c, &message, MYL_MSEC(1)));
    send_text(b, "three");
    myl_frame_producer_close(b);
    expect_text(c, 1, "three");
    expect_no_frame(c, MYL_ECLOSED);
    test_code(MYL_ECLOSED, myl_frame_consumer_next(c, &message, MYL_FOREVER));
    expect_detail("every lane");
    a = open_lane(name, 0, "a"); /* not final: the lane is used again */
    assert_int_equal(lane_of(a), 0);
    expect_no_frame(c, MYL_EAGAIN);
    send_text(a, "four");
    expect_text(c, 0, "four");
    test_ok(myl_frame_consumer_release(c));
    myl_frame_producer_leave(a);
    test_code(MYL_EPRODUCERLEFT, myl_frame_consumer_next(c, &message, MYL_FOREVER));
    assert_int_equal(message.lane, 0);
    expect_detail("lane 0 (a)");
    test_code(MYL_EPRODUCERLEFT, myl_frame_consumer_next(c, &message, MYL_FOREVER)); /* no other producer: reported
                                                                                      * again */
    b = open_lane(name, 0, "b");
    test_code(MYL_ETIMEDOUT, myl_frame_consumer_next(c, &message, MYL_MSEC(30))); /* already reported */
    a = open_lane(name, 0, "a");
    send_text(a, "five");
    expect_text(c, 0, "five");
    myl_frame_producer_close(a);
    test_ok(myl_frame_consumer_release(c));
    myl_frame_consumer_close(c);
    assert_int_equal(ring_exists(name), 1); /* b lives */
    myl_frame_producer_close(b);
    assert_int_equal(ring_exists(name), 0);
}

/* --- leases ------------------------------------------------------------------------------------------------------ */

static void leases_are_released_in_all_lanes(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_name(name, "leases");
    myl_frame_producer *a = open_lane(name, 2, "a"), *b = open_lane(name, 0, "b");
    myl_frame_consumer *c = open_frame_consumer(name, "c");
    for (int round = 0; round < 3; round++) {
        myl_message message;
        char buffer[16];
        send_text(a, "a1");
        send_text(b, "b1");
        send_text(a, "a2");
        int from[2] = {0};
        for (int i = 0; i < 3; i++) {
            assert_int_equal(myl_frame_consumer_end_of_batch(c), 0);
            test_ok(myl_frame_consumer_next(c, &message, MYL_TRY));
            assert_int_equal(((const char *)message.data)[0], "ab"[message.lane]);
            assert_int_equal(((const char *)message.data)[1], '1' + from[message.lane]++);
        }
        assert_int_equal(myl_frame_consumer_end_of_batch(c), 1);
        test_code(MYL_ENOTCLAIMED, myl_frame_consumer_get(c, buffer, sizeof buffer, &message, MYL_TRY));
        test_code(MYL_ETIMEDOUT, myl_frame_producer_wait_consumed(a, MYL_USEC(1)));
        myl_frame_consumer_rewind(c);
        test_code(MYL_EBUFFER, myl_frame_consumer_get(c, buffer, 1, &message, MYL_TRY));
        uint32_t same = message.lane;
        test_ok(myl_frame_consumer_get(c, buffer, sizeof buffer, &message, MYL_TRY));
        assert_int_equal(message.lane, same);
        test_ok(myl_frame_consumer_next(c, &message, MYL_TRY));
        test_ok(myl_frame_consumer_next(c, &message, MYL_TRY));
        expect_no_frame(c, MYL_EAGAIN);
        test_ok(myl_frame_consumer_release(c));
        test_ok(myl_frame_producer_wait_consumed(a, MYL_TRY));
        test_ok(myl_frame_producer_wait_consumed(b, MYL_TRY));
    }
    myl_frame_producer_close(a);
    myl_frame_producer_close(b);
    myl_frame_consumer_close(c);
    assert_int_equal(test_shm_entries(), 0);
}

/* Leases of a lane that has ended meanwhile are delivered again after a rewind. */
static void rewind_delivers_again_after_an_end(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_name(name, "rewind");
    myl_frame_producer *a = open_lane(name, 2, "a"), *b = open_lane(name, 0, "b");
    myl_frame_consumer *c = open_frame_consumer(name, "c");
    send_text(a, "one");
    myl_frame_producer_close(a);
    expect_text(c, 0, "one");
    expect_no_frame(c, MYL_EAGAIN); /* from here on it has seen the end of lane 0 */
    myl_frame_consumer_rewind(c);
    expect_text(c, 0, "one");
    myl_frame_producer_close(b);
    expect_no_frame(c, MYL_ECLOSED);
    myl_frame_consumer_rewind(c);
    expect_text(c, 0, "one");
    expect_no_frame(c, MYL_ECLOSED);
    test_ok(myl_frame_consumer_release(c));
    myl_frame_consumer_close(c);
    assert_int_equal(test_shm_entries(), 0);
}

static int count_lane(const myl_message *message, void *user)
{
    unsigned *count = user;
    return ++count[message->lane] == 3 && count[2] == 0 && ++count[2] == 1 ? 7 : 0; /* stops once */
}

static void drain_handles_all_lanes(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    unsigned count[3] = {0};
    uint64_t handled;
    test_name(name, "drain");
    myl_frame_producer *a = open_lane(name, 2, "a"), *b = open_lane(name, 0, "b");
    myl_frame_consumer *c = open_frame_consumer(name, "c");
    for (int i = 0; i < 5; i++) {
        send_text(a, "a");
        send_text(b, "b");
    }
    test_code(MYL_EHANDLER, myl_frame_consumer_drain(c, 0, count_lane, count, &handled, MYL_TRY));
    assert_int_equal(handled, count[0] + count[1] - 1); /* this message is delivered again */
    test_ok(myl_frame_consumer_drain(c, 0, count_lane, count, &handled, MYL_TRY));
    assert_int_equal(count[0] + count[1], 11);
    test_ok(myl_frame_producer_wait_consumed(a, MYL_TRY));
    test_ok(myl_frame_producer_wait_consumed(b, MYL_TRY));
    myl_frame_producer_close(a);
    myl_frame_producer_close(b);
    test_code(MYL_ECLOSED, myl_frame_consumer_drain(c, 0, count_lane, count, &handled, MYL_TRY));
    myl_frame_consumer_close(c);
    assert_int_equal(test_shm_entries(), 0);
}

/* A lane whose whole ring is leased waits for a release, and blocks no other lane. */
static void full_lane_blocks_only_its_producer(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_message message;
    void *data;
    test_name(name, "full");
    myl_frame_producer *a = open_lane(name, 2, "a"), *b = open_lane(name, 0, "b");
    myl_frame_consumer *c = open_frame_consumer(name, "c");
    for (int i = 0; i < 4; i++) {
        test_ok(myl_frame_producer_claim(a, 16000, &data, MYL_TRY));
        test_ok(myl_frame_producer_commit(a, 16000, 0));
        test_ok(myl_frame_consumer_next(c, &message, MYL_TRY));
    }
    test_code(MYL_EAGAIN, myl_frame_producer_claim(a, 16384, &data, MYL_TRY));
    send_text(b, "still");
    expect_text(c, 1, "still");
    test_code(MYL_ELEASED, myl_frame_consumer_next(c, &message, MYL_FOREVER));
    assert_int_equal(message.lane, 0);
    test_ok(myl_frame_consumer_release(c));
    test_ok(myl_frame_producer_claim(a, 16384, &data, MYL_TRY));
    myl_frame_producer_close(a);
    myl_frame_producer_close(b);
    myl_frame_consumer_close(c);
    assert_int_equal(test_shm_entries(), 0);
}

/* --- fragments --------------------------------------------------------------------------------------------------- */

/* Fragmented messages in two lanes at once, and small ones. Each lane is reassembled separately, and a lease stays
 * valid until its release. */
static void fragments_of_lanes_are_reassembled_separately(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    enum { LONG = 40000, LANES = 2 };
    myl_frame_producer *p[LANES];
    myl_frame_producer_options o = lane_options(LANES, NULL);
    o.config.ring_bytes = 1 << 18;
    o.config.max_frame = 1000;
    test_name(name, "fragments");
    for (int i = 0; i < LANES; i++)
        p[i] = open_frames(name, &o);
    myl_frame_consumer *c = open_frame_consumer(name, "c");
    uint64_t sent[LANES] = {0}, got[LANES] = {0};
    for (int round = 0; round < 20; round++) {
        for (unsigned i = 0; i < LANES; i++) {
            for (int k = 0; k < 3; k++, sent[i]++)
                send_frame(p[i], sent[i] * LANES + i, sent[i] % 3 == 1 ? 100 : LONG - sent[i], MYL_TRY);
        }
        myl_message message, held[LANES] = {{0}};
        int rc;
        for (unsigned leased = 0; got[0] < sent[0] || got[1] < sent[1]; leased++) {
            rc = myl_frame_consumer_next(c, &message, MYL_TRY);
            if (rc == MYL_ELEASED) { /* a second message of this lane would need the memory of the first */
                assert_true(leased > 0);
                for (unsigned i = 0; i < LANES; i++) {
                    if (held[i].data != NULL)
                        expect_bytes(held[i].data, (uint64_t)(held[i].kind), held[i].length);
                    held[i].data = NULL;
                }
                test_ok(myl_frame_consumer_release(c));
                leased = 0;
                continue;
            }
            test_ok(rc);
            uint64_t n = got[message.lane]++, number = n * LANES + message.lane;
            expect_message(&message, number, n % 3 == 1 ? 100 : LONG - n);
            if (message.fragments > 1 && number < 256) {
                assert_null(held[message.lane].data);
                held[message.lane] = message;
            }
        }
        test_ok(myl_frame_consumer_release(c));
        expect_no_frame(c, MYL_EAGAIN);
    }
    for (int i = 0; i < LANES; i++)
        myl_frame_producer_close(p[i]);
    expect_no_frame(c, MYL_ECLOSED);
    myl_frame_consumer_close(c);
    assert_int_equal(test_shm_entries(), 0);
}

/* --- names, entries, snapshots ----------------------------------------------------------------------------------- */

static void rings_with_lanes_are_removed_and_replaced(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_name(name, "remove");
    myl_frame_producer *a = open_lane(name, 3, "a"), *b = open_lane(name, 0, "b");
    myl_frame_consumer *c = open_frame_consumer(name, "c");
    send_text(b, "last");
    myl_frame_producer_leave(a);
    test_code(MYL_EINUSE, myl_remove(name, MYL_BACKEND_SHM, 0));
    expect_detail("a producer and 1 living consumer");
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 1));
    assert_int_equal(ring_exists(name), 0);
    expect_text(c, 1, "last");
    expect_no_frame(c, MYL_ESUPERSEDED);
    myl_frame_producer_close(b);
    myl_frame_consumer_close(c);

    a = open_lane(name, 3, "a");
    b = open_lane(name, 0, "b");
    c = open_frame_consumer(name, "c");
    myl_frame_producer_leave(a);
    myl_frame_producer_leave(b);
    myl_frame_producer_options o = lane_options(2, "x");
    o.ring.existing = MYL_EXISTING_REPLACE;
    test_code(MYL_EINUSE, myl_frame_producer_open(&a, name, &o));
    o.ring.existing = MYL_EXISTING_SUPERSEDE;
    test_ok(myl_frame_producer_open(&a, name, &o));
    expect_no_frame(c, MYL_ESUPERSEDED);
    myl_frame_consumer_close(c);
    c = open_frame_consumer(name, "c");
    send_text(a, "new");
    expect_text(c, 0, "new");
    test_ok(myl_frame_consumer_release(c));
    myl_frame_producer_close(a);
    myl_frame_consumer_close(c);
    assert_int_equal(test_shm_entries(), 0);
}

static void each_lane_registers_every_consumer(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_name(name, "entries");
    myl_frame_producer_options o = lane_options(3, "a");
    o.config.max_consumers = 2;
    myl_frame_producer *a = open_frames(name, &o);
    myl_frame_consumer *c = open_frame_consumer(name, "c"), *d = open_frame_consumer(name, NULL), *none = NULL;
    myl_frame_consumer_options reader = frame_reader("c");
    test_code(MYL_EDUPLICATE, myl_frame_consumer_open(&none, name, &reader));
    reader.ring.id = "e";
    test_code(MYL_ETABLEFULL, myl_frame_consumer_open(&none, name, &reader));
    test_code(MYL_EINUSE, myl_evict(name, MYL_BACKEND_SHM, "c"));
    test_code(MYL_ENOTFOUND, myl_evict(name, MYL_BACKEND_SHM, "e"));
    for (uint32_t lane = 0; lane < 3; lane++) {
        myl_snapshot *s;
        test_ok(myl_snapshot_take_lane(name, MYL_BACKEND_SHM, lane, &s));
        assert_int_equal(s->info.lanes, 3);
        assert_int_equal(s->info.lane, lane);
        assert_string_equal(s->info.lane_id, lane == 0 ? "a" : "");
        assert_int_equal(s->producer_alive, lane == 0);
        assert_int_equal(s->live_producers, 1);
        assert_int_equal(s->consumers, 2);
        assert_int_equal(s->live_consumers, 2);
        assert_string_equal(s->entry[0].id, "c");
        myl_snapshot_free(s);
    }
    myl_snapshot *s;
    myl_diagnosis *diagnosis;
    test_code(MYL_EINVAL, myl_snapshot_take_lane(name, MYL_BACKEND_SHM, 3, &s));
    test_code(MYL_EINVAL, myl_diagnose_lane(name, MYL_BACKEND_SHM, 3, 0, &diagnosis));
    test_ok(myl_diagnose_lane(name, MYL_BACKEND_SHM, 2, 0, &diagnosis));
    myl_diagnosis_free(diagnosis);
    myl_role_options role = {.size = sizeof role, .role = MYL_ROLE_ALERT};
    test_ok(myl_set_role(name, MYL_BACKEND_SHM, "c", &role));
    test_ok(myl_snapshot_take_lane(name, MYL_BACKEND_SHM, 2, &s));
    assert_int_equal(s->entry[0].role, MYL_ROLE_ALERT);
    myl_snapshot_free(s);
    myl_frame_consumer_close(d);
    d = open_frame_consumer(name, "e");
    myl_log *log;
    test_ok(myl_log_take(name, MYL_BACKEND_SHM, &log));
    unsigned joined[3] = {0};
    for (uint32_t i = 0; i < log->count; i++)
        joined[log->entry[i].lane] += log->entry[i].kind == MYL_LOG_JOINED;
    for (int i = 0; i < 3; i++)
        assert_int_equal(joined[i], 3); /* c, the one without an id, and e */
    myl_log_free(log);
    myl_frame_producer_close(a);
    myl_frame_consumer_close(c);
    myl_frame_consumer_close(d);
    assert_int_equal(test_shm_entries(), 0);
}

/* A mapped file, and a memfd that is passed on; rings whose consumers never park. */
static void lanes_work_in_files_memfds_and_spinning(void **state)
{
    (void)state;
    char path[TEST_PATH_SIZE];
    for (int backend = MYL_BACKEND_FILE; backend <= LAST_BACKEND; backend++) {
        const char *name = backend == MYL_BACKEND_FILE ? test_path(path, "lanes") : NULL;
        myl_frame_producer_options o = lane_options(2, "a");
        myl_frame_consumer_options reader = frame_reader("c");
        myl_frame_consumer *c = NULL;
        myl_message message;
        int fd = 0;
        o.ring.backend = reader.ring.backend = (enum myl_backend)backend;
        o.config.spin_only = MYL_SPIN_ONLY_ON;
        o.config.numbers = MYL_FRAMES_TIMED;
        myl_frame_producer *a = open_frames(name, &o), *b;
        if (name == NULL)
            test_ok(myl_producer_fd(myl_frame_producer_ring(a), &fd));
        o.lane = "b";
        o.ring.use_fd = name == NULL;
        o.ring.fd = reader.ring.fd = fd;
        b = open_frames(name, &o);
        assert_int_equal(lane_of(b), 1);
        test_ok(myl_frame_consumer_open(&c, name, &reader));
        test_code(MYL_ETIMEDOUT, myl_frame_consumer_next(c, &message, MYL_MSEC(1)));
        send_text(a, "of a");
        send_text(b, "of b");
        for (int i = 0; i < 2; i++) {
            test_ok(myl_frame_consumer_next(c, &message, MYL_SEC(10)));
            assert_int_equal(((const char *)message.data)[3], "ab"[message.lane]);
            assert_int_equal(message.number, 0);
        }
        myl_frame_producer_close(a);
        myl_frame_producer_close(b);
        a = open_frames(name, &o); /* reuses lane b after its end */
        assert_int_equal(lane_of(a), 1);
        assert_int_equal(myl_frame_producer_messages(a), 1);
        myl_frame_producer_close(a);
        test_ok(myl_frame_consumer_release(c));
        expect_no_frame(c, MYL_ECLOSED);
        myl_frame_consumer_close(c);
        if (fd != 0)
            close(fd);
    }
}

/* Every field with the number or the size of lanes is checked against the object. */
static void wrong_lane_fields_are_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], path[TEST_NAME_SIZE + 16];
    myl_frame_producer *a = open_lane(test_name(name, "hostile"), 2, "a");
    struct myl_header good, bad;
    snprintf(path, sizeof path, "/dev/shm/%s", name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &good, sizeof good, 0), sizeof good);
    for (int i = 0; i < 6; i++) {
        myl_snapshot *s;
        bad = good;
        if (i < 4)
            bad.lanes = (const uint32_t[]){0, 3, 17, UINT32_MAX}[i];
        else if (i == 4)
            bad.control_bytes *= 2;
        else
            bad.control_bytes -= 64;
        myl_header_seal(&bad);
        assert_int_equal(pwrite(fd, &bad, sizeof bad, 0), sizeof bad);
        test_code(MYL_ECORRUPT, myl_snapshot_take_lane(name, MYL_BACKEND_SHM, 1, &s));
    }
    assert_int_equal(pwrite(fd, &good, sizeof good, 0), sizeof good);
    close(fd);
    myl_frame_producer_close(a);
    assert_int_equal(ring_exists(name), 0);
}

static void observer_reads_one_lane(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], buffer[16];
    test_name(name, "observe");
    myl_frame_producer *a = open_lane(name, 2, "a"), *b = open_lane(name, 0, "b");
    myl_frame_consumer_options o = frame_reader(NULL);
    myl_frame_observer *observer = NULL;
    myl_message message;
    myl_frame_lost lost;
    o.observe_lane = 2;
    test_code(MYL_EINVAL, myl_frame_observer_open(&observer, name, &o));
    expect_detail("no lane 2");
    o.observe_lane = 1;
    test_ok(myl_frame_observer_open(&observer, name, &o));
    send_text(a, "not this");
    send_text(b, "this");
    test_ok(myl_frame_observer_get(observer, buffer, sizeof buffer, &message, &lost, MYL_TRY));
    assert_int_equal(message.lane, 1);
    assert_int_equal(message.length, 4);
    test_code(MYL_EAGAIN, myl_frame_observer_get(observer, buffer, sizeof buffer, &message, &lost, MYL_TRY));
    myl_frame_observer_close(observer);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 1));
    myl_frame_producer_close(a);
    myl_frame_producer_close(b);
    assert_int_equal(test_shm_entries(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lane_is_chosen_by_id),
        cmocka_unit_test(lane_options_are_checked),
        cmocka_unit_test(lanes_get_turns_of_bounded_length),
        cmocka_unit_test(lanes_end_and_begin_again),
        cmocka_unit_test(leases_are_released_in_all_lanes),
        cmocka_unit_test(rewind_delivers_again_after_an_end),
        cmocka_unit_test(drain_handles_all_lanes),
        cmocka_unit_test(full_lane_blocks_only_its_producer),
        cmocka_unit_test(fragments_of_lanes_are_reassembled_separately),
        cmocka_unit_test(rings_with_lanes_are_removed_and_replaced),
        cmocka_unit_test(each_lane_registers_every_consumer),
        cmocka_unit_test(lanes_work_in_files_memfds_and_spinning),
        cmocka_unit_test(wrong_lane_fields_are_refused),
        cmocka_unit_test(observer_reads_one_lane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
