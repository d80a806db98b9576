/* SPDX-License-Identifier: MIT
 * Progress of a transfer. */
#include "progress.h"

#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_NS MYL_MSEC(100)
#define BAR_MOST 40

static void clear_line(void)
{
    fputs("\r\033[K", stderr);
}

void progress_start(struct progress *progress, uint64_t bytes, uint64_t total, int quiet)
{
    *progress = (struct progress){.total = total, .drawn_bytes = bytes, .drawn_ns = cli_now_ns()};
    progress->shown = !quiet && isatty(STDERR_FILENO) == 1;
    if (progress->shown)
        cli_before_message(clear_line);
}

static int terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* Draws "[=====>    ]" in `width` columns, brackets included; nothing if `width` is too small. */
static void make_bar(char *bar, int width, double part)
{
    int inner = (width < BAR_MOST ? width : BAR_MOST) - 3;
    bar[0] = '\0';
    if (inner < 5)
        return;
    int filled = (int)(part * inner);
    bar[0] = '[';
    memset(bar + 1, '=', (size_t)filled);
    memset(bar + 1 + filled, ' ', (size_t)(inner - filled));
    if (filled < inner)
        bar[1 + filled] = '>';
    memcpy(bar + 1 + inner, "] ", 3);
}

static void draw(const struct progress *progress, uint64_t bytes)
{
    char tail[160], bar[BAR_MOST + 1];
    int64_t second_ns = MYL_SEC(1);
    uint64_t rate = (uint64_t)progress->rate;
    if (progress->total == UINT64_MAX) {
        fprintf(stderr, "\r%s  %s\033[K", cli_bytes(bytes).s, cli_rate(rate, second_ns).s);
        return;
    }
    uint64_t left = progress->total > bytes ? progress->total - bytes : 0;
    double part = progress->total > 0 ? 1 - (double)left / (double)progress->total : 1;
    uint64_t eta = left / (rate > 0 ? rate : 1);
    snprintf(tail, sizeof tail, "%s of %s  %s  ETA %" PRIu64 ":%02" PRIu64, cli_bytes(bytes).s,
             cli_bytes(progress->total).s, cli_rate(rate, second_ns).s, eta / 60, eta % 60);
    make_bar(bar, terminal_columns() - (int)strlen(tail) - 6, part);
    fprintf(stderr, "\r%3d%% %s%s\033[K", (int)(part * 100), bar, tail);
}

void progress_update(struct progress *progress, uint64_t bytes)
{
    if (!progress->shown)
        return;
    int64_t now = cli_now_ns(), since = now - progress->drawn_ns;
    if (since < REDRAW_NS)
        return;
    double latest = (double)(bytes - progress->drawn_bytes) * 1e9 / (double)since;
    progress->rate = progress->rate > 0 ? 0.8 * progress->rate + 0.2 * latest : latest;
    progress->drawn_ns = now;
    progress->drawn_bytes = bytes;
    draw(progress, bytes);
}

void progress_end(struct progress *progress)
{
    if (progress->shown)
        clear_line();
    progress->shown = 0;
    cli_before_message(NULL);
}
