/* SPDX-License-Identifier: MIT
 * A producer of frames: shape, opening, takeover, and the calls that Layer 0 answers. */
#include "frame/producer_open.h"

#include "base/error.h"
#include "frame/cells.h"
#include "frame/options.h"
#include "frame/producer.h"
#include "frame/record.h"
#include "ring/cells.h"
#include "ring/handle.h"
#include "ring/producer_open.h"
#include "ring/shape.h"
#include "ring/state.h"
#include "segment/name.h"
#include "segment/place.h"

#include <inttypes.h>
#include <stdlib.h>

#define RING_LEAST     MYL_SECTION_ALIGN
#define RING_MOST      ((uint64_t)1 << 38)
#define RING_DEFAULT   ((uint64_t)1 << 20)
#define FRAME_SHARE    4U
/* Cells of a record besides its payload: its first one, and the one of the next header's word. */
#define FRAME_ROOM     ((uint64_t)2 * MYL_CELL_ALIGN)
#define FRAME_DEFAULT_MOST ((uint64_t)1 << 30)
#define MESSAGE_DEFAULT ((uint64_t)16 << 20)

/* --- shape --------------------------------------------------------------------------------------------------- */

static int set_ring_bytes(struct myl_header *head, const myl_frame_producer_options *o)
{
    int huge = o->ring.backend == MYL_BACKEND_MEMFD && o->ring.memory.huge != MYL_REQUEST_OFF;
    uint64_t unit = huge ? MYL_HUGE_ALIGN : MYL_SECTION_ALIGN;
    uint64_t bytes = o->config.ring_bytes;
    if (bytes == 0) {
        bytes = myl_os_cache_bytes() / 2;
        bytes = bytes > RING_DEFAULT ? bytes : RING_DEFAULT;
    }
    if (bytes < RING_LEAST || bytes > RING_MOST)
        return myl_fail(MYL_ECAPACITY, "ring_bytes %" PRIu64 " is not %" PRIu64 " to %" PRIu64, bytes, RING_LEAST,
                        RING_MOST);
    head->cells = (bytes + unit - 1) / unit * unit / MYL_CELL_ALIGN;
    return MYL_OK;
}

static int set_limits(struct myl_header *head, const myl_frame_producer_options *o)
{
    uint64_t bytes = head->cells * MYL_CELL_ALIGN;
    uint64_t frame = o->config.max_frame;
    if (frame == 0)
        frame = bytes / FRAME_SHARE < FRAME_DEFAULT_MOST ? bytes / FRAME_SHARE : FRAME_DEFAULT_MOST;
    if (o->config.max_frame == 0 && o->config.max_message != 0 && o->config.max_message < frame)
        frame = o->config.max_message;
    /* Its own first cell, and the next header's word. */
    if (frame < MYL_CELL_ALIGN || frame > bytes - FRAME_ROOM)
        return myl_fail(MYL_EEVENTSIZE, "max_frame %" PRIu64 " is not %u to %" PRIu64 " (ring_bytes - 128)", frame,
                        MYL_CELL_ALIGN, bytes - FRAME_ROOM);
    uint64_t message = o->config.max_message;
    if (message == 0)
        message = frame > MESSAGE_DEFAULT ? frame : MESSAGE_DEFAULT;
    if (message < frame || message > MYL_SEGMENT_MAX)
        return myl_fail(MYL_EINVAL, "max_message %" PRIu64 " is not max_frame, %" PRIu64 ", to %" PRIu64, message,
                        frame, MYL_SEGMENT_MAX);
    head->event_bytes = (uint32_t)frame;
    head->message_max = message;
    return MYL_OK;
}

static int buffer_is_wrong(uint64_t asked, const struct myl_header *head)
{
    return myl_fail(MYL_EINVAL, "a buffer of %" PRIu64 " bytes is not %u to the ring's size, %" PRIu64, asked,
                    (unsigned)FRAME_ROOM, head->cells * MYL_CELL_ALIGN);
}

static int set_buffer(struct myl_header *head, const myl_frame_producer_options *o)
{
    if (o->ring.no_consumers != MYL_NO_CONSUMERS_BUFFER)
        return MYL_OK;
    if (o->ring.buffer < FRAME_ROOM || o->ring.buffer > head->cells * MYL_CELL_ALIGN)
        return buffer_is_wrong(o->ring.buffer, head);
    head->buffer = o->ring.buffer / MYL_CELL_ALIGN;
    return MYL_OK;
}

static struct myl_common_config common_of(const myl_frame_config *o)
{
    return (struct myl_common_config){o->max_consumers, o->type_id, o->label, o->spin_only};
}

/* Compared by address: each has its own. */
static const char *numbers_of(const struct myl_header *head)
{
    static const char *const name[] = {"MYL_FRAMES_BARE", "MYL_FRAMES_NUMBERED", "MYL_FRAMES_TIMED"};
    if (head->event_offset == MYL_RECORD_BARE)
        return name[0];
    return name[(head->flags & MYL_FLAG_TIMED) != 0 ? 2 : 1];
}

