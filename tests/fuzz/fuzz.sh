#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the libFuzzer targets for a given time: fuzz.sh BUILD-DIRECTORY MINUTES [TARGET...]. The targets share the
# minutes. New interesting inputs stay in BUILD-DIRECTORY/corpus. A finding stays in BUILD-DIRECTORY/findings, and the
# exit status is 1. With MYL_FUZZ_SEED and the same corpus the run is repeatable.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$1
minutes=$2
shift 2

programs=$build/tests/fuzz
# shellcheck disable=SC2046 # names without spaces
[ $# -gt 0 ] || set -- $(ls tests/fuzz/corpus)
for target in "$@"; do
    if [ ! -x "$programs/$target" ] || [ ! -d "tests/fuzz/corpus/$target" ]; then
        echo "There is no fuzz target \"$target\". There are: $(cd tests/fuzz/corpus && echo *)" >&2
        exit 2
    fi
done
seconds=$(echo "$minutes $#" | awk '{ s = $1 * 60 / $2; printf "%d", s < 1 ? 1 : s }')
case $seconds in '' | *[!0-9]*) echo "\"$minutes\" is not a number of minutes" >&2 && exit 2 ;; esac

# A directory of the targets in place of /dev/shm. Removed here, because a crash leaves it.
MYL_FUZZ_DIRECTORY=$(mktemp -d "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)/myl-fuzz-XXXXXX") || exit 1
export MYL_FUZZ_DIRECTORY
trap 'rm -rf "$MYL_FUZZ_DIRECTORY"' EXIT
trap 'exit 1' HUP INT TERM

number() {
    sed -n "s/^stat::$1: *//p" "$log" | tail -n 1
}

mkdir -p "$build/findings"
found=0
printf '%-8s %8s %12s %8s %9s %9s  %s\n' target seconds executions "per s" coverage features findings
for target in "$@"; do
    mkdir -p "$build/corpus/$target"
    log=$build/$target.log
    before=$(find "$build/findings" -name "$target-*" | wc -l)
    # Looking up symbols takes long; findings are replayed with them.
    ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:allocator_may_return_null=1} "$programs/$target" \
        ${MYL_FUZZ_SEED:+-seed="$MYL_FUZZ_SEED"} -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=1024 \
        -print_final_stats=1 -artifact_prefix="$build/findings/$target-" \
        "$build/corpus/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1
    status=$?
    find "$MYL_FUZZ_DIRECTORY" -mindepth 1 -delete # files left by a crash must not become a finding of the next target
    new=$(($(find "$build/findings" -name "$target-*" | wc -l) - before))
    printf '%-8s %8s %12s %8s %9s %9s  %s\n' "$target" "$seconds" "$(number number_of_executed_units)" \
        "$(number average_exec_per_sec)" "$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)" \
        "$(sed -n 's/.* ft: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)" "$new"
    [ "$status" -ne 0 ] || continue
    found=1
    grep -E -A 12 '^finding:|ERROR: |runtime error|SUMMARY' "$log" | head -n 30 | sed 's/^/    /'
    find "$build/findings" -name "$target-*" -newer "$build/corpus/$target" | head -n 3 |
        sed "s|^|    replay: $programs/$target |"
    echo "    log: $log"
done
exit "$found"
