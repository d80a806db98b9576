/* SPDX-License-Identifier: MIT
 * The liveness policy between processes. Deaths are distinguished from stalls, and reported at once. The same id comes
 * back. Expendable consumers are reaped. A producer that was stopped reports no stall when it continues. Queries of a
 * consumer about its producer; the diagnosis. */
#include "process/participant.h"

enum { CAPACITY = 8 };

struct heard {
    uint32_t count[MYL_ALERT_REAPED + 1];
    myl_alert last;
};

static void record_alert(const myl_alert *alert, void *user)
{
    struct heard *heard = user;
    heard->count[alert->kind]++;
    heard->last = *alert;
}

static const char *const only_w[] = {"w"};

static myl_liveness_options options(struct heard *heard)
{
    return (myl_liveness_options){
        .size = sizeof(myl_liveness_options),
        .required = only_w,
        .required_count = 1,
        .check_interval_ns = MYL_MSEC(1),
        .alert = record_alert,
        .user = heard,
    };
}

struct setting {
    char name[TEST_NAME_SIZE];
    struct participant participant;
    myl_producer *producer;
    test_child consumer;         /* "w": has read nothing of a full ring */
    struct heard heard;
};

static void set_up(struct setting *s, const char *what, enum myl_on_death on_death, const myl_role_options *role)
{
    memset(s, 0, sizeof *s);
    myl_producer_options o = producer_options(CAPACITY);
    o.ring.on_death = on_death;
    s->producer = open_producer(test_name(s->name, what), &o);
    s->participant = (struct participant){.name = s->name, .id = "w", .consumer.ring.role = role};
    start_consumer(&s->consumer, &s->participant, 0);
}

static int claim(const struct setting *s, int64_t timeout_ns)
{
    void *event;
    return myl_producer_claim(s->producer, &event, timeout_ns);
}

static uint32_t logged(const char *name, enum myl_log_kind kind)
{
    myl_log *log;
    uint32_t count = 0;
    test_ok(myl_log_take(name, MYL_BACKEND_SHM, &log));
    for (uint32_t i = 0; i < log->count; i++)
        count += log->entry[i].kind == kind;
    myl_log_free(log);
    return count;
}

/* Only a live process counts for the start-up: the entry of a dead consumer does not. */
static void startup_requires_live_consumers(void **state)
{
    (void)state;
    struct setting s;
    set_up(&s, "presence", MYL_DEATH_REPORT, NULL);
    test_kill(&s.consumer);
    myl_liveness_options o = options(&s.heard);
    o.startup_wait_ns = MYL_MSEC(30);
    test_ok(myl_producer_set_liveness(s.producer, &o));
    test_code(MYL_ESTARTUP, claim(&s, MYL_FOREVER));
    expect_detail("w");
    start_consumer(&s.consumer, &s.participant, 0);
    test_ok(claim(&s, MYL_SEC(10)));
    finish(&s.consumer, PARTICIPANT_CLOSE);
    myl_producer_close(s.producer);
}

static void death_is_reported_at_the_first_check(void **state)
{
    (void)state;
    struct setting s;
    set_up(&s, "dead", MYL_DEATH_REPORT, NULL);
    myl_liveness_options o = options(&s.heard);
    o.progress_timeout_ns = MYL_SEC(60);
    test_ok(myl_producer_set_liveness(s.producer, &o));
    put_many(s.producer, 0, CAPACITY);
    pid_t pid = s.consumer.pid;
    test_kill(&s.consumer);
    int64_t start = test_now_ns();
    test_code(MYL_ECONSUMERDEAD, claim(&s, MYL_FOREVER));
    assert_true(test_now_ns() - start < MYL_SEC(20)); /* earlier than the stall time-out */
    expect_detail("\"w\"");
    myl_liveness_failure failure = {.size = sizeof failure};
    test_ok(myl_producer_liveness_failure(s.producer, &failure));
    assert_int_equal(failure.code, MYL_ECONSUMERDEAD);
    assert_true(failure.dead);
    assert_false(failure.latched);
    assert_string_equal(failure.id, "w");
    assert_int_equal(failure.last_acknowledged, MYL_SEQUENCE_NONE);
    assert_int_equal(failure.pid, pid);
    assert_int_equal(s.heard.count[MYL_ALERT_DIED], 1);
    assert_int_equal(s.heard.count[MYL_ALERT_STALLED], 0);
    assert_int_equal(logged(s.name, MYL_LOG_DIED), 1);
    /* Reported once. The next claim waits for the consumer until the grace is over, and fails from then on. */
    test_code(MYL_ECONSUMERDEAD, claim(&s, MYL_FOREVER));
    assert_true(test_now_ns() - start >= MYL_SEC(1));
    test_ok(myl_producer_liveness_failure(s.producer, &failure));
    assert_true(failure.latched && failure.dead && failure.stalled_ns >= MYL_SEC(1));
    assert_int_equal(logged(s.name, MYL_LOG_SHUTDOWN), 1);
    start_consumer(&s.consumer, &s.participant, 0); /* too late */
    order(&s.consumer, CAPACITY, CAPACITY);
    test_code(MYL_ECONSUMERDEAD, claim(&s, MYL_FOREVER));
    myl_producer_clear_failure(s.producer);
    test_ok(claim(&s, MYL_FOREVER));
    assert_int_equal(logged(s.name, MYL_LOG_CLEARED), 1);
    finish(&s.consumer, PARTICIPANT_CLOSE);
    myl_producer_close(s.producer);
}

