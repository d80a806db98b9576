/* SPDX-License-Identifier: MIT
 * The liveness policy among processes: deaths are told from stalls, at once; the same id comes back; the expendable are
 * reaped; a stopped producer blames nobody when it goes on; what a consumer can ask of its producer; the verdict. */
#include "process/party.h"

enum { CAPACITY = 8 };

struct heard {
    uint32_t count[MYL_ALERT_REAPED + 1];
    myl_alert last;
};

static void hear(const myl_alert *alert, void *user)
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
        .alert = hear,
        .user = heard,
    };
}

struct setting {
    char name[TEST_NAME_SIZE];
    struct party party;
    myl_producer *producer;
    test_child consumer;         /* "w", has read nothing of a full ring */
    struct heard heard;
};

static void begin(struct setting *s, const char *what, enum myl_on_death on_death, const myl_role_options *role)
{
    memset(s, 0, sizeof *s);
    myl_producer_options o = producer_options(CAPACITY);
    o.on_death = on_death;
    s->producer = open_producer(test_name(s->name, what), &o);
    s->party = (struct party){.name = s->name, .id = "w", .consumer.role = role};
    start_consumer(&s->consumer, &s->party, 0);
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

/* Presence means a live process: what a dead one left in the table is none. */
static void test_startup_wants_the_living(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "presence", MYL_DEATH_REPORT, NULL);
    test_kill(&s.consumer);
    myl_liveness_options o = options(&s.heard);
    o.startup_wait_ns = MYL_MSEC(30);
    test_ok(myl_producer_manage(s.producer, &o));
    test_code(MYL_ESTARTUP, claim(&s, MYL_FOREVER));
    expect_detail("w");
    start_consumer(&s.consumer, &s.party, 0);
    test_ok(claim(&s, MYL_SEC(10)));
    finish(&s.consumer, PARTY_CLOSE);
    myl_producer_close(s.producer);
}

static void test_death_is_told_at_once(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "dead", MYL_DEATH_REPORT, NULL);
    myl_liveness_options o = options(&s.heard);
    o.progress_timeout_ns = MYL_SEC(60);
    test_ok(myl_producer_manage(s.producer, &o));
    put_many(s.producer, 0, CAPACITY);
    pid_t pid = s.consumer.pid;
    test_kill(&s.consumer);
    int64_t start = test_now_ns();
    test_code(MYL_ECONSUMERDEAD, claim(&s, MYL_FOREVER));
    assert_true(test_now_ns() - start < MYL_SEC(20)); /* not the time-out of a stall */
    expect_detail("\"w\"");
    myl_trouble trouble;
    myl_producer_trouble(s.producer, &trouble);
    assert_int_equal(trouble.code, MYL_ECONSUMERDEAD);
    assert_true(trouble.dead);
    assert_false(trouble.final);
    assert_string_equal(trouble.id, "w");
    assert_int_equal(trouble.last, MYL_SEQUENCE_NONE);
    assert_int_equal(trouble.pid, pid);
    assert_int_equal(s.heard.count[MYL_ALERT_DIED], 1);
    assert_int_equal(s.heard.count[MYL_ALERT_STALLED], 0);
    assert_int_equal(logged(s.name, MYL_LOG_DIED), 1);
    /* Told once. Called again, the claim waits for it until the grace is over; then it stays so. */
    test_code(MYL_ECONSUMERDEAD, claim(&s, MYL_FOREVER));
    assert_true(test_now_ns() - start >= MYL_SEC(1));
    myl_producer_trouble(s.producer, &trouble);
    assert_true(trouble.final && trouble.dead && trouble.stalled_ns >= MYL_SEC(1));
    assert_int_equal(logged(s.name, MYL_LOG_SHUTDOWN), 1);
    start_consumer(&s.consumer, &s.party, 0); /* too late */
    order(&s.consumer, CAPACITY, CAPACITY);
    test_code(MYL_ECONSUMERDEAD, claim(&s, MYL_FOREVER));
    myl_producer_clear(s.producer);
    test_ok(claim(&s, MYL_FOREVER));
    assert_int_equal(logged(s.name, MYL_LOG_CLEARED), 1);
    finish(&s.consumer, PARTY_CLOSE);
    myl_producer_close(s.producer);
}

