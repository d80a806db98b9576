/* SPDX-License-Identifier: MIT
 * The liveness policy within one process: the required set, alerts, the failure that stays, recovery, roles, patience,
 * polling. Deaths need processes: tests/process/liveness_test.c. */
#include "rings.h"

#include "os/os.h"

enum { CAPACITY = 8 };

/* What the hook was told, and what it does at the first alert. */
struct heard {
    uint32_t count[MYL_ALERT_REAPED + 1];
    myl_alert last;
    int64_t at;                  /* of the first one */
    myl_consumer *reader;        /* reads everything at the first alert */
    const char *hurry;           /* of this ring: takes "w" its grace at the first alert, from outside */
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
    test_ok(myl_producer_manage(s->producer, &s->options));
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

static void test_options_are_checked(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "options");
    const char *const twice[] = {"w", "w"}, *const bad[] = {"a b"};
    myl_liveness_options o = s.options;
    o.size--;
    test_code(MYL_EOPTIONS, myl_producer_manage(s.producer, &o));
    o = s.options;
    o.required = NULL;
    test_code(MYL_EINVAL, myl_producer_manage(s.producer, &o));
    o = s.options;
    o.required = twice;
    o.required_count = 2;
    test_code(MYL_EINVAL, myl_producer_manage(s.producer, &o));
    o.required = bad;
    o.required_count = 1;
    test_code(MYL_EID, myl_producer_manage(s.producer, &o));
    o = s.options;
    o.check_interval_ns = 1;
    test_code(MYL_EINVAL, myl_producer_manage(s.producer, &o));
    o = s.options;
    o.progress_timeout_ns = MYL_FOREVER;
    test_code(MYL_EINVAL, myl_producer_manage(s.producer, &o));
    o = s.options;
    o.shutdown_grace_ns = -5;
    test_code(MYL_EINVAL, myl_producer_manage(s.producer, &o));
    put_many(s.producer, 0, CAPACITY); /* nothing of it took effect */
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(200)));
    end(&s);
}

static void test_startup(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "startup");
    const char *const three[] = {"w", "x", "y"};
    char id[MYL_ID_MAX + 1];
    myl_trouble trouble;
    s.options.startup_wait_ns = MYL_MSEC(300);
    s.options.required = three;
    s.options.required_count = 3;
    test_ok(myl_producer_manage(s.producer, &s.options));
    int64_t start = test_now_ns();
    test_code(MYL_EAGAIN, claim(&s, MYL_TRY));
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(5)));
    test_code(MYL_ESTARTUP, claim(&s, MYL_FOREVER));
    assert_true(test_now_ns() - start >= MYL_MSEC(300));
    expect_detail("x, y");
    myl_producer_trouble(s.producer, &trouble);
    assert_int_equal(trouble.code, MYL_ESTARTUP);
    assert_int_equal(trouble.missing, 2);
    assert_false(trouble.final);
    test_ok(myl_producer_missing(s.producer, 0, id));
    assert_string_equal(id, "x");
    test_ok(myl_producer_missing(s.producer, 1, id));
    assert_string_equal(id, "y");
    test_code(MYL_ENOTFOUND, myl_producer_missing(s.producer, 2, id));
    myl_consumer *x = open_consumer(s.name, "x");
    start = test_now_ns();
    test_code(MYL_ESTARTUP, claim(&s, MYL_FOREVER)); /* each call waits anew */
    assert_true(test_now_ns() - start >= MYL_MSEC(300));
    myl_consumer *y = open_consumer(s.name, "y");
    test_ok(claim(&s, MYL_TRY));
    myl_producer_trouble(s.producer, &trouble);
    assert_int_equal(trouble.code, MYL_OK);
    myl_consumer_close(x);
    myl_consumer_close(y);
    end(&s);
}

