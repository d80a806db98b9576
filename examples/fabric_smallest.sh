#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs fabric_smallest: two workers that wait for their scheduler, and the scheduler.
set -eu
program=$MYELON_EXAMPLES/fabric_smallest
label=example-$$

"$program" worker "$label" 0 &
first=$!
"$program" worker "$label" 1 &
second=$!
answers=$("$program" scheduler "$label" 2 | sort)
wait "$first"
wait "$second"
expected="many workers: worker 0 says 12
many workers: worker 1 says 12
one: worker 0 says 3
one: worker 1 says 3
scheduler: worker 0 says 9
scheduler: worker 1 says 9"
[ "$answers" = "$expected" ] || {
    printf 'unexpected:\n%s\n' "$answers" >&2
    exit 1
}
