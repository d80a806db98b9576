#!/bin/sh
# SPDX-License-Identifier: MIT
# Tests that the leak checker fails each kind of leak. Usage: selftest.sh LEAKCHECK.
set -u
leakcheck=$1
failed=0

# expect STATUS WHAT LEAKCHECK-ARGUMENT...: runs the leak checker, which must end with STATUS.
expect() {
    status=$1 what=$2
    shift 2
    "$leakcheck" "$@" >/dev/null 2>&1
    got=$?
    if [ "$got" -ne "$status" ]; then
        echo "$what: status $got, not $status"
        failed=1
    fi
}

# shellcheck disable=SC2016 # the variables are the inner shell's
{
    expect 0 "a clean test" sh -c 'exit 0'
    expect 3 "a failing test" sh -c 'exit 3'
    expect 77 "a skipped test" sh -c 'exit 77'
    expect 137 "a test that is killed" sh -c 'kill -KILL $$'
    expect 0 "a file that is removed again" sh -c 'f=$MYL_TEST_DIR/x; : >"$f"; rm "$f"'
    expect 125 "a file left behind" sh -c ': >"$MYL_TEST_DIR/x"'
    expect 124 "a test without end" --timeout 1 sh -c 'while :; do :; done'
    expect 125 "a process left running" sh -c 'sleep 300 & exit 0'
    expect 126 "no such program" ./there-is-no-such-program
    if [ -d /dev/shm ]; then
        expect 125 "a segment left behind" sh -c ': >"/dev/shm/myl-test-$MYL_TEST_TAG-x"'
        expect 125 "a temporary segment left behind" sh -c ': >"/dev/shm/x.myl-test-$MYL_TEST_TAG-x.tmp"'
        mine=/dev/shm/myl-test-$$0000000-other
        : >"$mine"
        expect 0 "a segment of somebody else" sh -c 'exit 0'
        [ -e "$mine" ] || {
            echo "the segment of somebody else is gone"
            failed=1
        }
        rm -f "$mine"
    fi
    if command -v setsid >/dev/null 2>&1 && [ "$(uname)" = Linux ]; then
        expect 125 "a daemon left running" sh -c 'setsid sleep 300 & exit 0'
    fi
}
left=$(find /dev/shm "${TMPDIR:-/tmp}" -maxdepth 1 -name "*myl-test-$$*" 2>/dev/null)
[ -z "$left" ] || {
    echo "left: $left"
    failed=1
}
exit "$failed"