static void test_nothing_is_asked_while_there_is_room(void **state)
{
    (void)state;
    struct setting s;
    begin_managed(&s, "room");
    put_many(s.producer, 0, CAPACITY / 2);
    myl_os_sleep(MYL_MSEC(120)); /* longer than time-out and grace, and nobody reads */
    put_many(s.producer, CAPACITY / 2, CAPACITY / 2);
    assert_int_equal(s.heard.at, 0);
    end(&s);
}

static void test_stall(void **state)
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
    assert_true(took >= MYL_MSEC(100) && took < MYL_SEC(5));
    assert_true(s.heard.at - start >= MYL_MSEC(40));
    assert_int_equal(s.heard.count[MYL_ALERT_STALLED], 1);
    assert_string_equal(s.heard.last.id, "w");
    assert_int_equal(s.heard.last.last, 1);
    assert_int_equal(s.heard.last.behind, CAPACITY);
    assert_int_equal(s.heard.last.role, MYL_ROLE_REQUIRED);
    assert_true(s.heard.last.stalled_ns >= MYL_MSEC(40));
    myl_trouble trouble;
    myl_producer_trouble(s.producer, &trouble);
    assert_int_equal(trouble.code, MYL_ESTALLED);
    assert_true(trouble.final);
    assert_false(trouble.dead);
    assert_string_equal(trouble.id, "w");
    assert_int_equal(trouble.last, 1);
    assert_true(trouble.stalled_ns >= MYL_MSEC(100));
    expect_detail("\"w\"");

    /* It stays, though there is room by now, for every call; what was claimed before may still be published. */
    take_many(s.consumer, 2, CAPACITY);
    myl_run run;
    struct event event;
    test_code(MYL_ESTALLED, claim(&s, MYL_TRY));
    test_code(MYL_ESTALLED, claim(&s, MYL_FOREVER));
    test_code(MYL_ESTALLED, myl_producer_claim_run(s.producer, 2, &run, MYL_TRY));
    test_code(MYL_ESTALLED, myl_producer_put(s.producer, &event, sizeof event, MYL_TRY));
    test_code(MYL_ESTALLED, myl_producer_wait_consumed(s.producer, 3, MYL_TRY));
    myl_producer_clear(s.producer);
    myl_producer_trouble(s.producer, &trouble);
    assert_int_equal(trouble.code, MYL_OK);
    put_many(s.producer, CAPACITY + 2, CAPACITY);
    take_many(s.consumer, CAPACITY + 2, CAPACITY);
    end(&s);
}

/* Room is left for one event, not for the run: the failure holds for single claims too. */
static void test_failure_of_a_run_holds_for_all(void **state)
{
    (void)state;
    struct setting s;
    begin_managed(&s, "run");
    put_many(s.producer, 0, CAPACITY - 2);
    myl_run run;
    test_code(MYL_ETOOBIG, myl_producer_claim_run(s.producer, CAPACITY + 1, &run, MYL_FOREVER)); /* at once */
    assert_int_equal(s.heard.at, 0);
    test_code(MYL_ESTALLED, myl_producer_claim_run(s.producer, 4, &run, MYL_FOREVER));
    test_code(MYL_ESTALLED, claim(&s, MYL_TRY));
    myl_producer_clear(s.producer);
    test_ok(claim(&s, MYL_TRY));
    end(&s);
}

static void test_recovery(void **state)
{
    (void)state;
    struct setting s;
    begin_managed(&s, "recovery");
    s.heard.reader = s.consumer;
    put_many(s.producer, 0, CAPACITY);
    test_ok(claim(&s, MYL_FOREVER));
    assert_int_equal(s.heard.count[MYL_ALERT_STALLED], 1);
    assert_int_equal(s.heard.count[MYL_ALERT_RECOVERED], 1);
    myl_trouble trouble;
    myl_producer_trouble(s.producer, &trouble);
    assert_int_equal(trouble.code, MYL_OK);
    end(&s);
}

