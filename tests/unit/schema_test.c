/* SPDX-License-Identifier: MIT
 * Rings that describe their messages: codec, hash and text in the segment; damage of the text; participants with
 * another type or codec. */
#include "unit/rings.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/hash.h"
#include "codec/types.h"
#include "segment/layout.h"

static const char *const codecs[] = {"bincode1", "bincode2", "rkyv", "pod", "msgpack", "msgpack_array", "flatbuffers"};
#define CODECS (sizeof codecs / sizeof codecs[0])

/* As t_s, with another type of its second field. */
#define S_OTHER(FIELD, T) FIELD(T, myl_u32, id) FIELD(T, myl_bytes, s)
MYL_STRUCT_NAMED(s_other, "t_s", S_OTHER);

static myl_typed_options options_of(const char *codec, const myl_type *type)
{
    return (myl_typed_options){.size = sizeof(myl_typed_options), .type = type, .codec = myl_codec_by_name(codec)};
}

static myl_typed_producer *open_typed(const char *name, const myl_typed_options *options)
{
    myl_frame_producer_options frames = {.size = sizeof frames, .config = {.ring_bytes = 65536, .max_frame = 4096}};
    myl_typed_producer *producer;
    test_ok(myl_typed_producer_open(&producer, name, options, &frames));
    return producer;
}

static const myl_producer *ring_of(myl_typed_producer *producer)
{
    return myl_frame_producer_ring(myl_typed_producer_frames(producer));
}

/* --- what the segment has ------------------------------------------------------------------------------------ */

/* The info and the text of a handle or a snapshot are those of the type. */
static void expect_described(const myl_info *info, const char *text, const myl_codec *codec, const myl_type *type)
{
    myl_schema *schema;
    test_ok(myl_schema_open(&schema, type));
    assert_non_null(text);
    assert_string_equal(text, myl_schema_text(schema, codec->form));
    assert_int_equal(info->codec, codec->id);
    assert_true(info->schema_hash == myl_codec_hash(codec, schema));
    assert_int_equal(info->schema_bytes, strlen(text));
    assert_true(info->type_id == myl_typed_id(codec, schema));
    myl_schema_close(schema);
}

static void typed_ring_describes_its_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < CODECS; i++) {
        char name[TEST_NAME_SIZE];
        const myl_type *type = strcmp(codecs[i], "pod") == 0 ? &t_flat_type : &t_every_type;
        const myl_typed_options options = options_of(codecs[i], type);
        myl_info info = {.size = sizeof info};
        myl_frame_consumer *consumer;
        myl_frame_observer *observer;
        myl_snapshot *snapshot;
        myl_typed_producer *producer = open_typed(test_name(name, "schema"), &options);
        test_ok(myl_producer_info(ring_of(producer), &info));
        expect_described(&info, myl_producer_schema_text(ring_of(producer)), options.codec, type);
        test_ok(myl_frame_consumer_open(&consumer, name, NULL)); /* any: a tool that reads the text */
        test_ok(myl_consumer_info(myl_frame_consumer_ring(consumer), &info));
        expect_described(&info, myl_consumer_schema_text(myl_frame_consumer_ring(consumer)), options.codec, type);
        test_ok(myl_frame_observer_open(&observer, name, NULL));
        test_ok(myl_observer_info(myl_frame_observer_ring(observer), &info));
        expect_described(&info, myl_observer_schema_text(myl_frame_observer_ring(observer)), options.codec, type);
        test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
        expect_described(&snapshot->info, snapshot->schema_text, options.codec, type);
        myl_snapshot_free(snapshot);
        myl_frame_observer_close(observer);
        myl_typed_producer_close(producer);
        /* The text is the handle's own. */
        expect_described(&info, myl_consumer_schema_text(myl_frame_consumer_ring(consumer)), options.codec, type);
        myl_frame_consumer_close(consumer);
    }
}

