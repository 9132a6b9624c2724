#!/usr/bin/env bash
# One would guess: `df` (statvfs) of a folder shows how much can still be written there.
#
# What happens: a btrfs subvolume with a quota of 20 MB refuses to grow past 20 MB ("Disk quota exceeded"), and df
# for this subvolume still shows the free space of the whole disk, about 200 MB. The error is EDQUOT, not ENOSPC.
# The number of inodes is 0, and so is the number of free inodes: a check of "free inodes in percent" divides by
# zero.
#
# Output:
#    writing 40 MB: exit code 1, 20 MB written, Disk quota exceeded
#    free by statvfs: 208 MB, inodes: 0 total, 0 free
#
# Version: btrfs-progs 6.2 (Debian 12), Linux 6.18.
#
# Why it matters for a node manager: it adds nodes while df shows free space. On such a disk all nodes stop
# writing with a disk that looks almost empty. A manager must also take 0 inodes as "no limit".
#
# Needs: root, loop devices, btrfs in the kernel, and apt-get with Debian 12's packages.
set -euo pipefail
export LC_ALL=C

skip() { echo "skipped: $1" >&2; exit 77; }
changed() { echo "changed: $1" >&2; exit 1; }

if [ "${1:-}" != inside ]; then
    self=$(realpath "$0")
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    [ "$(id -u)" = 0 ] || skip "not root"
    unshare --mount true 2>/dev/null || skip "no mount namespaces"
    cd "$work"
    apt-get download -qq -o APT::Sandbox::User=root btrfs-progs=6.2-1+deb12u2 liblzo2-2=2.10-2 2>log ||
        skip "no such package: $(cat log)"
    for package in *.deb; do dpkg-deb -x "$package" root; done
    mkdir disk
    truncate -s 300M image
    unshare --mount "$BASH" "$self" inside
    exit
fi

btrfs() { LD_LIBRARY_PATH=root/usr/lib/$(uname -m)-linux-gnu:root/lib/$(uname -m)-linux-gnu "$@"; }
btrfs root/sbin/mkfs.btrfs -q image >/dev/null
mount -o loop image disk 2>/dev/null || skip "cannot mount btrfs on a loop device"
trap 'umount disk' EXIT
btrfs root/bin/btrfs -q subvolume create disk/nodes
btrfs root/bin/btrfs quota enable disk
btrfs root/bin/btrfs qgroup limit 20M disk/nodes

code=0
text=$(dd if=/dev/zero of=disk/nodes/record bs=1M count=40 conv=fsync 2>&1) || code=$?
size=$(($(stat -c %s disk/nodes/record) / 1000000))
free=$(($(stat -f -c '%a * %S' disk/nodes) / 1000000))
inodes=$(stat -f -c '%c total, %d free' disk/nodes)
echo "writing 40 MB: exit code $code, $size MB written, $(grep -o 'Disk quota exceeded' <<<"$text" || true)"
echo "free by statvfs: $free MB, inodes: $inodes"
[ $code = 1 ] && [[ $text == *"Disk quota exceeded"* ]] || changed "the quota does not limit: $text"
[ $free -ge 150 ] || changed "statvfs knows about the quota"
[ "$inodes" = "0 total, 0 free" ] || changed "btrfs reports inodes"
echo "holds"