/* Options that are set must agree with the ring that exists. */
static int check_shape(const struct myl_segment *segment, const struct myl_shape *shape)
{
    const struct myl_header *is = segment->head, *asked = &shape->head;
    const myl_frame_producer_options *o = shape->options;
    const struct myl_common_config common = common_of(&o->config);
    int rc = myl_check_kind(segment, MYL_KIND_FRAMES);
    if (rc == MYL_OK && shape->description != NULL)
        rc = shape->description->check(segment, shape->description);
    if (rc == MYL_OK)
        rc = myl_shape_check_common(segment, &common, &o->ring);
    if (rc != MYL_OK)
        return rc;
    if (o->config.ring_bytes != 0 && asked->cells != is->cells)
        return MYL_SHAPE_DIFFERS(segment, MYL_ESHAPE, "ring_bytes", is->cells * MYL_CELL_ALIGN,
                                 asked->cells * MYL_CELL_ALIGN);
    if (o->config.max_frame != 0 && asked->event_bytes != is->event_bytes)
        return MYL_SHAPE_DIFFERS(segment, MYL_ESHAPE, "max_frame", is->event_bytes, asked->event_bytes);
    if (o->config.max_message != 0 && asked->message_max != is->message_max)
        return MYL_SHAPE_DIFFERS(segment, MYL_ESHAPE, "max_message", is->message_max, asked->message_max);
    if (o->config.lanes != 0 && asked->lanes != is->lanes)
        return MYL_SHAPE_DIFFERS(segment, MYL_ESHAPE, "lanes", is->lanes, asked->lanes);
    if (o->lane != NULL && is->lanes == 1)
        return myl_fail(MYL_ESHAPE, "ring \"%s\" is for one producer, lane \"%s\" was asked for; leave `lane` NULL",
                        segment->name, o->lane);
    if (o->config.numbers != MYL_FRAMES_DEFAULT && numbers_of(asked) != numbers_of(is))
        return myl_fail(MYL_ESHAPE,
                        "ring \"%s\" exists with numbers %s, %s was asked for; pass the same value, "
                        "MYL_FRAMES_DEFAULT to accept any, or remove it",
                        segment->name, numbers_of(is), numbers_of(asked));
    if (asked->buffer > is->cells)
        return buffer_is_wrong(o->ring.buffer, is);
    return MYL_OK;
}

static int set_lanes(struct myl_header *head, const myl_frame_producer_options *o)
{
    if (o->config.lanes > MYL_LANES_MAX)
        return myl_fail(MYL_EINVAL, "%" PRIu32 " lanes are more than %d", o->config.lanes, MYL_LANES_MAX);
    head->lanes = o->config.lanes == 0 ? 1 : o->config.lanes;
    return o->lane != NULL ? myl_check_id(o->lane, MYL_ID_MAX) : MYL_OK;
}

static int make_shape(struct myl_shape *made, const myl_frame_producer_options *o)
{
    struct myl_header *head = &made->head;
    *made = (struct myl_shape){.check = check_shape, .options = o, .lane = o->lane, .cells = &myl_record_cell_ops};
    if ((unsigned)o->config.numbers > MYL_FRAMES_TIMED)
        return myl_fail(MYL_EINVAL, "numbers %d is none of the known ones", (int)o->config.numbers);
    const struct myl_common_config common = common_of(&o->config);
    int rc = myl_shape_common(head, &common, &o->ring);
    if (rc == MYL_OK)
        rc = set_ring_bytes(head, o);
    if (rc == MYL_OK)
        rc = set_limits(head, o);
    if (rc == MYL_OK)
        rc = set_buffer(head, o);
    if (rc == MYL_OK)
        rc = set_lanes(head, o);
    head->kind = MYL_KIND_FRAMES;
    head->cell_bytes = head->event_align = MYL_CELL_ALIGN;
    head->events_per_cell = 1;
    head->event_offset = o->config.numbers <= MYL_FRAMES_BARE ? MYL_RECORD_BARE : MYL_RECORD_NUMBERED;
    head->flags |= o->config.numbers == MYL_FRAMES_TIMED ? MYL_FLAG_TIMED : 0U;
    return rc;
}

/* --- takeover ------------------------------------------------------------------------------------------------- */

/* Reads the number of messages begun up to `next`. */
static int find_count(struct myl_frame_producer *producer)
{
    const struct myl_segment *segment = &producer->ring.handle.segment;
    uint64_t next = producer->hot.ring->next;
    producer->timed = (segment->head->flags & MYL_FLAG_TIMED) != 0;
    if (segment->head->event_offset != MYL_RECORD_NUMBERED || next == 0)
        return MYL_OK;
    for (unsigned i = 0; i < 2; i++) {
        const struct myl_count *count = &segment->control->count[i];
        if (myl_load_acq(&count->at) == next) { /* A87. Pairs: A86 */
            producer->count = i;
            producer->messages = myl_load_rlx(&count->messages); /* A87 */
            return MYL_OK;
        }
    }
    return myl_fail(MYL_ECORRUPT,
                    "ring \"%s\": nothing says how many messages there are before position %" PRIu64
                    "; remove the ring",
                    segment->name, next);
}

