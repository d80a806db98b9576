/* SPDX-License-Identifier: MIT
 * The calls under test: create, take over, join, resume, inspect, remove, wait, leave. */
#include "fault/scenario.h"

#include "fault/seam.h"

#define CAPACITY 8

static myl_producer_options ring_options(const struct world *w)
{
    myl_producer_options o = producer_options(CAPACITY);
    o.ring.backend = w->backend;
    o.ring.use_fd = w->fd != 0;
    o.ring.fd = w->fd;
    return o;
}

const char *where(const struct world *w)
{
    if (w->backend == MYL_BACKEND_MEMFD)
        return NULL;
    return w->backend == MYL_BACKEND_FILE ? w->path : w->name;
}

static void name_it(struct world *w)
{
    (void)test_name(w->name, "fault");
}

static void make_ring(struct world *w)
{
    name_it(w);
    myl_producer_options o = ring_options(w);
    w->producer = open_producer(where(w), &o);
    put_many(w->producer, 0, 3);
}

static void end_ring(struct world *w)
{
    myl_consumer_close(w->consumer);
    myl_producer_close(w->producer);
    w->consumer = NULL;
    w->producer = NULL;
    if (ring_exists(w->name)) /* the ring stays for a later consumer */
        test_ok(myl_remove(w->name, MYL_BACKEND_SHM, 0));
}

/* --- create --------------------------------------------------------------------------------------------------- */

static int act_create(struct world *w)
{
    myl_producer_options o = ring_options(w);
    return myl_producer_open((myl_producer **)&w->made, where(w), &o);
}

static int act_create_for_group(struct world *w)
{
    myl_producer_options o = ring_options(w);
    o.ring.mode = 0660;
    o.ring.set_group = 1;
    o.ring.group = getegid() != 0 ? (int64_t)getegid() : 1;
    return myl_producer_open((myl_producer **)&w->made, where(w), &o);
}

static int act_create_placed(struct world *w)
{
    myl_producer_options o = ring_options(w);
    o.ring.memory = (myl_memory_options){.lock = MYL_REQUEST_REQUIRE, .prefault = MYL_REQUEST_REQUIRE};
    return myl_producer_open((myl_producer **)&w->made, where(w), &o);
}

static int act_create_try_placed(struct world *w)
{
    myl_producer_options o = ring_options(w);
    o.ring.memory = (myl_memory_options){.huge = MYL_REQUEST_PREFER,
                                         .lock = MYL_REQUEST_PREFER,
                                         .prefault = MYL_REQUEST_PREFER,
                                         .numa = MYL_REQUEST_PREFER,
                                         .numa_node = 0};
    return myl_producer_open((myl_producer **)&w->made, where(w), &o);
}

static void undo_producer(struct world *w)
{
    myl_producer_close((myl_producer *)w->made);
}

static void set_up_file(struct world *w)
{
    w->backend = MYL_BACKEND_FILE;
    (void)test_path(w->path, "fault");
}

#ifndef MYL_OS_POSIX
static void set_up_memfd(struct world *w)
{
    w->backend = MYL_BACKEND_MEMFD;
}
#endif

static void expect_no_file(struct world *w)
{
    assert_int_equal(access(w->path, F_OK), -1);
}

/* --- an existing ring ------------------------------------------------------------------------------------------- */

static void set_up_left(struct world *w)
{
    make_ring(w);
    w->consumer = open_consumer(w->name, "stays");
    myl_producer_leave(w->producer);
    w->producer = NULL;
}

static void undo_leave(struct world *w)
{
    myl_producer_leave((myl_producer *)w->made);
}

static void set_up_closed(struct world *w)
{
    make_ring(w);
    myl_producer_close(w->producer); /* without consumers: its events stay for the first one */
    w->producer = NULL;
}

static int act_replace(struct world *w)
{
    myl_producer_options o = ring_options(w);
    o.ring.existing = MYL_EXISTING_REPLACE;
    return myl_producer_open((myl_producer **)&w->made, where(w), &o);
}

