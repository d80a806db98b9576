/* SPDX-License-Identifier: MIT
 * Waits under a fake clock: when they end, check liveness and sleep. Not built with the portable layer, which sleeps
 * within its own park. */
/* ctest: not-under=portable */
#include <stdlib.h>

#include "codec/types.h"
#include "unit/fake_clock.h"

struct pair {
    char name[TEST_NAME_SIZE];
    myl_producer *producer;
    myl_consumer *consumer;
};

static void open_pair(struct pair *pair, const myl_wait_options *wait, int64_t liveness_ns)
{
    myl_producer_options o = producer_options(8);
    myl_consumer_options c = consumer_options("c");
    o.ring.wait = c.ring.wait = *wait;
    o.ring.liveness_ns = c.ring.liveness_ns = liveness_ns;
    pair->producer = open_producer(test_name(pair->name, "clock"), &o);
    pair->consumer = open_consumer_with(pair->name, &c);
    start_clock();
}

static void close_pair(struct pair *pair)
{
    myl_consumer_close(pair->consumer);
    myl_producer_close(pair->producer);
}

static void next_times_out(struct pair *pair, int64_t timeout_ns)
{
    const void *event;
    test_code(MYL_ETIMEDOUT, myl_consumer_next(pair->consumer, &event, timeout_ns));
}

static void claim_times_out(struct pair *pair, int64_t timeout_ns)
{
    void *event;
    test_code(MYL_ETIMEDOUT, myl_producer_claim(pair->producer, &event, timeout_ns));
}

static const enum myl_wait_strategy strategies[] = {
    MYL_WAIT_ADAPTIVE, MYL_WAIT_BUSY_SPIN, MYL_WAIT_SPIN_HINT, MYL_WAIT_SPIN_YIELD, MYL_WAIT_SLEEP, MYL_WAIT_BLOCK,
};
#define STRATEGIES (sizeof strategies / sizeof strategies[0])

static void timeouts_end_neither_early_nor_late(void **state)
{
    (void)state;
    static const int64_t times[] = {1, 999, MYL_USEC(20), MYL_USEC(1234), MYL_MSEC(7) + 1, MYL_MSEC(30)};
    for (unsigned s = 0; s < STRATEGIES; s++) {
        struct pair pair;
        myl_wait_options wait = {.strategy = strategies[s]};
        open_pair(&pair, &wait, 0);
        for (unsigned i = 0; i < sizeof times / sizeof times[0]; i++) {
            int64_t begin = fake.now;
            next_times_out(&pair, times[i]);
            expect_near(fake.now - begin, times[i], "next");
        }
        put_many(pair.producer, 0, 8);
        for (unsigned i = 0; i < sizeof times / sizeof times[0]; i++) {
            int64_t begin = fake.now;
            claim_times_out(&pair, times[i]);
            expect_near(fake.now - begin, times[i], "claim");
        }
        close_pair(&pair);
    }
}

static myl_typed_producer *bad_sender;

static void send_bad_after_10_ms(void)
{
    fake.now += MYL_MSEC(10);
    test_ok(myl_typed_publish_raw(bad_sender, "bad", 3, MYL_TRY));
}

/* Each bad message wakes the consumer, which passes it over and waits for the rest of the time. */
static void skipped_bad_messages_do_not_extend_a_timeout(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_typed_consumer *consumer;
    myl_typed_options typed = {.size = sizeof typed,
                               .type = &t_s_type,
                               .codec = myl_codec_by_name("rkyv"),
                               .bad = MYL_BAD_SKIP};
    myl_frame_producer_options frames = {.size = sizeof frames, .config.ring_bytes = 65536};
    myl_frame_consumer_options reader = {.size = sizeof reader, .ring.wait.strategy = MYL_WAIT_BLOCK};
    test_name(name, "skip");
    test_ok(myl_typed_producer_open(&bad_sender, name, &typed, &frames));
    test_ok(myl_typed_consumer_open(&consumer, name, &typed, &reader));
    for (int leased = 0; leased < 2; leased++) {
        const void *value;
        myl_typed_message message;
        start_clock();
        fake.before_park = send_bad_after_10_ms;
        int64_t begin = fake.now;
        test_code(MYL_ETIMEDOUT, leased ? myl_typed_next(consumer, &message, MYL_MSEC(35))
                                        : myl_typed_receive(consumer, &value, MYL_MSEC(35)));
        int64_t took = fake.now - begin;
        if (took < MYL_MSEC(35) || took >= MYL_MSEC(45))
            test_fail("%s with a timeout of 35 ms took %lld us", leased ? "next" : "receive", (long long)took / 1000);
    }
    fake.before_park = NULL;
    assert_int_equal(myl_typed_bad(consumer), 8);
    myl_typed_consumer_close(consumer);
    myl_typed_producer_close(bad_sender);
}

