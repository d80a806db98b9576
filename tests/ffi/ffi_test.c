/* SPDX-License-Identifier: MIT
 * Loads libmyelon-ffi as another language does: the library, and each call by name. One dlopen gives the inline calls
 * and, through its dependency, the calls of libmyelon. */
/* ctest: not-under=thread,address,emulator */
#include <dlfcn.h>
#include <string.h>

#include <myelon/myelon.h>

#include "support/test.h"

/* Calls through pointers of the types in the headers: a different signature does not compile. */
/* clang-format off */
#define CALLS(X) \
    X(myl_producer_open) \
    X(myl_producer_close) \
    X(myl_consumer_open) \
    X(myl_consumer_close) \
    X(myl_producer_claim) \
    X(myl_producer_claim_span) \
    X(myl_producer_publish) \
    X(myl_consumer_next) \
    X(myl_consumer_next_span) \
    X(myl_consumer_release) \
    X(myl_consumer_release_to) \
    X(myl_consumer_end_of_batch) \
    X(myl_frame_producer_open) \
    X(myl_frame_producer_close) \
    X(myl_frame_consumer_open) \
    X(myl_frame_consumer_close) \
    X(myl_frame_producer_claim) \
    X(myl_frame_producer_commit) \
    X(myl_frame_consumer_next) \
    X(myl_frame_consumer_release) \
    X(myl_frame_consumer_end_of_batch) \
    X(myl_snapshot_take) \
    X(myl_snapshot_free) \
    X(myl_snapshot_entry) \
    X(myl_log_take) \
    X(myl_log_free) \
    X(myl_log_entry_at) \
    X(myl_diagnose) \
    X(myl_diagnosis_free) \
    X(myl_diagnosis_participant_at) \
    X(myl_frame_flags) \
    X(myl_is_first_frame) \
    X(myl_is_last_frame) \
    X(myl_is_single_frame)
/* clang-format on */

struct calls {
#define X(name) __typeof__(&(name)) name;
    CALLS(X)
#undef X
};

static void *library;

static void *find(const char *name)
{
    void *at = dlsym(library, name);
    if (at == NULL)
        test_fail("symbol %s not found: %s", name, dlerror());
    return at;
}

