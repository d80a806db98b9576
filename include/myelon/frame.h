/* SPDX-License-Identifier: MIT
 * Layer 1: messages of any size. One producer, or up to 64 in lanes, up to 1024 consumers, strict broadcast, on the
 * same segments, locks, gates and waits as ring.h. A message up to max_frame bytes is one record: it lies in one piece,
 * is built in place and read in place. A longer one is sent in fragments and reassembled by its reader, even if it is
 * larger than the ring. docs/frames.md has the format and the steps.
 *
 * Sizes are bytes; positions in the ring count cells of 64 bytes. A message's data begins at a multiple of 64 unless it
 * fits after its record's header, in the same cache line (up to 48 bytes; 32 in a numbered ring); then at a multiple
 * of 16.
 *
 * A handle belongs to one thread at a time; different handles are independent. After fork the child's copies answer
 * MYL_EFORKED. The hot calls (claim, commit, next, release) are inline, make no system call, allocate nothing and take
 * no lock as long as there is room, there are messages, and no participant sleeps. Fragments take the
 * slow path, which allocates nothing either. */
#ifndef MYELON_FRAME_H
#define MYELON_FRAME_H

#include <myelon/liveness.h>
#include <myelon/ring.h>
#include <myelon/runner.h>

#include <sys/uio.h>

typedef struct myl_frame_producer myl_frame_producer;
typedef struct myl_frame_consumer myl_frame_consumer;
typedef struct myl_frame_observer myl_frame_observer;

/* What a record has besides its length and kind. */
enum myl_frame_numbers {
    MYL_FRAMES_DEFAULT = 0, /* a new ring: MYL_FRAMES_BARE; an existing ring: as it is */
    MYL_FRAMES_BARE,     /* nothing: a header of 16 bytes */
    MYL_FRAMES_NUMBERED, /* the message's number: a header of 32 bytes; an observer knows how many messages it lost */
    MYL_FRAMES_TIMED,    /* number, and the time of the commit: reads the clock for each message */
};

/* The shape of a ring of frames. Fixed when it is made. For an existing ring, what is not 0 (NULL) must agree, or the
 * open is refused: MYL_ETYPE, or MYL_ESHAPE for the others. */
typedef struct myl_frame_config {
    uint64_t ring_bytes;     /* room for records, 64 KiB .. 2^38, rounded up to 64 KiB (memory.huge on a memfd: 2 MiB);
                              * 0 = half of a core's L2 cache, at least 1 MiB. A message of n bytes takes 64 up to
                              * n = 48, else 64 + n rounded up to 64; 64 bytes stay free. */
    uint32_t max_frame;      /* longest message that stays in one piece, 64 .. ring_bytes - 128; 0 = a quarter of the
                              * ring, or max_message if that is less */
    uint64_t max_message;    /* longest message at all, 64 and max_frame .. 2^46; 0 = 16 MiB, or max_frame if that is
                              * more */
    enum myl_frame_numbers numbers;
    uint32_t lanes;          /* producers the ring has room for, 1 .. 64, each in a lane of its own (docs/frames.md,
                              * "Lanes"); each lane has ring_bytes. 0 = 1, or as it is */
    uint32_t max_consumers;  /* 1 .. 1024; 0 = 64 */
    uint64_t type_id;        /* yours; consumers that name another one are refused; 0 = untyped, or as it is */
    const char *label;       /* informational; up to 31 bytes; "" = none; NULL = none, or as it is */
    enum myl_spin_only spin_only;
    uint32_t reserved[7];    /* 0 */
} myl_frame_config;

typedef struct myl_frame_producer_options {
    size_t size;             /* sizeof(myl_frame_producer_options) */
    myl_frame_config config;
    const char *lane;        /* id of this producer's lane, as a consumer's id; NULL = any lane that is free */
    uint64_t reserved[4];    /* 0 */
    myl_ring_options ring;   /* the last member: it grows with `size` */
} myl_frame_producer_options;

/* Of consumers and observers. */
typedef struct myl_frame_consumer_options {
    size_t size;             /* sizeof(myl_frame_consumer_options) */
    uint64_t type_id;        /* expectation; 0 = any. MYL_ETYPE: the ring has another one */
    uint64_t max_message;    /* this reader's limit for fragmented messages; 0 = the ring's. That much memory is set
                              * aside at open (used only as far as messages reach); a longer message is MYL_ETOOBIG */
    uint32_t observe_lane;   /* observers: the lane to read. Consumers read all lanes: 0, else MYL_EINVAL */
    uint64_t reserved[4];    /* 0 */
    myl_reader_options ring; /* the last member: it grows with `size` */
} myl_frame_consumer_options;

