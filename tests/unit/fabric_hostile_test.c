/* SPDX-License-Identifier: MIT
 * Messages that no worker and no scheduler sends: each is dropped and counted, and the others go on. */
#include "unit/fabric.h"

#include "fabric/message.h"

static myl_frame_producer *open_raw(const myl_fabric_config *config, int replies, const char *lane)
{
    char dispatch[MYL_FABRIC_NAME_MAX + 1], reply[MYL_FABRIC_NAME_MAX + 1], path[TEST_PATH_SIZE];
    myl_frame_producer *producer = NULL;
    test_ok(myl_fabric_names(config, dispatch, reply));
    (void)snprintf(path, sizeof path, "%s/%s", config->directory, replies ? reply : dispatch);
    const myl_frame_producer_options o = {.size = sizeof o, .lane = lane, .ring.backend = MYL_BACKEND_FILE};
    test_ok(myl_frame_producer_open(&producer, path, &o));
    return producer;
}

static void put(myl_frame_producer *producer, uint8_t kind, const void *data, size_t length)
{
    test_ok(myl_frame_producer_publish(producer, data, length, kind, MYL_SEC(10)));
}

static uint64_t next_random(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

static myl_scheduler_counts counts_of(const struct test_fabric *w)
{
    myl_scheduler_counts counts = {.size = sizeof counts};
    test_ok(myl_scheduler_count(w->scheduler, &counts));
    return counts;
}

/* Worker 1 is a program of its own. Worker 0 is served between its messages. */
static void replies_of_a_hostile_worker_are_dropped(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "hostile", 2, NULL);
    myl_worker_close(w.worker[1]);
    (void)expect_event(w.scheduler, MYL_EVENT_WORKER_LEFT, 1);
    myl_frame_producer *raw = open_raw(&w.config, 1, "worker_1");
    uint64_t request = send_request(w.scheduler, 1, 0, "r");
    const struct myl_reply_head replies[] = {{.request = request},                        /* not asked */
                                             {.request = request + 1},                    /* not sent */
                                             {.request = 0},                              /* of no scheduler */
                                             {.request = UINT64_MAX},                     /* of a later one */
                                             {.request = request, .flags = 2}};           /* unknown flags */
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++)
        put(raw, MYL_ANSWER_REPLY, &replies[i], sizeof replies[i]);
    put(raw, MYL_ANSWER_REPLY, &replies[0], 15);                                          /* too short */
    put(raw, 77, &replies[0], sizeof replies[0]);                                         /* unknown kind */
    for (uint64_t incarnation = 0; incarnation < 6; incarnation++) {                      /* only 2 is right, once */
        const struct myl_reply_head hello = {.request = incarnation};
        put(raw, MYL_ANSWER_HELLO, &hello, sizeof hello);
    }
    unsigned bad = 0, joined = 0;
    myl_fabric_event event;
    while (myl_scheduler_next(w.scheduler, &event, MYL_TRY) == MYL_OK) {
        assert_int_equal(event.worker, 1);
        bad += event.kind == MYL_EVENT_BAD;
        joined += event.kind == MYL_EVENT_WORKER_JOINED;
        assert_true(event.kind == MYL_EVENT_BAD || event.kind == MYL_EVENT_WORKER_JOINED);
    }
    assert_int_equal(joined, 1);
    assert_int_equal(bad, 3 + 4); /* flags, length, kind; incarnations 0, 3, 4, 5 */
    myl_scheduler_counts counts = counts_of(&w);
    assert_int_equal(counts.late, 2);
    assert_int_equal(counts.orphans, 2);
    do_work(&w, 0, "r");
    expect_reply(w.scheduler, request, 0, "0:r");
    myl_frame_producer_leave(raw);
    (void)expect_event(w.scheduler, MYL_EVENT_WORKER_LEFT, 1);
    w.workers = 1;
    end_world(&w);
}

