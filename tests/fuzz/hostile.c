/* SPDX-License-Identifier: MIT
 * Changes words while the library runs; replaces its clock and its mappings. The linker redirects the library's X to
 * __wrap_X (--wrap). */
#define _GNU_SOURCE
#include "fuzz/hostile.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/os.h"
#include "segment/layout.h"

#define ARMED_MAX 16
#define SEEN_MAX 256
#define AT_SECOND_LOAD 255 /* special gap: before a word is loaded for the second time in a call */
#define MAPS_MAX 64
#define GUARD ((uint64_t)1 << 20)
#define LOADS_MAX UINT64_C(60000000) /* in one input: far more than any call needs */
#define CHECKS_MAX 1000000U /* clock queries of one call */
#define LONG_NS MYL_SEC(10)
#define OBJECT_MOST ((uint64_t)4 << 20)

/* --- changes -------------------------------------------------------------------------------------------------- */

struct change {
    uint64_t gap; /* number of loads before it */
    uint8_t where, index, field;
    uint64_t operand;
    uint8_t how;
};

static struct {
    unsigned char *base;
    struct myl_header head;
    struct change armed[ARMED_MAX];
    unsigned first, count;
    int changed;
    uint64_t loads;
    struct change again;       /* `index`: number of second loads before it */
    int waits_for_second;
    const void *seen[SEEN_MAX]; /* words that this call has already loaded */
    unsigned seen_count;
} side;

void hostile_aim(unsigned char *base, const struct myl_header *head)
{
    side.base = base;
    if (base != NULL)
        side.head = *head;
    side.count = 0;
    side.waits_for_second = 0;
}

int hostile_has_changed(void)
{
    return side.changed;
}

static uint64_t evaluate(uint8_t how, uint64_t operand, uint64_t now)
{
    static const uint64_t limits[] = {
        0,          1,  2,    3,     UINT32_MAX, (uint64_t)UINT32_MAX + 1, INT64_MAX, (uint64_t)INT64_MAX + 1,
        UINT64_MAX, 64, 4096, 65536,
    };
    const uint64_t of_ring[] = {side.head.capacity, side.head.cells, side.head.segment_bytes, side.head.data_offset};
    int64_t near = (int8_t)operand;
    switch (how % 8) {
    case 0:
        return operand & 0xff;
    case 1:
        return now + (uint64_t)near;
    case 2:
        return limits[(operand >> 8) % (sizeof limits / sizeof limits[0])] + (uint64_t)near;
    case 3:
        return of_ring[(operand >> 8) % 4] + (uint64_t)near;
    case 4:
        return now ^ UINT64_C(1) << (operand % 64);
    case 5:
        return now + side.head.capacity * (uint64_t)near;
    default:
        return operand;
    }
}

static unsigned operand_bytes(uint8_t how)
{
    how %= 8;
    return how >= 6 ? 8 : how == 2 || how == 3 ? 2 : 1;
}

uint64_t hostile_value(struct fuzz_input *input, uint64_t now)
{
    uint8_t how = fuzz_byte(input);
    return evaluate(how, fuzz_take(input, operand_bytes(how)), now);
}

/* Offsets into the control area of words that the protocols depend on. */
static const uint16_t words[] = {
    offsetof(struct myl_control, next),
    offsetof(struct myl_control, gate),
    offsetof(struct myl_control, version),
    offsetof(struct myl_control, closed),
    offsetof(struct myl_control, room) + offsetof(struct myl_park_word, need),
};
static const uint16_t halves[] = {
    offsetof(struct myl_control, superseded),
    offsetof(struct myl_control, epoch),
    sizeof(struct myl_control) + offsetof(struct myl_participant, state), /* of the producer */
    offsetof(struct myl_control, entries_used),
    offsetof(struct myl_control, data),
    offsetof(struct myl_control, room),
};
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The bytes that a change affects, and their number: 8, 4 or 1. */
static unsigned char *place(const struct change *change, unsigned *bytes)
{
    unsigned char *control = side.base + side.head.control_offset;
    unsigned char *entry =
        control + sizeof(struct myl_control) +
        (side.head.max_producers + change->index % side.head.max_consumers) * sizeof(struct myl_participant);
    *bytes = 8;
    switch (change->where % 8) {
    case 0:
        return control + words[change->field % COUNT_OF(words)];
    case 1:
        *bytes = 4;
        return control + halves[change->field % COUNT_OF(halves)];
    case 2:
        return entry + offsetof(struct myl_participant, cursor);
    case 3:
        *bytes = 4;
        return entry + offsetof(struct myl_participant, state) + change->field % 2 * 4;
    case 4:
        *bytes = 1;
        return entry + (128 + change->field) % sizeof(struct myl_participant);
    case 5:
        return side.base + side.head.data_offset + change->index % side.head.cells * side.head.cell_bytes;
    case 6: /* the bytes after the stamp */
        return side.base + side.head.data_offset + change->index % side.head.cells * side.head.cell_bytes +
               change->field % 8U * 8U;
    default:
        *bytes = 1;
        return side.base + side.head.data_offset +
               (change->index * UINT64_C(256) + change->field) % side.head.data_bytes;
    }
}

