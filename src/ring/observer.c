/* SPDX-License-Identifier: MIT
 * Observers: they read without gating, and report exactly how many events they missed. Protocol 4, O1 to O6;
 * models/observer.pml. */
#include "ring/observer.h"

#include "base/error.h"
#include "ring/attach.h"
#include "ring/cells.h"
#include "ring/handle.h"
#include "ring/peer.h"
#include "segment/place.h"

#include <inttypes.h>
#include <stdlib.h>

/* One attempt to read. */
struct reading {
    struct myl_observer *observer;
    void *event;
    size_t bytes;
    uint64_t at;               /* sequence of this attempt */
};

int myl_observer_check_end_of_stream(const struct myl_observer *observer, uint64_t at)
{
    const struct myl_segment *segment = &observer->handle.segment;
    uint32_t superseded = myl_load32_acq(&segment->control->superseded); /* A15, first: as in consumer.c */
    uint64_t closed = myl_load_acq(&segment->control->closed);           /* A16 */
    int ended = closed != 0 && closed - 1 <= at;
    uint64_t end; /* protocol 7: the stamps are stored before `closed` */
    if ((ended || superseded != 0) && segment->cells->published_end(segment, at, &end) == MYL_OK && end != at)
        return MYL_OK;
    if (ended)
        return myl_fail(MYL_ECLOSED, "ring \"%s\" was closed after event %" PRId64, segment->name,
                        (myl_sequence)closed - 2);
    if (superseded != 0)
        return myl_fail(MYL_ESUPERSEDED, "this session of ring \"%s\" was ended by force; open it again",
                        segment->name);
    return MYL_EAGAIN;
}

/* O2. A stamp counts only at the end of a publish, where an observer is that reads on. An observer that was overrun
 * restarts at the gate, anywhere below the shared `next`. An overwritten event counts as published; O6 detects it. */
static bool is_published(struct myl_observer *observer, uint64_t at)
{
    const struct myl_segment *segment = &observer->handle.segment;
    if (at > observer->known)
        observer->known = myl_load_acq(&segment->control->next); /* A4. Pairs: A3 */
    if (at < observer->known)
        return true;
    struct myl_i_cell_iterator iterator = myl_iterator_at(segment, at);
    uint64_t stamp = myl_load_acq(myl_i_stamp(&iterator)); /* A2 */
    if (at != observer->known || stamp - at - 1 >= segment->head->capacity)
        return false;
    observer->known = stamp;
    return true;
}

static int read_next(void *context)
{
    struct reading *reading = context;
    struct myl_observer *observer = reading->observer;
    const struct myl_segment *segment = &observer->handle.segment;
    reading->at = observer->next;
    int again = 0;
    for (;;) {
        MYL_STEP("O1");
        uint64_t gate = myl_load_acq(&segment->control->gate); /* A29, O1. Pairs: A24 */
        if (reading->at < gate)
            reading->at = gate;
        if (!is_published(observer, reading->at)) {
            if (myl_load_acq(&segment->control->gate) > reading->at) /* A29 */
                continue;
            int rc = myl_observer_check_end_of_stream(observer, reading->at);
            if (rc != MYL_OK || again)
                return rc == MYL_OK ? MYL_EAGAIN : rc;
            again = 1; /* one retry: an event that twice was published and was not is damage, not a race */
            continue;
        }
        uint32_t size = segment->head->event_bytes; /* O3: from the checked header, so no clamp is needed */
        MYL_STEP("O4");
        struct myl_i_cell_iterator iterator = myl_iterator_at(segment, reading->at);
        myl_copy_rlx(reading->event, iterator.event, reading->bytes < size ? reading->bytes : size); /* O4; A50 */
        MYL_STEP("O5");
        myl_fence_acq(); /* O5: orders the copy before the gate load below */
        if (myl_load_rlx(&segment->control->gate) <= reading->at) /* A29, O6. Pairs: A24 before the fence of step 5 */
            return MYL_OK;
    }
}

