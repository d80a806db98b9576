/* SPDX-License-Identifier: MIT
 * The oracle of frames: see frames.h. */
#include "frames.h"

#include "sim.h"

#include <inttypes.h>
#include <string.h>

#define CELL 64U
#define WHOLE 3U /* the flags of a message of one record */

/* The messages of one session, in ring order. Only the last one can be in doubt. */
struct stream {
    struct item item[FRAMES_ITEMS];
    unsigned items;
};

static struct stream streams[ORACLE_SESSIONS];
static struct frame_shape shape;
static uint64_t ids;

void frames_begin(const struct frame_shape *of)
{
    for (unsigned i = 0; i < ORACLE_SESSIONS; i++)
        streams[i].items = 0;
    shape = *of;
    ids = 0;
}

static struct stream *stream_of(const struct session *session)
{
    return &streams[session - oracle.session];
}

static uint64_t round_up(uint64_t bytes)
{
    return (bytes + CELL - 1) / CELL;
}

static int is_open(const struct item *item)
{
    return item->state == ITEM_OPEN || item->state == ITEM_DEAD;
}

/* First cell after all that the message has, or may have. */
static uint64_t reach(const struct item *item)
{
    return is_open(item) ? item->start + item->cells : item->end;
}

/* --- content --------------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* The word at byte `at`. At the start of a cell it looks like a stamp of this lap or one of the next, and the word
 * after it like the header of a short message. A reader that takes payload for a record therefore reads on and is
 * detected. */
static uint64_t content(const struct item *item, uint64_t at, uint64_t capacity)
{
    uint64_t in_fragment = at % item->chunk, r = mix(item->id * UINT64_C(0x9e3779b97f4a7c15) + at);
    uint64_t position = item->start + at / item->chunk * item->chunk_cells + 1 + in_fragment / CELL;
    if (in_fragment % CELL == 0)
        return position + 1 + (r & 3) * capacity;
    if (in_fragment % CELL == 8)
        return (r >> 8) % 40 | (r & 255) << 32 | (uint64_t)WHOLE << 40;
    return r;
}

static uint64_t capacity_of(const struct item *item)
{
    for (unsigned i = 0; i < oracle.sessions; i++) {
        if (item >= streams[i].item && item < streams[i].item + FRAMES_ITEMS)
            return oracle.session[i].capacity;
    }
    return 0;
}

void frames_content(const struct item *item, unsigned char *bytes)
{
    uint64_t capacity = capacity_of(item);
    for (uint64_t at = 0; at < item->length; at += sizeof(uint64_t)) {
        uint64_t word = content(item, at, capacity), left = item->length - at;
        memcpy(bytes + at, &word, left < sizeof word ? left : sizeof word);
    }
}

static void check_content(const char *who, const struct item *item, const unsigned char *bytes)
{
    uint64_t capacity = capacity_of(item);
    for (uint64_t at = 0; at < item->length; at += sizeof(uint64_t)) {
        uint64_t word = content(item, at, capacity), left = item->length - at, is;
        memcpy(&is, bytes + at, sizeof is); /* there is room after it */
        SIM_CHECK(is == word || memcmp(bytes + at, &word, left < sizeof word ? left : sizeof word) == 0, "torn",
                  "%s reads the message of %" PRIu64 " bytes at %" PRIu64 ": byte %" PRIu64
                  " and the following ones are wrong",
                  who, item->length, item->start, at);
    }
}

/* --- producers --------------------------------------------------------------------------------------------------- */

static struct item *last_of(const struct session *session)
{
    struct stream *stream = stream_of(session);
    return stream->items == 0 ? NULL : &stream->item[stream->items - 1];
}

unsigned frames_count(const struct session *session)
{
    return stream_of(session)->items;
}

struct item *frames_publishes(struct session *session, uint64_t start, uint64_t length)
{
    struct stream *stream = stream_of(session);
    SIM_CHECK(stream->items < FRAMES_ITEMS, "engine", "more than %d messages", FRAMES_ITEMS);
    struct item *item = &stream->item[stream->items++];
    *item = (struct item){.id = ++ids, .start = start, .length = length, .chunk = shape.max_frame, .fragments = 1};
    item->kind = (uint32_t)mix(item->id) & 255U;
    item->chunk_cells = 1 + round_up(shape.max_frame);
    item->began_ns = sim_now();
    if (length <= CELL - shape.header) {
        item->cells = 1;
    } else if (length <= shape.max_frame) {
        item->cells = 1 + round_up(length);
    } else {
        uint64_t full = (length - 1) / shape.max_frame;
        item->fragments = (uint32_t)full + 1;
        item->cells = full * item->chunk_cells + 1 + round_up(length - full * shape.max_frame);
    }
    item->big = item->cells + 1 > session->capacity;
    session->publishing = start + item->cells;
    return item;
}

