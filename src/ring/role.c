/* SPDX-License-Identifier: MIT
 * Roles of consumers: what their stalling and dying means to the producer. Words of the entry that anybody may change
 * while all run; the producer copies and checks them when it is blocked. */
#include <myelon/liveness.h>

#include "ring/producer.h"

#include <inttypes.h>
#include <string.h>

/* In progress_ms and grace_ms: 0 is "as the producer has it". */
#define AT_ONCE_MS UINT32_MAX

static const char *const role_names[] = {"plain", "required", "alert", "expendable"};
#define ROLES ((unsigned)(sizeof role_names / sizeof role_names[0]))

const char *myl_role_name(enum myl_role role)
{
    return (unsigned)role < ROLES ? role_names[role] : "?";
}

int myl_role_parse(const char *name, enum myl_role *role)
{
    for (unsigned i = 0; name != NULL && i < ROLES; i++) {
        if (strcmp(name, role_names[i]) == 0) {
            *role = (enum myl_role)i;
            return MYL_OK;
        }
    }
    return myl_fail(MYL_EINVAL, "\"%s\" is not a role; there are plain, required, alert and expendable",
                    name == NULL ? "" : name);
}

static int check_time(const char *what, int64_t ns, int at_once)
{
    if (ns == 0 || (at_once && ns == MYL_AT_ONCE) || (ns > 0 && ns / MYL_MSEC(1) < (int64_t)AT_ONCE_MS))
        return MYL_OK;
    return myl_fail(MYL_EINVAL, "%s %" PRId64 " is not a time up to 49 days", what, ns);
}

int myl_role_check(const myl_role_options *role)
{
    int rc = myl_check_options(role, role->size, sizeof *role, "myl_role_options");
    if (rc == MYL_OK && (unsigned)role->role >= ROLES)
        rc = myl_fail(MYL_EINVAL, "role %d is none of the known ones", (int)role->role);
    if (rc == MYL_OK)
        rc = check_time("progress_timeout_ns", role->progress_timeout_ns, 0);
    if (rc == MYL_OK)
        rc = check_time("grace_ns", role->grace_ns, 1);
    return rc;
}

static uint32_t to_ms(int64_t ns)
{
    if (ns == MYL_AT_ONCE)
        return AT_ONCE_MS;
    return (uint32_t)((ns + MYL_MSEC(1) - 1) / MYL_MSEC(1));
}

void myl_role_store(struct myl_entry *entry, const myl_role_options *role)
{
    myl_store32_rlx(&entry->progress_ms, to_ms(role->progress_timeout_ns)); /* A68 */
    myl_store32_rlx(&entry->grace_ms, to_ms(role->grace_ns)); /* A68 */
    myl_store32_rel(&entry->role, (uint32_t)role->role); /* A68 role [rel]. Pairs: A69 */
}

void myl_role_load(const struct myl_entry *entry, myl_role_options *role)
{
    uint32_t kind = myl_load32_acq(&entry->role); /* A69. Pairs: A68 */
    uint32_t progress = myl_load32_rlx(&entry->progress_ms); /* A69 */
    uint32_t grace = myl_load32_rlx(&entry->grace_ms); /* A69 */
    memset(role, 0, sizeof *role);
    role->size = sizeof *role;
    role->role = kind < ROLES ? (enum myl_role)kind : MYL_ROLE_PLAIN;
    role->progress_timeout_ns = progress == AT_ONCE_MS ? 0 : MYL_MSEC(progress);
    role->grace_ns = grace == AT_ONCE_MS ? MYL_AT_ONCE : MYL_MSEC(grace);
}

/* In one lane. 0: nobody there has this id. */
static int set_role_here(const struct myl_segment *segment, const char *id, const myl_role_options *options)
{
    uint32_t entries = myl_segment_entries(segment);
    for (uint32_t i = 0; i < entries; i++) {
        struct myl_entry *entry = myl_segment_entry(segment, i);
        uint32_t state = myl_load32_acq(&entry->state); /* A13 */
        char other[MYL_ID_MAX + 1];
        myl_entry_id(entry, other);
        if (state == MYL_PARTY_FREE || strcmp(id, other) != 0)
            continue;
        myl_role_store(entry, options);
        myl_log_write(segment, &(struct myl_log_note){.kind = MYL_LOG_ROLE,
                                                      .id = id,
                                                      .sequence = myl_load_acq(&entry->cursor), /* A8 */
                                                      .value = (uint64_t)options->role,
                                                      .pid = myl_load32_rlx(&entry->pid)}); /* A48 */
        myl_park_bump(&segment->control->room); /* a blocked producer looks anew */
        return 1;
    }
    return 0;
}

static int set_role(const struct myl_segment *segment, const char *id, const myl_role_options *options)
{
    int found = 0;
    int rc = myl_check_id(id, MYL_ID_MAX);
    if (rc == MYL_OK)
        rc = myl_role_check(options);
    for (uint32_t lane = 0; rc == MYL_OK && lane < segment->head.lanes; lane++) {
        struct myl_segment view = myl_segment_lane(segment, lane);
        found |= set_role_here(&view, id, options);
    }
    if (rc == MYL_OK && !found)
        rc = myl_fail(MYL_ENOTFOUND, "ring \"%s\" has no consumer \"%s\"; `myelon inspect` lists them", segment->name,
                      id);
    return rc;
}

int myl_producer_set_role(myl_producer *producer, const char *id, const myl_role_options *options)
{
    if (producer->handle.forked)
        return myl_handle_forked(&producer->handle);
    return set_role(&producer->handle.segment, id, options);
}

int myl_set_role(const char *name, enum myl_backend backend, const char *id, const myl_role_options *options)
{
    struct myl_segment segment;
    struct myl_segment_open how = {.backend = backend, .name = name, .any_owner = 1};
    if (backend == MYL_BACKEND_MEMFD)
        return myl_fail(MYL_EINVAL, "a memfd has no name to look it up by");
    int rc = myl_segment_find(&segment, &how);
    if (rc != MYL_OK)
        return rc;
    rc = myl_segment_map(&segment, 1, 0);
    if (rc == MYL_OK)
        rc = set_role(&segment, id, options);
    myl_segment_close(&segment);
    return rc;
}
