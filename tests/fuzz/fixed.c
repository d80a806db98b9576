/* SPDX-License-Identifier: MIT
 * Fuzz target: messages in frames of one fixed size. Meanwhile another process changes words of cells and control, and
 * a producer publishes frames with arbitrary headers. The input: calls and changes, one record each. */
#define _GNU_SOURCE
#include <myelon/fixed_frame.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/hostile.h"

#define NAME     "fixed"
#define STEPS    60
#define PAYLOAD  48
#define CAPACITY 16
#define ROOM     ((uint32_t)1500) /* more than fits in the ring */
#define GUARD    0xA5

struct world {
    unsigned char *bytes;      /* the target's own mapping */
    myl_producer *producer;
    myl_consumer *consumer;
    myl_reassembly parts;
    uint32_t room;
    int wrong_header;                  /* a frame with an arbitrary header was published */
};

static int is_sound(const struct world *world)
{
    return !world->wrong_header && !hostile_has_changed();
}

static void check_result(const struct world *world, const char *call, int rc)
{
    if (rc != MYL_OK && is_sound(world))
        fuzz_check(myl_errclass(rc) != MYL_CLASS_CORRUPT && rc != MYL_EEVICTED && rc != MYL_ELOCKLOST,
                   "%s returned %s for an intact ring", call, myl_errname(rc));
}

static unsigned char byte_of(uint64_t at, uint64_t length, uint32_t kind)
{
    return (unsigned char)(at * 7 + (at >> 8) + length * 3 + kind);
}

