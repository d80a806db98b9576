/* SPDX-License-Identifier: MIT
 * Reads values without gating. A message is copied into memory of the handle, so its value cannot change. */
#include "typed/typed.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/deadline.h"
#include "base/error.h"
#include "frame/observer.h"
#include "frame/options.h"
#include "os/os.h"

#define ROOM_FIRST ((size_t)4096)

struct myl_typed_observer {
    struct myl_typed typed;
    myl_frame_observer *frames;
    myl_arena *arena;
    void *buffer;            /* the copy of the last message */
    size_t room;
    enum myl_bad_message bad;
    myl_bad_message_handler on_bad;
    void *user;
    uint64_t bad_messages;
};

/* What is open of it. */
static void free_handle(myl_typed_observer *observer)
{
    myl_frame_observer_close(observer->frames);
    myl_arena_close(observer->arena);
    myl_typed_end(&observer->typed);
    free(observer->buffer);
    free(observer);
}

static int make_room(myl_typed_observer *observer, uint64_t bytes)
{
    void *grown = bytes <= SIZE_MAX ? realloc(observer->buffer, (size_t)bytes) : NULL;
    if (grown == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for a message of %" PRIu64 " bytes", bytes);
    observer->buffer = grown;
    observer->room = (size_t)bytes;
    return MYL_OK;
}

int myl_typed_observer_open(myl_typed_observer **observer, const char *name, const myl_typed_options *typed,
                            const myl_frame_consumer_options *options)
{
    MYL_I_NOT_NULL(observer);
    myl_frame_consumer_options frames;
    myl_typed_options own;
    *observer = NULL;
    int rc = myl_frame_consumer_options_copy(&frames, options);
    if (rc != MYL_OK)
        return rc;
    myl_typed_observer *made = calloc(1, sizeof *made);
    if (made == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for a typed observer");
    rc = myl_typed_begin(&made->typed, &own, typed, frames.type_id);
    frames.type_id = 0; /* the description has it */
    made->typed.is_reader = true;
    if (rc == MYL_OK) {
        made->bad = own.bad;
        made->on_bad = own.on_bad;
        made->user = own.user;
        rc = myl_arena_open(&made->arena, own.arena_limit);
    }
    if (rc == MYL_OK)
        rc = make_room(made, ROOM_FIRST);
    if (rc == MYL_OK)
        rc = myl_frame_observer_open_described(&made->frames, name, &frames, &made->typed.description);
    if (rc != MYL_OK) {
        free_handle(made);
        return rc;
    }
    *observer = made;
    return MYL_OK;
}

void myl_typed_observer_close(myl_typed_observer *observer)
{
    if (observer != NULL)
        free_handle(observer);
}

/* The next message, in memory that is large enough for it. */
static int get_message(myl_typed_observer *observer, myl_message *message, myl_frame_lost *lost, int64_t timeout_ns)
{
    for (;;) {
        int rc = myl_frame_observer_get(observer->frames, observer->buffer, observer->room, message, lost, timeout_ns);
        if (rc != MYL_EBUFFER || message->length <= observer->room)
            return rc;
        rc = make_room(observer, message->length);
        if (rc != MYL_OK)
            return rc;
    }
}

static int next_value(myl_typed_observer *observer, myl_typed_message *message, myl_frame_lost *lost,
                      int64_t timeout_ns)
{
    const struct myl_typed *typed = &observer->typed;
    void *value = NULL;
    message->value = NULL;
    int rc = get_message(observer, &message->message, lost, timeout_ns);
    if (rc != MYL_OK)
        return rc;
    const myl_message *record = &message->message;
    if (typed->codec->access != NULL)
        rc = myl_access(typed->codec, typed->schema, record->data, (size_t)record->length, &message->view);
    else
        rc = myl_decode(typed->codec, typed->schema, record->data, (size_t)record->length, observer->arena, &value);
    if (rc == MYL_OK && typed->codec->access == NULL) {
        message->value = value;
        message->view = myl_view_of(typed->schema, value);
    }
    if (rc == MYL_EDECODE)
        myl_typed_report_bad(record, &observer->bad_messages, observer->on_bad, observer->user);
    return rc;
}

int myl_typed_observer_next(myl_typed_observer *observer, myl_typed_message *message, myl_frame_lost *lost,
                            int64_t timeout_ns)
{
    MYL_I_NOT_NULL(observer);
    MYL_I_NOT_NULL(message);
    MYL_I_NOT_NULL(lost);
    /* MYL_TRY does not report a timeout, and must not become a wait that ends at once. */
    const bool waits = timeout_ns > 0 && timeout_ns != MYL_FOREVER;
    struct myl_deadline until = {MYL_FOREVER};
    myl_frame_lost sum = {0, 0};
    int rc;
    if (waits && observer->bad == MYL_BAD_SKIP)
        until = myl_deadline_after(myl_os_now(), timeout_ns);
    do {
        myl_frame_lost one = {0, 0};
        myl_arena_reset(observer->arena);
        rc = next_value(observer, message, &one, timeout_ns);
        sum.bytes += one.bytes;
        sum.messages += one.messages;
        if (waits && observer->bad == MYL_BAD_SKIP) {
            int64_t left = myl_deadline_left(until, myl_os_now());
            timeout_ns = left < 1 ? 1 : left;
        }
    } while (rc == MYL_EDECODE && observer->bad == MYL_BAD_SKIP);
    *lost = sum;
    return rc;
}

uint64_t myl_typed_observer_bad(const myl_typed_observer *observer)
{
    MYL_I_NOT_NULL(observer);
    return observer->bad_messages;
}

myl_frame_observer *myl_typed_observer_frames(myl_typed_observer *observer)
{
    MYL_I_NOT_NULL(observer);
    return observer->frames;
}

const myl_schema *myl_typed_observer_schema(const myl_typed_observer *observer)
{
    MYL_I_NOT_NULL(observer);
    return observer->typed.schema;
}