/* The context of one wait. */
struct request {
    struct myl_observer *observer;
    int (*read)(void *context);
    void *context;
};

static int ask_for_producer(const struct request *request)
{
    struct myl_observer *observer = request->observer;
    uint32_t epoch;
    int rc = myl_ask_for_producer(&observer->handle.segment, observer->next, request->read, request->context, &epoch);
    if (rc == MYL_EPRODUCERLEFT)
        observer->left_reported = epoch;
    return rc;
}

/* As in consumer.c. */
static int ready(void *context)
{
    const struct request *request = context;
    int rc = request->read(request->context);
    if (rc != MYL_EAGAIN || request->observer->on_death == MYL_DEATH_WAIT ||
        !myl_producer_has_left(&request->observer->handle.segment, request->observer->left_reported))
        return rc;
    return ask_for_producer(request);
}

/* Has this lane never had a producer? Then none can have died. */
static bool is_unused(const struct myl_segment *segment)
{
    return segment->head->lanes > 1 && myl_load32_acq(&segment->control->epoch) == 0; /* A25 */
}

static int overdue(void *context)
{
    const struct request *request = context;
    const struct myl_observer *observer = request->observer;
    if (observer->on_death == MYL_DEATH_WAIT || is_unused(&observer->handle.segment))
        return MYL_EAGAIN;
    return ask_for_producer(request);
}

static int timed_out(void *context, int64_t timeout_ns)
{
    const struct myl_observer *observer = ((const struct request *)context)->observer;
    const struct myl_segment *segment = &observer->handle.segment;
    char time[MYL_TIME_TEXT], producer[MYL_PRODUCER_TEXT];
    return myl_fail(MYL_ETIMEDOUT, "ring \"%s\": %s %" PRIu64 " was not published within %s; %s", segment->name,
                    segment->cells->position, observer->next, myl_time_text(timeout_ns, time),
                    myl_producer_text(segment, producer));
}

int myl_observer_wait(struct myl_observer *observer, int (*read)(void *context), void *context, int64_t timeout_ns)
{
    struct request request = {.observer = observer, .read = read, .context = context};
    bool checks_liveness = observer->checks_liveness;
    observer->checks_liveness = false;
    int rc = read(context);
    if (rc == MYL_EAGAIN && checks_liveness)
        rc = overdue(&request);
    if (rc != MYL_EAGAIN || timeout_ns == MYL_TRY)
        return rc;
    int parks = (observer->handle.segment.head->flags & MYL_FLAG_SPIN_ONLY) == 0;
    struct myl_wait_site site = {
        .context = &request,
        .ready = ready,
        .overdue = overdue,
        .timed_out = timed_out,
        .liveness_ns = observer->liveness_ns,
        .liveness_most_ns = observer->liveness_most_ns,
        .park = parks ? observer->handle.segment.data_park : NULL,
        .mode = MYL_PARK_LAZY,
    };
    struct myl_timeout timeout = {.ns = timeout_ns};
    return myl_wait(&observer->handle.waiter, &site, &timeout);
}

/* --- as one of several that a wait is for ------------------------------------------------------------------------- */

bool myl_observer_is_ready(struct myl_observer *observer, int (*read)(void *context), void *context)
{
    struct request request = {.observer = observer, .read = read, .context = context};
    if (observer->handle.forked || observer->checks_liveness)
        return true;
    int rc = ready(&request);
    observer->checks_liveness = rc == MYL_EPRODUCERLEFT || rc == MYL_EPRODUCERDEAD; /* reported once: find it again */
    return rc != MYL_EAGAIN;
}

bool myl_observer_is_overdue(struct myl_observer *observer, int (*read)(void *context), void *context)
{
    struct request request = {.observer = observer, .read = read, .context = context};
    observer->checks_liveness = !observer->handle.forked && overdue(&request) != MYL_EAGAIN;
    return observer->checks_liveness;
}

