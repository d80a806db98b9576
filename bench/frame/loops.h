/* SPDX-License-Identifier: MIT
 * The loops that produce, consume, ask and answer, the same for all peers. A peer defines its operations in a constant
 * struct frame_ops. The loops are inlined for each peer, so that there are no indirect calls. */
#ifndef BENCH_FRAME_LOOPS_H
#define BENCH_FRAME_LOOPS_H

#include "frame.h"

struct frame_ops {
    /* Opens one end of a channel; `sends` is 1 for the sender and 0 for the receiver. Senders open first. */
    void *(*open)(void *channel, const struct frame_job *job, struct bench_stage *stage, int self, int sends);
    void *(*claim)(void *end, size_t bytes); /* waits for room, returns the memory for the message */
    void (*commit)(void *end, size_t bytes);
    void (*flush)(void *end); /* sends delayed messages after the last commit; NULL: the peer delays none */
    const void *(*next)(void *end, size_t bytes); /* waits for a message and returns it */
    void (*release)(void *end);
    void (*close)(void *end); /* NULL: nothing to do */
};

/* Waits until all participants have reached step `turn`: 1 senders have opened, 2 receivers have opened, 3 the end. */
FRAME_INLINE void frame_meet_opened(struct bench_stage *stage, const struct frame_job *job, uint32_t turn)
{
    bench_meet(stage, turn * ((uint32_t)job->shape->consumers + 1));
}

FRAME_INLINE void frame_close(const struct frame_ops *ops, void *end)
{
    if (ops->close != NULL)
        ops->close(end);
}

/* Sets the start mark after the warm-up, and the end mark after the run time. Returns 1 if message `number` is the
 * last one. */
FRAME_INLINE int frame_clock(const struct frame_job *job, uint64_t *mark, uint64_t begin, uint64_t number)
{
    uint64_t elapsed = bench_ticks() - begin;
    if (elapsed >= job->warm_ticks && mark[FRAME_START] == UINT64_MAX)
        frame_store(&mark[FRAME_START], number);
    if (elapsed < job->warm_ticks + job->run_ticks)
        return 0;
    frame_store(&mark[FRAME_END], number + 1);
    return 1;
}

FRAME_INLINE void frame_clear_marks(uint64_t *mark)
{
    mark[FRAME_START] = mark[FRAME_END] = UINT64_MAX;
}

/* Short messages: reads the clock for every 64th message only. */
FRAME_INLINE uint64_t frame_clock_mask(size_t bytes)
{
    return bytes <= 4096 ? 63 : 0;
}

FRAME_INLINE void frame_produce_bytes(const struct frame_ops *ops, const struct frame_job *job, void *end,
                                      struct bench_stage *stage, size_t bytes)
{
    uint64_t begin = bench_ticks(), mask = frame_clock_mask(bytes);
    for (uint64_t number = 0, last = 0; !last; number++) {
        if ((number & mask) == 0)
            last = (uint64_t)frame_clock(job, stage->mark, begin, number);
        frame_write(ops->claim(end, bytes), number, bytes);
        ops->commit(end, bytes);
    }
    if (ops->flush != NULL)
        ops->flush(end);
}

FRAME_INLINE void frame_check_sum(struct bench_stage *stage, int self, uint64_t sum, uint64_t messages, size_t bytes)
{
    if (sum != frame_expected(messages, bytes))
        bench_die(stage, self, "wrong sum over %llu messages: messages were lost, repeated or torn",
                  (unsigned long long)messages);
}

FRAME_INLINE void frame_consume_bytes(const struct frame_ops *ops, void *end, struct bench_stage *stage, int self,
                                      size_t bytes)
{
    struct bench_result *result = &stage->result[self];
    uint64_t seen = 0, sum = 0, start = 0, *mark = &stage->mark[FRAME_START];
    for (;;) {
        sum += frame_sum(ops->next(end, bytes), bytes);
        ops->release(end);
        if (__builtin_expect(++seen < frame_load(mark), 1))
            continue;
        if (mark == &stage->mark[FRAME_START]) {
            result->start_ns = bench_now_ns();
            start = seen;
            mark = &stage->mark[FRAME_END];
        }
        if (seen >= frame_load(mark))
            break;
    }
    result->end_ns = bench_now_ns();
    result->events = seen - start;
    frame_check_sum(stage, self, sum, seen, bytes);
}

/* Calls the loop with a constant for common sizes, so that the compiler unrolls it, as for a structure. */
#define FRAME_BY_SIZE(bytes, call) \
    do { \
        switch (bytes) { \
        case 48: \
            call(48); \
            break; \
        case 56: \
            call(56); \
            break; \
        case 64: \
            call(64); \
            break; \
        default: \
            call(bytes); \
        } \
    } while (0)

FRAME_INLINE void frame_produce(const struct frame_ops *ops, struct bench_stage *stage, int self,
                                const struct frame_job *job)
{
    frame_clear_marks(stage->mark);
    void *end = ops->open(job->channel[0], job, stage, self, 1);
    frame_meet_opened(stage, job, 1);
    frame_meet_opened(stage, job, 2);
#define CALL(bytes) frame_produce_bytes(ops, job, end, stage, bytes)
    FRAME_BY_SIZE(job->shape->bytes, CALL);
#undef CALL
    frame_meet_opened(stage, job, 3);
    frame_close(ops, end);
}

