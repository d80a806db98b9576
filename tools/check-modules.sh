#!/bin/sh
# SPDX-License-Identifier: MIT
# The modules of src, as their object files show them: check-modules.sh OBJECTS, a folder that holds those of each layer
# (build/run/src/CMakeFiles).
#   - A module is x.c and x.h: what x.h declares, x.c defines. Not so in os, codec and typed.
#   - No two modules call each other, directly or through others. Hooks are the exception: the slow paths of the inline
#     calls (myl_i_...), and the policy that the ring enters from below (myl_liveness_policy).
set -eu
cd "$(dirname "$0")/.."
objects=$1
: "${NM:=nm}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# symbols: MODULE TYPE NAME
for source in src/*/*.c src/os/*/*.c; do
    module=${source#src/}
    object=$objects/myelon_layer_${module%%/*}.dir/$module.o
    [ ! -f "$object" ] || "$NM" "$object" | awk -v module="${module%.c}" 'NF >= 2 { print module, $(NF - 1), $NF }'
done >"$work/symbols"
[ -s "$work/symbols" ] || {
    echo "no object files of layers in $objects"
    exit 1
}

awk '$2 ~ /^[TDRBV]$/ { print $3, $1 }' "$work/symbols" | sort >"$work/defined"
awk '$2 == "U" { print $3, $1 }' "$work/symbols" | sort >"$work/used"

bad=0
# Pairs "caller callee", for tsort, which names the members of a circle.
join "$work/used" "$work/defined" |
    awk '$1 !~ /^myl_i_/ && $1 != "myl_liveness_policy" && $2 != $3 { print $2, $3 }' | sort -u >"$work/calls"
if ! tsort "$work/calls" >/dev/null 2>"$work/circle" || [ -s "$work/circle" ]; then
    echo "modules that call each other:"
    sed -n 's/^tsort: \([a-z_]*\/[a-z_\/]*\)$/    \1/p' "$work/circle"
    bad=1
fi

# The os layer has one header for all of its files; modules of codec and typed share theirs.
for header in src/*/*.h; do
    module=${header#src/}
    module=${module%.h}
    case $module in os/* | codec/* | typed/*) continue ;; esac
    # NAME MODULE of the functions that are not inline, one a line. Macros are left out.
    sed -e ':a' -e '/\\$/{' -e 'N' -e 's/\\\n//' -e 'ba' -e '}' -e '/^#/d' "$header" | tr '\n' ' ' |
        sed 's|/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/| |g; s/;/;\n/g' |
        grep -v 'static inline\|typedef\|struct [a-z_]* {\|(\*' |
        sed -n "s|.*[ *]\(myl_[a-z0-9_]*\)(.*;\$|\1 $module|p"
done | sort -u >"$work/declared"
if ! awk '
    FILENAME == ARGV[1] { where[$1] = $2; next }
    where[$1] == $2 { next }
    {
        bad = 1
        at = where[$1]
        print "src/" $2 ".h: declares " $1 ", which " (at == "" ? "no module defines" : \
            "src/" at ".c defines: move it to src/" at ".h")
    }
    END { exit bad }' "$work/defined" "$work/declared"; then
    bad=1
fi
exit $bad
