/* SPDX-License-Identifier: MIT
 * Codecs: values of described types (type.h) to bytes and back. A codec is a constant table of functions; those of the
 * library are pod, bincode1, bincode2, rkyv, msgpack, msgpack_array and flatbuffers, and a program may have its own:
 * docs/codecs.md.
 *
 * Received bytes are checked before they are used: whatever they hold, a call reads nothing outside of them, and the
 * memory it takes stays within the arena's limit. Wrong bytes give MYL_EDECODE, and the sentence has the offset and
 * what is wrong there. All calls may be made by any thread; an arena and a view belong to one thread at a time. */
#ifndef MYELON_CODEC_H
#define MYELON_CODEC_H

#include <myelon/error.h>
#include <myelon/type.h>

#define MYL_DEPTH_MAX 128 /* structs and unions that lie one within the other in one value */

/* The codecs of the library. Ids of a program's own codecs start at MYL_CODEC_USER. */
enum myl_codec_id {
    MYL_CODEC_POD = 1,       /* the C structure as it is; types without pointers only */
    MYL_CODEC_BINCODE1 = 2,  /* bincode 1 `serialize`: numbers of fixed width */
    MYL_CODEC_BINCODE2 = 3,  /* bincode 2 `config::standard()`: numbers of variable width */
    MYL_CODEC_RKYV = 4,      /* rkyv 0.8: little endian, aligned, offsets of 32 bits; read in place */
    MYL_CODEC_MSGPACK = 5,   /* MessagePack: structs are maps by field name, as in Python a dict */
    MYL_CODEC_MSGPACK_ARRAY = 6, /* the same with structs as arrays: shorter, and fields have no names */
    MYL_CODEC_FLATBUFFERS = 7, /* FlatBuffers: structs are tables; read in place, and structs may get more fields */
    MYL_CODEC_USER = 0x100,
};

/* The memory of decoded values: taken piece by piece, given back at once. */
typedef struct myl_arena myl_arena;

typedef struct myl_codec myl_codec;

/* A place within a value: in encoded bytes, or in a C value. Valid as long as the bytes and the schema. */
typedef struct myl_view {
    const myl_codec *codec;  /* NULL: a C value */
    const void *bytes;       /* what was given to myl_access */
    size_t length;
    const void *at;          /* private */
    const void *node;        /* private */
    const void *more;        /* private */
} myl_view;

/* What is at a place. */
typedef struct myl_item {
    enum myl_kind kind;
    uint64_t count;          /* children of a struct, array, vector, option, box or union; bytes of a string or bytes */
    uint64_t number;         /* u8 .. u64, bool, char; union: the tag */
    int64_t integer;         /* i8 .. i64 */
    double real;             /* f32, f64 */
    const void *data;        /* string, bytes: `count` bytes */
    const char *name;        /* struct, union: of the type; else NULL */
} myl_item;

/* A codec. A function that is NULL is MYL_EUNSUPPORTED. Functions return MYL_OK or a negative code, and report it with
 * myl_codec_fail. `value` is a C value of the schema's type. */
struct myl_codec {
    size_t struct_size;      /* sizeof(myl_codec) */
    uint32_t id;             /* enum myl_codec_id; MYL_CODEC_USER and above for a program's own */
    enum myl_text_form form; /* what both sides must agree on: the schema text or the layout text */
    const char *name;
    /* MYL_ESCHEMA: the codec cannot carry this type. NULL: it carries all. */
    int (*check)(const myl_schema *schema);
    /* Sets `*bytes` to the length of the encoded value. */
    int (*size)(const myl_schema *schema, const void *value, size_t *bytes);
    /* Writes the value into `room` bytes; MYL_EBUFFER: they are too few. */
    int (*encode)(const myl_schema *schema, const void *value, void *buffer, size_t room, size_t *bytes);
    /* Makes a C value of exactly `length` bytes, all of its memory from the arena. */
    int (*decode)(const myl_schema *schema, const void *bytes, size_t length, myl_arena *arena, void **value);
    /* Verifies `length` bytes and gives the place of the root: sets at and node of a view whose other members are set.
     * */
    int (*access)(const myl_schema *schema, myl_view *view);
    int (*read)(const myl_view *view, myl_item *item);
    /* `index` is less than the count of what is at `view`. */
    int (*child)(const myl_view *view, uint64_t index, myl_view *child);
    /* MYL_OK: a reader of the type `known` reads values that were written with the type `written`, which has the same
     * codec and another text. MYL_ESCHEMA: it does not, and the sentence says why. NULL: the texts must be the same. */
    int (*reads)(const myl_schema *written, const myl_schema *known);
};

