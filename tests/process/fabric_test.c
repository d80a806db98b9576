/* SPDX-License-Identifier: MIT
 * Deaths in a fabric: workers and schedulers as processes that are killed at each stage of a request, and come back.
 * docs/fabric.md has the table of deaths. */
#include "unit/fabric.h"

#include <signal.h>
#include <unistd.h>

enum { WORKERS = 3 };

/* What a worker does when the parent orders it. Each order is answered by its own number. */
enum order {
    ORDER_ANSWER = 1,          /* takes a request, answers and releases it */
    ORDER_TAKE,                /* takes a request and holds it */
    ORDER_PART,                /* takes a request and sends a part of its reply */
    ORDER_CLAIM,               /* takes a request and claims room for its reply */
    ORDER_REPLY,               /* takes a request and answers it, and does not release it */
    ORDER_WAIT,                /* waits for a request without end */
    ORDER_SERVE,               /* answers until the session ends, and ends */
    ORDER_CLOSE,
};

struct role {
    myl_fabric_config config;
    enum myl_on_death on_death;
};

static void serve(myl_worker *worker)
{
    myl_work work;
    int rc;
    while ((rc = myl_worker_next(worker, &work, TEST_DEADLINE_NS)) == MYL_OK) {
        if (work.kind == MYL_WORK_REQUEST)
            answer(worker, &work, MYL_REPLY_FINAL);
        else if (work.kind == MYL_WORK_NO_REPLY)
            test_ok(myl_worker_release(worker, &work));
    }
    test_code(MYL_ECLOSED, rc);
}

static myl_work take(myl_worker *worker)
{
    myl_work work;
    do /* a change of the scheduler is passed over */
        test_ok(myl_worker_next(worker, &work, TEST_DEADLINE_NS));
    while (work.kind == MYL_WORK_SCHEDULER);
    return work;
}

static void obey(myl_worker *worker, enum order order)
{
    void *data;
    myl_work work = {.kind = 0};
    if (order == ORDER_WAIT) {
        test_ok(myl_worker_next(worker, &work, MYL_FOREVER));
        return;
    }
    work = take(worker);
    if (order == ORDER_ANSWER)
        answer(worker, &work, MYL_REPLY_FINAL);
    else if (order == ORDER_PART)
        answer(worker, &work, MYL_REPLY_MORE);
    else if (order == ORDER_CLAIM)
        test_ok(myl_worker_claim(worker, 1000, &data, TEST_DEADLINE_NS));
    else if (order == ORDER_REPLY)
        test_ok(myl_worker_reply(worker, &work, "done", 4, 0, 0, TEST_DEADLINE_NS));
}

static int be_worker(test_peer *parent, void *argument)
{
    const struct role *role = argument;
    const myl_worker_options options = {.size = sizeof options,
                                        .open_timeout_ns = TEST_DEADLINE_NS,
                                        .on_scheduler_death = role->on_death};
    myl_worker *worker = NULL;
    test_ok(myl_worker_open(&worker, &role->config, &options));
    test_send(parent, myl_worker_incarnation(worker));
    for (;;) {
        uint64_t order = test_receive(parent);
        if (order == ORDER_WAIT)
            test_send(parent, order);
        if (order == ORDER_SERVE)
            serve(worker);
        if (order == ORDER_SERVE || order == ORDER_CLOSE)
            break;
        obey(worker, (enum order)order);
        test_send(parent, order);
    }
    myl_worker_close(worker);
    return 0;
}

struct world {
    struct role role[WORKERS];
    myl_scheduler *scheduler;
    test_child child[WORKERS];
};

static void start(struct world *w, uint32_t rank, uint32_t incarnation)
{
    test_spawn(&w->child[rank], be_worker, &w->role[rank]);
    test_expect_value(&w->child[rank].peer, incarnation);
}

static void begin(struct world *w, const char *what)
{
    memset(w, 0, sizeof *w);
    const myl_fabric_config config = fabric_config(what, WORKERS);
    w->scheduler = open_scheduler(&config, NULL);
    for (uint32_t i = 0; i < WORKERS; i++) {
        w->role[i].config = config;
        w->role[i].config.rank = i;
        start(w, i, 1);
    }
    test_ok(myl_scheduler_wait_workers(w->scheduler, 0, NULL, TEST_DEADLINE_NS));
    for (uint32_t i = 0; i < WORKERS; i++)
        (void)expect_event(w->scheduler, MYL_EVENT_WORKER_JOINED, i);
}

static void order(struct world *w, uint32_t rank, enum order what)
{
    test_send(&w->child[rank].peer, what);
    test_expect_value(&w->child[rank].peer, what);
}

