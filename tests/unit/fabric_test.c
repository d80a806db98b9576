/* SPDX-License-Identifier: MIT
 * The fabric within one process: calls, events, deadlines. Limits and returns are in unit.fabric_limits, deaths in
 * process.fabric. */
#include "unit/fabric.h"

/* --- requests and replies ----------------------------------------------------------------------------------------- */

static void request_to_all_is_answered_by_all(void **state)
{
    (void)state;
    const myl_fabric_config config = fabric_config("all", 3);
    myl_worker *worker[3];
    myl_scheduler *scheduler = open_scheduler(&config, NULL);
    for (uint32_t i = 0; i < 3; i++)
        worker[i] = open_worker(&config, i);
    test_ok(myl_scheduler_wait_workers(scheduler, 0, NULL, TEST_DEADLINE_NS));
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(expect_event(scheduler, MYL_EVENT_WORKER_JOINED, i).incarnation, 1);
    for (unsigned round = 0; round < 1000; round++) {
        uint64_t request = 0;
        uint32_t count = 0;
        char text[32];
        myl_fabric_event events[3];
        (void)snprintf(text, sizeof text, "round %u", round);
        test_ok(myl_scheduler_request(scheduler, NULL, text, strlen(text), &request, TEST_DEADLINE_NS));
        for (uint32_t i = 0; i < 3; i++) {
            myl_work work = expect_work(worker[i], MYL_WORK_REQUEST, text);
            assert_int_equal(work.request, request);
            assert_int_equal((uintptr_t)work.data % 16, 0);
            answer(worker[i], &work, MYL_REPLY_FINAL);
        }
        test_ok(myl_scheduler_collect(scheduler, request, 0, events, 3, &count, TEST_DEADLINE_NS));
        assert_int_equal(count, 3);
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal((uintptr_t)events[i].data % 16, 0);
            test_ok(myl_scheduler_release(scheduler, &events[i]));
        }
    }
    myl_scheduler_counts counts = {.size = sizeof counts};
    test_ok(myl_scheduler_count(scheduler, &counts));
    assert_int_equal(counts.requests, 1000);
    assert_int_equal(counts.replies, 3000);
    assert_int_equal(counts.in_flight, 0);
    assert_int_equal(counts.bad + counts.late + counts.orphans, 0);
    myl_scheduler_close(scheduler);
    for (uint32_t i = 0; i < 3; i++) {
        myl_work work;
        test_code(MYL_ECLOSED, myl_worker_next(worker[i], &work, TEST_DEADLINE_NS));
        myl_worker_close(worker[i]);
    }
}

static void subset_skips_the_others(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "subset", 3, NULL);
    uint64_t request = send_request(w.scheduler, 5, 0, "two");
    do_work(&w, 0, "two");
    expect_reply(w.scheduler, request, 0, "0:two");
    expect_no_work(&w, 1);
    assert_int_equal(myl_worker_skipped(w.worker[1]), 1);
    do_work(&w, 2, "two");
    expect_reply(w.scheduler, request, 2, "2:two");
    expect_no_event(&w);
    const myl_request_options wrong = {.size = sizeof wrong, .mask = 8};
    test_code(MYL_EINVAL, myl_scheduler_request(w.scheduler, &wrong, NULL, 0, &request, MYL_TRY));
    end_world(&w);
}

static void message_without_reply_is_not_in_flight(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "noreply", 2, NULL);
    const myl_request_options o = {.size = sizeof o, .flags = MYL_REQUEST_NO_REPLY, .op = 7};
    test_ok(myl_scheduler_request(w.scheduler, &o, "x", 1, NULL, MYL_TRY));
    for (uint32_t i = 0; i < 2; i++) {
        myl_work work = expect_work(w.worker[i], MYL_WORK_NO_REPLY, "x");
        assert_int_equal(work.op, 7);
        test_code(MYL_EINVAL, myl_worker_reply(w.worker[i], &work, NULL, 0, 0, 0, MYL_TRY));
        test_ok(myl_worker_release(w.worker[i], &work));
    }
    myl_scheduler_counts counts = {.size = sizeof counts};
    test_ok(myl_scheduler_count(w.scheduler, &counts));
    assert_int_equal(counts.in_flight, 0);
    const myl_request_options both = {.size = sizeof both, .flags = MYL_REQUEST_NO_REPLY | MYL_REQUEST_AT_LEAST_ONCE};
    test_code(MYL_EINVAL, myl_scheduler_request(w.scheduler, &both, "x", 1, NULL, MYL_TRY));
    end_world(&w);
}

