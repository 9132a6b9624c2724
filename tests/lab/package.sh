#!/usr/bin/env bash
# Tests the .deb on a real Debian. It is installed over an older version. The user's timer, and then the machine's, run colonies
# of plain processes, which must survive the end of each run. The package is upgraded and removed while nodes run, and a purge must not
# delete anything of the nodes. WNM_DEB names a package; by default, the script builds one.
# Takes 100 s.
MACHINE=package-$$
DATABASE=/home/op/.local/share/autonomi/colony.db
. "$(dirname "$0")/story.sh"
TOP=$(realpath "$HERE/../..")
WNM_BINARY=$(realpath "$WNM_BINARY")
BOX=$(mktemp -d)
trap 'rm -rf "$BOX"' EXIT
if ! command -v dpkg-shlibdeps strip python3 >/dev/null; then
    echo "SKIPPED: package: making a .deb needs dpkg-dev, binutils and python3"
    [ "${LAB:-}" = required ] && exit 1
    exit 0
fi
# Fast compression, because the package is temporary.
export DPKG_DEB_COMPRESSOR_TYPE=gzip DPKG_DEB_COMPRESSOR_LEVEL=1
[ -n "${WNM_DEB:-}" ] || "$TOP/packaging/deb/build" "$WNM_BINARY" "${WNM_DEB:=$BOX/wnm.deb}" >/dev/null
# An older package: another version, a fake program, and a file that the new package does not have.
older() {
    dpkg-deb --raw-extract "$WNM_DEB" "$BOX/old"
    sed -i 's/^Version: .*/Version: 0.0.9-1/' "$BOX/old/DEBIAN/control"
    printf '#!/bin/sh\necho wnm version 0.0.9\n' >"$BOX/old/usr/bin/wnm"
    echo gone >"$BOX/old/usr/share/doc/wnm/NEWS"
    rm "$BOX/old/DEBIAN/md5sums"
    dpkg-deb --root-owner-group --build "$BOX/old" "$BOX/old.deb" >/dev/null
}
older
PROGRAM=/root/unused raise
PROGRAM=/usr/bin/wnm
trap 'rm -rf "$LOG" "$BOX"; [ -n "${WNM_LAB_KEEP:-}" ] || "$LAB" down "$MACHINE"' EXIT
as_root userdel ant
"$LAB" push "$MACHINE" "$BOX/old.deb" /root/old.deb
"$LAB" push "$MACHINE" "$WNM_DEB" /root/wnm.deb
apt() { as_root env DEBIAN_FRONTEND=noninteractive "$@" >>"$LOG" 2>&1 || fail "$*"; }

apt apt-get install -y --no-install-recommends /root/old.deb
is "$(as_op wnm --version)" 'wnm version 0.0.9' 'the older one'
as_root sh -c 'echo "# mine" >>/etc/logrotate.d/wnm'
apt apt-get install -y --no-install-recommends /root/wnm.deb
is "$(as_op wnm --version)" "$("$WNM_BINARY" --version)" 'the newer one'
as_root test ! -e /usr/share/doc/wnm/NEWS || fail 'a file of the older one is left'
as_root grep -q '^# mine' /etc/logrotate.d/wnm || fail "root's change of a conffile is gone"
is "$(as_root getent passwd ant | cut -d: -f6,7)" '/var/antctl:/usr/sbin/nologin' 'the account of nodes'
is "$(as_root getent group wnm | cut -d: -f4)" '' 'who is in the group wnm'
as_root test ! -e /etc/sudoers.d/wnm || fail 'rights were given away that nobody asked for'
as_root test -s /usr/share/man/man1/wnm.1.gz || fail 'no man page'
is "$(as_root systemctl is-enabled wnm.timer || true)$(as_op systemctl --user is-enabled wnm.timer || true)" disableddisabled 'both timers'
as_root dpkg --verify wnm | grep -v ' c ' >"$BOX/verify" && fail "dpkg --verify: $(cat "$BOX/verify")"
tell "installed over an older one; it gives nobody rights, and starts nothing"

# The examples work as described.
as_root sh -c 'cd /usr/share/doc/wnm/examples && install -m 440 sudoers /etc/sudoers.d/wnm && visudo -cq' || fail 'examples/sudoers'
as_root rm /etc/sudoers.d/wnm
as_root install -d -o op /var/log/wnm
as_op sh -c 'echo a line >/var/log/wnm/wnm.log'
as_root logrotate -f /etc/logrotate.d/wnm || fail 'logrotate'
is "$(as_op sh -c 'ls /var/log/wnm | xargs; zcat /var/log/wnm/wnm.log.1.gz')" 'wnm.log wnm.log.1.gz
a line' 'the logs after they were rotated'
is "$(as_root sh -c "systemd-analyze verify /usr/lib/systemd/system/wnm.timer /usr/lib/systemd/system/wnm.service 2>&1 | grep wnm" || true)" '' 'what systemd says of the units'

