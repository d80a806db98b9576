/* SPDX-License-Identifier: MIT
 * Fuzz target: whatever a segment contains, opening it returns a documented error, or a handle that accesses only its
 * own mapping. The input: an image, changes of its header (with a correct checksum or not), its length, then calls. */
#include <string.h>
#include <unistd.h>

#include "fuzz/world.h"

#define STEPS 24
#define LENGTH_MOST ((uint64_t)1 << 34)

/* Changes one field: offset and size from the header's structure. */
struct field {
    uint16_t offset, bytes;
};
#define FIELD(name) \
    { \
        offsetof(struct myl_header, name), sizeof(((struct myl_header *)0)->name) \
    }
static const struct field fields[] = {
    FIELD(magic),
    FIELD(layout_version),
    FIELD(byte_order),
    FIELD(header_bytes),
    FIELD(kind),
    FIELD(segment_bytes),
    FIELD(control_offset),
    FIELD(control_bytes),
    FIELD(data_offset),
    FIELD(data_bytes),
    FIELD(cells),
    FIELD(capacity),
    FIELD(cell_bytes),
    FIELD(events_per_cell),
    FIELD(event_bytes),
    FIELD(event_align),
    FIELD(event_offset),
    FIELD(max_consumers),
    FIELD(type_id),
    FIELD(flags),
    FIELD(no_consumers),
    FIELD(backend),
    FIELD(buffer),
    FIELD(message_max),
    FIELD(checksum),
    FIELD(lanes),
    FIELD(max_producers),
    FIELD(schema_bytes),
    FIELD(codec),
    FIELD(schema_hash),
    FIELD(schema_checksum),
    FIELD(features_incompatible),
    FIELD(features_compatible),
};

static void change_header(struct world *world, struct fuzz_input *first, struct fuzz_input *input)
{
    struct myl_header head;
    unsigned changes = fuzz_choose(first, 6);
    int mended = fuzz_choose(first, 8) != 0;
    memcpy(&head, world->bytes, sizeof head);
    for (unsigned i = 0; i < changes; i++) {
        struct fuzz_input record = fuzz_record(input);
        const struct field *field = &fields[fuzz_choose(&record, sizeof fields / sizeof fields[0])];
        uint64_t value = 0;
        unsigned char *at = (unsigned char *)&head + field->offset;
        memcpy(&value, at, field->bytes);
        value = hostile_value(&record, value);
        memcpy(at, &value, field->bytes);
    }
    if (fuzz_choose(first, 16) == 1)
        memset(head.label, 'x', sizeof head.label);
    if (mended)
        image_seal(&head);
    if (memcmp(&head, world->bytes, sizeof head) == 0)
        return;
    memcpy(world->bytes, &head, sizeof head);
    world->spoiled = 1;
}

/* Shortens the object. The target no longer touches its own mapping beyond the end. */
static void change_length(struct world *world, struct fuzz_input *input)
{
    if (fuzz_choose(input, 4) != 1)
        return;
    uint64_t length = hostile_value(input, world->image->head.segment_bytes);
    if (length > LENGTH_MOST)
        length = LENGTH_MOST;
    if (truncate(world->path, (off_t)length) != 0)
        return;
    if (length < world->image->head.segment_bytes)
        hostile_aim(NULL, NULL);
    world->spoiled = 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct fuzz_input first = fuzz_record(&input);
    struct world world;
    fuzz_begin();
    world_begin(&world, fuzz_byte(&first));
    hostile_refuse(fuzz_choose(&first, 4) == 1);
    change_header(&world, &first, &input);
    change_length(&world, &first);
    for (unsigned i = 0; i < STEPS && input.left > 0; i++) {
        struct fuzz_input record = fuzz_record(&input);
        world_step(&world, &record);
    }
    world_end(&world);
    fuzz_end();
    return 0;
}
