#!/usr/bin/env bash
# Opens the ports of 20 nodes in ufw, in nftables and in firewalld, and checks with packets from another network namespace, by IPv4 and
# IPv6, which ports are open and which are closed: after the first node was added, after a reboot, and after the last node was removed.
# Single rules of an older version are replaced by the range without a lost packet, and rules of the operator stay.
# Takes 130 s.
MACHINE=firewalls-$$
PROGRAM=/usr/local/bin/wnm
DATABASE=/var/antctl/colony.db
. "$(dirname "$0")/story.sh"
raise
"$LAB" install "$MACHINE" nftables firewalld || {
    echo 'SKIPPED: firewalls: nftables and firewalld could not be installed'
    exit 0
}
as_root systemctl disable --quiet firewalld

# The internet: a namespace with another network. Everything here is lost with a reboot.
network() {
    as_root sh -ec '
        ip netns add outside
        ip link add eth0 type veth peer name out0 netns outside
        ip addr add 10.77.2.1/24 dev eth0
        ip -6 addr add fd77:2::1/64 dev eth0 nodad
        ip link set eth0 up
        ip -n outside addr add 10.77.2.2/24 dev out0
        ip -n outside -6 addr add fd77:2::2/64 dev out0 nodad
        ip -n outside link set out0 up
        ip -n outside link set lo up
        ip route add default via 10.77.2.2 dev eth0
        ip -6 route add default via fd77:2::2 dev eth0'
    as_root sh -c 'setsid python3 /root/echo.py >/dev/null 2>&1 &'
    until_so 10 'the echo server runs' as_root sh -c 'ss -lnu | grep -q :55021'
}

cat >"$HERE/.echo.$$" <<'PYTHON'
import select, socket
ports = [55000, *range(55003, 55022)]
listening = []
for port in ports:
    one = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    one.bind(("::", port))
    listening.append(one)
while True:
    for ready in select.select(listening, [], [])[0]:
        data, sender = ready.recvfrom(64)
        ready.sendto(data, sender)
PYTHON
cat >"$HERE/.ask.$$" <<'PYTHON'
import socket, sys, time

def answers(host, port, wait):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.settimeout(wait)
        try:
            one.connect((host, port))
            one.send(b"x")
            one.recv(8)
            return True
        except OSError:
            return False

if sys.argv[1] == "each":
    for port in sys.argv[2:]:
        for host in ("10.77.2.1", "fd77:2::1"):
            print(port, "o" if answers(host, int(port), 0.4) else "c", end=" ")
else:
    # New flows until the file exists; prints how many were sent and how many were lost.
    import os
    sent = lost = 0
    while not os.path.exists(sys.argv[3]):
        sent += 1
        lost += not answers("10.77.2.1", int(sys.argv[2]), 2)
        time.sleep(0.01)
    print(sent, lost)
PYTHON
trap 'rm -f "$LOG" "$HERE/.echo.$$" "$HERE/.ask.$$"; [ -n "${WNM_LAB_KEEP:-}" ] || "$LAB" down "$MACHINE"' EXIT
"$LAB" push "$MACHINE" "$HERE/.echo.$$" /root/echo.py
"$LAB" push "$MACHINE" "$HERE/.ask.$$" /root/ask.py

# met PORT...: what packets from outside meet at these ports, by IPv4 and IPv6: `o`pen or `c`losed.
met() { as_root ip netns exec outside python3 /root/ask.py each "$@" | sed 's/ *$//'; }
OPEN='55000 c 55000 c 55003 o 55003 o 55020 o 55020 o 55021 c 55021 c'
CLOSED='55000 c 55000 c 55003 c 55003 c 55020 c 55020 c 55021 c 55021 c'
is_met() { is "$(met 55000 55003 55020 55021)" "$1" "$KIND: $2"; }
# doctor VERDICT WORDS
doctor() {
    local found
    found=$(as_op wnm --doctor 2>&1 || true)
    grep -qE "^$1 +firewall .*$2" <<<"$found" || fail "$KIND: no '$1 firewall … $2' in
$found"
}

network
KIND=none
is "$(met 55003 55021)" '55003 o 55003 o 55021 o 55021 o' 'without a firewall'
# No node is added but by force: memory is never that free.
# shellcheck disable=SC2086
wnm --init --rewards_address faucet --process_manager systemd+sudo ${LIMITS/mem_less_than 98/mem_less_than 1} --max_concurrent_starts 2 \
    --max_concurrent_operations 2 >/dev/null 2>&1
