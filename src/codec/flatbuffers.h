/* SPDX-License-Identifier: MIT
 * FlatBuffers: a struct is a table, a MYL_FIXED struct is a struct. What FlatBuffers cannot place directly (a vector of
 * vectors, a union's content that is no table) is in a holder: a table with one field. docs/codecs.md has the mapping.
 *
 * Bytes start with the offset of the root. Offsets are unsigned and lead forward; a table has a signed offset back to
 * its vtable, which has the places of its fields. */
#ifndef MYL_CODEC_FLATBUFFERS_H
#define MYL_CODEC_FLATBUFFERS_H

#include <stdbool.h>

#include "codec/bytes.h"

#define FLAT_TABLES      1000000U /* tables of one value, each counted as often as it is reached */
#define FLAT_DEPTH       64U      /* tables one within the other */
#define FLAT_LONGEST     ((size_t)1 << 30) /* bytes of a value, shared parts counted as often as they are reached */
#define FLAT_TABLE       65535U   /* bytes of a table */
#define FLAT_VARIANTS    255U     /* the tag is a byte, and 0 is none */
#define FLAT_FIRST_ENTRY 4U       /* of a vtable: after its two lengths */

/* What a field stores: without its boxes and its option. An option is the value of an option, and in a holder. */
static inline const struct myl_node *myl_flat_stored(const struct myl_node *node)
{
    node = node->bare;
    return node->kind == MYL_KIND_OPTION ? node->element->bare : node;
}

/* Lies within a table, vector or struct itself. */
static inline bool myl_flat_is_inline(const struct myl_node *stored)
{
    return stored->kind <= MYL_KIND_CHAR || stored->fixed;
}

static inline bool myl_flat_is_table(const struct myl_node *stored)
{
    return stored->kind == MYL_KIND_STRUCT && !stored->fixed;
}

/* The elements of this type are in holders. */
static inline bool myl_flat_is_held(const struct myl_node *element)
{
    const struct myl_node *bare = element->bare;
    return !myl_flat_is_inline(bare) && !myl_flat_is_table(bare) && bare->kind != MYL_KIND_STRING;
}

/* Bytes of an element within a vector, and their alignment. */
static inline uint32_t myl_flat_step(const struct myl_node *element)
{
    return myl_flat_is_inline(element->bare) ? element->bare->archived_size : 4;
}

static inline uint32_t myl_flat_align(const struct myl_node *element)
{
    return myl_flat_is_inline(element->bare) ? element->bare->archived_align : 4;
}

/* The slots of a holder of this type: schema.c. Returns how many. */
uint32_t myl_flat_slots(const struct myl_node *node, struct myl_slot slots[2]);

/* --- reading ------------------------------------------------------------------------------------------------- */

/* Bytes that are read. */
struct myl_flat {
    const uint8_t *bytes;
    size_t length;
    struct myl_where where;
};

struct myl_flat_table {
    size_t at, vtable;
    uint32_t size, vtable_size;
};

/* Where a value lies; its bounds are checked again by what reads it. */
struct myl_flat_place {
    bool present;
    size_t at;               /* data, table, or count of a vector; union: the tag; option of an option: its holder */
    size_t content;          /* union: the offset that leads to its content */
    uint32_t tag;            /* union */
};

int myl_flat_table(const struct myl_flat *flat, size_t at, struct myl_flat_table *table);
/* The field of a table whose type is `node`. */
int myl_flat_field(const struct myl_flat *flat, const struct myl_flat_table *table, const struct myl_node *node,
                   uint32_t entry, struct myl_flat_place *place);
/* What is in the holder at `at`. */
int myl_flat_held(const struct myl_flat *flat, const struct myl_node *node, size_t at, struct myl_flat_place *place);
/* Follows the offset at `slot` to a table or holder: the root (at 0), or the content of a union. */
int myl_flat_content(const struct myl_flat *flat, const struct myl_node *node, size_t slot,
                     struct myl_flat_place *place);
/* The elements of the vector at `at`. */
int myl_flat_items(const struct myl_flat *flat, const struct myl_node *node, size_t at, size_t *first, uint64_t *count);
int myl_flat_element(const struct myl_flat *flat, const struct myl_node *element, size_t first, uint64_t index,
                     struct myl_flat_place *place);
/* The bytes of the string or bytes at `at`. */
int myl_flat_text(const struct myl_flat *flat, const struct myl_node *node, size_t at, size_t *first, uint64_t *length);
/* MYL_EDECODE: a field is missing whose type has no value for that. */
int myl_flat_missing(const struct myl_flat *flat, const struct myl_node *node, size_t at);

int myl_flat_encode(const myl_schema *schema, const void *value, void *buffer, size_t room, size_t *bytes);
int myl_flat_size(const myl_schema *schema, const void *value, size_t *bytes);
int myl_flat_check(const myl_schema *schema);
/* MYL_OK: a reader of the type `known` reads what was written with `written`. MYL_ESCHEMA: the sentence says why
 * not. */
int myl_flat_reads(const myl_schema *written, const myl_schema *known);
int myl_flat_decode(const myl_schema *schema, const void *bytes, size_t length, myl_arena *arena, void **value);
int myl_flat_access(const myl_schema *schema, myl_view *view);

#endif