/* Decides the message in doubt: [start, end) of it is published. */
static void settle(struct session *session, struct item *item, uint64_t end, const char *how)
{
    uint64_t there = end - item->start;
    uint64_t fragments = there / item->chunk_cells, given_up = there % item->chunk_cells;
    if (end == item->start) {
        SIM_CHECK(!item->read && !item->reported_to, "takeover", "%s a message that was read, and it is missing", how);
        stream_of(session)->items--;
        return;
    }
    item->end = end;
    item->state = there == item->cells ? ITEM_WHOLE : ITEM_PARTIAL;
    SIM_CHECK(item->state == ITEM_WHOLE || (there < item->cells && fragments > 0 && given_up <= 1), "takeover",
              "%s %" PRIu64 " cells of a message of %" PRIu64 ", which is no number of its fragments", how, there,
              item->cells);
    SIM_CHECK(item->state == ITEM_WHOLE || item->big, "takeover",
              "%s %" PRIu64 " of %" PRIu64 " cells of a message that fits in the ring; it must be all or nothing", how,
              there, item->cells);
    SIM_CHECK(item->state != ITEM_WHOLE || !item->reported_to, "aborted",
              "%s the complete message at %" PRIu64 ", which was reported as aborted", how, item->start);
    SIM_CHECK(item->state != ITEM_PARTIAL || !item->read, "takeover",
              "%s a part of the message at %" PRIu64 ", which a reader got completely", how, item->start);
}

void frames_published(struct session *session, int rc, uint64_t next)
{
    struct item *item = last_of(session);
    SIM_CHECK(rc != MYL_OK || next == item->start + item->cells, "answer",
              "a message of %" PRIu64 " cells at %" PRIu64 " is published, and ends at %" PRIu64, item->cells,
              item->start, next);
    SIM_CHECK(rc == MYL_OK || item->big || next == item->start, "answer",
              "a message that fits in the ring fails with %s and is published up to %" PRIu64, myl_errname(rc), next);
    settle(session, item, next, "the publish left");
    session->committed = session->publishing = next;
}

void frames_producer_died(struct session *session)
{
    struct item *item = last_of(session);
    if (item != NULL && item->state == ITEM_OPEN)
        item->state = ITEM_DEAD;
}

/* If the last cell has the abort record of the message before the one in doubt, then nothing of the one in doubt is
 * published. */
static void settle_aborted(struct session *session, uint64_t next)
{
    struct stream *stream = stream_of(session);
    struct item *item = last_of(session);
    int in_doubt = item != NULL && is_open(item);
    if (stream->items < 1U + (unsigned)in_doubt)
        return;
    struct item *given_up = item - in_doubt;
    if (given_up->state != ITEM_PARTIAL || next != given_up->end + 1 ||
        (given_up->end - given_up->start) % given_up->chunk_cells != 0 || (in_doubt && item->read))
        return;
    stream->items -= (unsigned)in_doubt;
    given_up->end = session->committed = session->publishing = next;
}

void frames_resumed(struct session *session, uint64_t next, uint64_t messages, int gave_up)
{
    if (gave_up)
        settle_aborted(session, next);
    struct item *item = last_of(session);
    if (item != NULL && is_open(item))
        settle(session, item, next, "the takeover found");
    else
        SIM_CHECK(next == session->committed, "takeover",
                  "%s continues at %" PRIu64 ", but the published cells end at %" PRIu64, sim_self_name(), next,
                  session->committed);
    uint64_t expected = shape.numbers == MYL_FRAMES_BARE ? 0 : frames_count(session);
    SIM_CHECK(messages == expected, "number", "%s counts %" PRIu64 " messages so far, expected %" PRIu64,
              sim_self_name(), messages, expected);
}

