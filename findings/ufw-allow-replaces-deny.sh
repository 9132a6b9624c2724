#!/usr/bin/env bash
# One would guess: `ufw allow` of a port adds a rule. If the operator has a rule that denies this port, both rules
# exist, and the first one decides.
#
# What happens: the new rule replaces the operator's rule, because it names the same port. The deny is gone, and
# so is its comment. ufw prints the same words as when it updates anything else ("Rules updated"), and exits with
# 0. `ufw delete allow` afterwards removes the rule: the deny does not come back.
#
# Output:
#    ufw deny 55001/udp comment no node here: exit code 0, Rules updated Rules updated (v6)
#    ufw deny 55001/udp comment 'no node here'
#    ufw allow 55001/udp comment antnode0001: exit code 0, Rules updated Rules updated (v6)
#    ufw allow 55001/udp comment 'antnode0001'
#    ufw delete allow 55001/udp: exit code 0, Rules updated Rules updated (v6)
#
# Version: ufw 0.36.2 (Debian 12), not enabled.
#
# Why it matters for a node manager: it opens ports of nodes. An operator who blocked one of them, with a comment
# that says why, finds it open. The manager has to read `ufw show added` first, and leave alone what is not its
# own.
#
# Needs: user, mount and network namespaces (or root), python3, and apt-get with Debian 12's packages.
set -euo pipefail
export LC_ALL=C

skip() { echo "skipped: $1" >&2; exit 77; }
changed() { echo "changed: $1" >&2; exit 1; }

if [ "${1:-}" != inside ]; then
    self=$(realpath "$0")
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    unshare --user --map-root-user --mount --net true 2>/dev/null || skip "no user, mount and network namespaces"
    [ -x /usr/bin/python3 ] || skip "no /usr/bin/python3"
    cd "$work"
    apt-get download -qq -o APT::Sandbox::User=root ufw=0.36.2-1 iptables=1.8.9-2 libip4tc2=1.8.9-2 \
        libip6tc2=1.8.9-2 libxtables12=1.8.9-2 libmnl0=1.0.4-3 libnftnl11=1.2.4-2 libnetfilter-conntrack3=1.0.9-3 \
        libnfnetlink0=1.0.2-2 2>log ||
        skip "no such package: $(cat log)"
    for package in *.deb; do dpkg-deb -x "$package" root; done
    unshare --user --map-root-user --mount --net "$BASH" "$self" inside
    exit
fi

# Installs the packages in this namespace only: a read-only /usr, and an /etc whose changes are kept in memory.
cp -a root/lib/. root/usr/lib
cp root/usr/share/ufw/*.rules root/usr/share/ufw/*.init root/usr/share/ufw/ufw.conf root/etc/ufw
for name in iptables ip6tables iptables-restore ip6tables-restore; do ln -s xtables-nft-multi root/usr/sbin/$name; done
mkdir memory
mount -t tmpfs tmpfs memory
mkdir memory/upper memory/work
mount -t overlay -o "lowerdir=$PWD/root/etc:/etc,upperdir=$PWD/memory/upper,workdir=$PWD/memory/work" overlay /etc &&
    mount -t overlay -o "lowerdir=$PWD/root/usr:/usr" overlay /usr &&
    mount -t tmpfs tmpfs /run || skip "no overlay in a namespace"

run() {
    local code=0 text
    text=$(ufw "$@" | tr '\n' ' ') || code=$?
    echo "ufw $*: exit code $code, ${text% }"
    [ $code = 0 ] && [ "$text" = "Rules updated Rules updated (v6) " ] || changed "other words or another exit code"
}
added() { ufw show added | grep '^ufw ' || true; }

run deny 55001/udp comment "no node here"
added
[ "$(added)" = "ufw deny 55001/udp comment 'no node here'" ] || changed "the deny is not listed as expected"
run allow 55001/udp comment antnode0001
added
[ "$(added)" = "ufw allow 55001/udp comment 'antnode0001'" ] || changed "the deny is kept"
run delete allow 55001/udp
[ -z "$(added)" ] || changed "a rule is left: $(added)"
echo "holds"