/* What a wait does before it parks: the spin, then the yields. */
static void spins_and_yields_are_as_configured(void **state)
{
    (void)state;
    static const struct {
        const char *environment;
        uint32_t given, wanted;
    } cases[] = {{NULL, 0, 2}, {NULL, 5, 5}, {"0", 0, 0}, {"7", 0, 7}, {"7", 3, 3}, {"7", MYL_YIELDS_NONE, 0}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair pair;
        myl_wait_options wait = {.strategy = MYL_WAIT_BLOCK, .spin_ns = MYL_USEC(30), .yields = cases[i].given};
        if (cases[i].environment != NULL)
            setenv("MYELON_YIELDS", cases[i].environment, 1);
        open_pair(&pair, &wait, 0);
        unsetenv("MYELON_YIELDS");
        int64_t begin = fake.now;
        next_times_out(&pair, MYL_MSEC(1));
        assert_int_equal(fake.yields, cases[i].wanted);
        if (cases[i].wanted > 0)
            expect_near(fake.first_yield - begin, MYL_USEC(30), "the spin");
        assert_true(fake.parks > 0);
        assert_int_equal(fake.sleeps, 0);
        close_pair(&pair);
    }
}

static void sleeps_are_as_long_as_configured(void **state)
{
    (void)state;
    for (int given = 0; given < 2; given++) {
        struct pair pair;
        int64_t sleep_ns = given ? MYL_USEC(700) : MYL_USEC(100);
        myl_wait_options wait = {.strategy = MYL_WAIT_SLEEP, .sleep_ns = given ? sleep_ns : 0};
        open_pair(&pair, &wait, MYL_SEC(1));
        next_times_out(&pair, MYL_MSEC(50));
        assert_int_equal(fake.longest_sleep, sleep_ns);
        assert_true(fake.sleeps >= MYL_MSEC(50) / (sleep_ns + CLOSE_NS) && fake.sleeps <= MYL_MSEC(50) / sleep_ns + 2);
        assert_int_equal(fake.parks, 0);
        close_pair(&pair);
    }
}

/* A consumer checks after 5 ms, then after intervals that double, up to 200 ms; or at the configured interval. Each
 * check makes `queries_each` lock queries. */
static void expect_checks(int64_t begin, int64_t first, int64_t most, unsigned least, unsigned queries_each)
{
    int64_t interval = first, at = begin;
    assert_true(fake.questions >= least);
    assert_int_equal(fake.lock_queries, queries_each * fake.questions);
    for (unsigned i = 0; i < fake.questions; i++) {
        at += interval;
        if (fake.asked[i] < at || fake.asked[i] > at + CLOSE_NS * (i + 1))
            test_fail("check %u came after %lld ns, expected %lld", i, (long long)(fake.asked[i] - begin),
                      (long long)(at - begin));
        at = fake.asked[i];
        interval = interval * 2 < most ? interval * 2 : most;
    }
}

static void consumer_checks_at_doubling_intervals(void **state)
{
    (void)state;
    for (int given = 0; given < 2; given++) {
        struct pair pair;
        myl_wait_options wait = {.strategy = MYL_WAIT_BLOCK};
        open_pair(&pair, &wait, given ? MYL_MSEC(30) : 0);
        int64_t begin = fake.now;
        next_times_out(&pair, MYL_SEC(3));
        expect_checks(begin, given ? MYL_MSEC(30) : MYL_MSEC(5), given ? MYL_MSEC(30) : MYL_MSEC(200), given ? 99 : 17,
                      1);
        assert_true(fake.longest_park <= (given ? MYL_MSEC(30) : MYL_MSEC(200)));
        close_pair(&pair);
    }
}

/* Consecutive short waits check as rarely as one long wait. */
static void short_waits_check_as_rarely_as_a_long_one(void **state)
{
    (void)state;
    struct pair pair;
    myl_wait_options wait = {.strategy = MYL_WAIT_BLOCK};
    open_pair(&pair, &wait, 0);
    int64_t begin = fake.now;
    for (int i = 0; i < 3000; i++)
        next_times_out(&pair, MYL_MSEC(1));
    expect_checks(begin, MYL_MSEC(5), MYL_MSEC(200), 15, 1);
    assert_true(fake.questions <= 21);
    close_pair(&pair);
}

