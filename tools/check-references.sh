#!/bin/sh
# SPDX-License-Identifier: MIT
# Every reference leads somewhere:
#   - "Protocol N" names a section of docs/protocols.md, a step ("J5", "S1n") a row of one of its tables, and every step of
#     that page is in the code, a model or a test;
#   - a path, page or model that a comment or page names is there;
#   - a link of a page leads to a file, and its anchor to a heading;
#   - a test that a page names ("unit.join", "process.lock/takeover_keeps_published_events") is there.
# Variants of the models ("V0-np2", V13) are names of models/variants.tsv, not steps.
set -eu
cd "$(dirname "$0")/.."

page=docs/protocols.md
[ -f "$page" ] || {
    echo "$page is missing: it defines the steps"
    exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The steps and protocols that the page defines.
sed -n 's/^| \([A-Z][A-Z]*[0-9][0-9]*[a-z]*\) |.*/\1/p' "$page" | sort -u >"$work/steps"
sed -n 's/^## Protocol \([0-9]*\):.*/\1/p' "$page" >"$work/protocols"
cut -f2 models/variants.tsv | grep '^V' | sed 's/-.*//' | sort -u >"$work/variants"
[ -s "$work/steps" ] && [ -s "$work/protocols" ] && [ -s "$work/variants" ]

find src include models tests cli bench examples tools cmake docs man run README.md -type f \
    ! -path 'tests/fuzz/corpus/*' ! -name '*.svg' ! -name '*.tsv' ! -path tools/check-references.sh \
    ! -path tools/selftest.sh ! -path tests/sim/planted_table.c | sort >"$work/files"

# shellcheck disable=SC2016 # the program is awk's
xargs awk -v work="$work" -v page="$page" '
    function complain(what) { print FILENAME ":" FNR ": " what; bad = 1 }
    function is_file(path, line) {
        if (!(path in there)) {
            there[path] = (getline line <path) >= 0
            close(path)
        }
        return there[path]
    }
    function folder(path) { return sub(/[^\/]*$/, "", path) ? path : "" }
    function slug(heading) {
        sub(/^#+ /, "", heading)
        heading = tolower(heading)
        gsub(/[^a-z0-9_ -]/, "", heading)
        gsub(/ /, "-", heading)
        return heading
    }
    # Does `file` have a heading of this anchor?
    function has_anchor(file, anchor, line, fenced) {
        if (!(file in read)) {
            read[file] = 1
            while ((getline line <file) > 0) {
                if (line ~ /^```/) fenced = !fenced
                if (!fenced && line ~ /^#+ /) anchors[file, slug(line)] = 1
            }
            close(file)
        }
        return (file, anchor) in anchors
    }
    function check_protocols(text, said, n, i, number) {
        while (match(text, /[Pp]rotocols? [0-9]+((,| and|, and| or) [0-9]+)*/)) {
            said = substr(text, RSTART, RLENGTH)
            text = substr(text, RSTART + RLENGTH)
            gsub(/[^0-9]+/, " ", said)
            n = split(said, number, " ")
            for (i = 1; i <= n; i++)
                if (!(number[i] in protocols)) complain("Protocol " number[i] " is not in " page)
        }
    }
    function check_steps(text, name, letters) {
        while (match(text, /(^|[^A-Za-z0-9_#=%\\-])[A-Z][A-Z]?[1-9][0-9]?[a-z]?/)) {
            name = substr(text, RSTART, RLENGTH)
            text = substr(text, RSTART + RLENGTH)
            sub(/^[^A-Z]/, "", name)
            letters = name
            sub(/[0-9].*/, "", letters)
            if (text ~ /^[A-Za-z0-9_]/ || name == "C11" || !(letters in known)) continue
            if (name in steps) used[name] = 1
            else if (!(name in variants)) complain("step " name " is not in " page)
        }
    }
    function check_paths(text, path, before) {
        while (match(text, /[A-Za-z0-9_.*\/-]+\.(md|pml|svg)|(src|include|models|tests|cli|bench|examples|tools|docs|man|abi)\/[A-Za-z0-9_*.\/-]+\.(c|h|sh|tsv|txt|map)/)) {
            path = substr(text, RSTART, RLENGTH)
            before = substr(text, RSTART - 1, RSTART > 1)
            text = substr(text, RSTART + RLENGTH)
            # A pattern, a placeholder, or a part of a name that a script puts together.
            if (path ~ /\*|^\.(md|pml)$|NAME|FOLDER/ || before ~ /[$%\/{}]/ || text ~ /^[A-Za-z0-9_]/) continue
            if (!is_file(path) && !is_file(folder(FILENAME) path) && !is_file("docs/" path) && !is_file("models/" path) && \
                !is_file("src/" path))
                complain(path " is not there")
        }
    }
    function check_links(text, target, anchor, file) {
        while (match(text, /\]\([^() ]+\)/)) {
            target = substr(text, RSTART + 2, RLENGTH - 3)
            text = substr(text, RSTART + RLENGTH)
            if (target ~ /^[a-z]+:/) continue
            anchor = ""
            if (target ~ /#/) {
                anchor = target
                sub(/^[^#]*#/, "", anchor)
                sub(/#.*/, "", target)
            }
            file = target == "" ? FILENAME : folder(FILENAME) target
            while (sub(/[^\/]+\/\.\.\//, "", file)) continue
            if (target != "" && system("test -e " file) != 0) complain("the link " target " leads nowhere")
            else if (anchor != "" && !has_anchor(file, anchor)) complain("no heading of " file " is #" anchor)
        }
    }
    function check_tests(text, name, kind, test, file, line, found) {
        while (match(text, /(unit|process|threads|crash|fault|cli)\.[a-z0-9_][a-z0-9_]+(\/test_[a-z0-9_]+)?`/)) {
            name = substr(text, RSTART, RLENGTH - 1)
            text = substr(text, RSTART + RLENGTH)
            kind = test = name
            sub(/\..*/, "", kind)
            sub(/^[a-z]+\./, "", name)
            if (!sub(/.*\//, "", test)) test = ""
            sub(/\/.*/, "", name)
            file = "tests/" kind "/" name "_test." (kind == "cli" ? "sh" : "c")
            if (!is_file(file)) { complain("there is no test " kind "." name); continue }
            if (test == "") continue
            found = 0
            while ((getline line <file) > 0)
                if (line ~ "(^|[^a-z_0-9])" test "\\(") found = 1
            close(file)
            if (!found) complain(file " has no " test)
        }
    }
    BEGIN {
        while ((getline line <(work "/steps")) > 0) {
            steps[line] = 1
            sub(/[0-9].*/, "", line)
            known[line] = 1
        }
        while ((getline line <(work "/protocols")) > 0) protocols[line] = 1
        while ((getline line <(work "/variants")) > 0) variants[line] = 1
    }
    FNR == 1 {
        carried = ""
        is_page = FILENAME ~ /\.md$/
        is_cited = FILENAME ~ /^(src|include|models|tests)\// || is_page
    }
    {
        # A list of protocols may go on in the next line of a comment.
        line = $0
        sub(/^ *(\*|#|\/\/) ?/, "", line)
        check_protocols(carried " " line)
        carried = line ~ /[Pp]rotocols?( [0-9]+,?)*( and| or)?$/ && match(line, /[Pp]rotocols?[^Pp]*$/) ? \
            substr(line, RSTART) : ""
        if (is_cited && FILENAME != page && (FILENAME !~ /\.md$/ || FILENAME ~ /^docs/)) check_steps($0)
        check_paths($0)
        if (is_page) { check_links($0); check_tests($0) }
    }
    END {
        FILENAME = page
        FNR = 0
        for (name in steps) if (!(name in used)) complain("step " name " is in no code, model or test")
        exit bad
    }' <"$work/files"
