/* SPDX-License-Identifier: MIT
 * Several consumers are dead or absent at the same time. Each death is reported, and only a consumer that came back is
 * reported as recovered. A producer that only polls gets the reports, too. An entry that a joiner left when it died can
 * be evicted. */
#include "process/participant.h"

#include "ring/producer.h"
#include "segment/table.h"

enum { CAPACITY = 8, CONSUMERS_MOST = 3 };

struct heard {
    uint32_t count[MYL_ALERT_REAPED + 1];
    char last[MYL_ID_MAX + 1];
};

static void record_alert(const myl_alert *alert, void *user)
{
    struct heard *heard = user;
    heard->count[alert->kind]++;
    memcpy(heard->last, alert->id, sizeof heard->last);
}

struct setting {
    char name[TEST_NAME_SIZE];
    myl_producer *producer;
    struct participant participant[CONSUMERS_MOST];
    test_child child[CONSUMERS_MOST];
    struct heard heard;
};

/* Makes a ring with these consumers and fills it. The consumers have not read any event. */
static void set_up(struct setting *s, const char *what, const char *const ids[], int count,
                   const myl_role_options *role)
{
    memset(s, 0, sizeof *s);
    myl_producer_options o = producer_options(CAPACITY);
    s->producer = open_producer(test_name(s->name, what), &o);
    for (int i = 0; i < count; i++) {
        s->participant[i] = (struct participant){.name = s->name, .id = ids[i], .consumer.ring.role = role};
        start_consumer(&s->child[i], &s->participant[i], 0);
    }
}

/* The time-outs never expire: every report is caused by a death. */
static void set_liveness(struct setting *s, const char *const required[], uint32_t count, int64_t progress_ns)
{
    myl_liveness_options o = {
        .size = sizeof o,
        .required = required,
        .required_count = count,
        .progress_timeout_ns = progress_ns,
        .shutdown_grace_ns = MYL_SEC(60),
        .check_interval_ns = MYL_MSEC(1),
        .alert = record_alert,
        .user = &s->heard,
    };
    test_ok(myl_producer_set_liveness(s->producer, &o));
}

static int claim(const struct setting *s, int64_t timeout_ns)
{
    void *event;
    return myl_producer_claim(s->producer, &event, timeout_ns);
}

static void expect_death_of(const struct setting *s, const char *id)
{
    myl_liveness_failure failure = {.size = sizeof failure};
    test_code(MYL_ECONSUMERDEAD, claim(s, MYL_SEC(15)));
    test_ok(myl_producer_liveness_failure(s->producer, &failure));
    assert_true(failure.dead && !failure.latched);
    assert_string_equal(failure.id, id);
}

static uint32_t logged(const struct setting *s, enum myl_log_kind kind)
{
    myl_log *log;
    uint32_t count = 0;
    test_ok(myl_log_take(s->name, MYL_BACKEND_SHM, &log));
    for (uint32_t i = 0; i < log->count; i++)
        count += log->entry[i].kind == kind;
    myl_log_free(log);
    return count;
}

static void two_deaths_are_reported_one_by_one(void **state)
{
    (void)state;
    static const char *const both[] = {"a", "b"};
    struct setting s;
    set_up(&s, "two", both, 2, NULL);
    set_liveness(&s, both, 2, MYL_SEC(60));
    put_many(s.producer, 0, CAPACITY);
    test_kill(&s.child[0]);
    test_kill(&s.child[1]);
    expect_death_of(&s, "a");
    expect_death_of(&s, "b");
    assert_int_equal(s.heard.count[MYL_ALERT_DIED], 2);
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(50))); /* both are reported already */
    myl_producer_close(s.producer);
    test_ok(myl_remove(s.name, MYL_BACKEND_SHM, 0));
}

/* Every call reports the death of a plain consumer. That must not hide the death of the required one. */
static void plain_death_does_not_hide_a_required_death(void **state)
{
    (void)state;
    static const char *const both[] = {"plain", "required"};
    struct setting s;
    set_up(&s, "plain", both, 2, NULL);
    set_liveness(&s, both + 1, 1, MYL_SEC(60));
    put_many(s.producer, 0, CAPACITY);
    test_kill(&s.child[0]);
    test_kill(&s.child[1]);
    expect_death_of(&s, "required");
    expect_death_of(&s, "plain");
    expect_death_of(&s, "plain");
    myl_producer_close(s.producer);
    test_ok(myl_remove(s.name, MYL_BACKEND_SHM, 0));
}

