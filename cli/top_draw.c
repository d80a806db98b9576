/* SPDX-License-Identifier: MIT
 * myelon top: the page as text. Narrow pages have fewer columns; nothing is ever wider than the page. */
#include "snapshot.h"
#include "top.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* From these widths on there is room for more. */
enum { WIDE = 72, WIDER = 100 };

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
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line->text, sizeof line->text, format, arguments);
    va_end(arguments);
    line->style = style;
    if (page->width < (int)sizeof line->text)
        line->text[page->width] = '\0';
    for (size_t end = strlen(line->text); end > 0 && line->text[end - 1] == ' '; end--)
        line->text[end - 1] = '\0';
}

/* "1.2 M", "870"; with what is counted: "1.2 MB", "870 B" */
static struct cli_text rate_text(double rate, const char *counted)
{
    static const char units[] = " kMGT";
    struct cli_text text;
    size_t unit = 0;
    while (rate >= 999.5 && unit + 2 < sizeof units) {
        rate /= 1000;
        unit++;
    }
    if (unit == 0)
        snprintf(text.s, sizeof text.s, "%.0f%s%s", rate, counted[0] != '\0' ? " " : "", counted);
    else
        snprintf(text.s, sizeof text.s, "%.1f %c%s", rate, units[unit], counted);
    return text;
}

static double seconds(const struct top_ring *ring)
{
    return ring->before != NULL && ring->at > ring->before_at ? (double)(ring->at - ring->before_at) / 1e9 : 0;
}

/* Events, or the bytes of so many cells, which say more of messages. */
static struct cli_text rate_of(const struct top_ring *ring, uint64_t now, uint64_t before)
{
    struct cli_text none = {"-"};
    double time = seconds(ring);
    if (time <= 0 || now < before)
        return none;
    int frames = ring->now->info.kind == MYL_RING_OF_FRAMES;
    return rate_text((double)(now - before) * (frames ? ring->now->info.cell_size : 1) / time, frames ? "B" : "");
}

/* The share of the time between the looks that was spent waiting. */
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

static const myl_consumer_status *was(const struct top_ring *ring, const myl_consumer_status *consumer)
{
    for (uint32_t i = 0; ring->before != NULL && i < ring->before->consumers; i++) {
        const myl_consumer_status *other = &ring->before->entry[i];
        if (strcmp(other->id, consumer->id) == 0 && other->generation == consumer->generation)
            return other;
    }
    return NULL;
}

/* What people want to know first. */
static struct cli_text state_of(const myl_consumer_status *consumer, enum top_style *style)
{
    struct cli_text text;
    *style = TOP_PLAIN;
    if (!snapshot_gates(consumer) || consumer->state == MYL_PARTY_JOINING) {
        snprintf(text.s, sizeof text.s, "%s", snapshot_consumer_state(consumer));
    } else if (!consumer->alive) {
        *style = TOP_BAD;
        snprintf(text.s, sizeof text.s, "dead");
    } else if (consumer->patience_ns > 0 && consumer->waiting_ns < 0) {
        snprintf(text.s, sizeof text.s, "busy");
    } else if (consumer->still_ns > 0) {
        *style = TOP_BAD;
        snprintf(text.s, sizeof text.s, "still %.24s", cli_duration(consumer->still_ns).s);
    } else {
        snprintf(text.s, sizeof text.s, "%s", consumer->waiting_ns >= 0 ? "waiting" : "active");
    }
    return text;
}

/* What it said it is doing, and for how long it asks for patience; "": nothing. */
static void saying(char *text, size_t size, const char *doing, int64_t patience_ns)
{
    size_t used = (size_t)snprintf(text, size, "%s", doing);
    if (doing[0] != '\0' && patience_ns != 0 && used < size)
        snprintf(text + used, size - used, patience_ns > 0 ? ", for %s more" : ", overdue by %s",
                 cli_duration(patience_ns > 0 ? patience_ns : -patience_ns).s);
}

