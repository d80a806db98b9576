/* SPDX-License-Identifier: MIT
 * Compares the codecs msgpack and msgpack_array with the Python package msgpack, for random values of random types.
 * Python reads what was encoded here, and packs values in its own way: fields in any order, missing options, fields
 * that the type does not have, floats of 64 bits. A part goes through a ring, by `myelon sub --blobs` and
 * `myelon pub --blobs`.
 * MYL_INTEROP_VALUES: a fifth of the number of values, default 2000. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <myelon/myelon.h>

#include "codec/random.h"
#include "codec/types.h"
#include "support/test.h"

#define ROOM            ((size_t)1 << 20)
#define VALUES_PER_TYPE 50
#define RING_VALUES     500

static const char *const codecs[] = {"msgpack", "msgpack_array"};

static char python[TEST_PATH_SIZE], script[TEST_PATH_SIZE];
static FILE *to_peer, *from_peer;
static pid_t peer;

struct world {
    uint64_t dice;
    const myl_type *type;
    myl_schema *schema;
    myl_arena *values, *decoded;
    unsigned char *sent, *received;
};

static void open_type(struct world *world, const myl_type *type)
{
    world->type = type;
    test_ok(myl_schema_open(&world->schema, type));
}

static void open_world(struct world *world, uint64_t dice)
{
    world->dice = dice;
    test_ok(myl_arena_open(&world->values, 0));
    test_ok(myl_arena_open(&world->decoded, 0));
    world->sent = malloc(ROOM);
    world->received = malloc(ROOM);
}

static void close_world(struct world *world)
{
    myl_arena_close(world->values);
    myl_arena_close(world->decoded);
    free(world->sent);
    free(world->received);
}

/* --- values ------------------------------------------------------------------------------------------------- */

/* Python has no floats of 32 bits: a signalling NaN becomes a quiet one. */
static void quiet(const myl_type *type, void *value)
{
    char *at = value;
    const myl_bytes *many = value;
    uint32_t tag, single;
    switch (type->kind) {
    case MYL_KIND_FLOAT:
        memcpy(&single, value, sizeof single);
        if ((single & 0x7f800000) == 0x7f800000 && (single & 0x007fffff) != 0)
            single |= 0x00400000;
        memcpy(value, &single, sizeof single);
        break;
    case MYL_KIND_VECTOR:
    case MYL_KIND_ARRAY:
        for (size_t i = 0, n = type->kind == MYL_KIND_ARRAY ? type->count : many->length; i < n; i++)
            quiet(type->element, (type->kind == MYL_KIND_ARRAY ? at : *(char **)value) + i * type->element->size);
        break;
    case MYL_KIND_OPTION:
        if (at[0])
            quiet(type->element, at + type->offset);
        break;
    case MYL_KIND_BOX:
        quiet(type->element, *(void **)value);
        break;
    case MYL_KIND_UNION:
        memcpy(&tag, value, sizeof tag);
        quiet(type->fields[tag].type, at + type->fields[tag].offset);
        break;
    default:
        for (size_t i = 0; type->fields != NULL && i < type->count; i++)
            quiet(type->fields[i].type, at + type->fields[i].offset);
        break;
    }
}

static const void *next_value(struct world *world, unsigned depth)
{
    void *value;
    myl_arena_reset(world->values);
    test_ok(myl_arena_take(world->values, world->type->size, world->type->align, &value));
    random_value(&world->dice, world->type, value, world->values, depth);
    quiet(world->type, value);
    return value;
}

/* --- the Python program ------------------------------------------------------------------------------------- */

