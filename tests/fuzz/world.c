/* SPDX-License-Identifier: MIT
 * The calls, and the checks of their results. With an unchanged segment: the right events in the right order. With a
 * changed one: a documented result, and no access outside the ring's own memory. */
#define _GNU_SOURCE
#include "fuzz/world.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "ring"
#define CORRUPT_CODES MYL_ENOTRING, MYL_EVERSION, MYL_EBYTEORDER, MYL_ETRUNCATED, MYL_ECORRUPT
#define MACHINE_CODES MYL_ENOSPACE, MYL_ENOMEM, MYL_ELIMIT, MYL_EUNSUPPORTED, MYL_ESYSTEM, MYL_EINVAL
#define ATTACH_CODES  MYL_ENOTFOUND, MYL_EBUSY, MYL_EEVENTSIZE, MYL_EALIGN, MYL_ETYPE, CORRUPT_CODES, MACHINE_CODES
#define WAIT_CODES    MYL_EAGAIN, MYL_ETIMEDOUT, MYL_EINTERRUPTED

/* --- the world ------------------------------------------------------------------------------------------------ */

int world_is_sound(const struct world *world)
{
    return !world->spoiled && !hostile_has_changed();
}

static void drop_lease(struct world *world)
{
    hostile_aim(NULL, NULL);
    if (world->bytes != NULL)
        (void)munmap(world->bytes, world->image->head.segment_bytes);
    world->bytes = NULL;
}

/* The name may refer to another object now: that one is changed from here on. */
static void follow(struct world *world)
{
    uint64_t bytes = world->image->head.segment_bytes;
    struct stat st;
    int fd = open(world->path, O_RDWR | O_CLOEXEC);
    drop_lease(world);
    if (fd < 0)
        return;
    void *mapped = MAP_FAILED;
    if (fstat(fd, &st) == 0 && (uint64_t)st.st_size >= bytes)
        mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (mapped == MAP_FAILED)
        return;
    world->bytes = mapped;
    hostile_aim(world->bytes, &world->image->head);
}

void world_begin(struct world *world, unsigned shape)
{
    memset(world, 0, sizeof *world);
    world->image = image_of(shape);
    fuzz_path(world->path, NAME);
    world->bytes = image_write(world->image, world->path);
    hostile_aim(world->bytes, &world->image->head);
}

void world_end(struct world *world)
{
    hostile_call(NULL, NULL);
    for (unsigned i = 0; i < WORLD_OBSERVERS; i++)
        myl_observer_close(world->observer[i]);
    for (unsigned i = 0; i < WORLD_CONSUMERS; i++)
        myl_consumer_close(world->reader[i].handle);
    for (unsigned i = 0; i < WORLD_PRODUCERS; i++)
        myl_producer_close(world->producer[i]);
    drop_lease(world);
}

/* --- answers -------------------------------------------------------------------------------------------------- */

/* Checks a result: a call never reports an intact ring as corrupt, and never refuses its participant. */
static void check_result(const struct world *world, const char *call, int rc)
{
    if (rc == MYL_OK || !world_is_sound(world))
        return;
    fuzz_check(myl_errclass(rc) != MYL_CLASS_CORRUPT && rc != MYL_EEVICTED && rc != MYL_ELOCKLOST,
               "%s returned %s for an intact ring", call, myl_errname(rc));
}

