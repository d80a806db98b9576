/* SPDX-License-Identifier: MIT
 * Tickets: the text by which another process finds one ring, and no other session of its name. */
#define _POSIX_C_SOURCE 200809L
#include "segment/ticket.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* PREFIX BACKEND ':' SESSION ':' NAME ':' CHECKSUM. In the name a byte outside '!' to '~', and '%', is %XX. */
#define PREFIX          "myelon-ticket-1:"
#define PREFIX_BYTES    (sizeof PREFIX - 1)
#define SESSION_DIGITS  32U
#define CHECKSUM_DIGITS 16U

#define LONGEST         ((size_t)3 * MYL_TICKET_NAME_MAX) /* name */

_Static_assert(PREFIX_BYTES + sizeof "memfd" + SESSION_DIGITS + 1 + LONGEST + 1 + CHECKSUM_DIGITS + 1 <= MYL_TICKET_MAX,
               "the longest ticket fits");

static const char *const backends[] = {"shm", "file", "memfd"}; /* by enum myl_backend */
#define BACKENDS (sizeof backends / sizeof backends[0])

/* --- writing ------------------------------------------------------------------------------------------------------ */

static int is_plain(unsigned char byte)
{
    return byte > ' ' && byte <= '~' && byte != '%';
}

/* MYL_ENAME: the name means something else in another process. */
static int check_name_travels(const struct myl_segment *segment)
{
    if (segment->backend != MYL_BACKEND_FILE || segment->path[0] == '/')
        return MYL_OK;
    return myl_fail(MYL_ENAME,
                    "ring \"%s\" was opened by a relative path, which another process may resolve otherwise; open it "
                    "by an absolute path to make a ticket",
                    segment->name);
}

int myl_segment_ticket(const struct myl_segment *segment, char *text, size_t size)
{
    char whole[MYL_TICKET_MAX];
    const char *name = segment->backend == MYL_BACKEND_MEMFD ? "" : segment->name;
    int rc = check_name_travels(segment);
    if (rc != MYL_OK)
        return rc;
    int at = snprintf(whole, sizeof whole, PREFIX "%s:%016" PRIx64 "%016" PRIx64 ":", backends[segment->backend],
                      segment->head->session[0], segment->head->session[1]);
    for (; *name != '\0'; name++)
        at += snprintf(whole + at, sizeof whole - (size_t)at, is_plain((unsigned char)*name) ? "%c" : "%%%02X",
                       (unsigned char)*name);
    at += snprintf(whole + at, sizeof whole - (size_t)at, ":%016" PRIx64, myl_fnv1a(whole, (size_t)at));
    if ((size_t)at >= size)
        return myl_fail(MYL_EBUFFER,
                        "the ticket of ring \"%s\" has %d bytes and a NUL, the buffer %zu; pass MYL_TICKET_MAX bytes",
                        segment->name, at, size);
    memcpy(text, whole, (size_t)at + 1);
    return MYL_OK;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* What is left of a ticket's text. */
struct rest {
    const char *at;
    size_t bytes;
};

static int refuse(const char *why)
{
    return myl_fail(MYL_ETICKET,
                    "the ticket %s; pass the whole text that myl_producer_ticket or myl_consumer_ticket gave", why);
}

static int skip(struct rest *rest, const char *text)
{
    size_t bytes = strlen(text);
    if (rest->bytes < bytes || memcmp(rest->at, text, bytes) != 0)
        return 0;
    rest->at += bytes;
    rest->bytes -= bytes;
    return 1;
}

/* Returns the value of a hexadecimal digit whose letters begin with `ten`, 'a' or 'A'; -1: it is none. */
static int digit_of(char c, char ten)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= ten && c < ten + 6 ? c - ten + 10 : -1;
}

/* A number of exactly 16 digits. */
static int read_number(struct rest *rest, uint64_t *number)
{
    *number = 0;
    for (unsigned i = 0; i < CHECKSUM_DIGITS; i++) {
        int digit = i < rest->bytes ? digit_of(rest->at[i], 'a') : -1;
        if (digit < 0)
            return 0;
        *number = *number << 4 | (unsigned)digit;
    }
    rest->at += CHECKSUM_DIGITS;
    rest->bytes -= CHECKSUM_DIGITS;
    return 1;
}

static int read_backend(struct rest *rest, enum myl_backend *backend)
{
    for (unsigned i = 0; i < BACKENDS; i++) {
        if (skip(rest, backends[i])) {
            *backend = (enum myl_backend)i;
            return 1;
        }
    }
    return 0;
}

