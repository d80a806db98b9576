/* SPDX-License-Identifier: MIT
 * Deadlines: sums that saturate, times without end, and one deadline for a call that waits several times. */
#include <myelon/fixed_frame.h>
#include <pthread.h>
#include <time.h>

#include "base/deadline.h"
#include "frame/producer.h"
#include "segment/table.h"
#include "wait/wait.h"
#include "unit/frames.h"

#define CAPACITY 4

static void sums_of_times_saturate(void **state)
{
    (void)state;
    assert_int_equal(myl_time_add(1, 2), 3);
    assert_int_equal(myl_time_add(MYL_FOREVER, 1), MYL_FOREVER);
    assert_int_equal(myl_time_add(1, MYL_FOREVER), MYL_FOREVER);
    assert_int_equal(myl_time_add(MYL_FOREVER, MYL_FOREVER), MYL_FOREVER);
    assert_int_equal(myl_time_add(-2, INT64_MIN), INT64_MIN);
    assert_int_equal(myl_time_multiply(7, 10), 70);
    assert_int_equal(myl_time_multiply(MYL_FOREVER / 2, 10), MYL_FOREVER);
    struct myl_deadline never = myl_deadline_after(5, MYL_FOREVER), far = myl_deadline_after(5, MYL_FOREVER - 1);
    assert_int_equal(never.at, MYL_FOREVER);
    assert_int_equal(far.at, MYL_FOREVER);
    assert_false(myl_deadline_has_passed(never, MYL_FOREVER));
    assert_int_equal(myl_deadline_left(never, MYL_SEC(1)), MYL_FOREVER);
    static const int64_t over[] = {0, -1, -2, INT64_MIN};
    for (size_t i = 0; i < sizeof over / sizeof over[0]; i++) {
        struct myl_deadline passed = myl_deadline_after(5, over[i]);
        assert_int_equal(passed.at, 5);
        assert_true(myl_deadline_has_passed(passed, 5));
        assert_int_equal(myl_deadline_left(passed, 5), 0);
    }
    struct myl_deadline soon = myl_deadline_after(5, 2);
    assert_false(myl_deadline_has_passed(soon, 6));
    assert_int_equal(myl_deadline_left(soon, 6), 1);
    assert_true(myl_deadline_has_passed(soon, 7));
    assert_int_equal(myl_deadline_earlier(never, soon).at, 7);
    assert_int_equal(myl_deadline_earlier(soon, never).at, 7);
}

/* --- the loop itself --------------------------------------------------------------------------------------------- */

struct counted {
    unsigned questions;
    uint64_t checks;
};

static int nothing(void *context)
{
    ((struct counted *)context)->checks++;
    return MYL_EAGAIN;
}

static int question(void *context)
{
    ((struct counted *)context)->questions++;
    return MYL_EAGAIN;
}

static int too_late(void *context, int64_t timeout_ns)
{
    (void)context;
    (void)timeout_ns;
    return MYL_ETIMEDOUT;
}

static struct myl_waiter sleeper(void)
{
    struct myl_waiter waiter = {0};
    test_ok(myl_waiter_set_up(&waiter, &(myl_wait_options){.strategy = MYL_WAIT_SLEEP}));
    return waiter;
}

static int wait_once(struct myl_waiter *waiter, struct counted *counted, int64_t first_ns, int64_t most_ns,
                     int64_t timeout_ns)
{
    struct myl_wait_site site = {.context = counted,
                                 .ready = nothing,
                                 .overdue = question,
                                 .timed_out = too_late,
                                 .liveness_ns = first_ns,
                                 .liveness_most_ns = most_ns};
    return myl_wait(waiter, &site, &(struct myl_timeout){.ns = timeout_ns});
}

