/* SPDX-License-Identifier: MIT
 * The participant of a failure, as a result structure that grows. */
#include "base/error.h"
#include "base/options.h"

int myl_error_participant(myl_failed_participant *who)
{
    MYL_I_NOT_NULL(who);
    struct myl_error_saved saved;
    const struct myl_options_type *type = MYL_OPTIONS_TYPE(myl_failed_participant, lane);
    int rc = myl_result_check(who, type);
    if (rc != MYL_OK)
        return rc;
    myl_error_save(&saved);
    if (saved.failed_participant.size == 0)
        return MYL_ENOTFOUND;
    return myl_result_give(who, &saved.failed_participant, type);
}