static void make(const struct change *change)
{
    unsigned bytes;
    unsigned char *at = place(change, &bytes);
    uint64_t now = 0;
    memcpy(&now, at, bytes);
    uint64_t then = evaluate(change->how, change->operand, now);
    memcpy(at, &then, bytes);
    side.changed = 1;
}

static struct change read_change(struct fuzz_input *input)
{
    struct change change = {.where = fuzz_byte(input), .index = fuzz_byte(input), .field = fuzz_byte(input)};
    change.how = fuzz_byte(input);
    change.operand = fuzz_take(input, operand_bytes(change.how));
    return change;
}

void hostile_change(struct fuzz_input *input)
{
    struct change change = read_change(input);
    if (side.base != NULL)
        make(&change);
}

void hostile_arm(struct fuzz_input *input)
{
    uint64_t gap = fuzz_byte(input);
    struct change change = read_change(input);
    if (gap == AT_SECOND_LOAD) {
        side.again = change;
        side.again.index %= 8;
        side.waits_for_second = side.base != NULL;
        side.seen_count = 0;
        return;
    }
    if (side.base == NULL || side.count == ARMED_MAX)
        return;
    change.gap = gap;
    side.armed[(side.first + side.count++) % ARMED_MAX] = change;
}

/* --- the library's loads and stores --------------------------------------------------------------------------- */

static void before_load(void)
{
    if (++side.loads > LOADS_MAX)
        fuzz_die("endless loop: %" PRIu64 " loads of shared words in one input", side.loads);
    if (side.count == 0 || side.armed[side.first].gap-- > 0)
        return;
    make(&side.armed[side.first]);
    side.first = (side.first + 1) % ARMED_MAX;
    side.count--;
}

static unsigned char *same_word(const void *word, unsigned bytes);

/* A word that was validated at its first load must not be used unvalidated after its second. */
static void before_second_load(const void *word, unsigned bytes)
{
    unsigned char *at = side.waits_for_second ? same_word(word, bytes) : NULL;
    unsigned i = 0;
    if (at == NULL)
        return;
    while (i < side.seen_count && side.seen[i] != word)
        i++;
    if (i == side.seen_count) {
        if (side.seen_count < SEEN_MAX)
            side.seen[side.seen_count++] = word;
        return;
    }
    if (side.again.index-- > 0)
        return;
    uint64_t now = 0;
    memcpy(&now, at, bytes);
    uint64_t then = evaluate(side.again.how, side.again.operand, now);
    memcpy(at, &then, bytes);
    side.changed = 1;
    side.waits_for_second = 0;
}

uint64_t myl_sim_load(const void *word, unsigned bytes, enum myl_sim_order order)
{
    (void)order;
    before_load();
    before_second_load(word, bytes);
    return bytes == 8 ? __atomic_load_n((const uint64_t *)word, __ATOMIC_SEQ_CST)
                      : __atomic_load_n((const uint32_t *)word, __ATOMIC_SEQ_CST);
}

void myl_sim_store(void *word, unsigned bytes, uint64_t value, enum myl_sim_order order)
{
    (void)order;
    if (bytes == 8)
        __atomic_store_n((uint64_t *)word, value, __ATOMIC_SEQ_CST);
    else
        __atomic_store_n((uint32_t *)word, (uint32_t)value, __ATOMIC_SEQ_CST);
}

uint64_t myl_sim_add(void *word, unsigned bytes, uint64_t value, enum myl_sim_order order)
{
    uint64_t before = myl_sim_load(word, bytes, order);
    myl_sim_store(word, bytes, before + value, order);
    return before;
}

int myl_sim_cas(void *word, unsigned bytes, uint64_t *expected, uint64_t desired, enum myl_sim_order order)
{
    uint64_t before = myl_sim_load(word, bytes, order);
    if (before != *expected) {
        *expected = before;
        return 0;
    }
    myl_sim_store(word, bytes, desired, order);
    return 1;
}

void myl_sim_fence(enum myl_sim_order order)
{
    (void)order;
    before_load();
}

void myl_test_step(const char *step)
{
    (void)step;
}

/* --- time ----------------------------------------------------------------------------------------------------- */

static struct {
    int64_t now;
    int64_t call_began;
    unsigned checks;
    void (*interrupt)(void *handle);
    void *handle;
    int refuse;
} os;

