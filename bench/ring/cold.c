/* SPDX-License-Identifier: MIT
 * The calls beside the stream: joining, joining again after a death, taking over, and how soon a death is known. */
#include "ring.h"

#include "clock.h"
#include "stats.h"

#include <string.h>
#include <unistd.h>

enum { ATTACHES = 100, RIG_PARTIES = 2 };

/* Stage: mark[0] = a party is ready (count), mark[1] = when somebody was killed. */

static void say_ready(struct bench_stage *stage)
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
    bench_explain("a party did not get ready: %s%s", stage->result[0].error, stage->result[1].error);
    return -1;
}

static void sit(void)
{
    for (;;)
        pause();
}

/* A producer that has published `capacity` / 2 events and stays. */
static void seated_producer(struct bench_stage *stage, int self, const void *argument)
{
    const struct ring_shape *shape = argument;
    myl_producer *producer = rig_producer(stage, self, shape, "", 0);
    for (uint64_t i = 0; i < shape->capacity / 2; i++) {
        void *event;
        rig_check(stage, self, myl_producer_claim(producer, &event, MYL_TRY), "myl_producer_claim");
        payload_write(event, i, shape->words);
        myl_producer_publish(producer);
    }
    say_ready(stage);
    sit();
}

static void seated_consumer(struct bench_stage *stage, int self, const void *argument)
{
    (void)rig_consumer(stage, self, argument, "", "victim");
    say_ready(stage);
    sit();
}

static double open_consumer_us(struct bench_stage *stage, int self, const char *id)
{
    myl_consumer_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.id = id;
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
    options.event_size = shape->words * 8;
    options.capacity = shape->capacity;
    myl_producer *producer = NULL;
    uint64_t start = bench_now_ns();
    int code = myl_producer_open(&producer, stage->name, &options);
    uint64_t end = bench_now_ns();
    rig_check(stage, self, code, "myl_producer_open");
    if (myl_producer_last(producer) != (myl_sequence)(shape->capacity / 2) - 1)
        bench_die(stage, self, "took over at %lld of %llu events", (long long)myl_producer_last(producer),
                  (unsigned long long)(shape->capacity / 2));
    stage->result[self].value = (double)(end - start) / 1e3;
    myl_producer_close(producer);
}

/* Fills the ring, then waits for room until it hears of a death. */
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
    say_ready(stage);
    int code = myl_producer_claim(producer, &event, MYL_SEC(20));
    uint64_t known = bench_now_ns(), killed = ring_load(&stage->mark[1]);
    if (code != MYL_ECONSUMERDEAD || killed == 0 || known < killed)
        bench_die(stage, self, "blocked beside a dead consumer: %s", myl_errname(code));
    stage->result[self].value = (double)(known - killed) / 1e6;
    myl_producer_close(producer);
}

/* Parties 0 and 1 get ready; then `victim` of them is killed and `next`, if any, is run in its place. *value = what
 * party `speaker` measured; `next` speaks as party 2. */
struct story {
    struct bench_party party[2];
    int parties, victim;
    struct bench_party next;
    int speaker;
};

static enum bench_outcome tell(struct bench_stage *stage, const struct story *story, pid_t *pid)
{
    for (int i = 0; i < story->parties; i++) {
        pid[i] = bench_spawn(stage, &story->party[i], i);
        if (pid[i] < 0)
            return BENCH_FAILED;
    }
    if (wait_ready(stage, (uint64_t)story->parties) != 0)
        return BENCH_FAILED;
    if (story->victim >= 0) {
        /* Not in step with any interval of the blocked one. */
        bench_sleep_ns(7000000 + bench_now_ns() % 6000000);
        ring_store(&stage->mark[1], bench_now_ns());
        bench_kill(pid[story->victim]);
        pid[story->victim] = 0;
    }
    if (story->next.run == NULL) {
        int code = bench_join(stage, pid[story->speaker], story->speaker);
        pid[story->speaker] = 0;
        return code == 0 ? BENCH_DONE : BENCH_FAILED;
    }
    pid_t next = bench_spawn(stage, &story->next, story->speaker);
    return next > 0 && bench_join(stage, next, story->speaker) == 0 ? BENCH_DONE : BENCH_FAILED;
}

static enum bench_outcome play(const struct story *story, double *value)
{
    pid_t pid[RIG_PARTIES] = {0};
    struct bench_stage *stage = bench_stage_open(0);
    if (stage == NULL)
        return BENCH_FAILED;
    enum bench_outcome outcome = tell(stage, story, pid);
    for (int i = 0; i < RIG_PARTIES; i++) {
        if (pid[i] > 0)
            bench_kill(pid[i]);
    }
    *value = stage->result[story->speaker].value;
    rig_clean(stage, "");
    bench_stage_close(stage);
    return outcome;
}

RING_CASE(case_attach)
{
    (void)context, (void)side;
    struct story story = {{{seated_producer, self->shape, -1}}, 1, -1, {attacher, self->shape, -1}, 2};
    return play(&story, value);
}

RING_CASE(case_rejoin)
{
    (void)context, (void)side;
    struct story story = {{{seated_producer, self->shape, -1}, {seated_consumer, self->shape, -1}},
                          2,
                          1,
                          {rejoiner, self->shape, -1},
                          2};
    return play(&story, value);
}

RING_CASE(case_takeover)
{
    (void)context, (void)side;
    struct story story = {{{seated_producer, self->shape, -1}}, 1, 0, {successor, self->shape, -1}, 2};
    return play(&story, value);
}

RING_CASE(case_dead)
{
    (void)context, (void)side;
    struct story story = {{{blocked_producer, self->shape, -1}, {seated_consumer, self->shape, -1}},
                          2,
                          1,
                          {NULL, NULL, -1},
                          0};
    return play(&story, value);
}
