/* SPDX-License-Identifier: MIT
 * Fabrics for tests. The label contains the test's tag, so that the names are unique; the leak checker looks for rings
 * whose names begin with "myl-test", so a fabric's rings lie in files of the test's own directory, or in memfds. */
#ifndef MYL_TESTS_UNIT_FABRIC_H
#define MYL_TESTS_UNIT_FABRIC_H

#include <myelon/myelon.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/test.h"

#define FABRIC_UNUSED __attribute__((unused))

FABRIC_UNUSED static myl_fabric_config fabric_config(const char *what, uint32_t workers)
{
    myl_fabric_config config = {.size = sizeof config, .backend = MYL_BACKEND_FILE, .workers = workers};
    char path[TEST_PATH_SIZE];
    char *slash = strrchr(test_path(path, what), '/');
    assert_non_null(slash);
    *slash = '\0';
    if (snprintf(config.directory, sizeof config.directory, "%s", path) >= (int)sizeof config.directory)
        test_fail("the test's directory is too long: %s", path);
    (void)snprintf(config.label, sizeof config.label, "%.31s", what);
    return config;
}

FABRIC_UNUSED static myl_scheduler *open_scheduler(const myl_fabric_config *config,
                                                   const myl_scheduler_options *options)
{
    myl_scheduler *scheduler = NULL;
    test_ok(myl_scheduler_open(&scheduler, config, options));
    assert_non_null(scheduler);
    return scheduler;
}

FABRIC_UNUSED static myl_worker *open_worker(const myl_fabric_config *config, uint32_t rank)
{
    myl_fabric_config own = *config;
    myl_worker *worker = NULL;
    own.rank = rank;
    test_ok(myl_worker_open(&worker, &own, NULL));
    assert_non_null(worker);
    return worker;
}

FABRIC_UNUSED static myl_fabric_event expect_event(myl_scheduler *scheduler, enum myl_fabric_event_kind kind,
                                                   uint32_t worker)
{
    myl_fabric_event event = {.kind = 0};
    test_ok(myl_scheduler_next(scheduler, &event, TEST_DEADLINE_NS));
    if (event.kind != kind || event.worker != worker)
        test_fail("event %d of worker %u (request %llx, status %d), expected %d of %u", (int)event.kind, event.worker,
                  (unsigned long long)event.request, (int)event.status, (int)kind, worker);
    return event;
}

FABRIC_UNUSED static myl_work expect_work(myl_worker *worker, enum myl_work_kind kind, const char *text)
{
    myl_work work = {.kind = 0};
    test_ok(myl_worker_next(worker, &work, TEST_DEADLINE_NS));
    assert_int_equal(work.kind, kind);
    if (text != NULL) {
        assert_int_equal(work.length, strlen(text));
        assert_memory_equal(work.data, text, work.length);
    }
    return work;
}

FABRIC_UNUSED static uint64_t send_request(myl_scheduler *scheduler, uint64_t mask, uint32_t flags, const char *text)
{
    uint64_t request = 0;
    const myl_request_options options = {.size = sizeof options, .mask = mask, .flags = flags};
    test_ok(myl_scheduler_request(scheduler, &options, text, strlen(text), &request, TEST_DEADLINE_NS));
    return request;
}

/* Answers with the worker's rank and the text, and releases. */
FABRIC_UNUSED static void answer(myl_worker *worker, myl_work *work, uint32_t flags)
{
    char text[256];
    int length = snprintf(text, sizeof text, "%u:%.*s", (unsigned)myl_worker_rank(worker), (int)work->length,
                          (const char *)work->data);
    test_ok(myl_worker_reply(worker, work, text, (size_t)length, (int32_t)work->op, flags, TEST_DEADLINE_NS));
    if (flags == MYL_REPLY_FINAL)
        test_ok(myl_worker_release(worker, work));
}

FABRIC_UNUSED static void expect_reply(myl_scheduler *scheduler, uint64_t request, uint32_t worker, const char *text)
{
    myl_fabric_event event = expect_event(scheduler, MYL_EVENT_REPLY, worker);
    assert_int_equal(event.request, request);
    assert_int_equal(event.length, strlen(text));
    assert_memory_equal(event.data, text, event.length);
    test_ok(myl_scheduler_release(scheduler, &event));
}

/* A fabric whose workers are in this process. */
struct test_fabric {
    myl_fabric_config config;
    myl_scheduler *scheduler;
    myl_worker *worker[4];
    uint32_t workers;
};

FABRIC_UNUSED static void begin_world(struct test_fabric *w, const char *what, uint32_t workers,
                                      const myl_scheduler_options *options)
{
    *w = (struct test_fabric){.config = fabric_config(what, workers), .workers = workers};
    w->scheduler = open_scheduler(&w->config, options);
    for (uint32_t i = 0; i < workers; i++)
        w->worker[i] = open_worker(&w->config, i);
    for (uint32_t i = 0; i < workers; i++)
        (void)expect_event(w->scheduler, MYL_EVENT_WORKER_JOINED, i);
}

FABRIC_UNUSED static void end_world(struct test_fabric *w)
{
    myl_scheduler_close(w->scheduler);
    for (uint32_t i = 0; i < w->workers; i++)
        myl_worker_close(w->worker[i]);
}

FABRIC_UNUSED static void expect_no_event(struct test_fabric *w)
{
    myl_fabric_event event;
    test_code(MYL_EAGAIN, myl_scheduler_next(w->scheduler, &event, MYL_TRY));
}

FABRIC_UNUSED static void expect_no_work(struct test_fabric *w, uint32_t rank)
{
    myl_work work;
    test_code(MYL_EAGAIN, myl_worker_next(w->worker[rank], &work, MYL_TRY));
}

FABRIC_UNUSED static void do_work(struct test_fabric *w, uint32_t rank, const char *text)
{
    myl_work work = expect_work(w->worker[rank], MYL_WORK_REQUEST, text);
    answer(w->worker[rank], &work, MYL_REPLY_FINAL);
}

#endif
