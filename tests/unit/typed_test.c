/* SPDX-License-Identifier: MIT
 * Typed producers and consumers: every codec, owned and in place, long values, other types refused, bad messages. */
#include "unit/rings.h"

#include <stdlib.h>

#include "base/hash.h"
#include "codec/types.h"
#include "frame/consumer.h"

MYL_TYPED(t_s);

static const char *const codecs[] = {"bincode1", "bincode2", "rkyv", "msgpack", "msgpack_array", "flatbuffers"};
#define CODECS (sizeof codecs / sizeof codecs[0])

struct pair {
    char name[TEST_NAME_SIZE];
    myl_typed_producer *producer;
    myl_typed_consumer *consumer;
};

static myl_typed_options options_of(const char *codec, const myl_type *type)
{
    return (myl_typed_options){.size = sizeof(myl_typed_options), .type = type, .codec = myl_codec_by_name(codec)};
}

static void open_pair(struct pair *pair, const myl_typed_options *options)
{
    myl_frame_producer_options frames = {.size = sizeof frames, .config = {.ring_bytes = 65536, .max_frame = 4096}};
    test_name(pair->name, "typed");
    test_ok(myl_typed_producer_open(&pair->producer, pair->name, options, &frames));
    test_ok(myl_typed_consumer_open(&pair->consumer, pair->name, options, NULL));
}

static void close_pair(struct pair *pair)
{
    myl_typed_producer_close(pair->producer);
    myl_typed_consumer_close(pair->consumer);
}

static t_s text_of(uint32_t id, const char *text)
{
    return (t_s){id, {text, strlen(text)}};
}

static void values_arrive_owned(void **state)
{
    (void)state;
    for (size_t i = 0; i < CODECS; i++) {
        struct pair pair;
        myl_typed_options options = options_of(codecs[i], &t_s_type);
        open_pair(&pair, &options);
        for (uint32_t id = 0; id < 1000; id++) {
            const t_s sent = text_of(id, id % 2 ? "a text outside of its object" : "short");
            const t_s *received = NULL;
            test_ok(t_s_publish(pair.producer, &sent, MYL_TRY));
            test_ok(t_s_receive(pair.consumer, &received, MYL_TRY));
            assert_int_equal(received->id, id);
            assert_string_equal(received->s.data, sent.s.data);
        }
        const t_s *none;
        test_code(MYL_EAGAIN, t_s_receive(pair.consumer, &none, MYL_TRY));
        close_pair(&pair);
    }
}

/* Expects the bytes within the message's record, and the record within the ring's memory. */
static void expect_in_place(const struct pair *pair, const myl_message *message, const void *bytes, size_t count)
{
    const struct myl_segment *segment = &myl_typed_consumer_frames(pair->consumer)->own.ring.handle.segment;
    uintptr_t at = (uintptr_t)bytes, record = (uintptr_t)message->data, ring = (uintptr_t)segment->data;
    uint64_t ring_bytes = segment->head->data_bytes; /* mapped twice in a row */
    assert_true(at >= record && at + count <= record + message->length);
    assert_true(record >= ring && record + message->length <= ring + 2 * ring_bytes);
}

/* Each message has a different text, so that reading another message's memory is detected. */
static const char *leased_text(uint32_t id)
{
    static const char *const texts[] = {"the text of the first", "some other text", "what the third one says"};
    return texts[id];
}

static void expect_leased(const struct pair *pair, const myl_typed_message *message, uint32_t id, int in_place)
{
    const char *text = leased_text(id);
    myl_view field;
    myl_item item;
    test_ok(myl_view_field(&message->view, "s", &field));
    test_ok(myl_view_read(&field, &item));
    assert_int_equal(item.count, strlen(text));
    assert_memory_equal(item.data, text, strlen(text));
    assert_int_equal(message->value == NULL, in_place);
    if (in_place)
        expect_in_place(pair, &message->message, item.data, item.count);
    else
        assert_int_equal(((const t_s *)message->value)->id, id);
}

