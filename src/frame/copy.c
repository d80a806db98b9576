/* SPDX-License-Identifier: MIT
 * Copies a message into the ring, by the way that is cheaper at the moment.
 *
 * Through the caches: this core fetches the lines and writes them, and the reader fetches them from this core's cache.
 * That is best for short messages, and where two cores share a cache. Where they do not, a line that moves between two
 * private caches can cost several times as much as through memory; then stores past the caches (non-temporal) are
 * faster for both sides. Which way is cheaper depends on the machine, and in a guest on the moment. So both are timed
 * from time to time, with some messages each, and the cheaper way is used for those that follow. */
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
#define LEAST 1024U /* bytes: below this, reading the clock twice would cost a visible share */
/* Consecutive copies of each kind. Only the second half is timed: the first half changes the state of the lines. */
#define TRIAL 8U
/* Copies between two trials, doubled each time: the first trials of a ring are the least typical. */
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
    /* Use the minimum: an interrupted copy is no measure. */
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
