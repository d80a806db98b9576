/* SPDX-License-Identifier: MIT
 * Shapes of rings: which sizes, alignments and capacities are made, which are refused, and what an existing ring has to
 * agree with. */
#include "unit/rings.h"

static void expect_shape_error(int code, const char *text, const myl_producer_options *options)
{
    char name[TEST_NAME_SIZE];
    int before = test_shm_entries();
    expect_no_producer(code, text, test_name(name, "shape"), options);
    assert_int_equal(test_shm_entries(), before);
}

static void test_refused_shapes(void **state)
{
    (void)state;
    myl_producer_options o = producer_options(3);
    expect_shape_error(MYL_ECAPACITY, "capacity of 3", &o);
    expect_shape_error(MYL_ECAPACITY, "take 4", &o);
    o = producer_options(1);
    expect_shape_error(MYL_ECAPACITY, "capacity of 1", &o);
    o = producer_options((UINT64_C(1) << 32) + 1);
    expect_shape_error(MYL_ECAPACITY, "4294967297", &o);
    o = producer_options(UINT64_C(1) << 32);
    o.event_size = 1 << 20;
    expect_shape_error(MYL_ECAPACITY, "4294967296 events", &o); /* 4 PiB */
    o = producer_options(8);
    o.event_size = (1 << 20) + 1;
    expect_shape_error(MYL_EEVENTSIZE, "1048577", &o);
    o = producer_options(8);
    o.event_align = 3;
    expect_shape_error(MYL_EALIGN, "alignment of 3", &o);
    o.event_align = 8192;
    expect_shape_error(MYL_EALIGN, "8192", &o);
    o = producer_options(8);
    o.event_size = 0;
    expect_shape_error(MYL_ENOTFOUND, "event_size", &o);
    o = producer_options(8);
    o.packed_cell = 100;
    expect_shape_error(MYL_EALIGN, "100", &o);
    o.packed_cell = 8192;
    expect_shape_error(MYL_EALIGN, "8192", &o);
    o.packed_cell = 64;
    expect_shape_error(MYL_EEVENTSIZE, "64", &o); /* one event of 48 bytes: nothing to pack */
    o.packed_cell = 256;
    o.event_size = 12;
    expect_shape_error(MYL_EALIGN, "12", &o);
}

/* Opens, checks what is told, writes every byte of every event and reads it back, over the end of the ring. */
static void run_shape(const myl_producer_options *o)
{
    char name[TEST_NAME_SIZE];
    myl_producer *producer = open_producer(test_name(name, "made"), o);
    myl_consumer *consumer = open_consumer(name, "c");
    myl_info info = {.size = sizeof info};
    test_ok(myl_consumer_info(consumer, &info));
    assert_int_equal(info.event_size, o->event_size);
    assert_int_equal(info.event_align, o->event_align == 0 ? 8 : o->event_align);
    assert_true(info.capacity >= (o->capacity == 0 ? 2 : o->capacity));
    if (o->packed_cell == 0 && o->capacity != 0)
        assert_int_equal(info.capacity, o->capacity);
    assert_int_equal(info.capacity % info.events_per_cell, 0);
    assert_true(info.event_offset + info.events_per_cell * info.event_size <= info.cell_size);
    assert_true(info.segment_bytes >= info.capacity / info.events_per_cell * info.cell_size);
    uint64_t rounds = info.capacity < 100 ? 3 * info.capacity + 1 : info.capacity < 10000 ? info.capacity + 7 : 50;
    for (uint64_t i = 0; i < rounds; i++) {
        void *to;
        const void *from;
        test_ok(myl_producer_claim(producer, &to, MYL_TRY));
        assert_int_equal((uintptr_t)to % info.event_align, 0);
        memset(to, (int)(i % 251), info.event_size);
        myl_producer_publish(producer);
        test_ok(myl_consumer_next(consumer, &from, MYL_TRY));
        const unsigned char *byte = from;
        for (uint32_t k = 0; k < info.event_size; k++) {
            if (byte[k] != i % 251)
                test_fail("byte %u of event %llu is %u", k, (unsigned long long)i, byte[k]);
        }
        test_ok(myl_consumer_release(consumer));
    }
    expect_nothing(consumer, MYL_EAGAIN);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

static void test_sizes(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 7, 8, 48, 56, 57, 64, 120, 1000, 4096, 65536, 1 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        myl_producer_options o = producer_options(4);
        o.event_size = sizes[i];
        run_shape(&o);
    }
    for (uint64_t capacity = 2; capacity <= 1024; capacity *= 2) {
        myl_producer_options o = producer_options(capacity);
        run_shape(&o);
    }
}

