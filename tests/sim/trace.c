/* SPDX-License-Identifier: MIT
 * The trace of a run: a line for each event, with the names of the segment's words. */
#include "engine.h"

#include "segment/layout.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    size_t offset, bytes;
    const char *name;
} control_words[] =
    {
#define WORD(member) \
    { \
        offsetof(struct myl_control, member), sizeof(((struct myl_control *)0)->member), #member \
    }
        WORD(next),       WORD(gate),      WORD(version),          WORD(closed),
        WORD(superseded), WORD(epoch),     WORD(publisher_fences), WORD(entries_used),
        WORD(data.word),  WORD(data.need), WORD(room.word),        WORD(room.need),
        WORD(log_next),   WORD(missing),
#undef WORD
},
  entry_words[] = {
#define WORD(member) \
    { \
        offsetof(struct myl_participant, member), sizeof(((struct myl_participant *)0)->member), #member \
    }
      WORD(cursor),
      WORD(state),
      WORD(generation),
      WORD(id),
      WORD(opened_ns),
      WORD(left_order),
      WORD(pid),
      WORD(role),
      WORD(pid_namespace),
      WORD(started_ns),
      WORD(waiting),
      WORD(waits_for),
      WORD(stalled_since),
      WORD(died_ns),
      WORD(progress_ms),
      WORD(grace_ms),
      WORD(death_logged_generation),
      WORD(histograms),
      WORD(counters),
      WORD(activity),
#undef WORD
};

/* Names a word of the control area. Returns 0 if it is unknown. */
static int name_control(uint64_t at, char *text, size_t bytes)
{
    for (size_t i = 0; i < sizeof control_words / sizeof control_words[0]; i++) {
        if (at >= control_words[i].offset && at < control_words[i].offset + control_words[i].bytes) {
            (void)snprintf(text, bytes, "%s", control_words[i].name);
            return 1;
        }
    }
    if (at < sizeof(struct myl_control))
        return 0;
    uint64_t entry = (at - sizeof(struct myl_control)) / sizeof(struct myl_participant);
    uint64_t within = (at - sizeof(struct myl_control)) % sizeof(struct myl_participant);
    for (size_t i = 0; i < sizeof entry_words / sizeof entry_words[0]; i++) {
        if (within >= entry_words[i].offset && within < entry_words[i].offset + entry_words[i].bytes) {
            if (entry == 0)
                (void)snprintf(text, bytes, "producer.%s", entry_words[i].name);
            else
                (void)snprintf(text, bytes, "entry[%u].%s", (unsigned)entry - 1, entry_words[i].name);
            return 1;
        }
    }
    return 0;
}

static void word_name(uint64_t offset, char *text, size_t bytes)
{
    const struct sim_object *object = sim_object_at(offset);
    if (object == NULL) {
        (void)snprintf(text, bytes, "word %c", (int)('a' + offset / 8 % 26));
        return;
    }
    struct myl_header head;
    memcpy(&head, sim_arena() + object->offset, sizeof head);
    uint64_t at = offset - object->offset;
    if (head.magic != MYL_MAGIC || head.cell_bytes == 0)
        (void)snprintf(text, bytes, "inode %u+%u", (unsigned)object->inode, (unsigned)at);
    else if (at >= head.data_offset && (at - head.data_offset) % head.cell_bytes == 0)
        (void)snprintf(text, bytes, "stamp[%u]", (unsigned)((at - head.data_offset) / head.cell_bytes));
    else if (at >= head.data_offset)
        (void)snprintf(text, bytes, "event[%u]+%u", (unsigned)((at - head.data_offset) / head.cell_bytes),
                       (unsigned)((at - head.data_offset) % head.cell_bytes - head.event_offset));
    else if (at < head.control_offset || !name_control(at - head.control_offset, text, bytes))
        (void)snprintf(text, bytes, "header+%u", (unsigned)at);
}

/* --- lines ------------------------------------------------------------------------------------------------------- */

#define LINE_BYTES 200
#define TAIL_LINES 400U

static char tail[TAIL_LINES][LINE_BYTES];
static unsigned lines;

static void line(const char *indent, const char *text)
{
    const struct sim_participant *participant = sim.current;
    char buffer[LINE_BYTES];
    (void)snprintf(buffer, sizeof buffer, "%6llu %12.3f us  %-12s %-4s %s%s", (unsigned long long)sim.points,
                   (double)(sim.now - 1000000000) / 1000, participant == NULL ? "" : participant->process->name,
                   participant == NULL ? "" : participant->step, indent, text);
    if (sim.tracing == SIM_TRACE_ALL)
        printf("%s\n", buffer);
    else
        memcpy(tail[lines % TAIL_LINES], buffer, sizeof buffer);
    lines++;
}

void sim_trace_word(const char *what, uint64_t offset, uint64_t value, const char *remark)
{
    char name[64], text[LINE_BYTES];
    word_name(offset, name, sizeof name);
    (void)snprintf(text, sizeof text, value > UINT64_C(0xffffffff) ? "%-14s %-22s %#llx %s" : "%-14s %-22s %llu %s",
                   what, name, (unsigned long long)value, remark);
    line("", text);
}

void sim_trace(const char *format, ...)
{
    char text[LINE_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    line("", text);
}

void sim_note(const char *format, ...)
{
    char text[LINE_BYTES];
    va_list args;
    if (!sim.tracing)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    line("    ", text);
}

void sim_trace_enable(enum sim_tracing how)
{
    sim.tracing = how;
    if (how != SIM_TRACE_OFF)
        lines = 0; /* the lines that were kept are printed afterwards */
}

void sim_trace_print_tail(void)
{
    unsigned from = lines > TAIL_LINES ? lines - TAIL_LINES : 0;
    if (from > 0)
        printf("(%u earlier lines are left out)\n", from);
    for (unsigned i = from; i < lines; i++)
        printf("%s\n", tail[i % TAIL_LINES]);
}
