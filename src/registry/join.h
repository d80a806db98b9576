/* SPDX-License-Identifier: MIT
 * Becoming a consumer of a ring: a registered entry, and its participant lock. */
#ifndef MYL_REGISTRY_JOIN_H
#define MYL_REGISTRY_JOIN_H

#include <myelon/liveness.h>

#include "segment/segment.h"

#include <stdbool.h>

struct myl_join_request {
    const char *id, *prefix;       /* at most one; both NULL: an automatic id */
    enum myl_start start;
    const myl_role_options *role;  /* NULL: keeps the entry's role; plain for a new entry */
};

/* A registration in one lane. */
struct myl_membership {
    struct myl_participant *entry; /* NULL: not registered */
    uint32_t index;                /* of the entry */
    uint32_t generation;           /* the entry belongs to this consumer while its generation is this */
    char id[MYL_ID_MAX + 1];
    uint64_t start, lost;          /* first sequence; events lost since this id left */
    bool resumed;
    bool inherited;                /* resumed a dead consumer's or a reserved entry, which gated without interruption */
    uint32_t unclaimed;            /* the entry was reserved: MYL_UNCLAIMED_*; 0: it was not */
};

/* Protocol 3, J1 to J9. Acquires the registry lock. segment->cells must be set. MYL_OUTCOME_REPLACED: the name refers
 * to another segment now; open it again. */
int myl_join(struct myl_segment *segment, const struct myl_join_request *request, struct myl_membership *member);

/* Entries that one call reserved, so that it can be undone. */
struct myl_reservation {
    uint32_t count;
    struct {
        uint32_t index, generation;
        bool known;                /* the entry was that of a consumer that had left */
    } made[MYL_CONSUMERS_MAX];
};

/* Makes an ACTIVE entry without owner for each id. It gates until a consumer with this id joins and takes it: from the
 * oldest event retained on, or from where a consumer with this id left. Ids that gate already, alive or dead, stay as
 * they are. All or none, unless the process dies within. Acquires the registry lock. Returns MYL_OK, MYL_EINVAL (more
 * than max_consumers), MYL_ETABLEFULL, MYL_EBUSY, or the errors of the lock. */
int myl_reserve(struct myl_segment *segment, const char *const *ids, uint32_t count,
                struct myl_reservation *reservation);
/* Undoes it for the entries that no consumer has taken. */
void myl_unreserve(struct myl_segment *segment, const struct myl_reservation *reservation);

#endif
