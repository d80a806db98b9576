/* SPDX-License-Identifier: MIT
 * The size of a segment that holds 4096 unread messages of 64 bytes. The case publishes and reads them. */
#include "frame.h"

#include <stdio.h>
#include <string.h>

enum { PENDING = 4096 };

static void check(struct bench_stage *stage, int self, int code, const char *call)
{
    if (code < 0)
        bench_die(stage, self, "%s: %s: %s", call, myl_errname(code), myl_error_detail());
}

static void fill(struct bench_stage *stage, int self, const void *argument)
{
    const struct frame_shape *shape = argument;
    myl_frame_producer_options made;
    memset(&made, 0, sizeof made);
    made.size = sizeof made;
    made.config.ring_bytes = shape->ring_bytes;
    myl_frame_consumer_options joins;
    memset(&joins, 0, sizeof joins);
    joins.size = sizeof joins;
    myl_frame_producer *producer;
    myl_frame_consumer *consumer;
    check(stage, self, myl_frame_producer_open(&producer, stage->name, &made), "myl_frame_producer_open");
    check(stage, self, myl_frame_consumer_open(&consumer, stage->name, &joins), "myl_frame_consumer_open");
    unsigned char message[64];
    for (uint64_t i = 0; i < PENDING; i++) {
        frame_write(message, i, sizeof message);
        check(stage, self, myl_frame_producer_publish(producer, message, sizeof message, 0, MYL_TRY), "publish");
    }
    myl_info info;
    memset(&info, 0, sizeof info);
    info.size = sizeof info;
    check(stage, self, myl_consumer_info(myl_frame_consumer_ring(consumer), &info), "myl_consumer_info");
    uint64_t sum = 0, seen = 0;
    for (myl_message got; seen < PENDING; seen++) {
        check(stage, self, myl_frame_consumer_next(consumer, &got, MYL_TRY), "myl_frame_consumer_next");
        sum += frame_sum(got.data, (size_t)got.length);
    }
    if (sum != frame_expected(PENDING, sizeof message))
        bench_die(stage, self, "wrong sum over %d messages: messages were lost, repeated or torn", (int)PENDING);
    stage->result[self].value = (double)info.segment_bytes;
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

FRAME_CASE(case_memory)
{
    (void)context, (void)side;
    struct bench_stage *stage = bench_stage_open(0);
    if (stage == NULL)
        return BENCH_FAILED;
    struct bench_participant participant = {fill, self->shape, -1};
    int rc = bench_run(stage, &participant, 1);
    *value = stage->result[0].value;
    (void)!myl_remove(stage->name, MYL_BACKEND_SHM, 1);
    bench_stage_close(stage);
    return rc == 0 ? BENCH_DONE : BENCH_FAILED;
}
