/* SPDX-License-Identifier: MIT
 * Everything that can befall a party (SIGKILL, SIGSTOP, exit without leaving, exec, fork and exit, close) x each party
 * (producer, required and expendable consumer, observer) x where it is at the time (idle, before a full ring, in a
 * lease, in a claim, parked): what the other side is told, and how soon. Prints the table. */
/* ctest: timeout=180 not-under=thread */
#include "process/party.h"

#include <pthread.h>

enum { CAPACITY = 8, SOME = 3 };

enum fate { BY_KILL, BY_STOP, BY_EXIT, BY_EXEC, BY_FORK, BY_CLOSE, EVENTS };
enum who { PRODUCER, REQUIRED, EXPENDABLE, OBSERVER, WHOS };
enum where { IDLE, FULL, IN_LEASE, IN_CLAIM, PARKED, WHERES };

static const char *const event_names[] = {"SIGKILL", "SIGSTOP", "exit", "exec", "fork+exit", "close"};
static const char *const who_names[] = {"producer", "required", "expendable", "observer"};
static const char *const where_names[] = {"idle", "ring full", "mid-lease", "mid-claim", "parked"};

/* Policy of the producers here: short, so that the test is, where its time-out is what is waited for. Where it is not,
 * a party that a loaded machine runs late must not look stalled before it has died, or closed. */
#define GRACE_NS MYL_MSEC(120)
static const int64_t progress_ns[EVENTS] = {
    MYL_SEC(60), MYL_MSEC(60), MYL_SEC(60), MYL_SEC(60), MYL_SEC(60), MYL_MSEC(400),
};
/* Generous: what is measured is printed. A loaded machine schedules late. */
#define TOLD_MOST_NS MYL_SEC(4)

/* --- the party that it befalls ----------------------------------------------------------------------------------- */

struct subject {
    const char *name;
    enum who who;
    enum where where;
    test_peer *parent;
    myl_producer *producer;
    myl_consumer *consumer;
    myl_observer *observer;
};

