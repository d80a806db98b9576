/* SPDX-License-Identifier: MIT
 * src/os/os.h over the simulated kernel. Every call is a scheduling point. Calls that can fail do so at random. */
#include "engine.h"

#include "os/os.h"
#include "segment/layout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DIRECTORY "/sim"
#define FREE_BYTES ((uint64_t)16 << 20)
#define REALTIME_NS UINT64_C(1700000000000000000)
#define DEVICE 7U
#define USER 1000U
#define FIRST_PID 100U
#define PAUSE_NS 40
#define YIELD_NS 500
#define CALM_PACE 50 /* a spin of some milliseconds must not need a million points */

static struct sim_process *self(void)
{
    return sim.current->process;
}

/* The scheduling point of a system call. Returns 1 if the call fails this time. */
static int fails(enum sim_fault fault)
{
    sim_point();
    return sim.calm_since == 0 && !sim.alone && sim_luck(sim.conditions.fault[fault]);
}

static int answered(const char *call, uint64_t what, int err)
{
    sim_hash(SIM_OP_NAME, what, (uint64_t)err);
    SIM_TRACE("%s %llu%s%s", call, (unsigned long long)what, err != 0 ? ": " : "", err != 0 ? strerror(err) : "");
    return err;
}

/* The event log has 256 records that writers share by ticket. Nothing depends on them, and they would be most of the
 * words of a run. */
static void leave_log_out(const struct sim_object *object)
{
    struct myl_header head;
    memcpy(&head, sim_arena() + object->offset, sizeof head);
    if (head.magic == MYL_MAGIC)
        sim_memory_untrack(object->offset + head.control_offset + myl_log_begin(&head));
}

/* --- objects ------------------------------------------------------------------------------------------------- */

const char *myl_os_shm_directory(void)
{
    return DIRECTORY;
}

/* There is only one directory. */
int myl_os_place_open(const char *path, struct myl_os_place *place)
{
    *place = (struct myl_os_place){.directory = -1, .name = path};
    return 0;
}

void myl_os_place_check(struct myl_os_place *place)
{
    (void)place;
}

void myl_os_place_close(struct myl_os_place *place)
{
    (void)place;
}

int myl_os_object_create(const struct myl_os_object_spec *spec, int *fd)
{
    struct sim_object *object = NULL;
    if (fails(SIM_FAULT_SYSTEM))
        return answered("create fails,", 0, ENOSPC);
    int err = sim_object_make(spec->bytes, &object);
    if (err == 0)
        err = sim_descriptor_make(self(), object, 1, fd);
    return answered("create: descriptor", err == 0 ? (uint64_t)*fd : 0, err);
}

int myl_os_object_publish(int fd, const struct myl_os_place *place)
{
    if (fails(SIM_FAULT_SYSTEM))
        return answered("link fails,", (uint64_t)fd, ENOSPC);
    struct sim_description *d = sim_description_of(self(), fd);
    sim_memory_sync(sim.current, &sim_directory);
    if (d != NULL)
        leave_log_out(d->object);
    int err = d == NULL ? EBADF : sim_name_make(place->name, d->object);
    return answered("link the name to descriptor", (uint64_t)fd, err);
}

int myl_os_object_open(const struct myl_os_place *place, int may_read_only, int *fd, int *read_only)
{
    (void)may_read_only;
    *read_only = 0;
    if (fails(SIM_FAULT_SYSTEM))
        return answered("open fails,", 0, EMFILE);
    const struct sim_name *name = sim_name_find(place->name);
    if (name == NULL)
        return answered("open: no such name", 0, ENOENT);
    sim_view_join(&sim.current->now, &sim_directory);
    int err = sim_descriptor_make(self(), name->object, 1, fd);
    return answered("open the name: descriptor", err == 0 ? (uint64_t)*fd : 0, err);
}

int myl_os_object_reopen(int fd, int *own)
{
    if (fails(SIM_FAULT_SYSTEM))
        return answered("reopen fails,", (uint64_t)fd, EMFILE);
    struct sim_description *d = sim_description_of(self(), fd);
    int err = d == NULL ? EBADF : sim_descriptor_make(self(), d->object, 1, own);
    return answered("reopen descriptor", (uint64_t)fd, err);
}