/* Progress is enough, however little: the clock starts anew. */
static void test_slow_is_not_stalled(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "slow");
    s.options.progress_timeout_ns = MYL_MSEC(300);
    test_ok(myl_producer_manage(s.producer, &s.options));
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

static void test_rejoin_within_the_grace(void **state)
{
    (void)state;
    struct setting s;
    begin_managed(&s, "rejoin");
    s.options.shutdown_grace_ns = MYL_SEC(20);
    test_ok(myl_producer_manage(s.producer, &s.options));
    put_many(s.producer, 0, CAPACITY);
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(500)));
    assert_int_equal(s.heard.count[MYL_ALERT_STALLED], 1);
    myl_consumer_close(s.consumer);
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(500))); /* away: it gates on, and nothing is lost to it */
    assert_int_equal(s.heard.count[MYL_ALERT_ABSENT], 1);
    assert_string_equal(s.heard.last.id, "w");

    myl_consumer *other = open_consumer(s.name, "v"); /* another one is no help */
    take_many(other, 0, CAPACITY);
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(20)));

    s.consumer = open_consumer(s.name, "w");
    myl_joined joined;
    test_ok(myl_consumer_joined(s.consumer, &joined));
    assert_int_equal(joined.start, 0);
    assert_int_equal(joined.lost, 0);
    take_many(s.consumer, 0, CAPACITY);
    test_ok(claim(&s, MYL_TRY));
    assert_true(s.heard.count[MYL_ALERT_RECOVERED] >= 1);
    myl_consumer_close(other);
    end(&s);
}

/* While nobody else gates either, and in a ring that runs free: a required consumer that is away misses nothing. */
static void test_free_run_waits_for_the_required(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "free");
    myl_producer_leave(s.producer);
    myl_producer_options o = producer_options(CAPACITY);
    o.alone = MYL_ALONE_RUN_FREE;
    s.producer = open_producer(s.name, &o);
    test_ok(myl_producer_manage(s.producer, &s.options));
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

static void test_absent_for_good(void **state)
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

/* Whoever reads the log later finds what the hook was told. */
static void test_absence_is_logged(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "logged");
    s.options.shutdown_grace_ns = MYL_SEC(30);
    test_ok(myl_producer_manage(s.producer, &s.options));
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

static void test_no_false_alert_after_idle(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "idle");
    s.options.progress_timeout_ns = MYL_MSEC(200);
    s.options.shutdown_grace_ns = MYL_SEC(30);
    test_ok(myl_producer_manage(s.producer, &s.options));
    put_many(s.producer, 0, CAPACITY);
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(10))); /* it has been looked at */
    take_many(s.consumer, 0, CAPACITY);
    myl_os_sleep(MYL_MSEC(300));
    put_many(s.producer, CAPACITY, CAPACITY);
    int64_t start = test_now_ns();
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(700)));
    assert_int_equal(s.heard.count[MYL_ALERT_STALLED], 1);
    assert_true(s.heard.at - start >= MYL_MSEC(200));
    end(&s);
}

static void test_polling_calls(void **state)
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
    myl_producer_clear(s.producer);
    start = test_now_ns();
    do
        rc = claim(&s, MYL_USEC(100)); /* shorter than the interval */
    while (rc == MYL_ETIMEDOUT && test_now_ns() - start < MYL_SEC(10));
    test_code(MYL_ESTALLED, rc);
    myl_producer_clear(s.producer);
    test_code(MYL_ESTALLED, myl_producer_wait_consumed(s.producer, CAPACITY - 1, MYL_FOREVER));
    end(&s);
}

