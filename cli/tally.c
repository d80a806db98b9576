/* SPDX-License-Identifier: MIT
 * The figures of `pub` and `sub`. */
#include "tally.h"

#include <unistd.h>

#define REDRAW_NS MYL_MSEC(100)

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

int tally_add(struct tally *tally, uint64_t bytes)
{
    tally->messages++;
    tally->bytes += bytes;
    return tally->shown && cli_now_ns() - tally->drawn_ns >= REDRAW_NS;
}

void tally_draw(struct tally *tally, uint64_t lag)
{
    int64_t now = cli_now_ns(), since = now - tally->drawn_ns;
    fprintf(stderr, "\r%s  %s  %s", cli_count(tally->messages, "message").s, cli_bytes(tally->bytes).s,
            cli_rate(tally->bytes - tally->drawn_bytes, since).s);
    if (lag != TALLY_NO_LAG)
        fprintf(stderr, "  lag %s", cli_bytes(lag).s);
    fputs("\033[K", stderr);
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
    cli_notice("%s %s, %s in %s (%s)", what, cli_count(tally->messages, "message").s, cli_bytes(tally->bytes).s,
               cli_duration(took).s, cli_rate(tally->bytes, took).s);
}