static void blocked_producer_checks_at_its_interval(void **state)
{
    (void)state;
    for (int given = 0; given < 2; given++) {
        struct pair pair;
        int64_t interval = given ? MYL_MSEC(30) : MYL_MSEC(5);
        myl_wait_options wait = {.strategy = MYL_WAIT_BLOCK};
        open_pair(&pair, &wait, given ? interval : 0);
        put_many(pair.producer, 0, 8);
        start_clock();
        int64_t begin = fake.now;
        claim_times_out(&pair, MYL_SEC(1));
        /* queries of its own lock and the consumer's */
        expect_checks(begin, interval, interval, given ? 32 : 190, 2);
        close_pair(&pair);
    }
}

/* The counters of waiting time, in nanoseconds, after the waits. */
static void time_waited_is_counted_exactly(void **state)
{
    (void)state;
    struct pair pair;
    myl_snapshot *snapshot;
    myl_wait_options wait = {.strategy = MYL_WAIT_BLOCK};
    open_pair(&pair, &wait, 0);
    for (int i = 1; i <= 3; i++) {
        next_times_out(&pair, MYL_SEC(i));
        test_ok(myl_snapshot_take(pair.name, MYL_BACKEND_SHM, &snapshot));
        int64_t waited = (int64_t)snapshot->entry[0].waited_ns, wanted = MYL_SEC(i * (i + 1) / 2);
        if (waited < wanted - MYL_MSEC(1) || waited > wanted + MYL_MSEC(1))
            test_fail("the consumer has waited for %lld ns, expected %lld", (long long)waited, (long long)wanted);
        assert_int_equal(snapshot->entry[0].waiting_ns, -1);
        myl_snapshot_free(snapshot);
    }
    put_many(pair.producer, 0, 8);
    for (int i = 1; i <= 3; i++) {
        claim_times_out(&pair, MYL_SEC(i));
        test_ok(myl_snapshot_take(pair.name, MYL_BACKEND_SHM, &snapshot));
        int64_t waited = (int64_t)snapshot->producer_waited_ns, wanted = MYL_SEC(i * (i + 1) / 2);
        if (waited < wanted - MYL_MSEC(30) || waited > wanted + MYL_MSEC(30))
            test_fail("the producer has waited for %lld ns, expected %lld", (long long)waited, (long long)wanted);
        assert_int_equal(snapshot->producer_waiting_ns, -1);
        myl_snapshot_free(snapshot);
    }
    close_pair(&pair);
}

/* Counted from the start of the first of the consecutive waits that got nothing. */
static void silence_counts_over_repeated_waits(void **state)
{
    (void)state;
    struct pair pair;
    myl_peer peer = {.size = sizeof peer};
    myl_wait_options wait = {.strategy = MYL_WAIT_BLOCK};
    open_pair(&pair, &wait, 0);
    for (uint64_t round = 0; round < 3; round++) {
        fake.now += MYL_SEC(7); /* time between a read and the next wait */
        put(pair.producer, round, MYL_TRY);
        take_many(pair.consumer, round, 1);
        int64_t begin = fake.now;
        for (int i = 1; i <= 3; i++) {
            next_times_out(&pair, MYL_SEC(1));
            test_ok(myl_consumer_peer(pair.consumer, &peer));
            int64_t silent = fake.now - begin;
            if (peer.idle_ns < MYL_SEC(i) - CLOSE_NS || peer.idle_ns > silent)
                test_fail("round %d: silent for %lld ns, expected %lld", i, (long long)peer.idle_ns, (long long)silent);
        }
    }
    close_pair(&pair);
}

/* The reports, and their times. */
struct reported {
    int64_t at[MYL_ALERT_REAPED + 1];
    unsigned count[MYL_ALERT_REAPED + 1];
};

static void hear(const myl_alert *alert, void *user)
{
    struct reported *reported = user;
    reported->at[alert->kind] = fake.now;
    reported->count[alert->kind]++;
}

