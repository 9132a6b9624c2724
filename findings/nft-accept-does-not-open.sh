#!/usr/bin/env bash
# One would guess: a table of one's own with a rule that accepts a port opens this port, at least if its chain
# runs before the chain that drops.
#
# What happens: a packet must pass every chain of the hook. The packet is accepted in the first table (the counter
# shows it) and then dropped by the policy of the other table. The priority changes only the order. Only a rule
# inside the chain that drops opens the port.
#
# Output:
#    own table at priority -10: the packet is dropped, counter: packets 1
#    own table at priority 10: the packet is dropped, counter: packets 0
#    rule inside the chain that drops: the packet arrives
#
# Version: nftables 1.0.6 (Debian 12), Linux 6.18.
#
# Why it matters for a node manager: a separate table, which one can replace and delete safely, is the obvious
# design for opening the nodes' ports. It never opens one, and `nft list ruleset` shows an accept rule whose
# counter grows.
#
# Needs: user and network namespaces (or root), python3, and apt-get with Debian 12's packages.
set -euo pipefail
export LC_ALL=C

skip() { echo "skipped: $1" >&2; exit 77; }
changed() { echo "changed: $1" >&2; exit 1; }

if [ "${1:-}" != inside ]; then
    self=$(realpath "$0")
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    command -v python3 >/dev/null || skip "no python3"
    unshare --user --map-root-user --net ip link set lo up 2>/dev/null || skip "no user and network namespaces"
    cd "$work"
    apt-get download -qq -o APT::Sandbox::User=root nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2 \
        libnftnl11=1.2.4-2 libmnl0=1.0.4-3 libjansson4=2.14-2 libedit2=3.1-20221030-2 libbsd0=0.11.7-2 \
        libxtables12=1.8.9-2 2>log ||
        skip "no such package: $(cat log)"
    for package in *.deb; do dpkg-deb -x "$package" root; done
    unshare --user --map-root-user --net "$BASH" "$self" inside
    exit
fi

nft() { LD_LIBRARY_PATH=root/usr/lib/$(uname -m)-linux-gnu:root/lib/$(uname -m)-linux-gnu root/usr/sbin/nft "$@"; }

# Sends one UDP packet to port 55001 and prints whether it arrived.
packet() {
    python3 - <<'PYTHON'
import socket
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 55001))
receiver.settimeout(1)
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 55001))
try:
    receiver.recv(1)
    print("arrives")
except TimeoutError:
    print("is dropped")
PYTHON
}

ip link set lo up
nft -f - <<'RULES' || skip "nftables does not work in a namespace"
table inet operator {
    chain input {
        type filter hook input priority 0; policy drop;
    }
}
RULES

for priority in -10 10; do
    nft -f - <<RULES
table inet manager {
    chain input {
        type filter hook input priority $priority; policy accept;
        udp dport 55001 counter accept
    }
}
RULES
    seen=$(packet)
    counter=$(nft list table inet manager | grep -o 'packets [0-9]*')
    echo "own table at priority $priority: the packet $seen, counter: $counter"
    [ "$seen" = "is dropped" ] || changed "an accept in another table opens the port"
    [ "$priority" = 10 ] || [ "$counter" = "packets 1" ] || changed "the packet did not reach the own table"
    nft delete table inet manager
done

nft insert rule inet operator input udp dport 55001 accept
seen=$(packet)
echo "rule inside the chain that drops: the packet $seen"
[ "$seen" = arrives ] || changed "the rule inside the chain does not open the port"
echo "holds"
