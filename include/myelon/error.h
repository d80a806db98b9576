/* SPDX-License-Identifier: MIT
 * Every way a call can fail. Calls return 0 or a count, or one of these (all negative).
 * docs/errors.md says of each when it comes and what to do. */
#ifndef MYELON_ERROR_H
#define MYELON_ERROR_H

#include <myelon/base.h>

/* X(name, value, class, what it means): one list for the enum, the texts, the tests and the docs. */
#define MYL_ERROR_LIST(X)                                                                          \
    X(EAGAIN, -1, RETRY, "nothing to do without waiting")                                          \
    X(ETIMEDOUT, -2, RETRY, "the time given ran out")                                              \
    X(EINTERRUPTED, -3, RETRY, "the wait was interrupted on request")                              \
    X(ECLOSED, -10, END, "the stream has ended and everything before its end was delivered")       \
    X(EPRODUCERDEAD, -11, PEER, "the producer died; a restarted one goes on where it stopped")     \
    X(ECONSUMERDEAD, -12, PEER, "a consumer that gates this ring died")                            \
    X(ESUPERSEDED, -13, END, "this session was ended by force and its name was given away")        \
    X(EEVICTED, -14, END, "this consumer was evicted; what it did not acknowledge may be gone")    \
    X(ESEATLOST, -15, END, "the handle's descriptor or seat was lost behind its back")             \
    X(EFORKED, -16, USAGE, "the handle belongs to the parent process")                             \
    X(EUNSEATED, -17, PEER, "the producer left without ending the stream")                         \
    X(ESTALLED, -18, PEER, "a required consumer has not moved for too long")                       \
    X(EABORTED, -19, RETRY, "a message was given up between its fragments; the next call goes on behind it")          \
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
    X(ENOTFOUND, -50, NAME, "there is no such ring")                                               \
    X(EEXISTS, -51, NAME, "a ring of this name exists")                                            \
    X(EPRODUCERALIVE, -52, NAME, "another producer of this ring is alive")                         \
    X(EDUPLICATE, -53, NAME, "a consumer of this id is alive")                                     \
    X(EINUSE, -54, NAME, "somebody alive still uses this ring")                                    \
    X(EUNREAD, -55, NAME, "a closed session still has events that a consumer has not read")        \
    X(ETABLEFULL, -56, RESOURCE, "every consumer entry of the ring is taken")                      \
    X(ESTARTUP, -57, PEER, "the consumers waited for did not come in time")                        \
    X(EBUSY, -58, RETRY, "somebody holds the registrar's seat for too long")                       \
    X(ELANES, -59, RESOURCE, "every lane of the ring is taken")                                    \
    X(EPERMISSION, -70, RESOURCE, "not allowed")                                                   \
    X(EOWNER, -71, RESOURCE, "the ring belongs to another user")                                   \
    X(ENOSPACE, -72, RESOURCE, "not enough memory behind the ring")                                \
    X(ENOMEM, -73, RESOURCE, "not enough memory in this process")                                  \
    X(ELIMIT, -74, RESOURCE, "a limit of the system was reached")                                  \
    X(EFILESYSTEM, -75, RESOURCE, "this file system cannot carry a ring")                          \
    X(EUNSUPPORTED, -76, RESOURCE, "this system cannot do that")                                   \
    X(ESYSTEM, -77, RESOURCE, "a system call failed")                                              \
    X(ENOTRING, -90, CORRUPT, "not a myelon segment")                                              \
    X(EVERSION, -91, CORRUPT, "a segment of another layout version")                               \
    X(EBYTEORDER, -92, CORRUPT, "a segment of another byte order")                                 \
    X(ETRUNCATED, -93, CORRUPT, "the segment is shorter than its header says")                     \
    X(ECORRUPT, -94, CORRUPT, "the segment holds a value that cannot be true")

enum myl_error {
    MYL_OK = 0,
#define MYL_X(name, value, class, text) MYL_##name = value,
    MYL_ERROR_LIST(MYL_X)
#undef MYL_X
};

/* What to do with a failure, without knowing every code. */
enum myl_error_class {
    MYL_CLASS_OK = 0,
    MYL_CLASS_RETRY,    /* call again */
    MYL_CLASS_END,      /* this handle is done: close it */
    MYL_CLASS_PEER,     /* the other side is gone: wait for it, evict it or give up */
    MYL_CLASS_USAGE,    /* the call is wrong: mend the program */
    MYL_CLASS_NAME,     /* the name or id is taken or missing */
    MYL_CLASS_RESOURCE, /* the machine refuses: memory, rights, limits */
    MYL_CLASS_CORRUPT,  /* the segment is not what it should be */
};

MYL_BEGIN_DECLS

/* The meaning of a code, one sentence without the particular values. Static storage; never NULL. Any thread. */
MYL_API const char *myl_strerror(int code);

/* The code's name, "MYL_EAGAIN". Static storage; "MYL_E?" for an unknown code. Any thread. */
MYL_API const char *myl_errname(int code);

/* The class of a code; MYL_CLASS_OK for 0 and above. Any thread. */
MYL_API enum myl_error_class myl_errclass(int code);

/* One sentence about this thread's last failed call: what was wrong, the offending value, the way out. Empty
 * when nothing failed yet. Valid until the next failing call of the same thread. MYL_EAGAIN and
 * MYL_ETIMEDOUT leave it as it was: they are answers. */
MYL_API const char *myl_error_detail(void);

MYL_END_DECLS

#endif
