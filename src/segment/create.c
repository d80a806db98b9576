/* SPDX-License-Identifier: MIT
 * Making a segment, or finding it and taking its producer's seat: protocol 9, steps C1 to C8. */
#include "base/error.h"
#include "segment/segment.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Every turn means that somebody else made or removed the ring in between, or is just about to have removed it. */
#define TURNS_MAX      1000
#define TURN_PAUSE_NS  ((int64_t)200000)

static int cannot_be_made(const struct myl_segment_make *how, const struct myl_os_object_spec *spec, const char *name,
                          int err)
{
    if (err == ENOLINK)
        return myl_fail(MYL_EFILESYSTEM,
                        "\"%s\" would be on a network or FUSE file system, where neither locks nor shared "
                        "mappings can be trusted; use a local one",
                        name);
    if (err == EFBIG)
        return myl_fail(MYL_ENOSPACE,
                        "ring \"%s\" needs a file of %" PRIu64
                        " KiB, and this process may not make one so large; raise "
                        "its limit (ulimit -f), or lower the ring's capacity",
                        name, spec->bytes >> 10);
    if (how->huge && (err == EINVAL || err == ENODEV || err == ENOENT || err == ENOSYS))
        return myl_fail(MYL_EUNSUPPORTED,
                        "the ring requires huge pages (memory.huge), and this system has none for memfds; take Linux "
                        "4.16 or later with CONFIG_HUGETLBFS, or ask with MYL_TRY_IT instead of MYL_REQUIRE");
    if (err != ENOSPC && err != ENOMEM)
        return myl_fail_errno(err, "ring \"%s\" of %" PRIu64 " bytes cannot be made", name, spec->bytes);
    if (how->huge)
        return myl_fail(MYL_ENOSPACE,
                        "the ring needs %" PRIu64 " huge pages of 2048 KiB (memory.huge), and the pool has not so many "
                        "free; `sysctl -w vm.nr_hugepages=N` with N as many more, lower the capacity, or ask with "
                        "MYL_TRY_IT instead of MYL_REQUIRE",
                        (spec->bytes + MYL_HUGE_ALIGN - 1) / MYL_HUGE_ALIGN);
    if (how->open.backend == MYL_BACKEND_MEMFD)
        return myl_fail(MYL_ENOSPACE,
                        "the ring needs %" PRIu64 " KiB of memory, which are not to be had; lower its capacity, or "
                        "make room (a container: raise its memory limit)",
                        spec->bytes >> 10);
    return myl_fail(MYL_ENOSPACE,
                    "ring \"%s\" needs %" PRIu64 " KiB, %s has %" PRIu64 " KiB free; lower its capacity, or make room "
                    "(a container: raise --shm-size)",
                    name, spec->bytes >> 10, spec->path, myl_os_free_bytes(spec->path) >> 10);
}

int myl_check_crowd(uint32_t count, uint32_t entries)
{
    if (count <= entries)
        return MYL_OK;
    return myl_fail(MYL_EINVAL,
                    "%" PRIu32 " consumers cannot be waited for: the ring has room for %" PRIu32
                    "; wait for fewer, or make it with a larger max_consumers",
                    count, entries);
}

/* C1: everything is in place before anybody can see it. */
static int make_nameless(struct myl_segment *segment, const struct myl_segment_make *how)
{
    struct myl_os_object_spec spec = {
        .backend = how->open.backend,
        .path = segment->path,
        .bytes = segment->head.segment_bytes,
        .mode = how->mode,
        .group = how->group,
        .huge = how->huge,
        .seat = MYL_SEAT_PRODUCER,
    };
    MYL_STEP("C1");
    int err = myl_os_object_create(&spec, &segment->fd);
    if (err != 0)
        return cannot_be_made(how, &spec, segment->name, err);
    if (how->open.backend == MYL_BACKEND_MEMFD) {
        /* Our own description, which nobody else can come to share. */
        int own;
        err = myl_os_object_reopen(segment->fd, &own);
        if (err != 0)
            return myl_fail_errno(err, "a memfd cannot be opened again through /proc/self/fd");
        myl_os_object_close(segment->fd);
        segment->fd = own;
    }
    void *mapped;
    err = myl_os_object_stat(segment->fd, &segment->object);
    if (err != 0)
        return cannot_be_made(how, &spec, segment->name, err);
    err = myl_os_map(segment->fd, 0, sizeof segment->head, 1, &mapped);
    if (err != 0)
        return myl_fail_errno(err, "the new ring \"%s\" cannot be mapped", segment->name);
    memcpy(mapped, &segment->head, sizeof segment->head);
    myl_os_unmap(mapped, sizeof segment->head);
    segment->control_writable = 1;
    int rc = myl_segment_map(segment, 1, 1); /* fresh memory is zero: nothing published, every entry free */
    if (rc == MYL_OK && how->lane != NULL) {
        char id[MYL_ID_MAX + 1] = "";
        memcpy(id, how->lane, strlen(how->lane));
        myl_id_set_words(segment->control->lane_id, id);
    }
    return rc;
}

