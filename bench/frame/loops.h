/* SPDX-License-Identifier: MIT
 * The loops that produce, consume, ask and answer, written once. A peer's file describes how a message is sent and
 * received in a constant struct frame_way; here it is inlined, so that nobody pays for being one of many. */
#ifndef BENCH_FRAME_LOOPS_H
#define BENCH_FRAME_LOOPS_H

#include "frame.h"

struct frame_way {
    /* One end of a channel, for the party that sends or the one that receives. Senders open first. */
    void *(*open)(void *channel, const struct frame_job *job, struct bench_stage *stage, int self, int sends);
    void *(*claim)(void *end, size_t bytes); /* where to write the message; waits for room */
    void (*commit)(void *end, size_t bytes);
    void (*flush)(void *end); /* the last message is committed; NULL: nothing is ever held back */
    const void *(*next)(void *end, size_t bytes); /* the message; waits for it */
    void (*release)(void *end);
    void (*close)(void *end); /* NULL: nothing to do */
};

/* Senders open, receivers open, everybody begins. */
FRAME_INLINE void frame_meet_opened(struct bench_stage *stage, const struct frame_job *job, uint32_t turn)
{
    bench_meet(stage, turn * ((uint32_t)job->shape->consumers + 1));
}

FRAME_INLINE void frame_close(const struct frame_way *way, void *end)
{
    if (way->close != NULL)
        way->close(end);
}

/* Sets the marks as time goes by; 1: message `number` is the last. */
FRAME_INLINE int frame_clock(const struct frame_job *job, uint64_t *mark, uint64_t begin, uint64_t number)
{
    uint64_t gone = bench_ticks() - begin;
    if (gone >= job->warm_ticks && mark[FRAME_START] == UINT64_MAX)
        frame_store(&mark[FRAME_START], number);
    if (gone < job->warm_ticks + job->run_ticks)
        return 0;
    frame_store(&mark[FRAME_END], number + 1);
    return 1;
}

FRAME_INLINE void frame_clear_marks(uint64_t *mark)
{
    mark[FRAME_START] = mark[FRAME_END] = UINT64_MAX;
}

/* Short messages: the clock is looked at for every 64th. */
FRAME_INLINE uint64_t frame_clock_mask(size_t bytes)
{
    return bytes <= 4096 ? 63 : 0;
}

FRAME_INLINE void frame_produce_bytes(const struct frame_way *way, const struct frame_job *job, void *end,
                                      struct bench_stage *stage, size_t bytes)
{
    uint64_t begin = bench_ticks(), mask = frame_clock_mask(bytes);
    for (uint64_t number = 0, last = 0; !last; number++) {
        if ((number & mask) == 0)
            last = (uint64_t)frame_clock(job, stage->mark, begin, number);
        frame_write(way->claim(end, bytes), number, bytes);
        way->commit(end, bytes);
    }
    if (way->flush != NULL)
        way->flush(end);
}

