/* SPDX-License-Identifier: MIT
 * Wake-up: the time from publish to the first instruction of a consumer that was parked. Baseline bare_futex: a store
 * and FUTEX_WAKE, until the sleeper's first load. Also measures the CPU time of an idle consumer. */
#include "ring.h"

#include "clock.h"
#include "stats.h"

#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* GAP_NS: pause of the publisher before each event, much longer than a consumer spins before it parks. */
enum { WARM = 20, WAKES = 1000, WAKES_QUICK = 300, GAP_NS = 200000 };

struct waking {
    const struct ring_shape *shape;
    uint64_t wakes; /* including the warm-up */
};

static void note(struct bench_stage *stage, uint64_t i, uint64_t sent_ns)
{
    stage->samples[i] = bench_now_ns() - sent_ns;
}

/* mark[0] is the time of sending. The futex word is in another cache line. */
static uint32_t *futex_word(struct bench_stage *stage)
{
    return (uint32_t *)(void *)&stage->mark[8];
}

static void futex_sender(struct bench_stage *stage, int self, const void *argument)
{
    (void)self;
    const struct waking *waking = argument;
    uint32_t *word = futex_word(stage);
    bench_meet(stage, 2);
    for (uint64_t i = 0; i < waking->wakes; i++) {
        bench_spin_until(bench_now_ns() + GAP_NS);
        __atomic_store_n(&stage->mark[0], bench_now_ns(), __ATOMIC_RELAXED);
        __atomic_store_n(word, (uint32_t)i + 1, __ATOMIC_RELEASE);
        (void)syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    }
}

static void futex_sleeper(struct bench_stage *stage, int self, const void *argument)
{
    const struct waking *waking = argument;
    uint32_t *word = futex_word(stage);
    uint64_t slept = 0;
    bench_meet(stage, 2);
    for (uint64_t i = 0; i < waking->wakes; i++) {
        while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == (uint32_t)i) {
            if (syscall(SYS_futex, word, FUTEX_WAIT, (uint32_t)i, NULL, NULL, 0) == 0)
                slept++;
        }
        note(stage, i, __atomic_load_n(&stage->mark[0], __ATOMIC_RELAXED));
    }
    stage->result[self].value = (double)slept;
}

static void ring_sender(struct bench_stage *stage, int self, const void *argument)
{
    const struct waking *waking = argument;
    myl_producer *producer = rig_producer(stage, self, waking->shape, "", 1);
    bench_meet(stage, 2);
    for (uint64_t i = 0; i < waking->wakes; i++) {
        void *event;
        bench_spin_until(bench_now_ns() + GAP_NS);
        rig_check(stage, self, myl_producer_claim(producer, &event, MYL_FOREVER), "myl_producer_claim");
        *(uint64_t *)event = bench_now_ns();
        myl_producer_publish(producer);
    }
    bench_meet(stage, 4);
    myl_producer_close(producer);
}

static void ring_sleeper(struct bench_stage *stage, int self, const void *argument)
{
    const struct waking *waking = argument;
    myl_consumer *consumer = rig_consumer(stage, self, waking->shape, "", "sleeper");
    bench_meet(stage, 2);
    for (uint64_t i = 0; i < waking->wakes; i++) {
        const void *event;
        rig_check(stage, self, myl_consumer_next(consumer, &event, MYL_FOREVER), "myl_consumer_next");
        note(stage, i, *(const uint64_t *)event);
        rig_check(stage, self, myl_consumer_release(consumer), "myl_consumer_release");
    }
    myl_snapshot *snapshot = NULL;
    rig_check(stage, self, myl_snapshot_take(stage->name, MYL_BACKEND_SHM, &snapshot), "myl_snapshot_take");
    for (uint32_t i = 0; i < snapshot->consumers; i++) {
        if (strcmp(snapshot->entry[i].id, "sleeper") == 0)
            stage->result[self].value = (double)snapshot->entry[i].parks;
    }
    myl_snapshot_free(snapshot);
    bench_meet(stage, 4);
    myl_consumer_close(consumer);
}

/* Sets value[0] to the median and value[1] to the 99th percentile, in ns. */
RING_CASE(case_wake)
{
    struct waking waking = {.shape = self->shape};
    waking.wakes = WARM + (context->quick ? WAKES_QUICK : WAKES);
    struct bench_stage *stage = bench_stage_open(waking.wakes);
    if (stage == NULL)
        return BENCH_FAILED;
    int ours = side == BENCH_OURS;
    struct bench_participant participant[2] = {{ours ? ring_sender : futex_sender, &waking, context->machine->cpu[0]},
                                               {ours ? ring_sleeper : futex_sleeper, &waking,
                                                context->machine->cpu[1]}};
    enum bench_outcome outcome = BENCH_FAILED;
    if (bench_run(stage, participant, 2) == 0) {
        outcome = BENCH_DONE;
        /* A consumer that did not park measures no wake-up: skip the case if that was frequent. */
        if (stage->result[1].value < 0.9 * (double)waking.wakes) {
            bench_explain("the consumer parked only %.0f of %llu times", stage->result[1].value,
                          (unsigned long long)waking.wakes);
            outcome = BENCH_SKIPPED;
        }
        value[0] = (double)bench_percentile(stage->samples + WARM, waking.wakes - WARM, 50);
        value[1] = (double)bench_percentile(stage->samples + WARM, waking.wakes - WARM, 99);
    }
    rig_clean(stage, "");
    bench_stage_close(stage);
    return outcome;
}

static uint64_t cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void idle_producer(struct bench_stage *stage, int self, const void *argument)
{
    myl_producer *producer = rig_producer(stage, self, argument, "", 1);
    bench_sleep_ns(2100000000u);
    myl_producer_close(producer);
}

static void idle_consumer(struct bench_stage *stage, int self, const void *argument)
{
    myl_consumer *consumer = rig_consumer(stage, self, argument, "", NULL);
    uint64_t wall = bench_now_ns(), cpu = cpu_ns();
    const void *event;
    int code = myl_consumer_next(consumer, &event, MYL_SEC(2));
    cpu = cpu_ns() - cpu;
    wall = bench_now_ns() - wall;
    if (code != MYL_ETIMEDOUT)
        bench_die(stage, self, "myl_consumer_next without an event: %s, expected MYL_ETIMEDOUT", myl_errname(code));
    stage->result[self].value = 100.0 * (double)cpu / (double)wall;
    myl_consumer_close(consumer);
}

/* Sets value[0] to the CPU time in percent of one core. */
RING_CASE(case_idle)
{
    (void)side;
    (void)context;
    struct bench_stage *stage = bench_stage_open(0);
    if (stage == NULL)
        return BENCH_FAILED;
    struct bench_participant participant[2] = {{idle_producer, self->shape, -1}, {idle_consumer, self->shape, -1}};
    enum bench_outcome outcome = bench_run(stage, participant, 2) == 0 ? BENCH_DONE : BENCH_FAILED;
    value[0] = stage->result[1].value;
    rig_clean(stage, "");
    bench_stage_close(stage);
    return outcome;
}