int myl_os_object_stat(int fd, struct myl_os_object *object_info)
{
    struct sim_description *d = sim_description_of(self(), fd);
    sim_point();
    if (d == NULL)
        return EBADF;
    *object_info = (struct myl_os_object){.bytes = d->object->bytes,
                                          .device = DEVICE,
                                          .inode = d->object->inode,
                                          .owner = USER,
                                          .regular = 1};
    return 0;
}

/* One atomic step; it reads the newest values. */
int myl_os_object_read(int fd, uint64_t offset, void *to, uint64_t bytes, uint64_t *got)
{
    if (fails(SIM_FAULT_SYSTEM))
        return answered("read fails,", (uint64_t)fd, EIO);
    struct sim_description *d = sim_description_of(self(), fd);
    if (d == NULL)
        return EBADF;
    uint64_t left = offset < d->object->bytes ? d->object->bytes - offset : 0;
    *got = bytes < left ? bytes : left;
    memcpy(to, sim_arena() + d->object->offset + offset, *got);
    return 0;
}

/* Objects have no holes in the simulation. */
int myl_os_object_missing(int fd, uint64_t bytes, uint64_t *missing, bool *exact)
{
    (void)fd;
    (void)bytes;
    *missing = 0;
    *exact = true;
    return 0;
}

int myl_os_object_reserve(int fd, uint64_t bytes)
{
    (void)fd;
    (void)bytes;
    return 0;
}

int myl_os_object_sealed(int fd, int *sealed)
{
    (void)fd;
    *sealed = 1;
    return 0;
}

int myl_os_object_is_named(const struct myl_os_place *place, const struct myl_os_object *object_info, int *same)
{
    sim_point();
    const struct sim_name *name = sim_name_find(place->name);
    sim_view_join(&sim.current->now, &sim_directory);
    *same = name != NULL && name->object->inode == object_info->inode;
    return answered(*same ? "the name still refers to inode" : "the name does not refer to inode", object_info->inode,
                    0);
}

static int is_mine(const struct sim_description *d)
{
    for (unsigned i = 0; d != NULL && i < SIM_DESCRIPTORS; i++) {
        if (self()->descriptor[i] == d)
            return 1;
    }
    return 0;
}

/* The index of this lane's producer lock. */
static unsigned producer_lock(const struct sim_object *object, uint32_t lane)
{
    struct myl_header head;
    memcpy(&head, sim_arena() + object->offset, sizeof head);
    return lane * (MYL_LOCK_ENTRY_0 + head.max_consumers);
}

/* Protocol 9: unlinking a name needs the registry lock of its object. If the stream is open and a producer or consumer
 * is alive, `superseded` must be stored first. */
static void check_unlink(const struct sim_object *object)
{
    struct myl_header head;
    struct myl_control control;
    unsigned others = 0;
    memcpy(&head, sim_arena() + object->offset, sizeof head);
    memcpy(&control, sim_arena() + object->offset + head.control_offset, sizeof control);
    for (unsigned i = MYL_LOCK_ENTRY_0; i < SIM_LOCKS; i++)
        others += object->lock[i] != NULL && !is_mine(object->lock[i]);
    if (!is_mine(object->lock[MYL_LOCK_REGISTRY]))
        sim_violation("names", "%s unlinks inode %llu without its registry lock", sim_self_name(),
                      (unsigned long long)object->inode);
    int producers = 1;
    for (uint32_t lane = 0; lane < head.lanes; lane++) {
        struct myl_control its;
        memcpy(&its, sim_arena() + object->offset + head.control_offset + lane * head.control_bytes, sizeof its);
        producers &= is_mine(object->lock[producer_lock(object, lane)]);
        if (head.lanes > 1 && control.superseded.v == 0 && its.epoch.v != 0 && its.closed.v == 0)
            sim_violation("names", "%s unlinks inode %llu, whose lane %u was not ended", sim_self_name(),
                          (unsigned long long)object->inode, lane);
    }
    if (control.superseded.v == 0 && !producers)
        sim_violation("names", "%s unlinks inode %llu without its producer lock", sim_self_name(),
                      (unsigned long long)object->inode);
    if (control.superseded.v == 0 && control.closed.v == 0 && others > 0)
        sim_violation("names", "%s unlinks inode %llu, which is neither closed nor superseded and has %u consumers",
                      sim_self_name(), (unsigned long long)object->inode, others);
}

