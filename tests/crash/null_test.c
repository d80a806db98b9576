/* SPDX-License-Identifier: MIT
 * In a build with assertions, NULL for a pointer that must not be NULL aborts. Each call of a table runs in a child,
 * which must end by SIGABRT. unit.name tests the pointers that may be NULL. The library of these tests has assertions
 * in every build type. */
#undef NDEBUG

#include <myelon/myelon.h>

#include "support/test.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* Not constants: otherwise the compilers would diagnose the NULL. */
static void *volatile no_handle;
static void *volatile no_place;

static void discard(int64_t result)
{
    (void)result;
}

/* X(the function, its arguments) */
#define WITH_RESULT(X)                                                                                                 \
    X(myl_producer_claim, no_handle, &p, MYL_TRY)                                                                      \
    X(myl_producer_claim_span, no_handle, 1, &run, MYL_TRY)                                                            \
    X(myl_producer_put, no_handle, &p, sizeof p, MYL_TRY)                                                              \
    X(myl_producer_last_published, no_handle)                                                                          \
    X(myl_producer_last_consumed, no_handle)                                                                           \
    X(myl_producer_is_consumed, no_handle, 0)                                                                          \
    X(myl_producer_wait_consumed, no_handle, 0, MYL_TRY)                                                               \
    X(myl_producer_wait_consumers, no_handle, NULL, 1, MYL_TRY)                                                        \
    X(myl_producer_info, no_handle, &info)                                                                             \
    X(myl_producer_fd, no_handle, &fd)                                                                                 \
    X(myl_producer_set_liveness, no_handle, NULL)                                                                      \
    X(myl_producer_missing_consumer, no_handle, 0, id)                                                                 \
    X(myl_producer_set_role, no_handle, "a", NULL)                                                                     \
    X(myl_producer_diagnose, no_handle, 0, &diagnosis)                                                                 \
    X(myl_consumer_next, no_handle, &e, MYL_TRY)                                                                       \
    X(myl_consumer_next_span, no_handle, 1, &run, MYL_TRY)                                                             \
    X(myl_consumer_release, no_handle)                                                                                 \
    X(myl_consumer_release_to, no_handle, 0)                                                                           \
    X(myl_consumer_end_of_batch, no_handle)                                                                            \
    X(myl_consumer_get, no_handle, &p, sizeof p, MYL_TRY)                                                              \
    X(myl_consumer_poll, no_handle, 0, NULL, NULL, NULL, MYL_TRY)                                                      \
    X(myl_consumer_last_leased, no_handle)                                                                             \
    X(myl_consumer_last_acknowledged, no_handle)                                                                       \
    X(myl_consumer_available, no_handle)                                                                               \
    X(myl_consumer_joined, no_handle, &joined)                                                                         \
    X(myl_consumer_info, no_handle, &info)                                                                             \
    X(myl_consumer_fd, no_handle, &fd)                                                                                 \
    X(myl_consumer_peer, no_handle, &peer)                                                                             \
    X(myl_consumer_diagnose, no_handle, 0, &diagnosis)                                                                 \
    X(myl_observer_get, no_handle, &p, sizeof p, &lost, MYL_TRY)                                                       \
    X(myl_observer_last_read, no_handle)                                                                               \
    X(myl_observer_info, no_handle, &info)                                                                             \
    X(myl_frame_producer_claim, no_handle, 1, &p, MYL_TRY)                                                             \
    X(myl_frame_producer_commit, no_handle, 0, 0)                                                                      \
    X(myl_frame_producer_publish, no_handle, "", 0, 0, MYL_TRY)                                                        \
    X(myl_frame_producer_publishv, no_handle, NULL, 0, 0, MYL_TRY)                                                     \
    X(myl_frame_producer_wait_consumed, no_handle, MYL_TRY)                                                            \
    X(myl_frame_producer_wait_consumers, no_handle, NULL, 1, MYL_TRY)                                                  \
    X(myl_frame_producer_set_liveness, no_handle, NULL)                                                                \
    X(myl_frame_consumer_next, no_handle, &message, MYL_TRY)                                                           \
    X(myl_frame_consumer_release, no_handle)                                                                           \
    X(myl_frame_consumer_release_message, no_handle, &message)                                                         \
    X(myl_frame_consumer_end_of_batch, no_handle)                                                                      \
    X(myl_frame_consumer_get, no_handle, &p, sizeof p, &message, MYL_TRY)                                              \
    X(myl_frame_consumer_poll, no_handle, 0, NULL, NULL, NULL, MYL_TRY)                                                \
    X(myl_frame_consumer_lane, no_handle, 0, id)                                                                       \
    X(myl_frame_consumer_peer, no_handle, &peer)                                                                       \
    X(myl_frame_consumer_peek, no_handle, &message, MYL_TRY)                                                           \
    X(myl_frame_consumer_drain, no_handle, 0, NULL, NULL, NULL, MYL_TRY)                                               \
    X(myl_frame_consumer_skipped, no_handle)                                                                           \
    X(myl_frame_producer_messages, no_handle)                                                                          \
    X(myl_recv_fixed_frames, no_handle, &parts, &message, MYL_TRY)                                                     \
    X(myl_peek_fixed_frames, no_handle, &parts, &lost, MYL_TRY)                                                        \
    X(myl_producer_ticket, no_handle, id, sizeof id)                                                                   \
    X(myl_consumer_ticket, no_handle, id, sizeof id)                                                                   \
    X(myl_ticket_parse, "", no_place)                                                                                  \
    X(myl_frame_observer_get, no_handle, &p, sizeof p, &message, &frame_lost, MYL_TRY)                                 \
    X(myl_publish_fixed_frames, no_handle, "", 0, 0, MYL_TRY)                                                          \
    X(myl_runner_join, no_handle, NULL, MYL_TRY)                                                                       \
    X(myl_producer_open, no_place, "a", NULL)                                                                          \
    X(myl_consumer_open, no_place, "a", NULL)                                                                          \
    X(myl_observer_open, no_place, "a", NULL)                                                                          \
    X(myl_frame_producer_open, no_place, "a", NULL)                                                                    \
    X(myl_frame_consumer_open, no_place, "a", NULL)                                                                    \
    X(myl_frame_observer_open, no_place, "a", NULL)                                                                    \
    X(myl_runner_start, no_place, NULL, NULL, NULL, NULL)                                                              \
    X(myl_snapshot_take, "a", MYL_BACKEND_SHM, no_place)                                                               \
    X(myl_log_take, "a", MYL_BACKEND_SHM, no_place)                                                                    \
    X(myl_diagnose, "a", MYL_BACKEND_SHM, 0, no_place)                                                                 \
    X(myl_recv_fd, 0, no_place)                                                                                        \
    X(myl_producer_liveness_failure, no_handle, &failure)                                                              \
    X(myl_error_participant, no_place)                                                                                 \
    X(myl_wait_strategy_parse, "sleep", no_place)                                                                      \
    X(myl_role_parse, "plain", no_place)                                                                               \
    X(myl_has_feature, no_place)

