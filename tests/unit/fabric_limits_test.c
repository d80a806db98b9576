/* SPDX-License-Identifier: MIT
 * The fabric within one process: limits, who is here, returns, backends. */
#include "unit/fabric.h"

#include <unistd.h>

/* --- limits ------------------------------------------------------------------------------------------------------- */

static void table_of_requests_is_bounded(void **state)
{
    (void)state;
    struct test_fabric w;
    const myl_scheduler_options o = {.size = sizeof o, .requests_max = 3, .keep_bytes = 2048};
    begin_world(&w, "table", 1, &o);
    uint64_t request[4], more;
    for (unsigned i = 0; i < 3; i++)
        request[i] = send_request(w.scheduler, 0, 0, "t");
    test_code(MYL_ELIMIT, myl_scheduler_request(w.scheduler, NULL, NULL, 0, &more, MYL_TRY));
    for (unsigned i = 0; i < 3; i++)
        do_work(&w, 0, "t");
    for (unsigned i = 0; i < 3; i++)
        expect_reply(w.scheduler, request[i], 0, "0:t");
    for (unsigned i = 0; i < 100; i++) {
        request[0] = send_request(w.scheduler, 0, 0, "u");
        do_work(&w, 0, "u");
        expect_reply(w.scheduler, request[0], 0, "0:u");
    }
    static const char block[2049];
    const myl_request_options keep = {.size = sizeof keep, .flags = MYL_REQUEST_AT_LEAST_ONCE};
    test_code(MYL_ELIMIT, myl_scheduler_request(w.scheduler, &keep, block, 2049, &more, MYL_TRY));
    test_ok(myl_scheduler_request(w.scheduler, &keep, block, 2048, &more, MYL_TRY));
    test_code(MYL_ELIMIT, myl_scheduler_request(w.scheduler, &keep, block, 1, &more, MYL_TRY));
    myl_work work = expect_work(w.worker[0], MYL_WORK_REQUEST, NULL);
    test_ok(myl_worker_reply(w.worker[0], &work, NULL, 0, 0, 0, MYL_TRY));
    test_ok(myl_worker_release(w.worker[0], &work));
    expect_reply(w.scheduler, more, 0, "");
    myl_scheduler_counts counts = {.size = sizeof counts};
    test_ok(myl_scheduler_count(w.scheduler, &counts));
    assert_int_equal(counts.kept_blocks, 0);
    end_world(&w);
}

static void full_ring_names_the_slow_worker(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "full", 2, NULL);
    static const char block[50000];
    const myl_request_options o = {.size = sizeof o, .flags = MYL_REQUEST_NO_REPLY};
    int rc;
    while ((rc = myl_scheduler_request(w.scheduler, &o, block, sizeof block, NULL, MYL_TRY)) == MYL_OK) {
        myl_work work = expect_work(w.worker[0], MYL_WORK_NO_REPLY, NULL);
        test_ok(myl_worker_release(w.worker[0], &work));
    }
    test_code(MYL_EAGAIN, rc);
    myl_failed_participant slow = {.size = sizeof slow};
    test_ok(myl_error_participant(&slow));
    assert_string_equal(slow.id, "worker_1");
    expect_detail("\"worker_1\"");
    test_code(MYL_ETIMEDOUT, myl_scheduler_request(w.scheduler, &o, block, sizeof block, NULL, MYL_MSEC(1)));
    test_ok(myl_error_participant(&slow));
    assert_string_equal(slow.id, "worker_1");
    end_world(&w);
}

static void worker_holds_a_bounded_number(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "many", 1, NULL);
    myl_work work[MYL_WORK_HELD_MAX], more;
    uint32_t held = 0;
    for (unsigned i = 0; i < MYL_WORK_HELD_MAX + 5; i++)
        (void)send_request(w.scheduler, 0, 0, "m");
    int rc;
    while ((rc = myl_worker_next(w.worker[0], &more, MYL_TRY)) == MYL_OK)
        work[held++] = more;
    test_code(MYL_ELIMIT, rc);
    assert_true(held >= MYL_WORK_HELD_MAX - 2);
    for (uint32_t i = held; i-- > 0;)
        answer(w.worker[0], &work[i], MYL_REPLY_FINAL);
    for (uint32_t i = held; i < MYL_WORK_HELD_MAX + 5; i++)
        do_work(&w, 0, "m");
    for (unsigned i = 0; i < MYL_WORK_HELD_MAX + 5; i++) {
        myl_fabric_event event = expect_event(w.scheduler, MYL_EVENT_REPLY, 0);
        test_ok(myl_scheduler_release(w.scheduler, &event));
    }
    end_world(&w);
}

