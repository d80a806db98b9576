/* SPDX-License-Identifier: MIT
 * myelon top: draws the page as text. Narrow pages have fewer columns; no line is wider than the page. */
#include "snapshot.h"
#include "text.h"
#include "top.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Minimum widths for more columns. */
enum { WIDE = 72, WIDER = 100 };

/* Shorter pauses are not shown: a busy consumer does not move between two batches. */
#define STILL_NS MYL_MSEC(100)

void top_page_free(struct top_page *page)
{
    free(page->line);
    memset(page, 0, sizeof *page);
}

MYL_PRINTF(3, 4) static void add(struct top_page *page, enum top_style style, const char *format, ...)
{
    if (page->count == page->room) {
        size_t room = page->room > 0 ? 2 * page->room : 32;
        struct top_line *grown = realloc(page->line, room * sizeof *grown);
        if (grown == NULL) {
            page->failed = 1;
            return;
        }
        page->line = grown;
        page->room = room;
    }
    struct top_line *line = &page->line[page->count++];
    char text[sizeof line->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    line->style = style;
    text_copy(line->text, sizeof line->text, text, (size_t)page->width);
    for (size_t end = strlen(line->text); end > 0 && line->text[end - 1] == ' '; end--)
        line->text[end - 1] = '\0';
}

/* Formats "1.2 M/s", "12.3 kB/s" or "870/s", in at most 9 columns. */
static struct cli_text rate_text(double rate, const char *counted)
{
    static const char *const units[] = {"", "k", "M", "G", "T"};
    struct cli_text text;
    size_t unit = 0;
    while (rate >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        rate /= 1000;
        unit++;
    }
    snprintf(text.s, sizeof text.s, "%.*f%s%s%s/s", unit > 0 && rate < 99.95 ? 1 : 0, rate,
             unit > 0 || counted[0] != '\0' ? " " : "", units[unit], counted);
    return text;
}

static double seconds(const struct top_ring *ring)
{
    return ring->before != NULL && ring->at > ring->before_at ? (double)(ring->at - ring->before_at) / 1e9 : 0;
}

/* What a participant has counted, as texts: messages and payload bytes per second, and messages so far. */
struct counted {
    struct cli_text messages, bytes, total;
};

static struct cli_text rate_of(const struct top_ring *ring, uint64_t now, uint64_t before, const char *unit)
{
    struct cli_text none = {"-"};
    double time = seconds(ring);
    return time <= 0 || now < before ? none : rate_text((double)(now - before) / time, unit);
}

/* `before` NULL: not known then. */
static struct counted counted_of(const struct top_ring *ring, enum myl_counters_level level, const uint64_t *now,
                                 const uint64_t *before)
{
    struct counted counted = {{"-"}, {"-"}, {"-"}};
    if (!snapshot_counts(&ring->now->info, level))
        return counted;
    snprintf(counted.total.s, sizeof counted.total.s, "%" PRIu64, now[MYL_COUNTER_MESSAGES]);
    if (before == NULL)
        return counted;
    counted.messages = rate_of(ring, now[MYL_COUNTER_MESSAGES], before[MYL_COUNTER_MESSAGES], "");
    counted.bytes = rate_of(ring, now[MYL_COUNTER_BYTES], before[MYL_COUNTER_BYTES], "B");
    return counted;
}

/* Formats the share of the time between the samples that was spent waiting. */
static struct cli_text share_of(const struct top_ring *ring, uint64_t now, uint64_t before)
{
    struct cli_text text = {"-"};
    double time = seconds(ring);
    if (time > 0 && now >= before) {
        double share = (double)(now - before) / 1e9 / time * 100;
        snprintf(text.s, sizeof text.s, "%.0f%%", share < 100 ? share : 100);
    }
    return text;
}

/* Returns 1 if the diagnosis found this participant stopped by a signal; "" is the producer. */
static int is_stopped(const struct top_ring *ring, const char *id)
{
    for (uint32_t i = 0; ring->why != NULL && i < ring->why->participants; i++) {
        if (strcmp(myl_diagnosis_participant_at(ring->why, i)->id, id) == 0)
            return myl_diagnosis_participant_at(ring->why, i)->condition == MYL_COND_STOPPED;
    }
    return 0;
}

static const myl_consumer_status *was(const struct top_ring *ring, const myl_consumer_status *consumer)
{
    for (uint32_t i = 0; ring->before != NULL && i < ring->before->consumers; i++) {
        const myl_consumer_status *other = myl_snapshot_entry(ring->before, i);
        if (strcmp(other->id, consumer->id) == 0 && other->generation == consumer->generation)
            return other;
    }
    return NULL;
}

/* Returns the state to show: the most severe first. */
static struct cli_text state_of(const struct top_ring *ring, const myl_consumer_status *consumer,
                                const myl_consumer_status *before, enum top_style *style)
{
    struct cli_text text;
    *style = TOP_PLAIN;
    if (!snapshot_gates(consumer) || consumer->state == MYL_PARTICIPANT_JOINING) {
        snprintf(text.s, sizeof text.s, "%s", snapshot_consumer_state(consumer));
    } else if (consumer->reserved) {
        snprintf(text.s, sizeof text.s, "reserved");
    } else if (!consumer->alive) {
        *style = TOP_BAD;
        snprintf(text.s, sizeof text.s, "dead");
    } else if (is_stopped(ring, consumer->id)) {
        *style = TOP_BAD;
        snprintf(text.s, sizeof text.s, "stopped");
    } else if (consumer->activity_left_ns > 0 && consumer->waiting_ns < 0) {
        snprintf(text.s, sizeof text.s, "busy");
    } else if (consumer->stalled_ns >= STILL_NS && (before == NULL || before->cursor == consumer->cursor)) {
        *style = TOP_BAD;
        snprintf(text.s, sizeof text.s, "still %.24s", cli_duration(consumer->stalled_ns).s);
    } else {
        snprintf(text.s, sizeof text.s, "%s", consumer->waiting_ns >= 0 ? "waiting" : "active");
    }
    return text;
}

/* Formats an activity notice and the time to its deadline; "": none. */
static void activity_text(char *text, size_t size, const char *notice, int64_t left_ns)
{
    size_t used = (size_t)snprintf(text, size, "%s", notice);
    if (notice[0] != '\0' && left_ns != 0 && used < size)
        snprintf(text + used, size - used, left_ns > 0 ? ", deadline in %s" : ", overdue by %s",
                 cli_duration(left_ns > 0 ? left_ns : -left_ns).s);
}

static void bar(char *text, int width, uint64_t lag, uint64_t capacity)
{
    uint64_t full = capacity == 0 ? 0 : (lag * (uint64_t)width + capacity - 1) / capacity;
    for (int i = 0; i < width; i++)
        text[i] = (uint64_t)i < full ? '#' : '.';
    text[width] = '\0';
}

static void draw_consumer(struct top_page *page, const struct top_ring *ring, const myl_consumer_status *consumer,
                          const myl_consumer_status *slowest)
{
    enum top_style style;
    char lag[101];
    int width = page->width >= WIDER ? 20 : page->width >= WIDE ? 14 : 8;
    const myl_consumer_status *before = was(ring, consumer);
    struct cli_text state = state_of(ring, consumer, before, &style), none = {"-"};
    struct counted counted =
        counted_of(ring, consumer->counters_level, consumer->counters, before != NULL ? before->counters : NULL);
    struct cli_text parked =
        before != NULL && consumer->alive ? share_of(ring, consumer->waited_ns, before->waited_ns) : none;
    uint64_t capacity = ring->now->info.capacity;
    unsigned percent = capacity > 0 ? (unsigned)(consumer->lag * 100 / capacity) : 0;
    const char *gates = consumer == slowest && consumer->lag > 0 ? "<" : " ";
    char activity[96];
    activity_text(activity, sizeof activity, consumer->activity, consumer->activity_left_ns);
    bar(lag, width, consumer->lag < capacity ? consumer->lag : capacity, capacity);
    if (page->width >= WIDER)
        add(page, style, "  %-28.28s %-11.11s %8s %9s %12s %5s [%s]%4u%% %s %s", consumer->id, state.s,
            counted.messages.s, counted.bytes.s, counted.total.s, parked.s, lag, percent, gates, activity);
    else if (page->width >= WIDE)
        add(page, style, "  %-16.16s %-11.11s %8s %9s %5s [%s]%4u%% %s", consumer->id, state.s, counted.messages.s,
            counted.bytes.s, parked.s, lag, percent, gates);
    else
        add(page, style, " %-10.10s %-11.11s [%s]%4u%%%s", consumer->id, state.s, lag, percent, gates);
    if (page->width < WIDER && activity[0] != '\0')
        add(page, style, "    %s", activity);
}

static void draw_ring(struct top_page *page, const struct top_ring *ring)
{
    const myl_snapshot *now = ring->now;
    const myl_consumer_status *slowest = snapshot_slowest(now);
    struct counted counted = counted_of(ring, now->producer_counters_level, now->producer_counters,
                                        ring->before != NULL ? ring->before->producer_counters : NULL);
    struct cli_text parked = ring->before != NULL && now->producer_alive
                                 ? share_of(ring, now->producer_waited_ns, ring->before->producer_waited_ns)
                                 : (struct cli_text){"-"};
    int stopped = now->producer_alive && is_stopped(ring, "");
    const char *state = stopped ? "stopped" : snapshot_state(now);
    const myl_diagnosis_participant *blamed = snapshot_blamed(ring->why);
    char waits[48] = "";
    if (now->awaited_consumer[0] != '\0')
        snprintf(waits, sizeof waits, "lacks %s", now->awaited_consumer);
    else if (now->producer_waiting_ns >= MYL_MSEC(5) && blamed != NULL)
        snprintf(waits, sizeof waits, "waits for %s", blamed->id);
    else if (now->producer_waiting_ns >= MYL_MSEC(5))
        snprintf(waits, sizeof waits, "waits");
    enum top_style style = stopped || strcmp(state, "dead") == 0 ? TOP_BAD : TOP_RING;
    if (page->width >= WIDER)
        add(page, style, "%-30.30s %-11.11s %8s %9s %12s %5s %2" PRIu32 "/%-2" PRIu32 " %s  %s", ring->name, state,
            counted.messages.s, counted.bytes.s, counted.total.s, parked.s, now->live_consumers,
            snapshot_gating_count(now), cli_bytes(now->info.segment_bytes).s, waits);
    else if (page->width >= WIDE)
        add(page, style, "%-18.18s %-11.11s %8s %9s %5s %2" PRIu32 "/%-2" PRIu32 "  %s", ring->name, state,
            counted.messages.s, counted.bytes.s, parked.s, now->live_consumers, snapshot_gating_count(now), waits);
    else
        add(page, style, "%-11.11s %-11.11s %s %s", ring->name, state, counted.messages.s, waits);
    char activity[96];
    activity_text(activity, sizeof activity, now->producer_activity, now->producer_activity_left_ns);
    if (activity[0] != '\0')
        add(page, style, "    %s", activity);
    for (uint32_t i = 0; i < now->consumers; i++) {
        if (snapshot_gates(myl_snapshot_entry(now, i)))
            draw_consumer(page, ring, myl_snapshot_entry(now, i), slowest);
    }
}

static double sort_key(const struct top_ring *ring, enum top_order order)
{
    const myl_consumer_status *slowest = snapshot_slowest(ring->now);
    if (order == TOP_BY_LAG)
        return slowest != NULL ? (double)slowest->lag / (double)ring->now->info.capacity : 0;
    double time = seconds(ring);
    if (time <= 0)
        return 0;
    uint64_t now = ring->now->producer_counters[MYL_COUNTER_MESSAGES];
    uint64_t before = ring->before->producer_counters[MYL_COUNTER_MESSAGES];
    return now > before ? (double)(now - before) / time : 0;
}

/* Draws the rings in the chosen order: by name, as stored, or the highest value first. */
static void draw_rings(struct top_page *page, const struct top *top)
{
    double drawn_key = 0;
    size_t drawn_index = 0;
    for (size_t n = 0; n < top->count; n++) {
        size_t best = n;
        double best_key = -1;
        for (size_t i = 0; top->order != TOP_BY_NAME && i < top->count; i++) {
            double key = sort_key(&top->ring[i], top->order);
            int drawn = n > 0 && (key > drawn_key || (key == drawn_key && i <= drawn_index));
            if (!drawn && key > best_key) {
                best = i;
                best_key = key;
            }
        }
        draw_ring(page, &top->ring[best]);
        drawn_key = best_key;
        drawn_index = best;
    }
}

static void draw_help(struct top_page *page)
{
    static const char *const lines[] = {
        "q         quits",
        "s         sorts by name, rate, lag",
        "?  h      shows the rings again",
        "up down   scroll by a line, as j and k do; the page keys scroll by a page",
        "",
        "MSG/S     messages (or events) a second; BYTES/S their payload; MESSAGES so far",
        "WAIT      share of the time spent in waits",
        "LAG       unacknowledged part of the ring (the bar); < marks the largest",
        "STATE     marked if dead, stopped (by a signal) or still (no progress while the producer waits)",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        add(page, TOP_PLAIN, "%s", lines[i]);
}

void top_draw(struct top_page *page, const struct top *top)
{
    static const char *const orders[] = {"", "   by rate", "   by lag"};
    page->count = 0;
    add(page, TOP_PLAIN, "myelon top   %s%s%s%s", cli_count(top->count, "ring").s, orders[top->order],
        top->gone[0] != '\0' ? "   gone: " : "", top->gone);
    if (page->width >= WIDER)
        add(page, TOP_HEAD, "%-30s %-11s %8s %9s %12s %5s %s", "RING / CONSUMER", "STATE", "MSG/S", "BYTES/S",
            "MESSAGES", "WAIT", "ALIVE, SIZE / LAG");
    else if (page->width >= WIDE)
        add(page, TOP_HEAD, "%-18s %-11s %8s %9s %5s %s", "RING / CONSUMER", "STATE", "MSG/S", "BYTES/S", "WAIT",
            "ALIVE / LAG");
    else
        add(page, TOP_HEAD, "%-11s %-11s %s", "RING", "STATE", "MSG/S / LAG");
    if (top->help) {
        draw_help(page);
        return;
    }
    draw_rings(page, top);
    if (top->count == 0)
        add(page, TOP_PLAIN, "No rings.");
}
