/* SPDX-License-Identifier: MIT
 * A producer's liveness policy under a fake clock: when each alert and each failure comes, what it contains, and what
 * restarts a timer. Other participants leave, die, come back and read while the producer sleeps. Not built with the
 * portable layer, which sleeps within its own park. */
/* ctest: not-under=portable */
#include <stdlib.h>

#include "ring/producer.h"
#include "unit/fake_clock.h"

#define CAPACITY 8
#define POLICY_CHECK_NS MYL_USEC(100)
#define PROGRESS_NS MYL_MSEC(40)
#define GRACE_NS MYL_MSEC(60)

/* The reports, and their times. */
enum { MOST_REPORTED = 16 };

static struct {
    unsigned count;
    myl_alert alert[MOST_REPORTED];
    int64_t at[MOST_REPORTED];
} reported;

static void hear(const myl_alert *alert, void *user)
{
    (void)user;
    assert_true(reported.count < MOST_REPORTED);
    reported.alert[reported.count] = *alert;
    reported.at[reported.count++] = fake.now;
}

static struct {
    char name[TEST_NAME_SIZE];
    myl_producer *producer;
    myl_consumer *consumer;
    test_child child;
    int64_t begin;
} scene;

/* Actions of other participants while the producer sleeps, each at its time after `begin`. */
enum { MOST_EVENTS = 4 };

static struct {
    int64_t at;
    void (*happen)(void);
} later[MOST_EVENTS];

static void meanwhile(void)
{
    for (int i = 0; i < MOST_EVENTS; i++) {
        void (*happen)(void) = later[i].happen;
        if (happen == NULL || fake.now - scene.begin < later[i].at)
            continue;
        later[i].happen = NULL;
        happen();
    }
}

static void start_scene(void)
{
    start_clock();
    fake.before_park = meanwhile;
    memset(&reported, 0, sizeof reported);
    memset(later, 0, sizeof later);
    scene.begin = fake.now;
}

static myl_consumer *join(const char *id, enum myl_role role)
{
    myl_consumer_options c = consumer_options(id);
    myl_role_options r = {.size = sizeof r, .role = role};
    c.ring.role = &r;
    return open_consumer_with(scene.name, &c);
}

static void open_scene(enum myl_on_death on_death, enum myl_role role)
{
    myl_producer_options o = producer_options(CAPACITY);
    memset(&scene, 0, sizeof scene);
    o.ring.on_death = on_death;
    scene.producer = open_producer(test_name(scene.name, "policy"), &o);
    scene.consumer = join("c", role);
}

static void close_scene(void)
{
    fake.before_park = NULL;
    myl_consumer_close(scene.consumer);
    myl_producer_close(scene.producer);
    (void)!myl_remove(scene.name, MYL_BACKEND_SHM, 1);
}

static void keep_policy(const char *const *required, uint32_t count)
{
    myl_liveness_options policy = {.size = sizeof policy,
                                   .required = required,
                                   .required_count = count,
                                   .progress_timeout_ns = PROGRESS_NS,
                                   .shutdown_grace_ns = GRACE_NS,
                                   .check_interval_ns = POLICY_CHECK_NS,
                                   .alert = hear};
    test_ok(myl_producer_set_liveness(scene.producer, &policy));
}

/* The ring is full, after the consumer has read `read` events. The producer has a policy. */
static void open_full(enum myl_role role, uint64_t read)
{
    open_scene(MYL_DEATH_WAIT, role);
    keep_policy(NULL, 0);
    put_many(scene.producer, 0, read);
    take_many(scene.consumer, 0, read);
    put_many(scene.producer, read, CAPACITY);
    start_scene();
}

static int claim(int64_t timeout_ns)
{
    void *event;
    return myl_producer_claim(scene.producer, &event, timeout_ns);
}

