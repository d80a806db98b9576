#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: frozen.sh BUILD MINUTES [CTEST ARGUMENT...]. Runs the tests while the kernel's freezer repeatedly stops all of
# their processes at once, as a host does with a guest. A stop takes 5 to 65 ms, and one in ten 200 to 500 ms; clocks
# continue meanwhile. A test that fails only here depends on time. Needs root, and a control group of version 1 or 2.
# Exit status 0: no test failed.
set -eu
build=${1:?usage: frozen.sh BUILD MINUTES}
minutes=${2:?usage: frozen.sh BUILD MINUTES}
shift 2

# Makes the control group. Sets the file that freezes it (switch) and the values to write (freeze, thaw).
make_group() {
    for root in /sys/fs/cgroup/freezer /sys/fs/cgroup /sys/fs/cgroup/unified; do
        group=$root/myelon-frozen-$$
        mkdir "$group" 2>/dev/null || continue
        if [ -e "$group/freezer.state" ]; then
            switch=$group/freezer.state freeze=FROZEN thaw=THAWED
            return
        elif [ -e "$group/cgroup.freeze" ]; then
            switch=$group/cgroup.freeze freeze=1 thaw=0
            return
        fi
        rmdir "$group"
    done
    echo "frozen: cannot make a control group with a freezer; run as root, with /sys/fs/cgroup mounted" >&2
    exit 1
}

clean_up() {
    kill "$freezer" 2>/dev/null || true
    wait "$freezer" 2>/dev/null || true
    echo "$thaw" >"$switch"
    while grep -q . "$group/cgroup.procs"; do
        xargs kill -KILL <"$group/cgroup.procs" 2>/dev/null || true
        sleep 0.1
    done
    rmdir "$group"
    rm -f "$log"
}

keep_freezing() {
    while :; do
        # shellcheck disable=SC2046 # three numbers, split on purpose
        set -- $(od -An -N6 -tu2 /dev/urandom)
        duration=$(($2 % 10 == 0 ? 200 + $3 % 300 : 5 + $3 % 60))
        sleep "$(printf '0.%03d' $((50 + $1 % 900)))"
        echo $freeze >"$switch"
        sleep "$(printf '0.%03d' $duration)"
        echo $thaw >"$switch"
    done
}

make_group
log=$(mktemp)
keep_freezing &
freezer=$!
trap clean_up EXIT
trap 'exit 130' INT TERM

end=$(($(date +%s) + minutes * 60))
rounds=0
failed=0
while [ "$(date +%s)" -lt "$end" ]; do
    rounds=$((rounds + 1))
    # shellcheck disable=SC2016 # expanded by the inner shell
    sh -c 'echo $$ >"$0" && exec "$@"' "$group/cgroup.procs" \
        ctest --test-dir "$build" --output-on-failure --no-tests=error --parallel 3 "$@" >"$log" 2>&1 || {
        failed=$((failed + 1))
        cat "$log"
    }
    echo "round $rounds: $(grep 'tests passed' "$log" || echo "no summary")"
done
echo "frozen: $rounds rounds, $failed of them with failed tests"
[ "$failed" -eq 0 ]