/* A message as its reader gets it. */
typedef struct myl_message {
    const void *data;        /* in the ring or in the reassembly buffer; never NULL, even if length is 0 */
    uint64_t length;         /* bytes */
    uint64_t number;         /* numbered rings: of the message, from 0 on; else 0 */
    int64_t sent_ns;         /* timed rings: CLOCK_MONOTONIC at the commit, comparable on this machine; else 0 */
    uint32_t kind;           /* the sender's, 0 .. 255 */
    uint32_t fragments;      /* 1: in one piece */
    uint32_t lane;           /* whose it is; set too with MYL_EABORTED, MYL_ETOOBIG, MYL_EPRODUCERDEAD,
                              * MYL_EPRODUCERLEFT */
    /* Leased messages only, else 0: for myl_frame_consumer_release_message. */
    uint32_t cells;          /* of 64 bytes, of the lane: the room that its release gives back */
    uint64_t position;       /* of the first of them */
} myl_message;

/* Among so many messages that a consumer holds in one lane, any order of releases is possible. */
#define MYL_HELD_MAX 64

/* What an observer missed. */
typedef struct myl_frame_lost {
    uint64_t bytes;          /* of the ring, headers included: exact */
    uint64_t messages;       /* numbered rings: exact; else 0. Aborted messages count. */
} myl_frame_lost;

/* Called for a message; 0 continues, any other value stops, and this message is not acknowledged. */
typedef int (*myl_message_handler)(const myl_message *message, void *user);

/* Called by a poll for a message, which is valid until the handler returns. */
typedef enum myl_action (*myl_message_poll_handler)(const myl_message *message, void *user);

MYL_BEGIN_DECLS

/* --- producer ------------------------------------------------------------------------------------------- */

/* Makes ring `name`, or takes it over from a dead producer without loss (options->ring.existing). `name` is NULL for a
 * memfd. NULL options: all defaults. Waits at most ring.wait_timeout_ns. Errors: as myl_producer_open, and MYL_ESHAPE
 * if the ring carries events. */
MYL_API MYL_NODISCARD int myl_frame_producer_open(myl_frame_producer **producer, const char *name,
                                                  const myl_frame_producer_options *options);

/* As myl_producer_close: ends the stream, or the lane. An open claim is forgotten. NULL is fine. */
MYL_API void myl_frame_producer_close(myl_frame_producer *producer);
/* As myl_producer_leave: the lock is free, the stream continues with a successor. */
MYL_API void myl_frame_producer_leave(myl_frame_producer *producer);

/* Claims a record for a message of up to `most` bytes: *data points into shared memory, `most` bytes in one piece, to
 * be filled and then committed. Its old content is undefined. One claim at a time.
 * MYL_OK, MYL_EAGAIN (no room), MYL_ETIMEDOUT, MYL_ETOOBIG (more than max_frame), MYL_ELEASED (a claim is open),
 * MYL_ECONSUMERDEAD, MYL_ELOCKLOST, MYL_ESUPERSEDED, MYL_EINTERRUPTED, MYL_EFORKED. */
MYL_API_INLINE MYL_NODISCARD int myl_frame_producer_claim(myl_frame_producer *producer, size_t most, void **data,
                                                          int64_t timeout_ns);

/* Publishes the first `used` bytes of the claim as a message; the rest of the claim costs no room. The pointer is no
 * longer the caller's. Never waits; at most one system call, and only if a consumer sleeps.
 * MYL_OK, MYL_ENOTCLAIMED, MYL_ETOOBIG (more than was claimed; the claim stays open), MYL_EFORKED. */
MYL_API_INLINE MYL_NODISCARD int myl_frame_producer_commit(myl_frame_producer *producer, size_t used, uint8_t kind);

/* Aborts the claim; consumers never see it. */
MYL_API void myl_frame_producer_abort(myl_frame_producer *producer);

/* Copies a message into the ring, in fragments if it is longer than max_frame. Messages that fit in the ring are
 * published all or not at all, also when this process is killed. One that does not fit is published piece by piece as
 * consumers make room; if that ends early (a time-out, a dead consumer) the error is returned and consumers get
 * MYL_EABORTED for the message. With MYL_TRY such a message is MYL_ETOOBIG. data may be NULL if length is 0.
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

/* As myl_producer_set_liveness, _clear_failure and _set_activity. For the failure: myl_producer_liveness_failure and
 * myl_producer_missing_consumer of the ring below. */
MYL_API MYL_NODISCARD int myl_frame_producer_set_liveness(myl_frame_producer *producer,
                                                          const myl_liveness_options *options);
MYL_API void myl_frame_producer_clear_failure(myl_frame_producer *producer);
MYL_API void myl_frame_producer_set_activity(myl_frame_producer *producer, const char *text, int64_t duration_ns);

