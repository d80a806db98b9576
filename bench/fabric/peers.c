/* SPDX-License-Identifier: MIT
 * The table of peers. bench/CMakeLists.txt defines FABRIC_HAVE_* for each peer that is built, and FABRIC_MISSING: the
 * other peers and the packages they need. */
#include "fabric.h"

extern const struct fabric_peer fabric_flags, fabric_unix;
#ifdef FABRIC_HAVE_ZMQ
extern const struct fabric_peer fabric_zmq;
#endif
#ifdef FABRIC_HAVE_NNG
extern const struct fabric_peer fabric_nng;
#endif

const struct fabric_peer *const fabric_peers[] = {
    &fabric_flags, &fabric_unix,
#ifdef FABRIC_HAVE_ZMQ
    &fabric_zmq,
#endif
#ifdef FABRIC_HAVE_NNG
    &fabric_nng,
#endif
    NULL,
};

void fabric_note_missing(void)
{
    if (sizeof FABRIC_MISSING > 1)
        bench_note("not built: %s", FABRIC_MISSING);
}
