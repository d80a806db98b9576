/* SPDX-License-Identifier: MIT
 * Types for the tests of descriptions and codecs: those of the golden vectors, and one with every kind.
 * tools/check-headers.sh also compiles them as C++. */
#ifndef MYL_TESTS_CODEC_TYPES_H
#define MYL_TESTS_CODEC_TYPES_H

#include <myelon/type.h>

/* --- parts of the composite types --------------------------------------------------------------------------- */

MYL_VECTOR(t_u16_vector, myl_u16);
MYL_VECTOR(t_u32_vector, myl_u32);
MYL_VECTOR(t_bool_vector, myl_bool);
MYL_VECTOR(t_string_vector, myl_string);
MYL_VECTOR(t_u32_matrix, t_u32_vector);
MYL_OPTION(t_u8_option, myl_u8);
MYL_OPTION(t_u32_option, myl_u32);
MYL_OPTION(t_string_option, myl_string);
MYL_VECTOR(t_option_vector, t_string_option);
MYL_BOX(t_u64_box, myl_u64);
MYL_OPTION(t_box_option, t_u64_box);
MYL_ARRAY(t_u16_pair, myl_u16, 2);
MYL_ARRAY(t_string_pair, myl_string, 2);

/* --- the golden vectors ------------------------------------------------------------------------------------- */

#define T_A(FIELD, T) FIELD(T, myl_u8, a) FIELD(T, myl_u64, b) FIELD(T, myl_u16, c)
MYL_STRUCT(t_a, T_A);

#define T_S(FIELD, T) FIELD(T, myl_u32, id) FIELD(T, myl_string, s)
MYL_STRUCT(t_s, T_S);

#define T_V(FIELD, T) FIELD(T, myl_u8, tag) FIELD(T, t_u32_vector, v) FIELD(T, t_string_vector, w)
MYL_STRUCT(t_v, T_V);

#define T_O(FIELD, T) FIELD(T, t_u32_option, x) FIELD(T, t_u32_option, y) FIELD(T, t_box_option, z)
MYL_STRUCT(t_o, T_O);

#define T_E_T(FIELD, T) FIELD(T, myl_u32, f0) FIELD(T, myl_u8, f1)
#define T_E_N(FIELD, T) FIELD(T, myl_u64, k)
MYL_VARIANT_FIELDS(t_e_t, T_E_T);
MYL_VARIANT_FIELDS(t_e_n, T_E_N);
#define T_E(VARIANT, T) VARIANT(T, myl_unit, unit) VARIANT(T, t_e_t, t) VARIANT(T, t_e_n, n)
MYL_UNION(t_e, T_E);

#define T_TUPLE(FIELD, T) FIELD(T, myl_u32, f0) FIELD(T, myl_string, f1)
MYL_STRUCT(t_tuple, T_TUPLE);
MYL_BOX(t_tuple_box, t_tuple);
#define T_B(FIELD, T)                                      \
    FIELD(T, t_tuple_box, b)                               \
    FIELD(T, myl_bool, t)                                  \
    FIELD(T, myl_f64, f)                                   \
    FIELD(T, myl_char, c)
MYL_STRUCT(t_b, T_B);

#define T_BINCODE(FIELD, T)                                \
    FIELD(T, myl_u32, id)                                  \
    FIELD(T, myl_i32, neg)                                 \
    FIELD(T, myl_string, name)                             \
    FIELD(T, t_u16_vector, v)                              \
    FIELD(T, t_u8_option, o)                               \
    FIELD(T, t_u8_option, n)                               \
    FIELD(T, myl_bool, b)                                  \
    FIELD(T, myl_f32, f)                                   \
    FIELD(T, myl_char, c)                                  \
    FIELD(T, t_u16_pair, a)                                \
    FIELD(T, myl_u64, us)
MYL_STRUCT(t_bincode, T_BINCODE);

/* --- every kind --------------------------------------------------------------------------------------------- */

#define T_POINT(FIELD, T) FIELD(T, myl_f64, x) FIELD(T, myl_f64, y)
MYL_STRUCT_NAMED(t_point, "Point", T_POINT);
MYL_ARRAY(t_points, t_point, 3);
MYL_VECTOR(t_point_vector, t_point);

MYL_DECLARE(t_node);
MYL_BOX(t_node_box, t_node);
MYL_OPTION(t_node_option, t_node_box);
MYL_VECTOR(t_node_vector, t_node);
#define T_NODE(FIELD, T) FIELD(T, myl_string, name) FIELD(T, t_node_option, next) FIELD(T, t_node_vector, children)
MYL_STRUCT(t_node, T_NODE);

