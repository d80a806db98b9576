/* SPDX-License-Identifier: MIT
 * What a diagnosis sees between its first and its last sample. The linker replaces the sleep in between (--wrap).
 * During it, the ring's words change at times that the test chooses. Not built with the portable layer, which sleeps
 * more than once. */
/* ctest: not-under=portable */
#include "unit/rings.h"

#include "os/os.h"
#include "ring/consumer.h"
#include "ring/producer.h"
#include "segment/table.h"

enum { CAPACITY = 8 };
#define WATCH_NS MYL_MSEC(8)

static struct watched {
    myl_au64 *word; /* start time of its owner's wait; NULL: nothing changes */
    int64_t slept_ns;
    myl_au64 *moves; /* a position that changes, too, or NULL */
    myl_au64 *lower; /* a position that is lower while its owner waits, or NULL */
} watched;

int __real_myl_os_sleep(int64_t ns);
int __wrap_myl_os_sleep(int64_t ns);
int __wrap_myl_os_sleep(int64_t ns)
{
    int ended = __real_myl_os_sleep(ns);
    if (watched.word == NULL)
        return ended;
    int was_between = watched.slept_ns >= WATCH_NS / 2;
    watched.slept_ns += ns;
    int between = watched.slept_ns >= WATCH_NS / 2 && watched.slept_ns < WATCH_NS;
    watched.word->v = between ? (uint64_t)myl_os_now() : 0;
    if (between && watched.moves != NULL)
        watched.moves->v++;
    if (watched.lower != NULL && between != was_between)
        watched.lower->v += between ? UINT64_MAX : 1;
    return ended;
}

/* Returns the condition of participant `index`. */
static enum myl_condition condition_of_participant(const char *name, uint32_t index, int *waits)
{
    myl_diagnosis *diagnosis;
    watched.slept_ns = 0;
    test_ok(myl_diagnose(name, MYL_BACKEND_SHM, WATCH_NS, &diagnosis));
    assert_true(watched.slept_ns == WATCH_NS);
    assert_true(index < diagnosis->participants);
    enum myl_condition condition = diagnosis->participant[index].condition;
    *waits = diagnosis->participant[index].waiting;
    myl_diagnosis_free(diagnosis);
    return condition;
}

static void wait_between_two_samples_is_seen(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    int waits;
    myl_producer_options o = producer_options(CAPACITY);
    myl_producer *producer = open_producer(test_name(name, "between"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    watched = (struct watched){.word = &myl_segment_producer(&producer->handle.segment)->waiting};
    assert_int_equal(condition_of_participant(name, 0, &waits), MYL_COND_WAITING);
    assert_true(waits);
    watched = (struct watched){.word = &consumer->member.entry->waiting};
    assert_int_equal(condition_of_participant(name, 1, &waits), MYL_COND_WAITING);
    assert_true(waits);
    watched = (struct watched){0};
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

static void wait_of_an_owner_that_moved_is_over(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    int waits;
    myl_producer_options o = producer_options(CAPACITY);
    myl_producer *producer = open_producer(test_name(name, "moved"), &o);
    struct myl_control *control = producer->handle.segment.control;
    uint64_t next = control->next.v;
    watched =
        (struct watched){.word = &myl_segment_producer(&producer->handle.segment)->waiting, .moves = &control->next};
    assert_int_equal(condition_of_participant(name, 0, &waits), MYL_COND_MOVING);
    assert_false(waits);
    watched = (struct watched){0};
    control->next.v = next;
    myl_producer_close(producer);
}

/* Its owner waited at the first sample and moved since. */
static void wait_at_the_first_sample_is_over_after_a_move(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    int waits;
    myl_producer_options o = producer_options(CAPACITY);
    myl_producer *producer = open_producer(test_name(name, "over"), &o);
    struct myl_control *control = producer->handle.segment.control;
    uint64_t next = control->next.v;
    watched =
        (struct watched){.word = &myl_segment_producer(&producer->handle.segment)->waiting, .moves = &control->next};
    watched.word->v = (uint64_t)myl_os_now();
    assert_int_equal(condition_of_participant(name, 0, &waits), MYL_COND_MOVING);
    assert_false(waits);
    watched = (struct watched){0};
    control->next.v = next;
    myl_producer_close(producer);
}

/* A consumer waited for an event at the first sample. Since then events were published, and it has not moved. */
static void wait_is_over_when_there_are_events(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    int waits;
    myl_producer_options o = producer_options(CAPACITY);
    myl_producer *producer = open_producer(test_name(name, "events"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    struct myl_control *control = producer->handle.segment.control;
    uint64_t next = control->next.v;
    watched = (struct watched){.word = &consumer->member.entry->waiting, .moves = &control->next};
    watched.word->v = (uint64_t)myl_os_now();
    assert_int_equal(condition_of_participant(name, 1, &waits), MYL_COND_STALLED);
    assert_false(waits);
    watched = (struct watched){0};
    control->next.v = next;
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

/* A consumer left, another one joined in its entry at the gate, waited there, and acknowledged as many events. */
static void wait_at_a_lower_cursor_is_over(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    int waits;
    myl_producer_options o = producer_options(CAPACITY);
    myl_producer *producer = open_producer(test_name(name, "lower"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    struct myl_participant *entry = consumer->member.entry;
    put_many(producer, 0, 3);
    take_many(consumer, 0, 3);
    watched = (struct watched){.word = &entry->waiting, .lower = &entry->cursor};
    assert_int_equal(condition_of_participant(name, 1, &waits), MYL_COND_MOVING);
    assert_false(waits);
    assert_int_equal(entry->cursor.v, 3);
    watched = (struct watched){0};
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait_between_two_samples_is_seen),
        cmocka_unit_test(wait_at_the_first_sample_is_over_after_a_move),
        cmocka_unit_test(wait_is_over_when_there_are_events),
        cmocka_unit_test(wait_at_a_lower_cursor_is_over),
        cmocka_unit_test(wait_of_an_owner_that_moved_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