FRAME_INLINE void frame_consume_bytes(const struct frame_way *way, void *end, struct bench_stage *stage, int self,
                                      size_t bytes)
{
    struct bench_result *result = &stage->result[self];
    uint64_t seen = 0, sum = 0, start = 0, *mark = &stage->mark[FRAME_START];
    for (;;) {
        sum += frame_sum(way->next(end, bytes), bytes);
        way->release(end);
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
    if (sum != frame_expected(seen, bytes))
        bench_die(stage, self, "%llu messages with a wrong sum: lost, repeated or torn", (unsigned long long)seen);
}

/* Sizes that are common get loops of their own, straight code, as for a structure. */
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

FRAME_INLINE void frame_produce(const struct frame_way *way, struct bench_stage *stage, int self,
                                const struct frame_job *job)
{
    frame_clear_marks(stage->mark);
    void *end = way->open(job->channel[0], job, stage, self, 1);
    frame_meet_opened(stage, job, 1);
    frame_meet_opened(stage, job, 2);
#define CALL(bytes) frame_produce_bytes(way, job, end, stage, bytes)
    FRAME_BY_SIZE(job->shape->bytes, CALL);
#undef CALL
    frame_meet_opened(stage, job, 3);
    frame_close(way, end);
}

FRAME_INLINE void frame_consume(const struct frame_way *way, struct bench_stage *stage, int self,
                                const struct frame_job *job)
{
    frame_meet_opened(stage, job, 1);
    void *end = way->open(job->channel[self - 1], job, stage, self, 0);
    frame_meet_opened(stage, job, 2);
#define CALL(bytes) frame_consume_bytes(way, end, stage, self, bytes)
    FRAME_BY_SIZE(job->shape->bytes, CALL);
#undef CALL
    frame_meet_opened(stage, job, 3);
    frame_close(way, end);
}

/* The same message into a channel for each consumer. */
FRAME_INLINE void frame_fan(const struct frame_way *way, struct bench_stage *stage, int self,
                            const struct frame_job *job)
{
    size_t bytes = job->shape->bytes;
    int count = job->shape->consumers;
    void *end[FRAME_CONSUMERS];
    unsigned char *message = frame_buffer(stage, self, bytes);
    frame_clear_marks(stage->mark);
    for (int i = 0; i < count; i++)
        end[i] = way->open(job->channel[i], job, stage, self, 1);
    frame_meet_opened(stage, job, 1);
    frame_meet_opened(stage, job, 2);
    uint64_t begin = bench_ticks();
    for (uint64_t number = 0, last = 0; !last; number++) {
        if ((number & 15) == 0)
            last = (uint64_t)frame_clock(job, stage->mark, begin, number);
        frame_write(message, number, bytes);
        for (int i = 0; i < count; i++) {
            __builtin_memcpy(way->claim(end[i], bytes), message, bytes);
            way->commit(end[i], bytes);
        }
    }
    for (int i = 0; i < count && way->flush != NULL; i++)
        way->flush(end[i]);
    frame_meet_opened(stage, job, 3);
    for (int i = 0; i < count; i++)
        frame_close(way, end[i]);
}

FRAME_INLINE void frame_send(const struct frame_way *way, void *end, uint64_t number, size_t bytes)
{
    frame_write(way->claim(end, bytes), number, bytes);
    way->commit(end, bytes);
}

FRAME_INLINE void frame_check_trips(struct bench_stage *stage, int self, uint64_t sum, uint64_t rounds, size_t bytes)
{
    if (sum != frame_expected(rounds, bytes))
        bench_die(stage, self, "%llu messages with a wrong sum: lost, repeated or torn", (unsigned long long)rounds);
}

FRAME_INLINE void frame_ask_bytes(const struct frame_way *way, const struct frame_job *job, void *out, void *in,
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
        frame_send(way, out, rounds, bytes);
        sum += frame_sum(way->next(in, bytes), bytes);
        way->release(in);
        now = bench_ticks();
    }
    stage->samples[rounds] = now;
    stage->result[self].events = rounds;
    frame_check_trips(stage, self, sum, rounds, bytes);
}

FRAME_INLINE void frame_answer_bytes(const struct frame_way *way, void *in, void *out, struct bench_stage *stage,
                                     int self, size_t bytes)
{
    uint64_t sum = 0, rounds = 0;
    do {
        /* The question is held until it is answered, as a server would. */
        sum += frame_sum(way->next(in, bytes), bytes);
        frame_send(way, out, rounds++, bytes);
        way->release(in);
    } while (rounds < frame_load(&stage->mark[FRAME_END]));
    frame_check_trips(stage, self, sum, rounds, bytes);
}

FRAME_INLINE void frame_ask(const struct frame_way *way, struct bench_stage *stage, int self,
                            const struct frame_job *job)
{
    frame_clear_marks(stage->mark);
    void *out = way->open(job->channel[0], job, stage, self, 1);
    frame_meet_opened(stage, job, 1);
    void *in = way->open(job->channel[1], job, stage, self, 0);
    frame_meet_opened(stage, job, 2);
#define CALL(bytes) frame_ask_bytes(way, job, out, in, stage, self, bytes)
    FRAME_BY_SIZE(job->shape->bytes, CALL);
#undef CALL
    frame_meet_opened(stage, job, 3);
    frame_close(way, in);
    frame_close(way, out);
}

FRAME_INLINE void frame_answer(const struct frame_way *way, struct bench_stage *stage, int self,
                               const struct frame_job *job)
{
    void *out = way->open(job->channel[1], job, stage, self, 1);
    frame_meet_opened(stage, job, 1);
    void *in = way->open(job->channel[0], job, stage, self, 0);
    frame_meet_opened(stage, job, 2);
#define CALL(bytes) frame_answer_bytes(way, in, out, stage, self, bytes)
    FRAME_BY_SIZE(job->shape->bytes, CALL);
#undef CALL
    frame_meet_opened(stage, job, 3);
    frame_close(way, in);
    frame_close(way, out);
}

/* The parties of a peer whose way is the constant NAME_way: NAME_produce, NAME_consume, NAME_ask, NAME_answer. */
#define FRAME_PARTY(name, what) \
    static void name##_##what(struct bench_stage *stage, int self, const void *job) \
    { \
        frame_##what(&name##_way, stage, self, job); \
    }
#define FRAME_PARTIES(name) \
    FRAME_PARTY(name, produce) \
    FRAME_PARTY(name, consume) \
    FRAME_PARTY(name, ask) \
    FRAME_PARTY(name, answer)
#define FRAME_OF(name) .produce = name##_produce, .consume = name##_consume, .ask = name##_ask, .answer = name##_answer

#endif
