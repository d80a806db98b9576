/* SPDX-License-Identifier: MIT
 * The diagnosis with several possible causes: which participant comes first, what is reported for each, and the same
 * through a handle. liveness_test.c tests single conditions. */
#include "process/participant.h"

enum { CAPACITY = 8 };

/* --- helpers ---------------------------------------------------------------------------------------------------- */

static int set_activity_now(test_peer *parent, void *argument)
{
    struct participant *participant = argument;
    myl_consumer *consumer = open_consumer(participant->name, participant->id);
    myl_consumer_set_activity(consumer, "loading weights", MYL_SEC(60));
    test_send(parent, 1);
    test_expect_value(parent, 1);
    take_many(consumer, 0, CAPACITY);
    take_many(consumer, CAPACITY, 1);
    myl_consumer_close(consumer);
    return 0;
}

static void expect_words(const myl_diagnosis *diagnosis, const char *words)
{
    if (strstr(diagnosis->sentence, words) == NULL)
        test_fail("\"%s\" does not contain \"%s\"", diagnosis->sentence, words);
}

static void expect_diagnosis(const char *name, uint32_t edges, const char *words)
{
    myl_diagnosis *diagnosis;
    test_ok(myl_diagnose(name, MYL_BACKEND_SHM, MYL_MSEC(5), &diagnosis));
    expect_words(diagnosis, words);
    assert_int_equal(diagnosis->edges, edges);
    myl_diagnosis_free(diagnosis);
}

/* --- the order of causes ---------------------------------------------------------------------------------------- */

/* All consumers block the producer. One cause after the other is removed, and the next one comes first. */
static void most_severe_cause_comes_first(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    enum { BUSY, STALLED, ALSO, STOPPED, DEAD, READERS };
    struct participant participant[READERS] = {{.id = "busy"},
                                               {.id = "stalled"},
                                               {.id = "also"},
                                               {.id = "stopped"},
                                               {.id = "dead"}};
    test_child producer, reader[READERS];
    test_name(name, "worst");
    participant[0].producer = producer_options(CAPACITY);
    participant[0].producer.ring.on_death = MYL_DEATH_WAIT;
    for (int i = 0; i < READERS; i++)
        participant[i].name = name;
    test_spawn(&producer, fill_and_wait, &participant[0]);
    test_expect_value(&producer.peer, 1);
    test_spawn(&reader[BUSY], set_activity_now, &participant[BUSY]);
    test_expect_value(&reader[BUSY].peer, 1);
    for (int i = STALLED; i < READERS; i++)
        start_consumer(&reader[i], &participant[i], 0);
    test_send(&producer.peer, 1);
    test_until(producer_waits, name, "the producer waits");

    test_kill(&reader[DEAD]);
    test_stop(&reader[STOPPED]);
    expect_diagnosis(name, READERS, "\"dead\", lagging by 8 events, is dead");
    test_ok(myl_evict(name, MYL_BACKEND_SHM, "dead"));
    expect_diagnosis(name, READERS - 1, "\"stopped\", lagging by 8 events, has been stopped by a signal");
    test_continue(&reader[STOPPED]);
    order(&reader[STOPPED], CAPACITY, CAPACITY);
    expect_diagnosis(name, 3, ", lagging by 8 events, is alive and has not moved");
    order(&reader[STALLED], CAPACITY, CAPACITY);
    expect_diagnosis(name, 2, "\"also\", lagging by 8 events, is alive");
    order(&reader[ALSO], CAPACITY, CAPACITY);
    expect_diagnosis(name, 1, "\"busy\", lagging by 8 events, is busy for another 59.");
    expect_diagnosis(name, 1, "loading weights");

    myl_diagnosis *diagnosis;
    test_ok(myl_diagnose(name, MYL_BACKEND_SHM, 0, &diagnosis));
    const myl_diagnosis_participant *busy = find_participant(diagnosis, "busy");
    assert_int_equal(busy->condition, MYL_COND_BUSY);
    assert_string_equal(busy->activity, "loading weights");
    assert_true(busy->activity_left_ns > MYL_SEC(30) && busy->activity_left_ns < MYL_SEC(60));
    myl_diagnosis_free(diagnosis);

    test_send(&reader[BUSY].peer, 1);
    test_expect_value(&producer.peer, 2);
    for (int i = STALLED; i < DEAD; i++)
        order(&reader[i], 1, CAPACITY + 1);
    test_expect_exit(&reader[BUSY], 0);
    test_send(&producer.peer, 2);
    test_expect_exit(&producer, 0);
    for (int i = STALLED; i < DEAD; i++)
        finish(&reader[i], PARTICIPANT_CLOSE);
    assert_false(ring_exists(name));
}

