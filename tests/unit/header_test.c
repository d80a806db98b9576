/* SPDX-License-Identifier: MIT
 * Damaged headers: every field changed, another version, another byte order, truncated, not a ring. Each gives its own
 * error, and the segment is not changed. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "segment/header.h"
#include "segment/segment.h"
#include "unit/rings.h"

/* A ring without a producer, to be damaged. */
struct victim {
    char name[TEST_NAME_SIZE];
    struct myl_header good;
    int fd;
};

static void make_victim(struct victim *victim)
{
    char path[TEST_NAME_SIZE + 16];
    myl_producer_options options = producer_options(8);
    options.config.type_id = 77;
    myl_producer *producer = open_producer(test_name(victim->name, "garbled"), &options);
    put_many(producer, 0, 3);
    myl_producer_leave(producer);
    snprintf(path, sizeof path, "/dev/shm/%s", victim->name);
    victim->fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(victim->fd >= 0);
    assert_int_equal(pread(victim->fd, &victim->good, sizeof victim->good, 0), sizeof victim->good);
}

static void remove_victim(struct victim *victim)
{
    assert_int_equal(pwrite(victim->fd, &victim->good, sizeof victim->good, 0), sizeof victim->good);
    close(victim->fd);
    test_ok(myl_remove(victim->name, MYL_BACKEND_SHM, 0));
    assert_false(ring_exists(victim->name));
}

static uint64_t sum_of(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    uint64_t sum = (uint64_t)st.st_size;
    if (st.st_size == 0)
        return sum;
    const unsigned char *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(bytes != MAP_FAILED);
    for (off_t i = 0; i < st.st_size; i++)
        sum = sum * 31 + bytes[i];
    munmap((void *)(uintptr_t)bytes, (size_t)st.st_size);
    return sum;
}

/* Every kind of open returns the same error, and does not change the ring. */
static void expect_refused(struct victim *victim, int code, const char *text)
{
    uint64_t before = sum_of(victim->fd);
    myl_producer_options make = producer_options(8);
    expect_no_producer(code, text, victim->name, &make);
    expect_no_consumer(code, text, victim->name, NULL);
    myl_observer *observer;
    test_code(code, myl_observer_open(&observer, victim->name, NULL));
    expect_detail(victim->name);
    myl_snapshot *snapshot;
    test_code(code, myl_snapshot_take(victim->name, MYL_BACKEND_SHM, &snapshot));
    assert_null(snapshot);
    assert_true(ring_exists(victim->name));
    assert_true(sum_of(victim->fd) == before);
}

static void write_head(struct victim *victim, struct myl_header *head, int seal)
{
    if (seal)
        myl_header_seal(head);
    assert_int_equal(pwrite(victim->fd, head, sizeof *head, 0), sizeof *head);
}

static void other_identities_are_refused(void **state)
{
    (void)state;
    struct victim victim;
    make_victim(&victim);
    struct myl_header head = victim.good;
    head.magic = UINT64_C(0x4141414141414141);
    write_head(&victim, &head, 1);
    expect_refused(&victim, MYL_ENOTRING, "4141414141414141");
    head.magic = __builtin_bswap64(MYL_MAGIC);
    write_head(&victim, &head, 1);
    expect_refused(&victim, MYL_EBYTEORDER, "byte order");
    head = victim.good;
    head.byte_order = 0x04030201;
    write_head(&victim, &head, 1);
    expect_refused(&victim, MYL_EBYTEORDER, "04030201");
    head = victim.good;
    head.layout_version = 4711;
    write_head(&victim, &head, 1);
    expect_refused(&victim, MYL_EVERSION, "4711");
    remove_victim(&victim);
}

static void unknown_incompatible_features_are_refused(void **state)
{
    (void)state;
    struct victim victim;
    make_victim(&victim);
    struct myl_header head = victim.good;
    for (int bit = 0; bit < 64; bit++) {
        head.features_incompatible = UINT64_C(1) << bit;
        write_head(&victim, &head, 1);
        expect_refused(&victim, MYL_EVERSION, "uses features");
    }
    head = victim.good;
    head.features_compatible = UINT64_MAX;
    write_head(&victim, &head, 1);
    myl_snapshot *snapshot;
    test_ok(myl_snapshot_take(victim.name, MYL_BACKEND_SHM, &snapshot));
    myl_snapshot_free(snapshot);
    remove_victim(&victim);
}