static void event_carries_tag_status_and_outstanding(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "tag", 2, NULL);
    uint64_t request = 0;
    const myl_request_options o = {.size = sizeof o, .tag = 42, .op = 9};
    test_ok(myl_scheduler_request(w.scheduler, &o, NULL, 0, &request, MYL_TRY));
    do_work(&w, 1, "");
    myl_fabric_event event = expect_event(w.scheduler, MYL_EVENT_REPLY, 1);
    assert_int_equal(event.tag, 42);
    assert_int_equal(event.status, 9);
    assert_int_equal(event.outstanding, 1);
    test_ok(myl_scheduler_release(w.scheduler, &event));
    do_work(&w, 0, "");
    event = expect_event(w.scheduler, MYL_EVENT_REPLY, 0);
    assert_int_equal(event.outstanding, 0);
    test_ok(myl_scheduler_release(w.scheduler, &event));
    test_ok(myl_scheduler_release(w.scheduler, &event)); /* again: nothing happens */
    end_world(&w);
}

static void requests_are_written_and_read_in_place(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "place", 2, NULL);
    for (size_t length = 0; length < 3000; length += length / 3 + 1) {
        void *data;
        uint64_t request;
        test_ok(myl_scheduler_claim(w.scheduler, 4096, &data, MYL_TRY));
        assert_int_equal((uintptr_t)data % 16, 0);
        void *more;
        test_code(MYL_ELEASED, myl_scheduler_claim(w.scheduler, 1, &more, MYL_TRY));
        memset(data, (int)(length % 251), length);
        test_code(MYL_ETOOBIG, myl_scheduler_commit(w.scheduler, NULL, 4097, &request));
        test_ok(myl_scheduler_commit(w.scheduler, NULL, length, &request));
        for (uint32_t i = 0; i < 2; i++) {
            myl_work work = expect_work(w.worker[i], MYL_WORK_REQUEST, NULL);
            assert_int_equal(work.length, length);
            test_ok(myl_worker_claim(w.worker[i], length, &data, MYL_TRY));
            assert_int_equal((uintptr_t)data % 16, 0);
            if (length > 0)
                memcpy(data, work.data, length);
            test_ok(myl_worker_commit(w.worker[i], &work, length, 0, 0));
            test_ok(myl_worker_release(w.worker[i], &work));
            myl_fabric_event event = expect_event(w.scheduler, MYL_EVENT_REPLY, i);
            assert_int_equal(event.length, length);
            for (size_t k = 0; k < length; k++)
                assert_int_equal(((const unsigned char *)event.data)[k], length % 251);
            test_ok(myl_scheduler_release(w.scheduler, &event));
        }
    }
    void *data;
    test_ok(myl_scheduler_claim(w.scheduler, 100, &data, MYL_TRY));
    myl_scheduler_abort(w.scheduler);
    test_code(MYL_ENOTCLAIMED, myl_scheduler_commit(w.scheduler, NULL, 0, NULL));
    expect_no_work(&w, 0);
    end_world(&w);
}

static void long_messages_come_in_fragments(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "long", 1, NULL);
    size_t length = 900 * 1000;
    unsigned char *data = malloc(length);
    assert_non_null(data);
    for (size_t i = 0; i < length; i++)
        data[i] = (unsigned char)(i * 7 + i / 255);
    uint64_t request;
    test_ok(myl_scheduler_request(w.scheduler, NULL, data, length, &request, MYL_TRY));
    myl_work work = expect_work(w.worker[0], MYL_WORK_REQUEST, NULL);
    assert_int_equal(work.length, length);
    assert_memory_equal(work.data, data, length);
    size_t part = 200 * 1000; /* fits in the lane */
    test_ok(myl_worker_reply(w.worker[0], &work, data, part, 0, 0, MYL_TRY));
    test_ok(myl_worker_release(w.worker[0], &work));
    myl_fabric_event event = expect_event(w.scheduler, MYL_EVENT_REPLY, 0);
    assert_int_equal(event.length, part);
    assert_memory_equal(event.data, data, part);
    test_ok(myl_scheduler_release(w.scheduler, &event));
    free(data);
    end_world(&w);
}