static void test_roles_of_the_living(void **state)
{
    (void)state;
    struct setting s;
    begin_managed(&s, "roles");
    myl_role_options role = {.size = sizeof role, .role = MYL_ROLE_ALERT};
    put_many(s.producer, 0, CAPACITY);
    test_ok(myl_producer_set_role(s.producer, "w", &role)); /* goes before the required set */
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(500)));
    assert_int_equal(s.heard.count[MYL_ALERT_STALLED], 1);
    assert_int_equal(s.heard.last.role, MYL_ROLE_ALERT);
    role.role = MYL_ROLE_EXPENDABLE; /* alive, it is not reaped */
    test_ok(myl_set_role(s.name, MYL_BACKEND_SHM, "w", &role));
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(50)));
    expect_nothing(s.consumer, MYL_OK);
    myl_consumer_rewind(s.consumer);
    role.role = MYL_ROLE_REQUIRED;
    role.grace_ns = MYL_SEC(30); /* its own */
    test_ok(myl_producer_set_role(s.producer, "w", &role));
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(200)));
    role.grace_ns = MYL_AT_ONCE; /* changed while the call waits, or before it */
    test_ok(myl_producer_set_role(s.producer, "w", &role));
    test_code(MYL_ESTALLED, claim(&s, MYL_FOREVER));
    end(&s);
}

/* Between two looks of a call that is blocked: the next look goes by the new ones. */
static void test_times_change_in_a_blocked_call(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "hurry");
    s.options.shutdown_grace_ns = MYL_SEC(1000);
    s.heard.hurry = s.name;
    test_ok(myl_producer_manage(s.producer, &s.options));
    put_many(s.producer, 0, CAPACITY);
    test_code(MYL_ESTALLED, claim(&s, MYL_FOREVER));
    assert_int_equal(s.heard.count[MYL_ALERT_STALLED], 1);
    end(&s);
}

/* Every call of a producer that can be held up. */
enum { CALLS = 4 };

static int call(const struct setting *s, unsigned which, int64_t timeout_ns)
{
    struct event event = {{0}};
    myl_run run;
    switch (which) {
    case 0:
        return claim(s, timeout_ns);
    case 1:
        return myl_producer_claim_run(s->producer, 2, &run, timeout_ns);
    case 2:
        return myl_producer_put(s->producer, &event, sizeof event, timeout_ns);
    default:
        return myl_producer_wait_consumed(s->producer, CAPACITY - 1, timeout_ns);
    }
}

static void test_every_call_keeps_the_policy(void **state)
{
    (void)state;
    for (unsigned which = 0; which < CALLS; which++) {
        struct setting s;
        begin_managed(&s, "call");
        put_many(s.producer, 0, CAPACITY);
        test_code(MYL_ESTALLED, call(&s, which, MYL_FOREVER));
        assert_int_equal(s.heard.count[MYL_ALERT_STALLED], 1);
        assert_int_equal(s.heard.last.last, -1);
        myl_producer_clear(s.producer);
        test_code(MYL_ESTALLED, call(&s, which, MYL_SEC(10)));
        end(&s);
        begin(&s, "start");
        put_many(s.producer, 0, CAPACITY);
        myl_consumer_close(s.consumer);
        test_ok(myl_producer_manage(s.producer, &s.options));
        test_code(MYL_ESTARTUP, call(&s, which, MYL_FOREVER));
        expect_detail("ms: w;");
        s.consumer = open_consumer(s.name, "w");
        end(&s);
    }
}

/* Another one has read it all; the required one has left, with something to read for when it comes back. */
static void test_consumed_means_by_the_required_too(void **state)
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
    myl_producer_clear(s.producer);
    s.consumer = open_consumer(s.name, "w");
    take_many(s.consumer, 0, 3);
    test_ok(myl_producer_wait_consumed(s.producer, 2, MYL_FOREVER));
    myl_consumer_close(other);
    end(&s);
}

/* Declared by the consumer itself, and nobody is in the producer's set. */
static void test_a_consumer_says_what_it_is(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "says");
    myl_consumer_close(s.consumer);
    myl_role_options role = {.size = sizeof role, .role = MYL_ROLE_REQUIRED, .progress_timeout_ns = MYL_MSEC(10)};
    myl_consumer_options co = consumer_options("self");
    co.role = &role;
    s.consumer = open_consumer_with(s.name, &co);
    s.options.required_count = 0;
    test_ok(myl_producer_manage(s.producer, &s.options));
    put_many(s.producer, 0, CAPACITY);
    int64_t start = test_now_ns();
    test_code(MYL_ESTALLED, claim(&s, MYL_FOREVER));
    assert_true(test_now_ns() - start >= MYL_MSEC(70));
    assert_string_equal(s.heard.last.id, "self");
    end(&s);
}