/* A consumer that keeps its leases blocks the producer like one that reads nothing. */
static int keep_leased_and_wait(test_peer *parent, void *argument)
{
    struct participant *participant = argument;
    myl_consumer *consumer = open_consumer(participant->name, participant->id);
    const void *event;
    test_send(parent, 1);
    for (int i = 0; i < CAPACITY / 2; i++)
        test_ok(myl_consumer_next(consumer, &event, MYL_SEC(15)));
    test_send(parent, 2);
    test_expect_value(parent, 1);
    test_ok(myl_consumer_release(consumer));
    take_many(consumer, CAPACITY / 2, CAPACITY + 1 - CAPACITY / 2);
    myl_consumer_close(consumer);
    return 0;
}

static void leased_events_block_the_producer(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct participant participant = {.name = test_name(name, "leased"),
                                      .id = "c",
                                      .producer = producer_options(CAPACITY)};
    test_child producer, consumer;
    test_spawn(&producer, fill_and_wait, &participant);
    test_expect_value(&producer.peer, 1);
    test_spawn(&consumer, keep_leased_and_wait, &participant);
    test_expect_value(&consumer.peer, 1);
    test_send(&producer.peer, 1);
    test_expect_value(&consumer.peer, 2);
    test_until(producer_waits, name, "the producer waits");
    expect_diagnosis(name, 1, "\"c\", lagging by 8 events, is alive and has not moved");
    test_send(&consumer.peer, 1);
    test_expect_value(&producer.peer, 2);
    test_send(&producer.peer, 2);
    test_expect_exit(&producer, 0);
    test_expect_exit(&consumer, 0);
    assert_false(ring_exists(name));
}

/* --- a required consumer is absent ------------------------------------------------------------------------------ */

static const char *const required[] = {"w"};

static int wait_for_the_required(test_peer *parent, void *argument)
{
    struct participant *participant = argument;
    myl_producer *producer = open_producer(participant->name, &participant->producer);
    myl_liveness_options o = {.size = sizeof o,
                              .required = required,
                              .required_count = 1,
                              .startup_wait_ns = MYL_FOREVER,
                              .check_interval_ns = MYL_MSEC(1)};
    test_ok(myl_producer_set_liveness(producer, &o));
    test_send(parent, 1);
    put(producer, 0, MYL_FOREVER);
    test_send(parent, 2);
    test_expect_value(parent, 1);
    myl_producer_close(producer);
    return 0;
}

/* A consumer that never joined, or one that joined and left. */
static void check_absent(int came_before)
{
    char name[TEST_NAME_SIZE];
    struct participant participant = {.name = test_name(name, "absent"), .producer = producer_options(CAPACITY)};
    test_child producer;
    if (came_before) {
        myl_producer *first = open_producer(name, &participant.producer);
        myl_consumer_close(open_consumer(name, "w"));
        myl_producer_leave(first);
    }
    test_spawn(&producer, wait_for_the_required, &participant);
    test_expect_value(&producer.peer, 1);
    test_until(producer_waits, name, "the producer waits");
    expect_diagnosis(name, 1, "\"w\" is required and absent; start it");
    myl_diagnosis *diagnosis;
    test_ok(myl_diagnose(name, MYL_BACKEND_SHM, 0, &diagnosis));
    assert_int_equal(diagnosis->participants, 2);
    assert_int_equal(find_participant(diagnosis, "w")->condition, MYL_COND_ABSENT);
    assert_int_equal(find_participant(diagnosis, "w")->role, MYL_ROLE_REQUIRED);
    myl_diagnosis_free(diagnosis);
    myl_consumer *w = open_consumer(name, "w");
    test_expect_value(&producer.peer, 2);
    take_many(w, 0, 1);
    test_send(&producer.peer, 1);
    test_expect_exit(&producer, 0);
    myl_consumer_close(w);
    assert_false(ring_exists(name));
}

static void absent_required_consumer_is_reported(void **state)
{
    (void)state;
    check_absent(0);
    check_absent(1);
}

/* Required and registered, but dead: it is not enough that it has joined once. */
static void dead_required_consumer_is_reported(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct participant participant = {.name = test_name(name, "dead"),
                                      .id = "w",
                                      .producer = producer_options(CAPACITY)};
    test_child producer, w;
    myl_producer *first = open_producer(name, &participant.producer);
    start_consumer(&w, &participant, 0);
    test_kill(&w);
    myl_producer_leave(first);
    test_spawn(&producer, wait_for_the_required, &participant);
    test_expect_value(&producer.peer, 1);
    test_until(producer_waits, name, "the producer waits");
    expect_diagnosis(name, 1, "\"w\" is dead");
    myl_diagnosis *diagnosis;
    test_ok(myl_diagnose(name, MYL_BACKEND_SHM, 0, &diagnosis));
    assert_int_equal(diagnosis->participants, 2); /* once, and not again as absent */
    myl_diagnosis_free(diagnosis);
    start_consumer(&w, &participant, 0);
    test_expect_value(&producer.peer, 2);
    order(&w, 1, 1);
    test_send(&producer.peer, 1);
    test_expect_exit(&producer, 0);
    finish(&w, PARTICIPANT_CLOSE);
    assert_false(ring_exists(name));
}

