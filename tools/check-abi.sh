#!/bin/sh
# SPDX-License-Identifier: MIT
# What others rely on, frozen in abi/: the interface that programs are built against (functions, types, layouts), and the
# shared structures that processes of different builds meet in. check-abi.sh LIBRARY [--renew]. Needs libabigail
# (abidw, abidiff), pahole, and a library with debug information.
set -eu
cd "$(dirname "$0")/.."
library=${1:?usage: check-abi.sh LIBRARY [--renew]}
interface=abi/libmyelon-$(uname -m).xml
layout=abi/segment-layout.txt
shared=myl_header,myl_park_word,myl_activity,myl_record,myl_fragment,myl_count,myl_control,myl_participant,myl_log_record
for tool in abidw abidiff pahole; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "abi: no $tool here (Debian: abigail-tools dwarves): not checked"
        exit 77
    fi
done

# Only what the public headers declare, without line numbers, which change with every edit, and without paths.
describe_interface() {
    abidw --headers-dir include/myelon --drop-private-types --no-show-locs --no-corpus-path --no-comp-dir-path \
        --exported-interfaces-only "$library" | sed "s| path='[^']*/src/| path='src/|"
}

# Structure by structure, in that order; cache line remarks are the machine's.
describe_layout() {
    for structure in $(echo "$shared" | tr ',' ' '); do
        pahole -C "$structure" "$library" | grep -v 'cacheline' | sed '/^$/d; s/[[:space:]]*$//'
    done
}

if [ "${2:-}" = --renew ]; then
    mkdir -p abi
    describe_interface >"$interface"
    describe_layout >"$layout"
    echo "abi: $interface and $layout are renewed; look at the difference, and say in the commit what has changed and why"
    exit 0
fi
now=$(mktemp)
trap 'rm -f "$now" "$now.tag" "$now.report"' EXIT
failed=0

describe_layout >"$now"
if ! diff -u "$layout" "$now"; then
    echo "abi: the segment's layout has changed: processes of an older build would misread it. If that is meant: a new"
    echo "     MYL_LAYOUT_VERSION (src/segment/layout.h), docs/segment-format.md, and ./run abi --renew"
    failed=1
fi

if [ -f "$interface" ]; then
    describe_interface >"$now"
    # A new function breaks no program, and src/libmyelon.map lists it: only functions of the recorded interface are compared.
    # abidiff's status: bit 4 is a change, bit 8 one that breaks programs; bits 1 and 2 are its own failures.
    status=0
    report=$(abidiff --no-show-locs --no-added-syms "$interface" "$now") || status=$?
    [ "$status" -eq 0 ] || printf '%s\n' "$report" | head -n 80
    if [ $((status & 3)) -ne 0 ]; then
        echo "abi: abidiff failed with status $status"
    elif [ $((status & 8)) -ne 0 ]; then
        echo "abi: programs built against the older library would break. If that is meant: ./run abi --renew, and say so"
    elif [ "$status" -ne 0 ]; then
        echo "abi: the interface has changed. If that is meant: ./run abi --renew"
    fi
    [ "$status" -eq 0 ] || failed=1
else
    echo "abi: there is no $interface: the interface is not checked on this processor"
fi

# The released interface: what changes it so that programs break needs a new minor version (before 1.0), or a new major
# one. Releases are tags vMAJOR.MINOR.PATCH.
tag=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null) || tag=
version=$(sed -n 's/^#define MYL_VERSION_[A-Z]* \([0-9]*\)$/\1/p' include/myelon/base.h | paste -sd. -)
if [ -z "$tag" ]; then
    echo "abi: there is no release (tag v*) in this clone: compared with abi/ only"
elif git cat-file -e "$tag:$interface" 2>/dev/null; then
    git show "$tag:$interface" >"$now.tag"
    describe_interface >"$now"
    status=0
    abidiff --no-show-locs --no-added-syms "$now.tag" "$now" >"$now.report" || status=$?
    case $version in
        0.*) same=$(echo "${tag#v}" | cut -d. -f1,2) mine=$(echo "$version" | cut -d. -f1,2) ;;
        *) same=$(echo "${tag#v}" | cut -d. -f1) mine=$(echo "$version" | cut -d. -f1) ;;
    esac
    if [ $((status & 3)) -ne 0 ]; then
        echo "abi: abidiff failed with status $status"
        failed=1
    elif [ $((status & 8)) -ne 0 ] && [ "$same" = "$mine" ]; then
        head -n 80 "$now.report"
        echo "abi: programs built against release $tag would break, and this is version $version: raise it in base.h"
        failed=1
    fi
fi
exit "$failed"
