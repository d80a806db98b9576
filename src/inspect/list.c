/* SPDX-License-Identifier: MIT
 * Lists the named rings of this machine. */
#include "base/error.h"
#include "segment/kind.h"

struct listing {
    int (*visit)(const char *name, void *user);
    void *user;
    int result;              /* of the last visit */
    int failed;              /* MYL_OK, or the error that prevents examining any ring */
};

static int visit_name(const char *name, void *context)
{
    struct listing *listing = context;
    struct myl_segment segment;
    struct myl_segment_open how = {.backend = MYL_BACKEND_SHM, .name = name, .any_owner = 1, .may_read_only = 1};
    if (name[0] == '.' || myl_name_is_temporary(name))
        return 0;
    int rc = myl_segment_find(&segment, &how);
    listing->failed = rc == MYL_ENOMEM || rc == MYL_ELIMIT ? rc : MYL_OK;
    if (rc != MYL_OK)
        return listing->failed; /* MYL_OK: not a ring; go on with the next name */
    myl_segment_close(&segment);
    listing->result = listing->visit(name, listing->user);
    return listing->result;
}

int myl_list(int (*visit)(const char *name, void *user), void *user)
{
    MYL_I_NOT_NULL(visit);
    struct listing listing = {.visit = visit, .user = user};
    int result = myl_os_directory_each(myl_os_shm_directory(), visit_name, &listing);
    if (listing.failed != MYL_OK)
        return listing.failed;
    if (result < 0 && listing.result == 0)
        return myl_fail_errno(-result, "cannot read directory %s", myl_os_shm_directory());
    return result;
}