int myl_os_object_unlink(const struct myl_os_place *place)
{
    sim_point();
    struct sim_name *name = sim_name_find(place->name);
    sim_memory_sync(sim.current, &sim_directory);
    if (name == NULL)
        return answered("unlink: no such name", 0, ENOENT);
    check_unlink(name->object);
    uint64_t inode = name->object->inode;
    sim_name_drop(name);
    return answered("unlink the name of inode", inode, 0);
}

void myl_os_object_close(int fd)
{
    sim_point();
    SIM_TRACE("close descriptor %d", fd);
    sim_hash(SIM_OP_NAME, (uint64_t)fd, 1);
    SIM_CHECK(sim_description_of(self(), fd) != NULL, "descriptor", "%s closes descriptor %d, which is not open",
              sim_self_name(), fd);
    sim_descriptor_close(self(), (unsigned)fd - 3);
}

/* In the simulation no descriptor is closed without the library's knowledge. */
int myl_os_object_check(int fd, const struct myl_os_object *object, uint32_t owned_lock)
{
    (void)object;
    (void)owned_lock;
    return sim_description_of(self(), fd) != NULL ? 0 : EBADF;
}

void myl_os_object_abandon(int fd, const struct myl_os_object *object)
{
    (void)object;
    SIM_CHECK(0, "descriptor", "%s has lost descriptor %d", sim_self_name(), fd);
}

void myl_os_object_close_in_child(int fd, const struct myl_os_object *object)
{
    (void)object;
    myl_os_object_close(fd);
}

int myl_os_room(const struct myl_os_place *place, struct myl_os_room *room)
{
    (void)place;
    *room = (struct myl_os_room){.bytes = FREE_BYTES};
    return 0;
}

int myl_os_directory_each(const char *path, int (*visit)(const char *name, void *user), void *user)
{
    size_t prefix = strlen(path) + 1;
    const struct sim_name *name;
    for (unsigned i = 0; (name = sim_name_at(i)) != NULL; i++) {
        sim_point();
        if (name->object == NULL || strncmp(name->path, path, prefix - 1) != 0)
            continue;
        char text[sizeof name->path];
        memcpy(text, name->path, sizeof text); /* the entry may change while it is visited */
        int result = visit(text + prefix, user);
        if (result != 0)
            return result;
    }
    return 0;
}

/* --- locks --------------------------------------------------------------------------------------------------- */

static void trace_lock(const char *what, const struct sim_description *d, uint32_t lock, const char *answer)
{
    static const char *const known[] = {"producer lock", "registry lock"};
    char text[32];
    (void)snprintf(text, sizeof text, "participant lock of entry %u", lock - 2);
    sim_hash(SIM_OP_LOCK, d->object->inode * 128 + lock, (uint64_t)answer[0]);
    SIM_TRACE("%s %s of inode %llu: %s", what, lock < 2 ? known[lock] : text, (unsigned long long)d->object->inode,
              answer);
}

int myl_os_lock_acquire(int fd, uint32_t lock)
{
    struct sim_description *d = sim_description_of(self(), fd);
    if (fails(SIM_FAULT_SYSTEM))
        return answered("lock fails,", lock, ENOLCK);
    if (d == NULL || lock >= SIM_LOCKS)
        return EBADF;
    sim_memory_sync(sim.current, &d->object->locks);
    if (d->object->lock[lock] != NULL && d->object->lock[lock] != d) {
        trace_lock("take", d, lock, "taken");
        return EAGAIN;
    }
    if (d->object->lock[lock] == NULL)
        d->object->lock_acquired_at[lock] = sim.points;
    d->object->lock[lock] = d;
    sim.writes++;
    trace_lock("take", d, lock, "ours");
    return 0;
}

