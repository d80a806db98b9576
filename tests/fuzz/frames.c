/* SPDX-License-Identifier: MIT
 * Fuzz target: messages of any size, while another process changes words of records, cells, entries and the control
 * area. The input: an image, then calls and changes, one record each. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fuzz/hostile.h"
#include "fuzz/image.h"

#define NAME      "frames"
#define STEPS     50
#define CONSUMERS 2
#define MOST      ((uint32_t)200 << 10) /* longest message; the ring has 64 KiB */
#define SHAPES    4

struct world {
    unsigned char *bytes;        /* the target's own mapping */
    const struct image *image;
    myl_frame_producer *producer;
    myl_frame_consumer *consumer[CONSUMERS];
    myl_frame_observer *observer;
};

static unsigned char buffer[MOST];

/* --- messages ------------------------------------------------------------------------------------------------- */

static unsigned char byte_of(uint64_t at, uint64_t length, uint32_t kind)
{
    return (unsigned char)(at * 7 + (at >> 8) + length * 3 + kind);
}

static void fill(void *to, uint64_t length, uint8_t kind)
{
    for (uint64_t i = 0; i < length; i++)
        ((unsigned char *)to)[i] = byte_of(i, length, kind);
}

/* Reads every byte of the message. */
static void check_message(const char *call, const myl_message *message, int in_place)
{
    const unsigned char *data = message->data;
    unsigned wrong = 0;
    fuzz_check(data != NULL && message->length <= MOST && message->kind <= 255 && message->fragments >= 1,
               "%s gives %" PRIu64 " bytes at %p in %" PRIu32 " fragments", call, message->length, message->data,
               message->fragments);
    if (in_place && message->fragments == 1)
        fuzz_check(hostile_holds(data, message->length > 0 ? message->length : 1, 0) && (uintptr_t)data % 16 == 0,
                   "%s gives %" PRIu64 " bytes at %p, outside the ring", call, message->length, message->data);
    (void)myl_message_latency(message);
    for (uint64_t i = 0; i < message->length; i++)
        wrong += data[i] != byte_of(i, message->length, message->kind);
    fuzz_check(wrong == 0 || hostile_has_changed(), "%s gives %u wrong bytes of %" PRIu64, call, wrong,
               message->length);
}

static void check_result(const char *call, int rc)
{
    if (rc != MYL_OK && !hostile_has_changed())
        fuzz_check(myl_errclass(rc) != MYL_CLASS_CORRUPT && rc != MYL_EEVICTED && rc != MYL_ELOCKLOST,
                   "%s returned %s for an intact ring", call, myl_errname(rc));
}

/* --- images --------------------------------------------------------------------------------------------------- */

static void expect_ok(const char *what, int rc)
{
    fuzz_check(rc == MYL_OK, "making an image: %s returned %s", what, myl_errname(rc));
}

/* Limits of every ring of this target, also of one that a producer creates because a change made the old one look
 * ended. */
static myl_frame_producer_options limits(void)
{
    return (myl_frame_producer_options){.size = sizeof(myl_frame_producer_options),
                                        .config = {.ring_bytes = 65536, .max_frame = 256, .max_message = MOST}};
}

/* Makes a ring with messages of every kind, near the ring's end for odd shapes. Consumer "a" has not read the last ones
 * and is dead. */
static void make_image(struct image *image, unsigned shape)
{
    static const uint32_t lengths[] = {0, 5, 48, 49, 200, 300, 1000, 0, 32, 256};
    myl_frame_producer *producer;
    myl_frame_consumer *consumer;
    char path[FUZZ_PATH];
    myl_message message;
    myl_frame_producer_options options = limits();
    options.config.numbers = (enum myl_frame_numbers)(shape % 4);
    options.config.max_consumers = 3;
    expect_ok("myl_frame_producer_open", myl_frame_producer_open(&producer, NAME, &options));
    myl_frame_consumer_options reader = {.size = sizeof reader, .ring.id = "a"};
    expect_ok("myl_frame_consumer_open", myl_frame_consumer_open(&consumer, NAME, &reader));
    for (unsigned i = 0; shape % 2 == 1 && i < 200; i++) {
        fill(buffer, 250, 1);
        expect_ok("publish", myl_frame_producer_publish(producer, buffer, 250, 1, MYL_TRY));
        expect_ok("next", myl_frame_consumer_next(consumer, &message, MYL_TRY));
        expect_ok("release", myl_frame_consumer_release(consumer));
    }
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        fill(buffer, lengths[i], (uint8_t)i);
        expect_ok("publish", myl_frame_producer_publish(producer, buffer, lengths[i], (uint8_t)i, MYL_TRY));
    }
    for (unsigned i = 0; i < 3; i++)
        expect_ok("next", myl_frame_consumer_next(consumer, &message, MYL_TRY));
    expect_ok("release", myl_frame_consumer_release(consumer));
    fuzz_path(path, NAME);
    image_read(image, path);
    myl_frame_producer_close(producer);
    myl_frame_consumer_close(consumer);
    fuzz_empty_directory();
}

