/* SPDX-License-Identifier: MIT
 * The liveness policy within one process: the required set, alerts, the lasting failure, recovery, roles, activity
 * notices, polling. Deaths need processes: tests/process/liveness_test.c. */
#include "rings.h"

#include "os/os.h"

enum { CAPACITY = 8 };

/* The alerts of the hook, and what it does at the first one. */
struct heard {
    uint32_t count[MYL_ALERT_REAPED + 1];
    myl_alert last;
    int64_t at;                  /* of the first one */
    myl_consumer *reader;        /* reads all events at the first alert */
    const char *hurry;           /* name of the ring: sets the grace of "w" to 0 at the first alert */
};

static void hear(const myl_alert *alert, void *user)
{
    struct heard *heard = user;
    if (heard->at == 0)
        heard->at = test_now_ns();
    heard->count[alert->kind]++;
    heard->last = *alert;
    if (heard->hurry != NULL && alert->kind == MYL_ALERT_STALLED) {
        myl_role_options role = {.size = sizeof role, .role = MYL_ROLE_REQUIRED, .grace_ns = MYL_AT_ONCE};
        test_ok(myl_set_role(heard->hurry, MYL_BACKEND_SHM, "w", &role));
    }
    if (heard->reader != NULL && alert->kind != MYL_ALERT_RECOVERED) {
        const void *event;
        while (myl_consumer_next(heard->reader, &event, MYL_TRY) == MYL_OK)
            ;
        test_ok(myl_consumer_release(heard->reader));
    }
}

struct setting {
    char name[TEST_NAME_SIZE];
    myl_producer *producer;
    myl_consumer *consumer;      /* "w" */
    struct heard heard;
    myl_liveness_options options;
};

static const char *const only_w[] = {"w"};

static void begin(struct setting *s, const char *what)
{
    memset(s, 0, sizeof *s);
    myl_producer_options o = producer_options(CAPACITY);
    s->producer = open_producer(test_name(s->name, what), &o);
    s->consumer = open_consumer(s->name, "w");
    s->options = (myl_liveness_options){
        .size = sizeof s->options,
        .required = only_w,
        .required_count = 1,
        .startup_wait_ns = MYL_MSEC(50),
        .progress_timeout_ns = MYL_MSEC(40),
        .check_interval_ns = MYL_MSEC(1),
        .shutdown_grace_ns = MYL_MSEC(60),
        .alert = hear,
        .user = &s->heard,
    };
}

static void begin_managed(struct setting *s, const char *what)
{
    begin(s, what);
    test_ok(myl_producer_set_liveness(s->producer, &s->options));
}

static void end(struct setting *s)
{
    myl_producer_close(s->producer);
    myl_consumer_close(s->consumer);
    assert_false(ring_exists(s->name));
}

static uint32_t logged(const struct setting *s, enum myl_log_kind kind)
{
    myl_log *log;
    uint32_t count = 0;
    test_ok(myl_log_take(s->name, MYL_BACKEND_SHM, &log));
    for (uint32_t i = 0; i < log->count; i++)
        count += log->entry[i].kind == kind && strcmp(log->entry[i].id, "w") == 0;
    myl_log_free(log);
    return count;
}

static int claim(const struct setting *s, int64_t timeout_ns)
{
    void *event;
    return myl_producer_claim(s->producer, &event, timeout_ns);
}

static void policy_options_are_checked(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "options");
    const char *const twice[] = {"w", "w"}, *const bad[] = {"a b"};
    myl_liveness_options o = s.options;
    o.size--;
    test_code(MYL_EOPTIONS, myl_producer_set_liveness(s.producer, &o));
    o = s.options;
    o.required = NULL;
    test_code(MYL_EINVAL, myl_producer_set_liveness(s.producer, &o));
    o = s.options;
    o.required = twice;
    o.required_count = 2;
    test_code(MYL_EINVAL, myl_producer_set_liveness(s.producer, &o));
    o.required = bad;
    o.required_count = 1;
    test_code(MYL_EID, myl_producer_set_liveness(s.producer, &o));
    o = s.options;
    o.check_interval_ns = 1;
    test_code(MYL_EINVAL, myl_producer_set_liveness(s.producer, &o));
    o = s.options;
    o.progress_timeout_ns = -1;
    test_code(MYL_EINVAL, myl_producer_set_liveness(s.producer, &o));
    o = s.options;
    o.shutdown_grace_ns = -5;
    test_code(MYL_EINVAL, myl_producer_set_liveness(s.producer, &o));
    put_many(s.producer, 0, CAPACITY); /* nothing of it took effect */
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(200)));
    end(&s);
}

