/* SPDX-License-Identifier: MIT
 * Compares the codec flatbuffers with the C++ library and the Rust crate of FlatBuffers (tests/interop/flatbuffers).
 * Both verify, read and write again random values of every.fbs by the code that flatc generates; the C++ library also
 * random values of random types, by the schema that myl_flatbuffers_text prints. What is accepted here is accepted
 * there, damaged bytes too, and is the same value. A part goes through rings, by `myelon sub --blobs` and
 * `myelon pub --blobs`. MYL_INTEROP_VALUES: a fifth of the number of values with each peer, default 2000. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <myelon/myelon.h>

#include "codec/random.h"
#include "codec/types.h"
#include "support/test.h"

#define ROOM            ((size_t)1 << 20)
#define VALUES_PER_TYPE 50
#define RING_VALUES     500

enum request { REQUEST_SCHEMA = 0, REQUEST_VALUE = 1, REQUEST_EVERY = 2 };

struct peer {
    const char *name;
    char path[TEST_PATH_SIZE];
    FILE *to, *from;
    pid_t pid;
    bool exists;
};
static struct peer peers[2] = {{.name = "cpp-peer"}, {.name = "rust-peer"}};
#define CPP (&peers[0])

struct world {
    uint64_t dice;
    const myl_type *type;
    const myl_codec *codec;
    myl_schema *schema;
    myl_arena *values, *decoded;
    unsigned char *sent, *received;
    unsigned accepted, tried; /* damaged bytes */
    unsigned wrong_copies;   /* that the peer refuses itself */
};