/* Every changed bit of the header is detected, by its own check or by the checksum. */
static void every_changed_byte_is_detected(void **state)
{
    (void)state;
    struct victim victim;
    make_victim(&victim);
    for (size_t at = 0; at < sizeof victim.good; at++) {
        struct myl_header head = victim.good;
        ((unsigned char *)&head)[at] ^= 0x10;
        write_head(&victim, &head, 0);
        myl_consumer *consumer = NULL;
        int rc = myl_consumer_open(&consumer, victim.name, NULL);
        if (myl_errclass(rc) != MYL_CLASS_CORRUPT || consumer != NULL)
            test_fail("a changed byte %zu of the header gives %s", at, myl_errname(rc));
    }
    struct myl_header head = victim.good;
    head.checksum ^= 1;
    write_head(&victim, &head, 0);
    expect_refused(&victim, MYL_ECORRUPT, "checksum");
    remove_victim(&victim);
}

/* Each field alone, with a correct checksum: tests the checks after the checksum. */
#define GARBLE(field, value, text)                                                                                     \
    do {                                                                                                               \
        struct myl_header garbled = victim.good;                                                                       \
        garbled.field = (value);                                                                                       \
        write_head(&victim, &garbled, 1);                                                                              \
        expect_refused(&victim, MYL_ECORRUPT, (text));                                                                 \
    } while (0)

static void wrong_shape_fields_are_refused(void **state)
{
    (void)state;
    struct victim victim;
    make_victim(&victim);
    GARBLE(header_bytes, 1000, "1000");
    GARBLE(kind, 9, "kind is 9");
    GARBLE(cells, 0, "number of cells is 0");
    GARBLE(cells, 1, "number of cells is 1");
    GARBLE(cells, 12, "number of cells is 12");
    GARBLE(cells, UINT64_C(1) << 40, "number of cells");
    GARBLE(cells, 16, "capacity is 8");
    GARBLE(capacity, 9, "capacity is 9");
    GARBLE(cell_bytes, 0, "cell size is 0");
    GARBLE(cell_bytes, 65, "cell size is 65");
    GARBLE(cell_bytes, UINT32_C(1) << 30, "cell size");
    GARBLE(events_per_cell, 0, "events per cell is 0");
    GARBLE(events_per_cell, 1000, "events per cell is 1000");
    GARBLE(event_bytes, 0, "event size is 0");
    GARBLE(event_bytes, UINT32_MAX, "event size is 4294967295");
    GARBLE(event_bytes, 4096, "events per cell");
    GARBLE(event_align, 0, "alignment is 0");
    GARBLE(event_align, 3, "alignment is 3");
    GARBLE(event_align, 8192, "alignment is 8192");
    GARBLE(event_offset, 0, "offset is 0");
    GARBLE(event_offset, 12, "offset is 12");
    GARBLE(event_offset, 4096, "offset is 4096");
    GARBLE(max_producers, 0, "producer records is 0");
    GARBLE(max_producers, 2, "producer records is 2");
    GARBLE(schema_bytes, 65537, "schema size is 65537");
    GARBLE(schema_bytes, 65536, "codec is 0");
    GARBLE(codec, 4, "codec is 4");
    GARBLE(schema_hash, 4, "schema hash is 4");
    GARBLE(schema_checksum, 4, "schema checksum is 4");
    GARBLE(max_consumers, 0, "consumer entries is 0");
    GARBLE(max_consumers, 1025, "consumer entries is 1025");
    GARBLE(no_consumers, 3, "mode is 3");
    GARBLE(no_consumers, MYL_STORED_BUFFER, "buffer is 0");
    GARBLE(backend, 3, "back end is 3");
    GARBLE(lanes, 0, "lanes is 0");
    GARBLE(lanes, 2, "lanes is 2"); /* a ring of events has one lane */
    GARBLE(lanes, UINT32_MAX, "lanes is 4294967295");
    struct myl_header head = victim.good; /* the second cell's event would not be aligned */
    head.event_align = head.event_offset = 128;
    head.cell_bytes = 192;
    write_head(&victim, &head, 1);
    expect_refused(&victim, MYL_ECORRUPT, "alignment is 128");
    remove_victim(&victim);
}

