/* SPDX-License-Identifier: MIT
 * A consumer right behind a producer that publishes all the time.
 *
 * Looking at the stamp to come is the quickest way to learn of one publish, and the worst way to follow a stream: each
 * look takes from the producer the line that it is about to write. So a consumer that finds more and more behind its
 * looks goes over to the producer's `next`, and lets the producer run ahead for a moment before each look. The first
 * look that comes up with nothing ends that, and so do some in a row with little.
 *
 * Nothing is lost by it: `next` is stored behind the stamps, so all below it is published, and a publish ended there.
 * What a producer published and died before it stored `next` is found by its stamp, once `next` has said nothing. */
#include "ring/consumer.h"

#include "os/os.h"

/* So many busy looks in a row make a stream. */
#define STREAK 3U
/* Looks at `next` in a wait. */
#define LOOKS  4U
/* Close behind: so many sequences at most. */
#define CLOSE  64U
/* ... and nothing to wait for: of so many sequences at most one came with the end of a wait. */
#define UNWAITED 16U
/* Pauses of the processor before a look: some hundred nanoseconds, up to some microseconds. A processor fetches lines
 * ahead for who reads in a row, so each look costs the producer some lines whatever it finds; a look shall find many
 * more than that, though not so many that the ring fills up meanwhile: a share of the ring, within bounds. Where even
 * the longest pauses find little, the stream is too thin to wait for: the stamp is quicker. */
#define PACE_LEAST   16U
#define PACE_MOST    256U
#define WANTED_SHARE 64U
#define WANTED_MOST  ((uint64_t)1024)
#define LITTLE       ((uint64_t)64) /* sequences ... */
#define LITTLE_SHARE 16U            /* ... or such a share of the ring */
#define THIN_MOST    4U             /* so many such looks in a row end it */

void myl_stream_end(struct myl_consumer *consumer)
{
    consumer->hot.front = NULL;
    consumer->streak = 0;
    consumer->only_tried = 0;
}

/* A look that finds nothing is a sign of a stream if something had come since the last one and nobody had to wait for
 * it; a wait is, if more had come than the publish that ended the last one. A question and its answer never are. */
static int is_busy(const struct myl_consumer *consumer, int may_wait)
{
    const struct myl_i_consumer_hot *h = &consumer->hot;
    return may_wait ? h->next > consumer->first_end : consumer->only_tried && h->next != consumer->looked_at;
}

static void begin(struct myl_consumer *consumer)
{
    consumer->hot.front = &consumer->nothing; /* from here on every look comes by this file */
    consumer->thin = 0;
    consumer->pace = PACE_LEAST;
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
    if (consumer->streak >= STREAK)
        begin(consumer);
}

/* Another sign: a quarter of the ring was read close behind the producer, and hardly anything had to be waited for. */
void myl_stream_check(struct myl_consumer *consumer)
{
    struct myl_i_consumer_hot *h = &consumer->hot;
    uint64_t came = h->next - consumer->checked_at, waited = consumer->waited;
    consumer->checked_at = h->next;
    consumer->waited = 0;
    if (h->front != NULL || came == 0 || waited > came / UNWAITED)
        return;
    uint64_t next = myl_load_acq(&consumer->handle.segment.control->next); /* A4 */
    if (next - h->next <= CLOSE)
        begin(consumer);
}

static void adapt(struct myl_consumer *consumer, uint64_t found)
{
    uint64_t capacity = consumer->handle.segment.head.capacity;
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
        myl_stream_end(consumer);
}

/* `next` says that something is there. Where records lie follows from their lengths, so of messages the stamp has to
 * say so too: a length that is wrong leads to a word that is none. */
static int is_there(const struct myl_consumer *consumer, uint64_t end)
{
    const struct myl_i_consumer_hot *h = &consumer->hot;
    return end - h->next - 1 < h->window && (consumer->handle.segment.head.kind != MYL_KIND_FRAMES ||
                                             myl_load_acq(myl_i_stamp(&h->lease)) == h->next + 1); /* A2 */
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
        if (is_there(consumer, end)) {
            h->known = end;
            adapt(consumer, end - h->next);
            return 1;
        }
    }
    myl_stream_end(consumer);
    return 0;
}
