#!/bin/sh
# SPDX-License-Identifier: MIT
# Each row of tests/mutants/equivalent.tsv names a line that is there: its file has the line before the mutation, without
# comments, in the function that the row names. A row that names none hides no mutant any more.
set -eu
cd "$(dirname "$0")/.."

table=tests/mutants/equivalent.tsv
# shellcheck disable=SC2016 # the program is awk's
awk -F '\t' -v table="$table" '
    function complain(what) { print table ":" FNR ": " what; bad = 1 }
    # The line without its comments. `inside`: it begins within one.
    function without_comments(line, end) {
        if (inside) {
            if ((end = index(line, "*/")) == 0)
                return ""
            line = substr(line, end + 2)
            inside = 0
        }
        while (match(line, /\/\*/)) {
            end = index(substr(line, RSTART), "*/")
            if (end == 0) {
                inside = 1
                return substr(line, 1, RSTART - 1)
            }
            line = substr(line, 1, RSTART - 1) substr(line, RSTART + end + 1)
        }
        return line
    }
    # As functions() of tools/mutants/generate.py.
    function read_file(path, line, name, words) {
        inside = name = body = 0
        while ((got = (getline line <path)) > 0) {
            line = without_comments(line)
            sub(/[ \t]+$/, "", line)
            if (line ~ /^[A-Za-z]/ && line !~ /^typedef/ && index(line, "(") > 0) {
                name = substr(line, 1, index(line, "(") - 1)
                sub(/^.*[ *]/, "", name)
                body = 1
            }
            ends = line ~ /^}/ || line ~ /^[A-Za-z].*;$/
            sub(/^[ \t]+/, "", line)
            there[path, body ? name : "", line] = 1
            if (ends)
                body = 0
        }
        close(path)
        read[path] = got < 0 ? "no" : "yes"
    }
    /^#/ || /^[ \t]*$/ { next }
    NF != 5 || $5 == "" { complain("not file, function, line before, line after and reason"); next }
    {
        rows++
        if (!($1 in read))
            read_file($1)
        if (read[$1] == "no")
            complain("there is no " $1)
        else if (!(($1, $2, $3) in there))
            complain($1 ($2 != "" ? ", " $2 : "") " has no line \"" $3 "\"")
    }
    END {
        if (rows == 0)
            complain("no row")
        print rows " rows of " table
        exit bad
    }' "$table"