/* The Layer 0 producer below, for calls that only read: info, fd, last_published, last_consumed, is_consumed,
 * liveness_failure, missing_consumer, diagnose. Its sequences count cells. */
MYL_API const myl_producer *myl_frame_producer_ring(const myl_frame_producer *producer);

/* --- consumer ------------------------------------------------------------------------------------------- */

/* Joins ring `name`, every lane of it under one id; as myl_consumer_open. A consumer that joins or resumes within a
 * fragmented message starts at the next one and counts the first as skipped. */
MYL_API MYL_NODISCARD int myl_frame_consumer_open(myl_frame_consumer **consumer, const char *name,
                                                  const myl_frame_consumer_options *options);
MYL_API void myl_frame_consumer_close(myl_frame_consumer *consumer);

/* Leases the next message, in place until released. Several may be leased before one release, one fragmented message
 * among them: its data stays valid until the next fragmented one is begun.
 * A message that does not fit in the ring is acknowledged up to its last fragment while it is read: a crash before its
 * release loses it for this id, which then counts it as skipped. All others come again.
 * MYL_OK, MYL_EAGAIN (none yet), MYL_ETIMEDOUT, MYL_EABORTED (a message longer than the ring was given up, or its
 * producer died between fragments; it is passed over: call again), MYL_ETOOBIG (a message longer than this reader's
 * max_message; it is passed over), MYL_ECLOSED, MYL_EPRODUCERDEAD, MYL_EPRODUCERLEFT, MYL_ELOCKLOST, MYL_ESUPERSEDED,
 * MYL_EEVICTED, MYL_EINTERRUPTED, MYL_ELEASED (what is leased keeps the producer from publishing: it waits for its
 * release, or has no room even for an empty message; or a message that does not fit in the ring is leased, and the next
 * one comes in fragments, too: release first), MYL_ECORRUPT, MYL_EFORKED. */
MYL_API_INLINE MYL_NODISCARD int myl_frame_consumer_next(myl_frame_consumer *consumer, myl_message *message,
                                                         int64_t timeout_ns);

/* Releases and acknowledges everything leased, in all lanes. MYL_OK or MYL_EEVICTED (then nothing was acknowledged, or
 * nothing in the lane it is about). */
MYL_API_INLINE MYL_NODISCARD int myl_frame_consumer_release(myl_frame_consumer *consumer);

/* Releases one leased message and no other, in any order. `message` is as next returned it; its data is no longer the
 * caller's. Acknowledges what precedes the oldest message that is still held in its lane. A message released out of
 * order is delivered again after a crash, a close or a rewind, unless all older ones of its lane were released, too.
 * Among up to MYL_HELD_MAX (64) messages held in a lane any order is possible. Allocates nothing and never waits; at
 * most one system call, and only if the producer sleeps.
 * MYL_OK; MYL_ENOTCLAIMED (it is not leased, or was released before); MYL_ELIMIT (messages released after the oldest
 * held one would lie in more than MYL_HELD_MAX separate places; release an older one first; nothing changed);
 * MYL_EINVAL (no such lane); MYL_EEVICTED; MYL_EFORKED. */
MYL_API MYL_NODISCARD int myl_frame_consumer_release_message(myl_frame_consumer *consumer, const myl_message *message);

/* Gives back what is leased without acknowledging: the next call leases the same messages again. */
MYL_API void myl_frame_consumer_rewind(myl_frame_consumer *consumer);

/* 1 if no message after the last leased one is published yet: the end of a batch. */
MYL_API_INLINE int myl_frame_consumer_end_of_batch(const myl_frame_consumer *consumer);

/* Waits for the next message and describes it, without leasing it: length, kind, fragments, number, sent_ns and lane,
 * as far as its first record has them; message->data is NULL. The next call of next or get gives the same message, so a
 * caller can choose its memory first. A message longer than the ring may still be given up: then that call returns
 * MYL_EABORTED. Results other than MYL_OK as next, and with the same effect. */
MYL_API MYL_NODISCARD int myl_frame_consumer_peek(myl_frame_consumer *consumer, myl_message *message,
                                                  int64_t timeout_ns);

/* Copies the next message to `buffer` and acknowledges it. Fragments are copied once, straight to the buffer; with
 * lanes those of a message longer than the ring are put together elsewhere first. `message` describes it and points to
 * the buffer, whose content is undefined on any other result than MYL_OK.
 * MYL_EBUFFER: it has more than `bytes` bytes (message->length of them) and stays the next one.
 * MYL_ENOTCLAIMED: leases are open; release them first. Else as next: a call that ends early (MYL_ETIMEDOUT,
 * MYL_EINTERRUPTED) loses nothing of a message that has come in part. */
