/* SPDX-License-Identifier: MIT
 * Descriptions of message types. One table of fields gives a C structure and a constant descriptor of it. The
 * descriptor gives the canonical schema text and its 64-bit hash, which are the same in every language: docs/schema.md.
 *
 *     #define ORDER(FIELD, T) FIELD(T, myl_u64, id) FIELD(T, myl_string, symbol) FIELD(T, myl_f64, price)
 *     MYL_STRUCT(order, ORDER);
 *
 * declares the structure `order` and its descriptor `order_type`. Each type T of a table is a C type that has a
 * descriptor T_type: one of those below (myl_u8 to myl_bytes), or one that a macro below declares. A type without a
 * descriptor does not compile. The macros work in C11 and C++17, at file scope. */
#ifndef MYELON_TYPE_H
#define MYELON_TYPE_H

#include <stdbool.h>

#include <myelon/base.h>

/* X(name, value, word): every kind of type, and its word in the schema text. */
#define MYL_KIND_LIST(X)                                                                           \
    X(U8, 1, "u8")                                                                                 \
    X(U16, 2, "u16")                                                                               \
    X(U32, 3, "u32")                                                                               \
    X(U64, 4, "u64")                                                                               \
    X(I8, 5, "i8")                                                                                 \
    X(I16, 6, "i16")                                                                               \
    X(I32, 7, "i32")                                                                               \
    X(I64, 8, "i64")                                                                               \
    X(FLOAT, 9, "f32")                                                                               \
    X(DOUBLE, 10, "f64")                                                                              \
    X(BOOL, 11, "bool")                                                                            \
    X(CHAR, 12, "char")                                                                            \
    X(STRING, 13, "string")                                                                        \
    X(BYTES, 14, "bytes")                                                                          \
    X(UNIT, 15, "unit")                                                                            \
    X(ARRAY, 16, "array")                                                                          \
    X(VECTOR, 17, "vector")                                                                        \
    X(OPTION, 18, "option")                                                                        \
    X(BOX, 19, "box")                                                                              \
    X(STRUCT, 20, "struct")                                                                        \
    X(UNION, 21, "union")

/* The kinds of types. */
enum myl_kind {
#define MYL_X(name, value, word) MYL_KIND_##name = value,
    MYL_KIND_LIST(MYL_X)
#undef MYL_X
};

/* A number of the width and sign in its name. */
typedef uint8_t myl_u8;
typedef uint16_t myl_u16;
typedef uint32_t myl_u32;
typedef uint64_t myl_u64;
typedef int8_t myl_i8;
typedef int16_t myl_i16;
typedef int32_t myl_i32;
typedef int64_t myl_i64;
typedef float myl_f32;
typedef double myl_f64;

/* true or false. */
typedef bool myl_bool;

/* A Unicode scalar value: 0 .. 0x10ffff without 0xd800 .. 0xdfff. */
typedef uint32_t myl_char;

/* UTF-8 text; no NUL is needed at its end, and NULs may be inside. */
typedef struct myl_string {
    const char *data;        /* NULL only if length is 0 */
    size_t length;           /* bytes */
} myl_string;

/* Any bytes. */
typedef struct myl_bytes {
    const uint8_t *data;     /* NULL only if length is 0 */
    size_t length;
} myl_bytes;

/* Nothing: the content of a union's variant that has only its tag. */
typedef struct myl_unit {
    uint8_t nothing;
} myl_unit;

typedef struct myl_type myl_type;

/* A field of a structure, or a variant of a union. */
typedef struct myl_field {
    const char *name;
    const myl_type *type;
    size_t offset;           /* bytes from the start of the C structure */
} myl_field;

/* The descriptor of a type. The macros below make it; a program may also make one at run time. It must not change
 * while it is used. */
struct myl_type {
    uint32_t kind;           /* enum myl_kind */
    uint32_t flags;          /* enum myl_type_flag */
    const char *name;        /* struct, union; else NULL */
    size_t size;             /* of the C type, bytes */
    size_t align;            /* of the C type, bytes */
    const myl_type *element; /* array, vector, option, box; else NULL */
    size_t count;            /* array: elements; struct: fields; union: variants; else 0 */
    size_t offset;           /* option: of the value; else 0 */
    const myl_field *fields; /* struct, union: `count` of them; else NULL */
};

enum myl_type_flag {
    MYL_TYPE_INLINE = 1,     /* a struct that is the fields of a union's variant: MYL_VARIANT_FIELDS */
    MYL_TYPE_FIXED = 2,      /* a struct that never gets another field: MYL_FIXED */
};