/* 0 in a role: the policy's value. */
static const struct {
    int64_t progress_ns, grace_ns, alert_ns, failure_ns;
} duties[] = {
    {0, 0, MYL_MSEC(40), MYL_MSEC(100)},
    {MYL_MSEC(30), 0, MYL_MSEC(30), MYL_MSEC(90)},
    {0, MYL_MSEC(20), MYL_MSEC(40), MYL_MSEC(60)},
    {MYL_MSEC(70), MYL_MSEC(10), MYL_MSEC(70), MYL_MSEC(80)},
    {0, MYL_AT_ONCE, MYL_MSEC(40), MYL_MSEC(40)},
    {MYL_MSEC(7) + MYL_USEC(500), MYL_AT_ONCE, MYL_MSEC(8), MYL_MSEC(8)}, /* a role's times are whole ms, rounded up */
    {MYL_MSEC(1) + 1, 1, MYL_MSEC(2), MYL_MSEC(3)},
};
#define DUTIES (sizeof duties / sizeof duties[0])
#define CHECKS_EVERY_NS MYL_USEC(100)

static void keep_policy(myl_producer *producer, struct reported *reported)
{
    myl_liveness_options policy = {.size = sizeof policy,
                                   .progress_timeout_ns = MYL_MSEC(40),
                                   .shutdown_grace_ns = MYL_MSEC(60),
                                   .check_interval_ns = CHECKS_EVERY_NS,
                                   .alert = hear,
                                   .user = reported};
    memset(reported, 0, sizeof *reported);
    test_ok(myl_producer_set_liveness(producer, &policy));
}

static void expect_report(int64_t took, int64_t wanted, unsigned duty, const char *what)
{
    if (took < wanted || took > wanted + 2 * (CHECKS_EVERY_NS + CLOSE_NS))
        test_fail("case %u: %s after %lld ns, expected %lld", duty, what, (long long)took, (long long)wanted);
}

static int blocked_claim(myl_producer *producer, int64_t timeout_ns, int64_t *took)
{
    void *event;
    int64_t begin = fake.now;
    int rc = myl_producer_claim(producer, &event, timeout_ns);
    *took = fake.now - begin;
    return rc;
}

static void open_pair_with_duty(struct pair *pair, unsigned duty, enum myl_role role)
{
    myl_producer_options o = producer_options(8);
    myl_consumer_options c = consumer_options("c");
    myl_role_options r = {.size = sizeof r,
                          .role = role,
                          .progress_timeout_ns = duties[duty].progress_ns,
                          .grace_ns = duties[duty].grace_ns};
    o.ring.on_death = MYL_DEATH_WAIT;
    c.ring.role = &r;
    pair->producer = open_producer(test_name(pair->name, "duty"), &o);
    pair->consumer = open_consumer_with(pair->name, &c);
}

static void stall_alerts_and_fails_on_time(void **state)
{
    (void)state;
    for (unsigned i = 0; i < DUTIES; i++) {
        struct pair pair;
        struct reported reported;
        int64_t took;
        open_pair_with_duty(&pair, i, MYL_ROLE_REQUIRED);
        keep_policy(pair.producer, &reported);
        put_many(pair.producer, 0, 8);
        start_clock();
        int64_t begin = fake.now;
        test_code(MYL_ESTALLED, blocked_claim(pair.producer, MYL_MSEC(200), &took));
        assert_int_equal(reported.count[MYL_ALERT_STALLED], 1);
        expect_report(reported.at[MYL_ALERT_STALLED] - begin, duties[i].alert_ns, i, "told");
        expect_report(took, duties[i].failure_ns, i, "failed");
        close_pair(&pair);
    }
}

static int be_killed(test_peer *parent, void *argument)
{
    (void)parent;
    myl_consumer_options c = consumer_options("c");
    const struct pair *pair = argument;
    c.ring.role = &(myl_role_options){.size = sizeof *c.ring.role, .role = MYL_ROLE_PLAIN};
    (void)open_consumer_with(pair->name, &c);
    _exit(0);
}

/* Opens a pair whose consumer dies while it is registered. */
static void open_with_dead_consumer(struct pair *pair, unsigned duty, enum myl_role role)
{
    test_child child;
    myl_producer_options o = producer_options(8);
    myl_role_options r = {.size = sizeof r,
                          .role = role,
                          .progress_timeout_ns = duties[duty].progress_ns,
                          .grace_ns = duties[duty].grace_ns};
    o.ring.on_death = MYL_DEATH_WAIT;
    pair->producer = open_producer(test_name(pair->name, "bereft"), &o);
    test_spawn(&child, be_killed, pair);
    test_expect_exit(&child, 0);
    test_ok(myl_producer_set_role(pair->producer, "c", &r));
}