/* Publishes an abort record if the predecessor died between fragments: consumers that hold the first ones learn it
 * before the next message. */
static int end_unfinished(struct myl_frame_producer *producer)
{
    const struct myl_segment *segment = &producer->ring.handle.segment;
    uint64_t at = myl_load_acq(&segment->control->gate), next = producer->hot.ring->next; /* A29 */
    unsigned flags = MYL_RECORD_LAST;
    if (next - at > segment->head->capacity)
        return myl_fail(MYL_ECORRUPT,
                        "ring \"%s\": published up to position %" PRIu64 " and overwritten up to %" PRIu64
                        " cannot both be; remove the ring",
                        segment->name, next, at);
    while (at < next) { /* records below the gate may be overwritten; those from it on are valid */
        struct myl_i_cell_iterator iterator = myl_iterator_at(segment, at);
        struct myl_frame_head record;
        if (!myl_frame_read_head(segment->head, iterator.cell, &record))
            return myl_frame_corrupt(segment->name, at, &record);
        flags = record.flags;
        at += record.cells;
    }
    if ((flags & (MYL_RECORD_LAST | MYL_RECORD_ABORTED)) == 0)
        myl_frame_give_up(producer);
    return MYL_OK;
}

static int start(struct myl_frame_producer *producer, const char *name, const myl_ring_options *ring,
                 const struct myl_shape *shape)
{
    int rc = myl_producer_start(&producer->ring, name, ring, shape);
    if (rc != MYL_OK)
        return rc;
    struct myl_i_frame_producer_hot *f = &producer->hot;
    f->ring = &producer->ring.hot;
    f->lap = f->ring->next - f->ring->next % producer->ring.handle.segment.head->capacity;
    f->tally = producer->ring.counters == MYL_COUNTERS_FULL ? &producer->ring.handle.segment.control->tally
                                                            : &producer->ring.no_tally;
    f->cleared = 0; /* F6: not more, a claim of the predecessor may follow */
    rc = find_count(producer);
    if (rc == MYL_OK)
        rc = end_unfinished(producer);
    if (rc != MYL_OK)
        myl_producer_stop(&producer->ring, 0);
    return rc;
}

int myl_frame_producer_open(myl_frame_producer **producer, const char *name, const myl_frame_producer_options *options)
{
    MYL_I_NOT_NULL(producer);
    return myl_frame_producer_open_described(producer, name, options, NULL);
}

int myl_frame_producer_open_described(struct myl_frame_producer **producer, const char *name,
                                      const myl_frame_producer_options *options,
                                      const struct myl_description *description)
{
    myl_frame_producer_options o;
    struct myl_shape shape;
    *producer = NULL;
    int rc = myl_frame_producer_options_copy(&o, options);
    if (rc == MYL_OK)
        rc = make_shape(&shape, &o);
    if (rc != MYL_OK)
        return rc;
    shape.description = description;
    myl_frame_producer *made = calloc(1, sizeof *made);
    if (made == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for a producer");
    rc = start(made, name, &o.ring, &shape);
    if (rc != MYL_OK) {
        free(made);
        return rc;
    }
    myl_segment_keep_pin(&made->ring.handle.segment);
    *producer = made;
    myl_error_clear();
    return MYL_OK;
}

void myl_frame_producer_close(myl_frame_producer *producer)
{
    if (producer != NULL)
        myl_producer_stop(&producer->ring, 1);
    free(producer);
}

void myl_frame_producer_leave(myl_frame_producer *producer)
{
    if (producer != NULL)
        myl_producer_stop(&producer->ring, 0);
    free(producer);
}

/* --- calls of the ring below ------------------------------------------------------------------------------------- */

int myl_frame_producer_wait_consumed(myl_frame_producer *producer, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(producer);
    return myl_producer_wait_consumed(&producer->ring, myl_producer_last_published(&producer->ring), timeout_ns);
}

int myl_frame_producer_wait_consumers(myl_frame_producer *producer, const char *prefix, uint32_t count,
                                      int64_t timeout_ns)
{
    MYL_I_NOT_NULL(producer);
    return myl_producer_wait_consumers(&producer->ring, prefix, count, timeout_ns);
}

uint64_t myl_frame_producer_messages(const myl_frame_producer *producer)
{
    MYL_I_NOT_NULL(producer);
    return producer->messages;
}

void myl_frame_producer_interrupt(myl_frame_producer *producer)
{
    MYL_I_NOT_NULL(producer);
    myl_producer_interrupt(&producer->ring);
}

const myl_producer *myl_frame_producer_ring(const myl_frame_producer *producer)
{
    MYL_I_NOT_NULL(producer);
    return &producer->ring;
}
