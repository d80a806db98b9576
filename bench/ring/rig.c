/* SPDX-License-Identifier: MIT
 * Opens the library's handles with the options of a case. */
#include "ring.h"

#include "clock.h"

#include <stdio.h>
#include <string.h>

void rig_check(struct bench_stage *stage, int self, int code, const char *call)
{
    if (code < 0)
        bench_die(stage, self, "%s: %s: %s", call, myl_errname(code), myl_error_detail());
}

void rig_name(char *name, const struct bench_stage *stage, const char *suffix)
{
    snprintf(name, RIG_NAME, "%s%s", stage->name, suffix);
}

static myl_wait_options waiting(const struct ring_shape *shape)
{
    myl_wait_options wait;
    memset(&wait, 0, sizeof wait);
    wait.strategy = shape->wait;
    wait.spin_ns = shape->spin_ns;
    return wait;
}

myl_producer *rig_producer(struct bench_stage *stage, int self, const struct ring_shape *shape, const char *suffix,
                           int consumers)
{
    char name[RIG_NAME];
    rig_name(name, stage, suffix);
    myl_producer_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.config.event_size = shape->words * 8;
    options.config.capacity = shape->capacity;
    options.config.packed_cell = shape->packed_cell;
    options.config.spin_only = shape->parkable ? MYL_SPIN_ONLY_OFF : MYL_SPIN_ONLY_ON;
    options.ring.memory.prefault = MYL_REQUEST_PREFER;
    options.ring.wait_consumers = (uint32_t)consumers;
    options.ring.wait_timeout_ns = MYL_SEC(20);
    options.ring.wait = waiting(shape);
    myl_producer *producer = NULL;
    rig_check(stage, self, myl_producer_open(&producer, name, &options), "myl_producer_open");
    return producer;
}

myl_consumer *rig_consumer(struct bench_stage *stage, int self, const struct ring_shape *shape, const char *suffix,
                           const char *id)
{
    char name[RIG_NAME];
    rig_name(name, stage, suffix);
    myl_consumer_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.ring.id = id;
    options.ring.prefix = id == NULL && shape->managed ? "required" : NULL;
    options.ring.attach_timeout_ns = MYL_SEC(20);
    options.ring.memory.prefault = MYL_REQUEST_PREFER;
    options.ring.wait = waiting(shape);
    myl_consumer *consumer = NULL;
    rig_check(stage, self, myl_consumer_open(&consumer, name, &options), "myl_consumer_open");
    return consumer;
}

void rig_set_liveness(struct bench_stage *stage, int self, myl_producer *producer, int consumers)
{
    char ids[BENCH_PARTICIPANTS][MYL_ID_MAX + 1];
    const char *required[BENCH_PARTICIPANTS];
    for (int i = 0; i < consumers; i++) {
        snprintf(ids[i], sizeof ids[i], "required_%d", i);
        required[i] = ids[i];
    }
    myl_liveness_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.required = required;
    options.required_count = (uint32_t)consumers;
    rig_check(stage, self, myl_producer_set_liveness(producer, &options), "myl_producer_set_liveness");
}

void rig_clean(const struct bench_stage *stage, const char *suffix)
{
    char name[RIG_NAME];
    rig_name(name, stage, suffix);
    (void)!myl_remove(name, MYL_BACKEND_SHM, 1);
}

void ring_meter_start(struct ring_meter *meter)
{
    meter->start_seen = meter->seen;
    meter->start_ns = bench_now_ns();
}

void ring_meter_finish(const struct ring_meter *meter, const struct ring_job *job, struct bench_stage *stage, int self)
{
    struct bench_result *result = &stage->result[self];
    result->end_ns = bench_now_ns();
    result->start_ns = meter->start_ns;
    result->events = meter->seen - meter->start_seen;
    if (meter->seen != job->total || meter->sum != payload_expected(job->total, job->shape->words))
        bench_die(stage, self, "wrong count or sum after %llu of %llu events: events were lost, repeated or torn",
                  (unsigned long long)meter->seen, (unsigned long long)job->total);
}
