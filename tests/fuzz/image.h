/* SPDX-License-Identifier: MIT
 * Segments as the library makes them, kept to be written into files and then spoiled; and what a header has to be like,
 * written down a second time. */
#ifndef MYL_TESTS_FUZZ_IMAGE_H
#define MYL_TESTS_FUZZ_IMAGE_H

#include "fuzz/kit.h"
#include "segment/layout.h"

#define IMAGE_SHAPES 8

struct image {
    struct myl_header head;
    unsigned char *bytes;
    myl_producer_options options; /* what it was made with */
};

/* Image `shape`: a ring whose producer and consumers have been killed, or are gone. */
const struct image *image_of(unsigned shape);
/* Takes what is in file `path` as an image. */
void image_read(struct image *image, const char *path);
/* Makes `path` a file with the image, and maps all of it. Returns the mapping. */
unsigned char *image_write(const struct image *image, const char *path);

/* Event number `sequence` as every writer of the targets writes it. */
void image_write_event(void *event, size_t bytes, uint64_t sequence);
int image_is_event(const void *event, size_t bytes, uint64_t sequence);

/* Could the library have made this header, for an object of so many bytes? 1, 0, or -1: not an event ring's. */
int image_is_possible(const struct myl_header *head, uint64_t object_bytes);
void image_seal(struct myl_header *head);

#endif
