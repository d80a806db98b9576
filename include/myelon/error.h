/* SPDX-License-Identifier: MIT
 * Every way a call can fail. Calls return 0 or a count, or one of these (all negative).
 * docs/errors.md has for each when it is returned and what to do. */
#ifndef MYELON_ERROR_H
#define MYELON_ERROR_H

#include <myelon/base.h>

/* X(name, value, class, meaning): one list for the enum, the texts, the tests and the docs. */
#define MYL_ERROR_LIST(X)                                                                          \
    X(EAGAIN, -1, RETRY, "nothing to do without waiting")                                          \
    X(ETIMEDOUT, -2, RETRY, "the time given ran out")                                              \
    X(EINTERRUPTED, -3, RETRY, "the wait was interrupted: on request, or by a signal")             \
    X(ECLOSED, -10, END, "the stream has ended and everything before its end was delivered")       \
    X(EPRODUCERDEAD, -11, PEER, "the producer died; a restarted one goes on where it stopped")     \
    X(ECONSUMERDEAD, -12, PEER, "a consumer that gates this ring died")                            \
    X(ESUPERSEDED, -13, END, "this session was ended by force and its name was given away")        \
    X(EEVICTED, -14, END, "this consumer was evicted; what it did not acknowledge may be gone")    \
    X(ELOCKLOST, -15, END, "the handle's descriptor or lock was lost to other code")               \
    X(EFORKED, -16, USAGE, "the handle belongs to the parent process")                             \
    X(EPRODUCERLEFT, -17, PEER, "the producer left without ending the stream")                     \
    X(ESTALLED, -18, PEER, "a required consumer has not moved for too long")                       \
    X(EABORTED, -19, RETRY, "a message was given up between its fragments; the next call continues after it") \
    X(EINVAL, -30, USAGE, "an argument is out of range")                                           \
    X(EOPTIONS, -31, USAGE, "an options structure is not one this library knows")                  \
    X(ENAME, -32, USAGE, "not a usable name for a ring")                                           \
    X(EID, -33, USAGE, "not a usable consumer id")                                                 \
    X(ECAPACITY, -34, USAGE, "not a usable capacity")                                              \
    X(EEVENTSIZE, -35, USAGE, "not a usable event size, or not the ring's")                        \
    X(EALIGN, -36, USAGE, "not a usable event alignment, or not the ring's")                       \
    X(ETYPE, -37, USAGE, "the ring carries events of another type")                                \
    X(ESHAPE, -38, USAGE, "the ring exists with another shape")                                    \
    X(ETOOBIG, -39, USAGE, "more than the ring can ever hold")                                     \
    X(ELEASED, -40, USAGE, "every event of the ring is leased by this handle")                     \
    X(ENOTCLAIMED, -41, USAGE, "there is no open claim or lease for this")                         \
    X(EHANDLER, -42, USAGE, "the handler reported a failure")                                      \
    X(EBUFFER, -43, USAGE, "the buffer is too small for the message")                              \
    X(ESCHEMA, -44, USAGE, "not a usable description of a type, or not the ring's") \
    X(ETICKET, -45, USAGE, "not the ticket of a ring")                                             \
    X(ENOTFOUND, -50, NAME, "there is no such ring")                                               \
    X(EEXISTS, -51, NAME, "a ring of this name exists")                                            \
    X(EPRODUCERALIVE, -52, NAME, "another producer of this ring is alive")                         \
    X(EDUPLICATE, -53, NAME, "a consumer of this id is alive")                                     \
    X(EINUSE, -54, NAME, "a live participant uses this ring")                                      \
    X(ENOTDRAINED, -55, NAME, "a closed session still has events that a consumer has not read")    \
    X(ETABLEFULL, -56, RESOURCE, "every consumer entry of the ring is taken")                      \
    X(ESTARTUP, -57, PEER, "the consumers waited for did not come in time")                        \
    X(EBUSY, -58, RETRY, "the registry lock was held for too long")                                \
    X(ELANES, -59, RESOURCE, "every lane of the ring is taken")                                    \
    X(ESESSION, -60, NAME, "the ring of this name is another session than the ticket's")           \
    X(EPERMISSION, -70, RESOURCE, "not allowed")                                                   \
    X(EOWNER, -71, RESOURCE, "the ring belongs to another user")                                   \
    X(ENOSPACE, -72, RESOURCE, "not enough memory for the ring")                                   \
    X(ENOMEM, -73, RESOURCE, "not enough memory in this process")                                  \
    X(ELIMIT, -74, RESOURCE, "a limit of the system was reached")                                  \
    X(EFILESYSTEM, -75, RESOURCE, "this file system cannot carry a ring")                          \
    X(EUNSUPPORTED, -76, RESOURCE, "this system cannot do that")                                   \
    X(ESYSTEM, -77, RESOURCE, "a system call failed")                                              \
    X(ENOTRING, -90, CORRUPT, "not a myelon segment")                                              \
    X(EVERSION, -91, CORRUPT, "a segment of another layout version")                               \
    X(EBYTEORDER, -92, CORRUPT, "a segment of another byte order")                                 \
    X(ETRUNCATED, -93, CORRUPT, "the segment is shorter than its header says")                     \
    X(ECORRUPT, -94, CORRUPT, "the segment holds a value that cannot be true")                     \
    X(EDECODE, -95, CORRUPT, "the bytes are not a value of the type")