/* One byte of a name. */
static int read_byte(struct rest *rest, char *byte)
{
    unsigned char c = (unsigned char)*rest->at;
    size_t bytes = c == '%' ? 3 : 1;
    if (rest->bytes < bytes)
        return 0;
    *byte = (char)c;
    if (c == '%') {
        int high = digit_of(rest->at[1], 'A'), low = digit_of(rest->at[2], 'A');
        if (high < 0 || low < 0)
            return 0;
        *byte = (char)(high * 16 + low);
    }
    rest->at += bytes;
    rest->bytes -= bytes;
    return *byte != '\0' && is_plain((unsigned char)*byte) == (c != '%');
}

static int read_name(struct rest *rest, char name[MYL_TICKET_NAME_MAX + 1])
{
    size_t length = 0;
    while (rest->bytes > 0) {
        if (length == MYL_TICKET_NAME_MAX || !read_byte(rest, &name[length]))
            return 0;
        length++;
    }
    return 1;
}

static int check_name(const myl_ticket *ticket)
{
    int good = ticket->backend == MYL_BACKEND_SHM    ? myl_check_name(ticket->name) == MYL_OK
               : ticket->backend == MYL_BACKEND_FILE ? ticket->name[0] == '/'
                                                     : ticket->name[0] == '\0';
    return good ? MYL_OK : refuse("has a name that no ring of its backend can have");
}

/* `text` has so many bytes, the checksum's among them. */
static int read_ticket(const char *text, size_t bytes, myl_ticket *ticket)
{
    struct rest rest = {text, bytes};
    uint64_t checksum;
    if (!skip(&rest, PREFIX))
        return refuse("does not begin with \"" PREFIX "\"");
    if (rest.bytes < 1 + CHECKSUM_DIGITS)
        return refuse("is cut short");
    struct rest end = {text + bytes - 1 - CHECKSUM_DIGITS, 1 + CHECKSUM_DIGITS};
    rest.bytes -= end.bytes;
    if (!skip(&end, ":") || !read_number(&end, &checksum) || checksum != myl_fnv1a(text, bytes - 1 - CHECKSUM_DIGITS))
        return refuse("is cut short or damaged: its checksum is wrong");
    if (!read_backend(&rest, &ticket->backend) || !skip(&rest, ":"))
        return refuse("names no known backend");
    if (!read_number(&rest, &ticket->session[0]) || !read_number(&rest, &ticket->session[1]) || !skip(&rest, ":"))
        return refuse("has no session");
    if (!read_name(&rest, ticket->name))
        return refuse("has an impossible name");
    return check_name(ticket);
}

int myl_ticket_parse(const char *text, myl_ticket *ticket)
{
    MYL_I_NOT_NULL(ticket);
    myl_ticket own = {.size = sizeof own};
    const struct myl_options_type *type = MYL_OPTIONS_TYPE(myl_ticket, name);
    int rc = myl_result_check(ticket, type);
    if (rc != MYL_OK)
        return rc;
    size_t bytes = text == NULL ? 0 : strnlen(text, MYL_TICKET_MAX);
    rc = bytes < MYL_TICKET_MAX ? read_ticket(text, bytes, &own) : refuse("is longer than any");
    (void)myl_result_give(ticket, &own, type); /* what was read before a failure, too */
    return rc;
}

int myl_segment_open_by(struct myl_segment_open *how, const char *text, myl_ticket *ticket)
{
    if (text == NULL)
        return MYL_OK;
    *ticket = (myl_ticket){.size = sizeof *ticket};
    int rc = myl_ticket_parse(text, ticket);
    if (rc != MYL_OK)
        return rc;
    if (how->name != NULL)
        return myl_fail(MYL_EINVAL, "both the name \"%.64s\" and a ticket are given; pass a NULL name with a ticket",
                        how->name);
    if (ticket->backend == MYL_BACKEND_MEMFD && !how->use_fd)
        return myl_fail(MYL_EINVAL, "the ticket is of a memfd, which has no name; pass its descriptor, too (use_fd and "
                                    "fd, myl_recv_fd)");
    how->backend = ticket->backend;
    how->name = ticket->backend == MYL_BACKEND_MEMFD ? NULL : ticket->name;
    how->session = ticket->session;
    return MYL_OK;
}

int myl_segment_check_session(const struct myl_segment *segment, const struct myl_segment_open *how)
{
    const uint64_t *is = segment->head->session, *asked = how->session;
    if (asked == NULL || (is[0] == asked[0] && is[1] == asked[1]))
        return MYL_OK;
    return myl_fail(MYL_ESESSION,
                    "ring \"%s\" is session %016" PRIx64 "%016" PRIx64 ", the ticket is of session %016" PRIx64
                    "%016" PRIx64 ", which is gone; get a new ticket",
                    segment->name, is[0], is[1], asked[0], asked[1]);
}
