#!/bin/sh
# SPDX-License-Identifier: MIT
# The functions declared MYL_API in the headers, the symbol list src/libmyelon.map, and what the library exports are the
# same: check-symbols.sh LIBRARY.
set -eu
cd "$(dirname "$0")/.."
[ $# -eq 1 ] || {
    echo "usage: check-symbols.sh LIBRARY" >&2
    exit 2
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Declarations may take several lines; comments and the definition of MYL_API itself do not count.
cat include/myelon/*.h | sed -e 's|/\*[^*]*\*/||g' -e '/^[[:space:]]*#/d' | tr '\n' ' ' |
    grep -oE 'MYL_API [^;{}]*;' | sed -E 's/^[^(]*[^A-Za-z0-9_(]([a-z][a-z0-9_]*)[[:space:]]*\(.*/\1/' |
    grep -v '^_' | LC_ALL=C sort >"$work/headers"
sed -n 's/^    \(myl_[a-z0-9_]*\);$/\1/p' src/libmyelon.map >"$work/map.unsorted"
LC_ALL=C sort "$work/map.unsorted" >"$work/map"
nm -D --defined-only "$1" | awk '$2 ~ /[TDBRVWi]/ { sub(/@.*/, "", $3); print $3 }' | grep -v '^MYELON_' |
    grep -vE '^(__(asan|ubsan|tsan|odr_asan)|__bss_start|_edata|_end)' | LC_ALL=C sort >"$work/library" || true

failed=0
compare() { # compare FILE-A NAME-A FILE-B NAME-B
    for symbol in $(LC_ALL=C comm -23 "$work/$1" "$work/$3"); do
        echo "$symbol is in $2, but not in $4"
        failed=1
    done
}
compare headers "the headers" map src/libmyelon.map
compare map src/libmyelon.map headers "the headers"
compare map src/libmyelon.map library "$1"
compare library "$1" map src/libmyelon.map
cmp -s "$work/map" "$work/map.unsorted" || {
    echo "src/libmyelon.map is not in alphabetical order"
    failed=1
}
[ -s "$work/headers" ] || {
    echo "no MYL_API function found: the check looks in the wrong place"
    failed=1
}
echo "$(wc -l <"$work/library") symbols exported"
exit "$failed"
