/* SPDX-License-Identifier: MIT
 * Every limit of the header is exact: the last valid value is accepted, the first invalid one is refused. */
#include "os/os.h"
#include "segment/header.h"
#include "segment/layout.h"
#include "segment/segment.h"
#include "unit/rings.h"

static struct myl_header events(void)
{
    return (struct myl_header){
        .kind = MYL_KIND_EVENTS,
        .cells = 8,
        .cell_bytes = 64,
        .events_per_cell = 1,
        .event_bytes = 48,
        .event_align = 8,
        .event_offset = 8,
        .max_consumers = 4,
    };
}

static struct myl_header frames(void)
{
    return (struct myl_header){
        .kind = MYL_KIND_FRAMES,
        .cells = 1024,
        .cell_bytes = 64,
        .events_per_cell = 1,
        .event_bytes = 4096,
        .event_align = 64,
        .event_offset = MYL_RECORD_BARE,
        .max_consumers = 4,
        .message_max = 1 << 20,
    };
}

/* Sets the fields that depend on the others, as the creator of a ring does. */
static void complete(struct myl_header *head)
{
    test_ok(myl_header_complete(head, 0));
}

/* Sets the fields of a ring with a schema text of that many bytes. */
#define DESCRIBE(head, bytes)                                                                                          \
    ((head).schema_bytes = (bytes), (head).codec = 4, (head).schema_hash = (head).schema_checksum = 7)

static void check_answers(int code, struct myl_header *head, uint64_t object_bytes, const char *what, int line)
{
    myl_header_seal(head);
    int rc = myl_header_check(head, object_bytes, "ring");
    if (rc != code)
        test_fail("line %d: %s: %s, expected %s: %s", line, what, myl_errname(rc), myl_errname(code),
                  myl_error_detail());
    if (code == MYL_ECORRUPT)
        expect_detail("ring \"ring\": the header's ");
}

