/* SPDX-License-Identifier: MIT
 * Each failure (SIGKILL, SIGSTOP, exit without leaving, exec, fork and exit, close) x each participant (producer,
 * required and expendable consumer, observer) x its state at that moment (idle, before a full ring, in a lease, in a
 * claim, parked). Checks what the other side reports, and after what time. Prints the table. */
/* ctest: not-under=thread */
#include "process/participant.h"

#include <pthread.h>

enum { CAPACITY = 8, SOME = 3 };

enum fate { BY_KILL, BY_STOP, BY_EXIT, BY_EXEC, BY_FORK, BY_CLOSE, EVENTS };
enum who { PRODUCER, REQUIRED, EXPENDABLE, OBSERVER, WHOS };
enum where { IDLE, FULL, IN_LEASE, IN_CLAIM, PARKED, WHERES };

static const char *const event_names[] = {"SIGKILL", "SIGSTOP", "exit", "exec", "fork+exit", "close"};
static const char *const who_names[] = {"producer", "required", "expendable", "observer"};
static const char *const where_names[] = {"idle", "ring full", "mid-lease", "mid-claim", "parked"};

/* Policy of the producers here. It is short where the test waits for its time-out. Elsewhere it is long: on a loaded
 * machine a participant must not look stalled before it has died or closed. */
#define GRACE_NS MYL_MSEC(120)
static const int64_t progress_ns[EVENTS] = {
    MYL_SEC(60), MYL_MSEC(60), MYL_SEC(60), MYL_SEC(60), MYL_SEC(60), MYL_MSEC(400),
};
/* A generous limit: the measured time is printed. A loaded machine schedules late. */
#define REPORTED_MOST_NS MYL_SEC(40)

/* --- the participant that fails ---------------------------------------------------------------------------------- */

struct subject {
    const char *name;
    enum who who;
    enum where where;
    test_peer *parent;
    myl_producer *producer;
    myl_consumer *consumer;
    myl_observer *observer;
};

/* Runs in a thread, because the participant itself may be within a call. Returns only for `close`. */
static void *run_command(void *argument)
{
    struct subject *s = argument;
    uint64_t order = test_receive(s->parent);
    if (order == BY_EXEC)
        (void)execl("/bin/sleep", "sleep", "60", (char *)NULL);
    if (order == BY_FORK && fork() == 0) {
        char c;
        alarm(600); /* the forked child lives on until its pipe ends */
        while (read(s->parent->in, &c, 1) > 0)
            ;
        _exit(0);
    }
    if (order != BY_CLOSE)
        _exit(order == BY_EXEC ? 127 : 0);
    if (s->producer != NULL)
        myl_producer_interrupt(s->producer);
    if (s->consumer != NULL)
        myl_consumer_interrupt(s->consumer);
    if (s->observer != NULL)
        myl_observer_interrupt(s->observer);
    return NULL;
}

static myl_wait_options waits(enum where where)
{
    return (myl_wait_options){.strategy = where == PARKED ? MYL_WAIT_BLOCK : MYL_WAIT_SPIN_YIELD};
}

/* Checks the participant's last call: it was interrupted, or got an event that the participant keeps. */
static void check_last_call(int rc)
{
    if (rc != MYL_OK && rc != MYL_EINTERRUPTED)
        test_fail("the last call returned %s: %s", myl_errname(rc), myl_error_detail());
}

/* Each of these brings the participant into its state, reports that, and returns when it has to close. */
static void run_producer(struct subject *s, pthread_t *thread)
{
    myl_producer_options o = producer_options(CAPACITY);
    void *event;
    o.ring.wait = waits(s->where);
    s->producer = open_producer(s->name, &o);
    test_send(s->parent, 0);
    test_receive(s->parent); /* the consumer has joined */
    put_many(s->producer, 0, s->where == FULL || s->where == PARKED ? CAPACITY : SOME);
    if (s->where == IN_CLAIM)
        test_ok(myl_producer_claim(s->producer, &event, MYL_TRY));
    assert_int_equal(pthread_create(thread, NULL, run_command, s), 0);
    test_send(s->parent, 1);
    if (s->where == FULL || s->where == PARKED)
        check_last_call(myl_producer_claim(s->producer, &event, MYL_SEC(60)));
}

static void run_consumer(struct subject *s, pthread_t *thread)
{
    myl_consumer_options o = consumer_options("s");
    myl_role_options role = {.size = sizeof role, .role = MYL_ROLE_EXPENDABLE};
    const void *event;
    o.ring.wait = waits(s->where);
    if (s->who == EXPENDABLE)
        o.ring.role = &role;
    s->consumer = open_consumer_with(s->name, &o);
    test_send(s->parent, 0);
    uint64_t count = test_receive(s->parent);
    if (s->where == IDLE || s->where == PARKED)
        take_many(s->consumer, 0, count);
    if (s->where == IN_LEASE)
        test_ok(myl_consumer_next(s->consumer, &event, MYL_TRY));
    assert_int_equal(pthread_create(thread, NULL, run_command, s), 0);
    test_send(s->parent, 1);
    if (s->where == PARKED)
        check_last_call(myl_consumer_next(s->consumer, &event, MYL_SEC(60)));
}