/* `slack`: allowed in addition to one check interval and the duration of the checks. */
static void expect_time_within(int64_t got, int64_t wanted, int64_t slack, const char *what)
{
    if (got < wanted || got > wanted + 4 * (POLICY_CHECK_NS + CLOSE_NS) + slack)
        test_fail("%s: after %lld ns, expected %lld", what, (long long)got, (long long)wanted);
}

static void expect_time(int64_t got, int64_t wanted, const char *what)
{
    expect_time_within(got, wanted, 0, what);
}

static void expect_alert(unsigned i, enum myl_alert_kind kind, int64_t at, int64_t stalled_ns)
{
    if (i >= reported.count || reported.alert[i].kind != kind)
        test_fail("alert %u of %u is of kind %d, expected %d", i, reported.count, (int)reported.alert[i].kind,
                  (int)kind);
    expect_time(reported.at[i] - scene.begin, at, "alert");
    /* A change between two checks is found by the second one. */
    expect_time(reported.alert[i].stalled_ns + POLICY_CHECK_NS + CLOSE_NS, stalled_ns, "stalled");
}

static uint64_t now_since_begin(void)
{
    return (uint64_t)(fake.now - scene.begin);
}

/* --- a consumer that stalls ------------------------------------------------------------------------------------------
 * */

static void alert_and_failure_have_id_position_and_duration(void **state)
{
    (void)state;
    myl_liveness_failure failure = {.size = sizeof failure};
    open_full(MYL_ROLE_REQUIRED, 3);
    test_code(MYL_ESTALLED, claim(MYL_SEC(1)));
    expect_time((int64_t)now_since_begin(), PROGRESS_NS + GRACE_NS, "failure");
    expect_detail("required consumer \"c\"");
    expect_detail("for 100 ms and lags by 8 events");
    expect_detail("myl_producer_clear_failure");
    assert_int_equal(reported.count, 1);
    expect_alert(0, MYL_ALERT_STALLED, PROGRESS_NS, PROGRESS_NS);
    assert_string_equal(reported.alert[0].id, "c");
    assert_int_equal(reported.alert[0].role, MYL_ROLE_REQUIRED);
    assert_int_equal(reported.alert[0].last_acknowledged, 2);
    assert_int_equal(reported.alert[0].lag, CAPACITY);
    assert_int_equal(reported.alert[0].pid, getpid());
    test_ok(myl_producer_liveness_failure(scene.producer, &failure));
    assert_int_equal(failure.code, MYL_ESTALLED);
    assert_int_equal(failure.latched, 1);
    assert_int_equal(failure.dead, 0);
    assert_int_equal(failure.last_acknowledged, 2);
    assert_int_equal(failure.pid, getpid());
    expect_time(failure.stalled_ns, PROGRESS_NS + GRACE_NS, "trouble");
    test_code(MYL_ESTALLED, claim(MYL_TRY)); /* the failure stays: reported again without a check */
    expect_detail("for 100 ms and lags by 8 events");
    assert_int_equal(reported.count, 1);
    close_scene();
}

/* The log's records of a stall and of the failure. */
static void log_records_the_position_of_a_stall(void **state)
{
    (void)state;
    static const struct {
        enum myl_log_kind kind;
        int64_t value;
    } wanted[] = {{MYL_LOG_STALLED, PROGRESS_NS}, {MYL_LOG_SHUTDOWN, PROGRESS_NS + GRACE_NS}, {MYL_LOG_CLEARED, 0}};
    open_full(MYL_ROLE_REQUIRED, 3);
    test_code(MYL_ESTALLED, claim(MYL_SEC(1)));
    myl_producer_clear_failure(scene.producer);
    myl_log *log;
    test_ok(myl_log_take(scene.name, MYL_BACKEND_SHM, &log));
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        unsigned found = 0;
        for (uint32_t k = 0; k < log->count; k++) {
            const myl_log_entry *entry = &log->entry[k];
            if (entry->kind != wanted[i].kind)
                continue;
            found++;
            assert_string_equal(entry->id, "c");
            assert_int_equal(entry->sequence, 3);
            if (wanted[i].value != 0) {
                expect_time((int64_t)entry->value, wanted[i].value, "logged");
                assert_int_equal(entry->pid, getpid());
            }
        }
        assert_int_equal(found, 1);
    }
    myl_log_free(log);
    close_scene();
}

