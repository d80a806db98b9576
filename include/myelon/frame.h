/* SPDX-License-Identifier: MIT
 * Layer 1: messages of any size. One producer, or up to 16 in lanes, up to 1024 consumers, strict broadcast, on the
 * same segments, seats, gates and waits as ring.h. A message up to max_frame bytes is one record: it lies in one
 * piece, is built in place and read in place. A longer one travels in fragments and is put together by its reader, even
 * when it is larger than the ring. docs/frames.md has the format and the steps.
 *
 * Sizes are bytes; positions in the ring count cells of 64 bytes. A message's data begins at a multiple of 64 unless it
 * fits behind its record's header, in the same cache line (up to 48 bytes; 32 in a numbered ring); then at a multiple
 * of 16.
 *
 * A handle belongs to one thread at a time; different handles are independent. After fork the child's copies answer
 * MYL_EFORKED. The hot calls (claim, commit, next, release) are inline, make no system call, allocate nothing and take
 * no lock as long as there is room, there are messages, and nobody sleeps. Fragments take the longer way, which
 * allocates nothing either. */
#ifndef MYELON_FRAME_H
#define MYELON_FRAME_H

#include <myelon/liveness.h>
#include <myelon/ring.h>
#include <myelon/runner.h>

#include <sys/uio.h>

typedef struct myl_frame_producer myl_frame_producer;
typedef struct myl_frame_consumer myl_frame_consumer;
typedef struct myl_frame_observer myl_frame_observer;

/* What a record says besides its length and kind. */
enum myl_frame_numbers {
    MYL_FRAMES_BARE = 0, /* nothing: a header of 16 bytes */
    MYL_FRAMES_NUMBERED, /* the message's number: a header of 32 bytes; an observer knows how many messages it lost */
    MYL_FRAMES_TIMED,    /* number, and the time of the commit: one look at the clock for each message */
};

typedef struct myl_frame_producer_options {
    size_t size;             /* sizeof(myl_frame_producer_options) */

    /* The ring's shape. Fixed when it is made; for an existing ring what is not 0 must agree. */
    uint64_t ring_bytes;     /* room for records, 64 KiB .. 2^38, rounded up to 64 KiB (memory.huge on a memfd: 2 MiB);
                              * 0 = half of a core's L2 cache, at least 1 MiB. A message of n bytes takes 64 up to
                              * n = 48, else 64 + n rounded up to 64; 64 bytes stay free. */
    uint32_t max_frame;      /* longest message that stays in one piece, 64 .. ring_bytes - 128; 0 = a quarter of the
                              * ring, or max_message if that is less */
    uint64_t
        max_message; /* longest message at all, 64 and max_frame .. 2^46; 0 = 16 MiB, or max_frame if that is more */
    enum myl_frame_numbers numbers;

    /* Several producers, each in a lane of its own: docs/frames.md, "Lanes". */
    uint32_t lanes;          /* how many the ring has room for, 1 .. 16; each lane has ring_bytes. 0 = 1, or as it is */
    const char *lane;        /* id of this producer's lane, as a consumer's id; NULL = any lane that is free */

    /* Where it lives, consumers, waiting, liveness: as for Layer 0. event_size, event_align, capacity and packed_cell
     * must be 0; `buffer` (MYL_ALONE_BUFFER) is in bytes; ring.size may be 0. */
    myl_producer_options ring;
} myl_frame_producer_options;

typedef struct myl_frame_consumer_options {
    size_t size;             /* sizeof(myl_frame_consumer_options) */
    uint64_t max_message;    /* this reader's limit for fragmented messages; 0 = the ring's. That much memory is set
                              * aside at open (used only as far as messages reach); a longer message is MYL_ETOOBIG */
    uint32_t observe_lane;   /* observers: the lane to look at, 0 unless set. Consumers read all lanes: leave it 0 */
    myl_consumer_options ring; /* as for Layer 0; event_size and event_align must be 0; ring.size may be 0 */
} myl_frame_consumer_options;

