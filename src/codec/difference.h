/* SPDX-License-Identifier: MIT
 * Compares the texts of two types, for sentences. The texts may be any text without control characters. */
#ifndef MYL_CODEC_DIFFERENCE_H
#define MYL_CODEC_DIFFERENCE_H

#define MYL_ROOT_TEXT       72
#define MYL_DIFFERENCE_TEXT 320

/* Copies the expression of the root type, cut to fit. Returns `root`. */
const char *myl_text_root(const char *text, char root[MYL_ROOT_TEXT]);

/* Describes the first difference, cut to fit: "field order.price: f64 there, f32 here". Sizes and offsets of layout
 * texts count only if nothing else differs. */
void myl_text_difference(const char *there, const char *here, char difference[MYL_DIFFERENCE_TEXT]);

#endif