static void wrong_offsets_are_refused(void **state)
{
    (void)state;
    struct victim victim;
    make_victim(&victim);
    uint64_t all = victim.good.segment_bytes;
    GARBLE(control_offset, 0, "control offset is 0");
    GARBLE(control_offset, 100, "control offset is 100");
    GARBLE(control_offset, all + 65536, "control offset");
    GARBLE(control_offset, UINT64_MAX - 65535, "control offset");
    GARBLE(control_bytes, 64, "control size is 64");
    GARBLE(control_bytes, all, "control size");
    GARBLE(control_bytes, UINT64_MAX, "control size");
    GARBLE(control_bytes, victim.good.control_bytes + 64, "control size");
    GARBLE(control_bytes, victim.good.control_bytes - 128, "control size");
    GARBLE(data_offset, 0, "data offset is 0");
    GARBLE(data_offset, all + 65536, "data offset");
    GARBLE(data_bytes, 0, "data size is 0");
    GARBLE(data_bytes, all + 65536, "data size");
    GARBLE(data_bytes, UINT64_MAX - 65535, "data size");
    GARBLE(segment_bytes, 0, "control offset");
    GARBLE(segment_bytes, UINT64_MAX, "segment size");
    remove_victim(&victim);
}

static void truncated_rings_are_refused(void **state)
{
    (void)state;
    struct victim victim;
    char number[32];
    make_victim(&victim);
    off_t all = (off_t)victim.good.segment_bytes;
    off_t cut[] = {all - 1, all / 2, (off_t)sizeof victim.good};
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        assert_int_equal(ftruncate(victim.fd, cut[i]), 0);
        snprintf(number, sizeof number, "%lld", (long long)cut[i]);
        expect_refused(&victim, MYL_ETRUNCATED, number);
    }
    assert_int_equal(ftruncate(victim.fd, 100), 0);
    expect_refused(&victim, MYL_ENOTRING, "100");
    assert_int_equal(ftruncate(victim.fd, 0), 0);
    expect_refused(&victim, MYL_ENOTRING, "0 bytes");
    assert_int_equal(ftruncate(victim.fd, all), 0);
    remove_victim(&victim);
}

static void other_objects_are_refused(void **state)
{
    (void)state;
    struct victim foreign;
    char path[TEST_NAME_SIZE + 16], link[TEST_NAME_SIZE + 16], target[TEST_NAME_SIZE];
    snprintf(path, sizeof path, "/dev/shm/%s", test_name(foreign.name, "foreign"));
    foreign.fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    char text[4096];
    memset(text, 'A', sizeof text);
    assert_int_equal(write(foreign.fd, text, sizeof text), sizeof text);
    expect_refused(&foreign, MYL_ENOTRING, "4141414141414141");
    test_code(MYL_ENOTRING, myl_remove(foreign.name, MYL_BACKEND_SHM, 1));
    assert_true(ring_exists(foreign.name));
    /* A symbolic link at the end of the name is not followed. */
    snprintf(link, sizeof link, "/dev/shm/%s", test_name(target, "link"));
    assert_int_equal(symlink(path, link), 0);
    expect_no_consumer(MYL_ENAME, target, target, NULL);
    unlink(link);
    /* A directory and a FIFO under that name. */
    assert_int_equal(mkdir(link, 0700), 0);
    myl_consumer *consumer = NULL;
    assert_true(myl_consumer_open(&consumer, target, NULL) < 0);
    expect_detail(target);
    rmdir(link);
    assert_int_equal(mkfifo(link, 0600), 0);
    expect_no_consumer(MYL_ENOTRING, target, target, NULL);
    unlink(link);
    close(foreign.fd);
    unlink(path);
}

static void missing_ring_is_notfound(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    test_name(name, "nobody");
    expect_no_consumer(MYL_ENOTFOUND, name, name, NULL);
    expect_no_producer(MYL_ENOTFOUND, name, name, NULL);
    test_code(MYL_ENOTFOUND, myl_remove(name, MYL_BACKEND_SHM, 0));
    test_code(MYL_ENOTFOUND, myl_evict(name, MYL_BACKEND_SHM, "x"));
    myl_snapshot *snapshot;
    test_code(MYL_ENOTFOUND, myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    assert_null(snapshot);
    int64_t start = test_now_ns();
    myl_consumer_options reader = consumer_options("c");
    reader.ring.attach_timeout_ns = MYL_MSEC(30);
    expect_no_consumer(MYL_ENOTFOUND, name, name, &reader);
    assert_true(test_now_ns() - start >= MYL_MSEC(30));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_identities_are_refused),   cmocka_unit_test(unknown_incompatible_features_are_refused),
        cmocka_unit_test(every_changed_byte_is_detected), cmocka_unit_test(wrong_shape_fields_are_refused),
        cmocka_unit_test(wrong_offsets_are_refused),      cmocka_unit_test(truncated_rings_are_refused),
        cmocka_unit_test(other_objects_are_refused),      cmocka_unit_test(missing_ring_is_notfound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