static void startup_waits_for_the_required_set(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "startup");
    const char *const three[] = {"w", "x", "y"};
    char id[MYL_ID_MAX + 1];
    myl_liveness_failure failure = {.size = sizeof failure};
    s.options.startup_wait_ns = MYL_MSEC(300);
    s.options.required = three;
    s.options.required_count = 3;
    test_ok(myl_producer_set_liveness(s.producer, &s.options));
    int64_t start = test_now_ns();
    test_code(MYL_EAGAIN, claim(&s, MYL_TRY));
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(5)));
    test_code(MYL_ESTARTUP, claim(&s, MYL_FOREVER));
    assert_true(test_now_ns() - start >= MYL_MSEC(300));
    expect_detail("x, y");
    test_ok(myl_producer_liveness_failure(s.producer, &failure));
    assert_int_equal(failure.code, MYL_ESTARTUP);
    assert_int_equal(failure.missing_count, 2);
    assert_false(failure.latched);
    test_ok(myl_producer_missing_consumer(s.producer, 0, id));
    assert_string_equal(id, "x");
    test_ok(myl_producer_missing_consumer(s.producer, 1, id));
    assert_string_equal(id, "y");
    test_code(MYL_ENOTFOUND, myl_producer_missing_consumer(s.producer, 2, id));
    myl_consumer *x = open_consumer(s.name, "x");
    start = test_now_ns();
    test_code(MYL_ESTARTUP, claim(&s, MYL_FOREVER)); /* each call waits again */
    assert_true(test_now_ns() - start >= MYL_MSEC(300));
    myl_consumer *y = open_consumer(s.name, "y");
    test_ok(claim(&s, MYL_TRY));
    test_ok(myl_producer_liveness_failure(s.producer, &failure));
    assert_int_equal(failure.code, MYL_OK);
    myl_consumer_close(x);
    myl_consumer_close(y);
    end(&s);
}

static void no_check_while_there_is_room(void **state)
{
    (void)state;
    struct setting s;
    begin_managed(&s, "room");
    put_many(s.producer, 0, CAPACITY / 2);
    (void)myl_os_sleep(MYL_MSEC(120)); /* longer than time-out and grace, without a read */
    put_many(s.producer, CAPACITY / 2, CAPACITY / 2);
    assert_int_equal(s.heard.at, 0);
    end(&s);
}

static void stalled_consumer_alerts_then_fails(void **state)
{
    (void)state;
    struct setting s;
    begin_managed(&s, "stall");
    put_many(s.producer, 0, CAPACITY);
    take_many(s.consumer, 0, 2);
    put_many(s.producer, CAPACITY, 2);
    int64_t start = test_now_ns();
    test_code(MYL_ESTALLED, claim(&s, MYL_FOREVER));
    int64_t took = test_now_ns() - start;
    assert_true(took >= MYL_MSEC(100) && took < TEST_DEADLINE_NS);
    assert_true(s.heard.at - start >= MYL_MSEC(40));
    assert_int_equal(s.heard.count[MYL_ALERT_STALLED], 1);
    assert_string_equal(s.heard.last.id, "w");
    assert_int_equal(s.heard.last.last_acknowledged, 1);
    assert_int_equal(s.heard.last.lag, CAPACITY);
    assert_int_equal(s.heard.last.role, MYL_ROLE_REQUIRED);
    assert_true(s.heard.last.stalled_ns >= MYL_MSEC(40));
    myl_liveness_failure failure = {.size = sizeof failure};
    test_ok(myl_producer_liveness_failure(s.producer, &failure));
    assert_int_equal(failure.code, MYL_ESTALLED);
    assert_true(failure.latched);
    assert_false(failure.dead);
    assert_string_equal(failure.id, "w");
    assert_int_equal(failure.last_acknowledged, 1);
    assert_true(failure.stalled_ns >= MYL_MSEC(100));
    expect_detail("\"w\"");

    /* The failure stays for every call, although there is room now. What was claimed before may still be published. */
    take_many(s.consumer, 2, CAPACITY);
    myl_span span;
    struct event event;
    test_code(MYL_ESTALLED, claim(&s, MYL_TRY));
    test_code(MYL_ESTALLED, claim(&s, MYL_FOREVER));
    test_code(MYL_ESTALLED, myl_producer_claim_span(s.producer, 2, &span, MYL_TRY));
    test_code(MYL_ESTALLED, myl_producer_put(s.producer, &event, sizeof event, MYL_TRY));
    test_code(MYL_ESTALLED, myl_producer_wait_consumed(s.producer, 3, MYL_TRY));
    myl_producer_clear_failure(s.producer);
    test_ok(myl_producer_liveness_failure(s.producer, &failure));
    assert_int_equal(failure.code, MYL_OK);
    put_many(s.producer, CAPACITY + 2, CAPACITY);
    take_many(s.consumer, CAPACITY + 2, CAPACITY);
    end(&s);
}

