#!/bin/sh
# SPDX-License-Identifier: MIT
# clang-tidy (.clang-tidy) over the library and the command: check-tidy.sh BUILD-DIRECTORY (made with
# CMAKE_EXPORT_COMPILE_COMMANDS). MYL_TIDY_NODES limits the states that the analyzer visits in one function; without it
# the limit is clang's own, 225000.
set -eu
cd "$(dirname "$0")/.."
if [ $# -ne 1 ] || [ ! -f "$1/compile_commands.json" ]; then
    echo "usage: check-tidy.sh BUILD-DIRECTORY (one that has a compile_commands.json)" >&2
    exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Each file once, in the build that users get: the step build would double the work, and clang-tidy 14 takes a va_list
# for uninitialized when it has analysed another translation unit before.
awk -v root="$(pwd)" '
    /^\{/ { entry = ""; take = 0 }
    { entry = entry (entry == "" ? "" : "\n") $0 }
    /"file":/ { take = index($0, "\"" root "/src/") || index($0, "\"" root "/cli/") }
    /^\}/ {
        sub(/,$/, "", entry)
        if (take && entry !~ /-DMYL_TEST_STEPS/) { printf "%s%s", n++ ? ",\n" : "[\n", entry }
    }
    END { print "\n]" }' "$1/compile_commands.json" >"$work/compile_commands.json"
sed -n 's/^ *"file": "\(.*\)",*$/\1/p' "$work/compile_commands.json" | sort -u >"$work/files"
[ -s "$work/files" ] || {
    echo "no source found in $1/compile_commands.json"
    exit 1
}

set --
[ -z "${MYL_TIDY_NODES:-}" ] || for word in -Xclang -analyzer-config -Xclang "max-nodes=$MYL_TIDY_NODES"; do
    set -- "$@" "--extra-arg=$word"
done
if ! xargs -P "$(getconf _NPROCESSORS_ONLN)" -n 1 clang-tidy --quiet -p "$work" --warnings-as-errors='*' "$@" \
    <"$work/files" >"$work/log" 2>&1; then
    grep -vE '^[0-9]+ warnings? |^Suppressed|^Use -header-filter' "$work/log" || true
    exit 1
fi
echo "clang-tidy: no findings in $(wc -l <"$work/files") files"