static const struct image *image_number(unsigned shape)
{
    static struct image images[SHAPES];
    if (images[shape].bytes == NULL)
        make_image(&images[shape], shape);
    return &images[shape];
}

/* --- producer ------------------------------------------------------------------------------------------------- */

#define WAIT_CODES MYL_EAGAIN, MYL_ETIMEDOUT, MYL_EINTERRUPTED
#define OPEN_CODES                                                                                                     \
    MYL_ENOTFOUND, MYL_EBUSY, MYL_ESUPERSEDED, MYL_ECORRUPT, MYL_ENOMEM, MYL_EINVAL, MYL_ESHAPE, MYL_ETYPE, \
        MYL_ENOTDRAINED
#define WRITE_CODES                                                                                                    \
    WAIT_CODES, MYL_ECONSUMERDEAD, MYL_ELOCKLOST, MYL_ESUPERSEDED, MYL_ELEASED, MYL_ETOOBIG, MYL_ECORRUPT

static void interrupt_producer(void *handle)
{
    myl_frame_producer_interrupt(handle);
}

static void build(struct world *world, struct fuzz_input *input)
{
    size_t most = fuzz_byte(input) * (size_t)2, used = fuzz_byte(input) * (size_t)2;
    uint8_t kind = fuzz_byte(input);
    int64_t timeout = fuzz_timeout(input);
    void *data;
    hostile_call(interrupt_producer, world->producer);
    int rc = myl_frame_producer_claim(world->producer, most, &data, timeout);
    fuzz_result("myl_frame_producer_claim", rc, WRITE_CODES);
    check_result("myl_frame_producer_claim", rc);
    if (rc != MYL_OK)
        return;
    fuzz_check(hostile_holds(data, most > 0 ? most : 1, 1), "%zu bytes are claimed at %p, outside the ring", most,
               data);
    fill(data, used < most ? used : most, kind);
    memset((char *)data + (used < most ? used : most), 0xEE, most - (used < most ? used : most));
    if (fuzz_choose(input, 8) == 1) {
        myl_frame_producer_abort(world->producer);
        return;
    }
    hostile_call(interrupt_producer, world->producer);
    rc = myl_frame_producer_commit(world->producer, used, kind);
    fuzz_result("myl_frame_producer_commit", rc, MYL_ETOOBIG);
    fuzz_check((rc == MYL_OK) == (used <= most), "%zu of %zu bytes: %s", used, most, myl_errname(rc));
    if (rc != MYL_OK)
        myl_frame_producer_abort(world->producer);
}

static void publish(struct world *world, struct fuzz_input *input)
{
    static const uint32_t lengths[] = {0,   1,   16,   32,   33,    48,    49,   64,
                                       256, 257, 1000, 5000, 60000, 70000, MOST, MOST + 1};
    uint32_t length = lengths[fuzz_choose(input, sizeof lengths / sizeof lengths[0])];
    uint8_t kind = fuzz_byte(input);
    int64_t timeout = fuzz_timeout(input);
    uint32_t there = length < MOST ? length : MOST, cut = there / 3;
    fill(buffer, there, kind);
    const struct iovec pieces[] = {{buffer, cut}, {NULL, 0}, {buffer + cut, length - cut}};
    hostile_call(interrupt_producer, world->producer);
    int rc = fuzz_choose(input, 2) == 0 ? myl_frame_producer_publish(world->producer, buffer, length, kind, timeout)
                                        : myl_frame_producer_publishv(world->producer, pieces, 3, kind, timeout);
    fuzz_result("myl_frame_producer_publish", rc, WRITE_CODES);
    check_result("myl_frame_producer_publish", rc);
    fuzz_check(length <= MOST || rc == MYL_ETOOBIG, "%" PRIu32 " bytes: %s", length, myl_errname(rc));
}