static void test_patience(void **state)
{
    (void)state;
    struct setting s;
    begin_managed(&s, "patience");
    put_many(s.producer, 0, CAPACITY);
    int64_t start = test_now_ns(); /* before the 300 ms begin: this process may have to wait for a core in between */
    myl_consumer_busy(s.consumer, "compiling a model", MYL_MSEC(300));
    test_code(MYL_ESTALLED, claim(&s, MYL_FOREVER));
    assert_true(test_now_ns() - start >= MYL_MSEC(390));
    assert_true(s.heard.at - start >= MYL_MSEC(330));
    myl_producer_clear(s.producer);
    myl_consumer_busy(s.consumer, "compiling a model", MYL_SEC(100));
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(150)));
    myl_consumer_busy(s.consumer, NULL, 0); /* done with it */
    test_code(MYL_ESTALLED, claim(&s, MYL_FOREVER));
    end(&s);
}

/* Nobody looked at the moment when it ended: the stall counts from there, and not from the last look. */
static void test_patience_ends_between_two_looks(void **state)
{
    (void)state;
    struct setting s;
    begin(&s, "ended");
    s.options.check_interval_ns = MYL_MSEC(300); /* so that seconds between two looks count whole */
    s.options.progress_timeout_ns = MYL_MSEC(1600);
    test_ok(myl_producer_manage(s.producer, &s.options));
    put_many(s.producer, 0, CAPACITY);
    int64_t start = test_now_ns();
    myl_consumer_busy(s.consumer, "compiling a model", MYL_SEC(2));
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(350)));
    int64_t left = start + MYL_MSEC(2050) - test_now_ns();
    myl_os_sleep(left > 0 ? left : 0);
    test_code(MYL_EAGAIN, claim(&s, MYL_TRY));
    assert_int_equal(s.heard.count[MYL_ALERT_STALLED], 0);
    end(&s);
}

static void test_unmanaged_again(void **state)
{
    (void)state;
    struct setting s;
    begin_managed(&s, "unmanaged");
    put_many(s.producer, 0, CAPACITY);
    test_code(MYL_ESTALLED, claim(&s, MYL_FOREVER));
    test_ok(myl_producer_manage(s.producer, NULL));
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(150)));
    take_many(s.consumer, 0, 1);
    test_ok(claim(&s, MYL_TRY));
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_are_checked),
        cmocka_unit_test(test_startup),
        cmocka_unit_test(test_nothing_is_asked_while_there_is_room),
        cmocka_unit_test(test_stall),
        cmocka_unit_test(test_failure_of_a_run_holds_for_all),
        cmocka_unit_test(test_recovery),
        cmocka_unit_test(test_slow_is_not_stalled),
        cmocka_unit_test(test_rejoin_within_the_grace),
        cmocka_unit_test(test_free_run_waits_for_the_required),
        cmocka_unit_test(test_absent_for_good),
        cmocka_unit_test(test_absence_is_logged),
        cmocka_unit_test(test_times_change_in_a_blocked_call),
        cmocka_unit_test(test_every_call_keeps_the_policy),
        cmocka_unit_test(test_consumed_means_by_the_required_too),
        cmocka_unit_test(test_no_false_alert_after_idle),
        cmocka_unit_test(test_polling_calls),
        cmocka_unit_test(test_roles_of_the_living),
        cmocka_unit_test(test_a_consumer_says_what_it_is),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_patience_ends_between_two_looks),
        cmocka_unit_test(test_unmanaged_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
