/* SPDX-License-Identifier: MIT
 * Options of producers and readers of frames. */
#include "frame/options.h"

#include "base/error.h"
#include "base/options.h"
#include "ring/attach.h"

int myl_frame_producer_options_copy(myl_frame_producer_options *own, const myl_frame_producer_options *given)
{
    int rc = myl_options_take(own, given, MYL_OPTIONS_TYPE(myl_frame_producer_options, ring.ticket));
    if (rc == MYL_OK)
        rc = myl_reserved_check(own->config.reserved, sizeof own->config.reserved, "myl_frame_config");
    if (rc == MYL_OK)
        rc = myl_reserved_check(own->reserved, sizeof own->reserved, "myl_frame_producer_options");
    return rc;
}

int myl_frame_consumer_options_copy(myl_frame_consumer_options *own, const myl_frame_consumer_options *given)
{
    int rc = myl_options_take(own, given, MYL_OPTIONS_TYPE(myl_frame_consumer_options, ring.ticket));
    if (rc == MYL_OK)
        rc = myl_reserved_check(own->reserved, sizeof own->reserved, "myl_frame_consumer_options");
    return rc;
}

int myl_frame_consumer_options_take(myl_frame_consumer_options *own, myl_role_options *role,
                                    const myl_frame_consumer_options *given)
{
    int rc = myl_frame_consumer_options_copy(own, given);
    return rc == MYL_OK ? myl_reader_options_check(&own->ring, role) : rc;
}
