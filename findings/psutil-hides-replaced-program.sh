#!/usr/bin/env bash
# One would guess: psutil's Process.exe() returns what the link /proc/PID/exe contains, which ends in " (deleted)"
# after the program was replaced.
#
# What happens: psutil removes this ending. After an upgrade by rename, the old process and the new one have the
# same exe(), and opening this path reads the new program. Nothing tells that the process still runs the old one.
#
# Output:
#    link: FOLDER/antnode (deleted)
#    psutil: FOLDER/antnode
#
# Version: psutil 7.0.0.
#
# Why it matters for a node manager: to find the nodes that still need a restart after an upgrade, it has to read
# the link itself. Asking the file for its version tells the version of a program that does not run yet.
#
# Needs: Linux, and python3 with venv and pip.
set -euo pipefail
export LC_ALL=C

skip() { echo "skipped: $1" >&2; exit 77; }
changed() { echo "changed: $1" >&2; exit 1; }

work=$(mktemp -d)
node=
trap '[ -z "$node" ] || kill "$node"; rm -rf "$work"' EXIT
cd "$work"
[ -d /proc/self ] || skip "no /proc"
python3 -m venv venv >log 2>&1 || skip "no python3 with venv: $(cat log)"
venv/bin/pip install --quiet --disable-pip-version-check --only-binary=:all: psutil==7.0.0 >log 2>&1 ||
    skip "no such package: $(cat log)"

cp "$(type -P sleep)" antnode
./antnode 60 &
node=$!
exe() { venv/bin/python -c "import psutil; print(psutil.Process($node).exe())"; }
for _ in $(seq 50); do [ "$(exe)" = "$work/antnode" ] && break; sleep 0.1; done

cp "$(type -P true)" antnode.new
mv antnode.new antnode
link=$(readlink "/proc/$node/exe")
told=$(exe)
echo "link: $link"
echo "psutil: $told"
[ "$link" = "$work/antnode (deleted)" ] || changed "the kernel does not mark the link"
[ "$told" = "$work/antnode" ] || changed "psutil tells that the program was replaced"
echo "holds"