/* A call that waits after a death continues when the same id is back, and not when another id joins. */
static void same_id_recovers(void **state)
{
    (void)state;
    struct setting s;
    set_up(&s, "recovers", MYL_DEATH_WAIT, NULL);
    myl_liveness_options o = options(&s.heard);
    o.shutdown_grace_ns = MYL_SEC(30);
    test_ok(myl_producer_set_liveness(s.producer, &o));
    put_many(s.producer, 0, CAPACITY);
    test_kill(&s.consumer);
    struct participant other = {.name = s.name, .id = "v"};
    test_child stranger;
    start_consumer(&stranger, &other, 0);
    order(&stranger, CAPACITY, CAPACITY);
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(500)));
    assert_int_equal(s.heard.count[MYL_ALERT_DIED], 1);
    start_consumer(&s.consumer, &s.participant, 0);
    test_send(&s.consumer.peer, CAPACITY);
    test_ok(claim(&s, MYL_FOREVER));
    test_expect_value(&s.consumer.peer, CAPACITY);
    assert_int_equal(s.heard.count[MYL_ALERT_DIED], 1);
    assert_int_equal(s.heard.count[MYL_ALERT_RECOVERED], 1);
    assert_int_equal(logged(s.name, MYL_LOG_RESUMED), 1);
    finish(&s.consumer, PARTICIPANT_CLOSE);
    finish(&stranger, PARTICIPANT_CLOSE);
    myl_producer_close(s.producer);
}

static void dead_expendable_consumers_are_reaped(void **state)
{
    (void)state;
    myl_role_options role = {.size = sizeof role, .role = MYL_ROLE_EXPENDABLE};
    for (int managed = 0; managed < 2; managed++) {
        struct setting s;
        set_up(&s, "expendable", MYL_DEATH_REPORT, &role);
        myl_liveness_options o = options(&s.heard);
        o.required_count = 0;
        if (managed)
            test_ok(myl_producer_set_liveness(s.producer, &o));
        put_many(s.producer, 0, CAPACITY);
        test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(20))); /* alive, but still gating */
        test_kill(&s.consumer);
        myl_consumer *holder = open_consumer(s.name, "keeps"); /* another consumer gates from now on */
        take_many(holder, 0, 3);
        int64_t start = test_now_ns();
        test_ok(claim(&s, MYL_FOREVER));
        assert_true(test_now_ns() - start < MYL_SEC(20));
        assert_int_equal(s.heard.count[MYL_ALERT_REAPED], managed);
        assert_int_equal(logged(s.name, MYL_LOG_DIED), 1);
        assert_int_equal(logged(s.name, MYL_LOG_REAPED), 1);
        myl_producer_abort(s.producer);
        myl_consumer_close(holder);
        myl_producer_close(s.producer);
        assert_false(ring_exists(s.name));
    }
}