/* C1 to C3. MYL_EEXISTS: somebody was faster. */
static int create(struct myl_segment *segment, const struct myl_segment_make *how)
{
    memset(segment, 0, sizeof *segment);
    segment->fd = -1;
    segment->backend = how->open.backend;
    segment->name = "(memfd)";
    segment->head = how->head;
    if (how->lane != NULL && how->head.lanes <= 1)
        return myl_fail(
            MYL_EINVAL,
            "lane \"%s\" was asked for, and a ring for one producer would be made; set `lanes` to how many it "
            "is for",
            how->lane);
    int rc = myl_check_crowd(how->crowd, how->head.max_consumers);
    if (rc != MYL_OK)
        return rc;
    segment->head.backend = (uint32_t)how->open.backend;
    segment->head.creator_pid = myl_os_pid();
    segment->head.created_ns = myl_os_realtime();
    if (how->open.backend != MYL_BACKEND_MEMFD) {
        rc = myl_segment_path(how->open.name, how->open.backend, &segment->path);
        const char *slash = rc == MYL_OK && how->open.backend == MYL_BACKEND_SHM ? strrchr(segment->path, '/') : NULL;
        segment->name = slash != NULL ? slash + 1 : segment->path;
    }
    if (rc == MYL_OK && myl_os_random(segment->head.session, sizeof segment->head.session) != 0)
        rc = myl_fail(MYL_ESYSTEM, "the system has no random bytes for a session id");
    if (rc == MYL_OK)
        rc = myl_header_complete(&segment->head, how->huge);
    if (rc == MYL_OK) {
        myl_header_seal(&segment->head);
        rc = make_nameless(segment, how);
    }
    if (rc == MYL_OK) {
        MYL_STEP("C2"); /* the seat before the name: an early attacher must not find the producer dead */
        int err = myl_seat_take(segment, MYL_SEAT_PRODUCER);
        if (err != 0)
            rc = myl_fail_errno(err, "the producer's seat of the new ring \"%s\" cannot be taken", segment->name);
    }
    if (rc == MYL_OK && segment->path != NULL) {
        MYL_STEP("C3");
        int err = myl_os_object_publish(segment->fd, segment->path);
        if (err == EEXIST)
            rc = MYL_EEXISTS;
        else if (err != 0)
            rc = myl_fail_errno(err, "ring \"%s\" cannot be given its name", segment->name);
    }
    if (rc != MYL_OK)
        myl_segment_close(segment);
    return rc;
}

/* A closed session gives way to a new one only when nobody who could come back has something left to read. */
static int check_unread(const struct myl_segment *segment, uint64_t closed_at)
{
    uint32_t entries = myl_segment_entries(segment);
    for (uint32_t i = 0; i < entries; i++) {
        const struct myl_entry *entry = myl_segment_entry(segment, i);
        uint64_t cursor = myl_load_acq(&entry->cursor);                       /* A8 */
        if (myl_load32_acq(&entry->state) != MYL_PARTY_ACTIVE || cursor >= closed_at) /* A13 */
            continue;
        int held = myl_seat_held(segment, myl_entry_seat(i));
        if (held < 0)
            return myl_fail_errno(-held, "the seats of ring \"%s\" cannot be asked for", segment->name);
        if (held > 0)
            continue; /* alive: it drains what it has mapped, whoever owns the name */
        char id[MYL_ID_MAX + 1];
        myl_entry_id(entry, id);
        return myl_fail(MYL_EUNREAD,
                        "ring \"%s\" was closed, but its dead consumer \"%s\" has %" PRIu64
                        " events unread; restart that "
                        "consumer, evict it, or open with MYL_EXISTING_REPLACE",
                        segment->name, id, closed_at - cursor);
    }
    return MYL_OK;
}

