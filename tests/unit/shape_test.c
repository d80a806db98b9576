/* SPDX-License-Identifier: MIT
 * Shapes of rings: which sizes, alignments and capacities are accepted or refused, and what must match an existing
 * ring. */
#include "unit/rings.h"

static void expect_shape_error(int code, const char *text, const myl_producer_options *options)
{
    char name[TEST_NAME_SIZE];
    int before = test_shm_entries();
    expect_no_producer(code, text, test_name(name, "shape"), options);
    assert_int_equal(test_shm_entries(), before);
}

static void invalid_shapes_are_refused(void **state)
{
    (void)state;
    myl_producer_options o = producer_options(3);
    expect_shape_error(MYL_ECAPACITY, "capacity is 3", &o);
    expect_shape_error(MYL_ECAPACITY, "pass 4", &o);
    o = producer_options(1);
    expect_shape_error(MYL_ECAPACITY, "capacity is 1,", &o);
    o = producer_options((UINT64_C(1) << 32) + 1);
    expect_shape_error(MYL_ECAPACITY, "4294967297", &o);
    o = producer_options(UINT64_C(1) << 32);
    o.config.event_size = 1 << 20;
    expect_shape_error(MYL_ECAPACITY, "4294967296 events", &o); /* 4 PiB */
    o = producer_options(8);
    o.config.event_size = (1 << 20) + 1;
    expect_shape_error(MYL_EEVENTSIZE, "1048577", &o);
    o = producer_options(8);
    o.config.event_align = 3;
    expect_shape_error(MYL_EALIGN, "event_align is 3", &o);
    o.config.event_align = 8192;
    expect_shape_error(MYL_EALIGN, "8192", &o);
    o = producer_options(8);
    o.config.event_size = 0;
    expect_shape_error(MYL_ENOTFOUND, "event_size", &o);
    o = producer_options(8);
    o.config.packed_cell = 100;
    expect_shape_error(MYL_EALIGN, "100", &o);
    o.config.packed_cell = 8192;
    expect_shape_error(MYL_EALIGN, "8192", &o);
    o.config.packed_cell = 64;
    expect_shape_error(MYL_EEVENTSIZE, "64", &o); /* one event of 48 bytes per cell: nothing to pack */
    o.config.packed_cell = 256;
    o.config.event_size = 12;
    expect_shape_error(MYL_EALIGN, "12", &o);
}

/* Opens a ring, checks the reported values, writes every byte of every event and reads it back, across the end of the
 * ring. */
static void run_shape(const myl_producer_options *o)
{
    char name[TEST_NAME_SIZE];
    myl_producer *producer = open_producer(test_name(name, "made"), o);
    myl_consumer *consumer = open_consumer(name, "c");
    myl_info info = {.size = sizeof info};
    test_ok(myl_consumer_info(consumer, &info));
    assert_int_equal(info.event_size, o->config.event_size);
    assert_int_equal(info.event_align, o->config.event_align == 0 ? 8 : o->config.event_align);
    assert_true(info.capacity >= (o->config.capacity == 0 ? 2 : o->config.capacity));
    if (o->config.packed_cell == 0 && o->config.capacity != 0)
        assert_int_equal(info.capacity, o->config.capacity);
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

static void event_sizes_choose_their_cells(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 7, 8, 48, 56, 57, 64, 120, 1000, 4096, 65536, 1 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        myl_producer_options o = producer_options(4);
        o.config.event_size = sizes[i];
        run_shape(&o);
    }
    for (uint64_t capacity = 2; capacity <= 1024; capacity *= 2) {
        myl_producer_options o = producer_options(capacity);
        run_shape(&o);
    }
}

static void alignments_are_kept(void **state)
{
    (void)state;
    for (uint32_t align = 1; align <= 4096; align *= 2) {
        myl_producer_options o = producer_options(4);
        o.config.event_align = align;
        run_shape(&o);
        o.config.event_size = 13;
        run_shape(&o);
    }
}

