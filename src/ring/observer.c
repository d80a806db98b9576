/* SPDX-License-Identifier: MIT
 * Observers: they read without gating, and are told exactly what they missed. Protocol 4, O1 to O6;
 * models/observer.pml. */
#include "ring/observer.h"

#include <inttypes.h>
#include <stdlib.h>

/* One attempt. */
struct look {
    struct myl_observer *observer;
    void *event;
    size_t bytes;
    uint64_t at;               /* sequence read, if it was */
};

int myl_observer_nothing_there(const struct myl_observer *observer, uint64_t at)
{
    const struct myl_segment *segment = &observer->handle.segment;
    uint32_t superseded = myl_load32_acq(&segment->control->superseded); /* A15, first: as in consumer.c */
    uint64_t closed = myl_load_acq(&segment->control->closed);           /* A16 */
    int ended = closed != 0 && closed - 1 <= at;
    uint64_t end; /* protocol 7: the stamps are stored before */
    if ((ended || superseded != 0) && myl_published_end(segment, at, &end) == MYL_OK && end != at)
        return MYL_OK;
    if (ended)
        return myl_fail(MYL_ECLOSED, "ring \"%s\" was closed behind event %" PRId64, segment->name,
                        (myl_sequence)closed - 2);
    if (superseded != 0)
        return myl_fail(MYL_ESUPERSEDED, "this session of ring \"%s\" was ended by force; open it again",
                        segment->name);
    return MYL_EAGAIN;
}

/* O2. Stamps tell where a publish ended, and that is where an observer stands that reads on; one that was thrown back
 * to the gate stands anywhere behind the producer's word. Overwritten events were published too: O6 is for those. */
static int is_published(struct myl_observer *observer, uint64_t at)
{
    const struct myl_segment *segment = &observer->handle.segment;
    if (at > observer->known)
        observer->known = myl_load_acq(&segment->control->next); /* A4. Pairs: A3 */
    if (at < observer->known)
        return 1;
    struct myl_i_walk walk = myl_walk_from(segment, at);
    uint64_t stamp = myl_load_acq(myl_i_stamp(&walk)); /* A2 */
    if (at != observer->known || stamp - at - 1 >= segment->head.capacity)
        return 0;
    observer->known = stamp;
    return 1;
}

static int read_next(void *context)
{
    struct look *look = context;
    struct myl_observer *observer = look->observer;
    const struct myl_segment *segment = &observer->handle.segment;
    look->at = observer->next;
    int again = 0;
    for (;;) {
        MYL_STEP("O1");
        uint64_t gate = myl_load_acq(&segment->control->gate); /* A29, O1. Pairs: A24 */
        if (look->at < gate)
            look->at = gate;
        if (!is_published(observer, look->at)) {
            if (myl_load_acq(&segment->control->gate) > look->at) /* A29 */
                continue;
            int rc = myl_observer_nothing_there(observer, look->at);
            if (rc != MYL_OK || again)
                return rc == MYL_OK ? MYL_EAGAIN : rc;
            again = 1; /* once: what looks published twice and is not is damage, not haste */
            continue;
        }
        uint32_t size = segment->head.event_bytes; /* O3: as the checked header says, nothing to clamp */
        MYL_STEP("O4");
        struct myl_i_walk walk = myl_walk_from(segment, look->at);
        myl_copy_rlx(look->event, walk.event, look->bytes < size ? look->bytes : size); /* O4; A50 */
        MYL_STEP("O5");
        myl_fence_acq(); /* O5: the copy is before the gate below */
        if (myl_load_rlx(&segment->control->gate) <= look->at) /* A29, O6. Pairs: A24 before the fence of step 5 */
            return MYL_OK;
    }
}

/* What one wait of an observer is about. */
struct wish {
    struct myl_observer *observer;
    int (*read)(void *context);
    void *context;
};

static int ready(void *context)
{
    struct wish *wish = context;
    return wish->read(wish->context);
}

static int overdue(void *context)
{
    struct wish *wish = context;
    if (wish->observer->on_death == MYL_DEATH_WAIT)
        return MYL_EAGAIN;
    return myl_ask_for_producer(&wish->observer->handle.segment, wish->observer->next, wish->read, wish->context);
}

