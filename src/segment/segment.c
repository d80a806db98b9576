/* SPDX-License-Identifier: MIT
 * Opening, mapping and closing one segment. */
#include "segment/segment.h"

#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGISTRAR_PATIENCE_NS ((int64_t)1000000000)
#define REGISTRAR_PAUSE_NS    ((int64_t)50000)

/* Copies the header out once and checks the copy. */
int myl_segment_read_header(struct myl_segment *segment)
{
    if (segment->object.bytes < sizeof segment->head)
        return myl_fail(MYL_ENOTRING, "\"%s\" is not a ring: it has %" PRIu64 " bytes, a header alone has %zu",
                        segment->name, segment->object.bytes, sizeof segment->head);
    void *mapped;
    int err = myl_os_map(segment->fd, 0, sizeof segment->head, 0, &mapped);
    if (err != 0)
        return myl_fail_errno(err, "the header of ring \"%s\" cannot be mapped", segment->name);
    memcpy(&segment->head, mapped, sizeof segment->head);
    myl_os_unmap(mapped, sizeof segment->head);
    int rc = myl_header_check(&segment->head, segment->object.bytes, segment->name);
    segment->head.label[MYL_LABEL_MAX] = '\0'; /* behind the checksum, which covers it */
    return rc;
}

static int check_owner(const struct myl_segment *segment, const struct myl_segment_open *how)
{
    uint32_t owner = segment->object.owner;
    if (how->any_owner || owner == myl_os_user() || owner == 0)
        return MYL_OK;
    return myl_fail(MYL_EOWNER,
                    "ring \"%s\" belongs to user %" PRIu32 ", you are %" PRIu32
                    "; set any_owner if you trust its owner",
                    segment->name, owner, myl_os_user());
}

static int open_object(struct myl_segment *segment, const struct myl_segment_open *how)
{
    int read_only = 0;
    int err;
    if (how->backend == MYL_BACKEND_MEMFD) {
        segment->name = "(memfd)";
        if (how->fd < 0)
            return myl_fail(MYL_EINVAL, "%d is not a descriptor of a memfd", how->fd);
        err = myl_os_object_reopen(how->fd, &segment->fd);
        if (err != 0)
            return myl_fail_errno(err, "descriptor %d cannot be opened again through /proc/self/fd", how->fd);
    } else {
        int rc = myl_segment_path(how->name, how->backend, &segment->path);
        if (rc != MYL_OK)
            return rc;
        const char *slash = how->backend == MYL_BACKEND_SHM ? strrchr(segment->path, '/') : NULL;
        segment->name = slash != NULL ? slash + 1 : segment->path;
        err = myl_os_object_open(segment->path, how->may_read_only, &segment->fd, &read_only);
        if (err == ENOENT)
            return myl_fail(MYL_ENOTFOUND, "there is no ring \"%s\"; start its producer first, or check the name",
                            segment->name);
        if (err != 0)
            return myl_fail_errno(err, "ring \"%s\" cannot be opened", segment->name);
    }
    segment->control_writable = !read_only;
    return MYL_OK;
}

