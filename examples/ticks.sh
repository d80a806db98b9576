#!/bin/sh
# SPDX-License-Identifier: MIT
# Producer, consumer and observer, each a process; then producer and runner. The consumers must get every tick; the
# observer must count every one that it lost.
set -eu
ring=example-ticks-$$
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
failed=0

"$MYELON_EXAMPLES/observer" "$ring" >"$out/observer" &
observer=$!
"$MYELON_EXAMPLES/producer" "$ring" &
producer=$!
# The producer waits for a consumer, so the observer finds the ring before the stream can end.
tries=0
until grep -q observing "$out/observer"; do
    tries=$((tries + 1))
    [ "$tries" -lt 500 ] || { echo "the observer does not find the ring" && exit 1; }
    sleep 0.02
done
"$MYELON_EXAMPLES/consumer" "$ring" >"$out/consumer" || failed=1
wait "$producer" || failed=1
wait "$observer" || failed=1

"$MYELON_EXAMPLES/producer" "$ring" &
producer=$!
"$MYELON_EXAMPLES/runner" "$ring" >"$out/runner" || failed=1
wait "$producer" || failed=1

cat "$out/consumer" "$out/observer" "$out/runner"
grep -q '^1000000 ticks, sum 49500000;' "$out/consumer" || failed=1
grep -q '^1000000 ticks, sum 49500000,' "$out/runner" || failed=1
exit $failed
