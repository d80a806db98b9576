# SPDX-License-Identifier: MIT
# Reads public headers, writes pages (mdoc). Run by man3.sh with `directory` and `date`. It relies on the form of the
# headers and on no word of their comments: a comment that stands directly before declarations, or after one on its
# line, describes them; a declaration without any is an error.

# --- reading ---------------------------------------------------------------------------------------------------------

FNR == 1 {
    header = FILENAME
    sub(/^include\//, "", header)
    stem = header
    sub(/.*\//, "", stem)
    sub(/\.h$/, "", stem)
    page = stem == "myelon" ? "myelon" : "myelon_" stem
    add_page(page, header)
    overview[header] = strip_comment(read_comment($0))
    in_declarations = 0
    comment = shared = ""
    next
}

/^MYL_BEGIN_DECLS/ { in_declarations = 1; next }
/^MYL_END_DECLS/ { in_declarations = 0; next }
/^}/ { next } # the end of an inline call
/^[ \t]*$/ { comment = shared = ""; next }

/^\/\*/ {
    comment = strip_comment(read_comment($0))
    shared = ""
    if (comment ~ /^--- .* -*$/) { # a heading
        sub(/^--- /, "", comment)
        sub(/ *-*$/, "", comment)
        if (in_declarations) {
            name = tolower(comment)
            gsub(/[^a-z0-9]+/, "_", name)
            page = (stem == "myelon" ? "myelon" : "myelon_" stem) "_" name
            group[page] = comment
            add_page(page, header)
        }
        comment = ""
    }
    next
}

/^#define MYL_[A-Z_]*LIST\(X\)/ { read_list(); comment = ""; next }

# A constant is documented by a comment or by a type that names it; what is neither is the compiler's business.
/^#define MYL_I_/ { comment = ""; next }
/^#define MYL_[A-Z0-9_]+(\([a-z, ]*\))?[ \t]+([-("0-9]|U?INT[0-9]+_|MYL_I_CAST)/ {
    value = $0
    own = trailing_comment(value)
    sub(/[ \t]*\/\*.*/, "", value)
    sub(/^#define [^ \t]+[ \t]+/, "", value)
    while (match(value, /MYL_I_CAST\([a-z0-9_]+, /))
        value = substr(value, 1, RSTART - 1) "(" substr(value, RSTART + 11, RLENGTH - 13) ")(" substr(value, RSTART + RLENGTH)
    add_item(page_of_header(), "constant", $2, value, described(own))
    next
}

# A macro that a program writes: its comment stands before it.
/^#define MYL_[A-HJ-Z][A-Z0-9_]*\([A-Za-z, ]*\)/ && comment != "" {
    value = substr($0, 9, index($0, ")") - 8)
    add_item(page_of_header(), "macro", value, value, described(""))
    if (/\\$/) while ((getline) > 0 && /\\$/) continue
    next
}

# Anything else for the compiler, over as many lines as it takes.
/^#/ { if (/\\$/) while ((getline) > 0 && /\\$/) continue; comment = ""; next }

/^(typedef struct|struct|enum|typedef enum) [a-z0-9_]+ \{/ { read_type(); next }
/^typedef (struct|enum) [a-z0-9_]+ [a-z0-9_]+;/ { comment = ""; next } # a handle: it has no entry
/^typedef / { read_typedef(); next }
/^MYL_API/ { read_function(); next }
{ comment = "" }

END {
    if (failed) exit 1
    for (p = 1; p <= pages; p++) write_page(page_name[p])
    if (failed) exit 1
}

function fail(what) {
    print FILENAME ":" FNR ": " what | "cat 1>&2"
    failed = 1
}

function add_page(name, of) {
    if (!(name in page_header)) {
        page_name[++pages] = name
        page_header[name] = of
    }
}

# Types and constants are on the header's own page, whatever group of calls they stand in.
function page_of_header() { return stem == "myelon" ? "myelon" : "myelon_" stem }

function add_item(on, kind, name, text, what) {
    items[on]++
    item_kind[on, items[on]] = kind
    item_name[on, items[on]] = name
    item_text[on, items[on]] = text
    item_comment[on, items[on]] = what
    home[name] = on
}

# The whole comment that begins in `line`; what follows the line is read.
function read_comment(line, text) {
    text = line
    while (index(text, "*/") == 0 && (getline line) > 0) text = text "\n" line
    return text
}

# A comment's text: lines, without the stars.
function strip_comment(text) {
    sub(/^[ \t]*\/\*[ \t]*/, "", text)
    sub(/[ \t]*\*\/.*$/, "", text)
    sub(/^SPDX[^\n]*\n?/, "", text)
    gsub(/\n[ \t]*\*?[ \t]*/, "\n", text)
    sub(/^\n*[ \t*]*/, "", text)
    return text
}

function trailing_comment(line, at) {
    at = index(line, "/*")
    return at == 0 ? "" : strip_comment(read_comment(substr(line, at)))
}

# What describes a declaration: a comment on its line, the one before it, or that of the declaration before it.
function described(own) {
    if (own != "") return own
    if (comment != "") shared = comment
    comment = ""
    return shared
}

# X(NAME, value, ..., "text") of a list; a comment after the entry wins over its text.
function read_list(list, line, entry, what, n, part) {
    list = $2
    sub(/\(.*/, "", list)
    line = $0
    while (line ~ /\\[ \t]*$/ && (getline line) > 0) {
        if (line !~ /^[ \t]*X\(/) continue
        entry = line
        sub(/^[ \t]*X\(/, "", entry)
        split(entry, part, /, */)
        what = ""
        if (match(line, /"[^"]*"\)/)) what = substr(line, RSTART + 1, RLENGTH - 3)
        if (index(line, "/*")) what = what ": " strip_comment(substr(line, index(line, "/*")))
        n = ++list_count[list]
        list_name[list, n] = part[1]
        list_value[list, n] = part[2]
        list_text[list, n] = what
    }
}

function read_type(line, name, text, what) {
    what = described("")
    line = $0
    name = line
    sub(/ *\{.*/, "", name)
    sub(/.* /, "", name)
    text = substr(line, index(line, "{") + 1)
    while (line !~ /}[^{}]*;/ && (getline line) > 0) text = text "\n" line
    sub(/}[^{}]*;[^;]*$/, "", text)
    add_item(page_of_header(), $0 ~ /^(typedef )?enum/ || line ~ /^enum/ || type_is_enum(text) ? "enum" : "struct", name, text, what)
    comment = shared = ""
}

function type_is_enum(text) {
    gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, "", text)
    return text !~ /;/
}

function read_typedef(text, name, line, what) {
    what = described(trailing_comment($0))
    text = $0
    while (text !~ /;/ && (getline line) > 0) text = text " " line
    sub(/;.*/, "", text)
    gsub(/[ \t]+/, " ", text)
    sub(/^typedef /, "", text)
    name = text
    if (name ~ /\(\*/) {
        sub(/^[^(]*\(\*/, "", name)
        sub(/\).*/, "", name)
    } else
        sub(/.* /, "", name)
    add_item(page_of_header(), "typedef", name, text, what)
    comment = shared = ""
}

function read_function(text, line, own, name, result) {
    line = text = $0
    while (line !~ /[;{]/ && line !~ /\)$/ && (getline line) > 0) text = text " " line
    own = trailing_comment(line)
    sub(/[ \t]*\/\*.*/, "", text)
    sub(/[;{].*/, "", text)
    gsub(/[ \t]+/, " ", text)
    sub(/ $/, "", text)
    result = text
    sub(/\(.*/, "", result)
    name = result
    sub(/.*[ *]/, "", name)
    result = substr(result, 1, length(result) - length(name))
    function_checked[name] = result ~ /MYL_NODISCARD/
    gsub(/MYL_[A-Z_]+ */, "", result)
    sub(/ $/, "", result)
    functions[page]++
    function_name[page, functions[page]] = name
    function_result[name] = result
    text = substr(text, index(text, "(") + 1)
    function_arguments[name] = substr(text, 1, length(text) - 1)
    function_comment[name] = described(own)
    if (function_comment[name] == "") fail(name " has no comment")
    # Calls under one comment are described together.
    function_joined[name] = own == "" && functions[page] > 1 && function_comment[name] != "" &&
        function_comment[name] == function_comment[function_name[page, functions[page] - 1]]
    home[name] = page
    sub(/^[^{]*/, "", line)
    if (line ~ /^\{/ && line !~ /}/) while ((getline line) > 0 && line !~ /^}/) continue
}

# --- text to mdoc ----------------------------------------------------------------------------------------------------

function put(line) { print line > file }

function escape(text) {
    gsub(/\\/, "\\e", text)
    return text
}

# A word of a text: names of the interface are bold, `quoted` ones too, and no name is hyphenated.
function dress(word, before, name) {
    if (match(word, /`[^`]*`/))
        return "\\%" substr(word, 1, RSTART - 1) "\\fB" substr(word, RSTART + 1, RLENGTH - 2) "\\fR" substr(word, RSTART + RLENGTH)
    if (match(word, /(myl|MYL)_[A-Za-z0-9_]+/)) {
        before = substr(word, 1, RSTART - 1)
        name = substr(word, RSTART, RLENGTH)
        return "\\%" before "\\fB" name "\\fR" substr(word, RSTART + RLENGTH)
    }
    if (word ~ /_/) return "\\%" word
    if (word ~ /^-[0-9]/) return "\\" word
    return word
}

function put_line(line) {
    if (line ~ /^[.']/) line = "\\&" line
    if (line ~ /\.\.$/) line = line "\\&"
    put(line)
}

# A text as filled lines: a new sentence on a new line, a paragraph where the comment has an empty line, or ends a line
# early after a full stop.
function put_text(text, line, i, n, raw, row, w, words, word, length_before, ends, gap) {
    n = split(text, raw, "\n")
    row = ""
    for (i = 1; i <= n; i++) {
        w = split(escape(raw[i]), words, /[ \t]+/)
        if (raw[i] == "" || (i > 1 && raw[i - 1] ~ /[.:]$/ && length(raw[i - 1]) + length(words[1]) < 100)) {
            if (row != "") put_line(row)
            row = ""
            gap = 1 # no paragraph begins before there is text for it
        }
        for (line = 1; line <= w; line++) {
            word = dress(words[line])
            if (word == "") continue
            if (gap) {
                put(".Pp")
                gap = 0
            }
            if (row != "" && length(row) + length(word) > 76) {
                put_line(row)
                row = ""
            }
            row = row == "" ? word : row " " word
            ends = words[line] ~ /[^. ][.!?][")]*$/ && words[line] !~ /^(e\.g\.|i\.e\.)$/ &&
                (line == w || words[line + 1] !~ /^[a-z]/)
            if (ends) {
                put_line(row)
                row = ""
            }
        }
    }
    if (row != "") put_line(row)
}

function quoted(text) {
    gsub(/"/, "\\(dq", text)
    return "\"" text "\""
}

function trim(text) {
    gsub(/[ \t\n]+/, " ", text)
    sub(/^ /, "", text)
    sub(/ $/, "", text)
    return text
}

# The members of a structure or an enumeration, with their comments.
function put_members(text, is_enum, at, declaration, what, same_line, i, c, depth, open) {
    if (is_enum && match(text, /MYL_[A-Z_]*##name/)) {
        at = substr(text, RSTART, RLENGTH - 6)
        match(text, /[A-Z_]+\(MYL_X\)/)
        put_list(at, substr(text, RSTART, RLENGTH - 7))
        text = substr(text, 1, index(text, "#") - 1)
    }
    open = 0
    declaration = ""
    while (text != "") {
        same_line = text !~ /^[ \t]*\n/
        sub(/^[ \t\n]+/, "", text)
        if (text == "") break
        if (substr(text, 1, 2) == "/*") {
            at = index(text, "*/")
            what = strip_comment(substr(text, 1, at + 1))
            text = substr(text, at + 2)
            if (open && same_line && declaration != "") {
                put_text(what)
                declaration = ""
            } else {
                if (open) put(".El")
                put(".Pp")
                put_text(what)
                open = 0
            }
            continue
        }
        depth = 0
        for (i = 1; i <= length(text); i++) {
            c = substr(text, i, 1)
            if (c == "(") depth++
            if (c == ")") depth--
            if (depth == 0 && (c == ";" || (is_enum && c == ",") || substr(text, i, 2) == "/*")) break
        }
        declaration = trim(substr(text, 1, i - 1))
        text = substr(text, substr(text, i, 2) == "/*" ? i : i + 1)
        if (!open) put(".Bl -tag -width Ds -compact")
        open = 1
        put(".It " (is_enum ? "Dv " : "Vt ") quoted(declaration))
    }
    if (open) put(".El")
}

function put_list(prefix, list, i) {
    if (!list_count[list]) fail("no list " list)
    put(".Bl -tag -width Ds -compact")
    for (i = 1; i <= list_count[list]; i++) {
        put(".It Dv " quoted(prefix list_name[list, i] " = " list_value[list, i]))
        put_text(list_text[list, i])
    }
    put(".El")
}

# --- pages -----------------------------------------------------------------------------------------------------------

function write_page(name, i, title) {
    if (!functions[name] && !items[name] && name != "myelon") return
    file = directory "/" name ".3"
    title = name
    put(".\\\" SPDX-License-Identifier: MIT")
    put(".\\\" Made from " page_header[name] " by tools/man3.sh.")
    put(".Dd " date)
    put(".Dt " toupper(title) " 3")
    put(".Os")
    put_names(name)
    put_synopsis(name)
    put_description(name)
    put_results(name)
    put_see_also(name)
    close(file)
    for (i = 1; i <= functions[name]; i++) write_link(function_name[name, i], name)
    for (i = 1; i <= items[name]; i++) if (item_kind[name, i] !~ /^(constant|macro)$/) write_link(item_name[name, i], name)
}

function write_link(from, to) {
    if (from == to) return
    file = directory "/" from ".3"
    put(".so man3/" to ".3")
    close(file)
}

function put_names(name, i) {
    put(".Sh NAME")
    put(".Nm " name (functions[name] ? " ," : ""))
    for (i = 1; i <= functions[name]; i++) put(".Nm " function_name[name, i] (i < functions[name] ? " ," : ""))
    if (name == "myelon") put(".Nd message rings in shared memory")
    else if (name in group) put(".Nd functions of " page_header[name] ", " group[name])
    else put(".Nd " (items[name] ? functions[name] ? "types and functions" : "types" : "functions") " of " page_header[name])
}

function put_synopsis(name, i, f, n, j, c, depth, argument, rest) {
    put(".Sh SYNOPSIS")
    put(".In " page_header[name])
    for (i = 1; i <= functions[name]; i++) {
        f = function_name[name, i]
        put(".Ft " quoted(function_result[f]))
        put(".Fo " f)
        rest = function_arguments[f] ","
        depth = 0
        argument = ""
        for (j = 1; j <= length(rest); j++) {
            c = substr(rest, j, 1)
            if (c == "(") depth++
            if (c == ")") depth--
            if (c == "," && depth == 0) {
                put(".Fa " quoted(trim(argument)))
                argument = ""
            } else
                argument = argument c
        }
        put(".Fc")
    }
}

function put_description(name, i) {
    put(".Sh DESCRIPTION")
    if (name in group)
        put_text("The types, and what holds for all functions of the header: see myelon_" base_of(name) "(3).")
    else
        put_text(overview[page_header[name]])
    if (name == "myelon") put_contents()
    put_functions(name)
    put_items(name)
}

function base_of(name, of) {
    of = page_header[name]
    sub(/.*\//, "", of)
    sub(/\.h$/, "", of)
    return of
}

function put_contents(i, j, name) {
    put(".Pp")
    put("A page for each header and each group of functions; every function and every")
    put("type is also the name of a page.")
    put(".Bl -tag -width Ds")
    for (i = 1; i <= pages; i++) {
        name = page_name[i]
        if (name == "myelon" || (!functions[name] && !items[name])) continue
        put(".It Xr " name " 3")
        put_text(name in group ? page_header[name] ", " group[name] ":" : page_header[name] ": types" (functions[name] ? ", and" : ""))
        for (j = 1; j <= functions[name]; j++)
            put(".Fn " function_name[name, j] (j < functions[name] ? " ," : ""))
    }
    put(".El")
    put(".Pp")
    put("A program is compiled with what")
    put(".Ic pkg-config --cflags --libs myelon")
    put("prints.")
}

function put_functions(name, i, f, heads) {
    if (!functions[name]) return
    put(".Bl -tag -width Ds")
    for (i = 1; i <= functions[name]; i++) {
        f = function_name[name, i]
        heads = heads == "" ? "Fn " f : heads " , Fn " f
        if (i < functions[name] && function_joined[function_name[name, i + 1]]) continue
        put(".It " heads)
        put_text(function_comment[f])
        heads = ""
    }
    put(".El")
}

function put_items(name, i, kind, joined) {
    if (!items[name]) return
    put(".Sh TYPES AND CONSTANTS")
    put(".Bl -tag -width Ds")
    for (i = 1; i <= items[name]; i++) {
        kind = item_kind[name, i]
        if (kind == "constant") put(".It Dv " item_name[name, i] " = " quoted(escape(item_text[name, i])))
        else if (kind == "macro") put(".It Dv " quoted(item_text[name, i]))
        else if (kind == "typedef") put(".It Vt " quoted(item_text[name, i]))
        else put(".It Vt " quoted(kind == "enum" ? "enum " item_name[name, i] : item_name[name, i]))
        # Constants under one comment are described together, after the last one.
        joined = kind == "constant" && i < items[name] && item_comment[name, i] != "" &&
            item_comment[name, i] == item_comment[name, i + 1]
        if (item_comment[name, i] != "" && !joined) put_text(item_comment[name, i])
        if (kind == "struct" || kind == "enum") put_members(item_text[name, i], kind == "enum")
    }
    put(".El")
}

# The codes that the comments of the page name, in the order of the list, with the functions that name them.
function put_results(name, i, j, f, code, any, users, checked) {
    for (i = 1; i <= functions[name]; i++)
        if (function_checked[function_name[name, i]]) checked++
    if (!checked) return
    put(".Sh RETURN VALUES")
    put((checked == functions[name] ? "The functions" : "Functions of type int that are declared") \
        (checked == functions[name] ? "" : "\n.Dv MYL_NODISCARD"))
    put("return")
    put(".Dv MYL_OK ,")
    put("or one of the negative codes of")
    put(name == "myelon_error" ? ".Vt enum myl_error ;" : ".Xr myelon_error 3 ;")
    put(".Fn myl_error_detail")
    put("then has the reason in words.")
    for (j = 1; j <= list_count["MYL_ERROR_LIST"]; j++) {
        code = "MYL_" list_name["MYL_ERROR_LIST", j]
        users = ""
        for (i = 1; i <= functions[name]; i++) {
            f = function_name[name, i]
            if ((" " function_comment[f] " ") ~ ("[^A-Z_]" code "[^A-Z_]"))
                users = users (users == "" ? "" : " ,\n") ".Fn " f
        }
        if (users == "") continue
        if (!any++) {
            put(".Sh ERRORS")
            put("The descriptions above name these codes; a function may return others, too.")
            put(".Bl -tag -width Ds")
        }
        put(".It Bq Er " code)
        put_text(list_text["MYL_ERROR_LIST", j] ":")
        put(users)
    }
    if (any) put(".El")
}

function put_see_also(name, i, n, near, other, j) {
    for (i = 1; i <= pages; i++) {
        other = page_name[i]
        if (other == name || (!functions[other] && !items[other] && other != "myelon")) continue
        if (page_header[other] == page_header[name] || other == "myelon" || other == "myelon_error" || name == "myelon") {
            for (j = n++; j > 0 && near[j] > other; j--) near[j + 1] = near[j]
            near[j + 1] = other
        }
    }
    put(".Sh SEE ALSO")
    put(".Xr myelon 1 ,")
    for (i = 1; i <= n; i++) put(".Xr " near[i] " 3" (i < n ? " ," : ""))
}
