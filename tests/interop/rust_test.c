/* SPDX-License-Identifier: MIT
 * Compares the codecs with the Rust crates rkyv 0.8, bincode 1.3 and bincode 2. A Rust program (tests/interop/rust)
 * reads values in one encoding and writes them in another. Both sides must read and write the same bytes, and refuse
 * the same damaged bytes. MYL_INTEROP_VALUES: number of values of each type, default 2000, at least 100. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <myelon/myelon.h>

#include "codec/random.h"
#include "codec/types.h"
#include "support/test.h"

#define ROOM ((size_t)1 << 20)

/* Indexed by the type number in requests. */
static const myl_type *const types[] = {&t_a_type, &t_s_type,       &t_v_type,     &t_o_type,    &t_e_type,
                                        &t_b_type, &t_bincode_type, &t_shape_type, &t_node_type, &t_every_type};
#define TYPES (sizeof types / sizeof types[0])
static const char *const encodings[] = {"rkyv", "bincode1", "bincode2"};
#define ENCODINGS (sizeof encodings / sizeof encodings[0])
#define HASH 255
#define VALUES_LEAST 100 /* enough that of each type and encoding some damaged bytes are accepted and some refused */

static char peer_path[TEST_PATH_SIZE];
static FILE *to_peer, *from_peer;
static pid_t peer;

struct world {
    uint64_t dice;
    size_t type;
    myl_schema *schema;
    myl_arena *values, *decoded;
    unsigned char *sent, *received, *expected;
};

static const myl_codec *codec_of(size_t encoding)
{
    return myl_codec_by_name(encodings[encoding]);
}

/* --- the Rust program --------------------------------------------------------------------------------------- */

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
        (void)execl(peer_path, peer_path, (char *)NULL);
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

/* Sends a request. Returns 0 for an answer, 1 for a refusal. `answer` gets its bytes. */
static int ask(unsigned type, unsigned from, unsigned to, const unsigned char *bytes, size_t length,
               unsigned char *answer, size_t *answered)
{
    unsigned char head[8] = {(unsigned char)type, (unsigned char)from, (unsigned char)to, 0};
    uint32_t n = (uint32_t)length;
    memcpy(head + 4, &n, sizeof n);
    if (fwrite(head, 1, sizeof head, to_peer) != sizeof head || fwrite(bytes, 1, length, to_peer) != length ||
        fflush(to_peer) != 0 || fread(head, 1, sizeof head, from_peer) != sizeof head)
        test_fail("the Rust program has ended");
    memcpy(&n, head + 4, sizeof n);
    if (n > ROOM || fread(answer, 1, n, from_peer) != n)
        test_fail("the Rust program has ended within an answer of %u bytes", n);
    *answered = n;
    return head[0];
}

/* --- one type ----------------------------------------------------------------------------------------------- */

static void open_world(struct world *world, size_t type)
{
    world->type = type;
    world->dice = 4711 + type;
    test_ok(myl_schema_open(&world->schema, types[type]));
    test_ok(myl_arena_open(&world->values, 0));
    test_ok(myl_arena_open(&world->decoded, 0));
    world->sent = malloc(ROOM);
    world->received = malloc(ROOM);
    world->expected = malloc(ROOM);
}

static void close_world(struct world *world)
{
    myl_arena_close(world->values);
    myl_arena_close(world->decoded);
    myl_schema_close(world->schema);
    free(world->sent);
    free(world->received);
    free(world->expected);
}

static const void *next_value(struct world *world, unsigned depth)
{
    const myl_type *type = types[world->type];
    void *value;
    myl_arena_reset(world->values);
    test_ok(myl_arena_take(world->values, type->size, type->align, &value));
    random_value(&world->dice, type, value, world->values, depth);
    return value;
}

static void show(const char *what, const unsigned char *bytes, size_t length)
{
    fprintf(stderr, "%s:", what);
    for (size_t i = 0; i < length; i++)
        fprintf(stderr, "%s%02x", i % 8 == 0 ? " " : "", bytes[i]);
    fprintf(stderr, "\n");
}

static void convert(struct world *world, const void *value, size_t from, size_t to)
{
    size_t sent, expected, received;
    void *back;
    test_ok(myl_encode(codec_of(from), world->schema, value, world->sent, ROOM, &sent));
    test_ok(myl_encode(codec_of(to), world->schema, value, world->expected, ROOM, &expected));
    int refused =
        ask((unsigned)world->type, (unsigned)from, (unsigned)to, world->sent, sent, world->received, &received);
    if (refused || received != expected || memcmp(world->received, world->expected, received) != 0) {
        show("sent", world->sent, sent);
        show("expected", world->expected, expected);
        show("received", world->received, received);
        test_fail("type %s, %s to %s: %s", types[world->type]->name, encodings[from], encodings[to],
                  refused ? "refused" : "other bytes");
    }
    test_ok(myl_decode(codec_of(to), world->schema, world->received, received, world->decoded, &back));
    if (!random_same(types[world->type], value, back))
        test_fail("type %s: %s gives another value", types[world->type]->name, encodings[to]);
    myl_arena_reset(world->decoded);
}

static unsigned values_of_each(void)
{
    const char *text = getenv("MYL_INTEROP_VALUES");
    unsigned values = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 2000;
    if (values < VALUES_LEAST)
        test_fail("MYL_INTEROP_VALUES is \"%s\"; use at least %d", text, VALUES_LEAST);
    return values;
}