static void values_are_leased_in_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < CODECS; i++) {
        struct pair pair;
        myl_typed_message messages[3];
        myl_typed_options options = options_of(codecs[i], &t_s_type);
        int in_place = options.codec->access != NULL;
        open_pair(&pair, &options);
        for (int rewound = 0; rewound < 2; rewound++) {
            for (uint32_t id = 0; id < 3; id++) {
                const t_s sent = text_of(id, leased_text(id));
                const void *value;
                if (!rewound)
                    test_ok(myl_typed_publish(pair.producer, &sent, MYL_TRY));
                test_ok(myl_typed_next(pair.consumer, &messages[id], MYL_TRY));
                for (uint32_t leased = 0; leased <= id; leased++)
                    expect_leased(&pair, &messages[leased], leased, in_place);
                test_code(MYL_ENOTCLAIMED, myl_typed_receive(pair.consumer, &value, MYL_TRY));
            }
            if (!rewound)
                myl_typed_rewind(pair.consumer);
        }
        test_ok(myl_typed_release(pair.consumer));
        close_pair(&pair);
    }
}

static void pod_values_are_read_in_place(void **state)
{
    (void)state;
    struct pair pair;
    myl_typed_message message;
    myl_typed_options options = options_of("pod", &t_a_type);
    open_pair(&pair, &options);
    const t_a sent = {1, 2, 3};
    test_ok(myl_typed_publish(pair.producer, &sent, MYL_TRY));
    test_ok(myl_typed_next(pair.consumer, &message, MYL_TRY));
    const t_a *in_place = message.view.bytes;
    expect_in_place(&pair, &message.message, in_place, sizeof *in_place);
    assert_int_equal(in_place->b, 2);
    assert_null(message.value);
    test_ok(myl_typed_release(pair.consumer));
    close_pair(&pair);
}

static void values_longer_than_a_frame_arrive(void **state)
{
    (void)state;
    static char text[30000];
    memset(text, 'x', sizeof text - 1);
    for (size_t i = 0; i < CODECS; i++) {
        struct pair pair;
        const t_s sent = text_of(7, text), *received = NULL;
        myl_typed_options options = options_of(codecs[i], &t_s_type);
        open_pair(&pair, &options);
        for (int k = 0; k < 5; k++) {
            test_ok(t_s_publish(pair.producer, &sent, MYL_TRY));
            test_ok(t_s_receive(pair.consumer, &received, MYL_TRY));
            assert_int_equal(received->s.length, sent.s.length);
            assert_string_equal(received->s.data, text);
        }
        close_pair(&pair);
    }
}

/* A value that fits in a frame, one that does not, and bytes that are already encoded. */
static void messages_have_the_kind_of_their_producer(void **state)
{
    (void)state;
    static char text[30000];
    static const uint32_t kinds[] = {0, 7, 255};
    static const unsigned char encoded[12] = {3}; /* id 3, and a text of 0 bytes */
    memset(text, 'x', sizeof text - 1);
    const t_s sent[] = {text_of(1, "short"), text_of(2, text)};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct pair pair;
        myl_typed_message message;
        myl_typed_options options = options_of("bincode1", &t_s_type);
        options.kind = kinds[i];
        open_pair(&pair, &options);
        for (size_t k = 0; k < 3; k++) {
            if (k < 2)
                test_ok(myl_typed_publish(pair.producer, &sent[k], MYL_TRY));
            else
                test_ok(myl_typed_publish_raw(pair.producer, encoded, sizeof encoded, MYL_TRY));
            test_ok(myl_typed_next(pair.consumer, &message, MYL_TRY));
            assert_int_equal(message.message.kind, kinds[i]);
            assert_int_equal(((const t_s *)message.value)->id, k + 1);
            test_ok(myl_typed_release(pair.consumer));
        }
        close_pair(&pair);
    }
}

/* FNV-1a of the type's hash and the codec's id, as documented in typed.h: producers and consumers in other languages
 * compute it, too. */
static void ring_carries_the_id_of_type_and_codec(void **state)
{
    (void)state;
    for (size_t i = 0; i < CODECS; i++) {
        struct pair pair;
        unsigned char hashed[12];
        myl_info info = {.size = sizeof info};
        myl_typed_options options = options_of(codecs[i], &t_s_type);
        open_pair(&pair, &options);
        const myl_schema *schema = myl_typed_producer_schema(pair.producer);
        uint64_t hash = myl_codec_hash(options.codec, schema), id = myl_typed_id(options.codec, schema);
        for (size_t k = 0; k < sizeof hashed; k++)
            hashed[k] = (unsigned char)(k < 8 ? hash >> 8 * k : options.codec->id >> 8 * (k - 8));
        assert_true(id == myl_fnv1a(hashed, sizeof hashed));
        test_ok(myl_producer_info(myl_frame_producer_ring(myl_typed_producer_frames(pair.producer)), &info));
        assert_true(info.type_id == id);
        assert_true(myl_typed_id(options.codec, myl_typed_consumer_schema(pair.consumer)) == id);
        close_pair(&pair);
    }
}

