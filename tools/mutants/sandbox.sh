#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs a command where a mutated library can do no harm: sandbox.sh DIRECTORY COMMAND [ARGUMENT...]. DIRECTORY becomes /mnt, the
# only place of the root file system that can be written to; /tmp and /dev/shm are empty and private.
set -eu
if [ "${MYL_SANDBOX:-}" != inside ]; then
    map_root=
    [ "$(id -u)" -eq 0 ] || map_root=--map-root-user
    MYL_SANDBOX=inside exec unshare --mount --propagation private $map_root "$0" "$@"
fi
directory=$1
shift
mount --bind "$directory" /mnt
mount -t tmpfs -o size=512m tmpfs /tmp
mount -t tmpfs -o size=1g tmpfs /dev/shm
mount -o remount,bind,ro /
cd /mnt
exec "$@"
