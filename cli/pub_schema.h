/* SPDX-License-Identifier: MIT
 * The type of the values that `pub --json` publishes: that of the ring, or of a file for a new ring. */
#ifndef MYELON_CLI_PUB_SCHEMA_H
#define MYELON_CLI_PUB_SCHEMA_H

#include "typed.h"

struct pub_schema {
    const char *file;        /* NULL: as the ring has it */
    const myl_codec *codec;  /* of the file */
    struct typed typed;
};

/* Parses the name of a codec. Returns 0 or CLI_USAGE. */
int pub_schema_codec(struct pub_schema *schema, const char *name);

/* Reads the type. Prints why it fails. Returns 0 or an exit code. */
int pub_schema_open(struct pub_schema *schema, const struct cli_target *target);
void pub_schema_close(struct pub_schema *schema);

/* Opens the producer: makes the ring, or takes it over if it has this type and codec. Returns the library's code. */
int pub_schema_publish(const struct pub_schema *schema, const struct cli_target *target,
                       const myl_frame_producer_options *options, myl_typed_producer **producer);

#endif
