#!/bin/sh
# SPDX-License-Identifier: MIT
# No file includes a header of a layer above its own. The library's layers are the folders of src, lowest first; public
# headers that only tell types and codes may be used by all, the others belong to the layer that implements them. The
# programs (cli, bench, examples) stand above everything, and nothing of theirs is included from below.
set -eu
cd "$(dirname "$0")/.."

# shellcheck disable=SC2016 # the program is awk's
find src include/myelon \( -name '*.c' -o -name '*.h' \) -type f |
    sort | xargs awk '
    BEGIN {
        n = split("base os segment ring frame codec typed fabric counters", layer, " ")
        for (i = 1; i <= n; i++) rank[layer[i]] = i
        m = split("base error atomic segment wait", shared, " ")
        for (i = 1; i <= m; i++) public[shared[i]] = 0
        public["ring"] = public["ring_inline"] = public["runner"] = public["liveness"] = rank["ring"]
        public["frame_inline"] = public["fixed_frame"] = rank["frame"]
    }
    # The rank of a public header; one not named above belongs to the layer it is named after.
    function public_rank(name) {
        sub(/\.h$/, "", name)
        sub(/\/.*/, "", name)
        if (name in public) return public[name]
        return name in rank ? rank[name] : n + 1
    }
    function rank_of(file, part) {
        if (file ~ /^include\/myelon\//) return public_rank(substr(file, length("include/myelon/") + 1))
        split(file, part, "/")
        return part[2] in rank ? rank[part[2]] : n + 1
    }
    FNR == 1 {
        own = rank_of(FILENAME)
        if (FILENAME ~ /^src\/[^\/]*\// && own == n + 1) {
            print FILENAME ": its folder is not one of the layers that tools/check-layers.sh knows"
            bad++
        }
    }
    /^[ \t]*#[ \t]*include[ \t]*["<]/ {
        target = $0
        sub(/^[ \t]*#[ \t]*include[ \t]*["<]/, "", target)
        sub(/[">].*/, "", target)
        if (target ~ /^myelon\//) r = public_rank(substr(target, 8))
        else if (target ~ /\.\.\//) { print FILENAME ":" FNR ": include by path from src, not by .."; bad++; next }
        else if ($0 !~ /"/ || target !~ /\//) next
        else { split(target, part, "/"); r = part[1] in rank ? rank[part[1]] : n + 1 }
        if (r > own) {
            print FILENAME ":" FNR ": includes " target ", which is of a layer above"
            bad++
        }
    }
    END { exit bad != 0 }'