static void cleared_failure_restarts_the_timers(void **state)
{
    (void)state;
    open_full(MYL_ROLE_REQUIRED, 0);
    for (int round = 0; round < 3; round++) {
        start_scene();
        test_code(MYL_ESTALLED, claim(MYL_SEC(1)));
        expect_time((int64_t)now_since_begin(), PROGRESS_NS + GRACE_NS, "failure");
        assert_int_equal(reported.count, 1);
        expect_alert(0, MYL_ALERT_STALLED, PROGRESS_NS, PROGRESS_NS);
        myl_producer_clear_failure(scene.producer);
    }
    close_scene();
}

/* Consecutive short calls have one timer, like one long call. */
static void consecutive_calls_share_one_timer(void **state)
{
    (void)state;
    open_full(MYL_ROLE_REQUIRED, 0);
    int rc;
    while ((rc = claim(MYL_MSEC(7))) == MYL_ETIMEDOUT)
        ;
    test_code(MYL_ESTALLED, rc);
    expect_time((int64_t)now_since_begin(), PROGRESS_NS + GRACE_NS, "failure");
    expect_alert(0, MYL_ALERT_STALLED, PROGRESS_NS, PROGRESS_NS);
    close_scene();
}

static void read_one(void)
{
    take_many(scene.consumer, (uint64_t)(myl_consumer_last_acknowledged(scene.consumer) + 1), 1);
}

/* The claim needs three events of room. Each event that is read restarts the timer. */
static void any_progress_restarts_the_timer(void **state)
{
    (void)state;
    open_full(MYL_ROLE_REQUIRED, 0);
    later[0].at = MYL_MSEC(30);
    later[0].happen = read_one; /* before the alert */
    later[1].at = MYL_MSEC(90);
    later[1].happen = read_one; /* after it */
    myl_span span;
    test_code(MYL_ESTALLED, myl_producer_claim_span(scene.producer, 3, &span, MYL_SEC(1)));
    expect_time((int64_t)now_since_begin(), MYL_MSEC(90) + PROGRESS_NS + GRACE_NS, "failure");
    assert_int_equal(reported.count, 3);
    expect_alert(0, MYL_ALERT_STALLED, MYL_MSEC(30) + PROGRESS_NS, PROGRESS_NS);
    expect_alert(1, MYL_ALERT_RECOVERED, MYL_MSEC(90), MYL_MSEC(60));
    assert_int_equal(reported.alert[1].last_acknowledged, 1);
    expect_alert(2, MYL_ALERT_STALLED, MYL_MSEC(90) + PROGRESS_NS, PROGRESS_NS);
    close_scene();
}

/* Room ends the call, and the recovery is reported. */
static void room_after_an_alert_is_a_recovery(void **state)
{
    (void)state;
    open_full(MYL_ROLE_ALERT, 0);
    later[0].at = MYL_MSEC(150); /* the alert role never fails a call */
    later[0].happen = read_one;
    test_ok(claim(MYL_SEC(1)));
    expect_time((int64_t)now_since_begin(), MYL_MSEC(150), "room");
    assert_int_equal(reported.count, 2);
    expect_alert(0, MYL_ALERT_STALLED, PROGRESS_NS, PROGRESS_NS);
    assert_int_equal(reported.alert[1].kind, MYL_ALERT_RECOVERED);
    assert_int_equal(reported.alert[1].last_acknowledged, 0);
    assert_int_equal(reported.alert[1].lag, CAPACITY - 1);
    close_scene();
}