static void fabrics_have_1_to_64_workers(void **state)
{
    (void)state;
    for (uint32_t workers = 1; workers <= 64; workers += 63) {
        const myl_fabric_config config = fabric_config("size", workers);
        myl_worker *worker[64];
        myl_fabric_event events[64];
        myl_scheduler *scheduler = open_scheduler(&config, NULL);
        uint32_t count;
        uint64_t request = send_request(scheduler, 0, 0, "early"); /* before any worker is here */
        for (uint32_t i = 0; i < workers; i++)
            worker[i] = open_worker(&config, i);
        for (uint32_t i = 0; i < workers; i++) {
            myl_work work = expect_work(worker[i], MYL_WORK_REQUEST, "early");
            assert_int_equal(work.mask, workers == 64 ? UINT64_MAX : 1);
            answer(worker[i], &work, MYL_REPLY_FINAL);
        }
        test_ok(myl_scheduler_collect(scheduler, request, 0, events, 64, &count, TEST_DEADLINE_NS));
        assert_int_equal(count, workers);
        for (uint32_t i = 0; i < count; i++)
            test_ok(myl_scheduler_release(scheduler, &events[i]));
        for (uint32_t i = 0; i < workers; i++)
            myl_worker_close(worker[i]);
        myl_scheduler_close(scheduler);
    }
    myl_scheduler *scheduler;
    const myl_fabric_config config = fabric_config("size", 65);
    test_code(MYL_EINVAL, myl_scheduler_open(&scheduler, &config, NULL));
}

/* --- who is here -------------------------------------------------------------------------------------------------- */

static void missing_workers_are_named(void **state)
{
    (void)state;
    const myl_fabric_config config = fabric_config("missing", 4);
    myl_scheduler *scheduler = open_scheduler(&config, NULL);
    myl_worker *worker = open_worker(&config, 2);
    uint64_t missing = 0;
    test_code(MYL_ESTARTUP, myl_scheduler_wait_workers(scheduler, 0, &missing, MYL_MSEC(20)));
    assert_int_equal(missing, 11);
    expect_detail("workers 0, 1, 3 of 4");
    test_ok(myl_scheduler_wait_workers(scheduler, 4, &missing, TEST_DEADLINE_NS));
    assert_int_equal(missing, 0);
    myl_worker_close(worker);
    myl_scheduler_close(scheduler);
}

static void second_of_a_kind_is_refused(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "second", 2, NULL);
    myl_scheduler *scheduler;
    myl_worker *worker;
    myl_failed_participant who = {.size = sizeof who};
    test_code(MYL_EPRODUCERALIVE, myl_scheduler_open(&scheduler, &w.config, NULL));
    test_ok(myl_error_participant(&who));
    assert_int_equal(who.pid, getpid());
    myl_fabric_config config = w.config;
    config.rank = 1;
    test_code(MYL_EDUPLICATE, myl_worker_open(&worker, &config, NULL));
    test_ok(myl_error_participant(&who));
    assert_int_equal(who.pid, getpid());
    config.workers = 3;
    test_code(MYL_ESHAPE, myl_worker_open(&worker, &config, NULL));
    expect_detail("has 2 workers, not 3");
    config.workers = 0;
    config.rank = 2;
    test_code(MYL_EINVAL, myl_worker_open(&worker, &config, NULL));
    config = fabric_config("nobody", 2);
    const myl_worker_options o = {.size = sizeof o, .open_timeout_ns = MYL_MSEC(5)};
    test_code(MYL_ENOTFOUND, myl_worker_open(&worker, &config, &o));
    end_world(&w);
}

