/* SPDX-License-Identifier: MIT
 * Fuzz target: producers, consumers and observers work on a ring while another process changes its words, between and
 * within their calls. The input: an image, then calls and changes. */
#include "fuzz/world.h"

#define STEPS 60

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct fuzz_input head = fuzz_record(&input);
    struct world world;
    fuzz_begin();
    world_begin(&world, fuzz_byte(&head));
    hostile_refuse(fuzz_choose(&head, 4) == 1);
    world_open_producer(&world, &head);
    world_open_consumer(&world, &head);
    for (unsigned i = 0; i < STEPS && input.left > 0; i++) {
        struct fuzz_input record = fuzz_record(&input);
        world_step(&world, &record);
    }
    world_end(&world);
    fuzz_end();
    return 0;
}
