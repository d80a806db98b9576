#!/bin/sh
# SPDX-License-Identifier: MIT
# Shared words are touched only through include/myelon/atomic.h, and every such site has an id: A<number> in
# a comment on its line or on the four lines above. docs/memory-model.md has a row for each id, and its last column gives
# the places: "file: `function`, ...", one file after the other with <br> between. Code and rows agree in both directions:
# every site is in the row of its id, under its file and function, and every function there has such a site.
#
# The column Order is compared in both directions, too: each access has one of the row's orders, and each order is that of
# an access. It consists of load, store, add or compare-and-swap, and rlx, acq, rel, acq_rel or sc; an order without such
# a word is of the one before it. A comment "A8 cursor [acq]" names an order of the row.
#
# A comment on a line with a site is about that line only. A comment's own ids are those before "Pairs" and outside
# of parentheses: one, or one for each access of the line. What the kernel does to a word for us is a site too.
#
# Allowed beside atomic.h: a compiler barrier, volatile sig_atomic_t, asm volatile, and a volatile read whose value is
# thrown away (it touches a page).
set -eu
cd "$(dirname "$0")/.."

model=docs/memory-model.md
[ -f "$model" ] || {
    echo "$model is missing: it has to explain every atomic site"
    exit 1
}

# shellcheck disable=SC2016 # the program is awk's
find src include \( -name '*.c' -o -name '*.h' \) -type f ! -path include/myelon/atomic.h |
    sort | xargs awk -v model="$model" '
    function complain(where, what) { print where ": " what; bad++ }
    # The ids of `text`, each after a blank.
    function ids_of(text, list, id) {
        list = ""
        while (match(text, /(^|[^A-Za-z0-9_])A[0-9]+/)) {
            id = substr(text, RSTART, RLENGTH)
            sub(/^[^A]/, "", id)
            list = list " " id
            text = substr(text, RSTART + RLENGTH)
        }
        return list
    }
    function own_ids(text) {
        gsub(/\([^()]*\)/, "", text)
        sub(/[Pp]airs.*/, "", text)
        return ids_of(text)
    }
    # Adds the ids of `text` to `set`.
    function note(text, set, list, n, i) {
        n = split(ids_of(text), list, " ")
        for (i = 1; i <= n; i++) set[list[i]] = 1
    }
    # Splits a line: `code` without comments and what strings say, `said` in comments, `text` the comment so far.
    function take_apart(line, at, token) {
        code = said = ""
        if (!inside) text = ""
        while (line != "") {
            if (inside) {
                at = index(line, "*/")
                said = said " " (at ? substr(line, 1, at - 1) : line)
                line = at ? substr(line, at + 2) : ""
                inside = !at
            } else if (match(line, /\/\*|\/\/|"([^"\\]|\\.)*"|\047([^\047\\]|\\.)*\047/)) {
                code = code substr(line, 1, RSTART - 1)
                token = substr(line, RSTART, RLENGTH)
                line = substr(line, RSTART + RLENGTH)
                inside = token == "/*"
                if (token == "//") { said = said " " line; line = "" }
                else if (!inside) code = code "\"\""
            } else { code = code line; line = "" }
        }
        text = text said
    }
    # The function, or the macro, that the line is in: a definition begins in the first column, and ends there.
    function find_place(head) {
        if (code ~ /^#[ \t]*define[ \t]/) {
            head = code
            sub(/^#[ \t]*define[ \t]+/, "", head)
            sub(/[^A-Za-z0-9_].*/, "", head)
            macro = head
        }
        head = code
        gsub(/__attribute__ *\(\(.*\)\)/, "", head)
        if (head ~ /^[A-Za-z_].*[(]/ && head !~ /;[ \t]*$/) {
            sub(/ *\(.*/, "", head)
            sub(/.*[^A-Za-z0-9_]/, "", head)
            function_name = head
        }
        return macro != "" ? macro : function_name
    }
    function leave_place() {
        if (macro != "" && code !~ /\\$/) macro = ""
        if (code ~ /^}/) function_name = ""
    }
    # The operation and order of each access in `code`, from the name: "load acq|store rlx". "kernel": by a system call.
    function operations_of(code, list, name) {
        list = ""
        while (match(code, access)) {
            name = substr(code, RSTART, RLENGTH)
            code = substr(code, RSTART + RLENGTH)
            if (name ~ /^SYS_futex/) name = "kernel"
            else if (name ~ /copy_rlx/) name = "load rlx"
            else if (name ~ /tally_/) name = "store rlx" # what it loads, the same thread has stored
            else {
                gsub(/^myl_|32|[(]$/, "", name)
                sub(/_/, " ", name)
                sub(/^cas /, "compare-and-swap ", name)
            }
            list = list (list == "" ? "" : "|") name
        }
        return list
    }
    function check_order(id, operation) {
        if (operation == "kernel") by_kernel[id] = 1
        else if (id in row && !((id, operation) in order))
            complain(FILENAME ":" FNR, id " is a " operation " here, but \"" cell_of[id] "\" in " model ", line " row[id])
        used[id, operation] = 1
    }
    # The column Order of a row.
    function read_order(id, cell, line, word, n, i, operations, operation, closed, count, k) {
        cell_of[id] = cell
        gsub(/\([^()]*\)|[,;]/, " ", cell)
        n = split(cell, word, " ")
        closed = 1
        for (i = 1; i <= n; i++) {
            sub(/s$/, "", word[i])
            if (word[i] ~ /^(load|store|add|compare-and-swap)$/) {
                if (closed) count = closed = 0
                operations[++count] = word[i]
            } else if (word[i] ~ /^(rlx|acq|rel|acq_rel|sc)$/) {
                for (k = 1; k <= count; k++) order[id, operations[k] " " word[i]] = line
                closed = 1
                if (count) ordered[id] = 1
            }
        }
        if (!(id in ordered)) complain(model ":" line, id ": no access and order in \"" cell_of[id] "\"")
    }
    # Orders in a comment: "A8 cursor [acq]".
    function check_said(said, part, id) {
        while (match(said, /A[0-9]+ [A-Za-z0-9_. ]+ \[(rlx|acq|rel|acq_rel|sc)\]/)) {
            part = substr(said, RSTART, RLENGTH)
            said = substr(said, RSTART + RLENGTH)
            id = substr(part, 1, index(part, " ") - 1)
            sub(/.*\[/, "", part)
            sub(/\]/, "", part)
            if (id in row && !((id, "load " part) in order) && !((id, "store " part) in order) &&
                !((id, "add " part) in order) && !((id, "compare-and-swap " part) in order))
                complain(FILENAME ":" FNR, id " is [" part "] in a comment, but \"" cell_of[id] "\" in " model)
        }
    }
    function site(ids, operations, place, file, list, n, i, key, accesses, operation) {
        sites++
        accesses = split(operations, operation, "|")
        n = split(ids, list, " ")
        if (n == 0)
            complain(FILENAME ":" FNR, "an atomic access without an id (A<number>) on its line or the four above")
        else if (n != 1 && n != accesses)
            complain(FILENAME ":" FNR, "ids" ids " for " accesses " access(es): one each, or one for all")
        else if (place == "")
            complain(FILENAME ":" FNR, list[1] ": the function of this access is not found")
        else for (i = 1; i <= accesses; i++) check_order(n == 1 ? list[1] : list[i], operation[i])
        for (i = 1; i <= n && place != "" && (n == 1 || n == accesses); i++) {
            key = list[i] SUBSEP file SUBSEP place
            has[key] = 1
            if (!(list[i] in row))
                complain(FILENAME ":" FNR, list[i] " has no row in " model)
            else if (!(key in listed) && !(key in told))
                complain(FILENAME ":" FNR, list[i] " in " place " is not in " model ": add `" place "` at \"" file \
                         ":\" to the row of " list[i] ", line " row[list[i]])
            told[key] = 1
        }
    }
    # The last cell of a row: what it lists.
    function read_row(id, cell, line, part, name, n, m, i, j, file) {
        row[id] = line
        n = split(cell, part, /<br>/)
        for (i = 1; i <= n; i++) {
            file = part[i]
            if (file !~ /^ *[a-z_\/]+\.[ch]: .*`/) {
                complain(model ":" line, id ": \"" part[i] "\" is not \"file: `function`, ...\"")
                continue
            }
            sub(/:.*/, "", file)
            gsub(/ /, "", file)
            m = split(part[i], name, /`/)
            for (j = 2; j <= m; j += 2) listed[id, file, name[j]] = line
        }
    }
    BEGIN {
        access = "myl_((load|store|add|cas)(32)?_(rlx|acq|rel|acq_rel|sc)|copy_rlx|tally_(set_)?rlx)[(]|SYS_futex_waitv,|SYS_futex,.*OP_(WAIT|WAKE_OP),"
        while ((getline line < model) > 0) {
            at++
            note(line, known)
            if (line !~ /^\| A[0-9]+ \|/) continue
            n = split(line, cell, "|")
            gsub(/ /, "", cell[2])
            read_row(cell[2], cell[n - 1], at)
            read_order(cell[2], cell[4], at)
        }
    }
    FNR == 1 {
        for (i = 1; i <= 4; i++) above[i] = ""
        inside = 0
        function_name = macro = ""
        file = FILENAME
        sub(/^src\/|^include\/myelon\//, "", file)
    }
    {
        take_apart($0)
        place = find_place()
        if (code ~ /__atomic_|__sync_|_Atomic|atomic_(load|store|fetch|exchange|compare|thread_fence)/ &&
            code !~ /__atomic_signal_fence/)
            complain(FILENAME ":" FNR, "a bare atomic access: use include/myelon/atomic.h")
        if (code ~ /(^|[^A-Za-z0-9_])volatile([^A-Za-z0-9_]|$)/ && code !~ /asm(__)?[ ]+volatile/ &&
            code !~ /sig_atomic_t/ && code !~ /\(void\)\*/)
            complain(FILENAME ":" FNR, "volatile orders nothing: use include/myelon/atomic.h")
        note(said, ids)
        check_said(said)
        own = said != "" ? own_ids(text) : ""
        operations = operations_of(code)
        if (operations != "") {
            theirs = own
            for (i = 1; i <= 4 && theirs == ""; i++) theirs = above[i]
            site(theirs == "-" ? "" : theirs, operations, place, file)
            if (own != "") own = "-" # no line below takes its id from here, nor from further above
        }
        for (i = 4; i > 1; i--) above[i] = above[i - 1]
        above[1] = own
        leave_place()
    }
    END {
        for (id in ids) if (!(id in row)) complain(model, "does not explain " id)
        for (id in known) if (!(id in ids)) complain(model, "explains " id ", which the code does not have")
        for (key in listed) if (!(key in has)) {
            split(key, part, SUBSEP)
            complain(model ":" listed[key], part[1] ": `" part[3] "` of " part[2] " has no such site: take it " \
                     "out, or name the function that has it now")
        }
        for (key in order) {
            split(key, part, SUBSEP)
            if (!(key in used) && !(part[1] in by_kernel))
                complain(model ":" order[key], part[1] ": no site is a " part[2])
        }
        if (sites == 0) complain(model, "no atomic site found: the check looks in the wrong place")
        print sites " lines with sites, " (bad + 0) " problems"
        exit bad != 0
    }'
