#!/usr/bin/env bash
# One would guess: `s6-svc -r` restarts a service, as `systemctl restart` does: afterwards it runs, whatever its
# state was.
#
# What happens: for a service that is down, `s6-svc -r` does nothing and exits with 0. It only sends a signal to a
# process, and there is none. `s6-svstat` exits with 0 for a service that is down, too: the state is only in its
# output.
#
# Output:
#    s6-svc -r of a stopped service: exit code 0; s6-svstat: exit code 0, down (signal SIGTERM) 3 seconds, normally up, ready 3 seconds
#    s6-svc -u: up (pid 25) 0 seconds
#
# Version: s6 2.11.3.2 (Debian 12).
#
# Why it matters for a node manager: after an upgrade it restarts the nodes in a container that s6 supervises.
# Nodes that were stopped before stay down without any error. It has to use `-u` for these, and read the output of
# s6-svstat.
#
# Needs: user, mount and PID namespaces (or root), and apt-get with Debian 12's packages.
set -euo pipefail
export LC_ALL=C

skip() { echo "skipped: $1" >&2; exit 77; }
changed() { echo "changed: $1" >&2; exit 1; }

if [ "${1:-}" != inside ]; then
    self=$(realpath "$0")
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    unshare --user --map-root-user --mount --pid --fork true 2>/dev/null || skip "no user, mount and PID namespaces"
    cd "$work"
    apt-get download -qq -o APT::Sandbox::User=root s6=2.11.3.2-1 libs6-2.11=2.11.3.2-1 execline=2.9.3.0-1 \
        libexecline2.9=2.9.3.0-1 libskarnet2.13=2.13.1.1-1 2>log ||
        skip "no such package: $(cat log)"
    for package in *.deb; do dpkg-deb -x "$package" root; done
    # The end of the first process of the PID namespace ends all others.
    unshare --user --map-root-user --mount --pid --fork --kill-child "$BASH" "$self" inside
    exit
fi

mount -t overlay -o "lowerdir=$PWD/root/usr:/usr" overlay /usr || skip "no overlay in a namespace"
mkdir -p scan/node
printf '#!/bin/sh\nexec sleep 1000\n' >scan/node/run
chmod +x scan/node/run
s6-svscan scan &

# Waits up to ten seconds for a state of the service.
state() {
    for _ in $(seq 100); do
        s6-svstat scan/node >text 2>/dev/null && grep -q "^$1" text && return
        sleep 0.1
    done
    changed "the service is not $1: $(cat text)"
}
state up
s6-svc -d scan/node
state down
code=0
s6-svc -r scan/node || code=$?
sleep 3
status=0
s6-svstat scan/node >text || status=$?
echo "s6-svc -r of a stopped service: exit code $code; s6-svstat: exit code $status, $(cat text)"
[ $code = 0 ] && grep -q '^down' text || changed "s6-svc -r fails or starts the service"
[ $status = 0 ] || changed "the exit code of s6-svstat tells the state"
s6-svc -u scan/node
state up
echo "s6-svc -u: $(cat text)"
echo "holds"
