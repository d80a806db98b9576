/* SPDX-License-Identifier: MIT
 * Creating a segment, or opening it and acquiring its producer lock: protocol 9, steps C1 to C8. */
#include "segment/create.h"

#include "base/error.h"
#include "segment/choose.h"
#include "segment/header.h"
#include "segment/id.h"
#include "segment/lane.h"
#include "segment/lock.h"
#include "segment/log.h"
#include "segment/name.h"
#include "segment/remove.h"
#include "segment/table.h"
#include "segment/wake.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* A turn is repeated when another process created or removed the ring meanwhile, or is about to remove it. */
#define TURNS_MAX      1000
/* Upper limit of the memory that the kernel needs to manage the pages of an object, as a share of the object. */
#define NOTES_SHARE    256
#define TURN_PAUSE_NS  ((int64_t)200000)

/* Reports that the object does not fit, and which limit is exceeded. */
static int does_not_fit(const char *name, const char *path, uint64_t bytes, const struct myl_os_room *room)
{
    switch (room->scarce) {
    case MYL_OS_SCARCE_INODES:
        return myl_fail(MYL_ENOSPACE,
                        "ring \"%s\" needs an inode, and the file system of %s has none free; remove files there, or "
                        "mount it with more (nr_inodes)",
                        name, path);
    case MYL_OS_SCARCE_MEMORY:
        return myl_fail(MYL_ENOSPACE,
                        "ring \"%s\" needs %" PRIu64 " KiB of memory, this machine has %" PRIu64
                        " KiB available; lower its capacity, or end other programs",
                        name, bytes >> 10, room->bytes >> 10);
    case MYL_OS_SCARCE_GROUP:
        return myl_fail(MYL_ENOSPACE,
                        "ring \"%s\" needs %" PRIu64 " KiB of memory, memory group %s has %" PRIu64
                        " KiB left; lower its capacity, or raise the group's limit (a container: --memory)",
                        name, bytes >> 10, room->where, room->bytes >> 10);
    case MYL_OS_SCARCE_SPACE:
        break;
    }
    return myl_fail(MYL_ENOSPACE,
                    "ring \"%s\" needs %" PRIu64 " KiB, the file system of %s has %" PRIu64
                    " KiB free; lower its capacity, or make room (a container: raise --shm-size)",
                    name, bytes >> 10, path, room->bytes >> 10);
}

/* Checked before the first byte is reserved, since a reservation that fails late would first take the memory of other
 * processes. `credit` bytes will be freed before. */
static int check_fits(const struct myl_segment *segment, int huge, uint64_t bytes, uint64_t credit)
{
    struct myl_os_room room;
    if (huge)
        return MYL_OK; /* huge pages have their own pool; the reservation checks it */
    int err = myl_os_room(segment->path == NULL ? NULL : &segment->shared->place, &room);
    if (err != 0)
        return myl_fail_errno(err, "the free space for ring \"%s\" cannot be determined", segment->name);
    if (room.scarce == MYL_OS_SCARCE_INODES && credit > 0)
        return MYL_OK;
    uint64_t needed = bytes + (room.scarce == MYL_OS_SCARCE_SPACE ? 0 : bytes / NOTES_SHARE);
    if (room.bytes == UINT64_MAX || (needed <= room.bytes || needed - room.bytes <= credit))
        return MYL_OK;
    return does_not_fit(segment->name, segment->path, bytes, &room);
}