static void death_of_a_required_consumer_fails_after_its_grace(void **state)
{
    (void)state;
    for (unsigned i = 0; i < DUTIES; i++) {
        struct pair pair;
        struct reported reported;
        int64_t took;
        open_with_dead_consumer(&pair, i, MYL_ROLE_REQUIRED);
        keep_policy(pair.producer, &reported);
        put_many(pair.producer, 0, 8);
        start_clock();
        test_code(MYL_ECONSUMERDEAD, blocked_claim(pair.producer, MYL_MSEC(200), &took));
        assert_int_equal(reported.count[MYL_ALERT_DIED], 1);
        expect_report(took, duties[i].failure_ns - duties[i].alert_ns, i, "failed");
        myl_producer_close(pair.producer);
        test_ok(myl_remove(pair.name, MYL_BACKEND_SHM, 1));
    }
}

/* Without a configured grace, at once. */
static void dead_expendable_is_reaped_after_its_grace(void **state)
{
    (void)state;
    for (unsigned i = 0; i < DUTIES; i++) {
        struct pair pair;
        struct reported reported;
        int64_t took, grace = duties[i].grace_ns == 0 ? 0 : duties[i].failure_ns - duties[i].alert_ns;
        open_with_dead_consumer(&pair, i, MYL_ROLE_EXPENDABLE);
        keep_policy(pair.producer, &reported);
        put_many(pair.producer, 0, 8);
        start_clock();
        int64_t begin = fake.now;
        test_code(MYL_ETIMEDOUT, blocked_claim(pair.producer, MYL_MSEC(80), &took)); /* there is still no reader */
        assert_int_equal(reported.count[MYL_ALERT_REAPED], 1);
        expect_report(reported.at[MYL_ALERT_REAPED] - begin, grace, i, "given up");
        myl_producer_close(pair.producer);
        assert_false(ring_exists(pair.name)); /* it no longer prevents the removal */
    }
}

struct replaced {
    struct reported reported;
    const char *name;
    myl_consumer *successor;
};

/* Joins under the id of the consumer that was reaped, in its entry, and reads everything. */
static void hear_and_join(const myl_alert *alert, void *user)
{
    struct replaced *replaced = user;
    hear(alert, &replaced->reported);
    if (alert->kind != MYL_ALERT_REAPED)
        return;
    replaced->successor = open_consumer(replaced->name, "c");
    take_many(replaced->successor, 0, 8);
}

/* REAPED is the last alert about a consumer. One that joins under its id, in its entry, is a new consumer. */
static void reaped_consumer_does_not_recover(void **state)
{
    (void)state;
    struct pair pair;
    int64_t took;
    open_with_dead_consumer(&pair, 0, MYL_ROLE_EXPENDABLE);
    struct replaced replaced = {.name = pair.name};
    myl_liveness_options policy = {.size = sizeof policy, .alert = hear_and_join, .user = &replaced};
    test_ok(myl_producer_set_liveness(pair.producer, &policy));
    put_many(pair.producer, 0, 8);
    start_clock();
    test_ok(blocked_claim(pair.producer, MYL_MSEC(80), &took));
    assert_int_equal(replaced.reported.count[MYL_ALERT_DIED], 1);
    assert_int_equal(replaced.reported.count[MYL_ALERT_REAPED], 1);
    assert_int_equal(replaced.reported.count[MYL_ALERT_RECOVERED], 0);
    myl_joined joined = {.size = sizeof joined};
    test_ok(myl_consumer_joined(replaced.successor, &joined));
    assert_int_equal(joined.entry, 0);
    myl_consumer_close(replaced.successor);
    myl_producer_close(pair.producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timeouts_end_neither_early_nor_late),
        cmocka_unit_test(skipped_bad_messages_do_not_extend_a_timeout),
        cmocka_unit_test(spins_and_yields_are_as_configured),
        cmocka_unit_test(sleeps_are_as_long_as_configured),
        cmocka_unit_test(consumer_checks_at_doubling_intervals),
        cmocka_unit_test(short_waits_check_as_rarely_as_a_long_one),
        cmocka_unit_test(blocked_producer_checks_at_its_interval),
        cmocka_unit_test(time_waited_is_counted_exactly),
        cmocka_unit_test(silence_counts_over_repeated_waits),
        cmocka_unit_test(stall_alerts_and_fails_on_time),
        cmocka_unit_test(death_of_a_required_consumer_fails_after_its_grace),
        cmocka_unit_test(dead_expendable_is_reaped_after_its_grace),
        cmocka_unit_test(reaped_consumer_does_not_recover),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