/* In a thread, since the party itself may be within a call. Only for `close` it returns. */
static void *obey(void *argument)
{
    struct subject *s = argument;
    uint64_t order = test_hear(s->parent);
    if (order == BY_EXEC)
        (void)execl("/bin/sleep", "sleep", "60", (char *)NULL);
    if (order == BY_FORK && fork() == 0) {
        char c;
        alarm(60); /* the child lives on, until its pipe ends */
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

/* The party's last call came back: interrupted, or with an event that it keeps. */
static void is_over(int rc)
{
    if (rc != MYL_OK && rc != MYL_EINTERRUPTED)
        test_fail("the last call answered %s: %s", myl_errname(rc), myl_error_detail());
}

/* Each of these brings the party to its place, says so, and returns when it is to close. */
static void be_producer(struct subject *s, pthread_t *thread)
{
    myl_producer_options o = producer_options(CAPACITY);
    void *event;
    o.wait = waits(s->where);
    s->producer = open_producer(s->name, &o);
    test_tell(s->parent, 0);
    test_hear(s->parent); /* the consumer is there */
    put_many(s->producer, 0, s->where == FULL || s->where == PARKED ? CAPACITY : SOME);
    if (s->where == IN_CLAIM)
        test_ok(myl_producer_claim(s->producer, &event, MYL_TRY));
    assert_int_equal(pthread_create(thread, NULL, obey, s), 0);
    test_tell(s->parent, 1);
    if (s->where == FULL || s->where == PARKED)
        is_over(myl_producer_claim(s->producer, &event, MYL_SEC(60)));
}

static void be_consumer(struct subject *s, pthread_t *thread)
{
    myl_consumer_options o = consumer_options("s");
    myl_role_options role = {.size = sizeof role, .role = MYL_ROLE_EXPENDABLE};
    const void *event;
    o.wait = waits(s->where);
    if (s->who == EXPENDABLE)
        o.role = &role;
    s->consumer = open_consumer_with(s->name, &o);
    test_tell(s->parent, 0);
    uint64_t count = test_hear(s->parent);
    if (s->where == IDLE || s->where == PARKED)
        take_many(s->consumer, 0, count);
    if (s->where == IN_LEASE)
        test_ok(myl_consumer_next(s->consumer, &event, MYL_TRY));
    assert_int_equal(pthread_create(thread, NULL, obey, s), 0);
    test_tell(s->parent, 1);
    if (s->where == PARKED)
        is_over(myl_consumer_next(s->consumer, &event, MYL_SEC(60)));
}

static void be_observer(struct subject *s, pthread_t *thread)
{
    myl_consumer_options o = consumer_options(NULL);
    struct event event;
    uint64_t lost;
    o.wait = waits(s->where);
    test_ok(myl_observer_open(&s->observer, s->name, &o));
    test_tell(s->parent, 0);
    uint64_t count = test_hear(s->parent);
    for (uint64_t i = 0; s->where != FULL && i < count; i++)
        test_ok(myl_observer_get(s->observer, &event, sizeof event, &lost, MYL_TRY));
    assert_int_equal(pthread_create(thread, NULL, obey, s), 0);
    test_tell(s->parent, 1);
    if (s->where == PARKED)
        is_over(myl_observer_get(s->observer, &event, sizeof event, &lost, MYL_SEC(60)));
}

static int be_subject(test_peer *parent, void *argument)
{
    struct subject s = *(struct subject *)argument;
    pthread_t thread;
    s.parent = parent;
    if (s.who == PRODUCER)
        be_producer(&s, &thread);
    else if (s.who == OBSERVER)
        be_observer(&s, &thread);
    else
        be_consumer(&s, &thread);
    assert_int_equal(pthread_join(thread, NULL), 0);
    myl_producer_close(s.producer);
    myl_consumer_close(s.consumer);
    myl_observer_close(s.observer);
    return 0;
}

/* --- the other side --------------------------------------------------------------------------------------------- */

struct told {
    const char *what;            /* NULL: not done */
    int64_t ns;
};

struct alerts {
    uint32_t count[MYL_ALERT_REAPED + 1];
    int64_t first_at;
};

static void hear(const myl_alert *alert, void *user)
{
    struct alerts *alerts = user;
    if (alerts->first_at == 0)
        alerts->first_at = test_now_ns();
    alerts->count[alert->kind]++;
    assert_string_equal(alert->id, "s");
}

/* Makes it happen; the moment it was asked for. */
static int64_t strike(test_child *child, enum fate fate)
{
    int64_t at = test_now_ns();
    if (fate == BY_KILL)
        kill(child->pid, SIGKILL);
    else if (fate == BY_STOP)
        test_stop(child);
    else
        test_tell(&child->peer, fate);
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

/* --- the producer is befallen, a consumer is told ---------------------------------------------------------------- */

static struct told told_of_producer(enum where where, enum fate fate)
{
    char name[TEST_NAME_SIZE];
    struct subject subject = {.name = test_name(name, "matrix"), .who = PRODUCER, .where = where};
    uint64_t count = where == FULL || where == PARKED ? CAPACITY : SOME;
    struct told told;
    const void *at;
    test_child child;
    test_spawn(&child, be_subject, &subject);
    test_hear_value(&child.peer, 0);
    myl_consumer *witness = open_consumer(name, "witness");
    test_tell(&child.peer, 0);
    test_hear_value(&child.peer, 1);
    if (where == PARKED)
        test_until(test_is_asleep, &child.pid, "the producer is parked");
    int64_t struck = strike(&child, fate);
    int rc = MYL_OK;
    uint64_t n = 0;
    while (n < count) { /* what was published comes first, whatever befell its writer */
        test_ok(myl_consumer_next(witness, &at, MYL_SEC(10)));
        expect_event(at, n);
        test_ok(myl_consumer_release(witness));
        n++;
    }
    rc = myl_consumer_next(witness, &at, fate == BY_STOP ? MYL_MSEC(150) : MYL_SEC(10));
    told = (struct told){myl_errname(rc), test_now_ns() - struck};
    if (fate == BY_STOP) { /* no answer is the right one; the verdict knows more */
        test_code(MYL_ETIMEDOUT, rc);
        struck = test_now_ns();
        assert_int_equal(condition_of(name, ""), MYL_COND_STOPPED);
        told = (struct told){"stopped", test_now_ns() - struck};
    } else if (fate == BY_CLOSE) {
        test_code(MYL_ECLOSED, rc);
    } else {
        test_code(MYL_EPRODUCERDEAD, rc);
        myl_producer_options o = producer_options(CAPACITY);
        myl_producer *next = open_producer(name, &o); /* at once, and at the right place */
        assert_int_equal(myl_producer_last(next), (int64_t)count - 1);
        myl_producer_leave(next);
    }
    assert_true(told.ns < TOLD_MOST_NS);
    myl_consumer_close(witness);
    clean_up(&child, name, fate);
    return told;
}

/* --- a consumer or an observer is befallen, the producer is told ------------------------------------------------- */

struct witness {
    myl_producer *producer;
    myl_consumer *keeper;        /* gates too, and reads everything at once; NULL: there is none */
    struct alerts alerts;
    uint64_t n;
    int64_t slowest_ns;          /* of the claims that succeeded */
};

static void open_witness(struct witness *w, const char *name, enum who who, enum fate fate)
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
        .alert = hear,
        .user = &w->alerts,
    };
    test_ok(myl_producer_manage(w->producer, &l));
}

/* Publishes up to `count` events; the result of the first call that does not succeed, else MYL_OK. */
static int publish(struct witness *w, uint64_t count, int64_t timeout_ns)
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

static struct told told_of_required(struct witness *w, const char *name, enum fate fate, int64_t struck)
{
    myl_trouble trouble;
    int rc = publish(w, 2 * CAPACITY, MYL_SEC(10));
    int64_t now = test_now_ns();
    myl_producer_trouble(w->producer, &trouble);
    assert_string_equal(trouble.id, "s");
    if (fate == BY_STOP || fate == BY_CLOSE) {
        test_code(MYL_ESTALLED, rc);
        assert_true(trouble.final && !trouble.dead);
        assert_int_equal(w->alerts.count[fate == BY_STOP ? MYL_ALERT_STALLED : MYL_ALERT_ABSENT], 1);
        assert_int_equal(condition_of(name, "s"), fate == BY_STOP ? MYL_COND_STOPPED : MYL_COND_LEFT);
        assert_true(now - struck >= progress_ns[fate] + GRACE_NS);
        return (struct told){fate == BY_STOP ? "alert, ESTALLED" : "absent, ESTALLED", w->alerts.first_at - struck};
    }
    test_code(MYL_ECONSUMERDEAD, rc);
    assert_true(trouble.dead && !trouble.final);
    assert_int_equal(w->alerts.count[MYL_ALERT_DIED], 1);
    assert_int_equal(w->alerts.count[MYL_ALERT_STALLED], 0);
    assert_int_equal(condition_of(name, "s"), MYL_COND_DEAD);
    return (struct told){"MYL_ECONSUMERDEAD", now - struck};
}

static struct told told_of_expendable(struct witness *w, const char *name, enum fate fate, int64_t struck)
{
    int rc = publish(w, 2 * CAPACITY, fate == BY_STOP ? MYL_SEC(1) : MYL_SEC(10));
    if (fate == BY_STOP) {
        test_code(MYL_ETIMEDOUT, rc); /* an alert, and no failure */
        assert_int_equal(w->alerts.count[MYL_ALERT_STALLED], 1);
        assert_int_equal(condition_of(name, "s"), MYL_COND_STOPPED);
        return (struct told){"alert, waits", w->alerts.first_at - struck};
    }
    test_code(MYL_OK, rc);
    assert_int_equal(w->alerts.count[MYL_ALERT_REAPED], fate != BY_CLOSE);
    return (struct told){fate == BY_CLOSE ? "gates no more" : "reaped", w->slowest_ns};
}

static struct told told_of_reader(enum who who, enum where where, enum fate fate)
{
    char name[TEST_NAME_SIZE];
    struct subject subject = {.name = test_name(name, "matrix"), .who = who, .where = where};
    uint64_t count = where == FULL || where == IN_LEASE ? CAPACITY : SOME;
    struct witness w;
    struct told told;
    test_child child;
    open_witness(&w, name, who, fate);
    test_spawn(&child, be_subject, &subject);
    test_hear_value(&child.peer, 0);
    test_ok(publish(&w, count, MYL_SEC(10)));
    test_tell(&child.peer, count);
    test_hear_value(&child.peer, 1);
    if (where == PARKED)
        test_until(test_is_asleep, &child.pid, "the reader is parked");
    w.slowest_ns = 0;
    int64_t struck = strike(&child, fate);
    if (who == REQUIRED) {
        told = told_of_required(&w, name, fate, struck);
    } else if (who == EXPENDABLE) {
        told = told_of_expendable(&w, name, fate, struck);
    } else {
        test_ok(publish(&w, 3 * CAPACITY, MYL_SEC(10)));
        assert_int_equal(w.alerts.first_at, 0);
        told = (struct told){"unnoticed", w.slowest_ns};
    }
    assert_true(told.ns < TOLD_MOST_NS);
    myl_consumer_close(w.keeper);
    myl_producer_close(w.producer);
    clean_up(&child, name, fate);
    return told;
}

/* --- the table -------------------------------------------------------------------------------------------------- */

static struct told table[WHOS][WHERES][EVENTS];

static int is_possible(enum who who, enum where where)
{
    return where == IN_LEASE ? who == REQUIRED || who == EXPENDABLE : where == IN_CLAIM ? who == PRODUCER : 1;
}

static void run_all_of(enum who who)
{
    for (int where = 0; where < WHERES; where++) {
        for (int fate = 0; fate < EVENTS; fate++) {
            if (!is_possible(who, (enum where)where))
                continue;
            print_message("%s, %s, %s\n", who_names[who], where_names[where], event_names[fate]);
            table[who][where][fate] = who == PRODUCER ? told_of_producer((enum where)where, (enum fate)fate)
                                                      : told_of_reader(who, (enum where)where, (enum fate)fate);
        }
    }
}

static void test_producer(void **state)
{
    (void)state;
    run_all_of(PRODUCER);
}

static void test_required(void **state)
{
    (void)state;
    run_all_of(REQUIRED);
}

static void test_expendable(void **state)
{
    (void)state;
    run_all_of(EXPENDABLE);
}

static void test_observer(void **state)
{
    (void)state;
    run_all_of(OBSERVER);
}

static void print_row(int who, int where)
{
    char line[400];
    size_t used = (size_t)snprintf(line, sizeof line, "%-10s %-9s", who_names[who], where_names[where]);
    for (int fate = 0; fate < EVENTS; fate++) {
        const struct told *told = &table[who][where][fate];
        char cell[48] = "";
        const char *what = told->what == NULL ? "" : strncmp(told->what, "MYL_", 4) == 0 ? told->what + 4 : told->what;
        if (told->what != NULL)
            snprintf(cell, sizeof cell, "%s %.1f", what, (double)told->ns / 1e6);
        used += (size_t)snprintf(line + used, sizeof line - used, " | %-21s", cell);
    }
    print_message("%s\n", line);
}

/* The last "test": what the others found. Milliseconds from the event until the other side was told. */
static void test_print_table(void **state)
{
    (void)state;
    char line[400];
    size_t used = (size_t)snprintf(line, sizeof line, "%-20s", "told after ms");
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
        cmocka_unit_test(test_producer), cmocka_unit_test(test_required),    cmocka_unit_test(test_expendable),
        cmocka_unit_test(test_observer), cmocka_unit_test(test_print_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
