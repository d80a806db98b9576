/* SPDX-License-Identifier: MIT
 * The table of golden vectors. */
#include "codec/golden.h"

#include <string.h>

#define TEXT(s) \
    { \
        s, sizeof(s) - 1 \
    }
#define X100 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define HEX25 "78787878787878787878787878787878787878787878787878"

const char *const golden_codecs[GOLDEN_CODECS] = {"rkyv",    "bincode1",      "bincode2",
                                                  "msgpack", "msgpack_array", [GOLDEN_FLATBUFFERS] = "flatbuffers"};

static const uint32_t number = 0x01020304;
static const t_a a = {1, 2, 3};
static const t_s s_hi = {7, TEXT("hi")}, s_empty = {7, {NULL, 0}}, s_8 = {7, TEXT("abcdefgh")},
                 s_9 = {7, TEXT("abcdefghi")}, s_100 = {7, TEXT(X100)};
static uint32_t v_numbers[] = {1, 2, 3};
static myl_string v_texts[] = {TEXT("ab"), TEXT("abcdefghij")};
static const t_v v = {9, {v_numbers, 3}, {v_texts, 2}}, v_empty = {9, {NULL, 0}, {NULL, 0}};
static uint64_t six = 6;
static const t_o o = {{1, 5}, {0, 0}, {1, &six}}, o_none = {{0, 0}, {0, 0}, {0, NULL}};
static const t_e e_unit = {.tag = t_e_is_unit}, e_t = {.tag = t_e_is_t, .as = {.t = {5, 6}}},
                 e_n = {.tag = t_e_is_n, .as = {.n = {7}}};
static t_tuple tuple = {1, TEXT("hello world")};
static const t_b b = {&tuple, 1, 1.5, 'A'};
static uint8_t blob_bytes[] = {1, 2, 3};
static const myl_bytes blob = {blob_bytes, 3};
static uint16_t bincode_numbers[] = {1, 70};
static const t_bincode bincode = {300, -2, TEXT("hi"), {bincode_numbers, 2}, {1, 5}, {0, 0}, 1, 1.5f, 'A', {1, 2}, 7};
static const uint64_t u64s[] = {250, 251, 65535, 65536, UINT32_MAX, UINT64_C(1) << 32};
static const int64_t i64s[] = {0, -1, 1, -126, 126, INT64_MIN};

#define NUMBER(name, type, value, hex2, packed, json) \
    { \
        name, &type, &value, {NULL, NULL, hex2, packed, packed}, json \
    }