/* The id may be given, too: the options of a plain handle of the same ring serve. */
static void own_type_id_may_be_given(void **state)
{
    (void)state;
    struct pair pair;
    myl_typed_options options = options_of("rkyv", &t_s_type);
    open_pair(&pair, &options);
    myl_frame_consumer_options frames = {.size = sizeof frames};
    myl_typed_consumer *consumer;
    frames.type_id = myl_typed_id(options.codec, myl_typed_producer_schema(pair.producer));
    test_ok(myl_typed_consumer_open(&consumer, pair.name, &options, &frames));
    myl_typed_consumer_close(consumer);
    frames.type_id ^= 1;
    test_code(MYL_ETYPE, myl_typed_consumer_open(&consumer, pair.name, &options, &frames));
    assert_non_null(strstr(myl_error_detail(), "pass 0, or the value of myl_typed_id"));
    assert_null(consumer);
    close_pair(&pair);
}

static void another_type_or_codec_is_refused(void **state)
{
    (void)state;
    struct pair pair;
    myl_typed_options options = options_of("rkyv", &t_s_type), other = options_of("rkyv", &t_v_type);
    open_pair(&pair, &options);
    myl_typed_consumer *consumer;
    test_code(MYL_ESCHEMA, myl_typed_consumer_open(&consumer, pair.name, &other, NULL));
    other = options_of("bincode1", &t_s_type);
    test_code(MYL_ESCHEMA, myl_typed_consumer_open(&consumer, pair.name, &other, NULL));
    close_pair(&pair);
}

static void wrong_options_are_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_typed_producer *producer;
    myl_typed_consumer *consumer;
    test_name(name, "typed");
    test_code(MYL_EINVAL, myl_typed_producer_open(&producer, name, NULL, NULL));
    test_code(MYL_EINVAL, myl_typed_consumer_open(&consumer, name, NULL, NULL));
    myl_typed_options options = options_of("pod", &t_s_type);
    test_code(MYL_ESCHEMA, myl_typed_producer_open(&producer, name, &options, NULL));
    options = options_of("rkyv", &t_s_type);
    myl_frame_producer_options frames = {.size = sizeof frames, .config.type_id = 5};
    test_code(MYL_ETYPE, myl_typed_producer_open(&producer, name, &options, &frames));
    options.kind = 256;
    test_code(MYL_EINVAL, myl_typed_producer_open(&producer, name, &options, NULL));
    options = options_of("no such", &t_s_type);
    test_code(MYL_EINVAL, myl_typed_consumer_open(&consumer, name, &options, NULL));
    options = options_of("rkyv", &t_s_type);
    options.bad = (enum myl_bad_message)2;
    test_code(MYL_EINVAL, myl_typed_consumer_open(&consumer, name, &options, NULL));
    options.size = 1;
    test_code(MYL_EOPTIONS, myl_typed_consumer_open(&consumer, name, &options, NULL));
    options = options_of("rkyv", &t_s_type);
    test_code(MYL_ENOTFOUND, myl_typed_consumer_open(&consumer, name, &options, NULL));
    myl_typed_producer_close(NULL);
    myl_typed_consumer_close(NULL);
}

/* If the size of an options structure is wrong, no other field is read. */
static void smaller_options_are_not_read(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_typed_producer *producer;
    myl_typed_consumer *consumer;
    size_t *size = malloc(sizeof *size);
    const void *smaller = size;
    *size = sizeof *size;
    test_name(name, "typed");
    const myl_typed_options options = options_of("rkyv", &t_s_type);
    test_code(MYL_EOPTIONS, myl_typed_producer_open(&producer, name, &options, smaller));
    expect_detail("myl_frame_producer_options has size");
    test_code(MYL_EOPTIONS, myl_typed_consumer_open(&consumer, name, &options, smaller));
    expect_detail("myl_frame_consumer_options has size");
    test_code(MYL_EOPTIONS, myl_typed_producer_open(&producer, name, smaller, NULL));
    expect_detail("myl_typed_options has size");
    test_code(MYL_EOPTIONS, myl_typed_consumer_open(&consumer, name, smaller, NULL));
    expect_detail("myl_typed_options has size");
    free(size);
}