uint64_t frames_need(const struct session *session)
{
    const struct item *item = last_of(session);
    if (item == NULL || item->state != ITEM_OPEN)
        return 0;
    return (item->big ? item->chunk_cells : item->cells) + 1;
}

static int gates(const struct reader *reader)
{
    return reader->state == READER_ACTIVE || (reader->state == READER_DEAD && !reader->given_up);
}

void frames_claimed(const struct session *session, uint64_t end)
{
    for (unsigned i = 0; i < session->readers; i++) {
        const struct reader *r = &session->reader[i];
        uint64_t bound = frames_bound(session, r);
        /* The word after the last record belongs to the producer, too. */
        SIM_CHECK(!gates(r) || end + 1 <= bound + session->capacity, "gate",
                  "%s may write up to %" PRIu64 ", over cells that consumer \"%s\", at %" PRIu64 ", has not released",
                  sim_self_name(), end + 1, r->id, bound);
    }
}

/* --- consumers --------------------------------------------------------------------------------------------------- */

uint64_t frames_bound(const struct session *session, const struct reader *r)
{
    const struct stream *stream = stream_of(session);
    int whole = r->acking == ACKS_ONE ? 1 : 0;
    uint64_t at = r->high;
    if (r->acking == ACKS_NOTHING)
        return at;
    if (r->acking == ACKS_ANY)
        return session->publishing > at ? session->publishing : at;
    for (unsigned i = 0; i < stream->items; i++) {
        const struct item *item = &stream->item[i];
        if (reach(item) <= at)
            continue;
        int passes = item->start < at || item->state == ITEM_PARTIAL || (item->state == ITEM_DEAD && item->big) ||
                     (item->fragments > 1 && item->length > r->room);
        if (!passes && whole-- <= 0)
            return item->big ? item->start + (item->fragments - 1) * item->chunk_cells : item->start;
        at = reach(item);
    }
    return at;
}

void frames_joined(struct frame_view *view, struct session *session, uint64_t position, uint64_t room)
{
    *view = (struct frame_view){.session = session,
                                .done = position,
                                .from = position,
                                .reported_to = position,
                                .room = room,
                                .number = -1};
}

/* The first message for which the reader has no result yet. */
static struct item *next_item(const struct frame_view *view)
{
    struct stream *stream = stream_of(view->session);
    for (unsigned i = 0; i < stream->items; i++) {
        if (stream->item[i].start >= view->done)
            return &stream->item[i];
    }
    return NULL;
}

static struct item *item_ending_at(const struct session *session, uint64_t end)
{
    struct stream *stream = stream_of(session);
    for (unsigned i = stream->items; i-- > 0;) {
        struct item *item = &stream->item[i];
        if (item->start + item->cells == end && item->state != ITEM_PARTIAL)
            return item;
    }
    return NULL;
}

/* Checks that the delivered message is this one. */
static void check_message(const struct frame_view *view, struct item *item, const myl_message *message,
                          const unsigned char *bytes, uint64_t end)
{
    const char *who = sim_self_name();
    SIM_CHECK(item != NULL, "unpublished",
              "%s gets a message of %" PRIu64 " bytes up to %" PRIu64 "; no message ends there", who, message->length,
              end);
    SIM_CHECK(message->length == item->length && message->kind == item->kind && message->fragments == item->fragments,
              "torn",
              "%s gets %" PRIu64 " bytes of kind %u in %u parts at %" PRIu64 "; expected %" PRIu64 " of kind %u in %u",
              who, message->length, message->kind, message->fragments, item->start, item->length, item->kind,
              item->fragments);
    check_content(who, item, bytes);
    uint64_t number = (uint64_t)(item - stream_of(view->session)->item);
    SIM_CHECK(message->number == (shape.numbers == MYL_FRAMES_BARE ? 0 : number), "number",
              "%s gets message %" PRIu64 " as number %" PRIu64, who, number, message->number);
    int in_time = shape.numbers != MYL_FRAMES_TIMED
                      ? message->sent_ns == 0
                      : message->sent_ns >= item->began_ns && message->sent_ns <= sim_now();
    SIM_CHECK(in_time, "time", "%s gets a message with the time %" PRId64 ", but it began at %" PRId64, who,
              message->sent_ns, item->began_ns);
    item->read |= is_open(item);
    SIM_CHECK(!item->reported_to || !is_open(item), "aborted",
              "%s gets a message that was reported to another reader as aborted", who);
    uint64_t seen = item->fragments > 1 || is_open(item) ? item->start + item->cells : item->end;
    view->session->seen = view->session->seen < seen ? seen : view->session->seen;
}

