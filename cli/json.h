/* SPDX-License-Identifier: MIT
 * Snapshots as JSON. In a build without cJSON, every function reports that --json is not available. */
#ifndef MYELON_CLI_JSON_H
#define MYELON_CLI_JSON_H

#include "cli.h"
#include "doctor.h"
#include "gc.h"

/* Returns 0, or CLI_FAILED after reporting that this `myelon` was built without cJSON. */
int json_available(void);

/* Print one ring as an object, or `count` rings as an array. Return CLI_OK or CLI_FAILED. */
int json_print_ring(const myl_snapshot *snapshot);
int json_print_rings(myl_snapshot *const *snapshots, size_t count);
/* Print the diagnosis of one lane as an object, or those of `count` lanes as an array. */
struct json_lane {
    const char *ring;            /* name */
    uint32_t lane;
    char id[MYL_ID_MAX + 1];     /* of the lane; "": none */
    myl_diagnosis *diagnosis;
};
int json_print_diagnosis(const struct json_lane *lane);
int json_print_diagnoses(const struct json_lane *lanes, size_t count);

int json_print_log(const char *name, const myl_log *log);
int json_print_gc(const struct gc *gc);
int json_print_doctor(const struct doctor *doctor);

#endif