static void other_rings_have_no_schema(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const myl_frame_producer_options frames = {.size = sizeof frames, .config.type_id = 7};
    myl_frame_producer *producer;
    myl_info info = {.size = sizeof info};
    myl_snapshot *snapshot;
    test_ok(myl_frame_producer_open(&producer, test_name(name, "schema"), &frames));
    test_ok(myl_producer_info(myl_frame_producer_ring(producer), &info));
    assert_int_equal(info.codec, 0);
    assert_int_equal(info.schema_bytes, 0);
    assert_true(info.schema_hash == 0);
    assert_null(myl_producer_schema_text(myl_frame_producer_ring(producer)));
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    assert_null(snapshot->schema_text);
    myl_snapshot_free(snapshot);
    myl_frame_producer_close(producer);
}

/* A value of each lane arrives, and an observer of lane 1 reads that lane's. */
static void exchange_values(const char *where, myl_typed_producer *const producers[2], myl_typed_consumer *consumer,
                            const myl_typed_options *options, const myl_frame_consumer_options *reads)
{
    myl_frame_consumer_options observes = *reads;
    myl_typed_observer *observer;
    myl_typed_message message;
    myl_frame_lost lost;
    myl_view id;
    myl_item item;
    unsigned seen = 0;
    observes.observe_lane = 1;
    test_ok(myl_typed_observer_open(&observer, where, options, &observes));
    for (uint32_t lane = 0; lane < 2; lane++) {
        const t_s value = {lane, {"text", 4}};
        test_ok(myl_typed_publish(producers[lane], &value, TEST_DEADLINE_NS));
    }
    for (uint32_t i = 0; i < 2; i++) {
        const void *value;
        test_ok(myl_typed_receive(consumer, &value, TEST_DEADLINE_NS));
        assert_string_equal(((const t_s *)value)->s.data, "text");
        seen |= 1U << ((const t_s *)value)->id;
    }
    assert_int_equal(seen, 3);
    test_ok(myl_typed_observer_next(observer, &message, &lost, TEST_DEADLINE_NS));
    test_ok(myl_view_field(&message.view, "id", &id));
    test_ok(myl_view_read(&id, &item));
    assert_int_equal(item.number, 1);
    myl_typed_observer_close(observer);
}

static void every_backend_and_lane_has_the_schema(void **state)
{
    (void)state;
    const myl_typed_options options = options_of("rkyv", &t_s_type), other = options_of("rkyv", &t_v_type);
    for (int backend = MYL_BACKEND_SHM; backend <= LAST_BACKEND; backend++) {
        char name[TEST_NAME_SIZE], path[TEST_PATH_SIZE];
        int fd = 0;
        myl_frame_producer_options frames = {.size = sizeof frames, .config = {.ring_bytes = 65536, .lanes = 3}};
        myl_typed_producer *producers[2], *refused;
        myl_typed_consumer *consumer;
        frames.ring.backend = (enum myl_backend)backend;
        const char *where = NULL;
        if (backend != MYL_BACKEND_MEMFD)
            where = backend == MYL_BACKEND_SHM ? test_name(name, "schema") : test_path(path, "schema");
        test_ok(myl_typed_producer_open(&producers[0], where, &options, &frames));
        if (backend == MYL_BACKEND_MEMFD)
            test_ok(myl_producer_fd(ring_of(producers[0]), &fd));
        frames.ring.use_fd = backend == MYL_BACKEND_MEMFD;
        frames.ring.fd = fd;
        test_ok(myl_typed_producer_open(&producers[1], where, &options, &frames));
        test_code(MYL_ESCHEMA, myl_typed_producer_open(&refused, where, &other, &frames));
        myl_frame_consumer_options reads = {.size = sizeof reads};
        reads.ring.backend = (enum myl_backend)backend;
        reads.ring.fd = fd;
        test_code(MYL_ESCHEMA, myl_typed_consumer_open(&consumer, where, &other, &reads));
        test_ok(myl_typed_consumer_open(&consumer, where, &options, &reads));
        const char *text = myl_producer_schema_text(ring_of(producers[1]));
        assert_string_equal(text, myl_schema_text(myl_typed_consumer_schema(consumer), MYL_TEXT_SCHEMA));
        exchange_values(where, producers, consumer, &options, &reads);
        myl_typed_consumer_close(consumer);
        myl_typed_producer_close(producers[1]);
        myl_typed_producer_close(producers[0]);
        if (fd > 0)
            close(fd);
    }
}

