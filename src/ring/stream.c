/* SPDX-License-Identifier: MIT
 * Following a stream: how a consumer reads from a producer that publishes continuously.
 *
 * Polling the next stamp detects a single publish fastest. In a stream it is slow: each poll takes the cache line that
 * the producer is about to write. So in a stream the consumer polls the shared `next` instead, with pauses before each
 * check, so that the producer can run ahead. The mode ends at the first check that finds nothing, or after several
 * consecutive checks that find few events.
 *
 * The mode loses no event: the producer stores `next` after the stamps, so everything below `next` is published, and a
 * publish ends there. If a producer died after a stamp and before `next`, the consumer finds that event by its stamp
 * once `next` shows nothing more. */
#include "ring/stream.h"

#include "ring/divert.h"

/* Consecutive busy checks that start the mode. */
#define STREAK 3U
/* Checks of `next` in one wait. */
#define CHECKS  4U
/* myl_stream_check starts the mode if the consumer lags by at most CLOSE sequences ... */
#define CLOSE  64U
/* ... and at most one in UNWAITED sequences ended a wait. */
#define UNWAITED 16U
/* Processor pauses before a check: from some hundred nanoseconds to some microseconds. Hardware prefetch makes each
 * check cost the producer several cache lines, so a check should find many more events than those lines hold. It must
 * not find so many that the ring fills up: a share of the ring, within bounds. If even the longest pauses find few
 * events, the stream is too thin for this mode, and stamps are faster. */
#define PACE_LEAST   16U
#define PACE_MOST    256U
#define WANTED_SHARE 64U
#define WANTED_MOST  ((uint64_t)1024)
#define LITTLE       ((uint64_t)64) /* "few": fewer sequences than this ... */
#define LITTLE_SHARE 16U            /* ... and than this share of the ring */
#define THIN_MOST    4U             /* consecutive checks with few events that end the mode */

static bool follows(const struct myl_consumer *consumer)
{
    return (consumer->diverted & MYL_DIVERT_STREAM) != 0;
}

/* The consumer polls stamps again. */
static void end_stream(struct myl_consumer *consumer)
{
    myl_consumer_restore(consumer, MYL_DIVERT_STREAM);
    consumer->streak = 0;
    consumer->only_tried = 0;
}

/* Does a check that found nothing show a stream? Without a wait: if events arrived since the last empty check without a
 * wait. With a wait: if more events arrived than the publish that ended the last wait. Request and reply never do. */
static bool is_busy(const struct myl_consumer *consumer, int may_wait)
{
    const struct myl_i_consumer_hot *h = &consumer->hot;
    return may_wait ? h->next > consumer->first_end : consumer->only_tried && h->next != consumer->empty_at;
}

static void begin(struct myl_consumer *consumer)
{
    myl_consumer_divert(consumer, MYL_DIVERT_STREAM); /* from here on, inline calls end up in this file */
    consumer->thin = 0;
    consumer->pace = PACE_LEAST;
}

static void judge(struct myl_consumer *consumer, int may_wait)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    if (is_busy(consumer, may_wait))
        consumer->streak++;
    else if (may_wait || h->next == consumer->empty_at)
        consumer->streak = 0;
    consumer->empty_at = h->next;
    consumer->only_tried = !may_wait;
    if (consumer->streak >= STREAK)
        begin(consumer);
}

/* Also a stream: the consumer read a quarter of the ring with a small lag and almost no waits. */
void myl_stream_check(struct myl_consumer *consumer)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    uint64_t came = h->next - consumer->checked_at, waited = consumer->waited;
    consumer->checked_at = h->next;
    consumer->waited = 0;
    if (follows(consumer) || came == 0 || waited > came / UNWAITED)
        return;
    uint64_t next = myl_load_acq(&consumer->handle.segment.control->next); /* A4 */
    if (next - h->next <= CLOSE)
        begin(consumer);
}

static void adapt(struct myl_consumer *consumer, uint64_t found)
{
    uint64_t capacity = consumer->handle.segment.head->capacity;
    uint64_t little = capacity / LITTLE_SHARE < LITTLE ? capacity / LITTLE_SHARE : LITTLE;
    uint64_t wanted = capacity / WANTED_SHARE < WANTED_MOST ? capacity / WANTED_SHARE : WANTED_MOST;
    wanted = wanted > little ? wanted : little;
    int thin = found < little && consumer->pace == PACE_MOST;
    consumer->thin = thin ? consumer->thin + 1 : 0;
    if (found < wanted && consumer->pace < PACE_MOST)
        consumer->pace *= 2;
    else if (found >= 2 * wanted && consumer->pace > PACE_LEAST)
        consumer->pace /= 2;
    if (consumer->thin == THIN_MOST)
        end_stream(consumer);
}

/* Is the event at hot.next published, given `next`? For records, the stamp must confirm it: a corrupt length leads to
 * a word that is not a stamp. */
static bool is_there(const struct myl_consumer *consumer, uint64_t end)
{
    const struct myl_i_consumer_hot *h = &consumer->hot;
    return end - h->next - 1 < h->window &&
           (consumer->span != 1 || myl_load_acq(myl_i_stamp(&h->lease)) == h->next + 1); /* A2 */
}

bool myl_stream_poll(struct myl_consumer *consumer, int may_wait)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    if (!follows(consumer))
        judge(consumer, may_wait);
    if (!follows(consumer))
        return false;
    unsigned pauses = consumer->handle.waiter.strategy == MYL_WAIT_BUSY_SPIN ? 0 : consumer->pace;
    for (unsigned checks = may_wait ? CHECKS : 1; checks > 0; checks--) {
        for (unsigned i = 0; i < pauses; i++)
            myl_os_pause();
        uint64_t end = myl_load_acq(&consumer->handle.segment.control->next); /* A4 next [acq]. Pairs: A3 */
        if (is_there(consumer, end)) {
            h->known = end;
            adapt(consumer, end - h->next);
            return true;
        }
    }
    end_stream(consumer);
    return false;
}