MYL_BEGIN_DECLS

/* --- Codecs --- */

/* The library's codec of that id, or NULL. Static storage. */
MYL_API const myl_codec *myl_codec_by_id(uint32_t id);

/* The library's codec of that name ("pod", "bincode1", "bincode2", "rkyv", "msgpack",
 * "msgpack_array", "flatbuffers"), or NULL. Static storage. */
MYL_API const myl_codec *myl_codec_by_name(const char *name);

/* MYL_OK if the codec can carry the type; MYL_ESCHEMA: the sentence names the field that it cannot carry; MYL_EINVAL:
 * the codec's table is not one this library knows, has no name, or has an id below MYL_CODEC_USER and is not the
 * library's. Once, before the first message. */
MYL_API MYL_NODISCARD int myl_codec_check(const myl_codec *codec, const myl_schema *schema);

/* What two sides must have in common to understand each other by this codec: the hash of the schema's text in the form
 * that the codec names. */
MYL_API uint64_t myl_codec_hash(const myl_codec *codec, const myl_schema *schema);

/* For codecs of a program's own: records the sentence of a failure, `offset` (of the bytes; -1: none) and a text, and
 * returns `code`. The text is cut at 400 bytes. */
MYL_API int myl_codec_fail(int code, const myl_codec *codec, int64_t offset, const char *text);

/* --- Values to bytes and back --- */

/* Sets `*bytes` to the length that myl_encode will need. MYL_EINVAL: the value cannot be encoded (NULL box, tag or bool
 * out of range, deeper than MYL_DEPTH_MAX; the sentence names the field); MYL_ETOOBIG: longer than the codec's limit.
 * */
MYL_API MYL_NODISCARD int myl_encoded_size(const myl_codec *codec, const myl_schema *schema, const void *value,
                                           size_t *bytes);

/* Encodes a C value into `buffer` and sets `*bytes` to the length. After a failure the buffer's contents are undefined.
 * MYL_EBUFFER: `room` is too small; MYL_EINVAL as myl_encoded_size, and a string that is not UTF-8 or a char that is no
 * Unicode scalar value; MYL_ETOOBIG. Allocates nothing. A buffer that is read in place (rkyv, pod) needs the alignment
 * of its reader: 16 suffices. */
MYL_API MYL_NODISCARD int myl_encode(const myl_codec *codec, const myl_schema *schema, const void *value, void *buffer,
                                     size_t room, size_t *bytes);

/* Decodes exactly `length` bytes into an owned C value; it and all it points to is memory of the arena. A decoded
 * string has a NUL after its end. MYL_EDECODE: the bytes are not a value of the type; MYL_ETOOBIG: beyond the arena's
 * limit; MYL_ENOMEM. After a failure the arena is as before. */
MYL_API MYL_NODISCARD int myl_decode(const myl_codec *codec, const myl_schema *schema, const void *bytes, size_t length,
                                     myl_arena *arena, void **value);

/* Verifies exactly `length` bytes and gives a view of them in place. MYL_EDECODE as myl_decode; MYL_EUNSUPPORTED: the
 * codec is not one that is read in place. Allocates nothing. */
MYL_API MYL_NODISCARD int myl_access(const myl_codec *codec, const myl_schema *schema, const void *bytes, size_t length,
                                     myl_view *view);

