/* SPDX-License-Identifier: MIT
 * One shared object: making, finding, checking, mapping and removing it. Knows seats and the control area's frame, but
 * nothing of how a ring moves. */
#ifndef MYL_SEGMENT_SEGMENT_H
#define MYL_SEGMENT_SEGMENT_H

#include "os/os.h"
#include "segment/layout.h"

/* A mapped segment. `head` is the checked private copy: the mapped header is never read again. */
struct myl_segment {
    int fd;                      /* a description of its own: all seats of this handle are held through it */
    enum myl_backend backend;
    char *path;                  /* NULL for memfd */
    const char *name;            /* as the caller wrote it; points into path */
    struct myl_os_object object;
    uint32_t witness;            /* a seat that this handle keeps as long as it is open, counted from 1; 0: none */
    struct myl_header head;
    uint32_t lane;               /* which part of the control and data areas `control` and `data` are */
    int borrowed;                /* descriptor, path and control mapping are another segment's, which is closed later */
    struct myl_control *controls; /* the mapping: lane 0's, the others follow */
    struct myl_control *control;
    struct myl_park_word *data_park; /* consumers sleep on one word, whichever lane they wait for */
    unsigned char *data;         /* frames: the same bytes follow once more */
    int data_writable;
    int control_writable;
    myl_granted granted;
};

/* How to open what exists. */
struct myl_segment_open {
    enum myl_backend backend;
    const char *name;            /* NULL for memfd */
    int fd;                      /* memfd */
    int any_owner;
    int may_read_only;           /* tools: fall back to reading */
    uint32_t lane;               /* the one to look at */
};

/* How to make a producer's segment. */
struct myl_segment_make {
    struct myl_segment_open open;
    enum myl_existing existing;
    uint32_t mode;
    int64_t group;
    int huge;
    uint32_t crowd;              /* so many consumers will be waited for */
    struct myl_header head;      /* shape filled in; sizes, session, checksum are added here */
    const char *lane;            /* id of the lane to take; NULL: any */
    /* Is the existing ring the one that is meant? Asked before a lane of it is taken. */
    int (*fits)(const struct myl_segment *segment, const void *context);
    const void *context;
};

/* --- name.c --- */
int myl_segment_path(const char *name, enum myl_backend backend, char **path);
int myl_check_id(const char *id, size_t most);
/* Text that came out of shared memory, for people: control characters become question marks. */
void myl_text_clean(char *text);

/* --- header.c --- */
/* Fills in offsets, sizes and checksum from the shape. MYL_ECAPACITY if it cannot be. */
int myl_header_complete(struct myl_header *head, int huge);
void myl_header_seal(struct myl_header *head);
/* Every field against the object's real size and the others. */
int myl_header_check(const struct myl_header *head, uint64_t object_bytes, const char *name);

/* --- segment.c --- */
/* Opens and validates; maps nothing but the header, for a moment. */
int myl_segment_find(struct myl_segment *segment, const struct myl_segment_open *how);
/* The same in two parts: opens and asks the system; then reads and checks the header. What fails stays open. */
int myl_segment_reach(struct myl_segment *segment, const struct myl_segment_open *how);
int myl_segment_read_header(struct myl_segment *segment);
/* How far `data` reaches: twice data_bytes for frames. */
uint64_t myl_segment_span(const struct myl_segment *segment);
/* Maps control, of all lanes, and the data of this one. */
int myl_segment_map(struct myl_segment *segment, int control_writable, int data_writable);
int myl_segment_map_control(struct myl_segment *segment, int writable);
int myl_segment_map_data(struct myl_segment *segment, int writable);
/* *same = 1 if the name still leads to this very object; a memfd has no name to lose. */
int myl_segment_is_named(const struct myl_segment *segment, int *same);
/* Unmaps and closes, which drops all seats. */
void myl_segment_close(struct myl_segment *segment);
/* The same for a handle's, which was open for long: a descriptor that was lost meanwhile is not ours to close. */
void myl_segment_give_back(struct myl_segment *segment);
/* In a fork child: only closes the descriptor. */
void myl_segment_forked(struct myl_segment *segment);
/* --- place.c --- */
/* MYL_EINVAL if a grade is none. */
int myl_memory_check(const myl_memory_options *memory);
/* Places memory and pins as asked; what is required and not granted is an error. `granted` tells. */
int myl_segment_place(struct myl_segment *segment, const myl_memory_options *memory, int cpu);

/* --- lane.c: the parts of a ring for several producers --- */
/* Makes `lane` the one that `control` leads to; before data is mapped. */
void myl_segment_select(struct myl_segment *segment, uint32_t lane);
/* The same ring seen from another lane, to look at its control: a copy that is not closed, without data. */
struct myl_segment myl_segment_lane(const struct myl_segment *segment, uint32_t lane);
/* Finds for a tool, and maps the control of all lanes; `lane` is selected. */
int myl_segment_look_at(struct myl_segment *segment, const char *name, enum myl_backend backend, uint32_t lane);
/* Another lane of `of` with its data mapped: seats are held through one description, and go at once when it dies. */
int myl_segment_share(struct myl_segment *segment, const struct myl_segment *of, uint32_t lane, int data_writable);
/* With the registrar's seat: takes the producer's seat of the lane that `how` wants, and gives it its id. MYL_EAGAIN:
 * somebody is just about to leave the one. */
int myl_lane_choose(struct myl_segment *segment, const struct myl_segment_make *how);
/* The producer's seats of all lanes, in order; tries only. 0, EAGAIN (somebody produces), or what failed. */
int myl_lane_take_all(const struct myl_segment *segment);
/* A14 in every lane. */
void myl_segment_supersede(const struct myl_segment *segment, uint32_t value);