static void alert_role_never_fails_a_call(void **state)
{
    (void)state;
    myl_role_options role = {.size = sizeof role, .role = MYL_ROLE_ALERT};
    struct setting s;
    set_up(&s, "alert", MYL_DEATH_REPORT, &role);
    myl_liveness_options o = options(&s.heard);
    o.required_count = 0;
    test_ok(myl_producer_set_liveness(s.producer, &o));
    put_many(s.producer, 0, CAPACITY);
    test_kill(&s.consumer);
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(500)));
    assert_int_equal(s.heard.count[MYL_ALERT_DIED], 1);
    test_ok(myl_evict(s.name, MYL_BACKEND_SHM, "w"));
    assert_int_equal(logged(s.name, MYL_LOG_EVICTED), 1);
    myl_producer_close(s.producer);
    assert_false(ring_exists(s.name));
}

/* --- a stopped producer ----------------------------------------------------------------------------------------- */

static int managed_producer(test_peer *parent, void *argument)
{
    struct participant *participant = argument;
    struct heard heard = {0};
    myl_producer *producer = open_producer(participant->name, &participant->producer);
    myl_liveness_options o = options(&heard);
    myl_liveness_failure failure = {.size = sizeof failure};
    void *event;
    o.progress_timeout_ns = o.shutdown_grace_ns = MYL_MSEC(100);
    test_send(parent, 1);
    test_expect_value(parent, 1); /* "w" has joined */
    test_ok(myl_producer_set_liveness(producer, &o));
    put_many(producer, 0, CAPACITY);
    test_send(parent, 2);
    test_code(MYL_ESTALLED, myl_producer_claim(producer, &event, MYL_SEC(15)));
    test_ok(myl_producer_liveness_failure(producer, &failure));
    test_send(parent, (uint64_t)failure.stalled_ns);
    test_expect_value(parent, 3);
    myl_producer_close(producer);
    return 0;
}

static int has_been_checked(void *argument)
{
    myl_snapshot *snapshot;
    test_ok(myl_snapshot_take(argument, MYL_BACKEND_SHM, &snapshot));
    int checked = snapshot->consumers == 1 && snapshot->entry[0].stalled_ns >= 0;
    myl_snapshot_free(snapshot);
    return checked;
}

/* The time in which the producer was stopped does not count. The consumer, which never moves, is reported as stalled
 * after the time-out and the grace. A check adds 50 ms at most, however slow the machine is. */
static void time_a_producer_was_stopped_is_no_stall(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct participant participant = {.name = test_name(name, "frozen"),
                                      .id = "w",
                                      .producer = producer_options(CAPACITY)};
    test_child producer, consumer;
    test_spawn(&producer, managed_producer, &participant);
    test_expect_value(&producer.peer, 1);
    start_consumer(&consumer, &participant, 0);
    test_send(&producer.peer, 1);
    test_expect_value(&producer.peer, 2);
    test_until(has_been_checked, name, "the producer has checked \"w\"");
    test_stop(&producer); /* much longer than time-out and grace together */
    int64_t until = test_now_ns() + MYL_MSEC(1500);
    while (test_now_ns() < until)
        (void)test_can_receive(&producer.peer, 100);
    test_continue(&producer);
    uint64_t stalled = test_receive(&producer.peer);
    assert_in_range(stalled, MYL_MSEC(200), MYL_MSEC(300));
    test_send(&producer.peer, 3);
    test_expect_exit(&producer, 0);
    finish(&consumer, PARTICIPANT_CLOSE);
}

/* --- a consumer's view of its producer -------------------------------------------------------------------------- */

static void expect_peer(myl_consumer *consumer, enum myl_peer_state state, uint32_t epoch, int taken_over)
{
    myl_peer peer = {.size = sizeof peer};
    test_ok(myl_consumer_peer(consumer, &peer));
    assert_int_equal(peer.state, state);
    assert_int_equal(peer.epoch, epoch);
    assert_int_equal(peer.taken_over, taken_over);
}

