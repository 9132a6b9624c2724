#!/usr/bin/env bash
# One would guess: two folders with the same device number (`st_dev`) are on one filesystem, so hard links work
# between them, and `mv` is a rename.
#
# What happens: if one of them is a bind mount, link and rename fail with EXDEV, although both folders are on the
# same filesystem, and can even be the same folder. `ln` reports "Invalid cross-device link". `mv` reports
# nothing: it copies the file, deletes the original and exits with 0. The file then has another inode, and the
# move was not atomic.
#
# Output:
#    device numbers: 39
#    ln: exit code 1, root/bin/ln: failed to create hard link 'disk/nodes/link' => 'disk/store/file': Invalid cross-device link
#    mv: exit code 0, output '', inode 4 before and 5 after
#
# Version: GNU coreutils 9.1 (Debian 12), Linux 6.18.
#
# Why it matters for a node manager: operators bind a large disk to the folder of the nodes. A program that
# compares device numbers to choose between link and copy chooses wrongly: it has to try. A file that is written
# elsewhere and then moved into place with mv can be seen half written.
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

bin=root/bin
mount -t tmpfs tmpfs disk
mkdir disk/store disk/nodes
mount --bind disk/store disk/nodes
echo program >disk/store/file

numbers=$(stat -c %d disk/store disk/nodes | sort -u)
echo "device numbers: $numbers"
[ "$(wc -l <<<"$numbers")" = 1 ] || changed "the device numbers differ"

code=0
text=$($bin/ln disk/store/file disk/nodes/link 2>&1) || code=$?
echo "ln: exit code $code, $text"
[ $code = 1 ] && [[ $text == *"Invalid cross-device link"* ]] || changed "a hard link works"

before=$(stat -c %i disk/store/file)
code=0
text=$($bin/mv disk/store/file disk/nodes/moved 2>&1) || code=$?
after=$(stat -c %i disk/store/moved)
echo "mv: exit code $code, output '$text', inode $before before and $after after"
[ $code = 0 ] && [ -z "$text" ] || changed "mv fails or prints something"
[ "$before" != "$after" ] || changed "mv renames the file"
echo "holds"