/* One that waits out a death goes on by itself when the same id is back, and not when another one comes. */
static void test_same_id_recovers(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "recovers", MYL_DEATH_WAIT, NULL);
    myl_liveness_options o = options(&s.heard);
    o.shutdown_grace_ns = MYL_SEC(30);
    test_ok(myl_producer_manage(s.producer, &o));
    put_many(s.producer, 0, CAPACITY);
    test_kill(&s.consumer);
    struct party other = {.name = s.name, .id = "v"};
    test_child stranger;
    start_consumer(&stranger, &other, 0);
    order(&stranger, CAPACITY, CAPACITY);
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(500)));
    assert_int_equal(s.heard.count[MYL_ALERT_DIED], 1);
    start_consumer(&s.consumer, &s.party, 0);
    test_tell(&s.consumer.peer, CAPACITY);
    test_ok(claim(&s, MYL_FOREVER));
    test_hear_value(&s.consumer.peer, CAPACITY);
    assert_int_equal(s.heard.count[MYL_ALERT_DIED], 1);
    assert_int_equal(s.heard.count[MYL_ALERT_RECOVERED], 1);
    assert_int_equal(logged(s.name, MYL_LOG_RESUMED), 1);
    finish(&s.consumer, PARTY_CLOSE);
    finish(&stranger, PARTY_CLOSE);
    myl_producer_close(s.producer);
}

static void test_the_expendable_are_reaped(void **state)
{
    (void)state;
    myl_role_options role = {.size = sizeof role, .role = MYL_ROLE_EXPENDABLE};
    for (int managed = 0; managed < 2; managed++) {
        struct setting s;
        begin(&s, "expendable", MYL_DEATH_REPORT, &role);
        myl_liveness_options o = options(&s.heard);
        o.required_count = 0;
        if (managed)
            test_ok(myl_producer_manage(s.producer, &o));
        put_many(s.producer, 0, CAPACITY);
        test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(20))); /* alive, it gates */
        test_kill(&s.consumer);
        myl_consumer *keeps = open_consumer(s.name, "keeps"); /* somebody gates on */
        take_many(keeps, 0, 3);
        int64_t start = test_now_ns();
        test_ok(claim(&s, MYL_FOREVER));
        assert_true(test_now_ns() - start < MYL_SEC(20));
        assert_int_equal(s.heard.count[MYL_ALERT_REAPED], managed);
        assert_int_equal(logged(s.name, MYL_LOG_DIED), 1);
        assert_int_equal(logged(s.name, MYL_LOG_REAPED), 1);
        myl_producer_abort(s.producer);
        myl_consumer_close(keeps);
        myl_producer_close(s.producer);
        assert_false(ring_exists(s.name));
    }
}

static void test_alert_only(void **state)
{
    (void)state;
    myl_role_options role = {.size = sizeof role, .role = MYL_ROLE_ALERT};
    struct setting s;
    begin(&s, "alert", MYL_DEATH_REPORT, &role);
    myl_liveness_options o = options(&s.heard);
    o.required_count = 0;
    test_ok(myl_producer_manage(s.producer, &o));
    put_many(s.producer, 0, CAPACITY);
    test_kill(&s.consumer);
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(500)));
    assert_int_equal(s.heard.count[MYL_ALERT_DIED], 1);
    test_ok(myl_evict(s.name, MYL_BACKEND_SHM, "w"));
    assert_int_equal(logged(s.name, MYL_LOG_EVICTED), 1);
    myl_producer_close(s.producer);
    assert_false(ring_exists(s.name));
}

/* --- a producer that was stopped itself ------------------------------------------------------------------------- */

static int managed_producer(test_peer *parent, void *argument)
{
    struct party *party = argument;
    struct heard heard = {0};
    myl_producer *producer = open_producer(party->name, &party->producer);
    myl_liveness_options o = options(&heard);
    void *event;
    test_tell(parent, 1);
    test_hear_value(parent, 1); /* "w" is there */
    test_ok(myl_producer_manage(producer, &o));
    put_many(producer, 0, CAPACITY);
    test_tell(parent, 2);
    int rc = myl_producer_claim(producer, &event, MYL_SEC(15));
    test_tell(parent, (uint64_t)-rc);
    test_tell(parent, heard.count[MYL_ALERT_STALLED]);
    test_hear_value(parent, 3);
    myl_producer_close(producer);
    return 0;
}