# outlives KIND PASS...: runs PASS until 2 nodes run, and checks that they survive the end of each run.
outlives() {
    local kind=$1
    shift
    for _ in $(seq 20); do state_is RUNNING 2 && break; "$@"; sleep 3; done
    state_is RUNNING 2 || fail "the timer of the $kind did not grow the colony"
    is "$(running)" 2 'nodes that outlived the pass that started them'
    # The service started these processes; they are not units.
    is "$(as_root sh -c "for pid in \$(pgrep -f -- '[/]antnode .*--root-dir'); do
        grep -o 'wnm.service\$' /proc/\$pid/cgroup; ps -o ni= -p \$pid; done | sort | uniq -c | xargs")" '2 0 2 wnm.service' \
        'niceness and service of the nodes'
}

# shellcheck disable=SC2086
wnm --init --rewards_address faucet --process_manager setsid+user --node_cap 2 $LIMITS 2>&1 | tail -n 1
as_op systemctl --user daemon-reload
as_op systemctl --user enable --now wnm.timer 2>/dev/null
# Starts the timer's service by hand; each run ends before the next begins.
timed() { minute; as_op systemctl --user start wnm.service || fail 'a pass'; }
outlives user timed
is "$(as_op systemctl --user show --property=ActiveState --value wnm.service)" inactive 'the pass'
is "$(as_op systemctl --user show --property=Result --value wnm.service)" success 'its end'
[ -n "$(as_op systemctl --user list-timers --no-legend wnm.timer)" ] || fail 'the timer does not wait'
pids=$(as_root pgrep -f -- '[/]antnode .*--root-dir')
timed
as_op systemctl --user stop wnm.service
is "$(as_root pgrep -f -- '[/]antnode .*--root-dir')" "$pids" 'the nodes after another pass, and after the service was stopped'
tell "nodes outlive the passes of the user's timer, and the end of its service"

# The telegraf input: its command, with only the sudo rule of its comment.
conf=$BOX/telegraf
as_root cat /usr/share/doc/wnm/examples/telegraf.conf >"$conf"
as_root useradd --system telegraf
sed -n 's/^# *\(telegraf ALL=.*\)/\1/p' "$conf" | as_root sh -c 'cat >/etc/sudoers.d/telegraf-wnm; chmod 440 /etc/sudoers.d/telegraf-wnm; visudo -cq' ||
    fail 'the right of telegraf'
as_telegraf() { as_root setpriv --reuid telegraf --regid telegraf --clear-groups env -i PATH=/usr/bin:/bin sh -c "$1"; }
is "$(as_telegraf "$(sed -n 's/^ *commands = \["\(.*\)"\]/\1/p' "$conf")" | cut -d, -f1 | cut -d' ' -f1 | xargs)" \
    'nodes nodes nodes_totals nodes_network' 'what telegraf is told'
as_telegraf 'sudo -n -H -u op /usr/bin/wnm --quiet --force_action nullop' 2>/dev/null && fail 'telegraf may do more than read'
tell "telegraf is told of the colony, and may do nothing else"