static int act_supersede(struct world *w)
{
    myl_producer_options o = ring_options(w);
    o.ring.existing = MYL_EXISTING_SUPERSEDE;
    return myl_producer_open((myl_producer **)&w->made, where(w), &o);
}

static int act_refused(struct world *w)
{
    int rc = act_create(w);
    return rc == MYL_EPRODUCERALIVE ? MYL_OK : rc;
}

static void undo_nothing(struct world *w)
{
    w->made = NULL;
}

/* --- consumers -------------------------------------------------------------------------------------------------- */

static int act_join(struct world *w)
{
    myl_consumer_options o = consumer_options("new");
    o.ring.backend = w->backend;
    o.ring.fd = w->fd;
    return myl_consumer_open((myl_consumer **)&w->made, where(w), &o);
}

static void undo_consumer(struct world *w)
{
    myl_consumer_close((myl_consumer *)w->made);
}

static int act_join_placed(struct world *w)
{
    myl_consumer_options o = consumer_options("new");
    o.ring.memory = (myl_memory_options){.lock = MYL_REQUEST_REQUIRE, .prefault = MYL_REQUEST_REQUIRE};
    return myl_consumer_open((myl_consumer **)&w->made, where(w), &o);
}

#ifndef MYL_OS_POSIX
static void set_up_memfd_ring(struct world *w)
{
    w->backend = MYL_BACKEND_MEMFD;
    make_ring(w);
    test_ok(myl_producer_fd(w->producer, &w->fd));
}

static void end_memfd_ring(struct world *w)
{
    close(w->fd);
    myl_producer_close(w->producer);
}
#endif

static int join_and_die(test_peer *parent, void *name)
{
    myl_consumer_options o = consumer_options("dead_1");
    o.ring.start = MYL_START_OLDEST;
    myl_consumer *consumer = open_consumer_with(name, &o);
    take_many(consumer, 0, 1);
    test_send(parent, 1);
    return (int)test_receive(parent);
}

static void set_up_dead(struct world *w)
{
    test_child child;
    make_ring(w);
    test_spawn(&child, join_and_die, w->name);
    test_expect_value(&child.peer, 1);
    test_kill(&child);
}

static int act_come_back(struct world *w)
{
    myl_consumer_options o = consumer_options("dead_1");
    return myl_consumer_open((myl_consumer **)&w->made, where(w), &o);
}

static int act_take_place(struct world *w)
{
    myl_consumer_options o = consumer_options(NULL);
    o.ring.prefix = "dead";
    return myl_consumer_open((myl_consumer **)&w->made, where(w), &o);
}

static void set_up_full_table(struct world *w)
{
    name_it(w);
    myl_producer_options o = ring_options(w);
    o.config.max_consumers = 1;
    w->producer = open_producer(w->name, &o);
    put_many(w->producer, 0, 3);
    myl_consumer_close(open_consumer(w->name, "left"));
}

static int act_evict(struct world *w)
{
    return myl_evict(w->name, MYL_BACKEND_SHM, "dead_1");
}

/* --- inspect ---------------------------------------------------------------------------------------------------- */

static int act_observe(struct world *w)
{
    return myl_observer_open((myl_observer **)&w->made, w->name, NULL);
}

static void undo_observer(struct world *w)
{
    myl_observer_close((myl_observer *)w->made);
}

static int act_snapshot(struct world *w)
{
    return myl_snapshot_take(w->name, MYL_BACKEND_SHM, (myl_snapshot **)&w->made);
}

static void undo_snapshot(struct world *w)
{
    myl_snapshot_free((myl_snapshot *)w->made);
}

static int act_log(struct world *w)
{
    return myl_log_take(w->name, MYL_BACKEND_SHM, (myl_log **)&w->made);
}

static void undo_log(struct world *w)
{
    myl_log_free((myl_log *)w->made);
}

static int count_name(const char *name, void *user)
{
    (void)name;
    ++*(int *)user;
    return 0;
}

static int act_list(struct world *w)
{
    (void)w;
    int count = 0;
    return myl_list(count_name, &count);
}

