/* SPDX-License-Identifier: MIT
 * Opening, mapping and closing one segment. */
#include "segment/segment.h"

#include "base/error.h"
#include "base/text.h"
#include "segment/description.h"
#include "segment/header.h"
#include "segment/id.h"
#include "segment/lock.h"
#include "segment/name.h"
#include "segment/ticket.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int myl_segment_read(const struct myl_segment *segment, uint64_t offset, void *to, uint64_t bytes)
{
    uint64_t got = 0;
    int err = myl_os_object_read(segment->fd, offset, to, bytes, &got);
    if (err != 0)
        return myl_fail_errno(err, "ring \"%s\" cannot be read", segment->name);
    if (got == bytes)
        return MYL_OK;
    return myl_fail(MYL_ETRUNCATED,
                    "ring \"%s\" was cut short to %" PRIu64 " bytes while it was read, its header says %" PRIu64
                    ": remove it",
                    segment->name, offset + got, segment->head->segment_bytes);
}

/* Copies the schema text of a segment whose header has been checked. */
static int read_schema(struct myl_segment *segment)
{
    uint32_t bytes = segment->head->schema_bytes;
    if (bytes == 0)
        return MYL_OK;
    char *text = myl_description_allocate(bytes);
    if (text == NULL)
        return MYL_ENOMEM;
    int rc = myl_segment_read(segment, MYL_SCHEMA_OFFSET, text, bytes);
    segment->shared->schema_text = text;
    return rc == MYL_OK ? myl_description_check(segment) : rc;
}

/* Copies the header and the schema text once, and validates the copies. */
int myl_segment_read_header(struct myl_segment *segment)
{
    if (segment->shared->object.bytes < sizeof *segment->head)
        return myl_fail(MYL_ENOTRING, "\"%s\" is not a ring: it has %" PRIu64 " bytes, a header alone has %zu",
                        segment->name, segment->shared->object.bytes, sizeof *segment->head);
    int rc = myl_segment_read(segment, 0, &segment->shared->head, sizeof segment->shared->head);
    if (rc != MYL_OK)
        return rc;
    rc = myl_header_check(segment->head, segment->shared->object.bytes, segment->name);
    segment->shared->head.label[MYL_LABEL_MAX] = '\0'; /* after the checksum, which covers the label */
    return rc == MYL_OK ? read_schema(segment) : rc;
}

static int check_owner(const struct myl_segment *segment, const struct myl_segment_open *how)
{
    uint32_t owner = segment->shared->object.owner;
    if (how->any_owner || owner == 0 || (owner == myl_os_user() && owner != myl_os_overflow_user()))
        return MYL_OK;
    return myl_fail(MYL_EOWNER,
                    "ring \"%s\" belongs to user %" PRIu32 ", this process to user %" PRIu32
                    "; set any_owner if you trust its owner",
                    segment->name, owner, myl_os_user());
}

int myl_check_no_name(const struct myl_segment_open *how)
{
    if (how->backend != MYL_BACKEND_MEMFD || how->name == NULL || how->name[0] == '\0')
        return MYL_OK;
    return myl_fail(MYL_EINVAL,
                    "a memfd has no name, but \"%.40s\" was passed; pass NULL and its descriptor, or choose another "
                    "backend",
                    how->name);
}

/* The receiver of a memfd cannot know which other processes have it. If its size is not sealed, the sender could
 * truncate it, and this process would die of SIGBUS. */
static int open_memfd(struct myl_segment *segment, const struct myl_segment_open *how)
{
    segment->name = "(memfd)";
    if (how->fd < 0)
        return myl_fail(MYL_EINVAL, "%d is not a descriptor of a memfd", how->fd);
    int rc = myl_check_no_name(how);
    if (rc != MYL_OK)
        return rc;
    if (!how->use_fd)
        return myl_fail(MYL_EINVAL,
                        "a memfd has no name; open it by its descriptor, as a producer, consumer or observer");
    int sealed;
    int err = myl_os_object_sealed(how->fd, &sealed);
    if (err == EBADF)
        return myl_fail(MYL_EINVAL,
                        "descriptor %d is not open; pass one from myl_recv_fd, myl_producer_fd or myl_consumer_fd (fd)",
                        how->fd);
    if (err == 0 && !sealed)
        return myl_fail(MYL_ENOTRING,
                        "descriptor %d is not a ring's memfd: its size is not sealed (F_SEAL_SHRINK, F_SEAL_GROW), so "
                        "its sender could cut it short; pass a descriptor from myl_producer_fd or myl_consumer_fd",
                        how->fd);
    if (err == 0)
        err = myl_os_object_reopen(how->fd, &segment->fd);
    return err == 0 ? MYL_OK
                    : myl_fail_errno(err, "descriptor %d cannot be opened again through /proc/self/fd", how->fd);
}

