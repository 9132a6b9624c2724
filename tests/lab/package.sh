#!/usr/bin/env bash
# The .deb on a real Debian: it installs, its timer runs a colony of plain processes that outlive each pass, it is
# upgraded while nodes run, and a purge takes nothing of them. WNM_DEB names a package; else one is made by cargo-deb.
MACHINE=package-$$
PROGRAM=/usr/bin/wnm
DATABASE=/home/op/.local/share/autonomi/colony.db
. "$(dirname "$0")/story.sh"
if [ -z "${WNM_DEB:-}" ] && ! command -v cargo-deb >/dev/null; then
    echo "SKIPPED: package: there is no cargo-deb (cargo install cargo-deb)"
    exit 0
fi
BOX=$(mktemp -d)
[ -n "${WNM_DEB:-}" ] || "$HERE/../../packaging/deb/build" "$WNM_BINARY" "${WNM_DEB:=$BOX/wnm.deb}" >/dev/null
PROGRAM=/root/unused raise
PROGRAM=/usr/bin/wnm
trap 'rm -rf "$LOG" "$BOX"; [ -n "${WNM_LAB_KEEP:-}" ] || "$LAB" down "$MACHINE"' EXIT
as_root userdel ant
"$LAB" push "$MACHINE" "$WNM_DEB" /root/wnm.deb
as_root dpkg -i /root/wnm.deb >"$LOG" 2>&1 || fail 'dpkg -i'
is "$(as_root getent passwd ant | cut -d: -f6,7)" '/var/antctl:/usr/sbin/nologin' 'the account of nodes'
as_op wnm --version >/dev/null || fail 'wnm does not run'
as_root test -s /usr/share/man/man1/wnm.1.gz || fail 'no man page'
tell "installed"

# shellcheck disable=SC2086
wnm --init --rewards_address faucet --process_manager setsid+user --node_cap 2 $LIMITS 2>&1 | tail -n 1
as_op systemctl --user daemon-reload
as_op systemctl --user enable wnm.timer 2>/dev/null
# The timer's service, at the pace of the story: each pass ends before the next begins.
timed() { minute; as_op systemctl --user start wnm.service || fail 'a pass'; }
for _ in $(seq 12); do state_is RUNNING 2 && break; timed; sleep 3; done
state_is RUNNING 2 || fail 'the timer did not grow the colony'
is "$(as_op systemctl --user show --property=ActiveState --value wnm.service)" inactive 'the pass'
is "$(running)" 2 'nodes that outlived the pass that started them'
tell "nodes outlive the pass of the timer that started them"

pids=$(as_root pgrep -f -- '[/]antnode .*--root-dir')
data() { as_root sh -c 'cd /home/op/.local/share/autonomi && find . -name secret-key | sort | xargs sha256sum'; }
before=$(data)
as_root dpkg -i /root/wnm.deb >>"$LOG" 2>&1 || fail 'the upgrade'
timed
as_root dpkg --purge wnm >>"$LOG" 2>&1 || fail 'the purge'
is "$(as_root sh -c 'ls /usr/bin/wnm /etc/logrotate.d/wnm /usr/lib/systemd/user/wnm.timer 2>/dev/null | wc -l')" 0 'files of the package left'
is "$(as_root pgrep -f -- '[/]antnode .*--root-dir')" "$pids" 'the nodes after upgrade and purge'
is "$(data)" "$before" 'identities after the purge'
as_root test -s "$DATABASE" || fail 'the database went'
as_root dpkg -i /root/wnm.deb >>"$LOG" 2>&1 || fail 'installing anew'
timed
is "$(in_state RUNNING)" 2 'nodes of the colony after all'
agree
tell "PASSED"
