/* SPDX-License-Identifier: MIT
 * Examines the object of a name: its kind, whether its header is sound, whether a living participant uses it. */
#define _POSIX_C_SOURCE 200809L
#include "base/error.h"
#include "base/options.h"
#include "segment/kind.h"

#include <stdio.h>

static int examine(struct myl_segment *segment, myl_object *object)
{
    int reason = myl_segment_read_header(segment);
    if (reason != MYL_OK && myl_errclass(reason) != MYL_CLASS_CORRUPT)
        return reason; /* a system error, not a corrupt header */
    object->reason = reason;
    (void)snprintf(object->detail, sizeof object->detail, "%s", reason == MYL_OK ? "" : myl_error_detail());
    object->kind = myl_segment_kind(segment, reason);
    object->owner = segment->shared->object.owner;
    object->bytes = segment->shared->object.bytes;
    int used = object->kind == MYL_OBJECT_OTHER ? 0 : myl_segment_is_used(segment);
    object->used = used > 0;
    return used < 0 ? used : MYL_OK;
}

int myl_examine(const char *name, enum myl_backend backend, myl_object *object)
{
    struct myl_segment segment;
    struct myl_segment_open how = {.backend = backend, .name = name, .any_owner = 1, .may_read_only = 1};
    myl_object own = {.size = sizeof own};
    const struct myl_options_type *type = MYL_OPTIONS_TYPE(myl_object, detail);
    int rc = myl_result_check(object, type);
    if (rc != MYL_OK)
        return rc;
    if (backend == MYL_BACKEND_MEMFD)
        return myl_fail(MYL_EINVAL, "a memfd ring has no name to open; pass MYL_BACKEND_SHM or MYL_BACKEND_FILE");
    rc = myl_segment_reach(&segment, &how);
    if (rc == MYL_OK)
        rc = examine(&segment, &own);
    else if (rc == MYL_ENOTRING)
        rc = MYL_OK; /* not a regular file */
    myl_segment_close(&segment);
    (void)myl_result_give(object, &own, type); /* also what was found before a failure */
    return rc;
}

const char *myl_shm_directory(void)
{
    return myl_os_shm_directory();
}
