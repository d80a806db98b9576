#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034 # read by name: packages_JOB, tools_JOB
# Which packages which job needs, and how they are installed. Sourced by run and .ci/run. docs/dependencies.md says
# what each is for.

packages_build="build-essential cmake ninja-build pkg-config libcmocka-dev libmsgpack-dev libuv1-dev libcjson-dev libssl-dev libncurses-dev"
packages_lint="shellcheck clang clang-format clang-tidy cppcheck abigail-tools dwarves mandoc"
packages_coverage="gcovr"
packages_models="spin gcc libc6-dev"
packages_cross="gcc-aarch64-linux-gnu gcc-riscv64-linux-gnu libc6-dev-arm64-cross libc6-dev-riscv64-cross qemu-user-static"
packages_fuzz="cmake ninja-build pkg-config libcjson-dev clang libclang-rt-14-dev"
packages_interop="$packages_build python3 python3-venv flatbuffers-compiler libflatbuffers-dev"
packages_bench="g++ libboost-dev libzmq3-dev libnng-dev libck-dev libdpdk-dev"
packages_mutants="$packages_build python3 python3-venv util-linux"
mutator_wanted=universalmutator==1.14.1 # from the Python registry, into build/mutants/venv
msgpack_wanted=msgpack==1.2.4 # from the Python registry, into build/run/interop/python: tests/interop/python.sh
packages_ci="$packages_mutants $packages_lint $packages_models $packages_fuzz $packages_cross musl-tools"

# Commands that show, on a system without dpkg, that the job can be done.
tools_build="cc cmake pkg-config"
tools_lint="shellcheck clang-format clang-tidy cppcheck"
tools_coverage="cc gcovr"
tools_models="spin cc"
tools_mutants="$tools_build python3 unshare"
tools_fuzz="cmake ninja clang"
tools_interop="$tools_build python3"
tools_bench="cc" # what bench/frame is measured against is left out where it is not found
tools_ci="$tools_build $tools_lint $tools_models clang musl-gcc aarch64-linux-gnu-gcc riscv64-linux-gnu-gcc qemu-aarch64-static"

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Prints those of the packages given that are not installed.
packages_missing() {
    for package in "$@"; do
        case $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) in
            *" installed") ;;
            *) printf '%s ' "$package" ;;
        esac
    done
}

# On a system that is not of the Debian family: the tools must be there already.
tools_or_die() {
    lacking=
    for tool in $1; do
        command -v "$tool" >/dev/null 2>&1 || lacking="$lacking $tool"
    done
    [ -z "$lacking" ] && return 0
    die "Not found:$lacking. This is not a Debian system, so install them yourself; on Debian the packages are: $2"
}

# install_packages JOB: makes sure that what the job (build, lint, models, fuzz, bench, interop, ci) needs is there. Says one
# line if it installs something.
install_packages() {
    eval "wanted=\$packages_$1 tools=\$tools_$1"
    # shellcheck disable=SC2154 # both are set by the eval above
    if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
        tools_or_die "$tools" "$wanted"
        return 0
    fi
    # shellcheck disable=SC2086 # a list of words
    missing=$(packages_missing $wanted)
    missing=${missing% }
    [ -n "$missing" ] || return 0
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || die "Missing packages. Install them as root: apt-get install $missing"
        as_root=sudo
    fi
    printf 'Installing with apt-get: %s\n' "$missing"
    log=$(mktemp)
    # The lists of a fresh machine may be empty or old: try, refresh, try again.
    # shellcheck disable=SC2086 # lists of words
    if ! apt_install >"$log" 2>&1 && ! { $as_root apt-get -q update && apt_install; } >>"$log" 2>&1; then
        tail -n 15 "$log" >&2
        rm -f "$log"
        die "apt-get could not install: $missing. Is there a network, and may you install packages?"
    fi
    rm -f "$log"
}

apt_install() {
    # shellcheck disable=SC2086 # lists of words
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $missing
}