static void failed_open_gives_no_handle(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_name(name, "typed");
    myl_typed_producer *producer = (void *)name;
    myl_typed_consumer *consumer = (void *)name;
    myl_schema *schema = (void *)name;
    myl_frame_producer_options frames = {.size = 1};
    const myl_typed_options options = options_of("rkyv", &t_s_type);
    test_code(MYL_EOPTIONS, myl_typed_producer_open(&producer, name, &options, &frames));
    assert_null(producer);
    test_code(MYL_ENOTFOUND, myl_typed_consumer_open(&consumer, name, &options, NULL));
    assert_null(consumer);
    test_code(MYL_ESCHEMA, myl_schema_open(&schema, &myl_unit_type));
    assert_null(schema);
}

static void failed_publish_publishes_nothing(void **state)
{
    (void)state;
    struct pair pair;
    const t_s *received;
    myl_typed_options options = options_of("rkyv", &t_s_type);
    open_pair(&pair, &options);
    const t_s wrong = text_of(1, "\xff"), right = text_of(2, "right");
    test_code(MYL_EINVAL, t_s_publish(pair.producer, &wrong, MYL_TRY));
    test_ok(t_s_publish(pair.producer, &right, MYL_TRY));
    test_ok(t_s_receive(pair.consumer, &received, MYL_TRY));
    assert_int_equal(received->id, 2);
    close_pair(&pair);
}

/* --- bad messages ------------------------------------------------------------------------------------------- */

static void record_bad_message(const myl_message *message, const char *reason, void *user)
{
    assert_int_equal(message->length, 3);
    assert_memory_equal(message->data, "bad", 3);
    assert_non_null(strstr(reason, "rkyv: byte 0"));
    ++*(unsigned *)user;
}

/* Receives or leases the next message, which is the value with id 9. */
static void expect_good(struct pair *pair, int leased)
{
    const t_s *received = NULL;
    myl_typed_message message;
    myl_view field;
    myl_item item;
    if (!leased) {
        test_ok(t_s_receive(pair->consumer, &received, TEST_DEADLINE_NS));
        assert_int_equal(received->id, 9);
        return;
    }
    test_ok(myl_typed_next(pair->consumer, &message, TEST_DEADLINE_NS));
    test_ok(myl_view_field(&message.view, "id", &field));
    test_ok(myl_view_read(&field, &item));
    assert_int_equal(item.number, 9);
    test_ok(myl_typed_release(pair->consumer));
}

/* Receives or leases the next message, which is a bad message. */
static void expect_bad(struct pair *pair, int leased)
{
    const t_s *received = NULL;
    myl_typed_message message;
    if (leased)
        test_code(MYL_EDECODE, myl_typed_next(pair->consumer, &message, MYL_TRY));
    else
        test_code(MYL_EDECODE, t_s_receive(pair->consumer, &received, MYL_TRY));
    expect_detail("rkyv: byte 0");
}

static void bad_messages_do_not_stop_a_consumer(void **state)
{
    (void)state;
    for (int skip = 0; skip < 2; skip++) {
        struct pair pair;
        unsigned noted = 0;
        const t_s sent = text_of(9, "good");
        myl_typed_options options = options_of("rkyv", &t_s_type);
        options.bad = skip ? MYL_BAD_SKIP : MYL_BAD_STOP;
        options.on_bad = record_bad_message;
        options.user = &noted;
        open_pair(&pair, &options);
        for (int leased = 0; leased < 2; leased++) {
            for (int i = 0; i < 2; i++)
                test_ok(myl_typed_publish_raw(pair.producer, "bad", 3, MYL_TRY));
            test_ok(t_s_publish(pair.producer, &sent, MYL_TRY));
            for (int i = 0; !skip && i < 2; i++)
                expect_bad(&pair, leased);
            expect_good(&pair, leased);
        }
        assert_int_equal(noted, 4);
        assert_int_equal(myl_typed_bad(pair.consumer), 4);
        test_ok(myl_frame_producer_wait_consumed(myl_typed_producer_frames(pair.producer), TEST_DEADLINE_NS));
        assert_int_equal(myl_frame_consumer_skipped(myl_typed_consumer_frames(pair.consumer)), 0);
        close_pair(&pair);
    }
}

/* A bad message after a leased value is leased, too. Nothing is acknowledged before the release, and a rewind delivers
 * both again. */
