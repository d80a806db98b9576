/* SPDX-License-Identifier: MIT
 * The consumer of frames: the calls, over one reader or several. */
#include "frame/consumer.h"

#include "base/error.h"
#include "base/text.h"
#include "frame/merge.h"
#include "frame/options.h"
#include "registry/participant.h"
#include "ring/attach.h"
#include "ring/consumer.h"
#include "ring/consumer_open.h"
#include "ring/divert.h"
#include "ring/handle.h"
#include "ring/peer.h"
#include "segment/id.h"
#include "segment/lane.h"
#include "segment/name.h"
#include "segment/place.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Each handle has a reader of lane 0. */
static const struct myl_handle *handle_of(const struct myl_frame_consumer *consumer)
{
    return &consumer->reader[0]->ring.handle;
}

static const struct myl_segment *segment_of(const struct myl_frame_consumer *consumer)
{
    return &handle_of(consumer)->segment;
}

/* --- next and release --------------------------------------------------------------------------------------------- */

static int next_of_one(struct myl_frame_consumer *consumer, myl_message *message, int64_t timeout_ns)
{
    return myl_reader_next(&consumer->own, message, timeout_ns);
}

static int peek_of_one(struct myl_frame_consumer *consumer, myl_message *message, int64_t timeout_ns)
{
    return myl_reader_peek(&consumer->own, message, timeout_ns);
}

int myl_i_frame_next_slow(myl_frame_consumer *consumer, myl_message *message, int64_t timeout_ns)
{
    if (handle_of(consumer)->forked)
        return myl_handle_forked(handle_of(consumer));
    return consumer->next(consumer, message, timeout_ns);
}

int myl_i_frame_release_slow(myl_frame_consumer *consumer)
{
    int rc = MYL_OK;
    if (consumer->count == 1) /* the inline call has stored its cursor */
        return myl_i_release_slow(&consumer->own.ring);
    if (handle_of(consumer)->forked)
        return myl_handle_forked(handle_of(consumer));
    for (uint32_t i = 0; i < consumer->count; i++) {
        int released = myl_reader_release(consumer->reader[i]);
        rc = rc == MYL_OK ? released : rc;
    }
    return rc;
}

int myl_frame_consumer_release_message(myl_frame_consumer *consumer, const myl_message *message)
{
    MYL_I_NOT_NULL(consumer);
    MYL_I_NOT_NULL(message);
    if (handle_of(consumer)->forked)
        return myl_handle_forked(handle_of(consumer));
    if (message->lane >= consumer->count)
        return myl_fail(MYL_EINVAL, "ring \"%s\" has no lane %" PRIu32 "; it has %" PRIu32 ", counted from 0",
                        segment_of(consumer)->name, message->lane, consumer->count);
    return myl_reader_release_message(consumer->reader[message->lane], message);
}

int myl_i_frame_end_slow(const myl_frame_consumer *consumer)
{
    for (uint32_t i = 0; i < consumer->count; i++) {
        if (myl_reader_has_more(consumer->reader[i]))
            return 0;
    }
    return 1;
}

void myl_frame_consumer_rewind(myl_frame_consumer *consumer)
{
    MYL_I_NOT_NULL(consumer);
    for (uint32_t i = 0; i < consumer->count; i++)
        myl_reader_rewind(consumer->reader[i]);
}

void myl_frame_count(struct myl_frame_consumer *consumer, uint32_t lane, enum myl_counter counter)
{
    myl_participant_count(consumer->reader[lane]->ring.member.entry, counter, 1);
}

void myl_frame_mark(struct myl_frame_consumer *consumer)
{
    struct myl_frame_reader *reader = consumer->reader[consumer->turn];
    reader->before = reader->ring.hot.next;
}

bool myl_frame_give_back(struct myl_frame_consumer *consumer, const myl_message *message)
{
    struct myl_frame_reader *reader = consumer->reader[message->lane];
    if (message->position < reader->ring.hot.acknowledged)
        return false;
    myl_reader_put_back(reader, message);
    consumer->turn = message->lane; /* it stays the next one */
    consumer->messages = consumer->cells = 0;
    return true;
}