static void end(struct world *w)
{
    for (uint32_t i = 0; i < WORKERS; i++)
        test_send(&w->child[i].peer, ORDER_SERVE);
    myl_scheduler_close(w->scheduler);
    for (uint32_t i = 0; i < WORKERS; i++)
        test_expect_exit(&w->child[i], 0);
}

/* Each of these workers answers a request. */
static void expect_served(struct world *w, uint64_t mask)
{
    for (uint32_t i = 0; i < WORKERS; i++) {
        if ((mask & UINT64_C(1) << i) == 0)
            continue;
        uint64_t request = send_request(w->scheduler, UINT64_C(1) << i, 0, "served");
        order(w, i, ORDER_ANSWER);
        expect_reply(w->scheduler, request, i, i == 0 ? "0:served" : i == 1 ? "1:served" : "2:served");
    }
}

/* --- a worker dies ------------------------------------------------------------------------------------------------ */

/* At each stage: one DIED event, one FAILED for what it had not answered, the others are not affected, and its
 * successor gets what is sent from its return on, and nothing older. */
static void death_of_a_worker_is_reported_once_at_each_stage(void **state)
{
    (void)state;
    static const enum order stages[] = {0, ORDER_WAIT, ORDER_TAKE, ORDER_PART, ORDER_CLAIM, ORDER_REPLY};
    struct world w;
    begin(&w, "stages");
    for (uint32_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        uint64_t request = 0, unread = 0;
        if (stages[i] == ORDER_WAIT)
            order(&w, 1, ORDER_WAIT);
        else if (stages[i] != 0)
            request = send_request(w.scheduler, 2, 0, "stage");
        if (request != 0)
            order(&w, 1, stages[i]);
        if (stages[i] != ORDER_WAIT)
            unread = send_request(w.scheduler, 2, 0, "unread");
        test_kill(&w.child[1]);
        if (stages[i] == ORDER_PART) {
            myl_fabric_event part = expect_event(w.scheduler, MYL_EVENT_PART, 1);
            test_ok(myl_scheduler_release(w.scheduler, &part));
        } else if (stages[i] == ORDER_REPLY) {
            expect_reply(w.scheduler, request, 1, "done");
            request = 0;
        }
        myl_fabric_event event = expect_event(w.scheduler, MYL_EVENT_WORKER_DIED, 1);
        assert_int_equal(event.incarnation, i + 1);
        assert_int_equal(event.kept, 0);
        for (unsigned k = 0; k < 2; k++) {
            uint64_t expected = k == 0 ? request : unread;
            if (expected == 0)
                continue;
            event = expect_event(w.scheduler, MYL_EVENT_FAILED, 1);
            assert_int_equal(event.request, expected);
            assert_int_equal(event.status, MYL_ECONSUMERDEAD);
            assert_int_equal(event.outstanding, 0);
        }
        test_code(MYL_EAGAIN, myl_scheduler_next(w.scheduler, &event, MYL_TRY));
        expect_served(&w, 5);
        start(&w, 1, i + 2);
        assert_int_equal(expect_event(w.scheduler, MYL_EVENT_WORKER_JOINED, 1).incarnation, i + 2);
        expect_served(&w, 7);
    }
    myl_scheduler_counts counts = {.size = sizeof counts};
    test_ok(myl_scheduler_count(w.scheduler, &counts));
    assert_int_equal(counts.in_flight, 0);
    assert_int_equal(counts.bad + counts.late, 0);
    end(&w);
}

/* A request at least once stays in flight, and its worker's successor answers it. */
static void request_at_least_once_survives_its_worker(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "least");
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t taken = send_request(w.scheduler, 0, MYL_REQUEST_AT_LEAST_ONCE, "taken");
        uint64_t unread = send_request(w.scheduler, 2, MYL_REQUEST_AT_LEAST_ONCE, "unread");
        order(&w, 1, i % 2 == 0 ? ORDER_TAKE : ORDER_PART);
        test_kill(&w.child[1]);
        if (i % 2 != 0) {
            myl_fabric_event part = expect_event(w.scheduler, MYL_EVENT_PART, 1);
            test_ok(myl_scheduler_release(w.scheduler, &part));
        }
        assert_int_equal(expect_event(w.scheduler, MYL_EVENT_WORKER_DIED, 1).kept, 2);
        order(&w, 0, ORDER_ANSWER);
        expect_reply(w.scheduler, taken, 0, "0:taken");
        start(&w, 1, i + 2);
        (void)expect_event(w.scheduler, MYL_EVENT_WORKER_JOINED, 1);
        myl_fabric_event event;
        test_code(MYL_EAGAIN, myl_scheduler_next(w.scheduler, &event, MYL_TRY)); /* welcomes it */
        order(&w, 1, ORDER_ANSWER);
        expect_reply(w.scheduler, taken, 1, "1:taken");
        order(&w, 1, ORDER_ANSWER);
        expect_reply(w.scheduler, unread, 1, "1:unread");
        order(&w, 2, ORDER_ANSWER);
        expect_reply(w.scheduler, taken, 2, "2:taken");
    }
    end(&w);
}