static void bad_messages_are_leased_with_the_others(void **state)
{
    (void)state;
    struct pair pair;
    const void *value;
    myl_typed_message message;
    const t_s sent = text_of(9, "good");
    myl_typed_options options = options_of("rkyv", &t_s_type);
    open_pair(&pair, &options);
    myl_frame_producer *frames = myl_typed_producer_frames(pair.producer);
    test_ok(t_s_publish(pair.producer, &sent, MYL_TRY));
    test_ok(myl_typed_publish_raw(pair.producer, "bad", 3, MYL_TRY));
    test_ok(t_s_publish(pair.producer, &sent, MYL_TRY));
    for (int rewound = 0; rewound < 2; rewound++) {
        test_ok(myl_typed_next(pair.consumer, &message, MYL_TRY));
        expect_bad(&pair, 1);
        test_code(MYL_ENOTCLAIMED, myl_typed_receive(pair.consumer, &value, MYL_TRY));
        test_code(MYL_EAGAIN, myl_frame_producer_wait_consumed(frames, MYL_TRY));
        if (!rewound)
            myl_typed_rewind(pair.consumer);
    }
    test_ok(myl_typed_next(pair.consumer, &message, MYL_TRY));
    test_ok(myl_typed_release(pair.consumer));
    test_ok(myl_frame_producer_wait_consumed(frames, MYL_TRY));
    assert_int_equal(myl_typed_bad(pair.consumer), 2);
    close_pair(&pair);
}

static void take_nothing(const myl_message *message, const char *reason, void *user)
{
    (void)message, (void)reason, (void)user;
}

/* Publishes `bad` until the ring is full. */
static void fill_with_bad_messages(const struct pair *pair)
{
    int rc;
    do
        rc = myl_typed_publish_raw(pair->producer, "bad", 3, MYL_TRY);
    while (rc == MYL_OK);
    test_code(MYL_EAGAIN, rc);
}

static int receive_either(const struct pair *pair, int leased, int64_t timeout_ns)
{
    const t_s *received;
    myl_typed_message message;
    return leased ? myl_typed_next(pair->consumer, &message, timeout_ns)
                  : t_s_receive(pair->consumer, &received, timeout_ns);
}

static void bad_messages_do_not_fill_the_ring(void **state)
{
    (void)state;
    for (int mode = 0; mode < 4; mode++) {
        struct pair pair;
        int skip = mode % 2, leased = mode / 2;
        myl_typed_options options = options_of("rkyv", &t_s_type);
        options.bad = skip ? MYL_BAD_SKIP : MYL_BAD_STOP;
        options.on_bad = take_nothing;
        open_pair(&pair, &options);
        for (int round = 0; round < 3; round++) {
            fill_with_bad_messages(&pair);
            if (skip)
                test_code(MYL_ETIMEDOUT, receive_either(&pair, leased, 1000000));
            else
                test_code(MYL_EDECODE, receive_either(&pair, leased, MYL_TRY));
            test_ok(myl_typed_publish_raw(pair.producer, "bad", 3, TEST_DEADLINE_NS));
        }
        close_pair(&pair);
    }
}

static void timeout_is_reported_after_bad_messages(void **state)
{
    (void)state;
    struct pair pair;
    myl_typed_options options = options_of("rkyv", &t_s_type);
    options.bad = MYL_BAD_SKIP;
    open_pair(&pair, &options);
    test_ok(myl_typed_publish_raw(pair.producer, "bad", 3, MYL_TRY));
    test_code(MYL_ETIMEDOUT, receive_either(&pair, 0, 1));
    close_pair(&pair);
}

/* MYL_TRY stays a call that does not wait when a bad message is passed over. */
static void try_after_bad_messages_does_not_wait(void **state)
{
    (void)state;
    struct pair pair;
    myl_typed_options options = options_of("rkyv", &t_s_type);
    options.bad = MYL_BAD_SKIP;
    open_pair(&pair, &options);
    for (int leased = 0; leased < 2; leased++) {
        test_ok(myl_typed_publish_raw(pair.producer, "bad", 3, MYL_TRY));
        test_code(MYL_EAGAIN, receive_either(&pair, leased, MYL_TRY));
    }
    assert_int_equal(myl_typed_bad(pair.consumer), 2);
    close_pair(&pair);
}

