/* SPDX-License-Identifier: MIT
 * Typed observers: every codec, what is lost, bad messages, other types. */
#include "unit/rings.h"

#include "codec/types.h"

static const char *const codecs[] = {"bincode1", "bincode2", "rkyv", "msgpack", "msgpack_array", "flatbuffers"};
#define CODECS (sizeof codecs / sizeof codecs[0])

static myl_typed_options options_of(const char *codec, const myl_type *type)
{
    return (myl_typed_options){.size = sizeof(myl_typed_options), .type = type, .codec = myl_codec_by_name(codec)};
}

/* A ring that no consumer holds up; its producer removes it. */
static myl_typed_producer *open_ring(char *name, const myl_typed_options *options)
{
    myl_frame_producer_options frames = {.size = sizeof frames, .config = {.ring_bytes = 65536, .max_frame = 4096}};
    myl_typed_producer *producer;
    frames.ring.no_consumers = MYL_NO_CONSUMERS_OVERWRITE;
    test_ok(myl_typed_producer_open(&producer, test_name(name, "observed"), options, &frames));
    return producer;
}

static t_s text_of(uint32_t id, const char *text)
{
    return (t_s){id, {text, strlen(text)}};
}

static void expect_observed(const myl_typed_message *message, uint32_t id, const char *text)
{
    myl_view field;
    myl_item item;
    test_ok(myl_view_field(&message->view, "id", &field));
    test_ok(myl_view_read(&field, &item));
    assert_int_equal(item.number, id);
    test_ok(myl_view_field(&message->view, "s", &field));
    test_ok(myl_view_read(&field, &item));
    assert_int_equal(item.count, strlen(text));
    assert_memory_equal(item.data, text, strlen(text));
}

/* The last value is longer than a record. */
static void observer_reads_values_without_gating(void **state)
{
    (void)state;
    static char text[20000];
    memset(text, 'x', sizeof text - 1);
    for (size_t i = 0; i < CODECS; i++) {
        char name[TEST_NAME_SIZE];
        myl_typed_producer *producer;
        myl_typed_observer *observer;
        myl_typed_message message;
        myl_frame_lost lost;
        const myl_typed_options options = options_of(codecs[i], &t_s_type);
        producer = open_ring(name, &options);
        test_ok(myl_typed_observer_open(&observer, name, &options, NULL));
        test_code(MYL_EAGAIN, myl_typed_observer_next(observer, &message, &lost, MYL_TRY));
        for (uint32_t id = 0; id < 100; id++) {
            const t_s sent = text_of(id, id == 99 ? text : "some text");
            test_ok(myl_typed_publish(producer, &sent, MYL_TRY));
            test_ok(myl_typed_observer_next(observer, &message, &lost, MYL_TRY));
            expect_observed(&message, id, sent.s.data);
            assert_int_equal(lost.bytes, 0);
            assert_int_equal(message.value == NULL, options.codec->access != NULL);
        }
        /* A copy: it stays when the ring is overwritten. What was overwritten is counted. */
        for (uint32_t id = 0; id < 2000; id++) {
            const t_s sent = text_of(id, "another text");
            test_ok(myl_typed_publish(producer, &sent, MYL_TRY));
        }
        expect_observed(&message, 99, text);
        test_ok(myl_typed_observer_next(observer, &message, &lost, MYL_TRY));
        assert_true(lost.bytes > 0);
        assert_int_equal(myl_typed_observer_bad(observer), 0);
        assert_non_null(myl_typed_observer_frames(observer));
        assert_ptr_equal(myl_schema_type(myl_typed_observer_schema(observer)), &t_s_type);
        myl_typed_observer_close(observer);
        myl_typed_observer_close(NULL);
        myl_typed_producer_close(producer);
    }
}

static void observer_stops_at_bad_messages_or_skips_them(void **state)
{
    (void)state;
    for (enum myl_bad_message bad = MYL_BAD_STOP; bad <= MYL_BAD_SKIP; bad++) {
        char name[TEST_NAME_SIZE];
        myl_typed_producer *producer;
        myl_typed_observer *observer;
        myl_typed_message message;
        myl_frame_lost lost;
        myl_typed_options options = options_of("rkyv", &t_s_type);
        const t_s sent = text_of(7, "good");
        producer = open_ring(name, &options);
        options.bad = bad;
        test_ok(myl_typed_observer_open(&observer, name, &options, NULL));
        test_ok(myl_typed_publish_raw(producer, "bad", 3, MYL_TRY));
        test_ok(myl_typed_publish(producer, &sent, MYL_TRY));
        if (bad == MYL_BAD_STOP)
            test_code(MYL_EDECODE, myl_typed_observer_next(observer, &message, &lost, MYL_TRY));
        test_ok(myl_typed_observer_next(observer, &message, &lost, TEST_DEADLINE_NS));
        expect_observed(&message, 7, "good");
        assert_int_equal(myl_typed_observer_bad(observer), 1);
        test_ok(myl_typed_publish_raw(producer, "bad", 3, MYL_TRY));
        test_code(bad == MYL_BAD_STOP ? MYL_EDECODE : MYL_EAGAIN,
                  myl_typed_observer_next(observer, &message, &lost, MYL_TRY));
        myl_typed_observer_close(observer);
        myl_typed_producer_close(producer);
    }
}

static void observer_of_another_type_is_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_typed_producer *producer;
    const myl_typed_options options = options_of("rkyv", &t_s_type), other = options_of("rkyv", &t_v_type);
    producer = open_ring(name, &options);
    myl_typed_observer *observer = (void *)name;
    test_code(MYL_ESCHEMA, myl_typed_observer_open(&observer, name, &other, NULL));
    expect_detail("first difference: root: t_s there, t_v here");
    assert_null(observer);
    myl_typed_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(observer_reads_values_without_gating),
        cmocka_unit_test(observer_stops_at_bad_messages_or_skips_them),
        cmocka_unit_test(observer_of_another_type_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
