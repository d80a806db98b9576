/* SPDX-License-Identifier: MIT
 * What producer, consumer and observer handles share: the segment, waiting, interruption, fork. */
#ifndef MYL_RING_HANDLE_H
#define MYL_RING_HANDLE_H

#include <myelon/ring.h>

#include "base/error.h"
#include "os/os.h"
#include "ring/wait.h"
#include "segment/segment.h"

struct myl_handle {
    struct myl_segment segment;
    struct myl_waiter waiter;
    struct myl_os_fork_node fork_node;
    int forked;                /* this is a fork child's copy */
};

/* The data area as the hot paths walk it, and a walk that starts at `sequence`. */
struct myl_i_geometry myl_geometry(const struct myl_segment *segment);
struct myl_i_walk myl_walk_from(const struct myl_segment *segment, uint64_t sequence);

/* Where what is published from `sequence` on ends, as far as one stamp tells: *end == sequence if it is not. A dead
 * producer may have stored the stamp and not `next`. `sequence` is where a publish ended, or `next`; frames: a record's
 * beginning. MYL_ECORRUPT. */
int myl_published_end(const struct myl_segment *segment, uint64_t sequence, uint64_t *end);
/* The first place at or behind `wanted` that something may begin at. `from` is such a place; all is published up to
 * there. */
int myl_boundary_from(const struct myl_segment *segment, uint64_t from, uint64_t wanted, uint64_t *boundary);
/* `stamp`, where `sequence` is not published yet and cannot have been overwritten: is it one that cannot be there? */
int myl_is_impossible(const struct myl_segment *segment, uint64_t stamp, uint64_t sequence);
/* The most that one publish may need, in sequences. */
uint64_t myl_publish_need(const struct myl_segment *segment);

/* Asked at intervals by who waits for event `next`. MYL_EAGAIN: somebody is there; else MYL_EUNSEATED or
 * MYL_EPRODUCERDEAD, or what `ready` answered; MYL_ESEATLOST: it cannot be asked. models/close.pml, D1 to D4. */
int myl_ask_for_producer(const struct myl_segment *segment, uint64_t next, int (*ready)(void *context), void *context);

/* MYL_ESHAPE, with the calls that are right, if the ring carries something else. */
int myl_check_kind(const struct myl_segment *segment, uint32_t kind);

/* --- join.c, role.c: what belongs to an entry, whoever holds it --- */
/* With the registrar's seat and the entry's, and its owner dead: it gates no more. */
void myl_entry_give_up(const struct myl_segment *segment, uint32_t index, enum myl_log_kind why);
int myl_role_check(const myl_role_options *role);
void myl_role_store(struct myl_entry *entry, const myl_role_options *role);
/* Copied and checked; time-outs in ns, 0 = the producer's, MYL_AT_ONCE. */
void myl_role_load(const struct myl_entry *entry, myl_role_options *role);

/* Shared part of opening: fork watch and waiter. `in_child` poisons the hot path. */
int myl_handle_arm(struct myl_handle *handle, const myl_wait_options *wait,
                   void (*in_child)(struct myl_os_fork_node *node));
/* Gives everything back; safe on a half-open handle and in a fork child. */
void myl_handle_disarm(struct myl_handle *handle);
int myl_handle_forked(const struct myl_handle *handle);
int myl_check_options(const void *options, size_t size, size_t known, const char *what);

#endif
