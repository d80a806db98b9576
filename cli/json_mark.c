/* SPDX-License-Identifier: MIT
 * Marks numbers and strings in a line of JSON. Only they are checked here; cJSON checks the rest. */
#include "json_mark.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct marker {
    const char *at, *end;
    char *out;               /* NULL: count only */
    size_t used;
    const char *reason;      /* NULL: none */
};

static void put(struct marker *m, const char *text, size_t length)
{
    if (m->out != NULL)
        memcpy(m->out + m->used, text, length);
    m->used += length;
}

static int is_digit(const struct marker *m)
{
    return m->at < m->end && *m->at >= '0' && *m->at <= '9';
}

static void wrong(struct marker *m, const char *reason)
{
    m->reason = m->reason != NULL ? m->reason : reason;
}

static void digits(struct marker *m)
{
    if (!is_digit(m))
        wrong(m, "expected a digit of a number");
    while (is_digit(m))
        m->at++;
}

static int accept(struct marker *m, const char *any)
{
    if (m->at == m->end || *m->at == '\0' || strchr(any, *m->at) == NULL)
        return 0;
    m->at++;
    return 1;
}

static void mark_number(struct marker *m)
{
    const char *from = m->at;
    (void)accept(m, "-");
    if (!accept(m, "0"))
        digits(m);
    else if (is_digit(m))
        wrong(m, "a number starts with 0");
    if (accept(m, "."))
        digits(m);
    if (accept(m, "eE")) {
        (void)accept(m, "+-");
        digits(m);
    }
    put(m, "\"n", 2);
    put(m, from, (size_t)(m->at - from));
    put(m, "\"", 1);
}

static void mark_escape(struct marker *m)
{
    size_t left = (size_t)(m->end - m->at);
    if (left >= 6 && memcmp(m->at, "\\u0000", 6) == 0) {
        put(m, "\\u00010", 7);
        m->at += 6;
    } else if (left >= 6 && memcmp(m->at, "\\u0001", 6) == 0) {
        put(m, "\\u00011", 7);
        m->at += 6;
    } else if (left >= 2) {
        put(m, m->at, 2);
        m->at += 2;
    } else {
        wrong(m, "a string has no end");
    }
}

static void mark_string(struct marker *m)
{
    m->at++;
    put(m, "\"s", 2);
    while (m->reason == NULL) {
        if (m->at == m->end)
            wrong(m, "a string has no end");
        else if ((unsigned char)*m->at < 0x20)
            wrong(m, "a control character in a string; write it as \\u00XX");
        else if (*m->at == '\\')
            mark_escape(m);
        else if (*m->at == '"')
            break;
        else
            put(m, m->at++, 1);
    }
    put(m, "\"", 1);
    m->at += m->reason == NULL;
}

/* Marks up to the token with byte `stop` of the result. */
static void mark(struct marker *m, size_t stop)
{
    while (m->reason == NULL && m->at < m->end && m->used < stop) {
        unsigned char c = (unsigned char)*m->at;
        if (c == '"')
            mark_string(m);
        else if (c == '-' || (c >= '0' && c <= '9'))
            mark_number(m);
        else if (c < 0x20 && c != '\t' && c != '\r')
            wrong(m, "a control character between values");
        else
            put(m, m->at++, 1);
    }
}

char *json_mark(const char *line, size_t length, const char **reason, size_t *column)
{
    struct marker m = {.at = line, .end = line + length};
    mark(&m, SIZE_MAX);
    *reason = m.reason;
    *column = (size_t)(m.at - line) + 1;
    if (m.reason != NULL)
        return NULL;
    char *text = m.used < SIZE_MAX ? malloc(m.used + 1) : NULL;
    if (text == NULL) {
        *reason = "out of memory";
        *column = 0;
        return NULL;
    }
    m = (struct marker){.at = line, .end = line + length, .out = text};
    mark(&m, SIZE_MAX);
    text[m.used] = '\0';
    return text;
}

size_t json_mark_column(const char *line, size_t length, size_t marked)
{
    struct marker m = {.at = line, .end = line + length};
    mark(&m, marked);
    return (size_t)(m.at - line) + 1;
}

size_t json_unmark(char *text)
{
    size_t used = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\x01')
            text[used++] = *++at == '0' ? '\0' : '\x01';
        else
            text[used++] = *at;
    }
    text[used] = '\0';
    return used;
}
