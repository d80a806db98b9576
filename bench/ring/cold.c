/* SPDX-License-Identifier: MIT
 * Calls outside the hot path: join, join again after a death, takeover, and the time until a death is reported. */
#include "ring.h"

#include "clock.h"
#include "stats.h"

#include <string.h>
#include <unistd.h>

enum { ATTACHES = 100, RIG_PARTICIPANTS = 2 };

/* Stage: mark[0] = number of participants that are ready, mark[1] = time of the kill in ns. */

static void report_ready(struct bench_stage *stage)
{
    (void)__atomic_fetch_add(&stage->mark[0], 1, __ATOMIC_ACQ_REL);
}

static int wait_ready(const struct bench_stage *stage, uint64_t count)
{
    for (int i = 0; i < 20000; i++) {
        if (ring_load(&stage->mark[0]) >= count)
            return 0;
        bench_sleep_ns(500000);
    }
    bench_explain("a participant was not ready within 10 s: %s%s", stage->result[0].error, stage->result[1].error);
    return -1;
}

static _Noreturn void wait_for_kill(void)
{
    for (;;)
        pause();
}

/* A producer that publishes `capacity` / 2 events, then waits until it is killed. */
static void attached_producer(struct bench_stage *stage, int self, const void *argument)
{
    const struct ring_shape *shape = argument;
    myl_producer *producer = rig_producer(stage, self, shape, "", 0);
    for (uint64_t i = 0; i < shape->capacity / 2; i++) {
        void *event;
        rig_check(stage, self, myl_producer_claim(producer, &event, MYL_TRY), "myl_producer_claim");
        payload_write(event, i, shape->words);
        myl_producer_publish(producer);
    }
    report_ready(stage);
    wait_for_kill();
}

static void attached_consumer(struct bench_stage *stage, int self, const void *argument)
{
    (void)rig_consumer(stage, self, argument, "", "victim");
    report_ready(stage);
    wait_for_kill();
}

static double open_consumer_us(struct bench_stage *stage, int self, const char *id)
{
    myl_consumer_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.ring.id = id;
    myl_consumer *consumer = NULL;
    uint64_t start = bench_now_ns();
    int code = myl_consumer_open(&consumer, stage->name, &options);
    uint64_t end = bench_now_ns();
    rig_check(stage, self, code, "myl_consumer_open");
    myl_consumer_close(consumer);
    return (double)(end - start) / 1e3;
}

static void attacher(struct bench_stage *stage, int self, const void *argument)
{
    (void)argument;
    double sample[ATTACHES];
    for (int i = 0; i < ATTACHES; i++)
        sample[i] = open_consumer_us(stage, self, NULL);
    stage->result[self].value = bench_median(sample, ATTACHES);
}

static void rejoiner(struct bench_stage *stage, int self, const void *argument)
{
    (void)argument;
    stage->result[self].value = open_consumer_us(stage, self, "victim");
}

static void successor(struct bench_stage *stage, int self, const void *argument)
{
    const struct ring_shape *shape = argument;
    myl_producer_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.config.event_size = shape->words * 8;
    options.config.capacity = shape->capacity;
    myl_producer *producer = NULL;
    uint64_t start = bench_now_ns();
    int code = myl_producer_open(&producer, stage->name, &options);
    uint64_t end = bench_now_ns();
    rig_check(stage, self, code, "myl_producer_open");
    if (myl_producer_last_published(producer) != (myl_sequence)(shape->capacity / 2) - 1)
        bench_die(stage, self, "the takeover found %lld as last event, expected %llu - 1",
                  (long long)myl_producer_last_published(producer), (unsigned long long)(shape->capacity / 2));
    stage->result[self].value = (double)(end - start) / 1e3;
    myl_producer_close(producer);
}