#define WITHOUT_RESULT(X)                                                                                              \
    X(myl_producer_publish, no_handle)                                                                                 \
    X(myl_producer_abort, no_handle)                                                                                   \
    X(myl_producer_interrupt, no_handle)                                                                               \
    X(myl_producer_clear_failure, no_handle)                                                                           \
    X(myl_snapshot_entry, no_handle, 0)                                                                                \
    X(myl_log_entry_at, no_handle, 0)                                                                                  \
    X(myl_diagnosis_participant_at, no_handle, 0)                                                                      \
    X(myl_producer_schema_text, no_handle)                                                                             \
    X(myl_producer_set_activity, no_handle, NULL, 0)                                                                   \
    X(myl_consumer_rewind, no_handle)                                                                                  \
    X(myl_consumer_interrupt, no_handle)                                                                               \
    X(myl_consumer_schema_text, no_handle)                                                                             \
    X(myl_consumer_set_activity, no_handle, NULL, 0)                                                                   \
    X(myl_observer_interrupt, no_handle)                                                                               \
    X(myl_observer_schema_text, no_handle)                                                                             \
    X(myl_frame_producer_abort, no_handle)                                                                             \
    X(myl_frame_producer_interrupt, no_handle)                                                                         \
    X(myl_frame_producer_clear_failure, no_handle)                                                                     \
    X(myl_frame_consumer_rewind, no_handle)                                                                            \
    X(myl_frame_consumer_interrupt, no_handle)                                                                         \
    X(myl_frame_observer_interrupt, no_handle)                                                                         \
    X(myl_frame_consumer_ring, no_handle)                                                                              \
    X(myl_frame_consumer_set_activity, no_handle, NULL, 0)                                                             \
    X(myl_frame_producer_set_activity, no_handle, NULL, 0)                                                             \
    X(myl_frame_producer_ring, no_handle)                                                                              \
    X(myl_frame_observer_ring, no_handle)                                                                              \
    X(myl_runner_stop, no_handle)                                                                                      \
    X(myl_waitset_interrupt, no_handle)