static void open_producer(struct world *world)
{
    myl_frame_producer_options options = limits();
    hostile_call(NULL, NULL);
    int rc = myl_frame_producer_open(&world->producer, NAME, &options);
    fuzz_result("myl_frame_producer_open", rc, OPEN_CODES);
    check_result("myl_frame_producer_open", rc);
}

static void step_producer(struct world *world, struct fuzz_input *input)
{
    unsigned what = fuzz_choose(input, 8);
    if (world->producer == NULL) {
        open_producer(world);
    } else if (what < 3) {
        build(world, input);
    } else if (what < 6) {
        publish(world, input);
    } else if (what == 6) {
        hostile_call(NULL, NULL);
        myl_frame_producer_leave(world->producer);
        world->producer = NULL;
    } else {
        hostile_call(interrupt_producer, world->producer);
        int rc = myl_frame_producer_wait_consumed(world->producer, fuzz_timeout(input));
        fuzz_result("myl_frame_producer_wait_consumed", rc, WRITE_CODES);
        check_result("myl_frame_producer_wait_consumed", rc);
        myl_frame_producer_interrupt(world->producer);
    }
}

/* --- readers -------------------------------------------------------------------------------------------------- */

#define READ_CODES                                                                                                     \
    WAIT_CODES, MYL_EABORTED, MYL_ETOOBIG, MYL_ECLOSED, MYL_EPRODUCERDEAD, MYL_EPRODUCERLEFT, MYL_ESUPERSEDED,         \
        MYL_EEVICTED, MYL_ELEASED, MYL_ECORRUPT

static void interrupt_consumer(void *handle)
{
    myl_frame_consumer_interrupt(handle);
}

static void open_consumer(struct world *world, unsigned slot, unsigned what)
{
    myl_frame_consumer_options options = {.size = sizeof options, .ring.id = slot == 0 ? "a" : "b"};
    options.ring.start = (enum myl_start)(what % 3);
    options.max_message = what == 7 ? 600 : 0;
    hostile_call(NULL, NULL);
    int rc = myl_frame_consumer_open(&world->consumer[slot], NAME, &options);
    fuzz_result("myl_frame_consumer_open", rc, MYL_EDUPLICATE, MYL_ETABLEFULL, OPEN_CODES);
    check_result("myl_frame_consumer_open", rc);
}

static int handle_message(const myl_message *message, void *left)
{
    check_message("myl_frame_consumer_drain", message, 1);
    return --*(unsigned *)left == 0;
}

static void next(myl_frame_consumer *consumer, struct fuzz_input *input)
{
    myl_message message;
    hostile_call(interrupt_consumer, consumer);
    int rc = myl_frame_consumer_next(consumer, &message, fuzz_timeout(input));
    fuzz_result("myl_frame_consumer_next", rc, READ_CODES);
    check_result("myl_frame_consumer_next", rc);
    if (rc == MYL_OK)
        check_message("myl_frame_consumer_next", &message, 1);
}

/* Describes the next message and possibly copies it. */
static void describe(myl_frame_consumer *consumer, struct fuzz_input *input)
{
    myl_message message;
    hostile_call(interrupt_consumer, consumer);
    int rc = myl_frame_consumer_peek(consumer, &message, fuzz_timeout(input));
    fuzz_result("myl_frame_consumer_peek", rc, READ_CODES);
    check_result("myl_frame_consumer_peek", rc);
    fuzz_check(rc != MYL_OK || (message.data == NULL && message.length <= MOST),
               "%" PRIu64 " bytes at %p are described", message.length, message.data);
}

static void copy_out(myl_frame_consumer *consumer, struct fuzz_input *input)
{
    size_t bytes = fuzz_choose(input, 3) == 0 ? fuzz_byte(input) : sizeof buffer;
    /* a block of its own, so that a sanitizer detects a byte too many */
    unsigned char *to = malloc(bytes > 0 ? bytes : 1);
    myl_message message;
    hostile_call(interrupt_consumer, consumer);
    int rc = myl_frame_consumer_get(consumer, to, bytes, &message, fuzz_timeout(input));
    fuzz_result("myl_frame_consumer_get", rc, READ_CODES, MYL_EBUFFER, MYL_ENOTCLAIMED);
    check_result("myl_frame_consumer_get", rc);
    fuzz_check(rc != MYL_EBUFFER || message.length > bytes, "%" PRIu64 " bytes do not fit %zu", message.length, bytes);
    if (rc == MYL_OK)
        check_message("myl_frame_consumer_get", &message, 0);
    free(to);
}

