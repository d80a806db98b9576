#!/bin/sh
# SPDX-License-Identifier: MIT
# gcc's -fanalyzer over the library, both layers over the operating system. Nothing is suppressed: what it cannot follow is
# written so that it can.
set -eu
cd "$(dirname "$0")/.."
if ! gcc --version >/dev/null 2>&1; then
    echo "analyzer: no gcc here: not checked"
    exit 77
fi
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
found=$(mktemp)
trap 'rm -f "$found"' EXIT
# shellcheck disable=SC2016 # the inner shell expands
{
    printf '%s linux\n' src/*.c src/*/*.c src/os/linux/*.c
    printf '%s posix\n' src/os/posix/*.c
} | grep -v '[*]' | xargs -P "$jobs" -L 1 sh -c '
    define=
    [ "$2" = linux ] || define=-DMYL_OS_POSIX=1
    gcc -std=c11 -D_GNU_SOURCE= $define -O2 -Iinclude -Isrc -Wall -fanalyzer -c -o /dev/null "$1" 2>&1' sh >"$found" ||
    true
if grep -qE 'warning:|error:' "$found"; then
    cat "$found"
    echo "analyzer: $(grep -cE 'warning:|error:' "$found") findings"
    exit 1
fi
echo "analyzer: $(find src -name '*.c' | wc -l) files, nothing found"