/* The old ring has to go before the new one is made, since they may not fit together; so whether the new one will fit
 * is asked before anything is changed. What `live` consumers have mapped stays where it is. */
static int check_room(const struct myl_segment *segment, const struct myl_segment_make *how, uint32_t live)
{
    struct myl_header head = how->head;
    uint64_t room = myl_os_free_bytes(segment->path);
    int rc = myl_header_complete(&head, how->huge);
    if (rc != MYL_OK || room == 0) /* 0: that cannot be told */
        return rc;
    room += live == 0 ? segment->object.bytes : 0;
    if (head.segment_bytes <= room)
        return MYL_OK;
    return myl_fail(MYL_ENOSPACE,
                    "the ring that is to take the place of ring \"%s\" needs %" PRIu64 " KiB, there will be %" PRIu64
                    " KiB; lower its capacity, or make room (a container: raise --shm-size)",
                    segment->name, head.segment_bytes >> 10, room >> 10);
}

/* C6, C7, with both seats held: may the old session go? Then its name is gone on return. */
static int retire(const struct myl_segment *segment, const struct myl_segment_make *how, uint64_t closed)
{
    uint32_t live;
    int rc = myl_segment_live_consumers(segment, UINT32_MAX, &live);
    if (rc != MYL_OK)
        return rc;
    /* Marked already: who marked it was allowed to end the session, and died before the name was gone. No consumer can
     * come back to it (J1), so what its dead have not read must not hold the name. */
    int before = myl_load32_acq(&segment->control->superseded) != 0; /* A15 */
    if (how->existing == MYL_EXISTING_RESUME) {
        rc = before ? MYL_OK : check_unread(segment, closed - 1);
        if (rc != MYL_OK)
            return rc;
    } else if (live > 0 && how->existing == MYL_EXISTING_REPLACE) {
        return myl_fail(MYL_EINUSE,
                        "ring \"%s\" is used by %" PRIu32 " living consumers; stop them, or open with "
                        "MYL_EXISTING_SUPERSEDE",
                        segment->name, live);
    }
    if (how->head.event_bytes == 0)
        return myl_fail(MYL_EEVENTSIZE, "ring \"%s\" would give way to a new one, which needs an event_size",
                        segment->name);
    rc = myl_check_crowd(how->crowd, how->head.max_consumers);
    if (rc == MYL_OK)
        rc = check_room(segment, how, live);
    if (rc != MYL_OK)
        return rc;
    MYL_STEP("C6");
    /* Also if no consumer is alive: observers hold no seat, and would wait for ever for what has no name any more. */
    myl_segment_supersede(segment, 1);
    myl_log_write(segment, &(struct myl_log_note){.kind = MYL_LOG_SUPERSEDED, .pid = myl_os_pid()});
    myl_segment_wake_all(segment);
    MYL_STEP("C7");
    rc = myl_segment_unlink(segment, before);
    MYL_STEP("C8");
    return rc;
}

/* Somebody holds the producer's seat: a living producer, or one that is ending its stream, or a sweeper; the latter
 * two will be gone in a moment (MYL_EAGAIN). */
static int seat_is_taken(struct myl_segment *segment)
{
    int same = 0;
    int rc = myl_segment_map(segment, 0, 0);
    if (rc == MYL_OK)
        rc = myl_segment_is_named(segment, &same);
    if (rc != MYL_OK)
        return rc;
    if (!same)
        return MYL_EAGAIN;
    /* A16, A15. */
    if (myl_load_acq(&segment->control->closed) != 0 || myl_load32_acq(&segment->control->superseded) != 0) {
        myl_os_sleep(TURN_PAUSE_NS);
        return MYL_EAGAIN;
    }
    return myl_fail(MYL_EPRODUCERALIVE, "ring \"%s\" has a living producer; stop it first, or choose another name",
                    segment->name);
}

/* C6, C7 of a ring with lanes, with the registrar's seat: an old session that is to go. */
static int retire_lanes(struct myl_segment *segment, const struct myl_segment_make *how, int superseded)
{
    int err = myl_lane_take_all(segment);
    if (err == EAGAIN && superseded) { /* its producers will notice, or whoever removes it is not done yet */
        myl_os_sleep(TURN_PAUSE_NS);
        return MYL_EAGAIN;
    }
    if (err == EAGAIN)
        return myl_fail(MYL_EPRODUCERALIVE,
                        "a lane of ring \"%s\" has a living producer; stop it first, or choose another name",
                        segment->name);
    if (err != 0)
        return myl_fail_errno(err, "the producers' seats of ring \"%s\" cannot be taken", segment->name);
    int rc = retire(segment, how, 1);
    return rc == MYL_OK ? MYL_EAGAIN : rc; /* C8 */
}

