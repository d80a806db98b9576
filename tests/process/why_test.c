/* SPDX-License-Identifier: MIT
 * The verdict where several parties could be meant: who is named first, what is said of each, and the same asked for by
 * a handle. Single conditions are in liveness_test.c. */
#include "process/party.h"

enum { CAPACITY = 8 };

/* --- helpers ---------------------------------------------------------------------------------------------------- */

static int ask_for_patience(test_peer *parent, void *argument)
{
    struct party *party = argument;
    myl_consumer *consumer = open_consumer(party->name, party->id);
    myl_consumer_busy(consumer, "loading weights", MYL_SEC(60));
    test_tell(parent, 1);
    test_hear_value(parent, 1);
    take_many(consumer, 0, CAPACITY);
    take_many(consumer, CAPACITY, 1);
    myl_consumer_close(consumer);
    return 0;
}

static void expect_words(const myl_verdict *verdict, const char *words)
{
    if (strstr(verdict->sentence, words) == NULL)
        test_fail("\"%s\" does not say \"%s\"", verdict->sentence, words);
}

static void expect_verdict(const char *name, uint32_t edges, const char *words)
{
    myl_verdict *verdict;
    test_ok(myl_why(name, MYL_BACKEND_SHM, MYL_MSEC(5), &verdict));
    expect_words(verdict, words);
    assert_int_equal(verdict->edges, edges);
    myl_verdict_free(verdict);
}

/* --- who is to blame -------------------------------------------------------------------------------------------- */

/* Everybody holds the producer up; one after the other is put right, and the next one is named. */
static void test_the_worst_is_named(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    enum { BUSY, STALLED, ALSO, STOPPED, DEAD, READERS };
    struct party party[READERS] = {{.id = "busy"},
                                   {.id = "stalled"},
                                   {.id = "also"},
                                   {.id = "stopped"},
                                   {.id = "dead"}};
    test_child producer, reader[READERS];
    test_name(name, "worst");
    party[0].producer = producer_options(CAPACITY);
    party[0].producer.on_death = MYL_DEATH_WAIT;
    for (int i = 0; i < READERS; i++)
        party[i].name = name;
    test_spawn(&producer, fill_and_wait, &party[0]);
    test_hear_value(&producer.peer, 1);
    test_spawn(&reader[BUSY], ask_for_patience, &party[BUSY]);
    test_hear_value(&reader[BUSY].peer, 1);
    for (int i = STALLED; i < READERS; i++)
        start_consumer(&reader[i], &party[i], 0);
    test_tell(&producer.peer, 1);
    test_until(producer_waits, name, "the producer waits");

    test_kill(&reader[DEAD]);
    test_stop(&reader[STOPPED]);
    expect_verdict(name, READERS, "\"dead\", 8 events behind, is dead");
    test_ok(myl_evict(name, MYL_BACKEND_SHM, "dead"));
    expect_verdict(name, READERS - 1, "\"stopped\", 8 events behind, is stopped by a signal");
    test_continue(&reader[STOPPED]);
    order(&reader[STOPPED], CAPACITY, CAPACITY);
    expect_verdict(name, 3, ", 8 events behind, is alive and has not moved");
    order(&reader[STALLED], CAPACITY, CAPACITY);
    expect_verdict(name, 2, "\"also\", 8 events behind, is alive");
    order(&reader[ALSO], CAPACITY, CAPACITY);
    expect_verdict(name, 1, "\"busy\", 8 events behind, is busy for another 59.");
    expect_verdict(name, 1, "loading weights");

    myl_verdict *verdict;
    test_ok(myl_why(name, MYL_BACKEND_SHM, 0, &verdict));
    const myl_why_party *busy = find_party(verdict, "busy");
    assert_int_equal(busy->condition, MYL_COND_BUSY);
    assert_string_equal(busy->doing, "loading weights");
    assert_true(busy->patience_ns > MYL_SEC(30) && busy->patience_ns < MYL_SEC(60));
    myl_verdict_free(verdict);

    test_tell(&reader[BUSY].peer, 1);
    test_hear_value(&producer.peer, 2);
    for (int i = STALLED; i < DEAD; i++)
        order(&reader[i], 1, CAPACITY + 1);
    test_expect_exit(&reader[BUSY], 0);
    test_tell(&producer.peer, 2);
    test_expect_exit(&producer, 0);
    for (int i = STALLED; i < DEAD; i++)
        finish(&reader[i], PARTY_CLOSE);
    assert_false(ring_exists(name));
}