/* Types, codecs and typed messages. */
#define CODEC_WITH_RESULT(X)                                                                                           \
    X(myl_type_check, no_handle)                                                                                       \
    X(myl_type_text, no_handle, MYL_TEXT_SCHEMA, id, sizeof id, &size)                                                 \
    X(myl_type_text, &myl_u8_type, MYL_TEXT_SCHEMA, id, sizeof id, no_place)                                           \
    X(myl_type_hash, no_handle, MYL_TEXT_SCHEMA, &hash)                                                                \
    X(myl_type_hash, &myl_u8_type, MYL_TEXT_SCHEMA, no_place)                                                          \
    X(myl_schema_open, no_place, &myl_u8_type)                                                                         \
    X(myl_schema_open, &schema, no_handle)                                                                             \
    X(myl_schema_parse, no_place, "schema 1\n", 9)                                                                     \
    X(myl_schema_parse, &schema, no_place, 0)                                                                          \
    X(myl_schema_hash, no_handle, MYL_TEXT_SCHEMA)                                                                     \
    X(myl_codec_check, no_handle, schema)                                                                              \
    X(myl_codec_check, codec, no_handle)                                                                               \
    X(myl_codec_hash, no_handle, schema)                                                                               \
    X(myl_codec_hash, codec, no_handle)                                                                                \
    X(myl_codec_fail, MYL_EINVAL, no_handle, 0, "")                                                                    \
    X(myl_codec_fail, MYL_EINVAL, codec, 0, no_place)                                                                  \
    X(myl_flatbuffers_schema, no_place, "x", 1)                                                                        \
    X(myl_flatbuffers_schema, &schema, no_place, 1)                                                                    \
    X(myl_flatbuffers_text, no_handle, id, sizeof id, &size)                                                           \
    X(myl_flatbuffers_text, schema, id, sizeof id, no_place)                                                           \
    X(myl_encoded_size, no_handle, schema, "v", &size)                                                                 \
    X(myl_encoded_size, codec, no_handle, "v", &size)                                                                  \
    X(myl_encoded_size, codec, schema, no_place, &size)                                                                \
    X(myl_encoded_size, codec, schema, "v", no_place)                                                                  \
    X(myl_encode, no_handle, schema, "v", id, sizeof id, &size)                                                        \
    X(myl_encode, codec, no_handle, "v", id, sizeof id, &size)                                                         \
    X(myl_encode, codec, schema, no_place, id, sizeof id, &size)                                                       \
    X(myl_encode, codec, schema, "v", id, sizeof id, no_place)                                                         \
    X(myl_decode, no_handle, schema, "v", 1, arena, &p)                                                                \
    X(myl_decode, codec, no_handle, "v", 1, arena, &p)                                                                 \
    X(myl_decode, codec, schema, "v", 1, no_handle, &p)                                                                \
    X(myl_decode, codec, schema, "v", 1, arena, no_place)                                                              \
    X(myl_access, no_handle, schema, "v", 1, &view)                                                                    \
    X(myl_access, codec, no_handle, "v", 1, &view)                                                                     \
    X(myl_access, codec, schema, "v", 1, no_place)                                                                     \
    X(myl_view_read, no_handle, &item)                                                                                 \
    X(myl_view_read, &view, no_place)                                                                                  \
    X(myl_view_child, no_handle, 0, &view)                                                                             \
    X(myl_view_child, &view, 0, no_place)                                                                              \
    X(myl_view_field, no_handle, "f", &view)                                                                           \
    X(myl_view_field, &view, no_place, &view)                                                                          \
    X(myl_view_field, &view, "f", no_place)                                                                            \
    X(myl_view_json, no_handle, id, sizeof id, &size)                                                                  \
    X(myl_view_json, &view, id, sizeof id, no_place)                                                                   \
    X(myl_arena_open, no_place, 0)                                                                                     \
    X(myl_arena_take, no_handle, 1, 1, &p)                                                                             \
    X(myl_arena_take, arena, 1, 1, no_place)                                                                           \
    X(myl_typed_id, no_handle, schema)                                                                                 \
    X(myl_typed_id, codec, no_handle)                                                                                  \
    X(myl_typed_producer_open, no_place, "a", NULL, NULL)                                                              \
    X(myl_typed_consumer_open, no_place, "a", NULL, NULL)                                                              \
    X(myl_typed_observer_open, no_place, "a", NULL, NULL)                                                              \
    X(myl_typed_publish, no_handle, "v", MYL_TRY)                                                                      \
    X(myl_typed_publish_raw, no_handle, "v", 1, MYL_TRY)                                                               \
    X(myl_typed_next, no_handle, &typed_message, MYL_TRY)                                                              \
    X(myl_typed_release, no_handle)                                                                                    \
    X(myl_typed_receive, no_handle, &e, MYL_TRY)                                                                       \
    X(myl_typed_bad, no_handle)                                                                                        \
    X(myl_typed_observer_next, no_handle, &typed_message, (void *)id, MYL_TRY)                                         \
    X(myl_typed_observer_bad, no_handle)

