#!/usr/bin/env bash
# One would guess: `cp --reflink=always FROM TO` either clones the file or changes nothing, so a program can try a
# clone first and use another method if it fails.
#
# What happens: on a filesystem that cannot clone (tmpfs here, ext4 too), cp exits with 1, but has already emptied
# TO. If TO did not exist, cp leaves an empty file. A shell that runs this empty file reports success.
#
# Output:
#    root/bin/cp: failed to clone 'disk/program' from 'disk/new': Operation not supported
#    exit code 1, size of the existing target: 0
#    root/bin/cp: failed to clone 'disk/other' from 'disk/new': Operation not supported
#    exit code 1, size of the new target: 0
#    running the empty file: exit code 0
#
# Version: GNU coreutils 9.1 (Debian 12).
#
# Why it matters for a node manager: it tries a clone before it copies the 30 MB program of a node. It must clone
# to a new name and rename the result only after success. Otherwise a failed clone destroys the program that is in
# use.
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

cp=root/bin/cp
mount -t tmpfs tmpfs disk
echo new >disk/new
echo "in use" >disk/program

code=0
$cp --reflink=always disk/new disk/program || code=$?
echo "exit code $code, size of the existing target: $(stat -c %s disk/program)"
[ $code = 1 ] || changed "the clone exits with $code"
[ ! -s disk/program ] || changed "the target keeps its content"

code=0
$cp --reflink=always disk/new disk/other || code=$?
echo "exit code $code, size of the new target: $(stat -c %s disk/other)"
[ $code = 1 ] || changed "the clone exits with $code"
[ -e disk/other ] && [ ! -s disk/other ] || changed "no empty file is left"

chmod +x disk/other
code=0
bash -c disk/other || code=$?
echo "running the empty file: exit code $code"
[ $code = 0 ] || changed "a shell no longer runs an empty file"
echo "holds"