/* Somebody may have closed the descriptor behind this handle's back (closefrom, a library that makes a daemon), and
 * its number may be another file's by now: then the kernel answers for that one, where nobody sits. */
int myl_segment_is_lost(const struct myl_segment *segment);
/* The same as a call's result: MYL_OK or MYL_ESEATLOST. */
int myl_segment_check(const struct myl_segment *segment);
/* Seats of this lane. The registrar's is the ring's: names and tables change under one seat. As myl_os_seat_take ...;
 * EBADF if the descriptor is lost: nobody is found dead through it, and no seat taken. */
int myl_seat_take(const struct myl_segment *segment, uint32_t seat);
void myl_seat_drop(const struct myl_segment *segment, uint32_t seat);
int myl_seat_held(const struct myl_segment *segment, uint32_t seat);
/* It was taken to be kept until the handle is closed. */
void myl_seat_keep(struct myl_segment *segment, uint32_t seat);

/* --- segment.c --- */
struct myl_entry *myl_segment_entry(const struct myl_segment *segment, uint32_t entry);
/* An entry's id, copied out and ended by a NUL. May be torn if somebody is joining there right now. */
void myl_entry_id(const struct myl_entry *entry, char id[MYL_ID_MAX + 1]);
/* The same for the words of any id. */
void myl_id_words(const myl_au64 words[(MYL_ID_MAX + 1) / 8], char id[MYL_ID_MAX + 1]);
/* With the registrar's seat and the entry's. */
void myl_entry_set_id(struct myl_entry *entry, const char id[MYL_ID_MAX + 1]);
void myl_id_set_words(myl_au64 words[(MYL_ID_MAX + 1) / 8], const char id[MYL_ID_MAX + 1]);
/* Entries ever used, clamped to the table. */
uint32_t myl_segment_entries(const struct myl_segment *segment);
void myl_segment_info(const struct myl_segment *segment, myl_info *info);
int myl_segment_duplicate(const struct myl_segment *segment, int *fd);

/* The registrar's seat: tries for a second, then MYL_EBUSY. Never called by a producer that publishes. */
int myl_registrar_take(const struct myl_segment *segment);
void myl_registrar_drop(const struct myl_segment *segment);
/* How many entries, in all lanes, are held by somebody alive, other than `own` of this lane (UINT32_MAX: nobody's). */
int myl_segment_live_consumers(const struct myl_segment *segment, uint32_t own, uint32_t *live);

/* Wakes everybody on both words of this lane, sleeping or about to: for join, leave, close, takeover, supersede. */
void myl_segment_wake_all(const struct myl_segment *segment);
void myl_park_bump(struct myl_park_word *park);

/* --- log.c --- */
/* Writes a record into the event log, if control is writable. Never waits; may be torn by a death, never by anybody
 * else's writing. */
struct myl_log_note {
    enum myl_log_kind kind;
    const char *id;          /* NULL: the producer */
    uint64_t sequence, value;
    uint32_t pid;            /* of whom it is about */
};
void myl_log_write(const struct myl_segment *segment, const struct myl_log_note *note);
int myl_log_read(const struct myl_segment *segment, myl_log **log);

/* --- party.c: words about parties, for people and for the liveness policy --- */
/* A death was learnt from the kernel. The first to say so writes it down: when, and a record. */
void myl_note_consumer_death(const struct myl_segment *segment, uint32_t index);
void myl_note_producer_death(const struct myl_segment *segment, uint32_t epoch);
void myl_doing_set(struct myl_doing *doing, const char *text, int64_t patience_ns);
void myl_doing_clear(struct myl_doing *doing);
/* What it says, copied and checked: `until` is 0 or at most MYL_PATIENCE_MOST_NS behind `since`, which is not ahead of
 * now. 0 if nothing is said, or it is being written right now. */
struct myl_said {
    char text[MYL_DOING_MAX + 1];
    int64_t since, until;
};
int myl_doing_get(const struct myl_doing *doing, struct myl_said *said);
#define MYL_PATIENCE_MOST_NS ((int64_t)86400 * 1000000000)

/* --- examine.c --- */
/* The temporary name of an object that has not got its own yet? src/os makes them. */
int myl_name_is_temporary(const char *path);
/* What it is, when myl_segment_read_header has answered `reason`. */
enum myl_object_kind myl_segment_kind(const struct myl_segment *segment, int reason);
/* 1 if any seat that a ring can have is held through another description, 0 if none, or an error. */
int myl_segment_is_used(const struct myl_segment *segment);

/* --- create.c --- */
/* MYL_EINVAL if `count` consumers are waited for where `entries` have room: they could never come. */
int myl_check_crowd(uint32_t count, uint32_t entries);
/* Makes the segment or finds it, and takes the producer's seat. *created tells which. Mapped on return. */
int myl_segment_take_seat(struct myl_segment *segment, const struct myl_segment_make *how, int *created);

/* --- remove.c --- */
/* Takes the name away, with both seats, after everybody was told. `before`: they had been told already. */
int myl_segment_unlink(const struct myl_segment *segment, int before);
/* With the producer's seat: whoever has come meanwhile is told that it is over, and the name goes. */
void myl_segment_withdraw(const struct myl_segment *segment);
/* Under the registrar's seat: if the stream is ended and nobody else is there, the name goes. */
void myl_segment_sweep(const struct myl_segment *segment, uint32_t own_entry);

#endif