#ifndef MYL_OS_POSIX
static int act_create_pinned(struct world *w)
{
    myl_producer_options o = ring_options(w);
    o.ring.pin = 1;
    o.ring.cpu = 0;
    o.config.spin_only = MYL_SPIN_ONLY_ON;
    o.ring.wait.strategy = MYL_WAIT_SPIN_YIELD;
    return myl_producer_open((myl_producer **)&w->made, w->name, &o);
}
#endif

static int act_fd(struct world *w)
{
    return myl_producer_fd(w->producer, &w->made_fd);
}

static void undo_fd(struct world *w)
{
    close(w->made_fd);
}

/* --- the end ---------------------------------------------------------------------------------------------------- */

static int act_remove(struct world *w)
{
    return myl_remove(w->name, MYL_BACKEND_SHM, 0);
}

static int act_remove_in_use(struct world *w)
{
    int rc = myl_remove(w->name, MYL_BACKEND_SHM, 0);
    return rc == MYL_EINUSE ? MYL_OK : rc;
}

static void expect_no_ring(struct world *w)
{
    assert_false(ring_exists(w->name));
}

static int act_close_both(struct world *w)
{
    myl_producer_close(w->producer);
    myl_consumer_close(w->consumer);
    w->producer = NULL;
    w->consumer = NULL;
    return MYL_OK;
}

static void set_up_both(struct world *w)
{
    make_ring(w);
    myl_consumer_options c = consumer_options("c");
    c.ring.wait.strategy = MYL_WAIT_BLOCK;
    c.ring.start = MYL_START_NOW;
    w->consumer = open_consumer_with(w->name, &c);
}

/* The name is free at once, even if the last participant could not remove it. */
static void expect_free_name(struct world *w)
{
    myl_producer_options o = ring_options(w);
    myl_producer_close(open_producer(w->name, &o));
    if (ring_exists(w->name))
        test_ok(myl_remove(w->name, MYL_BACKEND_SHM, 0));
}

/* --- waiting and running ---------------------------------------------------------------------------------------- */

/* A wait calls the barrier after its first park of a millisecond. On a busy machine its time-out may end before that:
 * wait again until the call was made. */
static int act_wait_for_event(struct world *w)
{
    const void *event;
    int64_t start = test_now_ns();
    int rc;
    do {
        rc = myl_consumer_next(w->consumer, &event, MYL_MSEC(5));
    } while (rc == MYL_ETIMEDOUT && fault_made(FAULT_myl_os_barrier) == 0 && test_now_ns() - start < TEST_DEADLINE_NS);
    return rc == MYL_ETIMEDOUT ? MYL_OK : rc;
}

static void set_up_full(struct world *w)
{
    make_ring(w);
    myl_consumer_options c = consumer_options("c");
    c.ring.start = MYL_START_OLDEST;
    w->consumer = open_consumer_with(w->name, &c);
    put_many(w->producer, 3, CAPACITY - 3);
}

static int act_wait_for_room(struct world *w)
{
    void *event;
    int rc = myl_producer_claim(w->producer, &event, MYL_MSEC(20));
    return rc == MYL_ETIMEDOUT ? MYL_OK : rc;
}

static int handle(const void *event, myl_sequence sequence, int end_of_batch, void *user)
{
    (void)event;
    (void)sequence;
    (void)end_of_batch;
    (void)user;
    return 0;
}

static int act_run(struct world *w)
{
    return myl_runner_start((myl_runner **)&w->made, w->consumer, handle, NULL, NULL);
}

static void undo_run(struct world *w)
{
    myl_runner_stop((myl_runner *)w->made);
    test_ok(myl_runner_join((myl_runner *)w->made, NULL, MYL_SEC(10)));
}