#define T_PAIR(FIELD, T) FIELD(T, myl_u8, a) FIELD(T, myl_u32, b) FIELD(T, myl_string, c)
MYL_VARIANT_FIELDS(t_pair, T_PAIR);
#define T_SHAPE(VARIANT, T)                                \
    VARIANT(T, myl_unit, none)                             \
    VARIANT(T, t_point, point)                             \
    VARIANT(T, myl_string, text)                           \
    VARIANT(T, t_u32_vector, list)                         \
    VARIANT(T, t_pair, pair)                               \
    VARIANT(T, t_node_box, tree)                           \
    VARIANT(T, myl_u8, byte)
MYL_UNION_NAMED(t_shape, "Shape", T_SHAPE);
MYL_VECTOR(t_shape_vector, t_shape);

#define T_EVERY(FIELD, T)                                  \
    FIELD(T, myl_u8, u8)                                   \
    FIELD(T, myl_u16, u16)                                 \
    FIELD(T, myl_u32, u32)                                 \
    FIELD(T, myl_u64, u64)                                 \
    FIELD(T, myl_i8, i8)                                   \
    FIELD(T, myl_i16, i16)                                 \
    FIELD(T, myl_i32, i32)                                 \
    FIELD(T, myl_i64, i64)                                 \
    FIELD(T, myl_f32, f32)                                 \
    FIELD(T, myl_f64, f64)                                 \
    FIELD(T, myl_bool, flag)                               \
    FIELD(T, myl_char, letter)                             \
    FIELD(T, myl_string, text)                             \
    FIELD(T, myl_bytes, blob)                              \
    FIELD(T, t_u16_pair, pair)                             \
    FIELD(T, t_string_pair, texts)                         \
    FIELD(T, t_points, points)                             \
    FIELD(T, t_u32_vector, numbers)                        \
    FIELD(T, t_bool_vector, flags)                         \
    FIELD(T, t_u32_matrix, matrix)                         \
    FIELD(T, t_option_vector, maybes)                      \
    FIELD(T, t_point_vector, path)                         \
    FIELD(T, t_u8_option, small)                           \
    FIELD(T, t_box_option, boxed)                          \
    FIELD(T, t_tuple_box, tuple)                           \
    FIELD(T, t_e, e)                                       \
    FIELD(T, t_shape, shape)                               \
    FIELD(T, t_shape_vector, shapes)                       \
    FIELD(T, t_node, tree)
MYL_STRUCT_NAMED(t_every, "Every", T_EVERY);

/* --- structures of fixed layout ------------------------------------------------------------------------------ */

#define T_INNER(FIELD, T) FIELD(T, myl_u8, a) FIELD(T, myl_u16, b)
MYL_FIXED(t_inner, T_INNER);
MYL_ARRAY(t_inner_pair, t_inner, 2);
MYL_ARRAY(t_u8_triple, myl_u8, 3);
#define T_FIXED(FIELD, T)                                  \
    FIELD(T, myl_u8, small)                                \
    FIELD(T, myl_u64, large)                               \
    FIELD(T, myl_bool, flag)                               \
    FIELD(T, t_inner_pair, inner)                          \
    FIELD(T, t_u8_triple, bytes)                           \
    FIELD(T, myl_char, letter)                             \
    FIELD(T, myl_f32, ratio)
MYL_FIXED(t_fixed, T_FIXED);
MYL_VECTOR(t_fixed_vector, t_fixed);
MYL_OPTION(t_fixed_option, t_fixed);
MYL_OPTION(t_u8_option_option, t_u8_option);
MYL_OPTION(t_u16_option, myl_u16);
MYL_BOX(t_u32_box, myl_u32);
MYL_VECTOR(t_u32_box_vector, t_u32_box);
#define T_MIXED(FIELD, T)                                  \
    FIELD(T, t_fixed, one)                                 \
    FIELD(T, t_fixed_vector, many)                         \
    FIELD(T, t_fixed_option, maybe)                        \
    FIELD(T, t_u8_option_option, nested)                   \
    FIELD(T, t_u32_box_vector, boxes)                      \
    FIELD(T, t_u16_option, last)
MYL_STRUCT(t_mixed, T_MIXED);

/* --- without pointers, and an existing structure ------------------------------------------------------------ */

#define T_FLAT(FIELD, T)                                   \
    FIELD(T, myl_u8, kind)                                 \
    FIELD(T, t_points, points)                             \
    FIELD(T, t_u8_option, small)                           \
    FIELD(T, t_e, e)                                       \
    FIELD(T, myl_bool, flag)                               \
    FIELD(T, myl_char, letter)
MYL_STRUCT(t_flat, T_FLAT);

typedef struct t_existing {
    uint32_t first;
    uint32_t hidden; /* not in the table */
    uint16_t second[2];
} t_existing;
#define T_EXISTING(FIELD, T) FIELD(T, myl_u32, first) FIELD(T, t_u16_pair, second)
MYL_DESCRIBE(t_existing, T_EXISTING);

#endif