/* The scheduler looks only after the worker has died and its successor is here. */
static void death_and_return_between_two_looks_are_reported(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "quick");
    for (uint32_t i = 0; i < 5; i++) {
        uint64_t lost = send_request(w.scheduler, 4, 0, "lost");
        uint64_t kept = send_request(w.scheduler, 4, MYL_REQUEST_AT_LEAST_ONCE, "kept");
        order(&w, 2, ORDER_TAKE);
        test_kill(&w.child[2]);
        start(&w, 2, i + 2);
        myl_fabric_event event = expect_event(w.scheduler, MYL_EVENT_WORKER_DIED, 2);
        assert_int_equal(event.incarnation, i + 1);
        assert_int_equal(expect_event(w.scheduler, MYL_EVENT_FAILED, 2).request, lost);
        assert_int_equal(expect_event(w.scheduler, MYL_EVENT_WORKER_JOINED, 2).incarnation, i + 2);
        test_code(MYL_EAGAIN, myl_scheduler_next(w.scheduler, &event, MYL_TRY));
        order(&w, 2, ORDER_ANSWER);
        expect_reply(w.scheduler, kept, 2, "2:kept");
    }
    end(&w);
}

/* More than the dispatch ring holds is sent while a worker is dead, and the scheduler never reads an event. */
static void dead_worker_never_blocks_the_others(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "block");
    static const char block[10000];
    const myl_request_options o = {.size = sizeof o, .flags = MYL_REQUEST_NO_REPLY};
    test_kill(&w.child[0]);
    for (uint32_t i = 1; i < WORKERS; i++)
        test_send(&w.child[i].peer, ORDER_SERVE);
    for (unsigned i = 0; i < 1000; i++)
        test_ok(myl_scheduler_request(w.scheduler, &o, block, sizeof block, NULL, TEST_DEADLINE_NS));
    (void)expect_event(w.scheduler, MYL_EVENT_WORKER_DIED, 0);
    start(&w, 0, 2);
    (void)expect_event(w.scheduler, MYL_EVENT_WORKER_JOINED, 0);
    expect_served(&w, 1);
    test_send(&w.child[0].peer, ORDER_SERVE);
    myl_scheduler_close(w.scheduler);
    for (uint32_t i = 0; i < WORKERS; i++)
        test_expect_exit(&w.child[i], 0);
}

static void job_of_a_dead_worker_goes_to_another(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "jobs");
    uint64_t job = send_request(w.scheduler, 0, MYL_REQUEST_ONE | MYL_REQUEST_AT_LEAST_ONCE, "job");
    order(&w, 0, ORDER_TAKE);
    test_kill(&w.child[0]);
    assert_int_equal(expect_event(w.scheduler, MYL_EVENT_WORKER_DIED, 0).kept, 1);
    myl_fabric_event event;
    test_code(MYL_EAGAIN, myl_scheduler_next(w.scheduler, &event, MYL_TRY));
    order(&w, 1, ORDER_ANSWER);
    expect_reply(w.scheduler, job, 1, "1:job");
    uint64_t once = send_request(w.scheduler, 4, MYL_REQUEST_ONE, "once");
    order(&w, 2, ORDER_TAKE);
    test_kill(&w.child[2]);
    (void)expect_event(w.scheduler, MYL_EVENT_WORKER_DIED, 2);
    assert_int_equal(expect_event(w.scheduler, MYL_EVENT_FAILED, 2).request, once);
    start(&w, 0, 2);
    start(&w, 2, 2);
    end(&w);
}

/* --- the scheduler dies ------------------------------------------------------------------------------------------- */

