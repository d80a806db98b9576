# SPDX-License-Identifier: MIT
# Rewrites one C or C++ file from the names of myelon 0.1 to those of 0.2: awk -f port-0.2.awk TABLE FILE, called by
# port-0.2.sh. Variables: out (gets the file's new text), text (1: comments and strings too), name (of the file in
# messages), eol (0: the last line has no end). Prints "FILE:LINE: old -> new" for each change, and "FILE:LINE: by hand: "
# for each place that it cannot decide.
#
# A member is renamed if the type of the structure before it is known: the variable, parameter, member or function is
# declared in this file with a type of myelon, or the initialiser belongs to one. Declarations are found by their shape,
# without a parser. Arrays over significant tokens: tok[], at[] (index into the whole text), open[] (of a closing bracket).
#
# The options of frames had those of events inside, in `ring`. Members of `ring` that are beside it now: `x.ring.label`
# becomes `x.config.label`, and an initialiser `.ring = {.label = a, .id = b}` becomes `.config.label = a, .ring.id = b`.

BEGIN {
    FS = "\t"
    # Members of structures of 0.1 that are such structures, or lead to one.
    holds("myl_frame_producer_options", "ring", "myl_frame_producer_options.ring")
    holds("myl_frame_consumer_options", "ring", "myl_frame_consumer_options.ring")
    # Results that begin with a size now, under both names.
    n = split("myl_joined myl_peer myl_trouble myl_liveness_failure myl_runner_result", word, " ")
    for (i = 1; i <= n; i++)
        sized[word[i]] = 1
    # What a file that has been rewritten uses.
    holds("myl_producer_options", "config", "myl_ring_config")
    holds("myl_producer_options", "ring", "myl_ring_options")
    holds("myl_consumer_options", "ring", "myl_reader_options")
    holds("myl_frame_producer_options", "config", "myl_frame_config")
    holds("myl_snapshot", "entry", "myl_consumer_status")
    holds("myl_snapshot", "info", "myl_info")
    holds("myl_info", "granted", "myl_granted")
    holds("myl_verdict", "party", "myl_why_party")
    holds("myl_verdict", "participant", "myl_why_party")
    holds("myl_verdict", "edge", "myl_why_edge")
    n = split("auto break case const continue do else enum extern for goto if inline register restrict return sizeof " \
              "static struct switch typedef union volatile while", word, " ")
    for (i = 1; i <= n; i++)
        keyword[word[i]] = 1
}

function holds(type, member, inner)
{
    member_type[type, member] = inner
    canonical[type] = type
    canonical[inner] = inner
}

# --- the table -----------------------------------------------------------------------------------------------------

FNR == NR && /^#/ { next }
FNR == NR && NF != 4 { print FILENAME ":" FNR ": not four columns"; bad = 1; exit }
FNR == NR && $3 == "field" {
    field[$4, $1] = $2
    canonical[$4] = $4
    if ($4 ~ /\./)
        next
    if (($1, $2) in seen)
        owners[$1] = owners[$1] " or " $4
    else
        owners[$1] = owners[$1] (owners[$1] == "" ? "" : ", ") "`" $2 "` if it is of " $4
    seen[$1, $2] = 1
    next
}
FNR == NR && $3 == "value" {
    n = split($4, word, " ")
    for (i = 2; i <= n; i++)
        valued[word[1], word[i]] = 1
    value[$1] = $2
    result[$2] = 1
    next
}
FNR == NR {
    renamed[$1] = $2
    if ($3 == "type")
        type_of_new[$2] = $1
    next
}

# --- tokens --------------------------------------------------------------------------------------------------------

function add(kind, token)
{
    all[++count] = token
    class[count] = kind
    line_of[count] = FNR
    if (kind == "i" || kind == "p") {
        tok[++m] = token
        at[m] = count
    }
}

# Takes the part of `line` that the last match() found.
function take(kind)
{
    add(kind, substr(line, 1, RLENGTH))
    line = substr(line, RLENGTH + 1)
}

# Takes `length` characters of text: comment or string.
function take_text(size)
{
    RLENGTH = size
    take("t")
}

