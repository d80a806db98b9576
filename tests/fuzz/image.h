/* SPDX-License-Identifier: MIT
 * Segments as the library makes them, stored in files to be changed. An independent definition of a valid header. */
#ifndef MYL_TESTS_FUZZ_IMAGE_H
#define MYL_TESTS_FUZZ_IMAGE_H

#include "fuzz/kit.h"
#include "segment/layout.h"

#define IMAGE_SHAPES 8

struct image {
    struct myl_header head;
    unsigned char *bytes;
    myl_producer_options options; /* the options it was made with */
};

/* Image `shape`: a ring whose producer and consumers were killed, or have left. */
const struct image *image_of(unsigned shape);
/* Reads file `path` as an image. */
void image_read(struct image *image, const char *path);
/* Writes the image to file `path`, and maps all of it. Returns the mapping. */
unsigned char *image_write(const struct image *image, const char *path);

/* Writes event number `sequence` as all writers of the targets do. */
void image_write_event(void *event, size_t bytes, uint64_t sequence);
int image_is_event(const void *event, size_t bytes, uint64_t sequence);

/* Returns 1 if the library could have made this header for an object of this size, 0 if not, -1 if it is not a ring of
 * events. */
int image_is_possible(const struct myl_header *head, uint64_t object_bytes);
void image_seal(struct myl_header *head);

#endif