/* A consumer that keeps what it has leased holds the producer up like one that reads nothing. */
static int keep_leased_and_wait(test_peer *parent, void *argument)
{
    struct party *party = argument;
    myl_consumer *consumer = open_consumer(party->name, party->id);
    const void *event;
    test_tell(parent, 1);
    for (int i = 0; i < CAPACITY / 2; i++)
        test_ok(myl_consumer_next(consumer, &event, MYL_SEC(15)));
    test_tell(parent, 2);
    test_hear_value(parent, 1);
    test_ok(myl_consumer_release(consumer));
    take_many(consumer, CAPACITY / 2, CAPACITY + 1 - CAPACITY / 2);
    myl_consumer_close(consumer);
    return 0;
}

static void test_what_is_leased_holds_up(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct party party = {.name = test_name(name, "leased"), .id = "c", .producer = producer_options(CAPACITY)};
    test_child producer, consumer;
    test_spawn(&producer, fill_and_wait, &party);
    test_hear_value(&producer.peer, 1);
    test_spawn(&consumer, keep_leased_and_wait, &party);
    test_hear_value(&consumer.peer, 1);
    test_tell(&producer.peer, 1);
    test_hear_value(&consumer.peer, 2);
    test_until(producer_waits, name, "the producer waits");
    expect_verdict(name, 1, "\"c\", 8 events behind, is alive and has not moved");
    test_tell(&consumer.peer, 1);
    test_hear_value(&producer.peer, 2);
    test_tell(&producer.peer, 2);
    test_expect_exit(&producer, 0);
    test_expect_exit(&consumer, 0);
    assert_false(ring_exists(name));
}

/* --- who is required and not there ------------------------------------------------------------------------------ */

static const char *const required[] = {"w"};

static int wait_for_the_required(test_peer *parent, void *argument)
{
    struct party *party = argument;
    myl_producer *producer = open_producer(party->name, &party->producer);
    myl_liveness_options o = {.size = sizeof o,
                              .required = required,
                              .required_count = 1,
                              .startup_wait_ns = MYL_FOREVER,
                              .check_interval_ns = MYL_MSEC(1)};
    test_ok(myl_producer_manage(producer, &o));
    test_tell(parent, 1);
    put(producer, 0, MYL_FOREVER);
    test_tell(parent, 2);
    test_hear_value(parent, 1);
    myl_producer_close(producer);
    return 0;
}

/* One that never came, or one that came and left before. */
static void absent(int came_before)
{
    char name[TEST_NAME_SIZE];
    struct party party = {.name = test_name(name, "absent"), .producer = producer_options(CAPACITY)};
    test_child producer;
    if (came_before) {
        myl_producer *first = open_producer(name, &party.producer);
        myl_consumer_close(open_consumer(name, "w"));
        myl_producer_leave(first);
    }
    test_spawn(&producer, wait_for_the_required, &party);
    test_hear_value(&producer.peer, 1);
    test_until(producer_waits, name, "the producer waits");
    expect_verdict(name, 1, "\"w\" is required and not there; start it");
    myl_verdict *verdict;
    test_ok(myl_why(name, MYL_BACKEND_SHM, 0, &verdict));
    assert_int_equal(verdict->parties, 2);
    assert_int_equal(find_party(verdict, "w")->condition, MYL_COND_ABSENT);
    assert_int_equal(find_party(verdict, "w")->role, MYL_ROLE_REQUIRED);
    myl_verdict_free(verdict);
    myl_consumer *w = open_consumer(name, "w");
    test_hear_value(&producer.peer, 2);
    take_many(w, 0, 1);
    test_tell(&producer.peer, 1);
    test_expect_exit(&producer, 0);
    myl_consumer_close(w);
    assert_false(ring_exists(name));
}

static void test_required_and_absent(void **state)
{
    (void)state;
    absent(0);
    absent(1);
}

/* Required, and in the table, but dead: it is not enough that it came once. */
static void test_required_and_dead(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct party party = {.name = test_name(name, "dead"), .id = "w", .producer = producer_options(CAPACITY)};
    test_child producer, w;
    myl_producer *first = open_producer(name, &party.producer);
    start_consumer(&w, &party, 0);
    test_kill(&w);
    myl_producer_leave(first);
    test_spawn(&producer, wait_for_the_required, &party);
    test_hear_value(&producer.peer, 1);
    test_until(producer_waits, name, "the producer waits");
    expect_verdict(name, 1, "\"w\", 0 events behind, is dead");
    myl_verdict *verdict;
    test_ok(myl_why(name, MYL_BACKEND_SHM, 0, &verdict));
    assert_int_equal(verdict->parties, 2); /* once, not once more as somebody absent */
    myl_verdict_free(verdict);
    start_consumer(&w, &party, 0);
    test_hear_value(&producer.peer, 2);
    order(&w, 1, 1);
    test_tell(&producer.peer, 1);
    test_expect_exit(&producer, 0);
    finish(&w, PARTY_CLOSE);
    assert_false(ring_exists(name));
}