static void worker_that_left_comes_back(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "back", 2, NULL);
    uint64_t lost = send_request(w.scheduler, 0, 0, "lost");
    uint64_t kept = send_request(w.scheduler, 2, MYL_REQUEST_AT_LEAST_ONCE, "kept");
    do_work(&w, 0, "lost");
    expect_reply(w.scheduler, lost, 0, "0:lost");
    myl_work work = expect_work(w.worker[1], MYL_WORK_REQUEST, "lost");
    (void)work;
    myl_worker_close(w.worker[1]);
    myl_fabric_event event = expect_event(w.scheduler, MYL_EVENT_WORKER_LEFT, 1);
    assert_int_equal(event.incarnation, 1);
    assert_int_equal(event.kept, 1);
    event = expect_event(w.scheduler, MYL_EVENT_FAILED, 1);
    assert_int_equal(event.request, lost);
    assert_int_equal(event.status, MYL_EPRODUCERLEFT);
    assert_int_equal(event.outstanding, 0);
    expect_no_event(&w);
    uint64_t gone = send_request(w.scheduler, 0, 0, "gone"); /* at most once: fails at once for a worker that is gone */
    event = expect_event(w.scheduler, MYL_EVENT_FAILED, 1);
    assert_int_equal(event.request, gone);
    assert_int_equal(event.outstanding, 1);
    do_work(&w, 0, "gone");
    expect_reply(w.scheduler, gone, 0, "0:gone");
    uint64_t again = send_request(w.scheduler, 0, MYL_REQUEST_AT_LEAST_ONCE, "again");
    w.worker[1] = open_worker(&w.config, 1);
    assert_int_equal(myl_worker_incarnation(w.worker[1]), 2);
    event = expect_event(w.scheduler, MYL_EVENT_WORKER_JOINED, 1);
    assert_int_equal(event.incarnation, 2);
    expect_no_event(&w);
    do_work(&w, 1, "kept");
    expect_reply(w.scheduler, kept, 1, "1:kept");
    do_work(&w, 1, "again");
    expect_reply(w.scheduler, again, 1, "1:again");
    do_work(&w, 0, "again");
    expect_reply(w.scheduler, again, 0, "0:again");
    expect_no_event(&w);
    expect_no_work(&w, 1);
    end_world(&w);
}

/* The first worker of a rank dies before the scheduler has heard of it. What was sent to it has failed: its successor
 * passes it over. */
static void death_before_the_hello_is_reported(void **state)
{
    (void)state;
    const myl_fabric_config config = fabric_config("hello", 2);
    myl_scheduler *scheduler = open_scheduler(&config, NULL);
    uint64_t once = send_request(scheduler, 2, 0, "once");
    uint64_t kept = send_request(scheduler, 2, MYL_REQUEST_AT_LEAST_ONCE, "kept");
    char dispatch[MYL_FABRIC_NAME_MAX + 1], replies[MYL_FABRIC_NAME_MAX + 1], path[TEST_PATH_SIZE];
    test_ok(myl_fabric_names(&config, dispatch, replies));
    (void)snprintf(path, sizeof path, "%s/%s", config.directory, replies);
    const myl_frame_producer_options o = {.size = sizeof o, .lane = "worker_1", .ring.backend = MYL_BACKEND_FILE};
    myl_frame_producer *lane = NULL;
    test_ok(myl_frame_producer_open(&lane, path, &o)); /* as a worker that is killed before its HELLO */
    myl_frame_producer_leave(lane);
    myl_worker *worker = open_worker(&config, 1);
    assert_int_equal(myl_worker_incarnation(worker), 2);
    myl_fabric_event event = expect_event(scheduler, MYL_EVENT_WORKER_DIED, 1);
    assert_int_equal(event.incarnation, 1);
    assert_int_equal(event.kept, 1);
    assert_int_equal(expect_event(scheduler, MYL_EVENT_FAILED, 1).request, once);
    assert_int_equal(expect_event(scheduler, MYL_EVENT_WORKER_JOINED, 1).incarnation, 2);
    test_code(MYL_EAGAIN, myl_scheduler_next(scheduler, &event, MYL_TRY)); /* welcomes it */
    myl_work work = expect_work(worker, MYL_WORK_REQUEST, "kept");
    answer(worker, &work, MYL_REPLY_FINAL);
    expect_reply(scheduler, kept, 1, "1:kept");
    myl_worker_close(worker);
    myl_scheduler_close(scheduler);
}