static int load(void **state)
{
    static struct calls calls;
    library = dlopen(FFI_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        test_fail("%s", dlerror());
#define X(call) *(void **)(void *)&calls.call = find(#call);
    CALLS(X)
#undef X
    *state = &calls;
    return 0;
}

static int unload(void **state)
{
    (void)state;
    return dlclose(library);
}

static void events_pass_through_exported_calls(void **state)
{
    const struct calls *call = *state;
    char name[TEST_NAME_SIZE];
    myl_producer *producer;
    myl_consumer *consumer;
    myl_producer_options o = {.size = sizeof o, .config = {.event_size = sizeof(uint64_t), .capacity = 8}};
    myl_consumer_options c = {.size = sizeof c, .ring.id = "c"};
    test_ok(call->myl_producer_open(&producer, test_name(name, "events"), &o));
    test_ok(call->myl_consumer_open(&consumer, name, &c));
    for (uint64_t i = 0; i < 100; i++) {
        void *event;
        const void *got;
        test_ok(call->myl_producer_claim(producer, &event, MYL_TRY));
        *(uint64_t *)event = i;
        call->myl_producer_publish(producer);
        test_ok(call->myl_consumer_next(consumer, &got, MYL_TRY));
        assert_int_equal(*(const uint64_t *)got, i);
        assert_int_equal(call->myl_consumer_end_of_batch(consumer), 1);
        test_ok(call->myl_consumer_release(consumer));
    }
    myl_span claimed, leased;
    test_ok(call->myl_producer_claim_span(producer, 4, &claimed, MYL_TRY));
    memset(claimed.event, 7, sizeof(uint64_t));
    call->myl_producer_publish(producer);
    test_ok(call->myl_consumer_next_span(consumer, 4, &leased, MYL_TRY));
    assert_int_equal(leased.sequence, claimed.sequence);
    assert_int_equal(leased.count, claimed.count);
    assert_memory_equal(leased.event, claimed.event, sizeof(uint64_t));
    test_ok(call->myl_consumer_release_to(consumer, (myl_sequence)leased.sequence));
    test_ok(call->myl_consumer_release(consumer));
    call->myl_consumer_close(consumer);
    call->myl_producer_close(producer);
}

static void messages_pass_through_exported_calls(void **state)
{
    const struct calls *call = *state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer *producer;
    myl_frame_consumer *consumer;
    myl_frame_producer_options o = {.size = sizeof o};
    myl_frame_consumer_options c = {.size = sizeof c, .ring = {.id = "c"}};
    test_ok(call->myl_frame_producer_open(&producer, test_name(name, "messages"), &o));
    test_ok(call->myl_frame_consumer_open(&consumer, name, &c));
    for (uint32_t i = 0; i < 100; i++) {
        void *data;
        myl_message message;
        test_ok(call->myl_frame_producer_claim(producer, 200, &data, MYL_TRY));
        memset(data, (int)i, 2 * i);
        test_ok(call->myl_frame_producer_commit(producer, 2 * i, (uint8_t)i));
        test_ok(call->myl_frame_consumer_next(consumer, &message, MYL_TRY));
        assert_int_equal(message.length, 2 * i);
        assert_int_equal(message.kind, i);
        if (i > 0)
            assert_int_equal(((const unsigned char *)message.data)[2 * i - 1], i);
        assert_int_equal(call->myl_frame_consumer_end_of_batch(consumer), 1);
        test_ok(call->myl_frame_consumer_release(consumer));
    }
    call->myl_frame_consumer_close(consumer);
    call->myl_frame_producer_close(producer);
}

static void helpers_of_fixed_frames_are_exported(void **state)
{
    const struct calls *call = *state;
    uint8_t whole = call->myl_frame_flags(1, 1), first = call->myl_frame_flags(1, 0);
    assert_int_equal(call->myl_is_single_frame(whole), 1);
    assert_int_equal(call->myl_is_single_frame(first), 0);
    assert_int_equal(call->myl_is_first_frame(first), 1);
    assert_int_equal(call->myl_is_last_frame(first), 0);
}

static void entries_of_results_are_reached(void **state)
{
    const struct calls *call = *state;
    char name[TEST_NAME_SIZE];
    myl_producer *producer;
    myl_consumer *consumer;
    myl_producer_options options = {.size = sizeof options, .config.event_size = 8};
    myl_consumer_options reader = {.size = sizeof reader, .ring.id = "reader"};
    test_ok(call->myl_producer_open(&producer, test_name(name, "entries"), &options));
    test_ok(call->myl_consumer_open(&consumer, name, &reader));
    myl_snapshot *snapshot;
    test_ok(call->myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    assert_string_equal(call->myl_snapshot_entry(snapshot, 0)->id, "reader");
    call->myl_snapshot_free(snapshot);
    myl_log *log;
    test_ok(call->myl_log_take(name, MYL_BACKEND_SHM, &log));
    assert_int_equal(call->myl_log_entry_at(log, 0)->kind, MYL_LOG_CREATED);
    assert_string_equal(call->myl_log_entry_at(log, 1)->id, "reader");
    call->myl_log_free(log);
    myl_diagnosis *diagnosis;
    test_ok(call->myl_diagnose(name, MYL_BACKEND_SHM, 0, &diagnosis));
    assert_string_equal(call->myl_diagnosis_participant_at(diagnosis, 1)->id, "reader");
    call->myl_diagnosis_free(diagnosis);
    call->myl_consumer_close(consumer);
    call->myl_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_pass_through_exported_calls),
        cmocka_unit_test(messages_pass_through_exported_calls),
        cmocka_unit_test(helpers_of_fixed_frames_are_exported),
        cmocka_unit_test(entries_of_results_are_reached),
    };
    return cmocka_run_group_tests_name("libmyelon-ffi", tests, load, unload);
}