/* A consumer that has reached the needed cursor does not block the producer. */
static void consumer_at_the_needed_cursor_does_not_block(void **state)
{
    (void)state;
    open_scene(MYL_DEATH_WAIT, MYL_ROLE_PLAIN);
    myl_consumer *ahead = join("ahead", MYL_ROLE_REQUIRED);
    keep_policy(NULL, 0);
    put_many(scene.producer, 0, CAPACITY);
    take_many(ahead, 0, 1);
    start_scene();
    test_code(MYL_ETIMEDOUT, claim(MYL_MSEC(300)));
    assert_int_equal(reported.count, 0);
    myl_span span;
    start_scene();
    test_code(MYL_ESTALLED, myl_producer_claim_span(scene.producer, 2, &span, MYL_SEC(1)));
    myl_producer_clear_failure(scene.producer);
    myl_consumer_close(ahead);
    close_scene();
}

/* The stall timer is paused while a consumer's activity notice is valid. */
static void activity_notice_extends_the_timeout(void **state)
{
    (void)state;
    open_full(MYL_ROLE_REQUIRED, 0);
    myl_consumer_set_activity(scene.consumer, "compacting", MYL_MSEC(70));
    test_code(MYL_ESTALLED, claim(MYL_SEC(1)));
    expect_time((int64_t)now_since_begin(), MYL_MSEC(70) + PROGRESS_NS + GRACE_NS, "failure");
    expect_alert(0, MYL_ALERT_STALLED, MYL_MSEC(70) + PROGRESS_NS, PROGRESS_NS);
    close_scene();
}

/* A notice that expired before the consumer last moved does not count: the stall is timed from the move. */
static void stall_after_a_move_is_not_timed_from_an_older_notice(void **state)
{
    (void)state;
    open_full(MYL_ROLE_REQUIRED, 0);
    myl_consumer_set_activity(scene.consumer, "compacting", MYL_MSEC(10));
    later[0].at = MYL_MSEC(30);
    later[0].happen = read_one;
    myl_span span;
    test_code(MYL_ESTALLED, myl_producer_claim_span(scene.producer, 3, &span, MYL_SEC(1)));
    expect_time((int64_t)now_since_begin(), MYL_MSEC(30) + PROGRESS_NS + GRACE_NS, "failure");
    expect_alert(0, MYL_ALERT_STALLED, MYL_MSEC(30) + PROGRESS_NS, PROGRESS_NS);
    close_scene();
}

/* --- a consumer that dies --------------------------------------------------------------------------------------------
 * */

static int join_and_wait(test_peer *parent, void *argument)
{
    const enum myl_role *role = argument;
    fake.before_park = NULL;
    (void)join("d", *role);
    test_send(parent, 1);
    (void)test_receive(parent);
    return 0;
}

static void kill_it(void)
{
    test_kill(&scene.child);
}

static void open_mortal(enum myl_on_death on_death, enum myl_role role)
{
    open_scene(on_death, MYL_ROLE_PLAIN);
    test_spawn(&scene.child, join_and_wait, &role);
    test_expect_value(&scene.child.peer, 1);
    put_many(scene.producer, 0, CAPACITY);
    take_many(scene.consumer, 0, CAPACITY);
    start_scene();
    later[0].at = MYL_MSEC(50);
    later[0].happen = kill_it;
}

