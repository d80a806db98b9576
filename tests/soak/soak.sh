#!/bin/sh
# SPDX-License-Identifier: MIT
# Everything at once, for as long as one likes: soak.sh BUILD MINUTES. Two storms (tests/crash/storm_test.c: kills, stops,
# takeovers, full rings, slow consumers, observers, packed cells, each with rings and a seed of its own) side by side, and
# beside them, again and again, the tests of joining and leaving, of files and memfds, of endings, of parking, and those of
# messages and lanes between processes, whose writers die. Every 10 s, and at the end, the account. Status 0: nothing lost,
# repeated, left behind or failed.
set -eu
build=${1:?usage: soak.sh BUILD MINUTES}
minutes=${2:?usage: soak.sh BUILD MINUTES}
MYL_TEST_SOURCE_DIR=$(cd "$(dirname "$0")/../.." && pwd)
MYL_TEST_BINARY_DIR=$(cd "$build" && pwd)
export MYL_TEST_SOURCE_DIR MYL_TEST_BINARY_DIR
check=$build/tests/support/leakcheck
others="process/seat process/descriptor process/end process/deaths process/park unit/join unit/observer unit/ring
    process/frame process/fragment process/lanes crash/frame_kill crash/lanes crash/frame_observer"
turn_kills=1500
end=$(($(date +%s) + minutes * 60))
logs=$(mktemp -d)
workers=
trap 'for worker in $workers; do kill "$worker" 2>/dev/null || true; done; wait; rm -rf "$logs"' EXIT
trap 'exit 130' INT TERM
before=$(find /dev/shm -name 'myl-test-*' | wc -l)

# Runs one test program under the leak checker; what it printed on failure is kept.
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

# The sum of all accounts so far.
account() {
    touch "$logs/all" "$logs/failed" "$logs/turns"
    awk -v turns="$(wc -l <"$logs/turns")" -v failed="$(grep -c '^FAILED' "$logs/failed" || true)" '
        / kills, .* stops, .* takeovers, / { kills += $1; stops += $3; takeovers += $5; messages += $7 }
        / handled by consumers / { handled += $1; gsub(/[(]/, "", $5); again += $5; observed += $(NF - 2) }
        /^lost: / {
            gsub(/,/, "")
            lost += $2; beyond += $7
            for (i = 1; i <= NF; i++) if ($i == "calm:" && $(i + 1) > stall) stall = $(i + 1)
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
    account || true
done
echo "The time is over; waiting for the turns under way."
# shellcheck disable=SC2086 # a list of process ids
wait $workers
workers=
echo
account && status=0 || status=1
cat "$logs/failed"
left=$(($(find /dev/shm -name 'myl-test-*' | wc -l) - before))
echo "entries in /dev/shm, compared with the beginning: $left"
[ "$left" -le 0 ] || status=1
[ "$status" -eq 0 ] && echo "soak: passed" || echo "soak: FAILED"
exit "$status"