void frames_check(const struct frame_view *view, const myl_message *message, const unsigned char *bytes, uint64_t end)
{
    check_message(view, item_ending_at(view->session, end), message, bytes, end);
}

static void check_between(const struct frame_view *view, uint64_t up_to, const char *what)
{
    const struct item *missed = next_item(view);
    if (missed == NULL || missed->start >= up_to || is_open(missed))
        return;
    SIM_CHECK(missed->state != ITEM_WHOLE, "lost",
              "%s %s, but it has not got the message of %" PRIu64 " bytes at %" PRIu64, sim_self_name(), what,
              missed->length, missed->start);
    sim_violation("aborted", "%s %s, without a report that the message at %" PRIu64 " was aborted", sim_self_name(),
                  what, missed->start);
}

void frames_read(struct frame_view *view, const myl_message *message, const unsigned char *bytes, uint64_t end,
                 int holds)
{
    struct item *item = item_ending_at(view->session, end);
    check_message(view, item, message, bytes, end);
    SIM_CHECK(item->start >= view->done, "repeated", "%s gets the message at %" PRIu64 " again", sim_self_name(),
              item->start);
    check_between(view, item->start, "gets a later message");
    if (!holds)
        view->done = item->start + 1;
}

void frames_aborted(struct frame_view *view)
{
    struct item *item = next_item(view);
    SIM_CHECK(item != NULL && item->state != ITEM_WHOLE && item->big && !item->read, "aborted",
              "%s gets a report that a message was aborted, but the one at %" PRIu64 " was not", sim_self_name(),
              item == NULL ? view->done : item->start);
    item->reported_to |= is_open(item);
    view->done = item->start + 1;
}

void frames_too_big(struct frame_view *view)
{
    const struct item *item = next_item(view);
    SIM_CHECK(item != NULL && item->fragments > 1 && item->length > view->room, "answer",
              "%s gets MYL_ETOOBIG, but the message at %" PRIu64 " has %" PRIu64 " bytes", sim_self_name(),
              item == NULL ? view->done : item->start, item == NULL ? 0 : item->length);
    view->done = item->start + 1;
}

void frames_next_is(const struct frame_view *view, uint64_t length)
{
    const struct item *item = next_item(view);
    SIM_CHECK(item != NULL && item->length == length, "answer",
              "%s gets a description of a message of %" PRIu64 " bytes, expected %" PRIu64, sim_self_name(), length,
              item == NULL ? 0 : item->length);
}

void frames_ended(const struct frame_view *view, uint64_t end)
{
    check_between(view, end, "gets the end of the stream");
}

void frames_rewound(struct frame_view *view, uint64_t acknowledged)
{
    const struct stream *stream = stream_of(view->session);
    if (view->done > acknowledged)
        view->done = acknowledged;
    /* A message longer than the ring is completed by its last fragment; all fragments before that are acknowledged. */
    for (unsigned i = 0; i < stream->items; i++) {
        const struct item *item = &stream->item[i];
        uint64_t last = item->start + (item->fragments - 1) * item->chunk_cells;
        if (item->state != ITEM_PARTIAL && !item->reported_to && item->big && item->length <= view->room &&
            acknowledged == last && item->start >= view->from && view->done > item->start)
            view->done = item->start;
    }
}

/* A reader that began within a message, with fragments of it still to come, has skipped it. */
void frames_skipped(const struct frame_view *view, uint64_t skipped, uint64_t position)
{
    const struct stream *stream = stream_of(view->session);
    uint64_t expected = 0;
    for (unsigned i = 0; i < stream->items; i++) {
        const struct item *item = &stream->item[i];
        uint64_t left = reach(item) - view->from;
        if (is_open(item) && item->start < view->from)
            return; /* unknown */
        if (item->start < view->from && view->from < reach(item) && position > view->from)
            expected = item->state == ITEM_WHOLE || left > 1;
    }
    SIM_CHECK(skipped == expected, "skipped",
              "%s, which began at %" PRIu64 ", reports %" PRIu64 " skipped messages, expected %" PRIu64,
              sim_self_name(), view->from, skipped, expected);
}

