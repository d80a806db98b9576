/* SPDX-License-Identifier: MIT
 * A storm of kills: workers and schedulers of one fabric are killed at any moment, and started again. An oracle outside
 * of the fabric, in memory that all processes share, counts what each worker began and which events each scheduler got.
 * MYL_TEST_FABRIC_ROUNDS=N kills N times (default 80). */
#include "unit/fabric.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WORKERS = 3, SERIALS = 200000, WINDOW = 24, ROUNDS = 80 };

/* Kinds of requests, by serial number. */
enum kind { ONCE, LEAST, JOB, KINDS };

struct oracle {
    atomic_uint serial;        /* of the next request */
    atomic_uint events;        /* of all schedulers */
    atomic_uint stop;          /* 1: the scheduler drains, and ends the session */
    atomic_uint drained;       /* serials from here on are of the last scheduler, which has drained */
    atomic_uint sent[SERIALS];
    atomic_uint begun[SERIALS][WORKERS], replied[SERIALS][WORKERS], failed[SERIALS][WORKERS];
};

struct storm {
    struct oracle *oracle;
    myl_fabric_config config;
};

static enum kind kind_of(unsigned serial)
{
    return (enum kind)(serial % KINDS);
}

/* --- the processes ------------------------------------------------------------------------------------------------ */

static int be_worker(test_peer *parent, void *argument)
{
    struct storm *storm = argument;
    const myl_worker_options o = {.size = sizeof o,
                                  .open_timeout_ns = TEST_DEADLINE_NS,
                                  .on_scheduler_death = MYL_DEATH_WAIT};
    myl_worker *worker = NULL;
    myl_work work;
    int rc;
    test_ok(myl_worker_open(&worker, &storm->config, &o));
    test_send(parent, 1);
    while ((rc = myl_worker_next(worker, &work, TEST_DEADLINE_NS)) == MYL_OK) {
        uint64_t serial;
        if (work.kind != MYL_WORK_REQUEST)
            continue;
        assert_true(work.length >= sizeof serial);
        memcpy(&serial, work.data, sizeof serial);
        assert_true(serial < SERIALS);
        atomic_fetch_add(&storm->oracle->begun[serial][myl_worker_rank(worker)], 1);
        if (serial % 5 == 0) /* in parts */
            test_ok(myl_worker_reply(worker, &work, work.data, work.length, 0, MYL_REPLY_MORE, TEST_DEADLINE_NS));
        test_ok(myl_worker_reply(worker, &work, work.data, work.length, 0, MYL_REPLY_FINAL, TEST_DEADLINE_NS));
        test_ok(myl_worker_release(worker, &work));
    }
    test_code(MYL_ECLOSED, rc);
    myl_worker_close(worker);
    return 0;
}

static void send_one(struct oracle *oracle, myl_scheduler *scheduler)
{
    static unsigned char payload[3000];
    static const uint32_t flags[KINDS] = {0, MYL_REQUEST_AT_LEAST_ONCE, MYL_REQUEST_AT_LEAST_ONCE | MYL_REQUEST_ONE};
    uint64_t serial = atomic_fetch_add(&oracle->serial, 1), request;
    assert_true(serial < SERIALS);
    memcpy(payload, &serial, sizeof serial);
    const myl_request_options o = {.size = sizeof o, .tag = serial, .flags = flags[kind_of((unsigned)serial)]};
    test_ok(myl_scheduler_request(scheduler, &o, payload, sizeof serial + serial % 2000, &request, TEST_DEADLINE_NS));
    atomic_store(&oracle->sent[serial], 1);
}

static void take_event(struct oracle *oracle, myl_scheduler *scheduler, int64_t timeout_ns)
{
    myl_fabric_event event;
    int rc = myl_scheduler_next(scheduler, &event, timeout_ns);
    if (rc == MYL_ETIMEDOUT || rc == MYL_EAGAIN)
        return;
    test_ok(rc);
    assert_int_not_equal(event.kind, MYL_EVENT_BAD);
    atomic_fetch_add(&oracle->events, 1);
    if (event.kind == MYL_EVENT_REPLY) {
        uint64_t serial;
        memcpy(&serial, event.data, sizeof serial);
        assert_int_equal(serial, event.tag);
        assert_int_equal(event.length, sizeof serial + serial % 2000);
        atomic_fetch_add(&oracle->replied[serial][event.worker], 1);
    } else if (event.kind == MYL_EVENT_FAILED) {
        atomic_fetch_add(&oracle->failed[event.tag][event.worker], 1);
    }
    test_ok(myl_scheduler_release(scheduler, &event));
}

static uint32_t in_flight(const myl_scheduler *scheduler)
{
    myl_scheduler_counts counts = {.size = sizeof counts};
    test_ok(myl_scheduler_count(scheduler, &counts));
    return counts.in_flight;
}