/* A liveness interval beyond the range of the clock means "never": no check, not one check after another. */
static void far_liveness_checks_never_come(void **state)
{
    (void)state;
    static const int64_t far[] = {MYL_SEC(3600), INT64_MAX / 2 + 1, INT64_MAX};
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        struct myl_waiter waiter = sleeper();
        struct counted counted = {0};
        test_code(MYL_ETIMEDOUT, wait_once(&waiter, &counted, far[i], far[i], MYL_MSEC(20)));
        test_code(MYL_ETIMEDOUT, wait_once(&waiter, &counted, far[i], far[i], MYL_MSEC(20)));
        assert_int_equal(counted.questions, 0);
        /* The first check is due, and the next one is beyond the clock's range. */
        test_code(MYL_ETIMEDOUT, wait_once(&waiter, &counted, 1, far[i], MYL_MSEC(1)));
        counted.questions = 0;
        waiter = sleeper();
        waiter.due = 1;
        waiter.due_interval = far[i] / 2 + 1;
        test_code(MYL_ETIMEDOUT, wait_once(&waiter, &counted, far[i], far[i], MYL_MSEC(20)));
        assert_int_equal(counted.questions, 1);
    }
}

/* The due time that a timed-out wait leaves counts only within the intervals of the next wait. */
static void shorter_intervals_count_at_once(void **state)
{
    (void)state;
    struct myl_waiter waiter = sleeper();
    struct counted counted = {0};
    test_code(MYL_ETIMEDOUT, wait_once(&waiter, &counted, MYL_SEC(100), MYL_SEC(100), MYL_MSEC(1)));
    assert_int_equal(counted.questions, 0);
    test_code(MYL_ETIMEDOUT, wait_once(&waiter, &counted, MYL_MSEC(1), MYL_MSEC(1), MYL_MSEC(50)));
    assert_true(counted.questions >= 1);
    assert_true(waiter.due_interval <= MYL_MSEC(1));
}

/* A second wait within a call whose time-out has expired does not start again. */
static void one_timeout_starts_once(void **state)
{
    (void)state;
    struct myl_waiter waiter = sleeper();
    struct counted counted = {0};
    struct myl_wait_site site = {.context = &counted,
                                 .ready = nothing,
                                 .overdue = question,
                                 .timed_out = too_late,
                                 .liveness_ns = MYL_SEC(1),
                                 .liveness_most_ns = MYL_SEC(1)};
    struct myl_timeout timeout = {.ns = MYL_MSEC(1)};
    assert_false(myl_timeout_is_over(&timeout));
    test_code(MYL_ETIMEDOUT, myl_wait(&waiter, &site, &timeout));
    int64_t until = timeout.until.at;
    assert_true(myl_timeout_is_over(&timeout));
    counted.checks = 0;
    test_code(MYL_ETIMEDOUT, myl_wait(&waiter, &site, &timeout));
    assert_int_equal(timeout.until.at, until);
    assert_int_equal(counted.checks, 0);
}

/* --- the policy --------------------------------------------------------------------------------------------------- */

static const char *const ids[] = {"a"};

static void fill(myl_producer *producer)
{
    put_many(producer, 0, CAPACITY);
}

