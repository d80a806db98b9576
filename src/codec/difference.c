/* SPDX-License-Identifier: MIT
 * The first difference of two texts. Both are canonical, so they are compared line by line. */
#include "codec/difference.h"

#include <stdio.h>
#include <string.h>

#include <myelon/type.h>

/* Bytes of a line or a part of it that a sentence shows. */
#define SHOWN 64

/* A part of a text. At the end of a text: `at` is NULL. */
struct piece {
    const char *at;
    int length;
};

struct cursor {
    const char *at;
    int without_layout;      /* 1: sizes and offsets are left out */
};

static int starts(struct piece line, const char *with)
{
    int length = (int)strlen(with);
    return line.at != NULL && line.length >= length && memcmp(line.at, with, (size_t)length) == 0;
}

static int is_field(struct piece line)
{
    return starts(line, "  ");
}

static int same(struct piece a, struct piece b)
{
    return (a.at == NULL) == (b.at == NULL) && a.length == b.length &&
           (a.at == NULL || memcmp(a.at, b.at, (size_t)a.length) == 0);
}

/* Cuts ` at OFFSET` or ` size BYTES align BYTES` off the line. */
static struct piece cut_layout(struct piece line)
{
    const char *word = is_field(line) ? " at " : " size ";
    int length = (int)strlen(word);
    for (int i = line.length - length; i > 0; i--) {
        if (memcmp(line.at + i, word, (size_t)length) == 0) {
            line.length = i;
            break;
        }
    }
    return line;
}

static struct piece next_line(struct cursor *cursor)
{
    struct piece line = {NULL, 0};
    if (*cursor->at == '\0')
        return line;
    line.at = cursor->at;
    line.length = (int)strcspn(line.at, "\n");
    cursor->at += line.length + (line.at[line.length] == '\n');
    return cursor->without_layout ? cut_layout(line) : line;
}

/* The part of a line after `skip` bytes. */
static struct piece rest_of(struct piece line, int skip)
{
    return (struct piece){line.at + skip, line.length - skip};
}

static struct piece field_name(struct piece line)
{
    if (line.at == NULL)
        return line;
    struct piece name = rest_of(line, 2);
    const char *end = memchr(name.at, ':', (size_t)name.length);
    if (end == NULL) /* without content: a layout text has the offset there */
        end = memchr(name.at, ' ', (size_t)name.length);
    if (end != NULL)
        name.length = (int)(end - name.at);
    return name;
}

/* What follows the name: its type. */
static struct piece field_type(struct piece line)
{
    struct piece type = rest_of(line, 2 + field_name(line).length);
    if (starts(type, ": "))
        return rest_of(type, 2);
    return starts(type, " ") ? rest_of(type, 1) : (struct piece){"no content", (int)strlen("no content")};
}

/* "struct NAME": the name. */
static struct piece defined_name(struct piece line)
{
    const char *blank = memchr(line.at, ' ', (size_t)line.length);
    struct piece name = blank != NULL ? rest_of(line, (int)(blank + 1 - line.at)) : line;
    return cut_layout(name);
}

/* For "%.*s": no more than a sentence shows. */
static int shown(struct piece piece)
{
    return piece.length < SHOWN ? piece.length : SHOWN;
}

static void describe_fields(struct piece owner, unsigned index, struct piece a, struct piece b, char *text)
{
    static const struct piece missing = {"missing", 7};
    struct piece name = field_name(is_field(a) ? a : b);
    struct piece there = is_field(a) ? field_type(a) : missing, here = is_field(b) ? field_type(b) : missing;
    if (is_field(a) && is_field(b) && !same(name, field_name(b))) {
        struct piece other = field_name(b);
        (void)snprintf(text, MYL_DIFFERENCE_TEXT, "field %u of %.*s: \"%.*s\" (%.*s) there, \"%.*s\" (%.*s) here",
                       index, shown(owner), owner.at, shown(name), name.at, shown(there), there.at, shown(other),
                       other.at, shown(here), here.at);
        return;
    }
    (void)snprintf(text, MYL_DIFFERENCE_TEXT, "field %.*s.%.*s: %.*s there, %.*s here", shown(owner), owner.at,
                   shown(name), name.at, shown(there), there.at, shown(here), here.at);
}

static void describe(struct piece owner, unsigned index, struct piece a, struct piece b, char *text)
{
    static const struct piece nothing = {"nothing", 7};
    const char *subject = "definition";
    if (is_field(a) || is_field(b)) {
        describe_fields(owner, index, a, b, text);
        return;
    }
    if (starts(a, "root ") && starts(b, "root ")) {
        subject = "root";
        a = rest_of(a, 5);
        b = rest_of(b, 5);
    }
    a = a.at != NULL ? a : nothing;
    b = b.at != NULL ? b : nothing;
    (void)snprintf(text, MYL_DIFFERENCE_TEXT, "%s: %.*s there, %.*s here", subject, shown(a), a.at, shown(b), b.at);
}

/* Returns 1 if there is a difference. */
static int compare(struct cursor there, struct cursor here, char *text)
{
    struct piece owner = {"the type", 8}, a, b;
    unsigned index = 0;
    do {
        a = next_line(&there);
        b = next_line(&here);
        index = is_field(a) || is_field(b) ? index + 1 : 0;
        if (!same(a, b)) {
            describe(owner, index, a, b, text);
            return 1;
        }
        if (a.at != NULL && !is_field(a))
            owner = defined_name(a);
    } while (a.at != NULL);
    return 0;
}

void myl_text_difference(const char *there, const char *here, char difference[MYL_DIFFERENCE_TEXT])
{
    int are_layouts = strncmp(there, "layout ", 7) == 0 && strncmp(here, "layout ", 7) == 0;
    if (are_layouts && compare((struct cursor){there, 1}, (struct cursor){here, 1}, difference))
        return;
    if (!compare((struct cursor){there, 0}, (struct cursor){here, 0}, difference))
        (void)snprintf(difference, MYL_DIFFERENCE_TEXT, "none");
}

const char *myl_text_root(const char *text, char root[MYL_ROOT_TEXT])
{
    struct cursor cursor = {text, 1};
    (void)next_line(&cursor);
    struct piece line = next_line(&cursor);
    if (!starts(line, "root "))
        line = (struct piece){"root an unknown type", 20};
    (void)snprintf(root, MYL_ROOT_TEXT, "%.*s", line.length - 5, line.at + 5);
    return root;
}
