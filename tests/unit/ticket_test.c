/* SPDX-License-Identifier: MIT
 * A ticket opens its ring and no other session of the name, on every backend and with every kind of handle. Any other
 * text is refused. */
#include <stdlib.h>

#include "base/hash.h"
#include "unit/frames.h"

static void ticket_of(const myl_producer *producer, char ticket[MYL_TICKET_MAX])
{
    memset(ticket, 0x5a, MYL_TICKET_MAX);
    test_ok(myl_producer_ticket(producer, ticket, MYL_TICKET_MAX));
    for (const char *at = ticket; *at != '\0'; at++)
        assert_true(*at > ' ' && *at <= '~');
}

static myl_ticket parse(const char *text)
{
    myl_ticket ticket = {.size = sizeof ticket};
    test_ok(myl_ticket_parse(text, &ticket));
    return ticket;
}

static void refuse(const char *text, const char *why)
{
    myl_ticket ticket = {.size = sizeof ticket};
    test_code(MYL_ETICKET, myl_ticket_parse(text, &ticket));
    expect_detail(why);
}

/* A producer of each backend; `fd` is passed with its ticket. */
struct ring {
    char name[TEST_PATH_SIZE];
    myl_producer_options options;
    myl_producer *producer;
    char ticket[MYL_TICKET_MAX];
    int fd;
};

static struct ring *open_ring(enum myl_backend backend)
{
    struct ring *ring = calloc(1, sizeof *ring);
    assert_non_null(ring);
    if (backend == MYL_BACKEND_FILE)
        test_path(ring->name, "a ticket's %:\xc3\xbc");
    else if (backend == MYL_BACKEND_SHM)
        test_name(ring->name, "ticket");
    ring->options = producer_options(8);
    ring->options.ring.backend = backend;
    test_ok(myl_producer_open(&ring->producer, ring->name[0] != '\0' ? ring->name : NULL, &ring->options));
    ticket_of(ring->producer, ring->ticket);
    if (backend == MYL_BACKEND_MEMFD)
        test_ok(myl_producer_fd(ring->producer, &ring->fd));
    return ring;
}

static void close_ring(struct ring *ring)
{
    myl_producer_close(ring->producer);
    if (ring->fd != 0)
        close(ring->fd);
    if (ring->name[0] != '\0')
        (void)!myl_remove(ring->name, ring->options.ring.backend, 1);
    free(ring);
}

static myl_consumer_options by_ticket(const struct ring *ring, const char *id)
{
    myl_consumer_options o = consumer_options(id);
    o.ring.ticket = ring->ticket;
    o.ring.fd = ring->fd;
    return o;
}

static void ticket_opens_its_ring(void **state)
{
    (void)state;
    for (int backend = MYL_BACKEND_SHM; backend <= (int)LAST_BACKEND; backend++) {
        struct ring *ring = open_ring((enum myl_backend)backend);
        myl_consumer_options o = by_ticket(ring, "c");
        myl_observer *observer;
        myl_info info = {.size = sizeof info};
        char same[MYL_TICKET_MAX];
        uint64_t lost;
        struct event event;
        myl_consumer *consumer = open_consumer_with(NULL, &o);
        test_ok(myl_consumer_ticket(consumer, same, sizeof same));
        assert_string_equal(same, ring->ticket);
        o.ring.id = NULL;
        test_ok(myl_observer_open(&observer, NULL, &o));
        put(ring->producer, 0, MYL_TRY);
        take_many(consumer, 0, 1);
        test_ok(myl_observer_get(observer, &event, sizeof event, &lost, MYL_TRY));
        myl_ticket ticket = parse(ring->ticket);
        test_ok(myl_producer_info(ring->producer, &info));
        assert_int_equal(ticket.backend, backend);
        assert_memory_equal(ticket.session, info.session, sizeof info.session);
        assert_string_equal(ticket.name, ring->name);
        myl_observer_close(observer);
        myl_consumer_close(consumer);
        close_ring(ring);
    }
}