/* --- Views --- */

/* A view of a C value. The value is trusted: it must be one that myl_encode accepts. */
MYL_API myl_view myl_view_of(const myl_schema *schema, const void *value);

/* Reads what is at a place. Members of the item that its kind does not have are 0. Every step is checked again: bytes
 * that change after myl_access give wrong values or MYL_EDECODE, and no access outside of the bytes. A bool, char, tag
 * or option that is none: MYL_EDECODE, MYL_EINVAL in a C value. */
MYL_API MYL_NODISCARD int myl_view_read(const myl_view *view, myl_item *item);

/* The child `index`: a field of a struct, an element of an array or vector, the value of an option or box, the content
 * of a union. MYL_EINVAL: there is no such child. `child` may be `view`. */
MYL_API MYL_NODISCARD int myl_view_child(const myl_view *view, uint64_t index, myl_view *child);

/* The field of that name of a struct. MYL_EINVAL: it has none, or `view` is no struct. */
MYL_API MYL_NODISCARD int myl_view_field(const myl_view *view, const char *name, myl_view *field);

/* The name of the field `index` of a struct, or of the variant `index` of a union; NULL: there is none. */
MYL_API const char *myl_view_name(const myl_view *view, uint64_t index);

/* Writes what is at a place as JSON, one line, UTF-8: at most `room` bytes, with a NUL at the end. With `room` 0 and
 * `text` NULL its length. `*length` is set to the bytes of the whole text without the NUL. Bytes are a string of hex
 * digits, a union is its variant's name or an object with that key, no value is null, and so is a number that is not
 * finite. MYL_EBUFFER: `room` is too small and `text` is cut; MYL_EDECODE, MYL_EINVAL as myl_view_read. */
MYL_API MYL_NODISCARD int myl_view_json(const myl_view *view, char *text, size_t room, size_t *length);

/* --- FlatBuffers --- */

/* Writes the schema of the codec flatbuffers as flatc reads it (.fbs): at most `room` bytes, with a NUL at the end.
 * With `room` 0 and `text` NULL its length. `*length` is set to the bytes of the whole text without the NUL.
 * MYL_EBUFFER: `room` is too small and `text` is cut; MYL_ESCHEMA: the codec cannot carry the type. Any thread. */
MYL_API MYL_NODISCARD int myl_flatbuffers_text(const myl_schema *schema, char *text, size_t room, size_t *length);

/* Makes a schema, and the type itself, from a binary schema (`flatc -b --schema`: .bfbs), for messages of programs that
 * use flatc's code. docs/codecs.md has the mapping. The bytes may come from any source. MYL_OK; MYL_EDECODE: they are
 * not a binary schema; MYL_ESCHEMA: it has something that a type cannot express, which the sentence names;
 * MYL_ETOOBIG: more than 64 MiB of types; MYL_ENOMEM. Allocates. Any thread. */
MYL_API MYL_NODISCARD int myl_flatbuffers_schema(myl_schema **schema, const void *bytes, size_t length);

/* --- Arenas --- */

/* Makes an arena that gives at most `limit` bytes (0: 256 MiB) between two resets. MYL_ENOMEM. */
MYL_API MYL_NODISCARD int myl_arena_open(myl_arena **arena, size_t limit);

/* Takes `bytes` of zeros, aligned to `align`, a power of two of at most 64. MYL_ETOOBIG: beyond the limit; MYL_ENOMEM.
 * */
MYL_API MYL_NODISCARD int myl_arena_take(myl_arena *arena, size_t bytes, size_t align, void **memory);

/* Gives back all that was taken: every value decoded into the arena. Its memory is used again by later calls: an arena
 * holds at most about three times its limit, and 1 MiB. */
MYL_API void myl_arena_reset(myl_arena *arena);

/* Frees the arena and all that was taken. NULL does nothing. */
MYL_API void myl_arena_close(myl_arena *arena);

MYL_END_DECLS

#endif
