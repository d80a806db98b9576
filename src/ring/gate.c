/* SPDX-License-Identifier: MIT
 * The gate: how far the producer may write. Protocol 2 and 4; models/join.pml. The invariant: gate >= limit always,
 * and nothing below limit is needed by an entry that is JOINING or ACTIVE, so the producer writes s only below limit +
 * capacity. */
#include "ring/producer.h"

#include <inttypes.h>
#include <string.h>

/* Joins are serialised by the registrar, so a look is disturbed a few times at most. */
#define LOOKS_MAX 64
/* The share of the ring that a sleeping producer asks for beyond what it needs. */
#define SLACK_SHARE 4
#define FREE_RUN_SHARE 8

static uint64_t round_down(uint64_t value, uint64_t to)
{
    return value / to * to;
}

static int impossible_cursor(const struct myl_producer *producer, const struct myl_entry *entry, uint64_t cursor)
{
    char id[MYL_ID_MAX + 1];
    myl_entry_id(entry, id);
    return myl_fail(MYL_ECORRUPT,
                    "ring \"%s\": consumer \"%s\" says it has acknowledged %" PRIu64 " events of %" PRIu64
                    " published; evict it",
                    producer->handle.segment.name, id, cursor, myl_published(producer));
}

int myl_gate_minimum(const struct myl_producer *producer, uint64_t *minimum, uint32_t *gating)
{
    const struct myl_segment *segment = &producer->handle.segment;
    uint32_t entries = myl_segment_entries(segment);
    *minimum = UINT64_MAX;
    *gating = 0;
    for (uint32_t i = 0; i < entries; i++) {
        const struct myl_entry *entry = myl_segment_entry(segment, i);
        /* A13 state [acq]. Pairs: A23, J4 and J8: a joiner's cursor is set before its state. */
        uint32_t state = myl_load32_acq(&entry->state);
        if (state != MYL_PARTY_JOINING && state != MYL_PARTY_ACTIVE)
            continue;
        /* A8 cursor [acq], loaded exactly once: compared and taken twice, it may move in between, and the minimum
         * rises above another's. Pairs: A7, the consumer's release: its reads of the cells are before our
         * overwriting. */
        uint64_t cursor = myl_load_acq(&entry->cursor);
        if (cursor > myl_published(producer))
            return impossible_cursor(producer, entry, cursor);
        if (cursor < *minimum)
            *minimum = cursor;
        ++*gating;
    }
    return MYL_OK;
}

uint64_t myl_gate_cursor_for(const struct myl_producer *producer, uint64_t events)
{
    uint64_t capacity = producer->handle.segment.head.capacity;
    uint64_t per_cell = producer->handle.segment.head.events_per_cell;
    uint64_t end = producer->hot.next + events;
    if (end <= capacity)
        return 0;
    return round_down(end - capacity + per_cell - 1, per_cell);
}

/* Protocol 4: nobody gates. How far the producer lets itself go, or MYL_EAGAIN. */
static int alone(const struct myl_producer *producer, uint64_t events, uint64_t *minimum, uint64_t *window)
{
    const struct myl_segment *segment = &producer->handle.segment;
    uint64_t capacity = segment->head.capacity;
    uint64_t next = producer->hot.next;
    /* A24 gate [rlx]: our own word, but for a predecessor's; with nobody registered it is what a joiner starts from. */
    uint64_t gate = myl_load_rlx(&segment->control->gate);
    if (gate > myl_published(producer))
        return myl_fail(MYL_ECORRUPT,
                        "ring \"%s\" says that events below %" PRIu64 " may be overwritten, of %" PRIu64
                        " published; remove the ring",
                        segment->name, gate, myl_published(producer));
    *minimum = gate;
    *window = capacity;
    if (producer->alone == MYL_ALONE_BUFFER && producer->buffer < capacity)
        *window = producer->buffer;
    if (producer->alone != MYL_ALONE_RUN_FREE)
        return next + events <= round_down(gate, segment->head.events_per_cell) + *window ? MYL_OK : MYL_EAGAIN;
    uint64_t chunk = capacity / FREE_RUN_SHARE > 0 ? capacity / FREE_RUN_SHARE : 1;
    uint64_t wanted = myl_gate_cursor_for(producer, events);
    if (wanted > 0)
        wanted += chunk;
    if (wanted > myl_published(producer))
        wanted = myl_published(producer);
    return wanted > gate ? myl_boundary_from(segment, gate, wanted, minimum) : MYL_OK;
}