static void work_queue_balances_and_sends_again(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "queue", 3, NULL);
    uint64_t request[6];
    uint32_t given[3] = {0, 0, 0};
    for (unsigned i = 0; i < 6; i++)
        request[i] = send_request(w.scheduler, 0, MYL_REQUEST_ONE | MYL_REQUEST_AT_LEAST_ONCE, "job");
    for (uint32_t i = 0; i < 3; i++) {
        myl_work work;
        while (myl_worker_next(w.worker[i], &work, MYL_TRY) == MYL_OK) {
            given[i]++;
            if (i != 1)
                answer(w.worker[i], &work, MYL_REPLY_FINAL);
        }
        assert_int_equal(given[i], 2);
    }
    for (unsigned i = 0; i < 4; i++) {
        myl_fabric_event event;
        test_ok(myl_scheduler_next(w.scheduler, &event, TEST_DEADLINE_NS));
        assert_int_equal(event.kind, MYL_EVENT_REPLY);
        assert_int_equal(event.outstanding, 0);
        test_ok(myl_scheduler_release(w.scheduler, &event));
    }
    myl_worker_close(w.worker[1]); /* with two jobs: each of the others gets one */
    assert_int_equal(expect_event(w.scheduler, MYL_EVENT_WORKER_LEFT, 1).kept, 2);
    expect_no_event(&w);
    do_work(&w, 0, "job");
    do_work(&w, 2, "job");
    for (unsigned i = 0; i < 2; i++) {
        myl_fabric_event event;
        test_ok(myl_scheduler_next(w.scheduler, &event, TEST_DEADLINE_NS));
        assert_int_equal(event.kind, MYL_EVENT_REPLY);
        test_ok(myl_scheduler_release(w.scheduler, &event));
    }
    myl_worker_close(w.worker[0]);
    myl_worker_close(w.worker[2]);
    (void)expect_event(w.scheduler, MYL_EVENT_WORKER_LEFT, 0);
    (void)expect_event(w.scheduler, MYL_EVENT_WORKER_LEFT, 2);
    uint64_t none;
    const myl_request_options one = {.size = sizeof one, .flags = MYL_REQUEST_ONE};
    test_code(MYL_ECONSUMERDEAD, myl_scheduler_request(w.scheduler, &one, "x", 1, &none, MYL_TRY));
    request[0] = send_request(w.scheduler, 0, MYL_REQUEST_ONE | MYL_REQUEST_AT_LEAST_ONCE, "waits");
    w.worker[2] = open_worker(&w.config, 2);
    (void)expect_event(w.scheduler, MYL_EVENT_WORKER_JOINED, 2);
    expect_no_event(&w);
    do_work(&w, 2, "waits");
    expect_reply(w.scheduler, request[0], 2, "2:waits");
    myl_scheduler_close(w.scheduler);
    myl_worker_close(w.worker[2]);
}

static void successor_takes_over(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "successor", 2, NULL);
    uint64_t former = send_request(w.scheduler, 0, 0, "former");
    myl_work work = expect_work(w.worker[0], MYL_WORK_REQUEST, "former");
    myl_scheduler_leave(w.scheduler);
    answer(w.worker[0], &work, MYL_REPLY_FINAL);
    myl_worker_close(w.worker[1]);
    const myl_scheduler_options o = {.size = sizeof o, .orphans = 1};
    w.scheduler = open_scheduler(&w.config, &o);
    (void)expect_event(w.scheduler, MYL_EVENT_WORKER_JOINED, 0);
    myl_fabric_event event = expect_event(w.scheduler, MYL_EVENT_ORPHAN, 0);
    assert_int_equal(event.request, former);
    test_ok(myl_scheduler_release(w.scheduler, &event));
    (void)expect_event(w.scheduler, MYL_EVENT_WORKER_LEFT, 1);
    work = expect_work(w.worker[0], MYL_WORK_SCHEDULER, NULL);
    assert_int_equal(work.generation, 2);
    uint64_t request = send_request(w.scheduler, 1, 0, "new");
    do_work(&w, 0, "new");
    expect_reply(w.scheduler, request, 0, "0:new");
    w.worker[1] = open_worker(&w.config, 1);
    (void)expect_event(w.scheduler, MYL_EVENT_WORKER_JOINED, 1);
    expect_no_event(&w);
    request = send_request(w.scheduler, 2, 0, "back");
    do_work(&w, 1, "back"); /* and not "former" */
    expect_reply(w.scheduler, request, 1, "1:back");
    end_world(&w);
}

static void ended_session_is_replaced(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "ended", 2, NULL);
    myl_scheduler_close(w.scheduler);
    const myl_scheduler_options o = {.size = sizeof o, .open_timeout_ns = MYL_MSEC(20)};
    test_code(MYL_EINUSE, myl_scheduler_open(&w.scheduler, &w.config, &o)); /* its workers are still there */
    myl_worker_close(w.worker[0]);
    myl_worker_close(w.worker[1]);
    begin_world(&w, "ended2", 2, NULL);
    end_world(&w);
}