uint64_t myl_frame_leased(const struct myl_frame_consumer *consumer)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < consumer->count; i++) {
        uint64_t leased = myl_reader_leased(consumer->reader[i]);
        most = leased > most ? leased : most;
    }
    return most;
}

int myl_frame_consumer_get(myl_frame_consumer *consumer, void *buffer, size_t bytes, myl_message *message,
                           int64_t timeout_ns)
{
    MYL_I_NOT_NULL(consumer);
    MYL_I_NOT_NULL(message);
    const struct myl_segment *segment = segment_of(consumer);
    uint64_t leased = myl_frame_leased(consumer);
    if (handle_of(consumer)->forked)
        return myl_handle_forked(handle_of(consumer));
    if (leased != 0)
        return myl_fail(MYL_ENOTCLAIMED,
                        "ring \"%s\": %" PRIu64 " bytes are leased and not released; release them before copying out",
                        segment->name, leased * MYL_CELL_ALIGN);
    myl_frame_mark(consumer);
    consumer->target = (struct myl_frame_target){buffer, bytes};
    int rc = myl_frame_consumer_next(consumer, message, timeout_ns);
    consumer->target.data = NULL;
    myl_reader_leave_target(&consumer->own);
    if (rc == MYL_OK && message->data != buffer) {
        if (message->length > bytes) {
            (void)myl_frame_give_back(consumer, message);
            rc = myl_frame_too_small(segment->name, message->length, bytes);
        } else if (message->length > 0) {
            memcpy(buffer, message->data, (size_t)message->length);
        }
    }
    if (rc == MYL_OK || rc == MYL_EBUFFER)
        message->data = buffer;
    return rc == MYL_OK ? myl_frame_consumer_release(consumer) : rc;
}

int myl_frame_consumer_peek(myl_frame_consumer *consumer, myl_message *message, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(consumer);
    MYL_I_NOT_NULL(message);
    if (handle_of(consumer)->forked)
        return myl_handle_forked(handle_of(consumer));
    return consumer->peek(consumer, message, timeout_ns);
}

/* --- other calls -------------------------------------------------------------------------------------------------- */

uint64_t myl_frame_consumer_skipped(const myl_frame_consumer *consumer)
{
    MYL_I_NOT_NULL(consumer);
    uint64_t skipped = 0;
    for (uint32_t i = 0; i < consumer->count; i++)
        skipped += consumer->reader[i]->skipped;
    return skipped;
}

int myl_frame_consumer_lane(const myl_frame_consumer *consumer, uint32_t lane, char id[MYL_ID_MAX + 1])
{
    MYL_I_NOT_NULL(consumer);
    MYL_I_NOT_NULL(id);
    const struct myl_segment *segment = segment_of(consumer);
    if (handle_of(consumer)->forked)
        return myl_handle_forked(handle_of(consumer));
    if (lane >= segment->head->lanes)
        return myl_fail(MYL_EINVAL, "ring \"%s\" has no lane %" PRIu32 "; it has %" PRIu32 ", counted from 0",
                        segment->name, lane, segment->head->lanes);
    struct myl_segment view = myl_segment_lane(segment, lane);
    myl_id_words(view.control->lane_id, id);
    myl_text_clean(id);
    return MYL_OK;
}

void myl_frame_consumer_interrupt(myl_frame_consumer *consumer)
{
    MYL_I_NOT_NULL(consumer);
    myl_consumer_interrupt(&consumer->reader[0]->ring); /* waits use the means of the first */
}

const myl_consumer *myl_frame_consumer_ring(const myl_frame_consumer *consumer)
{
    MYL_I_NOT_NULL(consumer);
    return &consumer->reader[0]->ring;
}

void myl_frame_consumer_set_activity(myl_frame_consumer *consumer, const char *text, int64_t duration_ns)
{
    MYL_I_NOT_NULL(consumer);
    for (uint32_t i = 0; i < consumer->count; i++)
        myl_consumer_set_activity(&consumer->reader[i]->ring, text, duration_ns);
}

static bool lives(const myl_peer *peer)
{
    return peer->state == MYL_PEER_ALIVE || peer->state == MYL_PEER_BUSY;
}