/* --- collecting --------------------------------------------------------------------------------------------------- */

static void collect_takes_first_or_quorum(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "quorum", 3, NULL);
    myl_fabric_event events[4];
    uint32_t count;
    for (uint32_t need = 1; need <= 3; need++) {
        uint64_t other = send_request(w.scheduler, 1, 0, "other");
        uint64_t request = send_request(w.scheduler, 0, 0, "q");
        do_work(&w, 0, "other"); /* its reply comes within the collect, which sets it aside */
        do_work(&w, 0, "q");
        for (uint32_t i = 1; i < need; i++)
            do_work(&w, i, "q");
        test_ok(myl_scheduler_collect(w.scheduler, request, need, events, 4, &count, TEST_DEADLINE_NS));
        assert_int_equal(count, need);
        for (uint32_t i = 0; i < count; i++)
            test_ok(myl_scheduler_release(w.scheduler, &events[i]));
        test_code(MYL_ENOTFOUND, myl_scheduler_collect(w.scheduler, request, 1, events, 4, &count, MYL_TRY));
        expect_reply(w.scheduler, other, 0, "0:other");
        for (uint32_t i = need; i < 3; i++) /* too late: dropped */
            do_work(&w, i, "q");
        expect_no_event(&w);
    }
    myl_scheduler_counts counts = {.size = sizeof counts};
    test_ok(myl_scheduler_count(w.scheduler, &counts));
    assert_int_equal(counts.late, 3);
    end_world(&w);
}

static void collect_is_bounded(void **state)
{
    (void)state;
    struct test_fabric w;
    const myl_scheduler_options o = {.size = sizeof o, .deferred_max = 2};
    begin_world(&w, "bounded", 2, &o);
    myl_fabric_event events[2];
    uint32_t count;
    uint64_t request = send_request(w.scheduler, 0, 0, "r");
    do_work(&w, 0, "r");
    do_work(&w, 1, "r");
    test_code(MYL_EBUFFER, myl_scheduler_collect(w.scheduler, request, 0, events, 1, &count, TEST_DEADLINE_NS));
    assert_int_equal(count, 1);
    test_ok(myl_scheduler_release(w.scheduler, &events[0]));
    test_ok(myl_scheduler_collect(w.scheduler, request, 0, events, 1, &count, TEST_DEADLINE_NS));
    assert_int_equal(count, 1);
    test_ok(myl_scheduler_release(w.scheduler, &events[0]));
    request = send_request(w.scheduler, 0, 0, "r");
    test_code(MYL_ETIMEDOUT, myl_scheduler_collect(w.scheduler, request, 0, events, 2, &count, MYL_MSEC(1)));
    uint64_t other[3];
    for (unsigned i = 0; i < 3; i++)
        other[i] = send_request(w.scheduler, 1, 0, "o");
    myl_work work = expect_work(w.worker[0], MYL_WORK_REQUEST, "r");
    for (unsigned i = 0; i < 3; i++)
        do_work(&w, 0, "o");
    test_code(MYL_ELIMIT, myl_scheduler_collect(w.scheduler, request, 0, events, 2, &count, MYL_TRY));
    assert_int_equal(count, 0);
    for (unsigned i = 0; i < 3; i++)
        expect_reply(w.scheduler, other[i], 0, "0:o");
    answer(w.worker[0], &work, MYL_REPLY_FINAL);
    do_work(&w, 1, "r");
    test_ok(myl_scheduler_collect(w.scheduler, request, 0, events, 2, &count, TEST_DEADLINE_NS));
    for (uint32_t i = 0; i < count; i++)
        test_ok(myl_scheduler_release(w.scheduler, &events[i]));
    end_world(&w);
}

static void replies_are_held_and_released_in_any_order(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "held", 1, NULL);
    myl_fabric_event event[10];
    for (unsigned i = 0; i < 10; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "n%u", i);
        (void)send_request(w.scheduler, 0, 0, text);
        do_work(&w, 0, text);
        event[i] = expect_event(w.scheduler, MYL_EVENT_REPLY, 0);
    }
    for (unsigned i = 10; i-- > 0;) {
        char text[16];
        (void)snprintf(text, sizeof text, "0:n%u", i);
        assert_memory_equal(event[i].data, text, event[i].length);
        test_ok(myl_scheduler_release(w.scheduler, &event[i]));
    }
    end_world(&w);
}