static void open_world(struct world *world, uint64_t dice)
{
    *world = (struct world){.dice = dice, .codec = myl_codec_by_name("flatbuffers")};
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

static void open_type(struct world *world, const myl_type *type)
{
    world->type = type;
    test_ok(myl_schema_open(&world->schema, type));
}

static void *next_value(struct world *world, unsigned depth)
{
    void *value;
    myl_arena_reset(world->values);
    test_ok(myl_arena_take(world->values, world->type->size, world->type->align, &value));
    random_value(&world->dice, world->type, value, world->values, depth);
    return value;
}

/* --- the peers ----------------------------------------------------------------------------------------------- */

static void start_peer(struct peer *peer)
{
    int in[2], out[2];
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    peer->pid = fork();
    if (peer->pid == 0) {
        (void)dup2(in[0], STDIN_FILENO);
        (void)dup2(out[1], STDOUT_FILENO);
        for (int i = 0; i < 2; i++) {
            (void)close(in[i]);
            (void)close(out[i]);
        }
        (void)execl(peer->path, peer->path, (char *)NULL);
        _exit(127);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    peer->to = fdopen(in[1], "w");
    peer->from = fdopen(out[0], "r");
    assert_true(peer->pid > 0 && peer->to != NULL && peer->from != NULL);
}

static void stop_peer(struct peer *peer)
{
    (void)fclose(peer->to);
    (void)fclose(peer->from);
    test_child child = {.pid = peer->pid, .peer = {-1, -1}};
    assert_int_equal(test_wait_child(&child, TEST_DEADLINE_MS), 1);
    assert_int_equal(child.status, 0);
}

static void show_type(const struct world *world)
{
    static char text[1 << 16];
    size_t n;
    test_ok(myl_flatbuffers_text(world->schema, text, sizeof text, &n));
    fprintf(stderr, "%s", text);
}

/* Returns 0 for an answer, 1 for a refusal, 2 for an answer that is wrong by a fault of the peer; its bytes go to
 * world->received. */
static int ask(struct peer *peer, struct world *world, enum request request, const void *bytes, size_t length,
               size_t *answered)
{
    unsigned char head[8] = {(unsigned char)request};
    for (unsigned i = 0; i < 4; i++)
        head[4 + i] = (unsigned char)(length >> 8 * i);
    if (fwrite(head, 1, 8, peer->to) != 8 || fwrite(bytes, 1, length, peer->to) != length || fflush(peer->to) != 0 ||
        fread(head, 1, 8, peer->from) != 8) {
        show_type(world);
        test_fail("%s has ended in request %d", peer->name, (int)request);
    }
    size_t n = head[4] | (size_t)head[5] << 8 | (size_t)head[6] << 16 | (size_t)head[7] << 24;
    if (n > ROOM || fread(world->received, 1, n, peer->from) != n)
        test_fail("%s has ended within an answer of %zu bytes", peer->name, n);
    *answered = n;
    return head[0];
}

/* --- values --------------------------------------------------------------------------------------------------- */

/* What the code generated for C++ writes of a value: its options of strings and vectors are none if those are empty. */
static void drop_empty_options(const myl_type *type, void *value)
{
    char *at = value;
    const myl_bytes *many = value;
    uint32_t tag;
    switch (type->kind) {
    case MYL_KIND_VECTOR:
    case MYL_KIND_ARRAY:
        for (size_t i = 0, n = type->kind == MYL_KIND_ARRAY ? type->count : many->length; i < n; i++)
            drop_empty_options(type->element,
                               (type->kind == MYL_KIND_ARRAY ? at : *(char **)value) + i * type->element->size);
        break;
    case MYL_KIND_OPTION:
        many = (const myl_bytes *)(const void *)(at + type->offset);
        if (at[0] && (type->element->kind == MYL_KIND_STRING || type->element->kind == MYL_KIND_VECTOR) &&
            many->length == 0)
            at[0] = 0;
        if (at[0])
            drop_empty_options(type->element, at + type->offset);
        break;
    case MYL_KIND_BOX:
        drop_empty_options(type->element, *(void **)value);
        break;
    case MYL_KIND_UNION:
        memcpy(&tag, value, sizeof tag);
        drop_empty_options(type->fields[tag].type, at + type->fields[tag].offset);
        break;
    default:
        for (size_t i = 0; type->fields != NULL && i < type->count; i++)
            drop_empty_options(type->fields[i].type, at + type->fields[i].offset);
        break;
    }
}

/* Prints a value as JSON. */
static void show_value(const char *what, const struct world *world, const void *value)
{
    static char text[1 << 16];
    size_t n;
    myl_view view = myl_view_of(world->schema, value);
    if (myl_view_json(&view, text, sizeof text, &n) == MYL_OK || n > 0)
        fprintf(stderr, "%s: %s\n", what, text);
}

/* The peer's answer must be the value. */
static void compare(struct peer *peer, struct world *world, const void *value, size_t received)
{
    void *back;
    int rc = myl_decode(world->codec, world->schema, world->received, received, world->decoded, &back);
    if (rc != MYL_OK || !random_same(world->type, value, back)) {
        show_type(world);
        show_value("sent", world, value);
        if (rc == MYL_OK)
            show_value("received", world, back);
        test_fail("%s writes another value: %s", peer->name, rc == MYL_OK ? "" : myl_error_detail());
    }
    myl_arena_reset(world->decoded);
}

static void exchange_value(struct peer *peer, struct world *world, enum request request, unsigned depth)
{
    size_t sent, received;
    void *value = next_value(world, depth);
    test_ok(myl_encode(world->codec, world->schema, value, world->sent, ROOM, &sent));
    int answer = ask(peer, world, request, world->sent, sent, &received);
    if (answer == 1) {
        show_type(world);
        test_fail("%s refuses a value: %.*s", peer->name, (int)received, (const char *)world->received);
    }
    if (peer == CPP && request == REQUEST_EVERY)
        drop_empty_options(world->type, value);
    if (answer == 0)
        compare(peer, world, value, received);
    else
        world->wrong_copies++;
}

/* Damages the bytes of a value. Bytes that are accepted here must be accepted by the peer, and be the same value. */
static void exchange_damaged(struct peer *peer, struct world *world, enum request request, unsigned depth)
{
    size_t sent, received;
    void *value;
    test_ok(myl_encode(world->codec, world->schema, next_value(world, depth), world->sent, ROOM, &sent));
    for (uint64_t n = 1 + random_roll(&world->dice, 2); n > 0; n--)
        world->sent[random_roll(&world->dice, sent)] = (unsigned char)random_roll(&world->dice, 256);
    world->tried++;
    if (myl_decode(world->codec, world->schema, world->sent, sent, world->values, &value) != MYL_OK)
        return;
    world->accepted++;
    int answer = ask(peer, world, request, world->sent, sent, &received);
    if (answer == 1) {
        show_type(world);
        test_fail("%s refuses bytes that are accepted here: %.*s", peer->name, (int)received,
                  (const char *)world->received);
    }
    if (peer == CPP && request == REQUEST_EVERY)
        drop_empty_options(world->type, value);
    if (answer == 0)
        compare(peer, world, value, received);
    else
        world->wrong_copies++;
}

static unsigned values_of_all(void)
{
    const char *text = getenv("MYL_INTEROP_VALUES");
    unsigned values = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 2000;
    if (values < 100 || values > 100000000)
        test_fail("MYL_INTEROP_VALUES is \"%s\"; use 100 to 100000000", text);
    return 5 * values;
}

/* --- tests ---------------------------------------------------------------------------------------------------- */

static void generated_code_reads_and_writes_the_same_values(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2 && peers[k].exists; k++) {
        struct world world;
        open_world(&world, 21 + k);
        open_type(&world, &t_every_type);
        start_peer(&peers[k]);
        for (unsigned i = 0; i < values_of_all(); i++) {
            if (i % 3 < 2)
                exchange_value(&peers[k], &world, REQUEST_EVERY, i % 6);
            else
                exchange_damaged(&peers[k], &world, REQUEST_EVERY, i % 5);
        }
        print_message("%s: %u values, %u of %u damaged ones are accepted\n", peers[k].name, values_of_all(),
                      world.accepted, world.tried);
        assert_true(world.accepted > 0 && world.accepted < world.tried);
        stop_peer(&peers[k]);
        myl_schema_close(world.schema);
        close_world(&world);
    }
}

/* The binary schema in world->received gives a type that reads the values of this one. */
static void import_schema(struct world *world, size_t length)
{
    myl_schema *imported;
    myl_view view;
    size_t sent;
    if (myl_flatbuffers_schema(&imported, world->received, length) != MYL_OK) {
        show_type(world);
        test_fail("the binary schema is refused: %s", myl_error_detail());
    }
    for (unsigned i = 0; i < 6; i++) {
        test_ok(myl_encode(world->codec, world->schema, next_value(world, i), world->sent, ROOM, &sent));
        if (myl_access(world->codec, imported, world->sent, sent, &view) != MYL_OK) {
            show_type(world);
            test_fail("a value is refused by the type of the binary schema: %s\n%s", myl_error_detail(),
                      myl_schema_text(imported, MYL_TEXT_SCHEMA));
        }
    }
    myl_schema_close(imported);
}

static void exchange_type(struct world *world, const myl_type *type, unsigned values)
{
    static char text[1 << 16];
    size_t length, n;
    open_type(world, type);
    test_ok(myl_flatbuffers_text(world->schema, text, sizeof text, &length));
    if (ask(CPP, world, REQUEST_SCHEMA, text, length, &n) != 0) {
        fprintf(stderr, "%s", text);
        test_fail("flatc refuses the schema: %.*s", (int)n, (const char *)world->received);
    }
    import_schema(world, n);
    for (unsigned i = 0; i < values; i++) {
        if (i % 5 < 4)
            exchange_value(CPP, world, REQUEST_VALUE, i % 6);
        else
            exchange_damaged(CPP, world, REQUEST_VALUE, i % 4);
    }
    myl_schema_close(world->schema);
}

static void reflection_reads_and_writes_values_of_random_types(void **state)
{
    (void)state;
    static struct random_types types;
    struct world world;
    unsigned left = values_of_all(), schemas = 3;
    open_world(&world, 23);
    start_peer(CPP);
    exchange_type(&world, &t_every_type, VALUES_PER_TYPE);
    exchange_type(&world, &t_mixed_type, VALUES_PER_TYPE);
    exchange_type(&world, &t_fixed_type, VALUES_PER_TYPE);
    left -= 3 * VALUES_PER_TYPE;
    for (uint64_t i = 1; left > 0; i++) {
        memset(&types, 0, sizeof types);
        types.dice = UINT64_C(0x9e3779b97f4a7c15) * i;
        const myl_type *type = random_type(&types, (unsigned)(1 + i % 5), 0);
        unsigned values = left < VALUES_PER_TYPE ? left : VALUES_PER_TYPE;
        exchange_type(&world, type, values);
        left -= values;
        schemas++;
    }
    print_message("%u values of %u schemas, %u of %u damaged ones are accepted; %u are not compared: the C++ library "
                  "refuses its own copy\n",
                  values_of_all(), schemas, world.accepted, world.tried, world.wrong_copies);
    assert_true(world.wrong_copies < values_of_all() / 20);
    stop_peer(CPP);
    close_world(&world);
}

/* One ring into the peer, another one out of it. */
static void values_go_through_rings(struct peer *peer)
{
    struct world world;
    char in[TEST_NAME_SIZE], out[TEST_NAME_SIZE], type_id[32];
    test_child child;
    myl_typed_producer *producer;
    myl_typed_consumer *consumer;
    myl_frame_consumer_options options = {.size = sizeof options};
    options.ring.attach_timeout_ns = TEST_DEADLINE_NS;
    open_world(&world, 25);
    open_type(&world, &t_every_type);
    myl_typed_options typed = {.size = sizeof typed, .type = world.type, .codec = world.codec};
    (void)test_name(in, "flat-in");
    (void)test_name(out, "flat-out");
    (void)snprintf(type_id, sizeof type_id, "0x%016" PRIx64, myl_typed_id(world.codec, world.schema));
    const char *const argv[] = {"/bin/sh",
                                "-c",
                                "\"$1\" sub --quiet --blobs --attach 100 --type \"$2\" \"$3\" | \"$4\" blobs | "
                                "\"$1\" pub --quiet --blobs --type \"$2\" \"$5\"",
                                "sh",
                                getenv("MYELON_CLI"),
                                type_id,
                                in,
                                peer->path,
                                out,
                                NULL};
    test_spawn_program(&child, argv);
    test_ok(myl_typed_producer_open(&producer, in, &typed, NULL));
    test_ok(myl_typed_consumer_open(&consumer, out, &typed, &options));
    test_ok(myl_frame_producer_wait_consumers(myl_typed_producer_frames(producer), NULL, 1, TEST_DEADLINE_NS));
    for (unsigned i = 0; i < RING_VALUES; i++) {
        const void *back;
        void *value = next_value(&world, i % 6);
        test_ok(myl_typed_publish(producer, value, TEST_DEADLINE_NS));
        test_ok(myl_typed_receive(consumer, &back, TEST_DEADLINE_NS));
        if (peer == CPP)
            drop_empty_options(world.type, value);
        if (!random_same(world.type, value, back))
            test_fail("%s: value %u is another one after two rings", peer->name, i);
    }
    myl_typed_producer_close(producer);
    const void *none;
    test_code(MYL_ECLOSED, myl_typed_receive(consumer, &none, TEST_DEADLINE_NS));
    myl_typed_consumer_close(consumer);
    test_expect_exit(&child, 0);
    myl_schema_close(world.schema);
    close_world(&world);
}

static void values_go_through_rings_and_generated_code(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2 && peers[k].exists; k++)
        values_go_through_rings(&peers[k]);
}

int main(void)
{
    const char *build = getenv("MYL_TEST_BINARY_DIR");
    for (size_t k = 0; k < 2; k++) {
        (void)snprintf(peers[k].path, sizeof peers[k].path, "%s/interop/flatbuffers/%s", build != NULL ? build : ".",
                       peers[k].name);
        peers[k].exists = access(peers[k].path, X_OK) == 0;
        if (!peers[k].exists)
            printf("%s does not exist; ./run interop builds it with flatc, a C++ compiler and cargo\n", peers[k].path);
    }
    if (!CPP->exists || getenv("MYELON_CLI") == NULL) {
        printf("skipped: %s or the command is missing\n", CPP->path);
        return 77;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_code_reads_and_writes_the_same_values),
        cmocka_unit_test(reflection_reads_and_writes_values_of_random_types),
        cmocka_unit_test(values_go_through_rings_and_generated_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