int myl_segment_reach(struct myl_segment *segment, const struct myl_segment_open *how)
{
    memset(segment, 0, sizeof *segment);
    segment->fd = -1;
    segment->backend = how->backend;
    int rc = open_object(segment, how);
    if (rc == MYL_OK) {
        int err = myl_os_object_stat(segment->fd, &segment->object);
        if (err == ENOLINK)
            rc = myl_fail(MYL_EFILESYSTEM,
                          "\"%s\" is on a network or FUSE file system, where neither locks nor shared "
                          "mappings can be trusted; use a local one",
                          segment->name);
        else if (err != 0)
            rc = myl_fail_errno(err, "ring \"%s\" cannot be examined", segment->name);
        else if (!segment->object.regular)
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
    if (rc == MYL_OK && how->lane >= segment->head.lanes)
        rc = myl_fail(MYL_EINVAL, "ring \"%s\" has no lane %" PRIu32 "; it has %" PRIu32 ", counted from 0",
                      segment->name, how->lane, segment->head.lanes);
    segment->lane = how->lane;
    if (rc != MYL_OK)
        myl_segment_close(segment);
    return rc;
}

uint64_t myl_segment_span(const struct myl_segment *segment)
{
    return segment->head.data_bytes * (segment->head.kind == MYL_KIND_FRAMES ? 2 : 1);
}

/* Of all lanes. */
static uint64_t control_span(const struct myl_segment *segment)
{
    return segment->head.lanes * segment->head.control_bytes;
}

int myl_segment_map_control(struct myl_segment *segment, int writable)
{
    const struct myl_header *head = &segment->head;
    void *control;
    writable = writable && segment->control_writable;
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
    const struct myl_header *head = &segment->head;
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
    int err = myl_os_object_is_named(segment->path, &segment->object, same);
    return err == 0 ? MYL_OK
                    : myl_fail_errno(err, "it cannot be told whether ring \"%s\" still has its name", segment->name);
}

static void unmap(struct myl_segment *segment)
{
    if (!segment->borrowed)
        myl_os_unmap(segment->controls, control_span(segment));
    myl_os_unmap(segment->data, myl_segment_span(segment));
    segment->controls = segment->control = NULL;
    segment->data = NULL;
}

void myl_segment_close(struct myl_segment *segment)
{
    unmap(segment);
    if (segment->fd >= 0 && !segment->borrowed)
        myl_os_object_close(segment->fd);
    segment->fd = -1;
    if (!segment->borrowed)
        free(segment->path);
    segment->path = NULL;
    segment->name = "";
}

void myl_segment_give_back(struct myl_segment *segment)
{
    /* Asked before the mappings go, and the witness with them. What was not examined was opened a moment ago. */
    if (segment->fd >= 0 && !segment->borrowed && segment->object.inode != 0 && myl_segment_is_lost(segment)) {
        int fd = segment->fd;
        segment->fd = -1;
        myl_segment_close(segment);
        myl_os_object_forsake(fd, &segment->object);
    } else {
        myl_segment_close(segment);
    }
}

void myl_segment_forked(struct myl_segment *segment)
{
    /* The mappings were not inherited; the lock owner is the parent, so closing is all that may happen. */
    if (segment->fd >= 0 && !segment->borrowed)
        myl_os_object_close_in_child(segment->fd, &segment->object);
    segment->fd = -1;
    segment->controls = segment->control = NULL;
    segment->data = NULL;
}

struct myl_entry *myl_segment_entry(const struct myl_segment *segment, uint32_t entry)
{
    return (struct myl_entry *)(void *)(segment->control + 1) + entry;
}

void myl_id_words(const myl_au64 words[(MYL_ID_MAX + 1) / 8], char id[MYL_ID_MAX + 1])
{
    myl_copy_rlx(id, words, MYL_ID_MAX + 1); /* A50. Pairs: A53, A70 */
    id[MYL_ID_MAX] = '\0';
}

void myl_entry_id(const struct myl_entry *entry, char id[MYL_ID_MAX + 1])
{
    myl_id_words(entry->id, id);
}

void myl_id_set_words(myl_au64 words[(MYL_ID_MAX + 1) / 8], const char id[MYL_ID_MAX + 1])
{
    for (size_t i = 0; i < (MYL_ID_MAX + 1) / sizeof words[0]; i++) {
        uint64_t word;
        memcpy(&word, id + i * sizeof word, sizeof word);
        myl_store_rlx(&words[i], word); /* A53. Pairs: A50 */
    }
}

void myl_entry_set_id(struct myl_entry *entry, const char id[MYL_ID_MAX + 1])
{
    myl_id_set_words(entry->id, id);
}

uint32_t myl_segment_entries(const struct myl_segment *segment)
{
    /* A30 entries_used [acq]. Pairs: A31, the joiner's store: an entry's state is set behind it. */
    uint32_t used = myl_load32_acq(&segment->control->entries_used);
    return used < segment->head.max_consumers ? used : segment->head.max_consumers;
}

void myl_segment_info(const struct myl_segment *segment, myl_info *info)
{
    const struct myl_header *head = &segment->head;
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
    /* Never our own: whoever got it would share our seats (protocol 1). */
    int rc = myl_segment_check(segment);
    if (rc != MYL_OK)
        return rc;
    int err = myl_os_object_reopen(segment->fd, fd);
    return err == 0 ? MYL_OK : myl_fail_errno(err, "ring \"%s\" cannot be opened again", segment->name);
}

int myl_registrar_take(const struct myl_segment *segment)
{
    int64_t until = myl_os_now() + REGISTRAR_PATIENCE_NS;
    for (;;) {
        int err = myl_seat_take(segment, MYL_SEAT_REGISTRAR);
        if (err == 0)
            return MYL_OK;
        if (err == EBADF && myl_segment_check(segment) != MYL_OK)
            return MYL_ESEATLOST;
        if (err != EAGAIN)
            return myl_fail_errno(err, "the registrar's seat of ring \"%s\" cannot be taken", segment->name);
        if (myl_os_now() >= until)
            return myl_fail(MYL_EBUSY,
                            "ring \"%s\": another process has been joining or leaving for a second; it may be stopped: "
                            "look for it with `myelon inspect`, and try again",
                            segment->name);
        myl_os_sleep(REGISTRAR_PAUSE_NS);
    }
}

void myl_registrar_drop(const struct myl_segment *segment)
{
    myl_seat_drop(segment, MYL_SEAT_REGISTRAR);
}

int myl_segment_live_consumers(const struct myl_segment *segment, uint32_t own, uint32_t *live)
{
    *live = 0;
    for (uint32_t lane = 0; lane < segment->head.lanes; lane++) {
        struct myl_segment view = myl_segment_lane(segment, lane);
        uint32_t entries = myl_segment_entries(&view), here = 0;
        for (uint32_t i = 0; i < entries; i++) {
            int held = i == own && lane == segment->lane ? 0 : myl_seat_held(&view, myl_entry_seat(i));
            if (held == -EBADF && myl_segment_check(segment) != MYL_OK)
                return MYL_ESEATLOST;
            if (held < 0)
                return myl_fail_errno(-held, "the seats of ring \"%s\" cannot be asked for", segment->name);
            here += held > 0;
        }
        *live = here > *live ? here : *live; /* a consumer sits in every lane, and is counted once */
    }
    return MYL_OK;
}

void myl_park_bump(struct myl_park_word *park)
{
    /* A12 park word += 8 [acq_rel], its counter: whoever read the word before does not fall asleep. Pairs: A6. What is
     * announced is stored before; the sleeper re-checks it behind its own read of the word. */
    MYL_STEP("BU1");
    (void)myl_add32_acq_rel(&park->word, 8);
    MYL_STEP("BU2");
    myl_os_wake(&park->word);
}

void myl_segment_wake_all(const struct myl_segment *segment)
{
    myl_park_bump(segment->data_park);
    myl_park_bump(&segment->control->room);
}