static void packed_cells_hold_several_events(void **state)
{
    (void)state;
    static const uint32_t cells[] = {64, 128, 192, 256, 1024, 4096};
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        for (uint32_t size = 1; size <= 24; size += size < 4 ? 1 : 4) {
            myl_producer_options o = producer_options(40);
            o.config.packed_cell = cells[i];
            o.config.event_size = size;
            o.config.event_align = size % 8 == 0 ? 8 : size % 4 == 0 ? 4 : 1;
            run_shape(&o);
        }
    }
}

/* A takeover accepts each capacity that would make the same ring: more than half of it, and all of it. */
static void packed_ring_accepts_its_own_capacity(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_info info = {.size = sizeof info};
    myl_producer_options o = producer_options(40);
    o.config.packed_cell = 64;
    o.config.event_size = 8;
    myl_producer *producer = open_producer(test_name(name, "packed"), &o);
    test_ok(myl_producer_info(producer, &info));
    assert_true(info.events_per_cell > 1 && info.capacity > 40);
    const uint64_t capacities[] = {info.capacity / 2, info.capacity / 2 + 1, info.capacity, info.capacity + 1};
    for (unsigned i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
        myl_producer_leave(producer);
        o.config.capacity = capacities[i];
        if (i == 0 || i == 3)
            expect_no_producer(MYL_ESHAPE, "a capacity of", name, &o);
        o.config.capacity = i == 0 || i == 3 ? 0 : capacities[i];
        producer = open_producer(name, &o);
    }
    myl_producer_close(producer);
}

static void defaults_are_documented(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {48, 4096, 1 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char name[TEST_NAME_SIZE];
        myl_producer_options o = producer_options(0);
        o.config.event_size = sizes[i];
        o.config.label = "a label with spaces";
        o.config.type_id = 99;
        myl_producer *producer = open_producer(test_name(name, "default"), &o);
        myl_info info = {.size = sizeof info};
        test_ok(myl_producer_info(producer, &info));
        assert_true(info.capacity >= 16);
        assert_int_equal(info.capacity & (info.capacity - 1), 0);
        assert_int_equal(info.max_consumers, 64);
        assert_int_equal(info.parkable, 1);
        assert_int_equal(info.type_id, 99);
        assert_int_equal(info.backend, MYL_BACKEND_SHM);
        assert_string_equal(info.label, "a label with spaces");
        assert_string_equal(info.name, name);
        assert_true(info.session[0] != 0 || info.session[1] != 0);
        assert_int_equal(info.granted.huge, MYL_GRANT_NOT_REQUESTED);
        assert_int_equal(info.granted.lock, MYL_GRANT_NOT_REQUESTED);
        myl_producer_close(producer);
    }
}

/* An open of an existing ring with another shape is refused. One without a shape, or with the same one, succeeds. */
static void existing_ring_refuses_another_shape(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    o.config.type_id = 5;
    myl_producer *producer = open_producer(test_name(name, "agree"), &o);
    put_many(producer, 0, 2);
    myl_producer_leave(producer);

    myl_producer_options other = o;
    other.config.event_size = 40;
    expect_no_producer(MYL_EEVENTSIZE, "40", name, &other);
    other = o;
    other.config.event_align = 16;
    expect_no_producer(MYL_EALIGN, "16", name, &other);
    other = o;
    other.config.type_id = 6;
    expect_no_producer(MYL_ETYPE, "6", name, &other);
    other = o;
    other.config.capacity = 16;
    expect_no_producer(MYL_ESHAPE, "16", name, &other);
    other = o;
    other.config.max_consumers = 7;
    expect_no_producer(MYL_ESHAPE, "7", name, &other);
    other = o;
    other.config.event_size = 16;
    other.config.packed_cell = 256;
    expect_no_producer(MYL_EEVENTSIZE, "16", name, &other);
    other = o;
    other.config.packed_cell = 256;
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

    c = (myl_consumer_options){.size = sizeof c, .ring.id = "c", .event_size = 48, .event_align = 8, .type_id = 5};
    myl_consumer *consumer = open_consumer_with(name, &c);
    producer = open_producer(name, NULL); /* any shape */
    put_many(producer, 2, 2);
    take_many(consumer, 0, 4);
    myl_consumer_close(consumer);
    myl_producer_leave(producer);
    producer = open_producer(name, &o); /* the same */
    assert_int_equal(myl_producer_last_published(producer), 3);
    myl_producer_close(producer);
}