function rest_of_text(mark,    i)
{
    i = index(line, mark)
    take_text(i ? i + length(mark) - 1 : length(line))
    return i
}

function lex()
{
    if (state == "comment") {
        if (rest_of_text("*/"))
            state = ""
    } else if (state == "raw") {
        if (rest_of_text(raw_end))
            state = ""
    } else if (state == "line") {
        state = line ~ /\\$/ ? "line" : ""
        take_text(length(line))
    } else if (state == "string") {
        state = ""
        if (match(line, /^([^"\\]|\\.)*"/))
            take("t")
        else
            unfinished()
    } else if (match(line, /^[ \t\r\f\v]+/))
        take("w")
    else if (match(line, /^(u8|u|U|L)?R"[^ ()\\]*\(/)) {
        raw_end = substr(line, 1, RLENGTH - 1)
        sub(/^[^"]*"/, "", raw_end)
        raw_end = ")" raw_end "\""
        state = "raw"
        take("t")
    } else if (match(line, /^[A-Za-z_][A-Za-z0-9_]*/))
        take("i")
    else if (match(line, /^\.?[0-9]([A-Za-z0-9_.]|'[A-Za-z0-9])*/))
        take("n")
    else if (match(line, /^\/\*/)) {
        state = "comment"
        take("t")
    } else if (match(line, /^\/\//)) {
        state = "line"
        take("t")
        if (line == "")
            state = ""
    } else if (match(line, /^"([^"\\]|\\.)*"/) || match(line, /^'([^'\\]|\\.)+'/))
        take("t")
    else if (line ~ /^"/)
        unfinished()
    else if (match(line, /^(->|::|==|!=|&&)/))
        take("p")
    else {
        RLENGTH = 1
        take("p")
    }
}

function unfinished()
{
    if (line ~ /\\$/)
        state = "string"
    take_text(length(line))
}

{
    line = $0
    if (state == "" && line ~ /^[ \t]*#[ \t]*(include|error|warning)/) {
        if (line ~ /myelon/)
            ours = 1
        take_text(length(line))
    }
    while (line != "")
        lex()
    if (state == "line" && $0 !~ /\\$/)
        state = ""
    add("w", "\n")
}

# --- declarations ----------------------------------------------------------------------------------------------------

# The 0.1 name of the myelon structure that `word` names, or "".
function structure(word)
{
    if (word in alias)
        return alias[word]
    if (word in type_of_new)
        word = type_of_new[word]
    return word in canonical ? word : ""
}

function is_identifier(i)
{
    return i >= 1 && i <= m && class[at[i]] == "i" && !(tok[i] in keyword)
}

# `type`: a myelon structure, or "-": something else.
function declare(word, type)
{
    if (in_structure[depth]) {
        if (word in members && members[word] != type)
            type = "" # members of two structures: which one is not known
        members[word] = type
    } else if (depth > 0 || parens > 0)
        locals[word] = type
    else
        globals[word] = type
}

function is_declarator(i)
{
    return is_identifier(i) && tok[i + 1] ~ /^[;,=)(:{[]$/
}

# A declaration that starts with the type at i: one name, or several separated by commas.
function declare_from(i, type,    j)
{
    for (j = i + 1; tok[j] ~ /^([*&>]|const|restrict|volatile)$/; j++)
        ;
    if (!is_declarator(j))
        return
    if (tok[i - 1] == "typedef" || tok[i - 2] == "typedef") {
        if (type != "-")
            alias[tok[j]] = type
        return
    }
    declare(tok[j], type)
    if (parens > 0)
        return
    while (tok[j] != ";" && j < m) {
        j = tok[j] ~ /^[({[]$/ && close_of[j] ? close_of[j] + 1 : j + 1
        if (tok[j - 1] != ",")
            continue
        while (tok[j] == "*")
            j++
        if (is_identifier(j) && tok[j + 1] ~ /^[;,=[]$/)
            declare(tok[j], type)
    }
}

function note_declaration(i,    type)
{
    type = structure(tok[i])
    if (type == "") {
        if (is_identifier(i) && (i == 1 || tok[i - 1] ~ /^[;{}(,:]$/ || tok[i - 1] in keyword) &&
            (is_identifier(i + 1) || tok[i + 1] ~ /^[*&]$/))
            declare_from(i, "-")
        return
    }
    if (tok[i - 2] == "MYL_OPTIONS" && tok[i - 1] == "(" && tok[i + 1] == ",")
        declare(tok[i + 2], type)
    else if (tok[i - 2] == "myl_options" && tok[i - 1] == "<" && tok[i - 3] == "=")
        declare(tok[i - 4], type)
    else
        declare_from(i, type)
}

function declared(word)
{
    return word in locals ? locals[word] : word in globals ? globals[word] : word in members ? members[word] : ""
}

# --- types of expressions ----------------------------------------------------------------------------------------------

# Does an initialiser's member start at i, as in { .x or , [2].x?
function starts_designator(i)
{
    return tok[i - 1] ~ /^[{,]$/ || (tok[i - 1] == "]" && tok[open[i - 1] - 1] ~ /^[{,]$/)
}

# The structure that the expression which ends at i is, or points to; "-": none of myelon; "": not known.
function type_at(i,    o, type)
{
    if (i < 1)
        return ""
    if (tok[i] == "]")
        return type_at(open[i] - 1)
    if (tok[i] == ")") {
        o = open[i]
        if (is_identifier(o - 1))
            return type_at(o - 1)
        if (tok[o + 1] == "(" && structure(tok[o + 2]) != "")
            return structure(tok[o + 2])
        if (tok[o + 1] == "(" && tok[o + 2] == "const" && structure(tok[o + 3]) != "")
            return structure(tok[o + 3])
        return type_at(i - 1)
    }
    if (!is_identifier(i))
        return ""
    if (tok[i - 1] !~ /^(\.|->)$/)
        return declared(tok[i])
    type = owner_at(i)
    if ((type, tok[i]) in member_type)
        return member_type[type, tok[i]]
    return tok[i] in members ? members[tok[i]] : ""
}

# The structure that the member at i is of.
function owner_at(i)
{
    if (tok[i - 1] ~ /^(::|,)$/) # type::member, or offsetof(type, member)
        return structure(tok[i - 2])
    if (tok[i - 1] == "." && starts_designator(i - 1))
        return brace_type[depth]
    return type_at(i - 2)
}

# The type of what the brace at i initialises.
function type_of_brace(i,    j)
{
    if (tok[i - 1] == ")") {
        for (j = open[i - 1] + 1; tok[j] ~ /^(const|struct)$/; j++)
            ;
        return is_identifier(open[i - 1] - 1) ? "" : structure(tok[j])
    }
    if (tok[i - 1] ~ /^[{,]$/) # an element of an array, or a member whose type is not known
        return is_array[depth] ? brace_type[depth] : ""
    if (tok[i - 1] != "=")
        return structure(tok[i - 1]) != "" ? structure(tok[i - 1]) : structure(tok[i - 2])
    j = i - 2
    if (tok[j] == "]") {
        if (tok[open[j] - 1] ~ /^[{,]$/)
            return brace_type[depth]
        j = open[j] - 1
    }
    return type_at(j)
}

function is_structure_body(i)
{
    return tok[i - 1] ~ /^(struct|union|class)$/ || tok[i - 2] ~ /^(struct|union|class)$/
}

# --- changes -------------------------------------------------------------------------------------------------------

function change(i, new)
{
    print name ":" line_of[at[i]] ": " tok[i] " -> " new
    all[at[i]] = new
}

function by_hand(i, what)
{
    if (ours)
        print name ":" line_of[at[i]] ": by hand: " what
}

# Empties the tokens from i to j.
function erase(i, j,    k)
{
    for (k = at[i]; k <= at[j]; k++)
        all[k] = ""
    for (k = i; k <= j; k++)
        gone[k] = 1
}

# The same for a part that nothing takes the place of: with the space after it, or with the line.
function leave_out(i, j,    first, next_one)
{
    first = at[i] - 1
    next_one = at[j] + 1
    erase(i, j)
    if (all[first] ~ /^[ \t]+$/ && all[first - 1] == "\n" && all[next_one] == "\n")
        all[first] = all[next_one] = ""
    else if (all[next_one] ~ /^[ \t]+$/)
        all[next_one] = ""
}

# The member at i has moved into another structure.
function move(i, new)
{
    if (is_cpp && tok[i - 1] == "." && starts_designator(i - 1))
        by_hand(i, "`" tok[i] "` is `" new "` now, which no designator of C++ can name; set it in a statement")
    else if (new !~ /^\.\.\//)
        change(i, new)
    else if (tok[i - 2] == "ring" && !(i in flat)) {
        sub(/^\.\.\//, "", new)
        change_path(i - 2, i, new)
    } else if (!(i in flat))
        by_hand(i, "`" tok[i] "` is `" substr(new, 4) "` of the structure around `ring` now")
}

# The tokens from i to j are `new` now.
function change_path(i, j, new)
{
    print name ":" line_of[at[i]] ": " tok[j] " -> " new
    erase(i + 1, j)
    all[at[i]] = new
}

# Is `member` of `ring` in the structure around it now?
function is_beside(type, member)
{
    return (type, member) in field && field[type, member] ~ /^\.\.\//
}

# Does the part of the initialiser between the braces at b have a member that is beside `ring` now?
function has_moved(b, type,    i)
{
    for (i = b + 1; i < close_of[b]; i++) {
        if (tok[i] ~ /^[({[]$/ && close_of[i])
            i = close_of[i]
        else if (tok[i] == "." && tok[i - 1] ~ /^[{,]$/ &&
                 (tok[i + 1] == "size" || is_beside(type, tok[i + 1])))
            return 1
    }
    return 0
}

# The initialiser `.ring = {...}` of options of frames whose member is at i: its designators get a path each.
function flatten(i, type,    b, j, end, new)
{
    b = i + 2
    if (tok[b + 1] != "." || is_cpp) {
        by_hand(i, "members of `ring` are in the structure around it now")
        return
    }
    print name ":" line_of[at[i]] ": ring = {...} -> ring. and config."
    for (j = b + 1; j < close_of[b]; j = end + 1) {
        for (end = j; end < close_of[b] && tok[end] != ","; end++)
            if (tok[end] ~ /^[({[]$/ && close_of[end])
                end = close_of[end]
        flat[j + 1] = 1
        if (tok[j] != ".")
            by_hand(j, "a member of `ring` without its name")
        else if (tok[j + 1] == "size")
            leave_out(j, end < close_of[b] ? end : end - 1)
        else {
            new = (type, tok[j + 1]) in field ? field[type, tok[j + 1]] : tok[j + 1]
            new = new ~ /^\.\.\// ? substr(new, 4) : "ring." new
            print name ":" line_of[at[j]] ": " tok[j + 1] " -> " new
            all[at[j + 1]] = new
            if (tok[j + 1] ~ /^(fd|group|cpu)$/)
                give_flag(j + 1, type, new)
        }
    }
    erase(i - 1, b)
    erase(close_of[b], close_of[b])
}

# The member `ring` of options of frames, at i, with a type of its own now.
function change_ring(i, type)
{
    if (tok[i + 1] == "=" && tok[i + 2] == "{" && starts_designator(i - 1)) {
        if (has_moved(i + 2, type))
            flatten(i, type)
    } else if (tok[i + 1] == "." && tok[i + 2] == "size") {
        if (tok[i + 3] == "=" && tok[i - 3] ~ /^[;{}]$/ && is_identifier(i - 2))
            erase_statement(i - 2)
        else
            by_hand(i, "`ring` has no `size` any more: leave it out")
    } else if (tok[i + 1] != ".")
        by_hand(i, "`ring` is of " (type ~ /producer/ ? "myl_ring_options" : "myl_reader_options") \
            " now: what the ring is, or is expected to be, is beside it")
}

# `fd`, `group` and `cpu` of a structure of 0.1 were 0 if they were not given. Now a member of its own says whether they
# are, and `cpu` is no longer + 1. The member at i of `type` is `path` now.
function give_flag(i, type, path,    member, flag, j, end, given)
{
    member = tok[i]
    flag = member == "fd" ? "use_fd" : member == "group" ? "set_group" : "pin"
    for (end = i + 2; end < m && tok[end] !~ /^[,;})]$/; end++)
        if (tok[end] ~ /^[({[]$/ && close_of[end])
            end = close_of[end]
    for (j = i; tok[j - 1] ~ /^(\.|->)$/ && is_identifier(j - 2); j -= 2)
        ;
    given = tok[i + 1] == "=" ? text_from(at[i + 1] + 1, at[end] - 1) : ""
    gsub(/^[ \t\n]+|[ \t\n]+$/, "", given)
    path = substr(path, 1, length(path) - length(member))
    if (flag in used || given == "0" || (member == "fd" && type ~ /consumer/))
        return
    if (member == "cpu")
        by_hand(i, "`cpu` is the number of a CPU now, not + 1, and has an effect only with `pin`")
    else if (given == "" && tok[j - 1] != "&")
        return # is only read
    else if (tok[j - 1] == "." && starts_designator(j - 1) && given ~ /^[A-Za-z0-9_]+$/ && !is_cpp)
        all[at[j - 1]] = "." (j < i ? tok[j] "." : path) flag " = " given " != 0, ."
    else if (given != "" && j < i && tok[j - 1] ~ /^([;{},)]|else)$/) {
        all[at[j]] = text_from(at[j], at[i - 1]) path flag " = (" all[at[j]]
        all[at[end]] = ") != 0" all[at[end]]
    } else
        by_hand(i, "`" member "` has an effect only with `" flag "` now")
}

# The text from the first to the last of these elements of all[].
function text_from(first, last,    text_of)
{
    for (; first <= last; first++)
        text_of = text_of all[first]
    return text_of
}

# Leaves out the statement that begins at i.
function erase_statement(i,    j)
{
    for (j = i; j < m && tok[j] != ";"; j++)
        if (tok[j] ~ /^[({[]$/ && close_of[j])
            j = close_of[j]
    print name ":" line_of[at[i]] ": ring.size -> (left out)"
    leave_out(i, j)
}

function change_member(i,    type)
{
    type = owner_at(i)
    if ((type, tok[i]) in member_type && member_type[type, tok[i]] ~ /\./)
        change_ring(i, member_type[type, tok[i]])
    else if (i in flat)
        return
    else if ((type, tok[i]) in field && field[type, tok[i]] ~ /[.]/) {
        move(i, field[type, tok[i]])
        if (tok[i] ~ /^(fd|group|cpu)$/)
            give_flag(i, type, field[type, tok[i]])
    } else if (type ~ /[.]ring$/ && tok[i] ~ /^(fd|group|cpu)$/)
        give_flag(i, type, tok[i])
    else if ((type, tok[i]) in field)
        change(i, field[type, tok[i]])
    else if (type == "" && tok[i] in owners)
        by_hand(i, "`" tok[i] "` is " owners[tok[i]])
    if (!((type, tok[i]) in valued))
        return
    if (tok[i + 1] ~ /^(==|!=)$/ && tok[i + 2] in value)
        change(i + 2, value[tok[i + 2]])
    else if (!(tok[i + 1] ~ /^(==|!=)$/ && tok[i + 2] in result))
        by_hand(i, "`" tok[i] "` is of enum myl_grant now: compare it with MYL_GRANT_GRANTED and the like")
}

# The variable declared after the type at i is a result whose size the caller sets now.
function give_size(i,    j, k, new, text)
{
    j = i + 1
    if (!is_identifier(j) || tok[j + 1] !~ /^[;=,{[]$/ || parens > 0 || tok[j] in has_size)
        return
    if (tok[j + 1] == "=" && (tok[j + 2] != "{" || tok[j + 3] == "sizeof" || tok[j + 4] == "size"))
        return
    text = ""
    for (k = at[j + 2] + 1; tok[j + 1] == "=" && k < at[j + 3]; k++)
        text = text all[k] # numbers and strings are no tokens
    if (in_structure[depth] || tok[j + 1] ~ /^[,[]$/ || text !~ /^[ \t\n]*0?[ \t\n]*$/ ||
        (tok[j + 1] == "=" && tok[j + 3] !~ /^[.}]$/) || (is_cpp && close_of[j + 1] > j + 2) ||
        (is_cpp && tok[j + 1] == "=" && tok[j + 3] != "}")) {
        by_hand(i, "set `size` of each of these to its sizeof before a call fills it in")
        return
    }
    new = tok[i] in renamed ? renamed[tok[i]] : tok[i]
    new = is_cpp ? "myl_options<" new ">()" : "{.size = sizeof " tok[j]
    if (tok[j + 1] == ";")
        all[at[j]] = tok[j] " = " new (is_cpp ? "" : "}")
    else if (is_cpp && tok[j + 1] == "{") {
        erase(j + 2, j + 2)
        all[at[j + 1]] = " = " new
    } else if (is_cpp) {
        erase(j + 3, j + 3)
        all[at[j + 2]] = new
    } else {
        for (k = at[j + 2] + 1; tok[j + 3] == "}" && k < at[j + 3]; k++)
            all[k] = "" # {0}
        all[at[j + 2]] = new (tok[j + 3] == "." ? ", " : "")
    }
    print name ":" line_of[at[j]] ": " tok[j] ".size -> (set)"
}

# Whole names within comments and strings.
function change_text(i,    before, rest, word)
{
    before = ""
    rest = all[i]
    while (match(rest, /[A-Za-z_][A-Za-z0-9_]*/)) {
        word = substr(rest, RSTART, RLENGTH)
        before = before substr(rest, 1, RSTART - 1)
        rest = substr(rest, RSTART + RLENGTH)
        if (word in renamed) {
            print name ":" line_of[i] ": " word " -> " renamed[word]
            word = renamed[word]
        }
        before = before word
    }
    all[i] = before rest
}

function match_brackets(    i, n, stack)
{
    for (i = 1; i <= m; i++) {
        if (tok[i] ~ /^[({[]$/)
            stack[++n] = i
        else if (tok[i] ~ /^[])}]$/ && n > 0) {
            open[i] = stack[n]
            close_of[stack[n--]] = i
        }
    }
}

# Keeps track of braces and parentheses, before the token at i is judged.
function enter(i,    type)
{
    if (tok[i] == "{") {
        type = type_of_brace(i)
        depth++
        brace_type[depth] = type
        is_array[depth] = tok[i - 1] == "=" && tok[i - 2] == "]" && tok[open[i - 2] - 1] !~ /^[{,]$/
        in_structure[depth] = is_structure_body(i)
    } else if (tok[i] == "(") {
        parens++
        if (tok[i - 1] == "MYL_OPTIONS") {
            depth++
            brace_type[depth] = structure(tok[i + 1])
            is_array[depth] = in_structure[depth] = 0
            options_end[close_of[i]] = 1
        }
    } else if (tok[i] == ")" && parens > 0)
        parens--
    if ((tok[i] == "}" || i in options_end) && depth > 0)
        depth--
    if (depth == 0 && parens == 0 && tok[i] ~ /^[};]$/)
        split("", locals)
}

END {
    if (bad)
        exit 2
    match_brackets()
    is_cpp = name ~ /\.(cc|cpp|cxx|hh|hpp|hxx|C|H)$/
    for (i = 1; i <= m; i++) {
        if (tok[i] ~ /^(myl|MYL)_/)
            ours = 1
        if (tok[i] ~ /^(use_fd|set_group|pin)$/)
            used[tok[i]] = 1 # the file has been rewritten
        if (tok[i] == "size" && tok[i - 1] ~ /^(\.|->)$/)
            has_size[tok[i - 2] == "]" ? tok[open[i - 2] - 1] : tok[i - 2]] = 1 # NAME.size, NAME[i].size
    }
    for (i = 1; i <= m; i++) {
        enter(i)
        if (class[at[i]] != "i" || gone[i])
            continue
        note_declaration(i)
        if (tok[i] in sized)
            give_size(i)
        if (tok[i] in renamed)
            change(i, renamed[tok[i]])
        else if (tok[i - 1] ~ /^(\.|->|::)$/ || (tok[i - 1] == "," && tok[i - 4] == "offsetof"))
            change_member(i)
    }
    for (i = 1; text && i <= count; i++)
        if (class[i] == "t")
            change_text(i)
    for (i = 1; i <= count; i++)
        if (i < count || eol)
            printf "%s", all[i] >out
    close(out)
}