/* There is room for one event, not for the span: the failure applies to single claims, too. */
static void failure_of_a_span_applies_to_all_claims(void **state)
{
    (void)state;
    struct setting s;
    begin_managed(&s, "run");
    put_many(s.producer, 0, CAPACITY - 2);
    myl_span span;
    test_code(MYL_ETOOBIG, myl_producer_claim_span(s.producer, CAPACITY + 1, &span, MYL_FOREVER)); /* at once */
    assert_int_equal(s.heard.at, 0);
    test_code(MYL_ESTALLED, myl_producer_claim_span(s.producer, 4, &span, MYL_FOREVER));
    test_code(MYL_ESTALLED, claim(&s, MYL_TRY));
    myl_producer_clear_failure(s.producer);
    test_ok(claim(&s, MYL_TRY));
    end(&s);
}

static void stalled_consumer_that_moves_recovers(void **state)
{
    (void)state;
    struct setting s;
    begin_managed(&s, "recovery");
    s.heard.reader = s.consumer;
    put_many(s.producer, 0, CAPACITY);
    test_ok(claim(&s, MYL_FOREVER));
    assert_int_equal(s.heard.count[MYL_ALERT_STALLED], 1);
    assert_int_equal(s.heard.count[MYL_ALERT_RECOVERED], 1);
    myl_liveness_failure failure = {.size = sizeof failure};
    test_ok(myl_producer_liveness_failure(s.producer, &failure));
    assert_int_equal(failure.code, MYL_OK);
    end(&s);
}

/* Any progress is enough: the timer restarts. */
static void slow_consumer_is_not_stalled(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "slow");
    s.options.progress_timeout_ns = MYL_MSEC(300);
    test_ok(myl_producer_set_liveness(s.producer, &s.options));
    uint64_t n = CAPACITY;
    put_many(s.producer, 0, n);
    for (uint64_t i = 0; i < 10; i++) {
        test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(50)));
        take_many(s.consumer, i, 1);
        put_many(s.producer, n++, 1);
    }
    assert_int_equal(s.heard.at, 0);
    end(&s);
}

static void rejoin_within_the_grace_recovers(void **state)
{
    (void)state;
    struct setting s;
    begin_managed(&s, "rejoin");
    s.options.shutdown_grace_ns = MYL_SEC(20);
    test_ok(myl_producer_set_liveness(s.producer, &s.options));
    put_many(s.producer, 0, CAPACITY);
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(500)));
    assert_int_equal(s.heard.count[MYL_ALERT_STALLED], 1);
    myl_consumer_close(s.consumer);
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(500))); /* absent: it still gates, and loses nothing */
    assert_int_equal(s.heard.count[MYL_ALERT_ABSENT], 1);
    assert_string_equal(s.heard.last.id, "w");

    myl_consumer *other = open_consumer(s.name, "v"); /* another consumer does not help */
    take_many(other, 0, CAPACITY);
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(20)));

    s.consumer = open_consumer(s.name, "w");
    myl_joined joined = {.size = sizeof joined};
    test_ok(myl_consumer_joined(s.consumer, &joined));
    assert_int_equal(joined.start, 0);
    assert_int_equal(joined.lost, 0);
    take_many(s.consumer, 0, CAPACITY);
    test_ok(claim(&s, MYL_TRY));
    assert_true(s.heard.count[MYL_ALERT_RECOVERED] >= 1);
    myl_consumer_close(other);
    end(&s);
}

