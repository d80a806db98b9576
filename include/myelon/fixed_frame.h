/* SPDX-License-Identifier: MIT
 * Messages over a bare ring of fixed-size events: each event is a frame, a header and a part of a message. For programs
 * that have such a ring anyway; frame.h needs no frame size, less room and fewer copies. Free functions over the
 * producer and consumer of ring.h. */
#ifndef MYELON_FIXED_FRAME_H
#define MYELON_FIXED_FRAME_H

#include <myelon/frame.h>

/* A frame's header; the payload follows it. A multiple of 16, so a payload in an event aligned to 16 is too. */
typedef struct myl_fixed_frame {
    uint32_t len;            /* bytes of payload in this frame */
    uint8_t kind;            /* the sender's; the same in all frames of a message */
    uint8_t flags;           /* enum myl_frame_flag */
    uint16_t reserved;       /* 0 */
    uint64_t msg_id;         /* number of the event with the message's first frame: never used twice in a ring */
    uint64_t total;          /* bytes of the message */
    uint64_t offset;         /* of this frame's first byte */
} myl_fixed_frame;

enum myl_frame_flag { MYL_FRAME_FIRST = 1, MYL_FRAME_LAST = 2, MYL_FRAME_ABORTED = 8 };

/* event_size of a ring whose frames carry up to `bytes` each. Its event_align should be 16. */
#define MYL_FIXED_FRAME_SIZE(bytes) (MYL_I_CAST(uint32_t, sizeof(myl_fixed_frame)) + MYL_I_CAST(uint32_t, bytes))

/* Where messages of several frames are reassembled: memory of the caller, used again for each. Set data and room,
 * the rest to 0. */
typedef struct myl_reassembly {
    void *data;
    uint64_t room;           /* bytes; a longer message is MYL_ETOOBIG and passed over */
    uint64_t skipped;        /* messages of which this reader read frames but not the first one */
    uint64_t id_and_1, total, got; /* private */
} myl_reassembly;

MYL_BEGIN_DECLS

MYL_I_BEGIN_INLINE

/* The `flags` of a frame: of a message's first frame if `first` is not 0, of its last one if `last` is not 0. */
MYL_API_INLINE uint8_t myl_frame_flags(int first, int last)
{
    return (uint8_t)((first ? MYL_FRAME_FIRST : 0) | (last ? MYL_FRAME_LAST : 0));
}

/* 1 if `flags` are those of a message's first frame, else 0. */
MYL_API_INLINE int myl_is_first_frame(uint8_t flags)
{
    return (flags & MYL_FRAME_FIRST) != 0;
}

/* 1 if `flags` are those of a message's last frame, else 0. */
MYL_API_INLINE int myl_is_last_frame(uint8_t flags)
{
    return (flags & MYL_FRAME_LAST) != 0;
}

/* 1 if `flags` are those of a message of one frame, else 0. */
MYL_API_INLINE int myl_is_single_frame(uint8_t flags)
{
    return myl_is_first_frame(flags) && myl_is_last_frame(flags);
}

MYL_I_END_INLINE

/* Publishes a message over a ring of events, in as many frames as it takes; together with what the caller has claimed
 * before. If its frames fit in the ring they are published all or not at all; else as consumers make room, and a
 * failure in between leaves MYL_EABORTED for the readers.
 * Errors as myl_producer_claim_span; MYL_EEVENTSIZE: the events are not larger than a frame's header; MYL_ETOOBIG:
 * MYL_TRY, and more frames than the ring holds. */
MYL_API MYL_NODISCARD int myl_publish_fixed_frames(myl_producer *producer, const void *data, size_t length,
                                                   uint8_t kind, int64_t timeout_ns);

/* Receives a message. One frame: message->data points into the ring; several: to the reassembly memory. It is leased:
 * release with myl_consumer_release. Messages whose frames fit in the ring are acknowledged by that release alone;
 * longer ones frame by frame while they are read.
 * As myl_consumer_next; MYL_EABORTED, MYL_ETOOBIG: the message is passed over, call again; MYL_ELEASED: several frames
 * come and other events are leased: release them first; MYL_ECORRUPT: a header that cannot be. */
MYL_API MYL_NODISCARD int myl_recv_fixed_frames(myl_consumer *consumer, myl_reassembly *parts, myl_message *message,
                                                int64_t timeout_ns);

/* Waits for the next message and gives its length, without leasing it: the next myl_recv_fixed_frames receives that
 * message. So a caller can give `parts` more memory first, unless a message is half received in it (then *length is
 * that message's, and parts->room is enough). Results other than MYL_OK as myl_consumer_next. */
MYL_API MYL_NODISCARD int myl_peek_fixed_frames(myl_consumer *consumer, myl_reassembly *parts, uint64_t *length,
                                                int64_t timeout_ns);

MYL_END_DECLS

#endif