static void run_observer(struct subject *s, pthread_t *thread)
{
    myl_consumer_options o = consumer_options(NULL);
    struct event event;
    uint64_t lost;
    o.ring.wait = waits(s->where);
    test_ok(myl_observer_open(&s->observer, s->name, &o));
    test_send(s->parent, 0);
    uint64_t count = test_receive(s->parent);
    for (uint64_t i = 0; s->where != FULL && i < count; i++)
        test_ok(myl_observer_get(s->observer, &event, sizeof event, &lost, MYL_TRY));
    assert_int_equal(pthread_create(thread, NULL, run_command, s), 0);
    test_send(s->parent, 1);
    if (s->where == PARKED)
        check_last_call(myl_observer_get(s->observer, &event, sizeof event, &lost, MYL_SEC(60)));
}

static int run_subject(test_peer *parent, void *argument)
{
    struct subject s = *(struct subject *)argument;
    pthread_t thread;
    s.parent = parent;
    if (s.who == PRODUCER)
        run_producer(&s, &thread);
    else if (s.who == OBSERVER)
        run_observer(&s, &thread);
    else
        run_consumer(&s, &thread);
    assert_int_equal(pthread_join(thread, NULL), 0);
    myl_producer_close(s.producer);
    myl_consumer_close(s.consumer);
    myl_observer_close(s.observer);
    return 0;
}

/* --- the other side --------------------------------------------------------------------------------------------- */

struct reported {
    const char *what;            /* NULL: not tested */
    int64_t ns;
};

struct alerts {
    uint32_t count[MYL_ALERT_REAPED + 1];
    int64_t first_at;
};

static void record_alert(const myl_alert *alert, void *user)
{
    struct alerts *alerts = user;
    if (alerts->first_at == 0)
        alerts->first_at = test_now_ns();
    alerts->count[alert->kind]++;
    assert_string_equal(alert->id, "s");
}

/* Makes the participant fail. Returns the time at which it was requested. */
static int64_t fail_participant(test_child *child, enum fate fate)
{
    int64_t at = test_now_ns();
    if (fate == BY_KILL)
        kill(child->pid, SIGKILL);
    else if (fate == BY_STOP)
        test_stop(child);
    else
        test_send(&child->peer, fate);
    return at;
}

static void clean_up(test_child *child, const char *name, enum fate fate)
{
    if (fate == BY_STOP)
        test_continue(child);
    test_kill(child);
    if (ring_exists(name))
        test_ok(myl_remove(name, MYL_BACKEND_SHM, 1));
}

/* --- the producer fails, a consumer reports it ------------------------------------------------------------------- */

static struct reported report_of_producer(enum where where, enum fate fate)
{
    char name[TEST_NAME_SIZE];
    struct subject subject = {.name = test_name(name, "matrix"), .who = PRODUCER, .where = where};
    uint64_t count = where == FULL || where == PARKED ? CAPACITY : SOME;
    struct reported reported;
    const void *at;
    test_child child;
    test_spawn(&child, run_subject, &subject);
    test_expect_value(&child.peer, 0);
    myl_consumer *monitor = open_consumer(name, "monitor");
    test_send(&child.peer, 0);
    test_expect_value(&child.peer, 1);
    if (where == PARKED)
        test_until(test_is_asleep, &child.pid, "the producer is parked");
    int64_t failed_at = fail_participant(&child, fate);
    int rc = MYL_OK;
    uint64_t n = 0;
    while (n < count) { /* published events come first, whatever happened to the producer */
        test_ok(myl_consumer_next(monitor, &at, MYL_SEC(10)));
        expect_event(at, n);
        test_ok(myl_consumer_release(monitor));
        n++;
    }
    rc = myl_consumer_next(monitor, &at, fate == BY_STOP ? MYL_MSEC(150) : MYL_SEC(10));
    reported = (struct reported){myl_errname(rc), test_now_ns() - failed_at};
    if (fate == BY_STOP) { /* no report is correct; the diagnosis knows more */
        test_code(MYL_ETIMEDOUT, rc);
        failed_at = test_now_ns();
        assert_int_equal(condition_of(name, ""), MYL_COND_STOPPED);
        reported = (struct reported){"stopped", test_now_ns() - failed_at};
    } else if (fate == BY_CLOSE) {
        test_code(MYL_ECLOSED, rc);
    } else {
        test_code(MYL_EPRODUCERDEAD, rc);
        myl_producer_options o = producer_options(CAPACITY);
        myl_producer *next = open_producer(name, &o); /* at once, and at the right sequence */
        assert_int_equal(myl_producer_last_published(next), (int64_t)count - 1);
        myl_producer_leave(next);
    }
    assert_true(reported.ns < REPORTED_MOST_NS);
    myl_consumer_close(monitor);
    clean_up(&child, name, fate);
    return reported;
}

