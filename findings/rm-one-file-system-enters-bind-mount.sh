#!/usr/bin/env bash
# One would guess: `rm -rf --one-file-system` does not delete what is mounted inside the folder.
#
# What happens: rm compares device numbers. A bind mount of a folder of the same filesystem has the same number,
# so rm enters it and deletes all files of the other folder. At the end it reports "Device or resource busy" for
# the empty mount point and exits with 1. What is mounted from another filesystem is kept, as the name of the
# option says.
#
# Output:
#    exit code 1
#    root/bin/rm: skipping 'disk/node/foreign', since it's on a different device
#    root/bin/rm: cannot remove 'disk/node/backup': Device or resource busy
#    in the bound folder: 0 files, in the foreign filesystem: 1
#
# Version: GNU coreutils 9.1 (Debian 12), Linux 6.18.
#
# Why it matters for a node manager: it deletes folders of nodes as root. If an operator bound a folder of the
# same disk into one of them (backups, shared logs, the data of another node), the option does not protect it.
# Only a search for mount points in /proc/self/mountinfo does.
#
# Needs: apt-get with Debian 12's packages, and user namespaces (or root).
set -euo pipefail
export LC_ALL=C

skip() { echo "skipped: $1" >&2; exit 77; }
changed() { echo "changed: $1" >&2; exit 1; }

if [ "${1:-}" != inside ]; then
    self=$(realpath "$0")
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    unshare --user --map-root-user --mount true 2>/dev/null || skip "no user and mount namespaces"
    cd "$work"
    apt-get download -qq -o APT::Sandbox::User=root coreutils=9.1-1 2>log ||
        skip "no such package: $(cat log)"
    dpkg-deb -x coreutils_*.deb root
    mkdir disk
    unshare --user --map-root-user --mount "$BASH" "$self" inside
    exit
fi

mount -t tmpfs tmpfs disk
mkdir -p disk/node/backup disk/node/foreign disk/backup
echo key >disk/backup/secret-key
mount --bind disk/backup disk/node/backup
mount -t tmpfs tmpfs disk/node/foreign
echo key >disk/node/foreign/secret-key

code=0
text=$(root/bin/rm -rf --one-file-system -- disk/node 2>&1) || code=$?
echo "exit code $code"
echo "$text"
echo "in the bound folder: $(find disk/backup -type f | wc -l) files, in the foreign filesystem: $(find disk/node/foreign -type f | wc -l)"
[ $code = 1 ] || changed "rm exits with $code"
[ -e disk/node/foreign/secret-key ] || changed "another filesystem is entered"
[ ! -e disk/backup/secret-key ] || changed "the bind mount is not entered"
echo "holds"
