# SPDX-License-Identifier: MIT
# What the tests of the command share; read by them with ".". Wants MYELON_CLI (the command), MYL_TEST_TAG and
# MYL_TEST_DIR, as tests/support/leakcheck.c sets them; makes up its own when run by hand.
# shellcheck shell=sh

: "${MYELON_CLI:?the path of the myelon command}"
if [ -z "${MYL_TEST_DIR:-}" ]; then
    MYL_TEST_TAG=$$
    MYL_TEST_DIR=$(mktemp -d)
    trap 'rm -rf "$MYL_TEST_DIR"' EXIT
fi
# shellcheck disable=SC2034 # for the tests
prefix=myl-test-$MYL_TEST_TAG
dir=$MYL_TEST_DIR
failures=0
LC_ALL=C
export LC_ALL

# Not for the background: there $! would be a shell's, not the command's.
myelon() {
    "$MYELON_CLI" "$@"
}

fail() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

# Prints the size of a file, 0 when there is none.
size_of() {
    if [ -f "$1" ]; then wc -c <"$1"; else echo 0; fi
}

# wait_until WHAT COMMAND...: asks again and again, half a minute at most. Fails the test and returns 1 then.
wait_until() {
    wait_for=$1
    shift
    wait_end=$(($(date +%s) + 30))
    until "$@"; do
        if [ "$(date +%s)" -gt "$wait_end" ]; then
            fail "waited 30 s for: $wait_for"
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

# expect STATUS WHAT COMMAND...: runs it, output to $dir/out and $dir/err, and compares its exit status.
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

# Makes file $1 of $2 bytes that do not repeat.
make_file() {
    head -c "$2" /dev/urandom >"$1"
}

# The last word of a test: nothing in the directory, and the status.
finish() {
    rm -rf "${dir:?}"/*
    [ "$failures" -eq 0 ] || echo "$failures failures" >&2
    [ "$failures" -eq 0 ]
    exit
}