/* --- backends ----------------------------------------------------------------------------------------------------- */

static void memfd_fabric_needs_no_name(void **state)
{
    (void)state;
    myl_fabric_config config = {.size = sizeof config, .backend = MYL_BACKEND_MEMFD, .workers = 2};
    myl_scheduler *scheduler = NULL;
    int rc = myl_scheduler_open(&scheduler, &config, NULL);
    if (rc == MYL_EUNSUPPORTED)
        test_skip("no memfds here");
    test_ok(rc);
    myl_worker *worker[2];
    for (uint32_t i = 0; i < 2; i++) {
        myl_fabric_config child = {.size = sizeof child}, copy = {.size = sizeof copy};
        char text[MYL_FABRIC_TEXT_MAX];
        test_ok(myl_scheduler_config(scheduler, i, &child));
        test_ok(myl_fabric_config_to_json(&child, text, sizeof text, NULL));
        test_ok(myl_fabric_config_from_json(&copy, text));
        assert_int_equal(copy.rank, i);
        assert_int_equal(copy.dispatch_fd, child.dispatch_fd);
        assert_int_equal(copy.reply_fd, child.reply_fd);
        assert_memory_equal(copy.dispatch_session, child.dispatch_session, sizeof copy.dispatch_session);
        assert_memory_equal(copy.reply_session, child.reply_session, sizeof copy.reply_session);
        test_ok(myl_worker_open(&worker[i], &copy, NULL));
        assert_int_equal(myl_worker_rank(worker[i]), i);
        (void)close(child.dispatch_fd);
        (void)close(child.reply_fd);
    }
    uint64_t request = send_request(scheduler, 0, 0, "m");
    for (uint32_t i = 0; i < 2; i++)
        (void)expect_event(scheduler, MYL_EVENT_WORKER_JOINED, i);
    for (uint32_t i = 0; i < 2; i++) {
        myl_work work = expect_work(worker[i], MYL_WORK_REQUEST, "m");
        answer(worker[i], &work, MYL_REPLY_FINAL);
        expect_reply(scheduler, request, i, i == 0 ? "0:m" : "1:m");
    }
    myl_fabric_config keep = {.size = sizeof keep};
    test_ok(myl_scheduler_config(scheduler, 0, &keep)); /* a successor needs the descriptors, too */
    myl_scheduler_leave(scheduler);
    scheduler = open_scheduler(&keep, NULL);
    (void)expect_event(scheduler, MYL_EVENT_WORKER_JOINED, 0);
    (void)expect_event(scheduler, MYL_EVENT_WORKER_JOINED, 1);
    myl_scheduler_close(scheduler);
    test_code(MYL_ECLOSED, myl_scheduler_open(&scheduler, &keep, NULL));
    myl_worker_close(worker[0]);
    myl_worker_close(worker[1]);
    (void)close(keep.dispatch_fd);
    (void)close(keep.reply_fd);
}

static void session_of_the_configuration_is_compared(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "session", 1, NULL);
    myl_fabric_config child = {.size = sizeof child};
    test_ok(myl_scheduler_config(w.scheduler, 0, &child));
    end_world(&w);
    w.scheduler = open_scheduler(&w.config, NULL); /* another session of this label */
    myl_worker *worker;
    test_code(MYL_ESESSION, myl_worker_open(&worker, &child, NULL));
    myl_scheduler_close(w.scheduler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_of_requests_is_bounded),
        cmocka_unit_test(full_ring_names_the_slow_worker),
        cmocka_unit_test(worker_holds_a_bounded_number),
        cmocka_unit_test(fabrics_have_1_to_64_workers),
        cmocka_unit_test(missing_workers_are_named),
        cmocka_unit_test(second_of_a_kind_is_refused),
        cmocka_unit_test(worker_that_left_comes_back),
        cmocka_unit_test(death_before_the_hello_is_reported),
        cmocka_unit_test(work_queue_balances_and_sends_again),
        cmocka_unit_test(successor_takes_over),
        cmocka_unit_test(ended_session_is_replaced),
        cmocka_unit_test(memfd_fabric_needs_no_name),
        cmocka_unit_test(session_of_the_configuration_is_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