static void step_consumer(struct world *world, struct fuzz_input *input)
{
    unsigned slot = fuzz_choose(input, CONSUMERS), what = fuzz_choose(input, 10), left = 1 + what;
    myl_frame_consumer *consumer = world->consumer[slot];
    uint64_t handled;
    int rc = MYL_OK;
    if (consumer == NULL) {
        open_consumer(world, slot, what);
        return;
    }
    hostile_call(interrupt_consumer, consumer);
    switch (what) {
    case 5:
    case 6:
        rc = myl_frame_consumer_release(consumer);
        fuzz_result("myl_frame_consumer_release", rc, MYL_EEVICTED);
        check_result("myl_frame_consumer_release", rc);
        break;
    case 7:
        if (fuzz_choose(input, 3) == 0)
            describe(consumer, input);
        copy_out(consumer, input);
        break;
    case 8:
        rc = myl_frame_consumer_drain(consumer, fuzz_choose(input, 9), handle_message, &left, &handled,
                                      fuzz_timeout(input));
        fuzz_result("myl_frame_consumer_drain", rc, READ_CODES, MYL_EHANDLER, MYL_ENOTCLAIMED);
        check_result("myl_frame_consumer_drain", rc);
        break;
    case 9:
        if (fuzz_choose(input, 2) == 0) {
            myl_frame_consumer_rewind(consumer);
        } else {
            hostile_call(NULL, NULL);
            myl_frame_consumer_close(consumer);
            world->consumer[slot] = NULL;
        }
        break;
    default:
        next(consumer, input);
        break;
    }
}

static void interrupt_observer(void *handle)
{
    myl_frame_observer_interrupt(handle);
}

static void step_observer(struct world *world, struct fuzz_input *input)
{
    unsigned what = fuzz_choose(input, 8);
    if (world->observer == NULL) {
        myl_frame_consumer_options options = {.size = sizeof options, .ring.start = (enum myl_start)(what % 3)};
        hostile_call(NULL, NULL);
        int rc = myl_frame_observer_open(&world->observer, NAME, &options);
        fuzz_result("myl_frame_observer_open", rc, OPEN_CODES);
        check_result("myl_frame_observer_open", rc);
        return;
    }
    size_t bytes = what == 0 ? fuzz_byte(input) : sizeof buffer;
    unsigned char *to = malloc(bytes > 0 ? bytes : 1);
    myl_message message;
    myl_frame_lost lost;
    hostile_call(interrupt_observer, world->observer);
    int rc = myl_frame_observer_get(world->observer, to, bytes, &message, &lost, fuzz_timeout(input));
    fuzz_result("myl_frame_observer_get", rc, READ_CODES, MYL_EBUFFER);
    check_result("myl_frame_observer_get", rc);
    fuzz_check(rc == MYL_OK || (lost.bytes == 0 && lost.messages == 0), "%" PRIu64 " bytes lost, and %s", lost.bytes,
               myl_errname(rc));
    if (rc == MYL_OK)
        check_message("myl_frame_observer_get", &message, 0);
    free(to);
    if (what == 7) {
        hostile_call(NULL, NULL);
        myl_frame_observer_close(world->observer);
        world->observer = NULL;
    }
}

static void step(struct world *world, struct fuzz_input *input)
{
    unsigned what = fuzz_choose(input, 12);
    if (what < 4)
        step_consumer(world, input);
    else if (what < 7)
        step_producer(world, input);
    else if (what < 9)
        step_observer(world, input);
    else if (what < 11)
        hostile_change(input);
    else
        hostile_arm(input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct fuzz_input head = fuzz_record(&input);
    struct world world = {0};
    char path[FUZZ_PATH];
    fuzz_begin();
    world.image = image_number(fuzz_choose(&head, SHAPES));
    fuzz_path(path, NAME);
    world.bytes = image_write(world.image, path);
    hostile_aim(world.bytes, &world.image->head);
    open_producer(&world);
    open_consumer(&world, 0, fuzz_byte(&head));
    for (unsigned i = 0; i < STEPS && input.left > 0; i++) {
        struct fuzz_input record = fuzz_record(&input);
        step(&world, &record);
    }
    hostile_call(NULL, NULL);
    myl_frame_observer_close(world.observer);
    for (unsigned i = 0; i < CONSUMERS; i++)
        myl_frame_consumer_close(world.consumer[i]);
    myl_frame_producer_close(world.producer);
    hostile_aim(NULL, NULL);
    (void)munmap(world.bytes, world.image->head.segment_bytes);
    fuzz_end();
    return 0;
}
