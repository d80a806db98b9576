/* SPDX-License-Identifier: MIT
 * What stands before the payload of each message of a fabric. docs/fabric.md, "Messages, byte by byte". */
#ifndef MYL_FABRIC_MESSAGE_H
#define MYL_FABRIC_MESSAGE_H

#include <myelon/fabric.h>

#include <string.h>

/* Kinds of records. */
enum myl_dispatch_kind {
    MYL_DISPATCH_REQUEST = 1,
    MYL_DISPATCH_NO_REPLY,
    MYL_DISPATCH_CANCEL,       /* `request` is not wanted any more */
    MYL_DISPATCH_WELCOME,      /* `op`: the incarnation of the worker that what follows is for */
    MYL_DISPATCH_SCHEDULER,    /* a scheduler has begun */
};

enum myl_reply_kind {
    MYL_ANSWER_REPLY = 1,
    MYL_ANSWER_HELLO,          /* `request`: the incarnation; `status`: the process id, informational */
};

struct myl_dispatch_head {
    uint64_t request;          /* generation << 40 | number; number 0: about no request */
    uint64_t mask;
    int64_t deadline_ns;       /* CLOCK_MONOTONIC; 0: none */
    uint32_t op;
    uint32_t flags;            /* 0 */
};

struct myl_reply_head {
    uint64_t request;
    int32_t status;
    uint32_t flags;            /* enum myl_reply_flags */
};

_Static_assert(sizeof(struct myl_dispatch_head) == 32 && sizeof(struct myl_reply_head) == 16,
               "the payload begins at a multiple of 16");

#define MYL_REQUEST_NUMBER_BITS 40U
#define MYL_REQUEST_NUMBER_MASK ((UINT64_C(1) << MYL_REQUEST_NUMBER_BITS) - 1)
#define MYL_GENERATION_MASK     UINT32_C(0xffffff)

static inline uint32_t myl_request_generation(uint64_t request)
{
    return (uint32_t)(request >> MYL_REQUEST_NUMBER_BITS);
}

/* Copies a head out of a message, once. Returns 0 if the message is too short for it. */
static inline int myl_head_take(void *head, size_t size, const myl_message *message)
{
    if (message->length < size)
        return 0;
    memcpy(head, message->data, size);
    return 1;
}

#endif