void myl_os_lock_release(int fd, uint32_t lock)
{
    sim_point();
    struct sim_description *d = sim_description_of(self(), fd);
    if (d == NULL || lock >= SIM_LOCKS)
        return;
    sim_memory_sync(sim.current, &d->object->locks);
    if (d->object->lock[lock] == d)
        sim_lock_leave(d->object, lock);
    sim.writes++;
    trace_lock("drop", d, lock, "free");
}

int myl_os_lock_held(int fd, uint32_t lock)
{
    if (fails(SIM_FAULT_SYSTEM))
        return -answered("query of a lock fails,", lock, EINTR);
    struct sim_description *d = sim_description_of(self(), fd);
    if (d == NULL || lock >= SIM_LOCKS)
        return -EBADF;
    int held = d->object->lock[lock] != NULL && d->object->lock[lock] != d;
    if (!held) /* a query that finds the lock free is after all accesses of its last owner */
        sim_view_join(&sim.current->now, &d->object->locks);
    trace_lock("query", d, lock, held ? "held" : "free");
    return held;
}

int myl_os_any_lock_held(int fd, uint32_t first, uint32_t count)
{
    int held = 0;
    for (uint32_t lock = first; held == 0 && lock - first < count && lock < SIM_LOCKS; lock++)
        held = myl_os_lock_held(fd, lock);
    return held;
}

uint64_t sim_lock_was_free(uint64_t inode, uint32_t lane)
{
    const struct sim_object *object = sim_object_numbered(inode);
    if (object == NULL)
        return sim.points;
    unsigned lock = producer_lock(object, lane);
    return object->lock[lock] == NULL ? sim.points : object->lock_acquired_at[lock];
}

uint64_t sim_lock_was_held(uint64_t inode, uint32_t entry)
{
    const struct sim_object *object = sim_object_numbered(inode);
    unsigned lock = MYL_LOCK_ENTRY_0 + entry;
    return object == NULL || object->lock[lock] != NULL ? sim.points : object->lock_released_at[lock];
}

uint64_t sim_inode_of_session(uint64_t session)
{
    const struct sim_object *object;
    for (uint64_t inode = 1; (object = sim_object_numbered(inode)) != NULL; inode++) {
        struct myl_header head;
        memcpy(&head, sim_arena() + object->offset, sizeof head);
        if (head.session[0] == session)
            return inode;
    }
    return 0;
}

int sim_is_named(uint64_t inode)
{
    const struct sim_object *object = sim_object_numbered(inode);
    return object != NULL && object->names > 0;
}

/* --- mapping ------------------------------------------------------------------------------------------------- */

uint64_t myl_os_page_size(void)
{
    return SIM_PAGE;
}

int myl_os_map(int fd, uint64_t offset, uint64_t bytes, int writable, void **address)
{
    if (fails(SIM_FAULT_SYSTEM))
        return answered("map fails,", (uint64_t)fd, ENOMEM);
    struct sim_description *d = sim_description_of(self(), fd);
    if (d == NULL)
        return EBADF;
    return writable && !d->writable ? EACCES : sim_map(self(), d->object, offset, bytes, writable, address);
}

int myl_os_map_twice(int fd, uint64_t offset, uint64_t bytes, int writable, void **address)
{
    if (fails(SIM_FAULT_SYSTEM))
        return answered("map twice fails,", (uint64_t)fd, ENOMEM);
    struct sim_description *d = sim_description_of(self(), fd);
    if (d == NULL)
        return EBADF;
    return writable && !d->writable ? EACCES : sim_map_twice(self(), d->object, offset, bytes, writable, address);
}

void myl_os_unmap(void *address, uint64_t bytes)
{
    if (address == NULL)
        return;
    sim_point();
    sim_unmap(self(), address, bytes);
}

int myl_os_memory_prefault(void *address, uint64_t bytes, int writable)
{
    (void)address, (void)bytes, (void)writable;
    return 0;
}