/* Without gating consumers, and in a ring that overwrites: an absent required consumer loses nothing. */
static void overwrite_waits_for_the_required(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "free");
    myl_producer_leave(s.producer);
    myl_producer_options o = producer_options(CAPACITY);
    o.ring.no_consumers = MYL_NO_CONSUMERS_OVERWRITE;
    s.producer = open_producer(s.name, &o);
    test_ok(myl_producer_set_liveness(s.producer, &s.options));
    put_many(s.producer, 0, CAPACITY);
    take_many(s.consumer, 0, 3);
    myl_consumer_close(s.consumer);
    for (int i = 0; i < 3; i++)
        test_code(MYL_EAGAIN, claim(&s, MYL_TRY));
    s.consumer = open_consumer(s.name, "w");
    take_many(s.consumer, 3, CAPACITY - 3);
    put_many(s.producer, CAPACITY, 1);
    end(&s);
}

static void absence_beyond_the_grace_fails(void **state)
{
    (void)state;
    struct setting s;
    begin_managed(&s, "absent");
    put_many(s.producer, 0, CAPACITY);
    myl_consumer_close(s.consumer);
    test_code(MYL_ESTALLED, claim(&s, MYL_FOREVER));
    assert_int_equal(s.heard.count[MYL_ALERT_ABSENT], 1);
    assert_int_equal(logged(&s, MYL_LOG_ABSENT), 1);
    assert_int_equal(logged(&s, MYL_LOG_SHUTDOWN), 1);
    s.consumer = open_consumer(s.name, "w");
    test_code(MYL_ESTALLED, claim(&s, MYL_TRY)); /* too late */
    assert_int_equal(logged(&s, MYL_LOG_RECOVERED), 0);
    end(&s);
}

/* The log has what the hook reported. */
static void absence_is_logged(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "logged");
    s.options.shutdown_grace_ns = MYL_SEC(30);
    test_ok(myl_producer_set_liveness(s.producer, &s.options));
    put_many(s.producer, 0, CAPACITY);
    myl_consumer_close(s.consumer);
    while (s.heard.count[MYL_ALERT_ABSENT] == 0)
        test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(10)));
    assert_int_equal(logged(&s, MYL_LOG_ABSENT), 1);
    assert_int_equal(logged(&s, MYL_LOG_RECOVERED), 0);
    s.consumer = open_consumer(s.name, "w");
    take_many(s.consumer, 0, CAPACITY);
    put_many(s.producer, CAPACITY, 1);
    assert_int_equal(s.heard.count[MYL_ALERT_RECOVERED], 1);
    assert_int_equal(logged(&s, MYL_LOG_RECOVERED), 1);
    end(&s);
}

static void expect_recovered(const struct setting *s, myl_sequence last, uint64_t lag)
{
    assert_int_equal(s->heard.count[MYL_ALERT_RECOVERED], 1);
    assert_int_equal(s->heard.last.kind, MYL_ALERT_RECOVERED);
    assert_string_equal(s->heard.last.id, "w");
    assert_int_equal(s->heard.last.role, MYL_ROLE_REQUIRED);
    assert_int_equal(s->heard.last.last_acknowledged, last);
    assert_int_equal(s->heard.last.lag, lag);
    assert_int_equal(s->heard.last.pid, getpid());
}

static void leave_and_be_missed(struct setting *s, const char *what)
{
    begin(s, what);
    s->options.shutdown_grace_ns = MYL_SEC(1000);
    test_ok(myl_producer_set_liveness(s->producer, &s->options));
    put_many(s->producer, 0, CAPACITY);
    take_many(s->consumer, 0, 3);
    myl_consumer_close(s->consumer);
    while (s->heard.count[MYL_ALERT_ABSENT] == 0)
        test_code(MYL_ETIMEDOUT, claim(s, MYL_MSEC(10)));
    assert_int_equal(s->heard.last.last_acknowledged, 2);
    assert_int_equal(s->heard.last.lag, CAPACITY - 3);
    assert_int_equal(s->heard.last.pid, getpid());
}