static int cannot_be_made(const struct myl_segment_make *how, const struct myl_os_object_spec *spec,
                          const struct myl_segment *segment, int err)
{
    const char *name = segment->name, *path = segment->path;
    if (err == ENOLINK)
        return myl_fail(MYL_EFILESYSTEM,
                        "ring \"%s\" would be on a network or FUSE file system, where locks and shared mappings "
                        "are not coherent; use a local file system",
                        name);
    if (err == EFBIG)
        return myl_fail(MYL_ENOSPACE,
                        "ring \"%s\" needs a file of %" PRIu64
                        " KiB, and this process may not make one so large; raise "
                        "its limit (ulimit -f), or lower the ring's capacity",
                        name, spec->bytes >> 10);
    if (how->huge && (err == EINVAL || err == ENODEV || err == ENOENT || err == ENOSYS))
        return myl_fail(
            MYL_EUNSUPPORTED,
            "the ring requires huge pages (memory.huge), and this system has none for memfds; take Linux "
            "4.16 or later with CONFIG_HUGETLBFS, or ask with MYL_REQUEST_PREFER instead of MYL_REQUEST_REQUIRE");
    if (err != ENOSPC && err != ENOMEM)
        return myl_fail_errno(err, "ring \"%s\" of %" PRIu64 " bytes cannot be made", name, spec->bytes);
    if (how->huge)
        return myl_fail(MYL_ENOSPACE,
                        "the ring needs %" PRIu64 " huge pages of 2048 KiB (memory.huge), and the pool has fewer free; "
                        "`sysctl -w vm.nr_hugepages=N` with N larger by that number, lower the capacity, or ask with "
                        "MYL_REQUEST_PREFER instead of MYL_REQUEST_REQUIRE",
                        (spec->bytes + MYL_HUGE_ALIGN - 1) / MYL_HUGE_ALIGN);
    if (how->open.backend == MYL_BACKEND_MEMFD)
        return myl_fail(MYL_ENOSPACE,
                        "the ring needs %" PRIu64 " KiB of memory, more than is available; lower its capacity, or "
                        "free memory (a container: raise its memory limit)",
                        spec->bytes >> 10);
    struct myl_os_room room;
    if (myl_os_room(spec->place, &room) != 0 || room.bytes == UINT64_MAX)
        room = (struct myl_os_room){.bytes = 0};
    return does_not_fit(name, path, spec->bytes, &room);
}

int myl_check_quorum(uint32_t count, uint32_t entries)
{
    if (count <= entries)
        return MYL_OK;
    return myl_fail(MYL_EINVAL,
                    "cannot wait for %" PRIu32 " consumers: the ring has entries for %" PRIu32
                    "; wait for fewer, or create it with a larger max_consumers",
                    count, entries);
}

int myl_check_reserved(uint32_t count, uint32_t entries)
{
    if (count <= entries)
        return MYL_OK;
    return myl_fail(MYL_EINVAL,
                    "cannot reserve %" PRIu32 " ids: the ring has entries for %" PRIu32
                    " consumers; reserve fewer, or create it with a larger max_consumers",
                    count, entries);
}

/* Both before anything is changed. */
static int check_counts(const struct myl_segment_make *how)
{
    int rc = myl_check_quorum(how->quorum, how->head.max_consumers);
    return rc == MYL_OK ? myl_check_reserved(how->reserved, how->head.max_consumers) : rc;
}

/* Writes the header, and the schema text if there is one. */
static int write_head(const struct myl_segment *segment)
{
    const struct myl_header *head = segment->head;
    uint64_t bytes = head->schema_bytes > 0 ? MYL_SCHEMA_OFFSET + head->schema_bytes : sizeof *head;
    void *mapped;
    int err = myl_os_map(segment->fd, 0, bytes, 1, &mapped);
    if (err != 0)
        return myl_fail_errno(err, "the new ring \"%s\" cannot be mapped", segment->name);
    memcpy(mapped, head, sizeof *head);
    if (head->schema_bytes > 0)
        memcpy((char *)mapped + MYL_SCHEMA_OFFSET, segment->shared->schema_text, head->schema_bytes);
    myl_os_unmap(mapped, bytes);
    return MYL_OK;
}

