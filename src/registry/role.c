/* SPDX-License-Identifier: MIT
 * Roles of consumers: what the policy does when a consumer stalls or dies. Any process may change these words of an
 * entry while the ring is in use. A blocked producer copies and checks them. */
#include "registry/role.h"

#include "base/error.h"
#include "base/options.h"

#include <inttypes.h>
#include <string.h>

/* Special values of progress_ms and grace_ms. 0: the producer's value. */
#define AT_ONCE_MS UINT32_MAX
#define FOREVER_MS (UINT32_MAX - 1)
#define LONGEST_NS MYL_MSEC(FOREVER_MS - 1)

static const char *const role_names[] = {"plain", "required", "alert", "expendable"};
#define ROLES ((unsigned)(sizeof role_names / sizeof role_names[0]))

const char *myl_role_name(enum myl_role role)
{
    return (unsigned)role < ROLES ? role_names[role] : "?";
}

int myl_role_parse(const char *name, enum myl_role *role)
{
    MYL_I_NOT_NULL(role);
    for (unsigned i = 0; name != NULL && i < ROLES; i++) {
        if (strcmp(name, role_names[i]) == 0) {
            *role = (enum myl_role)i;
            return MYL_OK;
        }
    }
    return myl_fail(MYL_EINVAL, "\"%s\" is not a role; pass plain, required, alert or expendable",
                    name == NULL ? "" : name);
}

static int check_time(const char *what, int64_t ns, int at_once)
{
    if ((at_once && ns == MYL_AT_ONCE) || (ns >= 0 && ns <= LONGEST_NS) || ns == MYL_FOREVER)
        return MYL_OK;
    return myl_fail(MYL_EINVAL, "%s is %" PRId64 "; pass 0 to 49 days%s or MYL_FOREVER", what, ns,
                    at_once ? ", MYL_AT_ONCE" : "");
}

int myl_role_take(myl_role_options *own, const myl_role_options *given)
{
    int rc = myl_options_take(own, given, MYL_OPTIONS_TYPE(myl_role_options, grace_ns));
    if (rc == MYL_OK && (unsigned)own->role >= ROLES)
        rc = myl_fail(MYL_EINVAL, "role is %d; pass a value of enum myl_role", (int)own->role);
    if (rc == MYL_OK)
        rc = check_time("progress_timeout_ns", own->progress_timeout_ns, 0);
    if (rc == MYL_OK)
        rc = check_time("grace_ns", own->grace_ns, 1);
    return rc;
}

static uint32_t to_ms(int64_t ns)
{
    if (ns == MYL_AT_ONCE)
        return AT_ONCE_MS;
    if (ns == MYL_FOREVER)
        return FOREVER_MS;
    return (uint32_t)((ns + MYL_MSEC(1) - 1) / MYL_MSEC(1));
}

static int64_t from_ms(uint32_t ms)
{
    if (ms == AT_ONCE_MS)
        return MYL_AT_ONCE;
    return ms == FOREVER_MS ? MYL_FOREVER : MYL_MSEC(ms);
}

void myl_role_store(struct myl_participant *entry, const myl_role_options *role)
{
    myl_store32_rlx(&entry->progress_ms, to_ms(role->progress_timeout_ns)); /* A68 */
    myl_store32_rlx(&entry->grace_ms, to_ms(role->grace_ns)); /* A68 */
    myl_store32_rel(&entry->role, (uint32_t)role->role); /* A68 role [rel]. Pairs: A69 */
}

void myl_role_load(const struct myl_participant *entry, myl_role_options *role)
{
    uint32_t kind = myl_load32_acq(&entry->role); /* A69. Pairs: A68 */
    uint32_t progress = myl_load32_rlx(&entry->progress_ms); /* A69 */
    uint32_t grace = myl_load32_rlx(&entry->grace_ms); /* A69 */
    memset(role, 0, sizeof *role);
    role->size = sizeof *role;
    role->role = kind < ROLES ? (enum myl_role)kind : MYL_ROLE_PLAIN;
    role->progress_timeout_ns = progress == AT_ONCE_MS ? 0 : from_ms(progress);
    role->grace_ns = from_ms(grace);
}