/* Reads every byte of the message. */
static void check_message(const struct world *world, const myl_message *message)
{
    const unsigned char *data = message->data;
    unsigned wrong = 0;
    int several = data == world->parts.data;
    fuzz_check(message->fragments >= 1 && message->kind <= 255 && message->length <= (several ? world->room : PAYLOAD),
               "%" PRIu64 " bytes of %" PRIu32 " frames", message->length, message->fragments);
    fuzz_check(several || hostile_holds(data, message->length > 0 ? message->length : 1, 0),
               "%" PRIu64 " bytes at %p, outside the ring", message->length, message->data);
    for (uint64_t i = 0; i < message->length; i++)
        wrong += data[i] != byte_of(i, message->length, message->kind);
    fuzz_check(wrong == 0 || !is_sound(world), "%u wrong bytes of %" PRIu64, wrong, message->length);
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

#define WAIT_CODES MYL_EAGAIN, MYL_ETIMEDOUT, MYL_EINTERRUPTED
#define OPEN_CODES                                                                                                     \
    MYL_ENOTFOUND, MYL_EBUSY, MYL_ESUPERSEDED, MYL_ECORRUPT, MYL_ENOMEM, MYL_EINVAL, MYL_ESHAPE, MYL_ETYPE,            \
        MYL_ENOTDRAINED, MYL_EDUPLICATE, MYL_ETABLEFULL
#define WRITE_CODES                                                                                                    \
    WAIT_CODES, MYL_ECONSUMERDEAD, MYL_ELOCKLOST, MYL_ESUPERSEDED, MYL_ELEASED, MYL_ETOOBIG, MYL_ECORRUPT
#define READ_CODES                                                                                                     \
    WAIT_CODES, MYL_EABORTED, MYL_ETOOBIG, MYL_ECLOSED, MYL_EPRODUCERDEAD, MYL_EPRODUCERLEFT, MYL_ESUPERSEDED,         \
        MYL_EEVICTED, MYL_ELEASED, MYL_ECORRUPT

static void interrupt_producer(void *handle)
{
    myl_producer_interrupt(handle);
}

static void interrupt_consumer(void *handle)
{
    myl_consumer_interrupt(handle);
}

static void open_producer(struct world *world)
{
    myl_producer_options options = {.size = sizeof options,
                                    .config = {.event_size = MYL_FIXED_FRAME_SIZE(PAYLOAD),
                                               .event_align = 16,
                                               .capacity = CAPACITY,
                                               .max_consumers = 3}};
    hostile_call(NULL, NULL);
    int rc = myl_producer_open(&world->producer, NAME, &options);
    fuzz_result("myl_producer_open", rc, OPEN_CODES);
    check_result(world, "myl_producer_open", rc);
}

static void open_consumer(struct world *world)
{
    myl_consumer_options options = {.size = sizeof options, .ring.id = "a"};
    hostile_call(NULL, NULL);
    int rc = myl_consumer_open(&world->consumer, NAME, &options);
    fuzz_result("myl_consumer_open", rc, OPEN_CODES);
    check_result(world, "myl_consumer_open", rc);
}

static void publish(struct world *world, struct fuzz_input *input)
{
    static const uint32_t lengths[] = {0, 1, 47, 48, 49, 96, 97, 500, 768, 769, ROOM, ROOM + 1};
    static unsigned char bytes[ROOM + 1];
    uint32_t length = lengths[fuzz_choose(input, sizeof lengths / sizeof lengths[0])];
    uint8_t kind = fuzz_byte(input);
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = byte_of(i, length, kind);
    hostile_call(interrupt_producer, world->producer);
    int rc = myl_publish_fixed_frames(world->producer, bytes, length, kind, fuzz_timeout(input));
    fuzz_result("myl_publish_fixed_frames", rc, WRITE_CODES);
    check_result(world, "myl_publish_fixed_frames", rc);
}

/* Writes a frame that may be wrong in some way. */
static void publish_wrong_frame(struct world *world, struct fuzz_input *input)
{
    void *event;
    uint64_t own = (uint64_t)myl_producer_last_published(world->producer) + 1;
    myl_fixed_frame frame = {.msg_id = own - fuzz_choose(input, 3), .total = 100, .len = 48};
    unsigned which = fuzz_choose(input, 8);
    frame.flags = fuzz_choose(input, 4) == 0 ? fuzz_byte(input) : (uint8_t)fuzz_choose(input, 4);
    frame.offset = fuzz_choose(input, 3) * (uint64_t)PAYLOAD;
    if (which == 0)
        frame.len = (uint32_t)hostile_value(input, frame.len);
    else if (which == 1)
        frame.total = hostile_value(input, frame.total);
    else if (which == 2)
        frame.offset = hostile_value(input, frame.offset);
    else if (which == 3)
        frame.msg_id = hostile_value(input, frame.msg_id);
    if (which >= 6) { /* a message of one frame, of any length */
        frame = (myl_fixed_frame){.msg_id = own, .flags = MYL_FRAME_FIRST | MYL_FRAME_LAST};
        frame.len =
            fuzz_choose(input, 2) == 0 ? (uint32_t)hostile_value(input, PAYLOAD) : PAYLOAD - 8U + fuzz_byte(input);
        frame.total = frame.len;
    }
    hostile_call(interrupt_producer, world->producer);
    int rc = myl_producer_claim(world->producer, &event, MYL_TRY);
    fuzz_result("myl_producer_claim", rc, WRITE_CODES);
    if (rc != MYL_OK)
        return;
    memset(event, 0, MYL_FIXED_FRAME_SIZE(PAYLOAD));
    memcpy(event, &frame, sizeof frame);
    world->wrong_header = 1;
    myl_producer_publish(world->producer);
}

static void receive(struct world *world, struct fuzz_input *input)
{
    myl_message message;
    hostile_call(interrupt_consumer, world->consumer);
    int rc = myl_recv_fixed_frames(world->consumer, &world->parts, &message, fuzz_timeout(input));
    fuzz_result("myl_recv_fixed_frames", rc, READ_CODES);
    check_result(world, "myl_recv_fixed_frames", rc);
    if (rc == MYL_OK)
        check_message(world, &message);
    for (uint32_t i = world->room; i < 2 * ROOM; i++)
        fuzz_check(((const unsigned char *)world->parts.data)[i] == GUARD, "byte %" PRIu32 " after the memory", i);
}

static void step_consumer(struct world *world, struct fuzz_input *input)
{
    unsigned what = fuzz_choose(input, 10);
    if (world->consumer == NULL) {
        open_consumer(world);
    } else if (what < 6) {
        receive(world, input);
    } else if (what < 8) {
        hostile_call(interrupt_consumer, world->consumer);
        int rc = myl_consumer_release(world->consumer);
        fuzz_result("myl_consumer_release", rc, MYL_EEVICTED);
        check_result(world, "myl_consumer_release", rc);
    } else if (what == 8) {
        myl_consumer_rewind(world->consumer);
    } else {
        hostile_call(NULL, NULL);
        myl_consumer_close(world->consumer);
        world->consumer = NULL;
        world->parts.id_and_1 = world->parts.total = world->parts.got = 0;
    }
}

static void step(struct world *world, struct fuzz_input *input)
{
    unsigned what = fuzz_choose(input, 12);
    if (what < 4) {
        step_consumer(world, input);
    } else if (what < 9 && world->producer == NULL) {
        open_producer(world);
    } else if (what < 7) {
        publish(world, input);
    } else if (what < 8) {
        publish_wrong_frame(world, input);
    } else if (what < 9) {
        hostile_call(NULL, NULL);
        myl_producer_leave(world->producer);
        world->producer = NULL;
    } else if (what < 11) {
        hostile_change(input);
    } else {
        hostile_arm(input);
    }
}

/* Maps the ring as its producer has made it, for changes. */
static void aim(struct world *world, struct myl_header *head)
{
    char path[FUZZ_PATH];
    fuzz_path(path, NAME);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    fuzz_check(fd >= 0 && pread(fd, head, sizeof *head, 0) == (ssize_t)sizeof *head, "cannot read the ring");
    world->bytes = mmap(NULL, head->segment_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    fuzz_check(world->bytes != MAP_FAILED, "cannot map the ring");
    (void)close(fd);
    hostile_aim(world->bytes, head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct fuzz_input head = fuzz_record(&input);
    struct world world = {0};
    struct myl_header made;
    fuzz_begin();
    world.room = fuzz_choose(&head, 2) == 0 ? ROOM : fuzz_byte(&head);
    world.parts = (myl_reassembly){.data = malloc(2 * ROOM), .room = world.room};
    fuzz_check(world.parts.data != NULL, "no memory");
    memset(world.parts.data, GUARD, 2 * ROOM);
    open_producer(&world);
    open_consumer(&world);
    aim(&world, &made);
    for (unsigned i = 0; i < STEPS && input.left > 0; i++) {
        struct fuzz_input record = fuzz_record(&input);
        step(&world, &record);
    }
    hostile_call(NULL, NULL);
    myl_consumer_close(world.consumer);
    myl_producer_close(world.producer);
    hostile_aim(NULL, NULL);
    (void)munmap(world.bytes, made.segment_bytes);
    free(world.parts.data);
    fuzz_end();
    return 0;
}