static void ticket_opens_rings_of_frames(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], ticket[MYL_TICKET_MAX];
    myl_frame_producer_options o = frame_options(65536, 0), again = {.size = sizeof again};
    o.config.lanes = 2;
    myl_frame_producer *producer = open_frames(test_name(name, "frames"), &o), *second;
    ticket_of(myl_frame_producer_ring(producer), ticket);
    myl_frame_consumer_options c = frame_reader("c");
    c.ring.ticket = again.ring.ticket = ticket;
    myl_frame_consumer *consumer;
    myl_frame_observer *observer;
    test_ok(myl_frame_consumer_open(&consumer, NULL, &c));
    c.ring.id = NULL;
    test_ok(myl_frame_observer_open(&observer, NULL, &c));
    test_ok(myl_frame_producer_open(&second, NULL, &again));
    send_frame(producer, 0, 10, MYL_TRY);
    send_frame(second, 0, 10, MYL_TRY);
    take_frame(consumer, 0, 10, MYL_TRY);
    take_frame(consumer, 0, 10, MYL_TRY);
    myl_frame_observer_close(observer);
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(second);
    myl_frame_producer_close(producer);
}

static void producer_takes_over_by_ticket(void **state)
{
    (void)state;
    for (int backend = MYL_BACKEND_SHM; backend <= (int)LAST_BACKEND; backend++) {
        struct ring *ring = open_ring((enum myl_backend)backend);
        myl_consumer_options c = by_ticket(ring, "c");
        myl_consumer *consumer = open_consumer_with(NULL, &c);
        myl_producer_options o = {.size = sizeof o,
                                  .ring = {.ticket = ring->ticket, .use_fd = ring->fd != 0, .fd = ring->fd}};
        expect_no_producer(MYL_EPRODUCERALIVE, "living producer", NULL, &o);
        put(ring->producer, 0, MYL_TRY);
        myl_producer_leave(ring->producer);
        test_ok(myl_producer_open(&ring->producer, NULL, &o));
        put(ring->producer, 1, MYL_TRY);
        take_many(consumer, 0, 2);
        myl_producer_close(ring->producer);
        ring->producer = NULL;
        expect_no_producer(MYL_ECLOSED, "closed for good", NULL, &o);
        myl_consumer_close(consumer);
        close_ring(ring);
    }
}

static void other_session_of_the_name_is_refused(void **state)
{
    (void)state;
    for (int backend = MYL_BACKEND_SHM; backend <= MYL_BACKEND_FILE; backend++) {
        struct ring *ring = open_ring((enum myl_backend)backend);
        myl_consumer_options c = by_ticket(ring, "c");
        myl_producer_options o = {.size = sizeof o, .ring.ticket = ring->ticket};
        myl_observer *observer;
        put(ring->producer, 0, MYL_TRY);
        myl_producer_leave(ring->producer);
        ring->options.ring.existing = MYL_EXISTING_REPLACE;
        test_ok(myl_producer_open(&ring->producer, ring->name, &ring->options));
        expect_no_consumer(MYL_ESESSION, "get a new ticket", NULL, &c);
        expect_no_producer(MYL_ESESSION, "get a new ticket", NULL, &o);
        c.ring.id = NULL;
        test_code(MYL_ESESSION, myl_observer_open(&observer, NULL, &c));
        char renewed[MYL_TICKET_MAX];
        ticket_of(ring->producer, renewed);
        assert_string_not_equal(renewed, ring->ticket);
        c.ring.ticket = renewed;
        myl_consumer_close(open_consumer_with(NULL, &c));
        close_ring(ring);
    }
}

static void ring_that_is_gone_is_not_made_again(void **state)
{
    (void)state;
    struct ring *ring = open_ring(MYL_BACKEND_SHM);
    myl_snapshot *snapshot;
    myl_consumer_options c = by_ticket(ring, "c");
    myl_producer_options o = ring->options;
    o.ring.ticket = ring->ticket;
    myl_consumer_close(open_consumer_with(NULL, &c));
    myl_producer_close(ring->producer);
    ring->producer = NULL;
    expect_no_consumer(MYL_ENOTFOUND, "there is no ring", NULL, &c);
    expect_no_producer(MYL_ENOTFOUND, "there is no ring", NULL, &o);
    test_code(MYL_ENOTFOUND, myl_snapshot_take(ring->name, MYL_BACKEND_SHM, &snapshot));
    close_ring(ring);
}

