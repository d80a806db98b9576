/* SPDX-License-Identifier: MIT
 * A consumer right behind a producer that publishes all the time.
 *
 * Looking at the stamp to come is the quickest way to learn of one publish, and the worst way to follow a stream: each
 * look takes from the producer the line that it is about to write. So a consumer that finds several publishes behind
 * its waits again and again looks at the producer's `next` instead, and lets the producer run ahead for a moment
 * between two looks. When a wait comes up with one publish or none that is over, and stamps are looked at again.
 *
 * Nothing is lost by it: `next` is stored behind the stamps, so all below it is published, and a publish ended there.
 * What a producer published and died before it stored `next` is found by its stamp, once `next` has said nothing. */
#include "ring/consumer.h"

#include "os/os.h"

/* So many waits in a row make a stream: a question and its answer never do. */
#define STREAK 3U
#define LOOKS  4U
/* Pauses of the processor before a look: at first, and at most. Twice as many after each look that has found several
 * publishes, half as many after one that has found one. The longest are some hundred nanoseconds. */
#define PACE_FIRST 4U
#define PACE_MOST  16U

static int look_in_front(struct myl_i_consumer_hot *h)
{
    uint64_t end = myl_load_acq(h->front); /* A4 next [acq]. Pairs: A3 */
    if (end - h->next - 1 >= h->window)
        return 0;
    h->known = end;
    return 1;
}

void myl_stream_end(struct myl_consumer *consumer)
{
    consumer->hot.front = NULL;
    consumer->streak = 0;
}

void myl_stream_slows(struct myl_consumer *consumer)
{
    if (consumer->hot.front == NULL)
        return;
    consumer->pace /= 4; /* it was doubled by the look */
    if (consumer->pace == 0)
        myl_stream_end(consumer);
}

static int follow(struct myl_consumer *consumer)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    unsigned pauses = consumer->handle.waiter.strategy == MYL_WAIT_BUSY_SPIN ? 0 : consumer->pace;
    for (unsigned looks = 0; looks < LOOKS; looks++) {
        for (unsigned i = 0; i < pauses; i++)
            myl_os_pause();
        if (look_in_front(h)) {
            consumer->pace = consumer->pace * 2 < PACE_MOST ? consumer->pace * 2 : PACE_MOST;
            return 1;
        }
    }
    myl_stream_end(consumer);
    return 0;
}

int myl_stream_try(struct myl_consumer *consumer)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    if (h->front == NULL)
        return 0;
    if (h->next == consumer->tried_at) {
        myl_stream_end(consumer); /* nothing twice: who only tries must see a stamp without `next` too */
        return 0;
    }
    consumer->tried_at = h->next;
    return look_in_front(h);
}

int myl_stream_wait(struct myl_consumer *consumer)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    if (h->front == NULL) {
        consumer->streak = h->next > consumer->first_end ? consumer->streak + 1 : 0;
        if (consumer->streak < STREAK)
            return 0;
        h->front = &consumer->handle.segment.control->next;
        consumer->pace = PACE_FIRST;
    }
    return follow(consumer);
}
