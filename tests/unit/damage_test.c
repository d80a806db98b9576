/* SPDX-License-Identifier: MIT
 * A damaged control area. An impossible value is an error that names the value, and it neither gates nor gives room.
 * tests/fuzz tries all values; these are the cases that it has found. */
#include <fcntl.h>
#include <sys/mman.h>

#include "segment/layout.h"
#include "unit/rings.h"

/* A ring, and a writable mapping of its control area. */
struct victim {
    char name[TEST_NAME_SIZE];
    struct myl_header head;
    struct myl_control *control;
};

static void map_victim(struct victim *victim)
{
    char path[TEST_NAME_SIZE + 16];
    snprintf(path, sizeof path, "/dev/shm/%s", victim->name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, &victim->head, sizeof victim->head, 0), sizeof victim->head);
    victim->control = mmap(NULL, victim->head.control_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                           (off_t)victim->head.control_offset);
    assert_true(victim->control != MAP_FAILED);
    close(fd);
}

static void unmap_victim(struct victim *victim)
{
    munmap(victim->control, victim->head.control_bytes);
}

/* No consumer is registered, and everything below the gate may be overwritten. A gate that is too high must not give
 * room. */
static void gate_ahead_gives_no_room(void **state)
{
    (void)state;
    struct victim victim;
    myl_producer_options options = producer_options(8);
    myl_producer *producer = open_producer(test_name(victim.name, "gate"), &options);
    void *event;
    map_victim(&victim);
    put_many(producer, 0, 8);
    victim.control->gate.v = 4711;
    test_code(MYL_ECORRUPT, myl_producer_claim(producer, &event, MYL_TRY));
    expect_detail("4711");
    unmap_victim(&victim);
    myl_producer_close(producer);
    test_ok(myl_remove(victim.name, MYL_BACKEND_SHM, 1));
}

static void impossible_gate_refuses_joins(void **state)
{
    (void)state;
    struct victim victim;
    myl_producer_options options = producer_options(8);
    myl_producer *producer = open_producer(test_name(victim.name, "join"), &options);
    map_victim(&victim);
    put_many(producer, 0, 3);
    victim.control->gate.v = 4711;
    expect_no_consumer(MYL_ECORRUPT, "4711", victim.name, NULL);
    victim.control->gate.v = 0;
    myl_consumer *consumer = open_consumer(victim.name, "later"); /* the failed join left no gating entry */
    take_many(consumer, 0, 3);
    unmap_victim(&victim);
    myl_producer_close(producer);
    myl_consumer_close(consumer);
}

static void impossible_next_is_not_taken_over(void **state)
{
    (void)state;
    struct victim victim;
    myl_producer_options options = producer_options(8);
    myl_producer *producer = open_producer(test_name(victim.name, "next"), &options);
    map_victim(&victim);
    put_many(producer, 0, 3);
    myl_producer_leave(producer);
    victim.control->next.v = UINT64_MAX;
    expect_no_producer(MYL_ECORRUPT, "18446744073709551615", victim.name, &options);
    victim.control->next.v = 3;
    producer = open_producer(victim.name, &options);
    assert_int_equal(myl_producer_last_published(producer), 2);
    unmap_victim(&victim);
    myl_producer_close(producer);
    test_ok(myl_remove(victim.name, MYL_BACKEND_SHM, 1));
}

/* A closed ring whose gate lies above its `next`: each of two checks of the event finds the opposite. The observer must
 * neither return an event that it has not read nor repeat the checks for ever. */
static void observer_gets_no_event_between_next_and_the_gate(void **state)
{
    (void)state;
    struct victim victim;
    struct event event, untouched;
    uint64_t lost;
    myl_observer *observer;
    myl_producer_options options = producer_options(8);
    myl_consumer_options from = {.size = sizeof from, .ring.start = MYL_START_OLDEST};
    myl_producer *producer = open_producer(test_name(victim.name, "observed"), &options);
    map_victim(&victim);
    put_many(producer, 0, 6);
    test_ok(myl_observer_open(&observer, victim.name, &from));
    victim.control->next.v = 3;
    victim.control->gate.v = 5;
    victim.control->closed.v = 4;
    memset(&event, 0xa5, sizeof event);
    untouched = event;
    test_code(MYL_EAGAIN, myl_observer_get(observer, &event, sizeof event, &lost, MYL_TRY));
    assert_memory_equal(&event, &untouched, sizeof event);
    assert_int_equal(myl_observer_last_read(observer), -1);
    myl_observer_close(observer);
    victim.control->next.v = 6;
    victim.control->gate.v = 0;
    victim.control->closed.v = 0;
    unmap_victim(&victim);
    myl_producer_close(producer);
    test_ok(myl_remove(victim.name, MYL_BACKEND_SHM, 1));
}

