#!/bin/sh
# SPDX-License-Identifier: MIT
# clang-tidy (.clang-tidy) over the library and the command: check-tidy.sh BUILD-DIRECTORY (made with
# CMAKE_EXPORT_COMPILE_COMMANDS).
set -eu
cd "$(dirname "$0")/.."
if [ $# -ne 1 ] || [ ! -f "$1/compile_commands.json" ]; then
    echo "usage: check-tidy.sh BUILD-DIRECTORY (one that has a compile_commands.json)" >&2
    exit 2
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
files=$(sed -n 's/^ *"file": "\(.*\)",*$/\1/p' "$1/compile_commands.json" | grep -E "^$(pwd)/(src|cli)/" | sort -u)
# Two commands per file (shared with the step build) would be two runs; a list of names has each once.
if ! printf '%s\n' "$files" | xargs -P "$(getconf _NPROCESSORS_ONLN)" -n 2 \
    clang-tidy --quiet -p "$1" --warnings-as-errors='*' >"$log" 2>&1; then
    grep -vE '^[0-9]+ warnings? generated|^Suppressed|^Use -header-filter' "$log" || true
    exit 1
fi
echo "clang-tidy: no findings in $(printf '%s\n' "$files" | wc -l) files"
