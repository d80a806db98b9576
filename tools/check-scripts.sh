#!/bin/sh
# SPDX-License-Identifier: MIT
# Every script of the tree through shellcheck.
set -eu
cd "$(dirname "$0")/.."

# shellcheck disable=SC2046 # no file of ours has a space in its name
set -- $(git ls-files --cached --others --exclude-standard | while read -r file; do
    [ -f "$file" ] || continue
    case $file in
        *.sh) echo "$file" ;;
        *.*/* | *.*) case $file in .ci/run) echo "$file" ;; esac ;;
        *) head -n 1 "$file" | grep -qE '^#!.*[/ ](sh|bash)' && echo "$file" ;;
    esac
done)
echo "shellcheck: $# scripts"
shellcheck --external-sources "$@"