static void peer_reports_the_producers_state(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const void *event;
    myl_peer peer = {.size = sizeof peer};
    struct participant participant = {.name = test_name(name, "peer"), .producer = producer_options(CAPACITY)};
    test_child producer;
    start_producer(&producer, &participant, 0);
    myl_consumer *consumer = open_consumer(name, "c");
    expect_peer(consumer, MYL_PEER_ALIVE, 1, 0);
    test_code(MYL_ETIMEDOUT, myl_consumer_next(consumer, &event, MYL_MSEC(30)));
    test_ok(myl_consumer_peer(consumer, &peer));
    assert_true(peer.idle_ns > 0);
    assert_int_equal(peer.pid, producer.pid);
    order(&producer, 2, 2);
    test_ok(myl_consumer_peer(consumer, &peer));
    assert_int_equal(peer.available, 2);
    assert_int_equal(peer.idle_ns, 0);
    test_kill(&producer);
    expect_peer(consumer, MYL_PEER_DEAD, 1, 0); /* although there are unread events */
    assert_int_equal(logged(name, MYL_LOG_PRODUCER_DIED), 1);
    start_producer(&producer, &participant, 2);
    assert_int_equal(logged(name, MYL_LOG_PRODUCER_DIED), 1); /* one death, one record */
    assert_int_equal(logged(name, MYL_LOG_TAKEN_OVER), 1);
    expect_peer(consumer, MYL_PEER_ALIVE, 2, 1);
    expect_peer(consumer, MYL_PEER_ALIVE, 2, 0);
    finish(&producer, PARTICIPANT_LEAVE);
    expect_peer(consumer, MYL_PEER_LEFT, 2, 0);
    myl_producer_options o = producer_options(CAPACITY);
    myl_producer *own = open_producer(name, &o);
    myl_producer_set_activity(own, "loading", MYL_SEC(60));
    test_ok(myl_consumer_peer(consumer, &peer));
    assert_int_equal(peer.state, MYL_PEER_BUSY);
    assert_true(peer.taken_over);
    assert_string_equal(peer.activity, "loading");
    assert_true(peer.activity_left_ns > MYL_SEC(50) && peer.activity_left_ns <= MYL_SEC(60));
    myl_producer_close(own);
    expect_peer(consumer, MYL_PEER_CLOSED, 3, 0);
    take_many(consumer, 0, 2);
    expect_nothing(consumer, MYL_ECLOSED);
    myl_consumer_close(consumer);
}

static int64_t silence(myl_consumer *consumer)
{
    myl_peer peer = {.size = sizeof peer};
    test_ok(myl_consumer_peer(consumer, &peer));
    return peer.idle_ns;
}

/* Polls until the reported silence reaches `ns`. The reported silence never exceeds the real one. */
static void poll_silence(myl_consumer *consumer, int64_t ns, int64_t since)
{
    int64_t reported = 0;
    do {
        expect_nothing(consumer, MYL_EAGAIN);
        int64_t before = reported;
        reported = silence(consumer);
        assert_true(reported >= before && reported <= test_now_ns() - since);
    } while (reported < ns && test_now_ns() - since < MYL_SEC(15));
    assert_true(reported >= ns);
}

/* A consumer that only polls learns how long its producer has been silent. */
static void silence_is_known_while_polling(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const void *event;
    struct participant participant = {.name = test_name(name, "silent"), .producer = producer_options(CAPACITY)};
    test_child producer;
    start_producer(&producer, &participant, 0);
    int64_t since = test_now_ns();
    myl_consumer *consumer = open_consumer(name, "c");
    poll_silence(consumer, MYL_MSEC(50), since);
    test_code(MYL_ETIMEDOUT, myl_consumer_next(consumer, &event, MYL_MSEC(50)));
    assert_true(silence(consumer) >= MYL_MSEC(100)); /* a wait in between does not restart the count */
    since = test_now_ns();
    order(&producer, 1, 1);
    assert_int_equal(silence(consumer), 0); /* there are unread events */
    test_ok(myl_consumer_next(consumer, &event, MYL_TRY));
    test_ok(myl_consumer_release(consumer));
    poll_silence(consumer, MYL_MSEC(50), since); /* counted from this silence, not from an earlier one */
    myl_consumer_close(consumer);
    finish(&producer, PARTICIPANT_CLOSE);
}

