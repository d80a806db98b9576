/* SPDX-License-Identifier: MIT
 * Small events in batches: 15 events of 16 bytes share a cell of 256 bytes. They are claimed, published, leased and
 * released in batches. Usage: packed produce|consume RING */
#include <myelon/myelon.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BATCH   256U
#define BATCHES 10000U

struct sample {
    uint64_t number;
    uint64_t value;
};

/* A batch may consist of several spans, at the end of a cell and of the ring. The publish makes it visible as a
 * whole. */
static int put_batch(myl_producer *producer, uint64_t first)
{
    for (uint64_t done = 0; done < BATCH;) {
        myl_span run;
        int rc = myl_producer_claim_span(producer, BATCH - done, &run, MYL_SEC(20));
        if (rc != MYL_OK)
            return rc;
        for (uint64_t i = 0; i < run.count; i++, done++) {
            struct sample *sample = (void *)((char *)run.event + i * run.stride);
            *sample = (struct sample){.number = first + done, .value = 3 * (first + done)};
        }
    }
    myl_producer_publish(producer);
    return MYL_OK;
}

static int produce(const char *ring)
{
    myl_producer *producer;
    myl_producer_options options = {.size = sizeof options,
                                    .config = {.event_size = sizeof(struct sample), .packed_cell = 256},
                                    .ring.wait_consumers = 1};
    int rc = myl_producer_open(&producer, ring, &options);
    for (uint64_t i = 0; rc == MYL_OK && i < BATCHES; i++)
        rc = put_batch(producer, i * BATCH);
    if (rc != MYL_OK)
        fprintf(stderr, "%s\n", myl_error_detail());
    myl_producer_close(producer);
    return rc != MYL_OK;
}

static int consume(const char *ring)
{
    myl_consumer *consumer;
    myl_consumer_options options = {.size = sizeof options,
                                    .event_size = sizeof(struct sample),
                                    .ring.attach_timeout_ns = MYL_SEC(10)};
    uint64_t count = 0, runs = 0, wrong = 0;
    myl_span run;
    int rc = myl_consumer_open(&consumer, ring, &options);
    while (rc == MYL_OK && (rc = myl_consumer_next_span(consumer, BATCH, &run, MYL_SEC(20))) == MYL_OK) {
        for (uint64_t i = 0; i < run.count; i++, count++) {
            const struct sample *sample = (const void *)((const char *)run.event + i * run.stride);
            wrong += sample->number != count || sample->value != 3 * count;
        }
        runs++;
        if (myl_consumer_end_of_batch(consumer) || runs % 64 == 0)
            rc = myl_consumer_release(consumer); /* one release for all leases */
    }
    printf("%" PRIu64 " samples in %" PRIu64 " runs, %" PRIu64 " wrong; %s\n", count, runs, wrong, myl_error_detail());
    myl_consumer_close(consumer);
    return rc != MYL_ECLOSED || wrong != 0 || count != (uint64_t)BATCH * BATCHES;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "produce") == 0)
        return produce(argv[2]);
    if (argc == 3 && strcmp(argv[1], "consume") == 0)
        return consume(argv[2]);
    fprintf(stderr, "Usage: packed produce|consume RING\n");
    return 2;
}
