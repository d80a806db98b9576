# SPDX-License-Identifier: MIT
"""Lists the mutants of a source file. universalmutator makes them, line by line; comments and directives are left out."""
import contextlib
import io
import os
import re

from universalmutator import mutator

HERE = os.path.dirname(os.path.abspath(__file__))
RULES = ["universal.rules", "c_like.rules", os.path.join(HERE, "project.rules")]
# Lines with nothing to run: directives other than constants, the ends of blocks, the heads of functions, the marks of steps,
# which only tests see.
IGNORED = [r"^\s*#(?!define\s+\w+\s)", r"^\s*[{}]*;?\s*$", r"^[A-Za-z][^=;]*\(", r"^\s*MYL_STEP\("]
STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')
# No result code is positive, and no error number (err) negative: these say the same.
SAME_RESULT = [("!= MYL_OK", "< MYL_OK"), ("== MYL_OK", ">= MYL_OK"), ("err != 0", "err > 0"), ("err == 0", "err <= 0")]
# A counter from 0 to an unsigned bound meets it exactly: != ends where < does.
COUNTING = re.compile(r"for \((?:uint\d+_t|size_t|unsigned) (\w+) = 0; \1 < ([\w>.\[\]-]+); \1\+\+\)")
NO_MORE = re.compile(r"\s*(return|break|continue|goto|case|default|else|for|if|while|do)\b")


def hide_strings(line):
    """The line with the text of each string replaced by a number of marks, and the strings."""
    strings = []

    def hide(match):
        strings.append(match.group(0))
        return '"' + "\2" * len(strings) + '"'

    return STRING.sub(hide, line), strings


def show_strings(line, strings):
    return re.sub('"(\2+)"', lambda match: strings[len(match.group(1)) - 1], line)


def pointless(before, after, strings):
    """What can only fail to compile, or be the same, or changes the text of a string."""
    at = len(os.path.commonprefix([before, after]))
    if at > 0 and at < len(before) and before[at].isdigit() and (before[at - 1].isalnum() or before[at - 1] == "_"):
        return True # a digit of a name
    added = after[len(before):].strip() if after.startswith(before) else ""
    if added in ("break;", "continue;") and (NO_MORE.match(before) or not before.rstrip().endswith((";", "}"))):
        return True
    if any(before.replace(this, that) == after for this, that in SAME_RESULT):
        return True
    counting = COUNTING.search(before)
    if counting and before.replace(f"{counting[1]} < {counting[2]};", f"{counting[1]} != {counting[2]};") == after:
        return True
    return after.count("\2") != before.count("\2") or "+-" in after or "-+" in after or len(strings) > after.count('"') // 2


def without_comments(text):
    """The text with every comment replaced by blanks, so that lines and columns stay."""

    def blank(match):
        found = match.group(0)
        return found if found[0] in "\"'" else re.sub(r"[^\n]", " ", found)

    text = re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/', blank, text, flags=re.S)
    return re.sub(r"[ \t]+$", "", text, flags=re.M)


def sim_only_lines(lines):
    """The numbers of the lines between "#ifdef MYL_SIM" and its "#else" or "#endif": the product has none of them."""
    inside, found = False, set()
    for number, line in enumerate(lines, 1):
        if line.startswith("#ifdef MYL_SIM"):
            inside = True
        elif line.startswith(("#else", "#endif")):
            inside = False
        elif inside:
            found.add(number)
    return found


def functions(lines):
    """For each line the function it is in, or ""."""
    names, name, in_body = [], "", False
    for line in lines:
        if line[:1].isalpha() and "(" in line and not line.startswith("typedef"):
            before = line[: line.index("(")].split()
            name = before[-1].lstrip("*") if before else ""
            in_body = True
        names.append(name if in_body else "")
        if line.startswith("}") or (line[:1].isalpha() and line.rstrip().endswith(";")):
            in_body = False
    return names


def mutants_of(path, text):
    """A list of {file, function, line, before, after}; before and after are whole lines without comments."""
    original = text.splitlines(keepends=True)
    code = without_comments(text).splitlines(keepends=True)
    skipped = sim_only_lines(original)
    names = functions(original)
    hidden = [hide_strings(line) for line in code]
    with contextlib.redirect_stdout(io.StringIO()):
        raw = mutator.mutants_regexp([line for line, _ in hidden], ruleFiles=RULES, ignorePatterns=IGNORED)
    found = []
    for number, after, *_ in raw:
        before, strings = hidden[number - 1]
        if number in skipped or without_comments(after).split() == before.split() or pointless(before, after, strings):
            continue
        after = show_strings(after, strings)
        found.append({"file": path, "function": names[number - 1], "line": number, "before": code[number - 1].strip(),
                      "after": " ".join(after.split("\n")).strip(), "text": after})
    return found


def apply(text, mutant):
    lines = text.splitlines(keepends=True)
    lines[mutant["line"] - 1] = mutant["text"]
    return "".join(lines)
