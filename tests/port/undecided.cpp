// SPDX-License-Identifier: MIT
// Initialisers of a C++ program of 0.1 that no script can rewrite, for tools/check-port.sh.
#include <myelon/myelon.h>

static const myl_producer_options events = {.size = sizeof events, .event_size = 8};
static const myl_frame_producer_options frames = {.size = sizeof frames, .ring = {.label = "a"}};
