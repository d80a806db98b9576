#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: soak.sh BUILD MINUTES. Runs two storm tests at the same time, repeatedly, each with its own rings and seed
# (tests/crash/storm_test.c: kills, stops, takeovers, full rings, slow consumers, observers, packed cells). At the same
# time runs the tests of $others in turn: join and leave, files and memfds, end of stream, parking, messages and lanes
# between processes whose producers die. Prints a report every 10 s and at the end. Exit status 0: no event was lost or
# repeated beyond leases, no object was left, and no test failed.
set -eu
build=${1:?usage: soak.sh BUILD MINUTES}
minutes=${2:?usage: soak.sh BUILD MINUTES}
MYL_TEST_SOURCE_DIR=$(cd "$(dirname "$0")/../.." && pwd)
MYL_TEST_BINARY_DIR=$(cd "$build" && pwd)
export MYL_TEST_SOURCE_DIR MYL_TEST_BINARY_DIR
check=$build/tests/support/leakcheck
others="process/lock process/descriptor process/end process/deaths process/park unit/join unit/observer unit/ring
    process/frame process/fragment process/lanes crash/frame_kill crash/lanes crash/frame_observer"
turn_kills=1500
end=$(($(date +%s) + minutes * 60))
logs=$(mktemp -d)
workers=
trap 'for worker in $workers; do kill "$worker" 2>/dev/null || true; done; wait; rm -rf "$logs"' EXIT
trap 'exit 130' INT TERM
before=$(find /dev/shm -name 'myl-test-*' | wc -l)

# Runs one test program under the leak checker. Appends its output to `all`, or the end of it to `failed`.
run_one() {
    log=$logs/$1.out
    shift
    if "$check" --timeout 240 "$@" >"$log" 2>&1; then
        cat "$log" >>"$logs/all"
    else
        { echo "FAILED: $*"; tail -n 40 "$log"; } >>"$logs/failed"
        sleep 1
    fi
}

storm() {
    while [ "$(date +%s)" -lt "$end" ]; do
        MYL_STORM_KILLS=$turn_kills run_one "storm$1" "$build/tests/crash/storm_test"
    done
}

rest() {
    while [ "$(date +%s)" -lt "$end" ]; do
        for test in $others; do
            [ ! -x "$build/tests/${test}_test" ] || run_one rest "$build/tests/${test}_test"
            echo turn >>"$logs/turns"
        done
    done
}

# Prints the sums over the reports of all storm tests so far.
report() {
    touch "$logs/all" "$logs/failed" "$logs/turns"
    awk -v turns="$(wc -l <"$logs/turns")" -v failed="$(grep -c '^FAILED' "$logs/failed" || true)" '
        / kills, .* stops, .* takeovers, / { kills += $1; stops += $3; takeovers += $5; messages += $7 }
        / handled by consumers / { handled += $1; gsub(/[(]/, "", $5); again += $5; observed += $(NF - 2) }
        /^lost: / {
            gsub(/,/, "")
            lost += $2; beyond += $7
            for (i = 1; i <= NF; i++) if ($i == "stall:" && $(i + 1) > stall) stall = $(i + 1)
            left += $NF
        }
        END {
            printf "messages %d, handled %d, observed %d; kills %d, stops %d, takeovers %d; ", messages, handled,
                observed, kills, stops, takeovers
            printf "lost %d, repeated beyond leases %d, again within leases %d; longest stall %.1f ms; ", lost, beyond,
                again, stall
            printf "segments left %d; other tests %d; failed %d\n", left, turns, failed
            exit lost != 0 || beyond != 0 || left != 0 || failed != 0 || kills == 0
        }' "$logs/all"
}

for worker in 1 2; do
    storm "$worker" &
    workers="$workers $!"
done
rest &
workers="$workers $!"
began=$(date +%s)
while [ "$(date +%s)" -lt "$end" ]; do
    sleep 10
    printf '%5d s: ' $(($(date +%s) - began))
    report || true
done
echo "Time is over; waiting for the running tests."
# shellcheck disable=SC2086 # a list of process ids
wait $workers
workers=
echo
report && status=0 || status=1
cat "$logs/failed"
left=$(($(find /dev/shm -name 'myl-test-*' | wc -l) - before))
echo "entries in /dev/shm that were left: $left"
[ "$left" -le 0 ] || status=1
[ "$status" -eq 0 ] && echo "soak: passed" || echo "soak: FAILED"
exit "$status"
