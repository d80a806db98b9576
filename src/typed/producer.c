/* SPDX-License-Identifier: MIT
 * Publishes values: encoded into the claimed record, or, if it is longer than one, into memory of the handle. */
#include "typed/typed.h"

#include <stdlib.h>

#include "base/error.h"
#include "frame/options.h"
#include "frame/producer_open.h"

struct myl_typed_producer {
    struct myl_typed typed;
    myl_frame_producer *frames;
    uint8_t kind;
    void *scratch;           /* for values longer than max_frame; NULL: none was */
    size_t room;
};

int myl_typed_producer_open(myl_typed_producer **producer, const char *name, const myl_typed_options *typed,
                            const myl_frame_producer_options *options)
{
    MYL_I_NOT_NULL(producer);
    myl_frame_producer_options frames;
    myl_typed_options own;
    *producer = NULL;
    int rc = myl_frame_producer_options_copy(&frames, options);
    if (rc != MYL_OK)
        return rc;
    myl_typed_producer *made = calloc(1, sizeof *made);
    if (made == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for a typed producer");
    rc = myl_typed_begin(&made->typed, &own, typed, frames.config.type_id);
    if (rc == MYL_OK) {
        made->kind = (uint8_t)own.kind;
        frames.config.type_id = made->typed.description.type_id;
        rc = myl_frame_producer_open_described(&made->frames, name, &frames, &made->typed.description);
    }
    if (rc != MYL_OK) {
        myl_typed_end(&made->typed);
        free(made);
        return rc;
    }
    *producer = made;
    return MYL_OK;
}

/* Everything but the producer of messages below. */
static void free_handle(myl_typed_producer *producer)
{
    myl_typed_end(&producer->typed);
    free(producer->scratch);
    free(producer);
}

void myl_typed_producer_close(myl_typed_producer *producer)
{
    if (producer == NULL)
        return;
    myl_frame_producer_close(producer->frames);
    free_handle(producer);
}

void myl_typed_producer_leave(myl_typed_producer *producer)
{
    if (producer == NULL)
        return;
    myl_frame_producer_leave(producer->frames);
    free_handle(producer);
}

static int publish_copied(myl_typed_producer *producer, const void *value, size_t size, int64_t timeout_ns)
{
    if (size > producer->room) {
        void *scratch = realloc(producer->scratch, size);
        if (scratch == NULL)
            return myl_fail(MYL_ENOMEM, "no memory for %zu bytes of an encoded value", size);
        producer->scratch = scratch;
        producer->room = size;
    }
    int rc = myl_encode(producer->typed.codec, producer->typed.schema, value, producer->scratch, size, &size);
    return rc == MYL_OK
               ? myl_frame_producer_publish(producer->frames, producer->scratch, size, producer->kind, timeout_ns)
               : rc;
}

int myl_typed_publish(myl_typed_producer *producer, const void *value, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(producer);
    MYL_I_NOT_NULL(value);
    const struct myl_typed *typed = &producer->typed;
    size_t size;
    void *record;
    int rc = myl_encoded_size(typed->codec, typed->schema, value, &size);
    if (rc != MYL_OK)
        return rc;
    rc = myl_frame_producer_claim(producer->frames, size, &record, timeout_ns);
    if (rc == MYL_ETOOBIG)
        return publish_copied(producer, value, size, timeout_ns);
    if (rc != MYL_OK)
        return rc;
    rc = myl_encode(typed->codec, typed->schema, value, record, size, &size);
    if (rc != MYL_OK) {
        myl_frame_producer_abort(producer->frames);
        return rc;
    }
    return myl_frame_producer_commit(producer->frames, size, producer->kind);
}

int myl_typed_publish_raw(myl_typed_producer *producer, const void *bytes, size_t length, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(producer);
    return myl_frame_producer_publish(producer->frames, bytes, length, producer->kind, timeout_ns);
}

myl_frame_producer *myl_typed_producer_frames(myl_typed_producer *producer)
{
    MYL_I_NOT_NULL(producer);
    return producer->frames;
}

const myl_schema *myl_typed_producer_schema(const myl_typed_producer *producer)
{
    MYL_I_NOT_NULL(producer);
    return producer->typed.schema;
}