static int open_object(struct myl_segment *segment, const struct myl_segment_open *how)
{
    int read_only = 0;
    int err;
    if (how->backend == MYL_BACKEND_MEMFD) {
        int rc = open_memfd(segment, how);
        if (rc != MYL_OK)
            return rc;
    } else {
        int rc = myl_segment_path(how->name, how->backend, &segment->path);
        if (rc != MYL_OK)
            return rc;
        const char *slash = how->backend == MYL_BACKEND_SHM ? strrchr(segment->path, '/') : NULL;
        segment->name = slash != NULL ? slash + 1 : segment->path;
        err = myl_os_place_open(segment->path, &segment->shared->place);
        if (err == 0)
            err = myl_os_object_open(&segment->shared->place, how->may_read_only, &segment->fd, &read_only);
        if (err == ENOENT)
            return myl_fail(MYL_ENOTFOUND, "there is no ring \"%s\"; start its producer first, or check the name",
                            segment->name);
        if (err != 0)
            return myl_fail_errno(err, "ring \"%s\" cannot be opened", segment->name);
    }
    segment->control_writable = !read_only;
    return MYL_OK;
}

int myl_segment_begin(struct myl_segment *segment, enum myl_backend backend)
{
    *segment = (struct myl_segment){.fd = -1, .backend = backend, .name = "", .owner = true};
    segment->shared = calloc(1, sizeof *segment->shared);
    if (segment->shared == NULL)
        return myl_fail(MYL_ENOMEM, "no memory for a view of a ring");
    segment->shared->place.directory = -1;
    segment->head = &segment->shared->head;
    return MYL_OK;
}

int myl_segment_reach(struct myl_segment *segment, const struct myl_segment_open *how)
{
    int rc = myl_segment_begin(segment, how->backend);
    if (rc == MYL_OK)
        rc = open_object(segment, how);
    if (rc == MYL_OK) {
        int err = myl_os_object_stat(segment->fd, &segment->shared->object);
        if (err == ENOLINK)
            rc = myl_fail(MYL_EFILESYSTEM,
                          "ring \"%s\" is on a network or FUSE file system, where locks and shared mappings are "
                          "not coherent; use a local file system",
                          segment->name);
        else if (err != 0)
            rc = myl_fail_errno(err, "ring \"%s\" cannot be examined", segment->name);
        else if (!segment->shared->object.regular)
            rc = myl_fail(MYL_ENOTRING, "\"%s\" is not a ring: not a regular file", segment->name);
    }
    if (rc == MYL_OK && !how->may_read_only)
        rc = check_owner(segment, how);
    return rc;
}

int myl_segment_find(struct myl_segment *segment, const struct myl_segment_open *how)
{
    int rc = myl_segment_reach(segment, how);
    if (rc == MYL_OK)
        rc = myl_segment_read_header(segment);
    if (rc == MYL_OK)
        rc = myl_segment_check_session(segment, how);
    if (rc == MYL_OK && how->lane >= segment->head->lanes)
        rc = myl_fail(MYL_EINVAL, "ring \"%s\" has no lane %" PRIu32 "; it has %" PRIu32 ", counted from 0",
                      segment->name, how->lane, segment->head->lanes);
    segment->lane = how->lane;
    if (rc != MYL_OK)
        myl_segment_close(segment);
    return rc;
}

uint64_t myl_segment_span(const struct myl_segment *segment)
{
    return segment->head->data_bytes * (segment->head->kind == MYL_KIND_FRAMES ? 2 : 1);
}

/* Of all lanes, and the event log. */
static uint64_t control_span(const struct myl_segment *segment)
{
    return segment->head->data_offset - segment->head->control_offset;
}