/* Fills the ring, then waits for room until the consumer's death is reported. */
static void blocked_producer(struct bench_stage *stage, int self, const void *argument)
{
    const struct ring_shape *shape = argument;
    myl_producer *producer = rig_producer(stage, self, shape, "", 1);
    void *event;
    for (uint64_t i = 0; i < shape->capacity; i++) {
        rig_check(stage, self, myl_producer_claim(producer, &event, MYL_TRY), "myl_producer_claim");
        payload_write(event, i, shape->words);
        myl_producer_publish(producer);
    }
    report_ready(stage);
    int code = myl_producer_claim(producer, &event, MYL_SEC(20));
    uint64_t known = bench_now_ns(), killed = ring_load(&stage->mark[1]);
    if (code != MYL_ECONSUMERDEAD || killed == 0 || known < killed)
        bench_die(stage, self, "myl_producer_claim with a dead consumer: %s, expected MYL_ECONSUMERDEAD",
                  myl_errname(code));
    stage->result[self].value = (double)(known - killed) / 1e6;
    myl_producer_close(producer);
}

/* Starts one or two participants. When they are ready, kills number `victim` (-1: none) and starts `next`, if it is
 * set, as participant 2. The result is the value of participant `measuring`. */
struct scenario {
    struct bench_participant participant[2];
    int participants, victim;
    struct bench_participant next;
    int measuring;
};

static enum bench_outcome run_steps(struct bench_stage *stage, const struct scenario *scenario, pid_t *pid)
{
    for (int i = 0; i < scenario->participants; i++) {
        pid[i] = bench_spawn(stage, &scenario->participant[i], i);
        if (pid[i] < 0)
            return BENCH_FAILED;
    }
    if (wait_ready(stage, (uint64_t)scenario->participants) != 0)
        return BENCH_FAILED;
    if (scenario->victim >= 0) {
        /* A random delay, so that the kill is not synchronous with the intervals of the waiting producer. */
        bench_sleep_ns(7000000 + bench_now_ns() % 6000000);
        ring_store(&stage->mark[1], bench_now_ns());
        bench_kill(pid[scenario->victim]);
        pid[scenario->victim] = 0;
    }
    if (scenario->next.run == NULL) {
        int code = bench_join(stage, pid[scenario->measuring], scenario->measuring);
        pid[scenario->measuring] = 0;
        return code == 0 ? BENCH_DONE : BENCH_FAILED;
    }
    pid_t next = bench_spawn(stage, &scenario->next, scenario->measuring);
    return next > 0 && bench_join(stage, next, scenario->measuring) == 0 ? BENCH_DONE : BENCH_FAILED;
}

static enum bench_outcome run_scenario(const struct scenario *scenario, double *value)
{
    pid_t pid[RIG_PARTICIPANTS] = {0};
    struct bench_stage *stage = bench_stage_open(0);
    if (stage == NULL)
        return BENCH_FAILED;
    enum bench_outcome outcome = run_steps(stage, scenario, pid);
    for (int i = 0; i < RIG_PARTICIPANTS; i++) {
        if (pid[i] > 0)
            bench_kill(pid[i]);
    }
    *value = stage->result[scenario->measuring].value;
    rig_clean(stage, "");
    bench_stage_close(stage);
    return outcome;
}

RING_CASE(case_attach)
{
    (void)context, (void)side;
    struct scenario scenario = {{{attached_producer, self->shape, -1}}, 1, -1, {attacher, self->shape, -1}, 2};
    return run_scenario(&scenario, value);
}

RING_CASE(case_rejoin)
{
    (void)context, (void)side;
    struct scenario scenario = {{{attached_producer, self->shape, -1}, {attached_consumer, self->shape, -1}},
                                2,
                                1,
                                {rejoiner, self->shape, -1},
                                2};
    return run_scenario(&scenario, value);
}

RING_CASE(case_takeover)
{
    (void)context, (void)side;
    struct scenario scenario = {{{attached_producer, self->shape, -1}}, 1, 0, {successor, self->shape, -1}, 2};
    return run_scenario(&scenario, value);
}

RING_CASE(case_dead)
{
    (void)context, (void)side;
    struct scenario scenario = {{{blocked_producer, self->shape, -1}, {attached_consumer, self->shape, -1}},
                                2,
                                1,
                                {NULL, NULL, -1},
                                0};
    return run_scenario(&scenario, value);
}