/* --- a consumer or an observer fails, the producer reports it ---------------------------------------------------- */

struct monitor {
    myl_producer *producer;
    myl_consumer *keeper;        /* gates, too, and reads all events at once; NULL: none */
    struct alerts alerts;
    uint64_t n;
    int64_t slowest_ns;          /* of the successful claims */
};

static void open_monitor(struct monitor *w, const char *name, enum who who, enum fate fate)
{
    static const char *const required[] = {"s"};
    memset(w, 0, sizeof *w);
    myl_producer_options o = producer_options(CAPACITY);
    w->producer = open_producer(name, &o);
    if (who != REQUIRED)
        w->keeper = open_consumer(name, "keeper");
    myl_liveness_options l = {
        .size = sizeof l,
        .required = required,
        .required_count = who == REQUIRED,
        .progress_timeout_ns = progress_ns[fate],
        .shutdown_grace_ns = GRACE_NS,
        .alert = record_alert,
        .user = &w->alerts,
    };
    test_ok(myl_producer_set_liveness(w->producer, &l));
}

/* Publishes at most `count` events. Returns the result of the first failed call, or MYL_OK. */
static int publish(struct monitor *w, uint64_t count, int64_t timeout_ns)
{
    for (uint64_t i = 0; i < count; i++) {
        void *event;
        int64_t before = test_now_ns();
        int rc = myl_producer_claim(w->producer, &event, timeout_ns);
        if (rc != MYL_OK)
            return rc;
        int64_t took = test_now_ns() - before;
        w->slowest_ns = took > w->slowest_ns ? took : w->slowest_ns;
        event_fill(event, w->n);
        myl_producer_publish(w->producer);
        if (w->keeper != NULL)
            take_many(w->keeper, w->n, 1);
        w->n++;
    }
    return MYL_OK;
}

static struct reported report_of_required(struct monitor *w, const char *name, enum fate fate, int64_t failed_at)
{
    myl_liveness_failure failure = {.size = sizeof failure};
    int rc = publish(w, 2 * CAPACITY, MYL_SEC(10));
    int64_t now = test_now_ns();
    test_ok(myl_producer_liveness_failure(w->producer, &failure));
    assert_string_equal(failure.id, "s");
    if (fate == BY_STOP || fate == BY_CLOSE) {
        test_code(MYL_ESTALLED, rc);
        assert_true(failure.latched && !failure.dead);
        assert_int_equal(w->alerts.count[fate == BY_STOP ? MYL_ALERT_STALLED : MYL_ALERT_ABSENT], 1);
        assert_int_equal(condition_of(name, "s"), fate == BY_STOP ? MYL_COND_STOPPED : MYL_COND_LEFT);
        assert_true(now - failed_at >= progress_ns[fate] + GRACE_NS);
        return (struct reported){fate == BY_STOP ? "alert, ESTALLED" : "absent, ESTALLED",
                                 w->alerts.first_at - failed_at};
    }
    test_code(MYL_ECONSUMERDEAD, rc);
    assert_true(failure.dead && !failure.latched);
    assert_int_equal(w->alerts.count[MYL_ALERT_DIED], 1);
    assert_int_equal(w->alerts.count[MYL_ALERT_STALLED], 0);
    assert_int_equal(condition_of(name, "s"), MYL_COND_DEAD);
    return (struct reported){"MYL_ECONSUMERDEAD", now - failed_at};
}

static struct reported report_of_expendable(struct monitor *w, const char *name, enum fate fate, int64_t failed_at)
{
    int rc = publish(w, 2 * CAPACITY, fate == BY_STOP ? MYL_SEC(1) : MYL_SEC(10));
    if (fate == BY_STOP) {
        test_code(MYL_ETIMEDOUT, rc); /* an alert, and no failure */
        assert_int_equal(w->alerts.count[MYL_ALERT_STALLED], 1);
        assert_int_equal(condition_of(name, "s"), MYL_COND_STOPPED);
        return (struct reported){"alert, waits", w->alerts.first_at - failed_at};
    }
    test_code(MYL_OK, rc);
    assert_int_equal(w->alerts.count[MYL_ALERT_REAPED], fate != BY_CLOSE);
    return (struct reported){fate == BY_CLOSE ? "no longer gates" : "reaped", w->slowest_ns};
}

