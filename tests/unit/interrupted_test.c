/* SPDX-License-Identifier: MIT
 * A signal whose handler does nothing does not change a call by default: a blocked call continues and succeeds. With
 * wait.on_signal the call ends with MYL_EINTERRUPTED. It loses nothing, and succeeds when it is repeated. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "os/os.h"
#include "unit/frames.h"

static myl_au32 handled; /* lock-free, so a handler may add to it while another thread reads */

static void on_signal(int signal)
{
    (void)signal;
    (void)myl_add32_acq_rel(&handled, 1);
}

/* A thread blocks in `call`, is interrupted several times, and is then released by `release`. */
struct blocked {
    int (*call)(struct blocked *);
    void (*release)(struct blocked *);
    const char *name;
    myl_producer *producer;
    myl_consumer *consumer;
    myl_observer *observer;
    myl_frame_producer *frames_out;
    myl_frame_consumer *frames_in;
    myl_frame_observer *frames_seen;
    myl_wait_options wait;
    int sockets[2], fd;
    myl_au32 thread_id, ended;
    int result;
};

static void *run(void *argument)
{
    struct blocked *blocked = argument;
    myl_store32_rel(&blocked->thread_id, (uint32_t)syscall(SYS_gettid));
    blocked->result = blocked->call(blocked);
    myl_store32_rel(&blocked->ended, 1);
    return NULL;
}

static int has_begun(void *argument)
{
    return myl_load32_acq(&((struct blocked *)argument)->thread_id) != 0;
}

static int was_handled(void *wanted)
{
    return myl_load32_acq(&handled) >= *(uint32_t *)wanted;
}

static void interrupt_some_times(struct blocked *blocked)
{
    struct sigaction action = {.sa_handler = on_signal}; /* without SA_RESTART */
    pthread_t thread;
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    myl_store32_rel(&handled, 0);
    assert_int_equal(pthread_create(&thread, NULL, run, blocked), 0);
    test_until(has_begun, blocked, "the thread has started");
    for (uint32_t times = 1; times <= 5; times++) {
        pid_t id = (pid_t)myl_load32_acq(&blocked->thread_id);
        test_until(test_is_asleep, &id, "the call blocks");
        assert_int_equal(pthread_kill(thread, SIGUSR1), 0);
        test_until(was_handled, &times, "the signal is handled");
    }
    pid_t id = (pid_t)myl_load32_acq(&blocked->thread_id);
    test_until(test_is_asleep, &id, "the call blocks again");
    blocked->release(blocked);
    assert_int_equal(pthread_join(thread, NULL), 0);
    if (blocked->result != MYL_OK)
        test_fail("an interrupted call gives %s", myl_errname(blocked->result));
}

static int call_next(struct blocked *blocked)
{
    const void *event;
    return myl_consumer_next(blocked->consumer, &event, MYL_SEC(100));
}

static int call_get(struct blocked *blocked)
{
    struct event event;
    uint64_t lost;
    return myl_observer_get(blocked->observer, &event, sizeof event, &lost, MYL_SEC(100));
}

static int call_claim(struct blocked *blocked)
{
    void *event;
    return myl_producer_claim(blocked->producer, &event, MYL_SEC(100));
}

static int call_wait_consumed(struct blocked *blocked)
{
    return myl_producer_wait_consumed(blocked->producer, 0, MYL_SEC(100));
}

static int call_wait_consumers(struct blocked *blocked)
{
    return myl_producer_wait_consumers(blocked->producer, NULL, 2, MYL_SEC(100));
}

static int call_open(struct blocked *blocked)
{
    myl_consumer_options o = consumer_options("late");
    o.ring.attach_timeout_ns = MYL_SEC(100);
    return myl_consumer_open(&blocked->consumer, blocked->name, &o);
}

static void release_by_event(struct blocked *blocked)
{
    put(blocked->producer, 0, MYL_TRY);
}

static void release_by_reading(struct blocked *blocked)
{
    take_many(blocked->consumer, 0, 1);
}

static void release_by_joining(struct blocked *blocked)
{
    blocked->consumer = open_consumer(blocked->name, "d");
}

static void release_by_making(struct blocked *blocked)
{
    myl_producer_options o = producer_options(4);
    blocked->producer = open_producer(blocked->name, &o);
}

