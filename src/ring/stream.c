/* SPDX-License-Identifier: MIT
 * A consumer right behind a producer that publishes all the time.
 *
 * Looking at the stamp to come is the quickest way to learn of one publish, and the worst way to follow a stream: each
 * look takes from the producer the line that it is about to write. So a consumer that finds more and more behind its
 * looks goes over to the producer's `next`, and lets the producer run ahead for a moment before each look. The first
 * look that comes up with nothing ends that, and so do some in a row with one publish each.
 *
 * Nothing is lost by it: `next` is stored behind the stamps, so all below it is published, and a publish ended there.
 * What a producer published and died before it stored `next` is found by its stamp, once `next` has said nothing. */
#include "ring/consumer.h"

#include "os/os.h"

/* So many busy looks in a row make a stream. */
#define STREAK 3U
/* Looks at `next` in a wait. */
#define LOOKS  4U
/* Pauses of the processor before a look: at first, and at most. Twice as many after each look that has found several
 * publishes, half as many after one that has found one. The longest are some hundred nanoseconds. */
#define PACE_FIRST 4U
#define PACE_MOST  16U

void myl_stream_end(struct myl_consumer *consumer)
{
    consumer->hot.front = NULL;
    consumer->streak = 0;
    consumer->only_tried = 0;
}

void myl_stream_slows(struct myl_consumer *consumer)
{
    if (consumer->hot.front == NULL)
        return;
    consumer->pace /= 4; /* it was doubled by the look */
    if (consumer->pace == 0)
        myl_stream_end(consumer);
}

/* A look without a wait is busy if something has come since the last one and nobody had to wait for it; a wait is, if
 * more has come than the publish that ended the last one. A question and its answer, or a steady trickle, never are. */
static int is_busy(const struct myl_consumer *consumer, int may_wait)
{
    const struct myl_i_consumer_hot *h = &consumer->hot;
    return may_wait ? h->next > consumer->first_end : consumer->only_tried && h->next != consumer->looked_at;
}

static void judge(struct myl_consumer *consumer, int may_wait)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    if (is_busy(consumer, may_wait))
        consumer->streak++;
    else if (may_wait || h->next == consumer->looked_at)
        consumer->streak = 0;
    consumer->looked_at = h->next;
    consumer->only_tried = !may_wait;
    if (consumer->streak < STREAK)
        return;
    h->front = &consumer->nothing; /* from here on every look comes by this file */
    consumer->pace = PACE_FIRST;
}

int myl_stream_look(struct myl_consumer *consumer, int may_wait)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    if (h->front == NULL)
        judge(consumer, may_wait);
    if (h->front == NULL)
        return 0;
    unsigned pauses = consumer->handle.waiter.strategy == MYL_WAIT_BUSY_SPIN ? 0 : consumer->pace;
    for (unsigned looks = may_wait ? LOOKS : 1; looks > 0; looks--) {
        for (unsigned i = 0; i < pauses; i++)
            myl_os_pause();
        uint64_t end = myl_load_acq(&consumer->handle.segment.control->next); /* A4 next [acq]. Pairs: A3 */
        if (end - h->next - 1 < h->window) {
            h->known = end;
            consumer->pace = consumer->pace * 2 < PACE_MOST ? consumer->pace * 2 : PACE_MOST;
            return 1;
        }
    }
    myl_stream_end(consumer);
    return 0;
}
