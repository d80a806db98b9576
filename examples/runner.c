/* SPDX-License-Identifier: MIT
 * Consumes in a background thread: a callback for every tick, with one release per batch. Usage: runner [RING [ID]] */
#include <myelon/myelon.h>
#include <inttypes.h>
#include <stdio.h>

struct tick {
    uint64_t number;
    double price;
};

struct totals {
    double sum;
    uint64_t batches;
};

static int add(const void *event, myl_sequence sequence, int end_of_batch, void *user)
{
    const struct tick *tick = event;
    struct totals *totals = user;
    if (tick->number != (uint64_t)sequence)
        return 1; /* ends the runner with MYL_EHANDLER; this tick is not acknowledged */
    totals->sum += tick->price;
    totals->batches += end_of_batch != 0;
    return 0;
}

int main(int argc, char **argv)
{
    myl_consumer *consumer;
    myl_consumer_options options = {.size = sizeof options,
                                    .event_size = sizeof(struct tick),
                                    .ring = {.id = argc > 2 ? argv[2] : "runner", .attach_timeout_ns = MYL_SEC(10)}};
    myl_runner *runner = NULL;
    struct totals totals = {0};
    int rc = myl_consumer_open(&consumer, argc > 1 ? argv[1] : "ticks", &options);
    if (rc == MYL_OK)
        rc = myl_runner_start(&runner, consumer, add, &totals, NULL);
    if (rc != MYL_OK) {
        fprintf(stderr, "%s\n", myl_error_detail());
        myl_consumer_close(consumer);
        return 1;
    }

    /* The runner's thread works; this thread is free. Here it waits at most 30 seconds for the end. */
    myl_runner_result result = {.size = sizeof result};
    if (myl_runner_join(runner, &result, MYL_SEC(30)) == MYL_ETIMEDOUT) {
        myl_runner_stop(runner);
        rc = myl_runner_join(runner, &result, MYL_FOREVER);
    }
    printf("%" PRIu64 " ticks, sum %.0f, caught up %" PRIu64 " times; %s\n", result.handled, totals.sum, totals.batches,
           result.detail);
    myl_consumer_close(consumer);
    return rc != MYL_OK || result.code != MYL_ECLOSED;
}