/* A prefix resumes the entry of a dead consumer, but not an impossible id. */
static void damaged_id_is_not_resumed(void **state)
{
    (void)state;
    struct victim victim;
    myl_producer_options options = producer_options(8);
    myl_producer *producer = open_producer(test_name(victim.name, "id"), &options);
    map_victim(&victim);
    /* the entry after the producer's record */
    struct myl_participant *entry = (struct myl_participant *)(void *)(victim.control + 1) + 1;
    victim.control->entries_used.v = 1;
    entry->state.v = MYL_PARTICIPANT_ACTIVE;
    memcpy(entry->id, "w_\n!", 4);
    myl_consumer_options wish = {.size = sizeof wish, .ring.prefix = "w"};
    myl_consumer *consumer = open_consumer_with(victim.name, &wish);
    myl_joined joined = {.size = sizeof joined};
    test_ok(myl_consumer_joined(consumer, &joined));
    assert_string_equal(joined.id, "w_0");
    unmap_victim(&victim);
    myl_consumer_close(consumer);
    myl_producer_leave(producer);
    test_ok(myl_remove(victim.name, MYL_BACKEND_SHM, 0));
}

/* --- stamps and cursors ------------------------------------------------------------------------------------- */

/* Maps the page with the stamp of event `sequence`. */
static myl_au64 *map_stamp(const struct victim *victim, uint64_t sequence, void **page)
{
    char path[TEST_NAME_SIZE + 16];
    snprintf(path, sizeof path, "/dev/shm/%s", victim->name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    uint64_t at = victim->head.data_offset + sequence % victim->head.cells * victim->head.cell_bytes;
    *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)(at / 4096 * 4096));
    assert_true(*page != MAP_FAILED);
    close(fd);
    return (myl_au64 *)(void *)((char *)*page + at % 4096);
}

static void set_stamp(const struct victim *victim, uint64_t sequence, uint64_t value)
{
    void *page;
    map_stamp(victim, sequence, &page)->v = value;
    munmap(page, 8192);
}

/* A stamp up to one lap ahead of the expected one is possible. A stamp one lap and one event ahead is not. */
static void stamp_ahead_of_the_ring_is_damage_to_a_consumer(void **state)
{
    (void)state;
    static const uint64_t stamps[] = {3 + 8 + 1, 4711, (uint64_t)1 << 40};
    for (unsigned i = 0; i < sizeof stamps / sizeof stamps[0]; i++) {
        struct victim victim;
        char stamp_text[32];
        const void *event;
        myl_producer_options options = producer_options(8);
        myl_producer *producer = open_producer(test_name(victim.name, "ahead"), &options);
        myl_consumer *consumer = open_consumer(victim.name, "c");
        map_victim(&victim);
        put_many(producer, 0, 3);
        take_many(consumer, 0, 3);
        set_stamp(&victim, 3, stamps[i]);
        test_code(MYL_ECORRUPT, myl_consumer_next(consumer, &event, MYL_TRY));
        snprintf(stamp_text, sizeof stamp_text, "event 3 has stamp %llu,", (unsigned long long)stamps[i]);
        expect_detail(stamp_text);
        set_stamp(&victim, 3, 0);
        expect_nothing(consumer, MYL_EAGAIN);
        put(producer, 3, MYL_TRY);
        take_many(consumer, 3, 1);
        unmap_victim(&victim);
        myl_consumer_close(consumer);
        myl_producer_close(producer);
    }
}

static void stamp_ahead_of_the_ring_is_not_taken_over(void **state)
{
    (void)state;
    struct victim victim;
    myl_producer_options options = producer_options(8);
    myl_producer *producer = open_producer(test_name(victim.name, "stamped"), &options);
    map_victim(&victim);
    put_many(producer, 0, 3);
    myl_producer_leave(producer);
    set_stamp(&victim, 3, 3 + 8 + 1);
    expect_no_producer(MYL_ECORRUPT, "event 3 has stamp 12,", victim.name, &options);
    set_stamp(&victim, 3, 4); /* published, but its producer died before it stored `next` */
    producer = open_producer(victim.name, &options);
    assert_int_equal(myl_producer_last_published(producer), 3);
    unmap_victim(&victim);
    myl_producer_close(producer);
    test_ok(myl_remove(victim.name, MYL_BACKEND_SHM, 1));
}

/* A producer may have died with up to one lap of stamps stored before `next`. More is damage. */
static void stamps_reach_at_most_one_lap_beyond_next(void **state)
{
    (void)state;
    for (uint64_t more = 0; more < 2; more++) {
        struct victim victim;
        myl_producer_options options = producer_options(8);
        myl_producer *producer = open_producer(test_name(victim.name, "lap"), &options);
        map_victim(&victim);
        put_many(producer, 0, 3);
        myl_producer_leave(producer);
        set_stamp(&victim, 3, 4);
        set_stamp(&victim, 4, 3 + 8 + more); /* a batch that ends there */
        if (more != 0) {
            expect_no_producer(MYL_ECORRUPT, "every cell is stamped ahead of event 3", victim.name, &options);
        } else {
            producer = open_producer(victim.name, &options);
            assert_int_equal(myl_producer_last_published(producer), 10);
            myl_producer_leave(producer);
        }
        unmap_victim(&victim);
        test_ok(myl_remove(victim.name, MYL_BACKEND_SHM, 1));
    }
}