static void leased_values_stay_beside_bad_messages(void **state)
{
    (void)state;
    for (int skip = 0; skip < 2; skip++) {
        struct pair pair;
        myl_typed_message message;
        myl_view field;
        myl_item item;
        const t_s sent = text_of(5, "a text outside of its object");
        myl_typed_options options = options_of("rkyv", &t_s_type);
        options.bad = skip ? MYL_BAD_SKIP : MYL_BAD_STOP;
        open_pair(&pair, &options);
        test_ok(t_s_publish(pair.producer, &sent, MYL_TRY));
        test_ok(myl_typed_next(pair.consumer, &message, MYL_TRY));
        fill_with_bad_messages(&pair);
        test_code(skip ? MYL_ELEASED : MYL_EDECODE, receive_either(&pair, 1, 1000000));
        test_code(MYL_EAGAIN, t_s_publish(pair.producer, &sent, MYL_TRY));
        test_ok(myl_view_field(&message.view, "s", &field));
        test_ok(myl_view_read(&field, &item));
        assert_memory_equal(item.data, sent.s.data, sent.s.length);
        test_ok(myl_typed_release(pair.consumer));
        test_ok(t_s_publish(pair.producer, &sent, MYL_TRY));
        close_pair(&pair);
    }
}

/* A codec whose decode function fails with this code. */
static int wanted_code;

static int fail_to_decode(const myl_schema *schema, const void *bytes, size_t length, myl_arena *arena, void **value)
{
    (void)schema, (void)bytes, (void)length, (void)arena, (void)value;
    static const myl_codec named = {.name = "failing"};
    return myl_codec_fail(wanted_code, &named, -1, "as the test wants");
}

static void failed_messages_are_skipped_or_delivered_again(void **state)
{
    (void)state;
    const int codes[] = {MYL_ETOOBIG, MYL_EINVAL, MYL_ENOMEM};
    myl_codec failing = *myl_codec_by_name("bincode1");
    failing.id = MYL_CODEC_USER;
    failing.decode = fail_to_decode;
    for (int mode = 0; mode < 6; mode++) {
        struct pair pair;
        const t_s sent = text_of(1, "text");
        myl_typed_options options = {.size = sizeof options, .type = &t_s_type, .codec = &failing};
        wanted_code = codes[mode / 2];
        open_pair(&pair, &options);
        test_ok(t_s_publish(pair.producer, &sent, MYL_TRY));
        test_code(wanted_code, receive_either(&pair, mode % 2, MYL_TRY));
        test_code(wanted_code == MYL_ENOMEM ? MYL_ENOMEM : MYL_EAGAIN, receive_either(&pair, mode % 2, MYL_TRY));
        int rc = myl_frame_producer_wait_consumed(myl_typed_producer_frames(pair.producer), MYL_TRY);
        test_code(wanted_code == MYL_ENOMEM ? MYL_EAGAIN : MYL_OK, rc);
        assert_int_equal(myl_typed_bad(pair.consumer), 0);
        close_pair(&pair);
    }
}

static void values_beyond_the_arena_are_skipped(void **state)
{
    (void)state;
    static char text[2000];
    struct pair pair;
    const t_s *received;
    myl_typed_options options = options_of("bincode1", &t_s_type);
    options.arena_limit = 1000;
    open_pair(&pair, &options);
    memset(text, 'x', sizeof text - 1);
    const t_s large = text_of(1, text), small = text_of(2, "small");
    test_ok(t_s_publish(pair.producer, &large, MYL_TRY));
    test_ok(t_s_publish(pair.producer, &small, MYL_TRY));
    test_code(MYL_ETOOBIG, t_s_receive(pair.consumer, &received, MYL_TRY));
    test_ok(t_s_receive(pair.consumer, &received, MYL_TRY));
    assert_int_equal(received->id, 2);
    close_pair(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_arrive_owned),
        cmocka_unit_test(values_are_leased_in_place),
        cmocka_unit_test(pod_values_are_read_in_place),
        cmocka_unit_test(values_longer_than_a_frame_arrive),
        cmocka_unit_test(messages_have_the_kind_of_their_producer),
        cmocka_unit_test(ring_carries_the_id_of_type_and_codec),
        cmocka_unit_test(own_type_id_may_be_given),
        cmocka_unit_test(another_type_or_codec_is_refused),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(smaller_options_are_not_read),
        cmocka_unit_test(failed_open_gives_no_handle),
        cmocka_unit_test(failed_publish_publishes_nothing),
        cmocka_unit_test(bad_messages_do_not_stop_a_consumer),
        cmocka_unit_test(bad_messages_are_leased_with_the_others),
        cmocka_unit_test(bad_messages_do_not_fill_the_ring),
        cmocka_unit_test(timeout_is_reported_after_bad_messages),
        cmocka_unit_test(try_after_bad_messages_does_not_wait),
        cmocka_unit_test(leased_values_stay_beside_bad_messages),
        cmocka_unit_test(failed_messages_are_skipped_or_delivered_again),
        cmocka_unit_test(values_beyond_the_arena_are_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