int myl_observer_wait(struct myl_observer *observer, int (*read)(void *context), void *context, int64_t timeout_ns)
{
    int rc = read(context);
    if (rc != MYL_EAGAIN || timeout_ns == MYL_TRY)
        return rc;
    int parks = (observer->handle.segment.head.flags & MYL_FLAG_SPIN_ONLY) == 0;
    struct wish wish = {.observer = observer, .read = read, .context = context};
    struct myl_wait_site site = {
        .context = &wish,
        .ready = ready,
        .overdue = overdue,
        .liveness_ns = observer->liveness_ns,
        .liveness_most_ns = observer->liveness_most_ns,
        .park = parks ? observer->handle.segment.data_park : NULL,
        .mode = MYL_PARK_LAZY,
    };
    return myl_wait(&observer->handle.waiter, &site, timeout_ns);
}

int myl_observer_get(myl_observer *observer, void *event, size_t bytes, uint64_t *lost, int64_t timeout_ns)
{
    struct look look = {.observer = observer, .event = event, .bytes = bytes};
    *lost = 0;
    if (observer->handle.forked)
        return myl_handle_forked(&observer->handle);
    int rc = myl_observer_wait(observer, read_next, &look, timeout_ns);
    if (rc != MYL_OK)
        return rc;
    *lost = look.at - observer->next;
    observer->next = look.at + 1;
    return MYL_OK;
}

myl_sequence myl_observer_position(const myl_observer *observer)
{
    return (myl_sequence)observer->next - 1;
}

void myl_observer_interrupt(myl_observer *observer)
{
    if (!observer->handle.forked)
        myl_waiter_interrupt(&observer->handle.waiter, observer->handle.segment.data_park);
}

int myl_observer_info(const myl_observer *observer, myl_info *info)
{
    int rc = myl_check_options(info, info->size, sizeof *info, "myl_info");
    if (rc == MYL_OK)
        myl_segment_info(&observer->handle.segment, info);
    return rc;
}

static void in_child(struct myl_os_fork_node *node)
{
    struct myl_observer *observer =
        (struct myl_observer *)(void *)((char *)node - offsetof(struct myl_observer, handle.fork_node));
    observer->handle.forked = 1;
    myl_segment_forked(&observer->handle.segment);
}

int myl_observer_start(struct myl_observer *observer, const char *name, const myl_consumer_options *o, uint32_t kind,
                       uint32_t lane)
{
    struct myl_segment *segment = &observer->handle.segment;
    segment->fd = -1;
    int rc = myl_attach(segment, name, o, kind, lane, myl_attach_deadline(o));
    if (rc == MYL_OK)
        rc = myl_handle_arm(&observer->handle, &o->wait, in_child);
    if (rc != MYL_OK) {
        myl_handle_disarm(&observer->handle);
        return rc;
    }
    observer->on_death = o->on_death;
    observer->liveness_ns = o->liveness_ns == 0 ? MYL_CONSUMER_LIVENESS_NS : o->liveness_ns;
    observer->liveness_most_ns = o->liveness_ns == 0 ? MYL_CONSUMER_LIVENESS_MOST_NS : o->liveness_ns;
    observer->next = o->start == MYL_START_NOW ? myl_load_acq(&segment->control->next)   /* A4 */
                                               : myl_load_acq(&segment->control->gate);  /* A29 */
    return MYL_OK;
}

int myl_observer_open(myl_observer **observer, const char *name, const myl_consumer_options *options)
{
    static const myl_consumer_options defaults = {.size = sizeof defaults};
    const myl_consumer_options *o = options == NULL ? &defaults : options;
    *observer = NULL;
    int rc = myl_check_consumer_options(o);
    if (rc != MYL_OK)
        return rc;
    myl_observer *made = calloc(1, sizeof *made);
    if (made == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for an observer's handle");
    rc = myl_observer_start(made, name, o, MYL_KIND_EVENTS, 0);
    if (rc != MYL_OK) {
        free(made);
        return rc;
    }
    *observer = made;
    return MYL_OK;
}

void myl_observer_close(myl_observer *observer)
{
    if (observer == NULL)
        return;
    myl_handle_disarm(&observer->handle);
    free(observer);
}
