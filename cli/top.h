/* SPDX-License-Identifier: MIT
 * The data of `myelon top`: two samples of each ring, and a page of text lines for any display. */
#ifndef MYELON_CLI_TOP_H
#define MYELON_CLI_TOP_H

#include "cli.h"

/* A ring now, and in the previous sample (NULL: not seen then). */
struct top_ring {
    char name[256];              /* a path is cut from the left */
    myl_snapshot *now, *before;
    myl_diagnosis *why;          /* stopped and waited-for participants; NULL: unknown */
    int64_t at, before_at;       /* cli_now_ns of the samples */
};

/* How the rings are sorted. */
enum top_order { TOP_BY_NAME, TOP_BY_RATE, TOP_BY_LAG, TOP_ORDERS };

struct top {
    const char *const *only;     /* given names; count 0: all rings */
    size_t only_count;
    enum myl_backend backend;    /* of the given names */
    struct top_ring *ring;       /* sorted by name */
    size_t count;
    enum top_order order;
    int help;                    /* show the page of keys */
    char gone[256];              /* the ring that disappeared last; "": none */
};

/* Samples every ring. Returns CLI_OK, or an exit code after reporting an error that prevents it. */
int top_scan(struct top *top);
void top_free(struct top *top);

enum top_style { TOP_PLAIN, TOP_HEAD, TOP_RING, TOP_BAD };

struct top_line {
    enum top_style style;
    char text[512];
};

/* The lines of a page of the given width. */
struct top_page {
    int width;
    struct top_line *line;
    size_t count, room;
    int failed;                  /* out of memory: lines are missing */
};

void top_draw(struct top_page *page, const struct top *top);
void top_page_free(struct top_page *page);

/* Runs the interactive display until `q`. Returns CLI_FAILED after a report in a build without ncurses. */
int top_display(struct top *top, int64_t interval_ns);

#endif