static void waits_go_on_after_a_signal(void **state)
{
    (void)state;
    static const struct {
        int (*call)(struct blocked *);
        void (*release)(struct blocked *);
        uint64_t events;
    } cases[] = {
        {call_next, release_by_event, 0},
        {call_get, release_by_event, 0},
        {call_claim, release_by_reading, 4},
        {call_wait_consumed, release_by_reading, 1},
        {call_wait_consumers, release_by_joining, 0},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[TEST_NAME_SIZE];
        myl_producer_options o = producer_options(4);
        myl_consumer_options c = consumer_options("c"), from = {.size = sizeof from};
        o.ring.wait.strategy = c.ring.wait.strategy = from.ring.wait.strategy = MYL_WAIT_BLOCK;
        struct blocked blocked = {.call = cases[i].call, .release = cases[i].release};
        blocked.name = test_name(name, "waits");
        blocked.producer = open_producer(name, &o);
        blocked.consumer = open_consumer_with(name, &c);
        test_ok(myl_observer_open(&blocked.observer, name, &from));
        put_many(blocked.producer, 0, cases[i].events);
        myl_consumer *first = blocked.consumer;
        interrupt_some_times(&blocked);
        if (blocked.consumer != first)
            myl_consumer_close(first);
        myl_observer_close(blocked.observer);
        myl_consumer_close(blocked.consumer);
        myl_producer_close(blocked.producer);
    }
}

static void open_goes_on_after_a_signal(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct blocked blocked = {.call = call_open, .release = release_by_making, .name = test_name(name, "open")};
    interrupt_some_times(&blocked);
    myl_consumer_close(blocked.consumer);
    myl_producer_close(blocked.producer);
}

/* --- calls that end at a signal ---------------------------------------------------------------------------------- */

#define EVENTS_MOST 4
#define RING_BYTES  65536
#define LONG_BYTES  200000

static int call_next_frame(struct blocked *blocked)
{
    myl_message message;
    return myl_frame_consumer_next(blocked->frames_in, &message, MYL_SEC(100));
}

static int call_get_frame(struct blocked *blocked)
{
    char room[64];
    myl_message message;
    myl_frame_lost lost;
    return myl_frame_observer_get(blocked->frames_seen, room, sizeof room, &message, &lost, MYL_SEC(100));
}

static int call_claim_frame(struct blocked *blocked)
{
    void *data;
    return myl_frame_producer_claim(blocked->frames_out, 64, &data, MYL_SEC(100));
}

static int call_publish_long(struct blocked *blocked)
{
    static char data[LONG_BYTES];
    return myl_frame_producer_publish(blocked->frames_out, data, sizeof data, 0, MYL_SEC(100));
}

static int call_wait_frames_consumed(struct blocked *blocked)
{
    return myl_frame_producer_wait_consumed(blocked->frames_out, MYL_SEC(100));
}

static int call_open_with_attach_timeout(struct blocked *blocked)
{
    myl_consumer_options o = consumer_options("late");
    o.ring.attach_timeout_ns = MYL_SEC(100);
    o.ring.wait = blocked->wait;
    return myl_consumer_open(&blocked->consumer, "no-such-ring", &o);
}

static int call_open_frames_with_attach_timeout(struct blocked *blocked)
{
    myl_frame_consumer_options o = frame_reader("late");
    o.ring.attach_timeout_ns = MYL_SEC(100);
    o.ring.wait = blocked->wait;
    return myl_frame_consumer_open(&blocked->frames_in, "no-such-ring", &o);
}

static int call_open_for_consumers(struct blocked *blocked)
{
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(EVENTS_MOST);
    o.ring.wait_consumers = 2;
    o.ring.wait_timeout_ns = MYL_SEC(100);
    o.ring.wait = blocked->wait;
    return myl_producer_open(&blocked->producer, test_name(name, "start"), &o);
}

static void make_nothing(struct blocked *blocked, uint64_t messages)
{
    (void)blocked, (void)messages;
}

static void make_events(struct blocked *blocked, uint64_t messages)
{
    myl_producer_options o = producer_options(EVENTS_MOST);
    myl_consumer_options c = consumer_options("c");
    o.ring.wait = c.ring.wait = blocked->wait;
    blocked->producer = open_producer(blocked->name, &o);
    blocked->consumer = open_consumer_with(blocked->name, &c);
    c.ring.id = NULL;
    test_ok(myl_observer_open(&blocked->observer, blocked->name, &c));
    put_many(blocked->producer, 0, messages);
}

