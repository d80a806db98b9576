#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the Python package msgpack for the interoperability tests: python.sh BUILD-DIRECTORY. It goes into a virtual
# environment, BUILD-DIRECTORY/interop/python. Needs python3 with venv, and once a network. Status 77: it is missing.
set -eu
mkdir -p "${1:?usage: python.sh BUILD-DIRECTORY}"
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
. tools/packages.sh
venv=$build/interop/python
if ! "$venv/bin/python" -c 'import msgpack' 2>/dev/null; then
    mkdir -p "$build/interop"
    # shellcheck disable=SC2154 # packages.sh sets msgpack_wanted
    { python3 -m venv "$venv" &&
        "$venv/bin/pip" install --quiet --disable-pip-version-check "$msgpack_wanted"; } >"$build/interop/python.log" 2>&1 || {
        tail -n 3 "$build/interop/python.log" >&2
        echo "interop: cannot install $msgpack_wanted into $venv; is there python3-venv, and a network?" >&2
        exit 77
    }
fi
echo "$venv/bin/python"