/* It had not moved for 50 ms when it died: the grace runs from its death. */
static void grace_of_the_dead_runs_from_the_death(void **state)
{
    (void)state;
    myl_liveness_failure failure = {.size = sizeof failure};
    open_mortal(MYL_DEATH_WAIT, MYL_ROLE_REQUIRED);
    int32_t pid = (int32_t)scene.child.pid;
    keep_policy(NULL, 0);
    test_code(MYL_ECONSUMERDEAD, claim(MYL_SEC(1)));
    expect_time((int64_t)now_since_begin(), MYL_MSEC(50) + GRACE_NS, "failure");
    expect_detail("consumer \"d\"");
    expect_detail("died with 8 events unread");
    expect_detail("myl_producer_clear_failure");
    assert_int_equal(reported.count, 2);
    expect_alert(0, MYL_ALERT_STALLED, PROGRESS_NS, PROGRESS_NS);
    expect_alert(1, MYL_ALERT_DIED, MYL_MSEC(50), 0);
    assert_int_equal(reported.alert[1].role, MYL_ROLE_REQUIRED);
    assert_int_equal(reported.alert[1].last_acknowledged, MYL_SEQUENCE_NONE);
    assert_int_equal(reported.alert[1].lag, CAPACITY);
    assert_int_equal(reported.alert[1].pid, pid);
    test_ok(myl_producer_liveness_failure(scene.producer, &failure));
    assert_int_equal(failure.dead, 1);
    assert_int_equal(failure.latched, 1);
    assert_int_equal(failure.pid, pid);
    expect_time(failure.stalled_ns, GRACE_NS, "trouble");
    close_scene();
}

/* The death of a required consumer is reported by a call at once, and fails all calls after the grace. */
static void death_is_reported_once_before_the_grace_is_over(void **state)
{
    (void)state;
    open_mortal(MYL_DEATH_REPORT, MYL_ROLE_REQUIRED);
    keep_policy(NULL, 0);
    test_code(MYL_ECONSUMERDEAD, claim(MYL_SEC(1)));
    expect_time((int64_t)now_since_begin(), MYL_MSEC(50), "report");
    assert_null(strstr(myl_error_detail(), "myl_producer_clear_failure"));
    test_code(MYL_ECONSUMERDEAD, claim(MYL_SEC(1)));
    expect_time((int64_t)now_since_begin(), MYL_MSEC(50) + GRACE_NS, "failure");
    expect_detail("myl_producer_clear_failure");
    assert_int_equal(reported.count, 2);
    close_scene();
}