static int no_room(const struct myl_segment *segment, uint64_t missing, const struct myl_os_room *room)
{
    const char *group = "", *where = segment->path == NULL ? "its memory" : "its file system";
    if (room->scarce == MYL_OS_SCARCE_MEMORY)
        where = "this machine";
    if (room->scarce == MYL_OS_SCARCE_GROUP) {
        group = "memory group ";
        where = room->where;
    }
    return myl_fail(MYL_ENOSPACE,
                    "ring \"%s\" of %" PRIu64 " KiB has holes of %" PRIu64 " KiB, and %s%s has %" PRIu64
                    " KiB free: a write could end this process by SIGBUS; make room there, or remove the ring",
                    segment->name, segment->head->segment_bytes >> 10, missing >> 10, group, where, room->bytes >> 10);
}

/* A copied ring may have holes. The first access to a hole allocates a page; if there is none, SIGBUS ends the process.
 * So each participant fills the holes before it maps the segment. If they cannot fit, nothing is reserved, to leave the
 * memory to others. An object without holes is not reserved again: a reservation that fails on tmpfs frees pages that
 * were reserved and never written. */
static int fill_holes(const struct myl_segment *segment)
{
    struct myl_os_room room = {.bytes = UINT64_MAX};
    uint64_t missing = 0;
    bool exact = false;
    int err = myl_os_object_missing(segment->fd, segment->head->segment_bytes, &missing, &exact);
    if (err == 0 && missing == 0 && exact)
        return MYL_OK;
    if (err == 0)
        err = myl_os_room(segment->path == NULL ? NULL : &segment->shared->place, &room);
    if (err == 0)
        err = missing > room.bytes ? ENOSPC : myl_os_object_reserve(segment->fd, segment->head->segment_bytes);
    if (err == ENOSPC)
        return no_room(segment, missing, &room);
    return err == 0 ? MYL_OK : myl_fail_errno(err, "the holes of ring \"%s\" cannot be filled", segment->name);
}

void myl_segment_select(struct myl_segment *segment, uint32_t lane)
{
    unsigned char *first = (unsigned char *)segment->controls;
    segment->lane = lane;
    segment->control = (struct myl_control *)(void *)(first + lane * segment->head->control_bytes);
}

int myl_segment_map_control(struct myl_segment *segment, int writable)
{
    const struct myl_header *head = segment->head;
    void *control;
    writable = writable && segment->control_writable;
    int rc = writable ? fill_holes(segment) : MYL_OK;
    if (rc != MYL_OK)
        return rc;
    int err = myl_os_map(segment->fd, head->control_offset, control_span(segment), writable, &control);
    if (err != 0)
        return myl_fail_errno(err, "the control area of ring \"%s\" (%" PRIu64 " bytes) cannot be mapped",
                              segment->name, control_span(segment));
    segment->controls = control;
    segment->data_park = &segment->controls->data;
    segment->control_writable = writable;
    myl_segment_select(segment, segment->lane);
    return MYL_OK;
}

int myl_segment_map_data(struct myl_segment *segment, int writable)
{
    const struct myl_header *head = segment->head;
    uint64_t offset = head->data_offset + segment->lane * head->data_bytes;
    void *data;
    int err = head->kind == MYL_KIND_FRAMES ? myl_os_map_twice(segment->fd, offset, head->data_bytes, writable, &data)
                                            : myl_os_map(segment->fd, offset, head->data_bytes, writable, &data);
    if (err != 0)
        return myl_fail_errno(err, "the data of ring \"%s\" (%" PRIu64 " bytes) cannot be mapped", segment->name,
                              head->data_bytes);
    segment->data = data;
    segment->data_writable = writable;
    return MYL_OK;
}

int myl_segment_map(struct myl_segment *segment, int control_writable, int data_writable)
{
    int rc = myl_segment_map_control(segment, control_writable);
    return rc == MYL_OK ? myl_segment_map_data(segment, data_writable) : rc;
}

int myl_segment_is_named(const struct myl_segment *segment, int *same)
{
    *same = 1;
    if (segment->path == NULL)
        return MYL_OK;
    int err = myl_os_object_is_named(&segment->shared->place, &segment->shared->object, same);
    return err == 0 ? MYL_OK : myl_fail_errno(err, "the name of ring \"%s\" cannot be checked", segment->name);
}

/* Restores the CPUs that the thread could run on before it was pinned, unless myl_segment_keep_pin was called. So an
 * open that fails changes nothing. */
static void unpin(struct myl_segment *segment)
{
    myl_os_affinity_set(&segment->shared->before);
    segment->shared->before.known = 0;
}