static struct reported report_of_reader(enum who who, enum where where, enum fate fate)
{
    char name[TEST_NAME_SIZE];
    struct subject subject = {.name = test_name(name, "matrix"), .who = who, .where = where};
    uint64_t count = where == FULL || where == IN_LEASE ? CAPACITY : SOME;
    struct monitor w;
    struct reported reported;
    test_child child;
    open_monitor(&w, name, who, fate);
    test_spawn(&child, run_subject, &subject);
    test_expect_value(&child.peer, 0);
    test_ok(publish(&w, count, MYL_SEC(10)));
    test_send(&child.peer, count);
    test_expect_value(&child.peer, 1);
    if (where == PARKED)
        test_until(test_is_asleep, &child.pid, "the reader is parked");
    w.slowest_ns = 0;
    int64_t failed_at = fail_participant(&child, fate);
    if (who == REQUIRED) {
        reported = report_of_required(&w, name, fate, failed_at);
    } else if (who == EXPENDABLE) {
        reported = report_of_expendable(&w, name, fate, failed_at);
    } else {
        test_ok(publish(&w, 3 * CAPACITY, MYL_SEC(10)));
        assert_int_equal(w.alerts.first_at, 0);
        reported = (struct reported){"unnoticed", w.slowest_ns};
    }
    assert_true(reported.ns < REPORTED_MOST_NS);
    myl_consumer_close(w.keeper);
    myl_producer_close(w.producer);
    clean_up(&child, name, fate);
    return reported;
}

/* --- the table -------------------------------------------------------------------------------------------------- */

static struct reported table[WHOS][WHERES][EVENTS];

static int is_possible(enum who who, enum where where)
{
    return where == IN_LEASE ? who == REQUIRED || who == EXPENDABLE : where == IN_CLAIM ? who == PRODUCER : 1;
}

static void run_all_failures(enum who who)
{
    for (int where = 0; where < WHERES; where++) {
        for (int fate = 0; fate < EVENTS; fate++) {
            if (!is_possible(who, (enum where)where))
                continue;
            print_message("%s, %s, %s\n", who_names[who], where_names[where], event_names[fate]);
            table[who][where][fate] = who == PRODUCER ? report_of_producer((enum where)where, (enum fate)fate)
                                                      : report_of_reader(who, (enum where)where, (enum fate)fate);
        }
    }
}

static void failure_of_a_producer_is_reported(void **state)
{
    (void)state;
    run_all_failures(PRODUCER);
}

static void failure_of_a_required_consumer_is_reported(void **state)
{
    (void)state;
    run_all_failures(REQUIRED);
}

static void failure_of_an_expendable_consumer_is_reported(void **state)
{
    (void)state;
    run_all_failures(EXPENDABLE);
}

static void failure_of_an_observer_has_no_effect(void **state)
{
    (void)state;
    run_all_failures(OBSERVER);
}

static void print_row(int who, int where)
{
    char line[400];
    size_t used = (size_t)snprintf(line, sizeof line, "%-10s %-9s", who_names[who], where_names[where]);
    for (int fate = 0; fate < EVENTS; fate++) {
        const struct reported *reported = &table[who][where][fate];
        char cell[48] = "";
        const char *what = reported->what == NULL                    ? ""
                           : strncmp(reported->what, "MYL_", 4) == 0 ? reported->what + 4
                                                                     : reported->what;
        if (reported->what != NULL)
            snprintf(cell, sizeof cell, "%s %.1f", what, (double)reported->ns / 1e6);
        used += (size_t)snprintf(line + used, sizeof line - used, " | %-21s", cell);
    }
    print_message("%s\n", line);
}

/* Not a test: prints what the others reported, and the milliseconds until then. */
static void print_table(void **state)
{
    (void)state;
    char line[400];
    size_t used = (size_t)snprintf(line, sizeof line, "%-20s", "reported after ms");
    for (int fate = 0; fate < EVENTS; fate++)
        used += (size_t)snprintf(line + used, sizeof line - used, " | %-21s", event_names[fate]);
    print_message("%s\n", line);
    unsigned done = 0;
    for (int who = 0; who < WHOS; who++) {
        for (int where = 0; where < WHERES; where++) {
            if (!is_possible((enum who)who, (enum where)where))
                continue;
            print_row(who, where);
            for (int fate = 0; fate < EVENTS; fate++)
                done += table[who][where][fate].what != NULL;
        }
    }
    assert_int_equal(done, (4 + 4 + 4 + 3) * EVENTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failure_of_a_producer_is_reported),
        cmocka_unit_test(failure_of_a_required_consumer_is_reported),
        cmocka_unit_test(failure_of_an_expendable_consumer_is_reported),
        cmocka_unit_test(failure_of_an_observer_has_no_effect),
        cmocka_unit_test(print_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