int myl_os_memory_lock(void *address, uint64_t bytes)
{
    (void)address, (void)bytes;
    return fails(SIM_FAULT_SYSTEM) ? ENOMEM : 0;
}

int myl_os_memory_huge(void *address, uint64_t bytes)
{
    (void)address, (void)bytes;
    return ENOTSUP;
}

int myl_os_memory_bind(void *address, uint64_t bytes, uint32_t numa_node)
{
    (void)address, (void)bytes, (void)numa_node;
    return ENOTSUP;
}

void myl_os_affinity_get(struct myl_os_affinity *affinity)
{
    affinity->known = 0;
}

void myl_os_affinity_set(const struct myl_os_affinity *affinity)
{
    (void)affinity;
}

int myl_os_pin(int cpu)
{
    (void)cpu;
    return 0;
}

/* --- waiting ------------------------------------------------------------------------------------------------- */

/* The key of a word for sleeping and waking. A word in the process's own memory has no offset; its key is in no trace
 * and no hash, since it differs from run to run. */
#define PRIVATE_KEY ((uint64_t)1 << 63)

static uint64_t key_of(myl_au32 *word, int writable, uint64_t *offset)
{
    *offset = 0;
    return sim_offset_of(word, writable, offset) ? *offset + 1 : PRIVATE_KEY | (uint64_t)(uintptr_t)word;
}

static uint32_t value_of(struct sim_participant *participant, myl_au32 *word)
{
    uint64_t offset;
    if ((key_of(word, 0, &offset) & PRIVATE_KEY) == 0)
        return (uint32_t)sim_memory_peek(participant, offset, 4);
    uint32_t value;
    memcpy(&value, (const void *)word, sizeof value);
    return value;
}

int myl_os_park_any(const struct myl_os_park_word *words, uint32_t count, int64_t timeout_ns)
{
    struct sim_participant *participant = sim.current;
    uint64_t key[SIM_FUTEXES], offset = 0;
    sim_point();
    sim_memory_fence(participant);
    sim_memory_sync(participant, &sim_futex_queues);
    if (count > SIM_FUTEXES)
        sim_violation("futex", "%s sleeps on %u words", sim_self_name(), count);
    for (uint32_t i = 0; i < count; i++) {
        key[i] = key_of(words[i].word, 0, &offset);
        if (value_of(participant, words[i].word) != words[i].value) {
            sim_hash(SIM_OP_FUTEX, offset, 0);
            SIM_TRACE("futex wait: word %u has changed", i);
            return 0;
        }
    }
    if (timeout_ns <= 0)
        return ETIMEDOUT;
    sim_hash(SIM_OP_FUTEX, offset, 1);
    SIM_TRACE("futex wait on %u words, at most %lld us", count, (long long)timeout_ns / 1000);
    int64_t deadline = timeout_ns > INT64_MAX - sim.now ? INT64_MAX : sim.now + timeout_ns;
    enum sim_wake wake = sim_sleep(key, count, deadline);
    SIM_TRACE("futex wait ends: %s", wake == SIM_TIMED_OUT ? "timed out" : "woken");
    return wake == SIM_TIMED_OUT ? ETIMEDOUT : 0;
}

int myl_os_park(myl_au32 *word, uint32_t value, int64_t timeout_ns)
{
    return myl_os_park_any(&(struct myl_os_park_word){word, value}, 1, timeout_ns);
}

static void wake_all(struct sim_participant *participant, uint64_t key, uint64_t offset)
{
    sim_memory_sync(participant, &sim_futex_queues);
    unsigned woken = sim_wake_futex(key);
    sim_hash(SIM_OP_FUTEX, offset, 2 + woken);
    SIM_TRACE("futex wake: %u", woken);
}

/* One system call: no kill happens between the addition and the wake. */
void myl_os_wake_add4(myl_au32 *word)
{
    uint64_t offset;
    sim_point();
    if (!sim_offset_of(word, 1, &offset))
        sim_violation("futex", "%s wakes on a word that is not in shared memory", sim_self_name());
    sim_memory_fence(sim.current);
    uint64_t before = sim_memory_add(sim.current, offset, 4, 4);
    if (sim.tracing)
        sim_trace_word("kernel adds 4", offset, before + 4, "");
    wake_all(sim.current, offset + 1, offset);
}

