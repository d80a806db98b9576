#!/bin/sh
# SPDX-License-Identifier: MIT
# Rewrites C and C++ sources from the names of myelon 0.1 to those of 0.2, by the table port-0.2.tsv beside it:
# port-0.2.sh [--dry-run] [--text] FILE...
#   --dry-run  prints what would change, as FILE:LINE: old -> new, and writes nothing
#   --text     renames calls, types and constants in comments and strings too
# Only whole identifiers change. A member changes only if the type of its structure is known within the file; what cannot
# be decided is printed as "FILE:LINE: by hand: ...". A second run changes nothing.
# Exit status: 0: done; 1: places are left to be done by hand; 2: wrong use, or a file that cannot be read or written.
set -eu

here=$(dirname "$0")
usage() {
    echo "usage: port-0.2.sh [--dry-run] [--text] FILE..." >&2
    exit 2
}

dry=0
text=0
while [ $# -gt 0 ]; do
    case $1 in
        --dry-run) dry=1 ;;
        --text) text=1 ;;
        --) shift && break ;;
        -*) usage ;;
        *) break ;;
    esac
    shift
done
[ $# -gt 0 ] || usage
for file in "$@"; do
    { [ -f "$file" ] && [ -r "$file" ]; } || {
        echo "port-0.2.sh: $file: not a file that can be read" >&2
        exit 2
    }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
for file in "$@"; do
    [ -s "$file" ] || continue
    eol=1
    [ -z "$(tail -c 1 "$file")" ] || eol=0
    LC_ALL=C awk -v out="$work/out" -v text="$text" -v name="$file" -v eol="$eol" -f "$here/port-0.2.awk" \
        "$here/port-0.2.tsv" - <"$file" >"$work/report" || {
        cat "$work/report" >&2
        exit 2
    }
    if [ "$dry" -eq 1 ]; then
        cat "$work/report"
    else
        grep ': by hand: ' "$work/report" || true
        cmp -s "$work/out" "$file" || cat "$work/out" >"$file" || exit 2
    fi
    ! grep -q ': by hand: ' "$work/report" || status=1
done
exit "$status"
