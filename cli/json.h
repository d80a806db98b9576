/* SPDX-License-Identifier: MIT
 * Snapshots as JSON. Built without cJSON, the one answer is that --json is not there. */
#ifndef MYELON_CLI_JSON_H
#define MYELON_CLI_JSON_H

#include "cli.h"
#include "doctor.h"
#include "gc.h"

/* 0, or CLI_FAILED after saying that this `myelon` was built without JSON. */
int json_available(void);

/* Prints one ring as an object, or `count` of them as an array. CLI_OK or CLI_FAILED. */
int json_print_ring(const myl_snapshot *snapshot);
int json_print_rings(myl_snapshot *const *snapshots, size_t count);
int json_print_verdict(const char *name, const myl_verdict *verdict);
int json_print_log(const char *name, const myl_log *log);
int json_print_gc(const struct gc *gc);
int json_print_doctor(const struct doctor *doctor);

#endif