/* The effect of a death for each role and each reporting option. */
static void role_and_policy_determine_the_effect_of_a_death(void **state)
{
    (void)state;
    static const struct {
        enum myl_role role;
        enum myl_on_death on_death;
        int managed, code;
        unsigned died, reaped;
    } cases[] = {
        {MYL_ROLE_PLAIN, MYL_DEATH_REPORT, 1, MYL_ECONSUMERDEAD, 0, 0}, /* the result reports it */
        {MYL_ROLE_PLAIN, MYL_DEATH_WAIT, 1, MYL_ETIMEDOUT, 1, 0},
        {MYL_ROLE_PLAIN, MYL_DEATH_REPORT, 0, MYL_ECONSUMERDEAD, 0, 0},
        {MYL_ROLE_PLAIN, MYL_DEATH_WAIT, 0, MYL_ETIMEDOUT, 0, 0},
        {MYL_ROLE_ALERT, MYL_DEATH_REPORT, 1, MYL_ETIMEDOUT, 1, 0},
        {MYL_ROLE_ALERT, MYL_DEATH_WAIT, 1, MYL_ETIMEDOUT, 1, 0},
        {MYL_ROLE_ALERT, MYL_DEATH_REPORT, 0, MYL_ECONSUMERDEAD, 0, 0},
        {MYL_ROLE_EXPENDABLE, MYL_DEATH_REPORT, 1, MYL_OK, 1, 1},
        {MYL_ROLE_EXPENDABLE, MYL_DEATH_WAIT, 0, MYL_OK, 0, 0},
        {MYL_ROLE_REQUIRED, MYL_DEATH_REPORT, 0, MYL_ECONSUMERDEAD, 0, 0},
        {MYL_ROLE_REQUIRED, MYL_DEATH_WAIT, 0, MYL_ETIMEDOUT, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned count[MYL_ALERT_REAPED + 1] = {0};
        open_mortal(cases[i].on_death, cases[i].role);
        if (cases[i].managed)
            keep_policy(NULL, 0);
        int rc = claim(MYL_MSEC(200));
        for (unsigned k = 0; k < reported.count; k++)
            count[reported.alert[k].kind]++;
        if (rc != cases[i].code || count[MYL_ALERT_DIED] != cases[i].died || count[MYL_ALERT_REAPED] != cases[i].reaped)
            test_fail("case %d: %s, with reports of %u deaths and %u reaped", (int)i,
                      rc == MYL_OK ? "success" : myl_errname(rc), count[MYL_ALERT_DIED], count[MYL_ALERT_REAPED]);
        if (rc != MYL_ETIMEDOUT)
            expect_time_within((int64_t)now_since_begin(), MYL_MSEC(50), cases[i].managed ? 0 : MYL_MSEC(5), "result");
        close_scene();
    }
}

/* --- a required consumer that is absent
 * -------------------------------------------------------------------------------- */

static const char *const only_c[] = {"c"};

static void leave(void)
{
    myl_consumer_close(scene.consumer);
    scene.consumer = NULL;
}

static void come_back(void)
{
    scene.consumer = open_consumer(scene.name, "c");
}

/* The required consumer has read everything and leaves after 20 ms. Returns another consumer, which has read nothing:
 * the ring is full. */
static myl_consumer *open_with_a_slow_consumer(void)
{
    open_scene(MYL_DEATH_WAIT, MYL_ROLE_REQUIRED);
    myl_consumer *slow = join("slow", MYL_ROLE_PLAIN);
    keep_policy(only_c, 1);
    put_many(scene.producer, 0, CAPACITY);
    take_many(scene.consumer, 0, CAPACITY);
    start_scene();
    later[0].at = MYL_MSEC(20);
    later[0].happen = leave;
    return slow;
}

/* Another consumer blocks the producer. The absence runs from the time when the required one left. */
static void absence_runs_from_the_leave(void **state)
{
    (void)state;
    myl_consumer *slow = open_with_a_slow_consumer();
    test_code(MYL_ESTALLED, claim(MYL_SEC(1)));
    expect_time((int64_t)now_since_begin(), MYL_MSEC(20) + PROGRESS_NS + GRACE_NS, "failure");
    assert_int_equal(reported.count, 1);
    expect_alert(0, MYL_ALERT_ABSENT, MYL_MSEC(20) + PROGRESS_NS, PROGRESS_NS);
    assert_string_equal(reported.alert[0].id, "c");
    assert_int_equal(reported.alert[0].last_acknowledged, CAPACITY - 1);
    assert_int_equal(reported.alert[0].lag, 0);
    myl_consumer_close(slow);
    close_scene();
}

static void return_restarts_the_timers_of_an_absent_consumer(void **state)
{
    (void)state;
    myl_consumer *slow = open_with_a_slow_consumer();
    later[1].at = MYL_MSEC(100);
    later[1].happen = come_back;
    later[2].at = MYL_MSEC(130);
    later[2].happen = leave;
    test_code(MYL_ESTALLED, claim(MYL_SEC(1)));
    expect_time((int64_t)now_since_begin(), MYL_MSEC(130) + PROGRESS_NS + GRACE_NS, "failure");
    assert_int_equal(reported.count, 3);
    expect_alert(0, MYL_ALERT_ABSENT, MYL_MSEC(20) + PROGRESS_NS, PROGRESS_NS);
    expect_alert(1, MYL_ALERT_RECOVERED, MYL_MSEC(100), MYL_MSEC(80));
    expect_alert(2, MYL_ALERT_ABSENT, MYL_MSEC(130) + PROGRESS_NS, PROGRESS_NS);
    myl_consumer_close(slow);
    close_scene();
}

/* --- defaults, the start-up wait, and the needed cursor ----------------------------------------------------------- */

static void defaults_are_those_of_the_header(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        myl_liveness_options policy = {.size = sizeof policy,
                                       .alert = hear,
                                       .check_interval_ns = i == 0 ? POLICY_CHECK_NS : 0};
        open_scene(MYL_DEATH_WAIT, MYL_ROLE_REQUIRED);
        test_ok(myl_producer_set_liveness(scene.producer, &policy));
        put_many(scene.producer, 0, CAPACITY);
        start_scene();
        if (i == 0) {
            test_code(MYL_ESTALLED, claim(MYL_SEC(10)));
            expect_time((int64_t)now_since_begin(), MYL_MSEC(1250), "failure");
            expect_time(reported.at[0] - scene.begin, MYL_MSEC(250), "alert");
        } else {
            test_code(MYL_ETIMEDOUT, claim(MYL_MSEC(55)));
            expect_near(fake.asked[0] - scene.begin, MYL_MSEC(5), "the first check");
            expect_time_within(fake.asked[9] - scene.begin, MYL_MSEC(50), 10 * CLOSE_NS, "the tenth check");
            assert_int_equal(fake.questions, 10);
        }
        close_scene();
    }
}

