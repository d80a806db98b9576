/* SPDX-License-Identifier: MIT
 * The gate check: how far the producer may write. Protocols 2 and 4; models/join.pml.
 *
 * Invariant: gate >= limit, always, and no entry that is JOINING or ACTIVE needs an event below limit. So the producer
 * may write sequence s if s < limit + capacity. */
#include "ring/gate.h"

#include "base/error.h"
#include "ring/divert.h"
#include "ring/policy.h"
#include "ring/state.h"
#include "segment/table.h"

#include <inttypes.h>

/* Attempts of one gate check. A join restarts the check; the registry lock serialises joins, so restarts are few. */
#define CHECKS_MAX 64
/* With no consumers: each gate check frees this share of the ring beyond the claim. */
#define OVERWRITE_SHARE 8

static uint64_t round_down(uint64_t value, uint64_t to)
{
    return value / to * to;
}

static int impossible_cursor(const struct myl_producer *producer, const struct myl_participant *entry, uint64_t cursor)
{
    char id[MYL_ID_MAX + 1];
    myl_entry_id(entry, id);
    return myl_fail(MYL_ECORRUPT,
                    "ring \"%s\": the cursor of consumer \"%s\" is %" PRIu64 ", but only %" PRIu64
                    " events are published; evict it",
                    producer->handle.segment.name, id, cursor, myl_published(producer));
}

int myl_gate_minimum(const struct myl_producer *producer, uint64_t *minimum, uint32_t *gating)
{
    const struct myl_segment *segment = &producer->handle.segment;
    uint32_t entries = myl_segment_entries(segment);
    *minimum = UINT64_MAX;
    *gating = 0;
    for (uint32_t i = 0; i < entries; i++) {
        const struct myl_participant *entry = myl_segment_entry(segment, i);
        /* A13 state [acq]. Pairs: A23, J4 and J8: a joiner stores its cursor before its state. */
        uint32_t state = myl_load32_acq(&entry->state);
        if (state != MYL_PARTICIPANT_JOINING && state != MYL_PARTICIPANT_ACTIVE)
            continue;
        /* A8 cursor [acq]. Load it exactly once: a second load may return a larger value, and the minimum would exceed
         * another cursor. Pairs: A7, the release: the consumer has read its cells before they are overwritten. */
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
    uint64_t capacity = producer->handle.segment.head->capacity;
    uint64_t per_cell = producer->handle.segment.head->events_per_cell;
    uint64_t end = producer->hot.next + events;
    if (end <= capacity)
        return 0;
    return round_down(end - capacity + per_cell - 1, per_cell);
}

/* Protocol 4: no consumer gates. Computes the gate and the window that the no-consumer policy allows, or returns
 * MYL_EAGAIN if `events` do not fit. */
static int no_consumers(const struct myl_producer *producer, uint64_t events, uint64_t *minimum, uint64_t *window)
{
    const struct myl_segment *segment = &producer->handle.segment;
    uint64_t capacity = segment->head->capacity;
    uint64_t next = producer->hot.next;
    /* A24 gate [rlx]: only this producer and its predecessors store it. With no consumers, a joiner starts here. */
    uint64_t gate = myl_load_rlx(&segment->control->gate);
    if (gate > myl_published(producer))
        return myl_fail(MYL_ECORRUPT,
                        "ring \"%s\": the gate is %" PRIu64 ", but only %" PRIu64
                        " events are published; remove the ring",
                        segment->name, gate, myl_published(producer));
    *minimum = gate;
    *window = capacity;
    if (producer->no_consumers == MYL_STORED_BUFFER && producer->buffer < capacity)
        *window = producer->buffer;
    if (producer->no_consumers != MYL_STORED_OVERWRITE)
        return next + events <= round_down(gate, segment->head->events_per_cell) + *window ? MYL_OK : MYL_EAGAIN;
    uint64_t chunk = capacity / OVERWRITE_SHARE > 0 ? capacity / OVERWRITE_SHARE : 1;
    uint64_t wanted = myl_gate_cursor_for(producer, events);
    if (wanted > 0)
        wanted += chunk;
    if (wanted > myl_published(producer))
        wanted = myl_published(producer);
    return wanted > gate ? segment->cells->boundary(segment, gate, wanted, minimum) : MYL_OK;
}

int myl_gate_check(struct myl_producer *producer, uint64_t events)
{
    struct myl_segment *segment = &producer->handle.segment;
    struct myl_control *control = segment->control;
    uint64_t per_cell = segment->head->events_per_cell;
    /* A25 epoch [acq]. Pairs: A26, the successor's store. This producer may have lost its lock without noticing. */
    if (myl_load32_acq(&control->epoch) != producer->epoch)
        return myl_fail(MYL_ELOCKLOST,
                        "another producer took over ring \"%s\": this process closed the descriptor that held the "
                        "producer lock; close this handle",
                        segment->name);
    if (myl_load32_acq(&control->superseded) != 0) /* A15. Pairs: A14 */
        return myl_fail(MYL_ESUPERSEDED,
                        "ring \"%s\" was removed by force, and no participant can find it now; close this handle",
                        segment->name);
    for (int check = 0; check < CHECKS_MAX; check++) {
        uint64_t minimum, window = segment->head->capacity;
        uint32_t gating;
        MYL_STEP("G1");
        uint64_t version = myl_load_acq(&control->version); /* A27, step 1. Pairs: A28, J5 */
        MYL_STEP("G2");
        int rc = myl_gate_minimum(producer, &minimum, &gating); /* step 2 */
        if (rc == MYL_OK && gating == 0)
            rc = no_consumers(producer, events, &minimum, &window);
        if (rc != MYL_OK)
            return rc;
        uint64_t limit = round_down(minimum, per_cell);
        MYL_STEP("G3");
        if (!myl_liveness_policy.complete(producer) || producer->hot.next + events > limit + window)
            return MYL_EAGAIN; /* step 3, G3 */
        MYL_STEP("G4");
        /* A required consumer that the policy found may have joined after the scan and left again. Announcing the gate
         * past its position, even briefly, would lose its events. */
        if (myl_load_rlx(&control->version) != version) /* A27 */
            continue;
        /* A24 gate [rel], step 4. It only rises. It may be announced although step 6 starts again, since no limit is
         * derived from it while a consumer gates. The fence orders it before the version load and before each
         * overwrite. Release: a joiner that starts at the gate observes next >= gate (J3). Pairs: A29, J3, J7, O1. */
        if (minimum > myl_load_rlx(&control->gate))
            myl_store_rel(&control->gate, minimum);
        myl_fence_sc(); /* step 5, G5; pairs with J6 */
        MYL_STEP("G6");
        if (myl_load_rlx(&control->version) != version) /* A27, step 6: a consumer joined after step 1 */
            continue;
        MYL_STEP("G7");
        producer->limit = limit; /* step 7 */
        myl_producer_restore(producer, limit + window);
        return MYL_OK;
    }
    return MYL_EAGAIN;
}