/* The recovery of an absent required consumer has its id and position, whether the blocked call finds it, or a later
 * call with room. */
static void recovery_after_absence_names_the_position(void **state)
{
    (void)state;
    struct setting s;
    leave_and_be_missed(&s, "back");
    s.consumer = open_consumer(s.name, "w");
    put(s.producer, CAPACITY, MYL_SEC(10)); /* 3 events of the ring are free, which the first check finds */
    expect_recovered(&s, 2, CAPACITY - 3);
    take_many(s.consumer, 3, CAPACITY - 2);
    end(&s);
    leave_and_be_missed(&s, "blocked");
    s.consumer = open_consumer(s.name, "w");
    myl_span span;
    while (s.heard.count[MYL_ALERT_RECOVERED] == 0) /* more than there is room for */
        test_code(MYL_ETIMEDOUT, myl_producer_claim_span(s.producer, 4, &span, MYL_MSEC(10)));
    expect_recovered(&s, 2, CAPACITY - 3);
    take_many(s.consumer, 3, CAPACITY - 3);
    end(&s);
    leave_and_be_missed(&s, "read");
    s.consumer = open_consumer(s.name, "w");
    take_many(s.consumer, 3, CAPACITY - 3);
    put(s.producer, CAPACITY, MYL_SEC(10));
    expect_recovered(&s, CAPACITY - 1, 0);
    take_many(s.consumer, CAPACITY, 1);
    end(&s);
}

static void no_alert_after_idle_time(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "idle");
    s.options.progress_timeout_ns = MYL_MSEC(200);
    s.options.shutdown_grace_ns = MYL_SEC(30);
    test_ok(myl_producer_set_liveness(s.producer, &s.options));
    put_many(s.producer, 0, CAPACITY);
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(10))); /* a check was made */
    take_many(s.consumer, 0, CAPACITY);
    (void)myl_os_sleep(MYL_MSEC(300));
    put_many(s.producer, CAPACITY, CAPACITY);
    int64_t start = test_now_ns();
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(700)));
    assert_int_equal(s.heard.count[MYL_ALERT_STALLED], 1);
    assert_true(s.heard.at - start >= MYL_MSEC(200));
    end(&s);
}

static void polling_calls_apply_the_policy(void **state)
{
    (void)state;
    struct setting s;
    begin_managed(&s, "polling");
    put_many(s.producer, 0, CAPACITY);
    int64_t start = test_now_ns();
    int rc;
    do
        rc = claim(&s, MYL_TRY);
    while (rc == MYL_EAGAIN && test_now_ns() - start < MYL_SEC(10));
    test_code(MYL_ESTALLED, rc);
    assert_true(test_now_ns() - start >= MYL_MSEC(100));
    assert_int_equal(s.heard.count[MYL_ALERT_STALLED], 1);
    myl_producer_clear_failure(s.producer);
    start = test_now_ns();
    do
        rc = claim(&s, MYL_USEC(100)); /* shorter than the interval */
    while (rc == MYL_ETIMEDOUT && test_now_ns() - start < MYL_SEC(10));
    test_code(MYL_ESTALLED, rc);
    myl_producer_clear_failure(s.producer);
    test_code(MYL_ESTALLED, myl_producer_wait_consumed(s.producer, CAPACITY - 1, MYL_FOREVER));
    end(&s);
}

static void roles_apply_to_live_consumers(void **state)
{
    (void)state;
    struct setting s;
    begin_managed(&s, "roles");
    myl_role_options role = {.size = sizeof role, .role = MYL_ROLE_ALERT};
    put_many(s.producer, 0, CAPACITY);
    test_ok(myl_producer_set_role(s.producer, "w", &role)); /* overrides the required set */
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(500)));
    assert_int_equal(s.heard.count[MYL_ALERT_STALLED], 1);
    assert_int_equal(s.heard.last.role, MYL_ROLE_ALERT);
    role.role = MYL_ROLE_EXPENDABLE; /* alive, so it is not reaped */
    test_ok(myl_set_role(s.name, MYL_BACKEND_SHM, "w", &role));
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(50)));
    expect_nothing(s.consumer, MYL_OK);
    myl_consumer_rewind(s.consumer);
    role.role = MYL_ROLE_REQUIRED;
    role.grace_ns = MYL_SEC(30); /* its own grace */
    test_ok(myl_producer_set_role(s.producer, "w", &role));
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(200)));
    role.grace_ns = MYL_AT_ONCE; /* changed during the call, or before it */
    test_ok(myl_producer_set_role(s.producer, "w", &role));
    test_code(MYL_ESTALLED, claim(&s, MYL_FOREVER));
    end(&s);
}