static void startup_wait_has_its_configured_length(void **state)
{
    (void)state;
    static const char *const ids[] = {"c", "first", "second"};
    static const int64_t waits[][2] = {{0, MYL_SEC(5)}, {MYL_AT_ONCE, 0}, {MYL_MSEC(30), MYL_MSEC(30)}};
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        myl_liveness_options policy = {.size = sizeof policy,
                                       .required = ids,
                                       .required_count = 3,
                                       .startup_wait_ns = waits[i][0]};
        open_scene(MYL_DEATH_WAIT, MYL_ROLE_PLAIN);
        test_ok(myl_producer_set_liveness(scene.producer, &policy));
        for (int round = 0; round < 2; round++) {
            start_scene();
            test_code(MYL_ESTARTUP, claim(MYL_SEC(100)));
            expect_near((int64_t)now_since_begin(), waits[i][1], "the start-up wait");
            expect_detail(": first, second; start them");
        }
        if (waits[i][0] != MYL_AT_ONCE) { /* a shorter time-out ends the call, but not the start-up wait */
            start_scene();
            test_code(MYL_ETIMEDOUT, claim(MYL_MSEC(20)));
            expect_near((int64_t)now_since_begin(), MYL_MSEC(20), "the call");
            test_code(MYL_EAGAIN, claim(MYL_TRY));
            test_code(MYL_ESTARTUP, claim(MYL_SEC(100)));
            expect_near((int64_t)now_since_begin(), waits[i][1], "the start-up wait in two calls");
        }
        close_scene();
    }
}

/* An incomplete table needs no lock query: the timed-out call makes those for its sentence, for one consumer. */
static void quorum_queries_locks_only_when_the_table_is_complete(void **state)
{
    (void)state;
    static const char *const ids[] = {"c", "later"};
    open_scene(MYL_DEATH_WAIT, MYL_ROLE_PLAIN);
    for (int by_ids = 0; by_ids < 2; by_ids++) {
        start_scene();
        if (by_ids) {
            myl_liveness_options policy = {.size = sizeof policy, .required = ids, .required_count = 2};
            test_ok(myl_producer_set_liveness(scene.producer, &policy));
            test_code(MYL_EAGAIN, claim(MYL_TRY));
            assert_int_equal(fake.consumer_queries, 0);
            test_code(MYL_ETIMEDOUT, claim(MYL_MSEC(1)));
        } else {
            test_code(MYL_EAGAIN, myl_producer_wait_consumers(scene.producer, NULL, 2, MYL_TRY));
            assert_int_equal(fake.consumer_queries, 0);
            test_code(MYL_ETIMEDOUT, myl_producer_wait_consumers(scene.producer, NULL, 2, MYL_MSEC(1)));
            expect_detail("1 of 2 consumers");
        }
        assert_true(fake.parks > 0);
        assert_int_equal(fake.consumer_queries, 1);
    }
    myl_consumer *second = join("later", MYL_ROLE_PLAIN);
    start_scene();
    test_ok(myl_producer_wait_consumers(scene.producer, NULL, 2, MYL_TRY));
    assert_int_equal(fake.consumer_queries, 2);
    test_ok(claim(MYL_TRY));
    assert_int_equal(fake.consumer_queries, 4);
    myl_consumer_close(second);
    close_scene();
}