/* Every option that determines the shape, requested with the ring's value and with another one; each with and without
 * the event size. */
static void every_shape_option_is_compared(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    static const struct {
        const char *what;
        int code;
        myl_producer_options made, same, other;
    } row[] = {
        {"event_size", MYL_EEVENTSIZE, {.config.capacity = 64}, {.config.event_size = 8}, {.config.event_size = 16}},
        {"event_align", MYL_EALIGN, {.config.event_align = 8}, {.config.event_align = 8}, {.config.event_align = 64}},
        {"capacity", MYL_ESHAPE, {.config.capacity = 64}, {.config.capacity = 64}, {.config.capacity = 32}},
        {"no power of two", MYL_ESHAPE, {.config.capacity = 64}, {.config.capacity = 64}, {.config.capacity = 65}},
        {"packed capacity",
         MYL_ESHAPE,
         {.config = {.packed_cell = 64, .capacity = 56}},
         {.config = {.packed_cell = 64, .capacity = 50}},
         {.config = {.packed_cell = 64, .capacity = 57}}},
        {"packed_cell",
         MYL_ESHAPE,
         {.config.packed_cell = 64},
         {.config.packed_cell = 64},
         {.config.packed_cell = 128}},
        {"not packed",
         MYL_ESHAPE,
         {.config.capacity = 64},
         {.config.packed_cell = MYL_PACKED_CELL_NONE},
         {.config.packed_cell = 64}},
        {"packed, but an event a cell",
         MYL_ESHAPE,
         {.config.packed_cell = 64},
         {.config.packed_cell = 0},
         {.config.packed_cell = MYL_PACKED_CELL_NONE}},
        {"max_consumers",
         MYL_ESHAPE,
         {.config.max_consumers = 3},
         {.config.max_consumers = 3},
         {.config.max_consumers = 4}},
        {"type_id", MYL_ETYPE, {.config.type_id = 5}, {.config.type_id = 5}, {.config.type_id = 6}},
        {"label", MYL_ESHAPE, {.config.label = "prices"}, {.config.label = "prices"}, {.config.label = "orders"}},
        {"longer label", MYL_ESHAPE, {.config.label = "price"}, {.config.label = "price"}, {.config.label = "prices"}},
        {"no label", MYL_ESHAPE, {.config.capacity = 64}, {.config.label = NULL}, {.config.label = "orders"}},
        {"no label, but one is there", MYL_ESHAPE, {.config.label = "a"}, {.config.label = NULL}, {.config.label = ""}},
        {"spin_only",
         MYL_ESHAPE,
         {.config.capacity = 64},
         {.config.spin_only = MYL_SPIN_ONLY_OFF},
         {.config.spin_only = MYL_SPIN_ONLY_ON}},
        {"not spin_only",
         MYL_ESHAPE,
         {.config.spin_only = MYL_SPIN_ONLY_ON},
         {.config.spin_only = MYL_SPIN_ONLY_DEFAULT},
         {.config.spin_only = MYL_SPIN_ONLY_OFF}},
        {"spin_only not set",
         MYL_EEVENTSIZE,
         {.config.spin_only = MYL_SPIN_ONLY_ON},
         {.config.spin_only = MYL_SPIN_ONLY_ON},
         {.config.event_size = 16}},
        {"buffer",
         MYL_EINVAL,
         {.config.capacity = 64},
         {.ring = {.no_consumers = MYL_NO_CONSUMERS_BUFFER, .buffer = 64}},
         {.ring = {.no_consumers = MYL_NO_CONSUMERS_BUFFER, .buffer = 65}, .config.capacity = 64}},
        {"no buffer",
         MYL_EINVAL,
         {.config.capacity = 64},
         {.ring = {.no_consumers = MYL_NO_CONSUMERS_BUFFER, .buffer = 1}},
         {.ring.no_consumers = MYL_NO_CONSUMERS_BUFFER}},
    };
    test_name(name, "options");
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        myl_producer_options o = row[i].made, same = row[i].same, other = row[i].other;
        o.size = same.size = other.size = sizeof o;
        o.config.event_size = 8;
        myl_producer_leave(open_producer(name, &o));
        for (int sized = 0; sized < 2; sized++) {
            same.config.event_size = sized ? 8 : row[i].same.config.event_size;
            other.config.event_size = sized && other.config.event_size == 0 ? 8 : other.config.event_size;
            myl_producer_leave(open_producer(name, &same));
            myl_producer *producer = NULL;
            int code = myl_producer_open(&producer, name, &other);
            /* With an event size, an invalid shape is refused before it is compared. */
            if (code != row[i].code && !(sized && code == MYL_ECAPACITY))
                test_fail("%s, %s size: %s", row[i].what, sized ? "with" : "without", myl_errname(code));
        }
        test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
    }
}