/* C1: everything is complete before another process can see it. */
static int make_nameless(struct myl_segment *segment, const struct myl_segment_make *how)
{
    struct myl_os_object_spec spec = {
        .backend = how->open.backend,
        .place = &segment->shared->place,
        .bytes = segment->head->segment_bytes,
        .mode = how->mode,
        .group = how->group,
        .huge = how->huge,
        .lock_index = MYL_LOCK_PRODUCER,
    };
    MYL_STEP("C1");
    int err = segment->path == NULL ? 0 : myl_os_place_open(segment->path, &segment->shared->place);
    if (err != 0)
        return myl_fail_errno(err, "the directory of ring \"%s\" cannot be opened", segment->path);
    int rc = check_fits(segment, how->huge, spec.bytes, 0);
    if (rc != MYL_OK)
        return rc;
    err = myl_os_object_create(&spec, &segment->fd);
    if (err != 0)
        return cannot_be_made(how, &spec, segment, err);
    if (how->open.backend == MYL_BACKEND_MEMFD) {
        /* Get an open file description that no other process can share. */
        int own;
        err = myl_os_object_reopen(segment->fd, &own);
        if (err != 0)
            return myl_fail_errno(err, "a memfd cannot be opened again through /proc/self/fd");
        myl_os_object_close(segment->fd);
        segment->fd = own;
    }
    err = myl_os_object_stat(segment->fd, &segment->shared->object);
    if (err != 0)
        return cannot_be_made(how, &spec, segment, err);
    rc = write_head(segment);
    if (rc != MYL_OK)
        return rc;
    segment->control_writable = 1;
    rc = myl_segment_map(segment, 1, 1); /* new memory is zero: nothing is published, and every entry is free */
    if (rc == MYL_OK && how->lane != NULL) {
        char id[MYL_ID_MAX + 1] = "";
        memcpy(id, how->lane, strlen(how->lane));
        myl_id_set_words(segment->control->lane_id, id);
    }
    return rc;
}

/* C1 to C3. MYL_EEXISTS: another process created the ring first. */
static int create(struct myl_segment *segment, const struct myl_segment_make *how)
{
    if (how->lane != NULL && how->head.lanes <= 1)
        return myl_fail(MYL_EINVAL,
                        "lane \"%s\" was requested, but the new ring would have one lane; set `lanes` to the number of "
                        "producers",
                        how->lane);
    int rc = check_counts(how);
    if (rc == MYL_OK)
        rc = myl_segment_begin(segment, how->open.backend);
    if (rc != MYL_OK)
        return rc;
    struct myl_header *head = &segment->shared->head;
    segment->name = "(memfd)";
    *head = how->head;
    head->backend = (uint32_t)how->open.backend;
    head->creator_pid = myl_os_pid();
    head->created_ns = myl_os_realtime();
    if (how->open.backend != MYL_BACKEND_MEMFD) {
        rc = myl_segment_path(how->open.name, how->open.backend, &segment->path);
        const char *slash = rc == MYL_OK && how->open.backend == MYL_BACKEND_SHM ? strrchr(segment->path, '/') : NULL;
        segment->name = slash != NULL ? slash + 1 : segment->path;
        rc = rc == MYL_OK ? myl_check_new_name(segment->path) : rc;
    }
    if (rc == MYL_OK && myl_os_random(head->session, sizeof head->session) != 0)
        rc = myl_fail(MYL_ESYSTEM, "the system has no random bytes for a session id");
    if (rc == MYL_OK)
        rc = myl_description_take(segment, how->description);
    if (rc == MYL_OK)
        rc = myl_header_complete(head, how->huge);
    if (rc == MYL_OK) {
        myl_header_seal(head);
        rc = make_nameless(segment, how);
    }
    if (rc == MYL_OK) {
        MYL_STEP("C2"); /* the lock before the name: an early joiner must not find a dead producer */
        int err = myl_lock_acquire(segment, MYL_LOCK_PRODUCER);
        if (err != 0)
            rc = myl_lock_failed(segment, err, "the producer lock");
    }
    if (rc == MYL_OK && segment->path != NULL) {
        MYL_STEP("C3");
        int err = myl_os_object_publish(segment->fd, &segment->shared->place);
        if (err == EEXIST)
            rc = MYL_EEXISTS;
        else if (err != 0)
            rc = myl_fail_errno(err, "ring \"%s\" cannot be given its name", segment->name);
    }
    if (rc != MYL_OK)
        myl_segment_close(segment);
    return rc;
}