static void contradictions_are_refused(void **state)
{
    (void)state;
    struct ring *ring = open_ring(MYL_BACKEND_SHM);
    myl_consumer_options c = by_ticket(ring, "c");
    myl_producer_options o = {.size = sizeof o, .ring.ticket = ring->ticket};
    expect_no_consumer(MYL_EINVAL, "pass a NULL name", ring->name, &c);
    expect_no_producer(MYL_EINVAL, "pass a NULL name", ring->name, &o);
    o.ring.existing = MYL_EXISTING_REPLACE;
    expect_no_producer(MYL_EINVAL, "`existing` is 2", NULL, &o);
    c.ring.ticket = "myelon";
    expect_no_consumer(MYL_ETICKET, "the ticket", NULL, &c);
    close_ring(ring);
    if (LAST_BACKEND != MYL_BACKEND_MEMFD)
        return;
    ring = open_ring(MYL_BACKEND_MEMFD);
    c = by_ticket(ring, "c");
    c.ring.fd = -1;
    expect_no_consumer(MYL_EINVAL, "-1 is not a descriptor", NULL, &c);
    o = (myl_producer_options){.size = sizeof o, .ring.ticket = ring->ticket};
    expect_no_producer(MYL_EINVAL, "pass its descriptor", NULL, &o);
    struct ring *other = open_ring(MYL_BACKEND_MEMFD);
    c.ring.fd = other->fd;
    expect_no_consumer(MYL_ESESSION, "get a new ticket", NULL, &c);
    close_ring(other);
    close_ring(ring);
}

static void ticket_needs_room_for_all_of_it(void **state)
{
    (void)state;
    struct ring *ring = open_ring(MYL_BACKEND_SHM);
    size_t bytes = strlen(ring->ticket);
    char small[MYL_TICKET_MAX] = "x";
    for (size_t size = 0; size <= bytes; size++) {
        test_code(MYL_EBUFFER, myl_producer_ticket(ring->producer, small, size));
        assert_string_equal(small, "x");
    }
    test_ok(myl_producer_ticket(ring->producer, small, bytes + 1));
    assert_string_equal(small, ring->ticket);
    assert_true(bytes < 150);
    close_ring(ring);
}

static void longest_path_has_a_ticket_and_relative_one_has_none(void **state)
{
    (void)state;
    char name[TEST_PATH_SIZE], path[4096], here[4096], ticket[MYL_TICKET_MAX];
    myl_producer_options o = producer_options(8);
    myl_producer *producer;
    o.ring.backend = MYL_BACKEND_FILE;
    test_path(name, "path");
    char *file = strrchr(name, '/');
    *file++ = '\0';
    (void)snprintf(path, sizeof path, "%s", name);
    while (strlen(path) + strlen("/./") + strlen(file) < sizeof path - 1)
        (void)strcat(path, "/.");
    (void)strcat(strcat(path, "/"), file);
    test_ok(myl_producer_open(&producer, path, &o));
    ticket_of(producer, ticket);
    assert_string_equal(parse(ticket).name, path);
    myl_producer_close(producer);
    (void)unlink(path);
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(name), 0);
    test_ok(myl_producer_open(&producer, file, &o));
    test_code(MYL_ENAME, myl_producer_ticket(producer, ticket, sizeof ticket));
    expect_detail("open it by an absolute path");
    myl_producer_close(producer);
    (void)unlink(file);
    assert_int_equal(chdir(here), 0);
}

static void changed_tickets_are_refused(void **state)
{
    (void)state;
    struct ring *ring = open_ring(MYL_BACKEND_FILE);
    size_t bytes = strlen(ring->ticket);
    char text[MYL_TICKET_MAX + 64];
    for (size_t i = 0; i < bytes; i++) {
        for (unsigned change = 1; change < 256; change++) {
            memcpy(text, ring->ticket, bytes + 1);
            text[i] = (char)(text[i] ^ (char)change); /* a NUL may also truncate it */
            refuse(text, "the ticket");
        }
        memcpy(text, ring->ticket, bytes + 1);
        memmove(text + i + 1, text + i, bytes + 1 - i);
        refuse(text, "the ticket");
        memmove(text, ring->ticket, i);
        memcpy(text + i, ring->ticket + i + 1, bytes - i);
        refuse(text, "the ticket");
    }
    (void)snprintf(text, sizeof text, "%s\n", ring->ticket);
    refuse(text, "the ticket");
    memset(text, 'm', sizeof text);
    text[sizeof text - 1] = '\0';
    refuse(text, "longer than any");
    refuse("", "the ticket");
    refuse(NULL, "the ticket");
    myl_ticket ticket = {.size = 1};
    test_code(MYL_EOPTIONS, myl_ticket_parse(ring->ticket, &ticket));
    close_ring(ring);
}

