#!/usr/bin/env bash
# One would guess: if B does not exist, `podman rm -f A B` removes A, or it fails. Exit code 0 means that both are
# gone.
#
# What happens: if one of the names does not exist, podman removes none of the containers, prints nothing, and
# exits with 0. Without -f it exits with 1 and an error, and removes none either. With --ignore it removes A.
#
# Output:
#    rm -f node1 gone: exit code 0, output '', containers: node1
#    rm node1 gone: exit code 1, output 'Error: no container with name or ID "gone" found: no such container', containers: node1
#    rm --ignore node1 gone: exit code 0, containers:
#
# Version: podman 4.3.1 (Debian 12).
#
# Why it matters for a node manager: it removes the containers of several nodes in one call, and one of them may
# be gone already. It then forgets all of them, and the others keep running. It has to pass --ignore, and to list
# the containers again afterwards.
#
# Needs: root, mount namespaces, and apt-get with Debian 12's packages. No container is started.
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
    apt-get download -qq -o APT::Sandbox::User=root podman=4.3.1+ds1-8+deb12u1+b3 conmon=2.1.6+ds1-1 \
        runc=1.1.5+ds1-1+deb12u1 golang-github-containers-common=0.50.1+ds1-4 libsubid4=1:4.13+dfsg1-1+deb12u2 \
        libseccomp2=2.5.4-1+deb12u1 libgpgme11=1.18.0-3+deb12u1 libdevmapper1.02.1=2:1.02.185-2 2>log ||
        skip "no such package: $(cat log)"
    for package in *.deb; do dpkg-deb -x "$package" root; done
    unshare --mount "$BASH" "$self" inside
    exit
fi

# Podman keeps its locks in /dev/shm, and some state in /run and /var: hide those of the machine.
for folder in /dev/shm /run /var/lib; do mount -t tmpfs tmpfs $folder; done
lib=$PWD/root/usr/lib/$(uname -m)-linux-gnu:$PWD/root/lib/$(uname -m)-linux-gnu
export PATH=$PWD/root/usr/bin:$PWD/root/usr/sbin:$PATH HOME=$PWD/home CONTAINERS_CONF=$PWD/containers.conf
mkdir -p home/.config/containers empty/tmp
cp root/etc/containers/policy.json home/.config/containers
cat >containers.conf <<CONF
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
podman() {
    LD_LIBRARY_PATH=$lib root/usr/bin/podman --root "$PWD/store" --runroot "$PWD/run" --tmpdir "$PWD/tmp" \
        --storage-driver vfs --conmon "$PWD/root/usr/bin/conmon" "$@"
}
names() { podman ps -a --format '{{.Names}}'; }

tar -C empty -cf image.tar .
podman import -q image.tar localhost/empty:1 >/dev/null 2>log || skip "podman does not work here: $(cat log)"
podman create --pull never --network none --name node1 localhost/empty:1 /node >/dev/null

code=0
text=$(podman rm -f node1 gone 2>&1) || code=$?
echo "rm -f node1 gone: exit code $code, output '$text', containers: $(names)"
[ $code = 0 ] && [ -z "$text" ] || changed "an error is reported"
[ "$(names)" = node1 ] || changed "node1 is removed"

code=0
text=$(podman rm node1 gone 2>&1) || code=$?
echo "rm node1 gone: exit code $code, output '$text', containers: $(names)"
[ $code = 1 ] && [ "$(names)" = node1 ] || changed "rm without -f removes node1 or reports success"

code=0
podman rm --ignore node1 gone >/dev/null || code=$?
echo "rm --ignore node1 gone: exit code $code, containers: $(names)"
[ $code = 0 ] && [ -z "$(names)" ] || changed "rm --ignore does not remove node1"
echo "holds"