static void random_values_are_the_same_in_rust(void **state)
{
    (void)state;
    for (size_t type = 0; type < TYPES; type++) {
        struct world world;
        open_world(&world, type);
        for (unsigned i = 0; i < values_of_each(); i++)
            convert(&world, next_value(&world, i / (ENCODINGS * ENCODINGS) % 6), i / ENCODINGS % ENCODINGS,
                    i % ENCODINGS);
        close_world(&world);
    }
}

/* --- damaged bytes ------------------------------------------------------------------------------------------ */

/* Changes a byte, a word, or the length. */
static void damage(struct world *world, size_t *length)
{
    static const unsigned char edges[] = {0, 1, 2, 0x7f, 0x80, 0xbf, 0xc0, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff};
    size_t at = random_roll(&world->dice, *length);
    switch (random_roll(&world->dice, 6)) {
    case 0:
        world->sent[at] ^= (unsigned char)(1U << random_roll(&world->dice, 8));
        break;
    case 1:
        world->sent[at] = edges[random_roll(&world->dice, sizeof edges)];
        break;
    case 2:
        world->sent[at] = (unsigned char)(world->sent[at] + random_roll(&world->dice, 17) - 8);
        break;
    case 3: /* a word copied from another place: offsets that share data or point backwards */
        if (*length >= 8) {
            size_t to = random_roll(&world->dice, *length / 4) * 4, from = random_roll(&world->dice, *length / 4) * 4;
            memmove(world->sent + to, world->sent + from, 4);
        }
        break;
    case 4:
        *length -= *length > 1 ? 1 + random_roll(&world->dice, *length < 16 ? *length - 1 : 16) % (*length - 1) : 0;
        break;
    default:
        memset(world->sent + *length, (int)random_roll(&world->dice, 256), 8);
        *length += 1 + random_roll(&world->dice, 8);
        break;
    }
}

/* Both sides refuse the bytes, or both read the same value. Returns 1 if they are accepted. */
static int compare_results(struct world *world, size_t from, size_t length)
{
    size_t received, expected = 0;
    void *value;
    int rc = myl_decode(codec_of(from), world->schema, world->sent, length, world->decoded, &value);
    int refused = ask((unsigned)world->type, (unsigned)from, 1, world->sent, length, world->received, &received);
    if ((rc != MYL_OK) != refused) {
        show("bytes", world->sent, length);
        test_fail("type %s, %s: this library returns %s (%s), Rust %s: %.*s", types[world->type]->name, encodings[from],
                  myl_errname(rc), rc == MYL_OK ? "" : myl_error_detail(), refused ? "refuses" : "accepts",
                  refused ? (int)received : 0, (const char *)world->received);
    }
    if (rc == MYL_OK) {
        test_ok(myl_encode(codec_of(1), world->schema, value, world->expected, ROOM, &expected));
        if (received != expected || memcmp(world->received, world->expected, received) != 0) {
            show("bytes", world->sent, length);
            test_fail("type %s, %s: Rust reads another value", types[world->type]->name, encodings[from]);
        }
    }
    myl_arena_reset(world->decoded);
    return rc == MYL_OK;
}

static void rust_refuses_what_we_refuse(void **state)
{
    (void)state;
    for (size_t type = 0; type < TYPES; type++) {
        unsigned accepted[ENCODINGS] = {0}, tried[ENCODINGS] = {0};
        struct world world;
        open_world(&world, type);
        for (unsigned i = 0; i < 2 * values_of_each(); i++) {
            size_t from = i % ENCODINGS, length;
            test_ok(myl_encode(codec_of(from), world.schema, next_value(&world, i % 5), world.sent, ROOM, &length));
            for (uint64_t n = 1 + random_roll(&world.dice, 2); n > 0; n--)
                damage(&world, &length);
            accepted[from] += (unsigned)compare_results(&world, from, length);
            tried[from]++;
        }
        print_message("%-10s accepted: rkyv %u of %u, bincode1 %u of %u, bincode2 %u of %u\n", types[type]->name,
                      accepted[0], tried[0], accepted[1], tried[1], accepted[2], tried[2]);
        for (size_t from = 0; from < ENCODINGS; from++)
            assert_true(accepted[from] > 0 && accepted[from] < tried[from]);
        close_world(&world);
    }
}

static void rust_computes_the_same_schema_hash(void **state)
{
    (void)state;
    for (size_t type = 0; type < TYPES; type++) {
        struct world world;
        size_t length;
        open_world(&world, type);
        const char *text = myl_schema_text(world.schema, MYL_TEXT_SCHEMA);
        assert_int_equal(ask(HASH, 0, 0, (const unsigned char *)text, strlen(text), world.received, &length), 0);
        uint64_t hash = myl_schema_hash(world.schema, MYL_TEXT_SCHEMA);
        assert_int_equal(length, sizeof hash);
        assert_memory_equal(world.received, &hash, sizeof hash);
        close_world(&world);
    }
}

int main(void)
{
    const char *build = getenv("MYL_TEST_BINARY_DIR");
    (void)snprintf(peer_path, sizeof peer_path, "%s/interop/rust/target/release/interop-peer",
                   build != NULL ? build : ".");
    if (access(peer_path, X_OK) != 0) {
        printf("skipped: %s does not exist; ./run interop builds it with cargo\n", peer_path);
        return 77;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_values_are_the_same_in_rust),
        cmocka_unit_test(rust_refuses_what_we_refuse),
        cmocka_unit_test(rust_computes_the_same_schema_hash),
    };
    return cmocka_run_group_tests(tests, start_peer, stop_peer);
}