/* Checks that the closed session is drained. A new session replaces it only if no consumer that may come back has
 * unread events. */
static int check_drained(const struct myl_segment *segment, uint64_t closed_at)
{
    uint32_t entries = myl_segment_entries(segment);
    for (uint32_t i = 0; i < entries; i++) {
        const struct myl_participant *entry = myl_segment_entry(segment, i);
        uint64_t cursor = myl_load_acq(&entry->cursor);                       /* A8 */
        if (myl_load32_acq(&entry->state) != MYL_PARTICIPANT_ACTIVE || cursor >= closed_at) /* A13 */
            continue;
        int held = myl_lock_held(segment, myl_entry_lock_index(i));
        if (held < 0)
            return myl_fail_errno(-held, "the participant locks of ring \"%s\" cannot be queried", segment->name);
        if (held > 0 || myl_entry_is_given_up(segment, i, closed_at))
            continue; /* alive: it drains its mapping, even when the name belongs to a new ring */
        int frames = segment->head->kind == MYL_KIND_FRAMES; /* positions are cells */
        char id[MYL_ID_MAX + 1], amount[MYL_COUNT_TEXT];
        myl_entry_id(entry, id);
        return myl_fail(
            MYL_ENOTDRAINED,
            "ring \"%s\" was closed, but its %s consumer \"%s\" has not read %s; start that consumer, evict "
            "it, or open with MYL_EXISTING_REPLACE",
            segment->name, myl_load32_rlx(&entry->unclaimed) != 0 ? "reserved" : "dead", id, /* A88 */
            myl_count_text((closed_at - cursor) * (frames ? segment->head->cell_bytes : 1), frames ? "byte" : "event",
                           amount));
    }
    return MYL_OK;
}

/* The old ring is removed before the new one is created, since both may not fit. So check before any change that the
 * new one will fit. Memory that `live` consumers have mapped is not freed. */
static int check_room(const struct myl_segment *segment, const struct myl_segment_make *how, uint32_t live)
{
    struct myl_header head = how->head;
    myl_description_set(&head, how->description);
    int rc = myl_header_complete(&head, how->huge);
    return rc != MYL_OK || segment->path == NULL
               ? rc
               : check_fits(segment, how->huge, head.segment_bytes, live == 0 ? segment->shared->object.bytes : 0);
}

/* C6, C7, with the producer lock and the registry lock: ends the old session if that is allowed, and removes its
 * name. */
static int retire(const struct myl_segment *segment, const struct myl_segment_make *how, uint64_t closed)
{
    uint32_t live;
    int rc = myl_segment_live_consumers(segment, UINT32_MAX, &live);
    if (rc != MYL_OK)
        return rc;
    /* The session is marked as superseded already: the process that marked it was allowed to, and died before it
     * removed the name. No consumer can come back (J1), so events that dead consumers have not read do not matter. */
    int before = myl_load32_acq(&segment->control->superseded) != 0; /* A15 */
    if (how->existing == MYL_EXISTING_RESUME) {
        rc = before ? MYL_OK : check_drained(segment, closed - 1);
        if (rc != MYL_OK)
            return rc;
    } else if (live > 0 && how->existing == MYL_EXISTING_REPLACE) {
        return myl_fail(MYL_EINUSE, "ring \"%s\" is used by %s; stop them, or open with MYL_EXISTING_SUPERSEDE",
                        segment->name, myl_count_text(live, "living consumer", (char[MYL_COUNT_TEXT]){0}));
    }
    if (how->head.event_bytes == 0)
        return myl_fail(MYL_EEVENTSIZE, "ring \"%s\" is to be replaced by a new one, which needs an event_size; set it",
                        segment->name);
    rc = check_counts(how);
    if (rc == MYL_OK)
        rc = check_room(segment, how, live);
    if (rc != MYL_OK)
        return rc;
    MYL_STEP("C6");
    /* Also without live consumers: observers hold no lock, and would wait for ever on a ring without a name. */
    myl_segment_supersede(segment, 1);
    myl_log_write(segment, &(struct myl_log_note){.kind = MYL_LOG_SUPERSEDED, .pid = myl_os_pid()});
    myl_segment_wake_all(segment);
    MYL_STEP("C7");
    rc = myl_segment_unlink(segment, before);
    MYL_STEP("C8");
    return rc;
}

