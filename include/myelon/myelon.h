/* SPDX-License-Identifier: MIT
 * All of myelon. */
#ifndef MYELON_MYELON_H
#define MYELON_MYELON_H

#include <myelon/base.h>
#include <myelon/codec.h>
#include <myelon/counters.h>
#include <myelon/error.h>
#include <myelon/fabric.h>
#include <myelon/fixed_frame.h>
#include <myelon/frame.h>
#include <myelon/liveness.h>
#include <myelon/log.h>
#include <myelon/ring.h>
#include <myelon/runner.h>
#include <myelon/segment.h>
#include <myelon/type.h>
#include <myelon/typed.h>
#include <myelon/wait.h>
#include <myelon/waitset.h>

#endif