static void every_shape_option_of_frames_is_compared(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    enum { KIB = 1024 };
    static const struct {
        const char *what;
        int code;
        myl_frame_producer_options made, same, other;
    } row[] = {
        {"ring_bytes",
         MYL_ESHAPE,
         {.config.ring_bytes = 128 * KIB},
         {.config.ring_bytes = 128 * KIB},
         {.config.ring_bytes = 64 * KIB}},
        {"max_frame", MYL_ESHAPE, {.config.max_frame = 4096}, {.config.max_frame = 4096}, {.config.max_frame = 2048}},
        {"max_message",
         MYL_ESHAPE,
         {.config.max_message = KIB * KIB},
         {.config.max_message = KIB * KIB},
         {.config.max_message = 512 * KIB}},
        {"lanes", MYL_ESHAPE, {.config.lanes = 2}, {.config.lanes = 2}, {.config.lanes = 3}},
        {"lane", MYL_ESHAPE, {.config.lanes = 1}, {.lane = NULL}, {.lane = "a"}},
        {"numbered", MYL_ESHAPE, {.config.lanes = 1}, {.config.lanes = 1}, {.config.numbers = MYL_FRAMES_NUMBERED}},
        {"timed", MYL_ESHAPE, {.config.lanes = 1}, {.config.lanes = 1}, {.config.numbers = MYL_FRAMES_TIMED}},
        {"timed of a numbered",
         MYL_ESHAPE,
         {.config.numbers = MYL_FRAMES_NUMBERED},
         {.config.numbers = MYL_FRAMES_NUMBERED},
         {.config.numbers = MYL_FRAMES_TIMED}},
        {"numbered of a timed",
         MYL_ESHAPE,
         {.config.numbers = MYL_FRAMES_TIMED},
         {.config.numbers = MYL_FRAMES_DEFAULT},
         {.config.numbers = MYL_FRAMES_NUMBERED}},
        {"bare of a numbered",
         MYL_ESHAPE,
         {.config.numbers = MYL_FRAMES_NUMBERED},
         {.config.numbers = MYL_FRAMES_DEFAULT},
         {.config.numbers = MYL_FRAMES_BARE}},
        {"numbered of a bare",
         MYL_ESHAPE,
         {.config.numbers = MYL_FRAMES_DEFAULT},
         {.config.numbers = MYL_FRAMES_BARE},
         {.config.numbers = MYL_FRAMES_NUMBERED}},
        {"label", MYL_ESHAPE, {.config.label = "a"}, {.config.label = "a"}, {.config.label = "b"}},
        {"spin_only",
         MYL_ESHAPE,
         {.config.spin_only = MYL_SPIN_ONLY_DEFAULT},
         {.config.spin_only = MYL_SPIN_ONLY_OFF},
         {.config.spin_only = MYL_SPIN_ONLY_ON}},
        {"not spin_only",
         MYL_ESHAPE,
         {.config.spin_only = MYL_SPIN_ONLY_ON},
         {.config.spin_only = MYL_SPIN_ONLY_DEFAULT},
         {.config.spin_only = MYL_SPIN_ONLY_OFF}},
        {"type_id", MYL_ETYPE, {.config.type_id = 1}, {.config.type_id = 1}, {.config.type_id = 2}},
        {"max_consumers",
         MYL_ESHAPE,
         {.config.max_consumers = 3},
         {.config.max_consumers = 3},
         {.config.max_consumers = 4}},
        {"buffer",
         MYL_EINVAL,
         {.config.ring_bytes = 64 * KIB},
         {.ring = {.no_consumers = MYL_NO_CONSUMERS_BUFFER, .buffer = 64 * KIB}},
         {.ring = {.no_consumers = MYL_NO_CONSUMERS_BUFFER, .buffer = 128 * KIB}}},
    };
    test_name(name, "options");
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        myl_frame_producer_options o = row[i].made, same = row[i].same, other = row[i].other;
        myl_frame_producer *producer = NULL;
        o.size = same.size = other.size = sizeof o;
        test_ok(myl_frame_producer_open(&producer, name, &o));
        myl_frame_producer_leave(producer);
        int code = myl_frame_producer_open(&producer, name, &same);
        if (code != MYL_OK)
            test_fail("%s, with the ring's value: %s", row[i].what, myl_error_detail());
        myl_frame_producer_leave(producer);
        code = myl_frame_producer_open(&producer, name, &other);
        if (code != row[i].code)
            test_fail("%s: %s", row[i].what, myl_errname(code));
        test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
    }
}