const struct golden golden[] = {
    {"u32", &myl_u32_type, &number, {"04030201", "04030201", "fc04030201", "ce01020304", "ce01020304"}, "16909060"},
    {"a",
     &t_a_type,
     &a,
     {"0100000000000000 0200000000000000 0300000000000000", "01 0200000000000000 0300", "01 02 03",
      "83a16101a16202a16303",
      "93010203", [GOLDEN_FLATBUFFERS] = "140000000a000f00 0e0004000c000000 0000000010000000 0200000000000000 030001"},
     "{\"a\":1,\"b\":2,\"c\":3}"},
    {"s hi",
     &t_s_type,
     &s_hi,
     {"07000000 6869ffffffffffff", "07000000 0200000000000000 6869", "07 02 6869", "82a2696407a173a26869",
      "9207a26869", [GOLDEN_FLATBUFFERS] = "0c00000008000c00 0400080008000000 0700000004000000 02000000686900"},
     "{\"id\":7,\"s\":\"hi\"}"},
    {"s empty",
     &t_s_type,
     &s_empty,
     {"07000000ffffffff ffffffff", "07000000 0000000000000000", "0700", "82a2696407a173a0",
      "9207a0", [GOLDEN_FLATBUFFERS] = "0c00000008000c00 0400080008000000 0700000004000000 0000000000"},
     "{\"id\":7,\"s\":\"\"}"},
    {"s 8",
     &t_s_type,
     &s_8,
     {"0700000061626364 65666768", NULL, "0708 6162636465666768", "82a2696407a173a86162636465666768",
      "9207a86162636465666768"},
     "{\"id\":7,\"s\":\"abcdefgh\"}"},
    {"s 9",
     &t_s_type,
     &s_9,
     {"6162636465666768 6900000007000000 89000000f0ffffff", NULL, NULL},
     "{\"id\":7,\"s\":\"abcdefghi\"}"},
    {"s 100", &t_s_type, &s_100, {HEX25 HEX25 HEX25 HEX25 "07000000 a4010000 98ffffff", NULL, NULL}, NULL},
    {"v",
     &t_v_type,
     &v,
     {"0100000002000000 0300000061626364 65666768696a0000 6162ffffffffffff 8a000000ecffffff 09000000d4ffffff "
      "03000000e4ffffff 02000000",
      "09 0300000000000000 010000000200000003000000 0200000000000000 0200000000000000 6162 0a00000000000000 "
      "6162636465666768696a",
      "09 03010203 02 026162 0a6162636465666768696a", "83a374616709a17693010203a17792a26162aa6162636465666768696a",
      "93099301020392a26162aa6162636465666768696a",
      [GOLDEN_FLATBUFFERS] = "100000000a000d00 0c00040008000000 0c0000000c000000 1800000009000000 0300000001000000 "
                             "0200000003000000 0200000008000000 0c00000002000000 616200000a000000 6162636465666768 "
                             "696a00"},
     "{\"tag\":9,\"v\":[1,2,3],\"w\":[\"ab\",\"abcdefghij\"]}"},
    {"v empty",
     &t_v_type,
     &v_empty,
     {"09000000fcffffff 00000000f4ffffff 00000000", NULL, "090000", "83a374616709a17690a17790", "93099090",
      [GOLDEN_FLATBUFFERS] = "100000000a000d00 0c00040008000000 0c0000000c000000 0c00000009000000 0000000000000000"},
     "{\"tag\":9,\"v\":[],\"w\":[]}"},
    {"o",
     &t_o_type,
     &o,
     {"0600000000000000 0100000005000000 0000000000000000 01000000e4ffffff", "0105000000 00 010600000000000000",
      "0105 00 0106", "83a17805a179c0a17a06", "9305c006",
      [GOLDEN_FLATBUFFERS] = "140000000a001000 0c00000004000000 0000000010000000 0600000000000000 05000000"},
     "{\"x\":5,\"y\":null,\"z\":6}"},
    {"o none",
     &t_o_type,
     &o_none,
     {"0000000000000000 0000000000000000 0000000000000000", "000000", "000000", "83a178c0a179c0a17ac0",
      "93c0c0c0", [GOLDEN_FLATBUFFERS] = "100000000a000400 0000000000000000 0c000000"},
     "{\"x\":null,\"y\":null,\"z\":null}"},
    {"e unit",
     &t_e_type,
     &e_unit,
     {"0000000000000000 0000000000000000", "00000000", "00", "a4756e6974",
      "a4756e6974", [GOLDEN_FLATBUFFERS] = "0c00000008000900 0800040008000000 0c00000001000400 0400000006000000"},
     "\"unit\""},
    {"e t",
     &t_e_type,
     &e_t,
     {"0100000005000000 0600000000000000", "010000000500000006", "010506", "81a17482a2663005a2663106", "81a174920506",
      [GOLDEN_FLATBUFFERS] = "0c00000008000900 0800040008000000 1000000002000800 0900040008000000 0a00000005000000 "
                             "06"},
     "{\"t\":{\"f0\":5,\"f1\":6}}"},
    {"e n",
     &t_e_type,
     &e_n,
     {"0200000000000000 0700000000000000", "020000000700000000000000", "0207", "81a16e81a16b07", "81a16e9107",
      [GOLDEN_FLATBUFFERS] = "0c00000008000900 0800040008000000 0c00000003000600 0c00040006000000 0700000000000000"},
     "{\"n\":{\"k\":7}}"},
    {"b",
     &t_b_type,
     &b,
     {"68656c6c6f20776f 726c640001000000 8b000000f0ffffff f4ffffff01000000 000000000000f83f 4100000000000000",
      "01000000 0b00000000000000 68656c6c6f20776f726c64 01 000000000000f83f 41", NULL,
      "84a16282a2663001a26631ab68656c6c6f20776f726c64a174c3a166cb3ff8000000000000a163a141",
      "949201ab68656c6c6f20776f726c64c3cb3ff8000000000000a141",
      [GOLDEN_FLATBUFFERS] = "140000000c001500 0c00140004001000 0000000010000000 000000000000f83f 1400000041000000 "
                             "010008000c000400 080000000a000000 0100000004000000 0b00000068656c6c 6f20776f726c6400"},
     "{\"b\":{\"f0\":1,\"f1\":\"hello world\"},\"t\":true,\"f\":1.5,\"c\":\"A\"}"},
    {"bytes",
     &myl_bytes_type,
     &blob,
     {"01020300fcffffff 03000000", "0300000000000000010203", "03010203", "c403010203",
      "c403010203", [GOLDEN_FLATBUFFERS] = "0c00000006000800 0400000008000000 0400000003000000 010203"},
     "\"010203\""},
    {"bincode",
     &t_bincode_type,
     &bincode,
     {NULL,
      "2c010000 feffffff 0200000000000000 6869 0200000000000000 0100 4600 0105 00 01 0000c03f 41 0100 0200 "
      "0700000000000000",
      "fb2c01 03 02 6869 02 01 46 0105 00 01 0000c03f 41 01 02 07",
      "8ba26964cd012ca36e6567fea46e616d65a26869a176920146a16f05a16ec0a162c3a166ca3fc00000a163a141a161920102a2757307",
      "9bcd012cfea2686992014605c0c3ca3fc00000a14192010207",
      [GOLDEN_FLATBUFFERS] = "240000001a002a00 0c00100014001800 2800000029001c00 2000240004000000 0000000020000000 "
                             "0700000000000000 2c010000feffffff 180000001c000000 0000c03f41000000 1800000005010000 "
                             "0200000068690000 0200000001004600 0200000001000200"},
     "{\"id\":300,\"neg\":-2,\"name\":\"hi\",\"v\":[1,70],\"o\":5,\"n\":null,\"b\":true,\"f\":1.5,"
     "\"c\":\"A\",\"a\":[1,2],\"us\":7}"},
    NUMBER("u64 250", myl_u64_type, u64s[0], "fa", "ccfa", "250"),
    NUMBER("u64 251", myl_u64_type, u64s[1], "fbfb00", "ccfb", "251"),
    NUMBER("u64 65535", myl_u64_type, u64s[2], "fbffff", "cdffff", "65535"),
    NUMBER("u64 65536", myl_u64_type, u64s[3], "fc00000100", "ce00010000", "65536"),
    NUMBER("u64 2^32-1", myl_u64_type, u64s[4], "fcffffffff", "ceffffffff", "4294967295"),
    NUMBER("u64 2^32", myl_u64_type, u64s[5], "fd0000000001000000", "cf0000000100000000", "4294967296"),
    NUMBER("i64 0", myl_i64_type, i64s[0], "00", "00", "0"),
    NUMBER("i64 -1", myl_i64_type, i64s[1], "01", "ff", "-1"),
    NUMBER("i64 1", myl_i64_type, i64s[2], "02", "01", "1"),
    NUMBER("i64 -126", myl_i64_type, i64s[3], "fbfb00", "d082", "-126"),
    NUMBER("i64 126", myl_i64_type, i64s[4], "fbfc00", "7e", "126"),
    NUMBER("i64 min", myl_i64_type, i64s[5], "fdffffffffffffffff", "d38000000000000000", "-9223372036854775808"),
};
const size_t golden_count = sizeof golden / sizeof golden[0];

static int digit(char c)
{
    const char *digits = "0123456789abcdef", *at = strchr(digits, c);
    return at != NULL && c != '\0' ? (int)(at - digits) : -1;
}

size_t golden_bytes(const char *hex, unsigned char *bytes, size_t room)
{
    size_t n = 0;
    for (; *hex != '\0' && n < room; hex++) {
        if (digit(hex[0]) < 0)
            continue;
        bytes[n++] = (unsigned char)(digit(hex[0]) << 4 | digit(hex[1]));
        hex++;
    }
    return n;
}