/* The producer lock is held: by a live producer, or by a process that closes the stream or sweeps the name. Those two
 * release it soon: MYL_OUTCOME_RETRY. */
static int lock_is_taken(struct myl_segment *segment)
{
    int same = 0;
    int rc = myl_segment_map(segment, 0, 0);
    if (rc == MYL_OK)
        rc = myl_segment_is_named(segment, &same);
    if (rc != MYL_OK)
        return rc;
    if (!same)
        return MYL_OUTCOME_RETRY;
    /* A16, A15. */
    if (myl_load_acq(&segment->control->closed) != 0 || myl_load32_acq(&segment->control->superseded) != 0) {
        (void)myl_os_sleep(TURN_PAUSE_NS);
        return MYL_OUTCOME_RETRY;
    }
    uint32_t pid = myl_load32_rlx(&myl_segment_producer(segment)->pid); /* A42 */
    rc = myl_fail(MYL_EPRODUCERALIVE,
                  "ring \"%s\" has a living producer (process %" PRIu32 "); stop it first, or choose another name",
                  segment->name, pid);
    return myl_fail_participant(rc, NULL, pid, 0);
}

/* A descriptor or a ticket was given: no other ring will do. */
static int is_only_choice(const struct myl_segment *segment, const struct myl_segment_make *how)
{
    return segment->backend == MYL_BACKEND_MEMFD || how->open.session != NULL;
}

static int closed_for_good(const struct myl_segment *segment)
{
    return myl_fail(MYL_ECLOSED, "ring \"%s\" is closed for good; make a new ring", segment->name);
}

/* C6, C7 of a ring with lanes, with the registry lock: ends an old session. */
static int retire_lanes(struct myl_segment *segment, const struct myl_segment_make *how, int superseded, int *named)
{
    int err = myl_lane_take_all(segment);
    if (err == EAGAIN && superseded) /* its producers will notice, or a removal is in progress */
        return MYL_OUTCOME_RETRY;
    if (err == EAGAIN)
        return myl_fail(MYL_EPRODUCERALIVE,
                        "a lane of ring \"%s\" has a living producer; stop it first, or choose another name",
                        segment->name);
    if (err != 0)
        return myl_lock_failed(segment, err, "a producer lock");
    int rc = retire(segment, how, 1);
    *named = rc != MYL_OK;
    return rc == MYL_OK ? MYL_OUTCOME_RETRY : rc; /* C8 */
}

/* C4 to C7 of a ring with lanes. One process at a time chooses a lane: it acquires the registry lock first, then tries
 * producer locks. A closed lane may begin again within the same session. */
static int examine_lanes(struct myl_segment *segment, const struct myl_segment_make *how)
{
    int same = 0;
    int rc = myl_segment_map_control(segment, 1);
    if (rc == MYL_OK)
        rc = myl_registry_lock(segment);
    if (rc != MYL_OK)
        goto out;
    MYL_STEP("C4");
    rc = myl_segment_is_named(segment, &same); /* C5 */
    int superseded = myl_load32_acq(&segment->control->superseded) != 0; /* A15 */
    if (rc == MYL_OK && !same)
        rc = MYL_OUTCOME_RETRY;
    else if (rc == MYL_OK && is_only_choice(segment, how) && superseded)
        rc = closed_for_good(segment);
    else if (rc == MYL_OK && (how->existing != MYL_EXISTING_RESUME || superseded))
        rc = retire_lanes(segment, how, superseded, &same);
    else if (rc == MYL_OK && (rc = how->fits(segment, how->context)) == MYL_OK)
        rc = myl_lane_choose(segment, how->lane);
    myl_registry_unlock(segment);
    /* Only now, since participants that join or leave need the registry lock. */
    if (rc == MYL_OUTCOME_RETRY && same)
        (void)myl_os_sleep(TURN_PAUSE_NS);
    if (rc == MYL_OK)
        rc = myl_segment_map_data(segment, 1);
out:
    if (rc != MYL_OK)
        myl_segment_close(segment);
    return rc;
}