enum myl_error {
    MYL_OK = 0,
#define MYL_X(name, value, class, text) MYL_##name = value,
    MYL_ERROR_LIST(MYL_X)
#undef MYL_X
};

/* The kind of remedy for a failure, for programs that do not distinguish all codes. */
enum myl_error_class {
    MYL_CLASS_OK = 0,
    MYL_CLASS_RETRY,    /* call again */
    MYL_CLASS_END,      /* the handle has ended: close it */
    MYL_CLASS_PEER,     /* another participant is dead, stalled or absent: wait for it, evict it or stop */
    MYL_CLASS_USAGE,    /* the call is wrong: correct the program */
    MYL_CLASS_NAME,     /* the name or id is taken or missing */
    MYL_CLASS_RESOURCE, /* the system refuses: memory, permissions, limits */
    MYL_CLASS_CORRUPT,  /* the segment is not valid */
};

/* A participant of a ring, as a failure names it. */
typedef struct myl_failed_participant {
    size_t size;             /* sizeof(myl_failed_participant), set by the caller */
    char id[32];             /* a consumer's id; "": the producer */
    int32_t pid;             /* informational; 0: unknown */
    uint32_t lane;
} myl_failed_participant;

MYL_BEGIN_DECLS

/* The meaning of a code, one sentence without the particular values. Static storage; never NULL. Any thread. */
MYL_API const char *myl_strerror(int code);

/* The code's name, "MYL_EAGAIN". Static storage; "MYL_E?" for an unknown code. Any thread. */
MYL_API const char *myl_errname(int code);

/* The class of a code; MYL_CLASS_OK for 0 and above. Any thread. */
MYL_API enum myl_error_class myl_errclass(int code);

/* One sentence about this thread's last failed call: what failed, the offending value, what to do. Empty before the
 * first failure and after an open that succeeded. Valid until the next failing call of the same thread. After
 * MYL_ETIMEDOUT it names the awaited condition, the time, and the participant that delays it; MYL_EAGAIN leaves it
 * unchanged. Control characters of names and labels are question marks in it, so that it can be printed. */
MYL_API const char *myl_error_detail(void);

/* The participant that this thread's last failure is about, as data: the dead or slow one of MYL_ECONSUMERDEAD,
 * MYL_ESTALLED, MYL_EPRODUCERDEAD and MYL_EPRODUCERLEFT, the living one of MYL_EDUPLICATE and MYL_EPRODUCERALIVE.
 * MYL_OK; MYL_ENOTFOUND: the last failure is about no participant; MYL_EOPTIONS: `size` is too small. Makes no system
 * call. */
MYL_API MYL_NODISCARD int myl_error_participant(myl_failed_participant *who);

MYL_END_DECLS

#endif
