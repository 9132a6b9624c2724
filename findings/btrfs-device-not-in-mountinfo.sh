#!/usr/bin/env bash
# One would guess: the device number that stat reports for a folder (`st_dev`) is the number of one line in
# /proc/self/mountinfo, and this line names the disk of the folder.
#
# What happens: on btrfs, stat reports a number that is in no line. The line of the mount has another number. Each
# subvolume has its own number, so one disk looks like two, and hard links between them fail with EXDEV.
#
# Output:
#    mountinfo: 0:39, stat of the mount: 0:40, stat of the subvolume: 0:41
#    ln: exit code 1, ln: failed to create hard link 'disk/nodes/file' => 'disk/file': Invalid cross-device link
#
# Version: btrfs-progs 6.2 (Debian 12), Linux 6.18.
#
# Why it matters for a node manager: it looks up the disk of each node. If it searches by number, it finds no
# disk, and it counts the free space of one disk twice if two storage folders are subvolumes. Comparing filesystem
# type and source in the line with the longest mount point above the folder works.
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

listed=$(awk -v point="$PWD/disk" '$5 == point { print $3 }' /proc/self/mountinfo)
top=$(stat -c %Hd:%Ld disk)
subvolume=$(stat -c %Hd:%Ld disk/nodes)
echo "mountinfo: $listed, stat of the mount: $top, stat of the subvolume: $subvolume"
for number in "$top" "$subvolume"; do
    ! awk '{ print $3 }' /proc/self/mountinfo | grep -qx "$number" || changed "$number is in mountinfo"
done
[ "$top" != "$subvolume" ] || changed "the subvolume has the number of the mount"

echo program >disk/file
code=0
text=$(ln disk/file disk/nodes/file 2>&1) || code=$?
echo "ln: exit code $code, $text"
[ $code = 1 ] && [[ $text == *"Invalid cross-device link"* ]] || changed "hard links to a subvolume work"
echo "holds"
