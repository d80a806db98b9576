#!/bin/sh
# SPDX-License-Identifier: MIT
# Packed batches from one process to another.
set -eu
ring=example-packed-$$
"$MYELON_EXAMPLES/packed" produce "$ring" &
producer=$!
"$MYELON_EXAMPLES/packed" consume "$ring"
wait "$producer"