static uint64_t asked_for;

static void look_what_is_asked_for(void)
{
    asked_for = scene.producer->handle.segment.control->room.need.v;
}

/* The cursor at which a parked producer is woken: what it needs and a quarter of the ring, but at most what is
 * published. */
static void parked_producer_needs_a_quarter_more(void **state)
{
    (void)state;
    static const struct {
        uint64_t read, published, events, asked;
    } cases[] = {
        {0, 64, 1, 17},  /* 1 and 16 */
        {0, 64, 20, 36}, {0, 64, 48, 64},  {0, 64, 50, 64}, /* at most what is published */
        {0, 64, 64, 64}, {30, 64, 40, 56}, {40, 64, 60, 64}, {40, 104, 1, 57},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(&scene, 0, sizeof scene);
        myl_producer_options o = producer_options(64);
        o.ring.wait.strategy = MYL_WAIT_BLOCK;
        scene.producer = open_producer(test_name(scene.name, "asks"), &o);
        scene.consumer = join("c", MYL_ROLE_PLAIN);
        uint64_t done = 0;
        for (; done < cases[i].published - 64; done++) {
            put(scene.producer, done, MYL_TRY);
            take_many(scene.consumer, done, 1);
        }
        put_many(scene.producer, done, 64);
        if (cases[i].read > done)
            take_many(scene.consumer, done, cases[i].read - done);
        start_scene();
        fake.before_park = look_what_is_asked_for;
        asked_for = 0;
        myl_span span;
        test_code(MYL_ETIMEDOUT, myl_producer_claim_span(scene.producer, cases[i].events, &span, MYL_MSEC(1)));
        if (asked_for != cases[i].asked)
            test_fail("case %d: needed cursor %llu", (int)i, (unsigned long long)asked_for);
        asked_for = 0;
        test_code(MYL_ETIMEDOUT,
                  myl_producer_wait_consumed(scene.producer, (myl_sequence)cases[i].published - 1, MYL_MSEC(1)));
        assert_int_equal(asked_for, cases[i].published); /* exactly the cursor that it waits for */
        close_scene();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alert_and_failure_have_id_position_and_duration),
        cmocka_unit_test(log_records_the_position_of_a_stall),
        cmocka_unit_test(cleared_failure_restarts_the_timers),
        cmocka_unit_test(consecutive_calls_share_one_timer),
        cmocka_unit_test(any_progress_restarts_the_timer),
        cmocka_unit_test(room_after_an_alert_is_a_recovery),
        cmocka_unit_test(consumer_at_the_needed_cursor_does_not_block),
        cmocka_unit_test(activity_notice_extends_the_timeout),
        cmocka_unit_test(stall_after_a_move_is_not_timed_from_an_older_notice),
        cmocka_unit_test(grace_of_the_dead_runs_from_the_death),
        cmocka_unit_test(death_is_reported_once_before_the_grace_is_over),
        cmocka_unit_test(role_and_policy_determine_the_effect_of_a_death),
        cmocka_unit_test(absence_runs_from_the_leave),
        cmocka_unit_test(return_restarts_the_timers_of_an_absent_consumer),
        cmocka_unit_test(defaults_are_those_of_the_header),
        cmocka_unit_test(startup_wait_has_its_configured_length),
        cmocka_unit_test(quorum_queries_locks_only_when_the_table_is_complete),
        cmocka_unit_test(parked_producer_needs_a_quarter_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
