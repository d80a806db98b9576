#!/bin/sh
# SPDX-License-Identifier: MIT
# Compares the C files with what clang-format would make of them: check-format.sh [--fix] [FILE...]. White space before
# a trailing comment or a continuation mark, and inside a #define, is the writer's: this version of clang-format cannot
# leave it alone, so it does not count here and --fix keeps it. Lines longer than 120 columns are named too: clang-format
# does not touch comments.
set -eu
cd "$(dirname "$0")/.."

fix=0
if [ "${1:-}" = --fix ]; then
    fix=1
    shift
fi
# shellcheck disable=SC2046 # no file of ours has a space in its name
[ $# -gt 0 ] || set -- $(git ls-files -- "*.c" "*.h" "*.cc" "*.cpp")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

normal() {
    sed -E -e 's/[[:space:]]+(\/\*|\/\/)/ \1/' -e 's/[[:space:]]+\\$/ \\/' \
        -e '/^[[:space:]]*#[[:space:]]*define/s/[[:space:]]+/ /g' -- "$1"
}

# Writes file $1 with the hunks of normal diff $3 taken from the formatted file $2, the rest as it is.
merge() {
    awk -v original="$1" -v formatted="$2" '
        function copy_to(last) { while (at < last && (getline line < original) > 0) { at++; print line } }
        function skip_to(last) { while (at < last && (getline line < original) > 0) at++ }
        function take(first, last) {
            while (to < last && (getline line < formatted) > 0) { to++; if (to >= first) print line }
        }
        /^[0-9]/ {
            match($0, /[acd]/)
            kind = substr($0, RSTART, 1)
            n = split(substr($0, 1, RSTART - 1), from, ",")
            m = split(substr($0, RSTART + 1), into, ",")
            copy_to(kind == "a" ? from[1] : from[1] - 1)
            if (kind != "a") skip_to(from[n])
            if (kind != "d") take(into[1], into[m])
        }
        END { while ((getline line < original) > 0) print line }' "$3"
}

bad=0
for file in "$@"; do
    [ -f "$file" ] || continue
    wide=$(awk 'length($0) > 120 { print FILENAME ":" FNR ": " length($0) " columns, at most 120" }' "$file")
    if [ -n "$wide" ] && [ "$fix" -eq 0 ]; then
        echo "$wide"
        bad=$((bad + 1))
    fi
    clang-format --style=file -- "$file" >"$work/formatted"
    normal "$file" >"$work/a"
    normal "$work/formatted" >"$work/b"
    cmp -s "$work/a" "$work/b" && continue
    if [ "$fix" -eq 1 ]; then
        diff "$work/a" "$work/b" >"$work/diff" || true
        merge "$file" "$work/formatted" "$work/diff" >"$work/merged"
        cat "$work/merged" >"$file"
        echo "formatted $file"
    else
        diff -u --label "$file" --label "$file, formatted" "$work/a" "$work/b" || true
        bad=$((bad + 1))
    fi
done
[ "$bad" -eq 0 ] || {
    echo "$bad findings: tools/check-format.sh --fix FILE mends one"
    exit 1
}