/* A quorum by number, and one by name without a policy. */
static int wait_for_many(test_peer *parent, void *argument)
{
    struct participant *participant = argument;
    myl_producer *producer = open_producer(participant->name, &participant->producer);
    test_send(parent, 1);
    myl_producer_close(producer);
    return 0;
}

struct wanted {
    const char *name, *words;
};

static int diagnosis_contains(void *argument)
{
    const struct wanted *wanted = argument;
    myl_diagnosis *diagnosis;
    test_ok(myl_diagnose(wanted->name, MYL_BACKEND_SHM, 0, &diagnosis));
    int matches = diagnosis->edges == 1 && strstr(diagnosis->sentence, wanted->words) != NULL;
    myl_diagnosis_free(diagnosis);
    return matches;
}

static void wait_for_two(const char *prefix, const char *const *ids, const char *words)
{
    char name[TEST_NAME_SIZE];
    struct participant participant = {.name = test_name(name, "crowd"),
                                      .id = "w_0",
                                      .producer = producer_options(CAPACITY)};
    participant.producer.ring.wait_consumers = 2;
    participant.producer.ring.wait_prefix = prefix;
    participant.producer.ring.wait_ids = ids;
    participant.producer.ring.wait_timeout_ns = MYL_FOREVER;
    participant.consumer.ring.attach_timeout_ns = MYL_SEC(15);
    test_child producer, consumer;
    test_spawn(&producer, wait_for_many, &participant);
    start_consumer(&consumer, &participant, 0);
    struct wanted wanted = {name, words};
    test_until(diagnosis_contains, &wanted, words);
    myl_consumer *other = open_consumer(name, "w_1");
    test_expect_value(&producer.peer, 1);
    test_expect_exit(&producer, 0);
    myl_snapshot *snapshot;
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    assert_string_equal(snapshot->awaited_consumer, "");
    myl_snapshot_free(snapshot);
    myl_consumer_close(other);
    finish(&consumer, PARTICIPANT_CLOSE);
    assert_false(ring_exists(name));
}

static void diagnosis_names_the_startup_quorum(void **state)
{
    (void)state;
    static const char *const ids[] = {"w_0", "w_1"};
    wait_for_two(NULL, NULL, "; absent: 1 of 2 consumers; start the rest");
    wait_for_two("w", NULL, "; absent: 1 of 2 w* consumers; start the rest");
    wait_for_two(NULL, ids, "\"w_1\" is required and absent; start it");
}

/* --- through a handle ------------------------------------------------------------------------------------------- */

static int diagnose_in_a_child(test_peer *parent, void *argument)
{
    void *const *handle = argument;
    myl_diagnosis *diagnosis;
    (void)parent;
    test_code(MYL_EFORKED, myl_producer_diagnose(handle[0], 0, &diagnosis));
    test_code(MYL_EFORKED, myl_consumer_diagnose(handle[1], 0, &diagnosis));
    assert_null(diagnosis);
    return 0;
}

static void diagnosis_by_a_handle(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(CAPACITY);
    myl_producer *producer = open_producer(test_name(name, "handle"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    myl_diagnosis *diagnosis;
    put_many(producer, 0, 3);
    myl_producer_set_activity(producer, "compiling", 0);
    test_ok(myl_producer_diagnose(producer, 0, &diagnosis));
    expect_words(diagnosis, "is alive and does not wait; its consumer does not wait");
    assert_string_equal(diagnosis->participant[0].activity, "compiling");
    assert_true(diagnosis->participant[0].activity_age_ns >= 0 && diagnosis->participant[0].activity_left_ns == 0);
    assert_int_equal(find_participant(diagnosis, "c")->lag, 3);
    myl_diagnosis_free(diagnosis);
    test_ok(myl_consumer_diagnose(consumer, MYL_MSEC(1), &diagnosis));
    expect_words(diagnosis, "is alive and does not wait");
    myl_diagnosis_free(diagnosis);
    void *handles[] = {producer, consumer};
    test_child child;
    test_spawn(&child, diagnose_in_a_child, handles);
    test_expect_exit(&child, 0);
    myl_producer_leave(producer);
    test_ok(myl_consumer_diagnose(consumer, 0, &diagnosis));
    expect_words(diagnosis, "has left; the next producer continues the stream");
    assert_int_equal(diagnosis->participant[0].condition, MYL_COND_LEFT);
    myl_diagnosis_free(diagnosis);
    myl_producer_close(open_producer(name, &o));
    test_ok(myl_consumer_diagnose(consumer, 0, &diagnosis));
    expect_words(diagnosis, "has closed the stream");
    myl_diagnosis_free(diagnosis);
    take_many(consumer, 0, 3);
    myl_consumer_close(consumer);
    assert_false(ring_exists(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_severe_cause_comes_first),        cmocka_unit_test(leased_events_block_the_producer),
        cmocka_unit_test(absent_required_consumer_is_reported), cmocka_unit_test(dead_required_consumer_is_reported),
        cmocka_unit_test(diagnosis_names_the_startup_quorum),   cmocka_unit_test(diagnosis_by_a_handle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
