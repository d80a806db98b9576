/* SPDX-License-Identifier: MIT
 * Liveness does not depend on process numbers: a consumer in another pid namespace, a number that is reused, and how a
 * process is named in messages. */
#include "process/participant.h"

#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "os/os.h"

enum { CAPACITY = 8 };

/* From linux/sched.h, which conflicts with the headers of some C libraries. */
struct clone3_arguments {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

/* Children of the caller start in a new pid namespace. */
static int new_namespace(void)
{
    return unshare(CLONE_NEWPID) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0;
}

/* Runs `function` as process 1 of a new pid namespace. First sends its number as seen from outside, or 0 if that is not
 * possible. */
struct inner {
    test_child_function function;
    void *argument;
};

static int run_inner(test_peer *parent, void *argument)
{
    struct inner *inner = argument;
    int status;
    pid_t pid = new_namespace() ? fork() : -1;
    if (pid == 0) {
        test_expect_value(parent, 1); /* the number comes first */
        _exit(inner->function(parent, inner->argument));
    }
    test_send(parent, pid < 0 ? 0 : (uint64_t)pid);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

static pid_t start_inner(test_child *child, struct inner *inner)
{
    test_spawn(child, run_inner, inner);
    pid_t pid = (pid_t)test_receive(&child->peer);
    if (pid == 0) {
        test_expect_exit(child, 0);
        test_skip("a pid namespace cannot be made in this environment");
    }
    test_send(&child->peer, 1);
    return pid;
}

static int foreign_consumer(test_peer *parent, void *argument)
{
    struct participant *participant = argument;
    assert_int_equal(getpid(), 1);
    participant->consumer.ring.any_owner = 1; /* in its own user namespace it cannot compare owners */
    return consume_on_orders(parent, participant);
}

static void pid_of_another_namespace_is_not_asked(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    void *event;
    struct participant participant = {.name = test_name(name, "namespace"), .id = "w"};
    struct inner inner = {foreign_consumer, &participant};
    test_child child;
    myl_producer_options o = producer_options(CAPACITY);
    myl_producer *producer = open_producer(name, &o);
    pid_t pid = start_inner(&child, &inner);
    test_expect_value(&child.peer, 0);
    put_many(producer, 0, CAPACITY);
    myl_snapshot *snapshot;
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    assert_int_equal(snapshot->entry[0].pid, 1); /* a different process in this namespace */
    assert_true(snapshot->entry[0].alive);
    myl_snapshot_free(snapshot);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    test_code(MYL_ETIMEDOUT, myl_producer_claim(producer, &event, MYL_MSEC(50)));
    assert_int_not_equal(condition_of(name, "w"), MYL_COND_DEAD);
    assert_int_not_equal(condition_of(name, "w"), MYL_COND_STOPPED); /* its state cannot be known from here */
    assert_int_equal(kill(pid, SIGKILL), 0);
    test_code(MYL_ECONSUMERDEAD, myl_producer_claim(producer, &event, MYL_SEC(10)));
    assert_int_equal(condition_of(name, "w"), MYL_COND_DEAD);
    test_kill(&child);
    myl_producer_close(producer);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

/* Forks a process with that number and stops it until it is killed. Returns 0 if numbers cannot be chosen. */
static pid_t fork_as(pid_t pid)
{
#ifdef SYS_clone3
    pid_t wanted = pid;
    struct clone3_arguments a = {.exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&wanted, .set_tid_size = 1};
    long got = syscall(SYS_clone3, &a, sizeof a);
    if (got == 0) {
        for (;;)
            pause();
    }
    return got < 0 ? 0 : (pid_t)got;
#else
    (void)pid;
    return 0;
#endif
}

/* Runs as process 1 of a namespace, in which numbers may be chosen. Sends 1 if they may not. */
static int reuse_number(test_peer *parent, void *argument)
{
    struct participant *participant = argument;
    void *event;
    test_child consumer;
    myl_producer *producer = open_producer(participant->name, &participant->producer);
    start_consumer(&consumer, participant, 0);
    put_many(producer, 0, CAPACITY);
    pid_t pid = consumer.pid;
    test_kill(&consumer);
    pid_t again = fork_as(pid);
    if (again != 0) {
        assert_int_equal(again, pid);
        assert_int_equal(kill(pid, 0), 0); /* a process with that number is alive */
        test_code(MYL_ECONSUMERDEAD, myl_producer_claim(producer, &event, MYL_SEC(10)));
        assert_int_equal(condition_of(participant->name, "w"), MYL_COND_DEAD);
        start_consumer(&consumer, participant, 0); /* and its id is free */
        finish(&consumer, PARTICIPANT_CLOSE);
        kill(again, SIGKILL);
    }
    myl_producer_close(producer);
    test_send(parent, again == 0);
    return 0;
}

static void reused_pid_is_another_process(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct participant participant = {.name = test_name(name, "reuse"),
                                      .id = "w",
                                      .producer = producer_options(CAPACITY)};
    participant.producer.ring.any_owner = participant.consumer.ring.any_owner = 1;
    struct inner inner = {reuse_number, &participant};
    test_child child;
    (void)start_inner(&child, &inner);
    uint64_t refused = test_receive(&child.peer);
    test_expect_exit(&child, 0);
    if (ring_exists(name))
        test_ok(myl_remove(name, MYL_BACKEND_SHM, 1));
    if (refused)
        test_skip("process numbers cannot be chosen in this environment (clone3 with set_tid)");
}

static int wait_for_end(test_peer *parent, void *argument)
{
    (void)argument;
    test_send(parent, 1);
    (void)test_receive(parent);
    return 0;
}

static void stopped_process_is_identified(void **state)
{
    (void)state;
    test_child child;
    struct myl_os_identity self, who;
    myl_os_identify(&self);
    if (self.pid_namespace == 0)
        test_skip("no /proc");
    assert_int_equal(myl_os_is_stopped(&self), 0);
    test_spawn(&child, wait_for_end, NULL);
    test_expect_value(&child.peer, 1);
    myl_os_identify(&who);
    who.pid = (uint32_t)child.pid;
    assert_int_equal(myl_os_is_stopped(&who), 0);
    test_stop(&child);
    assert_int_equal(myl_os_is_stopped(&who), 1);
    who.started_ns = 1; /* before that process was started: so the number was reused */
    assert_true(myl_os_is_stopped(&who) < 0);
    myl_os_identify(&who);
    who.pid = (uint32_t)child.pid;
    who.pid_namespace++;
    assert_true(myl_os_is_stopped(&who) < 0);
    test_kill(&child);
    who.pid_namespace--;
    assert_true(myl_os_is_stopped(&who) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pid_of_another_namespace_is_not_asked),
        cmocka_unit_test(reused_pid_is_another_process),
        cmocka_unit_test(stopped_process_is_identified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
