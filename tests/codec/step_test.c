/* SPDX-License-Identifier: MIT
 * A byte changes after every few instructions of a decoder. At no point may the decoder return an invalid value, as a
 * decoder would that loads a byte twice. */
/* ctest: not-under=thread,address,emulator */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <myelon/codec.h>

#include "codec/golden.h"
#include "codec/types.h"
#include "support/test.h"

#define ROOM 64
#define STEPS_MAX 600       /* instructions: the error path is longer, but reads no bytes */

/* Shared by parent and child. */
struct shared {
    _Alignas(16) volatile unsigned char bytes[ROOM];
    volatile int done;
    volatile int decoded;    /* result of myl_decode */
    volatile int encoded;    /* result of encoding the decoded value, if there is one */
};

struct decoding {
    const char *codec;
    const myl_type *type;
    const char *hex;
    const unsigned char *others; /* values to which the byte changes */
    size_t others_count;
};

static struct shared *shared;

/* Runs in the child. An invalid value cannot be encoded. */
static void decode(const struct decoding *d, size_t length)
{
    static unsigned char buffer[256];
    const myl_codec *codec = myl_codec_by_name(d->codec);
    const void *bytes = (const void *)(uintptr_t)shared->bytes;
    myl_schema *schema;
    myl_arena *arena;
    void *value;
    size_t n;
    if (myl_schema_open(&schema, d->type) != MYL_OK || myl_arena_open(&arena, 0) != MYL_OK)
        _exit(1);
    /* A first run: afterwards the arena has memory, and lazy symbols are bound. */
    shared->decoded = myl_decode(codec, schema, bytes, length, arena, &value);
    myl_arena_reset(arena);
    (void)raise(SIGSTOP); /* from here on the parent single-steps */
    shared->decoded = myl_decode(codec, schema, bytes, length, arena, &value);
    shared->done = 1;
    if (shared->decoded == MYL_OK)
        shared->encoded = myl_encode(codec, schema, value, buffer, sizeof buffer, &n);
    _exit(0);
}

static int wait_for(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* Byte `at` has its own value for `period` instructions, then `other` for as many, and so on. */
static void decode_while_a_byte_changes(const struct decoding *d, size_t at, unsigned char other, unsigned period)
{
    unsigned char bytes[ROOM];
    size_t length = golden_bytes(d->hex, bytes, sizeof bytes);
    for (size_t i = 0; i < length; i++)
        shared->bytes[i] = bytes[i];
    shared->done = 0;
    shared->encoded = MYL_OK;
    pid_t child = fork();
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(77);
        decode(d, length);
    }
    int status = wait_for(child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("processes may not be traced here\n");
        exit(77);
    }
    assert_true(WIFSTOPPED(status));
    for (unsigned step = 0; !shared->done && step < STEPS_MAX; step++) {
        shared->bytes[at] = step / period % 2 == 0 ? bytes[at] : other;
        assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
        assert_true(WIFSTOPPED(wait_for(child)));
    }
    assert_int_equal(ptrace(PTRACE_CONT, child, NULL, NULL), 0);
    status = wait_for(child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    if (shared->decoded != MYL_OK && shared->decoded != MYL_EDECODE)
        test_fail("%s of %s: byte %zu: decode answers %s", d->codec, d->hex, at, myl_errname(shared->decoded));
    if (shared->encoded != MYL_OK)
        test_fail("%s of %s: byte %zu, 0x%02x or 0x%02x after %u instructions: what is decoded is no value: %s",
                  d->codec, d->hex, at, bytes[at], other, period, myl_errname(shared->encoded));
}

static void decoders_load_each_byte_once(void **state)
{
    (void)state;
    static const unsigned char letters[] = {'m', 0xed, 0x20}, counts[] = {0, 1, 2}, ends[] = {0xff, 'a', 0x89};
    static const unsigned char forms[] = {0xc0, 0xcd, 0xa1};
    static const struct decoding decodings[] = {
        {"bincode1", &myl_char_type, "ed2020", letters, 3},
        {"bincode2", &myl_char_type, "6d2020", letters, 3},
        {"bincode2", &myl_string_type, "02 c3a4", letters, 2},
        {"bincode2", &t_u8_option_type, "01 05", counts, 3},
        {"bincode2", &t_bool_vector_type, "02 01 01", counts, 3},
        {"rkyv", &t_u8_option_type, "01 05", counts, 3},
        {"rkyv", &myl_char_type, "d7000000", letters, 1},
        {"rkyv", &myl_string_type, "616263ffffffffff", ends, 3},
        {"rkyv", &myl_string_type, "616263646566676869000000 89000000f4ffffff", ends, 2},
        {"pod", &myl_bool_type, "01", counts, 3},
        {"msgpack", &myl_char_type, "a2c3a4", forms, 3},
        {"msgpack", &myl_string_type, "a3c3a461", forms, 3},
        {"msgpack", &t_bool_vector_type, "92c3c2", forms, 3},
        {"msgpack", &t_e_type, "a4756e6974", forms, 3},
        {"msgpack_array", &t_e_type, "81a16e9107", forms, 3},
        {"pod", &t_u8_option_type, "01 05", counts, 3},
        {"flatbuffers", &myl_bool_type, "0c000000 0600 0500 0400 0000 08000000 01", counts, 3},
        {"flatbuffers", &t_e_type, "0c000000 0800 0900 0800 0400 08000000 0c000000 01 00 0400 0400 0000 06000000",
         counts, 3},
    };
    static const unsigned periods[] = {1, 2, 3, 8};
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    for (size_t i = 0; i < sizeof decodings / sizeof decodings[0]; i++) {
        unsigned char bytes[ROOM];
        size_t length = golden_bytes(decodings[i].hex, bytes, sizeof bytes);
        for (size_t at = 0; at < length; at++) {
            for (size_t k = 0; k < decodings[i].others_count; k++) {
                for (size_t p = 0; p < sizeof periods / sizeof periods[0]; p++)
                    decode_while_a_byte_changes(&decodings[i], at, decodings[i].others[k], periods[p]);
            }
        }
    }
    assert_int_equal(munmap(shared, sizeof *shared), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(decoders_load_each_byte_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
