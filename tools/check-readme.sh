#!/bin/sh
# SPDX-License-Identifier: MIT
# The programs shown in README.md are those in examples/: a C block that follows a line <!-- examples/NAME.c --> is the
# same as that file, and every C block has such a line. Local links of README.md and docs/ lead to files that exist.
set -eu
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

awk -v work="$work" '
    /^<!-- examples\/.*\.c -->$/ { file = $2; next }
    /^```c$/ {
        if (file == "") { print "README.md:" FNR ": a C block that names no file of examples/"; bad = 1; file = "nameless" }
        inside = 1
        out = file
        gsub(/\//, "_", out)
        print file > (work "/list")
        printf "" > (work "/" out)
        next
    }
    /^```$/ && inside { inside = 0; file = ""; next }
    inside { print > (work "/" out) }
    END { exit bad }' README.md || bad=1

[ -s "$work/list" ] || { echo "README.md shows no program" && exit 1; }
while read -r file; do
    if [ ! -f "$file" ]; then
        echo "README.md shows $file, which does not exist"
        bad=1
    elif ! diff -u --label README.md --label "$file" "$work/$(echo "$file" | tr / _)" "$file"; then
        bad=1
    fi
done <"$work/list"

for page in README.md docs/*.md; do
    grep -oE '\]\([^)#:]+(#[^)]*)?\)' "$page" | sed -E 's/^\]\(//; s/(#.*)?\)$//' >"$work/links" || true
    while read -r link; do
        [ -e "$(dirname "$page")/$link" ] || { echo "$page: the link to $link leads nowhere" && bad=1; }
    done <"$work/links"
done
exit $bad