static int be_scheduler(test_peer *parent, void *argument)
{
    const struct role *role = argument;
    myl_scheduler *scheduler = NULL;
    myl_fabric_event event;
    int rc = myl_scheduler_open(&scheduler, &role->config, NULL);
    test_send(parent, (uint64_t)-rc);
    if (rc != MYL_OK)
        return 0;
    for (;;) {
        uint64_t order = test_receive(parent);
        if (order == ORDER_CLOSE)
            break;
        (void)send_request(scheduler, order, 0, "from the child");
        test_send(parent, order);
        while (myl_scheduler_next(scheduler, &event, MYL_TRY) == MYL_OK)
            test_ok(myl_scheduler_release(scheduler, &event));
    }
    myl_scheduler_close(scheduler);
    return 0;
}

static void death_of_the_scheduler_is_reported_or_waited_for(void **state)
{
    (void)state;
    struct role role = {.config = fabric_config("dies", 2)};
    test_child child;
    myl_work work;
    test_spawn(&child, be_scheduler, &role);
    test_expect_value(&child.peer, 0);
    myl_worker *reporting = open_worker(&role.config, 0), *waiting = NULL;
    const myl_worker_options o = {.size = sizeof o, .on_scheduler_death = MYL_DEATH_WAIT};
    role.config.rank = 1;
    test_ok(myl_worker_open(&waiting, &role.config, &o));
    test_send(&child.peer, 3);
    test_expect_value(&child.peer, 3);
    test_kill(&child);
    work = expect_work(reporting, MYL_WORK_REQUEST, "from the child");
    answer(reporting, &work, MYL_REPLY_FINAL);
    test_code(MYL_EPRODUCERDEAD, myl_worker_next(reporting, &work, TEST_DEADLINE_NS));
    test_code(MYL_EPRODUCERDEAD, myl_worker_next(reporting, &work, TEST_DEADLINE_NS));
    work = expect_work(waiting, MYL_WORK_REQUEST, "from the child");
    myl_work held = work;
    test_code(MYL_ETIMEDOUT, myl_worker_next(waiting, &work, MYL_MSEC(30)));
    const myl_scheduler_options orphans = {.size = sizeof orphans, .orphans = 1};
    myl_scheduler *scheduler = open_scheduler(&role.config, &orphans);
    (void)expect_event(scheduler, MYL_EVENT_WORKER_JOINED, 0);
    (void)expect_event(scheduler, MYL_EVENT_WORKER_JOINED, 1);
    myl_fabric_event event = expect_event(scheduler, MYL_EVENT_ORPHAN, 0);
    test_ok(myl_scheduler_release(scheduler, &event));
    (void)expect_work(reporting, MYL_WORK_SCHEDULER, NULL);
    (void)expect_work(waiting, MYL_WORK_SCHEDULER, NULL);
    answer(waiting, &held, MYL_REPLY_FINAL);
    event = expect_event(scheduler, MYL_EVENT_ORPHAN, 1);
    test_ok(myl_scheduler_release(scheduler, &event));
    for (unsigned i = 0; i < 3; i++) {
        uint64_t request = send_request(scheduler, 2, 0, "new");
        work = expect_work(waiting, MYL_WORK_REQUEST, "new");
        answer(waiting, &work, MYL_REPLY_FINAL);
        expect_reply(scheduler, request, 1, "1:new");
    }
    myl_scheduler_close(scheduler);
    myl_worker_close(reporting);
    myl_worker_close(waiting);
}

/* A scheduler and a worker die together; both come back in either order. */
static void both_die_and_come_back(void **state)
{
    (void)state;
    struct role role = {.config = fabric_config("both", 1)};
    for (unsigned i = 0; i < 4; i++) {
        test_child scheduler, worker;
        test_spawn(&scheduler, be_scheduler, &role);
        test_expect_value(&scheduler.peer, 0);
        test_spawn(&worker, be_worker, &role);
        assert_true(test_receive(&worker.peer) >= 1);
        test_send(&scheduler.peer, 1);
        test_expect_value(&scheduler.peer, 1);
        if (i % 2 == 0) {
            test_kill(&scheduler);
            test_kill(&worker);
        } else {
            test_kill(&worker);
            test_kill(&scheduler);
        }
    }
    myl_worker *worker = open_worker(&role.config, 0);
    assert_int_equal(myl_worker_incarnation(worker), 5);
    myl_scheduler *scheduler = open_scheduler(&role.config, NULL);
    (void)expect_event(scheduler, MYL_EVENT_WORKER_JOINED, 0);
    uint64_t request = send_request(scheduler, 0, 0, "now");
    myl_work work = expect_work(worker, MYL_WORK_REQUEST, "now");
    assert_int_equal(work.generation, 5);
    answer(worker, &work, MYL_REPLY_FINAL);
    expect_reply(scheduler, request, 0, "0:now");
    myl_worker_close(worker);
    myl_scheduler_close(scheduler);
}