int myl_gate_look(struct myl_producer *producer, uint64_t events)
{
    struct myl_segment *segment = &producer->handle.segment;
    struct myl_control *control = segment->control;
    uint64_t per_cell = segment->head.events_per_cell;
    /* A25 epoch [acq]. Pairs: A26, the successor's store: a seat can be lost behind its owner's back. */
    if (myl_load32_acq(&control->epoch) != producer->epoch)
        return myl_fail(MYL_ESEATLOST,
                        "another producer has taken ring \"%s\" over: its seat's descriptor was closed in this "
                        "process; close this handle",
                        segment->name);
    if (myl_load32_acq(&control->superseded) != 0) /* A15. Pairs: A14 */
        return myl_fail(MYL_ESUPERSEDED,
                        "ring \"%s\" was removed by force; nobody can find it any more: close this handle",
                        segment->name);
    for (int look = 0; look < LOOKS_MAX; look++) {
        uint64_t minimum, window = segment->head.capacity;
        uint32_t gating;
        MYL_STEP("G1");
        uint64_t version = myl_load_acq(&control->version); /* A27, step 1. Pairs: A28, J5 */
        MYL_STEP("G2");
        int rc = myl_gate_minimum(producer, &minimum, &gating); /* step 2 */
        if (rc == MYL_OK && gating == 0)
            rc = alone(producer, events, &minimum, &window);
        if (rc != MYL_OK)
            return rc;
        uint64_t limit = round_down(minimum, per_cell);
        MYL_STEP("G3");
        if (!myl_liveness_complete(producer) || producer->hot.next + events > limit + window)
            return MYL_EAGAIN; /* step 3, G3 */
        MYL_STEP("G4");
        /* A required one that was seen there may have come behind the scan, and have left again since: then the gate
         * must not be announced beyond it, not even for a moment, since it starts there when it comes back. */
        if (producer->liveness.managed && myl_load_rlx(&control->version) != version) /* A27 */
            continue;
        /* A24 gate [rel], step 4: monotone and tentative; nobody derives a limit from it while somebody gates. The
         * fence orders it before the version and before all we overwrite. Release, so that who starts at it sees a
         * `next` that is not smaller (J3). Pairs: A29, J3, J7 and the observers. */
        if (minimum > myl_load_rlx(&control->gate))
            myl_store_rel(&control->gate, minimum);
        myl_fence_sc(); /* step 5, G5; pairs with J6 */
        MYL_STEP("G6");
        if (myl_load_rlx(&control->version) != version) /* A27, step 6: somebody joined meanwhile */
            continue;
        MYL_STEP("G7");
        producer->limit = limit; /* step 7 */
        producer->has_limit = 1;
        producer->hot.end = limit + window;
        return MYL_OK;
    }
    return MYL_EAGAIN;
}

/* Who is alive is asked of the kernel, and only of those who hold us up. */
static int overdue(void *context)
{
    return myl_liveness_look(context);
}

/* Announces what is needed before the sleep: only the consumer whose step crosses it wakes us. */
static void before_park(void *context)
{
    struct myl_gate_wish *wish = context;
    struct myl_producer *producer = wish->producer;
    struct myl_control *control = producer->handle.segment.control;
    uint64_t need = wish->cursor;
    if (wish->events != 0) {
        /* Some slack, so that the next event does not wait again; what is there already is taken after liveness_ns at
         * the latest. Never more than the consumers can reach. */
        need += producer->handle.segment.head.capacity / SLACK_SHARE;
        if (need > myl_published(producer))
            need = myl_published(producer) > wish->cursor ? myl_published(producer) : wish->cursor;
    }
    myl_store_rel(&control->room.need, need); /* A19 need [rel]. Pairs: A18 */
    myl_store_rel(&control->producer_parks, myl_load_rlx(&control->producer_parks) + 1); /* A40, our own counter */
    myl_liveness_announce(wish);
}

int myl_gate_wait(struct myl_gate_wish *wish, int (*ready)(void *), int64_t timeout_ns)
{
    struct myl_producer *producer = wish->producer;
    int parks = (producer->handle.segment.head.flags & MYL_FLAG_SPIN_ONLY) == 0;
    struct myl_wait_site site = {
        .context = wish,
        .ready = ready,
        .overdue = overdue,
        .before_park = before_park,
        .liveness_ns = producer->liveness.interval_ns,
        .liveness_most_ns = producer->liveness.interval_ns,
        .park = parks ? &producer->handle.segment.control->room : NULL,
        .mode = MYL_PARK_FENCED,
    };
    int rc = myl_wait(&producer->handle.waiter, &site, timeout_ns);
    myl_liveness_end(producer, rc);
    return rc;
}
