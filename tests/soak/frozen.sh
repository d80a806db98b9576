#!/bin/sh
# SPDX-License-Identifier: MIT
# The tests, on a machine that stands still again and again: frozen.sh BUILD MINUTES [CTEST ARGUMENT...]. The kernel's
# freezer stops all of their processes at once, for 5 to 65 ms mostly and up to half a second sometimes, as a host does
# with a guest; no clock waits for them meanwhile. A test that fails here, and not otherwise, takes time for granted.
# Needs root, and a control group of version 1 or 2. Status 0: no test failed.
set -eu
build=${1:?usage: frozen.sh BUILD MINUTES}
minutes=${2:?usage: frozen.sh BUILD MINUTES}
shift 2

# The group, the file that freezes it, and what to write there.
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
    echo "frozen: no control group can be made here that freezes; run it as root, with /sys/fs/cgroup mounted" >&2
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
        # shellcheck disable=SC2046 # three numbers
        set -- $(od -An -N6 -tu2 /dev/urandom)
        stand=$(($2 % 10 == 0 ? 200 + $3 % 300 : 5 + $3 % 60))
        sleep "$(printf '0.%03d' $((50 + $1 % 900)))"
        echo $freeze >"$switch"
        sleep "$(printf '0.%03d' $stand)"
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
    # shellcheck disable=SC2016 # the inner shell's
    sh -c 'echo $$ >"$0" && exec "$@"' "$group/cgroup.procs" \
        ctest --test-dir "$build" --output-on-failure --no-tests=error --parallel 3 "$@" >"$log" 2>&1 || {
        failed=$((failed + 1))
        cat "$log"
    }
    echo "round $rounds: $(grep 'tests passed' "$log" || echo "no summary")"
done
echo "frozen: $rounds rounds, $failed with failures"
[ "$failed" -eq 0 ]