/* Sources copy 0 bytes of an event. */
static bool source_ready(void *context)
{
    uint64_t none;
    struct reading nothing = {.observer = context, .event = &none};
    return myl_observer_is_ready(context, read_next, &nothing);
}

static bool source_overdue(void *context)
{
    uint64_t none;
    struct reading nothing = {.observer = context, .event = &none};
    return myl_observer_is_overdue(context, read_next, &nothing);
}

void myl_observer_source(struct myl_observer *observer, struct myl_wait_source *source)
{
    const struct myl_segment *segment = &observer->handle.segment;
    *source = (struct myl_wait_source){
        .context = observer,
        .ready = source_ready,
        .overdue = source_overdue,
        .liveness_ns = &observer->liveness_ns,
        .liveness_most_ns = &observer->liveness_most_ns,
        .park = (segment->head->flags & MYL_FLAG_SPIN_ONLY) == 0 ? segment->data_park : NULL,
        .mode = MYL_PARK_LAZY,
    };
}

int myl_observer_get(myl_observer *observer, void *event, size_t bytes, uint64_t *lost, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(observer);
    MYL_I_NOT_NULL(lost);
    struct reading reading = {.observer = observer, .event = event, .bytes = bytes};
    *lost = 0;
    if (observer->handle.forked)
        return myl_handle_forked(&observer->handle);
    int rc = myl_observer_wait(observer, read_next, &reading, timeout_ns);
    if (rc != MYL_OK)
        return rc;
    *lost = reading.at - observer->next;
    observer->next = reading.at + 1;
    return MYL_OK;
}

myl_sequence myl_observer_last_read(const myl_observer *observer)
{
    MYL_I_NOT_NULL(observer);
    return (myl_sequence)observer->next - 1;
}

void myl_observer_interrupt(myl_observer *observer)
{
    MYL_I_NOT_NULL(observer);
    if (!observer->handle.forked)
        myl_waiter_interrupt(&observer->handle.waiter, observer->handle.segment.data_park);
}

const char *myl_observer_schema_text(const myl_observer *observer)
{
    MYL_I_NOT_NULL(observer);
    return myl_handle_schema_text(&observer->handle);
}

int myl_observer_info(const myl_observer *observer, myl_info *info)
{
    MYL_I_NOT_NULL(observer);
    MYL_I_NOT_NULL(info);
    return myl_handle_info(&observer->handle, info);
}

static void in_child(struct myl_os_fork_node *node)
{
    struct myl_observer *observer =
        (struct myl_observer *)(void *)((char *)node - offsetof(struct myl_observer, handle.fork_node));
    observer->handle.forked = 1;
    myl_segment_forked(&observer->handle.segment);
}

int myl_observer_start(struct myl_observer *observer, const char *name, const myl_reader_options *o,
                       const struct myl_expectation *expected, uint32_t lane)
{
    struct myl_segment *segment = &observer->handle.segment;
    segment->fd = -1;
    int rc = myl_attach(segment, name, o, expected, lane, myl_attach_deadline(o));
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
    MYL_I_NOT_NULL(observer);
    myl_consumer_options o;
    struct myl_expectation expected;
    myl_role_options role;
    *observer = NULL;
    int rc = myl_consumer_options_take(&o, &expected, &role, options);
    if (rc == MYL_OK)
        rc = myl_observer_options_check(&o.ring);
    if (rc != MYL_OK)
        return rc;
    myl_observer *made = calloc(1, sizeof *made);
    if (made == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for an observer");
    rc = myl_observer_start(made, name, &o.ring, &expected, 0);
    if (rc != MYL_OK) {
        free(made);
        return rc;
    }
    myl_segment_keep_pin(&made->handle.segment);
    *observer = made;
    myl_error_clear();
    return MYL_OK;
}

void myl_observer_close(myl_observer *observer)
{
    if (observer == NULL)
        return;
    myl_handle_disarm(&observer->handle);
    free(observer);
}