int myl_frame_consumer_peer(myl_frame_consumer *consumer, myl_peer *peer)
{
    MYL_I_NOT_NULL(consumer);
    MYL_I_NOT_NULL(peer);
    myl_peer best = {.size = sizeof best};
    int rc = myl_peer_give(peer, &best);
    if (rc == MYL_OK)
        rc = myl_peer_take(&consumer->reader[0]->ring, &best);
    for (uint32_t i = 1; rc == MYL_OK && i < consumer->count; i++) {
        myl_peer other = {.size = sizeof other};
        rc = myl_peer_take(&consumer->reader[i]->ring, &other);
        uint64_t unread = best.available + other.available;
        if (!lives(&best) && (lives(&other) || (best.activity[0] == '\0' && other.activity[0] != '\0')))
            best = other;
        best.available = unread;
    }
    return rc == MYL_OK ? myl_peer_give(peer, &best) : rc;
}

/* --- as one of several that a wait is for ------------------------------------------------------------------------- */

static bool source_ready(void *context)
{
    struct myl_frame_consumer *consumer = context;
    return consumer->count == 1 ? myl_reader_is_ready(&consumer->own) : myl_merge_is_ready(consumer);
}

static bool source_overdue(void *context)
{
    struct myl_frame_consumer *consumer = context;
    return consumer->count == 1 ? myl_reader_is_overdue(&consumer->own) : myl_merge_is_overdue(consumer);
}

static void source_begin(void *context)
{
    struct myl_frame_consumer *consumer = context;
    for (uint32_t i = 0; i < consumer->count; i++) {
        struct myl_consumer *ring = &consumer->reader[i]->ring;
        myl_consumer_begin(ring);
        if (consumer->count > 1 && ring->checks_liveness) {
            ring->checks_liveness = false;
            myl_merge_keep_found(consumer, true);
        }
    }
}

static void source_before_park(void *context)
{
    struct myl_frame_consumer *consumer = context;
    for (uint32_t i = 0; i < consumer->count; i++)
        myl_consumer_before_park(&consumer->reader[i]->ring);
}

static void source_end(void *context, bool ready)
{
    struct myl_frame_consumer *consumer = context;
    int rc =
        ready && consumer->count == 1 ? MYL_OK : MYL_EAGAIN; /* of several, a read clears the time without a record */
    for (uint32_t i = 0; i < consumer->count; i++)
        myl_consumer_end_wait(&consumer->reader[i]->ring, rc);
}

void myl_frame_consumer_source(struct myl_frame_consumer *consumer, struct myl_wait_source *source)
{
    myl_consumer_source(&consumer->reader[0]->ring, source); /* all lanes have one data word */
    source->context = consumer;
    source->ready = source_ready;
    source->overdue = source_overdue;
    source->begin = source_begin;
    source->before_park = source_before_park;
    source->end = source_end;
}

/* --- open and close ----------------------------------------------------------------------------------------------- */

/* Lane 0 last: its place is what keeps the id, its descriptor carries all locks, and its leaving checks whether the
 * ring can go. The first reader of several is another handle's own: see join_lanes. */
static void drop(struct myl_frame_consumer *consumer, void (*stop)(struct myl_consumer *ring))
{
    while (consumer->count > 0) {
        struct myl_frame_reader *reader = consumer->reader[--consumer->count];
        myl_reader_leave(reader, stop);
        if (reader != &consumer->own)
            free(reader);
    }
    free(consumer);
}

/* Allocates a zeroed handle for `readers` readers. */
static struct myl_frame_consumer *new_handle(uint32_t readers)
{
    size_t pointers = readers * sizeof(struct myl_frame_reader *);
    struct myl_frame_consumer *made = calloc(1, sizeof *made + pointers);
    if (made == NULL)
        (void)myl_fail(MYL_ENOMEM, "no memory for a consumer");
    return made;
}