/* A required consumer is evicted. The consumer that gets its entry next is not reported as recovered. */
static void successor_in_an_entry_has_not_recovered(void **state)
{
    (void)state;
    static const char *const one[] = {"w"};
    myl_role_options role = {.size = sizeof role, .role = MYL_ROLE_ALERT};
    struct setting s;
    set_up(&s, "place", one, 1, &role);
    set_liveness(&s, NULL, 0, MYL_SEC(60));
    put_many(s.producer, 0, CAPACITY);
    test_kill(&s.child[0]);
    while (s.heard.count[MYL_ALERT_DIED] == 0)
        test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(10)));
    test_ok(myl_evict(s.name, MYL_BACKEND_SHM, "w"));
    myl_consumer *fresh = open_consumer(s.name, "fresh");
    take_many(fresh, 0, CAPACITY);
    put_many(s.producer, CAPACITY, 1);
    assert_int_equal(s.heard.count[MYL_ALERT_RECOVERED], 0);
    assert_int_equal(logged(&s, MYL_LOG_RECOVERED), 0);
    take_many(fresh, CAPACITY, 1);
    myl_producer_close(s.producer);
    myl_consumer_close(fresh);
    assert_false(ring_exists(s.name));
}

/* A required consumer died, was evicted, was reported absent, and came back: recovery is reported once. */
static void consumer_that_returns_is_reported_once(void **state)
{
    (void)state;
    static const char *const both[] = {"keeps", "w"};
    struct setting s;
    set_up(&s, "once", both, 2, NULL);
    set_liveness(&s, both + 1, 1, MYL_MSEC(1));
    put_many(s.producer, 0, CAPACITY);
    order(&s.child[0], CAPACITY, CAPACITY);
    test_kill(&s.child[1]);
    expect_death_of(&s, "w");
    test_ok(myl_evict(s.name, MYL_BACKEND_SHM, "w"));
    while (s.heard.count[MYL_ALERT_ABSENT] == 0)
        test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(10)));
    start_consumer(&s.child[1], &s.participant[1], 0); /* evicted and reported absent; the gate has not moved since */
    order(&s.child[1], CAPACITY, CAPACITY);
    put_many(s.producer, CAPACITY, 1);
    assert_int_equal(s.heard.count[MYL_ALERT_RECOVERED], 1);
    assert_string_equal(s.heard.last, "w");
    assert_int_equal(logged(&s, MYL_LOG_RECOVERED), 1);
    order(&s.child[0], 1, CAPACITY + 1);
    order(&s.child[1], 1, CAPACITY + 1);
    myl_producer_close(s.producer);
    finish(&s.child[0], PARTICIPANT_CLOSE);
    finish(&s.child[1], PARTICIPANT_CLOSE);
    assert_false(ring_exists(s.name));
}

static int try_until_reported(const struct setting *s)
{
    int64_t end = test_now_ns() + MYL_SEC(15);
    int rc;
    do
        rc = claim(s, MYL_TRY);
    while (rc == MYL_EAGAIN && test_now_ns() < end);
    return rc;
}

/* A producer without a policy, whose calls never wait. */
static void polling_producer_gets_each_death(void **state)
{
    (void)state;
    static const char *const one[] = {"w"};
    myl_role_options role = {.size = sizeof role, .role = MYL_ROLE_EXPENDABLE};
    struct setting s;
    set_up(&s, "polls", one, 1, NULL);
    put_many(s.producer, 0, CAPACITY);
    test_code(MYL_EAGAIN, claim(&s, MYL_TRY));
    test_kill(&s.child[0]);
    test_code(MYL_ECONSUMERDEAD, try_until_reported(&s));
    expect_detail("\"w\"");
    test_ok(myl_set_role(s.name, MYL_BACKEND_SHM, "w", &role));
    myl_consumer *holder = open_consumer(s.name, "keeps"); /* another consumer gates from now on */
    take_many(holder, 0, CAPACITY);
    test_ok(try_until_reported(&s));
    assert_int_equal(logged(&s, MYL_LOG_REAPED), 1);
    myl_producer_close(s.producer);
    myl_consumer_close(holder);
    assert_false(ring_exists(s.name));
}

/* Makes the state of a joiner that died at J7 of protocol 3: its lock is free, its state is JOINING, its cursor
 * gates. */
static void make_dead_joiner(struct setting *s)
{
    struct myl_participant *entry = myl_segment_entry(&s->producer->handle.segment, 0);
    assert_int_equal(myl_load32_acq(&entry->state), MYL_PARTICIPANT_ACTIVE);
    myl_store32_rel(&entry->state, MYL_PARTICIPANT_JOINING);
}

static void dead_joiner_can_be_evicted(void **state)
{
    (void)state;
    static const char *const one[] = {"w"};
    struct setting s;
    set_up(&s, "joiner", one, 1, NULL);
    put_many(s.producer, 0, CAPACITY);
    myl_consumer *holder = open_consumer(s.name, "keeps");
    take_many(holder, 0, CAPACITY);
    test_kill(&s.child[0]);
    make_dead_joiner(&s);
    test_code(MYL_EAGAIN, claim(&s, MYL_TRY));
    test_ok(myl_evict(s.name, MYL_BACKEND_SHM, "w"));
    test_ok(claim(&s, MYL_TRY));
    test_code(MYL_ENOTFOUND, myl_evict(s.name, MYL_BACKEND_SHM, "w"));
    myl_producer_abort(s.producer);
    myl_producer_close(s.producer);
    myl_consumer_close(holder);
    assert_false(ring_exists(s.name));
}

