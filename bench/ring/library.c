/* SPDX-License-Identifier: MIT
 * The library's side: the same streams, as a user would write them. */
#include "ring.h"

RING_INLINE void produce_single(myl_producer *producer, const struct ring_job *job, struct bench_stage *stage, int self,
                                unsigned words, uint64_t batch)
{
    uint64_t total = job->total;
    for (uint64_t next = 0; next < total;) {
        uint64_t end = total - next < batch ? total : next + batch;
        for (; next < end; next++) {
            void *event;
            int code = myl_producer_claim(producer, &event, MYL_FOREVER);
            if (__builtin_expect(code != MYL_OK, 0))
                rig_check(stage, self, code, "myl_producer_claim");
            payload_write(event, next, words);
        }
        myl_producer_publish(producer);
    }
}

RING_INLINE void produce_spans(myl_producer *producer, const struct ring_job *job, struct bench_stage *stage, int self,
                               unsigned words, uint64_t batch)
{
    uint64_t total = job->total;
    for (uint64_t next = 0; next < total;) {
        uint64_t end = total - next < batch ? total : next + batch;
        while (next < end) {
            myl_span run;
            int code = myl_producer_claim_span(producer, end - next, &run, MYL_FOREVER);
            if (__builtin_expect(code != MYL_OK, 0))
                rig_check(stage, self, code, "myl_producer_claim_span");
            unsigned char *event = run.event;
            for (uint64_t i = 0; i < run.count; i++, next++, event += run.stride)
                payload_write(event, next, words);
        }
        myl_producer_publish(producer);
    }
}

RING_INLINE uint64_t drain_single(myl_consumer *consumer, struct bench_stage *stage, int self, unsigned words,
                                  uint64_t most, uint64_t *sum)
{
    const void *event;
    int code = myl_consumer_next(consumer, &event, MYL_FOREVER);
    if (__builtin_expect(code != MYL_OK, 0))
        rig_check(stage, self, code, "myl_consumer_next");
    uint64_t count = 0;
    do {
        *sum += payload_sum(event, words);
    } while (++count < most && myl_consumer_next(consumer, &event, MYL_TRY) == MYL_OK);
    return count;
}

RING_INLINE uint64_t drain_spans(myl_consumer *consumer, struct bench_stage *stage, int self, unsigned words,
                                 uint64_t most, uint64_t *sum)
{
    myl_span run;
    int code = myl_consumer_next_span(consumer, most, &run, MYL_FOREVER);
    if (__builtin_expect(code != MYL_OK, 0))
        rig_check(stage, self, code, "myl_consumer_next_span");
    uint64_t count = 0;
    do {
        const unsigned char *event = run.event;
        for (uint64_t i = 0; i < run.count; i++, event += run.stride)
            *sum += payload_sum(event, words);
        count += run.count;
    } while (count < most && myl_consumer_next_span(consumer, most - count, &run, MYL_TRY) == MYL_OK);
    return count;
}

RING_INLINE void consume(myl_consumer *consumer, const struct ring_job *job, struct ring_meter *meter,
                         struct bench_stage *stage, int self, unsigned words, int runs)
{
    uint64_t most = ring_drain(job->shape), total = job->total, sum = 0;
    while (meter->seen < total) {
        uint64_t count = runs ? drain_spans(consumer, stage, self, words, most, &sum)
                              : drain_single(consumer, stage, self, words, most, &sum);
        rig_check(stage, self, myl_consumer_release(consumer), "myl_consumer_release");
        ring_meter_note(meter, count);
    }
    meter->sum = sum;
}

void library_produce(struct bench_stage *stage, int self, const void *argument)
{
    const struct ring_job *job = argument;
    const struct ring_shape *shape = job->shape;
    myl_producer *producer = rig_producer(stage, self, shape, "", shape->consumers);
    if (shape->managed)
        rig_set_liveness(stage, self, producer, shape->consumers);
    int runs = shape->with == RING_RUNS;
    if (shape->words == 2 && runs)
        produce_spans(producer, job, stage, self, 2, shape->batch);
    else if (shape->words == 2 && shape->batch == 1)
        produce_single(producer, job, stage, self, 2, 1);
    else if (shape->words == 2)
        produce_single(producer, job, stage, self, 2, shape->batch);
    else if (shape->words == 7 && runs)
        produce_spans(producer, job, stage, self, 7, shape->batch);
    else if (shape->words == 7 && shape->batch == 1)
        produce_single(producer, job, stage, self, 7, 1);
    else if (shape->words == 7)
        produce_single(producer, job, stage, self, 7, shape->batch);
    else
        produce_single(producer, job, stage, self, 127, shape->batch);
    /* Close only after everything was consumed: otherwise a consumer that ended with a wrong sum would not be noticed.
     */
    rig_check(stage, self, myl_producer_wait_consumed(producer, myl_producer_last_published(producer), MYL_SEC(20)),
              "myl_producer_wait_consumed");
    myl_producer_close(producer);
}

void library_consume(struct bench_stage *stage, int self, const void *argument)
{
    const struct ring_job *job = argument;
    struct ring_meter meter = {.warm = job->warm};
    myl_consumer *consumer = rig_consumer(stage, self, job->shape, "", NULL);
    int runs = job->shape->with == RING_RUNS;
    if (job->shape->words == 2)
        runs ? consume(consumer, job, &meter, stage, self, 2, 1) : consume(consumer, job, &meter, stage, self, 2, 0);
    else if (job->shape->words == 7)
        runs ? consume(consumer, job, &meter, stage, self, 7, 1) : consume(consumer, job, &meter, stage, self, 7, 0);
    else
        consume(consumer, job, &meter, stage, self, 127, 0);
    ring_meter_finish(&meter, job, stage, self);
    /* Stay registered until the end of the stream: the producer waits until the last events are consumed. */
    const void *event;
    int code = myl_consumer_next(consumer, &event, MYL_SEC(20));
    if (code != MYL_ECLOSED)
        bench_die(stage, self, "myl_consumer_next after the last event: %s, expected MYL_ECLOSED", myl_errname(code));
    myl_consumer_close(consumer);
}