/* Makes a handle whose own reader has joined lane 0. */
static int join_first(struct myl_frame_consumer **consumer, const char *name, const struct myl_reader_request *asked)
{
    struct myl_frame_consumer *made = new_handle(1);
    if (made == NULL)
        return MYL_ENOMEM;
    int rc = myl_reader_join(&made->own, name, asked);
    if (rc != MYL_OK) {
        free(made);
        return rc;
    }
    made->reader[made->count++] = &made->own;
    made->own.target = &made->target;
    made->next = next_of_one;
    made->peek = peek_of_one;
    *consumer = made;
    return MYL_OK;
}

/* Joins the lanes that are missing. */
static int join_others(struct myl_frame_consumer *consumer, uint32_t lanes, const struct myl_reader_request *asked)
{
    int rc = MYL_OK;
    while (rc == MYL_OK && consumer->count < lanes) {
        struct myl_frame_reader *made = calloc(1, sizeof *made);
        if (made == NULL)
            return myl_fail(MYL_ENOMEM, "no memory for a consumer");
        rc = myl_reader_join_lane(made, consumer->reader[0], consumer->count, asked);
        made->target = &consumer->target;
        if (rc == MYL_OK)
            consumer->reader[consumer->count++] = made;
        else
            free(made);
    }
    return rc;
}

/* `first` has joined lane 0 of several: makes a handle of readers of all lanes, of which the own one of `first` is the
 * first; it is the first member of `first` and freed with it. MYL_OUTCOME_REPLACED. On failure nothing is
 * left, `first` neither. */
static int join_lanes(struct myl_frame_consumer **consumer, struct myl_frame_consumer *first,
                      const struct myl_reader_request *asked)
{
    uint32_t lanes = segment_of(first)->head->lanes;
    struct myl_error_saved saved;
    struct myl_frame_consumer *made = new_handle(lanes);
    *consumer = NULL;
    if (made == NULL) {
        drop(first, myl_consumer_abandon);
        return myl_fail(MYL_ENOMEM, "no memory for a consumer");
    }
    first->own.retains = true;
    made->reader[made->count++] = &first->own;
    first->own.target = &made->target;
    made->next = myl_merge_next;
    made->peek = myl_merge_peek;
    myl_consumer_divert(&made->own.ring, MYL_DIVERT_LANES);
    int rc = join_others(made, lanes, asked);
    if (rc != MYL_OK) {
        myl_error_save(&saved); /* of what leaving may fail with */
        drop(made, myl_consumer_abandon);
        myl_error_restore(&saved);
        return rc;
    }
    *consumer = made;
    return MYL_OK;
}

int myl_frame_consumer_open(myl_frame_consumer **consumer, const char *name, const myl_frame_consumer_options *options)
{
    MYL_I_NOT_NULL(consumer);
    return myl_frame_consumer_open_described(consumer, name, options, NULL);
}

int myl_frame_consumer_open_described(struct myl_frame_consumer **consumer, const char *name,
                                      const myl_frame_consumer_options *options,
                                      const struct myl_description *description)
{
    myl_frame_consumer_options o;
    myl_role_options role;
    const struct myl_reader_request asked = {&o, description};
    struct myl_frame_consumer *made = NULL;
    *consumer = NULL;
    int rc = myl_frame_consumer_options_take(&o, &role, options);
    if (rc == MYL_OK && o.observe_lane != 0)
        rc = myl_fail(MYL_EINVAL, "observe_lane is %" PRIu32 ", but a consumer reads all lanes; leave observe_lane 0",
                      o.observe_lane);
    if (rc != MYL_OK)
        return rc;
    do { /* again only if the name was given to another ring between two lanes */
        rc = join_first(&made, name, &asked);
        if (rc == MYL_OK && segment_of(made)->head->lanes > 1)
            rc = join_lanes(&made, made, &asked);
    } while (rc == MYL_OUTCOME_REPLACED);
    if (made == NULL) /* rc is the reason */
        return rc;
    myl_segment_keep_pin(&made->reader[0]->ring.handle.segment);
    *consumer = made;
    myl_error_clear();
    return MYL_OK;
}

void myl_frame_consumer_close(myl_frame_consumer *consumer)
{
    if (consumer != NULL)
        drop(consumer, myl_consumer_stop);
}