/* --- beginnings --------------------------------------------------------------------------------------------------- */

/* Schedulers and workers start at the same time. One scheduler opens, the others are refused by name; every worker
 * joins. */
static void many_starters_make_one_fabric(void **state)
{
    (void)state;
    enum { SCHEDULERS = 3, ROUNDS = 10 };
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct role role[WORKERS];
        test_child worker[WORKERS], scheduler[SCHEDULERS];
        unsigned opened = 0, winner = 0;
        char what[32];
        (void)snprintf(what, sizeof what, "starters%u", round);
        role[0].config = fabric_config(what, WORKERS);
        for (uint32_t i = 0; i < WORKERS; i++) {
            role[i] = role[0];
            role[i].config.rank = i;
            role[i].on_death = MYL_DEATH_REPORT;
            test_spawn(&worker[i], be_worker, &role[i]);
            test_spawn(&scheduler[i % SCHEDULERS], be_scheduler, &role[0]);
        }
        for (unsigned i = 0; i < SCHEDULERS; i++) {
            uint64_t result = test_receive(&scheduler[i].peer);
            if (result == 0) {
                opened++;
                winner = i;
                continue;
            }
            assert_int_equal(result, -MYL_EPRODUCERALIVE);
            test_expect_exit(&scheduler[i], 0);
        }
        assert_int_equal(opened, 1);
        for (uint32_t i = 0; i < WORKERS; i++) {
            test_expect_value(&worker[i].peer, 1);
            test_send(&worker[i].peer, ORDER_SERVE);
        }
        test_send(&scheduler[winner].peer, 7);
        test_expect_value(&scheduler[winner].peer, 7);
        test_send(&scheduler[winner].peer, ORDER_CLOSE);
        test_expect_exit(&scheduler[winner], 0);
        for (uint32_t i = 0; i < WORKERS; i++)
            test_expect_exit(&worker[i], 0);
    }
}

/* A fabric whose processes were all killed is taken over, and leaves nothing when it ends. */
static void killed_session_leaves_nothing_after_the_next_end(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "killed");
    for (uint32_t i = 0; i < WORKERS; i++)
        test_kill(&w.child[i]);
    myl_scheduler_close(w.scheduler); /* the leak checker looks for files */
    w.scheduler = open_scheduler(&w.role[0].config, NULL);
    myl_scheduler_counts counts = {.size = sizeof counts};
    test_ok(myl_scheduler_count(w.scheduler, &counts));
    assert_int_equal(counts.generation, 1);
    myl_scheduler_close(w.scheduler);
}

/* Nothing happens: neither process uses its processor. */
static void idle_fabric_uses_no_cpu(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "idle");
    for (uint32_t i = 0; i < WORKERS; i++)
        order(&w, i, ORDER_WAIT);
    myl_fabric_event event;
    const int64_t most = 3 * (int64_t)TEST_IDLE_NS_PER_SECOND;
    int64_t before = test_cpu_ns(getpid()), of_worker = test_cpu_ns(w.child[0].pid);
    test_code(MYL_ETIMEDOUT, myl_scheduler_next(w.scheduler, &event, MYL_SEC(3)));
    int64_t used = test_cpu_ns(getpid()) - before, by_worker = test_cpu_ns(w.child[0].pid) - of_worker;
    if (before >= 0 && of_worker >= 0)
        assert_true(used < most && by_worker < most);
    uint64_t request = send_request(w.scheduler, 0, 0, "wake"); /* ends their waits; they do not answer */
    for (uint32_t i = 0; i < WORKERS; i++) {
        test_kill(&w.child[i]);
        (void)expect_event(w.scheduler, MYL_EVENT_WORKER_DIED, i);
        assert_int_equal(expect_event(w.scheduler, MYL_EVENT_FAILED, i).request, request);
    }
    myl_scheduler_close(w.scheduler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(death_of_a_worker_is_reported_once_at_each_stage),
        cmocka_unit_test(request_at_least_once_survives_its_worker),
        cmocka_unit_test(death_and_return_between_two_looks_are_reported),
        cmocka_unit_test(dead_worker_never_blocks_the_others),
        cmocka_unit_test(job_of_a_dead_worker_goes_to_another),
        cmocka_unit_test(death_of_the_scheduler_is_reported_or_waited_for),
        cmocka_unit_test(both_die_and_come_back),
        cmocka_unit_test(many_starters_make_one_fabric),
        cmocka_unit_test(killed_session_leaves_nothing_after_the_next_end),
        cmocka_unit_test(idle_fabric_uses_no_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