#define MYL_FIELDS_MAX   1024 /* fields of a struct */
#define MYL_VARIANTS_MAX 256  /* variants of a union */
#define MYL_FIXED_ITEMS_MAX 65535 /* elements of an array within a MYL_FIXED structure */
#define MYL_TYPE_NAME_MAX 64 /* bytes of the name of a type, field or variant */
#define MYL_ALIGN_MAX    64   /* alignment of a C type, bytes */
#define MYL_TYPES_MAX    512  /* descriptors that one descriptor reaches, itself included */
#define MYL_SCHEMA_TEXT_MAX 65536 /* bytes of a text that myl_schema_parse reads, and that a ring stores */

/* --- for the macros' own use -------------------------------------------------------------------------------- */

#ifdef __cplusplus
#define MYL_I_ALIGNOF(type) alignof(type)
#define MYL_I_ASSERT(condition, text) static_assert(condition, text)
#define MYL_I_SAME_TYPE(a, b) myl_i_same_type<a, b>::value
#define MYL_I_MEMBER_TYPE(T, name) decltype(T::name)
#define MYL_I_DECLARE_TYPE(name)                                                                   \
    namespace { \
    extern const myl_type name##_type; \
    }
#define MYL_I_DEFINE_TYPE(name, ...)                                                               \
    namespace { \
    extern const myl_type name##_type; \
    } \
    namespace { \
    const myl_type name##_type __attribute__((unused)) = {__VA_ARGS__}; \
    }
template <typename A, typename B> struct myl_i_same_type {
    static const bool value = false;
};
template <typename A> struct myl_i_same_type<A, A> {
    static const bool value = true;
};
#else
#define MYL_I_ALIGNOF(type) _Alignof(type)
#define MYL_I_ASSERT(condition, text) _Static_assert(condition, text)
#define MYL_I_SAME_TYPE(a, b) __builtin_types_compatible_p(a, b)
#define MYL_I_MEMBER_TYPE(T, name) __typeof__(((T *)0)->name)
#define MYL_I_DECLARE_TYPE(name) static const myl_type name##_type;
#define MYL_I_DEFINE_TYPE(name, ...) static const myl_type name##_type __attribute__((unused)) = {__VA_ARGS__};
#endif

