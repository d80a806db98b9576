/* SPDX-License-Identifier: MIT
 * Layer 2: values of one described type over a ring of messages (frame.h). Publishing encodes a value into the claimed
 * record, without a copy; receiving decodes it into owned memory, or reads it in place. Both sides name the type and
 * the codec; a ring of another type or codec is refused. docs/typed.md.
 *
 * A handle belongs to one thread at a time, as those of frame.h. */
#ifndef MYELON_TYPED_H
#define MYELON_TYPED_H

#include <myelon/codec.h>
#include <myelon/frame.h>

typedef struct myl_typed_producer myl_typed_producer;
typedef struct myl_typed_consumer myl_typed_consumer;
typedef struct myl_typed_observer myl_typed_observer;

/* What a consumer does with a message that is not a value of its type. It is acknowledged at once, or with the values
 * that were leased before it. */
enum myl_bad_message {
    MYL_BAD_STOP = 0,        /* the call returns MYL_EDECODE; the next call continues after the message */
    MYL_BAD_SKIP,            /* the message is counted and passed over */
};

/* Called for each message that is not a value; `reason` is the sentence of the failure. */
typedef void (*myl_bad_message_handler)(const myl_message *message, const char *reason, void *user);

typedef struct myl_typed_options {
    size_t size;             /* sizeof(myl_typed_options) */
    const myl_type *type;    /* of every message; it stays as it is while the handle is open */
    const myl_codec *codec;  /* myl_codec_by_id, or a program's own */
    /* Both sides may share one structure: producers ignore what is for consumers, and the reverse. */
    uint32_t kind;           /* producers: the kind of each message, 0 .. 255 */
    enum myl_bad_message bad; /* consumers */
    myl_bad_message_handler on_bad; /* consumers; NULL: none */
    void *user;              /* given to on_bad */
    size_t arena_limit;      /* consumers: bytes of decoded values between two releases; 0 = 256 MiB */
} myl_typed_options;

/* A message that is leased. */
typedef struct myl_typed_message {
    myl_message message;     /* the record: number, time, lane, kind */
    myl_view view;           /* of the value: in place if the codec is read in place, else of `value` */
    const void *value;       /* the decoded value, until the release; NULL: the codec is read in place */
} myl_typed_message;

MYL_BEGIN_DECLS

/* The type_id of a ring that carries values of this type by this codec: FNV-1a over myl_codec_hash (8 bytes) and the
 * codec's id (4 bytes), each with its lowest byte first. Never 0. Any thread. */
MYL_API uint64_t myl_typed_id(const myl_codec *codec, const myl_schema *schema);

/* --- Producer --- */

/* As myl_frame_producer_open; config.type_id of `options` is 0 or myl_typed_id, which the ring gets. A ring that is
 * made stores the codec's id and the text of the type, at most MYL_SCHEMA_TEXT_MAX bytes. MYL_EOPTIONS: the size of an
 * options structure is one of no version; MYL_EINVAL: no type or no codec; MYL_ESCHEMA: the type is wrong, its text is
 * too long, or the codec cannot carry it; or the ring has another type or codec: the sentence has both and the first
 * difference; MYL_ETYPE: the ring stores no type and its type_id is another, or the given type_id is another one.
 * After a failure *producer is NULL. */
MYL_API MYL_NODISCARD int myl_typed_producer_open(myl_typed_producer **producer, const char *name,
                                                  const myl_typed_options *typed,
                                                  const myl_frame_producer_options *options);

/* As myl_frame_producer_close. NULL does nothing. */
MYL_API void myl_typed_producer_close(myl_typed_producer *producer);

/* As myl_frame_producer_leave: the stream continues with a successor of the same type and codec. NULL does nothing. */
MYL_API void myl_typed_producer_leave(myl_typed_producer *producer);

/* Publishes a value. Up to max_frame bytes it is encoded straight into the ring, and nothing is allocated; a longer one
 * is encoded into memory that the handle keeps, and copied. Errors as myl_frame_producer_claim and _publish, and as
 * myl_encode: then nothing is published. */
MYL_API MYL_NODISCARD int myl_typed_publish(myl_typed_producer *producer, const void *value, int64_t timeout_ns);

/* Publishes bytes that are encoded already. They are not checked. */
MYL_API MYL_NODISCARD int myl_typed_publish_raw(myl_typed_producer *producer, const void *bytes, size_t length,
                                                int64_t timeout_ns);

/* The producer of messages below: for wait_consumed, set_liveness, interrupt and calls that only read. */
MYL_API myl_frame_producer *myl_typed_producer_frames(myl_typed_producer *producer);

/* The schema. Valid as long as the handle. */
MYL_API const myl_schema *myl_typed_producer_schema(const myl_typed_producer *producer);

/* --- Consumer --- */

/* As myl_frame_consumer_open; type_id of `options` is 0 or myl_typed_id. Errors as myl_typed_producer_open; then
 * *consumer is NULL. */