static void make_frames_in_lanes(struct blocked *blocked, uint32_t lanes, uint64_t messages)
{
    myl_frame_producer_options o = frame_options(RING_BYTES, 1024);
    myl_frame_consumer_options c = frame_reader("c");
    o.config.lanes = lanes;
    o.ring.wait = c.ring.wait = blocked->wait;
    blocked->frames_out = open_frames(blocked->name, &o);
    test_ok(myl_frame_consumer_open(&blocked->frames_in, blocked->name, &c));
    c.ring.id = NULL;
    test_ok(myl_frame_observer_open(&blocked->frames_seen, blocked->name, &c));
    for (uint64_t i = 0; i < messages; i++)
        test_ok(myl_frame_producer_publish(blocked->frames_out, "", 1, 0, MYL_TRY));
}

static void make_frames(struct blocked *blocked, uint64_t messages)
{
    make_frames_in_lanes(blocked, 1, messages);
}

static void make_lanes(struct blocked *blocked, uint64_t messages)
{
    make_frames_in_lanes(blocked, 3, messages);
}

static int may_be_signalled(void *argument)
{
    struct blocked *blocked = argument;
    pid_t id = (pid_t)myl_load32_acq(&blocked->thread_id);
    return myl_load32_acq(&blocked->ended) != 0 || (id != 0 && test_is_asleep(&id));
}

static int was_handled_or_ended(void *argument)
{
    return myl_load32_acq(&handled) != 0 || myl_load32_acq(&((struct blocked *)argument)->ended) != 0;
}

/* Repeatedly, because a signal that is handled just before a sleep does not end it. */
static void interrupt_until_it_ends(struct blocked *blocked, int flags)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
    pthread_t thread;
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    myl_store32_rel(&blocked->thread_id, 0);
    myl_store32_rel(&blocked->ended, 0);
    assert_int_equal(pthread_create(&thread, NULL, run, blocked), 0);
    for (;;) {
        test_until(may_be_signalled, blocked, "the call blocks, or has ended");
        if (myl_load32_acq(&blocked->ended) != 0)
            break;
        myl_store32_rel(&handled, 0);
        assert_int_equal(pthread_kill(thread, SIGUSR1), 0);
        test_until(was_handled_or_ended, blocked, "the signal is handled");
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    if (blocked->result != MYL_EINTERRUPTED)
        test_fail("a call that ends at signals gives %s", myl_errname(blocked->result));
}

static void close_all(struct blocked *blocked)
{
    myl_frame_observer_close(blocked->frames_seen);
    myl_frame_consumer_close(blocked->frames_in);
    myl_frame_producer_close(blocked->frames_out);
    myl_observer_close(blocked->observer);
    myl_consumer_close(blocked->consumer);
    myl_producer_close(blocked->producer);
}

static void waits_end_at_a_signal_if_asked_to(void **state)
{
    (void)state;
    static const struct {
        int (*call)(struct blocked *);
        void (*make)(struct blocked *, uint64_t messages);
        uint64_t messages;
    } cases[] = {
        {call_next, make_events, 0},
        {call_get, make_events, 0},
        {call_claim, make_events, EVENTS_MOST},
        {call_wait_consumed, make_events, 1},
        {call_wait_consumers, make_events, 0},
        {call_next_frame, make_frames, 0},
        {call_next_frame, make_lanes, 0},
        {call_get_frame, make_frames, 0},
        {call_get_frame, make_lanes, 0},
        {call_claim_frame, make_frames, RING_BYTES / 64 - 1},
        {call_claim_frame, make_lanes, RING_BYTES / 64 - 1},
        {call_publish_long, make_frames, 0},
        {call_wait_frames_consumed, make_frames, 1},
        {call_open_with_attach_timeout, make_nothing, 0},
        {call_open_frames_with_attach_timeout, make_nothing, 0},
        {call_open_for_consumers, make_nothing, 0},
    };
    static const enum myl_wait_strategy strategies[] = {MYL_WAIT_BLOCK, MYL_WAIT_SLEEP, MYL_WAIT_ADAPTIVE};
    for (unsigned i = 0; i < 3 * sizeof cases / sizeof cases[0]; i++) {
        char name[TEST_NAME_SIZE];
        struct blocked blocked = {.call = cases[i / 3].call, .name = test_name(name, "ends")};
        blocked.wait.strategy = strategies[i % 3];
        blocked.wait.on_signal = MYL_SIGNAL_INTERRUPT;
        cases[i / 3].make(&blocked, cases[i / 3].messages);
        interrupt_until_it_ends(&blocked, 0);
        close_all(&blocked);
    }
}