void hostile_refuse(int refuse)
{
    os.refuse = refuse;
}

void hostile_call(void (*interrupt)(void *handle), void *handle)
{
    os.call_began = os.now;
    os.checks = 0;
    os.interrupt = interrupt;
    os.handle = handle;
    side.seen_count = 0;
}

/* Simulated time advances faster the longer a call lasts. */
static void pass(int64_t ns)
{
    if (++os.checks > CHECKS_MAX)
        fuzz_die("endless loop: a call queried the clock %u times", os.checks);
    unsigned faster = os.checks / 8 < 20 ? os.checks / 8 : 20;
    int64_t step = (int64_t)1000 << faster;
    os.now += ns > step ? ns : step;
    if (os.now - os.call_began > LONG_NS && os.interrupt != NULL) {
        os.interrupt(os.handle);
        os.call_began = os.now;
    }
    before_load();
}

int64_t __wrap_myl_os_now(void);
int __wrap_myl_os_sleep(int64_t ns);
void __wrap_myl_os_yield(void);
int __wrap_myl_os_park(myl_au32 *word, uint32_t value, int64_t timeout_ns);
void __wrap_myl_os_wake_add4(myl_au32 *word);
void __wrap_myl_os_wake(myl_au32 *word);
int __wrap_myl_os_barrier_register(void);
int __wrap_myl_os_barrier(void);

int64_t __wrap_myl_os_now(void)
{
    pass(0);
    return os.now;
}

int __wrap_myl_os_sleep(int64_t ns)
{
    pass(ns);
    return 0;
}

void __wrap_myl_os_yield(void)
{
    pass(0);
}

void myl_os_pause(void) {}

int __wrap_myl_os_park(myl_au32 *word, uint32_t value, int64_t timeout_ns)
{
    fuzz_check(((uintptr_t)word & 3) == 0, "parking on a word at %p", (void *)word);
    pass(0);
    if (__atomic_load_n(&word->v, __ATOMIC_SEQ_CST) != value)
        return 0;
    int64_t most = timeout_ns < MYL_SEC(1) ? timeout_ns : MYL_SEC(1); /* a sleep may end early */
    pass(most > 0 ? most : 0);
    return most == timeout_ns ? ETIMEDOUT : 0;
}

void __wrap_myl_os_wake_add4(myl_au32 *word)
{
    (void)__atomic_fetch_add(&word->v, 4, __ATOMIC_SEQ_CST);
}

void __wrap_myl_os_wake(myl_au32 *word)
{
    (void)word;
}

int __wrap_myl_os_barrier_register(void)
{
    return os.refuse ? ENOSYS : 0;
}

int __wrap_myl_os_barrier(void)
{
    return os.refuse ? ENOSYS : 0;
}

/* --- memory --------------------------------------------------------------------------------------------------- */

struct map {
    char *around; /* the mapping with its guard pages; NULL: free */
    uint64_t offset, bytes;
    uint64_t once; /* bytes; the mapping has one copy or two of them */
    int writable;
};

static struct map maps[MAPS_MAX];
static unsigned mapped;

int __real_myl_os_map(int fd, uint64_t offset, uint64_t bytes, int writable, void **address);
int __wrap_myl_os_map(int fd, uint64_t offset, uint64_t bytes, int writable, void **address);
int __real_myl_os_map_twice(int fd, uint64_t offset, uint64_t bytes, int writable, void **address);
int __wrap_myl_os_map_twice(int fd, uint64_t offset, uint64_t bytes, int writable, void **address);
void __wrap_myl_os_unmap(void *address, uint64_t bytes);
int __wrap_myl_os_memory_lock(void *address, uint64_t bytes);
int __wrap_myl_os_memory_huge(void *address, uint64_t bytes);
int __wrap_myl_os_memory_bind(void *address, uint64_t bytes, uint32_t numa_node);
int __wrap_myl_os_pin(int cpu);
int __real_myl_os_object_create(const struct myl_os_object_spec *spec, int *fd);
int __wrap_myl_os_object_create(const struct myl_os_object_spec *spec, int *fd);
int __wrap_myl_os_object_sealed(int fd, int *sealed);
const char *__wrap_myl_os_shm_directory(void);

static uint64_t whole_pages(uint64_t bytes)
{
    uint64_t page = myl_os_page_size();
    return (bytes + page - 1) / page * page;
}

