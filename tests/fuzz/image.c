/* SPDX-License-Identifier: MIT
 * Images of segments, and the independent check of headers. */
#define _GNU_SOURCE
#include "fuzz/image.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/hostile.h"

#define PAGE 4096U

/* --- events --------------------------------------------------------------------------------------------------- */

void image_write_event(void *event, size_t bytes, uint64_t sequence)
{
    unsigned char *to = event;
    for (size_t i = 0; i < bytes; i++)
        to[i] = (unsigned char)((sequence >> (8 * (i % 8))) + i / 8 * 37);
}

int image_is_event(const void *event, size_t bytes, uint64_t sequence)
{
    const unsigned char *from = event;
    for (size_t i = 0; i < bytes; i++) {
        if (from[i] != (unsigned char)((sequence >> (8 * (i % 8))) + i / 8 * 37))
            return 0;
    }
    return 1;
}

/* --- images --------------------------------------------------------------------------------------------------- */

struct recipe {
    myl_producer_options options;
    unsigned published, read; /* by consumer "a", which is registered if read > 0 */
    int left; /* "a" left; otherwise it is dead */
    int closed;
};

static const struct recipe recipes[IMAGE_SHAPES] = {
    {{.config = {.event_size = 48, .capacity = 4, .max_consumers = 2}}, 3, 1, 0, 0},
    {{.config = {.event_size = 16, .capacity = 30, .packed_cell = 256, .max_consumers = 3}}, 40, 17, 0, 0},
    {{.config = {.event_size = 64, .event_align = 4096, .capacity = 2, .max_consumers = 1}}, 1, 0, 0, 0},
    {{.config = {.event_size = 8, .capacity = 8, .max_consumers = 4}}, 7, 2, 0, 1},
    {{.config = {.event_size = 200, .capacity = 8, .max_consumers = 2},
      .ring.no_consumers = MYL_NO_CONSUMERS_OVERWRITE},
     29,
     0,
     0,
     0},
    {{.config = {.event_size = 56, .capacity = 4, .max_consumers = 64},
      .ring = {.no_consumers = MYL_NO_CONSUMERS_BUFFER, .buffer = 3}},
     2,
     1,
     1,
     0},
    {{.config = {.event_size = 8,
                 .event_align = 8,
                 .capacity = 64,
                 .packed_cell = 64,
                 .spin_only = MYL_SPIN_ONLY_ON,
                 .max_consumers = 2}},
     9,
     3,
     1,
     0},
    {{.config =
          {.event_size = 1, .event_align = 1, .capacity = 16, .type_id = 7, .label = "label", .max_consumers = 2}},
     0,
     0,
     0,
     0},
};

static void expect_ok(const char *what, int rc)
{
    fuzz_check(rc == MYL_OK, "making an image: %s returned %s", what, myl_errname(rc));
}

static void read_some(myl_consumer *consumer, unsigned count)
{
    const void *event;
    for (unsigned i = 0; i < count; i++)
        expect_ok("myl_consumer_next", myl_consumer_next(consumer, &event, MYL_TRY));
    expect_ok("myl_consumer_release", myl_consumer_release(consumer));
}

/* Publishes, while "a" reads so that it lags by the given number at the end. */
static void fill(const struct recipe *recipe, myl_producer *producer, myl_consumer *consumer)
{
    unsigned done = 0;
    for (uint64_t sequence = 0; sequence < recipe->published; sequence++) {
        void *event;
        if (myl_producer_claim(producer, &event, MYL_TRY) != MYL_OK) {
            read_some(consumer, recipe->read - done);
            done = recipe->read;
            expect_ok("myl_producer_claim", myl_producer_claim(producer, &event, MYL_TRY));
        }
        image_write_event(event, recipe->options.config.event_size, sequence);
        myl_producer_publish(producer);
    }
    if (consumer != NULL)
        read_some(consumer, recipe->read - done);
}

void image_read(struct image *image, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || pread(fd, &image->head, sizeof image->head, 0) != (ssize_t)sizeof image->head)
        fuzz_die("cannot read the image's header");
    image->bytes = malloc(image->head.segment_bytes);
    if (image->bytes == NULL ||
        pread(fd, image->bytes, image->head.segment_bytes, 0) != (ssize_t)image->head.segment_bytes)
        fuzz_die("cannot read the image");
    (void)close(fd);
}

