/* SPDX-License-Identifier: MIT
 * Process numbers decide nothing: a consumer of another pid namespace, a number that is used again, and what people are
 * told of whom. */
#include "process/party.h"

#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "os/os.h"

enum { CAPACITY = 8 };

/* Of linux/sched.h, which not every libc's headers go with. */
struct clone3_arguments {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

/* Children of the caller begin a pid namespace of their own. */
static int new_namespace(void)
{
    return unshare(CLONE_NEWPID) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0;
}

/* Runs `function` as process 1 of a new pid namespace; tells its number out here first, or 0 if that cannot be. */
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
        test_hear_value(parent, 1); /* the number comes first */
        _exit(inner->function(parent, inner->argument));
    }
    test_tell(parent, pid < 0 ? 0 : (uint64_t)pid);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

static pid_t start_inner(test_child *child, struct inner *inner)
{
    test_spawn(child, run_inner, inner);
    pid_t pid = (pid_t)test_hear(&child->peer);
    if (pid == 0) {
        test_expect_exit(child, 0);
        test_skip("no pid namespace can be made here");
    }
    test_tell(&child->peer, 1);
    return pid;
}

static int foreign_consumer(test_peer *parent, void *argument)
{
    struct party *party = argument;
    assert_int_equal(getpid(), 1);
    party->consumer.any_owner = 1; /* in a user namespace of its own it does not know who it is */
    return consume_on_orders(parent, party);
}

static void test_another_namespace(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    void *event;
    struct party party = {.name = test_name(name, "namespace"), .id = "w"};
    struct inner inner = {foreign_consumer, &party};
    test_child child;
    myl_producer_options o = producer_options(CAPACITY);
    myl_producer *producer = open_producer(name, &o);
    pid_t pid = start_inner(&child, &inner);
    test_hear_value(&child.peer, 0);
    put_many(producer, 0, CAPACITY);
    myl_snapshot *snapshot;
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    assert_int_equal(snapshot->entry[0].pid, 1); /* which is somebody else out here */
    assert_true(snapshot->entry[0].alive);
    myl_snapshot_free(snapshot);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    test_code(MYL_ETIMEDOUT, myl_producer_claim(producer, &event, MYL_MSEC(50)));
    assert_int_not_equal(condition_of(name, "w"), MYL_COND_DEAD);
    assert_int_not_equal(condition_of(name, "w"), MYL_COND_STOPPED); /* nothing that could be known from here */
    assert_int_equal(kill(pid, SIGKILL), 0);
    test_code(MYL_ECONSUMERDEAD, myl_producer_claim(producer, &event, MYL_SEC(10)));
    assert_int_equal(condition_of(name, "w"), MYL_COND_DEAD);
    test_kill(&child);
    myl_producer_close(producer);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

/* A process of that number, if that may be chosen; 0 if not. It stands still until it is killed. */
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

/* As process 1, where numbers may be chosen. Tells 1 if they may not. */
static int reuse_a_number(test_peer *parent, void *argument)
{
    struct party *party = argument;
    void *event;
    test_child consumer;
    myl_producer *producer = open_producer(party->name, &party->producer);
    start_consumer(&consumer, party, 0);
    put_many(producer, 0, CAPACITY);
    pid_t pid = consumer.pid;
    test_kill(&consumer);
    pid_t again = fork_as(pid);
    if (again != 0) {
        assert_int_equal(again, pid);
        assert_int_equal(kill(pid, 0), 0); /* by its number it is alive */
        test_code(MYL_ECONSUMERDEAD, myl_producer_claim(producer, &event, MYL_SEC(10)));
        assert_int_equal(condition_of(party->name, "w"), MYL_COND_DEAD);
        start_consumer(&consumer, party, 0); /* and its place is free */
        finish(&consumer, PARTY_CLOSE);
        kill(again, SIGKILL);
    }
    myl_producer_close(producer);
    test_tell(parent, again == 0);
    return 0;
}

static void test_a_number_used_again(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct party party = {.name = test_name(name, "reuse"), .id = "w", .producer = producer_options(CAPACITY)};
    party.producer.any_owner = party.consumer.any_owner = 1;
    struct inner inner = {reuse_a_number, &party};
    test_child child;
    (void)start_inner(&child, &inner);
    uint64_t refused = test_hear(&child.peer);
    test_expect_exit(&child, 0);
    if (ring_exists(name))
        test_ok(myl_remove(name, MYL_BACKEND_SHM, 1));
    if (refused)
        test_skip("process numbers cannot be chosen here (clone3 with set_tid)");
}

static int sit(test_peer *parent, void *argument)
{
    (void)argument;
    test_tell(parent, 1);
    (void)test_hear(parent);
    return 0;
}

static void test_what_people_are_told(void **state)
{
    (void)state;
    test_child child;
    struct myl_os_identity self, who;
    myl_os_identify(&self);
    if (self.space == 0)
        test_skip("no /proc here");
    assert_int_equal(myl_os_is_stopped(&self), 0);
    test_spawn(&child, sit, NULL);
    test_hear_value(&child.peer, 1);
    myl_os_identify(&who);
    who.pid = (uint32_t)child.pid;
    assert_int_equal(myl_os_is_stopped(&who), 0);
    test_stop(&child);
    assert_int_equal(myl_os_is_stopped(&who), 1);
    who.born = 1; /* noted before that process was started: it has got another one's number */
    assert_true(myl_os_is_stopped(&who) < 0);
    myl_os_identify(&who);
    who.pid = (uint32_t)child.pid;
    who.space++;
    assert_true(myl_os_is_stopped(&who) < 0);
    test_kill(&child);
    who.space--;
    assert_true(myl_os_is_stopped(&who) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_another_namespace),
        cmocka_unit_test(test_a_number_used_again),
        cmocka_unit_test(test_what_people_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