/* --- damage --------------------------------------------------------------------------------------------------- */

static int open_object(const char *name)
{
    char path[TEST_NAME_SIZE + 16];
    snprintf(path, sizeof path, "/dev/shm/%s", name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* Every opener refuses the ring, and tools call it damaged. */
static void expect_refused(const char *name, const char *fragment)
{
    const myl_typed_options options = options_of("rkyv", &t_s_type);
    myl_typed_consumer *typed;
    myl_typed_producer *producer;
    myl_frame_consumer *consumer;
    myl_snapshot *snapshot;
    myl_object object = {.size = sizeof object};
    test_code(MYL_ECORRUPT, myl_typed_consumer_open(&typed, name, &options, NULL));
    expect_detail(fragment);
    test_code(MYL_ECORRUPT, myl_frame_consumer_open(&consumer, name, NULL));
    test_code(MYL_ECORRUPT, myl_typed_producer_open(&producer, name, &options, NULL));
    test_code(MYL_ECORRUPT, myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    test_ok(myl_examine(name, MYL_BACKEND_SHM, &object));
    assert_int_equal(object.kind, MYL_OBJECT_DAMAGED);
    assert_int_equal(object.reason, MYL_ECORRUPT);
}

static void damaged_text_is_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const myl_typed_options options = options_of("rkyv", &t_s_type);
    myl_typed_producer *producer = open_typed(test_name(name, "schema"), &options);
    size_t bytes = strlen(myl_producer_schema_text(ring_of(producer)));
    int fd = open_object(name);
    for (size_t i = 0; i < bytes; i += bytes - 1) {
        off_t at = (off_t)(MYL_SCHEMA_OFFSET + i);
        char kept, changed;
        assert_int_equal(pread(fd, &kept, 1, at), 1);
        changed = (char)(kept ^ 1);
        assert_int_equal(pwrite(fd, &changed, 1, at), 1);
        expect_refused(name, "the checksum of its schema text is");
        assert_int_equal(pwrite(fd, &kept, 1, at), 1);
    }
    close(fd);
    myl_typed_consumer *consumer;
    test_ok(myl_typed_consumer_open(&consumer, name, &options, NULL));
    myl_typed_consumer_close(consumer);
    myl_typed_producer_close(producer);
}

/* Writes another text with a valid checksum. */
static void write_text(const char *name, const char *text)
{
    struct myl_header head;
    int fd = open_object(name);
    size_t bytes = strlen(text);
    assert_int_equal(pread(fd, &head, sizeof head, 0), sizeof head);
    head.schema_bytes = (uint32_t)bytes;
    head.schema_hash = head.schema_checksum = myl_fnv1a(text, bytes);
    head.checksum = myl_fnv1a(&head, offsetof(struct myl_header, checksum));
    assert_int_equal(pwrite(fd, &head, sizeof head, 0), sizeof head);
    assert_int_equal(pwrite(fd, text, bytes, (off_t)MYL_SCHEMA_OFFSET), bytes);
    close(fd);
}

static void text_with_control_characters_is_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const myl_typed_options options = options_of("rkyv", &t_s_type);
    myl_typed_producer *producer = open_typed(test_name(name, "schema"), &options);
    write_text(name, "schema 1\nroot \x1b[2J\n");
    expect_refused(name, "byte 14 of its schema text is 0x1b");
    write_text(name, "schema 1\nroot u8\t\n");
    expect_refused(name, "byte 16 of its schema text is 0x09");
    write_text(name, "schema 1\nroot \xc3\xa4\n");
    expect_refused(name, "byte 14 of its schema text is 0xc3");
    write_text(name, myl_producer_schema_text(ring_of(producer)));
    myl_typed_producer_close(producer);
}

/* Printable lines that are no schema: refused by typed participants, by a difference; others read them. */
static void text_that_is_no_schema_is_another_schema(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const myl_typed_options options = options_of("rkyv", &t_s_type);
    myl_typed_producer *producer = open_typed(test_name(name, "schema"), &options);
    myl_typed_consumer *consumer;
    myl_snapshot *snapshot;
    write_text(name, "a poem\n");
    test_code(MYL_ESCHEMA, myl_typed_consumer_open(&consumer, name, &options, NULL));
    expect_detail("carries an unknown type by rkyv");
    expect_detail("first difference: definition: a poem there, schema 1 here");
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    assert_string_equal(snapshot->schema_text, "a poem\n");
    myl_snapshot_free(snapshot);
    write_text(name, myl_producer_schema_text(ring_of(producer)));
    myl_typed_producer_close(producer);
}

/* --- participants of another type ------------------------------------------------------------------------------ */

static void first_difference_is_reported(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const myl_typed_options options = options_of("rkyv", &t_s_type);
    myl_typed_producer *producer = open_typed(test_name(name, "schema"), &options);
    static const struct {
        const char *codec;
        const myl_type *type;
        const char *difference;
    } cases[] = {
        {"rkyv", &s_other_type, "first difference: field t_s.s: string there, bytes here"},
        {"rkyv", &t_v_type, "first difference: root: t_s there, t_v here"},
        {"bincode1", &t_s_type, "first difference: codec: rkyv there, bincode1 here"},
        {"pod", &t_a_type, "first difference: codec: rkyv there, pod here"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const myl_typed_options other = options_of(cases[i].codec, cases[i].type);
        myl_typed_consumer *consumer = (void *)name;
        test_code(MYL_ESCHEMA, myl_typed_consumer_open(&consumer, name, &other, NULL));
        expect_detail(cases[i].difference);
        expect_detail("carries t_s by rkyv (schema f47911bfa1b7cf25), expected ");
        assert_null(consumer);
    }
    /* The refused ones have not joined. */
    myl_snapshot *snapshot;
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    assert_int_equal(snapshot->consumers, 0);
    myl_snapshot_free(snapshot);
    myl_typed_producer_close(producer);
}

/* pod: the same names and kinds, another layout. */
static void another_layout_is_another_type(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_field fields[2] = {t_existing_type.fields[0], t_existing_type.fields[1]};
    myl_type packed = t_existing_type;
    fields[1].offset = 4;
    packed.fields = fields;
    const myl_typed_options options = options_of("pod", &t_existing_type), other = options_of("pod", &packed);
    myl_typed_producer *producer = open_typed(test_name(name, "schema"), &options);
    myl_typed_consumer *consumer;
    test_code(MYL_ESCHEMA, myl_typed_consumer_open(&consumer, name, &other, NULL));
    expect_detail("field t_existing.second: [u16; 2] at 8 there, [u16; 2] at 4 here");
    myl_typed_producer_close(producer);
}

static void takeover_needs_the_same_schema(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const myl_typed_options options = options_of("bincode2", &t_s_type), other = options_of("bincode2", &s_other_type);
    myl_typed_producer *producer = open_typed(test_name(name, "schema"), &options), *next;
    const t_s value = {5, {"text", 4}};
    test_ok(myl_typed_publish(producer, &value, MYL_TRY));
    myl_typed_producer_leave(producer);
    myl_typed_producer_leave(NULL);
    test_code(MYL_ESCHEMA, myl_typed_producer_open(&next, name, &other, NULL));
    expect_detail("field t_s.s: string there, bytes here");
    assert_null(next);
    test_ok(myl_typed_producer_open(&next, name, &options, NULL));
    myl_typed_consumer *consumer;
    test_ok(myl_typed_consumer_open(&consumer, name, &options, NULL));
    const void *received;
    test_ok(myl_typed_receive(consumer, &received, MYL_TRY));
    assert_int_equal(((const t_s *)received)->id, 5);
    myl_typed_consumer_close(consumer);
    myl_typed_producer_close(next);
}

static void replaced_ring_gets_the_new_schema(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const myl_typed_options options = options_of("rkyv", &t_s_type), other = options_of("bincode1", &t_every_type);
    myl_typed_producer *producer = open_typed(test_name(name, "schema"), &options), *next;
    myl_frame_producer_options frames = {.size = sizeof frames, .ring.existing = MYL_EXISTING_REPLACE};
    myl_info info = {.size = sizeof info};
    myl_typed_producer_leave(producer);
    test_ok(myl_typed_producer_open(&next, name, &other, &frames));
    test_ok(myl_producer_info(ring_of(next), &info));
    expect_described(&info, myl_producer_schema_text(ring_of(next)), other.codec, &t_every_type);
    myl_typed_producer_close(next);
}

/* A ring without a schema, as another language makes it: its type_id decides. */
static void ring_without_a_schema_is_known_by_its_type_id(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const myl_typed_options options = options_of("rkyv", &t_s_type), other = options_of("rkyv", &t_v_type);
    myl_schema *schema;
    test_ok(myl_schema_open(&schema, &t_s_type));
    const myl_frame_producer_options frames = {.size = sizeof frames,
                                               .config.type_id = myl_typed_id(options.codec, schema)};
    myl_frame_producer *producer;
    myl_typed_consumer *consumer;
    test_ok(myl_frame_producer_open(&producer, test_name(name, "schema"), &frames));
    test_code(MYL_ETYPE, myl_typed_consumer_open(&consumer, name, &other, NULL));
    expect_detail("without a schema");
    test_ok(myl_typed_consumer_open(&consumer, name, &options, NULL));
    myl_typed_consumer_close(consumer);
    myl_frame_producer_leave(producer);
    myl_typed_producer *next;
    test_code(MYL_ETYPE, myl_typed_producer_open(&next, name, &other, NULL));
    test_ok(myl_typed_producer_open(&next, name, &options, NULL));
    assert_null(myl_producer_schema_text(ring_of(next)));
    myl_typed_producer_close(next);
    myl_schema_close(schema);
}

/* --- the longest text ------------------------------------------------------------------------------------------ */

/* A type whose text has MYL_SCHEMA_TEXT_MAX bytes: one struct, fields with long names. */
static myl_schema *longest_schema(void)
{
    static char text[MYL_SCHEMA_TEXT_MAX + 1];
    const size_t longest = MYL_TYPE_NAME_MAX + strlen("  : u8\n");
    myl_schema *schema;
    char *at = text + sprintf(text, "schema 1\nroot t\nstruct t\n");
    for (int k = 0; at < text + MYL_SCHEMA_TEXT_MAX; k++) {
        size_t left = (size_t)(text + MYL_SCHEMA_TEXT_MAX - at);
        size_t length = left <= longest ? left : left < 2 * longest ? left / 2 : longest;
        at += sprintf(at, "  f%0*d: u8\n", (int)(length - strlen("  f: u8\n")), k);
    }
    test_ok(myl_schema_parse(&schema, text, strlen(text)));
    return schema;
}

static void longest_text_is_stored(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_typed_options options = options_of("bincode1", NULL);
    myl_schema *schema = longest_schema();
    options.type = myl_schema_type(schema);
    myl_typed_producer *producer = open_typed(test_name(name, "schema"), &options);
    myl_typed_consumer *consumer;
    test_ok(myl_typed_consumer_open(&consumer, name, &options, NULL));
    assert_int_equal(strlen(myl_producer_schema_text(ring_of(producer))), MYL_SCHEMA_TEXT_MAX);
    myl_typed_consumer_close(consumer);
    myl_typed_producer_close(producer);
    myl_type longer = *myl_schema_type(schema);
    longer.name = "t_";
    options.type = &longer;
    test_code(MYL_ESCHEMA, myl_typed_producer_open(&producer, name, &options, NULL));
    expect_detail("the text of the type has 65538 bytes, a ring stores at most 65536");
    myl_schema_close(schema);
}

/* --- types with other fields ----------------------------------------------------------------------------------- */

#define ORDER_1(FIELD, T) FIELD(T, myl_u32, id) FIELD(T, myl_string, s)
#define ORDER_2(FIELD, T)                                  \
    FIELD(T, myl_u32, id)                                  \
    FIELD(T, myl_string, s)                                \
    FIELD(T, myl_i16, price)                               \
    FIELD(T, t_u8_option, small)
#define ORDER_STRUCT(FIELD, T) FIELD(T, myl_u32, id) FIELD(T, myl_string, s) FIELD(T, t_a, added)
#define ORDER_RENAMED(FIELD, T) FIELD(T, myl_u32, id) FIELD(T, myl_string, text)
#define ORDER_TYPE(FIELD, T) FIELD(T, myl_u32, id) FIELD(T, myl_bytes, s)
MYL_STRUCT_NAMED(order_1, "order", ORDER_1);
MYL_STRUCT_NAMED(order_2, "order", ORDER_2);
MYL_STRUCT_NAMED(order_struct, "order", ORDER_STRUCT);
MYL_STRUCT_NAMED(order_renamed, "order", ORDER_RENAMED);
MYL_STRUCT_NAMED(order_type, "order", ORDER_TYPE);
#define FIXED_1(FIELD, T) FIELD(T, myl_u32, x)
#define FIXED_2(FIELD, T) FIELD(T, myl_u32, x) FIELD(T, myl_u32, y)
#define CHOICE_1(VARIANT, T) VARIANT(T, myl_unit, none)
#define CHOICE_2(VARIANT, T) VARIANT(T, myl_unit, none) VARIANT(T, myl_u8, one)
typedef struct point_1 {
    uint32_t x;
} point_1;
typedef struct point_2 {
    uint32_t x, y;
} point_2;
MYL_I_DESCRIBE(point_1, "point", MYL_TYPE_FIXED, FIXED_1);
MYL_I_DESCRIBE(point_2, "point", MYL_TYPE_FIXED, FIXED_2);
MYL_UNION_NAMED(choice_1, "choice", CHOICE_1);
MYL_UNION_NAMED(choice_2, "choice", CHOICE_2);
#define HOLDS_POINT_1(FIELD, T) FIELD(T, point_1, p)
#define HOLDS_POINT_2(FIELD, T) FIELD(T, point_2, p)
#define HOLDS_CHOICE_1(FIELD, T) FIELD(T, choice_1, c)
#define HOLDS_CHOICE_2(FIELD, T) FIELD(T, choice_2, c)
MYL_STRUCT_NAMED(holds_point_1, "holder", HOLDS_POINT_1);
MYL_STRUCT_NAMED(holds_point_2, "holder", HOLDS_POINT_2);
MYL_STRUCT_NAMED(holds_choice_1, "holder", HOLDS_CHOICE_1);
MYL_STRUCT_NAMED(holds_choice_2, "holder", HOLDS_CHOICE_2);

static void consumer_may_know_more_or_fewer_fields_of_a_flatbuffer(void **state)
{
    (void)state;
    const myl_typed_options options[] = {options_of("flatbuffers", &order_1_type),
                                         options_of("flatbuffers", &order_2_type)};
    const order_1 first = {7, {"hi", 2}};
    const order_2 second = {8, {"ho", 2}, -3, {true, 5}};
    const void *value, *values[] = {&first, &second};
    for (size_t written = 0; written < 2; written++) {
        char name[TEST_NAME_SIZE];
        myl_typed_consumer *consumer;
        myl_typed_producer *producer = open_typed(test_name(name, "other-fields"), &options[written]);
        test_ok(myl_typed_consumer_open(&consumer, name, &options[1 - written], NULL));
        test_ok(myl_typed_publish(producer, values[written], 0));
        test_ok(myl_typed_receive(consumer, &value, TEST_DEADLINE_NS));
        if (written == 0) {
            const order_2 *order = value;
            assert_true(order->id == 7 && order->s.length == 2 && order->price == 0 && !order->small.some);
        } else {
            const order_1 *order = value;
            assert_true(order->id == 8 && order->s.length == 2);
        }
        myl_typed_consumer_close(consumer);
        myl_typed_producer_close(producer);
    }
}

static void other_changes_of_a_flatbuffer_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *codec;
        const myl_type *there, *here;
        const char *fragment;
    } changes[] = {
        {"flatbuffers", &order_1_type, &order_struct_type,
         "first difference: field order.added: only here; a field that is added must be a number"},
        {"flatbuffers", &order_struct_type, &order_1_type, "field order.added: only there; a field that is added"},
        {"flatbuffers", &order_1_type, &order_renamed_type, "field 2 of order: \"s\" there, \"text\" here"},
        {"flatbuffers", &order_1_type, &order_type_type, "field order.s: another type there than here"},
        {"flatbuffers", &order_1_type, &t_s_type, "the root: another type there than here"},
        {"flatbuffers", &holds_point_1_type, &holds_point_2_type, "type point: 1 fields there, 2 here"},
        {"flatbuffers", &holds_choice_1_type, &holds_choice_2_type, "type choice: 1 variants there, 2 here"},
        {"rkyv", &order_1_type, &order_2_type, "first difference: field order.price: missing there, i16 here"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char name[TEST_NAME_SIZE];
        myl_typed_consumer *consumer;
        const myl_typed_options there = options_of(changes[i].codec, changes[i].there),
                                here = options_of(changes[i].codec, changes[i].here);
        myl_typed_producer *producer = open_typed(test_name(name, "other-change"), &there);
        test_code(MYL_ESCHEMA, myl_typed_consumer_open(&consumer, name, &here, NULL));
        expect_detail(changes[i].fragment);
        myl_typed_producer_close(producer);
    }
}

/* All messages of a ring have the fields of its type: consumers may have come for those. */
static void producer_needs_the_type_of_the_ring(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    const myl_typed_options there = options_of("flatbuffers", &order_1_type),
                            here = options_of("flatbuffers", &order_2_type);
    myl_typed_producer *producer = open_typed(test_name(name, "successor"), &there), *successor;
    myl_typed_producer_leave(producer);
    test_code(MYL_ESCHEMA, myl_typed_producer_open(&successor, name, &here, NULL));
    expect_detail("first difference: field order.price: missing there, i16 here");
    test_ok(myl_typed_producer_open(&successor, name, &there, NULL));
    myl_typed_producer_close(successor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typed_ring_describes_its_messages),
        cmocka_unit_test(other_rings_have_no_schema),
        cmocka_unit_test(every_backend_and_lane_has_the_schema),
        cmocka_unit_test(damaged_text_is_refused),
        cmocka_unit_test(text_with_control_characters_is_refused),
        cmocka_unit_test(text_that_is_no_schema_is_another_schema),
        cmocka_unit_test(first_difference_is_reported),
        cmocka_unit_test(another_layout_is_another_type),
        cmocka_unit_test(takeover_needs_the_same_schema),
        cmocka_unit_test(consumer_may_know_more_or_fewer_fields_of_a_flatbuffer),
        cmocka_unit_test(other_changes_of_a_flatbuffer_are_refused),
        cmocka_unit_test(producer_needs_the_type_of_the_ring),
        cmocka_unit_test(replaced_ring_gets_the_new_schema),
        cmocka_unit_test(ring_without_a_schema_is_known_by_its_type_id),
        cmocka_unit_test(longest_text_is_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