/* Texts with a correct checksum and arbitrary contents. */
static void forged_tickets_open_no_more_than_a_name_does(void **state)
{
    (void)state;
    static const struct {
        const char *rest, *why;
    } cases[] = {
        {"shm:00000000000000000000000000000000:ring", NULL},
        {"file:00000000000000000000000000000000:/a:b", NULL},
        {"memfd:00000000000000000000000000000000:", NULL},
        {"shm:00000000000000000000000000000000:../ring", "no ring of its backend"},
        {"shm:00000000000000000000000000000000:", "no ring of its backend"},
        {"shm:00000000000000000000000000000000:.hidden", "no ring of its backend"},
        {"file:00000000000000000000000000000000:a", "no ring of its backend"},
        {"memfd:00000000000000000000000000000000:a", "no ring of its backend"},
        {"shm:00000000000000000000000000000000:a%00b", "impossible name"},
        {"shm:00000000000000000000000000000000:a%4", "impossible name"},
        {"shm:00000000000000000000000000000000:a%", "impossible name"},
        {"shm:00000000000000000000000000000000:a%4x", "impossible name"},
        {"shm:00000000000000000000000000000000:%41", "impossible name"}, /* not in canonical form */
        {"shm:00000000000000000000000000000000:a b", "impossible name"},
        {"shm:0000000000000000000000000000000:a", "no session"},
        {"shm:000000000000000000000000000000000:a", "no session"},
        {"shm:0000000000000000000000000000000A:a", "no session"},
        {"shm", "no known backend"},
        {"shm:", "no session"},
        {"disk:00000000000000000000000000000000:a", "no known backend"},
        {"", "no known backend"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        int bytes = snprintf(text, sizeof text, "myelon-ticket-1:%s", cases[i].rest);
        uint64_t hash = myl_fnv1a(text, (size_t)bytes);
        (void)snprintf(text + bytes, sizeof text - (size_t)bytes, ":%016llx", (unsigned long long)hash);
        if (cases[i].why == NULL)
            (void)parse(text);
        else
            refuse(text, cases[i].why);
    }
}

static int read_by_ticket(test_peer *parent, void *unused)
{
    (void)unused;
    myl_consumer_options o = consumer_options("child");
    o.ring.ticket = getenv("RING_TICKET");
    assert_non_null(o.ring.ticket);
    myl_consumer *consumer = open_consumer_with(NULL, &o);
    test_send(parent, 1);
    const void *event;
    test_ok(myl_consumer_next(consumer, &event, MYL_SEC(30)));
    expect_event(event, 0);
    test_ok(myl_consumer_release(consumer));
    myl_consumer_close(consumer);
    return 0;
}

static void ticket_survives_the_environment(void **state)
{
    (void)state;
    struct ring *ring = open_ring(MYL_BACKEND_SHM);
    test_child child;
    assert_int_equal(setenv("RING_TICKET", ring->ticket, 1), 0);
    test_spawn(&child, read_by_ticket, NULL);
    test_expect_value(&child.peer, 1);
    put(ring->producer, 0, MYL_TRY);
    test_expect_exit(&child, 0);
    close_ring(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticket_opens_its_ring),
        cmocka_unit_test(ticket_opens_rings_of_frames),
        cmocka_unit_test(producer_takes_over_by_ticket),
        cmocka_unit_test(other_session_of_the_name_is_refused),
        cmocka_unit_test(ring_that_is_gone_is_not_made_again),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(ticket_needs_room_for_all_of_it),
        cmocka_unit_test(longest_path_has_a_ticket_and_relative_one_has_none),
        cmocka_unit_test(changed_tickets_are_refused),
        cmocka_unit_test(forged_tickets_open_no_more_than_a_name_does),
        cmocka_unit_test(ticket_survives_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