static int start_peer(void **state)
{
    (void)state;
    int in[2], out[2];
    if (pipe(in) != 0 || pipe(out) != 0)
        return -1;
    peer = fork();
    if (peer == 0) {
        (void)dup2(in[0], STDIN_FILENO);
        (void)dup2(out[1], STDOUT_FILENO);
        for (int i = 0; i < 2; i++) {
            (void)close(in[i]);
            (void)close(out[i]);
        }
        (void)execl(python, python, script, (char *)NULL);
        _exit(127);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    to_peer = fdopen(in[1], "w");
    from_peer = fdopen(out[0], "r");
    return peer > 0 && to_peer != NULL && from_peer != NULL ? 0 : -1;
}

static int stop_peer(void **state)
{
    (void)state;
    (void)fclose(to_peer);
    (void)fclose(from_peer);
    test_child child = {.pid = peer, .peer = {-1, -1}};
    return test_wait_child(&child, TEST_DEADLINE_MS) == 1 && child.status == 0 ? 0 : -1;
}

static uint32_t little_endian(const unsigned char bytes[4])
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Sends a request of peer.py; its answer goes to world->received. Returns the length of the answer. */
static size_t ask(struct world *world, char operation, uint64_t number, const void *bytes, size_t length)
{
    unsigned char head[13] = {(unsigned char)operation};
    for (unsigned i = 0; i < 8; i++)
        head[1 + i] = (unsigned char)(number >> 8 * i);
    for (unsigned i = 0; i < 4; i++)
        head[9 + i] = (unsigned char)(length >> 8 * i);
    if (fwrite(head, 1, 13, to_peer) != 13 || fwrite(bytes, 1, length, to_peer) != length || fflush(to_peer) != 0 ||
        fread(head, 1, 5, from_peer) != 5)
        test_fail("the Python program has ended");
    size_t n = little_endian(head + 1);
    if (n > ROOM || fread(world->received, 1, n, from_peer) != n)
        test_fail("the Python program has ended within an answer of %zu bytes", n);
    if (head[0] != 0)
        test_fail("request %c: Python reports %.*s, for the schema\n%s", operation, (int)(n < 2000 ? n : 2000),
                  (const char *)world->received, myl_schema_text(world->schema, MYL_TEXT_SCHEMA));
    return n;
}

/* Python reads the value of both codecs, and writes the same bytes for what it has read. */
static void python_reads_it(struct world *world, const void *value)
{
    for (size_t i = 0; i < 2; i++) {
        size_t sent;
        test_ok(myl_encode(myl_codec_by_name(codecs[i]), world->schema, value, world->sent, ROOM, &sent));
        size_t received = ask(world, 'R', i, world->sent, sent);
        if (received != sent || memcmp(world->sent, world->received, sent) != 0)
            test_fail("Python writes other bytes than %s for\n%s", codecs[i],
                      myl_schema_text(world->schema, MYL_TEXT_SCHEMA));
    }
}

/* Both codecs read what Python has packed, and encode the value of which Python knows the bytes. */
static void we_read_it(struct world *world, uint64_t number)
{
    size_t received = ask(world, 'W', number, "", 0), length;
    unsigned char *message = malloc(received);
    void *value;
    memcpy(message, world->received, received);
    for (size_t i = 0; i < 2; i++) {
        const myl_codec *codec = myl_codec_by_name(codecs[i]);
        test_ok(myl_decode(codec, world->schema, message, received, world->decoded, &value));
        test_ok(myl_encode(codec, world->schema, value, world->sent, ROOM, &length));
        (void)ask(world, 'C', i, world->sent, length);
        myl_arena_reset(world->decoded);
    }
    free(message);
}

static void send_schema(struct world *world)
{
    const char *text = myl_schema_text(world->schema, MYL_TEXT_SCHEMA);
    (void)ask(world, 'S', 0, text, strlen(text));
}

static void exchange(struct world *world, const myl_type *type, unsigned values)
{
    open_type(world, type);
    send_schema(world);
    for (unsigned i = 0; i < values; i++) {
        if (i % 2 == 0)
            python_reads_it(world, next_value(world, i % 6));
        else
            we_read_it(world, random_roll(&world->dice, UINT32_MAX));
    }
    myl_schema_close(world->schema);
}

static unsigned values_of_all(void)
{
    const char *text = getenv("MYL_INTEROP_VALUES");
    unsigned values = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 2000;
    if (values < 100 || values > 100000000)
        test_fail("MYL_INTEROP_VALUES is \"%s\"; use 100 to 100000000", text);
    return 5 * values;
}

static void random_values_are_the_same_in_python(void **state)
{
    (void)state;
    static struct random_types types;
    struct world world;
    unsigned left = values_of_all(), schemas = 2;
    open_world(&world, 12);
    exchange(&world, &t_every_type, VALUES_PER_TYPE);
    exchange(&world, &t_node_type, VALUES_PER_TYPE);
    left -= 2 * VALUES_PER_TYPE;
    for (uint64_t i = 1; left > 0; i++) {
        memset(&types, 0, sizeof types);
        types.dice = UINT64_C(0x9e3779b97f4a7c15) * i;
        const myl_type *type = random_type(&types, (unsigned)(1 + i % 5), 0);
        if (!random_type_is_carried("msgpack", type))
            continue;
        unsigned values = left < VALUES_PER_TYPE ? left : VALUES_PER_TYPE;
        exchange(&world, type, values);
        left -= values;
        schemas++;
    }
    print_message("%u values of %u schemas\n", values_of_all(), schemas);
    close_world(&world);
}

/* --- through a ring ----------------------------------------------------------------------------------------- */

struct ring {
    char name[TEST_NAME_SIZE], schema[TEST_PATH_SIZE];
    myl_typed_options typed;
    test_child child;
};

/* Runs a shell command. Its parameters: $1 python, $2 peer.py, $3 file of the schema, $4 myelon, $5 ring, $6 type id,
 * $7 number of values. */
static void start_pipeline(struct ring *ring, struct world *world, const char *what, const char *command)
{
    (void)test_name(ring->name, what);
    (void)test_path(ring->schema, what);
    open_type(world, &t_every_type);
    ring->typed =
        (myl_typed_options){.size = sizeof ring->typed, .type = world->type, .codec = myl_codec_by_name("msgpack")};
    FILE *file = fopen(ring->schema, "w");
    assert_non_null(file);
    assert_true(fputs(myl_schema_text(world->schema, MYL_TEXT_SCHEMA), file) >= 0);
    assert_int_equal(fclose(file), 0);
    char type_id[32], count[16];
    (void)snprintf(type_id, sizeof type_id, "0x%016" PRIx64, myl_typed_id(ring->typed.codec, world->schema));
    (void)snprintf(count, sizeof count, "%d", RING_VALUES);
    const char *const argv[] = {"/bin/sh",  "-c",    command, "sh", python, script, ring->schema, getenv("MYELON_CLI"),
                                ring->name, type_id, count,   NULL};
    test_spawn_program(&ring->child, argv);
}

static void end_pipeline(struct ring *ring, struct world *world)
{
    test_expect_exit(&ring->child, 0);
    assert_int_equal(unlink(ring->schema), 0);
    myl_schema_close(world->schema);
}

static void python_reads_from_a_ring(void **state)
{
    (void)state;
    struct world world;
    struct ring ring;
    myl_typed_producer *producer;
    myl_frame_producer_options options = {.size = sizeof options};
    open_world(&world, 13);
    start_pipeline(&ring, &world, "to-python",
                   "\"$4\" sub --quiet --blobs --attach 100 --type \"$6\" \"$5\" | \"$1\" \"$2\" read \"$3\"");
    test_ok(myl_typed_producer_open(&producer, ring.name, &ring.typed, &options));
    FILE *answers = fdopen(dup(ring.child.peer.in), "r");
    assert_non_null(answers);
    test_ok(myl_frame_producer_wait_consumers(myl_typed_producer_frames(producer), NULL, 1, TEST_DEADLINE_NS));
    for (unsigned i = 0; i < RING_VALUES; i++) {
        size_t length;
        const void *value = next_value(&world, i % 6);
        test_ok(myl_typed_publish(producer, value, TEST_DEADLINE_NS));
        test_ok(myl_encode(ring.typed.codec, world.schema, value, world.sent, ROOM, &length));
        if (i + 1 == RING_VALUES)
            myl_typed_producer_close(producer);
        unsigned char head[4];
        assert_int_equal(fread(head, 1, 4, answers), 4);
        assert_int_equal(little_endian(head), length);
        assert_int_equal(fread(world.received, 1, length, answers), length);
        assert_memory_equal(world.received, world.sent, length);
    }
    assert_int_equal(fgetc(answers), EOF);
    (void)fclose(answers);
    end_pipeline(&ring, &world);
    close_world(&world);
}

static void python_writes_to_a_ring(void **state)
{
    (void)state;
    struct world world;
    struct ring ring;
    myl_typed_consumer *consumer;
    myl_frame_consumer_options options = {.size = sizeof options};
    const void *value;
    options.ring.attach_timeout_ns = TEST_DEADLINE_NS;
    open_world(&world, 14);
    start_pipeline(&ring, &world, "from-python",
                   "\"$1\" \"$2\" write \"$3\" \"$7\" | \"$4\" pub --quiet --blobs --type \"$6\" \"$5\"");
    send_schema(&world);
    test_ok(myl_typed_consumer_open(&consumer, ring.name, &ring.typed, &options));
    for (unsigned i = 0; i < RING_VALUES; i++) {
        size_t length;
        test_ok(myl_typed_receive(consumer, &value, TEST_DEADLINE_NS));
        test_ok(myl_encode(ring.typed.codec, world.schema, value, world.sent, ROOM, &length));
        (void)ask(&world, 'W', i, "", 0);
        (void)ask(&world, 'C', 0, world.sent, length);
    }
    test_code(MYL_ECLOSED, myl_typed_receive(consumer, &value, TEST_DEADLINE_NS));
    myl_typed_consumer_close(consumer);
    end_pipeline(&ring, &world);
    close_world(&world);
}

int main(void)
{
    const char *build = getenv("MYL_TEST_BINARY_DIR"), *source = getenv("MYL_TEST_SOURCE_DIR");
    (void)snprintf(python, sizeof python, "%s/interop/python/bin/python", build != NULL ? build : ".");
    (void)snprintf(script, sizeof script, "%s/tests/interop/python/peer.py", source != NULL ? source : ".");
    if (access(python, X_OK) != 0 || getenv("MYELON_CLI") == NULL) {
        printf("skipped: %s or the command is missing; ./run interop installs the Python package msgpack\n", python);
        return 77;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_values_are_the_same_in_python),
        cmocka_unit_test(python_reads_from_a_ring),
        cmocka_unit_test(python_writes_to_a_ring),
    };
    return cmocka_run_group_tests(tests, start_peer, stop_peer);
}