static void make_image(struct image *image, const struct recipe *recipe)
{
    myl_producer *producer;
    myl_consumer *consumer = NULL;
    char path[FUZZ_PATH];
    fuzz_path(path, "image");
    image->options = recipe->options;
    image->options.size = sizeof image->options;
    expect_ok("myl_producer_open", myl_producer_open(&producer, "image", &image->options));
    if (recipe->read > 0) {
        myl_consumer_options options = {.size = sizeof options, .ring = {.id = "a", .start = MYL_START_OLDEST}};
        expect_ok("myl_consumer_open", myl_consumer_open(&consumer, "image", &options));
    }
    fill(recipe, producer, consumer);
    if (recipe->left) {
        myl_consumer_close(consumer);
        consumer = NULL;
    }
    if (recipe->closed) {
        myl_producer_close(producer);
        producer = NULL;
    }
    image_read(image, path); /* participants have no locks on the copy: they are dead */
    myl_producer_close(producer);
    myl_consumer_close(consumer);
    fuzz_empty_directory();
}

const struct image *image_of(unsigned shape)
{
    static struct image images[IMAGE_SHAPES];
    struct image *image = &images[shape % IMAGE_SHAPES];
    if (image->bytes == NULL)
        make_image(image, &recipes[shape % IMAGE_SHAPES]);
    return image;
}

unsigned char *image_write(const struct image *image, const char *path)
{
    static const unsigned char zeros[PAGE];
    uint64_t size = image->head.segment_bytes;
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
        fuzz_die("cannot create \"%s\"", path);
    unsigned char *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        fuzz_die("cannot map \"%s\"", path);
    for (uint64_t at = 0; at < size; at += PAGE) {
        if (memcmp(image->bytes + at, zeros, PAGE) != 0)
            memcpy(mapped + at, image->bytes + at, PAGE);
    }
    (void)close(fd);
    return mapped;
}

/* --- the independent check ------------------------------------------------------------------------------------ */

void image_seal(struct myl_header *head)
{
    const unsigned char *bytes = (const unsigned char *)head;
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < sizeof *head - sizeof head->checksum; i++) {
        hash ^= bytes[i];
        hash *= UINT64_C(1099511628211);
    }
    head->checksum = hash;
}

static int one_bit(uint64_t value)
{
    return __builtin_popcountll(value) == 1;
}

static int cells_are_possible(const struct myl_header *h)
{
    __extension__ typedef unsigned __int128 wide;
    wide used = (wide)h->event_offset + (wide)h->events_per_cell * h->event_bytes;
    return one_bit(h->cells) && h->cells >= 2 && h->cells <= (uint64_t)1 << 32 && h->cell_bytes >= 64 &&
           h->cell_bytes <= 1U << 21 && h->cell_bytes % 64 == 0 && h->event_bytes >= 1 && h->event_bytes <= 1U << 20 &&
           one_bit(h->event_align) && h->event_align <= 4096 && h->event_offset >= 8 &&
           h->event_offset % h->event_align == 0 && h->cell_bytes % h->event_align == 0 && h->events_per_cell >= 1 &&
           (h->events_per_cell == 1 || h->event_bytes % h->event_align == 0) && used <= h->cell_bytes &&
           (wide)h->capacity == (wide)h->cells * h->events_per_cell;
}

static int sections_are_possible(const struct myl_header *h, uint64_t object_bytes)
{
    __extension__ typedef unsigned __int128 wide;
    const uint64_t page = PAGE;
    return h->segment_bytes <= (uint64_t)1 << 46 && h->segment_bytes <= object_bytes &&
           h->control_offset >= sizeof *h && h->control_offset % page == 0 && h->data_offset % page == 0 &&
           h->data_bytes % page == 0 && h->control_bytes % 128 == 0 &&
           h->control_bytes >= 1024 + 512 * (1 + (uint64_t)h->max_consumers) &&
           (wide)h->control_offset + h->control_bytes + (wide)240 * 128 <= h->data_offset &&
           (wide)h->data_offset + h->data_bytes <= h->segment_bytes && (wide)h->cells * h->cell_bytes <= h->data_bytes;
}

int image_is_possible(const struct myl_header *h, uint64_t object_bytes)
{
    struct myl_header sealed = *h;
    image_seal(&sealed);
    if (object_bytes < sizeof *h || h->magic != UINT64_C(0x31474e4f4c45594d) || h->layout_version != 3 ||
        h->byte_order != 0x01020304 || h->header_bytes != sizeof *h || sealed.checksum != h->checksum ||
        h->features_incompatible != 0 || h->max_producers != 1)
        return 0;
    /* The bytes of these segments where a text would be are zeros: no text. */
    if (h->schema_bytes != 0 || h->codec != 0 || h->schema_hash != 0 || h->schema_checksum != 0)
        return 0;
    if (h->kind == MYL_KIND_FRAMES)
        return -1;
    return h->kind == 1 && h->lanes == 1 && cells_are_possible(h) && h->max_consumers >= 1 &&
           h->max_consumers <= 1024 && h->no_consumers <= 2 && h->backend <= 2 &&
           (h->no_consumers != 2 || (h->buffer >= 1 && h->buffer <= h->capacity)) &&
           sections_are_possible(h, object_bytes);
}
