#!/bin/sh
# SPDX-License-Identifier: MIT
# Every public function has a page in section 3, every cross reference leads to a page, and no page has a warning: mandoc
# reads them, or man where there is no mandoc. The pages are made here, from the headers of the tree.
set -eu
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
tools/man3.sh "$work/man3"

# Not the parser of the pages: what one of two overlooks the other sees.
functions=$(cat include/myelon/*.h | sed -e '/^[[:space:]]*#/d' | tr '\n' ' ' | sed -E 's|/\*([^*]\|\*+[^*/])*\*+/||g' |
    grep -oE 'MYL_API(_INLINE)? [^;{}]*[;{]' | sed -E 's/^[^(]*[^A-Za-z0-9_(]([a-z][a-z0-9_]*)[[:space:]]*\(.*/\1/' |
    grep -v -e '^_' -e '^myl_i_' | LC_ALL=C sort -u)
count=0
for function in $functions; do
    count=$((count + 1))
    page=$work/man3/$function.3
    [ ! -f "$page" ] || page=$work/$(sed -n 's/^\.so //p' "$page")
    if [ ! -f "$page" ] || ! grep -q "^\.Fo $function\$" "$page"; then
        echo "$function has no page"
        failed=1
    fi
done
[ "$count" -ne 0 ] || {
    echo "no public function found: the check looks in the wrong place"
    failed=1
}

sed -n 's/^\.\(It \)\{0,1\}Xr \([a-z0-9_]*\) \([13]\).*/\2.\3/p' "$work"/man3/*.3 | LC_ALL=C sort -u >"$work/references"
while read -r reference; do
    [ -f "$work/man3/$reference" ] || [ -f "man/$reference" ] || {
        echo "a page refers to $reference, which is not there"
        failed=1
    }
done <"$work/references"

# Every constant that a page mentions is described on some page.
grep -ohE 'MYL_[A-Z0-9_]*[A-Z0-9]' "$work"/man3/myelon*.3 |
    grep -vxE 'MYL_NODISCARD|MYL_E|MYL_[A-Z]+_LIST' | LC_ALL=C sort -u >"$work/mentioned"
sed -n 's/^\.It Dv "\{0,1\}\(MYL_[A-Z0-9_]*\).*/\1/p' "$work"/man3/myelon*.3 | LC_ALL=C sort -u >"$work/described"
for constant in $(LC_ALL=C comm -23 "$work/mentioned" "$work/described"); do
    echo "$constant is mentioned, and described on no page"
    failed=1
done

# Whether other pages are installed on this machine is not the question.
if command -v mandoc >/dev/null 2>&1; then
    { mandoc -Tlint "$work"/man3/myelon*.3 && mandoc -Tlint -Wwarning man/*.1; } 2>&1 |
        grep -v -e 'referenced manual not found' -e 'outdated mandoc.db' >"$work/warnings" || true
elif command -v man >/dev/null 2>&1; then
    for page in "$work"/man3/myelon*.3 man/*.1; do
        MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" >/dev/null
    done 2>"$work/warnings"
else
    echo "neither mandoc nor man: the pages are not read"
    : >"$work/warnings"
fi
if [ -s "$work/warnings" ]; then
    sed "s|$work/||" "$work/warnings"
    failed=1
fi
echo "$count functions, $(find "$work/man3" -name 'myelon*.3' | wc -l) pages"
exit "$failed"