#define MYL_I_MEMBER(T, type, name) type name;
#define MYL_I_FIELD(T, type, name) {#name, &type##_type, offsetof(T, name)},
#define MYL_I_VARIANT(T, type, name) {#name, &type##_type, offsetof(T, as.name)},
#define MYL_I_TAG(T, type, name) T##_is_##name,
#define MYL_I_COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define MYL_I_DESCRIBE(name, text, flags, TABLE)                                                   \
    MYL_I_DECLARE_TYPE(name)                                                                       \
    static const myl_field name##_fields[] = {TABLE(MYL_I_FIELD, name)};                           \
    MYL_I_DEFINE_TYPE(name, MYL_KIND_STRUCT, flags, text, sizeof(name), MYL_I_ALIGNOF(name), NULL, \
                      MYL_I_COUNT(name##_fields), 0, name##_fields)                                \
    MYL_I_ASSERT(MYL_I_COUNT(name##_fields) <= MYL_FIELDS_MAX, "a struct has at most MYL_FIELDS_MAX fields")
#define MYL_I_BUILTIN(type, kind)                                                                  \
    static const myl_type type##_type \
        __attribute__((unused)) = {kind, 0, NULL, sizeof(type), MYL_I_ALIGNOF(type), NULL, 0, 0, NULL};

MYL_I_BUILTIN(myl_u8, MYL_KIND_U8)
MYL_I_BUILTIN(myl_u16, MYL_KIND_U16)
MYL_I_BUILTIN(myl_u32, MYL_KIND_U32)
MYL_I_BUILTIN(myl_u64, MYL_KIND_U64)
MYL_I_BUILTIN(myl_i8, MYL_KIND_I8)
MYL_I_BUILTIN(myl_i16, MYL_KIND_I16)
MYL_I_BUILTIN(myl_i32, MYL_KIND_I32)
MYL_I_BUILTIN(myl_i64, MYL_KIND_I64)
MYL_I_BUILTIN(myl_f32, MYL_KIND_FLOAT)
MYL_I_BUILTIN(myl_f64, MYL_KIND_DOUBLE)
MYL_I_BUILTIN(myl_bool, MYL_KIND_BOOL)
MYL_I_BUILTIN(myl_char, MYL_KIND_CHAR)
MYL_I_BUILTIN(myl_string, MYL_KIND_STRING)
MYL_I_BUILTIN(myl_bytes, MYL_KIND_BYTES)
MYL_I_BUILTIN(myl_unit, MYL_KIND_UNIT)

/* --- what a program writes ---------------------------------------------------------------------------------- */

/* MYL_DECLARE(name): there will be a MYL_STRUCT of this name. A box or vector of it can be declared before it: that is
 * how a type contains itself. */
#define MYL_DECLARE(name)                                                                          \
    MYL_I_DECLARE_TYPE(name)                                                                       \
    typedef struct name name

/* MYL_STRUCT(name, TABLE): a structure. Rows of the table: FIELD(T, type, field). */
#define MYL_STRUCT(name, TABLE) MYL_STRUCT_NAMED(name, #name, TABLE)

/* The same with another name in the schema text, for example that of a Rust type. */
#define MYL_STRUCT_NAMED(name, text, TABLE)                                                        \
    typedef struct name {                                                                          \
        TABLE(MYL_I_MEMBER, name)                                                                  \
    } name;                                                                                        \
    MYL_I_DESCRIBE(name, text, 0, TABLE)

/* MYL_DESCRIBE(name, TABLE): a descriptor of a structure that exists. The table lists its members in their order; a
 * member of another type than in the table does not compile. */
#define MYL_DESCRIBE(name, TABLE)                                                                  \
    TABLE(MYL_I_SAME_MEMBER, name)                                                                 \
    MYL_I_DESCRIBE(name, #name, 0, TABLE)
#define MYL_I_SAME_MEMBER(T, type, name)                                                           \
    MYL_I_ASSERT(MYL_I_SAME_TYPE(type, MYL_I_MEMBER_TYPE(T, name)), "member " #name " is not a " #type);

/* MYL_VARIANT_FIELDS(name, TABLE): a structure that is the fields of a variant, as in Rust's `enum E { V { a: u8 } }`.
 * Only rkyv stores it in another way than a variant that contains a struct. */
#define MYL_VARIANT_FIELDS(name, TABLE)                                                            \
    typedef struct name {                                                                          \
        TABLE(MYL_I_MEMBER, name)                                                                  \
    } name;                                                                                        \
    MYL_I_DESCRIBE(name, #name, MYL_TYPE_INLINE, TABLE)

/* MYL_FIXED(name, TABLE): a structure of numbers, bools, chars, arrays of them, other MYL_FIXED structures and arrays
 * of those. It never gets another field. Only FlatBuffers stores it in another way than a MYL_STRUCT: as a `struct`,
 * which lies within what contains it, and not as a `table`. */
#define MYL_FIXED(name, TABLE)                                                                     \
    typedef struct name {                                                                          \
        TABLE(MYL_I_MEMBER, name)                                                                  \
    } name;                                                                                        \
    MYL_I_DESCRIBE(name, #name, MYL_TYPE_FIXED, TABLE)

/* MYL_UNION(name, TABLE): a tagged union. Rows of the table: VARIANT(T, type, variant), with the type myl_unit for a
 * variant without content. Gives `struct { uint32_t tag; union { type variant; ... } as; }` and the tags
 * `name_is_variant`, from 0 in the order of the table. */
#define MYL_UNION(name, TABLE) MYL_UNION_NAMED(name, #name, TABLE)

/* The same with another name in the schema text. */
#define MYL_UNION_NAMED(name, text, TABLE)                                                         \
    enum name##_tags{TABLE(MYL_I_TAG, name)}; \
    typedef struct name {                                                                          \
        uint32_t tag;                                                                              \
        union {                                                                                    \
            TABLE(MYL_I_MEMBER, name)                                                              \
        } as;                                                                                      \
    } name;                                                                                        \
    MYL_I_DECLARE_TYPE(name)                                                                       \
    static const myl_field name##_fields[] = {TABLE(MYL_I_VARIANT, name)};                         \
    MYL_I_DEFINE_TYPE(name, MYL_KIND_UNION, 0, text, sizeof(name), MYL_I_ALIGNOF(name), NULL,      \
                      MYL_I_COUNT(name##_fields), 0, name##_fields)                                \
    MYL_I_ASSERT(MYL_I_COUNT(name##_fields) <= MYL_VARIANTS_MAX, "a union has at most MYL_VARIANTS_MAX variants")

/* MYL_ARRAY(name, type, n): `typedef type name[n]`, n of 1 or more. */
#define MYL_ARRAY(name, type, n)                                                                   \
    typedef type name[n];                                                                          \
    MYL_I_DEFINE_TYPE(name, MYL_KIND_ARRAY, 0, NULL, sizeof(name), MYL_I_ALIGNOF(name), &type##_type, n, 0, NULL) \
    MYL_I_ASSERT((n) > 0, "an array has at least one element")

/* MYL_VECTOR(name, type): `struct { type *items; size_t count; }`. */
#define MYL_VECTOR(name, type)                                                                     \
    typedef struct name {                                                                          \
        type *items;                                                                               \
        size_t count;                                                                              \
    } name;                                                                                        \
    MYL_I_DEFINE_TYPE(name, MYL_KIND_VECTOR, 0, NULL, sizeof(name), MYL_I_ALIGNOF(name), &type##_type, 0, 0, NULL) \
    MYL_I_ASSERT(sizeof(name) == 2 * sizeof(size_t), "a vector is a pointer and a count")

/* MYL_OPTION(name, type): `struct { bool some; type value; }`. */
#define MYL_OPTION(name, type)                                                                     \
    typedef struct name {                                                                          \
        bool some;                                                                                 \
        type value;                                                                                \
    } name;                                                                                        \
    MYL_I_DEFINE_TYPE(name, MYL_KIND_OPTION, 0, NULL, sizeof(name), MYL_I_ALIGNOF(name), &type##_type, 0, \
                      offsetof(name, value), NULL) \
    MYL_I_ASSERT(sizeof(bool) == 1, "a bool is one byte")

/* MYL_BOX(name, type): `typedef type *name`; never NULL in a value. */
#define MYL_BOX(name, type)                                                                        \
    typedef type *name;                                                                            \
    MYL_I_DEFINE_TYPE(name, MYL_KIND_BOX, 0, NULL, sizeof(name), MYL_I_ALIGNOF(name), &type##_type, 0, 0, NULL) \
    MYL_I_ASSERT(sizeof(name) == sizeof(void *), "a box is a pointer")

/* What a text of a type contains. */
enum myl_text_form {
    MYL_TEXT_SCHEMA = 0,     /* names and kinds: the same for all machines and languages */
    MYL_TEXT_LAYOUT =
        1, /* also sizes and offsets in memory: what two programs need in common that share C structures */
};

/* A type that is checked and prepared for the codecs. Never changes; any number of threads may use it. */
typedef struct myl_schema myl_schema;

MYL_BEGIN_DECLS

/* Checks a descriptor and all that it reaches: kinds, names, sizes, alignments, offsets, counts, and that no type lies
 * within itself but in a box or a vector. MYL_OK; MYL_ESCHEMA: the sentence names the type, the field and the fault.
 * Makes no system call and allocates nothing. Any thread. */
MYL_API MYL_NODISCARD int myl_type_check(const myl_type *type);

/* Writes the text of a type: at most `room` bytes, with a NUL at the end. With `room` 0 and `text` NULL its length.
 * `*length` is set to the bytes of the whole text without the NUL. MYL_OK; MYL_EBUFFER: `room` is too small and `text`
 * is cut; MYL_ESCHEMA as myl_type_check; MYL_EINVAL: no such form. Any thread. */
MYL_API MYL_NODISCARD int myl_type_text(const myl_type *type, enum myl_text_form form, char *text, size_t room,
                                        size_t *length);

/* Sets `*hash` to the 64-bit FNV-1a hash of the type's text of that form. Errors as myl_type_text. Any thread. */
MYL_API MYL_NODISCARD int myl_type_hash(const myl_type *type, enum myl_text_form form, uint64_t *hash);

/* Checks a type and prepares it for the codecs: once, before the first message. The descriptor must stay as it is until
 * myl_schema_close. MYL_OK; MYL_ESCHEMA as myl_type_check; MYL_ENOMEM. Allocates. Any thread. */
MYL_API MYL_NODISCARD int myl_schema_open(myl_schema **schema, const myl_type *type);

/* Makes a schema, and the type itself, from the `length` bytes of a text: docs/schema.md. The layout of the C objects
 * is that of the MYL_ macros; a layout text gives the sizes and offsets itself. myl_schema_type gives the descriptor,
 * which belongs to the schema. The text may come from any source. It must be canonical: myl_schema_text of the same
 * form gives it again. MYL_OK; MYL_ESCHEMA: the sentence has the number of the line and what is wrong there, or the
 * text is longer than MYL_SCHEMA_TEXT_MAX; MYL_ENOMEM. Allocates. Any thread. */
MYL_API MYL_NODISCARD int myl_schema_parse(myl_schema **schema, const char *text, size_t length);

/* Frees a schema, after the last use of it and of its views. NULL does nothing. */
MYL_API void myl_schema_close(myl_schema *schema);

/* The descriptor that the schema was opened with. Any thread. */
MYL_API const myl_type *myl_schema_type(const myl_schema *schema);

/* The type's text of a form, valid as long as the schema. NULL: no such form. Any thread. */
MYL_API const char *myl_schema_text(const myl_schema *schema, enum myl_text_form form);

/* The hash of that text; 0: no such form. Any thread. */
MYL_API uint64_t myl_schema_hash(const myl_schema *schema, enum myl_text_form form);

MYL_END_DECLS

#endif