#define FROM(base, change, code)                                                                                       \
    do {                                                                                                               \
        struct myl_header head = base();                                                                               \
        change;                                                                                                        \
        complete(&head);                                                                                               \
        check_answers((code), &head, head.segment_bytes, #change, __LINE__);                                           \
    } while (0)
/* For a field that determines the shape: the dependent fields are set after it. */
#define GOOD(base, change) FROM(base, change, MYL_OK)
#define BAD(base, change)  FROM(base, change, MYL_ECORRUPT)

#define DERIVED(base, change, code)                                                                                    \
    do {                                                                                                               \
        struct myl_header head = base();                                                                               \
        complete(&head);                                                                                               \
        change;                                                                                                        \
        check_answers((code), &head, head.segment_bytes, #change, __LINE__);                                           \
    } while (0)
/* For a dependent field alone. */
#define GOOD_ALONE(base, change) DERIVED(base, change, MYL_OK)
#define BAD_ALONE(base, change)  DERIVED(base, change, MYL_ECORRUPT)

static void cell_counts_out_of_range_are_refused(void **state)
{
    (void)state;
    GOOD(events, (void)head);
    GOOD(events, head.cells = MYL_CELLS_MIN);
    BAD(events, head.cells = MYL_CELLS_MIN - 1);
    GOOD(events, head.cells = MYL_CELLS_MAX);
    BAD(events, head.cells = 2 * MYL_CELLS_MAX);
    BAD(events, head.cells = 3);
    GOOD(events, head.cell_bytes = MYL_CELL_MAX);
    BAD(events, head.cell_bytes = MYL_CELL_MAX + 64);
    BAD(events, head.cell_bytes = 0);
    BAD(events, head.cell_bytes = 72);
    GOOD(events, head.event_bytes = 56);
    BAD(events, head.event_bytes = 57);
    GOOD(events, head.event_bytes = 1);
    BAD(events, head.event_bytes = 0);
    GOOD(events, (head.event_bytes = MYL_EVENT_MAX, head.cell_bytes = MYL_CELL_MAX));
    BAD(events, (head.event_bytes = MYL_EVENT_MAX + 1, head.cell_bytes = MYL_CELL_MAX));
    BAD(events, head.events_per_cell = 0);
    BAD(events, head.events_per_cell = 2);
    GOOD(events, (head.events_per_cell = 2, head.event_bytes = 24));
    BAD(events, (head.events_per_cell = 3, head.event_bytes = 24));
    BAD_ALONE(events, head.capacity--);
    BAD_ALONE(events, head.capacity++);
    BAD(events, head.kind = MYL_KIND_EVENTS - 1);
    BAD(events, head.kind = MYL_KIND_FRAMES + 1);
}

static void alignments_out_of_range_are_refused(void **state)
{
    (void)state;
    GOOD(events, head.event_align = 1);
    BAD(events, head.event_align = 0);
    BAD(events, head.event_align = 3);
    GOOD(events, (head.event_align = head.event_offset = MYL_EVENT_ALIGN_MAX, head.cell_bytes = 2 * 4096));
    BAD(events, (head.event_align = head.event_offset = 2 * MYL_EVENT_ALIGN_MAX, head.cell_bytes = 4 * 4096));
    BAD(events, (head.event_align = 1, head.event_offset = 7));
    GOOD(events, (head.event_align = 1, head.event_offset = 9));
    BAD(events, head.event_offset = 12);
    BAD(events, (head.event_offset = 64, head.event_bytes = 1));
    BAD(events, (head.event_align = head.event_offset = 128, head.cell_bytes = 192));
    GOOD(events, (head.event_align = head.event_offset = 128, head.cell_bytes = 256));
    BAD(events, (head.events_per_cell = 2, head.event_bytes = 20));
    GOOD(events, (head.events_per_cell = 2, head.event_bytes = 20, head.event_align = 4));
    GOOD(events, head.event_bytes = 47); /* one event per cell: its size is free */
}

static void header_options_out_of_range_are_refused(void **state)
{
    (void)state;
    BAD_ALONE(events, head.max_producers = 0);
    BAD_ALONE(events, head.max_producers = 2);
    GOOD(events, DESCRIBE(head, 1));
    GOOD(events, DESCRIBE(head, MYL_SCHEMA_MAX));
    BAD(events, DESCRIBE(head, MYL_SCHEMA_MAX + 1));
    BAD(events, DESCRIBE(head, 0));
    BAD_ALONE(events, DESCRIBE(head, MYL_SCHEMA_MAX)); /* the text would overlap the control area */
    GOOD_ALONE(events, DESCRIBE(head, MYL_SCHEMA_MAX - MYL_SCHEMA_OFFSET));
    BAD(events, (DESCRIBE(head, 1), head.codec = 0));
    BAD(events, (DESCRIBE(head, 1), head.schema_hash = 0));
    BAD(events, (DESCRIBE(head, 1), head.schema_hash = head.schema_checksum = 0));
    BAD(events, (DESCRIBE(head, 1), head.schema_checksum++));
    BAD(events, head.codec = 1);
    BAD(events, head.schema_checksum = 1);
    BAD(events, head.schema_hash = head.schema_checksum = 1);
    BAD(events, head.max_consumers = 0);
    GOOD(events, head.max_consumers = 1);
    GOOD(events, head.max_consumers = MYL_CONSUMERS_MAX);
    BAD(events, head.max_consumers = MYL_CONSUMERS_MAX + 1);
    GOOD(events, (head.no_consumers = MYL_STORED_BUFFER, head.buffer = 1));
    BAD(events, (head.no_consumers = MYL_STORED_BUFFER, head.buffer = 0));
    GOOD(events, (head.no_consumers = MYL_STORED_BUFFER, head.buffer = 8));
    BAD(events, (head.no_consumers = MYL_STORED_BUFFER, head.buffer = 9));
    BAD(events, head.no_consumers = MYL_STORED_BUFFER + 1);
    GOOD(events, head.backend = MYL_BACKEND_MEMFD);
    BAD(events, head.backend = MYL_BACKEND_MEMFD + 1);
    BAD(events, head.lanes = 2);
    GOOD(frames, head.lanes = 2);
    GOOD(frames, head.lanes = MYL_LANES_MAX);
    BAD(frames, head.lanes = MYL_LANES_MAX + 1);
    BAD_ALONE(frames, head.lanes = 0);
}

static void frame_shapes_out_of_range_are_refused(void **state)
{
    (void)state;
    uint64_t page = myl_os_page_size() / 64;
    GOOD(frames, (void)head);
    GOOD_ALONE(frames, (head.cells -= page, head.capacity = head.cells, head.data_bytes = head.cells * 64));
    BAD_ALONE(frames, (head.cells -= 1, head.capacity = head.cells, head.data_bytes = head.cells * 64));
    BAD(frames, head.cell_bytes = 128);
    BAD(frames, head.events_per_cell = 2);
    BAD(frames, head.event_align = 128);
    GOOD(frames, head.event_offset = MYL_RECORD_NUMBERED);
    BAD(frames, head.event_offset = 0);
    BAD(frames, head.event_offset = 48);
    GOOD(frames, head.event_bytes = 64);
    BAD(frames, head.event_bytes = 63);
    GOOD(frames, head.event_bytes = (1024 - 2) * 64); /* a header, and the next record's */
    BAD(frames, head.event_bytes = (1024 - 2) * 64 + 1);
    GOOD(frames, head.message_max = head.event_bytes);
    BAD(frames, head.message_max = head.event_bytes - 1);
    GOOD(frames, head.message_max = MYL_SEGMENT_MAX);
    BAD(frames, head.message_max = MYL_SEGMENT_MAX + 1);
    BAD_ALONE(frames, head.capacity++);
    BAD_ALONE(frames, head.data_bytes += myl_os_page_size());
}

/* Each check of a ring of frames names its field and the value. */
#define NAMES(change, text)                                                                                            \
    do {                                                                                                               \
        BAD_ALONE(frames, change);                                                                                     \
        expect_detail("the header's " text ", which is impossible");                                                   \
    } while (0)

static void frame_shape_errors_name_field_and_value(void **state)
{
    (void)state;
    NAMES(head.kind = 9, "kind is 9");
    NAMES(head.cells = 1, "number of cells is 1");
    NAMES(head.cells = 1023, "number of cells is 1023");
    NAMES(head.cell_bytes = 128, "cell size is 128");
    NAMES(head.event_offset = 48, "record header size is 48");
    NAMES(head.event_bytes = 63, "longest frame is 63");
    NAMES(head.message_max = 4095, "longest message is 4095");
    NAMES(head.capacity = 1025, "capacity is 1025");
    NAMES(head.data_bytes = 131072, "data size is 131072");
}

/* After the control areas of all lanes and the log. */
static uint64_t least_data_offset(const struct myl_header *head)
{
    uint64_t page = myl_os_page_size();
    return (head->control_offset + myl_log_end(head) + page - 1) / page * page;
}

static void header_offsets_out_of_range_are_refused(void **state)
{
    (void)state;
    uint64_t page = myl_os_page_size();
    GOOD_ALONE(events, head.segment_bytes = MYL_SEGMENT_MAX);
    BAD_ALONE(events, head.segment_bytes = MYL_SEGMENT_MAX + 1);
    GOOD_ALONE(events, head.control_offset = page);
    BAD_ALONE(events, head.control_offset = 0);
    BAD_ALONE(events, head.control_offset = page + 64);
    BAD_ALONE(events, head.control_offset = head.segment_bytes + page);
    BAD_ALONE(events, (DESCRIBE(head, 1), head.control_offset = page));
    GOOD_ALONE(events, (DESCRIBE(head, (uint32_t)page), head.control_offset = 2 * page));
    BAD_ALONE(events, (DESCRIBE(head, (uint32_t)page + 1), head.control_offset = 2 * page));
    GOOD_ALONE(events, head.control_bytes += MYL_CONTROL_ALIGN);
    BAD_ALONE(events, head.control_bytes -= MYL_CONTROL_ALIGN);
    BAD_ALONE(events, head.control_bytes += MYL_CONTROL_ALIGN / 2);
    BAD_ALONE(events, head.control_bytes = head.segment_bytes - head.control_offset + MYL_CONTROL_ALIGN);
    GOOD_ALONE(events, head.data_offset = least_data_offset(&head));
    BAD_ALONE(events, head.data_offset = least_data_offset(&head) - page);
    BAD_ALONE(events, (head.data_bytes = page, head.data_offset += 64));
    BAD_ALONE(events, head.data_offset = head.segment_bytes + page);
    GOOD_ALONE(events, head.data_bytes = page);
    BAD_ALONE(events, head.data_bytes = 0);
    BAD_ALONE(events, head.data_bytes = page + 64);
    GOOD_ALONE(events, head.data_bytes = head.segment_bytes - head.data_offset);
    BAD_ALONE(events, head.data_bytes = head.segment_bytes - head.data_offset + page);
    GOOD_ALONE(events, (head.cells = head.capacity = 128, head.data_bytes = 8192));
    BAD_ALONE(events, (head.cells = head.capacity = 128, head.data_bytes = 4096));
    /* With lanes, all of them must fit. */
    GOOD(frames, head.lanes = 2);
    GOOD_ALONE(frames, (head.lanes = 2, head.data_offset = least_data_offset(&head),
                        head.segment_bytes = head.data_offset + 2 * head.data_bytes));
    BAD_ALONE(frames, (head.lanes = 2, head.data_offset = least_data_offset(&head),
                       head.segment_bytes = head.data_offset + 2 * head.data_bytes - 1));
}

static void object_length_must_match_its_header(void **state)
{
    (void)state;
    struct myl_header head = events();
    complete(&head);
    check_answers(MYL_OK, &head, head.segment_bytes, "as long", __LINE__);
    check_answers(MYL_OK, &head, head.segment_bytes + 1, "longer", __LINE__);
    check_answers(MYL_ETRUNCATED, &head, head.segment_bytes - 1, "shorter", __LINE__);
}

static void largest_segment_can_be_made(void **state)
{
    (void)state;
    struct myl_header head = events();
    head.cell_bytes = 16384; /* 2^46 bytes of data, and the control area in addition */
    head.cells = MYL_CELLS_MAX;
    test_code(MYL_ECAPACITY, myl_header_complete(&head, 0));
    expect_detail("4294967296 events would need 70368744");
    head.cells = MYL_CELLS_MAX / 2;
    test_ok(myl_header_complete(&head, 0));
    assert_int_equal(head.data_offset % MYL_SECTION_ALIGN, 0);
    assert_int_equal(head.segment_bytes, head.data_offset + head.cells * head.cell_bytes);
    test_ok(myl_header_complete(&head, 1));
    assert_int_equal(head.data_offset % MYL_HUGE_ALIGN, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cell_counts_out_of_range_are_refused),
        cmocka_unit_test(alignments_out_of_range_are_refused),
        cmocka_unit_test(header_options_out_of_range_are_refused),
        cmocka_unit_test(frame_shapes_out_of_range_are_refused),
        cmocka_unit_test(frame_shape_errors_name_field_and_value),
        cmocka_unit_test(header_offsets_out_of_range_are_refused),
        cmocka_unit_test(object_length_must_match_its_header),
        cmocka_unit_test(largest_segment_can_be_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