/* SA_RESTART makes the kernel restart interrupted system calls. It does not restart these. */
static void waits_end_at_a_restarting_signal_too(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct blocked blocked = {.call = call_next, .name = test_name(name, "restart")};
    blocked.wait.on_signal = MYL_SIGNAL_INTERRUPT;
    make_events(&blocked, 0);
    interrupt_until_it_ends(&blocked, SA_RESTART);
    close_all(&blocked);
}

static void interrupted_call_may_be_repeated(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct blocked blocked = {.call = call_next_frame, .name = test_name(name, "again")};
    blocked.wait.on_signal = MYL_SIGNAL_INTERRUPT;
    make_frames(&blocked, 0);
    for (uint64_t i = 0; i < 3; i++) {
        interrupt_until_it_ends(&blocked, 0);
        send_frame(blocked.frames_out, i, 1000 * i, MYL_TRY);
        take_frame(blocked.frames_in, i, 1000 * i, MYL_TRY);
    }
    close_all(&blocked);
}

static void unknown_reaction_to_signals_is_refused(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(4);
    o.ring.wait.on_signal = (enum myl_on_signal)2;
    expect_no_producer(MYL_EINVAL, "wait.on_signal is 2", test_name(name, "reaction"), &o);
    assert_false(ring_exists(name));
}

/* --- descriptors ---------------------------------------------------------------------------------------------- */

static int call_receive(struct blocked *blocked)
{
    return myl_recv_fd(blocked->sockets[0], &blocked->fd);
}

static void release_by_sending(struct blocked *blocked)
{
    test_ok(myl_send_fd(blocked->sockets[1], blocked->sockets[0]));
}

static int call_send(struct blocked *blocked)
{
    return myl_send_fd(blocked->sockets[0], blocked->sockets[1]);
}

static void release_by_draining(struct blocked *blocked)
{
    char bytes[4096];
    assert_int_equal(fcntl(blocked->sockets[1], F_SETFL, O_NONBLOCK), 0);
    while (read(blocked->sockets[1], bytes, sizeof bytes) > 0)
        ;
}

static void descriptors_arrive_after_a_signal(void **state)
{
    (void)state;
    struct blocked blocked = {.call = call_receive, .release = release_by_sending, .fd = -1};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, blocked.sockets), 0);
    interrupt_some_times(&blocked);
    assert_true(blocked.fd >= 0);
    close(blocked.fd);
    myl_store32_rel(&blocked.thread_id, 0);
    blocked.call = call_send;
    blocked.release = release_by_draining;
    char bytes[512] = {0};
    while (send(blocked.sockets[0], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
    while (send(blocked.sockets[0], bytes, 1, MSG_DONTWAIT) > 0)
        ;
    interrupt_some_times(&blocked);
    close(blocked.sockets[0]);
    close(blocked.sockets[1]);
}

static void sleep_reports_a_signal_and_nothing_else(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = on_signal}, before; /* without SA_RESTART */
    const struct itimerval often = {.it_interval.tv_usec = 1000, .it_value.tv_usec = 1000}, never = {0};
    assert_int_equal(myl_os_sleep(0), 0);
    assert_int_equal(myl_os_sleep(1), 0);
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    assert_int_equal(myl_os_sleep(MYL_SEC(100)), EINTR);
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_go_on_after_a_signal),        cmocka_unit_test(open_goes_on_after_a_signal),
        cmocka_unit_test(waits_end_at_a_signal_if_asked_to), cmocka_unit_test(waits_end_at_a_restarting_signal_too),
        cmocka_unit_test(interrupted_call_may_be_repeated),  cmocka_unit_test(unknown_reaction_to_signals_is_refused),
        cmocka_unit_test(descriptors_arrive_after_a_signal), cmocka_unit_test(sleep_reports_a_signal_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