/* --- streaming and cancelling ------------------------------------------------------------------------------------- */

static void reply_comes_in_parts(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "parts", 1, NULL);
    uint64_t request = send_request(w.scheduler, 0, 0, "s");
    myl_work work = expect_work(w.worker[0], MYL_WORK_REQUEST, "s");
    for (unsigned i = 0; i < 5; i++) {
        answer(w.worker[0], &work, MYL_REPLY_MORE);
        myl_fabric_event event = expect_event(w.scheduler, MYL_EVENT_PART, 0);
        assert_int_equal(event.request, request);
        assert_int_equal(event.outstanding, 1);
        test_ok(myl_scheduler_release(w.scheduler, &event));
    }
    answer(w.worker[0], &work, MYL_REPLY_FINAL);
    expect_reply(w.scheduler, request, 0, "0:s");
    test_code(MYL_EINVAL, myl_worker_reply(w.worker[0], &work, NULL, 0, 0, 0, MYL_TRY)); /* released */
    end_world(&w);
}

static void second_reply_is_dropped(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "twice", 2, NULL);
    uint64_t request = send_request(w.scheduler, 0, 0, "t");
    myl_work work = expect_work(w.worker[0], MYL_WORK_REQUEST, "t");
    test_ok(myl_worker_reply(w.worker[0], &work, "1", 1, 0, 0, MYL_TRY));
    test_ok(myl_worker_reply(w.worker[0], &work, "2", 1, 0, 0, MYL_TRY));
    test_ok(myl_worker_release(w.worker[0], &work));
    expect_reply(w.scheduler, request, 0, "1");
    expect_no_event(&w);
    do_work(&w, 1, "t");
    expect_reply(w.scheduler, request, 1, "1:t");
    myl_scheduler_counts counts = {.size = sizeof counts};
    test_ok(myl_scheduler_count(w.scheduler, &counts));
    assert_int_equal(counts.late, 1);
    end_world(&w);
}

static void cancel_reaches_a_worker_that_computes(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "cancel", 2, NULL);
    uint64_t request = send_request(w.scheduler, 0, 0, "c");
    uint64_t after = send_request(w.scheduler, 0, 0, "after");
    myl_work work = expect_work(w.worker[0], MYL_WORK_REQUEST, "c");
    assert_int_equal(myl_worker_cancelled(w.worker[0], &work), 0);
    test_ok(myl_scheduler_cancel(w.scheduler, request, MYL_TRY));
    assert_int_equal(myl_worker_cancelled(w.worker[0], &work), 1);
    assert_int_equal(myl_worker_cancelled(w.worker[0], &work), 1);
    answer(w.worker[0], &work, MYL_REPLY_FINAL); /* too late: dropped */
    do_work(&w, 0, "after");
    expect_reply(w.scheduler, after, 0, "0:after");
    /* Worker 1 has not begun it. It reads ahead while it holds something, and then never gets it. */
    myl_work first = expect_work(w.worker[1], MYL_WORK_REQUEST, "c");
    myl_work second = expect_work(w.worker[1], MYL_WORK_REQUEST, "after");
    myl_work cancelled = expect_work(w.worker[1], MYL_WORK_CANCELLED, NULL);
    assert_int_equal(cancelled.request, request);
    test_ok(myl_worker_release(w.worker[1], &first));
    answer(w.worker[1], &second, MYL_REPLY_FINAL);
    expect_reply(w.scheduler, after, 1, "1:after");
    expect_no_event(&w);
    test_code(MYL_EINVAL, myl_scheduler_cancel(w.scheduler, 1, MYL_TRY));
    end_world(&w);
}

static void cancelled_request_that_waits_is_never_given(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "ahead", 1, NULL);
    uint64_t first = send_request(w.scheduler, 0, 0, "1");
    uint64_t second = send_request(w.scheduler, 0, 0, "2");
    uint64_t third = send_request(w.scheduler, 0, 0, "3");
    test_ok(myl_scheduler_cancel(w.scheduler, second, MYL_TRY));
    myl_work work = expect_work(w.worker[0], MYL_WORK_REQUEST, "1");
    assert_int_equal(myl_worker_cancelled(w.worker[0], &work), 0); /* reads ahead up to the cancel */
    answer(w.worker[0], &work, MYL_REPLY_FINAL);
    do_work(&w, 0, "3");
    expect_no_work(&w, 0);
    assert_int_equal(myl_worker_skipped(w.worker[0]), 1);
    expect_reply(w.scheduler, first, 0, "0:1");
    expect_reply(w.scheduler, third, 0, "0:3");
    end_world(&w);
}

