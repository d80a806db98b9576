/* SPDX-License-Identifier: MIT
 * The line of figures. */
#include "tally.h"

#include <unistd.h>

#define REDRAW_NS MYL_MSEC(100)
#define LOOK_MASK 63U /* the clock is asked at every 64th message */

static void clear_line(void)
{
    fputs("\r\033[K", stderr);
}

void tally_start(struct tally *tally, int quiet)
{
    int64_t now = cli_now_ns();
    *tally = (struct tally){.shown = !quiet && isatty(STDERR_FILENO) == 1, .start_ns = now, .drawn_ns = now};
    if (tally->shown)
        cli_before_message(clear_line);
}

void tally_add(struct tally *tally, uint64_t bytes, uint64_t lag)
{
    tally->messages++;
    tally->bytes += bytes;
    if (!tally->shown || (tally->messages & LOOK_MASK) != 1)
        return;
    int64_t now = cli_now_ns(), since = now - tally->drawn_ns;
    if (since < REDRAW_NS)
        return;
    fprintf(stderr, "\r%llu messages  %s  %s  %s behind\033[K", (unsigned long long)tally->messages,
            cli_bytes(tally->bytes).s, cli_rate(tally->bytes - tally->drawn_bytes, since).s, cli_bytes(lag).s);
    tally->drawn_ns = now;
    tally->drawn_bytes = tally->bytes;
}

void tally_end(struct tally *tally, const char *what)
{
    if (!tally->shown)
        return;
    clear_line();
    cli_before_message(NULL);
    tally->shown = 0;
    int64_t took = cli_now_ns() - tally->start_ns;
    cli_say("%s %llu messages, %s in %s (%s)", what, (unsigned long long)tally->messages, cli_bytes(tally->bytes).s,
            cli_duration(took).s, cli_rate(tally->bytes, took).s);
}