static void test_a_frozen_producer_blames_nobody(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct party party = {.name = test_name(name, "frozen"), .id = "w", .producer = producer_options(CAPACITY)};
    test_child producer, consumer;
    test_spawn(&producer, managed_producer, &party);
    test_hear_value(&producer.peer, 1);
    start_consumer(&consumer, &party, 0);
    test_tell(&producer.peer, 1);
    test_hear_value(&producer.peer, 2);
    test_stop(&producer); /* for longer than time-out and grace together */
    int64_t until = test_now_ns() + MYL_MSEC(1500);
    while (test_now_ns() < until)
        (void)test_heard(&producer.peer, 100);
    test_continue(&producer);
    order(&consumer, CAPACITY, CAPACITY);
    test_hear_value(&producer.peer, 0);
    test_hear_value(&producer.peer, 0);
    test_tell(&producer.peer, 3);
    test_expect_exit(&producer, 0);
    finish(&consumer, PARTY_CLOSE);
}

/* --- the mirror image ------------------------------------------------------------------------------------------- */

static void expect_peer(myl_consumer *consumer, enum myl_peer_state state, uint32_t epoch, int taken_over)
{
    myl_peer peer;
    test_ok(myl_consumer_peer(consumer, &peer));
    assert_int_equal(peer.state, state);
    assert_int_equal(peer.epoch, epoch);
    assert_int_equal(peer.taken_over, taken_over);
}

static void test_what_a_consumer_can_ask(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const void *event;
    myl_peer peer;
    struct party party = {.name = test_name(name, "peer"), .producer = producer_options(CAPACITY)};
    test_child producer;
    start_producer(&producer, &party, 0);
    myl_consumer *consumer = open_consumer(name, "c");
    expect_peer(consumer, MYL_PEER_ALIVE, 1, 0);
    test_code(MYL_ETIMEDOUT, myl_consumer_next(consumer, &event, MYL_MSEC(30)));
    test_ok(myl_consumer_peer(consumer, &peer));
    assert_true(peer.silent_ns > 0);
    assert_int_equal(peer.pid, producer.pid);
    order(&producer, 2, 2);
    test_ok(myl_consumer_peer(consumer, &peer));
    assert_int_equal(peer.unread, 2);
    assert_int_equal(peer.silent_ns, 0);
    test_kill(&producer);
    expect_peer(consumer, MYL_PEER_DEAD, 1, 0); /* though there is something left to read */
    assert_int_equal(logged(name, MYL_LOG_PRODUCER_DIED), 1);
    start_producer(&producer, &party, 2);
    assert_int_equal(logged(name, MYL_LOG_PRODUCER_DIED), 1); /* one death, one record */
    assert_int_equal(logged(name, MYL_LOG_TAKEN_OVER), 1);
    expect_peer(consumer, MYL_PEER_ALIVE, 2, 1);
    expect_peer(consumer, MYL_PEER_ALIVE, 2, 0);
    finish(&producer, PARTY_LEAVE);
    expect_peer(consumer, MYL_PEER_LEFT, 2, 0);
    myl_producer_options o = producer_options(CAPACITY);
    myl_producer *own = open_producer(name, &o);
    myl_producer_busy(own, "loading", MYL_SEC(60));
    test_ok(myl_consumer_peer(consumer, &peer));
    assert_int_equal(peer.state, MYL_PEER_BUSY);
    assert_true(peer.taken_over);
    assert_string_equal(peer.doing, "loading");
    assert_true(peer.patience_ns > MYL_SEC(50) && peer.patience_ns <= MYL_SEC(60));
    myl_producer_close(own);
    expect_peer(consumer, MYL_PEER_CLOSED, 3, 0);
    take_many(consumer, 0, 2);
    expect_nothing(consumer, MYL_ECLOSED);
    myl_consumer_close(consumer);
}

static int64_t silence(myl_consumer *consumer)
{
    myl_peer peer;
    test_ok(myl_consumer_peer(consumer, &peer));
    return peer.silent_ns;
}

/* Polls as who never waits does, until `ns` of silence are told; what is told is never more than there was. */
static void poll_silence(myl_consumer *consumer, int64_t ns, int64_t since)
{
    int64_t told = 0;
    do {
        expect_nothing(consumer, MYL_EAGAIN);
        int64_t before = told;
        told = silence(consumer);
        assert_true(told >= before && told <= test_now_ns() - since);
    } while (told < ns && test_now_ns() - since < MYL_SEC(15));
    assert_true(told >= ns);
}