#define CODEC_WITHOUT_RESULT(X)                                                                                        \
    X(myl_codec_by_name, no_place)                                                                                     \
    X(myl_schema_type, no_handle)                                                                                      \
    X(myl_schema_text, no_handle, MYL_TEXT_SCHEMA)                                                                     \
    X(myl_view_of, no_handle, "v")                                                                                     \
    X(myl_view_of, schema, no_place)                                                                                   \
    X(myl_view_name, no_handle, 0)                                                                                     \
    X(myl_arena_reset, no_handle)                                                                                      \
    X(myl_typed_rewind, no_handle)                                                                                     \
    X(myl_typed_producer_frames, no_handle)                                                                            \
    X(myl_typed_producer_schema, no_handle)                                                                            \
    X(myl_typed_consumer_frames, no_handle)                                                                            \
    X(myl_typed_consumer_schema, no_handle)                                                                            \
    X(myl_typed_observer_frames, no_handle)                                                                            \
    X(myl_typed_observer_schema, no_handle)

/* Wait sets. */
#define SET_WITH_RESULT(X)                                                                                             \
    X(myl_waitset_open, no_place, NULL)                                                                                \
    X(myl_waitset_add_consumer, no_handle, (void *)id, NULL)                                                           \
    X(myl_waitset_add_consumer, set, no_handle, NULL)                                                                  \
    X(myl_waitset_add_frame_consumer, no_handle, (void *)id, NULL)                                                     \
    X(myl_waitset_add_observer, no_handle, (void *)id, NULL)                                                           \
    X(myl_waitset_add_frame_observer, no_handle, (void *)id, NULL)                                                     \
    X(myl_waitset_add_producer, no_handle, (void *)id, 1, NULL)                                                        \
    X(myl_waitset_add_frame_producer, no_handle, (void *)id, 1, NULL)                                                  \
    X(myl_waitset_remove, no_handle, id)                                                                               \
    X(myl_waitset_count, no_handle)                                                                                    \
    X(myl_waitset_wait, no_handle, &ready, 1, &count, MYL_TRY)                                                         \
    X(myl_waitset_wait, set, no_place, 1, &count, MYL_TRY)                                                             \
    X(myl_waitset_wait, set, &ready, 1, no_place, MYL_TRY)                                                             \
    X(myl_waitset_fd, no_handle, &fd)                                                                                  \
    X(myl_waitset_fd, set, no_place)

/* The fabric. */
#define FABRIC_WITH_RESULT(X)                                                                                          \
    X(myl_scheduler_open, no_place, NULL, NULL)                                                                        \
    X(myl_worker_open, no_place, NULL, NULL)                                                                           \
    X(myl_scheduler_request, no_handle, NULL, NULL, 0, &hash, MYL_TRY)                                                 \
    X(myl_scheduler_requestv, no_handle, NULL, NULL, 0, &hash, MYL_TRY)                                                \
    X(myl_scheduler_claim, no_handle, 0, &p, MYL_TRY)                                                                  \
    X(myl_scheduler_commit, no_handle, NULL, 0, &hash)                                                                 \
    X(myl_scheduler_next, no_handle, &event, MYL_TRY)                                                                  \
    X(myl_scheduler_release, no_handle, &event)                                                                        \
    X(myl_scheduler_collect, no_handle, 1, 0, &event, 1, &count, MYL_TRY)                                              \
    X(myl_scheduler_cancel, no_handle, 1, MYL_TRY)                                                                     \
    X(myl_scheduler_config, no_handle, 0, &config)                                                                     \
    X(myl_scheduler_wait_workers, no_handle, 0, NULL, MYL_TRY)                                                         \
    X(myl_scheduler_peer, no_handle, 0, &peer)                                                                         \
    X(myl_scheduler_count, no_handle, &counts)                                                                         \
    X(myl_worker_next, no_handle, &work, MYL_TRY)                                                                      \
    X(myl_worker_reply, no_handle, &work, NULL, 0, 0, 0, MYL_TRY)                                                      \
    X(myl_worker_replyv, no_handle, &work, NULL, 0, 0, 0, MYL_TRY)                                                     \
    X(myl_worker_claim, no_handle, 0, &p, MYL_TRY)                                                                     \
    X(myl_worker_commit, no_handle, &work, 0, 0, 0)                                                                    \
    X(myl_worker_release, no_handle, &work)                                                                            \
    X(myl_worker_cancelled, no_handle, &work)                                                                          \
    X(myl_worker_rank, no_handle)                                                                                      \
    X(myl_worker_incarnation, no_handle)                                                                               \
    X(myl_worker_skipped, no_handle)                                                                                   \
    X(myl_session_tag, "a", no_place)                                                                                  \
    X(myl_fabric_names, &config, no_place, id)                                                                         \
    X(myl_fabric_config_from_environment, no_place)                                                                    \
    X(myl_fabric_config_from_json, no_place, "{}")