/* Many short waits report a death as one long wait does. */
static void short_waits_report_a_death(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const void *event;
    struct participant participant = {.name = test_name(name, "short"), .producer = producer_options(CAPACITY)};
    test_child producer;
    start_producer(&producer, &participant, 0);
    myl_consumer *consumer = open_consumer(name, "c");
    test_kill(&producer);
    int64_t start = test_now_ns();
    int rc;
    do
        rc = myl_consumer_next(consumer, &event, MYL_USEC(200));
    while (rc == MYL_ETIMEDOUT && test_now_ns() - start < MYL_SEC(10));
    test_code(MYL_EPRODUCERDEAD, rc);
    myl_consumer_close(consumer);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

/* --- the diagnosis ------------------------------------------------------------------------------------------------ */

static int waits_for(const myl_diagnosis *diagnosis, const char *waits, const char *blocker)
{
    for (uint32_t i = 0; i < diagnosis->edges; i++) {
        if (strcmp(diagnosis->participant[diagnosis->edge[i].waiter].id, waits) == 0 &&
            strcmp(diagnosis->participant[diagnosis->edge[i].awaited].id, blocker) == 0)
            return 1;
    }
    return 0;
}

static void expect_condition(const char *name, enum myl_condition condition, const char *word)
{
    myl_diagnosis *diagnosis;
    test_ok(myl_diagnose(name, MYL_BACKEND_SHM, MYL_MSEC(10), &diagnosis));
    const myl_diagnosis_participant *w = find_participant(diagnosis, "w"), *fast = find_participant(diagnosis, "fast");
    if (w->condition != condition)
        test_fail("\"w\" is %s, expected %s: %s", myl_condition_name(w->condition), myl_condition_name(condition),
                  diagnosis->sentence);
    assert_true(waits_for(diagnosis, "", "w"));
    assert_false(waits_for(diagnosis, "", "fast"));
    assert_int_equal(diagnosis->participant[0].condition, MYL_COND_WAITING);
    assert_true(diagnosis->participant[0].waiting_ns > 0);
    assert_int_equal(w->lag, CAPACITY);
    assert_int_equal(fast->lag, 0);
    if (strstr(diagnosis->sentence, "\"w\"") == NULL || strstr(diagnosis->sentence, word) == NULL)
        test_fail("\"%s\" does not contain \"%s\"", diagnosis->sentence, word);
    myl_diagnosis_free(diagnosis);
}

static void diagnosis_names_conditions_and_edges(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct participant participant = {.name = test_name(name, "verdict"),
                                      .id = "w",
                                      .producer = producer_options(CAPACITY)};
    participant.producer.ring.on_death = MYL_DEATH_WAIT;
    test_child producer, w;
    test_spawn(&producer, fill_and_wait, &participant);
    test_expect_value(&producer.peer, 1);
    start_consumer(&w, &participant, 0);
    myl_consumer *fast = open_consumer(name, "fast");
    test_send(&producer.peer, 1);
    take_many(fast, 0, CAPACITY);
    test_until(producer_waits, name, "the producer waits");
    expect_condition(name, MYL_COND_STALLED, "alive");
    test_stop(&w);
    expect_condition(name, MYL_COND_STOPPED, "stopped");
    test_continue(&w);
    test_kill(&w);
    expect_condition(name, MYL_COND_DEAD, "dead");
    start_consumer(&w, &participant, 0);
    myl_diagnosis *diagnosis;
    order(&w, CAPACITY, CAPACITY);
    test_expect_value(&producer.peer, 2);
    test_ok(myl_diagnose(name, MYL_BACKEND_SHM, 0, &diagnosis));
    assert_int_equal(diagnosis->edges, 0);
    assert_int_equal(find_participant(diagnosis, "w")->lag, 1);
    myl_diagnosis_free(diagnosis);
    test_send(&producer.peer, 2);
    test_expect_exit(&producer, 0);
    take_many(fast, CAPACITY, 1);
    myl_consumer_close(fast);
    finish(&w, PARTICIPANT_CLOSE);
    assert_false(ring_exists(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(startup_requires_live_consumers),
        cmocka_unit_test(death_is_reported_at_the_first_check),
        cmocka_unit_test(same_id_recovers),
        cmocka_unit_test(dead_expendable_consumers_are_reaped),
        cmocka_unit_test(alert_role_never_fails_a_call),
        cmocka_unit_test(time_a_producer_was_stopped_is_no_stall),
        cmocka_unit_test(peer_reports_the_producers_state),
        cmocka_unit_test(silence_is_known_while_polling),
        cmocka_unit_test(short_waits_report_a_death),
        cmocka_unit_test(diagnosis_names_conditions_and_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