static void unmap(struct myl_segment *segment)
{
    if (segment->copied)
        free(segment->owner ? segment->controls : NULL);
    else if (segment->owner)
        myl_os_unmap(segment->controls, control_span(segment));
    myl_os_unmap(segment->data, myl_segment_span(segment));
    segment->controls = segment->control = NULL;
    segment->data = NULL;
}

void myl_segment_free(struct myl_segment *segment)
{
    if (segment->owner) {
        free(segment->path);
        if (segment->shared != NULL)
            free(segment->shared->schema_text);
        free(segment->shared);
    }
    segment->path = NULL;
    segment->shared = NULL;
    segment->head = NULL;
    segment->name = "";
}

void myl_segment_close(struct myl_segment *segment)
{
    if (segment->shared == NULL)
        return;
    if (segment->owner)
        unpin(segment);
    unmap(segment);
    if (segment->fd >= 0 && segment->owner)
        myl_os_object_close(segment->fd);
    segment->fd = -1;
    if (segment->owner)
        myl_os_place_close(&segment->shared->place);
    myl_segment_free(segment);
}

void myl_segment_give_back(struct myl_segment *segment)
{
    if (segment->shared == NULL)
        return;
    if (segment->owner)
        myl_os_place_check(&segment->shared->place);
    /* Asked before the mappings go, and the owned lock with them. What was not examined was opened a moment ago. */
    if (segment->fd >= 0 && segment->owner && segment->shared->object.inode != 0 && myl_segment_is_lost(segment)) {
        int fd = segment->fd;
        struct myl_os_object object = segment->shared->object;
        segment->fd = -1;
        myl_segment_close(segment);
        myl_os_object_abandon(fd, &object);
    } else {
        myl_segment_close(segment);
    }
}

void myl_segment_forked(struct myl_segment *segment)
{
    /* The mappings were not inherited; the lock owner is the parent, so closing is all that may happen. */
    if (segment->shared != NULL && segment->owner) {
        if (segment->fd >= 0)
            myl_os_object_close_in_child(segment->fd, &segment->shared->object);
        myl_os_place_check(&segment->shared->place);
        myl_os_place_close(&segment->shared->place);
    }
    segment->fd = -1;
    segment->controls = segment->control = NULL;
    segment->data = NULL;
}

void myl_segment_info(const struct myl_segment *segment, myl_info *info)
{
    const struct myl_header *head = segment->head;
    size_t size = info->size;
    memset(info, 0, sizeof *info);
    info->size = size;
    size_t length = strlen(segment->name);
    const char *tail = length < sizeof info->name ? segment->name : segment->name + length - (sizeof info->name - 1);
    (void)snprintf(info->name, sizeof info->name, "%s", tail);
    memcpy(info->label, head->label, sizeof info->label);
    info->backend = segment->backend;
    info->session[0] = head->session[0];
    info->session[1] = head->session[1];
    info->kind = head->kind == MYL_KIND_FRAMES ? MYL_RING_OF_FRAMES : MYL_RING_OF_EVENTS;
    info->max_message = head->message_max;
    info->type_id = head->type_id;
    info->capacity = head->capacity;
    info->event_size = head->event_bytes;
    info->event_align = head->event_align;
    info->event_offset = head->event_offset;
    info->cell_size = head->cell_bytes;
    info->events_per_cell = head->events_per_cell;
    info->max_consumers = head->max_consumers;
    info->segment_bytes = head->segment_bytes;
    info->schema_hash = head->schema_hash;
    info->codec = head->codec;
    info->schema_bytes = head->schema_bytes;
    info->lanes = head->lanes;
    info->lane = segment->lane;
    if (head->lanes > 1 && segment->control != NULL)
        myl_id_words(segment->control->lane_id, info->lane_id);
    myl_text_clean(info->lane_id);
    info->created_ns = head->created_ns;
    info->parkable = (head->flags & MYL_FLAG_SPIN_ONLY) == 0;
    info->granted = segment->granted;
}

int myl_segment_duplicate(const struct myl_segment *segment, int *fd)
{
    /* Never duplicate our own description: the receiver would share our locks (protocol 1). */
    int rc = myl_segment_check(segment);
    if (rc != MYL_OK)
        return rc;
    int err = myl_os_object_reopen(segment->fd, fd);
    return err == 0 ? MYL_OK : myl_fail_errno(err, "ring \"%s\" cannot be opened again", segment->name);
}