FRAME_INLINE void frame_consume(const struct frame_ops *ops, struct bench_stage *stage, int self,
                                const struct frame_job *job)
{
    frame_meet_opened(stage, job, 1);
    void *end = ops->open(job->channel[self - 1], job, stage, self, 0);
    frame_meet_opened(stage, job, 2);
#define CALL(bytes) frame_consume_bytes(ops, end, stage, self, bytes)
    FRAME_BY_SIZE(job->shape->bytes, CALL);
#undef CALL
    frame_meet_opened(stage, job, 3);
    frame_close(ops, end);
}

/* Sends each message through one channel per consumer. */
FRAME_INLINE void frame_fan(const struct frame_ops *ops, struct bench_stage *stage, int self,
                            const struct frame_job *job)
{
    size_t bytes = job->shape->bytes;
    int count = job->shape->consumers;
    void *end[FRAME_CONSUMERS];
    unsigned char *message = frame_buffer(stage, self, bytes);
    frame_clear_marks(stage->mark);
    for (int i = 0; i < count; i++)
        end[i] = ops->open(job->channel[i], job, stage, self, 1);
    frame_meet_opened(stage, job, 1);
    frame_meet_opened(stage, job, 2);
    uint64_t begin = bench_ticks();
    for (uint64_t number = 0, last = 0; !last; number++) {
        if ((number & 15) == 0)
            last = (uint64_t)frame_clock(job, stage->mark, begin, number);
        frame_write(message, number, bytes);
        for (int i = 0; i < count; i++) {
            __builtin_memcpy(ops->claim(end[i], bytes), message, bytes);
            ops->commit(end[i], bytes);
        }
    }
    for (int i = 0; i < count && ops->flush != NULL; i++)
        ops->flush(end[i]);
    frame_meet_opened(stage, job, 3);
    for (int i = 0; i < count; i++)
        frame_close(ops, end[i]);
}

FRAME_INLINE void frame_send(const struct frame_ops *ops, void *end, uint64_t number, size_t bytes)
{
    frame_write(ops->claim(end, bytes), number, bytes);
    ops->commit(end, bytes);
}

FRAME_INLINE void frame_ask_bytes(const struct frame_ops *ops, const struct frame_job *job, void *out, void *in,
                                  struct bench_stage *stage, int self, size_t bytes)
{
    uint64_t begin = bench_ticks(), now = begin, sum = 0, rounds = 0;
    for (int last = 0; !last; rounds++) {
        stage->samples[rounds] = now;
        if (now - begin >= job->warm_ticks && stage->mark[FRAME_START] == UINT64_MAX)
            stage->mark[FRAME_START] = rounds;
        last = rounds + 1 == FRAME_TRIPS || now - begin >= job->warm_ticks + job->run_ticks;
        if (__builtin_expect(last, 0))
            frame_store(&stage->mark[FRAME_END], rounds + 1);
        frame_send(ops, out, rounds, bytes);
        sum += frame_sum(ops->next(in, bytes), bytes);
        ops->release(in);
        now = bench_ticks();
    }
    stage->samples[rounds] = now;
    stage->result[self].events = rounds;
    frame_check_sum(stage, self, sum, rounds, bytes);
}

FRAME_INLINE void frame_answer_bytes(const struct frame_ops *ops, void *in, void *out, struct bench_stage *stage,
                                     int self, size_t bytes)
{
    uint64_t sum = 0, rounds = 0;
    do {
        /* Release the request only after the reply, as a server would. */
        sum += frame_sum(ops->next(in, bytes), bytes);
        frame_send(ops, out, rounds++, bytes);
        ops->release(in);
    } while (rounds < frame_load(&stage->mark[FRAME_END]));
    frame_check_sum(stage, self, sum, rounds, bytes);
}

FRAME_INLINE void frame_ask(const struct frame_ops *ops, struct bench_stage *stage, int self,
                            const struct frame_job *job)
{
    frame_clear_marks(stage->mark);
    void *out = ops->open(job->channel[0], job, stage, self, 1);
    frame_meet_opened(stage, job, 1);
    void *in = ops->open(job->channel[1], job, stage, self, 0);
    frame_meet_opened(stage, job, 2);
#define CALL(bytes) frame_ask_bytes(ops, job, out, in, stage, self, bytes)
    FRAME_BY_SIZE(job->shape->bytes, CALL);
#undef CALL
    frame_meet_opened(stage, job, 3);
    frame_close(ops, in);
    frame_close(ops, out);
}

FRAME_INLINE void frame_answer(const struct frame_ops *ops, struct bench_stage *stage, int self,
                               const struct frame_job *job)
{
    void *out = ops->open(job->channel[1], job, stage, self, 1);
    frame_meet_opened(stage, job, 1);
    void *in = ops->open(job->channel[0], job, stage, self, 0);
    frame_meet_opened(stage, job, 2);
#define CALL(bytes) frame_answer_bytes(ops, in, out, stage, self, bytes)
    FRAME_BY_SIZE(job->shape->bytes, CALL);
#undef CALL
    frame_meet_opened(stage, job, 3);
    frame_close(ops, in);
    frame_close(ops, out);
}

/* Defines the participants of a peer whose operations are the constant NAME_ops: NAME_produce, NAME_consume, NAME_ask,
 * NAME_answer. */
#define FRAME_PARTICIPANT(name, what) \
    static void name##_##what(struct bench_stage *stage, int self, const void *job) \
    { \
        frame_##what(&name##_ops, stage, self, job); \
    }
#define FRAME_PARTICIPANTS(name) \
    FRAME_PARTICIPANT(name, produce) \
    FRAME_PARTICIPANT(name, consume) \
    FRAME_PARTICIPANT(name, ask) \
    FRAME_PARTICIPANT(name, answer)
#define FRAME_OF(name) .produce = name##_produce, .consume = name##_consume, .ask = name##_ask, .answer = name##_answer

#endif