/* A cursor may equal the published sequence, and must not exceed it. */
static void cursor_ahead_of_the_stream_gives_no_room(void **state)
{
    (void)state;
    for (uint64_t ahead = 0; ahead < 2; ahead++) {
        struct victim victim;
        void *event;
        myl_producer_options options = producer_options(8);
        myl_producer *producer = open_producer(test_name(victim.name, "cursor"), &options);
        myl_consumer *consumer = open_consumer(victim.name, "c");
        map_victim(&victim);
        struct myl_participant *entry = (struct myl_participant *)(void *)(victim.control + 1) + 1;
        put_many(producer, 0, 8);
        entry->cursor.v = 8 + ahead;
        test_code(ahead ? MYL_ECORRUPT : MYL_OK, myl_producer_claim(producer, &event, MYL_TRY));
        if (ahead)
            expect_detail("the cursor of consumer \"c\" is 9, but only 8 events are published");
        unmap_victim(&victim);
        myl_consumer_close(consumer);
        myl_producer_close(producer);
    }
}

static void joiner_does_not_start_at_an_impossible_cursor(void **state)
{
    (void)state;
    for (uint64_t ahead = 0; ahead < 2; ahead++) {
        struct victim victim;
        myl_producer_options options = producer_options(8);
        myl_producer *producer = open_producer(test_name(victim.name, "resume"), &options);
        myl_consumer_close(open_consumer(victim.name, "c"));
        map_victim(&victim);
        struct myl_participant *entry = (struct myl_participant *)(void *)(victim.control + 1) + 1;
        put_many(producer, 0, 4);
        entry->cursor.v = ahead ? 5 : 3; /* of a consumer that left */
        myl_consumer *consumer = open_consumer(victim.name, "c");
        myl_joined joined = {.size = sizeof joined};
        test_ok(myl_consumer_joined(consumer, &joined));
        assert_int_equal(joined.start, ahead ? 4 : 3);
        put(producer, 4, MYL_TRY);
        take_many(consumer, joined.start, 5 - joined.start);
        unmap_victim(&victim);
        myl_consumer_close(consumer);
        myl_producer_close(producer);
    }
}

/* --- texts ------------------------------------------------------------------------------------------------------ */

/* Ids, labels and activity texts without a terminating NUL. No reader goes beyond their fields, and no output has a
 * control character. */
static void texts_without_an_end_are_cut(void **state)
{
    (void)state;
    struct victim victim;
    myl_producer_options options = producer_options(8);
    myl_producer *producer = open_producer(test_name(victim.name, "texts"), &options);
    myl_consumer *consumer = open_consumer(victim.name, "c");
    myl_consumer_set_activity(consumer, "x", 0);
    map_victim(&victim);
    struct myl_participant *entry = (struct myl_participant *)(void *)(victim.control + 1) + 1;
    memset(entry->activity.text, 'd', sizeof entry->activity.text);
    entry->activity.text[0].v = UINT64_C(0x64646464640a1b64);
    myl_diagnosis *diagnosis;
    test_ok(myl_diagnose(victim.name, MYL_BACKEND_SHM, 0, &diagnosis));
    assert_int_equal(diagnosis->participants, 2);
    assert_int_equal(strlen(diagnosis->participant[1].activity), MYL_ACTIVITY_MAX);
    assert_memory_equal(diagnosis->participant[1].activity, "d??d", 4);
    myl_diagnosis_free(diagnosis);
    memset(entry->id, 'i', sizeof entry->id);
    myl_snapshot *snapshot;
    test_ok(myl_snapshot_take(victim.name, MYL_BACKEND_SHM, &snapshot));
    assert_int_equal(snapshot->consumers, 1);
    assert_int_equal(strlen(snapshot->entry[0].id), MYL_ID_MAX);
    myl_snapshot_free(snapshot);
    unmap_victim(&victim);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gate_ahead_gives_no_room),
        cmocka_unit_test(impossible_gate_refuses_joins),
        cmocka_unit_test(impossible_next_is_not_taken_over),
        cmocka_unit_test(observer_gets_no_event_between_next_and_the_gate),
        cmocka_unit_test(damaged_id_is_not_resumed),
        cmocka_unit_test(stamp_ahead_of_the_ring_is_damage_to_a_consumer),
        cmocka_unit_test(stamp_ahead_of_the_ring_is_not_taken_over),
        cmocka_unit_test(stamps_reach_at_most_one_lap_beyond_next),
        cmocka_unit_test(cursor_ahead_of_the_stream_gives_no_room),
        cmocka_unit_test(joiner_does_not_start_at_an_impossible_cursor),
        cmocka_unit_test(texts_without_an_end_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