/* A consumer that polls and never waits learns for how long its producer has been silent. */
static void test_silence_while_polling(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const void *event;
    struct party party = {.name = test_name(name, "silent"), .producer = producer_options(CAPACITY)};
    test_child producer;
    start_producer(&producer, &party, 0);
    int64_t since = test_now_ns();
    myl_consumer *consumer = open_consumer(name, "c");
    poll_silence(consumer, MYL_MSEC(50), since);
    test_code(MYL_ETIMEDOUT, myl_consumer_next(consumer, &event, MYL_MSEC(50)));
    assert_true(silence(consumer) >= MYL_MSEC(100)); /* waiting in between is no new beginning */
    since = test_now_ns();
    order(&producer, 1, 1);
    assert_int_equal(silence(consumer), 0); /* there is something unread */
    test_ok(myl_consumer_next(consumer, &event, MYL_TRY));
    test_ok(myl_consumer_release(consumer));
    poll_silence(consumer, MYL_MSEC(50), since); /* of this silence, not of the one before */
    myl_consumer_close(consumer);
    finish(&producer, PARTY_CLOSE);
}

/* Many short waits learn of a death as one long wait does. */
static void test_short_waits_learn_of_a_death(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const void *event;
    struct party party = {.name = test_name(name, "short"), .producer = producer_options(CAPACITY)};
    test_child producer;
    start_producer(&producer, &party, 0);
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

/* --- the verdict -------------------------------------------------------------------------------------------------- */

static int waits_for(const myl_verdict *verdict, const char *waits, const char *for_whom)
{
    for (uint32_t i = 0; i < verdict->edges; i++) {
        if (strcmp(verdict->party[verdict->edge[i].waits].id, waits) == 0 &&
            strcmp(verdict->party[verdict->edge[i].for_whom].id, for_whom) == 0)
            return 1;
    }
    return 0;
}

static void expect_condition(const char *name, enum myl_condition condition, const char *word)
{
    myl_verdict *verdict;
    test_ok(myl_why(name, MYL_BACKEND_SHM, MYL_MSEC(10), &verdict));
    const myl_why_party *w = find_party(verdict, "w"), *fast = find_party(verdict, "fast");
    if (w->condition != condition)
        test_fail("\"w\" is %s, not %s: %s", myl_condition_name(w->condition), myl_condition_name(condition),
                  verdict->sentence);
    assert_true(waits_for(verdict, "", "w"));
    assert_false(waits_for(verdict, "", "fast"));
    assert_int_equal(verdict->party[0].condition, MYL_COND_WAITING);
    assert_true(verdict->party[0].waiting_ns > 0);
    assert_int_equal(w->behind, CAPACITY);
    assert_int_equal(fast->behind, 0);
    if (strstr(verdict->sentence, "\"w\"") == NULL || strstr(verdict->sentence, word) == NULL)
        test_fail("\"%s\" does not say \"%s\"", verdict->sentence, word);
    myl_verdict_free(verdict);
}

static void test_verdict(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct party party = {.name = test_name(name, "verdict"), .id = "w", .producer = producer_options(CAPACITY)};
    party.producer.on_death = MYL_DEATH_WAIT;
    test_child producer, w;
    test_spawn(&producer, fill_and_wait, &party);
    test_hear_value(&producer.peer, 1);
    start_consumer(&w, &party, 0);
    myl_consumer *fast = open_consumer(name, "fast");
    test_tell(&producer.peer, 1);
    take_many(fast, 0, CAPACITY);
    test_until(producer_waits, name, "the producer waits");
    expect_condition(name, MYL_COND_STALLED, "alive");
    test_stop(&w);
    expect_condition(name, MYL_COND_STOPPED, "stopped");
    test_continue(&w);
    test_kill(&w);
    expect_condition(name, MYL_COND_DEAD, "dead");
    start_consumer(&w, &party, 0);
    myl_verdict *verdict;
    order(&w, CAPACITY, CAPACITY);
    test_hear_value(&producer.peer, 2);
    test_ok(myl_why(name, MYL_BACKEND_SHM, 0, &verdict));
    assert_int_equal(verdict->edges, 0);
    assert_int_equal(find_party(verdict, "w")->behind, 1);
    myl_verdict_free(verdict);
    test_tell(&producer.peer, 2);
    test_expect_exit(&producer, 0);
    take_many(fast, CAPACITY, 1);
    myl_consumer_close(fast);
    finish(&w, PARTY_CLOSE);
    assert_false(ring_exists(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_startup_wants_the_living),
        cmocka_unit_test(test_death_is_told_at_once),
        cmocka_unit_test(test_same_id_recovers),
        cmocka_unit_test(test_the_expendable_are_reaped),
        cmocka_unit_test(test_alert_only),
        cmocka_unit_test(test_a_frozen_producer_blames_nobody),
        cmocka_unit_test(test_what_a_consumer_can_ask),
        cmocka_unit_test(test_silence_while_polling),
        cmocka_unit_test(test_short_waits_learn_of_a_death),
        cmocka_unit_test(test_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