/* Moves a new mapping, `copies` of the same bytes in a row, to a place with guard pages around it. */
static int fence_in(uint64_t offset, uint64_t bytes, unsigned copies, int writable, void **address)
{
    uint64_t one = whole_pages(bytes), whole = one * copies;
    struct map *map = maps;
    while (map < maps + MAPS_MAX && map->around != NULL)
        map++;
    fuzz_check(map < maps + MAPS_MAX, "more than %d mappings at a time", MAPS_MAX);
    char *around = mmap(NULL, whole + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (around == MAP_FAILED) {
        (void)munmap(*address, whole);
        return ENOMEM;
    }
    for (unsigned i = 0; i < copies; i++) { /* a move accepts one mapping at a time */
        if (mremap((char *)*address + i * one, one, one, MREMAP_MAYMOVE | MREMAP_FIXED, around + GUARD + i * one) ==
            MAP_FAILED)
            fuzz_die("mremap: %s", strerror(errno));
    }
    *map =
        (struct map){.around = around, .offset = offset, .bytes = bytes * copies, .once = bytes, .writable = writable};
    mapped++;
    *address = around + GUARD;
    return 0;
}

int __wrap_myl_os_map(int fd, uint64_t offset, uint64_t bytes, int writable, void **address)
{
    int err = __real_myl_os_map(fd, offset, bytes, writable, address);
    return err != 0 ? err : fence_in(offset, bytes, 1, writable, address);
}

int __wrap_myl_os_map_twice(int fd, uint64_t offset, uint64_t bytes, int writable, void **address)
{
    int err = __real_myl_os_map_twice(fd, offset, bytes, writable, address);
    return err != 0 ? err : fence_in(offset, bytes, 2, writable, address);
}

void __wrap_myl_os_unmap(void *address, uint64_t bytes)
{
    if (address == NULL)
        return;
    struct map *map = maps;
    while (map < maps + MAPS_MAX && (map->around == NULL || map->around + GUARD != (char *)address))
        map++;
    fuzz_check(map < maps + MAPS_MAX, "unmapped at %p, which was never mapped", address);
    fuzz_check(map->bytes == bytes, "%" PRIu64 " bytes were mapped, %" PRIu64 " are unmapped", map->bytes, bytes);
    (void)munmap(map->around, whole_pages(bytes) + 2 * GUARD);
    map->around = NULL;
    mapped--;
}

/* The same word in the target's own mapping, or NULL if it is not in the segment. */
static unsigned char *same_word(const void *word, unsigned bytes)
{
    const char *from = word;
    for (const struct map *map = maps; map < maps + MAPS_MAX; map++) {
        const char *begin = map->around == NULL ? NULL : map->around + GUARD;
        if (begin == NULL || from < begin || from >= begin + map->bytes)
            continue;
        uint64_t at = map->offset + (uint64_t)(from - begin) % map->once;
        return at + bytes <= side.head.segment_bytes ? side.base + at : NULL;
    }
    return NULL;
}

int hostile_holds(const void *at, uint64_t bytes, int writable)
{
    const char *from = at;
    for (const struct map *map = maps; map < maps + MAPS_MAX; map++) {
        const char *begin = map->around == NULL ? NULL : map->around + GUARD;
        if (begin != NULL && from >= begin && from < begin + map->bytes)
            return map->offset != 0 && bytes <= map->bytes - (uint64_t)(from - begin) && map->writable >= writable;
    }
    return 0;
}

int __wrap_myl_os_memory_lock(void *address, uint64_t bytes)
{
    (void)address, (void)bytes;
    return os.refuse ? ENOMEM : 0;
}

int __wrap_myl_os_memory_huge(void *address, uint64_t bytes)
{
    (void)address, (void)bytes;
    return os.refuse ? ENOTSUP : 0;
}

int __wrap_myl_os_memory_bind(void *address, uint64_t bytes, uint32_t numa_node)
{
    (void)address, (void)bytes;
    return os.refuse || numa_node > 0 ? EINVAL : 0;
}

int __wrap_myl_os_pin(int cpu)
{
    return os.refuse || cpu > 0 ? EINVAL : 0;
}

int __wrap_myl_os_object_create(const struct myl_os_object_spec *spec, int *fd)
{
    struct myl_os_object_spec small = *spec;
    small.huge = 0; /* do not use up the machine's huge pages */
    return spec->bytes > OBJECT_MOST ? ENOSPC : __real_myl_os_object_create(&small, fd);
}

/* Rings in files are passed as if they were memfds. */
int __wrap_myl_os_object_sealed(int fd, int *sealed)
{
    (void)fd;
    *sealed = 1;
    return 0;
}

const char *__wrap_myl_os_shm_directory(void)
{
    return fuzz_directory();
}

/* --- before and after an input -------------------------------------------------------------------------------- */

void hostile_begin(void)
{
    memset(&side, 0, sizeof side);
    memset(&os, 0, sizeof os);
    os.now = MYL_SEC(1000);
}

void hostile_end(void)
{
    hostile_aim(NULL, NULL);
    fuzz_check(mapped == 0, "%u mappings are left", mapped);
}
