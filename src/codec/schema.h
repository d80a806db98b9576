/* SPDX-License-Identifier: MIT
 * A checked type as the codecs walk it: one node for each descriptor, with what follows from it computed once. */
#ifndef MYL_CODEC_SCHEMA_H
#define MYL_CODEC_SCHEMA_H

#include "codec/type.h"

struct myl_part;

struct myl_node {
    uint8_t kind;            /* enum myl_kind */
    uint8_t inline_fields;   /* MYL_TYPE_INLINE */
    uint8_t fixed;           /* MYL_TYPE_FIXED: the same layout in rkyv and in FlatBuffers */
    uint8_t plain;           /* numbers without gaps: in C, in bincode's fixed form and in rkyv the same bytes */
    uint8_t plain_varied;    /* plain, and the same in bincode's variable form: bytes and floats */
    uint8_t any_bytes;       /* each pattern of its bytes is a value, in C and in rkyv: there is nothing to check */
    uint8_t flat;            /* no pointers: everything lies within the C object */
    uint8_t no_children;     /* rkyv: nothing lies outside the archived object */
    uint32_t size, align;    /* of the C object */
    uint32_t offset;         /* option: of the value */
    uint32_t count;          /* array: elements; struct, union: parts */
    uint32_t archived_size, archived_align;
    uint32_t archived_offset; /* option: of the value */
    uint32_t least_fixed, least_varied; /* fewest bytes of a value in bincode; at least 1 */
    uint32_t least_packed;    /* the same in MessagePack, where a struct may lack its options */
    uint8_t table_align;      /* of a FlatBuffers table: of the largest field, 4 or 8 */
    uint16_t options;         /* struct: fields that may be absent */
    uint16_t entries;         /* of the vtable of a FlatBuffers table */
    uint16_t slots_count;
    uint32_t table_size;      /* bytes of a FlatBuffers table in which no field is absent */
    const char *name;        /* struct, union; else NULL */
    const struct myl_node *element;
    const struct myl_node *bare; /* box: what is in it, and in boxes in it; else the node itself */
    const struct myl_part *parts;
    const struct myl_slot *slots; /* struct: what a FlatBuffers table stores, the largest alignment first */
};

/* What a FlatBuffers table stores within it: a number, a fixed struct, an offset, or the tag of a union. */
struct myl_slot {
    uint32_t size;
    uint16_t part;
    uint16_t entry;          /* its byte in the vtable */
    uint8_t align;
    uint8_t is_tag;
};

struct myl_part {
    const struct myl_node *node;
    const char *name;
    uint8_t name_length;
    uint16_t by_name;         /* of part k: the index of the part that has the k-th name in byte order */
    uint32_t offset;          /* in the C object */
    uint32_t archived_offset; /* union: of the variant's content */
    uint16_t entry;           /* struct: byte in the vtable; that of a union's content is the next entry */
    uint32_t run;             /* struct: bytes of this field and of plain ones that follow without a gap, or 0 */
    uint32_t run_parts;       /* how many fields these are */
};

struct myl_schema {
    const myl_type *type;
    const struct myl_node *root; /* the first of all nodes */
    uint32_t nodes;          /* how many they are */
    int nested_option;       /* there is an option whose value is an option, maybe in a box */
    uint64_t hash[2];        /* by enum myl_text_form */
    char *text[2];
    void *owned;             /* the memory of the type, freed with the schema; NULL: the type is the caller's */
};

/* As myl_schema_open. On success the schema owns `owned`. */
int myl_schema_make(myl_schema **schema, const myl_type *type, void *owned);

#endif
