#!/bin/sh
# SPDX-License-Identifier: MIT
# Every ctest test has a time limit of at least ten times its quiet time (tests/quiet-seconds.txt) and of at least ten
# minutes, and every single wait one of a minute: check-limits.sh BUILD. With --measured it prints instead what the tests took in the last run of that build,
# the slowest first; on a quiet machine these are the quiet times.
set -eu
cd "$(dirname "$0")/.."
build=${1:?usage: check-limits.sh BUILD [--measured]}
least=600

if [ "${2:-}" = --measured ]; then
    sed '/^---/,$d' "$build/Testing/Temporary/CTestCostData.txt" | awk '$2 > 0 { print $3, $1 }' | sort -rn
    exit
fi

work=$(mktemp)
trap 'rm -f "$work"' EXIT
find "$build" -name CTestTestfile.cmake -exec cat {} + >"$work"
awk -v least="$least" '
    function complain(text) { print text; bad = 1 }
    FILENAME != ARGV[1] {
        if ($0 ~ /^[a-z]/) {
            if (NF != 2 || $2 !~ /^[0-9]+$/) complain(FILENAME ":" FNR ": not NAME SECONDS")
            quiet[$1] = $2
        }
        next
    }
    /^add_test\(/ {
        name = $0
        sub(/^add_test\((\[=*\[)?/, "", name)
        sub(/[] ].*/, "", name)
        tests[name] = ""
        if (match($0, /"--timeout" "[0-9]+"/)) {
            inner = substr($0, RSTART + 13, RLENGTH - 14)
            own[name] = inner
        }
    }
    /^set_tests_properties\(/ && match($0, / TIMEOUT "[0-9.]+"/) {
        limit = substr($0, RSTART + 10, RLENGTH - 11)
        name = $0
        sub(/^set_tests_properties\((\[=*\[)?/, "", name)
        sub(/[] ].*/, "", name)
        tests[name] = limit
    }
    END {
        for (name in tests) {
            count++
            wanted = name in quiet && 10 * quiet[name] > least ? 10 * quiet[name] : least
            if (tests[name] == "") complain(name " has no TIMEOUT")
            else if (tests[name] + 0 < wanted)
                complain(name ": a TIMEOUT of " tests[name] " s is less than " wanted " s")
            if (name in own && own[name] + 0 < wanted)
                complain(name ": the leak checker gives it " own[name] " s, which is less than " wanted " s")
        }
        for (name in quiet)
            if (!(name in tests) && !(name ~ /^(sim|fault|crash)\./))
                complain("tests/quiet-seconds.txt lists " name ", which is no test of this build")
        if (!count) complain("no tests in this build")
        exit bad
    }' "$work" tests/quiet-seconds.txt

# The limits inside: what is waited for comes at once on a quiet machine.
inner() { # FILE PATTERN LEAST UNIT
    found=$(sed -n "s/$2/\\1/p" "$1" | head -n 1)
    if [ "${found:-0}" -lt "$3" ]; then
        echo "$1: the limit of a single wait is \"$found\", which is less than $3 $4"
        exit 1
    fi
}
inner tests/support/test.h '^#define TEST_DEADLINE_MS \([0-9]*\) .*' 60000 milliseconds
# shellcheck disable=SC2016 # a pattern
inner tests/cli/lib.sh '.*wait_end=\$((\$(date +%s) + \([0-9]*\))).*' 60 seconds