/* A successor of a ring that overwrites asks to block, and loses no event, not even at its close. */
static void successor_blocks_in_a_ring_that_overwrites(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    enum { CAPACITY = 8 };
    myl_producer_options o = {.size = sizeof o,
                              .config = {.event_size = 8, .capacity = CAPACITY},
                              .ring.no_consumers = MYL_NO_CONSUMERS_OVERWRITE};
    myl_producer *producer = open_producer(test_name(name, "policy"), &o);
    put_many(producer, 0, 2 * CAPACITY);
    myl_producer_leave(producer);
    o.ring.no_consumers = MYL_NO_CONSUMERS_DEFAULT; /* as it was made */
    producer = open_producer(name, &o);
    put_many(producer, 2 * CAPACITY, 2 * CAPACITY);
    myl_producer_leave(producer);
    o.ring.no_consumers = MYL_NO_CONSUMERS_BLOCK;
    producer = open_producer(name, &o);
    uint64_t next = 4 * (uint64_t)CAPACITY, room = 0;
    while (room <= CAPACITY && myl_producer_put(producer, &next, sizeof next, MYL_TRY) == MYL_OK)
        next++, room++;
    assert_true(room < CAPACITY); /* overwriting goes on by chunks; what is left is full */
    myl_producer_close(producer);
    myl_consumer *consumer = open_consumer(name, "first"); /* the ring stays for it */
    const void *event;
    uint64_t first = next - CAPACITY;
    for (uint64_t i = first; i < next; i++) {
        test_ok(myl_consumer_next(consumer, &event, MYL_TRY));
        assert_int_equal(myl_consumer_last_leased(consumer), i);
    }
    test_code(MYL_ECLOSED, myl_consumer_next(consumer, &event, MYL_TRY));
    myl_consumer_close(consumer);
    assert_int_equal(test_shm_entries(), 0);
}

static void values_of_no_enumerator_are_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer *producer;
    myl_producer_options o = {.size = sizeof o, .config.event_size = 8};
    o.config.spin_only = (enum myl_spin_only)3;
    test_code(MYL_EINVAL, myl_producer_open(&producer, test_name(name, "values"), &o));
    assert_non_null(strstr(myl_error_detail(), "spin_only is 3"));
    o.config.spin_only = MYL_SPIN_ONLY_DEFAULT;
    o.ring.no_consumers = (enum myl_no_consumer_policy)4;
    test_code(MYL_EINVAL, myl_producer_open(&producer, name, &o));
    assert_non_null(strstr(myl_error_detail(), "no_consumers is 4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invalid_shapes_are_refused),
        cmocka_unit_test(event_sizes_choose_their_cells),
        cmocka_unit_test(alignments_are_kept),
        cmocka_unit_test(packed_cells_hold_several_events),
        cmocka_unit_test(packed_ring_accepts_its_own_capacity),
        cmocka_unit_test(defaults_are_documented),
        cmocka_unit_test(existing_ring_refuses_another_shape),
        cmocka_unit_test(every_shape_option_is_compared),
        cmocka_unit_test(every_shape_option_of_frames_is_compared),
        cmocka_unit_test(successor_blocks_in_a_ring_that_overwrites),
        cmocka_unit_test(values_of_no_enumerator_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
