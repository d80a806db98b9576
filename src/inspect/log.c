/* SPDX-License-Identifier: MIT
 * Reading the event log, for tools. */
#include "base/error.h"
#include "segment/copy.h"
#include "segment/log.h"

#include <stdlib.h>

int myl_log_take(const char *name, enum myl_backend backend, myl_log **log)
{
    MYL_I_NOT_NULL(log);
    struct myl_segment segment;
    *log = NULL;
    int rc = myl_segment_inspect(&segment, name, backend, 0);
    if (rc != MYL_OK)
        return rc;
    rc = myl_log_read(&segment, log);
    myl_segment_close(&segment);
    return rc;
}

void myl_log_free(myl_log *log)
{
    if (log == NULL)
        return;
    free(log->entry);
    free(log);
}

const char *myl_log_kind_name(enum myl_log_kind kind)
{
    switch ((int)kind) {
#define MYL_X(name, value, text) \
    case MYL_LOG_##name: \
        return text;
        MYL_LOG_LIST(MYL_X)
#undef MYL_X
    default:
        return "?";
    }
}
