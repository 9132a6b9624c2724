#!/usr/bin/env bash
# One would guess: if two files in /etc/logrotate.d name the same log, logrotate rotates this log by one of them,
# and all other logs as usual.
#
# What happens: the second entry is dropped as a whole, with all logs that its pattern matches. One entry for one
# log of one node, in a file that sorts first, turns off the rotation of the logs of all other nodes. Other
# entries of the second file still work. logrotate exits with 1, which most systems only write to the journal.
#
# Output:
#    exit code 1; rotated: logs/antnode0001.log.1 other/manager.log.1
#    error: nodes:1 duplicate log entry for FOLDER/logs/antnode0001.log
#    error: found error in file nodes, skipping
#
# Version: logrotate 3.21.0 (Debian 12).
#
# Why it matters for a node manager: its package installs one entry with a pattern for all nodes. An operator who
# adds an entry for one busy node lets all the other logs grow until the disk is full.
#
# Needs: apt-get with Debian 12's packages.
set -euo pipefail
export LC_ALL=C

skip() { echo "skipped: $1" >&2; exit 77; }
changed() { echo "changed: $1" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq -o APT::Sandbox::User=root logrotate=3.21.0-1 libpopt0=1.19+dfsg-1 2>log ||
    skip "no such package: $(cat log)"
for package in *.deb; do dpkg-deb -x "$package" root; done

mkdir -m 755 logs other rules
for log in logs/antnode0001.log logs/antnode0002.log other/manager.log; do seq 100 >$log; done
entry() { printf '%s {\n    size 1\n    rotate 2\n}\n' "$1"; }
entry "$work/logs/antnode0001.log" >rules/busy-node
{ entry "$work/logs/*.log"; entry "$work/other/*.log"; } >rules/nodes
echo "include $work/rules" >logrotate.conf

code=0
LD_LIBRARY_PATH=root/usr/lib/$(uname -m)-linux-gnu:root/lib/$(uname -m)-linux-gnu \
    root/usr/sbin/logrotate --state state logrotate.conf 2>errors || code=$?
rotated=$(printf '%s ' logs/*.1 other/*.1)
echo "exit code $code; rotated: $rotated"
cat errors
[ $code = 1 ] && grep -q 'duplicate log entry' errors || changed "the duplicate is no error"
[ "$rotated" = "logs/antnode0001.log.1 other/manager.log.1 " ] || changed "the rotated logs differ"
echo "holds"