/* Random messages. No event but BAD and orphans comes of them, and worker 0 is served throughout. */
static void random_replies_change_nothing(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "random", 2, NULL);
    myl_worker_close(w.worker[1]);
    (void)expect_event(w.scheduler, MYL_EVENT_WORKER_LEFT, 1);
    myl_frame_producer *raw = open_raw(&w.config, 1, "worker_1");
    uint64_t random = 88172645463325252;
    for (unsigned round = 0; round < 3000; round++) {
        unsigned char bytes[64];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (unsigned char)(next_random(&random) % 4 == 0 ? next_random(&random) : 0);
        uint8_t kind = (uint8_t)(next_random(&random) % 4);
        if (kind == MYL_ANSWER_HELLO)
            bytes[0] = (unsigned char)(bytes[0] == 2 ? 3 : bytes[0]); /* not the one that is right */
        put(raw, kind, bytes, next_random(&random) % sizeof bytes);
        myl_fabric_event event;
        while (myl_scheduler_next(w.scheduler, &event, MYL_TRY) == MYL_OK)
            assert_int_equal(event.kind, MYL_EVENT_BAD);
        if (round % 100 == 0) {
            uint64_t request = send_request(w.scheduler, 1, 0, "ok");
            do_work(&w, 0, "ok");
            expect_reply(w.scheduler, request, 0, "0:ok");
        }
    }
    assert_int_equal(counts_of(&w).in_flight, 0);
    assert_true(counts_of(&w).bad > 100);
    myl_frame_producer_leave(raw);
    w.workers = 1;
    end_world(&w);
}

/* The dispatch ring has another producer after the scheduler. */
static void worker_passes_over_what_no_scheduler_sends(void **state)
{
    (void)state;
    struct test_fabric w;
    begin_world(&w, "dispatch", 2, NULL);
    myl_scheduler_leave(w.scheduler);
    myl_frame_producer *raw = open_raw(&w.config, 0, NULL);
    const uint64_t mine = UINT64_C(7) << MYL_REQUEST_NUMBER_BITS;
    struct myl_dispatch_head head = {.request = mine + 1, .mask = 2};
    put(raw, MYL_DISPATCH_REQUEST, &head, 31);            /* too short */
    put(raw, 0, &head, sizeof head);                      /* unknown kinds */
    put(raw, 99, &head, sizeof head);
    put(raw, MYL_DISPATCH_REQUEST, &head, sizeof head);   /* for worker 1 */
    head.mask = 1;
    head.op = 12345;
    put(raw, MYL_DISPATCH_WELCOME, &head, sizeof head);   /* of another incarnation */
    put(raw, MYL_DISPATCH_CANCEL, &head, sizeof head);    /* of nothing */
    head.flags = UINT32_MAX;
    put(raw, MYL_DISPATCH_REQUEST, &head, sizeof head);   /* good, with unknown flags */
    myl_work work = expect_work(w.worker[0], MYL_WORK_REQUEST, "");
    assert_int_equal(work.request, mine + 1);
    assert_int_equal(work.generation, 7);
    test_ok(myl_worker_release(w.worker[0], &work));
    uint64_t random = 362436069;
    for (unsigned round = 0; round < 3000; round++) {
        unsigned char bytes[96];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (unsigned char)(next_random(&random) % 3 == 0 ? next_random(&random) : 0);
        put(raw, (uint8_t)(next_random(&random) % 7), bytes, next_random(&random) % sizeof bytes);
        for (uint32_t i = 0; i < 2; i++) {
            while (myl_worker_next(w.worker[i], &work, MYL_TRY) == MYL_OK) {
                assert_true(work.kind >= MYL_WORK_REQUEST && work.kind <= MYL_WORK_SCHEDULER);
                if (work.kind == MYL_WORK_REQUEST || work.kind == MYL_WORK_NO_REPLY)
                    test_ok(myl_worker_release(w.worker[i], &work));
            }
        }
    }
    myl_frame_producer_leave(raw);
    w.scheduler = open_scheduler(&w.config, NULL);
    end_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_of_a_hostile_worker_are_dropped),
        cmocka_unit_test(random_replies_change_nothing),
        cmocka_unit_test(worker_passes_over_what_no_scheduler_sends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