/* A message as its reader gets it. */
typedef struct myl_message {
    const void *data;        /* in the ring or in the reassembly buffer; never NULL, even if length is 0 */
    uint64_t length;         /* bytes */
    uint64_t number;         /* numbered rings: of the message, from 0 on; else 0 */
    int64_t sent_ns;         /* timed rings: CLOCK_MONOTONIC at the commit, comparable on this machine; else 0 */
    uint32_t kind;           /* the sender's, 0 .. 255 */
    uint32_t fragments;      /* 1: in one piece */
    uint32_t lane;           /* whose it is; set too with MYL_EABORTED, MYL_ETOOBIG, MYL_EPRODUCERDEAD, MYL_EUNSEATED */
} myl_message;

/* What an observer missed. */
typedef struct myl_frame_lost {
    uint64_t bytes;          /* of the ring, headers included: exact */
    uint64_t messages;       /* numbered rings: exact; else 0. Aborted messages count. */
} myl_frame_lost;

/* Called for a message; 0 goes on, anything else stops, and this message is not acknowledged. */
typedef int (*myl_message_handler)(const myl_message *message, void *user);

MYL_BEGIN_DECLS

/* --- producer ------------------------------------------------------------------------------------------- */

/* Makes ring `name`, or takes it over from a dead producer without loss (options->ring.existing). `name` is NULL for a
 * memfd. NULL options: all defaults. Waits at most ring.wait_timeout_ns. Errors: as myl_producer_open, and MYL_ESHAPE
 * if the ring carries events. */
MYL_API MYL_NODISCARD int myl_frame_producer_open(myl_frame_producer **producer, const char *name,
                                                  const myl_frame_producer_options *options);

/* As myl_producer_close: ends the stream, or the lane. An open claim is forgotten. NULL is fine. */
MYL_API void myl_frame_producer_close(myl_frame_producer *producer);
/* As myl_producer_leave: the seat is free, the stream goes on with the next producer. */
MYL_API void myl_frame_producer_leave(myl_frame_producer *producer);

/* Claims a record for a message of up to `most` bytes: *data points into shared memory, `most` bytes in one piece, to
 * be filled and then committed. Its old content is undefined. One claim at a time.
 * MYL_OK, MYL_EAGAIN (no room), MYL_ETIMEDOUT, MYL_ETOOBIG (more than max_frame), MYL_ELEASED (a claim is open),
 * MYL_ECONSUMERDEAD, MYL_ESEATLOST, MYL_ESUPERSEDED, MYL_EINTERRUPTED, MYL_EFORKED. */
MYL_INLINE MYL_NODISCARD int myl_frame_producer_claim(myl_frame_producer *producer, size_t most, void **data,
                                                      int64_t timeout_ns);

/* Publishes the first `used` bytes of the claim as a message; the rest of the claim costs no room. The pointer is no
 * longer the caller's. Never waits; at most one system call, and only if somebody sleeps.
 * MYL_OK, MYL_ENOTCLAIMED, MYL_ETOOBIG (more than was claimed; the claim stays open), MYL_EFORKED. */
MYL_INLINE MYL_NODISCARD int myl_frame_producer_commit(myl_frame_producer *producer, size_t used, uint8_t kind);

/* Forgets the claim; nobody ever sees it. */
MYL_API void myl_frame_producer_abort(myl_frame_producer *producer);

/* Copies a message into the ring, in fragments if it is longer than max_frame. Messages that fit in the ring are
 * published all or not at all. One that does not fit is published piece by piece as consumers make room; if that ends
 * early (a time-out, a dead consumer) the error is returned and consumers get MYL_EABORTED for the message. With
 * MYL_TRY such a message is MYL_ETOOBIG. data may be NULL if length is 0.
 * As claim; MYL_ETOOBIG also above max_message. */
MYL_API MYL_NODISCARD int myl_frame_producer_publish(myl_frame_producer *producer, const void *data, size_t length,
                                                     uint8_t kind, int64_t timeout_ns);