/* C4 to C7. MYL_OK: takeover, with the segment mapped and the producer lock held. MYL_ENOTFOUND: the name is free.
 * MYL_OUTCOME_RETRY: repeat. */
static int examine(struct myl_segment *segment, const struct myl_segment_make *how)
{
    int rc = myl_segment_find(segment, &how->open);
    if (rc != MYL_OK)
        return rc;
    if (how->existing == MYL_EXISTING_FAIL) {
        rc = myl_fail(MYL_EEXISTS, "ring \"%s\" exists; choose another name or another `existing` option",
                      segment->name);
        goto out;
    }
    if (segment->head->lanes > 1)
        return examine_lanes(segment, how);
    MYL_STEP("C4");
    int err = myl_lock_acquire(segment, MYL_LOCK_PRODUCER);
    if (err == EAGAIN) {
        rc = lock_is_taken(segment);
        goto out;
    }
    if (err != 0) {
        rc = myl_lock_failed(segment, err, "the producer lock");
        goto out;
    }
    rc = myl_segment_map(segment, 1, 1);
    if (rc == MYL_OK)
        rc = myl_registry_lock(segment);
    if (rc != MYL_OK)
        goto out;
    MYL_STEP("C5");
    int same = 0;
    rc = myl_segment_is_named(segment, &same);
    uint64_t closed = myl_load_acq(&segment->control->closed); /* A16 */
    int superseded = myl_load32_acq(&segment->control->superseded) != 0; /* A15 */
    if (rc == MYL_OK && !same)
        rc = MYL_OUTCOME_RETRY;
    else if (rc == MYL_OK && is_only_choice(segment, how) && (closed != 0 || superseded))
        rc = closed_for_good(segment);
    else if (rc == MYL_OK && (how->existing != MYL_EXISTING_RESUME || closed != 0 || superseded)) {
        rc = retire(segment, how, closed == 0 ? 1 : closed);
        if (rc == MYL_OK)
            rc = MYL_OUTCOME_RETRY; /* C8 */
    }
    myl_registry_unlock(segment);
out:
    if (rc != MYL_OK)
        myl_segment_close(segment);
    return rc;
}

int myl_segment_acquire(struct myl_segment *segment, const struct myl_segment_make *how, int *created)
{
    int memfd = how->open.backend == MYL_BACKEND_MEMFD;
    if (memfd && !how->open.use_fd) {
        int rc = myl_check_no_name(&how->open);
        if (rc != MYL_OK)
            return rc;
        *created = 1;
        return create(segment, how);
    }
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        *created = 0;
        int rc = examine(segment, how);
        if (rc == MYL_OUTCOME_RETRY)
            continue;
        if (rc != MYL_ENOTFOUND || memfd || how->open.session != NULL) /* no other ring can be meant */
            return rc;
        if (how->head.event_bytes == 0)
            return myl_fail(MYL_ENOTFOUND, "there is no ring \"%s\" to take over; set event_size to make one",
                            how->open.name);
        *created = 1;
        rc = create(segment, how);
        if (rc != MYL_EEXISTS)
            return rc;
    }
    return myl_fail(
        MYL_EBUSY,
        "ring \"%s\" was created or removed, or its last lane acquired or closed, by other processes during each of "
        "%d attempts; try again",
        how->open.name != NULL ? how->open.name : "(memfd)", TURNS_MAX);
}
