#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the build into a temporary directory and uses it as a user's project does: by find_package and by pkg-config,
# shared and static, from C and C++. Usage: install_test.sh BUILD-DIRECTORY C-COMPILER
set -eu
build=$1
cc=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${MYL_TEST_DIR:-/tmp}/install.XXXXXX")
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
name=myl-test-${MYL_TEST_TAG:-$$}-install

# run_it WHAT PROGRAM: runs PROGRAM, which must pass its event.
run_it() {
    printf '%s: ' "$1"
    LD_LIBRARY_PATH=$libdir "$2" "$name"
}

cmake --install "$build" --prefix "$prefix" >/dev/null
pc=$(find "$prefix" -name myelon.pc)
[ -n "$pc" ] || {
    echo "no myelon.pc was installed"
    exit 1
}
libdir=$(dirname "$(dirname "$pc")")
[ -f "$libdir/libmyelon.a" ] && [ -e "$libdir/libmyelon.so" ] && [ -e "$libdir/libmyelon.so.0.2" ]
# The page of a function is a link to the page that describes it.
link=$(sed -n 's/^\.so //p' "$prefix/share/man/man3/myl_producer_claim.3")
grep -q '^\.Fo myl_producer_claim$' "$prefix/share/man/$link"
[ ! -x "$build/bin/myelon" ] || [ -x "$prefix/bin/myelon" ]

if ! cmake -S "$here" -B "$work/user" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" >"$work/log" 2>&1 ||
    ! cmake --build "$work/user" >>"$work/log" 2>&1; then
    cat "$work/log"
    exit 1
fi
for program in "$work"/user/consumer_*; do
    [ -f "$program" ] && run_it "find_package, ${program##*_}" "$program"
done

if command -v pkg-config >/dev/null 2>&1; then
    # The tree is moved first: myelon.pc must not contain the original prefix.
    mv "$prefix" "$work/moved"
    libdir=$work/moved${libdir#"$prefix"}
    export PKG_CONFIG_PATH="$libdir/pkgconfig"
    # shellcheck disable=SC2046 # flags are words
    "$cc" -std=c11 -o "$work/shared" "$here/consumer.c" $(pkg-config --cflags --libs myelon)
    run_it "pkg-config, shared" "$work/shared"
    # shellcheck disable=SC2046
    "$cc" -std=c11 -o "$work/static" "$here/consumer.c" $(pkg-config --cflags myelon) "$libdir/libmyelon.a" -pthread
    run_it "pkg-config, static" "$work/static"
    [ "$(pkg-config --modversion myelon)" = "$("$work/static" "$name" | cut -d' ' -f1)" ]
    if command -v c++ >/dev/null 2>&1; then
        # shellcheck disable=SC2046
        c++ -std=c++17 -Wall -Wextra -Wpedantic -Wold-style-cast -Werror -o "$work/cxx" "$here/consumer.cpp" \
            $(pkg-config --cflags --libs myelon)
        run_it "pkg-config, C++ that allows no cast of C" "$work/cxx"
    fi

    # An absolute library directory outside the prefix. Configures for it, and copies the files to the places that the
    # configuration names.
    mkdir -p "$work/apart/pkgconfig" "$work/headers"
    cmake -S "$here/../../.." -B "$work/absolute" -DCMAKE_C_COMPILER="$cc" -DCMAKE_INSTALL_PREFIX="$work/headers" \
        -DCMAKE_INSTALL_LIBDIR="$work/apart" -DMYELON_BUILD_TESTS=OFF -DMYELON_BUILD_BENCH=OFF \
        -DMYELON_BUILD_CLI=OFF -DMYELON_BUILD_EXAMPLES=OFF >"$work/log" 2>&1 || {
        cat "$work/log"
        exit 1
    }
    cp "$work/absolute/myelon.pc" "$work/apart/pkgconfig/"
    cp -R "$libdir"/libmyelon* "$work/apart/"
    cp -R "$work/moved/include" "$work/headers/"
    libdir=$work/apart
    export PKG_CONFIG_PATH="$libdir/pkgconfig"
    # shellcheck disable=SC2046
    "$cc" -std=c11 -o "$work/apart/shared" "$here/consumer.c" $(pkg-config --cflags --libs myelon)
    run_it "pkg-config, an absolute library directory" "$work/apart/shared"
fi
