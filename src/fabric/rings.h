/* SPDX-License-Identifier: MIT
 * The two rings of a session: looking at them before they are opened, and opening them. */
#ifndef MYL_FABRIC_RINGS_H
#define MYL_FABRIC_RINGS_H

#include "fabric/session.h"

#include <stdbool.h>

/* A ticket of a fabric's ring: the name is at most MYL_SESSION_PATH_MAX bytes, three characters each. */
#define MYL_RINGS_TICKET_MAX 1024

/* A ring that exists, or not. */
struct myl_ring_probe {
    bool exists, ended;
    uint32_t workers;          /* reply ring */
    uint64_t session[2];
    char ticket[MYL_RINGS_TICKET_MAX];
};

struct myl_rings_probe {
    struct myl_ring_probe dispatch, replies;
};

/* Looks at both rings, without joining them. A ring that does not exist is no failure. MYL_ESHAPE: a ring belongs to
 * another label, or to another number of workers than the configuration's; MYL_ETYPE: to no fabric of this version;
 * MYL_ESESSION: to another session. Else as an attach. */
int myl_rings_probe(const struct myl_session *session, bool any_owner, struct myl_rings_probe *probe);

/* Ends lane `id` of the reply ring if it was used and has no living producer, so that the ring's name can go. */
void myl_rings_end_lane(const struct myl_session *session, const char *ticket, const char *id);

#endif