#define FABRIC_WITHOUT_RESULT(X)                                                                                       \
    X(myl_scheduler_abort, no_handle)                                                                                  \
    X(myl_scheduler_interrupt, no_handle)                                                                              \
    X(myl_worker_abort, no_handle)                                                                                     \
    X(myl_worker_interrupt, no_handle)                                                                                 \
    X(myl_worker_set_activity, no_handle, NULL, 0)

#define NAME(function, ...) #function,
static const char *const names[] = {WITH_RESULT(NAME) WITHOUT_RESULT(NAME) CODEC_WITH_RESULT(NAME) CODEC_WITHOUT_RESULT(
    NAME) SET_WITH_RESULT(NAME) FABRIC_WITH_RESULT(NAME) FABRIC_WITHOUT_RESULT(NAME)};
#define CALLS ((int)(sizeof names / sizeof names[0]))

static int call(test_peer *parent, void *argument)
{
    const int number = *(const int *)argument;
    const struct rlimit no_core = {0, 0};
    void *p = NULL;
    const void *e = NULL;
    int fd = -1, i = 0;
    char id[MYL_ID_MAX + 1] = "";
    uint64_t lost = 0;
    myl_frame_lost frame_lost;
    myl_span run;
    myl_info info = {.size = sizeof info};
    myl_liveness_failure failure = {.size = sizeof failure};
    myl_joined joined = {.size = sizeof joined};
    myl_peer peer = {.size = sizeof peer};
    myl_message message;
    myl_diagnosis *diagnosis = NULL;
    myl_reassembly parts = {0};
    const myl_codec *codec = myl_codec_by_id(MYL_CODEC_POD);
    myl_schema *schema = NULL;
    myl_arena *arena = NULL;
    myl_waitset *set = NULL;
    myl_ready ready;
    myl_item item;
    myl_typed_message typed_message;
    size_t size = 0;
    uint64_t hash;
    uint32_t count;
    myl_fabric_config config = {.size = sizeof config};
    myl_fabric_event event = {.data = NULL};
    myl_scheduler_counts counts = {.size = sizeof counts};
    myl_work work = {.data = NULL};
    (void)parent;
    if (myl_schema_open(&schema, &myl_u8_type) != MYL_OK || myl_arena_open(&arena, 0) != MYL_OK ||
        myl_waitset_open(&set, NULL) != MYL_OK)
        return 2;
    myl_view view = myl_view_of(schema, "v");
    (void)setrlimit(RLIMIT_CORE, &no_core);
    if (freopen("/dev/null", "w", stderr) == NULL) /* the assertion prints there */
        return 2;
#define CALL(function, ...)                                                                                            \
    if (number == i++)                                                                                                 \
        discard((int64_t)(function)(__VA_ARGS__));
#define CALL_VOID(function, ...)                                                                                       \
    if (number == i++)                                                                                                 \
        (function)(__VA_ARGS__);
    WITH_RESULT(CALL)
    WITHOUT_RESULT(CALL_VOID)
    CODEC_WITH_RESULT(CALL)
    CODEC_WITHOUT_RESULT(CALL_VOID)
    SET_WITH_RESULT(CALL)
    FABRIC_WITH_RESULT(CALL)
    FABRIC_WITHOUT_RESULT(CALL_VOID)
    return 1;
}

static void null_pointer_aborts(void **state)
{
    (void)state;
    assert_true(myl_has_feature("assertions"));
    for (int i = 0; i < CALLS; i++) {
        test_child child;
        test_spawn(&child, call, &i);
        print_message("%s\n", names[i]);
        test_expect_signal(&child, SIGABRT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(null_pointer_aborts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
