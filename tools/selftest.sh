#!/bin/sh
# SPDX-License-Identifier: MIT
# Plants one violation of each kind in a copy of the sources and expects the check in question to see it:
# selftest.sh [LIBRARY]; with the library the check of its symbols too.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)
work=$(mktemp -d "${MYL_TEST_DIR:-/tmp}/selftest.XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0

fresh() {
    rm -rf "$work/tree"
    mkdir "$work/tree"
    for part in src include tools docs cli bench examples tests models man cmake CMakeLists.txt myelon.pc.in run README.md .ci .clang-format; do
        [ ! -e "$root/$part" ] || cp -R "$root/$part" "$work/tree/"
    done
}

# expect PATTERN WHAT CHECK [ARGUMENT...]: the check must fail, and say why.
expect() {
    pattern=$1 what=$2
    shift 2
    if (cd "$work/tree" && "$@") >"$work/out" 2>&1; then
        echo "not seen by $1: $what"
        failed=1
    elif ! grep -q -e "$pattern" "$work/out"; then
        echo "$1 failed for another reason than \"$what\":"
        sed 's/^/    /' "$work/out"
        failed=1
    fi
}

fresh
# shellcheck disable=SC2016 # a row of a table
printf '| a | b | c | d | e | `unit.liveness/test_nothing_of_the_kind` |\n' >>"$work/tree/docs/liveness.md"
expect 'no test unit.liveness/test_nothing' "a row whose test is not there" tools/check-tested.sh
fresh
printf '| a | b | c | d | e | |\n' >>"$work/tree/docs/liveness.md"
expect 'row without a test' "a row without a test" tools/check-tested.sh
fresh
printf 'src/os/clock.c\tmyl_os_sleep\treturn 4711;\treturn 4712;\tno such line\n' >>"$work/tree/tests/mutants/equivalent.tsv"
expect 'clock.c, myl_os_sleep has no line "return 4711;"' "a mutant of a line that is not there" tools/check-mutants.sh

# Compiles one layer of the library in the copy of the tree.
# shellcheck disable=SC2317 # expect calls it
build_layer() {
    cmake -S . -B build -DCMAKE_C_COMPILER="${CC:-cc}" -DMYELON_BUILD_TESTS=OFF -DMYELON_BUILD_BENCH=OFF \
        -DMYELON_BUILD_CLI=OFF -DMYELON_BUILD_EXAMPLES=OFF && cmake --build build --target "myelon_layer_$1"
}
fresh
printf '#include "ring/handle.h"\n' >>"$work/tree/src/os/os.h"
expect 'os.h:.*ring/handle.h.*\(No such file\|not found\)' "a layer includes a higher one" build_layer os
cp src/os/os.h "$work/tree/src/os/os.h"
printf '#include <myelon/ring.h>\n' >>"$work/tree/src/segment/segment.h"
expect 'segment.h:.*myelon/ring.h.*\(No such file\|not found\)' "a layer includes a public header of a higher one" \
    build_layer segment
cp src/segment/segment.h "$work/tree/src/segment/segment.h"
mkdir "$work/tree/src/elsewhere"
expect 'src/elsewhere is of no layer' "a folder that is no layer" build_layer base
fresh
printf '#include "../ring/handle.h"\n' >>"$work/tree/src/os/clock.c"
expect 'clock.c:[0-9]*:#include "../ring/handle.h"' "an include past the layers" tools/check-headers.sh

fresh
printf 'static uint64_t f(const uint64_t *p)\n{\n    return __atomic_load_n(p, 0);\n}\n' >>"$work/tree/src/ring/gate.c"
expect 'bare atomic' "a bare atomic access" tools/check-atomics.sh
fresh
printf 'static volatile int flag;\n' >>"$work/tree/src/ring/gate.c"
expect 'volatile orders nothing' "a volatile" tools/check-atomics.sh
fresh
printf '\n\n\n\n\nstatic uint64_t f(const myl_au64 *p)\n{\n    return myl_load_acq(p);\n}\n' >>"$work/tree/src/ring/gate.c"
expect 'without an id' "an atomic site without an id" tools/check-atomics.sh
fresh
printf '\n\n\n\n\nstatic void f(void *to, const void *from)\n{\n    myl_copy_rlx(to, from, 8);\n}\n' \
    >>"$work/tree/src/ring/gate.c"
expect 'without an id' "a copy of shared words without an id" tools/check-atomics.sh
fresh
printf 'static uint64_t f(const myl_au64 *p)\n{\n    (void)myl_load_acq(p); /* A8 */\n    (void)myl_load_acq(p);\n}\n' \
    >>"$work/tree/src/ring/gate.c"
expect 'without an id' "an id that is another line's" tools/check-atomics.sh
fresh
printf 'static uint64_t f(const myl_au64 *p)\n{\n    return myl_load_acq(p); /* A8, A4 */\n}\n' \
    >>"$work/tree/src/ring/gate.c"
expect 'gate.c:[0-9]*: ids A8 A4 for 1 access' "two ids for one access" tools/check-atomics.sh
fresh
printf 'static uint64_t planted(const myl_au64 *p)\n{\n    /* A8. Pairs: A7. */\n    return myl_load_acq(p);\n}\n' \
    >>"$work/tree/src/ring/gate.c"
# shellcheck disable=SC2016 # a message with a name
expect 'gate.c:[0-9]*: A8 in planted .*add `planted` at "ring/gate.c:"' "a site that the table has not" \
    tools/check-atomics.sh
fresh
printf '#define PLANTED(p) \\\n    myl_load_acq(p) /* A8 */\n' >>"$work/tree/src/ring/gate.c"
expect 'gate.c:[0-9]*: A8 in PLANTED ' "a site in a macro that the table has not" tools/check-atomics.sh
fresh
sed 's/^int myl_gate_minimum(/int myl_gate_least(/' src/ring/gate.c >"$work/tree/src/ring/gate.c"
expect 'A8 in myl_gate_least is not in' "a function by another name" tools/check-atomics.sh
# shellcheck disable=SC2016 # a message with a name
expect 'memory-model.md:[0-9]*: A8: `myl_gate_minimum` of ring/gate.c has no such site' "a function that is gone" \
    tools/check-atomics.sh
fresh
sed '/^| A8 /s|ring/gate.c: |ring/producer.c: |' docs/memory-model.md >"$work/tree/docs/memory-model.md"
expect 'A8 in myl_gate_minimum is not in' "a function under another file" tools/check-atomics.sh
# shellcheck disable=SC2016 # a message with a name
expect 'A8: `myl_gate_minimum` of ring/producer.c has no' "a function in a file that has it not" tools/check-atomics.sh
fresh
sed 's/myl_store_rel(&control->gate, minimum)/myl_store_rlx(\&control->gate, minimum)/' src/ring/gate.c \
    >"$work/tree/src/ring/gate.c"
expect 'gate.c:[0-9]*: A24 is a store rlx here' "an access that is weaker than the table" tools/check-atomics.sh
expect 'memory-model.md:[0-9]*: A24: no site is a store rel' "an order that no access has" tools/check-atomics.sh
fresh
sed '/^| A8 /s/| load acq |/| load rlx |/' docs/memory-model.md >"$work/tree/docs/memory-model.md"
expect 'gate.c:[0-9]*: A8 is a load acq here, but " load rlx "' "a table with another order" tools/check-atomics.sh
expect 'gate.c:[0-9]*: A8 is \[acq\] in a comment' "a comment with another order than the table" tools/check-atomics.sh
fresh
sed '/^| A8 /s/| load acq |/| acq |/' docs/memory-model.md >"$work/tree/docs/memory-model.md"
expect 'A8: no access and order in " acq "' "an order without an access" tools/check-atomics.sh
fresh
sed '/^| A8 /s|ring/gate.c: |the gate: |' docs/memory-model.md >"$work/tree/docs/memory-model.md"
# shellcheck disable=SC2016 # a message with names
expect 'is not "file: `function`, ..."' "a cell that names no file" tools/check-atomics.sh
fresh
printf '/* A99999 */\n' >>"$work/tree/src/ring/gate.c"
expect 'does not explain A99999' "an id that is not explained" tools/check-atomics.sh
fresh
printf '| A99999 | of no site |\n' >>"$work/tree/docs/memory-model.md"
expect 'A99999, which the code does not have' "an explanation of no site" tools/check-atomics.sh

fresh
printf '/* Protocol 77. */\n' >>"$work/tree/src/ring/gate.c"
expect 'gate.c:[0-9]*: Protocol 77 is not in' "a protocol that is nowhere" tools/check-references.sh
fresh
printf '/* Protocol 2 and\n * 78. */\n' >>"$work/tree/src/ring/gate.c"
expect 'gate.c:[0-9]*: Protocol 78 is not in' "a protocol on the next line of a comment" tools/check-references.sh
fresh
printf '/* As J44 says. */\n' >>"$work/tree/tests/unit/join_test.c"
expect 'join_test.c:[0-9]*: step J44 is not in' "a step that is nowhere" tools/check-references.sh
fresh
printf '| G44 | never |\n' >>"$work/tree/docs/protocols.md"
expect 'step G44 is in no code, model or test' "a step that nothing performs" tools/check-references.sh
fresh
printf '/* See elsewhere.md. */\n' >>"$work/tree/include/myelon/base.h"
expect 'base.h:[0-9]*: elsewhere.md is not there' "a page that is not there" tools/check-references.sh
fresh
printf '\n[one](frames.md#no-such-heading), [two](no-such-file)\n' >>"$work/tree/docs/design.md"
expect 'no heading of docs/frames.md is #no-such-heading' "a link to no heading" tools/check-references.sh
expect 'the link no-such-file leads nowhere' "a link to no file" tools/check-references.sh
fresh
# shellcheck disable=SC2016 # names of tests
printf '\n`unit.join/test_nothing_of_the_kind`, `unit.no_such`\n' >>"$work/tree/docs/design.md"
expect 'join_test.c has no test_nothing_of_the_kind' "a test function that is not there" tools/check-references.sh
expect 'there is no test unit.no_such' "a test that is not there" tools/check-references.sh

fresh
yes ';' | head -n 701 >"$work/tree/src/ring/long.c"
expect 'long.c: 701 lines' "a file of 701 lines" tools/check-length.sh

# A build with one test, whose limits are $1 and $2 seconds.
build_with_limits() {
    fresh
    mkdir "$work/tree/build"
    {
        echo 'add_test([=[unit.a]=] "/leakcheck" "--timeout" "'"$1"'" "/unit/a_test")'
        echo 'set_tests_properties([=[unit.a]=] PROPERTIES  LABELS "unit" TIMEOUT "'"$2"'" _BACKTRACE_TRIPLES "")'
    } >"$work/tree/build/CTestTestfile.cmake"
    printf 'unit.a 61\n' >"$work/tree/tests/quiet-seconds.txt"
}
build_with_limits 610 609
expect 'unit.a: a TIMEOUT of 609 s is less than 610 s' "a limit below ten times the quiet time" tools/check-limits.sh build
build_with_limits 600 615
expect 'the leak checker gives it 600 s' "an inner limit below it" tools/check-limits.sh build
build_with_limits 610 615
printf 'unit.b 61\n' >>"$work/tree/tests/quiet-seconds.txt"
expect 'lists unit.b, which is no test' "a quiet time of no test" tools/check-limits.sh build
build_with_limits 610 615
sed -i 's/^\(#define TEST_DEADLINE_MS\) [0-9]*/\1 2000/' "$work/tree/tests/support/test.h"
expect 'limit of a single wait is "2000"' "a short limit of a single wait" tools/check-limits.sh build

fresh
sed -i '/^int myl_producer_info/,/^}/{/MYL_I_NOT_NULL(producer)/d;}' "$work/tree/src/ring/"*.c
expect 'myl_producer_info does not begin with MYL_I_NOT_NULL(producer)' "a call without its assertion" tools/check-null.sh
fresh
sed -i 's/MYL_ELOCKLOST, ""/MYL_ELOCKLOST, "not its text"/' "$work/tree/cli/advice.c"
expect 'gate.c:.*close this handle' "advice to a program, without words for commands" tools/check-advice.sh

fresh
# shellcheck disable=SC2016 # names in backquotes
printf '| `a` | `myl_not_there`, `myl_info.not_there` | = | |\n| `b` | | other | |\n' >>"$work/tree/docs/from-rust.md"
expect 'myl_not_there is not in the public headers' "a counterpart that is not there" tools/check-from-rust.sh
expect 'myl_info has no member not_there' "a member that is not there" tools/check-from-rust.sh
expect 'a row without a reason' "a difference without a reason" tools/check-from-rust.sh

fresh
printf 'myl_before\tmyl_nowhere\tcall\tplanted\n' >>"$work/tree/tools/port-0.2.tsv"
expect 'myl_nowhere is not in the headers' "a new name that is not there" tools/check-port.sh
expect 'myl_before: tests/port and the table differ' "an old name that no test has" tools/check-port.sh

fresh
printf '#!/bin/sh\necho "  ls  list rings"\n' >"$work/tree/command"
chmod +x "$work/tree/command"
expect 'myelon.1 is out of date' "a page that differs from --help" tools/check-man1.sh ./command

fresh
sed '/^\/\* Aborts all claims that are not published/d' include/myelon/ring.h >"$work/tree/include/myelon/ring.h"
expect 'ring.h:[0-9]*: myl_producer_abort has no comment' "a function without a comment" tools/check-man3.sh
fresh
# A declaration in a form that the pages do not know.
printf 'extern MYL_API\nint myl_not_there(int (*f)(void));\n' >>"$work/tree/include/myelon/base.h"
expect 'myl_not_there has no page' "a function without a page" tools/check-man3.sh
fresh
printf '/* Returns MYL_NOWHERE. */\nMYL_API int myl_planted(void);\n' >>"$work/tree/include/myelon/base.h"
expect 'MYL_NOWHERE is mentioned' "a constant that no page describes" tools/check-man3.sh
if command -v mandoc >/dev/null 2>&1; then
    fresh
    sed 's/put(".Fc")/put(".Fcc")/' tools/man3.awk >"$work/tree/tools/man3.awk"
    expect 'myelon_base.3.*Fcc' "a page with a warning" tools/check-man3.sh
    fresh
    sed 's/put(".Xr myelon 1 ,")/put(".Xr myelon_none 3 ,")/' tools/man3.awk >"$work/tree/tools/man3.awk"
    expect 'refers to myelon_none.3' "a cross reference that leads nowhere" tools/check-man3.sh
fi

fresh
printf '#ifndef X_H\n#define X_H\nextern myl_sequence myl_x;\n#endif\n' >"$work/tree/include/myelon/x.h"
expect 'does not stand alone as c11' "a header that needs another one before it" tools/check-headers.sh
fresh
printf '#ifndef X_H\n#define X_H\nstatic inline int *f(void *p)\n{\n    return p;\n}\n#endif\n' >"$work/tree/include/myelon/x.h"
expect 'does not stand alone as c++17' "a header that is not C++" tools/check-headers.sh

fresh
sed 's/{MYL_ETYPE, "", .*},/{MYL_ETYPE, "", NULL},/' cli/advice.c >"$work/tree/cli/advice.c"
expect 'attach.c:[0-9]*: .*MYL_ETYPE.*type_id' "a row that keeps the library's advice" tools/check-advice.sh
sed 's/{MYL_EHANDLER, ""/{MYL_EHANDLER, "none has this"/' cli/advice.c >"$work/tree/cli/advice.c"
expect 'no sentence has this row: MYL_EHANDLER' "a row without a sentence" tools/check-advice.sh
sed -e '/exists with lanes/d' -e 's/{MYL_ESHAPE, ""/{MYL_ESHAPE, "carries"/' cli/advice.c >"$work/tree/cli/advice.c"
expect 'producer_open.c:[0-9]*: .*with lanes .*0 to accept any' "a sentence of a macro without a row" tools/check-advice.sh

fresh
mkdir -p "$work/objects/myelon_layer_base.dir/base"
printf 'void myl_b(void);\nvoid myl_a(void);\nvoid myl_a(void)\n{\n    myl_b();\n}\n' >"$work/a.c"
printf 'void myl_b(void);\nvoid myl_a(void);\nvoid myl_b(void)\n{\n    myl_a();\n}\n' >"$work/b.c"
"${CC:-cc}" -c "$work/a.c" -o "$work/objects/myelon_layer_base.dir/base/error.c.o"
"${CC:-cc}" -c "$work/b.c" -o "$work/objects/myelon_layer_base.dir/base/log.c.o"
expect '    base/error' "modules that call each other" tools/check-modules.sh "$work/objects"
fresh
printf 'int myl_a(void);\n' >>"$work/tree/src/base/log.h"
printf 'int myl_a(void);\nint myl_a(void)\n{\n    return 0;\n}\n' >"$work/a.c"
"${CC:-cc}" -c "$work/a.c" -o "$work/objects/myelon_layer_base.dir/base/error.c.o"
rm "$work/objects/myelon_layer_base.dir/base/log.c.o"
expect 'base/log.h: declares myl_a' "a header that declares what another module defines" tools/check-modules.sh \
    "$work/objects"

fresh
printf '#define X(a) \\\n    myl_b(a);\nint myl_none(int a);\n' >>"$work/tree/src/base/log.h"
expect 'base/log.h: declares myl_none, which no module defines' "a declared function that is not defined" \
    tools/check-modules.sh "$work/objects"

if [ $# -eq 1 ]; then
    fresh
    printf '#ifdef X\n#endif\nMYL_API int\nmyl_not_there(int (*f)(void));\n' >>"$work/tree/include/myelon/base.h"
    expect 'myl_not_there is in the headers' "a function of the headers that the list has not" tools/check-symbols.sh "$1"
    fresh
    sed 's/^    myl_version;$/    myl_version;\n    myl_versiona;/' src/libmyelon.map >"$work/tree/src/libmyelon.map"
    expect 'myl_versiona is in src/libmyelon.map' "a listed function that is not there" tools/check-symbols.sh "$1"
    fresh
    grep -v '^    myl_version;$' src/libmyelon.map >"$work/tree/src/libmyelon.map"
    expect 'myl_version is in .*, but not in src/libmyelon.map' "an exported function that is not listed" \
        tools/check-symbols.sh "$1"
fi
exit "$failed"