/* The same, and the producer reaps the entry by itself, though it only polls. */
static void polling_producer_reaps_a_dead_joiner(void **state)
{
    (void)state;
    static const char *const one[] = {"w"};
    struct setting s;
    set_up(&s, "passed", one, 1, NULL);
    put_many(s.producer, 0, CAPACITY);
    myl_consumer *holder = open_consumer(s.name, "keeps");
    take_many(holder, 0, CAPACITY);
    test_kill(&s.child[0]);
    make_dead_joiner(&s);
    test_ok(try_until_reported(&s));
    myl_producer_abort(s.producer);
    myl_producer_close(s.producer);
    myl_consumer_close(holder);
    assert_false(ring_exists(s.name));
}

/* Events that an absent required consumer acknowledged before it left count as consumed; later ones do not. */
static void wait_consumed_counts_absent_required(void **state)
{
    (void)state;
    static const char *const both[] = {"keeps", "w"};
    struct setting s;
    set_up(&s, "away", both, 2, NULL);
    set_liveness(&s, both + 1, 1, MYL_SEC(60));
    put_many(s.producer, 0, 5);
    order(&s.child[0], 5, 5);
    order(&s.child[1], 3, 3);
    finish(&s.child[1], PARTICIPANT_CLOSE);
    assert_int_equal(myl_producer_last_consumed(s.producer), 2);
    assert_int_equal(myl_producer_is_consumed(s.producer, 2), 1);
    assert_int_equal(myl_producer_is_consumed(s.producer, 3), 0);
    test_ok(myl_producer_wait_consumed(s.producer, 2, MYL_TRY));
    test_code(MYL_EAGAIN, myl_producer_wait_consumed(s.producer, 3, MYL_TRY));
    start_consumer(&s.child[1], &s.participant[1], 3);
    order(&s.child[1], 2, 5);
    test_ok(myl_producer_wait_consumed(s.producer, 4, MYL_TRY));
    assert_int_equal(myl_producer_last_consumed(s.producer), 4);
    myl_producer_close(s.producer);
    finish(&s.child[0], PARTICIPANT_CLOSE);
    finish(&s.child[1], PARTICIPANT_CLOSE);
    assert_false(ring_exists(s.name));
}

/* Two consumers joined and one has died. The dead one does not count for a quorum: by number, by prefix or by id. */
static void dead_consumers_do_not_count_for_the_quorum(void **state)
{
    (void)state;
    static const char *const ids[] = {"w_1", "w_2"};
    struct setting s;
    set_up(&s, "awaited", ids, 2, NULL);
    test_ok(myl_producer_wait_consumers(s.producer, NULL, 2, MYL_SEC(15)));
    test_kill(&s.child[0]);
    for (int i = 0; i < 2; i++) {
        const char *prefix = i == 0 ? NULL : "w_";
        test_ok(myl_producer_wait_consumers(s.producer, prefix, 1, MYL_TRY));
        test_code(MYL_EAGAIN, myl_producer_wait_consumers(s.producer, prefix, 2, MYL_TRY));
        test_code(MYL_ETIMEDOUT, myl_producer_wait_consumers(s.producer, prefix, 2, MYL_MSEC(20)));
        expect_detail("1 of 2");
    }
    test_code(MYL_EAGAIN, myl_producer_wait_consumers(s.producer, "w_1", 1, MYL_TRY));
    test_ok(myl_producer_wait_consumers(s.producer, "w_2", 1, MYL_TRY));
    myl_producer_leave(s.producer);
    myl_producer_options o = producer_options(CAPACITY);
    o.ring.wait_consumers = 2;
    o.ring.wait_ids = ids;
    o.ring.wait_timeout_ns = MYL_MSEC(20);
    expect_no_producer(MYL_ESTARTUP, "1 of 2", s.name, &o);
    start_consumer(&s.child[0], &s.participant[0], 0);
    o.ring.wait_timeout_ns = MYL_SEC(15);
    s.producer = open_producer(s.name, &o);
    myl_producer_close(s.producer);
    finish(&s.child[0], PARTICIPANT_CLOSE);
    finish(&s.child[1], PARTICIPANT_CLOSE);
    assert_false(ring_exists(s.name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_deaths_are_reported_one_by_one),
        cmocka_unit_test(plain_death_does_not_hide_a_required_death),
        cmocka_unit_test(successor_in_an_entry_has_not_recovered),
        cmocka_unit_test(consumer_that_returns_is_reported_once),
        cmocka_unit_test(polling_producer_gets_each_death),
        cmocka_unit_test(dead_joiner_can_be_evicted),
        cmocka_unit_test(polling_producer_reaps_a_dead_joiner),
        cmocka_unit_test(wait_consumed_counts_absent_required),
        cmocka_unit_test(dead_consumers_do_not_count_for_the_quorum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