static void policy_holds_after_a_timed_out_call(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    void *event;
    myl_producer_options o = producer_options(CAPACITY);
    o.ring.liveness_ns = MYL_SEC(1000);
    myl_producer *producer = open_producer(test_name(name, "stale"), &o);
    myl_consumer *consumer = open_consumer(name, "a");
    fill(producer);
    test_code(MYL_ETIMEDOUT, myl_producer_claim(producer, &event, MYL_MSEC(5)));
    myl_liveness_options policy = {.size = sizeof policy,
                                   .required = ids,
                                   .required_count = 1,
                                   .progress_timeout_ns = MYL_MSEC(10),
                                   .shutdown_grace_ns = MYL_MSEC(10)};
    test_ok(myl_producer_set_liveness(producer, &policy));
    test_code(MYL_ESTALLED, myl_producer_claim(producer, &event, MYL_SEC(20)));
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

static void times_of_a_policy_may_never_end(void **state)
{
    (void)state;
    static const int64_t far[] = {MYL_SEC(3600), INT64_MAX / 2 + 1, MYL_FOREVER};
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        char name[TEST_NAME_SIZE];
        void *event;
        myl_producer_options o = producer_options(CAPACITY);
        myl_producer *producer = open_producer(test_name(name, "never"), &o);
        myl_consumer *consumer = open_consumer(name, "a");
        fill(producer);
        myl_liveness_options policy = {.size = sizeof policy,
                                       .required = ids,
                                       .required_count = 1,
                                       .startup_wait_ns = far[i],
                                       .progress_timeout_ns = MYL_MSEC(1),
                                       .check_interval_ns = MYL_USEC(100),
                                       .shutdown_grace_ns = far[i]};
        test_ok(myl_producer_set_liveness(producer, &policy));
        test_code(MYL_ETIMEDOUT, myl_producer_claim(producer, &event, MYL_MSEC(30)));
        policy.progress_timeout_ns = far[i];
        test_ok(myl_producer_set_liveness(producer, &policy));
        test_code(MYL_ETIMEDOUT, myl_producer_claim(producer, &event, MYL_MSEC(10)));
        policy.check_interval_ns = far[i]; /* ten of them exceed the range, too */
        test_ok(myl_producer_set_liveness(producer, &policy));
        test_code(MYL_ETIMEDOUT, myl_producer_claim(producer, &event, MYL_MSEC(10)));
        myl_consumer_close(consumer);
        myl_producer_close(producer);
    }
}

