/* SPDX-License-Identifier: MIT
 * myelon top: the page on a terminal, by ncurses. */
#include "top.h"

#ifdef MYL_HAVE_NCURSES

#include <ncurses.h>
#include <unistd.h>

static int attribute(enum top_style style)
{
    switch (style) {
    case TOP_HEAD:
        return (int)A_REVERSE;
    case TOP_RING:
        return (int)A_BOLD;
    case TOP_BAD:
        return (int)(A_BOLD | (has_colors() ? (unsigned)COLOR_PAIR(1) : A_UNDERLINE));
    case TOP_PLAIN:
        break;
    }
    return (int)A_NORMAL;
}

/* The head stays, the rest scrolls; the last line says what the keys do. */
static void show(const struct top_page *page, size_t *from)
{
    int rows = getmaxy(stdscr), columns = getmaxx(stdscr);
    size_t room = rows > 3 ? (size_t)rows - 3 : 1, body = page->count > 2 ? page->count - 2 : 0;
    if (*from + room > body)
        *from = body > room ? body - room : 0;
    erase();
    for (int y = 0; y < rows - 1; y++) {
        size_t i = y < 2 ? (size_t)y : (size_t)y + *from;
        if (i >= page->count)
            break;
        attrset(attribute(page->line[i].style));
        mvaddnstr(y, 0, page->line[i].text, columns);
    }
    attrset((int)A_NORMAL);
    mvprintw(rows - 1, 0, "q quit%s", body > room ? "  up/down scroll" : "");
    if (body > room)
        printw("  %zu-%zu of %zu", *from + 1, *from + room, body);
    refresh();
}

/* 1: quit. */
static int obey(int key, size_t *from)
{
    size_t step = (size_t)(getmaxy(stdscr) > 4 ? getmaxy(stdscr) - 4 : 1);
    switch (key) {
    case 'q':
    case 'Q':
        return 1;
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
    int64_t next = cli_now_ns() + interval_ns;
    for (int quit = 0; !quit && code == CLI_OK;) {
        page.width = getmaxx(stdscr);
        top_draw(&page, top);
        show(&page, &from);
        int64_t left = (next - cli_now_ns()) / 1000000;
        timeout(left > 0 ? (int)left : 0);
        int key = getch(); /* a change of size comes as a key too */
        quit = key != ERR && obey(key, &from);
        if (cli_now_ns() >= next) {
            next += interval_ns;
            code = top_look(top);
        }
    }
    top_page_free(&page);
    return code;
}

int top_display(struct top *top, int64_t interval_ns)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return cli_fail(CLI_FAILED, "standard input and output are no terminal; --once prints the page as text");
    SCREEN *screen = newterm(NULL, stdout, stdin);
    if (screen == NULL)
        return cli_fail(CLI_FAILED, "this terminal is not known here (TERM); --once prints the page as text");
    set_term(screen);
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    curs_set(0);
    if (has_colors()) {
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
    return cli_fail(CLI_FAILED, "this myelon was built without its display (install libncurses-dev and build again); "
                                "--once prints the page as text");
}

#endif