MYL_API MYL_NODISCARD int myl_typed_consumer_open(myl_typed_consumer **consumer, const char *name,
                                                  const myl_typed_options *typed,
                                                  const myl_frame_consumer_options *options);

/* As myl_frame_consumer_close; decoded values are gone. NULL does nothing. */
MYL_API void myl_typed_consumer_close(myl_typed_consumer *consumer);

/* Leases the next value until myl_typed_release. Several may be leased. As myl_frame_consumer_next; MYL_EDECODE: the
 * message is not a value (MYL_BAD_STOP); MYL_ETOOBIG also: beyond arena_limit. The message of such a failure is passed
 * over: acknowledged at once, or with the values that are leased. MYL_ENOMEM: it comes again, after myl_typed_rewind if
 * values are leased. */
MYL_API MYL_NODISCARD int myl_typed_next(myl_typed_consumer *consumer, myl_typed_message *message, int64_t timeout_ns);

/* As myl_frame_consumer_release: what was leased is acknowledged, its views and decoded values are gone. */
MYL_API MYL_NODISCARD int myl_typed_release(myl_typed_consumer *consumer);

/* As myl_frame_consumer_rewind: what was leased comes again. */
MYL_API void myl_typed_rewind(myl_typed_consumer *consumer);

/* Decodes the next value, acknowledges it, and gives it: valid until the next call of myl_typed_receive,
 * myl_typed_release or myl_typed_rewind of this handle. MYL_ENOTCLAIMED: leases are open; release them first. Else as
 * myl_typed_next. */
MYL_API MYL_NODISCARD int myl_typed_receive(myl_typed_consumer *consumer, const void **value, int64_t timeout_ns);

/* Messages that were not values of the type, so far. */
MYL_API uint64_t myl_typed_bad(const myl_typed_consumer *consumer);

/* The consumer of messages below: for interrupt, set_activity, lanes and calls that only read. */
MYL_API myl_frame_consumer *myl_typed_consumer_frames(myl_typed_consumer *consumer);

/* The schema. Valid as long as the handle. */
MYL_API const myl_schema *myl_typed_consumer_schema(const myl_typed_consumer *consumer);

/* --- Observer --- */

/* As myl_frame_observer_open: reads without gating. type_id of `options` is 0 or myl_typed_id. Errors as
 * myl_typed_consumer_open; then *observer is NULL. */
MYL_API MYL_NODISCARD int myl_typed_observer_open(myl_typed_observer **observer, const char *name,
                                                  const myl_typed_options *typed,
                                                  const myl_frame_consumer_options *options);

/* As myl_frame_observer_close; values are gone. NULL does nothing. */
MYL_API void myl_typed_observer_close(myl_typed_observer *observer);

/* Copies the next message into memory of the handle and gives its value, valid until the next call: a view of the copy,
 * or a decoded value. *lost: as myl_frame_observer_get, also before messages that were passed over. Errors as
 * myl_frame_observer_get; MYL_EDECODE: the message is not a value (MYL_BAD_STOP); MYL_ETOOBIG: beyond arena_limit: the
 * next call continues after the message. MYL_ENOMEM: no memory for a message that is longer than those before; only
 * for such a message and for decoded values the call allocates. */
MYL_API MYL_NODISCARD int myl_typed_observer_next(myl_typed_observer *observer, myl_typed_message *message,
                                                  myl_frame_lost *lost, int64_t timeout_ns);

/* Messages that were not values of the type, so far. */
MYL_API uint64_t myl_typed_observer_bad(const myl_typed_observer *observer);

/* The observer of messages below: for interrupt and calls that only read. */
MYL_API myl_frame_observer *myl_typed_observer_frames(myl_typed_observer *observer);

/* The schema. Valid as long as the handle. */
MYL_API const myl_schema *myl_typed_observer_schema(const myl_typed_observer *observer);

MYL_END_DECLS

/* MYL_TYPED(name): name_publish(producer, const name *, timeout) and name_receive(consumer, const name **, timeout) for
 * the described type `name`: the calls above without casts. */
#define MYL_TYPED(name)                                                                            \
    MYL_INLINE int name##_publish(myl_typed_producer *producer, const name *value, int64_t timeout_ns) \
    {                                                                                              \
        return myl_typed_publish(producer, value, timeout_ns);                                     \
    }                                                                                              \
    MYL_INLINE int name##_receive(myl_typed_consumer *consumer, const name **value, int64_t timeout_ns) \
    {                                                                                              \
        const void *received = NULL;                                                               \
        int rc = myl_typed_receive(consumer, &received, timeout_ns);                               \
        if (rc == MYL_OK)                                                                          \
            *value = MYL_I_CAST(const name *, received);                                           \
        return rc;                                                                                 \
    }                                                                                              \
    MYL_I_ASSERT(sizeof(name##_type) != 0, "the type is described")

#endif