/* Between two checks of a blocked call: the next check uses the new times. */
static void times_may_change_in_a_blocked_call(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "hurry");
    s.options.shutdown_grace_ns = MYL_SEC(1000);
    s.heard.hurry = s.name;
    test_ok(myl_producer_set_liveness(s.producer, &s.options));
    put_many(s.producer, 0, CAPACITY);
    test_code(MYL_ESTALLED, claim(&s, MYL_FOREVER));
    assert_int_equal(s.heard.count[MYL_ALERT_STALLED], 1);
    end(&s);
}

/* Every call of a producer that can block. */
enum { CALLS = 4 };

static int call(const struct setting *s, unsigned which, int64_t timeout_ns)
{
    struct event event = {{0}};
    myl_span span;
    switch (which) {
    case 0:
        return claim(s, timeout_ns);
    case 1:
        return myl_producer_claim_span(s->producer, 2, &span, timeout_ns);
    case 2:
        return myl_producer_put(s->producer, &event, sizeof event, timeout_ns);
    default:
        return myl_producer_wait_consumed(s->producer, CAPACITY - 1, timeout_ns);
    }
}

static void every_call_applies_the_policy(void **state)
{
    (void)state;
    for (unsigned which = 0; which < CALLS; which++) {
        struct setting s;
        begin_managed(&s, "call");
        put_many(s.producer, 0, CAPACITY);
        test_code(MYL_ESTALLED, call(&s, which, MYL_FOREVER));
        assert_int_equal(s.heard.count[MYL_ALERT_STALLED], 1);
        assert_int_equal(s.heard.last.last_acknowledged, -1);
        myl_producer_clear_failure(s.producer);
        test_code(MYL_ESTALLED, call(&s, which, MYL_SEC(10)));
        end(&s);
        begin(&s, "start");
        put_many(s.producer, 0, CAPACITY);
        myl_consumer_close(s.consumer);
        test_ok(myl_producer_set_liveness(s.producer, &s.options));
        test_code(MYL_ESTARTUP, call(&s, which, MYL_FOREVER));
        expect_detail("ms: w;");
        s.consumer = open_consumer(s.name, "w");
        end(&s);
    }
}

/* Another consumer has read all events. The required one has left, with unread events for its return. */
static void consumed_includes_the_required_set(void **state)
{
    (void)state;
    struct setting s;
    begin_managed(&s, "consumed");
    myl_consumer *other = open_consumer(s.name, "other");
    put_many(s.producer, 0, 3);
    take_many(other, 0, 3);
    myl_consumer_close(s.consumer);
    test_code(MYL_EAGAIN, myl_producer_wait_consumed(s.producer, 2, MYL_TRY));
    test_code(MYL_ESTALLED, myl_producer_wait_consumed(s.producer, 2, MYL_FOREVER));
    assert_int_equal(s.heard.count[MYL_ALERT_ABSENT], 1);
    myl_producer_clear_failure(s.producer);
    s.consumer = open_consumer(s.name, "w");
    take_many(s.consumer, 0, 3);
    test_ok(myl_producer_wait_consumed(s.producer, 2, MYL_FOREVER));
    myl_consumer_close(other);
    end(&s);
}

