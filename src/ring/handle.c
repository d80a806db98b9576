/* SPDX-License-Identifier: MIT
 * The parts that all handles share. */
#include "ring/handle.h"

#include <inttypes.h>
#include <stdlib.h>

struct myl_i_geometry myl_geometry(const struct myl_segment *segment)
{
    const struct myl_header *head = &segment->head;
    return (struct myl_i_geometry){
        .cells = segment->data,
        .cells_end = segment->data + head->cells * head->cell_bytes,
        .cell_size = head->cell_bytes,
        .per_cell = head->events_per_cell,
        .event_size = head->event_bytes,
        .event_offset = head->event_offset,
        .mask = head->cells - 1,
    };
}

struct myl_i_walk myl_walk_from(const struct myl_segment *segment, uint64_t sequence)
{
    const struct myl_header *head = &segment->head;
    uint64_t cell = sequence / head->events_per_cell % head->cells;
    uint32_t index = (uint32_t)(sequence % head->events_per_cell);
    unsigned char *at = segment->data + cell * head->cell_bytes;
    return (struct myl_i_walk){
        .cell = at,
        .event = at + head->event_offset + (size_t)index * head->event_bytes,
        .left = head->events_per_cell - index,
    };
}

static int stamped_ahead(const struct myl_segment *segment, uint64_t sequence, uint64_t stamp)
{
    return myl_fail(MYL_ECORRUPT,
                    "ring \"%s\": the cell of event %" PRIu64 " is stamped %" PRIu64
                    ", which cannot be; remove the ring",
                    segment->name, sequence, stamp);
}

/* Position `at` is a record's first cell. */
static int end_of_record(const struct myl_segment *segment, uint64_t at, uint64_t *end)
{
    struct myl_i_walk walk = myl_walk_from(segment, at);
    const struct myl_record *record = (const struct myl_record *)(const void *)walk.cell;
    uint64_t stamp = myl_load_acq(&record->stamp); /* A20. Pairs: A1 */
    *end = at;
    if (stamp == 0)
        return MYL_OK;
    if (stamp != at + 1)
        return stamped_ahead(segment, at, stamp);
    uint64_t about = myl_load_rlx(&record->about); /* A81, once. Pairs: A82, before the stamp */
    if (!myl_record_is_possible(&segment->head, about))
        return myl_fail(MYL_ECORRUPT,
                        "ring \"%s\": the record at position %" PRIu64 " says %016" PRIx64
                        " of itself, which cannot be; remove the ring",
                        segment->name, at, about);
    *end = at + myl_record_cells(about & UINT32_MAX, (about & MYL_ABOUT_FAR) != 0);
    return MYL_OK;
}

int myl_published_end(const struct myl_segment *segment, uint64_t sequence, uint64_t *end)
{
    if (segment->head.kind == MYL_KIND_FRAMES)
        return end_of_record(segment, sequence, end);
    struct myl_i_walk walk = myl_walk_from(segment, sequence);
    /* A20 stamp [acq]. Pairs: A1, perhaps of a dead producer: the events are whole. */
    uint64_t stamp = myl_load_acq(myl_i_stamp(&walk));
    int published = stamp - sequence - 1 < segment->head.capacity;
    if (!published && myl_is_impossible(segment, stamp, sequence))
        return stamped_ahead(segment, sequence, stamp);
    *end = published ? stamp : sequence;
    return MYL_OK;
}

int myl_boundary_from(const struct myl_segment *segment, uint64_t from, uint64_t wanted, uint64_t *boundary)
{
    *boundary = wanted;
    if (segment->head.kind != MYL_KIND_FRAMES)
        return MYL_OK;
    *boundary = from;
    while (*boundary < wanted) {
        uint64_t end;
        int rc = end_of_record(segment, *boundary, &end);
        if (rc == MYL_OK && end == *boundary)
            rc = stamped_ahead(segment, end, 0);
        if (rc != MYL_OK)
            return rc;
        *boundary = end;
    }
    return MYL_OK;
}

int myl_is_impossible(const struct myl_segment *segment, uint64_t stamp, uint64_t sequence)
{
    if (segment->head.kind == MYL_KIND_FRAMES)
        return stamp != 0 && stamp != sequence + 1;
    return (int64_t)(stamp - sequence) > (int64_t)segment->head.capacity;
}

uint64_t myl_publish_need(const struct myl_segment *segment)
{
    return segment->head.kind == MYL_KIND_FRAMES ? myl_record_cells(segment->head.event_bytes, 1) + 1 : 1;
}

int myl_ask_for_producer(const struct myl_segment *segment, uint64_t next, int (*ready)(void *context), void *context)
{
    const struct myl_control *control = segment->control;
    MYL_STEP("D1");
    uint32_t epoch = myl_load32_acq(&control->epoch); /* A25, D1. Pairs: A26 */
    int held = myl_seat_held(segment, MYL_SEAT_PRODUCER);
    if (held != 0) { /* what cannot be told counts as alive; who has lost its descriptor is told so */
        int lost = held < 0 ? myl_segment_check(segment) : MYL_OK;
        return lost == MYL_OK ? MYL_EAGAIN : lost;
    }
    MYL_STEP("D2");
    int rc = ready(context);
    if (rc != MYL_EAGAIN)
        return rc; /* its last events, or its end of the stream, were faster */
    MYL_STEP("D3");
    uint32_t state = myl_load32_acq(&control->producer_state); /* A45. Pairs: A43 */
    uint32_t pid = myl_load32_rlx(&control->producer_pid);     /* A42 */
    MYL_STEP("D4");
    if (myl_load32_acq(&control->epoch) != epoch) /* A25: a successor came meanwhile, and the state is its */
        return MYL_EAGAIN;
    if (state == MYL_PRODUCER_LEFT)
        return myl_fail(MYL_EUNSEATED,
                        "the producer of ring \"%s\" left without ending the stream, %" PRIu64
                        " events in; wait for the next one, or close",
                        segment->name, next);
    myl_note_producer_death(segment, epoch);
    return myl_fail(MYL_EPRODUCERDEAD,
                    "the producer of ring \"%s\" (process %" PRIu32 ") died, %" PRIu64
                    " events in; restart it: it goes on there",
                    segment->name, pid, next);
}

int myl_handle_arm(struct myl_handle *handle, const myl_wait_options *wait,
                   void (*in_child)(struct myl_os_fork_node *node))
{
    int rc = myl_waiter_set_up(&handle->waiter, wait);
    if (rc != MYL_OK)
        return rc;
    handle->fork_node.in_child = in_child;
    int err = myl_os_fork_watch(&handle->fork_node);
    return err == 0 ? MYL_OK : myl_fail_errno(err, "no fork handler can be installed");
}

void myl_handle_disarm(struct myl_handle *handle)
{
    if (handle->forked) { /* closed when the child was made */
        if (!handle->segment.borrowed)
            free(handle->segment.path);
        return;
    }
    if (handle->fork_node.in_child != NULL)
        myl_os_fork_forget(&handle->fork_node);
    myl_segment_give_back(&handle->segment);
}

int myl_handle_forked(const struct myl_handle *handle)
{
    return myl_fail(MYL_EFORKED,
                    "this handle of ring \"%s\" was opened before the fork, by the parent; open one in the child",
                    handle->segment.name);
}

int myl_check_options(const void *options, size_t size, size_t known, const char *what)
{
    if (options == NULL || size == known)
        return MYL_OK;
    return myl_fail(MYL_EOPTIONS,
                    "%s has size %zu, this library knows %zu; set .size = sizeof it, and build against the "
                    "headers of the library in use",
                    what, size, known);
}