/* The same for a message in `count` pieces, which become one. */
MYL_API MYL_NODISCARD int myl_frame_producer_publishv(myl_frame_producer *producer, const struct iovec *pieces,
                                                      size_t count, uint8_t kind, int64_t timeout_ns);

/* Numbered rings: messages begun so far, by this producer and all before it; that is the next one's number. Else 0. */
MYL_API uint64_t myl_frame_producer_messages(const myl_frame_producer *producer);

/* Waits until every gating consumer has acknowledged everything published so far, and at least one is registered. */
MYL_API MYL_NODISCARD int myl_frame_producer_wait_consumed(myl_frame_producer *producer, int64_t timeout_ns);
/* As myl_producer_wait_consumers. */
MYL_API MYL_NODISCARD int myl_frame_producer_wait_consumers(myl_frame_producer *producer, const char *prefix,
                                                            uint32_t count, int64_t timeout_ns);
/* Makes a waiting call of this handle, now or the next one, return MYL_EINTERRUPTED. Any thread; signal handlers. */
MYL_API void myl_frame_producer_interrupt(myl_frame_producer *producer);

/* As myl_producer_manage, _clear and _busy. What came of it: myl_producer_trouble and _missing of the ring below. */
MYL_API MYL_NODISCARD int myl_frame_producer_manage(myl_frame_producer *producer, const myl_liveness_options *options);
MYL_API void myl_frame_producer_clear(myl_frame_producer *producer);
MYL_API void myl_frame_producer_busy(myl_frame_producer *producer, const char *doing, int64_t patience_ns);

/* The Layer 0 producer below, for what only looks: info, fd, last, gating, is_consumed, trouble, missing, why. Its
 * sequences count cells. */
MYL_API const myl_producer *myl_frame_producer_ring(const myl_frame_producer *producer);

/* --- consumer ------------------------------------------------------------------------------------------- */

/* Joins ring `name`, every lane of it under one id; as myl_consumer_open. Who joins or resumes in the middle of a
 * fragmented message starts at the next whole one and counts the other as skipped. */
MYL_API MYL_NODISCARD int myl_frame_consumer_open(myl_frame_consumer **consumer, const char *name,
                                                  const myl_frame_consumer_options *options);
MYL_API void myl_frame_consumer_close(myl_frame_consumer *consumer);

/* Leases the next message, in place until released. Several may be leased before one release, one fragmented message
 * among them: its data stays valid until the next fragmented one is begun.
 * A message that does not fit in the ring is acknowledged up to its last fragment while it is read: a crash before its
 * release loses it for this id, which then counts it as skipped. All others come again.
 * MYL_OK, MYL_EAGAIN (none yet), MYL_ETIMEDOUT, MYL_EABORTED (a message was given up or its producer died between
 * fragments; it is passed over: call again), MYL_ETOOBIG (a message longer than this reader's max_message; it is passed
 * over), MYL_ECLOSED, MYL_EPRODUCERDEAD, MYL_EUNSEATED, MYL_ESEATLOST, MYL_ESUPERSEDED, MYL_EEVICTED,
 * MYL_EINTERRUPTED, MYL_ELEASED (so much is leased that the producer may never have room for the next one, or one that
 * does not fit in the ring, and the next one comes in fragments, too: release first), MYL_ECORRUPT, MYL_EFORKED. */
MYL_INLINE MYL_NODISCARD int myl_frame_consumer_next(myl_frame_consumer *consumer, myl_message *message,
                                                     int64_t timeout_ns);

/* Releases and acknowledges everything leased, in all lanes. MYL_OK or MYL_EEVICTED (then nothing was acknowledged, or
 * nothing in the lane it is about). */
MYL_INLINE MYL_NODISCARD int myl_frame_consumer_release(myl_frame_consumer *consumer);

