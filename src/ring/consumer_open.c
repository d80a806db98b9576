/* SPDX-License-Identifier: MIT
 * Opening and closing a consumer. */
#include "ring/consumer_open.h"

#include "base/error.h"
#include "registry/leave.h"
#include "registry/participant.h"
#include "ring/attach.h"
#include "ring/cells.h"
#include "ring/divert.h"
#include "ring/handle.h"
#include "segment/lane.h"
#include "segment/place.h"

#include <stdlib.h>
#include <string.h>

static void in_child(struct myl_os_fork_node *node)
{
    struct myl_consumer *consumer =
        (struct myl_consumer *)(void *)((char *)node - offsetof(struct myl_consumer, handle.fork_node));
    consumer->handle.forked = 1;
    myl_consumer_divert(consumer, MYL_DIVERT_FORKED);
    myl_segment_forked(&consumer->handle.segment);
}

/* Returns the end of a publish at or after `from`, the start of this consumer; `from` itself if nothing follows. */
static uint64_t published_end(const struct myl_segment *segment, uint64_t from)
{
    uint64_t end = myl_load_acq(&segment->control->next); /* A4. Pairs: A3 */
    uint64_t before;
    do { /* a dead producer may have stored the stamp but not `next` */
        before = end;
    } while (end < from && segment->cells->published_end(segment, before, &end) == MYL_OK && end != before);
    return end - from <= segment->head->capacity ? end : from;
}

static void start_hot(struct myl_consumer *consumer, const myl_reader_options *o)
{
    struct myl_segment *segment = &consumer->handle.segment;
    struct myl_i_consumer_hot *h = &consumer->hot;
    h->next = h->acknowledged = consumer->room_checked = consumer->joined.start;
    h->ring = myl_geometry(segment);
    h->lease = myl_iterator_at(segment, h->next);
    h->window = segment->head->capacity;
    consumer->span = segment->cells->span(segment);
    h->known = consumer->first_end = published_end(segment, h->next);
    consumer->checked_at = h->next;
    h->room_check = h->next + segment->head->capacity / MYL_ROOM_SHARE;
    h->cursor = &consumer->member.entry->cursor;
    h->generation = &consumer->member.entry->generation;
    h->room = &segment->control->room.word;
    h->tally = o->counters == MYL_COUNTERS_FULL ? &consumer->member.entry->tally : &consumer->no_tally;
    myl_participant_set_level(consumer->member.entry, o->counters);
    consumer->on_death = o->on_death;
    consumer->peer_epoch = myl_load32_acq(&segment->control->epoch); /* A25 */
    consumer->peer_next = myl_load_acq(&segment->control->next);     /* A4 */
    consumer->peer_since = myl_os_now();
    consumer->liveness_ns = o->liveness_ns == 0 ? MYL_CONSUMER_LIVENESS_NS : o->liveness_ns;
    consumer->liveness_most_ns = o->liveness_ns == 0 ? MYL_CONSUMER_LIVENESS_MOST_NS : o->liveness_ns;
}

static int join(struct myl_consumer *consumer, const myl_reader_options *o)
{
    struct myl_membership *member = &consumer->member;
    struct myl_join_request request = {.id = o->id, .prefix = o->prefix, .start = o->start, .role = o->role};
    int rc = myl_join(&consumer->handle.segment, &request, member);
    consumer->hot.own_generation = member->generation;
    consumer->joined =
        (myl_joined){.entry = member->index, .resumed = member->resumed, .start = member->start, .lost = member->lost};
    memcpy(consumer->joined.id, member->id, sizeof member->id);
    return rc;
}

static int set_up(struct myl_consumer *consumer, const char *name, const myl_reader_options *o,
                  const struct myl_expectation *expected, myl_prepare *prepare, const void *context)
{
    struct myl_deadline until = myl_attach_deadline(o);
    /* All steps that can fail precede the join. After it, a failing consumer would have to leave, and so give up the
     * unread events of the dead predecessor that it resumed. */
    int rc = myl_handle_arm(&consumer->handle, &o->wait, in_child);
    if (rc != MYL_OK)
        return rc;
    do { /* repeats only if the name moved to another segment in between */
        rc = myl_attach(&consumer->handle.segment, name, o, expected, 0, until);
        if (rc == MYL_OK && prepare != NULL)
            rc = prepare(consumer, context);
        if (rc != MYL_OK)
            return rc;
        rc = join(consumer, o);
        if (rc == MYL_OUTCOME_REPLACED)
            myl_segment_close(&consumer->handle.segment);
    } while (rc == MYL_OUTCOME_REPLACED);
    if (rc == MYL_OK)
        start_hot(consumer, o);
    return rc;
}

int myl_consumer_start(struct myl_consumer *consumer, const char *name, const myl_reader_options *o,
                       const struct myl_expectation *expected, myl_prepare *prepare, const void *context)
{
    consumer->handle.segment.fd = -1;
    int rc = set_up(consumer, name, o, expected, prepare, context);
    if (rc != MYL_OK) /* it has not joined: the join is the last step that can fail */
        myl_handle_disarm(&consumer->handle);
    return rc;
}

int myl_consumer_start_lane(struct myl_consumer *consumer, const struct myl_consumer *first, uint32_t lane,
                            const myl_reader_options *options, myl_prepare *prepare, const void *context)
{
    myl_reader_options o = *options;
    struct myl_segment *segment = &consumer->handle.segment;
    o.id = first->joined.id;
    o.prefix = NULL;
    int rc = myl_handle_arm(&consumer->handle, &o.wait, in_child);
    if (rc == MYL_OK)
        rc = myl_segment_share(segment, &first->handle.segment, lane, 0);
    else
        segment->fd = -1;
    if (rc == MYL_OK)
        rc = myl_segment_place(segment, &o.memory, -1);
    if (rc == MYL_OK && prepare != NULL)
        rc = prepare(consumer, context);
    if (rc == MYL_OK)
        rc = join(consumer, &o);
    if (rc == MYL_OK)
        start_hot(consumer, &o);
    else
        myl_handle_disarm(&consumer->handle);
    return rc;
}

void myl_consumer_abandon(struct myl_consumer *consumer)
{
    if (!consumer->handle.forked)
        myl_unjoin(&consumer->handle.segment, &consumer->member);
    myl_handle_disarm(&consumer->handle);
}

void myl_consumer_stop(struct myl_consumer *consumer)
{
    if (!consumer->handle.forked)
        myl_leave(&consumer->handle.segment, &consumer->member, consumer->hot.acknowledged);
    myl_handle_disarm(&consumer->handle);
}

int myl_consumer_open(myl_consumer **consumer, const char *name, const myl_consumer_options *options)
{
    MYL_I_NOT_NULL(consumer);
    myl_consumer_options o;
    struct myl_expectation expected;
    myl_role_options role;
    *consumer = NULL;
    int rc = myl_consumer_options_take(&o, &expected, &role, options);
    if (rc != MYL_OK)
        return rc;
    myl_consumer *made = calloc(1, sizeof *made);
    if (made == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for a consumer");
    rc = myl_consumer_start(made, name, &o.ring, &expected, NULL, NULL);
    if (rc != MYL_OK) {
        free(made);
        return rc;
    }
    myl_segment_keep_pin(&made->handle.segment);
    *consumer = made;
    myl_error_clear();
    return MYL_OK;
}

void myl_consumer_close(myl_consumer *consumer)
{
    if (consumer != NULL)
        myl_consumer_stop(consumer);
    free(consumer);
}
