/* SPDX-License-Identifier: MIT
 * Receives values, in place or decoded, and passes over messages that are none. */
#include "typed/typed.h"

#include <stdlib.h>

#include "base/deadline.h"
#include "base/error.h"
#include "frame/consumer.h"
#include "frame/options.h"
#include "os/os.h"

struct myl_typed_consumer {
    struct myl_typed typed;
    myl_frame_consumer *frames;
    myl_arena *arena;
    enum myl_bad_message bad;
    myl_bad_message_handler on_bad;
    void *user;
    uint64_t bad_messages;
    int leased;              /* 1: values are, by myl_typed_next */
};

int myl_typed_consumer_open(myl_typed_consumer **consumer, const char *name, const myl_typed_options *typed,
                            const myl_frame_consumer_options *options)
{
    MYL_I_NOT_NULL(consumer);
    myl_frame_consumer_options frames;
    myl_typed_options own;
    *consumer = NULL;
    int rc = myl_frame_consumer_options_copy(&frames, options);
    if (rc != MYL_OK)
        return rc;
    myl_typed_consumer *made = calloc(1, sizeof *made);
    if (made == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for a typed consumer");
    rc = myl_typed_begin(&made->typed, &own, typed, frames.type_id);
    frames.type_id = 0; /* the description has it */
    made->typed.is_reader = true;
    if (rc == MYL_OK) {
        made->bad = own.bad;
        made->on_bad = own.on_bad;
        made->user = own.user;
        rc = myl_arena_open(&made->arena, own.arena_limit);
    }
    if (rc == MYL_OK) /* compares the schemas first, for a sentence with the difference, then the type_id */
        rc = myl_frame_consumer_open_described(&made->frames, name, &frames, &made->typed.description);
    if (rc != MYL_OK) {
        myl_arena_close(made->arena);
        myl_typed_end(&made->typed);
        free(made);
        return rc;
    }
    *consumer = made;
    return MYL_OK;
}

void myl_typed_consumer_close(myl_typed_consumer *consumer)
{
    if (consumer == NULL)
        return;
    myl_frame_consumer_close(consumer->frames);
    myl_arena_close(consumer->arena);
    myl_typed_end(&consumer->typed);
    free(consumer);
}

/* `owned`: a decoded value, also if the codec is read in place. */
static int take_value(myl_typed_consumer *consumer, myl_typed_message *message, int owned)
{
    const struct myl_typed *typed = &consumer->typed;
    const myl_message *record = &message->message;
    void *value;
    message->value = NULL;
    if (!owned && typed->codec->access != NULL)
        return myl_access(typed->codec, typed->schema, record->data, (size_t)record->length, &message->view);
    int rc = myl_decode(typed->codec, typed->schema, record->data, (size_t)record->length, consumer->arena, &value);
    if (rc == MYL_OK) {
        message->value = value;
        message->view = myl_view_of(typed->schema, value);
    }
    return rc;
}

/* Acknowledges a message that gives no value, or leaves that to the release of the values leased before it: else a
 * ring full of such messages stops its producer. With no memory for it, it comes again. Returns `rc`, the failure. */
static int pass_over(myl_typed_consumer *consumer, int rc)
{
    struct myl_error_saved saved;
    if (consumer->leased)
        return rc;
    int released = MYL_OK;
    myl_error_save(&saved);
    if (rc == MYL_ENOMEM)
        myl_frame_consumer_rewind(consumer->frames);
    else
        released = myl_frame_consumer_release(consumer->frames);
    if (released != MYL_OK)
        return released;
    myl_error_restore(&saved);
    return rc;
}

/* The value of the next message, which is leased. *skip: the message is bad and the policy is to go on after it. */
static int next_message(myl_typed_consumer *consumer, myl_typed_message *message, int owned, int64_t timeout_ns,
                        int *skip)
{
    int rc = myl_frame_consumer_next(consumer->frames, &message->message, timeout_ns);
    *skip = 0;
    if (rc != MYL_OK)
        return rc;
    rc = take_value(consumer, message, owned);
    if (rc == MYL_OK)
        return rc;
    if (rc == MYL_EDECODE) {
        myl_frame_count(consumer->frames, message->message.lane, MYL_COUNTER_BAD);
        myl_typed_report_bad(&message->message, &consumer->bad_messages, consumer->on_bad, consumer->user);
    }
    *skip = rc == MYL_EDECODE && consumer->bad == MYL_BAD_SKIP;
    int passed = pass_over(consumer, rc);
    *skip = *skip && passed == rc;
    return passed;
}

/* The next value, leased. */
static int next_value(myl_typed_consumer *consumer, myl_typed_message *message, int owned, int64_t timeout_ns)
{
    /* MYL_TRY does not report a timeout, and must not become a wait that ends at once. */
    const bool waits = timeout_ns > 0 && timeout_ns != MYL_FOREVER;
    struct myl_deadline until = {MYL_FOREVER};
    if (waits && consumer->bad == MYL_BAD_SKIP)
        until = myl_deadline_after(myl_os_now(), timeout_ns);
    int skip;
    int rc = next_message(consumer, message, owned, timeout_ns, &skip);
    while (skip) {
        int64_t left = waits ? myl_deadline_left(until, myl_os_now()) : timeout_ns;
        rc = next_message(consumer, message, owned, waits && left < 1 ? 1 : left, &skip);
    }
    return rc;
}

int myl_typed_next(myl_typed_consumer *consumer, myl_typed_message *message, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(consumer);
    MYL_I_NOT_NULL(message);
    if (!consumer->leased)
        myl_arena_reset(consumer->arena);
    myl_typed_message made;
    int rc = next_value(consumer, &made, 0, timeout_ns);
    if (rc == MYL_OK) {
        consumer->leased = 1;
        *message = made;
    }
    return rc;
}

int myl_typed_release(myl_typed_consumer *consumer)
{
    MYL_I_NOT_NULL(consumer);
    consumer->leased = 0;
    myl_arena_reset(consumer->arena);
    return myl_frame_consumer_release(consumer->frames);
}

void myl_typed_rewind(myl_typed_consumer *consumer)
{
    MYL_I_NOT_NULL(consumer);
    consumer->leased = 0;
    myl_arena_reset(consumer->arena);
    myl_frame_consumer_rewind(consumer->frames);
}

int myl_typed_receive(myl_typed_consumer *consumer, const void **value, int64_t timeout_ns)
{
    MYL_I_NOT_NULL(consumer);
    MYL_I_NOT_NULL(value);
    myl_typed_message message;
    if (consumer->leased)
        return myl_fail(MYL_ENOTCLAIMED, "values are leased by myl_typed_next; call myl_typed_release first");
    myl_arena_reset(consumer->arena);
    int rc = next_value(consumer, &message, 1, timeout_ns);
    if (rc == MYL_OK)
        rc = myl_frame_consumer_release(consumer->frames);
    if (rc == MYL_OK)
        *value = message.value;
    return rc;
}

uint64_t myl_typed_bad(const myl_typed_consumer *consumer)
{
    MYL_I_NOT_NULL(consumer);
    return consumer->bad_messages;
}

myl_frame_consumer *myl_typed_consumer_frames(myl_typed_consumer *consumer)
{
    MYL_I_NOT_NULL(consumer);
    return consumer->frames;
}

const myl_schema *myl_typed_consumer_schema(const myl_typed_consumer *consumer)
{
    MYL_I_NOT_NULL(consumer);
    return consumer->typed.schema;
}