data() { as_root sh -c 'find /home/op/.local/share/autonomi /var/antctl -name secret-key 2>/dev/null | sort | xargs sha256sum'; }
before=$(data)
apt apt-get install -y --reinstall /root/wnm.deb
timed
as_op systemctl --user disable --now wnm.timer 2>/dev/null
apt apt-get remove -y wnm
as_root test -e /etc/logrotate.d/wnm || fail 'a conffile went before the purge'
apt apt-get purge -y wnm
is "$(as_root sh -c 'find /usr /etc /var/lib/systemd -path /usr/share/doc/wnm -o -name "wnm.*" -o -name wnm ! -path "*/linger/*" 2>/dev/null | xargs')" '' 'files of the package left'
is "$(as_root pgrep -f -- '[/]antnode .*--root-dir')" "$pids" 'the nodes after upgrade and purge'
is "$(data)" "$before" 'identities after the purge'
as_root test -s "$DATABASE" || fail 'the database went'
as_root getent passwd ant >/dev/null || fail 'the account of nodes went'
apt dpkg -i /root/wnm.deb
timed
is "$(in_state RUNNING)" 2 'nodes of the colony after all'
agree
wnm --force_action teardown --confirm >/dev/null
tell "an upgrade, a removal and a purge left nodes, keys and database as they were"

# The machine's timer runs without operator, sudo and home.
DATABASE=/var/antctl/colony.db
as_root install -m 755 /home/op/.local/bin/antnode /usr/local/bin/antnode
# shellcheck disable=SC2086
as_root wnm --init --rewards_address faucet --process_manager setsid+sudo --node_cap 2 $LIMITS 2>&1 | tail -n 1
minute() {
    as_root sqlite3 -cmd '.timeout 5000' "$DATABASE" "UPDATE sample SET counted_ms = (unixepoch() - 60) * 1000,
        cpu_total = cpu_total - 6000, cpu_idle = cpu_idle - 6000
        WHERE id = (SELECT max(id) FROM sample) AND cpu_idle > 6000"
}
as_root systemctl --quiet enable --now wnm.timer
timed() { minute; as_root systemctl start wnm.service || fail 'a pass'; }
outlives machine timed
is "$(as_root sh -c "ps -o user= -C antnode | sort -u | xargs")" ant 'the account that nodes run as'
as_root wnm --doctor | grep -E '^ok +schedule .*of the machine' >/dev/null || fail 'the doctor does not see the timer'
pids=$(as_root pgrep -f -- '[/]antnode .*--root-dir')
apt apt-get install -y --reinstall /root/wnm.deb
is "$(as_root systemctl is-active wnm.timer)" active 'the timer after an upgrade'
timed
as_root systemctl stop wnm.service
is "$(as_root pgrep -f -- '[/]antnode .*--root-dir')" "$pids" 'the nodes after an upgrade, a pass, and the end of the service'
apt apt-get remove -y wnm
is "$(as_root systemctl is-active wnm.timer || true)" inactive 'the timer of a package that is gone'
apt dpkg -i /root/wnm.deb
is "$(as_root systemctl is-active wnm.timer)" active 'the timer, when it is back'
apt apt-get purge -y wnm
is "$(as_root sh -c 'ls /etc/systemd/system/timers.target.wants | grep -c wnm' || true)" 0 'links left by the purge'
is "$(as_root pgrep -f -- '[/]antnode .*--root-dir')" "$pids" 'the nodes after the purge'
as_root test -s "$DATABASE" || fail 'the database of the machine went'
tell "nodes outlive the passes of the machine's timer, and the package"

# The same with install.sh in place of the package, as root and as an operator.
as_root sh -c 'rm -f /var/antctl/colony.db*; pkill -x antnode' || true
as_root install -d /root/wnm
(cd "$BOX" && "$TOP/packaging/archive" "$WNM_BINARY" wnm-lab)
for file in wnm-lab.tar.gz wnm-lab.tar.gz.sha256; do "$LAB" push "$MACHINE" "$BOX/$file" "/opt/$file"; done
"$LAB" push "$MACHINE" "$TOP/packaging/install.sh" /opt/install.sh
as_op sh /opt/install.sh --system /opt/wnm-lab.tar.gz >"$LOG" 2>&1 && fail 'an operator wrote to /usr/local'
grep -q 'cannot write to /usr/local' "$LOG" || fail 'it does not say why'
as_op sh /opt/install.sh /opt/wnm-lab.tar.gz >"$LOG" 2>&1 || fail 'install.sh as an operator'
is "$(as_op sh -c 'command -v wnm; wnm --version')" "/home/op/.local/bin/wnm
$("$WNM_BINARY" --version)" 'the program of the operator'
as_op sh /opt/install.sh --remove >"$LOG"
is "$(as_op find /home/op/.local -name '*wnm*' ! -path '*/share/autonomi/*' ! -path '*/share/wnm*')" '' 'files of the operator left'
as_root sh /opt/install.sh --system /opt/wnm-lab.tar.gz >"$LOG" 2>&1 || fail 'install.sh as root'
is "$(as_op sh -c 'command -v wnm')" /usr/local/bin/wnm 'the program of everybody'
as_op wnm --version >/dev/null || fail 'the operator cannot run what root installed'
as_root sh /opt/install.sh --system --remove >"$LOG"
is "$(as_root find /usr/local -name '*wnm*')" '' 'files left of what root installed'
tell "install.sh installs for one and for all, and takes it away"
tell "PASSED"