static int name_width(const struct top_page *page)
{
    return page->width >= WIDER ? 30 : 18;
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
    int width = page->width >= WIDER ? 40 : page->width >= WIDE ? 20 : 8;
    const myl_consumer_status *before = was(ring, consumer);
    struct cli_text state = state_of(consumer, &style), none = {"-"};
    struct cli_text rate = before != NULL ? rate_of(ring, consumer->cursor, before->cursor) : none;
    struct cli_text parked =
        before != NULL && consumer->alive ? share_of(ring, consumer->waited_ns, before->waited_ns) : none;
    uint64_t capacity = ring->now->info.capacity;
    unsigned percent = capacity > 0 ? (unsigned)(consumer->lag * 100 / capacity) : 0;
    const char *gates = consumer == slowest && consumer->lag > 0 ? "<" : " ";
    char said[96];
    saying(said, sizeof said, consumer->doing, consumer->patience_ns);
    bar(lag, width, consumer->lag < capacity ? consumer->lag : capacity, capacity);
    if (page->width >= WIDE)
        add(page, style, "  %-*.*s %-14.14s %8s/s %5s [%s]%4u%% %s %s", name_width(page) - 2, name_width(page) - 2,
            consumer->id, state.s, rate.s, parked.s, lag, percent, gates, page->width >= WIDER ? said : "");
    else
        add(page, style, " %-10.10s %-11.11s [%s]%4u%%%s", consumer->id, state.s, lag, percent, gates);
    if (page->width < WIDER && said[0] != '\0')
        add(page, style, "    %s", said);
}

static void draw_ring(struct top_page *page, const struct top_ring *ring)
{
    const myl_snapshot *now = ring->now;
    const myl_consumer_status *slowest = snapshot_slowest(now);
    struct cli_text rate = ring->before != NULL ? rate_of(ring, now->next, ring->before->next) : (struct cli_text){"-"};
    struct cli_text parked = ring->before != NULL && now->producer_alive
                                 ? share_of(ring, now->producer_waited_ns, ring->before->producer_waited_ns)
                                 : (struct cli_text){"-"};
    const char *state = snapshot_state(now);
    char waits[48] = "";
    if (now->missing[0] != '\0')
        snprintf(waits, sizeof waits, "lacks %s", now->missing);
    else if (now->producer_waiting_ns >= MYL_MSEC(5) && slowest != NULL)
        snprintf(waits, sizeof waits, "waits for %s", slowest->id);
    else if (now->producer_waiting_ns >= MYL_MSEC(5))
        snprintf(waits, sizeof waits, "waits");
    enum top_style style = strcmp(state, "dead") == 0 ? TOP_BAD : TOP_RING;
    if (page->width >= WIDE)
        add(page, style, "%-*.*s %-14.14s %8s/s %5s %2" PRIu32 "/%-2" PRIu32 " %s%s  %s", name_width(page),
            name_width(page), ring->name, state, rate.s, parked.s, now->live_consumers, snapshot_gating_count(now),
            page->width >= WIDER ? cli_bytes(now->info.segment_bytes).s : "", page->width >= WIDER ? "  " : "", waits);
    else
        add(page, style, "%-11.11s %-11.11s %7s/s %s", ring->name, state, rate.s, waits);
    char said[96];
    saying(said, sizeof said, now->producer_doing, now->producer_patience_ns);
    if (said[0] != '\0')
        add(page, style, "    %s", said);
    for (uint32_t i = 0; i < now->consumers; i++) {
        if (snapshot_gates(&now->entry[i]))
            draw_consumer(page, ring, &now->entry[i], slowest);
    }
}

void top_draw(struct top_page *page, const struct top *top)
{
    page->count = 0;
    add(page, TOP_PLAIN, "myelon top   %zu ring%s%s%s", top->count, top->count == 1 ? "" : "s",
        top->gone[0] != '\0' ? "   gone: " : "", top->gone);
    if (page->width >= WIDE)
        add(page, TOP_HEAD, "%-*s %-14s %8s   %5s %5s %s", name_width(page), "RING / CONSUMER", "STATE", "RATE",
            "PARKED", "ALIVE", page->width >= WIDER ? "SIZE / LAG" : "LAG");
    else
        add(page, TOP_HEAD, "%-11s %-11s %s", "RING", "STATE", "RATE / LAG");
    for (size_t i = 0; i < top->count; i++)
        draw_ring(page, &top->ring[i]);
    if (top->count == 0)
        add(page, TOP_PLAIN, "There is no ring.");
}
