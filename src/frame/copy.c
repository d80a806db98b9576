/* SPDX-License-Identifier: MIT
 * Copying a message into the ring, in the way that is cheaper here and now.
 *
 * Through the caches: the lines come to this core, are written, and are fetched by the reader out of this core's
 * cache. That is the best there is for short messages, and where two cores share a cache. Where they do not, a line
 * that goes to and fro between two private caches can cost several times what it costs through memory; then stores
 * that go past the caches (non-temporal) are faster for both sides. Which of the two it is depends on the machine, and
 * in a guest on the moment, so it is tried: now and then some messages are copied the one way and some the other, with
 * a look at the clock, and the cheaper way is taken for those that follow. */
#include "frame/copy.h"

#include "os/os.h"

#include <string.h>

#if defined(__SSE2__) && !defined(MYL_SIM) && !defined(__SANITIZE_THREAD__)
#include <emmintrin.h>
#define STREAMS 1
#else
#define STREAMS 0
#endif

#define LINE  64U
#define LEAST 1024U /* bytes: below, two looks at the clock would be seen */
/* Copies in a row of each kind; the later half of them is timed, when the first has changed the state of the lines. */
#define TRIAL 8U
/* Copies from trial to trial; twice as many each time, because a ring is not in its stride at first. */
#define ROUND      32U
#define ROUND_MOST 1024U
#define COST_SIZE  ((int64_t)1 << 22)

void myl_copy_streaming(void *to, const void *from, size_t bytes)
{
    unsigned char *at = to;
    const unsigned char *source = from;
#if STREAMS
    size_t head = (LINE - (uintptr_t)at % LINE) % LINE;
    head = head < bytes ? head : bytes;
    memcpy(at, source, head);
    for (at += head, source += head, bytes -= head; bytes >= LINE; at += LINE, source += LINE, bytes -= LINE) {
        __m128i word[LINE / sizeof(__m128i)];
        for (size_t i = 0; i < LINE / sizeof *word; i++)
            word[i] = _mm_loadu_si128((const __m128i *)(const void *)(source + i * sizeof *word));
        for (size_t i = 0; i < LINE / sizeof *word; i++)
            _mm_stream_si128((__m128i *)(void *)(at + i * sizeof *word), word[i]);
    }
    /* These stores wait for no later one: without the fence the stamp could be seen before the payload. */
    _mm_sfence();
#endif
    memcpy(at, source, bytes);
}

static void copy_with(int streams, void *to, const void *from, size_t bytes)
{
    if (streams)
        myl_copy_streaming(to, from, bytes);
    else
        memcpy(to, from, bytes);
}

/* A trial's copy; turns 0 .. TRIAL - 1 through the caches, then as many past them. */
static void try_copy(struct myl_copier *copier, uint32_t turn, void *to, const void *from, size_t bytes)
{
    int streams = turn >= TRIAL;
    int64_t before = myl_os_now();
    copy_with(streams, to, from, bytes);
    int64_t cost = (int64_t)((uint64_t)(myl_os_now() - before) * (uint64_t)COST_SIZE / bytes) + 1;
    if (turn == 0)
        copier->cost[0] = copier->cost[1] = 0;
    /* The least: a copy that was interrupted says nothing. */
    if (turn % TRIAL >= TRIAL / 2 && (copier->cost[streams] == 0 || cost < copier->cost[streams]))
        copier->cost[streams] = cost;
    if (turn == 2 * TRIAL - 1) /* past the caches only if that is clearly better */
        copier->streams = copier->cost[1] < copier->cost[0] - copier->cost[0] / 4;
}

void myl_copy_in(struct myl_copier *copier, void *to, const void *from, size_t bytes)
{
    if (!STREAMS || bytes < LEAST) {
        memcpy(to, from, bytes);
        return;
    }
    if (copier->turn >= copier->round) {
        copier->turn = 0;
        copier->round = copier->round == 0 ? ROUND : copier->round < ROUND_MOST ? 2 * copier->round : ROUND_MOST;
    }
    uint32_t turn = copier->turn++;
    if (turn < 2 * TRIAL)
        try_copy(copier, turn, to, from, bytes);
    else
        copy_with(copier->streams, to, from, bytes);
}
