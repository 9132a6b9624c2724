#!/usr/bin/env bash
# One would guess: with LC_ALL=C, every program prints English.
#
# What happens: ufw is written in Python, and Python's gettext looks at LANGUAGE before LC_ALL. With LC_ALL=C
# LANGUAGE=fr, `ufw status` prints "État : inactif". GNU gettext ignores LANGUAGE in the locale C, and prints
# English. In the locale C.UTF-8, GNU gettext does not ignore it and prints French too.
#
# Output:
#    ufw, LC_ALL=C: Status: inactive
#    ufw, LC_ALL=C LANGUAGE=fr: État : inactif
#    GNU gettext, LC_ALL=C LANGUAGE=fr: Status: inactive
#    GNU gettext, LC_ALL=C.UTF-8 LANGUAGE=fr: État : inactif
#
# Version: ufw 0.36.2 (Debian 12), with its own catalogue in /usr/share/locale, where language packs put it;
# gettext-base 0.21 (Debian 12).
#
# Why it matters for a node manager: it reads `ufw status`, and sets LC_ALL=C for this. LANGUAGE comes from the
# operator's session, and sudo keeps it by default. The manager has to remove LANGUAGE as well, or it takes an
# active firewall for an inactive one.
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
    apt-get download -qq -o APT::Sandbox::User=root ufw=0.36.2-1 gettext-base=0.21-12 iptables=1.8.9-2 \
        libip4tc2=1.8.9-2 libip6tc2=1.8.9-2 libxtables12=1.8.9-2 libmnl0=1.0.4-3 libnftnl11=1.2.4-2 \
        libnetfilter-conntrack3=1.0.9-3 libnfnetlink0=1.0.2-2 2>log ||
        skip "no such package: $(cat log)"
    for package in *.deb; do dpkg-deb -x "$package" root; done
    unshare --user --map-root-user --mount --net "$BASH" "$self" inside
    exit
fi

# Installs the packages in this namespace only: a read-only /usr, and an /etc whose changes are kept in memory.
cp -a root/lib/. root/usr/lib
cp root/usr/share/ufw/*.rules root/usr/share/ufw/*.init root/usr/share/ufw/ufw.conf root/etc/ufw
for name in iptables ip6tables iptables-restore ip6tables-restore; do ln -s xtables-nft-multi root/usr/sbin/$name; done
install -D -m 0644 root/usr/share/ufw/messages/fr.mo root/usr/share/locale/fr/LC_MESSAGES/ufw.mo
mkdir memory
mount -t tmpfs tmpfs memory
mkdir memory/upper memory/work
mount -t overlay -o "lowerdir=$PWD/root/etc:/etc,upperdir=$PWD/memory/upper,workdir=$PWD/memory/work" overlay /etc &&
    mount -t overlay -o "lowerdir=$PWD/root/usr:/usr" overlay /usr &&
    mount -t tmpfs tmpfs /run || skip "no overlay in a namespace"

status() { env "$@" ufw status 2>/dev/null | head -n 1; }
gnu() { env TEXTDOMAIN=ufw "$@" gettext 'Status: inactive'; }
expect() {
    echo "$1: $3"
    [[ $3 =~ ^$2$ ]] || changed "'$2' was expected"
}
expect "ufw, LC_ALL=C" "Status: inactive" "$(status LC_ALL=C)"
expect "ufw, LC_ALL=C LANGUAGE=fr" "État.*: inactif" "$(status LC_ALL=C LANGUAGE=fr)"
expect "GNU gettext, LC_ALL=C LANGUAGE=fr" "Status: inactive" "$(gnu LC_ALL=C LANGUAGE=fr)"
expect "GNU gettext, LC_ALL=C.UTF-8 LANGUAGE=fr" "État.*: inactif" "$(gnu LC_ALL=C.UTF-8 LANGUAGE=fr)"
echo "holds"
