#!/bin/sh
# SPDX-License-Identifier: MIT
# What the tests reach: builds with gcov into build/coverage, runs the tests of the library, prints a table per folder, and
# writes build/coverage/html. coverage.sh [JOBS]. A process that is killed reports nothing of what it did.
set -eu
cd "$(dirname "$0")/.."
jobs=${1:-2}
build=build/coverage
mkdir -p "$build"
cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Debug -DMYELON_BUILD_BENCH=OFF -DMYELON_BUILD_EXAMPLES=OFF \
    -DCMAKE_C_FLAGS="--coverage -O1 -fprofile-update=atomic -DMYL_TEST_COVERAGE" >"$build/configure.log" || { cat "$build/configure.log"; exit 1; }
cmake --build "$build" --parallel "$jobs" >"$build/build.log" 2>&1 || { tail -n 30 "$build/build.log"; exit 1; }
find "$build" -name '*.gcda' -delete
failed=0
ctest --test-dir "$build" --output-on-failure --parallel "$jobs" -L '^(unit|process|threads|fault|cli|crash|fuzz)$' || failed=1

mkdir -p "$build/html"
gcovr --root . --filter 'src/' --filter 'include/' --object-directory "$build" --exclude-throw-branches \
    --gcov-ignore-parse-errors --csv "$build/coverage.csv" --html-details "$build/html/index.html" \
    --txt "$build/coverage.txt" --json-summary "$build/coverage.json" >/dev/null
printf '\n%-16s %8s %8s %7s   %8s %7s\n' folder lines reached '%' branches '%'
awk -F, '
    NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
    {
        folder = $column["filename"]
        sub("/[^/]*$", "", folder)
        lines[folder] += $column["line_total"]; reached[folder] += $column["line_covered"]
        branches[folder] += $column["branch_total"]; taken[folder] += $column["branch_covered"]
        lines["all"] += $column["line_total"]; reached["all"] += $column["line_covered"]
        branches["all"] += $column["branch_total"]; taken["all"] += $column["branch_covered"]
    }
    END {
        for (f in lines)
            printf "%-16s %8d %8d %6.1f%%   %8d %6.1f%%\n", f, lines[f], reached[f],
                lines[f] ? 100 * reached[f] / lines[f] : 0, branches[f], branches[f] ? 100 * taken[f] / branches[f] : 0
    }' "$build/coverage.csv" | sort
echo "Line by line: $build/html/index.html"
exit "$failed"
