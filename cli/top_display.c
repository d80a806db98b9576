/* SPDX-License-Identifier: MIT
 * myelon top: shows the page on a terminal, with ncurses. */
#include "top.h"

#include "base/deadline.h"

#include <limits.h>

#ifdef MYL_HAVE_NCURSES

#include "stream.h"

#include <ncurses.h>
#include <stdlib.h>
#include <unistd.h>

static int colours;

static int attribute(enum top_style style)
{
    switch (style) {
    case TOP_HEAD:
        return (int)A_REVERSE;
    case TOP_RING:
        return (int)A_BOLD;
    case TOP_BAD:
        return (int)(A_BOLD | (colours ? (unsigned)COLOR_PAIR(1) : A_UNDERLINE));
    case TOP_PLAIN:
        break;
    }
    return (int)A_NORMAL;
}

/* The first lines stay, the rest scrolls; the last line lists the keys. */
static void show(const struct top_page *page, size_t *from)
{
    int rows = getmaxy(stdscr);
    size_t room = rows > 3 ? (size_t)rows - 3 : 1, body = page->count > 2 ? page->count - 2 : 0;
    if (*from + room > body)
        *from = body > room ? body - room : 0;
    erase();
    for (int y = 0; y < rows - 1; y++) {
        size_t i = y < 2 ? (size_t)y : (size_t)y + *from;
        if (i >= page->count)
            break;
        attrset(attribute(page->line[i].style));
        mvaddstr(y, 0, page->line[i].text); /* at most as wide as the page */
    }
    attrset((int)A_NORMAL);
    mvprintw(rows - 1, 0, "q quit  s sort  ? keys%s", body > room ? "  up/down scroll" : "");
    if (body > room)
        printw("  %zu-%zu of %zu", *from + 1, *from + room, body);
    refresh();
}

/* Returns 1 to quit. */
static int obey(struct top *top, int key, size_t *from)
{
    size_t step = (size_t)(getmaxy(stdscr) > 4 ? getmaxy(stdscr) - 4 : 1);
    switch (key) {
    case 'q':
    case 'Q':
        return 1;
    case 's':
        top->order = (enum top_order)((top->order + 1) % TOP_ORDERS);
        break;
    case '?':
    case 'h':
        top->help = !top->help;
        break;
    case KEY_DOWN:
    case 'j':
        *from += 1;
        break;
    case KEY_UP:
    case 'k':
        *from -= *from > 0;
        break;
    case KEY_NPAGE:
        *from += step;
        break;
    case KEY_PPAGE:
        *from -= *from < step ? *from : step;
        break;
    default:
        break;
    }
    return 0;
}

static int run(struct top *top, int64_t interval_ns)
{
    struct top_page page = {0};
    size_t from = 0;
    int code = CLI_OK;
    struct myl_deadline next = myl_deadline_after(cli_now_ns(), interval_ns);
    for (int quit = 0; !quit && code == CLI_OK;) {
        page.width = getmaxx(stdscr);
        top_draw(&page, top);
        show(&page, &from);
        int64_t left = myl_deadline_left(next, cli_now_ns()) / MYL_MSEC(1);
        (void)stream_ready(STDIN_FILENO, left < INT_MAX ? (int)left : INT_MAX);
        if (cli_stop_signal() != 0) {
            code = 128 + cli_stop_signal();
            break;
        }
        for (int key; !quit && (key = getch()) != ERR;) /* a resize arrives as a key too */
            quit = obey(top, key, &from);
        if (myl_deadline_has_passed(next, cli_now_ns())) {
            next = myl_deadline_after(next.at, interval_ns);
            code = top_scan(top);
        }
    }
    top_page_free(&page);
    return code;
}

int top_display(struct top *top, int64_t interval_ns)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return cli_fail(CLI_FAILED,
                        "standard input and output are not a terminal; pass --once to print the page as text");
    const char *plain = getenv("NO_COLOR");
    cli_stop_on_signals(NULL); /* before ncurses, which otherwise installs handlers that exit */
    SCREEN *screen = newterm(NULL, stdout, stdin);
    if (screen == NULL)
        return cli_fail(CLI_FAILED, "terminal type unknown (see TERM); pass --once to print the page as text");
    set_term(screen);
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    curs_set(0);
    timeout(0);
    colours = has_colors() && (plain == NULL || *plain == '\0');
    if (colours) {
        start_color();
        use_default_colors();
        init_pair(1, COLOR_RED, -1);
    }
    int code = run(top, interval_ns);
    endwin();
    delscreen(screen);
    return code;
}

#else

int top_display(struct top *top, int64_t interval_ns)
{
    (void)top;
    (void)interval_ns;
    return cli_fail(CLI_FAILED, "this myelon was built without ncurses; install libncurses-dev and build again, or "
                                "pass --once to print the page as text");
}

#endif
