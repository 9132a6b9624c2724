#!/usr/bin/env bash
# One would guess: in a unit file, `Restart=always # comment` restarts the service, `MemoryMax=512m` limits it to
# 512 MB, and `RestartSec=5M` waits five minutes. A line that systemd does not accept makes `systemd-analyze
# verify` fail.
#
# What happens: a comment behind a value belongs to the value. `Restart=` is then invalid and ignored: the service
# is not restarted. In ExecStart= the comment's words become arguments of the program. Sizes need a capital
# letter: with 512m there is no limit at all. In times, M is a month: RestartSec=5M waits five months.
# `systemd-analyze verify` prints warnings for some of these and exits with 0. With --recursive-errors=yes it
# exits with 1.
#
# Output:
#    verify: exit code 0
#    FOLDER/units/antnode0001.service:3: Failed to parse service restart specifier, ignoring: always # keep it running
#    FOLDER/units/antnode0001.service:5: Invalid memory limit '512m', ignoring: Invalid argument
#    Restart: no
#    RestartSec: 5month
#    Command Line: /bin/sleep 100 # the node
#    MemoryMax: 18446744073709551615
#
# Version: systemd 252.39 (Debian 12).
#
# Why it matters for a node manager: operators edit units and drop-ins of nodes by hand. A manager cannot conclude
# from the text of a unit, nor from a successful check, that a node is limited or comes back. `systemctl show` has
# what applies.
#
# Needs: user namespaces, and apt-get with Debian 12's packages. The units are read by systemd's test mode and not
# started.
set -euo pipefail
export LC_ALL=C

skip() { echo "skipped: $1" >&2; exit 77; }
changed() { echo "changed: $1" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
unshare --user true 2>/dev/null || skip "no user namespaces"
apt-get download -qq -o APT::Sandbox::User=root systemd=252.39-1~deb12u2 libsystemd-shared=252.39-1~deb12u2 \
    2>log ||
    skip "no such package: $(cat log)"
for package in *.deb; do dpkg-deb -x "$package" root; done
LD_LIBRARY_PATH=$work/root/usr/lib/$(uname -m)-linux-gnu/systemd
export LD_LIBRARY_PATH

mkdir units home
for target in basic shutdown; do echo '[Unit]' >units/$target.target; done
cat >units/antnode0001.service <<'UNIT'
[Service]
ExecStart=/bin/sleep 100 # the node
Restart=always # keep it running
RestartSec=5M
MemoryMax=512m
UNIT

code=0
root/usr/bin/systemd-analyze verify --man=no "$work/units/antnode0001.service" 2>warnings || code=$?
echo "verify: exit code $code"
cat warnings
[ $code = 0 ] || changed "verify fails"
code=0
root/usr/bin/systemd-analyze verify --man=no --recursive-errors=yes "$work/units/antnode0001.service" 2>/dev/null ||
    code=$?
[ $code = 1 ] || changed "verify with --recursive-errors=yes exits with $code"

# Test mode refuses root: without a mapping, the namespace has no root.
HOME=$work/home XDG_RUNTIME_DIR=$work/home SYSTEMD_UNIT_PATH=$work/units unshare --user \
    root/lib/systemd/systemd --test --user --unit=antnode0001.service --no-pager >dump 2>&1 ||
    skip "systemd's test mode does not work here: $(tail -n 1 dump)"
sed -n '/-> Unit antnode0001.service:/,/-> Unit /p' dump >unit
grep -E '^\s*(Restart|RestartSec|Command Line|MemoryMax):' unit | tee facts
grep -qE '^\s*MemoryMax: 18446744073709551615$' facts || changed "there is a limit"
grep -qE '^\s*Restart: no$' facts || changed "a comment behind Restart= is accepted"
grep -qE '^\s*RestartSec: 5month$' facts || changed "5M is no longer five months"
grep -qE '^\s*Command Line: .*sleep 100 .*# the node' facts || changed "a comment in ExecStart= is not passed on"
grep -q "Invalid memory limit '512m', ignoring" warnings || changed "512m is accepted"
echo "holds"