add_two() { wnm --force_action add --count 2 >>"$LOG" 2>&1 || fail "$KIND: add"; }
teardown() { wnm --force_action teardown --confirm >>"$LOG" 2>&1 || fail "$KIND: teardown"; }
play() {
    is_met "$CLOSED" 'before there is a node'
    add_two
    is_met "$OPEN" 'with two nodes'
    doctor ok "$KIND: the ports of all running nodes are open"
    tell "$KIND: the range of 20 nodes is open, and nothing beside it"
    "$LAB" reboot "$MACHINE"
    network
    cycle --mem_less_than 98
    cycles_until 20 "$KIND: two nodes are started after a reboot" state_is RESTARTING 2
    cycle --mem_less_than 1
    cycles_until 40 "$KIND: two nodes run after a reboot" state_is RUNNING 2
    is_met "$OPEN" 'after a reboot'
    doctor ok "$KIND: the ports of all running nodes are open"
    cycle --node_cap 8
    is "$(met 55008 55009)" "55008 o 55008 o 55009 c 55009 c" "$KIND: after the cap was lowered"
    cycle --node_cap 20
    is_met "$OPEN" 'after the cap was raised'
    ${1:-true}
    teardown
    is_met "$CLOSED" 'after the last node was removed'
    tell "$KIND: it is open after a reboot, follows the cap, and closed after the last node"
}

KIND=ufw
as_root sh -c 'ufw --force enable; ufw allow 22/tcp; ufw deny 55010/udp comment "not this one"' >/dev/null
of_ufw() {
    is "$(as_root ufw show added | grep -c "allow 55001:55020/udp comment 'wnm'")" 1 'the rule of ufw'
    # Of a version with single rules: both nodes, and the port of a node that is not there any more.
    as_root sh -c 'ufw delete allow 55001:55020/udp; ufw allow 55001/udp comment antnode0001; ufw allow 55002/udp comment antnode0002
        ufw allow 55009/udp comment antnode0009; ufw allow 55012/udp comment mine; ufw deny 55001/tcp; rm -f /tmp/done' >/dev/null
    as_op sqlite3 -cmd '.timeout 5000' "$DATABASE" "DELETE FROM setting WHERE name = 'firewall_record'"
    as_root sh -c 'ip netns exec outside python3 /root/ask.py flows 55009 /tmp/done >/tmp/flows 2>&1 &'
    sleep 0.3
    cycle
    as_root sh -c 'sleep 0.3; touch /tmp/done; sleep 0.5'
    read -r sent lost < <(as_root cat /tmp/flows)
    [ "$sent" -gt 20 ] || fail "only $sent packets were sent"
    is "$lost" 0 "packets lost of $sent while single rules were replaced by the range"
    is "$(as_root ufw show added | grep -c antnode || true)" 0 'single rules left'
    is "$(as_root ufw show added | grep -cE "deny 55010/udp comment 'not this one'|allow 55012/udp comment 'mine'|deny 55001/tcp|allow 22/tcp")" 4 'rules of the operator'
    as_root ufw deny 55002/udp >/dev/null
    as_root sh -c 'ufw delete deny 55002/udp; ufw prepend deny 55002/udp' >/dev/null
    doctor failed 'closed: 55002 by ufw: .55002/udp DENY'
    as_root ufw delete deny 55002/udp >/dev/null
}
play of_ufw
is "$(as_root ufw show added | grep -cE "deny 55010/udp comment 'not this one'|allow 55012/udp comment 'mine'|deny 55001/tcp|allow 22/tcp")" 4 'rules of the operator'
as_root ufw --force disable >/dev/null

KIND=nftables
as_root sh -c 'cat >/etc/nftables.conf; systemctl enable --quiet --now nftables' <<'NFT'
flush ruleset
table inet filter {
	chain input {
		type filter hook input priority 0; policy drop;
		iif "lo" accept
		ct state established,related accept
		meta l4proto ipv6-icmp accept
		tcp dport 22 accept
		counter drop
	}
}
NFT
of_nftables() {
    is "$(as_root nft list chain inet filter input | grep -c 'jump wnm_input')" 1 'jumps to wnm'
    as_root systemctl reload nftables
    doctor failed 'closed: 55001, 55002 by chain .inet filter input'
    wnm --force_action stop --service_name antnode0001 >/dev/null
    wnm --force_action start --service_name antnode0001 >/dev/null
    is_met "$OPEN" 'after the rules were flushed and a node was started'
}
play of_nftables
as_root systemctl disable --quiet --now nftables

KIND=firewalld
as_root sh -c 'firewall-offline-cmd --zone=work --add-interface=eth0 && systemctl enable --quiet --now firewalld' >/dev/null 2>&1
until_so 20 'firewalld runs' as_root sh -c 'firewall-cmd --state >/dev/null 2>&1 && nft list tables | grep -q firewalld'
sleep 1
of_firewalld() {
    is "$(as_root firewall-cmd --permanent --zone=work --list-ports)" 55001-55020/udp 'ports of the zone of the interface, permanently'
    as_root firewall-cmd -q --zone=work --add-rich-rule='rule priority="-10" family="ipv4" port port="55002" protocol="udp" drop'
    doctor failed 'closed: 55002 by chain .inet firewalld'
    as_root firewall-cmd -q --zone=work --remove-rich-rule='rule priority="-10" family="ipv4" port port="55002" protocol="udp" drop'
}
play of_firewalld
is "$(as_root firewall-cmd --permanent --zone=work --list-ports)" '' 'ports of the zone in the end'
tell "PASSED"