/* --- observers --------------------------------------------------------------------------------------------------- */

/* Number of reported cells, which are not lost. `spared`: at most this many of them may have been overwritten
 * nevertheless. */
static uint64_t reported(const struct frame_view *view, uint64_t gate, uint64_t *spared)
{
    uint64_t cells = 0;
    *spared = 0;
    for (unsigned i = 0; i < view->reports; i++) {
        const struct item *item = view->report[i];
        uint64_t there = reach(item) - item->start, given_up = there % item->chunk_cells;
        int too_big = item->length > view->room;
        cells += there;
        if (too_big && gate > item->start)
            *spared += there - item->chunk_cells;
        else if (!too_big && item->state == ITEM_PARTIAL && given_up == 1 && gate >= reach(item))
            *spared += 1;
    }
    return cells;
}

/* Returns 1 if the observer began within a message: the rest of it is lost without being overwritten. */
static int begins_inside(const struct frame_view *view)
{
    const struct stream *stream = stream_of(view->session);
    for (unsigned i = 0; i < stream->items; i++) {
        if (stream->item[i].start < view->from && view->from < reach(&stream->item[i]))
            return 1;
    }
    return 0;
}

void frames_observed(struct frame_view *view, const myl_message *message, const myl_frame_lost *lost,
                     const unsigned char *bytes, uint64_t end, uint64_t gate)
{
    struct item *item = item_ending_at(view->session, end);
    check_message(view, item, message, bytes, end);
    SIM_CHECK(item->start >= view->done, "repeated", "%s gets the message at %" PRIu64 " again", sim_self_name(),
              item->start);
    uint64_t spared, least = item->start - view->reported_to - reported(view, gate, &spared);
    SIM_CHECK(lost->bytes >= least * CELL && lost->bytes <= (least + spared) * CELL, "observer",
              "%s gets a report that %" PRIu64 " bytes were lost between %" PRIu64 " and %" PRIu64 "; it was %" PRIu64
              " to %" PRIu64 " cells, and %u messages were reported",
              sim_self_name(), lost->bytes, view->reported_to, item->start, least, least + spared, view->reports);
    if (lost->bytes > 0 && view->reports == 0 && !(view->reported_to == view->from && begins_inside(view)))
        oracle_overrun(view->session, sim_self_name(), view->reported_to, 1);
    int64_t number = (int64_t)(item - stream_of(view->session)->item);
    uint64_t missed = view->number < 0 || shape.numbers == MYL_FRAMES_BARE
                          ? 0
                          : (uint64_t)(number - view->number - 1 - view->reports);
    SIM_CHECK(lost->messages == missed, "observer",
              "%s gets a report that %" PRIu64 " messages were lost, expected %" PRIu64, sim_self_name(),
              lost->messages, missed);
    view->done = item->start + 1;
    view->reported_to = end;
    view->reports = 0;
    view->number = number;
}

/* Returns the message that an observer at `position` may report. An abort is reported at the message's end, or after
 * the abort record. Where that record is, a message in doubt may be, too. */
static struct item *reported_of(const struct frame_view *view, int rc, uint64_t position)
{
    struct stream *stream = stream_of(view->session);
    struct item *found = NULL;
    for (unsigned i = 0; i < stream->items; i++) {
        struct item *item = &stream->item[i];
        int fits =
            rc == MYL_ETOOBIG ? item->length > view->room : item->state != ITEM_WHOLE && item->big && !item->read;
        if (item->start < view->done || item->start >= position || item->fragments == 1 || !fits)
            continue;
        found = item;
        if (rc == MYL_EABORTED && item->state == ITEM_PARTIAL && (item->end == position || item->end + 1 == position))
            break;
    }
    return found;
}

void frames_observer_reported(struct frame_view *view, int rc, uint64_t position)
{
    struct item *item = reported_of(view, rc, position);
    SIM_CHECK(item != NULL, "answer", "%s, at %" PRIu64 ", gets %s, which no message explains", sim_self_name(),
              position, myl_errname(rc));
    view->done = item->start + 1;
    item->reported_to |= rc == MYL_EABORTED && is_open(item);
    SIM_CHECK(view->reports < FRAMES_REPORTS, "engine", "more than %d reported messages in a row", FRAMES_REPORTS);
    view->report[view->reports++] = item;
}
