#!/bin/sh
# SPDX-License-Identifier: MIT
# Every row of the tables "What happens if X dies or stalls" of docs/liveness.md and "Deaths" of docs/fabric.md names its
# tests, as `folder.name/test_function`, and each of them exists.
set -eu
cd "$(dirname "$0")/.."

# Every row's line number and tests.
# shellcheck disable=SC2016 # the program is awk's
rows=$(awk '
    /^## / { inside = $0 ~ /^## (What happens if X dies or stalls|Deaths)/ }
    inside && /^\|/ && !/^\| Participant / && !/^\|---/ {
        cells = split($0, cell, "|")
        gsub(/`/, "", cell[cells - 1])
        print FILENAME ":" FNR, cell[cells - 1]
    }' docs/liveness.md docs/fabric.md)
[ -n "$rows" ] || {
    echo "the tables of deaths and stalls are missing"
    exit 1
}

printf '%s\n' "$rows" | {
    bad=0
    count=0
    while read -r line tests; do
        count=$((count + 1))
        [ -n "$tests" ] || {
            echo "$line: a row without a test"
            bad=$((bad + 1))
        }
        for test in $tests; do
            file=tests/$(echo "${test%%/*}" | tr . /)_test.c
            # The test exists, and main runs it.
            if ! grep -qs "^static void ${test#*/}(" "$file" || ! grep -v '^static' "$file" | grep -qw "${test#*/}"; then
                echo "$line: there is no test $test"
                bad=$((bad + 1))
            fi
        done
    done
    echo "$count rows, $bad problems"
    [ "$bad" -eq 0 ]
}