/* Reads the header of the object that the name refers to. */
static int read_header(const struct world *world, struct myl_header *head, uint64_t *object_bytes)
{
    struct stat st;
    int fd = open(world->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    int there = fstat(fd, &st) == 0 && pread(fd, head, sizeof *head, 0) == (ssize_t)sizeof *head;
    (void)close(fd);
    *object_bytes = (uint64_t)st.st_size;
    return there;
}

/* Checks the result of a call that opened the name: it must have validated the header. */
static void check_header(const struct world *world, const char *call, int rc)
{
    struct myl_header head;
    uint64_t object_bytes;
    check_result(world, call, rc);
    if (!read_header(world, &head, &object_bytes))
        return;
    int possible = image_is_possible(&head, object_bytes);
    fuzz_check(rc != MYL_OK || possible != 0, "%s accepts an impossible header", call);
    if (rc != MYL_OK && possible == 1 && myl_errclass(rc) == MYL_CLASS_CORRUPT)
        fuzz_check(rc == MYL_ECORRUPT && strstr(myl_error_detail(), "header") == NULL,
                   "%s refuses a valid header with %s", call, myl_errname(rc));
    if (rc == MYL_ECORRUPT && strstr(myl_error_detail(), "the header's") != NULL) {
        int named = 0;
        for (size_t at = 0; at + 4 <= sizeof head && !named; at += 4) {
            uint32_t half;
            uint64_t word = 0;
            memcpy(&half, (const char *)&head + at, 4);
            memcpy(&word, (const char *)&head + at, at + 8 <= sizeof head ? 8 : 4);
            named = fuzz_detail_has(half) || fuzz_detail_has(word);
        }
        fuzz_check(named, "%s refuses a header without naming the value", call);
    }
}

/* Checks memory that a result points to. */
static void check_events(const char *call, const void *event, uint64_t stride, uint64_t count, const myl_info *info,
                         int writable)
{
    fuzz_check(count >= 1 && count <= info->capacity, "%s gives %" PRIu64 " events of %" PRIu64, call, count,
               info->capacity);
    fuzz_check(hostile_holds(event, stride * (count - 1) + info->event_size, writable),
               "%s gives %" PRIu64 " events at %p, outside the ring", call, count, event);
    fuzz_check((uintptr_t)event % info->event_align == 0 && stride % info->event_align == 0,
               "%s gives an event at %p, not aligned to %" PRIu32, call, event, info->event_align);
}

static void check_content(const struct world *world, const char *call, const void *event, uint64_t sequence)
{
    if (world_is_sound(world))
        fuzz_check(image_is_event(event, world->image->head.event_bytes, sequence),
                   "%s gives wrong bytes for event %" PRIu64, call, sequence);
}

/* --- producers ------------------------------------------------------------------------------------------------ */

static void interrupt_producer(void *handle)
{
    myl_producer_interrupt(handle);
}

static void producer_info(const myl_producer *producer, myl_info *info)
{
    *info = (myl_info){.size = sizeof *info};
    int rc = myl_producer_info(producer, info);
    fuzz_check(rc == MYL_OK, "myl_producer_info returned %s", myl_errname(rc));
}

static void open_producer(struct world *world)
{
    struct fuzz_input *input = world->input;
    unsigned slot = fuzz_choose(input, WORLD_PRODUCERS);
    uint8_t how = fuzz_byte(input);
    if (world->producer[slot] != NULL)
        return;
    myl_producer_options options = {.size = sizeof options, .ring.existing = (enum myl_existing)(how & 3)};
    if (how & 4)
        options = world->image->options;
    options.ring.existing = (enum myl_existing)(how & 3);
    options.ring.backend = (how & 8) != 0 ? MYL_BACKEND_FILE : MYL_BACKEND_SHM;
    options.ring.on_death = (how & 16) != 0 ? MYL_DEATH_WAIT : MYL_DEATH_REPORT;
    options.ring.wait_consumers = (how & 32) != 0;
    options.ring.memory.prefault = (how & 64) != 0 && !world->spoiled ? MYL_REQUEST_PREFER : MYL_REQUEST_OFF;
    options.ring.any_owner = how >> 7;
    hostile_call(NULL, NULL);
    int rc = myl_producer_open(&world->producer[slot], (how & 8) != 0 ? world->path : NAME, &options);
    fuzz_result("myl_producer_open", rc, MYL_EPRODUCERALIVE, MYL_EEXISTS, MYL_EINUSE, MYL_ENOTDRAINED, MYL_ESHAPE,
                MYL_ECONSUMERDEAD, MYL_ESTARTUP, MYL_ELOCKLOST, MYL_EINTERRUPTED, ATTACH_CODES);
    fuzz_check((rc == MYL_OK) == (world->producer[slot] != NULL), "myl_producer_open: %s, handle %p", myl_errname(rc),
               (void *)world->producer[slot]);
    if (rc != MYL_OK)
        check_header(world, "myl_producer_open", rc);
    follow(world);
    if (rc == MYL_OK)
        check_header(world, "myl_producer_open", rc);
}

#define CLAIM_CODES                                                                                                    \
    WAIT_CODES, MYL_ECONSUMERDEAD, MYL_ELOCKLOST, MYL_ESUPERSEDED, MYL_ELEASED, MYL_ETOOBIG, MYL_ECORRUPT

static void claim(struct world *world, myl_producer *producer, int publish)
{
    void *event;
    myl_info info;
    int64_t timeout = fuzz_timeout(world->input);
    if (publish)
        myl_producer_abort(producer); /* so that the number of the next claim is known */
    hostile_call(interrupt_producer, producer);
    int rc = myl_producer_claim(producer, &event, timeout);
    fuzz_result("myl_producer_claim", rc, CLAIM_CODES);
    check_result(world, "myl_producer_claim", rc);
    if (rc != MYL_OK)
        return;
    producer_info(producer, &info);
    check_events("myl_producer_claim", event, info.event_align, 1, &info, 1);
    memset(event, 0xEE, info.event_size);
    if (publish) {
        image_write_event(event, info.event_size, (uint64_t)myl_producer_last_published(producer) + 1);
        myl_producer_publish(producer);
    }
}

/* All claims are filled before they are published, because each has its number. */
static void claim_spans(struct world *world, myl_producer *producer)
{
    struct fuzz_input *input = world->input;
    uint64_t wanted = fuzz_byte(input);
    int64_t timeout = fuzz_timeout(input);
    myl_info info;
    myl_span span;
    producer_info(producer, &info);
    if (wanted > 200)
        wanted = hostile_value(input, info.capacity);
    myl_producer_abort(producer);
    uint64_t next = (uint64_t)myl_producer_last_published(producer) + 1, end = next + wanted;
    for (unsigned runs = 0; next != end && runs < 3; runs++) {
        hostile_call(interrupt_producer, producer);
        int rc = myl_producer_claim_span(producer, end - next, &span, timeout);
        fuzz_result("myl_producer_claim_span", rc, CLAIM_CODES, MYL_EINVAL);
        check_result(world, "myl_producer_claim_span", rc);
        if (rc != MYL_OK)
            break;
        check_events("myl_producer_claim_span", span.event, span.stride, span.count, &info, 1);
        fuzz_check(span.sequence == next && span.count <= end - next,
                   "a span of %" PRIu64 " from %" PRIu64 " on, expected %" PRIu64, span.count, span.sequence, next);
        for (uint64_t i = 0; i < span.count; i++)
            image_write_event((char *)span.event + i * span.stride, info.event_size, span.sequence + i);
        next += span.count;
    }
    hostile_call(interrupt_producer, producer);
    myl_producer_publish(producer);
}

static void put(struct world *world, myl_producer *producer)
{
    unsigned char event[256];
    uint32_t size = world->image->head.event_bytes;
    size_t bytes = fuzz_choose(world->input, 8) == 0 ? fuzz_byte(world->input) : size;
    int64_t timeout = fuzz_timeout(world->input);
    myl_info info;
    producer_info(producer, &info);
    if (bytes > sizeof event || info.event_size > sizeof event)
        return;
    myl_producer_abort(producer);
    image_write_event(event, sizeof event, (uint64_t)myl_producer_last_published(producer) + 1);
    hostile_call(interrupt_producer, producer);
    int rc = myl_producer_put(producer, event, bytes, timeout);
    fuzz_result("myl_producer_put", rc, CLAIM_CODES, MYL_EEVENTSIZE);
    fuzz_check(bytes == info.event_size || rc == MYL_EEVENTSIZE, "myl_producer_put accepted %zu bytes", bytes);
    check_result(world, "myl_producer_put", rc);
}

static void query_producer(struct world *world, myl_producer *producer)
{
    struct fuzz_input *input = world->input;
    myl_sequence last = myl_producer_last_published(producer);
    myl_sequence sequence = (myl_sequence)hostile_value(input, (uint64_t)last);
    int64_t timeout = fuzz_timeout(input);
    myl_sequence gating = myl_producer_last_consumed(producer);
    fuzz_check(gating <= last, "event %" PRId64 " is consumed, %" PRId64 " was the last", gating, last);
    (void)myl_producer_is_consumed(producer, sequence);
    hostile_call(interrupt_producer, producer);
    int rc = myl_producer_wait_consumed(producer, sequence, timeout);
    fuzz_result("myl_producer_wait_consumed", rc, WAIT_CODES, MYL_EINVAL, MYL_ECONSUMERDEAD, MYL_ELOCKLOST,
                MYL_ESUPERSEDED, MYL_ECORRUPT);
    check_result(world, "myl_producer_wait_consumed", rc);
    fuzz_check(rc != MYL_OK || sequence <= last, "event %" PRId64 " of %" PRId64 " is consumed", sequence, last);
    hostile_call(interrupt_producer, producer);
    rc = myl_producer_wait_consumers(producer, (timeout & 1) != 0 ? "a" : NULL, fuzz_choose(input, 4), timeout);
    fuzz_result("myl_producer_wait_consumers", rc, WAIT_CODES, MYL_EINVAL, MYL_ECONSUMERDEAD, MYL_ELOCKLOST,
                MYL_ESUPERSEDED, MYL_ECORRUPT);
}

static void step_producer(struct world *world)
{
    unsigned slot = fuzz_choose(world->input, WORLD_PRODUCERS);
    myl_producer *producer = world->producer[slot];
    unsigned what = fuzz_choose(world->input, 10);
    if (producer == NULL) {
        open_producer(world);
        return;
    }
    switch (what) {
    case 0:
    case 1:
        claim(world, producer, 1);
        break;
    case 2:
        claim(world, producer, 0);
        break;
    case 3:
        claim_spans(world, producer);
        break;
    case 4:
        put(world, producer);
        break;
    case 5:
        myl_producer_abort(producer);
        break;
    case 6:
        query_producer(world, producer);
        break;
    case 7:
        myl_producer_interrupt(producer);
        break;
    case 8:
        hostile_call(NULL, NULL);
        myl_producer_leave(producer);
        world->producer[slot] = NULL;
        break;
    default:
        hostile_call(NULL, NULL);
        myl_producer_close(producer);
        world->producer[slot] = NULL;
        break;
    }
}

/* --- consumers ------------------------------------------------------------------------------------------------ */

static void interrupt_consumer(void *handle)
{
    myl_consumer_interrupt(handle);
}

static void consumer_info(const myl_consumer *consumer, myl_info *info)
{
    *info = (myl_info){.size = sizeof *info};
    int rc = myl_consumer_info(consumer, info);
    fuzz_check(rc == MYL_OK, "myl_consumer_info returned %s", myl_errname(rc));
}

static int id_is_valid(const char *id)
{
    size_t length = strnlen(id, MYL_ID_MAX + 1);
    if (strncmp(id, "auto+", 5) == 0) /* automatic: followed by a number */
        return length > 5 && length <= MYL_ID_MAX && strspn(id + 5, "0123456789") == length - 5;
    return length >= 1 && length <= MYL_ID_MAX &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == length;
}

static void open_consumer(struct world *world)
{
    static const char *const ids[] = {"a", "b", NULL, "c_0"};
    struct fuzz_input *input = world->input;
    struct world_reader *reader = &world->reader[fuzz_choose(input, WORLD_CONSUMERS)];
    uint8_t how = fuzz_byte(input);
    if (reader->handle != NULL)
        return;
    myl_consumer_options options = {.size = sizeof options, .ring = {.id = ids[how & 3], .on_death = (how & 4) != 0}};
    options.ring.prefix = ids[how & 3] == NULL && (how & 8) != 0 ? "a" : NULL;
    options.ring.start = (enum myl_start)((how >> 4) % 3);
    options.event_size = (how & 64) != 0 ? world->image->head.event_bytes : 0;
    options.ring.backend = (how & 128) != 0 ? MYL_BACKEND_FILE : MYL_BACKEND_SHM;
    hostile_call(NULL, NULL);
    int rc = myl_consumer_open(&reader->handle, (how & 128) != 0 ? world->path : NAME, &options);
    fuzz_result("myl_consumer_open", rc, MYL_EDUPLICATE, MYL_ETABLEFULL, MYL_ESUPERSEDED, ATTACH_CODES);
    fuzz_check((rc == MYL_OK) == (reader->handle != NULL), "myl_consumer_open: %s, handle %p", myl_errname(rc),
               (void *)reader->handle);
    check_header(world, "myl_consumer_open", rc);
    if (rc != MYL_OK)
        return;
    myl_joined joined = {.size = sizeof joined};
    rc = myl_consumer_joined(reader->handle, &joined);
    fuzz_check(rc == MYL_OK, "myl_consumer_joined returned %s", myl_errname(rc));
    fuzz_check(id_is_valid(joined.id), "joined as \"%.31s\"", joined.id);
    fuzz_check(options.ring.id == NULL || strcmp(options.ring.id, joined.id) == 0, "joined as \"%s\", expected \"%s\"",
               joined.id, options.ring.id);
    reader->next = reader->acknowledged = joined.start;
    reader->leased = 0;
}

static void record_lease(struct world_reader *reader, const void *event)
{
    if (reader->leased < WORLD_LEASES) {
        reader->lease[reader->leased] = event;
        reader->sequence[reader->leased] = reader->next;
    }
    reader->leased++;
    reader->next++;
}

#define NEXT_CODES                                                                                                     \
    WAIT_CODES, MYL_ECLOSED, MYL_EPRODUCERDEAD, MYL_EPRODUCERLEFT, MYL_ESUPERSEDED, MYL_EEVICTED, MYL_ELEASED, \
        MYL_ECORRUPT

static void next(struct world *world, struct world_reader *reader)
{
    const void *event;
    myl_info info;
    int64_t timeout = fuzz_timeout(world->input);
    hostile_call(interrupt_consumer, reader->handle);
    int rc = myl_consumer_next(reader->handle, &event, timeout);
    fuzz_result("myl_consumer_next", rc, NEXT_CODES);
    check_result(world, "myl_consumer_next", rc);
    if (rc != MYL_OK)
        return;
    consumer_info(reader->handle, &info);
    check_events("myl_consumer_next", event, info.event_align, 1, &info, 0);
    fuzz_check(myl_consumer_last_leased(reader->handle) == (myl_sequence)reader->next,
               "event %" PRId64 ", not %" PRIu64, myl_consumer_last_leased(reader->handle), reader->next);
    check_content(world, "myl_consumer_next", event, reader->next);
    record_lease(reader, event);
}

static void next_span(struct world *world, struct world_reader *reader)
{
    uint64_t most = fuzz_byte(world->input);
    int64_t timeout = fuzz_timeout(world->input);
    myl_info info;
    myl_span span;
    if (most > 200)
        most = hostile_value(world->input, 1);
    hostile_call(interrupt_consumer, reader->handle);
    int rc = myl_consumer_next_span(reader->handle, most, &span, timeout);
    fuzz_result("myl_consumer_next_span", rc, NEXT_CODES, MYL_EINVAL);
    fuzz_check(most > 0 || rc == MYL_EINVAL, "an empty span was given: %s", myl_errname(rc));
    check_result(world, "myl_consumer_next_span", rc);
    if (rc != MYL_OK)
        return;
    consumer_info(reader->handle, &info);
    check_events("myl_consumer_next_span", span.event, span.stride, span.count, &info, 0);
    fuzz_check(span.sequence == reader->next && span.count <= most,
               "a span of %" PRIu64 " from %" PRIu64 ", not %" PRIu64, span.count, span.sequence, reader->next);
    for (uint64_t i = 0; i < span.count; i++) {
        const char *event = (const char *)span.event + i * span.stride;
        check_content(world, "myl_consumer_next_span", event, reader->next);
        record_lease(reader, event);
    }
}

static void release(struct world *world, struct world_reader *reader)
{
    for (unsigned i = 0; i < reader->leased && i < WORLD_LEASES; i++)
        check_content(world, "an unreleased lease", reader->lease[i], reader->sequence[i]);
    hostile_call(interrupt_consumer, reader->handle);
    int rc = myl_consumer_release(reader->handle);
    fuzz_result("myl_consumer_release", rc, MYL_EEVICTED);
    check_result(world, "myl_consumer_release", rc);
    if (rc == MYL_OK) {
        reader->acknowledged = reader->next;
        reader->leased = 0;
    }
    fuzz_check(myl_consumer_last_acknowledged(reader->handle) == (myl_sequence)reader->acknowledged - 1,
               "%" PRId64 " is acknowledged, %" PRIu64 " events were", myl_consumer_last_acknowledged(reader->handle),
               reader->acknowledged);
}

static void get(struct world *world, struct world_reader *reader)
{
    unsigned char event[256];
    size_t bytes = world->image->head.event_bytes;
    int64_t timeout = fuzz_timeout(world->input);
    if (bytes > sizeof event)
        return;
    hostile_call(interrupt_consumer, reader->handle);
    int rc = myl_consumer_get(reader->handle, event, bytes, timeout);
    fuzz_result("myl_consumer_get", rc, NEXT_CODES, MYL_ENOTCLAIMED);
    check_result(world, "myl_consumer_get", rc);
    fuzz_check((rc == MYL_ENOTCLAIMED) == (reader->next != reader->acknowledged), "with %" PRIu64 " leased: %s",
               reader->next - reader->acknowledged, myl_errname(rc));
    if (rc == MYL_OK) {
        check_content(world, "myl_consumer_get", event, reader->next);
        reader->acknowledged = ++reader->next;
        return;
    }
    if (rc == MYL_EEVICTED) { /* read, and not acknowledged */
        myl_consumer_rewind(reader->handle);
        reader->next = reader->acknowledged;
        reader->leased = 0;
    }
}

/* Opens the ring by a descriptor, as it would come from another process. */
static void pass_descriptor(struct world *world, struct world_reader *reader)
{
    int fd;
    myl_consumer *other = NULL;
    int rc = myl_consumer_fd(reader->handle, &fd);
    fuzz_result("myl_consumer_fd", rc, MACHINE_CODES);
    if (rc != MYL_OK)
        return;
    myl_consumer_options options = {.size = sizeof options,
                                    .ring = {.backend = MYL_BACKEND_MEMFD, .fd = fd, .id = "handed"}};
    hostile_call(NULL, NULL);
    rc = myl_consumer_open(&other, NULL, &options);
    fuzz_result("myl_consumer_open", rc, MYL_EDUPLICATE, MYL_ETABLEFULL, MYL_ESUPERSEDED, ATTACH_CODES);
    check_result(world, "myl_consumer_open", rc);
    myl_consumer_close(other);
    (void)close(fd);
}

static void step_consumer(struct world *world)
{
    struct world_reader *reader = &world->reader[fuzz_choose(world->input, WORLD_CONSUMERS)];
    unsigned what = fuzz_choose(world->input, 11);
    if (reader->handle == NULL) {
        open_consumer(world);
        return;
    }
    switch (what) {
    case 0:
    case 1:
    case 2:
        next(world, reader);
        break;
    case 3:
    case 4:
        next_span(world, reader);
        break;
    case 5:
    case 6:
        release(world, reader);
        break;
    case 7:
        myl_consumer_rewind(reader->handle);
        reader->next = reader->acknowledged;
        reader->leased = 0;
        break;
    case 8:
        get(world, reader);
        break;
    case 9:
        (void)myl_consumer_end_of_batch(reader->handle);
        (void)myl_consumer_available(reader->handle);
        myl_consumer_interrupt(reader->handle);
        pass_descriptor(world, reader);
        break;
    default:
        hostile_call(NULL, NULL);
        myl_consumer_close(reader->handle);
        reader->handle = NULL;
        break;
    }
}

/* --- observers, and queries from outside ---------------------------------------------------------------------- */

static void interrupt_observer(void *handle)
{
    myl_observer_interrupt(handle);
}

static void observe(struct world *world, myl_observer *observer)
{
    unsigned char event[256];
    uint64_t lost = 99;
    myl_sequence before = myl_observer_last_read(observer);
    uint32_t size = world->image->head.event_bytes;
    hostile_call(interrupt_observer, observer);
    int rc =
        myl_observer_get(observer, event, size < sizeof event ? size : sizeof event, &lost, fuzz_timeout(world->input));
    fuzz_result("myl_observer_get", rc, WAIT_CODES, MYL_ECLOSED, MYL_EPRODUCERDEAD, MYL_EPRODUCERLEFT, MYL_ESUPERSEDED,
                MYL_ECORRUPT);
    check_result(world, "myl_observer_get", rc);
    myl_sequence after = myl_observer_last_read(observer);
    fuzz_check(rc == MYL_OK || lost == 0, "%" PRIu64 " lost, and %s", lost, myl_errname(rc));
    fuzz_check((uint64_t)after == (uint64_t)before + lost + (rc == MYL_OK),
               "from event %" PRId64 " to %" PRId64 " with %" PRIu64 " lost", before, after, lost);
    if (rc == MYL_OK && size <= sizeof event)
        check_content(world, "myl_observer_get", event, (uint64_t)after);
}

static void step_observer(struct world *world)
{
    myl_observer **observer = &world->observer[fuzz_choose(world->input, WORLD_OBSERVERS)];
    unsigned what = fuzz_choose(world->input, 8);
    if (*observer != NULL && what == 0) {
        hostile_call(NULL, NULL);
        myl_observer_close(*observer);
        *observer = NULL;
    } else if (*observer != NULL) {
        observe(world, *observer);
    } else {
        myl_consumer_options options = {.size = sizeof options, .ring.start = (enum myl_start)(what % 3)};
        hostile_call(NULL, NULL);
        int rc = myl_observer_open(observer, NAME, &options);
        fuzz_result("myl_observer_open", rc, MYL_ESUPERSEDED, ATTACH_CODES);
        check_header(world, "myl_observer_open", rc);
    }
}

static void check_from_outside(struct world *world)
{
    myl_snapshot *snapshot;
    hostile_call(NULL, NULL);
    int rc = myl_snapshot_take(NAME, MYL_BACKEND_SHM, &snapshot);
    fuzz_result("myl_snapshot_take", rc, ATTACH_CODES);
    check_header(world, "myl_snapshot_take", rc);
    if (rc != MYL_OK)
        return;
    fuzz_check(snapshot->consumers <= snapshot->info.max_consumers && snapshot->live_consumers <= snapshot->consumers,
               "%" PRIu32 " consumers, %" PRIu32 " alive, of %" PRIu32, snapshot->consumers, snapshot->live_consumers,
               snapshot->info.max_consumers);
    for (uint32_t i = 0; i < snapshot->consumers; i++) {
        const myl_consumer_status *status = &snapshot->entry[i];
        fuzz_check(memchr(status->id, '\0', sizeof status->id) != NULL, "an id without a terminating NUL");
        fuzz_check(status->lag <= snapshot->next, "lag of %" PRIu64 " of %" PRIu64 " events", status->lag,
                   snapshot->next);
        fuzz_check(status->state > MYL_PARTICIPANT_FREE && status->state <= MYL_PARTICIPANT_LEFT, "state %d",
                   (int)status->state);
    }
    myl_snapshot_free(snapshot);
}

static int count_name(const char *name, void *count)
{
    fuzz_check(name[0] != '\0', "an empty name in the list");
    ++*(unsigned *)count;
    return 0;
}

static void step_outside(struct world *world)
{
    unsigned what = fuzz_choose(world->input, 6);
    unsigned listed = 0;
    int rc;
    hostile_call(NULL, NULL);
    switch (what) {
    case 0:
        rc = myl_list(count_name, &listed);
        fuzz_check(rc == 0 && listed <= 1, "myl_list: %d, %u rings", rc, listed);
        break;
    case 1:
    case 2:
        rc = myl_evict(NAME, MYL_BACKEND_SHM, what == 1 ? "a" : "b");
        fuzz_result("myl_evict", rc, MYL_EINUSE, ATTACH_CODES);
        check_header(world, "myl_evict", rc);
        break;
    case 3:
        rc = myl_remove(NAME, MYL_BACKEND_SHM, fuzz_choose(world->input, 2) != 0);
        fuzz_result("myl_remove", rc, MYL_EINUSE, ATTACH_CODES);
        check_header(world, "myl_remove", rc);
        break;
    default:
        check_from_outside(world);
        break;
    }
}

void world_open_producer(struct world *world, struct fuzz_input *record)
{
    world->input = record;
    open_producer(world);
}

void world_open_consumer(struct world *world, struct fuzz_input *record)
{
    world->input = record;
    open_consumer(world);
}

void world_step(struct world *world, struct fuzz_input *record)
{
    world->input = record;
    unsigned what = fuzz_choose(world->input, 12);
    if (what < 4)
        step_consumer(world);
    else if (what < 7)
        step_producer(world);
    else if (what < 9)
        step_observer(world);
    else if (what == 9)
        step_outside(world);
    else if (what == 10)
        hostile_change(world->input);
    else
        hostile_arm(world->input);
}