/* --- deadlines ---------------------------------------------------------------------------------------------------- */

static uint64_t send_timed(struct test_fabric *w, int64_t timeout_ns)
{
    uint64_t request = 0;
    const myl_request_options o = {.size = sizeof o, .timeout_ns = timeout_ns};
    test_ok(myl_scheduler_request(w->scheduler, &o, "d", 1, &request, MYL_TRY));
    return request;
}

static void deadline_expires_once(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "deadline", 2, NULL);
    uint64_t late = send_timed(&w, MYL_MSEC(5)), later = send_timed(&w, MYL_SEC(100000));
    do_work(&w, 0, "d");
    expect_reply(w.scheduler, late, 0, "0:d");
    myl_fabric_event event = expect_event(w.scheduler, MYL_EVENT_EXPIRED, 0);
    assert_int_equal(event.request, late);
    assert_int_equal(event.outstanding, 2);
    do_work(&w, 1, "d");
    do_work(&w, 1, "d");
    expect_reply(w.scheduler, later, 1, "1:d"); /* the late one of `late` is dropped */
    myl_fabric_event events[2];
    uint32_t count;
    uint64_t third = send_timed(&w, 1);
    test_code(MYL_ETIMEDOUT, myl_scheduler_collect(w.scheduler, third, 0, events, 2, &count, TEST_DEADLINE_NS));
    test_code(MYL_ENOTFOUND, myl_scheduler_collect(w.scheduler, third, 0, events, 2, &count, TEST_DEADLINE_NS));
    end_world(&w);
}

/* A deadline is held while a worker that it waits for says to be busy, at most busy_limit_ns. */
static void busy_notice_holds_a_deadline(void **state)
{
    (void)state;
    struct test_fabric w;
    const myl_scheduler_options o = {.size = sizeof o, .busy_limit_ns = MYL_SEC(100000)};
    begin_world(&w, "busy", 1, &o);
    myl_worker_set_activity(w.worker[0], "compiling", MYL_SEC(1000));
    uint64_t request = send_timed(&w, MYL_MSEC(1));
    myl_fabric_event event;
    test_code(MYL_ETIMEDOUT, myl_scheduler_next(w.scheduler, &event, MYL_MSEC(30)));
    myl_peer peer = {.size = sizeof peer};
    test_ok(myl_scheduler_peer(w.scheduler, 0, &peer));
    assert_int_equal(peer.state, MYL_PEER_BUSY);
    assert_string_equal(peer.activity, "compiling");
    do_work(&w, 0, "d");
    expect_reply(w.scheduler, request, 0, "0:d");
    end_world(&w);
    const myl_scheduler_options none = {.size = sizeof none, .busy_limit_ns = MYL_AT_ONCE};
    begin_world(&w, "busy0", 1, &none);
    myl_worker_set_activity(w.worker[0], "compiling", MYL_SEC(1000));
    (void)send_timed(&w, MYL_MSEC(1));
    (void)expect_event(w.scheduler, MYL_EVENT_EXPIRED, 0);
    end_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_to_all_is_answered_by_all),
        cmocka_unit_test(subset_skips_the_others),
        cmocka_unit_test(message_without_reply_is_not_in_flight),
        cmocka_unit_test(event_carries_tag_status_and_outstanding),
        cmocka_unit_test(requests_are_written_and_read_in_place),
        cmocka_unit_test(long_messages_come_in_fragments),
        cmocka_unit_test(collect_takes_first_or_quorum),
        cmocka_unit_test(collect_is_bounded),
        cmocka_unit_test(replies_are_held_and_released_in_any_order),
        cmocka_unit_test(reply_comes_in_parts),
        cmocka_unit_test(second_reply_is_dropped),
        cmocka_unit_test(cancel_reaches_a_worker_that_computes),
        cmocka_unit_test(cancelled_request_that_waits_is_never_given),
        cmocka_unit_test(deadline_expires_once),
        cmocka_unit_test(busy_notice_holds_a_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