static void negative_times_of_a_policy_are_refused(void **state)
{
    (void)state;
    static const int64_t negative[] = {-1, -2, -MYL_SEC(1), INT64_MIN + 1};
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(CAPACITY);
    myl_producer *producer = open_producer(test_name(name, "negative"), &o);
    myl_consumer *consumer = open_consumer(name, "a");
    for (size_t i = 0; i < sizeof negative / sizeof negative[0]; i++) {
        int64_t ns = negative[i];
        myl_liveness_options policies[] = {{.startup_wait_ns = ns},
                                           {.progress_timeout_ns = ns},
                                           {.check_interval_ns = ns},
                                           {.shutdown_grace_ns = ns}};
        for (size_t k = 0; k < sizeof policies / sizeof policies[0]; k++) {
            policies[k].size = sizeof policies[k];
            test_code(MYL_EINVAL, myl_producer_set_liveness(producer, &policies[k]));
        }
        myl_role_options roles[] = {{.progress_timeout_ns = ns}, {.grace_ns = ns}};
        for (size_t k = 0; k < sizeof roles / sizeof roles[0]; k++) {
            roles[k].size = sizeof roles[k];
            test_code(MYL_EINVAL, myl_producer_set_role(producer, "a", &roles[k]));
        }
        myl_producer_options bad = {.size = sizeof bad, .ring.liveness_ns = ns};
        expect_no_producer(MYL_EINVAL, "liveness_ns", name, &bad);
        myl_consumer_options worse = consumer_options("b");
        worse.ring.liveness_ns = ns;
        expect_no_consumer(MYL_EINVAL, "liveness_ns", name, &worse);
    }
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

/* A role's times are stored in milliseconds, rounded up: the longest one, and one beyond it. */
static void times_of_a_role_keep_their_meaning(void **state)
{
    (void)state;
    const int64_t longest = MYL_MSEC(UINT32_MAX - 2);
    char name[TEST_NAME_SIZE];
    void *event;
    myl_producer_options o = producer_options(CAPACITY);
    myl_producer *producer = open_producer(test_name(name, "role"), &o);
    myl_consumer *consumer = open_consumer(name, "a");
    myl_role_options role = {.size = sizeof role, .role = MYL_ROLE_REQUIRED, .progress_timeout_ns = longest + 1};
    test_code(MYL_EINVAL, myl_producer_set_role(producer, "a", &role));
    role.progress_timeout_ns = 0;
    role.grace_ns = longest + 1;
    test_code(MYL_EINVAL, myl_producer_set_role(producer, "a", &role));
    fill(producer);
    static const int64_t fine[] = {MYL_MSEC(UINT32_MAX - 2), MYL_MSEC(UINT32_MAX - 3) + 1, MYL_FOREVER};
    myl_liveness_options policy = {.size = sizeof policy,
                                   .progress_timeout_ns = MYL_MSEC(1),
                                   .check_interval_ns = MYL_USEC(100),
                                   .shutdown_grace_ns = MYL_MSEC(1)};
    test_ok(myl_producer_set_liveness(producer, &policy));
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        role.grace_ns = fine[i];
        role.progress_timeout_ns = 0;
        test_ok(myl_producer_set_role(producer, "a", &role));
        test_code(MYL_ETIMEDOUT, myl_producer_claim(producer, &event, MYL_MSEC(30)));
        role.grace_ns = MYL_AT_ONCE;
        role.progress_timeout_ns = fine[i];
        test_ok(myl_producer_set_role(producer, "a", &role));
        test_code(MYL_ETIMEDOUT, myl_producer_claim(producer, &event, MYL_MSEC(30)));
    }
    role.progress_timeout_ns = 0;
    test_ok(myl_producer_set_role(producer, "a", &role));
    test_code(MYL_ESTALLED, myl_producer_claim(producer, &event, MYL_SEC(20)));
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

/* --- one deadline for a call that waits several times ------------------------------------------------------------- */

/* A slow transfer: each step is much shorter than the time-out, all steps together are much longer. On a loaded machine
 * the steps are longer, and the result is the same. */
#define STEP_NS MYL_MSEC(5)
#define LIMIT_NS MYL_MSEC(60)
#define LONG_BYTES ((size_t)4 << 20) /* 64 rings, 1024 fragments */
#define FRAGMENT_CELLS 65U           /* per fragment of 4096 bytes, with its header */

static unsigned char long_message[LONG_BYTES];

struct slow {
    myl_producer *events_out;
    myl_consumer *events_in;
    myl_frame_producer *frames_out;
    myl_frame_consumer *frames_in;
    myl_au32 stop;
};

static int goes_on(struct slow *slow)
{
    static const struct timespec step = {.tv_nsec = STEP_NS};
    nanosleep(&step, NULL);
    return myl_load32_acq(&slow->stop) == 0;
}

static void *read_events_slowly(void *argument)
{
    struct slow *slow = argument;
    const void *event;
    do {
        if (myl_consumer_next(slow->events_in, &event, MYL_TRY) == MYL_OK)
            test_ok(myl_consumer_release(slow->events_in));
    } while (goes_on(slow));
    return NULL;
}

/* Publishes one frame per step. The message is too long for all steps of the test. */
static void *write_events_slowly(void *argument)
{
    struct slow *slow = argument;
    myl_fixed_frame frame = {.msg_id = (uint64_t)(myl_producer_last_published(slow->events_out) + 1),
                             .total = LONG_BYTES,
                             .len = 8,
                             .flags = MYL_FRAME_FIRST};
    do {
        void *event;
        test_ok(myl_producer_claim(slow->events_out, &event, MYL_SEC(20)));
        memcpy(event, &frame, sizeof frame);
        myl_producer_publish(slow->events_out);
        frame.flags = 0;
        frame.offset += frame.len;
    } while (goes_on(slow));
    return NULL;
}

/* Acknowledges one fragment per step, by storing the cursor itself: a call of the consumer would read all available
 * fragments. */
static void *read_frames_slowly(void *argument)
{
    struct slow *slow = argument;
    const struct myl_segment *segment = &slow->frames_out->ring.handle.segment;
    struct myl_participant *reader = myl_segment_entry(segment, 0);
    do {
        uint64_t cursor = myl_load_acq(&reader->cursor), next = myl_load_acq(&segment->control->next);
        uint64_t most = cursor + FRAGMENT_CELLS;
        myl_store_rel(&reader->cursor, most < next ? most : next);
    } while (goes_on(slow));
    return NULL;
}

static void *write_long_message(void *argument)
{
    struct slow *slow = argument;
    test_code(MYL_EINTERRUPTED, myl_frame_producer_publish(slow->frames_out, long_message, LONG_BYTES, 0, MYL_FOREVER));
    return NULL;
}

static pthread_t start(void *(*run)(void *), struct slow *slow)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run, slow), 0);
    return thread;
}

