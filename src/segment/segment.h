/* SPDX-License-Identifier: MIT
 * One shared object: opening, validating, mapping and closing it. Independent of what a ring does with it. */
#ifndef MYL_SEGMENT_SEGMENT_H
#define MYL_SEGMENT_SEGMENT_H

#include "os/os.h"
#include "segment/cells.h"
#include "segment/layout.h"

#include <stdbool.h>

/* What all views of an open segment share. It belongs to the view that opened the segment. */
struct myl_shared {
    struct myl_header head;      /* the checked private copy: the mapped header is never read again */
    struct myl_os_place place;   /* where the path led when the segment was opened; everything is done there */
    struct myl_os_object object;
    uint32_t owned_lock;         /* a lock held until the segment is closed, counted from 1; 0: none. Proves that the
                                  * descriptor is still ours */
    char *schema_text;           /* the checked private copy, with a NUL at the end; NULL: the ring has no schema */
    struct myl_os_affinity before; /* of the opening thread, before it was pinned; known until the open has succeeded */
};

/* A segment as seen from one lane: words and pointers. Rings for one producer have one lane. */
struct myl_segment {
    int fd;                      /* a description of its own: all locks of this handle are held through it */
    enum myl_backend backend;
    char *path;                  /* NULL for memfd */
    const char *name;            /* as the caller wrote it; points into path */
    const struct myl_header *head;
    const struct myl_cell_ops *cells; /* of a participant's or observer's handle; tools have none */
    struct myl_shared *shared;
    bool owner;                  /* this view opened the segment: closing it closes and frees what all share */
    bool copied;                 /* `controls` is a private copy, which only myl_segment_refresh changes */
    bool control_writable;
    bool data_writable;
    uint32_t lane;
    struct myl_control *controls; /* the mapping: lane 0's, the others follow */
    struct myl_control *control; /* of this lane */
    struct myl_park_word *data_park; /* consumers sleep on one word, whichever lane they wait for */
    unsigned char *data;         /* of this lane; frames: the same bytes follow once more */
    myl_granted granted;
};

/* How to open an existing segment. */
struct myl_segment_open {
    enum myl_backend backend;
    const char *name;            /* NULL for memfd */
    int use_fd;                  /* memfd: open that of `fd`; always 1 for readers */
    int fd;
    int any_owner;
    int may_read_only;           /* tools: open for reading if writing is not allowed */
    uint32_t lane;               /* the lane to select */
    const uint64_t *session;     /* two words: only this one; NULL: any */
};

/* Makes a view of nothing yet, with what views share. MYL_ENOMEM. */
int myl_segment_begin(struct myl_segment *segment, enum myl_backend backend);
/* MYL_EINVAL if a name is given for a backend without names. */
int myl_check_no_name(const struct myl_segment_open *how);
/* Opens a segment and validates its header, which is read once. Maps nothing. */
int myl_segment_find(struct myl_segment *segment, const struct myl_segment_open *how);
/* The two parts of myl_segment_find: open and stat, then read and validate the header and the schema text. After a
 * failure the segment stays open. */
int myl_segment_reach(struct myl_segment *segment, const struct myl_segment_open *how);
int myl_segment_read_header(struct myl_segment *segment);
/* Reads bytes of the object. MYL_ETRUNCATED: the object has become shorter. */
int myl_segment_read(const struct myl_segment *segment, uint64_t offset, void *to, uint64_t bytes);
/* Bytes mapped at `data`: twice data_bytes for frames. */
uint64_t myl_segment_span(const struct myl_segment *segment);
/* Selects the lane that `control` points to. Called before data is mapped. */
void myl_segment_select(struct myl_segment *segment, uint32_t lane);
/* Maps control of all lanes, and the data of this one. If control is mapped for writing, holes of the object are filled
 * first, which may fail with MYL_ENOSPACE. */
int myl_segment_map(struct myl_segment *segment, int control_writable, int data_writable);
int myl_segment_map_control(struct myl_segment *segment, int writable);
int myl_segment_map_data(struct myl_segment *segment, int writable);
/* *same = 1 if the name still leads to this object. Always 1 for a memfd. */
int myl_segment_is_named(const struct myl_segment *segment, int *same);
/* Unmaps and closes the segment, which releases all its locks. */
void myl_segment_close(struct myl_segment *segment);
/* As myl_segment_close, for a handle that has been open for long: does not close a descriptor that was lost. */
void myl_segment_give_back(struct myl_segment *segment);
/* In a fork child: closes the descriptor, and nothing else. */
void myl_segment_forked(struct myl_segment *segment);
/* Frees the memory that views share. In a fork child, when its copy of the handle is closed. */
void myl_segment_free(struct myl_segment *segment);

void myl_segment_info(const struct myl_segment *segment, myl_info *info);
int myl_segment_duplicate(const struct myl_segment *segment, int *fd);

#endif
