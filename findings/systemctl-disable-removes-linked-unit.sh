#!/usr/bin/env bash
# One would guess: `systemctl disable` only turns off the start at boot. The unit stays, and can still be started
# by hand.
#
# What happens: if the file in /etc/systemd/system is a symlink to a unit elsewhere, disable deletes this symlink.
# systemd then does not know the unit any more ("Failed to get unit file state", exit code 1). The file that the
# symlink named stays. A unit that is a plain file stays too. The exit code is 0 in both cases. The reverse
# surprises as well: mask fails for a plain file in /etc/systemd/system, because it wants to put its symlink
# there. Who links the unit to /dev/null by hand instead loses the file, and unmask then removes the unit for
# good.
#
# Output:
#    systemctl link /opt/linked.service: exit code 0, Created symlink FOLDER/machine/etc/systemd/system/linked.service -> /opt/linked.service.
#    systemctl is-enabled linked.service: exit code 1, linked
#    systemctl disable linked.service plain.service: exit code 0, Removed "FOLDER/machine/etc/systemd/system/linked.service".
#    systemctl is-enabled linked.service: exit code 1, Failed to get unit file state for linked.service: No such file or directory
#    systemctl mask plain.service: exit code 1, Failed to mask unit, file "FOLDER/machine/etc/systemd/system/plain.service" already exists.
#    systemctl is-enabled plain.service: exit code 1, masked
#    systemctl unmask plain.service: exit code 0, Removed "FOLDER/machine/etc/systemd/system/plain.service".
#
# Version: systemd 252.39 (Debian 12), with --root.
#
# Why it matters for a node manager: it turns units of others off while it takes over their nodes, and promises
# that this can be undone. It has to look at the kind of the file first, and keep what the symlink named.
#
# Needs: apt-get with Debian 12's packages.
set -euo pipefail
export LC_ALL=C

skip() { echo "skipped: $1" >&2; exit 77; }
changed() { echo "changed: $1" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq -o APT::Sandbox::User=root systemd=252.39-1~deb12u2 libsystemd-shared=252.39-1~deb12u2 \
    2>log ||
    skip "no such package: $(cat log)"
for package in *.deb; do dpkg-deb -x "$package" root; done

units=machine/etc/systemd/system
mkdir -p $units machine/opt
unit() { printf '[Service]\nExecStart=/bin/sleep 100\n[Install]\nWantedBy=multi-user.target\n'; }
unit >$units/plain.service
unit >machine/opt/linked.service
code=0
run() {
    code=0
    LD_LIBRARY_PATH=root/usr/lib/$(uname -m)-linux-gnu/systemd \
        root/bin/systemctl --root="$work/machine" "$@" >text 2>&1 || code=$?
    echo "systemctl $*: exit code $code, $(tr '\n' ' ' <text)"
}

run link /opt/linked.service
[ -L $units/linked.service ] || changed "link makes no symlink"
run is-enabled linked.service
grep -qx linked text && [ $code = 1 ] || changed "is-enabled does not say linked"
run disable linked.service plain.service
[ $code = 0 ] || changed "disable fails"
[ ! -L $units/linked.service ] || changed "the symlink is kept"
[ -f $units/plain.service ] && [ -f machine/opt/linked.service ] || changed "a file is deleted"
run is-enabled linked.service
grep -q 'Failed to get unit file state' text && [ $code = 1 ] || changed "systemd still knows the unit"

run mask plain.service
grep -q 'already exists' text && [ $code = 1 ] || changed "a plain file can be masked"
ln -sf /dev/null $units/plain.service
run is-enabled plain.service
grep -qx masked text || changed "a symlink to /dev/null is not masked"
run unmask plain.service
[ $code = 0 ] && [ ! -e $units/plain.service ] || changed "unmask keeps something"
echo "holds"