static void finish(struct slow *slow, pthread_t thread)
{
    myl_store32_rel(&slow->stop, 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    myl_store32_rel(&slow->stop, 0);
}

static void fixed_frames_keep_one_deadline(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct slow slow = {0};
    myl_producer_options o = producer_options(CAPACITY);
    o.config.event_size = sizeof(myl_fixed_frame) + 8;
    slow.events_out = open_producer(test_name(name, "fixed"), &o);
    slow.events_in = open_consumer(name, "slow");
    pthread_t thread = start(read_events_slowly, &slow);
    test_code(MYL_ETIMEDOUT, myl_publish_fixed_frames(slow.events_out, long_message, LONG_BYTES, 0, LIMIT_NS));
    finish(&slow, thread);
    myl_consumer_close(slow.events_in);

    myl_reassembly parts = {.data = long_message, .room = LONG_BYTES};
    myl_message message;
    myl_consumer_options fresh = consumer_options("fresh");
    fresh.ring.start = MYL_START_NOW;
    slow.events_in = open_consumer_with(name, &fresh);
    thread = start(write_events_slowly, &slow);
    test_code(MYL_ETIMEDOUT, myl_recv_fixed_frames(slow.events_in, &parts, &message, LIMIT_NS));
    finish(&slow, thread);
    myl_consumer_close(slow.events_in);
    myl_producer_close(slow.events_out);
}

static void fragments_keep_one_deadline(void **state)
{
    (void)state;
    for (uint32_t lanes = 1; lanes <= 2; lanes++) {
        char name[TEST_NAME_SIZE];
        struct slow slow = {0};
        myl_message message;
        myl_frame_producer_options o = frame_options(65536, 4096);
        o.config.max_message = LONG_BYTES;
        o.config.lanes = lanes;
        slow.frames_out = open_frames(test_name(name, "fragments"), &o);
        slow.frames_in = open_frame_consumer(name, "slow");
        pthread_t thread = start(read_frames_slowly, &slow);
        test_code(MYL_ETIMEDOUT, myl_frame_producer_publish(slow.frames_out, long_message, LONG_BYTES, 0, LIMIT_NS));
        finish(&slow, thread);

        /* A consumer that reads at once. The message arrives no faster than the slow consumer reads. */
        myl_frame_consumer_options fresh = frame_reader("quick");
        fresh.ring.start = MYL_START_NOW;
        myl_frame_consumer *quick = NULL;
        test_ok(myl_frame_consumer_open(&quick, name, &fresh));
        thread = start(read_frames_slowly, &slow);
        pthread_t writer = start(write_long_message, &slow);
        int rc = myl_frame_consumer_next(quick, &message, LIMIT_NS);
        if (rc == MYL_EABORTED) /* the first message */
            rc = myl_frame_consumer_next(quick, &message, LIMIT_NS);
        test_code(MYL_ETIMEDOUT, rc);
        myl_frame_producer_interrupt(slow.frames_out);
        assert_int_equal(pthread_join(writer, NULL), 0);
        finish(&slow, thread);
        myl_frame_consumer_close(quick);
        myl_frame_consumer_close(slow.frames_in);
        myl_frame_producer_close(slow.frames_out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_of_times_saturate),
        cmocka_unit_test(far_liveness_checks_never_come),
        cmocka_unit_test(shorter_intervals_count_at_once),
        cmocka_unit_test(one_timeout_starts_once),
        cmocka_unit_test(policy_holds_after_a_timed_out_call),
        cmocka_unit_test(times_of_a_policy_may_never_end),
        cmocka_unit_test(negative_times_of_a_policy_are_refused),
        cmocka_unit_test(times_of_a_role_keep_their_meaning),
        cmocka_unit_test(fixed_frames_keep_one_deadline),
        cmocka_unit_test(fragments_keep_one_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
