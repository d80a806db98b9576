/* SPDX-License-Identifier: MIT
 * What `myelon top` shows: rings looked at twice, and a page of lines made of them, whatever displays it. */
#ifndef MYELON_CLI_TOP_H
#define MYELON_CLI_TOP_H

#include "cli.h"

/* A ring as it is, and as it was at the look before (NULL: it was not there). */
struct top_ring {
    char name[256];              /* a path is cut from the left */
    myl_snapshot *now, *before;
    int64_t at, before_at;       /* cli_now_ns of the looks */
};

struct top {
    const char *const *only;     /* names asked for; count 0: all */
    size_t only_count;
    enum myl_backend backend;    /* of those asked for */
    struct top_ring *ring;       /* by name */
    size_t count;
    char gone[256];              /* the ring that vanished last; "": none has */
};

/* Looks at every ring. CLI_OK, or an exit code when there is no memory. */
int top_look(struct top *top);
void top_free(struct top *top);

enum top_style { TOP_PLAIN, TOP_HEAD, TOP_RING, TOP_BAD };

struct top_line {
    enum top_style style;
    char text[512];
};

/* The lines of a page, as wide as said. */
struct top_page {
    int width;
    struct top_line *line;
    size_t count, room;
    int failed;                  /* there was no memory for all of them */
};

void top_draw(struct top_page *page, const struct top *top);
void top_page_free(struct top_page *page);

/* The interactive display: until `q`. CLI_FAILED, with a sentence, if it was built without one. */
int top_display(struct top *top, int64_t interval_ns);

#endif
