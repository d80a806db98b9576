/* SPDX-License-Identifier: MIT
 * A session: the names of its rings and its participants. */
#ifndef MYL_FABRIC_SESSION_H
#define MYL_FABRIC_SESSION_H

#include <myelon/fabric.h>

#define MYL_SESSION_PREFIX     "vmy"
#define MYL_SESSION_SCHEDULER  "scheduler" /* the id of the consumer of the reply ring */
#define MYL_SESSION_PATH_MAX   (MYL_FABRIC_DIRECTORY_MAX + 1 + MYL_FABRIC_NAME_MAX)

/* The type_id of the rings: the version of the message headers, and for the reply ring the number of workers. */
#define MYL_SESSION_DISPATCH_TYPE UINT64_C(0x4d594c4644010000)
#define MYL_SESSION_REPLY_TYPE    UINT64_C(0x4d594c4652010000)

/* A checked configuration with what follows from it. */
struct myl_session {
    myl_fabric_config config;  /* of this library's size; the prefix is set */
    char dispatch[MYL_SESSION_PATH_MAX + 1]; /* as the rings are opened; memfd: "" */
    char replies[MYL_SESSION_PATH_MAX + 1];
};

/* Copies and checks a caller's configuration, and derives the names. */
int myl_session_take(struct myl_session *session, const myl_fabric_config *config);

/* The id of worker `rank`: that of its entry in the dispatch ring and of its lane. */
void myl_session_worker_id(uint32_t rank, char id[MYL_ID_MAX + 1]);
/* The rank that an id names, or MYL_WORKERS_MAX if it is no worker's. */
uint32_t myl_session_rank(const char *id);

#endif