static void test_alignments(void **state)
{
    (void)state;
    for (uint32_t align = 1; align <= 4096; align *= 2) {
        myl_producer_options o = producer_options(4);
        o.event_align = align;
        run_shape(&o);
        o.event_size = 13;
        run_shape(&o);
    }
}

static void test_packed(void **state)
{
    (void)state;
    static const uint32_t cells[] = {64, 128, 192, 256, 1024, 4096};
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        for (uint32_t size = 1; size <= 24; size += size < 4 ? 1 : 4) {
            myl_producer_options o = producer_options(40);
            o.packed_cell = cells[i];
            o.event_size = size;
            o.event_align = size % 8 == 0 ? 8 : size % 4 == 0 ? 4 : 1;
            run_shape(&o);
        }
    }
}

static void test_defaults(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {48, 4096, 1 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char name[TEST_NAME_SIZE];
        myl_producer_options o = producer_options(0);
        o.event_size = sizes[i];
        o.label = "for people";
        o.type_id = 99;
        myl_producer *producer = open_producer(test_name(name, "default"), &o);
        myl_info info = {.size = sizeof info};
        test_ok(myl_producer_info(producer, &info));
        assert_true(info.capacity >= 16);
        assert_int_equal(info.capacity & (info.capacity - 1), 0);
        assert_int_equal(info.max_consumers, 64);
        assert_int_equal(info.parkable, 1);
        assert_int_equal(info.type_id, 99);
        assert_int_equal(info.backend, MYL_BACKEND_SHM);
        assert_string_equal(info.label, "for people");
        assert_string_equal(info.name, name);
        assert_true(info.session[0] != 0 || info.session[1] != 0);
        assert_int_equal(info.granted.huge, MYL_EAGAIN);
        assert_int_equal(info.granted.lock, MYL_EAGAIN);
        myl_producer_close(producer);
    }
}

/* A ring that exists: whoever names another shape is refused, whoever names none or the same one is let in. */
static void test_agreement(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    o.type_id = 5;
    myl_producer *producer = open_producer(test_name(name, "agree"), &o);
    put_many(producer, 0, 2);
    myl_producer_leave(producer);

    myl_producer_options other = o;
    other.event_size = 40;
    expect_no_producer(MYL_EEVENTSIZE, "40", name, &other);
    other = o;
    other.event_align = 16;
    expect_no_producer(MYL_EALIGN, "16", name, &other);
    other = o;
    other.type_id = 6;
    expect_no_producer(MYL_ETYPE, "6", name, &other);
    other = o;
    other.capacity = 16;
    expect_no_producer(MYL_ESHAPE, "16", name, &other);
    other = o;
    other.max_consumers = 7;
    expect_no_producer(MYL_ESHAPE, "7", name, &other);
    other = o;
    other.event_size = 16;
    other.packed_cell = 256;
    expect_no_producer(MYL_EEVENTSIZE, "16", name, &other);
    other = o;
    other.packed_cell = 256;
    expect_no_producer(MYL_ESHAPE, "256", name, &other);

    myl_consumer_options c = consumer_options("c");
    c.event_size = 40;
    expect_no_consumer(MYL_EEVENTSIZE, "40", name, &c);
    c = consumer_options("c");
    c.event_align = 64;
    expect_no_consumer(MYL_EALIGN, "64", name, &c);
    c = consumer_options("c");
    c.type_id = 0x66;
    expect_no_consumer(MYL_ETYPE, "0000000000000066", name, &c);
    myl_snapshot *snapshot; /* nothing changed: no entry, no new producer */
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    assert_int_equal(snapshot->consumers, 0);
    assert_int_equal(snapshot->epoch, 1);
    assert_int_equal(snapshot->next, 2);
    assert_int_equal(snapshot->producer_left, 1);
    myl_snapshot_free(snapshot);

    c = (myl_consumer_options){.size = sizeof c, .id = "c", .event_size = 48, .event_align = 8, .type_id = 5};
    myl_consumer *consumer = open_consumer_with(name, &c);
    producer = open_producer(name, NULL); /* whatever is there */
    put_many(producer, 2, 2);
    take_many(consumer, 0, 4);
    myl_consumer_close(consumer);
    myl_producer_leave(producer);
    producer = open_producer(name, &o); /* the same */
    assert_int_equal(myl_producer_last(producer), 3);
    myl_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_shapes), cmocka_unit_test(test_sizes),    cmocka_unit_test(test_alignments),
        cmocka_unit_test(test_packed),         cmocka_unit_test(test_defaults), cmocka_unit_test(test_agreement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
