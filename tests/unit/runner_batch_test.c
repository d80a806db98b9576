/* SPDX-License-Identifier: MIT
 * The batches of a runner: how many events it releases together, as seen by its handler. */
#include "unit/rings.h"

struct batches {
    myl_consumer *consumer;
    uint64_t batch;
    unsigned wrong;
};

/* All batches before this event's batch are acknowledged, and its own is not. */
static int check_batch(const void *event, myl_sequence sequence, int end_of_batch, void *user)
{
    struct batches *batches = user;
    (void)event;
    (void)end_of_batch;
    myl_sequence begin = (myl_sequence)((uint64_t)sequence / batches->batch * batches->batch);
    batches->wrong += myl_consumer_last_acknowledged(batches->consumer) != begin - 1;
    return 0;
}

static void runner_releases_batches_of_at_most_a_quarter_of_the_ring(void **state)
{
    (void)state;
    static const struct {
        uint64_t capacity, wanted, batch;
    } cases[] = {{2, 0, 1}, {4, 0, 1}, {8, 0, 2}, {64, 0, 16}, {64, 5, 5}, {64, 16, 16}, {64, 17, 16}, {4096, 0, 256}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[TEST_NAME_SIZE];
        myl_producer_options o = producer_options(cases[i].capacity);
        myl_producer *producer = open_producer(test_name(name, "batches"), &o);
        myl_consumer *consumer = open_consumer(name, "c");
        struct batches batches = {.consumer = consumer, .batch = cases[i].batch};
        myl_runner_options options = {.size = sizeof options, .batch = cases[i].wanted};
        myl_runner_result result = {.size = sizeof result};
        myl_runner *runner;
        put_many(producer, 0, cases[i].capacity);
        myl_producer_close(producer);
        test_ok(myl_runner_start(&runner, consumer, check_batch, &batches, &options));
        test_ok(myl_runner_join(runner, &result, MYL_SEC(20)));
        assert_int_equal(result.code, MYL_ECLOSED);
        assert_int_equal(result.handled, cases[i].capacity);
        assert_int_equal(batches.wrong, 0);
        myl_consumer_close(consumer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runner_releases_batches_of_at_most_a_quarter_of_the_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