/* Gives back what is leased without acknowledging: the next call leases the same messages again. */
MYL_API void myl_frame_consumer_rewind(myl_frame_consumer *consumer);

/* 1 if nothing behind the last leased message is published yet: the end of a batch. */
MYL_INLINE int myl_frame_consumer_end_of_batch(const myl_frame_consumer *consumer);

/* Copies the next message to `buffer` and acknowledges it. `message` tells about it and points to the buffer.
 * MYL_EBUFFER: it has more than `bytes` bytes (message->length says how many) and stays the next one.
 * MYL_ENOTCLAIMED: leases are open; release them first. Else as next. */
MYL_API MYL_NODISCARD int myl_frame_consumer_get(myl_frame_consumer *consumer, void *buffer, size_t bytes,
                                                 myl_message *message, int64_t timeout_ns);

/* Waits for a message, then hands over what is there, at most `most` messages (0: no limit), and acknowledges them
 * together. *handled (NULL is fine) counts those acknowledged, whatever the result. MYL_EHANDLER: the handler stopped;
 * its message comes again. Other failures as next, after what was there is handled. */
MYL_API MYL_NODISCARD int myl_frame_consumer_drain(myl_frame_consumer *consumer, uint64_t most,
                                                   myl_message_handler handler, void *user, uint64_t *handled,
                                                   int64_t timeout_ns);

/* The id of lane `lane` of this consumer's ring, copied out: its producer's of now, or of last; "" if it has none.
 * MYL_EINVAL: there are not so many lanes. */
MYL_API MYL_NODISCARD int myl_frame_consumer_lane(const myl_frame_consumer *consumer, uint32_t lane,
                                                  char id[MYL_ID_MAX + 1]);

/* Messages of which this handle came across fragments but not the first one. */
MYL_API uint64_t myl_frame_consumer_skipped(const myl_frame_consumer *consumer);
MYL_API void myl_frame_consumer_interrupt(myl_frame_consumer *consumer); /* as myl_frame_producer_interrupt */

/* As myl_consumer_busy and myl_consumer_peer. With lanes: to all of them; a producer that lives, if there is one, and
 * the unread of all. */
MYL_API void myl_frame_consumer_busy(myl_frame_consumer *consumer, const char *doing, int64_t patience_ns);
MYL_API MYL_NODISCARD int myl_frame_consumer_peer(myl_frame_consumer *consumer, myl_peer *peer);

/* The Layer 0 consumer below (of lane 0), for what only looks: info, fd, joined, position, acknowledged, available. Its
 * sequences count cells. */
MYL_API const myl_consumer *myl_frame_consumer_ring(const myl_frame_consumer *consumer);

/* How long the message was under way, ns: one look at the clock. -1 if the ring is not timed. */
MYL_API int64_t myl_message_latency(const myl_message *message);

/* --- observer ------------------------------------------------------------------------------------------- */

/* Looks on without gating anybody; as myl_observer_open. */
MYL_API MYL_NODISCARD int myl_frame_observer_open(myl_frame_observer **observer, const char *name,
                                                  const myl_frame_consumer_options *options);
MYL_API void myl_frame_observer_close(myl_frame_observer *observer);

/* Copies the next whole message to `buffer`. *lost is what was overwritten before this message could be read, since the
 * last one; on any other result than MYL_OK it is 0 and counts next time. MYL_EBUFFER: message->length says how many
 * bytes are needed; the message stays the next one until it is overwritten. MYL_EABORTED as for consumers. */
MYL_API MYL_NODISCARD int myl_frame_observer_get(myl_frame_observer *observer, void *buffer, size_t bytes,
                                                 myl_message *message, myl_frame_lost *lost, int64_t timeout_ns);
MYL_API void myl_frame_observer_interrupt(myl_frame_observer *observer);
/* The Layer 0 observer below: info and position (in cells). */
MYL_API const myl_observer *myl_frame_observer_ring(const myl_frame_observer *observer);

MYL_END_DECLS

#include <myelon/frame_inline.h>

#endif
