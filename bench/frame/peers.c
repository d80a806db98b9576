/* SPDX-License-Identifier: MIT
 * The table of peers. bench/CMakeLists.txt defines FRAME_HAVE_* for each peer that is built, and FRAME_MISSING: the
 * other peers and the packages they need. */
#include "frame.h"

extern const struct frame_peer frame_pipe, frame_unix_stream, frame_unix_seqpacket;
#ifdef FRAME_HAVE_BOOST
extern const struct frame_peer frame_boost;
#endif
#ifdef FRAME_HAVE_ZMQ
extern const struct frame_peer frame_zmq;
#endif
#ifdef FRAME_HAVE_NNG
extern const struct frame_peer frame_nng;
#endif
#ifdef FRAME_HAVE_CK
extern const struct frame_peer frame_ck;
#endif
#ifdef FRAME_HAVE_RTE
extern const struct frame_peer frame_rte, frame_rte_zc;
#endif

const struct frame_peer *const frame_peers[] = {
    &frame_pipe,  &frame_unix_stream, &frame_unix_seqpacket,
#ifdef FRAME_HAVE_BOOST
    &frame_boost,
#endif
#ifdef FRAME_HAVE_ZMQ
    &frame_zmq,
#endif
#ifdef FRAME_HAVE_NNG
    &frame_nng,
#endif
#ifdef FRAME_HAVE_CK
    &frame_ck,
#endif
#ifdef FRAME_HAVE_RTE
    &frame_rte,   &frame_rte_zc,
#endif
    NULL,
};

void frame_note_missing(void)
{
    if (sizeof FRAME_MISSING > 1)
        bench_note("not built: %s", FRAME_MISSING);
}