/* The consumer declares it, and the producer's set is empty. */
static void consumer_declares_its_own_role(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "says");
    myl_consumer_close(s.consumer);
    myl_role_options role = {.size = sizeof role, .role = MYL_ROLE_REQUIRED, .progress_timeout_ns = MYL_MSEC(10)};
    myl_consumer_options co = consumer_options("self");
    co.ring.role = &role;
    s.consumer = open_consumer_with(s.name, &co);
    s.options.required_count = 0;
    test_ok(myl_producer_set_liveness(s.producer, &s.options));
    put_many(s.producer, 0, CAPACITY);
    int64_t start = test_now_ns();
    test_code(MYL_ESTALLED, claim(&s, MYL_FOREVER));
    assert_true(test_now_ns() - start >= MYL_MSEC(70));
    assert_string_equal(s.heard.last.id, "self");
    end(&s);
}

static void activity_notice_pauses_the_stall_timer(void **state)
{
    (void)state;
    struct setting s;
    begin_managed(&s, "patience");
    put_many(s.producer, 0, CAPACITY);
    int64_t start = test_now_ns(); /* before the 300 ms begin: this process may have to wait for a CPU in between */
    myl_consumer_set_activity(s.consumer, "compiling a model", MYL_MSEC(300));
    test_code(MYL_ESTALLED, claim(&s, MYL_FOREVER));
    assert_true(test_now_ns() - start >= MYL_MSEC(390));
    assert_true(s.heard.at - start >= MYL_MSEC(330));
    myl_producer_clear_failure(s.producer);
    myl_consumer_set_activity(s.consumer, "compiling a model", MYL_SEC(100));
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(150)));
    myl_consumer_set_activity(s.consumer, NULL, 0); /* the activity is over */
    test_code(MYL_ESTALLED, claim(&s, MYL_FOREVER));
    end(&s);
}

/* The notice ended between two checks: the stall counts from its end, not from the last check. */
static void activity_notice_ends_between_two_checks(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "ended");
    s.options.check_interval_ns = MYL_MSEC(300); /* so that seconds between two checks count fully */
    s.options.progress_timeout_ns = MYL_MSEC(1600);
    test_ok(myl_producer_set_liveness(s.producer, &s.options));
    put_many(s.producer, 0, CAPACITY);
    int64_t start = test_now_ns();
    myl_consumer_set_activity(s.consumer, "compiling a model", MYL_SEC(2));
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(350)));
    int64_t left = start + MYL_MSEC(2050) - test_now_ns();
    (void)myl_os_sleep(left > 0 ? left : 0);
    test_code(MYL_EAGAIN, claim(&s, MYL_TRY));
    assert_int_equal(s.heard.count[MYL_ALERT_STALLED], 0);
    end(&s);
}

static void policy_can_be_removed(void **state)
{
    (void)state;
    struct setting s;
    begin_managed(&s, "unmanaged");
    put_many(s.producer, 0, CAPACITY);
    test_code(MYL_ESTALLED, claim(&s, MYL_FOREVER));
    test_ok(myl_producer_set_liveness(s.producer, NULL));
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(150)));
    take_many(s.consumer, 0, 1);
    test_ok(claim(&s, MYL_TRY));
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy_options_are_checked),
        cmocka_unit_test(startup_waits_for_the_required_set),
        cmocka_unit_test(no_check_while_there_is_room),
        cmocka_unit_test(stalled_consumer_alerts_then_fails),
        cmocka_unit_test(failure_of_a_span_applies_to_all_claims),
        cmocka_unit_test(stalled_consumer_that_moves_recovers),
        cmocka_unit_test(slow_consumer_is_not_stalled),
        cmocka_unit_test(rejoin_within_the_grace_recovers),
        cmocka_unit_test(overwrite_waits_for_the_required),
        cmocka_unit_test(absence_beyond_the_grace_fails),
        cmocka_unit_test(absence_is_logged),
        cmocka_unit_test(times_may_change_in_a_blocked_call),
        cmocka_unit_test(every_call_applies_the_policy),
        cmocka_unit_test(consumed_includes_the_required_set),
        cmocka_unit_test(recovery_after_absence_names_the_position),
        cmocka_unit_test(no_alert_after_idle_time),
        cmocka_unit_test(polling_calls_apply_the_policy),
        cmocka_unit_test(roles_apply_to_live_consumers),
        cmocka_unit_test(consumer_declares_its_own_role),
        cmocka_unit_test(activity_notice_pauses_the_stall_timer),
        cmocka_unit_test(activity_notice_ends_between_two_checks),
        cmocka_unit_test(policy_can_be_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