/* C4 to C7 of a ring with lanes. Which lane is free is settled by one at a time, so the registrar's seat comes first,
 * and a producer's is only tried behind it. A lane that has ended may be begun anew: the session goes on. */
static int examine_lanes(struct myl_segment *segment, const struct myl_segment_make *how)
{
    int same = 0;
    int rc = myl_segment_map_control(segment, 1);
    if (rc == MYL_OK)
        rc = myl_registrar_take(segment);
    if (rc != MYL_OK)
        goto out;
    MYL_STEP("C4");
    rc = myl_segment_is_named(segment, &same); /* C5 */
    int superseded = myl_load32_acq(&segment->control->superseded) != 0; /* A15 */
    if (rc == MYL_OK && !same)
        rc = MYL_EAGAIN;
    else if (rc == MYL_OK && segment->backend == MYL_BACKEND_MEMFD && superseded)
        rc = myl_fail(MYL_ECLOSED, "the ring behind descriptor %d is closed for good; make a new memfd", how->open.fd);
    else if (rc == MYL_OK && (how->existing != MYL_EXISTING_RESUME || superseded))
        rc = retire_lanes(segment, how, superseded);
    else if (rc == MYL_OK)
        rc = myl_lane_choose(segment, how);
    myl_registrar_drop(segment);
    if (rc == MYL_OK)
        rc = myl_segment_map_data(segment, 1);
out:
    if (rc != MYL_OK)
        myl_segment_close(segment);
    return rc;
}

/* C4 to C7. MYL_OK: takeover, mapped, seat held. MYL_ENOTFOUND: the name is free. MYL_EAGAIN: look again. */
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
    if (segment->head.lanes > 1)
        return examine_lanes(segment, how);
    MYL_STEP("C4");
    int err = myl_seat_take(segment, MYL_SEAT_PRODUCER);
    if (err == EAGAIN) {
        rc = seat_is_taken(segment);
        goto out;
    }
    if (err != 0) {
        rc = myl_fail_errno(err, "the producer's seat of ring \"%s\" cannot be taken", segment->name);
        goto out;
    }
    rc = myl_segment_map(segment, 1, 1);
    if (rc == MYL_OK)
        rc = myl_registrar_take(segment);
    if (rc != MYL_OK)
        goto out;
    MYL_STEP("C5");
    int same = 0;
    rc = myl_segment_is_named(segment, &same);
    uint64_t closed = myl_load_acq(&segment->control->closed); /* A16 */
    int superseded = myl_load32_acq(&segment->control->superseded) != 0; /* A15 */
    if (rc == MYL_OK && !same)
        rc = MYL_EAGAIN;
    else if (rc == MYL_OK && segment->backend == MYL_BACKEND_MEMFD && (closed != 0 || superseded))
        rc = myl_fail(MYL_ECLOSED, "the ring behind descriptor %d is closed for good; make a new memfd", how->open.fd);
    else if (rc == MYL_OK && (how->existing != MYL_EXISTING_RESUME || closed != 0 || superseded)) {
        rc = retire(segment, how, closed == 0 ? 1 : closed);
        if (rc == MYL_OK)
            rc = MYL_EAGAIN; /* C8 */
    }
    myl_registrar_drop(segment);
out:
    if (rc != MYL_OK)
        myl_segment_close(segment);
    return rc;
}

int myl_segment_take_seat(struct myl_segment *segment, const struct myl_segment_make *how, int *created)
{
    if (how->open.backend == MYL_BACKEND_MEMFD && how->open.fd == 0) {
        *created = 1;
        return create(segment, how);
    }
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        *created = 0;
        int rc = examine(segment, how);
        if (rc == MYL_EAGAIN)
            continue;
        if (rc != MYL_ENOTFOUND)
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
        "ring \"%s\" was made, removed, or its last lane just being taken or ended by others, %d times in a "
        "row; try again",
        how->open.name != NULL ? how->open.name : "(memfd)", TURNS_MAX);
}
