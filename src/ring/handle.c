/* SPDX-License-Identifier: MIT
 * Functions that all handles share. */
#include "ring/handle.h"

#include "base/error.h"
#include "base/options.h"
#include "segment/name.h"

#include <string.h>

int myl_handle_arm(struct myl_handle *handle, const myl_wait_options *wait,
                   void (*in_child)(struct myl_os_fork_node *node))
{
    int rc = myl_waiter_set_up(&handle->waiter, wait);
    if (rc != MYL_OK)
        return rc;
    handle->fork_node.in_child = in_child;
    int err = myl_os_fork_watch(&handle->fork_node);
    return err == 0 ? MYL_OK : myl_fail_errno(err, "cannot install a fork handler");
}

void myl_handle_disarm(struct myl_handle *handle)
{
    if (handle->forked) { /* closed when the child was made */
        myl_segment_free(&handle->segment);
        return;
    }
    if (handle->fork_node.in_child != NULL)
        myl_os_fork_forget(&handle->fork_node);
    myl_segment_give_back(&handle->segment);
}

int myl_handle_forked(const struct myl_handle *handle)
{
    return myl_fail(MYL_EFORKED, "ring \"%s\" was opened by the parent, before the fork; open it again in the child",
                    handle->segment.name);
}

int myl_handle_info(const struct myl_handle *handle, myl_info *info)
{
    myl_info own = {.size = sizeof own};
    myl_segment_info(&handle->segment, &own);
    return myl_result_give(info, &own, MYL_OPTIONS_TYPE(myl_info, granted));
}

const char *myl_handle_schema_text(const struct myl_handle *handle)
{
    return handle->segment.shared->schema_text;
}

int myl_check_ids(const char *const *ids, uint32_t count, const char *how)
{
    for (uint32_t i = 0; i < count; i++) {
        int rc = myl_check_id(ids[i], MYL_ID_MAX);
        if (rc != MYL_OK)
            return rc;
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(ids[i], ids[k]) == 0)
                return myl_fail(MYL_EINVAL, "consumer \"%s\" is %s twice, but an id can join only once; list it once",
                                ids[i], how);
        }
    }
    return MYL_OK;
}

int myl_on_death_check(enum myl_on_death on_death)
{
    if ((unsigned)on_death <= MYL_DEATH_WAIT)
        return MYL_OK;
    return myl_fail(MYL_EINVAL, "on_death is %d; pass a value of enum myl_on_death", (int)on_death);
}