/* Not by name but by number, and by name without a policy. */
static int wait_for_a_crowd(test_peer *parent, void *argument)
{
    struct party *party = argument;
    myl_producer *producer = open_producer(party->name, &party->producer);
    test_tell(parent, 1);
    myl_producer_close(producer);
    return 0;
}

struct wanted {
    const char *name, *words;
};

static int verdict_says(void *argument)
{
    const struct wanted *wanted = argument;
    myl_verdict *verdict;
    test_ok(myl_why(wanted->name, MYL_BACKEND_SHM, 0, &verdict));
    int says = verdict->edges == 1 && strstr(verdict->sentence, wanted->words) != NULL;
    myl_verdict_free(verdict);
    return says;
}

static void wait_for_two(const char *prefix, const char *const *ids, const char *words)
{
    char name[TEST_NAME_SIZE];
    struct party party = {.name = test_name(name, "crowd"), .id = "w_0", .producer = producer_options(CAPACITY)};
    party.producer.wait_consumers = 2;
    party.producer.wait_prefix = prefix;
    party.producer.wait_ids = ids;
    party.producer.wait_timeout_ns = MYL_FOREVER;
    party.consumer.attach_timeout_ns = MYL_SEC(15);
    test_child producer, consumer;
    test_spawn(&producer, wait_for_a_crowd, &party);
    start_consumer(&consumer, &party, 0);
    struct wanted wanted = {name, words};
    test_until(verdict_says, &wanted, words);
    myl_consumer *other = open_consumer(name, "w_1");
    test_hear_value(&producer.peer, 1);
    test_expect_exit(&producer, 0);
    myl_snapshot *snapshot;
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    assert_string_equal(snapshot->missing, "");
    myl_snapshot_free(snapshot);
    myl_consumer_close(other);
    finish(&consumer, PARTY_CLOSE);
    assert_false(ring_exists(name));
}

static void test_so_many_are_waited_for(void **state)
{
    (void)state;
    static const char *const ids[] = {"w_0", "w_1"};
    wait_for_two(NULL, NULL, "for consumers to come: any (1 of 2 here); start the rest");
    wait_for_two("w", NULL, "for consumers to come: w* (1 of 2 here); start the rest");
    wait_for_two(NULL, ids, "\"w_1\" is required and not there; start it");
}

/* --- by a handle ------------------------------------------------------------------------------------------------ */

static int ask_in_a_child(test_peer *parent, void *argument)
{
    void *const *handle = argument;
    myl_verdict *verdict;
    (void)parent;
    test_code(MYL_EFORKED, myl_producer_why(handle[0], 0, &verdict));
    test_code(MYL_EFORKED, myl_consumer_why(handle[1], 0, &verdict));
    assert_null(verdict);
    return 0;
}

static void test_asked_by_a_handle(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(CAPACITY);
    myl_producer *producer = open_producer(test_name(name, "handle"), &o);
    myl_consumer *consumer = open_consumer(name, "c");
    myl_verdict *verdict;
    put_many(producer, 0, 3);
    myl_producer_busy(producer, "compiling", 0);
    test_ok(myl_producer_why(producer, 0, &verdict));
    expect_words(verdict, "is alive and does not wait; 0 of 1 consumers wait for it");
    assert_string_equal(verdict->party[0].doing, "compiling");
    assert_true(verdict->party[0].doing_ns >= 0 && verdict->party[0].patience_ns == 0);
    assert_int_equal(find_party(verdict, "c")->behind, 3);
    myl_verdict_free(verdict);
    test_ok(myl_consumer_why(consumer, MYL_MSEC(1), &verdict));
    expect_words(verdict, "is alive and does not wait");
    myl_verdict_free(verdict);
    void *handles[] = {producer, consumer};
    test_child child;
    test_spawn(&child, ask_in_a_child, handles);
    test_expect_exit(&child, 0);
    myl_producer_leave(producer);
    test_ok(myl_consumer_why(consumer, 0, &verdict));
    expect_words(verdict, "has left in order; the next one goes on");
    assert_int_equal(verdict->party[0].condition, MYL_COND_LEFT);
    myl_verdict_free(verdict);
    myl_producer_close(open_producer(name, &o));
    test_ok(myl_consumer_why(consumer, 0, &verdict));
    expect_words(verdict, "has ended the stream");
    myl_verdict_free(verdict);
    take_many(consumer, 0, 3);
    myl_consumer_close(consumer);
    assert_false(ring_exists(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_worst_is_named),     cmocka_unit_test(test_what_is_leased_holds_up),
        cmocka_unit_test(test_required_and_absent),    cmocka_unit_test(test_required_and_dead),
        cmocka_unit_test(test_so_many_are_waited_for), cmocka_unit_test(test_asked_by_a_handle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