MYL_API MYL_NODISCARD int myl_frame_consumer_get(myl_frame_consumer *consumer, void *buffer, size_t bytes,
                                                 myl_message *message, int64_t timeout_ns);

/* As myl_consumer_poll, for messages: `limit` and *handled count messages. MYL_ACTION_ABORT of a message that its
 * handler has released is MYL_ACTION_BREAK if it is acknowledged by that. MYL_EABORTED and MYL_ETOOBIG end the poll
 * after the messages before them are handled. */
MYL_API MYL_NODISCARD int myl_frame_consumer_poll(myl_frame_consumer *consumer, uint64_t limit,
                                                  myl_message_poll_handler handler, void *user, uint64_t *handled,
                                                  int64_t timeout_ns);

/* As myl_frame_consumer_poll, for a handler that goes on (0) or stops (any other value). Leases may be open; they are
 * acknowledged, too. MYL_EHANDLER: the handler stopped; its message is given back. */
MYL_API MYL_NODISCARD int myl_frame_consumer_drain(myl_frame_consumer *consumer, uint64_t most,
                                                   myl_message_handler handler, void *user, uint64_t *handled,
                                                   int64_t timeout_ns);

/* As myl_runner_start, for messages: starts a thread that passes each message to `handler`. The consumer belongs to the
 * runner until it is joined. 0 goes on and acknowledges; any other value stops the runner, and its message is not
 * acknowledged. `options->batch` and the result count messages. MYL_EABORTED and MYL_ETOOBIG stop the runner, too: join
 * it, and start it again for what follows. MYL_OK; MYL_EINVAL: the consumer or the handler is NULL, or the name of the
 * thread is too long; MYL_EOPTIONS; MYL_ENOMEM, MYL_ELIMIT: no thread can be started. */
MYL_API MYL_NODISCARD int myl_frame_runner_start(myl_runner **runner, myl_frame_consumer *consumer,
                                                 myl_message_handler handler, void *user,
                                                 const myl_runner_options *options);

/* The id of lane `lane` of this consumer's ring, copied out: its producer's of now, or of last; "" if it has none.
 * MYL_EINVAL: there is no such lane. */
MYL_API MYL_NODISCARD int myl_frame_consumer_lane(const myl_frame_consumer *consumer, uint32_t lane,
                                                  char id[MYL_ID_MAX + 1]);

/* Messages of which this handle read fragments but not the first one. */
MYL_API uint64_t myl_frame_consumer_skipped(const myl_frame_consumer *consumer);
MYL_API void myl_frame_consumer_interrupt(myl_frame_consumer *consumer); /* as myl_frame_producer_interrupt */

/* As myl_consumer_set_activity and myl_consumer_peer. With lanes: all of them get the notice; the peer
 * is a live producer, if there is one, with the available messages of all lanes. */
MYL_API void myl_frame_consumer_set_activity(myl_frame_consumer *consumer, const char *text, int64_t duration_ns);
MYL_API MYL_NODISCARD int myl_frame_consumer_peer(myl_frame_consumer *consumer, myl_peer *peer);

/* The Layer 0 consumer below (of lane 0), for calls that only read: info, fd, joined, last_leased, last_acknowledged,
 * available. Its sequences count cells. */
MYL_API const myl_consumer *myl_frame_consumer_ring(const myl_frame_consumer *consumer);

/* Time since the message's commit, ns; reads the clock. -1 if the ring is not timed. */
MYL_API int64_t myl_message_latency(const myl_message *message);

/* --- observer ------------------------------------------------------------------------------------------- */

/* Reads without gating; as myl_observer_open. */
MYL_API MYL_NODISCARD int myl_frame_observer_open(myl_frame_observer **observer, const char *name,
                                                  const myl_frame_consumer_options *options);
MYL_API void myl_frame_observer_close(myl_frame_observer *observer);

/* Copies the next whole message to `buffer`. *lost is what was overwritten before this message could be read, since the
 * last one; on any other result than MYL_OK it is 0 and counts next time. MYL_EBUFFER: message->length bytes
 * are needed; the message stays the next one until it is overwritten. MYL_EABORTED as for consumers. */
MYL_API MYL_NODISCARD int myl_frame_observer_get(myl_frame_observer *observer, void *buffer, size_t bytes,
                                                 myl_message *message, myl_frame_lost *lost, int64_t timeout_ns);
MYL_API void myl_frame_observer_interrupt(myl_frame_observer *observer);
/* The Layer 0 observer below: info and last_read (in cells). */
MYL_API const myl_observer *myl_frame_observer_ring(const myl_frame_observer *observer);

MYL_END_DECLS

#include <myelon/frame_inline.h>

#endif