#define PLACING "myl_os_memory_prefault myl_os_memory_lock myl_os_memory_huge myl_os_memory_bind madvise mlock open"
/* A failed query of a participant lock is repeated. Only a caller that needs the result reports the failure. */
#define ASKING "myl_os_lock_held fcntl flock fstat open"
#ifndef MYL_OS_POSIX
/* If a mapping with huge pages fails, it is repeated without. */
#define TRIED_AGAIN                                                                                                    \
    "myl_os_object_create myl_os_object_reopen myl_os_object_stat myl_os_map myl_os_lock_acquire "                     \
    "myl_os_random malloc "                                                                                            \
    "memfd_create ftruncate posix_fallocate fchmod fcntl getrandom fstat fstatfs mmap myl_os_object_missing"
#endif

const struct scenario scenarios[] = {
    {"create", name_it, act_create, undo_producer, expect_no_ring, "", 0, 0},
    {"create for a group", name_it, act_create_for_group, undo_producer, expect_no_ring, "", 0, 0},
    {"create placed", name_it, act_create_placed, undo_producer, expect_no_ring, "", 0, 0},
    {"create placed if possible", name_it, act_create_try_placed, undo_producer, expect_no_ring, PLACING, 0, 0},
#ifndef MYL_OS_POSIX
    {"create pinned", name_it, act_create_pinned, undo_producer, expect_no_ring, "", 0, 0},
#endif
    {"create in a file", set_up_file, act_create, undo_producer, expect_no_file, "", 0, 0},
#ifndef MYL_OS_POSIX
    {"create a memfd", set_up_memfd, act_create, undo_producer, undo_nothing, "", 0, 0},
    {"create a memfd placed if possible", set_up_memfd, act_create_try_placed, undo_producer, undo_nothing,
     PLACING " " TRIED_AGAIN, 0, 0},
    {"join a memfd", set_up_memfd_ring, act_join, undo_consumer, end_memfd_ring, "", 0, 0},
#endif
    {"take over", set_up_left, act_create, undo_leave, end_ring, "", 0, 0},
    {"refused", make_ring, act_refused, undo_nothing, end_ring, "fstat", 0, 0}, /* when it closes the directory */
    {"replace", set_up_closed, act_replace, undo_producer, expect_no_ring, "", 1, 0},
    {"supersede", set_up_left, act_supersede, undo_producer, end_ring, "", 1, 0},
    {"join", make_ring, act_join, undo_consumer, end_ring, "", 0, 0},
    {"join placed", make_ring, act_join_placed, undo_consumer, end_ring, "", 0, 0},
    {"join in the entry of one that left", set_up_full_table, act_join, undo_consumer, end_ring, "", 0, 0},
    {"resume", set_up_dead, act_come_back, undo_consumer, end_ring, "", 0, 0},
    {"resume a dead consumer", set_up_dead, act_take_place, undo_consumer, end_ring, "", 0, 0},
    {"evict", set_up_dead, act_evict, undo_nothing, end_ring, "", 0, 0},
    {"observe", make_ring, act_observe, undo_observer, end_ring, "", 0, 0},
    {"snapshot", set_up_dead, act_snapshot, undo_snapshot, end_ring, ASKING, 0, 0},
    {"log", make_ring, act_log, undo_log, end_ring, "", 0, 0},
    {"list", make_ring, act_list, undo_nothing, end_ring,
     "malloc myl_os_place_open myl_os_object_open myl_os_object_stat myl_os_object_read open openat fstat fstatfs "
     "pread",
     0, 0},
    {"pass a descriptor", make_ring, act_fd, undo_fd, end_ring, ASKING, 0, 0},
    {"remove", set_up_closed, act_remove, undo_nothing, expect_no_ring, "", 0, 0},
    {"remove in use", make_ring, act_remove_in_use, undo_nothing, end_ring, "", 0, 0},
    {"wait for an event", set_up_both, act_wait_for_event, undo_nothing, end_ring, ASKING, 0, 0},
    {"wait for room", set_up_full, act_wait_for_room, undo_nothing, end_ring, ASKING, 0, 0},
    {"run", set_up_both, act_run, undo_run, end_ring, "", 0, 0},
    {"close", set_up_both, act_close_both, undo_nothing, expect_free_name, "", 0, 1},
};
const size_t scenario_count = sizeof scenarios / sizeof scenarios[0];