static int be_scheduler(test_peer *parent, void *argument)
{
    struct storm *storm = argument;
    struct oracle *oracle = storm->oracle;
    myl_scheduler *scheduler = open_scheduler(&storm->config, NULL);
    unsigned first = atomic_load(&oracle->serial);
    test_send(parent, 1);
    while (!atomic_load(&oracle->stop)) {
        while (in_flight(scheduler) < WINDOW)
            send_one(oracle, scheduler);
        take_event(oracle, scheduler, MYL_MSEC(100));
    }
    int64_t until = test_now_ns() + TEST_DEADLINE_NS;
    while (in_flight(scheduler) > 0 && test_now_ns() < until)
        take_event(oracle, scheduler, MYL_MSEC(100));
    assert_int_equal(in_flight(scheduler), 0);
    atomic_store(&oracle->drained, first);
    myl_scheduler_close(scheduler);
    return 0;
}

/* --- the storm ---------------------------------------------------------------------------------------------------- */

/* Judges one request at one worker. */
static void judge(struct oracle *oracle, unsigned serial, unsigned worker, int drained)
{
    unsigned begun = oracle->begun[serial][worker], replied = oracle->replied[serial][worker],
             failed = oracle->failed[serial][worker];
    if (replied + failed > 1)
        test_fail("request %u: %u replies and %u failures of worker %u", serial, replied, failed, worker);
    if (replied > begun)
        test_fail("request %u: a reply of worker %u, which never began it", serial, worker);
    if (kind_of(serial) == ONCE && begun > 1)
        test_fail("request %u at most once: worker %u began it %u times", serial, worker, begun);
    if (kind_of(serial) != ONCE && failed > 0)
        test_fail("request %u at least once: failed at worker %u", serial, worker);
    if (drained && kind_of(serial) != JOB && replied + failed != 1)
        test_fail("request %u: no answer and no failure of worker %u", serial, worker);
}

static void judge_all(struct oracle *oracle)
{
    unsigned most = oracle->serial, replies = 0;
    for (unsigned serial = 0; serial < most; serial++) {
        int drained = serial >= oracle->drained && oracle->sent[serial];
        unsigned jobs = 0;
        for (unsigned worker = 0; worker < WORKERS; worker++) {
            judge(oracle, serial, worker, drained);
            jobs += oracle->replied[serial][worker];
            replies += oracle->replied[serial][worker];
        }
        if (kind_of(serial) == JOB && (jobs > 1 || (drained && jobs != 1)))
            test_fail("job %u: %u replies", serial, jobs);
    }
    print_message("%u requests, %u replies\n", most, replies);
    assert_true(replies > 0);
}

struct progress {
    struct oracle *oracle;
    unsigned until;
};

static int has_moved(void *argument)
{
    const struct progress *progress = argument;
    return (int)(atomic_load(&progress->oracle->events) - progress->until) >= 0;
}

static unsigned rounds(void)
{
    const char *given = getenv("MYL_TEST_FABRIC_ROUNDS");
    return given != NULL ? (unsigned)strtoul(given, NULL, 10) : ROUNDS;
}

static void promises_hold_in_a_storm_of_kills(void **state)
{
    (void)state;
    struct storm storm[WORKERS];
    test_child worker[WORKERS], scheduler;
    unsigned random = 12345;
    struct oracle *oracle = mmap(NULL, sizeof *oracle, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(oracle, MAP_FAILED);
    storm[0] = (struct storm){oracle, fabric_config("storm", WORKERS)};
    test_spawn(&scheduler, be_scheduler, &storm[0]);
    test_expect_value(&scheduler.peer, 1);
    for (uint32_t i = 0; i < WORKERS; i++) {
        storm[i] = storm[0];
        storm[i].config.rank = i;
        test_spawn(&worker[i], be_worker, &storm[i]);
        test_expect_value(&worker[i].peer, 1);
    }
    for (unsigned round = 0; round < rounds(); round++) {
        random = random * 1103515245U + 12345U;
        struct progress progress = {oracle, atomic_load(&oracle->events) + 1 + (random >> 16) % 60};
        test_until(has_moved, &progress, "events of the scheduler");
        unsigned victim = (random >> 8) % (WORKERS + 1);
        if (victim == WORKERS) {
            test_kill(&scheduler);
            test_spawn(&scheduler, be_scheduler, &storm[0]);
            test_expect_value(&scheduler.peer, 1);
        } else {
            test_kill(&worker[victim]);
            test_spawn(&worker[victim], be_worker, &storm[victim]);
            test_expect_value(&worker[victim].peer, 1);
        }
    }
    atomic_store(&oracle->stop, 1);
    test_expect_exit(&scheduler, 0);
    for (uint32_t i = 0; i < WORKERS; i++)
        test_expect_exit(&worker[i], 0);
    judge_all(oracle);
    (void)munmap(oracle, sizeof *oracle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(promises_hold_in_a_storm_of_kills)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