void myl_os_wake(myl_au32 *word)
{
    uint64_t offset;
    sim_point();
    uint64_t key = key_of(word, 0, &offset);
    sim_memory_fence(sim.current);
    wake_all(sim.current, key, offset);
}

int myl_os_barrier_register(void)
{
    if (fails(SIM_FAULT_REGISTER))
        return answered("registering for the barrier fails,", 0, ENOSYS);
    self()->registered = 1;
    sim_memory_fence(sim.current); /* a process that earlier barriers did not reach is ordered by this fence */
    return answered("registers for the barrier", 0, 0);
}

int myl_os_barrier(void)
{
    if (fails(SIM_FAULT_BARRIER))
        return answered("the barrier fails,", 0, EPERM);
    sim_memory_fence(sim.current);
    for (unsigned i = 0; i < sim.participants; i++) {
        struct sim_participant *participant = &sim.participant[i];
        if (participant->process->registered) /* dead processes, too: a processor fences when it leaves a thread */
            sim_memory_fence(participant);
    }
    sim_memory_fence(sim.current);
    return answered("barrier through all registered processes", 0, 0);
}

/* --- time ---------------------------------------------------------------------------------------------------- */

static void pass(int64_t most)
{
    if (sim.calm_since != 0)
        most *= CALM_PACE;
    sim.now += 1 + (int64_t)(sim.conditions.strategy == SIM_ENUMERATE ? most : (int64_t)sim_choose((unsigned)most));
}

int64_t myl_os_now(void)
{
    sim_point();
    pass(sim.conditions.clock_ns);
    sim_hash(SIM_OP_TIME, (uint64_t)sim.now, 0);
    return sim.now;
}

uint64_t myl_os_realtime(void)
{
    return REALTIME_NS + (uint64_t)sim.now;
}

int myl_os_sleep(int64_t ns)
{
    SIM_TRACE("sleeps for %lld us", (long long)ns / 1000);
    (void)sim_sleep(NULL, 0, ns > INT64_MAX - sim.now ? INT64_MAX : sim.now + ns);
    return 0;
}

void myl_os_yield(void)
{
    pass(YIELD_NS);
    sim_point_idle();
}

void myl_os_pause(void)
{
    pass(PAUSE_NS);
    sim_point_idle();
}

/* --- the rest ------------------------------------------------------------------------------------------------ */

int myl_os_random(void *bytes, size_t count)
{
    unsigned char *to = bytes;
    for (size_t i = 0; i < count; i++)
        to[i] = (unsigned char)sim_draw(256);
    return 0;
}

uint32_t myl_os_pid(void)
{
    return FIRST_PID + self()->index;
}

void myl_os_identify(struct myl_os_identity *identity)
{
    *identity = (struct myl_os_identity){.pid = myl_os_pid(), .pid_namespace = 1, .started_ns = (uint64_t)sim.now};
}

int myl_os_is_stopped(const struct myl_os_identity *who)
{
    sim_point();
    uint32_t index = who->pid - FIRST_PID;
    if (index >= sim.processes || !sim.process[index].alive)
        return -ESRCH;
    return sim.process[index].stopped;
}

uint32_t myl_os_user(void)
{
    return USER;
}

uint32_t myl_os_overflow_user(void)
{
    return UINT32_MAX;
}

uint64_t myl_os_cache_bytes(void)
{
    return (uint64_t)64 << 10;
}

int myl_os_fork_watch(struct myl_os_fork_node *node)
{
    (void)node;
    return fails(SIM_FAULT_SYSTEM) ? ENOMEM : 0;
}

void myl_os_fork_forget(struct myl_os_fork_node *node)
{
    (void)node;
}

void myl_test_step(const char *step)
{
    if (sim.current == NULL)
        return;
    sim.current->step = step;
    SIM_TRACE("--- step %s", step);
}
