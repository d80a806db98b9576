#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/from-rust.md names nothing that the public headers do not declare: functions, types, constants, and members
# written as `structure.member`. A row of its tables that says "not yet" or "other" gives the reason.
set -eu
cd "$(dirname "$0")/.."

# shellcheck disable=SC2016 # the program is awk's
awk '
    function fail(what) { print FILENAME ":" FNR ": " what; bad = 1 }
    # The names of the interface in a text, each given to have().
    function have_all(text) {
        while (match(text, /(myl|MYL)_[A-Za-z0-9_]+/)) {
            known[substr(text, RSTART, RLENGTH)] = 1
            text = substr(text, RSTART + RLENGTH)
        }
    }
    FILENAME ~ /\.h$/ {
        text = $0
        have_all(text)
        if (match(text, /^ +X\([A-Z_]+,/)) known["MYL_" substr(text, index(text, "(") + 1, index(text, ",") - index(text, "(") - 1)] = 1
        if (match(text, /^typedef struct [a-z0-9_]+ \{/)) structure = substr(text, 16, RLENGTH - 17)
        if (text ~ /^}/) structure = ""
        if (structure == "") next
        sub(/\/\*.*/, "", text)
        while (match(text, /[a-z][a-z0-9_]*/)) {
            member[structure "." substr(text, RSTART, RLENGTH)] = 1
            text = substr(text, RSTART + RLENGTH)
        }
        next
    }
    {
        text = $0
        while (match(text, /(myl|MYL)_[A-Za-z0-9_]+(\.[a-z0-9_]+)?/)) {
            name = substr(text, RSTART, RLENGTH)
            text = substr(text, RSTART + RLENGTH)
            names++
            whole = name
            sub(/\..*/, "", name)
            if (!(name in known)) fail(name " is not in the public headers")
            else if (whole != name && whole !~ /\.(h|so|a)$/ && !(whole in member)) fail(name " has no member " substr(whole, length(name) + 2))
        }
    }
    /^\| / && split($0, cell, /\|/) == 6 && cell[2] != " Rust " {
        if (cell[4] !~ /^ (=|other|not yet) $/) fail("a row is marked \"" cell[4] "\": use =, other or not yet")
        else if (cell[4] != " = " && cell[5] ~ /^ *$/) fail("a row without a reason")
        rows++
    }
    END {
        if (!rows || !names) fail("no table found: the check looks in the wrong place")
        print names " names in " rows " rows"
        exit bad
    }' include/myelon/*.h docs/from-rust.md
