# SPDX-License-Identifier: MIT
# Shared by the tests of the command, which source it. Needs MYELON_CLI (the command), MYL_TEST_TAG and
# MYL_TEST_DIR, which tests/support/leakcheck.c sets; sets its own if run by hand.
# shellcheck shell=sh

: "${MYELON_CLI:?the path of the myelon command}"
by_hand=
if [ -z "${MYL_TEST_DIR:-}" ]; then
    by_hand=yes
    MYL_TEST_TAG=$$
    MYL_TEST_DIR=$(mktemp -d)
fi
prefix=myl-test-$MYL_TEST_TAG
dir=$MYL_TEST_DIR
failures=0
LC_ALL=C
export LC_ALL

# A test that fails or is interrupted ends its background commands and removes its rings. One that passes has none left:
# the leak checker finds those that it has.
at_exit() {
    status=$?
    trap - EXIT
    if [ "$status" -ne 0 ]; then
        jobs -p >"$dir/jobs" # by a file: a subshell of dash has no jobs
        # shellcheck disable=SC2046 # one word for each process
        kill -KILL $(cat "$dir/jobs") 2>/dev/null
        wait
        rm -f /dev/shm/"$prefix"*
        rm -rf "${dir:?}"/*
    fi
    [ -z "$by_hand" ] || rm -rf "$dir"
    exit "$status"
}
trap at_exit EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Not for background commands: $! would be the pid of a shell.
myelon() {
    "$MYELON_CLI" "$@"
}

fail() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

# Prints the size of a file, or 0 if it does not exist.
size_of() {
    if [ -f "$1" ]; then wc -c <"$1"; else echo 0; fi
}

# wait_until WHAT COMMAND...: repeats the command until it succeeds. After five minutes fails the test and returns 1.
wait_until() {
    wait_for=$1
    shift
    wait_end=$(($(date +%s) + 300))
    until "$@"; do
        if [ "$(date +%s)" -gt "$wait_end" ]; then
            fail "waited 300 s for: $wait_for"
            return 1
        fi
        sleep 0.01
    done
}

reached() { # FILE BYTES
    [ "$(size_of "$1")" -ge "$2" ]
}

has_line() { # FILE TEXT
    grep -q -e "$2" "$1" 2>/dev/null
}

ring_exists() { # NAME
    myelon inspect "$1" >/dev/null 2>&1
}

# expect STATUS WHAT COMMAND...: runs it with output to $dir/out and $dir/err, and compares its exit status.
expect() {
    want=$1 what=$2
    shift 2
    "$@" >"$dir/out" 2>"$dir/err"
    got=$?
    [ "$got" -eq "$want" ] || {
        fail "$what: status $got, not $want"
        sed 's/^/    /' "$dir/err" >&2
    }
}

# expect_end STATUS WHAT PID [LOG]: waits for a background process and compares its exit status.
expect_end() {
    wait "$3"
    got=$?
    [ "$got" -eq "$1" ] || {
        fail "$2: status $got, not $1"
        [ -z "${4:-}" ] || sed 's/^/    /' "$4" >&2
    }
}

expect_text() { # FILE PATTERN WHAT
    has_line "$1" "$2" || {
        fail "$3: \"$2\" is missing in:"
        sed 's/^/    /' "$1" >&2
    }
}

expect_same() { # FILE FILE WHAT
    cmp -s "$1" "$2" || fail "$3: $1 and $2 differ"
}

# Creates file $1 of $2 bytes that do not repeat.
make_file() {
    head -c "$2" /dev/urandom >"$1"
}

# Ends a test: cleans the directory and exits with the status.
finish() {
    rm -rf "${dir:?}"/*
    [ "$failures" -eq 0 ] || echo "$failures failures" >&2
    [ "$failures" -eq 0 ]
    exit
}
