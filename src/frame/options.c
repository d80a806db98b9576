/* SPDX-License-Identifier: MIT
 * Options of producers and readers of frames. */
#include "frame/options.h"

#include "base/error.h"
#include "base/options.h"
#include "ring/attach.h"

#include <inttypes.h>

int myl_frame_producer_options_copy(myl_frame_producer_options *own, const myl_frame_producer_options *given)
{
    int rc = myl_options_take(own, given, MYL_OPTIONS_TYPE(myl_frame_producer_options, ring.ticket));
    if (rc == MYL_OK)
        rc = myl_reserved_check(own->reserved, sizeof own->reserved, "myl_frame_producer_options");
    if (rc == MYL_OK)
        rc = myl_options_take_inner(&own->ring, given, offsetof(myl_frame_producer_options, ring),
                                    MYL_OPTIONS_TYPE(myl_producer_options, ticket));
    return rc;
}

int myl_frame_consumer_options_copy(myl_frame_consumer_options *own, const myl_frame_consumer_options *given)
{
    int rc = myl_options_take(own, given, MYL_OPTIONS_TYPE(myl_frame_consumer_options, ring.ticket));
    if (rc == MYL_OK)
        rc = myl_reserved_check(own->reserved, sizeof own->reserved, "myl_frame_consumer_options");
    if (rc == MYL_OK)
        rc = myl_options_take_inner(&own->ring, given, offsetof(myl_frame_consumer_options, ring),
                                    MYL_OPTIONS_TYPE(myl_consumer_options, ticket));
    return rc;
}

int myl_frame_consumer_options_take(myl_frame_consumer_options *own, myl_role_options *role,
                                    const myl_frame_consumer_options *given)
{
    int rc = myl_frame_consumer_options_copy(own, given);
    if (rc == MYL_OK && (own->ring.event_size != 0 || own->ring.event_align != 0))
        rc = myl_fail(MYL_EINVAL,
                      "event_size %" PRIu32 " and event_align %" PRIu32
                      " were given for a ring of frames, which has none; leave them 0",
                      own->ring.event_size, own->ring.event_align);
    return rc == MYL_OK ? myl_consumer_options_check(&own->ring, role) : rc;
}
