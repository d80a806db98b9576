/* SPDX-License-Identifier: MIT
 * Attaching to an existing ring, for consumers and observers. Protocol 9, AT1 and AT2. */
#include "ring/attach.h"

#include "base/error.h"
#include "base/options.h"
#include "registry/counters.h"
#include "registry/role.h"
#include "ring/cells.h"
#include "ring/handle.h"
#include "ring/shape.h"
#include "segment/name.h"
#include "segment/place.h"
#include "segment/ticket.h"

#include <errno.h>
#include <inttypes.h>

#define LIVENESS_LEAST MYL_USEC(100)
#define APPEAR_NS      MYL_USEC(500)

static int check_options(const myl_reader_options *o)
{
    int rc = MYL_OK;
    if (o->id != NULL && o->prefix != NULL)
        rc = myl_fail(MYL_EID, "both the id \"%s\" and the prefix \"%s\" are given; pass only one", o->id, o->prefix);
    if (rc == MYL_OK && o->id != NULL)
        rc = myl_check_id(o->id, MYL_ID_MAX);
    if (rc == MYL_OK && o->prefix != NULL)
        rc = myl_check_id(o->prefix, MYL_ID_MAX - 5);
    if (rc == MYL_OK && ((unsigned)o->start > MYL_START_NOW || (unsigned)o->backend > MYL_BACKEND_MEMFD))
        rc = myl_fail(MYL_EINVAL, "start is %d and backend is %d; pass values of enum myl_start and enum myl_backend",
                      (int)o->start, (int)o->backend);
    if (rc == MYL_OK)
        rc = myl_pin_check(o->pin, o->cpu);
    if (rc == MYL_OK)
        rc = myl_on_death_check(o->on_death);
    if (rc == MYL_OK)
        rc = myl_memory_check(&o->memory);
    if (rc == MYL_OK && o->liveness_ns != 0 && o->liveness_ns < LIVENESS_LEAST)
        rc = myl_fail(MYL_EINVAL, "liveness_ns is %" PRId64 "; pass at least 100000 (100 us), or 0 for the default",
                      o->liveness_ns);
    return rc;
}

int myl_observer_options_check(const myl_reader_options *o)
{
    if (o->id == NULL && o->prefix == NULL && o->role == NULL)
        return MYL_OK;
    return myl_fail(MYL_EINVAL, "an observer is not registered, but %s is set; leave `id`, `prefix` and `role` NULL",
                    o->id != NULL       ? "`id`"
                    : o->prefix != NULL ? "`prefix`"
                                        : "`role`");
}

int myl_reader_options_check(myl_reader_options *o, myl_role_options *role)
{
    int rc = check_options(o);
    if (rc == MYL_OK)
        rc = myl_counters_choose(&o->counters);
    if (rc != MYL_OK || o->role == NULL)
        return rc;
    rc = myl_role_take(role, o->role);
    o->role = role;
    return rc;
}

int myl_consumer_options_take(myl_consumer_options *own, struct myl_expectation *expected, myl_role_options *role,
                              const myl_consumer_options *given)
{
    int rc = myl_options_take(own, given, MYL_OPTIONS_TYPE(myl_consumer_options, ring.ticket));
    if (rc == MYL_OK)
        rc = myl_reserved_check(own->reserved, sizeof own->reserved, "myl_consumer_options");
    *expected = (struct myl_expectation){&myl_event_cell_ops, own->event_size, own->event_align, own->type_id};
    return rc == MYL_OK ? myl_reader_options_check(&own->ring, role) : rc;
}

static int check_expectations(const struct myl_segment *segment, const struct myl_expectation *o)
{
    const struct myl_header *head = segment->head;
    if (o->event_size != 0 && o->event_size != head->event_bytes)
        return myl_fail(MYL_EEVENTSIZE,
                        "ring \"%s\" has events of %" PRIu32 " bytes, expected %" PRIu32 "; build both sides from "
                        "the same event structure, or pass event_size = 0",
                        segment->name, head->event_bytes, o->event_size);
    if (o->event_align != 0 && o->event_align != head->event_align)
        return myl_fail(MYL_EALIGN,
                        "ring \"%s\" aligns events to %" PRIu32 " bytes, expected %" PRIu32
                        "; pass the same event_align, or 0 to accept any",
                        segment->name, head->event_align, o->event_align);
    if (o->type_id != 0 && o->type_id != head->type_id)
        return myl_fail(MYL_ETYPE,
                        "ring \"%s\" carries type 0x%016" PRIx64 ", expected 0x%016" PRIx64
                        "; pass the same type_id, or 0 to accept any",
                        segment->name, head->type_id, o->type_id);
    return MYL_OK;
}

struct myl_deadline myl_attach_deadline(const myl_reader_options *o)
{
    return myl_deadline_after(myl_os_now(), o->attach_timeout_ns);
}

/* Adds the time waited to the present error sentence. */
static int did_not_appear(int64_t timeout_ns)
{
    char time[MYL_TIME_TEXT];
    if (timeout_ns > 0)
        myl_error_add(", waited %s for it", myl_time_text(timeout_ns, time));
    return MYL_ENOTFOUND;
}

int myl_attach(struct myl_segment *segment, const char *name, const myl_reader_options *o,
               const struct myl_expectation *expected, uint32_t lane, struct myl_deadline until)
{
    struct myl_segment_open how =
        {.backend = o->backend, .name = name, .use_fd = 1, .fd = o->fd, .any_owner = o->any_owner, .lane = lane};
    myl_ticket ticket;
    int rc = myl_segment_open_by(&how, o->ticket, &ticket);
    if (rc == MYL_OK && how.backend != MYL_BACKEND_MEMFD && o->fd != 0)
        rc = myl_fail(MYL_EINVAL,
                      "fd is %d, but backend is %d; only a memfd is opened by descriptor: set backend = "
                      "MYL_BACKEND_MEMFD, or leave fd 0",
                      o->fd, (int)how.backend);
    while (rc == MYL_OK) {
        rc = myl_segment_find(segment, &how);
        if (rc == MYL_OK) {
            MYL_STEP("AT1");
            rc = myl_choose_cells(segment, expected->cells);
            if (rc == MYL_OK)
                rc = check_expectations(segment, expected);
            if (rc == MYL_OK)
                rc = myl_segment_map(segment, 1, 0);
            if (rc == MYL_OK)
                rc = myl_segment_place(segment, &o->memory, o->pin ? o->cpu : -1);
            MYL_STEP("AT2");
            if (rc != MYL_OK)
                myl_segment_close(segment);
            return rc;
        }
        if (rc != MYL_ENOTFOUND)
            return rc;
        if (myl_deadline_has_passed(until, myl_os_now()))
            return did_not_appear(o->attach_timeout_ns);
        rc = myl_os_sleep(APPEAR_NS) == EINTR && o->wait.on_signal == MYL_SIGNAL_INTERRUPT ? myl_wait_signalled()
                                                                                           : MYL_OK;
    }
    return rc;
}
